"""`pulumi-justt doctor` and `list` with the real CLI: the actual format of its configuration and states."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.secret_scanner import canary

SHOPS = """
for name, more in (("a", {}), ("b", {"reference_account_id": "acc_1"})):
    justt.PaymentIntegration(
        name,
        external_identifier=name,
        integration_name=name,
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        **more,
    )
us = justt.Provider("default-us", api_key=secret("usKey"))
justt.PaymentIntegration(
    "c",
    external_identifier="c",
    integration_name="c",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    opts=pulumi.ResourceOptions(provider=us),
)
"""


def checks(stack: Stack, *, code: int, **variables: str) -> dict[str, list[dict[str, Any]]]:
    """Run doctor, and return the checks that are not ok, by name."""
    result = stack.justt("doctor", "--json", "--stack", "dev", **variables)
    assert result.code == code, result.text
    bad: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(result.stdout)["checks"]:
        if check["verdict"] != "ok":
            bad.setdefault(check["check"], []).append(check)
    return bad


@pytest.mark.passphrase
def test_doctor_and_list_show_each_problem_of_a_real_stack(stack: Stack, simulator: SimulatorServer) -> None:
    """After the first update of a stack, `doctor` has no findings.

    Then `doctor` shows each problem that the test causes, and `list` shows the status of each integration. Neither
    prints a secret.
    """
    stack.provide({"usKey": canary("us-key")})
    stack.program(SHOPS)
    stack.up()
    assert checks(stack, code=0) == {}
    assert {exchange.method for exchange in simulator.requests[-2:]} == {"GET"}

    ids = {name: each["id"] for name, each in stack.resources().items()}
    simulator.records.set_status(ids["a"], "FAILED")
    stack.config(secret={"justt:apiKey": canary("rotated")})
    bad = checks(stack, code=1)
    assert bad.keys() == {"recordedKey", "integration"}
    assert bad["integration"][0]["integrationId"] == ids["a"]

    bad = checks(stack, code=1, PULUMI_CONFIG_PASSPHRASE="another one")
    assert bad.keys() == {"configuration", "journal", "unmanaged"}
    assert {each["verdict"] for each in bad["journal"]} == {"not checked"}
    assert "incorrect passphrase. Set PULUMI_CONFIG_PASSPHRASE" in bad["configuration"][0]["text"]

    listed = stack.justt("list", "--json", "--stack", "dev")
    assert listed.code == 0, listed.text
    found = {each["integrationId"]: each for each in json.loads(listed.stdout)["integrations"]}
    assert found.keys() == {*ids.values()}
    assert found[ids["a"]]["status"] == "FAILED"
    assert found[ids["b"]]["referenceAccountId"] == "acc_1"
    assert found[ids["b"]]["managedBy"][0]["urn"].endswith("::b")

    stack.run("stack", "unselect", fails=None)
    nothing = stack.justt("list")
    assert nothing.code == 3
    assert "no stack selected" in nothing.stderr
    assert "Name the stack with --stack, or run `pulumi stack select`." in nothing.stderr


def test_verify_uses_the_configuration_of_the_stack(stack: Stack, simulator: SimulatorServer) -> None:
    """`verify` uses the API key of a real stack. `log` then shows what it created and deactivated."""
    result = stack.justt("verify", "--environment", "sandbox", "--stack", "dev", "--yes", "--json")
    assert result.code == 0, result.text
    document = json.loads(result.stdout)
    assert {fact["verdict"] for fact in document["facts"]} == {"holds"}
    ids = {record.id: record.status for record in simulator.records.integrations()}
    assert ids == {each["integrationId"]: "INACTIVE" for each in document["integrations"]}

    logged = json.loads(stack.justt("log", "--last", "--json").stdout)["changes"]
    assert {(each["integrationId"], each["outcome"]) for each in logged} == {
        (integration_id, outcome) for integration_id in ids for outcome in ("created", "deactivated")
    }

    stack.config({"justt:environment": "production"})
    refused = stack.justt("verify", "--environment", "sandbox", "--stack", "dev", "--yes")
    assert refused.code == 3
    assert "so the environment is a simulator, but justt:environment says" in refused.stderr


UNUSUAL = """
for name, source in (("adyen-eu", "adyen"), ("wordpay", "wordpay"), ("stripe-eu", "stripe")):
    justt.PaymentIntegration(
        name,
        external_identifier=name,
        integration_name=name,
        source=source,
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        allow_unlisted=True,
    )
"""


def test_doctor_warns_of_unusual_credentials_until_they_work(stack: Stack, simulator: SimulatorServer) -> None:
    """After an update, `doctor` warns of an unusual pair and of a misspelt unlisted source, and exits with 0.

    When a refresh has recorded that the integrations are SUCCESSFUL, nothing is unusual any more.
    """
    simulator.options = replace(simulator.options, extra_sources=frozenset({"wordpay"}))
    stack.program(UNUSUAL)
    stack.up()
    warnings = checks(stack, code=0)["credentials"]
    assert {each["verdict"] for each in warnings} == {"warning"}
    assert sorted(each["text"].partition(") ")[2] for each in warnings) == [
        "has ApiKeyOnly credentials, which are unusual for Adyen: its keys fit Hmac, though Justt names no class.",
        "has the source 'wordpay', which Justt's documents don't name (did you mean 'worldpay'?).",
    ]

    for each in stack.resources().values():
        simulator.records.set_status(each["id"], "SUCCESSFUL")
    stack.refresh()
    assert checks(stack, code=0) == {}
