"""Translate properties between the engine's messages and the form that the core takes.

The core works on plain values. A secret is a path beside the properties, and an unknown value is the core's `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

from pulumi_justt import protocol
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Decoded", "Path", "decode", "encode"]

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

_PROVIDER_KEY = "__provider"
"""The pickled provider in the state of a dynamic resource, which an alias may move to the plugin."""


@dataclass(frozen=True, repr=False)
class Decoded(Unpicklable):
    """Properties without the engine's marks, and the paths of those that are secret."""

    properties: dict[str, Any]
    secrets: frozenset[Path]


def decode(message: Struct) -> Decoded:
    """Return the properties of *message* without a pickled provider."""
    secrets: set[Path] = set()
    properties = {
        name: _decoded(value, (name,), secrets) for name, value in message.fields.items() if name != _PROVIDER_KEY
    }
    return Decoded(properties, frozenset(secrets))


def _decoded(value: Value, path: Path, secrets: set[Path]) -> Any:  # noqa: ANN401 - any JSON value, or UNKNOWN
    """Return a value, and add the paths of the secrets in it to *secrets*."""
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in protocol.UNKNOWNS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decoded(item, (*path, place), secrets) for place, item in enumerate(value.list_value.values)]
        case "struct_value":
            return _decoded_object(value.struct_value.fields, path, secrets)
    return None


def _decoded_object(fields: Mapping[str, Value], path: Path, secrets: set[Path]) -> Any:  # noqa: ANN401 - likewise
    signature = fields[protocol.SIGNATURE].string_value if protocol.SIGNATURE in fields else None
    if signature not in (protocol.SECRET, protocol.OUTPUT):
        return {name: _decoded(item, (*path, name), secrets) for name, item in fields.items()}
    if signature == protocol.SECRET or ("secret" in fields and fields["secret"].bool_value):
        secrets.add(path)
    return _decoded(fields["value"], path, secrets) if "value" in fields else UNKNOWN


def encode(properties: Mapping[str, Any], secrets: Collection[Path] = ()) -> Struct:
    """Return the message for *properties*, with the values at the paths *secrets* marked as secret."""
    return Struct(fields={name: _encoded(value, (name,), secrets) for name, value in properties.items()})


def _encoded(value: object, path: Path, secrets: Collection[Path]) -> Value:
    if path in secrets:
        return Value(
            struct_value=Struct(
                fields={protocol.SIGNATURE: Value(string_value=protocol.SECRET), "value": _plain(value)}
            )
        )
    if isinstance(value, Mapping):
        fields = {name: _encoded(item, (*path, name), secrets) for name, item in value.items()}
        return Value(struct_value=Struct(fields=fields))
    if isinstance(value, list):
        items = [_encoded(item, (*path, place), secrets) for place, item in enumerate(value)]
        return Value(list_value=ListValue(values=items))
    return _plain(value)


def _plain(value: object) -> Value:
    """Return a value in which nothing is marked as secret."""
    match value:
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case Mapping() | list():
            return _encoded(value, (), ())
    return Value(string_value=protocol.UNKNOWN)
