"""The common parts of both state machines: how to run them, their faults, and the events that they must cover.

`model_engine` models Pulumi's engine, `model_user` models its user and the invariants of both, and `model_choices`
draws the random choices for each step.

Programs come from the same seeds every time. `TEST_EFFORT=20 pytest tests/unit/core/test_state_machine.py` runs 20
times as many; the additional ones use other seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = [
    "ACCOUNTS",
    "KEY",
    "NAMES",
    "PHRASES",
    "SECRETS",
    "SupportedFaults",
    "Trouble",
    "effort",
    "fuzz",
    "missed",
    "run_machine",
    "secret",
    "troubles",
]

KEY = "5b1d7e0c93a84f26"
NAMES = ("shop-1", "shop-2", "shop-3")
"""The external identifiers of the integrations."""
ACCOUNTS = {"shop-3": "acct_3"}
"""The account of the third integration; the other two use the default account."""

PHRASES = {
    "a create was ambiguous": "Do not run `pulumi up` again before you have checked",
    "candidates were named": "New integrations with this source",
    "nothing new was found": "although it lists no new integration with this source",
    "a list was not reliable": "(not certain: ",
    "the account could not be listed": "the provider could not find out",
    "the policy claimed a candidate": "because justt:onAmbiguousCreate is adopt",
    "a 404 was refused": "does not prove that it is gone",
    "a 404 counted as gone": "treated as gone because JUSTT_ON_MISSING=gone",
    "an INACTIVE integration left the state": "which is final: a refresh removes it from the state",
    "an adopted integration was released": "so it is released",
    "adopting another integration was refused": "a resource cannot switch to another integration",
    "replacing an adopted integration was refused": "is adopted, and the change of",
    "adopting an INACTIVE integration was refused": "it is INACTIVE, which is final",
    "the quota was used up": "quota is used up",
    "nothing could be sent": "Nothing was sent: check the network",
    "the key was refused": "Justt answered 401",
    "a redirect was refused": "The provider follows no redirect",
    "a deactivation was scheduled": "it runs until",
    "a deactivation counted as scheduled": "assumes that the earlier attempt scheduled it",
    "a response had an undocumented shape": "undocumented shape",
    "an integration that another resource adopts was released": "adopts it, so it is released",
    "an integration that another command adopted was released": "as this machine's journal says, so it is released",
    "a second resource for one record was refused": "Only one resource can manage an integration",
    "a killed run's integration was named": "an earlier run created integration",
    "a killed run's create was searched for": "and its result is not known",
    "an earlier run's request was waited for": "an earlier run sent this create, and its request may take",
    "a create under another name was reported": "an earlier run began to create it for",
    "an intent was dropped for its age": "a create that began more than",
    "a decision was carried out": "as decided with `pulumi-justt recover`",
}
EVENTS = (
    "created",
    "updated in place",
    "replaced",
    "deleted",
    "deleted an integration that had stopped already",
    "a delete failed and kept its record",
    "a lost create was posted again",
    "adopted by hand",
    "deactivated by hand",
    "owned after an adoption",
    "handed over",
    "renamed",
    "targeted",
    "continued after an error",
    "a hook had a create repeated",
    "killed",
    "killed before the id was stored",
    "decided to claim",
    "decided to deactivate",
    "decided to forget",
)
"""The events that the machines must cover. `PHRASES` are recognized by the texts of errors and warnings."""

RARE = {"a create under another name was reported", "an integration that another command adopted was released"}
"""Events that only thousands of random programs are sure to cover; `test_ownership_cases` covers them."""

_Test = TypeVar("_Test", bound=Callable[..., None])


def effort(examples: int, *, steps: int = 1, shrinks: bool = True) -> settings:
    """Return the settings of a test with *examples* for each of `seeds`."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrinks else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def fuzz(examples: int) -> Callable[[_Test], _Test]:
    """Return a decorator for a test with *examples*, times `TEST_EFFORT`."""
    return effort(examples * _times())


def run_machine(
    make: Callable[[], RuleBasedStateMachine],
    rounds: int,
    chosen: settings,
    *,
    is_complete: Callable[[], bool] = lambda: True,
) -> None:
    """Run a state machine *rounds* times with different seeds. Many short rounds cover more than one long round.

    Args:
        make: Creates a new machine.
        rounds: The minimum number of rounds, multiplied by the variable `TEST_EFFORT`.
        chosen: The settings of one round.
        is_complete: Whether the machine has covered all events. If not, up to five times as many rounds run. What
            Hypothesis draws depends on the modules that the process has loaded, so no number of rounds is sure to
            suffice.
    """
    least = rounds * _times()
    for number in range(5 * least):
        if number >= least and is_complete():
            return

        def factory() -> RuleBasedStateMachine:
            return make()

        # Hypothesis calls it without arguments, and accepts any function that creates a machine.
        run_state_machine_as_test(seed(number)(factory), settings=chosen)  # type: ignore[arg-type]


