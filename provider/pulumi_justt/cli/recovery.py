"""`pulumi-justt recover`: settles creates that never ended, so that the next update creates no second integration.

There are two witnesses of such a create. The engine notes each operation before it begins; where it never saw the end,
the state keeps a *pending operation*. And this machine's journal keeps an *intent*, which may know the id that Justt
answered with. The API returns nothing that it was given, so that nobody but a person can say which integration belongs
to the resource:

    candidates   the id that the intent knows; else what is listed in the account, of the source, not INACTIVE, less
                 what given stacks have, what was there before, and what this machine created for other resources

                 with a pending operation                        with an intent only
    claim        it becomes the resource, as if the create       written into the intent: the next create of the
                 had ended                                       resource returns it, for a replacement too
    deactivate   it is deactivated at once, and the operation    it is deactivated at once, and the intent is removed;
                 is dropped                                      without a key for it, the next create does that
    forget       the operation is dropped                        the intent is removed

The intent of a pending operation is removed with it, and one whose id the state holds for its resource is settled.

    pending                             what can be done
    creating, ours                      claim, deactivate or forget, as the user says
    creating, ours, with adoptId        forgotten: nothing was created, and the next update takes it over
    creating, IntegrationReady          forgotten: the next update waits anew
    other operations of ours            forgotten: the next update does them again
    operations of other providers       forgotten, if the user says so: a state is imported without any, or not at all

A create that was to replace something has the old one in the state still: it then waits to be deleted, as the engine
leaves it between its two steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_justt.api.client import shared_client
from pulumi_justt.api.models import RemoteRecord, to_vendor_time
from pulumi_justt.cli import intents, state_repair, survey
from pulumi_justt.cli.candidates import Candidates, Lookup, adopted_by, read
from pulumi_justt.cli.engine import INTEGRATION_TYPE, name_of
from pulumi_justt.cli.stacks import Pending, Stack, StackError, State
from pulumi_justt.cli.state_repair import NOTHING, RecoveryError, insert, is_superseded, resource_of
from pulumi_justt.cli.survey import Account, View
from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.errors import Refused
from pulumi_justt.secrecy import SecretHolder

__all__ = ["FORGET", "Case", "Diagnosis", "clear_settled", "diagnose", "repair"]

FORGET = Decision("forget")


@dataclass(frozen=True, repr=False)
class Case(SecretHolder):
    """A create that never ended, or another pending operation, and what may have come of it.

    Args:
        urn: The resource's URN.
        text: What is known, as sentences.
        needs_decision: Whether it is for a person to say what becomes of it; it is forgotten otherwise.
        pending: The engine's operation, if there is one.
        intent: The journal's record, if there is one.
        source: The PSP that the integration is to be of.
        account: Where it was created, with a key; None where that is not at hand.
        can_claim: Whether an integration can become its resource.
        candidates: What it may have created.
        deactivated: What it may have created, and what was deactivated since.
        is_whole: Whether it has created nothing else, as far as Justt and the journal say.
    """

    urn: str
    text: str
    needs_decision: bool
    pending: Pending | None = None
    intent: Intent | None = None
    source: str | None = None
    account: Account | None = None
    can_claim: bool = False
    candidates: tuple[RemoteRecord, ...] = ()
    deactivated: tuple[RemoteRecord, ...] = ()
    is_whole: bool = False

    @property
    def name(self) -> str:
        """The resource's name."""
        return name_of(self.urn)

    @property
    def operation(self) -> str:
        """What was begun."""
        return self.pending.kind if self.pending else "creating"

    @property
    def is_ours(self) -> bool:
        """Whether the resource is one of this provider's."""
        return self.pending is None or self.pending.is_ours

    def has_shown(self, integration_id: str) -> bool:
        """Return whether an integration is among what it may have created."""
        return any(each.integration_id == integration_id for each in (*self.candidates, *self.deactivated))

    @property
    def can_deactivate(self) -> bool:
        """Whether an integration that it created can be deactivated."""
        return self.account is not None or self.pending is None


