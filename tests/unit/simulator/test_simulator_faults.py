"""The simulator's faults over a real socket: their effect for the client, on the records, and their timing."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from pulumi_justt.simulator import FOREIGN_IDENTIFIER, Fault, Options, SimulatorServer
from pulumi_justt.simulator.api import OPERATIONS
from pulumi_justt.simulator.faults import KINDS
from pulumi_justt.simulator.faults import OPERATIONS as KNOWN_OPERATIONS
from support.checkout import ROOT
from support.harness import HANG_SECONDS, eventually
from support.simulator_requests import NO_TLS, account_header, end_body, new_body

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSED = "Server disconnected without sending a response"


class Api:
    """A simulator, and a client of its API."""

    def __init__(self, simulator: SimulatorServer, http: httpx.Client) -> None:
        self.simulator = simulator
        self.http = http

    def fault(self, *texts: str) -> None:
        """Replace all faults of the simulator."""
        self.simulator.faults = [Fault.parse(text) for text in texts]

    def create(self, account: str | None = None, **changes: object) -> httpx.Response:
        """Create an integration, and return the response."""
        return self.http.post("/integrations", json=new_body(**changes), headers=account_header(account))

    def created(self, account: str | None = None, **changes: object) -> str:
        """Create an integration, assert that the simulator answers 201, and return the id."""
        answer = self.create(account, **changes)
        assert answer.status_code == 201, answer.text
        integration_id: str = answer.json()["integrationId"]
        return integration_id

    def statuses(self, count: int, method: str = "GET", path: str = "/integrations") -> list[int]:
        """Send *count* requests, and return the statuses of the responses."""
        return [self.http.request(method, path).status_code for _ in range(count)]

    def listed(self, **query: int) -> list[str]:
        """Return the ids on one page of the list."""
        return [item["integrationId"] for item in self.http.get("/integrations", params=query).json()]

    def ids(self) -> list[str]:
        """Return the ids of all records."""
        return [record.id for record in self.simulator.records.integrations()]

    def fired(self) -> list[tuple[str, str, str, str | None]]:
        """Return the effects of faults so far, each as method, path, fault and id."""
        return [(each.method, each.path, each.fault.what, each.id) for each in self.simulator.fired]

    def journal(self) -> list[tuple[int, tuple[str, ...]]]:
        """Return the status and the faults of each recorded request."""
        return [(exchange.status, exchange.faults) for exchange in self.simulator.requests]


@pytest.fixture
def api() -> Iterator[Api]:
    """Start a simulator without faults."""
    with (
        SimulatorServer() as simulator,
        httpx.Client(
            base_url=simulator.base_url, headers={"Authorization": "Bearer key-1"}, verify=NO_TLS, timeout=600
        ) as http,
    ):
        yield Api(simulator, http)


# Before the commit


def test_latency_delays_a_request_before_it_is_handled(api: Api) -> None:
    """The latencies of two faults and of the option add up.

    The latencies also delay a request that the simulator refuses.
    """
    api.simulator.options = Options(latency=0.03)
    api.fault("GET * latency=0.03", "GET /integrations latency=0.04")
    begun = time.monotonic()
    assert api.http.get("/integrations", headers={"Authorization": ""}).status_code == 401
    assert time.monotonic() - begun >= 0.1
    assert api.journal() == [(401, ("latency", "latency"))]


def test_status_before_the_commit_does_nothing(api: Api) -> None:
    """With the fault `status`, a create gets the error in the form of the options, and creates nothing.

    The recorded request has the same errorId.
    """
    api.fault("POST /integrations status=503")
    answer = api.create()
    exchange = api.simulator.requests[0]
    assert (answer.status_code, "retry-after" in answer.headers) == (503, False)
    assert answer.json() == {"status": 503, "message": "an injected fault", "errorId": exchange.error_id}
    assert (exchange.status, exchange.faults) == (503, ("status",))
    assert exchange.body["externalIdentifier"] == "stripe-eu"
    assert api.ids() == []
    assert api.fired() == [("POST", "/v1/integrations", "status", None)]


@pytest.mark.parametrize("what", ["status", "status-after-commit"])
def test_error_status_has_any_envelope_and_retry_after(api: Api, what: str) -> None:
    """The faults `status` and `status-after-commit` can return each documented error form or a proxy's page.

    Both faults can add a Retry-After in seconds or as a date.
    """
    api.fault(
        f"POST * {what}=429 body=status retry-after=2 times=1",
        f"POST * {what}=500 body=error times=1",
        f"POST * {what}=500 body=statusCode times=1",
        f"POST * {what}=502 body=html retry-after='Fri, 31 Dec 2027 23:59:59 GMT'",
    )
    answers = [api.create() for _ in range(4)]
    assert [answer.headers.get("retry-after") for answer in answers] == [
        "2",
        None,
        None,
        "Fri, 31 Dec 2027 23:59:59 GMT",
    ]
    assert [set(answer.json()) for answer in answers[:3]] == [
        {"status", "message", "errorId"},
        {"error", "message", "errorId"},
        {"message", "statusCode"},
    ]
    assert answers[3].headers["content-type"].startswith("text/html")
    assert "<h1>502 Bad Gateway</h1>" in answers[3].text
    assert len(api.ids()) == (0 if what == "status" else 4)


def test_drop_before_the_commit_commits_nothing(api: Api) -> None:
    """With `drop-before-commit`, the connection of a create closes without a response, and nothing is created.

    The recorded status is 0.
    """
    api.fault("POST * drop-before-commit times=1")
    with pytest.raises(httpx.RemoteProtocolError, match=CLOSED):
        api.create()
    assert (api.ids(), api.journal()) == ([], [(0, ("drop-before-commit",))])
    api.created()


def test_hang_before_the_commit_commits_nothing(api: Api) -> None:
    """With `hang-before-commit`, a create gets no response until the client's timeout, and nothing is created."""
    api.fault("POST * hang-before-commit times=1")
    with pytest.raises(httpx.ReadTimeout):
        api.http.post("/integrations", json=new_body(), timeout=0.5)
    eventually(lambda: api.journal() == [(0, ("hang-before-commit",))])
    assert api.ids() == []
    api.created()


