"""Decide which changes require a replacement: any input that the API receives, because it has no update call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pulumi_justt import schema
from pulumi_justt.core.inputs import ARGUMENTS, SETS
from pulumi_justt.core.state import Properties, is_undeclared

__all__ = ["is_same", "is_same_policy", "replacing"]


def replacing(olds: Properties, news: Properties) -> list[str]:
    """Return the paths of the changed properties that require a replacement.

    The API does not return what was sent when an imported integration was created. So until an update has recorded the
    program's inputs, they count as what was sent, and only another source requires a replacement.
    """
    if is_undeclared(olds):
        olds = {**news, "source": olds.get("source", news.get("source"))}
    payload, referred = olds.get("secretPayload"), news.get("secretReferences")
    if isinstance(payload, Mapping) and isinstance(referred, Mapping) and "secretReferences" not in olds:
        # A state that an older version wrote has the references in `secretPayload`. A reference that has only moved to
        # `secretReferences` is not a change.
        moved = {name: value for name, value in referred.items() if payload.get(name) == value}
        payload = {name: value for name, value in payload.items() if name not in moved}
        olds = {**olds, "secretPayload": payload, "secretReferences": moved}
    return [
        path
        for each in schema.INTEGRATION
        if each.sent_in
        for path in _changed(each.name, olds.get(each.name, each.default), news.get(each.name, each.default))
    ]


def is_same(olds: Properties, news: Properties) -> bool:
    """Return whether all inputs are the same."""
    return not any(_differ(olds.get(name), news.get(name)) for name in ARGUMENTS)


def is_same_policy(olds: Properties, news: Properties) -> bool:
    """Return whether the deactivation policies are the same."""
    return _policy(olds) == _policy(news)


def _policy(properties: Properties) -> dict[str, object]:
    """Return the deactivation policy with its defaults filled in, so that an absent policy equals the defaults."""
    return {**{part.name: part.default for part in schema.DEACTIVATION}, **properties.get("deactivation", {})}


def _changed(path: str, old: object, new: object) -> Iterator[str]:
    """Yield the paths at or below *path* that differ; an unknown value counts as different."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _changed(f"{path}.{name}", old.get(name), new.get(name))
    elif path in SETS and isinstance(old, list) and isinstance(new, list):
        # The order of these lists has no meaning.
        if {*map(_as_sent, old)} != {*map(_as_sent, new)}:
            yield path
    elif _differ(old, new):
        yield path


def _differ(old: object, new: object) -> bool:
    """Return whether two values are sent as different JSON."""
    if isinstance(old, str | None) and isinstance(new, str | None):
        # Nearly all values are texts or absent, and `json` takes most of the time of a diff.
        return old != new
    return _as_sent(old) != _as_sent(new)


def _as_sent(value: object) -> str:
    """Return *value* as JSON, where true differs from 1; an unknown value differs from every known value."""
    return json.dumps(value, sort_keys=True, default=repr)
