"""The simulator over a real socket: the data that it stores, the requests that it refuses, and its redaction."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from pulumi_justt.simulator import Exchange, Options, SimulatorServer, key_fingerprint, payload_digest, run
from support.clock import Clock
from support.harness import HANG_SECONDS
from support.simulator_requests import CANARY, NO_TLS, account_header, end_body, new_body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
PAYLOADS: dict[str, dict[str, str]] = {
    "APIKEY_ONLY": {"apiKey": CANARY},
    "PUBLIC_SECRET_KEY": {"secretKey": CANARY},
    "BASIC_AUTH": {"clientId": "id", "clientSecret": CANARY},
    "USERNAME_PASSWORD": {"username": "name", "password": CANARY},
    "HMAC": {"hmac": CANARY, "apiKey": CANARY},
    "APIKEY": {"apiKey": CANARY},
    "sftp": {"username": "name", "password": CANARY},
}


class Api:
    """A simulator, with a client of its API and a client of its control endpoint."""

    def __init__(self, simulator: SimulatorServer, clock: Clock, http: httpx.Client, control: httpx.Client) -> None:
        self.simulator = simulator
        self.clock = clock
        self.http = http
        self.control = control

    def configure(self, **changes: object) -> None:
        """Change options of the simulator through the control endpoint."""
        assert self.control.patch("/options", json=changes).status_code == 200

    def create(self, account: str | None = None, **changes: object) -> str:
        """Create an integration and return its id."""
        answer = self.http.post("/integrations", json=new_body(**changes), headers=account_header(account))
        assert answer.status_code == 201, answer.text
        created: str = answer.json()["integrationId"]
        return created

    def read(self, integration_id: str, account: str | None = None) -> httpx.Response:
        """Read one integration."""
        return self.http.get(f"/integrations/{integration_id}", headers=account_header(account))

    def end(self, integration_id: str, account: str | None = None, **changes: object) -> httpx.Response:
        """Deactivate one integration, and return the response."""
        return self.http.request(
            "DELETE",
            f"/integrations/{integration_id}",
            json=end_body(integration_id, **changes),
            headers=account_header(account),
        )

    def status(self, integration_id: str) -> str:
        """Return the status of an integration that the API shows."""
        status: str = self.read(integration_id).json()["status"]
        return status


def client(base_url: str, api_key: str | None = None) -> httpx.Client:
    """Return an HTTP client for the API or the control endpoint of a simulator."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return httpx.Client(base_url=base_url, headers=headers, verify=NO_TLS, timeout=HANG_SECONDS)


