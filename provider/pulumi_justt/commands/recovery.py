"""`pulumi-justt recover`: ends what an update that was killed left open, so that the next one creates no second.

The engine notes each operation before it begins. Where it never saw the end, the state keeps a *pending operation*, and
of a create neither the id nor whether anything was created. The API returns nothing that it was given, so that nobody
but a person can say which of its integrations belongs to the resource:

    candidates   what is listed in the operation's account, of its source, not INACTIVE, less what given stacks have
    adopt        one of them becomes the resource, as if the create had ended
    drop         the operation is forgotten: nothing was created, or what was is not to be kept

    pending                             what can be done
    creating, ours                      adopt or drop, as the user says
    creating, ours, with adoptId        drop: nothing was created, and the next update takes it over
    creating, IntegrationReady          drop: the next update waits anew
    other operations of ours            drop: the next update does them again
    operations of other providers       drop, if the user says so: a state is imported without any, or not at all

A create that was to replace something has the old one in the state still: it then waits to be deleted, as the engine
leaves it between its two steps.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_justt.client import shared_client
from pulumi_justt.commands import survey
from pulumi_justt.commands.engine import INTEGRATION_TYPE
from pulumi_justt.commands.stacks import Pending, Stack, StackError, State
from pulumi_justt.commands.survey import View
from pulumi_justt.errors import JusttError
from pulumi_justt.models import RemoteRecord
from pulumi_justt.recorded import observed
from pulumi_justt.secrecy import NOTHING_HIDDEN, SecretHolder

__all__ = ["DROP", "Case", "Decision", "Diagnosis", "RecoveryError", "diagnose", "repair"]

_NOTHING = "Nothing was changed."


class RecoveryError(JusttError):
    """A state cannot be repaired as it was asked for."""


@dataclass(frozen=True)
class Decision:
    """What is to become of a pending operation.

    Args:
        integration_id: The integration that the create made; None drops the operation.
    """

    integration_id: str | None = None


DROP = Decision()


@dataclass(frozen=True, repr=False)
class Case(SecretHolder):
    """A pending operation, and what may have come of it.

    Args:
        pending: The operation.
        text: What is known, as sentences.
        needs_decision: Whether it is for a person to say what becomes of it; it is dropped otherwise.
        can_adopt: Whether an integration can become its resource.
        candidates: What it may have created.
        deactivated: What it may have created, and what was deactivated since.
    """

    pending: Pending
    text: str
    needs_decision: bool
    can_adopt: bool = False
    candidates: tuple[RemoteRecord, ...] = ()
    deactivated: tuple[RemoteRecord, ...] = ()

    @property
    def urn(self) -> str:
        """The resource's URN."""
        return self.pending.urn

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.pending.name


@dataclass(frozen=True, repr=False)
class Diagnosis(SecretHolder):
    """The pending operations of a stack.

    Args:
        view: The stack to repair.
        known: The ids that given stacks have in its environment.
        cases: Its pending operations.
    """

    view: View
    known: frozenset[str]
    cases: tuple[Case, ...]

    @property
    def concerns_us(self) -> bool:
        """Whether an operation of ours is pending."""
        return any(case.pending.is_ours for case in self.cases)


def diagnose(stack: Stack, siblings: Sequence[Stack] = ()) -> Diagnosis:
    """Look at what is pending in *stack*, and at what it may have left at Justt.

    Args:
        stack: The stack to repair.
        siblings: Other stacks that share its accounts: what they have is no candidate.

    Raises:
        StackError: A stack could not be looked at.
        RecoveryError: What is pending belongs to another environment than the configuration says.
        RequestError: An account could not be listed.
    """
    views = [survey.view(each) for each in (stack, *siblings)]
    environment = views[0].settings.environment
    known = frozenset(its for where, its in survey.managed(views) if where == environment)
    pending = views[0].state.pending()
    return Diagnosis(views[0], known, tuple(_case(views[0], known, operation) for operation in pending))


