"""Creating exactly once: the real `CreateCoordinator` and client with a scripted vendor in memory, on a virtual clock.

`test_exactly_once_model.py` runs every interleaving of a small case. The tests here vary list sizes, response formats
and timing, and check the texts.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import httpx
import pytest

from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.rate_limit import RateLimiter
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.exactly_once import CreateCoordinator, _Account
from pulumi_justt.core.journal import Decision, Journal
from pulumi_justt.core.listing import MOST_PAGES, MOST_SECONDS
from pulumi_justt.core.session import Session
from pulumi_justt.errors import (
    CancelledError,
    CreateOutcomeUnknown,
    JusttError,
    RequestFailed,
    RequestRefused,
    StateConflict,
    UnexpectedResponse,
)
from pulumi_justt.log import Log
from support.clients import inputs_of
from support.clock import Clock
from support.deterministic_scheduler import Condition, Lock, Stage, Worker
from support.harness import HANG_SECONDS

SECONDS = 30.0
"""The time-out of a request, which is also the shortest grace period."""

SHORT_RETRIES = HANG_SECONDS
"""Real seconds after which a test fails; no passing test waits that long."""

Policy = Literal["refuse", "adopt"]
POLICIES: tuple[Policy, ...] = ("refuse", "adopt")

BEFORE = "reset before the commit"
AFTER = "time-out after the commit"
LOST_BEFORE = (BEFORE, "5xx before the commit")
LOST_AFTER = (AFTER, "5xx after the commit", "empty 201", "HTML for a 201", "201 without an id")

_T = TypeVar("_T")

SIXTEEN_NAMES = [f"shop-{number}" for number in range(16)]

WARNING = "Do not run `pulumi up` again before you have checked"


class StagedClock(Clock):
    """A clock that, while a stage runs threads, advances only when all of them sleep or wait."""

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage | None = None
        self._ends: dict[str, float] = {}

    def sleep(self, seconds: float) -> None:
        """Sleep in virtual time. During a stage, the other threads run meanwhile."""
        if self.stage is None:
            super().sleep(seconds)
            return
        name = self.stage.current.name
        self._ends[name] = self.now + seconds
        self.stage.park("sleep")
        self.now = max(self.now, self._ends.pop(name))

    def next_of(self, ready: list[Worker]) -> Worker:
        """Return a thread that does not sleep, or else the one that wakes first."""
        return min(ready, key=lambda each: self._ends.get(each.name, -1.0))


def ambiguous_response(fate: str) -> httpx.Response:
    """Return the response to a POST with this fate, or raise the network error."""
    if fate in (BEFORE, AFTER):
        raise (httpx.ReadError if fate == BEFORE else httpx.ReadTimeout)("lost")
    if fate.startswith("5xx"):
        return httpx.Response(502, json={"status": 502, "message": "bad gateway", "errorId": "err-7"})
    bodies = {"empty 201": b"", "HTML for a 201": b"<html>", "201 without an id": b'{"ok": true}'}
    return httpx.Response(201, content=bodies[fate])


@dataclass
class ScriptedVendor:
    """A server with an account list and a POST, a scripted fate for each POST, and hooks for other writers.

    Args:
        moment: The clock.
        enveloped: Whether lists come as `{status, message, hasMore, data}`.
        newest_first: The order of lists.
        fates: What happens to the POSTs for an external identifier, in order. Later POSTs succeed.
        default_account: The account that a request without the header uses.
    """

    moment: StagedClock = field(default_factory=StagedClock)
    enveloped: bool = False
    newest_first: bool = False
    fates: dict[str, list[str]] = field(default_factory=dict)
    default_account: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    journal: list[tuple[str, str, float]] = field(default_factory=list)
    """The requests, with their times: `list` with the account and page, or `post` with the external identifier."""
    on_request: Callable[[str, str], object] = lambda _, __: None
    on_commit: Callable[[str], object] = lambda _: None
    on_list: Callable[[int], httpx.Response | None] = lambda _: None

    def __post_init__(self) -> None:
        """Create the lock."""
        self._lock = threading.RLock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        account = request.headers.get("reference-account-id", self.default_account)
        if request.method == "GET":
            page = int(request.url.params["page"])
            with self._lock:
                self._note("list", f"{account}/{page}")
                return self.on_list(page) or self._list(account, page, int(request.url.params["limit"]))
        body = json.loads(request.content)
        name = body["externalIdentifier"]
        with self._lock:
            self._note("post", name)
            fate = self.fates[name].pop(0) if self.fates.get(name) else "answered"
            refused = fate.startswith("4")
            if not refused and fate not in LOST_BEFORE:
                made = self.make(name, body["source"], account)
        self.on_commit(name)
        if refused:
            return httpx.Response(int(fate), json={"status": int(fate), "message": "no", "errorId": "err-4"})
        if fate != "answered":
            return ambiguous_response(fate)
        return httpx.Response(201, json={"integrationId": made})

    def make(self, name: str, source: str = "stripe", account: str | None = None, status: str = "PENDING") -> str:
        """Create an integration, for this process or for another writer, and return its id."""
        with self._lock:
            made = f"int-{len(self.records)}"
            self.records.append({"integrationId": made, "source": source, "status": status, "by": (name, account)})
        return made

    def made_by(self, name: str) -> list[str]:
        """Return the ids that were created under an external identifier."""
        return [record["integrationId"] for record in self.records if record["by"][0] == name]

    @property
    def requested(self) -> list[str]:
        """Return the requests in order, as `list` or `post`; the pages of one pass count once."""
        return [kind for kind, what, _ in self.journal if kind == "post" or what.endswith("/1")]

    def _note(self, kind: str, what: str) -> None:
        self.on_request(kind, what)
        self.journal.append((kind, what, self.moment()))

    def _list(self, account: str | None, page: int, limit: int) -> httpx.Response:
        fields = ("integrationId", "source", "status")
        mine = [each for each in self.records if each["by"][1] == account]
        if self.newest_first:
            mine.reverse()
        found = [{name: each[name] for name in fields} for each in mine[(page - 1) * limit : page * limit]]
        if not self.enveloped:
            return httpx.Response(200, json=found)
        return httpx.Response(
            200, json={"status": 200, "message": "OK", "hasMore": page * limit < len(mine), "data": found}
        )


@dataclass
class Process:
    """A `CreateCoordinator` and its client, connected to a vendor, and the warnings and notes that it logged.

    Args:
        vendor: The server.
        policy: The configured `onAmbiguousCreate`.
        state: The folder of the journal. Processes of one machine share it. By default it is a new folder.
    """

    vendor: ScriptedVendor
    policy: Policy = "refuse"
    state: Path | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_cancelled: Callable[[], bool] = lambda: False
    machines: ClassVar[Path]
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def __post_init__(self) -> None:
        """Create the client, the journal and the coordinator."""
        moment = self.vendor.moment
        if self.state is None:
            self.state = self.machines / str(next(self.numbers))
        self.client = JusttClient(
            Settings.load({"apiKey": "bearer-key", "baseUrl": "http://127.0.0.1:9"}, {}),
            transport=httpx.MockTransport(self.vendor),
            limiter=RateLimiter(1_000_000, clock=moment, sleep=moment.sleep),
            clock=moment,
            sleep=moment.sleep,
            uniform=lambda: 0.0,
        )
        self.journal = Journal(self.state, log=Log(self.warnings.append), now=moment)
        self.session = Session(self.client.settings.base_url, self.journal)
        self.creator = CreateCoordinator(
            lambda: self.client,
            self.session,
            claims=self.policy == "adopt",
            log=Log(lambda text: (self.notes if text.startswith("note: ") else self.warnings).append(text)),
            call=lambda: Call(is_cancelled=self.is_cancelled),
        )

    def create(self, name: str, source: str = "stripe", account: str | None = None) -> str:
        """Create an integration, and return its id."""
        return self._record(name, source, account).integration_id

    def outcome(self, name: str, source: str = "stripe", account: str | None = None) -> str | JusttError:
        """Create an integration, and return its id or the error."""
        try:
            return self.create(name, source, account)
        except JusttError as error:
            return error

    def error(self, name: str, source: str = "stripe", account: str | None = None) -> CreateOutcomeUnknown:
        """Return the error of a create whose outcome is unknown."""
        with pytest.raises(CreateOutcomeUnknown) as raised:
            self.create(name, source, account)
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
        remediation, _, file = raised.value.remediation.partition(" (journal: ")
        assert not file or Path(file.removesuffix(")")).is_file()
        return raised.value.but(remediation=remediation)

    def at_once(self, sources: Mapping[str, str], workers: int | None = None) -> dict[str, str | JusttError]:
        """Create an integration for each name in *sources*, all at once.

        Args:
            sources: The source for each external identifier.
            workers: How many calls the process serves at a time. By default it serves all, and the POSTs of all are in
                flight before the first response.
        """
        stage = self.vendor.moment.stage = Stage(self.vendor.moment.next_of)
        vars(self.account)["snapshot_lock"] = Lock(stage, "snapshot")
        vars(self.creator._posts)["_changed"] = Condition(stage, "posts")
        outcomes: dict[str, str | JusttError] = {}
        posted: set[str] = set()
        free = len(sources) if workers is None else workers

        def commit(name: str) -> None:
            posted.add(name)
            stage.park("response", lambda: posted == sources.keys())

        @contextlib.contextmanager
        def waiting() -> Iterator[None]:
            nonlocal free
            free += 1
            yield
            free -= 1

        def work(name: str) -> None:
            nonlocal free
            stage.park("queue", lambda: free > 0)
            free -= 1
            outcomes[name] = self.outcome(name, sources[name])
            free += 1

        if workers is None:
            self.vendor.on_commit = commit
        self.creator._waiting = waiting
        stage.run({name: functools.partial(work, name) for name in sources})
        return {name: outcomes[name] for name in sources}

    def _record(self, name: str, source: str, account: str | None) -> RemoteRecord:
        inputs = inputs_of(externalIdentifier=name, source=source, referenceAccountId=account)
        return self.creator.create(f"urn:{name}", inputs)

    @property
    def account(self) -> _Account:
        """The coordinator's data for the account without a name."""
        return self.creator._account(None)


@pytest.fixture(autouse=True)
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the journals of all processes below the test's own folder."""
    monkeypatch.setattr(Process, "machines", tmp_path, raising=False)


class NotifyingCondition(threading.Condition):
    """A condition that calls a function when a thread is about to wait for it."""

    def __init__(self, on_wait: Callable[[], object]) -> None:
        super().__init__()
        self._on_wait = on_wait

    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T:
        """Call the function if the thread has to wait, then wait."""
        if not predicate():
            self._on_wait()
        return super().wait_for(predicate, timeout)


def assert_all_accounted_for(vendor: ScriptedVendor, outcomes: Mapping[str, str | JusttError]) -> None:
    """Assert that each created integration is in one resource, or is named in the error of its create."""
    ids = [each for each in outcomes.values() if isinstance(each, str)]
    assert len(set(ids)) == len(ids)
    for name, outcome in outcomes.items():
        made = vendor.made_by(name)
        assert len(made) <= 1
        if isinstance(outcome, str):
            assert made == [outcome]
        else:
            assert WARNING in str(outcome)
            assert all(each in str(outcome) for each in made)


