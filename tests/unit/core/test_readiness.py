"""The core of `IntegrationReady`: each row of its table, with scripted responses and a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from pulumi_justt.api.call import Call
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.core.session import Session
from pulumi_justt.errors import WITHHELD, CancelledError, NotReady, RequestRefused, StateConflict, UnexpectedResponse
from pulumi_justt.log import SILENT, Log
from pulumi_justt.simulator import Fault, SimulatorServer

CANARY = "canary-51d0ab7e93"
INPUTS: dict[str, Any] = {
    "integrationId": "id-1",
    "externalIdentifier": "stripe-eu",
    "source": "stripe",
    "timeoutSeconds": 100,
    "environment": "simulator",
}
RECORDED = {**INPUTS, "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
NAMED = "the stripe integration 'stripe-eu' (id-1)"
FAILED_REMEDIATION = (
    "It stays in the state. Look at Justt for the reason, correct its credentials and run `pulumi up`, which replaces "
    "it; or, if it was corrected at Justt, only run `pulumi up` again."
)


def load(**environ: str) -> Settings:
    """Return settings that reach only this machine; their default account must never be used by a wait."""
    config = {"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key", "referenceAccountId": "acc_default"}
    return Settings.load(config, environ)


def no_client() -> NoReturn:
    """Fail the test that sends a request."""
    raise AssertionError("a request was about to be sent")


def record(status: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - any field
    """Return a response with the bare record."""
    return httpx.Response(200, json={"integrationId": "id-1", "source": "stripe", "status": status, **more})


def enveloped(status: str, message: str) -> httpx.Response:
    """Return a response with the record in an envelope that has a message."""
    data = {"integrationId": "id-1", "source": "stripe", "status": status}
    return httpx.Response(200, json={"status": 200, "message": message, "data": data})


@dataclass
class TimedCore:
    """The core with an API whose responses depend on the time, which passes only during a sleep.

    Args:
        responses: The response from each time on.
        took: Seconds until each response.
        leaves_at: The time at which the engine exits.
        random: The value that determines the jitter.
    """

    responses: Mapping[float, httpx.Response | httpx.ReadError]
    environ: dict[str, str] = field(default_factory=dict)
    took: float = 0.0
    leaves_at: float = float("inf")
    random: float = 0.5
    now: float = 0.0
    requested: list[float] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    messages: list[tuple[float, str]] = field(default_factory=list)
    session: Session = field(default_factory=lambda: Session("http://127.0.0.1:9/v1"))
    policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=1))
    knows_credentials: bool = True

    @property
    def core(self) -> ReadinessLifecycle:
        """Build the lifecycle, with a client of this API."""
        if self.knows_credentials:
            self.session.redactor.add_secrets({"apiKey": CANARY})
            self.session.redactor.add_integration("id-1")
        settings = load(**self.environ)
        client = JusttClient(
            settings,
            transport=httpx.MockTransport(self._respond),
            policy=self.policy,
            clock=lambda: self.now,
            sleep=self._sleep,
            uniform=lambda: self.random,
        )
        return ReadinessLifecycle(
            settings,
            client=lambda: client,
            log=Log(lambda text: self.messages.append((self.now, text))),
            call=lambda: Call(is_cancelled=lambda: self.now >= self.leaves_at),
            session=self.session,
            clock=lambda: self.now,
            sleep=self._sleep,
            uniform=lambda: self.random,
        )

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds < 20
        self.now += seconds

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requested.append(self.now)
        self.requests.append(request)
        self.now += self.took
        response = self.responses[max(moment for moment in self.responses if moment <= self.requested[-1])]
        if isinstance(response, httpx.ReadError):
            raise response
        return httpx.Response(response.status_code, content=response.content)


PENDING = {0.0: record("PENDING")}


def until(moment: float, then: httpx.Response) -> TimedCore:
    """Return an API that responds with PENDING until *moment*, and then with *then*."""
    return TimedCore({**PENDING, moment: then})


def offline() -> ReadinessLifecycle:
    """Return the lifecycle without a client, for tests in which any request must fail."""
    return ReadinessLifecycle(load(), client=no_client, log=Log(print))


# check


def test_check_adds_only_the_environment() -> None:
    """Check adds the environment, but not the configured default account.

    A wait uses the account of its integration, or none.
    """
    news = {name: value for name, value in INPUTS.items() if name != "environment"}

    checked = offline().check({}, {**news, "referenceAccountId": None})

    assert (checked.inputs, checked.failures) == (INPUTS, [])


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"timeoutSeconds": 0}, "timeout_seconds: must be greater than or equal to 1"),
        ({"timeoutSeconds": 86_401}, "timeout_seconds: must be less than or equal to 86400"),
        ({"timeoutSeconds": 1.5}, "timeout_seconds: must be a whole number"),
        ({"timeoutSeconds": "300"}, "timeout_seconds: must be a whole number, got text"),
        ({"timeoutSeconds": True}, "timeout_seconds: must be a whole number, got true/false"),
        ({"integrationId": None}, "integration: is required"),
        ({"integrationId": ""}, "integration: must not be empty"),
        ({"timeout": 5}, "timeout: is not an argument (did you mean 'timeout_seconds'?)"),
        ({"timeout": UNKNOWN}, "timeout: is not an argument (did you mean 'timeout_seconds'?)"),
        (
            {"environment": "sandbox"},
            (
                "environment: one resource cannot choose it, and the configuration says simulator: remove it here, and "
                "set justt:environment for the stack, or environment on a provider resource"
            ),
        ),
    ],
)
def test_check_names_invalid_arguments(changes: Mapping[str, object], failure: str) -> None:
    """If an argument is invalid, the failure of check uses the argument's name in the program."""
    assert offline().check({}, {**INPUTS, **changes}).failures == [failure]