def refused(answer: httpx.Response, status: int) -> str:
    """Assert that a response is an error with this status, and return its message."""
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert answer.json()["errorId"].startswith("sim-")
    message: str = answer.json()["message"]
    assert CANARY not in answer.text
    return message


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test controls, for the simulator."""
    return Clock(NOW)


@pytest.fixture
def api(clock: Clock) -> Iterator[Api]:
    """Start a simulator with the documented behavior."""
    with (
        SimulatorServer(clock=clock) as simulator,
        client(simulator.base_url, "key-1") as http,
        client(simulator.control_url) as control,
    ):
        yield Api(simulator, clock, http, control)


# Storage


def test_created_integration_is_read_back_as_pending(api: Api) -> None:
    """A read of a new integration shows the id, the source and the status PENDING, and no other fields."""
    created = api.create()
    answer = api.read(created)
    assert answer.status_code == 200
    assert answer.json() == {"integrationId": created, "source": "stripe", "status": "PENDING"}


def test_records_contain_everything_but_the_payload(api: Api) -> None:
    """After a create, the simulator's record has all that the request contained.

    Of the payload, it has only the digest and the keys.
    """
    payload = {"username": "name", "privateKey": CANARY, "passphrase": CANARY}
    created = api.create("acc_1", secretType="sftp", secretPayload=payload, merchantAccountCodes=["b", "a"])
    record = api.simulator.records.integration(created)
    assert record is not None
    assert (record.account, record.external_identifier, record.integration_name) == ("acc_1", "stripe-eu", "Stripe EU")
    assert (record.source, record.secret_type) == ("stripe", "sftp")
    assert record.payload_digest == payload_digest(dict(reversed(list(payload.items()))))
    assert record.payload_keys == ("passphrase", "privateKey", "username")
    assert record.merchant_account_codes == ("b", "a")
    assert record.created_at == "2027-01-15T08:00:00Z"


def test_different_payloads_have_different_digests() -> None:
    """`payload_digest` returns different digests for different payloads."""
    assert payload_digest({"apiKey": "a"}) != payload_digest({"apiKey": "b"})


def test_two_integrations_may_share_an_external_identifier(api: Api) -> None:
    """The simulator accepts two creates with one external identifier. Justt's documentation doesn't forbid it."""
    assert api.create() != api.create()


def test_records_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    """A second simulator that uses the database file of an earlier one has the same records, accounts and statuses."""
    options = Options(database=str(tmp_path / "records.db"))
    with (
        SimulatorServer(options, clock=clock) as first,
        client(first.base_url, "key-1") as http,
    ):
        kept = http.post("/integrations", json=new_body(), headers=account_header("acc_1")).json()["integrationId"]
        ended = http.post("/integrations", json=new_body()).json()["integrationId"]
        assert http.request("DELETE", f"/integrations/{ended}", json=end_body(ended)).status_code == 200
        before = first.records.integrations()
    with (
        SimulatorServer(options, clock=clock) as second,
        client(second.base_url, "key-1") as http,
    ):
        assert second.records.integrations() == before
        assert http.get(f"/integrations/{kept}", headers=account_header("acc_1")).json()["status"] == "PENDING"
        assert http.get(f"/integrations/{ended}").json()["status"] == "INACTIVE"


def test_database_must_be_a_regular_file(tmp_path: Path) -> None:
    """The simulator refuses a named pipe as its database, and doesn't change the pipe's mode.

    For /dev/null, root could otherwise make the device unusable.
    """
    pipe = tmp_path / "records.db"
    os.mkfifo(pipe, 0o644)
    mode = pipe.stat().st_mode
    with pytest.raises(ValueError, match="not a regular file"), SimulatorServer(Options(database=str(pipe))):
        pass
    assert pipe.stat().st_mode == mode


def test_database_of_another_version_is_refused(tmp_path: Path) -> None:
    """If a database file has another version of the tables, the simulator raises an error before it serves requests."""
    path = tmp_path / "records.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="another version"), SimulatorServer(Options(database=str(path))):
        pass


# Accounts and keys


def test_accounts_do_not_see_each_other(api: Api) -> None:
    """A client can read, list and deactivate an integration only with the account of the create."""
    created = api.create("acc_1")
    assert api.read(created, "acc_1").status_code == 200
    for other in ("acc_2", None):
        assert refused(api.read(created, other), 404) == "no such integration"
        refused(api.end(created, other), 404)
        assert api.http.get("/integrations", headers=account_header(other)).json() == []
    refused(api.read(api.create(), "acc_1"), 404)


def test_an_account_header_may_be_any_bytes(api: Api) -> None:
    """If a client sends an account that is not UTF-8, the simulator treats it as an account like any other."""
    headers = {b"reference-account-id": b"\xff"}
    created = api.http.post("/integrations", json=new_body(), headers=headers).json()["integrationId"]
    assert api.http.get(f"/integrations/{created}", headers=headers).status_code == 200
    refused(api.read(created), 404)


@pytest.mark.parametrize("value", ["", "Bearer", "Basic a2V5", "key-1"])
def test_missing_key_is_refused(api: Api, value: str) -> None:
    """The simulator responds with 401 to every request without a bearer key."""
    for method, path in (("GET", "/integrations"), ("POST", "/integrations"), ("GET", "/elsewhere")):
        message = refused(api.http.request(method, path, headers={"Authorization": value}), 401)
        assert message == "an API key is required: Authorization: Bearer <api key>"


def test_keys_can_be_rotated_while_running(api: Api) -> None:
    """After the control endpoint sets the keys, the simulator refuses other keys.

    The endpoint shows fingerprints, never keys.
    """
    assert api.control.get("/keys").json() == {"fingerprints": None}
    assert api.http.get("/integrations").status_code == 200
    answer = api.control.put("/keys", json={"apiKeys": ["key-2"]})
    assert answer.json() == api.control.get("/keys").json() == {"fingerprints": [key_fingerprint("key-2")]}
    assert "key-2" not in answer.text
    assert refused(api.http.get("/integrations"), 401) == "the API key is not valid"
    assert api.http.get("/integrations", headers={"Authorization": "bearer key-2"}).status_code == 200
    api.control.put("/keys", json={"apiKeys": None})
    assert api.http.get("/integrations").status_code == 200


@pytest.mark.parametrize("body", [{}, {"apiKeys": "key"}, {"apiKeys": [""]}, {"apiKeys": [1]}, {"keys": None}])
def test_bad_keys_are_refused(api: Api, body: object) -> None:
    """The control endpoint refuses an empty key, and keys in another form.

    The simulator still accepts the earlier keys.
    """
    assert api.control.put("/keys", json=body).status_code == 400
    assert api.http.get("/integrations").status_code == 200


def test_options_do_not_show_keys() -> None:
    """The text form of `Options` doesn't contain the API keys."""
    assert CANARY not in repr(Options(api_keys=frozenset({CANARY})))


# Status and deactivation


