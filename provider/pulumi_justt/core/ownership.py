"""Decide which resource may deactivate which integration, and when.

In this module a record is one integration at Justt. A resource holds a record if the state says so, or if the resource
has adopted or created it. The rules depend on the order of the engine's calls, and on the journal (`core/journal`):

    in an `up`            the engine calls every `check` before every `delete`, so the provider knows the program by
                          then. The exception is a resource that is deleted before it is replaced: the engine calls its
                          `delete` before the `check` of resources that the program registers later. It also deletes
                          that resource's dependents before their own `check`, after a `diff` only. So if an adopter
                          depends on the owner, the provider does not see it in time in the update that replaces the
                          owner with `delete_before_replace`
    a rename by an alias  `check`, `diff` and `create` get the new URN, the `delete` of a rotation gets the old one
    with `--refresh`      the engine calls `read` and `diff` before any `check`, even for resources that may be leaving
                          the program
    with `--replace`      the engine does not call `diff`, and `check` gets no old inputs
    in a `destroy`,       the engine calls `delete` only
    and untargeted
    another provider      its resources have another process. This process knows them only from the journal and, within
                          a command, from `command_log`

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

An adoption record lasts until its resource is deleted, even after the program removed `adopt_id`. The claim of the
resource that created the record ends when the record is released to an adopter, which is then its only owner.

*Released* means that the provider sends nothing: the state forgets the record, Justt keeps it, and a note says so.

Only one resource may hold a record. The provider refuses a second resource of the program that adopts the record or
whose create returns it. It does so even if two processes of one command serve the two resources. The rule applies only
if both resources are in the program and hold the record now. A resource that is only in the state does not count:

    the former name of a resource that an alias renames
    a resource that leaves the program in favor of an adopter
    a resource that an earlier update has replaced but not deleted yet; a refresh reads it too

The provider does not replace an adopted record while the old or the new inputs adopt it. With `replace_on_changes` the
engine may replace a record that `diff` leaves in place. Then `create`, or `delete` if the engine calls it first,
refuses an update that removes `adopt_id`.
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


def is_adopted(outputs: Mapping[str, Any], integration_id: str) -> bool:
    """Return whether a recorded integration is adopted. Then this stack must not deactivate it."""
    return outputs.get("adoptId") == integration_id


class Ownership(Unpicklable):
    """Tracks the resources of this process and the records that they hold; one object serves all its resources.

    Resources are named by their URNs, or by a placeholder if the host does not know the URN.

    Args:
        journal: The journal of this machine, which other processes and earlier commands write too.
        base_url: The base URL of the API that has the records.
    """

    def __init__(self, journal: Journal, base_url: str) -> None:
        self._journal = journal
        self._base_url = base_url
        self._log = CommandLog(journal, base_url)
        self._lock = threading.RLock()
        self._program: dict[str, Mapping[str, Any]] = {}
        """The resources that `check` has seen, with their checked inputs."""
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        """The resources that hold an id: the state says so, or they adopted or created it."""
        self._former_adopters: defaultdict[str, set[str]] = defaultdict(set)
        """The resources whose recorded outputs adopt an id."""
        self._current: dict[str, str | None] = {}
        """The id that each resource of the program has now, from `diff` or `create`; None while it is being replaced.

        `_holders` has more resources after a refresh, which also reads those that an earlier update has replaced.
        """
        self._kept: dict[str, str] = {}
        """The resources of the program that this update does not replace, with their ids."""
        self._replacing: defaultdict[str, set[str]] = defaultdict(set)
        """The resources of the program that replace an id, from `diff`."""
        self._changing: dict[str, str] = {}
        """The resources with only changes in place, and their ids. The engine may still replace them."""
        self._compared: set[str] = set()
        """The ids of owned records for which the engine called `diff` with a resource of the program."""
        self._adopted_in_place: dict[str, str] = {}
        """The adopted records that `diff` does not replace, by resource of the program."""
        self._created: set[str] = set()
        """The ids that creates of this process returned."""
        self._awaited: set[str] = set()
        """The ids for which a wait has started but not succeeded."""
        self._held_until_ready: defaultdict[str, set[str]] = defaultdict(set)
        """For the id of each replacement, the ids of the records that must keep running until it is ready."""

    def note_check(self, urn: str, inputs: Mapping[str, Any]) -> None:
        """Note that a resource is in the program."""
        with self._lock:
            self._program[urn] = inputs

    def note_state(self, urn: str, integration_id: str, outputs: Mapping[str, Any]) -> None:
        """Note that the state holds a record for a resource."""
        with self._lock:
            self._holders[integration_id].add(urn)
            if is_adopted(outputs, integration_id):
                self._former_adopters[integration_id].add(urn)

    def note_diff(self, urn: str, integration_id: str, *, is_replaced: bool, is_adopted: bool = False) -> None:
        """Note that the program keeps or replaces a record, if `check` has seen the resource.

        The engine calls `diff` without `check` in a refresh, and with unknown values for dependents of a resource that
        it replaces.
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
        """Note that a resource keeps its record in this update: nothing changes, or `update` was called.

        A `diff` that finds only in-place changes does not prove that: with `replace_on_changes` the engine may still
        replace the resource.
        """
        with self._lock:
            if urn in self._program:
                self._kept[urn] = integration_id
            if self._changing.get(urn) == integration_id:
                del self._changing[urn]

    def note_changing(self, urn: str, integration_id: str) -> None:
        """Record that `diff` found only changes in place. A resource option may still make the engine replace it."""
        with self._lock:
            self._changing[urn] = integration_id

    def changing_holder(self, urn: str, integration_id: str) -> str | None:
        """Return another resource that has the record and in which `diff` found only changes in place.

        The engine may still replace that resource, because of a resource option. After a rename by an alias, it may be
        the same resource as *urn*, because `delete` gets the former URN.
        """
        with self._lock:
            holders = self._other_holders(urn, integration_id) if urn not in self._program else []
        return next((each for each in holders if self._changing.get(each) == integration_id), None)

    def becoming_own(self, urn: str) -> str | None:
        """Return the adopted record that this update makes the resource's own: the program no longer adopts it."""
        with self._lock:
            is_own = urn in self._program and self._program[urn].get("adoptId") is None
            return self._adopted_in_place.get(urn) if is_own else None

    def keeps(self, urn: str, integration_id: str) -> bool:
        """Return whether the program keeps the record in the resource; then `delete` ends an earlier replacement."""
        with self._lock:
            return self._kept.get(urn) == integration_id

    def has(self, urn: str, integration_id: str) -> bool:
        """Return whether the resource is in the program and has the record now, by the latest `diff` or `create`."""
        with self._lock:
            return self._current.get(urn) == integration_id

    def is_replaced(self, urn: str, integration_id: str) -> bool:
        """Return whether a `delete` can only be the end of a replacement, because the program still has the resource.

        The program may have it under the URN of the `delete`, or, after a rename, under the URN of the `diff`. Or
        another process of this command serves it now, and has logged that the resource has another record.
        """
        with self._lock:
            if urn in self._program or integration_id in self._compared:
                return True
        # The resource may have moved to another provider resource, whose process has checked it.
        return self._log.has_another(urn, integration_id)

    def declares(self, urn: str, account: str | None, external_identifier: str) -> bool:
        """Return whether `check` has seen the resource in the program, with this account and identifier."""
        inputs = self.inputs_of(urn)
        return inputs is not None and (account, external_identifier) == (
            inputs.get("referenceAccountId"),
            inputs.get("externalIdentifier"),
        )

    def inputs_of(self, urn: str) -> Mapping[str, Any] | None:
        """Return the checked inputs of a resource, if `check` has seen it."""
        with self._lock:
            return self._program.get(urn)

    @property
    def has_program(self) -> bool:
        """Whether `check` has seen any resource. Then a `delete` does not belong to a `destroy`."""
        with self._lock:
            return bool(self._program)

    def is_held(self, integration_id: str) -> bool:
        """Return whether a resource that this process has seen holds the record."""
        with self._lock:
            return bool(self._holders.get(integration_id))

    def holder_beside(self, urn: str, integration_id: str) -> str | None:
        """Return a resource other than *urn* that holds the record, in the program or in the state."""
        with self._lock:
            return min(self._holders.get(integration_id, set()) - {urn}, default=None)

    def ids_of_others(self, urn: str) -> frozenset[str]:
        """Return the ids that an unresolved create of the resource cannot have made, because a resource has them.

        The ids come from this process and from the journal. They do not include the journal's claims and adoptions of
        the resource itself, because its create may have made those ids.
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
        """Refuse the call if another resource of the program has the record.

        Raises:
            StateConflict: Another resource of the program has the integration.
        """
        with self._lock:
            # A holder that is only in the state does not count: an earlier update may have replaced it. If the other
            # resource holds the record now, its own `diff` notes that, and the later of the two calls is refused.
            others = [each for each in self._other_holders(urn, integration_id) if self._current.get(each)]
            # A refresh reads the state before `check` shows the program.
            if others and urn in self._program:
                self._refuse_second(others[0], integration_id, operation)

    def require_no_other_process(self, urn: str, integration_id: str, operation: str) -> None:
        """Refuse the call if a resource that another process of this command serves has the record.

        Raises:
            StateConflict: Another resource of the program has the integration.
        """
        if urn not in self._program:
            return
        for other in self._log.holders_of(integration_id):
            # This process knows its own resources better than the log does, so it skips them.
            if other != urn and other not in self._program:
                self._refuse_second(other, integration_id, operation)

    def adopt(self, urn: str, integration_id: str, operation: str) -> None:
        """Note that a resource holds a record that it does not own.

        Raises:
            StateConflict: Another resource of the program has the integration.
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
        """Note that Justt returned a record to a create of this process, even if no resource gets it."""
        with self._lock:
            self._created.add(integration_id)

    def note_created(self, urn: str, integration_id: str) -> None:
        """Note that a create of this process made a record for a resource."""
        with self._lock:
            self._hold(urn, integration_id)
            self._created.add(integration_id)

    def release_reason(self, urn: str, integration_id: str, outputs: Mapping[str, Any]) -> str | None:
        """Return why a `delete` must release the record; None if it may deactivate the record."""
        if is_adopted(outputs, integration_id):
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
        if others := self._journal.adopters(self._base_url, integration_id, beside=urn):
            file = self._journal.adoption_file(self._base_url, integration_id, others[0])
            return f"{others[0]!r} has adopted it ({file}), as this machine's journal says"
        if is_created_here:
            return "a create of this update returned it"
        return self._creator_reason(urn, integration_id)

    def _creator_reason(self, urn: str, integration_id: str) -> str | None:
        """Return why this resource must release a record that it adopted and that another resource created, or None."""
        creator = self._journal.claimant(self._base_url, integration_id)
        if creator in (None, urn) or not self._journal.has_adopted(self._base_url, integration_id, urn):
            return None
        file = self._journal.claim_file(self._base_url, integration_id)
        return f"it was created for {creator!r} ({file}) and only adopted here, as this machine's journal says"

    def adopter_beside(self, urn: str, integration_id: str) -> str | None:
        """Return a resource other than *urn* that adopts a record in the program, or has adopted it."""
        with self._lock:
            others = {*self._adopters(integration_id)}
        others |= {*self._journal.adopters(self._base_url, integration_id, beside=urn)}
        return min(others - {urn}, default=None)

    def hold_until_ready(self, integration_id: str, successor: str) -> None:
        """Keep a record running until *successor*, the record that replaces it, is ready."""
        with self._lock:
            self._held_until_ready[successor].add(integration_id)

    def begin_wait(self, integration_id: str) -> None:
        """Note that a wait for a record starts; until it succeeds, the record's predecessor must keep running."""
        with self._lock:
            self._awaited.add(integration_id)
        self._log.note_wait(integration_id, is_over=False)

    def end_wait(self, integration_id: str) -> None:
        """Note that a record is ready; its predecessor may be deactivated."""
        with self._lock:
            self._awaited.discard(integration_id)
            self._held_until_ready.pop(integration_id, None)
        self._log.note_wait(integration_id, is_over=True)

    def is_awaited_by(self, urn: str, integration_id: str) -> bool:
        """Return whether a record must keep running, because the wait for its replacement has not succeeded.

        With `--continue-on-error` the engine deletes the replaced record although the wait has failed. Another process
        may serve the wait and the new record, and after a rename `delete` gets the resource's former URN.
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
        """Refuse the call, because another resource of the program has the record.

        Raises:
            StateConflict: Another resource of the program has the integration.
        """
        raise StateConflict(
            f"{operation}: integration {integration_id} already belongs to {holder!r} in this program. Only one "
            "resource can manage an integration. Remove the resource with adopt_id from the program. Or, to "
            "let that resource keep it, run `pulumi state delete` with the other resource's URN, and then remove the "
            "other resource from the program. Neither way deactivates anything."
        )

    def _other_holders(self, urn: str, integration_id: str) -> list[str]:
        held = self._holders.get(integration_id, set())
        return sorted(
            other
            for other in held
            if other != urn and other in self._program
            if self._current.get(other, integration_id) == integration_id
        )
