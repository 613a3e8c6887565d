"""Write an intent before each POST, and resolve the intents of earlier runs.

An intent says that this machine started a create for a resource. It is unresolved until a state is known to have the
created integration, or until it is known that nothing was created. The next create of that resource looks for it:

the intent that it finds                     what the provider does
has the user's decision from `recover`       carries out the decision
has an id that Justt shows as INACTIVE       drops the intent and starts the create
has another id                               raises an error that names it. Even a command that ended normally proves
                                             nothing, because the engine may have failed to save the id. If the engine
                                             did save it, `read` and `diff` drop the intent. With `--replace` or a taint
                                             the engine calls neither, so the user has to run a refresh first
has another id, but the command ended        warns and names it: the engine replaces without calling `diff`, because of
normally and `check` gets the recorded       replacement_trigger or replace_with
inputs
has no id                                    waits until the killed run's POST and its grace period have ended, then
                                             resolves it like a create whose response was lost
belongs to another account                   raises an error that names it, unless the integration is known to be
                                             INACTIVE. Carries out a decision in that account, except that a decision to
                                             claim is an error
has a URN that left the program, for the     raises an error that names it. If the intent has a decision, it becomes
same integration                             this resource's intent
belongs to another stack or project, and     warns: the stack may have been renamed
has no id or its process did not end
normally
"""

from __future__ import annotations

import hmac
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord, to_vendor_time
from pulumi_justt.core import messages
from pulumi_justt.core.deactivation import deactivate_now
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.journal import Change, Decision, Intent, stack_name, stack_of, within_stack
from pulumi_justt.core.listing import list_all
from pulumi_justt.core.session import Session
from pulumi_justt.errors import CreateOutcomeUnknown, RequestRefused, StateConflict
from pulumi_justt.log import Log

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["Intents", "describe_create", "outcome_unknown", "sleep_unless"]

_MAX_NAMED = 3
"""The number of resources that one warning names."""

_POLL_SECONDS = 1.0
"""Seconds until a wait notices a cancellation. The engine kills this process five seconds after it cancels."""


