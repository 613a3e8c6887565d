"""The package's schema, from which Pulumi makes SDKs and type checks YAML programs. It derives from `schema`."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable
from typing import Any, get_args

from pulumi_justt import credentials, schema
from pulumi_justt.api.models import SOURCES
from pulumi_justt.core.config import API_KEY, NAMESPACE, VARIABLES
from pulumi_justt.core.inputs import Deactivation
from pulumi_justt.plugin.descriptions import ARGUMENTS, DESCRIPTIONS, SETTINGS, WAITS
from pulumi_justt.schema import DEACTIVATION
from pulumi_justt.version import __version__

__all__ = ["API_KEY_PATH", "GET_MANY", "GET_ONE", "INTEGRATION", "READY", "package_schema"]

INTEGRATION = "justt:index:PaymentIntegration"
READY = "justt:index:IntegrationReady"
GET_ONE = "justt:index:getIntegration"
GET_MANY = "justt:index:getIntegrations"
API_KEY_PATH = (API_KEY,)

_DYNAMIC = "pulumi-python:dynamic/justt:"
"""The prefix of the types of the dynamic resources, which an alias moves to the plugin."""

_TEXT = {"type": "string"}
_ANY = {"$ref": "pulumi.json#/Any"}
_TYPES = {str: "string", bool: "boolean", int: "integer"}
_RECORD = {
    "type": "object",
    "properties": {
        name: {**_TEXT, "description": DESCRIPTIONS[name]}
        for name in ("integrationId", "source", "status", "goLiveDate")
    },
    "required": ["integrationId", "source", "status"],
}
"""What a function returns about one integration."""

_NUMBERS = {"requestsPerMinute": "integer", "timeoutSeconds": "number"}
"""The settings that are not text."""


def _token(name: str) -> str:
    return f"{NAMESPACE}:index:{name}"


def _listed(values: Iterable[str], name: str) -> dict[str, Any]:
    return {_token(name): {"type": "string", "enum": [{"value": value} for value in values]}}


def _open(name: str) -> dict[str, Any]:
    """Return the type of a text for which *name* lists the documented values. Others are accepted, too."""
    return {"oneOf": [_TEXT, {"type": "string", "$ref": f"#/types/{_token(name)}"}]}


def _object(name: str) -> dict[str, Any]:
    return {"type": "object", "$ref": f"#/types/{_token(name)}"}


_SPECIAL: dict[str, dict[str, Any]] = {
    "source": _open("Source"),
    "secretType": _open("SecretType"),
    "secretPayload": {"oneOf": [_object("SecretPayload"), {"type": "object", "additionalProperties": _ANY}]},
    "secretReferences": {"type": "object", "additionalProperties": _object("Reference")},
    "deactivation": _object("Deactivation"),
    "deactivationType": _open("DeactivationType"),
}
"""The types of the properties that are not a plain text, number, flag or set."""


def _property(each: schema.Property, *, is_input: bool = False, is_wait: bool = False) -> dict[str, Any]:
    if each.kind is set:
        found: dict[str, Any] = {"type": "array", "items": _TEXT}
    else:
        found = _SPECIAL.get(each.name) or {"type": _TYPES[each.kind]}
    # A wait for another integration is another wait. An integration has no id as an input.
    is_replaced = is_input and (each.sent_in or each.name == "integrationId")
    replaces = {"willReplaceOnChanges": True} if is_replaced else {}
    said = {**DESCRIPTIONS, **(WAITS if is_wait else {})}
    return {**found, "description": said[each.name], **replaces}


def _payload() -> dict[str, Any]:
    """Return the type of the credentials: the fields of all types that Justt documents."""
    fields: dict[str, dict[str, Any]] = {}
    for shape in credentials.CREDENTIAL_TYPES.values():
        for name in shape.wire_fields():
            is_shown = name in shape.identifiers()
            known = fields.setdefault(name, {**_TEXT, "description": "Used by"})
            known["description"] += f" `{shape.secret_type}`,"
            if not is_shown:
                known["secret"] = True
    for known in fields.values():
        known["description"] = f"{known['description'].removesuffix(',')}."
    return {"type": "object", "properties": fields}


def _resource(properties: Iterable[schema.Property], name: str, description: str) -> dict[str, Any]:
    is_wait = properties is schema.READY
    inputs = {
        each.name: _property(each, is_input=True, is_wait=is_wait) for each in properties if each.origin == "program"
    }
    required = [each.name for each in properties if each.is_required]
    always = [each.name for each in properties if each.is_required or each.name in ("integrationId", "status")]
    return {
        "description": description,
        "inputProperties": inputs,
        "requiredInputs": required,
        "properties": {each.name: _property(each, is_wait=is_wait) for each in properties},
        "required": [*always, "environment"],
        "aliases": [{"type": f"{_DYNAMIC}{name}"}],
    }


def _function(
    description: str, inputs: Iterable[str], required: Collection[str], outputs: dict[str, Any]
) -> dict[str, Any]:
    # The engine drops an empty list.
    needed = {"required": [*required]} if required else {}
    return {
        "description": description,
        "inputs": {"type": "object", "properties": _arguments(*inputs), **needed},
        "outputs": outputs,
    }


def _arguments(*names: str) -> dict[str, Any]:
    return {name: {**_TEXT, "description": ARGUMENTS[name]} for name in names}


def _types() -> dict[str, Any]:
    reference = {
        "fromEnv": {**_TEXT, "description": "The name of an environment variable where `pulumi` runs."},
        "fromFile": {**_TEXT, "description": "The path of a file, relative to the program's folder, or absolute."},
        "version": {"type": "integer", "description": "Raise it after you rotate the value. Default: 1."},
    }
    return {
        **_listed(SOURCES, "Source"),
        **_listed(credentials.CREDENTIAL_TYPES, "SecretType"),
        **_listed(get_args(Deactivation.model_fields["deactivation_type"].annotation), "DeactivationType"),
        _token("Reference"): {"type": "object", "properties": reference},
        _token("SecretPayload"): _payload(),
        _token("Deactivation"): {"type": "object", "properties": {each.name: _property(each) for each in DEACTIVATION}},
        _token("Record"): _RECORD,
    }


def _resources() -> dict[str, Any]:
    integration = _resource(
        schema.INTEGRATION, "PaymentIntegration", "A connection between a payment service provider and Justt."
    )
    # What `pulumi do` can filter a list by.
    integration["listInputs"] = {"type": "object", "properties": _arguments("source", "status")}
    waits = "Waits until Justt has verified an integration's credentials. It creates nothing at Justt."
    return {INTEGRATION: integration, READY: _resource(schema.READY, "IntegrationReady", waits)}


def _functions() -> dict[str, Any]:
    said = "The integrations, including those that have ended."
    records = {"integrations": {"type": "array", "items": _object("Record"), "description": said}}
    return {
        GET_ONE: _function(
            "Reads an integration that this stack does not manage.",
            ("integrationId", "referenceAccountId"),
            ("integrationId",),
            _RECORD,
        ),
        GET_MANY: _function(
            "Lists the integrations of an account, including those that have ended.",
            ("source", "status", "referenceAccountId"),
            (),
            {"type": "object", "properties": records, "required": [*records]},
        ),
    }


@functools.cache
def package_schema() -> str:
    """Return the schema as JSON."""
    settings: dict[str, dict[str, Any]] = {
        name: {"type": _NUMBERS.get(name, "string"), "description": SETTINGS[name]} for name in VARIABLES
    }
    settings[API_KEY]["secret"] = True
    made = {
        "name": NAMESPACE,
        "version": __version__,
        "displayName": "Justt",
        "description": "Connects payment service providers to Justt",
        "license": "Apache-2.0",
        "meta": {"supportPack": True},
        "config": {"variables": settings},
        "provider": {"inputProperties": settings, "properties": settings},
        "types": _types(),
        "resources": _resources(),
        "functions": _functions(),
        # The distribution of this package has the import name `pulumi_justt`.
        "language": {
            "python": {
                "packageName": "pulumi_justt_sdk",
                "pyproject": {"enabled": True},
                "respectSchemaVersion": True,
            },
            "nodejs": {"respectSchemaVersion": True},
            "go": {"respectSchemaVersion": True},
        },
    }
    return json.dumps(made)
