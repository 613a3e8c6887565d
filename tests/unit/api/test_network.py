"""Certificates and proxies: what works, what fails at once, and which variables the errors name."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pulumi_justt.api.network import certificates, proxy_for
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
"""Not an address of this machine, so the environment's proxy is used."""


def one_line(text: str) -> str:
    """Return *text* on one line."""
    return re.sub(r"\s+", " ", text)


def run_list(folder: Path, base_url: str, **variables: str) -> Result:
    """Run `pulumi-justt list` in an empty folder."""
    environ = {"JUSTT_API_KEY": "a-key", "JUSTT_BASE_URL": base_url, **variables}
    if base_url == BEYOND:
        environ["JUSTT_ENVIRONMENT"] = "production"
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_justt.cli", "list"],
        cwd=folder,
        env=environment.build(environ),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, without_notes(done.stderr))


def run_list_in_process(project: FakePulumi, **variables: str) -> tuple[int, str]:
    """Run `pulumi-justt list` in this process, and return its exit code and stderr."""
    environ = {"JUSTT_API_KEY": "a-key", "JUSTT_BASE_URL": BEYOND, **variables}
    done = project.run("list", "--environment", "production", "--cwd", str(project.folder), environ=environ)
    return done.exit_code, without_notes(done.stderr)


def without_notes(stderr: str) -> str:
    """Leave out that the command has no project, and that the account is empty."""
    return re.sub(
        r"^(note: there is no Pulumi project in .*|No integration was found\.)\n", "", stderr, flags=re.MULTILINE
    )


def port_of(simulator: SimulatorServer) -> int:
    """Return the simulator's port."""
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


def test_certificates_and_host_names_are_checked() -> None:
    """The client requires a trusted certificate of the right host, and TLS 1.2 or later."""
    context = certificates()

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("bad", BAD_CERTIFICATES)
def test_untrusted_certificate_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, simulator: SimulatorServer, method: Method, bad: tuple[str, str, str]
) -> None:
    """If the server's certificate is not trusted, each request fails after one connection and sends nothing.

    The error names the reason and the SSL_CERT variables.
    """
    certificate, authority, reason = bad
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    with tls_front(port_of(simulator), certificate) as front:
        settings = Settings.load({"apiKey": "a-key", "baseUrl": f"https://127.0.0.1:{front.port}/v1"}, {})
        client = JusttClient(settings)
        with pytest.raises(ConnectionSetupError) as error:
            send(client, method)
        client.close()

    assert front.connections == 1
    assert reason in error.value.response
    assert error.value.remediation.startswith("Nothing was sent. ")
    assert {"SSL_CERT_FILE", "SSL_CERT_DIR"} <= set(re.findall(r"[A-Z_]{6,}", error.value.remediation))
    assert simulator.request_count == 0


@pytest.mark.slow
def test_ssl_cert_variables_apply_to_loopback_addresses(simulator: SimulatorServer, tmp_path: Path) -> None:
    """If SSL_CERT_FILE or SSL_CERT_DIR has the authority, requests to a loopback address succeed.

    Without them, the error says what to set.
    """
    folder = tmp_path / "authorities"
    folder.mkdir()
    # OpenSSL looks the authority up by this name.
    shutil.copy(AUTHORITY, folder / "774b5dcc.0")
    with tls_front(port_of(simulator), "here") as front:
        url = f"https://127.0.0.1:{front.port}/v1"
        refused = run_list(tmp_path, url)
        trusted = [run_list(tmp_path, url, SSL_CERT_FILE=AUTHORITY), run_list(tmp_path, url, SSL_CERT_DIR=str(folder))]

    assert refused.code == 3
    assert [(each.code, each.stderr) for each in trusted] == [(0, ""), (0, "")]
    assert "set SSL_CERT_FILE to that authority's PEM file (or SSL_CERT_DIR" in one_line(refused.stderr)


@pytest.mark.slow
def test_sslkeylogfile_is_ignored(simulator: SimulatorServer, tmp_path: Path) -> None:
    """If SSLKEYLOGFILE is set, the client writes no TLS keys to that file. The keys could decrypt recorded traffic."""
    file = tmp_path / "keys.log"
    with tls_front(port_of(simulator), "here") as front:
        done = run_list(
            tmp_path, f"https://127.0.0.1:{front.port}/v1", SSL_CERT_FILE=AUTHORITY, SSLKEYLOGFILE=str(file)
        )

    assert done.code == 0
    assert not file.exists()


