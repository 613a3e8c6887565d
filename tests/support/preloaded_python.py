"""Starts the Python processes of the engine tests from one that has imported Pulumi's SDK, which saves half their time.

A command of the CLI starts a program and a provider. Each needs 0.15 seconds of CPU time to import `pulumi`, and the
whole command 0.7. So `python3` on the stacks' PATH is a short script. It sends its arguments, variables and open files
to a server (`support.python_server`), which forks itself. The fork imports our own code, joins the script's process
group, and ends it with its own exit code. The script runs the real Python instead where a fork would behave
differently: with other options, if a variable that Python reads at its start is not that of the server, or in another
session, such as that of a terminal.

Pulumi's language host also runs `pip list` in each command, to look for packages with plugins. That takes as long as
the program, and the packages stay the same for the whole run. So the script repeats the list.

A fork has the variables of the server in /proc, and modules in the program's folder don't shadow what it has imported.
It frees no objects when it ends: it calls no `__del__`, and does not write the buffers of files that are still open.
Tests of these things use the real Python (`Stack.has_real_python`), as do those of `make`, and all on other systems
than Linux.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import environment, python_server

__all__ = ["PIP_LIST", "folder"]

PIP_LIST = ["-m", "pip", "list", "-v", "--format", "json"]
"""The arguments with which the language host runs Python to list the packages."""

_SCRIPT = """#!{executable} -IS
import os, sys
arguments = sys.argv[1:]
if arguments == {pip_list!r}:
    with open({listed!r}) as file:
        sys.stdout.write(file.read())
    sys.exit()
options = arguments[:1] if arguments[:1] == ["-u"] else []
target = arguments[len(options):]
start = {{name: value for name, value in os.environ.items() if name.startswith({start_variables!r})}}
is_known = target and (target[0] == "-m" or not target[0].startswith("-"))
if not is_known or start != {start!r} or os.getsid(0) != {session}:
    os.execv({executable!r}, [{executable!r}, *arguments])
import _signal, _socket, array, marshal
# The fork gets the signals that the group gets, and the exit code below tells what became of it.
_signal.signal(_signal.SIGINT, _signal.SIG_IGN)
server = _socket.socket(_socket.AF_UNIX)
server.connect({address!r})
request = marshal.dumps((target, os.getcwd(), dict(os.environ), os.getpgid(0)))
files = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", range(3)))
server.sendmsg([len(request).to_bytes(4, "big")], [files])
server.sendall(request)
ended = server.recv(2)
if not ended:
    sys.exit("the server of the tests' Python ended first")
code = int.from_bytes(ended, "big", signed=True)
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@functools.cache
def folder() -> Path:
    """Return the folder with the script `python3`, and start the server, which ends with this process.

    On a system without pidfds, which is any but Linux, the folder is empty.
    """
    built = environment.build(is_measured=False)
    made = Path(tempfile.mkdtemp(prefix="python-", dir=built["TMPDIR"]))
    if not hasattr(os, "pidfd_open"):
        return made
    listed = made / "packages.json"
    command = [sys.executable, *PIP_LIST]
    listed.write_bytes(subprocess.run(command, cwd=made, env=built, capture_output=True, check=True).stdout)
    # An abstract one: the path of a file in a long temporary folder may not fit.
    address = f"\0{made.name}"
    server = subprocess.Popen(
        [sys.executable, "-u", python_server.__file__, made.name],
        cwd=made,
        env=built,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin
    assert server.stdout
    atexit.register(server.wait)
    atexit.register(server.stdin.close)
    assert server.stdout.readline() == b"ready\n"
    names = python_server.START_VARIABLES
    script = _SCRIPT.format(
        executable=sys.executable,
        pip_list=PIP_LIST,
        listed=str(listed),
        start_variables=names,
        start={name: value for name, value in built.items() if name.startswith(names)},
        session=os.getsid(0),
        address=address,
    )
    (made / "python3").write_text(script)
    (made / "python3").chmod(0o755)
    return made
