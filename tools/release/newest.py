"""Run tests with the newest Pulumi, in a copy of the repository: `make test-newest`, or ARGS=test-unit for that target.

The engine is built from the newest Go modules, and the SDK is the newest one that `pyproject.toml` allows. The lock
files and `tools/engine` keep their versions, so the tests of Pulumi's own texts are skipped, as with any other engine.
The exit code is that of the target. A failure means that a user with the newest Pulumi may see something that
docs/explanation/limits.md doesn't say. If it should only be said there, say it, and add the test to KNOWN.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "engine"), str(ROOT / "tests")]

import engine  # noqa: E402 - on sys.path since the line above
import go_build  # noqa: E402 - on sys.path since the line above
from support.environment import CALLER  # noqa: E402 - on sys.path since the line above
from this_machine import copy_repository  # noqa: E402 - on sys.path since the line above

__all__ = ["KNOWN", "MODULES", "environment", "main"]

MODULES = ("github.com/pulumi/pulumi/pkg/v3", "github.com/pulumi/pulumi/sdk/v3")
KNOWN = (
    "tests/engine/test_engine.py::TestRefused::test_invalid_settings_are_reported_by_preview",
    "tests/engine/test_upgrades.py::test_recorded_states_still_work[0.1.0]",
)
"""Tests of what differs with newer versions of Pulumi, as limits.md says. They don't run."""


def main(arguments: Sequence[str]) -> int:
    """Run the target of the Makefile, and return its exit code."""
    target = arguments[0] if arguments else "test"
    with tempfile.TemporaryDirectory(prefix="pulumi-justt-newest-") as folder:
        copy = Path(folder) / "repository"
        copy_repository(copy)
        newest = _build_engine(copy)
        # It installs the package and the locked SDK; a second run of make doesn't repeat that.
        _run("make", ".venv/.dev", cwd=copy)
        python = copy / ".venv" / "bin" / "python"
        install = ("uv", "pip", "install", "--quiet", "--system-certs", "--upgrade-package", "pulumi", "pulumi<4")
        _run(*install, "--python", str(python), cwd=copy)
        shown = "import importlib.metadata as m; print('SDK', m.version('pulumi'), flush=True)"
        _run(str(python), "-c", shown, cwd=copy)
        _run("pulumi", "version", cwd=copy, first=newest)
        return _run("make", target, cwd=copy, first=newest, check=False)


def environment(environ: Mapping[str, str], first: Path | None) -> dict[str, str]:
    """Return the variables of a command: the user's own, with *first* before all other folders on PATH.

    Without *first*, no CLI on PATH is used.
    """
    folders = [*([str(first)] if first else []), str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]
    return {
        **environ,
        "PATH": os.pathsep.join(folders),
        "JUSTT_ENGINE_ON_PATH": "on" if first else "off",
        "PYTEST_ADDOPTS": " ".join(f"--deselect={test}" for test in KNOWN),
        # The same index as in the Makefile.
        "UV_DEFAULT_INDEX": environ.get("UV_DEFAULT_INDEX") or environ.get("PIP_INDEX_URL", ""),
    }


def _build_engine(copy: Path) -> Path:
    """Make an engine of the newest modules in *copy*, and reset the pinned versions there."""
    cli = copy / "tools" / "engine" / "cli"
    pinned = {file: file.read_bytes() for file in (cli / "go.mod", cli / "go.sum")}
    env = environment(CALLER, None)
    project = engine.load(copy)
    store = project.cache.parent / "go"
    go = go_build.find_go(
        project.modules, project.go, store, go_build.environment(env, store), lambda line: print(line, flush=True)
    )
    go.run("get", *(f"{module}@latest" for module in MODULES), cwd=cli)
    go.run("mod", "tidy", "-e", cwd=cli)
    made = engine.ensure(copy, env)
    for file, content in pinned.items():
        file.write_bytes(content)
    return made


def _run(*command: str, cwd: Path, first: Path | None = None, check: bool = True) -> int:
    return subprocess.run(command, cwd=cwd, env=environment(CALLER, first), check=check).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
