"""A time limit for a whole exchange with a server, below httpx.

httpx limits each operation of a socket, and one exchange has any number of them: a server that drips its answer or
takes the request in drips, a name with several dead addresses, or a resolver that hangs would hold a thread for
minutes. The sockets here give each operation no more than what is left of the exchange.

    look-up      in a thread of its own, which is left behind when the time is up: no call can be interrupted in it
    connect      one time-out for all addresses of a name together; each gets an equal share of what is left
    TLS          what is left
    write        in pieces that a socket takes whole, each with what is left
    read         what is left

One case stays open: with a proxy that is reached by https, httpcore reads the inner TLS in a loop of its own, where
each packet of the proxy starts the time anew.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - what a look-up would import, in a thread that may find the program's modules
import math
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import httpx

__all__ = ["TotalTimeout"]

_LONGEST_SECONDS = 3600.0
"""For an operation that has no time-out."""

_PIECE = 4096
"""Bytes that a socket takes whole as soon as it takes any, so that each write waits only once."""


class TotalTimeout(httpcore.SyncBackend):
    """Sockets whose operations end when the time of the calling thread's exchange is up."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def guard(self, client: httpx.Client) -> None:
        """Make *client* use these sockets, through proxies too; a transport without a pool has no sockets."""
        # httpx has no parameter for httpcore's documented network backend; a test on a socket shows that this holds.
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
            pool = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = self  # noqa: SLF001

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Limit what the calling thread exchanges within the `with` statement."""
        self._thread.end = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._thread.end

    def left(self, timeout: float | None, *, is_connected: bool = True) -> float:
        """Return *timeout*, or the rest of the exchange's time if that is less.

        Args:
            timeout: What httpx allows one operation; it always allows some time.
            is_connected: Whether there is a connection, so that something may have been sent.
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
        """Open a connection to the first address of *host* that takes one."""
        limit = self.left(timeout, is_connected=False)
        end = time.monotonic() + limit
        addresses = _addresses(host, port, limit)
        open_one = super().connect_tcp

        def connect(number: int) -> httpcore.NetworkStream:
            # With zero the socket would not wait at all.
            share = max(0.001, (end - time.monotonic()) / (len(addresses) - number))
            return _Stream(open_one(addresses[number], port, share, local_address, socket_options), self)

        for number in range(len(addresses) - 1):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return connect(number)
        return connect(len(addresses) - 1)


class _Stream(httpcore.NetworkStream):
    """A connection whose operations end with the exchange's time."""

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
        httpcore.ConnectError: It has none.
        httpcore.ConnectTimeout: The look-up takes longer than *seconds*.
    """
    found: futures.Future[list[str]] = futures.Future()

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(info[4][0]) for info in infos)))
        except Exception as error:  # noqa: BLE001 - the thread that waits raises it
            found.set_exception(error)

    threading.Thread(target=look_up, name="justt-look-up", daemon=True).start()
    try:
        return found.result(seconds)
    except futures.TimeoutError:
        raise httpcore.ConnectTimeout(f"the look-up of {host} did not end in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{error}") from None
