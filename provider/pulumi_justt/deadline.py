"""A time limit for a whole exchange with a server, below httpx.

httpx limits the silence between two pieces of an answer, so that a server that drips one byte at a time, in a header or
in the body, would hold a thread for ever. The streams here give each read and write no more than what is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import httpx

__all__ = ["ExchangeLimit"]


class ExchangeLimit(httpcore.SyncBackend):
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

    def left(self, timeout: float | None) -> float | None:
        """Return *timeout*, or the rest of the exchange's time if that is less."""
        end: float | None = getattr(self._thread, "end", None)
        if end is None:
            return timeout
        rest = end - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout
        return rest if timeout is None else min(timeout, rest)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options), self)


class _Stream(httpcore.NetworkStream):
    """A connection whose operations end with the exchange's time."""

    def __init__(self, stream: httpcore.NetworkStream, limit: ExchangeLimit) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._limit.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._limit.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._limit)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._stream.get_extra_info(info)
