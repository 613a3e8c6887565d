"""What `check` refuses, adds and accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi import FileAsset

from pulumi_justt.core.inputs import UNKNOWN
from support.scripted_client import (
    CANARY,
    CHECKED,
    MINIMAL,
    Offline,
    without,
)


def test_check_adds_only_the_environment(offline: Offline) -> None:
    """If a program gives only the required properties, check adds the configured environment, and no nulls."""
    checked = offline.core.check({}, MINIMAL)

    assert checked.failures == []
    assert checked.inputs == CHECKED


def test_check_drops_nulls(offline: Offline) -> None:
    """If a property is None, check leaves it out, also within an object. The API refuses null."""
    news = {
        **MINIMAL,
        "merchantAccountCodes": None,
        "secretPayload": {"apiKey": CANARY, "publicKey": None},
        "deactivation": {"deactivationType": "dueDate", "afterDays": None},
    }

    checked = offline.core.check({}, news)

    assert checked.failures == []
    assert checked.inputs == {**CHECKED, "deactivation": {"deactivationType": "dueDate"}}


def test_check_does_not_modify_its_arguments(offline: Offline) -> None:
    """Check leaves the properties that the engine passed unchanged."""
    news = {**MINIMAL, "merchantAccountCodes": ["b", "a"], "allowUnlisted": False, "goLiveDate": None}
    before = json.dumps(news)

    offline.core.check({}, news)

    assert json.dumps(news) == before


def test_check_sorts_the_account_codes(offline: Offline) -> None:
    """Check sorts the merchant account codes, because they are a set and their order must never show as a change."""
    checked = offline.core.check({}, {**MINIMAL, "merchantAccountCodes": ["b", "c", "a"]})

    assert checked.inputs["merchantAccountCodes"] == ["a", "b", "c"]


def test_check_makes_codes_unknown_if_one_is_unknown(offline: Offline) -> None:
    """If one merchant account code is unknown, check makes the whole list unknown.

    A preview would otherwise show wrong changes by position.
    """
    checked = offline.core.check({}, {**MINIMAL, "merchantAccountCodes": ["b", UNKNOWN, "a"]})

    assert checked.failures == []
    assert checked.inputs["merchantAccountCodes"] is UNKNOWN


@pytest.mark.parametrize(
    ("name", "default"), [("merchantAccountCodes", []), ("allowUnlisted", False), ("deletionProtection", False)]
)
def test_check_drops_defaults(offline: Offline, name: str, default: object) -> None:
    """If the program gives an empty list of codes or a False flag, check leaves the property out."""
    assert offline.core.check({}, {**MINIMAL, name: default}).inputs == CHECKED


@pytest.mark.parametrize("value", [0, False])
def test_check_refuses_a_falsy_value_of_another_type(offline: Offline, value: object) -> None:
    """If the account codes are 0 or False, check refuses them, although they are as falsy as the default."""
    assert len(offline.failures({**MINIMAL, "merchantAccountCodes": value})) == 1


def test_check_adds_the_default_account() -> None:
    """If a resource names no account, check adds the configured one. Otherwise the resource's own account stays."""
    offline = Offline({"referenceAccountId": "acc_default"})

    assert offline.core.check({}, MINIMAL).inputs["referenceAccountId"] == "acc_default"
    assert offline.core.check({}, {**MINIMAL, "referenceAccountId": "acc_own"}).inputs["referenceAccountId"] == (
        "acc_own"
    )


