"""Creating exactly once: the real `Creator` and client before a scripted vendor in memory; no second really passes.

`test_exactly_once_model.py` runs every interleaving of a small case; here are the sizes, shapes, moments and words.
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
from support.clients import inputs_of
from support.clock import Clock
from support.deterministic_scheduler import Condition, Lock, Stage, Worker
from support.harness import HANG_SECONDS

SECONDS = 30.0
"""The time-out of a request, and so the least settle delay."""

PATIENCE = HANG_SECONDS
"""Real seconds after which a test has failed; nothing ever takes them."""

Policy = Literal["refuse", "adopt"]
POLICIES: tuple[Policy, ...] = ("refuse", "adopt")

BEFORE = "reset before the commit"
AFTER = "time-out after the commit"
LOST_BEFORE = (BEFORE, "5xx before the commit")
LOST_AFTER = (AFTER, "5xx after the commit", "empty 201", "HTML for a 201", "201 without an id")

_T = TypeVar("_T")

CROWD = [f"shop-{number}" for number in range(16)]

WARNING = "Do not run `pulumi up` again before you have checked"


class Moment(Clock):
    """A clock that, for the threads of a stage, goes on only when all of them sleep or wait."""

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage | None = None
        self._ends: dict[str, float] = {}

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        if self.stage is None:
            super().sleep(seconds)
            return
        name = self.stage.current.name
        self._ends[name] = self.now + seconds
        self.stage.park("sleep")
        self.now = max(self.now, self._ends.pop(name))

    def next_of(self, ready: list[Worker]) -> Worker:
        """Choose one that does not sleep, or else the one that wakes first."""
        return min(ready, key=lambda each: self._ends.get(each.name, -1.0))


def ambiguous_answer(fate: str) -> httpx.Response:
    """Return, or raise, what a lost POST brings."""
    if fate in (BEFORE, AFTER):
        raise (httpx.ReadError if fate == BEFORE else httpx.ReadTimeout)("lost")
    if fate.startswith("5xx"):
        return httpx.Response(502, json={"status": 502, "message": "bad gateway", "errorId": "err-7"})
    bodies = {"empty 201": b"", "HTML for a 201": b"<html>", "201 without an id": b'{"ok": true}'}
    return httpx.Response(201, content=bodies[fate])


@dataclass
class ScriptedVendor:
    """An account list and a POST, with a fate for each POST, and a hook for whoever else is at work.

    Args:
        moment: The time at which things happen.
        enveloped: Whether lists come as `{status, message, hasMore, data}`.
        newest_first: The order of lists.
        fates: What becomes of the POSTs for an external identifier, one after the other; then they are answered.
        default_account: The account that a request without the header acts on.
    """

    moment: Moment = field(default_factory=Moment)
    enveloped: bool = False
    newest_first: bool = False
    fates: dict[str, list[str]] = field(default_factory=dict)
    default_account: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    journal: list[tuple[str, str, float]] = field(default_factory=list)
    """What was asked for: `list` with the account and page, or `post` with the external identifier; and when."""
    on_request: Callable[[str, str], object] = lambda _, __: None
    on_commit: Callable[[str], object] = lambda _: None
    on_list: Callable[[int], httpx.Response | None] = lambda _: None

    def __post_init__(self) -> None:
        """Make what its threads share."""
        self._lock = threading.RLock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
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
            return ambiguous_answer(fate)
        return httpx.Response(201, json={"integrationId": made})

    def make(self, name: str, source: str = "stripe", account: str | None = None, status: str = "PENDING") -> str:
        """Create an integration, for us or for somebody else, and return its id."""
        with self._lock:
            made = f"int-{len(self.records)}"
            self.records.append({"integrationId": made, "source": source, "status": status, "by": (name, account)})
        return made

    def made_by(self, name: str) -> list[str]:
        """Return the ids that were made under an external identifier."""
        return [record["integrationId"] for record in self.records if record["by"][0] == name]

    @property
    def asked(self) -> list[str]:
        """Return what was asked for, in order: `list` or `post`, pages of one pass taken together."""
        return [kind for kind, what, _ in self.journal if kind == "post" or what.endswith("/1")]

    def _note(self, kind: str, what: str) -> None:
        self.on_request(kind, what)
        self.journal.append((kind, what, self.moment()))

    def _list(self, account: str | None, page: int, limit: int) -> httpx.Response:
        fields = ("integrationId", "source", "status")
        mine = [{name: each[name] for name in fields} for each in self.records if each["by"][1] == account]
        if self.newest_first:
            mine.reverse()
        found = mine[(page - 1) * limit : page * limit]
        if not self.enveloped:
            return httpx.Response(200, json=found)
        return httpx.Response(
            200, json={"status": 200, "message": "OK", "hasMore": page * limit < len(mine), "data": found}
        )


@dataclass
class Process:
    """A `CreateCoordinator` with its client before a vendor, and what it told.

    Args:
        vendor: Who answers.
        policy: The configured `onAmbiguousCreate`.
        state: The folder of the journal; processes that share it are processes of one machine. Default is a new one.
    """

    vendor: ScriptedVendor
    policy: Policy = "refuse"
    state: Path | None = None
    told: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_abandoned: Callable[[], bool] = lambda: False
    machines: ClassVar[Path]
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def __post_init__(self) -> None:
        """Start with nothing created."""
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
        self.journal = Journal(self.state, warn=self.told.append, now=moment)
        self.session = Session(self.client.settings.base_url, self.journal)
        self.creator = CreateCoordinator(
            lambda: self.client,
            self.session,
            claims=self.policy == "adopt",
            tell=lambda text: (self.notes if text.startswith("note: ") else self.told).append(text),
            call=lambda: Call(is_cancelled=self.is_abandoned),
        )

    def create(self, name: str, source: str = "stripe", account: str | None = None) -> str:
        """Create an integration, and return its id."""
        return self._record(name, source, account).integration_id

    def outcome(self, name: str, source: str = "stripe", account: str | None = None) -> str | JusttError:
        """Return the id of a new integration, or the error."""
        try:
            return self.create(name, source, account)
        except JusttError as error:
            return error

    def error(self, name: str, source: str = "stripe", account: str | None = None) -> CreateOutcomeUnknown:
        """Return the error of a create that is left in doubt."""
        with pytest.raises(CreateOutcomeUnknown) as raised:
            self.create(name, source, account)
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
        remediation, _, file = raised.value.remediation.partition(" (journal: ")
        assert not file or Path(file.removesuffix(")")).is_file()
        return raised.value.but(remediation=remediation)

    def at_once(self, sources: Mapping[str, str], workers: int | None = None) -> dict[str, str | JusttError]:
        """Create all of *sources* by name.

        Args:
            sources: The source of each.
            workers: How many calls the process serves at a time; by default it serves all, and the POSTs of all are in
                flight before one of them is answered.
        """
        stage = self.vendor.moment.stage = Stage(self.vendor.moment.next_of)
        vars(self.account)["snapshot_lock"] = Lock(stage, "snapshot")
        vars(self.creator._posts)["_changed"] = Condition(stage, "posts")
        outcomes: dict[str, str | JusttError] = {}
        posted: set[str] = set()
        free = len(sources) if workers is None else workers

        def commit(name: str) -> None:
            posted.add(name)
            stage.park("answer", lambda: posted == sources.keys())

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
        """What is known of the account that has no name."""
        return self.creator._account(None)


@pytest.fixture(autouse=True)
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the journals of all processes below the test's own folder."""
    monkeypatch.setattr(Process, "machines", tmp_path, raising=False)


class Noticed(threading.Condition):
    """A condition that lets a test know when somebody is about to wait for it."""

    def __init__(self, on_wait: Callable[[], object]) -> None:
        super().__init__()
        self._on_wait = on_wait

    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T:
        """Wait, and say so before."""
        if not predicate():
            self._on_wait()
        return super().wait_for(predicate, timeout)


def assert_all_accounted_for(vendor: ScriptedVendor, outcomes: Mapping[str, str | JusttError]) -> None:
    """Assert that each integration of ours is in one resource, or named in the error of its own create."""
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


