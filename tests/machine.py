"""Pulumi's engine and its user in miniature: the model that both state machines run, and what must hold of it.

A `Project` is a program, the state that the real engine would keep for it, and a user who does what errors say. What
serves it is a `Backend`: the provider in some form, and the vendor's records, with trouble on demand.

    engine  an exception in create stores nothing; in read and delete the record stays; read None drops it;
            a replacement creates the new one first, and the old one stays in the state until its delete succeeds
    user    before a run, looks at Justt for each integration that an error or a warning named, and adopts it or has it
            deactivated there; runs again without having looked only where nothing was named

Programs come from the same seeds every time; `TEST_EFFORT=20 pytest tests/test_state_machine.py` runs 20 times as many,
the further ones from other seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

import leaks

__all__ = [
    "KEY",
    "NAMES",
    "Backend",
    "Project",
    "Provider",
    "Remote",
    "Trouble",
    "effort",
    "missed",
    "run_machine",
    "secret",
    "troubles",
]

KEY = "5b1d7e0c93a84f26"
NAMES = ("shop-1", "shop-2", "shop-3")
ACCOUNTS = {"shop-3": "acct_3"}
"""Where the third one lives; the other two name no account."""

PHRASES = {
    "a create was ambiguous": "Do not run `pulumi up` again before you have checked",
    "candidates were named": "New integrations with this source",
    "nothing new was found": "although it lists no new integration with this source",
    "a list was not to be relied on": "to be sure of it",
    "the account could not be listed": "could not be found out",
    "the policy adopted": "because justt:onAmbiguousCreate is adopt",
    "a 404 was refused": "does not prove that it is gone",
    "a 404 was taken on the user's word": "taken as gone because JUSTT_ON_MISSING=gone",
    "what became INACTIVE left the state": "which is final: it leaves the state",
    "what was adopted was released": "so it is released",
    "adopting another one was refused": "another integration is another resource",
    "replacing what is adopted was refused": "is adopted, and what changed",
    "adopting what is INACTIVE was refused": "it is INACTIVE, which is final",
    "the quota was used up": "quota is used up",
    "nothing could be sent": "Nothing was sent: check the network",
    "the key was refused": "Justt answered 401",
    "a redirect was refused": "A redirect is never followed",
    "a deactivation was taken as scheduled": "taken as scheduled",
    "an answer was misunderstood": "undocumented shape",
}
EVENTS = (
    "created",
    "updated in place",
    "replaced",
    "deleted",
    "deleted what had stopped already",
    "a delete failed and kept its record",
    "a lost create was posted again",
    "adopted by hand",
    "deactivated by hand",
    "owned after an adoption",
)
"""Where the machines have been: by what happened, and by words that errors and warnings say there."""

_T = TypeVar("_T")
_Test = TypeVar("_Test", bound=Callable[..., None])


def effort(examples: int, *, steps: int = 1, shrinks: bool = True) -> settings:
    """Return the settings of a test with *examples*, for each of `seeds`."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrinks else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def fuzz(examples: int) -> Callable[[_Test], _Test]:
    """Return the decorator of a test with *examples*, times `TEST_EFFORT`."""
    return effort(examples * _times())


def run_machine(
    make: Callable[[], RuleBasedStateMachine],
    rounds: int,
    chosen: settings,
    *,
    is_complete: Callable[[], bool] = lambda: True,
) -> None:
    """Run a machine in *rounds* from different seeds, which go to more places than one long one.

    Args:
        make: Makes a new machine.
        rounds: How often at least; the variable `TEST_EFFORT` multiplies it.
        chosen: The settings of one round.
        is_complete: Whether it has been everywhere; while it has not, up to five times as many rounds follow. What
            Hypothesis draws depends on the modules that the test process has loaded, so no number of rounds is sure.
    """
    least = rounds * _times()
    for number in range(5 * least):
        if number >= least and is_complete():
            return

        def factory() -> RuleBasedStateMachine:
            return make()

        # Hypothesis calls it without arguments, and takes any function that makes a machine.
        run_state_machine_as_test(seed(number)(factory), settings=chosen)  # type: ignore[arg-type]


def _times() -> int:
    return int(os.environ.get("TEST_EFFORT", "1"))


