"""The core of `IntegrationReady`: each row of its table, before scripted answers, in a time that only sleep moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    "it; or, if it was set right at Justt, only run `pulumi up` again."
)


def load(**environ: str) -> Settings:
    """Return a configuration that reaches nothing but this machine, and has an account that no wait may use."""
    config = {"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key", "referenceAccountId": "acc_default"}
    return Settings.load(config, environ)


def no_client() -> NoReturn:
    """Stand for the client where no request may be sent."""
    raise AssertionError("a request was about to be sent")


def record(status: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - any field
    """Answer with the bare record."""
    return httpx.Response(200, json={"integrationId": "id-1", "source": "stripe", "status": status, **more})


def enveloped(status: str, message: str) -> httpx.Response:
    """Answer with a record in an envelope that has words of its own."""
    data = {"integrationId": "id-1", "source": "stripe", "status": status}
    return httpx.Response(200, json={"status": 200, "message": message, "data": data})


@dataclass
class TimedCore:
    """The core before an API whose answers depend on the time, which passes only while somebody sleeps.

    Args:
        answers: The answer from each moment on.
        took: Seconds that pass before an answer comes.
        leaves_at: The moment at which the engine leaves.
        random: What jitter is made of.
    """

    answers: Mapping[float, httpx.Response | httpx.ReadError]
    environ: dict[str, str] = field(default_factory=dict)
    took: float = 0.0
    leaves_at: float = float("inf")
    random: float = 0.5
    now: float = 0.0
    asked: list[float] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)
    session: Session = field(default_factory=lambda: Session("http://127.0.0.1:9/v1"))
    policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=1))
    is_met: bool = True

    @property
    def core(self) -> ReadinessLifecycle:
        """The lifecycle."""
        if self.is_met:
            self.session.redactor.add_secrets({"apiKey": CANARY})
            self.session.redactor.add_integration("id-1")
        settings = load(**self.environ)
        client = JusttClient(
            settings,
            transport=httpx.MockTransport(self._answer),
            policy=self.policy,
            clock=lambda: self.now,
            sleep=self._sleep,
            uniform=lambda: self.random,
        )
        return ReadinessLifecycle(
            settings,
            client=lambda: client,
            tell=lambda text: self.told.append((self.now, text)),
            call=lambda: Call(is_cancelled=lambda: self.now >= self.leaves_at),
            session=self.session,
            clock=lambda: self.now,
            sleep=self._sleep,
            uniform=lambda: self.random,
        )

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds < 20
        self.now += seconds

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(self.now)
        self.requests.append(request)
        self.now += self.took
        answer = self.answers[max(moment for moment in self.answers if moment <= self.asked[-1])]
        if isinstance(answer, httpx.ReadError):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)


PENDING = {0.0: record("PENDING")}


def until(moment: float, then: httpx.Response) -> TimedCore:
    """Return an API that says PENDING until *moment*."""
    return TimedCore({**PENDING, moment: then})


def offline() -> ReadinessLifecycle:
    """Return the core without a client."""
    return ReadinessLifecycle(load(), client=no_client, tell=print)


# check


def test_check_fills_in_the_environment_and_nothing_else() -> None:
    """An account is the integration's or none: the configuration's default belongs to integrations."""
    news = {name: value for name, value in INPUTS.items() if name != "environment"}

    checked = offline().check({}, {**news, "referenceAccountId": None})

    assert (checked.inputs, checked.failures) == (INPUTS, [])


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"timeoutSeconds": 0}, "timeout_seconds: must be greater than or equal to 1"),
        ({"timeoutSeconds": 86_401}, "timeout_seconds: must be less than or equal to 86400"),
        ({"timeoutSeconds": 1.5}, "timeout_seconds: must be a whole number, got number"),
        ({"timeoutSeconds": "300"}, "timeout_seconds: must be a whole number, got text"),
        ({"timeoutSeconds": True}, "timeout_seconds: must be a whole number, got true/false"),
        ({"integrationId": None}, "integration: is required"),
        ({"integrationId": ""}, "integration: must not be empty"),
        ({"timeout": 5}, "timeout: is not an argument (did you mean 'timeout_seconds'?)"),
    ],
)
def test_check_tells_what_cannot_be_used(changes: Mapping[str, object], failure: str) -> None:
    """Each in the user's own name of it."""
    assert offline().check({}, {**INPUTS, **changes}).failures == [failure]


