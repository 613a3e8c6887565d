"""The provider in its real host process: requests and responses of the engine, without the engine."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pulumi_justt import resources
from pulumi_justt.simulator import Fault, SimulatorServer, payload_digest
from pulumi_justt.simulator.rules import NewIntegration
from support import secret_scanner
from support.harness import HANG_SECONDS, eventually, has_fired, unused_base_url
from support.host import INPUTS, UNKNOWN, Host, HostError
from support.secret_scanner import canary

SECRETS = [INPUTS["secretPayload"]["hmac"], INPUTS["secretPayload"]["apiKey"]]


@pytest.fixture
def host(simulator: SimulatorServer) -> Iterator[Host]:
    """Start a host that uses the simulator; afterwards, check that no secret leaked from it."""
    key = canary("api-key")
    with Host({"justt:baseUrl": simulator.base_url, "justt:apiKey": key}) as running:
        yield running
    assert secret_scanner.find((running.stdout + running.stderr).encode(), [*SECRETS, key]) == []


@pytest.fixture(scope="module")
def idle_host() -> Iterator[Host]:
    """Start a host that several tests share, for calls that send nothing."""
    with Host({"justt:baseUrl": unused_base_url()}) as running:
        yield running
    assert secret_scanner.find((running.stdout + running.stderr).encode(), SECRETS) == []


def test_the_whole_lifecycle_works(host: Host, simulator: SimulatorServer) -> None:
    """The host serves check, create, diff, read, update and delete of one integration, and loses no value."""
    inputs, failures = host.check({}, INPUTS)
    assert failures == []
    assert inputs == {**INPUTS, "merchantAccountCodes": ["a", "b"], "environment": "simulator"}
    made, outputs = host.create(inputs)
    assert outputs == {**inputs, "status": "PENDING"}
    assert host.check(inputs, inputs) == (inputs, [])
    assert host.diff(made, outputs, inputs) == []
    simulator.records.set_status(made, "SUCCESSFUL")
    simulator.records.set_go_live_date(made, "2027-01-01T00:00:00Z")
    refreshed = host.read(made, outputs)
    assert refreshed == {**outputs, "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
    changed = {**inputs, "deactivation": {"deactivationType": "dueDate"}}
    assert host.diff(made, refreshed, changed) == []
    updated = host.update(made, refreshed, changed)
    assert updated == {**refreshed, **changed}
    # A destroy runs in its own process.
    with Host({"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}) as second:
        second.delete(made, updated)
        assert [exchange.method for exchange in simulator.requests] == ["GET", "POST", "GET", "DELETE"]
        assert second.read(made, updated) is None


def test_whole_numbers_are_sent_to_justt(host: Host, simulator: SimulatorServer) -> None:
    """The engine passes each number as a float. Justt gets a whole number as it is in the program."""
    simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"NEW"}))
    payload = {"port": 22, "ratio": 0.5, "deep": [{"port": 2200}]}
    inputs, failures = host.check({}, {**INPUTS, "secretType": "NEW", "secretPayload": payload, "allowUnlisted": True})
    assert failures == []
    host.create(inputs)
    assert simulator.records.integrations()[0].payload_digest == payload_digest(payload)


@pytest.mark.parametrize(
    "path",
    [
        ["externalIdentifier"],
        ["source"],
        ["secretType"],
        ["secretPayload"],
        ["secretPayload", "apiKey"],
        ["merchantAccountCodes"],
        ["merchantAccountCodes", 0],
        ["referenceAccountId"],
        ["deactivation"],
        ["deactivation", "afterDays"],
        ["allowUnlisted"],
        ["deletionProtection"],
    ],
)
def test_unknown_values_are_accepted_anywhere(idle_host: Host, path: list[str | int]) -> None:
    """If the value of any property is unknown, `check` accepts it.

    In `diff`, an unknown value that is sent to Justt counts as a change.
    """
    known, _ = idle_host.check({}, {**INPUTS, "referenceAccountId": "acc"})
    news: dict[str, Any] = json.loads(json.dumps(known))
    target: Any = news
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = UNKNOWN
    inputs, failures = idle_host.check(known, news)
    # The codes are sorted, so one unknown code makes the whole list unknown.
    expected_inputs = {**news, "merchantAccountCodes": UNKNOWN} if path[0] == "merchantAccountCodes" else news
    assert (inputs, failures) == (expected_inputs, [])
    in_place = ("deactivation", "allowUnlisted", "deletionProtection")
    expected = [] if path[0] in in_place else [".".join(p for p in path if isinstance(p, str))]
    assert idle_host.diff("id", {**known, "status": "PENDING"}, inputs) == expected


def test_failures_name_no_value(host: Host) -> None:
    """The failures of `check` name no property to the engine, so the engine prints no value with them."""
    _, failures = host.check({}, {**INPUTS, "secretPayload": {"hmac": SECRETS[0], "api_key": SECRETS[1]}, "source": 5})
    assert sorted(failures) == [
        "credentials.api_key: is not a field of Hmac (did you mean 'apiKey'?)",
        "source: must be text, got number: write it in quotes, or str(...)",
    ]


def test_an_error_is_one_paragraph(host: Host, simulator: SimulatorServer) -> None:
    """An error of the provider is one line, `JusttError: ...`, without a traceback."""
    inputs, _ = host.check({}, INPUTS)
    simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset({"another"}))
    with pytest.raises(HostError) as caught:
        host.create(inputs)
    assert re.fullmatch(
        r"JusttError: creating the adyen integration 'shop-1', listing the account before the create: Justt "
        r"answered 401: .* \(errorId sim-\w+\)\. The key came from justt:apiKey\. .*\n",
        str(caught.value),
    )


def test_debug_shows_frames_and_requests(simulator: SimulatorServer) -> None:
    """With JUSTT_DEBUG=1, the host adds a traceback to each error and prints one line for each request.

    It prints no secret.
    """
    key = canary("api-key")
    with Host({"justt:baseUrl": simulator.base_url, "justt:apiKey": key}, JUSTT_DEBUG="1") as host:
        inputs, _ = host.check({}, INPUTS)
        host.create(inputs)
        with pytest.raises(HostError, match=r"(?s)Justt answered 404.*integration\.py") as caught:
            host.read("no-such-id", {**inputs, "integrationId": "no-such-id"})
    assert re.search(r"justt: POST /integrations 201 \d\.\d{3}s\n", host.stderr)
    assert re.search(r"justt: GET /integrations/no-such-id 404 \d\.\d{3}s errorId=sim-\w+\n", host.stderr)
    assert secret_scanner.find((host.stderr + str(caught.value)).encode(), [*SECRETS, key]) == []


def test_concurrent_calls_get_their_own_responses(host: Host, simulator: SimulatorServer) -> None:
    """Concurrent creates share one client, and each create gets its own response."""
    inputs, _ = host.check({}, INPUTS)

    def create(number: int) -> tuple[str, dict[str, Any]]:
        return host.create({**inputs, "externalIdentifier": f"shop-{number}"})

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(create, range(40)))
    by_id = {record.id: record.external_identifier for record in simulator.records.integrations()}
    assert by_id == {each: outputs["externalIdentifier"] for each, outputs in made}
    assert len(by_id) == 40


# Waits

WAIT: dict[str, Any] = {"source": "adyen", "timeoutSeconds": 300, "__provider": resources._READINESS_PROVIDER}


def asked(simulator: SimulatorServer) -> set[str]:
    """Return the ids of the records that the provider has read."""
    return {each.path.rpartition("/")[2] for each in simulator.requests if each.method == "GET"} - {"integrations"}


def test_the_whole_lifecycle_of_a_wait_works(host: Host, simulator: SimulatorServer) -> None:
    """The host serves check, create, diff, update, read and delete of a wait for a ready integration.

    Only create and read send requests, and whole numbers stay whole.
    """
    integration, _ = host.create(host.check({}, INPUTS)[0])
    simulator.records.set_status(integration, "SUCCESSFUL")
    simulator.clear_requests()
    news = {**WAIT, "integrationId": integration, "externalIdentifier": "shop-1"}

    inputs, failures = host.check({}, news)
    assert (inputs, failures) == ({**news, "environment": "simulator"}, [])
    made, outputs = host.create(inputs)
    assert (made, outputs) == (integration, {**inputs, "status": "SUCCESSFUL"})
    assert host.check(inputs, {**news, "timeoutSeconds": 0})[1] == [
        "timeout_seconds: must be greater than or equal to 1"
    ]
    assert host.diff(made, outputs, {**inputs, "timeoutSeconds": 5}) == []
    assert host.diff(made, outputs, {**inputs, "integrationId": UNKNOWN}) == ["integrationId"]
    updated = host.update(made, outputs, {**inputs, "timeoutSeconds": 5})
    assert updated == {**outputs, "timeoutSeconds": 5}
    assert host.read(made, updated) == updated
    host.delete(made, updated)
    assert methods(simulator) == ["GET", "GET"]


def test_fifty_waits_starve_no_create(host: Host, simulator: SimulatorServer) -> None:
    """The host serves sixteen calls at a time. A create that follows fifty waits still ends before any wait."""
    new = NewIntegration("theirs", "Theirs", "adyen", "HMAC", "", (), None)
    # Each wait uses its own account: in one account they would share their reads, and could not be told apart here.
    ids = {f"acc_{n}": simulator.records.add_integration(new, f"acc_{n}") for n in range(50)}
    waits = [
        host.begin_create({**WAIT, "integrationId": each, "referenceAccountId": account, "environment": "simulator"})
        for account, each in ids.items()
    ]
    eventually(lambda: asked(simulator) == set(ids.values()))

    made, _ = host.create({**INPUTS, "environment": "simulator"})

    assert simulator.records.integration(made) is not None
    assert not any(wait.done() for wait in waits)
    for each in ids.values():
        simulator.records.set_status(each, "SUCCESSFUL")
    assert [wait.result(timeout=HANG_SECONDS).id for wait in waits] == list(ids.values())


@pytest.mark.slow
def test_waits_never_starve_creates_after_a_queue(simulator: SimulatorServer) -> None:
    """In each of 50 new hosts, more waits run than the host has workers, and creates still end before any wait.

    The checks before them fill the host's queue, as those of a program's resources do. The host's executor then counts
    busy threads as idle ones.
    """
    new = NewIntegration("theirs", "Theirs", "adyen", "HMAC", "", (), None)
    # The fifty hosts use one key, and send more requests than Justt allows for a key in a minute.
    simulator.options = dataclasses.replace(simulator.options, requests_per_minute=1_000_000)
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}

    def run(workers: str, wait_count: int, create_count: int) -> None:
        theirs = [simulator.records.add_integration(new, None) for _ in range(wait_count)]
        with Host(config, JUSTT_WORKERS=workers) as host:
            for check in [host.begin_check(INPUTS) for _ in range(100)]:
                assert list(check.result(timeout=HANG_SECONDS).failures) == []
            waits = [host.begin_create({**WAIT, "integrationId": each, "environment": "simulator"}) for each in theirs]
            creates = [host.begin_create({**INPUTS, "environment": "simulator"}) for _ in range(create_count)]

            made = {create.result(timeout=HANG_SECONDS).id for create in creates}

            assert len(made) == create_count
            assert not any(wait.done() for wait in waits)
            host.process.kill()

    pool = ThreadPoolExecutor(2)
    try:
        for done in [pool.submit(run, *sizes) for sizes in [("", 24, 8), ("4", 6, 2)] * 25]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("workers", "at_once"), [("", 16), ("4", 4), ("20", 20)])
@pytest.mark.daily(1)
def test_justt_workers_limits_concurrent_calls(simulator: SimulatorServer, workers: str, at_once: int) -> None:
    """JUSTT_WORKERS limits the number of creates that run at the same time. Without the variable, the limit is 16."""
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}
    with Host(config, JUSTT_WORKERS=workers) as host:
        simulator.add_fault(Fault.parse("POST /integrations hang-after-commit=600"))
        calls = [host.begin_create({**INPUTS, "environment": "simulator"}) for _ in range(at_once + 4)]
        eventually(lambda: len(simulator.records.integrations()) >= at_once)
        time.sleep(0.5)  # enough time for more creates to arrive
        assert len(simulator.records.integrations()) == at_once
        assert not any(call.done() for call in calls)
        host.process.kill()


@pytest.mark.slow
def test_many_creates_of_one_outage_wait_together_with_few_workers(simulator: SimulatorServer) -> None:
    """Sixteen concurrent creates get no response, and four workers serve them.

    A single create would wait twice; all of them together wait at most four times. The account is listed twice after
    each wait. If each group of four creates waited on its own, there would be eight waits.
    """
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key"), "justt:timeoutSeconds": "3"}
    simulator.add_fault(Fault.parse("POST /integrations status=503"))
    with Host(config, JUSTT_WORKERS="4") as host:
        calls = [
            host.begin_create({**INPUTS, "externalIdentifier": f"shop-{n}", "environment": "simulator"})
            for n in range(16)
        ]
        texts = [str(call.exception(timeout=HANG_SECONDS)) for call in calls]

    assert [f"'shop-{n}'" in text and "sent once more" not in text for n, text in enumerate(texts)] == [True] * 16
    assert methods(simulator).count("POST") == 32
    assert methods(simulator).count("GET") <= 1 + 2 * (2 + 2)


@pytest.mark.slow
def test_both_kinds_share_one_client(simulator: SimulatorServer) -> None:
    """A `PaymentIntegration` and an `IntegrationReady` share one client, because Justt's quota is per key.

    Once a create has used the quota, a wait sends no request.
    """
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key"), "justt:requestsPerMinute": "2"}
    with Host(config) as host:
        made, _ = host.create({**INPUTS, "environment": "simulator"})
        wait = host.begin_create({**WAIT, "integrationId": made, "environment": "simulator"})
        eventually(lambda: methods(simulator) == ["GET", "POST"])
        time.sleep(0.5)  # enough time for a third request to arrive
        assert methods(simulator) == ["GET", "POST"]
        assert wait.cancel()
        host.process.kill()


def test_a_wait_ends_when_its_engine_leaves(host: Host, simulator: SimulatorServer) -> None:
    """If the engine leaves during a wait, the provider sends no more reads and deactivates nothing."""
    made, _ = host.create({**INPUTS, "environment": "simulator"})
    wait = host.begin_create({**WAIT, "integrationId": made, "environment": "simulator"})
    eventually(lambda: asked(simulator) == {made})
    assert wait.cancel()
    time.sleep(2.0)  # enough time for the wait to notice, which takes at most a second
    simulator.clear_requests()
    time.sleep(3.0)  # enough time for another read to arrive

    assert methods(simulator) == []


# The engine leaves


def leave(simulator: SimulatorServer, host: Host, fault: str) -> None:
    """Start a create that meets *fault*, and cancel it once the fault has hit its request."""
    simulator.add_fault(Fault.parse(fault))
    create = host.begin_create({**INPUTS, "environment": "simulator"})
    eventually(lambda: has_fired(simulator))
    assert create.cancel()


def methods(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests so far."""
    return [exchange.method for exchange in simulator.requests]


