"""Runs real threads one at a time: each runs until it parks, then the test chooses which thread runs next.

A thread parks wherever it would block (a request, a lock, a sleep). So the test decides every interleaving, and the
same choices always give the same run. The code under test gets its locks from this module.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from support.harness import HANG_SECONDS

__all__ = ["Condition", "Lock", "Stage", "Worker"]


def _always() -> bool:
    return True


def _held() -> threading.Lock:
    """Return a lock that one thread waits for until another one releases it: cheaper than a semaphore."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Worker:
    """A thread, with the place where it's parked and the condition for it to continue."""

    name: str
    work: Callable[[], object]
    at: str = "start"
    is_ready: Callable[[], bool] = _always
    wake: threading.Lock = field(default_factory=_held)
    error: BaseException | None = None


class Stage:
    """Runs workers one at a time.

    Args:
        choose: Chooses the next worker each time that a worker parks or ends. It runs in the thread of that worker.
    """

    def __init__(self, choose: Callable[[list[Worker]], Worker]) -> None:
        self._choose = choose
        self.parked: list[Worker] = []
        """The workers that wait to be chosen or for their condition."""
        self._here = threading.local()
        self._done = _held()
        self._error: BaseException | None = None

    def run(self, works: dict[str, Callable[[], object]]) -> None:
        """Run *works* until all of them have ended.

        Raises:
            AssertionError: Some workers can never continue.
        """
        workers = [Worker(name, work) for name, work in works.items()]
        self.parked = list(workers)
        threads = [threading.Thread(target=self._live, args=(worker,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        self._pass_on(None)
        assert self._done.acquire(timeout=HANG_SECONDS), "a thread never parks"
        for error in (self._error, *(worker.error for worker in workers)):
            if error is not None:
                raise error
        stuck = {worker.name: worker.at for worker in self.parked}
        assert stuck == {}, f"no worker can continue: {stuck}"
        for thread in threads:
            thread.join(HANG_SECONDS)

    def park(self, at: str, is_ready: Callable[[], bool] = _always) -> None:
        """Let other workers run until the calling worker is chosen again. Only workers call this method."""
        worker: Worker = self._here.worker
        worker.at, worker.is_ready = at, is_ready
        self.parked.append(worker)
        self._pass_on(worker)

    @property
    def current(self) -> Worker:
        """The worker that reads this property."""
        worker: Worker = self._here.worker
        return worker

    def _live(self, worker: Worker) -> None:
        self._here.worker = worker
        worker.wake.acquire()
        try:
            worker.work()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for all workers
            worker.error = error
        self._pass_on(None)

    def _pass_on(self, caller: Worker | None) -> None:
        try:
            ready = [worker for worker in self.parked if worker.is_ready()]
            chosen = self._choose(ready) if ready else None
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for all workers
            self._error, chosen = error, None
        if chosen is None:
            # All workers have ended, or the rest can never continue. Their threads are daemons.
            self._done.release()
        else:
            self.parked.remove(chosen)
            if chosen is caller:
                return
            chosen.wake.release()
        if caller is not None:
            caller.wake.acquire()


class Lock:
    """A lock that parks a worker that has to wait for it."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name
        self.is_held = False

    def acquire(self, *, timeout: float = -1) -> bool:  # noqa: ARG002 - no worker holds a lock for that long
        """Take the lock."""
        return self.__enter__()

    def release(self) -> None:
        """Release the lock."""
        self.is_held = False

    def __enter__(self) -> bool:
        """Take the lock."""
        if self.is_held:
            self._stage.park(f"lock {self._name}", lambda: not self.is_held)
        self.is_held = True
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.is_held = False


class Condition(Lock):
    """A condition that parks a worker that waits for it. No worker parks while it holds the lock."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Park until *predicate* holds."""
        assert timeout is None
        if not predicate():
            self.is_held = False
            self._stage.park(f"condition {self._name}", predicate)
            self.is_held = True
        return True

    def notify_all(self) -> None:
        """Do nothing: the predicates are evaluated whenever a worker parks."""
