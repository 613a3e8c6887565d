"""Find this machine's Python interpreters, and copy its checkout, for the release scripts.

The unit tests import it, so it imports nothing that is slow to load, unlike `wheel` and `dist`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from support import environment  # noqa: E402 - the line above makes it importable

__all__ = ["copy_repository", "interpreters"]


def copy_repository(folder: Path) -> list[str]:
    """Copy the files that are or will be in the repository, and return their paths."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    environ = environment.build({"PYTHONPATH": ""})
    listed = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return names


def interpreters(versions: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield each of *versions* that this machine has, with the path of its interpreter."""
    names = ["python{}.{}".format(*version) for version in versions]
    paths = [path for name in [*names, "python3"] if (path := shutil.which(name))]
    # Not HOME, which is a temporary folder in `.ci/run`.
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    paths += map(str, home.glob(".pyenv/versions/3.*/bin/python3"))
    for path in paths:
        done = subprocess.run(
            [path, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"],
            env=environment.build(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and (version := tuple(map(int, done.stdout.split()))) in versions:
            yield (version[0], version[1]), path
