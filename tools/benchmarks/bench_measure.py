"""One run of the benchmark: contenders take turns at each step, and each command is timed, counted and looked at.

All commands meet one simulator, and its clock jumps a minute ahead before each: as if each were run a minute after the
last one, so that none pays for what another has sent of the vendor's 1,000 requests a minute. What a single command
sends beyond that counts as it would there: ours waits, and others get the vendor's 429.
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
"""The vendor as its documents have it, with 1,000 requests a minute."""

_SAMPLED_SECONDS = 0.1
_LONGEST_SECONDS = 1800.0
_WAITED = "for Justt's rate limit"
"""What our provider tells when the quota makes it wait."""


@dataclass(frozen=True, order=True)
class Cell:
    """How much is managed, through what.

    Attributes:
        integrations: How many there are.
        latency_ms: What the API adds to each answer.
        parallel: The value of `--parallel`; 0 is the tool's own default.
    """

    integrations: int
    latency_ms: int
    parallel: int = 0

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read `INTEGRATIONS/MILLISECONDS` or `INTEGRATIONS/MILLISECONDS/PARALLEL`."""
        cell = cls(*map(int, text.split("/")))
        if cell.integrations < 1 or min(cell.latency_ms, cell.parallel) < 0:
            raise ValueError(text)
        return cell

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        wide = f"/{self.parallel}" if self.parallel else ""
        return f"{self.integrations}/{self.latency_ms}{wide}"


@dataclass(frozen=True)
class Plan:
    """What is measured, one cell after the other.

    Attributes:
        cells: How much is managed, through what.
        rounds: How often each contender takes all steps of a cell.
        names: The contenders; each round begins with another one.
    """

    cells: Sequence[Cell]
    rounds: int
    names: Sequence[Name]


@dataclass(frozen=True)
class Figure:
    """What one command took.

    Attributes:
        requests: Requests that the API got, those that it refused included.
        throttled: Answers of 429 among them.
        waited: Whether the provider told that the quota made it wait.
        state_bytes: The size of the state afterwards.
        provider_kib: The most memory that a provider process ever had; None where the system does not tell.
        cli_kib: The same of the CLI itself.
        failure: What the command said when it failed; empty if it did not.
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
        """Give what `from_json` takes."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> Figure:
        """Read what `to_json` gave."""
        return cls(**{**found, "cell": Cell(**found["cell"])})  # type: ignore[arg-type] # as it was written


def measure(
    plan: Plan, make: Callable[[Name, Path, str], Contender], folder: Path, options: Options = DOCUMENTED
) -> Iterator[Figure]:
    """Yield what each command took, in the order in which they ran.

    A contender that fails sits out the rest of its cell: what a later command would find is not what it was to be.

    Args:
        plan: What is measured.
        make: Makes a contender in an empty folder, for the API at an address.
        folder: An empty folder.
        options: What the simulator is like, but for the latency of a cell.
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
    """Unix seconds, with minutes left out."""

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
        # A create that failed as a whole has left no state.
        state_bytes=contender.state.stat().st_size if contender.state.exists() else 0,
        provider_kib=ended.peaks.provider_kib,
        cli_kib=ended.peaks.cli_kib,
        failure="" if ended.code == 0 else ended.text[-2000:].strip() or f"exit code {ended.code}",
    )


@dataclass
class Peaks:
    """The most memory that the processes of one command ever had; None where the system has no /proc.

    The kernel keeps the peak of each process itself, so that only what is allocated after the last look is missed.

    Args:
        root: The number of the CLI's process.
        mark: What stands in the command line of a provider's process.
        provider_kib: The largest peak of the providers so far, in KiB.
        cli_kib: That of the CLI.
    """

    root: int
    mark: str
    provider_kib: int | None = None
    cli_kib: int | None = None

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Look again and again within a `with` statement."""
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
        """Look once."""
        status = {int(each.name): _status(each) for each in Path("/proc").glob("[0-9]*")}
        below = {self.root}
        while more := {number for number, (parent, _) in status.items() if parent in below} - below:
            below |= more
        for number in below & status.keys():
            peak = status[number][1]
            if number == self.root:
                self.cli_kib = max(self.cli_kib or 0, peak) or None
            elif self.mark.encode() in _command(number):
                # Read again: before it got this command line, the process was a copy of its parent.
                peak = _status(Path("/proc") / str(number))[1]
                self.provider_kib = max(self.provider_kib or 0, peak) or None


def _status(folder: Path) -> tuple[int, int]:
    """Return the parent's number and the peak in KiB; zeros for what has ended meanwhile, or has no memory."""
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
    """A command that ran to its end."""

    code: int
    seconds: float
    text: str
    peaks: Peaks


def run(argv: Sequence[str], folder: Path, environ: Mapping[str, str], mark: str) -> Ended:
    """Run one command, for half an hour at most."""
    # Waiting with a limit is waiting in small steps, which would show in the times.
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
