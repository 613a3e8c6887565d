"""The lifecycle of an integration: each call, with the simulator over a real socket and with scripted responses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.errors import WITHHELD, CreateOutcomeUnknown, JusttError, RequestRefused, StateConflict
from pulumi_justt.log import Log
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
    "call",
    [
        lambda core: core.check({**MINIMAL, "environment": "production"}, MINIMAL),
        lambda core: core.diff({**RECORDED, "environment": "production"}, CHECKED),
    ],
)
def test_create_refuses_another_environment_than_that_of_the_stack(
    offline: Offline, call: Callable[[IntegrationLifecycle], object]
) -> None:
    """After check or diff has seen that the stack is recorded in another environment, create fails."""
    core = offline.core
    call(core)

    with pytest.raises(StateConflict, match="other resources of this stack are recorded in production, and the conf"):
        core.create({**CHECKED, "externalIdentifier": "new"})


def test_override_of_a_provider_key_is_noted(live: Live) -> None:
    """If JUSTT_API_KEY_OVERRIDE replaces a provider's own key, create, read and delete each log a note.

    Resources without a provider key log no such note.
    """
    for provider in ({}, {"provider": "us"}):
        integration_id, recorded = live.core(provider, JUSTT_API_KEY_OVERRIDE="override").create(CHECKED)
        core = live.core(provider, JUSTT_API_KEY_OVERRIDE="override")
        core.read(integration_id, recorded)
        core.delete(integration_id, recorded)

    note = "JUSTT_API_KEY_OVERRIDE replaces the API key of the provider 'us', too."
    assert [text.rpartition(": ")[2] for text in live.messages if "OVERRIDE" in text] == [note] * 3


# create


def test_create_sends_one_post_and_returns_all_inputs(live: Live) -> None:
    """Create sends one list and one POST with the exact credentials, and returns the id and all inputs."""
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
    assert live.messages == []


def test_second_create_is_one_request(live: Live) -> None:
    """A process lists an account before its first create there. The second create in the account sends only a POST."""
    core = live.core()
    core.create({**CHECKED, "referenceAccountId": "acc_1"})
    live.simulator.clear_requests()

    core.create({**CHECKED, "externalIdentifier": "stripe-us", "referenceAccountId": "acc_1"})

    assert live.requests == [("POST", "/integrations", "acc_1")]


def test_create_with_adopt_lists_the_account_twice(live: Live) -> None:
    """With onAmbiguousCreate=adopt, the first create lists the account twice before its POST."""
    live.core({"onAmbiguousCreate": "adopt"}).create({**CHECKED, "referenceAccountId": "acc_1"})

    assert live.requests == [FIRST_PAGE, FIRST_PAGE, ("POST", "/integrations", "acc_1")]


def test_create_sends_only_the_given_api_fields(live: Live) -> None:
    """Create sends neither provider-only properties nor properties that the program leaves out."""
    live.core().create({**CHECKED, "deactivation": {"afterDays": 7}})

    _, post = live.simulator.requests
    assert post.method == "POST"
    assert post.body.keys() == MINIMAL.keys()
    assert post.account is None


def test_create_uses_the_status_of_the_response() -> None:
    """If the response to a POST has a status and a go-live date, create records both."""
    response = httpx.Response(
        201, json={"integrationId": "id-1", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
    )

    assert Scripted([listing(), response]).core.create(CHECKED) == (
        "id-1",
        {**CHECKED, "integrationId": "id-1", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"},
    )


def test_refused_create_fails(live: Live) -> None:
    """If Justt refuses a POST, create fails with an error that names the operation but not the credential."""
    with pytest.raises(RequestRefused, match="creating the shopify integration 'stripe-eu'") as refused:
        live.core().create({**CHECKED, "source": "shopify", "allowUnlisted": True})

    assert CANARY not in str(refused.value)
    assert live.simulator.records.integrations() == []


def test_unanswered_create_is_ambiguous() -> None:
    """If a POST gets a 500 and the list then shows a candidate, create sends no second POST.

    The error suggests to adopt the candidate.
    """
    scripted = Scripted([listing(), refusal(500), listing("id-1"), listing("id-1")])

    with pytest.raises(CreateOutcomeUnknown, match='adopt_id="id-1"'):
        scripted.core.create(CHECKED)
    assert scripted.methods == ["GET", "POST", "GET", "GET"]


# read


def test_read_updates_status_and_go_live_date_only(live: Live) -> None:
    """Read takes the status and the go-live date from the API, and everything else from the state."""
    integration_id, remembered = live.created(referenceAccountId="acc_1", allowUnlisted=True)
    live.simulator.records.set_status(integration_id, "SUCCESSFUL")
    live.simulator.records.set_go_live_date(integration_id, "2027-02-01T00:00:00Z")

    read = live.core({"referenceAccountId": "acc_other"}).read(integration_id, remembered)

    assert read == {**remembered, "status": "SUCCESSFUL", "goLiveDate": "2027-02-01T00:00:00Z"}
    assert live.requests == [("GET", f"/integrations/{integration_id}", "acc_1")]


def test_read_uses_the_recorded_account(live: Live) -> None:
    """If a default account is configured after a create without an account, `read` still sends no account."""
    integration_id, remembered = live.created()

    assert live.core({"referenceAccountId": "acc_new"}).read(integration_id, remembered) == remembered
    assert live.requests == [("GET", f"/integrations/{integration_id}", None)]


@pytest.mark.parametrize("account", ["", "ä", "a b", "a\r\nX: 1", 5])
def test_invalid_recorded_account_is_refused(live: Live, account: object) -> None:
    """If the state's reference_account_id is not a valid header value, read and delete fail and send nothing."""
    integration_id, remembered = live.created()
    for olds in ({**remembered, "referenceAccountId": account}, {"referenceAccountId": account}):
        for call in (live.core().read, live.core().delete):
            with pytest.raises(StateConflict, match=r"its recorded reference_account_id must be visible ASCII without"):
                call(integration_id, olds)
    assert live.requests == []