@pytest.mark.parametrize("seconds", [1, 300, 86_400])
def test_check_takes_every_deadline_of_a_day(seconds: int) -> None:
    """From one second to a day."""
    assert offline().check({}, {**INPUTS, "timeoutSeconds": seconds}).failures == []


def test_check_refuses_another_environment() -> None:
    """A stack is of one environment."""
    assert offline().check({**INPUTS, "environment": "production"}, INPUTS).failures == [
        (
            "environment: this integration was created in production, and the configuration says simulator: set "
            "justt:environment and justt:baseUrl (or their variables) back, or use another stack for each environment"
        )
    ]


@pytest.mark.parametrize("name", sorted(INPUTS.keys() - {"environment"}))
def test_check_takes_what_a_preview_does_not_know(name: str) -> None:
    """A new integration has no id yet, and anything else may come from another resource."""
    checked = offline().check({}, {**INPUTS, name: UNKNOWN})

    assert (checked.inputs[name], checked.failures) == (UNKNOWN, [])


def test_an_update_of_the_integration_changes_nothing_here() -> None:
    """Its preview does not know the account that it has not, and of the same integration that cannot change."""
    unknown = {**INPUTS, "referenceAccountId": UNKNOWN}

    assert offline().check(INPUTS, unknown).inputs == INPUTS
    assert offline().check({**INPUTS, "integrationId": "id-0"}, unknown).inputs == unknown
    assert offline().check({**INPUTS, "referenceAccountId": "acc"}, unknown).inputs == unknown


def test_a_failure_without_words_is_looked_at_once() -> None:
    """Only what a list said is looked up: an answer about this one record that has no words has none the next time."""
    vendor = TimedCore({0.0: record("FAILED")})

    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert len(vendor.requests) == 1


# diff, update, delete


def test_only_another_integration_replaces() -> None:
    """Whatever else changes is remembered in place; an id that is not known yet is another one's."""
    core = offline()

    assert core.diff(RECORDED, INPUTS) == []
    assert core.diff(RECORDED, {**INPUTS, "integrationId": "id-2"}) == ["integrationId"]
    assert core.diff(RECORDED, {**INPUTS, "integrationId": UNKNOWN}) == ["integrationId"]
    assert core.diff(RECORDED, {**INPUTS, "timeoutSeconds": UNKNOWN, "externalIdentifier": "renamed"}) == []


def test_what_was_waited_for_before_runs_until_what_replaces_it_is_ready() -> None:
    """With --continue-on-error the engine would deactivate it, although the wait for the new one has failed."""
    vendor = TimedCore({0.0: record("FAILED"), 10.0: record("SUCCESSFUL")})
    core, old = vendor.core, {**RECORDED, "integrationId": "id-0"}
    integrations = IntegrationLifecycle(load(), client=no_client, tell=print, session=vendor.session)
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


def test_all_that_one_integration_replaces_runs_until_it_is_ready() -> None:
    """Of two waits that were for different integrations before, none forgets that of the other."""
    vendor = TimedCore({0.0: record("SUCCESSFUL")})
    for before in ("id-0", "id-9"):
        vendor.core.diff({**RECORDED, "integrationId": before}, INPUTS)
    assert vendor.session.ownership.is_awaited_by("urn", "id-0")
    assert vendor.session.ownership.is_awaited_by("urn", "id-9")

    vendor.core.create(INPUTS)

    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")
    assert not vendor.session.ownership.is_awaited_by("urn", "id-9")


@pytest.mark.parametrize("command", ["this command", "another"])
def test_a_wait_in_another_process_holds_what_its_integration_replaces(tmp_path: Path, command: str) -> None:
    """Either of the two may have another provider resource than the delete of what is replaced."""
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


