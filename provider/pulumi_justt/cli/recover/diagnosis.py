"""Finds unfinished creates for `pulumi-justt recover`, which resolves them so that no duplicate is created.

Two records can show an unfinished create. The engine records each operation before it starts; if the operation never
ended, the state keeps it as a *pending operation*. And this machine's journal keeps an *intent*, which may hold the id
from Justt's response. The API returns none of the fields that identify a resource, so only the user can say which
integration the create made:

    candidates   the id in the intent; without one, all integrations of the account that have the same source and
                 are not INACTIVE, except those that one of the named stacks has, that existed before it, or that
                 this machine created or adopted for another resource

                 with a pending operation                        with an intent only
    claim        recover adds the resource to the state, as if   the intent records the claim: the next create of the
                 the create had succeeded                        resource, or its next replacement, returns the
                                                                 integration
    deactivate   recover deactivates it and drops the operation  recover deactivates it and removes the intent; without
                                                                 an API key, the next create of the resource does so
    forget       recover drops the operation                     recover removes the intent

If recover drops a pending operation, it also removes the intent of the same create. An intent is resolved if the state
holds the integration that the intent names, under any resource name.

    pending operation                         what can be done
    create of a PaymentIntegration            claim, deactivate or forget; the user decides
    create of a PaymentIntegration, adoptId   forget: nothing was created, and the next update adopts it
    create of an IntegrationReady             forget: the next update waits again
    other operations of this provider         forget: the next update repeats them
    operations of other providers             forget, if the user agrees: `pulumi stack import` accepts a state only
                                              without pending operations

If a claimed create was part of a replacement, the state still holds the old resource. Recover then marks it for
deletion, as the engine does between the two steps of a replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records, intents
from pulumi_justt.cli.account_records import Account, View
from pulumi_justt.cli.engine import INTEGRATION_TYPES, name_of
from pulumi_justt.cli.recover.candidates import Candidates, Lookup
from pulumi_justt.cli.recover.state_repair import NOTHING, RecoveryError, is_superseded
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import Pending
from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["FORGET", "Case", "Diagnosis", "clear_resolved", "diagnose"]

FORGET = Decision("forget")
_NOT_LOOKED_UP = Candidates("", is_whole=False)


@dataclass(frozen=True, repr=False)
class Case(Unpicklable):
    """An unfinished create, or another pending operation, with the integrations that it may have made.

    Args:
        urn: The resource's URN.
        text: The findings, as sentences.
        needs_decision: Whether the user has to decide; otherwise the decision is `forget`.
        pending: The engine's pending operation, if there is one.
        intent: The journal's intent, if there is one.
        source: The source (PSP) of the integration.
        account: The account of the create, with an API key; None if the key is not known.
        can_claim: Whether an integration can be claimed for the resource.
        found: The integrations that the create may have made.
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
        """The kind of the operation, such as `creating`."""
        return self.pending.kind if self.pending else "creating"

    @property
    def is_ours(self) -> bool:
        """Whether the resource belongs to this provider."""
        return self.pending is None or self.pending.is_ours

    def has_shown(self, integration_id: str) -> bool:
        """Check whether an integration is one of the candidates."""
        return any(each.integration_id == integration_id for each in (*self.found.live, *self.found.inactive))

    @property
    def can_deactivate(self) -> bool:
        """Whether an integration can be deactivated, now or by the next update."""
        return self.account is not None or self.pending is None


@dataclass(frozen=True, repr=False)
class Diagnosis(Unpicklable):
    """The unfinished operations of a stack.

    Args:
        view: The stack to repair.
        known: The ids that the given stacks hold in its environment.
        journal: The journal of this machine.
        cases: The pending operations, and the intents that have no pending operation.
        resolved: The intents whose integration is in the state, under any resource name.
    """

    view: View
    known: frozenset[str]
    journal: Journal
    cases: tuple[Case, ...]
    resolved: tuple[Intent, ...]

    @property
    def concerns_us(self) -> bool:
        """Whether an operation of this provider is unfinished."""
        return any(case.is_ours for case in self.cases)

    @property
    def rewrites_state(self) -> bool:
        """Whether the state has to be imported again, which drops all pending operations."""
        return any(case.pending and case.is_ours for case in self.cases)

    @property
    def to_decide(self) -> list[Case]:
        """The cases that the user has to decide."""
        return [case for case in self.cases if case.needs_decision and (case.is_ours or self.rewrites_state)]


def diagnose(
    stack: Stack, siblings: Sequence[Stack], journal: Journal, show_line: Callable[[str], None] = lambda _: None
) -> Diagnosis:
    """Find the unfinished operations of *stack* and the integrations that they may have made.

    Args:
        stack: The stack to repair.
        siblings: Other stacks that share its accounts; their integrations are not candidates.
        journal: The journal of this machine.
        show_line: Shows one line to the user.

    Raises:
        StackError: A stack could not be read.
        RecoveryError: The environment of a pending operation is not the configured one.
        RequestError: An account or an integration could not be read.
    """
    views = [account_records.view(each) for each in (stack, *siblings)]
    view = views[0]
    environment = view.settings.environment
    known = frozenset(
        integration_id for where, integration_id in account_records.managed(views) if where == environment
    )
    own = intents.of_stack(journal.intents(), view)
    if intents.wait_until_settled(own, journal, show_line):
        own = intents.of_stack(journal.intents(), view)
    resolved = [intent for intent in own if intents.is_resolved(intent, view.state)]
    # Keep the latest intent of each resource. An earlier one, of another account, is shown in a later run.
    unfinished = {intent.urn: intent for intent in own if intent not in resolved}
    lookup = Lookup(known, journal)
    cases = []
    for operation in view.state.pending():
        # A pending operation takes precedence over an intent of the same resource. If the intent is of an earlier
        # create, a later run shows it.
        intent = unfinished.pop(operation.urn, None)
        cases.append(_case_of_operation(view, lookup, operation, intent if operation.may_have_created else None))
    cases += [_case_of_intent(view, lookup, intent) for intent in unfinished.values()]
    return Diagnosis(view, known, journal, tuple(cases), tuple(resolved))


