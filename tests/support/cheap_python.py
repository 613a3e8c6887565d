"""Makes the Python processes of the engine tests cheaper, without a change that the tests could notice.

Pulumi's language host runs `pip list` in each command, to look for packages with plugins. It takes a fifth of the CPU
time of a small command, and the packages stay the same for the whole run. So `pip` repeats its list. The tests of
`tests/tools/test_project.py` run the real one each time.

A program's process looks for garbage while it imports, and in all its objects before it exits. That takes a fifth of
its CPU time, and finds hardly any. So it looks less often, and not at its exit.
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
_PIP = """
import runpy, sys
if (sys.prefix, sys.argv[1:]) == ({prefix!r}, {arguments!r}):
    sys.stdout.write({listed!r})
else:
    sys.path.remove({folder!r})
    del sys.modules["pip"]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
_STARTUP = """
import atexit, gc
gc.set_threshold(10_000)
atexit.register(gc.freeze)
"""


@functools.cache
def python_path() -> str:
    """Return a PYTHONPATH for cheaper processes. Any other call of `pip` than that of the host runs the real one."""
    built = environment.build(is_measured=False)
    folder = tempfile.mkdtemp(prefix="python-", dir=built["TMPDIR"])
    command = [sys.executable, "-m", "pip", *_ARGUMENTS]
    listed = subprocess.run(command, cwd=folder, env=built, capture_output=True, text=True, check=True).stdout
    package = Path(folder) / "pip"
    package.mkdir()
    (package / "__init__.py").touch()
    program = _PIP.format(prefix=sys.prefix, arguments=_ARGUMENTS, listed=listed, folder=folder)
    (package / "__main__.py").write_text(program)
    (Path(folder) / "sitecustomize.py").write_text(_STARTUP)
    return f"{folder}{os.pathsep}{built['PYTHONPATH']}"
