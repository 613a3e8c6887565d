"""Fixtures of the core tests: the core without a client, and the core with a client of the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_justt.core.client import JusttClient
from pulumi_justt.simulator import Options, SimulatorServer
from support.live_core import Live
from support.scripted_client import (
    NOW,
    SHORT_RETRIES,
    Offline,
    load,
)


@pytest.fixture
def offline() -> Offline:
    """Return a lifecycle without a client, for tests in which any request must fail."""
    return Offline()


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[tuple[SimulatorServer, JusttClient]]:
    """Yield a simulator whose clock stands still, and a client for it."""
    options = Options(requests_per_minute=1_000_000)
    with SimulatorServer(options, clock=NOW.timestamp) as simulator:
        client = JusttClient(
            load({"baseUrl": simulator.base_url}), policy=SHORT_RETRIES, sleep=lambda _: None, now=lambda: NOW
        )
        yield simulator, client
        client.close()


@pytest.fixture
def live(shared_simulator: tuple[SimulatorServer, JusttClient]) -> Live:
    """Return a lifecycle with a client of a simulator that has no integrations."""
    simulator, client = shared_simulator
    simulator.records.wipe_integrations()
    simulator.clear_requests()
    return Live(simulator, client)
