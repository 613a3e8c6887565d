"""`pulumi-justt log`: which changes it shows, how it names their runs, and when it is incomplete."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from pulumi_justt.core.journal import Change, Intent, Journal
from support import environment, terminal
from support.fake_pulumi import STACK, TYPE, FakePulumi
from support.harness import HANG_SECONDS

URL = "https://api.justt.ai/v1/sandbox"
START = 1_800_000_000.0
"""2027-01-15T08:00:00Z"""

DAY = 86_400.0


def urn(name: str, stack: str = STACK) -> str:
    """Return the URN of an integration."""
    return f"{stack}::{TYPE}::{name}"


def record(project: FakePulumi, command: str, at: float, *changes: Change) -> None:
    """Record the changes of one process, the first of them at START plus *at* seconds."""
    journal = Journal(project.folder / "journal", now=lambda: START + at, command=command)
    for change in changes:
        journal.record(change)


def created(name: str, integration_id: str, stack: str = STACK) -> Change:
    """Return a successful create."""
    return Change("create", "created", URL, urn(name, stack), "acc_1", "stripe", f"{name}-main", integration_id)


def shown(project: FakePulumi, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run the command with --json, and return the changes."""
    result = project.run("log", "--json", *arguments)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["isComplete"] == (code == 0)
    found: list[dict[str, Any]] = document["changes"]
    return found


@pytest.fixture
def history(project: FakePulumi) -> FakePulumi:
    """Return a project with two runs of the stack dev and one of another stack, in the journal."""
    record(project, "1st", 0, created("a", "id-a"), Change("create", "failed", URL, urn("b"), error_id="e-1"))
    stops = Change("deactivate", "scheduled", URL, urn("a"), integration_id="id-a")
    stops.deactivation_date = "2027-01-22T08:00:00Z"
    record(project, "2nd", 60, created("a", "id-a2"))
    record(project, "other", 70, created("c", "id-c", "urn:pulumi:dev::bank"))
    record(project, "2nd", 80, stops)
    return project


def test_changes_are_shown_in_order(history: FakePulumi) -> None:
    """`log` shows the changes of all runs, oldest first. It calls neither Pulumi nor Justt.

    The processes of one command belong to the same run.
    """
    changes = shown(history)

    first, second = "20270115T080000Z-", "20270115T080100Z-"
    assert [(each["time"], each["run"][:17], each["integrationId"]) for each in changes] == [
        ("2027-01-15T08:00:00Z", first, "id-a"),
        ("2027-01-15T08:00:00Z", first, None),
        ("2027-01-15T08:01:00Z", second, "id-a2"),
        ("2027-01-15T08:01:10Z", "20270115T080110Z-", "id-c"),
        ("2027-01-15T08:01:20Z", second, "id-a"),
    ]
    assert changes[0] | {"run": ""} == {
        "time": "2027-01-15T08:00:00Z",
        "run": "",
        "action": "create",
        "outcome": "created",
        "integrationId": "id-a",
        "errorId": None,
        "deactivationDate": None,
        "externalIdentifier": "a-main",
        "source": "stripe",
        "referenceAccountId": "acc_1",
        "baseUrl": URL,
        "stack": "shop/dev",
        "urn": urn("a"),
    }
    assert changes[1]["errorId"] == "e-1"
    assert changes[4]["deactivationDate"] == "2027-01-22T08:00:00Z"
    assert history.calls == []
    table = [line.split() for line in history.run("log").stdout.splitlines()]
    assert table[:4] == [
        ["TIME", "CHANGE", "ID", "RESOURCE", "STACK", "ERROR", "ID"],
        ["2027-01-15T08:00:00Z", "created", "id-a", "a", "shop/dev"],
        ["2027-01-15T08:00:00Z", "create", "failed", "b", "shop/dev", "e-1"],
        ["2027-01-15T08:01:00Z", "created", "id-a2", "a", "shop/dev"],
    ]


AT_80 = """\
 TIME                   CHANGE          ID
                                        RESOURCE
 ───────────────────────────────────────────────────────────────────────────
 2027-01-15T08:00:00Z   created         2743bd7d-c6c6-4670-989a-6949b744e9d5
                                        stripe-eu
 2027-01-15T08:00:00Z   create failed
                                        adyen-eu

The terminal is too narrow for STACK, ERROR ID: widen it, or use --json."""

AT_130 = """\
 TIME                   CHANGE          ID                                     RESOURCE    STACK      ERROR ID
 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 2027-01-15T08:00:00Z   created         2743bd7d-c6c6-4670-989a-6949b744e9d5   stripe-eu   shop/dev
 2027-01-15T08:00:00Z   create failed                                          adyen-eu    shop/dev   sim-619947e7"""


