"""Names the imported resources, their variables and configuration keys, and validates their inputs."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pulumi_justt.api.models import SOURCES
from pulumi_justt.cli.importing.candidates import Candidate
from pulumi_justt.cli.importing.import_answers import ImportAnswer
from pulumi_justt.cli.importing.plan import Import
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.log import SILENT
from pulumi_justt.references import Reference

__all__ = ["completed"]

_RESOURCE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_RESERVED = {"config", "justt", "pulumi"}
"""Names that the program uses for its modules and its configuration."""


def completed(
    settings: Settings,
    answered: Sequence[tuple[Candidate, ImportAnswer]],
    taken: Collection[str],
    configured: Collection[str],
    protection: Mapping[str, bool],
) -> Iterator[tuple[Import, list[str]]]:
    """Yield each import with its problems, if any.

    Args:
        settings: The settings of the stack.
        answered: The integrations to import, with the user's answers.
        taken: The names of the resources that the stack has.
        configured: The keys that the stack's configuration has.
        protection: The property that protects each resource; empty for no protection.
    """
    core = IntegrationLifecycle(settings, client=_no_client, log=SILENT)
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
            # Two fields of an unlisted type may lead to the same key, for example apiKey and api_key.
            own_keys[wire] = _unique(_key(variable, answer.python_name(wire)), own_keys.values())
        problems += [
            f"the configuration has {key} already: use another resource_name, or run `pulumi config rm {key}`"
            for key in own_keys.values()
            if key in keys
        ]
        keys |= {*own_keys.values()}
        yield (
            Import(candidate, answer, name, variable, checked.inputs, own_keys),
            [f"{candidate.id}: {text}" for text in problems],
        )


def _properties(candidate: Candidate, answer: ImportAnswer) -> dict[str, Any]:
    """Return the properties that the program passes to the resource."""
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
    if source not in SOURCES or answer.secret_type not in CREDENTIAL_TYPES:
        properties["allowUnlisted"] = True
    return properties


def _name_problems(name: str, taken: Collection[str]) -> Iterator[str]:
    if not _RESOURCE_NAME.fullmatch(name):
        yield "resource_name: must begin with a letter or digit, and contain only letters, digits and . _ -"
    elif name in taken:
        yield f"resource_name: there is already a resource {name!r}"


def _identifier(resource_name: str) -> str:
    """Return the program's variable for the resource."""
    name = re.sub(r"\W+", "_", resource_name, flags=re.ASCII).lower().strip("_") or "integration"
    if name[0].isdigit():
        return f"integration_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _key(variable: str, field: str) -> str:
    """Return the configuration key of a secret."""
    head, *tail = f"{variable}_{field}".split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _unique(name: str, taken: Collection[str]) -> str:
    number, unique = 2, name
    while unique in taken:
        number, unique = number + 1, f"{name}_{number}"
    return unique


def _no_client() -> JusttClient:
    raise AssertionError("check sends nothing")
