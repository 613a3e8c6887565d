"""Clients, settings and inputs for tests without an engine."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from support.clock import Clock

KEY = "justt-key-canary-7f3b9c"
CANARY = "psp-canary-7f3b9c"
URL = "https://proxy.example/v1"


def settings_of(base_url: str = URL, /, **config: object) -> Settings:
    """Load settings with an API key."""
    return Settings.load({"apiKey": KEY, "baseUrl": base_url, **config}, {})


def client_of(
    app: Callable[[httpx.Request], httpx.Response],
    *,
    moment: Clock | None = None,
    policy: RetryPolicy | None = None,
    debug: Callable[[str], None] | None = None,
    **config: object,
) -> JusttClient:
    """Return a client that sends its requests to *app*, with an injected clock."""
    moment = moment or Clock(1000.0)
    return JusttClient(
        settings_of(**config),
        transport=httpx.MockTransport(app),
        policy=policy or RetryPolicy(),
        clock=moment,
        sleep=moment.sleep,
        uniform=lambda: 0.5,
        debug=debug,
    )


def inputs_of(payload: dict[str, object] | None = None, /, **changes: object) -> Inputs:
    """Return the inputs of an integration."""
    return Inputs.model_validate(
        {
            "externalIdentifier": "stripe-eu-main",
            "integrationName": "Stripe EU",
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": CANARY} if payload is None else payload,
            "environment": "production",
            **changes,
        }
    )