def test_hang_is_bounded(api: Api) -> None:
    """With `hang-before-commit=0.05`, the connection closes without a response after 0.05 seconds."""
    api.fault("* * hang-before-commit=0.05")
    begun = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError, match=CLOSED):
        api.http.get("/integrations")
    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_commits_nothing(api: Api, status: int) -> None:
    """With the fault `redirect`, a create gets a redirect to the given URL or to a path of the simulator.

    Nothing is created, even if the client follows the redirect.
    """
    api.fault(f"POST * redirect={status} times=1", f"POST * redirect={status} location=https://other.example/x")
    assert [api.create().headers["location"] for _ in range(2)] == ["/v1/redirected", "https://other.example/x"]
    api.fault(f"POST * redirect={status}")
    api.http.post("/integrations", json=new_body(), follow_redirects=True)
    assert (api.simulator.requests[-1].path, api.simulator.requests[-1].status) == ("/v1/redirected", 404)
    assert api.ids() == []


def test_a_login_page_commits_nothing(api: Api) -> None:
    """With the fault `login-page`, each request gets a proxy's login page with status 200, and nothing is created."""
    api.fault("* * login-page")
    answers = [api.create(), api.http.get("/integrations/x")]
    assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [
        (200, "text/html; charset=utf-8")
    ] * 2
    assert "<h1>Sign in</h1>" in answers[0].text
    assert api.ids() == []


# After the commit


def test_status_after_the_commit_keeps_the_record(api: Api) -> None:
    """With the fault `status-after-commit`, a create gets an error, but the simulator has created the integration."""
    api.fault("POST * status-after-commit=500")
    assert api.create().status_code == 500
    (integration_id,) = api.ids()
    assert api.journal() == [(500, ("status-after-commit",))]
    assert api.fired() == [("POST", "/v1/integrations", "status-after-commit", integration_id)]