@pytest.mark.parametrize("seconds", [1, 300, 86_400])
def test_check_accepts_a_timeout_of_up_to_a_day(seconds: int) -> None:
    """Check accepts a timeout_seconds between one second and one day."""
    assert offline().check({}, {**INPUTS, "timeoutSeconds": seconds}).failures == []


def test_check_refuses_another_environment() -> None:
    """If the state was recorded in another environment, check refuses the wait."""
    assert offline().check({**INPUTS, "environment": "production"}, INPUTS).failures == [
        (
            "environment: this integration was created in production, and the configuration says simulator: set "
            "justt:environment and justt:baseUrl (or their variables) back, or use another stack for each environment"
        )
    ]


@pytest.mark.parametrize("name", sorted(INPUTS.keys() - {"environment"}))
def test_check_accepts_values_that_a_preview_does_not_know(name: str) -> None:
    """If an input is unknown in a preview, check accepts it and keeps it unknown."""
    checked = offline().check({}, {**INPUTS, name: UNKNOWN})

    assert (checked.inputs[name], checked.failures) == (UNKNOWN, [])


def test_unknown_account_in_a_preview_of_the_same_integration_is_no_change() -> None:
    """If only the account is unknown in a preview, and the state has none, check drops it.

    With another integration or a recorded account, the account stays unknown.
    """
    unknown = {**INPUTS, "referenceAccountId": UNKNOWN}

    assert offline().check(INPUTS, unknown).inputs == INPUTS
    assert offline().check({**INPUTS, "integrationId": "id-0"}, unknown).inputs == unknown
    assert offline().check({**INPUTS, "referenceAccountId": "acc"}, unknown).inputs == unknown


def test_failed_without_a_message_is_read_once() -> None:
    """If a GET shows FAILED without a message, create fails and sends no second GET.

    Only a record from a list is read again.
    """
    vendor = TimedCore({0.0: record("FAILED")})

    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert len(vendor.requests) == 1


# diff, update, delete


