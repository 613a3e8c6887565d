"""The credential types: their fields as in Justt's table, their text forms, and their validation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pulumi
import pytest
from pulumi import Output
from pulumi.output import UNKNOWN as ENGINE_UNKNOWN

from pulumi_justt import credentials
from pulumi_justt.credentials import CREDENTIAL_TYPES, CredentialType, Unlisted, from_wire, validate
from support.mocked_program import ResolvedOutput, SecretValue, minimal, run_program

CANARY = "canary-58ac07"

# The table of Justt's page "Create integration": secretType, required fields, optional fields.
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"
VENDOR: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "APIKEY_ONLY": (("apiKey",), ()),
    "PUBLIC_SECRET_KEY": (("secretKey",), ("publicKey",)),
    "BASIC_AUTH": (("clientId", "clientSecret"), ()),
    "USERNAME_PASSWORD": (("username", "password"), ()),
    "HMAC": (("hmac", "apiKey"), ("merchantCode", "accountCode")),
    "APIKEY": (("apiKey",), ("storeUrl", "shopName")),
    # and either password or privateKey
    "sftp": (("username",), ("password", "privateKey", "passphrase")),
}
IDENTIFIERS = {"publicKey", "merchantCode", "accountCode", "storeUrl", "shopName"}

# The classes by their public names, with their arguments in the API's order.
PYTHON: dict[str, tuple[type[CredentialType], tuple[str, ...]]] = {
    "APIKEY_ONLY": (credentials.ApiKeyOnly, ("api_key",)),
    "PUBLIC_SECRET_KEY": (credentials.PublicSecretKey, ("secret_key", "public_key")),
    "BASIC_AUTH": (credentials.BasicAuth, ("client_id", "client_secret")),
    "USERNAME_PASSWORD": (credentials.UsernamePassword, ("username", "password")),
    "HMAC": (credentials.Hmac, ("hmac", "api_key", "merchant_code", "account_code")),
    "APIKEY": (credentials.ApiKey, ("api_key", "store_url", "shop_name")),
    "sftp": (credentials.Sftp, ("username", "password", "private_key", "passphrase")),
}

of_each_type = pytest.mark.parametrize("secret_type", VENDOR)


def wire_names(secret_type: str) -> tuple[str, ...]:
    """Return Justt's fields of a type, required ones first."""
    required, optional = VENDOR[secret_type]
    return (*required, *optional)


def payload_of(secret_type: str, *, is_full: bool = True) -> dict[str, str]:
    """Return a valid payload of a type, with a different value in each field."""
    required, _ = VENDOR[secret_type]
    names = wire_names(secret_type) if is_full else required
    least = {"password": f"{CANARY}-password"} if secret_type == "sftp" else {}
    key = {"privateKey": PEM} if "privateKey" in names else {}
    return {name: f"{CANARY}-{name}" for name in names} | least | key


def build(secret_type: str, payload: dict[str, str]) -> CredentialType:
    """Create credentials of a type with the constructor, as a program would."""
    shape, names = PYTHON[secret_type]
    python_names = dict(zip(wire_names(secret_type), names, strict=True))
    constructor: Callable[..., CredentialType] = shape
    return constructor(**{python_names[name]: value for name, value in payload.items()})


def test_credential_types_match_justt_s_list() -> None:
    """The package has one class for each `secretType` in Justt's list, and no other credential class."""
    assert {secret_type: shape for secret_type, (shape, _) in PYTHON.items()} == CREDENTIAL_TYPES


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_fields_are_sent_under_the_api_s_names(secret_type: str, is_full: bool) -> None:
    """`wire` returns the fields that the program gave, under the API's names, and no others."""
    payload = payload_of(secret_type, is_full=is_full)

    assert build(secret_type, payload).wire() == (secret_type, payload)


@of_each_type
def test_every_required_field_is_required_by_the_constructor(secret_type: str) -> None:
    """If a program leaves out a field that Justt requires, the constructor raises a `TypeError`."""
    for name in VENDOR[secret_type][0]:
        payload = payload_of(secret_type)
        del payload[name]
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
            build(secret_type, payload)


@of_each_type
def test_credential_types_take_keywords_only(secret_type: str) -> None:
    """A constructor refuses a credential that is passed by position, because two secrets would be easily swapped."""
    constructor: Callable[..., CredentialType] = PYTHON[secret_type][0]
    with pytest.raises(TypeError, match="positional"):
        constructor(*payload_of(secret_type).values())


