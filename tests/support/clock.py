"""Virtual time, for all tests that inject a clock."""

from __future__ import annotations

import threading

__all__ = ["Clock"]


class Clock:
    """A clock that only sleeping and the test move; safe for threads.

    Args:
        now: The moment at which it starts, in seconds.

    Attributes:
        now: The present moment.
        slept: How long each sleep so far took.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the present moment."""
        with self._lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds
