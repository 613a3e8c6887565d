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

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records, intents
from pulumi_justt.cli.account_records import Account, View
from pulumi_justt.cli.engine import INTEGRATION_TYPE, name_of
from pulumi_justt.cli.recover.candidates import Candidates, Lookup
from pulumi_justt.cli.recover.state_repair import NOTHING, RecoveryError, is_superseded
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import Pending
from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["FORGET", "Case", "Diagnosis", "clear_settled", "diagnose"]

FORGET = Decision("forget")
_NOT_LOOKED_UP = Candidates("", is_whole=False)


@dataclass(frozen=True, repr=False)
class Case(Unpicklable):
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
        found: What it may have created.
    """

    urn: str
    text: str
    needs_decision: bool
    pending: Pending | None = None
    intent: Intent | None = None
    source: str | None = None
    account: Account | None = None
    can_claim: bool = False
    found: Candidates = _NOT_LOOKED_UP

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
        return any(each.integration_id == integration_id for each in (*self.found.live, *self.found.inactive))

    @property
    def can_deactivate(self) -> bool:
        """Whether an integration that it created can be deactivated."""
        return self.account is not None or self.pending is None


@dataclass(frozen=True, repr=False)
class Diagnosis(Unpicklable):
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
    views = [account_records.view(each) for each in (stack, *siblings)]
    view = views[0]
    environment = view.settings.environment
    known = frozenset(its for where, its in account_records.managed(views) if where == environment)
    own = intents.of_stack(journal.intents(), view)
    if intents.wait_until_settled(own, journal, tell):
        own = intents.of_stack(journal.intents(), view)
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
    return _of_create(view, lookup, pending, inputs, intent)


def _of_create(view: View, lookup: Lookup, pending: Pending, inputs: Mapping[str, Any], intent: Intent | None) -> Case:
    """Look up what an interrupted create may have made.

    Raises:
        RecoveryError: It was begun in another environment than the configuration says.
        RequestError: The account or the integration could not be read.
    """
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
        found=found,
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
        text += f" Your earlier decision is: {intents.decided(intent.decision)}."
    return Case(
        intent.urn,
        f"{intents.describe(intent)} {text}",
        needs_decision=True,
        intent=intent,
        source=intent.source,
        account=account,
        can_claim=True,
        found=found,
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
