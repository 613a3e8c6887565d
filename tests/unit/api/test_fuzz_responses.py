"""What the network and the vendor may send: any bytes, status, shape and header.

Whatever arrives, a call ends in time, with a result that the response supports or with a documented error of one line.
It never shows a secret, wherever the server puts one. Each failure that fuzzing found is a test of its own below.

`TEST_EFFORT=20 pytest tests/unit/api/test_fuzz_responses.py` runs 20 times as many examples.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, cycle, repeat
from typing import Any, Literal

import httpx
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.retry import RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.errors import JusttError, RequestRefused
from pulumi_justt.log import Log
from pulumi_justt.provider import IntegrationProvider
from support import secret_scanner
from support.clock import Clock
from support.harness import HANG_SECONDS
from support.pulumi_model import fuzz

pytestmark = pytest.mark.slow

KEY, SECRET = "9d2c7be4a1f05836", "e61b08d35f7a92c4"
SECRETS = (KEY, SECRET)
ID = "int-00001"
INPUTS: dict[str, Any] = {
    "externalIdentifier": "shop-1",
    "integrationName": "Shop",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": SECRET},
    "environment": "simulator",
}
RECORDED = {**INPUTS, "integrationId": ID, "status": "PENDING"}
POLICY = RetryPolicy()
TIMEOUT = 30.0
Operation = Literal["create", "get", "list", "delete"]
OPERATIONS: tuple[Operation, ...] = ("create", "get", "list", "delete")


# what the server may send

NAMES = ("integrationId", "id", "source", "status", "goLiveDate", "data", "hasMore", "message", "error", "errorId")
VALUES = (
    ID,
    "int-00002",
    "stripe",
    "PENDING",
    "INACTIVE",
    "2027-01-31T00:00:00Z",
    "",
    "a\nb",
    "\x1b[31m",
    "\ud800",
    "\u202e",
)
ECHOES = (KEY, SECRET, f"Bearer {KEY}", f"apiKey {SECRET} is wrong", json.dumps(SECRET))
TEXTS = st.sampled_from(VALUES) | st.sampled_from(ECHOES) | st.text(max_size=8)
LEAVES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats()
KEYS = st.sampled_from(NAMES) | TEXTS
CREDENTIAL_TYPES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
RECORDS = st.fixed_dictionaries(
    {
        "integrationId": st.sampled_from([ID] * 6 + ["int-00002", "int-00003"]) | TEXTS,
        "source": st.sampled_from(["stripe"] * 5 + ["adyen", "", KEY]),
        "status": st.sampled_from(["PENDING", "INACTIVE", "FAILED", "INACTIVE", "PENDING"]) | TEXTS,
    },
    optional={"goLiveDate": st.none() | TEXTS, "extra": CREDENTIAL_TYPES},
)
BODIES = st.one_of(
    CREDENTIAL_TYPES,
    RECORDS,
    st.fixed_dictionaries({"data": RECORDS, "status": LEAVES}),
    st.lists(RECORDS, max_size=4),
    st.fixed_dictionaries({"data": st.lists(RECORDS, max_size=4), "hasMore": LEAVES}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("integrationId", "id", "status"), LEAVES)),
    st.fixed_dictionaries({"message": TEXTS | st.lists(TEXTS), "errorId": LEAVES}),
    st.dictionaries(KEYS, CREDENTIAL_TYPES, max_size=4),
)
PLAUSIBLE: dict[str, st.SearchStrategy[object]] = {
    "POST": st.fixed_dictionaries(
        {"integrationId": st.sampled_from([ID, "int-00002"]) | TEXTS}, optional={"status": TEXTS}
    )
    | st.fixed_dictionaries({"id": st.sampled_from([ID, "int-00002"]) | TEXTS, "status": LEAVES}),
    "GET": RECORDS | st.fixed_dictionaries({"data": RECORDS}),
    "LIST": st.lists(RECORDS, max_size=3)
    | st.fixed_dictionaries({"data": st.lists(RECORDS, max_size=3), "hasMore": st.sampled_from([False, False, True])}),
    "DELETE": st.just({}),
}
"""A normal response to each request, except for some values."""

STATUSES = st.sampled_from([200, 201, 204, 307, 400, 401, 404, 429, 500, 503]) | st.integers(100, 999)
NUMBERS = ("0", "1", "7", "601", "9" * 400, "-1", "1.5", "1e3", "nan", "inf", "٣", "")
DATES = ("Mon, 01 Jan 2035 00:00:00 GMT", "Mon, 01 Jan 99999 00:00:00 +9999", "0", "Jan", "1 2 3 4 5 6", ",", "a b c d")
NONSENSE = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just("retry-after"), st.sampled_from(NUMBERS + DATES) | NONSENSE),
        st.tuples(
            st.just("content-encoding"),
            st.sampled_from(["gzip", "x-gzip", "deflate", "br", "identity, gzip", "gzip, gzip", "identity"]),
        ),
        st.tuples(st.just("transfer-encoding"), st.sampled_from(["chunked", "gzip, chunked", "x"]) | NONSENSE),
        st.tuples(st.just("content-length"), st.sampled_from(["0", "5", "-1", "x", "9" * 30])),
        st.tuples(st.just("content-type"), st.sampled_from(["text/html", "application/json; charset=x"]) | NONSENSE),
        st.tuples(
            st.just("location"), st.sampled_from(["//", "http://[", "x:y", "/ok", "http://127.0.0.1:1/"]) | NONSENSE
        ),
        st.tuples(st.just("set-cookie"), st.sampled_from(["a=b", "a=b; expires=x; domain=..", "=;=", KEY]) | NONSENSE),
        st.tuples(st.sampled_from(["date", "connection", "x-request-id"]), NONSENSE),
    ),
    max_size=3,
)
FAILURES: tuple[type[httpx.RequestError], ...] = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.WriteError,
    httpx.WriteTimeout,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.TooManyRedirects,
)


METHODS = ("POST", "GET", "LIST", "DELETE")


@dataclass(frozen=True)
class Reply:
    """One response of a server.

    Attributes:
        status: The HTTP status.
        body: The body before compression or truncation.
        sent: The body as sent.
        headers: The headers.
        seconds: The seconds until it is sent.
        failure: The error that replaces it, or that follows its head if `after_head` is set.
    """

    status: int
    body: bytes
    sent: bytes
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    failure: type[httpx.RequestError] | None = None
    after_head: bool = False

    @property
    def document(self) -> object:
        """The JSON that a client can read, or None if the body is missing, compressed or not JSON."""
        is_compressed = any(name == "content-encoding" and value != "identity" for name, value in self.headers)
        if (self.failure and not self.after_head) or is_compressed:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def response(self) -> httpx.Response:
        """Build the response, or raise the failure."""
        if self.failure and not self.after_head:
            raise self.failure(f"failed with {KEY}")
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers]
        return httpx.Response(self.status, headers=headers, stream=_Stream(self.sent, self.failure))


class _Stream(httpx.SyncByteStream):
    def __init__(self, content: bytes, failure: type[httpx.RequestError] | None) -> None:
        self._content = content
        self._failure = failure

    def __iter__(self) -> Iterator[bytes]:
        half = len(self._content) // 2
        yield self._content[:half]
        yield self._content[half:]
        if self._failure:
            raise self._failure("broken")


@st.composite
def replies(draw: st.DrawFn, method: str) -> Reply:
    """Draw a reply to a request: one that is nearly valid, or anything."""
    if draw(st.booleans()):
        body = json.dumps(draw(PLAUSIBLE[method])).encode()
        return Reply(200, body, body)
    seconds = draw(st.sampled_from([0.0, 0.0, 0.1, TIMEOUT]))
    if draw(st.integers(0, 7)) == 7:
        failure, after_head = draw(st.sampled_from(FAILURES)), draw(st.booleans())
        return Reply(200, b"{}", b"{}", (), seconds, failure, after_head)
    if draw(st.integers(0, 7)) == 7:
        body = draw(st.binary(max_size=40) | st.sampled_from([b"[" * 100_000, b"9" * 5000, b"\xef\xbb\xbf{}", b"NaN"]))
    else:
        text = json.dumps(draw(BODIES), ensure_ascii=draw(st.booleans()))
        body = text.encode("utf-8", "surrogatepass")
    sent, headers = body, draw(HEADERS)
    change = draw(st.integers(0, 9))
    if change == 8:
        sent = body[: draw(st.integers(0, len(body)))]
        body = sent
    if change == 9 and not any(name == "content-encoding" for name, _ in headers):
        coding = draw(st.sampled_from(["gzip", "deflate"]))
        sent = gzip.compress(body, mtime=0) if coding == "gzip" else zlib.compress(body)
        headers = [*headers, ("content-encoding", coding)]
    return Reply(draw(STATUSES), body, sent, tuple(headers), seconds)


def plans(*methods: str) -> st.SearchStrategy[dict[str, list[Reply]]]:
    """Draw the replies to *methods*. A request of another method ends in an error that no test accepts."""
    return st.fixed_dictionaries({method: st.lists(replies(method), min_size=1, max_size=3) for method in methods})


PLANS = {"create": plans("POST"), "get": plans("GET"), "list": plans("LIST"), "delete": plans("DELETE")}
"""The replies to each operation of the client."""


def json_reply(status: int, document: object, *headers: tuple[str, str]) -> Reply:
    """Return a reply with a JSON body."""
    body = json.dumps(document).encode()
    return Reply(status, body, body, headers)


RECORD = {"integrationId": ID, "source": "stripe"}


# the server and its client


@dataclass
class Server:
    """A server that sends the prepared replies to each method, repeatedly, and records which request got which."""

    prepared: Mapping[str, Sequence[Reply]]
    clock: Clock = field(default_factory=Clock)
    log: list[tuple[str, Reply]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    next: dict[str, Iterator[Reply]] = field(init=False)

    def __post_init__(self) -> None:
        """Start with the first reply of each method."""
        self.next = {method: cycle(prepared) for method, prepared in self.prepared.items()}

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Send the next reply."""
        is_list = request.method == "GET" and request.url.path == "/integrations"
        method = "LIST" if is_list else request.method
        reply = self.next[method].__next__()
        self.clock.sleep(reply.seconds)
        self.log.append((method, reply))
        return reply.response()

    @contextmanager
    def client(self, policy: str = "refuse") -> Iterator[JusttClient]:
        """Yield a client of this server, with a virtual clock."""
        settings = Settings.load(
            {
                "baseUrl": "http://127.0.0.1:9",
                "apiKey": KEY,
                "timeoutSeconds": f"{TIMEOUT:g}",
                "onAmbiguousCreate": policy,
            },
            {},
        )
        client = JusttClient(
            settings,
            transport=httpx.MockTransport(self.respond),
            clock=self.clock,
            sleep=self.clock.sleep,
            uniform=lambda: 0.5,
        )
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def provider(self, policy: str) -> Iterator[IntegrationProvider]:
        """Yield a provider, whose methods a test calls as the engine does."""
        with self.client(policy) as client:
            provider = IntegrationProvider()
            provider.__dict__["_core"] = IntegrationLifecycle(
                client.settings, client=lambda: client, log=Log(self.messages.append)
            )
            yield provider

    def replies_to(self, *methods: str) -> list[Reply]:
        """Return the replies to requests of *methods*."""
        return [reply for method, reply in self.log if method in methods]


