"""Batched reads: how many requests they send, and that they return what single reads would, never stale."""

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
    """A simulated account that records the requests it receives."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.status = dict.fromkeys(ids, "SUCCESSFUL")
        self.requested: list[str] = []
        self.list_status = 200
        self.record_status = 200
        self.during_write: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        path = request.url.path.removeprefix("/v1/integrations").removeprefix("/")
        with self._lock:
            self.requested.append(path or f"page {request.url.params['page']}" if request.method == "GET" else "change")
        if request.method != "GET":
            self.during_write()
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


class CountingClock(Clock):
    """A clock that counts how often it is read."""

    calls = 0

    def __call__(self) -> float:
        """Return the current time."""
        self.calls += 1
        return super().__call__()


class Reader:
    """Batched reads of one account, with a clock of their own."""

    def __init__(self, vendor: AccountServer) -> None:
        self.vendor = vendor
        self.moment = CountingClock(1000.0)
        self.client = client_of(vendor, moment=self.moment, policy=RetryPolicy(attempts=2))

    def get(
        self,
        integration_id: str,
        max_age: float = FRESH_SECONDS,
        time_left: float = math.inf,
    ) -> RemoteRecord:
        """Read one integration."""
        return self.client.read_integration(
            integration_id,
            operation=f"reading {integration_id}",
            account=None,
            max_age=max_age,
            call=Call(deadline=self.moment() + time_left),
        )

    def deactivate(self, integration_id: str) -> None:
        """Deactivate one integration now."""
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
        """Register *count* other waiting reads while the block runs."""
        with ExitStack() as stack:
            for _ in range(count - 1):
                stack.enter_context(self.client.waiting(None))
            yield stack.enter_context(self.client.waiting(None))


def ids(count: int, name: str = "own") -> list[str]:
    """Return made-up ids."""
    return [f"{name}-{number}" for number in range(count)]


def test_single_reads_send_single_gets() -> None:
    """If a read waits alone, it sends one GET for its record, each time."""
    reader = Reader(AccountServer(ids(3)))

    assert [reader.get(name).integration_id for name in ids(3)] == ids(3)
    assert reader.vendor.requested == ids(3)


def test_two_waiting_reads_send_single_gets() -> None:
    """If two reads wait, each sends a GET for its record. A list page would save nothing."""
    reader = Reader(AccountServer(ids(3)))
    with reader.others(1):
        reader.get("own-0")

    assert reader.vendor.requested == ["own-0"]


def test_three_waiting_reads_share_a_page() -> None:
    """If three reads wait, one of them reads a page. Reads whose record is on the page send nothing, then or later."""
    reader = Reader(AccountServer(ids(100)))
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(100)] == ids(100)
    reader.get("own-7")

    assert reader.vendor.requested == ["page 1"]


def test_further_pages_are_read_when_needed() -> None:
    """If 300 integrations are read, the reader reads three pages. A record that is not yet on a page costs one GET."""
    reader = Reader(AccountServer(ids(300)))
    with reader.others():
        found = [reader.get(name).integration_id for name in reversed(ids(300))]

    assert found == list(reversed(ids(300)))
    assert reader.vendor.requested == ["page 1", "own-299", "page 2", "own-298", "page 3"]


def test_id_missing_from_the_list_gets_its_own_get() -> None:
    """If the list lacks an id, the read sends a GET for it, and the GET's response is the result."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), pytest.raises(RequestRefused) as refused:
        reader.get("unknown")

    assert refused.value.status == 404
    assert str(refused.value).startswith("reading unknown: Justt answered 404: no such integration")
    assert reader.vendor.requested == ["page 1", "unknown"]


@given(
    own=st.integers(1, 60),
    foreign=st.integers(0, 2_000),
    order=st.randoms(use_true_random=False),
    waiting=st.integers(2, 20),
)
@pytest.mark.slow
def test_batching_at_most_doubles_the_requests(own: int, foreign: int, order: random.Random, waiting: int) -> None:
    """However many foreign integrations the account has, the reader sends at most one page request per read."""
    all_ids = [*ids(own), *ids(foreign, "foreign")]
    order.shuffle(all_ids)
    reader = Reader(AccountServer(all_ids))
    with reader.others(waiting):
        assert [reader.get(name).integration_id for name in ids(own)] == ids(own)

    pages = sum(path.startswith("page") for path in reader.vendor.requested)
    assert len(reader.vendor.requested) - pages <= own
    assert pages <= own


