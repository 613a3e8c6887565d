"""Run the programs that find or make the engine: with a time limit, and without leaving processes behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Ctrl-C, a cancelled CI job, a closed terminal.
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ANSWER_SECONDS = 60.0
LONG_SECONDS = 3600.0
TICK_SECONDS = 10.0


class Version(NamedTuple):
    """A release, without the suffixes of development builds."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """Return it in Pulumi's notation."""
        return ".".join(map(str, self))


class UnavailableError(Exception):
    """A way to get the engine is skipped; the text says why.

    Args:
        reason: The text.
        details: The last lines that a failed program printed.
    """

    def __init__(self, reason: str, details: Sequence[str] = ()) -> None:
        """Keep both."""
        super().__init__(reason)
        self.details = details


class Outcome(NamedTuple):
    """The result of a finished program."""

    code: int
    lines: list[str]

    @property
    def version(self) -> Version | None:
        """The version that it printed, if it succeeded."""
        return parse_version("\n".join(self.lines)) if self.code == 0 else None

    @property
    def last(self) -> str:
        """The line that most likely describes the problem."""
        return next((line for line in reversed(self.lines) if line.strip()), f"exit code {self.code}, no output")


def parse_version(text: str) -> Version | None:
    """Return the version from the first line that starts with one, written `v3.259.0`, `go1.26` or without prefix."""
    match = re.search(r"^(?:v|go)?(\d+)\.(\d+)(?:\.(\d+))?", text, re.MULTILINE)
    return Version(*(int(part or 0) for part in match.groups())) if match else None


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: Path | None = None,
    limit: float = ANSWER_SECONDS,
    tick: Callable[[float, list[str]], None] = lambda _elapsed, _lines: None,
) -> Outcome:
    """Run a program until it ends, reaches its time limit or is interrupted, and leave none of its children behind."""
    with tempfile.NamedTemporaryFile() as output:

        def lines() -> list[str]:
            return Path(output.name).read_text("utf-8", "replace").splitlines()

        # An interrupt inside Popen would lose a program that already runs, so defer it until the program can be ended.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return Outcome(127, [str(error)])
        started = time.monotonic()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            while (elapsed := time.monotonic() - started) < limit:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return Outcome(process.wait(TICK_SECONDS), lines())
                tick(elapsed + TICK_SECONDS, lines())
            return Outcome(124, [*lines(), f"stopped after {limit:.0f} s"])
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def which(name: str, env: Mapping[str, str]) -> Path | None:
    """Return the absolute path of a program on the given PATH."""
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    return Path(found).absolute() if found else None


def restore_interrupt() -> None:
    """Make SIGINT end this process and its children again, even if a script's `&` has made it ignored.

    The CLI ends its plugins with SIGINT, and waits 5 s for each one that doesn't end.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
