"""A total time limit for one request and its response, below httpx.

httpx limits only each single operation of a socket, and one exchange has many of them. A slow server, a host name with
several dead addresses, or a resolver that hangs could block a thread for minutes. The sockets of this module limit each
operation to the remaining time of the exchange.

    look-up      in a separate thread, which is abandoned after the time limit, because it cannot be interrupted; an
                 address needs none
    connect      one timeout for all addresses of a name; each address gets an equal share of the remaining time
    TLS          the remaining time
    write        in pieces small enough for one write of the socket, each with the remaining time
    read         the remaining time

One case is not covered: with an https proxy, httpcore reads the inner TLS in its own loop, where each packet from the
proxy restarts the timeout.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a look-up would import it in a thread, perhaps from the program's folder
import math
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import httpx

__all__ = ["TotalTimeout"]

_LONGEST_SECONDS = 3600.0
"""The timeout, in seconds, of an operation for which httpx sets none."""

_PIECE = 4096
"""Bytes per write. A writable socket accepts this many at once, so each write waits at most once."""


class TotalTimeout(httpcore.SyncBackend):
    """A network backend of httpcore that limits the total time of the calling thread's exchange."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def guard(self, client: httpx.Client) -> None:
        """Make *client* use this backend, for proxies too. A transport without a pool has no sockets, so skip it."""
        # httpx has no parameter for httpcore's documented network backend; a test with real sockets covers this access.
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
            pool = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = self  # noqa: SLF001

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Limit the total time of the calling thread's exchange in the `with` block."""
        self._thread.end = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._thread.end

    def left(self, timeout: float | None, *, is_connected: bool = True) -> float:
        """Return *timeout*, or the remaining time of the exchange if that is less.

        Args:
            timeout: The timeout of httpx for one operation, in seconds; never zero, and None if there is none.
            is_connected: Whether there is a connection, so that something may have been sent.

        Raises:
            httpcore.ConnectTimeout: The time limit passed before there was a connection.
            httpcore.ReadTimeout: The time limit passed after something may have been sent.
        """
        rest: float = getattr(self._thread, "end", math.inf) - time.monotonic()
        if rest <= 0 and not is_connected:
            raise httpcore.ConnectTimeout("no time was left to connect")
        if rest <= 0:
            raise httpcore.ReadTimeout
        return min(rest, _LONGEST_SECONDS if timeout is None else timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection to the first address of *host* that accepts one."""
        limit = self.left(timeout, is_connected=False)
        end = time.monotonic() + limit
        addresses = _addresses(host, port, limit)
        open_one = super().connect_tcp

        def connect(number: int) -> httpcore.NetworkStream:
            # A timeout of zero would make the socket non-blocking.
            share = max(0.001, (end - time.monotonic()) / (len(addresses) - number))
            return _Stream(open_one(addresses[number], port, share, local_address, socket_options), self)

        for number in range(len(addresses) - 1):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return connect(number)
        return connect(len(addresses) - 1)


class _Stream(httpcore.NetworkStream):
    """A connection whose operations are limited to the remaining time of the exchange."""

    def __init__(self, stream: httpcore.NetworkStream, limit: TotalTimeout) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._limit.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], self._limit.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = self._limit.left(timeout, is_connected=False)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, limit), self._limit)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Look up the addresses of *host*.

    Raises:
        httpcore.ConnectError: The host has no address.
        httpcore.ConnectTimeout: The look-up does not end before the time limit.
    """
    with suppress(ValueError):
        return [str(ip_address(host))]
    found: futures.Future[list[str]] = futures.Future()

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(info[4][0]) for info in infos)))
        except Exception as error:  # noqa: BLE001 - the waiting thread raises it
            found.set_exception(error)

    threading.Thread(target=look_up, name="justt-look-up", daemon=True).start()
    try:
        return found.result(seconds)
    except futures.TimeoutError:
        raise httpcore.ConnectTimeout(f"the look-up of {host} did not end in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{error}") from None