def test_nothing_is_posted_for_an_engine_that_left(host: Host, simulator: SimulatorServer) -> None:
    """If the engine leaves while a create takes its snapshot, the provider sends no POST.

    No state could store the id.
    """
    leave(simulator, host, "GET /integrations latency=3 times=1")
    eventually(lambda: methods(simulator) == ["GET"])
    time.sleep(0.5)  # enough time for a POST to arrive

    assert methods(simulator) == ["GET"]
    assert simulator.records.integrations() == []


@pytest.mark.parametrize("policy", ["refuse", "adopt"])
@pytest.mark.daily(1)
def test_a_lost_create_without_its_engine_is_reported(simulator: SimulatorServer, policy: str) -> None:
    """The engine leaves during a create whose response is lost.

    The provider warns at once that the integration may exist, and doesn't touch the integration that the next run
    creates.
    """
    config = {
        "justt:baseUrl": simulator.base_url,
        "justt:apiKey": canary("api-key"),
        "justt:onAmbiguousCreate": policy,
        "justt:timeoutSeconds": "5",
    }
    with Host(config) as host:
        leave(simulator, host, "POST /integrations drop-before-commit times=1")
        with Host(config) as rerun:
            made, _ = rerun.create({**INPUTS, "environment": "simulator"})

    assert (
        "warning: the engine cancelled the call: creating the adyen integration 'shop-1': the connection broke"
        in host.stderr
    )
    assert "Do not run `pulumi up` again before you have checked" in host.stderr
    assert [(record.id, record.status) for record in simulator.records.integrations()] == [(made, "PENDING")]


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.daily(1)
def test_a_create_is_undone_if_stderr_is_closed(simulator: SimulatorServer, debug: str) -> None:
    """If a killed CLI has closed the provider's stderr, the provider still undoes its create."""
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}
    with Host(config, JUSTT_DEBUG=debug) as host:
        assert host.process.stderr is not None
        host.process.stderr.close()
        leave(simulator, host, "POST /integrations latency=3 times=1")
        eventually(lambda: [each.status for each in simulator.records.integrations()] == ["INACTIVE"])
        host.process.kill()
