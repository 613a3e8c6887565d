"""`pulumi-justt import` without the engine: what may be imported, the prompts, and the generated program."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.importing.candidates import Candidate, picked
from pulumi_justt.cli.importing.import_answers import ImportRefused
from pulumi_justt.cli.importing.prompts import Terminal
from pulumi_justt.cli.project import program_folder
from pulumi_justt.cli.stacks import Stack, StackError
from pulumi_justt.core import listing
from pulumi_justt.core.journal import Decision, Intent, Journal
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.simulator import Fault, SimulatorServer
from support.fake_pulumi import FakePulumi, integration
from support.secret_scanner import canary

Theirs = Callable[..., str]
Answers = Callable[[dict[str, Any]], str]

STRIPE: dict[str, Any] = {
    "resource_name": "stripe-eu",
    "external_identifier": "stripe-eu-main",
    "integration_name": "Stripe EU",
    "credentials": "ApiKeyOnly",
    "fields": {"api_key": {"fromEnv": "STRIPE_KEY"}},
}
SETTING = "printf '%s\\n' \"$STRIPE_KEY\" | pulumi config set --secret stripeEuApiKey"
BY_VALUE = {**STRIPE, "fields": {"api_key": {"variable": "STRIPE_KEY"}}}


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    """Return a function that writes an answers file and returns its path."""

    def write(content: dict[str, Any]) -> str:
        (tmp_path / "answers.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return str(tmp_path / "answers.yaml")

    return write


def changing(project: FakePulumi) -> list[str]:
    """Return the calls of the Pulumi CLI so far that change the state or the configuration."""
    return [call for call in project.calls if call.startswith(("import", "config set"))]


def formatted(text: str) -> str:
    """Return *text* as ruff formats it by default."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def candidates() -> list[Candidate]:
    """Return three candidates for an import."""
    ids = ("id-1", "id-2", "id-3")
    return [Candidate(RemoteRecord(integration_id=each, source="stripe", status="PENDING"), None) for each in ids]


# Selection


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2", [2]),
        ("3,1", [3, 1]),
        ("1-3", [1, 2, 3]),
        ("2 2-3, id-1", [2, 3, 1]),
        ("all", [1, 2, 3]),
        ("id-3 all", [3, 1, 2]),
        ("", []),
    ],
)
def test_candidates_are_picked_by_number_range_or_id(text: str, numbers: list[int]) -> None:
    """The user can select candidates by numbers, ranges, ids and `all`, in any combination.

    Each candidate is selected once.
    """
    assert [candidate.id for candidate in picked(text, candidates())] == [f"id-{number}" for number in numbers]


@pytest.mark.parametrize("text", ["0", "4", "2-4", "3-2", "id-4", "-1", "1-", "one", "²", "1-2-3"])
def test_a_selection_that_matches_nothing_is_refused(text: str) -> None:
    """If a selection has a number, range or id that is not in the table, `import` refuses it.

    The error names the valid numbers.
    """
    with pytest.raises(ImportRefused, match="selects nothing: enter numbers from 1 to 3"):
        picked(text, candidates())


def test_only_unmanaged_integrations_are_listed(project: FakePulumi, theirs: Theirs) -> None:
    """`import --json` lists the integrations that none of the given stacks manages.

    The command also lists one that a stack only reads, but no INACTIVE one.
    """
    mine, other, seen, failed = theirs(), theirs(), theirs(), theirs("adyen", status="FAILED")
    theirs(status="INACTIVE")
    project.state([integration("mine", mine), {**integration("seen", seen), "external": True}], stack="dev")
    elsewhere = integration("same-id", seen, environment="sandbox")
    project.state([integration("other", other), elsewhere], stack="prod")

    result = project.run("import", "-s", "dev", "--other-stack", "prod", "--json")

    found = {each["integrationId"]: each for each in json.loads(result.stdout)["integrations"]}
    assert (result.exit_code, set(found)) == (0, {seen, failed})
    assert found[failed] == {
        "integrationId": failed,
        "source": "adyen",
        "status": "FAILED",
        "goLiveDate": None,
        "referenceAccountId": None,
    }
    assert changing(project) == []


