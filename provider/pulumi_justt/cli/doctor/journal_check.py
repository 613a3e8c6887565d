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
from dataclasses import dataclass
from pathlib import Path

from pulumi_justt.cli import engine, intents
from pulumi_justt.cli.account_records import View
from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.engine import name_of
from pulumi_justt.cli.stacks import Stack, StackError
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
        remediation = "Make the folder usable, or set JUSTT_STATE_DIR to another one."
        yield Check("journal", "finding", f"{unusable}, so no journal of creates is kept.", remediation)
        if not rest:
            return
    if journal.folder is None:
        warnings.append("no journal of creates is kept: neither JUSTT_STATE_DIR nor HOME is set to an absolute path.")
    given = _Given.of(patients)
    for patient in patients:
        if patient.state is None or patient.settings is None:
            yield Check("journal", "not checked", "the stack could not be looked at.", stack=patient.stack.name)
            continue
        view = View(patient.stack, patient.settings, patient.state, {})
        try:
            own = intents.of_stack(rest, view)
        except StackError as error:
            yield Check("journal", "not checked", str(error), stack=view.stack.name)
        else:
            former = _former(rest, view, given, journal)
            yield from _of_stack(view, own, former, journal)
            rest = [intent for intent in rest if intent not in (*own, *former)]
        yield from _adopted_elsewhere(view, given, journal)
    yield from _unusable(journal, warnings)
    yield from _of_others(rest, journal, has_stacks=bool(patients))


def _of_others(rest: Sequence[Intent], journal: Journal, *, has_stacks: bool) -> Iterator[Check]:
    """Yield the creates that belong to none of the given stacks."""
    if not has_stacks:
        for intent in rest:
            yield _unfinished(intent, journal, Stack())
        if not rest and not journal.unusable:
            yield Check("journal", "ok", f"the journal in {journal.folder} holds no create.")
    elif rest:
        named = ", ".join(_place(intent) for intent in rest[:_FEW])
        more = f" and {len(rest) - _FEW} more" if len(rest) > _FEW else ""
        text = f"the journal on this machine has creates of other stacks or addresses: {named}{more}."
        yield Check("journal", "ok", text, "Name these stacks with --stack to see more.")


@dataclass(frozen=True)
class _Given:
    """What the given stacks have.

    Args:
        prefixes: How the URNs of their resources begin.
        integrations: The ids that they have, each with the URN of the resource.
    """

    prefixes: tuple[str, ...]
    integrations: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, patients: Sequence[Patient]) -> _Given:
        """Return what the stacks have whose states could be read."""
        prefixes: list[str] = []
        having: set[tuple[str, str]] = set()
        for patient in patients:
            if patient.state is not None:
                # The CLI doesn't tell the name of an empty stack: then nothing is known of its resources.
                with contextlib.suppress(StackError):
                    prefixes.append(patient.stack.urn_prefix(patient.state))
                having |= {(each.integration_id, each.urn) for each in patient.state.integrations()}
        return cls(tuple(prefixes), frozenset(having))


def _of_stack(view: View, own: Sequence[Intent], former: Sequence[Intent], journal: Journal) -> Iterator[Check]:
    """Yield the unfinished creates of a stack, and those that were left under a name which it may have had."""
    stack = view.stack
    unfinished = [intent for intent in own if not intents.is_settled(intent, view.state)]
    for intent in unfinished:
        yield _unfinished(intent, journal, stack)
    if not unfinished:
        text = "the journal on this machine has no unfinished create of this stack."
        yield Check("journal", "ok", text, stack=stack.name)
    for intent in former:
        other = engine.stack_of(intent.urn)
        yield _finding(
            intent,
            journal,
            f"{name_of(intent.urn)} of stack {other}",
            f"If {other} is another stack, run `pulumi-justt recover` for it, in its project's folder. If this stack "
            "had that name, `pulumi-justt list` shows what no stack has: adopt it or have it deactivated at Justt, and "
            "then remove that file.",
            stack,
        )


def _former(found: Sequence[Intent], view: View, given: _Given, journal: Journal) -> list[Intent]:
    """Return the creates that were left under another name which a stack, or its project, may have had."""
    here = [*view.state.resources(), *(operation.resource for operation in view.state.pending())]
    names = {(*stack_of(each["urn"])[1:], within_stack(each["urn"])) for each in here}
    identifiers = {
        (within_stack(each["urn"]), str((each.get("inputs") or {}).get("externalIdentifier"))) for each in here
    }
    return [
        intent
        for intent in found
        if intent.is_at(view.settings.base_url)
        and not intent.urn.startswith(given.prefixes)
        and (
            (*stack_of(intent.urn)[1:], within_stack(intent.urn)) in names
            or (within_stack(intent.urn), intent.external_identifier) in identifiers
        )
        and not intents.is_settled(intent, view.state)
        # Another stack of the program has what its last command created.
        and not journal.is_likely_stored(intent)
    ]


def _unfinished(intent: Intent, journal: Journal, stack: Stack) -> Check:
    again = stack.option
    if intent.decision:
        remediation = (
            f"Your decision is: {intents.decided(intent.decision)}. The next `pulumi up{again}` that creates the "
            "resource carries it out."
        )
    elif intent.integration_id:
        remediation = (
            f"Run `pulumi-justt recover{again} --claim {shlex.quote(intent.integration_id)}` to keep it, or use "
            f"--deactivate or --forget. Then run `pulumi up{again}`, which creates no other one before."
        )
    else:
        remediation = (
            f"Run `pulumi-justt recover{again}`, which shows what it may have created, or `pulumi up{again}`, which "
            "looks for that before it creates another one."
        )
    return _finding(intent, journal, name_of(intent.urn), remediation, stack)


def _finding(intent: Intent, journal: Journal, subject: str, remediation: str, stack: Stack) -> Check:
    text = f"{subject}: {intents.describe(intent)} Its journal file is {journal.path_of(intent)}."
    return Check("journal", "finding", text, remediation, stack.name, intent.account, intent.integration_id, intent.urn)


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


def _adopted_elsewhere(view: View, given: _Given, journal: Journal) -> Iterator[Check]:
    base_url = view.settings.base_url
    for recorded in view.state.integrations():
        if recorded.is_external or recorded.is_adopted:
            continue
        for adopter in journal.adopters(base_url, recorded.integration_id, beside=recorded.urn):
            # Adopted still, or owned since `adopt_id` was taken out.
            if (recorded.integration_id, adopter) in given.integrations:
                continue
            is_gone = adopter.startswith(given.prefixes)
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
                stack=view.stack.name,
                integration_id=recorded.integration_id,
                urn=recorded.urn,
            )
