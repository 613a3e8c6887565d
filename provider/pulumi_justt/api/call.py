"""The context of a request: its resource, its deadline and its cancellation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["UNLIMITED", "Call"]


@dataclass(frozen=True)
class Call:
    """The resource of a request, the request's deadline, and whether it is cancelled.

    Args:
        urn: The resource that the engine's call is for; None if it is unknown. The API client does not read it.
        deadline: The time by the client's clock at which the request must be finished, including all attempts and the
            waits for the rate limit.
        is_cancelled: Returns whether the caller no longer waits for the result; called before each attempt of a create.
    """

    urn: str | None = None
    deadline: float = math.inf
    is_cancelled: Callable[[], bool] = lambda: False


UNLIMITED = Call()
"""A call without a deadline."""