def test_drop_after_the_commit_keeps_the_record(api: Api) -> None:
    """With `drop-after-commit`, a create and a deactivation get no response but take effect.

    The recorded status is that of the lost response.
    """
    api.fault("POST * drop-after-commit", "DELETE * drop-after-commit")
    with pytest.raises(httpx.RemoteProtocolError, match=CLOSED):
        api.create()
    (integration_id,) = api.ids()
    path = f"/integrations/{integration_id}"
    with pytest.raises(httpx.RemoteProtocolError, match=CLOSED):
        api.http.request("DELETE", path, json=end_body(integration_id, deactivationDate="2020-01-01T00:00:00Z"))
    assert api.http.get(path).json()["status"] == "INACTIVE"
    assert api.journal() == [(201, ("drop-after-commit",)), (200, ("drop-after-commit",)), (200, ())]
    assert [each.id for each in api.simulator.fired] == [integration_id] * 2


def test_hang_after_the_commit_keeps_the_record(api: Api) -> None:
    """With `hang-after-commit`, a create gets no response until the client's timeout.

    The simulator has created the integration.
    """
    api.fault("POST * hang-after-commit")
    with pytest.raises(httpx.ReadTimeout):
        api.http.post("/integrations", json=new_body(), timeout=0.5)
    eventually(lambda: api.journal() == [(201, ("hang-after-commit",))])
    assert len(api.ids()) == 1


def test_a_truncated_body_is_shorter_than_announced(api: Api) -> None:
    """With `truncated-body`, a response has fewer bytes than its Content-Length, even if its body would be empty."""
    api.fault("* * truncated-body")
    with pytest.raises(httpx.RemoteProtocolError, match="received 28 bytes, expected 57"):
        api.create()
    (integration_id,) = api.ids()
    with pytest.raises(httpx.RemoteProtocolError, match="received 1 bytes, expected 2"):
        api.http.request("DELETE", f"/integrations/{integration_id}", json=end_body(integration_id))


def test_an_empty_body_has_the_right_status(api: Api) -> None:
    """With the fault `empty-body`, a create succeeds and gets a 201 without a body."""
    api.fault("POST * empty-body")
    answer = api.create()
    assert (answer.status_code, answer.content, len(api.ids())) == (201, b"", 1)


def test_a_body_may_be_invalid_json(api: Api) -> None:
    """With the fault `not-json`, a create succeeds and gets an HTML page.

    With `not-json=bytes`, the response is binary although its content type is JSON.
    """
    api.fault("POST * not-json times=1", "POST * not-json=bytes")
    page, raw = api.create(), api.create()
    assert (page.status_code, page.headers["content-type"]) == (201, "text/html")
    assert page.text.startswith("<html>")
    assert (raw.status_code, raw.headers["content-type"]) == (201, "application/json")
    with pytest.raises(UnicodeDecodeError):
        raw.json()
    assert len(api.ids()) == 2


@pytest.mark.slow
def test_a_slow_body_is_complete_in_the_end(api: Api) -> None:
    """With `slow-body=3`, a response arrives in parts over three seconds, and is complete in the end.

    No pause between parts reaches the client's timeout.
    """
    api.fault("POST * slow-body=3")
    begun = time.monotonic()
    answer = api.http.post("/integrations", json=new_body(), timeout=2)
    assert time.monotonic() - begun >= 3
    assert answer.json() == {"integrationId": api.ids()[0]}


