"""`make test-newest`: which engine its commands find, and which modules it updates."""

from __future__ import annotations

import os
from pathlib import Path

import newest
from support.checkout import ROOT


def test_the_newest_engine_comes_first() -> None:
    """The tests find the new engine before any other one, and the user's index is used."""
    given = {"PATH": "/usr/bin", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "HOME": "/home/me"}
    environ = newest.environment(given, Path("/engine"))
    assert environ["PATH"].split(os.pathsep)[0] == "/engine"
    assert environ["PATH"].endswith("/usr/bin")
    assert (environ["JUSTT_ENGINE_ON_PATH"], environ["UV_DEFAULT_INDEX"]) == ("on", "http://127.0.0.1:9/simple")
    assert environ["HOME"] == "/home/me"


def test_an_engine_on_path_is_not_taken_for_the_newest() -> None:
    """While the newest engine is made, a CLI on PATH is not used."""
    assert newest.environment({"PATH": "/usr/bin"}, None)["JUSTT_ENGINE_ON_PATH"] == "off"


def test_what_differs_does_not_run() -> None:
    """The tests of known differences exist, and pytest leaves them out."""
    options = newest.environment({}, None)["PYTEST_ADDOPTS"]
    for test in newest.KNOWN:
        file, *_, case = test.split("::")
        assert f"def {case.partition('[')[0]}(" in (ROOT / file).read_text()
        assert f"--deselect={test}" in options.split()


def test_the_modules_are_those_of_the_engine() -> None:
    """The modules that are updated are those that the engine pins directly."""
    direct = (ROOT / "tools" / "engine" / "cli" / "go.mod").read_text().partition("require (")[2].partition(")")[0]
    assert [line.split()[0] for line in direct.strip().splitlines()] == list(newest.MODULES)
