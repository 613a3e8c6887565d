"""Get the values that the API does not return, from prompts or from an answers file, which holds no credential.

A credential is a value or a reference. The user types a value without echo, or the command reads it now from an
environment variable or a file. A reference stays in the program, and the provider resolves it during a create, so the
user enters no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pulumi_justt import references
from pulumi_justt.cli import account_records, documents
from pulumi_justt.credentials import CREDENTIAL_TYPES, CredentialType
from pulumi_justt.errors import JusttError, nearest, quoted
from pulumi_justt.payment_service_providers import provider_of
from pulumi_justt.references import FileReference, Reference
from pulumi_justt.schema import INTEGRATION, Property
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import is_visible_ascii, shown_key

__all__ = ["ASKED", "CREDENTIAL_CLASSES", "Asker", "ImportAnswer", "ImportRefused", "PromptsStopped", "ask"]
__all__ += ["is_identifier", "read_answers", "usual_class", "variable_of"]

CREDENTIAL_CLASSES = {shape.__name__: shape for shape in CREDENTIAL_TYPES.values()}
"""The credential types that Justt documents, by the names of their classes."""
_UNLISTED = "Unlisted"
_OF_MANY_LINES = "privateKey"
"""A field that is too long to type, so the prompt asks for its file."""

ASKED = [each for each in INTEGRATION if each.sent_in == "body" and each.argument not in ("source", "credentials")]
"""The properties that Justt does not return, apart from the credentials."""

_KEYS = (
    "resource_name",
    *(each.argument for each in ASKED if each.is_required),
    "credentials",
    "secret_type",
    "fields",
    *(each.argument for each in ASKED if not each.is_required),
    "reference_account_id",
)

_KEYS_OF_PLACES = {
    "variable": ("variable",),
    "fromEnv": ("fromEnv", "version"),
    "fromFile": ("fromFile", "version"),
}
"""The kinds of places for a credential, by the key that names the place, and the keys that each kind accepts."""

_PLACES = (
    "{variable: NAME} to read an environment variable now, or {fromEnv: NAME} or {fromFile: PATH} to make the program "
    "use from_env or from_file (these two accept version: NUMBER, too)"
)
"""The forms that an answers file accepts for a credential."""


class ImportRefused(JusttError):
    """The requested import is not possible. Nothing was changed.

    Args:
        problems: All problems, each as a sentence or a phrase.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__(f"nothing was imported: {'; '.join(problems)}")


class PromptsStopped(Exception):
    """The user stopped a prompt with Ctrl-C, or the input has ended."""


class Asker(Protocol):
    """Prompts the user at the terminal. Each prompt raises `PromptsStopped` if the user stops it."""

    def show_line(self, text: str) -> None:
        """Show *text*."""

    def text(self, label: str, default: str | None = None) -> str:
        """Prompt for a line. Without a *default*, it must not be empty."""

    def secret(self, label: str, *, is_required: bool) -> str:
        """Prompt for a line without echo."""

    def choice(self, label: str, options: Sequence[str], default: str | None = None) -> str:
        """Prompt for one of *options*."""


@dataclass(frozen=True, repr=False)
class ImportAnswer(Unpicklable):
    """The user's answers for one integration.

    Args:
        resource_name: The resource's name in the stack; empty for the default name.
        properties: The other properties that the API does not return, by the API's names, without the credentials.
        secret_type: The API's name of the credential type.
        fields: The credentials, by the API's names: values or references.
        variables: The environment variable that a value was read from, by the API's name of the field.
        account: The integration's account; None if not given.
    """

    resource_name: str
    properties: Mapping[str, Any]
    secret_type: str
    fields: Mapping[str, str | Reference]
    variables: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None

    def relative_to(self, folder: Path) -> ImportAnswer:
        """Return a copy whose file references are relative to the program's *folder*."""
        fields = {
            name: value.relative_to(folder) if isinstance(value, FileReference) else value
            for name, value in self.fields.items()
        }
        return replace(self, fields=fields)

    def python_name(self, wire: str) -> str:
        """Return the program's name of a credential field, from its API name."""
        shape = CREDENTIAL_TYPES.get(self.secret_type)
        fields = shape.wire_fields() if shape else {}
        return fields[wire].name if wire in fields else re.sub(r"\W", "_", wire, flags=re.ASCII)

    def secrets(self) -> dict[str, str]:
        """Return the credential values that must stay secret, by the API's names."""
        shape = CREDENTIAL_TYPES.get(self.secret_type)
        open_fields = [name for name, f in shape.wire_fields().items() if is_identifier(f)] if shape else []
        return {
            name: value for name, value in self.fields.items() if isinstance(value, str) and name not in open_fields
        }


def usual_class(source: str) -> str | None:
    """Return the name of the class of credentials that is usual for a source; None if that is not known."""
    psp = provider_of(source)
    return psp.credentials.__name__ if psp else None


