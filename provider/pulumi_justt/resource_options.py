"""Check and translate the property paths in resource options such as `ignore_changes`.

Programs use snake_case, the state uses the API's names, and the engine silently ignores a path that matches nothing.
This module therefore translates each path to the state's spelling, or refuses it with an error that names the right
one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from pulumi import ResourceOptions

from pulumi_justt.credentials import CREDENTIAL_TYPES, wire_name
from pulumi_justt.errors import nearest
from pulumi_justt.references import Reference
from pulumi_justt.schema import INTEGRATION, READY, Property
from pulumi_justt.values import kind_of

__all__ = ["path_parts", "refuse_reading", "with_checked_paths", "with_checked_ready_paths"]

_GET = "PaymentIntegration.get(name, id) reads an integration, and adopt_id takes it over"
_BRACKETS = r"""\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]"""
_FIRST_PART = re.compile(rf"""([^.\[\]"]+)|{_BRACKETS}""")
_PART = re.compile(rf"""\.([^.\[\]"]+)|{_BRACKETS}""")


def with_checked_paths(
    opts: ResourceOptions | None, secret_type: object, payload: Mapping[str, object]
) -> ResourceOptions | None:
    """Return the *opts* of a `PaymentIntegration` with every property path in the state's spelling.

    Args:
        opts: The options of a resource. This function does not change them.
        secret_type: The resource's secret type, which determines the fields of `secretPayload`.
        payload: The resource's credential fields, keyed by the API's names. A reference has its path
            below `secretReferences`.

    Raises:
        ValueError: The resource option is not supported, or the property path does not exist.
    """
    return _checked(opts, _Resource(INTEGRATION, secret_type, payload))


def with_checked_ready_paths(opts: ResourceOptions | None) -> ResourceOptions | None:
    """Return the *opts* of an `IntegrationReady` with every property path in the state's spelling.

    Raises:
        ValueError: The resource option is not supported, or the property path does not exist.
    """
    return _checked(opts, _Resource(READY))


def refuse_reading(opts: object, instead: str) -> None:
    """Refuse options that would make the engine read the resource and ignore its arguments.

    Args:
        opts: The value of the *opts* argument.
        instead: What the user should do instead, for the error text.

    Raises:
        TypeError: *opts* is not a `ResourceOptions`.
        ValueError: *opts* has an id or a URN.
    """
    if opts is not None and not isinstance(opts, ResourceOptions):
        raise TypeError(f"opts must be pulumi.ResourceOptions(...); got {kind_of(opts)}")
    for option in ("id", "urn"):
        if getattr(opts, option, None) is not None:
            raise ValueError(f"{option}: the engine would read the resource and ignore its arguments; {instead}")


class _Resource(NamedTuple):
    """A resource's properties, and its credentials if it has any."""

    properties: tuple[Property, ...]
    secret_type: object = None
    payload: Mapping[str, object] = MappingProxyType({})


def _checked(opts: ResourceOptions | None, resource: _Resource) -> ResourceOptions | None:
    if opts is None:
        return None
    refuse_reading(opts, _GET if resource.properties is INTEGRATION else "an IntegrationReady has nothing to read")
    if opts.version is not None or opts.plugin_download_url is not None:
        raise ValueError(
            "version, plugin_download_url: this provider has no plugin with a version; pin pulumi-justt where the "
            "program's packages are listed, for example in requirements.txt"
        )
    if opts.import_ is not None:
        remediation = (
            "set adopt_id on the resource instead, which takes the integration over, or run `pulumi-justt import` for "
            "many"
            if resource.properties is INTEGRATION
            else "an IntegrationReady does not exist at Justt, so let `pulumi up` create it"
        )
        raise ValueError(f"import_: the engine cannot import into a dynamic provider; {remediation}")
    checked = copy.copy(opts)
    for option in ("ignore_changes", "replace_on_changes", "hide_diffs"):
        paths: Iterable[str] | None = getattr(opts, option, None)
        if paths:
            setattr(checked, option, [_input_path(path, option, resource) for path in paths])
    if opts.additional_secret_outputs:
        wire_names = {each.python_name: each.name for each in resource.properties}
        if {"secretReferences", "secret_references"} & {*opts.additional_secret_outputs}:
            raise ValueError(
                "additional_secret_outputs: references are not secrets, and reviewers need to see them: remove "
                "secret_references from this option"
            )
        ids = {name for each in resource.properties if each.origin == "id" for name in (each.name, each.python_name)}
        for path in ids.intersection(opts.additional_secret_outputs):
            raise ValueError(
                f"additional_secret_outputs: {path} is the resource's id, which is never secret: remove it from this "
                "option"
            )
        checked.additional_secret_outputs = [
            _named(path, wire_names, "additional_secret_outputs") for path in opts.additional_secret_outputs
        ]
    return checked


def _named(name: str, names: dict[str, str], option: str) -> str:
    if name in names or name in names.values():
        return names.get(name, name)
    raise ValueError(f"{option}: {name!r} is not a property{nearest(name, names.values())}")


def _input_path(path: str, option: str, resource: _Resource) -> str:
    if path == "*":
        return path
    head, rest, below = _parsed(path, option)
    if head in ("credentials", "secret_payload") and resource.properties is INTEGRATION:
        parts = [*map(wire_name, rest[:1]), *rest[1:]]
        name = min(_places(parts[0] if parts else "*", resource))
        _require_existing(name, parts, option, resource)
        right = ".".join([name, *parts])
        raise ValueError(f"{option}: the state has no {path!r}, so the engine would ignore it; use {right!r}")
    if any(head in (each.name, each.python_name) and each.origin != "program" for each in resource.properties):
        raise ValueError(f"{option}: {path!r} is an output; only inputs are compared")
    name = _named(
        head, {each.python_name: each.name for each in resource.properties if each.origin == "program"}, option
    )
    _require_existing(name, rest, option, resource)
    return name + below


def _parsed(path: str, option: str) -> tuple[str, list[str], str]:
    """Return the first part of *path*, the remaining parts, and the text of the remaining parts."""
    (head, end), *rest = path_parts(path) or [("", 0)]
    if not end:
        raise ValueError(f"{option}: {path!r} is not a property path")
    return str(head), [str(part) for part, _ in rest], path[end:]


def path_parts(path: str) -> list[tuple[str | int, int]]:
    """Split a property path in the engine's syntax into its parts.

    Returns:
        Each name or index with the position of its end, or nothing if *path* is not a property path.
    """
    parts: list[tuple[str | int, int]] = []
    end = 0
    while end < len(path):
        match = (_PART if parts else _FIRST_PART).match(path, end)
        if match is None:
            return []
        name, index, quoted = match.groups()
        end = match.end()
        key = name or index or re.sub(r"\\(.)", r"\1", quoted)
        parts.append((int(index) if index and index != "*" else key, end))
    return parts


def _require_existing(name: str, rest: list[str], option: str, resource: _Resource) -> None:
    """Refuse the path *rest* if it cannot exist below the property *name*."""
    if name in ("secretPayload", "secretReferences"):
        _require_credential(name, rest, option, resource)
        return
    if not rest:
        return
    found = next(each for each in resource.properties if each.name == name)
    parts = {part.argument: part.name for part in found.parts}
    hint = ""
    if found.kind is set:
        hint = "; the list has no order, so name the whole list"
    elif parts:
        right = parts.get(rest[0]) or wire_name(rest[0])
        hint = f"; use {f'{name}.{right}'!r}" if right in parts.values() else nearest(rest[0], parts.values())
    exists = rest[0] in parts.values() or (rest[0] == "*" and found.kind in (set, dict))
    if not exists or len(rest) > 1:
        _refuse_ignored(name, rest, option, hint)


def _require_credential(name: str, rest: list[str], option: str, resource: _Resource) -> None:
    """Refuse the path *rest* if it cannot exist below *name*: references have parts, credential values have none."""
    field, below = (rest[0], rest[1:]) if rest else ("*", [])
    references = {each: value for each, value in resource.payload.items() if isinstance(value, Reference)}
    right = _credential_path([field, *below], resource)
    if name not in _places(field, resource):
        is_value = name == "secretReferences" and right.startswith("secretPayload") and field != "*"
        why = f"{field!r} is a value, not a reference (from_env, from_file), so " if is_value else ""
        _refuse_ignored(name, rest, option, f"; {why}use {right!r}")
    if name == "secretReferences":
        named = references.values() if field == "*" else [references[field]]
        parts = {part for value in named for part in value.wire()}
    elif not isinstance(resource.secret_type, str) or resource.secret_type not in CREDENTIAL_TYPES:
        return
    else:
        fields = CREDENTIAL_TYPES[resource.secret_type].wire_fields()
        if field not in (*fields, "*"):
            is_known = wire_name(field) in fields
            _refuse_ignored(name, rest, option, f"; use {right!r}" if is_known else nearest(field, fields))
        parts = set()
    if below and (len(below) > 1 or below[0] not in parts):
        hint = f"; use {right!r}" if not parts or wire_name(below[0]) in parts else nearest(below[0], sorted(parts))
        _refuse_ignored(name, rest, option, hint)


def _places(field: str, resource: _Resource) -> set[str]:
    """Return which of `secretPayload` and `secretReferences` hold the credential *field*, or any field if it is "*"."""
    given = resource.payload.values() if field == "*" else [resource.payload.get(field)]
    return {"secretReferences" if isinstance(each, Reference) else "secretPayload" for each in given} or {
        "secretPayload"
    }


def _credential_path(rest: list[str], resource: _Resource) -> str:
    """Return the path in the state that the program most likely means by the path *rest* below `credentials`."""
    field, *below = map(wire_name, rest)
    # A path with more parts means a reference, because a credential value has none.
    name = (max if below else min)(_places(field, resource))
    below = below if name == "secretReferences" else []
    return ".".join([name, *([] if field == "*" and not below else [field]), *below])


def _refuse_ignored(name: str, rest: list[str], option: str, hint: str) -> NoReturn:
    """Refuse a property path that does not exist.

    Raises:
        ValueError: The property path does not exist, and the engine would silently ignore it.
    """
    what = f"{name!r} has no {'.'.join(rest)!r}" if rest else f"these credentials have no {name!r}"
    raise ValueError(f"{option}: {what}, so the engine would ignore it{hint}")
