"""`pulumi-justt recover`: pending operations, what is written to the state, and when nothing is written."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from pulumi_justt.cli.recover import dialog, state_repair
from pulumi_justt.cli.recover.diagnosis import FORGET, Diagnosis, diagnose
from pulumi_justt.cli.recover.repair import repair
from pulumi_justt.cli.recover.state_repair import RecoveryError
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import State
from pulumi_justt.core import listing
from pulumi_justt.core.journal import Decision
from pulumi_justt.simulator import SimulatorServer
from support.fake_pulumi import PROVIDER, STACK, TYPE, US, FakePulumi, creating, integration, provider

Theirs = Callable[..., str]
LOST = f"{STACK}::{TYPE}::lost"
BUCKET = {"type": "creating", "resource": {"urn": f"{STACK}::aws:s3:Bucket::b", "type": "aws:s3:Bucket"}}


def pending(project: FakePulumi, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
    """Return the unfinished operations from `recover --json`, and assert that the command made no backup."""
    result = project.run("recover", "--json", *arguments)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["isDone"] is False
    assert document["backup"] is None
    found: list[dict[str, Any]] = document["unfinished"]
    return found


def backups(project: FakePulumi) -> list[Path]:
    """Return the backup files that `recover` has written."""
    return [*project.project.glob(".pulumi-justt/recover-*.json")]


def test_candidates_are_unmanaged_and_match_the_create(project: FakePulumi, theirs: Theirs) -> None:
    """`recover` offers the integrations that have the account and source of a pending create.

    `recover` offers no INACTIVE integration, and none that a given stack has.
    """
    mine, siblings, lost, other = (theirs(account="acc_1") for _ in range(4))
    theirs()
    theirs("adyen", account="acc_1")
    undone = theirs(account="acc_1", status="INACTIVE")
    account = {"referenceAccountId": "acc_1"}
    project.state([provider(), integration("mine", mine, **account)], [creating("lost", **account)], stack="dev")
    project.state([integration("siblings", siblings, **account)], stack="prod")

    (case,) = pending(project, "-s", "dev", "-s", "prod")
    assert [each["integrationId"] for each in case["candidates"]] == [lost, other]
    assert [each["integrationId"] for each in case["deactivated"]] == [undone]
    assert {name: case[name] for name in ("urn", "operation", "needsDecision", "canClaim", "decision")} == {
        "urn": LOST,
        "operation": "creating",
        "needsDecision": True,
        "canClaim": True,
        "decision": None,
    }
    (alone,) = pending(project, "-s", "dev")
    assert [each["integrationId"] for each in alone["candidates"]] == [siblings, lost, other]
    assert not any("import" in call for call in project.calls)
    assert backups(project) == []


def test_the_chosen_one_becomes_the_resource(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """After a claim, the state has the resource after its dependencies, with the engine's keys and unchanged secrets.

    A backup has the earlier state. Only its owner can read it, and git ignores its folder.
    """
    first, lost = theirs(), theirs()
    simulator.records.set_go_live_date(lost, "2027-01-01T00:00:00Z")
    envelope = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    operation = creating("lost", secretPayload={"apiKey": envelope})
    operation["resource"] |= {"dependencies": [f"{STACK}::{TYPE}::first"], "propertyDependencies": {"source": []}}
    project.state([provider(), integration("first", first), integration("last", "x")], [operation])
    before = project.exported()

    result = project.run("recover", answers="2\n1\ny\n")

    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:8] == ["NUMBER", "ID", "SOURCE", "STATUS", "GO-LIVE", "1", lost, "stripe"]
    assert f"creating lost: claim {lost}" in result.stderr
    deployment = project.exported()["deployment"]
    assert "pending_operations" not in deployment
    assert [each["urn"].rpartition("::")[2] for each in deployment["resources"]] == [
        *["default", "first", "lost", "last"],
    ]
    added = deployment["resources"].pop(2)
    assert deployment["resources"] == before["deployment"]["resources"]
    assert added.keys() == {*integration("first", "x"), "dependencies", "propertyDependencies"} | {"modified"}
    assert added["created"] == added["modified"]
    assert added["id"] == lost
    assert added["outputs"] == {
        **operation["resource"]["inputs"],
        "status": "PENDING",
        "goLiveDate": "2027-01-01T00:00:00Z",
    }
    (backup,) = backups(project)
    assert json.loads(backup.read_text()) == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert (backup.parent / ".gitignore").read_text() == "*\n"
    assert backup.name in result.stderr


def test_forget_drops_only_the_pending_operation(project: FakePulumi, theirs: Theirs) -> None:
    """`recover` with the answer `forget` removes the pending operation from the state, and nothing else.

    `recover` names up to five INACTIVE integrations that the create may have made.
    """
    undone = theirs(status="INACTIVE")
    project.state([provider()], [creating("lost")])
    result = project.run("recover", answers="forget\ny\n")
    assert result.exit_code == 0, result.output
    assert f"INACTIVE candidates: {undone}. If the create made one of these, it is deactivated" in result.stderr
    assert project.exported()["deployment"] == {"resources": [provider()]}
    for _ in range(7):
        theirs(status="INACTIVE")
    project.state([provider()], [creating("lost")])
    assert " and 3 more. If the create made one of these" in project.run("recover", "--yes", "--forget", "lost").stderr
    again = project.run("recover")
    assert (again.exit_code, again.stdout, again.stderr) == (
        0,
        "",
        "No create and no other operation of this provider is unfinished.\n",
    )
    assert pending(project, code=0) == []


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ("", 3, "Nothing was changed. To run without prompts, use --yes with --claim, --deactivate or --forget."),
        ("1\n", 3, "Nothing was changed. To run without prompts, use --yes with --claim, --deactivate or --forget."),
        ("7\nquit\n", 1, "Nothing was changed."),
        ("1\nn\n", 1, "Nothing was changed."),
    ],
)
def test_nothing_changes_without_confirmation(
    project: FakePulumi, theirs: Theirs, answers: str, code: int, words: str
) -> None:
    """If the input ends, or if the user enters `quit` or doesn't confirm, `recover` changes nothing.

    A single candidate needs confirmation too.
    """
    theirs()
    project.state([provider()], [creating("lost")])
    before = project.exported()
    result = project.run("recover", answers=answers)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert project.exported() == before
    assert backups(project) == []


@pytest.mark.parametrize("question", ["prompt", "confirm"])
def test_ctrl_c_changes_nothing(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """If the user presses Ctrl-C at either prompt of `recover`, the command exits with 3 and changes nothing."""
    theirs()
    project.state([provider()], [creating("lost")])
    before = project.exported()

    def leave(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(click, question, leave)
    result = project.run("recover", answers="1\n")
    assert result.exit_code == 3
    assert "Nothing was changed." in result.stderr
    assert project.exported() == before
    assert backups(project) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 3, f"there is no decision on {LOST}. Nothing was changed. Add --claim NAME=ID, --deactivate"),
        (["--claim", "lost=no-such-id"], 3, "First check the id: `pulumi-justt list` shows the ids of the account."),
        (["--claim", "lost={adyen}"], 3, "its source is adyen. Nothing was changed."),
        (["--claim", "lost={inactive}"], 3, "it is INACTIVE, which is final. Nothing was changed. Choose forget."),
        (
            ["--claim", "lost={mine}"],
            3,
            "this stack or another one named with --stack has it already. Nothing was changed.",
        ),
        (["--claim", "lost"], 3, "to claim integration lost: Justt answered 404"),
        (["--claim", "lost="], 2, "--claim takes NAME=ID or ID, not 'lost='"),
        (["--deactivate", "=x"], 2, "--deactivate takes NAME=ID or ID, not '=x'"),
        (["--deactivate", "{adyen}"], 3, "its source is adyen. Nothing was changed."),
        (
            ["--deactivate", "lost={mine}"],
            3,
            "this stack or another one named with --stack has it already. Nothing was changed.",
        ),
        (["--forget", "found"], 2, "--forget found: nothing of 'found' is unfinished"),
        (["--forget", "lost", "--claim", "lost=x"], 2, f"there is another option for {LOST}"),
        (["--forget", "--claim", "x"], 2, f"--forget: there is another option for {LOST}"),
    ],
)
def test_options_that_do_not_match_are_refused(
    project: FakePulumi, theirs: Theirs, arguments: list[str], code: int, words: str
) -> None:
    """`recover --yes` changes nothing if an operation lacks a decision, or if an option names a wrong operation.

    The command also refuses an integration that the create can't have made.
    """
    ids = {"adyen": theirs("adyen"), "inactive": theirs(status="INACTIVE"), "mine": theirs()}
    project.state([provider(), integration("mine", ids["mine"])], [creating("lost")])
    before = project.exported()
    result = project.run("recover", "--yes", *(each.format(**ids) for each in arguments))
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())
    assert project.exported() == before
    assert backups(project) == []


def test_one_integration_cannot_be_claimed_twice(project: FakePulumi, theirs: Theirs) -> None:
    """`recover` refuses to claim one integration for two resources.

    `recover` also refuses an option whose name matches two resources.
    """
    lost = theirs()
    other = creating("lost")
    other["resource"]["urn"] = f"{STACK}::my:Component${TYPE}::lost"
    project.state([provider()], [creating("lost"), other])
    result = project.run("recover", "--yes", "--forget", "lost")
    assert (result.exit_code, "--forget lost is ambiguous" in result.stderr) == (2, True)
    both = [f"--claim={each}={lost}" for each in (LOST, other["resource"]["urn"])]
    result = project.run("recover", "--yes", *both)
    assert (result.exit_code, "one integration was chosen for two resources" in result.stderr) == (3, True)
    assert project.run("recover", "--yes", both[0], "--forget", other["resource"]["urn"]).exit_code == 0
    assert project.exported()["deployment"]["resources"][1]["id"] == lost


def test_a_claimed_replacement_marks_the_old_resource(project: FakePulumi, theirs: Theirs) -> None:
    """After the claim of a replacement, the state has the old resource after the new one, marked for deletion.

    If the old one was deleted before the create, it leaves the state.
    """
    old, new = theirs(), theirs()
    operation = creating("lost")
    operation["resource"]["created"] = integration("lost", old)["created"]
    project.state([provider(), integration("lost", old)], [operation])
    assert project.run("recover", "--yes", "--claim", f"lost={new}").exit_code == 0
    assert [(each["id"], each.get("delete")) for each in project.exported()["deployment"]["resources"][1:]] == [
        (new, None),
        (old, True),
    ]
    project.state([provider(), {**integration("lost", old), "pendingReplacement": True}], [operation])
    assert project.run("recover", "--yes", "--claim", f"lost={new}").exit_code == 0
    assert [each["id"] for each in project.exported()["deployment"]["resources"][1:]] == [new]


def test_a_superseded_create_cannot_be_claimed(project: FakePulumi, theirs: Theirs) -> None:
    """If a later update has created the resource, `recover` refuses to claim the first create's integration.

    The user can deactivate or forget it.
    """
    kept, lost = theirs(), theirs()
    project.state([provider(), integration("lost", kept)], [creating("lost")])
    (case,) = pending(project)
    assert not case["canClaim"]
    assert "A later update has created another integration" in case["text"]
    refused = project.run("recover", "--yes", "--claim", f"lost={lost}")
    assert (refused.exit_code, "this is not possible here. It was creating" in refused.stderr) == (3, True)
    assert "'1' is not one of deactivate 1, forget, quit." in project.run("recover", answers="1\n").stderr
    assert project.run("recover", "--yes", "--forget", "lost").exit_code == 0
    assert project.exported()["deployment"] == {"resources": [provider(), integration("lost", kept)]}


def test_operations_without_a_new_integration_need_no_decision(project: FakePulumi, theirs: Theirs) -> None:
    """`recover` forgets an adopting create, an `IntegrationReady` and a delete without a decision.

    The next update repeats them.
    """
    theirs()
    waits = {**creating("ready")["resource"], "type": TYPE.replace("PaymentIntegration", "IntegrationReady")}
    deleting = {"type": "deleting", "resource": integration("old", "x")}
    project.state(
        [provider(), integration("old", "x")],
        [creating("adopts", adoptId="id-1"), {"type": "creating", "resource": waits}, deleting],
    )
    cases = pending(project)
    assert [(case["needsDecision"], case["decision"], case["candidates"]) for case in cases] == [
        (False, "forget", [])
    ] * 3
    assert "It was adopting id-1, which creates nothing" in cases[0]["text"]
    result = project.run("recover", answers="y\n")
    assert result.exit_code == 0
    assert "deleting old: forget" in result.stderr
    assert project.exported()["deployment"] == {"resources": [provider(), integration("old", "x")]}


def test_operations_of_other_providers_need_a_decision(project: FakePulumi) -> None:
    """If `recover` imports a state, the CLI drops all pending operations.

    So `recover` needs a decision on another provider's operation, unless there is no operation of this provider.
    """
    project.state([provider()], [BUCKET])
    assert pending(project, code=0)[0]["needsDecision"]
    assert (
        project.run("recover", answers="forget\ny\n").stderr
        == "No create and no other operation of this provider is unfinished.\n"
    )
    project.state([provider()], [creating("lost"), BUCKET])
    result = project.run("recover", "--yes", "--forget", "lost")
    assert result.exit_code == 3
    assert f"there is no decision on {STACK}::aws:s3:Bucket::b" in result.stderr
    assert "run `pulumi refresh` first, which asks about it" in project.run("recover").stderr
    assert project.run("recover", "--yes", "--claim", "b=x", "--forget", "lost").exit_code == 3
    assert project.run("recover", "--yes", "--forget", "b", "--forget", "lost").exit_code == 0
    assert project.exported()["deployment"] == {"resources": [provider()]}


def test_missing_dependencies_are_refused(project: FakePulumi, theirs: Theirs) -> None:
    """If the state lacks the provider of a resource, `recover` refuses to claim an integration for that resource."""
    lost = theirs()
    project.state([], [creating("lost")])
    result = project.run("recover", "--yes", "--claim", f"lost={lost}")
    assert result.exit_code == 3
    text = f"recovering {LOST}: it depends on {PROVIDER}, which is not in the state. Nothing was changed."
    assert text in result.stderr


def test_a_create_of_another_environment_is_refused(project: FakePulumi) -> None:
    """If a create was started in another environment than the configured one, `recover` refuses it and exits with 3."""
    project.state([provider()], [creating("lost", environment="production")])
    result = project.run("recover")
    assert result.exit_code == 3
    text = "the create was started in production, but the configuration says simulator. Nothing was changed."
    assert text in result.stderr


def test_an_incomplete_list_is_reported(project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Justt's list is incomplete, `recover` says so, and accepts the claim of an id that is not in the list."""
    lost = theirs()
    project.state([provider()], [creating("lost")])
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    assert "was listed up to 0 integrations, and there may be more" in pending(project)[0]["text"]
    assert project.run("recover", "--yes", "--claim", f"lost={lost}").exit_code == 0