def test_a_truncated_list_warns(project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Justt's list is truncated, `import` exits with 3.

    The command says that missing integrations can be named with `--id`.
    """
    theirs()
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    result = project.run("import", "--json")
    assert "up to 0 integrations" in result.stderr
    assert "Name missing integrations with --id." in result.stderr
    document = json.loads(result.stdout)
    assert (result.exit_code, document["isComplete"], len(document["notes"])) == (3, False, 1)

    every = project.run("import", "--all", "--json")
    document = json.loads(every.stdout)
    assert (every.exit_code, document["isComplete"], document["isImported"]) == (3, False, False)
    monkeypatch.undo()
    document = json.loads(project.run("import", "--json").stdout)
    assert (document["isComplete"], document["notes"]) == (True, [])


def test_all_with_a_truncated_list_exits_with_3(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Justt's list is truncated, `import --all` imports the listed integrations and exits with 3."""
    there = theirs()
    monkeypatch.setattr(account_records, "cut_short", lambda *_: "more may follow.")
    whole = account_records.listed
    monkeypatch.setattr(account_records, "listed", lambda account: replace(whole(account), is_complete=False))
    result = project.run("import", "--all", "--answers", answers({there: STRIPE}), "--yes", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["isComplete"], document["isImported"]) == (3, False, True)
    assert document["notes"] == ["more may follow. Name missing integrations with --id."]


def test_integrations_that_cannot_be_imported_are_refused(project: FakePulumi, theirs: Theirs) -> None:
    """If the given ids can't be imported, `import` imports nothing and names each id with its reason."""
    mine, adopted, other, gone = theirs(), theirs(), theirs(), theirs(status="INACTIVE")
    project.state([integration("mine", mine), integration("taken", adopted, adoptId=adopted)], stack="dev")
    project.state([integration("other", other)], stack="prod")
    ids = [text for each in (mine, adopted, other, gone, "unknown") for text in ("--id", each)]

    result = project.run("import", "-s", "dev", "--other-stack", "prod", *ids, "--yes")

    assert result.exit_code == 3
    *lines, last = result.stderr.splitlines()
    assert lines == [
        "error: nothing was imported:",
        f"  {mine} is in this stack already, as 'mine': leave it out.",
        (
            f"  {adopted} is in this stack already, adopted as 'taken'. To own it, remove adopt_id from the program "
            "and run `pulumi up`."
        ),
        (
            f"  {other} is managed by prod, as 'other', and two stacks would both replace and deactivate it. To only "
            "read it, use PaymentIntegration.get; to move it, remove it from that stack with `pulumi state delete` "
            "first."
        ),
        f"  {gone} is INACTIVE, which is final: leave it out.",
    ]
    assert last.startswith("  verifying unknown: Justt answered 404")
    assert changing(project) == []


def test_problems_of_ids_and_answers_are_reported_together(
    project: FakePulumi, theirs: Theirs, answers: Answers
) -> None:
    """If one id can't be imported and another id has an invalid answer, `import` reports both in one run."""
    gone, there = theirs(status="INACTIVE"), theirs()
    content = {gone: STRIPE, there: {**STRIPE, "external_identifier": ""}}
    result = project.run("import", "--answers", answers(content))
    assert result.stderr.splitlines()[1:] == [
        f"  {gone} is INACTIVE, which is final: leave it out.",
        f"  {there}: external_identifier: must not be empty",
    ]


def test_an_account_without_candidates_is_no_error(project: FakePulumi) -> None:
    """If an account has no candidates, `import` says so without a prompt, and exits with 0."""
    for arguments in (["--all"], []):
        result = project.run("import", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "There is nothing to import.\n")
    listed = project.run("import", "--all", "--json")
    assert json.loads(listed.stdout) == {
        "isComplete": True,
        "notes": [],
        "integrations": [],
        "isImported": False,
        "program": "",
        "configuration": [],
        "commands": [],
        "file": None,
        "failure": None,
    }
    assert changing(project) == []


def test_an_api_error_ends_the_command(project: FakePulumi, simulator: SimulatorServer) -> None:
    """If Justt refuses to read the given id, `import` exits with 3 and shows Justt's response."""
    simulator.add_fault(Fault.parse("GET * status=403"))
    result = project.run("import", "--id", "x", "--yes")
    assert result.exit_code == 3
    assert "error: verifying x: Justt answered 403" in result.stderr


def test_id_and_all_exclude_each_other(project: FakePulumi) -> None:
    """`import` with both `--id` and `--all` is a usage error."""
    assert project.run("import", "--all", "--id", "x").exit_code == 2


def test_an_invalid_account_is_a_usage_error(project: FakePulumi) -> None:
    """`import` refuses an `--account` that an HTTP header can't contain, before any request."""
    result = project.run("import", "--account", "an account")
    assert result.exit_code == 2
    assert "an account must be visible ASCII without spaces, as it is sent as a header" in result.stderr
    assert project.calls == []


# From an answers file


def test_an_answers_file_selects_what_is_imported(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """`import --answers` imports only the integrations in the file.

    If a credential is a reference, `import` sets no configuration.
    """
    stripe, _ = theirs(), theirs()
    result = project.run("import", "-s", "dev", "--answers", answers({stripe: STRIPE}), "--yes", "--json")

    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    named = [(each["integrationId"], each["resourceName"]) for each in document["integrations"]]
    assert named == [(stripe, "stripe-eu")]
    assert (document["isImported"], document["configuration"], document["commands"]) == (True, [], [])
    assert document["program"] == (
        "import pulumi_justt as justt\n"
        "\n"
        "stripe_eu = justt.PaymentIntegration(\n"
        '    "stripe-eu",\n'
        '    external_identifier="stripe-eu-main",\n'
        '    integration_name="Stripe EU",\n'
        '    source="stripe",\n'
        '    credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("STRIPE_KEY")),\n'
        "    deletion_protection=True,\n"
        ")\n"
    )
    options = "--yes --skip-preview --generate-code=false --protect=false --file /dev/stdin"
    assert changing(project) == [f"import {options} --stack dev --non-interactive"]
    (resource,) = project.imported
    assert (resource["inputs"]["deletionProtection"], resource["outputs"]["deletionProtection"]) == (True, True)


@pytest.mark.parametrize("how", ["created", "adopted"])
def test_an_owner_in_the_journal_is_a_warning(  # noqa: PLR0913, PLR0917 - fixtures
    project: FakePulumi,
    simulator: SimulatorServer,
    theirs: Theirs,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: str,
) -> None:
    """If the journal says that another stack owns or adopts an integration, `import` prints a warning with that owner.

    Two owners would deactivate the integration for each other.
    """
    monkeypatch.setenv("JUSTT_STATE_DIR", str(tmp_path / "journal"))
    stripe, journal = theirs(), Journal(tmp_path / "journal")
    note = journal.claim if how == "created" else journal.hold_adoption
    note(simulator.base_url, stripe, "urn:pulumi:prod::shop::type::theirs")
    result = project.run("import", "-s", "dev", "--answers", answers({stripe: STRIPE}), "--yes")
    assert result.exit_code == 0, result.stderr
    assert f"warning: {stripe}: the journal on this machine says that 'urn:pulumi:prod::shop::type::theirs' has it" in (
        " ".join(result.stderr.split())
    )


def test_a_pending_decision_of_recover_is_refused(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers, tmp_path: Path
) -> None:
    """If the next update will deactivate an integration, as the user decided in `recover`, `import` refuses it."""
    stripe, journal, now = theirs(), Journal(tmp_path / "journal"), time.time()
    lost = Intent("urn:pulumi:dev::shop::type::lost", simulator.base_url, None, "shop", "stripe", now, now)
    assert journal.write_intent(lost)
    assert journal.decide(lost, Decision("deactivate", stripe))
    environ = {"JUSTT_STATE_DIR": str(tmp_path / "journal")}

    result = project.run("import", "-s", "dev", "--answers", answers({stripe: STRIPE}), "--yes", environ=environ)

    assert (result.exit_code, changing(project)) == (3, [])
    assert (
        "your decision in `pulumi-justt recover` was to deactivate it for 'urn:pulumi:dev::shop::type::lost'"
        in result.stderr
    )


def test_the_end_of_an_import_names_the_steps_of_a_rotation(
    project: FakePulumi, theirs: Theirs, answers: Answers
) -> None:
    """After an import with `deletion_protection`, stderr says that it allows rotations.

    It names the two steps that a rotation takes with Pulumi's `protect`.
    """
    lines = project.run("import", "--answers", answers({theirs(): STRIPE}), "--yes").stderr.splitlines()
    place = lines.index(
        "deletion_protection=True allows rotations. If you set Pulumi's protect=True instead, a rotation takes two "
        "steps:"
    )
    assert lines[place + 1 : place + 3] == [
        "  1. Remove protect=True from the program, change the credential, and run `pulumi up`.",
        "  2. Set protect=True again, and run `pulumi up`.",
    ]


def test_no_protect_leaves_out_deletion_protection(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """With `import --no-protect`, neither the program nor the state has `deletion_protection`."""
    result = project.run("import", "--answers", answers({theirs(): STRIPE}), "--yes", "--no-protect")
    assert result.stdout.startswith("import pulumi_justt as justt\n\nstripe_eu")
    assert "protect" not in result.stdout
    assert "They are protected" not in result.stderr
    assert "a rotation takes two steps" not in result.stderr
    assert "a destroy or a replacement deactivates them at Justt" in result.stderr
    assert "--protect=false" in changing(project)[0]
    (resource,) = project.imported
    assert "deletionProtection" not in {**resource["inputs"], **resource["outputs"]}


def test_the_account_of_an_answer_wins(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers
) -> None:
    """`import` uses the account in an answer, or else the account of `--account`.

    The program contains the account, unless the configuration has it.
    """
    one, two = theirs(account="acct_1"), theirs(account="acct_2")
    content = {one: STRIPE, two: {**STRIPE, "resource_name": "two", "reference_account_id": "acct_2"}}
    result = project.run("import", "--answers", answers(content), "--account", "acct_1", "--yes")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count('    reference_account_id="acct_1",\n') == 1
    assert result.stdout.count('    reference_account_id="acct_2",\n') == 1

    secret = {"justt:apiKey": "a-key-of-the-simulator"}
    project.config({"justt:baseUrl": simulator.base_url, "justt:referenceAccountId": "acct_1"}, secret)
    result = project.run("import", "--answers", answers({one: STRIPE}), "--yes")
    assert result.exit_code == 0, result.stderr
    assert "reference_account_id" not in result.stdout


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"resource_nam": "x"}, "resource_nam is not an answer (did you mean 'resource_name'?); answers are "),
        ({"resource_name": ["x"]}, "resource_name: must be text"),
        ({"resource_name": "-x"}, "resource_name: must begin with a letter or digit"),
        ({"resource_name": "taken"}, "resource_name: there is already a resource 'taken'"),
        (
            {"external_identifier": "x" * 256},
            "external_identifier: must have at most 255 characters, has 256: shorten it",
        ),
        ({"integration_name": ["x"]}, "integration_name: must be text, got a list: give one text"),
        ({"merchant_account_codes": "x"}, "merchant_account_codes: must be a list of strings"),
        ({"reference_account_id": "a b"}, "reference_account_id: must be visible ASCII without spaces"),
        ({"credentials": "ApiKeyOnl"}, "credentials: must be one of ApiKeyOnly, "),
        ({"credentials": "Unlisted"}, "secret_type: is required with credentials Unlisted"),
        ({"secret_type": "APIKEY_ONLY"}, "secret_type: is only allowed with credentials Unlisted"),
        (
            {"fields": []},
            "fields: must map each field (api_key) to where its credential is: {variable: NAME}",
        ),
        ({"fields": "apikey"}, "fields: must map each field (api_key) to where its credential is"),
        ({"fields": {}}, "credentials.api_key: is required by ApiKeyOnly"),
        (
            {"fields": {"apiKey": {"fromEnv": "X"}}},
            "fields: 'apiKey' (did you mean 'api_key'?) is not a field of these credentials, which have only api_key",
        ),
        ({"fields": {"canary-secret": {"fromEnv": "X"}}}, "fields: a text of 13 characters is not a field of these"),
        ({"fields": {"api_key": "canary-secret"}}, "fields.api_key: say where the credential is"),
        ({"fields": {"api_key": {"variable": "X", "version": 1}}}, "'version' is not expected beside variable: use {"),
        ({"fields": {"api_key": {"fromEnv": "X", "fromFile": "X"}}}, "'fromFile' is not expected beside fromEnv: use"),
        ({"fields": {"api_key": {"fromEnv": "X", "versio": 1}}}, "'versio' (did you mean 'version'?) is not expected"),
        ({"fields": {"api_key": {"fromFile": ["X"]}}}, "fields.api_key: say where the credential is"),
        ({"fields": {"api_key": {"variabel": "X"}}}, "fields.api_key: 'variabel' (did you mean 'variable'?) is not"),
        ({"fields": {"api_key": {"canary-secret": "X"}}}, "fields.api_key: a text of 13 characters is not expected"),
        ({"fields": {"api_key": {"fromFile": "X", "version": "two"}}}, "version must be a whole number"),
        ({"fields": {"api_key": {"fromEnv": "X", "version": 0}}}, "version starts at 1; got 0"),
        ({"fields": {"api_key": {"variable": "UNSET_KEY"}}}, "comes from the variable 'UNSET_KEY', which is not set"),
        (
            {"fields": {"api_key": {"variable": "sk_live_canary"}}},
            "takes the name of an environment variable, not its value",
        ),
    ],
)
def test_an_invalid_answer_is_refused(
    project: FakePulumi, theirs: Theirs, answers: Answers, change: dict[str, Any], expected: str
) -> None:
    """If an answer is invalid, `import` imports nothing.

    The error names the integration and the problem, but shows no credential.
    """
    project.state([integration("taken", "elsewhere")])
    stripe = theirs()
    result = project.run("import", "--answers", answers({stripe: {**STRIPE, **change}}), "--yes")
    assert result.exit_code == 3
    assert f"\n  {stripe}: " in result.stderr
    assert expected in result.stderr
    assert "canary" not in result.output
    assert changing(project) == []