@of_each_type
def test_identifiers_match_justt_s_pages(secret_type: str) -> None:
    """`identifiers` returns the fields that Justt's pages treat as identifiers of the merchant.

    All other fields are secrets.
    """
    shape = PYTHON[secret_type][0]
    given = from_wire(secret_type, payload_of(secret_type))

    assert isinstance(given, shape)
    assert set(given.identifiers()) == IDENTIFIERS & set(wire_names(secret_type))


def test_an_unlisted_payload_has_no_identifiers() -> None:
    """In `Unlisted` credentials, every value of the payload is a secret, even under the name of a known identifier."""
    assert list(Unlisted(secret_type="APIKEY", payload={"shopName": "x"}).identifiers()) == []


def test_an_unlisted_payload_must_be_a_mapping() -> None:
    """`Unlisted` refuses a payload that is not a mapping, because each value has to become a secret of its own."""
    payload: Any = ["no mapping"]
    with pytest.raises(TypeError, match=r"Unlisted\(payload=\.\.\.\) takes a mapping"):
        Unlisted(secret_type="OAUTH2", payload=payload).wire()


@of_each_type
def test_no_text_form_of_credentials_shows_a_value(secret_type: str) -> None:
    """The text forms of a credentials object show only the name of its class."""
    given = build(secret_type, payload_of(secret_type))

    assert {repr(given), str(given), f"{given}", f"{given!r:>1}"} == {f"{type(given).__name__}(…)"}


def test_no_text_form_of_unlisted_credentials_shows_a_value() -> None:
    """The text forms of `Unlisted` credentials show only the name of the class, not even the secret type."""
    given = Unlisted(secret_type="OAUTH2", payload={"token": CANARY})

    assert {repr(given), str(given), f"{given}"} == {"Unlisted(…)"}


@of_each_type
def test_credentials_are_immutable(secret_type: str) -> None:
    """A program that assigns to a field of credentials gets an error.

    So a resource's credentials never change after the program has created it.
    """
    given = build(secret_type, payload_of(secret_type))
    with pytest.raises(FrozenInstanceError):
        setattr(given, PYTHON[secret_type][1][0], "other")


def test_credentials_are_not_compared_by_value() -> None:
    """Two credentials objects with the same content are not equal.

    A field may be an Output, which can't be compared.
    """
    one, other = (credentials.ApiKeyOnly(api_key="k") for _ in range(2))

    assert one != other
    assert len({one, other, one}) == 2


def test_an_output_is_passed_on() -> None:
    """When a program gives a field as an Output, `wire` returns that same object."""
    later = object()
    constructor: Callable[..., CredentialType] = credentials.ApiKeyOnly

    assert constructor(api_key=later).wire()[1]["apiKey"] is later


def test_unlisted_credentials_are_copied() -> None:
    """`wire` of `Unlisted` returns the type and keys unchanged.

    When the program changes its mapping afterwards, the returned payload stays the same.
    """
    payload = {"some_key": "v"}
    secret_type, sent = Unlisted(secret_type="OAUTH2", payload=payload).wire()
    payload["other"] = "w"

    assert (secret_type, sent) == ("OAUTH2", {"some_key": "v"})


def test_unlisted_takes_keywords_only() -> None:
    """`Unlisted` refuses a secret type and a payload that are passed by position."""
    constructor: Callable[..., Unlisted] = Unlisted
    with pytest.raises(TypeError, match="positional"):
        constructor("OAUTH2", {})


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_stored_credentials_are_read_as_their_class(secret_type: str, is_full: bool) -> None:
    """`from_wire` turns a type and payload from a state into an object of the original class."""
    payload = payload_of(secret_type, is_full=is_full)
    read = from_wire(secret_type, payload)

    assert type(read) is PYTHON[secret_type][0]
    assert read.wire() == (secret_type, payload)


@pytest.mark.parametrize(
    ("secret_type", "payload"),
    [("OAUTH2", {"token": "t"}), ("APIKEY_ONLY", {"apiKey": "k", "region": "eu"})],
)
def test_unknown_stored_credentials_are_read_as_unlisted(secret_type: str, payload: dict[str, str]) -> None:
    """`from_wire` returns `Unlisted` for a type or a field that this version doesn't know.

    So a state of a later version is still readable.
    """
    read = from_wire(secret_type, payload)

    assert type(read) is Unlisted
    assert read.wire() == (secret_type, payload)


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_a_valid_payload_has_no_problems(secret_type: str, is_full: bool) -> None:
    """`validate` reports no problem for a payload that Justt's table allows, with or without the optional fields."""
    assert list(validate(secret_type, payload_of(secret_type, is_full=is_full))) == []


