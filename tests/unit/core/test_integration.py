"""The core: every row of its table, against the simulator over a real socket and against scripted answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi import FileAsset

from pulumi_justt.api.models import to_vendor_time
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.core.integration import Integrations
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.session import Session
from pulumi_justt.errors import WITHHELD, AmbiguousCreate, JusttError, Misunderstood, Refused, StateConflict
from pulumi_justt.simulator import Options, SimulatorServer, payload_digest
from support.scripted_client import (
    CANARY,
    CHECKED,
    MINIMAL,
    NAMED,
    NOW,
    PATIENCE,
    RECORDED,
    Offline,
    Scripted,
    listing,
    load,
    no_client,
    record,
    refusal,
    without,
)

FIRST_PAGE = ("GET", "/integrations", "acc_1")
OTHER_ENVIRONMENT = (
    "it was recorded in production, and the configuration says simulator. Nothing was sent. Set justt:environment and "
    "justt:baseUrl (or their variables) back for this stack."
)


@dataclass
class Live:
    """The core before the simulator."""

    simulator: SimulatorServer
    client: JusttClient
    told: list[str] = field(default_factory=list)

    def core(self, config: Mapping[str, str] | None = None, **environ: str) -> Integrations:
        """Return the lifecycle under some settings."""
        chosen = load({"baseUrl": self.simulator.base_url, **(config or {})}, **environ)
        return Integrations(chosen, client=lambda: self.client, tell=self.told.append, now=lambda: NOW)

    def created(self, **changes: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any property
        """Create an integration, and return its id and what is remembered."""
        created = self.core().create({**CHECKED, **changes})
        self.simulator.clear_requests()
        return created

    @property
    def requests(self) -> list[tuple[str, str, str | None]]:
        """Method, path and account of what arrived."""
        return [(each.method, each.path.removeprefix("/v1"), each.account) for each in self.simulator.requests]


@pytest.fixture
def offline() -> Offline:
    """Return the core without a client."""
    return Offline()


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[tuple[SimulatorServer, JusttClient]]:
    """Yield one simulator, whose time stands still, and one client of it."""
    options = Options(requests_per_minute=1_000_000)
    with SimulatorServer(options, clock=NOW.timestamp) as simulator:
        client = JusttClient(
            load({"baseUrl": simulator.base_url}), policy=PATIENCE, sleep=lambda _: None, now=lambda: NOW
        )
        yield simulator, client
        client.close()


@pytest.fixture
def live(shared_simulator: tuple[SimulatorServer, JusttClient]) -> Live:
    """Return the core before an empty simulator."""
    simulator, client = shared_simulator
    simulator.records.wipe_integrations()
    simulator.clear_requests()
    return Live(simulator, client)


# check


def test_check_fills_in_the_environment_and_nothing_else(offline: Offline) -> None:
    """A minimal resource gets the configured environment, and no nulls for what was not given."""
    checked = offline.core.check({}, MINIMAL)

    assert checked.failures == []
    assert checked.inputs == CHECKED


def test_check_drops_what_was_not_given(offline: Offline) -> None:
    """Absent means absent: the API refuses null, so none gets into the state."""
    news = {
        **MINIMAL,
        "merchantAccountCodes": None,
        "secretPayload": {"apiKey": CANARY, "publicKey": None},
        "deactivation": {"deactivationType": "dueDate", "afterDays": None},
    }

    checked = offline.core.check({}, news)

    assert checked.failures == []
    assert checked.inputs == {**CHECKED, "deactivation": {"deactivationType": "dueDate"}}


def test_check_changes_nothing_that_it_is_given(offline: Offline) -> None:
    """The engine's own properties are left as they are."""
    news = {**MINIMAL, "merchantAccountCodes": ["b", "a"], "allowUnlisted": False, "goLiveDate": None}
    before = json.dumps(news)

    offline.core.check({}, news)

    assert json.dumps(news) == before


def test_check_sorts_the_account_codes(offline: Offline) -> None:
    """Their order means nothing, so it may never show as a change."""
    checked = offline.core.check({}, {**MINIMAL, "merchantAccountCodes": ["b", "c", "a"]})

    assert checked.inputs["merchantAccountCodes"] == ["a", "b", "c"]


def test_check_takes_codes_of_which_one_is_not_known_as_unknown(offline: Offline) -> None:
    """Where each stands cannot be told yet, and a preview that showed them place by place would name wrong ones."""
    checked = offline.core.check({}, {**MINIMAL, "merchantAccountCodes": ["b", UNKNOWN, "a"]})

    assert checked.failures == []
    assert checked.inputs["merchantAccountCodes"] is UNKNOWN


@pytest.mark.parametrize(
    ("name", "default"), [("merchantAccountCodes", []), ("allowUnlisted", False), ("deletionProtection", False)]
)
def test_check_drops_what_equals_its_default(offline: Offline, name: str, default: object) -> None:
    """An empty list of codes and a False flag are the same as none, in the state too."""
    assert offline.core.check({}, {**MINIMAL, name: default}).inputs == CHECKED


@pytest.mark.parametrize("value", [0, False])
def test_check_does_not_take_another_type_for_a_default(offline: Offline, value: object) -> None:
    """Everything is validated: account codes that are no list are told, even where they compare equal to nothing."""
    assert len(offline.failures({**MINIMAL, "merchantAccountCodes": value})) == 1