def call(client: JusttClient, operation: Operation) -> RemoteRecord | Sequence[RemoteRecord] | None:
    """Make one call of the client, the one for *operation*."""
    if operation == "create":
        return client.create_integration(Inputs.model_validate(INPUTS))
    if operation == "get":
        return client.get_integration(ID, operation="reading", account=None)
    if operation == "list":
        return client.list_integrations(1, operation="listing", account=None).records
    client.deactivate_integration(
        ID,
        operation="deactivating",
        account=None,
        deactivation_type="dueDate",
        deactivation_date="2027-01-31T00:00:00Z",
    )
    return None


def texts(value: object) -> set[str]:
    """Return every text within *value*."""
    if isinstance(value, str):
        return {value}
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for child in children for text in texts(child)}


def is_record(document: object, **wanted: str) -> bool:
    """Return whether the document, bare or below `data`, is a record with these values."""
    holders = [document, document.get("data")] if isinstance(document, dict) else []
    return any(isinstance(each, dict) and wanted.items() <= each.items() for each in holders)


def assert_presentable(text: str, secrets: Sequence[str] = SECRETS) -> None:
    """Assert that *text* is one line without control characters and without a secret."""
    assert text.isprintable(), repr(text)
    assert "Traceback" not in text
    assert "inside pulumi-justt" not in text
    assert secret_scanner.find(text.encode(), secrets) == []


