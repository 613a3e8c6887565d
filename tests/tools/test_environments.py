"""`make test-environments`: what it runs, and what it says of an environment that it cannot try."""

from __future__ import annotations

import os
import shutil

import pytest

import environments
from support.checkout import ROOT

INNER = "tests/tools/test_environment.py::test_variables_for_the_tests_are_kept"


def test_the_part_exists() -> None:
    """Each file of the part is there; pytest itself refuses a test that is not."""
    assert [each for each in environments.PART if not (ROOT / each.partition("::")[0]).is_file()] == []


@pytest.mark.parametrize(("part", "code", "words"), [(INNER, 0, "passed"), (f"{INNER}_not", 1, "FAILED")])
@pytest.mark.slow
def test_the_result_is_that_of_pytest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str, code: int, words: str
) -> None:
    """One line for each environment; what pytest printed follows only if it failed."""
    monkeypatch.setattr(environments, "PART", (part,))
    assert environments.main(["timezone"]) == code
    first, *more, last = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["timezone", words]
    assert bool(more) == bool(code)
    assert last == f"{1 - code} of 1 environments passed"


def test_an_environment_that_cannot_be_tried_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where root cannot become another user, the line says so, and the exit code is not 0."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr("environments.engine.ensure", lambda root: root)
    assert environments.main(["not-root"]) == 1
    assert "SKIPPED, which is no success: there is no setpriv on PATH" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not in the list runs nothing."""
    assert environments.main(["proxy", "no-such-one"]) == 2
    assert capsys.readouterr().err.startswith("environments: no no-such-one; there are nothing, python, lang, ")
