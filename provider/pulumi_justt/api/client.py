"""The single door to the wire: headers, tries, time limits, and what becomes of a request that failed.

Callers hand in what they are trying, for error texts, and get models back. What to do after a failed try is decided by
`retry`, how fast to go by `rate_limit`, what an answer says by `responses`; this module only tells them what happened.
Nothing else may import httpx.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import json
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx

from pulumi_justt import errors
from pulumi_justt.api import network, responses
from pulumi_justt.api.batch_reader import SharedReads
from pulumi_justt.api.deadline import ExchangeLimit
from pulumi_justt.api.models import STATUSES, Inputs, RemoteRecord
from pulumi_justt.api.rate_limit import RateLimiter
from pulumi_justt.api.retry import Action, Method, Outcome, RetryPolicy
from pulumi_justt.core.config import Settings
from pulumi_justt.credentials import secret_values
from pulumi_justt.errors import (
    Abandoned,
    AmbiguousCreate,
    Barred,
    InvalidSettings,
    JusttError,
    Misunderstood,
    Refused,
    Unreachable,
)
from pulumi_justt.redaction import Redactor, shared_redactor
from pulumi_justt.schema import INTEGRATION
from pulumi_justt.secrecy import SecretHolder

__all__ = ["JusttClient", "shared_client"]

_T = TypeVar("_T")

PAGE_SIZE = 100
"""The most records that the vendor gives in one page."""

_MAX_REQUEST_BYTES = 1_000_000
"""The vendor answers 413 beyond 1 MB."""

_MAX_ANSWER_BYTES = 16_000_000
"""Far above a full page of records; what is larger is no answer of this API."""

_CONNECT_SECONDS = 10.0
"""The longest that a connection may take, which does not depend on what is asked."""

_SHORTEST_SECONDS = 0.001
"""The least that a socket can be given; zero would mean not to wait at all."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_REFUSALS = frozenset(
    (300, 301, 302, 304, 305, 307, 308, *range(400, 408), *range(409, 418), 421, 422, 423, 424, 426, 428, 431, 451)
)
"""The statuses that prove that a request was not carried out: HTTP's registry defines them as redirects or refusals.

303 is missing because it points to the result of a POST that was carried out. 408 and 425 may come from a proxy that
has passed the request on. Any 4xx that is not registered (499 and 444 of nginx, 460 of Amazon's load balancer) means
whatever its proxy wants it to mean. For a POST, a wrong "refused" creates a duplicate; a wrong "may have been carried
out" costs one look at the account.
"""


@dataclass(repr=False)
class _Request(SecretHolder):
    """One request, and what became of it so far."""

    tried: str
    method: Method
    path: str
    account: str | None
    body: dict[str, Any] | None
    is_abandoned: Callable[[], bool] = lambda: False
    patience: float = math.inf
    once: bool = False
    end: float = math.inf
    faults: int = 0
    throttled: int = 0
    was_unanswered: bool = False
    is_cut_short: bool = False
    elapsed: float = 0.0
    paused: float = 0.0

    @property
    def is_of_one_id(self) -> bool:
        """Whether the path names one integration."""
        return self.path.startswith("/integrations/")


@dataclass(frozen=True, repr=False)
class _Answer(SecretHolder):
    """What one try brought: a status with its body, or the reason why there is none."""

    status: int | None
    content: bytes = b""
    compression: str = ""
    retry_after: float | None = None
    failure: str = ""
    was_sent: bool = True
    cure: str = ""

    @functools.cached_property
    def fault(self) -> responses.Fault:
        """What a refusal says of itself; empty for a success, and where nothing came."""
        return responses.Fault() if self.is_success else responses.fault(self.content, self.compression)

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the HTTP status class


