"""The sockets below the client: whatever they do, no request takes longer than its time-out. Time is virtual."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ssl import SSLContext, create_default_context
from types import SimpleNamespace
from typing import Any

import httpcore
import pytest

from pulumi_justt.api import deadline
from pulumi_justt.api.deadline import TotalTimeout


class Network:
    """Connections on a virtual clock that only their operations advance.

    Args:
        takes: Seconds of each operation on a connection. The operation times out if its time-out is shorter.
        responsive: The addresses that accept a connection. The others never respond.
    """

    def __init__(self, *, takes: float = 0.0, responsive: tuple[str, ...] = ("10.0.0.1",)) -> None:
        self.now = 1000.0
        self.takes = takes
        self.responsive = responsive
        self.operations: list[tuple[str, float | None]] = []
        self.written: list[bytes] = []

    def pass_time(self, name: str, timeout: float | None, error: type[Exception]) -> None:
        """Let an operation take its time, or raise its time-out."""
        assert timeout is not None
        self.operations.append((name, round(timeout, 3)))
        self.now += min(self.takes, timeout)
        if self.takes > timeout:
            raise error

    def connect(self, host: str, _: int, timeout: float | None, *__: object) -> httpcore.NetworkStream:
        """Open a connection, or wait until the time-out."""
        assert timeout is not None
        self.operations.append((host, round(timeout, 3)))
        if host in self.responsive:
            return Stream(self)
        self.now += timeout
        raise httpcore.ConnectTimeout(f"{host} says nothing")


class Stream(httpcore.NetworkStream):
    """One connection of `Network`, each of whose operations takes the network's time."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def read(self, _: int, timeout: float | None = None) -> bytes:
        """Return one byte."""
        self.network.pass_time("read", timeout, httpcore.ReadTimeout)
        return b"x"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Accept everything."""
        self.network.pass_time("write", timeout, httpcore.WriteTimeout)
        self.network.written.append(buffer)

    def start_tls(self, _: SSLContext, __: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:
        """Accept the handshake."""
        self.network.pass_time("tls", timeout, httpcore.ConnectTimeout)
        return self


def connect(
    monkeypatch: pytest.MonkeyPatch, network: Network, *addresses: str
) -> tuple[TotalTimeout, Callable[[float], httpcore.NetworkStream]]:
    """Put *network* below the sockets under test, and return a function that opens a connection within some seconds."""
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: network.now))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", network.connect)
    limit = TotalTimeout()
    return limit, lambda timeout: limit.connect_tcp("justt.example", 443, timeout)


def test_addresses_of_a_name_share_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no address of a name responds, each one gets the same share of the time-out, and no more in total."""
    network = Network(responsive=())
    limit, open_within = connect(monkeypatch, network, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")

    with limit.of(30.0), pytest.raises(httpcore.ConnectTimeout, match=r"10\.0\.0\.4 says nothing"):
        open_within(10.0)

    assert network.operations == [(f"10.0.0.{number}", 2.5) for number in range(1, 5)]
    assert network.now == pytest.approx(1010.0)


def test_first_responsive_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the first address of a host name does not respond within its share of the time-out, the second one is used."""
    network = Network(responsive=("10.0.0.2",))
    limit, open_within = connect(monkeypatch, network, "10.0.0.1", "10.0.0.2", "10.0.0.3")

    with limit.of(3.0):
        open_within(10.0)

    assert network.operations == [("10.0.0.1", 1.0), ("10.0.0.2", 1.0)]


def test_duplicate_address_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the resolver returns an address twice, it is tried once, with the whole time-out."""
    network = Network(responsive=())
    limit, open_within = connect(monkeypatch, network, "10.0.0.1", "10.0.0.1")

    with limit.of(3.0), pytest.raises(httpcore.ConnectTimeout):
        open_within(10.0)

    assert network.operations == [("10.0.0.1", 3.0)]


@pytest.mark.parametrize("takes", [0.5, 1.0])
def test_slow_upload_ends_at_the_timeout(monkeypatch: pytest.MonkeyPatch, takes: float) -> None:
    """If an upload is slow, each piece gets only the remaining time, and the upload ends at the time-out."""
    network = Network(takes=takes)
    limit, open_within = connect(monkeypatch, network, "10.0.0.1")

    with limit.of(2.0):
        stream = open_within(2.0)
        with pytest.raises(httpcore.TimeoutException):
            stream.write(b"x" * 1_000_000, 2.0)

    assert network.now == pytest.approx(1002.0)
    assert [timeout for _, timeout in network.operations[1:3]] == [2.0, 2.0 - takes]
    assert {len(piece) for piece in network.written} == {4096}


def test_request_is_written_completely(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a body is written in pieces, the pieces add up to the body. An empty body writes nothing."""
    network = Network()
    limit, open_within = connect(monkeypatch, network, "10.0.0.1")
    body = bytes(range(256)) * 40

    with limit.of(2.0):
        stream = open_within(2.0)
        stream.write(body, 2.0)
        stream.write(b"", 2.0)

    assert b"".join(network.written) == body
    assert [len(piece) for piece in network.written] == [4096, 4096, 2048]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (lambda stream: stream.read(1, 9.0), httpcore.ReadTimeout),
        (lambda stream: stream.write(b"x", 9.0), httpcore.WriteTimeout),
        (lambda stream: stream.start_tls(create_default_context(), "justt.example", 9.0), httpcore.ConnectTimeout),
    ],
    ids=["read", "write", "tls"],
)
def test_operation_gets_the_remaining_time(
    monkeypatch: pytest.MonkeyPatch, operation: Callable[[httpcore.NetworkStream], Any], error: type[Exception]
) -> None:
    """Each operation on a connection gets only the remaining time, and times out if none is left.

    A handshake then counts as a failed connection.
    """
    network = Network(takes=2.0)
    limit, open_within = connect(monkeypatch, network, "10.0.0.1")

    with limit.of(5.0):
        stream = open_within(5.0)
        operation(stream)
        operation(stream)
        with pytest.raises(error):
            operation(stream)
        with pytest.raises(httpcore.ReadTimeout if error is httpcore.WriteTimeout else error):
            operation(stream)

    assert [timeout for _, timeout in network.operations[1:]] == [5.0, 3.0, 1.0]


def test_no_connection_is_opened_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the wait for the pool has used up the time-out, no connection is opened."""
    network = Network()
    limit, open_within = connect(monkeypatch, network, "10.0.0.1")

    with limit.of(5.0):
        network.now += 5.0
        with pytest.raises(httpcore.ConnectTimeout):
            open_within(10.0)

    assert network.operations == []
