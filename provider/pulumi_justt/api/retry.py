"""What to do after each attempt of a request: a pure policy, no clock, no network.

    outcome of an attempt                               GET          DELETE       POST
    UNSENT        refused before it was sent            retry        retry        retry
    BARRED        likewise, until a setting changes     fail         fail         fail
    RATE_LIMITED  429                                   retry        retry        retry
    UNANSWERED    408, 425, 499, 5xx, reset, time-out   retry        retry        ambiguous
    REJECTED      a status that refuses the request     fail         fail         fail
    UNREADABLE    2xx without the documented shape      retry        fail         ambiguous

The API has no idempotency key, so this policy never repeats a POST that Justt may have processed. UNANSWERED includes
303 and every 4xx that HTTP does not define, because a proxy may send one after it has passed the request on.
BARRED means a certificate that this machine does not trust, or a proxy that requires a password: another attempt would
end the same way. A request fails after the policy's number of attempts or at its deadline, whichever comes first.
RATE_LIMITED has a number of attempts of its own, because a 429 concerns the whole account. Waits grow exponentially
with full jitter, and a `Retry-After` header overrides them. Justt asks for this strategy on 5xx and documents no
`Retry-After`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

__all__ = ["TABLE", "AttemptResult", "Method", "RetryDecision", "RetryPlan", "RetryPolicy"]

Method = Literal["GET", "DELETE", "POST"]

_MOST_DOUBLINGS = 60
"""The maximum exponent of the backoff: the cap is reached long before, and no float overflows."""


class AttemptResult(Enum):
    """How an attempt of a request failed."""

    UNSENT = auto()
    BARRED = auto()
    RATE_LIMITED = auto()
    UNANSWERED = auto()
    REJECTED = auto()
    UNREADABLE = auto()


class RetryDecision(Enum):
    """What to do after a failed attempt."""

    RETRY = auto()
    FAIL = auto()
    AMBIGUOUS = auto()


TABLE: dict[AttemptResult, dict[Method, RetryDecision]] = {
    AttemptResult.UNSENT: {"GET": RetryDecision.RETRY, "DELETE": RetryDecision.RETRY, "POST": RetryDecision.RETRY},
    AttemptResult.BARRED: {"GET": RetryDecision.FAIL, "DELETE": RetryDecision.FAIL, "POST": RetryDecision.FAIL},
    AttemptResult.RATE_LIMITED: {
        "GET": RetryDecision.RETRY,
        "DELETE": RetryDecision.RETRY,
        "POST": RetryDecision.RETRY,
    },
    AttemptResult.UNANSWERED: {
        "GET": RetryDecision.RETRY,
        "DELETE": RetryDecision.RETRY,
        "POST": RetryDecision.AMBIGUOUS,
    },
    AttemptResult.REJECTED: {"GET": RetryDecision.FAIL, "DELETE": RetryDecision.FAIL, "POST": RetryDecision.FAIL},
    # If a login page answers instead of Justt, it answers the next DELETE too. Only a GET shows what happened, and the
    # caller sends it.
    AttemptResult.UNREADABLE: {
        "GET": RetryDecision.RETRY,
        "DELETE": RetryDecision.FAIL,
        "POST": RetryDecision.AMBIGUOUS,
    },
}


@dataclass(frozen=True)
class RetryPlan:
    """A decision, and the seconds to wait before a retry."""

    action: RetryDecision
    wait: float = 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """The limits of retries.

    Args:
        attempts: The maximum number of attempts of one request, including the first.
        rate_limited_attempts: The maximum number of 429 responses to one request.
        base: Upper bound of the first wait, in seconds; it doubles with each further wait.
        cap: Upper bound of any wait, in seconds.
        rate_limited_cap: Upper bound of a wait after a 429, in seconds: Justt counts its quota by the minute.
        longest_pause: The maximum number of seconds that one request may pause because of 429s, over all attempts.
        deadline: The maximum number of seconds that one request may take, over all its attempts; waiting for the rate
            limiter does not count.
    """

    attempts: int = 6
    rate_limited_attempts: int = 20
    base: float = 0.5
    cap: float = 8.0
    rate_limited_cap: float = 60.0
    longest_pause: float = 300.0
    deadline: float = 120.0

    def decide(  # noqa: PLR0913 - the facts of one attempt; a class for them would only rename the arguments
        self,
        method: Method,
        outcome: AttemptResult,
        *,
        failures: int,
        rate_limited: int,
        elapsed: float,
        paused: float,
        retry_after: float | None,
        random: Callable[[], float],
    ) -> RetryPlan:
        """Decide what to do after an attempt that ended with *outcome*.

        Args:
            method: The HTTP method.
            outcome: The result of the last attempt.
            failures: The number of failed attempts of this request, including the last one but without 429s.
            rate_limited: The number of 429 responses to this request.
            elapsed: Seconds since the first attempt, without waits for the rate limiter.
            paused: Seconds that this request has paused because of 429s.
            retry_after: The seconds of the server's `Retry-After` header.
            random: Returns a random number in [0, 1).
        """
        action = TABLE[outcome][method]
        if action is not RetryDecision.RETRY:
            return RetryPlan(action)
        is_rate_limited = outcome is AttemptResult.RATE_LIMITED
        count, attempts, cap = (
            (rate_limited, self.rate_limited_attempts, self.rate_limited_cap)
            if is_rate_limited
            else (failures, self.attempts, self.cap)
        )
        if count >= attempts:
            return RetryPlan(RetryDecision.FAIL)
        bound = min(cap, self.base * 2.0 ** min(count - 1, _MOST_DOUBLINGS))
        wait = random() * bound if retry_after is None else retry_after
        if is_rate_limited:
            # The limiter pauses all requests together, so this wait does not count as the request's own time.
            is_late = elapsed >= self.deadline or paused + wait > self.longest_pause
        else:
            is_late = elapsed + wait >= self.deadline
        return RetryPlan(RetryDecision.FAIL) if is_late else RetryPlan(RetryDecision.RETRY, wait)