def test_check_fills_in_the_default_account() -> None:
    """The configured account serves resources that name none."""
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
    ({"externalIdentifier": "x" * 256}, ["external_identifier: must have 1 to 255 characters, has 256"]),
    ({"externalIdentifier": 7}, ["external_identifier: must be text, got number"]),
    ({"integrationName": ""}, ["integration_name: must not be empty"]),
    ({"integrationName": ["x"]}, ["integration_name: must be text, got [1 of item]"]),
    ({"source": ""}, ["source: must not be empty"]),
    ({"source": 3}, ["source: must be text, got number"]),
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
    ({"merchantAccountCodes": "acct"}, ["merchant_account_codes: must be a list of texts, got text"]),
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
        ["deactivation.date: must be a moment in UTC such as 2027-01-31T00:00:00Z"],
    ),
    (
        {"secretType": "X", "allowUnlisted": True, "secretPayload": {"a": {"b": None}, "c": [FileAsset("a")]}},
        [
            "credentials.a.b: is null, which Justt does not take: leave it out",
            "credentials.c[0]: is not a value that JSON has",
        ],
    ),
    ({"merchantAccountCodes": ["a", 7]}, ["merchant_account_codes[1]: must be text, got number"]),
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
    ({"deactivation": {"afterDays": 1.5}}, ["deactivation.after_days: must be a whole number, got number"]),
    (
        {"deactivation": {"deactivationDate": "2027-01-31"}},
        ["deactivation.date: must be a moment in UTC such as 2027-01-31T00:00:00Z"],
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
def test_check_says_what_is_wrong_in_the_users_names(
    offline: Offline, changes: dict[str, Any], failures: list[str]
) -> None:
    """Each invalid property has one text, under the argument's name, and without its value."""
    news = {name: value for name, value in {**MINIMAL, **changes}.items() if value is not ...}

    assert offline.failures(news) == failures


def test_check_tells_everything_at_once(offline: Offline) -> None:
    """One run names every property that has to be corrected."""
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
    """However much is wrong with a property, it is named once."""
    news = {name: value for name, value in {**MINIMAL, **changes}.items() if value is not ...}
    named = [text.split(":")[0] for text in offline.failures(news)]

    assert sorted(named) == sorted(set(named))
    assert named


@pytest.mark.parametrize(
    ("changes", "field_name", "listed", "hint"),
    [
        ({"source": "Stripe"}, "source", "stripe, braintree, paypal, adyen, justt_sandbox", "stripe"),
        ({"source": "brain-tree"}, "source", "stripe, braintree, paypal, adyen, justt_sandbox", "braintree"),
        ({"source": "zzz"}, "source", "stripe, braintree, paypal, adyen, justt_sandbox", None),
        ({"secretType": "SFTP"}, "credentials", "HMAC, APIKEY, sftp", "sftp"),
        ({"secretType": "OAUTH2"}, "credentials", "HMAC, APIKEY, sftp", None),
    ],
)
def test_check_refuses_what_the_vendor_does_not_list(
    offline: Offline, changes: dict[str, str], field_name: str, listed: str, hint: str | None
) -> None:
    """The text gives the list, the nearest match if there is one, and the way to insist."""
    (text,) = offline.failures({**MINIMAL, **changes})

    assert text.startswith(f"{field_name}: ")
    # What resembles nothing in the list may be a secret in the wrong place, so it is not quoted.
    given = next(iter(changes.values()))
    assert (repr(given) in text) is (hint is not None)
    assert (f"a text of {len(given)} characters" in text) is (hint is None)
    assert listed in text
    assert ("did you mean" in text) is (hint is not None)
    assert hint is None or f"did you mean {hint!r}?" in text
    assert text.endswith(". If Justt takes it by now, say allow_unlisted=True")


@pytest.mark.parametrize("flag", [True, UNKNOWN])
@pytest.mark.parametrize(
    "changes",
    [
        {"source": "shopify"},
        {"secretType": "OAUTH2", "secretPayload": {"token": {"deep": [1, CANARY]}}},
        {"secretPayload": {"apiKey": CANARY, "region": "eu"}},
    ],
)
def test_check_takes_what_is_meant(offline: Offline, flag: object, changes: dict[str, Any]) -> None:
    """With allow_unlisted, or while it is not known, a source, type or field outside of the lists passes."""
    assert offline.failures({**MINIMAL, **changes, "allowUnlisted": flag}) == []


def test_check_still_verifies_a_listed_shape_when_unlisted_is_allowed(offline: Offline) -> None:
    """The flag permits more, it does not excuse a missing field."""
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
def test_check_has_nothing_against_what_is_known_later(offline: Offline, changes: dict[str, Any]) -> None:
    """A preview in which a value is missing passes, and the value is still missing in what it returns."""
    checked = offline.core.check({}, {**MINIMAL, **changes})

    assert checked.failures == []
    assert checked.inputs == {**CHECKED, **changes}


def test_check_still_verifies_what_is_known_beside_what_is_not(offline: Offline) -> None:
    """One missing value hides no mistake in another."""
    news = {**MINIMAL, "externalIdentifier": UNKNOWN, "secretType": "HMAC", "secretPayload": {"hmac": UNKNOWN}}

    assert offline.failures(news) == ["credentials.api_key: is required by Hmac"]


def test_check_is_deterministic(offline: Offline) -> None:
    """The engine calls it twice for a replacement, and `up --plan` compares, so the same properties give the same."""
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
relentless = settings(max_examples=150, database=None, derandomize=True)


def unknown_paths(value: object, path: tuple[object, ...] = ()) -> set[tuple[object, ...]]:
    """Return where a value is missing."""
    if value is UNKNOWN:
        return {path}
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return {found for name, item in items for found in unknown_paths(item, (*path, name))}


@relentless
@given(olds=BAGS, news=BAGS)
def test_check_takes_anything(olds: dict[str, Any], news: dict[str, Any]) -> None:
    """Check never crashes, keeps what is missing (of codes the whole list), and adds nothing to what it returned."""
    core = Offline().core
    checked = core.check(olds, news)
    again = core.check(olds, checked.inputs)

    assert all(checked.failures)
    given_codes = news.get("merchantAccountCodes")
    whole = {"merchantAccountCodes": UNKNOWN} if isinstance(given_codes, list) and UNKNOWN in given_codes else {}
    assert unknown_paths(checked.inputs) == unknown_paths({**without(news, "environment"), **whole})
    assert again.inputs == checked.inputs
    assert core.check(olds, news) == checked


@relentless
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
    """No text quotes what stands in the payload, however deep."""
    failures = Offline().failures({**MINIMAL, "secretType": secret_type, "secretPayload": payload})

    assert CANARY not in " ".join(failures)


def test_check_refuses_what_is_nested_too_deeply(offline: Offline) -> None:
    """By the rule of the program, at any depth, and whatever the property is."""
    for depth, holds in ((31, False), (32, True), (3_000, True)):
        value: object = "x"
        for _ in range(depth):
            value = [value]
        news = {**MINIMAL, "secretType": "OAUTH", "secretPayload": {"a": value}, "allowUnlisted": True}
        text = "credentials: has more than 32 levels of lists and objects, or holds itself"
        assert offline.failures(news) == [text] * holds
    assert offline.failures({**MINIMAL, "merchantAccountCodes": value}) == [f"merchant_account_codes{text[11:]}"]


def test_check_refuses_a_stack_of_another_environment(offline: Offline) -> None:
    """An integration that was created in one environment can't be carried to another by a setting."""
    assert offline.failures(MINIMAL, {**MINIMAL, "environment": "production"}) == [
        (
            "environment: this integration was created in production, and the configuration says simulator: set "
            "justt:environment and justt:baseUrl (or their variables) back, or use another stack for each environment"
        )
    ]


@pytest.mark.parametrize(
    "seen",
    [
        lambda core: core.check({**MINIMAL, "environment": "production"}, MINIMAL),
        lambda core: core.diff({**RECORDED, "environment": "production"}, CHECKED),
    ],
)
def test_create_refuses_another_environment_than_the_stacks(
    offline: Offline, seen: Callable[[Integrations], object]
) -> None:
    """A new resource isn't created where the configuration strays to, once the process has seen where the stack is."""
    core = offline.core
    seen(core)

    with pytest.raises(StateConflict, match="other resources of this stack are recorded in production, and the conf"):
        core.create({**CHECKED, "externalIdentifier": "new"})


def test_an_override_of_the_key_of_a_provider_is_told(live: Live) -> None:
    """Each resource whose provider has a key of its own says that another one is used; those of the stack do not."""
    for provider in ({}, {"provider": "us"}):
        integration_id, recorded = live.core(provider, JUSTT_API_KEY_OVERRIDE="override").create(CHECKED)
        core = live.core(provider, JUSTT_API_KEY_OVERRIDE="override")
        core.read(integration_id, recorded)
        core.delete(integration_id, recorded)

    told = "JUSTT_API_KEY_OVERRIDE replaces the API key of the provider 'us', too."
    assert [text.rpartition(": ")[2] for text in live.told if "OVERRIDE" in text] == [told] * 3


def test_check_takes_state_without_an_environment(offline: Offline) -> None:
    """A key that is absent from old state equals its default."""
    assert offline.failures(MINIMAL, MINIMAL) == []


@pytest.mark.parametrize(
    ("default", "before", "told"),
    [
        (
            {},
            {"referenceAccountId": "acc_1"},
            (
                "the account acc_1 is no longer given, neither by the resource nor by justt:referenceAccountId",
                "no account",
            ),
        ),
        (
            {"referenceAccountId": "acc_2"},
            {"referenceAccountId": "acc_1"},
            ("justt:referenceAccountId is acc_2 now, and this integration was created in acc_1", "acc_2"),
        ),
        (
            {"referenceAccountId": "acc_2"},
            {},
            ("justt:referenceAccountId is acc_2 now, and this integration was created in no account", "acc_2"),
        ),
    ],
)
def test_check_refuses_an_account_that_moved_by_default(
    default: dict[str, str], before: dict[str, str], told: tuple[str, str]
) -> None:
    """A stray setting must not replace a fleet, so the text tells the move and both ways on."""
    assert Offline(default).failures(MINIMAL, {**CHECKED, **before}) == [
        (
            f"reference_account_id: {told[0]}. Set that back, or give the account to the resource itself if a move is "
            f"meant, which replaces it (`pulumi up --replace` with its URN moves it to {told[1]})"
        )
    ]


@pytest.mark.parametrize("default", [{}, {"referenceAccountId": "acc_1"}, {"referenceAccountId": "acc_3"}])
@pytest.mark.parametrize("before", [{}, {"referenceAccountId": "acc_1"}])
def test_check_takes_an_account_that_is_moved_explicitly(default: dict[str, str], before: dict[str, str]) -> None:
    """An account that stands at the resource is meant, and diff makes it a replacement."""
    offline = Offline(default)
    olds = {**CHECKED, **before}

    checked = offline.core.check(olds, {**MINIMAL, "referenceAccountId": "acc_2"})

    assert checked.failures == []
    assert offline.core.diff(olds, checked.inputs) == ["referenceAccountId"]


@pytest.mark.parametrize(("default", "before"), [({}, {}), ({"referenceAccountId": "a"}, {"referenceAccountId": "a"})])
def test_check_takes_an_account_that_stays(default: dict[str, str], before: dict[str, str]) -> None:
    """The same default as before is no move."""
    assert Offline(default).failures(MINIMAL, {**CHECKED, **before}) == []


def test_check_of_a_new_resource_takes_any_default_account() -> None:
    """What does not exist yet can't move."""
    assert Offline({"referenceAccountId": "acc_2"}).failures(MINIMAL, {}) == []


# diff

FULL: dict[str, Any] = {
    **CHECKED,
    "merchantAccountCodes": ["a", "b"],
    "referenceAccountId": "acc_1",
    "deactivation": {"deactivationType": "postingDate", "afterDays": 7},
    "allowUnlisted": True,
}
CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"externalIdentifier": "other"}, ["externalIdentifier"]),
    ({"integrationName": "other"}, ["integrationName"]),
    ({"source": "adyen"}, ["source"]),
    ({"secretType": "APIKEY"}, ["secretType"]),
    ({"secretPayload": {"apiKey": "other"}}, ["secretPayload.apiKey"]),
    ({"secretPayload": {"apiKey": CANARY, "shopName": "s"}}, ["secretPayload.shopName"]),
    ({"secretPayload": {"secretKey": CANARY}}, ["secretPayload.apiKey", "secretPayload.secretKey"]),
    ({"merchantAccountCodes": ["a", "c"]}, ["merchantAccountCodes"]),
    ({"merchantAccountCodes": ...}, ["merchantAccountCodes"]),
    ({"referenceAccountId": "acc_2"}, ["referenceAccountId"]),
    ({"referenceAccountId": ...}, ["referenceAccountId"]),
    ({"source": "adyen", "integrationName": "other"}, ["integrationName", "source"]),
]