def test_foreign_integrations_add_at_most_a_quarter() -> None:
    """If many foreign integrations are listed first, the reader soon stops reading pages without a wanted id.

    After the first eight pages, it reads at most one page for every four reads.
    """
    reader = Reader(AccountServer([*ids(5_000, "foreign"), *ids(100)]))
    with reader.others():
        for name in ids(100):
            reader.get(name)

    assert len(reader.vendor.requested) <= 100 + 8 + 100 // 4


@pytest.mark.parametrize("inactive", [1_000, 3_000])
def test_inactive_integrations_listed_first_cost_little(inactive: int) -> None:
    """If many inactive integrations are listed first, reads of the live ones cost few extra requests.

    Justt lists them first after many rotations.
    """
    reader = Reader(AccountServer([*ids(inactive, "inactive"), *ids(500)]))
    with reader.others():
        for name in ids(500):
            reader.get(name)

    pages = inactive // 100 + 5
    assert len(reader.vendor.requested) <= pages + 4 * (inactive // 100 - 8) + 5


def test_next_read_starts_at_the_page_that_had_the_record() -> None:
    """If the pages have expired, the next read starts at the page that had the record, not at page 1."""
    reader = Reader(AccountServer([*ids(300, "inactive"), *ids(60)]))
    with reader.others():
        for name in ids(60):
            reader.get(name)
        reader.vendor.requested.clear()
        reader.moment.now += FRESH_SECONDS + 1
        for name in ids(60):
            reader.get(name)

    assert reader.vendor.requested == ["page 4"]


def test_pages_are_not_shared_between_accounts() -> None:
    """If reads in two accounts wait, each account has its own pages."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), reader.client.waiting("acc_2"), reader.client.waiting("acc_2"):
        reader.get("own-1")
        reader.client.read_integration("own-1", operation="reading", account="acc_2")

    assert reader.vendor.requested == ["page 1", "page 1"]


def test_write_drops_the_pages() -> None:
    """After this process has deactivated an integration, a read does not use the cached page but requests it again."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others():
        reader.get("own-1")
        reader.deactivate("own-1")
        assert reader.get("own-1").is_inactive

    assert reader.vendor.requested == ["page 1", "change", "page 1"]


def test_page_read_during_a_write_is_not_cached() -> None:
    """If a page is read during a write, a later read requests it again.

    Justt may have built the page before the write.
    """
    reader = Reader(AccountServer(ids(5)))
    with reader.others(), ThreadPoolExecutor(1) as pool:
        reader.vendor.during_write = lambda: pool.submit(reader.get, "own-1").result()
        reader.deactivate("own-1")
        assert reader.get("own-1").is_inactive

    assert reader.vendor.requested == ["change", "page 1", "page 1"]


@pytest.mark.parametrize(("max_age", "passed"), [(FRESH_SECONDS, FRESH_SECONDS + 1), (2.0, 3.0)])
def test_pages_expire(max_age: float, passed: float) -> None:
    """A read requests a cached page again if it is older than a minute, or than the read's max_age."""
    reader = Reader(AccountServer(ids(5)))
    with reader.others():
        reader.get("own-1")
        reader.moment.now += passed
        reader.vendor.status["own-1"] = "FAILED"
        assert reader.get("own-1", max_age=max_age).status == "FAILED"
        reader.get("own-2", max_age=max_age)

    assert reader.vendor.requested == ["page 1", "page 1"]


def test_refused_list_is_not_requested_again() -> None:
    """If the key may read but not list, the first read requests one page, and every read sends its own GET."""
    reader = Reader(AccountServer(ids(5)))
    reader.vendor.list_status = 403
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(5)] == ids(5)

    assert reader.vendor.requested == ["page 1", *ids(5)]


def test_outage_fails_all_waiting_reads_at_once() -> None:
    """If a page can't be read, all waiting reads fail with its response. Each error names its own operation."""
    reader = Reader(AccountServer(ids(8)))
    reader.vendor.list_status = reader.vendor.record_status = 503

    def read(name: str) -> str:
        with pytest.raises(RequestFailed) as unreachable:
            reader.get(name)
        return str(unreachable.value)

    with reader.others() as account, ThreadPoolExecutor(4) as pool:
        with account.lock:
            clock_reads = reader.moment.calls
            running = [pool.submit(read, name) for name in ids(4)]
            eventually(lambda: reader.moment.calls == clock_reads + 3 * len(running))
        texts = [each.result() for each in running]

    assert [text.partition(":")[0] for text in texts] == [f"reading {name}" for name in ids(4)]
    assert all(": Justt answered 503: no list, after 2 attempts (errorId e-1). " in text for text in texts)
    assert reader.vendor.requested[:2] == ["page 1"] * 2
    assert len(reader.vendor.requested) == 3


