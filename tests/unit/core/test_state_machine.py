"""Random programs and random failures on the core: no integration is lost, and none is created twice.

The vendor is in memory and time is virtual, so thousands of commands take seconds. `model_user` defines what must hold,
and `pulumi_model` explains how to run more of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.clock import Clock
from support.model_choices import EDIT, FLAGS, WISH, Edit, Wish
from support.model_core import Core, Vendor
from support.model_engine import Flags
from support.model_user import Project
from support.pulumi_model import NAMES, SupportedFaults, Trouble, effort, missed, run_machine, troubles

KNOWN = SupportedFaults(
    unsent=("unsent",),
    refusals=("status=400", "status=401", "status=403", "status=404", "redirect=307", "echo=400"),
    outages=(
        "drop-before-commit",
        "drop-after-commit",
        "hang-before-commit",
        "hang-after-commit",
        "late-commit",
        "status=500",
        "status=503",
        "status-after-commit=502",
        "echo=500",
    ),
    quota=("status=429", "status=429 retry-after=7", "status=429 retry-after=9999"),
    unreadable=("truncated-body", "empty-body", "not-json", "no-id", "undocumented-shape"),
    intrusions=("foreign-before-commit", "foreign-after-commit"),
    shifts=("insert", "move", "stuck"),
    changes=("becomes=INACTIVE", "becomes=FAILED"),
    kills=("kill-before-commit", "kill-after-commit"),
)


NAME = st.sampled_from(NAMES)
PLAN = troubles(KNOWN, storm=12, lost_deletes=4)


class CoreMachine(RuleBasedStateMachine):
    """A user with a program, a failing vendor, another writer, and time that passes."""

    def __init__(self, policy: str, seen: Counter[str]) -> None:
        super().__init__()
        self.policy = policy
        self.seen = seen

    @initialize(
        is_enveloped=st.booleans(),
        newest_first=st.booleans(),
        before=st.sampled_from([0, 0, 0, 6, 99, 120]),
        refuses_ended=st.sampled_from([400, 409, None]),
        names=st.sets(NAME, min_size=1),
    )
    def begin(
        self,
        is_enveloped: bool,
        newest_first: bool,
        before: int,
        refuses_ended: Literal[400, 409] | None,
        names: set[str],
    ) -> None:
        """Start with a vendor's settings and a program's resources."""
        clock = Clock()
        vendor = Vendor(clock, is_enveloped, newest_first, before, refuses_ended)
        self.clock = clock
        self.folder = TemporaryDirectory()
        self.core = Core(self.policy, clock, vendor, Path(self.folder.name))
        self.project = Project(self.core, refuses=self.policy == "refuse", seen=self.seen)
        for name in sorted(names):
            self.project.declare(name, "first", 0, 0)

    @rule(edit=EDIT)
    def edit(self, edit: Edit) -> None:
        """Change the program: add, remove or change a resource, in place or under another name or provider."""
        self.project.edit(edit)

    @rule(command=st.sampled_from(["up", "up", "up", "refresh", "destroy"]), plan=PLAN, wish=WISH, flags=FLAGS)
    def run(self, command: str, plan: list[Trouble], wish: Wish, flags: Flags) -> None:
        """Run a command during which the planned failures happen."""
        self.seen["commands"] += 1
        self.core.trouble(plan)
        self.project.run(command, wish, flags)

    @rule(
        name=NAME,
        status=st.sampled_from(["INACTIVE", "FAILED", "SUCCESSFUL"]),
        source=st.sampled_from(["", "stripe", "adyen"]),
        days=st.sampled_from([0, 0, 1, 8, 40]),
    )
    def meanwhile(self, name: str, status: str, source: str, days: int) -> None:
        """Between two commands, change a status at the vendor, create a foreign integration, and let time pass."""
        self.project.interfere(name, status)
        if source:
            self.core.intrude(source)
        self.clock.sleep(days * 86_400.0)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Assert the invariants of the model after every step."""
        if hasattr(self, "project"):
            self.project.assert_nothing_lost_or_doubled()

    def teardown(self) -> None:
        """Assert that the stack converges from any state."""
        if hasattr(self, "project"):
            self.seen["examples"] += 1
            with self.folder:
                self.project.assert_converges()


def test_nothing_is_lost_or_doubled() -> None:
    """If random commands meet random failures, no integration is lost or created twice.

    The state and the vendor agree, except for integrations that were named, and the next run converges.
    """
    run_machine(lambda: CoreMachine("refuse", Counter()), 1, effort(30, steps=30))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["refuse", "adopt"])
def test_nothing_is_lost_or_doubled_in_any_phase(policy: str) -> None:
    """Random programs lose and double nothing, even if they reach every entry of `PHRASES` and `EVENTS`."""
    seen: Counter[str] = Counter()

    def unreached() -> set[str]:
        return missed(seen, refuses=policy == "refuse")

    run_machine(lambda: CoreMachine(policy, seen), 6, effort(40, steps=30), is_complete=lambda: not unreached())
    assert unreached() == set()
