"""Every interleaving of three creates, up to two lost responses and a second writer, on the real `CreateCoordinator`.

`deterministic_scheduler` steps the threads: each starts, reads a list, sends a POST, gets its response and ends its
grace period when the schedule says so. If several threads wait for a lock, the schedule chooses which one gets it. A
POST succeeds, or its response is lost before or after the vendor commits it. At any step a second writer may create one
integration.

The schedules form a graph. Its nodes are states: what each thread has seen, what the vendor has, what the
`CreateCoordinator` holds. Its edges are the choices. Each edge is run at least once, and must lead to the same state
each time. So the paths through the graph are all interleavings, even those that were not run on their own. A run covers
as many new edges as it can.

The graph leaves out only choices that cannot matter: which create of one source starts first (they differ by name); the
order in which creates that waited for the first list continue to their POSTs (each parks again before it sends
anything); and when the second writer creates its integration if no list is read before the next step (only a list shows
it).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest

from pulumi_justt.api.call import UNLIMITED, Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.responses import Page
from pulumi_justt.core import messages
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.exactly_once import CreateCoordinator
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.session import Session
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError
from pulumi_justt.log import Log
from support.claims_journal import ClaimsJournal
from support.deterministic_scheduler import Condition, Lock, Stage, Worker

SETTINGS = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key", "timeoutSeconds": "1"}, {})
FOREIGN = "foreign"
MOST_LOST = 2

Policy = Literal["refuse", "adopt"]
Choice = tuple[str, str]
"""The thread that continues, and what happens to the POST that it sends."""


@dataclass
class Graph:
    """The states that the runs have reached, and the state that each choice leads to; None before it was run."""

    edges: dict[Hashable, dict[Choice, Hashable]] = field(default_factory=dict)
    paths: list[tuple[dict[Choice, Hashable], list[Choice]]] = field(default_factory=list)
    """The edges of each state, and the choices by which a run first reached it."""
    runs: int = 0

    def prefixes(self) -> Iterator[list[Choice]]:
        """Yield the start of each run: a path to a state with a choice that was not run yet."""
        yield []
        for leads_to, path in self.paths:
            while None in leads_to.values():
                yield path

    def interleavings(self) -> int:
        """Count the paths from the start to an end."""
        counted: dict[Hashable, int] = {"end": 1}

        def count(at: Hashable) -> int:
            if at not in counted:
                counted[at] = sum(map(count, self.edges[at].values()))
            return counted[at]

        return count(next(iter(self.edges)))


@dataclass
class Path:
    """One run: a prefix, and from there on the first choice that was not run yet, or else the first choice."""

    graph: Graph
    prefix: list[Choice]
    taken: list[Choice] = field(default_factory=list)
    leads_to: dict[Choice, Hashable] = field(default_factory=dict)
    """The edges of the current state."""

    def choose(self, choices: list[Choice], state: Hashable) -> Choice:
        """Return the next of *choices*, which lead on from *state*."""
        self._arrive(state)
        self.leads_to = self.graph.edges.setdefault(state, {})
        if not self.leads_to:
            self.leads_to |= dict.fromkeys(choices)
            self.graph.paths.append((self.leads_to, [*self.taken]))
        assert [*self.leads_to] == choices
        new = [each for each in choices if self.leads_to[each] is None]
        rest = self.prefix[len(self.taken) :] or new or choices
        self.taken.append(rest[0])
        return rest[0]

    def end(self) -> None:
        """Note that all threads have ended."""
        self._arrive("end")

    def _arrive(self, state: Hashable) -> None:
        if self.taken:
            known = self.leads_to[self.taken[-1]]
            assert known in (None, state), "two runs reach different states by the same choice"
            self.leads_to[self.taken[-1]] = state


@dataclass
class Create:
    """One resource: what its thread has seen, and its outcome."""

    inputs: Inputs
    seen: list[Hashable] = field(default_factory=list)
    outcome: tuple[str, str] = ("", "")

    @property
    def id(self) -> str:
        """Return the id in the state, or an empty string."""
        kind, text = self.outcome
        return text if kind == "made" else ""

    @property
    def posts(self) -> int:
        """Return how many POSTs were sent for the resource."""
        return sum(isinstance(each, str) for each in self.seen)

    @property
    def error(self) -> str:
        """Return the error that the user sees, or an empty string."""
        kind, text = self.outcome
        return text if kind != "made" else ""


class World(JusttClient):
    """A client that waits for the schedule at each request, and the creates that use it."""

    def __init__(self, *, on_ambiguous: Policy, path: Path, sources: tuple[str, ...]) -> None:
        """Start with an empty account, without a network."""
        self.settings = SETTINGS
        self.on_ambiguous = on_ambiguous
        self.path = path
        self.sources = sources
        self.clock = lambda: 0.0
        self.stage = Stage(self._choose)
        self.sleep = self._sleep
        self.creates = {name: Create(_inputs(name, source)) for name, source in zip("abc", self.sources, strict=True)}
        self.made: dict[str, tuple[str, str]] = {}
        """The creator and the source of each integration."""
        self.before: set[str] = set()
        self.returned: set[str] = set()
        """The ids that POSTs returned, and those that were claimed."""
        self.unresolved: set[str] = set()
        """The creates that lost a response and have claimed nothing."""
        self.lost = 0
        self.fate = ""
        self.warnings: list[str] = []
        self.session = Session(SETTINGS.base_url, ClaimsJournal())
        self.creator = CreateCoordinator(
            lambda: self, self.session, claims=self.on_ambiguous == "adopt", log=Log(self._keep_warning)
        )
        self.account = self.creator._account(None)
        vars(self.creator)["_lock"] = Lock(self.stage, "ids")
        vars(self.account)["snapshot_lock"] = Lock(self.stage, "snapshot")
        vars(self.creator._posts)["_changed"] = Condition(self.stage, "gate")

    def _sleep(self, _: float) -> None:
        self.stage.park("sleep")
        # During a create's first sleep, other creates run. During its second sleep, it holds the lock alone.
        self.creates[self.stage.current.name].seen.append(("slept",))

    def _keep_warning(self, text: str) -> None:
        if not text.startswith("note: "):
            self.warnings.append(text)

    def run(self) -> None:
        """Run all creates to their ends, and note the end in the path."""
        self.stage.run({name: functools.partial(self._work, create) for name, create in self.creates.items()})
        self.path.end()

    def digest(self, inputs: Inputs) -> str:
        """Return a digest for the intent, which no journal keeps here."""
        return inputs.external_identifier

    def create_integration(self, inputs: Inputs, *, call: Call = UNLIMITED) -> RemoteRecord:
        """Commit and respond when the schedule says so, or lose the response."""
        assert not call.is_cancelled()
        me = self.stage.current.name
        self.stage.park("POST")
        fate = self.fate
        seen = self.creates[me].seen
        seen.append(fate)
        made = f"{me}{len(seen)}"
        if fate != "lost before":
            self.made[made] = (me, inputs.source)
        self.stage.park("response")
        if fate != "answered":
            self.unresolved.add(me)
            operation = messages.creating(inputs.source, inputs.external_identifier)
            raise CreateOutcomeUnknown(operation, "no answer within 30 s", messages.AMBIGUOUS_REMEDIATION)
        self.returned.add(made)
        return RemoteRecord(integration_id=made, source=inputs.source, status="PENDING")

    def list_integrations(
        self,
        page: int,
        *,
        operation: str,
        account: str | None,
    ) -> Page:
        """List the whole account as one page when the schedule says so."""
        assert (page, account) == (1, None)
        self.stage.park("GET")
        listed = tuple(
            RemoteRecord(integration_id=each, source=source, status="PENDING")
            for each, (_, source) in sorted(self.made.items())
        )
        if operation.endswith("listing the account before the create"):
            self.before |= self.made.keys()
        else:
            busy = [worker.name for worker in self.stage.parked if worker.at in ("GET", "POST", "response")]
            assert busy == [], "a lost create is resolved while others have requests in flight"
        self.creates[self.stage.current.name].seen.append(tuple(sorted(self.made)))
        return Page(listed, is_last=True)

    def made_by(self, name: str) -> list[str]:
        """Return the integrations that a create made."""
        return [each for each, (maker, _) in self.made.items() if maker == name]

    def _work(self, create: Create) -> None:
        me = self.stage.current.name
        try:
            create.outcome = ("made", self.creator.create(f"urn:{me}", create.inputs).integration_id)
        except CreateOutcomeUnknown as lost:
            create.outcome = ("in doubt", str(lost))
        except JusttError as error:
            create.outcome = ("failed", str(error))
        if me in self.unresolved and create.id not in self.returned:
            self._assert_claim_is_justified(me, create)
        create.seen.append(create.outcome)

    def _assert_claim_is_justified(self, me: str, create: Create) -> None:
        candidates = self.made.keys() - self.before - self.returned
        is_only_explanation = (
            self.unresolved == {me}
            and len(candidates) == 1
            and all(self.made[each][1] == create.inputs.source for each in candidates)
        )
        if self.on_ambiguous == "adopt" and is_only_explanation:
            assert create.outcome == ("made", *candidates)
            self.returned |= candidates
            self.unresolved.remove(me)
        else:
            assert create.outcome[0] == "in doubt"

    def _choose(self, parked: list[Worker]) -> Worker:
        while True:
            name, fate = self.path.choose(self._choices(parked), self._state())
            if name == FOREIGN:
                self.made[FOREIGN] = (FOREIGN, self.sources[0])
                continue
            self.fate = fate
            self.lost += fate.startswith("lost")
            return next(worker for worker in parked if worker.name == name)

    def _choices(self, parked: list[Worker]) -> list[Choice]:
        waiting = sorted(worker.name for worker in parked if worker.at == "lock snapshot")
        if waiting:
            return [(waiting[0], "")]
        choices: list[Choice] = []
        started: set[str] = set()
        for worker in sorted(parked, key=lambda each: each.name):
            if worker.at == "start":
                source = self.creates[worker.name].inputs.source
                if source in started:
                    continue
                started.add(source)
            fates = ("answered", "lost before", "lost after") if worker.at == "POST" else ("",)
            choices += [(worker.name, fate) for fate in fates[: 3 if self.lost < MOST_LOST else 1]]
        if FOREIGN not in self.made and any(worker.at == "GET" for worker in parked):
            choices.append((FOREIGN, ""))
        return choices

    def _state(self) -> Hashable:
        posts = self.creator._posts
        places = {worker.name: worker.at for worker in self.stage.parked}
        return (
            tuple((places.get(name, "end"), tuple(create.seen)) for name, create in self.creates.items()),
            frozenset(self.made),
            frozenset(self.before),
            frozenset(self.session.ownership._holders),
            frozenset((each.inputs.external_identifier, each.finding) for each in self.creator._unresolved),
            frozenset(self.creator._in_doubt),
            self.account.snapshot is None,
            (posts._holders, posts._waiting, posts._announced, posts._is_exclusive),
            frozenset(self.warnings),
        )


@functools.cache
def _inputs(name: str, source: str) -> Inputs:
    return Inputs.model_validate(
        {
            "externalIdentifier": name,
            "integrationName": name,
            "source": source,
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": "k"},
            "environment": "simulator",
        }
    )


def assert_nothing_lost_or_duplicated(world: World) -> None:
    """Assert, after a run, that each integration is in one resource or named in an error, and has no duplicate."""
    ids = [create.id for create in world.creates.values() if create.id]
    assert len(set(ids)) == len(ids), "one id is in two resources"
    for name, create in world.creates.items():
        ours = world.made_by(name)
        assert len(ours) <= 1, "a create made two integrations"
        assert create.id in ("", FOREIGN, *ours), "a resource has another resource's integration"
        for each in ours:
            assert each == create.id or each in create.error, "an integration is neither in the state nor named"
        assert bool(create.error) != bool(create.id)
        assert not create.error or "Do not run `pulumi up` again before you have checked" in create.error
        may_be = [each for each in world.made if each in create.error]
        assert not create.error or may_be or create.posts == 2, "a POST that was not committed was not repeated"
    if world.on_ambiguous == "refuse":
        assert FOREIGN not in ids, "another writer's integration is in a resource"
        assert world.warnings == []
    assert [FOREIGN in each for each in world.warnings].count(True) == ids.count(FOREIGN), "claimed without a warning"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["refuse", "adopt"])
@pytest.mark.parametrize(
    "sources", [("stripe", "stripe", "stripe"), ("stripe", "stripe", "adyen")], ids=["one source", "two sources"]
)
def test_every_interleaving(
    policy: Policy, sources: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    """In every interleaving, nothing is lost or duplicated, and `adopt` claims a foreign integration only if it must.

    No response allows the provider to prevent such a claim. The stack's POST was lost before the commit. Between the
    list before it and the last list after it, another writer created one integration of the same source. No other
    create of the process lost its response, and nothing else is new. Then every response is the same as if that
    integration were the stack's own. `World` asserts that it is claimed exactly then, and that any other create whose
    response was lost ends in an error. So `adopt` is for accounts with one writer.
    """
    graph = Graph()
    claimed = 0
    for prefix in graph.prefixes():
        world = World(on_ambiguous=policy, path=Path(graph, prefix), sources=sources)
        world.run()
        assert_nothing_lost_or_duplicated(world)
        graph.runs += 1
        claimed += any(create.id == FOREIGN for create in world.creates.values())
    interleavings = graph.interleavings()
    record_property("runs", graph.runs)
    record_property("interleavings", interleavings)
    record_property("runs that claimed another writer's integration", claimed)

    assert (claimed > 0) == (policy == "adopt")
    # Guards against a schedule that skips choices.
    assert graph.runs > 2_000
    assert interleavings > 100_000