@pytest.mark.parametrize(("changes", "replaces"), CHANGES)
def test_diff_replaces_for_everything_that_was_sent(
    offline: Offline, changes: dict[str, Any], replaces: list[str]
) -> None:
    """What the API was told can't be changed there, and each changed field is named on its own."""
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff({**FULL, "integrationId": "id-1", "status": "FAILED"}, news) == replaces
    assert offline.told == []


@pytest.mark.parametrize(
    "changes",
    [
        {"deactivation": {"deactivationType": "dueDate"}},
        {"deactivation": UNKNOWN},
        {"deactivation": ...},
        {"allowUnlisted": ...},
        {"allowUnlisted": UNKNOWN},
        {"deletionProtection": True},
        {"deletionProtection": UNKNOWN},
        {"environment": "sandbox"},
        {"merchantAccountCodes": ["b", "a"]},
        {"merchantAccountCodes": ["a", "b", "b"]},
    ],
)
def test_diff_replaces_for_nothing_else(offline: Offline, changes: dict[str, Any]) -> None:
    """The policy and the flag are ours and change in place; the order of codes is no change at all."""
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff(FULL, news) == []
    assert offline.told == []


@pytest.mark.parametrize(
    ("changes", "replaces"),
    [
        *(({name: UNKNOWN}, [name]) for name in (*MINIMAL, "merchantAccountCodes", "referenceAccountId")),
        ({"secretPayload": {"apiKey": UNKNOWN}}, ["secretPayload.apiKey"]),
        ({"secretPayload": {"apiKey": CANARY, "shopName": UNKNOWN}}, ["secretPayload.shopName"]),
        ({"merchantAccountCodes": ["a", UNKNOWN]}, ["merchantAccountCodes"]),
    ],
)
def test_diff_is_conservative_about_what_is_known_later(
    offline: Offline, changes: dict[str, Any], replaces: list[str]
) -> None:
    """What may turn out different is announced as a replacement."""
    assert offline.core.diff(FULL, {**FULL, **changes}) == replaces


@relentless
@given(news=BAGS)
def test_what_check_returns_is_no_change_to_itself(news: dict[str, Any]) -> None:
    """A program that did not change replaces nothing, whatever it says."""
    core = Offline().core
    inputs = core.check({}, news).inputs
    if not unknown_paths(inputs):
        assert core.diff(inputs, inputs) == []


