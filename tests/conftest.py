"""Fixtures that several test modules share: the engine, a simulator, and a stack that uses that simulator."""

from __future__ import annotations

import gc
import itertools
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support import environment

environment.enter()  # must come first: the imports below may read environment variables

# ruff: noqa: E402
from hypothesis import HealthCheck

import engine
import languages
import sdks
from pulumi_justt.core import client
from pulumi_justt.redaction import Redactor, shared_redactor
from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support import plugin
from support.checkout import ROOT
from support.fake_pulumi import FakePulumi
from support.harness import Stack
from support.secret_scanner import canary

# Hypothesis must not fail a test because the machine is slow.
settings.register_profile("at any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("at any speed")

_NUMBERS = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use the engine, and mark the cases that only `make test-all` runs as slow.

    Mark the tests whose coverage is measured. The others would take twice as long, and cover no additional line: those
    of the tools, generated and timed ones, and almost all with the engine.

    The tests of the fault table come first, because they wait most of their time: one worker runs them from the
    beginning, while the others compute.
    """
    cases: Counter[str] = Counter()
    for item in items:
        if daily := item.get_closest_marker("daily"):
            test = item.nodeid.partition("[")[0]
            cases[test] += 1
            if cases[test] > daily.args[0]:
                item.add_marker("slow")
        if {"engine_bin", "language_hosts"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker("engine")
        is_covering = not {"engine", "slow", "timed"} & {mark.name for mark in item.iter_markers()}
        is_generated = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if is_covering and not is_generated and item.nodeid.startswith(("tests/unit/", "tests/host/")):
            item.add_marker("measured")
    items.sort(key=lambda item: not item.nodeid.startswith("tests/engine/test_faults.py"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without garbage collection, and exclude them from each later one, so that both are fast."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def journal_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own journal folder, so that no test writes to the user's home.

    The journal creates the folder on its first write. A `tmp_path` for each of the thousands of tests would take longer
    than many of them.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "journals" / str(next(_NUMBERS))))


@pytest.fixture(autouse=True)
def redactor() -> Iterator[Redactor]:
    """Reset the process's redactor, so that it doesn't remember the secrets of other tests."""
    shared_redactor.cache_clear()
    yield shared_redactor()
    shared_redactor.cache_clear()


@pytest.fixture(scope="session")
def engine_bin() -> Path:
    """Return the folder of the real Pulumi CLI, which is built first if it does not exist."""
    return engine.ensure(ROOT)


@pytest.fixture(scope="session")
def language_hosts() -> Path:
    """Return the folder with the CLI, the hosts of YAML and JavaScript programs, and npm's packages.

    They are built first if they do not exist.
    """
    return languages.ensure(ROOT, {**environment.CALLER, "PATH": environment.PATH})


@pytest.fixture(scope="session")
def generated_sdks(language_hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the SDKs that `make sdks` generates."""
    folder = tmp_path_factory.mktemp("generated")
    hosts = language_hosts / "bin"
    variables = {
        "PATH": f"{hosts}{os.pathsep}{environment.PATH}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    sdks.generate(plugin.install(folder), language_hosts, folder / "sdks", environment.build(variables))
    return folder / "sdks"


@pytest.fixture(scope="session")
def pinned_engine(engine_bin: Path) -> None:
    """Skip a test of the Pulumi CLI's own texts unless the CLI on PATH has the pinned version."""
    pinned, found = engine.load(ROOT).version, engine.reported(engine_bin / "pulumi", environment.build())
    if found != pinned:
        pytest.skip(f"the text is that of pulumi {pinned}, and {found} is on PATH")


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """Start a simulator that accepts any key."""
    with SimulatorServer() as running:
        yield running


@pytest.fixture
def kind_of_stack() -> type[Stack]:
    """Return the kind of stack that the test uses: one with dynamic resources, unless the test says otherwise."""
    return Stack


@pytest.fixture
def stack(
    tmp_path: Path,
    engine_bin: Path,
    simulator: SimulatorServer,
    kind_of_stack: type[Stack],
    request: pytest.FixtureRequest,
) -> Iterator[Stack]:
    """Create a stack that uses the simulator. After the test, check that no secret leaked from the stack.

    It has a passphrase if the test has the mark `passphrase`.
    """
    made = kind_of_stack(tmp_path, engine_bin, has_passphrase=bool(request.node.get_closest_marker("passphrase")))
    made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("api-key")})
    made.provide({"stripeKey": canary("stripe")})
    yield made
    made.end_processes()
    made.assert_no_leak(repr(simulator.requests).encode())


@pytest.fixture
def project(tmp_path: Path, simulator: SimulatorServer) -> Iterator[FakePulumi]:
    """Create a project with a fake `pulumi` command, and a configuration that uses the simulator."""
    made = FakePulumi(tmp_path)
    made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": "a-key-of-the-simulator"})
    yield made
    while client._clients:
        client._clients.popitem()[1].close()


@pytest.fixture
def theirs(simulator: SimulatorServer) -> Callable[..., str]:
    """Return a function that creates an integration at Justt, outside of the stack, and returns its id."""

    def add(source: str = "stripe", account: str | None = None, status: str | None = None) -> str:
        new = NewIntegration("by hand", "By hand", source, "APIKEY_ONLY", "", ("apiKey",), None)
        made = simulator.records.add_integration(new, account)
        if status:
            simulator.records.set_status(made, status)
        return made

    return add
