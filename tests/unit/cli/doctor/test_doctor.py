"""`pulumi-justt doctor`: the result of each check with and without a problem, what to do, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.cli import account_records
from pulumi_justt.core import listing
from pulumi_justt.errors import WITHHELD, RequestFailed
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.simulator import Fault, SimulatorServer
from support.echo_server import EchoServer
from support.fake_pulumi import STACK, TYPE, US, FakePulumi, creating, integration
from support.secret_scanner import canary

Theirs = Callable[..., str]
KEY = "a-key-of-the-simulator"
READY = "pulumi-python:dynamic/justt:IntegrationReady"


def examined(
    project: FakePulumi, *arguments: str, code: int, environ: Mapping[str, str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Run doctor, and return the checks that are not ok, by name."""
    result = project.run("doctor", "--json", *arguments, environ=environ)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    bad: dict[str, list[dict[str, Any]]] = {}
    for check in document["checks"]:
        assert check["verdict"] in ("ok", "finding", "not checked")
        assert check["text"].endswith(".")
        if check["verdict"] != "ok":
            bad.setdefault(check["check"], []).append(check)
    counts = {"finding": 0, "not checked": 0}
    for check in document["checks"]:
        if check["verdict"] in counts:
            counts[check["verdict"]] += 1
    assert counts == {"finding": document["findings"], "not checked": document["notChecked"]}
    return bad


