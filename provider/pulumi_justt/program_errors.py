"""Raise errors of a program's calls as one sentence, without a traceback.

A traceback prints the program's source line, which may contain a credential as a literal, and CI logs keep it. Pulumi
shows only the text of a `pulumi.RunError`, so these errors derive from it. They also derive from TypeError or
ValueError, which programs and their tests can catch.
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
    """Decorate a function or a class so that each exception of the call is a `pulumi.RunError` too.

    This includes Python's own TypeError for a missing or misspelled argument.
    """
    if isinstance(called, type):
        decorated: Any = called
        decorated.__init__ = one_sentence(decorated.__init__)
        return called

    @functools.wraps(called)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own types
        try:
            return called(*args, **kwargs)
        except Exception as raised:  # noqa: BLE001 - any traceback would show the program's source line
            error = _shown(raised, called, args, kwargs).with_traceback(raised.__traceback__)
            raise error from None

    if called.__name__ == "__init__":
        # The state stores the line that calls the third `__init__` from the top of the stack. The SDK has two.
        _rename(called, "constructor")
        _rename(call, "__init__")
    return call  # type: ignore[return-value]  # a wrapper with the same signature


def _rename(function: Any, name: str) -> None:  # noqa: ANN401 - a function, and not any other callable
    """Change the name of *function* on the stack."""
    function.__code__ = function.__code__.replace(co_name=name)


def _shown(error: Exception, called: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Exception:
    # Only programs call this. The core imports this module without Pulumi.
    import pulumi  # noqa: PLC0415 - see above

    for kind in (TypeError, ValueError):
        if isinstance(error, kind):
            text = _surplus(called, kwargs) or str(error)
            resource, name = _resource(called, args, kwargs)
            begin = f"{resource} {name!r}: " if name and repr(name) not in text else ""
            place = _place(error)
            end = f" ({place})" if place and place not in text else ""
            # The text may quote the program, and an unknown color in it would crash the CLI.
            error.args = (without_markup(f"{begin}{text}{end}"),)
            if isinstance(error, pulumi.RunError):
                return error
            # This never runs inside an Output, where the SDK adds a traceback to a ValueError.
            shown: Exception = type("InvalidArgument", (pulumi.RunError, kind), {})(*error.args)
            return shown
    if isinstance(error, pulumi.RunError):
        return error
    # Leave out the error's text, which may quote a value.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return pulumi.RunError(
        f"unexpected error, not caused by an argument: {type(error).__name__} at {Path(where.filename).name}:"
        f"{where.lineno}"
    )


def _surplus(called: Callable[..., Any], kwargs: Mapping[str, Any]) -> str | None:
    """Return the error text for a keyword argument that *called* does not have, or None."""
    known = [name for name in inspect.signature(called).parameters if name not in ("self", "cls")]
    name = next((each for each in kwargs if each not in known), None)
    if name is None:
        return None
    return f"{_owner(called)}() got an unexpected keyword argument {shown_key(name)!r}{nearest(name, known)}"


def _owner(called: Callable[..., Any]) -> str:
    return called.__qualname__.removesuffix(".__init__")


def _resource(called: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
    """Return the class of the resource and its name. The name is empty if it is unknown or must not be shown."""
    signature = inspect.signature(called)
    known = {name: value for name, value in kwargs.items() if name in signature.parameters}
    try:
        name = signature.bind(*args, **known).arguments.get("resource_name")
    except TypeError:
        # An argument is missing or surplus, so a credential may be in the position of the name.
        name = None
    return _owner(called), name if isinstance(name, str) and not is_like_a_secret(name) else ""


def _place(error: Exception) -> str:
    """Return the file and line number of the program's call, or an empty text if the call is not in a file."""
    frame = error.__traceback__ and error.__traceback__.tb_frame.f_back
    while frame and str(frame.f_globals.get("__name__")).startswith(("pulumi_justt.", "pulumi.")):
        frame = frame.f_back
    # The working directory may no longer exist, and code of an interactive shell has no file.
    with contextlib.suppress(OSError, ValueError):
        file = Path(frame.f_code.co_filename if frame else "")
        folder = Path.cwd()
        if frame and file.is_file():
            return f"{file.relative_to(folder) if file.is_relative_to(folder) else file.name}:{frame.f_lineno}"
    return ""
