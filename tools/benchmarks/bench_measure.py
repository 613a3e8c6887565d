"""Runs the benchmark: contenders take turns at each step, and each command is timed and its requests are counted.

All commands use one simulator, whose clock skips a minute before each command. So no command is slowed down by the
requests of an earlier one, which would count toward the quota of 1,000 requests a minute. If a single command exceeds
that quota, ours waits and the others get a 429.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench_contenders import STEPS, Contender, Name, Step
from pulumi_justt.simulator import Options, SimulatorServer

__all__ = ["Cell", "Figure", "Plan", "Usage", "measure", "run"]

DOCUMENTED = Options()
"""Justt as documented, with 1,000 requests a minute."""

_SAMPLED_SECONDS = 0.1
_LONGEST_SECONDS = 1800.0
_ORPHAN_SECONDS = 30.0
"""The longest wait for a provider process that is still running when the CLI has ended. It is not part of the times."""
_PROGRAM_MARK = b"pulumi-language-python-exec"
"""A part of the command line of the process that runs the Pulumi program."""
_SET_CHILD_SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` of Linux's prctl(2)."""
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
        rate_limited: The responses with status 429.
        waited: Whether the provider reported that the quota made it wait.
        state_bytes: The size of the state afterwards.
        provider_kib: The peak memory of a provider process; None if the system doesn't report it.
        cli_kib: The peak memory of the CLI.
        cpu_seconds: The CPU time of the command with all processes that it started; None if the system has no /proc.
        host_cpu_seconds: The part of the provider processes; None likewise.
        program_cpu_seconds: The part of the process that runs the Pulumi program; None likewise.
        failure: The error of the command; empty if it succeeded.
    """

    cell: Cell
    round: int
    contender: Name
    step: Step
    seconds: float
    requests: int
    rate_limited: int
    waited: bool
    state_bytes: int
    provider_kib: int | None
    cli_kib: int | None
    cpu_seconds: float | None
    host_cpu_seconds: float | None
    program_cpu_seconds: float | None
    failure: str

    @property
    def engine_cpu_seconds(self) -> float | None:
        """The CPU time of all other processes: mainly of the CLI, which runs the engine."""
        if self.cpu_seconds is None or self.host_cpu_seconds is None or self.program_cpu_seconds is None:
            return None
        return self.cpu_seconds - self.host_cpu_seconds - self.program_cpu_seconds

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
        rate_limited=statuses.count(429),
        waited=_WAITED in ended.text,
        # A create that failed for all resources has left no state.
        state_bytes=contender.state.stat().st_size if contender.state.exists() else 0,
        provider_kib=ended.usage.provider_kib,
        cli_kib=ended.usage.cli_kib,
        cpu_seconds=ended.cpu_seconds,
        host_cpu_seconds=ended.usage.host_cpu_seconds,
        program_cpu_seconds=ended.usage.program_cpu_seconds,
        failure="" if ended.code == 0 else ended.text[-2000:].strip() or f"exit code {ended.code}",
    )


@dataclass
class Usage:
    """The peak memory and the CPU time of the processes of one command; None if the system has no /proc.

    The kernel keeps both for each process. So only what happens after the last sample is missed, and nothing of a
    process that this one waits for.

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
    _cpu: dict[int, float] = field(default_factory=dict)
    _hosts: set[int] = field(default_factory=set)
    _programs: set[int] = field(default_factory=set)

    @property
    def host_cpu_seconds(self) -> float | None:
        """The CPU time of the provider processes so far."""
        return self._total(self._hosts)

    @property
    def program_cpu_seconds(self) -> float | None:
        """The CPU time of the process that runs the Pulumi program so far; 0 if there is none."""
        return self._total(self._programs)

    def _total(self, numbers: AbstractSet[int]) -> float | None:
        return sum(self._cpu[number] for number in numbers) if self._cpu else None

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
        found = {int(each.name): _stat(each) for each in Path("/proc").glob("[0-9]*")}
        # A provider whose shell has ended has another parent, but still belongs to the command.
        below = {self.root, *self._cpu}
        while more := {number for number, (parent, _) in found.items() if parent in below} - below:
            below |= more
        for number in below & found.keys():
            self._cpu[number] = max(self._cpu.get(number, 0.0), found[number][1])
            if number == self.root:
                self.cli_kib = max(self.cli_kib or 0, _peak(number)) or None
                continue
            command = _command(number)
            if _PROGRAM_MARK in command:
                self._programs.add(number)
            elif self.mark.encode() in command:
                self._hosts.add(number)
                self.provider_kib = max(self.provider_kib or 0, _peak(number)) or None

    def reap(self) -> float:
        """Wait for the orphans of the command, and return the CPU seconds of those that are still running then."""
        left = self._cpu.keys() - {self.root}
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while left and time.monotonic() < deadline:
            for number in list(left):
                try:
                    ended, _, used = os.wait4(number, os.WNOHANG)
                except ChildProcessError:
                    # Its parent has waited for it, or will.
                    if not Path(f"/proc/{number}").exists():
                        left.discard(number)
                    continue
                if ended:
                    self._cpu[number] = used.ru_utime + used.ru_stime
                    left.discard(number)
            time.sleep(0.01)
        return sum(self._cpu[number] for number in left)


def _stat(folder: Path) -> tuple[int, float]:
    """Return the parent's process id and the CPU seconds; zeros if the process has ended."""
    try:
        text = (folder / "stat").read_text(errors="replace")
    except OSError:
        return 0, 0.0
    # The second field is the name of the program in parentheses, and can contain both.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(number: int) -> int:
    """Return the peak memory of a process in KiB; 0 if it has ended or has no memory."""
    try:
        text = Path(f"/proc/{number}/status").read_text(errors="replace")
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields.get("VmHWM", "0 kB").split()[0])


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def _adopted_orphans() -> Iterator[None]:
    """Make this process the parent of orphans, within a `with` statement, so that it can wait for them (Linux only).

    The CLI interrupts the provider together with the shell that started it. The shell ends first, so nobody else waits
    for the provider, and its CPU time would be in no total.
    """
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    if libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl: this process can't wait for the orphans of a command, so its CPU seconds would be wrong")
    try:
        yield
    finally:
        libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one, or one of these, has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        seconds: Its duration.
        text: Its output, both streams together.
        usage: The memory and the CPU time of single processes.
        cpu_seconds: The CPU time of all its processes; None if the system has no /proc.
    """

    code: int
    seconds: float
    text: str
    usage: Usage
    cpu_seconds: float | None


def run(argv: Sequence[str], folder: Path, environ: Mapping[str, str], mark: str) -> Ended:
    """Run one command, for at most half an hour."""
    # Waiting with a timeout means polling, which would distort the times.
    with tempfile.TemporaryFile() as output, _adopted_orphans():
        before = _cpu_of_children()
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
            usage = Usage(process.pid, mark)
            with usage.sampled():
                code = process.wait()
                seconds = time.perf_counter() - started
        finally:
            limit.cancel()
        running = usage.reap()
        cpu = None if usage.host_cpu_seconds is None else _cpu_of_children() - before + running
        output.seek(0)
        return Ended(code, seconds, output.read().decode(errors="replace"), usage, cpu)