FAILURES: list[tuple[dict[str, Any], list[str]]] = [
    ({"externalIdentifier": ...}, ["external_identifier: is required"]),
    ({"integrationName": ...}, ["integration_name: is required"]),
    ({"source": ...}, ["source: is required"]),
    ({"secretType": ..., "secretPayload": ...}, ["credentials: is required"]),
    ({"externalIdentifier": ""}, ["external_identifier: must not be empty"]),
    ({"externalIdentifier": "x" * 256}, ["external_identifier: must have at most 255 characters, has 256: shorten it"]),
    ({"externalIdentifier": 7}, ["external_identifier: must be text, got number: write it in quotes, or str(...)"]),
    ({"integrationName": ""}, ["integration_name: must not be empty"]),
    ({"integrationName": ["x"]}, ["integration_name: must be text, got a list: give one text"]),
    ({"integrationName": True}, ["integration_name: must be text, got true/false: write it in quotes"]),
    ({"source": ""}, ["source: must not be empty"]),
    ({"source": 3}, ["source: must be text, got number: write it in quotes, or str(...)"]),
    ({"secretPayload": {}}, ["credentials.api_key: is required by ApiKeyOnly"]),
    ({"secretPayload": {"apiKey": ""}}, ["credentials.api_key: must not be empty"]),
    ({"secretPayload": {"apiKey": 123456}}, ["credentials.api_key: must be text, got number"]),
    ({"secretPayload": {"apiKey": {"k": CANARY}}}, ["credentials.api_key: must be text, got an object"]),
    ({"secretPayload": CANARY}, ["credentials: must be an object, got text"]),
    (
        {"secretPayload": {"apiKey": CANARY, "shopname": CANARY}},
        ["credentials.shopname: is not a field of ApiKeyOnly"],
    ),
    (
        {"secretType": "sftp", "secretPayload": {"username": "u"}},
        ["credentials.password: is missing: Sftp needs password or private_key"],
    ),
    ({"merchantAccountCodes": "acct"}, ["merchant_account_codes: must be a list of strings, got text"]),
    ({"merchantAccountCodes": ["a", ""]}, ["merchant_account_codes[1]: must not be empty"]),
    *(
        ({name: value}, [f"{argument}: must not begin or end with white space or a line break"])
        for name, argument in {
            "externalIdentifier": "external_identifier",
            "integrationName": "integration_name",
            "adoptId": "adopt_id",
        }.items()
        for value in (" ", "e\n", "\te", "e\u200b")
    ),
    *(
        ({name: "a\0b"}, [f"{argument}: must be one line without control characters"])
        for name, argument in {
            "externalIdentifier": "external_identifier",
            "integrationName": "integration_name",
            "adoptId": "adopt_id",
        }.items()
    ),
    ({"adoptId": "x" * 70_000}, ["adopt_id: has more than 255 characters"]),
    ({"externalIdentifier": "\ud800"}, ["external_identifier: is not text in UTF-8"]),
    (
        {"merchantAccountCodes": ["a", "a "]},
        ["merchant_account_codes[1]: must not begin or end with white space or a line break"],
    ),
    (
        {"deactivation": {"deactivationDate": "\uff12\uff10\uff12\uff17-01-31T00:00:00Z"}},
        ["deactivation.date: must be a UTC time such as 2027-01-31T00:00:00Z"],
    ),
    (
        {"secretType": "X", "allowUnlisted": True, "secretPayload": {"a": {"b": None}, "c": [FileAsset("a")]}},
        [
            "credentials.a.b: is null, which Justt does not take: leave it out",
            "credentials.c[0]: is not a JSON value",
        ],
    ),
    (
        {"merchantAccountCodes": ["a", 7]},
        ["merchant_account_codes[1]: must be text, got number: write it in quotes, or str(...)"],
    ),
    ({"referenceAccountId": ""}, ["reference_account_id: must not be empty"]),
    (
        {"referenceAccountId": "acc 42"},
        ["reference_account_id: must be visible ASCII without spaces: it is sent as a header"],
    ),
    ({"deactivation": "postingDate"}, ["deactivation: must be an object, got text"]),
    (
        {"deactivation": {"deactivationType": "posting"}},
        ["deactivation.type: must be 'postingDate' or 'dueDate'"],
    ),
    ({"deactivation": {"afterDays": -1}}, ["deactivation.after_days: must be greater than or equal to 0"]),
    ({"deactivation": {"afterDays": 4000}}, ["deactivation.after_days: must be less than or equal to 3650"]),
    ({"deactivation": {"afterDays": "7"}}, ["deactivation.after_days: must be a whole number, got text"]),
    ({"deactivation": {"afterDays": 1.5}}, ["deactivation.after_days: must be a whole number"]),
    (
        {"deactivation": {"deactivationDate": "2027-01-31"}},
        ["deactivation.date: must be a UTC time such as 2027-01-31T00:00:00Z"],
    ),
    (
        {"deactivation": {"afterDays": 1, "deactivationDate": "2027-01-31T00:00:00Z"}},
        ["deactivation: takes date or after_days, not both"],
    ),
    ({"allowUnlisted": "yes"}, ["allow_unlisted: must be true or false, got text"]),
    ({"deletionProtection": "yes"}, ["deletion_protection: must be true or false, got text"]),
    ({"deletionProtection": 1}, ["deletion_protection: must be true or false, got number"]),
    ({"integrationNam": "x"}, ["integrationNam: is not an argument (did you mean 'integration_name'?)"]),
    ({"zzz": "x"}, ["zzz: is not an argument"]),
]


