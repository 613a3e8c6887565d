"""The rate limiter: never above its limit in any 60 seconds, no slower than that, and one pause for all threads."""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_justt.api.rate_limit import WINDOW_SECONDS, RateLimiter
from support.clock import Clock
from support.harness import HANG_SECONDS

TICK = 1 / 64
"""Times are multiples of this, so that sums and differences of them are exact."""


def limiter_of(per_minute: int) -> tuple[RateLimiter, Clock]:
    """Return a limiter and its virtual clock."""
    moment = Clock()
    return RateLimiter(per_minute, clock=moment, sleep=moment.sleep), moment


def most_in_a_window(grants: list[float]) -> int:
    """Return the number of grants in the fullest 60 seconds."""
    return max(sum(start <= grant < start + WINDOW_SECONDS for grant in grants) for start in grants)


def test_window_is_one_minute() -> None:
    """Justt counts its 1,000 requests per minute."""
    assert WINDOW_SECONDS == 60.0


def test_no_wait_below_the_limit() -> None:
    """As many requests as allowed are sent at once."""
    limiter, moment = limiter_of(950)

    assert [limiter.acquire() for _ in range(950)] == [0.0] * 950
    assert moment.slept == []


def test_request_above_the_limit_waits_for_the_oldest_to_expire() -> None:
    """The wait is as short as the window allows, and its length is returned."""
    limiter, moment = limiter_of(2)
    limiter.acquire()
    moment.now = 10.0
    limiter.acquire()
    moment.now = 25.0

    assert limiter.acquire() == 35.0
    assert moment.now == 60.0
    assert limiter.acquire() == 10.0
    assert moment.now == 70.0


@pytest.mark.parametrize("within", [0.0, -1.0, 20.0, 35.0])
def test_caller_without_time_does_not_wait(within: float) -> None:
    """A caller whose deadline is before its turn gets a TimeoutError at once, and uses no request of the limit."""
    limiter, moment = limiter_of(2)
    limiter.acquire()
    moment.now = 25.0
    if within > 0:
        limiter.acquire()

    with pytest.raises(TimeoutError):
        limiter.acquire(within=within)

    assert moment.slept == []
    assert limiter.acquire(within=35.5) == (35.0 if within > 0 else 0.0)


def test_limit_holds_across_minutes() -> None:
    """A full limit used late in one minute leaves nothing for the start of the next."""
    limiter, moment = limiter_of(3)
    moment.now = 59.0
    for _ in range(3):
        limiter.acquire()
    moment.now = 60.0

    limiter.acquire()

    assert moment.now == 119.0


ARRIVALS = st.lists(st.integers(0, 40 * 64).map(lambda ticks: ticks * TICK), min_size=1, max_size=60)


@given(per_minute=st.integers(1, 8), gaps=ARRIVALS)
@example(per_minute=1, gaps=[0.0] * 5)
@example(per_minute=3, gaps=[59.0, 0.0, 0.0, 1.0, 0.0])
def test_no_window_holds_more_than_the_limit(per_minute: int, gaps: list[float]) -> None:
    """With any arrival times, no 60 seconds have more grants than allowed."""
    limiter, moment = limiter_of(per_minute)
    grants: list[float] = []
    for gap in gaps:
        moment.now += gap
        limiter.acquire()
        grants.append(moment.now)

    assert most_in_a_window(grants) <= per_minute


@given(per_minute=st.integers(1, 8), gaps=ARRIVALS)
def test_no_request_waits_longer_than_needed(per_minute: int, gaps: list[float]) -> None:
    """Each request is granted on arrival, or as soon as the window has room."""
    limiter, moment = limiter_of(per_minute)
    grants: list[float] = []
    for gap in gaps:
        moment.now += gap
        came = moment.now
        took = limiter.acquire()
        room = grants[-per_minute] + WINDOW_SECONDS if len(grants) >= per_minute else came
        grants.append(moment.now)
        assert max(came, room) == moment.now
        assert took == moment.now - came


def test_pause_holds_all_requests() -> None:
    """During a pause no request is granted, however much of the limit is left. After the pause, all are granted."""
    limiter, moment = limiter_of(100)
    limiter.pause(5.0)

    assert limiter.acquire() == 5.0
    assert limiter.acquire() == 0.0
    assert moment.now == 5.0


def test_longest_pause_counts() -> None:
    """A shorter pause during a longer one neither shortens it nor adds to it."""
    limiter, moment = limiter_of(100)
    limiter.pause(30.0)
    moment.now = 10.0
    limiter.pause(5.0)

    assert limiter.acquire() == 20.0


def test_pause_during_a_wait_is_observed() -> None:
    """A caller that waits for the window also waits for a pause that starts meanwhile."""
    moment = Clock()

    def sleep(seconds: float) -> None:
        if not moment.slept:
            limiter.pause(100.0)
        moment.sleep(seconds)

    limiter = RateLimiter(1, clock=moment, sleep=sleep)
    limiter.acquire()

    assert limiter.acquire() == 100.0


def test_pause_and_window_do_not_add_up() -> None:
    """If both apply, the longer wait counts."""
    limiter, moment = limiter_of(1)
    limiter.acquire()
    limiter.pause(20.0)
    assert limiter.acquire() == 60.0
    limiter.pause(90.0)

    assert limiter.acquire() == 90.0
    assert moment.now == 150.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_pause_of_no_length_has_no_effect(seconds: float) -> None:
    """A pause of zero or negative length changes nothing."""
    limiter, _ = limiter_of(1)
    limiter.pause(seconds)

    assert limiter.acquire() == 0.0


def test_threads_share_one_window() -> None:
    """All threads share one limit, and no grant is lost or given twice."""
    limiter, moment = limiter_of(10)
    started = threading.Barrier(8)

    def draw(_: int) -> list[float]:
        started.wait()
        return [limiter.acquire() for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        waits = [wait for drawn in pool.map(draw, range(8)) for wait in drawn]

    assert len(waits) == 40
    # 40 requests at 10 a minute need three more windows. Parallel sleepers may advance this clock further, never less.
    assert moment.now >= 180.0
    assert sum(wait == 0.0 for wait in waits) >= 10


def test_threads_never_exceed_the_limit() -> None:
    """Within one window, all threads together get exactly the limit."""
    moment = Clock()
    refused = threading.Semaphore(0)
    release = threading.Event()

    def sleep(seconds: float) -> None:
        refused.release()
        assert release.wait(HANG_SECONDS)
        moment.sleep(seconds)

    limiter = RateLimiter(7, clock=moment, sleep=sleep)
    with ThreadPoolExecutor(16) as pool:
        drawn = [pool.submit(limiter.acquire) for _ in range(12)]
        blocked = [refused.acquire(timeout=HANG_SECONDS) for _ in range(5)]
        granted = len(limiter._granted)
        release.set()
        waits = [future.result() for future in drawn]

    assert blocked == [True] * 5
    assert granted == 7
    assert sum(wait >= WINDOW_SECONDS for wait in waits) == 5


def test_pause_applies_to_threads_without_a_429() -> None:
    """A pause that one thread requests also delays another thread's request."""
    limiter, _ = limiter_of(100)
    pausing = threading.Thread(target=limiter.pause, args=(12.0,))
    pausing.start()
    pausing.join()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(limiter.acquire).result() == 12.0


def test_default_clock_is_monotonic() -> None:
    """Without injection the limiter uses the monotonic clock, which changes of the system time don't affect."""
    defaults = {name: each.default for name, each in inspect.signature(RateLimiter).parameters.items()}

    assert defaults["clock"] is time.monotonic
    assert defaults["sleep"] is time.sleep