def test_absent_equals_default(offline: Offline) -> None:
    """State from before an input existed is not replaced by it."""
    news = offline.core.check(MINIMAL, {**MINIMAL, "merchantAccountCodes": [], "allowUnlisted": False}).inputs

    assert offline.core.diff(MINIMAL, news) == []


def test_diff_warns_when_the_policy_changes_with_a_replacement(offline: Offline) -> None:
    """The old integration follows the policy that was recorded, which is not the one that was just written."""
    news = {**FULL, "source": "adyen", "deactivation": {"deactivationType": "dueDate"}}

    assert offline.core.diff({**FULL, "integrationId": "id-1"}, news) == ["source"]
    assert offline.told == [
        (
            f"warning: {NAMED} is replaced and its deactivation changes in the same update: the old integration still "
            "follows the recorded deactivation. Apply the new one first, in an update of its own, if it is meant for "
            "the old integration."
        )
    ]


@pytest.mark.parametrize("policy", [{"deactivationType": "postingDate"}, {"afterDays": 0}])
def test_diff_does_not_warn_of_a_policy_that_says_the_default(offline: Offline, policy: dict[str, object]) -> None:
    """An absent policy equals the default one, so writing the default out changes nothing."""
    offline.core.diff(CHECKED, {**CHECKED, "source": "adyen", "deactivation": policy})

    assert offline.told == []


# create


def test_create_posts_once_and_remembers_everything(live: Live) -> None:
    """The id comes back at once with what was given, and the API got the very credentials."""
    inputs = {**CHECKED, "merchantAccountCodes": ["a", "b"], "referenceAccountId": "acc_1", "allowUnlisted": True}

    integration_id, remembered = live.core().create(inputs)

    (kept,) = live.simulator.records.integrations()
    assert integration_id == kept.id
    assert remembered == {**inputs, "integrationId": kept.id, "status": "PENDING"}
    assert (kept.account, kept.external_identifier, kept.integration_name, kept.source, kept.secret_type) == (
        "acc_1",
        "stripe-eu",
        "Stripe EU",
        "stripe",
        "APIKEY_ONLY",
    )
    assert kept.merchant_account_codes == ("a", "b")
    assert kept.payload_digest == payload_digest({"apiKey": CANARY})
    assert live.requests == [FIRST_PAGE, ("POST", "/integrations", "acc_1")]
    assert live.told == []


def test_a_later_create_is_one_request(live: Live) -> None:
    """The account is listed before the process's first create of it, and not again."""
    core = live.core()
    core.create({**CHECKED, "referenceAccountId": "acc_1"})
    live.simulator.clear_requests()

    core.create({**CHECKED, "externalIdentifier": "stripe-us", "referenceAccountId": "acc_1"})

    assert live.requests == [("POST", "/integrations", "acc_1")]


def test_create_with_adopt_lists_the_account_twice(live: Live) -> None:
    """Where a candidate may be taken over, the list before has to be one that two passes agree on."""
    live.core({"onAmbiguousCreate": "adopt"}).create({**CHECKED, "referenceAccountId": "acc_1"})

    assert live.requests == [FIRST_PAGE, FIRST_PAGE, ("POST", "/integrations", "acc_1")]


def test_create_sends_nothing_that_was_not_given(live: Live) -> None:
    """Our own properties are not the API's, and an absent one is not sent."""
    live.core().create({**CHECKED, "deactivation": {"afterDays": 7}})

    _, post = live.simulator.requests
    assert post.method == "POST"
    assert post.body.keys() == MINIMAL.keys()
    assert post.account is None