def test_a_client_may_disconnect_during_a_slow_body(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """If a client disconnects during a slow body, the simulator logs no error and serves the next request."""
    api.fault("GET * slow-body=0.1")
    with httpx.Client(verify=NO_TLS, headers=api.http.headers) as http:
        request = http.build_request("GET", f"{api.simulator.base_url}/integrations")
        http.send(request, stream=True).close()
    time.sleep(0.2)
    api.simulator.clear_faults()
    assert api.statuses(1) == [200]
    assert "Error handling request" not in caplog.text


def test_a_fault_can_select_an_envelope(api: Api) -> None:
    """The fault `envelope` sets the envelope of a matching response.

    Other responses have the envelope of the options.
    """
    integration_id = api.created()
    bare = api.http.get(f"/integrations/{integration_id}").json()
    api.simulator.options = dataclasses.replace(api.simulator.options, create_envelope="id")
    api.fault(
        "GET /integrations envelope=enveloped times=1",
        "GET /integrations/{id} envelope=enveloped times=1",
        "POST /integrations envelope=integrationId times=1",
        "DELETE /integrations/{id} envelope=statusCode",
    )
    enveloped = {"status": 200, "message": "OK"}
    assert api.http.get("/integrations").json() == {**enveloped, "hasMore": False, "data": [bare]}
    assert api.http.get("/integrations").json() == [bare]
    assert api.http.get(f"/integrations/{integration_id}").json() == {**enveloped, "data": bare}
    assert api.http.get(f"/integrations/{integration_id}").json() == bare
    assert [set(api.create().json()) for _ in range(2)] == [{"integrationId"}, {"status", "message", "id"}]
    refusal = api.http.request("DELETE", "/integrations/none", json=end_body("none")).json()
    assert refusal == {"message": "no such integration", "statusCode": 404}
    api.fault("POST * envelope=id")
    assert set(api.create().json()) == {"status", "message", "id"}


@pytest.mark.parametrize("form", ["bare", "enveloped"])
def test_a_response_may_lack_its_id(api: Api, form: str) -> None:
    """With the fault `no-id`, the responses to a create, a list and a read lack the id, and nothing else."""
    integration_id = api.created()
    api.fault("* * no-id", f"GET * envelope={form}")
    assert api.create().json() == {}
    record = {"source": "stripe", "status": "PENDING"}
    listed, read = (api.http.get(path).json() for path in ("/integrations", f"/integrations/{integration_id}"))
    assert (listed if form == "bare" else listed["data"]) == [record, record]
    assert (read if form == "bare" else read["data"]) == record
    ended = api.http.request("DELETE", f"/integrations/{integration_id}", json=end_body(integration_id))
    assert ended.json() is None


def test_an_undocumented_shape_moves_the_response(api: Api) -> None:
    """With the fault `undocumented-shape`, the response to a create is in an undocumented field."""
    api.fault("* * undocumented-shape")
    assert api.create().json() == {"result": [{"integrationId": api.ids()[0]}]}


# Changes without the client


@pytest.mark.parametrize("status", ["INACTIVE", "FAILED"])
def test_record_changes_before_it_is_read(api: Api, status: str) -> None:
    """With the fault `becomes`, the integration that a client reads gets another status and keeps it.

    Other integrations don't change.
    """
    integration_id, other = api.created(), api.created()
    api.fault(f"GET /integrations/{{id}} becomes={status} times=1")
    assert [api.http.get(f"/integrations/{integration_id}").json()["status"] for _ in range(2)] == [status] * 2
    assert api.http.get(f"/integrations/{other}").json()["status"] == "PENDING"
    assert api.fired() == [("GET", f"/v1/integrations/{integration_id}", "becomes", integration_id)]


def test_a_fault_can_change_a_named_record(api: Api) -> None:
    """With an `id`, the fault `becomes` changes that record on any matching request. An unknown id changes nothing."""
    integration_id = api.created()
    api.fault(f"GET /integrations becomes=INACTIVE id={integration_id}", "* * becomes=FAILED id=none")
    assert [item["status"] for item in api.http.get("/integrations").json()] == ["INACTIVE"]


def test_a_deactivation_may_come_too_late(api: Api) -> None:
    """If `becomes` makes an integration INACTIVE just before its deactivation, the deactivation is refused."""
    integration_id = api.created()
    api.fault("DELETE /integrations/{id} becomes=INACTIVE")
    answer = api.http.request("DELETE", f"/integrations/{integration_id}", json=end_body(integration_id))
    assert (answer.status_code, answer.json()["message"]) == (400, "the integration is INACTIVE already")
    assert api.journal()[-1] == (400, ("becomes",))


@pytest.mark.parametrize("order", ["oldest-first", "newest-first"])
def test_insertion_shifts_the_pages(api: Api, order: str) -> None:
    """With the fault `shift=insert`, a record appears at the front between two pages.

    So the last record of page 1 is the first record of page 2.
    """
    ids = [api.created() for _ in range(20)]
    api.simulator.options = Options(list_order="newest-first" if order == "newest-first" else "oldest-first")
    expected = ids if order == "oldest-first" else ids[::-1]
    api.fault("GET /integrations shift=insert source=adyen skip=1 times=1")
    assert api.listed(page=1) == expected[:10]
    assert api.listed(page=2) == expected[9:19]
    (fired,) = api.simulator.fired
    assert api.listed(page=1)[0] == fired.id
    foreign = api.simulator.records.integration(str(fired.id))
    assert foreign is not None
    assert (foreign.external_identifier, foreign.source, foreign.status) == (FOREIGN_IDENTIFIER, "adyen", "PENDING")


@pytest.mark.parametrize("order", ["oldest-first", "newest-first"])
def test_move_shifts_the_pages(api: Api, order: str) -> None:
    """With the fault `shift=move`, the first record moves to the end between two pages.

    So the record that was first on page 2 is on neither page.
    """
    ids = [api.created("acc_1") for _ in range(20)]
    other = api.created()
    api.simulator.options = Options(list_order="newest-first" if order == "newest-first" else "oldest-first")
    api.http.headers["reference-account-id"] = "acc_1"
    expected = ids if order == "oldest-first" else ids[::-1]
    api.fault("GET /integrations shift=move skip=1 times=1")
    assert api.listed(page=1) == expected[:10]
    assert api.listed(page=2) == [*expected[11:], expected[0]]
    assert [each.id for each in api.simulator.fired] == [expected[0]]
    assert set(api.ids()) == {*ids, other}


def test_an_empty_list_has_nothing_to_move(api: Api) -> None:
    """On an empty list, the fault `shift=move` changes nothing, and `shift=insert` inserts the first record."""
    api.fault("GET /integrations shift=move")
    assert api.listed() == []
    api.fault("GET /integrations shift=insert times=1")
    assert api.listed() == [api.simulator.fired[-1].id]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_second_writer_creates_an_integration(api: Api, when: str) -> None:
    """With `foreign-before-commit` or `foreign-after-commit`, another integration appears in the account of a create.

    The new integration has the create's source or the given one.
    """
    api.fault(
        f"POST /integrations foreign-{when}-commit times=1", f"POST /integrations foreign-{when}-commit source=x skip=1"
    )
    mine = [api.created("acc_1", source="adyen") for _ in range(2)]
    records = api.simulator.records.integrations()
    foreign = [record for record in records if record.id not in mine]
    assert [(record.source, record.account) for record in foreign] == [("adyen", "acc_1"), ("x", "acc_1")]
    assert {record.external_identifier for record in foreign} == {FOREIGN_IDENTIFIER}
    assert [each.id for each in api.simulator.fired] == [record.id for record in foreign]
    assert (api.ids().index(mine[0]) == 0) == (when == "after")


def test_lost_create_with_a_second_writer(api: Api) -> None:
    """If `foreign-before-commit` and `drop-before-commit` match one create, both take effect.

    Another integration appears, and the create makes none.
    """
    api.fault("POST /integrations foreign-before-commit", "POST /integrations drop-before-commit")
    with pytest.raises(httpx.RemoteProtocolError):
        api.create()
    assert [record.external_identifier for record in api.simulator.records.integrations()] == [FOREIGN_IDENTIFIER]
    assert api.journal() == [(0, ("foreign-before-commit", "drop-before-commit"))]


# Matching


def test_fault_skips_and_counts(api: Api) -> None:
    """A fault with `skip=2 times=3` affects the third to the fifth matching request, and no others."""
    api.fault("GET * status=503 skip=2 times=3")
    assert api.statuses(7) == [200, 200, 503, 503, 503, 200, 200]


def test_fault_counts_only_its_operation(api: Api) -> None:
    """A fault counts and affects a request only if both the method and the route match."""
    api.fault("GET /integrations/{id} status=500", "DELETE * status=502 skip=1")
    integration_id = api.created()
    body = end_body(integration_id)
    path = f"/integrations/{integration_id}"
    assert api.statuses(1) + api.statuses(1, path=path) + api.statuses(1, path="/elsewhere") == [200, 500, 404]
    assert [api.http.request("DELETE", path, json=body).status_code for _ in range(2)] == [200, 502]


def test_refused_requests_are_not_counted(api: Api) -> None:
    """A fault doesn't count requests that the simulator refuses anyway, and requests of unknown operations."""
    api.simulator.options = Options(api_keys=frozenset({"key-1"}))
    api.fault("* * status=503 times=1", "GET * drop-after-commit times=1")
    assert api.create(source=...).status_code == 400
    assert api.http.get("/integrations", headers={"Authorization": "Bearer key-2"}).status_code == 401
    assert api.http.get("/elsewhere").status_code == 404
    assert api.statuses(1) == [503]
    assert api.http.get("/integrations/none").status_code == 404
    with pytest.raises(httpx.RemoteProtocolError):
        api.http.get("/integrations")


def test_the_first_matching_fault_applies(api: Api) -> None:
    """If several faults would change one response, only the first one applies. The others apply to later requests."""
    api.fault("GET * status=500 times=1", "GET * status=502 times=2", "GET * no-id times=1", "GET * empty-body")
    api.created()
    assert api.statuses(3) == [500, 502, 502]
    assert api.http.get("/integrations").json() == [{"source": "stripe", "status": "PENDING"}]
    assert api.http.get("/integrations").content == b""


def test_the_seed_decides_the_probability() -> None:
    """With the same seed, a fault with a probability affects the same requests, whatever other faults there are.

    Another seed selects other requests.
    """

    def statuses(seed: int, *more: Fault) -> list[int]:
        faults = (Fault("GET", "*", "status", 503, probability=0.5, times=20), *more)
        with (
            SimulatorServer(Options(faults=faults, seed=seed)) as simulator,
            httpx.Client(
                base_url=simulator.base_url, headers={"Authorization": "Bearer x"}, verify=NO_TLS, timeout=HANG_SECONDS
            ) as http,
        ):
            return [http.get("/integrations").status_code for _ in range(60)]

    first = statuses(1)
    assert first == statuses(1, Fault("GET", "*", "latency", 0.0, probability=0.5))
    assert first != statuses(2)
    assert first.count(503) == 20
    assert 200 in first[:20]


# Interfaces


def test_faults_begin_with_the_simulator_or_later() -> None:
    """Python code can set faults at the start of a simulator, and replace, add and remove them later.

    The record of their effects stays until the code clears it.
    """
    first = Fault("GET", "*", "status", 503, times=1)
    with (
        SimulatorServer(Options(faults=(first,))) as simulator,
        httpx.Client(
            base_url=simulator.base_url, headers={"Authorization": "Bearer x"}, verify=NO_TLS, timeout=HANG_SECONDS
        ) as http,
    ):
        api = Api(simulator, http)
        assert (simulator.faults, api.statuses(2)) == ((first,), [503, 200])
        simulator.add_fault(Fault("GET", "/integrations", "status", 500, times=1))
        assert (len(simulator.faults), api.statuses(2)) == (2, [500, 200])
        simulator.faults = [first]
        assert api.statuses(2) == [503, 200]
        simulator.options = dataclasses.replace(simulator.options, list_envelope="enveloped")
        assert api.statuses(1) == [200]
        simulator.options = dataclasses.replace(simulator.options, seed=1)
        assert api.statuses(1) == [503]
        simulator.options = dataclasses.replace(simulator.options, faults=(first, first))
        assert api.statuses(3) == [503, 503, 200]
        simulator.faults = [Fault("GET", "*", "no-id")]
        simulator.clear_faults()
        assert (simulator.faults, len(simulator.fired)) == ((), 6)
        simulator.clear_requests()
        assert simulator.fired == []


def test_control_endpoint_adds_shows_and_removes(api: Api) -> None:
    """The control endpoint adds faults that are written as text.

    The control endpoint shows how often each has taken effect, and removes all of them.
    """
    url = f"{api.simulator.control_url}/faults"
    texts = ["GET * status=503 times=1", "GET /integrations no-id skip=1"]
    with httpx.Client(verify=NO_TLS, timeout=HANG_SECONDS) as control:
        answer = control.post(url, json={"faults": texts})
        assert answer.json() == {"faults": [{"fault": text, "matched": 0, "fired": 0} for text in texts], "fired": []}
        api.statuses(3)
        shown = control.get(url).json()
        assert shown["faults"] == [
            {"fault": texts[0], "matched": 3, "fired": 1},
            {"fault": texts[1], "matched": 2, "fired": 1},
        ]
        assert shown["fired"] == [
            {"fault": text, "method": "GET", "path": "/v1/integrations", "id": None} for text in texts
        ]
        requests = control.get(f"{api.simulator.control_url}/requests").json()["requests"]
        assert [request["faults"] for request in requests] == [["status"], [], ["no-id"]]
        assert control.delete(url).json() == {"faults": [], "fired": shown["fired"]}
        assert api.simulator.faults == ()


@pytest.mark.parametrize(
    "body",
    [{}, {"faults": "GET * no-id"}, {"faults": [1]}, {"faults": ["GET * no-id", "GET * nothing"]}, {"fault": []}],
)
def test_control_endpoint_refuses_invalid_faults(api: Api, body: object) -> None:
    """If one of several faults is invalid, the control endpoint responds with 400 and adds none of them."""
    answer = httpx.post(f"{api.simulator.control_url}/faults", json=body, verify=NO_TLS, timeout=HANG_SECONDS)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert api.simulator.faults == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("* * no-id", Fault("*", "*", "no-id")),
        (
            "POST /integrations drop-after-commit skip=2 times=1",
            Fault("POST", "/integrations", "drop-after-commit", skip=2, times=1),
        ),
        (
            "GET * status=503 times=3 probability=0.5 body=html retry-after='in a while'",
            Fault("GET", "*", "status", 503, times=3, probability=0.5, body="html", retry_after="in a while"),
        ),
        ("* * latency=0.5", Fault("*", "*", "latency", 0.5)),
        ("GET * hang-before-commit=300.0", Fault("GET", "*", "hang-before-commit")),
        ("GET * redirect=307 location=https://x.example", Fault("GET", "*", "redirect", location="https://x.example")),
        ("* * becomes=FAILED id=7", Fault("*", "*", "becomes", "FAILED", id="7")),
    ],
)
def test_text_and_fault_are_the_same(text: str, fault: Fault) -> None:
    """`Fault.parse` returns the fault for a text, and the text form of this fault is the same text."""
    assert Fault.parse(text) == fault
    assert str(fault) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a fault is written METHOD ROUTE FAULT[=VALUE] [NAME=VALUE ...]; faults are latency, "),
        ("GET * 'no-id", "a fault is written METHOD ROUTE"),
        ("GET * explode", f"unknown fault 'explode'; faults are {', '.join(KINDS)}"),
        ("GET /charges no-id", "GET /charges is not an operation; operations are DELETE /integrations/{id}, "),
        ("PUT * no-id", "PUT * is not an operation; "),
        ("POST /integrations/{id} no-id", "POST /integrations/{id} is not an operation; "),
        ("* * shift=insert", "shift is for GET /integrations"),
        ("* * foreign-after-commit", "foreign-after-commit is for POST /integrations"),
        ("GET * status", "status takes an HTTP status from 400 to 511"),
        ("GET * status=200", "status takes an HTTP status from 400 to 511"),
        ("GET * no-id=1", "no-id takes no value"),
        ("GET * latency=soon", "latency takes a number of seconds, not negative"),
        ("GET * latency=-1", "latency takes a number of seconds, not negative"),
        ("GET * slow-body", "slow-body takes a number of seconds, not negative"),
        ("GET * redirect=200", "redirect takes one of 301, 302, 303, 307, 308"),
        ("* * becomes=DONE", "becomes takes one of FAILED, INACTIVE, PENDING, SUCCESSFUL"),
        ("* * becomes=FAILED", "becomes needs id=ID if the route is not /integrations/{id}"),
        ("GET * no-id often", "'often' is not NAME=VALUE with each name once; names are skip, times, probability, "),
        ("GET * no-id skip=1 skip=1", "'skip=1' is not NAME=VALUE with each name once; "),
        ("GET * no-id skip=-1", "skip must be a whole number, 0 or more, and times a whole number, 1 or more"),
        ("GET * no-id times=0", "skip must be a whole number, 0 or more, and times a whole number, 1 or more"),
        ("GET * no-id probability=0", "probability must be a number above 0 and at most 1"),
        ("GET * no-id retry-after=1", "no-id takes no details, not retry-after"),
        ("GET * status=503 id=1", "status takes body, retry-after, not id"),
        ("GET * status=503 body=xml", "body must be one of status, error, statusCode, html"),
        ("GET * status=503 retry-after='1\r\nx: y'", "retry-after must be text of one line"),
    ],
)
def test_bad_fault_is_refused_in_one_line(text: str, message: str) -> None:
    """If the text of a fault is invalid, `Fault.parse` raises an error of one line that says which values are valid."""
    with pytest.raises(ValueError, match=r".") as caught:
        Fault.parse(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [True, "503", [], float("nan")])