@dataclass(frozen=True, repr=False)
class Diagnosis(SecretHolder):
    """What is unfinished in a stack.

    Args:
        view: The stack to repair.
        known: The ids that given stacks have in its environment.
        journal: What this machine remembers.
        cases: The pending operations, and the intents that have none.
        settled: Intents whose id the state holds for their resource.
    """

    view: View
    known: frozenset[str]
    journal: Journal
    cases: tuple[Case, ...]
    settled: tuple[Intent, ...]

    @property
    def concerns_us(self) -> bool:
        """Whether something of ours is unfinished."""
        return any(case.is_ours for case in self.cases)

    @property
    def rewrites_state(self) -> bool:
        """Whether the state has to be imported again, which forgets all pending operations."""
        return any(case.pending and case.is_ours for case in self.cases)

    @property
    def to_decide(self) -> list[Case]:
        """What needs a person's decision."""
        return [case for case in self.cases if case.needs_decision and (case.is_ours or self.rewrites_state)]


def diagnose(
    stack: Stack, siblings: Sequence[Stack], journal: Journal, tell: Callable[[str], None] = lambda _: None
) -> Diagnosis:
    """Look at what is unfinished in *stack*, and at what it may have left at Justt.

    Args:
        stack: The stack to repair.
        siblings: Other stacks that share its accounts: what they have is no candidate.
        journal: What this machine remembers.
        tell: Shows one line to the user.

    Raises:
        StackError: A stack could not be looked at.
        RecoveryError: What is pending belongs to another environment than the configuration says.
        RequestError: An account or an integration could not be read.
    """
    views = [survey.view(each) for each in (stack, *siblings)]
    view = views[0]
    environment = view.settings.environment
    known = frozenset(its for where, its in survey.managed(views) if where == environment)
    own = intents.of_stack(journal.intents(), stack, view.state, view.settings.base_url)
    if intents.wait_until_settled(own, journal, tell):
        own = intents.of_stack(journal.intents(), stack, view.state, view.settings.base_url)
    settled = [intent for intent in own if intents.is_settled(intent, view.state)]
    # The latest one of a resource first; an earlier one, of another account, shows when that is settled.
    unfinished = {intent.urn: intent for intent in own if intent not in settled}
    lookup = Lookup(known, journal)
    cases = []
    for operation in view.state.pending():
        # An operation goes first; the intent of an earlier create of the resource shows when that is settled.
        intent = unfinished.pop(operation.urn, None)
        cases.append(_of_operation(view, lookup, operation, intent if operation.may_have_created else None))
    cases += [_of_intent(view, lookup, intent) for intent in unfinished.values()]
    return Diagnosis(view, known, journal, tuple(cases), tuple(settled))