def test_read_warns_of_a_changed_status(live: Live) -> None:
    """If the integration has become FAILED, read logs a warning with the old status and what to do."""
    integration_id, remembered = live.created()
    live.simulator.records.set_status(integration_id, "FAILED")

    live.core().read(integration_id, remembered)

    assert live.messages == [
        (
            f"warning: the stripe integration 'stripe-eu' ({integration_id}) is FAILED now, was PENDING. Look at Justt "
            "for the reason, correct its credentials and run `pulumi up`, which replaces it; or, if it was corrected "
            "at Justt, run `pulumi refresh`."
        )
    ]


@pytest.mark.parametrize("missing", [(), ("status",)])
def test_read_notes_nothing_without_a_change(live: Live, missing: tuple[str, ...]) -> None:
    """If the status has not changed, or if the state has no status, read logs no note."""
    integration_id, remembered = live.created()

    assert live.core().read(integration_id, without(remembered, *missing)) == remembered
    assert live.messages == []


def test_read_drops_a_go_live_date_that_the_api_no_longer_returns() -> None:
    """If the API no longer returns a go-live date, read removes the recorded date from the state."""
    olds = {**RECORDED, "goLiveDate": "2027-01-01T00:00:00Z"}

    assert Scripted([record("PENDING")]).core.read("id-1", olds) == RECORDED


def test_read_drops_an_inactive_integration(live: Live) -> None:
    """If an integration is INACTIVE, read removes the resource from the state.

    A warning says that the next `pulumi up` creates a new integration if the program still has the resource.
    """
    integration_id, remembered = live.created()
    live.simulator.records.set_status(integration_id, "INACTIVE")

    assert live.core().read(integration_id, remembered) is None
    assert live.messages == [
        (
            f"warning: the stripe integration 'stripe-eu' ({integration_id}) is INACTIVE at Justt, which is final: a "
            "refresh removes it from the state, and the next `pulumi up` creates a new one if the program still has it."
        )
    ]


