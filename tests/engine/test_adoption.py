"""`adopt_id` on the real engine: an adopted integration is not deactivated while the program adopts it."""

from __future__ import annotations

import pytest

from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.adoption_programs import changes, integration
from support.harness import Stack
from support.plugin_stack import in_both_front_ends


@pytest.fixture
def theirs(simulator: SimulatorServer) -> list[str]:
    """Create two integrations outside Pulumi, and return their ids."""
    new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    return [simulator.records.add_integration(new, None) for _ in range(2)]


@in_both_front_ends
@pytest.mark.slow
def test_no_replacement_or_rename_deactivates_an_adopted_integration(
    stack: Stack, simulator: SimulatorServer, theirs: list[str]
) -> None:
    """If a resource that adopts an integration is renamed or replaced by force, the integration is released.

    A change that would replace the integration is refused, with an error that says what to do.
    """
    mine, other = theirs
    stack.program(integration(mine))
    stack.up()
    assert stack.resources()["shop"]["id"] == mine
    assert "2 unchanged" in stack.up("--expect-no-changes").text

    stack.program(integration(mine, label="Renamed"))
    refused = f"the stripe integration 'shop-1' ({mine}) is adopted, and the change of integrationName would replace it"
    assert refused in stack.preview(fails=True).text
    text = stack.up(fails=True).text
    assert refused in text
    assert stack.named("first remove adopt_id from the program and run `pulumi up`") in text

    stack.program(integration(other))
    text = stack.up(fails=True).text
    refusal = f"adopt_id cannot change to {other}, because a resource cannot switch to another integration"
    assert stack.named(refusal) in text

    stack.program(integration(mine))
    urn = stack.resources()["shop"]["urn"]
    assert "so it is released and stays as it is at Justt" in stack.up("--replace", urn).text
    assert stack.resources()["shop"]["id"] == mine

    stack.program(integration(mine, name="renamed"))
    assert "so it is released and stays as it is at Justt" in stack.up().text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"renamed": mine}

    forced = ', deactivation=justt.Deactivation(after_days=1), opts=pulumi.ResourceOptions(replace_on_changes=["*"], '
    stack.program(integration(mine, name="renamed", more=forced + "delete_before_replace=True)"))
    assert "so it is released and stays as it is at Justt" in stack.up().text
    assert stack.resources()["renamed"]["id"] == mine

    assert changes(simulator) == []
    assert {record.status for record in simulator.records.integrations()} == {"PENDING"}


@in_both_front_ends
def test_only_one_resource_of_a_run_adopts_an_id(stack: Stack, simulator: SimulatorServer, theirs: list[str]) -> None:
    """If two resources of a program adopt the same id, one of them succeeds and the other one gets an error."""
    mine, _ = theirs
    stack.program(integration(mine, name="first") + integration(mine, name="second"))
    text = stack.up("--continue-on-error", fails=True).text

    assert f"integration {mine} already belongs to 'urn:pulumi:dev::shop::" in text
    assert stack.named("Remove the resource with adopt_id") in text
    assert [each["id"] for each in stack.resources().values()] == [mine]
    assert changes(simulator) == []


@in_both_front_ends
@pytest.mark.slow
def test_only_one_resource_adopts_an_id_across_runs(
    stack: Stack, simulator: SimulatorServer, theirs: list[str]
) -> None:
    """If the engine compares the resource that has an id first, a second resource can't adopt the id.

    The second resource can adopt it in an update that removes the first resource.
    """
    mine, _ = theirs
    stack.program(integration(mine, name="first"))
    stack.up()
    # Without a dependency, the program may register either one first: the next test has the other order.
    after = ", opts=pulumi.ResourceOptions(depends_on=[first])"
    for identifier in ("shop-1", "shop-2"):
        second = integration(mine, name="second", identifier=identifier, more=after)
        stack.program(f"first = {integration(mine, name='first')}{second}")
        text = stack.up(fails=True).text
        assert f"integration {mine} already belongs to 'urn:pulumi:dev::shop::" in text
        assert "PaymentIntegration::first' in this program" in text
        assert {name: each["id"] for name, each in stack.resources().items()} == {"first": mine}
    assert stack.named("Remove the resource with adopt_id from the program") in text
    stack.program(integration(mine, name="first"))
    stack.up()
    assert {name: each["id"] for name, each in stack.resources().items()} == {"first": mine}

    stack.program(integration(None, name="first"))
    stack.up()
    stack.program(integration(mine, name="renamed"))
    assert "so it is released and stays as it is at Justt" in stack.up().text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"renamed": mine}

    assert changes(simulator) == []


