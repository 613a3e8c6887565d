"""How commands print: tables and JSON on stdout, notes and progress on stderr, and nothing that a text can take over.

Tables and paragraphs fit a terminal as far as no word has to be broken for it, since ids are there to be copied. What
the vendor or a user wrote is shown without control characters, and never read as markup. Tables are drawn on a
terminal, and plain columns elsewhere, whatever FORCE_COLOR says; NO_COLOR is obeyed.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

import click

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.errors import JusttError
from pulumi_justt.values import without_commands

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["MissingLibrary", "OutputLostError", "cells", "clean", "note", "print_json", "print_paragraphs"]
__all__ += ["print_table", "print_text", "standard_streams"]

_STYLES = {
    "ok": "green",
    "finding": "bold red",
    "not checked": "yellow",
    "SUCCESSFUL": "green",
    "FAILED": "bold red",
    "INACTIVE": "dim",
}
"""How a cell of exactly this text looks where colours are shown."""

_WIDEST = 10_000
"""Columns where nobody looks at a screen, so that no line is folded for who reads it by program."""

_INDENT = "    "


class MissingLibrary(JusttError):
    """A library of an extra is not installed."""


class OutputLostError(Exception):
    """Standard output accepts no more. No command may take this for an error of its own work.

    Args:
        reason: What the operating system said; empty if the reader has closed the pipe, as `head` does.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def standard_streams() -> Iterator[None]:
    """Write every text to the operating system at once, and handle a stream that accepts no more.

    Standard output holds the result, so losing it ends the command. Standard error holds notes, so losing it is the
    same as `2>/dev/null`: a command that changes something must not stop halfway because nobody reads its notes.

    Raises:
        OutputLostError: Standard output is closed or full, or its reader has closed the pipe.
    """

    def end(error: OSError) -> None:
        raise OutputLostError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from None

    with redirect_stdout(_stream(sys.stdout, end)), redirect_stderr(_stream(sys.stderr, lambda _: None)):
        yield


def _stream(stream: TextIO | None, on_lost: Callable[[OSError], None]) -> TextIO:
    # Python has no object for a stream that was closed. A descriptor that is not open for writing fails like that one,
    # and occupies its number, so that no file or connection gets the number of a standard stream.
    return cast(
        "TextIO", _Stream(stream or os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8"), on_lost)
    )


class _Stream:
    """A stream without a buffer, whose failures are not mistaken for those of files and connections.

    Args:
        stream: The stream that is written to.
        on_lost: Called once when it fails. From then on the stream discards what is written.
    """

    def __init__(self, stream: IO[Any], on_lost: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._on_lost = on_lost

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - each attribute of the stream has its own type
        found = getattr(self._stream, name)
        # click writes to the buffer if the encoding of the text is ASCII.
        return _Stream(found, self._on_lost) if name == "buffer" else found

    def write(self, text: str | bytes) -> int:
        """Write *text* without delay."""
        try:
            written: int = self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            # What is left in the buffer would fail again when the interpreter ends, which exits with 120 then.
            with Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), self._stream.fileno())
            self._on_lost(error)
            return len(text)
        return written

    def flush(self) -> None:
        """Do nothing: nothing waits."""


def clean(text: object) -> str:
    """Return *text* on one line without control characters, as far as stdout can write it."""
    return _writable(without_commands("".join(c if c.isprintable() else " " for c in str(text))))


def _writable(text: str) -> str:
    """Return *text* with Python's escapes for what stdout cannot write."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def note(text: str) -> None:
    """Print a line beside the result."""
    click.echo(clean(text), err=True)


def print_json(document: Mapping[str, object]) -> None:
    """Print the whole result as one JSON document."""
    click.echo(json.dumps(document, indent=2))


def print_text(text: str) -> None:
    """Print lines of ours, such as a program, as they are; an escape means the same in a literal."""
    click.echo(_writable(text), nl=False)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    is_question: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Print *rows* below the names of their *columns*, with no word broken, so that an id can be copied.

    Args:
        columns: The names.
        rows: A cell for each column; None is an empty one.
        is_question: Whether it goes to stderr, because the user is to choose from it.
        spare: Columns that are left out where the terminal is too narrow, the first one first.

    Raises:
        MissingLibrary: The extra is not installed.
    """
    console = _console(is_question=is_question)
    left_out: list[str] = []
    while True:
        kept = [n for n, name in enumerate(columns) if name not in left_out]
        table = _table([columns[n] for n in kept], [[row[n] for n in kept] for row in rows], console)
        narrowest = console.measure(table, options=console.options.update_width(_WIDEST)).minimum
        if narrowest <= console.width or len(left_out) == len(spare):
            break
        left_out.append(spare[len(left_out)])
    # What does not fit even so, the terminal continues on its next line, and it stays one word to who copies it.
    console.width = max(console.width, narrowest)
    with console.capture() as captured:
        console.print(table)
    # A cell that ends its line is padded to the width of its column.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=is_question)
    if left_out:
        note(f"Too narrow for {', '.join(left_out)}: widen the terminal, or give --json.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], console: Console) -> Table:
    from rich import box  # noqa: PLC0415 - `--json` works without the extra
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
    shown = [["" if cell is None else clean(cell) for cell in row] for row in rows]
    for n, name in enumerate(columns):
        # Left to itself it narrows the widest column first, in the middle of its words.
        table.add_column(Text(clean(name)), overflow="fold", no_wrap=not any(" " in cells[n] for cells in shown))
    for cells in shown:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return table


def print_paragraphs(paragraphs: Iterable[tuple[str, str, str, str]]) -> None:
    """Print each paragraph: a verdict, what it is on, what was seen, and on lines of its own what to do about it.

    No word is broken, so that an id can be copied.

    Raises:
        MissingLibrary: The extra is not installed.
    """
    console = _console()
    from rich.text import Text  # noqa: PLC0415 - `--json` works without the extra

    for verdict, subject, seen, remediation in paragraphs:
        lines = [
            line
            for text, indent in ((f"{verdict}: {subject}: {seen}", ""), (remediation, _INDENT))
            for line in textwrap.wrap(
                clean(text),
                console.width,
                initial_indent=indent,
                subsequent_indent=_INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )
        ]
        shown = Text("\n".join(lines))
        shown.stylize(_STYLES.get(verdict, ""), 0, len(verdict))
        with console.capture() as captured:
            console.print(shown, soft_wrap=True)
        click.echo(captured.get(), nl=False)


def _console(*, is_question: bool = False) -> Console:
    try:
        from rich import console as rich  # noqa: PLC0415 - `--json` works without the extra
    except ModuleNotFoundError as missing:
        raise MissingLibrary(
            f"tables need {missing.name}: run `pip install 'pulumi-justt[cli]'`, or give --json"
        ) from None
    stream = sys.stderr if is_question else sys.stdout
    # Left to itself, rich takes FORCE_COLOR for a terminal, and would fold lines and leave out columns in a pipe.
    console = rich.Console(file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDEST
    return console


def cells(record: RemoteRecord) -> tuple[str | None, ...]:
    """Return what tables show of an integration: its id, source, status and go-live date."""
    return record.integration_id, record.source, record.status, record.go_live_date
