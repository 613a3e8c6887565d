"""Keep the intents of creates that this machine started, until a state is known to have their results."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pulumi_justt.core.journal.changes import ChangeRecords
from pulumi_justt.core.journal.folder import file_name
from pulumi_justt.core.journal.holders import HolderRecords
from pulumi_justt.core.journal.records import (
    Claim,
    Decision,
    Intent,
    Snapshot,
    address,
    as_intent,
    as_snapshot,
    stack_of,
)

__all__ = ["Journal"]

_MAX_AGE = 30 * 86_400.0
"""Seconds after which the journal drops a decision that no create has carried out, and an intent without an id."""

_MAX_AGE_WITH_ID = 365 * 86_400.0
"""Seconds after which the journal drops an intent with an id.

Every create leaves such an intent until the stack's next command. A GET of the id shows its status, even after a year.
"""


class Journal(HolderRecords, ChangeRecords):
    """The journal of one folder; one object serves all threads of a process. For its arguments see `JournalFolder`."""

    _has_created = False

    def path_of(self, intent: Intent) -> Path | None:
        """Return the path of an intent's file, for error texts."""
        return self._intent_file(intent.urn, intent.base_url, intent.account)

    def intent(self, urn: str, base_url: str, account: str | None) -> Intent | None:
        """Return the intent of a resource, if there is one."""
        intent = self._read_intent(self._intent_file(urn, base_url, account))
        if intent is None or not self._is_expired(intent):
            # If a process was killed while it moved the file here, the file still names the former URN.
            return intent and replace(intent, urn=urn)
        self._drop(intent)
        return None

    def unusable_intent(self, urn: str, base_url: str, account: str | None) -> str | None:
        """Return why the intent file of a resource can't be used; None if it can, or if there is none.

        If the whole folder can't be used, there is no intent file: the journal only warns.
        """
        path = self._intent_file(urn, base_url, account)
        is_usable = path is None or self._read(path, as_intent) is not None or not os.path.lexists(path)
        return None if is_usable or path is None else self.unusable.get(path)

    def intents(self, stack: Sequence[str] | None = None) -> list[Intent]:
        """Return all intents, or those of one stack as `stack_of` names it, oldest first."""
        pattern = f"{file_name(*stack)[:8]}-*.json" if stack else "*.json"
        found = [self._read_intent(path) for path in self._files("intents", pattern=pattern)]
        kept = [
            intent
            for intent in found
            if intent and not self._is_expired(intent)
            if stack is None or stack_of(intent.urn) == [*stack]
        ]
        return sorted(kept, key=lambda intent: (intent.sent_at, intent.urn))

    def write_intent(self, intent: Intent) -> bool:
        """Write *intent* over the resource's earlier one, and return whether it was written.

        A file that can't be used is not overwritten, because it may be the only record of another create.
        """
        if self.unusable_intent(intent.urn, intent.base_url, intent.account):
            return False
        self._has_created = self._has_created or intent.integration_id is not None
        return self._write(self.path_of(intent), asdict(intent))

    def end_in_order(self) -> None:
        """Note that this process ended normally, so the engine received all its results.

        The provider can't see whether the engine stored them.
        """
        if self._has_created:
            self._write(self._path("ended", self.process), {})

    def is_likely_stored(self, intent: Intent) -> bool:
        """Return whether an intent has an id and its process ended normally.

        This does not prove that the state has the id.
        """
        path = self._path("ended", intent.process) if intent.process and intent.integration_id else None
        return self._read(path, lambda _: True) is not None

    def remove_intent(self, intent: Intent) -> None:
        """Remove the intent of a resource, unless another process has replaced it with its own."""
        path = self.path_of(intent)
        kept = self._read(path, as_intent)
        if kept and kept.process == intent.process:
            self._unlink(path)

    def resolve(self, urn: str, base_url: str, account: str | None, integration_id: str) -> Intent | None:
        """Remove the intent of a resource if it names *integration_id*, because the state has that id now.

        The resource or its stack may have had another name when the integration was created. The intent then has that
        name, and the claim of the id shows it.

        Returns:
            The intent of the resource that remains, because it belongs to another create; None if there is none.
        """
        intent = self.intent(urn, base_url, account)
        if self._remove_if_named(intent, integration_id):
            return None
        former = self.claimant(base_url, integration_id)
        if former not in (None, urn):
            self._remove_if_named(self.intent(former, base_url, account), integration_id)
        return intent

    def _remove_if_named(self, intent: Intent | None, integration_id: str) -> bool:
        """Remove an intent if it names *integration_id*, and return whether it does."""
        if intent is None or integration_id not in (intent.integration_id, intent.outcome_id):
            return False
        self._unlink(self.path_of(intent))
        return True

    def decide(self, intent: Intent, decision: Decision) -> bool:
        """Write the user's decision into an intent, and return whether it was written."""
        return self.write_intent(replace(intent, decision=replace(decision, decided_at=self.now())))

    def write_snapshot(self, ids: Collection[str], *, is_complete: bool) -> str | None:
        """Write a snapshot of an account's ids, and return its name; None if the journal can't be written."""
        name = secrets.token_hex(8)
        is_kept = self._write(self._path("snapshots", name), {"ids": sorted(ids), "is_complete": is_complete})
        return name if is_kept else None

    def snapshot(self, name: str | None) -> Snapshot | None:
        """Return a snapshot by its name; None if it was not written."""
        return self._read(self._path("snapshots", name), as_snapshot) if name else None

    def move(self, intent: Intent, urn: str) -> None:
        """Move an intent, and the claim of its id, to the new URN of a renamed resource."""
        path, new_path = self.path_of(intent), self.path_of(replace(intent, urn=urn))
        if not path or not new_path:
            return
        try:
            # If two processes move the same intent, each for its own resource, only one rename succeeds.
            path.replace(new_path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._warn_once(f"{path} can't be renamed ({error.strerror})")
            return
        self.write_intent(replace(intent, urn=urn))
        if intent.integration_id and self.claimant(intent.base_url, intent.integration_id) == intent.urn:
            self._write_claim(Claim(address(intent.base_url), intent.integration_id, urn))

    def _intent_file(self, urn: str, base_url: str, account: str | None) -> Path | None:
        return self._path("intents", f"{file_name(*stack_of(urn))[:8]}-{file_name(urn, address(base_url), account)}")

    def _read_intent(self, path: Path | None) -> Intent | None:
        """Return the intent in a file, without its decision if that has expired."""
        intent = self._read(path, as_intent)
        if intent and intent.decision and self.now() - intent.decision.decided_at > _MAX_AGE:
            return replace(intent, decision=None)
        return intent

    def _is_expired(self, intent: Intent) -> bool:
        if intent.decision:
            return False
        age = self.now() - intent.sent_at
        return age > (_MAX_AGE_WITH_ID if intent.integration_id else _MAX_AGE)

    def _drop(self, intent: Intent) -> None:
        """Remove an expired intent.

        Warns:
            warning: A create of a killed run, or one whose response was lost, stayed unresolved for 30 days.
        """
        if intent.integration_id is None:
            self._log.warning(
                f"creating the {intent.source} integration {intent.external_identifier!r}: a create that "
                f"began more than {_MAX_AGE / 86_400:.0f} days ago never ended. The journal drops its record now. Look "
                "at Justt for an integration that no stack has."
            )
        self.remove_intent(intent)

    def _prune(self) -> None:
        super()._prune()
        used: set[str | None] = set()
        for path in self._files("intents"):
            intent = self._read_intent(path)
            if intent and self._is_expired(intent):
                self._drop(intent)
            elif intent:
                used |= {intent.snapshot, intent.process}
        self.drop_old("snapshots", kept=used)
        self.drop_old("ended", kept=used)
