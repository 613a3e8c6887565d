"""With the real engine, a killed CLI leaves no provider process behind."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import Stack, eventually, has_fired
from support.plugin_stack import PluginStack, in_both_front_ends

TIMEOUT_SECONDS = 3
LONGEST_SECONDS = 15
"""Much longer than a timeout plus the detection of a missing engine, and much shorter than a request that hangs."""

PROGRAM = """
import asyncio
import pathlib

made = justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="Stripe EU",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
)
"""
IDLE = """
async def linger(_):
    pathlib.Path("registered").touch()
    await asyncio.sleep(30)

made.urn.apply(linger)
"""
READY = """
justt.IntegrationReady("ready", integration=made, timeout_seconds=300)
"""


@dataclass(frozen=True)
class Case:
    """A command, and the moment at which it's killed.

    Attributes:
        command: The command of the CLI.
        statuses: The statuses of all integrations afterwards.
        fault: The simulator's fault; the CLI is killed when it has fired.
        more: Additional program text. Without a fault, the CLI is killed when `is_reached` is true.
        is_made: Whether an earlier update created the integration.
    """

    command: str
    statuses: tuple[str, ...] = ()
    fault: str = ""
    more: str = ""
    is_made: bool = False

    def is_reached(self, stack: Stack, simulator: SimulatorServer) -> bool:
        """Return whether the command has come to the moment at which the test kills the CLI."""
        if self.fault:
            return has_fired(simulator)
        if self.more == IDLE:
            return (stack.project / "registered").exists()
        return any("/integrations/" in each.path for each in simulator.requests)


CASES = {
    "POST is answered later": Case("up", ("INACTIVE",), "POST /integrations latency=2"),
    "POST hangs after its commit": Case("up", ("PENDING",), "POST /integrations hang-after-commit=60"),
    "POST hangs before its commit": Case("up", (), "POST /integrations hang-before-commit=60"),
    "list before the POST hangs": Case("up", (), "GET /integrations latency=60"),
    "refresh hangs": Case("refresh", ("PENDING",), "GET * latency=60", is_made=True),
    "destroy hangs": Case("destroy", ("PENDING",), "DELETE * latency=60", is_made=True),
    "IntegrationReady waits": Case("up", ("PENDING",), more=READY),
    "update between two calls": Case("up", ("PENDING",), more=IDLE),
    "preview": Case("preview", (), more=IDLE),
}


def providers(stack: Stack) -> list[int]:
    """Return the provider processes of a stack, including the shells that started them."""
    names = ("-m pulumi.dynamic", "pulumi-resource-pulumi-python", "pulumi-resource-justt")
    return [each.number for each in stack.processes() if any(name in each.command for name in names)]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@in_both_front_ends
@pytest.mark.parametrize("name", CASES)
def test_no_provider_process_outlives_a_killed_cli(stack: Stack, simulator: SimulatorServer, name: str) -> None:
    """After the CLI is killed, the provider process waits at most for the timeout of a request in flight, and exits.

    If a create gets its response, the process undoes the create first.
    """
    case = CASES[name]
    stack.has_real_python = True
    stack.config({"justt:timeoutSeconds": str(TIMEOUT_SECONDS)})
    stack.program(PROGRAM + case.more)
    if case.is_made:
        stack.up()
    if case.fault:
        simulator.add_fault(Fault.parse(case.fault))
    options = () if case.command == "preview" else ("--yes", "--skip-preview")
    process = stack.start(case.command, *options)
    eventually(lambda: case.is_reached(stack, simulator))
    # A shell starts the dynamic host, and the engine starts the plugin itself.
    assert len(providers(stack)) == (1 if isinstance(stack, PluginStack) else 2)

    process.kill()
    killed_at = time.monotonic()
    eventually(lambda: providers(stack) == [])

    assert time.monotonic() - killed_at < LONGEST_SECONDS
    assert tuple(each.status for each in simulator.records.integrations()) == case.statuses
    stack.end_processes()
    stack.keep(process.communicate(timeout=60)[0])