def assert_holds_no_secret(outs: object) -> None:
    """Assert that the outputs can be stored, and hold no secret except the credentials themselves."""
    assert isinstance(outs, dict)
    plain = {name: value for name, value in outs.items() if name != "secretPayload"}
    json.dumps(outs, ensure_ascii=False).encode()
    assert all(text.isprintable() for text in texts(plain))
    assert secret_scanner.find(json.dumps(plain).encode(), SECRETS) == []


def known_to(operation: Operation) -> Sequence[str]:
    """Return the secrets that the client knows in an operation. The core handles the secrets in the state."""
    return SECRETS if operation == "create" else (KEY,)


def is_success(reply: Reply) -> bool:
    """Return whether the reply is a complete 2xx, possibly with a compressed body."""
    return 200 <= reply.status < 300 and reply.failure is None


def assert_call_ends_well(
    client: JusttClient, operation: Operation, get_replies: Callable[[], Sequence[Reply]]
) -> None:
    """Make a call, and assert that its result or error is one that the replies support."""
    try:
        result = call(client, operation)
    except JusttError as error:
        event(f"{operation}: {type(error).__name__}")
        assert_presentable(str(error), known_to(operation))
        return
    event(f"{operation}: a result")
    last = get_replies()[-1]
    assert is_success(last)
    if isinstance(result, RemoteRecord):
        assert result.integration_id in texts(last.document)
        assert operation == "create" or is_record(last.document, integrationId=ID, status=result.status)
    elif result is not None:
        assert {record.integration_id for record in result} <= texts(last.document)
    else:
        assert operation == "delete"


