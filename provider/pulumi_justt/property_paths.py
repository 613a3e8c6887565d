"""The names of a resource's properties, and the paths by which resource options may speak of them.

Programs say snake_case, the state holds the API's names, and the engine ignores a path that matches nothing. So each
path that is given to a resource option is brought to the state's spelling here, or refused with the right one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import NamedTuple

from pulumi import ResourceOptions

from pulumi_justt.credentials import SHAPES, wire_name
from pulumi_justt.errors import nearest

__all__ = ["INPUTS", "OUTPUTS", "READY_INPUTS", "READY_OUTPUTS", "with_checked_paths", "with_checked_ready_paths"]

INPUTS = (
    "external_identifier",
    "integration_name",
    "source",
    "secret_type",
    "secret_payload",
    "merchant_account_codes",
    "reference_account_id",
    "deactivation",
    "adopt_id",
    "allow_unlisted",
)
OUTPUTS = ("integration_id", "status", "go_live_date", "environment")
READY_INPUTS = ("integration_id", "external_identifier", "source", "reference_account_id", "timeout_seconds")
READY_OUTPUTS = ("status", "go_live_date", "environment")

_POLICY = {"type": "deactivationType", "after_days": "afterDays", "date": "deactivationDate"}
_BRACKETS = r"""\[(\d+|\*)\]|\["([^"]*)"\]"""
_FIRST_PART = re.compile(rf"""([^.\[\]"]+)|{_BRACKETS}""")
_PART = re.compile(rf"""\.([^.\[\]"]+)|{_BRACKETS}""")


def with_checked_paths(opts: ResourceOptions | None, secret_type: object) -> ResourceOptions | None:
    """Return *opts* of a `PaymentIntegration` with every property path in the state's spelling.

    Args:
        opts: The options of a resource; they are not changed.
        secret_type: The resource's secret type, which says which fields `secretPayload` has.

    Raises:
        ValueError: An option cannot work, as an import, or a path that the engine would ignore silently.
    """
    return _checked(opts, _Names(INPUTS, OUTPUTS), secret_type)


def with_checked_ready_paths(opts: ResourceOptions | None) -> ResourceOptions | None:
    """Return *opts* of an `IntegrationReady` with every property path in the state's spelling.

    Raises:
        ValueError: An option cannot work, as an import, or a path that the engine would ignore silently.
    """
    return _checked(opts, _Names(READY_INPUTS, READY_OUTPUTS), None)


class _Names(NamedTuple):
    """The names of a resource's properties, as programs say them."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _checked(opts: ResourceOptions | None, names: _Names, secret_type: object) -> ResourceOptions | None:
    if opts is None:
        return None
    if opts.import_ is not None:
        cure = (
            "say adopt_id on the resource instead, which takes the integration over"
            if names.inputs is INPUTS
            else "it owns nothing, so let `pulumi up` create it"
        )
        raise ValueError(f"import_: the engine cannot import into a dynamic provider; {cure}")
    checked = copy.copy(opts)
    for option in ("ignore_changes", "replace_on_changes", "hide_diffs"):
        paths: Iterable[str] | None = getattr(opts, option, None)
        if paths:
            setattr(checked, option, [_input_path(path, option, names, secret_type) for path in paths])
    if opts.additional_secret_outputs:
        wire_names = {name: wire_name(name) for name in (*names.inputs, *names.outputs)}
        checked.additional_secret_outputs = [
            _named(path, wire_names, "additional_secret_outputs") for path in opts.additional_secret_outputs
        ]
    return checked


def _named(name: str, names: dict[str, str], option: str) -> str:
    if name in names or name in names.values():
        return names.get(name, name)
    raise ValueError(f"{option}: {name!r} is not a property{nearest(name, names.values())}")


def _input_path(path: str, option: str, names: _Names, secret_type: object) -> str:
    if path == "*":
        return path
    head, rest, below = _parsed(path, option)
    if head in ("credentials", "secret_payload") and "secret_payload" in names.inputs:
        if rest:
            _require_existing("secretPayload", [wire_name(rest[0]), *rest[1:]], option, secret_type)
        named = f"secretPayload.{wire_name(rest[0])}" if rest else "secretPayload"
        raise ValueError(f"{option}: the state has no {path!r}, so the engine would ignore it; say {named!r}")
    if head in names.outputs or head in map(wire_name, names.outputs):
        raise ValueError(f"{option}: {path!r} is an output; only inputs are compared")
    name = _named(head, {item: wire_name(item) for item in names.inputs}, option)
    _require_existing(name, rest, option, secret_type)
    return name + below


def _parsed(path: str, option: str) -> tuple[str, list[str], str]:
    """Return the first part of *path*, the parts after it, and the text of those."""
    parts: list[str] = []
    ends = [0]
    while ends[-1] < len(path):
        match = (_PART if parts else _FIRST_PART).match(path, ends[-1])
        if match is None:
            raise ValueError(f"{option}: {path!r} is not a property path")
        parts.append(next(part for part in match.groups() if part is not None))
        ends.append(match.end())
    if not parts:
        raise ValueError(f"{option}: {path!r} is not a property path")
    return parts[0], parts[1:], path[ends[1] :]


def _require_existing(name: str, rest: list[str], option: str, secret_type: object) -> None:
    """Refuse what cannot exist below the property *name*."""
    is_free = name == "secretPayload" and not (isinstance(secret_type, str) and secret_type in SHAPES)
    if not rest or is_free:
        return
    hint = ""
    if name == "merchantAccountCodes":
        exists = rest[0] == "*"
        hint = "; their order means nothing, so name the whole list"
    elif name in ("secretPayload", "deactivation"):
        names = _POLICY if name == "deactivation" else {each: each for each in SHAPES[str(secret_type)].wire_fields()}
        exists = rest[0] == "*" or rest[0] in names.values()
        right = names.get(rest[0]) or wire_name(rest[0])
        hint = f"; say {f'{name}.{right}'!r}" if right in names.values() else nearest(rest[0], names.values())
    else:
        exists = False
    if not exists or len(rest) > 1:
        raise ValueError(f"{option}: {name!r} has no {'.'.join(rest)!r}, so the engine would ignore it{hint}")
