"""Edits the state for `pulumi-justt recover`: an unfinished create becomes a resource, as the engine stores it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.files import make_ignored_folder, write_private
from pulumi_justt.cli.project import project_file
from pulumi_justt.cli.state import Pending, State
from pulumi_justt.core.state import outputs_from
from pulumi_justt.errors import JusttError

__all__ = ["NOTHING", "RecoveryError", "back_up", "backup_file", "insert", "is_superseded", "resource_of"]

NOTHING = "Nothing was changed."


class RecoveryError(JusttError):
    """A create cannot be resolved as requested."""


def resource_of(pending: Pending, record: RemoteRecord) -> dict[str, Any]:
    """Return the operation's resource as the engine stores it after a create."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        **pending.resource,
        "id": record.integration_id,
        "outputs": {**pending.resource.get("inputs", {}), **outputs_from(record)},
        "created": now,
        "modified": now,
    }


def insert(resources: list[dict[str, Any]], resource: dict[str, Any]) -> None:
    """Insert *resource* after its dependencies, and mark the resource that it replaces for deletion.

    Raises:
        RecoveryError: A dependency is not in the state.
    """
    urn = resource["urn"]
    old = next((each for each in resources if each["urn"] == urn and not each.get("delete")), None)
    if old is not None and old.get("pendingReplacement"):
        # With `delete_before_replace`, the old one is already deleted; the state keeps it until the new one exists.
        resources.remove(old)
    elif old is not None:
        old["delete"] = True
    places = {each["urn"]: n for n, each in enumerate(resources) if not each.get("delete")}
    dependencies = _dependencies(resource)
    if missing := dependencies - places.keys():
        raise RecoveryError(
            f"recovering {urn}: it depends on {', '.join(sorted(missing))}, which is not in the state. {NOTHING} "
            "Recover that first, or forget this one and give the resource the id as adopt_id."
        )
    resources.insert(1 + max((places[each] for each in dependencies), default=-1), resource)


def _dependencies(resource: Mapping[str, Any]) -> set[str]:
    """Return the URNs of the resources that must precede *resource* in a state."""
    lists = [
        resource.get("dependencies"),
        resource.get("replaceWith"),
        *(resource.get("propertyDependencies") or {}).values(),
    ]
    found = {urn for each in lists for urn in each or ()}
    found |= {resource[name] for name in ("parent", "deletedWith") if resource.get(name)}
    if resource.get("provider"):
        found.add(resource["provider"].rpartition("::")[0])
    return found


def is_superseded(state: State, pending: Pending) -> bool:
    """Check whether a later update has created the resource.

    A pending replacement has the creation date of the resource that it replaces. A different date in the state means
    that the resource was created later.
    """
    return any(
        resource["urn"] == pending.urn
        and not resource.get("delete")
        and resource.get("created") != pending.resource.get("created")
        for resource in state.resources()
    )


def backup_file(folder: Path) -> Path:
    """Return a new file for a backup, in the folder `.pulumi-justt` beside the project file that `pulumi` finds."""
    found = project_file(folder)
    home = found.parent if found else folder
    return home / ".pulumi-justt" / f"recover-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}.json"


def back_up(state: State, path: Path) -> None:
    """Write *state* to a file that only its owner can read, in a folder that git ignores.

    Raises:
        RecoveryError: The file cannot be written.
    """
    try:
        make_ignored_folder(path.parent)
        write_private(path, json.dumps(state.exported, indent=4))
    except OSError as error:
        raise RecoveryError(f"writing the backup {path}: {error.strerror}. {NOTHING}") from None
