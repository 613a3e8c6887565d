"""The thread pool of the SDK host: its size, and that nothing changes if the internals of the pool differ."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pulumi_justt import thread_pool
from pulumi_justt.thread_pool import additional_worker, set_max_workers
from support.harness import HANG_SECONDS
from this_machine import interpreters

WORKERS = 2


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Return a thread pool like the host's, but with two threads."""
    with ThreadPoolExecutor(WORKERS) as running:
        yield running


@pytest.fixture
def end(pool: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """Return an event that ends all waits in the pool, and set it before the pool is closed."""
    assert pool._max_workers == WORKERS
    event = threading.Event()
    yield event
    event.set()


def waiting(pool: ThreadPoolExecutor, count: int, end: threading.Event) -> list[Future[bool]]:
    """Submit calls that wait with an additional worker, and return when all of them are waiting."""
    begun = threading.Semaphore(0)

    def wait() -> bool:
        with additional_worker():
            begun.release()
            return end.wait(HANG_SECONDS)

    calls = [pool.submit(wait) for _ in range(count)]
    for _ in calls:
        assert begun.acquire(timeout=HANG_SECONDS)
    return calls


def test_waits_take_no_thread_from_other_calls(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """While 20 waits run in a pool of two threads, the pool still serves two other calls at the same time."""
    waits = waiting(pool, 20, end)
    together = threading.Barrier(WORKERS + 1)

    calls = [pool.submit(together.wait, HANG_SECONDS) for _ in range(WORKERS)]
    own = together.wait(HANG_SECONDS)

    assert pool._max_workers == WORKERS + 20
    assert not any(wait.done() for wait in waits)
    end.set()
    assert [wait.result(HANG_SECONDS) for wait in waits] == [True] * 20
    # The barrier gives each thread its own number.
    assert {own, *(call.result(HANG_SECONDS) for call in calls)} == set(range(WORKERS + 1))
    assert pool._max_workers == WORKERS


def test_waits_starve_no_call_after_a_queue(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """Each wait starts a thread, although the pool's idle semaphore is too high.

    Before Python 3.12, each queued call leaves the semaphore too high by one.
    """
    pool.submit(pool._idle_semaphore.release, 50).result(HANG_SECONDS)

    waits = waiting(pool, 20, end)

    assert pool.submit(str).result(HANG_SECONDS) == ""
    assert not any(wait.done() for wait in waits)
    # At most one thread for each wait.
    assert len(pool._threads) <= WORKERS + 20
    end.set()


def test_a_call_that_ends_meanwhile_does_not_count_as_idle(
    pool: ThreadPoolExecutor, end: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait starts a thread, even if another thread ends its call just before.

    The pool doesn't count that thread as idle.
    """
    start = pool._adjust_thread_count

    def start_after_a_call_ended() -> None:
        pool._idle_semaphore.release()
        start()

    pool.submit(str).result(HANG_SECONDS)
    monkeypatch.setattr(pool, "_adjust_thread_count", start_after_a_call_ended)
    waiting(pool, 20, end)

    assert pool.submit(str).result(HANG_SECONDS) == ""
    end.set()


def test_more_workers_are_started_after_a_queue(pool: ThreadPoolExecutor) -> None:
    """After `set_max_workers(8)`, the pool serves eight calls at once, although its idle semaphore is too high."""
    pool.submit(pool._idle_semaphore.release, 50).result(HANG_SECONDS)
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)

    assert served_together(pool, 8)


def test_later_waits_reuse_the_threads_of_earlier_ones(pool: ThreadPoolExecutor) -> None:
    """The pool keeps the threads of ended waits, so later waits start no more threads."""
    for _ in range(3):
        end = threading.Event()
        waits = waiting(pool, 5, end)
        end.set()
        assert [wait.result(HANG_SECONDS) for wait in waits] == [True] * 5

    assert len(pool._threads) <= WORKERS + 5


def test_an_error_restores_the_pool_size(pool: ThreadPoolExecutor) -> None:
    """When a wait fails, the pool has its earlier size again."""

    def fail() -> None:
        with additional_worker():
            assert pool._max_workers == WORKERS + 1
            raise LookupError

    with pytest.raises(LookupError):
        pool.submit(fail).result(HANG_SECONDS)
    assert pool._max_workers == WORKERS


def test_a_thread_outside_of_a_pool_changes_nothing() -> None:
    """`additional_worker` has no effect in a thread that doesn't belong to a pool, and the call is served."""
    served: list[bool] = []

    def serve(*_: object) -> None:
        with additional_worker():
            served.append(True)

    for arguments in ((), ("text",), (lambda: None,)):
        thread = threading.Thread(target=serve, args=arguments)
        thread.start()
        thread.join()
    serve()

    assert served == [True] * 4


@pytest.mark.parametrize("missing", ["_max_workers", "_idle_semaphore", "_adjust_thread_count", "_shutdown_lock"])
def test_a_pool_with_other_internals_is_not_changed(
    pool: ThreadPoolExecutor, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the pool lacks an internal attribute, `additional_worker` changes nothing and the call is served."""

    class Different(ThreadPoolExecutor):
        def __getattribute__(self, name: str) -> object:
            if name == missing and threading.current_thread() is not threading.main_thread():
                raise AttributeError(name)
            return super().__getattribute__(name)

    def serve() -> str:
        with additional_worker():
            return "served"

    with Different(WORKERS) as different:
        monkeypatch.setattr(thread_pool, "_own_pool", lambda: different)
        assert pool.submit(serve).result(HANG_SECONDS) == "served"
        assert different._max_workers == WORKERS


def test_a_thread_that_cannot_be_started_changes_nothing(
    pool: ThreadPoolExecutor, end: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the system allows no more threads, the call is served and the pool keeps its size."""

    def serve() -> int:
        for _ in range(WORKERS):
            pool.submit(end.wait, HANG_SECONDS)

        def refuse() -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(pool, "_adjust_thread_count", refuse)
        with additional_worker():
            return pool._max_workers

    assert pool.submit(serve).result(HANG_SECONDS) == WORKERS
    assert pool._max_workers == WORKERS
    end.set()


def served_together(pool: ThreadPoolExecutor, count: int) -> bool:
    """Return whether the pool serves *count* calls at the same time."""
    together = threading.Barrier(count)

    def serve() -> bool:
        try:
            together.wait(2 if count > WORKERS else HANG_SECONDS)
        except threading.BrokenBarrierError:
            return False
        return True

    calls = [pool.submit(serve) for _ in range(count)]
    return all(call.result(HANG_SECONDS) for call in calls)


def test_queued_calls_are_served_after_widening(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """`set_max_workers` also starts threads for calls that are queued already.

    There may be no later call that would start them.
    """
    begun = threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        end.wait(HANG_SECONDS)

    def serve() -> None:
        for _ in range(8):
            pool.submit(wait)
        set_max_workers(16)
        end.wait(HANG_SECONDS)

    pool.submit(serve)

    assert all(begun.acquire(timeout=HANG_SECONDS) for _ in range(8))
    end.set()


def test_the_first_requested_size_stays(pool: ThreadPoolExecutor) -> None:
    """If several resources request different sizes, the pool keeps the first requested size."""
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)
    pool.submit(set_max_workers, 16).result(HANG_SECONDS)

    assert served_together(pool, 8)
    assert not served_together(pool, 9)
    assert pool._max_workers == 8


def test_a_pool_never_shrinks(pool: ThreadPoolExecutor) -> None:
    """`set_max_workers` with fewer workers than the pool has, as with JUSTT_WORKERS=1, doesn't change the pool."""
    pool.submit(set_max_workers, 1).result(HANG_SECONDS)

    assert pool._max_workers == WORKERS


def test_an_earlier_wait_gives_back_only_its_own_thread(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """If `set_max_workers(8)` is called during a wait, the pool has seven workers after the wait."""
    (wait,) = waiting(pool, 1, end)
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)
    width_meanwhile = pool._max_workers
    end.set()
    wait.result(HANG_SECONDS)

    assert (width_meanwhile, pool._max_workers) == (8, 7)


@pytest.mark.slow
def test_thread_pool_works_in_every_installed_python() -> None:
    """In each installed Python, the pool serves 20 waits and ten other calls at once, and then has the requested size.

    The pool's internals may differ between versions of Python.
    """
    program = f"""
import importlib.util, sys, threading
from concurrent.futures import ThreadPoolExecutor
spec = importlib.util.spec_from_file_location("thread_pool", {thread_pool.__file__!r})
thread_pool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(thread_pool)
pool = ThreadPoolExecutor(4)
pool.submit(pool._idle_semaphore.release, 50).result()
pool.submit(thread_pool.set_max_workers, 16).result()
together = threading.Barrier(31)

def wait():
    with thread_pool.additional_worker():
        together.wait(600)

calls = [pool.submit(wait) for _ in range(20)] + [pool.submit(together.wait, 600) for _ in range(10)]
together.wait(600)
for call in calls:
    call.result()
print(*sys.version_info[:2], pool._max_workers)
"""
    pythons = dict(interpreters([(3, minor) for minor in range(10, 16)]))
    printed = {}
    for version, python in pythons.items():
        command = [python, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        printed[version] = (done.returncode, done.stdout.split(), done.stderr)

    assert sys.version_info[:2] in printed
    assert printed == {version: (0, [*map(str, version), "16"], "") for version in pythons}
