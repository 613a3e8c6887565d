"""Runs the core against the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.log import Log
from pulumi_justt.simulator import SimulatorServer
from support.scripted_client import (
    CHECKED,
    NOW,
    load,
)


@dataclass
class Live:
    """The core, connected to the simulator."""

    simulator: SimulatorServer
    client: JusttClient
    messages: list[str] = field(default_factory=list)

    def core(self, config: Mapping[str, str] | None = None, **environ: str) -> IntegrationLifecycle:
        """Return the lifecycle with these settings."""
        chosen = load({"baseUrl": self.simulator.base_url, **(config or {})}, **environ)
        return IntegrationLifecycle(chosen, client=lambda: self.client, log=Log(self.messages.append), now=lambda: NOW)

    def created(self, **changes: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - any property
        """Create an integration with *changes* to the inputs, and return its id and its recorded outputs."""
        created = self.core().create({**CHECKED, **changes})
        self.simulator.clear_requests()
        return created

    @property
    def requests(self) -> list[tuple[str, str, str | None]]:
        """The method, path and account of each request that arrived."""
        return [(each.method, each.path.removeprefix("/v1"), each.account) for each in self.simulator.requests]
