"""Logs what a process does outside itself: connections, names that it resolves, programs, written files.

Python imports this module at startup if it's on its path. Python itself reports these events, whatever code causes
them. The SDK's own channel to the engine is not reported, because gRPC opens it without Python's sockets.
"""

import json
import os
import sys

_NAMED = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.exec", "os.system")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.chmod")


def _install(file: int) -> None:
    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int):
            if not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or isinstance(arguments[0], int):
                return
        elif event not in (*_NAMED, *_CHANGES):
            return
        detail = arguments[1] if event == "socket.connect" else arguments[0]
        os.write(
            file, json.dumps([event, os.fsdecode(detail) if isinstance(detail, bytes) else detail]).encode() + b"\n"
        )

    sys.addaudithook(note)


if os.environ.get("AUDIT_LOG"):
    _install(os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND))
