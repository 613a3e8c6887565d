"""What is known of an integration before or without a request: normalized inputs, and the outputs of a preview.

Only the plugin shows outputs in a preview, and only the plugin imports.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from pulumi_justt import references, schema
from pulumi_justt.core.inputs import ARGUMENTS, UNKNOWN
from pulumi_justt.core.state import Properties, drop_none
from pulumi_justt.errors import StateConflict

__all__ = ["plan_integration", "require_importable", "updated", "without_defaults"]


def without_defaults(news: Properties) -> dict[str, Any]:
    """Return the properties that the program gives, without those that have the same meaning as an absent one."""
    inputs = drop_none(news)
    for each in schema.INTEGRATION:
        if each.is_absent(inputs.get(each.name)):
            inputs.pop(each.name, None)
    if "secretReferences" in inputs:
        inputs["secretReferences"] = references.with_versions(inputs["secretReferences"])
    return inputs


def updated(olds: Properties, news: Properties, arguments: Container[str]) -> dict[str, Any]:
    """Return the outputs after an update: the new inputs, and what Justt returned earlier.

    Args:
        olds: The recorded outputs.
        news: The new inputs.
        arguments: The names of all inputs.
    """
    return {**{name: value for name, value in olds.items() if name not in arguments}, **news}


def plan_integration(inputs: Properties, olds: Properties | None = None) -> tuple[str, dict[str, Any]]:
    """Return the id and the outputs that a preview can show for a create, or for an update of *olds*.

    The id is empty if it is known only after the create.
    """
    if olds is not None:
        return str(olds["integrationId"]), updated(olds, inputs, ARGUMENTS)
    adopted = inputs.get("adoptId", UNKNOWN)
    status = UNKNOWN if "adoptId" in inputs else "PENDING"
    outs = {**inputs, "integrationId": adopted, "status": status, "goLiveDate": UNKNOWN}
    return adopted if isinstance(adopted, str) else "", outs


def require_importable(integration_id: str, outputs: Properties) -> None:
    """Refuse to import an integration that has ended.

    Raises:
        StateConflict: The integration to import was deactivated.
    """
    if outputs["status"] == "INACTIVE":
        raise StateConflict(
            f"importing integration {integration_id}: it is INACTIVE, which is final. Remove it from the import, "
            "and let `pulumi up` create a new one."
        )