def test_a_wait_holds_what_a_renamed_resource_replaces() -> None:
    """The delete has the former name; the diff under the new one was about the same integration."""
    vendor = TimedCore({0.0: record("FAILED")})
    ownership = vendor.session.ownership
    ownership.note_check("urn:new", {})
    ownership.note_diff("urn:new", "id-0", is_replaced=True)
    ownership.note_created("urn:new", "id-1")
    with pytest.raises(NotReady):
        vendor.core.create(INPUTS)

    assert ownership.is_awaited_by("urn:former", "id-0")
    assert not ownership.is_awaited_by("urn:former", "id-9")


def test_a_new_wait_keeps_what_its_integration_replaces() -> None:
    """If the wait is added in the update that rotates, no earlier wait says what is replaced: the resource does."""
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


def test_a_wait_for_someone_elses_keeps_nothing() -> None:
    """What has no identifier here is not told apart by the lack of one."""
    vendor = TimedCore({0.0: record("FAILED")})
    theirs = {name: value for name, value in INPUTS.items() if name not in ("externalIdentifier", "source")}
    with pytest.raises(NotReady):
        vendor.core.create(theirs)

    assert not vendor.session.ownership.is_awaited_by("urn", "id-0")


def test_update_and_delete_send_nothing() -> None:
    """A new deadline is remembered beside what was seen, an argument that is gone is forgotten, and delete is free."""
    news = {**INPUTS, "timeoutSeconds": 5}

    updated = offline().update("id-1", {**RECORDED, "referenceAccountId": "acc"}, news)
    offline().delete("id-1", RECORDED)

    assert updated == {**RECORDED, "timeoutSeconds": 5}


@pytest.mark.parametrize("operation", ["read", "update"])
def test_another_environment_is_not_reached(operation: str) -> None:
    """What was recorded elsewhere is neither read nor changed."""
    olds = {**RECORDED, "environment": "production"}
    calls: dict[str, Callable[[ReadinessLifecycle], object]] = {
        "read": lambda core: core.read("id-1", olds),
        "update": lambda core: core.update("id-1", olds, INPUTS),
    }

    with pytest.raises(StateConflict, match="it was recorded in production, and the configuration says simulator"):
        calls[operation](offline())


# create


@pytest.mark.parametrize("account", [None, "acc_42"])
def test_what_is_ready_is_not_waited_for(account: str | None) -> None:
    """One look in the integration's own account, no word, and what was seen is remembered."""
    vendor = TimedCore({0.0: record("SUCCESSFUL", goLiveDate="2027-01-01T00:00:00Z")})
    inputs = INPUTS if account is None else {**INPUTS, "referenceAccountId": account}

    made = vendor.core.create(inputs)

    assert made == ("id-1", {**inputs, "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"})
    assert [(each.method, each.url.path) for each in vendor.requests] == [("GET", "/integrations/id-1")]
    assert vendor.requests[0].headers.get("reference-account-id") == account
    assert vendor.told == []


def test_looks_become_rarer_up_to_every_fifteen_seconds() -> None:
    """The first comes at once, the second within a second; the last ones are as far apart as the longest pause."""
    vendor = until(80.0, record("SUCCESSFUL"))
    vendor.random = 1.0

    vendor.core.create(INPUTS)

    pauses = [after - before for before, after in zip(vendor.asked, vendor.asked[1:], strict=False)]
    assert vendor.asked[0] == 0.0
    assert pauses == pytest.approx([1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 15.0, 15.0, 15.0, 15.0])


def test_waits_that_began_together_do_not_stay_together() -> None:
    """Chance takes up to half of each pause away."""
    vendor = until(80.0, record("SUCCESSFUL"))
    vendor.random = 0.0

    vendor.core.create(INPUTS)

    pauses = [after - before for before, after in zip(vendor.asked, vendor.asked[1:], strict=False)]
    assert pauses[:3] == pytest.approx([0.5, 0.75, 1.125])
    assert max(pauses) == pytest.approx(7.5)


def test_a_status_that_the_vendor_adds_is_waited_out() -> None:
    """Only FAILED and INACTIVE are known to be final."""
    vendor = TimedCore({0.0: record("IN_REVIEW"), 30.0: record("SUCCESSFUL")})

    assert vendor.core.create(INPUTS)[1]["status"] == "SUCCESSFUL"
    assert vendor.told[0][1].endswith("its status is IN_REVIEW after 0 s of at most 100 s.")


