"""How `pulumi-justt recover` edits a state: a create that never ended becomes a resource, as the engine writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.files import write_private
from pulumi_justt.cli.state import Pending, State
from pulumi_justt.core.state import outputs_from
from pulumi_justt.errors import JusttError

__all__ = ["NOTHING", "RecoveryError", "back_up", "insert", "is_superseded", "resource_of"]

NOTHING = "Nothing was changed."


class RecoveryError(JusttError):
    """A create cannot be settled as it was asked for."""


def resource_of(pending: Pending, record: RemoteRecord) -> dict[str, Any]:
    """Return the operation's resource as the engine stores it when a create has ended."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        **pending.resource,
        "id": record.integration_id,
        "outputs": {
            **pending.resource.get("inputs", {}),
            "integrationId": record.integration_id,
            **outputs_from(record),
        },
        "created": now,
        "modified": now,
    }


def insert(resources: list[dict[str, Any]], resource: dict[str, Any]) -> None:
    """Put *resource* behind what it needs, and let the one that it replaces wait to be deleted.

    Raises:
        RecoveryError: What it needs is not in the state.
    """
    urn = resource["urn"]
    old = next((each for each in resources if each["urn"] == urn and not each.get("delete")), None)
    if old is not None and old.get("pendingReplacement"):
        # It was deleted before, and stays in a state only until the new one is there.
        resources.remove(old)
    elif old is not None:
        old["delete"] = True
    places = {each["urn"]: n for n, each in enumerate(resources) if not each.get("delete")}
    needed = _needed(resource)
    if missing := needed - places.keys():
        raise RecoveryError(
            f"recovering {urn}: {', '.join(sorted(missing))}, which it needs, is not in the state. {NOTHING} Recover "
            "that first, or forget this one and give the resource the id as adopt_id."
        )
    resources.insert(1 + max((places[each] for each in needed), default=-1), resource)


def _needed(resource: Mapping[str, Any]) -> set[str]:
    """Return the URNs that have to stand before *resource* in a state."""
    lists = [
        resource.get("dependencies"),
        resource.get("replaceWith"),
        *(resource.get("propertyDependencies") or {}).values(),
    ]
    needed = {urn for each in lists for urn in each or ()}
    needed |= {resource[name] for name in ("parent", "deletedWith") if resource.get(name)}
    if resource.get("provider"):
        needed.add(resource["provider"].rpartition("::")[0])
    return needed


def is_superseded(state: State, pending: Pending) -> bool:
    """Tell whether a later update has created the resource: what a create replaces has its date of creation."""
    return any(
        resource["urn"] == pending.urn
        and not resource.get("delete")
        and resource.get("created") != pending.resource.get("created")
        for resource in state.resources()
    )


def back_up(state: State, path: Path) -> None:
    """Write *state* to a file that only its owner can read.

    Raises:
        RecoveryError: It cannot be written.
    """
    try:
        write_private(path, json.dumps(state.exported, indent=4))
    except OSError as error:
        raise RecoveryError(f"writing the backup {path}: {error.strerror}. {NOTHING}") from None
