"""The check `journal` of `pulumi-justt doctor`: the creates that this machine began and that no state holds.

    intent                                           verdict
    the stack's state holds its id for its resource  none: nothing is left to do
    of a given stack, or no stack is given           finding, with what to do next
    of another stack, which is not given, and whose  finding: the stack or its project may have had that name
    resource a given stack has too; of another
    project, for the same external identifier
    of any other stack, or of another address        named in one line
    of a stack that could not be looked at           not checked
    in a file that can't be used                     finding, with the file to remove
    in a folder that can't be used                   finding

An adoption record keeps an integration from being deactivated by the resource that owns it:

    adoption of an integration that a given stack owns   verdict
    a resource of a given stack has it                   none
    the adopter's stack is given, and does not have it   finding, with the file to remove
    the adopter's stack is not given                     named in one line
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from pulumi_justt.cli import engine, intents
from pulumi_justt.cli.checks import Check, Patient
from pulumi_justt.cli.engine import name_of
from pulumi_justt.cli.stacks import StackError
from pulumi_justt.core.journal import Intent, Journal, stack_of, within_stack

__all__ = ["examine"]

_FEW = 5
"""As many as are named in one line."""


def examine(patients: Sequence[Patient]) -> Iterator[Check]:
    """Look at the journal of this machine's user, beside the stacks."""
    warnings: list[str] = []
    journal = intents.opened(warnings.append)
    rest = journal.intents()
    if unusable := _folder_problem(journal.folder):
        yield Check(
            "journal",
            "finding",
            f"{unusable}, so no journal of creates is kept.",
            "Make the folder usable, or set JUSTT_STATE_DIR to another one.",
        )
        if not rest:
            return
    if journal.folder is None:
        warnings.append("no journal of creates is kept: neither JUSTT_STATE_DIR nor HOME is set to an absolute path.")
    for patient in patients:
        own: list[Intent] = []
        try:
            yield from _of_stack(patient, journal, rest, own)
            yield from _of_former_name(patient, patients, journal, rest, own)
        except StackError as error:
            yield Check("journal", "not checked", str(error), stack=patient.stack.name)
        rest = [intent for intent in rest if intent not in own]
        yield from _adopted_elsewhere(patient, patients, journal)
    yield from _unusable(journal, warnings)
    if not patients:
        for intent in rest:
            yield _unfinished(intent, journal, None)
        if not rest and not journal.unusable:
            yield Check("journal", "ok", f"the journal in {journal.folder} holds no create.")
    elif rest:
        named = ", ".join(_place(intent) for intent in rest[:_FEW])
        more = f" and {len(rest) - _FEW} more" if len(rest) > _FEW else ""
        yield Check(
            "journal",
            "ok",
            f"the journal on this machine has creates of other stacks or addresses: {named}{more}.",
            "Name these stacks with --stack to see more.",
        )


def _of_stack(patient: Patient, journal: Journal, found: Sequence[Intent], own: list[Intent]) -> Iterator[Check]:
    """Yield the checks of a stack, and add its intents to *own*.

    Raises:
        StackError: The stack's name could not be found out.
    """
    stack = patient.stack
    if patient.state is None or patient.settings is None:
        yield Check("journal", "not checked", "the stack could not be looked at.", stack=stack.name)
        return
    own += intents.of_stack(found, stack, patient.state, patient.settings.base_url)
    unfinished = [intent for intent in own if not intents.is_settled(intent, patient.state)]
    for intent in unfinished:
        yield _unfinished(intent, journal, stack.name)
    if not unfinished:
        yield Check(
            "journal", "ok", "the journal on this machine has no unfinished create of this stack.", stack=stack.name
        )


def _of_former_name(
    patient: Patient, patients: Sequence[Patient], journal: Journal, found: Sequence[Intent], own: list[Intent]
) -> Iterator[Check]:
    """Yield the creates that were left under another name which the stack may have had, and add them to *own*.

    Raises:
        StackError: The stack's name could not be found out.
    """
    if patient.state is None or patient.settings is None:
        return
    here = [*patient.state.resources(), *(operation.resource for operation in patient.state.pending())]
    names = {(*stack_of(resource["urn"])[1:], within_stack(resource["urn"])) for resource in here}
    identifiers = {
        (within_stack(resource["urn"]), str((resource.get("inputs") or {}).get("externalIdentifier")))
        for resource in here
    }
    given = tuple(_prefixes(patients))
    for intent in found:
        if (
            not intent.is_at(patient.settings.base_url)
            or intent.urn.startswith(given)
            or (
                (*stack_of(intent.urn)[1:], within_stack(intent.urn)) not in names
                and (within_stack(intent.urn), intent.external_identifier) not in identifiers
            )
            or intents.is_settled(intent, patient.state)
            # Another stack of the program has what its last command created.
            or journal.is_likely_stored(intent)
        ):
            continue
        own.append(intent)
        former = engine.stack_of(intent.urn)
        yield Check(
            "journal",
            "finding",
            f"{name_of(intent.urn)} of stack {former}: {intents.describe(intent)} Its journal file is "
            f"{journal.path_of(intent)}.",
            f"If {former} is another stack, run `pulumi-justt recover` for it, in its project's folder. If this stack "
            "had that name, `pulumi-justt list` shows what no stack has: adopt it or have it deactivated at Justt, and "
            "then remove that file.",
            patient.stack.name,
            intent.account,
            intent.integration_id,
            intent.urn,
        )