# One create, one lost response


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", LOST_BEFORE)
def test_lost_before_the_commit_is_sent_once_more(policy: Policy, fate: str) -> None:
    """If a POST is lost and the list then shows no new integration, create sends one more POST.

    One integration exists afterwards.
    """
    vendor = ScriptedVendor(fates={"a": [fate]})
    process = Process(vendor, policy)
    vendor.make("old")

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    before = ["list", "list"] if policy == "adopt" else ["list"]
    assert vendor.requested == [*before, "post", "list", "list", "post"]
    assert process.warnings == []


@pytest.mark.parametrize("fate", LOST_AFTER)
def test_lost_after_the_commit_is_refused(fate: str) -> None:
    """If the response of a committed POST is lost, `refuse` fails and sends no second POST.

    The error names the candidate and the `adopt_id` line.
    """
    vendor = ScriptedVendor(fates={"a": [fate]})
    vendor.make("old")

    text = str(Process(vendor).error("a"))

    (made,) = vendor.made_by("a")
    assert text.startswith("creating the stripe integration 'a': ")
    assert (" (errorId err-7)" in text) == fate.startswith("5xx")
    assert text.endswith(
        f"Justt may have created it. New integrations with this source: {made} (PENDING). Do not run `pulumi up` again "
        "before you have checked, because that could create a duplicate: find out at Justt which one is yours. Then "
        f"run `pulumi-justt recover --claim {made}` (its id) to make it this resource's integration. This "
        f"works for a replacement, too. Or run `pulumi-justt recover --deactivate {made}` to create another one. A new "
        f'resource can also take it over with adopt_id="{made}". If none is yours, run `pulumi-justt recover '
        "--forget`. Then run `pulumi up`."
    )
    assert vendor.requested == ["list", "post", "list", "list"]


@pytest.mark.parametrize("fate", LOST_AFTER)
def test_lost_after_the_commit_is_claimed(fate: str) -> None:
    """If the response of a committed POST is lost, `adopt` claims the only candidate. A warning names the candidate."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    process = Process(vendor, "adopt")
    vendor.make("old")

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    (warning,) = process.warnings
    assert warning.startswith("warning: creating the stripe integration 'a': ")
    assert warning.endswith(
        f"; claimed {made}, the only new integration of the account, because justt:onAmbiguousCreate is adopt."
    )
    assert vendor.requested == ["list", "list", "post", "list", "list"]


def test_claimed_record_has_the_status_of_the_list() -> None:
    """If `adopt` claims a candidate, create returns the status that the list shows."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, "adopt")
    vendor.on_commit = lambda _: vendor.records[0].update(status="SUCCESSFUL")

    assert process._record("a", "stripe", None).status == "SUCCESSFUL"


@pytest.mark.parametrize("policy", POLICIES)
def test_post_lost_twice_before_the_commit(policy: Policy) -> None:
    """If both POSTs of a create are lost and the list shows nothing new, create sends no third POST.

    The error warns that Justt may still have created the integration.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE, "5xx before the commit"]})
    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert "Justt answered 502: bad gateway (errorId err-7). " in text
    assert text.endswith(
        "Justt may have created it anyway, although it lists no new integration with this source. Do not run "
        "`pulumi up` again before you have checked, because that could create a duplicate: look at Justt after some "
        "minutes. If it is there, run `pulumi-justt recover`; if it is not, run `pulumi-justt recover "
        "--forget`. Then run `pulumi up`."
    )
    assert vendor.requested[-6:] == ["post", "list", "list", "post", "list", "list"]
    assert vendor.records == []


def test_second_post_lost_after_the_commit_is_refused() -> None:
    """If the first POST is lost before its commit and the second after it, `refuse` fails and names the candidate."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})

    assert 'adopt_id="int-0"' in str(Process(vendor).error("a"))


def test_second_post_lost_after_the_commit_is_claimed() -> None:
    """If the first POST is lost before its commit and the second one after it, `adopt` claims the only candidate."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})
    process = Process(vendor, "adopt")

    assert [process.create("a")] == vendor.made_by("a")
    assert len(process.warnings) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_late_commit_of_the_first_post_is_named_with_the_second(policy: Policy) -> None:
    """If Justt commits the first POST late and the second POST is lost, the error names the integrations of both."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})
    posts = itertools.count()
    vendor.on_commit = lambda name: vendor.make(name) if next(posts) == 1 else None

    text = str(Process(vendor, policy).error("a"))

    assert vendor.made_by("a") == ["int-0", "int-1"]
    assert "int-0 (PENDING), int-1 (PENDING)" in text


@pytest.mark.parametrize("policy", POLICIES)
def test_refused_second_post_still_warns(policy: Policy) -> None:
    """If Justt refuses the second POST, the create stays unresolved and the error warns.

    The first POST may have been committed and be the reason for the refusal.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE, "409"]})

    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert text == (
        "creating the stripe integration 'a': the connection broke (ReadError); sent once more: Justt answered 409: no "
        "(errorId err-4). Justt may have created it anyway, although it lists no new integration with this "
        "source. Do not run `pulumi up` again before you have checked, because that could create a duplicate: look at "
        "Justt after some minutes. If it is there, run `pulumi-justt recover`; if it is not, run "
        "`pulumi-justt recover --forget`. Then run `pulumi up`."
    )
    assert process.creator._unresolved != []


def test_refused_first_post_is_not_ambiguous() -> None:
    """If Justt refuses the first POST, create reads no further list, and the error says that nothing was created."""
    vendor = ScriptedVendor(fates={"a": ["400"]})
    process = Process(vendor)

    with pytest.raises(RequestRefused, match="Nothing was created"):
        process.create("a")

    assert vendor.requested == ["list", "post"]
    assert process.creator._unresolved == []


# Many in one outage


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", ["5xx before the commit", AFTER])
def test_creates_lost_in_one_outage_share_the_wait(policy: Policy, fate: str) -> None:
    """If sixteen concurrent creates lose all responses, they share the grace periods and the lists.

    All of them together take at most two time-outs longer than one such create.
    """
    vendor = ScriptedVendor(fates={name: [fate] * 2 for name in SIXTEEN_NAMES})
    process = Process(vendor, policy)
    alone = Process(ScriptedVendor(fates={"a": [fate] * 2}), policy)
    alone.outcome("a")

    outcomes = process.at_once(dict.fromkeys(SIXTEEN_NAMES, "stripe"))

    assert all(isinstance(each, CreateOutcomeUnknown) for each in outcomes.values()) or policy == "adopt"
    assert_all_accounted_for(vendor, outcomes)
    assert vendor.moment() <= alone.vendor.moment() + 2 * SECONDS
    assert vendor.requested.count("list") <= 2 * (alone.vendor.requested.count("list") + 2)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", ["5xx before the commit", AFTER])
@pytest.mark.parametrize(("seconds", "most"), [(0.1, 2), (SECONDS, 4)], ids=["answered", "timed out"])
def test_few_workers_share_the_wait_of_lost_creates(policy: Policy, fate: str, seconds: float, most: int) -> None:
    """If four workers send sixteen creates that all lose their responses, the waits are shared.

    The creates take at most two time-outs longer than one such create. The POSTs go out in batches of four. If each
    POST hangs until its time-out, the creates take at most four time-outs longer.
    """

    def vendor_of(names: Iterable[str]) -> ScriptedVendor:
        vendor = ScriptedVendor(fates={name: [fate] * 2 for name in names})
        vendor.on_commit = lambda _: vendor.moment.sleep(seconds)
        return vendor

    vendor = vendor_of(SIXTEEN_NAMES)
    alone = Process(vendor_of("a"), policy)
    alone.outcome("a")

    outcomes = Process(vendor, policy).at_once(dict.fromkeys(SIXTEEN_NAMES, "stripe"), workers=4)

    assert_all_accounted_for(vendor, outcomes)
    assert vendor.moment() <= alone.vendor.moment() + most * SECONDS


def test_waiting_create_does_not_block_others() -> None:
    """While a lost create waits for its grace period, the only worker of the process sends other creates."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor)
    ends: dict[str, float] = {}
    outcome = process.outcome

    def timed(name: str, source: str) -> str | JusttError:
        try:
            return outcome(name, source)
        finally:
            ends[name] = vendor.moment()

    vars(process)["outcome"] = timed
    outcomes = process.at_once(dict.fromkeys("abc", "stripe"), workers=1)

    assert_all_accounted_for(vendor, outcomes)
    assert ends == {"a": SECONDS, "b": 0.0, "c": 0.0}


def test_two_creates_with_the_same_name_in_flight() -> None:
    """If the host gives no URN, two creates with the same external identifier share one key.

    The second create is not refused as ambiguous while the first one is in flight: both succeed.
    """
    vendor = ScriptedVendor()
    process = Process(vendor)
    inputs = inputs_of(externalIdentifier="a", referenceAccountId=None)
    made: list[str] = []

    def create() -> None:
        made.append(process.creator.create("the resource of 'a'", inputs).integration_id)

    def meanwhile(_: str) -> None:
        if len(vendor.records) == 1:
            another = threading.Thread(target=create)
            another.start()
            another.join()

    vendor.on_commit = meanwhile
    create()
    assert sorted(made) == vendor.made_by("a")


def test_create_whose_error_fails_to_build_stays_unresolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """If building the error of a lost create raises, the create stays unresolved.

    The next call of this create sends no POST and reports the lost one.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor)
    monkeypatch.setattr(process.creator.intents, "named_in", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        process.create("a")
    monkeypatch.undo()

    assert (process.error("a").operation, len(vendor.made_by("a"))) == ("creating the stripe integration 'a'", 1)


def test_repeated_call_of_an_unresolved_create_sends_nothing() -> None:
    """If the engine calls an unresolved create again, as with an `onError` hook, create raises the same error.

    Create sends nothing, because a second POST would be a duplicate.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor)
    first = process.error("a")
    requested = [*vendor.requested]

    again = [process.error("a") for _ in range(3)]

    assert ({str(each) for each in again}, vendor.requested) == ({str(first)}, requested)
    assert [line.startswith("warning: creating the stripe integration 'a': ") for line in process.warnings] == [True]
    assert len(vendor.made_by("a")) == 1


@pytest.mark.parametrize("fate", ["answered", "400"])
def test_process_removes_only_its_own_intent(tmp_path: Path, fate: str) -> None:
    """After an undo or a 4xx, a process removes only its own intent.

    An intent that a second process has written for the resource since then stays.
    """
    vendor = ScriptedVendor(fates={"a": [fate]})
    first, second = Process(vendor, state=tmp_path), Process(vendor, state=tmp_path)
    inputs = inputs_of(externalIdentifier="a", referenceAccountId=None)

    def begin(_: str) -> None:
        second.creator.intents.write_sent(second.creator.intents.new("urn:a", inputs, None))

    if fate == "400":
        vendor.on_commit = begin
        first.outcome("a")
    else:
        first.create("a")
        begin("a")
        first.creator.intents.drop("urn:a", inputs)
    (kept,) = first.journal.intents()
    assert kept.process == second.journal.process

    second.creator.intents.drop("urn:a", inputs)
    assert first.journal.intents() == []