def _case_of_operation(view: View, lookup: Lookup, pending: Pending, intent: Intent | None) -> Case:
    if not pending.is_ours:
        return Case(
            pending.urn,
            "It belongs to another provider. Pulumi can't import a state that has pending operations, so you must "
            "resolve this one too. Check whether it succeeded before you forget it. Or choose quit and run `pulumi "
            "refresh` first, which asks about it.",
            needs_decision=True,
            pending=pending,
        )
    inputs = pending.resource.get("inputs") or {}
    text = None
    if pending.kind != "creating":
        text = "The next update repeats it if needed."
    elif pending.resource["type"] not in INTEGRATION_TYPES:
        text = "It creates nothing at Justt; the next update waits again."
    elif "adoptId" in inputs:
        text = f"It was adopting {_visible(inputs['adoptId'])}, which creates nothing; the next update adopts it."
    if text:
        return Case(pending.urn, text, needs_decision=False, pending=pending)
    if hidden := [name for name in ("source", "referenceAccountId") if isinstance(inputs.get(name), Mapping)]:
        return Case(
            pending.urn,
            f"Its {' and '.join(hidden)} is a secret in the state, so its integration was not looked up. Look it up at "
            "Justt. If it was created, forget this operation and give the resource the id as adopt_id.",
            needs_decision=True,
            pending=pending,
            intent=intent,
        )
    return _case_of_create(view, lookup, pending, inputs, intent)


def _case_of_create(
    view: View, lookup: Lookup, pending: Pending, inputs: Mapping[str, Any], intent: Intent | None
) -> Case:
    """Look up the integrations that an interrupted create may have made.

    Raises:
        RecoveryError: The environment of the create is not the configured one.
        RequestError: The account or the integration could not be read.
    """
    environment = inputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        raise RecoveryError(
            f"recovering {pending.urn}: the create was started in {environment}, but the configuration says "
            f"{view.settings.environment}. {NOTHING} Set justt:environment and justt:baseUrl (or their variables) "
            "back for this stack."
        )
    account = view.account(pending, inputs.get("referenceAccountId"))
    if intent and intent.account != account.reference:
        intent = None
    found = lookup.look(account, inputs.get("source"), pending.urn, intent)
    create = (
        f"It was creating the {inputs.get('source')} integration {_visible(inputs.get('externalIdentifier'))!r} in "
        f"{account.called}."
    )
    later = ""
    if superseded := is_superseded(view.state, pending):
        later = (
            " A later update has created another integration for the resource, which the resource keeps: deactivate "
            "the integration of this create, or forget it."
        )
    return Case(
        pending.urn,
        f"{create} {found.text}{later}",
        needs_decision=True,
        pending=pending,
        intent=intent,
        source=inputs.get("source"),
        account=account,
        can_claim=not superseded,
        found=found,
    )


def _case_of_intent(view: View, lookup: Lookup, intent: Intent) -> Case:
    account = _account_of(view, intent)
    if account:
        found = lookup.look(account, intent.source, intent.urn, intent)
    else:
        found = Candidates(
            "The API key of this create is not known here, so its integration was not looked up. `pulumi-justt doctor` "
            "lists the unmanaged integrations. The next `pulumi up` reads the integration before it carries out your "
            "decision.",
            (RemoteRecord(integration_id=intent.integration_id, source=intent.source, status="unknown"),)
            if intent.integration_id
            else (),
            is_whole=False,
        )
    text = found.text
    for recorded in view.state.integrations():
        if recorded.urn == intent.urn and not recorded.is_replaced:
            text += f" The stack has {recorded.integration_id} for this resource; the one you claim will replace it."
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
    """Return the account of an intent, with the API key of its resource; None if the key is not known."""
    providers = [recorded.provider for recorded in view.state.integrations() if recorded.urn == intent.urn]
    if view.own and not providers:
        # The journal does not record the resource's provider.
        return None
    settings = view.own.get(providers[0], view.settings) if providers else view.settings
    return Account(settings, intent.account) if settings.api_key else None


def _visible(value: object) -> object:
    """Return *value*, or `[secret]` if it is encrypted."""
    return "[secret]" if isinstance(value, Mapping) else value


def clear_resolved(diagnosis: Diagnosis) -> Iterator[str]:
    """Remove the resolved intents, and yield a line for each."""
    for intent in diagnosis.resolved:
        diagnosis.journal.remove_intent(intent)
        yield (
            f"{name_of(intent.urn)}: the state has integration {intent.integration_id}, so its journal entry was "
            "removed."
        )
