"""Kills updates after Justt has committed a create, before the provider gets the response."""

from __future__ import annotations

from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import HANG_SECONDS, Stack, eventually


def kill_after_commit(stack: Stack, simulator: SimulatorServer, number: int) -> str:
    """Kill an update and its provider before the response to the *number*th create; return the integration's id."""
    before = len(simulator.records.integrations())
    simulator.faults = [Fault.parse(f"POST /integrations hang-after-commit=600 skip={number - before - 1} times=1")]
    process = stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: len(simulator.records.integrations()) == number)
    stack.end_processes()
    stack.keep(process.communicate(timeout=HANG_SECONDS)[0])
    simulator.faults = []
    return simulator.records.integrations()[-1].id