def test_get_returns_what_the_api_knows(live: Live) -> None:
    """`get()` without an account reads with the configured default account.

    The result has the source and the status from the API.
    """
    integration_id, _ = live.created(referenceAccountId="acc_1")

    read = live.core({"referenceAccountId": "acc_1"}).read(integration_id, {})

    assert read == {
        "integrationId": integration_id,
        "source": "stripe",
        "status": "PENDING",
        "environment": "simulator",
        "referenceAccountId": "acc_1",
    }
    assert live.messages == []


def test_get_works_without_an_account(live: Live) -> None:
    """If `get()` and the configuration name no account, read sends no account header and records no account."""
    integration_id, _ = live.created()

    read = live.core().read(integration_id, {})

    assert read is not None
    assert "referenceAccountId" not in read
    assert live.requests == [("GET", f"/integrations/{integration_id}", None)]


def test_get_prefers_its_own_account(live: Live) -> None:
    """If `get()` and the configuration name different accounts, read uses and records the account of `get()`."""
    integration_id, _ = live.created(referenceAccountId="acc_1")

    read = live.core({"referenceAccountId": "acc_2"}).read(integration_id, {"referenceAccountId": "acc_1"})

    assert read is not None
    assert read["referenceAccountId"] == "acc_1"


def test_get_keeps_an_inactive_integration(live: Live) -> None:
    """If `get()` reads an INACTIVE integration, read keeps the resource, returns the status and logs a note."""
    integration_id, _ = live.created()
    live.simulator.records.set_status(integration_id, "INACTIVE")

    read = live.core().read(integration_id, {"status": "PENDING"})

    assert read is not None
    assert read["status"] == "INACTIVE"
    assert live.messages == [f"note: integration {integration_id} is INACTIVE now, was PENDING."]


# Responses that prove nothing


def not_proof() -> list[list[httpx.Response | httpx.TransportError]]:
    """Return responses that don't show whether an integration exists, each repeated for all attempts."""
    return [
        [refusal(401)],
        [refusal(403)],
        [refusal(429)] * 3,
        [refusal(500)] * 3,
        [refusal(503)] * 3,
        [httpx.ReadTimeout("slow")] * 3,
        [httpx.ConnectError("refused")] * 3,
    ]


@pytest.mark.parametrize("responses", [*not_proof(), [httpx.Response(200, text="<html>")] * 3])
def test_read_never_drops_state_without_proof(responses: list[httpx.Response | httpx.TransportError]) -> None:
    """If a response doesn't show whether the integration exists, read fails, even with JUSTT_ON_MISSING=gone.

    The resource stays in the state.
    """
    with pytest.raises(JusttError, match=r"reading the stripe integration 'stripe-eu' \(id-1\)"):
        Scripted(responses, {"JUSTT_ON_MISSING": "gone"}).core.read("id-1", RECORDED)


@pytest.mark.parametrize("responses", not_proof())
def test_delete_never_drops_state_without_proof(responses: list[httpx.Response | httpx.TransportError]) -> None:
    """If a DELETE gets no valid response, delete fails, even with JUSTT_ON_MISSING=gone.

    The resource stays in the state.
    """
    with pytest.raises(JusttError, match=r"deactivating the stripe integration 'stripe-eu' \(id-1\)"):
        Scripted(responses, {"JUSTT_ON_MISSING": "gone"}).core.delete("id-1", RECORDED)


@pytest.mark.parametrize("operation", ["reading", "deactivating"])
def test_404_keeps_the_integration_in_the_state(live: Live, operation: str) -> None:
    """If read or delete gets a 404, the call fails and the integration stays in the state.

    The error says how to remove it from the state.
    """
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
        "is gone, for example because a sandbox was wiped, repeat this refresh or destroy with JUSTT_ON_MISSING=gone, "
        "or run `pulumi state delete` with its URN."
    )
    assert conflict.value.__cause__ is None
    assert len(live.requests) == 1