def test_only_another_integration_replaces() -> None:
    """If the integration's id changes or is unknown, diff replaces the wait. Other changes update it in place."""
    core = offline()

    assert core.diff(RECORDED, INPUTS) == []
    assert core.diff(RECORDED, {**INPUTS, "integrationId": "id-2"}) == ["integrationId"]
    assert core.diff(RECORDED, {**INPUTS, "integrationId": UNKNOWN}) == ["integrationId"]
    assert core.diff(RECORDED, {**INPUTS, "timeoutSeconds": UNKNOWN, "externalIdentifier": "renamed"}) == []


def test_old_integration_stays_until_its_replacement_is_ready() -> None:
    """If the wait for a replacement fails, the delete of the old integration is refused.

    Once the new integration is ready, the old one can be deleted.
    """
    vendor = TimedCore({0.0: record("FAILED"), 10.0: record("SUCCESSFUL")})
    core, old = vendor.core, {**RECORDED, "integrationId": "id-0"}
    integrations = IntegrationLifecycle(load(), client=no_client, log=Log(print), session=vendor.session)
    core.diff(old, {**INPUTS, "integrationId": UNKNOWN})
    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")

    core.diff(old, INPUTS)
    with pytest.raises(NotReady):
        core.create(INPUTS)
    with pytest.raises(StateConflict) as caught:
        integrations.delete("id-0", {"externalIdentifier": "stripe-eu", "source": "stripe"})

    assert str(caught.value) == (
        "deactivating the stripe integration 'stripe-eu' (id-0): its replacement is not ready, so it stays active "
        "and in the state. The next `pulumi up` that finds the new one ready deactivates it. To deactivate it now, "
        "remove the IntegrationReady from the program."
    )
    assert not vendor.session.ownership.is_awaited_by("urn", "id-1")
    vendor.now = 10.0
    core.create(INPUTS)
    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")


def test_two_old_integrations_stay_until_their_replacement_is_ready() -> None:
    """If two waits change to the same new integration, both old integrations stay active until the new one is ready."""
    vendor = TimedCore({0.0: record("SUCCESSFUL")})
    for before in ("id-0", "id-9"):
        vendor.core.diff({**RECORDED, "integrationId": before}, INPUTS)
    assert vendor.session.ownership.is_awaited_by("urn", "id-0")
    assert vendor.session.ownership.is_awaited_by("urn", "id-9")

    vendor.core.create(INPUTS)

    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")
    assert not vendor.session.ownership.is_awaited_by("urn", "id-9")


@pytest.mark.parametrize("command", ["this command", "another"])
def test_wait_in_another_process_keeps_the_replaced_integration(tmp_path: Path, command: str) -> None:
    """If a wait fails in another process of the same command, the delete of the replaced integration is refused.

    A wait in another command has no such effect.
    """
    vendor = TimedCore({0.0: record("FAILED"), 10.0: record("SUCCESSFUL")})
    base_url = vendor.session.base_url
    vendor.session = Session(base_url, Journal(tmp_path, command="this command"))
    creating, deleting = (Session(base_url, Journal(tmp_path, command=name)) for name in ("this command", command))
    creating.ownership.note_created("urn:new", "id-1")
    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert deleting.ownership.is_awaited_by("urn:new", "id-0") == (command == "this command")
    assert not deleting.ownership.is_awaited_by("urn:new", "id-1")
    assert not deleting.ownership.is_awaited_by("urn:another", "id-0")
    vendor.now = 10.0
    vendor.core.create(INPUTS)
    assert not deleting.ownership.is_awaited_by("urn:new", "id-0")


def test_wait_keeps_the_replaced_integration_of_a_renamed_resource() -> None:
    """If a wait fails, the integration that a renamed resource replaces is kept.

    The engine deletes that integration under the former name, but called diff for its id under the new name.
    """
    vendor = TimedCore({0.0: record("FAILED")})
    ownership = vendor.session.ownership
    ownership.note_check("urn:new", {})
    ownership.note_diff("urn:new", "id-0", is_replaced=True)
    ownership.note_created("urn:new", "id-1")
    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert ownership.is_awaited_by("urn:former", "id-0")
    assert not ownership.is_awaited_by("urn:former", "id-9")


