"""The core's client: its requests, its error for each failure, and the secrets that no error or log line may show.

Most tests use an httpx mock transport. The others use a real socket on this machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import gzip
import itertools
import json
import os
import socket
import struct
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Literal

import httpx
import pytest
from typing_extensions import Self

from pulumi_justt.api import client as api
from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.rate_limit import RateLimiter
from pulumi_justt.api.responses import Page
from pulumi_justt.api.retry import TABLE, AttemptResult, Method, RetryDecision, RetryPolicy
from pulumi_justt.core import client as module
from pulumi_justt.core.client import JusttClient, shared_client
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.errors import (
    NOT_SHOWN,
    WITHHELD,
    ConnectionSetupError,
    CreateOutcomeUnknown,
    InvalidSettings,
    JusttError,
    RequestError,
    RequestFailed,
    RequestRefused,
    UnexpectedResponse,
)
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.simulator import Options, SimulatorServer, payload_digest
from support.clients import CANARY, KEY, URL, client_of, inputs_of, settings_of
from support.clock import Clock
from support.harness import HANG_SECONDS

ID = "int-1"
RECORD = {"integrationId": ID, "source": "stripe", "status": "SUCCESSFUL"}
DATE = "2027-01-31T00:00:00Z"

CREATING = "creating the stripe integration 'stripe-eu-main'"
READING = "reading the integration 'stripe-eu-main' (int-1)"
DEACTIVATING = "deactivating the integration 'stripe-eu-main' (int-1)"


@dataclasses.dataclass
class Reply:
    """One response of a scripted server, with a JSON document or raw bytes as its body."""

    status: int
    content: object = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def response(self) -> httpx.Response:
        """Build the response."""
        raw = self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        # A stream that is neither read nor decoded yet, as from a network.
        return httpx.Response(self.status, content=iter([raw]), headers=self.headers)


class App:
    """A server that responds to each request with the next item of a script, and repeats the last one.

    If the item is an error that means "nothing was sent", the request does not count as received.
    """

    def __init__(self, *script: Reply | Exception, moment: Clock | None = None, takes: float = 0.0) -> None:
        self.script = script
        self.attempts = 0
        self.reached: list[httpx.Request] = []
        self._moment = moment
        self._takes = takes

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        item = self.script[min(self.attempts, len(self.script) - 1)]
        self.attempts += 1
        if self._moment:
            self._moment.now += self._takes
        if not isinstance(item, UNSENT_ERRORS):
            self.reached.append(request)
        if isinstance(item, Exception):
            raise item
        return item.response()


UNSENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@contextlib.contextmanager
def real_client(base_url: str, *, policy: RetryPolicy | None = None, **config: object) -> Iterator[JusttClient]:
    """Yield a client with the real network and clock; only its sleeps are replaced."""
    client = JusttClient(
        settings_of(base_url, **config), policy=policy or RetryPolicy(), sleep=lambda _: None, uniform=lambda: 0.0
    )
    with contextlib.closing(client):
        yield client


def read(client: JusttClient, *, account: str | None = "acc_42", integration_id: str = ID) -> RemoteRecord:
    """Read the integration."""
    return client.get_integration(integration_id, operation=READING, account=account)


def deactivate(client: JusttClient, *, account: str | None = "acc_42", integration_id: str = ID) -> None:
    """Deactivate the integration."""
    client.deactivate_integration(
        integration_id,
        operation=DEACTIVATING,
        account=account,
        deactivation_type="postingDate",
        deactivation_date=DATE,
    )


def call(client: JusttClient, method: Method) -> RemoteRecord | None:
    """Send the one kind of request that the client has for *method*."""
    if method == "GET":
        return read(client)
    if method == "POST":
        return client.create_integration(inputs_of(referenceAccountId="acc_42"))
    deactivate(client)
    return None


def failure(client: JusttClient, method: Method) -> RequestError:
    """Return the error that a call ends with."""
    with pytest.raises(RequestError) as raised:
        call(client, method)
    return raised.value


METHODS: tuple[Method, ...] = ("GET", "DELETE", "POST")
GOOD: dict[Method, Reply] = {"GET": Reply(200, RECORD), "DELETE": Reply(200), "POST": Reply(201, {"integrationId": ID})}
INVALID_DELETE_RESPONSES = [
    Reply(200, b"<html>"),
    Reply(200, b"OK"),
    Reply(299, b"{"),
    Reply(200, RECORD, {"content-encoding": "gzip"}),
]
"""2xx responses that may not be Justt's. For a DELETE, an empty body or any JSON is a valid response."""
BAD: dict[AttemptResult, list[Reply | Exception]] = {
    AttemptResult.UNSENT: [error("no route") for error in UNSENT_ERRORS],
    AttemptResult.BARRED: [httpx.ProxyError("407 Proxy Authentication Required")],
    AttemptResult.RATE_LIMITED: [Reply(429, {"status": 429, "message": "slow down", "errorId": "err-1"})],
    AttemptResult.UNANSWERED: [
        *(Reply(status) for status in (303, 399, 408, 418, 425, 430, 444, 460, 499, 500, 502, 503, 504, 599, 600)),
        *(
            error("lost")
            for error in (
                httpx.ReadError,
                httpx.ReadTimeout,
                httpx.WriteError,
                httpx.WriteTimeout,
                httpx.CloseError,
                httpx.RemoteProtocolError,
            )
        ),
    ],
    AttemptResult.REJECTED: [
        Reply(status)
        for status in (300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 407, 409, 413, 417, 422, 424, 428, 431, 451)
    ],
    AttemptResult.UNREADABLE: [*INVALID_DELETE_RESPONSES, Reply(200, {}), Reply(202, [RECORD]), Reply(204)],
}
NEVER_SENT = (AttemptResult.UNSENT, AttemptResult.BARRED)
CELLS = [
    pytest.param(method, outcome, bad, id=f"{method}-{outcome.name}-{getattr(bad, 'status', type(bad).__name__)}")
    for method in METHODS
    for outcome, items in BAD.items()
    for bad in items
    if (method, outcome) != ("DELETE", AttemptResult.UNREADABLE) or bad in INVALID_DELETE_RESPONSES
]
FAILURES: dict[AttemptResult, type[RequestError]] = {
    AttemptResult.UNSENT: RequestFailed,
    AttemptResult.BARRED: ConnectionSetupError,
    AttemptResult.RATE_LIMITED: RequestFailed,
    AttemptResult.UNANSWERED: RequestFailed,
    AttemptResult.REJECTED: RequestRefused,
    AttemptResult.UNREADABLE: UnexpectedResponse,
}


def test_retry_matrix_covers_the_table() -> None:
    """`BAD` and `FAILURES`, the cases of the two tests below, cover every row of the retry table."""
    assert set(TABLE) == set(BAD) == set(FAILURES)


@pytest.mark.parametrize(("method", "outcome", "bad"), CELLS)
def test_one_failed_attempt(method: Method, outcome: AttemptResult, bad: Reply | Exception) -> None:
    """If one attempt fails, the client retries with success, or raises the error that the retry table says."""
    moment = Clock(1000.0)
    app = App(bad, GOOD[method])
    client = client_of(app, moment=moment)
    decision = TABLE[outcome][method]

    if decision is RetryDecision.RETRY:
        found = call(client, method)
        assert (None if method == "DELETE" else ID) == (found and found.integration_id)
    else:
        expected = {RetryDecision.AMBIGUOUS: CreateOutcomeUnknown, RetryDecision.FAIL: FAILURES[outcome]}
        assert type(failure(client, method)) is expected[decision]
    attempts = 2 if decision is RetryDecision.RETRY else 1
    assert attempts == app.attempts
    assert attempts - (outcome in NEVER_SENT) == len(app.reached)
    assert ([0.25] if decision is RetryDecision.RETRY else []) == moment.slept


@pytest.mark.parametrize(("method", "outcome", "bad"), CELLS)
def test_all_attempts_fail(method: Method, outcome: AttemptResult, bad: Reply | Exception) -> None:
    """If every attempt fails, the client stops at the policy's limit and raises the error of the last failure."""
    app = App(bad)
    client = client_of(app)
    decision = TABLE[outcome][method]

    error = failure(client, method)
    assert type(error) is (CreateOutcomeUnknown if decision is RetryDecision.AMBIGUOUS else FAILURES[outcome])
    assert error.__cause__ is None
    assert error.__context__ is None, "an exception of httpx holds the request, and with it the key"
    attempts = 1 if decision is not RetryDecision.RETRY else 16 if outcome is AttemptResult.RATE_LIMITED else 6
    assert attempts == app.attempts
    assert (0 if outcome in NEVER_SENT else attempts) == len(app.reached)


@pytest.mark.parametrize("reply", [Reply(200), Reply(204), Reply(200, b" \r\n"), Reply(202, []), Reply(200, "done")])
def test_delete_accepts_an_empty_body_or_json(reply: Reply) -> None:
    """If a DELETE gets a 2xx response whose body is empty or JSON, the deactivation succeeds."""
    app = App(reply)

    deactivate(client_of(app))

    assert app.attempts == 1