def _of_operation(view: View, lookup: Lookup, pending: Pending, intent: Intent | None) -> Case:
    if not pending.is_ours:
        return Case(
            pending.urn,
            "It belongs to another provider. Pulumi imports a state only without pending operations, so that this one "
            "has to be settled too: look whether it was done, or leave this and run `pulumi refresh` first, which asks "
            "about it.",
            needs_decision=True,
            pending=pending,
        )
    inputs = pending.resource.get("inputs") or {}
    text = None
    if pending.kind != "creating":
        text = "The next update does it again if it was not done."
    elif pending.resource["type"] != INTEGRATION_TYPE:
        text = "It creates nothing at Justt; the next update waits anew."
    elif "adoptId" in inputs:
        text = (
            f"It was to take over {_open(inputs['adoptId'])}, so that nothing was created; the next update takes it "
            "over."
        )
    if text:
        return Case(pending.urn, text, needs_decision=False, pending=pending)
    if hidden := [name for name in ("source", "referenceAccountId") if isinstance(inputs.get(name), Mapping)]:
        return Case(
            pending.urn,
            f"Its {' and '.join(hidden)} is a secret in the state, so that what it may have created is not looked up. "
            "Look it up at Justt, forget this, and give the resource the id as adopt_id if it was created.",
            needs_decision=True,
            pending=pending,
            intent=intent,
        )
    environment = inputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        raise RecoveryError(
            f"recovering {pending.urn}: it was begun in {environment}, and the configuration says "
            f"{view.settings.environment}. {NOTHING} Set justt:environment and justt:baseUrl (or their variables) "
            "back for this stack."
        )
    account = view.account(pending, inputs.get("referenceAccountId"))
    if intent and intent.account != account.reference:
        intent = None
    found = lookup.look(account, inputs.get("source"), pending.urn, intent)
    begin = f"It was to create the {inputs.get('source')} integration {_open(inputs.get('externalIdentifier'))!r} in "
    later = ""
    if is_later := is_superseded(view.state, pending):
        later = (
            " A later update has created another one for the resource, which it keeps: deactivate what this one left, "
            "or forget it."
        )
    return Case(
        pending.urn,
        f"{begin}{account.called}. {found.text}{later}",
        needs_decision=True,
        pending=pending,
        intent=intent,
        source=inputs.get("source"),
        account=account,
        can_claim=not is_later,
        candidates=found.live,
        deactivated=found.inactive,
        is_whole=found.is_whole,
    )


def _of_intent(view: View, lookup: Lookup, intent: Intent) -> Case:
    account = _account_of(view, intent)
    if account:
        found = lookup.look(account, intent.source, intent.urn, intent)
    else:
        found = Candidates(
            "It is not known here which API key it was sent with, so Justt was not asked. `pulumi-justt doctor` "
            "names what may be it. The next `pulumi up` verifies your decision.",
            (RemoteRecord(integration_id=intent.integration_id, source=intent.source, status="unknown"),)
            if intent.integration_id
            else (),
            is_whole=False,
        )
    text = found.text
    for recorded in view.state.integrations():
        if recorded.urn == intent.urn and not recorded.is_replaced:
            text += f" The stack has {recorded.integration_id} for this resource; the one that you claim replaces it."
    if intent.decision:
        what = " ".join(filter(None, (intent.decision.action, intent.decision.integration_id)))
        text += f" Your earlier decision is: {what}."
    return Case(
        intent.urn,
        f"{intents.describe(intent)} {text}",
        needs_decision=True,
        intent=intent,
        source=intent.source,
        account=account,
        can_claim=True,
        candidates=found.live,
        deactivated=found.inactive,
        is_whole=found.is_whole,
    )


def _account_of(view: View, intent: Intent) -> Account | None:
    """Return the account of an intent, with the key that its resource has; None where there is none."""
    providers = [recorded.provider for recorded in view.state.integrations() if recorded.urn == intent.urn]
    if view.own and not providers:
        # The journal does not know which provider the resource has.
        return None
    settings = view.own.get(providers[0], view.settings) if providers else view.settings
    return Account(settings, intent.account) if settings.api_key else None


def _open(value: object) -> object:
    """Return *value* as it may be shown."""
    return "[secret]" if isinstance(value, Mapping) else value


def clear_settled(diagnosis: Diagnosis) -> Iterator[str]:
    """Remove the intents whose id the state holds for their resource: nothing is left to decide."""
    for intent in diagnosis.settled:
        diagnosis.journal.remove_intent(intent)
        yield (
            f"{name_of(intent.urn)}: the state has integration {intent.integration_id}, so its entry in the journal "
            "was removed."
        )


