"""The files that GitHub and git hooks read: they do what the Makefile, the metadata and the other files say."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import environment
from support.checkout import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = (ROOT / "pyproject.toml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PYTHONS = re.findall(r"Programming Language :: Python :: (3\.\d+)", PROJECT)
TARGETS = {name for names in re.findall(r"^([a-z][a-z -]*):", MAKEFILE, re.MULTILINE) for name in names.split()}
WRITES = {
    "release.yml": {
        "attest": {"id-token": "write", "attestations": "write"},
        "publish": {"id-token": "write"},
        "github-release": {"contents": "write"},
    },
    "locks.yml": {"propose": {"contents": "write", "pull-requests": "write", "actions": "write"}},
}
"""The jobs that may write, and what they write."""
WEEKLY = {"newest", "environments"}


def load(path: Path) -> dict[str, Any]:
    """Return the content of a file of YAML."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


CI = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
RELEASE = load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
DEPENDABOT = load(ROOT / ".github" / "dependabot.yml")["updates"]


def tracked() -> list[Path]:
    """Return the files of the repository."""
    command = ("git", "ls-files", "-z")
    listed = subprocess.run(command, cwd=ROOT, env=environment.build(), stdout=subprocess.PIPE, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def made(text: str) -> set[str]:
    """Return the targets of the Makefile that a text names after `make`."""
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", text))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
class TestWorkflows:
    """What holds for each workflow of this repository."""

    def test_actions_are_pinned(self, path: Path) -> None:
        """Each action is pinned to a commit, with its version, except for this repository's own workflow."""
        used = re.findall(r"uses: *(.*)", path.read_text())
        others = [it for it in used if not it.startswith("./.github/workflows/ci.yml ")]
        assert [it for it in others if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", it)] == []

    def test_permissions_are_the_least(self, path: Path) -> None:
        """A workflow has no permission, and each job can only read the repository, except those in WRITES."""
        workflow = load(path)
        assert workflow["permissions"] == {}
        writes = WRITES.get(path.name, {})
        others = [job for name, job in workflow["jobs"].items() if name not in writes]
        assert all(job["permissions"] in ({}, {"contents": "read"}) for job in others)
        assert {name: workflow["jobs"][name]["permissions"] for name in writes} == writes

    def test_jobs_run_targets_that_exist(self, path: Path) -> None:
        """Each target of the Makefile that a job runs exists, and no job can run for hours."""
        jobs = [job for job in load(path)["jobs"].values() if "uses" not in job]
        assert all(job["timeout-minutes"] <= 90 for job in jobs)
        assert made("\n".join(step["run"] for job in jobs for step in job["steps"] if "run" in step)) <= TARGETS


def test_each_action_has_one_pin() -> None:
    """The workflows here and those to copy use the same commit of an action."""
    pins: dict[str, set[str]] = {}
    for path in [*WORKFLOWS, *(ROOT / "examples" / "workflows").glob("*.yml")]:
        for name, pin in re.findall(r"uses: *([\w-]+/[\w-]+)@(\S+ # v[\d.]+)", path.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}
    assert len(pins) >= 6


class TestCI:
    """The parts of CI."""

    def test_unit_tests_run_on_each_python_and_on_macos(self) -> None:
        """The unit tests run on each Python of the metadata, and on the oldest and newest one of each other system."""
        matrix = CI["unit"]["strategy"]["matrix"]
        assert matrix["os"] == ["ubuntu-latest"]
        assert matrix["python"] == PYTHONS
        ends = [{"os": "macos-latest", "python": version} for version in (PYTHONS[0], PYTHONS[-1])]
        assert matrix["include"] == (ends if "Operating System :: MacOS" in PROJECT else [])

    def test_engine_tests_run_on_the_oldest_and_newest_python(self) -> None:
        """All tests of the engine run on both ends of the supported Pythons, and with the pinned engine."""
        matrix = CI["engine"]["strategy"]["matrix"]
        assert matrix == {"python": [PYTHONS[0], PYTHONS[-1]], "target": ["test", "test-slow"]}
        assert load(ROOT / ".github" / "workflows" / "ci.yml")["env"] == {"JUSTT_ENGINE_ON_PATH": "off"}
        (pythons,) = [it["with"]["python-version"] for it in CI["wheel"]["steps"] if "python-version" in str(it)]
        assert pythons.split() == [PYTHONS[0], PYTHONS[-1]]

    def test_each_step_of_the_local_run_is_a_part(self) -> None:
        """Each target that `.ci/run` makes is made by a job, and each command of a job also runs by hand."""
        commands = {step["run"] for job in CI.values() for step in job["steps"] if "run" in step}
        parts = made("\n".join(commands)) | set(CI["engine"]["strategy"]["matrix"]["target"])
        parts |= {"test-all"} if {"test", "test-slow"} <= parts else set()
        assert made((ROOT / ".ci" / "run").read_text()) <= parts
        others = [it for it in commands if not it.startswith("make ") and it != "git diff --exit-code"]
        assert [it for it in others if "$RESULTS" not in it] == []

    def test_one_check_needs_all_parts(self) -> None:
        """The required check fails if any part fails, except for the weekly ones."""
        assert set(CI["required"]["needs"]) == CI.keys() - {"required"} - WEEKLY
        assert CI["required"]["if"] == "always()"
        assert {name for name, job in CI.items() if "schedule" in str(job.get("if"))} == WEEKLY

    def test_the_parts_that_end_early_come_first(self) -> None:
        """The long parts start only after the linters passed."""
        assert {name for name, job in CI.items() if job.get("needs") == "lint"} == {"engine", "wheel"}


class TestRelease:
    """The workflow of a release."""

    def test_a_release_is_published_after_all_checks(self) -> None:
        """The order is: CI and the build, the attestations, the packages, the release on GitHub."""
        needs = {name: job.get("needs", []) for name, job in RELEASE.items()}
        assert needs == {
            "ci": [],
            "build": [],
            "attest": ["ci", "build"],
            "publish": "attest",
            "github-release": "publish",
        }
        assert RELEASE["publish"]["environment"] == "release"

    def test_jobs_that_may_write_run_no_code_of_the_repository(self) -> None:
        """Only the build checks out the code. The jobs with an identity or a token get its files."""
        checked_out = {name for name, job in RELEASE.items() if "actions/checkout" in str(job)}
        assert checked_out == {"build"}
        assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()

    def test_the_build_is_the_dry_run(self) -> None:
        """The workflow builds with the command that a maintainer can run before the tag."""
        commands = [step["run"] for step in RELEASE["build"]["steps"] if "run" in step]
        assert commands == ['make release-dry-run TAG="$GITHUB_REF_NAME"']
        assert "make release-dry-run\n" in (ROOT / "RELEASING.md").read_text()


class TestHooks:
    """`.pre-commit-config.yaml`, whose tools are those of `make lint`."""

    def test_hooks_run_the_tools_of_lint(self) -> None:
        """The hooks are the tools of `make lint`, with the same arguments and from the same environment."""
        (recipe,) = re.findall(r"^lint: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
        recipe = recipe.replace("$(RUN)", ".venv/bin/python").replace("$(VENV)", ".venv")
        tools = set(re.findall(r"^\t(\.venv/bin/.*)$", recipe, re.MULTILINE))
        (repo,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
        assert {hook["entry"].replace(" --force-exclude", "") for hook in repo["hooks"]} == tools
        assert (repo["repo"], {hook["language"] for hook in repo["hooks"]}) == ("local", {"system"})


class TestUpdates:
    """The updates of dependencies."""

    @pytest.mark.parametrize(("ecosystem", "file"), [("gomod", "go.mod"), ("npm", "package-lock.json")])
    def test_each_module_of_another_language_is_updated(self, ecosystem: str, file: str) -> None:
        """Dependabot knows each folder with a go.mod or a lock of npm."""
        updates = [it for it in DEPENDABOT if it["package-ecosystem"] == ecosystem]
        known = [name for it in updates for name in it.get("directories", [it.get("directory")])]
        modules = {f"/{path.parent.relative_to(ROOT)}" for path in tracked() if path.name == file}
        assert [it for it in modules if not any(fnmatch(it, name) for name in known)] == []
        assert modules

    def test_the_rest_is_updated(self) -> None:
        """Dependabot also knows the actions, and locks.yml updates the lock files of Python."""
        assert {it["package-ecosystem"] for it in DEPENDABOT} == {"github-actions", "gomod", "npm"}
        assert "make lock\n" in (ROOT / ".github" / "workflows" / "locks.yml").read_text()


def test_no_registry_is_named() -> None:
    """No file of the project names the host of a package registry: each user has their own."""
    names = (("pypi", "org"), ("pythonhosted", "org"), ("proxy", "golang", "org"), ("registry", "npmjs", "org"))
    hosts = re.compile("|".join(r"\.".join(parts) for parts in names))
    assert [str(path) for path in tracked() if hosts.search(path.read_text(errors="replace"))] == []
