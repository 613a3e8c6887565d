"""How to install the package: all pages and examples say what tools/docs/install.py says, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import install
from support.checkout import ROOT

PAGES = [path for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md") for path in sorted(ROOT.glob(pattern))]
_FIRST_SCREEN = 60
"""The lines of the README that a reader sees before anything else."""


def test_files_match_their_source() -> None:
    """Each page and each requirements.txt has the text of tools/docs/install.py."""
    stale = [str(path.relative_to(ROOT)) for path, text in install.written().items() if path.read_text() != text]
    assert stale == [], "run `make docs`"


def test_the_first_screen_says_how_to_install() -> None:
    """The first screen of the README says that nothing is published, and shows the commands that work."""
    lines = (ROOT / "README.md").read_text().splitlines()
    screen = "\n".join(lines[:_FIRST_SCREEN])
    assert "isn't published yet" in screen
    assert all(f"$ {command}" in screen for command in install.COMMANDS)
    marked = {path.relative_to(ROOT).as_posix() for path in install.written() if path.suffix == ".md"}
    assert {"README.md", "docs/tutorial.md", "docs/how-to/install.md"} <= marked


def test_each_example_installs_the_package() -> None:
    """Each example's requirements.txt begins with the package. Its path leads to this repository."""
    files = sorted(ROOT.glob("examples/*/requirements.txt"))
    assert len(files) == len(list(ROOT.glob("examples/*/Pulumi.yaml")))
    for file in files:
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert lines[0] == install.REQUIREMENT
        assert (file.parent / lines[0]).resolve() == ROOT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_installs_the_package_in_another_way(page: Path) -> None:
    """No page installs the package by its name, which may be another package, or clones an invented address."""
    text = install.unmarked(page.read_text())
    if page.name != "errors.md":  # these messages appear only if the package is installed
        assert re.findall(r"(?:pip install|pip add|uv add|poetry add)[^`\n]*pulumi-justt(?!\[cli\]'` adds)", text) == []
    assert re.findall(r"git clone\s+\S+", text) == []
