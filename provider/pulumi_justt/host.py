"""Read the current call and the engine's address, which the SDK's dynamic host does not pass on.

The engine starts the dynamic host as `python -m pulumi.dynamic ADDRESS` through a shell, which waits for the host. It
starts this package's plugin as `pulumi-resource-justt ADDRESS`. Both are a host in this module. When the command ends,
the engine ends the host with a signal. A killed CLI sends no signal, so without this module its host would never exit
and would keep the stack's passphrase in its environment. A thread of the host therefore connects to the
engine's address every second. When the engine is gone, the host cancels the calls that have not sent a create, lets the
others finish or undo it, and exits. It waits:

    if a create may have been sent    at most one request timeout, after which the request has ended
    if a create is being undone       until the undo has ended
    for any other call                also at most one request timeout, so that a DELETE in flight gets its response

The same thread repeats a lost request to stop. The engine closes its connection and then ends the host with SIGINT. If
the system delivers it to a thread of gRPC, Python's main thread, which waits without a timeout, does not notice it: the
host hangs, its last lines are lost, and the engine kills it after five seconds.

The engine's address also takes log lines, each with the URN of the resource that it is about. The host's stderr has no
URN, and the engine shows its lines at the stack.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_justt.imports import is_host
from pulumi_justt.log import Log
from pulumi_justt.values import with_stack, without_markup

if TYPE_CHECKING:
    from pulumi_justt.api.call import Call

__all__ = [
    "Calls",
    "EngineLog",
    "calls",
    "engine_address",
    "engine_identity",
    "engine_request",
    "serve_engine",
    "wait_until_gone",
    "watch_engine",
]

_SECONDS_BETWEEN_PROBES = 1.0
_REFUSALS = 3
"""The number of refused connections in a row that proves the engine is gone. A busy system may refuse one."""

_PROBE_TIMEOUT_SECONDS = 5.0
"""The time-out of a connection attempt. Windows takes two seconds to refuse one."""

_ESTABLISHED, _LISTENING = "01", "0A"
"""States of a socket in Linux's /proc/net/tcp."""

_LONGEST_IDLE_SECONDS = 600.0
"""How long after a call a closed connection proves the engine's end. gRPC closes an idle one after half an hour."""

_LOG_TIMEOUT_SECONDS = 5.0
"""The time-out of a log line. The engine takes one in a millisecond."""

_SLACK_SECONDS = 5.0
"""The longest time that a thread on a busy machine needs to process a response that has arrived."""


@dataclass(eq=False)
class _Served:
    """A call that a thread of this process serves.

    Args:
        call: The call's facts, such as its URN.
        is_active: Returns whether the engine still waits for the call, according to its connection.
    """

    call: Call
    is_active: Callable[[], bool]
    allowed_at: float = -math.inf
    """When the call last learned that the engine waits for it. The call may have begun a request since then."""
    is_cancelled: bool = False
    """Whether the call has learned that the engine no longer waits. The call then ends, or undoes its create."""


class Calls:
    """Tracks the calls in progress, and whether the engine still waits for each.

    Args:
        clock: Returns monotonic seconds.

    Attributes:
        request_timeout_seconds: The longest time that one request may take.
        urn: The URN of a call, which names the stack of this process; None if the host has given none yet.
        was_cut_off: Whether any call has learned that the engine no longer waits for it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.request_timeout_seconds = 30.0
        self.urn: str | None = None
        self.was_cut_off = False
        self._clock = clock
        self._changed = threading.Condition()
        self._in_progress: set[_Served] = set()
        self._last_ended_at = -math.inf
        self._is_engine_gone = False
        self._thread = threading.local()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Register the calling thread's call as in progress within the `with` statement."""
        urn, is_active = engine_request()
        self.urn = urn or self.urn
        served = self._thread.served = _Served(self._call(urn), is_active)
        with self._changed:
            self._in_progress.add(served)
        try:
            yield
        finally:
            del self._thread.served
            with self._changed:
                self._in_progress.discard(served)
                self._last_ended_at = self._clock()
                self._changed.notify_all()

    def current(self) -> Call:
        """Return the calling thread's call."""
        served: _Served | None = getattr(self._thread, "served", None)
        return served.call if served else self._call()

    def _call(self, urn: str | None = None) -> Call:
        from pulumi_justt.api.call import Call  # noqa: PLC0415 - programs do not load the API client

        return Call(urn, is_cancelled=self.is_cancelled)

    def is_cancelled(self) -> bool:
        """Return whether the engine no longer waits for the calling thread's call.

        A second Ctrl-C cancels the calls in progress, and a killed CLI drops them. Call this before each request whose
        result must not be lost: if it returns False, the process does not exit until that request has had time to end.
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
        """Cancel all calls, and wait until each call that may have sent a create has ended or undone it."""
        with self._changed:
            self._is_engine_gone = True
            while self._must_wait():
                self._changed.wait(1.0)

    def have_just_ended(self) -> bool:
        """Return whether no call is in progress, and the last one ended within the last minutes."""
        with self._changed:
            return not self._in_progress and self._clock() - self._last_ended_at < _LONGEST_IDLE_SECONDS

    def _must_wait(self) -> bool:
        since = self._clock() - self.request_timeout_seconds - _SLACK_SECONDS
        return any(call.is_cancelled or call.allowed_at > since for call in self._in_progress)


calls = Calls()
"""The calls of this process."""

_thread = threading.local()
"""`lines` has the lines of this thread's call, each with its severity; None or absent if it serves no call."""

