"""`pulumi-justt import` without the engine: the selection, the prompts, and the generated program."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
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
    """Return the calls of the CLI so far that change something."""
    return [call for call in project.calls if call.startswith(("import", "config set"))]


def formatted(text: str) -> str:
    """Return *text* as ruff formats it with its defaults."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def candidates() -> list[Candidate]:
    """Return three candidates."""
    ids = ("id-1", "id-2", "id-3")
    return [Candidate(RemoteRecord(integration_id=each, source="stripe", status="PENDING"), None) for each in ids]


# The selection


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
def test_a_selection_mixes_numbers_ranges_and_ids(text: str, numbers: list[int]) -> None:
    """Numbers, ranges, ids and `all` can be combined, and each integration is taken once."""
    assert [candidate.id for candidate in picked(text, candidates())] == [f"id-{number}" for number in numbers]


@pytest.mark.parametrize("text", ["0", "4", "2-4", "3-2", "id-4", "-1", "1-", "one", "²", "1-2-3"])
def test_an_invalid_selection_is_rejected(text: str) -> None:
    """A number, a range or an id that is not in the table is rejected."""
    with pytest.raises(ImportRefused, match="picks nothing: say numbers from 1 to 3"):
        picked(text, candidates())


def test_only_live_unmanaged_integrations_are_listed(project: FakePulumi, theirs: Theirs) -> None:
    """INACTIVE and managed integrations are not listed. A resource that only looks one up doesn't manage it."""
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


def test_a_truncated_list_is_marked(project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A truncated list says so, and how to name an integration that is not in it."""
    theirs()
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    result = project.run("import", "--json")
    assert "as far as 0 integrations" in result.stderr
    assert "Name what is missing by --id." in result.stderr
    document = json.loads(result.stdout)
    assert (result.exit_code, document["isComplete"], len(document["notes"])) == (3, False, 1)

    every = project.run("import", "--all", "--json")
    document = json.loads(every.stdout)
    assert (every.exit_code, document["isComplete"], document["isImported"]) == (3, False, False)
    monkeypatch.undo()
    document = json.loads(project.run("import", "--json").stdout)
    assert (document["isComplete"], document["notes"]) == (True, [])


def test_all_with_a_truncated_list_is_incomplete(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--all` with a truncated list imports the listed integrations, and exits as incomplete."""
    there = theirs()
    monkeypatch.setattr(account_records, "cut_short", lambda *_: "more may follow.")
    whole = account_records.listed
    monkeypatch.setattr(account_records, "listed", lambda account: replace(whole(account), is_complete=False))
    result = project.run("import", "--all", "--answers", answers({there: STRIPE}), "--yes", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["isComplete"], document["isImported"]) == (3, False, True)
    assert document["notes"] == ["more may follow. Name what is missing by --id."]


def test_ids_that_cannot_be_imported_are_all_reported(project: FakePulumi, theirs: Theirs) -> None:
    """All ids that can't be imported are reported at once with their reasons, and nothing is imported."""
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
            f"  {adopted} is in this stack already, adopted as 'taken': take adopt_id out of the program, and the next "
            "`pulumi up` makes it this stack's own."
        ),
        (
            f"  {other} is managed by prod, as 'other', and two stacks would both replace and deactivate it: look at "
            "it by PaymentIntegration.get, or take it out of that stack by `pulumi state delete` first."
        ),
        f"  {gone} is INACTIVE, which is final: leave it out.",
    ]
    assert last.startswith("  verifying unknown: Justt answered 404")
    assert changing(project) == []


def test_problems_of_ids_and_answers_are_reported_together(
    project: FakePulumi, theirs: Theirs, answers: Answers
) -> None:
    """One run reports both the ids that can't be imported and the problems of the other answers."""
    gone, there = theirs(status="INACTIVE"), theirs()
    content = {gone: STRIPE, there: {**STRIPE, "external_identifier": ""}}
    result = project.run("import", "--answers", answers(content))
    assert result.stderr.splitlines()[1:] == [
        f"  {gone} is INACTIVE, which is final: leave it out.",
        f"  {there}: external_identifier: must not be empty",
    ]


