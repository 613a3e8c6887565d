"""Errors of what a program calls, as one sentence: Pulumi adds no traceback to them.

A traceback prints the program's source line, which may hold a credential as a literal, and CI logs keep it. Pulumi
shows the text of a `pulumi.RunError` alone. To the program and its tests the error is a TypeError or ValueError, too.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pulumi_justt.errors import nearest
from pulumi_justt.values import is_like_a_secret, shown_key, without_markup

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
            error = _shown(raised, called, args, kwargs).with_traceback(raised.__traceback__)
            raise error from None

    return call  # type: ignore[return-value]


def _shown(error: Exception, called: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Exception:
    # Only programs call this: the core, which reads their modules too, has no Pulumi.
    import pulumi  # noqa: PLC0415 - see above

    for kind in (TypeError, ValueError):
        if isinstance(error, kind):
            text = _surplus(called, kwargs) or str(error)
            resource, name = _resource(called, args, kwargs)
            begin = f"{resource} {name!r}: " if name and repr(name) not in text else ""
            place = _place(error)
            end = f" ({place})" if place and place not in text else ""
            # The text may quote the program, and the CLI ends with a Go stack trace for an unknown color.
            error.args = (without_markup(f"{begin}{text}{end}"),)
            if isinstance(error, pulumi.RunError):
                return error
            # Not in an Output, where the SDK adds a traceback to a ValueError.
            shown: Exception = type("InvalidArgument", (pulumi.RunError, kind), {})(*error.args)
            return shown
    if isinstance(error, pulumi.RunError):
        return error
    # Not its text, which may quote a value.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return pulumi.RunError(
        f"an error that is not of an argument: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    )


def _surplus(called: Callable[..., Any], kwargs: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a keyword argument that *called* does not have, or None."""
    known = [name for name in inspect.signature(called).parameters if name not in ("self", "cls")]
    name = next((each for each in kwargs if each not in known), None)
    if name is None:
        return None
    return f"{_owner(called)}() got an unexpected keyword argument {shown_key(name)!r}{nearest(name, known)}"


def _owner(called: Callable[..., Any]) -> str:
    return called.__qualname__.removesuffix(".__init__")


def _resource(called: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
    """Return what *called* makes and the name that it was given, which is empty if that can't be told or shown."""
    signature = inspect.signature(called)
    known = {name: value for name, value in kwargs.items() if name in signature.parameters}
    try:
        given = signature.bind(*args, **known).arguments.get("resource_name")
    except TypeError:
        # Something is missing, or there is too much: what stands in the place of the name may be a credential.
        given = None
    return _owner(called), given if isinstance(given, str) and not is_like_a_secret(given) else ""


def _place(error: Exception) -> str:
    """Return the file and line of the program's call; nothing if no file has it. The line itself is not shown."""
    frame = error.__traceback__ and error.__traceback__.tb_frame.f_back
    while frame and str(frame.f_globals.get("__name__")).startswith(("pulumi_justt.", "pulumi.")):
        frame = frame.f_back
    # A working directory may be gone, and a shell has no file.
    with contextlib.suppress(OSError, ValueError):
        file = Path(frame.f_code.co_filename if frame else "")
        folder = Path.cwd()
        if frame and file.is_file():
            return f"{file.relative_to(folder) if file.is_relative_to(folder) else file.name}:{frame.f_lineno}"
    return ""