_watch_lock = threading.Lock()
_is_watched = False
_plugin_argument: str | None = None
"""The engine's address, if this process is the plugin."""


def serve_engine(address: str) -> None:
    """Make this process a host of the engine at *address*, as the SDK's dynamic host is. The plugin calls this."""
    global _plugin_argument  # noqa: PLW0603 - a process serves one engine
    _plugin_argument = address


def _argument() -> str | None:
    """Return the engine's address as this process got it; None in a process that is not a host."""
    # Never end any other process, such as a user's tests that have a similar last argument.
    return sys.argv[-1] if is_host() else _plugin_argument


def watch_engine() -> None:
    """Start a thread that ends this process when the engine is gone.

    This does nothing in a process that is not a host, or if the thread already runs. It also does
    nothing if the engine can't be reached now, because a refused connection would then prove nothing later.
    """
    global _is_watched  # noqa: PLW0603 - a process has one watcher
    with _watch_lock:
        address = None if _is_watched else engine_address()
        if address is None or _connect(address) is not True:
            return
        _is_watched = True
    # If the system can't start another thread, the process stays, as it would without this module.
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=_exit_without_engine, args=(address,), name="justt-engine", daemon=True).start()


def engine_address() -> tuple[str, int] | None:
    """Return the engine's address; None if this process is not a host."""
    name, _, port = (_argument() or "").rpartition(":")
    return (name.strip("[]"), int(port)) if name and port.isascii() and port.isdigit() else None


def engine_identity() -> str | None:
    """Return an identifier of the engine that started this process; None if this is not a host.

    A later engine may get the same port. On Linux, the identifier includes the socket's inode number, which differs.
    On other systems it is only the address.
    """
    address = engine_address()
    return address and f"{address[0]}:{address[1]}{_socket_number(address[1])}"


def _socket_number(port: int) -> str:
    """Return "/" and the inode number of the socket that listens on *port*, or an empty text if it is unknown."""
    for local, state, number in _sockets():
        if state == _LISTENING and local == port:
            return f"/{number}"
    return ""


def _sockets() -> Iterator[tuple[int, str, str]]:
    """Yield the port, the state and the inode number of each TCP socket; none on systems other than Linux."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), Path(table).open(encoding="ascii") as lines:
            next(lines)
            for line in lines:
                _, local, _, state, *rest = line.split()
                yield int(local.rpartition(":")[2], 16), state, rest[5]


def wait_until_gone(connect: Callable[[], bool | None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Block until the engine is gone.

    Args:
        connect: Returns whether the engine accepts a connection, or None if that is unknown.
        sleep: Blocks the calling thread for a number of seconds.
    """
    refused = 0
    while refused < _REFUSALS:
        sleep(_SECONDS_BETWEEN_PROBES)
        refused = refused + 1 if connect() is False else 0