@pytest.mark.parametrize(
    ("method", "script", "attempts"),
    [
        ("POST", [httpx.ConnectError("x"), Reply(429), Reply(500)], 3),
        ("POST", [Reply(429), httpx.PoolTimeout("x"), Reply(201, {})], 3),
        ("GET", [Reply(200, {}), Reply(500), Reply(429), httpx.ConnectError("x"), Reply(200, RECORD)], 5),
    ],
)
def test_mixed_outcomes(method: Method, script: list[Reply | Exception], attempts: int) -> None:
    """If attempts fail in different ways, the client decides after each one.

    A create stops after an attempt that Justt may have processed, and a read is retried until it succeeds.
    """
    app = App(*script)
    client = client_of(app)

    if method == "POST":
        assert isinstance(failure(client, method), CreateOutcomeUnknown)
    else:
        assert read(client).integration_id == ID
    assert attempts == app.attempts


def test_backoff_grows() -> None:
    """If every attempt gets a 503, the wait before each retry is twice as long as the one before."""
    moment = Clock(1000.0)
    failure(client_of(App(Reply(503)), moment=moment), "GET")

    assert moment.slept == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_retry_after_is_obeyed() -> None:
    """If a 503 or a 429 has `Retry-After`, the client waits exactly that long before it retries."""
    for status in (503, 429):
        moment = Clock(1000.0)
        client = client_of(App(Reply(status, headers={"Retry-After": "7"}), GOOD["GET"]), moment=moment)
        read(client)
        assert moment.slept == [7.0]


@pytest.mark.parametrize("hours", [-1, 0, 1, 24])
@pytest.mark.parametrize("status", [503, 429])
def test_retry_after_date_is_measured_against_the_server_clock(status: int, hours: int) -> None:
    """If `Retry-After` is a date, the client compares it with the response's `Date`.

    So a wrong local clock does not change the wait.
    """
    moment = Clock(1000.0)
    headers = {"Date": "Fri, 15 Jan 2027 08:00:00 GMT", "Retry-After": "Fri, 15 Jan 2027 08:00:07 GMT"}
    client = client_of(App(Reply(status, headers=headers), GOOD["GET"]), moment=moment)
    client._api.now = lambda: datetime(2027, 1, 15, 8, tzinfo=timezone.utc) + timedelta(hours=hours)

    read(client)

    assert moment.slept == [7.0]


def test_retry_after_date_without_a_date_header() -> None:
    """If `Retry-After` is a date and the response has no `Date`, the client uses the local clock."""
    moment = Clock(1000.0)
    headers = {"Retry-After": "Fri, 15 Jan 2027 08:00:07 GMT"}
    client = client_of(App(Reply(503, headers=headers), GOOD["GET"]), moment=moment)
    client._api.now = lambda: datetime(2027, 1, 15, 8, tzinfo=timezone.utc)

    read(client)

    assert moment.slept == [7.0]


def test_clock_ahead_measures_the_offset_from_the_server() -> None:
    """If the response's `Date` lies between sending and receiving, `clock_ahead` is zero.

    Otherwise `clock_ahead` is the difference in seconds.
    """
    start = datetime(2027, 1, 15, 8, tzinfo=timezone.utc)
    ahead: list[float] = []
    for dated in ("07:59:00", "08:00:00", "08:00:29", "08:02:00"):
        times = iter([start, start + timedelta(seconds=30)])
        client = client_of(App(Reply(200, RECORD, {"Date": f"Fri, 15 Jan 2027 {dated} GMT"})))
        client._api.now = functools.partial(next, times)
        read(client)
        ahead.append(client.clock_ahead)

    assert ahead == [60.0, 0.0, 0.0, -90.0]


@pytest.mark.parametrize("takes", [30.0, 59.0])
def test_deadline_ends_slow_attempts(takes: float) -> None:
    """If each attempt takes 30 or 59 seconds, the deadline ends the request before all six attempts are used."""
    moment = Clock(1000.0)
    app = App(Reply(503), moment=moment, takes=takes)

    error = failure(client_of(app, moment=moment), "GET")

    assert isinstance(error, RequestFailed)
    assert {30.0: 4, 59.0: 3}[takes] == app.attempts


def test_backoff_counts_toward_the_deadline() -> None:
    """The waits after a 503 count toward the deadline. With `Retry-After: 50`, a request fails after three attempts."""
    moment = Clock(1000.0)
    app = App(Reply(503, headers={"Retry-After": "50"}))

    failure(client_of(app, moment=moment), "GET")

    assert app.attempts == 3
    assert moment.slept == [50.0, 50.0]


def test_rate_limit_pauses_have_their_own_limit() -> None:
    """Pauses after a 429 don't count toward the request's deadline.

    The request fails once its pauses have taken five minutes in total.
    """
    moment = Clock(1000.0)
    app = App(Reply(429, headers={"Retry-After": "50"}))

    failure(client_of(app, moment=moment), "GET")

    assert app.attempts == 7
    assert moment.slept == [50.0] * 6


def test_waiting_for_the_rate_limiter_does_not_count() -> None:
    """The wait for the rate limiter doesn't count toward a request's deadline.

    With one request a minute, a read with six attempts succeeds after five minutes.
    """
    moment = Clock(1000.0)
    app = App(*[Reply(503)] * 5, GOOD["GET"])

    read(client_of(app, moment=moment, requestsPerMinute="1"))

    assert app.attempts == 6
    assert moment.now >= 1300.0


def test_every_attempt_counts_toward_the_rate_limit() -> None:
    """A retry counts toward the rate limit. With one request a minute, a second attempt waits for the next minute."""
    moment = Clock(1000.0)
    client = client_of(App(httpx.ConnectError("x"), GOOD["GET"]), moment=moment, requestsPerMinute="1")

    read(client)

    assert moment.now == 1060.0


def test_429_pauses_all_requests() -> None:
    """After one client got a 429, another client with the same limiter also waits until the pause ends."""
    moment = Clock(1000.0)
    asleep: list[float] = []
    sent: dict[str, list[float]] = {"first": [], "second": []}

    def sleep(seconds: float) -> None:
        asleep.append(seconds)
        if len(asleep) == 1:
            read(second)
        else:
            moment.now += seconds

    def sending(name: str, app: App) -> JusttClient:
        def respond(request: httpx.Request) -> httpx.Response:
            sent[name].append(moment.now)
            return app(request)

        return JusttClient(
            settings_of(), transport=httpx.MockTransport(respond), limiter=limiter, clock=moment, sleep=moment.sleep
        )

    limiter = RateLimiter(950, clock=moment, sleep=sleep)
    second = sending("second", App(GOOD["GET"]))
    read(sending("first", App(Reply(429, headers={"Retry-After": "40"}), GOOD["GET"])))

    assert sent == {"first": [1000.0, 1040.0], "second": [1040.0]}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_longer_than_a_thread_can_sleep(status: int) -> None:
    """If `Retry-After` exceeds threading.TIMEOUT_MAX, the request fails with a RequestFailed or waits less long."""
    moment = Clock(1000.0)
    client = client_of(App(Reply(status, headers={"Retry-After": "99999999999"}), GOOD["GET"]), moment=moment)

    with contextlib.suppress(RequestFailed):
        read(client)

    assert all(seconds <= threading.TIMEOUT_MAX for seconds in moment.slept)


def test_client_uses_the_injected_limiter() -> None:
    """If the caller passes a limiter to the client, requests wait for that limiter."""
    moment = Clock(1000.0)
    limiter = RateLimiter(1, clock=moment, sleep=moment.sleep)
    limiter.pause(12.0)
    client = JusttClient(settings_of(), transport=httpx.MockTransport(App(GOOD["GET"])), limiter=limiter)

    read(client)

    assert moment.now == 1012.0


AMBIGUOUS = (
    "Justt may have created it, and no state knows it. Do not run `pulumi up` again before you have checked, because "
    "that could create a duplicate: look it up at Justt, and run `pulumi-justt recover`."
)
KEPT = "The state was not changed: run the command again later."
NO_REDIRECT = "The provider follows no redirect, because its requests carry credentials: check justt:baseUrl."
INVALID_RESPONSE = (
    "Nothing was changed in the state. Check justt:baseUrl for a proxy in between; if there is none, please report it."
)
NOTHING_CREATED = (
    "Nothing was created: correct what Justt names and run again. If it says that the external identifier is taken by "
    "the integration that is being replaced, give another one, or set delete_before_replace=True."
)
ERROR = {"status": 400, "message": "no", "errorId": "err-1"}
NOT_JSON = "a response that is not JSON, so perhaps from a proxy"
HTML = b"<html><h1>canary-of-the-proxy</h1></html>"


