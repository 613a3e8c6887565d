"""`pulumi-justt list`: which integrations it shows, which resources manage them, and when the list is incomplete."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_justt.cli import account_records
from pulumi_justt.core import listing
from pulumi_justt.simulator import Fault, SimulatorServer
from support.fake_pulumi import FakePulumi, integration

Theirs = Callable[..., str]


def test_all_accounts_are_listed_with_managing_resources(project: FakePulumi, theirs: Theirs) -> None:
    """`list` with two stacks shows the integrations of all their accounts, each with the resources that have it.

    With `--account`, it shows the given accounts instead.
    """
    mine, seen, shared, other = theirs(), theirs("adyen"), theirs(account="acc_1"), theirs(account="acc_2")
    project.state([integration("mine", mine), {**integration("seen", seen), "external": True}], stack="dev")
    project.state([integration("a", shared, referenceAccountId="acc_1", adoptId=shared)], stack="prod")

    result = project.run("list", "-s", "dev", "-s", "prod", "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, result.stderr, document["isComplete"], document["notes"]) == (0, "", True, [])
    found = {each["integrationId"]: each for each in document["integrations"]}
    assert found.keys() == {mine, seen, shared}
    assert found[seen] | {"managedBy": []} == {
        "integrationId": seen,
        "source": "adyen",
        "status": "PENDING",
        "goLiveDate": None,
        "environment": "simulator",
        "referenceAccountId": None,
        "managedBy": [],
    }
    assert found[shared]["managedBy"] == [
        {
            "stack": "prod",
            "urn": "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::a",
            "isExternal": False,
            "isAdopted": True,
        }
    ]
    assert found[seen]["managedBy"][0]["isExternal"]

    table = project.run("list", "-s", "dev", "-s", "prod", "--account", "acc_1", "--account", "acc_2").stdout
    assert [line.split() for line in table.splitlines()] == [
        ["ID", "SOURCE", "STATUS", "GO-LIVE", "ENVIRONMENT", "ACCOUNT", "MANAGED", "BY"],
        [shared, "stripe", "PENDING", "simulator", "acc_1", "prod:", "a"],
        [other, "stripe", "PENDING", "simulator", "acc_2"],
    ]


def test_an_account_is_listed_once_for_each_key(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """For two stacks with the same key, `list` requests the account once.

    With different keys it requests the account twice, but `list` and `doctor` show each integration once.
    """
    only = theirs()
    address, key = {"justt:baseUrl": simulator.base_url}, {"justt:apiKey": "a-key-of-the-simulator"}
    project.config({**address, "justt:requestsPerMinute": "10"}, key, stack="slow")
    project.config(address, {"justt:apiKey": "another-key-of-it"}, stack="other")

    def listed(*stacks: str, requests: int) -> list[str]:
        simulator.clear_requests()
        names = [text for stack in stacks for text in ("--stack", stack)]
        found = json.loads(project.run("list", "--json", *names).stdout)["integrations"]
        assert len(simulator.requests) == requests
        return [each["integrationId"] for each in found]

    assert listed("dev", "slow", requests=1) == [only]
    assert listed("dev", "other", requests=2) == [only]
    checks = json.loads(project.run("doctor", "--json", "--stack", "dev", "--stack", "other").stdout)["checks"]
    assert [each["integrationId"] for each in checks if each["verdict"] == "finding"] == [only]


def test_filters_by_status_source_and_unmanaged(project: FakePulumi, theirs: Theirs) -> None:
    """`list` combines its filters `--status`, `--source` and `--unmanaged`.

    An integration that a stack only reads counts as unmanaged.
    """
    mine, seen, failed, adyen = theirs(), theirs(), theirs(status="FAILED"), theirs("adyen")
    project.state([integration("mine", mine), {**integration("seen", seen), "external": True}])

    def ids(*arguments: str) -> list[str]:
        document = json.loads(project.run("list", "--json", *arguments).stdout)
        return [each["integrationId"] for each in document["integrations"]]

    assert ids() == [mine, seen, failed, adyen]
    assert ids("--status", "failed") == [failed]
    assert ids("--status", "FAILED", "--status", "pending", "--source", "adyen") == [adyen]
    assert ids("--unmanaged") == [seen, failed, adyen]
    assert ids("--unmanaged", "--source", "paypal") == []


def test_a_misspelled_source_gets_a_suggestion(project: FakePulumi, theirs: Theirs) -> None:
    """If `list --source` matches no integration, a note says so and suggests a similar documented source.

    If another given source matches, there is no note. If the source is documented, the note says only that nothing was
    found.
    """
    theirs("adyen")
    misspelt = project.run("list", "--source", "Stripe")
    assert misspelt.exit_code == 0
    assert misspelt.stderr == "--source Stripe: no integration of this source was found (did you mean 'stripe'?).\n"
    assert project.run("list", "--source", "stripe").stderr == "No integration was found.\n"
    assert project.run("list", "--source", "Stripe", "--source", "adyen").stderr == ""
    assert project.run("list", "--source", "zzz").stderr == "--source zzz: no integration of this source was found.\n"


def test_an_incomplete_list_exits_with_3(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Justt's list is truncated or Justt refuses an account, `list` shows what it found and exits with 3."""
    only = theirs()
    project.state([integration("mine", only), integration("a", "x", referenceAccountId="acc_1")])
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    result = project.run("list", "--json")
    assert result.exit_code == 3
    assert "default account in simulator was listed up to 0 integrations, and there may be more" in result.stderr
    assert not json.loads(result.stdout)["isComplete"]

    monkeypatch.undo()
    simulator.add_fault(Fault.parse("GET /integrations status=403 skip=1"))
    result = project.run("list", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 3
    assert [each["integrationId"] for each in document["integrations"]] == [only]
    assert "listing account acc_1 in simulator: Justt answered 403" in document["notes"][0]


def test_without_a_project_the_variables_are_used(
    tmp_path: Path, project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """Outside of a project, `list` uses the JUSTT_* variables and doesn't call the Pulumi CLI."""
    found = theirs(account="acc_9")
    (tmp_path / "elsewhere").mkdir()
    arguments = ("list", "--json", "--account", "acc_9", "--cwd", str(tmp_path / "elsewhere"))
    variables = {"JUSTT_BASE_URL": simulator.base_url}
    result = project.run(*arguments, environ={**variables, "JUSTT_API_KEY": "key-of-a-variable"})
    assert [each["integrationId"] for each in json.loads(result.stdout)["integrations"]] == [found]
    assert project.calls == []

    assert result.stderr == (
        f"note: there is no Pulumi project in {tmp_path / 'elsewhere'}: asking simulator at {simulator.base_url} with "
        "the key from JUSTT_API_KEY.\n"
    )

    keyless = project.run(*arguments, environ=variables)
    assert keyless.exit_code == 3
    assert "no Justt API key: run `pulumi config set --secret justt:apiKey`, or set JUSTT_API_KEY" in keyless.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("error: incorrect passphrase", "said: incorrect passphrase"),
        ("error: no stack named 'dev' found", "said: no stack named 'dev' found"),
    ],
)
def test_an_unreadable_stack_is_an_error(project: FakePulumi, words: str, expected: str) -> None:
    """If a stack can't be read, `list` shows one error and exits with 3, because the managing resources are unknown."""
    project.fails({"config": words})
    result = project.run("list", "--stack", "dev")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: reading the configuration of dev: `pulumi config --show-secrets --json")
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


def test_names_are_shown_without_control_characters(project: FakePulumi, theirs: Theirs) -> None:
    """`list` prints the name of a resource without its control characters, and prints markup in the name as text."""
    project.state([integration("a\x1b]0;owned\x07[red]b\u202ec", theirs())])
    table = project.run("list").stdout
    assert table.splitlines()[1].endswith("  a ]0;owned [red]b c")
    assert all(character.isprintable() for line in table.splitlines() for character in line)


@pytest.mark.parametrize("account", ["\xe4", "a b", "a\nb"])
def test_an_account_that_no_header_can_carry_is_a_usage_error(project: FakePulumi, account: str) -> None:
    """`list` and `doctor` refuse an `--account` that an HTTP header can't contain, before any request."""
    for command in ("list", "doctor"):
        result = project.run(command, "--account", account)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "must be visible ASCII without spaces" in result.stderr
    assert project.calls == []


def test_no_account_that_can_be_listed_is_no_empty_table(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """If no account could be listed, `list` prints only the error, and no table.

    If the accounts have no integration that matches, a note says so.
    """
    project.state([integration("a", theirs(account="acc_1"), referenceAccountId="acc_1")])
    none = project.run("list", "--source", "paypal")
    assert (none.exit_code, none.stdout, none.stderr.splitlines()[0]) == (0, "", "No integration was found.")
    simulator.add_fault(Fault.parse("GET * status=400 times=1"))
    refused = project.run("list")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert refused.stderr.startswith("error: listing account acc_1 in simulator: Justt answered 400")
    project.config({"justt:baseUrl": simulator.base_url})
    keyless = project.run("list")
    assert (keyless.exit_code, keyless.stdout) == (3, "")
    assert keyless.stderr.startswith("error: no Justt API key: run `pulumi config set --secret justt:apiKey`")


def test_a_key_that_cannot_be_used_is_one_error(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """If Justt refuses a key with 401, `list` shows the error once, and does not try the key's other accounts."""
    accounts = ("acc_1", "acc_2", "acc_3")
    project.state([integration(each, theirs(account=each), referenceAccountId=each) for each in accounts])
    simulator.add_fault(Fault.parse("GET * status=401"))
    refused = project.run("list")
    assert (refused.exit_code, refused.stdout, len(simulator.requests)) == (3, "", 1)
    first, second = refused.stderr.splitlines()
    assert first.startswith("error: listing account acc_1 in simulator: Justt answered 401")
    assert second == "error: accounts of the same API key that were not listed: 2."


@pytest.mark.parametrize("command", [("list", 0), ("doctor", 3)])
@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        ("", "", None),
        ("production", "", "production at https://api.justt.ai/v1"),
        ("", "production", "production at https://api.justt.ai/v1"),
        ("sandbox", "production", "sandbox at https://api.justt.ai/v1/sandbox"),
        ("", "sandbox", "sandbox at https://api.justt.ai/v1/sandbox"),
    ],
)
def test_production_without_a_stack_must_be_named(  # noqa: PLR0913, PLR0917 - the columns of the table
    project: FakePulumi,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, int],
    option: str,
    variable: str,
    expected: str | None,
) -> None:
    """Without a stack, `list` and `doctor` ask production only if an option or a variable names it.

    Before it asks, it says which environment, which address and which key it uses.
    """
    folder = project.folder / "elsewhere"
    folder.mkdir()
    asked: list[str] = []

    def listed(account: account_records.Account) -> listing.Listing:
        asked.append(account.settings.base_url)
        return listing.Listing({}, is_complete=True)

    monkeypatch.setattr(account_records, "listed", listed)
    arguments = ["--environment", option] if option else []
    environ = {"JUSTT_API_KEY": "key", "JUSTT_ENVIRONMENT": variable}
    name, code = command
    result = project.run(name, *arguments, "--cwd", str(folder), environ=environ)
    if expected is None:
        assert (result.exit_code, asked) == (2, [])
        assert "so the command would ask production. Name a project with --cwd" in result.stderr
    else:
        assert (result.exit_code, asked) == (code, [expected.partition(" at ")[2]])
        assert f"asking {expected} with the key from JUSTT_API_KEY." in result.stderr


@pytest.mark.parametrize("command", ["list", "doctor"])
def test_a_stack_has_its_own_environment(project: FakePulumi, command: str) -> None:
    """`--environment` is refused beside a stack, whose configuration says which environment it uses."""
    result = project.run(command, "--environment", "sandbox")
    assert (result.exit_code, "--environment is only for a folder without a Pulumi project" in result.stderr) == (
        2,
        True,
    )
    assert project.calls == []
