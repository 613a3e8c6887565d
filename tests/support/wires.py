"""Servers that can stand between the provider and Justt: a TLS server, and a proxy.

The certificates in tests/data/tls were made with openssl for these tests, and nothing trusts them. `here` is for
localhost and justt.invalid, `expired` ended in 2021, and `elsewhere` is for another host. All have the same key and
issuer.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

__all__ = ["AUTHORITY", "Listener", "connect_proxy", "tls_front"]

_FOLDER = Path(__file__).parents[1] / "data" / "tls"
AUTHORITY = str(_FOLDER / "authority.pem")
"""The value of SSL_CERT_FILE if the certificates are to be trusted."""


class Listener:
    """A server on localhost that handles each connection in a thread. Use it in a `with` statement.

    Args:
        handle: Receives each connection.

    Attributes:
        port: The port that it listens on.
        connections: The number of connections so far.
    """

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0

    def __enter__(self) -> Self:
        """Start the server."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop accepting connections."""
        # Closing the socket doesn't wake a thread that is blocked in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that doesn't trust the certificate closes the connection.
        with connection, contextlib.suppress(OSError):
            self._handle(connection)


def tls_front(port: int, certificate: str) -> Listener:
    """Return a TLS server that presents *certificate* and forwards to *port* on localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_FOLDER / f"{certificate}.pem", _FOLDER / "key.pem")

    def handle(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port)) as behind,
        ):
            request = b""
            while b"\r\n\r\n" not in request:
                request += secured.recv(65536)
            behind.sendall(re.sub(rb"(?i)(\r\nhost: )[^\r]*", rb"\1localhost", request, count=1))
            _join(secured, behind)

    return Listener(handle)


def connect_proxy(answer: Callable[[bytes], bytes], port: int = 0) -> Listener:
    """Return a proxy that responds to each CONNECT with *answer*, and connects it to *port* on success."""

    def handle(connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(65536)
        head = answer(request)
        connection.sendall(head)
        if head.startswith(b"HTTP/1.1 200"):
            with socket.create_connection(("127.0.0.1", port)) as behind:
                _join(connection, behind)

    return Listener(handle)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes both ways until one side closes."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()
