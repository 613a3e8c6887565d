"""Provide a read-write lock, which the standard library does not have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ReadWriteLock"]


class ReadWriteLock:
    """Admits many shared holders or one exclusive holder.

    While a thread waits for exclusive access, no other shared holder is admitted. With `announce`, the exclusive holder
    reserves access for a number of shared holders. The lock admits these even while a thread waits for exclusive
    access, and before the next exclusive holder, so they run together.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders = 0
        self._waiting = 0
        self._announced = 0
        self._is_exclusive = False

    @contextmanager
    def shared(self, *, is_announced: bool = False) -> Iterator[None]:
        """Hold the lock within the `with` statement, concurrently with other shared holders.

        Args:
            is_announced: Whether an exclusive holder has announced this one. Each announced holder must call this
                exactly once.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._is_exclusive and (is_announced or not self._waiting))
            self._holders += 1
            self._announced -= is_announced
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self, unless: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Hold the lock alone within the `with` statement.

        Args:
            unless: Returns whether the lock is no longer needed. If so, the wait ends without the lock.

        Yields:
            Whether the lock is held.
        """
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: unless() or not (self._is_exclusive or self._holders or self._announced))
            self._waiting -= 1
            is_held = not unless()
            self._is_exclusive = self._is_exclusive or is_held
            self._changed.notify_all()
        try:
            yield is_held
        finally:
            if is_held:
                with self._changed:
                    self._is_exclusive = False
                    self._changed.notify_all()

    def announce(self, holders: int) -> None:
        """Announce this number of shared holders; only the exclusive holder may call this."""
        with self._changed:
            self._announced += holders
