"""A client of Justt's REST API. It takes and returns models, and is independent of Pulumi and of the configuration.

    with Client("https://api.justt.ai/v1", key) as justt:
        created = justt.create_integration(NewIntegration(...))
        print(justt.get_integration(created.integration_id).status)

`retry` decides what follows a failed attempt, `rate_limit` limits the rate, `responses` parses responses, and `errors`
has the exceptions. Outside this package no module may import httpx.
"""

from __future__ import annotations

import contextlib
import functools
import json
import platform
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx

from pulumi_justt.api import network, responses
from pulumi_justt.api.call import UNLIMITED, Call
from pulumi_justt.api.deadline import TotalTimeout
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
from pulumi_justt.api.models import NewIntegration, RemoteRecord
from pulumi_justt.api.rate_limit import DEFAULT_PER_MINUTE, RateLimiter
from pulumi_justt.api.retry import AttemptResult, Method, RetryDecision, RetryPolicy
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import NOT_A_HEADER, is_visible_ascii
from pulumi_justt.version import __version__

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PAGE_SIZE", "Attempt", "Client"]

_Result = TypeVar("_Result")

PAGE_SIZE = 100
"""Justt's maximum number of records in one page."""

_MAX_REQUEST_BYTES = 1_000_000
"""The maximum size of a request body; Justt answers 413 to a larger one."""

_MAX_RESPONSE_BYTES = 16_000_000
"""The maximum size of a response. A full page is far smaller, so a larger response is not from this API."""

_CONNECT_SECONDS = 10.0
"""The maximum time for connecting, in seconds; a shorter time limit of the request takes precedence."""

