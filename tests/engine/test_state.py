"""The state that the engine writes for each resource. It writes all of it at each step, so its size costs time."""

from __future__ import annotations

import json
from typing import Any

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack

PLAIN = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class PlainProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult("2f6e0c0e-3a2b-4c65-9d5c-1f1d6f0a7b11", {**props, "status": "PENDING"})

class Plain(Resource, module="plain", name="PaymentIntegration"):
    def __init__(self, name, properties):
        super().__init__(PlainProvider(), name, {**properties, "status": None})

Plain("stripe-eu", {
    "externalIdentifier": "stripe-eu-main",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": secret("stripeKey")},
    "merchantAccountCodes": ["a", "b"],
})
"""
OURS = """
class Merchant(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Merchant", name)
        justt.PaymentIntegration(
            name,
            external_identifier="stripe-eu-main",
            integration_name="Stripe EU",
            source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
            merchant_account_codes=["a", "b"],
            opts=pulumi.ResourceOptions(parent=self) if name == "inner" else None,
        )

Merchant("stripe-eu")
Merchant("inner")
"""


def stored(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the resources as the engine stores them, by type and name."""
    return {each["urn"].partition("dynamic/")[2]: each for each in stack.all_resources() if "dynamic/" in each["urn"]}


def test_a_resource_takes_no_more_state_than_a_plain_one(stack: Stack, simulator: SimulatorServer) -> None:
    """The state of an integration is at most 1.02 times as large as that of a simple dynamic provider.

    Both resources have the same fields.
    """
    stack.program(PLAIN + OURS)
    stack.up()

    found = stored(stack)
    plain = found["plain:PaymentIntegration::stripe-eu"]
    ours = found["justt:PaymentIntegration::stripe-eu"]
    assert len(json.dumps(ours)) <= 1.02 * len(json.dumps(plain))
    assert ours["inputs"].keys() - plain["inputs"].keys() == {"environment"}
    assert ours["outputs"].keys() - plain["outputs"].keys() == {"environment"}
    assert simulator.records.integrations()[0].id not in json.dumps(ours["outputs"])


def test_the_state_shows_the_line_of_the_program(stack: Stack) -> None:
    """In the state, each resource has its own line of the program and the lines of the components around it.

    The state has no path of the machine.
    """
    stack.program(OURS)
    program = (stack.project / "__main__.py").read_text().splitlines()
    stack.up()

    for name, resource in stored(stack).items():
        trace = [each["sourcePosition"] for each in resource["stackTrace"] if each]
        assert resource["sourcePosition"] == trace[0]
        # There is room for two more frames of a later SDK.
        assert len(resource["stackTrace"]) <= len(trace) + 2
        texts = [program[int(each.removeprefix("project:///__main__.py#")) - 1].strip() for each in trace]
        assert texts == ["justt.PaymentIntegration(", f'Merchant("{name.rpartition("::")[2]}")']
