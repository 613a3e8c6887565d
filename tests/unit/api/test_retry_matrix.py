"""Each cell of the retry table, with the real client on a real socket: what is retried, and how it ends."""

from __future__ import annotations

import pytest

from pulumi_justt.api.retry import TABLE, AttemptResult, Method, RetryDecision
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError, RequestFailed, RequestRefused, UnexpectedResponse
from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import unused_base_url

FAULTS = {
    AttemptResult.RATE_LIMITED: "status=429",
    AttemptResult.UNANSWERED: "drop-before-commit",
    AttemptResult.REJECTED: "status=400",
    AttemptResult.UNREADABLE: "not-json=html",
}
ROUTES: dict[Method, str] = {"GET": "/integrations/{id}", "DELETE": "/integrations/{id}", "POST": "/integrations"}
INPUTS = Inputs.model_validate(
    {
        "externalIdentifier": "cell",
        "integrationName": "Cell",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": "made-up"},
        "environment": "simulator",
    }
)


def client_of(url: str) -> JusttClient:
    """Return a client whose sleeps take no time."""
    settings = Settings.load({"baseUrl": url, "apiKey": "made-up"}, {})
    return JusttClient(settings, sleep=lambda _: None, uniform=lambda: 0.0)


def send(client: JusttClient, method: Method, known: str) -> None:
    """Send a request of *method*, to the integration *known* if there is one."""
    if method == "GET":
        client.get_integration(known, operation="reading", account=None)
    elif method == "POST":
        client.create_integration(INPUTS)
    else:
        client.deactivate_integration(
            known,
            operation="deactivating",
            account=None,
            deactivation_type="dueDate",
            deactivation_date="2040-01-01T00:00:00Z",
        )


@pytest.mark.parametrize("method", ROUTES)
@pytest.mark.parametrize("outcome", FAULTS)
def test_fault_that_happens_once(simulator: SimulatorServer, outcome: AttemptResult, method: Method) -> None:
    """If one attempt meets a fault, the client retries with success, or raises the error that the retry table says."""
    client = client_of(simulator.base_url)
    known = client.create_integration(INPUTS).integration_id
    simulator.clear_requests()
    simulator.add_fault(Fault.parse(f"{method} {ROUTES[method]} {FAULTS[outcome]} times=1"))
    decision = TABLE[outcome][method]
    expected: dict[RetryDecision, tuple[type[JusttError] | None, int]] = {
        RetryDecision.RETRY: (None, 2),
        RetryDecision.FAIL: (UnexpectedResponse if outcome is AttemptResult.UNREADABLE else RequestRefused, 1),
        RetryDecision.AMBIGUOUS: (CreateOutcomeUnknown, 1),
    }
    error, attempts = expected[decision]
    try:
        send(client, method, known)
        raised = None
    except JusttError as caught:
        raised = type(caught)
    client.close()
    assert raised is error
    assert [exchange.method for exchange in simulator.requests] == [method] * attempts
    assert len(simulator.fired) == 1


@pytest.mark.parametrize("method", ROUTES)
def test_refused_connection_is_retried(method: Method) -> None:
    """If every connection is refused, the client retries up to the limit, also a POST.

    The error says that nothing was sent.
    """
    waits: list[float] = []
    settings = Settings.load({"baseUrl": unused_base_url(), "apiKey": "made-up"}, {})
    client = JusttClient(settings, sleep=waits.append, uniform=lambda: 0.5)
    with pytest.raises(RequestFailed, match="Nothing was sent"):
        send(client, method, "known")
    client.close()
    assert TABLE[AttemptResult.UNSENT][method] is RetryDecision.RETRY
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0]
