"""A state from a newer version: each call of an older version refuses it, tested with two wheels on one state."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.resources import _READINESS_PROVIDER
from pulumi_justt.simulator import SimulatorServer
from support import environment
from support.checkout import ROOT
from support.harness import Stack
from support.host import Host, HostError

pytestmark = pytest.mark.slow

INTEGRATION: dict[str, Any] = {
    "externalIdentifier": "shop",
    "integrationName": "Shop",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": "made-up"},
    "environment": "simulator",
}
READY: dict[str, Any] = {
    "__provider": _READINESS_PROVIDER,
    "integrationId": "id-1",
    "externalIdentifier": "shop",
    "source": "stripe",
    "timeoutSeconds": 5,
    "environment": "simulator",
}
URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::shop"
CALLS: dict[str, Callable[[Host, Mapping[str, Any], Mapping[str, Any]], object]] = {
    "check": lambda host, recorded, inputs: host.check(recorded, inputs),
    "diff": lambda host, recorded, inputs: host.diff("id-1", recorded, inputs),
    "read": lambda host, recorded, _: host.read("id-1", recorded),
    "update": lambda host, recorded, inputs: host.update("id-1", recorded, inputs),
    "delete": lambda host, recorded, _: host.delete("id-1", recorded),
}


def refusal(names: str) -> str:
    """Return the error for unknown properties."""
    return (
        f"was written by a newer version of pulumi-justt: it has the {names}, which version {version('pulumi-justt')} "
        "does not know. Nothing was sent, and the state was not changed. Upgrade pulumi-justt where this command runs, "
        "and run the command again."
    )


@pytest.fixture(scope="module")
def vendor() -> Iterator[SimulatorServer]:
    """Start a simulator for all tests of the module."""
    with SimulatorServer() as running:
        yield running


@pytest.fixture(scope="module")
def host(vendor: SimulatorServer) -> Iterator[Host]:
    """Start a host process for all tests of the module."""
    with Host({"justt:baseUrl": vendor.base_url, "justt:apiKey": "made-up"}) as running:
        yield running


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("inputs", "newer", "names"),
    [
        (INTEGRATION, {"laterKey": 1}, "property 'laterKey'"),
        (INTEGRATION, {"laterKey": {"a": None}, "another": "x"}, "properties 'another', 'laterKey'"),
        (INTEGRATION, {"deactivation": {"afterDays": 7, "laterKey": 1}}, "property 'deactivation.laterKey'"),
        (READY, {"laterKey": 1}, "property 'laterKey'"),
    ],
    ids=["integration", "two", "below deactivation", "wait"],
)
def test_each_call_refuses_a_newer_state(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    host: Host, vendor: SimulatorServer, call: str, inputs: dict[str, Any], newer: dict[str, Any], names: str
) -> None:
    """The recorded state of a resource has a property that this version does not know.

    Each call of the engine fails and names the property, and sends no request.
    """
    outputs = {} if call == "check" else {"integrationId": "id-1", "status": "PENDING", "goLiveDate": "2027-01-01"}
    with pytest.raises(HostError) as caught:
        CALLS[call](host, {**inputs, **outputs, **newer}, inputs)

    its_id = "" if call == "check" and inputs is INTEGRATION else " (id-1)"
    assert str(caught.value) == f"JusttError: the state of the stripe integration 'shop'{its_id} {refusal(names)}\n"
    assert vendor.requests == []


def test_a_looked_up_integration_is_named_by_its_id(host: Host) -> None:
    """The state of a looked-up integration may contain only the id.

    An error about an unknown property then names the integration by its id.
    """
    with pytest.raises(HostError, match="the state of integration id-1 was written by a newer version"):
        host.read("id-1", {"laterKey": 1})


def test_unknown_payload_fields_are_kept(host: Host) -> None:
    """The recorded payload has a field that this version does not know.

    An update keeps the field, because Justt defines the fields of a payload.
    """
    recorded = {**INTEGRATION, "secretPayload": {"apiKey": "made-up", "laterKey": {"deep": "made-up"}}}
    assert host.update("id-1", {**recorded, "integrationId": "id-1"}, recorded)["secretPayload"] == {
        "apiKey": "made-up",
        "laterKey": {"deep": "made-up"},
    }


def _wheel(folder: Path, newer: str | None = None) -> Path:
    """Build the wheel of the sources, or of a future version, and unpack it for use in PYTHONPATH.

    The future version writes a property that this one does not know. Renaming a property everywhere has that effect,
    and needs no knowledge of the code.
    """
    sources, target = folder / "sources", folder / "installed"
    sources.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "provider" / "pulumi_justt", sources / "provider" / "pulumi_justt", ignore=ignored)
    if newer is not None:
        _edit(sources / "pyproject.toml", {r'^version = ".*"': f'version = "{newer}"'})
        renamed = {"deletion_protection": "removal_guard", "deletionProtection": "removalGuard"}
        assert sum(_edit(file, renamed) for file in (sources / "provider").rglob("*.py")) > len(renamed)
    _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=sources)
    (wheel,) = folder.glob("*.whl")
    _python("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


def _edit(file: Path, replacements: Mapping[str, str]) -> int:
    """Replace each pattern in a file, and return the number of replacements."""
    text, number = file.read_text(encoding="utf-8"), 0
    for pattern, replacement in replacements.items():
        text, times = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        number += times
    file.write_text(text, encoding="utf-8")
    return number


def _python(*arguments: str, cwd: Path | None = None) -> None:
    environ = environment.CALLER | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _recorded(stack: Stack) -> dict[str, Any]:
    """Return the integration in the state with decrypted secrets, since each command encrypts them differently."""
    resources = json.loads(stack.decrypted())["deployment"]["resources"]
    return next({name: each[name] for name in ("id", "inputs", "outputs")} for each in resources if each["urn"] == URN)


def _changing(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests that changed something, and clear the requests."""
    methods = [each.method for each in simulator.requests if each.method != "GET"]
    simulator.clear_requests()
    return methods


