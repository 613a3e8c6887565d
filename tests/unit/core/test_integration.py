"""The lifecycle: what each call does, against the simulator over a real socket and against scripted answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.errors import WITHHELD, CreateOutcomeUnknown, JusttError, RequestRefused, StateConflict
from pulumi_justt.simulator import payload_digest
from support.live_core import Live
from support.scripted_client import (
    CANARY,
    CHECKED,
    MINIMAL,
    NAMED,
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


@pytest.mark.parametrize(
    "seen",
    [
        lambda core: core.check({**MINIMAL, "environment": "production"}, MINIMAL),
        lambda core: core.diff({**RECORDED, "environment": "production"}, CHECKED),
    ],
)
def test_create_refuses_another_environment_than_the_stacks(
    offline: Offline, seen: Callable[[IntegrationLifecycle], object]
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
    with pytest.raises(RequestRefused, match="creating the shopify integration 'stripe-eu'") as refused:
        live.core().create({**CHECKED, "source": "shopify", "allowUnlisted": True})

    assert CANARY not in str(refused.value)
    assert live.simulator.records.integrations() == []


def test_create_that_is_not_answered_is_ambiguous() -> None:
    """A POST that may have been processed is not repeated where something new is listed that it may have made."""
    scripted = Scripted([listing(), refusal(500), listing("id-1"), listing("id-1")])

    with pytest.raises(CreateOutcomeUnknown, match='adopt_id="id-1"'):
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
    offline: Offline, verb: str, call: Callable[[IntegrationLifecycle], object]
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


def test_the_present_is_the_clocks() -> None:
    """Without another clock, now is now."""
    now = IntegrationLifecycle(load(), client=no_client, tell=print).now()

    assert abs(datetime.now(timezone.utc) - now) < timedelta(minutes=1)


# Credentials by reference

REFERRED = {
    **without(RECORDED, "secretPayload"),
    "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 1}},
}
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

    with pytest.raises(RequestRefused) as raised:
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
        with pytest.raises(RequestRefused) as raised:
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

    with pytest.raises(RequestRefused, match=f"Justt answered 400: {WITHHELD}") as raised:
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

    with pytest.raises(RequestRefused, match="Justt answered 400: shop-of-ours has no account 7"):
        scripted.core.read("id-1", adyen)


def test_words_are_withheld_if_a_credential_is_too_short_to_be_searched_for() -> None:
    """Three characters stand in any text by chance."""
    scripted = Scripted([httpx.Response(400, json={"message": "no such user", "errorId": "err-1"})])

    with pytest.raises(RequestRefused, match=rf"{WITHHELD} \(errorId err-1\)"):
        scripted.core.read("id-1", {**RECORDED, "secretType": "X", "secretPayload": {"pin": 123, "is_live": True}})


def test_refusal_is_looked_into_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read that explains a refused deactivation knows of the credentials, too, so that its debug line is clean."""
    lines: list[str] = []
    refused = httpx.Response(400, json={"message": "no", "errorId": f"e-{GIVEN}"})
    scripted = Scripted([refused, refused])
    core = scripted.core
    monkeypatch.setattr(core.client(), "debug", lines.append)

    with pytest.raises(RequestRefused):
        core.delete("id-1", {**RECORDED, "secretPayload": {"apiKey": GIVEN}})

    assert [line.partition("s ")[2] or "clean" for line in lines] == ["clean", "clean"]