def test_all_invalid_answers_are_reported_at_once(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """`import` reports all invalid answers for one integration, also if the answers for another one are valid."""
    one, two = theirs(), theirs()
    lacking = {"resource_name": "stripe-eu", "credentials": "Sftp", "fields": {"username": {"fromEnv": "X"}}}
    result = project.run("import", "--answers", answers({one: STRIPE, two: lacking}))
    first, *problems = result.stderr.splitlines()
    assert first == "error: nothing was imported:"
    assert problems == [
        f"  {two}: resource_name: there is already a resource 'stripe-eu'",
        f"  {two}: external_identifier: is required",
        f"  {two}: integration_name: is required",
        f"  {two}: credentials.password: is missing: Sftp needs password or private_key",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [canary", "the answers are neither YAML nor JSON at line 1"),
        ("\x00canary", "the answers are neither YAML nor JSON"),
        ("- canary", "the answers must be a mapping from the ids of integrations"),
        ("a: canary", "the answers must be a mapping from the ids of integrations"),
    ],
)
def test_a_file_that_is_not_an_answers_file_is_refused(
    project: FakePulumi, tmp_path: Path, text: str, expected: str
) -> None:
    """If the file of `--answers` has another form, `import` exits with 3 and doesn't show the file's content."""
    (tmp_path / "answers").write_text(text)
    result = project.run("import", "--answers", str(tmp_path / "answers"))
    assert result.exit_code == 3
    assert expected in result.stderr
    assert "canary" not in result.output


def test_an_unlisted_source_and_secret_type_are_imported(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """For an unlisted source and secret type, the program has `allow_unlisted=True` and `Unlisted` credentials."""
    unlisted = {
        "credentials": "Unlisted",
        "secret_type": "OAUTH",
        "fields": {"client-id": {"fromEnv": "CLIENT", "version": 2}, "token": {"variable": "TOKEN"}},
    }
    file = answers({theirs("shopify"): {**STRIPE, **unlisted}})
    result = project.run("import", "--answers", file, "--yes", environ={"TOKEN": canary("token")})
    assert result.exit_code == 0, result.stderr
    assert formatted(result.stdout) == result.stdout
    assert (
        "    credentials=justt.credentials.Unlisted(\n"
        '        secret_type="OAUTH",\n'
        "        payload={\n"
        '            "client-id": justt.from_env("CLIENT", version=2),\n'
        '            "token": config.require_secret("stripeEuToken"),\n'
        "        },\n"
        "    ),\n"
        "    allow_unlisted=True,\n"
    ) in result.stdout


def test_an_unlisted_source_has_its_class(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """For an unlisted source with listed credentials, the generated program has an `UnlistedSource`, and no flag."""
    result = project.run("import", "--answers", answers({theirs("shopify"): STRIPE}), "--yes")
    assert result.exit_code == 0, result.stderr
    assert '    source=justt.UnlistedSource("shopify"),\n' in result.stdout
    assert "allow_unlisted" not in result.stdout


def test_two_names_for_one_configuration_key_are_refused(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If two credentials would get the same key in the configuration, `import` refuses the second one."""
    unlisted = {"credentials": "Unlisted", "secret_type": "OAUTH", "fields": {"key": {"variable": "STRIPE_KEY"}}}
    one, two = theirs(), theirs()
    content = {one: {**BY_VALUE, "resource_name": "shop"}, two: {**STRIPE, **unlisted, "resource_name": "shop-api"}}
    result = project.run("import", "--answers", answers(content), environ={"STRIPE_KEY": canary("value")})
    assert result.stderr.splitlines()[1].startswith(f"  {two}: the configuration has shopApiKey already")


def test_similar_fields_get_different_keys(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the fields of an unlisted type have similar names, each credential gets its own key in the configuration."""
    fields = {"apiKey": {"variable": "ONE"}, "api_key": {"variable": "TWO"}, "api-key": {"variable": "THREE"}}
    unlisted = {"credentials": "Unlisted", "secret_type": "OAUTH", "fields": fields, "resource_name": "shop"}
    environ = {name: canary(name) for name in ("ONE", "TWO", "THREE")}

    result = project.run("import", "--answers", answers({theirs(): {**STRIPE, **unlisted}}), "--yes", environ=environ)

    assert result.exit_code == 0, result.stderr
    for field, key in (("apiKey", "shopApiKey"), ("api_key", "shopApiKey_2"), ("api-key", "shopApiKey_3")):
        assert f'"{field}": config.require_secret("{key}")' in result.stdout


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("stripe-eu", "stripe_eu"),
        ("2checkout", "integration_2checkout"),
        ("class", "class_"),
        ("justt", "justt_2"),
        ("Stripe.EU", "stripe_eu"),
        ("a--b", "a_b"),
    ],
)
def test_resource_names_become_variables(
    project: FakePulumi, theirs: Theirs, answers: Answers, name: str, variable: str
) -> None:
    """In the generated program, a resource's name becomes a variable that is a valid and unused Python name."""
    result = project.run("import", "--answers", answers({theirs(): {**STRIPE, "resource_name": name}}), "--yes")
    assert f'\n{variable} = justt.PaymentIntegration(\n    "{name}",\n' in result.stdout


# Values


def test_values_become_secrets_of_the_configuration(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """`import` stores each value in the configuration as a secret under its own key.

    No argument and no output shows a value.
    """
    value = canary("value")
    file = answers({theirs(): BY_VALUE, theirs(): {**BY_VALUE, "resource_name": "stripe.eu"}})
    result = project.run("import", "--answers", file, "--yes", environ={"STRIPE_KEY": value})
    assert result.exit_code == 0, result.stderr
    assert "stripe_eu_2 = justt" in result.stdout
    assert 'config.require_secret("stripeEuApiKey")' in result.stdout
    assert 'config.require_secret("stripeEu2ApiKey")' in result.stdout
    assert "Set in the configuration, encrypted: stripeEuApiKey, stripeEu2ApiKey." in result.stderr
    assert [call.partition(" --non")[0] for call in changing(project)[1:]] == [
        "config set --secret stripeEuApiKey",
        "config set --secret stripeEu2ApiKey",
    ]
    assert value not in result.output + "".join(project.calls)


def test_the_configuration_is_not_overwritten(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers
) -> None:
    """If the configuration has a credential's key already, `import` is refused.

    With `--no-config`, `import` imports the integration and shows the commands that set the configuration.
    """
    secret = {"justt:apiKey": "a-key-of-the-simulator", "shop:stripeEuApiKey": "another"}
    project.config({"justt:baseUrl": simulator.base_url}, secret)
    arguments = ("import", "--answers", answers({theirs(): BY_VALUE}), "--yes")
    result = project.run(*arguments, environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 3
    assert "the configuration has stripeEuApiKey already: use another resource_name, or run" in result.stderr
    assert changing(project) == []

    result = project.run(*arguments, "--no-config", environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 0
    assert f"Run:\n  {SETTING} --cwd {project.project}\n" in result.stderr
    assert len(changing(project)) == 1


def test_a_failed_configuration_shows_the_remaining_commands(
    project: FakePulumi, theirs: Theirs, answers: Answers
) -> None:
    """If the CLI can't set the configuration after an import, `import` shows the program and the commands that remain.

    The command exits with 3.
    """
    project.fails({"config set": "error: disk full"})
    result = project.run(
        "import", "--answers", answers({theirs(): BY_VALUE}), "--yes", environ={"STRIPE_KEY": canary("value")}
    )
    assert result.exit_code == 3
    assert "stripe_eu = justt.PaymentIntegration(" in result.stdout
    assert f"Run:\n  {SETTING} --cwd {project.project}\n" in result.stderr
    assert "error: not all credentials are in the configuration: setting stripeEuApiKey" in result.stderr
    assert "disk full" in result.stderr


def test_a_refused_import_sets_nothing(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the CLI refuses the import, `import` shows the CLI's error and sets no configuration."""
    project.fails({"import": "error: the stack is currently locked"})
    result = project.run(
        "import", "--answers", answers({theirs(): BY_VALUE}), "--yes", environ={"STRIPE_KEY": canary("value")}
    )
    assert (result.exit_code, result.stdout) == (3, "")
    assert "importing of the selected stack" in result.stderr
    assert "the stack is currently locked" in result.stderr
    assert len(changing(project)) == 1


def test_a_partial_import_shows_the_program_of_what_was_imported(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the CLI imports only a part, `import` shows the program of this part.

    Without it, the next update would delete the imported resources.
    """
    one, two = theirs(), theirs()

    def fail(_: Stack, document: str) -> None:
        assert [each["id"] for each in json.loads(document)["resources"]] == [one, two]
        project.state([integration("two", two)])
        raise StackError("importing: it said no.")

    monkeypatch.setattr(Stack, "import_resources", fail)
    file = answers({one: BY_VALUE, two: {**BY_VALUE, "resource_name": "two"}})
    result = project.run("import", "--answers", file, "--yes", environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 3
    assert "two = justt.PaymentIntegration(" in result.stdout
    assert "stripe_eu" not in result.stdout
    assert "Set in the configuration, encrypted: twoApiKey." in result.stderr
    assert (
        "error: not everything was imported: importing: it said no. Run the command again to import the others."
        in result.stderr
    )


def test_an_unknown_import_result_shows_the_whole_program(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If `import` can't find out which integrations were imported, it shows the whole program.

    The command also shows the first error and what to do.
    """

    def fail(*_: object, **__: object) -> None:
        project.fails({"stack export": "error: the backend is away"})
        raise StackError("importing: it said no.")

    monkeypatch.setattr(Stack, "import_resources", fail)
    arguments = ["import", "--answers", answers({theirs(): BY_VALUE}), "--yes"]
    result = project.run(*arguments, environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 3
    assert "stripe_eu = justt.PaymentIntegration(" in result.stdout
    assert "Imported" not in result.stderr
    assert f"Run:\n  {SETTING} --cwd {project.project}\n" in result.stderr
    assert changing(project) == []
    *_, last = result.stderr.splitlines()
    assert last.startswith(
        "error: not everything was imported: importing: it said no. The command could not find out which "
        "integrations were imported: export"
    )
    assert "the backend is away" in last
    assert last.endswith(
        "When the stack can be read again, run the same command again. Keep only the resources of this program that "
        "are in the stack. For the others, `pulumi up` would create duplicates."
    )

    project.fails({})
    document = json.loads(project.run(*arguments, "--json", environ={"STRIPE_KEY": canary("value")}).stdout)
    assert (document["isImported"], [each["resourceName"] for each in document["integrations"]]) == (
        None,
        ["stripe-eu"],
    )


def test_a_repeated_run_skips_what_is_imported(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the stack has an integration under the answer's name already, `import` skips it with a note.

    The command imports the others.
    """
    one, two, three = theirs(), theirs("adyen"), theirs()
    unnamed = {key: value for key, value in STRIPE.items() if key != "resource_name"}
    named = integration(f"adyen-{two[:8]}", two, source="adyen")
    project.state([integration("stripe-eu", one), named])
    content = {one: STRIPE, two: unnamed, three: {**STRIPE, "resource_name": "three"}}
    for which in ([], ["--all"]):
        result = project.run("import", "--answers", answers(content), "--yes", *which)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.splitlines()[:3] == [
            f"{one} is in this stack already, as 'stripe-eu': skipped.",
            f"{two} is in this stack already, as 'adyen-{two[:8]}': skipped.",
            f"{three} becomes 'three'.",
        ]
        assert "stripe_eu" not in result.stdout
    del content[three]
    result = project.run("import", "--answers", answers(content), "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith("There is nothing to import.\n")


def test_a_different_import_of_the_same_id_is_refused(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the stack has an id under another name, adopted, or waiting for a delete, `import` refuses it.

    An id in another stack or given by `--id` is refused too.
    """
    ids = [theirs() for _ in range(4)]
    project.state(
        [
            integration("another", ids[0]),
            integration("adopted", ids[1], adoptId=ids[1]),
            {**integration("waiting", ids[2]), "delete": True},
        ],
        stack="dev",
    )
    project.state([integration("theirs", ids[3])], stack="prod")
    names = ("one", "adopted", "waiting", "theirs")
    file = answers({each: {**STRIPE, "resource_name": name} for each, name in zip(ids, names, strict=True)})
    stacks = ("-s", "dev", "--other-stack", "prod")
    result = project.run("import", "--answers", file, "--yes", *stacks)
    assert result.exit_code == 3
    assert [line.split()[0] for line in result.stderr.splitlines()[1:]] == ids
    assert "left out." not in result.stderr
    project.state([integration("one", ids[0])], stack="dev")
    result = project.run("import", "--answers", file, "--id", ids[0], "--yes", *stacks)
    assert (result.exit_code, f"{ids[0]} is in this stack already, as 'one': leave it out." in result.stderr) == (
        3,
        True,
    )


def test_nothing_is_imported_without_confirmation(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the user doesn't confirm, `import` exits with 3 and imports nothing."""
    file = answers({theirs(): STRIPE})
    for typed in ("n\n", "\n", ""):
        result = project.run("import", "--answers", file, answers=typed)
        assert result.exit_code == 3
        assert "a destroy or a replacement deactivates them at Justt" in result.stderr
    assert changing(project) == []
    assert project.run("import", "--answers", file, answers="y\n").exit_code == 0


def test_an_existing_file_is_not_overwritten(project: FakePulumi, theirs: Theirs, tmp_path: Path) -> None:
    """If the file that `--out` names exists, `import` exits with 3 before it prompts, and doesn't change the file."""
    theirs()
    (tmp_path / "there").write_text("mine")
    result = project.run("import", "--all", "--out", str(tmp_path / "there"))
    assert result.exit_code == 3
    assert "there exists and is not overwritten" in result.stderr
    assert (tmp_path / "there").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_an_error(
    project: FakePulumi, theirs: Theirs, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the folder of `--out` doesn't exist, `import` is refused at its start.

    If writing the file fails later, nothing is imported.
    """
    arguments = ["import", "--answers", answers({theirs(): STRIPE})]
    result = project.run(*arguments, "--out", str(tmp_path / "no" / "file"))
    assert result.exit_code == 3
    assert f"there is no folder {tmp_path / 'no'}" in result.stderr

    def sealed(_: Stack, texts: Iterable[str]) -> dict[str, str]:
        (tmp_path / "late").mkdir()
        return dict.fromkeys(texts, "sealed")

    monkeypatch.setattr(Stack, "encrypted", sealed)
    result = project.run(*arguments, "--out", str(tmp_path / "late"))
    assert result.exit_code == 3
    assert f"writing {tmp_path / 'late'}: File exists. Name another file." in result.stderr
    assert changing(project) == []


# The CLI

OTHER_KEY = """#!/bin/sh
case "$1" in
    stack) echo '{"deployment": {"secrets_providers": {"type": "new", "state": {"secret": "x"}}}}';;
    config) echo '{"encryptionsalt": "made up", "config": {"shop:x": {"secure": "v1:x"}}}' > "$6";;
    import) cat; exit 1;;
esac
"""


@pytest.fixture
def another(tmp_path: Path) -> Stack:
    """Return a stack whose `pulumi` is a script with other responses."""
    (tmp_path / "pulumi").write_text(OTHER_KEY)
    (tmp_path / "pulumi").chmod(0o755)
    return Stack("dev", tmp_path, command=str(tmp_path / "pulumi"))


def test_an_unsupported_secrets_provider_is_refused(another: Stack) -> None:
    """If `import` can't encrypt with the stack's key, it is refused.

    The file would contain text that the stack can't decrypt.
    """
    with pytest.raises(StackError, match="encrypting for dev: its kind of secrets provider is not supported"):
        another.encrypted(["canary"])


def test_the_file_for_encryption_is_private_and_removed(
    another: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`import --out` encrypts in a temporary folder that only its owner can read.

    The folder is removed afterwards, also after an error. The credential goes through a pipe: it is in no file.
    """
    script = Path(another.command)
    script.write_text(OTHER_KEY.replace("config) ", 'config) cat > given; ls -ld "${6%/*}" > seen; cp "$6" before; '))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with pytest.raises(StackError):
        another.encrypted(["canary"])

    assert (tmp_path / "seen").read_text().startswith("drwx------")
    assert (tmp_path / "given").read_text() == "canary\n"
    assert (tmp_path / "before").read_text() == "{}"
    assert [*(tmp_path / "tmp").iterdir()] == []


def test_errors_of_an_update_are_extracted(another: Stack) -> None:
    """The CLI prints the errors of an import to stdout, among its progress.

    The error of `import` shows each of them once, and no progress.
    """
    printed = (
        " =  t a **importing failed** error: it exists\n"
        "Diagnostics:\n"
        "  pulumi:pulumi:Stack (shop-dev):\n"
        "    error: update failed\n"
        "  t (a):\n"
        "    error: it exists\n"
        "    warning: no matter\n"
        "    error: it exists\n"
    )
    with pytest.raises(StackError) as raised:
        another.import_resources(printed)
    assert "said: update failed it exists. " in f"{raised.value} "


# Prompts

TYPED = {
    "ApiKeyOnly": ["secret-value"],
    "PublicSecretKey": ["secret-value", "open"],
    "BasicAuth": ["secret-value", "secret-value"],
    "UsernamePassword": ["secret-value", "secret-value"],
    "Hmac": ["secret-value", "secret-value", "open", ""],
    "ApiKey": ["secret-value", "", "open"],
    "Sftp": ["secret-value", "", "FILE", "secret-value"],
}
"""What the user types for the fields of each credential type."""


@pytest.mark.parametrize("shape", TYPED)
def test_prompts_for_values(project: FakePulumi, theirs: Theirs, tmp_path: Path, shape: str) -> None:
    """For each type of credentials, `import` prompts for the fields.

    Neither the output nor the generated program contains a secret.
    """
    assert TYPED.keys() == {each.__name__ for each in CREDENTIAL_TYPES.values()}
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret-value\n-----END PRIVATE KEY-----\n")
    fields = [text.replace("FILE", str(tmp_path / "key.pem")) for text in TYPED[shape]]
    first = theirs("paypal")
    typed = ["1", "my-shop", "shop-1", "Shop", shape, *fields, "b, a", "y", ""]
    result = project.run("import", answers="\n".join(typed))
    assert result.exit_code == 0, result.output
    assert "secret-value" not in result.output
    assert f"The paypal integration {first} (PENDING):" in result.stderr
    assert formatted(result.stdout) == result.stdout
    ast.parse(result.stdout)
    assert f"justt.credentials.{shape}(" in result.stdout
    assert result.stdout.count("config.require_secret(") == sum(text not in ("", "open") for text in fields)
    assert result.stdout.count('="open"') == fields.count("open")
    assert '    merchant_account_codes=["a", "b"],\n' in result.stdout


@pytest.mark.parametrize(
    ("source", "default"),
    [("stripe", " [ApiKeyOnly]"), ("braintree", " [PublicSecretKey]"), ("paypal", " [BasicAuth]"), ("nuvei", "")],
)
def test_the_usual_credentials_are_the_default(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, source: str, default: str
) -> None:
    """The prompt for the type of credentials offers the one that the table of the PSPs names for the source."""
    simulator.options = replace(simulator.options, extra_sources=frozenset({"nuvei"}))
    theirs(source)
    prompt = project.run("import", answers="1\n\nshop-1\nShop\n").stderr.partition("Credentials ")[2]
    assert prompt.partition(")")[2].partition(":")[0] == default


def test_prompts_for_references(project: FakePulumi, theirs: Theirs) -> None:
    """With `--credentials from-env`, `import` prompts for the names of variables.

    If a name is invalid, `import` prompts for it again.
    """
    adyen = theirs("adyen")
    typed = ["9", "all", "", "adyen-1", "Adyen", "", "sk_live_x", "", "ADYEN_KEY", "M-1", "", "", "y", ""]
    result = project.run("import", "--credentials", "from-env", answers="\n".join(typed))
    assert result.exit_code == 0, result.output
    assert "'9' selects nothing" in result.stderr
    assert "hmac: from_env takes the name of an environment variable, not its value" in result.stderr
    assert (
        "    credentials=justt.credentials.Hmac(\n"
        f'        hmac=justt.from_env("ADYEN_{adyen[:8].upper()}_HMAC"),\n'
        '        api_key=justt.from_env("ADYEN_KEY"),\n'
        '        merchant_code="M-1",\n'
        "    ),\n"
    ) in result.stdout
    assert "config" not in result.stdout


def test_invalid_values_are_prompted_for_again(project: FakePulumi, theirs: Theirs) -> None:
    """If the name of the second resource is taken, `import` prompts for its values again.

    The command keeps the values of the first resource.
    """
    theirs()
    theirs()
    one = ["one", "s-1", "S", "", "secret-value", ""]
    typed = ["all", *one, *one, "two", "s-2", "S", "", "secret-value", "", "y", ""]
    result = project.run("import", answers="\n".join(typed))
    assert result.exit_code == 0, result.output
    assert result.stderr.count("resource_name: there is already a resource 'one'") == 1
    assert result.stderr.count("Please enter the values again:") == 1
    assert "Imported: one, two." in result.stderr


def test_a_concurrent_import_is_refused(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another import adds the integration to the stack during the prompts, `import` is refused."""
    one = theirs()
    monkeypatch.setattr(Terminal, "confirm", lambda *_: project.state([integration("another", one)]))
    result = project.run("import", "--answers", answers({one: STRIPE}))
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"  {one} is now in this stack, as 'another'." in result.stderr
    assert changing(project) == []


def test_end_of_input_imports_nothing(project: FakePulumi, theirs: Theirs) -> None:
    """If the input ends at a prompt, `import` imports nothing and names the options for a run without prompts."""
    theirs()
    result = project.run("import")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Nothing was imported. To run without prompts, use --answers and --yes.\nStopped.\n" in result.stderr
    assert changing(project) == []


def test_answers_must_be_utf8(project: FakePulumi, tmp_path: Path) -> None:
    """If the file of `--answers` is not in UTF-8, `import` reports a usage error."""
    (tmp_path / "answers.yaml").write_bytes(b"\xff\xfe")
    result = project.run("import", "--answers", str(tmp_path / "answers.yaml"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Invalid value for '--answers': the file must be in UTF-8" in result.stderr


@pytest.mark.parametrize(
    ("project", "folder"),
    [
        ("name: shop\n", "."),
        ("name: shop\nmain: infra\n", "infra"),
        ("name: shop\nmain: infra/\n", "infra"),
        ("main: 'infra/app.py'\nname: shop\n", "infra"),
        ('{"name": "shop", "main": "infra"}', "infra"),
        ("{name: shop, main: infra, runtime: python}", "infra"),
        ("name: shop\nconfig:\n  main: infra\n", "."),
        ("name: shop\ndescription: |\n  main: infra\n", "."),
        ("name: [\n", "."),
    ],
)
def test_files_are_relative_to_the_program(tmp_path: Path, project: str, folder: str) -> None:
    """`program_folder` returns the folder in which the program runs: the project's, or the one that `main` names."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(project)

    assert program_folder(tmp_path).resolve() == (tmp_path / folder).resolve()
    assert program_folder(tmp_path / "infra").resolve() == (tmp_path / folder).resolve()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_answers_stay_as_they_are_written(
    project: FakePulumi, theirs: Theirs, tmp_path: Path, encoding: str, line_break: str
) -> None:
    """`import` reads YAML's numbers, booleans and dates in an answers file as text.

    The file's line breaks and a byte order mark don't matter.
    """
    lines = [
        f"{theirs()}:",
        "  external_identifier: 2027-01-31",
        "  integration_name: no",
        "  credentials: ApiKeyOnly",
        "  fields:",
        "    api_key: {fromEnv: STRIPE_KEY}",
        "  merchant_account_codes: [0123, 1_000, 0x1F, 1e3, yes, 'null', 12:30:45, Ünal]",
    ]
    file = tmp_path / "answers.yaml"
    file.write_bytes("".join(f"{line}{line_break}" for line in lines).encode(encoding))

    result = project.run("import", "--answers", str(file), "--yes", "--json")

    assert result.exit_code == 0, result.output
    (imported,) = project.imported
    inputs = imported["inputs"]
    assert (inputs["externalIdentifier"], inputs["integrationName"]) == ("2027-01-31", "no")
    codes = {"0123", "1_000", "0x1F", "1e3", "yes", "null", "12:30:45", "Ünal"}
    assert {*inputs["merchantAccountCodes"]} == codes


BILLIONS = "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 9)}]\n" for level in range(12)
)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("one: {reference_account_id: null, integration_name: }", "one: reference_account_id: is null; leave it out"),
        ("one: {reference_account_id: null, integration_name: }", "one: integration_name: is null"),
        ("one: {merchant_account_codes: [a, ~]}", "one: merchant_account_codes.1: is null"),
        ('{"one": {"fields": {"api_key": null}}}', "one: fields.api_key: is null"),
        ("one: {resource_name: a}\none: {resource_name: b}", "the answers have 'one' twice, the second time at line 2"),
        ("one:\n  resource_name: a\n  resource_name: b\n", "have 'resource_name' twice, the second time at line 3"),
        ('{"one": {"resource_name": "a", "resource_name": "b"}}', "the answers have 'resource_name' twice"),
        ("[" * 5_000, "the answers are nested too deeply"),
        ('{"a": ' * 5_000, "the answers are nested too deeply"),
        (BILLIONS, "the answers expand to more than 1,000,000 values by their aliases (*)"),
        ("one: &a\n  fields: *a", "the answers expand to more than 1,000,000 values by their aliases"),
        ("one: [", "the answers are neither YAML nor JSON at line 1"),
    ],
)
def test_ambiguous_answers_are_refused(project: FakePulumi, tmp_path: Path, answers: str, expected: str) -> None:
    """If an answers file has a null, a key twice or too many levels or aliases, `import` imports nothing.

    The error names the place.
    """
    (tmp_path / "answers.yaml").write_text(answers)

    result = project.run("import", "--answers", str(tmp_path / "answers.yaml"), "--yes")

    assert (result.exit_code, result.stdout) == (3, "")
    assert expected in result.stderr
    assert "inside pulumi-justt" not in result.stderr
    assert changing(project) == []


def test_answers_may_be_json(project: FakePulumi, theirs: Theirs, tmp_path: Path) -> None:
    """`import` reads an answers file in JSON with tabs and surrogate pairs, which YAML does not accept."""
    answers = {
        theirs(): {
            "external_identifier": "shop",
            "integration_name": "Shop \N{GRINNING FACE}",
            "credentials": "ApiKeyOnly",
            "fields": {"api_key": {"fromEnv": "STRIPE_KEY", "version": 2}},
        }
    }
    (tmp_path / "answers.json").write_text(json.dumps(answers, indent="\t"))

    result = project.run("import", "--answers", str(tmp_path / "answers.json"), "--yes", "--json")

    assert result.exit_code == 0, result.output
    (imported,) = project.imported
    assert imported["inputs"]["integrationName"] == "Shop \N{GRINNING FACE}"
    assert imported["inputs"]["secretReferences"]["apiKey"]["version"] == 2
