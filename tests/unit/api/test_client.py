"""The API client on its own: a script that uses it, its errors, its version and its text forms.

tests/unit/core/test_client.py covers the provider's errors and every failure of a request.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import re
from collections.abc import Callable

import httpx
import pytest
from pydantic import Secret

import pulumi_justt
from pulumi_justt.api.call import Call
from pulumi_justt.api.client import Attempt, Client
from pulumi_justt.api.errors import (
    ApiConnectionError,
    ApiError,
    ApiStatusError,
    Cancelled,
    InvalidNetworkSettings,
    InvalidRequest,
    InvalidResponseError,
    OutcomeUnknown,
)
from pulumi_justt.api.models import NewIntegration
from pulumi_justt.api.retry import AttemptResult, RetryPolicy
from pulumi_justt.simulator import Options, SimulatorServer
from support.clients import CANARY, KEY, URL
from support.clock import Clock

NEW = NewIntegration(
    external_identifier="stripe-eu",
    integration_name="Stripe EU",
    source="stripe",
    secret_type="APIKEY_ONLY",
    secret_payload={"apiKey": Secret(CANARY)},
)
WORDS = "the key rk_live_0123456789 is not known"
REFUSAL = {"status": 403, "message": WORDS, "errorId": "err-1"}


def client_of(*responses: httpx.Response | Exception, observe: Callable[[Attempt], None] | None = None) -> Client:
    """Return a client with its own clock and a scripted network, which repeats the last of *responses*."""
    moment, left = Clock(1000.0), list(responses)

    def respond(_: httpx.Request) -> httpx.Response:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return given

    return Client(
        URL,
        KEY,
        transport=httpx.MockTransport(respond),
        policy=RetryPolicy(attempts=2, rate_limited_attempts=2),
        clock=moment,
        sleep=moment.sleep,
        observe=observe,
    )


def test_script_without_pulumi() -> None:
    """A script without Pulumi can create, get, list and deactivate an integration with the client and its models."""
    with SimulatorServer(Options()) as simulator, Client(simulator.base_url, KEY) as justt:
        new = NewIntegration(
            external_identifier="stripe-eu",
            integration_name="Stripe EU",
            source="stripe",
            secret_type="APIKEY_ONLY",
            secret_payload={"apiKey": Secret(CANARY)},
        )
        created = justt.create_integration(new)
        assert created.integration_id in [each.integration_id for each in justt.list_integrations(1).records]
        justt.deactivate_integration(
            created.integration_id, deactivation_type="postingDate", deactivation_date="2026-01-31T00:00:00Z"
        )
        assert justt.get_integration(created.integration_id).is_inactive
        with pytest.raises(ApiStatusError) as refused:
            justt.get_integration("11111111-2222-4333-8444-555555555555")
    assert (refused.value.status, refused.value.outcome) == (404, AttemptResult.REJECTED)


@pytest.mark.parametrize(
    ("response", "kind", "outcome", "attempts"),
    [
        (httpx.Response(403, json=REFUSAL), ApiStatusError, AttemptResult.REJECTED, 1),
        (httpx.Response(429, json=REFUSAL), ApiStatusError, AttemptResult.RATE_LIMITED, 2),
        (httpx.Response(500, json=REFUSAL), ApiStatusError, AttemptResult.UNANSWERED, 2),
        (httpx.Response(499, json=REFUSAL), ApiStatusError, AttemptResult.UNANSWERED, 2),
        (httpx.Response(200, json={WORDS: WORDS}), InvalidResponseError, AttemptResult.UNREADABLE, 2),
        (httpx.ConnectError(WORDS), ApiConnectionError, AttemptResult.UNSENT, 2),
        (httpx.ReadError(WORDS), ApiConnectionError, AttemptResult.UNANSWERED, 2),
        (httpx.ProxyError(f"407 {WORDS}"), ApiConnectionError, AttemptResult.BARRED, 1),
    ],
)
def test_error_has_the_facts_but_no_server_text(
    response: httpx.Response | Exception, kind: type[ApiError], outcome: AttemptResult, attempts: int
) -> None:
    """If a request fails, the error has the outcome and the attempts.

    Its text quotes neither the server nor a library.
    """
    with pytest.raises(ApiError) as raised:
        client_of(response).get_integration("int-1")

    error = raised.value
    assert type(error) is kind
    assert (error.outcome, error.attempts) == (outcome, attempts)
    assert error.was_unanswered is (outcome is AttemptResult.UNANSWERED)
    assert "rk_live" not in f"{error} {error!r}"
    assert error.__context__ is None, "an exception of httpx holds the request, and with it the key"
    if isinstance(error, ApiStatusError):
        assert (error.message, error.error_id, error.is_json) == (WORDS, "err-1", True)


@pytest.mark.parametrize(
    "response",
    [httpx.ReadTimeout("late"), httpx.Response(502, json={}), httpx.Response(201, json={"message": "created"})],
)
def test_create_with_an_unknown_outcome_is_sent_once(response: httpx.Response | Exception) -> None:
    """If a POST gets no response or no usable one, the client does not repeat it.

    The error says that the integration may exist.
    """
    attempts: list[Attempt] = []
    client = client_of(response, observe=attempts.append)

    with pytest.raises(OutcomeUnknown, match=r"^the integration may exist: ") as raised:
        client.create_integration(NEW)

    assert raised.value.attempts == len(attempts) == 1
    assert raised.value.was_unanswered


def test_invalid_request_is_refused_before_it_is_sent() -> None:
    """If a body is too large, a text is not Unicode, or an id or account is invalid, the client sends nothing."""
    attempts: list[Attempt] = []
    client = client_of(httpx.Response(200), observe=attempts.append)

    for payload, part in (({"apiKey": "x" * 1_000_001}, "size"), ({"apiKey": "\ud800"}, "text")):
        with pytest.raises(InvalidRequest) as raised:
            client.create_integration(NewIntegration.model_validate({**NEW.body(), "secretPayload": payload}))
        assert raised.value.part == part
        assert raised.value.__context__ is None, "an exception of the encoder holds the body"
    for integration_id in ("", ".", "..", "a\nb"):
        with pytest.raises(InvalidRequest):
            client.get_integration(integration_id)
    for account in ("", "a b", "a\nb", "ä"):
        with pytest.raises(InvalidRequest, match="the account must be visible ASCII"):
            client.list_integrations(1, account=account)
    assert attempts == []


@pytest.mark.parametrize(
    ("url", "key", "text"),
    [
        ("api.justt.ai/v1", KEY, "base_url must begin with https:// or http://"),
        (URL, "", "api_key must be visible ASCII"),
        (URL, f"{CANARY}\n", "api_key must be visible ASCII"),
        (URL, f"{CANARY}ä", "api_key must be visible ASCII"),
    ],
)
def test_client_refuses_an_unusable_url_or_key(url: str, key: str, text: str) -> None:
    """If the URL or the key could serve no request, the constructor of the client fails and does not show the key."""
    with pytest.raises(ValueError, match=text) as raised:
        Client(url, key)
    assert CANARY not in str(raised.value)


def test_failing_observer_does_not_lose_a_record() -> None:
    """If the observer raises, create still returns the record."""

    def observe(_: Attempt) -> None:
        raise OSError

    client = client_of(httpx.Response(201, json={"integrationId": "int-1"}), observe=observe)

    assert client.create_integration(NEW).integration_id == "int-1"


def test_cancelled_or_late_call_sends_nothing() -> None:
    """If a create is cancelled, or the deadline of a read has passed, the client sends nothing."""
    attempts: list[Attempt] = []
    client = client_of(httpx.Response(200, json={}), observe=attempts.append)

    with pytest.raises(Cancelled):
        client.create_integration(NEW, call=Call(is_cancelled=lambda: True))
    with pytest.raises(ApiConnectionError, match=r"^no time was left to send a request$") as raised:
        client.get_integration("int-1", call=Call(deadline=client.clock()))

    assert (raised.value.attempts, raised.value.is_cut_short) == (0, True)
    assert (raised.value.outcome, raised.value.was_unanswered) == (AttemptResult.UNSENT, False)
    assert attempts == []


def test_call_at_its_deadline_raises_the_error_of_the_last_attempt() -> None:
    """If a retry would wait for the rate limiter past the deadline, the client raises the error of the last attempt."""
    client = client_of(httpx.Response(503, json=REFUSAL))
    client.policy, client.uniform = RetryPolicy(base=1.0), lambda: 0.0
    for _ in range(client.requests_per_minute - 1):
        client._limiter.acquire()

    with pytest.raises(ApiStatusError) as raised:
        client.get_integration("int-1", call=Call(deadline=client.clock() + 30.0))

    assert (raised.value.attempts, raised.value.is_cut_short, raised.value.was_unanswered) == (1, True, True)


def test_deadline_ends_the_attempts() -> None:
    """If a retry would start after the deadline, the client fails after one attempt and sets `is_cut_short`."""
    client = client_of(httpx.Response(503, headers={"retry-after": "9"}, json={}))

    with pytest.raises(ApiStatusError) as raised:
        client.get_integration("int-1", call=Call(deadline=client.clock() + 5.0))

    assert (raised.value.attempts, raised.value.is_cut_short) == (1, True)
    assert Call().deadline == math.inf


def test_unrepeatable_read_makes_one_attempt() -> None:
    """If a read has is_repeatable=False and its first attempt fails, the client does not retry it."""
    with pytest.raises(ApiStatusError) as raised:
        client_of(httpx.Response(503, json={})).get_integration("int-1", is_repeatable=False)

    assert raised.value.attempts == 1


def test_invalid_proxy_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If HTTPS_PROXY is invalid, the constructor of the client fails.

    The error does not show the value, which may have a password.
    """
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{CANARY}@:1")

    with pytest.raises(InvalidNetworkSettings, match="HTTPS_PROXY") as raised:
        Client(URL, KEY)

    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None, "an exception of the parser may quote the proxy"


def test_requests_name_the_package_and_its_version() -> None:
    """Each request has a User-Agent with the package, its version and Python's version, for Justt's support."""
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    with Client(URL, KEY, transport=httpx.MockTransport(respond)) as justt:
        justt.list_integrations(1)

    agent = f"pulumi-justt/{pulumi_justt.__version__} Python/{platform.python_version()}"
    assert seen[0].headers["user-agent"] == agent


def test_version_matches_the_installed_package() -> None:
    """`__version__` equals the version in the package's metadata."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", pulumi_justt.__version__)
    assert importlib.metadata.version("pulumi-justt") == pulumi_justt.__version__


def test_repr_shows_no_credential() -> None:
    """The repr and str of the client and of its models show no credential."""
    shown = f"{client_of(httpx.Response(200))!r} {NEW!r} {NEW}"

    assert KEY not in shown
    assert CANARY not in shown
    assert json.dumps(NEW.body()).count(CANARY) == 1
