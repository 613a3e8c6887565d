"""A week of an infrastructure team on the real engine, with the output that the team expects of each step.

The steps build on one another. After each of them, the states have exactly the active integrations, and no secret is in
any output or file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pulumi_justt.cli.summary import preview
from pulumi_justt.simulator import Options, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.a_week import EU, MERCHANTS, PRODUCTION, Team
from support.harness import Stack
from support.killed_runs import kill_after_commit
from support.secret_scanner import canary

pytestmark = pytest.mark.slow


@pytest.fixture
def team(tmp_path: Path, engine_bin: Path) -> Iterator[Team]:
    """Return a team whose integrations become SUCCESSFUL right after their creation."""
    with SimulatorServer(Options(successful_after=0)) as simulator:
        made = Team(Stack(tmp_path, engine_bin, PRODUCTION, has_passphrase=True), simulator)
        yield made
        made.stack.end_processes()
        made.stack.assert_no_leak(repr(simulator.requests).encode())


# Monday


def a_fleet_of_ten_is_created(team: Team) -> None:
    """One `up` creates ten integrations. The refresh after it shows that they work, and then nothing is left to do."""
    team.rotate_api_key()
    assert "+ 21 to create" in team.run("preview").stdout
    team.assert_sent()
    done = team.up().stdout
    assert "+ 21 created" in done
    team.assert_sent(creates=10, reads=1)
    for name in MERCHANTS:
        assert f"PaymentIntegration {name}-stripe created" in done
    assert set(team.statuses().values()) == {"PENDING"}

    shown = team.run("refresh", "--yes", "--skip-preview").diagnostics
    names = ", ".join(f"'acme-{name}'" for name in MERCHANTS)
    # The process shows the note at its end. If that takes more than five seconds, the engine kills it.
    assert shown in ({}, {"shop-production": [f"note: 10 integrations are SUCCESSFUL now: {names}."]})
    assert set(team.statuses().values()) == {"SUCCESSFUL"}
    team.assert_sent(reads=10)
    team.up()  # which updates the stack's outputs
    team.up("--expect-no-changes")
    team.assert_sent()
    assert "healthy integrations: 10." in team.doctor()
    team.assert_sent(reads=1)


def one_credential_is_rotated(team: Team) -> None:
    """A new credential replaces one integration. The plan names the field, and the other nine stay."""
    before = team.ids()
    team.rotate("alder")
    plan = team.run("preview", "--diff").stdout
    assert "~ secretPayload: {\n          ~ apiKey: [secret] => [secret]" in plan
    assert "+-1 to replace\n    20 unchanged" in plan
    team.assert_sent()
    assert "+-1 replaced\n    20 unchanged" in team.up().stdout
    team.assert_sent(creates=1, deactivations=1, reads=1)
    after = team.ids()
    assert {name for name in before if before[name] != after[name]} == {"alder-stripe"}


# Tuesday


def the_api_key_of_justt_is_rotated(team: Team) -> None:
    """A refresh uses the state's copy of the key, so it fails until the next `up`. Its error names three ways out."""
    before = team.ids(), team.statuses()
    team.rotate_api_key()
    failed = team.run("refresh", "--yes", "--skip-preview", fails=True).diagnostics
    said = [line for lines in failed.values() for line in lines if "Justt answered 401" in line]
    assert len(said) == 10
    (whole,) = [line for line in said if "The key came from justt:apiKey." in line]
    assert "add --run-program, or first run `pulumi up`" in whole
    assert "or set JUSTT_API_KEY_OVERRIDE for that command." in whole
    assert (team.ids(), team.statuses()) == before
    assert "finding: recordedKey of production" in team.doctor(code=1)
    team.assert_sent(reads=21)

    looked = team.run("refresh", "--preview-only", JUSTT_API_KEY_OVERRIDE=team.api_key)
    assert "21 unchanged" in looked.stdout
    team.assert_sent(reads=10)
    assert "21 unchanged" in team.up().stdout
    team.assert_sent()
    assert "21 unchanged" in team.run("refresh", "--yes", "--skip-preview").stdout
    team.doctor()
    team.assert_sent(reads=11)