# One create, one lost answer


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", LOST_BEFORE)
def test_lost_before_the_commit_is_sent_once_more(policy: Policy, fate: str) -> None:
    """What is nowhere to be found did not happen: one more POST, and one integration."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    process = Process(vendor, policy)
    vendor.make("old")

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    before = ["list", "list"] if policy == "adopt" else ["list"]
    assert vendor.asked == [*before, "post", "list", "list", "post"]
    assert process.told == []


@pytest.mark.parametrize("fate", LOST_AFTER)
def test_lost_after_the_commit_is_refused(fate: str) -> None:
    """The error names the candidate, gives the line to add, and warns; nothing is sent again."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    vendor.make("old")

    text = str(Process(vendor).error("a"))

    (made,) = vendor.made_by("a")
    assert text.startswith("creating the stripe integration 'a': ")
    assert (" (errorId err-7)" in text) == fate.startswith("5xx")
    assert text.endswith(
        f"Justt may have created it. New integrations with this source: {made} (PENDING). Do not run `pulumi up` again "
        "before you have checked, because that could create a duplicate: find out at Justt which one is yours. Then "
        f"run `pulumi-justt recover --claim {made}` (its id) to make it this resource's integration, also where an "
        f"existing one is being replaced, or `pulumi-justt recover --deactivate {made}` to create another one. A new "
        f'resource can also take it over with adopt_id="{made}". If none is yours, run `pulumi-justt recover '
        "--forget`. Then run `pulumi up`."
    )
    assert vendor.asked == ["list", "post", "list", "list"]


@pytest.mark.parametrize("fate", LOST_AFTER)
def test_lost_after_the_commit_is_adopted(fate: str) -> None:
    """With `adopt` the only candidate is taken over, with a warning that names it."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    process = Process(vendor, "adopt")
    vendor.make("old")

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    (told,) = process.told
    assert told.startswith("warning: creating the stripe integration 'a': ")
    assert told.endswith(
        f"; claimed {made}, the only new integration of the account, because justt:onAmbiguousCreate is adopt."
    )
    assert vendor.asked == ["list", "list", "post", "list", "list"]


def test_adopted_is_what_the_list_says() -> None:
    """The record that was taken over has the status of the list, not an assumed one."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, "adopt")
    vendor.on_commit = lambda _: vendor.records[0].update(status="SUCCESSFUL")

    assert process._record("a", "stripe", None).status == "SUCCESSFUL"


@pytest.mark.parametrize("policy", POLICIES)
def test_repeated_and_lost_again_before_the_commit(policy: Policy) -> None:
    """There is no third POST: nothing is listed, but what was lost may still turn up, so the error warns."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, "5xx before the commit"]})
    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert "Justt answered 502: bad gateway (errorId err-7). " in text
    assert text.endswith(
        "Justt may have created it all the same, although it lists no new integration with this source. Do not run "
        "`pulumi up` again before you have checked, because that could create a duplicate: look at Justt after some "
        "minutes. If it is there, run `pulumi-justt recover`; if it is not, run `pulumi-justt recover "
        "--forget`. Then run `pulumi up`."
    )
    assert vendor.asked[-6:] == ["post", "list", "list", "post", "list", "list"]
    assert vendor.records == []


def test_repeated_and_lost_after_the_commit_is_refused() -> None:
    """The second POST is in doubt as the first one was."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})

    assert 'adopt_id="int-0"' in str(Process(vendor).error("a"))


def test_repeated_and_lost_after_the_commit_is_adopted() -> None:
    """The only candidate of a second POST is taken over as that of a first one is."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})
    process = Process(vendor, "adopt")

    assert [process.create("a")] == vendor.made_by("a")
    assert len(process.told) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_late_commit_of_the_first_is_named_beside_the_second(policy: Policy) -> None:
    """Where the vendor commits the first POST when nobody waits any more, both are named."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, AFTER]})
    posts = itertools.count()
    vendor.on_commit = lambda name: vendor.make(name) if next(posts) == 1 else None

    text = str(Process(vendor, policy).error("a"))

    assert vendor.made_by("a") == ["int-0", "int-1"]
    assert "int-0 (PENDING), int-1 (PENDING)" in text


@pytest.mark.parametrize("policy", POLICIES)
def test_repeated_and_refused_still_warns(policy: Policy) -> None:
    """A refusal of the second POST may mean that the first one did happen: nobody is told that nothing was created."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, "409"]})

    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert text == (
        "creating the stripe integration 'a': the connection broke (ReadError); sent once more: Justt answered 409: no "
        "(errorId err-4). Justt may have created it all the same, although it lists no new integration with this "
        "source. Do not run `pulumi up` again before you have checked, because that could create a duplicate: look at "
        "Justt after some minutes. If it is there, run `pulumi-justt recover`; if it is not, run "
        "`pulumi-justt recover --forget`. Then run `pulumi up`."
    )
    assert process.creator._unresolved != []


def test_refused_at_once_is_no_doubt() -> None:
    """A first POST that is refused is an error like any other, and costs no list after it."""
    vendor = ScriptedVendor(fates={"a": ["400"]})
    process = Process(vendor)

    with pytest.raises(RequestRefused, match="Nothing was created"):
        process.create("a")

    assert vendor.asked == ["list", "post"]
    assert process.creator._unresolved == []


# Many in one outage


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", ["5xx before the commit", AFTER])
def test_creates_that_are_lost_in_one_outage_wait_together(policy: Policy, fate: str) -> None:
    """Sixteen creates that lose both answers take no longer than one: they share the grace periods and the lists."""
    vendor = ScriptedVendor(fates={name: [fate] * 2 for name in CROWD})
    process = Process(vendor, policy)
    alone = Process(ScriptedVendor(fates={"a": [fate] * 2}), policy)
    alone.outcome("a")

    outcomes = process.at_once(dict.fromkeys(CROWD, "stripe"))

    assert all(isinstance(each, CreateOutcomeUnknown) for each in outcomes.values()) or policy == "adopt"
    assert_all_accounted_for(vendor, outcomes)
    assert vendor.moment() <= alone.vendor.moment() + 2 * SECONDS
    assert vendor.asked.count("list") <= 2 * (alone.vendor.asked.count("list") + 2)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", ["5xx before the commit", AFTER])
@pytest.mark.parametrize(("seconds", "most"), [(0.1, 2), (SECONDS, 4)], ids=["answered", "timed out"])
def test_creates_wait_together_however_few_are_served_at_a_time(
    policy: Policy, fate: str, seconds: float, most: int
) -> None:
    """With four workers, sixteen that lose both answers take at most two grace periods more than a single one.

    Where each POST hangs until its time-out, the three more batches of POSTs take a time-out each by themselves.
    """

    def vendor_of(names: Iterable[str]) -> ScriptedVendor:
        vendor = ScriptedVendor(fates={name: [fate] * 2 for name in names})
        vendor.on_commit = lambda _: vendor.moment.sleep(seconds)
        return vendor

    vendor = vendor_of(CROWD)
    alone = Process(vendor_of("a"), policy)
    alone.outcome("a")

    outcomes = Process(vendor, policy).at_once(dict.fromkeys(CROWD, "stripe"), workers=4)

    assert_all_accounted_for(vendor, outcomes)
    assert vendor.moment() <= alone.vendor.moment() + most * SECONDS


def test_a_create_that_waits_holds_up_no_other() -> None:
    """While a lost create waits for its grace period, others are sent and answered, with a single worker."""
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


def test_a_create_under_the_name_of_one_in_flight() -> None:
    """Where the host can't tell URNs, two resources may share a name; what is in flight is not in doubt."""
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