# Killed runs: successive processes on one machine


def kill_create(
    state: Path, vendor: ScriptedVendor, *, after: Literal["sent", "committed", "answered"], name: str = "a"
) -> None:
    """Run a create that is killed at the given point. Its journal and the vendor's records remain."""
    process = Process(vendor, state=state)

    class Killed(BaseException):
        """Simulates the end of the process: no provider code runs after it."""

    def die(*_: object) -> None:
        raise Killed

    vendor.on_request = lambda kind, _: die() if kind == "post" and after == "sent" else None
    vendor.on_commit = lambda _: die() if after == "committed" else None
    if after == "answered":
        vars(process.session.ownership)["note_created"] = die  # right after the response
    with pytest.raises(Killed):
        process.create(name)
    vendor.on_request, vendor.on_commit = lambda _, __: None, lambda _: None


@pytest.mark.parametrize("policy", POLICIES)
def test_killed_before_the_commit_is_created_once(tmp_path: Path, policy: Policy) -> None:
    """If a run is killed before Justt commits its POST, the next run creates one integration.

    The next run first waits until the POST can no longer be committed, and finds nothing new.
    """
    vendor = ScriptedVendor()
    vendor.make("old")
    kill_create(tmp_path, vendor, after="sent")

    process = Process(vendor, policy, tmp_path)
    made = process.create("a")

    assert vendor.made_by("a") == [made]
    assert vendor.moment() == pytest.approx(2 * SECONDS)
    (note,) = process.notes
    assert "an earlier run sent this create, and its request may take 60 s more;" in note


def test_a_create_long_after_the_kill_is_noted(tmp_path: Path) -> None:
    """If the killed run's request has ended long ago, the next run doesn't wait for it, and a note names `recover`.

    Pulumi keeps the pending operation of the killed run even if the next update succeeds.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="sent")
    vendor.moment.now += 3600

    process = Process(vendor, state=tmp_path)
    before = vendor.moment()
    process.create("a")

    assert vendor.moment() == before
    (note,) = process.notes
    assert (
        "an earlier run sent this create, and its result is not known, so the provider lists the account first." in note
    )
    assert "run `pulumi-justt recover`, which clears it." in note


@pytest.mark.parametrize("after", ["sent", "committed", "answered"])
def test_a_preview_after_a_killed_create_names_recover(
    tmp_path: Path, after: Literal["sent", "committed", "answered"]
) -> None:
    """A command that only previews the create of a killed run ends with a warning that names `recover`.

    There is no warning if the command starts the create, if the user has decided already, or if the state has it. If
    `preview --refresh` replaces the resource, it warns once.
    """

    def ended(process: Process) -> list[str]:
        process.creator.intents.warn_of_unseen({"urn:a"}, process.client.settings.base_url)
        return process.warnings

    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after=after)

    preview = Process(vendor, state=tmp_path)
    preview.creator.intents.note_stored("urn:a", {})
    (warning,) = ended(preview)
    assert "an earlier run began to create 'urn:a' (journal: " in warning
    assert "If the state has it (see `pulumi stack --show-ids`), run `pulumi refresh`; otherwise" in warning
    assert "run `pulumi-justt recover`" in warning

    stored = Process(vendor, state=tmp_path)
    stored.creator.intents.note_stored("urn:a", {"source": "stripe"})
    assert ended(stored) == []

    replaced = Process(vendor, state=tmp_path)
    replaced.creator.intents.note_stored("urn:a", {"source": "stripe"})
    (intent,) = replaced.journal.intents()
    replaced.creator.intents.warn_at_end("the old integration", intent)
    replaced.creator.intents.note_stored("urn:a", {})
    (warning,) = ended(replaced)
    assert warning.startswith("warning: the old integration: an earlier run ")

    if after != "sent":
        failed = rerun(vendor, tmp_path)
        failed.creator.intents.note_stored("urn:a", {})
        assert "pulumi-justt recover" in str(failed.outcome("a"))
        assert ended(failed) == []

    decided = rerun(vendor, tmp_path, Decision("forget"))
    decided.creator.intents.note_stored("urn:a", {})
    assert ended(decided) == []

    update = Process(vendor, state=tmp_path)
    update.creator.intents.note_stored("urn:a", {})
    update.create("a")
    assert ended(update) == []


def test_killed_after_the_commit_is_named(tmp_path: Path) -> None:
    """If a run is killed after Justt committed its POST, the next run sends no POST.

    Its error names the integration and the command that resolves the create.
    """
    vendor = ScriptedVendor()
    vendor.make("old")
    kill_create(tmp_path, vendor, after="committed")

    error = str(Process(vendor, state=tmp_path).error("a"))

    assert vendor.made_by("a") == ["int-1"]
    unknown = "an earlier run sent this create at 1970-01-01T00:00:00Z, and its result is not known."
    assert f"{unknown} Justt may have created it." in error
    assert "pulumi-justt recover --claim int-1" in error


def test_killed_after_the_commit_is_claimed_with_adopt(tmp_path: Path) -> None:
    """If a run is killed after Justt committed its POST, the next run with `adopt` claims the only new integration."""
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="committed")

    assert [Process(vendor, "adopt", tmp_path).create("a")] == vendor.made_by("a") == ["int-0"]


def test_ids_of_other_resources_are_not_candidates_of_a_killed_run(tmp_path: Path) -> None:
    """After a killed create, ids of other resources are no candidates, so the next run creates the integration.

    The other ids were created by any run for other resources, or are in the state.
    """
    vendor = ScriptedVendor()
    Process(vendor, state=tmp_path).create("before")
    kill_create(tmp_path, vendor, after="sent")
    process = Process(vendor, state=tmp_path)
    process.create("later")
    process.session.ownership.note_state("urn:held", vendor.make("held"), {})

    assert [process.create("a")] == vendor.made_by("a")


def serve_reads(vendor: ScriptedVendor, process: Process) -> None:
    """Make the vendor also respond to a GET of one record and to a DELETE."""
    handle = vendor.__call__

    def respond(request: httpx.Request) -> httpx.Response:
        integration_id = request.url.path.rpartition("/")[2]
        found = [record for record in vendor.records if record["integrationId"] == integration_id]
        if integration_id == "integrations":
            return handle(request)
        if not found:
            return httpx.Response(404, json={"message": "no such integration"})
        if request.method == "DELETE":
            found[0]["status"] = "INACTIVE"
            return httpx.Response(200)
        return httpx.Response(200, json={name: found[0][name] for name in ("integrationId", "source", "status")})

    process.client._api._http = process.client._api._fresh_http = httpx.Client(
        base_url="http://127.0.0.1:9/v1", transport=httpx.MockTransport(respond), trust_env=False
    )


def rerun(vendor: ScriptedVendor, state: Path, decision: Decision | None = None) -> Process:
    """Return the next process of the machine, after the user has made a decision, if any."""
    process = Process(vendor, state=state)
    serve_reads(vendor, process)
    if decision:
        (intent,) = process.journal.intents()
        process.journal.decide(intent, decision)
    return process


def test_killed_after_the_response_is_named_while_it_is_live(tmp_path: Path) -> None:
    """If a run is killed after the response, the next run reads the id from the journal and fails while it is live.

    Once that integration is INACTIVE, the next run creates another one.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="answered")

    for _ in range(2):
        with pytest.raises(StateConflict, match="an earlier run created integration int-0 for this resource") as raised:
            rerun(vendor, tmp_path).create("a")
    assert "At Justt it is PENDING. Nothing was sent." in str(raised.value)
    assert "`pulumi-justt recover --claim int-0`" in str(raised.value)
    vendor.records[0]["status"] = "INACTIVE"
    assert rerun(vendor, tmp_path).create("a") == "int-1"


def test_killed_after_the_response_and_not_found(tmp_path: Path) -> None:
    """If the id of a killed create gets a 404, the next run fails, because a 404 does not prove absence.

    With a simulator, which can be reset, the next run creates another integration.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="answered")
    vendor.records.clear()
    process = rerun(vendor, tmp_path)
    process.client.settings = replace(process.client.settings, environment="sandbox")

    with pytest.raises(StateConflict, match="At Justt it is not found with this key and account"):
        process.create("a")

    assert rerun(vendor, tmp_path).create("a") == "int-0"


def test_killed_after_the_response_and_not_found_but_listed(tmp_path: Path) -> None:
    """If a simulator still lists the id of a killed create, it was not reset.

    The next run then fails even if a GET of the id gets a 404.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="answered")
    process = rerun(vendor, tmp_path)

    def refuse(*_: object, operation: str, **__: object) -> None:
        raise RequestRefused(operation, "Justt answered 404: no", "", None, status=404, after_unanswered=False)

    vars(process.client)["get_integration"] = refuse
    with pytest.raises(StateConflict, match="At Justt it is not found with this key and account"):
        process.create("a")


def test_intent_is_dropped_after_a_reset_of_the_simulator(tmp_path: Path) -> None:
    """If the account lacks ids from before a killed run's POST, the simulator was reset.

    The next run then drops the intent and creates the integration.
    """
    vendor = ScriptedVendor()
    vendor.make("old")
    kill_create(tmp_path, vendor, after="committed")
    vendor.records.clear()

    assert Process(vendor, state=tmp_path).create("a") == "int-0"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "change",
    [
        {"source": "adyen"},
        {"externalIdentifier": "b"},
        {"integrationName": "Another"},
        {"secretPayload": {"apiKey": "another-key"}},
        {"merchantAccountCodes": ["one"]},
    ],
)
def test_killed_before_the_program_changed(tmp_path: Path, policy: Policy, change: dict[str, object]) -> None:
    """If the program changes after a killed create, the next run fails and names the candidate.

    The run refuses to claim the candidate for the changed inputs. After a decision to deactivate the candidate, the
    next run creates another integration.
    """
    vendor = ScriptedVendor()
    vendor.make("old")
    kill_create(tmp_path, vendor, after="committed")
    process = Process(vendor, policy, tmp_path)
    inputs = inputs_of(**{"externalIdentifier": "a", **change})
    changed = r"has changed since that create was sent.*`pulumi-justt recover --deactivate int-1`"

    with pytest.raises(
        CreateOutcomeUnknown, match=rf"creating the stripe integration 'a': .* int-1 \(PENDING\).*{changed}"
    ):
        process.creator.create("urn:a", inputs)

    assert vendor.requested.count("post") == 1
    for _ in range(2):
        process = rerun(vendor, tmp_path, Decision("claim", "int-1"))
        with pytest.raises(StateConflict, match=changed):
            process.creator.create("urn:a", inputs)
    if len(inputs.merchant_account_codes or []) == 1:
        assert process.create("a") == "int-1"
        return
    process = rerun(vendor, tmp_path, Decision("deactivate", "int-1"))
    assert process.creator.create("urn:a", inputs).integration_id == "int-2"
    assert vendor.records[1]["status"] == "INACTIVE"


