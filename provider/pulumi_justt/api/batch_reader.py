"""Reads many integrations with few requests: a single read requests one record, many reads share pages of the list.

    one or two reads wait      each requests its own record
    three or more reads wait   one of them reads the next page of the account's list, for all of them
        record found in a page               no request of its own
        not found, and no page is due        a request of its own, because a missing record may still exist

Another page is due if two conditions are true. First, the number of pages is smaller than the number of reads that
share them. So even if no page has a wanted record, there are at most twice as many requests as with single reads.
Second, the number of pages is below a budget: 8, plus one for each 4 reads, plus two for each read whose record was
in a page. So with many reads, useless pages add only about a quarter to the requests. Justt keeps every deactivated
record, so the stack's records may be on late pages. The next read of a record therefore starts with the page that had
it last.

Pages belong to one account, are used for `FRESH_SECONDS`, and are dropped after any write of this process.
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
"""The default maximum age of a page, in seconds."""

_FEWEST_WAITERS = 3
"""The number of reads that must wait at the same time before they share pages."""

_PAGES_ON_TRUST = 8
"""The first part of the budget of pages; see the docstring of this module."""

_READS_PER_FURTHER_PAGE = 4
"""The number of reads that add one page to the budget."""


_RESPONSES = (AttemptResult.REJECTED, AttemptResult.UNREADABLE)
"""The results of a response that another attempt would not change, from the API or another server at its address."""


class ReadClient(Protocol):
    """The client that a `BatchReader` uses: requests, a clock, and a count of requests that may change something."""

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
    """The pages of one account's list that were read, and the number of reads that wait for records of the account."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0
    records: dict[str, RemoteRecord] = field(default_factory=dict)
    since: float = float("-inf")
    """The time at which the first page was requested."""
    writes: int = 0
    """The client's count of writes at that time."""
    places: dict[str, int] = field(default_factory=dict)
    """The page on which each record was last seen."""
    read: set[int] = field(default_factory=set)
    following: int = 1
    """The first page that was not read."""
    last: float = math.inf
    waiters: int = 0
    found: int = 0
    is_useless: bool = False
    """Whether the account cannot be listed, although its records may be readable one by one."""
    outage: tuple[float, ApiError] | None = None
    """When the last read of a page failed, and the error."""

    def start(self, now: float, writes: int) -> None:
        """Drop the pages, because a read needs newer ones."""
        self.records, self.read = {}, set()
        self.since, self.writes = now, writes
        self.following, self.last = 1, math.inf
        self.waiters = self.found = 0

    def due_page(self, integration_id: str) -> int | None:
        """Return the number of the next page to read for a record, or None if it needs a request of its own."""
        trust = _PAGES_ON_TRUST + self.waiters // _READS_PER_FURTHER_PAGE + 2 * self.found
        if self.is_useless or len(self.read) >= min(self.waiters, trust):
            return None
        place = self.places.get(integration_id)
        if place is not None and place not in self.read:
            return place
        return self.following if self.following <= self.last else None

    def take(self, number: int, page: Page) -> None:
        """Store the records of a page."""
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
    """One read: the record, its account, the earliest time of an acceptable page, and the caller's call."""

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
        """Read one record, with a request of its own or from a page.

        Args:
            integration_id: The id at Justt.
            account: The account that the integration belongs to.
            max_age: How old the returned record may be, in seconds.
            call: The caller's deadline.
            cache: The cache from the enclosing `waiting` block, if any, so that the caller is counted only once.

        Raises:
            ApiStatusError: With status 404 if the API key, in this account, sees no integration with this id.
            ApiError: The record could not be read.
        """
        with nullcontext(cache) if cache else self.waiting(account) as shared:
            since = self._client.clock() - max_age
            if shared.waiting >= _FEWEST_WAITERS or self._is_fresh(shared, since):
                pending = _PendingRead(integration_id, account, since, call)
                found = self._from_pages(shared, pending)
                if found is not None:
                    return found
            return self._client.get_integration(integration_id, account=account, call=call)

    @contextmanager
    def waiting(self, account: str | None) -> Iterator[PageCache]:
        """Count the caller as waiting while the `with` block runs, for example during repeated reads."""
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

    def _from_pages(self, shared: PageCache, pending: _PendingRead) -> RemoteRecord | None:
        """Return the record if a page has it, reading further pages while they are due."""
        arrived = self._client.clock()
        # The thread that holds the lock and reads a page may have a later deadline than this call.
        rest = pending.call.deadline - arrived
        if not shared.lock.acquire(timeout=-1 if rest == math.inf else max(0.0, rest)):
            return None
        try:
            if not self._is_fresh(shared, pending.since):
                shared.start(self._client.clock(), self._client.writes)
            shared.waiters += 1
            if pending.integration_id not in shared.records and shared.outage and shared.outage[0] >= arrived:
                # Another thread's read failed while this one waited. Raise the same error, so that an outage does not
                # cost each resource its own retries.
                failure = shared.outage[1].with_traceback(None)
                raise failure
            while pending.integration_id not in shared.records and (number := shared.due_page(pending.integration_id)):
                self._read_page(shared, pending, number)
            record = shared.records.get(pending.integration_id)
            shared.found += record is not None
            return record
        finally:
            shared.lock.release()

    def _read_page(self, shared: PageCache, pending: _PendingRead, number: int) -> None:
        try:
            page = self._client.list_integrations(number, account=pending.account, call=pending.call)
        except ApiError as error:
            if error.outcome in _RESPONSES:
                # The API key may be allowed to read a record but not to list, and one malformed record in a list must
                # not make the others unreadable.
                shared.is_useless = True
            # A caller that stopped early because of its own deadline does not fail the shared read for the others.
            elif error.is_cut_short or error.outcome is AttemptResult.BARRED:
                raise
            elif self._gets_response(pending):
                shared.is_useless = True
            else:
                shared.outage = (self._client.clock(), error)
                raise
        else:
            shared.take(number, page)

    def _gets_response(self, pending: _PendingRead) -> bool:
        """Return whether one attempt to read the single record gets a response, as it may if only the list is slow."""
        try:
            self._client.get_integration(
                pending.integration_id, account=pending.account, call=pending.call, is_repeatable=False
            )
        except ApiError as error:
            if error.is_cut_short:
                raise
            # A refusal counts as a response.
            return error.outcome in (*_RESPONSES, AttemptResult.BARRED)
        return True
