"""Lets tests of Justt's quota run in virtual time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from support.deterministic_scheduler import Stage, Worker

QUOTA = 1_000
SHARE = 950
THREADS = 16
TICK = 1 / 64
LATENCY = 4 * TICK


@dataclass
class StagedClock:
    """A clock that advances when all workers sleep; the worker with the earliest wake-up time runs next."""

    now: float = 0.0
    wakes: dict[str, tuple[float, int]] = field(default_factory=dict)
    slept: int = 0

    def __post_init__(self) -> None:
        """Create the stage on which the workers sleep."""
        self.stage = Stage(self._first)

    def __call__(self) -> float:
        """Return the current time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let other workers run until *seconds* have passed."""
        # Of the workers with the same wake-up time, the one that fell asleep first wakes first.
        self.slept += 1
        ticks = math.ceil(seconds / TICK)
        self.wakes[self.stage.current.name] = (self.now + ticks * TICK, self.slept)
        self.stage.park("asleep")

    def _first(self, parked: list[Worker]) -> Worker:
        first = min(parked, key=lambda worker: self.wakes.get(worker.name, (0.0, 0)))
        self.now = max(self.now, self.wakes.get(first.name, (0.0, 0))[0])
        return first
