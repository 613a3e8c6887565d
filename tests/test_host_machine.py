"""Random programs and random trouble over the provider's real host process and a simulator on a socket.

Few programs, in real time: each command starts a process of its own, as the engine does, and makes its calls at once.
`test_state_machine` runs thousands over the core, and `machine` says what must hold, and how to run more of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from host import Host, HostError
from machine import KEY, NAMES, Known, Project, Remote, Trouble, effort, run_machine, troubles
from pulumi_justt.simulator import FOREIGN_IDENTIFIER, Fault, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration

KNOWN = Known(
    unsent=(),
    refusals=("status=400", "status=401", "status=403", "status=404", "redirect=307"),
    outages=(
        "drop-before-commit",
        "drop-after-commit",
        "hang-before-commit=1",
        "hang-after-commit=1",
        "status=500",
        "status=502 body=html",
        "status-after-commit=500",
    ),
    quota=("status=429", "status=429 retry-after=1"),
    unreadable=(
        "truncated-body",
        "empty-body",
        "slow-body=1",
        "not-json=html",
        "not-json=bytes",
        "no-id",
        "undocumented-shape",
    ),
    intrusions=("foreign-before-commit", "foreign-after-commit"),
    shifts=("shift=insert", "shift=move"),
    changes=("becomes=INACTIVE", "becomes=FAILED"),
)
ROUTES = {
    "create": "POST /integrations",
    "list": "GET /integrations",
    "get": "GET /integrations/{id}",
    "delete": "DELETE /integrations/{id}",
}
IMPATIENT, PATIENT = "0.3", "20"
"""Seconds for one request: where trouble is planned, and where a slow machine must not make any."""


@dataclass
class Hosts:
    """The host process in the place of the provider: see `Backend`."""

    simulator: SimulatorServer
    policy: str
    told: list[str] = field(default_factory=list)
    failure: type[Exception] = HostError
    width: int = 4

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Return resource and trouble of each POST."""
        return [
            (str(each.body.get("externalIdentifier")), f"{each.faults[-1]}={each.status}" if each.faults else "")
            for each in self.simulator.requests
            if each.method == "POST"
        ]

    @property
    def ended(self) -> set[str]:
        """Return what became INACTIVE when it was read."""
        return {each.id or "" for each in self.simulator.fired if each.fault.value == "INACTIVE"}

    @contextmanager
    def command(self, *, gone: bool) -> Iterator[Host]:
        """Start a process, and keep what it printed."""
        config = {
            "justt:baseUrl": self.simulator.base_url,
            "justt:apiKey": KEY,
            "justt:onAmbiguousCreate": self.policy,
            "justt:timeoutSeconds": IMPATIENT if self.simulator.faults else PATIENT,
        }
        with Host(config, **({"JUSTT_ON_MISSING": "gone"} if gone else {})) as host:
            yield host
        assert host.stdout == ""
        printed = host.stderr.splitlines()
        assert [line for line in printed if not line.startswith(("warning: ", "note: "))] == []
        self.told += printed

    def trouble(self, planned: Sequence[Trouble]) -> None:
        """Replace the faults."""
        come: Counter[str] = Counter()
        faults = []
        for each in planned:
            if each.what:
                skip = come[each.operation]
                faults.append(Fault.parse(f"{ROUTES[each.operation]} {each.what} times=1 skip={skip}"))
            come[each.operation] += 1
        self.simulator.faults = faults

    def records(self) -> list[Remote]:
        """Return all integrations."""
        return [
            Remote(each.id, each.external_identifier, each.integration_name, each.status, bool(each.deactivation_date))
            for each in self.simulator.records.integrations()
        ]

    def tell(self, integration_id: str, status: str) -> None:
        """Set a status."""
        self.simulator.records.tell_status(integration_id, status)

    def intrude(self, source: str) -> None:
        """Create an integration of somebody else."""
        theirs = NewIntegration(FOREIGN_IDENTIFIER, "Theirs", source, "APIKEY_ONLY", "", ("apiKey",), None)
        self.simulator.records.add_integration(theirs, None)


PLAN = troubles(KNOWN, storm=2, least=1)