class Intents:
    """Reads and writes the journal's intents for the creates of one process.

    Args:
        client: Returns the client; called when a request is needed.
        session: The journal, and the process's knowledge of resources and records.
        log: Shows warnings and notes to the user.
        call: Returns this thread's call.
    """

    def __init__(
        self,
        client: Callable[[], JusttClient],
        session: Session,
        log: Log,
        call: Callable[[], Call],
    ) -> None:
        self._client = client
        self._journal, self._ownership = session.journal, session.ownership
        self._log = log
        self._call = call
        self._lock = threading.Lock()
        self._earlier: defaultdict[str, list[Intent]] | None = None
        """The intents of earlier processes, by URN and also by external identifier."""
        self._stored: set[str] = set()
        """The resources that are in the state."""
        self._left_to_create: set[str] = set()
        """The resources that are in the program and not in the state, until their creates begin."""
        self._warned: set[str] = set()
        """The resources for which `warn_of_unresolved` has warned."""
        self._to_warn_of: dict[str, tuple[str, Intent]] = {}
        """The intents to warn about if they are still there when the command ends, by resource.

        The text beside each intent names the integration that the state has for the resource.
        """
        self._has_warned_of_stack = False

    def new(self, urn: str, inputs: Inputs, snapshot: str | None) -> Intent:
        """Return a new intent; the caller writes it."""
        now = self._journal.now()
        return Intent(
            urn=urn,
            base_url=self._base_url,
            account=inputs.reference_account_id,
            external_identifier=inputs.external_identifier,
            source=inputs.source,
            sent_at=now,
            settled_at=now,
            snapshot=snapshot,
            process=self._journal.process,
            command=self._journal.command,
            digest=self._client().digest(inputs),
        )

    def change(self, urn: str, inputs: Inputs) -> Change:
        """Return the journal's record of a create, which `pulumi-justt log` shows."""
        return Change(
            "create",
            "created",
            self._base_url,
            urn,
            inputs.reference_account_id,
            inputs.source,
            inputs.external_identifier,
        )

    def note_stored(self, urn: str, olds: Mapping[str, Any]) -> None:
        """Note that the state has the resource, if the engine passes recorded inputs.

        Args:
            urn: The resource's URN.
            olds: The recorded inputs; empty for a new resource.
        """
        with self._lock:
            (self._stored if olds else self._left_to_create).add(urn)

    def is_changed(self, intent: Intent, inputs: Inputs) -> bool:
        """Return whether the intent's create may have sent other inputs than *inputs*.

        Then the integration may have other credentials, and no response from Justt would show that.
        """
        digest = self._client().digest(inputs)
        return intent.digest is None or not hmac.compare_digest(intent.digest.encode(), digest.encode())

    def write_sent(self, intent: Intent) -> None:
        """Write that a POST starts now, and when the time-out and a grace period of the same length will have ended."""
        now = self._journal.now()
        self._write(replace(intent, sent_at=now, settled_at=now + 2 * self._client().settings.timeout_seconds))

    def write_created(self, intent: Intent, integration_id: str) -> None:
        """Write the created id. The intent stays until a later call shows that the engine has stored the id."""
        journal = self._journal
        # Another process may have sent the POST, but this process returns the id to the engine. So the intent names
        # this process, whose normal end `Journal.end_in_order` records.
        returned_here = replace(intent, sent_at=journal.now(), process=journal.process, command=journal.command)
        self._write(replace(returned_here, integration_id=integration_id, decision=None))

    def claimed(self, urn: str, inputs: Inputs, integration_id: str) -> None:
        """Record an id that a list or the user identified as the result of the resource's create."""
        self._ownership.note_created(urn, integration_id)
        self.write_created(self._intent_of(urn, inputs) or self.new(urn, inputs, None), integration_id)

    def adopted(self, urn: str, inputs: Inputs, integration_id: str) -> None:
        """Record an adopted id as the result of an unresolved create, if that create can have made the integration.

        That create was sent for the same resource, or for one that left the program. In the latter case, the user has
        followed the error of the unresolved create, which suggests adopting the id in a new resource.
        """
        with self._lock:
            self._left_to_create.discard(urn)
        own = self._intent_of(urn, inputs)
        earlier = self._earlier_intents(inputs.external_identifier)
        others = (each for each in earlier if self._is_former(each, urn, inputs))
        for intent in (own, *others):
            if intent and self._can_have_made(intent, integration_id):
                if own in (None, intent):
                    self.write_created(replace(intent, urn=urn), integration_id)
                    claimed = replace(self.change(urn, inputs), outcome="claimed", integration_id=integration_id)
                    self._journal.record(claimed)
                if intent != own:
                    self._journal.remove_intent(intent)
                return

    def _can_have_made(self, intent: Intent, integration_id: str) -> bool:
        if intent.integration_id or (intent.decision and intent.decision.integration_id != integration_id):
            return False
        before = self._journal.snapshot(intent.snapshot)
        return before is None or integration_id not in before.ids

    def warn_of_unresolved(self, called: str, intent: Intent | None) -> None:
        """Warn about an earlier run's unresolved create, in case this command does not create the resource again.

        Args:
            called: The integration that the state has for the resource.
            intent: The journal's intent of another create of the resource, if there is one.

        Warns:
            warning: An earlier run began to replace the resource, and the journal does not know the result. Now the
                resource has left the program, or keeps its old integration.
        """
        # The engine stores the results of this command's own creates after this call.
        if intent is None or intent.command == self._journal.command:
            return
        with self._lock:
            if intent.urn in self._warned:
                return
            self._warned.add(intent.urn)
        made = (
            f"created integration {intent.integration_id}" if intent.integration_id else "began to create another one"
        )
        decided = " again, because only a create carries out the earlier decision" if intent.decision else ""
        self._log.warning(
            f"{called}: an earlier run {made} for this resource, and no state is known to hold the result "
            f"(journal: {self._journal.path_of(intent)}). Unless this command creates the resource again, run "
            f"`pulumi-justt recover`{decided}."
        )

    def warn_at_end(self, called: str, intent: Intent | None) -> None:
        """Call `warn_of_unresolved` at the end of the command, if the intent is still in the journal by then.

        The state may have two integrations of a resource, one of which is pending deletion. The engine may call the
        provider for that one first. A later call for the other one drops the intent.
        """
        if intent is not None:
            with self._lock:
                self._to_warn_of[intent.urn] = (called, intent)

    def warn_of_unseen(self, seen: Collection[str], base_url: str) -> None:
        """Warn at the end of a command about earlier runs' creates that are still unresolved.

        Args:
            seen: The URNs of the resources for which the engine called this process.
            base_url: The API's base URL.

        Warns:
            warning: An earlier run began to create a resource, and the engine did not call the provider for it in this
                command. Or this command only previews its create.
        """
        for called, intent in self._to_warn_of.values():
            if self._journal.intent(intent.urn, intent.base_url, intent.account) == intent:
                self.warn_of_unresolved(called, intent)
        unseen = [
            intent
            for stack in {tuple(stack_of(urn)) for urn in seen}
            for intent in self._journal.intents(stack)
            if intent.is_at(base_url)
            # A preview creates nothing. If the user has decided with `recover`, the create carries that out.
            and (intent.urn not in seen or (intent.urn in self._left_to_create and not intent.decision))
            and intent.command != self._journal.command
            and intent.urn not in self._warned
            # The engine stores nearly every result of a command that ends normally. A warning about these would appear
            # in each preview that removes a resource from the program. `doctor` shows those intents.
            and not self._journal.is_likely_stored(intent)
        ]
        if not unseen:
            return
        resources = ", ".join(f"{each.urn!r} (journal: {self._journal.path_of(each)})" for each in unseen[:_MAX_NAMED])
        rest = len(unseen) - _MAX_NAMED
        more = f" and {rest} more" if rest > 0 else ""
        self._log.warning(
            f"an earlier run began to create {resources}{more}, and the journal has no proof that Pulumi "
            "saved the result in the state. An integration may be live at Justt. If the state has it "
            "(see `pulumi stack --show-ids`), run `pulumi refresh`; otherwise run `pulumi-justt recover`."
        )

    def named_in(self, error: CreateOutcomeUnknown, urn: str, inputs: Inputs) -> CreateOutcomeUnknown:
        """Return *error* with the journal file of the create added, if there is one."""
        intent = self._intent_of(urn, inputs)
        return (
            error.but(remediation=f"{error.remediation} (journal: {self._journal.path_of(intent)})")
            if intent
            else error
        )

    def drop(self, urn: str, inputs: Inputs) -> None:
        """Remove the intent of a create that this process started and that created nothing."""
        intent = self._intent_of(urn, inputs)
        if intent and intent.process == self._journal.process:
            self._journal.remove_intent(intent)

    def resume(self, urn: str, inputs: Inputs) -> RemoteRecord | Intent | None:
        """Resolve an earlier run's create of the resource, as far as its intent in the journal allows.

        Returns:
            The record that the user claimed for the resource with `pulumi-justt recover`; or an intent whose outcome
            is unknown, after its grace period; or None if the create may start.

        Raises:
            StateConflict: The earlier run created an integration that is live, or the user has to decide.
            CreateOutcomeUnknown: The engine cancelled the call during the wait.
            RequestError: That integration could not be read or deactivated.
        """
        client, journal = self._client(), self._journal
        with self._lock:
            self._left_to_create.discard(urn)
        self._require_usable(urn, inputs)
        self._require_none_elsewhere(urn, inputs)
        self._require_no_former(urn, inputs)
        self._warn_of_other_stack(urn, inputs)
        end: float | None = None
        while intent := self._intent_of(urn, inputs):
            if intent.decision:
                return self._carry_out(urn, inputs, intent, intent.decision)
            if intent.integration_id:
                # If a renamed resource has the id, this resource is a new one.
                if not self._ownership.holder_beside(urn, intent.integration_id):
                    self._require_gone(inputs, intent, intent.integration_id)
                journal.remove_intent(intent)
                return None
            rest = intent.settled_at - journal.now()
            if end is None:
                # The wait is never longer than the killed run's request can take, even if the clock was set back.
                end = client.clock() + min(rest, intent.settled_at - intent.sent_at)
                self._note_killed_run(inputs, rest)
            if client.clock() >= end:
                return intent
            if not sleep_unless(client, min(_POLL_SECONDS, end - client.clock()), self._call().is_cancelled):
                raise outcome_unknown(intent)
        return None

    def _note_killed_run(self, inputs: Inputs, rest: float) -> None:
        """Note that an earlier run sent the same create, and that its result is not known.

        Args:
            inputs: The inputs of the create.
            rest: How long the killed run's request may still take, in seconds.

        Warns:
            note: An earlier run sent a create, and its request may still be in flight.
            note: An earlier run sent a create, and was killed or got no response.
        """
        creating = describe_create(inputs)
        clear = (
            "If Pulumi still has a pending operation after this update, run `pulumi-justt recover`, which clears it."
        )
        if rest > _POLL_SECONDS:
            self._log.info(
                f"{creating}: an earlier run sent this create, and its request may take {rest:.0f} s more; "
                f"then the provider lists the account. {clear}",
                is_urgent=True,
            )
        else:
            self._log.info(
                f"{creating}: an earlier run sent this create, and its result is not known, so the provider lists "
                f"the account first. {clear}"
            )

    def _require_usable(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create while an unusable journal file may hide an earlier create of the resource.

        Raises:
            StateConflict: The journal file of an earlier create of the resource can't be used.
        """
        if unusable := self._journal.unusable_intent(urn, self._base_url, inputs.reference_account_id):
            raise StateConflict(
                f"{describe_create(inputs)}: {unusable}, and it may be the only record of an earlier create of this "
                "resource. Nothing was sent. If a newer version of pulumi-justt wrote the file, run that version. "
                "Otherwise run `pulumi-justt doctor`, look at Justt for an integration that no stack has, and move the "
                "file away; then run `pulumi up`."
            )

    def _require_none_elsewhere(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create if an earlier run may have created the same resource in another account.

        The other account may be the same one under another name.

        Raises:
            StateConflict: The user decided to claim the integration, which is possible only in its own account.
            StateConflict: The earlier create's outcome is unknown, or its integration is live.
            RequestError: The earlier run's integration could not be read.
        """
        for earlier in self._earlier_intents(urn):
            if earlier.urn != urn or earlier.account == inputs.reference_account_id:
                continue
            intent = self._journal.intent(urn, self._base_url, earlier.account)
            if intent is None:
                continue
            place = f"in account {intent.account}" if intent.account else "without an account"
            decision = intent.decision
            if decision and decision.action == "claim":
                raise StateConflict(
                    f"{describe_create(inputs)}: you decided with `pulumi-justt recover` to claim "
                    f"{decision.integration_id}, which an earlier run created {place}. Nothing was sent. Set the "
                    "account back and run `pulumi up`, which claims it; or run `pulumi-justt recover --deactivate "
                    f"{decision.integration_id}`, and then `pulumi up`."
                )
            if decision:
                self._carry_out(urn, inputs, intent, decision)
                continue
            if intent.integration_id is None:
                raise StateConflict(
                    f"{describe_create(inputs)}: an earlier run began to create this resource {place}, and the outcome "
                    f"is unknown (journal: {self._journal.path_of(intent)}). Nothing was sent. Run `pulumi-justt "
                    "recover`, or set the account back; then run `pulumi up`."
                )
            if not self._ownership.is_held(intent.integration_id):
                self._require_gone(inputs, intent, intent.integration_id)
            self._journal.remove_intent(intent)

    def _require_no_former(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create if an earlier run may have created the same integration under a former URN.

        A URN that this process does not see in the program may be the resource's former one. Or it may belong to
        another resource, which another process serves with another key. So the provider claims nothing unless the user
        decided that with `pulumi-justt recover`.

        Raises:
            StateConflict: The earlier create's outcome is unknown, or its integration is live.
            RequestError: The earlier run's integration could not be read.
        """
        journal = self._journal
        for earlier in self._earlier_intents(inputs.external_identifier):
            if not self._is_former(earlier, urn, inputs):
                continue
            known = earlier.decision.integration_id if earlier.decision else earlier.integration_id
            if known is None and earlier.decision is None:
                raise StateConflict(
                    f"{describe_create(inputs)}: an earlier run began to create it for {earlier.urn!r}, and the "
                    f"outcome is unknown (journal: {journal.path_of(earlier)}). Nothing was sent. Run `pulumi-justt "
                    "recover`, or, if the program still has that resource, `pulumi up` with --target and its URN; then "
                    "run `pulumi up`."
                )
            if known is None or not self._is_visible(inputs, known):
                continue
            if earlier.decision:
                if self._intent_of(urn, inputs) is None:
                    journal.move(earlier, urn)
            else:
                self._require_gone(inputs, earlier, known, former=earlier.urn)
                journal.remove_intent(earlier)

    def _is_former(self, earlier: Intent, urn: str, inputs: Inputs) -> bool:
        """Return whether an intent is for the same integration, and its resource may have left the program."""
        return (
            stack_of(earlier.urn) == stack_of(urn)
            and self._may_be_unstored(earlier, urn, inputs)
            and not self._ownership.declares(earlier.urn, earlier.account, earlier.external_identifier)
        )

    def _may_be_unstored(self, earlier: Intent, urn: str, inputs: Inputs) -> bool:
        """Return whether an intent is for the same integration under another URN, and maybe no state has its result."""
        journal = self._journal
        return (
            earlier.external_identifier == inputs.external_identifier
            and (earlier.source, earlier.account) == (inputs.source, inputs.reference_account_id)
            and earlier.urn != urn
            # A process of this command is still working on its own creates.
            and earlier.command != journal.command
            # The intent is still there: no call has dropped or replaced it since this process read the journal.
            and journal.intent(earlier.urn, earlier.base_url, earlier.account) == earlier
        )

    def _warn_of_other_stack(self, urn: str, inputs: Inputs) -> None:
        """Warn once about an unresolved create of the same resource under another stack or project name.

        This is not an error, because another stack may have a resource with the same name for the same integration.

        Warns:
            warning: A stack or project was renamed after a run was killed, or another stack has such a run.
        """
        for earlier in self._earlier_intents(inputs.external_identifier):
            is_namesake = stack_of(earlier.urn) != stack_of(urn) and within_stack(earlier.urn) == within_stack(urn)
            if not is_namesake or not self._may_be_unstored(earlier, urn, inputs):
                continue
            # If it is another stack of the program, its state most likely has the result of its last command.
            if self._journal.is_likely_stored(earlier):
                continue
            with self._lock:
                if self._has_warned_of_stack:
                    return
                self._has_warned_of_stack = True
            stack = stack_name(earlier.urn)
            made = (
                f"created integration {earlier.integration_id} for it"
                if earlier.integration_id
                else "began to create it, and the outcome is unknown"
            )
            self._log.warning(
                f"{describe_create(inputs)}: an earlier run of stack {stack!r} {made} (journal: "
                f"{self._journal.path_of(earlier)}). If that is this stack's former name, this create may make a "
                "duplicate: run `pulumi-justt recover` and `pulumi-justt doctor`, and remove that file after that. "
                "If it is another stack, do that for it in its project's folder."
            )
            return

    def _is_visible(self, inputs: Inputs, integration_id: str) -> bool:
        """Return whether this process's key can read an integration."""
        operation = f"{describe_create(inputs)}, reading {integration_id} of an earlier run"
        try:
            self._read(operation, integration_id, inputs.reference_account_id)
        except RequestRefused as refused:
            if refused.is_not_found:
                return False
            raise
        return True

    def _earlier_intents(self, name: str) -> list[Intent]:
        """Return the intents of earlier processes, as they were at the first create of this process.

        Args:
            name: The URN of a resource, or an external identifier.
        """
        with self._lock:
            if self._earlier is None:
                # Read the journal only once, before it has this process's own intents. Index it by name, because there
                # may be a thousand creates, and each looks up its intents three times.
                self._earlier = defaultdict(list)
                for intent in self._journal.intents():
                    if intent.is_at(self._base_url):
                        self._earlier[intent.urn].append(intent)
                        self._earlier[intent.external_identifier].append(intent)
            return self._earlier.get(name, [])

    def _require_gone(self, inputs: Inputs, intent: Intent, integration_id: str, *, former: str | None = None) -> None:
        """Refuse to create a second integration while the one that an earlier run created is live.

        Args:
            inputs: The inputs of the create.
            intent: The earlier run's intent.
            integration_id: The id in the intent.
            former: The URN that the earlier run created it for, if the resource has another URN now.

        Raises:
            StateConflict: The earlier run's integration is live, or Justt does not show it.
            RequestError: The earlier run's integration could not be read.

        Warns:
            warning: The state has an integration of the resource. It is the one that the earlier run created, unless
                the engine could not save the state then.
        """
        file = self._journal.path_of(intent)
        which = f"for {former!r}" if former else "for this resource"
        operation = f"{describe_create(inputs)}: an earlier run created integration {integration_id} {which}"
        try:
            status = self._read(operation, integration_id, intent.account).status
        except RequestRefused as refused:
            if not refused.is_not_found:
                raise
            if self._client().settings.environment == "simulator" and self._is_unlisted(
                operation, integration_id, intent.account
            ):
                # The simulator was reset.
                return
            status = "not found with this key and account"
        if status == "INACTIVE":
            return
        if former is None and intent.urn in self._stored and self._journal.is_likely_stored(intent):
            # The state has the resource, and the engine replaces it without `diff`: replacement_trigger, replace_with.
            self._log.warning(
                f"{operation}. If Pulumi does not deactivate it in this update, no state has it: then "
                "`pulumi-justt doctor` lists it as unmanaged."
            )
            return
        raise StateConflict(
            f"{operation}, and the journal has no proof that Pulumi saved it in the state (journal: {file}). At Justt "
            f"it is {status}. Nothing was sent. Run `pulumi stack --show-ids`. If this stack has the integration, run "
            "`pulumi refresh`, and then this command again (or repeat it with --refresh). If another stack has it (a "
            "renamed one, or one of the same name in another backend), run `pulumi refresh` in that stack: "
            "deactivating the integration would stop it there. If no stack has it, run "
            f"`pulumi-justt recover --claim {integration_id}` to make it this resource's integration, or "
            f"`pulumi-justt recover --deactivate {integration_id}` or `pulumi-justt recover --forget` to create a new "
            f'one; then run `pulumi up`. A new resource can also take it over with adopt_id="{integration_id}".'
        )

    def _carry_out(self, urn: str, inputs: Inputs, intent: Intent, decision: Decision) -> RemoteRecord | None:
        """Carry out the decision that the user made with `pulumi-justt recover` for the resource.

        Returns:
            The claimed record; None if the create may start.

        Warns:
            note: The provider carried out a decision that was made with `pulumi-justt recover`.

        Raises:
            StateConflict: The decision no longer fits the integration, or the inputs have changed since the create.
            StateConflict: Another resource claims the integration at this moment, or the journal can't be written.
            RequestError: The integration could not be read or deactivated.
        """
        journal, integration_id, creating = self._journal, decision.integration_id, describe_create(inputs)
        if integration_id is not None:
            operation = f"{creating}, as decided with `pulumi-justt recover`: {decision.action} {integration_id}"
            record = self._read(operation, integration_id, intent.account)
            if objection := self._objection(urn, intent, decision, record):
                raise StateConflict(
                    f"{operation}: {objection}. Nothing was changed. Run `pulumi-justt recover` again, and choose "
                    "another integration, or use --forget."
                )
            if decision.action == "claim":
                if self.is_changed(intent, inputs):
                    raise StateConflict(f"{operation}: {messages.changed_remediation(integration_id)}")
                if journal.claim(self._base_url, integration_id, urn) != urn:
                    # Another process has just claimed it, or the journal can't be written.
                    raise StateConflict(
                        f"{operation}: the journal on this machine could not record the claim for this resource. "
                        "Nothing was changed. Run the command again."
                    )
                self.claimed(urn, inputs, integration_id)
                self._log.info(f"{creating}: claimed {integration_id}, as decided with `pulumi-justt recover`.")
                return record
            if not record.is_inactive:
                change = replace(self.change(urn, inputs), account=intent.account, integration_id=integration_id)
                deactivate_now(self._client(), journal, change, operation=operation)
            self._log.info(f"{creating}: deactivated {integration_id}, as decided with `pulumi-justt recover`.")
            journal.forget_integration(self._base_url, integration_id)
        journal.remove_intent(intent)
        return None

    def _objection(self, urn: str, intent: Intent, decision: Decision, record: RemoteRecord) -> str | None:
        """Return why a decision can't be carried out for *record*; None if it can."""
        claimant = self._journal.claimant(self._base_url, record.integration_id)
        if self._ownership.holder_beside(urn, record.integration_id) or claimant not in (None, urn):
            return "it belongs to another resource"
        # Another resource may have adopted it since the user decided, or may adopt it in this update.
        if reason := self._ownership.release_reason(urn, record.integration_id, {}):
            return reason
        if record.source != intent.source:
            return "it belongs to another PSP"
        if decision.action == "claim" and record.is_inactive:
            return "it is INACTIVE, which is final"
        return None

    def _read(self, operation: str, integration_id: str, account: str | None) -> RemoteRecord:
        return self._client().get_integration(
            integration_id,
            operation=operation,
            account=account,
        )

    def _is_unlisted(self, operation: str, integration_id: str, account: str | None) -> bool:
        listing = list_all(self._client(), operation=operation, account=account)
        return listing.is_complete and integration_id not in listing.records

    def _intent_of(self, urn: str, inputs: Inputs) -> Intent | None:
        return self._journal.intent(urn, self._base_url, inputs.reference_account_id)

    def _write(self, intent: Intent) -> None:
        # If the host does not know the URN, the intent has a placeholder that another stack may use too.
        if intent.urn.startswith("urn:"):
            self._journal.write_intent(intent)

    @property
    def _base_url(self) -> str:
        return self._client().settings.base_url


def describe_create(inputs: Inputs) -> str:
    """Describe a create as the operation in error texts."""
    return messages.creating(inputs.source, inputs.external_identifier)


def outcome_unknown(intent: Intent) -> CreateOutcomeUnknown:
    """Return the error for a create of an earlier run, which was killed or got no response."""
    sent_at = to_vendor_time(datetime.fromtimestamp(intent.sent_at, timezone.utc))
    return CreateOutcomeUnknown(
        # The source and identifier that were sent: the program may have changed since.
        messages.creating(intent.source, intent.external_identifier),
        f"an earlier run sent this create at {sent_at}, and its result is not known",
        messages.AMBIGUOUS_REMEDIATION,
    )


def sleep_unless(client: JusttClient, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Sleep for *seconds*, and return whether the sleep was completed.

    Args:
        client: Has the clock and the sleep.
        seconds: How long to sleep.
        is_over: Returns whether to stop early; it is called every second.
    """
    end = client.clock() + seconds
    slices = max(1, math.ceil(seconds / _POLL_SECONDS))
    for _ in range(slices):
        if is_over():
            return False
        client.sleep(max(0.0, min(seconds / slices, end - client.clock())))
    return not is_over()
