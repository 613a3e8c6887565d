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
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from pulumi_justt.cli.summary.steps import PARTS_OF_REPLACEMENT, SILENT, Resource, resources
from pulumi_justt.cli.summary.values import MOST_OF_A_VALUE, list_of, map_of, name_in, shortened, text_of
from pulumi_justt.errors import JusttError

__all__ = ["Diagnostic", "NoPreview", "Preview", "read"]

_OPERATIONS = ("delete", "replace", "update", "create", "import", "read")
"""What is shown, the gravest first; anything else stands behind them."""

_MOST_OF_A_LINE = 400
_FIRST_LINES, _LAST_LINES = 6, 12


class NoPreview(JusttError):
    """What was given is not what `pulumi preview --json` prints."""


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
    steps = [step for step in list_of(digest.get("steps")) if isinstance(step, Mapping)]
    diagnostics = filter(None, map(_diagnostic, list_of(digest.get("diagnostics"))))
    return Preview(
        stack=_stack([text_of(step.get("urn")) for step in steps]),
        counts=_counts(digest.get("changeSummary"), steps),
        resources=tuple(sorted(resources(steps, now), key=lambda each: (_place(each.operation), each.type, each.name))),
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
    by_operation = told if isinstance(told, Mapping) else Counter(text_of(step.get("op")) for step in steps)
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0, "unchanged": 0}
    for operation, number in by_operation.items():
        name = "unchanged" if operation in SILENT else shortened(operation, MOST_OF_A_VALUE)
        # Its parts are counted with a replacement; what this version does not know is counted as the engine calls it.
        if name not in PARTS_OF_REPLACEMENT and isinstance(number, int) and number > 0:
            counts[name] = counts.get(name, 0) + number
    return counts


def _diagnostic(told: object) -> Diagnostic | None:
    severity, message = text_of(map_of(told).get("severity")), text_of(map_of(told).get("message"))
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
    return Diagnostic(
        severity, name_in(text_of(map_of(told).get("urn"))), "\n".join(lines).removeprefix(f"{severity}: ")
    )


def _place(operation: str) -> int:
    return _OPERATIONS.index(operation) if operation in _OPERATIONS else len(_OPERATIONS)


def _stack(urns: Sequence[str]) -> str:
    parts = next((urn for urn in urns if urn.startswith("urn:pulumi:")), "").split("::")
    return f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}" if len(parts) > 1 else ""