def test_an_older_wheel_keeps_the_data_of_a_newer_one(stack: Stack, simulator: SimulatorServer, tmp_path: Path) -> None:
    """A newer wheel has written a state.

    Each command of the older wheel fails, keeps the state, and deactivates nothing; only `--replace` sends a POST. The
    newer wheel then continues with the state.
    """
    simulator.options = dataclasses.replace(simulator.options, successful_after=0.0)
    older, newer = _wheel(tmp_path / "older"), _wheel(tmp_path / "newer", "99.1.0")
    program = """
        made = justt.PaymentIntegration("shop", external_identifier="shop", integration_name="Shop", source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")){})
        justt.IntegrationReady("ready", integration=made)
    """
    of_newer, of_older = program.replace("{}", ", removal_guard=True"), program.replace("{}", "")
    stack.program(of_newer)
    stack.environ["PYTHONPATH"] = str(newer)
    stack.up()
    written = _recorded(stack)
    assert written["outputs"]["removalGuard"] is True
    assert _changing(simulator) == ["POST"]

    stack.environ["PYTHONPATH"] = str(older)
    said = refusal("property 'removalGuard'")
    for program, command in (
        (of_older, stack.preview),
        (of_older, stack.up),
        (of_older, stack.refresh),
        (of_older, lambda **more: stack.preview("--refresh", **more)),
        (of_older, stack.destroy),
        (of_older, lambda **more: stack.destroy("--target", URN, "--target-dependents", **more)),
        ("", stack.up),
    ):
        stack.program(program)
        assert said in command(fails=True).text
        assert _recorded(stack) == written
    assert _changing(simulator) == []

    stack.environ["PYTHONPATH"] = str(newer)
    stack.program(of_newer)
    stack.up()
    assert _recorded(stack) == written
    assert _changing(simulator) == []

    # The engine passes no recorded data before the new integration exists. The old one is kept anyway.
    stack.environ["PYTHONPATH"] = str(older)
    stack.program(of_older)
    assert said in stack.up("--replace", URN, fails=True).text
    assert _changing(simulator) == ["POST"]
    stack.environ["PYTHONPATH"] = str(newer)
    stack.program(of_newer)
    stack.up()
    assert _changing(simulator) == ["DELETE"]
    assert {each.id: each.status for each in simulator.records.integrations()}[written["id"]] == "INACTIVE"
