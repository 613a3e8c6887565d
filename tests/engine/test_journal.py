"""The journal on the real engine: no duplicate after a kill or a lost response, and one command to resolve it.

Each scenario ends with a clean `pulumi up` and with exactly the integrations that the user wanted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.simulator import Fault, SimulatorServer
from support.adoption_programs import urn
from support.harness import HANG_SECONDS, Result, Stack, eventually, has_fired
from support.killed_runs import kill_after_commit
from support.plugin_stack import PluginStack, in_both_front_ends

PROGRAM = """
justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="NAME",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
)
"""
ACTIONS = ("claim", "deactivate", "forget")


@pytest.fixture
def state_dir(stack: Stack) -> Iterator[Path]:
    """Give the stack its own journal and a short timeout; afterwards, check that the journal's files have no secret."""
    folder = stack.folder / "journal"
    stack.environ |= {"JUSTT_STATE_DIR": str(folder), "JUSTT_TIMEOUT_SECONDS": "3"}
    stack.program(PROGRAM)
    yield folder
    stack.assert_no_leak(*(path.read_bytes() for path in folder.rglob("*.json*")))


def live(simulator: SimulatorServer) -> list[str]:
    """Return the ids of the integrations that are not INACTIVE, the oldest first."""
    return [record.id for record in simulator.records.integrations() if record.status != "INACTIVE"]


def assert_up_names(stack: Stack, lost: str, folder: Path) -> None:
    """Assert that `pulumi up` fails and names the integration, the command to run, and the journal's file."""
    failed = stack.up(fails=True)
    (file,) = (folder / "intents").iterdir()
    for words in (lost, "pulumi-justt recover", str(file)):
        assert words in failed.text, failed.text


def recover(stack: Stack, action: str, lost: str) -> Result:
    """Resolve the only create of the stack with `recover`, and assert that it succeeded."""
    given = [] if action == "forget" else [lost]
    done = stack.justt("recover", "--stack", "dev", "--yes", f"--{action}", *given)
    assert done.code == 0, done.text
    return done


def assert_up_succeeds(
    stack: Stack, simulator: SimulatorServer, action: str, lost: str, old: str | None = None
) -> None:
    """Assert that `pulumi up` succeeds, that a second one changes nothing, and that the right integrations are live."""
    stack.up()
    stack.up("--expect-no-changes")
    mine = stack.resources()["stripe-eu"]["id"]
    assert (mine == lost) == (action == "claim")
    assert mine != old
    assert live(simulator) == ([lost, mine] if action == "forget" else [mine])
    checked = stack.justt("doctor", "--stack", "dev", "--only", "pending", "--only", "journal")
    assert checked.code == 0, checked.text


@pytest.mark.parametrize(
    ("kind_of_stack", "action"),
    [*((Stack, action) for action in ACTIONS), (PluginStack, "claim")],
    ids=[*ACTIONS, "claim in the plugin"],
)
@pytest.mark.daily(1)
def test_a_killed_create_is_not_repeated(
    stack: Stack, simulator: SimulatorServer, state_dir: Path, action: str
) -> None:
    """After `kill -9` of CLI and provider during the POST, `up` names the integration and creates no second one.

    After the user has decided with `pulumi-justt recover`, `up` succeeds.
    """
    lost = kill_after_commit(stack, simulator, 1)
    stack.run("cancel", "--yes", "--stack", "dev")
    assert_up_names(stack, lost, state_dir)
    assert live(simulator) == [lost]
    examined = stack.justt("doctor", "--stack", "dev", "--json")
    assert examined.code == 1
    found = {check["check"]: check for check in json.loads(examined.stdout)["checks"] if check["verdict"] == "finding"}
    assert found.keys() == {"pending", "journal", "unmanaged"}
    assert "'stripe-eu-main'" in found["journal"]["text"]
    assert found["unmanaged"]["integrationId"] == lost
    recover(stack, action, lost)
    assert_up_succeeds(stack, simulator, action, lost)


