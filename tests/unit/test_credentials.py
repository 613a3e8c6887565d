"""The credential shapes: their fields against the vendor's table, what shows of them, and what is wrong with one."""

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
from pulumi_justt.credentials import CREDENTIAL_TYPES, CredentialType, Unlisted, from_wire, problems
from support.mocked_program import Hidden, Seen, minimal, run_program

CANARY = "canary-58ac07"

# The table of the vendor's page "Create integration": secretType, required fields, optional fields.
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"
VENDOR: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "APIKEY_ONLY": (("apiKey",), ()),
    "PUBLIC_SECRET_KEY": (("secretKey",), ("publicKey",)),
    "BASIC_AUTH": (("clientId", "clientSecret"), ()),
    "USERNAME_PASSWORD": (("username", "password"), ()),
    "HMAC": (("hmac", "apiKey"), ("merchantCode", "accountCode")),
    "APIKEY": (("apiKey",), ("storeUrl", "shopName")),
    # And one of password and privateKey.
    "sftp": (("username",), ("password", "privateKey", "passphrase")),
}
IDENTIFIERS = {"publicKey", "merchantCode", "accountCode", "storeUrl", "shopName"}

# The classes by the names that programs use, with their arguments in the API's order.
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
    """Return the vendor's fields of a type, required ones first."""
    required, optional = VENDOR[secret_type]
    return (*required, *optional)


def payload_of(secret_type: str, *, is_full: bool = True) -> dict[str, str]:
    """Return a valid payload with a value of its own in each field."""
    required, _ = VENDOR[secret_type]
    names = wire_names(secret_type) if is_full else required
    least = {"password": f"{CANARY}-password"} if secret_type == "sftp" else {}
    key = {"privateKey": PEM} if "privateKey" in names else {}
    return {name: f"{CANARY}-{name}" for name in names} | least | key


def build(secret_type: str, payload: dict[str, str]) -> CredentialType:
    """Construct the shape as a program would."""
    shape, names = PYTHON[secret_type]
    python_names = dict(zip(wire_names(secret_type), names, strict=True))
    constructor: Callable[..., CredentialType] = shape
    return constructor(**{python_names[name]: value for name, value in payload.items()})


def test_the_shapes_are_the_vendors_list() -> None:
    """There is one class for each secretType that the vendor lists, and no other."""
    assert {secret_type: shape for secret_type, (shape, _) in PYTHON.items()} == CREDENTIAL_TYPES


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_a_shape_sends_what_was_given_under_the_vendors_names(secret_type: str, is_full: bool) -> None:
    """Fields go out in the API's spelling, and those that were not given do not go out at all."""
    payload = payload_of(secret_type, is_full=is_full)

    assert build(secret_type, payload).wire() == (secret_type, payload)


@of_each_type
def test_every_required_field_is_required_by_the_constructor(secret_type: str) -> None:
    """A field that the vendor requires can't be left out."""
    for name in VENDOR[secret_type][0]:
        payload = payload_of(secret_type)
        del payload[name]
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
            build(secret_type, payload)


@of_each_type
def test_a_shape_takes_keywords_only(secret_type: str) -> None:
    """Two secrets side by side are too easily swapped, so none is given by position."""
    constructor: Callable[..., CredentialType] = PYTHON[secret_type][0]
    with pytest.raises(TypeError, match="positional"):
        constructor(*payload_of(secret_type).values())


@of_each_type
def test_identifiers_are_those_of_the_vendors_pages(secret_type: str) -> None:
    """A field is a secret unless the vendor's pages treat it as an identifier of the merchant."""
    shape = PYTHON[secret_type][0]
    given = from_wire(secret_type, payload_of(secret_type))

    assert isinstance(given, shape)
    assert set(given.identifiers()) == IDENTIFIERS & set(wire_names(secret_type))


def test_an_unlisted_payload_has_no_identifiers() -> None:
    """Every value of a payload that no shape describes is a secret, whatever its name."""
    assert list(Unlisted(secret_type="APIKEY", payload={"shopName": "x"}).identifiers()) == []


def test_an_unlisted_payload_is_a_mapping() -> None:
    """A bare Output as a payload is refused by name: each value has to be a secret of its own."""
    payload: Any = ["no mapping"]
    with pytest.raises(TypeError, match=r"Unlisted\(payload=\.\.\.\) takes a mapping"):
        Unlisted(secret_type="OAUTH2", payload=payload).wire()


@of_each_type
def test_no_text_form_of_a_shape_shows_a_value(secret_type: str) -> None:
    """Printing credentials by accident names their class only."""
    given = build(secret_type, payload_of(secret_type))

    assert {repr(given), str(given), f"{given}", f"{given!r:>1}"} == {f"{type(given).__name__}(…)"}


def test_no_text_form_of_unlisted_credentials_shows_a_value() -> None:
    """Printing them by accident names their class only, not even the type."""
    given = Unlisted(secret_type="OAUTH2", payload={"token": CANARY})

    assert {repr(given), str(given), f"{given}"} == {"Unlisted(…)"}