def ask(source: str, suggested_name: str, asker: Asker, *, is_by_reference: bool) -> ImportAnswer:
    """Prompt for all values of an integration that the API does not return.

    Args:
        source: The integration's source (PSP).
        suggested_name: The default resource name.
        asker: Prompts the user.
        is_by_reference: Whether to prompt for the names of environment variables instead of credentials.
    """
    name = asker.text("Resource name", suggested_name)
    properties = {each.name: _prompt_for_property(asker, each) for each in ASKED if each.is_required}
    shape = CREDENTIAL_CLASSES[asker.choice("Credentials", list(CREDENTIAL_CLASSES), usual_class(source))]
    fields = {
        wire: _prompt_for_field(asker, wire, f, name if is_by_reference else None)
        for wire, f in shape.wire_fields().items()
    }
    for each in ASKED:
        if not each.is_required and (given := _prompt_for_property(asker, each)):
            properties[each.name] = given
    return ImportAnswer(name, properties, shape.secret_type, {wire: value for wire, value in fields.items() if value})


def read_answers(text: str) -> dict[str, ImportAnswer]:
    """Parse the text of an answers file, in YAML or JSON, and return the answers by integration id.

    Raises:
        ImportRefused: The text is not an answers file, or entries are invalid. The error names all problems.
    """
    try:
        content = documents.read(text)
    except documents.InvalidDocument as error:
        raise ImportRefused(f"the answers {error}") from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ImportRefused("the answers must be a mapping from the ids of integrations to the answers for each")
    problems: list[str] = []
    answers: dict[str, ImportAnswer] = {}
    for integration_id, entry in content.items():
        reader = _Entry(entry)
        # A null is ambiguous: the user may mean no value, or the text "null".
        reader.problems += [f"{place}: is null; leave it out, or put it in quotes" for place in _paths_of_nulls(entry)]
        answers[integration_id] = reader.answer()
        problems += [f"{integration_id}: {problem}" for problem in reader.problems]
    if problems:
        raise ImportRefused(*problems)
    return answers


def _paths_of_nulls(value: object, place: str = "") -> Iterator[str]:
    """Yield the path of each null within *value*."""
    if value is None:
        yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _paths_of_nulls(part, f"{place}.{key}" if place else f"{key}")


@dataclass(repr=False)
class _Entry(Unpicklable):
    """Parses the entry of one integration in an answers file, and collects its problems."""

    given: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    def answer(self) -> ImportAnswer:
        for name in sorted(self.given.keys() - set(_KEYS)):
            self.problems.append(
                f"{shown_key(name)} is not an answer{nearest(name, _KEYS)}; answers are {', '.join(_KEYS)}"
            )
        properties = {each.name: self.given[each.argument] for each in ASKED if each.argument in self.given}
        secret_type, shape = self._credential_type()
        fields, variables = self._fields(shape) if secret_type else ({}, {})
        account = self._text("reference_account_id") or None
        if account is not None and not is_visible_ascii(account):
            self.problems.append(f"reference_account_id: {account_records.NO_ACCOUNT}")
        return ImportAnswer(self._text("resource_name"), properties, secret_type, fields, variables, account)

    def _text(self, name: str) -> str:
        value = self.given.get(name, "")
        if isinstance(value, str):
            return value
        self.problems.append(f"{name}: must be text")
        return ""

    def _credential_type(self) -> tuple[str, type[CredentialType] | None]:
        called, secret_type = self._text("credentials"), self._text("secret_type")
        if called == _UNLISTED and not secret_type:
            self.problems.append("secret_type: is required with credentials Unlisted")
        if called == _UNLISTED:
            return secret_type, None
        if secret_type:
            self.problems.append("secret_type: is only allowed with credentials Unlisted")
        if called in CREDENTIAL_CLASSES:
            return CREDENTIAL_CLASSES[called].secret_type, CREDENTIAL_CLASSES[called]
        known = (*CREDENTIAL_CLASSES, _UNLISTED)
        self.problems.append(f"credentials: must be one of {', '.join(known)}{nearest(called, known)}")
        return "", None

    def _fields(self, shape: type[CredentialType] | None) -> tuple[dict[str, str | Reference], dict[str, str]]:
        places = self.given.get("fields", {})
        if not isinstance(places, dict):
            names = ", ".join(f.name for f in shape.wire_fields().values()) if shape else "as the API names them"
            self.problems.append(f"fields: must map each field ({names}) to where its credential is: {_PLACES}")
            return {}, {}
        known = shape.wire_fields() if shape else {}
        # The program's names. For an unlisted type, these are the API's names.
        wire_names = {f.name: wire for wire, f in known.items()} if shape else {name: name for name in places}
        fields: dict[str, str | Reference] = {}
        variables: dict[str, str] = {}
        for name, place in places.items():
            wire = wire_names.get(name)
            if wire is None:
                given = quoted(name, wire_names)
                self.problems.append(
                    f"fields: {given} is not a field of these credentials, which have only {', '.join(wire_names)}"
                )
                continue
            try:
                fields[wire] = _resolve(place, may_be_value=wire in known and is_identifier(known[wire]))
            except (LookupError, ValueError) as error:
                self.problems.append(f"fields.{shown_key(name)}: {error.args[0]}")
            if isinstance(place, dict) and isinstance(place.get("variable"), str):
                variables[wire] = place["variable"]
        return fields, variables