_SHORTEST_SECONDS = 0.001
"""The shortest timeout of a socket operation; zero would make the socket non-blocking."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Attempt(Unpicklable):
    """One attempt to send a request, which the client passes to `Client.observe`.

    Args:
        method: The HTTP method.
        path: The path of the request.
        seconds: How long the attempt took.
        status: The HTTP status of the response.
        error_id: Justt's errorId, unredacted.
        error: The connection error, if there was no response.
        content: The body of the response, unredacted.
    """

    method: Method
    path: str
    seconds: float
    status: int | None = None
    error_id: str | None = None
    error: ApiConnectionError | None = None
    content: bytes = field(default=b"", repr=False)


@dataclass(repr=False)
class _Request(Unpicklable):
    """One request, and the progress of its attempts."""

    method: Method
    path: str
    account: str | None
    call: Call
    body: dict[str, Any] | None = None
    is_repeatable: bool = True
    failures: int = 0
    rate_limited: int = 0
    last_error: ApiError | None = None
    elapsed: float = 0.0
    paused: float = 0.0

    @functools.cached_property
    def content(self) -> bytes | None:
        """The encoded body.

        Raises:
            InvalidRequest: The body is too large, or a text in it is not Unicode.
        """
        if self.body is None:
            return None
        content = None
        with contextlib.suppress(UnicodeEncodeError):
            content = json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()
        # Raised outside an `except` block. Inside it, Python would chain the encoder's error, which has the body.
        if content is None:
            raise InvalidRequest("an argument holds text that is not Unicode", "text")
        if len(content) > _MAX_REQUEST_BYTES:
            raise InvalidRequest(
                f"the request would have {len(content):,} bytes, but Justt takes at most {_MAX_REQUEST_BYTES:,}", "size"
            )
        return content

    @property
    def headers(self) -> dict[str, str]:
        """The headers that only some requests have.

        Raises:
            InvalidRequest: The account can't be sent as a header.
        """
        headers = {} if self.body is None else {"content-type": "application/json"}
        if self.account is None:
            return headers
        if not self.account or not is_visible_ascii(self.account):
            raise InvalidRequest(f"the account {NOT_A_HEADER}", "account")
        return {**headers, "reference-account-id": self.account}


@dataclass(frozen=True, repr=False)
class _Response(Unpicklable):
    """A response of Justt or of a proxy, read completely."""

    status: int
    content: bytes
    compression: str
    retry_after: float | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the HTTP status class

    @functools.cached_property
    def error_body(self) -> responses.ErrorBody:
        """The message and errorId of an error response; empty for a success."""
        return responses.ErrorBody() if self.is_success else responses.error_body(self.content, self.compression)


@dataclass
class Client(Unpicklable):
    """The Justt REST API, for one key at one URL; safe to share between threads.

    Args:
        base_url: The address of the API, without a trailing slash.
        api_key: The API key.
        timeout_seconds: The time limit of one request and its response.
        uses_proxy: Whether to use the proxy from the environment variables.
        transport: Replaces the network in tests.
        policy: The retry policy.
        requests_per_minute: The maximum number of requests in any 60 seconds; ignored if *limiter* is given.
        limiter: A rate limiter that several clients share.
        clock: Returns monotonic seconds.
        sleep: Blocks the calling thread for a number of seconds.
        uniform: Returns a random number in [0, 1), for jitter.
        now: Returns the current time by this machine's clock.
        observe: Called after each attempt; its exceptions are ignored.

    Attributes:
        clock_ahead: Seconds by which this machine's clock is ahead of Justt's, according to the last response.
        writes: A counter that grows with each POST and DELETE. A cache compares it to detect that its pages may be old.

    Raises:
        ValueError: The URL is not http or https, or the key can't be sent as a header.
        InvalidNetworkSettings: The proxy or the certificates from the environment variables cannot be used.
    """

    base_url: str
    api_key: str = field(repr=False)
    timeout_seconds: float = 30.0
    uses_proxy: bool = True
    transport: httpx.BaseTransport | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    requests_per_minute: int = DEFAULT_PER_MINUTE
    limiter: RateLimiter | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[], float] = random.random
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    observe: Callable[[Attempt], None] | None = None

    def __post_init__(self) -> None:
        """Open the connection pools; nothing is sent."""
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must begin with https:// or http://")
        if not self.api_key or not is_visible_ascii(self.api_key):
            raise ValueError(f"api_key {NOT_A_HEADER}")
        self.clock_ahead = 0.0
        self.writes = 0
        self._writes_lock = threading.Lock()
        self._limiter = self.limiter or RateLimiter(self.requests_per_minute, clock=self.clock, sleep=self.sleep)
        variables, reason = "SSL_CERT_FILE, SSL_CERT_DIR", ""
        try:
            # Loading the certificates is slow, so both pools share them, and they are loaded only for an https URL. A
            # context without certificates trusts no server.
            is_https = self.base_url.startswith("https:") and self.transport is None
            certificates = network.certificates() if is_https else SSLContext(PROTOCOL_TLS_CLIENT)
            variables = "HTTPS_PROXY, ALL_PROXY"
            url = network.proxy_for(self.base_url) if self.uses_proxy else None
            proxy = url and httpx.Proxy(url, ssl_context=certificates if url.startswith("https:") else None)
            self._http = self._open(certificates, proxy)
            # If a server closes an idle connection while a request is sent on it, the client cannot know whether the
            # request was carried out. Only a read may be repeated, so each POST and DELETE uses a new connection.
            # Without keep-alive both sides close it after the response, so the pool has none to reuse.
            self._fresh_http = self._open(certificates, proxy, connection="close")
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            reason = type(error).__name__
        # Raised outside the `except` block. Inside it, Python would chain the first error, which may quote a proxy's
        # password.
        if reason:
            raise InvalidNetworkSettings(variables, reason)
        self._total_timeout = TotalTimeout()
        for client in (self._http, self._fresh_http):
            self._total_timeout.guard(client)

    def _open(
        self, certificates: SSLContext, proxy: httpx.Proxy | str | None, *, connection: str = "keep-alive"
    ) -> httpx.Client:
        return httpx.Client(
            base_url=self.base_url,
            headers={
                "authorization": f"Bearer {self.api_key}",
                "user-agent": f"pulumi-justt/{__version__} Python/{platform.python_version()}",
                "accept": "application/json",
                # Without compression, a small response cannot expand to gigabytes. Responses of this API are small.
                "accept-encoding": "identity",
                "connection": connection,
            },
            transport=self.transport,
            verify=certificates,
            # The client follows no redirect, so it drops the target: httpx would raise an error for an invalid one.
            event_hooks={"response": [lambda response: response.headers.pop("location", None)]},
            # This API has no sessions, so cookies, for example from a proxy, are neither kept nor sent back.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            proxy=proxy,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._fresh_http.close()

    def create_integration(self, new: NewIntegration, *, call: Call = UNLIMITED) -> RemoteRecord:
        """Create an integration; never repeat a POST that Justt may have carried out.

        Args:
            new: The integration to create.
            call: The caller's deadline and cancellation.

        Returns:
            The new record; its status is PENDING unless the response has another status.

        Raises:
            OutcomeUnknown: Justt may have created the integration.
            ApiError: The integration was not created.
        """
        return self._send(self._creation(new, call), lambda body: responses.created(body, new.source))

    def require_sendable(self, new: NewIntegration) -> None:
        """Verify that `create_integration` can send *new*, without a request.

        Raises:
            InvalidRequest: The request is too large, or cannot be encoded.
        """
        _ = self._creation(new, UNLIMITED).content

    @staticmethod
    def _creation(new: NewIntegration, call: Call) -> _Request:
        return _Request("POST", "/integrations", new.reference_account_id, call, new.body())

    def get_integration(
        self,
        integration_id: str,
        *,
        account: str | None = None,
        call: Call = UNLIMITED,
        is_repeatable: bool = True,
    ) -> RemoteRecord:
        """Read one record.

        Args:
            integration_id: The id at Justt.
            account: The account that the integration belongs to; None if the API key has only one.
            call: The caller's deadline.
            is_repeatable: Whether a failed attempt may be repeated.

        Raises:
            ApiStatusError: With status 404 if the API key, in this account, sees no integration with this id.
            ApiError: The record could not be read.
        """
        request = _Request("GET", _path(integration_id), account, call, is_repeatable=is_repeatable)
        return self._send(request, lambda body: responses.record(body, integration_id))

    def list_integrations(
        self,
        page: int,
        *,
        account: str | None = None,
        call: Call = UNLIMITED,
    ) -> responses.Page:
        """Read one page of up to `PAGE_SIZE` records of an account; the first page is 1.

        Raises:
            ApiError: The page could not be read.
        """
        request = _Request("GET", f"/integrations?limit={PAGE_SIZE}&page={page}", account, call)
        return self._send(request, lambda body: responses.page(body, PAGE_SIZE))

    def deactivate_integration(
        self,
        integration_id: str,
        *,
        deactivation_type: str,
        deactivation_date: str,
        account: str | None = None,
        call: Call = UNLIMITED,
    ) -> None:
        """Deactivate an integration permanently, at a given date.

        Args:
            integration_id: The id at Justt.
            deactivation_type: The date of a chargeback that Justt compares with *deactivation_date*: `postingDate` or
                `dueDate`.
            deactivation_date: The date, in the format of `to_vendor_time`.
            account: The account that the integration belongs to.
            call: The caller's deadline.

        Raises:
            ApiStatusError: The last response had an error status; `was_unanswered` is true if an attempt may have
                succeeded.
            InvalidResponseError: The body of a 2xx is neither empty nor JSON, so it may not come from Justt.
            ApiError: There was no usable response.
        """
        body = {
            "integrationId": integration_id,
            "deactivationType": deactivation_type,
            "deactivationDate": deactivation_date,
        }
        self._send(_Request("DELETE", _path(integration_id), account, call, body), lambda _: None)

    def _send(self, request: _Request, parse: Callable[[object], _Result]) -> _Result:
        _ = request.content, request.headers
        while True:
            self._wait_for_turn(request)
            started = self.clock()
            try:
                with self._written() if request.method != "GET" else contextlib.nullcontext():
                    response = self._observed(request)
                return self._parsed(request, response, parse)
            except ApiError as error:
                request.elapsed += self.clock() - started
                self._prepare_retry(request, error)

    def _wait_for_turn(self, request: _Request) -> None:
        try:
            self._limiter.acquire(within=request.call.deadline - self.clock())
        except TimeoutError:
            error = request.last_error
            if error is None:
                error = ApiConnectionError("no time was left to send a request", AttemptResult.UNSENT)
                error.attempts = 0
            error.is_cut_short = True
            raise error from None
        # Checked last, because the wait for the limiter may have been long.
        if request.method == "POST" and request.call.is_cancelled():
            raise Cancelled

    def _prepare_retry(self, request: _Request, error: ApiError) -> None:
        """Wait before the next attempt of *request*, or raise *error* if there will be no other attempt."""
        if error.outcome is AttemptResult.RATE_LIMITED:
            request.rate_limited += 1
        else:
            request.failures += 1
        earlier = request.last_error
        error.was_unanswered = error.outcome is AttemptResult.UNANSWERED or bool(earlier and earlier.was_unanswered)
        error.attempts = request.failures + request.rate_limited
        request.last_error = error
        decision = self.policy.decide(
            request.method,
            error.outcome,
            failures=request.failures,
            rate_limited=request.rate_limited,
            elapsed=request.elapsed,
            paused=request.paused,
            retry_after=error.retry_after if isinstance(error, ApiStatusError) else None,
            random=self.uniform,
        )
        match decision.action:
            case RetryDecision.AMBIGUOUS:
                raise OutcomeUnknown(error) from None
            case RetryDecision.RETRY if self.clock() + decision.wait >= request.call.deadline:
                error.is_cut_short = True
                raise error
            case RetryDecision.RETRY if request.is_repeatable:
                self._pause(request, error.outcome, decision.wait)
            case _:
                raise error

    def _pause(self, request: _Request, outcome: AttemptResult, seconds: float) -> None:
        if outcome is AttemptResult.RATE_LIMITED:
            self._limiter.pause(seconds)
            request.paused += seconds
        else:
            self.sleep(seconds)
            request.elapsed += seconds

    @staticmethod
    def _parsed(request: _Request, response: _Response, parse: Callable[[object], _Result]) -> _Result:
        if not response.is_success:
            error_body = response.error_body
            raise ApiStatusError(
                response.status,
                error_body.message,
                error_body.error_id,
                is_json=not responses.is_foreign(response.content),
                retry_after=response.retry_after,
            )
        try:
            if request.method == "DELETE" and not response.content.strip():
                return parse(None)
            return parse(responses.parsed(response.content, response.compression))
        except responses.InvalidResponse as unreadable:
            shape = str(unreadable)
        # Raised outside the `except` block. Inside it, Python would chain the parser's error, which has the body.
        raise InvalidResponseError(response.status, shape)

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """Increase `writes` before and after the request: a read during it may still return the old record."""
        with self._writes_lock:
            self.writes += 1
        try:
            yield
        finally:
            with self._writes_lock:
                self.writes += 1

    def _observed(self, request: _Request) -> _Response:
        started = self.clock()

        def report(**result: Any) -> None:  # noqa: ANN401 - the fields of an attempt
            # If an observer fails, the response to a create must not be lost.
            with contextlib.suppress(Exception):
                if self.observe:
                    self.observe(Attempt(request.method, request.path, self.clock() - started, **result))

        try:
            response = self._exchange(request)
        except ApiConnectionError as error:
            report(error=error)
            raise
        report(status=response.status, error_id=response.error_body.error_id, content=response.content)
        return response

    def _exchange(self, request: _Request) -> _Response:
        """Send *request* once.

        Raises:
            ApiConnectionError: There was no response.
        """
        limit = min(self.timeout_seconds, max(_SHORTEST_SECONDS, request.call.deadline - self.clock()))
        http = self._http if request.method == "GET" else self._fresh_http
        begun: set[bytes] = set()

        def trace(event: str, info: Mapping[str, Any]) -> None:
            # Called before the first byte of a request is sent, and also before CONNECT, which opens a proxy's tunnel.
            if event.endswith(".send_request_headers.started"):
                begun.add(info["request"].method)

        sent = self.now()
        try:
            with (
                self._total_timeout.of(limit),
                http.stream(
                    request.method,
                    request.path,
                    content=request.content,
                    headers=request.headers,
                    timeout=httpx.Timeout(limit, connect=min(_CONNECT_SECONDS, limit)),
                    extensions={"trace": trace},
                ) as response,
            ):
                return _read(response, self._compared(sent, response))
        except httpx.ProxyError as error:
            failure = network.refused_by_proxy(str(error))
        except _UNSENT as error:
            failure = network.connection_error(error)
        except httpx.HTTPError as error:
            is_late = isinstance(error, httpx.TimeoutException)
            reason = f"no answer within {limit:.3g} s" if is_late else f"the connection broke ({type(error).__name__})"
            failure = ApiConnectionError(reason, AttemptResult.UNANSWERED)
            if begun == {b"CONNECT"}:
                # Without a tunnel, no part of the request itself was sent.
                failure = ApiConnectionError(f"no connection (the proxy: {reason})", AttemptResult.UNSENT)
        # Raised outside the `except` blocks. Inside them, Python would chain httpx's error, which has the API key.
        raise failure

    def _compared(self, sent: datetime, response: httpx.Response) -> datetime:
        """Compare this machine's clock with the `Date` of a response, and return the time of the response.

        That is the `Date`, or this machine's time if the response has no `Date` or comes from a cache.
        """
        came = self.now()
        dated = responses.http_date(response.headers.get("date"))
        if dated is None or "age" in response.headers:
            return came
        # The server wrote the `Date` at some moment between `sent` and `came`.
        self.clock_ahead = (sent - dated if dated < sent else min(came - dated, timedelta())).total_seconds()
        return dated


def _read(response: httpx.Response, moment: datetime) -> _Response:
    """Read *response* completely.

    Args:
        response: The response.
        moment: The time at which the server sent it.

    Raises:
        ApiConnectionError: The response is too large to come from this API.
        httpx.HTTPError: The response is incomplete.
    """
    # `pop`, so that httpx does not decompress the body: a few bytes could expand to gigabytes.
    compression = responses.compressions(response.headers.pop("content-encoding", ""))
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) > _MAX_RESPONSE_BYTES:
            reason = f"the response has more than {_MAX_RESPONSE_BYTES:,} bytes"
            raise ApiConnectionError(reason, AttemptResult.UNANSWERED)
    return _Response(
        response.status_code,
        bytes(received),
        # Some servers name a compression although the body is empty.
        compression=compression if received else "",
        retry_after=responses.retry_after(response.headers.get("retry-after"), moment),
    )


def _path(integration_id: str) -> str:
    if integration_id in ("", ".", "..") or not integration_id.isprintable():
        raise InvalidRequest(f"{integration_id!r} is not the id of an integration", "id")
    return f"/integrations/{quote(integration_id, safe='')}"