@of_each_type
def test_a_shape_can_not_be_changed(secret_type: str) -> None:
    """Credentials are values: what was handed to a resource stays what it was."""
    given = build(secret_type, payload_of(secret_type))
    with pytest.raises(FrozenInstanceError):
        setattr(given, PYTHON[secret_type][1][0], "other")


def test_credentials_are_not_compared_by_value() -> None:
    """Two sets are equal only if they are the same object, since a field may be an Output that nobody can compare."""
    one, other = (credentials.ApiKeyOnly(api_key="k") for _ in range(2))

    assert one != other
    assert len({one, other, one}) == 2


def test_an_output_is_handed_through() -> None:
    """A field that is known later is not touched by the shape."""
    later = object()
    constructor: Callable[..., CredentialType] = credentials.ApiKeyOnly

    assert constructor(api_key=later).wire()[1]["apiKey"] is later


def test_unlisted_credentials_go_out_as_a_copy() -> None:
    """Type and keys are sent as they are, and the caller's mapping can be changed afterwards."""
    payload = {"some_key": "v"}
    secret_type, sent = Unlisted(secret_type="OAUTH2", payload=payload).wire()
    payload["other"] = "w"

    assert (secret_type, sent) == ("OAUTH2", {"some_key": "v"})


def test_unlisted_takes_keywords_only() -> None:
    """Its two arguments are named as well."""
    constructor: Callable[..., Unlisted] = Unlisted
    with pytest.raises(TypeError, match="positional"):
        constructor("OAUTH2", {})


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_what_was_stored_comes_back_as_the_shape(secret_type: str, is_full: bool) -> None:
    """Reading credentials back from state gives the class that was constructed."""
    payload = payload_of(secret_type, is_full=is_full)
    read = from_wire(secret_type, payload)

    assert type(read) is PYTHON[secret_type][0]
    assert read.wire() == (secret_type, payload)


@pytest.mark.parametrize(
    ("secret_type", "payload"),
    [("OAUTH2", {"token": "t"}), ("APIKEY_ONLY", {"apiKey": "k", "region": "eu"})],
)
def test_what_no_shape_can_hold_comes_back_unlisted(secret_type: str, payload: dict[str, str]) -> None:
    """State that a later version wrote is still readable."""
    read = from_wire(secret_type, payload)

    assert type(read) is Unlisted
    assert read.wire() == (secret_type, payload)


@of_each_type
@pytest.mark.parametrize("is_full", [False, True])
def test_a_valid_payload_has_no_problems(secret_type: str, is_full: bool) -> None:
    """What the vendor's table allows passes."""
    assert list(problems(secret_type, payload_of(secret_type, is_full=is_full))) == []


@of_each_type
def test_each_missing_field_is_named_in_python(secret_type: str) -> None:
    """An empty payload has one problem for each required field, in the constructor's spelling."""
    shape, names = PYTHON[secret_type]
    required = names[: len(VENDOR[secret_type][0])]
    choice = [("password", "is missing: Sftp needs password or private_key")] if secret_type == "sftp" else []

    assert list(problems(secret_type, {})) == [
        *((name, f"is required by {shape.__name__}") for name in required),
        *choice,
    ]


@of_each_type
def test_each_field_must_be_text(secret_type: str) -> None:
    """Every field of a wrong type is told with the type it has, and no value."""
    found = list(problems(secret_type, dict.fromkeys(wire_names(secret_type), 123456789)))

    assert found == [(name, "must be text, got number") for name in PYTHON[secret_type][1]]


@of_each_type
def test_no_field_may_be_empty(secret_type: str) -> None:
    """An empty text is no credential, optional or not."""
    found = list(problems(secret_type, dict.fromkeys(wire_names(secret_type), "")))

    assert found == [(name, "must not be empty") for name in PYTHON[secret_type][1]]


@of_each_type
def test_a_field_that_is_known_later_counts_as_given(secret_type: str) -> None:
    """A preview lacks values, and that is no problem."""
    required, _ = VENDOR[secret_type]
    later = {*required, "privateKey"} if secret_type == "sftp" else set(required)

    assert list(problems(secret_type, {}, unknown=later)) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("apikey", "is not a field of ApiKeyOnly (did you mean 'apiKey'?)"),
        ("api_key", "is not a field of ApiKeyOnly (did you mean 'apiKey'?)"),
        ("merchantCode", "is not a field of ApiKeyOnly"),
    ],
)
def test_a_surplus_field_is_named_with_the_nearest_one(given: str, text: str) -> None:
    """A field that the shape lacks is a problem, known or not, and a slip of the pen gets a hint."""
    assert list(problems("APIKEY_ONLY", {"apiKey": "k", given: CANARY})) == [(given, text)]
    assert list(problems("APIKEY_ONLY", {"apiKey": "k"}, unknown={given})) == [(given, text)]


