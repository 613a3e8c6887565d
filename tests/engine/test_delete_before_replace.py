"""`delete_before_replace` on the real engine: nothing is deactivated if the replacement can't be created."""

from __future__ import annotations

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer
from support.adoption_programs import urn
from support.harness import Stack
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary

FIRST = ", opts=pulumi.ResourceOptions(delete_before_replace=True)"
KEPT = "nothing was deactivated. With delete_before_replace, "


def shop(version: int = 1, label: str = "'Shop'", more: str = FIRST, name: str = "shop", codes: str = "[]") -> str:
    """Return a program with an integration whose credential is in the variable V."""
    return (
        f'{name} = justt.PaymentIntegration("{name}", external_identifier="{name}", integration_name={label}, '
        f'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("V", version={version})), '
        f"merchant_account_codes={codes}{more})\n"
    )


def sent(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests that change something, and clear the requests."""
    seen = [each.method for each in simulator.requests if each.method != "GET"]
    simulator.clear_requests()
    return seen


@pytest.fixture
def made(stack: Stack, simulator: SimulatorServer) -> Stack:
    """Return a stack with one integration, whose credential is in the variable V."""
    stack.environ["V"] = canary("first")
    stack.program(shop())
    stack.up()
    sent(simulator)
    return stack


@pytest.mark.slow
def test_a_replacement_that_cannot_be_sent_deactivates_nothing(made: Stack, simulator: SimulatorServer) -> None:
    """With `delete_before_replace`, an update whose create can't be sent fails with the create's error.

    It changes nothing at Justt, for each kind of replacement. A valid replacement still deactivates first and then
    creates.
    """
    del made.environ["V"]
    made.program(shop(2))
    assert made.named(KEPT) in made.up(fails=True).text
    assert made.named("credentials.api_key comes from the variable 'V', which is not set") in made.printed
    # With --replace, the engine calls no diff.
    assert made.named(KEPT) in made.up("--replace", urn(made, "shop"), fails=True).text
    made.program(shop(1, "'New'"))
    assert made.named(KEPT) in made.up(fails=True).text
    made.program(shop(2, more=FIRST[:-1] + ", aliases=[pulumi.Alias(name='shop')])", name="new"))
    assert made.named(KEPT) in made.up(fails=True).text
    made.program(shop(2))
    made.environ["V"] = canary("second") + "\n"
    assert made.named(KEPT) in made.up(fails=True).text
    made.environ["V"] = canary("second")
    made.program(shop(2, codes="[str(each).zfill(255) for each in range(4000)]"))
    assert made.named(KEPT) in made.up(fails=True).text
    assert made.named("Shorten the credentials or the merchant account codes") in made.printed
    assert sent(simulator) == []

    made.program(shop(2))
    made.up()
    assert sent(simulator) == ["DELETE", "POST"]


@in_both_front_ends
@pytest.mark.slow
def test_dependents_of_a_failed_replacement_are_not_deactivated(made: Stack, simulator: SimulatorServer) -> None:
    """The engine deletes the dependents of a replaced resource before it calls their `check`.

    If the create of the replacement can't be sent, the provider deactivates none of them.
    """
    child = shop(1, "shop.integration_id", "", "child")
    made.program(shop() + child)
    made.up()
    sent(simulator)

    del made.environ["V"]
    made.program(shop(2) + child)
    assert made.named(KEPT) in made.up(fails=True).text
    assert sent(simulator) == []

    made.environ["V"] = canary("second")
    made.up()
    assert sent(simulator) == ["DELETE", "DELETE", "POST", "POST"]


@pytest.mark.slow
def test_a_delete_without_a_replacement_needs_no_reference(made: Stack, simulator: SimulatorServer) -> None:
    """The variable of a credential is not set any more.

    A removal, the delete that ends an earlier replacement, and a destroy still deactivate their integrations.
    """
    made.program(shop() + shop(name="other"))
    made.up()
    simulator.add_fault(Fault.parse("DELETE /integrations/{id} status=400 times=1"))
    made.program(shop(2, more="") + shop(name="other"))
    made.up(fails=True)
    sent(simulator)
    del made.environ["V"]
    made.up()
    assert sent(simulator) == ["DELETE"]
    made.program(shop(2))
    made.up()
    assert sent(simulator) == ["DELETE"]
    made.destroy("--run-program")
    assert sent(simulator) == ["DELETE"]
