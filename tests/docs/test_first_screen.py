"""The first screen of the README: promises that tests prove, and what a reader has to know before using the package."""

from __future__ import annotations

import re

from support.checkout import ROOT

GUARANTEES = (ROOT / "docs" / "explanation" / "guarantees.md").read_text()
FIRST_SCREEN = (ROOT / "README.md").read_text().partition("\n## ")[0]


def test_each_promise_is_a_section_of_the_guarantees() -> None:
    """The README's three promises are the first three sections of the page with their tests."""
    promises = re.findall(r"^\d\. \*\*(.+?)\.\*\*", FIRST_SCREEN, re.MULTILINE)
    assert len(promises) == 3
    assert re.findall(r"^## (.+)$", GUARANTEES, re.MULTILINE)[:3] == promises


def test_each_guarantee_names_a_test() -> None:
    """Each row of the page links to at least one existing file with tests."""
    rows = [
        line for line in GUARANTEES.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| gu"))
    ]
    assert len(rows) > 20
    for row in rows:
        files = re.findall(r"\]\((\.\./\.\./tests/[\w/.]+\.py)\)", row)
        assert files, row
        assert all((ROOT / "docs" / "explanation" / file).exists() for file in files)


def test_the_caveats_come_before_the_first_section() -> None:
    """The first screen fits on a screen, and says what the package isn't and how to avoid a gap in a rotation."""
    assert len(FIRST_SCREEN.splitlines()) <= 45
    for words in (
        "beta",
        "not published",
        "dynamic provider",
        "in Python",
        "never run against Justt itself",
        "The old integration stops when the new one\n  is still `PENDING`",
        'justt.IntegrationReady("stripe-eu-ready", integration=stripe)',
    ):
        assert words in FIRST_SCREEN
