"""Builds the environment of the tests, and of every process that they start, from scratch.

Of the caller's variables, it keeps only PATH and those that are meant for the tests themselves. So a test has the same
result on every machine, and can't use a key or a proxy of the caller's shell by accident.

`make test-environments` runs the tests in other environments: it passes them as JSON in TEST_VARIABLES, because this
module drops any other variable. They stand for a user's variables, so the variables that a test sets override them.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["CALLER", "PATH", "PYTHON_PATH", "build", "enter"]

CALLER = dict(os.environ)
"""The caller's variables. Use them for set-up tools (Go, git, pip) only, never for the code under test."""

PATH = os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), *CALLER["PATH"].split(os.pathsep)]))
"""The folders on PATH; `python` is the interpreter that runs the tests."""

PYTHON_PATH = str(Path(__file__).resolve().parents[2] / "provider")
"""The folder of the sources, so that the copy that is installed with the dependencies is not used."""

_OPTIONS = ("TEST_EFFORT", "TEST_VARIABLES", "UPDATE_DOCS", "UPDATE_GOLDEN")
_FOLDER = Path(tempfile.mkdtemp(prefix="pulumi-justt-tests-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def build(
    variables: Mapping[str, str] | None = None, *, home: Path = _FOLDER, is_measured: bool = True
) -> dict[str, str]:
    """Return a new environment.

    Args:
        variables: Additional variables. They override the variables of the same name.
        home: An existing folder, for HOME and the folders below it.
        is_measured: Whether a Python process with this environment reports its coverage, if coverage is on at all.
    """
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {name: CALLER[name] for name in _OPTIONS if name in CALLER}
    coverage = {name: value for name, value in CALLER.items() if name.startswith("COVERAGE_PROCESS_")}
    return {
        "PATH": PATH,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": PYTHON_PATH,
        **kept,
        **(coverage if is_measured else {}),
        **json.loads(CALLER.get("TEST_VARIABLES", "{}")),
        **(variables or {}),
    }


def enter() -> None:
    """Give this process the built environment. Each process that it starts inherits it."""
    # Delete the variables one by one: pytest restores its own.
    pytest_own = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    os.environ.clear()
    os.environ.update({**build(), **pytest_own})