@dataclass
class JusttClient:
    """The Justt REST API, for one key at one URL; safe to share between threads.

    Args:
        settings: Where, with which key, how fast and how patiently.
        transport: Replaces the network, for tests.
        policy: What to do after a failed try.
        limiter: The share of the vendor's quota; by default a new one.
        clock: Monotonic seconds.
        sleep: Blocks the calling thread for some seconds.
        uniform: Random numbers in [0, 1), for jitter.
        debug: Takes one line for each try, without body or header.
        now: The present moment by the clock of this machine.
        redactor: Decides which words of Justt or a proxy are shown; by default that of the process.

    Attributes:
        clock_ahead: Seconds by which the clock of this machine is ahead of Justt's, as the last answer showed.
        writes: Grows with each request that may change something, so that whoever keeps answers can tell.
        reads: Reads records for many at once, with few requests.
    """

    settings: Settings
    transport: httpx.BaseTransport | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    limiter: RateLimiter | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[], float] = random.random
    debug: Callable[[str], None] | None = None
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    redactor: Redactor = field(default_factory=shared_redactor)

    def __post_init__(self) -> None:
        """Open the connection pools; nothing is sent."""
        self.clock_ahead = 0.0
        self.writes = 0
        self._writes_lock = threading.Lock()
        self.reads = SharedReads(self)
        self._key = self.settings.require_api_key()
        self.redactor.learn(self._key)
        self._limiter = self.limiter or RateLimiter(
            self.settings.requests_per_minute, clock=self.clock, sleep=self.sleep
        )
        variables = "SSL_CERT_FILE, SSL_CERT_DIR"
        try:
            # Reading the certificates takes longer than everything else here, so it is done once for both clients, and
            # only where one can come: a context without any trusts nobody.
            is_https = self.settings.base_url.startswith("https:") and self.transport is None
            certificates = network.certificates() if is_https else SSLContext(PROTOCOL_TLS_CLIENT)
            variables = "HTTPS_PROXY, ALL_PROXY"
            # A proxy from the environment can't reach an address of this machine.
            url = None if self.settings.environment == "simulator" else network.proxy_for(self.settings.base_url)
            proxy = url and httpx.Proxy(url, ssl_context=certificates if url.startswith("https:") else None)
            self._http = self._open(certificates, proxy)
            # A server may close an idle connection while a request is sent on it, and then nobody can tell whether the
            # request was carried out. Only a read may be repeated, so each change gets a connection of its own.
            # Without keep-alive both sides close it after the answer, so the pool has none to reuse.
            self._fresh_http = self._open(certificates, proxy, connection="close")
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            # Its text may quote a proxy's address, and a password within.
            raise InvalidSettings(
                f"the network settings of this machine cannot be used ({variables}): {type(error).__name__}. Nothing "
                "was sent. Correct them, and run the command again."
            ) from None
        self._exchange_limit = ExchangeLimit()
        for client in (self._http, self._fresh_http):
            self._exchange_limit.guard(client)

    def _open(
        self, certificates: SSLContext, proxy: httpx.Proxy | str | None, *, connection: str = "keep-alive"
    ) -> httpx.Client:
        return httpx.Client(
            base_url=self.settings.base_url,
            headers={
                "authorization": f"Bearer {self._key}",
                "accept": "application/json",
                # Answers are small, and what is decompressed has to be bounded; so nothing is.
                "accept-encoding": "identity",
                "connection": connection,
            },
            transport=self.transport,
            verify=certificates,
            # A redirect is an answer like any other here; httpx would fail over a target that is no URL.
            event_hooks={"response": [lambda response: response.headers.pop("location", None)]},
            # This API has no sessions: a cookie that something in between sets is neither kept nor sent back.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            proxy=proxy,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._fresh_http.close()

    def create_integration(self, inputs: Inputs, *, is_abandoned: Callable[[], bool] = lambda: False) -> RemoteRecord:
        """Create an integration, by exactly one effective POST.

        Args:
            inputs: What is sent.
            is_abandoned: Tells, before each try, whether nobody is there any more to take the answer.

        Returns:
            The new record; its status is PENDING unless the answer says more.

        Raises:
            Abandoned: Nobody is there any more, and nothing was sent.
            AmbiguousCreate: The outcome is unknown.
            RequestError: It was not created.
        """
        request = self._creation(inputs)
        request.is_abandoned = is_abandoned
        return self._send(request, lambda answer: responses.created(answer, inputs.source))

    def require_sendable(self, inputs: Inputs) -> None:
        """Verify that `create_integration` can send *inputs*, without a request.

        Raises:
            JusttError: It is too large, or cannot be encoded.
        """
        _content(self._creation(inputs))

    def _creation(self, inputs: Inputs) -> _Request:
        payload = inputs.reveal_payload()
        self.redactor.learn(
            secret_values(inputs.secret_type, payload, inputs.source, allow_unlisted=inputs.allow_unlisted)
        )
        self.redactor.note_plain(inputs.source)
        return _Request(
            errors.creating(inputs.source, inputs.external_identifier),
            "POST",
            "/integrations",
            inputs.reference_account_id,
            _body(inputs),
        )

    def digest(self, inputs: Inputs) -> str:
        """Return what tells the body of one create from that of another.

        It is keyed with the API key, so that nobody who has only the digest can try out credentials on it.

        Raises:
            InvalidSettings: There is no API key.
        """
        body = json.dumps(_body(inputs), sort_keys=True).encode()
        return hmac.new(self.settings.require_api_key().encode(), body, "sha256").hexdigest()

    def get_integration(
        self,
        integration_id: str,
        *,
        tried: str,
        account: str | None,
        patience: float = math.inf,
        once: bool = False,
    ) -> RemoteRecord:
        """Read one record.

        Args:
            integration_id: The id at Justt.
            tried: What this is for, in error texts.
            account: The account that it belongs to.
            patience: Seconds that it may take in all: waits for the limiter, tries, and waits between them.
            once: Whether a try that failed is the last one.

        Raises:
            Refused: With status 404 where the key, in this account, knows no such id.
            RequestError: It could not be read.
        """
        self.redactor.note_plain(integration_id)
        request = self._plain(tried, "GET", integration_id, account)
        request.patience, request.once = patience, once
        return self._send(request, lambda answer: responses.record(answer, integration_id, self.redactor.redact))

    def list_integrations(
        self, page: int, *, tried: str, account: str | None, patience: float = math.inf
    ) -> responses.Page:
        """Read one page of the account's records, of up to `PAGE_SIZE`; arguments as in `get_integration`.

        Raises:
            RequestError: It could not be read.
        """
        path = f"/integrations?limit={PAGE_SIZE}&page={page}"
        request = _Request(tried, "GET", path, account, None, patience=patience)
        return self._send(request, lambda answer: responses.page(answer, PAGE_SIZE))

    def deactivate_integration(
        self,
        integration_id: str,
        *,
        tried: str,
        account: str | None,
        deactivation_type: str,
        deactivation_date: str,
    ) -> None:
        """Ask for an integration to stop at a date; the other arguments are as in `get_integration`.

        Raises:
            Refused: The API won't; `after_unanswered` tells whether an earlier try may have done it already.
            Misunderstood: A 2xx came whose body is neither empty nor JSON, so it may not be Justt's.
            RequestError: No answer could be had.
        """
        request = self._plain(tried, "DELETE", integration_id, account)
        request.body = {
            "integrationId": integration_id,
            "deactivationType": deactivation_type,
            "deactivationDate": deactivation_date,
        }
        self._send(request, lambda _: None)

    @staticmethod
    def _plain(tried: str, method: Method, integration_id: str, account: str | None) -> _Request:
        if integration_id in ("", ".", "..") or not integration_id.isprintable():
            raise JusttError(f"{tried}: {integration_id!r} is no id of an integration. Look the id up at Justt.")
        return _Request(tried, method, f"/integrations/{quote(integration_id, safe='')}", account, None)

    def _send(self, request: _Request, read: Callable[[object], _T]) -> _T:
        content = _content(request)
        request.end = self.clock() + request.patience
        while True:
            try:
                self._limiter.acquire(within=request.end - self.clock())
            except TimeoutError:
                cure = errors.unreachable_cure(self.settings.base_url, is_unsent=False, is_throttled=False)
                came_back = "no time was left to send a request"
                raise Unreachable(request.tried, came_back, cure, is_cut_short=True) from None
            # Asked last, since the wait for the limiter may have been long.
            if request.is_abandoned():
                raise Abandoned(request.tried, "it was not sent, because the engine has left", errors.ABANDONED_CURE)
            started = self.clock()
            with self._written() if request.method != "GET" else contextlib.nullcontext():
                answer = self._try(request, content)
            request.elapsed += self.clock() - started
            shape = ""
            if answer.is_success:
                try:
                    result = read(self._parsed(request.method, answer))
                except responses.Unreadable as unreadable:
                    shape = self.redactor.redact(str(unreadable))
                else:
                    if self._is_clean(result):
                        return self._with_shown_statuses(result)
                    shape = "a record that repeats a credential"
            self._after(request, answer, shape)

    def _is_clean(self, result: object) -> bool:
        """Return whether no record in *result* has a credential that is at hand in what is stored in plain.

        One that is not at hand must not make a record unusable: an id of Justt may look like any credential.
        """
        records = result.records if isinstance(result, responses.Page) else (result,)
        texts = [text for record in records if isinstance(record, RemoteRecord) for text in record.free_texts()]
        return self.redactor.is_clean_record(texts)

    def _with_shown_statuses(self, result: _T) -> _T:
        """Return *result* without statuses that no list of the vendor has and that may be a credential.

        Nothing but the vendor's own statuses is decided by, and a status is shown and stored wherever there is one.
        """
        if isinstance(result, responses.Page):
            return replace(result, records=tuple(map(self._with_shown_statuses, result.records)))
        if isinstance(result, RemoteRecord) and result.status not in STATUSES:
            return result.model_copy(update={"status": self.redactor.shown(result.status)})
        return result

    @staticmethod
    def _parsed(method: Method, answer: _Answer) -> object:
        if method == "DELETE" and not answer.content.strip():
            return None
        return responses.parsed(answer.content, answer.compression)

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """Count a change twice: what is read while it is on its way may be from before it."""
        with self._writes_lock:
            self.writes += 1
        try:
            yield
        finally:
            with self._writes_lock:
                self.writes += 1

    def _try(self, request: _Request, content: bytes | None) -> _Answer:
        """Send *request* once.

        Tells:
            line: A request was answered or given up, and JUSTT_DEBUG is 1.
        """
        headers = {"content-type": "application/json"} if content is not None else {}
        if request.account is not None:
            headers["reference-account-id"] = request.account
        started = self.clock()
        answer = self._exchange(request, content, headers)
        if self.debug:
            error_id = self.redactor.error_id(answer.fault.error_id)
            self.debug(
                f"{request.method} {request.path} {answer.status or answer.failure} "
                f"{self.clock() - started:.3f}s{f' errorId={error_id}' if error_id else ''}"
            )
        return answer

    def _exchange(self, request: _Request, content: bytes | None, headers: dict[str, str]) -> _Answer:
        limit = min(self.settings.timeout_seconds, max(_SHORTEST_SECONDS, request.end - self.clock()))
        http = self._http if request.method == "GET" else self._fresh_http
        sent = self.now()
        begun: set[bytes] = set()

        def trace(event: str, info: Mapping[str, Any]) -> None:
            # Told before the first byte of a request leaves, and of CONNECT, which asks a proxy for a tunnel, as well.
            if event.endswith(".send_request_headers.started"):
                begun.add(info["request"].method)

        try:
            with (
                self._exchange_limit.of(limit),
                http.stream(
                    request.method,
                    request.path,
                    content=content,
                    headers=headers,
                    timeout=httpx.Timeout(limit, connect=min(_CONNECT_SECONDS, limit)),
                    extensions={"trace": trace},
                ) as response,
            ):
                dated = self._compared(sent, response)
                # Taken from httpx, which would decompress a few bytes to as many gigabytes as they name.
                compression = responses.compressions(response.headers.pop("content-encoding", ""))
                received = bytearray()
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > _MAX_ANSWER_BYTES:
                        return _Answer(None, failure=f"the answer has more than {_MAX_ANSWER_BYTES:,} bytes")
                return _Answer(
                    response.status_code,
                    bytes(received),
                    # Some servers name a compression beside a body that is empty.
                    compression=compression if received else "",
                    retry_after=responses.retry_after(response.headers.get("retry-after"), dated),
                )
        except _UNSENT as error:
            failure, cure = (
                network.refused_by_proxy(str(error))
                if isinstance(error, httpx.ProxyError)
                else network.reason_and_cure(
                    error, self.settings.base_url, functools.partial(self.redactor.redact, is_own=True)
                )
            )
            return _Answer(None, failure=failure, was_sent=False, cure=cure)
        except httpx.HTTPError as error:
            is_late = isinstance(error, httpx.TimeoutException)
            failure = f"no answer within {limit:.3g} s" if is_late else f"the connection broke ({type(error).__name__})"
            if begun == {b"CONNECT"}:
                # No tunnel, and so nothing of the request itself has left.
                return _Answer(None, failure=f"no connection (the proxy: {failure})", was_sent=False)
            return _Answer(None, failure=failure)

    def _compared(self, sent: datetime, response: httpx.Response) -> datetime:
        """Compare this machine's clock with the `Date` of an answer, and return the moment that it came.

        That is the `Date`, or this machine's time where the answer has none, or was kept by a cache meanwhile.
        """
        came = self.now()
        dated = responses.http_date(response.headers.get("date"))
        if dated is None or "age" in response.headers:
            return came
        # The server wrote it at some moment between the two.
        self.clock_ahead = (sent - dated if dated < sent else min(came - dated, timedelta())).total_seconds()
        return dated

    def _after(self, request: _Request, answer: _Answer, shape: str) -> None:
        """Return if *request* is to be tried again, after waiting; raise what became of it otherwise."""
        outcome = _outcome(answer)
        if outcome is Outcome.THROTTLED:
            request.throttled += 1
        else:
            request.faults += 1
        request.was_unanswered = request.was_unanswered or outcome is Outcome.UNANSWERED
        decision = self.policy.decide(
            request.method,
            outcome,
            faults=request.faults,
            throttled=request.throttled,
            elapsed=request.elapsed,
            paused=request.paused,
            retry_after=answer.retry_after,
            random=self.uniform,
        )
        request.is_cut_short = decision.action is Action.RETRY and self.clock() + decision.wait >= request.end
        if decision.action is not Action.RETRY or request.is_cut_short or request.once:
            self._fail(request, answer, outcome, shape)
        if outcome is Outcome.THROTTLED:
            self._limiter.pause(decision.wait)
            request.paused += decision.wait
        else:
            self.sleep(decision.wait)
            request.elapsed += decision.wait

    def _fail(self, request: _Request, answer: _Answer, outcome: Outcome, shape: str) -> NoReturn:
        message = self.redactor.redact(answer.fault.message)
        error_id = self.redactor.error_id(answer.fault.error_id)
        if shape:
            came_back = f"Justt answered {answer.status} with an undocumented shape, {shape}"
        elif answer.status:
            came_back = f"Justt answered {answer.status}{f': {message}' if message else ''}"
        else:
            came_back = answer.failure
        tries = request.faults + request.throttled
        came_back += f", after {tries} tries" if tries > 1 else ""
        if request.method == "POST" and outcome in (Outcome.UNANSWERED, Outcome.UNREADABLE):
            raise AmbiguousCreate(request.tried, came_back, errors.AMBIGUOUS_CURE, error_id)
        if outcome is Outcome.UNREADABLE:
            raise Misunderstood(request.tried, came_back, errors.MISUNDERSTOOD_CURE, error_id)
        if outcome is Outcome.REJECTED and answer.status is not None:
            cure = errors.refusal_cure(
                answer.status,
                is_create=request.method == "POST",
                key_origin=self.settings.api_key_origin,
                account=request.account,
                environment=self.settings.environment,
            )
            # Every account has a list and takes creates; and the API's own refusals are JSON.
            is_of_api = request.is_of_one_id and not responses.is_foreign(answer.content)
            if answer.status == httpx.codes.NOT_FOUND and not is_of_api:
                cure = errors.not_of_the_api_cure(self.settings.base_url)
            if answer.status == httpx.codes.BAD_REQUEST and request.method == "GET" and request.is_of_one_id:
                cure = errors.INVALID_ID_CURE
            raise Refused(
                request.tried,
                came_back,
                cure,
                error_id,
                status=answer.status,
                after_unanswered=request.was_unanswered,
                is_of_api=is_of_api,
            )
        cure = answer.cure or errors.unreachable_cure(
            self.settings.base_url,
            is_unsent=outcome is Outcome.UNSENT and not request.was_unanswered,
            is_throttled=outcome is Outcome.THROTTLED,
            is_redirect=answer.status == httpx.codes.SEE_OTHER,
        )
        if outcome is Outcome.BARRED:
            raise Barred(request.tried, came_back, cure)
        raise Unreachable(request.tried, came_back, cure, error_id, is_cut_short=request.is_cut_short)


def _content(request: _Request) -> bytes | None:
    """Return the body of *request* as it is sent.

    Raises:
        JusttError: It is too large, or an argument is not Unicode.
    """
    if request.body is None:
        return None
    try:
        content = json.dumps(request.body, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JusttError(f"{request.tried}: an argument holds text that is not Unicode. Set it again.") from None
    if len(content) > _MAX_REQUEST_BYTES:
        raise JusttError(
            f"{request.tried}: the request would have {len(content):,} bytes, and Justt takes "
            f"{_MAX_REQUEST_BYTES:,}. Shorten the credentials or the merchant account codes."
        )
    return content


def _outcome(answer: _Answer) -> Outcome:
    if answer.status is None:
        return Outcome.UNANSWERED if answer.was_sent else Outcome.BARRED if answer.cure else Outcome.UNSENT
    if answer.is_success:
        return Outcome.UNREADABLE
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return Outcome.THROTTLED
    return Outcome.REJECTED if answer.status in _REFUSALS else Outcome.UNANSWERED


_clients: dict[Settings, JusttClient] = {}
_limiters: dict[tuple[str, str], RateLimiter] = {}
_clients_lock = threading.Lock()


def shared_client(settings: Settings, tell: Callable[[str], None] = lambda _: None) -> JusttClient:
    """Return the process's client for *settings*: one connection pool for all of its threads.

    The limiter is shared by all that use one key at one URL, whatever else they say: the vendor counts by key.

    Args:
        settings: Where, with which key, how fast and how patiently.
        tell: Shows one line to the user.
    """
    with _clients_lock:
        if settings not in _clients:
            key = (settings.base_url, settings.require_api_key())
            limiter = _limiters.setdefault(key, RateLimiter(settings.requests_per_minute, tell=tell))
            _clients[settings] = JusttClient(settings, limiter=limiter, debug=_debug_line if settings.debug else None)
        return _clients[settings]


def _debug_line(line: str) -> None:
    # Whoever read this may have left, and a line that nobody reads must not keep an answer from being taken.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"justt: {line}\n")


def _body(inputs: Inputs) -> dict[str, Any]:
    """Return what a create sends, the credentials in clear."""
    values = {**inputs.model_dump(by_alias=True), "secretPayload": inputs.reveal_payload()}
    return {
        each.name: values[each.name]
        for each in INTEGRATION
        if each.sent_in == "body" and (each.is_required or not each.is_absent(values[each.name]))
    }