def _times() -> int:
    return int(os.environ.get("TEST_EFFORT", "1"))


def missed(seen: Counter[str], *, refuses: bool) -> set[str]:
    """Return the events that the machine missed, and those that should never happen but did."""
    never = {"the policy claimed a candidate"} if refuses else set()
    return {place for place in {*PHRASES, *EVENTS} - RARE if bool(seen[place]) is (place in never)}


def secret(number: int) -> str:
    """Return the value of a credential, which a program names by this number."""
    return f"{number}c0f9e2d4b81a6d3{number}"


SECRETS = (KEY, *map(secret, range(3)))


@dataclass(frozen=True)
class Trouble:
    """The fault of the next request of an operation, in the syntax of the simulator's faults; empty: none."""

    operation: str
    what: str


@dataclass(frozen=True)
class SupportedFaults:
    """The faults that a Justt implementation supports, by what the client sees with the short time-out of the run.

    Args:
        unsent: Faults that keep a request from being sent.
        refusals: Error statuses that refuse a request.
        outages: Faults that leave a request without a response.
        quota: Responses that report too many requests.
        unreadable: Faults that spoil the response to a committed request.
        intrusions: Changes by others during a create.
        shifts: Changes by others during a list.
        changes: Status changes of an integration that is read.
        kills: Faults that kill the run while a request is in progress.
    """

    unsent: Sequence[str]
    refusals: Sequence[str]
    outages: Sequence[str]
    quota: Sequence[str]
    unreadable: Sequence[str]
    intrusions: Sequence[str]
    shifts: Sequence[str]
    changes: Sequence[str]
    kills: Sequence[str]


def troubles(
    known: SupportedFaults, *, storm: int, least: int = 0, lost_deletes: int = 1
) -> st.SearchStrategy[list[Trouble]]:
    """Draw the faults of one command: for each operation, a fault or none for each of its requests, in order.

    Args:
        known: The supported faults.
        storm: The maximum number of times that one fault happens in a row.
        least: The minimum number of faults; the maximum is three.
        lost_deletes: How much more often than others a delete is lost and then refused. Of the events that a machine
            must cover, the one that needs this and a deactivation for later is the rarest.
    """
    # The first source shrinks well, and the second one, which only has a seed, varies more.
    sources = st.randoms(use_true_random=False) | st.randoms(use_true_random=True)
    return sources.map(lambda random: _trouble(random, known, storm, least, lost_deletes))


def _trouble(random: Random, known: SupportedFaults, storm: int, least: int, lost_deletes: int) -> list[Trouble]:
    lost = [*known.outages, *known.unreadable]
    sorts = [sort for sort in (known.unsent, known.refusals, known.outages, known.quota, known.unreadable) if sort]

    def of(operation: str, what: str) -> list[Trouble]:
        return [Trouble(operation, what)] * random.choice([1, 1, 2, storm])

    def any_of(operation: str) -> list[Trouble]:
        return of(operation, random.choice(random.choice(sorts)))

    def lost_create(times: int) -> list[Trouble]:
        intruder = [Trouble("create", random.choice(known.intrusions))] * random.choice([0, 0, 1])
        return intruder + [Trouble("create", random.choice(lost)) for _ in range(times)]

    def list_later(trouble: list[Trouble]) -> list[Trouble]:
        # The snapshot before the create gets no fault, so that the later lists can be compared with it.
        return [Trouble("list", "")] * random.choice([1, 2]) + trouble

    scenes: list[Callable[[], list[Trouble]]] = [
        lambda: any_of("create"),
        lambda: any_of("list"),
        lambda: any_of("get"),
        lambda: any_of("delete"),
        lambda: [Trouble("create", ""), Trouble("create", random.choice(known.kills))][random.choice([0, 1, 1]) :],
        lambda: [*lost_create(1), Trouble("create", random.choice(known.kills))],
        lambda: [Trouble("delete", random.choice(known.kills))],
        lambda: lost_create(1),
        lambda: lost_create(1),
        lambda: lost_create(2),
        lambda: lost_create(1) + list_later(any_of("list")),
        lambda: lost_create(1) + list_later([Trouble("list", random.choice(known.shifts))] * random.choice([1, storm])),
        lambda: [Trouble("get", random.choice(known.changes))],
        lambda: of(random.choice(["get", "delete"]), "status=404"),
        lambda: of("delete", random.choice(known.outages)) + of("delete", random.choice(known.refusals)),
        *[lambda: [Trouble("delete", random.choice(known.outages)), Trouble("delete", "status=400")]] * lost_deletes,
    ]
    return [trouble for _ in range(random.randint(least, 3)) for trouble in random.choice(scenes)()]