@pytest.mark.slow
@pytest.mark.usefixtures("state_dir")
def test_the_next_preview_and_update_name_recover(stack: Stack, simulator: SimulatorServer) -> None:
    """A run is killed before Justt commits its create. The next preview warns, and the next update has a note.

    Both name `recover`. The update succeeds, but Pulumi keeps the pending operation until `recover` clears it.
    """
    simulator.faults = [Fault.parse("POST /integrations hang-before-commit=600 times=1")]
    process = stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: has_fired(simulator))
    stack.end_processes()
    stack.keep(process.communicate(timeout=HANG_SECONDS)[0])
    simulator.faults = []
    stack.run("cancel", "--yes", "--stack", "dev")

    shown = " ".join(stack.preview().text.split())
    assert f"{UNSEEN} {urn(stack, 'stripe-eu')!r}" in shown
    assert "run `pulumi-justt recover --stack dev`" in shown
    updated = " ".join(stack.up().text.split())
    assert UNSEEN not in updated
    assert (
        "If Pulumi still has a pending operation after this update, run `pulumi-justt recover --stack dev`" in updated
    )
    assert "interrupted while creating" in stack.up().text
    recover(stack, "forget", "")
    assert "interrupted while creating" not in stack.up("--expect-no-changes").text
    assert live(simulator) == [stack.resources()["stripe-eu"]["id"]]


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
def test_a_killed_replacement_is_not_repeated(
    stack: Stack, simulator: SimulatorServer, state_dir: Path, action: str
) -> None:
    """A run is killed during the create of a replacement, and the user runs `recover` without an `up` before it.

    The next `up` carries out the decision and deactivates the old integration. It creates another one only after
    `deactivate` or `forget`.
    """
    stack.up()
    old = stack.resources()["stripe-eu"]["id"]
    stack.program(PROGRAM.replace("NAME", "Another"))
    lost = kill_after_commit(stack, simulator, 2)
    stack.run("cancel", "--yes", "--stack", "dev")
    assert stack.justt("doctor", "--stack", "dev", "--only", "pending").code == 1
    recover(stack, action, lost)
    assert list(state_dir.glob("intents/*")) == []
    assert_up_succeeds(stack, simulator, action, lost, old)


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
def test_a_replacement_without_a_response_is_not_repeated(
    stack: Stack, simulator: SimulatorServer, state_dir: Path, action: str
) -> None:
    """Justt commits the create of a replacement but answers 500, so the state has no pending operation.

    The journal has the intent: the next `up` names the integration, and after `recover` it carries out the user's
    decision.
    """
    stack.up()
    old = stack.resources()["stripe-eu"]["id"]
    stack.program(PROGRAM.replace("NAME", "Another"))
    simulator.add_fault(Fault.parse("POST /integrations status-after-commit=500 times=1"))
    failed = stack.up(fails=True)
    (lost,) = set(live(simulator)) - {old}
    for words in (lost, "pulumi-justt recover"):
        assert words in failed.text
    assert_up_names(stack, lost, state_dir)
    assert live(simulator) == [old, lost]
    shown = stack.justt("recover", "--stack", "dev", "--json")
    assert shown.code == 1
    (case,) = json.loads(shown.stdout)["unfinished"]
    assert not case["isPending"]
    assert [each["integrationId"] for each in case["candidates"]] == [lost]
    recover(stack, action, lost)
    assert_up_succeeds(stack, simulator, action, lost, old)


@pytest.mark.slow
def test_adopt_id_resolves_a_lost_create_in_the_journal(
    stack: Stack, simulator: SimulatorServer, state_dir: Path
) -> None:
    """After a create whose response was lost, the program adopts the lost integration.

    Then the journal has no intent, and `doctor` finds nothing.
    """
    simulator.add_fault(Fault.parse("POST /integrations status-after-commit=500 times=1"))
    stack.up(fails=True)
    (lost,) = live(simulator)
    stack.program(PROGRAM.replace("source=", f'adopt_id="{lost}", source='))
    stack.up()
    stack.program(PROGRAM)
    stack.up()
    checked = stack.justt("doctor", "--stack", "dev", "--only", "journal")
    assert checked.code == 0, checked.text
    assert list(state_dir.glob("intents/*")) == []


def begun(
    stack: Stack, state_dir: Path, simulator: SimulatorServer, *, integration_id: str, decision: Decision | None = None
) -> Intent:
    """Write the intent that a killed create leaves in the journal, and return it."""
    sent = time.time() - 60
    intent = Intent(
        urn(stack, "stripe-eu"),
        simulator.base_url,
        None,
        "stripe-eu-main",
        "stripe",
        sent,
        sent + 3,
        integration_id=integration_id,
        decision=decision,
    )
    assert Journal(state_dir).write_intent(intent)
    return intent


