"""Random programs and random faults, with the provider's real host process and a simulator on a socket.

The module runs few programs, in real time: each command starts its own process, as the engine does, with concurrent
calls. `test_state_machine` runs thousands with the core only, `model_user` has the invariants, and `pulumi_model` says
how to run more.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pulumi_justt.simulator import FOREIGN_IDENTIFIER, Fault, SimulatorServer
from pulumi_justt.simulator.faults import KINDS
from pulumi_justt.simulator.rules import NewIntegration
from support.harness import fired_faults
from support.host import Host, HostError
from support.model_choices import EDIT, FLAGS, WISH, Edit, Wish
from support.model_engine import Flags, Killed, Remote
from support.model_user import PLAIN, Project
from support.pulumi_model import KEY, NAMES, SupportedFaults, Trouble, effort, run_machine, troubles

KNOWN = SupportedFaults(
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
    kills=("kill-before-commit", "kill-after-commit"),
)
FATAL = 9.0
"""Seconds that a request hangs during which the run is killed. No other request hangs as long."""
ROUTES = {
    "create": "POST /integrations",
    "list": "GET /integrations",
    "get": "GET /integrations/{id}",
    "delete": "DELETE /integrations/{id}",
}
SHORT_TIMEOUT, KILL_TIMEOUT, LONG_TIMEOUT = "0.3", "1.5", "20"
"""Seconds for one request: with planned faults, with a kill that must come before the timeout, and without faults
on a slow machine. Requests of a killed run get twice as long.
"""


@dataclass
class Hosts:
    """A backend whose provider runs in real host processes: see `Backend`."""

    simulator: SimulatorServer
    policy: str
    folder: Path
    open: ExitStack
    messages: list[str] = field(default_factory=list)
    failure: type[Exception] = HostError
    width: int = 4

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Return the external identifier and the fault of each POST."""
        return [
            (str(each.body.get("externalIdentifier")), f"{each.faults[-1]}={each.status}" if each.faults else "")
            for each in self.simulator.requests
            if each.method == "POST"
        ]

    @property
    def ended(self) -> set[str]:
        """Return the ids of integrations that became INACTIVE on a read."""
        return {each.id or "" for each in self.simulator.fired if each.fault.value == "INACTIVE"}

    @contextmanager
    def command(self, *, gone: bool) -> Iterator[HostProcesses]:
        """Start each process when it's first needed, kill all of them if a fault says so, and keep their output."""
        config = {
            "justt:baseUrl": self.simulator.base_url,
            "justt:apiKey": KEY,
            "justt:onAmbiguousCreate": self.policy,
            "justt:timeoutSeconds": KILL_TIMEOUT
            if self._is_fatal()
            else SHORT_TIMEOUT
            if self.simulator.faults
            else LONG_TIMEOUT,
        }
        environ = {"JUSTT_STATE_DIR": str(self.folder), **({"JUSTT_ON_MISSING": "gone"} if gone else {})}
        # Bound without listening: no other command gets this port, and connections are refused.
        engine = self.open.enter_context(socket.socket())
        engine.bind(("127.0.0.1", 0))
        with ExitStack() as opened:
            processes = HostProcesses(config, "{}:{}".format(*engine.getsockname()), environ, opened)
            has_ended = threading.Event()
            killer = threading.Thread(target=self._kill_if_fatal, args=(processes, has_ended))
            killer.start()
            try:
                yield processes
            finally:
                has_ended.set()
                killer.join()
        for host in processes.hosts:
            assert host.stdout == ""
            *printed, rest = host.stderr.split("\n")
            assert processes.is_killed or not rest
            assert [line for line in printed if not line.startswith(("warning: ", "note: "))] == []
            self.messages += printed

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def _kill_if_fatal(self, processes: HostProcesses, has_ended: threading.Event) -> None:
        while self._is_fatal() and not has_ended.wait(0.05):
            # The simulator reports a fired fault before it responds to the request.
            if any(each.value == FATAL for each in fired_faults(self.simulator)):
                processes.kill()
                return

    def _is_fatal(self) -> bool:
        return any(each.value == FATAL for each in self.simulator.faults)

    def trouble(self, planned: Sequence[Trouble]) -> None:
        """Replace the simulator's faults with the *planned* ones."""
        come: Counter[str] = Counter()
        faults = []
        for each in planned:
            if each.what:
                skip = come[each.operation]
                what = f"{each.what.replace('kill', 'hang')}={FATAL}" if each.what.startswith("kill") else each.what
                faults.append(Fault.parse(f"{ROUTES[each.operation]} {what} times=1 skip={skip}"))
            come[each.operation] += 1
        self.simulator.faults = faults

    def records(self) -> list[Remote]:
        """Return all integrations."""
        return [
            Remote(each.id, each.external_identifier, each.integration_name, each.status, bool(each.deactivation_date))
            for each in self.simulator.records.integrations()
        ]

    def set_status(self, integration_id: str, status: str) -> None:
        """Set the status of an integration at Justt."""
        self.simulator.records.set_status(integration_id, status)

    def intrude(self, source: str) -> None:
        """Create an integration that doesn't belong to the project."""
        theirs = NewIntegration(FOREIGN_IDENTIFIER, "Theirs", source, "APIKEY_ONLY", "", ("apiKey",), None)
        self.simulator.records.add_integration(theirs, None)


