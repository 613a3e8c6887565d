"""`pulumi-justt import`: integrations that exist become a stack's own, with a program that changes nothing of them.

Justt is only read: each id is verified by a GET. What `pulumi import --file` is given is the state that a create would
have left, key by key. The engine takes it through a pipe, so that no credential is in a file or an argument; where a
file is asked for, its secrets are encrypted by the stack's own secrets provider, so that only this stack can read it.
"""

from __future__ import annotations

import functools
import json
import keyword
import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pulumi_justt.api.client import JusttClient, shared_client
from pulumi_justt.api.models import SOURCES, RemoteRecord
from pulumi_justt.cli import asking, intents, survey
from pulumi_justt.cli.asking import Answer, Asker, ImportRefused
from pulumi_justt.cli.engine import INTEGRATION_TYPE, SECRET, SIGNATURE
from pulumi_justt.cli.program_text import Items, call, quoted, rendered
from pulumi_justt.cli.stacks import Stack, StackError, program_folder
from pulumi_justt.cli.survey import Account, Managed, View
from pulumi_justt.core.config import Settings
from pulumi_justt.core.integration import Integrations
from pulumi_justt.core.journal import Journal
from pulumi_justt.credentials import SHAPES
from pulumi_justt.errors import Refused
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.references import FileReference, Reference
from pulumi_justt.resources import _PROVIDER
from pulumi_justt.schema import INTEGRATION
from pulumi_justt.secrecy import SecretHolder

__all__ = ["Candidate", "ImportRefused", "Importer", "Outcome", "Plan", "Wishes", "picked"]

_RESOURCE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_RESERVED = {"config", "justt", "pulumi"}
"""What the program calls its modules and its configuration."""


@dataclass(frozen=True)
class Candidate:
    """An integration that the API knows.

    Args:
        record: What the API tells of it.
        account: The account that it was found in; None where the key has only one.
    """

    record: RemoteRecord
    account: str | None

    @property
    def id(self) -> str:
        """The id at Justt."""
        return self.record.integration_id

    @property
    def suggested_name(self) -> str:
        """A resource name, where the user gives none."""
        return _suggested_name(self.record.source, self.id)


