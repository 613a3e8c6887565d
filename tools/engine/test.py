"""Run the test suite on the real engine.

    python tools/engine/test.py -m "not slow"      the tests that these pytest arguments select
    python tools/engine/test.py --slow             the slow tests, and branch coverage
    python tools/engine/test.py --all              all tests, and branch coverage

Coverage is that of the tests with the mark `measured` (see tests/conftest.py), and of the processes that they start.
They run first, even with `--slow`, although they are not slow. The run ends when a part fails, and fails if the
coverage is below the limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import engine
import languages

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the tests, then the coverage gate, and return the exit code of the first one that fails."""
    engine.restore_interrupt()
    # Pytest uses the user's own variables. The tests get none of them: see tests/support/environment.py.
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(engine.ensure(ROOT)), os.environ["PATH"]]),
        # Every process uses the sources, not the copy that is installed with the dependencies.
        "PYTHONPATH": str(ROOT / "provider"),
    }

    def run(*arguments: str) -> int:
        return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=environ, check=False).returncode

    pytest = ("pytest", "--dist", "worksteal", "--numprocesses")
    rest = {"--slow": "slow", "--all": "not measured"}.get(" ".join(sys.argv[1:]))
    if rest is None:
        return run(*pytest, "4", *sys.argv[1:])
    languages.ensure(ROOT)
    run("coverage", "erase")
    code = run("coverage", "run", "-m", *pytest, "4", "-m", "measured")
    run("coverage", "combine", "--quiet")
    # Most of the others wait for their processes a part of the time, so more of them run at once.
    return code or run(*pytest, "6", "-m", rest) or run("coverage", "report")


if __name__ == "__main__":
    sys.exit(main())
