"""Parses the output of `pulumi preview --json` into a readable model: the changes of each resource, with explanations.

in the JSON                                  in the model
the state's names of properties              the program's names, such as `credentials.api_key`
a secret in the old or the new state         [secret], on both sides
below secretPayload                          [secret]
below secretReferences                       from_env("STRIPE_KEY")
a long text, number or list                  its length
the configuration                            nothing
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from pulumi_justt.cli.summary.steps import PARTS_OF_REPLACEMENT, SILENT, Resource, moves_without_alias, resources
from pulumi_justt.cli.summary.values import MOST_OF_A_VALUE, list_of, map_of, name_in, shortened, text_of
from pulumi_justt.errors import JusttError

__all__ = ["Diagnostic", "NoPreview", "Preview", "read"]

_OPERATIONS = ("delete", "replace", "update", "create", "import", "read")
"""The order in which operations are shown, the most important first. Other operations come after them."""

_MOST_OF_A_LINE = 400
_FIRST_LINES, _LAST_LINES = 6, 12


class NoPreview(JusttError):
    """The input is not the output of `pulumi preview --json`."""


@dataclass(frozen=True)
class Diagnostic:
    """A message of the preview.

    Args:
        severity: `error`, `warning` or `note`.
        resource: The name of the resource that the message is about; empty if there is none.
        message: The text.
    """

    severity: str
    resource: str
    message: str


@dataclass(frozen=True)
class Preview:
    """The parsed preview.

    Args:
        stack: The project and the stack, such as `shop/dev`; empty if not known.
        counts: The number of resources to *create*, *update*, *replace* and *delete*, and the number *unchanged*.
        resources: The resources that change, the most important operations first.
        diagnostics: Errors, then notes and warnings.
    """

    stack: str
    counts: Mapping[str, int]
    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_failed(self) -> bool:
        """Whether the preview has an error, so that it may not cover all resources."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def to_json(self) -> str:
        """Return the preview as JSON."""
        return json.dumps({**asdict(self), "failed": self.has_failed}, indent=2)


def read(preview: str | bytes, *, now: datetime | None = None) -> Preview:
    """Parse a preview.

    Args:
        preview: The output of `pulumi preview --json`.
        now: The current time, which recorded dates are compared with.

    Raises:
        NoPreview: The input of `pulumi-justt summary` is not the output of `pulumi preview --json`.
    """
    try:
        return _read(_digest(preview), now or datetime.now(timezone.utc))
    except RecursionError:
        raise NoPreview("the input is JSON that is nested too deeply to be a preview.") from None


def _read(digest: Mapping[str, Any], now: datetime) -> Preview:
    steps = [step for step in list_of(digest.get("steps")) if isinstance(step, Mapping)]
    diagnostics = [*filter(None, map(_diagnostic, list_of(digest.get("diagnostics"))))]
    diagnostics += [Diagnostic("warning", name, text) for name, text in moves_without_alias(steps)]
    return Preview(
        stack=_stack([text_of(step.get("urn")) for step in steps]),
        counts=_counts(digest.get("changeSummary"), steps),
        resources=tuple(sorted(resources(steps, now), key=lambda each: (_rank(each.operation), each.type, each.name))),
        diagnostics=tuple(sorted(diagnostics, key=lambda each: each.severity)),
    )


def _digest(preview: str | bytes) -> Mapping[str, Any]:
    if not preview.strip():
        raise NoPreview(
            "the input is empty. `pulumi preview --json` prints nothing if it cannot start, for example because the "
            "stack does not exist; its error message says why."
        )
    try:
        digest = json.loads(preview)
    except ValueError:
        if _is_event_log(preview):
            raise NoPreview(
                "the input is a log of events, as `pulumi up --json` prints it. Use `pulumi preview --json`, without "
                "the variable PULUMI_ENABLE_STREAMING_JSON_PREVIEW."
            ) from None
        raise NoPreview("the input is not JSON. Pass only the standard output of `pulumi preview --json`.") from None
    if not isinstance(digest, Mapping) or not digest.keys() & {"steps", "changeSummary", "duration"}:
        raise NoPreview("the input is JSON, but not the output of `pulumi preview --json`.")
    return digest


def _is_event_log(preview: str | bytes) -> bool:
    try:
        first = json.loads(preview.lstrip().splitlines()[0])
    except ValueError:
        return False
    return isinstance(first, Mapping) and "sequence" in first


def _counts(summary: object, steps: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    by_operation = summary if isinstance(summary, Mapping) else Counter(text_of(step.get("op")) for step in steps)
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0, "unchanged": 0}
    for operation, number in by_operation.items():
        name = "unchanged" if operation in SILENT else shortened(operation, MOST_OF_A_VALUE)
        # The parts of a replacement are counted as one `replace`. Unknown operations keep the engine's name.
        if name not in PARTS_OF_REPLACEMENT and isinstance(number, int) and number > 0:
            counts[name] = counts.get(name, 0) + number
    return counts


def _diagnostic(item: object) -> Diagnostic | None:
    severity, message = text_of(map_of(item).get("severity")), text_of(map_of(item).get("message"))
    if severity in ("info", "info#err") and message.startswith(("warning: ", "note: ")):
        # The provider's own messages: the engine gets a note as `info`, and reads `info#err` from stderr.
        severity = message.partition(": ")[0]
    if severity in ("", "debug", "info", "info#err"):
        return None
    # An unknown severity counts as an error, to be safe.
    severity = severity if severity in ("warning", "note") else "error"
    lines = [shortened(line.expandtabs().rstrip(), _MOST_OF_A_LINE) for line in message.splitlines() if line.strip()]
    surplus = len(lines) - _FIRST_LINES - _LAST_LINES
    if surplus > 0:
        lines[_FIRST_LINES:-_LAST_LINES] = [f"[{surplus} lines are left out]"]
    return Diagnostic(
        severity, name_in(text_of(map_of(item).get("urn"))), "\n".join(lines).removeprefix(f"{severity}: ")
    )


def _rank(operation: str) -> int:
    return _OPERATIONS.index(operation) if operation in _OPERATIONS else len(_OPERATIONS)


def _stack(urns: Sequence[str]) -> str:
    parts = next((urn for urn in urns if urn.startswith("urn:pulumi:")), "").split("::")
    return f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}" if len(parts) > 1 else ""