@pytest.mark.parametrize(
    ("method", "reply", "text"),
    [
        ("POST", Reply(400, ERROR), f"{CREATING}: Justt answered 400: no (errorId err-1). {NOTHING_CREATED}"),
        (
            "DELETE",
            Reply(400, {"error": "Bad Request", "message": "INACTIVE already", "errorId": "err-2"}),
            (
                f"{DEACTIVATING}: Justt answered 400: INACTIVE already (errorId err-2). "
                "Nothing was changed: ask Justt's support, with the errorId if there is one."
            ),
        ),
        (
            "GET",
            Reply(401, ERROR),
            (
                f"{READING}: Justt answered 401: no (errorId err-1). The key came from justt:apiKey. Set it "
                "to a key that is valid in production."
            ),
        ),
        (
            "POST",
            Reply(403, {"message": "forbidden", "statusCode": 403}),
            (
                f"{CREATING}: Justt answered 403: forbidden. "
                "The key from justt:apiKey may not do this with account acc_42: check the key and the account."
            ),
        ),
        (
            "GET",
            Reply(404, {"message": "no such integration", "statusCode": 404}),
            (
                f"{READING}: Justt answered 404: no such integration. "
                "The key from justt:apiKey does not see it with account acc_42 in production: check the "
                "key, the account and the environment."
            ),
        ),
        (
            "POST",
            Reply(413),
            f"{CREATING}: Justt answered 413. Shorten the credentials or the merchant account codes.",
        ),
        (
            "GET",
            Reply(429, ERROR),
            (
                f"{READING}: Justt answered 429: no, after 16 attempts (errorId err-1). The account's quota is used "
                "up: run the command again later, or lower justt:requestsPerMinute in the stacks that share the key."
            ),
        ),
        ("GET", Reply(500, ERROR), f"{READING}: Justt answered 500: no, after 6 attempts (errorId err-1). {KEPT}"),
        ("POST", Reply(500, ERROR), f"{CREATING}: Justt answered 500: no (errorId err-1). {AMBIGUOUS}"),
        (
            "POST",
            Reply(307, headers={"location": "https://elsewhere.example"}),
            f"{CREATING}: Justt answered 307. {NO_REDIRECT}",
        ),
        (
            "GET",
            Reply(303, headers={"location": "https://elsewhere.example"}),
            f"{READING}: Justt answered 303, after 6 attempts. {NO_REDIRECT}",
        ),
        ("POST", Reply(408, HTML), f"{CREATING}: Justt answered 408: {NOT_JSON}. {AMBIGUOUS}"),
        ("POST", Reply(499), f"{CREATING}: Justt answered 499. {AMBIGUOUS}"),
        (
            "GET",
            Reply(403, HTML),
            (
                f"{READING}: Justt answered 403: a response that is not JSON, so perhaps from a proxy. "
                "The key from justt:apiKey may not do this with account acc_42: check the key and the account."
            ),
        ),
        (
            "GET",
            Reply(200, HTML),
            (
                f"{READING}: Justt answered 200 with an undocumented shape, 41 bytes that are not JSON, after 6 "
                f"attempts. {INVALID_RESPONSE}"
            ),
        ),
        (
            "POST",
            Reply(201, HTML),
            f"{CREATING}: Justt answered 201 with an undocumented shape, 41 bytes that are not JSON. {AMBIGUOUS}",
        ),
        (
            "POST",
            Reply(201, {"status": 201, "message": "canary"}),
            (
                f"{CREATING}: Justt answered 201 with an undocumented shape, {{status: number, message: text}}. "
                f"{AMBIGUOUS}"
            ),
        ),
        (
            "GET",
            Reply(200, {**RECORD, "integrationId": "int-2"}),
            (
                f"{READING}: Justt answered 200 with an undocumented shape, the record of another integration, after 6 "
                f"attempts. {INVALID_RESPONSE}"
            ),
        ),
        (
            "POST",
            httpx.ConnectError("[Errno 111] Connection refused"),
            (
                f"{CREATING}: no connection ([Errno 111] Connection refused), after 6 attempts. Nothing was sent: "
                "check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
                "https://proxy.example/v1, then run the command again."
            ),
        ),
        (
            "GET",
            httpx.PoolTimeout(""),
            (
                f"{READING}: no connection (PoolTimeout), after 6 attempts. Nothing was sent: check the network, the "
                "proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address https://proxy.example/v1, then run the "
                "command again."
            ),
        ),
        ("POST", httpx.ReadTimeout(""), f"{CREATING}: no answer within 30 s. {AMBIGUOUS}"),
        ("DELETE", httpx.ReadTimeout(""), f"{DEACTIVATING}: no answer within 30 s, after 6 attempts. {KEPT}"),
        ("POST", httpx.ReadError("x"), f"{CREATING}: the connection broke (ReadError). {AMBIGUOUS}"),
    ],
)
def test_text_of_each_failure(method: Method, reply: Reply | Exception, text: str) -> None:
    """The error of each failure names the operation, the response, the errorId and what to do next.

    No error quotes a proxy's HTML page.
    """
    assert text == str(failure(client_of(App(reply)), method))


def test_401_names_the_origin_of_the_key() -> None:
    """If a request gets a 401, the error names the setting that the key came from."""
    settings = Settings.load({"baseUrl": URL, "apiKey": "old"}, {"JUSTT_API_KEY_OVERRIDE": KEY})
    client = JusttClient(settings, transport=httpx.MockTransport(App(Reply(401))))

    assert "The key came from JUSTT_API_KEY_OVERRIDE." in str(failure(client, "GET"))


def test_404_without_an_account_says_so() -> None:
    """If a read without an account gets a 404, the error says that the request had no account."""
    with pytest.raises(RequestRefused) as refused:
        read(client_of(App(Reply(404)), environment="sandbox"), account=None)

    assert "without an account in sandbox: check the key, the account and the environment." in str(refused.value)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([Reply(400)], False),
        ([Reply(500), Reply(400)], True),
        ([httpx.ReadTimeout("x"), Reply(429), Reply(400)], True),
        ([Reply(429), Reply(400)], False),
        ([httpx.ConnectError("x"), Reply(400)], False),
    ],
)
def test_refusal_after_an_unanswered_attempt(script: list[Reply | Exception], expected: bool) -> None:
    """If a DELETE gets a 4xx, `after_unanswered` says whether Justt may have processed an earlier attempt of it."""
    error = failure(client_of(App(*script)), "DELETE")

    assert isinstance(error, RequestRefused)
    assert expected is error.after_unanswered


def test_error_never_says_unsent_after_an_attempt_was_sent() -> None:
    """If a DELETE gets a 500 and its retry can't connect, the error does not say that nothing was sent."""
    app = App(Reply(500), httpx.ConnectError("x"))

    error = failure(client_of(app), "DELETE")

    assert len(app.reached) == 1
    assert "Nothing was sent" not in str(error)


SECRETS = [CANARY, 'quo"te-7f3b9c', "back\\slash-7f3b9c", "line\nbreak-7f3b9c", "päss-7f3b9c"]


@pytest.mark.parametrize("form", ["raw", "escaped"])
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", [400, 500])
def test_message_that_repeats_a_credential_is_withheld(
    secret: str, status: int, form: Literal["raw", "escaped"]
) -> None:
    """If an error response repeats a credential, raw or as JSON, the error shows neither message nor errorId."""
    echo = secret if form == "raw" else json.dumps(secret)[1:-1]
    app = App(Reply(status, {"message": f"can't use {echo} here", "errorId": f"err-{echo}"}))

    client = client_of(app)
    client.redactor.add_secrets({"deep": {"list": [secret]}})
    with pytest.raises(RequestError) as raised:
        client.create_integration(inputs_of())

    assert "7f3b9c" not in f"{raised.value} {raised.value.args} {vars(raised.value)}"
    assert f"Justt answered {status}: {WITHHELD}" in str(raised.value)
    assert "errorId" not in str(raised.value)


@pytest.mark.parametrize("method", METHODS)
def test_message_that_repeats_the_api_key_is_withheld(method: Method) -> None:
    """If a response or a connection error contains the API key, the error withholds that text."""
    for reply in (Reply(401, {"message": f"bad key {KEY}"}), httpx.ConnectError(f"bad proxy {KEY}")):
        text = str(failure(client_of(App(reply)), method))
        assert KEY not in text
        assert WITHHELD in text


def test_error_id_is_shown_when_the_message_is_withheld() -> None:
    """If only the message contains a credential, the error withholds the message and shows the errorId.

    Justt's support needs the errorId.
    """
    app = App(Reply(400, {"message": f"bad key {KEY}", "errorId": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}))

    assert f"{WITHHELD} (errorId 3fa85f64-5717-4562-b3fc-2c963f66afa6). " in str(failure(client_of(app), "GET"))


