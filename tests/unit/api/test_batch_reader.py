"""Shared reads: what a crowd costs, that it gets what single reads would give, and that nothing stale is handed out."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_justt.api.batch_reader import FRESH_SECONDS, BatchReader, PageCache
from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.responses import Page
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.errors import RequestError, RequestFailed, RequestRefused
from pulumi_justt.simulator import Options, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.clients import client_of, settings_of
from support.clock import Clock
from support.harness import eventually

PAGE = 100
SECRET = "psp-canary-1c9d0e"


class AccountServer:
    """An account, and what was asked of it."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.status = dict.fromkeys(ids, "SUCCESSFUL")
        self.asked: list[str] = []
        self.list_status = 200
        self.record_status = 200
        self.meanwhile: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path.removeprefix("/v1/integrations").removeprefix("/")
        with self._lock:
            self.asked.append(path or f"page {request.url.params['page']}" if request.method == "GET" else "change")
        if request.method != "GET":
            self.meanwhile()
            return httpx.Response(200, json={})
        if path:
            return self._record(path)
        if self.list_status != 200:
            return httpx.Response(self.list_status, json={"message": "no list", "errorId": "e-1"})
        start = (int(request.url.params["page"]) - 1) * PAGE
        return httpx.Response(200, json=[self._row(i) for i in list(self.status)[start : start + PAGE]])

    def _record(self, integration_id: str) -> httpx.Response:
        if self.record_status != 200:
            return httpx.Response(self.record_status, json={"message": "no record", "errorId": "e-2"})
        if integration_id not in self.status:
            return httpx.Response(404, json={"message": "no such integration"})
        return httpx.Response(200, json=self._row(integration_id))

    def _row(self, integration_id: str) -> dict[str, str]:
        return {"integrationId": integration_id, "source": "stripe", "status": self.status[integration_id]}


class Watched(Clock):
    """A clock that counts how often it is looked at."""

    calls = 0

    def __call__(self) -> float:
        """Give the present moment."""
        self.calls += 1
        return super().__call__()


class Reader:
    """Shared reads of one account in a time of its own."""

    def __init__(self, vendor: AccountServer) -> None:
        self.vendor = vendor
        self.moment = Watched(1000.0)
        self.client = client_of(vendor, moment=self.moment, policy=RetryPolicy(attempts=2))

    def get(
        self,
        integration_id: str,
        max_age: float = FRESH_SECONDS,
        patience: float = math.inf,
    ) -> RemoteRecord:
        """Read one."""
        return self.client.read_integration(
            integration_id,
            operation=f"reading {integration_id}",
            account=None,
            max_age=max_age,
            call=Call(deadline=self.moment() + patience),
        )

    def deactivate(self, integration_id: str) -> None:
        """Deactivate one at once."""
        self.client.deactivate_integration(
            integration_id,
            operation="deactivating",
            account=None,
            deactivation_type="postingDate",
            deactivation_date="2027-01-31T00:00:00Z",
        )
        self.vendor.status[integration_id] = "INACTIVE"

    @contextmanager
    def others(self, count: int = 2) -> Iterator[PageCache]:
        """Let others wait meanwhile."""
        with ExitStack() as stack:
            for _ in range(count - 1):
                stack.enter_context(self.client.waiting(None))
            yield stack.enter_context(self.client.waiting(None))


def ids(count: int, name: str = "ours") -> list[str]:
    """Make up ids."""
    return [f"{name}-{number}" for number in range(count)]


def test_one_costs_one() -> None:
    """Who reads alone asks for one record, each time."""
    reader = Reader(AccountServer(ids(3)))

    assert [reader.get(name).integration_id for name in ids(3)] == ids(3)
    assert reader.vendor.asked == ids(3)


def test_two_ask_for_themselves() -> None:
    """A list page for two would save nothing."""
    reader = Reader(AccountServer(ids(3)))
    with reader.others(1):
        reader.get("ours-0")

    assert reader.vendor.asked == ["ours-0"]


def test_a_crowd_shares_a_page() -> None:
    """Once three wait, a page is read, and all whose record is in it ask for nothing, afterwards too."""
    reader = Reader(AccountServer(ids(100)))
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(100)] == ids(100)
    reader.get("ours-7")

    assert reader.vendor.asked == ["page 1"]


def test_further_pages_are_read_as_they_are_due() -> None:
    """Three hundred integrations are three pages, and what is asked for first costs at most a read of its own."""
    reader = Reader(AccountServer(ids(300)))
    with reader.others():
        found = [reader.get(name).integration_id for name in reversed(ids(300))]

    assert found == list(reversed(ids(300)))
    assert reader.vendor.asked == ["page 1", "ours-299", "page 2", "ours-298", "page 3"]