@dataclass
class HostProcesses:
    """One host process for each provider resource: see `Processes`."""

    config: dict[str, str]
    engine: str
    environ: dict[str, str]
    opened: ExitStack
    hosts: list[Host] = field(default_factory=list)
    is_killed: bool = False
    _of: dict[str, KillableHost] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, provider: str) -> KillableHost:
        """Start the process of a provider resource, or return it."""
        with self._lock:
            if self.is_killed:
                raise Killed
            if provider not in self._of:
                host = self.opened.enter_context(Host(self.config, self.engine, **self.environ))
                self.hosts.append(host)
                self._of[provider] = KillableHost(self, host)
            return self._of[provider]

    def kill(self) -> None:
        """Kill all host processes of the command."""
        with self._lock:
            self.is_killed = True
            for host in self.hosts:
                host.kill()


@dataclass
class KillableHost:
    """A host whose calls raise `Killed` after it was killed."""

    processes: HostProcesses
    host: Host

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Return a method of the host."""

        def call(*args: object, urn: str) -> Any:  # noqa: ANN401 - the type that the host's methods return
            try:
                return getattr(self.host, method)(*args, urn=urn)
            except HostError:
                if self.processes.is_killed:
                    raise Killed from None
                raise

        return call


NOT_GENERATED = {"latency", "envelope", "login-page"}
"""Kinds of faults that change no outcome, and one that a proxy causes before Justt gets any request."""

PLAN = troubles(KNOWN, storm=2, least=1)


class HostMachine(RuleBasedStateMachine):
    """A user who changes a program and runs commands, while Justt and the network have faults."""

    def __init__(self, policy: str, seen: Counter[str]) -> None:
        super().__init__()
        self.policy = policy
        self.seen = seen
        self.open = ExitStack()

    @initialize(plan=PLAN, flags=FLAGS)
    def begin(self, plan: list[Trouble], flags: Flags) -> None:
        """Start with a new simulator, and a program whose first command meets faults."""
        folder = Path(self.open.enter_context(TemporaryDirectory()))
        self.hosts = Hosts(self.open.enter_context(SimulatorServer()), self.policy, folder, self.open)
        self.project = Project(self.hosts, refuses=self.policy == "refuse", seen=self.seen)
        for name in NAMES:
            self.project.declare(name, "first", 0, 0)
        self.hosts.trouble(plan)
        self.project.up("adopt", flags)

    @rule(
        edit=EDIT,
        command=st.sampled_from(["up", "up", "up", "up", "refresh", "destroy"]),
        plan=PLAN,
        wish=WISH,
        flags=FLAGS,
    )
    def run(self, edit: Edit, command: str, plan: list[Trouble], wish: Wish, flags: Flags) -> None:
        """Change the program, make a change outside of it, and run a command with faults."""
        self.seen["commands"] += 1
        self.project.edit(edit)
        self.hosts.intrude("stripe")
        self.hosts.trouble(plan)
        self.project.run(command, wish, flags)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Check after every step that no integration is lost or doubled."""
        if hasattr(self, "project"):
            self.project.assert_nothing_lost_or_doubled()

    def teardown(self) -> None:
        """Bring the stack into a complete state at the end."""
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
    "a 404 counted as gone",
    "an INACTIVE integration left the state",
    "an integration that another resource adopts was released",
    "an integration that another command adopted was released",
    "handed over",
    "renamed",
    "killed",
    "killed before the id was stored",
    "a killed run's integration was named",
    "a killed run's create was searched for",
}


