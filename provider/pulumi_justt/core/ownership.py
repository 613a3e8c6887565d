"""Who may deactivate which integration, and when. One object serves all resources of a provider process.

It rests on what the engine calls, and on the journal (`core/journal`):

    in an `up`            every `check` comes before every `delete`; so membership in the program is known by then.
                          The exception is a resource that is deleted before it is replaced: its `delete` comes before
                          the `check` of what the program registers later. What depends on it is deleted before its own
                          `check`, too, and only a `diff` comes before that. So an adopter that depends on the owner,
                          in the update that replaces the owner with `delete_before_replace`, is not seen in time
    a rename by an alias  `check`, `diff` and `create` have the new URN, the `delete` of a rotation has the old one
    with `--refresh`      `read` and `diff` come before any `check`, for resources that may be leaving the program
    with `--replace`      `diff` is not called, and `check` gets no old inputs
    in a `destroy`,       `delete` is all that comes
    and untargeted
    another provider      another process: only the journal knows of it, and within a command `command_log`

    delete of a record that ...                                               known from              what happens
    is adopted by the resource itself                                         recorded outputs        released
    a resource of the new program adopts, the resource itself included        check                   released
    a resource of the old program adopts                                      read, diff              released
    another resource of the program holds, and does not replace               diff, create            released
    another resource of the program holds, and changes in place or replaces   diff                    refused
    the resource itself keeps: this is the end of an earlier replacement      diff, update            released
    a resource of another process or an earlier command adopts                adoption record         released
    a resource may adopt, but the adoption record can't be read               adoption record         refused
    another command is adopting at this moment                                adoption record         refused
    was created for another resource, and adopted by this one                 claim, adoption record  released
    a create of this process returned (unless that create is being undone)    create                  released
    an IntegrationReady still waits for, at a record that replaces it         diff, create, waits     refused
    is any other one                                                                                  deactivated

An adoption record lasts until its resource is deleted, also after `adopt_id` was taken out. The claim of the resource
that created the record ends when that is released to an adopter, which is its only owner then.

*Released* means that nothing is sent: the state forgets the record, Justt keeps it, and a note says so.

A record has one resource. A second resource of the program that would hold it is refused, whether it adopts the record
or a create returns it, also if the two are of two processes of one command. Both must be in the program, and hold it
now: a resource that was renamed by an alias, or that leaves the program in favor of an adopter, is in the state only,
and a refresh also reads what an earlier update has replaced and not deleted yet. An adopted record is not replaced: not
while the old inputs adopt it, and not while the new ones do. Where the engine replaces one that `diff` leaves in place,
as `replace_on_changes` has it, `create` refuses the update that takes `adopt_id` out, and so does `delete` if that
comes first.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NoReturn

from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.core.journal import Journal
from pulumi_justt.errors import StateConflict
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Ownership", "is_adopted"]


def is_adopted(properties: Mapping[str, Any]) -> bool:
    """Return whether a recorded integration is adopted, so that it is not this stack's to deactivate."""
    return "adoptId" in properties and properties["adoptId"] == properties.get("integrationId")


