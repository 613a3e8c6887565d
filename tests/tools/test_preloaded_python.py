"""The `python3` of the engine tests, which is a fork of one process, behaves like the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support import environment, preloaded_python
from support.harness import HANG_SECONDS, eventually

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has pidfds")

PROGRAM = """
    import os, signal, sys
    import pulumi
    print(sys.argv, sys.path, sys.prefix, __name__, os.getcwd(), os.environ["GIVEN"], sys.stdin.read())
    print(os.getpgid(0) == int(sys.argv[1]) if len(sys.argv) > 1 else "", file=sys.stderr)
    sys.exit(7)
"""


def environ(**variables: str) -> dict[str, str]:
    """Return an environment whose `python3` is the one under test."""
    path = os.pathsep.join([str(preloaded_python.folder()), environment.PATH])
    return environment.build({"PATH": path, **variables}, is_measured=False)


def run(python: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with *arguments* and return what it printed."""
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=environ(GIVEN="a variable", **variables),
        input="a line",
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        preloaded_python.PIP_LIST,
        ["-m", "pip", "list", "--format", "json"],
        ["--version"],
        ["program.py"],
        ["-u", "program.py", "1"],
        ["-u", "-m", "program", "2"],
        ["-c", "import sys; print(sys.argv)"],
    ],
)
def test_it_prints_what_python_prints(arguments: list[str], tmp_path: Path) -> None:
    """Arguments, folders, variables, streams and exit codes are those of a real process."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    real = run(sys.executable, *arguments, cwd=tmp_path)
    forked = run("python3", *arguments, cwd=tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (real.returncode, real.stdout, real.stderr)


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(3)",
        "sys.exit('a reason')",
        "sys.exit(None)",
        "raise KeyboardInterrupt",
        "raise ValueError('wrong')",
    ],
)
def test_it_ends_like_python(end: str, tmp_path: Path) -> None:
    """A fork waits for its threads, runs all exit handlers in Python's order, and has Python's output and exit code."""
    (tmp_path / "program.py").write_text(
        "import atexit, logging.handlers, sys, threading, time\n"
        # The handler of `logging`, which is imported already, prints this record.
        "to_stdout = logging.StreamHandler(sys.stdout)\n"
        "logging.getLogger().addHandler(logging.handlers.MemoryHandler(9, target=to_stdout))\n"
        "logging.warning('a record')\n"
        "atexit.register(print, 'first')\n"
        "atexit.register(print, 'second', file=sys.stderr)\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('a thread'))).start()\n"
        f"{end}\n"
    )
    real = run(sys.executable, "program.py", cwd=tmp_path)
    forked = run("python3", "program.py", cwd=tmp_path)
    # The frames of a traceback differ: those of a fork begin in the server.
    assert (forked.returncode, forked.stdout) == (real.returncode, real.stdout)
    assert forked.stderr.splitlines()[-2:] == real.stderr.splitlines()[-2:]


def test_modules_of_ours_are_imported_anew(tmp_path: Path) -> None:
    """A fork has Pulumi's SDK, and none of our modules, before the program begins."""
    (tmp_path / "program.py").write_text(
        "import sys\nprint([name in sys.modules for name in ('pulumi', 'pulumi_justt')])"
    )
    assert run("python3", "program.py", cwd=tmp_path).stdout == "[True, False]\n"


@pytest.mark.parametrize("variables", [{"PYTHONOPTIMIZE": "1"}, {"LC_ALL": "POSIX"}, {"PYTHONPATH": "."}])
def test_a_variable_that_python_reads_at_its_start_starts_it(variables: dict[str, str], tmp_path: Path) -> None:
    """Such a process is not a fork: `pulumi` is not imported yet."""
    (tmp_path / "program.py").write_text("import sys\nprint('pulumi' in sys.modules)")
    assert run("python3", "program.py", cwd=tmp_path, **variables).stdout == "False\n"


@pytest.mark.parametrize(
    ("number", "is_group"), [(signal.SIGINT, True), (signal.SIGKILL, True), (signal.SIGKILL, False)]
)
def test_it_ends_with_its_group_or_its_script(number: signal.Signals, is_group: bool, tmp_path: Path) -> None:
    """A signal to the group reaches the fork. When only the script is killed, the fork is killed, too."""
    (tmp_path / "program.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    with subprocess.Popen(
        ["python3", "program.py"],
        cwd=tmp_path,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=os.setpgrp,  # noqa: PLW1509 - it only calls the system
    ) as script:
        assert script.stdout
        fork = int(script.stdout.readline())
        assert fork != script.pid
        (os.killpg if is_group else os.kill)(script.pid, number)
        assert script.wait(HANG_SECONDS) == -number
    eventually(lambda: not Path(f"/proc/{fork}").exists())