@pytest.mark.parametrize("policy", POLICIES)
def test_killed_before_the_api_key_changed(tmp_path: Path, policy: Policy) -> None:
    """If the API key has changed or the intent has no digest, the next run can't compare the inputs of a killed create.

    So the run fails and names the candidate, even with `adopt`.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="committed")
    for key, digest in (("another", "as it was"), (None, None)):
        process = Process(vendor, policy, tmp_path)
        if key:
            process.client.settings = process.client.settings.with_api_key(key, "justt:apiKey")
        (intent,) = process.journal.intents()
        process.journal.write_intent(replace(intent, digest=intent.digest if digest else None))
        assert "int-0 (PENDING)" in str(process.error("a"))
        assert vendor.requested.count("post") == 1


def test_unusable_intent_file_blocks_the_create(tmp_path: Path) -> None:
    """If the intent of a resource is damaged or has a newer format, its create sends nothing.

    The file stays unchanged, and other resources can be created.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="committed")
    (file,) = (tmp_path / "intents").iterdir()
    for content in ('{"version": 2}', "{", ""):
        file.write_text(content)
        process = rerun(vendor, tmp_path)
        with pytest.raises(StateConflict, match=r"the only record of an earlier create.*Nothing was sent") as raised:
            process.create("a")
        assert str(file) in str(raised.value)
        assert file.read_text() == content
    assert vendor.requested.count("post") == 1
    assert process.create("b") == "int-1"


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_killed_create_blocks_the_account_under_its_other_name(
    tmp_path: Path, after: Literal["committed", "answered"]
) -> None:
    """After a killed create without an account, a create that names the default account is refused.

    An account can be used by its id or without a name, so both may mean the same one. The create succeeds once the
    integration is INACTIVE or the intent is removed.
    """
    vendor = ScriptedVendor(default_account="main")
    kill_create(tmp_path, vendor, after=after)

    with pytest.raises(StateConflict, match="int-0" if after == "answered" else "without an account") as raised:
        rerun(vendor, tmp_path).create("a", account="main")
    assert str(next((tmp_path / "intents").iterdir())) in str(raised.value)
    assert len(vendor.records) == 1
    process = rerun(vendor, tmp_path)
    if after == "answered":
        vendor.records[0]["status"] = "INACTIVE"
    else:
        process.journal.remove_intent(*process.journal.intents())
    assert process.create("a", account="main") == "int-1"
    assert [intent.account for intent in process.journal.intents()] == ["main"]


def test_killed_with_a_longer_time_out(tmp_path: Path) -> None:
    """After a killed create, the next run waits for the killed run's time-out, even if its own one is shorter."""
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="sent")
    process = Process(vendor, state=tmp_path)
    process.client.settings = replace(process.client.settings, timeout_seconds=SECONDS / 10)

    process.create("a")

    assert vendor.moment() >= 2 * SECONDS


def test_candidate_of_two_killed_creates_is_not_claimed(tmp_path: Path) -> None:
    """If the journal has two killed creates without a response, `adopt` claims nothing and names the candidate."""
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="sent")
    kill_create(tmp_path, vendor, after="committed", name="b")

    assert "int-0 (PENDING)" in str(Process(vendor, "adopt", tmp_path).error("a"))


def test_id_claimed_for_the_resource_itself_is_a_candidate(tmp_path: Path) -> None:
    """If a killed run has written its claim but not its intent's id, the claimed integration is the candidate.

    The next run's error names it.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="committed")
    process = Process(vendor, state=tmp_path)
    process.journal.claim(process.client.settings.base_url, "int-0", "urn:a")

    assert "int-0 (PENDING)" in str(process.error("a"))


def test_adopted_id_settles_only_an_intent_that_may_have_created_it(tmp_path: Path) -> None:
    """If a resource adopts an id, its intent gets the id only if the killed create may have made that integration.

    The intent does not get an id from before the POST, or one other than the id in its decision.
    """
    vendor = ScriptedVendor()
    vendor.make("old")
    kill_create(tmp_path, vendor, after="committed")
    process = rerun(vendor, tmp_path, Decision("claim", "int-1"))
    inputs = inputs_of(externalIdentifier="a")
    for adopted, known in (("int-0", None), ("int-2", None), ("int-1", "int-1"), ("int-2", "int-1")):
        process.creator.intents.adopted("urn:a", inputs, adopted)
        assert process.journal.intents()[0].integration_id == known


def test_state_with_the_id_under_another_urn_settles_the_intent(tmp_path: Path) -> None:
    """If the state has a create's id under another URN, as after a rename, the old name can get another integration.

    A read may have settled the intent before, or not.
    """
    for number, is_settled in enumerate((True, False)):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        made = Process(vendor, state=state).create("a")
        process = rerun(vendor, state)
        process.session.ownership.note_state("urn:renamed", made, {})
        if is_settled:
            process.journal.resolve("urn:renamed", process.client.settings.base_url, None, made)
            assert process.journal.intents() == []

        assert process.create("a") == "int-1"


def test_state_with_the_id_settles_the_intent(tmp_path: Path) -> None:
    """Once the state has the id of a create, the intent is removed and the claim stays.

    If the state has another id, the intent stays.
    """
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    made = process.create("a")
    journal = process.journal
    base_url = process.client.settings.base_url
    journal.resolve("urn:a", base_url, None, "another id")
    assert [intent.integration_id for intent in journal.intents()] == [made]

    journal.resolve("urn:a", base_url, None, made)

    assert journal.intents() == []
    assert journal.claimant(base_url, made) == "urn:a"


@pytest.mark.parametrize("name", ["a", "renamed"])
@pytest.mark.parametrize("is_in_order", [True, False])
def test_create_is_refused_until_the_state_shows_the_earlier_one(
    tmp_path: Path, *, is_in_order: bool, name: str
) -> None:
    """If the state lacks the id of an earlier command's create, a new create is refused, also under another name.

    The engine may have failed to save the id, even if that command ended normally. After a read has settled the intent,
    the create succeeds.
    """
    vendor, stack, inputs = ScriptedVendor(), "urn:pulumi:dev::shop::type::", inputs_of(externalIdentifier="a")
    process = Process(vendor, state=tmp_path)
    process.creator.create(f"{stack}a", inputs)
    if is_in_order:
        process.journal.end_in_order()
    again = rerun(vendor, tmp_path)

    with pytest.raises(StateConflict, match=r"an earlier run created integration int-0 for .*At Justt it is PENDING"):
        again.creator.create(f"{stack}{name}", inputs)
    assert (vendor.requested.count("post"), again.warnings) == (1, [])

    assert again.journal.resolve(f"{stack}a", process.client.settings.base_url, None, "int-0") is None
    assert rerun(vendor, tmp_path).creator.create(f"{stack}{name}", inputs).integration_id == "int-1"


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_decision_is_carried_out(tmp_path: Path, after: Literal["committed", "answered"]) -> None:
    """After `pulumi-justt recover`, the next create carries out the decision: claim, deactivate or forget."""
    for number, (decision, outcome, live) in enumerate(
        [
            (Decision("claim", "int-0"), "int-0", ["int-0"]),
            (Decision("deactivate", "int-0"), "int-1", ["int-1"]),
            (Decision("forget"), "int-1", ["int-0", "int-1"]),
        ]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        kill_create(state, vendor, after=after)
        process = rerun(vendor, state, decision)

        assert process.create("a") == outcome
        assert [each["integrationId"] for each in vendor.records if each["status"] != "INACTIVE"] == live
        (intent,) = process.journal.intents()
        assert (intent.integration_id, intent.decision) == (outcome, None)


def test_outdated_decision_is_refused(tmp_path: Path) -> None:
    """If the id to claim is INACTIVE, of another PSP or in another resource, create fails and sends no POST."""
    for number, (change, problem) in enumerate(
        [
            ({"status": "INACTIVE"}, "it is INACTIVE, which is final"),
            ({"source": "adyen"}, "it belongs to another PSP"),
            ({}, "it belongs to another resource"),
        ]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        kill_create(state, vendor, after="committed")
        vendor.records[0].update(change)
        process = rerun(vendor, state, Decision("claim", "int-0"))
        if not change:
            process.session.ownership.note_state("urn:b", "int-0", {})

        with pytest.raises(StateConflict, match=problem):
            process.create("a")
        assert vendor.requested.count("post") == 1


def test_decision_is_carried_out_for_only_one_of_two_resources(tmp_path: Path) -> None:
    """After a decision to claim an integration, two processes create its renamed resource under two new names at once.

    The first process claims the integration, and the second process creates another one.
    """
    vendor, stack = ScriptedVendor(), "urn:pulumi:dev::shop::type::"
    vendor.fates = {"a": [AFTER]}
    inputs = inputs_of(externalIdentifier="a")
    with pytest.raises(CreateOutcomeUnknown):
        Process(vendor, state=tmp_path).creator.create(f"{stack}a", inputs)
    first, second = rerun(vendor, tmp_path, Decision("claim", "int-0")), rerun(vendor, tmp_path)
    assert second.creator.intents._earlier_intents("a") != []
    response = second.client.get_integration
    made: list[str] = []

    def meanwhile(integration_id: str, *, operation: str, account: str | None) -> RemoteRecord:
        if not made:
            made.append(first.creator.create(f"{stack}b", inputs).integration_id)
        return response(integration_id, operation=operation, account=account)

    vars(second.client)["get_integration"] = meanwhile
    made.append(second.creator.create(f"{stack}c", inputs).integration_id)

    assert made == ["int-0", "int-1"]
    assert first.journal.claimant(first.client.settings.base_url, "int-0") == f"{stack}b"


@pytest.mark.parametrize("action", ["claim", "deactivate"])
@pytest.mark.parametrize("adopter", ["of an earlier command", "of the program"])
def test_decision_about_an_id_that_another_resource_adopts_is_refused(
    tmp_path: Path, action: Literal["claim", "deactivate"], adopter: str
) -> None:
    """If another resource adopts an id after the decision to claim or deactivate it, create fails.

    The integration stays as it is.
    """
    vendor = ScriptedVendor()
    kill_create(tmp_path, vendor, after="answered")
    process = rerun(vendor, tmp_path, Decision(action, "int-0"))
    if adopter == "of the program":
        process.session.ownership.note_check("urn:b", {"adoptId": "int-0"})
    else:
        process.journal.hold_adoption(process.client.settings.base_url, "int-0", "urn:b")

    with pytest.raises(StateConflict, match=r"'urn:b' (adopts|has adopted) it.*Nothing was changed"):
        process.create("a")
    assert [record["status"] for record in vendor.records] == ["PENDING"]


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_decision_is_carried_out_in_the_account_of_the_create(
    tmp_path: Path, after: Literal["committed", "answered"]
) -> None:
    """If the resource's account has changed since a killed create, the decision applies to the old account.

    Create deactivates or forgets the old integration and creates another one. A claim of the old integration is refused
    until the account is set back.
    """
    for number, (decision, live) in enumerate(
        [(Decision("deactivate", "int-0"), ["int-1"]), (Decision("forget"), ["int-0", "int-1"])]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        kill_create(state, vendor, after=after)

        assert rerun(vendor, state, decision).create("a", account="other") == "int-1"
        assert [each["integrationId"] for each in vendor.records if each["status"] != "INACTIVE"] == live

    vendor = ScriptedVendor()
    kill_create(tmp_path / "claim", vendor, after=after)
    with pytest.raises(
        StateConflict,
        match="to claim int-0, which an earlier run created without an account",
    ):
        rerun(vendor, tmp_path / "claim", Decision("claim", "int-0")).create("a", account="other")
    assert rerun(vendor, tmp_path / "claim").create("a") == "int-0"


def test_warning_of_a_left_over_create_is_logged_once(tmp_path: Path) -> None:
    """Each process warns once of a create that an earlier run left over, even if that run ended normally.

    No process warns of creates of its own command.
    """
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    base_url = process.client.settings.base_url

    def warning(process: Process) -> str:
        for _ in range(2):
            intent = process.journal.intent("urn:a", base_url, None)
            process.creator.intents.warn_of_unresolved("the integration 'a'", intent)
        assert len(process.warnings) <= 1
        return process.warnings[0] if process.warnings else ""

    process.create("a")
    assert warning(process) == ""
    assert "'a': an earlier run created integration int-0 for this resource" in warning(rerun(vendor, tmp_path))
    process.journal.end_in_order()
    assert warning(rerun(vendor, tmp_path)) != ""
    assert "run `pulumi-justt recover` again, because" in warning(rerun(vendor, tmp_path, Decision("claim", "int-0")))


def test_left_over_create_beside_a_pending_delete_is_reported_at_the_end(tmp_path: Path) -> None:
    """While a delete may still settle an earlier run's create, the warning about it waits for the command's end.

    There is no warning if the create is settled by then.
    """
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    process.create("a")
    base_url = process.client.settings.base_url
    for is_settled in (False, True):
        again = rerun(vendor, tmp_path)
        again.creator.intents.warn_at_end("the integration 'a'", again.journal.intent("urn:a", base_url, None))
        assert again.warnings == []
        if is_settled:
            again.journal.resolve("urn:a", base_url, None, "int-0")
        again.creator.intents.warn_of_unseen({"urn:a"}, base_url)
        assert len(again.warnings) == (not is_settled)


def test_create_left_over_in_another_stack_is_one_warning(tmp_path: Path) -> None:
    """If a killed run of another stack has created the same integration, create succeeds with one warning.

    The stack may have been renamed, or be another stack of the program. If that run ended normally, there is no
    warning.
    """

    def urn(stack: str, name: str = "a", project: str = "shop") -> str:
        return f"urn:pulumi:{stack}::{project}::type::{name}"

    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    inputs = {name: inputs_of(externalIdentifier=name) for name in "ab"}
    for name in "ab":
        process.creator.create(urn("dev", name), inputs[name])
    process.journal.end_in_order()
    again = rerun(vendor, tmp_path)
    again.creator.create(urn("prod"), inputs["a"])
    assert again.warnings == []

    (tmp_path / "ended" / f"{process.journal.process}.json").unlink()
    again = rerun(vendor, tmp_path)
    for name in "ab":
        again.creator.create(urn("next", name), inputs[name])
    (warning,) = again.warnings
    assert "an earlier run of stack 'shop/dev' created integration int-0 for it (journal: " in warning
    assert str(tmp_path / "intents") in warning
    assert "`pulumi-justt recover`" in warning

    again = rerun(vendor, tmp_path)
    again.creator.create(urn("dev", "b", "renamed"), inputs["b"])
    assert "an earlier run of stack 'shop/dev' created integration int-1 for it" in again.warnings[0]


def test_unusable_journal_fails_no_create(tmp_path: Path) -> None:
    """If the journal's folder can't be used, creates succeed, and one warning says so."""
    (tmp_path / "file").write_text("in the way")
    process = Process(ScriptedVendor(), state=tmp_path / "file")

    process.create("a")
    process.create("b")

    assert ["the journal of creates can't be relied on" in line for line in process.warnings] == [True]


# What `adopt` does not claim


def another_writer(*sources: str, status: str = "PENDING") -> Callable[[ScriptedVendor], None]:
    """Return a function that makes another writer create integrations during the first POST."""

    def prepare(vendor: ScriptedVendor) -> None:
        def write(name: str) -> None:
            if name == "a":
                for source in sources:
                    vendor.make("another writer", source, status=status)

        vendor.on_commit = write

    return prepare


@pytest.mark.parametrize(
    ("prepare", "named"),
    [
        pytest.param(another_writer("stripe"), ["int-0", "int-1"], id="two candidates"),
        pytest.param(another_writer("adyen"), ["int-0"], id="another one of another source"),
        pytest.param(another_writer("adyen", "stripe"), ["int-0", "int-2"], id="another of each source"),
    ],
)
def test_nothing_is_claimed_if_another_integration_is_new(
    prepare: Callable[[ScriptedVendor], None], named: list[str]
) -> None:
    """If a second integration is new after a lost POST, `adopt` claims nothing, and the error names the candidates.

    Another writer is active, so the provider can't tell which integration is its own.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    prepare(vendor)
    process = Process(vendor, "adopt")

    text = str(process.error("a"))

    assert ", ".join(f"{each} (PENDING)" for each in named) in text
    assert process.warnings == []


