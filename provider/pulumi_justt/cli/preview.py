"""What `pulumi preview --json` says, as a model for people: which fields of which resources differ, and what it means.

in the JSON                                  in the model
the names of the state                       the names that a program has: `credentials.api_key`
marked as a secret, in either state          [secret], on both sides
below secretPayload                          [secret]
below secretReferences                       from_env("STRIPE_KEY")
text, number or list beyond some length      how long it is
the configuration                            nothing
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from pulumi_justt import references
from pulumi_justt.cli import meaning
from pulumi_justt.cli.engine import INTEGRATION_TYPE, OUR_TYPES, READY_TYPE, SIGNATURE, name_of
from pulumi_justt.credentials import SHAPES, python_names
from pulumi_justt.errors import JusttError
from pulumi_justt.schema import DEACTIVATION, INTEGRATION, snake_case

__all__ = ["Change", "Diagnostic", "NoPreview", "Preview", "Resource", "read", "shortened"]

_SECRET = "[secret]"  # noqa: S105 - what the engine writes in the place of a secret
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes in the place of a value that a preview lacks."""

_STACK = "pulumi:pulumi:Stack"
_MEANINGS = {INTEGRATION_TYPE: meaning.of_integration, READY_TYPE: meaning.of_ready}

_OPERATIONS = ("delete", "replace", "update", "create", "import", "read")
"""What is shown, the gravest first; anything else stands behind them."""
_PARTS_OF_REPLACEMENT = {"create-replacement", "delete-replaced"}
_SILENT = {"same", "refresh"}

_MOST_OF_A_VALUE = 100
_MOST_OF_A_NAME = 200
_MOST_OF_A_LINE = 400
_FIRST_LINES, _LAST_LINES = 6, 12

_ABSENT = object()
_PART = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]""")
_PLAIN = re.compile(r"[\w$-]+")
_PAYLOAD = "secretPayload"
_CREDENTIALS = (_PAYLOAD, "secretReferences")
_NAMES = {each.name: each.argument for each in (*INTEGRATION, *DEACTIVATION)}
"""The user's own name of each property."""


class NoPreview(JusttError):
    """What was given is not what `pulumi preview --json` prints."""


@dataclass(frozen=True)
class Change:
    """One field that differs, as it is shown.

    Args:
        path: The field, in the names of a program.
        old: What it was; None where it was not given.
        new: What it becomes; None where it is given no more.
    """

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Resource:
    """One resource to which something happens.

    Args:
        name: Its name in the stack.
        type: Its type; without the package where it is ours.
        operation: The engine's word for what happens.
        meaning: What that means at Justt, sentence by sentence; empty where the resource is not ours.
        changes: The fields that differ; of a new resource of ours all that are given.
    """

    name: str
    type: str
    operation: str
    meaning: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Diagnostic:
    """What somebody has to say.

    Args:
        severity: `error`, `warning`, or `note`.
        resource: The name of the resource that it is about; empty where it is about none.
        message: The text.
    """

    severity: str
    resource: str
    message: str