def test_an_integration_succeeds_at_the_set_age(api: Api) -> None:
    """With `successful_after`, an integration becomes SUCCESSFUL with a go-live date at that age."""
    api.configure(successful_after=60)
    created = api.create()
    api.clock.now += 59
    assert api.read(created).json() == {"integrationId": created, "source": "stripe", "status": "PENDING"}
    api.clock.now += 1
    assert api.read(created).json()["status"] == "SUCCESSFUL"
    assert api.read(created).json()["goLiveDate"] == "2027-01-15T08:01:00Z"


def test_the_status_can_be_set(api: Api) -> None:
    """The control endpoint sets an integration's status and go-live date. A set status overrides `successful_after`."""
    api.configure(successful_after=0)
    created = api.create()
    path = f"/integrations/{created}"
    assert api.control.patch(path, json={"status": "FAILED"}).json()["status"] == "FAILED"
    assert api.read(created).json() == {"integrationId": created, "source": "stripe", "status": "FAILED"}
    api.control.patch(path, json={"status": "SUCCESSFUL", "goLiveDate": "2027-02-01T00:00:00Z"})
    assert api.read(created).json()["goLiveDate"] == "2027-02-01T00:00:00Z"
    api.control.patch(path, json={"goLiveDate": None})
    assert "goLiveDate" not in api.read(created).json()


def test_a_set_status_ends_a_deactivation(api: Api) -> None:
    """If the control endpoint sets the status of a deactivated integration, the record has no deactivation any more."""
    created = api.create()
    assert api.end(created).status_code == 200
    answer = api.control.patch(f"/integrations/{created}", json={"status": "SUCCESSFUL"}).json()
    assert (answer["status"], answer["deactivationType"], answer["deactivationDate"]) == ("SUCCESSFUL", None, None)


@pytest.mark.parametrize(
    "body", [{"status": "DONE"}, {"status": None}, {"goLiveDate": "soon"}, {"goLiveDate": 1}, {"source": "adyen"}]
)
def test_an_invalid_status_is_refused(api: Api, body: object) -> None:
    """The control endpoint refuses an undocumented status, an invalid date and other fields."""
    assert api.control.patch(f"/integrations/{api.create()}", json=body).status_code == 400


def test_an_unknown_id_is_not_found(api: Api) -> None:
    """If the control endpoint gets a status for an unknown id, it responds with 404."""
    assert api.control.patch("/integrations/none", json={"status": "FAILED"}).status_code == 404


def test_a_deactivated_integration_stays_as_inactive(api: Api) -> None:
    """After a deactivation, whose response has no body, a read and a list show the integration as INACTIVE."""
    created = api.create()
    answer = api.end(created)
    assert (answer.status_code, answer.content) == (200, b"")
    assert api.status(created) == "INACTIVE"
    assert [item["status"] for item in api.http.get("/integrations").json()] == ["INACTIVE"]
    record = api.simulator.records.integration(created)
    assert record is not None
    assert (record.deactivation_type, record.deactivation_date) == ("postingDate", "2027-01-01T00:00:00Z")


def test_future_deactivation_takes_effect_at_its_date(api: Api) -> None:
    """Before the date of a deactivation, the status stays the same, and another deactivation can move the date.

    At the date, the status becomes INACTIVE.
    """
    created = api.create()
    assert api.end(created, deactivationDate="2027-01-15T08:00:10Z").status_code == 200
    assert api.status(created) == "PENDING"
    assert api.end(created, deactivationDate="2027-01-15T10:00:20.5+02:00").status_code == 200
    api.clock.now += 20
    assert api.status(created) == "PENDING"
    api.clock.now += 1
    assert api.status(created) == "INACTIVE"


def test_deactivating_twice_is_refused(api: Api) -> None:
    """The simulator refuses to deactivate an INACTIVE integration, even if the control endpoint set that status."""
    deactivated, updated = api.create(), api.create()
    api.end(deactivated)
    api.control.patch(f"/integrations/{updated}", json={"status": "INACTIVE"})
    for created in (deactivated, updated):
        assert refused(api.end(created), 400) == "the integration is INACTIVE already"


def test_a_deactivation_must_repeat_the_id_of_its_path(api: Api) -> None:
    """The simulator refuses a deactivation whose body has another id than its path."""
    message = refused(api.end(api.create(), integrationId="another"), 400)
    assert message == "integrationId must be the id in the path"


@pytest.mark.parametrize(
    "date",
    [
        "2027-01-15",
        "2027-01-15T08:00:00",
        "2027-13-15T08:00:00Z",
        "2027-01-15T08:00:00+99:00",
        "now",
        "1800000000",
        1_800_000_000,
    ],
)
def test_deactivation_date_must_be_a_date_time(api: Api, date: object) -> None:
    """The simulator accepts a deactivation date only as a date-time string, as in the OpenAPI document.

    The simulator refuses Unix seconds, which the guide shows.
    """
    created = api.create()
    assert "deactivationDate" in refused(api.end(created, deactivationDate=date), 400)
    assert api.status(created) == "PENDING"


