"""Program text: it has the right value, and a formatter does not change it."""

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
    """Return *text* as ruff formats it by default."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("text", TEXTS)
def test_a_literal_evaluates_to_the_text(text: str) -> None:
    """Any text has a literal that evaluates to it."""
    assert ast.literal_eval(quoted(text)) == text


def test_a_formatter_changes_nothing() -> None:
    """All kinds of literals, and calls and lists near the maximum line length, are as ruff would write them."""
    lines = [f"x = {quoted(text)}\n" for text in TEXTS]
    for length in range(30, 60):
        name = quoted("n" * length)
        inner = call("justt.credentials.ApiKeyOnly", api_key=call("config.require_secret", name))
        codes = Items("[", "]", [("", name), ("", quoted("b"))])
        for expression in (inner, call("f", quoted("x"), credentials=inner, codes=codes)):
            lines += [f"{line}\n" for line in rendered(expression, "variable = ")]
    text = "".join(lines)

    assert formatted(text) == text


def test_a_long_call_has_one_argument_on_each_line() -> None:
    """A call with `is_long` is split even if it would fit on one line."""
    expression = Items("f(", ")", [("", quoted("a")), ("b=", call("g"))], is_long=True)

    assert list(rendered(expression, "x = ")) == ["x = f(", '    "a",', "    b=g(),", ")"]
    assert str(expression) == 'f("a", b=g())'


def test_a_call_of_the_maximum_length_stays_on_one_line() -> None:
    """A call of exactly the maximum line length is not split."""
    fits = call("f", quoted("n" * 79))
    longer = call("f", quoted("n" * 80))

    assert [len(line) for line in rendered(fits, "x = ")] == [88]
    assert len(list(rendered(longer, "x = "))) == 3
