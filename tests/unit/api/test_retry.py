"""The retry policy: the whole table, its limits, and that a create is never repeated blindly."""

from __future__ import annotations

import re
from random import Random
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_justt.api import retry
from pulumi_justt.api.retry import TABLE, AttemptResult, Method, RetryDecision, RetryPlan, RetryPolicy

METHODS: tuple[Method, ...] = get_args(Method)
CELLS = [(method, outcome) for outcome in AttemptResult for method in METHODS]
EXPECTED: dict[AttemptResult, tuple[RetryDecision, RetryDecision, RetryDecision]] = {
    AttemptResult.UNSENT: (RetryDecision.RETRY, RetryDecision.RETRY, RetryDecision.RETRY),
    AttemptResult.BARRED: (RetryDecision.FAIL, RetryDecision.FAIL, RetryDecision.FAIL),
    AttemptResult.RATE_LIMITED: (RetryDecision.RETRY, RetryDecision.RETRY, RetryDecision.RETRY),
    AttemptResult.UNANSWERED: (RetryDecision.RETRY, RetryDecision.RETRY, RetryDecision.AMBIGUOUS),
    AttemptResult.REJECTED: (RetryDecision.FAIL, RetryDecision.FAIL, RetryDecision.FAIL),
    AttemptResult.UNREADABLE: (RetryDecision.RETRY, RetryDecision.FAIL, RetryDecision.AMBIGUOUS),
}
"""The expected table, in the order GET, DELETE, POST."""

RETRYING = [cell for cell in CELLS if TABLE[cell[1]][cell[0]] is RetryDecision.RETRY]


def decide(  # noqa: PLR0913 - the facts of one attempt, with defaults
    method: Method = "GET",
    outcome: AttemptResult = AttemptResult.UNANSWERED,
    *,
    policy: RetryPolicy | None = None,
    failures: int = 1,
    rate_limited: int = 0,
    elapsed: float = 0.0,
    paused: float = 0.0,
    retry_after: float | None = None,
    random: float = 0.5,
) -> RetryPlan:
    """Return the policy's decision for one attempt, with a fixed random number."""
    return (policy or RetryPolicy()).decide(
        method,
        outcome,
        failures=failures,
        rate_limited=rate_limited,
        elapsed=elapsed,
        paused=paused,
        retry_after=retry_after,
        random=lambda: random,
    )


def test_methods_are_get_delete_and_post() -> None:
    """The columns of the expected table are the three methods of the client, in the same order."""
    assert METHODS == ("GET", "DELETE", "POST")


@pytest.mark.parametrize(("method", "outcome"), CELLS)
def test_every_cell(method: Method, outcome: AttemptResult) -> None:
    """For each method and outcome, the decision after the first failed attempt is that of the expected table."""
    is_rate_limited = outcome is AttemptResult.RATE_LIMITED
    decision = decide(method, outcome, failures=int(not is_rate_limited), rate_limited=int(is_rate_limited))

    expected = EXPECTED[outcome][METHODS.index(method)]
    assert expected is TABLE[outcome][method]
    assert RetryPlan(expected, 0.25 if expected is RetryDecision.RETRY else 0.0) == decision


def test_docstring_table_equals_the_table() -> None:
    """The table in the docstring of `retry` is equal to the one that the code uses."""
    lines = (retry.__doc__ or "").splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip().startswith("outcome of an attempt"))
    assert list(METHODS) == lines[start].split()[-3:]
    written: dict[AttemptResult, dict[Method, RetryDecision]] = {}
    for line in lines[start + 1 : start + 1 + len(AttemptResult)]:
        name, *_, get, delete, post = re.split(r"\s{2,}", line.strip())
        cells = dict(zip(METHODS, (RetryDecision[cell.upper()] for cell in (get, delete, post)), strict=True))
        written[AttemptResult[name]] = cells

    assert written == TABLE


@pytest.mark.parametrize(
    ("method", "outcome"), [cell for cell in RETRYING if cell[1] is not AttemptResult.RATE_LIMITED]
)
def test_attempts_are_limited(method: Method, outcome: AttemptResult) -> None:
    """With `attempts=3`, the policy retries after the second failure, and not after the third."""
    policy = RetryPolicy(attempts=3)

    assert decide(method, outcome, policy=policy, failures=2).action is RetryDecision.RETRY
    assert RetryPlan(RetryDecision.FAIL) == decide(method, outcome, policy=policy, failures=3)