def test_new_wait_keeps_the_integration_that_its_integration_replaces() -> None:
    """If a wait is new in the update that replaces its integration, and fails, the replaced integration is kept.

    The provider knows it from the integration's own create.
    """
    vendor = TimedCore({0.0: record("FAILED"), 10.0: record("SUCCESSFUL")})
    ownership = vendor.session.ownership
    ownership.note_created("urn", "id-1")
    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert ownership.is_awaited_by("urn", "id-0")
    assert not ownership.is_awaited_by("urn", "id-1")
    assert not ownership.is_awaited_by("urn of another PSP with the same external identifier", "id-0")
    vendor.now = 10.0
    vendor.core.create(INPUTS)
    assert not ownership.is_awaited_by("urn", "id-0")


def test_a_wait_with_only_an_id_may_be_for_an_integration_of_this_stack() -> None:
    """A program of the plugin may give only the id. If this stack has the integration, the wait is for its own."""
    vendor = TimedCore({0.0: record("FAILED")})
    vendor.session.ownership.note_created("urn", "id-1")
    with pytest.raises(NotReady, match="correct its credentials and run `pulumi up`"):
        vendor.core.create({"integrationId": "id-1", "environment": "simulator"})

    assert vendor.session.ownership.is_awaited_by("urn", "id-0")


def test_a_wait_of_the_plugin_has_a_default_account() -> None:
    """If the program names no account, check and an import fill in the default, as for an integration."""
    core = replace(TimedCore({0.0: record("SUCCESSFUL")}).core, copies_account=False)
    given = {"integrationId": "id-1"}

    assert core.check({}, given).inputs["referenceAccountId"] == "acc_default"
    assert core.check({}, {**given, "referenceAccountId": "acc_2"}).inputs["referenceAccountId"] == "acc_2"
    imported = core.read("id-1", {})
    assert imported is not None
    assert imported["referenceAccountId"] == "acc_default"
    assert core.check(imported, given).inputs == {
        name: value for name, value in imported.items() if name not in ("status", "goLiveDate")
    }
    recorded = core.read("id-1", {**given, "environment": "simulator", "status": "SUCCESSFUL"})
    assert recorded is not None
    assert "referenceAccountId" not in recorded


def test_wait_for_a_foreign_integration_keeps_nothing() -> None:
    """If the wait for an integration of another stack fails, no integration of this stack is kept from deletion."""
    vendor = TimedCore({0.0: record("FAILED")})
    theirs = {name: value for name, value in INPUTS.items() if name not in ("externalIdentifier", "source")}
    with pytest.raises(NotReady):
        vendor.core.create(theirs)

    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")


def test_update_and_delete_send_nothing() -> None:
    """Update stores the new timeout, keeps the outputs and drops removed arguments.

    Neither update nor delete sends a request.
    """
    news = {**INPUTS, "timeoutSeconds": 5}

    updated = offline().update("id-1", {**RECORDED, "referenceAccountId": "acc"}, news)
    offline().delete("id-1", RECORDED)

    assert updated == {**RECORDED, "timeoutSeconds": 5}


@pytest.mark.parametrize("operation", ["read", "update"])
def test_another_environment_is_refused(operation: str) -> None:
    """If the state was recorded in another environment, read and update fail and send nothing."""
    olds = {**RECORDED, "environment": "production"}
    calls: dict[str, Callable[[ReadinessLifecycle], object]] = {
        "read": lambda core: core.read("id-1", olds),
        "update": lambda core: core.update("id-1", olds, INPUTS),
    }

    with pytest.raises(StateConflict, match="it was recorded in production, and the configuration says simulator"):
        calls[operation](offline())


# create


