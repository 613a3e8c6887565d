"""Reading many integrations with few requests: whoever reads alone asks for one record, many together share list pages.

    one or two wait      each asks for its own record
    three or more wait   one of them reads the next page of the account's list, for all
        found in a page                     no request of its own
        not found, and no page is due       a request of its own: a list proves nothing about what it lacks

A page is due while the pages read are fewer than the reads that share them, so that an account full of what is not ours
costs at most twice what single reads would; and while they find something or many reads share them, so that for many
it costs a quarter more. The vendor keeps whatever was ever deactivated, so ours may stand behind many pages of that: a
page that had a record is the first to be read for it again.
Pages are of one account, are used for `FRESH_SECONDS`, and are dropped once this process has changed anything.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from pulumi_justt.api.call import UNLIMITED, Call
from pulumi_justt.api.errors import ApiError
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.responses import Page
from pulumi_justt.api.retry import AttemptResult

__all__ = ["FRESH_SECONDS", "BatchReader", "PageCache", "ReadClient"]

FRESH_SECONDS = 60.0
"""How old a page may be for a read that does not ask for a younger one."""

_FEWEST_WAITERS = 3
"""Reads that have to wait at the same time before a page is read for them."""

_PAGES_ON_TRUST = 8
"""Pages that may find nothing before each further one takes more reads that share it."""

_READS_PER_FURTHER_PAGE = 4
"""Those reads."""


_ANSWERS = (AttemptResult.REJECTED, AttemptResult.UNREADABLE)
"""The outcomes of a request that got an answer from the API, or from what stands in its place."""


class ReadClient(Protocol):
    """What reads are made with: requests, a clock, and a count of the requests that may have changed something."""

    writes: int

    @property
    def clock(self) -> Callable[[], float]:
        """Monotonic seconds."""

    def get_integration(
        self, integration_id: str, *, account: str | None, call: Call, is_repeatable: bool = True
    ) -> RemoteRecord:
        """Read one record."""

    def list_integrations(self, page: int, *, account: str | None, call: Call) -> Page:
        """Read one page of an account's records."""


@dataclass
class PageCache:
    """Who waits for records of one account, and the pages of it that are at hand."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0
    records: dict[str, RemoteRecord] = field(default_factory=dict)
    since: float = float("-inf")
    """The moment at which the first of the pages was asked for."""
    writes: int = 0
    """How often the client had changed something by then."""
    places: dict[str, int] = field(default_factory=dict)
    """In which page each record was last seen."""
    read: set[int] = field(default_factory=set)
    following: int = 1
    """The first page that was not read."""
    last: float = math.inf
    waiters: int = 0
    found: int = 0
    is_useless: bool = False
    """Whether the account's list cannot be read, or not understood."""
    outage: tuple[float, ApiError] | None = None
    """When the last page could not be had, and why."""

    def start(self, now: float, writes: int) -> None:
        """Forget the pages, since younger ones are needed."""
        self.records, self.read = {}, set()
        self.since, self.writes = now, writes
        self.following, self.last = 1, math.inf
        self.waiters = self.found = 0

    def due_page(self, integration_id: str) -> int | None:
        """Return which page is to be read next for a record; None if it is to be asked for by itself."""
        trust = _PAGES_ON_TRUST + self.waiters // _READS_PER_FURTHER_PAGE + 2 * self.found
        if self.is_useless or len(self.read) >= min(self.waiters, trust):
            return None
        place = self.places.get(integration_id)
        if place is not None and place not in self.read:
            return place
        return self.following if self.following <= self.last else None

    def take(self, number: int, page: Page) -> None:
        """Keep what a page has."""
        before = len(self.records)
        self.records |= {record.integration_id: record for record in page.records}
        self.places |= dict.fromkeys((record.integration_id for record in page.records), number)
        self.read.add(number)
        while self.following in self.read:
            self.following += 1
        if page.is_last or len(self.records) == before:
            self.last = min(self.last, number)


