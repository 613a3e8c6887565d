"""What tests of several modules share: the engine, a simulator, and a stack that points at it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support import environment

environment.enter()  # first of all: what is imported below may read variables

# ruff: noqa: E402
from hypothesis import HealthCheck

import engine
from pulumi_justt.core import client
from pulumi_justt.redaction import Redactor, shared_redactor
from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.checkout import ROOT
from support.fake_pulumi import FakePulumi
from support.harness import Stack
from support.secret_scanner import canary

# A busy machine is no fault of what is tested.
settings.register_profile("at any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("at any speed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the engine, and as slow the cases of a test beyond those that `make test` runs."""
    cases: Counter[str] = Counter()
    for item in items:
        if daily := item.get_closest_marker("daily"):
            test = item.nodeid.partition("[")[0]
            cases[test] += 1
            if cases[test] > daily.args[0]:
                item.add_marker("slow")
        if "engine_bin" in getattr(item, "fixturenames", ()):
            item.add_marker("engine")


def pytest_collection_finish() -> None:
    """Let the garbage collector skip the thousands of tests, so that a collection takes milliseconds."""
    gc.freeze()


@pytest.fixture(autouse=True)
def journal_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the journal of each test out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))
    return tmp_path / "xdg-state" / "pulumi-justt"


@pytest.fixture(autouse=True)
def redactor() -> Iterator[Redactor]:
    """Let the redactor of the process know nothing of other tests."""
    shared_redactor.cache_clear()
    yield shared_redactor()
    shared_redactor.cache_clear()


@pytest.fixture(scope="session")
def engine_bin() -> Path:
    """Give the folder of the real CLI."""
    return engine.ensure(ROOT)


@pytest.fixture(scope="session")
def pinned_engine(engine_bin: Path) -> None:
    """Skip a test of the CLI's own words where the CLI on PATH is not of the version that they were taken from."""
    pinned, found = engine.load(ROOT).version, engine.reported(engine_bin / "pulumi", environment.build())
    if found != pinned:
        pytest.skip(f"the text is that of pulumi {pinned}, and {found} is on PATH")


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """Give a new simulator that accepts any key."""
    with SimulatorServer() as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, engine_bin: Path, simulator: SimulatorServer) -> Iterator[Stack]:
    """Give a stack that points at the simulator; at the end, nothing secret may have left it."""
    made = Stack(tmp_path, engine_bin)
    made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("api-key")})
    made.provide({"stripeKey": canary("stripe")})
    yield made
    made.end_processes()
    made.assert_no_leak(repr(simulator.requests).encode())


@pytest.fixture
def project(tmp_path: Path, simulator: SimulatorServer) -> Iterator[FakePulumi]:
    """Give a project whose `pulumi` is made up, and whose configuration points at the simulator."""
    made = FakePulumi(tmp_path)
    made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": "a-key-of-the-simulator"})
    yield made
    while client._clients:
        client._clients.popitem()[1].close()


@pytest.fixture
def theirs(simulator: SimulatorServer) -> Callable[..., str]:
    """Give what makes an integration that exists already, and returns its id."""

    def add(source: str = "stripe", account: str | None = None, status: str | None = None) -> str:
        new = NewIntegration("by hand", "By hand", source, "APIKEY_ONLY", "", ("apiKey",), None)
        made = simulator.records.add_integration(new, account)
        if status:
            simulator.records.tell_status(made, status)
        return made

    return add