@pytest.mark.parametrize("account", [None, "acc_42"])
def test_ready_integration_is_not_waited_for(account: str | None) -> None:
    """If the integration is SUCCESSFUL, create sends one GET with the integration's account, and logs no message."""
    vendor = TimedCore({0.0: record("SUCCESSFUL", goLiveDate="2027-01-01T00:00:00Z")})
    inputs = INPUTS if account is None else {**INPUTS, "referenceAccountId": account}

    made = vendor.core.create(inputs)

    assert made == ("id-1", {**inputs, "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"})
    assert [(each.method, each.url.path) for each in vendor.requests] == [("GET", "/integrations/id-1")]
    assert vendor.requests[0].headers.get("reference-account-id") == account
    assert vendor.messages == []


def test_polling_slows_down_to_every_fifteen_seconds() -> None:
    """During a wait, the first GET is immediate, the second follows within a second, and later pauses grow to 15 s."""
    vendor = until(80.0, record("SUCCESSFUL"))
    vendor.random = 1.0

    vendor.core.create(INPUTS)

    pauses = [after - before for before, after in zip(vendor.requested, vendor.requested[1:], strict=False)]
    assert vendor.requested[0] == 0.0
    assert pauses == pytest.approx([1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 15.0, 15.0, 15.0, 15.0])


def test_polling_has_jitter() -> None:
    """Jitter shortens each pause between two GETs by up to half, so concurrent waits spread out."""
    vendor = until(80.0, record("SUCCESSFUL"))
    vendor.random = 0.0

    vendor.core.create(INPUTS)

    pauses = [after - before for before, after in zip(vendor.requested, vendor.requested[1:], strict=False)]
    assert pauses[:3] == pytest.approx([0.5, 0.75, 1.125])
    assert max(pauses) == pytest.approx(7.5)


def test_unknown_status_keeps_waiting() -> None:
    """If the status is unknown to the provider, create keeps waiting until it is SUCCESSFUL."""
    vendor = TimedCore({0.0: record("IN_REVIEW"), 30.0: record("SUCCESSFUL")})

    assert vendor.core.create(INPUTS)[1]["status"] == "SUCCESSFUL"
    assert vendor.messages[0][1].endswith("its status is IN_REVIEW after 0 s of at most 100 s.")


def test_wait_logs_a_note_every_half_minute() -> None:
    """During a wait, create logs a note after the first GET, and then one every half minute."""
    vendor = until(95.0, record("SUCCESSFUL"))

    vendor.core.create(INPUTS)

    assert [text for _, text in vendor.messages] == [
        f"note: waiting for {NAMED}: its status is PENDING after {seconds} s of at most 100 s."
        for seconds in (0, 30, 61, 91)
    ]
    assert [moment for moment, _ in vendor.messages] == pytest.approx([0, 30, 61, 91], abs=1.0)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (record("FAILED"), ""),
        (record("FAILED", message=None), ""),
        (record("FAILED", message=["no", "text"]), ""),
        (enveloped("FAILED", "OK"), ""),
        (enveloped("FAILED", "Success!"), ""),
        (record("FAILED", message="the key was revoked"), ": the key was revoked"),
        (enveloped("FAILED", "the key was revoked"), ": the key was revoked"),
        (enveloped("FAILED", "it was revoked,\n\x1b[31mlook"), ": it was revoked, [31mlook"),
        (enveloped("FAILED", f"{CANARY} was revoked"), f": {WITHHELD}"),
    ],
)
def test_failed_ends_the_wait_with_the_vendor_message(response: httpx.Response, message: str) -> None:
    """If the status becomes FAILED, create fails and quotes Justt's message if it says more than "OK".

    A message that contains a credential is withheld.
    """
    vendor = until(10.0, response)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == f"waiting for {NAMED}: its status is FAILED{message}. {FAILED_REMEDIATION}"


