"""A rate limiter for the client's share of Justt's quota: at most a given number of requests in any 60 seconds.

Justt counts requests and answers 429 beyond 1,000 a minute. This limiter is a sliding window, not a token bucket: below
the limit it delays no request, and no interval of 60 seconds has more requests than the limit. It is independent of
HTTP. All threads of a process that use one key at one URL share one limiter. Processes share none.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from pulumi_justt.log import SILENT, Log

__all__ = ["DEFAULT_PER_MINUTE", "WINDOW_SECONDS", "RateLimiter"]

WINDOW_SECONDS = 60.0

DEFAULT_PER_MINUTE = 950
"""The default limit in any 60 seconds, which leaves some of Justt's 1,000 requests to other clients."""

_NOTICEABLE_SECONDS = 5.0


class RateLimiter:
    """A sliding window over the last 60 seconds, with a pause that applies to all threads.

    Args:
        per_minute: Requests allowed in any 60 seconds.
        clock: Returns monotonic seconds.
        sleep: Blocks the calling thread for a number of seconds.
        log: Shows a note if a wait is long enough to be noticed.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        log: Log = SILENT,
    ) -> None:
        self._log = log
        self._noted_until = float("-inf")
        self._per_minute = per_minute
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._granted: deque[float] = deque()
        self._paused_until = float("-inf")

    def acquire(self, within: float = math.inf) -> float:
        """Block until one more request may be sent, and return the seconds that this took.

        Args:
            within: The longest acceptable wait, in seconds.

        Raises:
            TimeoutError: The wait would exceed *within*. It is raised as soon as this is known.
        """
        started = self._clock()
        if within <= 0:
            raise TimeoutError
        while (wait := self._try_acquire()) > 0:
            if self._clock() + wait >= started + within:
                raise TimeoutError
            self._explain(wait)
            self._sleep(wait)
        return self._clock() - started

    def pause(self, seconds: float) -> None:
        """Pause all requests for *seconds* from now, because the quota, which other clients share, is used up."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _explain(self, wait: float) -> None:
        """Show a note about a long wait.

        Warns:
            note: The share of the quota is used up, or Justt answered 429.
        """
        with self._lock:
            now = self._clock()
            if wait < _NOTICEABLE_SECONDS or now < self._noted_until:
                return
            self._noted_until = now + wait
        self._log.info(f"all requests wait {wait:.0f} s for Justt's rate limit.", is_urgent=True)

    def _try_acquire(self) -> float:
        with self._lock:
            now = self._clock()
            while self._granted and now - self._granted[0] >= WINDOW_SECONDS:
                self._granted.popleft()
            wait = self._paused_until - now
            if len(self._granted) >= self._per_minute:
                wait = max(wait, WINDOW_SECONDS - (now - self._granted[0]))
            if wait <= 0:
                self._granted.append(now)
            return wait
