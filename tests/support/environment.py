"""The environment of the tests, and of everything that they start, built from nothing.

Of the caller's variables only PATH gets here, and those that are meant for the tests themselves. So a test passes or
fails alike on every machine, and a key or a proxy in the caller's shell is not used by accident.

`make test-environments` tries other environments: it puts them into TEST_VARIABLES, as JSON, because anything else that
it would set is dropped here. They are a user's own, so the variables that a test sets itself come before them.
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

__all__ = ["CALLER", "PATH", "build", "enter"]

CALLER = dict(os.environ)
"""The caller's variables: for tools that set something up (Go, git, pip), and never for what is tested."""

PATH = os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), *CALLER["PATH"].split(os.pathsep)]))
"""The folders of programs; `python` is the interpreter that runs the tests."""

_ROOT = Path(__file__).resolve().parents[2]
_OPTIONS = ("TEST_EFFORT", "TEST_VARIABLES", "UPDATE_DOCS", "UPDATE_GOLDEN")
_FOLDER = Path(tempfile.mkdtemp(prefix="pulumi-justt-tests-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def build(
    variables: Mapping[str, str] | None = None, *, home: Path = _FOLDER, is_measured: bool = True
) -> dict[str, str]:
    """Return a new environment.

    Args:
        variables: Further variables, which replace those of the same name.
        home: An existing folder, for HOME and what is below it.
        is_measured: Whether a Python process that gets it reports its coverage, if the tests are measured at all.
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
        # The sources, and not the copy that is installed beside the dependencies.
        "PYTHONPATH": str(_ROOT / "provider"),
        **kept,
        **(coverage if is_measured else {}),
        **json.loads(CALLER.get("TEST_VARIABLES", "{}")),
        **(variables or {}),
    }


def enter() -> None:
    """Give this process the built environment, which each process that it starts inherits."""
    # Pytest takes its own variables back one by one.
    pytest_own = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    os.environ.clear()
    os.environ.update({**build(), **pytest_own})