def test_create_takes_the_status_that_the_answer_tells() -> None:
    """PENDING is assumed only where the answer says no more."""
    answer = httpx.Response(
        201, json={"integrationId": "id-1", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
    )

    assert Scripted([listing(), answer]).core.create(CHECKED) == (
        "id-1",
        {**CHECKED, "integrationId": "id-1", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"},
    )


def test_create_that_is_refused_says_so(live: Live) -> None:
    """The vendor's words reach the user, and nothing was created."""
    with pytest.raises(Refused, match="creating the shopify integration 'stripe-eu'") as refused:
        live.core().create({**CHECKED, "source": "shopify", "allowUnlisted": True})

    assert CANARY not in str(refused.value)
    assert live.simulator.records.integrations() == []


def test_create_that_is_not_answered_is_ambiguous() -> None:
    """A POST that may have been processed is not repeated where something new is listed that it may have made."""
    scripted = Scripted([listing(), refusal(500), listing("id-1"), listing("id-1")])

    with pytest.raises(AmbiguousCreate, match='adopt_id="id-1"'):
        scripted.core.create(CHECKED)
    assert scripted.methods == ["GET", "POST", "GET", "GET"]


# read


def test_read_returns_the_status_over_the_remembered_rest(live: Live) -> None:
    """Status and go-live date are the API's; everything else is remembered."""
    integration_id, remembered = live.created(referenceAccountId="acc_1", allowUnlisted=True)
    live.simulator.records.tell_status(integration_id, "SUCCESSFUL")
    live.simulator.records.tell_go_live_date(integration_id, "2027-02-01T00:00:00Z")

    read = live.core({"referenceAccountId": "acc_other"}).read(integration_id, remembered)

    assert read == {**remembered, "status": "SUCCESSFUL", "goLiveDate": "2027-02-01T00:00:00Z"}
    assert live.requests == [("GET", f"/integrations/{integration_id}", "acc_1")]


def test_read_uses_the_recorded_account_only(live: Live) -> None:
    """A default that was configured since does not make a managed integration look lost."""
    integration_id, remembered = live.created()

    assert live.core({"referenceAccountId": "acc_new"}).read(integration_id, remembered) == remembered
    assert live.requests == [("GET", f"/integrations/{integration_id}", None)]


@pytest.mark.parametrize("account", ["", "ä", "a b", "a\r\nX: 1", 5])
def test_read_refuses_an_account_that_is_no_header(live: Live, account: object) -> None:
    """A state that was changed by hand is named, and neither sent nor taken for a defect."""
    integration_id, remembered = live.created()
    for olds in ({**remembered, "referenceAccountId": account}, {"referenceAccountId": account}):
        for call in (live.core().read, live.core().delete):
            with pytest.raises(StateConflict, match=r"its recorded reference_account_id must be visible ASCII without"):
                call(integration_id, olds)
    assert live.requests == []


def test_read_tells_a_status_that_changed(live: Live) -> None:
    """A refresh shows no change of an output, and a failure must not pass unseen."""
    integration_id, remembered = live.created()
    live.simulator.records.tell_status(integration_id, "FAILED")

    live.core().read(integration_id, remembered)

    assert live.told == [f"note: the stripe integration 'stripe-eu' ({integration_id}) is FAILED now, was PENDING."]


@pytest.mark.parametrize("forgotten", [(), ("status",)])
def test_read_tells_nothing_where_nothing_changed(live: Live, forgotten: tuple[str, ...]) -> None:
    """The same status, or one that was never recorded, is no news."""
    integration_id, remembered = live.created()

    assert live.core().read(integration_id, without(remembered, *forgotten)) == remembered
    assert live.told == []


def test_read_forgets_a_go_live_date_that_is_no_longer_told() -> None:
    """What the API can tell is not remembered instead."""
    olds = {**RECORDED, "goLiveDate": "2027-01-01T00:00:00Z"}

    assert Scripted([record("PENDING")]).core.read("id-1", olds) == RECORDED


def test_read_drops_an_inactive_integration(live: Live) -> None:
    """INACTIVE is final: the integration is gone, and the user is told that a new one will follow."""
    integration_id, remembered = live.created()
    live.simulator.records.tell_status(integration_id, "INACTIVE")

    assert live.core().read(integration_id, remembered) is None
    assert live.told == [
        (
            f"warning: the stripe integration 'stripe-eu' ({integration_id}) is INACTIVE at Justt, which is final: it "
            "leaves the state, and the next `pulumi up` creates a new one if the program still has it."
        )
    ]


def test_read_of_a_looked_up_integration_tells_what_the_api_knows(live: Live) -> None:
    """Someone else's integration is read with the default account, and its source comes from the API."""
    integration_id, _ = live.created(referenceAccountId="acc_1")

    read = live.core({"referenceAccountId": "acc_1"}).read(integration_id, {})

    assert read == {
        "integrationId": integration_id,
        "source": "stripe",
        "status": "PENDING",
        "environment": "simulator",
        "referenceAccountId": "acc_1",
    }
    assert live.told == []


def test_read_of_a_looked_up_integration_needs_no_account(live: Live) -> None:
    """Where no account is named or configured, none is sent and none is recorded."""
    integration_id, _ = live.created()

    read = live.core().read(integration_id, {})

    assert read is not None
    assert "referenceAccountId" not in read
    assert live.requests == [("GET", f"/integrations/{integration_id}", None)]


def test_read_of_a_looked_up_integration_prefers_its_own_account(live: Live) -> None:
    """The account that was given to get() wins over the configured one."""
    integration_id, _ = live.created(referenceAccountId="acc_1")

    read = live.core({"referenceAccountId": "acc_2"}).read(integration_id, {"referenceAccountId": "acc_1"})

    assert read is not None
    assert read["referenceAccountId"] == "acc_1"


def test_read_keeps_a_looked_up_integration_that_is_inactive(live: Live) -> None:
    """To one who only looks, INACTIVE is a status like any other."""
    integration_id, _ = live.created()
    live.simulator.records.tell_status(integration_id, "INACTIVE")

    read = live.core().read(integration_id, {"status": "PENDING"})

    assert read is not None
    assert read["status"] == "INACTIVE"
    assert live.told == [f"note: integration {integration_id} is INACTIVE now, was PENDING."]


# What proves nothing


def not_proof() -> list[list[httpx.Response | httpx.TransportError]]:
    """Return answers that say nothing about whether an integration exists, each as often as it is asked for."""
    return [
        [refusal(401)],
        [refusal(403)],
        [refusal(429)] * 3,
        [refusal(500)] * 3,
        [refusal(503)] * 3,
        [httpx.ReadTimeout("slow")] * 3,
        [httpx.ConnectError("refused")] * 3,
    ]


@pytest.mark.parametrize("answers", [*not_proof(), [httpx.Response(200, text="<html>")] * 3])
def test_read_never_drops_state_without_proof(answers: list[httpx.Response | httpx.TransportError]) -> None:
    """An answer that proves nothing is an error, and the state keeps what it had."""
    with pytest.raises(JusttError, match=r"reading the stripe integration 'stripe-eu' \(id-1\)"):
        Scripted(answers, {"JUSTT_ON_MISSING": "gone"}).core.read("id-1", RECORDED)


@pytest.mark.parametrize("answers", not_proof())
def test_delete_never_drops_state_without_proof(answers: list[httpx.Response | httpx.TransportError]) -> None:
    """A deactivation that got no proper answer is an error, and the state keeps what it had."""
    with pytest.raises(JusttError, match=r"deactivating the stripe integration 'stripe-eu' \(id-1\)"):
        Scripted(answers, {"JUSTT_ON_MISSING": "gone"}).core.delete("id-1", RECORDED)


@pytest.mark.parametrize("operation", ["reading", "deactivating"])
def test_a_404_is_no_proof(live: Live, operation: str) -> None:
    """The state keeps an integration that answers 404, and the text names the ways out."""
    core = live.core()
    call: Callable[[], object] = {
        "reading": lambda: core.read("id-1", RECORDED),
        "deactivating": lambda: core.delete("id-1", RECORDED),
    }[operation]

    with pytest.raises(StateConflict) as conflict:
        call()

    text = str(conflict.value)
    assert text.startswith(f"{operation} {NAMED}: Justt answered 404: no such integration (errorId sim-")
    assert "check the key, the account and the environment" in text
    assert text.endswith(
        "It stays in the state, because Justt keeps every record and so a 404 does not prove that it is gone. If it "
        "is (a sandbox that was wiped), repeat this refresh or destroy with JUSTT_ON_MISSING=gone, or run `pulumi "
        "state delete` with its URN."
    )
    assert conflict.value.__cause__ is None
    assert len(live.requests) == 1


@pytest.mark.parametrize("operation", ["reading", "deactivating"])
def test_a_404_is_gone_where_the_user_says_so(live: Live, operation: str) -> None:
    """With JUSTT_ON_MISSING=gone the integration leaves the state, with a warning."""
    core = live.core(JUSTT_ON_MISSING="gone")
    call: Callable[[], object] = {
        "reading": lambda: core.read("id-1", RECORDED),
        "deactivating": lambda: core.delete("id-1", RECORDED),
    }[operation]

    assert call() is None
    assert live.told == [
        (
            f"warning: {operation} {NAMED}: Justt answered 404: no such integration; taken as gone because "
            "JUSTT_ON_MISSING=gone."
        )
    ]
    assert len(live.requests) == 1


# Another environment

ELSEWHERE = {**RECORDED, "environment": "production"}


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("reading", lambda core: core.read("id-1", ELSEWHERE)),
        ("updating", lambda core: core.update("id-1", ELSEWHERE, CHECKED)),
        ("deactivating", lambda core: core.delete("id-1", ELSEWHERE)),
    ],
)
def test_another_environment_is_refused_before_any_request(
    offline: Offline, verb: str, call: Callable[[Integrations], object]
) -> None:
    """What was recorded in one environment is not looked for in another, and no key is sent there."""
    with pytest.raises(StateConflict) as conflict:
        call(offline.core)

    assert str(conflict.value) == f"{verb} {NAMED}: {OTHER_ENVIRONMENT}"


# update


