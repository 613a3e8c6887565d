"""Settings that would use the wrong environment or account, on the real engine: a preview refuses them."""

from __future__ import annotations

import re
import textwrap

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.secret_scanner import canary

PROGRAM = """
    justt.PaymentIntegration(
        "stripe-eu",
        external_identifier="stripe-eu",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    )
"""


def words(text: str) -> str:
    """Return *text* in one line."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("environment", "base_url", "text"),
    [
        ("sandbox", "https://api.justt.ai/v1/sandbox/%2e.", "the vendor's production address, but the environment is"),
        ("production", "https://API.justt.ai.:443/v1//%73andbox/", "the vendor's sandbox address, but the environment"),
        ("production", "https://api.justt.ai", "The address for production is https://api.justt.ai/v1"),
    ],
)
@pytest.mark.daily(1)
def test_preview_refuses_a_url_of_the_other_environment(
    stack: Stack, environment: str, base_url: str, text: str
) -> None:
    """If the base URL does not belong to the configured environment, in any spelling, a preview fails and says so."""
    stack.program(PROGRAM)
    stack.config({"justt:environment": environment, "justt:baseUrl": base_url})

    shown = words(stack.preview(fails=True).text)

    assert "justt:baseUrl" in shown
    assert text in shown


def test_an_empty_key_never_falls_back_to_another(stack: Stack, simulator: SimulatorServer) -> None:
    """A transformation drops the key of a provider, or the key in the configuration is empty.

    `up` fails, and doesn't use the key in JUSTT_API_KEY.
    """
    stack.environ["JUSTT_API_KEY"] = canary("another-key")
    own = "opts=pulumi.ResourceOptions(provider=justt.Provider('own', api_key=secret('stripeKey'), opts=O)))"
    lost = "lambda each: pulumi.ResourceTransformationResult({**each.props, 'justt:apiKey': None}, each.opts)"
    stack.program(
        f"O = pulumi.ResourceOptions(transformations=[{lost}])\n"
        + re.sub(r"\)$", own, textwrap.dedent(PROGRAM).strip())
    )
    assert "the provider 'own' has no API key: give it one" in words(stack.up(fails=True).text)

    stack.run("config", "set", "--secret", "justt:apiKey", "", "--stack", stack.name)
    stack.program(PROGRAM)
    assert "justt:apiKey is set but empty" in words(stack.up(fails=True).text)
    assert simulator.requests == []


@pytest.mark.slow
def test_a_corrected_setting_says_how_it_gets_into_the_state(stack: Stack, simulator: SimulatorServer) -> None:
    """After the user has corrected a setting, refresh and destroy still use the copy in the state.

    Their errors say how to update it. An `up`, and `--run-program`, use the corrected setting.
    """
    stack.program(PROGRAM)
    stack.up()
    stack.config({"justt:timeoutSeconds": "long"})
    way = "add --run-program, or first run `pulumi up` without --refresh"
    shown = words(stack.up(fails=True).text)
    assert ("justt:timeoutSeconds must be a number" in shown, way in shown) == (True, False)

    stack.config({"justt:timeoutSeconds": "20"})
    # The failed update has recorded it.
    for command in (stack.refresh, stack.destroy):
        shown = words(command(fails=True).text)
        assert ("justt:timeoutSeconds must be a number" in shown, way in shown) == (True, True)
    assert "justt:timeoutSeconds." in stack.justt("doctor", "--only", "recordedKey", "--stack", "dev").stdout
    stack.refresh("--run-program")
    stack.up()
    # An update that sends no requests records a new address, too.
    stack.config({"justt:baseUrl": "http://127.0.0.1:9/v1"})
    stack.up()
    stack.config({"justt:baseUrl": simulator.base_url})
    shown = words(stack.refresh(fails=True).text)
    assert ("the address http://127.0.0.1:9/v1" in shown, way in shown) == (True, True)
    stack.up()
    stack.destroy()
    assert [record.status for record in simulator.records.integrations()] == ["INACTIVE"]
