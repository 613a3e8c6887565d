"""The reach into the SDK host's thread pool: what it does there, and no harm where that looks different."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pulumi_justt import width
from pulumi_justt.width import extra_worker

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
        with extra_worker():
            begun.release()
            return end.wait(30)

    calls = [pool.submit(wait) for _ in range(count)]
    for _ in calls:
        assert begun.acquire(timeout=10)
    return calls


def test_waits_take_no_thread_from_the_rest(pool: ThreadPoolExecutor, end: threading.Event) -> None:
    """Many more waits than threads all begin, and as many calls as before are served beside them."""
    waits = waiting(pool, 20, end)
    together = threading.Barrier(WORKERS + 1)

    calls = [pool.submit(together.wait, 10) for _ in range(WORKERS)]
    together.wait(10)

    assert pool._max_workers == WORKERS + 20
    assert not any(wait.done() for wait in waits)
    end.set()
    assert [wait.result(30) for wait in waits] == [True] * 20
    assert sorted(call.result(30) for call in calls) != []
    assert pool._max_workers == WORKERS


def test_the_pool_is_narrow_again_after_an_error(pool: ThreadPoolExecutor) -> None:
    """A wait that fails gives back what it took."""

    def fail() -> None:
        with extra_worker():
            assert pool._max_workers == WORKERS + 1
            raise LookupError

    with pytest.raises(LookupError):
        pool.submit(fail).result(30)
    assert pool._max_workers == WORKERS


def test_a_thread_of_no_pool_is_left_alone() -> None:
    """Another host may serve its calls otherwise; arguments of another kind are nothing to reach through."""
    served: list[bool] = []

    def serve(*_: object) -> None:
        with extra_worker():
            served.append(True)

    for arguments in ((), ("text",), (lambda: None,)):
        thread = threading.Thread(target=serve, args=arguments)
        thread.start()
        thread.join()
    serve()

    assert served == [True] * 4


@pytest.mark.parametrize("missing", ["_max_workers", "_adjust_thread_count", "_shutdown_lock"])
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
        with extra_worker():
            return "served"

    with Different(WORKERS) as different:
        monkeypatch.setattr(width, "_own_pool", lambda: different)
        assert pool.submit(serve).result(30) == "served"
        assert different._max_workers == WORKERS


def test_a_thread_that_cannot_be_started_changes_nothing(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no more threads, the pool does not go on asking for one."""

    def serve() -> int:
        def refuse() -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(pool, "_adjust_thread_count", refuse)
        with extra_worker():
            return pool._max_workers

    assert pool.submit(serve).result(30) == WORKERS
    assert pool._max_workers == WORKERS