def test_update_changes_the_state_only(offline: Offline) -> None:
    """What the API knows is kept, and what the program took out is gone."""
    olds = {**RECORDED, "deactivation": {"afterDays": 7}, "allowUnlisted": True, "goLiveDate": "g"}
    news = {**CHECKED, "deactivation": {"deactivationType": "dueDate"}}

    assert offline.core.update("id-1", olds, news) == {
        **RECORDED,
        "deactivation": {"deactivationType": "dueDate"},
        "goLiveDate": "g",
    }
    assert "deactivation" not in offline.core.update("id-1", olds, CHECKED)


# delete


@pytest.mark.parametrize(
    ("policy", "kind", "date", "status"),
    [
        (None, "postingDate", "2027-01-15T08:00:00Z", "INACTIVE"),
        ({"deactivationType": "dueDate"}, "dueDate", "2027-01-15T08:00:00Z", "INACTIVE"),
        ({"afterDays": 7}, "postingDate", "2027-01-22T08:00:00Z", "PENDING"),
        ({"deactivationDate": "2027-12-31T23:59:59Z"}, "postingDate", "2027-12-31T23:59:59Z", "PENDING"),
    ],
)
def test_delete_sends_the_recorded_policy(
    live: Live, policy: dict[str, object] | None, kind: str, date: str, status: str
) -> None:
    """The body says which date of a chargeback counts, and from when on."""
    integration_id, remembered = live.created(referenceAccountId="acc_1")

    live.core().delete(integration_id, {**remembered, **({"deactivation": policy} if policy else {})})

    kept = live.simulator.records.integration(integration_id)
    assert kept is not None
    assert (kept.deactivation_type, kept.deactivation_date, kept.status) == (kind, date, status)
    assert live.requests == [("DELETE", f"/integrations/{integration_id}", "acc_1")]
    assert live.simulator.requests[0].body["integrationId"] == integration_id
    named = f"deactivating the stripe integration {remembered['externalIdentifier']!r} ({integration_id})"
    later = [f"note: {named}: it runs until {date}; the state no longer knows it."]
    assert live.told == (later if status == "PENDING" else [])


def test_delete_uses_the_recorded_account_only(live: Live) -> None:
    """A default that was configured since does not redirect the deactivation."""
    integration_id, remembered = live.created()

    live.core({"referenceAccountId": "acc_new"}).delete(integration_id, remembered)

    assert live.requests == [("DELETE", f"/integrations/{integration_id}", None)]


def test_delete_after_the_recorded_date_stops_now(live: Live) -> None:
    """A date that has passed becomes now, with a warning."""
    integration_id, remembered = live.created()

    live.core().delete(integration_id, {**remembered, "deactivation": {"deactivationDate": "2027-01-15T07:59:59Z"}})

    kept = live.simulator.records.integration(integration_id)
    assert kept is not None
    assert kept.deactivation_date == "2027-01-15T08:00:00Z"
    assert live.told == [
        (
            f"warning: deactivating the stripe integration 'stripe-eu' ({integration_id}): its deactivation date "
            "2027-01-15T07:59:59Z has passed, so it stops now."
        )
    ]


def test_delete_of_an_inactive_integration_succeeds(live: Live) -> None:
    """Deleting again what stopped already is no error, in the account that it belongs to."""
    integration_id, remembered = live.created(referenceAccountId="acc_1")
    live.core().delete(integration_id, remembered)
    live.simulator.clear_requests()

    live.core().delete(integration_id, remembered)

    assert live.requests == [
        ("DELETE", f"/integrations/{integration_id}", "acc_1"),
        ("GET", f"/integrations/{integration_id}", "acc_1"),
    ]
    assert live.told == []


def test_delete_that_is_refused_is_an_error() -> None:
    """An integration that is still active although its deactivation was refused stays in the state."""
    scripted = Scripted([refusal(400, "not today"), record("SUCCESSFUL")])

    with pytest.raises(Refused, match="Justt answered 400: not today"):
        scripted.core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE", "GET"]


def test_delete_reports_the_refusal_where_it_can_not_be_explained() -> None:
    """That the record could not be read either is not what the user has to know."""
    scripted = Scripted([refusal(400, "not today"), refusal(403, "nor that")])

    with pytest.raises(Refused, match="Justt answered 400: not today"):
        scripted.core.delete("id-1", RECORDED)


@pytest.mark.parametrize("status", [401, 403])
def test_delete_asks_no_more_where_the_key_is_refused(status: int) -> None:
    """A key that may not deactivate explains nothing, so the refusal stands."""
    scripted = Scripted([refusal(status)])

    with pytest.raises(Refused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE"]


LATER = {**RECORDED, "deactivation": {"afterDays": 7}}


def test_delete_is_scheduled_where_an_unanswered_try_explains_the_refusal() -> None:
    """After a DELETE that was never answered, a refusal means that its future date was taken, with a warning."""
    scripted = Scripted([httpx.ReadTimeout("slow"), refusal(400, "scheduled already"), record("SUCCESSFUL")])

    scripted.core.delete("id-1", LATER)

    assert scripted.methods == ["DELETE", "DELETE", "GET"]
    assert scripted.told == [
        (
            f"warning: deactivating {NAMED}: an earlier try was never answered, and this one was refused (Justt "
            "answered 400: scheduled already, after 2 tries); taken as scheduled for 2027-01-22T08:00:00Z. Look it up "
            "at Justt after that date."
        )
    ]


@pytest.mark.parametrize("policy", [LATER, RECORDED])
def test_delete_for_a_later_date_keeps_the_claim(tmp_path: Path, policy: dict[str, Any]) -> None:
    """Until that date the integration is live, and must not be taken for what a lost create has made."""
    session = Session(Scripted([]).core.settings.base_url, Journal(tmp_path))
    journal, base_url = session.journal, session.base_url
    assert journal.claim(base_url, "id-1", "urn:a") == "urn:a"

    Scripted([record("PENDING")], session=session).core.delete("id-1", policy)

    assert journal.claimed_ids(base_url) == ({"id-1"} if policy is LATER else set())


def test_delete_is_not_done_where_an_unanswered_try_should_have_stopped_it() -> None:
    """With a date that has come the record would be INACTIVE by now, so a refusal is a refusal."""
    scripted = Scripted([refusal(500), refusal(400), record("SUCCESSFUL")])

    with pytest.raises(Refused):
        scripted.core.delete("id-1", RECORDED)


@pytest.mark.parametrize("status", [300, 302, 307, 308, 402, 405, 406, 407, 411, 413, 415, 431, 451])
def test_delete_that_something_in_between_refuses_never_drops_state(status: int) -> None:
    """What a proxy, or a server in maintenance, answers says nothing of an earlier try: the state keeps it."""
    scripted = Scripted([refusal(503), refusal(status), record("SUCCESSFUL")])

    with pytest.raises(Refused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", LATER)


@pytest.mark.parametrize("status", [401, 403])
def test_delete_with_a_refused_key_never_drops_state(status: int) -> None:
    """A key that is refused says nothing about the try before it, so the integration stays in the state."""
    scripted = Scripted([refusal(500), refusal(status)])

    with pytest.raises(Refused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", LATER)


def test_a_404_after_an_unanswered_try_is_no_proof_either() -> None:
    """What another tenant's key does not see may still be there."""
    scripted = Scripted([refusal(500), refusal(404)])

    with pytest.raises(StateConflict):
        scripted.core.delete("id-1", LATER)


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.Response(204), httpx.Response(200, json={"a": 1})])
def test_delete_needs_no_body_to_have_succeeded(answer: httpx.Response) -> None:
    """A success without a body is one, and so is one with any JSON."""
    scripted = Scripted([answer])

    scripted.core.delete("id-1", RECORDED)

    assert json.loads(scripted.requests[0].content) == {
        "integrationId": "id-1",
        "deactivationType": "postingDate",
        "deactivationDate": "2027-01-15T08:00:00Z",
    }


def done_at(date: str) -> httpx.Response:
    """Return the answer to a deactivation, with the `Date` of its server."""
    return httpx.Response(200, headers={"date": date})


AT_NOW = "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize(
    ("local", "words"),
    [
        (
            NOW + timedelta(hours=1),
            (
                "3,600 s ahead of Justt's, so the date that was sent for now, 2027-01-15T09:00:00Z, is in the future "
                "for Justt, and the integration runs until then"
            ),
        ),
        (
            NOW - timedelta(seconds=62),
            ("62 s behind Justt's, so the date that was sent for now, 2027-01-15T07:58:58Z, is in Justt's past"),
        ),
    ],
)
def test_delete_says_once_that_the_clock_is_wrong(local: datetime, words: str) -> None:
    """A date that means now is another moment for Justt; it is told for the first integration, and sent as it is."""
    scripted = Scripted([done_at(AT_NOW), done_at(AT_NOW)], now=local)
    core = scripted.core

    core.delete("id-1", RECORDED)
    core.delete("id-1", {**RECORDED, "deactivation": {"deactivationDate": "2020-01-01T00:00:00Z"}})

    assert scripted.told[0] == (
        f"warning: deactivating {NAMED}: the clock of this machine is {words}. Set the clock; it is the same for all "
        "other integrations of this command."
    )
    assert [text for text in scripted.told[1:] if "clock" in text] == []
    assert json.loads(scripted.requests[0].content)["deactivationDate"] == to_vendor_time(local)


