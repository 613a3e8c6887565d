"""What the provider process does outside itself: where it connects to, and which files it writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from pulumi_justt.simulator import SimulatorServer
from support import environment
from support.checkout import ROOT
from support.host import INPUTS, Host
from support.secret_scanner import canary

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::shop"
ENGINE = ("127.0.0.1", 1)


def test_it_connects_only_to_justt_and_writes_only_the_journal(simulator: SimulatorServer, tmp_path: Path) -> None:
    """The provider process connects to the base URL and the engine only, and writes no file outside the journal.

    Of Justt's API, it uses only the paths of integrations.
    It starts no other program. So it has no telemetry. The SDK's own imports write a temporary file and remove it.
    """
    log, journal = tmp_path / "audit", tmp_path / "journal"
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}
    path = f"{ROOT / 'tests' / 'support' / 'audit_log'}:{environment.build()['PYTHONPATH']}"
    variables = {"PYTHONPATH": path, "AUDIT_LOG": str(log), "JUSTT_STATE_DIR": str(journal)}
    with Host(config, f"{ENGINE[0]}:{ENGINE[1]}", PYTHONDONTWRITEBYTECODE="1", **variables) as host:
        inputs, failures = host.check({}, INPUTS, urn=URN)
        assert failures == []
        made, outputs = host.create(inputs, urn=URN)
        host.diff(made, outputs, inputs, urn=URN)
        assert host.read(made, outputs, urn=URN)
        host.delete(made, outputs, urn=URN)

    events = [json.loads(line) for line in log.read_text().splitlines()]
    server = urlsplit(simulator.base_url)
    connected = {tuple(detail) for event, detail in events if event == "socket.connect"}
    assert connected == {(server.hostname, server.port), ENGINE}
    assert {detail for event, detail in events if event == "socket.getaddrinfo"} <= {server.hostname}
    assert {request.path.split("/")[2] for request in simulator.requests} == {"integrations"}
    assert [event for event in events if event[0] in {"subprocess.Popen", "os.exec", "os.system"}] == []
    written = {Path(detail) for event, detail in events if not event.startswith("socket.")} - {Path(os.devnull)}
    assert any(each.is_relative_to(journal) for each in written)
    assert [each for each in written if not each.is_relative_to(journal) and not is_removed(each)] == []


def is_removed(path: Path) -> bool:
    """Return whether *path* was a temporary file that no longer exists."""
    return path.is_relative_to(environment.build()["TMPDIR"]) and not path.exists()
