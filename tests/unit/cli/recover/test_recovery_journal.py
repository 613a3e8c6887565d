"""`pulumi-justt recover`: intents of the journal, alone, for a replacement, and with a pending operation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.simulator import Fault, SimulatorServer
from support.fake_pulumi import PROVIDER, STACK, TYPE, US, FakePulumi, creating, integration, provider

Theirs = Callable[..., str]
LOST = f"{STACK}::{TYPE}::lost"


@pytest.fixture
def begun(project: FakePulumi, simulator: SimulatorServer) -> Callable[..., Intent]:
    """Return a function that writes an intent to the journal, by default of this stack."""

    def write(integration_id: str | None = None, name: str = "lost", **fields: object) -> Intent:
        urn = f"{STACK}::{TYPE}::{name}"
        made = Intent(urn, simulator.base_url, None, name, "stripe", time.time() - 60, time.time() - 30)
        made = replace(made, integration_id=integration_id, **fields)  # type: ignore[arg-type]  # any field
        assert project.journal.write_intent(made)
        return made

    return write


Begun = Callable[..., Intent]


def shown(project: FakePulumi, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
    """Return the unfinished operations from `recover --json`, and assert that the command changes nothing."""
    before = project.exported(), project.journal.intents()
    result = project.run("recover", "--json", *arguments)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert (document["isDone"], document["backup"]) == (False, None)
    assert (project.exported(), project.journal.intents()) == before
    found: list[dict[str, Any]] = document["unfinished"]
    return found


def deletes(simulator: SimulatorServer) -> int:
    """Return the number of DELETE requests that the simulator has received."""
    return sum(exchange.method == "DELETE" for exchange in simulator.requests)


def test_an_intent_with_an_id_offers_only_that_integration(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """If an intent has an id, `recover` offers only that integration and doesn't list the account.

    `recover` stores the user's claim in the intent for the next `pulumi up`.
    """
    lost = theirs()
    theirs()
    intent = begun(lost)
    (case,) = shown(project)
    assert [each["integrationId"] for each in case["candidates"]] == [lost]
    assert {key: case[key] for key in ("urn", "operation", "isPending", "needsDecision", "canClaim")} == {
        "urn": LOST,
        "operation": "creating",
        "isPending": False,
        "needsDecision": True,
        "canClaim": True,
    }
    assert case["canDeactivate"]
    assert case["journalFile"] == str(project.journal.path_of(intent))
    assert "a create of the stripe integration 'lost' in the default account was sent on 20" in case["text"]
    assert f"Justt answered with integration {lost}: the create made this one." in case["text"]
    assert not any(exchange.path.endswith("/integrations") for exchange in simulator.requests)

    result = project.run("recover", answers="1\ny\n")
    assert result.exit_code == 0, result.output
    assert f"creating lost: claim {lost}\n" in result.stderr
    assert f"lost: the next `pulumi up` that creates it will claim integration {lost}." in result.stderr
    assert project.journal.intents() == [replace(intent, decision=Decision("claim", lost))]
    assert not any("import" in call for call in project.calls)
    assert [*project.project.glob(".pulumi-justt")] == []
    assert f"Your earlier decision is: claim {lost}." in shown(project)[0]["text"]
    assert deletes(simulator) == 0


def test_without_an_id_only_new_integrations_are_candidates(project: FakePulumi, theirs: Theirs, begun: Begun) -> None:
    """If an intent has no id, `recover` offers only new integrations of the same source.

    Integrations in the snapshot, in the state, or claimed for another resource are no candidates.
    """
    before, mine, others, new = (theirs() for _ in range(4))
    theirs("adyen")
    undone = theirs(status="INACTIVE")
    project.state([provider(), integration("mine", mine)])
    project.journal.claim(begun().base_url, others, f"{LOST}-of-another-stack")
    begun(snapshot=project.journal.write_snapshot([before], is_complete=True))
    (case,) = shown(project)
    assert [each["integrationId"] for each in case["candidates"]] == [new]
    assert [each["integrationId"] for each in case["deactivated"]] == [undone]
    assert "The response is not known." in case["text"]

    refused = project.run("recover", "--yes", "--claim", others)
    assert (refused.exit_code, "says that it was created for" in refused.stderr) == (3, True)
    assert project.journal.intents()[0].decision is None
    done = project.run("recover", "--yes", "--json", "--claim", new)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["isDone"], document["backup"]) == (True, None)
    assert (document["unfinished"][0]["decision"], document["unfinished"][0]["integrationId"]) == ("claim", new)
    assert project.journal.intents()[0].decision == Decision("claim", new)


def test_deactivate_takes_effect_at_once(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """When the user chooses to deactivate, `recover` does so at once and removes the intent.

    If the integration is INACTIVE already, `recover` sends no DELETE.
    """
    for answers in ("deactivate 1\ny\n", None):
        lost = theirs()
        begun(lost)
        project.journal.claim(simulator.base_url, lost, LOST)
        options = () if answers else ("--yes", "--deactivate", lost)
        result = project.run("recover", *options, answers=answers or "")
        assert result.exit_code == 0, result.output
        assert f"lost: integration {lost} was deactivated." in result.stderr
        assert {each.id: each.status for each in simulator.records.integrations()}[lost] == "INACTIVE"
        assert project.journal.intents() == []
        assert project.journal.claimant(simulator.base_url, lost) is None
    sent = deletes(simulator)
    begun(lost)
    (case,) = shown(project)
    assert (case["candidates"], [each["integrationId"] for each in case["deactivated"]]) == ([], [lost])
    assert "which is INACTIVE now: choose forget." in case["text"]
    assert project.run("recover", "--yes", "--claim", lost).exit_code == 3
    assert project.run("recover", "--yes", "--deactivate", f"lost={lost}").exit_code == 0
    assert (project.journal.intents(), deletes(simulator)) == ([], sent)


def test_a_failed_deactivation_changes_nothing(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """If Justt refuses a deactivation, `recover` exits with 3 and changes neither the state nor the journal."""
    lost = theirs()
    project.state([provider()], [creating("lost")])
    intent = begun(lost)
    simulator.add_fault(Fault.parse("DELETE * status=403"))
    result = project.run("recover", "--yes", "--deactivate", lost)
    assert (result.exit_code, "Justt answered 403" in result.stderr) == (3, True)
    assert project.journal.intents() == [intent]
    assert "pending_operations" in project.exported()["deployment"]


def test_forget_removes_the_intent_and_keeps_the_integration(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """`recover --forget` removes the intent and sends no DELETE.

    If there is only one intent, `--forget` needs no name.
    """
    for options, answers in ((("--yes", "--forget"), ""), (("--yes", "--forget", LOST), ""), ((), "forget\ny\n")):
        begun(theirs())
        result = project.run("recover", *options, answers=answers)
        assert result.exit_code == 0, result.output
        assert project.journal.intents() == []
    assert deletes(simulator) == 0


def test_a_pending_operation_and_its_intent_are_one_case(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """If a create has a pending operation and an intent, `recover` shows one case.

    The user's decision settles both. After a claim, the journal says that the id belongs to the resource.
    """
    lost, other = theirs(), theirs()
    begun(lost)
    project.state([provider()], [creating("lost")])
    (case,) = shown(project)
    assert case["isPending"]
    assert [each["integrationId"] for each in case["candidates"]] == [lost]
    assert f"The journal on this machine says that Justt answered with integration {lost}" in case["text"]
    result = project.run("recover", answers="1\ny\n")
    assert result.exit_code == 0, result.output
    assert [each["id"] for each in project.exported()["deployment"]["resources"]] == ["p", lost]
    assert project.journal.intents() == []
    assert project.journal.claimant(simulator.base_url, lost) == LOST

    for option in ("--deactivate", "--forget"):
        begun(other)
        project.state([provider()], [creating("lost")])
        result = project.run("recover", "--yes", option, f"lost={other}" if option == "--deactivate" else "lost")
        assert result.exit_code == 0, result.output
        assert project.exported()["deployment"] == {"resources": [provider()]}
        assert project.journal.intents() == []
    assert {each.id: each.status for each in simulator.records.integrations()} == {lost: "PENDING", other: "INACTIVE"}


def test_a_pending_operation_without_an_intent_can_be_deactivated(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """`recover` can deactivate the integration of a pending create without an intent.

    Here, a later update has created the resource again.
    """
    kept, lost = theirs(), theirs()
    project.state([provider(), integration("lost", kept)], [creating("lost")])
    result = project.run("recover", answers="deactivate 1\ny\n")
    assert result.exit_code == 0, result.output
    assert {each.id: each.status for each in simulator.records.integrations()} == {kept: "PENDING", lost: "INACTIVE"}
    assert project.exported()["deployment"] == {"resources": [provider(), integration("lost", kept)]}


def test_a_replacement_with_a_lost_response_can_be_claimed(project: FakePulumi, theirs: Theirs, begun: Begun) -> None:
    """If the response to a replacement's create was lost, `recover` names the old integration and offers the new one.

    A claim leaves the old one in the state.
    """
    old, new = theirs(), theirs()
    project.state([provider(), integration("lost", old)])
    begun()
    (case,) = shown(project)
    assert [each["integrationId"] for each in case["candidates"]] == [new]
    assert f"The stack has {old} for this resource; the one you claim will replace it." in case["text"]
    assert project.run("recover", "--yes", "--claim", f"lost={old}").exit_code == 3
    assert project.run("recover", "--yes", "--claim", f"lost={new}").exit_code == 0
    assert project.journal.intents()[0].decision == Decision("claim", new)
    assert project.exported()["deployment"]["resources"][1]["id"] == old


def test_an_intent_that_the_state_holds_is_removed(project: FakePulumi, theirs: Theirs, begun: Begun) -> None:
    """If the state has the id of an intent, `recover` removes the intent without a prompt."""
    mine = theirs()
    begun(mine, name="mine")
    project.state([provider(), integration("mine", mine)])
    assert shown(project, code=0) == []
    result = project.run("recover")
    assert result.exit_code == 0
    assert f"mine: the state has integration {mine}, so its journal entry was removed." in result.stderr
    assert project.journal.intents() == []
    assert project.run("recover").stderr == "No create and no other operation of this provider is unfinished.\n"


def test_intents_of_other_stacks_and_base_urls_are_ignored(project: FakePulumi, begun: Begun) -> None:
    """`recover` ignores the intents of other stacks, other projects and other base URLs."""
    others = [
        begun("i-1", urn=LOST.replace(":dev::", ":prod::")),
        begun("i-2", urn=LOST.replace("::shop::", "::shops::")),
        begun("i-3", base_url="https://api.justt.ai/v1"),
    ]
    assert shown(project, code=0) == []
    assert project.run("recover").exit_code == 0
    assert len(project.journal.intents()) == len(others)
    # With an empty state, the stack's name comes from the option or the CLI.
    project.state([])
    assert shown(project, "--stack", "org/shop/prod")[0]["urn"] == others[0].urn
    project.state([provider()])
    assert shown(project, code=0) == []


def test_several_creates_need_their_names(project: FakePulumi, theirs: Theirs, begun: Begun) -> None:
    """If there are two creates, each option of `recover` needs a name, and each create needs a decision.

    One integration can't be chosen for two resources.
    """
    first, second = theirs(), theirs()
    begun(first)
    begun(second, name="more")
    refused = project.run("recover", "--yes", "--claim", first)
    assert refused.exit_code == 2
    assert f"is ambiguous: give the name or URN of one of {LOST}, {STACK}::{TYPE}::more" in " ".join(
        refused.stderr.split()
    )
    refused = project.run("recover", "--yes", "--claim", f"lost={first}")
    assert (refused.exit_code, f"there is no decision on {STACK}::{TYPE}::more" in refused.stderr) == (
        3,
        True,
    )
    refused = project.run("recover", "--yes", "--claim", f"lost={first}", "--deactivate", f"more={first}")
    assert (refused.exit_code, "one integration was chosen for two resources" in refused.stderr) == (3, True)
    assert [intent.decision for intent in project.journal.intents()] == [None, None]
    done = project.run("recover", "--yes", "--claim", f"lost={first}", "--forget", "more")
    assert done.exit_code == 0, done.output
    assert [intent.decision for intent in project.journal.intents()] == [Decision("claim", first)]


def test_without_a_key_the_decision_is_written(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """Without an API key, `recover` records a claim or deactivation without sending a request.

    The next `pulumi up` verifies the decision.
    """
    lost = theirs()
    project.config({"justt:baseUrl": simulator.base_url})
    for action in ("claim", "deactivate"):
        begun(lost)
        (case,) = shown(project)
        assert [each["status"] for each in case["candidates"]] == ["unknown"]
        assert "The next `pulumi up` reads the integration before it carries out your decision." in case["text"]
        result = project.run("recover", "--yes", f"--{action}", lost)
        assert result.exit_code == 0, result.output
        assert f"lost: the next `pulumi up` that creates it will {action} integration {lost}." in result.stderr
        (intent,) = project.journal.intents()
        assert intent.decision == Decision(action, lost)
    assert simulator.requests == []
    assert project.run("recover", "--yes", "--forget").exit_code == 0
    assert project.journal.intents() == []
    begun()
    result = project.run("recover", "--claim", "id-typo", answers="y\n")
    assert "creating lost: claim id-typo, which is not shown above\n" in result.stderr
    assert "claim integration id-typo, if it exists: this command did not look it up." in result.stderr
    assert result.exit_code == 0


def test_an_unknown_provider_means_no_key(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun
) -> None:
    """If the state doesn't say which of two providers a resource has, `recover` uses neither provider's key.

    `recover` shows the integration's status as unknown.
    """
    old, lost = theirs(), theirs()
    begun(lost)
    us = {**integration("lost", old), "provider": f"{US}::p"}
    simulator.options = replace(simulator.options, api_keys=frozenset({"us-key"}))
    project.state([provider(), project.own_provider("us-key"), us])
    assert [each["status"] for each in shown(project)[0]["candidates"]] == ["PENDING"]
    project.state(
        [provider(), project.own_provider("us-key"), {**us, "urn": f"{LOST}-2", "provider": f"{PROVIDER}::p"}]
    )
    assert [each["status"] for each in shown(project)[0]["candidates"]] == ["unknown"]


def test_an_id_unknown_to_justt_can_only_be_forgotten(project: FakePulumi, begun: Begun) -> None:
    """If Justt doesn't know the id in an intent, `recover` says so and offers only to forget the create.

    `recover` refuses a claim.
    """
    begun("no-such-id")
    (case,) = shown(project)
    assert "integration no-such-id, but the key from justt:apiKey does not see it." in case["text"]
    assert project.run("recover", "--yes", "--claim", "no-such-id").exit_code == 3
    assert "'1' is not one of forget, quit." in project.run("recover", answers="1\nquit\n").stderr


def test_a_decision_that_cannot_be_written_is_an_error(
    project: FakePulumi, theirs: Theirs, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a decision can't be written to the journal, `recover` exits with 3 and names the file.

    Otherwise the next update would not carry out the decision.
    """
    lost = theirs()
    intent = begun(lost)
    monkeypatch.setattr(Journal, "_write", lambda *_, **__: False)
    result = project.run("recover", "--yes", "--claim", lost)
    assert result.exit_code == 3
    assert f"the decision could not be written to {project.journal.path_of(intent)}." in result.stderr


