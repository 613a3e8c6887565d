"""Size the thread pool of the SDK's dynamic host. No other module uses the pool's private attributes.

The host serves four calls at a time for every value of `--parallel`, and has no setting for it. This module raises that
to JUSTT_WORKERS (default 16), and adds one thread for each call that only waits. If the host's internals differ from
what this module expects, it changes nothing and the host keeps its four threads: calls take longer, and none is lost.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

__all__ = ["additional_worker", "set_max_workers"]

_resized: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()
_resized_lock = threading.Lock()


def set_max_workers(count: int) -> None:
    """Raise the maximum of the calling thread's pool to *count* threads, once for each pool; never lower it.

    It starts threads only for calls that are already queued, so a small stack has no more threads than calls.
    """
    pool = _own_pool()
    if pool is None:
        return
    with _resized_lock:
        if pool not in _resized:
            _resized.add(pool)
            _add_workers(pool, count - getattr(pool, "_max_workers", count), must_start=False)


@contextlib.contextmanager
def additional_worker() -> Iterator[None]:
    """Add one thread to the calling thread's pool within the `with` statement, for a call that only waits.

    The thread starts at once and serves other calls while the calling thread waits. Afterwards it stays in the pool.
    While the pool has more threads than its maximum, it starts no new ones.
    """
    pool = _own_pool()
    is_added = pool is not None and _add_workers(pool, 1, must_start=True)
    try:
        yield
    finally:
        if pool is not None and is_added:
            with pool._shutdown_lock:  # noqa: SLF001 - as in `_add_workers`
                pool._max_workers -= 1  # noqa: SLF001 - likewise


class _NeverIdle:
    """An idle semaphore that reports no idle threads, so the pool starts a thread for each call up to its maximum.

    The semaphore of the standard library is released when a call ends, even if its thread continues with a queued call.
    It then counts threads that are not idle, and the pool starts no new ones. Acquiring it first does not help: a call
    that ends releases it again before the new thread is started.
    """

    def acquire(self, *_args: object, **_kwargs: object) -> bool:
        """Return False: no thread is idle."""
        return False

    def release(self, *_args: object) -> None:
        """Do nothing."""


def _own_pool() -> ThreadPoolExecutor | None:
    """Return the calling thread's pool, or None if it has none."""
    arguments = getattr(threading.current_thread(), "_args", None)
    reference = arguments[0] if isinstance(arguments, tuple) and arguments else None
    pool = reference() if isinstance(reference, weakref.ref) else None
    return pool if isinstance(pool, ThreadPoolExecutor) else None


def _add_workers(pool: ThreadPoolExecutor, count: int, *, must_start: bool) -> bool:
    """Raise the maximum of *pool* by *count*, and start a thread for each queued call.

    Args:
        pool: The pool to change.
        count: The number of additional threads.
        must_start: Whether to start all *count* threads now. No thread is started beyond the pool's maximum.

    Returns:
        Whether the maximum was raised.
    """
    if count <= 0:
        return False
    try:
        with pool._shutdown_lock:  # noqa: SLF001 - `submit` starts threads under this lock
            if not isinstance(pool._idle_semaphore, _NeverIdle):  # noqa: SLF001 - no public name
                pool._idle_semaphore = _NeverIdle()  # type: ignore[assignment]  # noqa: SLF001 - no public name
            pool._max_workers += count  # noqa: SLF001 - no public name
            try:
                for _ in range(count if must_start else min(count, pool._work_queue.qsize())):  # noqa: SLF001
                    pool._adjust_thread_count()  # noqa: SLF001 - no public name; does nothing at the maximum
            except BaseException:
                pool._max_workers -= count  # noqa: SLF001 - no public name
                raise
    except Exception:  # noqa: BLE001 - other Python versions may differ, and a smaller pool works too
        return False
    return True