def test_deactivation_type_must_be_documented(api: Api) -> None:
    """The simulator refuses a deactivation type other than `dueDate` and `postingDate`."""
    message = refused(api.end(api.create(), deactivationType="today"), 400)
    assert message == "deactivationType must be one of dueDate, postingDate"


# Validation


@pytest.mark.parametrize("secret_type", PAYLOADS)
@pytest.mark.parametrize("way", ["complete", "missing", "empty", "wrong type"])
def test_payload_has_what_its_type_requires(api: Api, secret_type: str, way: str) -> None:
    """The simulator accepts each documented secret type with its required fields.

    The simulator refuses a payload that lacks one of them, or has an empty or wrong value.
    """
    complete = PAYLOADS[secret_type]
    if way == "complete":
        api.create(secretType=secret_type, secretPayload=complete)
        return
    for name in complete:
        payload: dict[str, object] = {key: value for key, value in complete.items() if key != name}
        if way != "missing":
            payload[name] = "" if way == "empty" else [CANARY]
        message = refused(
            api.http.post("/integrations", json=new_body(secretType=secret_type, secretPayload=payload)), 400
        )
        assert name in message
    assert api.simulator.records.integrations() == []


def test_sftp_takes_a_private_key_instead_of_a_password(api: Api) -> None:
    """The simulator accepts `sftp` credentials that have a private key and no password."""
    api.create(secretType="sftp", secretPayload={"username": "name", "privateKey": CANARY})


def test_optional_payload_fields_are_strings(api: Api) -> None:
    """The simulator refuses a documented optional field that is no string.

    The simulator accepts any value in an undocumented field.
    """
    api.create(secretPayload={"apiKey": CANARY, "region": 7})
    body = new_body(secretType="HMAC", secretPayload={**PAYLOADS["HMAC"], "merchantCode": 7})
    assert refused(api.http.post("/integrations", json=body), 400) == "secretPayload.merchantCode must be a string"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"externalIdentifier": ...}, "externalIdentifier is required"),
        ({"externalIdentifier": ""}, "externalIdentifier must have 1 to 255 characters"),
        ({"externalIdentifier": "x" * 256}, "externalIdentifier must have 1 to 255 characters"),
        ({"externalIdentifier": 7}, "externalIdentifier must be a string"),
        ({"integrationName": ...}, "integrationName is required"),
        ({"integrationName": ["x"]}, "integrationName must be a string"),
        ({"source": ...}, "source is required"),
        ({"source": CANARY}, "source must be one of adyen, braintree, justt_sandbox, paypal, stripe"),
        ({"secretType": ...}, "secretType is required"),
        (
            {"secretType": CANARY},
            (
                "secretType must be one of"
                " APIKEY, APIKEY_ONLY, BASIC_AUTH, HMAC, PUBLIC_SECRET_KEY, USERNAME_PASSWORD, sftp"
            ),
        ),
        ({"secretPayload": ...}, "secretPayload is required"),
        ({"secretPayload": CANARY}, "secretPayload must be an object"),
        ({"merchantAccountCodes": "a"}, "merchantAccountCodes must be an array of strings"),
        ({"merchantAccountCodes": [1]}, "merchantAccountCodes must be an array of strings"),
        ({"merchantAccountCodes": None}, "null is not accepted: leave the field out"),
        ({"secretPayload": {"apiKey": CANARY, "x": [{"y": None}]}}, "null is not accepted: leave the field out"),
        ({"undocumented": None}, "null is not accepted: leave the field out"),
    ],
)
def test_bad_create_body_is_refused(api: Api, changes: dict[str, object], message: str) -> None:
    """For each error in the body of a create, the simulator responds with a 400.

    The message names the field but not the value.
    """
    assert refused(api.http.post("/integrations", json=new_body(**changes)), 400) == message
    assert api.simulator.records.integrations() == []


def test_longest_identifier_counts_characters(api: Api) -> None:
    """The simulator accepts an external identifier of 255 characters, even if they take more bytes."""
    api.create(externalIdentifier="é" * 255)


def test_unlisted_values_are_accepted_if_configured(api: Api) -> None:
    """The simulator accepts the sources and secret types that its options add, with any payload."""
    api.configure(extra_sources=["shopify"], extra_secret_types=["OAUTH"])
    api.create(source="shopify", secretType="OAUTH", secretPayload={"anything": CANARY})
    api.create()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"1" * 5000 + b"e",
    ],
)
def test_body_that_is_no_json_object_is_refused(api: Api, content: bytes) -> None:
    """If the body of a create is not a JSON object, the simulator responds with 400."""
    answer = api.http.post("/integrations", content=content, headers={"Content-Type": "application/json"})
    assert refused(answer, 400).startswith("the body must be")