@in_both_front_ends
@pytest.mark.slow
def test_a_resource_that_adopts_before_the_holder_is_compared_is_released_later(
    stack: Stack, simulator: SimulatorServer, theirs: list[str]
) -> None:
    """If the engine creates the second resource before it compares the first one, the first one is refused.

    The error names the second one, and both are in the state. If the program drops the second one, the provider
    releases it, and the first one works again.
    """
    mine, _ = theirs
    stack.program(integration(mine, name="first"))
    stack.up()
    after = ", opts=pulumi.ResourceOptions(depends_on=[second])"
    stack.program(f"second = {integration(mine, name='second')}{integration(mine, name='first', more=after)}")
    text = stack.up(fails=True).text
    assert f"integration {mine} already belongs to 'urn:pulumi:dev::shop::" in text
    assert "PaymentIntegration::second' in this program" in text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"first": mine, "second": mine}

    stack.program(integration(mine, name="first"))
    assert "so it is released and stays as it is at Justt" in stack.up().text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"first": mine}
    assert changes(simulator) == []


@pytest.mark.slow
def test_destroy_releases_an_adopted_integration_and_removing_adopt_id_owns_it(
    stack: Stack, simulator: SimulatorServer, theirs: list[str]
) -> None:
    """Destroy releases an adopted integration.

    If the program removes `adopt_id`, the stack becomes the owner without a request that changes Justt, and a later
    replacement deactivates the integration.
    """
    mine, _ = theirs
    stack.program(integration(mine))
    stack.up()
    assert "so it is released and stays as it is at Justt" in stack.destroy().text
    assert changes(simulator) == []

    stack.up()
    stack.program(integration(None))
    assert "1 updated" in stack.up().text
    assert changes(simulator) == []

    stack.program(integration(None, label="Renamed"))
    stack.up()
    assert changes(simulator) == ["POST", "DELETE"]
    kept = simulator.records.integration(mine)
    assert kept is not None
    assert kept.status == "INACTIVE"


@in_both_front_ends
@pytest.mark.slow
@pytest.mark.parametrize("path", ["adoptId", "*"])
@pytest.mark.parametrize("more", ["", ", delete_before_replace=True"])
def test_a_replacement_forced_by_removing_adopt_id_is_refused(
    stack: Stack, simulator: SimulatorServer, theirs: list[str], path: str, more: str
) -> None:
    """With `replace_on_changes`, the removal of `adopt_id` would create a second integration, so the update is refused.

    If the user first removes both, and then adds the option again, the integration stays.
    """
    mine, _ = theirs
    option = f', opts=pulumi.ResourceOptions(replace_on_changes=["{path}"]{more})'
    stack.program(integration(mine, more=option))
    stack.up()
    stack.program(integration(None, more=option))
    refused = stack.up(fails=True).text
    assert stack.named("an option of the resource, such as replace_on_changes, makes Pulumi replace it") in " ".join(
        refused.split()
    )
    assert stack.resources()["shop"]["id"] == mine

    stack.program(integration(None))
    stack.up()
    stack.program(integration(None, more=option))
    stack.up("--expect-no-changes")
    assert stack.resources()["shop"]["id"] == mine
    assert changes(simulator) == []