def cover_rare_events(project: Project, hosts: Hosts) -> None:
    """Run a fixed program that covers the events of `REACHED`, because the few random programs may miss some."""

    def run(command: str, *planned: tuple[str, str], wish: Wish = "adopt", flags: Flags = PLAIN) -> None:
        hosts.trouble([Trouble(operation, what) for operation, what in planned])
        project.run(command, wish, flags)
        project.assert_nothing_lost_or_doubled()

    for name in NAMES:
        project.declare(name, "first", 0, 0)
    run("up", ("create", "drop-after-commit"))
    run("up")
    run("refresh", ("get", "status=404"), ("get", "becomes=INACTIVE"))
    run("refresh", ("get", "status=404"), flags=Flags(gone=True))
    run("up")
    for name in NAMES:
        project.own(name)
    run("up")
    project.declare("shop-1", "second", 1, 0)
    run("up", ("create", "drop-before-commit"), ("delete", "status=401"))
    for name, provider in (("shop-1", ""), ("shop-2", "other")):
        project.hand_over(name, 4, provider)
    project.rename("shop-3", 3)
    run("up", flags=Flags(refreshes=True))
    for name in NAMES:
        project.own(name)
    run("up")
    for number, kill in enumerate(KNOWN.kills):
        project.declare("shop-1", "first", number, 0)
        run("up", ("create", kill))
        run("up", wish="claim")
        run("up", wish="claim")
    project.declare("shop-2", "third", 2, 0)
    run("up", flags=Flags(dies_unstored=True))
    run("up")
    project.assert_converges()


def test_the_generated_runs_have_all_kinds_of_faults() -> None:
    """Each kind of fault is in `KNOWN`, except those in `NOT_GENERATED`."""
    generated = {fault.partition(" ")[0].partition("=")[0] for group in astuple(KNOWN) for fault in group}

    assert generated >= KINDS.keys() - NOT_GENERATED


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["refuse", "adopt"])
def test_nothing_is_lost_or_doubled(policy: str) -> None:
    """Random programs run against real host processes, with faults, concurrent calls and real timeouts.

    After each command, no integration is lost or doubled, and all events of `REACHED` have occurred.
    """
    seen: Counter[str] = Counter()
    lost = {"candidates were named"} if policy == "refuse" else {"the policy claimed a candidate"}

    def missing() -> set[str]:
        return {place for place in REACHED | lost if not seen[place]}

    def cover() -> None:
        with SimulatorServer() as simulator, TemporaryDirectory() as folder, ExitStack() as opened:
            hosts = Hosts(simulator, policy, Path(folder), opened)
            cover_rare_events(Project(hosts, refuses=policy == "refuse", seen=seen), hosts)

    cover()
    run_machine(lambda: HostMachine(policy, seen), 1, effort(3, steps=6, shrinks=False))
    # On a busy machine, a request of the fixed program may miss its short timeout, and then another event occurs.
    for _ in range(3):
        if missing():
            cover()

    assert missing() == set()