@of_each_type
def test_each_missing_field_has_its_python_name(secret_type: str) -> None:
    """For an empty payload, `validate` reports each required field by its name in the constructor."""
    shape, names = PYTHON[secret_type]
    required = names[: len(VENDOR[secret_type][0])]
    choice = [("password", "is missing: Sftp needs password or private_key")] if secret_type == "sftp" else []

    assert list(validate(secret_type, {})) == [
        *((name, f"is required by {shape.__name__}") for name in required),
        *choice,
    ]


@of_each_type
def test_each_field_must_be_text(secret_type: str) -> None:
    """For a field that is a number, `validate` reports the value's type but not the value."""
    found = list(validate(secret_type, dict.fromkeys(wire_names(secret_type), 123456789)))

    assert found == [(name, "must be text, got number") for name in PYTHON[secret_type][1]]


@of_each_type
def test_no_field_may_be_empty(secret_type: str) -> None:
    """`validate` reports an empty string in each field, including optional fields."""
    found = list(validate(secret_type, dict.fromkeys(wire_names(secret_type), "")))

    assert found == [(name, "must not be empty") for name in PYTHON[secret_type][1]]


@of_each_type
def test_an_unknown_field_value_counts_as_given(secret_type: str) -> None:
    """If a required field's value is unknown in a preview, `validate` doesn't report the field as missing."""
    required, _ = VENDOR[secret_type]
    later = {*required, "privateKey"} if secret_type == "sftp" else set(required)

    assert list(validate(secret_type, {}, unknown=later)) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("apikey", "is not a field of ApiKeyOnly (did you mean 'apiKey'?)"),
        ("api_key", "is not a field of ApiKeyOnly (did you mean 'apiKey'?)"),
        ("merchantCode", "is not a field of ApiKeyOnly"),
    ],
)
def test_a_surplus_field_gets_a_suggestion(given: str, text: str) -> None:
    """`validate` reports a field that the type lacks, even with an unknown value.

    The report suggests a field with a similar name.
    """
    assert list(validate("APIKEY_ONLY", {"apiKey": "k", given: CANARY})) == [(given, text)]
    assert list(validate("APIKEY_ONLY", {"apiKey": "k"}, unknown={given})) == [(given, text)]


def test_surplus_fields_are_sorted() -> None:
    """`validate` reports surplus fields in alphabetical order, whatever order the payload has."""
    found = list(validate("APIKEY_ONLY", {"apiKey": "k", "shopName": "1", "hmac": "2"}, unknown={"storeUrl"}))

    assert [name for name, _ in found] == ["hmac", "shopName", "storeUrl"]


@pytest.mark.parametrize("value", ["k", "", None, 2**60])
@pytest.mark.parametrize("key", ["sk_live_canary", "correct-horse-battery", "canary-1"])
def test_a_key_that_may_be_a_credential_is_not_shown(key: str, value: object) -> None:
    """If a payload's key resembles no field, `validate` reports only the key's length.

    A key that may be a credential is not in the path of a value either.
    """
    found = list(validate("APIKEY_ONLY", {"apiKey": "k", key: value}))
    assert found == [("", f"a text of {len(key)} characters is not a field of ApiKeyOnly, which has apiKey")]
    secret = "sk_live_canary_0"
    assert secret not in repr(list(validate("NEW", {secret: {secret: value}, "a": {secret: None}}, {secret: {}})))


def test_allow_unlisted_accepts_a_surplus_field() -> None:
    """With `allow_surplus`, `validate` accepts a field that the type lacks, and still reports an empty known field."""
    assert list(validate("APIKEY_ONLY", {"apiKey": "", "zzz": "1"}, allow_surplus=True)) == [
        ("api_key", "must not be empty")
    ]


def test_an_unlisted_type_has_no_problems() -> None:
    """`validate` reports nothing for an unlisted type, because the package doesn't know its fields."""
    assert list(validate("OAUTH2", {"anything": 3, "more": {"deep": [" x "], "fromEnv": "A", "version": 1}})) == []


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"username": "u", "password": "p"}, []),
        ({"username": "u", "privateKey": PEM}, []),
        ({"username": "u", "privateKey": PEM, "passphrase": "x"}, []),
        ({"username": "u"}, [("password", "is missing: Sftp needs password or private_key")]),
        ({"username": "u", "passphrase": "x"}, [("password", "is missing: Sftp needs password or private_key")]),
        ({"username": "u", "password": ""}, [("password", "must not be empty")]),
    ],
)
def test_sftp_needs_a_password_or_a_private_key(payload: dict[str, str], found: list[tuple[str, str]]) -> None:
    """`validate` accepts `Sftp` credentials that have a password or a private key.

    `validate` reports credentials that have only a user name, with or without a passphrase.
    """
    assert list(validate("sftp", payload)) == found


