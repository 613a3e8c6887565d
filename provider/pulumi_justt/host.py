"""Reach what the SDK's dynamic host knows and does not pass on: the current call, and the engine that it serves.

The engine starts the host as `python -m pulumi.dynamic ADDRESS`, by a shell that waits for it, and sends it a signal
when the command is over. A CLI that is killed sends none: without this module, its host would stay for ever, with the
stack's passphrase in its environment. So a thread of the host connects to the engine's address every second. Once the
engine is gone, calls that have not sent a create are cut off, the others finish or undo it, and the process exits:

    a create may have been sent    at most one request time-out, after which nothing of it can arrive any more
    a create is undone             until that has ended
    any other call                 likewise one time-out at most, so that a DELETE in flight gets its answer
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_justt.imports import is_host

if TYPE_CHECKING:
    from pulumi_justt.api.call import Call

__all__ = ["Calls", "calls", "engine_address", "engine_identity", "engine_request", "wait_until_gone", "watch_engine"]

_SECONDS_BETWEEN_PROBES = 1.0
_REFUSALS = 3
"""Refused connections in a row after which the engine is gone. A busy system may refuse one."""

_PROBE_TIMEOUT_SECONDS = 5.0
"""Windows takes two seconds to refuse a connection."""

_LISTENING = "0A"
"""How Linux writes the state of a socket that listens."""

_SLACK_SECONDS = 5.0
"""How late a thread may take the answer to its request on a machine with much to do."""


@dataclass(eq=False)
class _Served:
    """A call that a thread of this process serves.

    Args:
        call: What is known of it.
        is_active: Whether the engine still waits for it, as far as its connection tells.
    """

    call: Call
    is_active: Callable[[], bool]
    allowed_at: float = -math.inf
    """When it was last told that the engine waits for it, and so may have begun a request."""
    is_cancelled: bool = False
    """Whether it was told that the engine does not wait any more, and so ends, or undoes what it created."""


class Calls:
    """The calls in progress, and whether the engine still waits for each.

    Args:
        clock: Monotonic seconds.

    Attributes:
        request_timeout_seconds: How long one request may take.
        was_cut_off: Whether a call has learned that the engine does not wait for it any more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.request_timeout_seconds = 30.0
        self.was_cut_off = False
        self._clock = clock
        self._changed = threading.Condition()
        self._in_progress: set[_Served] = set()
        self._is_engine_gone = False
        self._thread = threading.local()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Count the calling thread's call as in progress within the `with` statement."""
        urn, is_active = engine_request()
        served = self._thread.served = _Served(self._call(urn), is_active)
        with self._changed:
            self._in_progress.add(served)
        try:
            yield
        finally:
            del self._thread.served
            with self._changed:
                self._in_progress.discard(served)
                self._changed.notify_all()

    def current(self) -> Call:
        """Return the calling thread's call."""
        served: _Served | None = getattr(self._thread, "served", None)
        return served.call if served else self._call()

    def _call(self, urn: str | None = None) -> Call:
        from pulumi_justt.api.call import Call  # noqa: PLC0415 - a program loads none of it

        return Call(urn, is_cancelled=self.is_cancelled)

    def is_cancelled(self) -> bool:
        """Return whether the engine does not wait for the calling thread's call any more.

        A second Ctrl-C cancels the calls in progress, and a killed CLI drops them. Ask before each request that must
        not be lost: if the answer is no, the process does not exit before that request can have ended.
        """
        served: _Served | None = getattr(self._thread, "served", None)
        is_dropped = served is not None and not served.is_active()
        with self._changed:
            is_cancelled = is_dropped or self._is_engine_gone
            self.was_cut_off = self.was_cut_off or is_cancelled
            if served is not None and is_cancelled:
                served.is_cancelled = True
            elif served is not None:
                served.allowed_at = self._clock()
        return is_cancelled

    def finish(self) -> None:
        """Cancel all calls, and wait until those that may have sent a create have ended, or undone it."""
        with self._changed:
            self._is_engine_gone = True
            while self._must_wait():
                self._changed.wait(1.0)

    def _must_wait(self) -> bool:
        since = self._clock() - self.request_timeout_seconds - _SLACK_SECONDS
        return any(call.is_cancelled or call.allowed_at > since for call in self._in_progress)


calls = Calls()
"""Those of this process."""

_watch_lock = threading.Lock()
_is_watched = False


def watch_engine() -> None:
    """Let this process exit when its engine is gone; once, and only if this process is the SDK's dynamic host.

    An engine that can't be reached to begin with is not watched: a refused connection would say nothing of it.
    """
    global _is_watched  # noqa: PLW0603 - one fact of the process
    with _watch_lock:
        address = None if _is_watched else engine_address()
        if address is None or _connect(address) is not True:
            return
        _is_watched = True
    # Where the system gives no more threads, the process stays as it would without us.
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=_exit_without_engine, args=(address,), name="justt-engine", daemon=True).start()


def engine_address() -> tuple[str, int] | None:
    """Return the address that the engine started this process with; None if this is another kind of process."""
    # It would be wrong to exit any other process, such as a user's tests, whatever its last argument looks like.
    if not is_host():
        return None
    name, _, port = sys.argv[-1].rpartition(":")
    return (name.strip("[]"), int(port)) if name and port.isascii() and port.isdigit() else None


def engine_identity() -> str | None:
    """Return a name for the engine that started this process; None if this is another kind of process.

    A later engine may get the same port. Linux numbers its sockets, which tells the two apart; elsewhere the address is
    all that is known.
    """
    address = engine_address()
    return address and f"{address[0]}:{address[1]}{_socket_number(address[1])}"


def _socket_number(port: int) -> str:
    """Return what the kernel calls the socket that listens on *port*; nothing where it does not say."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), Path(table).open(encoding="ascii") as lines:
            for line in lines:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and local.endswith(f":{port:04X}"):
                    return f"/{rest[5]}"
    return ""


def wait_until_gone(connect: Callable[[], bool | None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Return once the engine is gone.

    Args:
        connect: Whether a connection to it is taken; None if that can't be told.
        sleep: Blocks the calling thread for some seconds.
    """
    refused = 0
    while refused < _REFUSALS:
        sleep(_SECONDS_BETWEEN_PROBES)
        refused = refused + 1 if connect() is False else 0


def _connect(address: tuple[str, int]) -> bool | None:
    """Return True if a connection is taken, False if it is refused, and None if the system says neither."""
    try:
        socket.create_connection(address, timeout=_PROBE_TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except (OSError, OverflowError, ValueError):
        # A time-out or a lack of ports is this machine's load, and proves nothing.
        return None
    return True


def _exit_without_engine(address: tuple[str, int]) -> None:
    wait_until_gone(lambda: _connect(address))
    calls.finish()
    # Nothing less is certain: a thread that still waits for an answer would hold up the interpreter's own exit.
    os._exit(1)


def engine_request() -> tuple[str | None, Callable[[], bool]]:
    """Return the URN of the resource that the calling thread's call is for, and what tells if the engine waits for it.

    The SDK passes neither to the methods of a provider, so both are read from the frame of the host's own method.
    """
    frame = inspect.currentframe()
    while frame is not None:
        is_active = getattr(frame.f_locals.get("context"), "is_active", None)
        if callable(is_active):
            urn = getattr(frame.f_locals.get("request"), "urn", None)
            return urn if isinstance(urn, str) and urn else None, is_active
        frame = frame.f_back
    return None, lambda: True
