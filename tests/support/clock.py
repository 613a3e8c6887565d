"""A virtual clock for all tests that inject one."""

from __future__ import annotations

import threading

__all__ = ["Clock"]


class Clock:
    """A thread-safe clock that advances only when code sleeps or the test moves it.

    Args:
        now: The initial time, in seconds.

    Attributes:
        now: The current time, in seconds.
        slept: The length of each sleep so far, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the current time."""
        with self._lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the time by *seconds*."""
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds
