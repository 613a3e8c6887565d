"""Runs the benchmark: contenders take turns at each step, and each command is timed and its requests are counted.

All commands use one simulator, whose clock skips a minute before each command. So no command is slowed down by the
requests of an earlier one, which would count toward the quota of 1,000 requests a minute. If a single command exceeds
that quota, ours waits and the others get a 429.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench_contenders import STEPS, Contender, Name, Step
from pulumi_justt.simulator import Options, SimulatorServer

__all__ = ["Cell", "Figure", "Peaks", "Plan", "measure", "run"]

DOCUMENTED = Options()
"""Justt as documented, with 1,000 requests a minute."""

_SAMPLED_SECONDS = 0.1
_LONGEST_SECONDS = 1800.0
_WAITED = "for Justt's rate limit"
"""A part of our provider's message when the quota makes it wait."""


@dataclass(frozen=True, order=True)
class Cell:
    """A size of the benchmark, and its conditions.

    Attributes:
        integrations: The number of integrations.
        latency_ms: The latency that the API adds to each response.
        parallel: The value of `--parallel`; 0: the tool's own default.
    """

    integrations: int
    latency_ms: int
    parallel: int = 0

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Parse `INTEGRATIONS/MILLISECONDS` or `INTEGRATIONS/MILLISECONDS/PARALLEL`."""
        cell = cls(*map(int, text.split("/")))
        if cell.integrations < 1 or min(cell.latency_ms, cell.parallel) < 0:
            raise ValueError(text)
        return cell

    def __str__(self) -> str:
        """Return the text that `parse` accepts."""
        wide = f"/{self.parallel}" if self.parallel else ""
        return f"{self.integrations}/{self.latency_ms}{wide}"


@dataclass(frozen=True)
class Plan:
    """The measurements to make, one cell after the other.

    Attributes:
        cells: The sizes and their conditions.
        rounds: The number of times that each contender runs all steps of a cell.
        names: The contenders; each round starts with a different one.
    """

    cells: Sequence[Cell]
    rounds: int
    names: Sequence[Name]


@dataclass(frozen=True)
class Figure:
    """The measurements of one command.

    Attributes:
        requests: The requests that the API received, including those that it refused.
        throttled: The responses with status 429.
        waited: Whether the provider reported that the quota made it wait.
        state_bytes: The size of the state afterwards.
        provider_kib: The peak memory of a provider process; None if the system doesn't report it.
        cli_kib: The peak memory of the CLI.
        failure: The error of the command; empty if it succeeded.
    """

    cell: Cell
    round: int
    contender: Name
    step: Step
    seconds: float
    requests: int
    throttled: int
    waited: bool
    state_bytes: int
    provider_kib: int | None
    cli_kib: int | None
    failure: str

    def to_json(self) -> dict[str, object]:
        """Return the data that `from_json` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> Figure:
        """Read the data that `to_json` returned."""
        return cls(**{**found, "cell": Cell(**found["cell"])})  # type: ignore[arg-type] # as it was written


def measure(
    plan: Plan, make: Callable[[Name, Path, str], Contender], folder: Path, options: Options = DOCUMENTED
) -> Iterator[Figure]:
    """Yield the measurements of each command, in the order in which they ran.

    A contender that fails skips the rest of its cell, because its next command would start from a wrong state.

    Args:
        plan: The measurements to make.
        make: Creates a contender in an empty folder, for the API at an address.
        folder: An empty folder.
        options: The options of the simulator, except for the latency.
    """
    clock = _Clock()
    with SimulatorServer(clock=clock) as simulator:
        for number, cell in enumerate(plan.cells):
            simulator.options = dataclasses.replace(options, latency=cell.latency_ms / 1000)
            contenders = {name: make(name, folder / str(number) / name, simulator.base_url) for name in plan.names}
            for round_ in range(plan.rounds):
                simulator.records.wipe_integrations()
                turn = round_ % len(plan.names)
                for step in STEPS:
                    for name in (*plan.names[turn:], *plan.names[:turn]):
                        if name in contenders:
                            clock.skip_minute()
                            figure = _figure(simulator, cell, round_, contenders[name], step)
                            yield figure
                            if figure.failure:
                                del contenders[name]


class _Clock:
    """Unix time, with skipped minutes."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def __call__(self) -> float:
        return time.time() + self._skipped

    def skip_minute(self) -> None:
        self._skipped += 60.0


def _figure(simulator: SimulatorServer, cell: Cell, round_: int, contender: Contender, step: Step) -> Figure:
    generation = "second" if step in ("rotate", "destroy") else "first"
    environ = contender.environ(cell.integrations, f"made-up-secret-of-round-{round_}-{generation}")
    simulator.clear_requests()
    ended = run(contender.command(step, cell.parallel or None), contender.folder, environ, contender.provider_mark)
    statuses = [exchange.status for exchange in simulator.requests]
    return Figure(
        cell,
        round_,
        contender.name,
        step,
        ended.seconds,
        requests=len(statuses),
        throttled=statuses.count(429),
        waited=_WAITED in ended.text,
        # A create that failed for all resources has left no state.
        state_bytes=contender.state.stat().st_size if contender.state.exists() else 0,
        provider_kib=ended.peaks.provider_kib,
        cli_kib=ended.peaks.cli_kib,
        failure="" if ended.code == 0 else ended.text[-2000:].strip() or f"exit code {ended.code}",
    )


@dataclass
class Peaks:
    """The peak memory of the processes of one command; None if the system has no /proc.

    The kernel keeps the peak of each process, so only allocations after the last sample are missed.

    Args:
        root: The id of the CLI's process.
        mark: A part of the command line that identifies a provider process.
        provider_kib: The largest peak of the providers so far, in KiB.
        cli_kib: The peak of the CLI so far, in KiB.
    """

    root: int
    mark: str
    provider_kib: int | None = None
    cli_kib: int | None = None

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Take samples within a `with` statement."""
        over = threading.Event()

        def sample() -> None:
            self.look()
            while not over.wait(_SAMPLED_SECONDS):
                self.look()

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def look(self) -> None:
        """Take one sample."""
        status = {int(each.name): _status(each) for each in Path("/proc").glob("[0-9]*")}
        below = {self.root}
        while more := {number for number, (parent, _) in status.items() if parent in below} - below:
            below |= more
        for number in below & status.keys():
            peak = status[number][1]
            if number == self.root:
                self.cli_kib = max(self.cli_kib or 0, peak) or None
            elif self.mark.encode() in _command(number):
                # Read it again: before it had this command line, the process was a copy of its parent.
                peak = _status(Path("/proc") / str(number))[1]
                self.provider_kib = max(self.provider_kib or 0, peak) or None


def _status(folder: Path) -> tuple[int, int]:
    """Return the parent's process id and the peak in KiB; zeros if the process has ended or has no memory."""
    try:
        text = (folder / "status").read_text()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields.get("PPid", "0")), int(fields.get("VmHWM", "0 kB").split()[0])


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    seconds: float
    text: str
    peaks: Peaks


def run(argv: Sequence[str], folder: Path, environ: Mapping[str, str], mark: str) -> Ended:
    """Run one command, for at most half an hour."""
    # Waiting with a timeout means polling, which would distort the times.
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**environ, "PWD": os.fspath(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        limit = threading.Timer(_LONGEST_SECONDS, process.kill)
        limit.start()
        try:
            peaks = Peaks(process.pid, mark)
            with peaks.sampled():
                code = process.wait()
                seconds = time.perf_counter() - started
        finally:
            limit.cancel()
        output.seek(0)
        return Ended(code, seconds, output.read().decode(errors="replace"), peaks)
