"""Carries out the decisions of `pulumi-justt recover`: at Justt, in the state and in the journal."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.account_records import Account
from pulumi_justt.cli.recover import state_repair
from pulumi_justt.cli.recover.candidates import adopted_by
from pulumi_justt.cli.recover.diagnosis import FORGET, Case, Diagnosis
from pulumi_justt.cli.recover.state_repair import NOTHING, RecoveryError, insert, resource_of
from pulumi_justt.cli.stacks import StackError
from pulumi_justt.cli.state import State
from pulumi_justt.core.client import shared_client
from pulumi_justt.core.deactivation import deactivate_now
from pulumi_justt.core.journal import Change, Decision
from pulumi_justt.errors import RequestRefused

__all__ = ["repair"]


def repair(diagnosis: Diagnosis, decisions: Mapping[str, Decision], backup: Path) -> list[str]:
    """Carry out the decisions, and return lines for the user. The state is backed up before it is replaced.

    Args:
        diagnosis: The unfinished operations.
        decisions: The decision on each case that needs one, by URN.
        backup: The file for the current state, with secrets encrypted; it must not exist.

    Raises:
        RecoveryError: A decision is missing.
        RecoveryError: Two decisions name the same integration.
        RecoveryError: The CLI refused the repaired state.
        RequestError: An integration could not be read or deactivated.
    """
    undecided = [case.urn for case in diagnosis.to_decide if case.urn not in decisions]
    if undecided:
        raise RecoveryError(
            f"there is no decision on {', '.join(undecided)}. {NOTHING} Add --claim NAME=ID, --deactivate NAME=ID or "
            "--forget NAME for each."
        )
    chosen = [decision.integration_id for decision in decisions.values() if decision.integration_id]
    if len(set(chosen)) < len(chosen):
        raise RecoveryError(f"one integration was chosen for two resources. {NOTHING}")
    decided = [(case, decisions.get(case.urn, FORGET)) for case in diagnosis.cases]
    # Verify everything before the first change.
    records = {case.urn: _verify(diagnosis, case, decision) for case, decision in decided}
    if diagnosis.rewrites_state:
        repaired = _repair_state(diagnosis, decided, records)
        state_repair.back_up(diagnosis.view.state, backup)
        _require_unchanged(diagnosis)
    lines = [line for case, decision in decided for line in _deactivate(diagnosis, case, decision, records[case.urn])]
    if diagnosis.rewrites_state:
        try:
            diagnosis.view.stack.replace_state(repaired)
        except StackError as error:
            raise RecoveryError(f"{error} A backup of the state is in {backup}.") from None
        lines.append(
            f"The state was repaired; a backup of the old state is in {backup}. `pulumi preview` shows what is left to "
            "do."
        )
    return [*lines, *(line for case, decision in decided for line in _update_journal(diagnosis, case, decision))]


def _verify(diagnosis: Diagnosis, case: Case, decision: Decision) -> RemoteRecord | None:
    """Verify a decision, and return the integration to claim or deactivate; None if there is none, or no API key.

    Raises:
        RecoveryError: The decision is not possible for this create, or for this integration.
    """
    integration_id = decision.integration_id
    if integration_id is None:
        return None
    operation = f"recovering {case.urn}, to {decision.action} integration {integration_id}"
    if not (case.can_claim if decision.action == "claim" else case.can_deactivate):
        raise RecoveryError(f"{operation}: this is not possible here. {case.text} {NOTHING} Choose forget.")
    if integration_id in diagnosis.known:
        raise RecoveryError(
            f"{operation}: this stack or another one named with --stack has it already. {NOTHING} Choose another one, "
            "or forget."
        )
    if case.intent and case.intent.integration_id not in (None, integration_id):
        raise RecoveryError(
            f"{operation}: the journal on this machine says that Justt answered this create with "
            f"{case.intent.integration_id}. {NOTHING} Choose that one, or forget."
        )
    before = diagnosis.journal.snapshot(case.intent.snapshot) if case.intent else None
    if before and integration_id in before.ids:
        raise RecoveryError(
            f"{operation}: it existed before this create. {NOTHING} Choose another one, or forget. To manage an "
            "integration that existed before, use adopt_id."
        )
    _require_no_other_owner(diagnosis, case.urn, integration_id, operation)
    return _read_candidate(case, case.account, decision, operation) if case.account else None


def _read_candidate(case: Case, account: Account, decision: Decision, operation: str) -> RemoteRecord:
    """Read the integration, and compare it with the candidates of the create.

    Raises:
        RecoveryError: The integration has another source, can't be claimed, or was not in the list of candidates.
    """
    integration_id = str(decision.integration_id)
    try:
        record = account_records.read(account, integration_id, operation)
    except RequestRefused as refused:
        raise refused.of_given_id() from None
    if record.source != case.source:
        raise RecoveryError(
            f"{operation}: its source is {record.listed_source or 'another one'}. {NOTHING} Choose another one, or "
            "forget."
        )
    if record.is_inactive and decision.action == "claim":
        raise RecoveryError(f"{operation}: it is INACTIVE, which is final. {NOTHING} Choose forget.")
    if case.found.is_whole and not case.has_shown(integration_id):
        raise RecoveryError(
            f"{operation}: it was not in the account when this command listed the candidates. {NOTHING} Run the "
            "command again to see the current candidates."
        )
    return record


def _require_no_other_owner(diagnosis: Diagnosis, urn: str, integration_id: str, operation: str) -> None:
    """Refuse an integration that, according to the journal, belongs to another resource of any stack.

    Raises:
        RecoveryError: It was created for another resource.
        RecoveryError: Another resource adopts it.
    """
    journal, base_url = diagnosis.journal, diagnosis.view.settings.base_url
    owner = journal.claimant(base_url, integration_id)
    if owner not in (None, urn):
        raise RecoveryError(
            f"{operation}: the journal on this machine says that it was created for {owner}. {NOTHING} Choose another "
            "one, or forget."
        )
    if adopted := adopted_by(journal, base_url, integration_id, urn):
        raise RecoveryError(f"{operation}: {adopted} {NOTHING} Choose another one, or forget.")


def _repair_state(
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
    """Refuse to repair a state that another update has changed, because that would overwrite its changes.

    Raises:
        RecoveryError: The state has changed since the diagnosis.
    """
    if diagnosis.view.stack.state().exported != diagnosis.view.state.exported:
        raise RecoveryError(
            f"the state of {diagnosis.view.stack.called} has changed meanwhile, so another update is under way. "
            f"{NOTHING} Run the command again when that update has ended."
        )


def _deactivate(diagnosis: Diagnosis, case: Case, decision: Decision, record: RemoteRecord | None) -> Iterator[str]:
    """Deactivate the integration now if that is the decision and its API key is known."""
    if decision.action != "deactivate" or case.account is None or record is None:
        return
    integration_id = record.integration_id
    if not record.is_inactive:
        deactivate_now(
            shared_client(case.account.settings),
            diagnosis.journal,
            _change(diagnosis, case, integration_id),
            operation=f"recovering {case.urn}, to deactivate integration {integration_id}",
        )
    diagnosis.journal.forget_integration(case.account.settings.base_url, integration_id)
    yield f"{case.name}: integration {integration_id} was deactivated."


def _change(diagnosis: Diagnosis, case: Case, integration_id: str) -> Change:
    """Return the journal's record of a claim, which `pulumi-justt log` shows."""
    return Change(
        "create",
        "claimed",
        diagnosis.view.settings.base_url,
        case.urn,
        account=case.account.reference if case.account else None,
        source=case.source,
        external_identifier=case.intent.external_identifier if case.intent else None,
        integration_id=integration_id,
    )


def _update_journal(diagnosis: Diagnosis, case: Case, decision: Decision) -> Iterator[str]:
    """Record the decision in the journal if the next update has to carry it out; otherwise remove the intent.

    Raises:
        RecoveryError: The decision could not be written.
    """
    journal, integration_id = diagnosis.journal, decision.integration_id
    if case.pending and decision.action == "claim" and integration_id:
        journal.claim(diagnosis.view.settings.base_url, integration_id, case.urn)
        journal.record(_change(diagnosis, case, integration_id))
    if case.intent is None:
        return
    is_for_later = case.pending is None and (
        decision.action == "claim" or (decision.action == "deactivate" and case.account is None)
    )
    if not is_for_later:
        journal.remove_intent(case.intent)
    elif journal.decide(case.intent, decision):
        is_known = case.account or case.has_shown(str(integration_id))
        condition = "" if is_known else ", if it exists: this command did not look it up"
        yield (
            f"{case.name}: the next `pulumi up` that creates it will {decision.action} integration "
            f"{integration_id}{condition}."
        )
    else:
        raise RecoveryError(
            f"recovering {case.urn}: the decision could not be written to {journal.path_of(case.intent)}. Make the "
            "folder writable, and run the command again."
        )