@pytest.mark.parametrize(("changes", "failures"), FAILURES)
def test_check_names_invalid_properties_by_their_arguments(
    offline: Offline, changes: dict[str, Any], failures: list[str]
) -> None:
    """If a property is invalid, check reports one failure with the argument's name and without the value."""
    news = {name: value for name, value in {**MINIMAL, **changes}.items() if value is not ...}

    assert offline.failures(news) == failures


def test_check_reports_all_failures_at_once(offline: Offline) -> None:
    """If several properties are invalid, one check names all of them."""
    news = {
        "externalIdentifier": "",
        "source": "strip",
        "secretType": "HMAC",
        "secretPayload": {"hmac": 7, "merchantCode": ""},
        "deactivation": {"deactivationType": "x", "afterDays": -1},
        "zzz": 1,
    }

    assert [text.split(":")[0] for text in offline.failures(news)] == [
        "zzz",
        "external_identifier",
        "integration_name",
        "deactivation.type",
        "deactivation.after_days",
        "source",
        "credentials.hmac",
        "credentials.api_key",
        "credentials.merchant_code",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"merchantAccountCodes": ["", 3, "a", ""]},
        {"secretType": "", "secretPayload": []},
        {"secretType": "OAUTH2", "secretPayload": ...},
        {"secretPayload": {"api_key": CANARY}},
    ],
)
def test_check_has_one_failure_for_each_field(offline: Offline, changes: dict[str, Any]) -> None:
    """If a property has several problems, check reports one failure for it."""
    news = {name: value for name, value in {**MINIMAL, **changes}.items() if value is not ...}
    named = [text.split(":")[0] for text in offline.failures(news)]

    assert sorted(named) == sorted(set(named))
    assert named


@pytest.mark.parametrize(
    ("changes", "hint", "is_shown"),
    [
        ({"source": "Stripe"}, "stripe", True),
        ({"source": "brain-tree"}, "braintree", True),
        ({"source": "zzz"}, None, True),
        ({"source": "shopify"}, None, True),
        ({"source": "get_net"}, None, True),
        ({"source": "worldpay_cb911"}, None, True),
        ({"source": "correct horse"}, None, False),
        ({"source": "correct-horse"}, None, False),
        ({"source": "correcthorsebatterystaple"}, None, False),
        ({"source": "AbCdEfGh"}, None, False),
        ({"source": "rk_live_abcdef"}, None, False),
        ({"secretType": "SFTP"}, "sftp", True),
        ({"secretType": "OAUTH2"}, None, False),
        ({"secretType": "TOKEN"}, None, True),
    ],
)
def test_check_refuses_an_unlisted_value(
    offline: Offline, changes: dict[str, str], hint: str | None, is_shown: bool
) -> None:
    """If a source or a type is not in Justt's list, check refuses it.

    The failure has the list, the nearest match if any, and how to accept the value. It quotes the value if that has a
    near match, or if it is spelled as Justt spells its names. Any other value may be a secret in the wrong place.
    """
    (text,) = offline.failures({**MINIMAL, **changes})

    (name, given) = next(iter(changes.items()))
    is_source = name == "source"
    assert text.startswith("source: " if is_source else "credentials: ")
    assert (repr(given) in text) is is_shown
    assert (f"a text of {len(given)} characters" in text) is not is_shown
    assert ("stripe, braintree, paypal, adyen, justt_sandbox" if is_source else "HMAC, APIKEY, sftp") in text
    assert ("did you mean" in text) is (hint is not None)
    assert hint is None or f"did you mean {hint!r}?" in text
    how = "use justt.UnlistedSource(...), or set" if is_source else "set"
    assert text.endswith(f". If Justt accepts it now, {how} allow_unlisted=True")


def test_a_credential_in_the_place_of_the_source_is_not_shown(offline: Offline) -> None:
    """If the source equals one of the credentials, check doesn't quote it, even if it's spelled like a name."""
    (text,) = offline.failures({**MINIMAL, "source": "letmein", "secretPayload": {"apiKey": "letmein"}})

    assert text.startswith("source: a text of 7 characters is not in Justt's list")
    assert "letmein" not in text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("worldpay_cb91", " (did you mean 'worldpay_cb911'?)"),
        ("GetNet", " (did you mean 'get_net'?)"),
        ("paysafee", " (did you mean 'paysafe'?)"),
        ("get_net", ", but Justt names it in other documents"),
        ("shopify", ", but Justt names it in other documents"),
    ],
)
def test_other_names_of_justt_are_near_matches_of_a_source(offline: Offline, source: str, text: str) -> None:
    """An unlisted source is compared with each PSP that Justt names anywhere, such as in documents on chargebacks."""
    (failure,) = offline.failures({**MINIMAL, "source": source})

    assert failure == (
        f"source: {source!r} is not in Justt's list (stripe, braintree, paypal, adyen, justt_sandbox){text}. If Justt "
        "accepts it now, use justt.UnlistedSource(...), or set allow_unlisted=True"
    )


