"""Certificates and proxies: what works, what fails at once, and which variables the text names."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pulumi_justt.api.network import proxy_for
from pulumi_justt.api.retry import Method, RetryPolicy
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.errors import ConnectionSetupError, CreateOutcomeUnknown, RequestFailed
from pulumi_justt.simulator import SimulatorServer
from support import environment
from support.fake_pulumi import FakePulumi
from support.harness import HANG_SECONDS, Result, Stack
from support.secret_scanner import canary
from support.wires import AUTHORITY, Listener, connect_proxy, tls_front

PROGRAM = """
    justt.PaymentIntegration(
        "{name}",
        external_identifier="{name}",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    )
"""
INPUTS = Inputs.model_validate(
    {
        "environment": "simulator",
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": "rk_test_no_secret"},
    }
)
BEYOND = "https://justt.invalid/v1"
"""No address of this machine, so that the environment's proxy is used."""


def words(text: str) -> str:
    """Return *text* in one line."""
    return re.sub(r"\s+", " ", text)


def listed(folder: Path, base_url: str, **variables: str) -> Result:
    """Run `pulumi-justt list` in an empty folder."""
    environ = {"JUSTT_API_KEY": "a-key", "JUSTT_BASE_URL": base_url, **variables}
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_justt.cli", "list"],
        cwd=folder,
        env=environment.build(environ),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def listed_here(project: FakePulumi, **variables: str) -> tuple[int, str]:
    """Run the same in this process, and return the exit code and what stderr got."""
    environ = {"JUSTT_API_KEY": "a-key", "JUSTT_BASE_URL": BEYOND, **variables}
    done = project.run("list", "--cwd", str(project.folder), environ=environ)
    return done.exit_code, done.stderr


def port_of(simulator: SimulatorServer) -> int:
    """Return where the simulator listens."""
    port = urlsplit(simulator.base_url).port
    assert port
    return port


def send(client: JusttClient, method: Method) -> None:
    """Send a request of *method*."""
    if method == "POST":
        client.create_integration(INPUTS)
    elif method == "GET":
        client.get_integration("int-1", operation="reading", account=None)
    else:
        client.deactivate_integration(
            "int-1",
            operation="deactivating",
            account=None,
            deactivation_type="postingDate",
            deactivation_date="2027-01-31T00:00:00Z",
        )


BAD_CERTIFICATES = [
    ("here", "", "unable to get local issuer certificate"),
    ("expired", AUTHORITY, "certificate has expired"),
    ("elsewhere", AUTHORITY, "certificate is not valid for '127.0.0.1'"),
]


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("bad", BAD_CERTIFICATES)
def test_certificate_that_is_not_trusted_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, simulator: SimulatorServer, method: Method, bad: tuple[str, str, str]
) -> None:
    """One connection and no wait: the text says what is wrong and names the variables, and nothing was sent."""
    certificate, authority, reason = bad
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    with tls_front(port_of(simulator), certificate) as front:
        settings = Settings.load({"apiKey": "a-key", "baseUrl": f"https://127.0.0.1:{front.port}/v1"}, {})
        client = JusttClient(settings)
        with pytest.raises(ConnectionSetupError) as barred:
            send(client, method)
        client.close()

    assert front.connections == 1
    assert reason in barred.value.response
    assert barred.value.remediation.startswith("Nothing was sent. ")
    assert {"SSL_CERT_FILE", "SSL_CERT_DIR"} <= set(re.findall(r"[A-Z_]{6,}", barred.value.remediation))
    assert simulator.request_count == 0


