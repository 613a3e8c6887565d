"""The plain provider, with which `make bench` and `make faults` compare, is one that a careful tutorial could have."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

from floor_provider import FloorProvider
from plain_provider import PlainProvider
from pulumi_justt.simulator import Fault, SimulatorServer

PROPERTIES: dict[str, Any] = {
    "externalIdentifier": "stripe-eu-main",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": "rk_made_up"},
    "merchantAccountCodes": ["acct_1"],
    "referenceAccountId": "acc_42",
}


@contextmanager
def served(base_url: str) -> Iterator[PlainProvider]:
    """Yield the plain provider in the form in which its process has it: unpickled, and configured once."""
    provider: PlainProvider = pickle.loads(base64.b64decode(serialize_provider(PlainProvider())))  # noqa: S301 - our own
    config = {"justt:baseUrl": base_url, "justt:apiKey": "bearer-key", "justt:timeoutSeconds": "1"}
    provider.configure(ConfigureRequest(Config(config, "shop")))
    try:
        yield provider
    finally:
        provider._client.close()


@pytest.mark.parametrize("provider", [PlainProvider(), FloorProvider()])
def test_the_state_refers_to_the_provider_by_name(provider: PlainProvider | FloorProvider) -> None:
    """The state has the path of the provider's class in plain text, as for `PaymentIntegration`."""
    assert not provider.serialize_as_secret_always
    assert len(base64.b64decode(serialize_provider(provider))) < 80


def test_all_requests_use_one_client(simulator: SimulatorServer) -> None:
    """Create, read and delete of the plain provider send one request each by the same client.

    The requests have the API's body and account.
    """
    with served(simulator.base_url) as provider:
        client = provider._client
        created = provider.create(PROPERTIES)
        assert created.outs == {**PROPERTIES, "status": "PENDING"}
        (record,) = simulator.records.integrations()
        assert (record.id, record.account) == (created.id, "acc_42")
        read = provider.read(record.id, created.outs)
        assert (read.id, read.outs) == (record.id, {**PROPERTIES, "status": record.status})
        provider.delete(record.id, created.outs)
        assert provider.read(record.id, created.outs).id is None
        assert provider._client is client
    assert [(each.method, each.status) for each in simulator.requests] == [
        ("POST", 201),
        ("GET", 200),
        ("DELETE", 200),
        ("GET", 200),
    ]


def test_a_changed_property_replaces_the_resource(simulator: SimulatorServer) -> None:
    """A changed or new property that the create sends replaces the resource. Outputs do not count as a change."""
    with served(simulator.base_url) as provider:
        olds = {**PROPERTIES, "status": "SUCCESSFUL"}
        same, other = (
            provider.diff("id", olds, PROPERTIES),
            provider.diff("id", olds, {**PROPERTIES, "source": "adyen"}),
        )
        assert (same.changes, same.replaces) == (False, [])
        assert (other.changes, other.replaces) == (True, ["source"])
        del olds["referenceAccountId"]
        assert provider.diff("id", olds, PROPERTIES).replaces == ["referenceAccountId"]


def test_statuses_and_time_outs(simulator: SimulatorServer) -> None:
    """For the plain provider, a 404 means that the resource is gone.

    Every other error status, and a time-out, raises an error.
    """
    with served(simulator.base_url) as provider:
        missing = "00000000-0000-4000-8000-000000000000"
        assert provider.read(missing, PROPERTIES).id is None
        provider.delete(missing, PROPERTIES)
        simulator.add_fault(Fault.parse("* * status=500"))
        calls = (
            lambda: provider.create(PROPERTIES),
            lambda: provider.read(missing, PROPERTIES),
            lambda: provider.delete(missing, PROPERTIES),
        )
        for call in calls:
            with pytest.raises(httpx.HTTPStatusError, match="500"):
                call()
        simulator.clear_faults()
        simulator.add_fault(Fault.parse("POST /integrations hang-before-commit=9 times=1"))
        with pytest.raises(httpx.TimeoutException):
            provider.create(PROPERTIES)