def test_whoever_watches_is_told_every_half_minute() -> None:
    """The first note comes as soon as it is clear that there is something to wait for."""
    vendor = until(95.0, record("SUCCESSFUL"))

    vendor.core.create(INPUTS)

    assert [text for _, text in vendor.told] == [
        f"note: waiting for {NAMED}: its status is PENDING after {seconds} s of at most 100 s."
        for seconds in (0, 30, 61, 91)
    ]
    assert [moment for moment, _ in vendor.told] == pytest.approx([0, 30, 61, 91], abs=1.0)


@pytest.mark.parametrize(
    ("answer", "words"),
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
def test_failed_ends_the_wait_with_the_vendor_s_words(answer: httpx.Response, words: str) -> None:
    """They are quoted where there are any that say more than that the request went well, and no credential is."""
    vendor = until(10.0, answer)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == f"waiting for {NAMED}: its status is FAILED{words}. {FAILED_REMEDIATION}"


def test_words_are_not_shown_where_the_credentials_are_not_at_hand() -> None:
    """What the vendor knows of an integration that this process has not met may stand in its words."""
    vendor = TimedCore({0.0: enveloped("FAILED", f"{CANARY} was revoked")}, is_met=False)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == f"waiting for {NAMED}: its status is FAILED: {WITHHELD}. {FAILED_REMEDIATION}"


def test_the_credentials_of_an_integration_are_at_hand_in_its_process() -> None:
    """A create and each diff of an integration come before the wait for it, and keep what its words may not repeat."""
    inputs = {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": CANARY},
        "environment": "simulator",
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[] if request.method == "GET" else {"integrationId": "id-new"})

    client = JusttClient(load(), transport=httpx.MockTransport(answer))
    session = Session("http://127.0.0.1:9/v1")
    core = IntegrationLifecycle(load(), client=lambda: client, tell=print, session=session)
    core.create(inputs)
    core.diff({**inputs, "integrationId": "id-old"}, inputs)

    for met in ("id-new", "id-old"):
        session.redactor.expect_integration(met)
    assert not session.redactor.is_clean(CANARY)
    assert session.redactor.is_complete
    session.redactor.expect_integration("id-other")
    assert not session.redactor.is_complete


def test_inactive_ends_the_wait() -> None:
    """Somebody deactivated it meanwhile, and the next refresh will find that too."""
    with pytest.raises(NotReady) as caught:
        until(10.0, record("INACTIVE")).core.create(INPUTS)

    assert str(caught.value) == (
        f"waiting for {NAMED}: its status is INACTIVE. That is final. Run `pulumi refresh`, which takes it out of the "
        "state, and then `pulumi up`, which creates a new one."
    )


@pytest.mark.parametrize("status", ["FAILED", "INACTIVE"])
def test_an_integration_of_someone_else_is_theirs_to_correct(status: str) -> None:
    """This stack neither knows its identifier nor could replace it."""
    inputs = {name: value for name, value in INPUTS.items() if name != "externalIdentifier"}

    with pytest.raises(NotReady) as caught:
        TimedCore({0.0: record(status)}).core.create(inputs)

    assert str(caught.value) == (
        f"waiting for integration id-1: its status is {status}. This stack does not manage it: have its owner "
        "correct it, then run `pulumi up` again, which waits again."
    )


def test_the_deadline_is_kept_to_the_second() -> None:
    """The last look is at the deadline, and the error names the last status, the seconds, and what to do."""
    vendor = TimedCore(PENDING)

    with pytest.raises(NotReady) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value) == (
        f"waiting for {NAMED}: its status is PENDING after 100 s. It stays in the state. Check at Justt why it "
        "is not ready, and run `pulumi up` again, which waits again, or give the IntegrationReady more timeout_seconds."
    )
    assert vendor.asked[-1] == vendor.now == 100.0