def repair(diagnosis: Diagnosis, decisions: Mapping[str, Decision], backup: Path) -> list[str]:
    """Carry out what was decided, and return what is to be known of it; the state is written after a backup of it.

    Args:
        diagnosis: What is unfinished.
        decisions: What becomes of each case that needs a decision, by URN.
        backup: Where the present state is written first, secrets encrypted; the file must not exist.

    Raises:
        RecoveryError: A decision is missing.
        RecoveryError: Two creates are said to have made the same integration.
        RecoveryError: The CLI refused the repaired state.
        RequestError: An integration could not be read or deactivated.
    """
    undecided = [case.urn for case in diagnosis.to_decide if case.urn not in decisions]
    if undecided:
        raise RecoveryError(
            f"what is to become of {', '.join(undecided)} was not said. {NOTHING} Say --claim NAME=ID, "
            "--deactivate NAME=ID or --forget NAME of each."
        )
    chosen = [decision.integration_id for decision in decisions.values() if decision.integration_id]
    if len(set(chosen)) < len(chosen):
        raise RecoveryError(f"one integration was chosen for two resources. {NOTHING}")
    decided = [(case, decisions.get(case.urn, FORGET)) for case in diagnosis.cases]
    # All is looked at before anything is changed.
    records = {case.urn: _verified(diagnosis, case, decision) for case, decision in decided}
    if diagnosis.rewrites_state:
        repaired = _repaired(diagnosis, decided, records)
        state_repair.back_up(diagnosis.view.state, backup)
        _require_unchanged(diagnosis)
    told = [line for case, decision in decided for line in _deactivate(diagnosis, case, decision, records[case.urn])]
    if diagnosis.rewrites_state:
        try:
            diagnosis.view.stack.replace_state(repaired)
        except StackError as error:
            raise RecoveryError(f"{error} The state before is in {backup}.") from None
        told.append(f"The state was repaired; what it was before is in {backup}. `pulumi preview` shows what is left.")
    return [*told, *(line for case, decision in decided for line in _remember(diagnosis, case, decision))]


def _verified(diagnosis: Diagnosis, case: Case, decision: Decision) -> RemoteRecord | None:
    """Read the integration that is to be claimed or deactivated; None where there is none, or no key for it.

    Raises:
        RecoveryError: It cannot be what the create has made.
    """
    integration_id = decision.integration_id
    if integration_id is None:
        return None
    tried = f"recovering {case.urn}, to {decision.action} integration {integration_id}"
    if not (case.can_claim if decision.action == "claim" else case.can_deactivate):
        raise RecoveryError(f"{tried}: that can't be done here. {case.text} {NOTHING} Forget it.")
    if integration_id in diagnosis.known:
        raise RecoveryError(f"{tried}: a given stack has it already. {NOTHING} Choose another one, or forget it.")
    if case.intent and case.intent.integration_id not in (None, integration_id):
        raise RecoveryError(
            f"{tried}: the journal on this machine says that Justt answered this create with "
            f"{case.intent.integration_id}. {NOTHING} Choose that one, or forget it."
        )
    before = diagnosis.journal.snapshot(case.intent.snapshot) if case.intent else None
    if before and integration_id in before.ids:
        raise RecoveryError(
            f"{tried}: it was there before this create, so that it is another one's. {NOTHING} Choose another one, or "
            "forget it; adopt_id takes over what was there before."
        )
    _require_nobody_elses(diagnosis, case.urn, integration_id, tried)
    return _existing(case, case.account, decision, tried) if case.account else None


def _existing(case: Case, account: Account, decision: Decision, tried: str) -> RemoteRecord:
    """Read the integration, and compare it with what the create may have made.

    Raises:
        RecoveryError: It cannot be what the create has made.
    """
    integration_id = str(decision.integration_id)
    try:
        record = read(account, integration_id, tried)
    except Refused as refused:
        raise refused.of_given_id() from None
    if record.source != case.source:
        raise RecoveryError(
            f"{tried}: its source is {record.listed_source or 'another one'}. {NOTHING} Choose another one, or forget "
            "it."
        )
    if record.is_inactive and decision.action == "claim":
        raise RecoveryError(f"{tried}: it is INACTIVE, which is final. {NOTHING} Forget it.")
    if case.is_whole and not case.has_shown(integration_id):
        raise RecoveryError(
            f"{tried}: it was not in the account when this command looked for what this create may have made. "
            f"{NOTHING} Run the command again, which shows what there is now."
        )
    return record