@pytest.mark.parametrize("source", ["tapestry-7", "visa-4421", "moka1999", "citi-Zen-1", "Tr0ub4dor&3"])
def test_a_text_that_is_only_a_little_like_a_name_is_not_quoted(offline: Offline, source: str) -> None:
    """The many names of PSPs make no password look like a misspelt source, so a misplaced one is not shown."""
    (text,) = offline.failures({**MINIMAL, "source": source})

    assert text.startswith(f"source: a text of {len(source)} characters is not in Justt's list (stripe, ")


@pytest.mark.parametrize("flag", [True, UNKNOWN])
@pytest.mark.parametrize(
    "changes",
    [
        {"source": "shopify"},
        {"secretType": "OAUTH2", "secretPayload": {"token": {"deep": [1, CANARY]}}},
        {"secretPayload": {"apiKey": CANARY, "region": "eu"}},
    ],
)
def test_check_accepts_unlisted_values_with_allow_unlisted(
    offline: Offline, flag: object, changes: dict[str, Any]
) -> None:
    """If allow_unlisted is true or unknown, check accepts an unlisted source, type or field."""
    assert offline.failures({**MINIMAL, **changes, "allowUnlisted": flag}) == []


def test_allow_unlisted_does_not_excuse_a_missing_field(offline: Offline) -> None:
    """If a listed type lacks a required field, check refuses it even with allow_unlisted."""
    assert offline.failures({**MINIMAL, "secretPayload": {}, "allowUnlisted": True}) == [
        "credentials.api_key: is required by ApiKeyOnly"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {name: UNKNOWN}
        for name in (
            *MINIMAL,
            "merchantAccountCodes",
            "referenceAccountId",
            "deactivation",
            "deletionProtection",
            "allowUnlisted",
        )
    ]
    + [
        {"secretPayload": {"apiKey": UNKNOWN}},
        {"secretType": "sftp", "secretPayload": {"username": "u", "privateKey": UNKNOWN}},
        {"deactivation": {"deactivationType": UNKNOWN, "afterDays": UNKNOWN}},
        {"deactivation": {"deactivationDate": UNKNOWN}},
    ],
)
def test_check_accepts_unknown_values(offline: Offline, changes: dict[str, Any]) -> None:
    """If a value is unknown in a preview, check accepts it, and it stays unknown in the returned inputs."""
    checked = offline.core.check({}, {**MINIMAL, **changes})

    assert checked.failures == []
    assert checked.inputs == {**CHECKED, **changes}


def test_check_validates_known_values_beside_unknown_ones(offline: Offline) -> None:
    """If one value is unknown and another one is missing, check reports the missing one."""
    news = {**MINIMAL, "externalIdentifier": UNKNOWN, "secretType": "HMAC", "secretPayload": {"hmac": UNKNOWN}}

    assert offline.failures(news) == ["credentials.api_key: is required by Hmac"]


