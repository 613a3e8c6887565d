"""Explains what a step of the engine does at Justt. The texts contain no names or values from the program."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pulumi_justt import references
from pulumi_justt.api.models import from_vendor_time
from pulumi_justt.core.ownership import is_adopted
from pulumi_justt.schema import READY_TIMEOUT_SECONDS

__all__ = ["Event", "of_integration", "of_ready"]


@dataclass(frozen=True)
class Event:
    """A step of the engine on one resource.

    Args:
        operation: The engine's name of the operation.
        integration_id: The id of the integration in the state; empty before a create.
        recorded: The outputs in the state, secrets masked.
        wanted: The inputs from the program, secrets masked.
        changed: The properties that differ, by the API's names; empty if the engine names none.
        is_retained: Whether the state has `retain_on_delete` for the resource.
        is_stopped_first: Whether the old integration is deactivated before the new one is created.
        is_found: Whether a refresh found the change, rather than the program causing it.
        is_renamed: Whether the preview deletes one resource and creates another one with the same identifier.
        now: The current time.
    """

    operation: str
    integration_id: str
    recorded: Mapping[str, Any]
    wanted: Mapping[str, Any]
    changed: Collection[str]
    is_retained: bool
    is_stopped_first: bool
    is_found: bool
    is_renamed: bool
    now: datetime


def of_integration(event: Event) -> Iterator[str]:
    """Yield sentences that explain *event* for an integration."""
    if event.operation in ("create", "replace"):
        yield from _explain_create(event)
    elif event.operation == "update":
        yield from _explain_update(event)
    elif event.operation == "read":
        yield "read only: this stack does not manage it"
    elif event.is_found:
        yield "gone at Justt, where INACTIVE is final: it is removed from the state"
    elif event.operation == "delete":
        yield from _explain_delete(event)
    elif event.operation == "delete-replaced":
        yield f"left over from an earlier replacement: it {_how_it_stops(event)}"


def of_ready(event: Event) -> Iterator[str]:
    """Yield sentences that explain *event* for an IntegrationReady."""
    if event.operation in ("create", "replace"):
        seconds = event.wanted.get("timeoutSeconds", READY_TIMEOUT_SECONDS)
        how_long = f"up to {seconds:g} s " if _is_number(seconds) else ""
        yield f"waits {how_long}until the integration is SUCCESSFUL, and fails if it is FAILED or INACTIVE"
    elif event.operation == "update":
        yield "only the state changes; nothing waits, and nothing is sent"
    elif event.operation in ("delete", "delete-replaced"):
        yield "only the state changes; nothing is sent"


def _explain_create(event: Event) -> Iterator[str]:
    begins, payload = "a new integration is created", event.wanted.get("secretPayload")
    if "adoptId" in event.wanted:
        begins, payload = "an existing integration is adopted; nothing is created", None
    if event.operation == "create":
        yield begins
    else:
        ends = f"the old one {_how_it_stops(event)}"
        yield f"{ends}; then {begins}" if event.is_stopped_first else f"{begins}; {ends}"
        if not event.changed:
            yield "no argument changes: `--replace` or a resource option causes the replacement"
    if event.is_renamed and "adoptId" not in event.wanted:
        yield (
            "a resource that is deleted has the same `external_identifier`: if this is only its new name, add the old "
            "one to `aliases`, and nothing is created or stopped"
        )
    if isinstance(payload, Mapping) and any(map(references.from_wire, payload.values())):
        yield "the variables or files of its references must exist when `pulumi up` runs"


def _explain_delete(event: Event) -> Iterator[str]:
    if event.recorded.get("deletionProtection") and not event.is_retained:
        yield "`pulumi up` refuses it (`deletion_protection`): set that to False and run `pulumi up` first"
    else:
        yield f"it {_how_it_stops(event)}"
    if event.is_renamed:
        yield "a new resource has the same `external_identifier`: if that is only its new name, it needs an alias"


def _how_it_stops(event: Event) -> str:
    recorded = event.recorded
    if event.is_retained:
        return "stays as it is at Justt, and this stack forgets it (`retain_on_delete`)"
    if is_adopted(recorded, event.integration_id):
        return "was adopted, so it is released and stays as it is at Justt"
    policy = recorded.get("deactivation", {})
    if not isinstance(policy, Mapping):
        return "stops as its recorded deactivation says"
    date, days = policy.get("deactivationDate"), policy.get("afterDays", 0)
    compared = ", by the due date of a chargeback" if policy.get("deactivationType") == "dueDate" else ""
    if date is not None:
        return f"stops {_when(date, event.now)}{compared}"
    if not _is_number(days):
        return "stops as its recorded deactivation says"
    when = "at once" if days == 0 else f"{days:g} day{'' if days == 1 else 's'} after the update"
    return f"stops {when}{compared}"


def _when(date: object, now: datetime) -> str:
    try:
        moment = from_vendor_time(str(date))
    except ValueError:
        return "on its recorded date"
    day = f"{moment:%Y-%m-%d}" if moment.time() == moment.time().min else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return f"on {day}" if moment > now else f"at once, as its recorded date {day} has passed"


def _explain_update(event: Event) -> Iterator[str]:
    if event.changed and {*event.changed} <= {"status", "goLiveDate"}:
        yield "the state gets the current values from Justt; nothing is sent"
        return
    yield "only the state changes; nothing is sent"
    if "deactivation" in event.changed:
        yield "the deactivation applies from the next delete or replacement on"
    if "adoptId" in event.changed and "adoptId" in event.wanted:
        yield "adopted: a delete releases it and does not stop it"
    elif "adoptId" in event.changed:
        yield "this stack owns it from now on: a delete or replacement stops it"
    if "deletionProtection" in event.changed:
        yield f"a delete is {'refused' if event.wanted.get('deletionProtection') else 'possible'} from now on"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