def test_a_create_whose_error_cannot_be_made_stays_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong after a lost answer, the next call sends nothing."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor)
    monkeypatch.setattr(process.creator.intents, "named_in", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        process.create("a")
    monkeypatch.undo()

    assert (process.error("a").operation, len(vendor.made_by("a"))) == ("creating the stripe integration 'a'", 1)


def test_a_create_that_is_called_again_raises_the_same_error_and_sends_nothing() -> None:
    """An `onError` hook makes the engine call create again; a second POST would be a second integration."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor)
    first = process.error("a")
    asked = [*vendor.asked]

    again = [process.error("a") for _ in range(3)]

    assert ({str(each) for each in again}, vendor.asked) == ({str(first)}, asked)
    assert [line.startswith("warning: creating the stripe integration 'a': ") for line in process.told] == [True]
    assert len(vendor.made_by("a")) == 1


@pytest.mark.parametrize("fate", ["answered", "400"])
def test_a_process_drops_only_the_intent_that_it_wrote(tmp_path: Path, fate: str) -> None:
    """A second process has begun a create of the resource since: an undo, or a refusal, leaves its intent there."""
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


# Killed runs: processes of one machine, one after the other


def killed(
    state: Path, vendor: ScriptedVendor, *, after: Literal["sent", "committed", "answered"], name: str = "a"
) -> None:
    """Leave what a process that was killed during a create leaves: its journal, and what the vendor has."""
    process = Process(vendor, state=state)

    class Killed(BaseException):
        """The end of the process: no code of ours runs any more."""

    def die(*_: object) -> None:
        raise Killed

    vendor.on_request = lambda kind, _: die() if kind == "post" and after == "sent" else None
    vendor.on_commit = lambda _: die() if after == "committed" else None
    if after == "answered":
        vars(process.session.ownership)["note_created"] = die  # right behind the answer
    with pytest.raises(Killed):
        process.create(name)
    vendor.on_request, vendor.on_commit = lambda _, __: None, lambda _: None


@pytest.mark.parametrize("policy", POLICIES)
def test_killed_before_the_commit_is_created_once(tmp_path: Path, policy: Policy) -> None:
    """The next run waits until the POST has settled, finds nothing new, and creates one integration."""
    vendor = ScriptedVendor()
    vendor.make("old")
    killed(tmp_path, vendor, after="sent")

    process = Process(vendor, policy, tmp_path)
    made = process.create("a")

    assert vendor.made_by("a") == [made]
    assert vendor.moment() == pytest.approx(2 * SECONDS)
    (note,) = process.notes
    assert "an earlier run was killed while it created it. Its request may take 60 s more;" in note


def test_killed_after_the_commit_is_named(tmp_path: Path) -> None:
    """The next run creates no second one: its error names the first one and the command that settles it."""
    vendor = ScriptedVendor()
    vendor.make("old")
    killed(tmp_path, vendor, after="committed")

    error = str(Process(vendor, state=tmp_path).error("a"))

    assert vendor.made_by("a") == ["int-1"]
    assert "an earlier run sent this create at 1970-01-01T00:00:00Z and was killed. Justt may have created it." in error
    assert "pulumi-justt recover --claim int-1" in error


def test_killed_after_the_commit_is_claimed_under_adopt(tmp_path: Path) -> None:
    """With `adopt` the only new integration is claimed, whichever process sent the POST."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="committed")

    assert [Process(vendor, "adopt", tmp_path).create("a")] == vendor.made_by("a") == ["int-0"]


def test_ids_of_other_resources_are_no_candidates_of_a_killed_run(tmp_path: Path) -> None:
    """What the killed run or a later one created for others, and what the state holds, was not created by this POST."""
    vendor = ScriptedVendor()
    Process(vendor, state=tmp_path).create("before")
    killed(tmp_path, vendor, after="sent")
    process = Process(vendor, state=tmp_path)
    process.create("later")
    process.session.ownership.note_state("urn:held", vendor.make("held"), {})

    assert [process.create("a")] == vendor.made_by("a")


def answering_reads(vendor: ScriptedVendor, process: Process) -> None:
    """Let the vendor answer a GET of one record and a DELETE, too."""
    handle = vendor.__call__

    def answer(request: httpx.Request) -> httpx.Response:
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
        base_url="http://127.0.0.1:9/v1", transport=httpx.MockTransport(answer), trust_env=False
    )


def rerun(vendor: ScriptedVendor, state: Path, decision: Decision | None = None) -> Process:
    """Return the next process of the machine, for which a person may have decided."""
    process = Process(vendor, state=state)
    answering_reads(vendor, process)
    if decision:
        (intent,) = process.journal.intents()
        process.journal.decide(intent, decision)
    return process


def test_killed_after_the_answer_is_named_while_it_is_live(tmp_path: Path) -> None:
    """The journal has the id, so the next run asks for it, and creates another one only once it is INACTIVE."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="answered")

    for _ in range(2):
        with pytest.raises(StateConflict, match="an earlier run created integration int-0 for this resource") as raised:
            rerun(vendor, tmp_path).create("a")
    assert "At Justt it is PENDING. Nothing was sent." in str(raised.value)
    assert "`pulumi-justt recover --claim int-0`" in str(raised.value)
    vendor.records[0]["status"] = "INACTIVE"
    assert rerun(vendor, tmp_path).create("a") == "int-1"


def test_killed_after_the_answer_and_not_found(tmp_path: Path) -> None:
    """A 404 is no proof of absence, but for a simulator, whose records can be reset."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="answered")
    vendor.records.clear()
    process = rerun(vendor, tmp_path)
    process.client.settings = replace(process.client.settings, environment="sandbox")

    with pytest.raises(StateConflict, match="At Justt it is not found with this key and account"):
        process.create("a")

    assert rerun(vendor, tmp_path).create("a") == "int-0"


def test_killed_after_the_answer_and_not_found_by_mistake(tmp_path: Path) -> None:
    """A simulator that still lists the id was not reset, whatever it answers to a GET."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="answered")
    process = rerun(vendor, tmp_path)

    def refuse(*_: object, operation: str, **__: object) -> None:
        raise RequestRefused(operation, "Justt answered 404: no", "", None, status=404, after_unanswered=False)

    vars(process.client)["get_integration"] = refuse
    with pytest.raises(StateConflict, match="At Justt it is not found with this key and account"):
        process.create("a")


def test_killed_before_a_reset_of_the_simulator(tmp_path: Path) -> None:
    """If the account lacks what it had before the POST, the simulator was reset, and the intent means nothing."""
    vendor = ScriptedVendor()
    vendor.make("old")
    killed(tmp_path, vendor, after="committed")
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
def test_killed_before_the_program_was_changed(tmp_path: Path, policy: Policy, change: dict[str, object]) -> None:
    """What the killed run sent is looked for, not what the program says now, and never claimed for the latter."""
    vendor = ScriptedVendor()
    vendor.make("old")
    killed(tmp_path, vendor, after="committed")
    process = Process(vendor, policy, tmp_path)
    inputs = inputs_of(**{"externalIdentifier": "a", **change})
    changed = r"has changed since that create was sent.*`pulumi-justt recover --deactivate int-1`"

    with pytest.raises(
        CreateOutcomeUnknown, match=rf"creating the stripe integration 'a': .* int-1 \(PENDING\).*{changed}"
    ):
        process.creator.create("urn:a", inputs)

    assert vendor.asked.count("post") == 1
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
def test_killed_before_the_api_key_was_changed(tmp_path: Path, policy: Policy) -> None:
    """What was sent can't be told from something else then, and nor can it where an older version sent it."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="committed")
    for key, digest in (("another", "as it was"), (None, None)):
        process = Process(vendor, policy, tmp_path)
        if key:
            process.client.settings = process.client.settings.with_api_key(key, "justt:apiKey")
        (intent,) = process.journal.intents()
        process.journal.write_intent(replace(intent, digest=intent.digest if digest else None))
        assert "int-0 (PENDING)" in str(process.error("a"))
        assert vendor.asked.count("post") == 1


def test_what_the_journal_has_of_an_earlier_create_cannot_be_used(tmp_path: Path) -> None:
    """A newer version may have written it, or it is damaged: nothing is sent, and the file stays as it is."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="committed")
    (file,) = (tmp_path / "intents").iterdir()
    for content in ('{"version": 2}', "{", ""):
        file.write_text(content)
        process = rerun(vendor, tmp_path)
        with pytest.raises(StateConflict, match=r"the only record of an earlier create.*Nothing was sent") as raised:
            process.create("a")
        assert str(file) in str(raised.value)
        assert file.read_text() == content
    assert vendor.asked.count("post") == 1
    assert process.create("b") == "int-1"


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_killed_before_the_account_got_another_name(tmp_path: Path, after: Literal["committed", "answered"]) -> None:
    """One account has two names, by its id and by none; a create under one of them stops a create under the other."""
    vendor = ScriptedVendor(default_account="main")
    killed(tmp_path, vendor, after=after)

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
    """The killed request has the time of its own run, however short the next run's time-out is."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="sent")
    process = Process(vendor, state=tmp_path)
    process.client.settings = replace(process.client.settings, timeout_seconds=SECONDS / 10)

    process.create("a")

    assert vendor.moment() >= 2 * SECONDS


def test_killed_beside_another_create_is_not_claimed_for_it(tmp_path: Path) -> None:
    """With `adopt`, one new integration has two explanations while the journal has two creates without an answer."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="sent")
    killed(tmp_path, vendor, after="committed", name="b")

    assert "int-0 (PENDING)" in str(Process(vendor, "adopt", tmp_path).error("a"))


def test_id_that_was_claimed_for_the_resource_itself_is_a_candidate(tmp_path: Path) -> None:
    """A claim may have been written where the intent could not be: its integration is the one that is looked for."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="committed")
    process = Process(vendor, state=tmp_path)
    process.journal.claim(process.client.settings.base_url, "int-0", "urn:a")

    assert "int-0 (PENDING)" in str(process.error("a"))