def test_what_no_page_has_is_asked_for() -> None:
    """A list that lacks an id proves nothing: the answer to the id itself is what counts."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), pytest.raises(RequestRefused) as refused:
        reader.get("unknown")

    assert refused.value.status == 404
    assert str(refused.value).startswith("reading unknown: Justt answered 404: no such integration")
    assert reader.vendor.asked == ["page 1", "unknown"]


@given(
    ours=st.integers(1, 60),
    foreign=st.integers(0, 2_000),
    where=st.randoms(use_true_random=False),
    crowd=st.integers(2, 20),
)
@pytest.mark.slow
def test_never_more_than_twice(ours: int, foreign: int, where: random.Random, crowd: int) -> None:
    """However many integrations of others there are and wherever ours stand, pages cost no more than single reads."""
    everyone = [*ids(ours), *ids(foreign, "theirs")]
    where.shuffle(everyone)
    reader = Reader(AccountServer(everyone))
    with reader.others(crowd):
        assert [reader.get(name).integration_id for name in ids(ours)] == ids(ours)

    pages = sum(path.startswith("page") for path in reader.vendor.asked)
    assert len(reader.vendor.asked) - pages <= ours
    assert pages <= ours


def test_an_account_of_others_costs_a_quarter_more() -> None:
    """Pages that find nothing are given up soon."""
    reader = Reader(AccountServer([*ids(5_000, "theirs"), *ids(100)]))
    with reader.others():
        for name in ids(100):
            reader.get(name)

    assert len(reader.vendor.asked) <= 100 + 8 + 100 // 4


@pytest.mark.parametrize("ended", [1_000, 3_000])
def test_ours_stand_behind_what_ended(ended: int) -> None:
    """A fleet that was rotated again and again costs little more than its pages: the vendor lists the dead first."""
    reader = Reader(AccountServer([*ids(ended, "ended"), *ids(500)]))
    with reader.others():
        for name in ids(500):
            reader.get(name)

    pages = ended // 100 + 5
    assert len(reader.vendor.asked) <= pages + 4 * (ended // 100 - 8) + 5


def test_a_page_that_had_it_comes_first() -> None:
    """Who looks again begins where the record was, however many pages are before it."""
    reader = Reader(AccountServer([*ids(300, "ended"), *ids(60)]))
    with reader.others():
        for name in ids(60):
            reader.get(name)
        reader.vendor.asked.clear()
        reader.moment.now += FRESH_SECONDS + 1
        for name in ids(60):
            reader.get(name)

    assert reader.vendor.asked == ["page 4"]


def test_pages_of_one_account_serve_no_other() -> None:
    """The same key sees other records in another account."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), reader.client.waiting("acc_2"), reader.client.waiting("acc_2"):
        reader.get("ours-1")
        reader.client.read_integration("ours-1", operation="reading", account="acc_2")

    assert reader.vendor.asked == ["page 1", "page 1"]


def test_a_write_drops_the_pages() -> None:
    """What this process changed is not answered from before."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others():
        reader.get("ours-1")
        reader.deactivate("ours-1")
        assert reader.get("ours-1").is_inactive

    assert reader.vendor.asked == ["page 1", "change", "page 1"]


def test_what_is_read_during_a_write_is_not_kept() -> None:
    """The vendor may have listed before it did what is on its way."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), ThreadPoolExecutor(1) as pool:
        reader.vendor.meanwhile = lambda: pool.submit(reader.get, "ours-1").result()
        reader.deactivate("ours-1")
        assert reader.get("ours-1").is_inactive

    assert reader.vendor.asked == ["change", "page 1", "page 1"]