# over a transport in memory


@pytest.mark.parametrize("operation", OPERATIONS)
@fuzz(300)
@given(data=st.data())
def test_call_ends_as_documented_and_in_time(operation: Operation, data: st.DataObject) -> None:
    """For any replies, each call of the client ends as documented, within its attempts and its deadline.

    A POST that Justt may have processed is not repeated.
    """
    server = Server(data.draw(PLANS[operation]))

    with server.client() as client:
        assert_call_ends_well(client, operation, lambda: server.replies_to("POST", "GET", "DELETE", "LIST"))

    assert len(server.log) <= POLICY.attempts + POLICY.rate_limited_attempts
    assert server.clock.now <= POLICY.deadline + TIMEOUT + POLICY.longest_pause
    if operation == "create":
        unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        earlier = [reply for _, reply in server.log[:-1]]
        assert all((each.failure in unsent) if each.failure else each.status == 429 for each in earlier), (
            "a POST that may have been processed was repeated"
        )


@pytest.mark.parametrize("policy", ["refuse", "adopt"])
@fuzz(300)
@given(prepared=plans("POST", "LIST"))
def test_create_through_the_boundary(policy: str, prepared: dict[str, list[Reply]]) -> None:
    """For any replies, the provider's create returns an id from a reply, or raises an error of one line."""
    server = Server(prepared)

    with server.provider(policy) as provider:
        try:
            made = provider.create({**INPUTS})
        except Exception as error:  # noqa: BLE001 - the test must see any exception
            assert type(error).__name__ == "JusttError"  # noqa: PT017 - whether it fails depends on the replies
            assert_presentable(str(error))
        else:
            event("created")
            sources = server.replies_to("POST") if policy == "refuse" else server.replies_to("POST", "LIST")
            assert any(is_success(each) and made.id in texts(each.document) for each in sources)
            assert made.outs is not None
            assert "integrationId" not in made.outs
            assert made.id.isprintable(), "no later request could name it"
            assert_holds_no_secret(made.outs)

    for line in server.messages:
        assert_presentable(line)