@pytest.mark.parametrize(("columns", "expected"), [(80, AT_80), (130, AT_130)])
def test_a_terminal_shows_the_resource(project: FakePulumi, columns: int, expected: str) -> None:
    """On a terminal with 80 columns, the resource's name is below the id, which stays in one piece."""
    created_id = "2743bd7d-c6c6-4670-989a-6949b744e9d5"
    record(project, "1st", 0, created("stripe-eu", created_id))
    record(project, "1st", 0, Change("create", "failed", URL, urn("adyen-eu"), error_id="sim-619947e7"))
    environ = {"COLUMNS": str(columns), "NO_COLOR": "1", "JUSTT_STATE_DIR": str(project.folder / "journal")}
    command = f"exec {sys.executable} -m pulumi_justt.cli log"
    code, shown, _ = terminal.run(
        command, cwd=project.folder, environ=environment.build(environ), answers={}, seconds=HANG_SECONDS
    )
    assert code == 0
    assert shown.strip("\n") == expected


def test_filters(history: FakePulumi) -> None:
    """`log` combines `--stack`, `--since` and `--last`, which selects the last run that is left."""

    def ids(*arguments: str) -> list[str | None]:
        return [each["integrationId"] for each in shown(history, *arguments)]

    assert ids("--stack", "dev") == ["id-a", None, "id-a2", "id-c", "id-a"]
    assert ids("--stack", "bank/dev") == ["id-c"]
    assert ids("--stack", "bank/dev", "--stack", "shop/dev", "--since", "2027-01-15T08:01:10Z") == ["id-c", "id-a"]
    assert ids("--stack", "prod") == ids("--since", "2027-01-16") == []
    assert ids("--last") == ["id-a2", "id-a"]
    assert ids("--last", "--stack", "bank/dev") == ["id-c"]
    assert ids("--last", "--stack", "prod") == []
    assert history.run("log", "--since", "yesterday").exit_code == 2


def test_a_later_command_with_the_same_identity_is_another_run(project: FakePulumi) -> None:
    """If two changes of a command are more than two days apart, they belong to two runs.

    On some systems, two commands may have the same identity.
    """
    record(project, "a port", 0, created("a", "id-a"))
    record(project, "a port", DAY, created("b", "id-b"))
    record(project, "a port", 3.1 * DAY, created("c", "id-c"))

    runs = [each["run"][:17] for each in shown(project)]
    assert runs == ["20270115T080000Z-", "20270115T080000Z-", "20270118T102400Z-"]


def test_creates_of_a_killed_run_are_shown(project: FakePulumi) -> None:
    """If a run was killed during its creates, `log` takes them from the journal's intents.

    An intent whose create is recorded too appears only once.
    """

    def intent(name: str, integration_id: str | None, sent_at: float) -> Intent:
        return Intent(urn(name), URL, None, name, "stripe", sent_at, sent_at, None, integration_id, command="killed")

    now = time.time()
    for each in (intent("a", "id-a", now), intent("b", None, now + 1), intent("c", "id-c", now + 2)):
        assert project.journal.write_intent(each)
    assert project.journal.write_intent(intent("d", None, now + 3))
    record(project, "killed", now - START + 4, created("c", "id-c"), Change("create", "unknown", URL, urn("d")))

    changes = shown(project)

    assert [(each["urn"], each["outcome"], each["integrationId"]) for each in changes] == [
        (urn("a"), "created", "id-a"),
        (urn("b"), "unknown", None),
        (urn("c"), "created", "id-c"),
        (urn("d"), "unknown", None),
    ]
    assert len({each["run"] for each in changes}) == 1
    # The next create of the resource has an unknown outcome, too.
    assert project.journal.write_intent(intent("d", None, now + 60))
    assert [each["urn"] for each in shown(project)].count(urn("d")) == 2


def test_an_incomplete_journal_exits_with_3(history: FakePulumi) -> None:
    """If a file of the journal can't be read, `log` shows the rest, says so once, and exits with 3."""
    file = history.folder / "journal" / "changes" / "damaged.jsonl"
    file.write_text("{}\n")

    assert len(shown(history, code=3)) == 5
    result = history.run("log")
    assert result.exit_code == 3
    assert result.stderr == (
        f"warning: {file} has a line that is damaged or that a newer version wrote. The changes in it are not shown.\n"
    )


def test_without_a_journal(project: FakePulumi) -> None:
    """Without changes, `log` says so. Without a folder for the journal, it exits with 3."""
    result = project.run("log", "--last")
    assert (result.exit_code, result.stderr) == (0, "The journal on this machine has no such change.\n")
    assert not (project.folder / "journal").exists()
    empty = project.run("log", environ={"JUSTT_STATE_DIR": "", "HOME": "", "XDG_STATE_HOME": ""})
    assert empty.exit_code == 3
    assert "neither JUSTT_STATE_DIR nor HOME is set to an absolute path" in empty.stderr