@pytest.mark.parametrize("method", METHODS)
def test_rate_limited_attempts_are_counted_separately(method: Method) -> None:
    """The 429 responses of a request have their own limit.

    Other failures don't count toward it, nor do 429 responses count toward the other limit.
    """
    policy = RetryPolicy(attempts=2, rate_limited_attempts=4)

    assert (
        decide(method, AttemptResult.RATE_LIMITED, policy=policy, failures=9, rate_limited=3).action
        is RetryDecision.RETRY
    )
    assert (
        decide(method, AttemptResult.RATE_LIMITED, policy=policy, failures=0, rate_limited=4).action
        is RetryDecision.FAIL
    )
    assert decide(method, AttemptResult.UNSENT, policy=policy, failures=1, rate_limited=9).action is RetryDecision.RETRY
    assert decide(method, AttemptResult.UNSENT, policy=policy, failures=2, rate_limited=0).action is RetryDecision.FAIL


@pytest.mark.parametrize(
    ("elapsed", "action"),
    [
        (0.0, RetryDecision.RETRY),
        (9.7, RetryDecision.RETRY),
        (9.75, RetryDecision.FAIL),
        (10.0, RetryDecision.FAIL),
        (99.0, RetryDecision.FAIL),
    ],
)
def test_deadline_includes_the_backoff(elapsed: float, action: RetryDecision) -> None:
    """If a retry would start at the deadline or later, the policy does not retry."""
    assert action is decide(policy=RetryPolicy(deadline=10.0), elapsed=elapsed).action


@pytest.mark.parametrize(
    ("elapsed", "paused", "retry_after", "action"),
    [
        (99.5, 0.0, 45.0, RetryDecision.RETRY),
        (0.0, 0.0, 300.0, RetryDecision.RETRY),
        (0.0, 0.0, 300.5, RetryDecision.FAIL),
        (0.0, 290.0, 10.0, RetryDecision.RETRY),
        (0.0, 290.0, 10.5, RetryDecision.FAIL),
        (100.0, 0.0, 0.0, RetryDecision.FAIL),
    ],
)
def test_limits_of_a_rate_limit_pause(elapsed: float, paused: float, retry_after: float, action: RetryDecision) -> None:
    """After a 429, the policy does not retry if the request's own time is used up.

    Nor does it if the pauses would exceed five minutes in total.
    """
    decision = decide(
        outcome=AttemptResult.RATE_LIMITED,
        policy=RetryPolicy(deadline=100.0),
        failures=0,
        rate_limited=1,
        elapsed=elapsed,
        paused=paused,
        retry_after=retry_after,
    )

    assert RetryPlan(action, retry_after if action is RetryDecision.RETRY else 0.0) == decision


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (7, 8.0), (50, 8.0)]
)
@pytest.mark.parametrize("random", [0.0, 0.25, 0.999])
def test_backoff_doubles_with_full_jitter_up_to_the_cap(failures: int, bound: float, random: float) -> None:
    """The wait after each failure is between zero and a bound, which doubles up to the cap."""
    decision = decide(policy=RetryPolicy(attempts=99), failures=failures, random=random)

    assert pytest.approx(bound * random) == decision.wait


@pytest.mark.parametrize(("rate_limited", "bound"), [(1, 0.5), (7, 32.0), (8, 60.0), (20, 60.0)])
def test_backoff_after_429_has_its_own_cap(rate_limited: int, bound: float) -> None:
    """The wait after a 429 grows up to a minute, because the quota is counted per minute."""
    policy = RetryPolicy(rate_limited_attempts=99)

    decision = decide(
        outcome=AttemptResult.RATE_LIMITED, policy=policy, failures=0, rate_limited=rate_limited, random=0.5
    )

    assert pytest.approx(bound * 0.5) == decision.wait


def test_single_request_outlasts_a_minute_of_exhausted_quota() -> None:
    """If every response is a 429 without `Retry-After`, the policy retries until the vendor's minute is over.

    The jitter never makes a request fail earlier.
    """
    for seed in range(400):
        uniform = Random(seed).random  # noqa: S311 - the same waits every time
        waited, rate_limited = 0.0, 0
        while waited < 60.0:
            rate_limited += 1
            decision = RetryPolicy().decide(
                "GET",
                AttemptResult.RATE_LIMITED,
                failures=0,
                rate_limited=rate_limited,
                elapsed=0.0,
                paused=waited,
                retry_after=None,
                random=uniform,
            )
            assert decision.action is RetryDecision.RETRY
            waited += decision.wait


@pytest.mark.parametrize(("method", "outcome"), RETRYING)
@pytest.mark.parametrize("retry_after", [0.0, 0.125, 30.0])
def test_retry_after_wins(method: Method, outcome: AttemptResult, retry_after: float) -> None:
    """If the response has `Retry-After`, the policy waits that long, even if the value is zero or above the cap."""
    policy = RetryPolicy(cap=1.0, rate_limited_cap=1.0)

    decision = decide(method, outcome, policy=policy, rate_limited=1, retry_after=retry_after, random=0.9)

    assert RetryPlan(RetryDecision.RETRY, retry_after) == decision


