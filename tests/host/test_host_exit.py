"""The provider process exits only when its engine is gone: the rules, and the real host without an engine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from pulumi_justt.core.messages import CANCELLED_REMEDIATION
from pulumi_justt.host import Calls, engine_address, engine_identity, wait_until_gone
from pulumi_justt.provider import IntegrationProvider
from pulumi_justt.simulator import SimulatorServer
from support.clock import Clock
from support.harness import eventually
from support.host import INPUTS, Host

# The rule that decides whether an engine is gone


@pytest.mark.parametrize(
    "before",
    [
        [],
        [True] * 5,
        [False, False, True],
        [False, False, None],
        [None] * 5,
        [False, True] * 5,
        [False, None, False, True],
    ],
)
def test_only_refusals_in_a_row_mean_that_the_engine_is_gone(before: list[bool | None]) -> None:
    """The process counts its engine as gone only after three refused connections in a row.

    A busy machine may refuse one connection, or let one time out.
    """
    connections = [*before, False, False, False]
    left = iter(connections)
    naps: list[float] = []

    wait_until_gone(lambda: next(left), naps.append)

    assert list(left) == []
    assert naps == [1.0] * len(connections)


@pytest.mark.parametrize(
    ("module", "argument", "address"),
    [
        ("pulumi.dynamic.__main__", "127.0.0.1:4711", ("127.0.0.1", 4711)),
        ("pulumi.dynamic.__main__", "[::1]:4711", ("::1", 4711)),
        ("pulumi.dynamic.__main__", "/site-packages/pulumi/dynamic/__main__.py", None),
        ("pulumi.dynamic.__main__", "unix:/run/engine", None),
        ("pulumi.dynamic.__main__", ":4711", None),
        ("pulumi.dynamic.__main__", "", None),
        ("pytest.__main__", "127.0.0.1:4711", None),
        (None, "127.0.0.1:4711", None),
    ],
)
def test_only_the_host_has_an_engine(
    module: str | None, argument: str, address: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the process of the SDK's host, started with an address, has an engine.

    For example, the process of a user's tests has none.
    """
    main = SimpleNamespace(__spec__=module and SimpleNamespace(name=module))
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["-m", argument])

    assert engine_address() == address
    assert (engine_identity() is None) == (address is None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux numbers its sockets where a process can read it")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_later_engine_with_the_same_port_has_another_identity(
    family: socket.AddressFamily, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes of one command compute the same identity of their engine.

    The processes of a later command compute another one, even if its engine has the same port.
    """
    monkeypatch.setitem(
        sys.modules, "__main__", SimpleNamespace(__spec__=SimpleNamespace(name="pulumi.dynamic.__main__"))
    )

    def identities(port: int) -> tuple[int, list[str | None]]:
        with socket.socket(family) as engine:
            engine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            engine.bind((host, port))
            engine.listen()
            port = engine.getsockname()[1]
            monkeypatch.setattr(sys, "argv", ["-m", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"])
            return port, [engine_identity() for _ in range(2)]

    port, first = identities(0)
    _, second = identities(port)
    assert first[0] == first[1] != second[0] == second[1]
    assert all(str(each).startswith(f"{host}:{port}/") for each in (*first, *second))


# Work that finishes before the process exits


@pytest.fixture
def clock() -> Clock:
    """Return a clock that starts at 0."""
    return Clock()


@pytest.fixture
def calls(clock: Clock) -> Calls:
    """Return the calls of a process whose requests time out after 30 seconds."""
    return Calls(clock)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Return threads for calls, and for their waits."""
    with ThreadPoolExecutor(4) as running:
        yield running


@contextlib.contextmanager
def call(calls: Calls, pool: ThreadPoolExecutor) -> Iterator[Callable[[], bool]]:
    """Serve a call in its own thread. The yielded function checks in that thread whether the call is cancelled."""
    asked, answered, end = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
    answers: list[bool] = []

    def serve() -> None:
        with calls.serving():
            answered.release()
            while asked.acquire(timeout=30) and not end.is_set():
                answers.append(calls.is_cancelled())
                answered.release()

    def ask() -> bool:
        asked.release()
        assert answered.acquire(timeout=30)
        return answers[-1]

    served = pool.submit(serve)
    assert answered.acquire(timeout=30)
    try:
        yield ask
    finally:
        end.set()
        asked.release()
        served.result(30)


def test_a_process_without_calls_exits_at_once(calls: Calls, pool: ThreadPoolExecutor) -> None:
    """If the engine is gone and no call is in progress, the process exits without waiting."""
    with call(calls, pool) as is_cancelled:
        assert not is_cancelled()

    pool.submit(calls.finish).result(5)


def test_a_lost_signal_is_repeated_only_soon_after_a_call(calls: Calls, clock: Clock, pool: ThreadPoolExecutor) -> None:
    """A closed connection means nothing during a call, before the first one, or long after the last one.

    gRPC closes a connection that has been idle for half an hour, and the engine opens another one.
    """
    assert not calls.have_just_ended()
    with call(calls, pool):
        assert not calls.have_just_ended()
    assert calls.have_just_ended()
    clock.now = 601.0
    assert not calls.have_just_ended()


def test_a_request_in_flight_may_use_its_timeout(calls: Calls, clock: Clock, pool: ThreadPoolExecutor) -> None:
    """If the engine is gone during a request, the process waits for the response until the request's timeout.

    Then it exits, although the call has not ended.
    """
    with call(calls, pool) as is_cancelled:
        clock.now = 100.0
        assert not is_cancelled()
        clock.now = 110.0
        finished = pool.submit(calls.finish)
        clock.now = 131.0
        time.sleep(1.5)  # enough time for it to return
        assert not finished.done()
        clock.now = 136.0
        finished.result(5)


def test_the_process_waits_for_an_undo(calls: Calls, clock: Clock, pool: ThreadPoolExecutor) -> None:
    """A call that finds that it is cancelled may undo its create. The process exits only after that call has ended."""
    with call(calls, pool) as is_cancelled:
        assert not is_cancelled()
        finished = pool.submit(calls.finish)
        eventually(is_cancelled)
        clock.now = 1000.0
        time.sleep(1.5)  # enough time for it to return
        assert not finished.done()
    finished.result(5)


def test_a_call_without_a_recent_request_is_cut_off(calls: Calls, clock: Clock, pool: ThreadPoolExecutor) -> None:
    """If a call has sent no request for longer than the timeout, the process exits without waiting for the call.

    Retries of a read would otherwise keep the process alive for minutes.
    """
    with call(calls, pool) as is_cancelled:
        assert not is_cancelled()
        clock.now = 36.0
        pool.submit(calls.finish).result(5)
        assert is_cancelled()


def test_queued_calls_send_nothing_after_the_engine_has_left() -> None:
    """If the engine leaves while a call is queued, the call fails without a request."""
    provider = IntegrationProvider()

    def serve(context: object) -> None:
        """Stand in for the host's method, which has the call's context and calls the provider."""
        assert context
        provider.delete("id", {})

    text = f"delete: the engine cancelled the call before it began. {CANCELLED_REMEDIATION}"
    with pytest.raises(Exception, match=f"^{text}$"):
        serve(SimpleNamespace(is_active=lambda: False))
    assert "_core" not in vars(provider)


# The real host


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    """Open a listening socket, as an engine does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def start(engine: socket.socket, simulator: SimulatorServer) -> Host:
    """Return a host of *engine* that is not started yet."""
    name, port = engine.getsockname()
    return Host({"justt:baseUrl": simulator.base_url}, f"{name}:{port}")


def test_an_idle_host_exits_when_its_engine_is_gone(engine: socket.socket, simulator: SimulatorServer) -> None:
    """A host without calls runs as long as its engine listens, and exits soon after the engine is gone."""
    with start(engine, simulator) as host:
        host.check({}, INPUTS)
        with pytest.raises(subprocess.TimeoutExpired):
            host.process.wait(4.0)

        engine.close()

        assert host.process.wait(10.0) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets where a process can read it")
def test_a_host_that_missed_its_signal_exits(engine: socket.socket, simulator: SimulatorServer) -> None:
    """The engine closes its connection and sends a signal, which the host's main thread does not always notice.

    Soon after the connection was closed, the host exits as it does after the signal.
    """
    with start(engine, simulator) as host:
        host.check({}, INPUTS)

        host.disconnect()

        assert host.process.wait(15.0) == 0
    assert (host.stdout, host.stderr) == ("", "")


@pytest.mark.slow
def test_a_busy_engine_does_not_count_as_gone(engine: socket.socket, simulator: SimulatorServer) -> None:
    """An engine on an overloaded machine listens but accepts no connection for a while.

    The host process keeps running and serves the next call.
    """
    with contextlib.ExitStack() as waiting, start(engine, simulator) as host:
        host.check({}, INPUTS)
        engine.listen(0)
        with contextlib.suppress(TimeoutError):
            for _ in range(200):
                waiting.enter_context(socket.create_connection(engine.getsockname(), timeout=0.5))
        with pytest.raises(subprocess.TimeoutExpired):
            host.process.wait(6.0)
        assert host.check({}, INPUTS)[1] == []


@pytest.mark.slow
def test_an_engine_that_was_never_reachable_is_not_watched(simulator: SimulatorServer) -> None:
    """If connections to the engine are refused from the start, the host process keeps running and serves calls."""
    with Host({"justt:baseUrl": simulator.base_url}) as host:
        host.check({}, INPUTS)
        with pytest.raises(subprocess.TimeoutExpired):
            host.process.wait(5.0)
        assert host.check({}, INPUTS)[1] == []
