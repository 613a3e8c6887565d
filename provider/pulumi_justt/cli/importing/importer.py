"""`pulumi-justt import`: integrations that exist become a stack's own, with a program that changes nothing of them.

Justt is only read: each id is verified by a GET. What `pulumi import --file` is given is the state that a create would
have left, key by key. The engine takes it through a pipe, so that no credential is in a file or an argument; where a
file is asked for, its secrets are encrypted by the stack's own secrets provider, so that only this stack can read it.
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
from pulumi_justt.cli.importing.import_answers import Asker, ImportAnswer, ImportRefused
from pulumi_justt.cli.importing.plan import Outcome, Plan
from pulumi_justt.cli.importing.program import program
from pulumi_justt.cli.project import program_folder
from pulumi_justt.cli.stacks import Stack, StackError
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Journal
from pulumi_justt.errors import RequestRefused
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.references import Reference
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["ImportOptions", "Importer", "Picker"]


class Picker(Asker, Protocol):
    """Asks about all as well."""

    def pick(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Show *candidates*, and return those that are to be imported."""

    def confirm(self, plan: Plan, options: ImportOptions) -> None:
        """Show what is going to happen, and come back only if that is meant."""


@dataclass(frozen=True, repr=False)
class ImportOptions(Unpicklable):
    """What the user asks for.

    Args:
        ids: The integrations to import.
        is_all: Whether all are, that no given stack has.
        answers: The text of an answers file; without *ids* and *is_all*, what it names is imported.
        account: The account to list; default is the configuration's.
        is_by_reference: Whether credentials are asked for as names of variables.
        is_protected: Whether what is imported gets `deletion_protection`.
        file: Where the document goes, instead of being imported.
        sets_configuration: Whether the credentials are set in the stack's configuration too.
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
        """Whether nobody has to pick."""
        return bool(self.ids or self.is_all or self.answers is not None)


@dataclass
class Importer:
    """Imports into one stack.

    Args:
        stack: The stack that is to own the integrations.
        others: Stacks that may have some of them.
        tell: Shows one line.
        doubts: Why what was listed may not be all.
    """

    stack: Stack
    others: Sequence[Stack]
    tell: Callable[[str], None]
    doubts: list[str] = field(default_factory=list, init=False)

    @functools.cached_property
    def _view(self) -> View:
        return account_records.view(self.stack)

    @functools.cached_property
    def _journal(self) -> Journal:
        return intents.opened(self.tell)

    @property
    def settings(self) -> Settings:
        """The configuration of the stack."""
        return self._view.settings

    @property
    def _stack_option(self) -> str:
        folder = f" --cwd {shlex.quote(str(self.stack.folder))}" if self.stack.folder != Path() else ""
        return f"{self.stack.option}{folder}"

    @functools.cached_property
    def _owners(self) -> dict[str, Managed]:
        """Who has each integration; the stack itself comes first."""
        owners = account_records.owners([self._view, *map(account_records.view, self.others)])
        return {its: owner for (environment, its), owner in owners.items() if environment == self.settings.environment}

    def candidates(self, account: str | None = None) -> list[Candidate]:
        """Return what none of the stacks has and what is not INACTIVE.

        Args:
            account: The account to list; default is the configuration's.

        Warns:
            warning: The account is too long to be listed whole.

        Raises:
            RequestError: The account could not be listed.
        """
        where = Account(self.settings, account or self.settings.reference_account_id)
        # First what the stacks have, so that no words of Justt are shown that may repeat a credential of theirs.
        owners = self._owners
        listing = account_records.listed(where)
        if not listing.is_complete:
            doubt = f"{account_records.cut_short(where, len(listing.records))} Name what is missing by --id."
            self.doubts.append(doubt)
            self.tell(f"warning: {doubt}")
        return [
            Candidate(record, where.reference)
            for record in listing.records.values()
            if not record.is_inactive and record.integration_id not in owners
        ]

    def run(self, options: ImportOptions, picker: Picker) -> Outcome | None:
        """Import what *wishes* and the user ask for; None where that is nothing.

        Raises:
            ImportRefused: It cannot be done; all reasons are named at once, and nothing was changed.
            StackError: The stack could not be read, or refused.
            RequestError: Justt could not be asked.
        """
        if options.file is not None and options.file.exists():
            raise ImportRefused(f"{options.file} exists, and nothing is overwritten. Name another file.")
        if options.file is not None and not options.file.parent.is_dir():
            raise ImportRefused(f"there is no folder {options.file.parent}. Make it, or name another file.")
        given = {} if options.answers is None else import_answers.read_answers(options.answers)
        # The program finds its files from there.
        answers = {each: answer.relative_to(program_folder(self.stack.folder)) for each, answer in given.items()}
        for answer in answers.values():
            shared_redactor().add_secrets(answer.secrets())
            if any(isinstance(value, Reference) for value in answer.fields.values()):
                shared_redactor().mark_incomplete()
        chosen = self._chosen(options, answers, picker)
        if not chosen:
            return None
        plan = self._planned(*self._verified(chosen), answers, options, picker)
        picker.confirm(plan, options)
        return self._written(plan, options.file) if options.file else self._imported(plan, options)

    def _chosen(
        self, options: ImportOptions, answers: Mapping[str, ImportAnswer], picker: Picker
    ) -> dict[str, str | None]:
        """Return the ids to import, with the account of each."""
        account = options.account or self.settings.reference_account_id
        if options.ids:
            ids: Sequence[str] = options.ids
        elif options.answers is not None and not options.is_all:
            there = self._there(answers)
            ids = [each for each in answers if each not in there]
        else:
            self._there(answers)
            candidates = self.candidates(account)
            ids = [each.id for each in (candidates if options.is_all else picker.pick(candidates))]
        return {each: (answers[each].account if each in answers else None) or account for each in ids}

    def _there(self, answers: Mapping[str, ImportAnswer]) -> set[str]:
        """Return what the stack has as *answers* say, by an earlier run of them."""
        there = set()
        for integration_id, answer in answers.items():
            owner = self._owners.get(integration_id)
            if owner is None or owner.stack != self.stack or owner.recorded.is_adopted or owner.recorded.is_replaced:
                continue
            name = owner.recorded.name
            suggested = suggested_name(str(owner.recorded.outputs.get("source")), integration_id)
            if name == (answer.resource_name or suggested):
                self.tell(f"{integration_id} is in this stack already, as {name!r}: left out.")
                there.add(integration_id)
        return there

    def _verified(self, chosen: Mapping[str, str | None]) -> tuple[list[Candidate], list[str]]:
        """Read each by itself, and return those that exist, with what is in the way of the others."""
        problems: list[str] = []
        found: list[Candidate] = []
        for integration_id, account in chosen.items():
            if owner := self._owners.get(integration_id):
                problems.append(f"{integration_id} {_owned(owner, self.stack)}")
                continue
            try:
                operation = f"verifying {integration_id}"
                record = account_records.read(Account(self.settings, account), integration_id, operation, self.tell)
            except RequestRefused as refused:
                if not refused.is_not_found:
                    raise
                problems.append(str(refused.of_given_id()))
                continue
            if record.is_inactive:
                problems.append(f"{integration_id} is INACTIVE, which is final: leave it out.")
            elif decided := self._decided(integration_id):
                problems.append(decided)
            else:
                self._tell_of_others(integration_id)
                found.append(Candidate(record, account))
        return found, problems

    def _decided(self, integration_id: str) -> str | None:
        """Return what the next update is to do with an integration, if `recover` has left it that."""
        for intent in self._journal.intents():
            decision = intent.decision
            if decision and decision.integration_id == integration_id and intent.is_at(self.settings.base_url):
                return (
                    f"{integration_id}: `pulumi-justt recover` was told to {decision.action} it for {intent.urn!r}. "
                    "Run `pulumi up` with that resource, which does it, or `pulumi-justt recover --forget` first."
                )
        return None

    def _tell_of_others(self, integration_id: str) -> None:
        """Tell who has an integration, as far as the journal knows: two stacks that own it stop it for each other.

        Warns:
            warning: The journal knows a resource that the integration to import was created for, or that adopts it.
        """
        journal, base_url = self._journal, self.settings.base_url
        creator = journal.claimant(base_url, integration_id)
        owners = [*([creator] if creator else []), *journal.adopters(base_url, integration_id)]
        if owners:
            self.tell(
                f"warning: {integration_id}: the journal on this machine says that {owners[0]!r} has it. If that is in "
                "a state, two resources will own the integration, and deleting either stops it: name its stack with "
                "--other-stack, to be sure, or run `pulumi state delete` with that URN first."
            )

    def _planned(
        self,
        chosen: Sequence[Candidate],
        problems: Sequence[str],
        answers: Mapping[str, ImportAnswer],
        options: ImportOptions,
        picker: Picker,
    ) -> Plan:
        """Complete the answers, asking for what is not in the file, and verify all by the provider's own check.

        The engine only warns of what fails that check, and imports it all the same.

        Raises:
            ImportRefused: There are *problems* already, or an answer of the file cannot be used.
        """
        taken = {each.name for each in self._view.state.integrations()}
        configured = self.stack.configured() if options.sets_configuration else set()

        def plan(answered: Sequence[tuple[Candidate, ImportAnswer]]) -> Plan:
            protection = {"deletionProtection": True} if options.is_protected else {}
            made = list(completed(self.settings, answered, taken, configured, protection))
            if told := [*problems, *(problem for _, its in made for problem in its)]:
                raise ImportRefused(*told)
            return Plan([each for each, _ in made], self.settings.reference_account_id)

        answered = [(each, answers[each.id]) for each in chosen if each.id in answers]
        result = plan(answered)
        for each in chosen:
            while each.id not in {one.id for one, _ in answered}:
                picker.tell(f"The {each.record.source} integration {each.id} ({each.record.status}):")
                answer = import_answers.ask(
                    each.record.source, each.suggested_name, picker, is_by_reference=options.is_by_reference
                )
                try:
                    result = plan([*answered, (each, answer)])
                except ImportRefused as refused:
                    for problem in refused.problems:
                        picker.tell(f"  {problem}")
                    picker.tell("Once more:")
                else:
                    answered.append((each, answer))
        return result

    def _imported(self, plan: Plan, options: ImportOptions) -> Outcome:
        """Import *plan*, and set its credentials in the configuration.

        Raises:
            ImportRefused: The stack got one of them while the user was asked.
            StackError: The CLI refused, and nothing was imported.
        """
        chosen = {each.candidate.id for each in plan.imports}
        # Under another name the engine would take it a second time.
        now = [each for each in self.stack.state().integrations() if not each.is_external]
        if meanwhile := [each for each in now if each.integration_id in chosen]:
            raise ImportRefused(
                *(f"{each.integration_id} is in this stack meanwhile, as {each.name!r}." for each in meanwhile)
            )
        failure = None
        try:
            self.stack.import_resources(plan.document())
        except StackError as error:
            # What arrived all the same is deleted by the next `up` of a program without it.
            failure = f"not all is imported: {error}"
            try:
                there = {each.integration_id for each in self.stack.state().integrations()}
            except StackError as another:
                failure += (
                    f" What is could not be found out: {another} When the stack can be read again, give the same "
                    "command once more, and keep of this program only what the stack has by then: `pulumi up` would "
                    "create the others a second time."
                )
                commands = self._commands(plan)
                return Outcome(plan.named(), program(plan), commands=commands, failure=failure, is_known=False)
            plan = replace(plan, imports=[each for each in plan.imports if each.candidate.id in there])
            if not plan.imports:
                raise
            failure += " Import the others by another run."
        done: list[str] = []
        try:
            for key, value in plan.values() if options.sets_configuration else ():
                self.stack.set_secret(key, value)
                done.append(key)
        except StackError as error:
            failure = f"not all is in the configuration: {error} Run the commands that are left."
        return Outcome(plan.named(), program(plan), done, self._commands(plan, done), failure=failure)

    def _written(self, plan: Plan, file: Path) -> Outcome:
        """Write the document to a file that only its owner may read.

        Raises:
            ImportRefused: It cannot be written.
        """
        content = plan.document(self.stack.encrypted(plan.secrets()))
        try:
            write_private(file, f"{content}\n")
        except OSError as error:
            raise ImportRefused(f"writing {file}: {error.strerror}. Name another file.") from None
        where = shlex.quote(str(file.absolute()))
        options = f"--generate-code=false --protect=false --file {where}"
        commands = [f"pulumi import {options}{self._stack_option}", *self._commands(plan)]
        return Outcome(plan.named(), program(plan), commands=commands, file=file)

    def _commands(self, plan: Plan, done: Collection[str] = ()) -> list[str]:
        """Return the commands that set the keys of *plan* that are not *done*."""
        return [f"{plan.command(key)}{self._stack_option}" for key, _ in plan.values() if key not in done]


def _owned(owner: Managed, stack: Stack) -> str:
    """Say why what a stack has is not imported."""
    recorded = owner.recorded
    if owner.stack != stack:
        return (
            f"is managed by {owner.stack.called}, as {recorded.name!r}, and two stacks would both replace and "
            "deactivate it: look at it by PaymentIntegration.get, or take it out of that stack by `pulumi state "
            "delete` first."
        )
    if recorded.is_adopted:
        return (
            f"is in this stack already, adopted as {recorded.name!r}: take adopt_id out of the program, and the next "
            "`pulumi up` makes it this stack's own."
        )
    return f"is in this stack already, as {recorded.name!r}: leave it out."