def test_check_is_deterministic(offline: Offline) -> None:
    """For the same properties in another order, check returns the same result.

    The engine calls check twice for a replacement, and `up --plan` compares the results.
    """
    news = {**MINIMAL, "zzz": 1, "aaa": 2, "merchantAccountCodes": ["b", "a"], "source": "x"}
    backwards = dict(reversed(news.items()))

    assert offline.core.check({}, news) == offline.core.check({}, backwards)


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.just(UNKNOWN), st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from(["", "stripe", "x", "HMAC", "a b"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["apiKey", "hmac", "afterDays", "deactivationType", "deactivationDate", "z"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
BAGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        name: st.just(MINIMAL.get(name, "x")) | VALUES
        for name in (
            *MINIMAL,
            "merchantAccountCodes",
            "referenceAccountId",
            "environment",
            "deactivation",
            "deletionProtection",
            "allowUnlisted",
            "zzz",
        )
    },
)
thorough = settings(max_examples=150, database=None, derandomize=True)


def unknown_paths(value: object, path: tuple[object, ...] = ()) -> set[tuple[object, ...]]:
    """Return the paths of all unknown values."""
    if value is UNKNOWN:
        return {path}
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return {found for name, item in items for found in unknown_paths(item, (*path, name))}


@thorough
@given(olds=BAGS, news=BAGS)
def test_check_never_crashes(olds: dict[str, Any], news: dict[str, Any]) -> None:
    """For any properties, check keeps unknown values, and one unknown code makes the whole list unknown.

    A second check of its result changes nothing.
    """
    core = Offline().core
    checked = core.check(olds, news)
    again = core.check(olds, checked.inputs)

    assert all(checked.failures)
    given_codes = news.get("merchantAccountCodes")
    unknown_codes = (
        {"merchantAccountCodes": UNKNOWN} if isinstance(given_codes, list) and UNKNOWN in given_codes else {}
    )
    assert unknown_paths(checked.inputs) == unknown_paths({**without(news, "environment"), **unknown_codes})
    assert again.inputs == checked.inputs
    assert core.check(olds, news) == checked


@thorough
@given(
    payload=st.dictionaries(
        st.sampled_from(["apiKey", "hmac", "zzz"]),
        st.recursive(
            st.just(CANARY) | st.just(UNKNOWN),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner),
            max_leaves=4,
        ),
    ),
    secret_type=st.sampled_from(["APIKEY_ONLY", "HMAC", "sftp", "zzz"]),
)
def test_check_shows_no_value_of_a_credential(payload: dict[str, Any], secret_type: str) -> None:
    """Whatever the payload is, no failure of check quotes a value of it."""
    failures = Offline().failures({**MINIMAL, "secretType": secret_type, "secretPayload": payload})

    assert CANARY not in " ".join(failures)


def test_check_refuses_deep_nesting(offline: Offline) -> None:
    """If a property has more than 32 levels of lists and objects, check refuses it, as the program does."""
    for depth, holds in ((31, False), (32, True), (3_000, True)):
        value: object = "x"
        for _ in range(depth):
            value = [value]
        news = {**MINIMAL, "secretType": "OAUTH", "secretPayload": {"a": value}, "allowUnlisted": True}
        text = "credentials: has more than 32 levels of lists and objects, or contains itself"
        assert offline.failures(news) == [text] * holds
    assert offline.failures({**MINIMAL, "merchantAccountCodes": value}) == [f"merchant_account_codes{text[11:]}"]


def test_check_refuses_a_stack_of_another_environment(offline: Offline) -> None:
    """If the state was recorded in another environment, check refuses the resource."""
    assert offline.failures(MINIMAL, {**MINIMAL, "environment": "production"}) == [
        (
            "environment: this integration was created in production, and the configuration says simulator: set "
            "justt:environment and justt:baseUrl (or their variables) back, or use another stack for each environment"
        )
    ]


def test_check_accepts_state_without_an_environment(offline: Offline) -> None:
    """If an old state has no environment, check accepts the configured one."""
    assert offline.failures(MINIMAL, MINIMAL) == []


@pytest.mark.parametrize(
    ("default", "before", "text"),
    [
        (
            {},
            {"referenceAccountId": "acc_1"},
            (
                "in account acc_1, but neither the resource nor justt:referenceAccountId names an account now",
                "no account",
            ),
        ),
        (
            {"referenceAccountId": "acc_2"},
            {"referenceAccountId": "acc_1"},
            ("in account acc_1, but justt:referenceAccountId is acc_2 now", "acc_2"),
        ),
        (
            {"referenceAccountId": "acc_2"},
            {},
            ("without an account, but justt:referenceAccountId is acc_2 now", "acc_2"),
        ),
    ],
)
def test_check_refuses_an_account_that_changed_by_default(
    default: dict[str, str], before: dict[str, str], text: tuple[str, str]
) -> None:
    """If only the configured default account has changed, check refuses the resource.

    Otherwise a stray setting would replace a fleet. The failure names the change and both ways out.
    """
    assert Offline(default).failures(MINIMAL, {**CHECKED, **before}) == [
        (
            f"reference_account_id: this integration was created {text[0]}. Set the account back. To move the "
            "integration, set reference_account_id on the resource, which replaces the integration (`pulumi up "
            f"--replace` with its URN moves it to {text[1]})"
        )
    ]