def test_proxy_password_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a response contains the password of a proxy variable, the error withholds the message.

    The variable may be unset by then.
    """
    monkeypatch.setenv("https_proxy", "http://user:s3cretpass@proxy.example:3128")
    shared_redactor.cache_clear()
    shared_redactor()
    monkeypatch.delenv("https_proxy")

    text = str(failure(client_of(App(Reply(422, {"message": "no %73%33cretpass"}))), "GET"))

    assert ("cretpass" in text, WITHHELD in text) == (False, True), text


def test_local_network_errors_are_shown_while_a_credential_is_unavailable() -> None:
    """While the redactor is incomplete, the error shows a failed DNS look-up but not a proxy's message.

    A proxy may repeat what it received.
    """
    for error, shown in ((httpx.ConnectError("no such name"), True), (httpx.ProxyError("no such name"), False)):
        client = client_of(App(error), policy=RetryPolicy(attempts=1))
        client.redactor.mark_incomplete()
        assert ("no such name" in str(failure(client, "GET"))) is shown


@pytest.mark.parametrize(
    "make_body",
    [
        lambda: json.dumps({"message": "x" * 15_000_000, "errorId": "err-1"}),
        lambda: json.dumps({"message": ["&amp;%2541\\u0041"] * 700_000, "errorId": "err-1"}),
        lambda: json.dumps({"message": "A" * 15_000_000, "errorId": "err-1"}, indent=1),
        lambda: json.dumps({"message": {f"key-{n}": n for n in range(500_000)}, "errorId": "err-1"}),
        lambda: "<html>" + "&amp;" * 3_000_000,
        lambda: "[" * 15_000_000,
    ],
    ids=["text", "list", "base64", "object", "page", "nested"],
)
@pytest.mark.daily(1)
@pytest.mark.timed
def test_15_mb_error_body_is_processed_quickly(make_body: Callable[[], str]) -> None:
    """If an error response has 15 MB, the client needs less than two CPU seconds, and the error is short.

    The client searches only as much of the body as an error can show.
    """
    client = client_of(App(Reply(400, make_body().encode())))
    for n in range(200):
        client.redactor.add_secrets(f"{CANARY}-{n:020d}")
    started = time.process_time()

    text = str(failure(client, "GET"))

    assert time.process_time() - started < 2.0
    assert len(text) < 1_000


@pytest.mark.parametrize(
    ("field", "text", "secret"),
    [
        *itertools.product(["integrationId", "source"], ["Bearer {}", "x-{}-y"], [KEY, SECRETS[0]]),
        ("integrationId", "{}", KEY),
        ("integrationId", "{}", SECRETS[0]),
        ("source", "{}", KEY),
    ],
)
def test_record_that_repeats_a_credential_is_refused(field: str, text: str, secret: str) -> None:
    """If the id or the source of a record contains a credential, a read and a list both refuse the record."""
    said = {**RECORD, field: text.format(secret)}
    client = client_of(App(Reply(200, said), Reply(200, [said])), policy=RetryPolicy(attempts=1))
    client.redactor.add_secrets(secret)
    read_one = functools.partial(client.get_integration, said["integrationId"])
    read_page = functools.partial(client.list_integrations, 1)

    for read_any in (read_one, read_page):
        with pytest.raises(UnexpectedResponse) as raised:
            read_any(operation="reading", account=None)
        assert secret not in str(raised.value)


def test_records_while_a_credential_is_unavailable() -> None:
    """While the redactor is incomplete, the client accepts ids and sources of any form.

    A status that doesn't look like a status is not shown.
    """
    free = {**RECORD, "integrationId": "A7-x9_qqZZ81-lorem", "source": "PSP of the program"}
    client = client_of(
        App(
            Reply(201, {"integrationId": free["integrationId"], "status": "PENDING"}),
            Reply(200, free),
            Reply(200, [{**free, "status": "correct-horse-battery-staple"}, {**free, "status": "ON_HOLD"}]),
        )
    )
    client.redactor.mark_incomplete()

    assert client.create_integration(inputs_of()).integration_id == free["integrationId"]
    record = client.get_integration(free["integrationId"], operation="reading", account=None)
    assert (record.source, record.status) == (free["source"], free["status"])
    records = client.list_integrations(1, operation="listing", account=None).records
    assert [(each.integration_id, each.status) for each in records] == [
        (free["integrationId"], NOT_SHOWN),
        (free["integrationId"], "ON_HOLD"),
    ]


@pytest.mark.parametrize(
    ("secret_type", "payload"),
    [
        ("NEW", {"blob": {"fromEnv": CANARY, "version": 1}}),
        ("NEW", {"blob": {"fromFile": CANARY, "version": 1}}),
        ("NEW", {"merchantCode": CANARY}),
        ("HMAC", {"hmac": "hmac-of-mine", "apiKey": "key-of-mine", "merchantCode": CANARY}),
        ("HMAC", {"hmac": "hmac-of-mine", "list": [{"deep": [CANARY]}]}),
    ],
)
def test_each_value_of_an_unlisted_payload_is_a_credential(secret_type: str, payload: dict[str, object]) -> None:
    """If a response repeats any value of an unlisted payload, the error withholds the message.

    The field's name and depth don't matter.
    """
    client = client_of(App(Reply(400, {"message": f"no {CANARY}"})))
    inputs = inputs_of(payload, secretType=secret_type, allowUnlisted=True)

    with pytest.raises(RequestError) as raised:
        client.create_integration(inputs)

    assert CANARY not in str(raised.value)
    assert WITHHELD in str(raised.value)


def test_created_id_that_repeats_a_credential_is_ambiguous() -> None:
    """If the id in a 201 contains a credential, create raises CreateOutcomeUnknown.

    The integration may exist, but the state can't hold its id.
    """
    app = App(Reply(201, {"integrationId": f"id-{SECRETS[0]}", "status": "PENDING"}))

    client = client_of(app)
    client.redactor.add_secrets(SECRETS[0])

    error = failure(client, "POST")

    assert isinstance(error, CreateOutcomeUnknown)
    assert SECRETS[0] not in str(error)


def test_record_may_contain_a_short_credential() -> None:
    """If a record contains a short credential such as `stripe` by chance, the client accepts the record."""
    app = App(Reply(200, {**RECORD, "goLiveDate": DATE}))
    client = client_of(app)
    client.redactor.add_secrets(["stripe", "SUCCESSFUL", "int", "", DATE[:4]])

    record = client.get_integration(ID, operation="reading", account=None)

    assert (record.integration_id, record.source, record.go_live_date) == (ID, "stripe", DATE)


def test_message_is_withheld_while_a_credential_is_unavailable() -> None:
    """While the redactor is incomplete, neither an error nor a debug line quotes a text of Justt."""
    lines: list[str] = []
    for response in (Reply(400, {"message": CANARY, "errorId": CANARY}), Reply(200, {CANARY: 1})):
        client = client_of(App(response), debug=lines.append, policy=RetryPolicy(attempts=1))
        client.redactor.mark_incomplete()
        with pytest.raises(RequestError) as raised:
            client.get_integration(ID, operation="reading", account=None)
        assert "not shown" in str(raised.value)
        assert CANARY not in str(raised.value)

    assert CANARY not in "".join(lines)


@pytest.mark.parametrize("date", ["x", KEY, SECRETS[0], "2027-01-01\n\x1b[31m", "\u202e2027-01-01", "2027", None])
def test_invalid_go_live_date_is_dropped(date: str | None) -> None:
    """If the go-live date of a record is invalid, the client drops the date and accepts the record."""
    client = client_of(App(Reply(200, {**RECORD, "goLiveDate": date})))

    assert read(client).go_live_date is None


@pytest.mark.parametrize("source", ["x" * 256, "stripe\n\x1b[31m"])
def test_unprintable_source_is_refused(source: str) -> None:
    """If the source of a record is too long or unprintable, the client refuses the record. Errors quote the source."""
    with pytest.raises(UnexpectedResponse):
        read(client_of(App(Reply(200, {**RECORD, "source": source})), policy=RetryPolicy(attempts=1)))


def test_failed_debug_output_does_not_lose_a_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """If stderr is closed and a debug line can't be written, the client still returns the record."""
    for error in (BrokenPipeError(), ValueError("I/O operation on closed file")):

        def write(_: str, error: Exception = error) -> int:
            raise error

        monkeypatch.setattr(sys.stderr, "write", write)
        assert read(client_of(App(Reply(200, RECORD)), debug=module._debug_line)).integration_id == ID


def test_number_is_redacted() -> None:
    """If a credential is a number and the response repeats it, the error does not show the number."""
    app = App(Reply(400, {"message": "70370370 is no valid pin"}))

    client = client_of(app)
    client.redactor.add_secrets({"pin": 70370370})

    assert "70370370" not in str(failure(client, "POST"))


@pytest.mark.parametrize("secret", [CANARY, CANARY + "x" * 60], ids=["short", "longer than a key that is shown"])
def test_credential_in_the_keys_of_an_undocumented_response_is_redacted(secret: str) -> None:
    """If a key of an undocumented response contains a credential, the error does not show the credential."""
    client = client_of(App(Reply(201, {secret: 1})))
    client.redactor.add_secrets(secret)
    error = failure(client, "POST")

    assert isinstance(error, CreateOutcomeUnknown)
    assert CANARY not in str(error)


