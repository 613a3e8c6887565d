"""Run a simulator in a thread of this process, or in the foreground until a signal.

The server binds only loopback addresses and serves only requests whose `Host` is a loopback address. The control
endpoint requires no key, and without the check a web page could reach it through a name that resolves to a loopback
address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import signal
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from . import control, pipeline
from .options import Options
from .rules import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from .faults import Fault, FaultEvent
    from .records import Exchange, Records

LOOPBACK = "127.0.0.1"
# How long a shutdown waits for requests in progress.
_SHUTDOWN_SECONDS = 1.0


def _redact_log_record(record: logging.LogRecord) -> bool:
    """Reduce a log record of aiohttp to the class of the error, because the rest may quote a request."""
    kind = record.exc_info[0] if record.exc_info else None
    record.msg = f"the simulator could not serve a request{f': {kind.__name__}' if kind else ''}"
    record.args, record.exc_info = (), None
    return True


_LOGGER = logging.getLogger(__name__)
_LOGGER.addFilter(_redact_log_record)


def run(options: Options, *, on_ready: Callable[[str], None], host: str = LOOPBACK, port: int = 0) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Args:
        options: The options of the simulator.
        on_ready: Called once with the base URL of the API, as soon as requests are served.
        host: A loopback address, or `localhost`.
        port: The port. 0 selects a free one.
    """
    _check_loopback(host)

    async def serve_until_signal() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with _serving(simulator, host, port) as root:
            on_ready(root + pipeline.BASE_PATH)
            await stop.wait()

    simulator = pipeline.Simulator(options, time.time)
    with closing(simulator.records):
        asyncio.run(serve_until_signal())


class SimulatorServer:
    """Runs a simulator in its own thread, within a `with` statement.

    It serves requests, and its attributes are set, from the start of the `with` statement to its end.

    Args:
        options: The options of the simulator. The defaults follow Justt's documentation.
        host: A loopback address, or `localhost`.
        port: The port. 0 selects a free one.
        clock: Returns Unix seconds. A test can pass a clock that it controls.

    Attributes:
        base_url: The base URL of the API.
        control_url: The base URL of the control endpoint.
    """

    base_url: str
    control_url: str

    def __init__(
        self,
        options: Options | None = None,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_loopback(host)
        self._initial_options = options or Options()
        self._address = host, port
        self._clock = clock

    def __enter__(self) -> Self:
        """Start the simulator, and return when it serves requests."""
        self._simulator = pipeline.Simulator(self._initial_options, self._clock)
        ready: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="justt-simulator", daemon=True)
        self._thread.start()
        try:
            root = ready.result()
        except BaseException:
            self._thread.join()
            self._simulator.records.close()
            raise
        self.base_url = root + pipeline.BASE_PATH
        self.control_url = root + control.BASE_PATH
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the simulator, and return when the port is free and the database is closed."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._simulator.records.close()

    @property
    def records(self) -> Records:
        """The store, for assertions and for changes without the API."""
        return self._simulator.records

    @property
    def requests(self) -> list[Exchange]:
        """The requests to the API so far, oldest first."""
        return self._simulator.journal.exchanges()

    @property
    def request_count(self) -> int:
        """The number of requests to the API, including those that `requests` no longer lists."""
        return self._simulator.journal.count

    @property
    def options(self) -> Options:
        """The options in force. To change them, assign `dataclasses.replace(simulator.options, ...)`."""
        return self._simulator.options

    @options.setter
    def options(self, options: Options) -> None:
        self._simulator.options = options

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force. An assignment replaces them and restarts their counts."""
        return self._simulator.options.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._simulator.restart_faults(faults)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault after the existing ones, which keep their counts."""
        self._simulator.add_fault(fault)

    def clear_faults(self) -> None:
        """Remove all faults. `fired` still lists those that happened."""
        self._simulator.restart_faults(())

    @property
    def fired(self) -> list[FaultEvent]:
        """The faults that happened, in the order of the responses to their requests."""
        return self._simulator.journal.fired()

    def clear_requests(self) -> None:
        """Clear the recorded requests, and the faults that happened to them."""
        self._simulator.journal.clear()

    def _run(self, ready: Future[str]) -> None:
        try:
            asyncio.run(self._serve_until_stopped(ready))
        except BaseException as error:  # noqa: BLE001 - the thread that waits must receive every error
            ready.set_exception(error)

    async def _serve_until_stopped(self, ready: Future[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with _serving(self._simulator, *self._address) as root:
            ready.set_result(root)
            await self._stop.wait()


@asynccontextmanager
async def _serving(simulator: pipeline.Simulator, host: str, port: int) -> AsyncIterator[str]:
    """Bind the address, and yield the root URL."""
    # One byte more, because some releases of aiohttp refuse a body of exactly the limit. This limit only bounds the
    # memory. `validate` refuses a body that is too large.
    app = web.Application(client_max_size=MAX_BODY_BYTES + 1, middlewares=[_refuse_other_hosts])
    simulator.add_routes(app)
    control.Control(simulator).add_routes(app)

    async def stop_waiting(_: web.Application) -> None:
        simulator.stop_waiting()

    app.on_shutdown.append(stop_waiting)
    runner = web.AppRunner(app, access_log=None, logger=_LOGGER, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_port: int = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
    finally:
        await runner.cleanup()


@web.middleware
async def _refuse_other_hosts(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    host = re.sub(r":[0-9]*$", "", request.headers.get("Host", "")).lower()
    try:
        _check_loopback(host[1:-1] if host[:1] == "[" else host)
    except ValueError:
        message = "the simulator answers only requests whose Host is a loopback address or localhost"
        return web.json_response({"message": message}, status=HTTPStatus.MISDIRECTED_REQUEST)
    return await handler(request)


def _check_loopback(host: str) -> None:
    if host == "localhost":
        return
    address = ipaddress.ip_address(host)
    if not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
        raise ValueError("the simulator binds loopback addresses only")