def test_a_body_needs_a_json_content_type(api: Api) -> None:
    """If the content type of a create is not JSON, the simulator responds with 400, even if the body is valid."""
    content = json.dumps(new_body())
    answer = api.http.post("/integrations", content=content, headers={"Content-Type": "text/plain"})
    assert refused(answer, 400) == "Content-Type must be application/json"


def test_body_over_one_megabyte_is_refused(api: Api) -> None:
    """The simulator accepts a body of a million bytes, and responds with 413 to a longer one."""
    size = len(json.dumps(new_body(integrationName="")))
    exact = json.dumps(new_body(integrationName="x" * (1_000_000 - size)))
    headers = {"Content-Type": "application/json"}
    assert len(exact) == 1_000_000
    assert api.http.post("/integrations", content=exact, headers=headers).status_code == 201
    for excess in (1, 100_000):
        answer = api.http.post("/integrations", content=exact + " " * excess, headers=headers)
        assert refused(answer, 413) == "the body is over 1 MB"


@pytest.mark.parametrize(
    "query",
    [
        "limit=9",
        "limit=101",
        "limit=ten",
        "limit=10.5",
        "limit=",
        "limit=10&limit=10",
        "limit=%D9%A1%D9%A0",
        "page=0",
        "page=-1",
        "page=1e999",
        "page=NaN",
    ],
)
def test_bad_page_is_refused(api: Api, query: str) -> None:
    """The simulator responds with 400 unless `limit` is a whole number from 10 to 100 and `page` is one from 1.

    Each may be given once.
    """
    assert "must be a whole number" in refused(api.http.get(f"/integrations?{query}"), 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/charges"), ("GET", "/integrations/"), ("PUT", "/integrations")],
)
def test_undocumented_operation_is_not_found(api: Api, method: str, path: str) -> None:
    """The simulator responds with 404 to an unknown path, and to another method on a known path."""
    assert refused(api.http.request(method, f"{api.simulator.base_url}{path}"), 404) == "no such operation"


def test_requests_over_the_limit_are_refused(api: Api) -> None:
    """The simulator responds with 429, without Retry-After, if a key has sent too many requests in 60 seconds.

    Refused requests and other keys don't count.
    """
    api.configure(requests_per_minute=2)
    assert api.http.get("/integrations").status_code == 200
    api.clock.now += 30
    assert api.http.get("/integrations").status_code == 200
    for _ in range(3):
        answer = api.http.get("/integrations")
        assert refused(answer, 429) == "too many requests"
        assert "retry-after" not in answer.headers
    assert api.http.get("/integrations", headers={"Authorization": "Bearer key-2"}).status_code == 200
    api.clock.now += 30
    assert api.http.get("/integrations").status_code == 200
    refused(api.http.get("/integrations"), 429)


def test_default_limit_is_the_documented_one() -> None:
    """Without options, the simulator allows 1,000 requests a minute."""
    assert Options().requests_per_minute == 1000


def test_every_refusal_has_its_own_error_id(api: Api) -> None:
    """The simulator gives each refused request a different errorId."""
    first, second = (api.read("none").json()["errorId"] for _ in range(2))
    assert first != second


# Lists and envelopes


@pytest.mark.parametrize("order", ["oldest-first", "newest-first"])
@pytest.mark.parametrize("envelope", ["bare", "enveloped"])
def test_list_is_paged(api: Api, order: str, envelope: str) -> None:
    """The simulator's pages have the order that the options set, and pages after the last one are empty.

    In the envelope, `hasMore` is true before the last page.
    """
    api.configure(list_order=order, list_envelope=envelope)
    created = [api.create("acc_1") for _ in range(20)]
    api.create()
    expected = created if order == "oldest-first" else created[::-1]
    pages = [
        api.http.get("/integrations", params={"limit": 10, "page": page}, headers=account_header("acc_1")).json()
        for page in (1, 2, 3, 10**30)
    ]
    if envelope == "enveloped":
        assert [page["hasMore"] for page in pages] == [True, False, False, False]
        assert {(page["status"], page["message"]) for page in pages} == {(200, "OK")}
        pages = [page["data"] for page in pages]
    assert [item["integrationId"] for page in pages[:2] for item in page] == expected
    assert pages[2:] == [[], []]


def test_list_is_of_ten_by_default(api: Api) -> None:
    """Without parameters, the simulator lists the first ten records. `limit` may be any JSON number, such as 1.2e1."""
    for _ in range(12):
        api.create()
    assert len(api.http.get("/integrations").json()) == 10
    assert len(api.http.get("/integrations?limit=100").json()) == 12
    assert len(api.http.get("/integrations?limit=1.2e1").json()) == 12


def test_read_can_be_enveloped(api: Api) -> None:
    """With the option `read_envelope`, a read returns the record as `data` in the guide's envelope."""
    created = api.create()
    bare = api.read(created).json()
    api.configure(read_envelope="enveloped")
    assert api.read(created).json() == {"status": 200, "message": "OK", "data": bare}


