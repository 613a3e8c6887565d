"""What a request to Justt ends with when it does not succeed: facts alone, no advice.

    ApiError
    ├── ApiStatusError          the last answer was no success
    ├── ApiConnectionError      no answer came
    ├── InvalidResponseError    a success had no documented shape
    ├── OutcomeUnknown          a create was sent, and may or may not have been carried out
    ├── InvalidRequest          the API takes no such request, so nothing was sent
    └── Cancelled               the caller no longer waits, so it was not sent (again)

The text of an error has no words of the server, of a proxy or of this machine's libraries, since they may repeat a
credential. They are in attributes: `message`, `detail`, `shape` and `error_id`.
"""

from __future__ import annotations

from typing import Literal

from pulumi_justt.api.retry import AttemptResult
from pulumi_justt.unpicklable import Unpicklable

__all__ = [
    "ApiConnectionError",
    "ApiError",
    "ApiStatusError",
    "Cancelled",
    "InvalidNetworkSettings",
    "InvalidRequest",
    "InvalidResponseError",
    "OutcomeUnknown",
]

_REFUSALS = frozenset(
    (300, 301, 302, 304, 305, 307, 308, *range(400, 408), *range(409, 418), 421, 422, 423, 424, 426, 428, 431, 451)
)
"""The statuses that prove that a request was not carried out: HTTP's registry defines them as redirects or refusals.

303 is missing because it points to the result of a POST that was carried out. 408 and 425 may come from a proxy that
has passed the request on. Any 4xx that is not registered (499 and 444 of nginx, 460 of Amazon's load balancer) means
whatever its proxy wants it to mean. For a POST, a wrong "refused" creates a duplicate; a wrong "may have been carried
out" costs one look at the account.
"""

_TOO_MANY_REQUESTS = 429


class ApiError(Unpicklable, Exception):
    """A request did not do what it was sent for.

    Attributes:
        attempts: How often it was sent, or tried to be sent.
        was_unanswered: Whether an attempt was sent and not answered, so that it may have been carried out.
        is_cut_short: Whether the call's deadline left no time for an attempt, or for another one.
        error_id: The vendor's errorId, as it came.
    """

    outcome: AttemptResult
    """How its last attempt ended."""

    def __init__(self, text: str, *, error_id: str | None = None) -> None:
        super().__init__(text)
        self.attempts = 1
        self.was_unanswered = False
        self.is_cut_short = False
        self.error_id = error_id


class ApiStatusError(ApiError):
    """The last answer had another status than success.

    Args:
        status: The HTTP status.
        message: The words of whoever answered.
        error_id: The vendor's errorId.
        is_json: Whether the body was JSON or empty, as all of the API's are; a proxy sends a page.
        retry_after: The seconds to wait that the answer asks for.
    """

    def __init__(
        self,
        status: int,
        message: str,
        error_id: str | None,
        *,
        is_json: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"Justt answered {status}", error_id=error_id)
        self.status = status
        self.message = message
        self.is_json = is_json
        self.retry_after = retry_after

    @property
    def outcome(self) -> AttemptResult:  # type: ignore[override]
        """RATE_LIMITED, REJECTED, or UNANSWERED where a proxy may have passed the request on."""
        if self.status == _TOO_MANY_REQUESTS:
            return AttemptResult.RATE_LIMITED
        return AttemptResult.REJECTED if self.status in _REFUSALS else AttemptResult.UNANSWERED


class ApiConnectionError(ApiError):
    """No answer came.

    Args:
        reason: What happened.
        outcome: UNSENT, BARRED or UNANSWERED.
        detail: What this machine's libraries say of it.
        barrier: What has to change before any request can be sent.
    """

    def __init__(
        self,
        reason: str,
        outcome: AttemptResult,
        *,
        detail: str = "",
        barrier: Literal["certificate", "proxy"] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome
        self.detail = detail
        self.barrier = barrier


class InvalidResponseError(ApiError):
    """A success did not say what the vendor documents.

    Args:
        status: The HTTP status.
        shape: What came instead, by its keys and types.
    """

    outcome = AttemptResult.UNREADABLE

    def __init__(self, status: int, shape: str) -> None:
        super().__init__(f"Justt answered {status} with an undocumented shape")
        self.status = status
        self.shape = shape


class OutcomeUnknown(ApiError):
    """A create was sent, and it may or may not have been carried out; it is not sent again.

    Args:
        cause: What came instead of a usable answer.
    """

    def __init__(self, cause: ApiError) -> None:
        super().__init__(f"the integration may exist: {cause}", error_id=cause.error_id)
        self.cause = cause
        self.outcome = cause.outcome
        self.attempts = cause.attempts
        self.was_unanswered = True


class InvalidRequest(ApiError, ValueError):
    """The API takes no such request, so nothing was sent.

    Args:
        text: Why.
        part: What is wrong: the size of the body, a text in it, the id or the account.
    """

    outcome = AttemptResult.REJECTED

    def __init__(self, text: str, part: Literal["size", "text", "id", "account"]) -> None:
        super().__init__(text)
        self.part = part


class Cancelled(ApiError):
    """The caller no longer waits for the result, so it was not sent, or not sent again after what refused it."""

    outcome = AttemptResult.UNSENT

    def __init__(self) -> None:
        super().__init__("it was not sent")


class InvalidNetworkSettings(ValueError):
    """The settings of this machine's network cannot be used.

    Args:
        variables: The environment variables that they come from.
        reason: The kind of the fault; its text may quote a proxy's password.
    """

    def __init__(self, variables: str, reason: str) -> None:
        super().__init__(f"{variables}: {reason}")
        self.variables = variables
        self.reason = reason
