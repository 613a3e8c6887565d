"""docs/supported-versions.md says what pyproject.toml, the locks and the workflow for CI say."""

from __future__ import annotations

import re

import yaml

import engine
from support.checkout import ROOT

PAGE = (ROOT / "docs" / "supported-versions.md").read_text()
ROWS = {
    cells[0].partition(" (")[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| ") and (cells := [cell.strip() for cell in line.strip("|").split("|")])
}
PROJECT = (ROOT / "pyproject.toml").read_text()


def test_supported_versions_of_python() -> None:
    """The page has the oldest and the newest Python of the package's metadata, and the workflow runs all of them."""
    listed = re.findall(r"Programming Language :: Python :: (3\.\d+)", PROJECT)
    supported, tests, *_ = ROWS["Python"]
    assert supported == f"{listed[0]} to {listed[-1]}"
    assert f'requires-python = ">={listed[0]}"' in PROJECT
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["unit"]["strategy"]["matrix"]["python"] == listed
    assert tests.endswith(f"{listed[0]} to {listed[-1]}")


def test_supported_versions_of_pulumi() -> None:
    """The page has the minimum versions, and the versions with which the tests run."""
    oldest = ".".join(map(str, engine.MINIMUM[:2]))
    assert ROWS["Pulumi's CLI"][:2] == [f"{oldest} or later", str(engine.load(ROOT).version)]
    locked = re.findall(r"^pulumi==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert f'"pulumi>={oldest},<4"' in PROJECT
    assert ROWS["Pulumi's SDK"][:2] == [f"{oldest} or later, below 4", *locked]


def test_minimum_versions_of_dependencies() -> None:
    """The page has the minimum versions of the other packages."""
    for name, version in re.findall(r'"(httpx|pydantic)>=([\d.]+)', PROJECT):
        assert f"`{name}` {version}" in PAGE