def _resolve(place: object, *, may_be_value: bool) -> str | Reference:
    """Return the value or reference of one field in an answers file.

    Raises:
        LookupError: There is no value at *place*.
        ValueError: The entry does not have a valid form. For example, it may be the credential itself.
    """
    if isinstance(place, str) and may_be_value:
        return place
    given = place if isinstance(place, dict) else {}
    kind = next((key for key in _KEYS_OF_PLACES if key in given), None)
    accepted = _KEYS_OF_PLACES[kind] if kind else tuple(_KEYS_OF_PLACES)
    for key in given:
        if key not in accepted:
            known = [each for keys in _KEYS_OF_PLACES.values() for each in keys]
            meant = repr(key) if key in known else quoted(key, known)
            raise ValueError(f"{meant} is not expected {f'beside {kind}' if kind else 'here'}: use {_PLACES}")
    if kind is None or not isinstance(given[kind], str):
        raise ValueError(f"say where the credential is, because this file must not hold the credential: {_PLACES}")
    if kind == "variable":
        return _value(references.from_env(given[kind]))
    refer = references.from_env if kind == "fromEnv" else references.from_file
    return refer(given[kind], version=_version(given.get("version", "1")))


def _value(reference: Reference) -> str:
    """Read the current value of a reference.

    Raises:
        LookupError: The variable or the file has no value.
    """
    try:
        return reference.value()
    except LookupError as error:
        raise LookupError(f"comes from {error.args[0]}") from None


def _version(text: object) -> int:
    if not (isinstance(text, str) and re.fullmatch(r"[0-9]{1,9}", text)):
        raise ValueError("version must be a whole number")
    return int(text)


def _prompt_for_property(asker: Asker, asked: Property) -> str | list[str]:
    """Prompt for one property. Return an empty value if the user omits an optional one."""
    label = asked.argument.replace("_", " ").capitalize()
    if asked.is_required:
        return asker.text(label)
    is_set = asked.kind is set
    text = asker.text(f"{label}{', separated by commas' if is_set else ''} (Enter for none)", "")
    return [item.strip() for item in text.split(",")] if is_set and text else text


def _prompt_for_field(asker: Asker, wire: str, f: Field[Any], resource_name: str | None) -> str | Reference:
    """Prompt for one credential field until the answer is valid.

    For an identifier, the prompt asks for the value. For a secret, it asks for the name of an environment variable if
    *resource_name* is given. Otherwise it asks for the value, or for the path of a file if the value has many lines.
    """
    is_required = f.default is MISSING
    optional = "" if is_required else ", Enter for none"
    default = None if is_required else ""
    if is_identifier(f):
        return asker.text(f"{f.name} (an identifier, not secret{optional})", default)
    if resource_name is None and wire != _OF_MANY_LINES:
        return asker.secret(f"{f.name} (not shown{optional})", is_required=is_required)
    found = None
    while found is None:
        found = _prompt_for_place(asker, f, resource_name, default, optional)
    return found


def _prompt_for_place(
    asker: Asker, f: Field[Any], resource_name: str | None, default: str | None, optional: str
) -> str | Reference | None:
    """Prompt for the file or variable that holds a field. Return None if the answer is invalid."""
    try:
        if resource_name is None:
            path = asker.text(f"{f.name} (the file that holds it{optional})", default)
            return _value(references.from_file(path)) if path else ""
        variable = asker.text(
            f"{f.name} (the variable that holds it when pulumi runs{optional})",
            variable_of(resource_name, f) if default is None else "",
        )
        return references.from_env(variable) if variable else ""
    except (LookupError, ValueError) as error:
        asker.show_line(f"{f.name}: {error.args[0]}")
        return None


def variable_of(resource_name: str, f: Field[Any]) -> str:
    """Return a name for the environment variable that holds a credential field, which `from_env` accepts."""
    name = re.sub(r"\W", "_", f"{resource_name}_{f.name}", flags=re.ASCII).upper()
    return name if re.match(r"(?!JUSTT_|PULUMI_)[A-Z_]", name) else f"PSP_{name}"


def is_identifier(f: Field[Any]) -> bool:
    """Return whether a credential field is an identifier, which is not secret."""
    return bool(f.metadata.get("identifier"))