class HostMachine(RuleBasedStateMachine):
    """A user at work, and a vendor in trouble."""

    def __init__(self, policy: str, seen: Counter[str]) -> None:
        super().__init__()
        self.policy = policy
        self.seen = seen
        self.open = ExitStack()

    @initialize(plan=PLAN)
    def begin(self, plan: list[Trouble]) -> None:
        """Start with a new simulator and a program that runs into trouble at once."""
        self.hosts = Hosts(self.open.enter_context(SimulatorServer()), self.policy)
        self.project = Project(self.hosts, refuses=self.policy == "refuse", seen=self.seen)
        for name in NAMES:
            self.project.declare(name, "first", 0, 0)
        self.hosts.trouble(plan)
        self.project.up(adopts=True)

    @rule(
        name=st.sampled_from(NAMES),
        edit=st.sampled_from(["declare", "declare", "declare", "schedule", "remove", "own", "nothing"]),
        number=st.integers(0, 2),
        command=st.sampled_from(["up", "up", "up", "up", "refresh", "destroy"]),
        plan=PLAN,
        adopts=st.booleans(),
        gone=st.sampled_from([False, False, True]),
    )
    def run(  # noqa: PLR0913, PLR0917 - one argument for each thing that is drawn
        self, name: str, edit: str, number: int, command: str, plan: list[Trouble], adopts: bool, gone: bool
    ) -> None:
        """Change the program, let somebody else do something, and run a command into trouble."""
        self.seen["commands"] += 1
        if edit == "declare":
            self.project.declare(name, "second", number, 7)
        elif edit == "schedule":
            self.project.schedule(name, 7 * number)
        elif edit == "remove":
            self.project.remove(name)
        elif edit == "own":
            self.project.own(name)
        self.hosts.intrude("stripe")
        self.hosts.trouble(plan)
        if command == "up":
            self.project.up(adopts=adopts, gone=gone)
        elif command == "refresh":
            self.project.refresh(gone=gone)
        else:
            self.project.destroy(gone=gone)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Hold after every step."""
        if hasattr(self, "project"):
            self.project.assert_nothing_lost_or_doubled()

    def teardown(self) -> None:
        """End with a stack that is whole, however it was left."""
        with self.open:
            if hasattr(self, "project"):
                self.seen["examples"] += 1
                self.project.assert_converges()


REACHED = {
    "created",
    "replaced",
    "deleted",
    "updated in place",
    "adopted by hand",
    "owned after an adoption",
    "a lost create was posted again",
    "a delete failed and kept its record",
    "a 404 was refused",
    "a 404 was taken on the user's word",
    "what became INACTIVE left the state",
}


def walk(project: Project, hosts: Hosts) -> None:
    """Go to the places that so few random programs may miss."""

    def trouble(*planned: tuple[str, str]) -> None:
        hosts.trouble([Trouble(operation, what) for operation, what in planned])

    for name in NAMES:
        project.declare(name, "first", 0, 0)
    trouble(("create", "drop-after-commit"))
    project.up(adopts=True)
    project.assert_nothing_lost_or_doubled()
    trouble()
    project.up(adopts=True)
    trouble(("get", "status=404"), ("get", "becomes=INACTIVE"))
    project.refresh()
    project.assert_nothing_lost_or_doubled()
    trouble(("get", "status=404"))
    project.refresh(gone=True)
    project.assert_nothing_lost_or_doubled()
    trouble()
    project.up(adopts=True)
    for name in NAMES:
        project.own(name)
    project.up(adopts=True)
    project.declare("shop-1", "second", 1, 0)
    trouble(("create", "drop-before-commit"), ("delete", "status=401"))
    project.up(adopts=True)
    project.assert_nothing_lost_or_doubled()
    project.assert_converges()


@pytest.mark.parametrize("policy", ["refuse", "adopt"])
def test_nothing_is_lost_or_doubled(policy: str) -> None:
    """What the core keeps true holds for the process that the engine starts, with calls at once and real time-outs."""
    seen: Counter[str] = Counter()
    with SimulatorServer() as simulator:
        hosts = Hosts(simulator, policy)
        walk(Project(hosts, refuses=policy == "refuse", seen=seen), hosts)

    run_machine(lambda: HostMachine(policy, seen), 1, effort(3, steps=6, shrinks=False))

    lost = {"candidates were named"} if policy == "refuse" else {"the policy adopted"}
    assert {place for place in REACHED | lost if not seen[place]} == set()