def test_certificates_of_variables_are_trusted_for_this_machine_too(simulator: SimulatorServer, tmp_path: Path) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR hold for a loopback address; without them the command says what to set."""
    folder = tmp_path / "authorities"
    folder.mkdir()
    # The name by which OpenSSL looks this authority up.
    shutil.copy(AUTHORITY, folder / "774b5dcc.0")
    with tls_front(port_of(simulator), "here") as front:
        url = f"https://127.0.0.1:{front.port}/v1"
        refused = listed(tmp_path, url)
        trusted = [listed(tmp_path, url, SSL_CERT_FILE=AUTHORITY), listed(tmp_path, url, SSL_CERT_DIR=str(folder))]

    assert refused.code == 3
    assert [(each.code, each.stderr) for each in trusted] == [(0, ""), (0, "")]
    assert "set SSL_CERT_FILE to that authority's PEM file (or SSL_CERT_DIR" in words(refused.stderr)


def test_no_file_gets_the_keys_of_connections(simulator: SimulatorServer, tmp_path: Path) -> None:
    """SSLKEYLOGFILE is not followed: with that file, whoever records the traffic could read every credential."""
    file = tmp_path / "keys.log"
    with tls_front(port_of(simulator), "here") as front:
        done = listed(tmp_path, f"https://127.0.0.1:{front.port}/v1", SSL_CERT_FILE=AUTHORITY, SSLKEYLOGFILE=str(file))

    assert done.code == 0
    assert not file.exists()


def test_every_command_of_the_engine_stops_at_an_untrusted_certificate(
    stack: Stack, simulator: SimulatorServer
) -> None:
    """Creates, refreshes and deletes fail at the first connection, and the state keeps what it had."""
    with tls_front(port_of(simulator), "here") as front:
        stack.config({"justt:baseUrl": f"https://127.0.0.1:{front.port}/v1"})
        stack.program(PROGRAM.format(name="first"))
        stack.up(SSL_CERT_FILE=AUTHORITY)
        sent = simulator.request_count
        stack.program(PROGRAM.format(name="first") + PROGRAM.format(name="second"))
        for command in (stack.up, stack.refresh, stack.destroy):
            before, started = front.connections, time.monotonic()
            shown = words(command(fails=True).text)
            assert "certificate not trusted: unable to get local issuer certificate" in shown
            assert "set SSL_CERT_FILE to" in shown
            assert "may have created" not in shown
            assert front.connections - before == 1, time.monotonic() - started
        assert simulator.request_count == sent
        assert list(stack.resources()) == ["first"]


@pytest.mark.parametrize("form", [b"%s", b"Bearer %s", b"denied for %s"])
def test_what_a_proxy_says_of_its_password_is_not_shown(tmp_path: Path, form: bytes) -> None:
    """A 407 fails at once, names the variables, and its reason phrase, which may be the password, stays out."""
    password = canary("proxy")

    def answer(request: bytes) -> bytes:
        sent = re.search(rb"(?i)proxy-authorization: Basic (\S+)", request)
        assert sent
        told = base64.b64decode(sent[1]).partition(b":")[2]
        return b"HTTP/1.1 407 " + form % told + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    with connect_proxy(answer) as proxy:
        url = f"http://user:{password}@127.0.0.1:{proxy.port}"
        done = listed(tmp_path, BEYOND, HTTPS_PROXY=url, JUSTT_DEBUG="1")

    assert (done.code, proxy.connections) == (3, 1)
    assert password not in done.text
    assert "no connection (the proxy answered 407 Proxy Authentication Required)" in words(done.stderr)
    assert "HTTPS_PROXY" in done.stderr
    assert "NO_PROXY" in done.stderr


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_407_of_a_proxy_fails_at_once(monkeypatch: pytest.MonkeyPatch, method: Method) -> None:
    """No method is tried again, and a create is known not to have happened."""
    with connect_proxy(lambda _: b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        client = JusttClient(Settings.load({"apiKey": "a-key", "baseUrl": BEYOND}, {}))
        with pytest.raises(ConnectionSetupError, match="Nothing was sent"):
            send(client, method)
        client.close()

    assert proxy.connections == 1


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize(
    ("head", "failure"),
    [
        (b"", "the proxy: the connection broke (RemoteProtocolError)"),
        (b"no HTTP at all\r\n\r\n", "the proxy: the connection broke (RemoteProtocolError)"),
        (b"HTTP/1.1 100 Go on\r\n\r\n", "the proxy: the connection broke (RemoteProtocolError)"),
        (None, "the proxy: no answer within 0.5 s"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_has_got_nothing(
    monkeypatch: pytest.MonkeyPatch, method: Method, head: bytes | None, failure: str
) -> None:
    """Only CONNECT has left, so a create is known not to have happened, and is tried again like any other request."""
    is_over = threading.Event()

    def answer(_: bytes) -> bytes:
        if head is None:
            is_over.wait(HANG_SECONDS)
        return head or b""

    with connect_proxy(answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        settings = Settings.load({"apiKey": "a-key", "baseUrl": BEYOND, "timeoutSeconds": "0.5"}, {})
        client = JusttClient(settings, policy=RetryPolicy(attempts=2), sleep=lambda _: None)
        with pytest.raises(RequestFailed, match="Nothing was sent") as refused:
            send(client, method)
        client.close()
        is_over.set()

    assert failure in str(refused.value)
    assert proxy.connections == 2


def close_after_request(connection: socket.socket) -> None:
    """Take a request and give no answer."""
    connection.recv(65536)


def test_a_create_that_went_through_the_tunnel_may_have_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks behind the proxy, after TLS, leaves the outcome open."""
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)
    with (
        Listener(close_after_request) as server,
        tls_front(server.port, "here") as front,
        connect_proxy(lambda _: b"HTTP/1.1 200 Fine\r\n\r\n", front.port) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        client = JusttClient(Settings.load({"apiKey": "a-key", "baseUrl": BEYOND}, {}))
        with pytest.raises(CreateOutcomeUnknown):
            send(client, "POST")
        client.close()


@pytest.mark.parametrize("no_proxy", ["", "localhost,[::1]", "[", "localhost,[fe80::1%eth0],10.0.0.0/8,.example, ,:"])
def test_no_proxy_of_any_form_does_no_harm(project: FakePulumi, simulator: SimulatorServer, no_proxy: str) -> None:
    """Entries that the HTTP library cannot read, such as an address in brackets, leave the others in force."""
    with (
        tls_front(port_of(simulator), "here") as front,
        connect_proxy(lambda _: b"HTTP/1.1 200 Fine\r\n\r\n", front.port) as proxy,
    ):
        variables = {"HTTPS_PROXY": f"127.0.0.1:{proxy.port}", "NO_PROXY": no_proxy, "SSL_CERT_FILE": AUTHORITY}
        done = listed_here(project, **variables)

    assert (done, proxy.connections) == ((0, ""), 1)


@pytest.mark.parametrize(
    ("no_proxy", "is_bypassed"),
    [
        ("api.justt.ai:443", True),
        ("api.justt.ai:8443", False),
        ("*.justt.ai", True),
        ("*justt.ai", True),
        ("stt.ai", False),
        ("api.justt.ai.,x", True),
        ("x api.justt.ai", True),
        ("api.justt.ai.evil", False),
        ("*.", False),
        ("[::1]:443", False),
    ],
)
def test_entries_of_no_proxy(monkeypatch: pytest.MonkeyPatch, no_proxy: str, *, is_bypassed: bool) -> None:
    """Each way in which other programs write a host or a domain means the same here."""
    monkeypatch.setenv("HTTPS_PROXY", " http://proxy.example:8080 ")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    for host in ("https://api.justt.ai/v1", "https://api.justt.ai./v1", "https://api.justt.ai:443/v1"):
        assert proxy_for(host) == (None if is_bypassed else "http://proxy.example:8080")


def test_blank_proxy_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that holds only white space is not set, and does not hide another one."""
    monkeypatch.setenv("HTTPS_PROXY", "   ")
    assert proxy_for("https://api.justt.ai/v1") is None
    monkeypatch.setenv("ALL_PROXY", "proxy.example:1")
    assert proxy_for("https://api.justt.ai/v1") == "http://proxy.example:1"
    monkeypatch.setenv("NO_PROXY", "[::1]:8443")
    assert proxy_for("https://[::1]:8443/v1") is None


@pytest.mark.parametrize(
    "no_proxy",
    ["*", "justt.invalid", "a.example,.invalid", "localhost, *", "*.invalid", "justt.invalid.", "JUSTT.invalid:{port}"],
)
def test_no_proxy_keeps_the_proxy_out(
    project: FakePulumi, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """Its entries are hosts, and the ends of hosts, to which the requests then go directly."""
    with (
        tls_front(port_of(simulator), "here") as front,
        connect_proxy(lambda _: b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as proxy,
    ):
        resolve = socket.getaddrinfo
        here = {"justt.invalid": "127.0.0.1"}
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *more, **options: resolve(here.get(host, host), *more, **options)
        )
        variables = {
            "ALL_PROXY": f"http://127.0.0.1:{proxy.port}",
            "NO_PROXY": no_proxy.format(port=front.port),
            "SSL_CERT_FILE": AUTHORITY,
        }
        done = listed_here(project, JUSTT_BASE_URL=f"https://justt.invalid:{front.port}/v1", **variables)

    assert (done, front.connections, proxy.connections) == ((0, ""), 1, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("HTTPS_PROXY", url)
            for url in (
                "http://[::1",
                "http://127.0.0.1:port",
                "http://a:99999",
                "ftp://a",
                "[",
                "http://[::1]x",
                "http://u:1#p@a",
                "http://u:1/p@a",
            )
        ),
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", str(Path(__file__))),
    ],
)
def test_network_settings_that_cannot_be_used(project: FakePulumi, name: str, value: str) -> None:
    """One sentence that names the variable, before anything is sent."""
    code, stderr = listed_here(project, **{name: value})

    assert code == 3
    assert name in stderr
    assert "the network settings of this machine cannot be used" in words(stderr)
    assert "inside pulumi-justt" not in stderr
