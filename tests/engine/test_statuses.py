"""Statuses on the real engine: a FAILED integration stands out at its resource, and a fleet that works is quiet."""

from __future__ import annotations

import textwrap

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.secret_scanner import canary

FLEET = """
    for name in ("one", "two", "three"):
        justt.PaymentIntegration(
            name,
            external_identifier=f"shop-{name}",
            integration_name=name,
            source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret(name)),
        )
"""


@pytest.fixture
def fleet(stack: Stack, simulator: SimulatorServer) -> dict[str, str]:
    """Create three integrations, one of which then becomes FAILED and the others SUCCESSFUL; return their ids."""
    stack.provide({name: canary(name) for name in ("one", "two", "three")})
    stack.program(FLEET)
    stack.up()
    ids = {name: resource["id"] for name, resource in stack.resources().items()}
    for name, its_id in ids.items():
        simulator.records.set_status(its_id, "FAILED" if name == "one" else "SUCCESSFUL")
    return ids


def test_a_failed_integration_is_a_warning_until_it_is_replaced(stack: Stack, fleet: dict[str, str]) -> None:
    """Each refresh, preview and update shows the warning at the resource, once, until an update replaces it."""
    failed = f"warning: the stripe integration 'shop-one' ({fleet['one']}) is FAILED"
    first = stack.refresh().diagnostics
    assert first["one"][0].startswith(f"{failed} now, was PENDING. Look at Justt for the reason, correct its")
    assert first["shop-dev"] == ["note: 2 integrations are SUCCESSFUL now: 'shop-three', 'shop-two'."]
    assert first.keys() == {"one", "shop-dev"}

    again = stack.refresh().diagnostics
    shown = stack.run("preview", "--stack", "dev").diagnostics
    done = stack.run("up", "--yes", "--skip-preview", "--stack", "dev").diagnostics
    both = stack.run("up", "--refresh", "--yes", "--skip-preview", "--stack", "dev").diagnostics
    for found, rest in ((again, "."), (shown, ", as of"), (done, ", as of"), (both, ".")):
        assert found.keys() == {"one"}
        (line,) = found["one"]
        assert line.startswith(f"{failed}{rest}")

    stack.provide({"one": canary("rotated")})
    replaced = stack.run("up", "--yes", "--skip-preview", "--stack", "dev")
    assert (replaced.diagnostics, "1 replaced" in replaced.text) == ({}, True)
    assert stack.refresh().diagnostics == {}


@pytest.mark.slow
def test_an_integration_of_another_stack_warns_in_each_preview(stack: Stack, fleet: dict[str, str]) -> None:
    """`PaymentIntegration.get` of a FAILED integration warns, and names no remedy that this stack doesn't have."""
    read = f'justt.PaymentIntegration.get("theirs", "{fleet["one"]}")'
    stack.program(f"{textwrap.dedent(FLEET)}\n{read}\n")
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        (line,) = stack.run(*command, "--stack", "dev").diagnostics["theirs"]
        assert line == (
            f"warning: integration {fleet['one']} is FAILED. This stack does not own it: have its owner correct it at "
            "Justt."
        )