def test_adopted_id_settles_the_intent_that_can_have_made_it(tmp_path: Path) -> None:
    """What was there before the POST is another one, and so is any if the answer or a person named the id."""
    vendor = ScriptedVendor()
    vendor.make("old")
    killed(tmp_path, vendor, after="committed")
    process = rerun(vendor, tmp_path, Decision("claim", "int-1"))
    inputs = inputs_of(externalIdentifier="a")
    for adopted, known in (("int-0", None), ("int-2", None), ("int-1", "int-1"), ("int-2", "int-1")):
        process.creator.intents.adopted("urn:a", inputs, adopted)
        assert process.journal.intents()[0].integration_id == known


def test_state_that_holds_the_id_under_another_name_settles_the_intent(tmp_path: Path) -> None:
    """A resource was renamed by an alias, or a stack was: the old name is free for another integration."""
    for number, is_settled in enumerate((True, False)):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        made = Process(vendor, state=state).create("a")
        process = rerun(vendor, state)
        process.session.ownership.note_state("urn:renamed", made, {})
        if is_settled:
            process.journal.settle("urn:renamed", process.client.settings.base_url, None, made)
            assert process.journal.intents() == []

        assert process.create("a") == "int-1"


def test_state_that_holds_the_id_settles_the_intent(tmp_path: Path) -> None:
    """A create that the engine has stored leaves nothing behind, and the id belongs to its resource alone."""
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    made = process.create("a")
    journal = process.journal
    base_url = process.client.settings.base_url
    journal.settle("urn:a", base_url, None, "another id")
    assert [intent.integration_id for intent in journal.intents()] == [made]

    journal.settle("urn:a", base_url, None, made)

    assert journal.intents() == []
    assert journal.claimant(base_url, made) == "urn:a"