def test_an_intent_alone_does_not_import_the_state(project: FakePulumi, theirs: Theirs, begun: Begun) -> None:
    """When `recover` settles an intent without a pending operation, it doesn't change the state.

    So another provider's pending operation needs no decision.
    """
    bucket = {"type": "creating", "resource": {"urn": f"{STACK}::aws:s3:Bucket::b", "type": "aws:s3:Bucket"}}
    begun(theirs())
    project.state([provider()], [bucket])
    before = project.exported()
    assert project.run("recover", "--yes", "--forget").exit_code == 0
    assert project.exported() == before
    assert project.journal.intents() == []


def test_an_intent_of_another_account_shows_after_the_operation(
    project: FakePulumi, theirs: Theirs, begun: Begun
) -> None:
    """If a resource has a pending create and an intent for another account, `recover` settles the pending create first.

    The intent stays.
    """
    lost = theirs()
    earlier = begun("i-1", account="acc_1")
    project.state([provider()], [creating("lost")])
    (case,) = shown(project)
    assert case["journalFile"] is None
    assert project.run("recover", "--yes", "--claim", lost).exit_code == 0
    assert project.journal.intents() == [earlier]


def test_a_damaged_journal_file_is_a_note(project: FakePulumi, begun: Begun) -> None:
    """If a journal file is damaged, `recover` prints a note that names the file, and continues."""
    path = project.journal.path_of(begun())
    assert isinstance(path, Path)
    path.write_text("{")
    result = project.run("recover")
    assert result.exit_code == 0
    assert f"{path} is damaged" in result.stderr


