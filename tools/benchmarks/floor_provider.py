"""A dynamic provider that does nothing, for resources of the same size as ours: it measures the engine's own cost.

`make bench` compares with it. The keys, values and secrets in the state are those of `PaymentIntegration`.
"""

from __future__ import annotations

import uuid
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

_SENT = ("externalIdentifier", "integrationName", "source", "secretType", "secretPayload", "merchantAccountCodes")


class FloorProvider(ResourceProvider):
    """Return a made-up id, replace on any change, and do nothing else."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs, an id and a status."""
        made = str(uuid.uuid4())
        return CreateResult(made, {**props, "integrationId": made, "status": "PENDING"})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Replace on any change."""
        return DiffResult(replaces=[name for name in _SENT if olds[name] != news[name]])


class FloorIntegration(Resource, module="justt", name="FloorIntegration"):
    """The resource, with the properties of the API's create call."""

    def __init__(self, name: str, properties: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        """Pass all properties to the provider."""
        outputs = {"environment": "simulator", "integrationId": None, "status": None, "goLiveDate": None}
        super().__init__(FloorProvider(), name, {**properties, **outputs}, opts)
