"""The environment of the tests contains no variables of the caller, and all programs of the tests use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from support import environment
from support.checkout import ROOT
from support.harness import HANG_SECONDS

BUILT = {"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME", "LANG", "PYTHONPATH"}
PROGRAM = "import environment, json, os; environment.enter(); print(json.dumps(dict(os.environ)))"
USERS_OWN = {
    "JUSTT_API_KEY": "a-key-of-the-user",
    "PULUMI_BACKEND_URL": "file:///no/such/folder",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "XDG_STATE_HOME": "/no/such/folder",
    "PYTHONUNBUFFERED": "1",
    "LANG": "de_DE.UTF-8",
}


def entered(**caller: str) -> dict[str, str]:
    """Return the environment of the tests if the caller has these variables."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "tests" / "support"), **caller}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, check=True, text=True, timeout=HANG_SECONDS
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_variables_of_the_caller_are_dropped() -> None:
    """Whatever variables the caller of the tests has, the tests get the same variables, with temporary folders."""
    found = entered(**USERS_OWN)
    # Python itself may add this variable: https://peps.python.org/pep-0538/
    assert found.keys() - {"LC_CTYPE"} == BUILT
    assert not set(found.values()) & set(USERS_OWN.values())
    assert found["HOME"] not in (os.environ["HOME"], str(Path("~").expanduser()))
    assert {Path(found["TMPDIR"]).parts[:-1], Path(found["XDG_STATE_HOME"]).parts[:-2]} == {Path(found["HOME"]).parts}
    assert not Path(found["HOME"]).exists(), "it is removed when the process ends"


def test_variables_for_the_tests_are_kept() -> None:
    """The tests keep the caller's variables for repetitions, golden files and test environments."""
    found = entered(TEST_EFFORT="3", UPDATE_GOLDEN="1", TEST_VARIABLES='{"TZ": "Asia/Kathmandu", "LANG": "C"}')
    assert found.keys() - {"LC_CTYPE"} == BUILT | {"TEST_EFFORT", "UPDATE_GOLDEN", "TEST_VARIABLES", "TZ"}
    assert (found["TZ"], found["LANG"]) == ("Asia/Kathmandu", "C")


def test_this_process_uses_it() -> None:
    """The process of the tests has the same environment as the programs that the tests start."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own.pop("LC_CTYPE", None)
    # Each test has its own journal.
    assert own.pop("XDG_STATE_HOME") != (built := environment.build()).pop("XDG_STATE_HOME")
    assert own == built


def test_no_test_extends_the_environment_of_its_process() -> None:
    """Tests and tools read single variables of `os.environ` only.

    They never pass it on: `environment.build` makes a program's environment. A fork of `python_server` has that of the
    script which it stands for.
    """
    rooms = ("tests", "tools/benchmarks", "tools/docs", "tools/release")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    found = {path.name for path in files if re.search(r"os\.environ(?!\[|\.get\()", path.read_text())}
    assert found == {"environment.py", "preloaded_python.py", "python_server.py", "test_environment.py"}
