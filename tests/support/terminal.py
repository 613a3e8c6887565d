"""Runs a shell script in a terminal of its own, answers the prompts, and returns what the terminal shows in the end."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["COLUMNS", "Screen", "run"]

COLUMNS = 120
_ROWS = 1_000
"""High enough that nothing scrolls out, and that the CLI shortens no list."""

_TOKEN = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?<>=]*)(?P<code>[A-Za-z])|\x1b\].*?(?:\x07|\x1b\\)|\x1b(?P<one>[^\[\]])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)|(?P<control>[\x00-\x1f\x7f])",
    re.DOTALL,
)


@dataclass
class Screen:
    """The text that a terminal shows after some output. It knows the control sequences that the commands use.

    It doesn't wrap lines. It drops colors.
    """

    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0
    _kept: tuple[int, int] = (0, 0)

    def feed(self, text: str) -> None:
        """Process output."""
        for token in _TOKEN.finditer(text):
            if token["text"]:
                self._write(token["text"])
            elif token["control"]:
                self._control(token["control"])
            elif token["one"] == "7":
                self._kept = (self.row, self.column)
            elif token["one"] == "8":
                self.row, self.column = self._kept
            elif token["code"] and not token["numbers"].startswith(("?", "<", ">", "=")):
                self._sequence(token["code"], int(token["numbers"].partition(";")[0] or 0))

    def text(self) -> str:
        """Return the lines, without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip()

    def _write(self, text: str) -> None:
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def _control(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))

    def _sequence(self, code: str, number: int) -> None:
        line = self.lines[self.row]
        if code == "A":
            self.row = max(0, self.row - max(1, number))
        elif code == "G":
            self.column = max(0, number - 1)
        elif code == "K":
            self.lines[self.row] = "" if number == 2 else line[: self.column]
        elif code == "J" and number == 0:
            self.lines[self.row :] = [line[: self.column]]


def run(
    script: str, *arguments: str, cwd: Path, environ: Mapping[str, str], answers: Mapping[str, str], seconds: float
) -> tuple[int, str, bytes]:
    """Run a bash script in a terminal.

    Args:
        script: The script.
        arguments: `$0` and the parameters after it.
        cwd: The folder.
        environ: The variables.
        answers: The keys to type for each prompt, which is a regular expression.
        seconds: The time limit.

    Returns:
        The exit code, what the terminal shows, and all bytes that were printed.
    """
    main, other = pty.openpty()
    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
    # What is typed before a prompt turns the echo off would be shown.
    attributes = termios.tcgetattr(other)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(other, termios.TCSANOW, attributes)
    # The first terminal that a new session opens controls it.
    opening = f'exec 0<>"{os.ttyname(other)}" 1>&0 2>&0\n'
    command = ["bash", "-c", opening + script, *arguments]
    process = subprocess.Popen(
        command, cwd=cwd, env={**environ, "TERM": "xterm-256color"}, start_new_session=True, stdin=subprocess.DEVNULL
    )
    try:
        printed = _answered(process, main, answers, time.monotonic() + seconds)
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(other)
    screen = Screen()
    screen.feed(printed.decode(errors="replace"))
    return process.returncode, screen.text(), printed


def _answered(process: subprocess.Popen[bytes], main: int, answers: Mapping[str, str], deadline: float) -> bytes:
    """Type the answers until the process ends, and return its output."""
    printed = b""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    screen, unanswered = Screen(), ""
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        if select.select([main], [], [], 0.1)[0]:
            new = os.read(main, 65_536)
            printed += new
            text = decoder.decode(new)
            screen.feed(text)
            unanswered += "".join(each["text"] or each["control"] or "" for each in _TOKEN.finditer(text))
            os.write(main, f"\x1b[{screen.row + 1};{screen.column + 1}R".encode() * text.count("\x1b[6n"))
            continue
        if has_ended:
            return printed
        # Nothing more comes, so the process works or waits for an answer.
        if keys := next((keys for prompt, keys in answers.items() if re.search(prompt, unanswered)), ""):
            unanswered = ""
            os.write(main, keys.encode())
    raise AssertionError(f"the command does not end; the terminal shows:\n{screen.text()}")
