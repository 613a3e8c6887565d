"""The size of the SDK host's thread pool; nothing breaks where the pool's internals differ."""

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
    """Give a pool like the host's."""
    with ThreadPoolExecutor(WORKERS) as running:
        yield running


@pytest.fixture
def end(pool: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """Give what ends the waits in the pool, at the latest before it is closed."""
    assert pool._max_workers == WORKERS
    event = threading.Event()
    yield event
    event.set()


def waiting(pool: ThreadPoolExecutor, count: int, end: threading.Event) -> list[Future[bool]]:
    """Submit calls that wait beside the pool's work, and return when all of them do."""
    begun = threading.Semaphore(0)

    def wait() -> bool:
        with additional_worker():
            begun.release()
            return end.wait(HANG_SECONDS)

    calls = [pool.submit(wait) for _ in range(count)]
    for _ in calls:
        assert begun.acquire(timeout=HANG_SECONDS)
    return calls


def test_waits_take_no_thread_from_the_rest(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """Many more waits than threads all begin, and as many calls as before are served beside them."""
    waits = waiting(pool, 20, end)
    together = threading.Barrier(WORKERS + 1)

    calls = [pool.submit(together.wait, HANG_SECONDS) for _ in range(WORKERS)]
    own = together.wait(HANG_SECONDS)

    assert pool._max_workers == WORKERS + 20
    assert not any(wait.done() for wait in waits)
    end.set()
    assert [wait.result(HANG_SECONDS) for wait in waits] == [True] * 20
    # A barrier gives each party a number of its own.
    assert {own, *(call.result(HANG_SECONDS) for call in calls)} == set(range(WORKERS + 1))
    assert pool._max_workers == WORKERS


def test_waits_starve_no_call_after_a_queue(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """Each wait starts a thread, although the idle semaphore counts threads that are not idle.

    Before Python 3.12, each call that was queued leaves it too high by one.
    """
    pool.submit(pool._idle_semaphore.release, 50).result(HANG_SECONDS)

    waits = waiting(pool, 20, end)

    assert pool.submit(str).result(HANG_SECONDS) == ""
    assert not any(wait.done() for wait in waits)
    # At most one thread for each wait.
    assert len(pool._threads) <= WORKERS + 20
    end.set()


def test_a_call_that_ends_meanwhile_is_not_taken_for_an_idle_thread(
    pool: ThreadPoolExecutor, end: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait starts a thread, even if another thread ends its call just before."""
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
    """The pool starts the threads that it is allowed, although the idle semaphore counts too many."""
    pool.submit(pool._idle_semaphore.release, 50).result(HANG_SECONDS)
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)

    assert served_together(pool, 8)


def test_later_waits_reuse_the_threads_of_earlier_ones(pool: ThreadPoolExecutor) -> None:
    """An additional thread stays, so the next wait of the process starts none."""
    for _ in range(3):
        end = threading.Event()
        waits = waiting(pool, 5, end)
        end.set()
        assert [wait.result(HANG_SECONDS) for wait in waits] == [True] * 5

    assert len(pool._threads) <= WORKERS + 5


def test_the_pool_is_narrow_again_after_an_error(pool: ThreadPoolExecutor) -> None:
    """A wait that fails gives back what it took."""

    def fail() -> None:
        with additional_worker():
            assert pool._max_workers == WORKERS + 1
            raise LookupError

    with pytest.raises(LookupError):
        pool.submit(fail).result(HANG_SECONDS)
    assert pool._max_workers == WORKERS


def test_a_thread_of_no_pool_is_left_alone() -> None:
    """Another host may serve its calls otherwise; arguments of another kind are nothing to reach through."""
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
def test_a_pool_that_looks_different_is_left_alone(
    pool: ThreadPoolExecutor, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is served as it would be without us."""

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
    """Where the system gives no more threads, the pool does not go on asking for one."""

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
    """Return whether as many calls as *count* are served at a time."""
    together = threading.Barrier(count)

    def serve() -> bool:
        try:
            together.wait(2 if count > WORKERS else HANG_SECONDS)
        except threading.BrokenBarrierError:
            return False
        return True

    calls = [pool.submit(serve) for _ in range(count)]
    return all(call.result(HANG_SECONDS) for call in calls)


def test_calls_that_are_queued_already_are_served(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """Whoever asks for more threads may be the last call for a while."""
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


def test_a_pool_is_widened_once(pool: ThreadPoolExecutor) -> None:
    """Many resources ask for it, and it stays as wide as it was asked for first, beside what only waits."""
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)
    pool.submit(set_max_workers, 16).result(HANG_SECONDS)

    assert served_together(pool, 8)
    assert not served_together(pool, 9)
    assert pool._max_workers == 8


def test_a_pool_is_never_made_narrower(pool: ThreadPoolExecutor) -> None:
    """With JUSTT_WORKERS=4 the host is left as it is."""
    pool.submit(set_max_workers, 1).result(HANG_SECONDS)

    assert pool._max_workers == WORKERS


def test_a_wait_that_began_before_gives_back_its_own_thread_only(
    pool: ThreadPoolExecutor, end: threading.Event
) -> None:
    """Widths add up, in whatever order they come and go."""
    (wait,) = waiting(pool, 1, end)
    pool.submit(set_max_workers, 8).result(HANG_SECONDS)
    width_meanwhile = pool._max_workers
    end.set()
    wait.result(HANG_SECONDS)

    assert (width_meanwhile, pool._max_workers) == (8, 7)


def test_every_python_of_this_machine() -> None:
    """What is private in the standard library may differ from version to version; it is as wide as it says in each."""
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
