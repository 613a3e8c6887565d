"""The package's schema, from which Pulumi makes SDKs and type checks YAML programs. It derives from `schema`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

from pulumi_justt import credentials, schema
from pulumi_justt.api.models import SOURCES
from pulumi_justt.core.config import API_KEY, VARIABLES
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
_NUMBERS = {"requestsPerMinute": "integer", "timeoutSeconds": "number"}
"""The settings that are not text."""


def _listed(values: Iterable[str], name: str) -> dict[str, Any]:
    return {f"justt:index:{name}": {"type": "string", "enum": [{"value": value} for value in values]}}


def _open(name: str) -> dict[str, Any]:
    """Return the type of a text for which *name* lists the documented values. Others are accepted, too."""
    return {"oneOf": [_TEXT, {"type": "string", "$ref": f"#/types/justt:index:{name}"}]}


def _object(name: str) -> dict[str, Any]:
    return {"type": "object", "$ref": f"#/types/justt:index:{name}"}


_SPECIAL: dict[str, dict[str, Any]] = {
    "source": _open("Source"),
    "secretType": _open("SecretType"),
    "secretPayload": {"oneOf": [_object("SecretPayload"), {"type": "object", "additionalProperties": _ANY}]},
    "secretReferences": {"type": "object", "additionalProperties": _object("Reference")},
    "deactivation": _object("Deactivation"),
    "deactivationType": _open("DeactivationType"),
}
"""The types of the properties that are not a plain text, number, flag or set."""


def _property(each: schema.Property, *, is_input: bool = False) -> dict[str, Any]:
    if each.kind is set:
        found: dict[str, Any] = {"type": "array", "items": _TEXT}
    else:
        found = _SPECIAL.get(each.name) or {"type": _TYPES[each.kind]}
    replaces = {"willReplaceOnChanges": True} if is_input and each.sent_in else {}
    return {**found, **replaces}


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
    inputs = {each.name: _property(each, is_input=True) for each in properties if each.origin == "program"}
    required = [each.name for each in properties if each.is_required]
    always = [each.name for each in properties if each.is_required or each.name in ("integrationId", "status")]
    return {
        "description": description,
        "inputProperties": inputs,
        "requiredInputs": required,
        "properties": {each.name: _property(each) for each in properties},
        "required": [*always, "environment"],
        "aliases": [{"type": f"{_DYNAMIC}{name}"}],
    }


def _function(
    description: str, inputs: Iterable[str], required: Iterable[str], outputs: dict[str, Any]
) -> dict[str, Any]:
    return {
        "description": description,
        "inputs": {"type": "object", "properties": dict.fromkeys(inputs, _TEXT), "required": list(required)},
        "outputs": outputs,
    }


@functools.cache
def package_schema() -> str:
    """Return the schema as JSON."""
    settings: dict[str, dict[str, Any]] = {name: {"type": _NUMBERS.get(name, "string")} for name in VARIABLES}
    settings[API_KEY] |= {"secret": True}
    record = {
        "type": "object",
        "properties": dict.fromkeys(("integrationId", "source", "status", "goLiveDate"), _TEXT),
        "required": ["integrationId", "source", "status"],
    }
    reference = {"fromEnv": _TEXT, "fromFile": _TEXT, "version": {"type": "integer"}}
    parts = {each.name: _property(each) for each in schema.DEACTIVATION}
    found = {"type": "array", "items": _object("Record")}
    return json.dumps(
        {
            "name": "justt",
            "version": __version__,
            "displayName": "Justt",
            "description": "Connects payment service providers to Justt",
            "license": "Apache-2.0",
            "meta": {"supportPack": True},
            "config": {"variables": settings},
            "provider": {"inputProperties": settings, "properties": settings},
            "types": {
                **_listed(SOURCES, "Source"),
                **_listed(credentials.CREDENTIAL_TYPES, "SecretType"),
                **_listed(("postingDate", "dueDate"), "DeactivationType"),
                "justt:index:Reference": {"type": "object", "properties": reference},
                "justt:index:SecretPayload": _payload(),
                "justt:index:Deactivation": {"type": "object", "properties": parts},
                "justt:index:Record": record,
            },
            "resources": {
                INTEGRATION: {
                    **_resource(
                        schema.INTEGRATION,
                        "PaymentIntegration",
                        "A connection between a payment service provider and Justt.",
                    ),
                    "listInputs": {"type": "object", "properties": dict.fromkeys(("source", "status"), _TEXT)},
                },
                READY: _resource(
                    schema.READY,
                    "IntegrationReady",
                    "Waits until Justt has verified an integration's credentials.",
                ),
            },
            "functions": {
                GET_ONE: _function(
                    "Reads an integration that this stack does not manage.",
                    ("integrationId", "referenceAccountId"),
                    ("integrationId",),
                    record,
                ),
                GET_MANY: _function(
                    "Lists the integrations of an account, including those that have ended.",
                    ("source", "status", "referenceAccountId"),
                    (),
                    {"type": "object", "properties": {"integrations": found}, "required": ["integrations"]},
                ),
            },
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
    )
