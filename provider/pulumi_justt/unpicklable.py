"""Protect objects that hold secrets from being pickled, and unwrap secrets in one place.

A pickle would write the secrets in plain text to a cache, a queue or a crash report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol, SupportsIndex, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Unpicklable", "reveal"]

_Value_co = TypeVar("_Value_co", covariant=True)


class _Wrapped(Protocol[_Value_co]):
    """A pydantic secret of any type."""

    def get_secret_value(self) -> _Value_co:
        """Return the value."""


def reveal(secret: _Wrapped[_Value_co]) -> _Value_co:
    """Return a secret's plain value, for the request that sends it and for the redactor that removes it from errors."""
    return secret.get_secret_value()


class Unpicklable:
    """Base of objects that hold secrets. They cannot be pickled, and a copy is the object itself."""

    def __copy__(self) -> Self:
        """Return the object itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the object itself."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: A program tries to pickle the object, which is never allowed.
        """
        raise TypeError(f"{type(self).__name__} holds secrets, which a pickle would show")