def test_doctor_finds_no_problem_and_changes_nothing(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """If all is well, each check says what it saw. Doctor sends only GETs and writes nothing."""
    mine, other = theirs(), theirs(account="acc_1")
    theirs(status="INACTIVE")
    project.state(
        [
            project.provider(**{"justt:apiKey": KEY}),
            integration("mine", mine),
            integration("other", other, referenceAccountId="acc_1"),
            {**integration("looked-at", mine), "external": True},
        ]
    )
    result = project.run("doctor", "--stack", "dev")
    lines = [line.split(":")[:2] for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "0 findings, 0 not checked\n")
    assert {verdict for verdict, _ in lines} == {"ok"}
    assert [subject.removesuffix(" of dev").strip() for _, subject in lines] == [
        *["tools", "configuration", "pending", "recordedKey", "duplicate", "journal"],
        *["account", "account", "integration", "unmanaged", "unmanaged"],
    ]
    assert "ok: configuration of dev: simulator at " in result.stdout
    assert "pulumi CLI 3.259.0, SDK " in result.stdout
    assert f"simulator at {simulator.base_url}, no default account." in result.stdout
    assert "Integrations of the default account in simulator: 1, and INACTIVE: 1." in result.stdout
    assert "integrations as they should be: 3." in result.stdout
    assert {exchange.method for exchange in simulator.requests} == {"GET"}
    assert not any("import" in call for call in project.calls)


def test_each_problem_of_an_integration_is_shown(project: FakePulumi, theirs: Theirs) -> None:
    """FAILED, INACTIVE, unknown, in another environment, waiting to be deactivated: each is shown with what to do."""
    failed, inactive, waiting = theirs(status="FAILED"), theirs(status="INACTIVE"), theirs()
    adopted = theirs(status="INACTIVE")
    seen = theirs(status="INACTIVE")
    project.state(
        [
            integration("failed", failed),
            integration("inactive", inactive),
            integration("adopted", adopted, adoptId=adopted),
            integration("unknown", "no-such-id"),
            integration("elsewhere", "id-in-production", environment="production"),
            {**integration("replaced", waiting), "delete": True},
            {**integration("looked-at", seen), "external": True},
            {**integration("misspelt", "no-such-id-either"), "external": True},
        ]
    )
    bad = examined(project, code=1)
    assert bad.keys() == {"integration"}
    told = {check["integrationId"]: check for check in bad["integration"]}
    assert {check["verdict"] for check in told.values()} == {"finding"}
    assert "failed (" in told[failed]["text"]
    assert "is FAILED" in told[failed]["text"]
    assert "is INACTIVE at Justt, which is final." in told[inactive]["text"]
    assert told[inactive]["remediation"].startswith("Run `pulumi refresh`")
    assert told[adopted]["remediation"].startswith(
        "Take adopt_id out of the program, which names it. Run `pulumi refresh`"
    )
    assert "is not known at Justt" in told["no-such-id"]["text"]
    assert "JUSTT_ON_MISSING=gone" in told["no-such-id"]["remediation"]
    assert "was recorded in production, and the configuration says simulator." in told["id-in-production"]["text"]
    assert "still waits to be deactivated (PENDING)" in told[waiting]["text"]
    assert "looked-at (" in told[seen]["text"]
    assert told[seen]["remediation"].startswith("It is only looked at here")
    assert told["no-such-id-either"]["remediation"].startswith("Correct the id in the program")


def test_unmanaged_integrations_are_shown(project: FakePulumi, theirs: Theirs) -> None:
    """An integration that no given stack manages is shown with the line that adopts it; an INACTIVE one is not."""
    stranger, seen, others = theirs(), theirs("adyen"), theirs()
    theirs(status="INACTIVE")
    project.state([{**integration("seen", seen), "external": True}], [creating("lost")], stack="dev")
    project.state([integration("others", others)], stack="prod")
    told = {check["integrationId"]: check for check in examined(project, "-s", "dev", code=1)["unmanaged"]}
    assert told.keys() == {stranger, seen, others}
    assert f'Add adopt_id="{stranger}" to a resource' in told[stranger]["remediation"]
    assert "run `pulumi-justt recover` first" in told[stranger]["remediation"]
    assert "recover" not in told[seen]["remediation"]
    both = examined(project, "-s", "dev", "-s", "prod", code=1)["unmanaged"]
    assert {check["integrationId"] for check in both} == {stranger, seen}


def test_pending_operations_are_shown(project: FakePulumi) -> None:
    """Each interrupted operation is shown: ours with `recover`, and others with the Pulumi command."""
    bucket = {"urn": f"{STACK}::aws:s3:Bucket::b", "type": "aws:s3:Bucket"}
    waiting = {"urn": f"{STACK}::{READY}::ready", "type": READY}
    pending = [
        *(creating("new"), {**creating("old"), "type": "deleting"}, {"type": "creating", "resource": bucket}),
        *({"type": "creating", "resource": waiting}, creating("adopted", adoptId="i")),
    ]
    project.state([], pending)
    told = examined(project, "--stack", "dev", code=1)["pending"]
    assert [check["text"] for check in told] == [
        "creating new was interrupted.",
        "deleting old was interrupted.",
        "creating b was interrupted.",
        "creating ready was interrupted.",
        "creating adopted was interrupted.",
    ]
    assert [check["urn"] for check in told] == [
        f"{STACK}::{TYPE}::new",
        f"{STACK}::{TYPE}::old",
        f"{STACK}::aws:s3:Bucket::b",
        f"{STACK}::{READY}::ready",
        f"{STACK}::{TYPE}::adopted",
    ]
    assert "if the stack is locked, then `pulumi-justt recover --stack dev`" in told[0]["remediation"]
    assert "`pulumi up --stack dev` does again what was not done" in told[1]["remediation"]
    assert "It belongs to another provider: `pulumi refresh --stack dev`" in told[2]["remediation"]
    project.state([], pending[:1])
    (quoted,) = examined(project, "--stack", "it's", code=1)["pending"]
    assert """`pulumi-justt recover --stack 'it'"'"'s'`""" in quoted["remediation"]
    # Neither of these creates anything at Justt.
    assert told[3]["remediation"] == told[4]["remediation"] == told[1]["remediation"]


def test_one_integration_in_two_resources_is_shown(project: FakePulumi, theirs: Theirs) -> None:
    """One id in two resources is found across stacks. Replaced resources and look-ups (`get`) don't count."""
    twice, once = theirs(), theirs()
    replaced, seen = {**integration("b", once), "delete": True}, {**integration("c", once), "external": True}
    project.state([integration("a", twice), integration("d", once), replaced, seen], stack="dev")
    project.state([integration("z", twice)], stack="prod")
    (check,) = examined(project, "-s", "dev", "-s", "prod", code=1)["duplicate"]
    assert check["integrationId"] == twice
    assert f"is in 2 resources: {STACK}::{TYPE}::a, {STACK}::{TYPE}::z." in check["text"]


def test_an_old_api_key_in_the_state_is_shown(project: FakePulumi, simulator: SimulatorServer) -> None:
    """An API key in the state's copy of the configuration that is not the current one is a finding without keys."""
    old, new = canary("old-key"), canary("new-key")
    envelope = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    project.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": new})
    project.state([project.provider(**{"justt:apiKey": {**envelope, "ciphertext": "v1:x"}})])
    project.shown([project.provider(**{"justt:apiKey": {**envelope, "plaintext": json.dumps(old)}})])
    result = project.run("doctor")
    assert result.exit_code == 1
    assert "the configuration has changed since the last `pulumi up`: justt:apiKey." in result.stdout
    assert "set JUSTT_API_KEY_OVERRIDE for that command." in result.stdout
    assert old not in result.output
    assert new not in result.output

    project.shown([project.provider(**{"justt:apiKey": {**envelope, "plaintext": json.dumps(new)}})])
    examined(project, code=0)

    project.fails({"stack export --show-secrets": "error: incorrect passphrase"})
    assert examined(project, code=3).keys() == {"recordedKey"}


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"justt:environment": "sandbox"}, {"justt:environment": "production"}, "justt:environment"),
        ({}, {"justt:referenceAccountId": "acc_1"}, "justt:referenceAccountId"),
        ({"justt:timeoutSeconds": "5", "justt:baseUrl": "https://a/v1"}, {}, "justt:baseUrl, justt:timeoutSeconds"),
        ({"justt:timeoutSeconds": "5", "other:key": "1"}, {"justt:timeoutSeconds": "5"}, None),
    ],
)
def test_changed_settings_are_shown(
    project: FakePulumi, before: dict[str, str], after: dict[str, str], names: str | None
) -> None:
    """Each setting that changed since the last update is named, without its value and without decrypting anything."""
    project.config(before)
    project.state([project.provider()])
    project.config(after)
    result = project.run("doctor", "--only", "recordedKey")
    told = f"the configuration has changed since the last `pulumi up`: {names}." if names else "the state has the"
    assert (result.exit_code, told in result.stdout) == (1 if names else 0, True)
    assert ("add that option, or run `pulumi up` first, with an" in result.stdout) is (names is not None)
    assert not any("show-secrets" in call for call in project.calls if "export" in call)