def test_delete_that_is_refused_says_that_the_clock_is_wrong() -> None:
    """A clock that is behind may be the reason of the refusal."""
    refused = httpx.Response(400, json={"message": "deactivationDate is in the past"}, headers={"date": AT_NOW})
    scripted = Scripted([refused, record("PENDING")], now=NOW - timedelta(hours=2))

    with pytest.raises(Refused):
        scripted.core.delete("id-1", RECORDED)

    assert len(scripted.told) == 1
    assert "7,200 s behind Justt's" in scripted.told[0]


@pytest.mark.parametrize(
    ("answer", "olds", "local"),
    [
        (done_at(AT_NOW), RECORDED, NOW + timedelta(seconds=60)),
        (done_at(AT_NOW), LATER, NOW + timedelta(hours=1)),
        (done_at("yesterday"), RECORDED, NOW + timedelta(hours=1)),
        (httpx.Response(200, headers={"date": AT_NOW, "age": "3600"}), RECORDED, NOW + timedelta(hours=1)),
        (httpx.Response(200), RECORDED, NOW + timedelta(hours=1)),
    ],
    ids=["a minute", "a later date", "no date", "a date kept by a cache", "no header"],
)
def test_delete_says_nothing_of_a_clock_that_does_no_harm(
    answer: httpx.Response, olds: dict[str, object], local: datetime
) -> None:
    """A minute is nothing, a date in a week is not now, and an answer without its own `Date` proves nothing."""
    scripted = Scripted([answer], now=local)

    scripted.core.delete("id-1", olds)

    assert [text for text in scripted.told if "clock" in text] == []


def login_page() -> httpx.Response:
    """Return what a proxy says that wants a login."""
    return httpx.Response(200, html="<p>Sign in</p>")