@fuzz(300)
@given(prepared=plans("GET"))
def test_read_through_the_boundary(prepared: dict[str, list[Reply]]) -> None:
    """For any replies, the provider's read drops a resource only if a reply shows its id as INACTIVE.

    Otherwise read keeps the resource, or raises an error of one line.
    """
    server = Server(prepared)

    with server.provider("refuse") as provider:
        try:
            read = provider.read(ID, {**RECORDED})
        except Exception as error:  # noqa: BLE001 - the test must see any exception
            assert type(error).__name__ == "JusttError"  # noqa: PT017 - whether it fails depends on the replies
            assert_presentable(str(error))
        else:
            last = server.log[-1][1]
            assert is_success(last)
            if read.id is None:
                event("gone")
                assert is_record(last.document, integrationId=ID, status="INACTIVE")
            else:
                event("kept")
                assert read.id == ID
                assert read.outs is not None
                assert is_record(last.document, integrationId=ID, status=read.outs["status"])
                assert_holds_no_secret(read.outs)

    for line in server.messages:
        assert_presentable(line)


@pytest.mark.parametrize("operation", ["adopt", "get"])
@fuzz(300)
@given(prepared=plans("GET"))
def test_adopt_and_get_through_the_boundary(operation: str, prepared: dict[str, list[Reply]]) -> None:
    """For any replies, an adoption and `get()` return the id only if its record was read, and send no write.

    Otherwise they raise an error of one line.
    """
    server = Server(prepared)

    with server.provider("refuse") as provider:
        try:
            result = provider.create({**INPUTS, "adoptId": ID}) if operation == "adopt" else provider.read(ID, {})
        except Exception as error:  # noqa: BLE001 - the test must see any exception
            assert type(error).__name__ == "JusttError"  # noqa: PT017 - whether it fails depends on the replies
            # `get` knows no credential that could be redacted, except the API key.
            assert_presentable(str(error), SECRETS if operation == "adopt" else (KEY,))
        else:
            event("done")
            assert result.id == ID
            assert is_record(server.log[-1][1].document, integrationId=ID)
            assert result.outs is not None
            assert secret_scanner.find(json.dumps({**result.outs, "secretPayload": {}}).encode(), (KEY,)) == []
            if operation == "adopt":
                assert_holds_no_secret(result.outs)

    assert not server.replies_to("POST", "DELETE", "LIST")


@fuzz(300)
@given(prepared=plans("DELETE", "GET"))
def test_delete_through_the_boundary(prepared: dict[str, list[Reply]]) -> None:
    """For any replies, the provider's delete succeeds only after a 2xx, or after a read of INACTIVE.

    Otherwise delete raises an error of one line.
    """
    server = Server(prepared)

    with server.provider("refuse") as provider:
        try:
            provider.delete(ID, {**RECORDED})
        except Exception as error:  # noqa: BLE001 - the test must see any exception
            assert type(error).__name__ == "JusttError"  # noqa: PT017 - whether it fails depends on the replies
            assert_presentable(str(error))
        else:
            method, last = server.log[-1]
            event(f"proved by {method}")
            assert is_success(last)
            assert method == "DELETE" or is_record(last.document, integrationId=ID, status="INACTIVE")

    for line in server.messages:
        assert_presentable(line)


# failures that fuzzing found, each with the smallest reply that causes it


def plan(**prepared: Reply) -> dict[str, list[Reply]]:
    """Return the given reply for each method; a method without one gets an empty list."""
    return {method: [prepared.get(method, json_reply(200, []))] for method in METHODS}


@pytest.mark.parametrize("operation", ["create", "read", "delete"])
@pytest.mark.parametrize(
    "document",
    [{"message": SECRET}, {"message": "no", "errorId": SECRET}, {SECRET: 1}],
    ids=["message", "errorId", "key"],
)
def test_no_error_repeats_a_credential_of_the_vendor(operation: str, document: dict[str, object]) -> None:
    """If a 400 repeats a credential in its message, errorId or keys, the error of any call does not show it."""
    refused = json_reply(400, document)
    server = Server(plan(GET=refused, LIST=refused, DELETE=refused))
    calls: dict[str, Callable[[IntegrationProvider], object]] = {
        "create": lambda provider: provider.create({**INPUTS}),
        "read": lambda provider: provider.read(ID, {**RECORDED}),
        "delete": lambda provider: provider.delete(ID, {**RECORDED}),
    }

    with server.provider("refuse") as provider, pytest.raises(Exception, match="Justt answered 400") as caught:
        calls[operation](provider)

    assert secret_scanner.find(str(caught.value).encode(), SECRETS) == []


