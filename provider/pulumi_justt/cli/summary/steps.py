"""Reads the steps of `pulumi preview --json`: the operation on each resource, and the fields that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pulumi_justt.cli.engine import INTEGRATION_TYPES, READY_TYPES, own_name
from pulumi_justt.cli.summary import explain, values
from pulumi_justt.credentials import python_names
from pulumi_justt.protocol import SIGNATURE, UNKNOWN
from pulumi_justt.resource_options import path_parts
from pulumi_justt.schema import DEACTIVATION, INTEGRATION, snake_case

__all__ = ["PARTS_OF_REPLACEMENT", "SILENT", "Change", "Resource", "moves_without_alias", "resources"]

PARTS_OF_REPLACEMENT = {"create-replacement", "delete-replaced"}
"""Operations that are parts of a replacement."""
SILENT = {"same", "refresh"}
"""Operations that change nothing."""

_STACK = "pulumi:pulumi:Stack"
_EXPLANATIONS = {
    **dict.fromkeys(INTEGRATION_TYPES, explain.of_integration),
    **dict.fromkeys(READY_TYPES, explain.of_ready),
}
_PAYLOAD = "secretPayload"
_CREDENTIALS = (_PAYLOAD, "secretReferences")
_NAMES = {each.name: each.argument for each in (*INTEGRATION, *DEACTIVATION)}
"""The program's name of each property, by the API's name."""


@dataclass(frozen=True)
class Change:
    """One field that differs, as it is shown.

    Args:
        path: The field, with the program's names.
        old: The old value; None if there was none.
        new: The new value; None if there is none.
    """

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Resource:
    """One resource that changes.

    Args:
        name: The resource's name in the stack.
        type: The resource's type; without the package for this provider's resources.
        operation: The engine's name of the operation.
        explanations: Sentences that say what happens at Justt; empty for resources of other providers.
        changes: The fields that differ; for a new resource of this provider, all its inputs.
    """

    name: str
    type: str
    operation: str
    explanations: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def resources(steps: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Resource]:
    """Yield the resources that change."""
    read = [_Step.of(step) for step in steps]
    replaced = {step.urn for step in read if step.operation == "replace"}
    # In a `pulumi refresh`, and in no other command, the only operation on the stack resource is `refresh`.
    is_refresh = {step.operation for step in read if step.type == _STACK} == {"refresh"}
    # A resource that changes its type, too, has a warning of its own.
    created, deleted = (
        {(step.type, step.identity) for step in read if step.operation == name and step.identity}
        for name in ("create", "delete")
    )
    for step in read:
        is_shown_already = step.operation in PARTS_OF_REPLACEMENT and step.urn in replaced
        if step.operation not in SILENT and not is_shown_already:
            yield step.resource(now, is_refresh=is_refresh, is_renamed=(step.type, step.identity) in created & deleted)


def moves_without_alias(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the name of each integration that changes between the dynamic resource and the plugin, and a warning.

    Warns:
        warning: A preview deletes an integration and creates one with the same external identifier as the other type.
    """
    read = [_Step.of(step) for step in steps]
    created = {step.identity: step for step in read if step.operation == "create" and step.identity}
    for old in read:
        new = created.get(old.identity) if old.identity else None
        if old.operation != "delete" or new is None or new.type == old.type:
            continue
        name = values.name_in(old.urn)
        former = "" if values.name_in(new.urn) == name else f'name="{values.shortened(name)}", '
        alias = f'aliases=[pulumi.Alias({former}type_="{old.type}")]'
        yield (
            values.name_in(new.urn),
            (
                "this preview creates a new integration and deactivates the one with the same external identifier, "
                f"because the type changes from {old.type} to {new.type} without an alias. To keep the integration, "
                f"add this option to the new resource: {alias}."
            ),
        )


