"""What to do after each try of a request: a pure policy, no clock, no network.

    outcome of a try                                    GET          DELETE       POST
    UNSENT      refused before it was sent              retry        retry        retry
    BARRED      likewise, until a setting changes       fail         fail         fail
    THROTTLED   429                                     retry        retry        retry
    UNANSWERED  408, 425, 499, 5xx, reset, time-out     retry        retry        ambiguous
    REJECTED    a status that refuses the request       fail         fail         fail
    UNREADABLE  2xx that does not say what it should    retry        fail         ambiguous

The API has no idempotency key, so a POST that may have been processed is never sent again by this policy. UNANSWERED
includes 303 and every 4xx that HTTP's registry does not define, because a proxy may send one after it has passed the
request on. BARRED is a certificate that this machine does not trust, or a proxy that wants a password: the next try
would end the same way. Retries end with the policy's tries or its deadline, whichever comes first; THROTTLED has its
own number of tries, because it is an answer about the whole account and not a fault of the request. Waits grow
exponentially with full jitter; a `Retry-After` that the server sent wins. The vendor asks for such a strategy on 5xx
and documents no `Retry-After`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

__all__ = ["TABLE", "AttemptResult", "Method", "RetryDecision", "RetryPlan", "RetryPolicy"]

Method = Literal["GET", "DELETE", "POST"]

_MOST_DOUBLINGS = 60
"""Any cap is reached by then, and no float overflows."""


class AttemptResult(Enum):
    """How one try of a request ended, where it did not simply succeed."""

    UNSENT = auto()
    BARRED = auto()
    THROTTLED = auto()
    UNANSWERED = auto()
    REJECTED = auto()
    UNREADABLE = auto()


class RetryDecision(Enum):
    """What follows from an outcome."""

    RETRY = auto()
    FAIL = auto()
    AMBIGUOUS = auto()


TABLE: dict[AttemptResult, dict[Method, RetryDecision]] = {
    AttemptResult.UNSENT: {"GET": RetryDecision.RETRY, "DELETE": RetryDecision.RETRY, "POST": RetryDecision.RETRY},
    AttemptResult.BARRED: {"GET": RetryDecision.FAIL, "DELETE": RetryDecision.FAIL, "POST": RetryDecision.FAIL},
    AttemptResult.THROTTLED: {"GET": RetryDecision.RETRY, "DELETE": RetryDecision.RETRY, "POST": RetryDecision.RETRY},
    AttemptResult.UNANSWERED: {
        "GET": RetryDecision.RETRY,
        "DELETE": RetryDecision.RETRY,
        "POST": RetryDecision.AMBIGUOUS,
    },
    AttemptResult.REJECTED: {"GET": RetryDecision.FAIL, "DELETE": RetryDecision.FAIL, "POST": RetryDecision.FAIL},
    # A login page that answers in Justt's place answers the next DELETE too; only a GET shows what happened, which is
    # up to the caller.
    AttemptResult.UNREADABLE: {
        "GET": RetryDecision.RETRY,
        "DELETE": RetryDecision.FAIL,
        "POST": RetryDecision.AMBIGUOUS,
    },
}


@dataclass(frozen=True)
class RetryPlan:
    """An action, and the seconds to wait before it when it is a retry."""

    action: RetryDecision
    wait: float = 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try.

    Args:
        tries: Tries of one request, the first one included, before a fault is final.
        throttled_tries: Answers of 429 to one request before that is final.
        base: Upper bound of the first wait, in seconds; each further one doubles it.
        cap: Upper bound of any wait, in seconds.
        throttled_cap: Upper bound of a wait after 429, in seconds: the vendor's quota is counted by the minute.
        longest_pause: Seconds that one request may be made to pause by answers of 429, over all its tries.
        deadline: Seconds one request may take over all its tries; waiting for the rate limiter does not count.
    """

    tries: int = 6
    throttled_tries: int = 20
    base: float = 0.5
    cap: float = 8.0
    throttled_cap: float = 60.0
    longest_pause: float = 300.0
    deadline: float = 120.0

    def decide(  # noqa: PLR0913 - the facts of one try; a class for them would only rename the arguments
        self,
        method: Method,
        outcome: AttemptResult,
        *,
        faults: int,
        throttled: int,
        elapsed: float,
        paused: float,
        retry_after: float | None,
        random: Callable[[], float],
    ) -> RetryPlan:
        """Decide what follows *outcome*.

        Args:
            method: The request's method.
            outcome: How its latest try ended.
            faults: How many of its tries ended badly so far, this one included, those with 429 not counted.
            throttled: How many of its tries were answered with 429 so far.
            elapsed: Seconds since its first try, without the time spent waiting for the limiter.
            paused: Seconds that answers of 429 made it pause so far.
            retry_after: What the server asked to wait, in seconds.
            random: A source of uniform numbers in [0, 1).
        """
        action = TABLE[outcome][method]
        if action is not RetryDecision.RETRY:
            return RetryPlan(action)
        is_throttled = outcome is AttemptResult.THROTTLED
        count, tries, cap = (
            (throttled, self.throttled_tries, self.throttled_cap) if is_throttled else (faults, self.tries, self.cap)
        )
        if count >= tries:
            return RetryPlan(RetryDecision.FAIL)
        bound = min(cap, self.base * 2.0 ** min(count - 1, _MOST_DOUBLINGS))
        wait = random() * bound if retry_after is None else retry_after
        if is_throttled:
            # The wait is served by the limiter, where everyone pauses, so it is not charged to this request.
            is_late = elapsed >= self.deadline or paused + wait > self.longest_pause
        else:
            is_late = elapsed + wait >= self.deadline
        return RetryPlan(RetryDecision.FAIL) if is_late else RetryPlan(RetryDecision.RETRY, wait)
