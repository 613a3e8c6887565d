"""Computes the requests and minutes that a fleet of integrations costs under Justt's quota, in virtual time.

The core and the client are the real ones, with as many threads as the provider process has. Only time, the network and
the account at Justt are fakes.

    python tools/benchmarks/fleet.py     prints the table of the documentation, as Markdown
"""

from __future__ import annotations

import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from pulumi_justt.api.batch_reader import PageCache
from pulumi_justt.api.client import PAGE_SIZE
from pulumi_justt.api.rate_limit import WINDOW_SECONDS
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.log import SILENT
from support.deterministic_scheduler import Condition, Lock
from support.virtual_quota import LATENCY, QUOTA, SHARE, THREADS, StagedClock

__all__ = ["COMMANDS", "Cost", "cost"]

COMMANDS = ("first `up`", "`up` or `preview` without changes", "`refresh`", "`up` that rotates all", "`destroy`")
SIZES = (10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Cost:
    """The cost of one command.

    Attributes:
        requests: The number of requests sent.
        refused: The number of these that got a 429.
        seconds: The duration in virtual seconds.
    """

    requests: int
    refused: int
    seconds: float

    def least_seconds(self, each_minute: int = SHARE) -> float:
        """Return the minimum duration of these requests: one share of the quota at once, then one share a minute."""
        return max(0, self.requests - 1) // each_minute * WINDOW_SECONDS


@dataclass
class Account:
    """Justt's side: records in the order of their creation, and a quota for each minute."""

    clock: StagedClock
    records: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    refused: int = 0
    successful_at: float = float("inf")
    _answered: deque[float] = field(default_factory=deque)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond, or refuse requests beyond the quota."""
        self.clock.sleep(LATENCY)
        now = self.clock()
        self.requests += 1
        while self._answered and now - self._answered[0] >= WINDOW_SECONDS:
            self._answered.popleft()
        if len(self._answered) >= QUOTA:
            self.refused += 1
            return httpx.Response(429, json={"message": "too many requests", "statusCode": 429})
        self._answered.append(now)
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        integration_id = request.url.path.removeprefix("/integrations").removeprefix("/")
        if request.method == "POST":
            made = f"int-{len(self.records)}"
            self.records[made] = "PENDING"
            return httpx.Response(201, json={"integrationId": made})
        if request.method == "DELETE":
            self.records[integration_id] = "INACTIVE"
            return httpx.Response(200, json={})
        if integration_id:
            return httpx.Response(200, json=self._row(integration_id))
        start = (int(request.url.params["page"]) - 1) * PAGE_SIZE
        return httpx.Response(200, json=[self._row(each) for each in list(self.records)[start : start + PAGE_SIZE]])

    def _row(self, integration_id: str) -> dict[str, str]:
        status = self.records[integration_id]
        if status == "PENDING" and self.clock() >= self.successful_at:
            status = "SUCCESSFUL"
        return {"integrationId": integration_id, "source": "stripe", "status": status}


def cost(command: str, size: int, foreign: int = 0) -> Cost:
    """Run *command* for a fleet of *size* in an account that also has *foreign* integrations."""
    clock = StagedClock()
    account = Account(clock)
    account.records |= {f"other-{number}": "SUCCESSFUL" for number in range(foreign)}
    ours = [] if command == "first `up`" else [f"ours-{number}" for number in range(size)]
    account.records |= dict.fromkeys(ours, "SUCCESSFUL")
    # The engine's order has nothing to do with the order in the account.
    random.Random(0).shuffle(ours)  # noqa: S311 - the same in each run
    process = _Process(clock, account)
    if command == "first `up`":
        process.all(process.core.create, [(_inputs(number),) for number in range(size)])
    elif command == "`refresh`":
        process.all(process.core.read, [(each, _recorded(each)) for each in ours])
    elif command == "`up` that rotates all":
        process.all(process.core.create, [(_inputs(number),) for number in range(size)])
        process.all(process.core.delete, [(each, _recorded(each)) for each in ours])
    elif command == "`destroy`":
        process.all(process.core.delete, [(each, _recorded(each)) for each in ours])
    else:
        for each in ours:
            assert process.core.diff(_recorded(each), _inputs(0)) == []
    return Cost(account.requests, account.refused, clock.now)


def cost_of_creation_and_refresh(size: int) -> tuple[Cost, Cost]:
    """Create a fleet, then refresh it in a second command while the first one's requests count toward the quota."""
    clock = StagedClock()
    account = Account(clock)
    process = _Process(clock, account)
    process.all(process.core.create, [(_inputs(number),) for number in range(size)])
    created = Cost(account.requests, account.refused, clock.now)
    process = _Process(clock, account)
    process.all(process.core.read, [(each, _recorded(each)) for each in account.records])
    return created, Cost(
        account.requests - created.requests, account.refused - created.refused, clock.now - created.seconds
    )


def cost_of_waits(size: int, seconds: float, foreign: int = 0) -> Cost:
    """Wait for all integrations at once, until all of them are ready after *seconds*."""
    clock = StagedClock()
    account = Account(clock, {f"other-{number}": "INACTIVE" for number in range(foreign)})
    ours = [f"ours-{number}" for number in range(size)]
    account.records |= dict.fromkeys(ours, "PENDING")
    account.successful_at = seconds
    process = _Process(clock, account)
    waits = [({"integrationId": each, "timeoutSeconds": 3_600, "environment": "simulator"},) for each in ours]
    process.all(process.waits.create, waits, threads=size)
    return Cost(account.requests, account.refused, clock.now)


class _Process:
    """A provider process whose threads, locks and time are simulated by the deterministic scheduler of *clock*."""

    def __init__(self, clock: StagedClock, account: Account) -> None:
        self._clock = clock
        chance = random.Random(0)  # noqa: S311 - jitter, the same in each run
        settings = Settings.load({"apiKey": "bearer-key", "baseUrl": "http://127.0.0.1:9"}, {})
        client = JusttClient(
            settings, transport=httpx.MockTransport(account), clock=clock, sleep=clock.sleep, uniform=chance.random
        )
        self.core = IntegrationLifecycle(settings, client=lambda: client, log=SILENT)
        self.waits = ReadinessLifecycle(
            settings,
            client=lambda: client,
            log=SILENT,
            clock=clock,
            sleep=clock.sleep,
            uniform=chance.random,
        )
        creator = self.core.creator
        vars(creator._account(None))["snapshot_lock"] = Lock(clock.stage, "snapshot")
        vars(creator._posts)["_changed"] = Condition(clock.stage, "gate")
        client._reader._accounts[None] = PageCache(lock=Lock(clock.stage, "pages"))  # type: ignore[arg-type] # it parks instead

    def all(self, call: Callable[..., object], calls: Sequence[tuple[object, ...]], threads: int = THREADS) -> None:
        """Make *calls* from all threads, each as soon as a thread is free."""
        left = list(reversed(calls))

        def work() -> None:
            while left:
                call(*left.pop())

        self._clock.wakes.clear()
        self._clock.stage.run({f"{thread:02}": functools.partial(work) for thread in range(threads)})


def _inputs(number: int) -> dict[str, object]:
    return {
        "externalIdentifier": f"shop-{number}",
        "integrationName": f"Shop {number}",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": f"rk_{number}"},
        "environment": "simulator",
    }


def _recorded(integration_id: str) -> dict[str, object]:
    return {**_inputs(0), "integrationId": integration_id, "status": "SUCCESSFUL"}


def table() -> str:
    """Return the table of all commands and sizes."""
    lines = [
        f"| command | {' | '.join(f'{size:,}' for size in SIZES)} |",
        f"| --- |{' --- |' * len(SIZES)}",
    ]
    for command in COMMANDS:
        cells = [_cell(cost(command, size)) for size in SIZES]
        lines.append(f"| {command} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Cost) -> str:
    if not found.requests:
        return "0"
    if found.seconds < 1:
        return f"{found.requests:,} in less than 1 s"
    time = f"{found.seconds:.0f} s" if found.seconds < WINDOW_SECONDS else f"{found.seconds / 60:.0f} min"
    return f"{found.requests:,} in {time}"


if __name__ == "__main__":
    sys.stdout.write(table())
