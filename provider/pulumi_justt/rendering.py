"""How commands print: tables and JSON on stdout, notes and progress on stderr, and nothing that a text can take over.

Tables and paragraphs fit a terminal as far as no word has to be broken for it, since ids are there to be copied. What
the vendor or a user wrote is shown without control characters, and never read as markup. Tables are drawn on a
terminal, and plain columns elsewhere; colours are rich's own rules, so that NO_COLOR is obeyed.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pulumi_justt.errors import JusttError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["MissingLibrary", "clean", "note", "print_json", "print_paragraphs", "print_table", "print_text"]

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


def clean(text: object) -> str:
    """Return *text* on one line without control characters, as far as stdout can write it."""
    return _writable("".join(c if c.isprintable() else " " for c in str(text)))


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
    title: str = "",
    is_question: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Print *rows* below the names of their *columns*, with no word broken, so that an id can be copied.

    Args:
        columns: The names.
        rows: A cell for each column; None is an empty one.
        title: A line above.
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
    if title:
        click.echo(clean(title), err=is_question)
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

    for verdict, subject, seen, cure in paragraphs:
        lines = [
            line
            for text, indent in ((f"{verdict}: {subject}: {seen}", ""), (cure, _INDENT))
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
    console = rich.Console(file=sys.stderr if is_question else sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDEST
    return console