def missed(seen: Counter[str], *, refuses: bool) -> set[str]:
    """Return where a machine should have been and has not, or the other way round."""
    never = {"the policy adopted"} if refuses else set()
    return {place for place in (*PHRASES, *EVENTS) if bool(seen[place]) is (place in never)}


def secret(number: int) -> str:
    """Return the credential number *number* of the programs."""
    return f"{number}c0f9e2d4b81a6d3{number}"


SECRETS = (KEY, *map(secret, range(3)))


@dataclass
class Clock:
    """Virtual time: whoever sleeps moves it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


@dataclass(frozen=True)
class Trouble:
    """What happens to the next request of an operation, in the words of the simulator's faults; empty: nothing."""

    operation: str
    what: str


@dataclass(frozen=True)
class Known:
    """What can happen at a vendor, by the sort of it.

    Args:
        unsent: What keeps a request from being sent.
        refusals: Statuses that mean no.
        outages: What leaves a request without an answer.
        quota: What says that there were too many requests.
        unreadable: What spoils the answer to what was carried out.
        intrusions: What others do about a create.
        shifts: What others do about a list.
        changes: What the vendor does about an integration that is read.
    """

    unsent: Sequence[str]
    refusals: Sequence[str]
    outages: Sequence[str]
    quota: Sequence[str]
    unreadable: Sequence[str]
    intrusions: Sequence[str]
    shifts: Sequence[str]
    changes: Sequence[str]


def troubles(known: Known, *, storm: int, least: int = 0) -> st.SearchStrategy[list[Trouble]]:
    """Draw the trouble of one command: for each operation what its requests meet, one after the other.

    Args:
        known: What can happen.
        storm: How often one thing happens in a row, at most.
        least: How many things happen at least; three at most.
    """
    # Hypothesis shrinks what it draws itself, and varies what comes from a seed.
    sources = st.randoms(use_true_random=False) | st.randoms(use_true_random=True)
    return sources.map(lambda random: _trouble(random, known, storm, least))


def _trouble(random: Random, known: Known, storm: int, least: int) -> list[Trouble]:
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
        # The snapshot before the create is left alone, so that there is something to compare with.
        return [Trouble("list", "")] * random.choice([1, 2]) + trouble

    scenes: list[Callable[[], list[Trouble]]] = [
        lambda: any_of("create"),
        lambda: any_of("list"),
        lambda: any_of("get"),
        lambda: any_of("delete"),
        lambda: lost_create(1),
        lambda: lost_create(1),
        lambda: lost_create(2),
        lambda: lost_create(1) + list_later(any_of("list")),
        lambda: lost_create(1) + list_later([Trouble("list", random.choice(known.shifts))] * random.choice([1, storm])),
        lambda: [Trouble("get", random.choice(known.changes))],
        lambda: of(random.choice(["get", "delete"]), "status=404"),
        lambda: of("delete", random.choice(known.outages)) + of("delete", random.choice(known.refusals)),
        lambda: of("delete", random.choice(known.outages)) + of("delete", "status=400"),
    ]
    return [trouble for _ in range(random.randint(least, 3)) for trouble in random.choice(scenes)()]


@dataclass(frozen=True)
class Remote:
    """An integration at the vendor, as its hub shows it."""

    id: str
    name: str
    label: str
    status: str
    is_scheduled: bool

    @property
    def is_ours(self) -> bool:
        """Whether it was created for this project."""
        return self.name in NAMES

    @property
    def is_live(self) -> bool:
        """Whether it works and goes on working."""
        return self.status != "INACTIVE" and not self.is_scheduled