@pytest.mark.parametrize(("max_age", "passed"), [(FRESH_SECONDS, FRESH_SECONDS + 1), (2.0, 3.0)])
def test_pages_grow_old(max_age: float, passed: float) -> None:
    """After a minute, or as soon as a reader says so, pages are read anew."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others():
        reader.get("ours-1")
        reader.moment.now += passed
        reader.vendor.status["ours-1"] = "FAILED"
        assert reader.get("ours-1", max_age=max_age).status == "FAILED"
        reader.get("ours-2", max_age=max_age)

    assert reader.vendor.asked == ["page 1", "page 1"]


def test_a_list_that_is_refused_is_not_asked_for_again() -> None:
    """A key that may read but not list costs one request more, and no error."""
    reader = Reader(AccountServer(ids(5)))
    reader.vendor.list_status = 403
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(5)] == ids(5)

    assert reader.vendor.asked == ["page 1", *ids(5)]


def test_an_outage_is_waited_out_once() -> None:
    """Whoever waited while a page could not be had is told so, under its own name."""
    reader = Reader(AccountServer(ids(8)))
    reader.vendor.list_status = reader.vendor.record_status = 503

    def read(name: str) -> str:
        with pytest.raises(RequestFailed) as unreachable:
            reader.get(name)
        return str(unreachable.value)

    with reader.others() as account, ThreadPoolExecutor(4) as pool:
        with account.lock:
            asked_for_the_time = reader.moment.calls
            running = [pool.submit(read, name) for name in ids(4)]
            eventually(lambda: reader.moment.calls == asked_for_the_time + 3 * len(running))
        texts = [each.result() for each in running]

    assert [text.partition(":")[0] for text in texts] == [f"reading {name}" for name in ids(4)]
    assert all(": Justt answered 503: no list, after 2 attempts (errorId e-1). " in text for text in texts)
    assert reader.vendor.asked[:2] == ["page 1"] * 2
    assert len(reader.vendor.asked) == 3


def test_a_list_that_fails_is_no_outage() -> None:
    """Where a list is too much for the vendor and one record is not, each asks for its own, and no list again."""
    reader = Reader(AccountServer(ids(3)))
    reader.vendor.list_status = 503
    with reader.others(), pytest.raises(RequestRefused):
        reader.get("unknown")
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(3)] == ids(3)

    assert reader.vendor.asked == ["page 1", "page 1", "unknown", "unknown", *ids(3)]


def test_who_has_no_time_speaks_for_nobody_else() -> None:
    """A wait at its deadline tries once; what it met is not told to who queued behind it and has time."""
    reader = Reader(AccountServer(ids(3)))
    reader.vendor.list_status = reader.vendor.record_status = 503

    told = []
    with reader.others() as account:
        for name, patience in (("ours-0", 0.1), ("ours-1", math.inf)):
            with pytest.raises(RequestFailed):
                reader.get(name, patience=patience)
            told.append(account.outage is not None)
        reader.vendor.list_status = reader.vendor.record_status = 200
        reader.moment.now += 1
        assert reader.get("ours-2").integration_id == "ours-2"

    assert told == [False, True]
    assert reader.vendor.asked == ["page 1", *["page 1"] * 2, "ours-1", "page 1"]


def test_a_record_that_repeats_a_credential_is_shown_to_nobody() -> None:
    """What the client would refuse in a single read is refused in a page too."""
    reader = Reader(AccountServer(["ours-0", SECRET]))
    reader.client.redactor.add_secrets(SECRET)
    with reader.others(), pytest.raises(RequestError) as error:
        reader.get(SECRET)

    assert "a record that repeats a credential" in str(error.value)
    assert set(reader.vendor.asked) == {"page 1"}


@pytest.mark.parametrize("threads", [4, 8, 16])
def test_a_hundred_from_many_threads(threads: int) -> None:
    """A refresh of a hundred integrations, while others wait too, takes one request, over real connections."""
    with SimulatorServer(Options(latency=0.02)) as simulator:
        new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
        known = [simulator.records.add_integration(new, None) for _ in range(100)]
        client = JusttClient(settings_of(simulator.base_url))
        # Without others, the first reads would each be a request of its own, and the load decides how many those are.
        with client.waiting(None), client.waiting(None), ThreadPoolExecutor(threads) as pool:
            found = pool.map(
                lambda name: client.read_integration(name, operation="reading", account=None).integration_id,
                known,
            )
            assert list(found) == known
        client.close()

    assert [exchange.path for exchange in simulator.requests] == ["/v1/integrations"]


class SlowWire:
    """Requests that take six seconds each, and by when each has to be done."""

    writes = 0

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        self.deadlines: list[float] = []

    def get_integration(self, integration_id: str, *, call: Call, **_: object) -> RemoteRecord:
        """Read one record."""
        self.deadlines.append(call.deadline)
        return RemoteRecord(integration_id=integration_id, source="stripe", status="PENDING")

    def list_integrations(self, page: int, *, call: Call, **_: object) -> Page:
        """Read one page, which has what nobody looks for."""
        self.deadlines.append(call.deadline)
        self.clock.sleep(6.0)
        return Page((RemoteRecord(integration_id=f"other-{page}", source="stripe", status="PENDING"),), is_last=False)


def test_pages_take_from_the_patience_of_who_reads_them() -> None:
    """A wait that has a deadline keeps it, whatever it has read before it asks for its own record."""
    wire = SlowWire()
    reads = BatchReader(wire)
    with reads.waiting(None), reads.waiting(None):
        for _ in range(2):
            reads.get("ours-1", account=None, max_age=0.0, call=Call(deadline=wire.clock() + 10.0))

    assert wire.deadlines == [1010.0, 1010.0, 1016.0, 1016.0]