def test_the_deadline_counts_from_the_start_of_the_wait() -> None:
    """Looks that take their time are part of it, and five minutes are the default."""
    vendor = TimedCore(PENDING, took=7.0, now=1_000.0)
    inputs = {name: value for name, value in INPUTS.items() if name != "timeoutSeconds"}

    with pytest.raises(NotReady, match="PENDING after 300 s"):
        vendor.core.create(inputs)

    assert 1_300.0 <= vendor.now <= 1_307.0


def test_an_api_that_cannot_be_reached_is_told_once_and_waited_out() -> None:
    """What a network does in between is no reason to stop a rollout."""
    lost = httpx.ReadError("x")
    vendor = TimedCore({**PENDING, 5.0: lost, 40.0: record("PENDING"), 60.0: lost, 80.0: record("SUCCESSFUL")})

    assert vendor.core.create(INPUTS)[1]["status"] == "SUCCESSFUL"
    assert [text for _, text in vendor.told if text.startswith("warning")] == [
        f"warning: waiting for {NAMED}: the connection broke (ReadError). The wait goes on."
    ]


def test_an_api_that_is_never_reached_ends_the_wait_at_the_deadline() -> None:
    """The error says what kept the status from being known."""
    vendor = TimedCore({0.0: httpx.Response(503)})

    with pytest.raises(NotReady, match=r"its status is not known yet after 100 s \(Justt answered 503\)\. It stays"):
        vendor.core.create(INPUTS)


def test_what_was_lost_in_between_is_no_reason_at_the_deadline() -> None:
    """The error speaks of the last look."""
    with pytest.raises(NotReady, match=r"its status is PENDING after 100 s\. It stays"):
        TimedCore({**PENDING, 5.0: httpx.Response(503), 40.0: record("PENDING")}).core.create(INPUTS)


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(429), httpx.Response(200, content=b"<html>")])
def test_no_look_goes_far_beyond_the_deadline(answer: httpx.Response) -> None:
    """However patient the policy of requests is, a wait ends with its deadline, or a second after it."""
    vendor = TimedCore({0.0: answer}, policy=RetryPolicy(), random=0.999)

    with pytest.raises((NotReady, UnexpectedResponse)):
        vendor.core.create({**INPUTS, "timeoutSeconds": 10})

    assert len(vendor.asked) > 3
    assert vendor.asked[-1] < 11.0
    assert vendor.now < 11.0


def test_deadline_bounds_a_request_that_is_not_answered(simulator: SimulatorServer) -> None:
    """The time-out of one request is thirty seconds, and a wait of two ends after two."""
    simulator.add_fault(Fault.parse("GET * hang-before-commit=60"))
    client = JusttClient(Settings.load({"baseUrl": simulator.base_url, "apiKey": "bearer-key"}, {}))
    core = ReadinessLifecycle(load(), client=lambda: client, tell=lambda _: None)
    started = time.monotonic()

    with pytest.raises(NotReady, match=r"its status is not known yet after 2 s \(no answer within"):
        core.create({**INPUTS, "timeoutSeconds": 2})

    took = time.monotonic() - started
    client.close()
    assert took < 15.0


def test_deadline_bounds_the_waits_for_the_quota() -> None:
    """A pause of a minute that a 429 asks of everyone does not keep a wait from ending."""
    vendor = TimedCore({0.0: httpx.Response(429, headers={"retry-after": "60"})}, policy=RetryPolicy())
    core = vendor.core
    core.client()._api._limiter.pause(45.0)

    with pytest.raises(NotReady, match=r"its status is not known yet after 3 s \(no time was left to send a request\)"):
        core.create({**INPUTS, "timeoutSeconds": 3})

    assert vendor.now < 4.1
    assert vendor.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_ends_the_wait_at_once(status: int) -> None:
    """A key or an account that is wrong does not become right by waiting; nothing of it says that it is gone."""
    vendor = until(2.0, httpx.Response(status, json={"message": "no", "errorId": "e-1"}))

    with pytest.raises(RequestRefused) as caught:
        vendor.core.create(INPUTS)

    assert str(caught.value).startswith(f"waiting for {NAMED}: Justt answered {status}: no (errorId e-1). ")
    assert vendor.now < 5.0