@pytest.mark.parametrize("name", ["a", "renamed"])
@pytest.mark.parametrize("is_in_order", [True, False])
def test_create_is_refused_while_an_earlier_one_is_not_seen_in_the_state(
    tmp_path: Path, *, is_in_order: bool, name: str
) -> None:
    """Also if the first command ended in order: the engine may have failed to save the id. A read settles it."""
    vendor, stack, inputs = ScriptedVendor(), "urn:pulumi:dev::shop::type::", inputs_of(externalIdentifier="a")
    process = Process(vendor, state=tmp_path)
    process.creator.create(f"{stack}a", inputs)
    if is_in_order:
        process.journal.end_in_order()
    again = rerun(vendor, tmp_path)

    with pytest.raises(StateConflict, match=r"an earlier run created integration int-0 for .*At Justt it is PENDING"):
        again.creator.create(f"{stack}{name}", inputs)
    assert (vendor.asked.count("post"), again.told) == (1, [])

    assert again.journal.settle(f"{stack}a", process.client.settings.base_url, None, "int-0") is None
    assert rerun(vendor, tmp_path).creator.create(f"{stack}{name}", inputs).integration_id == "int-1"


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_a_decision_is_carried_out(tmp_path: Path, after: Literal["committed", "answered"]) -> None:
    """The next create does what `pulumi-justt recover` was told: claim, deactivate or forget."""
    for number, (decision, outcome, live) in enumerate(
        [
            (Decision("claim", "int-0"), "int-0", ["int-0"]),
            (Decision("deactivate", "int-0"), "int-1", ["int-1"]),
            (Decision("forget"), "int-1", ["int-0", "int-1"]),
        ]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        killed(state, vendor, after=after)
        process = rerun(vendor, state, decision)

        assert process.create("a") == outcome
        assert [each["integrationId"] for each in vendor.records if each["status"] != "INACTIVE"] == live
        (intent,) = process.journal.intents()
        assert (intent.integration_id, intent.decision) == (outcome, None)


def test_a_decision_that_no_longer_fits_is_refused(tmp_path: Path) -> None:
    """An id that another resource holds, of another PSP or INACTIVE is not claimed, and nothing is sent."""
    for number, (change, problem) in enumerate(
        [
            ({"status": "INACTIVE"}, "it is INACTIVE, which is final"),
            ({"source": "adyen"}, "it belongs to another PSP"),
            ({}, "it belongs to another resource"),
        ]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        killed(state, vendor, after="committed")
        vendor.records[0].update(change)
        process = rerun(vendor, state, Decision("claim", "int-0"))
        if not change:
            process.session.ownership.note_state("urn:b", "int-0", {})

        with pytest.raises(StateConflict, match=problem):
            process.create("a")
        assert vendor.asked.count("post") == 1


def test_a_decision_is_carried_out_for_one_of_two_resources(tmp_path: Path) -> None:
    """The lost create's resource got another name; two new ones of its identity are in two processes at one moment."""
    vendor, stack = ScriptedVendor(), "urn:pulumi:dev::shop::type::"
    vendor.fates = {"a": [AFTER]}
    inputs = inputs_of(externalIdentifier="a")
    with pytest.raises(CreateOutcomeUnknown):
        Process(vendor, state=tmp_path).creator.create(f"{stack}a", inputs)
    first, second = rerun(vendor, tmp_path, Decision("claim", "int-0")), rerun(vendor, tmp_path)
    assert second.creator.intents._earlier_intents("a") != []
    answer = second.client.get_integration
    made: list[str] = []

    def meanwhile(integration_id: str, *, operation: str, account: str | None) -> RemoteRecord:
        if not made:
            made.append(first.creator.create(f"{stack}b", inputs).integration_id)
        return answer(integration_id, operation=operation, account=account)

    vars(second.client)["get_integration"] = meanwhile
    made.append(second.creator.create(f"{stack}c", inputs).integration_id)

    assert made == ["int-0", "int-1"]
    assert first.journal.claimant(first.client.settings.base_url, "int-0") == f"{stack}b"


@pytest.mark.parametrize("action", ["claim", "deactivate"])
@pytest.mark.parametrize("adopter", ["of an earlier command", "of the program"])
def test_a_decision_about_what_another_resource_adopts_is_refused(
    tmp_path: Path, action: Literal["claim", "deactivate"], adopter: str
) -> None:
    """It was adopted after that was decided: it is that resource's, and goes on running."""
    vendor = ScriptedVendor()
    killed(tmp_path, vendor, after="answered")
    process = rerun(vendor, tmp_path, Decision(action, "int-0"))
    if adopter == "of the program":
        process.session.ownership.note_check("urn:b", {"adoptId": "int-0"})
    else:
        process.journal.hold_adoption(process.client.settings.base_url, "int-0", "urn:b")

    with pytest.raises(StateConflict, match=r"'urn:b' (adopts|has adopted) it.*Nothing was changed"):
        process.create("a")
    assert [record["status"] for record in vendor.records] == ["PENDING"]


@pytest.mark.parametrize("after", ["committed", "answered"])
def test_a_decision_is_carried_out_in_the_account_of_the_create(
    tmp_path: Path, after: Literal["committed", "answered"]
) -> None:
    """The account was changed since: what is in the other one is deactivated or left there, and never claimed."""
    for number, (decision, live) in enumerate(
        [(Decision("deactivate", "int-0"), ["int-1"]), (Decision("forget"), ["int-0", "int-1"])]
    ):
        vendor, state = ScriptedVendor(), tmp_path / str(number)
        killed(state, vendor, after=after)

        assert rerun(vendor, state, decision).create("a", account="other") == "int-1"
        assert [each["integrationId"] for each in vendor.records if each["status"] != "INACTIVE"] == live

    vendor = ScriptedVendor()
    killed(tmp_path / "claim", vendor, after=after)
    with pytest.raises(StateConflict, match="to claim int-0, which an earlier run created without an account"):
        rerun(vendor, tmp_path / "claim", Decision("claim", "int-0")).create("a", account="other")
    assert rerun(vendor, tmp_path / "claim").create("a") == "int-0"


def test_create_that_nothing_repeats_is_told_once(tmp_path: Path) -> None:
    """Not what this command sent; also what a run that ended in order has made, as the engine may not have saved it."""
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    base_url = process.client.settings.base_url

    def told(process: Process) -> str:
        for _ in range(2):
            intent = process.journal.intent("urn:a", base_url, None)
            process.creator.intents.warn_of_unresolved("the integration 'a'", intent)
        assert len(process.told) <= 1
        return process.told[0] if process.told else ""

    process.create("a")
    assert told(process) == ""
    assert "'a': an earlier run created integration int-0 for this resource" in told(rerun(vendor, tmp_path))
    process.journal.end_in_order()
    assert told(rerun(vendor, tmp_path)) != ""
    assert "run `pulumi-justt recover` again, because" in told(rerun(vendor, tmp_path, Decision("claim", "int-0")))


def test_create_beside_an_integration_that_waits_to_be_deleted_is_told_at_the_end(tmp_path: Path) -> None:
    """The call about that one may come before the call that settles the other one's intent."""
    vendor = ScriptedVendor()
    process = Process(vendor, state=tmp_path)
    process.create("a")
    base_url = process.client.settings.base_url
    for is_settled in (False, True):
        again = rerun(vendor, tmp_path)
        again.creator.intents.warn_at_end("the integration 'a'", again.journal.intent("urn:a", base_url, None))
        assert again.told == []
        if is_settled:
            again.journal.settle("urn:a", base_url, None, "int-0")
        again.creator.intents.warn_of_unseen({"urn:a"}, base_url)
        assert len(again.told) == (not is_settled)


def test_create_under_another_name_of_the_stack_is_told_once(tmp_path: Path) -> None:
    """A stack may have been renamed after a kill, or be another one of the program: it is a warning, and no error."""

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
    assert again.told == []

    (tmp_path / "ended" / f"{process.journal.process}.json").unlink()
    again = rerun(vendor, tmp_path)
    for name in "ab":
        again.creator.create(urn("next", name), inputs[name])
    (warning,) = again.told
    assert "an earlier run of stack 'shop/dev' created integration int-0 for it (journal: " in warning
    assert str(tmp_path / "intents") in warning
    assert "`pulumi-justt recover`" in warning

    again = rerun(vendor, tmp_path)
    again.creator.create(urn("dev", "b", "renamed"), inputs["b"])
    assert "an earlier run of stack 'shop/dev' created integration int-1 for it" in again.told[0]


def test_what_cannot_be_kept_fails_no_create(tmp_path: Path) -> None:
    """A journal whose folder cannot be used is one warning, and the create succeeds."""
    (tmp_path / "file").write_text("in the way")
    process = Process(ScriptedVendor(), state=tmp_path / "file")

    process.create("a")
    process.create("b")

    assert ["the journal of creates can't be relied on" in line for line in process.told] == [True]


# What `adopt` does not take over


def somebody_else(*sources: str, status: str = "PENDING") -> Callable[[ScriptedVendor], None]:
    """Return a writer that creates integrations while the first POST is on its way."""

    def prepare(vendor: ScriptedVendor) -> None:
        def write(name: str) -> None:
            if name == "a":
                for source in sources:
                    vendor.make("somebody else", source, status=status)

        vendor.on_commit = write

    return prepare


@pytest.mark.parametrize(
    ("prepare", "named"),
    [
        pytest.param(somebody_else("stripe"), ["int-0", "int-1"], id="two candidates"),
        pytest.param(somebody_else("adyen"), ["int-0"], id="another one of another source"),
        pytest.param(somebody_else("adyen", "stripe"), ["int-0", "int-2"], id="another of each source"),
    ],
)
def test_adopt_is_refused_where_something_else_is_new(
    prepare: Callable[[ScriptedVendor], None], named: list[str]
) -> None:
    """A second new integration means a second writer, and then nothing can be told apart."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    prepare(vendor)
    process = Process(vendor, "adopt")

    text = str(process.error("a"))

    assert ", ".join(f"{each} (PENDING)" for each in named) in text
    assert process.told == []


def test_adopt_is_refused_for_an_inactive_candidate() -> None:
    """What was deactivated meanwhile never comes back, so it is named and not taken over."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    vendor.on_commit = lambda _: vendor.records[0].update(status="INACTIVE")
    process = Process(vendor, "adopt")

    assert "int-0 (INACTIVE)" in str(process.error("a"))
    assert process.told == []


def test_adopt_is_refused_after_a_doubt_that_was_refused() -> None:
    """A create that was refused stays in doubt: its integration may turn up as the candidate of another one."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, BEFORE], "b": [AFTER]})
    process = Process(vendor, "adopt")
    process.error("a")

    assert "int-0 (PENDING)" in str(process.error("b"))
    assert process.told == []


def test_adopt_is_refused_after_a_doubt_that_was_repeated() -> None:
    """A create that succeeded by its second POST stays in doubt too: the first one may still be committed."""
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [AFTER]})
    process = Process(vendor, "adopt")
    process.create("a")

    assert "int-1 (PENDING)" in str(process.error("b"))
    assert process.told == []


def test_adopt_goes_on_after_one_that_was_adopted() -> None:
    """A doubt that ended in an adoption is none any more, and its id is no candidate of the next one."""
    vendor = ScriptedVendor(fates={"a": [AFTER], "b": [AFTER]})
    process = Process(vendor, "adopt")

    assert [process.create("a")] == vendor.made_by("a")
    assert [process.create("b")] == vendor.made_by("b")
    assert len(process.told) == 2


def test_adopt_is_refused_while_another_is_in_doubt() -> None:
    """Of two that lost their answers at once neither is taken over, whatever their sources."""
    for sources in ({"a": "stripe", "b": "stripe"}, {"a": "stripe", "b": "adyen"}):
        vendor = ScriptedVendor(fates={"a": [AFTER], "b": [AFTER]})
        process = Process(vendor, "adopt")

        outcomes = process.at_once(sources)

        assert all(isinstance(each, CreateOutcomeUnknown) for each in outcomes.values())
        assert_all_accounted_for(vendor, outcomes)
        assert process.told == []


def test_adopt_is_refused_while_another_is_in_doubt_under_the_account_s_other_name() -> None:
    """A request without an account may act on the same one as a request that names it: a doubt there counts as well."""
    vendor = ScriptedVendor(fates={"a": [BEFORE, BEFORE], "b": [AFTER]}, default_account="acc_1")
    process = Process(vendor, "adopt")
    process.error("a", account=None)

    assert "int-0 (PENDING)" in str(process.error("b", account="acc_1"))
    assert process.told == []


def test_candidate_of_another_name_of_the_account_is_not_swapped() -> None:
    """A create under one name of an account waits for a POST under its other name, and does not take that one's id."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]}, default_account="acc_1")
    process = Process(vendor, "adopt")
    for account in (None, "acc_1"):
        process.create("first", account=account)
    committed, go_on = threading.Event(), threading.Event()
    vars(process.creator._posts)["_changed"] = Noticed(go_on.set)

    def hold(name: str) -> None:
        if name == "b":
            committed.set()
            assert go_on.wait(PATIENCE)

    vendor.on_commit = hold
    with ThreadPoolExecutor(1) as pool:
        b = pool.submit(process.outcome, "b", "stripe", "acc_1")
        assert committed.wait(PATIENCE)
        a = process.outcome("a")
        go_on.set()

    assert [a] == vendor.made_by("a")
    assert [b.result(PATIENCE)] == vendor.made_by("b")


@pytest.mark.parametrize("policy", POLICIES)
def test_what_adopt_id_took_is_no_candidate(policy: Policy) -> None:
    """An integration that another resource of this run adopted by its id is accounted for."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor, policy)
    vendor.on_commit = lambda _: (
        None if vendor.records else process.session.ownership.adopt("urn:b", vendor.make("new"), "adopting it")
    )

    assert [process.create("a")] == vendor.made_by("a")
    assert process.told == []


def test_candidate_that_another_process_claims_first_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two provider processes that find the same candidate cannot both have it: the first claim counts."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, "adopt")
    claim = process.journal.claim

    def claim_second(base_url: str, integration_id: str, urn: str) -> str | None:
        Journal(process.state).claim(base_url, integration_id, "urn:of the other process")
        return claim(base_url, integration_id, urn)

    monkeypatch.setattr(process.journal, "claim", claim_second)

    assert "int-0 (PENDING)" in str(process.error("a"))
    assert process.told == []


def test_candidate_is_not_claimed_without_a_journal(tmp_path: Path) -> None:
    """If no claim can be recorded, another process could claim the same integration."""
    (tmp_path / "file").write_text("in the way")
    process = Process(ScriptedVendor(fates={"a": [AFTER]}), "adopt", tmp_path / "file")

    assert "int-0 (PENDING)" in str(process.error("a"))
    assert len(process.told) == 1
    assert "the journal of creates can't be relied on" in process.told[0]


# Lists: shapes, orders, lengths, shifts


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("enveloped", [False, True], ids=["array", "envelope"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("size", [0, 99, 100, 101, 250])
def test_every_kind_of_list(policy: Policy, fate: str, enveloped: bool, newest_first: bool, size: int) -> None:
    """Whatever the envelope, the order and the number of pages, what is new is found, and only that."""
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
    """Pages are asked for one after the other, and a bare array ends with the first short one, an envelope at once."""
    for enveloped, pages in ((False, ["1", "2", "3"]), (True, ["1", "2"])):
        vendor = ScriptedVendor(enveloped=enveloped)
        for number in range(200):
            vendor.make(f"old-{number}")

        Process(vendor).create("a")

        assert [what.rpartition("/")[2] for kind, what, _ in vendor.journal if kind == "list"] == pages


def shifting(vendor: ScriptedVendor, times: int) -> None:
    """Let somebody else create an integration of another source at each request for a second page, some times."""
    left = itertools.count(times, -1)
    vendor.on_request = lambda kind, what: (
        vendor.make("somebody else", "adyen") if kind == "list" and what.endswith("/2") and next(left) > 0 else None
    )


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_pages_that_shift_are_read_until_two_passes_agree(newest_first: bool) -> None:
    """New integrations shift the pages of a pass under way; once two passes agree, the list counts."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]}, newest_first=newest_first)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor)
    vendor.on_commit = lambda name: shifting(vendor, 2) if name == "a" else None

    made = process.create("a")

    assert vendor.made_by("a") == [made]
    assert 2 < vendor.asked.count("list") - 1 <= 5


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
def test_passes_that_never_agree_prove_nothing(policy: Policy, fate: str) -> None:
    """An account that changes during each pass is neither repeated in nor adopted from, after five passes."""
    vendor = ScriptedVendor(fates={"a": [fate]}, newest_first=True)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor, policy)
    vendor.on_commit = lambda _: shifting(vendor, 1000)

    text = str(process.error("a"))

    assert "(not certain: the account's list was too long, or changed while it was read)" in text
    assert all(each in text for each in vendor.made_by("a"))
    assert vendor.asked[vendor.asked.index("post") :] == ["post", *["list"] * 5]
    assert process.told == []


@pytest.mark.parametrize("fate", [BEFORE, AFTER])
def test_list_before_that_never_agrees_proves_nothing(fate: str) -> None:
    """With `adopt` the list before has to be read until two passes agree too, or nothing can be new for sure."""
    vendor = ScriptedVendor(fates={"a": [fate]}, newest_first=True)
    for number in range(150):
        vendor.make(f"old-{number}")
    process = Process(vendor, "adopt")
    shifting(vendor, 1000)

    def stop(_: str) -> None:
        vendor.on_request = lambda _, __: None

    vendor.on_commit = stop

    assert "(not certain: " in str(process.error("a"))
    assert vendor.asked == [*["list"] * 5, "post", "list", "list"]


def test_record_that_hides_from_one_pass_is_still_found() -> None:
    """What a pass missed because the pages moved is found by the next one, so that nothing is sent twice."""
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
    assert vendor.asked == ["list", "post", "list", "list", "list"]


def test_record_that_only_the_first_pass_shows_counts() -> None:
    """What was seen once exists, even where two later passes agree without it: so nothing is sent twice."""
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
    assert vendor.asked == ["list", "post", "list", "list", "list"]


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("enveloped", [False, True], ids=["array", "envelope"])
def test_account_beyond_the_page_bound_proves_nothing(policy: Policy, fate: str, enveloped: bool) -> None:
    """Of more than 100 pages 100 are read; a create works, but a lost one is neither repeated nor adopted."""
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
    assert vendor.asked == ["list", "post", "post", "list"]
    assert process.told == []


@pytest.mark.slow
def test_account_of_exactly_the_page_bound_is_whole_where_the_vendor_says_so() -> None:
    """`hasMore: false` on the 100th page ends the list; a bare array of as many full pages says nothing of its end."""
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


def test_pages_that_do_not_move_on_prove_nothing() -> None:
    """A server that gives the same full page for every number is not asked for a hundred, and is not believed."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    full = [{"integrationId": f"x-{number}", "source": "stripe", "status": "PENDING"} for number in range(100)]
    vendor.on_list = lambda _: httpx.Response(200, json=full)

    assert "(not certain: " in str(Process(vendor).error("a"))
    assert [what for kind, what, _ in vendor.journal if kind == "list"] == ["None/1", "None/2"] * 2


@pytest.mark.parametrize("answer", [httpx.Response(403, json={"message": "no"}), httpx.Response(200, json={"a": 1})])
def test_list_that_cannot_be_read_before_keeps_the_post_back(answer: httpx.Response) -> None:
    """Without a list before it, a lost create could not be resolved: so nothing is posted, and the error says when."""
    vendor = ScriptedVendor()
    vendor.on_list = lambda _: answer
    process = Process(vendor)

    with pytest.raises((RequestRefused, UnexpectedResponse)) as raised:
        process.create("a")

    assert str(raised.value).startswith("creating the stripe integration 'a', listing the account before it: Justt ")
    assert "post" not in vendor.asked


def test_list_before_is_tried_again_by_the_next_create() -> None:
    """A list that failed is not remembered as an empty one."""
    vendor = ScriptedVendor(fates={"b": [AFTER]})
    vendor.make("old")
    process = Process(vendor)
    vendor.on_list = lambda _: httpx.Response(403, json={})
    assert isinstance(process.outcome("a"), RequestRefused)
    vendor.on_list = lambda _: None

    text = str(process.error("b"))

    assert "this source: int-1 (PENDING). " in text


def test_list_that_never_comes_fails_all_who_wait_for_it() -> None:
    """During an outage sixteen creates end when the first one's list has failed, and don't fail one after the other."""
    vendor = ScriptedVendor()
    process = Process(vendor)
    arrived = threading.Semaphore(0)
    lock = process.account.snapshot_lock

    class Counted:
        """The lock of the list before, which tells who comes for it."""

        def __enter__(self) -> None:
            """Take it."""
            arrived.release()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            """Give it back."""
            lock.release()

    vars(process.account)["snapshot_lock"] = Counted()

    def hang(_: int) -> httpx.Response:
        if len(vendor.journal) == 1:
            assert all(arrived.acquire(timeout=PATIENCE) for _ in CROWD)
        vendor.moment.sleep(SECONDS)
        raise httpx.ReadTimeout("silent")

    vendor.on_list = hang
    with ThreadPoolExecutor(len(CROWD)) as pool:
        outcomes = list(pool.map(process.outcome, CROWD))

    assert all(isinstance(each, RequestFailed) for each in outcomes)
    assert [str(each).partition(":")[0] for each in outcomes] == [
        f"creating the stripe integration {name!r}, listing the account before it" for name in CROWD
    ]
    assert vendor.moment() <= 2 * RetryPolicy().deadline


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("page", [1, 2])
def test_list_that_cannot_be_read_afterwards_is_told_with_the_warning(policy: Policy, fate: str, page: int) -> None:
    """The error says that the outcome could not be found out, why not, and still warns; nothing is sent again."""
    vendor = ScriptedVendor(fates={"a": [fate]})
    for number in range(100):
        vendor.make(f"old-{number}")
    refusal = httpx.Response(403, json={"message": "key revoked", "errorId": "err-9"})

    def revoke(_: str) -> None:
        vendor.on_list = lambda asked: refusal if asked == page else None

    vendor.on_commit = revoke
    process = Process(vendor, policy)

    text = str(process.error("a"))

    assert text.startswith("creating the stripe integration 'a': ")
    assert "listing the account after it: Justt answered 403: key revoked (errorId err-9). " in text
    assert "Justt may have created it, and the provider could not find out (" in text
    assert WARNING in text
    assert vendor.asked.count("post") == 1
    assert process.told == []


def test_list_that_cannot_be_read_after_the_second_post_is_told_of_that_one() -> None:
    """What is said of a create that was lost twice is what the second loss brought."""
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
def test_list_after_that_never_comes_fails_all_who_wait_for_it(policy: Policy) -> None:
    """Sixteen creates that an outage swallowed end when the first one's list has failed, each with its own warning."""
    vendor = ScriptedVendor(fates={name: [AFTER] for name in CROWD})

    def go_down(_: int) -> httpx.Response | None:
        if vendor.asked.count("post") < len(CROWD):
            return None
        vendor.moment.sleep(SECONDS)
        raise httpx.ReadTimeout("silent")

    vendor.on_list = go_down
    outcomes = Process(vendor, policy).at_once(dict.fromkeys(CROWD, "stripe"))

    assert vendor.moment() <= SECONDS + 2 * RetryPolicy().deadline
    for name, outcome in outcomes.items():
        assert isinstance(outcome, CreateOutcomeUnknown)
        assert str(outcome).startswith(f"creating the stripe integration {name!r}: ")
        assert f"(creating the stripe integration {name!r}, listing the account after it: no answer" in str(outcome)
        assert WARNING in str(outcome)


def test_list_after_is_tried_again_for_what_is_lost_later() -> None:
    """A list that failed before a create was lost says nothing of it."""
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
def test_list_before_is_read_once_for_each_account(policy: Policy) -> None:
    """However many creates there are, each account is listed once; what one lists is nothing to another."""
    vendor = ScriptedVendor(fates={"c": [AFTER]})
    process = Process(vendor, policy)
    passes = 2 if policy == "adopt" else 1

    for number, account in enumerate(["acc_1", "acc_2", "acc_1", None, "acc_2"]):
        process.create(f"shop-{number}", account=account)

    asked = [what for kind, what, _ in vendor.journal if kind == "list"]
    assert asked == [what for what in ("acc_1/1", "acc_2/1", "None/1") for _ in range(passes)]


def test_threads_share_the_list_before() -> None:
    """Creates that start at once wait for one list and do not read one each."""
    vendor = ScriptedVendor()

    Process(vendor).at_once({f"shop-{number}": "stripe" for number in range(16)})

    assert vendor.asked == ["list", *["post"] * 16]


# When


@pytest.mark.parametrize("policy", POLICIES)
def test_settle_delay_is_the_time_out_counted_from_the_loss(policy: Policy) -> None:
    """The list after it is asked for no sooner than a time-out after the answer was lost, and no later."""
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


def test_settle_delay_passes_once_for_those_that_were_lost_together() -> None:
    """Each waits for its own loss, so that sixteen lost at once don't wait sixteen times."""
    names = {f"shop-{number}": "stripe" for number in range(16)}
    vendor = ScriptedVendor(fates={name: [AFTER] for name in names})

    Process(vendor).at_once(names)

    assert vendor.moment() == SECONDS


def test_no_wait_where_the_delay_is_over() -> None:
    """A resolution that had to wait for longer than the delay goes on at once, and never sleeps less than nothing."""
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

    # One pass before, and two after the delay.
    assert vendor.moment() == pytest.approx(1.0 + SECONDS + 2.0)
    assert min(waits) >= 0.0


def test_wait_for_the_list_after_is_told() -> None:
    """Half a minute of silence would look like a hang, so the terminal says what is waited for."""
    process = Process(ScriptedVendor(fates={"a": [AFTER]}))

    process.error("a")

    (note,) = process.notes
    assert note == (
        "note: creating the stripe integration 'a': no answer within 30 s; the account is listed in 30 s, to find out "
        "whether it exists."
    )


# A list that is not whole


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
@pytest.mark.parametrize("lacks", ["everything", "what was there before", "what this run created"])
def test_list_that_lacks_a_known_record_proves_nothing(policy: Policy, fate: str, lacks: str) -> None:
    """The vendor keeps every record, so a list without one is a stale one, and no reason to post again or to adopt."""
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
    assert vendor.asked.count("post") == 2
    assert process.told == []


def test_list_of_another_account_need_not_hold_what_was_created_elsewhere() -> None:
    """Each account lists its own integrations, and what one lacks belongs to another."""
    vendor = ScriptedVendor(fates={"b": [BEFORE]})
    process = Process(vendor)
    process.create("a", account="acc_1")

    assert process.create("b", account="acc_2") == vendor.made_by("b")[0]


def test_listing_that_takes_too_long_proves_nothing() -> None:
    """A vendor that needs half a minute for a page does not hold all creates for hours: what was read is a part."""
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
def test_repeated_and_not_sent_still_warns(again: httpx.Response | Exception, response: str) -> None:
    """That the second POST could not be sent says nothing of the first, which may still turn up."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})

    def go_down(kind: str, _: str) -> None:
        if kind == "post" and vendor.asked.count("post") == 1:
            raise Down

    class Down(Exception):
        """The network is down."""

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            return vendor(request)
        except Down:
            if isinstance(again, Exception):
                raise again from None
            return again

    vendor.on_request = go_down
    process = Process(vendor)
    process.client._api._http._transport = process.client._api._fresh_http._transport = httpx.MockTransport(answer)

    text = str(process.error("a"))

    assert f"the connection broke (ReadError); sent once more: {response}" in text
    assert WARNING in text
    assert "Nothing was sent" not in text


# The engine leaves


def test_nothing_is_posted_for_an_engine_that_left() -> None:
    """Creates that waited for the list, the gate or the quota are not sent once nobody is there to store an id."""
    vendor = ScriptedVendor()
    process = Process(vendor)
    vendor.on_list = lambda _: vars(process).__setitem__("is_abandoned", lambda: True)

    error = process.outcome("a")

    assert isinstance(error, CancelledError)
    assert "it was not sent, because the engine cancelled the call. Nothing was created" in str(error)
    assert vendor.asked == ["list"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("after", [0.0, 3.0, 29.5])
def test_lost_create_of_an_engine_that_left_is_told_at_once(policy: Policy, after: float) -> None:
    """There are seconds before the process is killed, so nothing is waited for, listed, sent again or taken over."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    process = Process(vendor, policy)
    left: list[float] = []

    def leave(_: str) -> None:
        left.append(vendor.moment() + after)

    vendor.on_commit = leave
    process.is_abandoned = lambda: bool(left) and vendor.moment() >= left[0]

    text = str(process.error("a"))

    assert WARNING in text
    assert vendor.moment() <= left[0] + 1.0
    assert vendor.asked == [*["list"] * (2 if policy == "adopt" else 1), "post"]
    assert process.told == []


def test_engine_that_leaves_during_the_list_gets_nothing_adopted() -> None:
    """What turned up meanwhile may be what the next run has created, and is left alone."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor, "adopt")
    process.create("first")

    def rerun(_: int) -> None:
        if not process.is_abandoned():
            vendor.make("a")
        process.is_abandoned = lambda: True

    vendor.on_list = rerun

    process.error("a")

    assert process.told == []
    assert not process.creator.has_posted(vendor.made_by("a")[0])


def test_only_what_a_post_brought_was_posted() -> None:
    """An adopted candidate is in the resource, and still nothing that this process may take back."""
    vendor = ScriptedVendor(fates={"b": [AFTER]})
    process = Process(vendor, "adopt")
    ids = [process.create("a"), process.create("b")]

    assert [process.creator.has_posted(each) for each in ids] == [True, False]


def test_adoption_of_what_still_works_is_suggested() -> None:
    """Of two candidates the one to add is not the one that is over."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    vendor.on_commit = lambda _: vendor.make("somebody else", status="INACTIVE")
    vendor.newest_first = True

    text = str(Process(vendor).error("a"))

    assert "this source: int-1 (INACTIVE), int-0 (PENDING). " in text
    assert 'adopt_id="int-0"' in text


def test_very_many_candidates_put_the_list_before_in_doubt() -> None:
    """An account whose first list came back empty by mistake seems to be all new, and the text says so."""
    vendor = ScriptedVendor(fates={"a": [AFTER]})
    for number in range(30):
        vendor.make(f"old-{number}")
    vendor.on_list = lambda _: httpx.Response(200, json=[]) if len(vendor.journal) == 1 else None

    text = str(Process(vendor).error("a"))

    assert "int-30 (PENDING). There are 31 of them, so the list that was read before the create was probably" in text


def test_resolution_waits_for_posts_in_flight_and_newcomers_wait_for_it() -> None:
    """No list is read while a POST is in flight, and a later create is sent after the account was listed."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor)
    process.create("first")
    waiting = threading.Semaphore(0)
    vars(process.creator._posts)["_changed"] = Noticed(waiting.release)
    arrived, go_on = threading.Event(), threading.Event()

    def hold(name: str) -> None:
        if name == "slow":
            arrived.set()
            assert go_on.wait(PATIENCE)

    vendor.on_commit = hold
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(process.create, "slow")
        assert arrived.wait(PATIENCE)
        lost = pool.submit(process.create, "a")
        assert waiting.acquire(timeout=PATIENCE), "the lost create does not wait for the POST in flight"
        late = pool.submit(process.create, "late")
        assert waiting.acquire(timeout=PATIENCE), "the newcomer does not wait"
        during = [what for _, what, _ in vendor.journal]
        go_on.set()
        ids = [each.result(PATIENCE) for each in (slow, lost, late)]

    assert during == ["None/1", "first", "slow", "a"]
    after = [what for _, what, _ in vendor.journal][len(during) :]
    assert (after[:2], sorted(after[2:])) == (["None/1", "None/1"], ["a", "late"])
    assert ids == [*vendor.made_by("slow"), *vendor.made_by("a"), *vendor.made_by("late")]


def test_newcomer_waits_for_a_resolution_under_way() -> None:
    """A create that comes while a lost one is looked for is sent once the list is read."""
    vendor = ScriptedVendor(fates={"a": [BEFORE]})
    process = Process(vendor)
    process.create("first")
    waiting = threading.Semaphore(0)
    vars(process.creator._posts)["_changed"] = Noticed(waiting.release)
    late: list[Future[str]] = []
    with ThreadPoolExecutor(1) as pool:

        def come(kind: str, _: str) -> None:
            if kind == "list" and not late:
                late.append(pool.submit(process.create, "late"))
                assert waiting.acquire(timeout=PATIENCE), "the newcomer does not wait"

        vendor.on_request = come
        process.create("a")
        late[0].result(PATIENCE)

    asked = [what for _, what, _ in vendor.journal]
    assert asked[:5] == ["None/1", "first", "a", "None/1", "None/1"]
    assert sorted(asked[5:]) == ["a", "late"]


def test_defect_of_one_leaves_the_way_open_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds things out and fails between two accounts is not waited for, and whoever has a finding is."""
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [BEFORE], "c": [BEFORE]})
    process = Process(vendor)
    find, calls = process.creator._finding, itertools.count(1)

    def finding(unresolved: Any, now: Any) -> Any:  # noqa: ANN401 - private types
        assert next(calls) != 2, "a defect"
        return find(unresolved, now)

    monkeypatch.setattr(process.creator, "_finding", finding)
    together = threading.Barrier(2)
    vendor.on_commit = lambda _: together.wait(PATIENCE) if vendor.asked.count("post") <= 2 else None

    def run(name: str) -> str | Exception:
        try:
            return process.create(name, account=name)
        except AssertionError as defect:
            return defect

    with ThreadPoolExecutor(3) as pool:
        outcomes = [each.result(PATIENCE) for each in [pool.submit(run, name) for name in "ab"]]
        assert pool.submit(run, "c").result(PATIENCE) in vendor.made_by("c")
    assert min(map(str, outcomes)).startswith("a defect")
    assert [type(each) for each in outcomes].count(str) == 1


