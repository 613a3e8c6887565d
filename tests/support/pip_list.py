"""Repeats the output of `pip list` instead of running it in each command.

Pulumi's language host runs `pip list` in each command, to look for packages with plugins. It takes a fifth of the CPU
time of a small command, and the packages stay the same for the whole run. The tests of `tests/tools/test_project.py`
run the real one each time.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import environment

__all__ = ["python_path"]

_ARGUMENTS = ["list", "-v", "--format", "json"]
_PROGRAM = """
import runpy, sys
if (sys.prefix, sys.argv[1:]) == ({prefix!r}, {arguments!r}):
    sys.stdout.write({listed!r})
else:
    sys.path.remove({folder!r})
    del sys.modules["pip"]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


@functools.cache
def python_path() -> str:
    """Return a PYTHONPATH whose `pip` repeats the list of this interpreter. All other calls run the real one."""
    built = environment.build(is_measured=False)
    folder = tempfile.mkdtemp(prefix="pip-", dir=built["TMPDIR"])
    command = [sys.executable, "-m", "pip", *_ARGUMENTS]
    listed = subprocess.run(command, cwd=folder, env=built, capture_output=True, text=True, check=True).stdout
    package = Path(folder) / "pip"
    package.mkdir()
    (package / "__init__.py").touch()
    program = _PROGRAM.format(prefix=sys.prefix, arguments=_ARGUMENTS, listed=listed, folder=folder)
    (package / "__main__.py").write_text(program)
    return f"{folder}{os.pathsep}{built['PYTHONPATH']}"
