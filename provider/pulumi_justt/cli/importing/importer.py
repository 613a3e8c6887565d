"""Imports existing integrations into a stack, for `pulumi-justt import`.

The importer only reads from Justt: it verifies each id with a GET request. The document for `pulumi import --file` has
exactly the state that a create would have stored. It goes through a pipe, so no credential is in a file or an argument.
If the user asks for a file, its secrets are encrypted by the stack's secrets provider, so only this stack can read it.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pulumi_justt.cli import account_records, intents
from pulumi_justt.cli.account_records import Account, Managed, View
from pulumi_justt.cli.files import write_private
from pulumi_justt.cli.importing import import_answers
from pulumi_justt.cli.importing.candidates import Candidate, suggested_name
from pulumi_justt.cli.importing.completion import completed
from pulumi_justt.cli.importing.import_answers import Asker, ImportAnswer, ImportRefused, PromptsStopped
from pulumi_justt.cli.importing.plan import Outcome, Plan
from pulumi_justt.cli.importing.program import program
from pulumi_justt.cli.importing.template import template
from pulumi_justt.cli.project import program_folder
from pulumi_justt.cli.stacks import Stack, StackError
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Journal
from pulumi_justt.errors import RequestRefused
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.references import Reference
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["ImportOptions", "ImportPrompts", "Importer"]


class ImportPrompts(Asker, Protocol):
    """Prompts for single values, for a selection of the candidates, and for confirmation of the import."""

    def pick(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Show *candidates*, and return those that the user selects."""

    def confirm(self, plan: Plan, options: ImportOptions) -> None:
        """Show *plan*, and return only if the user confirms it."""


@dataclass(frozen=True, repr=False)
class ImportOptions(Unpicklable):
    """The options of the command.

    Args:
        ids: The integrations to import.
        is_all: Whether to import all integrations of the account that are not INACTIVE, and that neither this stack nor
            one named with `--other-stack` has.
        answers: The text of an answers file. Without *ids* and *is_all*, its integrations are imported.
        account: The account to list; default is the configuration's.
        is_by_reference: Whether to prompt for the names of environment variables instead of credentials.
        is_protected: Whether the imported resources get `deletion_protection`.
        file: The file to write the document to; nothing is imported then.
        sets_configuration: Whether to also set the credentials in the stack's configuration.
    """

    ids: Sequence[str] = ()
    is_all: bool = False
    answers: str | None = None
    account: str | None = None
    is_by_reference: bool = False
    is_protected: bool = True
    file: Path | None = None
    sets_configuration: bool = True

    @property
    def says_which(self) -> bool:
        """Whether the options say which integrations to import, so that there is no prompt for it."""
        return bool(self.ids or self.is_all or self.answers is not None)