def test_error_of_one_leaves_the_way_open_for_others() -> None:
    """A POST that is refused and a resolution that fails both leave the gate, or all others would hang."""
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
        pytest.param(dict.fromkeys(CROWD, BEFORE), "stripe", id="all before"),
        pytest.param(dict.fromkeys(CROWD, AFTER), "stripe", id="all after"),
        pytest.param(
            {name: (BEFORE, AFTER)[number % 2] for number, name in enumerate(CROWD)}, "adyen", id="half and half"
        ),
    ],
)
def test_sixteen_at_once(policy: Policy, newest_first: bool, lost: dict[str, str], others: str) -> None:
    """Of sixteen in flight, whichever are lost, each integration is in one resource or named in its own error."""
    vendor = ScriptedVendor(fates={name: [fate] for name, fate in lost.items()}, newest_first=newest_first)
    for number in range(120):
        vendor.make(f"old-{number}")
    process = Process(vendor, policy)
    sources = {name: ("stripe", others)[number % 2] for number, name in enumerate(CROWD)}

    outcomes = process.at_once(sources)

    assert_all_accounted_for(vendor, outcomes)
    assert {name for name, each in outcomes.items() if isinstance(each, JusttError)} <= lost.keys()
    if policy == "adopt" and lost.keys() == {"shop-7"}:
        assert len(process.told) == 1
    else:
        assert process.told == []
        refused = {name for name, each in outcomes.items() if isinstance(each, JusttError)}
        assert refused >= {name for name, fate in lost.items() if fate == AFTER}


