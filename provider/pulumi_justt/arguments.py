"""Verify the arguments of a program before the SDK serializes them for the engine.

Without this check, the SDK would show a traceback with the API's property name for a value that it cannot send, and it
would silently round large integers. A value in an `Output` is verified when it is known.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pulumi import Output, RunError

from pulumi_justt.protocol import SIGNATURE, UNKNOWNS
from pulumi_justt.values import (
    DEEPEST,
    IS_NULL,
    MOST_EXACT,
    NOT_OF_JSON,
    TOO_DEEP,
    TOO_LARGE,
    color_problem,
    is_utf8,
    kind_of,
    shown_key,
)

__all__ = ["EmptyArgument", "InvalidArgument", "given", "sendable"]


class InvalidArgument(RunError, TypeError):
    """An argument cannot be used. Pulumi shows the text alone, with no traceback."""


class EmptyArgument(InvalidArgument, ValueError):
    """A plain argument is empty. An empty Output raises InvalidArgument: the SDK adds a traceback to a ValueError."""


_HINTS = {
    "Enum": "give its .value",
    "UUID": "give it as text, str(...)",
    "datetime": 'give it as text, moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")',
    "date": 'give it as text, such as "2027-01-31T00:00:00Z"',
    "Set": "give a list, sorted(...)",
    "UserString": "give it as text, str(...)",
    "Asset": "give its content as text",
    "Archive": "give its content as text",
    "bytes": "give it as text, .decode()",
    "bytearray": "give it as text, .decode()",
    "memoryview": "give it as text, bytes(...).decode()",
    "Decimal": "give it as text, str(...)",
    "Sequence": "give a list, list(...)",
    "object": "give text, a number, true or false, a list or an object",
}
"""What the program should pass instead of a value of an unsupported type. The first matching type applies.

The keys are type names and not types, because importing a type could load the program's own module of the same name.
"""

_LONGEST_PATH = 60

_FOR_ANOTHER = "is a reference: give the same from_env or from_file to this resource, not inside an Output or object"
_TAKES_NONE = "takes no reference (from_env, from_file); only the fields of credentials do: give the value"
_OUTPUT = re.compile(r"Calling __str__ on an Output\[|<pulumi\.output\.Output object at ")
_IS_OUTPUT = (
    "contains an Output converted by an f-string or str(...), and not its value: use Output.concat, Output.format or "
    ".apply"
)


def sendable(resource: str, name: str, value: object, *, depth: int = 0) -> Any:  # noqa: ANN401 - same type as value
    """Return *value* in a form that reaches the engine without loss.

    Args:
        resource: The resource of the argument, for the error text.
        name: The argument's name, for the error text.
        value: The argument's value. An `Output`, even inside the value, is verified when it is known.
        depth: The number of lists and objects around the value. At depth 0, None means absent; deeper, it is null.

    Raises:
        InvalidArgument: A value has a type that JSON does not have, would change on the way to the engine, or contains
            itself.
    """
    if inspect.isawaitable(value) and not isinstance(value, Output):
        value = Output.from_input("").apply(lambda _: value)
    if isinstance(value, Output):
        # Verify before from_input, which fails with a traceback for a value that cannot be sent.
        def verify(known: object) -> Any:  # noqa: ANN401 - as above
            verified = sendable(resource, name, known, depth=depth)
            return Output.from_input(verified) if isinstance(verified, (dict, list)) else verified

        return value.apply(verify)
    problem = _problem_of_keys(value) if isinstance(value, Mapping) else _problem(value)
    if value is None and depth > 0:
        problem = IS_NULL
    if depth > DEEPEST:
        problem = TOO_DEEP
    if "Reference" in {each.__name__ for each in type(value).__mro__}:
        is_field = name.startswith("credentials.") and (name != "credentials.secret_type" or depth > 0)
        problem = _FOR_ANOTHER if is_field else _TAKES_NONE
    if problem is not None:
        path = name if len(name) <= _LONGEST_PATH else f"{name[:_LONGEST_PATH]}…"
        raise InvalidArgument(f"{resource}: {path} {problem}")
    if isinstance(value, Mapping):
        return {
            key: sendable(resource, f"{name}.{shown_key(key)}", item, depth=depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [sendable(resource, f"{name}[{place}]", item, depth=depth + 1) for place, item in enumerate(value)]
    return value


def given(
    resource: str,
    name: str,
    value: object,
    *,
    remediation: str = "give a value, as no other setting is used instead",
    problem: Callable[[str], str | None] = lambda _value: None,
) -> Any:  # noqa: ANN401 - as above
    """Return the text *value* as `sendable` does, but refuse an empty text: the provider would use another setting.

    Args:
        resource: The resource of the argument, for the error text.
        name: The argument's name, for the error text.
        value: The argument's value.
        remediation: What to do about an empty value, for the error text.
        problem: Returns what is wrong with the value, or None.

    Raises:
        InvalidArgument: The argument is empty, not text, or invalid.
    """

    def require(known: object) -> object:
        if known is None or (isinstance(known, str) and not known.strip()):
            raise InvalidArgument(f"the {name} of the {resource} is empty: {remediation}")
        if not isinstance(known, str):
            raise InvalidArgument(f"the {name} of the {resource} must be text; got {kind_of(known)}")
        if (issue := problem(known)) is not None:
            raise InvalidArgument(f"the {name} of the {resource} {issue}")
        return known

    verified = sendable(resource, name, value)
    if isinstance(verified, Output):
        return verified.apply(require)
    try:
        return require(verified)
    except InvalidArgument as error:
        raise EmptyArgument(str(error)) from None


def _problem_of_keys(value: Mapping[Any, object]) -> str | None:
    """Return why the keys of an object cannot be sent."""
    if not all(isinstance(key, str) and is_utf8(key) for key in value):
        return "has a key that is not text in UTF-8"
    for key in value:
        if (problem := (_IS_OUTPUT if _OUTPUT.search(key) else color_problem(key))) is not None:
            return f"has a key that {problem}"
    if SIGNATURE in value:
        return f"has the key {SIGNATURE}, by which Pulumi marks secrets and files: give the value itself"
    return None


def _problem_of_text(value: str) -> str | None:
    if value in UNKNOWNS:
        return "is Pulumi's placeholder for a value that is not known yet, so it cannot be sent: pass the Output itself"
    if not is_utf8(value):
        return "is not text in UTF-8"
    return _IS_OUTPUT if _OUTPUT.search(value) else None


def _problem(value: object) -> str | None:
    """Return why *value* cannot be sent, without looking at the values inside it."""
    if isinstance(value, str):
        return _problem_of_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return NOT_OF_JSON
    if isinstance(value, (int, float)):
        # A float of exactly 2^53 may already have been rounded.
        is_large = abs(value) > MOST_EXACT or (abs(value) == MOST_EXACT and isinstance(value, float))
        return TOO_LARGE if is_large else None
    if value is None or isinstance(value, (list, tuple)):
        return None
    names = {each.__name__ for each in type(value).__mro__}
    names |= {kind.__name__ for kind in (AbstractSet, Sequence) if isinstance(value, kind)}
    hint = next(hint for name, hint in _HINTS.items() if name in names)
    if isinstance(value, type):
        return f"cannot be a class: write {value.__name__}(...), or give a value"
    return f"cannot be of type {type(value).__name__}: {hint}"