@dataclass
class Importer:
    """Imports integrations into one stack.

    Args:
        stack: The stack that will own the integrations.
        others: Other stacks, which may have some of the integrations.
        show_line: Shows one line to the user.
        notes: Reasons why the list of the account may be incomplete.
    """

    stack: Stack
    others: Sequence[Stack]
    show_line: Callable[[str], None]
    notes: list[str] = field(default_factory=list, init=False)

    @functools.cached_property
    def _view(self) -> View:
        return account_records.view(self.stack)

    @functools.cached_property
    def _journal(self) -> Journal:
        return intents.opened(self.show_line)

    @property
    def settings(self) -> Settings:
        """The settings of the stack."""
        return self._view.settings

    @property
    def _stack_option(self) -> str:
        folder = f" --cwd {shlex.quote(str(self.stack.folder))}" if self.stack.folder != Path() else ""
        return f"{self.stack.option}{folder}"

    @functools.cached_property
    def _owners(self) -> dict[str, Managed]:
        """The owner of each integration, by id; the stack itself comes before the other stacks."""
        owners = account_records.owners([self._view, *map(account_records.view, self.others)])
        return {
            each: owner for (environment, each), owner in owners.items() if environment == self.settings.environment
        }

    def candidates(self, account: str | None = None) -> list[Candidate]:
        """Return the integrations that none of the stacks has and that are not INACTIVE.

        Args:
            account: The account to list; default is the configuration's.

        Warns:
            warning: The list of the account may be incomplete.

        Raises:
            RequestError: The account could not be listed.
        """
        where = Account(self.settings, account or self.settings.reference_account_id)
        # Read the states first: they add the stacks' credentials to the redactor, in case Justt's texts repeat them.
        owners = self._owners
        listing = account_records.listed(where)
        if not listing.is_complete:
            note = f"{account_records.cut_short(where, len(listing.records))} Name missing integrations with --id."
            self.notes.append(note)
            self.show_line(f"warning: {note}")
        return [
            Candidate(record, where.reference)
            for record in listing.records.values()
            if not record.is_inactive and record.integration_id not in owners
        ]

    def run(self, options: ImportOptions, picker: ImportPrompts) -> Outcome | None:
        """Import the integrations that *options* or the user select. Return None if there are none.

        Raises:
            ImportRefused: The import is not possible. The error names all problems, and nothing was changed.
            StackError: The stack could not be read, or the CLI refused the import.
            RequestError: An integration or the account could not be read.
        """
        if options.file is not None and options.file.exists():
            raise ImportRefused(f"{options.file} exists and is not overwritten. Name another file.")
        if options.file is not None and not options.file.parent.is_dir():
            raise ImportRefused(f"there is no folder {options.file.parent}. Create it, or name another file.")
        given = {} if options.answers is None else import_answers.read_answers(options.answers)
        # The program resolves its files relative to its own folder.
        answers = {each: answer.relative_to(program_folder(self.stack.folder)) for each, answer in given.items()}
        for answer in answers.values():
            shared_redactor().add_secrets(answer.secrets())
            if any(isinstance(value, Reference) for value in answer.fields.values()):
                shared_redactor().mark_incomplete()
        chosen = self._selected(options, answers, picker)
        if not chosen:
            return None
        plan = self._make_plan(*self._verify(chosen), answers, options, picker)
        picker.confirm(plan, options)
        outcome = self._write_file(plan, options.file) if options.file else self._import(plan, options)
        if plan.left:
            stopped = (
                f"you stopped the prompts, so {plan.left} of the chosen integrations were left out. Run the command "
                "again for these."
            )
            outcome = replace(outcome, failure=" ".join(filter(None, (outcome.failure, stopped))))
        return outcome

    def write_template(self, options: ImportOptions, file: Path) -> Outcome | None:
        """Write an answers file to fill in, for the integrations of `--id` or all that the command lists.

        Return None if there are none.

        Raises:
            ImportRefused: An integration of `--id` cannot be imported, or the file cannot be written.
            RequestError: An integration or the account could not be read.
        """
        account = options.account or self.settings.reference_account_id
        candidates, problems = self._verify(dict.fromkeys(options.ids, account)) if options.ids else ([], [])
        if problems:
            raise ImportRefused(*problems)
        candidates = candidates or self.candidates(account)
        if not candidates:
            return None
        default_account = self.settings.reference_account_id
        _write(file, template(candidates, default_account, is_by_reference=options.is_by_reference))
        command = f"pulumi-justt import --answers {shlex.quote(str(file))}{self._stack_option}"
        return Outcome([(each.suggested_name, each) for each in candidates], "", commands=[command], file=file)

    def _selected(
        self, options: ImportOptions, answers: Mapping[str, ImportAnswer], picker: ImportPrompts
    ) -> dict[str, str | None]:
        """Return the ids to import, with the account of each."""
        account = options.account or self.settings.reference_account_id
        if options.ids:
            ids: Sequence[str] = options.ids
        elif options.answers is not None and not options.is_all:
            imported = self._already_imported(answers)
            ids = [each for each in answers if each not in imported]
        else:
            self._already_imported(answers)
            candidates = self.candidates(account)
            ids = [each.id for each in (candidates if options.is_all else picker.pick(candidates))]
        return {each: (answers[each].account if each in answers else None) or account for each in ids}

    def _already_imported(self, answers: Mapping[str, ImportAnswer]) -> set[str]:
        """Return the ids that an earlier run with the same *answers* has imported, and show a line for each."""
        imported = set()
        for integration_id, answer in answers.items():
            owner = self._owners.get(integration_id)
            if owner is None or owner.stack != self.stack or owner.recorded.is_adopted or owner.recorded.is_replaced:
                continue
            name = owner.recorded.name
            suggested = suggested_name(str(owner.recorded.outputs.get("source")), integration_id)
            if name == (answer.resource_name or suggested):
                self.show_line(f"{integration_id} is in this stack already, as {name!r}: skipped.")
                imported.add(integration_id)
        return imported

    def _verify(self, chosen: Mapping[str, str | None]) -> tuple[list[Candidate], list[str]]:
        """Read each integration. Return those that can be imported, and the problems of the others."""
        problems: list[str] = []
        found: list[Candidate] = []
        for integration_id, account in chosen.items():
            if owner := self._owners.get(integration_id):
                problems.append(f"{integration_id} {_ownership_problem(owner, self.stack)}")
                continue
            try:
                operation = f"verifying {integration_id}"
                record = account_records.read(
                    Account(self.settings, account), integration_id, operation, self.show_line
                )
            except RequestRefused as refused:
                if not refused.is_not_found:
                    raise
                problems.append(str(refused.of_given_id()))
                continue
            if record.is_inactive:
                problems.append(f"{integration_id} is INACTIVE, which is final: leave it out.")
            elif decided := self._decision_problem(integration_id):
                problems.append(decided)
            else:
                self._warn_of_other_owners(integration_id)
                found.append(Candidate(record, account))
        return found, problems

    def _decision_problem(self, integration_id: str) -> str | None:
        """Return a problem if `recover` recorded a decision on the integration that no update has carried out."""
        for intent in self._journal.intents():
            decision = intent.decision
            if decision and decision.integration_id == integration_id and intent.is_at(self.settings.base_url):
                return (
                    f"{integration_id}: your decision in `pulumi-justt recover` was to {decision.action} it for "
                    f"{intent.urn!r}. First run `pulumi up` with that resource, which carries this out, or "
                    "`pulumi-justt recover --forget`."
                )
        return None

    def _warn_of_other_owners(self, integration_id: str) -> None:
        """Warn if the journal names another resource for an integration: with two owners, either may deactivate it.

        Warns:
            warning: According to the journal, the integration was created for a resource, or a resource adopts it.
        """
        journal, base_url = self._journal, self.settings.base_url
        creator = journal.claimant(base_url, integration_id)
        owners = [*([creator] if creator else []), *journal.adopters(base_url, integration_id)]
        if owners:
            self.show_line(
                f"warning: {integration_id}: the journal on this machine says that {owners[0]!r} has it. If that "
                "resource is in a state, two resources will own the integration, and deleting either deactivates it. "
                "To be sure, name its stack with --other-stack, or run `pulumi state delete` with that URN first."
            )

    def _make_plan(
        self,
        chosen: Sequence[Candidate],
        problems: Sequence[str],
        answers: Mapping[str, ImportAnswer],
        options: ImportOptions,
        picker: ImportPrompts,
    ) -> Plan:
        """Prompt for the answers that are not in the file, and validate all with the provider's `check`.

        The importer validates because the engine only warns of a failed `check` and imports the resource anyway. If the
        user presses Ctrl-C at a prompt, the plan has the integrations whose answers are complete by then.

        Raises:
            ImportRefused: There are *problems* already, or an answer in the file is invalid.
            PromptsStopped: The user stopped the prompts, and no integration has all its answers.
        """
        taken = {each.name for each in self._view.state.integrations()}
        configured = self.stack.configured() if options.sets_configuration else set()

        def plan(answered: Sequence[tuple[Candidate, ImportAnswer]]) -> Plan:
            protection = {"deletionProtection": True} if options.is_protected else {}
            imports = list(completed(self.settings, answered, taken, configured, protection))
            if found := [*problems, *(problem for _, of_import in imports for problem in of_import)]:
                raise ImportRefused(*found)
            return Plan([each for each, _ in imports], self.settings.reference_account_id)

        answered = [(each, answers[each.id]) for each in chosen if each.id in answers]
        result = plan(answered)
        try:
            for each in chosen:
                while each.id not in {one.id for one, _ in answered}:
                    answer = _ask(each, options, picker)
                    try:
                        result = plan([*answered, (each, answer)])
                    except ImportRefused as refused:
                        for problem in refused.problems:
                            picker.show_line(f"  {problem}")
                        picker.show_line("Please enter the values again:")
                    else:
                        answered.append((each, answer))
        except PromptsStopped:
            if not answered:
                raise
        return replace(result, left=len(chosen) - len(answered))

    def _import(self, plan: Plan, options: ImportOptions) -> Outcome:
        """Import *plan*, and set its credentials in the configuration.

        Raises:
            ImportRefused: Another command added one of the integrations to the stack in the meantime.
            StackError: The CLI refused, and nothing was imported.
        """
        chosen = {each.candidate.id for each in plan.imports}
        # The engine would import the same integration twice if the names differ.
        now = [each for each in self.stack.state().integrations() if not each.is_external]
        if meanwhile := [each for each in now if each.integration_id in chosen]:
            raise ImportRefused(
                *(f"{each.integration_id} is now in this stack, as {each.name!r}." for each in meanwhile)
            )
        failure = None
        try:
            self.stack.import_resources(plan.document())
        except StackError as error:
            # Some may have been imported. If the program does not declare them, the next `pulumi up` would delete them.
            failure = f"not everything was imported: {error}"
            try:
                there = {each.integration_id for each in self.stack.state().integrations()}
            except StackError as another:
                failure += (
                    f" The command could not find out which integrations were imported: {another} When the stack can "
                    "be read again, run the same command again. Keep only the resources of this program that are in "
                    "the stack. For the others, `pulumi up` would create duplicates."
                )
                commands = self._commands(plan)
                return Outcome(plan.named(), program(plan), commands=commands, failure=failure, is_known=False)
            plan = replace(plan, imports=[each for each in plan.imports if each.candidate.id in there])
            if not plan.imports:
                raise
            failure += " Run the command again to import the others."
        done: list[str] = []
        try:
            for key, value in plan.values() if options.sets_configuration else ():
                self.stack.set_secret(key, value)
                done.append(key)
        except StackError as error:
            failure = f"not all credentials are in the configuration: {error} Run the remaining commands."
        return Outcome(plan.named(), program(plan), done, self._commands(plan, done), failure=failure)

    def _write_file(self, plan: Plan, file: Path) -> Outcome:
        """Write the document to a file that only its owner can read."""
        content = plan.document(self.stack.encrypted(plan.secrets()))
        _write(file, f"{content}\n")
        where = shlex.quote(str(file.absolute()))
        options = f"--generate-code=false --protect=false --file {where}"
        commands = [f"pulumi import {options}{self._stack_option}", *self._commands(plan)]
        return Outcome(plan.named(), program(plan), commands=commands, file=file)

    def _commands(self, plan: Plan, done: Collection[str] = ()) -> list[str]:
        """Return the commands that set the keys of *plan*, except those that are *done*."""
        return [f"{plan.command(key)}{self._stack_option}" for key, _ in plan.values() if key not in done]


def _ask(candidate: Candidate, options: ImportOptions, picker: ImportPrompts) -> ImportAnswer:
    """Prompt for all answers of one integration."""
    record = candidate.record
    picker.show_line(f"The {record.source} integration {candidate.id} ({record.status}):")
    return import_answers.ask(record.source, candidate.suggested_name, picker, is_by_reference=options.is_by_reference)


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        ImportRefused: The file cannot be written.
    """
    try:
        write_private(file, text)
    except OSError as error:
        raise ImportRefused(f"writing {file}: {error.strerror}. Name another file.") from None


def _ownership_problem(owner: Managed, stack: Stack) -> str:
    """Return why an integration that a stack has is not imported."""
    recorded = owner.recorded
    if owner.stack != stack:
        return (
            f"is managed by {owner.stack.called}, as {recorded.name!r}, and two stacks would both replace and "
            "deactivate it. To only read it, use PaymentIntegration.get; to move it, remove it from that stack with "
            "`pulumi state delete` first."
        )
    if recorded.is_adopted:
        return (
            f"is in this stack already, adopted as {recorded.name!r}. To own it, remove adopt_id from the program and "
            "run `pulumi up`."
        )
    return f"is in this stack already, as {recorded.name!r}: leave it out."