def test_message_is_withheld_if_the_credentials_are_unknown() -> None:
    """If the process has not seen the credentials of a FAILED integration, create withholds Justt's message."""
    vendor = TimedCore({0.0: enveloped("FAILED", f"{CANARY} was revoked")}, knows_credentials=False)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == f"waiting for {NAMED}: its status is FAILED: {WITHHELD}. {FAILED_REMEDIATION}"


def test_create_and_diff_make_the_credentials_known_to_the_wait() -> None:
    """After create or diff of an integration, the redactor can search the wait's messages for its credentials.

    For another integration, the redactor is incomplete.
    """
    inputs = {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": CANARY},
        "environment": "simulator",
    }

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[] if request.method == "GET" else {"integrationId": "id-new"})

    client = JusttClient(load(), transport=httpx.MockTransport(respond))
    session = Session("http://127.0.0.1:9/v1")
    core = IntegrationLifecycle(load(), client=lambda: client, log=Log(print), session=session)
    core.create(inputs)
    core.diff({**inputs, "integrationId": "id-old"}, inputs)

    for integration_id in ("id-new", "id-old"):
        session.redactor.expect_integration(integration_id)
    assert not session.redactor.is_clean(CANARY)
    assert session.redactor.is_complete
    session.redactor.expect_integration("id-other")
    assert not session.redactor.is_complete


def test_inactive_ends_the_wait() -> None:
    """If the integration becomes INACTIVE during the wait, create fails. The error says to run a refresh."""
    with pytest.raises(NotReady) as caught:
        until(10.0, record("INACTIVE")).core.create(INPUTS)

    assert str(caught.value) == (
        f"waiting for {NAMED}: its status is INACTIVE. That is final. Run `pulumi refresh`, which removes it from the "
        "state, and then `pulumi up`, which creates a new one."
    )


@pytest.mark.parametrize("status", ["FAILED", "INACTIVE"])
def test_failed_foreign_integration_must_be_fixed_by_its_owner(status: str) -> None:
    """If an integration that this stack does not manage is FAILED or INACTIVE, the error refers to its owner."""
    inputs = {name: value for name, value in INPUTS.items() if name != "externalIdentifier"}

    with pytest.raises(NotReady) as caught:
        TimedCore({0.0: record(status)}).core.create(inputs)

    assert str(caught.value) == (
        f"waiting for integration id-1: its status is {status}. This stack does not manage it: have its owner "
        "correct it, then run `pulumi up` again, which waits again."
    )


def test_wait_ends_at_its_timeout() -> None:
    """If the status is still PENDING at the timeout, create sends a last GET and fails.

    The error has the status, the seconds and what to do.
    """
    vendor = TimedCore(PENDING)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == (
        f"waiting for {NAMED}: its status is PENDING after 100 s. It stays in the state. Check at Justt why it "
        "is not ready, and run `pulumi up` again, which waits again, or give the IntegrationReady more timeout_seconds."
    )
    assert vendor.requested[-1] == vendor.now == 100.0


def test_timeout_counts_from_the_start_of_the_wait() -> None:
    """The time of slow GETs counts toward the timeout. The default timeout is 300 seconds."""
    vendor = TimedCore(PENDING, took=7.0, now=1_000.0)
    inputs = {name: value for name, value in INPUTS.items() if name != "timeoutSeconds"}

    with pytest.raises(NotReady, match="PENDING after 300 s"):
        vendor.core.create(inputs)

    assert 1_300.0 <= vendor.now <= 1_307.0


def test_unreachable_api_is_one_warning_and_the_wait_continues() -> None:
    """If GETs fail during the wait because of the network, create logs one warning and keeps waiting."""
    lost = httpx.ReadError("x")
    vendor = TimedCore({**PENDING, 5.0: lost, 40.0: record("PENDING"), 60.0: lost, 80.0: record("SUCCESSFUL")})

    assert vendor.core.create(INPUTS)[1]["status"] == "SUCCESSFUL"
    assert [text for _, text in vendor.messages if text.startswith("warning")] == [
        f"warning: waiting for {NAMED}: the connection broke (ReadError). The provider keeps waiting."
    ]


