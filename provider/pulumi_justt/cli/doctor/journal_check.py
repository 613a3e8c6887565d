"""The check `journal` of `pulumi-justt doctor`: creates from this machine whose integration no state has.

    intent                                           verdict
    the stack's state holds its integration          none: nothing is left to do
    of a given stack, or no stack is given           finding, with what to do next
    of a stack that is not given, but a given stack  finding: the given stack may have had that name before
    has a resource with the same name and type, in
    the same project or with the same external
    identifier
    of any other stack, or of another base URL       ok: one line names all of them
    of a stack that could not be read                not checked
    in an invalid file                               finding, with the file to remove
    in an unusable folder                            finding

An adoption record keeps the resource that owns an integration from deactivating it:

    adoption of an integration that a given stack owns   verdict
    the adopter's stack is given, and still has it       none
    the adopter's stack is given, but does not have it   finding, with the file to remove
    the adopter's stack is not given                     ok: one line names it
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
"""The maximum number of creates that one line names."""


def examine(patients: Sequence[Patient]) -> Iterator[Check]:
    """Compare the journal of this machine's user with the stacks."""
    warnings: list[str] = []
    journal = intents.opened(warnings.append)
    rest = journal.intents()
    if unusable := _folder_problem(journal.folder):
        remediation = "Make the folder readable and writable, or set JUSTT_STATE_DIR to another one."
        yield Check("journal", "finding", f"{unusable}, so no journal of creates is kept.", remediation)
        if not rest:
            return
    if journal.folder is None:
        warnings.append("no journal of creates is kept: neither JUSTT_STATE_DIR nor HOME is set to an absolute path.")
    given = _Given.of(patients)
    for patient in patients:
        if patient.state is None or patient.settings is None:
            yield Check("journal", "not checked", "the stack could not be read.", stack=patient.stack.name)
            continue
        view = View(patient.stack, patient.settings, patient.state, {})
        try:
            own = intents.of_stack(rest, view)
        except StackError as error:
            yield Check("journal", "not checked", str(error), stack=view.stack.name)
        else:
            former = _under_former_name(rest, view, given, journal)
            yield from _of_stack(view, own, former, journal)
            rest = [intent for intent in rest if intent not in (*own, *former)]
        yield from _adopted_elsewhere(view, given, journal)
    yield from _unusable(journal, warnings)
    yield from _of_others(rest, journal, has_stacks=bool(patients))


def _of_others(rest: Sequence[Intent], journal: Journal, *, has_stacks: bool) -> Iterator[Check]:
    """Yield results for the creates that belong to none of the given stacks."""
    if not has_stacks:
        for intent in rest:
            yield _unfinished(intent, journal, Stack())
        if not rest and not journal.unusable:
            yield Check("journal", "ok", f"the journal in {journal.folder} holds no create.")
    elif rest:
        named = ", ".join(_location(intent) for intent in rest[:_FEW])
        more = f" and {len(rest) - _FEW} more" if len(rest) > _FEW else ""
        text = f"the journal on this machine has creates of other stacks or base URLs: {named}{more}."
        yield Check("journal", "ok", text, "To see more, name these stacks with --stack.")


@dataclass(frozen=True)
class _Given:
    """The resources of the given stacks.

    Args:
        prefixes: The prefixes of their resources' URNs.
        integrations: The id of each integration that they hold, with the URN of the resource.
    """

    prefixes: tuple[str, ...]
    integrations: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, patients: Sequence[Patient]) -> _Given:
        """Collect the resources of the stacks whose state could be read."""
        prefixes: list[str] = []
        having: set[tuple[str, str]] = set()
        for patient in patients:
            if patient.state is not None:
                # If the state is empty and the CLI doesn't return the stack's name, the prefix stays unknown.
                with contextlib.suppress(StackError):
                    prefixes.append(patient.stack.urn_prefix(patient.state))
                having |= {(each.integration_id, each.urn) for each in patient.state.integrations()}
        return cls(tuple(prefixes), frozenset(having))


