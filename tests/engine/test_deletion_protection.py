"""`deletion_protection` on the real engine: the calls of each command, and the calls that it refuses.

The rule depends on the engine's calls: before the `delete` of a replacement, the same process has served a `check` of
the resource; before any other `delete`, it has not. Each case here asserts the calls in the engine's own log, so the
tests notice if the engine changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer
from support.adoption_programs import urn
from support.harness import Result, Stack
from support.plugin_stack import PluginStack, in_both_front_ends
from support.secret_scanner import canary

URN = "urn:pulumi:dev::shop::{module}PaymentIntegration::"
"""The beginning of a URN; `Logged.run` fills in the module."""
UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")
REFUSED = "refused, because it has deletion_protection=True. Nothing was sent"
REMOVED = "pulumi.export('nothing', 0)"
CALLS = ("Check", "Diff", "Create", "Read", "Update", "Delete")


def shop(label: str = "Shop", more: str = "", name: str = "shop", protected: str = "True") -> str:
    """Return a program with a protected integration."""
    return (
        f'{name.replace("-", "_")} = justt.PaymentIntegration("{name}", external_identifier="{name}", '
        f'integration_name="{label}", source="stripe", credentials=justt.credentials.ApiKeyOnly('
        f'api_key=secret("stripeKey")), deletion_protection={protected}{more})\n'
    )


def option(text: str) -> str:
    """Return the source text of an argument with resource options."""
    return f", opts=pulumi.ResourceOptions({text})"


PARENT = """
class Shops(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("acme:index:Shops", "shops")

"""
DEPENDENT = (
    'justt.PaymentIntegration("dependent", external_identifier="dependent", integration_name=shop.integration_id, '
    'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")), '
    "deletion_protection={protected})\n"
)
FIRST = option("delete_before_replace=True")


@dataclass
class Logged:
    """A stack whose engine logs its calls."""

    stack: Stack
    runs: int = 0
    last: Result = field(default_factory=lambda: Result(0, "", ""))

    def run(self, *arguments: str, fails: bool = False) -> list[str]:
        """Run a command, and return the calls for integrations in order; `!` marks a failed one."""
        self.runs += 1
        module = self.stack.module
        given = [each.format(module=module) for each in arguments]
        # The log contains plain-text secrets by design, so it's in a folder that the fixture doesn't search.
        log = self.stack.folder / f"grpc-{self.runs}.json"
        self.last = self.stack.run(*given, "--stack", "dev", fails=fails, PULUMI_DEBUG_GRPC=str(log))
        calls = []
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            method, request = entry["method"].rpartition("/")[2], entry.get("request") or {}
            if entry.get("progress") == "request_started" or method not in CALLS:
                continue
            if f"{module}PaymentIntegration" not in request.get("urn", ""):
                continue
            call = f"{method.lower()} {request['urn'].rpartition('::')[2]}"
            if method == "Check" and not request.get("olds"):
                call += " as new"
            calls.append(call + ("!" if entry.get("errors") else ""))
        return calls


@pytest.fixture
def logged(stack: Stack) -> Logged:
    """Return a stack whose engine logs its calls."""
    return Logged(stack)


def live(simulator: SimulatorServer) -> set[str]:
    """Return the ids of the active integrations."""
    return {each.id for each in simulator.records.integrations() if each.status != "INACTIVE"}


TARGET = ("--target", f"{URN}shop")
REFRESHED = ["read shop", "diff shop", "delete shop!"]
MAIN_DELETES = [(shop(), DESTROY, ["delete shop!"]), (REMOVED, UP, ["delete shop!"])]
OTHER_DELETES = [
    # With --run-program, destroy runs the program for its hooks and providers, and calls no check.
    (shop(), (*DESTROY, "--run-program"), ["delete shop!"]),
    (shop("Changed"), (*DESTROY, "--run-program", "--refresh"), REFRESHED),
    (shop(), (*DESTROY, *TARGET), ["delete shop!"]),
    (shop(protected="False"), DESTROY, ["delete shop!"]),
    (REMOVED, (*UP, *TARGET), ["delete shop!"]),
    (REMOVED, (*UP, "--refresh"), REFRESHED),
    (REMOVED, (*UP, "--refresh", "--continue-on-error"), REFRESHED),
]


@pytest.mark.daily(1)
@pytest.mark.parametrize(
    ("kind_of_stack", "deletes"),
    [(Stack, MAIN_DELETES), (Stack, OTHER_DELETES), (PluginStack, MAIN_DELETES)],
    ids=["main", "other", "plugin"],
)
def test_deletes_are_refused_until_the_program_says_false(
    logged: Logged, simulator: SimulatorServer, deletes: list[tuple[str, tuple[str, ...], list[str]]]
) -> None:
    """With `deletion_protection=True`, no destroy and no removal from the program deletes the integration.

    The engine calls `delete` without a `check` before it, so the provider refuses the call. After an `up` with False,
    destroy deactivates the integration.
    """
    stack = logged.stack
    stack.program(shop())
    assert logged.run(*UP) == ["check shop as new", "create shop"]
    (kept,) = live(simulator)
    simulator.clear_requests()
    for program, command, expected in deletes:
        stack.program(program)
        assert logged.run(*command, fails=True) == expected, command
        assert stack.named(REFUSED) in logged.last.text
        assert stack.resources()["shop"]["id"] == kept
    # A preview calls no delete, so it can't refuse.
    assert logged.run("destroy", "--preview-only") == []
    assert {each.method for each in simulator.requests} <= {"GET"}

    stack.program(shop(protected="False"))
    assert logged.run(*UP) == ["check shop", "diff shop", "update shop"]
    assert logged.run(*DESTROY) == ["delete shop"]
    assert live(simulator) == set()


@pytest.mark.slow
def test_replacements_are_allowed(logged: Logged, simulator: SimulatorServer) -> None:
    """With `deletion_protection=True`, the engine may still replace the integration in every way.

    It calls `check` before `delete`, so the provider deactivates the old integration.
    """
    stack = logged.stack
    stack.program(shop())
    logged.run(*UP)
    replaced = ["check shop", "diff shop", "check shop as new", "create shop", "delete shop"]
    forced = ["check shop as new", "create shop", "delete shop"]
    stopped_first = ["check shop", "diff shop", "check shop as new", "delete shop", "create shop"]
    days = ", deactivation=justt.Deactivation(after_days=0)"
    for program, command, expected in (
        (shop("B"), UP, replaced),
        (shop("C", protected="False"), UP, replaced),
        (shop("D"), UP, replaced),
        (shop("E"), (*UP, "--target", f"{URN}shop"), replaced),
        (shop("F"), (*UP, "--continue-on-error"), replaced),
        (shop("G"), (*UP, "--refresh"), ["read shop", "diff shop", *replaced]),
        (shop("H", FIRST), UP, stopped_first),
        (shop("H"), (*UP, "--replace", f"{URN}shop"), forced),
        (shop("H"), (*UP, "--target-replace", f"{URN}shop"), forced),
        (shop("H", days + option('replace_on_changes=["deactivation"]')), UP, replaced),
        (
            PARENT + shop("I", option("parent=Shops(), aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]")),
            UP,
            replaced,
        ),
        # The engine calls delete with the former name.
        (
            PARENT + shop("J", option('aliases=[pulumi.Alias(name="shop", parent=Shops())]'), name="new"),
            UP,
            ["check new", "diff new", "check new as new", "create new", "delete shop"],
        ),
    ):
        before = live(simulator)
        if forced is expected:
            # No call of such a replacement shows that the state has the id of the previous create.
            stack.refresh()
        stack.program(program)
        assert logged.run(*command) == expected, (program, command)
        (now,) = live(simulator)
        assert {now} != before

    stack.refresh()
    stack.run("state", "taint", urn(stack, "new"), "--yes", "--stack", "dev")
    assert logged.run(*UP) == ["check new as new", "create new", "delete new"]
    assert len(live(simulator)) == 1


@pytest.mark.slow
def test_a_failed_deactivation_is_retried(logged: Logged, simulator: SimulatorServer) -> None:
    """A replacement of a protected integration fails at the deactivation of the old one.

    A `destroy`, or a removal from the program, is then refused for both integrations. An `up` with the same program
    retries the deactivation.
    """
    stack = logged.stack
    stack.program(shop())
    logged.run(*UP)
    simulator.add_fault(Fault.parse("DELETE /integrations/{id} status=400 times=1"))
    stack.program(shop("New"))
    logged.run(*UP, fails=True)
    assert [each.get("delete", False) for each in stack.recorded()] == [False, True]

    assert logged.run(*DESTROY, fails=True) == ["delete shop!", "delete shop!"]
    stack.program(REMOVED)
    assert logged.run(*UP, fails=True) == ["delete shop!", "delete shop!"]
    assert len(live(simulator)) == 2

    stack.program(shop("New"))
    assert logged.run(*UP) == ["check shop", "diff shop", "delete shop"]
    assert len(live(simulator)) == 1


@pytest.mark.slow
def test_a_dependency_that_is_deleted_first_refuses_its_dependents(logged: Logged, simulator: SimulatorServer) -> None:
    """A protected integration depends on an integration with `delete_before_replace`.

    A replacement of the latter deletes the dependent before its `check`, so the provider refuses. If an earlier update
    has turned off the protection, the replacement works.
    """
    stack = logged.stack
    stack.program(shop(more=FIRST, protected="False") + DEPENDENT.format(protected="True"))
    logged.run(*UP)
    before = live(simulator)
    shop_first = ["check shop", "diff shop", "check shop as new", "diff dependent"]
    for changed in (shop("New", FIRST, protected="False"), shop("New", FIRST, protected="False") + DEPENDENT):
        stack.program(changed.format(protected="True"))
        assert logged.run(*UP, fails=True) == [*shop_first, "delete dependent!"]
        assert live(simulator) == before

    stack.program(shop("New", FIRST, protected="False") + DEPENDENT.format(protected="False"))
    assert logged.run(*UP, "--target", f"{URN}dependent") == ["check dependent", "diff dependent", "update dependent"]
    last = ["delete dependent", "delete shop", "create shop", "check dependent as new", "create dependent"]
    assert logged.run(*UP) == [*shop_first, *last]
    assert live(simulator).isdisjoint(before)


@in_both_front_ends
@pytest.mark.slow
def test_a_new_provider_and_a_rotation_in_one_update_are_allowed(logged: Logged, simulator: SimulatorServer) -> None:
    """An update replaces a protected integration and changes its provider resource.

    The former provider's process serves only the delete, and allows it, because the new provider's process has served a
    `check`.
    """
    stack = logged.stack
    provider = 'other = justt.Provider("other", api_key=secret("stripeKey"))\n'
    stack.program(provider + shop(more=option("provider=other")))
    logged.run(*UP)
    rotated = ["check shop", "diff shop", "check shop as new", "create shop", "delete shop"]
    simulator.add_fault(Fault.parse("DELETE /integrations/{id} status=400 times=1"))
    stack.program(provider + shop("New"))
    assert logged.run(*UP, fails=True) == [*rotated[:-1], "delete shop!"]
    assert stack.named(REFUSED) not in logged.last.text
    assert len(live(simulator)) == 2
    # An `up` may finish that replacement, but a destroy refuses both deletes.
    assert {*logged.run(*DESTROY, fails=True)} == {"delete shop!"}
    assert stack.named(REFUSED) in logged.last.text
    assert len(live(simulator)) == 2
    assert logged.run(*UP) == ["check shop", "diff shop", "delete shop"]
    assert len(live(simulator)) == 1
    stack.program(provider + shop("Back", option("provider=other")))
    assert logged.run(*UP) == rotated
    assert len(live(simulator)) == 1
    # The key of a provider may change together with the rotation: its process stays the same.
    stack.provide({"rotatedKey": canary("rotated")})
    stack.program(provider.replace("stripeKey", "rotatedKey") + shop("Newer", option("provider=other")))
    assert logged.run(*UP) == rotated