def test_failed_list_falls_back_to_single_gets() -> None:
    """If the list fails but a single GET works, later reads send single GETs and don't request the list again."""
    reader = Reader(AccountServer(ids(3)))
    reader.vendor.list_status = 503
    with reader.others(), pytest.raises(RequestRefused):
        reader.get("unknown")
    with reader.others():
        assert [reader.get(name).integration_id for name in ids(3)] == ids(3)

    assert reader.vendor.requested == ["page 1", "page 1", "unknown", "unknown", *ids(3)]


def test_read_at_its_deadline_does_not_fail_the_others() -> None:
    """If a read fails because its deadline is near, its failure is not passed to reads that still have time."""
    reader = Reader(AccountServer(ids(3)))
    reader.vendor.list_status = reader.vendor.record_status = 503

    outages = []
    with reader.others() as account:
        for name, time_left in (("own-0", 0.1), ("own-1", math.inf)):
            with pytest.raises(RequestFailed):
                reader.get(name, time_left=time_left)
            outages.append(account.outage is not None)
        reader.vendor.list_status = reader.vendor.record_status = 200
        reader.moment.now += 1
        assert reader.get("own-2").integration_id == "own-2"

    assert outages == [False, True]
    assert reader.vendor.requested == ["page 1", *["page 1"] * 2, "own-1", "page 1"]


def test_record_that_repeats_a_credential_is_refused_in_a_page() -> None:
    """If a record on a page contains a credential, the reader refuses it, as a single GET would."""
    reader = Reader(AccountServer(["own-0", SECRET]))
    reader.client.redactor.add_secrets(SECRET)
    with reader.others(), pytest.raises(RequestError) as error:
        reader.get(SECRET)

    assert "a record that repeats a credential" in str(error.value)
    assert set(reader.vendor.requested) == {"page 1"}


@pytest.mark.parametrize("threads", [4, 8, 16])
def test_hundred_reads_from_many_threads_send_one_request(threads: int) -> None:
    """If many threads read a hundred integrations of one page, they send one request in total."""
    with SimulatorServer(Options(latency=0.02)) as simulator:
        new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
        known = [simulator.records.add_integration(new, None) for _ in range(100)]
        client = JusttClient(settings_of(simulator.base_url))
        # Without other waiting reads, the first reads would each send a GET; how many depends on the machine's load.
        with client.waiting(None), client.waiting(None), ThreadPoolExecutor(threads) as pool:
            found = pool.map(
                lambda name: client.read_integration(name, operation="reading", account=None).integration_id,
                known,
            )
            assert list(found) == known
        client.close()

    assert [exchange.path for exchange in simulator.requests] == ["/v1/integrations"]


class SlowClient:
    """A client whose requests take six seconds each, and which records each deadline."""

    writes = 0

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        self.deadlines: list[float] = []

    def get_integration(self, integration_id: str, *, call: Call, **_: object) -> RemoteRecord:
        """Read one record."""
        self.deadlines.append(call.deadline)
        return RemoteRecord(integration_id=integration_id, source="stripe", status="PENDING")

    def list_integrations(self, page: int, *, call: Call, **_: object) -> Page:
        """Take six seconds, and return a page that lacks the record that the reader needs."""
        self.deadlines.append(call.deadline)
        self.clock.sleep(6.0)
        return Page((RemoteRecord(integration_id=f"other-{page}", source="stripe", status="PENDING"),), is_last=False)


def test_reading_pages_keeps_the_deadline_of_the_read() -> None:
    """If a read requests a page first, the deadline of its own GET stays the same."""
    client = SlowClient()
    reads = BatchReader(client)
    with reads.waiting(None), reads.waiting(None):
        for _ in range(2):
            reads.get("own-1", account=None, max_age=0.0, call=Call(deadline=client.clock() + 10.0))

    assert client.deadlines == [1010.0, 1010.0, 1016.0, 1016.0]