def _case(view: View, known: frozenset[str], pending: Pending) -> Case:
    if not pending.is_ours:
        return Case(
            pending,
            "It belongs to another provider. Pulumi imports a state only without pending operations, so that this one "
            "has to be settled too: look whether it was done, or leave this and run `pulumi refresh` first, which asks "
            "about it.",
            needs_decision=True,
        )
    if pending.kind != "creating":
        return Case(pending, "The next update does it again if it was not done.", needs_decision=False)
    if pending.resource["type"] != INTEGRATION_TYPE:
        return Case(pending, "It creates nothing at Justt; the next update waits anew.", needs_decision=False)
    inputs = pending.resource.get("inputs") or {}
    if "adoptId" in inputs:
        return Case(
            pending,
            f"It was to take over {_open(inputs['adoptId'])}, so that nothing was created; the next update takes it "
            "over.",
            needs_decision=False,
        )
    if hidden := [name for name in ("source", "referenceAccountId") if isinstance(inputs.get(name), Mapping)]:
        return Case(
            pending,
            f"Its {' and '.join(hidden)} is a secret in the state, so that what it may have created is not looked up. "
            "Look it up at Justt, drop this, and give the resource the id as adopt_id if it was created.",
            needs_decision=True,
        )
    return _created(view, known, pending, inputs)


def _created(view: View, known: frozenset[str], pending: Pending, inputs: Mapping[str, Any]) -> Case:
    environment = inputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        raise RecoveryError(
            f"recovering {pending.urn}: it was begun in {environment}, and the configuration says "
            f"{view.settings.environment}. {_NOTHING} Set justt:environment and justt:baseUrl (or their variables) "
            "back for this stack."
        )
    account = view.account(pending, inputs.get("referenceAccountId"))
    listing = survey.listed(account)
    fitting = [
        record
        for record in listing.records.values()
        if record.source == inputs.get("source") and record.integration_id not in known
    ]
    candidates = tuple(record for record in fitting if not record.is_inactive)
    deactivated = tuple(record for record in fitting if record.is_inactive)
    is_superseded = _place_taken(view.state, pending)
    doubt = "" if listing.is_complete else f" {survey.cut_short(account, len(listing.records))}"
    where = f"the {inputs.get('source')} integration {_open(inputs.get('externalIdentifier'))!r} in {account.called}"
    if candidates:
        text = (
            f"It was to create {where}. Integrations of that source in no given stack: {len(candidates)}. Each may be "
            f"the one that was created.{doubt}"
        )
    else:
        text = (
            f"It was to create {where}, and given stacks have all of that source that are not INACTIVE: nothing was "
            f"created, or it was deactivated again.{doubt}"
        )
    if is_superseded:
        text += (
            " A later update has created another one for the resource, which it keeps: drop this operation, and have "
            "what it left deactivated at Justt."
        )
    return Case(
        pending,
        text,
        needs_decision=True,
        can_adopt=not is_superseded,
        candidates=candidates,
        deactivated=deactivated,
    )


def _open(value: object) -> object:
    """Return *value* as it may be shown."""
    return "[secret]" if isinstance(value, Mapping) else value


def repair(diagnosis: Diagnosis, decisions: Mapping[str, Decision], backup: Path) -> None:
    """Write the repaired state, after a backup of the present one.

    Args:
        diagnosis: What is pending.
        decisions: What becomes of each operation that needs a decision, by URN.
        backup: Where the present state is written first, secrets encrypted; the file must not exist.

    Raises:
        RecoveryError: A decision is missing.
        RecoveryError: Two creates are said to have made the same integration.
        RecoveryError: The state has changed since it was looked at.
        RecoveryError: The CLI refused the repaired state.
        RequestError: An integration to adopt could not be read.
    """
    undecided = [case.urn for case in diagnosis.cases if case.needs_decision and case.urn not in decisions]
    if undecided:
        raise RecoveryError(
            f"what is to become of {', '.join(undecided)} was not said. {_NOTHING} Say --adopt URN=ID or --drop URN of "
            "each."
        )
    chosen = [decision.integration_id for decision in decisions.values() if decision.integration_id]
    if len(set(chosen)) < len(chosen):
        raise RecoveryError(f"one integration was chosen for two resources. {_NOTHING}")
    exported = copy.deepcopy(diagnosis.view.state.exported)
    deployment = exported["deployment"]
    for case in diagnosis.cases:
        integration_id = decisions.get(case.urn, DROP).integration_id
        if integration_id is not None:
            record = _to_adopt(diagnosis, case, integration_id)
            _insert(deployment.setdefault("resources", []), _resource(case.pending, record))
    deployment.pop("pending_operations")
    _back_up(diagnosis.view.state, backup)
    if diagnosis.view.stack.state().exported != diagnosis.view.state.exported:
        raise RecoveryError(
            f"the state of {diagnosis.view.stack.called} has changed meanwhile, so that another update is under way. "
            f"{_NOTHING} Run the command again when that has ended."
        )
    try:
        diagnosis.view.stack.replace_state(State(exported))
    except StackError as error:
        raise RecoveryError(f"{error} The state before is in {backup}.") from None