def _connect(address: tuple[str, int]) -> bool | None:
    """Return True if a connection is accepted, False if it is refused, and None if neither happened."""
    try:
        socket.create_connection(address, timeout=_PROBE_TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except (OSError, OverflowError, ValueError):
        # A timeout or a lack of free ports may be due to load on this machine, so it proves nothing.
        return None
    return True


def _exit_without_engine(address: tuple[str, int]) -> None:
    was_overdue = False

    def connect() -> bool | None:
        nonlocal was_overdue
        is_reached = _connect(address)
        is_overdue = is_reached is True and calls.have_just_ended() and _is_left()
        if is_overdue and was_overdue:
            _interrupt_main_thread()
        was_overdue = is_overdue
        return is_reached

    wait_until_gone(connect)
    calls.finish()
    # A normal exit could hang: the interpreter would wait for a thread that still waits for a response.
    os._exit(1)


def _is_left() -> bool:
    """Return whether the engine has closed its connection, and the host's main thread still waits for SIGINT.

    A second SIGINT would interrupt an exit that has begun.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - there is no public way
    if frame is None or frame.f_code is not threading.Condition.wait.__code__:
        return False
    while frame is not None and "port" not in frame.f_locals:
        frame = frame.f_back
    port = frame.f_locals["port"] if frame else None
    states = [state for local, state, _ in _sockets() if local == port]
    return _LISTENING in states and _ESTABLISHED not in states


def _interrupt_main_thread() -> None:
    if sys.platform != "win32":
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def engine_request() -> tuple[str | None, Callable[[], bool]]:
    """Return the URN of the calling thread's call, and a function that returns whether the engine waits for it.

    The SDK does not pass them to a provider's methods, so this reads both from the stack frame of the host's method.
    """
    frame = inspect.currentframe()
    while frame is not None:
        is_active = getattr(frame.f_locals.get("context"), "is_active", None)
        if callable(is_active):
            urn = getattr(frame.f_locals.get("request"), "urn", None)
            return urn if isinstance(urn, str) and urn else None, is_active
        frame = frame.f_back
    return None, lambda: True


class EngineLog(Log):
    """Shows each line at the resource of the calling thread's call.

    The engine's table shows only one message of a call, so the lines of a call are sent as one message when it ends. A
    line that the engine does not take goes to *write*. So does each line of a process that is not a host.

    Args:
        write: Shows one line.
    """

    @contextlib.contextmanager
    def joining(self) -> Iterator[None]:
        """Join the lines that the calling thread logs within the `with` statement, and send them at its end."""
        lines: list[tuple[str, str]] = []
        _thread.lines = lines
        try:
            yield
        finally:
            _thread.lines = None
            # The engine's table shows the first line, so the warnings come first.
            self._show(sorted(lines, key=lambda line: line[0] != "WARNING"))

    def warning(self, text: str, *, is_urgent: bool = False) -> None:
        """Show a warning. The engine writes `warning: ` before it."""
        self._add("WARNING", text, is_urgent=is_urgent)

    def info(self, text: str, *, is_urgent: bool = False) -> None:
        """Show a note. The engine writes nothing before it."""
        self._add("INFO", text, is_urgent=is_urgent)

    def _add(self, severity: str, text: str, *, is_urgent: bool) -> None:
        lines: list[tuple[str, str]] | None = getattr(_thread, "lines", None)
        if lines is None or is_urgent:
            self._show([(severity, text)])
        else:
            lines.append((severity, text))

    def _show(self, lines: Sequence[tuple[str, str]]) -> None:
        lines = [(severity, with_stack(text, calls.urn)) for severity, text in lines]
        if lines and not self._send(lines):
            for severity, text in lines:
                if severity == "WARNING":
                    super().warning(text)
                else:
                    super().info(text)

    def debug(self, text: str) -> None:
        """Show a line of JUSTT_DEBUG. Only the plugin uses it: the engine shows the dynamic host's stderr itself."""
        if not self._log("INFO", without_markup(f"justt: {text}")):
            self.write(f"justt: {text}")

    @functools.cached_property
    def _engine(self) -> Any:  # noqa: ANN401 - the stub has no types
        import grpc  # noqa: PLC0415 - the host has loaded it; a program needs none
        from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415 - likewise

        # The engine is on this machine, and a proxy from the environment can't reach it.
        return engine_pb2_grpc.EngineStub(grpc.insecure_channel(_argument() or "", [("grpc.enable_http_proxy", 0)]))

    def _send(self, lines: Sequence[tuple[str, str]]) -> bool:
        """Return whether the engine has taken some lines, as one message with the severity of the first line."""
        text = "\n".join(f"{'warning' if severity == 'WARNING' else 'note'}: {text}" for severity, text in lines)
        return self._log(lines[0][0], without_markup(text).removeprefix("warning: "))

    def _log(self, severity: str, text: str) -> bool:
        """Return whether the engine has taken a message."""
        if engine_address() is None:
            return False
        from pulumi.runtime.proto import engine_pb2  # noqa: PLC0415 - as above

        with contextlib.suppress(Exception):
            message = engine_pb2.LogRequest(
                severity=engine_pb2.LogSeverity.Value(severity),
                message=text,
                urn=calls.current().urn or "",
            )
            self._engine.Log(message, timeout=_LOG_TIMEOUT_SECONDS)
            return True
        return False
