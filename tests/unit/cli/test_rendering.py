"""The output of tables and paragraphs: on a terminal and elsewhere, with and without colors, with any text."""

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
more = ["Here.", 'Add adopt_id="{ID}" to [red]it\x1b[2J, or not.']
rendering.print_paragraphs([("finding", "unmanaged: It is there.", more)])
"""


def on_a_terminal(program: str = PROGRAM, **environ: str) -> str:
    """Run a program on a terminal, 60 columns wide by default, and return what the terminal gets."""
    ours, theirs = pty.openpty()
    given = environment.build({"TERM": "xterm-256color", "COLUMNS": "60", "NO_COLOR": "", **environ})
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=given) as process:
        os.close(theirs)
        sent = b""
        with suppress(OSError):  # on Linux, reading fails when the terminal closes
            while some := os.read(ours, 4096):
                sent += some
        assert process.wait(HANG_SECONDS) == 0
    os.close(ours)
    return sent.decode()


def test_a_terminal_gets_fitted_colored_tables() -> None:
    """On a terminal, a table fits into the width and colors the verdicts, unless NO_COLOR is set.

    Control characters and markup in a cell have no effect.
    """
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
@pytest.mark.daily(1)
def test_a_narrow_terminal_leaves_out_columns(columns: int, names: list[str]) -> None:
    """On a narrow terminal, a table leaves out its least important columns and names `--json`.

    An id always stays on one line.
    """
    sent = on_a_terminal(WIDE, NO_COLOR="1", COLUMNS=str(columns)).replace("\x1b[1m", "").replace("\x1b[0m", "")
    lines = [line.rstrip() for line in sent.splitlines()]
    assert next(line for line in lines if "ID" in line).split() == names
    assert sum(ID in line for line in lines) == 2
    assert f'adopt_id="{ID}"' in sent
    if columns > len(f'    adopt_id="{ID}"'):
        assert max(len(line) for line in lines if "--json" not in line) <= columns
    assert ("--json" in sent) == (len(names) < 8)


@pytest.mark.parametrize(("columns", "lines"), [(60, 1), (40, 2)])
def test_a_narrow_terminal_shows_a_column_below_another_one(columns: int, lines: int) -> None:
    """If a terminal is too narrow for a column with a place below another one, each row gets a second line."""
    program = f"""
from pulumi_justt.cli import rendering
rendering.print_table(("ID", "NAME"), [("{ID}", "stripe"), (None, "a b")], spare=("NAME",), below={{"NAME": "ID"}})
"""
    sent = on_a_terminal(program, NO_COLOR="1", COLUMNS=str(columns)).replace("\x1b[1m", "").replace("\x1b[0m", "")
    words = [line.split() for line in sent.splitlines() if line.strip(" ─")]
    rows = [["ID", "NAME"], [ID, "stripe"], ["a", "b"]]
    assert words == (rows if lines == 1 else [["ID"], ["NAME"], [ID], ["stripe"], ["a", "b"]])


def test_paragraphs_without_a_terminal_are_not_folded() -> None:
    """Without a terminal, each line of a finding is printed on one line, with all but the first one indented."""
    done = subprocess.run(
        [sys.executable, "-c", WIDE], capture_output=True, check=True, timeout=HANG_SECONDS, text=True
    )
    *_, first, second, third = done.stdout.splitlines()
    assert first == "finding: unmanaged: It is there."
    assert second == "    Here."
    assert third == f'    Add adopt_id="{ID}" to [red]it [2J, or not.'


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1", "COLUMNS": "40"}, {"TTY_COMPATIBLE": "1"}])
@pytest.mark.daily(1)
def test_a_pipe_gets_plain_columns(environ: dict[str, str]) -> None:
    """If stdout is a pipe, a table has one plain line for each row, with characters escaped that stdout can't encode.

    No variable changes this.
    """
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


def test_characters_that_stdout_cannot_encode_are_escaped() -> None:
    """If stdout can't encode a character of a program, the printed program has an escape of the same meaning."""
    done = subprocess.run(
        [sys.executable, "-c", r"from pulumi_justt.cli import rendering; rendering.print_text('x = \"\xe9\u2026\"\n')"],
        env=environment.build({"PYTHONIOENCODING": "latin-1"}),
        capture_output=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    assert done.stdout == b'x = "\xe9\\u2026"\n'


def test_without_rich_a_table_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """If rich is missing, printing a table fails with an error that names the extra to install and `--json`."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(rendering.MissingLibrary, match="pip install 'pulumi-justt\\[cli\\]'`, or use --json"):
        rendering.print_table(("A",), [("b",)])


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` output is ASCII without control characters, so any stream can encode it."""
    rendering.print_json({"name": "a\x1b[31m\u202e"})
    assert capsys.readouterr().out == '{\n  "name": "a\\u001b[31m\\u202e"\n}\n'