class Provider(Protocol):
    """What the engine calls."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the checked inputs, and the failures."""

    def diff(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
        """Return the paths that need a replacement."""

    def create(self, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs."""

    def read(self, resource_id: str, outputs: dict[str, Any]) -> dict[str, Any] | None:
        """Return the outputs, or None where it is gone."""

    def update(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs."""

    def delete(self, resource_id: str, outputs: dict[str, Any]) -> None:
        """Delete it."""


class Backend(Protocol):
    """A provider and its vendor.

    Attributes:
        failure: What the provider's methods raise, and nothing else.
        width: How many calls the engine makes at once.
        told: The lines that were shown by the commands that have ended, until somebody clears them.
        posts: Resource and trouble of each POST that arrived.
        ended: What the vendor made INACTIVE by itself, when it was read.
    """

    failure: type[Exception]
    width: int
    told: list[str]

    @property
    def posts(self) -> list[tuple[str, str]]:
        """See above."""

    @property
    def ended(self) -> set[str]:
        """See above."""

    def command(self, *, gone: bool) -> AbstractContextManager[Provider]:
        """Start the provider for one command, with or without JUSTT_ON_MISSING=gone."""

    def trouble(self, planned: Sequence[Trouble]) -> None:
        """Let this trouble happen, and no other."""

    def records(self) -> list[Remote]:
        """Return all integrations."""

    def tell(self, integration_id: str, status: str) -> None:
        """Set a status behind the provider's back."""

    def intrude(self, source: str) -> None:
        """Create an integration of somebody else."""


@dataclass(frozen=True)
class Entry:
    """A resource in the state, with what its program declared."""

    id: str
    declared: dict[str, Any]
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass
class Project:
    """A program, its state and its user.

    Args:
        backend: What serves it.
        refuses: Whether the policy for lost creates is `refuse`.
        seen: Counts where it has been.
    """

    backend: Backend
    refuses: bool
    seen: Counter[str]
    program: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, Entry] = field(default_factory=dict)
    condemned: list[Entry] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _named: set[str] = field(default_factory=set)
    _may_exist: set[str] = field(default_factory=set)
    _stopped: set[str] = field(default_factory=set)
    _not_to_adopt: set[str] = field(default_factory=set)
    _unproved: list[str] = field(default_factory=list)
    _is_gone_meant: bool = False

    # the program

    def declare(self, name: str, label: str, number: int, days: int) -> None:
        """Put a resource into the program, or change what is sent to the API for it, and when it stops."""
        account = {"referenceAccountId": ACCOUNTS[name]} if name in ACCOUNTS else {}
        self.program[name] = {
            **self.program.get(name, {}),
            "externalIdentifier": name,
            "integrationName": label,
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": secret(number)},
            "deactivation": {"deactivationType": "dueDate", "afterDays": days},
            **account,
        }

    def schedule(self, name: str, days: int) -> None:
        """Change what is only remembered."""
        if name in self.program:
            self.program[name]["deactivation"] = {"deactivationType": "postingDate", "afterDays": days}

    def remove(self, name: str) -> None:
        """Take a resource out of the program."""
        self.program.pop(name, None)

    def own(self, name: str) -> None:
        """Take adopt_id out of the program, with any other change set back, as the errors say."""
        entry = self.state.get(name)
        if name in self.program and entry is not None and entry.inputs.get("adoptId") == entry.id:
            self.program[name] = {key: value for key, value in entry.declared.items() if key != "adoptId"}

    # the commands

    def up(self, *, adopts: bool, gone: bool = False) -> None:
        """`pulumi up`, after what errors asked for; *adopts* says which way out the user likes better."""
        self._do_as_told(adopts=adopts)
        with self._command(gone=gone) as provider:
            worked = self._each(lambda name: self._apply(provider, name), sorted(self.program))
            if worked:
                removed = [(self.state, name) for name in sorted(self.state.keys() - self.program.keys())]
                self._each(lambda one: self._delete(provider, one[0][one[1]], lambda: one[0].pop(one[1])), removed)
                self._each(lambda e: self._delete(provider, e, lambda: self.condemned.remove(e)), [*self.condemned])
        self._after_command()

    def refresh(self, *, gone: bool = False) -> None:
        """`pulumi refresh`."""
        self._do_as_told(adopts=True)
        with self._command(gone=gone) as provider:
            self._each(lambda name: self._read(provider, name), sorted(self.state))
        self._after_command()

    def destroy(self, *, gone: bool = False) -> None:
        """`pulumi destroy`."""
        self._do_as_told(adopts=True)
        with self._command(gone=gone) as provider:
            self._each(lambda e: self._delete(provider, e, lambda: self.condemned.remove(e)), [*self.condemned])
            self._each(
                lambda name: self._delete(provider, self.state[name], lambda: self.state.pop(name)),
                sorted(self.state),
            )
        self._after_command()

    def interfere(self, name: str, status: str) -> None:
        """Set the status of what the state holds, behind its back."""
        entry = self.state.get(name)
        if entry is not None and self._remote(entry.id).status != "INACTIVE":
            self.backend.tell(entry.id, status)
            self._stopped |= {entry.id} if status == "INACTIVE" else set()

    # what must hold

    def assert_nothing_lost_or_doubled(self) -> None:
        """Compare the vendor's records with the state, but for what an error or a warning named."""
        records = self.backend.records()
        held = [entry.id for entry in self._entries()]
        assert len(held) == len(set(held)), f"one integration is in two resources: {held}"
        for lost in self._orphans(records):
            assert lost.id in self._named or lost.name in self._may_exist, f"{lost} is in no state and was not named"
        dead = {record.id for record in records if not record.is_live}
        unheard = dead - self._stopped - self.backend.ended
        assert unheard.isdisjoint(held), "what is in the state was deactivated, and nobody was told"
        if self.refuses:
            theirs = {record.id for record in records if not record.is_ours}
            assert theirs.isdisjoint(held), "an integration of somebody else is in the state"

    def assert_converges(self) -> None:
        """Run without trouble, doing what is said, until there is exactly one live integration for each resource."""
        self.backend.trouble([])
        for _ in range(6):
            self.refresh()
            self.up(adopts=True)
            self.assert_nothing_lost_or_doubled()
            is_adopting = any("adoptId" in declared for declared in self.program.values())
            if not (self.errors or is_adopting or self._orphans(self.backend.records())):
                break
            for name in self.program:
                self.own(name)
        assert self.errors == []
        assert self.state.keys() == self.program.keys()
        assert self.condemned == []
        records = self.backend.records()
        # A delete that failed may have set a date all the same, which no call of the API shows before it has come.
        held = {entry.id for entry in self._entries()}
        assert held <= {r.id for r in records if r.is_live or (r.status != "INACTIVE" and r.id in self._stopped)}
        live = {record.id for record in records if record.is_live}
        ours = {record.id for record in records if record.is_ours}
        assert live & ours <= held, "an orphan or a duplicate is left"
        assert held <= ours or not self.refuses
        with self._command(gone=False) as provider:
            for name, entry in self.state.items():
                inputs, failures = provider.check(entry.inputs, self.program[name])
                assert (failures, inputs) == ([], entry.inputs)
                assert provider.diff(entry.id, entry.outputs, inputs) == []
                assert provider.read(entry.id, entry.outputs) == entry.outputs

    # the engine

    def _apply(self, provider: Provider, name: str) -> None:
        declared, entry = dict(self.program[name]), self.state.get(name)
        inputs, failures = provider.check(entry.inputs if entry else {}, declared)
        assert failures == []
        if entry is None:
            self._create(provider, name, declared, inputs)
        elif provider.diff(entry.id, entry.outputs, inputs):
            inputs, failures = provider.check({}, declared)
            assert failures == []
            self._create(provider, name, declared, inputs)
            self.condemned.append(entry)
            self.seen["replaced"] += 1
        elif inputs != entry.inputs:
            outputs = provider.update(entry.id, entry.outputs, inputs)
            self.state[name] = Entry(entry.id, declared, inputs, outputs)
            self.seen["updated in place"] += 1
            self.seen["owned after an adoption"] += "adoptId" in entry.inputs and "adoptId" not in inputs

    def _create(self, provider: Provider, name: str, declared: dict[str, Any], inputs: dict[str, Any]) -> None:
        before = len(self.backend.posts)
        made, outputs = provider.create(inputs)
        assert outputs["integrationId"] == made
        self.state[name] = Entry(made, declared, inputs, outputs)
        tries = [trouble for each, trouble in self.backend.posts[before:] if each == name]
        self.seen["created"] += 1
        self.seen["adopted by hand"] += "adoptId" in inputs
        # Nothing but a resolved doubt repeats a POST after any of these.
        doubtful = ("drop", "hang", "status=5", "status-after", "truncated", "empty", "not-json", "no-id", "undoc")
        self.seen["a lost create was posted again"] += len(tries) > 1 and any(
            each.startswith(doubtful) for each in tries[:-1]
        )

    def _read(self, provider: Provider, name: str) -> None:
        entry = self.state[name]
        outputs = provider.read(entry.id, entry.outputs)
        if outputs is None:
            self._left(entry, is_stopped=self._remote(entry.id).status == "INACTIVE")
            del self.state[name]
        else:
            self.state[name] = Entry(entry.id, entry.declared, entry.inputs, outputs)

    def _delete(self, provider: Provider, entry: Entry, drop: Callable[[], object]) -> None:
        was_live = self._remote(entry.id).is_live
        try:
            provider.delete(entry.id, entry.outputs)
        except self.backend.failure as error:
            # It may have stopped all the same, and whoever deletes it is told so.
            assert entry.id in str(error)  # noqa: PT017 - whether it fails depends on the drawn faults
            self._stopped.add(entry.id)
            self.seen["a delete failed and kept its record"] += 1
            raise
        self._left(entry, is_stopped=not self._remote(entry.id).is_live)
        self.seen["deleted"] += 1
        self.seen["deleted what had stopped already"] += not was_live
        drop()

    def _left(self, entry: Entry, *, is_stopped: bool) -> None:
        """Keep what has left the state without the vendor's proof: a warning has to name it."""
        if not is_stopped:
            self._unproved.append(entry.id)

    def _command(self, *, gone: bool) -> AbstractContextManager[Provider]:
        """Start a command: what was named before counts no more, once the user has acted on it."""
        self.errors = []
        self._unproved = []
        self._is_gone_meant = gone
        self._named = {record.id for record in self._orphans(self.backend.records())}
        self._may_exist = set()
        return self.backend.command(gone=gone)

    def _after_command(self) -> None:
        told, self.backend.told[:] = [*self.backend.told], []
        for line in told:
            self._hear(line)
        for each in self._unproved:
            assert any(each in line for line in told), f"{each} left the state without proof"

    def _each(self, act: Callable[[_T], None], items: Sequence[_T]) -> bool:
        """Do *act* for all, as many at once as the engine does, and return whether none failed."""

        def done(item: _T) -> str:
            try:
                act(item)
            except self.backend.failure as error:
                return str(error).strip()
            return ""

        if self.backend.width == 1:
            failed = [done(item) for item in items]
        else:
            with ThreadPoolExecutor(self.backend.width) as pool:
                failed = list(pool.map(done, items))
        for item, text in zip(items, failed, strict=True):
            if text:
                self.errors.append(text)
                self._hear(text, item if isinstance(item, str) else None)
        return not any(failed)

    # the user

    def _hear(self, text: str, name: str | None = None) -> None:
        """Read one error, or one line that was told."""
        assert leaks.find(text.encode(), SECRETS) == []
        assert "\n" not in text
        assert "inside pulumi-justt" not in text
        for what, phrase in PHRASES.items():
            self.seen[what] += phrase in text
        assert self._is_gone_meant or PHRASES["a 404 was taken on the user's word"] not in text
        named = {record.id for record in self.backend.records() if record.id in text}
        if PHRASES["candidates were named"] in text and PHRASES["a list was not to be relied on"] not in text:
            assert named.isdisjoint(entry.id for entry in self._entries()), "a candidate is in the state already"
        self._named |= named
        if name is None:
            return
        if PHRASES["the account could not be listed"] in text or PHRASES["a list was not to be relied on"] in text:
            assert repr(name) in text
            self._may_exist.add(name)
        if PHRASES["adopting another one was refused"] in text:
            self._not_to_adopt.add(self.program[name].pop("adoptId", ""))
        if "Take adopt_id out" in text:
            self.program[name].pop("adoptId", None)

    def _do_as_told(self, *, adopts: bool) -> None:
        """Adopt or deactivate each integration of ours that is in no state; the last command has named them all."""
        for lost in self._orphans(self.backend.records()):
            declared = self.program.get(lost.name, {})
            is_wanted = declared.get("adoptId", lost.id) == lost.id and declared.get("integrationName") == lost.label
            if adopts and is_wanted and lost.id not in self._not_to_adopt:
                declared["adoptId"] = lost.id
            else:
                if declared.get("adoptId") == lost.id:
                    del declared["adoptId"]
                self.backend.tell(lost.id, "INACTIVE")
                self.seen["deactivated by hand"] += 1

    def _entries(self) -> Iterable[Entry]:
        return [*self.state.values(), *self.condemned]

    def _orphans(self, records: Iterable[Remote]) -> list[Remote]:
        held = {entry.id for entry in self._entries()}
        return [record for record in records if record.is_ours and record.is_live and record.id not in held]

    def _remote(self, integration_id: str) -> Remote:
        return next(record for record in self.backend.records() if record.id == integration_id)