def test_api_that_is_never_reached_ends_the_wait_at_its_timeout() -> None:
    """If every GET gets a 503, create fails at the timeout, and the error says why the status is unknown."""
    vendor = TimedCore({0.0: httpx.Response(503)})

    with pytest.raises(NotReady, match=r"its status is not known yet after 100 s \(Justt answered 503\)\. It stays"):
        vendor.core.create(INPUTS)


def test_earlier_failure_is_not_in_the_timeout_error() -> None:
    """If a GET failed but the last one did not, the error at the timeout does not mention the failure."""
    with pytest.raises(NotReady, match=r"its status is PENDING after 100 s\. It stays"):
        TimedCore({**PENDING, 5.0: httpx.Response(503), 40.0: record("PENDING")}).core.create(INPUTS)


@pytest.mark.parametrize("response", [httpx.Response(503), httpx.Response(429), httpx.Response(200, content=b"<html>")])
def test_no_request_goes_far_beyond_the_timeout(response: httpx.Response) -> None:
    """If every GET fails, the wait ends within a second of its timeout, whatever the retry policy allows."""
    vendor = TimedCore({0.0: response}, policy=RetryPolicy(), random=0.999)

    with pytest.raises((NotReady, UnexpectedResponse)):
        vendor.core.create({**INPUTS, "timeoutSeconds": 10})

    assert len(vendor.requested) > 3
    assert vendor.requested[-1] < 11.0
    assert vendor.now < 11.0


def test_timeout_bounds_a_request_without_a_response(simulator: SimulatorServer) -> None:
    """If a GET gets no response, a wait of two seconds ends after about two, not after the GET's 30 seconds."""
    simulator.add_fault(Fault.parse("GET * hang-before-commit=60"))
    client = JusttClient(Settings.load({"baseUrl": simulator.base_url, "apiKey": "bearer-key"}, {}))
    core = ReadinessLifecycle(load(), client=lambda: client, log=SILENT)
    started = time.monotonic()

    with pytest.raises(NotReady, match=r"its status is not known yet after 2 s \(no answer within"):
        core.create({**INPUTS, "timeoutSeconds": 2})

    took = time.monotonic() - started
    client.close()
    assert took < 15.0


def test_timeout_bounds_a_rate_limit_pause() -> None:
    """If the limiter pauses for 45 seconds, a wait of three seconds sends nothing and fails after three."""
    vendor = TimedCore({0.0: httpx.Response(429, headers={"retry-after": "60"})}, policy=RetryPolicy())
    core = vendor.core
    core.client()._api._limiter.pause(45.0)

    with pytest.raises(NotReady, match=r"its status is not known yet after 3 s \(no time was left to send a request\)"):
        core.create({**INPUTS, "timeoutSeconds": 3})

    assert vendor.now < 4.1
    assert vendor.requested == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_4xx_ends_the_wait_at_once(status: int) -> None:
    """If a GET gets a 4xx, create fails at once with that response, because more GETs would not help."""
    vendor = until(2.0, httpx.Response(status, json={"message": "no", "errorId": "e-1"}))

    with pytest.raises(RequestRefused) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value).startswith(f"waiting for {NAMED}: Justt answered {status}: no (errorId e-1). ")
    assert vendor.now < 5.0


def test_invalid_response_ends_the_wait() -> None:
    """If a GET gets an undocumented response, create fails.

    The response came from another server, or from a later version of the API.
    """
    with pytest.raises(UnexpectedResponse):
        TimedCore({0.0: httpx.Response(200, json={"result": []})}).core.create(INPUTS)


def test_wait_ends_within_a_second_after_the_engine_left() -> None:
    """If the engine exits between two GETs, create fails within a second."""
    vendor = TimedCore(PENDING, leaves_at=50.0)

    with pytest.raises(CancelledError, match="the wait stopped, because the engine cancelled the call"):
        vendor.core.create(INPUTS)

    assert 50.0 <= vendor.now <= 51.0


