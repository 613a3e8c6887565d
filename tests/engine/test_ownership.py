"""The rules of deactivation on the real engine: each row of the table in `ownership`, and the calls for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from pulumi_justt.core import ownership
from pulumi_justt.core.journal import Journal
from pulumi_justt.simulator import Fault, SimulatorServer
from support.adoption_programs import RELEASED, adopter, changes, integration, live, owner, urn
from support.checkout import ROOT
from support.harness import Stack
from support.http_server import serving
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary


class Calls:
    """The calls of the engine to our provider, one command at a time."""

    def __init__(self, stack: Stack) -> None:
        self._log = stack.folder / "calls.jsonl"
        stack.environ["CALL_LOG"] = str(self._log)
        stack.python_path = (ROOT / "tests" / "support" / "call_log",)

    def clear(self) -> None:
        """Forget the calls so far."""
        self._log.unlink(missing_ok=True)

    def seen(self) -> list[tuple[str, str]]:
        """Return the method and the resource of each call, in order."""
        lines = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return [(method, name) for _, method, name in map(json.loads, lines)]

    def processes(self) -> int:
        """Return the number of provider processes that were called."""
        return len({json.loads(line)[0] for line in self._log.read_text(encoding="utf-8").splitlines()})


@pytest.fixture
def calls(stack: Stack) -> Calls:
    """Make the stack's provider log its calls, and return them."""
    return Calls(stack)


def journal(stack: Stack) -> Journal:
    """Return the journal of the stack's commands."""
    return Journal(stack.folder / "user" / ".local" / "state" / "pulumi-justt")


# The table