def merchants_are_renamed(team: Team) -> None:
    """With an alias, a merchant keeps its integration. Without one, it gets another one and the old one stops."""
    before = team.ids()
    merchants = team.merchants[PRODUCTION]
    merchants["birch-group"] = {**merchants.pop("birch"), "formerly": "birch"}
    team.write()
    assert "21 unchanged" in team.up().stdout
    del merchants["birch-group"]["formerly"]
    team.write()
    team.run("preview", "--expect-no-changes")
    team.assert_sent()
    assert team.ids()["birch-group-stripe"] == before["birch-stripe"]

    merchants["cedar-group"] = merchants.pop("cedar")
    team.write()
    plan = team.run("preview").stdout
    assert "PaymentIntegration cedar-group-stripe create" in plan
    assert "PaymentIntegration cedar-stripe delete" in plan
    assert "+ 2 to create\n    - 2 to delete\n    4 changes. 19 unchanged" in plan
    comment = preview.read(team.run("preview", "--json").stdout)
    hints = {each.name: each.explanations[-1] for each in comment.resources if each.type == "PaymentIntegration"}
    assert "add the old one to `aliases`, and nothing is created or stopped" in hints["cedar-group-stripe"]
    assert "it needs an alias" in hints["cedar-stripe"]
    team.up()
    team.assert_sent(creates=1, deactivations=1, reads=1)
    assert before["cedar-stripe"] not in team.live()


# Wednesday


def the_api_key_moves_to_the_pipeline(team: Team) -> None:
    """The key leaves the configuration, so that only jobs with a protected environment have it."""
    team.run("config", "rm", "justt:apiKey")
    team.export("JUSTT_API_KEY", team.api_key)
    team.ci.secrets["JUSTT_API_KEY"] = team.api_key
    assert "21 unchanged" in team.up().stdout
    team.assert_sent()
    assert "the key from JUSTT_API_KEY is accepted" in team.doctor()
    team.assert_sent(reads=1)


def a_pull_request_is_previewed_without_secrets(team: Team) -> None:
    """The job has neither the API key nor a credential. Its comment shows the plan, and names the change of version."""
    team.rotate("oak")
    team.merchants[PRODUCTION]["rowan"] = {"identifier": "acme-rowan", "variable": "ROWAN_KEY"}
    team.write()
    before = {path: path.read_bytes() for path in (team.stack.folder / "state").rglob("*") if path.is_file()}
    with team.without_secrets():
        results = team.ci.job("preview", "preview")
    assert [result.code for result in results] == [0, 0, 0]
    (comment,) = team.ci.comments
    assert "**2 to create**, **1 to replace**, 20 unchanged" in comment["body"]
    assert '`credentials.api_key`: `from_env("OAK_KEY")` => `from_env("OAK_KEY", version=2)`' in comment["body"]
    assert '`credentials.api_key`: `from_env("ROWAN_KEY")`' in comment["body"]
    assert before == {path: path.read_bytes() for path in before}
    team.assert_sent()


def a_typo_fails_the_pull_request(team: Team) -> None:
    """A misspelt source fails the preview. The same comment says so, and names the source that is meant."""
    team.merchants[PRODUCTION]["rowan"]["source"] = "strpe"
    team.write()
    with team.without_secrets():
        full, short, comment = team.ci.job("preview", "preview")
    assert (full.code != 0, short.code != 0, comment.code) == (True, True, 0)
    (shown,) = team.ci.comments
    assert "**The preview failed**" in shown["body"]
    for text in (full.text, shown["body"]):
        assert "source: 'strpe' is not in Justt's list" in text
        assert "(did you mean 'stripe'?)" in text
    team.assert_sent()
    del team.merchants[PRODUCTION]["rowan"]["source"]
    team.write()


def the_update_job_has_a_wrong_key(team: Team) -> None:
    """Nothing is created or deactivated. With the right key, the job carries out the plan of the pull request."""
    before = team.ids()
    wrong = canary("wrong")
    team.stack.secrets.append(wrong)
    team.ci.secrets["JUSTT_API_KEY"] = wrong
    team.export("ROWAN_KEY", canary("rowan"))
    pending, failed = team.ci.job("up", "up")
    assert (pending.code, failed.code != 0) == (0, True)
    assert "The key came from JUSTT_API_KEY. Set it to a key that is valid in simulator." in failed.stdout
    team.assert_sent(reads=2)
    assert team.ids() == before

    team.ci.secrets["JUSTT_API_KEY"] = team.api_key
    assert [result.code for result in team.ci.job("up", "up")] == [0, 0]
    team.assert_sent(creates=2, deactivations=1, reads=1)
    assert "rowan-stripe" in team.ids()


# Thursday


def the_drift_job_finds_what_changed_at_justt(team: Team) -> None:
    """One integration is FAILED and one is INACTIVE: a preview finds neither, and the drift job finds both."""
    assert [result.code for result in team.ci.job("drift", "drift")] == [0, 0]
    ids = team.ids()
    team.at_justt("PATCH", f"/integrations/{ids['elm-stripe']}", status="FAILED")
    team.at_justt("PATCH", f"/integrations/{ids['maple-stripe']}", status="INACTIVE")
    team.run("preview", "--expect-no-changes")
    refreshed, examined = team.ci.job("drift", "drift")
    assert (refreshed.code, examined.code) == (7, 1)
    assert f"finding: integration of production: elm-stripe ({ids['elm-stripe']}) is FAILED" in examined.stdout
    assert f"finding: integration of production: maple-stripe ({ids['maple-stripe']}) is INACTIVE" in examined.stdout
    team.assert_sent(reads=30)

    shown = team.run("refresh", "--yes", "--skip-preview").diagnostics
    (failed,) = shown["elm-stripe"]
    (ended,) = [line for lines in shown.values() for line in lines if "is INACTIVE at Justt" in line]
    assert failed.startswith(f"warning: the stripe integration 'acme-elm' ({ids['elm-stripe']}) is FAILED now")
    assert ended.endswith(
        "a refresh removes it from the state, and the next `pulumi up` creates a new one if the program still has it."
    )
    assert ids.keys() - team.ids().keys() == {"maple-stripe"}
    team.assert_sent(reads=11)
    repaired = team.up()
    assert "PaymentIntegration maple-stripe created" in repaired.stdout
    assert "is FAILED, as of" in repaired.diagnostics["elm-stripe"][0]
    team.rotate("elm")
    assert team.up().diagnostics == {}
    team.assert_sent(creates=2, deactivations=1, reads=2)
    assert [result.code for result in team.ci.job("drift", "drift")] == [0, 0]
    team.assert_sent(reads=12)


LEGACY: dict[str, tuple[str, dict[str, object]]] = {
    "stripe": ("ApiKeyOnly", {"api_key": {"variable": "LEGACY_KEY"}}),
    "adyen": (
        "Hmac",
        {"hmac": {"variable": "LEGACY_KEY"}, "api_key": {"fromEnv": "LEGACY_KEY"}, "merchant_code": "M-1"},
    ),
    "braintree": ("PublicSecretKey", {"secret_key": {"fromEnv": "LEGACY_KEY"}, "public_key": "made-up"}),
}
"""The credentials of the integrations that were made by hand, by source."""


def twelve_integrations_are_imported(team: Team) -> None:
    """`doctor` names the command. It takes an answers file, and prints a program that changes nothing."""
    theirs = {}
    for number in range(12):
        source = [*LEGACY][number % len(LEGACY)]
        made = NewIntegration(f"by hand {number}", "By hand", source, LEGACY[source][0], "", (), None)
        theirs[team.simulator.records.add_integration(made, None)] = source
    found = team.doctor(code=1)
    assert found.count("pulumi-justt import") == 1
    assert all(integration_id in found for integration_id in theirs)

    file = team.stack.folder / "answers.yaml"
    written = team.stack.justt("import", "--stack", PRODUCTION, "--template", str(file))
    assert written.code == 0, written.text
    answers = yaml.safe_load(file.read_text())
    assert answers.keys() == theirs.keys()
    team.export("LEGACY_KEY", canary("legacy"))
    for number, (integration_id, source) in enumerate(theirs.items()):
        kind, fields = LEGACY[source]
        name = f"legacy-{number}"
        answers[integration_id] |= {
            "resource_name": name,
            "external_identifier": name,
            "integration_name": name,
            "credentials": kind,
            "fields": fields,
        }
    file.write_text(yaml.safe_dump(answers, sort_keys=False))
    imported = team.stack.justt("import", "--stack", PRODUCTION, "--answers", str(file), "--yes")
    assert imported.code == 0, imported.text
    (team.stack.project / "legacy.py").write_text(imported.stdout)
    team.assert_sent(reads=1 + 1 + 12)
    assert "35 unchanged" in team.run("preview", "--expect-no-changes").stdout
    assert "35 unchanged" in team.up("--expect-no-changes").stdout
    team.assert_sent()
    assert {name: team.ids()[name] for name in team.ids() if name.startswith("legacy")} == {
        f"legacy-{number}": integration_id for number, integration_id in enumerate(theirs)
    }
    team.doctor()
    team.assert_sent(reads=1)


# Friday


def a_killed_update_is_recovered(team: Team) -> None:
    """The update job stops, `up` creates no duplicate, and after `recover` the state has the integration."""
    team.stack.environ["JUSTT_TIMEOUT_SECONDS"] = "1"
    team.merchants[PRODUCTION]["sorrel"] = {"identifier": "acme-sorrel", "variable": "SORREL_KEY"}
    team.write()
    team.export("SORREL_KEY", canary("sorrel"))
    lost = kill_after_commit(team.stack, team.simulator, len(team.simulator.records.integrations()) + 1)
    team.assert_sent(creates=1, reads=1)

    (stopped,) = team.ci.job("up", "up")
    assert stopped.code == 1
    assert "creating sorrel-stripe was interrupted" in stopped.stdout
    team.run("cancel", "--yes")
    refused = team.up(fails=True)
    (said,) = [line for line in refused.diagnostics["sorrel-stripe"] if line.startswith("error: ")]
    assert f"New integrations with this source: {lost}" in said
    assert f"run `pulumi-justt recover --stack {PRODUCTION} --claim {lost}`" in said
    team.assert_sent(reads=4)

    repaired = team.stack.justt("recover", "--stack", PRODUCTION, answers="1\ny\n")
    assert repaired.code == 0, repaired.text
    assert lost in repaired.stdout
    del team.stack.environ["JUSTT_TIMEOUT_SECONDS"]
    assert "37 unchanged" in team.run("preview", "--expect-no-changes").stdout
    assert team.ids()["sorrel-stripe"] == lost
    team.doctor()
    team.assert_sent(reads=3)


def the_state_moves_to_another_backend(team: Team) -> None:
    """The new backend has the same stack. Nothing is sent, and the old backend forgets it without a delete."""
    before = team.ids()
    moved, new = team.stack.project / "moved.json", team.stack.folder / "user" / "new-backend"
    team.run("stack", "export", "--file", str(moved))
    team.stack.assert_no_leak(moved.read_bytes())
    old = f"file://{team.stack.folder / 'state'}"
    new.mkdir()
    team.stack.environ["PULUMI_BACKEND_URL"] = f"file://{new}"
    team.stack.run("stack", "init", PRODUCTION)
    team.run("stack", "import", "--file", str(moved))
    moved.unlink()
    # Without --preserve-config, this removes the configuration file, which the stack in the new backend uses.
    team.stack.run("stack", "rm", PRODUCTION, "--yes", "--force", "--preserve-config", PULUMI_BACKEND_URL=old)
    assert team.stack.run("stack", "ls", "--json", PULUMI_BACKEND_URL=old).stdout == "[]\n"
    assert "37 unchanged" in team.run("preview", "--expect-no-changes").stdout
    assert "37 unchanged" in team.up("--expect-no-changes").stdout
    team.assert_sent()
    assert "37 unchanged" in team.run("refresh", "--preview-only", "--expect-no-changes").stdout
    assert team.ids() == before
    team.doctor()
    team.assert_sent(reads=25)


def a_copy_of_the_stack_is_found(team: Team) -> None:
    """A copy has the integrations of the first stack. `doctor` names the way to remove it that sends nothing."""
    exported = team.run("stack", "export").stdout
    (team.stack.project / "copy.json").write_text(exported)
    team.stack.run("stack", "init", "copy", "--copy-config-from", PRODUCTION)
    team.run("stack", "import", "--force", "--file", "copy.json", stack="copy")
    found = team.doctor("--stack", "copy", code=1)
    assert "finding: duplicate: 24 integrations are each in several stacks." in found
    assert "If a stack is a copy, remove it with `pulumi stack rm --force`" in found
    team.stack.run("stack", "rm", "copy", "--yes", "--force")
    (team.stack.project / "copy.json").unlink()
    team.doctor()
    team.assert_sent(reads=2)


def a_merchant_moves_to_another_stack(team: Team) -> None:
    """`pulumi state move` moves a component with its integration. Neither stack then sees a change.

    The first rotation in the new stack warns, because the journal knows the integration under its former name.
    """
    before = team.ids()
    team.stack.run("stack", "init", EU, "--copy-config-from", PRODUCTION)
    exported = json.loads(team.run("stack", "export").stdout)["deployment"]["resources"]
    (urn,) = [each["urn"] for each in exported if each["urn"].endswith("Merchant::pine")]
    team.stack.run("state", "move", "--source", PRODUCTION, "--dest", EU, "--yes", urn)
    team.merchants[EU] = {"pine": team.merchants[PRODUCTION].pop("pine")}
    team.write()
    assert "35 unchanged" in team.run("preview").stdout
    assert "3 unchanged" in team.run("preview", stack=EU).stdout
    team.up()
    team.up(stack=EU)
    team.assert_sent()
    assert team.ids() == before
    both = team.doctor("--stack", EU)
    assert "ok: integration of production: healthy integrations: 23." in both
    assert "ok: integration of eu: healthy integrations: 1." in both

    team.rotate("pine", stack=EU)
    (warned,) = team.up(stack=EU).diagnostics["pine-stripe"]
    assert warned.startswith(f"warning: deactivating the stripe integration 'acme-pine' ({before['pine-stripe']}): ")
    assert "If that is a former name of this resource (an alias, `pulumi stack rename`, `pulumi state move`)" in warned
    team.assert_sent(creates=1, deactivations=1, reads=2)


