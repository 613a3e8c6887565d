"""Adoption records on the real engine: when they begin and end, and that no outdated record goes unnoticed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.adoption_programs import RELEASED, adopter, integration, live, owner, urn
from support.harness import Stack
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary

pytestmark = pytest.mark.slow

OTHER = 'other = justt.Provider("other", api_key=secret("otherKey"))\n'


@pytest.fixture(autouse=True)
def other_key(stack: Stack) -> None:
    """Give the programs the API key of a second provider."""
    stack.provide({"otherKey": canary("other")})


def option(text: str) -> str:
    """Return the source text of an argument with resource options."""
    return f", opts=pulumi.ResourceOptions({text})"


def test_an_adoption_that_is_refused_leaves_no_record(stack: Stack, simulator: SimulatorServer) -> None:
    """A resource that adopts the integration of another resource of its program is refused.

    Later, a rotation of the owner still deactivates the old integration, so the journal has kept no adoption record.
    """
    mine = owner(stack)
    second = adopter(None).replace("source=", "adopt_id=owner.integration_id, source=")
    stack.program(f"owner = {integration(None, name='owner')}{second}")
    assert f"integration {mine} already belongs to" in stack.up(fails=True).text
    stack.program(integration(None, name="owner", label="Rotated"))
    stack.up()
    assert mine not in live(simulator)


def test_a_failed_and_reverted_hand_over_leaves_no_record(stack: Stack, simulator: SimulatorServer) -> None:
    """The adopter's read fails during a hand-over, and the user reverts the program.

    Destroy then deactivates the owner's integration, so the journal has kept no adoption record.
    """
    mine = owner(stack)
    stack.program(adopter(mine))
    simulator.add_fault(Fault.parse("GET /integrations/{id} status=403 times=1"))
    stack.up(fails=True)
    stack.program(integration(None, name="owner"))
    stack.up()
    stack.destroy()
    assert live(simulator) == []


def test_a_record_under_the_adopter_s_former_name_is_shown(stack: Stack, simulator: SimulatorServer) -> None:
    """An alias renames an adopter, so its adoption record has the former name.

    The update that removes `adopt_id` names the record's file. After the user has removed the file, destroy deactivates
    the integration.
    """
    mine = owner(stack)
    stack.program(adopter(mine))
    stack.up()
    renamed = option('aliases=[pulumi.Alias(name="adopter")]')
    stack.program(integration(mine, name="renamed", more=renamed))
    stack.up()
    stack.program(integration(None, name="renamed", more=renamed))
    text = stack.up().text
    assert (
        f"{urn(stack, 'adopter')!r} has adopted it too. While the journal says so, this stack doesn't deactivate"
        in text
    )
    found = re.search(r"remove the file (\S+)\.\s", text)
    assert found
    Path(found[1]).unlink()
    stack.destroy()
    assert live(simulator) == []


@in_both_front_ends
def test_a_replaced_adopter_still_adopts(stack: Stack, simulator: SimulatorServer) -> None:
    """An update replaces an adopter, so the engine deletes the old adopter.

    This delete does not end the adoption: a destroy of the owner still releases the integration.
    """
    mine = owner(stack)
    stack.program(integration(None, name="owner") + adopter(mine))
    target = ("--target", urn(stack, "adopter"))
    stack.up(*target)
    stack.up(*target, "--replace", urn(stack, "adopter"))
    assert RELEASED in stack.destroy("--target", urn(stack, "owner")).text
    assert live(simulator) == [mine]


@in_both_front_ends
def test_a_new_provider_may_adopt_the_resource_s_own_id(stack: Stack, simulator: SimulatorServer) -> None:
    """A resource gets a new provider and adopts its own id in one update, with `--replace`.

    The former provider's process, which has not seen `adopt_id`, serves the delete and releases the integration.
    """
    mine = owner(stack)
    stack.program(OTHER + integration(mine, name="owner", more=option("provider=other")))
    assert RELEASED in stack.up("--replace", urn(stack, "owner")).text
    assert live(simulator) == [mine]


def test_an_adopter_may_precede_the_owner_s_replacement(stack: Stack, simulator: SimulatorServer) -> None:
    """One update adds an adopter and rotates the owner, which depends on the adopter.

    The delete of the old owner releases the integration.
    """
    mine = owner(stack)
    first = adopter(mine).replace("justt.Pay", "first = justt.Pay", 1)
    stack.program(first + integration(None, name="owner", label="Rotated", more=option("depends_on=[first]")))
    assert RELEASED in stack.up().text
    assert mine in live(simulator)


@pytest.mark.parametrize("is_taken_over", [False, True], ids=["on another machine", "taken over meanwhile"])
def test_a_partly_failed_hand_over_is_completed(
    stack: Stack, simulator: SimulatorServer, tmp_path: Path, is_taken_over: bool
) -> None:
    """With two providers, a hand-over fails after the adoption, so the state has the owner and the adopter.

    The next `up` releases the integration, even with another machine's journal or after the removal of `adopt_id`.
    """
    mine = owner(stack)

    def program(adopt_id: str | None) -> str:
        first = adopter(adopt_id, more=option("provider=other")).replace("justt.Pay", "first = justt.Pay", 1)
        return OTHER + first + integration(None, name="third", identifier="third", more=option("depends_on=[first]"))

    stack.program(program(mine))
    simulator.add_fault(Fault.parse("POST /integrations status=400 times=1"))
    stack.up(fails=True)
    if is_taken_over:
        stack.program(program(None))
    else:
        stack.environ["JUSTT_STATE_DIR"] = str(tmp_path / "another machine")
    assert RELEASED in stack.up().text
    assert mine in live(simulator)


@in_both_front_ends
def test_the_owner_releases_although_the_adopter_is_not_created(stack: Stack, simulator: SimulatorServer) -> None:
    """With two providers, a dependency of the adopter fails, so the engine doesn't create the adopter.

    The adopter's `check` is enough for the owner's delete to release the integration.
    """
    mine = owner(stack)
    simulator.add_fault(Fault.parse("POST /integrations status=400 times=1"))
    first = integration(None, name="first", identifier="first").replace("justt.Pay", "first = justt.Pay", 1)
    stack.program(OTHER + first + adopter(mine, more=option("provider=other, depends_on=[first]")))
    assert RELEASED in stack.up("--continue-on-error", fails=True).text
    assert live(simulator) == [mine]


def test_an_adoption_that_ended_on_another_machine(stack: Stack, simulator: SimulatorServer, tmp_path: Path) -> None:
    """A resource adopts an integration on this machine, and an update on another machine removes `adopt_id`.

    Destroy on this machine deactivates the integration, although this journal still has the resource's adoption record.
    """
    mine = owner(stack)
    stack.program(adopter(mine))
    stack.up()
    stack.program(adopter(None))
    stack.up(JUSTT_STATE_DIR=str(tmp_path / "another machine"))
    stack.destroy()
    assert live(simulator) == []


@pytest.mark.passphrase
def test_a_new_stack_with_a_renamed_stack_s_name_creates_its_own(stack: Stack, simulator: SimulatorServer) -> None:
    """A stack is renamed, and a new stack with the old name runs the same program.

    The new stack's `up` fails until a refresh of the renamed stack has confirmed the id. Then `up` creates another
    integration.
    """
    mine = owner(stack)
    stack.run("stack", "rename", "prod", "--stack", "dev")
    shutil.copy(stack.project / "Pulumi.prod.yaml", stack.project / "Pulumi.dev.yaml")
    stack.run("stack", "init", "dev")
    text = " ".join(stack.up(fails=True).text.split())
    assert f"an earlier run created integration {mine} for this resource" in text
    assert "If another stack has it" in text
    stack.run("refresh", "--yes", "--stack", "prod")
    stack.up()
    assert mine in live(simulator)
    assert len(live(simulator)) == 2


def test_adopt_id_resolves_a_lost_create(stack: Stack, simulator: SimulatorServer) -> None:
    """The program adopts the integration of a lost create, and later removes `adopt_id`.

    A rotation then doesn't search for the lost create, so it claims no integration that another user has created.
    """
    stack.config({"justt:timeoutSeconds": "2"})
    simulator.add_fault(Fault.parse("POST /integrations drop-after-commit times=1"))
    stack.program(integration(None))
    stack.up(fails=True)
    (lost,) = live(simulator)
    for adopt_id in (lost, None):
        stack.program(integration(adopt_id))
        stack.up()
    new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    theirs = simulator.records.add_integration(new, None)
    stack.program(integration(None, label="Rotated"))
    stack.up()
    assert lost not in live(simulator)
    assert theirs in live(simulator)


@pytest.mark.parametrize("how", ["destroy of the owner alone", "owner leaves in another process"])
def test_the_former_owner_does_not_deactivate_what_another_resource_owns(
    stack: Stack, simulator: SimulatorServer, how: str
) -> None:
    """Once the program has removed `adopt_id`, the adopter owns the integration.

    The delete of the former owner only releases it, and a destroy of the whole stack deactivates it.
    """
    mine = owner(stack)
    elsewhere = "leaves" in how
    provider, more = (OTHER, option("provider=other")) if elsewhere else ("", "")
    for adopt_id in (mine, None):
        stack.program(provider + integration(None, name="owner") + adopter(adopt_id, more=more))
        text = stack.up("--target", urn(stack, "adopter")).text
    assert f"it was created for {urn(stack, 'owner')!r}" in text
    if elsewhere:
        stack.program(OTHER + adopter(None, more=more))
        text = stack.up().text
    else:
        text = stack.destroy("--target", urn(stack, "owner")).text
    assert f"{urn(stack, 'adopter')!r} has adopted it" in text
    assert live(simulator) == [mine]
    stack.destroy()
    assert live(simulator) == []


@pytest.mark.parametrize("is_first", [False, True])
def test_an_adopter_beside_the_owner_in_another_process(
    stack: Stack, simulator: SimulatorServer, is_first: bool
) -> None:
    """While the owner is in the program, an adopter with another provider is refused, whichever comes first.

    If an update of the adopter alone has adopted the id anyway, an update without the adopter releases it.
    """
    mine = owner(stack)
    both = [integration(None, name="owner"), adopter(mine, more=option("provider=other"))]
    stack.program(OTHER + "".join(both[::-1] if is_first else both))
    assert f"integration {mine} already belongs to 'urn:pulumi:dev::shop::" in stack.up(fails=True).text
    # The state can contain the id twice: after an update on another machine, after one of the adopter alone, or if the
    # engine creates the adopter before it compares the owner.
    for adopt_id in (mine, None):
        stack.program(OTHER + both[0] + adopter(adopt_id, more=option("provider=other")))
        stack.up("--target", urn(stack, "adopter"))
    assert f"integration {mine} already belongs to 'urn:pulumi:dev::shop::" in stack.up(fails=True).text
    stack.program(OTHER + both[0])
    text = stack.up().text
    assert f"it was created for {urn(stack, 'owner')!r}" in text
    assert RELEASED in text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"owner": mine}
    assert live(simulator) == [mine]


def test_the_old_integration_of_a_failed_rotation_may_be_adopted(stack: Stack, simulator: SimulatorServer) -> None:
    """After a failed rotation, the state still has the old integration, and a new resource adopts it.

    `up --refresh` reads the old integration and then releases it, because the rotated resource no longer owns it.
    """
    mine = owner(stack)
    rotated = integration(None, name="owner", label="Rotated").replace("justt.Pay", "new = justt.Pay", 1)
    stack.program(rotated + integration(None, name="third", identifier="third", more=option("depends_on=[new]")))
    simulator.add_fault(Fault.parse("POST /integrations status=400 skip=1 times=1"))
    stack.up(fails=True)
    (new,) = (each["id"] for each in stack.recorded() if each["urn"] == urn(stack, "owner") and not each.get("delete"))
    stack.program(rotated + adopter(mine))
    assert RELEASED in stack.up("--refresh").text
    assert live(simulator) == [mine, new]
