"""Several processes under one quota: each keeps to its own limit, their sum exceeds the quota, and all still finish.

A thread with its own client and limiter stands for each process. All use one vendor, which counts 1,000 requests a
minute and responds with 429 beyond that. Time is virtual: a sleeping thread wakes when no thread has anything to do
before its time.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from pulumi_justt.api.rate_limit import WINDOW_SECONDS
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from support.virtual_quota import LATENCY, QUOTA, SHARE, THREADS, StagedClock

PROCESSES = 3
READS = 700
"""Times are multiples of this, so that sums and differences of them are exact."""


@dataclass
class QuotaServer:
    """A server that counts the requests of all processes per minute."""

    clock: StagedClock
    accepted: deque[float] = field(default_factory=deque)
    refused: int = 0
    most: int = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        """Respond with a record, or with 429 beyond the quota."""
        self.clock.sleep(LATENCY)
        now = self.clock()
        while self.accepted and now - self.accepted[0] >= WINDOW_SECONDS:
            self.accepted.popleft()
        if len(self.accepted) >= QUOTA:
            self.refused += 1
            return httpx.Response(429, json={"message": "too many requests", "statusCode": 429})
        self.accepted.append(now)
        self.most = max(self.most, len(self.accepted))
        return httpx.Response(200, json={"integrationId": "int-1", "source": "stripe", "status": "SUCCESSFUL"})


def read_all(clock: StagedClock, vendor: QuotaServer, share: int, seed: int) -> int:
    """Let each process read as fast as its limit allows, and return how many reads succeeded."""
    chance = random.Random(seed)  # noqa: S311 - jitter, the same in each run
    settings = Settings.load(
        {"apiKey": "bearer-key", "baseUrl": "http://127.0.0.1:9", "requestsPerMinute": str(share)}, {}
    )
    done = itertools.count()

    def read(client: JusttClient, left: list[None]) -> None:
        while left:
            left.pop()
            client.get_integration("int-1", operation="reading", account=None)
            next(done)

    works: dict[str, Callable[[], object]] = {}
    for process in range(PROCESSES):
        client = JusttClient(
            settings, transport=httpx.MockTransport(vendor), clock=clock, sleep=clock.sleep, uniform=chance.random
        )
        left: list[None] = [None] * READS
        works |= {f"{process}-{thread:02}": functools.partial(read, client, left) for thread in range(THREADS)}
    clock.stage.run(works)
    return next(done)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.daily(1)
def test_processes_share_the_vendor_quota(seed: int, record_property: Callable[[str, object], None]) -> None:
    """Three processes with 2,100 concurrent reads all finish within minutes, and get a limited number of 429s.

    The bound: a 429 pauses all threads of its process, so each pause costs at most one 429 per thread. Pauses start at
    half a second and double, so there are about six pauses a minute, and at most seven. The 2,100 requests exhaust the
    quota twice. So there are at most 2 * 3 * 16 * 7 = 672 responses with 429.
    """
    clock = StagedClock()
    vendor = QuotaServer(clock)
    policy = RetryPolicy()
    bound = 2 * PROCESSES * THREADS * 7

    done = read_all(clock, vendor, SHARE, seed)

    record_property("429 responses", vendor.refused)
    record_property("virtual seconds", round(clock.now, 1))
    assert done == PROCESSES * READS
    assert bound == 672
    assert 0 < vendor.refused <= bound
    assert vendor.most == QUOTA
    # At least two windows must pass, and each may be exceeded by the longest pause.
    assert 2 * WINDOW_SECONDS < clock.now < 2 * (WINDOW_SECONDS + policy.rate_limited_cap)


def test_limits_within_the_quota_get_no_429() -> None:
    """If the stacks divide the quota with `requestsPerMinute`, no request gets a 429, and the reads take no longer."""
    clock = StagedClock()
    vendor = QuotaServer(clock)

    done = read_all(clock, vendor, QUOTA // PROCESSES, seed=0)

    assert done == PROCESSES * READS
    assert vendor.refused == 0
    assert vendor.most == QUOTA // PROCESSES * PROCESSES
    assert 2 * WINDOW_SECONDS < clock.now < 2 * WINDOW_SECONDS + 5.0