def test_retry_after_beyond_the_deadline_is_final() -> None:
    """If `Retry-After` reaches the deadline, the policy does not retry."""
    assert RetryPlan(RetryDecision.FAIL) == decide(policy=RetryPolicy(deadline=10.0), retry_after=10.0)


@pytest.mark.parametrize(("method", "outcome"), [cell for cell in CELLS if cell not in RETRYING])
def test_no_wait_and_no_random_number_without_a_retry(method: Method, outcome: AttemptResult) -> None:
    """If the policy does not retry, it neither waits nor draws a random number."""

    def no_random() -> float:
        raise AssertionError

    decision = RetryPolicy().decide(
        method, outcome, failures=1, rate_limited=0, elapsed=0.0, paused=0.0, retry_after=5.0, random=no_random
    )

    assert decision.wait == 0.0
    assert decision.action is not RetryDecision.RETRY


def test_defaults() -> None:
    """By default a request has six attempts and twenty 429 responses, within a deadline of two minutes."""
    assert RetryPolicy() == RetryPolicy(
        attempts=6,
        rate_limited_attempts=20,
        base=0.5,
        cap=8.0,
        rate_limited_cap=60.0,
        longest_pause=300.0,
        deadline=120.0,
    )


def sent(policy: RetryPolicy, method: Method, outcomes: list[AttemptResult], times: list[float]) -> list[AttemptResult]:
    """Run one request through *outcomes*, repeated as needed, and return the outcomes of its attempts."""
    failures = rate_limited = 0
    elapsed = paused = 0.0
    operation: list[AttemptResult] = []
    while True:
        outcome, took = outcomes[len(operation) % len(outcomes)], times[len(operation) % len(times)]
        operation.append(outcome)
        elapsed += took
        failures += outcome is not AttemptResult.RATE_LIMITED
        rate_limited += outcome is AttemptResult.RATE_LIMITED
        decision = policy.decide(
            method,
            outcome,
            failures=failures,
            rate_limited=rate_limited,
            elapsed=elapsed,
            paused=paused,
            retry_after=None,
            random=lambda: 0.5,
        )
        if decision.action is not RetryDecision.RETRY:
            return operation
        if outcome is AttemptResult.RATE_LIMITED:
            paused += decision.wait
        else:
            elapsed += decision.wait


OUTCOMES = st.lists(st.sampled_from(AttemptResult), min_size=1, max_size=30)
TIMES = st.lists(st.floats(0.0, 40.0), min_size=1, max_size=5)


@given(outcomes=OUTCOMES, times=TIMES)
@example(outcomes=[AttemptResult.UNSENT, AttemptResult.RATE_LIMITED, AttemptResult.UNANSWERED], times=[0.0])
@example(outcomes=[AttemptResult.RATE_LIMITED, AttemptResult.UNREADABLE], times=[0.0])
def test_create_is_never_sent_again_once_it_may_have_happened(
    outcomes: list[AttemptResult], times: list[float]
) -> None:
    """Whatever the outcomes are, a POST with no response or an unreadable one is not sent again."""
    operation = sent(RetryPolicy(), "POST", outcomes, times)

    assert not {AttemptResult.UNANSWERED, AttemptResult.UNREADABLE} & set(operation[:-1])


@given(method=st.sampled_from(METHODS), outcomes=OUTCOMES, times=TIMES, attempts=st.integers(1, 8))
@example(method="GET", outcomes=[AttemptResult.UNSENT, AttemptResult.RATE_LIMITED], times=[0.0], attempts=8)
def test_attempts_of_any_request_are_limited(
    method: Method, outcomes: list[AttemptResult], times: list[float], attempts: int
) -> None:
    """Whatever the outcomes are, a request has no more attempts than both limits allow together."""
    policy = RetryPolicy(attempts=attempts, rate_limited_attempts=5)

    operation = sent(policy, method, outcomes, times)

    assert operation.count(AttemptResult.RATE_LIMITED) <= 5
    assert len(operation) - operation.count(AttemptResult.RATE_LIMITED) <= attempts
    assert len(operation) <= attempts + 5 - 1


@given(method=st.sampled_from(METHODS), outcomes=OUTCOMES)
def test_no_attempt_starts_after_the_deadline(method: Method, outcomes: list[AttemptResult]) -> None:
    """With unlimited attempts of ten seconds each, a deadline of 100 seconds allows at most ten attempts."""
    policy = RetryPolicy(attempts=10_000, rate_limited_attempts=10_000, deadline=100.0)

    assert len(sent(policy, method, outcomes, [10.0])) <= 10