def test_inactive_candidate_is_not_claimed() -> None:
    """If the only candidate is INACTIVE, which is final, `adopt` does not claim it, and the error names it."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    vendor.on_commit = lambda _: vendor.records[0].update(status="INACTIVE")
    process = Process(vendor, "adopt")

    assert "int-0 (INACTIVE)" in str(process.error("a"))
    assert process.warnings == []


def test_nothing_is_claimed_after_an_unresolved_create() -> None:
    """While an earlier create is unresolved, `adopt` claims no candidate of a later one.

    The candidate may belong to the earlier create.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE, BEFORE], "b": [AFTER]})
    process = Process(vendor, "adopt")
    process.error("a")

    assert "int-0 (PENDING)" in str(process.error("b"))
    assert process.warnings == []


def test_nothing_is_claimed_after_a_create_that_took_two_posts() -> None:
    """After a create that needed two POSTs, `adopt` claims no candidate of a later create.

    Justt may still commit the first POST.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [AFTER]})
    process = Process(vendor, "adopt")
    process.create("a")

    assert "int-1 (PENDING)" in str(process.error("b"))
    assert process.warnings == []


def test_second_lost_create_is_claimed_after_a_first() -> None:
    """If two creates lose their responses one after the other, `adopt` claims the candidate of each.

    The claimed id of the first create is no candidate of the second one.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER], "b": [AFTER]})
    process = Process(vendor, "adopt")

    assert [process.create("a")] == vendor.made_by("a")
    assert [process.create("b")] == vendor.made_by("b")
    assert len(process.warnings) == 2


def test_nothing_is_claimed_while_another_create_is_unresolved() -> None:
    """If two creates lose their responses at once, `adopt` claims nothing, whether their sources are equal or not."""
    for sources in ({"a": "stripe", "b": "stripe"}, {"a": "stripe", "b": "adyen"}):
        vendor = ScriptedVendor(fates={"a": [AFTER], "b": [AFTER]})
        process = Process(vendor, "adopt")

        outcomes = process.at_once(sources)

        assert all(isinstance(each, CreateOutcomeUnknown) for each in outcomes.values())
        assert_all_accounted_for(vendor, outcomes)
        assert process.warnings == []


def test_nothing_is_claimed_while_the_default_account_has_an_unresolved_create() -> None:
    """While a create without an account is unresolved, `adopt` claims no candidate in a named account.

    A request without an account may use the named one.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE, BEFORE], "b": [AFTER]}, default_account="acc_1")
    process = Process(vendor, "adopt")
    process.error("a", account=None)

    assert "int-0 (PENDING)" in str(process.error("b", account="acc_1"))
    assert process.warnings == []


def test_creates_under_two_names_of_an_account_do_not_swap_ids() -> None:
    """A lost create waits for a POST under the account's other name, and does not claim that POST's id."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]}, default_account="acc_1")
    process = Process(vendor, "adopt")
    for account in (None, "acc_1"):
        process.create("first", account=account)
    committed, go_on = threading.Event(), threading.Event()
    vars(process.creator._posts)["_changed"] = NotifyingCondition(go_on.set)

    def hold(name: str) -> None:
        if name == "b":
            committed.set()
            assert go_on.wait(SHORT_RETRIES)

    vendor.on_commit = hold
    with ThreadPoolExecutor(1) as pool:
        b = pool.submit(process.outcome, "b", "stripe", "acc_1")
        assert committed.wait(SHORT_RETRIES)
        a = process.outcome("a")
        go_on.set()

    assert [a] == vendor.made_by("a")
    assert [b.result(SHORT_RETRIES)] == vendor.made_by("b")


@pytest.mark.parametrize("policy", POLICIES)
def test_adopted_id_is_not_a_candidate(policy: Policy) -> None:
    """If another resource of the run adopts a new integration, a lost create does not count it as a candidate.

    So create sends a second POST.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor, policy)
    vendor.on_commit = lambda _: (
        None if vendor.records else process.session.ownership.adopt("urn:b", vendor.make("new"), "adopting it")
    )

    assert [process.create("a")] == vendor.made_by("a")
    assert process.warnings == []


def test_candidate_claimed_by_another_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If another process has just claimed the candidate, create with `adopt` fails and names the candidate."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, "adopt")
    claim = process.journal.claim

    def claim_second(base_url: str, integration_id: str, urn: str) -> str | None:
        Journal(process.state).claim(base_url, integration_id, "urn:of the other process")
        return claim(base_url, integration_id, urn)

    monkeypatch.setattr(process.journal, "claim", claim_second)

    assert "int-0 (PENDING)" in str(process.error("a"))
    assert process.warnings == []


def test_candidate_is_not_claimed_without_a_journal(tmp_path: Path) -> None:
    """If the journal can't record a claim, `adopt` claims nothing and the error names the candidate.

    Another process could claim the same integration.
    """
    (tmp_path / "file").write_text("in the way")
    process = Process(ScriptedVendor(fates={"a": [AFTER]}), "adopt", tmp_path / "file")

    assert "int-0 (PENDING)" in str(process.error("a"))
    assert len(process.warnings) == 1
    assert "the journal of creates can't be relied on" in process.warnings[0]


# Lists: shapes, orders, lengths, shifts


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("enveloped", [False, True], ids=["array", "envelope"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("size", [0, 99, 100, 101, 250])
def test_every_kind_of_list(policy: Policy, fate: str, enveloped: bool, newest_first: bool, size: int) -> None:
    """With any envelope, order and number of pages, a lost create finds its own new integration, and only that one."""
    vendor = ScriptedVendor(fates={"a": [fate]}, enveloped=enveloped, newest_first=newest_first)
    for number in range(size):
        vendor.make(f"old-{number}")
    process = Process(vendor, policy)

    outcome = process.outcome("a")

    (made,) = vendor.made_by("a")
    if fate == BEFORE or policy == "adopt":
        assert outcome == made
    else:
        assert f"this source: {made} (PENDING). " in str(outcome)


def test_pages_of_one_pass() -> None:
    """A pass reads pages until a bare array has a page that is not full, or an envelope says `hasMore: false`."""
    for enveloped, pages in ((False, ["1", "2", "3"]), (True, ["1", "2"])):
        vendor = ScriptedVendor(enveloped=enveloped)
        for number in range(200):
            vendor.make(f"old-{number}")

        Process(vendor).create("a")

        assert [what.rpartition("/")[2] for kind, what, _ in vendor.journal if kind == "list"] == pages


def shifting(vendor: ScriptedVendor, times: int) -> None:
    """Make another writer create an integration at each request for page 2, *times* times."""
    left = itertools.count(times, -1)
    vendor.on_request = lambda kind, what: (
        vendor.make("another writer", "adyen") if kind == "list" and what.endswith("/2") and next(left) > 0 else None
    )


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_shifting_pages_are_read_until_two_passes_agree(newest_first: bool) -> None:
    """If new integrations shift the pages during a pass, the provider reads the list until two passes agree."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]}, newest_first=newest_first)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor)
    vendor.on_commit = lambda name: shifting(vendor, 2) if name == "a" else None

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    assert 2 < vendor.requested.count("list") - 1 <= 5


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
def test_passes_that_never_agree_prove_nothing(policy: Policy, fate: str) -> None:
    """If the account changes during each of five passes, a lost create sends no second POST and claims nothing."""
    vendor = ScriptedVendor(fates={"a": [fate]}, newest_first=True)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor, policy)
    vendor.on_commit = lambda _: shifting(vendor, 1000)

    text = str(process.error("a"))

    assert "(not certain: the account's list was too long, or changed while it was read)" in text
    assert all(each in text for each in vendor.made_by("a"))
    assert vendor.requested[vendor.requested.index("post") :] == ["post", *["list"] * 5]
    assert process.warnings == []


