"""A model of Pulumi's user: the program, the errors and warnings so far, and the invariants after each command.

Before a command, the user looks at Justt for each integration that an error or a warning named, and resolves it: by
`adopt_id`, by deactivating it there, or by a decision of `pulumi-justt recover`. A killed run names no
integration, so the user runs the next command without looking, and only the journal has a record of the create.

    nothing is lost             a live integration outside of the state was named, or the journal has its intent
    nothing is doubled          an integration that only the journal knows is named before another one is created
    nothing adopted is stopped  no integration that the old or the new program adopts is deactivated
    one id, one resource        except for an adopter beside an owner that has not left yet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.log import Log
from support import secret_scanner
from support.model_choices import SLOTS, Edit, Wish
from support.model_engine import Backend, Engine, Flags, Remote, Resource, Run, urn_of
from support.pulumi_model import ACCOUNTS, NAMES, PHRASES, SECRETS, secret

__all__ = ["PLAIN", "Project"]

PLAIN = Flags()
_ELSEWHERE = "an earlier run began to create this resource"
_UNSETTLED = (
    PHRASES["a create was ambiguous"],
    PHRASES["a killed run's integration was named"],
    PHRASES["a create under another name was reported"],
    _ELSEWHERE,
    "Run `pulumi-justt recover` again",
)
_UNLISTED = (
    "the account could not be listed",
    "a list was not reliable",
    "a create under another name was reported",
)
_SCHEDULED = PHRASES["a deactivation counted as scheduled"]


@dataclass
class Project:
    """A program and its user, with the engine that runs it.

    Args:
        backend: The provider, and the fake Justt that it uses.
        refuses: Whether the policy for lost creates is `refuse`.
        seen: Counts the events that the tests must cover.
    """

    backend: Backend
    refuses: bool
    seen: Counter[str]
    program: dict[str, Resource] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    engine: Engine = field(init=False)
    _named: set[str] = field(default_factory=set)
    _may_exist: set[str] = field(default_factory=set)
    _unnamed: set[str] = field(default_factory=set)
    _not_to_adopt: set[str] = field(default_factory=set)
    _rivals: set[str] = field(default_factory=set)
    _held_before: frozenset[str] = frozenset()
    _recorded: set[str] = field(default_factory=set)
    _absent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start with an empty state."""
        self.engine = Engine(self.backend, self.seen)
        # Reading the journal here drops no old intents: for this clock, nothing is old.
        self._journal = Journal(self.backend.folder, now=lambda: 0.0)

    # the program

    def declare(self, identifier: str, label: str, number: int, days: int, slot: int = 0) -> None:
        """Add a resource to the program, or change the fields that it sends and its deactivation date."""
        name = self._name_of(identifier) or self._free_name(slot)
        before = self.program.get(name, Resource({}))
        account = {"referenceAccountId": ACCOUNTS[identifier]} if identifier in ACCOUNTS else {}
        self.program[name] = before.but(
            externalIdentifier=identifier,
            integrationName=label,
            source="stripe",
            secretType="APIKEY_ONLY",
            secretPayload={"apiKey": secret(number)},
            deactivation={"deactivationType": "dueDate", "afterDays": days},
            **account,
        )

    def schedule(self, identifier: str, days: int) -> None:
        """Change only the deactivation of a resource, which is an update of the state without a request."""
        if name := self._name_of(identifier):
            policy = {"deactivationType": "postingDate", "afterDays": days}
            self.program[name] = self.program[name].but(deactivation=policy)

    def remove(self, identifier: str) -> None:
        """Remove a resource from the program."""
        if name := self._name_of(identifier):
            del self.program[name]

    def own(self, identifier: str) -> None:
        """Revert changes to an adopted integration, and remove `adopt_id` from the program, as the errors say.

        While another resource in the state has the same integration, only revert the changes and keep `adopt_id`:
        without it, the integration would have two owners.
        """
        for name in [name for name, declared in self.program.items() if declared.identifier == identifier]:
            entry = self.engine.entry_of(name, self.program)
            if entry and entry.is_adopted:
                is_shared = self._ids().count(entry.id) > 1
                declared = entry.declared if is_shared else entry.declared.but(adoptId=None)
                self.program[name] = replace(self.program[name], inputs=declared.inputs)

    def rename(self, identifier: str, slot: int) -> None:
        """Rename a resource that is in the state, with its old name as an alias."""
        name = self._name_of(identifier)
        entry = self.engine.entry_of(name, self.program) if name else None
        if name and entry:
            self.program[self._free_name(slot)] = replace(self.program.pop(name), alias=entry.name)
            self._recorded |= {entry.id} if entry.is_adopted else set()

    def rename_without_alias(self, identifier: str, slot: int) -> None:
        """Rename a resource without an alias: for the engine, it is a new resource."""
        if name := self._name_of(identifier):
            new = self._free_name(slot)
            self.program[new] = replace(self.program.pop(name), alias=None)

    def hand_over(self, identifier: str, slot: int, provider: str, *, keeps_owner: bool = False) -> None:
        """Make another resource adopt an integration whose owner leaves the program in the same update.

        With *keeps_owner*, the owner stays in the program by mistake, and both resources have the same provider. The
        provider refuses an update of both.
        """
        name = self._name_of(identifier)
        entry = self.engine.entry_of(name, self.program) if name else None
        if name and entry and not self._other_with_identifier(name):
            inputs = entry.declared.but(adoptId=entry.id).inputs
            owner = self.program[name] if keeps_owner else self.program.pop(name)
            self.program[self._free_name(slot)] = Resource(inputs, owner.provider if keeps_owner else provider)

    def move(self, identifier: str, provider: str) -> None:
        """Move a resource to another provider."""
        name = self._name_of(identifier)
        if name and not self._other_with_identifier(name):
            self.program[name] = replace(self.program[name], provider=provider)

    def edit(self, edit: Edit) -> None:
        """Change the program as the random *edit* says."""
        identifier = edit.identifier
        if edit.kind == "declare":
            self.declare(identifier, edit.label, edit.number, edit.days, edit.slot)
        elif edit.kind == "schedule":
            self.schedule(identifier, edit.days)
        elif edit.kind == "remove":
            self.remove(identifier)
        elif edit.kind == "own":
            self.own(identifier)
        elif edit.kind == "rename":
            self.rename(identifier, edit.slot)
        elif edit.kind == "rename without alias":
            self.rename_without_alias(identifier, edit.slot)
        elif edit.kind == "move":
            self.move(identifier, edit.provider)
        else:
            self.hand_over(identifier, edit.slot, edit.provider, keeps_owner=edit.kind == "adopt beside")

    # the commands

    def run(self, command: str, wish: Wish, flags: Flags) -> None:
        """Run the named *command*."""
        {"up": self.up, "refresh": self.refresh, "destroy": self.destroy}[command](wish, flags)

    def up(self, wish: Wish, flags: Flags = PLAIN) -> None:
        """Run `pulumi up`, after resolving what the errors named."""
        self._resolve(wish)
        inputs = [each.inputs for name, each in self.program.items() if flags.has_target(name)]
        adopted = {each["adoptId"] for each in inputs if "adoptId" in each}
        self._command(lambda: self.engine.up(self.program, flags), adopted)

    def refresh(self, wish: Wish, flags: Flags = PLAIN) -> None:
        """Run `pulumi refresh`."""
        self._resolve(wish)
        self._command(lambda: self.engine.refresh(flags))

    def destroy(self, wish: Wish, flags: Flags = PLAIN) -> None:
        """Run `pulumi destroy`."""
        self._resolve(wish)
        self._command(lambda: self.engine.destroy(flags))

    def interfere(self, identifier: str, status: str) -> None:
        """Set the status of an integration in the state, outside Pulumi."""
        name = self._name_of(identifier)
        entry = self.engine.entry_of(name, self.program) if name else None
        if entry is not None and self._remote(entry.id).status != "INACTIVE":
            self.backend.set_status(entry.id, status)
            self.engine.stopped |= {entry.id} if status == "INACTIVE" else set()

    # the invariants

    def assert_nothing_lost_or_doubled(self) -> None:
        """Compare Justt's records with the state, except for integrations that an error or a warning named."""
        records = self.backend.records()
        entries = self.engine.entries()
        held = self._ids()
        owned = [entry.id for entry in entries if not entry.is_adopted]
        assert len(owned) == len(set(owned)), f"one integration has two owners: {owned}"
        for lost in self._orphans(records):
            is_in_journal = lost.id in self._unnamed and self._intents_of(lost)
            assert self._is_named(lost) or is_in_journal, f"{lost} is in no state and was not named"
        dead = {record.id for record in records if not record.is_live}
        unexpected = dead - self.engine.stopped - self.backend.ended
        assert unexpected.isdisjoint(held), "an integration in the state was deactivated without a message"
        if self.refuses:
            theirs = {record.id for record in records if not record.is_ours}
            assert theirs.isdisjoint(held), "an integration of another owner is in the state"

    def assert_converges(self) -> None:
        """Run commands without faults, as their messages say, until each resource has exactly one live integration."""
        self.backend.trouble([])
        for number in range(8):
            # `pulumi-justt doctor` shows the intents of resources that are no longer in the program.
            self._named |= {lost.id for lost in self._orphans(self.backend.records()) if number and not self.errors}
            self.refresh("adopt")
            self.up("adopt" if number < 3 else "forget")
            self.assert_nothing_lost_or_doubled()
            is_adopting = any("adoptId" in declared.inputs for declared in self.program.values())
            if not (self.errors or is_adopting or self._orphans(self.backend.records())):
                break
            for identifier in NAMES:
                self.own(identifier)
        assert not self.errors, "\n".join(self.errors)
        assert self.engine.state.keys() == self.program.keys()
        assert self.engine.condemned == []
        records = self.backend.records()
        held = self._ids()
        assert len(held) == len(set(held))
        # A failed delete may have set a date anyway. No API call shows it before that date.
        stopped = self.engine.stopped
        assert set(held) <= {r.id for r in records if r.is_live or (r.status != "INACTIVE" and r.id in stopped)}
        live = {record.id for record in records if record.is_live}
        ours = {record.id for record in records if record.is_ours}
        assert live & ours <= set(held), "an orphan or a duplicate is left"
        assert set(held) <= ours or not self.refuses
        with self.backend.command(gone=False) as processes:
            for name, entry in self.engine.state.items():
                provider, urn = processes.of(entry.declared.provider), urn_of(name)
                inputs, failures = provider.check(entry.inputs, dict(self.program[name].inputs), urn=urn)
                assert (failures, inputs) == ([], entry.inputs)
                assert provider.diff(entry.id, entry.outputs, inputs, urn=urn) == []
                assert provider.read(entry.id, entry.outputs, urn=urn) == entry.outputs

    # one command, and its messages

    def _command(self, command: Callable[[], Run], adopted: Iterable[str] = ()) -> None:
        before = self.backend.records()
        self._held_before = frozenset(self._ids())
        orphans = self._orphans(before)
        # The user has resolved the named integrations, so each counts as named only as long as that holds.
        self._named = {lost.id for lost in orphans if self._is_named(lost)}
        self._unnamed = {lost.id for lost in orphans} - self._named
        self._may_exist = set()
        protected = {entry.id for entry in self.engine.entries() if entry.is_adopted} | set(adopted)
        handed_over = {entry.id for entry in self.engine.entries() if not entry.is_adopted} & set(adopted)
        run = command()
        after = self.backend.records()
        self.messages, self.backend.messages[:] = [*self.backend.messages], []
        self.errors = [text for _, text in run.errors]
        for line in self.messages:
            self._read_message(line, run)
        for name, text in run.errors:
            self._read_message(text, run, name)
        for each in run.unproved:
            assert any(each in line for line in self.messages), f"{each} left the state without proof"
        was_live = {record.id for record in before if record.is_live}
        stopped = {record.id for record in after if not record.is_live} & was_live - self.backend.ended
        assert stopped.isdisjoint(protected), "an integration that the program adopts was deactivated"
        # No delete ends these adoptions in the journal.
        self._recorded |= protected if run.is_killed or run.flags.gone else set()
        scheduled = {
            each for each in run.unproved if any(each in line and _SCHEDULED in line for line in self.messages)
        }
        has_reason = {*protected, *self._ids(), *self._recorded, *scheduled}
        assert run.flags.gone or has_reason.issuperset(run.unproved), (
            "an integration that no resource has was not deactivated"
        )
        self._assert_nothing_doubled(before, after)
        if run.is_killed:
            self._unnamed |= {lost.id for lost in self._orphans(after)} - self._named
        self.seen["handed over"] += bool(handed_over - {e.id for e in self.engine.entries() if not e.is_adopted})

    def _assert_nothing_doubled(self, before: list[Remote], after: list[Remote]) -> None:
        existed = {record.id for record in before}
        created = {record.name for record in after if record.id not in existed}
        self._unnamed -= self._named
        for lost in self._orphans(after):
            is_doubled = lost.id in existed and lost.name in created
            assert self._is_named(lost) or not is_doubled, f"{lost} was doubled before any message named it"

    def _read_message(self, text: str, run: Run, name: str | None = None) -> None:
        """Check an error, or a line that a command showed, and record what it names."""
        assert secret_scanner.find(text.encode(), SECRETS) == []
        assert "\n" not in text
        assert "inside pulumi-justt" not in text
        for what, phrase in PHRASES.items():
            self.seen[what] += phrase in text
        assert run.flags.gone or PHRASES["a 404 counted as gone"] not in text
        named = {record.id for record in self.backend.records() if record.id in text}
        if PHRASES["candidates were named"] in text and PHRASES["a list was not reliable"] not in text:
            assert named.isdisjoint(self._held_before), "a candidate is in the state already"
        self._named |= named
        if PHRASES["a deactivation was scheduled"] in text or _SCHEDULED in text:
            self.engine.stopped |= named
        if PHRASES["an intent was dropped for its age"] in text:
            self._may_exist |= {identifier for identifier in NAMES if repr(identifier) in text}
        if name in self.program:
            self._follow_error(name, text)

    def _follow_error(self, name: str, text: str) -> None:
        """Record or do what the error of a resource asks the user to do."""
        declared = self.program[name]
        if any(PHRASES[each] in text for each in _UNLISTED):
            assert repr(declared.identifier) in text
            self._may_exist.add(declared.identifier)
        sent = {declared.identifier}
        if _ELSEWHERE in text:
            # The name of the resource belonged to another integration.
            sent = {intent.external_identifier for intent in self._journal.intents() if intent.urn == urn_of(name)}
            self._may_exist |= sent
        if any(each in text for each in _UNSETTLED):
            self._absent |= sent - {lost.name for lost in self._orphans(self.backend.records())}
        if PHRASES["adopting another integration was refused"] in text:
            self._not_to_adopt.add(str(declared.inputs.get("adoptId")))
            self.program[name] = declared.but(adoptId=None)
        if "Remove adopt_id to create" in text:
            self.program[name] = declared.but(adoptId=None)
            if self._other_with_identifier(name):
                # This resource was meant to adopt the other one's integration, and not to create a second integration.
                del self.program[name]
        if PHRASES["a second resource for one record was refused"] in text:
            self._rivals.add(name)

    # the user's actions

    def _resolve(self, wish: Wish) -> None:
        """Do what the last command's errors asked for, if possible in the way that *wish* names."""
        for name in self._rivals & self.program.keys():
            rival = self._other_with_identifier(name)
            if rival:
                # Removing the owner or the adopter has the same effect.
                adopters = [each for each in (name, rival) if "adoptId" in self.program[each].inputs]
                del self.program[adopters[0] if adopters and wish != "adopt" else name]
        self._rivals.clear()
        for intent in self._journal.intents():
            # The user has looked at Justt: none of the live candidates belongs to the resource.
            if intent.external_identifier in self._absent:
                self.decide(intent, Decision("forget"))
        self._absent.clear()
        for lost in self._orphans(self.backend.records()):
            if self._is_named(lost):
                self._resolve_one(lost, wish)

    def _resolve_one(self, lost: Remote, wish: Wish) -> None:
        name = self._name_of(lost.name)
        declared = self.program[name] if name else Resource({})
        intents = self._intents_of(lost)
        is_as_declared = declared.inputs.get("integrationName") == lost.label
        beside = self._other_with_identifier(name) if name else None
        mine = [intent for intent in intents if name and not (beside and intent.urn == urn_of(beside))]
        adopts = declared.inputs.get("adoptId")
        if (
            wish == "adopt"
            and name
            and is_as_declared
            and adopts in (None, lost.id)
            and lost.id not in self._not_to_adopt
        ):
            self.program[name] = declared.but(adoptId=lost.id)
            return
        if adopts == lost.id and name:
            self.program[name] = declared.but(adoptId=None)
        if wish == "claim" and mine and is_as_declared:
            self.decide(mine[0], Decision("claim", lost.id))
        elif wish == "recover --deactivate" and mine:
            self.decide(mine[0], Decision("deactivate", lost.id))
        else:
            self.backend.set_status(lost.id, "INACTIVE")
            self.seen["deactivated by hand"] += 1
            for intent in intents if wish == "forget" else ():
                self.decide(intent, Decision("forget"))

    def decide(self, intent: Intent, decision: Decision) -> None:
        """Record a decision of `pulumi-justt recover` about an intent."""
        self.seen[f"decided to {decision.action}"] += 1
        if decision.action == "forget":
            self._journal.remove_intent(intent)
        else:
            # Dated now: the provider doesn't carry out old decisions, and drops old entries with a warning.
            Journal(self.backend.folder, log=Log(self.backend.messages.append), now=self.backend.now).decide(
                intent, decision
            )

    def _intents_of(self, lost: Remote) -> list[Intent]:
        """Return the intents in the journal that may have created an integration."""
        return [
            intent
            for intent in self._journal.intents()
            if intent.external_identifier == lost.name and intent.integration_id in (None, lost.id)
        ]

    def _name_of(self, identifier: str) -> str | None:
        """Return the resource that declares an identifier; of two resources, the one that is not in the state yet."""
        names = [name for name, declared in self.program.items() if declared.identifier == identifier]
        return min(names, key=lambda name: (self.engine.entry_of(name, self.program) is not None, name), default=None)

    def _other_with_identifier(self, name: str) -> str | None:
        """Return another resource with the same identifier."""
        identifier = self.program[name].identifier
        names = [each for each, declared in self.program.items() if declared.identifier == identifier]
        return min({*names} - {name}, default=None)

    def _free_name(self, slot: int) -> str:
        taken = {*self.program, *self.engine.state, *(entry.name for entry in self.engine.condemned)}
        free = [name for name in (*SLOTS, *map(str, range(9))) if name not in taken]
        return free[min(slot, len(free) - 1)]

    def _is_named(self, lost: Remote) -> bool:
        return lost.id in self._named or lost.name in self._may_exist

    def _ids(self) -> list[str]:
        return [entry.id for entry in self.engine.entries()]

    def _orphans(self, records: Iterable[Remote]) -> list[Remote]:
        held = set(self._ids())
        return [record for record in records if record.is_ours and record.is_live and record.id not in held]

    def _remote(self, integration_id: str) -> Remote:
        return next(record for record in self.backend.records() if record.id == integration_id)