@pytest.mark.parametrize("operation", ["reading", "deactivating"])
def test_404_drops_the_integration_if_on_missing_is_gone(live: Live, operation: str) -> None:
    """If read or delete gets a 404 with JUSTT_ON_MISSING=gone, the integration leaves the state with a warning."""
    core = live.core(JUSTT_ON_MISSING="gone")
    call: Callable[[], object] = {
        "reading": lambda: core.read("id-1", RECORDED),
        "deactivating": lambda: core.delete("id-1", RECORDED),
    }[operation]

    assert call() is None
    assert live.messages == [
        (
            f"warning: {operation} {NAMED}: Justt answered 404: no such integration; treated as gone because "
            "JUSTT_ON_MISSING=gone."
        )
    ]
    assert len(live.requests) == 1


# Another environment

ELSEWHERE = {**RECORDED, "environment": "production"}


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("reading", lambda core: core.read("id-1", ELSEWHERE)),
        ("updating", lambda core: core.update("id-1", ELSEWHERE, CHECKED)),
        ("deactivating", lambda core: core.delete("id-1", ELSEWHERE)),
    ],
)
def test_another_environment_is_refused_before_any_request(
    offline: Offline, operation: str, call: Callable[[IntegrationLifecycle], object]
) -> None:
    """If the state was recorded in another environment, read, update and delete fail and send nothing."""
    with pytest.raises(StateConflict) as conflict:
        call(offline.core)

    assert str(conflict.value) == f"{operation} {NAMED}: {OTHER_ENVIRONMENT}"


# update


def test_update_changes_only_the_state(offline: Offline) -> None:
    """Update sends no request.

    The state keeps the values from the API, and loses inputs that the program has removed.
    """
    olds = {**RECORDED, "deactivation": {"afterDays": 7}, "allowUnlisted": True, "goLiveDate": "g"}
    news = {**CHECKED, "deactivation": {"deactivationType": "dueDate"}}

    assert offline.core.update("id-1", olds, news) == {
        **RECORDED,
        "deactivation": {"deactivationType": "dueDate"},
        "goLiveDate": "g",
    }
    assert "deactivation" not in offline.core.update("id-1", olds, CHECKED)


def test_default_clock_is_the_real_one() -> None:
    """If no clock is injected, `now` returns the current time."""
    now = IntegrationLifecycle(load(), client=no_client, log=Log(print)).now()

    assert abs(datetime.now(timezone.utc) - now) < timedelta(minutes=1)


# Credentials by reference

REFERRED = {
    **without(RECORDED, "secretPayload"),
    "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 1}},
}
GIVEN = "canary-3a90be17cf42"


OTHER = {**RECORDED, "externalIdentifier": "other", "secretPayload": {"apiKey": "canary-5c17d2e0b8aa"}}


def test_reference_of_an_older_state_is_the_same_credential(offline: Offline) -> None:
    """If an older state has a reference in `secretPayload`, diff treats it as equal to one in `secretReferences`.

    Update moves the reference. A new version of the reference, or plain data in its place, is a replacement.
    """
    (reference,) = REFERRED["secretReferences"].values()
    older = {**RECORDED, "secretPayload": {"apiKey": reference}}

    assert offline.core.diff(older, REFERRED) == []
    assert "secretPayload" not in offline.core.update("id-1", older, REFERRED)
    rotated = {**REFERRED, "secretReferences": {"apiKey": {**reference, "version": 2}}}
    assert offline.core.diff(older, rotated) == ["secretPayload.apiKey", "secretReferences.apiKey"]
    # A reference that becomes plain data is a changed credential: plain data is never a reference.
    assert offline.core.diff(REFERRED, older) == ["secretPayload.apiKey", "secretReferences.apiKey"]


@pytest.mark.parametrize("now", [GIVEN, "canary-rotated-77a1", None], ids=["same", "rotated", "unset"])
@pytest.mark.parametrize("call", ["read", "delete", "adopt", "read another", "create another"])
def test_message_is_withheld_after_a_recorded_reference_is_seen(
    monkeypatch: pytest.MonkeyPatch, call: str, now: str | None
) -> None:
    """Once a process has seen a recorded reference, it withholds Justt's error messages.

    The variable may have changed since the create, so a message may contain a value that the redactor doesn't know.
    """
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


