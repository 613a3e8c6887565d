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
    """The limiter's window is a minute, because Justt counts its 1,000 requests per minute."""
    assert WINDOW_SECONDS == 60.0


def test_no_wait_below_the_limit() -> None:
    """If no more requests arrive than the limit allows, none of them waits."""
    limiter, moment = limiter_of(950)

    assert [limiter.acquire() for _ in range(950)] == [0.0] * 950
    assert moment.slept == []


def test_request_above_the_limit_waits_for_the_oldest_to_expire() -> None:
    """If the limit is used up, `acquire` waits until the oldest request is a minute old, and returns the wait."""
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
    """If a caller's turn comes after its deadline, `acquire` raises TimeoutError at once and uses up no request."""
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
    """If the limit is used up late in one minute, a request early in the next minute still waits."""
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
    """Whenever requests arrive, no 60 seconds have more grants than the limit."""
    limiter, moment = limiter_of(per_minute)
    grants: list[float] = []
    for gap in gaps:
        moment.now += gap
        limiter.acquire()
        grants.append(moment.now)

    assert most_in_a_window(grants) <= per_minute


@given(per_minute=st.integers(1, 8), gaps=ARRIVALS)
def test_no_request_waits_longer_than_needed(per_minute: int, gaps: list[float]) -> None:
    """Whenever requests arrive, each one is granted at once, or as soon as the window has room."""
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
    """During a pause, requests wait even if the limit is not used up. After the pause, they are granted at once."""
    limiter, moment = limiter_of(100)
    limiter.pause(5.0)

    assert limiter.acquire() == 5.0
    assert limiter.acquire() == 0.0
    assert moment.now == 5.0


def test_longest_pause_counts() -> None:
    """If a shorter pause starts during a longer one, the longer pause ends at the same time as before."""
    limiter, moment = limiter_of(100)
    limiter.pause(30.0)
    moment.now = 10.0
    limiter.pause(5.0)

    assert limiter.acquire() == 20.0


def test_pause_during_a_wait_is_observed() -> None:
    """If a pause starts while a caller waits for the window, the caller also waits for the pause."""
    moment = Clock()

    def sleep(seconds: float) -> None:
        if not moment.slept:
            limiter.pause(100.0)
        moment.sleep(seconds)

    limiter = RateLimiter(1, clock=moment, sleep=sleep)
    limiter.acquire()

    assert limiter.acquire() == 100.0


def test_pause_and_window_do_not_add_up() -> None:
    """If a caller has to wait for the window and for a pause, it waits for the later of the two ends."""
    limiter, moment = limiter_of(1)
    limiter.acquire()
    limiter.pause(20.0)
    assert limiter.acquire() == 60.0
    limiter.pause(90.0)

    assert limiter.acquire() == 90.0
    assert moment.now == 150.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_pause_of_no_length_has_no_effect(seconds: float) -> None:
    """If a pause has a length of zero or less, the next request does not wait."""
    limiter, _ = limiter_of(1)
    limiter.pause(seconds)

    assert limiter.acquire() == 0.0


def test_threads_share_one_window() -> None:
    """If eight threads share a limiter, each gets all its grants, and together they keep to the limit."""
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
    """If twelve threads ask a limiter of seven at once, seven are granted and five wait for the next window."""
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
    """If one thread starts a pause, another thread's request waits for it, too."""
    limiter, _ = limiter_of(100)
    pausing = threading.Thread(target=limiter.pause, args=(12.0,))
    pausing.start()
    pausing.join()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(limiter.acquire).result() == 12.0


def test_default_clock_is_monotonic() -> None:
    """By default the limiter uses the monotonic clock, because the system time may change."""
    defaults = {name: each.default for name, each in inspect.signature(RateLimiter).parameters.items()}

    assert defaults["clock"] is time.monotonic
    assert defaults["sleep"] is time.sleep
