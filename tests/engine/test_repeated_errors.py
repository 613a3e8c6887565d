"""One wrong key with many merchants on the real engine: one error says all, and each other one is a short line."""

from __future__ import annotations

import dataclasses
import re

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.secret_scanner import canary

MERCHANTS = """
    {providers}
    for name in [f"m{{n}}" for n in range({count})]:
        justt.PaymentIntegration(
            name,
            external_identifier=name,
            integration_name=name,
            source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
            opts={options},
        )
"""
LONGEST_LINE = 240
"""The most characters of a short line: the operation with an id, the status, the errorId and the reference."""


def merchants(count: int, providers: str = "", options: str = "None") -> str:
    """Return a program with *count* integrations."""
    return MERCHANTS.format(count=count, providers=providers, options=options)


def assert_said_once(diagnostics: dict[str, list[str]], count: int, remediation: str) -> None:
    """Assert that one of *count* resources shows the whole error, and that the others name that resource."""
    shown = {name: lines for name, lines in diagnostics.items() if name.startswith("m")}
    assert [len(lines) for lines in shown.values()] == [1] * count
    (first,) = [name for name, (line,) in shown.items() if remediation in line]
    for name, (line,) in shown.items():
        assert re.match(f"error: JusttError: .*'{name}'.*: Justt answered 401", line)
        assert re.search(r" \(errorId sim-\w+\)", line)
        if name != first:
            assert line.endswith(f", as for {first!r}: its error says what to do.")
            assert len(line) < LONGEST_LINE


def accept(simulator: SimulatorServer, *keys: str) -> None:
    """Let the simulator accept only these keys; any key if there are none."""
    simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset(keys) or None)


def test_one_wrong_key_is_said_once(stack: Stack, simulator: SimulatorServer) -> None:
    """With one wrong key and ten merchants, `up`, `refresh` and `destroy` show the whole error once each."""
    stack.program(merchants(10))
    accept(simulator, "another-key")
    failed = stack.run("up", "--yes", "--skip-preview", "--continue-on-error", "--stack", "dev", fails=True)
    assert_said_once(failed.diagnostics, 10, "The key came from justt:apiKey. Set it to a key that is valid in")
    assert simulator.records.integrations() == []

    accept(simulator)
    stack.up()
    accept(simulator, "another-key")
    # Without --continue-on-error, the engine starts no more deletes after the first error.
    for failed in (stack.refresh(fails=True), stack.destroy("--continue-on-error", fails=True)):
        assert_said_once(failed.diagnostics, 10, "or set JUSTT_API_KEY_OVERRIDE for that command.")


@pytest.mark.slow
def test_processes_of_a_command_say_it_once(stack: Stack, simulator: SimulatorServer) -> None:
    """Each provider resource has its own process. If one setting is wrong for all of them, one process says it all.

    The keys of the providers are causes of their own, because each needs its own correction.
    """
    providers = 'keys = {f"m{n}": justt.Provider(f"p{n}", api_key=secret(f"key{n}")) for n in range(3)}'
    stack.provide({f"key{n}": canary(f"key-{n}") for n in range(3)})
    stack.program(merchants(3, providers, "pulumi.ResourceOptions(provider=keys[name])"))
    accept(simulator, "another-key")
    up = ("up", "--yes", "--skip-preview", "--continue-on-error", "--stack", "dev")
    override = canary("override")
    stack.secrets.append(override)

    own = stack.run(*up, fails=True).diagnostics
    assert {name for name, lines in own.items() if f"The key came from the provider 'p{name[1:]}'" in lines[-1]} == {
        "m0",
        "m1",
        "m2",
    }
    overridden = stack.run(*up, fails=True, JUSTT_API_KEY_OVERRIDE=override).diagnostics
    errors = {name: [line for line in lines if line.startswith("error: ")] for name, lines in overridden.items()}
    assert_said_once(errors, 3, "The key came from JUSTT_API_KEY_OVERRIDE.")


def test_a_destroy_says_once_that_integrations_are_protected(stack: Stack, simulator: SimulatorServer) -> None:
    """If several integrations have `deletion_protection=True`, one of them shows how to delete them or only others."""
    stack.program(merchants(3).replace("opts=", "deletion_protection=True, opts="))
    stack.up()
    shown = stack.destroy("--continue-on-error", fails=True).diagnostics
    lines = {name: shown[name][0] for name in ("m0", "m1", "m2")}
    (first,) = [name for name, line in lines.items() if "run `pulumi destroy` with --exclude and its URN" in line]
    its_id = {name: resource["id"] for name, resource in stack.resources().items()}
    assert {name: line for name, line in lines.items() if name != first} == {
        name: f"error: JusttError: deleting the stripe integration {name!r} ({its_id[name]}): refused, because it has "
        f"deletion_protection=True, as for {first!r}: its error says what to do."
        for name in lines.keys() - {first}
    }
    assert {each.status for each in simulator.records.integrations()} == {"PENDING"}