def test_message_of_a_create_is_shown_unless_it_repeats_the_reference_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Create resolves a reference, so the redactor knows its value.

    Justt's error message is shown unless it contains that value.
    """
    monkeypatch.setenv("STRIPE_KEY", GIVEN)
    referred = {**CHECKED, "secretReferences": REFERRED["secretReferences"]}
    del referred["secretPayload"]
    for message, shown in (("the name is taken", "the name is taken"), (f"{GIVEN.upper()} is no key", WITHHELD)):
        scripted = Scripted([httpx.Response(200, json=[]), httpx.Response(400, json={"message": message})])
        with pytest.raises(RequestRefused) as raised:
            scripted.core.create(referred)
        assert f"Justt answered 400: {shown}. " in str(raised.value)


@pytest.mark.parametrize("source_call", ["check", "diff", "read", "delete"])
def test_message_never_repeats_the_credential_of_another_resource(source_call: str) -> None:
    """After any call has received a credential, the process withholds every message that contains it.

    The message may belong to a call for another resource.
    """
    ok = httpx.Response(200, json={"integrationId": "id-2", "source": "stripe", "status": "PENDING"})
    refused = httpx.Response(400, json={"message": "no canary%2D5c17d2e0b8aa", "errorId": "canary-5c17d2e0b8aa"})
    scripted = Scripted([ok, refused] if source_call in ("read", "delete") else [refused])
    core = scripted.core
    calls: dict[str, Callable[[], object]] = {
        "check": lambda: core.check({}, OTHER),
        "diff": lambda: core.diff(OTHER, RECORDED),
        "read": lambda: core.read("id-2", OTHER),
        "delete": lambda: core.delete("id-2", OTHER),
    }
    calls[source_call]()

    with pytest.raises(RequestRefused, match=f"Justt answered 400: {WITHHELD}") as raised:
        core.read("id-1", RECORDED)

    assert "errorId" not in str(raised.value)


def test_identifiers_are_not_redacted() -> None:
    """Justt's error message is shown even if it contains the merchant code or account code from the credentials."""
    adyen = {
        **RECORDED,
        "secretType": "HMAC",
        "secretPayload": {"hmac": CANARY, "apiKey": f"{CANARY}-2", "merchantCode": "shop-of-ours", "accountCode": "7"},
    }
    scripted = Scripted([httpx.Response(400, json={"message": "shop-of-ours has no account 7"})])

    with pytest.raises(RequestRefused, match="Justt answered 400: shop-of-ours has no account 7"):
        scripted.core.read("id-1", adyen)


def test_message_is_withheld_if_a_credential_is_too_short_to_search_for() -> None:
    """If a credential has only three characters, Justt's error message is withheld, but a safe errorId is shown.

    Such a short text may occur in any message by chance.
    """
    scripted = Scripted([httpx.Response(400, json={"message": "no such user", "errorId": "err-1"})])

    with pytest.raises(RequestRefused, match=rf"{WITHHELD} \(errorId err-1\)"):
        scripted.core.read("id-1", {**RECORDED, "secretType": "X", "secretPayload": {"pin": 123, "is_live": True}})


def test_read_after_a_refused_delete_logs_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a DELETE is refused, the debug lines of the DELETE and of the following GET contain no credential."""
    lines: list[str] = []
    refused = httpx.Response(400, json={"message": "no", "errorId": f"e-{GIVEN}"})
    scripted = Scripted([refused, refused])
    core = scripted.core
    monkeypatch.setattr(core.client(), "debug", lines.append)

    with pytest.raises(RequestRefused):
        core.delete("id-1", {**RECORDED, "secretPayload": {"apiKey": GIVEN}})

    assert [line.partition("s ")[2] or "clean" for line in lines] == ["clean", "clean"]
