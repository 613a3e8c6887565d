"""A rate limiter in virtual time."""

from __future__ import annotations

import threading


class Time:
    """A clock that only sleeping and the test move; safe for threads."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Give the present moment."""
        with self._lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds
