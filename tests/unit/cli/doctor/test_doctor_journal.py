"""`pulumi-justt doctor`: the check of the journal, and `--only`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.cli.doctor import examination
from pulumi_justt.core.journal import Decision, Intent
from pulumi_justt.simulator import SimulatorServer
from support.fake_pulumi import STACK, TYPE, FakePulumi, creating, integration, provider

Theirs = Callable[..., str]
LOST = f"{STACK}::{TYPE}::lost"


def checks(project: FakePulumi, *arguments: str, code: int, **environ: str) -> list[dict[str, Any]]:
    """Run doctor, assert its exit code, and return the results of its checks."""
    result = project.run("doctor", "--json", *arguments, environ=environ)
    assert result.exit_code == code, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["checks"]
    return found


def of_journal(project: FakePulumi, *arguments: str, code: int, **environ: str) -> list[dict[str, Any]]:
    """Run only doctor's check of the journal, and return its results."""
    found = checks(project, "--only", "journal", *arguments, code=code, **environ)
    assert {check["check"] for check in found} == {"journal"}
    assert all(check["text"].endswith(".") for check in found)
    return found


@pytest.fixture
def begun(project: FakePulumi, simulator: SimulatorServer) -> Callable[..., Intent]:
    """Return a function that writes an intent to the journal, by default of this stack."""

    def write(integration_id: str | None = None, name: str = "lost", **fields: object) -> Intent:
        urn = f"{STACK}::{TYPE}::{name}"
        made = Intent(urn, simulator.base_url, "acc_1", f"{name}-main", "stripe", 1_800_000_000.0, 1_800_000_030.0)
        made = replace(made, integration_id=integration_id, **fields)  # type: ignore[arg-type]  # any field
        assert project.journal.write_intent(made)
        return made

    return write


Begun = Callable[..., Intent]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock to one minute after the creates of the intents were sent."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_060.0)


def test_an_unfinished_create_is_a_finding(project: FakePulumi, begun: Begun) -> None:
    """If the journal has an intent, doctor reports the create, the time, the file, and the id if Justt answered.

    The remediation is `recover`.
    """
    project.state([provider()], stack="dev")
    intent = begun("i-1")
    (known,) = of_journal(project, "--stack", "dev", code=1)
    assert known == {
        "check": "journal",
        "verdict": "finding",
        "text": "lost: a create of the stripe integration 'lost-main' in account acc_1 was sent on 2027-01-15 at "
        f"08:00:00 UTC. Justt answered with integration i-1. Its journal file is {project.journal.path_of(intent)}.",
        "remediation": "Run `pulumi-justt recover --stack dev --claim i-1` to keep it, or use --deactivate or "
        "--forget. Then run `pulumi up --stack dev`; before you decide, it creates no duplicate.",
        "stack": "dev",
        "referenceAccountId": "acc_1",
        "integrationId": "i-1",
        "urn": LOST,
    }
    begun(account=None)
    project.journal.remove_intent(intent)
    (unknown,) = of_journal(project, "--stack", "dev", code=1)
    assert "in the default account was sent" in unknown["text"]
    assert "The response is not known." in unknown["text"]
    assert "still be running" not in unknown["text"]
    assert unknown["remediation"].startswith(
        "Run `pulumi-justt recover --stack dev`, which shows what the create may have"
    )


def test_a_create_may_still_be_running_before_its_deadline(project: FakePulumi, begun: Begun) -> None:
    """If the deadline of a create is not over, doctor's finding says that the create may still be running."""
    project.state([provider()])
    begun(settled_at=1_800_000_061.0)
    assert "It may still be running." in of_journal(project, code=1)[0]["text"]


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision("claim", "i-1"), "is: claim i-1. The next `pulumi up`"),
        (Decision("deactivate", "i-1"), "is: deactivate i-1. The next `pulumi up`"),
        (Decision("forget"), "is: forget. The next `pulumi up`"),
    ],
)
def test_a_decision_is_shown(project: FakePulumi, begun: Begun, decision: Decision, words: str) -> None:
    """If the user has decided on a create with `recover`, doctor shows the decision.

    Doctor also says that the next `pulumi up` carries it out.
    """
    project.state([provider()])
    begun("i-1", decision=replace(decision, decided_at=1_800_000_000.0))
    assert words in of_journal(project, code=1)[0]["remediation"]


def test_a_create_in_the_state_is_no_finding(project: FakePulumi, begun: Begun) -> None:
    """If the state has the id of an intent, doctor reports no unfinished create.

    If the state has another id for the resource, doctor reports the create.
    """
    begun("i-1", name="mine")
    project.state([provider(), integration("mine", "i-1")])
    (check,) = of_journal(project, code=0)
    assert (check["verdict"], check["text"]) == (
        "ok",
        "the journal on this machine has no unfinished create of this stack.",
    )
    project.state([provider(), integration("mine", "i-0")])
    assert of_journal(project, code=1)[0]["integrationId"] == "i-1"


def test_creates_of_other_stacks_are_one_line(project: FakePulumi, begun: Begun) -> None:
    """Doctor reports the creates of other stacks and base URLs in one line, as `ok`.

    If `--stack` names such a stack too, its creates are findings.
    """
    project.state([provider()], stack="dev")
    prod = [begun(f"i-{number}", urn=f"{LOST}-{number}".replace(":dev::", ":prod::")) for number in range(6)]
    begun(base_url="https://api.justt.ai/v1")
    own, others = of_journal(project, "-s", "dev", code=0)
    assert own["text"] == "the journal on this machine has no unfinished create of this stack."
    assert (others["verdict"], others["stack"]) == ("ok", None)
    assert "lost-0 of prod (project shop) at http://127.0.0.1:" in others["text"]
    assert others["text"].count("prod (project shop)") + others["text"].count("dev (project shop)") == 5
    assert others["text"].endswith(" and 2 more.")
    project.state([{**provider(), "urn": provider()["urn"].replace(":dev::", ":prod::")}], stack="prod")
    found = of_journal(project, "-s", "dev", "-s", "prod", code=1)
    assert [check["urn"] for check in found if check["verdict"] == "finding"] == [intent.urn for intent in prod]


def test_creates_under_a_former_stack_name_are_findings(project: FakePulumi, begun: Begun) -> None:
    """Doctor reports an intent of the same resource under another stack name, unless that run ended normally.

    An intent of another project is a finding only for the same external identifier.
    """
    former = f"{STACK}::".replace(":dev::", ":former::")
    left = begun("i-1", urn=f"{former}{TYPE}::mine")
    begun(urn=f"{former}{TYPE}::unknown-here")
    project.state([provider(), integration("mine", "i-0")])
    ok, finding, others = of_journal(project, code=1)
    assert (finding["urn"], finding["integrationId"]) == (left.urn, "i-1")
    assert "mine of stack former (project shop): a create of the stripe integration" in finding["text"]
    assert "If this stack had that name" in finding["remediation"]
    assert (ok["verdict"], others["verdict"]) == ("ok", "ok")
    assert "unknown-here of former (project shop)" in others["text"]
    assert "mine of former (project shop)" not in others["text"]
    for identifier in ("another", "mine"):
        elsewhere = begun(
            "i-1", urn=left.urn.replace("::shop::", "::before::"), external_identifier=identifier, account=None
        )
        found = [check["urn"] for check in of_journal(project, code=1) if check["verdict"] == "finding"]
        assert (elsewhere.urn in found) == (identifier == "mine")
        project.journal.remove_intent(elsewhere)
    (project.folder / "journal" / "ended").mkdir()
    (project.folder / "journal" / "ended" / "p.json").write_text('{"version": 1}')
    begun("i-1", urn=left.urn, process="p")
    of_journal(project, code=0)


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_an_unusable_folder_is_a_finding(tmp_path: Path, project: FakePulumi, place: str) -> None:
    """If the journal's folder is a file or below one, doctor reports that no journal is kept.

    Otherwise it would report an empty journal.
    """
    file = tmp_path / "file"
    file.write_text("")
    project.state([provider()])
    folder = file if place == "a file" else file / "journal"
    (finding,) = of_journal(project, code=1, JUSTT_STATE_DIR=str(folder))
    assert finding["text"] == f"{file} is not a folder, so no journal of creates is kept."


def test_without_a_stack_all_creates_are_shown(tmp_path: Path, project: FakePulumi, begun: Begun) -> None:
    """Outside of a project, doctor reports all intents of the journal, of any stack and base URL."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "holds no create." in of_journal(project, "--cwd", str(elsewhere), code=0)[0]["text"]
    begun("i-1")
    begun(urn=LOST.replace(":dev::", ":prod::"), base_url="https://api.justt.ai/v1")
    found = of_journal(project, "--cwd", str(elsewhere), code=1)
    assert [check["verdict"] for check in found] == ["finding", "finding"]
    assert {check["integrationId"] for check in found} == {"i-1", None}


def test_an_unreadable_journal_is_reported(project: FakePulumi, begun: Begun) -> None:
    """Doctor reports damaged journal files and those of another version.

    Doctor also says if the journal has no folder, or if the stack's state can't be read.
    """
    project.state([provider()])
    path = project.journal.path_of(begun())
    assert path
    path.write_text("{")
    other = project.journal.path_of(begun(name="other"))
    assert other
    other.write_text('{"version": 2}')
    _, *damaged = of_journal(project, code=1)
    assert {(check["verdict"], check["text"]) for check in damaged} == {
        ("finding", f"{path} is damaged, so the file is ignored."),
        (
            "finding",
            f"{other} has the format 2 of another version of pulumi-justt, so the file is ignored.",
        ),
    }
    assert {check["remediation"].rpartition("Then run ")[2] for check in damaged} == {f"`rm {path}`.", f"`rm {other}`."}
    path.unlink()
    other.unlink()
    nowhere = of_journal(project, code=3, JUSTT_STATE_DIR="", XDG_STATE_HOME="", HOME="")
    assert "neither JUSTT_STATE_DIR nor HOME is set to an absolute path." in nowhere[1]["text"]
    begun()
    project.fails({"stack export": "error: no stack named 'dev' found"})
    found = checks(project, "--only", "journal", code=1)
    assert [(check["check"], check["verdict"]) for check in found] == [
        ("state", "finding"),
        ("journal", "not checked"),
        ("journal", "ok"),
    ]
    project.fails({"stack --show-name": "error: no stack selected"})
    project.state([])
    assert "no stack selected" in of_journal(project, code=3)[0]["text"]


def test_an_adoption_by_another_stack_is_one_line(project: FakePulumi, simulator: SimulatorServer) -> None:
    """If another stack has adopted this stack's integration, doctor says that a delete won't deactivate it.

    If `--stack` names the adopter's stack too, doctor says nothing.
    """
    other = f"{LOST}-adopter".replace(":dev::", ":prod::")
    project.state(
        [
            integration("owned", "i-1"),
            integration("adopted", "i-2", adoptId="i-2"),
            {**integration("seen", "i-3"), "external": True},
        ],
        stack="dev",
    )
    for number in (1, 2, 3, 4):
        project.journal.hold_adoption(simulator.base_url, f"i-{number}", other)
    _, line = of_journal(project, "-s", "dev", code=0)
    assert line["text"] == (
        f"the journal on this machine says that {other} has adopted owned (i-1): this stack won't deactivate it."
    )
    assert line["remediation"] == "To see whether the other stack still has it, name that stack with --stack."
    project.state([{**integration("lost", "i-1", adoptId="i-1"), "urn": other}], stack="prod")
    assert len(of_journal(project, "-s", "dev", "-s", "prod", code=0)) == 2


@pytest.mark.parametrize("is_left", ["gone", "owned", "another"])
def test_an_obsolete_adoption_is_a_finding(project: FakePulumi, simulator: SimulatorServer, is_left: str) -> None:
    """If the adopter that the journal names no longer has the integration, doctor names the file to remove.

    A former adoption by the owner itself is no finding.
    """
    elsewhere = f"{LOST}-adopter".replace(":dev::", ":prod::")
    same = f"{LOST}-adopter"
    own = integration("owned", "i-1")
    project.state([own], stack="dev")
    adopter = {
        "gone": integration("lost", "i-9"),
        "owned": {**integration("lost", "i-1"), "urn": elsewhere},
        "another": {**integration("lost", "i-2", adoptId="i-2"), "urn": elsewhere},
    }[is_left]
    project.state([{**adopter, "urn": adopter["urn"].replace(":dev::", ":prod::")}], stack="prod")
    for urn in (elsewhere, same, own["urn"]):
        project.journal.hold_adoption(simulator.base_url, "i-1", urn)

    found = of_journal(project, "-s", "dev", "-s", "prod", code=1)

    # In the case "owned", the adopter has become the owner, so its adoption record is not obsolete.
    gone = (same,) if is_left == "owned" else (same, elsewhere)
    stale = [check for check in found if check["verdict"] == "finding" and check["stack"] == "dev"]
    assert [check["text"] for check in stale] == [
        f"the journal on this machine says that {urn} has adopted owned (i-1), but its stack does not have it any "
        "more: this stack won't deactivate it."
        for urn in gone
    ]
    for check, urn in zip(stale, gone, strict=True):
        file = project.journal.adoption_file(simulator.base_url, "i-1", urn)
        assert check["remediation"] == f"If no update of that stack is under way, run `rm {file}`."


def test_an_edited_intent_is_shown_as_it_is(tmp_path: Path, project: FakePulumi, begun: Begun) -> None:
    """If a user edited an intent by hand so that its URN is invalid, doctor shows the invalid URN without an error."""
    project.state([provider()])
    begun("i-1", urn="edited")
    assert "edited of edited (project ) at http" in of_journal(project, code=0)[1]["text"]
    assert "edited: a create" in of_journal(project, "--cwd", str(tmp_path), code=1)[0]["text"]


def test_only_pending_exports_the_state_and_nothing_else(
    project: FakePulumi, simulator: SimulatorServer, begun: Begun
) -> None:
    """`doctor --only pending` calls the CLI only to export the state, and sends no requests.

    A pipeline runs it before every update.
    """
    begun()
    project.state([provider()])
    (check,) = checks(project, "--only", "pending", code=0)
    assert (check["check"], check["verdict"]) == ("pending", "ok")
    project.state([provider()], [creating("lost")])
    (check,) = checks(project, "--only", "pending", code=1)
    assert check["text"] == "creating lost was interrupted."
    assert project.calls == ["stack export --non-interactive"] * 2
    assert simulator.requests == []
    # A check that cannot be made is never `ok`.
    project.fails({"stack export": "error: incorrect passphrase"})
    assert [check["check"] for check in checks(project, "--only", "pending", code=1)] == ["state"]


@pytest.mark.parametrize("only", examination.CHECKS)
def test_each_check_can_be_made_alone(project: FakePulumi, theirs: Theirs, only: str) -> None:
    """With `--only`, each check of doctor gives the same results as in a run of all checks."""
    project.config({"justt:baseUrl": project_url(project), "justt:apiKey": "plain"})
    project.state(
        [provider(**{"justt:apiKey": "older"}), integration("mine", theirs(status="FAILED")), integration("two", "x")],
        [creating("lost")],
    )
    theirs()
    together = [check for check in checks(project, code=1) if check["check"] == only]
    alone = checks(project, "--only", only, code=1 if any(c["verdict"] == "finding" for c in together) else 0)
    assert alone == together


def project_url(project: FakePulumi) -> str:
    """Return the base URL in the stack's configuration."""
    url: str = json.loads((project.folder / "config.json").read_text())["justt:baseUrl"]["value"]
    return url


def test_only_can_be_repeated_and_rejects_unknown_checks(project: FakePulumi) -> None:
    """`--only` can be given several times. If its value is no check, the usage error lists all checks."""
    project.state([provider()])
    found = checks(project, "--only", "pending", "--only", "journal", code=0)
    assert [check["check"] for check in found] == ["pending", "journal"]
    result = project.run("doctor", "--only", "pendings")
    assert (result.exit_code, "'recordedKey'" in result.stderr) == (2, True)