def adopted_by_the_resource_itself(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """Destroy calls only `delete` for an adopter.

    The recorded outputs say that it adopts the integration, so the provider releases it.
    """
    mine = owner(stack)
    stack.refresh()
    stack.run("state", "delete", stack.resources()["owner"]["urn"], "--yes", "--stack", "dev")
    stack.program(adopter(mine))
    stack.up()
    calls.clear()
    assert RELEASED in stack.destroy().text
    assert calls.seen() == [("delete", "adopter")]
    assert live(simulator) == [mine]


def adopted_by_the_new_program(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """An adopter replaces the owner in the program, and the engine checks the adopter before it deletes the owner.

    The provider releases the integration: a refresh of the owner doesn't prove that the program still has the owner.
    """
    mine = owner(stack)
    stack.program(adopter(mine))
    calls.clear()
    assert RELEASED in stack.up("--refresh", "--continue-on-error").text
    assert calls.seen() == [
        ("read", "owner"),
        ("diff", "owner"),
        ("check", "adopter"),
        ("create", "adopter"),
        ("delete", "owner"),
    ]
    assert live(simulator) == [mine]


def adopted_by_the_old_program(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """One update removes the owner and the `adopt_id` of the adopter. The provider releases the integration."""
    mine = owner(stack)
    stack.program(integration(None, name="owner") + adopter(mine))
    stack.up("--target", urn(stack, "adopter"))
    stack.program(adopter(None))
    calls.clear()
    assert RELEASED in stack.up().text
    assert calls.seen() == [
        ("check", "adopter"),
        ("diff", "adopter"),
        ("update", "adopter"),
        ("delete", "owner"),
    ]
    assert live(simulator) == [mine]


def held_by_another_resource(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """The adoption was recorded on another machine, so this journal has no adoption record.

    The adopter's `diff` shows that the program still has the id, and the provider releases the integration.
    """
    mine = owner(stack)
    for adopt_id in (mine, None):
        stack.program(integration(None, name="owner") + adopter(adopt_id))
        stack.up("--target", urn(stack, "adopter"), JUSTT_STATE_DIR=str(stack.folder / "another machine"))
    stack.program(adopter(None))
    calls.clear()
    assert RELEASED in stack.up().text
    assert calls.seen() == [("check", "adopter"), ("diff", "adopter"), ("delete", "owner")]
    assert live(simulator) == [mine]


def adopted_by_an_earlier_command(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """This command calls the provider only for the owner.

    So only this machine's journal shows that another resource adopted the integration.
    """
    mine = owner(stack)
    stack.program(integration(None, name="owner") + adopter(mine))
    stack.up("--target", urn(stack, "adopter"))
    calls.clear()
    assert "as this machine's journal says, so it is released" in stack.destroy("--target", urn(stack, "owner")).text
    assert calls.seen() == [("delete", "owner")]
    assert live(simulator) == [mine]


def held_by_a_resource_that_changes(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """An alias renames a resource, and `replace_on_changes` turns another change into a replacement.

    The engine calls `delete` with the former name, and the provider refuses the call.
    """
    options = 'replace_on_changes=["deactivation"], delete_before_replace=True'

    def program(name: str, days: int, more: str = "") -> str:
        policy = f", deactivation=justt.Deactivation(after_days={days})"
        return integration(None, name=name, more=f"{policy}, opts=pulumi.ResourceOptions({options}{more})")

    stack.program(program("owner", 0))
    stack.up()
    mine = str(stack.resources()["owner"]["id"])
    stack.program(program("renamed", 1, ', aliases=[pulumi.Alias(name="owner")]'))
    calls.clear()
    assert "is this resource under a new name" in stack.up(fails=True).text
    assert calls.seen()[:2] == [("check", "renamed"), ("diff", "renamed")]
    assert calls.seen()[-1] == ("delete", "owner")
    assert [each["id"] for each in stack.recorded()] == live(simulator) == [mine]


def created_for_another_resource(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """An adopter owns an integration that was created for another resource, which is still in the state.

    A destroy of the adopter releases the integration. Then a destroy of the stack deactivates it.
    """
    mine = owner(stack)
    for adopt_id in (mine, None):
        stack.program(integration(None, name="owner") + adopter(adopt_id))
        stack.up("--target", urn(stack, "adopter"))
    calls.clear()
    assert RELEASED in stack.destroy("--target", urn(stack, "adopter")).text
    assert calls.seen() == [("delete", "adopter")]
    assert live(simulator) == [mine]
    stack.destroy()
    assert live(simulator) == []


def kept_by_the_resource(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """A replacement in which a resource adopts its own id fails halfway, so the state has the id twice.

    The next `up` deletes one of the two, and the provider releases the integration.
    """
    mine = owner(stack)
    options = ", opts=pulumi.ResourceOptions(depends_on=[first])"
    for adopt_id in (mine, None):
        first = integration(adopt_id, name="owner").replace("justt.Pay", "first = justt.Pay", 1)
        stack.program(first + integration(None, name="third", identifier="third", more=options))
        simulator.add_fault(Fault.parse("POST /integrations status=400 times=1"))
        stack.up(*("--replace", urn(stack, "owner")) * bool(adopt_id), fails=True)
    calls.clear()
    assert f"the resource keeps it, {RELEASED}" in stack.up().text
    assert calls.seen()[:2] == [("check", "owner"), ("diff", "owner")]
    assert calls.seen()[-1] == ("delete", "owner")
    assert mine in live(simulator)


def adopted_in_a_file_that_cannot_be_read(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """The provider can't read an adoption record, for example one of a newer version.

    The record may name an adopter in another stack, so the provider refuses the destroy.
    """
    mine = owner(stack)
    file = journal(stack).adoption_file(simulator.base_url, mine, "another")
    assert file is not None
    file.parent.mkdir(parents=True)
    file.write_text('{"version": 2}')
    calls.clear()
    assert "it may say that another resource has adopted the integration" in stack.destroy(fails=True).text
    assert calls.seen() == [("delete", "owner")]
    assert live(simulator) == [mine]


def adopted_at_this_moment(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """Another command is adopting the integration, and its state will contain it.

    The provider refuses a destroy of the owner.
    """
    mine = owner(stack)
    journal(stack).begin_adoption(simulator.base_url, mine, "another", is_under_way=True)
    calls.clear()
    assert "another command is adopting it for 'another'" in stack.destroy(fails=True).text
    assert calls.seen() == [("delete", "owner")]
    assert live(simulator) == [mine]


def returned_by_a_create_of_this_process(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:  # noqa: ARG001 - a row
    """Justt answers the create of a replacement with the id of the replaced integration.

    The provider can't list the account, which has too many pages, but it releases the integration.
    """
    with upserting_vendor() as (url, requests):
        stack.config({"justt:baseUrl": url})
        stack.program(integration(None, name="owner"))
        stack.up()
        stack.refresh()
        calls.clear()
        assert RELEASED in stack.up("--replace", urn(stack, "owner")).text
        assert calls.seen() == [("check", "owner"), ("create", "owner"), ("delete", "owner")]
    assert "DELETE" not in requests


def awaited(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """The wait of a rotation has failed in an earlier update, and fails again.

    With `--continue-on-error`, the engine still calls `delete` for the old integration, and the provider refuses the
    call.
    """
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=SUCCESSFUL times=1"))
    program = integration(None, name="owner").replace("justt.Pay", "owner = justt.Pay", 1)
    stack.program(program + 'justt.IntegrationReady("ready", integration=owner, timeout_seconds=60)\n')
    stack.up()
    mine = str(stack.resources()["owner"]["id"])
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=FAILED times=2"))
    renamed = program.replace('integration_name="Shop"', 'integration_name="Renamed"')
    stack.program(renamed + 'justt.IntegrationReady("ready", integration=owner, timeout_seconds=60)\n')
    stack.up(fails=True)
    calls.clear()
    text = stack.up("--continue-on-error", fails=True).text
    assert "its replacement is not ready, so it stays active" in text
    assert calls.seen() == [("check", "owner"), ("diff", "owner"), ("delete", "owner")]
    assert mine in live(simulator)


def any_other_one(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """An integration leaves the program, and no other resource adopts it. The update deactivates it."""
    owner(stack)
    stack.program("")
    calls.clear()
    stack.up()
    assert calls.seen() == [("delete", "owner")]
    assert live(simulator) == []


ROWS: dict[str, Callable[[Stack, SimulatorServer, Calls], None]] = {
    "is adopted by the resource itself": adopted_by_the_resource_itself,
    "a resource of the new program adopts, the resource itself included": adopted_by_the_new_program,
    "a resource of the old program adopts": adopted_by_the_old_program,
    "another resource of the program holds, and does not replace": held_by_another_resource,
    "another resource of the program holds, and changes in place or replaces": held_by_a_resource_that_changes,
    "the resource itself keeps: this is the end of an earlier replacement": kept_by_the_resource,
    "a resource of another process or an earlier command adopts": adopted_by_an_earlier_command,
    "a resource may adopt, but the adoption record can't be read": adopted_in_a_file_that_cannot_be_read,
    "another command is adopting at this moment": adopted_at_this_moment,
    "was created for another resource, and adopted by this one": created_for_another_resource,
    "a create of this process returned (unless that create is being undone)": returned_by_a_create_of_this_process,
    "an IntegrationReady still waits for, at a record that replaces it": awaited,
    "is any other one": any_other_one,
}
MAIN = ("a resource of the new program adopts, the resource itself included", "is any other one")
"""The rows that `make test` runs; `make test-all` runs all of them."""


def test_each_row_of_the_table_is_tested() -> None:
    """Each row of the table in the docstring of `core/ownership.py` has a scenario here."""
    assert ownership.__doc__ is not None
    table = ownership.__doc__.partition("delete of a record that ...")[2].partition("*Released*")[0]
    assert re.findall(r"^    (\S.*?)  ", table, re.MULTILINE) == list(ROWS)


@in_both_front_ends
@pytest.mark.parametrize("row", [row if row in MAIN else pytest.param(row, marks=pytest.mark.slow) for row in ROWS])
def test_a_delete_follows_the_table(row: str, stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """For each row of the table, the engine makes the expected calls.

    The provider releases, keeps or deactivates the integration as the row says.
    """
    ROWS[row](stack, simulator, calls)


@contextmanager
def upserting_vendor() -> Iterator[tuple[str, list[str]]]:
    """Start a server that answers each create with the same record, and whose list of integrations never ends."""
    requests: list[str] = []
    record = {"integrationId": "the-only-one", "source": "stripe", "status": "SUCCESSFUL"}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            requests.append(self.command)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            is_list = self.command == "GET" and self.path.partition("?")[0].endswith("/integrations")
            body = json.dumps({"hasMore": True, "data": []} if is_list else record)
            self.send_response(201 if self.command == "POST" else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server calls these names

        def log_message(self, *_: object) -> None:
            """Log no request."""

    with serving(Handler) as url:
        yield url, requests


# Hand-overs, renames and special cases


@in_both_front_ends
def test_a_hand_over_to_another_provider_releases(stack: Stack, simulator: SimulatorServer, calls: Calls) -> None:
    """An adopter with another provider replaces the owner in the program.

    The owner's process gets no call for the adopter, finds its adoption record in the journal, and releases the
    integration.
    """
    mine = owner(stack)
    stack.provide({"otherKey": canary("other")})
    provider = 'other = justt.Provider("other", api_key=secret("otherKey"))\n'
    stack.program(provider + adopter(mine, more=", opts=pulumi.ResourceOptions(provider=other)"))
    calls.clear()

    text = stack.up().text

    assert "as this machine's journal says, so it is released" in text
    assert calls.processes() == 2
    assert live(simulator) == [mine]
    assert {name: each["id"] for name, each in stack.resources().items()} == {"adopter": mine}


@pytest.mark.slow
@pytest.mark.parametrize("own_provider", [False, True], ids=["one process", "two processes"])
@pytest.mark.parametrize("flags", [["--continue-on-error"], ["--continue-on-error", "--refresh"]])
def test_a_failed_adoption_deactivates_nothing(
    stack: Stack, simulator: SimulatorServer, own_provider: bool, flags: list[str]
) -> None:
    """Justt refuses the adopter's read, and the engine continues with `--continue-on-error`.

    The owner's delete still releases the integration, and the next `up` adopts it.
    """
    mine = owner(stack)
    stack.provide({"otherKey": canary("other")})
    provider = 'other = justt.Provider("other", api_key=secret("otherKey"))\n' if own_provider else ""
    options = ", opts=pulumi.ResourceOptions(provider=other)" if own_provider else ""
    stack.program(provider + adopter(mine, more=options))
    skip = 1 if "--refresh" in flags else 0
    simulator.add_fault(Fault.parse(f"GET /integrations/{{id}} status=403 skip={skip} times=1"))

    text = stack.up(*flags, fails=True).text

    assert "Justt answered 403" in text
    assert RELEASED in text
    assert live(simulator) == [mine]
    stack.up()
    assert {name: each["id"] for name, each in stack.resources().items()} == {"adopter": mine}


@pytest.mark.parametrize(
    "moved",
    [
        'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="owner")])',
        (
            'opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("a:b:C", "parent"), '
            'aliases=[pulumi.Alias(name="owner", parent=pulumi.ROOT_STACK_RESOURCE)])'
        ),
    ],
    ids=["renamed", "new parent"],
)
@pytest.mark.daily(1)
def test_a_renamed_resource_is_the_same_in_a_refresh(stack: Stack, simulator: SimulatorServer, moved: str) -> None:
    """An alias gives a resource a new name or a new parent.

    With `--refresh`, preview and update treat it as the same resource and create nothing.
    """
    mine = owner(stack)
    stack.program(integration(None, name="renamed", more=f", {moved}"))
    assert "already belongs to" not in stack.preview("--refresh").text
    assert "already belongs to" not in stack.up("--refresh").text
    assert {name: each["id"] for name, each in stack.resources().items()} == {"renamed": mine}
    assert changes(simulator) == ["POST"]


@pytest.mark.parametrize("more", ["", ", delete_before_replace=True"])
@pytest.mark.daily(1)
def test_a_rename_with_a_replacement_deactivates_the_old_integration(
    stack: Stack, simulator: SimulatorServer, more: str
) -> None:
    """An alias renames a resource in an update that also replaces it.

    The update deactivates the old integration, whether the engine creates or deletes first.
    """
    mine = owner(stack)
    options = f', opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="owner")]{more})'
    stack.program(integration(None, name="renamed", label="Other", more=options))
    stack.up()
    assert live(simulator) == [str(stack.resources()["renamed"]["id"])] != [mine]


@pytest.mark.slow
def test_adopting_its_own_id_with_another_change_is_refused(stack: Stack, simulator: SimulatorServer) -> None:
    """If a resource adopts its own id, an update that also changes another argument is refused.

    The state would record inputs that were never sent to Justt.
    """
    mine = owner(stack)
    stack.program(integration(mine, name="owner", label="Renamed"))
    assert "is adopted, and the change of integrationName would replace it" in stack.up(fails=True).text
    assert stack.resources()["owner"]["outputs"]["integrationName"] == "Shop"

    for more in ("", ", opts=pulumi.ResourceOptions(delete_before_replace=True)"):
        stack.program(integration(mine, name="owner", more=more))
        stack.up("--replace", urn(stack, "owner"))
        assert stack.resources()["owner"]["id"] == mine

    # With delete_before_replace, the change is refused before anything is recorded. If Pulumi creates first, updates
    # are refused until the state is right again.
    changed = integration(mine, name="owner", label="Renamed", more=more)
    stack.program(changed)
    assert "the program adopts it, but also changes integrationName" in stack.up(*forced(stack), fails=True).text
    assert [each["outputs"]["integrationName"] for each in stack.recorded()] == ["Shop"]
    stack.program(integration(None, name="owner"))
    stack.up()
    stack.program(integration(mine, name="owner", label="Renamed"))
    for flags in (forced(stack), ()):
        assert "the program adopts it, but also changes integrationName" in stack.up(*flags, fails=True).text
    stack.program(integration(mine, name="owner"))
    stack.up(*forced(stack))
    stack.up("--expect-no-changes")
    assert [each["outputs"]["integrationName"] for each in stack.recorded()] == ["Shop"]
    assert changes(simulator) == ["POST"]
    assert live(simulator) == [mine]


def forced(stack: Stack) -> tuple[str, str]:
    """Return the arguments that replace the owner without a diff."""
    return "--replace", urn(stack, "owner")


def test_only_one_of_two_processes_claims_the_only_candidate(stack: Stack, simulator: SimulatorServer) -> None:
    """Two provider processes each lose a response, and Justt has only one new integration.

    At most one of the two resources claims it.
    """
    stack.config({"justt:onAmbiguousCreate": "adopt", "justt:timeoutSeconds": "3"})
    stack.provide({"otherKey": canary("other")})
    for fault in ("POST /integrations drop-after-commit times=1", "POST /integrations drop-before-commit times=3"):
        simulator.add_fault(Fault.parse(fault))
    stack.program(
        'other = justt.Provider("other", api_key=secret("otherKey"))\n'
        + integration(None, name="first", identifier="shop-1")
        + integration(None, name="second", identifier="shop-2", more=", opts=pulumi.ResourceOptions(provider=other)")
    )
    stack.up("--continue-on-error", fails=None)

    ids = [each["id"] for each in stack.resources().values()]
    assert len(set(ids)) == len(ids)


def test_a_wait_keeps_no_integration_of_another_psp(stack: Stack, simulator: SimulatorServer) -> None:
    """Two integrations at different PSPs have the same external identifier.

    One of them leaves the program in an update that adds a wait for the other one. The wait fails, and the update still
    deactivates the first one.
    """
    stack.provide({"adyenKey": canary("adyen"), "hmac": canary("hmac")})
    adyen = (
        'justt.PaymentIntegration("adyen", external_identifier="shop-1", integration_name="Adyen", source="adyen", '
        'credentials=justt.credentials.Hmac(api_key=secret("adyenKey"), hmac=secret("hmac")))\n'
    )
    stack.program(adyen)
    stack.up()
    theirs = str(stack.resources()["adyen"]["id"])
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=FAILED times=1"))
    stripe = integration(None, name="stripe").replace("justt.Pay", "stripe = justt.Pay", 1)
    stack.program(stripe + 'justt.IntegrationReady("ready", integration=stripe, timeout_seconds=60)\n')

    stack.up("--continue-on-error", fails=True)

    assert theirs not in live(simulator)
