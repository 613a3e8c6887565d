"""How tables look: on a terminal and elsewhere, with colours and without, whatever stands in a cell."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from pulumi_justt.cli import rendering
from support import environment
from support.harness import HANG_SECONDS

PROGRAM = """
from pulumi_justt.cli import rendering
text = "a b\\x1b[2J [red]c[/red] " + "long " * 40 + "\\xe9"
rendering.print_table(("VERDICT", "WHAT"), [("finding", text), ("ok", None)])
"""

ID = "2743bd7d-c6c6-4670-989a-6949b744e9d5"
WIDE = f"""
from pulumi_justt.cli import rendering
columns = ("ID", "SOURCE", "STATUS", "GO-LIVE", "ENVIRONMENT", "ACCOUNT", "MANAGED BY")
row = ("{ID}", "stripe", "SUCCESSFUL", "2026-01-01T00:00:00Z", "simulator", "acc_1", "prod: stripe-eu, dev: x")
rendering.print_table(columns, [row], spare=("ENVIRONMENT", "GO-LIVE", "ACCOUNT", "STATUS", "SOURCE"))
rendering.print_paragraphs([("finding", "unmanaged", "It is there.", 'Add adopt_id="{ID}" to [red]it\x1b[2J, or not.')])
"""


def on_a_terminal(program: str = PROGRAM, **environ: str) -> str:
    """Return what a terminal, of 60 columns unless said otherwise, is sent."""
    ours, theirs = pty.openpty()
    given = environment.build({"TERM": "xterm-256color", "COLUMNS": "60", "NO_COLOR": "", **environ})
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=given) as process:
        os.close(theirs)
        sent = b""
        with suppress(OSError):  # Linux ends a terminal so
            while some := os.read(ours, 4096):
                sent += some
        assert process.wait(HANG_SECONDS) == 0
    os.close(ours)
    return sent.decode()


def test_a_terminal() -> None:
    """Lines fit, verdicts have colours unless NO_COLOR is set, and no cell sends anything else."""
    coloured, plain = on_a_terminal(), on_a_terminal(NO_COLOR="1")
    assert "\x1b[1;31mfinding" in coloured
    assert "\x1b[2J" not in coloured
    assert "\x1b[31m" not in plain
    assert "\x1b[1;31m" not in plain
    assert "[red]c[/red]" in plain
    assert max(map(len, plain.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 60


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (200, ["ID", "SOURCE", "STATUS", "GO-LIVE", "ENVIRONMENT", "ACCOUNT", "MANAGED", "BY"]),
        (110, ["ID", "SOURCE", "STATUS", "GO-LIVE", "ACCOUNT", "MANAGED", "BY"]),
        (80, ["ID", "SOURCE", "STATUS", "MANAGED", "BY"]),
        (52, ["ID", "MANAGED", "BY"]),
        (30, ["ID", "MANAGED", "BY"]),
    ],
)
def test_a_narrow_terminal(columns: int, names: list[str]) -> None:
    """What is needed least is left out, and what is copied, as an id, stands on one line however narrow it is."""
    sent = on_a_terminal(WIDE, NO_COLOR="1", COLUMNS=str(columns)).replace("\x1b[1m", "").replace("\x1b[0m", "")
    lines = [line.rstrip() for line in sent.splitlines()]
    assert next(line for line in lines if "ID" in line).split() == names
    assert sum(ID in line for line in lines) == 2
    assert f'adopt_id="{ID}"' in sent
    if columns > len(f'    adopt_id="{ID}"'):
        assert max(len(line) for line in lines if "--json" not in line) <= columns
    assert ("--json" in sent) == (len(names) < 8)


def test_paragraphs_without_a_terminal() -> None:
    """What was seen is on one line, and what to do on the next, whole."""
    done = subprocess.run(
        [sys.executable, "-c", WIDE], capture_output=True, check=True, timeout=HANG_SECONDS, text=True
    )
    *_, first, second = done.stdout.splitlines()
    assert first == "finding: unmanaged: It is there."
    assert second == f'    Add adopt_id="{ID}" to [red]it [2J, or not.'


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1", "COLUMNS": "40"}, {"TTY_COMPATIBLE": "1"}])
def test_no_terminal(environ: dict[str, str]) -> None:
    """One line for each row, in columns, of what stdout can write; no variable makes a terminal of a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment.build({"PYTHONIOENCODING": "ascii", **environ}),
        capture_output=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    header, finding, ok = done.stdout.decode("ascii").splitlines()
    assert header == "VERDICT  WHAT"
    assert finding == f"finding  a b [2J [red]c[/red] {'long ' * 40}\\xe9"
    assert ok == "ok"


def test_a_text_that_stdout_cannot_write() -> None:
    """A program is printed all the same, and its literals mean what they meant."""
    done = subprocess.run(
        [sys.executable, "-c", r"from pulumi_justt.cli import rendering; rendering.print_text('x = \"\xe9\u2026\"\n')"],
        env=environment.build({"PYTHONIOENCODING": "latin-1"}),
        capture_output=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    assert done.stdout == b'x = "\xe9\\u2026"\n'


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table says which extra is missing, and what works without it."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(rendering.MissingLibrary, match="pip install 'pulumi-justt\\[cli\\]'`, or use --json"):
        rendering.print_table(("A",), [("b",)])


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """A document can be written anywhere, and holds no character that a terminal obeys."""
    rendering.print_json({"name": "a\x1b[31m\u202e"})
    assert capsys.readouterr().out == '{\n  "name": "a\\u001b[31m\\u202e"\n}\n'