@dataclass(frozen=True)
class _PendingRead:
    """One read: of what, in which account, not older than when, and for which call."""

    integration_id: str
    account: str | None
    since: float
    call: Call


class BatchReader:
    """Reads records for all threads of a process.

    Args:
        client: Reads one record, or one page.
    """

    def __init__(self, client: ReadClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._accounts: dict[str | None, PageCache] = {}

    def get(
        self,
        integration_id: str,
        *,
        account: str | None,
        max_age: float = FRESH_SECONDS,
        call: Call = UNLIMITED,
        cache: PageCache | None = None,
    ) -> RemoteRecord:
        """Read one record, on its own or in a page.

        Args:
            integration_id: The id at Justt.
            account: The account that it belongs to.
            max_age: Seconds by which what is returned may be out of date.
            call: Until when it is waited for.
            cache: What `waiting` gave to who waits already, and is not to be counted again.

        Raises:
            ApiStatusError: With status 404 where the key, in this account, knows no such id.
            ApiError: It could not be read.
        """
        with nullcontext(cache) if cache else self.waiting(account) as shared:
            since = self._client.clock() - max_age
            if shared.waiting >= _FEWEST_WAITERS or self._is_fresh(shared, since):
                look = _PendingRead(integration_id, account, since, call)
                found = self._from_pages(shared, look)
                if found is not None:
                    return found
            return self._client.get_integration(integration_id, account=account, call=call)

    @contextmanager
    def waiting(self, account: str | None) -> Iterator[PageCache]:
        """Count as one that waits, for as long as the block runs: also who reads again and again."""
        with self._lock:
            shared = self._accounts.setdefault(account, PageCache())
            shared.waiting += 1
        try:
            yield shared
        finally:
            with self._lock:
                shared.waiting -= 1

    def _is_fresh(self, shared: PageCache, since: float) -> bool:
        return shared.since >= since and shared.writes == self._client.writes and not shared.is_useless

    def _from_pages(self, shared: PageCache, look: _PendingRead) -> RemoteRecord | None:
        """Return the record if a page has it, reading further pages while they are due."""
        arrived = self._client.clock()
        # The thread that reads a page may have more time than this one.
        rest = look.call.deadline - arrived
        if not shared.lock.acquire(timeout=-1 if rest == math.inf else max(0.0, rest)):
            return None
        try:
            if not self._is_fresh(shared, look.since):
                shared.start(self._client.clock(), self._client.writes)
            shared.waiters += 1
            if look.integration_id not in shared.records and shared.outage and shared.outage[0] >= arrived:
                # Somebody tried while this thread waited; an outage is not waited out once for each resource.
                failure = shared.outage[1].with_traceback(None)
                raise failure
            while look.integration_id not in shared.records and (number := shared.due_page(look.integration_id)):
                self._read_page(shared, look, number)
            record = shared.records.get(look.integration_id)
            shared.found += record is not None
            return record
        finally:
            shared.lock.release()

    def _read_page(self, shared: PageCache, look: _PendingRead, number: int) -> None:
        try:
            page = self._client.list_integrations(number, account=look.account, call=look.call)
        except ApiError as error:
            if error.outcome in _ANSWERS:
                # A key may be allowed to read what it may not list, and one odd record is no reason to refuse the
                # others.
                shared.is_useless = True
            # Who had no time for more attempts speaks for nobody else.
            elif error.is_cut_short or error.outcome is AttemptResult.BARRED:
                raise
            elif self._is_answered(look):
                shared.is_useless = True
            else:
                shared.outage = (self._client.clock(), error)
                raise
        else:
            shared.take(number, page)

    def _is_answered(self, look: _PendingRead) -> bool:
        """Return whether one attempt at the record itself gets an answer: a list may be too much where that is not."""
        try:
            self._client.get_integration(look.integration_id, account=look.account, call=look.call, is_repeatable=False)
        except ApiError as error:
            if error.is_cut_short:
                raise
            # No is an answer too.
            return error.outcome in (*_ANSWERS, AttemptResult.BARRED)
        return True
