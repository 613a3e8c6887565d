"""How many calls the SDK's host serves at a time. It owns the reach into that host's thread pool, which is private.

The host has four threads, whatever `--parallel` says, and offers no way to ask for more. It gets as many as
JUSTT_WORKERS says, sixteen by default, and one more for each call that only waits. Whatever is not as expected here
leaves it as it is: calls are then served later, and none is lost.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

__all__ = ["extra_worker", "widen"]

_widened: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()
_widened_lock = threading.Lock()


def widen(workers: int) -> None:
    """Let the pool of the calling thread have as many threads as *workers* says, if it has fewer; once for each pool.

    They are started as calls come in, so that a small stack has no more of them than before.
    """
    pool = _own_pool()
    if pool is None:
        return
    with _widened_lock:
        if pool not in _widened:
            _widened.add(pool)
            _grow(pool, workers - getattr(pool, "_max_workers", workers))


@contextlib.contextmanager
def extra_worker() -> Iterator[None]:
    """Let the pool of the calling thread have one more thread within the `with` statement, for a call that only waits.

    A thread that was started stays, and serves whatever comes next; the pool only starts no more than it is allowed.
    """
    pool = _own_pool()
    is_wider = pool is not None and _grow(pool, 1)
    try:
        yield
    finally:
        if pool is not None and is_wider:
            with pool._shutdown_lock:  # noqa: SLF001 - as in `_grow`
                pool._max_workers -= 1  # noqa: SLF001 - likewise


def _own_pool() -> ThreadPoolExecutor | None:
    """Return the pool that the calling thread belongs to."""
    arguments = getattr(threading.current_thread(), "_args", None)
    reference = arguments[0] if isinstance(arguments, tuple) and arguments else None
    pool = reference() if isinstance(reference, weakref.ref) else None
    return pool if isinstance(pool, ThreadPoolExecutor) else None


def _grow(pool: ThreadPoolExecutor, threads: int) -> bool:
    """Allow *pool* more *threads*, and return whether that could be done."""
    if threads <= 0:
        return False
    try:
        with pool._shutdown_lock:  # noqa: SLF001 - `submit` starts threads under it
            pool._max_workers += threads  # noqa: SLF001 - no public name
            try:
                # Calls that are queued already would wait for the next one to come.
                for _ in range(min(threads, pool._work_queue.qsize())):  # noqa: SLF001 - no public name
                    pool._adjust_thread_count()  # noqa: SLF001 - no public name
            except BaseException:
                pool._max_workers -= threads  # noqa: SLF001 - no public name
                raise
    except Exception:  # noqa: BLE001 - what another Python has here cannot be known, and a narrow pool works too
        return False
    return True
