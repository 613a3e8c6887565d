"""Run a part of the test suite in each of ENVIRONMENTS: `make test-environments`, or one of them with ARGS="proxy".

The part covers each kind of program that tests start: the engine with the provider, the command line, a page of the
docs, the scan for secrets and the provider's host. Each run starts with the same few variables (`environment.build`)
and those that the environment adds. These additions are the only difference from a clean run.

The tests drop the variables of their caller, so variables set for pytest would never reach the product. That is why
the additions are also in TEST_VARIABLES, whose content the tests pass to every process that they start. The exception
is USERS_OWN: these are settings of the product, which change its behavior. They must not reach a test, and
`test_project.py` passes them to `make up`.
Exit codes: 0 if all passed, 1 if one failed or was skipped, 2 for a name that is not in the list.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "engine"), str(ROOT / "tests")]

import engine  # noqa: E402 - on sys.path since the line above
from support import environment  # noqa: E402 - on sys.path since the line above
from this_machine import copy_repository  # noqa: E402 - on sys.path since the line above

__all__ = ["ENVIRONMENTS", "PART", "USERS_OWN", "main"]

PART = (
    "tests/unit/cli/test_cli.py",
    "tests/docs/test_docs.py::test_page_does_what_it_shows[README.md]",
    "tests/unit/cli/doctor/test_doctor.py",
    "tests/engine/test_engine.py::TestLife::test_destroy_of_an_inactive_integration_succeeds",
    "tests/engine/test_engine.py::TestLife::test_refresh_shows_a_status_and_drops_inactive",
    "tests/tools/test_engine_setup.py",
    "tests/tools/test_environment.py",
    "tests/host/test_host.py",
    "tests/unit/cli/list/test_inventory.py",
    "tests/tools/test_project.py::test_variables_of_the_user_are_ignored",
    "tests/unit/cli/recover/test_recovery.py",
    "tests/unit/test_references.py",
    "tests/unit/cli/test_rendering.py",
    "tests/engine/test_secrets.py::TestGate::test_misplaced_secrets_are_not_shown",
    "tests/unit/core/test_config.py",
)
UNPRIVILEGED_USER = 65534
"""The id of a user who owns no files."""
USERS_OWN = {
    "PULUMI_BACKEND_URL": "file:///no/such/folder",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/no/such/file",
    "PULUMI_STACK": "acme/shop/production",
    "JUSTT_API_KEY": "a-real-key",
    "JUSTT_API_KEY_OVERRIDE": "another-real-key",
    "JUSTT_BASE_URL": "http://127.0.0.1:9/v1",
    "JUSTT_ENVIRONMENT": "production",
    "JUSTT_ON_AMBIGUOUS_CREATE": "adopt",
    "JUSTT_REQUESTS_PER_MINUTE": "1",
    "JUSTT_TIMEOUT_SECONDS": "0.001",
}
DEAD_PROXY = "http://127.0.0.1:9"


class CannotRunError(Exception):
    """This machine can't run the part in an environment; the text says why."""


@dataclass(frozen=True)
class Environment:
    """One environment.

    Args:
        variables: Variables of pytest and of all processes that the tests start.
        around: Variables of pytest only.
        umask: The umask, if it differs from the caller's.
        is_unprivileged: Whether it must run as a user other than root.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    around: Mapping[str, str] = field(default_factory=dict)
    umask: int = -1
    is_unprivileged: bool = False


ENVIRONMENTS = {
    "nothing": Environment(),  # among others, without PYTHONUNBUFFERED and PYTHONDONTWRITEBYTECODE
    "python": Environment({"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}),
    "lang": Environment({"LANG": "C"}),
    "timezone": Environment({"TZ": "Asia/Kathmandu"}),
    "umask": Environment(umask=0o077),
    "columns": Environment({"COLUMNS": "40"}),
    "no-color": Environment({"NO_COLOR": "1"}),
    "force-color": Environment({"FORCE_COLOR": "1"}),
    "users-own": Environment(around=USERS_OWN),
    "proxy": Environment(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), DEAD_PROXY)),
    "not-root": Environment(is_unprivileged=True),
}


def main(names: Sequence[str]) -> int:
    """Run the part in each environment, print a line for each, and return the exit code."""
    if unknown := set(names) - ENVIRONMENTS.keys():
        sys.stderr.write(f"environments: unknown: {', '.join(sorted(unknown))}; valid: {', '.join(ENVIRONMENTS)}\n")
        return 2
    engine.ensure(ROOT)
    passed = 0
    chosen = names or [*ENVIRONMENTS]
    for name in chosen:
        started = time.monotonic()
        try:
            output = _failure(ENVIRONMENTS[name])
            word = "FAILED" if output else "passed"
        except CannotRunError as reason:
            output, word = "", f"SKIPPED, which counts as a failure: {reason}"
        print(f"{name:12} {word} {time.monotonic() - started:.0f} s", flush=True)
        print(output, end="", flush=True)
        passed += word == "passed"
    print(f"{passed} of {len(chosen)} environments passed")
    return 0 if passed == len(chosen) else 1


def _failure(chosen: Environment) -> str:
    """Run the part, and return the output of pytest if it failed."""
    with tempfile.TemporaryDirectory(prefix="pulumi-justt-environment-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        root, command = ROOT, [sys.executable]
        if chosen.is_unprivileged and os.geteuid() == 0:
            root = _copy(Path(folder))
            command = [*_becoming(UNPRIVILEGED_USER), str(root / ".venv" / "bin" / "python")]
        given = {**chosen.variables, **chosen.around, "TEST_VARIABLES": json.dumps(chosen.variables)}
        environ = environment.build({**given, "PYTHONPATH": str(root / "provider")}, home=home)
        if root != ROOT:
            _give(home)
        done = subprocess.run(
            [*command, "-m", "pytest", "--quiet", "--numprocesses", "3", "--dist", "worksteal", *PART],
            cwd=root,
            env=environ,
            umask=chosen.umask,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return done.stdout if done.returncode else ""


def _becoming(user: int) -> list[str]:
    program = shutil.which("setpriv")
    if program is None:
        raise CannotRunError("there is no setpriv on PATH, which is needed to run as a user other than root")
    return [program, f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]


def _copy(folder: Path) -> Path:
    """Copy the repository, with the engine and a virtual environment, for a user who is not root."""
    folder.chmod(0o755)
    become, root = _becoming(UNPRIVILEGED_USER), folder / "repository"
    python = _python(become)
    copy_repository(root)
    made = engine.load(ROOT).cache
    if made.exists():
        shutil.copytree(made, engine.load(root).cache)
    home = folder / "set-up"
    home.mkdir()
    environ = environment.build({"PYTHONPATH": ""}, home=home)
    _give(folder)
    done = subprocess.run(
        [*become, "make", f"PYTHON={python}", ".venv/.dev"],
        cwd=root,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotRunError(f"`make .venv/.dev` failed:\n{done.stdout}")
    return root


def _python(become: Sequence[str]) -> str:
    """Return a Python that this user can run: root's own may be in a folder that only root can open."""
    check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"
    names = ["python3", *(f"python3.{minor}" for minor in range(14, 9, -1))]
    for folder in environment.CALLER["PATH"].split(os.pathsep):
        for path in (f"{folder}/{name}" for name in names if Path(folder, name).exists()):
            command = [*become, path, "-c", check]
            if subprocess.run(command, cwd="/", env={}, capture_output=True, check=False).returncode == 0:
                return path
    raise CannotRunError("no Python 3.10 or later with venv and pip on PATH is one that a user other than root can run")


def _give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UNPRIVILEGED_USER, UNPRIVILEGED_USER, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