def _of_stack(view: View, own: Sequence[Intent], former: Sequence[Intent], journal: Journal) -> Iterator[Check]:
    """Yield results for the unfinished creates of a stack, including those under a name that it may have had before."""
    stack = view.stack
    unfinished = [intent for intent in own if not intents.is_resolved(intent, view.state)]
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
            "had that name before, run `pulumi-justt list --unmanaged` to find the integration. Adopt it or ask Justt "
            "to deactivate it, and then remove that file.",
            stack,
        )


def _under_former_name(found: Sequence[Intent], view: View, given: _Given, journal: Journal) -> list[Intent]:
    """Return the journal's creates whose stack or project name may be a former name of this stack."""
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
        and not intents.is_resolved(intent, view.state)
        # Leave out a create of another stack if that stack's state most likely holds the integration.
        and not journal.is_likely_stored(intent)
    ]


def _unfinished(intent: Intent, journal: Journal, stack: Stack) -> Check:
    again = stack.option
    if intent.decision:
        remediation = (
            f"Your decision is: {intents.decided(intent.decision)}. The next `pulumi up{again}` that creates the "
            "resource will carry it out."
        )
    elif intent.integration_id:
        remediation = (
            f"Run `pulumi-justt recover{again} --claim {shlex.quote(intent.integration_id)}` to keep it, or use "
            f"--deactivate or --forget. Then run `pulumi up{again}`; before you decide, it creates no duplicate."
        )
    else:
        remediation = (
            f"Run `pulumi-justt recover{again}`, which shows what the create may have made, or `pulumi up{again}`, "
            "which looks for it before it creates another one."
        )
    return _finding(intent, journal, name_of(intent.urn), remediation, stack)


def _finding(intent: Intent, journal: Journal, subject: str, remediation: str, stack: Stack) -> Check:
    text = f"{subject}: {intents.describe(intent)} Its journal file is {journal.path_of(intent)}."
    return Check("journal", "finding", text, remediation, stack.name, intent.account, intent.integration_id, intent.urn)


def _folder_problem(folder: Path | None) -> str | None:
    """Return why a folder is unusable or cannot be created, or None. This check writes nothing."""
    if folder is None:
        return None
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        return f"{there} is not a folder"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return f"{there} is not readable and writable"
    return None


def _unusable(journal: Journal, warnings: Sequence[str]) -> Iterator[Check]:
    """Yield results for invalid files and for the warnings of the journal."""
    for path, reason in sorted(journal.unusable.items()):
        yield Check(
            "journal",
            "finding",
            f"{reason}, so the file is ignored.",
            "A file in `intents` may be the only record of a create: read it, and look at Justt for an integration "
            f"that no stack has. Then run `rm {shlex.quote(str(path))}`.",
        )
    for warning in warnings:
        # The loop above has reported the problems of single files.
        if not any(reason in warning for reason in journal.unusable.values()):
            yield Check("journal", "not checked", warning.removeprefix("warning: "))


def _location(intent: Intent) -> str:
    # Not parsed any further: a file that was edited by hand may hold any text.
    return f"{name_of(intent.urn)} of {engine.stack_of(intent.urn)} at {intent.base_url}"


def _adopted_elsewhere(view: View, given: _Given, journal: Journal) -> Iterator[Check]:
    base_url = view.settings.base_url
    for recorded in view.state.integrations():
        if recorded.is_external or recorded.is_adopted:
            continue
        for adopter in journal.adopters(base_url, recorded.integration_id, beside=recorded.urn):
            # The adopter still adopts it, or has owned it since `adopt_id` was removed.
            if (recorded.integration_id, adopter) in given.integrations:
                continue
            is_gone = adopter.startswith(given.prefixes)
            file = shlex.quote(str(journal.adoption_file(base_url, recorded.integration_id, adopter)))
            yield Check(
                "journal",
                "finding" if is_gone else "ok",
                f"the journal on this machine says that {adopter} has adopted {recorded.name} "
                f"({recorded.integration_id}){', but its stack does not have it any more' if is_gone else ''}: "
                "this stack won't deactivate it.",
                f"If no update of that stack is under way, run `rm {file}`."
                if is_gone
                else "To see whether the other stack still has it, name that stack with --stack.",
                stack=view.stack.name,
                integration_id=recorded.integration_id,
                urn=recorded.urn,
            )
