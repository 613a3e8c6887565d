"""How commands print: tables and JSON on stdout, notes and progress on stderr, and nothing that a text can take over.

What the vendor or a user wrote is shown without control characters, and never read as markup. Tables are drawn on a
terminal, and plain columns elsewhere; colours are rich's own rules, so that NO_COLOR is obeyed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import click

from pulumi_justt.errors import JusttError

__all__ = ["MissingLibrary", "clean", "note", "print_json", "print_table", "print_text"]

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
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", is_question: bool = False
) -> None:
    """Print *rows* below the names of their *columns*.

    Args:
        columns: The names.
        rows: A cell for each column; None is an empty one.
        title: A line above.
        is_question: Whether it goes to stderr, because the user is to choose from it.

    Raises:
        MissingLibrary: The extra is not installed.
    """
    try:
        from rich import box  # noqa: PLC0415 - `--json` works without the extra
        from rich.console import Console  # noqa: PLC0415 - likewise
        from rich.table import Table  # noqa: PLC0415 - likewise
        from rich.text import Text  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as missing:
        raise MissingLibrary(
            f"tables need {missing.name}: run `pip install 'pulumi-justt[cli]'`, or give --json"
        ) from None
    console = Console(file=sys.stderr if is_question else sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDEST
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(Text(clean(name)), overflow="fold")
    for row in rows:
        cells = ["" if cell is None else clean(cell) for cell in row]
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    if title:
        click.echo(clean(title), err=is_question)
    with console.capture() as captured:
        console.print(table)
    # A cell that ends its line is padded to the width of its column.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=is_question)