def test_create_can_name_its_id_as_the_guide_does(api: Api) -> None:
    """With the option `create_envelope`, a create returns the new id as `id` in the guide's envelope."""
    api.configure(create_envelope="id")
    answer = api.http.post("/integrations", json=new_body()).json()
    assert answer == {"status": 201, "message": "Created", "id": api.simulator.records.integrations()[0].id}


def test_errors_come_in_three_forms(api: Api) -> None:
    """With the option `error_envelope`, errors have another form.

    If the form has no errorId, the simulator still records one with the request.
    """
    api.configure(error_envelope="error")
    answer = api.read("none").json()
    assert answer == {"error": "Not Found", "message": "no such integration", "errorId": answer["errorId"]}
    api.configure(error_envelope="statusCode")
    assert api.read("none").json() == {"message": "no such integration", "statusCode": 404}
    error_id = api.simulator.requests[-1].error_id
    assert error_id is not None
    assert error_id.startswith("sim-")


# The control endpoint


def test_control_shows_all_records(api: Api) -> None:
    """The control endpoint shows the records of all accounts, each with a digest in place of the payload."""
    created = api.create("acc_1", merchantAccountCodes=["a"])
    api.create()
    first, second = api.control.get("/integrations").json()
    assert first == {
        "integrationId": created,
        "account": "acc_1",
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "payloadDigest": payload_digest({"apiKey": CANARY}),
        "payloadKeys": ["apiKey"],
        "merchantAccountCodes": ["a"],
        "status": "PENDING",
        "goLiveDate": None,
        "createdAt": "2027-01-15T08:00:00Z",
        "deactivationType": None,
        "deactivationDate": None,
    }
    assert (second["account"], second["merchantAccountCodes"]) == (None, None)


def test_control_wipes_the_records(api: Api) -> None:
    """After the control endpoint deletes the records, a read of an earlier id gets a 404."""
    created = api.create()
    assert api.control.delete("/integrations").json() == []
    refused(api.read(created), 404)


def test_requests_are_recorded_without_secrets(api: Api) -> None:
    """The simulator records the method, path, query, account, body and response of each request.

    A digest replaces each value that may be secret.
    """
    api.create("acc_1", secretPayloads={"apiKey": CANARY})
    api.http.get("/integrations?limit=20")
    posted, listed = api.simulator.requests
    assert posted == Exchange(
        method="POST",
        path="/v1/integrations",
        query={},
        account="acc_1",
        body={
            **new_body(secretPayload=payload_digest({"apiKey": CANARY})),  # type: ignore[dict-item]  # new_body has a wider type
            "secretPayloads": payload_digest({"apiKey": CANARY}),
        },
        status=201,
        error_id=None,
    )
    assert (listed.query, listed.account, listed.body) == ({"limit": "20"}, None, {})
    shown = api.control.get("/requests", timeout=HANG_SECONDS).json()
    assert shown["count"] == 2
    assert shown["requests"][1] == {
        "method": "GET",
        "path": "/v1/integrations",
        "query": {"limit": "20"},
        "account": None,
        "body": {},
        "status": 200,
        "errorId": None,
        "faults": [],
    }


def test_recorded_requests_can_be_cleared(api: Api) -> None:
    """The control endpoint and Python code can both clear the recorded requests and their count.

    The simulator doesn't record calls of the control endpoint.
    """
    api.create()
    assert api.control.delete("/requests", timeout=HANG_SECONDS).json() == {"count": 0, "requests": []}
    api.create()
    api.simulator.clear_requests()
    assert api.simulator.requests == []
    assert api.simulator.request_count == 0


def test_options_are_shown_and_changed(api: Api) -> None:
    """The control endpoint shows the options except the database and the keys, and changes the given ones."""
    shown = api.control.get("/options").json()
    assert shown == {
        "extra_sources": [],
        "extra_secret_types": [],
        "successful_after": None,
        "requests_per_minute": 1000,
        "latency": 0.0,
        "list_envelope": "bare",
        "read_envelope": "bare",
        "read_message": None,
        "create_envelope": "integrationId",
        "error_envelope": "status",
        "list_order": "oldest-first",
        "seed": 0,
    }
    answer = api.control.patch("/options", json={"latency": 0.01, "extra_sources": ["shopify"]})
    assert answer.json() == {**shown, "latency": 0.01, "extra_sources": ["shopify"]}
    assert api.simulator.options == Options(latency=0.01, extra_sources=frozenset({"shopify"}))