@pytest.mark.slow
def test_the_commands_find_the_intents_of_a_real_stack(
    stack: Stack, simulator: SimulatorServer, state_dir: Path
) -> None:
    """Before the stack's first update, `recover` finds the stack's intents. After it, `recover` and `doctor` find them.

    `recover` finds them with and without the stack's name on its command line.
    """
    existing = Journal(state_dir)
    stack.run("stack", "select", "dev")
    begun(stack, state_dir, simulator, integration_id="i-0")
    # The state is empty, so the CLI provides the stack's name.
    for options in ((), ("--stack", "dev"), ("--stack", "organization/shop/dev")):
        shown = stack.justt("recover", "--json", *options)
        assert shown.code == 1, shown.text
        assert [case["urn"] for case in json.loads(shown.stdout)["unfinished"]] == [urn(stack, "stripe-eu")]
    assert stack.justt("recover", "--yes", "--forget", "stripe-eu").code == 0
    assert existing.intents() == []

    stack.up()
    mine = stack.resources()["stripe-eu"]["id"]
    begun(stack, state_dir, simulator, integration_id=mine)
    assert stack.justt("doctor", "--only", "journal").code == 0
    settled = stack.justt("recover")
    assert (settled.code, f"the state has integration {mine}" in settled.stderr) == (0, True)
    assert existing.intents() == []

    begun(stack, state_dir, simulator, integration_id="i-1", decision=Decision("claim", "i-1", time.time()))
    result = stack.justt("doctor", "--only", "journal")
    assert (result.code, "Your decision is: claim i-1." in result.stdout) == (1, True)
    only = stack.justt("doctor", "--only", "pending")
    assert (only.code, only.stdout) == (0, "ok: pending: no operation was interrupted.\n")


@pytest.mark.slow
def test_replace_right_after_a_create_names_the_integration(
    stack: Stack, simulator: SimulatorServer, state_dir: Path
) -> None:
    """After a create, the user replaces or taints the resource before any diff or read has shown its id.

    The next `up` fails and names the integration. `up --refresh` then replaces it.
    """
    stack.up()
    first = stack.resources()["stripe-eu"]["id"]
    assert first in stack.up("--replace", urn(stack, "stripe-eu"), fails=True).text
    stack.run("state", "taint", urn(stack, "stripe-eu"), "--yes", "--stack", "dev")
    assert_up_names(stack, first, state_dir)
    assert live(simulator) == [first]
    assert "an earlier run" not in stack.up("--refresh").text
    assert live(simulator) == [stack.resources()["stripe-eu"]["id"]] != [first]


@in_both_front_ends
def test_a_replacement_without_a_diff_is_created(stack: Stack, simulator: SimulatorServer) -> None:
    """With `replacement_trigger`, no diff shows the provider that the state has the old id.

    The recorded outputs show it, so the update replaces the integration.
    """
    for trigger in (1, 2, 3):
        options = f"opts=pulumi.ResourceOptions(replacement_trigger={trigger}),\n)"
        stack.program(PROGRAM.strip().removesuffix(")") + options)
        text = stack.up("--skip-preview").text
        assert live(simulator) == [stack.resources()["stripe-eu"]["id"]]
        assert ("If Pulumi does not deactivate it in this update, no state has it" in text) == (trigger > 1)


@pytest.mark.slow
def test_a_create_that_the_backend_did_not_save_is_not_repeated(
    stack: Stack, simulator: SimulatorServer, state_dir: Path
) -> None:
    """A create succeeds and the provider ends normally, but the backend can't save the state.

    Each later `up` fails and names the integration, even for a renamed resource. No `up` creates a second integration.
    """
    stack.environ["JUSTT_TIMEOUT_SECONDS"] = "20"
    simulator.add_fault(Fault.parse("POST /integrations slow-body=5 times=1"))
    update = stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: len(simulator.records.integrations()) == 1)
    stacks = stack.folder / "state" / ".pulumi" / "stacks" / "shop"
    stacks.rename(stacks.with_name("away"))
    stacks.write_text("in the way")
    stack.keep(update.communicate(timeout=600)[0])
    assert update.returncode != 0
    stacks.unlink()
    stacks.with_name("away").rename(stacks)
    stack.run("cancel", "--yes", "--stack", "dev")
    (lost,) = live(simulator)
    assert stack.resources() == {}

    assert_up_names(stack, lost, state_dir)
    stack.program(PROGRAM.replace('"stripe-eu",', '"stripe-us",', 1))
    assert_up_names(stack, lost, state_dir)
    assert live(simulator) == [lost]

    stack.program(PROGRAM)
    recover(stack, "claim", lost)
    assert_up_succeeds(stack, simulator, "claim", lost)