class Ownership(Unpicklable):
    """What this process knows of resources and the records that they hold.

    Resources are named by their URNs, or by whatever stands in for them where the host cannot tell.

    Args:
        journal: What other processes and earlier commands of this machine have recorded.
        base_url: Where the records live.
    """

    def __init__(self, journal: Journal, base_url: str) -> None:
        self._journal = journal
        self._base_url = base_url
        self._log = CommandLog(journal, base_url)
        self._lock = threading.RLock()
        self._program: dict[str, Mapping[str, Any]] = {}
        """The resources that check has seen, with what it has made of their inputs."""
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        """The resources that hold an id: in the state, or since they adopted or created it."""
        self._former_adopters: defaultdict[str, set[str]] = defaultdict(set)
        """The resources whose recorded outputs adopt an id."""
        self._current: dict[str, str | None] = {}
        """The id that each resource of the program has now, as a diff or a create said; None: it is being replaced.

        A refresh adds holders that it has read in the state, where an earlier update may have left replaced ones.
        """
        self._kept: dict[str, str] = {}
        """The resources of the program that nothing replaces in this update, with their ids."""
        self._replacing: defaultdict[str, set[str]] = defaultdict(set)
        """The resources whose diff in the program says that they replace an id."""
        self._changing: dict[str, str] = {}
        """The resources that a diff would update in place, with their ids: the engine may replace them all the same."""
        self._compared: set[str] = set()
        """The ids of owned records that a diff of the program was about."""
        self._adopted_in_place: dict[str, str] = {}
        """The adopted records that a diff of the program leaves where they are, by resource."""
        self._created: set[str] = set()
        """The ids that creates of this process returned."""
        self._awaited: set[str] = set()
        """The ids that waits have begun for and not ended well."""
        self._held_until_ready: defaultdict[str, set[str]] = defaultdict(set)
        """The ids that must run until another one, the key, is ready."""

    def note_check(self, urn: str, inputs: Mapping[str, Any]) -> None:
        """Take a resource as a member of the program."""
        with self._lock:
            self._program[urn] = inputs

    def note_state(self, urn: str, integration_id: str, outputs: Mapping[str, Any]) -> None:
        """Take a record as one that the state holds for a resource."""
        with self._lock:
            self._holders[integration_id].add(urn)
            if is_adopted(outputs):
                self._former_adopters[integration_id].add(urn)

    def note_diff(self, urn: str, integration_id: str, *, is_replaced: bool, is_adopted: bool = False) -> None:
        """Take a record as one that the program keeps or replaces, if check has seen the resource.

        A diff of a refresh, or one with unknown values for what depends on a replaced resource, comes without a check.
        """
        with self._lock:
            if urn in self._program:
                if not is_adopted:
                    self._compared.add(integration_id)
                elif not is_replaced:
                    self._adopted_in_place[urn] = integration_id
                self._current[urn] = None if is_replaced else integration_id
                if is_replaced:
                    self._replacing[integration_id].add(urn)
                self._log.note_holder(urn, self._current[urn])

    def note_kept(self, urn: str, integration_id: str) -> None:
        """Take a record as one that its resource keeps in this update: nothing of it changes, or it was updated.

        A diff of other changes does not say so: with `replace_on_changes` the engine replaces for them all the same.
        """
        with self._lock:
            if urn in self._program:
                self._kept[urn] = integration_id
            if self._changing.get(urn) == integration_id:
                del self._changing[urn]

    def note_changing(self, urn: str, integration_id: str) -> None:
        """Take a record as one that its resource keeps unless an option makes the engine replace it."""
        with self._lock:
            self._changing[urn] = integration_id

    def changing_holder(self, urn: str, integration_id: str) -> str | None:
        """Return another resource of the program that has the record, unless the engine is about to replace that.

        It may be the same resource: the `delete` of one that was renamed by an alias has the former name.
        """
        with self._lock:
            holders = self._other_holders(urn, integration_id) if urn not in self._program else []
        return next((each for each in holders if self._changing.get(each) == integration_id), None)

    def becoming_own(self, urn: str) -> str | None:
        """Return the adopted record that an update is about to make a resource's own, as the program says."""
        with self._lock:
            is_own = urn in self._program and self._program[urn].get("adoptId") is None
            return self._adopted_in_place.get(urn) if is_own else None

    def keeps(self, urn: str, integration_id: str) -> bool:
        """Return whether a resource of the program keeps the record: a delete is the rest of an earlier update."""
        with self._lock:
            return self._kept.get(urn) == integration_id

    def has(self, urn: str, integration_id: str) -> bool:
        """Return whether a resource of the program has the record now, as far as diff and create have come."""
        with self._lock:
            return self._current.get(urn) == integration_id

    def is_replaced(self, urn: str, integration_id: str) -> bool:
        """Return whether a delete can only be the end of a replacement: the program still has the resource.

        Under the URN that the delete names, or, after a rename, under the URN of the diff; in this process, or in
        another one of this command, which has said that the resource has another record now.
        """
        with self._lock:
            if urn in self._program or integration_id in self._compared:
                return True
        # The resource may have moved to another provider resource, whose process has checked it.
        return self._log.has_another(urn, integration_id)

    def declares(self, urn: str, account: str | None, external_identifier: str) -> bool:
        """Return whether a resource is in the program, and for this integration, as far as check has come."""
        inputs = self.inputs_of(urn)
        return inputs is not None and (account, external_identifier) == (
            inputs.get("referenceAccountId"),
            inputs.get("externalIdentifier"),
        )

    def inputs_of(self, urn: str) -> Mapping[str, Any] | None:
        """Return what the program says of a resource, if check has seen it."""
        with self._lock:
            return self._program.get(urn)

    @property
    def has_program(self) -> bool:
        """Whether check has seen a resource of the program, so that a delete is not that of a `destroy`."""
        with self._lock:
            return bool(self._program)

    def is_held(self, integration_id: str) -> bool:
        """Return whether a resource that this process has seen holds the record."""
        with self._lock:
            return bool(self._holders.get(integration_id))

    def holder_beside(self, urn: str, integration_id: str) -> str | None:
        """Return another resource that holds the record, in the program or in the state."""
        with self._lock:
            return min(self._holders.get(integration_id, set()) - {urn}, default=None)

    def ids_of_others(self, urn: str) -> frozenset[str]:
        """Return the ids that a lost create of a resource cannot have made: a resource holds or adopts each.

        As far as this process and the journal know. What the journal says of the resource itself is left out: what was
        claimed for it, and what it adopted, may be what its create has made.
        """
        with self._lock:
            held = {integration_id for integration_id, urns in self._holders.items() if urns}
            adopted = {inputs["adoptId"] for inputs in self._program.values() if isinstance(inputs.get("adoptId"), str)}
        return frozenset(
            held
            | adopted
            | self._journal.claimed_ids(self._base_url, besides=urn)
            | self._journal.adopted_ids(self._base_url, besides=urn)
        )

    def require_sole_holder(self, urn: str, integration_id: str, operation: str) -> None:
        """Refuse a second resource of the program for one record.

        Raises:
            StateConflict: Another resource of the program has the record.
        """
        with self._lock:
            # What is only in the state may be the rest of a replacement. Whoever holds it now has its own diff, which
            # meets this resource here.
            others = [each for each in self._other_holders(urn, integration_id) if self._current.get(each)]
            # A refresh knows the state, and not yet the program.
            if others and urn in self._program:
                self._refuse_second(others[0], integration_id, operation)

    def require_no_other_process(self, urn: str, integration_id: str, operation: str) -> None:
        """Refuse the same where another provider process of this command serves the other resource.

        Raises:
            StateConflict: Another resource of the program has the record.
        """
        if urn not in self._program:
            return
        for other in self._log.holders_of(integration_id):
            # Of what this process serves it knows more than it has told the others.
            if other != urn and other not in self._program:
                self._refuse_second(other, integration_id, operation)

    def adopt(self, urn: str, integration_id: str, operation: str) -> None:
        """Let a resource hold a record that it does not own.

        Raises:
            StateConflict: Another resource of the program has the record.
        """
        with self._lock:
            self.require_sole_holder(urn, integration_id, operation)
            self._hold(urn, integration_id)
        try:
            self.require_no_other_process(urn, integration_id, operation)
        except StateConflict:
            with self._lock:
                self._holders[integration_id].discard(urn)
                del self._current[urn]
            self._log.note_holder(urn, None)
            raise

    def note_returned(self, integration_id: str) -> None:
        """Take a record as one that Justt answered a create of this process with, whether a resource gets it or not."""
        with self._lock:
            self._created.add(integration_id)

    def note_created(self, urn: str, integration_id: str) -> None:
        """Take a record as the result of a create of this process."""
        with self._lock:
            self._hold(urn, integration_id)
            self._created.add(integration_id)

    def release_reason(self, urn: str, integration_id: str, outputs: Mapping[str, Any]) -> str | None:
        """Return why a delete must leave the record as it is at Justt; None if it may be deactivated."""
        if is_adopted(outputs):
            return "it was adopted"
        with self._lock:
            adopters = self._adopters(integration_id)
            adopters += sorted(self._former_adopters.get(integration_id, set()) - {urn})
            holders = [
                each for each in self._other_holders(urn, integration_id) if self._changing.get(each) != integration_id
            ]
            is_created_here = integration_id in self._created
        if adopters:
            return "the program adopts it" if adopters[0] == urn else f"{adopters[0]!r} adopts it"
        if holders or self.keeps(urn, integration_id):
            return f"{holders[0]!r} has it too" if holders else "the resource keeps it"
        if recorded := self._journal.adopters(self._base_url, integration_id, beside=urn):
            file = self._journal.adoption_file(self._base_url, integration_id, recorded[0])
            return f"{recorded[0]!r} has adopted it ({file}), as this machine's journal says"
        if is_created_here:
            return "Justt answered a create of this update with it"
        return self._creator_reason(urn, integration_id)

    def _creator_reason(self, urn: str, integration_id: str) -> str | None:
        """Return why a record is not this resource's to deactivate, if that adopted it and its creator may have it."""
        creator = self._journal.claimant(self._base_url, integration_id)
        if creator in (None, urn) or not self._journal.has_adopted(self._base_url, integration_id, urn):
            return None
        file = self._journal.claim_file(self._base_url, integration_id)
        return f"it was created for {creator!r} ({file}) and only adopted here, as this machine's journal says"

    def adopter_beside(self, urn: str, integration_id: str) -> str | None:
        """Return another resource that adopts a record in the program, or has adopted it."""
        with self._lock:
            others = {*self._adopters(integration_id)}
        others |= {*self._journal.adopters(self._base_url, integration_id, beside=urn)}
        return min(others - {urn}, default=None)

    def hold_until_ready(self, integration_id: str, successor: str) -> None:
        """Keep a record running until the one that replaces it is ready."""
        with self._lock:
            self._held_until_ready[successor].add(integration_id)

    def begin_wait(self, integration_id: str) -> None:
        """Keep what a record replaces running, until the wait for that record has ended well."""
        with self._lock:
            self._awaited.add(integration_id)
        self._log.note_wait(integration_id, is_over=False)

    def end_wait(self, integration_id: str) -> None:
        """Let go of what a record replaces: it is ready."""
        with self._lock:
            self._awaited.discard(integration_id)
            self._held_until_ready.pop(integration_id, None)
        self._log.note_wait(integration_id, is_over=True)

    def is_awaited_by(self, urn: str, integration_id: str) -> bool:
        """Return whether a record must go on running, since a wait for what replaces it has not ended well.

        With `--continue-on-error` the engine deletes what was replaced, although the wait has failed. The wait and the
        new record may be another process's, and the delete has the former name of a resource that was renamed.
        """
        with self._lock:
            names = {urn} | self._replacing[integration_id]
            awaited = self._awaited - {integration_id}
            if any(integration_id in held for held in self._held_until_ready.values()) or any(
                names & self._holders.get(each, set()) for each in awaited
            ):
                return True
        return bool(self._log.awaited_of(names) - {integration_id})

    def _adopters(self, integration_id: str) -> list[str]:
        return [urn for urn, inputs in self._program.items() if inputs.get("adoptId") == integration_id]

    def _hold(self, urn: str, integration_id: str) -> None:
        self._holders[integration_id].add(urn)
        self._current[urn] = integration_id
        self._log.note_holder(urn, integration_id)
        self._kept.pop(urn, None)
        self._changing.pop(urn, None)

    @staticmethod
    def _refuse_second(holder: str, integration_id: str, operation: str) -> NoReturn:
        """Refuse a second resource of the program for one record.

        Raises:
            StateConflict: Another resource of the program has the record.
        """
        raise StateConflict(
            f"{operation}: integration {integration_id} belongs to {holder!r} in this program already, and an "
            "integration can be in one resource only. Remove the resource with adopt_id from the program; or, if that "
            "one is to have it, run `pulumi state delete` with the URN of the other one, and then remove the other one "
            "from the program. Neither deactivates anything."
        )

    def _other_holders(self, urn: str, integration_id: str) -> list[str]:
        held = self._holders.get(integration_id, set())
        return sorted(
            other
            for other in held
            if other != urn and other in self._program
            if self._current.get(other, integration_id) == integration_id
        )
