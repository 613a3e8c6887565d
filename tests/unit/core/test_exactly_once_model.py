"""Every interleaving of three creates, up to two lost answers and a foreign writer, on the real `CreateCoordinator`.

Threads are stepped by `stepping`: each arrives, asks for a list, sends a POST, takes its answer and ends its grace
period when the schedule says so, and where several wait for a lock the schedule says who gets it. A POST is answered,
or lost before or after the vendor commits it. At any step somebody else may create one integration.

The schedules form a graph: its nodes are the states (what each thread has seen, what the vendor has, what the
`CreateCoordinator` holds), its edges are the choices. Each edge is run at least once, and wherever it is run it must
lead to the same state, so that the paths through the graph are all interleavings, whether each of them was run on its
own or not. Left out is only what cannot matter: which of the creates of one source arrives first (they differ by name),
in which order those that waited for the list before go on to their POSTs (each parks again before it sends anything),
and when somebody else creates where no list is asked for before the next step (only a list shows it).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
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
from support.claims_journal import ClaimsJournal
from support.deterministic_scheduler import Condition, Lock, Stage, Worker

SETTINGS = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key", "timeoutSeconds": "1"}, {})
FOREIGN = "foreign"
MOST_LOST = 2

Policy = Literal["refuse", "adopt"]
Choice = tuple[str, str]
"""Who goes on, and what becomes of the POST that it sends."""


@dataclass
class Graph:
    """The states that were met, and where each choice leads."""

    edges: dict[Hashable, dict[Choice, Hashable]] = field(default_factory=dict)
    to_run: list[list[Choice]] = field(default_factory=lambda: [[]])
    runs: int = 0

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
    """One run: a prefix that leads to a new choice, and from there the first choice each time."""

    graph: Graph
    prefix: list[Choice]
    taken: list[Choice] = field(default_factory=list)
    state: Hashable = None

    def choose(self, choices: list[Choice], tell_state: Callable[[], Hashable]) -> Choice:
        """Return which of *choices* is done next, and note what else can be."""
        done = len(self.taken)
        if done < len(self.prefix) - 1:
            # A repetition, up to the choice that is new.
            choice = self.prefix[done]
        else:
            state = tell_state()
            self._arrive(state)
            if state not in self.graph.edges:
                self.graph.edges[state] = dict.fromkeys(choices)
                self.graph.to_run += [[*self.taken, other] for other in choices[1:]]
            assert list(self.graph.edges[state]) == choices
            choice = self.prefix[done] if done < len(self.prefix) else choices[0]
            self.state = state
        self.taken.append(choice)
        return choice

    def end(self) -> None:
        """Note that nobody has anything left to do."""
        self._arrive("end")

    def _arrive(self, state: Hashable) -> None:
        if self.state is not None:
            leads_to = self.graph.edges[self.state]
            assert leads_to[self.taken[-1]] in (None, state), "a state does not tell all that matters"
            leads_to[self.taken[-1]] = state


@dataclass
class Create:
    """One resource: what its thread has seen, and how it ended."""

    inputs: Inputs
    seen: list[Hashable] = field(default_factory=list)
    outcome: tuple[str, str] = ("", "")

    @property
    def id(self) -> str:
        """The id in the state, if there is one."""
        kind, told = self.outcome
        return told if kind == "made" else ""

    @property
    def posts(self) -> int:
        """How many POSTs were sent for it."""
        return sum(isinstance(each, str) for each in self.seen)

    @property
    def error(self) -> str:
        """The text that the user sees, if there is one."""
        kind, told = self.outcome
        return told if kind != "made" else ""


class World(JusttClient):
    """A vendor that waits for the schedule at each request, and the creates before it."""

    def __init__(self, *, on_ambiguous: Policy, path: Path, sources: tuple[str, ...]) -> None:
        """Start with an empty account; nothing is connected to anything."""
        self.settings = SETTINGS
        self.on_ambiguous = on_ambiguous
        self.path = path
        self.sources = sources
        self.clock = lambda: 0.0
        self.stage = Stage(self._choose)
        self.sleep = self._sleep
        self.creates = {name: Create(_inputs(name, source)) for name, source in zip("abc", self.sources, strict=True)}
        self.made: dict[str, tuple[str, str]] = {}
        """Who made each integration, and of which source."""
        self.before: set[str] = set()
        self.given: set[str] = set()
        """The ids that POSTs brought."""
        self.in_doubt: set[str] = set()
        """The creates that lost an answer; who was adopted is none of them any more."""
        self.lost = 0
        self.fate = ""
        self.told: list[str] = []
        self.session = Session(SETTINGS.base_url, ClaimsJournal())
        self.creator = CreateCoordinator(
            lambda: self, self.session, claims=self.on_ambiguous == "adopt", tell=self._tell
        )
        account = self.creator._account(None)
        vars(self.creator)["_lock"] = Lock(self.stage, "ids")
        vars(account)["snapshot_lock"] = Lock(self.stage, "snapshot")
        vars(self.creator._posts)["_changed"] = Condition(self.stage, "gate")

    def _sleep(self, _: float) -> None:
        self.stage.park("sleep")
        # The first one is beside other creates, and the second one is alone.
        self.creates[self.stage.current.name].seen.append(("slept",))

    def _tell(self, text: str) -> None:
        if not text.startswith("note: "):
            self.told.append(text)

    def run(self) -> None:
        """Run all creates to their ends."""
        self.stage.run({name: functools.partial(self._work, create) for name, create in self.creates.items()})
        self.path.end()

    def create_integration(self, inputs: Inputs, *, call: Call = UNLIMITED) -> RemoteRecord:
        """Commit and answer, each when the schedule says so, or lose the answer."""
        assert not call.is_cancelled()
        me = self.stage.current.name
        self.stage.park("POST")
        fate = self.fate
        seen = self.creates[me].seen
        seen.append(fate)
        made = f"{me}{len(seen)}"
        if fate != "lost before":
            self.made[made] = (me, inputs.source)
        self.stage.park("answer")
        if fate != "answered":
            self.in_doubt.add(me)
            operation = messages.creating(inputs.source, inputs.external_identifier)
            raise CreateOutcomeUnknown(operation, "no answer within 30 s", messages.AMBIGUOUS_REMEDIATION)
        self.given.add(made)
        return RemoteRecord(integration_id=made, source=inputs.source, status="PENDING")

    def list_integrations(
        self,
        page: int,
        *,
        operation: str,
        account: str | None,
    ) -> Page:
        """List the whole account as one page, when the schedule says so."""
        assert (page, account) == (1, None)
        self.stage.park("GET")
        listed = tuple(
            RemoteRecord(integration_id=each, source=source, status="PENDING")
            for each, (_, source) in sorted(self.made.items())
        )
        if operation.endswith("listing the account before it"):
            self.before |= self.made.keys()
        else:
            busy = [worker.name for worker in self.stage.parked if worker.at in ("GET", "POST", "answer")]
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
        if me in self.in_doubt and create.id not in self.given:
            self._assert_adopted_rightly(me, create)
        create.seen.append(create.outcome)

    def _assert_adopted_rightly(self, me: str, create: Create) -> None:
        strangers = self.made.keys() - self.before - self.given
        is_only_explanation = (
            self.in_doubt == {me}
            and len(strangers) == 1
            and all(self.made[each][1] == create.inputs.source for each in strangers)
        )
        if self.on_ambiguous == "adopt" and is_only_explanation:
            assert create.outcome == ("made", *strangers)
            self.given |= strangers
            self.in_doubt.remove(me)
        else:
            assert create.outcome[0] == "in doubt"

    def _choose(self, parked: list[Worker]) -> Worker:
        while True:
            name, fate = self.path.choose(self._choices(parked), self._state)
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
        newcomers: set[str] = set()
        for worker in sorted(parked, key=lambda each: each.name):
            if worker.at == "start":
                source = self.creates[worker.name].inputs.source
                if source in newcomers:
                    continue
                newcomers.add(source)
            fates = ("answered", "lost before", "lost after") if worker.at == "POST" else ("",)
            choices += [(worker.name, fate) for fate in fates[: 3 if self.lost < MOST_LOST else 1]]
        if FOREIGN not in self.made and any(worker.at == "GET" for worker in parked):
            choices.append((FOREIGN, ""))
        return choices

    def _state(self) -> Hashable:
        account, posts = self.creator._account(None), self.creator._posts
        places = {worker.name: worker.at for worker in self.stage.parked}
        return (
            tuple((places.get(name, "end"), tuple(create.seen)) for name, create in self.creates.items()),
            frozenset(self.made),
            frozenset(self.before),
            self.session.ownership.ids_of_others(""),
            frozenset((each.inputs.external_identifier, each.finding) for each in self.creator._unresolved),
            frozenset(self.creator._in_doubt),
            account.snapshot is None,
            (posts._holders, posts._waiting, posts._announced, posts._is_exclusive),
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


def assert_nothing_lost_nothing_doubled(world: World) -> None:
    """Assert what holds at the end of every run."""
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
        assert not create.error or may_be or create.posts == 2, "what did not happen was not tried again"
    if world.on_ambiguous == "refuse":
        assert FOREIGN not in ids, "somebody else's integration is in a resource of ours"
        assert world.told == []
    assert [FOREIGN in each for each in world.told].count(True) == ids.count(FOREIGN), "taken over in silence"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["refuse", "adopt"])
@pytest.mark.parametrize(
    "sources", [("stripe", "stripe", "stripe"), ("stripe", "stripe", "adyen")], ids=["one source", "two sources"]
)
def test_every_interleaving(
    policy: Policy, sources: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    """Nothing is lost or doubled, and `adopt` takes somebody else's integration only where nobody could tell.

    That does happen, and the vendor's answers leave no way to prevent it: our POST was lost before the commit, and
    somebody else creates one integration of the same source between the list before and the last list after. As long
    as no other create of the process lost its answer and nothing else is new, every answer is the same as if that
    integration were ours. `World` asserts that it is taken over exactly then, and that a create whose answer was lost
    ends in an error otherwise; hence `adopt` is for accounts with one writer.
    """
    graph = Graph()
    taken_over = 0
    while graph.to_run:
        world = World(on_ambiguous=policy, path=Path(graph, graph.to_run.pop()), sources=sources)
        world.run()
        assert_nothing_lost_nothing_doubled(world)
        graph.runs += 1
        taken_over += any(create.id == FOREIGN for create in world.creates.values())
    interleavings = graph.interleavings()
    record_property("runs", graph.runs)
    record_property("interleavings", interleavings)
    record_property("runs that took over somebody else's integration", taken_over)

    assert (taken_over > 0) == (policy == "adopt")
    # A schedule that forgot to choose would prove nothing.
    assert graph.runs > 2_000
    assert interleavings > 100_000