def test_cookies_are_ignored() -> None:
    """If a response sets a cookie that can't be sent back, as a proxy may, the next request still succeeds."""
    server = Server(plan(GET=json_reply(200, {**RECORD, "status": "PENDING"}, ("set-cookie", "a=\x80"))))

    with server.provider("refuse") as provider:
        provider.read(ID, {**RECORDED})
        provider.read(ID, {**RECORDED})

    assert [method for method, _ in server.log] == ["GET", "GET"]


@pytest.mark.parametrize("location", ["x:y", "//", "http://[", "http://a:b"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_redirect_with_an_invalid_location_is_a_redirect(operation: Operation, location: str) -> None:
    """If a redirect has an invalid location, each call fails after one request.

    The error says that the provider follows no redirect.
    """
    server = Server({method: [json_reply(307, {}, ("location", location))] for method in METHODS})

    with server.client() as client, pytest.raises(RequestRefused, match="The provider follows no redirect"):
        call(client, operation)

    assert len(server.log) == 1


FOREIGN = pytest.mark.parametrize(
    "text",
    ["a\nb", "\x1b[31m", KEY, SECRET, f"Bearer {KEY}", f"x-{SECRET}", "x" * 100_000],
    ids=["lines", "escape", "key", "credential", "key within", "credential within", "length"],
)


@FOREIGN
@pytest.mark.parametrize("name", ["integrationId", "status", "source", "goLiveDate"])
def test_state_and_adoption_error_hold_no_unsafe_text(name: str, text: str) -> None:
    """If a field of a record has an unsafe text, neither the state nor the error of an adoption contains the text."""
    document = json_reply(200, {**RECORD, "status": "PENDING", name: text})
    for operation in ("create", "read"):
        server = Server(plan(GET=document))
        with server.provider("refuse") as provider, suppress(Exception):
            result = (
                provider.create({**INPUTS, "source": "adyen", "adoptId": ID})
                if operation == "create"
                else provider.read(ID, {**RECORDED})
            )
            assert_holds_no_secret(result.outs)
            assert len(json.dumps(result.outs)) < 2_000
    server = Server(plan(GET=document))
    with server.provider("refuse") as provider, pytest.raises(Exception, match="adopting integration") as caught:
        provider.create({**INPUTS, "source": "adyen", "adoptId": ID})
    assert_presentable(str(caught.value))
    assert len(str(caught.value)) < 2_000


@FOREIGN
@pytest.mark.parametrize("name", ["integrationId", "status", "source"])
def test_candidate_is_named_on_one_line(name: str, text: str) -> None:
    """If a field of a listed candidate has an unsafe text, the lost create's error is one line without a secret."""
    found = json_reply(200, [{**RECORD, "status": "PENDING", name: text}])
    server = Server(plan(POST=json_reply(500, {})))
    server.next["LIST"] = chain([json_reply(200, [])], repeat(found))

    with server.provider("refuse") as provider, pytest.raises(Exception, match="Justt may have") as caught:
        provider.create({**INPUTS})

    assert_presentable(str(caught.value))


@FOREIGN
def test_status_is_shown_on_one_line(text: str) -> None:
    """If the status of a record is an unsafe text, the messages of read are lines without a secret."""
    server = Server(plan(GET=json_reply(200, {**RECORD, "status": text})))

    with server.provider("refuse") as provider, suppress(Exception):
        provider.read(ID, {**RECORDED})

    assert server.log
    for line in server.messages:
        assert_presentable(line)


def test_id_that_no_request_can_name_is_refused() -> None:
    """If the id in a 201 can't be in a request's path, create fails and warns.

    Read and delete of such an id would fail.
    """
    server = Server(plan(POST=json_reply(201, {"integrationId": "a\nb"})))

    with (
        server.provider("refuse") as provider,
        pytest.raises(Exception, match="Do not run `pulumi up` again before you have checked"),
    ):
        provider.create({**INPUTS})


def test_empty_page_before_the_last_proves_nothing() -> None:
    """If the list after a lost POST has an empty page and more pages follow, create fails and sends no second POST.

    The integration may be on a later page.
    """
    server = Server(plan(LIST=json_reply(200, {"hasMore": True, "data": []}), POST=json_reply(500, {})))

    with (
        server.provider("refuse") as provider,
        pytest.raises(Exception, match="Do not run `pulumi up` again before you have checked"),
    ):
        provider.create({**INPUTS})

    assert len(server.replies_to("POST")) == 1


def test_id_that_was_listed_before_the_post_is_not_new() -> None:
    """If a POST returns an id from the list before it, create fails and names the id.

    The create made nothing, and a later delete of the old resource would deactivate the integration. The vendor may
    treat the same external identifier as the same integration, or a proxy may repeat a response.
    """
    old = json_reply(200, [{**RECORD, "status": "SUCCESSFUL"}])
    server = Server(plan(LIST=old, POST=json_reply(201, {"integrationId": ID})))

    with server.provider("refuse") as provider, pytest.raises(Exception, match=ID):
        provider.create({**INPUTS})


# over a socket

HASTY = RetryPolicy(
    attempts=2, rate_limited_attempts=2, base=0.01, cap=0.02, rate_limited_cap=0.02, longest_pause=0.05, deadline=1.0
)
HASTY_TIMEOUT = 0.1


class Loopback:
    """A socket server that responds to each request with prepared bytes, and then closes the connection or stalls."""

    def __init__(self) -> None:
        self.prepared = b""
        self.then = "close"
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Stop all threads."""
        # Only a shutdown wakes a thread that waits in accept.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in [self._thread, *self._threads]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection, self.prepared, self.then))
            thread.start()
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]

    @staticmethod
    def _serve(connection: socket.socket, prepared: bytes, then: str) -> None:
        connection.settimeout(HANG_SECONDS)
        with connection, suppress(OSError):
            connection.recv(65536)
            if then == "slow":
                for byte in prepared:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            else:
                connection.sendall(prepared)
            if then == "hang":
                while connection.recv(65536):
                    pass


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Yield the socket server that the socket tests share."""
    server = Loopback()
    yield server
    server.close()


LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 201 Created",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 307 Elsewhere",
        b"HTTP/1.1 429 Slow",
        b"HTTP/1.1 503 No",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 101 Switching",
        b"HTTP/1.0 200",
        b"HTTP/2 200",
        b"HTTP/1.1 999 ?",
        b"HTTP/1.1 20",
        b"ICY 200 OK",
        b"<html>",
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Draw the bytes that are sent over a connection."""
    if draw(st.integers(0, 5)) == 5:
        return draw(st.binary(max_size=60))
    reply = draw(st.sampled_from(METHODS).flatmap(replies))
    head = [draw(LINES)]
    head += [f"{name}: {value}".encode("latin-1", "replace") for name, value in reply.headers]
    if draw(st.booleans()):
        head.append(b"content-length: %d" % (len(reply.sent) + draw(st.sampled_from([0, 0, 0, 1, -1]))))
    if draw(st.integers(0, 9)) == 9:
        head.append(draw(st.binary(max_size=20)))
    return draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"])).join([*head, b"", b""]) + reply.sent


@fuzz(200)
@given(
    operation=st.sampled_from(OPERATIONS),
    sent=streams(),
    then=st.sampled_from(["close"] * 8 + ["hang", "slow"]),
)
@example(operation="get", sent=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, then="hang")
@example(
    operation="create", sent=b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n{", then="hang"
)
@example(operation="delete", sent=b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, then="close")
def test_call_ends_as_documented_on_a_socket(loopback: Loopback, operation: Operation, sent: bytes, then: str) -> None:
    """For any bytes from a server that then closes the connection, stalls or is slow, each call ends in time.

    Each call returns a result or raises a documented error.
    """
    loopback.prepared, loopback.then = sent, then
    settings = Settings.load(
        {"baseUrl": loopback.url, "apiKey": KEY, "timeoutSeconds": f"{HASTY_TIMEOUT:g}"},
        {},
    )
    client = JusttClient(settings, policy=HASTY)
    started = time.monotonic()

    try:
        result = call(client, operation)
    except JusttError as error:
        event(f"{operation}: {type(error).__name__}")
        assert_presentable(str(error), known_to(operation))
    else:
        event(f"{operation}: a result")
        assert operation != "get" or isinstance(result, RemoteRecord)
        assert b" 20" in sent
    finally:
        client.close()

    # A stalled connection would take longer.
    assert time.monotonic() - started < HANG_SECONDS / 2
