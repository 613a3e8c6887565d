"""Shows what each fault of the network, of Justt or of the terminal leaves behind, with the real engine.

Each scenario runs with several contenders: this package with either policy for lost creates, and `plain_provider`, a
dynamic provider as tutorials write it. The first run meets a fault. Then a simulated user does what the error says, and
runs the command again without faults.

    python tools/benchmarks/fault_table.py     prints the table of all scenarios and contenders, as Markdown
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import engine
from pulumi_justt.simulator import Fault, Integration, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support import secret_scanner
from support.harness import HANG_SECONDS, Stack, eventually, has_fired, unused_base_url

__all__ = ["SCENARIOS", "Contender", "Outcome", "Scenario", "run"]

Contender = Literal["refuse", "adopt", "plain"]
KEY, SECRET = "canary-api-key-5c1f0a9b7e", "canary-stripe-key-3e8d2b6f10"


@dataclass(frozen=True)
class Scenario:
    """One kind of failure.

    Attributes:
        name: Its name in the table.
        faults: The simulator's faults, in the notation of `pulumi-justt simulator --fault`.
        resources: The number of integrations in the program.
        before: Whether the integrations exist already.
        command: The command that meets the faults; `replace` is an `up` after a changed name.
        interrupt: What happens to the CLI during the POST; `kill all` kills the provider, too.
        is_destroyed: Whether `destroy` runs next, before the user looks at the leftovers.
        is_refused: Whether no server listens at the API's address.
        others: The number of integrations of others in the account.
    """

    name: str
    faults: tuple[str, ...] = ()
    resources: int = 1
    before: bool = False
    command: Literal["up", "replace", "refresh", "destroy"] = "up"
    interrupt: Literal["", "once", "twice", "kill", "kill all"] = ""
    is_destroyed: bool = False
    is_refused: bool = False
    others: int = 0


def _create(name: str, *faults: str, resources: int = 1) -> Scenario:
    return Scenario(f"create: {name}", faults, resources)


def _later(command: Literal["replace", "refresh", "destroy"], name: str, *faults: str) -> Scenario:
    return Scenario(f"{command}: {name}", faults, before=True, command=command)


SLOW_SECONDS = 2.5
SLOW_POST = f"POST /integrations latency={SLOW_SECONDS} times=1"
SCENARIOS = (
    _create("dropped before the commit", "POST /integrations drop-before-commit times=1"),
    _create("dropped after the commit", "POST /integrations drop-after-commit times=1"),
    _create("500 before the commit", "POST /integrations status=500 times=1"),
    _create("500 after the commit", "POST /integrations status-after-commit=500 times=1"),
    _create("time-out before the commit", "POST /integrations hang-before-commit=9 times=1"),
    _create("time-out after the commit", "POST /integrations hang-after-commit=9 times=1"),
    _create("truncated 201", "POST /integrations truncated-body times=1"),
    _create("empty 201", "POST /integrations empty-body times=1"),
    _create("HTML instead of the 201", "POST /integrations not-json=html times=1"),
    _create("201 without an id", "POST /integrations no-id times=1"),
    _create("201 of an undocumented shape", "POST /integrations undocumented-shape times=1"),
    _create("body sent slowly", "POST /integrations slow-body=9 times=1"),
    _create("502 of a proxy, HTML", "POST /integrations status=502 body=html times=1"),
    _create("408 after the commit", "POST /integrations status-after-commit=408 times=1"),
    _create("400", "POST /integrations status=400 times=1"),
    _create("redirect", "POST /integrations redirect=307 times=1"),
    _create("429 three times, Retry-After: 1", "* * status=429 retry-after=1 times=3"),
    _create("429 four times, no Retry-After", "* * status=429 times=4"),
    Scenario("create: connection refused", is_refused=True),
    _create("401 in the middle of three", "POST /integrations status=401 skip=1", resources=3),
    _create(
        "two lost at once, one of them committed",
        "POST /integrations drop-after-commit times=1",
        "POST /integrations drop-before-commit times=1",
        resources=2,
    ),
    _create(
        "dropped after the commit, and a second writer",
        "POST /integrations foreign-after-commit times=1",
        "POST /integrations drop-after-commit times=1",
    ),
    _create(
        "dropped before the commit, and a second writer",
        "POST /integrations foreign-before-commit times=1",
        "POST /integrations drop-before-commit times=1",
    ),
    Scenario(
        "create: dropped after the commit, and the list changes order while it is read",
        ("POST /integrations drop-after-commit times=1", "GET /integrations shift=move skip=@PAGES times=1"),
        others=150,
    ),
    Scenario("create: Ctrl-C once", (SLOW_POST,), interrupt="once"),
    Scenario("create: Ctrl-C twice", (SLOW_POST,), interrupt="twice"),
    Scenario("create: kill -9", (SLOW_POST,), interrupt="kill"),
    Scenario(
        "create: kill -9 of Pulumi and the provider, after the commit",
        ("POST /integrations hang-after-commit=60 times=1",),
        interrupt="kill all",
    ),
    Scenario(
        "create: kill -9 of Pulumi and the provider, before the commit",
        ("POST /integrations hang-before-commit=60 times=1",),
        interrupt="kill all",
    ),
    Scenario(
        "create: kill -9 of Pulumi and the provider, after the commit, then destroy",
        ("POST /integrations hang-after-commit=60 times=1",),
        interrupt="kill all",
        is_destroyed=True,
    ),
    _create(
        "sixteen in an outage: each POST gets a 503, eight of them after the commit; each GET works",
        "POST /integrations status-after-commit=503 times=8",
        "POST /integrations status=503 skip=8 times=24",
        resources=16,
    ),
    Scenario(
        "create: dropped after the commit, and Ctrl-C twice",
        (SLOW_POST, "POST /integrations drop-after-commit times=1"),
        interrupt="twice",
    ),
    _later("replace", "answer to the POST lost", "POST /integrations drop-after-commit times=1"),
    _later("replace", "answer to the DELETE lost", "DELETE /integrations/{id} drop-after-commit times=1"),
    _later("replace", "DELETE answered with 500", "DELETE /integrations/{id} status=500 times=2"),
    _later("refresh", "404 for a known id", "GET /integrations/{id} status=404"),
    _later("refresh", "401", "GET /integrations/{id} status=401"),
    _later("refresh", "500 twice", "GET /integrations/{id} status=500 times=2"),
    _later("refresh", "HTML of a proxy with 200", "GET /integrations/{id} not-json=html times=1"),
    _later("refresh", "set to INACTIVE outside Pulumi", "GET /integrations/{id} becomes=INACTIVE times=1"),
    _later("refresh", "set to FAILED outside Pulumi", "GET /integrations/{id} becomes=FAILED times=1"),
    _later("destroy", "answer to the DELETE lost", "DELETE /integrations/{id} drop-after-commit times=1"),
    _later("destroy", "500 after the commit", "DELETE /integrations/{id} status-after-commit=500 times=1"),
    _later("destroy", "404 for a known id", "DELETE /integrations/{id} status=404"),
    _later("destroy", "login page of a proxy with 200", "DELETE /integrations/{id} login-page"),
    _later("destroy", "already INACTIVE", "DELETE /integrations/{id} becomes=INACTIVE times=1"),
)


@dataclass(frozen=True)
class Outcome:
    """The result of one contender in one scenario.

    Attributes:
        duplicates: Live integrations beyond those of the program, after the second run.
        unnamed: Live integrations that are in no state and that no message named, after the first run.
        lost: Live integrations that left the state in the first run.
        converges: Whether the second run ends with the program's integrations and an empty preview.
        leaked: Encodings of a secret found in any output.
        error_id: Whether the output shows Justt's errorId; None if Justt sent none, or the command succeeded.
        foreign: Integrations of others that are in the state, after either run.
        text: The output of the first run.
    """

    duplicates: int
    unnamed: int
    lost: int
    converges: bool
    leaked: int
    error_id: bool | None
    foreign: int
    text: str

    @property
    def cells(self) -> list[str]:
        """The columns of the table."""
        shown = {None: "-", True: "yes", False: "**no**"}
        numbers = (self.duplicates, self.unnamed, self.lost, self.leaked)
        counted = [str(number) if number == 0 else f"**{number}**" for number in numbers]
        return [*counted[:3], shown[self.converges], counted[3], shown[self.error_id]]


def run(scenario: Scenario, contender: Contender, folder: Path, engine_bin: Path, kind: type[Stack] = Stack) -> Outcome:
    """Run one scenario with one contender, in an empty folder, on a stack of the given kind."""
    stack = kind(folder, engine_bin)
    with SimulatorServer() as simulator:
        try:
            return _Run(scenario, contender, simulator, stack).outcome()
        finally:
            stack.end_processes()


class _Run:
    """One scenario with one contender on one stack."""

    def __init__(self, scenario: Scenario, contender: Contender, simulator: SimulatorServer, stack: Stack) -> None:
        self.scenario = scenario
        self.contender = contender
        self.simulator = simulator
        self.stack = stack
        self.names = [f"ours-{number}" for number in range(scenario.resources)]
        policy = {} if contender == "plain" else {"justt:onAmbiguousCreate": contender}
        stack.config(
            {
                "justt:baseUrl": simulator.base_url,
                # Shorter than a response that hangs, and longer than a slow one and the time until an interrupt.
                "justt:timeoutSeconds": "5" if scenario.interrupt else "2",
                **policy,
            },
            {"justt:apiKey": KEY} if contender == "plain" else {},
        )
        stack.provide({"stripeKey": SECRET})
        if contender != "plain":
            stack.environ["JUSTT_API_KEY"] = KEY
        if contender == "plain":
            shutil.copy(Path(__file__).parent / "plain_provider.py", stack.folder / "project")

    def outcome(self) -> Outcome:
        """Run with faults, inspect, do what the error says, run again, and inspect again."""
        for number in range(self.scenario.others):
            theirs = NewIntegration(f"theirs-{number}", "Theirs", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
            self.simulator.records.add_integration(theirs, None)
        self._write()
        if self.scenario.before:
            self.stack.up()
        known = self._in_state()
        if self.scenario.command == "replace":
            self._write("renamed")
        self.simulator.clear_requests()
        # The pages shift at the first page of the list after the POST. The list before the POST has two pages, and is
        # read once, or twice with `adopt`.
        pages = str(3 if self.contender == "refuse" else 5)
        for fault in self.scenario.faults:
            self.simulator.add_fault(Fault.parse(fault.replace("@PAGES", pages)))
        if self.scenario.is_refused:
            self.stack.config({"justt:baseUrl": unused_base_url()})
        code, text = self._break()
        if self.scenario.is_destroyed:
            text += self.stack.destroy().text
        lost_or_made = self._live() - self._in_state()
        named = text
        if self.scenario.interrupt == "kill all" and self.contender != "plain":
            # A killed run reports nothing. This is the command that the docs give for that case.
            named += self.stack.justt("doctor", "--stack", self.stack.name).text
        unnamed = {each for each in lost_or_made if each not in named}
        if "look it up at Justt" in text:
            unnamed -= set(self._found_at_justt(text).values())
        first_foreign = self._in_state() - self._ours()
        error_ids = [exchange.error_id for exchange in self.simulator.requests if exchange.error_id]
        self.simulator.clear_faults()
        self.stack.config({"justt:baseUrl": self.simulator.base_url})
        self._follow_error(text)
        converges = self._run_again()
        wanted = 0 if self._ends_without_integrations else len(self.names)
        return Outcome(
            duplicates=max(0, len(self._live()) - wanted),
            unnamed=len(unnamed),
            lost=len(lost_or_made & known),
            converges=converges and self._live() == self._in_state() and len(self._live()) == wanted,
            leaked=self._leaked(),
            error_id=any(each in text for each in error_ids) if error_ids and code else None,
            foreign=len(first_foreign | (self._in_state() - self._ours())),
            text=text,
        )

    def _write(self, label: str = "first") -> None:
        lines = ["from plain_provider import PlainIntegration"] if self.contender == "plain" else []
        for name in self.names:
            if self.contender == "plain":
                lines.append(
                    f'PlainIntegration("{name}", {{"externalIdentifier": "{name}", "integrationName": "{label}", '
                    '"source": "stripe", "secretType": "APIKEY_ONLY", '
                    '"secretPayload": {"apiKey": secret("stripeKey")}})'
                )
            else:
                lines.append(
                    f'justt.PaymentIntegration("{name}", external_identifier="{name}", integration_name="{label}", '
                    f'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))'
                )
        self.stack.program("\n".join(lines) + "\n")

    def _break(self) -> tuple[int, str]:
        command = {"replace": "up"}.get(self.scenario.command, self.scenario.command)
        arguments = (command, "--yes", "--skip-preview")
        if not self.scenario.interrupt:
            result = self.stack.run(*arguments, "--stack", self.stack.name, fails=None)
            return result.code, result.text
        process = self.stack.start(*arguments)
        eventually(lambda: has_fired(self.simulator))
        process.send_signal(signal.SIGKILL if self.scenario.interrupt.startswith("kill") else signal.SIGINT)
        if self.scenario.interrupt == "kill all":
            self.stack.end_processes()
        if self.scenario.interrupt == "twice":
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=HANG_SECONDS)[0]
        self.stack.keep(printed)
        # A provider whose CLI has ended finishes its current request, and may send one more.
        time.sleep(SLOW_SECONDS)
        eventually(self._is_quiet)
        self.stack.run("cancel", "--yes", "--stack", self.stack.name, fails=None)
        return process.returncode, printed.decode()

    def _is_quiet(self) -> bool:
        before = len(self.simulator.requests)
        time.sleep(2.0)
        return len(self.simulator.requests) == before

    def _follow_error(self, text: str) -> None:
        """Act like a user who reads the error, and sees at Justt which integration has which identifier."""
        # After a destroy, only `doctor` can report a lost create.
        if self.contender == "plain" or ("pulumi-justt recover" not in text and not self.scenario.is_destroyed):
            return
        found = self._found_at_justt(text)
        named = {name for name in self.names if f"creating the stripe integration {name!r}: " in text}
        decisions = [f"--claim={name}={integration_id}" for name, integration_id in found.items()]
        decisions += [f"--forget={name}" for name in sorted(named - found.keys())]
        if self.scenario.is_destroyed:
            decisions = [f"--deactivate={each}" for each in self._live()]
        self.stack.justt("recover", "--stack", self.stack.name, "--yes", *decisions)

    def _found_at_justt(self, text: str) -> dict[str, str]:
        """Return the live integrations of the creates that *text* reports, as a user would find them at Justt."""
        held = self._in_state()
        return {
            record.external_identifier: record.id
            for record in self._live_records()
            if record.id not in held and f"creating the stripe integration {record.external_identifier!r}: " in text
        }

    def _run_again(self) -> bool:
        if self._ends_without_integrations:
            return self.stack.destroy(fails=None).code == 0
        again = self.stack.up(fails=None)
        if again.code:
            # The killed run could not report the lost create, so the next run does.
            self._follow_error(again.text)
            if self.stack.up(fails=None).code:
                return False
        return self.stack.preview("--expect-no-changes", fails=None).code == 0

    @property
    def _ends_without_integrations(self) -> bool:
        return self.scenario.command == "destroy" or self.scenario.is_destroyed

    def _live_records(self) -> list[Integration]:
        return [
            record
            for record in self.simulator.records.integrations()
            if record.status != "INACTIVE" and record.external_identifier in self.names
        ]

    def _live(self) -> set[str]:
        return {record.id for record in self._live_records()}

    def _ours(self) -> set[str]:
        return {r.id for r in self.simulator.records.integrations() if r.external_identifier in self.names}

    def _in_state(self) -> set[str]:
        return {resource["id"] for resource in self.stack.recorded()}

    def _leaked(self) -> int:
        return sum(len(secret_scanner.find(content, [KEY, SECRET])) for content in self.stack.everything())


def main() -> None:
    """Print the table."""
    sys.stdout.write(
        "| scenario | provider | duplicates | unnamed orphans | lost from state | rerun converges | leaked secrets |"
    )
    sys.stdout.write(" errorId shown |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
    root = Path(__file__).resolve().parents[2]
    engine_bin = engine.ensure(root)
    contenders: tuple[Contender, ...] = ("refuse", "adopt", "plain")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def row(number: int, scenario: Scenario, contender: Contender) -> Outcome:
            return run(scenario, contender, Path(folder) / f"{number}-{contender}", engine_bin)

        rows = [
            [pool.submit(row, number, scenario, contender) for contender in contenders]
            for number, scenario in enumerate(SCENARIOS)
        ]
        for scenario, futures in zip(SCENARIOS, rows, strict=True):
            refuse, adopt, plain = (future.result().cells for future in futures)
            ours = [("ours", refuse)] if refuse == adopt else [("ours, refuse", refuse), ("ours, adopt", adopt)]
            for name, cells in [*ours, ("plain", plain)]:
                sys.stdout.write(f"| {' | '.join([scenario.name, name, *cells])} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
