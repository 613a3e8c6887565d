"""The plan of one run of `pulumi-justt import`, its document for the engine, and the outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_justt.cli.engine import INTEGRATION_TYPE
from pulumi_justt.cli.importing.candidates import Candidate, described
from pulumi_justt.cli.importing.import_answers import ImportAnswer
from pulumi_justt.protocol import SECRET, SIGNATURE
from pulumi_justt.resources import _PROVIDER
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Import", "Outcome", "Plan"]


@dataclass(frozen=True, repr=False)
class Import(Unpicklable):
    """One integration to import.

    Args:
        candidate: The integration at Justt.
        answer: The user's answers.
        resource_name: The resource's name in the stack.
        variable: The resource's variable in the program.
        inputs: The resource's inputs, as the provider's `check` returns them, with secrets in plain text.
        keys: The configuration key of each secret, by the API's name of the field.
    """

    candidate: Candidate
    answer: ImportAnswer
    resource_name: str
    variable: str
    inputs: Mapping[str, Any]
    keys: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Plan(Unpicklable):
    """All imports of one run, validated before anything is written.

    Args:
        imports: The imports.
        default_account: The account in the configuration, which the program does not have to repeat.
        left: How many of the chosen integrations have no answers, because the user stopped the prompts.
    """

    imports: Sequence[Import]
    default_account: str | None
    left: int = 0

    def named(self) -> list[tuple[str, Candidate]]:
        """Return the resource name and the candidate of each import."""
        return [(each.resource_name, each.candidate) for each in self.imports]

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield the configuration key and the value of each secret."""
        for each in self.imports:
            for name, value in each.answer.secrets().items():
                yield each.keys[name], value

    def command(self, key: str) -> str:
        """Return a shell command that sets *key* in the configuration, without the value."""
        variables = {
            each.keys[name]: variable
            for each in self.imports
            for name, variable in each.answer.variables.items()
            if name in each.keys
        }
        # Piped, because other users of the machine may see arguments. The CLI removes the last line break.
        given = f"printf '%s\\n' \"${variables[key]}\" | " if key in variables else ""
        return f"{given}pulumi config set --secret {key}"

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of the document, as JSON."""
        yield from (json.dumps(value) for each in self.imports for value in each.answer.secrets().values())

    def document(self, encrypted: Mapping[str, str] | None = None) -> str:
        """Return the document for `pulumi import --file`.

        Args:
            encrypted: The ciphertext of each item of `secrets`; None for a document with plain text.
        """

        def envelope(value: str) -> dict[str, str]:
            text = json.dumps(value)
            content = {"plaintext": text} if encrypted is None else {"ciphertext": encrypted[text]}
            return {SIGNATURE: SECRET, **content}

        resources = []
        for each in self.imports:
            secrets = {name: envelope(value) for name, value in each.answer.secrets().items()}
            inputs = {
                **each.inputs,
                "secretPayload": {**each.inputs.get("secretPayload", {}), **secrets},
                "__provider": _PROVIDER,
            }
            if not inputs["secretPayload"]:
                del inputs["secretPayload"]
            record = each.candidate.record.model_dump(by_alias=True, exclude_none=True, exclude={"integration_id"})
            resources.append(
                {
                    "type": INTEGRATION_TYPE,
                    "name": each.resource_name,
                    "id": each.candidate.id,
                    "inputs": inputs,
                    "outputs": {**inputs, **record},
                }
            )
        return json.dumps({"resources": resources}, indent=2)


@dataclass(frozen=True)
class Outcome:
    """The result of an import. It holds no secrets.

    Args:
        imports: The resource name and the candidate of each import.
        program: The code to add to the program.
        keys: The configuration keys that were set.
        commands: The commands that the user still has to run, in this order.
        file: The file that the document was written to, if any.
        failure: Why the import is incomplete, if it is.
        is_known: Whether the command knows which of the resources were imported.
    """

    imports: Sequence[tuple[str, Candidate]]
    program: str
    keys: Sequence[str] = ()
    commands: Sequence[str] = ()
    file: Path | None = None
    failure: str | None = None
    is_known: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the outcome for the JSON document."""
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
