"""Settings that would reach the wrong place, on the real engine: refused by the preview, before anything is sent."""

from __future__ import annotations

import re

import pytest

from harness import Stack

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
        ("production", "https://api.justt.ai", "it is https://api.justt.ai/v1 in production"),
    ],
)
def test_preview_refuses_a_url_of_the_other_environment(
    stack: Stack, environment: str, base_url: str, text: str
) -> None:
    """No spelling of a base URL reaches another environment than the configured one."""
    stack.program(PROGRAM)
    stack.config({"justt:environment": environment, "justt:baseUrl": base_url})

    shown = words(stack.preview(fails=True).text)

    assert "justt:baseUrl" in shown
    assert text in shown
