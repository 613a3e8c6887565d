"""Formats Python source as a formatter would: a call or list on one line if it fits, or else one item on each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Items", "call", "quoted", "rendered"]

_WIDTH = 88
"""The default line length of formatters, in characters."""


@dataclass(frozen=True)
class Items:
    """A bracketed, comma-separated list of expressions.

    Args:
        opening: The text up to and including the opening bracket.
        closing: The closing bracket.
        items: Each item with its prefix, such as `name=`.
        is_long: Whether to put each item on its own line, even if all fit on one line.
    """

    opening: str
    closing: str
    items: Sequence[tuple[str, str | Items]]
    is_long: bool = False

    def __str__(self) -> str:
        """Return the list on one line."""
        return f"{self.opening}{', '.join(f'{before}{item}' for before, item in self.items)}{self.closing}"


def call(function: str, *positional: str, **named: str | Items) -> Items:
    """Return a call of *function*."""
    items = [*(("", item) for item in positional), *((f"{name}=", item) for name, item in named.items())]
    return Items(f"{function}(", ")", items)


def quoted(text: str) -> str:
    """Return *text* as a literal, in double quotes unless single quotes need fewer escapes."""
    # With both kinds of quotes in the text, `repr` uses single quotes and escapes those inside.
    body = repr(f"'\"{text}")[4:-1]
    if text.count('"') > text.count("'"):
        return f"'{body}'"
    return '"' + body.replace("\\'", "'").replace('"', '\\"') + '"'


def rendered(expression: str | Items, before: str = "", after: str = "", indent: str = "") -> Iterator[str]:
    """Yield the lines of *expression*, with *before* on its first line and *after* on its last."""
    line = f"{indent}{before}{expression}{after}"
    if isinstance(expression, str) or (len(line) <= _WIDTH and not expression.is_long):
        yield line
        return
    yield f"{indent}{before}{expression.opening}"
    for item_before, item in expression.items:
        yield from rendered(item, item_before, ",", indent + " " * 4)
    yield f"{indent}{expression.closing}{after}"
