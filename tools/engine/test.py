"""Run the test suite on the real engine.

    python tools/engine/test.py                    all tests
    python tools/engine/test.py -m "not slow"      what these arguments of pytest select

Only a run of all tests reports branch coverage, over all processes that the tests start, and fails below its limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import engine

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Return the exit code of the suite, or of the coverage gate after it."""
    engine.heed_interrupt()
    # Pytest obeys the user's own variables; the tests get none of them: see tests/support/environment.py.
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(engine.ensure(ROOT)), os.environ["PATH"]]),
        # The sources, and not the copy that is installed beside the dependencies, in every process.
        "PYTHONPATH": str(ROOT / "provider"),
    }

    def run(*arguments: str) -> int:
        return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=environ, check=False).returncode

    pytest = ("pytest", "--numprocesses", "3", "--dist", "worksteal")
    if len(sys.argv) > 1:
        return run(*pytest, *sys.argv[1:])
    run("coverage", "erase")
    code = run("coverage", "run", "-m", *pytest)
    if code == 0:
        run("coverage", "combine", "--quiet")
        code = run("coverage", "report")
    return code


if __name__ == "__main__":
    sys.exit(main())