@in_both_front_ends
def test_an_error_hook_that_says_retry_sends_nothing(stack: Stack, simulator: SimulatorServer, state_dir: Path) -> None:
    """The response to a create is lost, and an error hook makes the engine call create again in the same process.

    The second call raises the same error and sends no POST.
    """
    hook = 'hook = pulumi.ErrorHook("retry", lambda _: True)\n'
    options = "opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook])),\n)"
    stack.program(hook + PROGRAM.strip().removesuffix(")") + options)
    simulator.add_fault(Fault.parse("POST /integrations drop-after-commit times=1"))

    text = stack.up(fails=True).text

    (lost,) = live(simulator)
    assert f"New integrations with this source: {lost} (PENDING)" in text
    assert [exchange.method for exchange in simulator.requests].count("POST") == 1
    # The engine doesn't show the error of a create that it retries, so the provider shows it once.
    assert text.count("creating the stripe integration 'stripe-eu-main': the connection broke") == 2
    assert len(list(state_dir.glob("intents/*"))) == 1


@pytest.mark.slow
def test_a_relative_folder_is_refused(stack: Stack, simulator: SimulatorServer) -> None:
    """If JUSTT_STATE_DIR is a relative path, `up`, `recover` and `doctor` fail before any request.

    The provider and the commands run in different working directories, so they would use different folders.
    """
    stack.program(PROGRAM)
    stack.environ |= {"JUSTT_STATE_DIR": "journal"}
    sentence = "JUSTT_STATE_DIR must be an absolute path"
    assert sentence in stack.up(fails=True).text
    for command in ("recover", "doctor"):
        refused = stack.justt(command, "--stack", "dev")
        assert (refused.code, sentence in refused.text) == (3 if command == "recover" else 1, True), refused.text
    assert simulator.requests == []
    assert not [*stack.folder.rglob("journal")]


UNSEEN = "warning: an earlier run began to create"


@pytest.mark.slow
def test_a_killed_create_of_a_renamed_resource_is_reported(
    stack: Stack, simulator: SimulatorServer, state_dir: Path
) -> None:
    """After a killed create, the program renames the resource and changes its external identifier.

    `preview` and `up` name the killed create in a warning, and `pulumi-justt recover` resolves it.
    """
    lost = kill_after_commit(stack, simulator, 1)
    stack.run("cancel", "--yes", "--stack", "dev")
    stack.program(PROGRAM.replace("stripe-eu", "stripe-us"))
    for command in (stack.preview, stack.up):
        shown = " ".join(command().text.split())
        assert f"{UNSEEN} {urn(stack, 'stripe-eu')!r} (journal: {state_dir}" in shown, shown
        assert "run `pulumi-justt recover --stack dev`" in shown
    stack.refresh("--clear-pending-creates")
    assert UNSEEN in stack.up().text
    examined = stack.justt("doctor", "--stack", "dev", "--only", "journal", "--only", "unmanaged")
    assert (examined.code, "stripe-eu: a create" in examined.stdout, lost in examined.stdout) == (1, True, True)

    recover(stack, "deactivate", lost)

    assert UNSEEN not in stack.up("--expect-no-changes").text
    assert live(simulator) == [stack.resources()["stripe-us"]["id"]]


@pytest.mark.slow
def test_destroy_and_doctor_report_a_killed_create(stack: Stack, simulator: SimulatorServer, state_dir: Path) -> None:
    """A run is killed during a create, and a destroy then removes the stack's resources.

    That destroy and each later `doctor` report the killed create. A destroy of the empty stack does not, because it
    calls no provider.
    """
    program = PROGRAM + PROGRAM.replace("stripe-eu", "stripe-us")
    stack.up()
    stack.program(program)
    lost = kill_after_commit(stack, simulator, 2)
    stack.run("cancel", "--yes", "--stack", "dev")

    shown = " ".join(stack.destroy().text.split())

    name = urn(stack, "stripe-us")
    assert f"{UNSEEN} {name!r}" in shown
    assert live(simulator) == [lost]
    for _ in range(2):
        examined = stack.justt("doctor", "--stack", "dev", "--json")
        found = [each for each in json.loads(examined.stdout)["checks"] if each["verdict"] == "finding"]
        assert [each["check"] for each in found] == ["pending", "journal", "unmanaged"]
        assert ([each["urn"] for each in found[:2]], found[2]["integrationId"]) == ([name, name], lost)
        # There is no resource left to call the provider for.
        assert UNSEEN not in stack.destroy().text
    recover(stack, "deactivate", lost)
    assert live(simulator) == []
    assert stack.justt("doctor", "--stack", "dev", "--only", "pending", "--only", "journal").code == 0
    assert list(state_dir.glob("intents/*")) == []
