"""`pulumi-justt list`: what is shown of an account, for whom, and when it says that there may be more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_justt.core import listing
from pulumi_justt.simulator import Fault, SimulatorServer
from support.fake_pulumi import FakePulumi, integration

Theirs = Callable[..., str]


def test_each_account_and_who_manages_what(project: FakePulumi, theirs: Theirs) -> None:
    """The accounts of all stacks are listed, and each integration with the resources that have it."""
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


def test_one_key_is_one_account(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """What two stacks reach with the same key is read once; another key may reach more, and nothing is shown twice."""
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
    told = json.loads(project.run("doctor", "--json", "--stack", "dev", "--stack", "other").stdout)["checks"]
    assert [each["integrationId"] for each in told if each["verdict"] == "finding"] == [only]


def test_filters(project: FakePulumi, theirs: Theirs) -> None:
    """Status, source and being nobody's each leave out what does not fit; what is only looked at is nobody's."""
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


def test_a_source_that_is_misspelt(project: FakePulumi, theirs: Theirs) -> None:
    """Where nothing matches, the nearest source that is known is named; what the vendor has added is no mistake."""
    theirs("adyen")
    misspelt = project.run("list", "--source", "Stripe")
    assert misspelt.exit_code == 0
    assert misspelt.stderr == "--source Stripe: no integration of this source was found (did you mean 'stripe'?).\n"
    assert project.run("list", "--source", "stripe").stderr == ""
    assert project.run("list", "--source", "Stripe", "--source", "adyen").stderr == ""
    assert project.run("list", "--source", "zzz").stderr == "--source zzz: no integration of this source was found.\n"


def test_what_may_be_missing_is_said(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that is cut off, or an account that is refused, ends with exit code 3 and what there is."""
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


def test_without_a_project(tmp_path: Path, project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """The JUSTT_* variables say where to look, and no CLI is asked for."""
    found = theirs(account="acc_9")
    (tmp_path / "elsewhere").mkdir()
    arguments = ("list", "--json", "--account", "acc_9", "--cwd", str(tmp_path / "elsewhere"))
    variables = {"JUSTT_BASE_URL": simulator.base_url}
    result = project.run(*arguments, environ={**variables, "JUSTT_API_KEY": "key-of-a-variable"})
    assert [each["integrationId"] for each in json.loads(result.stdout)["integrations"]] == [found]
    assert project.calls == []

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
def test_a_stack_that_cannot_be_looked_at(project: FakePulumi, words: str, expected: str) -> None:
    """Without who manages what, nothing is listed: one line, exit code 3."""
    project.fails({"config": words})
    result = project.run("list", "--stack", "dev")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: reading the configuration of dev: `pulumi config --show-secrets --json")
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


def test_names_take_over_nothing(project: FakePulumi, theirs: Theirs) -> None:
    """Control characters of a name are not printed, and markup is shown as it is."""
    project.state([integration("a\x1b]0;owned\x07[red]b\u202ec", theirs())])
    table = project.run("list").stdout
    assert table.splitlines()[1].endswith("  a ]0;owned [red]b c")
    assert all(character.isprintable() for line in table.splitlines() for character in line)


@pytest.mark.parametrize("account", ["\xe4", "a b", "a\nb"])
def test_no_account(project: FakePulumi, account: str) -> None:
    """What no header can carry is a wrong command line, before anything is asked."""
    for command in ("list", "doctor"):
        result = project.run(command, "--account", account)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "must be visible ASCII without spaces" in result.stderr
    assert project.calls == []