def test_an_empty_account_has_nothing_to_import(project: FakePulumi) -> None:
    """An account without integrations is a success without prompts."""
    for arguments in (["--all"], []):
        result = project.run("import", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "There is nothing to import.\n")
    shown = project.run("import", "--all", "--json")
    assert json.loads(shown.stdout) == {
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


def test_a_failed_read_stops_the_import(project: FakePulumi, simulator: SimulatorServer) -> None:
    """If an id can't be read for a reason other than a 404, the command stops."""
    simulator.add_fault(Fault.parse("GET * status=403"))
    result = project.run("import", "--id", "x", "--yes")
    assert result.exit_code == 3
    assert "error: verifying x: Justt answered 403" in result.stderr


def test_id_and_all_exclude_each_other(project: FakePulumi) -> None:
    """`--id` together with `--all` is a usage error."""
    assert project.run("import", "--all", "--id", "x").exit_code == 2


def test_an_invalid_account_is_rejected(project: FakePulumi) -> None:
    """An invalid account id is rejected before any request."""
    result = project.run("import", "--account", "an account")
    assert result.exit_code == 2
    assert "an account must be visible ASCII without spaces, as it is sent as a header" in result.stderr
    assert project.calls == []


# Answers files


def test_an_answers_file_selects_the_integrations(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """An answers file selects the integrations by itself. A reference needs neither a value nor a setting."""
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
def test_an_integration_of_another_resource_in_the_journal_warns(  # noqa: PLR0913, PLR0917 - fixtures
    project: FakePulumi,
    simulator: SimulatorServer,
    theirs: Theirs,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: str,
) -> None:
    """Two stacks that own one integration would deactivate it for each other, so a warning names the other stack."""
    monkeypatch.setenv("JUSTT_STATE_DIR", str(tmp_path / "journal"))
    stripe, journal = theirs(), Journal(tmp_path / "journal")
    note = journal.claim if how == "created" else journal.hold_adoption
    note(simulator.base_url, stripe, "urn:pulumi:prod::shop::type::theirs")
    result = project.run("import", "-s", "dev", "--answers", answers({stripe: STRIPE}), "--yes")
    assert result.exit_code == 0, result.stderr
    assert f"warning: {stripe}: the journal on this machine says that 'urn:pulumi:prod::shop::type::theirs' has it" in (
        " ".join(result.stderr.split())
    )


def test_an_integration_with_a_recover_decision_is_refused(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers, tmp_path: Path
) -> None:
    """An integration that the next update will deactivate or claim for another resource can't be imported before."""
    stripe, journal, now = theirs(), Journal(tmp_path / "journal"), time.time()
    lost = Intent("urn:pulumi:dev::shop::type::lost", simulator.base_url, None, "shop", "stripe", now, now)
    assert journal.write_intent(lost)
    assert journal.decide(lost, Decision("deactivate", stripe))
    environ = {"JUSTT_STATE_DIR": str(tmp_path / "journal")}

    result = project.run("import", "-s", "dev", "--answers", answers({stripe: STRIPE}), "--yes", environ=environ)

    assert (result.exit_code, changing(project)) == (3, [])
    assert "`pulumi-justt recover` was told to deactivate it for 'urn:pulumi:dev::shop::type::lost'" in result.stderr


def test_protection_can_be_turned_off(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """Without protection, neither the program nor the state sets it."""
    result = project.run("import", "--answers", answers({theirs(): STRIPE}), "--yes", "--no-protect")
    assert result.stdout.startswith("import pulumi_justt as justt\n\nstripe_eu")
    assert "protect" not in result.stdout
    assert "They are protected" not in result.stderr
    assert "what destroys or replaces them deactivates them at Justt" in result.stderr
    assert "--protect=false" in changing(project)[0]
    (resource,) = project.imported
    assert "deletionProtection" not in {**resource["inputs"], **resource["outputs"]}


def test_the_account_of_an_answer_overrides_the_option(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers
) -> None:
    """An id is looked up in the account of its answer, else in that of the option. The program contains the account."""
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
        ({"resource_name": "taken"}, "resource_name: there is another 'taken'"),
        ({"external_identifier": "x" * 256}, "external_identifier: must have at most 255 characters, has 256"),
        ({"integration_name": ["x"]}, "integration_name: must be text, got [1 of item]"),
        ({"merchant_account_codes": "x"}, "merchant_account_codes: must be a list of texts"),
        ({"reference_account_id": "a b"}, "reference_account_id: must be visible ASCII without spaces"),
        ({"credentials": "ApiKeyOnl"}, "credentials: must be one of ApiKeyOnly, "),
        ({"credentials": "Unlisted"}, "secret_type: is required beside credentials Unlisted"),
        ({"secret_type": "APIKEY_ONLY"}, "secret_type: goes with credentials Unlisted only"),
        (
            {"fields": []},
            "fields: must be a mapping from the credentials (api_key) to where each is found: {variable: NAME}",
        ),
        ({"fields": "apikey"}, "fields: must be a mapping from the credentials (api_key) to where each is found"),
        ({"fields": {}}, "credentials.api_key: is required by ApiKeyOnly"),
        (
            {"fields": {"apiKey": {"fromEnv": "X"}}},
            "fields: 'apiKey' (did you mean 'api_key'?) is no field of these credentials: api_key",
        ),
        ({"fields": {"canary-secret": {"fromEnv": "X"}}}, "fields: a text of 13 characters is no field of these"),
        ({"fields": {"api_key": "canary-secret"}}, "fields.api_key: say where it is found"),
        ({"fields": {"api_key": {"variable": "X", "version": 1}}}, "fields.api_key: say where it is found"),
        ({"fields": {"api_key": {"fromEnv": "X", "versio": 1}}}, "'versio' (did you mean 'version'?) is not expected"),
        ({"fields": {"api_key": {"variabel": "X"}}}, "fields.api_key: 'variabel' (did you mean 'variable'?) is not"),
        ({"fields": {"api_key": {"canary-secret": "X"}}}, "fields.api_key: a text of 13 characters is not expected"),
        ({"fields": {"api_key": {"fromFile": "X", "version": "two"}}}, "version must be a whole number"),
        ({"fields": {"api_key": {"fromEnv": "X", "version": 0}}}, "version starts at 1; got 0"),
        ({"fields": {"api_key": {"variable": "UNSET_KEY"}}}, "comes from the variable 'UNSET_KEY', which is not set"),
        ({"fields": {"api_key": {"variable": "sk_live_canary"}}}, "takes the name of a variable, and not its value"),
    ],
)
def test_an_invalid_answer_is_reported(
    project: FakePulumi, theirs: Theirs, answers: Answers, change: dict[str, Any], expected: str
) -> None:
    """An invalid answer is reported with its id but without its value, and nothing is imported."""
    project.state([integration("taken", "elsewhere")])
    stripe = theirs()
    result = project.run("import", "--answers", answers({stripe: {**STRIPE, **change}}), "--yes")
    assert result.exit_code == 3
    assert f"\n  {stripe}: " in result.stderr
    assert expected in result.stderr
    assert "canary" not in result.output
    assert changing(project) == []


def test_all_problems_of_answers_are_reported_at_once(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """One run reports the problems in the answers of all integrations."""
    one, two = theirs(), theirs()
    lacking = {"resource_name": "stripe-eu", "credentials": "Sftp", "fields": {"username": {"fromEnv": "X"}}}
    result = project.run("import", "--answers", answers({one: STRIPE, two: lacking}))
    first, *problems = result.stderr.splitlines()
    assert first == "error: nothing was imported:"
    assert problems == [
        f"  {two}: resource_name: there is another 'stripe-eu'",
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
def test_an_invalid_answers_file_is_rejected(project: FakePulumi, tmp_path: Path, text: str, expected: str) -> None:
    """A file that is no answers file is rejected without quoting it."""
    (tmp_path / "answers").write_text(text)
    result = project.run("import", "--answers", str(tmp_path / "answers"))
    assert result.exit_code == 3
    assert expected in result.stderr
    assert "canary" not in result.output


def test_unlisted_sources_and_secret_types_are_imported(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """A source and a secret type that are not in our lists can be imported."""
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


def test_an_unlisted_source_is_marked_as_intended(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """The program marks an unlisted source as intended, for any credentials."""
    result = project.run("import", "--answers", answers({theirs("shopify"): STRIPE}), "--yes")
    assert result.exit_code == 0, result.stderr
    assert '    source="shopify",\n' in result.stdout
    assert "    allow_unlisted=True,\n" in result.stdout


def test_names_with_the_same_configuration_key_are_rejected(
    project: FakePulumi, theirs: Theirs, answers: Answers
) -> None:
    """Resource names that lead to the same configuration key are rejected."""
    unlisted = {"credentials": "Unlisted", "secret_type": "OAUTH", "fields": {"key": {"variable": "STRIPE_KEY"}}}
    one, two = theirs(), theirs()
    content = {one: {**BY_VALUE, "resource_name": "shop"}, two: {**STRIPE, **unlisted, "resource_name": "shop-api"}}
    result = project.run("import", "--answers", answers(content), environ={"STRIPE_KEY": canary("value")})
    assert result.stderr.splitlines()[1].startswith(f"  {two}: the configuration has shopApiKey already")


def test_similar_field_names_get_different_keys(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """Each credential has its own key, even if the field names of an unlisted type are similar."""
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
def test_resource_names_become_python_names(
    project: FakePulumi, theirs: Theirs, answers: Answers, name: str, variable: str
) -> None:
    """A resource's name becomes an unused Python name."""
    result = project.run("import", "--answers", answers({theirs(): {**STRIPE, "resource_name": name}}), "--yes")
    assert f'\n{variable} = justt.PaymentIntegration(\n    "{name}",\n' in result.stdout


# Values


def test_values_become_secrets_of_the_configuration(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """Values become configuration secrets with a key each. They are in no argument and no output."""
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


def test_existing_settings_are_not_overwritten(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, answers: Answers
) -> None:
    """Existing settings are never overwritten. With --no-config none is read, and the commands are printed instead."""
    secret = {"justt:apiKey": "a-key-of-the-simulator", "shop:stripeEuApiKey": "another"}
    project.config({"justt:baseUrl": simulator.base_url}, secret)
    arguments = ("import", "--answers", answers({theirs(): BY_VALUE}), "--yes")
    result = project.run(*arguments, environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 3
    assert "the configuration has stripeEuApiKey already: give another resource_name, or remove it" in result.stderr
    assert changing(project) == []

    result = project.run(*arguments, "--no-config", environ={"STRIPE_KEY": canary("value")})
    assert result.exit_code == 0
    assert f"Run:\n  {SETTING} --cwd {project.project}\n" in result.stderr
    assert len(changing(project)) == 1


def test_a_failed_config_set_shows_the_remaining_steps(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If setting the configuration fails, the command shows the imported resources, the program, and what is left."""
    project.fails({"config set": "error: disk full"})
    result = project.run(
        "import", "--answers", answers({theirs(): BY_VALUE}), "--yes", environ={"STRIPE_KEY": canary("value")}
    )
    assert result.exit_code == 3
    assert "stripe_eu = justt.PaymentIntegration(" in result.stdout
    assert f"Run:\n  {SETTING} --cwd {project.project}\n" in result.stderr
    assert "error: not all is in the configuration: setting stripeEuApiKey" in result.stderr
    assert "disk full" in result.stderr


def test_a_failed_import_sets_no_configuration(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """If the CLI fails, its message is shown, and no configuration is set."""
    project.fails({"import": "error: the stack is currently locked"})
    result = project.run(
        "import", "--answers", answers({theirs(): BY_VALUE}), "--yes", environ={"STRIPE_KEY": canary("value")}
    )
    assert (result.exit_code, result.stdout) == (3, "")
    assert "importing of the selected stack" in result.stderr
    assert "the stack is currently locked" in result.stderr
    assert len(changing(project)) == 1


def test_a_partial_import_shows_its_program(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial import shows the imported resources and their program: the next update would delete them otherwise."""
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
    assert "error: not all is imported: importing: it said no. Import the others by another run." in result.stderr


def test_an_unreadable_backend_after_an_import_still_shows_the_program(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the result is unknown, the program is still printed, with the first error and what to do."""

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
    assert last.startswith("error: not all is imported: importing: it said no. What is could not be found out: export")
    assert "the backend is away" in last
    assert last.endswith(
        "When the stack can be read again, give the same command once more, and keep of this program only what the "
        "stack has by then: `pulumi up` would create the others a second time."
    )

    project.fails({})
    document = json.loads(project.run(*arguments, "--json", environ={"STRIPE_KEY": canary("value")}).stdout)
    assert (document["isImported"], [each["resourceName"] for each in document["integrations"]]) == (
        None,
        ["stripe-eu"],
    )


def test_a_rerun_skips_imported_integrations(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """Integrations that this stack already has under the answer's name are skipped with a note: a rerun is possible."""
    one, two, three = theirs(), theirs("adyen"), theirs()
    unnamed = {key: value for key, value in STRIPE.items() if key != "resource_name"}
    named = integration(f"adyen-{two[:8]}", two, source="adyen")
    project.state([integration("stripe-eu", one), named])
    content = {one: STRIPE, two: unnamed, three: {**STRIPE, "resource_name": "three"}}
    for which in ([], ["--all"]):
        result = project.run("import", "--answers", answers(content), "--yes", *which)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.splitlines()[:3] == [
            f"{one} is in this stack already, as 'stripe-eu': left out.",
            f"{two} is in this stack already, as 'adyen-{two[:8]}': left out.",
            f"{three} becomes 'three'.",
        ]
        assert "stripe_eu" not in result.stdout
    del content[three]
    result = project.run("import", "--answers", answers(content), "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith("There is nothing to import.\n")


def test_a_rerun_refuses_what_differs(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """A different name, an adoption, a pending deletion, another stack, or an explicit `--id` are refused."""
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


def test_an_import_needs_a_yes(project: FakePulumi, theirs: Theirs, answers: Answers) -> None:
    """Nothing is imported without a yes."""
    file = answers({theirs(): STRIPE})
    for typed in ("n\n", "\n", ""):
        result = project.run("import", "--answers", file, answers=typed)
        assert result.exit_code == 3
        assert "what destroys or replaces them deactivates them at Justt" in result.stderr
    assert changing(project) == []
    assert project.run("import", "--answers", file, answers="y\n").exit_code == 0


def test_an_existing_output_file_is_kept(project: FakePulumi, theirs: Theirs, tmp_path: Path) -> None:
    """An existing output file is never overwritten. The command says so before any prompt."""
    theirs()
    (tmp_path / "there").write_text("mine")
    result = project.run("import", "--all", "--out", str(tmp_path / "there"))
    assert result.exit_code == 3
    assert "there exists, and nothing is overwritten" in result.stderr
    assert (tmp_path / "there").read_text() == "mine"


def test_an_unwritable_output_file_is_reported(
    project: FakePulumi, theirs: Theirs, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder is reported at once. A write error at the end is reported then, and nothing was changed."""
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
    """Return a stack whose CLI behaves differently."""
    (tmp_path / "pulumi").write_text(OTHER_KEY)
    (tmp_path / "pulumi").chmod(0o755)
    return Stack("dev", tmp_path, command=str(tmp_path / "pulumi"))


def test_secrets_of_another_secrets_provider_are_not_decrypted(another: Stack) -> None:
    """A value that was encrypted with a key of another stack is not decrypted."""
    with pytest.raises(StackError, match="encrypting as dev does: its secrets provider is of no known kind"):
        another.encrypted(["canary"])


def test_errors_of_an_update_are_shown_once(another: Stack) -> None:
    """The CLI prints errors and its progress on stdout. Each error is shown once, and the progress is not shown."""
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
"""The input for the fields of each credential type."""


@pytest.mark.parametrize("shape", TYPED)
def test_prompts_ask_for_each_field(project: FakePulumi, theirs: Theirs, tmp_path: Path, shape: str) -> None:
    """Each credential type has a prompt for each field, without echo for secrets. The program needs no values."""
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


def test_prompts_accept_names_of_variables(project: FakePulumi, theirs: Theirs) -> None:
    """A name of a variable replaces a secret. After an invalid name, the prompt appears again."""
    adyen = theirs("adyen")
    typed = ["9", "all", "", "adyen-1", "Adyen", "", "sk_live_x", "", "ADYEN_KEY", "M-1", "", "", "y", ""]
    result = project.run("import", "--credentials", "from-env", answers="\n".join(typed))
    assert result.exit_code == 0, result.output
    assert "'9' picks nothing" in result.stderr
    assert "hmac: from_env takes the name of a variable, and not its value" in result.stderr
    assert (
        "    credentials=justt.credentials.Hmac(\n"
        f'        hmac=justt.from_env("ADYEN_{adyen[:8].upper()}_HMAC"),\n'
        '        api_key=justt.from_env("ADYEN_KEY"),\n'
        '        merchant_code="M-1",\n'
        "    ),\n"
    ) in result.stdout
    assert "config" not in result.stdout


def test_rejected_values_are_asked_for_again(project: FakePulumi, theirs: Theirs) -> None:
    """A value that the provider's check rejects is asked for again. Valid answers are kept."""
    theirs()
    theirs()
    one = ["one", "s-1", "S", "", "secret-value", ""]
    typed = ["all", *one, *one, "two", "s-2", "S", "", "secret-value", "", "y", ""]
    result = project.run("import", answers="\n".join(typed))
    assert result.exit_code == 0, result.output
    assert result.stderr.count("resource_name: there is another 'one'") == 1
    assert result.stderr.count("Once more:") == 1
    assert "Imported: one, two." in result.stderr


def test_an_import_by_another_run_during_prompts_is_detected(
    project: FakePulumi, theirs: Theirs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another import ends during the prompts, one integration doesn't become two resources."""
    one = theirs()
    monkeypatch.setattr(Terminal, "confirm", lambda *_: project.state([integration("another", one)]))
    result = project.run("import", "--answers", answers({one: STRIPE}))
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"  {one} is in this stack meanwhile, as 'another'." in result.stderr
    assert changing(project) == []


def test_end_of_input_imports_nothing(project: FakePulumi, theirs: Theirs) -> None:
    """The end of stdin changes nothing, and the command says which options to use instead."""
    theirs()
    result = project.run("import")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Nothing was imported. Where nobody can answer, give --answers and --yes.\nStopped.\n" in result.stderr
    assert changing(project) == []


def test_an_answers_file_must_be_utf8(project: FakePulumi, tmp_path: Path) -> None:
    """A file that is not UTF-8 is a usage error."""
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
def test_printed_paths_are_relative_to_the_program(tmp_path: Path, project: str, folder: str) -> None:
    """The printed program opens its files relative to its own folder, which the project file may set."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(project)

    assert program_folder(tmp_path).resolve() == (tmp_path / folder).resolve()
    assert program_folder(tmp_path / "infra").resolve() == (tmp_path / folder).resolve()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_answers_stay_text(project: FakePulumi, theirs: Theirs, tmp_path: Path, encoding: str, line_break: str) -> None:
    """Text that YAML would read as a number, a boolean or a date stays text, for all line breaks and encodings."""
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
        (BILLIONS, "the answers stand for more than 1,000,000 values by their aliases (*)"),
        ("one: &a\n  fields: *a", "the answers stand for more than 1,000,000 values by their aliases"),
        ("one: [", "the answers are neither YAML nor JSON at line 1"),
    ],
)
def test_ambiguous_answers_are_rejected(project: FakePulumi, tmp_path: Path, answers: str, expected: str) -> None:
    """An ambiguous answer is rejected with its position, and nothing is imported."""
    (tmp_path / "answers.yaml").write_text(answers)

    result = project.run("import", "--answers", str(tmp_path / "answers.yaml"), "--yes")

    assert (result.exit_code, result.stdout) == (3, "")
    assert expected in result.stderr
    assert "inside pulumi-justt" not in result.stderr
    assert changing(project) == []


def test_answers_may_be_json(project: FakePulumi, theirs: Theirs, tmp_path: Path) -> None:
    """JSON may contain tabs and surrogate pairs, which YAML does not accept."""
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