@dataclass(frozen=True)
class _Step:
    """One step of the engine.

    Args:
        urn: The resource's URN.
        operation: The engine's name of the operation.
        detail: The paths that differ, each with the engine's details.
        old: The resource in the state.
        new: The resource in the program.
    """

    urn: str
    operation: str
    detail: Mapping[str, Any]
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> _Step:
        """Read one step of the JSON."""
        old, new, detail = (values.map_of(step.get(name)) for name in ("oldState", "newState", "detailedDiff"))
        return cls(values.text_of(step.get("urn")), values.text_of(step.get("op")), detail, old, new)

    @property
    def type(self) -> str:
        """The resource's type, without the types of its parents."""
        parts = self.urn.split("::", 3)
        return parts[2].rpartition("$")[2] if len(parts) > 2 else ""  # noqa: PLR2004 - stack, project, type, name

    @property
    def identity(self) -> tuple[object, ...] | None:
        """The account and the external identifier of an integration; None if the identifier is unknown or a secret."""
        properties = {**self._properties["old", "outputs"], **self._properties["new", "inputs"]}
        identifier = properties.get("externalIdentifier", UNKNOWN)
        if self.type not in INTEGRATION_TYPES or identifier in (values.SECRET, UNKNOWN):
            return None
        return tuple(str(properties.get(name)) for name in ("environment", "referenceAccountId", "externalIdentifier"))

    def resource(self, now: datetime, *, is_refresh: bool, is_renamed: bool) -> Resource:
        """Return the resource with its changes and explanations."""
        means = _EXPLANATIONS.get(self.type)
        return Resource(
            name=values.name_in(self.urn),
            type=values.shortened(own_name(self.type) if means else self.type),
            operation=values.shortened(self.operation, values.MOST_OF_A_VALUE),
            explanations=tuple(means(self._event(now, is_refresh=is_refresh, is_renamed=is_renamed))) if means else (),
            changes=tuple(sorted({*self._changes(is_ours=means is not None)}, key=_order)),
        )

    def _event(self, now: datetime, *, is_refresh: bool, is_renamed: bool) -> explain.Event:
        return explain.Event(
            operation=self.operation,
            integration_id=values.text_of(self.old.get("id")),
            recorded=self._properties["old", "outputs"],
            wanted=self._properties["new", "inputs"],
            changed={path.partition(".")[0] for path in self.detail},
            is_retained=self.old.get("retainOnDelete") is True,
            is_stopped_first=self.old.get("pendingReplacement") is True,
            is_found=is_refresh,
            is_renamed=is_renamed,
            now=now,
        )

    def _changes(self, *, is_ours: bool) -> Iterator[Change]:
        detail = self.detail
        if not detail and is_ours and self.operation == "create":
            detail = {
                name: {"inputDiff": True} for name in values.map_of(self.new.get("inputs")) if name != "environment"
            }
        for path, how in detail.items():
            keys = tuple(part for part, _ in path_parts(path))
            if path.startswith("__"):
                continue
            if not keys:
                yield Change(values.shortened(path), None, None)
                continue
            is_input = values.map_of(how).get("inputDiff") is True
            for part in self._credential_keys(keys) if is_ours and keys[0] in _CREDENTIALS else [keys]:
                for leaf, before, after in values.leaves(part, *self._sides(part, is_input=is_input)):
                    is_class = is_ours and leaf == ("secretType",)
                    yield Change(
                        self._program_path(leaf) if is_ours else values.dotted(leaf),
                        values.shown(before, is_class=is_class),
                        values.shown(after, is_class=is_class),
                    )

    def _credential_keys(self, keys: Sequence[str | int]) -> list[tuple[str | int, ...]]:
        """Return the path of each credential field at or below *keys*, always as a path in `secretPayload`."""
        if len(keys) > 1:
            # A reference is shown as one value, and any other credential is a secret as a whole.
            return [(_PAYLOAD, keys[1])]
        states = [values.map_of(state.get(kind)) for state in (self.old, self.new) for kind in ("inputs", "outputs")]
        names = {name for state in states for name in values.map_of(state.get(str(keys[0]))) if name != SIGNATURE}
        return [(_PAYLOAD, name) for name in sorted(names)] or [(_PAYLOAD,)]

    def _sides(self, keys: Sequence[str | int], *, is_input: bool) -> tuple[object, object]:
        sets = self._properties
        if is_input:
            return values.at(sets["old", "inputs"], keys), values.at(sets["new", "inputs"], keys)
        new = values.at(sets["new", "outputs"], keys)
        return values.at(sets["old", "outputs"], keys), values.at(
            sets["new", "inputs"], keys
        ) if new is values.ABSENT else new

    @cached_property
    def _properties(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The old and new inputs and outputs. A value that is secret in one of these four is masked in all of them."""
        states = {"old": self.old, "new": self.new}
        sets = {
            (which, kind): values.map_of(states[which].get(kind)) for which in states for kind in ("inputs", "outputs")
        }
        visible = {
            key: {name: values.masked(each[name], [other.get(name) for other in sets.values()]) for name in each}
            for key, each in sets.items()
        }
        if self.type in _EXPLANATIONS:
            for each in visible.values():
                if each.keys() & {*_CREDENTIALS}:
                    each[_PAYLOAD] = values.masked_credentials(*(each.pop(name, {}) for name in _CREDENTIALS))
        return visible

    def _program_path(self, keys: Sequence[str | int]) -> str:
        """Return the path of a property of this provider, with the program's names."""
        head, *rest = keys
        if head != _PAYLOAD:
            return values.dotted([key if isinstance(key, int) else _NAMES.get(key) or snake_case(key) for key in keys])
        types = [values.text_of(properties.get("secretType")) for properties in self._properties.values()]
        names = {name: python_name for each in types for name, python_name in python_names(each).items()}
        return values.dotted(["credentials", *(names.get(str(key), key) for key in rest)])


def _order(change: Change) -> list[str | int]:
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", change.path))]
