"""Generates the reference page of the plugin from the schema that the plugin gives to the engine."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING
from typing import Any

from pulumi_justt import credentials, schema
from pulumi_justt.plugin.package_schema import INTEGRATION, READY, package_schema
from tables import table

__all__ = ["parts"]

_HEAD = """# Reference: the plugin

The resources, functions and settings of the plugin `pulumi-resource-justt`, for programs in YAML, TypeScript and other
languages. {made} [Which one do I use?](../how-to/which-one.md)

In YAML and TypeScript, the names are the ones below. SDKs for other languages write them in that language's way. The
last column has the argument of the [Python classes](resources.md) that means the same."""
_CREDENTIALS = """### Fields of `secretPayload`

Each type of credentials needs the fields in bold, and takes the others. Fields in italics are identifiers of the
merchant, which stay readable for reviewers. The class in the last column describes each field."""
_SETTINGS = """## Provider

`pulumi:providers:justt` takes the [settings](configuration.md) under these names. See
[configure the plugin with a provider resource](../how-to/provider-resource.md)."""


def parts(made: str) -> Iterator[str]:
    """Yield the parts of the page; *made* says what generated it."""
    yield _HEAD.format(made=made)
    package = json.loads(package_schema())
    for token, properties in ((INTEGRATION, schema.INTEGRATION), (READY, schema.READY)):
        resource = package["resources"][token]
        arguments = {each.name: each.argument for each in properties}
        yield f"## {token.rpartition(':')[2]}\n\nThe type is `{token}`, in YAML also `{token.replace('index:', '')}`."
        yield textwrap.fill(resource["description"], 120)
        rows = [
            (
                f"`{name}`",
                _type(each),
                "required" if name in resource["requiredInputs"] else "",
                "replaces" if each.get("willReplaceOnChanges") else "updates",
                each["description"],
                f"`{arguments[name]}`",
            )
            for name, each in resource["inputProperties"].items()
        ]
        yield table(("input", "type", "", "a change", "meaning", "in Python"), rows)
        outputs = {
            name: each for name, each in resource["properties"].items() if name not in resource["inputProperties"]
        }
        yield "Each input is also an output. The other outputs are:"
        yield _properties("output", outputs)
        if token == INTEGRATION:
            yield from _object_parts(package["types"])
    for token, function in package["functions"].items():
        yield f"## {token.rpartition(':')[2]}\n\nThe function `{token}`. {function['description']}"
        needed = function["inputs"].get("required", [])
        yield _properties("argument", function["inputs"]["properties"], needed)
        yield _properties("result", function["outputs"]["properties"])
    yield _SETTINGS
    yield _properties("input", package["provider"]["inputProperties"])


def _object_parts(types: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables of the properties inside `deactivation`, `secretReferences` and `secretPayload`."""
    yield "### Parts of `deactivation`"
    yield _properties("input", types["justt:index:Deactivation"]["properties"])
    yield "### Parts of each value in `secretReferences`"
    yield _properties("input", types["justt:index:Reference"]["properties"])
    yield _CREDENTIALS
    rows = []
    for shape in credentials.CREDENTIAL_TYPES.values():
        fields = []
        for name, each in shape.wire_fields().items():
            is_required = each.default is MISSING
            marked = f"*{name}*" if name in shape.identifiers() else name
            fields.append(f"**{marked}**" if is_required else marked)
        rows.append(
            (f"`{shape.secret_type}`", ", ".join(fields), f"[{shape.__name__}](resources.md#{shape.__name__.lower()})")
        )
    yield table(("`secretType`", "fields", "in Python"), rows)


def _properties(kind: str, properties: Mapping[str, Any], needed: Collection[str] = ()) -> str:
    rows = [
        (
            f"`{name}`",
            _type(each),
            *(("required" if name in needed else "",) if needed else ()),
            each["description"],
        )
        for name, each in properties.items()
    ]
    return table((kind, "type", *(("",) if needed else ()), "meaning"), rows)


def _type(each: Mapping[str, Any]) -> str:
    """Return the type of a property in words."""
    if "oneOf" in each:
        return _type(each["oneOf"][0])
    if each["type"] == "array":
        return f"list of {_type(each['items'])}"
    return str(each["type"])