def test_one_of_each_source_is_told_apart_by_its_source() -> None:
    """The one that was lost before is sent again although another source's was lost after: that is no candidate."""
    vendor = ScriptedVendor(fates={"a": [BEFORE], "b": [AFTER]})

    outcomes = Process(vendor).at_once({"a": "stripe", "b": "adyen"})

    assert [outcomes["a"]] == vendor.made_by("a")
    assert isinstance(outcomes["b"], CreateOutcomeUnknown)


def test_several_of_one_source_all_name_all_candidates() -> None:
    """Nobody can tell which candidate is whose, so each error names them all, and none is sent again."""
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
    """Whenever somebody else creates one, ours is in the state or named; `refuse` never takes theirs.

    `adopt` takes theirs in one case: ours never happened, and theirs, of the same source, appeared between the list
    before and the last one after, so that every answer is what it would be if theirs were ours.
    """
    vendor = ScriptedVendor(fates={"a": list(fates)})
    process = Process(vendor, policy)
    requests = itertools.count()
    vendor.on_request = lambda _, __: vendor.make("somebody else", source) if next(requests) == turn else None

    outcome = process.outcome("a")

    ours, theirs = vendor.made_by("a"), vendor.made_by("somebody else")
    assert len(ours) <= 1
    if isinstance(outcome, str) and outcome in theirs:
        assert (policy, ours, source) == ("adopt", [], "stripe")
        # After the first of the two lists before it, which theirs must not be in.
        assert turn >= 2
        assert f"claimed {outcome}, " in process.told[0]
    elif isinstance(outcome, str):
        assert ours == [outcome]
    else:
        assert WARNING in str(outcome)
        assert all(each in str(outcome) for each in ours)


