"""The names of a resource's properties, and the paths by which resource options may speak of them.

Programs say snake_case, the state holds the API's names, and the engine ignores a path that matches nothing. So each
path that is given to a resource option is brought to the state's spelling here, or refused with the right one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterable

from pulumi import ResourceOptions

from pulumi_justt.credentials import SHAPES, wire_name
from pulumi_justt.errors import nearest

__all__ = ["INPUTS", "OUTPUTS", "with_checked_paths"]

INPUTS = (
    "external_identifier",
    "integration_name",
    "source",
    "secret_type",
    "secret_payload",
    "merchant_account_codes",
    "reference_account_id",
    "deactivation",
    "allow_unlisted",
)
OUTPUTS = ("integration_id", "status", "go_live_date", "environment")

_NESTED = {"deactivation": ("deactivationType", "afterDays", "deactivationDate")}
_TOKEN = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["([^"]*)"\]""")


def with_checked_paths(opts: ResourceOptions | None, secret_type: object) -> ResourceOptions | None:
    """Return *opts* with every property path in the state's spelling.

    Args:
        opts: The options of a resource; they are not changed.
        secret_type: The resource's secret type, which says which fields `secretPayload` has.

    Raises:
        ValueError: A path matches no property, so that the engine would ignore it silently.
    """
    if opts is None:
        return None
    checked = copy.copy(opts)
    for option in ("ignore_changes", "replace_on_changes", "hide_diffs"):
        paths: Iterable[str] | None = getattr(opts, option, None)
        if paths:
            setattr(checked, option, [_input_path(path, option, secret_type) for path in paths])
    if opts.additional_secret_outputs:
        names = {**{name: wire_name(name) for name in (*INPUTS, *OUTPUTS)}}
        checked.additional_secret_outputs = [
            _named(path, names, "additional_secret_outputs") for path in opts.additional_secret_outputs
        ]
    return checked


def _named(name: str, names: dict[str, str], option: str) -> str:
    if name in names or name in names.values():
        return names.get(name, name)
    raise ValueError(f"{option}: {name!r} is not a property{nearest(name, names.values())}")


def _input_path(path: str, option: str, secret_type: object) -> str:
    if path == "*":
        return path
    tokens = [next(part for part in match if part) for match in _TOKEN.findall(path) if any(match)]
    if not tokens:
        raise ValueError(f"{option}: {path!r} is not a property path")
    head, rest = tokens[0], tokens[1:]
    if head in ("credentials", "secret_payload"):
        named = f"secretPayload.{wire_name(rest[0])}" if rest else "secretPayload"
        raise ValueError(f"{option}: the state has no {path!r}, so the engine would ignore it; say {named!r}")
    if head in OUTPUTS or head in map(wire_name, OUTPUTS):
        raise ValueError(f"{option}: {path!r} is an output; only inputs are compared")
    name = _named(head, {item: wire_name(item) for item in INPUTS}, option)
    if rest and (fields := _fields(name, secret_type)) and rest[0] not in (*fields, "*"):
        right = wire_name(rest[0])
        hint = f"; say {f'{name}.{right}'!r}" if right in fields else nearest(rest[0], fields)
        raise ValueError(f"{option}: {name!r} has no {rest[0]!r}, so the engine would ignore it{hint}")
    return name + path[len(head) :]


def _fields(name: str, secret_type: object) -> Collection[str]:
    if name == "secretPayload" and isinstance(secret_type, str) and secret_type in SHAPES:
        return tuple(SHAPES[secret_type].wire_fields())
    return _NESTED.get(name, ())