def test_bad_value_is_refused_in_python_too(value: object) -> None:
    """If Python code creates a fault with a value of a wrong type, `Fault` raises an error."""
    for what in ("status", "latency"):
        with pytest.raises(ValueError, match="takes"):
            Fault("GET", "*", what, value)  # type: ignore[arg-type]  # the purpose of this test


def test_bad_options_are_refused_in_python_too() -> None:
    """`Options` refuses faults that are texts. In Python code, faults are `Fault` objects."""
    with pytest.raises(ValueError, match="faults must be a tuple of Fault"):
        Options(faults=("GET * no-id",))  # type: ignore[arg-type]  # the purpose of this test


def test_faults_can_name_all_operations() -> None:
    """The operations that a fault can name are exactly those that the simulator serves."""
    assert {(method, route) for method, route, _ in OPERATIONS} == KNOWN_OPERATIONS


# Running


def test_shutdown_does_not_wait_for_hanging_requests() -> None:
    """When a simulator ends, requests that hang, are slow or are delayed by faults end at once.

    None of them gets a valid response.
    """
    texts = (
        "POST * hang-after-commit",
        "GET /integrations/{id} hang-before-commit",
        "DELETE * latency=600",
        "GET /integrations slow-body=600",
    )
    outcomes: list[object] = []
    with SimulatorServer(Options(faults=tuple(Fault.parse(text) for text in texts))) as simulator:

        def send(method: str, path: str) -> None:
            with httpx.Client(verify=NO_TLS, timeout=HANG_SECONDS, headers={"Authorization": "Bearer x"}) as http:
                try:
                    outcomes.append(http.request(method, simulator.base_url + path, json=new_body()).status_code)
                except httpx.HTTPError as error:
                    outcomes.append(type(error))

        one = "/integrations/none"
        calls = (("POST", "/integrations"), ("GET", "/integrations"), ("DELETE", one), ("GET", one))
        threads = [threading.Thread(target=send, args=call) for call in calls * 2]
        for thread in threads:
            thread.start()
        while len(simulator.requests) < 6:  # the delayed ones are not handled yet
            time.sleep(0.005)
        assert outcomes == []
    for thread in threads:
        thread.join()
    # A connection that closes while the client still sends ends with a reset, a ReadError.
    assert sum(outcome in (httpx.RemoteProtocolError, httpx.ReadError) for outcome in outcomes) >= 4
    assert 201 not in outcomes


def test_faults_leave_no_warning(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """When faults close connections, the logs have no errors or warnings, and one line for each request."""
    caplog.set_level("INFO")
    api.fault("* * drop-after-commit times=1", "* * truncated-body times=1", "* * hang-after-commit=0.01 times=1")
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            api.http.get("/integrations")
    assert {record.levelname for record in caplog.records} == {"INFO"}
    lines = [record.getMessage() for record in caplog.records if record.name == "pulumi_justt.simulator"]
    assert lines == [
        f"GET /v1/integrations 200 - {what}" for what in ("drop-after-commit", "truncated-body", "hang-after-commit")
    ]


def test_each_kind_of_fault_is_documented() -> None:
    """`docs/simulator.md` has a row for each kind of fault."""
    page = (ROOT / "docs" / "simulator.md").read_text()

    assert [kind for kind in KINDS if f"| `{kind}" not in page] == []
