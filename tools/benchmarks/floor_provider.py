"""The smallest dynamic resource that can be written: its times are the engine's and the SDK's own.

`make bench` compares with it. It has one secret and one plain property, which are in its inputs and its outputs, and
its provider is stored in plain text. `PaymentIntegration` has more of each, so the benchmark shows what they cost.
"""

from __future__ import annotations

import uuid
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class FloorProvider(ResourceProvider):
    """Return a made-up id, replace on any change, and do nothing else."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs as outputs."""
        return CreateResult(str(uuid.uuid4()), props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Replace on any change."""
        return DiffResult(replaces=[name for name in ("name", "secret") if olds[name] != news[name]])


class FloorResource(Resource):
    """The resource. It needs no constructor of its own."""