def test_options_can_be_replaced_in_the_same_process(api: Api) -> None:
    """Python code can replace all options of a running simulator."""
    api.simulator.options = dataclasses.replace(api.simulator.options, list_envelope="enveloped")
    assert api.http.get("/integrations").json()["data"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "x"},
        {"api_keys": ["x"]},
        {"unknown": 1},
        {"list_envelope": "other"},
        {"error_envelope": ["status"]},
        {"extra_sources": [1]},
        {"extra_secret_types": "OAUTH"},
        {"successful_after": -1},
        {"requests_per_minute": 0},
        {"requests_per_minute": True},
        {"requests_per_minute": 1.5},
        {"read_message": ""},
        {"read_message": ["x"]},
        {"latency": None},
        {"latency": "1"},
        {"faults": ["* * no-id"]},
        {"seed": -1},
        {"seed": "1"},
    ],
)
def test_bad_options_are_refused(api: Api, changes: object) -> None:
    """The control endpoint responds with 400 and a message to an invalid option, and changes nothing."""
    answer = api.control.patch("/options", json=changes)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert api.simulator.options == Options()


def test_bad_keys_are_refused_in_python_too() -> None:
    """`Options` refuses an empty API key, which would accept a request without a key."""
    with pytest.raises(ValueError, match="api_keys"):
        Options(api_keys=frozenset({""}))


# Secrets


def test_no_secret_is_kept_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither payloads nor API keys are in the simulator's files, its log or its control endpoint.

    The log has one line for each request.
    """
    caplog.set_level(logging.DEBUG)
    key = f"key-{CANARY}"
    options = Options(database=str(tmp_path / "records.db"), api_keys=frozenset({key}))
    with (
        SimulatorServer(options) as simulator,
        client(simulator.base_url, key) as http,
    ):
        for secret_type, payload in PAYLOADS.items():
            http.post("/integrations", json=new_body(secretType=secret_type, secretPayload=payload))
        http.post("/integrations", json=new_body(secretPayload={"apiKey": [CANARY]}))
        http.post("/integrations", content=f'{{"secretPayload": "{CANARY}"')
        shown = [
            httpx.get(f"{simulator.control_url}/{name}", timeout=HANG_SECONDS).text
            for name in ("integrations", "requests", "keys")
        ]
        # This includes the open database, before the write-ahead log is merged.
        files = [path.read_bytes() for path in tmp_path.iterdir()]
    files += [path.read_bytes() for path in tmp_path.iterdir()]
    assert any(b"stripe-eu" in content for content in files)
    assert not any(CANARY.encode() in content for content in files)
    assert not any(CANARY in text for text in shown)
    lines = [record.getMessage() for record in caplog.records if record.name == "pulumi_justt.simulator"]
    assert lines[:7] == ["POST /v1/integrations 201 -"] * 7
    assert [line.rpartition(" ")[0] for line in lines[7:]] == [
        *["POST /v1/integrations 400"] * 2,
        *[f"GET /_simulator/{name} 200" for name in ("integrations", "requests", "keys")],
    ]
    assert lines[7].rpartition(" ")[2].startswith("sim-")
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "head",
    [
        f"Authorization: Bearer {CANARY}\x01abc",
        f"Authorization: Bearer {CANARY}{'x' * 9_000}",
        f"Content-Length: {CANARY}\r\nAuthorization: Bearer {CANARY}",
        f"Transfer-Encoding: chunked\r\nAuthorization: Bearer {CANARY}",
    ],
)
def test_a_malformed_request_is_not_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], head: str
) -> None:
    """If a request has an invalid header or body, no log quotes it.

    The server library would log a traceback that does.
    """
    with SimulatorServer() as simulator:
        url = httpx.URL(simulator.base_url)
        with socket.create_connection((url.host, url.port or 0), timeout=HANG_SECONDS) as connection:
            text = f"POST /v1/integrations HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n{CANARY}\r\n"
            connection.sendall(text.encode())
            assert connection.recv(10_000).startswith(b"HTTP/1.")
    logged = "".join(map(logging.Formatter().format, caplog.records)) + "".join(capfd.readouterr())
    assert CANARY not in logged


# Running


def test_latency_delays_responses(api: Api) -> None:
    """With the option `latency`, each response takes at least that many seconds."""
    api.configure(latency=0.05)
    begun = time.monotonic()
    api.http.get("/integrations")
    assert time.monotonic() - begun >= 0.05


def test_port_is_free_again_afterwards() -> None:
    """After the `with` statement of a simulator, its port is free and its thread has ended."""
    with SimulatorServer() as first:
        port = httpx.URL(first.base_url).port
        assert port
    with SimulatorServer(port=port) as second:
        assert second.base_url == first.base_url
    assert "justt-simulator" not in {thread.name for thread in threading.enumerate()}


def test_a_taken_port_is_an_error_for_the_caller() -> None:
    """If the port is taken, the code that starts the simulator gets the error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), SimulatorServer(port=port):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104 - expected to be refused