def _unfinished(intent: Intent, journal: Journal, stack: str | None) -> Check:
    decision = intent.decision
    again = f" --stack {shlex.quote(stack)}" if stack else ""
    if decision:
        what = f"{decision.action} {decision.integration_id}" if decision.integration_id else decision.action
        cure = f"Your decision is: {what}. The next `pulumi up{again}` that creates the resource carries it out."
    elif intent.integration_id:
        cure = (
            f"Run `pulumi-justt recover{again} --claim {shlex.quote(intent.integration_id)}` to keep it, or use "
            f"--deactivate or --forget. Then run `pulumi up{again}`, which creates no other one before."
        )
    else:
        cure = (
            f"Run `pulumi-justt recover{again}`, which shows what it may have created, or `pulumi up{again}`, which "
            "looks for that before it creates another one."
        )
    return Check(
        "journal",
        "finding",
        f"{name_of(intent.urn)}: {intents.describe(intent)} Its journal file is {journal.path_of(intent)}.",
        cure,
        stack,
        intent.account,
        intent.integration_id,
        intent.urn,
    )


def _folder_problem(folder: Path | None) -> str | None:
    """Return why nothing can be written to a folder, or why it cannot be made, if that shows without writing."""
    if folder is None:
        return None
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        return f"{there} is no folder"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return f"{there} can't be read and written"
    return None


def _unusable(journal: Journal, warnings: Sequence[str]) -> Iterator[Check]:
    """Yield what keeps the journal from being relied on."""
    for path, reason in sorted(journal.unusable.items()):
        yield Check(
            "journal",
            "finding",
            f"{reason}, so what it says is not taken into account.",
            "Look at it first: a file in `intents` may be all that is known of a create, so look at Justt for an "
            f"integration that no stack has. Then run `rm {shlex.quote(str(path))}`.",
        )
    for warning in warnings:
        # What is wrong with a file has been said of that file.
        if not any(reason in warning for reason in journal.unusable.values()):
            yield Check("journal", "not checked", warning.removeprefix("warning: "))


def _place(intent: Intent) -> str:
    # A file that was edited by hand may hold any text.
    return f"{name_of(intent.urn)} of {engine.stack_of(intent.urn)} at {intent.base_url}"


def _adopted_elsewhere(patient: Patient, patients: Sequence[Patient], journal: Journal) -> Iterator[Check]:
    if patient.state is None or patient.settings is None:
        return
    base_url = patient.settings.base_url
    # Adopted still, or owned since `adopt_id` was taken out.
    having = {
        (recorded.integration_id, recorded.urn)
        for each in patients
        if each.state
        for recorded in each.state.integrations()
    }
    for recorded in patient.state.integrations():
        if recorded.is_external or recorded.is_adopted:
            continue
        for adopter in journal.adopters(base_url, recorded.integration_id, beside=recorded.urn):
            if (recorded.integration_id, adopter) in having:
                continue
            is_gone = adopter.startswith(tuple(_prefixes(patients)))
            file = shlex.quote(str(journal.adoption_file(base_url, recorded.integration_id, adopter)))
            yield Check(
                "journal",
                "finding" if is_gone else "ok",
                f"the journal on this machine says that {adopter} has adopted {recorded.name} "
                f"({recorded.integration_id}){', which its stack does not have any more' if is_gone else ''}: "
                "this stack won't deactivate it.",
                f"If no update of that stack is under way, run `rm {file}`."
                if is_gone
                else "Name the other stack with --stack to see whether it still has it.",
                stack=patient.stack.name,
                integration_id=recorded.integration_id,
                urn=recorded.urn,
            )


def _prefixes(patients: Sequence[Patient]) -> Iterator[str]:
    for patient in patients:
        # The CLI doesn't tell the name of an empty stack: then nothing is known of its resources.
        with contextlib.suppress(StackError):
            if patient.state is not None:
                yield patient.stack.urn_prefix(patient.state)
