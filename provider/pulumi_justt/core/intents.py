"""The intents of creates: what is written before a POST, and what the next create of the resource makes of it.

the next create finds an intent              what happens
with a decision of `pulumi-justt recover`    it is carried out
with an id that Justt shows as INACTIVE      the intent is dropped, and the create begins
with another id                              an error that names it. That the command ended in order proves nothing: the
                                             engine may have failed to save the id. If it did save it, and `--replace`
                                             or a taint follows, for which the engine calls neither `read` nor `diff`,
                                             a refresh settles the intent
the same, the command ended in order, and    a warning that names it: the engine replaces without `diff`, for
`check` gets what the state has              replacement_trigger or replace_with
without an id                                once the killed run's POST has settled, it is resolved as a lost answer
of another account                           one that is not INACTIVE, or not known, is an error that names it.
                                             A decision is carried out there; one to claim is an error
of a name that the program has no more,      an error that names it. With a decision it becomes this resource's
for the same integration
of another stack or project, without an id   a warning: the stack may have been renamed
or of a process that did not end in order
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
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.journal import Decision, Intent, stack_name, stack_of, within_stack
from pulumi_justt.core.listing import list_all
from pulumi_justt.core.session import Session
from pulumi_justt.errors import CreateOutcomeUnknown, RequestRefused, StateConflict

if TYPE_CHECKING:
    # Only a type here, so that a preview loads no HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["Intents", "describe_create", "outcome_unknown", "sleep_unless"]

_FEW = 3
"""As many as are named in one warning."""

_POLL_SECONDS = 1.0
"""How long a wait may not notice that the engine has left, which kills this process five seconds later."""


class Intents:
    """The intents of the creates of one process.

    Args:
        client: Gives the client when a request is needed.
        session: The journal, and what the process knows of resources and records.
        tell: Shows one line to the user.
        call: Gives the call of this thread.
    """

    def __init__(
        self,
        client: Callable[[], JusttClient],
        session: Session,
        tell: Callable[[str], None],
        call: Callable[[], Call],
    ) -> None:
        self._client = client
        self._journal, self._ownership = session.journal, session.ownership
        self._tell = tell
        self._call = call
        self._lock = threading.Lock()
        self._earlier: defaultdict[str, list[Intent]] | None = None
        """What earlier processes left, by resource, and by external identifier as well."""
        self._stored: set[str] = set()
        self._told_left: set[str] = set()
        """The resources of which it was told that an earlier run left a create."""
        self._left: dict[str, tuple[str, Intent]] = {}
        """What is told at the end of a command if it is left then: by resource, what the state has and the intent."""
        self._has_told_of_stack = False

    def new(self, urn: str, inputs: Inputs, snapshot: str | None) -> Intent:
        """Return an intent that is not written yet."""
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

    def note_stored(self, urn: str, olds: Mapping[str, Any]) -> None:
        """Take a resource as one that the state has, if the engine gives what was recorded of it."""
        with self._lock:
            if olds:
                self._stored.add(urn)

    def is_changed(self, intent: Intent, inputs: Inputs) -> bool:
        """Return whether an intent is not known to be of a create of *inputs*.

        What came of it may have other credentials, and no answer of Justt's would tell.
        """
        digest = self._client().digest(inputs)
        return intent.digest is None or not hmac.compare_digest(intent.digest.encode(), digest.encode())

    def write_sent(self, intent: Intent) -> None:
        """Write that a POST begins now: its answer has a time-out, and then Justt has a grace period of that length."""
        now = self._journal.now()
        self._write(replace(intent, sent_at=now, settled_at=now + 2 * self._client().settings.timeout_seconds))

    def write_created(self, intent: Intent, integration_id: str) -> None:
        """Write the id that the answer brought; it stays until a later call shows that the engine has stored it."""
        journal = self._journal
        # Whichever process has sent it: from now on it is this one's to end in order.
        begun = replace(intent, sent_at=journal.now(), process=journal.process, command=journal.command)
        self._write(replace(begun, integration_id=integration_id, decision=None))

    def claimed(self, urn: str, inputs: Inputs, integration_id: str) -> None:
        """Take an id that a list or a person has named as what the create of a resource returns."""
        self._ownership.note_created(urn, integration_id)
        self.write_created(self._of(urn, inputs) or self.new(urn, inputs, None), integration_id)

    def adopted(self, urn: str, inputs: Inputs, integration_id: str) -> None:
        """Take an id that the program adopts as what a lost create of the integration has made, if it can be that.

        Of the resource itself, or else of one that is not in the program any more: the errors of a lost create say that
        a new resource can adopt it.
        """
        own = self._of(urn, inputs)
        formers = (
            each for each in self._left_earlier(inputs.external_identifier) if self._is_former(each, urn, inputs)
        )
        for intent in (own, *formers):
            if intent and self._can_have_made(intent, integration_id):
                if own in (None, intent):
                    self.write_created(replace(intent, urn=urn), integration_id)
                if intent != own:
                    self._journal.remove_intent(intent)
                return

    def _can_have_made(self, intent: Intent, integration_id: str) -> bool:
        if intent.integration_id or (intent.decision and intent.decision.integration_id != integration_id):
            return False
        before = self._journal.snapshot(intent.snapshot)
        return before is None or integration_id not in before.ids

    def tell_left(self, called: str, intent: Intent | None) -> None:
        """Tell of a create of a resource that an earlier run left, where this command may not create it again.

        Args:
            called: The integration that the state has for the resource.
            intent: What the journal has of another create of the resource, if it has any.

        Warns:
            warning: A replacement was killed or lost, and the resource has left the program, or keeps what it has.
        """
        # What this command creates is stored after it.
        if intent is None or intent.command == self._journal.command:
            return
        with self._lock:
            if intent.urn in self._told_left:
                return
            self._told_left.add(intent.urn)
        made = (
            f"created integration {intent.integration_id}" if intent.integration_id else "began to create another one"
        )
        decided = " again, as only a create does what it was told before" if intent.decision else ""
        self._tell(
            f"warning: {called}: an earlier run {made} for this resource, and no state is known to hold what it made "
            f"(journal: {self._journal.path_of(intent)}). Unless this command creates the resource again, run "
            f"`pulumi-justt recover`{decided}."
        )

    def note_left(self, called: str, intent: Intent | None) -> None:
        """Tell the same at the end of the command, if nothing has settled it until then.

        The state may have two integrations of a resource, one of which waits to be deleted: that one's call may come
        before the other's, which settles the intent.
        """
        if intent is not None:
            with self._lock:
                self._left[intent.urn] = (called, intent)

    def tell_unseen(self, seen: Collection[str], base_url: str) -> None:
        """Tell at the end of a command of creates that earlier runs left, and that none of its calls has settled.

        Args:
            seen: The resources that the command's calls were about.
            base_url: Where the API is reached.

        Warns:
            warning: No call of the command was about a resource whose create is not known to be in the state.
        """
        for called, intent in self._left.values():
            if self._journal.intent(intent.urn, intent.base_url, intent.account) == intent:
                self.tell_left(called, intent)
        left = [
            intent
            for stack in {tuple(stack_of(urn)) for urn in seen}
            for intent in self._journal.intents(stack)
            if intent.is_at(base_url)
            and intent.urn not in seen
            and intent.command != self._journal.command
            # The engine stores nearly all that it is given, and would be doubted by each preview that takes a resource
            # out. Of the rest, `doctor` tells.
            and not self._journal.is_likely_stored(intent)
        ]
        if not left:
            return
        resources = ", ".join(f"{each.urn!r} (journal: {self._journal.path_of(each)})" for each in left[:_FEW])
        rest = len(left) - _FEW
        more = f" and {rest} more" if rest > 0 else ""
        self._tell(
            f"warning: an earlier run began to create {resources}{more}, and no command since then has shown that the "
            "state holds what it made, which may be live at Justt. If the state has it, `pulumi refresh` settles this; "
            "otherwise run `pulumi-justt recover`."
        )

    def named_in(self, error: CreateOutcomeUnknown, urn: str, inputs: Inputs) -> CreateOutcomeUnknown:
        """Return *error* with the file that remembers the create, if there is one."""
        intent = self._of(urn, inputs)
        return (
            error.but(remediation=f"{error.remediation} (journal: {self._journal.path_of(intent)})")
            if intent
            else error
        )

    def drop(self, urn: str, inputs: Inputs) -> None:
        """Remove the intent of a create of this process that left nothing."""
        intent = self._of(urn, inputs)
        if intent and intent.process == self._journal.process:
            self._journal.remove_intent(intent)

    def resume(self, urn: str, inputs: Inputs) -> RemoteRecord | Intent | None:
        """Continue what an earlier run began for the resource, if the journal has an intent of it.

        Returns:
            What a person has claimed for the resource; or an intent whose outcome is unknown, and whose POST has
            settled; or None, where the create may begin.

        Warns:
            note: An earlier run was killed during a create, and its request may still be under way.

        Raises:
            StateConflict: The earlier run created an integration that is live.
            RequestError: Its integration could not be read or deactivated.
        """
        client, journal = self._client(), self._journal
        self._require_usable(urn, inputs)
        self._require_none_elsewhere(urn, inputs)
        self._require_no_former(urn, inputs)
        self._tell_of_other_stack(urn, inputs)
        end: float | None = None
        while intent := self._of(urn, inputs):
            if intent.decision:
                return self._carry_out(urn, inputs, intent, intent.decision)
            if intent.integration_id:
                # A resource that got another name may have it; then this one is new.
                if not self._ownership.holder_beside(urn, intent.integration_id):
                    self._require_gone(inputs, intent, intent.integration_id)
                journal.remove_intent(intent)
                return None
            rest = intent.settled_at - journal.now()
            if end is None:
                # A clock that was set back makes no wait longer than the killed request can take, which had the
                # time-out of its own run.
                end = client.clock() + min(rest, intent.settled_at - intent.sent_at)
                if rest > _POLL_SECONDS:
                    self._tell(
                        f"note: {describe_create(inputs)}: an earlier run was ended while it created it; its request "
                        f"has {rest:.0f} s to end, and then the account is listed."
                    )
            if client.clock() >= end:
                return intent
            if not sleep_unless(client, min(_POLL_SECONDS, end - client.clock()), self._call().is_cancelled):
                raise outcome_unknown(intent)
        return None

    def _require_usable(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create while a file of the journal may hide another one.

        Raises:
            StateConflict: What the journal has of an earlier create of the resource can't be used.
        """
        if unusable := self._journal.unusable_intent(urn, self._base_url, inputs.reference_account_id):
            raise StateConflict(
                f"{describe_create(inputs)}: {unusable}, and it may be all that is known of an earlier create of this "
                "resource. Nothing was sent. If a newer version of pulumi-justt wrote the file, run that version. "
                "Otherwise run `pulumi-justt doctor`, look at Justt for an integration that no stack has, and move the "
                "file away; then run `pulumi up`."
            )

    def _require_none_elsewhere(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create while one of the same resource may have been carried out for another name of an account.

        Raises:
            StateConflict: It is to be claimed, which can be done in its own account only.
            StateConflict: It was, or its answer is not known.
            RequestError: What it created could not be read.
        """
        for earlier in self._left_earlier(urn):
            if earlier.urn != urn or earlier.account == inputs.reference_account_id:
                continue
            intent = self._journal.intent(urn, self._base_url, earlier.account)
            if intent is None:
                continue
            place = f"in account {intent.account}" if intent.account else "without an account"
            decision = intent.decision
            if decision and decision.action == "claim":
                raise StateConflict(
                    f"{describe_create(inputs)}: `pulumi-justt recover` was told to claim {decision.integration_id}, "
                    f"which an earlier run created {place}. Nothing was sent. Set the account back and run `pulumi "
                    f"up`, which claims it; or run `pulumi-justt recover --deactivate {decision.integration_id}`, and "
                    "then `pulumi up`."
                )
            if decision:
                self._carry_out(urn, inputs, intent, decision)
                continue
            if intent.integration_id is None:
                raise StateConflict(
                    f"{describe_create(inputs)}: an earlier run began to create this resource {place}, and its answer "
                    f"is not known (journal: {self._journal.path_of(intent)}). Nothing was sent. Run `pulumi-justt "
                    "recover`, or set the account back; then run `pulumi up`."
                )
            if not self._ownership.is_held(intent.integration_id):
                self._require_gone(inputs, intent, intent.integration_id)
            self._journal.remove_intent(intent)

    def _require_no_former(self, urn: str, inputs: Inputs) -> None:
        """Refuse a create while one of the same integration may have been carried out for a name of before.

        A name that this process does not see in the program may be a former one of the resource, or another resource,
        for which another key is used in another process. So nothing is taken over unless a person has said so.

        Raises:
            StateConflict: It was, or its answer is not known.
            RequestError: What it created could not be read.
        """
        journal = self._journal
        for earlier in self._left_earlier(inputs.external_identifier):
            if not self._is_former(earlier, urn, inputs):
                continue
            known = earlier.decision.integration_id if earlier.decision else earlier.integration_id
            if known is None and earlier.decision is None:
                raise StateConflict(
                    f"{describe_create(inputs)}: an earlier run began to create it for {earlier.urn!r}, and its answer "
                    f"is not known (journal: {journal.path_of(earlier)}). Nothing was sent. Run `pulumi-justt "
                    "recover`, or, if the program still has that resource, `pulumi up` with --target and its URN; then "
                    "run `pulumi up`."
                )
            if known is None or not self._is_visible(inputs, known):
                continue
            if earlier.decision:
                if self._of(urn, inputs) is None:
                    journal.move(earlier, urn)
            else:
                self._require_gone(inputs, earlier, known, former=earlier.urn)
                journal.remove_intent(earlier)

    def _is_former(self, earlier: Intent, urn: str, inputs: Inputs) -> bool:
        """Return whether an intent is of the same integration, and of a resource that the program may have no more."""
        return (
            stack_of(earlier.urn) == stack_of(urn)
            and self._is_left(earlier, urn, inputs)
            and not self._ownership.declares(earlier.urn, earlier.account, earlier.external_identifier)
        )

    def _is_left(self, earlier: Intent, urn: str, inputs: Inputs) -> bool:
        """Return whether an intent is of the same integration under another URN, and its outcome may be in no state."""
        journal = self._journal
        return (
            earlier.external_identifier == inputs.external_identifier
            and (earlier.source, earlier.account) == (inputs.source, inputs.reference_account_id)
            and earlier.urn != urn
            # Another process of this command is at work on it.
            and earlier.command != journal.command
            # Something else may have been begun under that name since, or it was settled.
            and journal.intent(earlier.urn, earlier.base_url, earlier.account) == earlier
        )

    def _tell_of_other_stack(self, urn: str, inputs: Inputs) -> None:
        """Warn once if a create of the same resource was left under another name of the stack or the project.

        It is no error: another stack, which has a resource of the same name for the same integration, may have left it.

        Warns:
            warning: A stack or project was renamed after a run was killed, or another stack has such a run.
        """
        for earlier in self._left_earlier(inputs.external_identifier):
            is_namesake = stack_of(earlier.urn) != stack_of(urn) and within_stack(earlier.urn) == within_stack(urn)
            if not is_namesake or not self._is_left(earlier, urn, inputs):
                continue
            # Another stack of the program mostly has what its last command created.
            if self._journal.is_likely_stored(earlier):
                continue
            with self._lock:
                if self._has_told_of_stack:
                    return
                self._has_told_of_stack = True
            stack = stack_name(earlier.urn)
            made = (
                f"created integration {earlier.integration_id} for it"
                if earlier.integration_id
                else "began to create it, and its answer is not known"
            )
            self._tell(
                f"warning: {describe_create(inputs)}: an earlier run of stack {stack!r} {made} (journal: "
                f"{self._journal.path_of(earlier)}). If this stack had that name then, this create may make a second "
                "one: run `pulumi-justt recover` and `pulumi-justt doctor`, and remove that file when all is settled. "
                "If it is another stack, run `pulumi-justt recover` for that one, in its project's folder."
            )
            return

    def _is_visible(self, inputs: Inputs, integration_id: str) -> bool:
        """Return whether an integration is at Justt, where this process's key can see it."""
        operation = f"{describe_create(inputs)}, reading {integration_id} of an earlier run"
        try:
            self._read(operation, integration_id, inputs.reference_account_id)
        except RequestRefused as refused:
            if refused.is_not_found:
                return False
            raise
        return True

    def _left_earlier(self, name: str) -> list[Intent]:
        """Return what earlier processes left, as it was at the first create of this one.

        Args:
            name: The URN of a resource, or an external identifier.
        """
        with self._lock:
            if self._earlier is None:
                # Once: soon most intents are this process's own. By name: each of a thousand creates looks three times.
                self._earlier = defaultdict(list)
                for intent in self._journal.intents():
                    if intent.is_at(self._base_url):
                        self._earlier[intent.urn].append(intent)
                        self._earlier[intent.external_identifier].append(intent)
            return self._earlier.get(name, [])

    def _require_gone(self, inputs: Inputs, intent: Intent, integration_id: str, *, former: str | None = None) -> None:
        """Refuse to create a second integration while the one that a killed run created is live.

        Args:
            inputs: What is to be created.
            intent: What the killed run left.
            integration_id: The id in it.
            former: The URN that it was created for, if that is another one.

        Raises:
            StateConflict: It is live, or Justt does not show it.
            RequestError: It could not be read.

        Warns:
            warning: The state has an integration of the resource, which is surely this one but after an update whose
                state could not be saved.
        """
        where = self._journal.path_of(intent)
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
                # A simulator that was reset.
                return
            status = "not found with this key and account"
        if status == "INACTIVE":
            return
        if former is None and intent.urn in self._stored and self._journal.is_likely_stored(intent):
            # The engine has the resource, and replaces it without a comparison: replacement_trigger, replace_with.
            self._tell(
                f"warning: {operation}. If Pulumi does not deactivate it in this update, no state has it: then "
                "`pulumi-justt doctor` names it as unmanaged."
            )
            return
        raise StateConflict(
            f"{operation}, and no command since then has shown that the state holds it (journal: {where}). At Justt it "
            f"is {status}. Nothing was sent. If the stack has it (`pulumi stack --show-ids`), repeat the command with "
            "--refresh, or after `pulumi refresh`. If another stack has it, one that was renamed or has this name in "
            "another backend, run `pulumi refresh` there: deactivating it would stop that one's integration. "
            f"If none has it, run `pulumi-justt recover --claim {integration_id}` to make it this resource's, or "
            f"`pulumi-justt recover --deactivate {integration_id}` or `pulumi-justt recover --forget` to create a new "
            f'one; then run `pulumi up`. A new resource can also take it over with adopt_id="{integration_id}".'
        )

    def _carry_out(self, urn: str, inputs: Inputs, intent: Intent, decision: Decision) -> RemoteRecord | None:
        """Do what `pulumi-justt recover` was told about the resource.

        Warns:
            note: A decision was carried out.

        Raises:
            StateConflict: The integration is not what the decision takes it for, or was created with other inputs.
            StateConflict: Another resource claims it at this moment.
            RequestError: It could not be read or deactivated.
        """
        journal, integration_id = self._journal, decision.integration_id
        if integration_id is not None:
            operation = (
                f"{describe_create(inputs)}, which `pulumi-justt recover` settled: {decision.action} {integration_id}"
            )
            record = self._read(operation, integration_id, intent.account)
            if misfit := self._misfit(urn, intent, decision, record):
                raise StateConflict(
                    f"{operation}: {misfit}. Nothing was changed. Run `pulumi-justt recover` again, and choose another "
                    "one or forget it."
                )
            if decision.action == "claim":
                if self.is_changed(intent, inputs):
                    raise StateConflict(f"{operation}: {messages.changed_remediation(integration_id)}")
                if journal.claim(self._base_url, integration_id, urn) != urn:
                    # Another process has claimed it at this moment, or nothing can be kept.
                    raise StateConflict(
                        f"{operation}: the journal on this machine can't say that it is this resource's. Nothing was "
                        "changed. Run the command again."
                    )
                self.claimed(urn, inputs, integration_id)
                self._tell(
                    f"note: {describe_create(inputs)}: claimed {integration_id}, as `pulumi-justt recover` was told."
                )
                return record
            if not record.is_inactive:
                self._client().deactivate_integration(
                    integration_id,
                    operation=operation,
                    account=intent.account,
                    deactivation_type="postingDate",
                    deactivation_date=to_vendor_time(datetime.fromtimestamp(journal.now(), timezone.utc)),
                )
            self._tell(
                f"note: {describe_create(inputs)}: deactivated {integration_id}, as `pulumi-justt recover` was told."
            )
            journal.forget_integration(self._base_url, integration_id)
        journal.remove_intent(intent)
        return None

    def _misfit(self, urn: str, intent: Intent, decision: Decision, record: RemoteRecord) -> str | None:
        """Return why *record* is not what a decision takes it for, if so."""
        claimant = self._journal.claimant(self._base_url, record.integration_id)
        if self._ownership.holder_beside(urn, record.integration_id) or claimant not in (None, urn):
            return "it belongs to another resource"
        # Another resource may have adopted it since that was decided, or adopt it in this update.
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

    def _of(self, urn: str, inputs: Inputs) -> Intent | None:
        return self._journal.intent(urn, self._base_url, inputs.reference_account_id)

    def _write(self, intent: Intent) -> None:
        # What stands in for a URN that the host cannot tell may be another stack's, too.
        if intent.urn.startswith("urn:"):
            self._journal.write_intent(intent)

    @property
    def _base_url(self) -> str:
        return self._client().settings.base_url


def describe_create(inputs: Inputs) -> str:
    """Name a create in error texts."""
    return messages.creating(inputs.source, inputs.external_identifier)


def outcome_unknown(intent: Intent) -> CreateOutcomeUnknown:
    """Return the error for a create whose process was killed."""
    sent_at = to_vendor_time(datetime.fromtimestamp(intent.sent_at, timezone.utc))
    return CreateOutcomeUnknown(
        # As it was sent: the program may have been changed since.
        messages.creating(intent.source, intent.external_identifier),
        f"an earlier run sent this create at {sent_at} and was ended",
        messages.AMBIGUOUS_REMEDIATION,
    )


def sleep_unless(client: JusttClient, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Sleep, and return whether that has come to its end; within a second of *is_over* it ends without."""
    end = client.clock() + seconds
    slices = max(1, math.ceil(seconds / _POLL_SECONDS))
    for _ in range(slices):
        if is_over():
            return False
        client.sleep(max(0.0, min(seconds / slices, end - client.clock())))
    return not is_over()