@dataclass(frozen=True)
class Preview:
    """What a preview says.

    Args:
        stack: The project and the stack, as `shop/dev`; empty where nothing tells.
        counts: How many resources to *create*, *update*, *replace* and *delete*, and how many are *unchanged*.
        resources: Those to which something happens, the gravest first.
        diagnostics: Errors, then notes and warnings.
    """

    stack: str
    counts: Mapping[str, int]
    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_failed(self) -> bool:
        """Whether the preview ended with an error, so that it may not have seen every resource."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps({**asdict(self), "failed": self.has_failed}, indent=2)


def read(preview: str | bytes, *, now: datetime | None = None) -> Preview:
    """Return what a preview says.

    Args:
        preview: What `pulumi preview --json` printed.
        now: The present moment, with which recorded dates are compared.

    Raises:
        NoPreview: `pulumi-justt summary` gets something else.
    """
    try:
        return _read(_digest(preview), now or datetime.now(timezone.utc))
    except RecursionError:
        raise NoPreview("the input is JSON that is nested too deeply for a preview.") from None


def _read(digest: Mapping[str, Any], now: datetime) -> Preview:
    steps = [step for step in _list(digest.get("steps")) if isinstance(step, Mapping)]
    resources = _resources(steps, now)
    diagnostics = filter(None, map(_diagnostic, _list(digest.get("diagnostics"))))
    return Preview(
        stack=_stack([_text(step.get("urn")) for step in steps]),
        counts=_counts(digest.get("changeSummary"), steps),
        resources=tuple(sorted(resources, key=lambda each: (_place(each.operation), each.type, each.name))),
        diagnostics=tuple(sorted(diagnostics, key=lambda each: each.severity)),
    )


def _digest(preview: str | bytes) -> Mapping[str, Any]:
    if not preview.strip():
        raise NoPreview(
            "the input is empty. `pulumi preview --json` prints nothing when it cannot start, such as for a stack that "
            "does not exist; its own error says why."
        )
    try:
        digest = json.loads(preview)
    except ValueError:
        if _is_event_log(preview):
            raise NoPreview(
                "the input is a log of events, as `pulumi up --json` prints it. Take `pulumi preview --json`, without "
                "the variable PULUMI_ENABLE_STREAMING_JSON_PREVIEW."
            ) from None
        raise NoPreview(
            "the input is not JSON. Pass what `pulumi preview --json` prints on its standard output, and nothing else."
        ) from None
    if not isinstance(digest, Mapping) or not digest.keys() & {"steps", "changeSummary", "duration"}:
        raise NoPreview("the input is JSON, and not that of `pulumi preview --json`.")
    return digest


def _is_event_log(preview: str | bytes) -> bool:
    try:
        first = json.loads(preview.lstrip().splitlines()[0])
    except ValueError:
        return False
    return isinstance(first, Mapping) and "sequence" in first


def _counts(told: object, steps: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    by_operation = told if isinstance(told, Mapping) else Counter(_text(step.get("op")) for step in steps)
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0, "unchanged": 0}
    for operation, number in by_operation.items():
        name = "unchanged" if operation in _SILENT else shortened(operation, _MOST_OF_A_VALUE)
        # Its parts are counted with a replacement; what this version does not know is counted as the engine calls it.
        if name not in _PARTS_OF_REPLACEMENT and isinstance(number, int) and number > 0:
            counts[name] = counts.get(name, 0) + number
    return counts


def _resources(steps: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Resource]:
    read = [_Step.of(step) for step in steps]
    replaced = {step.urn for step in read if step.operation == "replace"}
    # Only `pulumi refresh` does nothing else with the stack itself.
    is_refresh = {step.operation for step in read if step.type == _STACK} == {"refresh"}
    for step in read:
        is_told = step.operation in _PARTS_OF_REPLACEMENT and step.urn in replaced
        if step.operation not in _SILENT and not is_told:
            yield step.resource(now, is_refresh=is_refresh)


@dataclass(frozen=True)
class _Step:
    """One step of the engine.

    Args:
        urn: The resource.
        operation: The engine's word for what happens to it.
        detail: The paths that differ, each with the engine's remarks on it.
        old: The resource as the state has it.
        new: The resource as the program has it.
    """

    urn: str
    operation: str
    detail: Mapping[str, Any]
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> _Step:
        """Read one step of the JSON."""
        old, new, detail = (_map(step.get(name)) for name in ("oldState", "newState", "detailedDiff"))
        return cls(_text(step.get("urn")), _text(step.get("op")), detail, old, new)

    @property
    def type(self) -> str:
        """The resource's type, without those of its parents."""
        parts = self.urn.split("::", 3)
        return parts[2].rpartition("$")[2] if len(parts) > 2 else ""  # noqa: PLR2004 - stack, project, type, name

    def resource(self, now: datetime, *, is_refresh: bool) -> Resource:
        """Return what there is to say."""
        means = _MEANINGS.get(self.type)
        return Resource(
            name=_name(self.urn),
            type=shortened(self.type.removeprefix(OUR_TYPES) if means else self.type),
            operation=shortened(self.operation, _MOST_OF_A_VALUE),
            meaning=tuple(means(self._event(now, is_refresh=is_refresh))) if means else (),
            changes=tuple(sorted({*self._changes(is_ours=means is not None)}, key=_order)),
        )

    def _event(self, now: datetime, *, is_refresh: bool) -> meaning.Event:
        return meaning.Event(
            operation=self.operation,
            recorded=self._properties["old", "outputs"],
            wanted=self._properties["new", "inputs"],
            changed={path.partition(".")[0] for path in self.detail},
            is_retained=self.old.get("retainOnDelete") is True,
            is_stopped_first=self.old.get("pendingReplacement") is True,
            is_found=is_refresh,
            now=now,
        )

    def _changes(self, *, is_ours: bool) -> Iterator[Change]:
        told = self.detail
        if not told and is_ours and self.operation == "create":
            told = {name: {"inputDiff": True} for name in _map(self.new.get("inputs")) if name != "environment"}
        for path, how in told.items():
            keys = _keys(path)
            if path.startswith("__"):
                continue
            if not keys:
                yield Change(shortened(path), None, None)
                continue
            is_input = _map(how).get("inputDiff") is True
            for part in self._credential_keys(keys) if is_ours and keys[0] in _CREDENTIALS else [keys]:
                for leaf, before, after in _leaves(part, *self._sides(part, is_input=is_input)):
                    is_class = is_ours and leaf == ("secretType",)
                    yield Change(
                        self._called(leaf) if is_ours else _dotted(leaf),
                        _shown(before, is_class=is_class),
                        _shown(after, is_class=is_class),
                    )

    def _credential_keys(self, keys: Sequence[str | int]) -> list[tuple[str | int, ...]]:
        """Return the keys of each credential field at or below *keys*, among which a field has only one place."""
        if len(keys) > 1:
            # A reference is one value to its reader, and all else there is secret as a whole.
            return [(_PAYLOAD, keys[1])]
        states = [_map(state.get(kind)) for state in (self.old, self.new) for kind in ("inputs", "outputs")]
        names = {name for state in states for name in _map(state.get(str(keys[0]))) if name != SIGNATURE}
        return [(_PAYLOAD, name) for name in sorted(names)] or [(_PAYLOAD,)]

    def _sides(self, keys: Sequence[str | int], *, is_input: bool) -> tuple[object, object]:
        sets = self._properties
        if is_input:
            return _at(sets["old", "inputs"], keys), _at(sets["new", "inputs"], keys)
        new = _at(sets["new", "outputs"], keys)
        return _at(sets["old", "outputs"], keys), _at(sets["new", "inputs"], keys) if new is _ABSENT else new

    @cached_property
    def _properties(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The four sets of properties, with everything masked that is secret in any of them."""
        states = {"old": self.old, "new": self.new}
        sets = {(which, kind): _map(states[which].get(kind)) for which in states for kind in ("inputs", "outputs")}
        masked = {
            key: {name: _masked(each[name], [other.get(name) for other in sets.values()]) for name in each}
            for key, each in sets.items()
        }
        if self.type in _MEANINGS:
            for each in masked.values():
                if each.keys() & {*_CREDENTIALS}:
                    each[_PAYLOAD] = _masked_credentials(*(each.pop(name, {}) for name in _CREDENTIALS))
        return masked

    def _called(self, keys: Sequence[str | int]) -> str:
        """Write the path of a property of ours as a program has it."""
        head, *rest = keys
        if head != _PAYLOAD:
            return _dotted([key if isinstance(key, int) else _NAMES.get(key) or snake_case(key) for key in keys])
        types = [_text(properties.get("secretType")) for properties in self._properties.values()]
        names = {name: told for secret_type in types for name, told in python_names(secret_type).items()}
        return _dotted(["credentials", *(names.get(str(key), key) for key in rest)])


def _masked(value: object, others: Sequence[object]) -> object:
    """Return *value* with everything masked that is a secret there or in any of *others*."""
    if any(map(_is_secret, (value, *others))):
        return _SECRET
    if isinstance(value, Mapping):
        return {
            name: _masked(item, [other[name] for other in others if isinstance(other, Mapping) and name in other])
            for name, item in value.items()
        }
    # An item may stand at another place in another list.
    return _SECRET if isinstance(value, list) and any(map(_holds_secret, (value, *others))) else value


def _masked_credentials(payload: object, referred: object) -> object:
    """Return all credential fields in one mapping, the values of which are masked, but for the references."""
    if not (isinstance(payload, Mapping) and isinstance(referred, Mapping)):
        return _SECRET
    # A value never looks like a reference then.
    return {**dict.fromkeys(payload, _SECRET), **referred}


def _is_secret(value: object) -> bool:
    return value == _SECRET or (isinstance(value, Mapping) and SIGNATURE in value)


def _holds_secret(value: object) -> bool:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return _is_secret(value) or any(map(_holds_secret, children))


def _keys(path: str) -> tuple[str | int, ...]:
    """Return the parts of a path as the engine writes it; nothing where it can't be read."""
    keys: list[str | int] = []
    end = 0
    for found in _PART.finditer(path):
        if found.start() != end:
            return ()
        name, index, quoted = found.groups()
        keys.append(int(index) if index else name or re.sub(r"\\(.)", r"\1", quoted or ""))
        end = found.end()
    return tuple(keys) if end == len(path) else ()


def _at(properties: object, keys: Sequence[str | int]) -> object:
    """Return what stands at *keys*: a secret where it is part of one, and `_ABSENT` where there is nothing."""
    value = properties
    for key in keys:
        is_there = key in value if isinstance(value, Mapping) else isinstance(value, list) and key in range(len(value))
        if value == _SECRET or not is_there:
            return _SECRET if value == _SECRET else _ABSENT
        value = value[key]  # type: ignore[index]
    return value


def _leaves(
    path: tuple[str | int, ...], old: object, new: object
) -> Iterator[tuple[tuple[str | int, ...], object, object]]:
    """Yield what differs at and below *path*; a reference is one value, and so is a list."""
    sides = [side for side in (old, new) if side is not _ABSENT]
    if not sides or not all(isinstance(side, Mapping) and side and not references.from_wire(side) for side in sides):
        yield path, old, new
        return
    for name in sorted({name for side in sides for name in _map(side)}):
        before, after = _at(old, (name,)), _at(new, (name,))
        if before != after or before == _SECRET:
            yield from _leaves((*path, name), before, after)


def _shown(value: object, *, is_class: bool) -> str | None:
    if value is _ABSENT or value is None:
        return None
    if value == _SECRET:
        return _SECRET
    if value == _UNKNOWN:
        return "[known after the update]"
    reference = references.from_wire(value)
    if reference is not None:
        function = "from_env" if "fromEnv" in reference.wire() else "from_file"
        version = f", version={reference.version}" if reference.version != 1 else ""
        text = f"{function}({json.dumps(reference.place, ensure_ascii=False)}{version})"
    elif is_class:
        shape = SHAPES.get(_text(value))
        text = shape.__name__ if shape else f"Unlisted({json.dumps(value, ensure_ascii=False)})"
    elif isinstance(value, Mapping) and value:
        return f"[{len(value)} properties]"
    else:
        text = json.dumps(value, ensure_ascii=False)
    text = _clean(text)
    if len(text) > _MOST_OF_A_VALUE:
        return f"[{len(value)} items]" if isinstance(value, list) else f"[{len(text)} characters]"
    return text


def _dotted(keys: Sequence[str | int]) -> str:
    parts = (
        f".{key}" if _PLAIN.fullmatch(str(key)) and isinstance(key, str) else f"[{json.dumps(key)}]" for key in keys
    )
    return shortened("".join(parts).removeprefix("."))


def _order(change: Change) -> list[str | int]:
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", change.path))]


def _diagnostic(told: object) -> Diagnostic | None:
    severity, message = _text(_map(told).get("severity")), _text(_map(told).get("message"))
    if severity == "info#err" and message.startswith(("warning: ", "note: ")):
        # The provider's own lines, which the engine takes from its standard error.
        severity = message.partition(": ")[0]
    if severity in ("", "debug", "info", "info#err"):
        return None
    # What this version does not know may be grave.
    severity = severity if severity in ("warning", "note") else "error"
    lines = [shortened(line.expandtabs().rstrip(), _MOST_OF_A_LINE) for line in message.splitlines() if line.strip()]
    surplus = len(lines) - _FIRST_LINES - _LAST_LINES
    if surplus > 0:
        lines[_FIRST_LINES:-_LAST_LINES] = [f"[{surplus} lines are left out]"]
    return Diagnostic(severity, _name(_text(_map(told).get("urn"))), "\n".join(lines).removeprefix(f"{severity}: "))


def _place(operation: str) -> int:
    return _OPERATIONS.index(operation) if operation in _OPERATIONS else len(_OPERATIONS)


def _stack(urns: Sequence[str]) -> str:
    parts = next((urn for urn in urns if urn.startswith("urn:pulumi:")), "").split("::")
    return f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}" if len(parts) > 1 else ""


def _name(urn: str) -> str:
    return shortened(name_of(urn))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _clean(text: str) -> str:
    """Write what is not printable, line breaks and changes of direction among it, as Python would."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shortened(text: str, most: int = _MOST_OF_A_NAME) -> str:
    """Return *text* as one line of at most *most* characters, all of which can be seen."""
    text = _clean(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
