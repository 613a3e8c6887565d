"""`pulumi-justt log` on the real engine: what each command created and deactivated."""

from __future__ import annotations

import json
from typing import Any

from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import Stack
from support.killed_runs import kill_after_commit
from support.secret_scanner import canary

PROGRAM = """
us = justt.Provider("us", api_key=secret("usKey"))
for name, provider in (("eu", None), ("us", us)):
    justt.PaymentIntegration(
        name,
        external_identifier=name,
        integration_name="NAME",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        deactivation=justt.Deactivation(after_days=DAYS),
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[] if provider else [us]),
    )
"""


def last(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the changes of the last run, by the resource's name and the outcome."""
    shown = stack.justt("log", "--last", "--stack", "shop/dev", "--json")
    assert shown.code == 0, shown.text
    changes = json.loads(shown.stdout)["changes"]
    return {(each["urn"].rpartition("::")[2], each["outcome"]): each for each in changes}


def test_each_command_is_one_run(stack: Stack, simulator: SimulatorServer) -> None:
    """`log` shows a refused create with the errorId of its error, a replacement, and a destroy.

    The two provider processes of a command belong to the same run. No secret is shown, and the journal has none.
    """
    stack.provide({"usKey": canary("us-key")})
    stack.program(PROGRAM.replace("DAYS", "0"))
    simulator.faults = [Fault.parse("POST /integrations status=400 skip=1 times=1")]
    failed = stack.up("--parallel", "1", fails=True)
    first = last(stack)
    assert sorted(outcome for _, outcome in first) == ["created", "failed"]
    (refused,) = (each for each in first.values() if each["outcome"] == "failed")
    assert refused["integrationId"] is None
    assert refused["errorId"]
    assert f"(errorId {refused['errorId']})" in failed.text

    stack.up()
    (made,) = last(stack).values()
    assert made["urn"] == refused["urn"]
    old = {name: each["id"] for name, each in stack.resources().items()}
    assert made["integrationId"] in old.values()

    stack.program(PROGRAM.replace("DAYS", "7"))
    stack.up()
    stack.program(PROGRAM.replace("DAYS", "7").replace("NAME", "Another"))
    stack.up()
    rotated = last(stack)
    new = {name: each["id"] for name, each in stack.resources().items()}
    assert {key: each["integrationId"] for key, each in rotated.items()} == {
        **{(name, "created"): integration_id for name, integration_id in new.items()},
        **{(name, "scheduled"): integration_id for name, integration_id in old.items()},
    }
    assert len({each["run"] for each in rotated.values()}) == 1
    for name, integration_id in old.items():
        record = simulator.records.integration(integration_id)
        assert record is not None
        assert rotated[name, "scheduled"]["deactivationDate"] == record.deactivation_date

    simulator.records.set_status(new["eu"], "INACTIVE")
    stack.destroy()
    assert {key: each["integrationId"] for key, each in last(stack).items()} == {
        ("eu", "alreadyInactive"): new["eu"],
        ("us", "scheduled"): new["us"],
    }
    everything = json.loads(stack.justt("log", "--json").stdout)["changes"]
    assert [each["outcome"] for each in everything].count("created") == 4
    assert len({each["run"] for each in everything}) == 4


def test_a_killed_run_and_its_recovery_are_shown(stack: Stack, simulator: SimulatorServer) -> None:
    """If a run is killed during a create, its outcome is unknown. `recover` then shows as a run that claimed it."""
    stack.provide({"usKey": canary("us-key")})
    stack.environ["JUSTT_TIMEOUT_SECONDS"] = "3"
    stack.program(PROGRAM.replace("DAYS", "0").replace('("us", us)', ""))
    lost = kill_after_commit(stack, simulator, 1)
    (unknown,) = last(stack).values()
    assert (unknown["outcome"], unknown["integrationId"]) == ("unknown", None)
    stack.run("cancel", "--yes", "--stack", "dev")
    name = unknown["urn"].rpartition("::")[2]
    done = stack.justt("recover", "--stack", "dev", "--yes", "--claim", f"{name}={lost}")
    assert done.code == 0, done.text

    assert {key: each["integrationId"] for key, each in last(stack).items()} == {(name, "claimed"): lost}

    stack.destroy()
    assert {key: each["integrationId"] for key, each in last(stack).items()} == {(name, "deactivated"): lost}