class Picker(Asker, Protocol):
    """Asks about all as well."""

    def pick(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Show *candidates*, and return those that are to be imported."""

    def agree(self, plan: Plan, wishes: Wishes) -> None:
        """Show what is going to happen, and come back only if that is meant."""


@dataclass(frozen=True, repr=False)
class Wishes(SecretHolder):
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


@dataclass(frozen=True, repr=False)
class Import(SecretHolder):
    """One integration on its way into the stack.

    Args:
        candidate: What the API tells.
        answer: What the user says.
        resource_name: Its name in the stack.
        variable: Its name in the program.
        inputs: What the state holds of both, as the provider's own check completes it, secrets in clear.
        keys: The configuration's key of each secret, under the API's name of the field.
    """

    candidate: Candidate
    answer: Answer
    resource_name: str
    variable: str
    inputs: Mapping[str, Any]
    keys: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Plan(SecretHolder):
    """All that one run imports, verified before anything is written.

    Args:
        imports: Each of them.
        default_account: The configuration's, which the program need not repeat.
    """

    imports: Sequence[Import]
    default_account: str | None

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield the configuration's key of each secret, with its value."""
        for each in self.imports:
            for name, value in each.answer.secrets().items():
                yield each.keys[name], value

    def command(self, key: str) -> str:
        """Return the command that sets *key* in the configuration; its value is not in it."""
        variables = {
            each.keys[name]: variable
            for each in self.imports
            for name, variable in each.answer.variables.items()
            if name in each.keys
        }
        # Not as an argument, which other users of the machine may see; the CLI takes the last line break off.
        given = f"printf '%s\\n' \"${variables[key]}\" | " if key in variables else ""
        return f"{given}pulumi config set --secret {key}"

    def secrets(self) -> Iterator[str]:
        """Yield what is secret in the document, as it stands there."""
        yield json.dumps(_PROVIDER)
        yield from (json.dumps(value) for each in self.imports for value in each.answer.secrets().values())

    def document(self, encrypted: Mapping[str, str] | None = None) -> str:
        """Return what `pulumi import --file` takes.

        Args:
            encrypted: What stands for each of `secrets`; without it they are in clear.
        """

        def envelope(value: str) -> dict[str, str]:
            text = json.dumps(value)
            content = {"plaintext": text} if encrypted is None else {"ciphertext": encrypted[text]}
            return {SIGNATURE: SECRET, **content}

        provider = envelope(_PROVIDER)
        resources = []
        for each in self.imports:
            secrets = {name: envelope(value) for name, value in each.answer.secrets().items()}
            inputs = {
                **each.inputs,
                "secretPayload": {**each.inputs.get("secretPayload", {}), **secrets},
                "__provider": provider,
            }
            if not inputs["secretPayload"]:
                del inputs["secretPayload"]
            told = each.candidate.record.model_dump(by_alias=True, exclude_none=True)
            resources.append(
                {
                    "type": INTEGRATION_TYPE,
                    "name": each.resource_name,
                    "id": each.candidate.id,
                    "inputs": inputs,
                    "outputs": {**inputs, **told},
                }
            )
        return json.dumps({"resources": resources}, indent=2)

    def program(self) -> str:
        """Return the program that equals what is imported; no value of a secret is in it."""
        parts = ["import pulumi_justt as justt\n"]
        if any(each.keys for each in self.imports):
            parts = ["import pulumi\nimport pulumi_justt as justt\n", "config = pulumi.Config()\n"]
        parts.append("".join(f"{line}\n" for each in self.imports for line in self._resource(each)))
        return "\n".join(parts)

    def _resource(self, each: Import) -> Iterator[str]:
        arguments: dict[str, str | Items] = {}
        for known in INTEGRATION:
            if known.argument == "credentials":
                arguments["credentials"] = _credentials(each)
            elif known.name in each.inputs and known.origin == "program":
                arguments[known.argument] = _literal(each.inputs[known.name])
        if each.candidate.account == self.default_account:
            arguments.pop("reference_account_id", None)
        resource = call("justt.PaymentIntegration", quoted(each.resource_name), **arguments)
        return rendered(replace(resource, is_long=True), f"{each.variable} = ")


@dataclass(frozen=True)
class Outcome:
    """What became of it; nothing in here is secret.

    Args:
        imports: Resource name and what the API tells of each.
        program: The text to paste.
        keys: What was set in the configuration.
        commands: What the user still has to run, in this order.
        file: Where the document was written, if it was.
        failure: Why not all was done.
        is_known: Whether it is known which of them the stack has.
    """

    imports: Sequence[tuple[str, Candidate]]
    program: str
    keys: Sequence[str] = ()
    commands: Sequence[str] = ()
    file: Path | None = None
    failure: str | None = None
    is_known: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as a script reads it."""
        return {
            "integrations": [
                {**described(candidate), "resourceName": resource_name} for resource_name, candidate in self.imports
            ],
            "isImported": self.file is None and bool(self.imports) if self.is_known else None,
            "program": self.program,
            "configuration": list(self.keys),
            "commands": list(self.commands),
            "file": None if self.file is None else str(self.file),
            "failure": self.failure,
        }


def described(candidate: Candidate) -> dict[str, Any]:
    """Return *candidate* as a script reads it."""
    return {
        **candidate.record.model_dump(by_alias=True),
        "referenceAccountId": candidate.account,
    }


def picked(text: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return what *text* picks: numbers from 1, ranges such as 2-4, ids, or `all`; separated by commas or spaces.

    Raises:
        ImportRefused: A part of it picks nothing.
    """
    by_id = {candidate.id: candidate for candidate in candidates}
    chosen: dict[str, Candidate] = {}
    for part in text.replace(",", " ").split():
        span = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (0, 0)
        if part == "all":
            chosen |= by_id
        elif part in by_id:
            chosen[part] = by_id[part]
        elif 1 <= first <= last <= len(candidates):
            chosen |= {each.id: each for each in candidates[first - 1 : last]}
        else:
            raise ImportRefused(
                f"{part!r} picks nothing: say numbers from 1 to {len(candidates)}, ranges such as 1-2, ids, or all."
            )
    return list(chosen.values())


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
        return survey.view(self.stack)

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
        return (f" --stack {shlex.quote(self.stack.name)}" if self.stack.name else "") + folder

    @functools.cached_property
    def _owners(self) -> dict[str, Managed]:
        """Who has each integration; the stack itself comes first."""
        views = [self._view, *map(survey.view, self.others)]
        owners: dict[str, Managed] = {}
        for (environment, integration_id), all_of_it in survey.managed(views).items():
            for each in all_of_it:
                if environment == self.settings.environment and not each.recorded.is_external:
                    owners.setdefault(integration_id, each)
        return owners

    def candidates(self, account: str | None = None) -> list[Candidate]:
        """Return what none of the stacks has and what is not INACTIVE.

        Args:
            account: The account to list; default is the configuration's.

        Tells:
            warning: The account is too long to be listed whole.

        Raises:
            RequestError: The account could not be listed.
        """
        where = Account(self.settings, account or self.settings.reference_account_id)
        # First what the stacks have, so that no words of Justt are shown that may repeat a credential of theirs.
        owners = self._owners
        listing = survey.listed(where)
        if not listing.is_complete:
            doubt = f"{survey.cut_short(where, len(listing.records))} Name what is missing by --id."
            self.doubts.append(doubt)
            self.tell(f"warning: {doubt}")
        return [
            Candidate(record, where.reference)
            for record in listing.records.values()
            if not record.is_inactive and record.integration_id not in owners
        ]

    def run(self, wishes: Wishes, picker: Picker) -> Outcome | None:
        """Import what *wishes* and the user ask for; None where that is nothing.

        Raises:
            ImportRefused: It cannot be done; all reasons are named at once, and nothing was changed.
            StackError: The stack could not be read, or refused.
            RequestError: Justt could not be asked.
        """
        if wishes.file is not None and wishes.file.exists():
            raise ImportRefused(f"{wishes.file} exists, and nothing is overwritten. Name another file.")
        if wishes.file is not None and not wishes.file.parent.is_dir():
            raise ImportRefused(f"there is no folder {wishes.file.parent}. Make it, or name another file.")
        given = {} if wishes.answers is None else asking.read_answers(wishes.answers)
        # The program finds its files from there.
        answers = {each: answer.relative_to(program_folder(self.stack.folder)) for each, answer in given.items()}
        for answer in answers.values():
            shared_redactor().learn(answer.secrets())
            if any(isinstance(value, Reference) for value in answer.fields.values()):
                shared_redactor().miss()
        chosen = self._chosen(wishes, answers, picker)
        if not chosen:
            return None
        plan = self._planned(*self._verified(chosen), answers, wishes, picker)
        picker.agree(plan, wishes)
        return self._written(plan, wishes.file) if wishes.file else self._imported(plan, wishes)

    def _chosen(self, wishes: Wishes, answers: Mapping[str, Answer], picker: Picker) -> dict[str, str | None]:
        """Return the ids to import, with the account of each."""
        account = wishes.account or self.settings.reference_account_id
        if wishes.ids:
            ids: Sequence[str] = wishes.ids
        elif wishes.answers is not None and not wishes.is_all:
            there = self._there(answers)
            ids = [each for each in answers if each not in there]
        else:
            self._there(answers)
            candidates = self.candidates(account)
            ids = [each.id for each in (candidates if wishes.is_all else picker.pick(candidates))]
        return {each: (answers[each].account if each in answers else None) or account for each in ids}

    def _there(self, answers: Mapping[str, Answer]) -> set[str]:
        """Return what the stack has as *answers* say, by an earlier run of them."""
        there = set()
        for integration_id, answer in answers.items():
            owner = self._owners.get(integration_id)
            if owner is None or owner.stack != self.stack or owner.recorded.is_adopted or owner.recorded.is_replaced:
                continue
            name = owner.recorded.name
            suggested = _suggested_name(str(owner.recorded.outputs.get("source")), integration_id)
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
                record = shared_client(self.settings, self.tell).get_integration(
                    integration_id, tried=f"verifying {integration_id}", account=account
                )
            except Refused as refused:
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

        Tells:
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
        answers: Mapping[str, Answer],
        wishes: Wishes,
        picker: Picker,
    ) -> Plan:
        """Complete the answers, asking for what is not in the file, and verify all by the provider's own check.

        The engine only warns of what fails that check, and imports it all the same.

        Raises:
            ImportRefused: There are *problems* already, or an answer of the file cannot be used.
        """
        taken = {each.name for each in self._view.state.integrations()}
        configured = self.stack.configured() if wishes.sets_configuration else set()

        def plan(answered: Sequence[tuple[Candidate, Answer]]) -> Plan:
            protection = {"deletionProtection": True} if wishes.is_protected else {}
            made = list(_completed(self.settings, answered, taken, configured, protection))
            if told := [*problems, *(problem for _, its in made for problem in its)]:
                raise ImportRefused(*told)
            return Plan([each for each, _ in made], self.settings.reference_account_id)

        answered = [(each, answers[each.id]) for each in chosen if each.id in answers]
        result = plan(answered)
        for each in chosen:
            while each.id not in {one.id for one, _ in answered}:
                picker.tell(f"The {each.record.source} integration {each.id} ({each.record.status}):")
                answer = asking.ask(
                    each.record.source, each.suggested_name, picker, is_by_reference=wishes.is_by_reference
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

    def _imported(self, plan: Plan, wishes: Wishes) -> Outcome:
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
                commands = [f"{plan.command(key)}{self._stack_option}" for key, _ in plan.values()]
                return Outcome(_named(plan), plan.program(), commands=commands, failure=failure, is_known=False)
            plan = replace(plan, imports=[each for each in plan.imports if each.candidate.id in there])
            if not plan.imports:
                raise
            failure += " Import the others by another run."
        done: list[str] = []
        keys = [key for key, _ in plan.values()]
        try:
            for key, value in plan.values() if wishes.sets_configuration else ():
                self.stack.set_secret(key, value)
                done.append(key)
        except StackError as error:
            failure = f"not all is in the configuration: {error} Run the commands that are left."
        left = [f"{plan.command(key)}{self._stack_option}" for key in keys if key not in done]
        return Outcome(_named(plan), plan.program(), done, left, failure=failure)

    def _written(self, plan: Plan, file: Path) -> Outcome:
        """Write the document to a file that only its owner may read.

        Raises:
            ImportRefused: It cannot be written.
        """
        content = plan.document(self.stack.encrypted(plan.secrets()))
        try:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(content + "\n")
        except OSError as error:
            raise ImportRefused(f"writing {file}: {error.strerror}. Name another file.") from None
        where = shlex.quote(str(file.absolute()))
        options = f"--generate-code=false --protect=false --file {where}"
        commands = [
            f"pulumi import {options}{self._stack_option}",
            *(f"{plan.command(key)}{self._stack_option}" for key, _ in plan.values()),
        ]
        return Outcome(_named(plan), plan.program(), commands=commands, file=file)


def _completed(
    settings: Settings,
    answered: Sequence[tuple[Candidate, Answer]],
    taken: Collection[str],
    configured: Collection[str],
    protection: Mapping[str, bool],
) -> Iterator[tuple[Import, list[str]]]:
    """Yield each import with what is wrong with it.

    Args:
        settings: The configuration of the stack.
        answered: What to import, and what the user says of each.
        taken: Names of resources that the stack has.
        configured: Keys that its configuration has.
        protection: The property that protects each of them, if they are to be protected.
    """
    core = Integrations(settings, client=_no_client, tell=lambda _: None)
    names, variables, keys = set(taken), set(_RESERVED), set(configured)
    for candidate, answer in answered:
        name = answer.resource_name or candidate.suggested_name
        problems = [*_name_problems(name, names)]
        names.add(name)
        checked = core.check({}, {**_properties(candidate, answer), **protection})
        problems += checked.failures
        variable = _unique(_identifier(name), variables)
        variables.add(variable)
        own_keys: dict[str, str] = {}
        for wire in answer.secrets():
            # Fields of an unlisted type may differ in nothing that a key has: apiKey and api_key.
            own_keys[wire] = _unique(_key(variable, _python_name(answer, wire)), own_keys.values())
        problems += [
            f"the configuration has {key} already: give another resource_name, or remove it by `pulumi config rm {key}`"
            for key in own_keys.values()
            if key in keys
        ]
        keys |= {*own_keys.values()}
        yield (
            Import(candidate, answer, name, variable, checked.inputs, own_keys),
            [f"{candidate.id}: {text}" for text in problems],
        )


def _properties(candidate: Candidate, answer: Answer) -> dict[str, Any]:
    """Return what the program hands over."""
    source = candidate.record.source
    properties = {
        **answer.properties,
        "source": source,
        "secretType": answer.secret_type,
        "secretPayload": {name: value for name, value in answer.fields.items() if isinstance(value, str)},
        "secretReferences": {name: each.wire() for name, each in answer.fields.items() if isinstance(each, Reference)},
    }
    if candidate.account is not None:
        properties["referenceAccountId"] = candidate.account
    if source not in SOURCES or answer.secret_type not in SHAPES:
        properties["allowUnlisted"] = True
    return properties


def _literal(value: object) -> str | Items:
    """Write a property as a program does."""
    if isinstance(value, list):
        return Items("[", "]", [("", _literal(item)) for item in value])
    return quoted(value) if isinstance(value, str) else repr(value)


def _credentials(each: Import) -> Items:
    """Return the credentials as the program gives them."""
    answer = each.answer
    values = {name: _field(name, each) for name in answer.fields}
    shape = SHAPES.get(answer.secret_type)
    if shape is None:
        payload = Items("{", "}", [(f"{quoted(name)}: ", value) for name, value in values.items()])
        return call("justt.credentials.Unlisted", secret_type=quoted(answer.secret_type), payload=payload)
    named = {_python_name(answer, name): value for name, value in values.items()}
    return call(f"justt.credentials.{shape.__name__}", **named)


def _field(name: str, each: Import) -> str | Items:
    value = each.answer.fields[name]
    if name in each.keys:
        return call("config.require_secret", quoted(each.keys[name]))
    if isinstance(value, str):
        return quoted(value)
    function = "justt.from_file" if isinstance(value, FileReference) else "justt.from_env"
    return call(function, quoted(value.place), **({} if value.version == 1 else {"version": str(value.version)}))


def _name_problems(name: str, taken: Collection[str]) -> Iterator[str]:
    if not _RESOURCE_NAME.fullmatch(name):
        yield "resource_name: must begin with a letter or digit, and have only those and . _ -"
    elif name in taken:
        yield f"resource_name: there is another {name!r}"


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


def _suggested_name(source: str, integration_id: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{source}-{integration_id[:8]}".lower()).strip("-")


def _named(plan: Plan) -> list[tuple[str, Candidate]]:
    return [(each.resource_name, each.candidate) for each in plan.imports]


def _python_name(answer: Answer, wire: str) -> str:
    shape = SHAPES.get(answer.secret_type)
    fields = shape.wire_fields() if shape else {}
    return fields[wire].name if wire in fields else re.sub(r"\W", "_", wire, flags=re.ASCII)


def _identifier(resource_name: str) -> str:
    """Return what a program calls the resource."""
    name = re.sub(r"\W+", "_", resource_name, flags=re.ASCII).lower().strip("_") or "integration"
    if name[0].isdigit():
        return f"integration_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _key(variable: str, field: str) -> str:
    """Return what the configuration calls a secret."""
    head, *tail = f"{variable}_{field}".split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _unique(name: str, taken: Collection[str]) -> str:
    number, unique = 2, name
    while unique in taken:
        number, unique = number + 1, f"{name}_{number}"
    return unique


def _no_client() -> JusttClient:
    raise AssertionError("check sends nothing")
