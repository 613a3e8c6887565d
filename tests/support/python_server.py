"""Forks processes for `support.preloaded_python`, which says what for.

    python -u python_server.py NAME

It listens on the abstract Unix socket NAME, and ends when its stdin is closed. A supervisor for each request, which is
a fork too, sends the exit code of the fork that does the work.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import marshal
import os
import runpy
import select
import signal
import socket
import subprocess
import sys

__all__ = ["START_VARIABLES"]

START_VARIABLES = ("PYTHON", "LC_", "LANG")
"""The variables that Python reads at its start begin with these."""

_IMPORTED = """
import sys
import argparse, dill, pulumi.dynamic, pulumi.provider.server
import pulumi_justt.cli.app, pulumi_justt.core.integration, pulumi_justt.plugin.server
modules = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
print(*(name for name in modules if not name.startswith("pulumi_justt")))
"""
"""Prints the modules that programs, providers and commands import, without our own: each process imports these."""

_STDIN = 0
_FILES = 3
"""The number of files that a request passes: stdin, stdout and stderr."""


def _wait(*files: int) -> list[int]:
    """Wait until one of *files* can be read, and return those that can."""
    ready, _, _ = select.select(files, [], [])
    return ready


def _await_request(name: str) -> socket.socket:
    """Wait for requests, and return the socket of one in a supervisor for it, which is a fork."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(64)
        print("ready")  # noqa: T201 - for preloaded_python
        # The kernel then collects the supervisors.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            if _STDIN in _wait(listener.fileno(), _STDIN):
                sys.exit()
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return connection
            connection.close()


def _supervise(child: int, connection: socket.socket) -> None:
    """Wait until *child* ends, and send its exit code; end it if the script that waits for it ends first."""
    ended = os.pidfd_open(child)
    if ended not in _wait(connection.fileno(), ended):
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # the script may have been killed, too
        connection.sendall(code.to_bytes(2, "big", signed=True))


def _become(target: list[str], folder: str, variables: dict[str, str], group: int, files: list[int]) -> None:
    """Make this process what the script would be if it had started Python itself."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.setpgid(0, group)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.orig_argv[:] = [sys.executable, *target]
    is_module = target[0] == "-m"
    sys.argv = target[is_module:]
    sys.path[0] = folder if is_module else os.path.dirname(os.path.realpath(target[0]))  # noqa: PTH120 - Python is exact here


def _fork() -> list[str]:
    """Serve requests, and return in each fork that does the work with its target: a file's name, or -m and a module."""
    connection = _await_request(sys.argv[1])
    size, files, _, _ = socket.recv_fds(connection, 4, _FILES)
    with connection.makefile("rb") as stream:
        request = stream.read(int.from_bytes(size, "big"))
    if child := os.fork():
        for file in files:
            os.close(file)
        _supervise(child, connection)
        os._exit(0)
    connection.close()
    target: list[str]
    target, folder, variables, group = marshal.loads(request)  # noqa: S302 - the script of the same test wrote it
    _become(target, folder, variables, group, files)
    return target


def _run(target: list[str]) -> int:
    """Run the file or module as `__main__`, and return its exit code.

    Raises:
        BaseException: What Python reports itself: an exception, or a `SystemExit` with a text.
    """
    try:
        match target:
            case ["-m", module, *_]:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case [path, *_]:
                runpy.run_path(path, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        raise
    return 0


def _end_with(codes: list[int]) -> None:
    """End a fork that has an exit code without freeing its objects, which takes a seventh of a command's CPU time.

    Stdout and stderr have no buffer, because the server has the option -u. Other open files lose theirs.
    """
    if codes:
        os._exit(codes[0])


if __name__ == "__main__":
    codes: list[int] = []
    # Registered before the modules below register theirs, so this runs last. Python has waited for its threads by then.
    atexit.register(_end_with, codes)
    imported = subprocess.check_output([sys.executable, "-c", _IMPORTED], text=True).split()
    # gRPC imports the first two only when a connection and a server start.
    for name in ["grpc.experimental", "grpc._server", *imported]:
        importlib.import_module(name)
    codes.append(_run(_fork()))