def protected_integrations_are_rotated(team: Team) -> None:
    """`deletion_protection` lets a rotation pass. `protect` refuses it in the preview, and takes a step of its own."""
    before = team.ids()
    team.stack.config(secret={"legacy0ApiKey": canary("legacy")})
    assert "+-1 replaced\n    34 unchanged" in team.up().stdout
    team.assert_sent(creates=1, deactivations=1, reads=1)

    fir = team.merchants[PRODUCTION]["fir"]
    fir["protect"] = True
    team.write()
    team.up()
    team.rotate("fir")
    for refused in (team.run("preview", fails=True), team.up(fails=True)):
        assert "unable to replace resource" in refused.diagnostics["fir-stripe"][0]
    team.assert_sent()
    del fir["protect"]
    team.write()
    assert "+-1 replaced\n    34 unchanged" in team.up().stdout
    team.assert_sent(creates=1, deactivations=1, reads=1)
    after = team.ids()
    assert {name for name in before if before[name] != after[name]} == {"legacy-0", "fir-stripe"}


def everything_is_destroyed(team: Team) -> None:
    """A destroy of the imported integrations is refused until they have lost their protection."""
    protected = {integration_id for name, integration_id in team.ids().items() if name.startswith("legacy")}
    refused = team.run("destroy", "--yes", "--skip-preview", fails=True)
    said = {line for name, lines in refused.diagnostics.items() if name.startswith("legacy") for line in lines}
    assert said
    assert all("refused, because it has deletion_protection=True" in line for line in said)
    (whole,) = [line for line in said if "run `pulumi destroy` with --exclude and its URN." in line]
    assert all(line.endswith("its error says what to do.") for line in said - {whole})
    assert protected <= team.live()

    legacy = team.stack.project / "legacy.py"
    legacy.write_text(legacy.read_text().replace("deletion_protection=True", "deletion_protection=False"))
    # Without the merchants, so that this update doesn't create those again that the destroy has reached.
    team.merchants[PRODUCTION] = {}
    team.write()
    assert "~ 12 updated" in team.up().stdout
    for stack in (PRODUCTION, EU):
        assert "deleted" in team.run("destroy", "--yes", "--skip-preview", stack=stack).stdout
        team.run("stack", "rm", "--yes", stack=stack)
    team.merchants.clear()
    assert team.live() == set()


def the_log_shows_all_of_it(team: Team) -> None:
    """For each integration that a run has created or deactivated, the log has one line, and no secret."""
    shown = team.stack.justt("log", "--json")
    assert shown.code == 0, shown.text
    changes = json.loads(shown.stdout)["changes"]
    made = [change["integrationId"] for change in changes if change["outcome"] in ("created", "claimed")]
    ended = [change["integrationId"] for change in changes if change["outcome"] == "deactivated"]
    records = team.simulator.records.integrations()
    assert sorted(made) == sorted(record.id for record in records if not record.external_identifier.startswith("by"))
    assert sorted(ended) == sorted(record.id for record in records if record.deactivation_date)


WEEK: tuple[Callable[[Team], None], ...] = (
    a_fleet_of_ten_is_created,
    one_credential_is_rotated,
    the_api_key_of_justt_is_rotated,
    merchants_are_renamed,
    the_api_key_moves_to_the_pipeline,
    a_pull_request_is_previewed_without_secrets,
    a_typo_fails_the_pull_request,
    the_update_job_has_a_wrong_key,
    the_drift_job_finds_what_changed_at_justt,
    twelve_integrations_are_imported,
    a_killed_update_is_recovered,
    the_state_moves_to_another_backend,
    a_copy_of_the_stack_is_found,
    a_merchant_moves_to_another_stack,
    protected_integrations_are_rotated,
    everything_is_destroyed,
    the_log_shows_all_of_it,
)


def test_a_week(team: Team) -> None:
    """Every step of the week shows what the team expects, and leaves its stacks and its account in order."""
    for step in WEEK:
        step(team)
        team.assert_in_order()
    # Twelve merchants, six rotations, a rename without an alias, and one that was deactivated behind the team's back.
    sent = Counter((request.method, request.status) for request in team.simulator.requests if request.method != "GET")
    assert sent == {("POST", 201): 20, ("DELETE", 200): 31}