def test_create_request() -> None:
    """A create sends the documented fields and headers, and no provider-only input."""
    app = App(GOOD["POST"])
    inputs = inputs_of(
        {"apiKey": "sk_ä", "shopName": "shop"},
        secretType="APIKEY",
        merchantAccountCodes=["acct_1", "acct_2"],
        referenceAccountId="acc_42",
        deactivation={"deactivationType": "postingDate", "afterDays": 7},
        allowUnlisted=True,
    )

    found = client_of(app).create_integration(inputs)

    (request,) = app.reached
    assert RemoteRecord(integration_id=ID, source="stripe", status="PENDING") == found
    assert request.method == "POST"
    assert str(request.url) == "https://proxy.example/v1/integrations"
    assert (
        request.content
        == (
            '{"externalIdentifier":"stripe-eu-main","integrationName":"Stripe EU","source":"stripe",'
            '"secretType":"APIKEY","secretPayload":{"apiKey":"sk_ä","shopName":"shop"},"merchantAccountCodes":["acct_1","acct_2"]}'
        ).encode()
    )
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["reference-account-id"] == "acc_42"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"


def test_create_without_options_has_no_nulls() -> None:
    """If the program leaves options out, create sends no field and no header for them. The API refuses null."""
    cases: list[dict[str, object]] = [{}, {"merchantAccountCodes": None}, {"merchantAccountCodes": []}]
    for changes in cases:
        app = App(GOOD["POST"])
        client_of(app).create_integration(inputs_of(**changes))
        assert json.loads(app.reached[0].content) == {
            "externalIdentifier": "stripe-eu-main",
            "integrationName": "Stripe EU",
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": CANARY},
        }
        assert "reference-account-id" not in app.reached[0].headers


