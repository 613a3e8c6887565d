"""Several processes under one quota: each keeps to its own share, the sum does not, and all finish all the same.

Processes are threads with a client and a limiter of their own, before one vendor that counts its 1,000 requests a
minute and answers 429 beyond. Time is virtual: who sleeps is woken when nobody has anything to do before that.
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
    """Counts a minute's requests over all processes."""

    clock: StagedClock
    answered: deque[float] = field(default_factory=deque)
    refused: int = 0
    most: int = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        """Answer, or refuse beyond the quota."""
        self.clock.sleep(LATENCY)
        now = self.clock()
        while self.answered and now - self.answered[0] >= WINDOW_SECONDS:
            self.answered.popleft()
        if len(self.answered) >= QUOTA:
            self.refused += 1
            return httpx.Response(429, json={"message": "too many requests", "statusCode": 429})
        self.answered.append(now)
        self.most = max(self.most, len(self.answered))
        return httpx.Response(200, json={"integrationId": "int-1", "source": "stripe", "status": "SUCCESSFUL"})


def read_all(clock: StagedClock, vendor: QuotaServer, share: int, seed: int) -> int:
    """Let each process read as much as it wants within its share, and return how many reads were answered."""
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
def test_processes_share_the_vendor_s_quota(seed: int, record_property: Callable[[str, object], None]) -> None:
    """Three processes that want 2,100 reads at once all get them, within minutes, at a bounded number of 429s.

    The bound: a 429 pauses all threads of its process, so that a pause costs one 429 for each of them at most; pauses
    that double from half a second make about six in a minute, seven with bad luck; and the 2,100 requests exhaust the
    quota twice. So there are at most 2 * 3 * 16 * 7 = 672.
    """
    clock = StagedClock()
    vendor = QuotaServer(clock)
    policy = RetryPolicy()
    bound = 2 * PROCESSES * THREADS * 7

    done = read_all(clock, vendor, SHARE, seed)

    record_property("answers of 429", vendor.refused)
    record_property("virtual seconds", round(clock.now, 1))
    assert done == PROCESSES * READS
    assert bound == 672
    assert 0 < vendor.refused <= bound
    assert vendor.most == QUOTA
    # Two windows have to pass at least, and each may be overshot by the longest pause.
    assert 2 * WINDOW_SECONDS < clock.now < 2 * (WINDOW_SECONDS + policy.rate_limited_cap)


def test_shares_that_fit_into_the_quota_are_never_refused() -> None:
    """With `requestsPerMinute` divided among the stacks nobody sees a 429, and it takes no longer."""
    clock = StagedClock()
    vendor = QuotaServer(clock)

    done = read_all(clock, vendor, QUOTA // PROCESSES, seed=0)

    assert done == PROCESSES * READS
    assert vendor.refused == 0
    assert vendor.most == QUOTA // PROCESSES * PROCESSES
    assert 2 * WINDOW_SECONDS < clock.now < 2 * WINDOW_SECONDS + 5.0