def split(
    output: Callable[[], Output[Any]], shape: type[CredentialType] = credentials.Hmac
) -> dict[str, ResolvedOutput]:
    """Return the fields of *shape* that a program gets when it calls `from_output` with an Output."""
    return run_program(lambda: shape.from_output(output()).wire()[1]).outputs


def test_from_output_splits_the_set_into_its_fields() -> None:
    """When a program calls `from_output` with a secret Output, each field becomes a secret Output.

    A field that the object lacks is None.
    """
    whole = {"hmac": "h", "apiKey": "a", "merchantCode": "m"}

    assert split(lambda: Output.secret(whole)) == {
        "hmac": ResolvedOutput("h", is_secret=True),
        "apiKey": ResolvedOutput("a", is_secret=True),
        "merchantCode": ResolvedOutput("m", is_secret=True),
        "accountCode": ResolvedOutput(None, is_secret=True),
    }


def test_from_output_keeps_plain_fields_plain() -> None:
    """When a program calls `from_output` with an Output that is no secret, the fields are no secrets either.

    The resource makes them secret later.
    """
    assert split(lambda: Output.from_input({"apiKey": "a"}), credentials.ApiKeyOnly) == {
        "apiKey": ResolvedOutput("a", is_secret=False)
    }


def test_from_output_of_an_unknown_output_gives_unknown_fields() -> None:
    """If the Output is unknown in a preview, `from_output` returns unknown fields, and reports none as missing."""

    def body() -> dict[str, Output[Any]]:
        never: Output[Any] = Output.from_input({"apiKey": ENGINE_UNKNOWN})
        return credentials.ApiKeyOnly.from_output(never).wire()[1]

    assert not run_program(body, preview=True).outputs["apiKey"].is_known


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        (
            {"hmac": CANARY, "apikey": CANARY, "zzz": CANARY},
            (
                "Hmac.from_output: unknown key: 'apikey' (did you mean 'apiKey'?), a text of 3 characters. It "
                "accepts hmac, apiKey, merchantCode, accountCode"
            ),
        ),
        (
            {f"apiKey{CANARY}": CANARY},
            (
                f"Hmac.from_output: unknown key: a text of {6 + len(CANARY)} characters. It accepts hmac, apiKey, "
                "merchantCode, accountCode"
            ),
        ),
        (CANARY, "Hmac.from_output: expected an object, got text"),
        ([CANARY, CANARY], "Hmac.from_output: expected an object, got [2 of text]"),
        (None, "Hmac.from_output: expected an object, got null"),
    ],
)
def test_from_output_rejects_other_values(whole: object, text: str) -> None:
    """If the Output is no object or has unknown keys, `from_output` raises an error.

    The error names the valid fields and shows no value.
    """
    with pytest.raises(pulumi.RunError) as refused:
        split(lambda: Output.secret(whole))

    assert str(refused.value) == text


@pytest.mark.parametrize("given", [{"apiKey": CANARY}, CANARY, None])
def test_from_output_accepts_only_an_output(given: Any) -> None:  # noqa: ANN401 - a value that no type checker would accept
    """`from_output` refuses a plain object with a `TypeError` that shows the program's line.

    A program passes plain values to the constructor instead.
    """
    with pytest.raises(TypeError) as refused:
        credentials.ApiKeyOnly.from_output(given)

    text = f"ApiKeyOnly.from_output takes an Output of an object; got {type(given).__name__}"
    assert re.fullmatch(rf"{text} \(.*test_credentials\.py:\d+\)", str(refused.value))


def test_a_set_from_one_output_is_sent_with_each_field_secret() -> None:
    """Credentials from `from_output` are registered with a separate secret for each field.

    So a preview can name the field that changed.
    """
    program = run_program(
        lambda: minimal(credentials=credentials.ApiKeyOnly.from_output(Output.secret({"apiKey": CANARY})))
    )

    assert program.sent()["secretPayload"] == {"apiKey": SecretValue(CANARY)}
