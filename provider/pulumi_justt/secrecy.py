"""How secrets are held: no text form of a holder shows them, no pickle takes them along, and one function unwraps them.

Bytes that a pickle writes to a cache, a queue or a crash report would hold them in clear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, SupportsIndex, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["NOTHING_HIDDEN", "Hidden", "SecretHolder", "reveal"]

_Value_co = TypeVar("_Value_co", covariant=True)


class _Wrapped(Protocol[_Value_co]):
    """A pydantic secret, of whatever type."""

    def get_secret_value(self) -> _Value_co:
        """Return the value."""


def reveal(secret: _Wrapped[_Value_co]) -> _Value_co:
    """Return a secret in clear, for the request that sends it and for the search that keeps it out of errors."""
    return secret.get_secret_value()


class SecretHolder:
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


@dataclass(frozen=True, repr=False)
class Hidden(SecretHolder):
    """What the vendor knows and may repeat, so that no text shows it.

    Args:
        texts: The credentials, and every text and number within them.
        is_complete: Whether those are all; where one is not at hand, the vendor's words are not shown at all.
    """

    texts: tuple[str, ...] = ()
    is_complete: bool = True

    @classmethod
    def of(cls, payload: object, *, is_complete: bool = True) -> Hidden:
        """Take all texts and numbers within *payload*."""
        return cls(tuple(_texts(payload)), is_complete)


NOTHING_HIDDEN = Hidden()


def _texts(value: object) -> list[str]:
    if isinstance(value, (str, int, float)):
        return [str(value)]
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for child in children for text in _texts(child)]