def _require_nobody_elses(diagnosis: Diagnosis, urn: str, integration_id: str, tried: str) -> None:
    """Refuse what the journal knows as another resource's, of whatever stack.

    Raises:
        RecoveryError: It was created for another resource.
        RecoveryError: Another resource adopts it.
    """
    journal, base_url = diagnosis.journal, diagnosis.view.settings.base_url
    owner = journal.claimant(base_url, integration_id)
    if owner not in (None, urn):
        raise RecoveryError(
            f"{tried}: the journal on this machine says that it was created for {owner}. {NOTHING} Choose another "
            "one, or forget it."
        )
    if adopted := adopted_by(journal, base_url, integration_id, urn):
        raise RecoveryError(f"{tried}: {adopted} {NOTHING} Choose another one, or forget it.")


def _repaired(
    diagnosis: Diagnosis, decided: Sequence[tuple[Case, Decision]], records: Mapping[str, RemoteRecord | None]
) -> State:
    exported = copy.deepcopy(diagnosis.view.state.exported)
    deployment: dict[str, Any] = exported["deployment"]
    for case, decision in decided:
        record = records[case.urn]
        if case.pending and record and decision.action == "claim":
            insert(deployment.setdefault("resources", []), resource_of(case.pending, record))
    deployment.pop("pending_operations")
    return State(exported)


def _require_unchanged(diagnosis: Diagnosis) -> None:
    """Keep what another update has written since.

    Raises:
        RecoveryError: The state has changed since it was looked at.
    """
    if diagnosis.view.stack.state().exported != diagnosis.view.state.exported:
        raise RecoveryError(
            f"the state of {diagnosis.view.stack.called} has changed meanwhile, so that another update is under way. "
            f"{NOTHING} Run the command again when that has ended."
        )


def _deactivate(diagnosis: Diagnosis, case: Case, decision: Decision, record: RemoteRecord | None) -> Iterator[str]:
    """Deactivate what was decided to be deactivated, at once, if there is a key for it."""
    if decision.action != "deactivate" or case.account is None or record is None:
        return
    integration_id = record.integration_id
    if not record.is_inactive:
        shared_client(case.account.settings).deactivate_integration(
            integration_id,
            tried=f"recovering {case.urn}, to deactivate integration {integration_id}",
            account=case.account.reference,
            deactivation_type="postingDate",
            deactivation_date=to_vendor_time(datetime.now(timezone.utc)),
        )
    diagnosis.journal.forget_integration(case.account.settings.base_url, integration_id)
    yield f"{case.name}: integration {integration_id} was deactivated."


def _remember(diagnosis: Diagnosis, case: Case, decision: Decision) -> Iterator[str]:
    """Leave in the journal what the next update needs to know of a decision, and nothing else.

    Raises:
        RecoveryError: The decision could not be written.
    """
    journal, integration_id = diagnosis.journal, decision.integration_id
    if case.pending and decision.action == "claim" and integration_id:
        journal.claim(diagnosis.view.settings.base_url, integration_id, case.urn)
    if case.intent is None:
        return
    is_for_later = case.pending is None and (
        decision.action == "claim" or (decision.action == "deactivate" and case.account is None)
    )
    if not is_for_later:
        journal.remove_intent(case.intent)
    elif journal.decide(case.intent, decision):
        is_known = case.account or case.has_shown(str(integration_id))
        doubt = "" if is_known else ", if Justt has it there: it was not looked up here"
        yield (
            f"{case.name}: the next `pulumi up` that creates it will {decision.action} integration "
            f"{integration_id}{doubt}."
        )
    else:
        raise RecoveryError(
            f"recovering {case.urn}: the decision could not be written to {journal.path_of(case.intent)}. Make the "
            "folder writable, and run the command again."
        )