@pytest.mark.parametrize("fate", [BEFORE, AFTER])
def test_unstable_list_before_the_post_proves_nothing(fate: str) -> None:
    """With `adopt`, if no two passes before the POST agree, no later integration counts as new.

    A lost create then fails, and sends no second POST.
    """
    vendor = ScriptedVendor(fates={"a": [fate]}, newest_first=True)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor, "adopt")
    shifting(vendor, 1000)

    def stop(_: str) -> None:
        vendor.on_request = lambda _, __: None

    vendor.on_commit = stop

    assert "(not certain: " in str(process.error("a"))
    assert vendor.requested == [*["list"] * 5, "post", "list", "list"]


def test_record_missing_from_one_pass_is_found() -> None:
    """If one pass after a lost POST misses a record, the next passes find it, and create sends no second POST."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    for number in range(150):
        vendor.make(f"old-{number}")
    passes = itertools.count()

    def hide(page: int) -> httpx.Response | None:
        if page == 2 and next(passes) == 1:
            return httpx.Response(200, json=[])
        return None

    vendor.on_list = hide

    assert "int-150 (PENDING)" in str(Process(vendor).error("a"))
    assert vendor.requested == ["list", "post", "list", "list", "list"]


def test_record_that_only_the_first_pass_shows_counts() -> None:
    """If only the first pass after a lost POST shows a new record, the record is a candidate.

    Create sends no second POST, even if two later passes agree without the record.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    for number in range(150):
        vendor.make(f"old-{number}")
    passes = itertools.count()

    def hide(page: int) -> httpx.Response | None:
        if page == 2 and next(passes) >= 2:
            return httpx.Response(200, json=[])
        return None

    vendor.on_list = hide

    assert "int-150 (PENDING)" in str(Process(vendor).error("a"))
    assert vendor.requested == ["list", "post", "list", "list", "list"]


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("enveloped", [False, True], ids=["array", "envelope"])
def test_account_beyond_the_page_limit_proves_nothing(policy: Policy, fate: str, enveloped: bool) -> None:
    """The provider reads at most 100 pages of an account.

    In a larger account, creates succeed, but a lost create is neither sent again nor claimed.
    """
    vendor = ScriptedVendor(fates={"a": [fate]}, enveloped=enveloped, newest_first=True)
    vendor.records = [
        {"integrationId": f"int-{number}", "source": "stripe", "status": "PENDING", "by": ("old", None)}
        for number in range(10_001)
    ]
    process = Process(vendor, policy)

    assert [process.create("z")] == vendor.made_by("z")
    assert sum(kind == "list" for kind, _, _ in vendor.journal) == MOST_PAGES == 100
    text = str(process.error("a"))

    assert "(not certain: the account's list was too long, or changed while it was read)" in text
    assert all(each in text for each in vendor.made_by("a"))
    assert vendor.requested == ["list", "post", "post", "list"]
    assert process.warnings == []


@pytest.mark.slow
def test_account_of_exactly_the_page_limit_is_complete_if_the_envelope_says_so() -> None:
    """If page 100 says `hasMore: false`, the list is complete, and a lost POST is sent again.

    A bare array of 100 full pages may continue, so a lost create fails.
    """
    texts = []
    for enveloped in (True, False):
        vendor = ScriptedVendor(fates={"a": [BEFORE]}, enveloped=enveloped)
        vendor.records = [
            {"integrationId": f"int-{number}", "source": "stripe", "status": "PENDING", "by": ("old", None)}
            for number in range(10_000)
        ]
        texts.append(str(Process(vendor).outcome("a")))

    assert texts[0] == "int-10000"
    assert WARNING in texts[1]


def test_repeated_page_proves_nothing() -> None:
    """If every page number returns the same full page, the provider reads only two pages, and a lost create fails."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    full = [{"integrationId": f"x-{number}", "source": "stripe", "status": "PENDING"} for number in range(100)]
    vendor.on_list = lambda _: httpx.Response(200, json=full)

    assert "(not certain: " in str(Process(vendor).error("a"))
    assert [what for kind, what, _ in vendor.journal if kind == "list"] == ["None/1", "None/2"] * 2


@pytest.mark.parametrize("response", [httpx.Response(403, json={"message": "no"}), httpx.Response(200, json={"a": 1})])
def test_failed_list_before_the_post_prevents_it(response: httpx.Response) -> None:
    """If the list before the POST fails, create fails with an error that names the list.

    Create sends no POST, because a lost response could not be resolved.
    """
    vendor = ScriptedVendor()
    vendor.on_list = lambda _: response
    process = Process(vendor)

    with pytest.raises((RequestRefused, UnexpectedResponse)) as raised:
        process.create("a")

    assert str(raised.value).startswith(
        "creating the stripe integration 'a', listing the account before the create: Justt "
    )
    assert "post" not in vendor.requested


def test_failed_list_before_the_post_is_retried_by_the_next_create() -> None:
    """If the list before the POST fails, the next create reads the list again.

    The failed list does not count as an empty one.
    """
    vendor = ScriptedVendor(fates={"b": [AFTER]})
    vendor.make("old")
    process = Process(vendor)
    vendor.on_list = lambda _: httpx.Response(403, json={})
    assert isinstance(process.outcome("a"), RequestRefused)
    vendor.on_list = lambda _: None

    text = str(process.error("b"))

    assert "this source: int-1 (PENDING). " in text


def test_failed_list_before_the_post_fails_all_waiting_creates() -> None:
    """If the list before the POST fails while sixteen creates wait for it, all of them fail together with it."""
    vendor = ScriptedVendor()
    process = Process(vendor)
    arrived = threading.Semaphore(0)
    lock = process.account.snapshot_lock

    class Counted:
        """The lock of the list before the POST, which counts the threads that come for it."""

        def __enter__(self) -> None:
            """Count the thread, and take the lock."""
            arrived.release()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            """Release the lock."""
            lock.release()

    vars(process.account)["snapshot_lock"] = Counted()

    def hang(_: int) -> httpx.Response:
        if len(vendor.journal) == 1:
            assert all(arrived.acquire(timeout=SHORT_RETRIES) for _ in SIXTEEN_NAMES)
        vendor.moment.sleep(SECONDS)
        raise httpx.ReadTimeout("silent")

    vendor.on_list = hang
    with ThreadPoolExecutor(len(SIXTEEN_NAMES)) as pool:
        outcomes = list(pool.map(process.outcome, SIXTEEN_NAMES))

    assert all(isinstance(each, RequestFailed) for each in outcomes)
    assert [str(each).partition(":")[0] for each in outcomes] == [
        f"creating the stripe integration {name!r}, listing the account before the create" for name in SIXTEEN_NAMES
    ]
    assert vendor.moment() <= 2 * RetryPolicy().deadline


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("page", [1, 2])
def test_failed_list_after_the_post_is_named_in_the_warning(policy: Policy, fate: str, page: int) -> None:
    """If the list after a lost POST fails, create sends no second POST. The error says why the outcome is unknown."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    for number in range(100):
        vendor.make(f"old-{number}")
    refusal = httpx.Response(403, json={"message": "key revoked", "errorId": "err-9"})

    def revoke(_: str) -> None:
        vendor.on_list = lambda requested: refusal if requested == page else None

    vendor.on_commit = revoke
    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert text.startswith("creating the stripe integration 'a': ")
    assert "Justt may have created it, and the provider could not find out (" in text
    # What to do is said once, and the remediation of the list would contradict it.
    listing = "listing the account after the create: Justt answered 403: key revoked (errorId err-9)). "
    assert f"{listing}Do not run `pulumi up` again before you have checked" in text
    assert WARNING in text
    assert vendor.requested.count("post") == 1
    assert process.warnings == []