def test_an_id_that_appeared_after_the_list_is_refused(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an integration was created after `recover` listed the account, `recover` refuses to claim it.

    A second run lists the integration and accepts the claim.
    """
    project.state([provider()], [creating("lost")])
    later: list[str] = []
    said = dialog.decisions

    def meanwhile(diagnosis: Diagnosis, **_: Sequence[str]) -> dict[str, Decision]:
        later.append(theirs())
        return said(diagnosis, [f"lost={later[-1]}"], [], [])

    monkeypatch.setattr(dialog, "decisions", meanwhile)
    result = project.run("recover", answers="y\n")
    words = " ".join(result.stderr.split())
    assert f"creating lost: claim {later[-1]}, which is not shown above" in words
    assert "it was not in the account when this command listed" in words
    assert (result.exit_code, backups(project)) == (3, [])
    monkeypatch.setattr(dialog, "decisions", said)
    assert project.run("recover", "--yes", "--claim", f"lost={later[-1]}").exit_code == 0


def test_a_changed_state_is_not_overwritten(project: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another update changes the state while `recover` runs, `recover` exits with 3 and keeps the changes."""
    project.state([provider()], [creating("lost")])
    back_up = state_repair.back_up

    def meanwhile(state: State, path: Path) -> None:
        back_up(state, path)
        project.state([provider(), integration("new", "x")])

    monkeypatch.setattr(state_repair, "back_up", meanwhile)
    result = project.run("recover", "--yes", "--forget", "lost")
    assert result.exit_code == 3
    assert "the state of the selected stack has changed meanwhile" in result.stderr
    assert project.exported()["deployment"] == {"resources": [provider(), integration("new", "x")]}


def test_a_refused_state_names_the_backup(project: FakePulumi) -> None:
    """If the CLI refuses a state, the error of `recover` has the CLI's message, what to do, and the backup's path."""
    project.state([provider()], [creating("lost")])
    project.fails({"stack import": "error: the stack is currently locked by 1 lock(s)."})
    result = project.run("recover", "--yes", "--forget", "lost")
    assert result.exit_code == 3
    assert "said: the stack is currently locked by 1 lock(s). Wait for the other update" in result.stderr
    assert f"A backup of the state is in {backups(project)[0]}." in result.stderr


def test_nothing_is_imported_without_a_backup(project: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file for the backup exists already, `recover` overwrites neither that file nor the state."""
    project.state([provider()], [creating("lost")])
    diagnosis = diagnose(_stack(project, monkeypatch), (), project.journal)
    taken = project.folder / "taken.json"
    taken.write_text("something else")
    with pytest.raises(RecoveryError, match=r"taken\.json: File exists\. Nothing was changed\."):
        repair(diagnosis, {LOST: FORGET}, taken)
    assert taken.read_text() == "something else"
    assert "pending_operations" in project.exported()["deployment"]


def _stack(project: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("PATH", project.path)
    return Stack(None, project.project)


def test_without_a_project_is_a_usage_error(tmp_path: Path, project: FakePulumi) -> None:
    """Outside of a project, `recover` reports a usage error, because there is no stack to repair."""
    (tmp_path / "elsewhere").mkdir()
    result = project.run("recover", "--cwd", str(tmp_path / "elsewhere"))
    assert (result.exit_code, "there is no Pulumi project in" in result.stderr) == (2, True)


def test_candidates_are_listed_with_the_key_of_the_provider(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """For a create with a `justt.Provider`, `recover` lists candidates and verifies a claim with its key."""
    lost, operation = theirs(), creating("us::lost")
    operation["resource"]["provider"] = f"{US}::p"
    project.state([provider(), project.own_provider("us-key")], [operation])
    simulator.options = replace(simulator.options, api_keys=frozenset({"us-key"}))
    (case,) = pending(project)
    assert [each["integrationId"] for each in case["candidates"]] == [lost]
    result = project.run("recover", "--yes", "--claim", f"us::lost={lost}")
    assert result.exit_code == 0, result.output
    assert [each.get("id") for each in project.exported()["deployment"]["resources"]][-1] == lost


def test_a_secret_account_or_source_is_not_looked_up(project: FakePulumi, theirs: Theirs) -> None:
    """If the account or source of a create is a secret, `recover` offers no candidates and no claim.

    `recover` shows no secret.
    """
    theirs()
    envelope = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    for name in ("referenceAccountId", "source"):
        project.state([provider()], [creating("lost", **{name: envelope})])
        (case,) = pending(project)
        assert (case["canClaim"], case["needsDecision"], case["candidates"]) == (False, True, [])
        assert f"Its {name} is a secret in the state" in case["text"]
    for name in ("externalIdentifier", "adoptId"):
        project.state([provider()], [creating("lost", **{name: envelope})])
        (case,) = pending(project)
        assert "[secret]" in case["text"]
        assert "v1:abc" not in case["text"]


def test_ctrl_c_waits_for_the_cli(tmp_path: Path) -> None:
    """If the user presses Ctrl-C while the Pulumi CLI imports a state, the command waits until the CLI has ended."""
    command = tmp_path / "pulumi"
    command.write_text("#!/bin/sh\nkill -INT $PPID\nsleep 0.5\ncat\ntouch ended\n")
    command.chmod(0o755)
    stack = Stack(folder=tmp_path, command=str(command))
    stack.replace_state(State({}))
    assert (tmp_path / "ended").exists()


def test_the_prompt_does_not_list_all_numbers(project: FakePulumi, theirs: Theirs) -> None:
    """If there are many candidates, the prompt of `recover` shows a range of numbers."""
    for _ in range(12):
        theirs()
    project.state([provider()], [creating("lost")])
    result = project.run("recover", answers="13\n12\nn\n")
    assert "lost: which is it? (1 to 12, deactivate 1 to 12, forget, quit): " in result.stderr
    assert "'13' is not one of 1 to 12, deactivate 1 to 12, forget, quit." in result.stderr
    assert "creating lost: claim " in result.stderr


def answers(project: FakePulumi) -> tuple[dict[str, str], str]:
    """Return the meaning of each answer, as `recover` shows it before it prompts, and all of its notes."""
    text = project.run("recover").stderr
    table = text.partition("ANSWER")[2].partition("which is it?")[0].splitlines()[1:]
    rows = (re.split(r" {2,}", line, maxsplit=1) for line in table)
    return {row[0]: row[1] for row in rows if len(row) > 1}, text


def test_each_answer_is_explained(project: FakePulumi, theirs: Theirs) -> None:
    """Before it prompts, `recover` says what each possible answer does.

    With several candidates, it says that quit is the safe answer, and what a wrong answer does.
    """
    warning = "Until you know which one it is, quit is the safe answer"
    project.state([provider()], [creating("lost")])
    meanings, text = answers(project)
    assert meanings.keys() == {"forget", "quit"}
    assert meanings["forget"].endswith("Right if Justt created nothing.")
    assert warning not in text
    theirs()
    meanings, text = answers(project)
    assert list(meanings) == ["1", "deactivate 1", "forget", "quit"]
    assert meanings["1"].startswith("Makes it the stack's own")
    assert "which is final" in meanings["deactivate 1"]
    assert meanings["forget"].startswith("Leaves Justt as it is.")
    assert meanings["quit"].startswith("Changes nothing. It is safe")
    assert warning not in text
    kept = theirs()
    meanings, text = answers(project)
    assert list(meanings) == ["1 to 2", "deactivate 1 to 2", "forget", "quit"]
    assert warning in text

    project.state([provider(), integration("lost", kept)], [creating("lost")])
    assert list(answers(project)[0]) == ["deactivate 1", "forget", "quit"]


@pytest.mark.parametrize(("text", "kept"), [("*.json\n", "*.json\n"), ("", "*\n")])
def test_an_existing_backup_folder_is_used(project: FakePulumi, text: str, kept: str) -> None:
    """If the project has a folder `.pulumi-justt` already, `recover` keeps its `.gitignore` and adds a backup.

    An empty `.gitignore` is what a full disk leaves, so it is written again.
    The folder is beside Pulumi.yaml, even if the command runs in a folder below it.
    """
    folder = project.project / ".pulumi-justt"
    folder.mkdir()
    (folder / ".gitignore").write_text(text)
    below = project.project / "app"
    below.mkdir()
    project.state([provider()], [creating("lost")])
    assert project.run("recover", "--yes", "--forget", "lost", "--cwd", str(below)).exit_code == 0
    assert len(backups(project)) == 1
    assert (folder / ".gitignore").read_text() == kept


def test_a_backup_that_cannot_be_written_changes_nothing(project: FakePulumi) -> None:
    """If the folder for the backup can't be created, `recover` exits with 3 and keeps the state."""
    (project.project / ".pulumi-justt").write_text("a file")
    project.state([provider()], [creating("lost")])
    before = project.exported()
    result = project.run("recover", "--yes", "--forget", "lost")
    assert (result.exit_code, "File exists. Nothing was changed." in result.stderr) == (3, True)
    assert project.exported() == before