def test_delete_request() -> None:
    """A deactivation sends a DELETE whose body has the id, the type and the date."""
    app = App(Reply(200))

    deactivate(client_of(app))

    (request,) = app.reached
    assert request.method == "DELETE"
    assert str(request.url) == "https://proxy.example/v1/integrations/int-1"
    assert json.loads(request.content) == {
        "integrationId": ID,
        "deactivationType": "postingDate",
        "deactivationDate": DATE,
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["reference-account-id"] == "acc_42"


def test_read_request() -> None:
    """A read sends a GET without a body. The request has an account header only if the caller gives an account."""
    app = App(GOOD["GET"])
    client = client_of(app)

    found = read(client)
    read(client, account=None)

    first, second = app.reached
    assert RemoteRecord(integration_id=ID, source="stripe", status="SUCCESSFUL", message="") == found
    assert first.method == "GET"
    assert str(first.url) == "https://proxy.example/v1/integrations/int-1"
    assert first.content == b""
    assert "content-type" not in first.headers
    assert first.headers["reference-account-id"] == "acc_42"
    assert "reference-account-id" not in second.headers


def listed(client: JusttClient, number: int = 1, *, account: str | None = "acc_42") -> Page:
    """List the integrations of an account."""
    return client.list_integrations(number, operation="listing the account", account=account)


def test_list_request() -> None:
    """A list sends one GET with the largest page size, the page number and the account, and without a body."""
    app = App(Reply(200, [RECORD]))

    found = listed(client_of(app), 7)

    (request,) = app.reached
    assert (request.method, str(request.url)) == ("GET", f"{URL}/integrations?limit=100&page=7")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["reference-account-id"] == "acc_42"
    assert request.content == b""
    assert found == Page((RemoteRecord(integration_id=ID, source="stripe", status="SUCCESSFUL"),), is_last=True)


def test_list_without_an_account_sends_none() -> None:
    """If the caller gives no account, the list request has no account header.

    Justt then takes the account of the key.
    """
    app = App(Reply(200, []))

    listed(client_of(app), account=None)

    assert "reference-account-id" not in app.reached[0].headers


@pytest.mark.parametrize(
    "bad", [*BAD[AttemptResult.RATE_LIMITED], Reply(503), httpx.ReadTimeout("slow"), Reply(200, {"a": 1})]
)
def test_list_is_retried(bad: Reply | Exception) -> None:
    """If a list request gets a 429, a 503, no response or an undocumented one, the client sends it again."""
    app = App(bad, Reply(200, {"hasMore": True, "data": [RECORD]}))

    assert not listed(client_of(app)).is_last
    assert app.attempts == 2


def test_list_in_an_undocumented_shape() -> None:
    """If a list response has an undocumented shape with the API key in it, the error withholds the shape.

    The error names the operation, and shows neither the key nor a value.
    """
    with pytest.raises(UnexpectedResponse) as raised:
        listed(client_of(App(Reply(200, {KEY: [CANARY]}))))

    text = str(raised.value)
    assert text.startswith("listing the account: Justt answered 200 with an undocumented shape, " + WITHHELD)
    assert KEY not in text
    assert CANARY not in text


@pytest.mark.parametrize(
    ("integration_id", "segment"),
    [("a/b", b"a%2Fb"), ("a?b#c", b"a%3Fb%23c"), ("50% ü", b"50%25%20%C3%BC"), ("%2e%2e", b"%252e%252e")],
)
def test_id_is_escaped_to_one_path_segment(integration_id: str, segment: bytes) -> None:
    """If an id has reserved characters, the client escapes them, so the request addresses one record."""
    app = App(Reply(200, {**RECORD, "integrationId": integration_id}))

    read(client_of(app), integration_id=integration_id)

    assert app.reached[0].url.raw_path == b"/v1/integrations/" + segment


@pytest.mark.parametrize("integration_id", [".", "..", ""])
def test_id_of_dots_reaches_no_other_operation(integration_id: str) -> None:
    """If an id is empty or only dots, the DELETE is refused or its path stays below /integrations/."""
    app = App(Reply(200, {**RECORD, "integrationId": integration_id}))

    with contextlib.suppress(JusttError):
        deactivate(client_of(app), integration_id=integration_id)

    paths = [request.url.raw_path for request in app.reached]
    assert [path for path in paths if not path.removeprefix(b"/v1/integrations/").strip(b"/")] == []
    assert all(path.startswith(b"/v1/integrations/") for path in paths)


def padded(size: int, letter: str = "x") -> Inputs:
    """Return inputs whose request body has *size* bytes."""
    body = {
        "externalIdentifier": "stripe-eu-main",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": ""},
    }
    missing = size - len(json.dumps(body, separators=(",", ":")))
    width = len(letter.encode())
    return inputs_of({"apiKey": letter * (missing // width) + "x" * (missing % width)})


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_body_over_1_mb_is_refused_before_it_is_sent(letter: str) -> None:
    """The client sends a body of exactly 1 MB, and refuses a body with one more byte.

    The limit counts bytes, not characters.
    """
    app = App(GOOD["POST"])
    client = client_of(app)
    client.create_integration(padded(1_000_000, letter))
    assert len(app.reached[0].content) == 1_000_000

    with pytest.raises(JusttError) as raised:
        client.create_integration(padded(1_000_001, letter))

    assert app.attempts == 1
    assert str(raised.value) == (
        f"{CREATING}: the request would have 1,000,001 bytes, but Justt takes at most 1,000,000. "
        "Shorten the credentials or the merchant account codes."
    )


def test_id_that_is_not_unicode_is_refused() -> None:
    """If an id can't be encoded in a URL, a read sends nothing and raises a JusttError."""
    app = App(GOOD["GET"])

    with pytest.raises(JusttError):
        read(client_of(app), integration_id="int-\udce4")

    assert app.attempts == 0


def test_credential_that_is_not_unicode_is_refused() -> None:
    """If a credential has a lone surrogate, create sends nothing and raises a JusttError that does not show it."""
    app = App(GOOD["POST"])

    with pytest.raises(JusttError) as raised:
        client_of(app).create_integration(inputs_of({"apiKey": f"{CANARY}\udce4"}))

    assert app.attempts == 0
    assert CANARY not in str(raised.value)


def test_too_large_response_is_cut_off() -> None:
    """If a response exceeds the size limit, the client stops reading it. The error does not call that a time-out."""
    app = App(Reply(200, b" " * 16_000_001))

    error = failure(client_of(app, policy=RetryPolicy(attempts=1)), "GET")

    assert isinstance(error, RequestFailed)
    assert "did not end within" not in str(error)


def test_large_response_is_read() -> None:
    """If a response has exactly the size limit, the client reads it."""
    filler = b" " * (16_000_000 - len(json.dumps(RECORD)))

    assert read(client_of(App(Reply(200, json.dumps(RECORD).encode() + filler)))).integration_id == ID


COMPRESSED: list[tuple[bytes, str]] = [
    (gzip.compress(json.dumps(RECORD).encode()), "gzip"),
    (gzip.compress(json.dumps(RECORD).encode()), "x-gzip"),
    (gzip.compress(json.dumps(RECORD).encode()), "identity, gzip"),
    (gzip.compress(b"{") + gzip.compress(json.dumps(RECORD)[1:].encode()), "gzip"),
    (zlib.compress(json.dumps(RECORD).encode()), "deflate"),
    (json.dumps(RECORD).encode(), "br"),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("body", "coding"), COMPRESSED, ids=["gzip", "x-gzip", "identity", "two", "deflate", "br"])
def test_compressed_response_is_refused(body: bytes, coding: str, method: Method) -> None:
    """If a response is compressed although the request allows no compression, the client does not decode it.

    The error names the compression.
    """
    app = App(Reply(201, body, {"content-encoding": coding}))

    error = failure(client_of(app), method)

    name = coding.removeprefix("identity, ")
    expected = f"undocumented shape, a body compressed with {name}, although the request allows no compression"
    assert type(error) is (CreateOutcomeUnknown if method == "POST" else UnexpectedResponse)
    assert expected in error.response
    assert app.reached[0].headers["accept-encoding"] == "identity"
    assert app.attempts == (1 if method == "POST" else 6)


def test_compressed_error_response_says_so() -> None:
    """If an error response is compressed, the error says so and quotes no message."""
    app = App(Reply(400, gzip.compress(json.dumps(ERROR).encode()), {"content-encoding": "gzip"}))

    error = failure(client_of(app), "POST")

    assert error.response == (
        "Justt answered 400: a body compressed with gzip, although the request allows no compression"
    )


@pytest.mark.parametrize("method", METHODS)
def test_identity_encoding_is_accepted(method: Method) -> None:
    """The client accepts a response with `Content-Encoding: identity`, because such a response is not compressed."""
    reply = dataclasses.replace(GOOD[method], headers={"content-encoding": "identity"})

    app = App(reply)
    call(client_of(app), method)

    assert len(app.reached) == 1


def test_credential_in_content_encoding_is_redacted() -> None:
    """If the `Content-Encoding` header of a response contains a credential, the error does not show it."""
    app = App(Reply(201, b"x", {"content-encoding": f"x-{CANARY}"}))

    assert CANARY not in str(failure(client_of(app), "POST"))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.daily(1)
def test_compressed_response_takes_no_memory(layers: int) -> None:
    """If a response is a decompression bomb, the client refuses it and uses less than 50 MB of memory."""
    bomb = gzip.compress(b" " * 200_000_000)
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)
    app = App(Reply(200, bomb, {"content-encoding": ", ".join(["gzip"] * layers)}))

    tracemalloc.start()
    error = failure(client_of(app, policy=RetryPolicy(attempts=1)), "GET")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(error, UnexpectedResponse)
    assert peak < 50_000_000


@pytest.mark.parametrize(
    ("method", "reply", "line"),
    [
        ("GET", GOOD["GET"], "GET /integrations/int-1 200 0.125s"),
        ("POST", GOOD["POST"], "POST /integrations 201 0.125s"),
        ("DELETE", Reply(400, ERROR), "DELETE /integrations/int-1 400 0.125s errorId=err-1"),
        ("POST", Reply(500, HTML), "POST /integrations 500 0.125s"),
        ("POST", httpx.ReadTimeout("x"), "POST /integrations no answer within 30 s 0.125s"),
    ],
)
def test_debug_line(method: Method, reply: Reply | Exception, line: str) -> None:
    """The debug line of an attempt has the method, path, status or failure, time and errorId, but no body or header."""
    moment = Clock(1000.0)
    lines: list[str] = []

    with contextlib.suppress(RequestError):
        call(client_of(App(reply, moment=moment, takes=0.125), moment=moment, debug=lines.append), method)

    assert [line] == lines


def test_debug_logs_every_attempt() -> None:
    """If a request is retried, the client logs one debug line for each attempt."""
    lines: list[str] = []

    read(client_of(App(Reply(503), Reply(429), GOOD["GET"]), debug=lines.append))

    assert [line.split()[2] for line in lines] == ["503", "429", "200"]


@pytest.mark.parametrize("error_id", ["err\njustt: GET /forged 200", f"err-{KEY}", f"err-{CANARY}"])
def test_hostile_error_id_cannot_forge_a_debug_line(error_id: str) -> None:
    """If an errorId contains a line break or a credential, the client still logs one line, without the credential."""
    lines: list[str] = []

    client = client_of(App(Reply(400, {"message": "no", "errorId": error_id})), debug=lines.append)
    client.redactor.add_secrets(CANARY)
    failure(client, "POST")

    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1
    assert KEY not in lines[0]
    assert CANARY not in lines[0]


def test_no_repr_shows_a_credential() -> None:
    """The repr of the client, its settings and its internal records shows no key, payload or body."""
    client = client_of(App(GOOD["GET"]))
    request = api._Request("POST", "/", None, Call(), {"secretPayload": CANARY})
    response = api._Response(200, CANARY.encode(), "", None)

    shown = f"{client!r} {client!s} {client.settings!r} {request!r} {request!s} {response!r} {inputs_of()!r}"

    assert KEY not in shown
    assert CANARY not in shown


def test_client_without_a_key_is_refused() -> None:
    """If the settings have no API key, the constructor of the client fails."""
    with pytest.raises(InvalidSettings, match="no Justt API key"):
        JusttClient(Settings.load({}, {}))


def test_defaults_use_real_time_and_randomness() -> None:
    """By default the client uses the real clock, real randomness, and a limiter with the configured rate."""
    client = JusttClient(settings_of(requestsPerMinute="17"), transport=httpx.MockTransport(App(GOOD["GET"])))

    assert client.clock is time.monotonic
    assert client.sleep is time.sleep
    assert client._api._limiter._per_minute == 17
    assert 0.0 <= client._api.uniform() < 1.0
    assert read(client).integration_id == ID


@pytest.fixture
def no_shared_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with no shared client in this process, and close those that the test opens."""
    clients: dict[Settings, JusttClient] = {}
    monkeypatch.setattr(module, "_clients", clients)
    monkeypatch.setattr(module, "_limiters", {})
    yield
    for client in clients.values():
        client.close()


@pytest.mark.usefixtures("no_shared_clients")
def test_equal_settings_share_a_client() -> None:
    """For equal settings, `shared_client` returns the same client. For another key or URL, it returns another one."""
    first = shared_client(settings_of())

    assert first is shared_client(settings_of())
    assert first is not shared_client(settings_of("https://other.example/v1"))
    assert first is not shared_client(Settings.load({"baseUrl": URL, "apiKey": "other"}, {}))


@pytest.mark.usefixtures("no_shared_clients")
def test_threads_share_a_client() -> None:
    """If many threads call `shared_client` at once, all get the same client."""
    started = threading.Barrier(16)

    def get(_: int) -> int:
        started.wait()
        return id(shared_client(settings_of()))

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(get, range(16)))) == 1


@pytest.mark.usefixtures("no_shared_clients")
@pytest.mark.parametrize("other", [{"referenceAccountId": "acc_42"}, {"timeoutSeconds": "5"}])
def test_one_limiter_for_a_url_and_key(other: dict[str, str]) -> None:
    """If settings have the same URL and key, their clients share a rate limiter. Justt counts requests per key."""
    assert shared_client(settings_of())._api._limiter is shared_client(settings_of(**other))._api._limiter


@pytest.mark.usefixtures("no_shared_clients")
def test_debug_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """With `JUSTT_DEBUG=1` the client writes debug lines to stderr. Without it the client writes nothing."""
    with SimulatorServer() as simulator:
        config = {"apiKey": KEY, "baseUrl": simulator.base_url}
        quiet = shared_client(Settings.load(config, {}))
        created = quiet.create_integration(inputs_of())
        assert capsys.readouterr() == ("", "")
        loud = shared_client(Settings.load(config, {"JUSTT_DEBUG": "1"}))
        read(loud, account=None, integration_id=created.integration_id)

    out, err = capsys.readouterr()
    assert out == ""
    start, _, took = err.rpartition(" ")
    assert start == f"justt: GET /integrations/{created.integration_id} 200"
    assert took.endswith("s\n")


def test_account_header_is_sent() -> None:
    """Each request sends the account of the inputs or the call, and no account header if there is none."""
    with SimulatorServer() as simulator, real_client(simulator.base_url) as client:
        created = client.create_integration(inputs_of(referenceAccountId="acc_42"))
        read(client, integration_id=created.integration_id)
        deactivate(client, integration_id=created.integration_id)
        without = client.create_integration(inputs_of())
        read(client, account=None, integration_id=without.integration_id)
        accounts = [exchange.account for exchange in simulator.requests]
        kept = simulator.records.integration(created.integration_id)

    assert accounts == ["acc_42", "acc_42", "acc_42", None, None]
    assert kept
    assert kept.account == "acc_42"


def test_create_sends_every_field_and_no_null() -> None:
    """A create with the real network sends every field and no other one, and the simulator stores them."""
    payload: dict[str, object] = {"username": "name", "privateKey": '-----BEGIN\nä"\\\n-----END\n'}
    inputs = inputs_of(payload, secretType="sftp", merchantAccountCodes=["acct_2", "acct_1"])
    with SimulatorServer() as simulator, real_client(simulator.base_url) as client:
        created = client.create_integration(inputs)
        kept = simulator.records.integration(created.integration_id)
        bodies = [exchange.body for exchange in simulator.requests]

    assert kept
    assert created == RemoteRecord(integration_id=kept.id, source="stripe", status="PENDING")
    assert (kept.external_identifier, kept.integration_name, kept.secret_type) == (
        "stripe-eu-main",
        "Stripe EU",
        "sftp",
    )
    assert kept.merchant_account_codes == ("acct_2", "acct_1")
    assert payload_digest(payload) == kept.payload_digest
    assert [set(body) for body in bodies] == [
        {
            "externalIdentifier",
            "integrationName",
            "source",
            "secretType",
            "secretPayload",
            "merchantAccountCodes",
        }
    ]


CREATE_ENVELOPES: tuple[Literal["integrationId", "id"], ...] = ("integrationId", "id")
READ_ENVELOPES: tuple[Literal["bare", "enveloped"], ...] = ("bare", "enveloped")
ERROR_ENVELOPES: tuple[Literal["status", "error", "statusCode"], ...] = ("status", "error", "statusCode")


@pytest.mark.parametrize(
    ("create", "reading", "error"), list(itertools.product(CREATE_ENVELOPES, READ_ENVELOPES, ERROR_ENVELOPES))
)
def test_lifecycle_with_every_response_envelope(
    create: Literal["integrationId", "id"],
    reading: Literal["bare", "enveloped"],
    error: Literal["status", "error", "statusCode"],
) -> None:
    """With each documented envelope, create, read, deactivation and a 400 have the same results."""
    options = Options(create_envelope=create, read_envelope=reading, error_envelope=error, successful_after=0.0)
    with SimulatorServer(options) as simulator, real_client(simulator.base_url) as client:
        created = client.create_integration(inputs_of())
        found = read(client, account=None, integration_id=created.integration_id)
        client.deactivate_integration(
            created.integration_id,
            operation=DEACTIVATING,
            account=None,
            deactivation_type="dueDate",
            deactivation_date="2020-01-31T00:00:00Z",
        )
        gone = read(client, account=None, integration_id=created.integration_id)
        with pytest.raises(RequestRefused) as refused:
            deactivate(client, account=None, integration_id=created.integration_id)
        kept = simulator.records.integration(created.integration_id)
        error_ids = [exchange.error_id for exchange in simulator.requests if exchange.error_id]

    assert (created.status, found.status, gone.status) == ("PENDING", "SUCCESSFUL", "INACTIVE")
    assert found.go_live_date
    assert gone.is_inactive
    assert kept
    assert (kept.deactivation_type, kept.deactivation_date) == ("dueDate", "2020-01-31T00:00:00Z")
    assert refused.value.status == 400
    assert "Justt answered 400: the integration is INACTIVE already" in str(refused.value)
    assert (None if error == "statusCode" else error_ids[0]) == refused.value.error_id
    assert len(error_ids) == 1


def test_401_after_an_api_key_rotation() -> None:
    """Once Justt accepts only the new key, calls with the old key get a 401 and the error says what to do.

    A client with JUSTT_API_KEY_OVERRIDE set to the new key succeeds.
    """
    old, new = Options(api_keys=frozenset({KEY})), Options(api_keys=frozenset({"new-key"}))
    with SimulatorServer(old) as simulator, real_client(simulator.base_url) as client:
        created = client.create_integration(inputs_of())
        simulator.options = new
        for method in METHODS:
            error = failure(client, method)
            assert isinstance(error, RequestRefused)
            assert error.status == 401
            assert "Set it to a key that is valid in simulator." in str(error)
            assert error.error_id
        settings = Settings.load({"apiKey": KEY, "baseUrl": simulator.base_url}, {"JUSTT_API_KEY_OVERRIDE": "new-key"})
        with contextlib.closing(JusttClient(settings)) as fresh:
            assert read(fresh, account=None, integration_id=created.integration_id).status == "PENDING"
        assert len(simulator.records.integrations()) == 1


def test_404_of_another_account() -> None:
    """If a read names another account than the integration's, it gets a 404 and the error names that account."""
    with SimulatorServer() as simulator, real_client(simulator.base_url) as client:
        created = client.create_integration(inputs_of(referenceAccountId="acc_42"))
        with pytest.raises(RequestRefused) as refused:
            read(client, account="acc_43", integration_id=created.integration_id)

    assert refused.value.status == 404
    assert "with account acc_43 in simulator: check the key, the account and the environment." in str(refused.value)


def test_client_waits_out_the_vendor_rate_limit() -> None:
    """If Justt's quota is below the client's own limit, creates that get a 429 wait for the next minute and succeed."""
    moment = Clock(1000.0)
    with SimulatorServer(Options(requests_per_minute=2), clock=moment) as simulator:
        client = JusttClient(settings_of(simulator.base_url), clock=moment, sleep=moment.sleep, uniform=lambda: 0.999)
        with contextlib.closing(client):
            ids = [client.create_integration(inputs_of()).integration_id for _ in range(3)]
        statuses = [exchange.status for exchange in simulator.requests]
        kept = [integration.id for integration in simulator.records.integrations()]

    assert ids == kept
    assert statuses.count(201) == 3
    assert 429 in statuses
    assert moment.now >= 1060.0


def test_client_rate_limit_prevents_429() -> None:
    """If requestsPerMinute equals the vendor's limit, no request gets a 429."""
    moment = Clock(1000.0)
    with SimulatorServer(Options(requests_per_minute=3), clock=moment) as simulator:
        settings = settings_of(simulator.base_url, requestsPerMinute="3")
        with contextlib.closing(JusttClient(settings, clock=moment, sleep=moment.sleep)) as client:
            for _ in range(8):
                client.create_integration(inputs_of())
        statuses = [exchange.status for exchange in simulator.requests]

    assert statuses == [201] * 8
    assert moment.now == 1120.0


def test_client_serves_many_threads() -> None:
    """If many threads read with one client at once, each gets its own response."""
    with SimulatorServer() as simulator, real_client(simulator.base_url) as client:
        ids = [client.create_integration(inputs_of()).integration_id for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda each: read(client, account=None, integration_id=each), ids * 3))

    assert ids * 3 == [record.integration_id for record in found]


def test_loopback_address_bypasses_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """If proxy variables are set and the base URL is a loopback address, requests don't use the proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with SimulatorServer() as simulator, real_client(simulator.base_url) as client:
        assert client.create_integration(inputs_of()).status == "PENDING"


class RawServer:
    """A local server that handles each connection by hand, in a thread of its own.

    Args:
        handle: Receives the connection and the bytes of its first request.
    """

    def __init__(self, handle: Callable[[socket.socket, bytes], None]) -> None:
        self.handle = handle
        self.requests: list[bytes] = []
        self.stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        """Start serving."""
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the connections being served."""
        self.stop.set()
        # Closing the socket does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(HANG_SECONDS)

    def _accept(self) -> None:
        while not self.stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # Some tests disconnect the client before the response ends.
        with connection, contextlib.suppress(OSError):
            request = received(connection)
            self.requests.append(request)
            self.handle(connection, request)


def received(connection: socket.socket) -> bytes:
    """Read one whole request, or the first bytes of a TLS handshake."""
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        if data.startswith(b"\x16"):
            return data
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reset(connection: socket.socket, _: bytes) -> None:
    """Read the request, then reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(_: socket.socket, __: bytes) -> None:
    """Read the request, then close the connection without a response."""


def truncate(connection: socket.socket, _: bytes) -> None:
    """Send the first half of a 201 response."""
    connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{"integrationId')


@pytest.mark.parametrize(("method", "attempts"), [("GET", 6), ("DELETE", 6), ("POST", 1)])
@pytest.mark.parametrize("handle", [reset, hang_up, truncate])
def test_broken_connection(handle: Callable[[socket.socket, bytes], None], method: Method, attempts: int) -> None:
    """If the connection breaks after the request was sent, the client retries a read or a deactivation.

    A create is ambiguous.
    """
    with RawServer(handle) as server, real_client(server.base_url) as client:
        error = failure(client, method)

    assert type(error) is (CreateOutcomeUnknown if method == "POST" else RequestFailed)
    assert error.response.startswith("the connection broke (")
    assert attempts == len(server.requests)


def test_truncated_201_is_ambiguous() -> None:
    """If the connection breaks within a 201, create raises CreateOutcomeUnknown.

    The error says how the connection broke.
    """
    with RawServer(truncate) as server, real_client(server.base_url) as client:
        assert f"{CREATING}: the connection broke (RemoteProtocolError). {AMBIGUOUS}" == str(failure(client, "POST"))


class OneRequestPerConnection:
    """Keep each connection open, and close it as soon as a second request arrives on it."""

    def __init__(self) -> None:
        self.reused = 0

    def __call__(self, connection: socket.socket, _: bytes) -> None:
        """Respond to the first request only."""
        body = json.dumps(RECORD).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        if connection.recv(65536):
            self.reused += 1


def test_writes_never_reuse_a_connection() -> None:
    """Each create and each deactivation opens a new connection, while reads reuse connections.

    So a server that closes idle connections can't lose a write.
    """
    handler = OneRequestPerConnection()
    with RawServer(handler) as server, real_client(server.base_url) as client:
        read(client)
        for _ in range(3):
            assert client.create_integration(inputs_of()).integration_id == ID
            deactivate(client)
        assert handler.reused == 0
        read(client)
        assert handler.reused == 1

    changes = [request for request in server.requests if not request.startswith(b"GET")]
    assert len(changes) == 6
    assert all(b"\r\nconnection: close\r\n" in request.lower() for request in changes)


def test_concurrent_creates_never_reuse_a_connection() -> None:
    """If many threads create at once, each create still opens a new connection."""
    handler = OneRequestPerConnection()
    with RawServer(handler) as server, real_client(server.base_url) as client, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: client.create_integration(inputs_of()), range(64)))

    assert len(made) == len(server.requests) == 64
    assert handler.reused == 0


def test_refused_connection() -> None:
    """If the connection is refused, the client retries a create six times in total.

    The error says that nothing was sent.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with real_client(f"http://127.0.0.1:{port}/v1") as client:
        error = failure(client, "POST")

    assert isinstance(error, RequestFailed)
    assert str(error) == (
        f"{CREATING}: no connection ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}), after 6 "
        "attempts. Nothing was sent: check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
        f"http://127.0.0.1:{port}/v1, then run the command again."
    )


def test_failed_tls_handshake() -> None:
    """If the TLS handshake fails, nothing was sent, so the client retries even a create."""

    def answer_plainly(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        RawServer(answer_plainly) as server,
        real_client(f"https://127.0.0.1:{server.port}/v1", policy=RetryPolicy(attempts=2)) as client,
    ):
        error = failure(client, "POST")

    assert isinstance(error, RequestFailed)
    assert "Nothing was sent" in error.remediation
    assert len(server.requests) == 2
    assert KEY.encode() not in b"".join(server.requests)


@pytest.mark.parametrize("method", METHODS)
def test_server_that_never_responds(method: Method) -> None:
    """If a server never responds, each attempt ends at the time-out.

    Reads and deactivations are retried; a create is not.
    """

    def wait(_: socket.socket, __: bytes) -> None:
        server.stop.wait()

    policy = RetryPolicy(attempts=2)
    with RawServer(wait) as server, real_client(server.base_url, policy=policy, timeoutSeconds="0.5") as client:
        error = failure(client, method)

    assert type(error) is (CreateOutcomeUnknown if method == "POST" else RequestFailed)
    assert (
        "no answer within 0.5 s" if method == "POST" else "no answer within 0.5 s, after 2 attempts"
    ) == error.response
    assert (1 if method == "POST" else 2) == len(server.requests)


def slow_response(start: bytes, chunk: bytes, pause: float) -> Callable[[socket.socket, bytes], None]:
    """Return a handler that sends *chunk* repeatedly until the client disconnects, so that no single read times out."""

    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        end = time.monotonic() + HANG_SECONDS
        while time.monotonic() < end:
            connection.sendall(chunk)
            time.sleep(pause)

    return send


SLOW_RESPONSES = [
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.02, id="body"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x", 0.02, id="header"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.0, id="body without a pause"
    ),
]


@pytest.mark.parametrize(("start", "chunk", "pause"), SLOW_RESPONSES)
def test_slow_response_ends_at_the_request_timeout(start: bytes, chunk: bytes, pause: float) -> None:
    """If a response arrives byte by byte, in header or body, the request ends at its time-out."""
    policy = RetryPolicy(attempts=1)
    with (
        RawServer(slow_response(start, chunk, pause)) as server,
        real_client(server.base_url, policy=policy, timeoutSeconds="0.2") as client,
    ):
        error = failure(client, "GET")

    assert isinstance(error, RequestFailed)
    assert "within 0.2 s" in error.response


class Stalled:
    """A local server whose connections stall: its backlog is full, or it reads as slowly as the test wants.

    Args:
        address: An address of this machine.
        port: The port; zero chooses a free one.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # As on a real network: with loopback's large packets, the sender's buffer takes a megabyte at once.
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.port: int = self.listener.getsockname()[1]
        self.waiting: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Return the server, which accepts no connection yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all sockets."""
        for each in (*self.waiting, self.listener):
            each.close()

    def fill(self) -> None:
        """Fill the backlog, so that no other connection is accepted."""
        for _ in range(8):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(self.listener.getsockname())
            self.waiting.append(caller)
        time.sleep(0.1)

    def read_slowly(self, size: int, pause: float, stop: threading.Event) -> None:
        """Accept one connection and read it in small pieces."""
        connection, _ = self.listener.accept()
        with connection, contextlib.suppress(OSError):
            while not stop.wait(pause) and connection.recv(size):
                pass


def test_slow_upload_ends_at_the_request_timeout() -> None:
    """If the server reads the body slowly, but fast enough for each write, the create ends at its time-out."""
    stop = threading.Event()
    with (
        Stalled() as server,
        real_client(f"http://127.0.0.1:{server.port}/v1", timeoutSeconds="2") as client,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(server.read_slowly, 16_384, 1.5, stop)
        started = time.monotonic()
        with pytest.raises(CreateOutcomeUnknown, match="no answer within 2 s"):
            client.create_integration(padded(1_000_000))
        took = time.monotonic() - started
        stop.set()

    # Without the limit, the upload would take a minute and a half.
    assert took < 30.0


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Make `localhost` resolve to these addresses."""
    real = socket.getaddrinfo

    def resolve(host: str, *arguments: int, **options: int) -> list[object]:
        names = addresses if host == "localhost" else (host,)
        return [info for name in names for info in real(name, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_unresponsive_addresses_share_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """If none of a name's eight addresses responds, the request takes one time-out in total and sends nothing."""
    names = [f"127.0.0.{number}" for number in range(2, 10)]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Stalled(names[0]))]
        servers += [stack.enter_context(Stalled(name, servers[0].port)) for name in names[1:]]
        for server in servers:
            server.fill()
        resolving(monkeypatch, *names)
        url = f"http://localhost:{servers[0].port}/v1"
        client = stack.enter_context(real_client(url, policy=RetryPolicy(attempts=1), timeoutSeconds="1"))
        started = time.monotonic()
        error = failure(client, "POST")
        took = time.monotonic() - started

    assert isinstance(error, RequestFailed)
    assert "Nothing was sent" in error.remediation
    assert took < 4.0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_address_after_an_unresponsive_one_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the first address of a name does not respond, the client still reaches the second one before the time-out."""
    with SimulatorServer() as simulator, contextlib.ExitStack() as stack:
        url = httpx.URL(simulator.base_url)
        stack.enter_context(Stalled("127.0.0.2", url.port or 0)).fill()
        resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
        named = str(url.copy_with(host="localhost"))
        with real_client(named, policy=RetryPolicy(attempts=1), timeoutSeconds="4") as client:
            assert client.create_integration(inputs_of()).status == "PENDING"


def test_hanging_dns_lookup_ends_at_the_request_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the DNS look-up hangs, each attempt ends at the request's time-out and sends nothing."""
    found = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        found.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with real_client("http://localhost:9/v1", policy=RetryPolicy(attempts=2), timeoutSeconds="0.2") as client:
        started = time.monotonic()
        error = failure(client, "POST")
        took = time.monotonic() - started
    found.set()

    assert error.response == "no connection (the look-up of localhost did not end in time), after 2 attempts"
    assert "Nothing was sent" in error.remediation
    assert took < 10.0


