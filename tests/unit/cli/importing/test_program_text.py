"""Program text: it means what it should, and a formatter leaves it as it is."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from pulumi_justt.cli.importing.program_text import Items, call, quoted, rendered

TEXTS = [
    "plain",
    "it's",
    'say "x"',
    '"a" it\'s "b"',
    "it's \"x\" y's",
    "back\\'slash\\",
    "tab\tand\n",
    "é☃",
    "\x00\x7f",
    "",
]


def formatted(text: str) -> str:
    """Give *text* as ruff leaves it with its defaults."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("text", TEXTS)
def test_a_literal_is_the_text(text: str) -> None:
    """Whatever is in a text, its literal stands for it."""
    assert ast.literal_eval(quoted(text)) == text


def test_a_formatter_changes_nothing() -> None:
    """Literals of all kinds, and calls and lists around the longest line, are as ruff would write them."""
    lines = [f"x = {quoted(text)}\n" for text in TEXTS]
    for length in range(30, 60):
        name = quoted("n" * length)
        inner = call("justt.credentials.ApiKeyOnly", api_key=call("config.require_secret", name))
        codes = Items("[", "]", [("", name), ("", quoted("b"))])
        for expression in (inner, call("f", quoted("x"), credentials=inner, codes=codes)):
            lines += [f"{line}\n" for line in rendered(expression, "variable = ")]
    text = "".join(lines)

    assert formatted(text) == text


def test_what_is_long_has_a_line_for_each() -> None:
    """A call that is said to be long stands on many lines even if it would fit on one."""
    expression = Items("f(", ")", [("", quoted("a")), ("b=", call("g"))], is_long=True)

    assert list(rendered(expression, "x = ")) == ["x = f(", '    "a",', "    b=g(),", ")"]
    assert str(expression) == 'f("a", b=g())'


def test_the_longest_line() -> None:
    """A call of exactly as many characters as a line may have stays on it."""
    fits = call("f", quoted("n" * 79))
    longer = call("f", quoted("n" * 80))

    assert [len(line) for line in rendered(fits, "x = ")] == [88]
    assert len(list(rendered(longer, "x = "))) == 3