def test_failed_list_after_the_second_post_reports_that_post() -> None:
    """If a create is lost twice and the list then fails, the error has the errorId of the second POST."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, "5xx after the commit"]})
    posts = itertools.count()

    def break_down(_: str) -> None:
        if next(posts) == 1:
            vendor.on_list = lambda _: httpx.Response(503)

    vendor.on_commit = break_down

    error = Process(vendor).error("a")

    assert error.error_id == "err-7"
    assert "the provider could not find out (" in str(error)
    assert WARNING in str(error)


@pytest.mark.parametrize("policy", POLICIES)
def test_failed_list_after_the_post_fails_all_waiting_creates(policy: Policy) -> None:
    """If sixteen creates are lost in an outage, the first failed list fails all of them.

    Each error names its own create.
    """
    vendor = ScriptedVendor(fates={name: [AFTER] for name in SIXTEEN_NAMES})

    def go_down(_: int) -> httpx.Response | None:
        if vendor.requested.count("post") < len(SIXTEEN_NAMES):
            return None
        vendor.moment.sleep(SECONDS)
        raise httpx.ReadTimeout("silent")

    vendor.on_list = go_down
    outcomes = Process(vendor, policy).at_once(dict.fromkeys(SIXTEEN_NAMES, "stripe"))

    assert vendor.moment() <= SECONDS + 2 * RetryPolicy().deadline
    for name, outcome in outcomes.items():
        assert isinstance(outcome, CreateOutcomeUnknown)
        assert str(outcome).startswith(f"creating the stripe integration {name!r}: ")
        assert f"(creating the stripe integration {name!r}, listing the account after the create: no answer" in str(
            outcome
        )
        assert WARNING in str(outcome)


def test_failed_list_after_the_post_is_retried_for_a_later_loss() -> None:
    """If the list fails for one lost create, the provider reads it again for a create that is lost later."""
    vendor = ScriptedVendor(fates={"a": [AFTER], "b": [AFTER]})
    process = Process(vendor)
    process.create("first")
    vendor.on_list = lambda _: httpx.Response(503)
    process.error("a")
    vendor.on_list = lambda _: None
    vendor.moment.sleep(1)

    text = str(process.error("b"))

    assert "this source: int-1 (PENDING), int-2 (PENDING). " in text


@pytest.mark.parametrize("policy", POLICIES)
def test_each_account_is_listed_once_before_its_first_create(policy: Policy) -> None:
    """A process lists each account only before its first create there. Accounts share no list."""
    vendor = ScriptedVendor(fates={"c": [AFTER]})
    process = Process(vendor, policy)
    passes = 2 if policy == "adopt" else 1

    for number, account in enumerate(["acc_1", "acc_2", "acc_1", None, "acc_2"]):
        process.create(f"shop-{number}", account=account)

    requested = [what for kind, what, _ in vendor.journal if kind == "list"]
    assert requested == [what for what in ("acc_1/1", "acc_2/1", "None/1") for _ in range(passes)]


def test_threads_share_the_list_before_the_post() -> None:
    """If sixteen creates of an account start at once, they share one list before their POSTs."""
    vendor = ScriptedVendor()

    Process(vendor).at_once({f"shop-{number}": "stripe" for number in range(16)})

    assert vendor.requested == ["list", *["post"] * 16]


# Timing


@pytest.mark.parametrize("policy", POLICIES)
def test_grace_period_is_one_time_out_from_the_loss(policy: Policy) -> None:
    """After each lost POST, create lists the account exactly one time-out after the response was lost."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})
    lost: list[float] = []

    def take(_: str) -> None:
        vendor.moment.sleep(7.0)
        lost.append(vendor.moment())

    vendor.on_commit = take

    Process(vendor, policy).outcome("a")

    posts = [number for number, (kind, _, _) in enumerate(vendor.journal) if kind == "post"]
    listed = [vendor.journal[number + 1] for number in posts]
    assert [kind for kind, _, _ in listed] == ["list", "list"]
    assert [when for _, _, when in listed] == [each + SECONDS for each in lost]


def test_creates_lost_together_share_the_grace_period() -> None:
    """If sixteen creates are lost at the same time, all grace periods end at the same time."""
    names = {f"shop-{number}": "stripe" for number in range(16)}
    vendor = ScriptedVendor(fates={name: [AFTER] for name in names})

    Process(vendor).at_once(names)

    assert vendor.moment() == SECONDS


def test_no_wait_after_the_grace_period() -> None:
    """If two creates are lost together, the provider waits for one grace period and lists the account for both.

    No sleep has a negative length.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [BEFORE]})
    process = Process(vendor)
    waits: list[float] = []
    sleep = process.client.sleep

    def note(seconds: float) -> None:
        waits.append(seconds)
        sleep(seconds)

    process.client.sleep = note
    vendor.on_list = lambda _: vendor.moment.sleep(1.0)

    process.at_once({"a": "stripe", "b": "adyen"})

    # One pass before the POST, and two after the grace period.
    assert vendor.moment() == pytest.approx(1.0 + SECONDS + 2.0)
    assert min(waits) >= 0.0


def test_grace_period_is_announced() -> None:
    """When a create waits for its grace period, a note says what the provider waits for."""
    process = Process(ScriptedVendor(fates={"a": [AFTER]}))

    process.error("a")

    (note,) = process.notes
    assert note == (
        "note: creating the stripe integration 'a': no answer within 30 s; the provider lists the account in 30 s, to "
        "find out whether the integration exists."
    )


# An incomplete list


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("lacks", ["everything", "what was there before", "what this run created"])
def test_list_that_lacks_a_known_record_proves_nothing(policy: Policy, fate: str, lacks: str) -> None:
    """If the list after a lost POST lacks a known record, it is stale: create sends no second POST and claims nothing.

    Justt keeps every record.
    """
    vendor = ScriptedVendor(fates={"b": [fate]})
    old = vendor.make("old")
    process = Process(vendor, policy)
    created = process.create("a")
    missing = {"everything": {old, created}, "what was there before": {old}, "what this run created": {created}}[lacks]
    lists = vendor._list

    def stale(page: int) -> httpx.Response:
        shown = json.loads(lists(None, page, 100).content)
        listed = [] if lacks == "everything" else [each for each in shown if each["integrationId"] not in missing]
        return httpx.Response(200, json=listed)

    vendor.on_list = stale

    text = str(process.error("b"))

    assert WARNING in text
    assert "(not certain: " in text
    assert vendor.requested.count("post") == 2
    assert process.warnings == []


def test_list_may_lack_the_ids_of_another_account() -> None:
    """If a list lacks an id of another account, it is still complete, and a lost POST is sent again."""
    vendor = ScriptedVendor(fates={"b": [BEFORE]})
    process = Process(vendor)
    process.create("a", account="acc_1")

    assert process.create("b", account="acc_2") == vendor.made_by("b")[0]


def test_listing_that_takes_too_long_proves_nothing() -> None:
    """If each page takes half a minute, listing stops at its time limit.

    A lost create then fails, because the partial list proves nothing.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    for number in range(6_000):
        vendor.make(f"old-{number}")
    process = Process(vendor)
    process.create("first")
    vendor.on_list = lambda _: vendor.moment.sleep(29.0)
    started = vendor.moment()

    text = str(process.error("a"))

    assert "(not certain: " in text
    assert vendor.moment() - started <= MOST_SECONDS + 2 * SECONDS


@pytest.mark.parametrize(
    ("again", "response"),
    [
        (httpx.ConnectError("down"), "no connection (down)"),
        (httpx.Response(429), "Justt answered 429"),
    ],
)
def test_unsent_second_post_still_warns(again: httpx.Response | Exception, response: str) -> None:
    """If the second POST can't be sent or gets a 429, the error still warns. Justt may still commit the first POST."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})

    def go_down(kind: str, _: str) -> None:
        if kind == "post" and vendor.requested.count("post") == 1:
            raise Down

    class Down(Exception):
        """The network fails before the POST reaches the server."""

    def respond(request: httpx.Request) -> httpx.Response:
        try:
            return vendor(request)
        except Down:
            if isinstance(again, Exception):
                raise again from None
            return again

    vendor.on_request = go_down
    process = Process(vendor)
    process.client._api._http._transport = process.client._api._fresh_http._transport = httpx.MockTransport(respond)

    text = str(process.error("a"))

    assert f"the connection broke (ReadError); sent once more: {response}" in text
    assert WARNING in text
    assert "Nothing was sent" not in text


# The engine exits


def test_no_post_is_sent_after_the_engine_left() -> None:
    """If the engine exits while create reads the list, create sends no POST, and the error says so."""
    vendor = ScriptedVendor()
    process = Process(vendor)
    vendor.on_list = lambda _: vars(process).__setitem__("is_cancelled", lambda: True)

    error = process.outcome("a")

    assert isinstance(error, CancelledError)
    assert "it was not sent, because the engine cancelled the call. Nothing was created" in str(error)
    assert vendor.requested == ["list"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("after", [0.0, 3.0, 29.5])
def test_lost_create_fails_at_once_after_the_engine_left(policy: Policy, after: float) -> None:
    """If the engine exits after a POST was lost, create fails within a second.

    The process is killed soon, so create doesn't list the account, send a second POST or claim.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, policy)
    left: list[float] = []

    def leave(_: str) -> None:
        left.append(vendor.moment() + after)

    vendor.on_commit = leave
    process.is_cancelled = lambda: bool(left) and vendor.moment() >= left[0]

    text = str(process.error("a"))

    assert WARNING in text
    assert vendor.moment() <= left[0] + 1.0
    assert vendor.requested == [*["list"] * (2 if policy == "adopt" else 1), "post"]
    assert process.warnings == []


def test_nothing_is_claimed_if_the_engine_leaves_during_the_list() -> None:
    """If the engine exits while a lost create lists the account, `adopt` claims nothing.

    The new integration may belong to the next run.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor, "adopt")
    process.create("first")

    def rerun(_: int) -> None:
        if not process.is_cancelled():
            vendor.make("a")
        process.is_cancelled = lambda: True

    vendor.on_list = rerun

    process.error("a")

    assert process.warnings == []
    assert not process.creator.has_posted(vendor.made_by("a")[0])


def test_has_posted_is_true_only_for_ids_from_a_post() -> None:
    """`has_posted` is true for an id that a POST returned, and false for a claimed candidate.

    The process must not undo a claimed candidate.
    """
    vendor = ScriptedVendor(fates={"b": [AFTER]})
    process = Process(vendor, "adopt")
    ids = [process.create("a"), process.create("b")]

    assert [process.creator.has_posted(each) for each in ids] == [True, False]


def test_adopt_id_of_a_live_candidate_is_suggested() -> None:
    """If one of two candidates is INACTIVE, the error suggests the other one for `adopt_id`."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    vendor.on_commit = lambda _: vendor.make("another writer", status="INACTIVE")
    vendor.newest_first = True

    text = str(Process(vendor).error("a"))

    assert "this source: int-1 (INACTIVE), int-0 (PENDING). " in text
    assert 'adopt_id="int-0"' in text


def test_many_candidates_hint_at_an_incomplete_list_before() -> None:
    """If the list before the create was empty by mistake, the whole account seems new after a lost POST.

    The error says that the first list was probably incomplete.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    for number in range(30):
        vendor.make(f"old-{number}")
    vendor.on_list = lambda _: httpx.Response(200, json=[]) if len(vendor.journal) == 1 else None

    text = str(Process(vendor).error("a"))

    assert "int-30 (PENDING). There are 31 of them, so the list that was read before the create was probably" in text


def test_resolution_waits_for_posts_in_flight_and_blocks_new_ones() -> None:
    """While a POST is in flight, a lost create does not list the account.

    A create that starts in the meantime sends its POST only after the list.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor)
    process.create("first")
    waiting = threading.Semaphore(0)
    vars(process.creator._posts)["_changed"] = NotifyingCondition(waiting.release)
    arrived, go_on = threading.Event(), threading.Event()

    def hold(name: str) -> None:
        if name == "slow":
            arrived.set()
            assert go_on.wait(SHORT_RETRIES)

    vendor.on_commit = hold
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(process.create, "slow")
        assert arrived.wait(SHORT_RETRIES)
        lost = pool.submit(process.create, "a")
        assert waiting.acquire(timeout=SHORT_RETRIES), "the lost create does not wait for the POST in flight"
        late = pool.submit(process.create, "late")
        assert waiting.acquire(timeout=SHORT_RETRIES), "the new create does not wait"
        during = [what for _, what, _ in vendor.journal]
        go_on.set()
        ids = [each.result(SHORT_RETRIES) for each in (slow, lost, late)]

    assert during == ["None/1", "first", "slow", "a"]
    after = [what for _, what, _ in vendor.journal][len(during) :]
    assert (after[:2], sorted(after[2:])) == (["None/1", "None/1"], ["a", "late"])
    assert ids == [*vendor.made_by("slow"), *vendor.made_by("a"), *vendor.made_by("late")]


