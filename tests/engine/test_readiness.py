"""`IntegrationReady` on the real engine: a rollout while the integration is PENDING, and after it FAILED."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import pytest

from pulumi_justt.errors import WITHHELD
from pulumi_justt.simulator import Fault, SimulatorServer
from support.harness import HANG_SECONDS, Stack, eventually
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary

PROGRAM = """
    stripe = justt.PaymentIntegration(
        "stripe",
        external_identifier="stripe-main",
        integration_name="Stripe",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        {more}
    )
    ready = justt.IntegrationReady("stripe-ready", integration=stripe{timeout})
    justt.PaymentIntegration(
        "after",
        external_identifier="after",
        integration_name="After",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("otherKey")),
        opts=pulumi.ResourceOptions(depends_on=[ready]),
    )
    pulumi.export("status", ready.status)
    pulumi.export("timeout", ready.timeout_seconds)
"""


def program(more: str = "", timeout: int | None = None) -> str:
    """Return a program with an integration, a wait for it, and a resource that depends on the wait."""
    seconds = "" if timeout is None else f", timeout_seconds={timeout}"
    return PROGRAM.replace("{more}", more).replace("{timeout}", seconds)


def sent(simulator: SimulatorServer) -> list[tuple[str, str, str | None]]:
    """Return the method, purpose and account of the requests so far, without lists, and clear the requests."""
    names = {record.id: record.external_identifier for record in simulator.records.integrations()}
    seen = [
        (each.method, names.get(each.path.rpartition("/")[2]) or str(each.body["externalIdentifier"]), each.account)
        for each in simulator.requests
        if (each.method, each.path) != ("GET", "/v1/integrations")
    ]
    simulator.clear_requests()
    return seen


def statuses(simulator: SimulatorServer) -> Mapping[str, str]:
    """Return the status of each record by its id."""
    return {record.id: record.status for record in simulator.records.integrations()}


def fail_next(simulator: SimulatorServer) -> None:
    """Set the status of the next integration that is read to FAILED."""
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=FAILED times=1"))


def succeed_at_once(simulator: SimulatorServer, *, words: str | None = None) -> None:
    """Make new integrations SUCCESSFUL at once, and wrap reads in an envelope whose message is *words*."""
    simulator.options = dataclasses.replace(
        simulator.options, successful_after=0, read_envelope="enveloped", read_message=words
    )


LOOK = ("GET", "stripe-main", "acc_1")
POST = ("POST", "stripe-main", "acc_1")
DELETE = ("DELETE", "stripe-main", "acc_1")


def newest(simulator: SimulatorServer) -> str:
    """Return the id of the newest integration of `stripe-main`."""
    return [each.id for each in simulator.records.integrations() if each.external_identifier == "stripe-main"][-1]


@pytest.mark.slow
def test_a_failed_integration_stops_the_rollout(stack: Stack, simulator: SimulatorServer) -> None:
    """If the integration becomes FAILED, it stays in the state, and `up` creates nothing that depends on the wait.

    After the user has corrected the credential, `up` replaces the integration and continues.
    """
    stack.provide({"otherKey": canary("other")})
    succeed_at_once(simulator, words=f"Stripe refused {stack.secrets[1]}: revoked")
    stack.program(program('reference_account_id="acc_1",'))
    fail_next(simulator)

    text = stack.up(fails=True).text

    first = newest(simulator)
    shown = (
        f"error: JusttError: waiting for the stripe integration 'stripe-main' ({first}): its status is FAILED: "
        f"{WITHHELD}. It stays in the state. Look at Justt for the reason, correct its credentials and "
        "run `pulumi up`, which replaces it; or, if it was corrected at Justt, only run `pulumi up` again.\n"
    )
    assert shown in text
    assert "Traceback" not in text
    assert sent(simulator) == [POST, LOOK]
    assert stack.resources().keys() == {"stripe"}

    assert shown in stack.up("--continue-on-error", fails=True).text
    assert sent(simulator) == [LOOK]
    assert stack.resources().keys() == {"stripe"}

    stack.provide({"stripeKey": canary("corrected")})
    stack.up()
    assert sent(simulator) == [POST, LOOK, ("POST", "after", None), DELETE]
    assert stack.outputs() == {"status": "SUCCESSFUL", "timeout": 300}
    second = newest(simulator)
    ready = stack.resources()["stripe-ready"]
    assert ready["id"] == second != first
    kept = {name: value for name, value in ready["outputs"].items() if name not in ("__provider", "goLiveDate")}
    assert kept == {
        "environment": "simulator",
        "externalIdentifier": "stripe-main",
        "integrationId": second,
        "referenceAccountId": "acc_1",
        "source": "stripe",
        "status": "SUCCESSFUL",
        "timeoutSeconds": 300,
    }


@in_both_front_ends
def test_a_rotation_keeps_the_old_integration_until_a_new_one_works(stack: Stack, simulator: SimulatorServer) -> None:
    """During a rotation, the old integration stays active until a new one works, even if new ones fail first.

    Then `up` deactivates the old one and the failed ones. Updates without a rotation send no request.
    """
    stack.provide({"otherKey": canary("other")})
    succeed_at_once(simulator)
    more = 'reference_account_id="acc_1",'
    stack.program(program(more))
    stack.up()
    first = newest(simulator)
    simulator.clear_requests()

    # If the new integration fails, the old one stays unchanged, even at the next `up`.
    stack.provide({"stripeKey": canary("wrong")})
    fail_next(simulator)
    stack.up(fails=True)
    assert sent(simulator) == [POST, LOOK]
    assert f"+-{stack.module}IntegrationReady: (replace)" in stack.preview().text
    text = stack.up("--continue-on-error", fails=True).text
    assert f"({first}): its replacement is not ready, so it stays active and in the state." in text
    assert sent(simulator) == [LOOK]
    second = newest(simulator)
    assert (statuses(simulator)[first], statuses(simulator)[second]) == ("SUCCESSFUL", "FAILED")
    assert [(each["id"], each["delete"]) for each in stack.recorded() if "delete" in each] == [(first, True)]

    # Once a new integration works, the old one and the failed one are deactivated.
    stack.provide({"stripeKey": canary("right")})
    stack.up()
    assert sent(simulator) == [POST, LOOK, DELETE, DELETE]
    third = newest(simulator)
    assert {each for each, status in statuses(simulator).items() if status == "INACTIVE"} == {first, second}
    assert stack.resources()["stripe-ready"]["id"] == stack.resources()["stripe"]["id"] == third

    # A changed deadline is an update in place. An update of the integration doesn't change the wait.
    stack.program(program(more + "deactivation=justt.Deactivation(type='dueDate'),", timeout=700))
    text = stack.preview().text
    assert f"~ {stack.module}IntegrationReady: (update)" in text
    assert "~ timeoutSeconds: 300 => 700\n" in text
    assert "2 updated" in stack.up().text
    assert stack.outputs()["timeout"] == 700
    stack.program(program(more, timeout=700))
    assert "1 to update" in stack.preview().text
    assert sent(simulator) == []

    # A program may also make the old one stop first.
    stack.provide({"stripeKey": canary("another")})
    stack.program(program(more + "opts=pulumi.ResourceOptions(delete_before_replace=True),", timeout=700))
    stack.up()
    assert sent(simulator) == [DELETE, POST, LOOK]
    assert statuses(simulator)[third] == "INACTIVE"

    # Deleting the wait sends no request. Only integrations are deactivated.
    stack.destroy()
    assert sorted(sent(simulator)) == [("DELETE", "after", None), DELETE]
    assert stack.recorded() == []


@pytest.mark.slow
def test_a_new_wait_with_a_rotation_keeps_the_old_integration(stack: Stack, simulator: SimulatorServer) -> None:
    """One update rotates an integration and adds an `IntegrationReady` for it.

    With `--continue-on-error`, the old integration stays active until the new one works.
    """
    succeed_at_once(simulator)
    head, _, _ = program().partition("ready =")
    stack.program(head)
    stack.up()
    first = newest(simulator)

    stack.program(head + 'justt.IntegrationReady("stripe-ready", integration=stripe)')
    stack.provide({"stripeKey": canary("wrong")})
    for times in (1, 2):
        fail_next(simulator)
        if times == 2:
            simulator.records.set_status(newest(simulator), "PENDING")
        text = stack.up("--continue-on-error", fails=True).text
        assert f"({first}): its replacement is not ready, so it stays active and in the state." in text
        assert statuses(simulator)[first] == "SUCCESSFUL"
    assert len(statuses(simulator)) == 2

    simulator.records.set_status(newest(simulator), "SUCCESSFUL")
    stack.up()
    assert statuses(simulator) == {first: "INACTIVE", newest(simulator): "SUCCESSFUL"}


@pytest.mark.slow
def test_a_wait_shows_progress_and_ends_at_its_deadline(stack: Stack, simulator: SimulatorServer) -> None:
    """During a wait, the terminal shows its progress.

    At its deadline, the wait fails. After the wait, a refresh shows changes of the status.
    """
    stack.provide({"otherKey": canary("other")})
    stack.program(program(timeout=600))

    # During the wait, the terminal shows its progress.
    running = stack.start("up", "--yes", "--skip-preview")
    assert running.stdout is not None
    lines: list[bytes] = []
    for line in running.stdout:
        lines.append(line)
        if re.search(rb"its status is PENDING after \d+ s of at most 600 s\.", line):
            break
    assert running.poll() is None
    (first,) = statuses(simulator)
    eventually(lambda: len(simulator.requests) > 3)
    assert stack.resources().keys() == {"stripe"}
    simulator.records.set_status(first, "SUCCESSFUL")
    lines.append(running.communicate(timeout=HANG_SECONDS)[0])
    stack.keep(b"".join(lines))
    assert running.returncode == 0, b"".join(lines).decode()
    assert stack.resources().keys() == {"stripe", "stripe-ready", "after"}
    simulator.clear_requests()

    # The status is shown, and nothing else changes.
    simulator.records.set_status(first, "FAILED")
    text = stack.refresh().text
    assert f"({first}) has changed from SUCCESSFUL to FAILED since its IntegrationReady last read it." in text
    assert f"({first}) is FAILED now, was PENDING." in text
    assert stack.resources()["stripe-ready"]["outputs"]["status"] == "FAILED"
    assert {method for method, *_ in sent(simulator)} == {"GET"}
    assert "4 unchanged" in stack.up("--expect-no-changes").text

    # A 404 proves nothing, unless JUSTT_ON_MISSING=gone is set.
    mine = simulator.records.integrations()
    simulator.records.wipe_integrations()
    text = stack.refresh(fails=True).text
    # The four resources fail for the same reason, so one of them has the full text.
    assert re.search(r"reading the stripe .*: Justt answered 404: .* It stays in the state", text)
    assert re.search(
        r"reading the stripe .* for its IntegrationReady: Justt answered 404.*"
        r"(It stays in the state|, as for '[a-z-]+': its error says what to do\.)",
        text,
    )
    assert stack.resources().keys() == {"stripe", "stripe-ready", "after"}
    stack.refresh(JUSTT_ON_MISSING="gone")
    assert stack.recorded() == []
    assert len(mine) == 2

    # The deadline
    stack.program(program(timeout=10))
    text = stack.up(fails=True).text
    assert re.search(
        r"\): its status is PENDING after \d+ s\. It stays in the state\. Check at Justt why it is not ready", text
    )
    assert stack.resources().keys() == {"stripe"}

    # An INACTIVE integration leaves the state with its wait, and both are created again.
    (second,) = statuses(simulator)
    succeed_at_once(simulator)
    stack.up()
    simulator.records.set_status(second, "INACTIVE")
    text = stack.refresh().text
    assert "which is final: a refresh removes its IntegrationReady from the state, and the next" in text
    assert stack.resources().keys() == {"after"}
    stack.up()
    assert stack.resources()["stripe-ready"]["id"] == stack.resources()["stripe"]["id"] != second


@pytest.mark.slow
def test_deadline_bounds_requests_that_hang(stack: Stack, simulator: SimulatorServer) -> None:
    """While reads hang, a wait with a deadline of three seconds ends at its deadline.

    It doesn't use the thirty seconds that a single request may take.
    """
    simulator.add_fault(Fault.parse("GET /integrations/{id} hang-before-commit=100"))
    stack.program(program(timeout=3))

    text = stack.up(fails=True).text

    assert re.search(r"its status is not known yet after 3 s \(no answer within [0-3](\.\d+)? s\)", text)


@pytest.mark.slow
def test_existing_integrations_can_be_waited_for(stack: Stack, simulator: SimulatorServer) -> None:
    """An `IntegrationReady` can wait for an adopted and for a looked-up integration, without a change at Justt.

    A preview of a wait sends no request.
    """
    succeed_at_once(simulator)
    stack.program(program())
    stack.provide({"otherKey": canary("other")})
    assert "4 to create" in stack.preview(JUSTT_API_KEY_OVERRIDE="").text
    assert simulator.requests == []
    stack.up()
    mine = stack.resources()["stripe"]["id"]
    # If no command has seen an id in the state, the provider searches for it before it creates again.
    stack.refresh()
    stack.run("state", "delete", stack.resources()["after"]["urn"], "--yes", "--stack", "dev")
    stack.run("state", "delete", stack.resources()["stripe-ready"]["urn"], "--yes", "--stack", "dev")
    stack.run("state", "delete", stack.resources()["stripe"]["urn"], "--yes", "--stack", "dev")
    simulator.clear_requests()

    stack.program(
        program(f'adopt_id="{mine}",')
        + f"""
    theirs = justt.PaymentIntegration.get("theirs", "{mine}", reference_account_id=None)
    justt.IntegrationReady("theirs-ready", integration=theirs, timeout_seconds=600)
    """
    )
    stack.up()
    resources = stack.resources()
    assert resources["stripe-ready"]["id"] == resources["theirs-ready"]["id"] == mine
    assert "externalIdentifier" not in resources["theirs-ready"]["outputs"]
    assert resources["theirs-ready"]["outputs"]["status"] == "SUCCESSFUL"
    stack.destroy()
    assert [each.method for each in simulator.requests if each.method != "GET"] == ["POST", "DELETE"]
    assert statuses(simulator)[mine] == "SUCCESSFUL"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["renamed", "wait elsewhere", "moved"])
def test_a_new_wait_keeps_an_integration_that_another_process_replaces(
    stack: Stack, simulator: SimulatorServer, how: str
) -> None:
    """One update rotates an integration and adds a wait, which fails.

    The old integration stays active, even if its delete has a former name or runs in another process.
    """
    stack.provide({"otherKey": canary("other")})
    provider = 'other = justt.Provider("other", api_key=secret("otherKey"))\n'

    def shop(label: str, name: str = "shop", more: str = "") -> str:
        return (
            f'shop = justt.PaymentIntegration("{name}", external_identifier="shop-1", integration_name="{label}", '
            f'source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")), '
            f"opts=pulumi.ResourceOptions({more}))\n"
        )

    stack.program(provider + shop("Shop"))
    stack.up()
    (old,) = statuses(simulator)
    elsewhere = "provider=other"
    rotated = {
        "renamed": shop("Rotated", "renamed", 'aliases=[pulumi.Alias(name="shop")]'),
        "wait elsewhere": shop("Rotated"),
        "moved": shop("Rotated", more=elsewhere),
    }[how]
    options = f", opts=pulumi.ResourceOptions({elsewhere})" if how == "wait elsewhere" else ""
    stack.program(f'{provider}{rotated}justt.IntegrationReady("ready", integration=shop, timeout_seconds=1{options})\n')

    text = stack.up("--continue-on-error", fails=True).text

    assert "its replacement is not ready, so it stays active" in text
    assert statuses(simulator)[old] != "INACTIVE"
    succeed_at_once(simulator)
    stack.program(provider + rotated)
    stack.up()
    assert statuses(simulator)[old] == "INACTIVE"
