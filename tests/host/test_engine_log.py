"""The host's log lines: at the engine, with the resource they are about, and on stderr if there is no engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from pulumi_justt.host import EngineLog
from pulumi_justt.simulator import SimulatorServer
from support.harness import unused_base_url
from support.host import INPUTS, Host
from support.secret_scanner import canary

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::shop"
FAILED = {**INPUTS, "environment": "simulator", "status": "FAILED"}
WARNING = "the adyen integration 'shop-1' (id-1) is FAILED, as of the last create or refresh."


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's side of log lines.

    Attributes:
        lines: The severity, URN and text of each line so far.
        refuses: Whether to answer each line with an error.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.refuses = False

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Keep a line, as the engine shows it."""
        if self.refuses:
            context.abort(grpc.StatusCode.UNKNOWN, "no")
        self.lines.append((engine_pb2.LogSeverity.Name(request.severity), request.urn, request.message))
        return empty_pb2.Empty()


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    """Start an engine that only takes log lines, and return it with its address."""
    servicer = Engine()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    engine_pb2_grpc.add_EngineServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.mark.parametrize("proxy", [{}, {"grpc_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}])
def test_a_warning_stands_at_its_resource(engine: tuple[Engine, str], proxy: dict[str, str]) -> None:
    """The engine gets a warning with its severity and the URN of the call, also on a machine that uses a proxy."""
    servicer, address = engine
    with Host({"justt:baseUrl": unused_base_url()}, address, **proxy) as host:
        host.diff("id-1", FAILED, FAILED, urn=URN)
        host.diff("id-1", FAILED, FAILED, urn=f"{URN}-2")

    assert [(severity, urn) for severity, urn, _ in servicer.lines] == [("WARNING", URN), ("WARNING", f"{URN}-2")]
    assert all(text.startswith(WARNING) for _, _, text in servicer.lines)
    assert host.stderr == ""


def test_a_note_stands_at_its_resource(engine: tuple[Engine, str], simulator: SimulatorServer) -> None:
    """The engine gets a note as information, with the word `note` before it, which the engine does not add."""
    servicer, address = engine
    with Host({"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}, address) as host:
        made, outputs = host.create(INPUTS | {"environment": "simulator"}, urn=URN)
        host.read(made, {**outputs, "status": "SUCCESSFUL"}, urn=URN)

    assert servicer.lines == [
        ("INFO", URN, f"note: the adyen integration 'shop-1' ({made}) is PENDING now, was SUCCESSFUL.")
    ]


def test_the_lines_of_a_call_are_one_message(engine: tuple[Engine, str], simulator: SimulatorServer) -> None:
    """The engine's table shows one message of a call, so the engine gets all lines in one. A warning comes first."""
    servicer, address = engine
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key"), "justt:provider": "us"}
    later = {"deactivationType": "postingDate", "afterDays": 7}
    with Host(config) as host:
        made, outputs = host.create(INPUTS | {"environment": "simulator"}, urn=URN)
    with Host(config, address, JUSTT_API_KEY_OVERRIDE=canary("override")) as host:
        host.delete(made, {**outputs, "deactivation": later}, urn=URN)

    ((severity, urn, text),) = servicer.lines
    operation = f"deactivating the adyen integration 'shop-1' ({made})"
    assert (severity, urn) == ("WARNING", URN)
    warning, note = text.splitlines()
    assert warning == f"{operation}: JUSTT_API_KEY_OVERRIDE replaces the API key of the provider 'us', too."
    assert note.startswith(f"note: {operation}: it runs until ")


def test_an_urgent_line_does_not_wait_for_the_end_of_the_call() -> None:
    """Within a call, only an urgent line is shown at once. At the end of the call, warnings come before notes."""
    shown: list[str] = []
    log = EngineLog(shown.append)
    with log.joining():
        log.info("a")
        log.warning("b")
        assert shown == []
        log.info("c", is_urgent=True)
        assert shown == ["note: c"]
    assert shown == ["note: c", "warning: b", "note: a"]
    log.info("d")
    assert shown[-1] == "note: d"


def test_a_line_of_many_resources_comes_at_the_end(engine: tuple[Engine, str], simulator: SimulatorServer) -> None:
    """When the engine ends the host, it still gets the line about all that have become SUCCESSFUL, without a URN."""
    servicer, address = engine
    with Host({"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}, address) as host:
        for name in ("b", "a"):
            inputs = {**INPUTS, "externalIdentifier": name, "environment": "simulator"}
            made, outputs = host.create(inputs, urn=f"{URN}-{name}")
            simulator.records.set_status(made, "SUCCESSFUL")
            host.read(made, outputs, urn=f"{URN}-{name}")
        assert servicer.lines == []

    assert servicer.lines == [("INFO", "", "note: 2 integrations are SUCCESSFUL now: 'a', 'b'.")]
    assert host.stderr == ""


def test_a_color_in_a_line_is_broken_up(engine: tuple[Engine, str]) -> None:
    """A recorded name with the start of a color tag reaches the engine in a form that it shows as text."""
    servicer, address = engine
    colored = {**FAILED, "externalIdentifier": "<{%reset%}>"}
    with Host({"justt:baseUrl": unused_base_url()}, address) as host:
        host.diff("id-1", colored, colored, urn=URN)

    assert "'< {%reset%}>'" in servicer.lines[0][2]


def test_without_an_engine_the_line_goes_to_stderr(engine: tuple[Engine, str]) -> None:
    """If the engine refuses a line or can't be reached, the host writes it to stderr, and the call succeeds."""
    servicer, address = engine
    servicer.refuses = True
    for its_address in (address, "127.0.0.1:1"):
        with Host({"justt:baseUrl": unused_base_url()}, its_address) as host:
            assert host.diff("id-1", FAILED, FAILED, urn=URN) == []

        assert host.stderr.startswith(f"warning: {WARNING}")
    assert servicer.lines == []
