"""Python as a formatter leaves it: a call or a list stands on one line where it fits, and else one item on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Items", "call", "quoted", "rendered"]

_WIDTH = 88
"""Characters of a line, as formatters count them by default."""


@dataclass(frozen=True)
class Items:
    """Source text in brackets, separated by commas.

    Args:
        opening: What stands before, with its bracket.
        closing: The other bracket.
        items: Each with what stands before it.
        is_long: Whether each stands on a line of its own, even where all fit on one.
    """

    opening: str
    closing: str
    items: Sequence[tuple[str, str | Items]]
    is_long: bool = False

    def __str__(self) -> str:
        """Give the form that is one line."""
        return f"{self.opening}{', '.join(f'{before}{item}' for before, item in self.items)}{self.closing}"


def call(function: str, *positional: str, **named: str | Items) -> Items:
    """Return a call of *function*."""
    items = [*(("", item) for item in positional), *((f"{name}=", item) for name, item in named.items())]
    return Items(f"{function}(", ")", items)


def quoted(text: str) -> str:
    """Return *text* as a literal, in double quotes unless the others need fewer escapes."""
    # `repr` takes single quotes, and escapes those, where both kinds are in the text.
    body = repr(f"'\"{text}")[4:-1]
    if text.count('"') > text.count("'"):
        return f"'{body}'"
    return '"' + body.replace("\\'", "'").replace('"', '\\"') + '"'


def rendered(expression: str | Items, before: str = "", after: str = "", indent: str = "") -> Iterator[str]:
    """Yield the lines of *expression*, with what stands before and after it on its first and last line."""
    line = f"{indent}{before}{expression}{after}"
    if isinstance(expression, str) or (len(line) <= _WIDTH and not expression.is_long):
        yield line
        return
    yield f"{indent}{before}{expression.opening}"
    for item_before, item in expression.items:
        yield from rendered(item, item_before, ",", indent + " " * 4)
    yield f"{indent}{expression.closing}{after}"