def compressed() -> httpx.Response:
    """Return an answer that no request allows."""
    return httpx.Response(200, content=iter([b"\x1f\x8b"]), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize("olds", [RECORDED, LATER])
@pytest.mark.parametrize("answer", [login_page, compressed])
def test_delete_answered_by_a_page_is_done_if_a_read_says_inactive(
    answer: Callable[[], httpx.Response], olds: dict[str, object]
) -> None:
    """A page of a proxy proves nothing, and the record does."""
    scripted = Scripted([answer(), record("INACTIVE")])

    scripted.core.delete("id-1", olds)

    assert scripted.methods == ["DELETE", "GET"]
    assert scripted.told == []


@pytest.mark.parametrize("olds", [RECORDED, LATER])
@pytest.mark.parametrize("looks", [[record("SUCCESSFUL")], [login_page(), login_page()], [refusal(404)]])
def test_delete_answered_by_a_page_keeps_the_state(looks: list[httpx.Response], olds: dict[str, object]) -> None:
    """Where no read says INACTIVE, also because a later date was asked for, the state keeps the integration."""
    scripted = Scripted([login_page(), *looks])

    with pytest.raises(Misunderstood) as raised:
        scripted.core.delete("id-1", olds)

    assert str(raised.value) == (
        f"deactivating {NAMED}: Justt answered 200 with an undocumented shape, 14 bytes that are not JSON. Justt does "
        "not show it as INACTIVE, so it stays in the state. A proxy or a login page may have answered instead of "
        "Justt: check the network and justt:baseUrl, then run the command again."
    )
    assert raised.value.__cause__ is None


def test_the_present_is_the_clocks() -> None:
    """Without another clock, now is now."""
    now = Integrations(load(), client=no_client, tell=print).now()

    assert abs(datetime.now(timezone.utc) - now) < timedelta(minutes=1)


def test_check_refuses_a_misspelt_policy(offline: Offline) -> None:
    """A key of the policy that does not exist, as raw state or a transform may have it, is told by its right name."""
    (failure,) = offline.failures({**MINIMAL, "deactivation": {"deactivationType": "dueDate", "afterdays": 5}})

    assert failure == "deactivation.afterdays: is not an argument (did you mean 'after_days'?)"


# Credentials by reference

REFERRED = {**RECORDED, "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 1}}}
del REFERRED["secretPayload"]
GIVEN = "canary-3a90be17cf42"


OTHER = {**RECORDED, "externalIdentifier": "other", "secretPayload": {"apiKey": "canary-5c17d2e0b8aa"}}


def test_reference_of_an_older_state_is_the_same_credential(offline: Offline) -> None:
    """A state of before `secretReferences` has it among the values: it moves without a request."""
    (reference,) = REFERRED["secretReferences"].values()
    older = {**RECORDED, "secretPayload": {"apiKey": reference}}

    assert offline.core.diff(older, REFERRED) == []
    assert "secretPayload" not in offline.core.update("id-1", older, REFERRED)
    rotated = {**REFERRED, "secretReferences": {"apiKey": {**reference, "version": 2}}}
    assert offline.core.diff(older, rotated) == ["secretPayload.apiKey", "secretReferences.apiKey"]
    # The other way round it is another credential: data never becomes, nor was, a reference.
    assert offline.core.diff(REFERRED, older) == ["secretPayload.apiKey", "secretReferences.apiKey"]


@pytest.mark.parametrize(
    ("referred", "text"),
    [
        (UNKNOWN, "credentials: a reference must be known when the program runs"),
        ({"apiKey": UNKNOWN}, "credentials: a reference must be known when the program runs"),
        (
            {"apiKey": {"fromEnv": UNKNOWN, "version": 1}},
            "credentials: a reference must be known when the program runs",
        ),
        ({"apiKey": "STRIPE_KEY"}, "credentials.api_key: is not a reference that from_env or from_file makes"),
        ({"apiKey": {"fromEnv": "JUSTT_API_KEY", "version": 1}}, "credentials.api_key: is not a reference that"),
        ([1], "credentials: must be an object, got [1 of item]"),
    ],
)
def test_references_that_a_program_cannot_make(offline: Offline, referred: object, text: str) -> None:
    """What a transform or a state may have in their place is refused."""
    given = {name: value for name, value in MINIMAL.items() if name != "secretPayload"}
    (failure,) = offline.failures({**given, "secretReferences": referred})

    assert failure.startswith(text)


def test_a_field_is_a_value_or_a_reference(offline: Offline) -> None:
    """Both together are what ignore_changes may leave of one that became the other."""
    both = {**MINIMAL, "secretReferences": {"apiKey": {"fromEnv": "A", "version": 1}}}

    assert offline.failures(both) == ["credentials.api_key: is given as a value and as a reference: give one of them"]


@pytest.mark.parametrize("now", [GIVEN, "canary-rotated-77a1", None], ids=["same", "rotated", "unset"])
@pytest.mark.parametrize("call", ["read", "delete", "adopt", "read another", "create another"])
def test_words_are_withheld_once_a_recorded_reference_is_met(
    monkeypatch: pytest.MonkeyPatch, call: str, now: str | None
) -> None:
    """The variable may hold another value since the create, so the words may repeat one that nobody here knows."""
    monkeypatch.delenv("STRIPE_KEY", raising=False)
    if now:
        monkeypatch.setenv("STRIPE_KEY", now)
    said = {"status": 400, "message": f"{GIVEN} has expired", "errorId": f"e-{GIVEN}"}
    refused = httpx.Response(400, json=said)
    scripted = Scripted([refused, refused])
    core = scripted.core
    if call.endswith("another"):
        core.diff(REFERRED, REFERRED)
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: core.read("id-1", REFERRED),
        "delete": lambda: core.delete("id-1", REFERRED),
        "adopt": lambda: core.create({**REFERRED, "adoptId": "id-1"}),
        "read another": lambda: core.read("id-2", OTHER),
        "create another": lambda: core.create({**OTHER, "environment": "simulator"}),
    }

    with pytest.raises(Refused) as raised:
        calls[call]()

    assert GIVEN not in str(raised.value)
    assert f"Justt answered 400: {WITHHELD}. " in str(raised.value)


def test_words_about_a_create_are_shown_if_they_do_not_repeat_the_reference_s_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a create sends is known to the process that sends it."""
    monkeypatch.setenv("STRIPE_KEY", GIVEN)
    referred = {**CHECKED, "secretReferences": REFERRED["secretReferences"]}
    del referred["secretPayload"]
    for words, shown in (("the name is taken", "the name is taken"), (f"{GIVEN.upper()} is no key", WITHHELD)):
        scripted = Scripted([httpx.Response(200, json=[]), httpx.Response(400, json={"message": words})])
        with pytest.raises(Refused) as raised:
            scripted.core.create(referred)
        assert f"Justt answered 400: {shown}. " in str(raised.value)


@pytest.mark.parametrize("met", ["check", "diff", "read", "delete"])
def test_words_about_one_resource_do_not_repeat_the_credential_of_another(met: str) -> None:
    """Each call that brings a credential teaches it to all resources of the process."""
    ok = httpx.Response(200, json={"integrationId": "id-2", "source": "stripe", "status": "PENDING"})
    refused = httpx.Response(400, json={"message": "no canary%2D5c17d2e0b8aa", "errorId": "canary-5c17d2e0b8aa"})
    scripted = Scripted([ok, refused] if met in ("read", "delete") else [refused])
    core = scripted.core
    calls: dict[str, Callable[[], object]] = {
        "check": lambda: core.check({}, OTHER),
        "diff": lambda: core.diff(OTHER, RECORDED),
        "read": lambda: core.read("id-2", OTHER),
        "delete": lambda: core.delete("id-2", OTHER),
    }
    calls[met]()

    with pytest.raises(Refused, match=f"Justt answered 400: {WITHHELD}") as raised:
        core.read("id-1", RECORDED)

    assert "errorId" not in str(raised.value)


def test_identifiers_are_no_credentials() -> None:
    """Justt's words may name the shop or the account, which a preview shows too."""
    adyen = {
        **RECORDED,
        "secretType": "HMAC",
        "secretPayload": {"hmac": CANARY, "apiKey": f"{CANARY}-2", "merchantCode": "shop-of-ours", "accountCode": "7"},
    }
    scripted = Scripted([httpx.Response(400, json={"message": "shop-of-ours has no account 7"})])

    with pytest.raises(Refused, match="Justt answered 400: shop-of-ours has no account 7"):
        scripted.core.read("id-1", adyen)


def test_words_are_withheld_if_a_credential_is_too_short_to_be_searched_for() -> None:
    """Three characters stand in any text by chance."""
    scripted = Scripted([httpx.Response(400, json={"message": "no such user", "errorId": "err-1"})])

    with pytest.raises(Refused, match=rf"{WITHHELD} \(errorId err-1\)"):
        scripted.core.read("id-1", {**RECORDED, "secretType": "X", "secretPayload": {"pin": 123, "is_live": True}})


def test_refusal_is_looked_into_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read that explains a refused deactivation knows of the credentials, too, so that its debug line is clean."""
    lines: list[str] = []
    refused = httpx.Response(400, json={"message": "no", "errorId": f"e-{GIVEN}"})
    scripted = Scripted([refused, refused])
    core = scripted.core
    monkeypatch.setattr(core.client(), "debug", lines.append)

    with pytest.raises(Refused):
        core.delete("id-1", {**RECORDED, "secretPayload": {"apiKey": GIVEN}})

    assert [line.partition("s ")[2] or "clean" for line in lines] == ["clean", "clean"]