def _to_adopt(diagnosis: Diagnosis, case: Case, integration_id: str) -> RemoteRecord:
    """Read the integration that is to become a resource.

    Raises:
        RecoveryError: It cannot be what the operation has created.
    """
    inputs = case.pending.resource.get("inputs") or {}
    tried = f"recovering {case.urn} as integration {integration_id}"
    if not case.can_adopt:
        raise RecoveryError(f"{tried}: an integration can't become its resource. {case.text} {_NOTHING} Drop it.")
    if integration_id in diagnosis.known:
        raise RecoveryError(f"{tried}: a given stack has it already. {_NOTHING} Choose another one, or drop it.")
    account = diagnosis.view.account(case.pending, inputs.get("referenceAccountId"))
    record = shared_client(account.settings).get_integration(
        integration_id, tried=tried, account=account.reference, hidden=NOTHING_HIDDEN
    )
    if record.source != inputs.get("source"):
        raise RecoveryError(f"{tried}: its source is {record.source}. {_NOTHING} Choose another one, or drop it.")
    if record.is_inactive:
        raise RecoveryError(f"{tried}: it is INACTIVE, which is final. {_NOTHING} Drop the operation.")
    return record


def _resource(pending: Pending, record: RemoteRecord) -> dict[str, Any]:
    """Return the operation's resource as the engine stores it when a create has ended."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        **pending.resource,
        "id": record.integration_id,
        "outputs": {
            **pending.resource.get("inputs", {}),
            "integrationId": record.integration_id,
            **observed(record),
        },
        "created": now,
        "modified": now,
    }


def _insert(resources: list[dict[str, Any]], resource: dict[str, Any]) -> None:
    """Put *resource* behind what it needs, and let the one that it replaces wait to be deleted.

    Raises:
        RecoveryError: What it needs is not in the state.
    """
    urn = resource["urn"]
    old = next((each for each in resources if each["urn"] == urn and not each.get("delete")), None)
    if old is not None and old.get("pendingReplacement"):
        # It was deleted before, and stays in a state only until the new one is there.
        resources.remove(old)
    elif old is not None:
        old["delete"] = True
    places = {each["urn"]: n for n, each in enumerate(resources) if not each.get("delete")}
    needed = _needed(resource)
    if missing := needed - places.keys():
        raise RecoveryError(
            f"recovering {urn}: {', '.join(sorted(missing))}, which it needs, is not in the state. {_NOTHING} Recover "
            "that first, or drop this operation and give the resource the id as adopt_id."
        )
    resources.insert(1 + max((places[each] for each in needed), default=-1), resource)


def _needed(resource: Mapping[str, Any]) -> set[str]:
    """Return the URNs that have to stand before *resource* in a state."""
    lists = [
        resource.get("dependencies"),
        resource.get("replaceWith"),
        *(resource.get("propertyDependencies") or {}).values(),
    ]
    needed = {urn for each in lists for urn in each or ()}
    needed |= {resource[name] for name in ("parent", "deletedWith") if resource.get(name)}
    if resource.get("provider"):
        needed.add(resource["provider"].rpartition("::")[0])
    return needed


def _place_taken(state: State, pending: Pending) -> bool:
    """Tell whether a later update has created the resource: what a create replaces has its date of creation."""
    return any(
        resource["urn"] == pending.urn
        and not resource.get("delete")
        and resource.get("created") != pending.resource.get("created")
        for resource in state.exported["deployment"].get("resources") or []
    )


def _back_up(state: State, path: Path) -> None:
    """Write *state* to a file that only its owner can read.

    Raises:
        RecoveryError: It cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(state.exported, file, indent=4)
    except OSError as error:
        raise RecoveryError(f"writing the backup {path}: {error.strerror}. {_NOTHING}") from None
