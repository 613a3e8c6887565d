"""Keeps the stack trace short that the SDK stores in the state with each resource.

The engine writes the whole state at each step, and the SDK's trace takes a third of a resource: it ends with a dozen
frames of the SDK, of asyncio and of the language host, which are the same for every resource. The SDK has no setting
for it, but its trace obeys `sys.tracebacklimit`, which counts from the innermost frame.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["short_stack_trace"]

_SDK_FRAMES = 6
"""Frames of the SDK between a resource's constructor and the trace: four in pulumi 3.272, and room for two more."""

_lock = threading.Lock()
_limits: list[int] = []
"""The limits of the registrations in progress: a transformation can register a resource while one is registered."""

_before: list[int | None] = []
"""The limit that was set before the first of them, if any."""


@contextlib.contextmanager
def short_stack_trace() -> Iterator[None]:
    """Leave the frames out of the trace that called the program, within the `with` statement.

    The limit applies to all threads. While one is registering a resource, another one's traceback may be short.
    """
    limit = _SDK_FRAMES + _program_frames()
    with _lock:
        if not _limits:
            _before[:] = [sys.tracebacklimit] if hasattr(sys, "tracebacklimit") else []
        _limits.append(limit)
        sys.tracebacklimit = max(_limits)
    try:
        yield
    finally:
        with _lock:
            _limits.remove(limit)
            if _limits:
                sys.tracebacklimit = max(_limits)
            elif _before:
                sys.tracebacklimit = _before[0]
            else:
                del sys.tracebacklimit


def _program_frames() -> int:
    """Return the number of frames up to that of the program's module; all frames if the program is a function."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - `inspect.stack` reads the source of each frame
    count = 1
    while frame is not None and frame.f_code.co_name != "<module>":
        frame, count = frame.f_back, count + 1
    return count
