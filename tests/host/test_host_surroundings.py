"""What the provider process and `pulumi-justt` do outside themselves: their connections and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pulumi_justt.simulator import SimulatorServer
from support import environment
from support.checkout import ROOT
from support.harness import HANG_SECONDS
from support.host import INPUTS, Host
from support.secret_scanner import canary

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::shop"
ENGINE = ("127.0.0.1", 1)


class UnmeasuredHost(Host):
    """A host that writes no file for the report of the coverage."""

    is_measured = False


def test_it_connects_only_to_justt_and_writes_only_the_journal(simulator: SimulatorServer, tmp_path: Path) -> None:
    """The provider process connects to the base URL and the engine only, and writes no file outside the journal.

    Of Justt's API, it uses only the paths of integrations.
    It starts no other program. So it has no telemetry. The SDK's own imports write a temporary file and remove it.
    """
    log, journal = tmp_path / "audit", tmp_path / "journal"
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}
    surroundings = {**audited(log), "JUSTT_STATE_DIR": str(journal)}
    with UnmeasuredHost(config, f"{ENGINE[0]}:{ENGINE[1]}", **surroundings) as host:
        inputs, failures = host.check({}, INPUTS, urn=URN)
        assert failures == []
        made, outputs = host.create(inputs, urn=URN)
        host.diff(made, outputs, inputs, urn=URN)
        assert host.read(made, outputs, urn=URN)
        host.delete(made, outputs, urn=URN)

    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert connections(events) == {address_of(simulator), ENGINE}
    assert {request.path.split("/")[2] for request in simulator.requests} == {"integrations"}
    assert [event for event in events if event[0] in {"subprocess.Popen", "os.exec", "os.system"}] == []
    written = {Path(detail) for event, detail in events if not event.startswith("socket.")} - {Path(os.devnull)}
    assert any(each.is_relative_to(journal) for each in written)
    assert [each for each in written if not each.is_relative_to(journal) and not is_removed(each)] == []


def test_a_command_connects_only_to_justt(simulator: SimulatorServer, tmp_path: Path) -> None:
    """`pulumi-justt list` connects to the base URL only, and leaves no file."""
    log = tmp_path / "audit"
    (tmp_path / "empty").mkdir()
    subprocess.run(
        [sys.executable, "-m", "pulumi_justt.cli", "list"],
        cwd=tmp_path / "empty",
        env=environment.build(
            {**audited(log), "JUSTT_BASE_URL": simulator.base_url, "JUSTT_API_KEY": canary("api-key")},
            is_measured=False,
        ),
        capture_output=True,
        check=True,
        timeout=HANG_SECONDS,
    )

    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert connections(events) == {address_of(simulator)}
    written = {Path(detail) for event, detail in events if not event.startswith("socket.")} - {Path(os.devnull)}
    assert [each for each in written if not is_removed(each)] == []


def audited(log: Path) -> dict[str, str]:
    """Return the variables with which a Python process writes its events to *log*."""
    path = f"{ROOT / 'tests' / 'support' / 'audit_log'}:{environment.build()['PYTHONPATH']}"
    return {"PYTHONPATH": path, "AUDIT_LOG": str(log), "PYTHONDONTWRITEBYTECODE": "1"}


def address_of(simulator: SimulatorServer) -> tuple[str | None, int | None]:
    """Return the host and the port of a simulator."""
    server = urlsplit(simulator.base_url)
    return server.hostname, server.port


def connections(events: list[list[Any]]) -> set[tuple[str | None, int | None]]:
    """Return the hosts and ports that a process connected to. It has looked up no other name."""
    connected = {(host, port) for event, detail in events if event == "socket.connect" for host, port in [detail]}
    assert {detail for event, detail in events if event == "socket.getaddrinfo"} <= {host for host, _ in connected}
    return connected


def is_removed(path: Path) -> bool:
    """Return whether *path* was a temporary file that no longer exists."""
    return path.is_relative_to(environment.build()["TMPDIR"]) and not path.exists()
