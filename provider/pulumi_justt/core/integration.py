"""The lifecycle of an integration: check, diff, create, read, update and delete. It does not import Pulumi.

    call    what happens                                                                          requests
    check   validates all properties at once; fills in environment and account                    0
            of an import: accepts what `read` returned                                            0
    diff    anything that was sent to the API: replace; the deactivation policy: update in place  0
            of an import that no update has recorded yet: only another source replaces it         0
    create  POST; returns the id at once, with status PENDING unless the response has another     1, and a list before
                                                                                                  the process's first
            with adoptId: GET; adopts the existing integration as it is                           1
    read    status and go-live date from Justt, the rest from the state; INACTIVE: gone           1, or a share in
                                                                                                  pages of the list
    update  changes the state only                                                                0
    delete  DELETE with the recorded deactivation policy; already INACTIVE: success               1
            with deletionProtection, unless it is being replaced: refused                         0
            if `ownership` does not allow the deactivation: sends nothing and releases it         0
            if its replacement is created later and can't be sent: refused (`replacements`)       0
            after a response that is a proxy's page: success if a GET says INACTIVE, else error   2

The API never returns the inputs of an integration, so the state keeps everything except status and go-live date. No
integration leaves the state without proof that it is gone. A 404 is no proof, because Justt keeps every record.

Properties are mappings with the API's keys, as in the state; `UNKNOWN` stands for a value that a preview does not know.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pulumi_justt import credentials, references, schema
from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core import messages, protection
from pulumi_justt.core.config import Settings
from pulumi_justt.core.deactivation import Deactivator
from pulumi_justt.core.differences import is_same, is_same_policy, replacing
from pulumi_justt.core.exactly_once import CreateCoordinator
from pulumi_justt.core.identifiers import Identifiers
from pulumi_justt.core.inputs import ARGUMENTS, SETS, UNKNOWN, Inputs, split_unknowns
from pulumi_justt.core.journal import Intent
from pulumi_justt.core.ownership import is_adopted
from pulumi_justt.core.plans import plan_integration, require_importable, updated, without_defaults
from pulumi_justt.core.replacements import Replacements
from pulumi_justt.core.session import Session
from pulumi_justt.core.state import (
    CheckResult,
    Properties,
    describe,
    drop_none,
    is_undeclared,
    other_environment,
    outputs_from,
    raise_unless_missing_allowed,
    require_same_environment,
)
from pulumi_justt.core.status_reports import StatusReports
from pulumi_justt.core.validation import moves, validate
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError, RequestRefused, StateConflict
from pulumi_justt.log import Log
from pulumi_justt.values import TOO_DEEP, is_first_look, is_too_deep

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["IntegrationLifecycle"]


@dataclass
class IntegrationLifecycle:
    """The lifecycle of integrations under one configuration.

    Args:
        settings: The configuration.
        client: Returns the client; called only when a request is needed, so that previews need no API key.
        log: Shows warnings and notes to the user.
        now: Returns the current time.
        call: Returns the call of this thread: its URN, if the host gives one, and whether the engine cancelled it.
        session: The state that all resources of the process share; by default a new one, without a journal on disk.
        waiting: Returns a context manager; while a thread waits in it, the process can serve one more call.
    """

    settings: Settings
    client: Callable[[], JusttClient]
    log: Log
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    call: Callable[[], Call] = Call
    session: Session | None = None
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    creator: CreateCoordinator = field(init=False)
    known_properties: ClassVar = frozenset({*ARGUMENTS, *(each.name for each in schema.INTEGRATION)})
    """The paths of all properties that the state of an integration may have."""
    id_properties: ClassVar = frozenset(each.name for each in schema.INTEGRATION if each.origin == "id")
    """The outputs that equal the resource's id, so the state does not store them."""
    plan = staticmethod(plan_integration)
    require_importable = staticmethod(require_importable)

    def __post_init__(self) -> None:
        """Set up the parts of this class."""
        session = self._session = self.session or Session(self.settings.base_url)
        self._journal, self._ownership, self._redactor = session.journal, session.ownership, session.redactor
        self._replacements = Replacements()
        self._other_environment: str | None = None
        self._deactivator = Deactivator(self.settings, self.client, self._journal, self.log, self.now)
        self._statuses = StatusReports(self.log)
        self._identifiers = Identifiers()
        self._seen: set[str] = set()
        self.creator = CreateCoordinator(
            self.client,
            session,
            claims=self.settings.claims_ambiguous,
            log=self.log,
            call=self.call,
            waiting=self.waiting,
        )

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        """Validate *news* and fill in the defaults, deterministically and without requests.

        Warns:
            warning: Two resources of the program have the same external identifier in one account.
        """
        if is_undeclared(olds) and drop_none(news) == drop_none(olds):
            # The engine checks the inputs of an import, which are what `read` returned.
            return CheckResult(drop_none(news), [])
        too_deep = {name for name, value in news.items() if is_too_deep(value)}
        inputs = without_defaults({name: value for name, value in news.items() if name not in too_deep})
        sets = {name: inputs[name] for name in SETS if isinstance(inputs.get(name), list)}
        # A preview compares lists item by item. The position of an item in a sorted list is unknown until all items are
        # known.
        inputs |= {name: UNKNOWN for name, items in sets.items() if UNKNOWN in items}
        is_account_explicit = "referenceAccountId" in inputs
        if not is_account_explicit and self.settings.reference_account_id is not None:
            inputs["referenceAccountId"] = self.settings.reference_account_id
        inputs["environment"] = self.settings.environment
        urn, adopt_id = self._urn(inputs), inputs.get("adoptId")
        self._note_environment(olds)
        self.creator.intents.note_stored(urn, olds)
        self._session.add_secrets(inputs)
        if isinstance(adopt_id, str):
            # Record it before `create`: the owner's delete may run in another process, and `create` never runs if a
            # resource fails on which this one depends.
            self._journal.begin_adoption(self.settings.base_url, adopt_id, urn)
        invalid = {ARGUMENTS.get(name, name): TOO_DEEP for name in sorted(too_deep)}
        for name, text in () if too_deep else validate(inputs):
            invalid.setdefault(name, text)
        for name, items in sets.items():
            if all(isinstance(item, str) for item in items):
                # Sort only after the validation, which names an item by its position in the program.
                inputs[name] = sorted({*items})
        self._ownership.note_check(urn, inputs)
        environment = other_environment(self.settings, olds, news)
        moved = moves(olds, inputs, is_account_explicit=is_account_explicit)
        failures = [f"{name}: {text}" for name, text in (*invalid.items(), *environment, *moved)]
        self._replacements.note_check(urn, inputs, is_accepted=not failures)
        other = self._identifiers.first_with_same(urn, inputs) if not failures else None
        if other:
            its_name = other.rpartition("::")[2]
            self.log.warning(
                f"external_identifier: {its_name!r} has {inputs['externalIdentifier']!r} in the same "
                "account, too. Justt does not document whether two integrations may share an identifier. Give each "
                "its own; if both resources are meant to be one integration, remove one of them."
            )
        return CheckResult(inputs, failures)

    def diff(self, olds: Properties, news: Properties) -> list[str]:
        """Return the paths of the changed properties that require a replacement.

        Warns:
            warning: A preview or an update replaces the integration and changes its deactivation.

        Raises:
            StateConflict: `adopt_id` names an integration that is not the resource's own.
            StateConflict: An adopted integration would be replaced.
        """
        self._note_environment(olds)
        own, wanted, urn = str(olds.get("integrationId")), news.get("adoptId"), self._urn(news)
        self._session.add_integration(own, olds)
        unresolved = self._note_state(urn, own, olds)
        if wanted not in (None, UNKNOWN, own):
            raise StateConflict(
                f"{describe(olds)}: adopt_id cannot change to {wanted}, because a resource cannot switch to another "
                "integration. Set adopt_id back, and add a separate resource for the other integration."
            )
        replaces = replacing(olds, news)
        if not replaces:
            # A replacement gives up the record, so another resource may already have adopted it.
            self._ownership.require_sole_holder(urn, own, describe(olds))
            self.creator.intents.warn_of_unresolved(describe(olds), unresolved)
            self._statuses.note_recorded(self.call().urn, own, olds)
        if replaces and (is_adopted(olds, own) or wanted == own):
            raise StateConflict(
                f"{describe(olds)} is adopted, and the change of {', '.join(replaces)} would replace it, which would "
                "deactivate it. Undo the change. If you do want to replace it, first remove adopt_id from the program "
                "and run `pulumi up`, so that this stack owns the integration; then make the change."
            )
        self._ownership.note_diff(urn, own, is_replaced=bool(replaces), is_adopted=is_adopted(olds, own))
        has_unknowns = bool(split_unknowns(news)[1])
        self._replacements.note_diff(urn, own, is_replaced=bool(replaces), has_unknowns=has_unknowns)
        if not replaces:
            self._ownership.require_no_other_process(urn, own, describe(olds))
        if is_same(olds, news):
            self._note_kept(urn, own)
        elif not replaces and self.call().urn is not None:
            self._ownership.note_changing(urn, own)
        if replaces and not is_same_policy(olds, news):
            self.log.warning(
                f"{describe(olds)} is replaced and its deactivation changes in the same update: the old "
                "integration still follows the recorded deactivation. If the new deactivation is meant for the old "
                "integration, apply only that change first, in a separate update."
            )
        return replaces

    def create(self, inputs: Properties) -> tuple[str, dict[str, Any]]:
        """Create the integration or adopt the existing one, and return its id and its outputs.

        Raises:
            CreateOutcomeUnknown: Justt may have created the integration.
            StateConflict: Another resource has the integration, or the state or the journal forbids the create.
            JusttError: The integration was not created or adopted.
        """
        wanted, urn = Inputs.model_validate(inputs), self._urn(inputs)
        operation = messages.creating(wanted.source, wanted.external_identifier)
        self._require_one_environment(operation)
        self._warn_of_override(operation)
        try:
            if wanted.adopt_id is None:
                if own := self._ownership.becoming_own(urn):
                    self._refuse_forced(describe(inputs, own))
                resolved = self._prepare(inputs)
                if self._journal.intent(urn, self.settings.base_url, wanted.reference_account_id):
                    # An earlier run sent this create, perhaps with other values of its references.
                    self._session.note_references(inputs)
                record = self.creator.create(urn, resolved)
            else:
                self._session.add_integration(wanted.adopt_id, inputs)
                self._journal.begin_adoption(self.settings.base_url, wanted.adopt_id, urn, is_under_way=True)
                try:
                    record = self._adopt(urn, wanted, wanted.adopt_id)
                except JusttError:
                    self._journal.fail_adoption(self.settings.base_url, wanted.adopt_id, urn)
                    raise
        except CreateOutcomeUnknown as lost:
            if self.call().is_cancelled():
                # The engine no longer receives the error of this call.
                self.log.warning(f"the engine cancelled the call: {lost}")
            raise
        self._redactor.add_integration(record.integration_id)
        self._replacements.note_created(urn)
        outs = {**inputs, "integrationId": record.integration_id, **outputs_from(record)}
        if self.call().is_cancelled() and self.creator.has_posted(record.integration_id):
            # The engine no longer receives the result of this call, so the next `up` would create a second integration.
            self._undo(urn, wanted, record.integration_id, outs)
        self._statuses.note_recorded(self.call().urn, record.integration_id, outs)
        return record.integration_id, outs

    def end(self) -> None:
        """Report what concerns several resources; the host calls this after the last call.

        These are the integrations that have become SUCCESSFUL, and the creates in the journal that are still
        unresolved.
        """
        self._statuses.end()
        self.creator.intents.warn_of_unseen(self._seen, self.settings.base_url)

    def may_have_created(self, inputs: Properties) -> bool:
        """Return whether the failed create of *inputs* has sent a POST whose outcome is unknown."""
        return self.creator.may_have_created(self._urn(inputs))

    def read(self, integration_id: str, olds: Properties) -> dict[str, Any] | None:
        """Return the recorded properties with the current status, or None if the integration is gone for good.

        If *olds* has no external identifier, this stack does not manage the integration and only reads it. Then
        INACTIVE is a status like any other.

        Warns:
            warning: A refresh finds that the integration was deactivated outside this stack.
        """
        is_managed = "externalIdentifier" in olds
        self._note_environment(olds)
        operation = f"reading {describe(olds, integration_id)}"
        require_same_environment(self.settings, operation, olds)
        self._warn_of_override(operation)
        account = olds.get("referenceAccountId", None if is_managed else self.settings.reference_account_id)
        self._session.add_integration(integration_id, olds)
        if is_managed:
            unresolved = self._note_state(self._urn(olds), integration_id, olds)
            self.creator.intents.warn_at_end(describe(olds, integration_id), unresolved)
        try:
            record = self.client().read_integration(integration_id, operation=operation, account=account)
        except RequestRefused as refused:
            if not is_managed and is_first_look(olds):
                raise refused.of_given_id() from None
            if not is_managed or not refused.is_not_found:
                raise
            raise_unless_missing_allowed(self.settings, self.log, refused)
            return None
        if record.is_inactive and is_managed:
            self.log.warning(
                f"{describe(olds, integration_id)} is INACTIVE at Justt, which is final: a refresh "
                "removes it from the state, and the next `pulumi up` creates a new one if the program still has it."
            )
            return None
        self._statuses.note_read(self.call().urn, integration_id, olds, record)
        inputs = {name: value for name, value in olds.items() if name in ARGUMENTS}
        if not is_managed:
            inputs |= {"source": self._redactor.shown(record.source), "environment": self.settings.environment}
            if account is not None:
                inputs["referenceAccountId"] = account
        return {**inputs, "integrationId": integration_id, **outputs_from(record)}

    def update(self, integration_id: str, olds: Properties, news: Properties) -> dict[str, Any]:
        """Record *news* in the state, without a request.

        Warns:
            note: `adopt_id` was removed, and the journal names another adopter of the integration.
            warning: `adopt_id` was removed, and the journal names another resource that created the integration.

        Raises:
            StateConflict: The change requires a replacement, and the engine asked for an update in place.
        """
        operation = f"updating {describe(olds, integration_id)}"
        require_same_environment(self.settings, operation, olds)
        if replaces := replacing(olds, news):
            raise StateConflict(
                f"{operation}: {', '.join(replaces)} changed, which Justt cannot update, so the state would no longer "
                "match Justt. Nothing was changed; run `pulumi up` with --replace and its URN."
            )
        base_url, urn = self.settings.base_url, self._urn(olds)
        self._note_kept(urn, integration_id)
        if news.get("adoptId") == integration_id:
            self._journal.hold_adoption(base_url, integration_id, urn)
        elif is_adopted(olds, integration_id):
            # Keep the adoption in the journal until this resource is deleted. Another resource, perhaps of another
            # process or stack, may still own the record. The delete of that resource must only release the record.
            if others := [other for other in self._journal.adopters(base_url, integration_id) if other != urn]:
                self.log.info(
                    f"{describe(olds, integration_id)}: this stack owns it now, but this machine's journal "
                    f"says that {others[0]!r} has adopted it too. While the journal says so, this stack doesn't "
                    "deactivate it. If that is a former name of this resource, or is gone, remove the file "
                    f"{self._journal.adoption_file(base_url, integration_id, others[0])}."
                )
            creator = self._journal.claimant(base_url, integration_id)
            if creator not in (None, urn):
                # Only a warning: this update may delete the owner, which ends its claim. If both resources stay in the
                # program, their next diffs are refused.
                self.log.warning(
                    f"{describe(olds, integration_id)}: this stack owns it now, but this machine's "
                    f"journal says that it was created for {creator!r}. While the journal says so, this stack doesn't "
                    "deactivate it. If that resource is still in a state, run `pulumi state delete` with its URN "
                    "there. If it is in no state, or is a former name of this resource, remove the file "
                    f"{self._journal.claim_file(base_url, integration_id)}."
                )
        return updated(olds, news, ARGUMENTS)

    def delete(self, integration_id: str, olds: Properties) -> None:
        """Deactivate the integration by its recorded policy, or release it if `ownership` gives a reason to.

        Warns:
            note: The integration is only removed from the state, because it is adopted or another resource has it.
            warning: The journal says that the integration was created for another resource.
        """
        urn, base_url = self._urn(olds), self.settings.base_url
        self._session.add_integration(integration_id, olds)
        # Without a URN, the provider cannot distinguish a replacement from a removal.
        is_replaced = self.call().urn is not None and self._ownership.is_replaced(urn, integration_id)
        reason = self._ownership.release_reason(urn, integration_id, olds)
        if olds.get("deletionProtection") and not is_replaced:
            protection.refuse(describe(olds, integration_id), reason, has_program=self._ownership.has_program)
        if is_adopted(olds, integration_id):
            if self._ownership.becoming_own(urn) == integration_id and not self._ownership.keeps(urn, integration_id):
                self._refuse_forced(describe(olds, integration_id))
            # The delete of its owner may come next, and the adoption may be only in another machine's journal.
            self._ownership.note_state(urn, integration_id, olds)
        if reason:
            self._require_sent(urn, integration_id, olds)
            self.log.info(f"{describe(olds, integration_id)}: {reason}, so it is released and stays as it is at Justt.")
            if not self._ownership.keeps(urn, integration_id):
                self._journal.end_adoption(base_url, integration_id, urn)
            if self._ownership.adopter_beside(urn, integration_id):
                self._journal.release_claim(base_url, integration_id, urn)
            self._note_deleted(urn, integration_id, olds)
            return
        operation = f"deactivating {describe(olds, integration_id)}"
        require_same_environment(self.settings, operation, olds)
        self._require_not_needed(urn, integration_id, operation)
        self._warn_of_override(operation)
        self._require_replacement(urn, integration_id, operation)
        claimant = self._journal.claimant(base_url, integration_id)
        has_stopped = self._deactivator.deactivate(urn, integration_id, olds, operation)
        if claimant not in (None, urn):
            self.log.warning(
                f"{operation}: this machine's journal says that it was created for {claimant!r}. If that is a former "
                "name of this resource (an alias, `pulumi stack rename`, `pulumi state move`), all is well. Otherwise "
                "this state is a copy of another stack's state, and the integration stops for that stack too."
            )
        self._note_deleted(urn, integration_id, olds, has_stopped=has_stopped)

    def _require_not_needed(self, urn: str, integration_id: str, operation: str) -> None:
        """Refuse to deactivate an integration that another resource uses or may use.

        Raises:
            StateConflict: With --continue-on-error, the wait for the integration's replacement has failed.
            StateConflict: The journal has an adoption of the integration, but its file can't be read.
            StateConflict: Another command is adopting the integration at this moment.
            StateConflict: The provider can't tell whether a resource of the program keeps or replaces the integration.
        """
        if self._ownership.is_awaited_by(urn, integration_id):
            raise StateConflict(
                f"{operation}: its replacement is not ready, so it stays active and in the state. The next `pulumi "
                "up` that finds the new one ready deactivates it. To deactivate it now, remove the IntegrationReady "
                "from the program."
            )
        if unusable := self._journal.unusable_adoption(self.settings.base_url, integration_id, beside=urn):
            raise StateConflict(
                f"{operation}: {unusable}, and it may say that another resource has adopted the integration. Nothing "
                "was sent, and it stays in the state. If a newer version wrote the file, upgrade pulumi-justt. If "
                "the path is a folder, make it readable, or set JUSTT_STATE_DIR to another one. Otherwise, if "
                "no other resource has adopted the integration, remove the file and run the command again; if one has, "
                "run `pulumi state delete` with the URN of this resource: the integration keeps running at Justt."
            )
        if adopter := self._journal.adopter_under_way(self.settings.base_url, integration_id):
            raise StateConflict(
                f"{operation}: this machine's journal says that another command is adopting it for {adopter!r}. "
                "Nothing was sent, and it stays in the state. Run the command again when the other one has ended, or "
                "after ten minutes if the other one was killed."
            )
        if other := self._ownership.changing_holder(urn, integration_id):
            raise StateConflict(
                f"{operation}: either {other!r} is this resource under a new name, which Pulumi replaces because of an "
                "option such as replace_on_changes, or it is another resource that keeps the integration. The provider "
                "can't tell which. Nothing was sent, and the integration stays in the state. First rename the resource "
                "in a separate update, and then make the change."
            )

    def _require_replacement(self, urn: str, integration_id: str, operation: str) -> None:
        """Verify that the replacement can be sent, if Pulumi creates it only after this delete.

        Raises:
            StateConflict: With `delete_before_replace`, the create that follows would fail; its error is included.
        """
        # Without a URN, the provider cannot distinguish a replacement from a removal.
        awaited = self._replacements.awaited_by_delete(urn, integration_id) if self.call().urn is not None else []
        try:
            for inputs in awaited:
                self._prepare(inputs)
        except JusttError as error:
            raise StateConflict(
                f"{operation}: nothing was deactivated. With delete_before_replace, Pulumi creates the replacement "
                f"after the deactivation, and that create would fail: {error}"
            ) from None

    def _prepare(self, inputs: Properties) -> Inputs:
        """Return the inputs that a create sends, with the values of their references.

        Raises:
            JusttError: A reference has no usable value, or the request cannot be sent.
        """
        resolved = _with_values(inputs)
        self._session.add_secrets({**inputs, "secretPayload": resolved.reveal_payload()})
        self.client().require_sendable(resolved)
        return resolved

    def _require_one_environment(self, operation: str) -> None:
        """Refuse a create in an environment other than the one that this process has seen in the state.

        Raises:
            StateConflict: Another resource of the stack is recorded in another environment.
        """
        if self._other_environment is not None:
            raise StateConflict(
                f"{operation}: other resources of this stack are recorded in {self._other_environment}, and the "
                f"configuration says {self.settings.environment}. Nothing was sent. Set justt:environment and "
                "justt:baseUrl (or their variables) back, or use another stack for each environment."
            )

    def _note_environment(self, olds: Properties) -> None:
        if olds.get("environment", self.settings.environment) != self.settings.environment:
            self._other_environment = str(olds["environment"])

    def _warn_of_override(self, operation: str) -> None:
        """Warn that a request uses another API key than the program gives.

        Warns:
            warning: `JUSTT_API_KEY_OVERRIDE` is set, and the resource has a `justt.Provider` with a key of its own.
        """
        if self.settings.is_overridden and self.settings.provider is not None:
            self.log.warning(
                f"{operation}: JUSTT_API_KEY_OVERRIDE replaces the API key of the provider "
                f"{self.settings.provider!r}, too."
            )

    def _require_sent(self, urn: str, integration_id: str, olds: Properties) -> None:
        """Refuse to release a record that its own resource now adopts, if the program's inputs differ from those sent.

        With --replace or after a taint, the engine calls no diff, and it creates before it deletes. Then only `delete`
        can compare the old inputs with the new ones. It refuses in each update until they agree.

        Warns:
            warning: Pulumi replaced a resource, which kept its adopted integration, and an input that Justt can't
                update has changed. The provider does not know which inputs were sent.

        Raises:
            StateConflict: The program's inputs differ from the inputs that were sent to Justt.
        """
        news, ownership = self._ownership.inputs_of(urn), self._ownership
        if news is None or not (news.get("adoptId") == integration_id or ownership.keeps(urn, integration_id)):
            return
        changed = ", ".join(replacing(olds, news))
        if not changed or (is_adopted(olds, integration_id) and ownership.keeps(urn, integration_id)):
            return
        called = describe(olds, integration_id)
        if is_adopted(olds, integration_id) and ownership.has(urn, integration_id):
            self.log.warning(
                f"{called}: Pulumi has replaced the resource with the same integration, and {changed} "
                "changed. The state has the new values now, but nothing was sent: at Justt nothing has changed."
            )
            return
        raise StateConflict(
            f"{called}: the program adopts it, but also changes {changed}, which Justt cannot update. Pulumi "
            "replaces the resource without comparing its inputs (--replace, or a taint). Nothing was sent. Undo the "
            "change and run `pulumi up --replace` with its URN, which corrects the state. To make the change, then "
            "remove adopt_id, run `pulumi up`, and change the program again."
        )

    @staticmethod
    def _refuse_forced(called: str) -> NoReturn:
        """Refuse to replace an adopted integration whose `adopt_id` was removed, which needs only an update in place.

        Raises:
            StateConflict: `adopt_id` was removed, and an option such as `replace_on_changes` makes it a replacement.
        """
        raise StateConflict(
            f"{called} is adopted, and an option of the resource, such as replace_on_changes, makes Pulumi replace it "
            "because adopt_id was removed. That would create a second integration and leave this one running. "
            "Nothing was sent, and it stays in the state. Remove the option and run `pulumi up` once, so that this "
            "stack owns the integration; then put the option back."
        )

    def _undo(self, urn: str, inputs: Inputs, integration_id: str, outputs: Properties) -> None:
        """Deactivate an integration whose create returned only after the engine cancelled the call: no state has it.

        Warns:
            warning: The command was interrupted twice or killed during a create, and the integration remains.
            note: The command was interrupted twice or killed during a create.
        """
        called = describe(outputs, integration_id)
        if not self.creator.has_posted(integration_id, is_surely_new=True):
            self.log.warning(
                f"the engine cancelled the create of {called}. The provider did not deactivate it, because "
                "the account's list is too long to prove that it is new. Run `pulumi-justt recover` before the next "
                "`pulumi up`."
            )
            return
        try:
            stopped_now = {**outputs, "deactivation": {}}
            self._deactivator.deactivate(urn, integration_id, stopped_now, f"deactivating {called}")
        except JusttError as error:
            self.log.warning(
                f"the engine cancelled the create of {called}, so no state has it, and the provider could not "
                f"deactivate it: {error} Run `pulumi-justt recover` before the next `pulumi up`."
            )
            return
        self.creator.intents.drop(urn, inputs)
        self._journal.forget_integration(self.settings.base_url, integration_id)
        self.log.info(
            f"the engine cancelled the create of {called}, so the provider deactivated it. Pulumi keeps a "
            "pending operation: run `pulumi cancel` if the stack is locked, and then "
            "`pulumi refresh --clear-pending-creates`."
        )

    def _adopt(self, urn: str, inputs: Inputs, integration_id: str) -> RemoteRecord:
        """Adopt the integration that `adopt_id` names.

        Raises:
            StateConflict: The integration to adopt belongs to another PSP.
            StateConflict: The integration to adopt was deactivated.
            RequestError: The integration could not be read.
        """
        operation = (
            f"adopting integration {integration_id} as the {inputs.source} integration {inputs.external_identifier!r}"
        )
        try:
            record = self.client().get_integration(
                integration_id, operation=operation, account=inputs.reference_account_id
            )
        except RequestRefused as refused:
            raise refused.of_given_id() from None
        if record.source != inputs.source:
            raise StateConflict(
                f"{operation}: its source is {record.listed_source or 'another one'}. Correct source or adopt_id."
            )
        if record.is_inactive:
            self._journal.forget_integration(self.settings.base_url, integration_id)
            raise StateConflict(f"{operation}: it is INACTIVE, which is final. Remove adopt_id to create a new one.")
        self._ownership.adopt(urn, integration_id, operation)
        self._journal.hold_adoption(self.settings.base_url, integration_id, urn)
        self.creator.intents.adopted(urn, inputs, integration_id)
        return record

    def _urn(self, properties: Properties) -> str:
        """Return the URN of this thread's call, or a text with the external identifier if the host gives no URN."""
        urn = self.call().urn or f"the resource of {properties.get('externalIdentifier')!r}"
        self._seen.add(urn)
        return urn

    def _note_state(self, urn: str, integration_id: str, outputs: Properties) -> Intent | None:
        """Note that the state has the record, and return the intent of another create of the resource, if any."""
        self._ownership.note_state(urn, integration_id, outputs)
        if is_adopted(outputs, integration_id):
            self._journal.keep_adoption(self.settings.base_url, integration_id, urn)
        return self._drop_intent(urn, integration_id, outputs)

    def _note_kept(self, urn: str, integration_id: str) -> None:
        # Without a URN, the provider cannot distinguish two resources with the same external identifier.
        if self.call().urn is not None:
            self._ownership.note_kept(urn, integration_id)

    def _drop_intent(self, urn: str, integration_id: str, outputs: Properties) -> Intent | None:
        """Drop the intent of a create whose result is in the state, and return the intent of another create, if any."""
        account = outputs.get("referenceAccountId")
        return self._journal.resolve(urn, self.settings.base_url, account, integration_id)

    def _note_deleted(self, urn: str, integration_id: str, outputs: Properties, *, has_stopped: bool = False) -> None:
        unresolved = self._drop_intent(urn, integration_id, outputs)
        self.creator.intents.warn_at_end(describe(outputs, integration_id), unresolved)
        # An integration that runs until a future date keeps its claim, so it is no candidate for a lost create.
        if has_stopped:
            self._journal.forget_integration(self.settings.base_url, integration_id)


def _with_values(inputs: Properties) -> Inputs:
    """Return *inputs* with the values of their references; the state keeps the references."""
    secret_type = inputs["secretType"]
    values = references.resolved(
        inputs.get("secretReferences", {}),
        operation=messages.creating(inputs["source"], inputs["externalIdentifier"]),
        names=credentials.python_names(secret_type),
        problem=functools.partial(credentials.value_problem, secret_type),
    )
    payload = {**inputs.get("secretPayload", {}), **values}
    return Inputs.model_validate({**inputs, "secretPayload": payload, "secretReferences": {}})