def test_an_answer_that_cannot_be_understood_ends_the_wait() -> None:
    """What answers is not the API, or a later one."""
    with pytest.raises(UnexpectedResponse):
        TimedCore({0.0: httpx.Response(200, json={"result": []})}).core.create(INPUTS)


def test_nobody_waits_for_an_engine_that_has_left() -> None:
    """It is noticed within a second, between two looks too."""
    vendor = TimedCore(PENDING, leaves_at=50.0)

    with pytest.raises(CancelledError, match="it was given up, because the engine cancelled the call"):
        vendor.core.create(INPUTS)

    assert 50.0 <= vendor.now <= 51.0


# read


def test_read_takes_the_present_status_over_the_rest() -> None:
    """Inputs stay; a go-live date that is gone is gone."""
    vendor = TimedCore({0.0: record("SUCCESSFUL")})

    read = vendor.core.read("id-1", {**RECORDED, "referenceAccountId": "acc_42"})

    assert read == {**INPUTS, "referenceAccountId": "acc_42", "status": "SUCCESSFUL"}
    assert vendor.requests[0].headers["reference-account-id"] == "acc_42"
    assert vendor.told == []


@pytest.mark.parametrize("status", ["FAILED", "PENDING", "PAUSED"])
def test_read_never_waits_and_never_fails_for_a_status(status: str) -> None:
    """It tells of one that changed, once."""
    vendor = TimedCore({0.0: record(status)})

    read = vendor.core.read("id-1", RECORDED)
    assert read is not None
    vendor.core.read("id-1", read)

    assert read["status"] == status
    assert [text for _, text in vendor.told] == [
        f"note: {NAMED}, which was waited for, is {status} now, was SUCCESSFUL."
    ]
    assert vendor.now == 0.0


def test_read_drops_what_is_inactive() -> None:
    """The integration leaves the state with it, and a new one is to be waited for."""
    vendor = TimedCore({0.0: record("INACTIVE")})

    assert vendor.core.read("id-1", RECORDED) is None
    assert [text for _, text in vendor.told] == [
        (
            f"warning: {NAMED} is INACTIVE at Justt, which is final: its IntegrationReady leaves the state, and the "
            "next `pulumi up` waits for a new one if the program still has it."
        )
    ]


def test_read_takes_no_404_for_proof() -> None:
    """It stays in the state, unless the user says so for one command."""
    answer = httpx.Response(404, json={"message": "no such integration"})

    with pytest.raises(StateConflict, match=r"for its IntegrationReady: Justt answered 404: .* It stays in the state"):
        TimedCore({0.0: answer}).core.read("id-1", RECORDED)

    vendor = TimedCore({0.0: answer}, environ={"JUSTT_ON_MISSING": "gone"})
    assert vendor.core.read("id-1", RECORDED) is None
    assert vendor.told[0][1].endswith("taken as gone because JUSTT_ON_MISSING=gone.")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_read_drops_nothing_for_another_error(status: int) -> None:
    """JUSTT_ON_MISSING speaks of a 404 only."""
    vendor = TimedCore({0.0: httpx.Response(status)}, environ={"JUSTT_ON_MISSING": "gone"})

    with pytest.raises(Exception, match=f"Justt answered {status}"):
        vendor.core.read("id-1", RECORDED)


@pytest.mark.parametrize("status", ["FAILED", "INACTIVE"])
def test_who_waits_with_others_gets_the_vendor_s_words_too(status: str) -> None:
    """A page of the list says for all that one has failed; why, only its own record says."""
    vendor = TimedCore({0: record("PENDING")})
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/integrations":
            return httpx.Response(200, json=[{"integrationId": "id-1", "source": "stripe", "status": status}])
        return enveloped(status, "The key has no rights.")

    core = vendor.core
    client = core.client()
    client._api._http._transport = httpx.MockTransport(answer)
    with client.waiting(None), client.waiting(None), pytest.raises(NotReady) as failed:
        core.create(INPUTS)

    assert str(failed.value).startswith(f"waiting for {NAMED}: its status is {status}: The key has no rights.")
    assert asked == ["/integrations", "/integrations/id-1"]
