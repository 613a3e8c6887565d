"""The terminal in which the tutorial runs: what it shows after control sequences, and how it answers prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import environment, terminal

ASKS = """
printf 'name: '
read -rs name
printf '\\r\\033[Kname: got one\\n'
test -t 0 && test -t 1 && test "$name" = "$1" && exit 3
exit 4
"""


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("one\r\ntwo\r\n", "one\ntwo"),
        ("\x1b[38;5;1mred\x1b[0m \x1b]11;?\x1b\\plain", "red plain"),
        ("one\r\ntwo\r\n\x1b[2Aten\x1b[K\r\n", "ten\ntwo"),
        ("progress 10 %\rready\x1b[K", "ready"),
        ("a question\x1b[2K\rgone", "gone"),
        ("\x1b7menu\r\nyes\r\n\x1b8\x1b[Janswer: yes", "answer: yes"),
        ("abc\b\bX", "aXc"),
        ("\x1b[5Gat 5\x1b[?25l\x1b[2004h", "    at 5"),
        ("\x1b[9Aabove the top", "above the top"),
    ],
)
def test_the_screen_after_control_sequences(printed: str, shown: str) -> None:
    """Later output replaces earlier output where the control sequences put it. Colors are dropped."""
    screen = terminal.Screen()
    screen.feed(printed)
    assert screen.text() == shown


def test_prompts_are_answered(tmp_path: Path) -> None:
    """The script runs in a terminal and gets the answer to its prompt, which nothing shows."""
    code, shown, printed = terminal.run(
        ASKS, "script", "canary", cwd=tmp_path, environ=environment.build(), answers={"name: ": "canary\r"}, seconds=60
    )
    assert (code, shown) == (3, "name: got one")
    assert b"canary" not in printed


def test_a_command_that_waits_for_more_fails(tmp_path: Path) -> None:
    """If a prompt has no answer, the error shows the screen."""
    with pytest.raises(AssertionError, match="the terminal shows:\nname:"):
        terminal.run(ASKS, "script", cwd=tmp_path, environ=environment.build(), answers={}, seconds=1)
