"""The reach into the SDK host's thread pool: what it does there, and no harm where that looks different."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from harness import HANG_SECONDS
from pulumi_justt import width
from pulumi_justt.width import extra_worker, widen
from wheel import interpreters

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
    together.wait(HANG_SECONDS)

    assert pool._max_workers == WORKERS + 20
    assert not any(wait.done() for wait in waits)
    end.set()
    assert [wait.result(HANG_SECONDS) for wait in waits] == [True] * 20
    assert sorted(call.result(HANG_SECONDS) for call in calls) != []
    assert pool._max_workers == WORKERS


def test_the_pool_is_narrow_again_after_an_error(pool: ThreadPoolExecutor) -> None:
    """A wait that fails gives back what it took."""

    def fail() -> None:
        with extra_worker():
            assert pool._max_workers == WORKERS + 1
            raise LookupError

    with pytest.raises(LookupError):
        pool.submit(fail).result(HANG_SECONDS)
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


@pytest.mark.parametrize("missing", ["_max_workers", "_work_queue", "_shutdown_lock"])
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
        with extra_worker():
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
        widen(16)
        end.wait(HANG_SECONDS)

    pool.submit(serve)

    assert all(begun.acquire(timeout=HANG_SECONDS) for _ in range(8))
    end.set()


def test_a_pool_is_widened_once(pool: ThreadPoolExecutor) -> None:
    """Many resources ask for it, and it stays as wide as it was asked for first, beside what only waits."""
    pool.submit(widen, 8).result(HANG_SECONDS)
    pool.submit(widen, 16).result(HANG_SECONDS)

    assert served_together(pool, 8)
    assert not served_together(pool, 9)
    assert pool._max_workers == 8


def test_a_pool_is_never_made_narrower(pool: ThreadPoolExecutor) -> None:
    """With JUSTT_WORKERS=4 the host is left as it is."""
    pool.submit(widen, 1).result(HANG_SECONDS)

    assert pool._max_workers == WORKERS


def test_a_wait_that_began_before_gives_back_its_own_thread_only(
    pool: ThreadPoolExecutor, end: threading.Event
) -> None:
    """Widths add up, in whatever order they come and go."""
    (wait,) = waiting(pool, 1, end)
    pool.submit(widen, 8).result(HANG_SECONDS)
    width_meanwhile = pool._max_workers
    end.set()
    wait.result(HANG_SECONDS)

    assert (width_meanwhile, pool._max_workers) == (8, 7)


@pytest.mark.parametrize(
    ("version", "python"),
    {version: (version, python) for version, python in interpreters([(3, n) for n in range(10, 16)])}.values(),
    ids=str,
)
def test_every_python_of_this_machine(version: tuple[int, int], python: str) -> None:
    """What is private in the standard library may differ from version to version; it is as wide as it says in each."""
    program = f"""
import importlib.util, sys, threading
from concurrent.futures import ThreadPoolExecutor
spec = importlib.util.spec_from_file_location("width", {width.__file__!r})
width = importlib.util.module_from_spec(spec)
spec.loader.exec_module(width)
pool = ThreadPoolExecutor(4)
pool.submit(width.widen, 16).result()
together = threading.Barrier(17)

def wait():
    with width.extra_worker():
        together.wait(600)

calls = [pool.submit(wait)] + [pool.submit(together.wait, 600) for _ in range(15)]
together.wait(600)
for call in calls:
    call.result()
print(*sys.version_info[:2], pool._max_workers)
"""
    done = subprocess.run(
        [python, "-W", "error", "-c", program], capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [*map(str, version), "16"]