def test_dns_error_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the DNS look-up fails, the error shows the resolver's message."""

    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with real_client("http://localhost:9/v1") as client:
        error = failure(client, "GET")

    assert "Name or service not known" in error.response


def test_redirect_is_not_followed() -> None:
    """If the server redirects to the same host, the client does not follow the redirect.

    The client would send the key and the credentials again.
    """

    def redirect(connection: socket.socket, _: bytes) -> None:
        location = f"{server.base_url}/elsewhere".encode()
        connection.sendall(
            b"HTTP/1.1 308 Moved\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + location + b"\r\n\r\n"
        )

    with RawServer(redirect) as server, real_client(server.base_url) as client:
        for method in METHODS:
            error = failure(client, method)
            assert isinstance(error, RequestRefused)
            assert error.status == 308

    assert [request.split()[1] for request in server.requests] == [
        b"/v1/integrations/int-1",
        b"/v1/integrations/int-1",
        b"/v1/integrations",
    ]


def test_proxy_that_refuses_the_tunnel_never_gets_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a proxy refuses CONNECT, it never gets the API key, and the client retries even a create."""

    def refuse(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    for name in ("https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with RawServer(refuse) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
        with real_client("https://justt.invalid/v1") as client:
            error = failure(client, "POST")

    assert isinstance(error, RequestFailed)
    assert "Nothing was sent" in error.remediation
    assert len(server.requests) == 6
    assert all(request.startswith(b"CONNECT justt.invalid:443 ") for request in server.requests)
    assert KEY.encode() not in b"".join(server.requests)
