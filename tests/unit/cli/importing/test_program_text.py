"""The text of a generated program: it has the right values, and a formatter does not change it."""

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
    """`quoted` returns a Python literal that evaluates to the given text, for any characters."""
    assert ast.literal_eval(quoted(text)) == text


def test_a_formatter_changes_nothing() -> None:
    """Generated literals, calls and lists are formatted as ruff formats them, also near the maximum line length."""
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
    """`rendered` splits a call with `is_long` over several lines, even if the call would fit on one line."""
    expression = Items("f(", ")", [("", quoted("a")), ("b=", call("g"))], is_long=True)

    assert list(rendered(expression, "x = ")) == ["x = f(", '    "a",', "    b=g(),", ")"]
    assert str(expression) == 'f("a", b=g())'


def test_a_call_of_the_maximum_length_stays_on_one_line() -> None:
    """`rendered` doesn't split a call of exactly the maximum line length, and splits a call that is longer."""
    fits = call("f", quoted("n" * 79))
    longer = call("f", quoted("n" * 80))

    assert [len(line) for line in rendered(fits, "x = ")] == [88]
    assert len(list(rendered(longer, "x = "))) == 3