def test_changed_settings_of_a_justt_provider_are_shown(project: FakePulumi) -> None:
    """A `justt.Provider` has copies of all settings except the key and the account, which are its own."""
    project.config({"justt:environment": "production"}, {"justt:apiKey": "bearer-key"})
    own = project.own_provider("another-key")
    project.state([{**own, "inputs": {**own["inputs"], "justt:environment": "sandbox"}}])
    result = project.run("doctor", "--only", "recordedKey")
    assert "the configuration has changed since the last `pulumi up`: justt:environment." in result.stdout


def test_a_plain_text_api_key_is_shown(project: FakePulumi, simulator: SimulatorServer) -> None:
    """A plain-text API key is a finding with the command that encrypts it. The key is not shown."""
    key = canary("plain-key")
    project.config({"justt:baseUrl": simulator.base_url, "justt:apiKey": key})
    result = project.run("doctor")
    assert result.exit_code == 1
    assert "Run `pulumi config set --secret justt:apiKey`" in result.stdout
    assert key not in result.output


def test_a_rejected_api_key_is_shown_with_its_source(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """A 401 is shown with the source of the key. The checks of the state still run."""
    project.state([integration("mine", theirs())], [creating("lost")])
    simulator.add_fault(Fault.parse("GET * status=401"))
    bad = examined(project, code=1)
    assert bad.keys() == {"pending", "apiKey", "integration"}
    assert "Justt answered 401" in bad["apiKey"][0]["text"]
    assert "The key came from justt:apiKey." in bad["apiKey"][0]["text"]
    assert bad["integration"][0]["verdict"] == "not checked"


def test_doctor_is_incomplete_without_a_response(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Justt doesn't respond, doctor reports no findings and exits with the code for an incomplete run."""
    project.state([integration("mine", theirs())])

    def fail(*_: object, operation: str, **__: object) -> None:
        raise RequestFailed(operation, "no connection", "Check the network.")

    monkeypatch.setattr(account_records, "list_all", fail)
    bad = examined(project, code=3)
    assert bad.keys() == {"account", "integration"}


def test_an_incomplete_list_shows_no_unmanaged_integrations(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doctor calls an integration unmanaged only after reading the whole list. It reads managed ones by id."""
    theirs()
    project.state([integration("mine", theirs(status="FAILED")), integration("unknown", "no-such-id")])
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    bad = examined(project, code=1)
    assert {name: {check["verdict"] for check in checks} for name, checks in bad.items()} == {
        "account": {"not checked"},
        "integration": {"finding"},
        "unmanaged": {"not checked"},
    }
    assert len(bad["integration"]) == 2


@pytest.mark.parametrize(
    ("call", "words", "check", "remediation"),
    [
        ("config", "error: incorrect passphrase", "configuration", "Set PULUMI_CONFIG_PASSPHRASE or"),
        ("config", "error: no stack selected; please use `pulumi stack select`", "configuration", "with --stack"),
        ("stack export", "error: no stack named 'dev' found", "state", "`pulumi stack ls` shows"),
        ("stack export", "error: PULUMI_ACCESS_TOKEN must be set for login", "state", "Run `pulumi login`."),
        ("stack export", "error: the stack is currently locked by 1 lock(s)", "state", "run `pulumi cancel` first."),
    ],
)
def test_an_unreadable_stack_is_shown(project: FakePulumi, call: str, words: str, check: str, remediation: str) -> None:
    """An error of the CLI is a finding with what to do, and no integration is called unmanaged."""
    project.fails({call: words})
    bad = examined(project, code=1)
    assert words.removeprefix("error: ") in bad[check][0]["text"]
    assert remediation in bad[check][0]["text"]
    assert "could not be looked at" in bad["unmanaged"][0]["text"]


def test_invalid_settings_are_shown(project: FakePulumi) -> None:
    """A contradictory configuration and a missing key are findings."""
    project.config({"justt:environment": "staging"})
    assert "justt:environment must be production or sandbox" in examined(project, code=1)["configuration"][0]["text"]
    project.config({"justt:baseUrl": "http://127.0.0.1:1/v1"})
    assert "no Justt API key" in examined(project, code=1)["apiKey"][0]["text"]


def test_a_project_named_justt_may_have_other_settings(project: FakePulumi, simulator: SimulatorServer) -> None:
    """A project named justt has its own settings in that namespace. In other projects, such a setting is misspelt."""
    project.config({"justt:baseUrl": simulator.base_url, "justt:color": "red"}, {"justt:apiKey": KEY})
    assert "justt:color is not a setting" in examined(project, code=1)["configuration"][0]["text"]
    (project.project / "Pulumi.yaml").write_text('runtime: python\nname: "justt"\n')
    examined(project, code=0)


def test_an_old_or_missing_cli_is_shown(project: FakePulumi) -> None:
    """A CLI that is too old or missing is a finding; the other checks still run."""
    (project.folder / "version").write_text("v3.99.0")
    (check,) = examined(project, code=1)["tools"]
    assert "pulumi CLI 3.99.0 is too old for SDK " in check["text"]
    assert check["remediation"] == "Update the CLI to 3.254 or later."
    bad = examined(project, code=1, environ={"PATH": str(project.project)})
    assert "there is no `pulumi` on PATH" in bad["tools"][0]["text"]
    assert bad.keys() == {"tools", "configuration", "state", "journal", "unmanaged"}


def test_doctor_works_without_a_project(
    tmp_path: Path, project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """Environment variables select the account. Doctor then can't know which integrations are managed."""
    theirs()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    given = {"JUSTT_BASE_URL": simulator.base_url, "JUSTT_API_KEY": KEY}
    assert examined(project, "--cwd", str(elsewhere), code=3, environ=given).keys() == {"unmanaged"}
    bad = examined(project, "--cwd", str(elsewhere), code=1, environ={"JUSTT_BASE_URL": "ftp://x"})
    assert "JUSTT_BASE_URL must be a URL" in bad["configuration"][0]["text"]


def test_a_provider_has_its_own_key(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """A provider's integrations are read with its own key; the override replaces both keys."""
    us = {**integration("us", theirs()), "provider": f"{US}::p"}
    masked = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    project.config({"justt:baseUrl": simulator.base_url})
    project.state([project.provider(), project.own_provider({**masked, "ciphertext": "v1:abc"}), us])
    project.shown([project.provider(), project.own_provider({**masked, "plaintext": '"us-key"'}), us])
    simulator.options = replace(simulator.options, api_keys=frozenset({"us-key"}))
    assert examined(project, code=0) == {}
    assert "the key from the provider default-us is accepted." in project.run("doctor").stdout

    project.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": KEY})
    assert examined(project, code=1).keys() == {"recordedKey", "apiKey"}
    project.state([project.provider(), project.own_provider({**masked, "ciphertext": "v1:abc"}), us])
    assert examined(project, code=1).keys() == {"apiKey"}
    simulator.options = replace(simulator.options, api_keys=frozenset({"newer"}))
    assert examined(project, code=0, environ={"JUSTT_API_KEY_OVERRIDE": "newer"}) == {}

    project.fails({"stack export --show-secrets": "error: no decrypter"})
    assert examined(project, code=1).keys() == {"recordedKey", "apiKey", "unmanaged"}


def test_a_secret_account_is_not_decrypted(project: FakePulumi, theirs: Theirs) -> None:
    """A secret account is not decrypted. Its integrations are not read, and `list` needs the account as an option."""
    envelope = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    hidden = theirs(account="acc_1")
    project.state(
        [project.provider(), integration("mine", theirs()), integration("far", hidden, referenceAccountId=envelope)]
    )
    bad = examined(project, code=3)
    assert [(check["integrationId"], check["verdict"]) for check in bad["integration"]] == [(hidden, "not checked")]
    assert bad.keys() == {"integration"}
    listed = project.run("list", "--account", "acc_1")
    assert (listed.exit_code, hidden in listed.stdout) == (0, True)
    listed = project.run("list")
    assert (listed.exit_code, hidden in listed.stdout) == (3, False)
    assert "the accounts of far are secrets: name them by --account." in listed.stderr


@pytest.mark.parametrize("name", ["default", "default_eu"])
def test_a_justt_provider_named_like_the_engine_s_is_recognized(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, name: str
) -> None:
    """A `justt.Provider` has a parent; the engine's own provider has none."""
    urn = f"{STACK}::pulumi:providers:pulumi-python::{name}"
    own = {"urn": urn, "parent": f"{STACK}::pulumi:pulumi:Stack::shop-dev"}
    project.config({"justt:baseUrl": simulator.base_url})
    us = {**integration("us", theirs()), "provider": f"{urn}::p"}
    project.state([{**project.own_provider({"ciphertext": "v1:abc"}), **own}, us])
    project.shown([{**project.own_provider({"plaintext": '"us-key"'}), **own}, us])
    simulator.options = replace(simulator.options, api_keys=frozenset({"us-key"}))

    assert examined(project, code=0) == {}


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch, project: FakePulumi) -> Iterator[EchoServer]:
    """Return a server that rejects each list with a message that repeats a short password."""
    shared_redactor.cache_clear()
    with EchoServer() as running:
        running.listing, running.form = "400", lambda _: "login of bobby77 with hunt7er failed"
        monkeypatch.setenv("JUSTT_API_KEY", KEY)
        project.config({"justt:baseUrl": running.url})
        yield running
    shared_redactor.cache_clear()


COMMANDS = (["list"], ["doctor"], ["import", "--all"], ["import", "--all", "--other-stack", "other"])


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize("command", COMMANDS)
def test_parts_of_a_secret_configuration_object_are_redacted(project: FakePulumi, command: list[str]) -> None:
    """`pulumi config set --secret --path` creates an object, in which each part is a credential."""
    assert "hunt7er" in project.run(*command).output
    file = project.folder / "config.json"
    secret = {"password": "hunt7er"}
    item = {"value": json.dumps(secret), "objectValue": secret, "secret": True}
    file.write_text(json.dumps({**json.loads(file.read_text()), "shop:psp": item}))

    shown = project.run(*command).output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())


@pytest.mark.usefixtures("echo")
def test_messages_are_withheld_if_a_state_is_unreadable(project: FakePulumi) -> None:
    """The secrets of an unreadable state are unknown, so Justt's message about the account is withheld."""
    project.fails({"stack export": "error: no decrypter"})

    shown = project.run("doctor", "--stack", "dev").output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())


@pytest.mark.usefixtures("echo")
def test_secrets_of_another_stack_are_redacted(project: FakePulumi) -> None:
    """`import` reads the stacks that may manage the integrations before it sends requests to Justt."""
    project.state([integration("theirs", "id-1", secretReferences={"apiKey": {"fromEnv": "X"}})], stack="other")

    shown = project.run("import", "--all", "--stack", "dev", "--other-stack", "other").output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())
