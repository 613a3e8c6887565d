"""Real threads of which one runs at a time: it goes on until it parks, and the test chooses who is next.

Whatever a thread waits for (a request, a lock, a moment) is a place where it parks, so that a test decides every
interleaving, and the same choices lead to the same run. Code under test gets the locks of this module for its own.
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


@dataclass(eq=False)
class Worker:
    """A thread: where it is parked, and when it can go on."""

    name: str
    work: Callable[[], object]
    at: str = "start"
    is_ready: Callable[[], bool] = _always
    wake: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    error: BaseException | None = None


class Stage:
    """Runs workers one at a time.

    Args:
        choose: Chooses who goes on, each time that somebody parks or ends; called in whatever thread that was.
    """

    def __init__(self, choose: Callable[[list[Worker]], Worker]) -> None:
        self._choose = choose
        self.parked: list[Worker] = []
        """Who waits, be it to be chosen or for something else."""
        self._here = threading.local()
        self._done = threading.Semaphore(0)
        self._error: BaseException | None = None

    def run(self, works: dict[str, Callable[[], object]]) -> None:
        """Run *works* until all have ended.

        Raises:
            AssertionError: Some are parked for ever.
        """
        workers = [Worker(name, work) for name, work in works.items()]
        self.parked = list(workers)
        threads = [threading.Thread(target=self._live, args=(worker,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        self._pass_on(None)
        assert self._done.acquire(timeout=HANG_SECONDS), "a thread runs on and on"
        for error in (self._error, *(worker.error for worker in workers)):
            if error is not None:
                raise error
        stuck = {worker.name: worker.at for worker in self.parked}
        assert stuck == {}, f"nobody can go on: {stuck}"
        for thread in threads:
            thread.join(HANG_SECONDS)

    def park(self, at: str, is_ready: Callable[[], bool] = _always) -> None:
        """Let others go on, until this thread is chosen; called by workers only."""
        worker: Worker = self._here.worker
        worker.at, worker.is_ready = at, is_ready
        self.parked.append(worker)
        self._pass_on(worker)

    @property
    def current(self) -> Worker:
        """The worker that calls."""
        worker: Worker = self._here.worker
        return worker

    def _live(self, worker: Worker) -> None:
        self._here.worker = worker
        worker.wake.acquire()
        try:
            worker.work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for all
            worker.error = error
        self._pass_on(None)

    def _pass_on(self, caller: Worker | None) -> None:
        try:
            ready = [worker for worker in self.parked if worker.is_ready()]
            chosen = self._choose(ready) if ready else None
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for all
            self._error, chosen = error, None
        if chosen is None:
            # All have ended, or those that have not never will: their threads are daemons.
            self._done.release()
        else:
            self.parked.remove(chosen)
            if chosen is caller:
                return
            chosen.wake.release()
        if caller is not None:
            caller.wake.acquire()


class Lock:
    """A lock that parks who has to wait for it."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name
        self.is_held = False

    def acquire(self, *, timeout: float = -1) -> bool:  # noqa: ARG002 - nobody here holds a lock for so long
        """Take the lock."""
        return self.__enter__()

    def release(self) -> None:
        """Give the lock back."""
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
        """Give the lock back."""
        self.is_held = False


class Condition(Lock):
    """A condition that parks who waits for it; nobody parks while holding it, so nobody ever waits to take it."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Park until *predicate* holds."""
        assert timeout is None
        if not predicate():
            self.is_held = False
            self._stage.park(f"condition {self._name}", predicate)
            self.is_held = True
        return True

    def notify_all(self) -> None:
        """Do nothing: who waits is looked at whenever somebody parks."""
