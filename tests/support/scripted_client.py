"""Runs the core with a client that returns scripted responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NoReturn

import httpx

from pulumi_justt.api.call import Call
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.session import Session
from pulumi_justt.log import Log

CANARY = "canary-b84f10"
NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=timezone.utc)
SHORT_RETRIES = RetryPolicy(attempts=2, rate_limited_attempts=2)
MINIMAL: dict[str, Any] = {
    "externalIdentifier": "stripe-eu",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": CANARY},
}
CHECKED = {**MINIMAL, "environment": "simulator"}
RECORDED = {**CHECKED, "integrationId": "id-1", "status": "PENDING"}
NAMED = "the stripe integration 'stripe-eu' (id-1)"


def without(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return *properties* without the given names."""
    return {name: value for name, value in properties.items() if name not in names}


def load(config: Mapping[str, str] | None = None, **environ: str) -> Settings:
    """Return settings with which requests can only reach this machine."""
    return Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key", **(config or {})}, environ)


def no_client() -> NoReturn:
    """Fail the test: it must not send requests, so the core must not ask for a client."""
    raise AssertionError("a request was about to be sent")


@dataclass
class Offline:
    """The core without a client, with the messages that it showed."""

    config: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def core(self) -> IntegrationLifecycle:
        """The lifecycle."""
        return IntegrationLifecycle(load(self.config), client=no_client, log=Log(self.messages.append), now=lambda: NOW)

    def failures(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> list[str]:
        """Return the failures that `check` reports for *news*."""
        return self.core.check(olds or {}, news).failures


@dataclass
class Scripted:
    """The core with an API that returns prepared responses."""

    answers: Sequence[httpx.Response | httpx.TransportError]
    environ: dict[str, str] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    leaves_after: int | None = None
    session: Session | None = None
    now: datetime = NOW

    @property
    def core(self) -> IntegrationLifecycle:
        """The lifecycle. Its engine is gone after the given number of requests."""
        remaining = iter(self.answers)

        def answer(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            given = next(remaining)
            if isinstance(given, httpx.TransportError):
                raise given
            return given

        chosen = load(None, **self.environ)
        client = JusttClient(
            chosen,
            transport=httpx.MockTransport(answer),
            policy=SHORT_RETRIES,
            sleep=lambda _: None,
            uniform=lambda: 0.0,
            now=lambda: self.now,
        )
        return IntegrationLifecycle(
            chosen,
            client=lambda: client,
            log=Log(self.messages.append),
            now=lambda: self.now,
            call=lambda: Call(is_cancelled=self._has_left),
            session=self.session,
        )

    def _has_left(self) -> bool:
        return self.leaves_after is not None and len(self.requests) >= self.leaves_after

    @property
    def methods(self) -> list[str]:
        """The methods of the requests so far."""
        return [request.method for request in self.requests]


def refusal(status: int, message: str = "no") -> httpx.Response:
    """Return an error response in Justt's envelope."""
    return httpx.Response(status, json={"status": status, "message": message, "errorId": "e-1"})


def record(status: str, **more: str) -> httpx.Response:
    """Return a response with the record of the integration id-1."""
    return httpx.Response(200, json={"integrationId": "id-1", "source": "stripe", "status": status, **more})


def listing(*ids: str) -> httpx.Response:
    """Return a response that lists integrations with these ids."""
    records = [{"integrationId": each, "source": "stripe", "status": "PENDING"} for each in ids]
    return httpx.Response(200, json=records)
