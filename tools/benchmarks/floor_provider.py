"""A dynamic provider that does nothing for resources of the same size as ours: what the engine itself costs.

`make bench` compares with it. Keys, values and secrets in the state are those of `PaymentIntegration`.
"""

from __future__ import annotations

import uuid
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

_SENT = ("externalIdentifier", "integrationName", "source", "secretType", "secretPayload", "merchantAccountCodes")


class FloorProvider(ResourceProvider):
    """Make up an id, replace for any change, and take everything else as it comes."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs, an id and a status."""
        made = str(uuid.uuid4())
        return CreateResult(made, {**props, "integrationId": made, "status": "PENDING"})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Replace for any change."""
        return DiffResult(replaces=[name for name in _SENT if olds[name] != news[name]])


class FloorIntegration(Resource, module="justt", name="FloorIntegration"):
    """The resource, with the properties of the API's create call."""

    def __init__(self, name: str, properties: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        """Hand everything to the provider."""
        outputs = {"environment": "simulator", "integrationId": None, "status": None, "goLiveDate": None}
        super().__init__(FloorProvider(), name, {**properties, **outputs}, opts)