def test_recover_waits_for_a_create_that_may_still_run(project: FakePulumi, begun: Begun) -> None:
    """If a create without an id may still be running, `recover` waits, because an empty list would prove nothing.

    If the intent has an id, `recover` doesn't wait.
    """
    sent = time.time()
    intent = begun(sent_at=sent, settled_at=sent + 1)
    (case,) = shown(project)
    assert time.time() >= intent.settled_at
    assert "may still be running" not in case["text"]
    begun("i-1", sent_at=time.time(), settled_at=time.time() + 3_600)
    assert "looked up in" not in project.run("recover", "--json").stderr


@pytest.mark.parametrize("action", ["claim", "deactivate"])
def test_an_integration_of_another_create_is_refused(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun, action: str
) -> None:
    """`recover` refuses to claim or deactivate an id that differs from the id in the intent.

    `recover` also refuses an integration that existed before the create.
    """
    before, lost = theirs(), theirs()
    for intent, words in (
        (begun(lost), f"Justt answered this create with {lost}"),
        (begun(snapshot=project.journal.write_snapshot([before], is_complete=True)), "it existed before this create"),
    ):
        project.journal.write_intent(intent)
        refused = project.run("recover", "--yes", f"--{action}", before)
        assert (refused.exit_code, words in " ".join(refused.stderr.split())) == (3, True), refused.output
        assert project.journal.intents() == [intent]
    assert deletes(simulator) == 0


@pytest.mark.parametrize("is_known", [True, False])
def test_an_adopted_integration_is_refused(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, begun: Begun, is_known: bool
) -> None:
    """If the journal says that another stack's resource adopts an integration, `recover` doesn't offer it.

    `recover` also refuses to claim or deactivate the integration.
    """
    lost, adopter = theirs(), f"{LOST}-adopter".replace(":dev::", ":prod::")
    intent = begun(lost if is_known else None)
    project.journal.hold_adoption(simulator.base_url, lost, adopter)
    assert shown(project)[0]["candidates"] == []
    for action in ("claim", "deactivate"):
        refused = project.run("recover", "--yes", f"--{action}", lost)
        assert (refused.exit_code, f"says that {adopter} adopts it" in " ".join(refused.stderr.split())) == (3, True)
        assert (project.journal.intents(), deletes(simulator)) == ([intent], 0)
    assert project.run("recover", "--yes", "--forget").exit_code == 0
