"""The errors of requests to Justt: facts only, without advice for the user.

    ApiError
    ├── ApiStatusError          the last response had an error status
    ├── ApiConnectionError      there was no response
    ├── InvalidResponseError    a success had no documented shape
    ├── OutcomeUnknown          a create was sent, and may or may not have been carried out
    ├── InvalidRequest          the request cannot be valid, so it was not sent
    └── Cancelled               the caller no longer waits, so the request was not sent (again)

The text of an error never quotes the server, a proxy or this machine's libraries, because a quotation may repeat a
credential. Their texts are in the attributes `message`, `detail`, `shape` and `error_id`.
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
has passed the request on. An unregistered 4xx (499 and 444 of nginx, 460 of Amazon's load balancer) has no standard
meaning. If the client wrongly treats a POST as refused, it creates a duplicate. If it wrongly treats a POST as possibly
carried out, the user only has to check the account.
"""

_TOO_MANY_REQUESTS = 429


class ApiError(Unpicklable, Exception):
    """Base of all errors of requests.

    Attributes:
        attempts: The number of attempts.
        was_unanswered: Whether an attempt was sent and got no response, so that it may have been carried out.
        is_cut_short: Whether the call's deadline left no time for a first or another attempt.
        error_id: Justt's errorId, unredacted.
    """

    outcome: AttemptResult
    """The result of the last attempt."""

    def __init__(self, text: str, *, error_id: str | None = None) -> None:
        super().__init__(text)
        self.attempts = 1
        self.was_unanswered = False
        self.is_cut_short = False
        self.error_id = error_id


class ApiStatusError(ApiError):
    """The last response had an error status.

    Args:
        status: The HTTP status.
        message: The message of the response, unredacted.
        error_id: Justt's errorId.
        is_json: Whether the body was JSON or empty, like every body of the API; a proxy usually sends HTML.
        retry_after: The seconds of the `Retry-After` header.
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
    def outcome(self) -> AttemptResult:  # type: ignore[override]  # derived from the status
        """RATE_LIMITED, REJECTED, or UNANSWERED if a proxy may have passed the request on."""
        if self.status == _TOO_MANY_REQUESTS:
            return AttemptResult.RATE_LIMITED
        return AttemptResult.REJECTED if self.status in _REFUSALS else AttemptResult.UNANSWERED


class ApiConnectionError(ApiError):
    """There was no response.

    Args:
        reason: What happened.
        outcome: UNSENT, BARRED or UNANSWERED.
        detail: The error text of this machine's libraries, unredacted.
        barrier: The setting that prevents every request until it changes.
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
    """The response was a 2xx with a body that Justt does not document.

    Args:
        status: The HTTP status.
        shape: The keys and types of the body.
    """

    outcome = AttemptResult.UNREADABLE

    def __init__(self, status: int, shape: str) -> None:
        super().__init__(f"Justt answered {status} with an undocumented shape")
        self.status = status
        self.shape = shape


class OutcomeUnknown(ApiError):
    """Justt may have carried out a create that was sent; the client does not send it again.

    Args:
        cause: The error of the attempt whose outcome is unknown.
    """

    def __init__(self, cause: ApiError) -> None:
        super().__init__(f"the integration may exist: {cause}", error_id=cause.error_id)
        self.cause = cause
        self.outcome = cause.outcome
        self.attempts = cause.attempts
        self.was_unanswered = True


class InvalidRequest(ApiError, ValueError):
    """The request cannot be valid, so nothing was sent.

    Args:
        text: The reason.
        part: The invalid part: the size of the body, a text in it, the id or the account.
    """

    outcome = AttemptResult.REJECTED

    def __init__(self, text: str, part: Literal["size", "text", "id", "account"]) -> None:
        super().__init__(text)
        self.part = part


class Cancelled(ApiError):
    """The caller no longer waits for the result, so the request was not sent, or not sent again after a failure."""

    outcome = AttemptResult.UNSENT

    def __init__(self) -> None:
        super().__init__("it was not sent")


class InvalidNetworkSettings(ValueError):
    """The network settings of this machine cannot be used.

    Args:
        variables: The environment variables that they come from.
        reason: The type of the error, without its text, which may quote a proxy's password.
    """

    def __init__(self, variables: str, reason: str) -> None:
        super().__init__(f"{variables}: {reason}")
        self.variables = variables
        self.reason = reason
