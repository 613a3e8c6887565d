"""Errors of what a program calls, as one sentence: Pulumi adds no traceback to them.

A traceback prints the program's source line, which may hold a credential as a literal, and CI logs keep it. Pulumi
shows the text of a `pulumi.RunError` alone. To the program and its tests the error is a TypeError or ValueError, too.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pulumi_justt.values import without_markup

__all__ = ["one_sentence"]

_Called = TypeVar("_Called", bound=Callable[..., Any])


def one_sentence(called: _Called) -> _Called:
    """Let each exception of a function, or of a class's constructor, be a `pulumi.RunError` too.

    Python's own TypeError for a missing or misspelled argument is one of them.
    """
    if isinstance(called, type):
        made: Any = called
        made.__init__ = one_sentence(made.__init__)
        return called

    @functools.wraps(called)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
        try:
            return called(*args, **kwargs)
        except Exception as raised:  # noqa: BLE001 - the traceback of any would show the line
            error = _shown(raised).with_traceback(raised.__traceback__)
            raise error from None

    return call  # type: ignore[return-value]


def _shown(error: Exception) -> Exception:
    # Only programs call this: the core, which reads their modules too, has no Pulumi.
    import pulumi  # noqa: PLC0415 - see above

    if isinstance(error, pulumi.RunError):
        return error
    for kind in (TypeError, ValueError):
        if isinstance(error, kind):
            # The text may quote the program, and the CLI ends with a Go stack trace for an unknown color.
            text = without_markup(str(error))
            # Not in an Output, where the SDK adds a traceback to a ValueError.
            shown: Exception = type("InvalidArgument", (pulumi.RunError, kind), {})(text)
            return shown
    # Not its text, which may quote a value.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return pulumi.RunError(
        f"an error that is not of an argument: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    )