def test_only_loopback_is_bound(host: str) -> None:
    """The simulator refuses an address that other machines could reach, because its control endpoint needs no key."""
    with pytest.raises(ValueError, match="loopback"):
        SimulatorServer(host=host)
    with pytest.raises(ValueError, match="loopback"):
        run(Options(), host=host, on_ready=print)


def test_localhost_is_loopback() -> None:
    """The simulator accepts the host `localhost`, and its base URL contains that name."""
    with SimulatorServer(host="localhost") as simulator:
        assert simulator.base_url.startswith("http://localhost:")
        assert httpx.get(f"{simulator.control_url}/requests", timeout=HANG_SECONDS).json()["count"] == 0


FOREGROUND = """
from pulumi_justt.simulator import Options, run
run(Options(), on_ready=lambda base_url: print(base_url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_serves_until_a_signal(number: signal.Signals) -> None:
    """`run` passes the base URL to its callback when it serves requests.

    `run` returns without an error on SIGINT and SIGTERM.
    """
    command = [sys.executable, "-W", "error", "-c", FOREGROUND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        base_url = process.stdout.readline().strip()
        assert (
            httpx.get(
                f"{base_url}/integrations", headers={"Authorization": "Bearer key-1"}, timeout=HANG_SECONDS
            ).json()
            == []
        )
        process.send_signal(number)
        assert (process.wait(HANG_SECONDS), process.stderr.read()) == (0, "")


def test_foreground_closes_everything_when_it_ends(tmp_path: Path) -> None:
    """When `run` ends by a signal or by an error in its callback, it frees the port and closes the database."""
    options = Options(database=str(tmp_path / "records.db"))
    ready: list[str] = []

    def stop(base_url: str) -> None:
        ready.append(base_url)
        signal.raise_signal(signal.SIGTERM)

    def fail(base_url: str) -> None:
        raise LookupError(base_url)

    run(options, on_ready=stop)
    port = httpx.URL(ready[0]).port
    assert port
    with pytest.raises(LookupError, match=ready[0]):
        run(options, port=port, on_ready=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["records.db"]


def test_a_client_that_disconnects_commits_nothing(api: Api) -> None:
    """If a client disconnects within the body of a create, the simulator records a 400 and no integration.

    The simulator continues to serve.
    """
    url = httpx.URL(api.simulator.base_url)
    assert url.port
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(
            b"POST /v1/integrations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        )
    while not api.simulator.requests:
        time.sleep(0.001)
    assert [request.status for request in api.simulator.requests] == [400]
    assert api.simulator.records.integrations() == []
    assert api.http.get("/integrations").status_code == 200


def test_many_clients_are_served_at_once(api: Api) -> None:
    """If a client sends 100 creates on several connections at once, the simulator has 100 records afterwards."""
    api.configure(requests_per_minute=10_000)

    async def create_many() -> None:
        async with httpx.AsyncClient(base_url=api.simulator.base_url, headers=api.http.headers, verify=NO_TLS) as http:
            await asyncio.gather(*(http.post("/integrations", json=new_body()) for _ in range(100)))

    asyncio.run(create_many())
    assert len({record.id for record in api.simulator.records.integrations()}) == 100
    assert len(api.simulator.requests) == api.simulator.request_count == 100


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        *((host, True) for host in ("127.0.0.1", "127.0.0.1:1", "LOCALHOST:80", "localhost", "127.8.9.1", "[::1]:9")),
        *(
            (host, False)
            for host in ("rebound.example", "rebound.example:80", "127.0.0.1.example", "localhost.example")
        ),
        *(
            (host, False)
            for host in ("192.0.2.1", "10.0.0.1:80", "[::2]", "::1]", "", "[", "user@localhost", "127.0.0.1:x")
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/integrations", "/_simulator/requests", "/elsewhere"])
def test_only_host_names_of_this_machine_are_served(api: Api, host: str, path: str, *, is_served: bool) -> None:
    """The simulator serves a request only if its Host header names this machine.

    So a web page with a name that resolves to this machine (DNS rebinding) has no access.
    """
    root = api.simulator.base_url.removesuffix("/v1")
    answer = httpx.get(
        root + path, headers={"host": host, "authorization": "Bearer key-1"}, trust_env=False, timeout=HANG_SECONDS
    )

    assert (answer.status_code not in (400, 421)) == is_served
    assert api.simulator.request_count == (is_served and path.startswith("/v1"))


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_only_the_owner_can_read_the_database(tmp_path: Path, mask: int) -> None:
    """The simulator's database files have mode 0600 with any umask, even if others could read the database before."""
    database = tmp_path / "records.db"
    before = os.umask(mask)
    try:
        for _ in range(2):
            with SimulatorServer(Options(database=str(database))) as simulator:
                httpx.post(
                    f"{simulator.base_url}/integrations",
                    json=new_body(),
                    headers={"authorization": "Bearer key-1"},
                    trust_env=False,
                )
                assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
            database.chmod(0o644)
    finally:
        os.umask(before)