def test_new_create_waits_for_a_running_resolution() -> None:
    """If a create starts while a lost create lists the account, it sends its POST only after the list."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor)
    process.create("first")
    waiting = threading.Semaphore(0)
    vars(process.creator._posts)["_changed"] = NotifyingCondition(waiting.release)
    late: list[Future[str]] = []
    with ThreadPoolExecutor(1) as pool:

        def come(kind: str, _: str) -> None:
            if kind == "list" and not late:
                late.append(pool.submit(process.create, "late"))
                assert waiting.acquire(timeout=SHORT_RETRIES), "the new create does not wait"

        vendor.on_request = come
        process.create("a")
        late[0].result(SHORT_RETRIES)

    requested = [what for _, what, _ in vendor.journal]
    assert requested[:5] == ["None/1", "first", "a", "None/1", "None/1"]
    assert sorted(requested[5:]) == ["a", "late"]


def test_exception_in_one_resolution_does_not_block_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the thread that resolves creates of two accounts raises for one of them, the other create still succeeds.

    So does a later create.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [BEFORE], "c": [BEFORE]})
    process = Process(vendor)
    find, calls = process.creator._finding, itertools.count(1)

    def finding(unresolved: Any, now: Any) -> Any:  # noqa: ANN401 - private types
        assert next(calls) != 2, "a defect"
        return find(unresolved, now)

    monkeypatch.setattr(process.creator, "_finding", finding)
    together = threading.Barrier(2)
    vendor.on_commit = lambda _: together.wait(SHORT_RETRIES) if vendor.requested.count("post") <= 2 else None

    def run(name: str) -> str | Exception:
        try:
            return process.create(name, account=name)
        except AssertionError as defect:
            return defect

    with ThreadPoolExecutor(3) as pool:
        outcomes = [each.result(SHORT_RETRIES) for each in [pool.submit(run, name) for name in "ab"]]
        assert pool.submit(run, "c").result(SHORT_RETRIES) in vendor.made_by("c")
    assert min(map(str, outcomes)).startswith("a defect")
    assert [type(each) for each in outcomes].count(str) == 1


def test_error_of_one_create_does_not_block_others() -> None:
    """After a refused POST and after a lost one, the next create succeeds, because both have released the lock."""
    vendor = ScriptedVendor(fates={"a": ["400"], "b": [AFTER]})
    process = Process(vendor)

    assert isinstance(process.outcome("a"), RequestRefused)
    assert isinstance(process.outcome("b"), CreateOutcomeUnknown)
    assert [process.create("c")] == vendor.made_by("c")


# Many at once


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize(
    ("lost", "others"),
    [
        pytest.param({"shop-3": BEFORE}, "stripe", id="one before"),
        pytest.param({"shop-7": AFTER}, "stripe", id="one after"),
        pytest.param({"shop-3": BEFORE, "shop-7": AFTER}, "stripe", id="one of each, one source"),
        pytest.param({"shop-3": BEFORE, "shop-7": AFTER}, "adyen", id="one of each, two sources"),
        pytest.param({"shop-3": AFTER, "shop-7": AFTER, "shop-9": BEFORE}, "adyen", id="three"),
        pytest.param(dict.fromkeys(SIXTEEN_NAMES, BEFORE), "stripe", id="all before"),
        pytest.param(dict.fromkeys(SIXTEEN_NAMES, AFTER), "stripe", id="all after"),
        pytest.param(
            {name: (BEFORE, AFTER)[number % 2] for number, name in enumerate(SIXTEEN_NAMES)},
            "adyen",
            id="half and half",
        ),
    ],
)
def test_sixteen_at_once(policy: Policy, newest_first: bool, lost: dict[str, str], others: str) -> None:
    """Whichever of sixteen concurrent creates are lost, each integration is in a resource or in its create's error."""
    vendor = ScriptedVendor(fates={name: [fate] for name, fate in lost.items()}, newest_first=newest_first)
    for number in range(120):
        vendor.make(f"old-{number}")
    process = Process(vendor, policy)
    sources = {name: ("stripe", others)[number % 2] for number, name in enumerate(SIXTEEN_NAMES)}

    outcomes = process.at_once(sources)

    assert_all_accounted_for(vendor, outcomes)
    assert {name for name, each in outcomes.items() if isinstance(each, JusttError)} <= lost.keys()
    if policy == "adopt" and lost.keys() == {"shop-7"}:
        assert len(process.warnings) == 1
    else:
        assert process.warnings == []
        refused = {name for name, each in outcomes.items() if isinstance(each, JusttError)}
        assert refused >= {name for name, fate in lost.items() if fate == AFTER}


def test_candidates_are_told_apart_by_source() -> None:
    """Two creates of different sources are lost at once, one before its commit and one after it.

    The first one is sent again, because the only new integration has the other source.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [AFTER]})

    outcomes = Process(vendor).at_once({"a": "stripe", "b": "adyen"})

    assert [outcomes["a"]] == vendor.made_by("a")
    assert isinstance(outcomes["b"], CreateOutcomeUnknown)


def test_lost_creates_of_one_source_all_name_all_candidates() -> None:
    """If several creates of one source are lost at once, each error names all candidates, and no POST is sent again.

    The provider can't match candidates to creates.
    """
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [AFTER], "c": [AFTER]})

    outcomes = Process(vendor).at_once(dict.fromkeys("abc", "stripe"))

    candidates = sorted([*vendor.made_by("b"), *vendor.made_by("c")])
    for outcome in outcomes.values():
        assert f"{candidates[0]} (PENDING), {candidates[1]} (PENDING)" in str(outcome)
    assert vendor.made_by("a") == []


# A second writer


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fates", [[BEFORE], [AFTER], [BEFORE, BEFORE], [BEFORE, AFTER]], ids=" then ".join)
@pytest.mark.parametrize("source", ["stripe", "adyen"])
@pytest.mark.parametrize("turn", range(8))
def test_second_writer_at_any_moment(policy: Policy, fates: list[str], source: str, turn: int) -> None:
    """Whenever another writer creates an integration, this stack's own is in the state or named in the error.

    `refuse` never claims the other writer's integration. `adopt` claims the other writer's integration in one case
    only. This stack's POST was never committed, and the other integration has the same source. The other integration
    appeared between the list before the POST and the last list after it. So every response looks as if that integration
    were this stack's.
    """
    vendor = ScriptedVendor(fates={"a": list(fates)})
    process = Process(vendor, policy)
    requests = itertools.count()
    vendor.on_request = lambda _, __: vendor.make("another writer", source) if next(requests) == turn else None

    outcome = process.outcome("a")

    ours, theirs = vendor.made_by("a"), vendor.made_by("another writer")
    assert len(ours) <= 1
    if isinstance(outcome, str) and outcome in theirs:
        assert (policy, ours, source) == ("adopt", [], "stripe")
        # The first of the two lists before the POST must not contain the other writer's integration.
        assert turn >= 2
        assert f"claimed {outcome}, " in process.warnings[0]
    elif isinstance(outcome, str):
        assert ours == [outcome]
    else:
        assert WARNING in str(outcome)
        assert all(each in str(outcome) for each in ours)


@pytest.mark.parametrize("policy", POLICIES)
def test_second_writer_between_all_requests(policy: Policy) -> None:
    """While a second writer creates an integration before each request, creates that get their responses succeed."""
    vendor = ScriptedVendor()
    process = Process(vendor, policy)
    vendor.on_request = lambda _, __: vendor.make("another writer")

    assert [process.create(name) for name in "abc"] == [vendor.made_by(name)[0] for name in "abc"]


# Each id in one resource


def test_id_returned_for_two_creates_is_an_error() -> None:
    """If Justt responds to a second create with the first one's id, the second create fails."""
    vendor = ScriptedVendor()
    process = Process(vendor)
    process.client = JusttClient(
        process.client.settings,
        transport=httpx.MockTransport(
            lambda request: (
                httpx.Response(201, json={"integrationId": "int-1"})
                if request.method == "POST"
                else httpx.Response(200, json=[])
            )
        ),
    )

    assert process.create("a") == "int-1"
    with pytest.raises(StateConflict) as conflict:
        process.create("b")

    assert str(conflict.value) == (
        "creating the stripe integration 'b': Justt answered with integration int-1, which already belongs to 'urn:a'. "
        "Only one resource can manage an integration. Give this resource another external identifier."
    )


def test_id_returned_for_all_creates_is_in_one_resource() -> None:
    """If sixteen concurrent creates get the same id, one of them succeeds and the others fail."""
    process = Process(ScriptedVendor())
    vendor = process.vendor
    vendor.make = lambda *_, **__: "int-1"  # type: ignore[method-assign] # a vendor that returns one id for all

    outcomes = process.at_once(dict.fromkeys(SIXTEEN_NAMES, "stripe"))

    assert [each for each in outcomes.values() if isinstance(each, str)] == ["int-1"]
    assert sum(isinstance(each, StateConflict) for each in outcomes.values()) == 15


@pytest.mark.parametrize("policy", POLICIES)
def test_id_listed_before_the_post_is_an_error(policy: Policy) -> None:
    """If a POST returns an id from the list before it, create fails.

    That integration is not new and may be in another resource.
    """
    vendor = ScriptedVendor()
    process = Process(vendor, policy)
    old = vendor.make("old")
    vendor.make = lambda *_, **__: old  # type: ignore[method-assign] # a vendor that treats it as the same integration

    with pytest.raises(JusttError, match=old):
        process.create("a")


def test_known_id_from_a_second_post_is_an_error() -> None:
    """If the second POST of a create returns another resource's id, create fails."""
    vendor = ScriptedVendor(fates={"b": [BEFORE]})
    process = Process(vendor)
    made = process.create("a")
    vendor.make = lambda *_, **__: made  # type: ignore[method-assign] # a vendor that treats it as the same integration

    with pytest.raises(StateConflict, match=f"integration {made}, which already belongs to 'urn:a'"):
        process.create("b")


def test_unreachable_list_after_the_post_is_named_in_the_warning() -> None:
    """If the API is unreachable from the POST on, the error of the lost create warns and names the cause.

    A new process's create fails, too.
    """
    vendor = ScriptedVendor(fates={"a": [AFTER]})

    def go_down(_: str) -> None:
        def refuse(_: int) -> httpx.Response:
            raise httpx.ConnectError("down")

        vendor.on_list = refuse

    vendor.on_commit = go_down
    process = Process(vendor)

    text = str(process.error("a"))

    assert "no connection (down)" in text
    assert WARNING in text
    with pytest.raises(RequestFailed):
        Process(vendor).create("b")
