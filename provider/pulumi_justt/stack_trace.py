"""Shortens the stack trace that the SDK sends with each resource, and that the engine keeps in the state.

The engine writes the whole state at each step, and a full trace takes a third of a resource: below the program's own
frames, it has a dozen of the SDK, asyncio and the language host, which are the same for every resource. The SDK has no
setting for this, but Python's `sys.tracebacklimit` applies, which counts from the innermost frame.
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
"""The limits of the registrations in progress. There are several if a transformation registers a resource."""

_before: list[int | None] = []
"""The limit that was set before the first of them, if any."""


@contextlib.contextmanager
def short_stack_trace() -> Iterator[None]:
    """Omit the frames below the program's from each stack trace that is taken within the `with` statement.

    The limit applies to the whole process: a traceback that a transformation or another thread prints meanwhile may be
    cut.
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
    """Count the frames up to the program's first one; all frames if the program was not started by `runpy`."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - `inspect.stack` reads the source of each frame
    count = 0
    while frame is not None and frame.f_globals.get("__name__") != "runpy":
        frame, count = frame.f_back, count + 1
    return count
