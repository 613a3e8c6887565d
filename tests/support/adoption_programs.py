"""Source texts of programs that adopt integrations, and helpers to observe what happens to those integrations."""

from __future__ import annotations

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack


def integration(
    adopt_id: str | None, name: str = "shop", more: str = "", label: str = "Shop", identifier: str = "shop-1"
) -> str:
    """Return the source text of a resource in a program."""
    adopts = f', adopt_id="{adopt_id}"' if adopt_id else ""
    return (
        f'justt.PaymentIntegration("{name}", external_identifier="{identifier}", integration_name="{label}", '
        f'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")){adopts}{more})\n'
    )


def changes(simulator: SimulatorServer) -> list[str]:
    """Return the methods of all requests so far that change something."""
    return [exchange.method for exchange in simulator.requests if exchange.method != "GET"]


RELEASED = "so it is released and stays as it is at Justt"


def live(simulator: SimulatorServer) -> list[str]:
    """Return the ids of the integrations that are still live at Justt."""
    return [record.id for record in simulator.records.integrations() if record.status != "INACTIVE"]


def owner(stack: Stack) -> str:
    """Create an integration that the resource `owner` owns, and return its id."""
    stack.program(integration(None, name="owner"))
    stack.up()
    return str(stack.resources()["owner"]["id"])


def adopter(adopt_id: str | None, more: str = "") -> str:
    """Return the source text of a resource that adopts an integration."""
    return integration(adopt_id, name="adopter", identifier="shop-1", more=more)


def urn(stack: Stack, name: str) -> str:
    """Return the URN of an integration."""
    return f"urn:pulumi:{stack.name}::shop::{stack.module}PaymentIntegration::{name}"