@pytest.mark.parametrize("default", [{}, {"referenceAccountId": "acc_1"}, {"referenceAccountId": "acc_3"}])
@pytest.mark.parametrize("before", [{}, {"referenceAccountId": "acc_1"}])
def test_check_accepts_an_account_that_changed_explicitly(default: dict[str, str], before: dict[str, str]) -> None:
    """If the resource itself names another account, check accepts it, and diff replaces the integration."""
    offline = Offline(default)
    olds = {**CHECKED, **before}

    checked = offline.core.check(olds, {**MINIMAL, "referenceAccountId": "acc_2"})

    assert checked.failures == []
    assert offline.core.diff(olds, checked.inputs) == ["referenceAccountId"]


@pytest.mark.parametrize(("default", "before"), [({}, {}), ({"referenceAccountId": "a"}, {"referenceAccountId": "a"})])
def test_check_accepts_an_unchanged_default_account(default: dict[str, str], before: dict[str, str]) -> None:
    """If the default account is the same as in the state, check reports no failure."""
    assert Offline(default).failures(MINIMAL, {**CHECKED, **before}) == []


def test_check_of_a_new_resource_accepts_any_default_account() -> None:
    """If a resource is new, check accepts any default account."""
    assert Offline({"referenceAccountId": "acc_2"}).failures(MINIMAL, {}) == []


@thorough
@given(news=BAGS)
def test_checked_inputs_have_no_diff_to_themselves(news: dict[str, Any]) -> None:
    """Whatever the inputs of a program are, diff replaces nothing if they are unchanged."""
    core = Offline().core
    inputs = core.check({}, news).inputs
    if not unknown_paths(inputs):
        assert core.diff(inputs, inputs) == []


def test_check_refuses_a_misspelled_policy_key(offline: Offline) -> None:
    """If `deactivation` has a misspelled key, check refuses it and suggests the right name.

    Raw state or a transform may have such a key.
    """
    (failure,) = offline.failures({**MINIMAL, "deactivation": {"deactivationType": "dueDate", "afterdays": 5}})

    assert failure == "deactivation.afterdays: is not an argument (did you mean 'after_days'?)"


def test_a_misspelled_name_is_refused_before_its_value_is_known(offline: Offline) -> None:
    """In a preview, a misspelled property or policy key with an unknown value is refused, as in the update."""
    news = {**MINIMAL, "externalIdentifer": UNKNOWN, "deactivation": {"afterdays": UNKNOWN}}

    assert offline.failures(news) == [
        "externalIdentifer: is not an argument (did you mean 'external_identifier'?)",
        "deactivation.afterdays: is not an argument (did you mean 'after_days'?)",
    ]


@pytest.mark.parametrize("given", ["production", "sandbox", "", UNKNOWN])
def test_a_resource_cannot_choose_its_environment(offline: Offline, given: object) -> None:
    """A program of the plugin can give a resource an environment. Another one than the configured one is refused."""
    (failure,) = offline.failures({**MINIMAL, "environment": given})

    assert failure.startswith("environment: one resource cannot choose it, and the configuration says simulator")
    assert offline.failures({**MINIMAL, "environment": "simulator"}) == []


@pytest.mark.parametrize(
    ("references", "text"),
    [
        (UNKNOWN, "credentials: a reference must be known when the program runs"),
        ({"apiKey": UNKNOWN}, "credentials: a reference must be known when the program runs"),
        (
            {"apiKey": {"fromEnv": UNKNOWN, "version": 1}},
            "credentials: a reference must be known when the program runs",
        ),
        ({"apiKey": "STRIPE_KEY"}, "credentials.api_key: is not a valid reference: use from_env or from_file"),
        ({"apiKey": {"fromEnv": "JUSTT_API_KEY", "version": 1}}, "credentials.api_key: is not a valid reference"),
        ([1], "credentials: the references must be an object"),
    ],
)
def test_check_refuses_invalid_references(offline: Offline, references: object, text: str) -> None:
    """If a reference is unknown or invalid, as after a transform or an edit of the state, check refuses it."""
    given = {name: value for name, value in MINIMAL.items() if name != "secretPayload"}
    (failure,) = offline.failures({**given, "secretReferences": references})

    assert failure.startswith(text)


def test_field_is_either_a_value_or_a_reference(offline: Offline) -> None:
    """If a credential field has both a value and a reference, as ignore_changes can cause, check refuses the field."""
    both = {**MINIMAL, "secretReferences": {"apiKey": {"fromEnv": "A", "version": 1}}}

    assert offline.failures(both) == ["credentials.api_key: is given as a value and as a reference: give one of them"]