@pytest.mark.parametrize("policy", POLICIES)
def test_second_writer_between_all_requests(policy: Policy) -> None:
    """In an account that somebody else never stops writing to, a create whose answer came is not disturbed."""
    vendor = ScriptedVendor()
    process = Process(vendor, policy)
    vendor.on_request = lambda _, __: vendor.make("somebody else")

    assert [process.create(name) for name in "abc"] == [vendor.made_by(name)[0] for name in "abc"]


# One id in one resource


def test_id_that_the_api_gives_twice_is_an_error() -> None:
    """A vendor that takes a second create for the first one must not put one integration into two resources."""
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
        "creating the stripe integration 'b': Justt answered with integration int-1, which belongs to 'urn:a' already, "
        "and an integration can be in one resource only. Give this resource another external identifier."
    )


def test_id_that_the_api_gives_to_all_is_in_one_resource() -> None:
    """Of sixteen that get one id at once, one has it."""
    process = Process(ScriptedVendor())
    vendor = process.vendor
    vendor.make = lambda *_, **__: "int-1"  # type: ignore[method-assign] # a vendor that makes one for all

    outcomes = process.at_once(dict.fromkeys(CROWD, "stripe"))

    assert [each for each in outcomes.values() if isinstance(each, str)] == ["int-1"]
    assert sum(isinstance(each, StateConflict) for each in outcomes.values()) == 15


@pytest.mark.parametrize("policy", POLICIES)
def test_id_that_was_there_before_is_an_error(policy: Policy) -> None:
    """An id that stood in the list before is not new: it may be in a resource already, and goes into no second one."""
    vendor = ScriptedVendor()
    process = Process(vendor, policy)
    old = vendor.make("old")
    vendor.make = lambda *_, **__: old  # type: ignore[method-assign] # a vendor that takes it for the same one

    with pytest.raises(JusttError, match=old):
        process.create("a")


def test_second_post_that_brings_a_known_id_is_an_error() -> None:
    """The rule holds for what a repeated POST brings as well."""
    vendor = ScriptedVendor(fates={"b": [BEFORE]})
    process = Process(vendor)
    made = process.create("a")
    vendor.make = lambda *_, **__: made  # type: ignore[method-assign] # a vendor that takes it for the same one

    with pytest.raises(StateConflict, match=f"integration {made}, which belongs to 'urn:a' already"):
        process.create("b")


def test_list_after_that_cannot_be_reached_is_told_with_the_warning() -> None:
    """An outage that swallows the answer and all that follows leaves one error that warns and names the cause."""
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
