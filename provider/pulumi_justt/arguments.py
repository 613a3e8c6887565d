"""Verifies what a program gives as arguments, before the SDK turns it into what the engine takes.

The SDK ends with a traceback and the API's name for a value that it cannot send, and rounds a large integer without a
word. A value in an `Output` is verified when it is known.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from pulumi import Output, RunError

from pulumi_justt.values import MOST_EXACT, TOO_LARGE

__all__ = ["EmptyArgument", "InvalidArgument", "given", "sendable"]


class InvalidArgument(RunError, TypeError):
    """An argument cannot be used. Pulumi shows the text alone, with no traceback."""


class EmptyArgument(InvalidArgument, ValueError):
    """An argument is empty, as one sees at once. The SDK adds a traceback to a ValueError of an Output."""


_HINTS = {
    "Reference": "a reference (from_env, from_file) is given as it is, not in an Output or an object",
    "Enum": "give its .value",
    "UUID": "give it as text, str(...)",
    "datetime": 'give it as text, moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")',
    "date": 'give it as text, such as "2027-01-31T00:00:00Z"',
    "Set": "give a list, sorted(...)",
    "bytes": "give it as text, .decode()",
    "bytearray": "give it as text, .decode()",
    "memoryview": "give it as text, bytes(...).decode()",
    "Decimal": "give it as text, str(...)",
    "object": "give text, a number, true or false, a list or an object",
}
"""What to write instead of a value of another type; the first that fits.

Types are known by name, since a module of the program may have the name of the one that would be imported for them.
"""


def sendable(resource: str, name: str, value: object) -> Any:  # noqa: ANN401 - of the type of the value
    """Return *value* as the engine can take it, exactly.

    Args:
        resource: What the value is an argument of, in the error text.
        name: The argument, in the error text.
        value: The value; what is an `Output`, within it too, is verified when it is known.

    Raises:
        InvalidArgument: A value has a type that JSON does not have, or is a number that would be rounded.
    """
    if isinstance(value, Output) or inspect.isawaitable(value):
        return Output.from_input(value).apply(partial(sendable, resource, name))
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidArgument(f"{resource}: {name} has a key that is not text")
        return {key: sendable(resource, f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return [sendable(resource, f"{name}[{place}]", item) for place, item in enumerate(value)]
    if (problem := _problem(value)) is not None:
        raise InvalidArgument(f"{resource}: {name} {problem}")
    return value


def given(
    resource: str,
    name: str,
    value: object,
    *,
    cure: str = "no other setting is used instead of it",
    problem: Callable[[object], str | None] = lambda _value: None,
) -> Any:  # noqa: ANN401 - as above
    """Return *value* as `sendable` does. It must not turn out to be empty: something else would be used instead.

    Args:
        resource: What the value is an argument of, in the error text.
        name: The argument, in the error text.
        value: The value.
        cure: What the error text says of an empty one.
        problem: Says what is wrong with the value, if anything is.

    Raises:
        InvalidArgument: It is empty, or has a *problem*.
    """

    def require(known: object) -> object:
        if known is None or (isinstance(known, str) and not known.strip()):
            raise InvalidArgument(f"the {name} of the {resource} is empty: {cure}")
        if (fault := problem(known)) is not None:
            raise InvalidArgument(f"the {name} of the {resource} {fault}")
        return known

    verified = sendable(resource, name, value)
    if isinstance(verified, Output):
        return verified.apply(require)
    try:
        return require(verified)
    except InvalidArgument as error:
        raise EmptyArgument(str(error)) from None


def _problem(value: object) -> str | None:
    """Return why a value that holds no others cannot be sent."""
    if isinstance(value, str):
        # A lone surrogate, as Python keeps bytes that are not text.
        return "is not text in UTF-8" if any("\ud800" <= character <= "\udfff" for character in value) else None
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a number that JSON has"
    if isinstance(value, (int, float)):
        # A float of exactly that size may have been rounded to it already.
        is_large = abs(value) > MOST_EXACT or (abs(value) == MOST_EXACT and isinstance(value, float))
        return TOO_LARGE if is_large else None
    if value is None:
        return None
    names = {each.__name__ for each in type(value).__mro__} | ({"Set"} if isinstance(value, AbstractSet) else set())
    hint = next(hint for name, hint in _HINTS.items() if name in names)
    return f"cannot be of type {type(value).__name__}: {hint}"