# read


def test_read_updates_status_and_go_live_date() -> None:
    """Read updates the status, keeps the inputs, and drops a go-live date that the API no longer returns."""
    vendor = TimedCore({0.0: record("SUCCESSFUL")})

    read = vendor.core.read("id-1", {**RECORDED, "referenceAccountId": "acc_42"})

    assert read == {**INPUTS, "referenceAccountId": "acc_42", "status": "SUCCESSFUL"}
    assert vendor.requests[0].headers["reference-account-id"] == "acc_42"
    assert vendor.messages == []


@pytest.mark.parametrize("status", ["FAILED", "PENDING", "PAUSED"])
def test_read_never_waits_and_never_fails_for_a_status(status: str) -> None:
    """If the status has changed, read logs one note at once, whatever the new status is."""
    vendor = TimedCore({0.0: record(status)})

    read = vendor.core.read("id-1", RECORDED)
    assert read is not None
    vendor.core.read("id-1", read)

    assert read["status"] == status
    assert [text for _, text in vendor.messages] == [
        f"note: the status of {NAMED} has changed from SUCCESSFUL to {status} since its IntegrationReady last read it."
    ]
    assert vendor.now == 0.0


def test_read_drops_an_inactive_integration() -> None:
    """If the integration is INACTIVE, read removes the IntegrationReady from the state, and a warning says so."""
    vendor = TimedCore({0.0: record("INACTIVE")})

    assert vendor.core.read("id-1", RECORDED) is None
    assert [text for _, text in vendor.messages] == [
        (
            f"warning: {NAMED} is INACTIVE at Justt, which is final: a refresh removes its IntegrationReady from the "
            "state, and the next `pulumi up` waits for a new one if the program still has it."
        )
    ]


def test_404_keeps_the_wait_in_the_state() -> None:
    """If read gets a 404, it fails and the IntegrationReady stays in the state.

    With JUSTT_ON_MISSING=gone it leaves the state.
    """
    response = httpx.Response(404, json={"message": "no such integration"})

    with pytest.raises(StateConflict, match=r"for its IntegrationReady: Justt answered 404: .* It stays in the state"):
        TimedCore({0.0: response}).core.read("id-1", RECORDED)

    vendor = TimedCore({0.0: response}, environ={"JUSTT_ON_MISSING": "gone"})
    assert vendor.core.read("id-1", RECORDED) is None
    assert vendor.messages[0][1].endswith("treated as gone because JUSTT_ON_MISSING=gone.")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_read_drops_nothing_after_another_error(status: int) -> None:
    """If read gets a 401, 403 or 500, it fails even with JUSTT_ON_MISSING=gone."""
    vendor = TimedCore({0.0: httpx.Response(status)}, environ={"JUSTT_ON_MISSING": "gone"})

    with pytest.raises(Exception, match=f"Justt answered {status}"):
        vendor.core.read("id-1", RECORDED)


@pytest.mark.parametrize("status", ["FAILED", "INACTIVE"])
def test_batched_wait_still_gets_the_vendor_message(status: str) -> None:
    """If a list page shows FAILED or INACTIVE, create sends a GET for the record and quotes its message."""
    vendor = TimedCore({0: record("PENDING")})
    requested: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.path)
        if request.url.path == "/integrations":
            return httpx.Response(200, json=[{"integrationId": "id-1", "source": "stripe", "status": status}])
        return enveloped(status, "The key has no rights.")

    core = vendor.core
    client = core.client()
    client._api._http._transport = httpx.MockTransport(respond)
    with client.waiting(None), client.waiting(None), pytest.raises(NotReady) as failed:
        core.create(INPUTS)

    assert str(failed.value).startswith(f"waiting for {NAMED}: its status is {status}: The key has no rights.")
    assert requested == ["/integrations", "/integrations/id-1"]
