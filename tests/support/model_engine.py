"""A model of Pulumi's engine: it keeps the state that the real one would keep, and makes the same calls.

check, diff     for each targeted resource of the program, under its current URN; with `--refresh`, read and diff come
                first, under the URN in the state; an error ends the update without deletes
create, update  an error stores nothing; with `--continue-on-error` the deletes follow anyway
delete          last, for resources that left the program or were replaced; an error keeps the record
a hook          makes the engine call create again in the same process
a provider      has its own process; a resource may change its provider without a replacement
a killed run    ends with the state stored so far; the id or the error of a call in progress is lost
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from support.pulumi_model import NAMES, Trouble

__all__ = [
    "Backend",
    "Engine",
    "Entry",
    "Flags",
    "Killed",
    "Processes",
    "Provider",
    "Remote",
    "Resource",
    "Run",
    "urn_of",
]

_T = TypeVar("_T")


class Killed(BaseException):
    """Tells the model that the run was killed, with all its processes."""


def urn_of(name: str) -> str:
    """Return the URN of a resource."""
    return f"urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::{name}"


@dataclass(frozen=True)
class Remote:
    """An integration at Justt, as the Justt hub shows it."""

    id: str
    name: str
    label: str
    status: str
    is_scheduled: bool

    @property
    def is_ours(self) -> bool:
        """Whether the integration was created for this project."""
        return self.name in NAMES

    @property
    def is_live(self) -> bool:
        """Whether the integration is not INACTIVE and has no end date."""
        return self.status != "INACTIVE" and not self.is_scheduled


class Provider(Protocol):
    """The provider, as the engine calls it."""

    def check(self, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> tuple[dict[str, Any], list[str]]:
        """Return the checked inputs, and the failures."""

    def diff(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> list[str]:
        """Return the paths that need a replacement."""

    def create(self, inputs: dict[str, Any], *, urn: str) -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs."""

    def read(self, resource_id: str, outputs: dict[str, Any], *, urn: str) -> dict[str, Any] | None:
        """Return the outputs, or None if the resource is gone."""

    def update(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> dict[str, Any]:
        """Return the outputs."""

    def delete(self, resource_id: str, outputs: dict[str, Any], *, urn: str) -> None:
        """Delete the resource."""


class Processes(Protocol):
    """The provider processes of one command. All their methods raise `Killed` after the run was killed."""

    def of(self, provider: str) -> Provider:
        """Return the process of a provider resource."""

    def kill(self) -> None:
        """Kill all processes of the command at once, without a clean shutdown."""


class Backend(Protocol):
    """A provider, and the fake Justt that it uses.

    Attributes:
        failure: The exception that the provider's methods raise; apart from `Killed`, they raise no other.
        width: The number of calls that the engine makes at the same time.
        messages: The lines that ended commands have shown, until a caller clears them.
        folder: The folder of the journal.
        posts: The external identifier and the fault of each POST that arrived.
        ended: The ids of integrations that became INACTIVE by themselves, when they were read.
    """

    failure: type[Exception]
    width: int
    messages: list[str]
    folder: Path

    @property
    def posts(self) -> list[tuple[str, str]]:
        """See the class docstring."""

    @property
    def ended(self) -> set[str]:
        """See the class docstring."""

    def command(self, *, gone: bool) -> AbstractContextManager[Processes]:
        """Start one command, with or without JUSTT_ON_MISSING=gone."""

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def trouble(self, planned: Sequence[Trouble]) -> None:
        """Replace the planned faults of Justt and the network."""

    def records(self) -> list[Remote]:
        """Return all integrations at Justt."""

    def set_status(self, integration_id: str, status: str) -> None:
        """Set the status of an integration at Justt, outside Pulumi."""

    def intrude(self, source: str) -> None:
        """Create an integration that doesn't belong to the project."""


@dataclass(frozen=True)
class Resource:
    """A resource of the program.

    Args:
        inputs: The inputs that it declares.
        provider: The provider resource that manages it.
        alias: Its former name.
    """

    inputs: dict[str, Any]
    provider: str = ""
    alias: str | None = None

    @property
    def identifier(self) -> str:
        """The external identifier of the resource."""
        return str(self.inputs["externalIdentifier"])

    def but(self, **inputs: object) -> Resource:
        """Return a copy with changed inputs; None removes an input."""
        changed = {name: value for name, value in {**self.inputs, **inputs}.items() if value is not None}
        return replace(self, inputs=changed)


@dataclass(frozen=True)
class Entry:
    """A resource in the state, with the inputs that its program declared."""

    name: str
    id: str
    declared: Resource
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    @property
    def is_adopted(self) -> bool:
        """Whether the recorded program adopts the integration."""
        return self.inputs.get("adoptId") == self.id


@dataclass(frozen=True)
class Flags:
    """How a command is run: its environment variable, its options and the kills.

    Args:
        gone: Whether JUSTT_ON_MISSING=gone is set.
        refreshes: Whether it runs with `--refresh`.
        continues: Whether it runs with `--continue-on-error`.
        targets: The resources for `--target`; None: all.
        retries: The number of times that an `onError` hook repeats a failed create.
        dies_unstored: Whether the run is killed after the first create has returned, before its result is stored.
    """

    gone: bool = False
    refreshes: bool = False
    continues: bool = False
    targets: frozenset[str] | None = None
    retries: int = 0
    dies_unstored: bool = False

    def has_target(self, name: str) -> bool:
        """Return whether the command includes a resource."""
        return self.targets is None or name in self.targets


@dataclass
class Run:
    """One command.

    Args:
        flags: How the command is run.
        processes: The provider processes.
        errors: The resource and the text of each error.
        unproved: The ids that left the state although they are not INACTIVE at Justt.
        is_killed: Whether the run was killed.
        is_refused: Whether a check or a diff failed.
    """

    flags: Flags
    processes: Processes
    errors: list[tuple[str, str]] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    is_killed: bool = False
    is_refused: bool = False

    def provider_of(self, declared: Resource) -> Provider:
        """Return the process that serves a resource."""
        return self.processes.of(declared.provider)


@dataclass
class Engine:
    """The engine with its state.

    Args:
        backend: The provider, and the fake Justt that it uses.
        seen: Counts the events that the tests must cover.
        state: The resources by name.
        condemned: The replaced resources that wait to be deleted.
        stopped: The ids of integrations that a failed delete may have stopped.
    """

    backend: Backend
    seen: Counter[str]
    state: dict[str, Entry] = field(default_factory=dict)
    condemned: list[Entry] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def entries(self) -> list[Entry]:
        """Return all entries in the state."""
        return [*self.state.values(), *self.condemned]

    def entry_of(self, name: str, program: Mapping[str, Resource]) -> Entry | None:
        """Return the entry in the state for a resource of the program, under its current or its former name."""
        alias = program[name].alias
        return self.state.get(name) or (self.state.get(alias) if alias and alias not in program else None)

    def up(self, program: Mapping[str, Resource], flags: Flags) -> Run:
        """Run `pulumi up`."""
        with self._command(flags) as run:
            if flags.refreshes and not self._refresh(run):
                return run
            aliases = {each.alias for name, each in program.items() if name not in self.state}
            worked = self._each(
                run, lambda name: self._apply(run, name, program), [n for n in sorted(program) if flags.has_target(n)]
            )
            if worked or (flags.continues and not run.is_refused):
                self.seen["continued after an error"] += not worked
                left = [self.state[name] for name in sorted(self.state.keys() - program.keys() - aliases)]
                self._delete_all(run, [*left, *self.condemned])
        return run

    def refresh(self, flags: Flags) -> Run:
        """Run `pulumi refresh`."""
        with self._command(flags) as run:
            self._refresh(run)
        return run

    def destroy(self, flags: Flags) -> Run:
        """Run `pulumi destroy`."""
        with self._command(flags) as run:
            self._delete_all(run, [*self.condemned, *(self.state[name] for name in sorted(self.state))])
        return run

    @contextmanager
    def _command(self, flags: Flags) -> Iterator[Run]:
        self.seen["targeted"] += flags.targets is not None
        with self.backend.command(gone=flags.gone) as processes:
            run = Run(flags, processes)
            try:
                yield run
            except Killed:
                processes.kill()
                self.seen["killed"] += 1

    def _refresh(self, run: Run) -> bool:
        targets = [entry for entry in self.entries() if run.flags.has_target(entry.name)]
        return self._each(run, lambda entry: self._read(run, entry), targets)

    def _read(self, run: Run, entry: Entry) -> None:
        provider, urn = run.provider_of(entry.declared), urn_of(entry.name)
        outputs = provider.read(entry.id, entry.outputs, urn=urn)
        if outputs is None:
            self._left(run, entry, is_stopped=self._remote(entry.id).status == "INACTIVE")
            self._put(run, entry, None)
        else:
            provider.diff(entry.id, outputs, entry.inputs, urn=urn)
            self._put(run, entry, replace(entry, outputs=outputs))

    def _apply(self, run: Run, name: str, program: Mapping[str, Resource]) -> None:
        declared = program[name]
        provider, urn = run.provider_of(declared), urn_of(name)
        old = self.entry_of(name, program)
        try:
            inputs, failures = provider.check(old.inputs if old else {}, dict(declared.inputs), urn=urn)
            assert failures == []
            is_replaced = old is not None and provider.diff(old.id, old.outputs, inputs, urn=urn) != []
            if is_replaced:
                inputs, failures = provider.check({}, dict(declared.inputs), urn=urn)
                assert failures == []
        except self.backend.failure:
            run.is_refused = True
            raise
        if old is None or is_replaced:
            made, outputs = self._create(run, provider, urn, inputs)
            new = Entry(name, made, declared, inputs, outputs)
            self.seen["replaced"] += is_replaced
            self.seen["adopted by hand"] += new.is_adopted
        elif inputs != old.inputs:
            new = Entry(name, old.id, declared, inputs, provider.update(old.id, old.outputs, inputs, urn=urn))
            self.seen["updated in place"] += 1
            self.seen["owned after an adoption"] += "adoptId" in old.inputs and "adoptId" not in inputs
        else:
            new = replace(old, name=name, declared=declared)
        self._put(run, old, new, keeps_old=is_replaced)
        self.seen["renamed"] += old is not None and old.name != name

    def _create(self, run: Run, provider: Provider, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        before = len(self.backend.posts)
        for retry in range(run.flags.retries, -1, -1):
            try:
                made, outputs = provider.create(inputs, urn=urn)
                break
            except self.backend.failure:
                if not retry:
                    raise
                self.seen["a hook had a create repeated"] += 1
        assert outputs.get("integrationId", made) == made
        if run.flags.dies_unstored:
            self.seen["killed before the id was stored"] += 1
            raise Killed
        attempts = [trouble for each, trouble in self.backend.posts[before:] if each == inputs["externalIdentifier"]]
        self.seen["created"] += 1
        # After any of these, a POST is repeated only if the uncertain create was resolved.
        doubtful = ("drop", "hang", "status=5", "status-after", "truncated", "empty", "not-json", "no-id", "undoc")
        self.seen["a lost create was posted again"] += len(attempts) > 1 and any(
            each.startswith(doubtful) for each in attempts[:-1]
        )
        return made, outputs

    def _delete_all(self, run: Run, entries: Sequence[Entry]) -> None:
        self._each(run, lambda entry: self._delete(run, entry), [e for e in entries if run.flags.has_target(e.name)])

    def _delete(self, run: Run, entry: Entry) -> None:
        was_live = self._remote(entry.id).is_live
        try:
            run.provider_of(entry.declared).delete(entry.id, entry.outputs, urn=urn_of(entry.name))
        except (self.backend.failure, Killed) as error:
            # The integration may have stopped anyway, and the next delete warns about it.
            assert isinstance(error, Killed) or entry.id in str(error)  # noqa: PT017 - a failure is drawn at random
            self.stopped.add(entry.id)
            self.seen["a delete failed and kept its record"] += 1
            raise
        self._left(run, entry, is_stopped=not self._remote(entry.id).is_live)
        self._put(run, entry, None)
        self.seen["deleted"] += 1
        self.seen["deleted an integration that had stopped already"] += not was_live

    def _put(self, run: Run, old: Entry | None, new: Entry | None, *, keeps_old: bool = False) -> None:
        """Store *new* in place of *old*. With *keeps_old*, the old entry waits for its delete."""
        with self._lock:
            if run.is_killed:
                raise Killed
            if old in self.condemned:
                self.condemned.remove(old)
                self.condemned += [new] if new else []
                return
            if old:
                self.state.pop(old.name)
                self.condemned += [old] if keeps_old else []
            if new:
                self.state[new.name] = new

    def _left(self, run: Run, entry: Entry, *, is_stopped: bool) -> None:
        """Record an entry that leaves the state without proof from Justt: a warning has to name it."""
        if not is_stopped:
            run.unproved.append(entry.id)

    def _each(self, run: Run, act: Callable[[_T], None], items: Sequence[_T]) -> bool:
        """Run *act* for all items, as many at once as the real engine does, and return whether all succeeded.

        Raises:
            Killed: The run was killed.
        """

        def done(item: _T) -> str:
            try:
                if not run.is_killed:
                    act(item)
            except self.backend.failure as error:
                return str(error).strip()
            except Killed:
                run.is_killed = True
            return ""

        if self.backend.width == 1:
            failed = [done(item) for item in items]
        else:
            with ThreadPoolExecutor(self.backend.width) as pool:
                failed = list(pool.map(done, items))
        for item, text in zip(items, failed, strict=True):
            if text:
                run.errors.append((item.name if isinstance(item, Entry) else str(item), text))
        if run.is_killed:
            raise Killed
        return not any(failed)

    def _remote(self, integration_id: str) -> Remote:
        return next(record for record in self.backend.records() if record.id == integration_id)
