"""Output of commands: tables and JSON go to stdout, notes and progress to stderr.

Tables and paragraphs are fitted to the terminal, but no word is broken, so that ids can be copied. Texts from
Justt or the user are shown without control characters and never interpreted as markup. Tables have lines in a terminal.
Elsewhere, for example in a pipe, they are plain columns, even with FORCE_COLOR. NO_COLOR is respected.
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
    "warning": "yellow",
    "not checked": "yellow",
    "holds": "green",
    "differs": "bold red",
    "not tried": "yellow",
    "SUCCESSFUL": "green",
    "FAILED": "bold red",
    "INACTIVE": "dim",
}
"""The style of a cell with exactly this text, if colors are shown."""

_WIDEST = 10_000
"""The width in columns if stdout is not a terminal, so that no line is folded for a program that reads it."""

_INDENT = "    "


class MissingLibrary(JusttError):
    """A library that belongs to an optional extra is not installed."""


class OutputLostError(Exception):
    """Standard output is closed or full. Commands must not handle this as an error of their own work.

    Args:
        reason: The operating system's error; empty if the reader has closed the pipe, as `head` does.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def standard_streams() -> Iterator[None]:
    """Write to stdout and stderr without buffering, and handle a stream that is closed or full.

    Standard output holds the result, so losing it ends the command. Standard error holds notes, so losing it is the
    same as `2>/dev/null`: a command that changes something must not stop halfway because its notes can't be written.

    Raises:
        OutputLostError: Standard output is closed or full, or its reader has closed the pipe.
    """

    def end(error: OSError) -> None:
        raise OutputLostError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from None

    with redirect_stdout(_stream(sys.stdout, end)), redirect_stderr(_stream(sys.stderr, lambda _: None)):
        yield


def _stream(stream: TextIO | None, on_lost: Callable[[OSError], None]) -> TextIO:
    # If the stream is closed, Python has no object for it. The replacement is a descriptor that is not open for
    # writing, so it fails in the same way. It also occupies the number of the standard stream, so that no file or
    # connection gets that number.
    return cast(
        "TextIO", _Stream(stream or os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8"), on_lost)
    )


class _Stream:
    """An unbuffered stream that handles its own failures, so they are not mistaken for those of files and connections.

    Args:
        stream: The underlying stream.
        on_lost: Called once when a write fails. From then on, all output is discarded.
    """

    def __init__(self, stream: IO[Any], on_lost: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._on_lost = on_lost

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - each attribute of the stream has its own type
        found = getattr(self._stream, name)
        # Wrap the buffer too, because click writes to it if the encoding is ASCII.
        return _Stream(found, self._on_lost) if name == "buffer" else found

    def write(self, text: str | bytes) -> int:
        """Write and flush *text*."""
        try:
            written: int = self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            # When Python exits, it flushes the rest of the buffer, and a failure would make the exit code 120.
            with Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), self._stream.fileno())
            self._on_lost(error)
            return len(text)
        return written

    def flush(self) -> None:
        """Do nothing, because `write` flushes."""


def clean(text: object) -> str:
    """Return *text* on one line, without control characters, with escapes for what stdout cannot encode."""
    return _writable(without_commands("".join(c if c.isprintable() else " " for c in str(text))))


def _writable(text: str) -> str:
    """Return *text* with Python's escapes for characters that stdout cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def note(text: str) -> None:
    """Print a line to stderr."""
    click.echo(clean(text), err=True)


def print_json(document: Mapping[str, object]) -> None:
    """Print the result as one JSON document."""
    click.echo(json.dumps(document, indent=2))


def print_text(text: str) -> None:
    """Print generated text, such as a program, without cleaning it.

    Characters that stdout cannot encode become escapes, which mean the same in a string literal.
    """
    click.echo(_writable(text), nl=False)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    is_question: bool = False,
    spare: Sequence[str] = (),
    below: Mapping[str, str] | None = None,
) -> None:
    """Print a table. No word is broken, so that an id can be copied.

    Args:
        columns: The names of the columns.
        rows: The rows, with a cell for each column; None is an empty cell.
        is_question: Whether to print to stderr, because the table belongs to a prompt.
        spare: Columns to leave out if the terminal is too narrow, in this order.
        below: For a column of *spare*, the column that has its cells on a second line, instead of leaving them out.

    Raises:
        MissingLibrary: The extra is not installed.
    """
    console = _console(is_question=is_question)
    left_out: list[str] = []
    places = below or {}
    while True:
        # The numbers of the columns that each shown column has, one below the other.
        kept = [
            [n, *(columns.index(each) for each in left_out if places.get(each) == name)]
            for n, name in enumerate(columns)
            if name not in left_out
        ]
        heads, *table_rows = [[[row[n] for n in numbers] for numbers in kept] for row in (columns, *rows)]
        table = _table(heads, table_rows, console)
        narrowest = console.measure(table, options=console.options.update_width(_WIDEST)).minimum
        if narrowest <= console.width or len(left_out) == len(spare):
            break
        left_out.append(spare[len(left_out)])
    # If the table is still too wide, the terminal wraps the lines, and a copied id stays one word.
    console.width = max(console.width, narrowest)
    with console.capture() as captured:
        console.print(table)
    # `rstrip`, because the last cell of a line is padded to the width of its column.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=is_question)
    hidden = [name for name in left_out if name not in places]
    if hidden:
        note(f"The terminal is too narrow for {', '.join(hidden)}: widen it, or use --json.")


def _table(columns: Sequence[Sequence[object]], rows: Sequence[Sequence[Sequence[object]]], console: Console) -> Table:
    """Return a table. Each head and each cell is a list of its lines."""
    from rich import box  # noqa: PLC0415 - `--json` works without the extra
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
    heads, *shown = [
        ["\n".join("" if line is None else clean(line) for line in cell) for cell in row] for row in (columns, *rows)
    ]
    for n, name in enumerate(heads):
        # By default, rich would narrow the widest column first and break its words.
        # Without the blank lines, rich would show the short names beside the last line of a long one.
        blank = "\n " * (max(each.count("\n") for each in heads) - name.count("\n"))
        table.add_column(Text(name + blank), overflow="fold", no_wrap=not any(" " in cells[n] for cells in shown))
    for cells in shown:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return table


def print_paragraphs(paragraphs: Iterable[tuple[str, str, Sequence[str]]]) -> None:
    """Print paragraphs of a verdict, a text, and further lines, each of which starts on a new line.

    No word is broken, so that an id can be copied.

    Raises:
        MissingLibrary: The extra is not installed.
    """
    console = _console()
    from rich.text import Text  # noqa: PLC0415 - `--json` works without the extra

    for verdict, first, others in paragraphs:
        lines = [
            line
            for text, indent in ((f"{verdict}: {first}", ""), *((other, _INDENT) for other in others))
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
            f"tables need {missing.name}: run `pip install 'pulumi-justt[cli]'`, or use --json"
        ) from None
    stream = sys.stderr if is_question else sys.stdout
    # By default, rich treats FORCE_COLOR as a terminal, and would fold lines and leave out columns in a pipe.
    console = rich.Console(file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDEST
    return console


def cells(record: RemoteRecord) -> tuple[str | None, ...]:
    """Return an integration's id, source, status and go-live date for a table."""
    return record.integration_id, record.source, record.status, record.go_live_date
