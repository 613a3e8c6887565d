"""Renames and moves of stacks, and unusual environments of a command, on the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack

PROGRAM = """
    justt.PaymentIntegration(
        "stripe-eu",
        external_identifier="Händler-№1",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    )
"""


def assert_nothing_changes(stack: Stack, simulator: SimulatorServer) -> None:
    """Assert that an update and a refresh don't change the only integration, and that a destroy deactivates it."""
    stack.up("--expect-no-changes")
    stack.refresh()
    assert [record.status for record in simulator.records.integrations()] == ["PENDING"]
    stack.destroy()
    assert [record.status for record in simulator.records.integrations()] == ["INACTIVE"]


def test_a_stack_can_be_renamed(stack: Stack, simulator: SimulatorServer) -> None:
    """After the user has renamed a stack, an update changes nothing, and a destroy deactivates its integration."""
    stack.program(PROGRAM)
    stack.up()
    stack.run("stack", "rename", "prod", "--stack", stack.name)
    stack.name = "prod"

    assert_nothing_changes(stack, simulator)


@pytest.mark.slow
def test_a_project_can_be_renamed(stack: Stack, simulator: SimulatorServer) -> None:
    """After the user has renamed a project, its URNs have the new name.

    An update changes nothing, and a destroy deactivates the integration.
    """
    stack.program(PROGRAM)
    stack.up()
    stack.run("stack", "rename", "organization/store/dev", "--stack", stack.name)
    (stack.project / "Pulumi.yaml").write_text("name: store\nruntime: python\n")

    assert_nothing_changes(stack, simulator)


@pytest.mark.slow
def test_a_resource_can_be_moved_to_another_stack(stack: Stack, simulator: SimulatorServer) -> None:
    """After `pulumi state move`, an update of the first stack doesn't deactivate the integration.

    In the other stack, an update changes nothing, and a destroy deactivates the integration.
    """
    stack.program(PROGRAM)
    stack.up()
    (moved,) = (resource["urn"] for resource in stack.recorded())
    stack.run("stack", "init", "other")
    (stack.project / "Pulumi.other.yaml").write_bytes((stack.project / "Pulumi.dev.yaml").read_bytes())
    stack.run("state", "move", "--source", "dev", "--dest", "other", "--yes", moved)
    stack.program("")
    stack.up()
    stack.program(PROGRAM)
    stack.name = "other"

    stack.up()
    assert_nothing_changes(stack, simulator)


@pytest.mark.slow
def test_default_providers_can_be_disabled(stack: Stack, simulator: SimulatorServer) -> None:
    """If `pulumi:disable-default-providers` forbids the default provider, all commands work with a `justt.Provider`."""
    stack.run("config", "set", "--path", "pulumi:disable-default-providers[0]", "*", "--stack", stack.name)
    own = 'opts=pulumi.ResourceOptions(provider=justt.Provider("own", api_key=secret("stripeKey")))'
    stack.program(PROGRAM.replace("    )\n", f"        {own},\n    )\n"))
    stack.up()

    assert_nothing_changes(stack, simulator)


@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HOME": "", "XDG_STATE_HOME": ""},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids="-".join,
)
@pytest.mark.slow
def test_unusual_variables_change_nothing(stack: Stack, simulator: SimulatorServer, variables: dict[str, str]) -> None:
    """All commands work without a locale, without a home folder, and without asserts and docstrings."""
    stack.environ |= variables
    stack.program(PROGRAM)
    stack.preview()
    stack.up()

    assert stack.justt("list", "--stack", stack.name).code == 0
    assert_nothing_changes(stack, simulator)
    assert [record.external_identifier for record in simulator.records.integrations()] == ["Händler-№1"]


@pytest.mark.slow
def test_a_project_folder_can_be_read_only_or_a_link(stack: Stack, simulator: SimulatorServer) -> None:
    """After the first update, the project folder becomes a symbolic link to a read-only folder.

    An update and a refresh change nothing, and a destroy deactivates the integration.
    """
    (stack.project / "key").write_text("rk_test_from_a_file")
    stack.program(PROGRAM.replace('secret("stripeKey")', 'justt.from_file(os.path.abspath("key"))'))
    stack.up()
    checkout = stack.folder / "checkout"
    stack.project.rename(checkout)
    Path(stack.project).symlink_to(checkout, target_is_directory=True)
    checkout.chmod(0o555)
    try:
        assert_nothing_changes(stack, simulator)
    finally:
        checkout.chmod(0o755)
