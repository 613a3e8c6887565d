"""How secrets are held: no text form of a holder shows them, no pickle takes them along, and one function unwraps them.

Bytes that a pickle writes to a cache, a queue or a crash report would hold them in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol, SupportsIndex, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Unpicklable", "reveal"]

_Value_co = TypeVar("_Value_co", covariant=True)


class _Wrapped(Protocol[_Value_co]):
    """A pydantic secret, of whatever type."""

    def get_secret_value(self) -> _Value_co:
        """Return the value."""


def reveal(secret: _Wrapped[_Value_co]) -> _Value_co:
    """Return a secret in clear, for the request that sends it and for the redactor that keeps it out of errors."""
    return secret.get_secret_value()


class Unpicklable:
    """Base of what holds secrets: it is never copied, as nobody changes it, and it cannot be pickled."""

    def __copy__(self) -> Self:
        """Return the object itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the object itself."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{type(self).__name__} holds secrets, which a pickle would show")
