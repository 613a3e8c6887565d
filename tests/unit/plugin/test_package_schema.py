"""The package's schema: it matches the definitions of the properties, and each change of it is seen in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_justt import schema
from pulumi_justt.core.config import VARIABLES
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.plugin.descriptions import DESCRIPTIONS
from pulumi_justt.plugin.package_schema import INTEGRATION, READY, package_schema
from pulumi_justt.version import __version__
from support.checkout import ROOT

GOLDEN = ROOT / "tests" / "data" / "package_schema.json"
SCHEMA: dict[str, Any] = json.loads(package_schema())


def test_the_schema_is_pinned() -> None:
    """The schema equals the recorded one, without the version. SDKs and programs depend on each name in it."""
    shown = json.dumps({**SCHEMA, "version": "VERSION"}, indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown)

    assert SCHEMA["version"] == __version__
    assert shown == GOLDEN.read_text()


@pytest.mark.parametrize(("token", "properties"), [(INTEGRATION, schema.INTEGRATION), (READY, schema.READY)])
def test_each_property_is_in_the_schema(token: str, properties: tuple[schema.Property, ...]) -> None:
    """Each property is an output, and each that the program gives is an input. The same inputs are required."""
    resource = SCHEMA["resources"][token]

    assert [*resource["properties"]] == [each.name for each in properties]
    assert [*resource["inputProperties"]] == [each.name for each in properties if each.origin == "program"]
    assert resource["aliases"] == [{"type": token.replace("justt:index:", "pulumi-python:dynamic/justt:")}]
    replacing = [name for name, each in resource["inputProperties"].items() if each.get("willReplaceOnChanges")]
    also = ["integrationId"] if token == READY else []
    assert replacing == also + [each.name for each in properties if each.sent_in]


def test_each_property_has_a_description() -> None:
    """Each property of the definitions has a description, and no description is left over."""
    properties = (*schema.INTEGRATION, *schema.READY, *schema.DEACTIVATION)

    assert {*DESCRIPTIONS} == {each.name for each in properties}


def test_everything_has_a_description() -> None:
    """So does each part, setting, argument and result, because SDKs and editors show the descriptions."""
    parts = [SCHEMA["provider"]["inputProperties"], *(each.get("properties", {}) for each in SCHEMA["types"].values())]
    for each in SCHEMA["functions"].values():
        parts += [each["inputs"]["properties"], each["outputs"]["properties"]]
    assert [name for part in parts for name, each in part.items() if not each.get("description")] == []


def test_each_credential_field_is_in_the_schema() -> None:
    """The credentials have the fields of all types. Each is a secret, unless it only identifies a merchant."""
    fields = SCHEMA["types"]["justt:index:SecretPayload"]["properties"]

    for shape in CREDENTIAL_TYPES.values():
        for name in shape.wire_fields():
            assert fields[name].get("secret", False) == (name not in shape.identifiers())
    assert {*fields} == {name for shape in CREDENTIAL_TYPES.values() for name in shape.wire_fields()}


def test_each_setting_is_in_the_schema() -> None:
    """The provider takes the settings of the stack's configuration, and only the API key is a secret."""
    settings = SCHEMA["provider"]["inputProperties"]

    assert [*settings] == [*SCHEMA["config"]["variables"]] == [*VARIABLES]
    assert [name for name, each in settings.items() if each.get("secret")] == ["apiKey"]


def references(value: object) -> Iterator[str]:
    """Yield each reference to a type in a part of the schema."""
    if isinstance(value, dict):
        yield from (item for name, item in value.items() if name == "$ref")
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_each_type_is_defined_and_used() -> None:
    """The schema refers to each of its types, and to no other type of the package."""
    found = {each.removeprefix("#/types/") for each in references(SCHEMA) if each.startswith("#")}

    assert found == {*SCHEMA["types"]}