@pytest.mark.slow
def test_every_command_of_the_engine_stops_at_an_untrusted_certificate(
    stack: Stack, simulator: SimulatorServer
) -> None:
    """If the certificate is not trusted, `up`, `refresh` and `destroy` fail at the first connection.

    The state stays unchanged.
    """
    with tls_front(port_of(simulator), "here") as front:
        stack.config({"justt:baseUrl": f"https://127.0.0.1:{front.port}/v1"})
        stack.program(PROGRAM.format(name="first"))
        stack.up(SSL_CERT_FILE=AUTHORITY)
        sent = simulator.request_count
        stack.program(PROGRAM.format(name="first") + PROGRAM.format(name="second"))
        for command in (stack.up, stack.refresh, stack.destroy):
            before, started = front.connections, time.monotonic()
            shown = one_line(command(fails=True).text)
            assert "certificate not trusted: unable to get local issuer certificate" in shown
            assert "set SSL_CERT_FILE to" in shown
            assert "may have created" not in shown
            assert front.connections - before == 1, time.monotonic() - started
        assert simulator.request_count == sent
        assert list(stack.resources()) == ["first"]


@pytest.mark.parametrize("form", [b"%s", b"Bearer %s", b"denied for %s"])
@pytest.mark.daily(1)
def test_proxy_password_in_a_407_is_not_shown(tmp_path: Path, form: bytes) -> None:
    """If a proxy's 407 has the password in its reason phrase, the command fails at once and does not show it.

    The error names the proxy variables.
    """
    password = canary("proxy")

    def respond(request: bytes) -> bytes:
        sent = re.search(rb"(?i)proxy-authorization: Basic (\S+)", request)
        assert sent
        decoded = base64.b64decode(sent[1]).partition(b":")[2]
        return b"HTTP/1.1 407 " + form % decoded + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    with connect_proxy(respond) as proxy:
        url = f"http://user:{password}@127.0.0.1:{proxy.port}"
        done = run_list(tmp_path, BEYOND, HTTPS_PROXY=url, JUSTT_DEBUG="1")

    assert (done.code, proxy.connections) == (3, 1)
    assert password not in done.text
    assert "no connection (the proxy answered 407 Proxy Authentication Required)" in one_line(done.stderr)
    assert "HTTPS_PROXY" in done.stderr
    assert "NO_PROXY" in done.stderr


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_407_of_a_proxy_fails_at_once(monkeypatch: pytest.MonkeyPatch, method: Method) -> None:
    """If the proxy responds with 407, no request is retried, and the error says that nothing was sent."""
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
def test_proxy_that_opens_no_tunnel_received_no_request(
    monkeypatch: pytest.MonkeyPatch, method: Method, head: bytes | None, failure: str
) -> None:
    """If the proxy opens no tunnel, only CONNECT was sent.

    So every request, a create too, is retried, and the error says that nothing was sent.
    """
    is_over = threading.Event()

    def respond(_: bytes) -> bytes:
        if head is None:
            is_over.wait(HANG_SECONDS)
        return head or b""

    with connect_proxy(respond) as proxy:
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
    """Read a request and send no response."""
    connection.recv(65536)


def test_create_that_went_through_the_tunnel_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the connection breaks behind the proxy, after the TLS handshake, create raises CreateOutcomeUnknown."""
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
def test_invalid_no_proxy_entries_are_ignored(project: FakePulumi, simulator: SimulatorServer, no_proxy: str) -> None:
    """If NO_PROXY has entries that httpx can't read, the command ignores them and uses the proxy."""
    with (
        tls_front(port_of(simulator), "here") as front,
        connect_proxy(lambda _: b"HTTP/1.1 200 Fine\r\n\r\n", front.port) as proxy,
    ):
        variables = {"HTTPS_PROXY": f"127.0.0.1:{proxy.port}", "NO_PROXY": no_proxy, "SSL_CERT_FILE": AUTHORITY}
        done = run_list_in_process(project, **variables)

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
    """An entry of NO_PROXY matches a host or its domain in the forms that other programs accept, also with a port."""
    monkeypatch.setenv("HTTPS_PROXY", " http://proxy.example:8080 ")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    for host in ("https://api.justt.ai/v1", "https://api.justt.ai./v1", "https://api.justt.ai:443/v1"):
        assert proxy_for(host) == (None if is_bypassed else "http://proxy.example:8080")


def test_blank_proxy_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """If HTTPS_PROXY has only white space, it counts as unset, and ALL_PROXY applies."""
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
def test_no_proxy_bypasses_the_proxy(
    project: FakePulumi, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """If the host matches an entry of NO_PROXY, or ends with one, the command connects to it without the proxy."""
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
        done = run_list_in_process(project, JUSTT_BASE_URL=f"https://justt.invalid:{front.port}/v1", **variables)

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
def test_invalid_network_settings_are_one_error(project: FakePulumi, name: str, value: str) -> None:
    """If a proxy variable or SSL_CERT_FILE is invalid, the command fails with one error that names the variable."""
    code, stderr = run_list_in_process(project, **{name: value})

    assert code == 3
    assert name in stderr
    assert "the network settings of this machine cannot be used" in one_line(stderr)
    assert "inside pulumi-justt" not in stderr