def test_surplus_fields_are_told_in_order() -> None:
    """The same payload gives the same texts, whatever the order of its keys."""
    found = list(problems("APIKEY_ONLY", {"apiKey": "k", "shopName": "1", "hmac": "2"}, unknown={"storeUrl"}))

    assert [name for name, _ in found] == ["hmac", "shopName", "storeUrl"]


@pytest.mark.parametrize("value", ["k", "", None, 2**60])
@pytest.mark.parametrize("key", ["sk_live_canary", "correct-horse-battery", "canary-1"])
def test_a_key_that_is_no_name_may_be_a_credential(key: str, value: object) -> None:
    """What is like no field is not shown, neither as a surplus field nor in the path of a value."""
    told = list(problems("APIKEY_ONLY", {"apiKey": "k", key: value}))
    assert told == [("", f"a text of {len(key)} characters is not a field of ApiKeyOnly, which has apiKey")]
    secret = "sk_live_canary_0"
    assert secret not in repr(list(problems("NEW", {secret: {secret: value}, "a": {secret: None}}, {secret: {}})))


def test_a_surplus_field_may_be_meant() -> None:
    """With allow_unlisted a new field of a known shape passes, but its known fields are still verified."""
    assert list(problems("APIKEY_ONLY", {"apiKey": "", "zzz": "1"}, allow_surplus=True)) == [
        ("api_key", "must not be empty")
    ]


def test_an_unlisted_type_has_no_problems() -> None:
    """Nothing is known about it, so nothing is wrong with it."""
    assert list(problems("OAUTH2", {"anything": 3, "more": {"deep": [" x "], "fromEnv": "A", "version": 1}})) == []


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
    """Either serves; a passphrase alone opens nothing."""
    assert list(problems("sftp", payload)) == found


def split(output: Callable[[], Output[Any]], shape: type[CredentialType] = credentials.Hmac) -> dict[str, Seen]:
    """Return the fields of *shape* as a program gets them out of one Output."""
    return run_program(lambda: shape.from_output(output()).wire()[1]).outputs


def test_from_output_splits_the_set_into_its_fields() -> None:
    """Each field is an Output of its own, as secret as the whole was, and a field that is absent is None."""
    whole = {"hmac": "h", "apiKey": "a", "merchantCode": "m"}

    assert split(lambda: Output.secret(whole)) == {
        "hmac": Seen("h", is_secret=True),
        "apiKey": Seen("a", is_secret=True),
        "merchantCode": Seen("m", is_secret=True),
        "accountCode": Seen(None, is_secret=True),
    }


def test_from_output_makes_no_secret_of_what_was_none() -> None:
    """Only the resource decides which plain fields become secrets."""
    assert split(lambda: Output.from_input({"apiKey": "a"}), credentials.ApiKeyOnly) == {
        "apiKey": Seen("a", is_secret=False)
    }


def test_from_output_of_what_is_not_known_yet_gives_fields_that_are_not_known_yet() -> None:
    """A preview in which the whole set is missing has all fields missing, and complains of none."""

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
                "takes hmac, apiKey, merchantCode, accountCode"
            ),
        ),
        (
            {f"apiKey{CANARY}": CANARY},
            (
                f"Hmac.from_output: unknown key: a text of {6 + len(CANARY)} characters. It takes hmac, apiKey, "
                "merchantCode, accountCode"
            ),
        ),
        (CANARY, "Hmac.from_output: expected an object, got text"),
        ([CANARY, CANARY], "Hmac.from_output: expected an object, got [2 of text]"),
        (None, "Hmac.from_output: expected an object, got null"),
    ],
)
def test_from_output_refuses_what_it_can_not_split(whole: object, text: str) -> None:
    """The error names the fields that are wrong and those that are right, and no value."""
    with pytest.raises(pulumi.RunError) as refused:
        split(lambda: Output.secret(whole))

    assert str(refused.value) == text


@pytest.mark.parametrize("given", [{"apiKey": CANARY}, CANARY, None])
def test_from_output_takes_an_output_only(given: Any) -> None:  # noqa: ANN401 - what no type checker would let pass
    """A plain object goes to the constructor, where an editor can tell what is missing."""
    with pytest.raises(TypeError) as refused:
        credentials.ApiKeyOnly.from_output(given)

    text = f"ApiKeyOnly.from_output takes an Output of an object; got {type(given).__name__}"
    assert re.fullmatch(rf"{text} \(.*test_credentials\.py:\d+\)", str(refused.value))


def test_a_set_from_one_output_is_sent_with_each_field_secret() -> None:
    """The engine gets the fields apart, so that a preview can name the one that changed."""
    program = run_program(
        lambda: minimal(credentials=credentials.ApiKeyOnly.from_output(Output.secret({"apiKey": CANARY})))
    )

    assert program.sent()["secretPayload"] == {"apiKey": Hidden(CANARY)}
