"""`pulumi-justt recover` after a killed CLI, with the real engine."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.killed_runs import kill_after_commit

TIMEOUT_SECONDS = "5"
"""Short, because `recover` waits until two time-outs after the killed request."""
SHOPS = """
def shop(name, label, **options):
    return justt.PaymentIntegration(
        name,
        external_identifier=name,
        integration_name=label,
        source="adyen",
        credentials=justt.credentials.Hmac(
            hmac=secret("stripeKey"), api_key=justt.from_env("ADYEN_KEY"), merchant_code="M-1"
        ),
        merchant_account_codes=["b", "a"],
        reference_account_id="acc_1",
        deactivation=justt.Deactivation(after_days=0),
        opts=pulumi.ResourceOptions(**options),
    )

first = shop("first", "First")
shop("second", "LABEL", depends_on=[first])
"""


def shape(value: object) -> object:
    """Return the keys of *value* at every depth, and the types of the other values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


def backups(stack: Stack) -> list[Path]:
    """Return the backup files of `recover`."""
    return sorted((stack.folder / "project").glob(".pulumi-justt/recover-*.json"))


@pytest.mark.passphrase
@pytest.mark.slow
def test_a_killed_create_and_a_killed_replacement_are_claimed(stack: Stack, simulator: SimulatorServer) -> None:
    """A run is killed during a create, and later another one during a replacement.

    `recover` claims each integration for its resource, and the state is as after a normal create.
    """
    stack.provide({"unused": "canary-adyen-2b1f0c9d8e7a6f5b"})
    stack.environ |= {"ADYEN_KEY": stack.secrets[-1], "JUSTT_TIMEOUT_SECONDS": TIMEOUT_SECONDS}
    stack.program(SHOPS)
    lost = kill_after_commit(stack, simulator, 2)

    # The killed update has left a lock.
    locked = stack.justt("recover", "--stack", "dev", answers="1\ny\n")
    assert locked.code == 3
    assert "run `pulumi cancel` first" in locked.stderr
    stack.run("cancel", "--yes", "--stack", "dev")

    repaired = stack.justt("recover", "--stack", "dev", answers="1\ny\n")
    assert repaired.code == 0, repaired.text
    assert lost in repaired.stdout
    stack.preview("--expect-no-changes")
    resources = stack.resources()
    assert resources["second"]["id"] == lost
    assert shape({**resources["second"], "dependencies": []}) == shape({**resources["first"], "dependencies": []})
    stack.up("--expect-no-changes")
    assert [record.status for record in simulator.records.integrations()] == ["PENDING", "PENDING"]

    stack.program(SHOPS.replace("LABEL", "Another"))
    newer = kill_after_commit(stack, simulator, 3)
    stack.run("cancel", "--yes", "--stack", "dev")
    done = stack.justt("recover", "-s", "dev", "--yes", "--claim", f"second={newer}", "--json")
    assert done.code == 0, done.text
    assert json.loads(done.stdout)["unfinished"][0]["decision"] == "claim"
    stack.up()
    assert stack.resources()["second"]["id"] == newer
    assert {each.id: each.status for each in simulator.records.integrations()} == {
        resources["first"]["id"]: "PENDING",
        lost: "INACTIVE",
        newer: "PENDING",
    }
    stack.destroy()
    assert {each.status for each in simulator.records.integrations()} == {"INACTIVE"}

    assert len(backups(stack)) == 3
    for backup in backups(stack):
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        state: dict[str, Any] = json.loads(backup.read_text())
        assert len(state["deployment"]["pending_operations"]) == 1
    stack.assert_no_leak(*(backup.read_bytes() for backup in backups(stack)))


@pytest.mark.slow
def test_a_killed_run_without_checkpoints_is_claimed(stack: Stack, simulator: SimulatorServer) -> None:
    """With PULUMI_SKIP_CHECKPOINTS, the state has none of the creates of a killed run.

    The journal has all of them, so `recover` claims each integration for its resource.
    """
    stack.provide({"unused": "canary-adyen-2b1f0c9d8e7a6f5b"})
    stack.environ |= {
        "ADYEN_KEY": stack.secrets[-1],
        "JUSTT_TIMEOUT_SECONDS": TIMEOUT_SECONDS,
        "PULUMI_SKIP_CHECKPOINTS": "true",
    }
    stack.program(SHOPS)
    kill_after_commit(stack, simulator, 2)
    stack.run("cancel", "--yes", "--stack", "dev")
    first, second = (record.id for record in simulator.records.integrations())
    assert stack.resources() == {}

    assert first in stack.up(fails=True).text
    assert len(simulator.records.integrations()) == 2
    claims = ("--claim", f"first={first}", "--claim", f"second={second}")
    done = stack.justt("recover", "--stack", "dev", "--yes", *claims)
    assert done.code == 0, done.text
    stack.up()
    assert {name: each["id"] for name, each in stack.resources().items()} == {"first": first, "second": second}
    assert len(simulator.records.integrations()) == 2


ONE = """
justt.PaymentIntegration(
    "shop",
    external_identifier="shop-1",
    integration_name="LABEL",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
)
"""


@pytest.mark.slow
def test_a_killed_and_reverted_replacement_can_be_adopted(stack: Stack, simulator: SimulatorServer) -> None:
    """A run is killed during a replacement, and the user reverts the program.

    The next `up` names the killed create. After another resource has adopted the integration, `recover` refuses to
    deactivate it.
    """
    stack.environ["JUSTT_TIMEOUT_SECONDS"] = "1"
    stack.program(ONE)
    stack.up()
    stack.program(ONE.replace("LABEL", "Another"))
    lost = kill_after_commit(stack, simulator, 2)
    stack.run("cancel", "--yes", "--stack", "dev")
    stack.program(ONE)
    warned = stack.up().text
    assert warned.count("an earlier run began to create another one for this resource") == 1

    stack.refresh("--clear-pending-creates")
    adopter = ONE.replace('"shop"', '"theirs"').replace('"LABEL"', f'"LABEL", adopt_id="{lost}"')
    stack.program(ONE + adopter.replace("shop-1", "shop-2"))
    stack.up()
    urn = stack.resources()["theirs"]["urn"]
    stack.run("state", "delete", urn, "--yes", "--stack", "dev")
    refused = stack.justt("recover", "--stack", "dev", "--yes", "--deactivate", lost)
    assert (refused.code, f"says that {urn} adopts it" in " ".join(refused.stderr.split())) == (3, True), refused.text
    assert {each.status for each in simulator.records.integrations()} == {"PENDING"}
