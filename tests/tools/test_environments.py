"""`make test-environments`: the tests that it runs, and its report if an environment is not possible."""

from __future__ import annotations

import os
import shutil

import pytest

import environments
from support.checkout import ROOT

INNER = "tests/tools/test_environment.py::test_variables_for_the_tests_are_kept"


def test_the_files_of_the_part_exist() -> None:
    """Each file in `environments.PART` exists.

    The names of tests after `::` are not checked here. If one does not exist, `make test-environments` fails.
    """
    assert [each for each in environments.PART if not (ROOT / each.partition("::")[0]).is_file()] == []


@pytest.mark.parametrize(("part", "code", "words"), [(INNER, 0, "passed"), (f"{INNER}_not", 1, "FAILED")])
@pytest.mark.slow
def test_each_environment_reports_the_result_of_pytest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str, code: int, words: str
) -> None:
    """`environments.main` prints one line for each environment.

    If pytest fails there, its output follows and the exit code is 1.
    """
    monkeypatch.setattr(environments, "PART", (part,))
    assert environments.main(["timezone"]) == code
    first, *more, last = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["timezone", words]
    assert bool(more) == bool(code)
    assert last == f"{1 - code} of 1 environments passed"


def test_an_environment_that_cannot_run_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If root can't become another user, the environment's line says so, and the exit code is 1."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr("environments.engine.ensure", lambda root: root)
    assert environments.main(["not-root"]) == 1
    assert "SKIPPED, which counts as a failure: there is no setpriv on PATH" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """If one name of an environment is unknown, `environments.main` runs none and lists the valid names."""
    assert environments.main(["proxy", "no-such-one"]) == 2
    assert capsys.readouterr().err.startswith("environments: unknown: no-such-one; valid: nothing, python, lang, ")
