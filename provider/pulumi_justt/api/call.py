"""What the caller of a request has to say about it, besides its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["UNLIMITED", "Call"]


@dataclass(frozen=True)
class Call:
    """Whom a request is for, how long it is waited for, and whether it still is.

    Args:
        urn: The resource whose call it belongs to; None where that is not known. Only the caller reads it.
        deadline: The moment of the client's clock by which the request has to be done, its waits for the rate limit and
            its attempts included.
        is_cancelled: Whether nobody waits for the result any more; asked before each attempt of a create.
    """

    urn: str | None = None
    deadline: float = math.inf
    is_cancelled: Callable[[], bool] = lambda: False


UNLIMITED = Call()
"""A call that is waited for without end."""
