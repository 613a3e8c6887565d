"""What one run of `pulumi-justt import` brings into a stack, as the engine takes it, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_justt.cli.engine import INTEGRATION_TYPE, SECRET, SIGNATURE
from pulumi_justt.cli.importing.candidates import Candidate, described
from pulumi_justt.cli.importing.import_answers import ImportAnswer
from pulumi_justt.resources import _PROVIDER
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Import", "Outcome", "Plan"]


@dataclass(frozen=True, repr=False)
class Import(Unpicklable):
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
    answer: ImportAnswer
    resource_name: str
    variable: str
    inputs: Mapping[str, Any]
    keys: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Plan(Unpicklable):
    """All that one run imports, verified before anything is written.

    Args:
        imports: Each of them.
        default_account: The configuration's, which the program need not repeat.
    """

    imports: Sequence[Import]
    default_account: str | None

    def named(self) -> list[tuple[str, Candidate]]:
        """Return each name in the stack, with what the API tells."""
        return [(each.resource_name, each.candidate) for each in self.imports]

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
