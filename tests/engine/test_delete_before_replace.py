"""`delete_before_replace` on the real engine: nothing is deactivated if what replaces it cannot be created."""

from __future__ import annotations

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import Stack
from support.secret_scanner import canary

FIRST = ", opts=pulumi.ResourceOptions(delete_before_replace=True)"
URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::"
KEPT = "nothing was deactivated, because with delete_before_replace "


def shop(version: int = 1, label: str = "'Shop'", more: str = FIRST, name: str = "shop", codes: str = "[]") -> str:
    """Give a program's integration, whose credential is the variable V."""
    return (
        f'{name} = justt.PaymentIntegration("{name}", external_identifier="{name}", integration_name={label}, '
        f'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("V", version={version})), '
        f"merchant_account_codes={codes}{more})\n"
    )


def sent(simulator: SimulatorServer) -> list[str]:
    """Give the methods of the requests that change something, and forget them."""
    seen = [each.method for each in simulator.requests if each.method != "GET"]
    simulator.clear_requests()
    return seen


@pytest.fixture
def made(stack: Stack, simulator: SimulatorServer) -> Stack:
    """Give a stack that has one integration."""
    stack.environ["V"] = canary("first")
    stack.program(shop())
    stack.up()
    sent(simulator)
    return stack


def test_a_replacement_that_cannot_be_sent_deactivates_nothing(made: Stack, simulator: SimulatorServer) -> None:
    """The error is that of the create, in each way in which the engine replaces; what is correct still rotates."""
    del made.environ["V"]
    made.program(shop(2))
    assert KEPT in made.up(fails=True).text
    assert "credentials.api_key comes from the variable 'V', which is not set" in made.printed
    # --replace calls no diff.
    assert KEPT in made.up("--replace", f"{URN}shop", fails=True).text
    made.program(shop(1, "'New'"))
    assert KEPT in made.up(fails=True).text
    made.program(shop(2, more=FIRST[:-1] + ", aliases=[pulumi.Alias(name='shop')])", name="new"))
    assert KEPT in made.up(fails=True).text
    made.program(shop(2))
    made.environ["V"] = canary("second") + "\n"
    assert KEPT in made.up(fails=True).text
    made.environ["V"] = canary("second")
    made.program(shop(2, codes="[str(each).zfill(255) for each in range(4000)]"))
    assert KEPT in made.up(fails=True).text
    assert "Shorten the credentials or the merchant account codes" in made.printed
    assert sent(simulator) == []

    made.program(shop(2))
    made.up()
    assert sent(simulator) == ["DELETE", "POST"]


@pytest.mark.slow
def test_what_is_deleted_with_it_is_not_deactivated_either(made: Stack, simulator: SimulatorServer) -> None:
    """The engine deletes first what depends on the replaced one, after a diff with unknown values and no check."""
    child = shop(1, "shop.integration_id", "", "child")
    made.program(shop() + child)
    made.up()
    sent(simulator)

    del made.environ["V"]
    made.program(shop(2) + child)
    assert KEPT in made.up(fails=True).text
    assert sent(simulator) == []

    made.environ["V"] = canary("second")
    made.up()
    assert sent(simulator) == ["DELETE", "DELETE", "POST", "POST"]


@pytest.mark.slow
def test_what_is_not_replaced_needs_no_reference(made: Stack, simulator: SimulatorServer) -> None:
    """A removal, the rest of an earlier replacement and a destroy deactivate without it."""
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
