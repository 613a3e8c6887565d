"""`pulumi-justt doctor`: the result and the remediation of each check, and the exit codes."""

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
    """Run doctor, check the form of its JSON, and return the results that are not `ok` by the name of their check."""
    result = project.run("doctor", "--json", *arguments, environ=environ)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    bad: dict[str, list[dict[str, Any]]] = {}
    for check in document["checks"]:
        assert check["verdict"] in ("ok", "warning", "finding", "not checked")
        assert check["text"].endswith(".")
        if check["verdict"] != "ok":
            bad.setdefault(check["check"], []).append(check)
    counts = {"finding": 0, "warning": 0, "not checked": 0}
    for check in document["checks"]:
        if check["verdict"] in counts:
            counts[check["verdict"]] += 1
    numbers = {"finding": "findings", "warning": "warnings", "not checked": "notChecked"}
    assert counts == {verdict: document[key] for verdict, key in numbers.items()}
    return bad


def test_a_healthy_stack_passes_every_check(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """For a healthy stack, each check of doctor is `ok` and says what it found.

    Doctor sends only GET requests and imports nothing.
    """
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
        *["tools", "configuration", "pending", "recordedKey", "duplicate", "credentials", "journal"],
        *["account", "account", "integration", "unmanaged", "unmanaged"],
    ]
    assert "ok: configuration of dev: simulator at " in result.stdout
    assert "pulumi CLI 3.259.0, SDK " in result.stdout
    assert f"simulator at {simulator.base_url}, no default account." in result.stdout
    assert "Integrations of the default account in simulator: 1 active, 1 INACTIVE." in result.stdout
    assert "healthy integrations: 3." in result.stdout
    assert {exchange.method for exchange in simulator.requests} == {"GET"}
    assert not any("import" in call for call in project.calls)


def test_each_problem_of_an_integration_has_a_remediation(project: FakePulumi, theirs: Theirs) -> None:
    """Doctor reports a finding for each integration that has a problem, and says what to do.

    Examples are an integration that is FAILED or INACTIVE, or that Justt doesn't know.
    """
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
    checks = {check["integrationId"]: check for check in bad["integration"]}
    assert {check["verdict"] for check in checks.values()} == {"finding"}
    assert "failed (" in checks[failed]["text"]
    assert "is FAILED" in checks[failed]["text"]
    assert "is INACTIVE at Justt, which is final." in checks[inactive]["text"]
    assert checks[inactive]["remediation"].startswith("Run `pulumi refresh`")
    assert checks[adopted]["remediation"].startswith("Remove adopt_id from the program. Run `pulumi refresh`")
    assert "does not exist at Justt" in checks["no-such-id"]["text"]
    assert "JUSTT_ON_MISSING=gone" in checks["no-such-id"]["remediation"]
    assert "was recorded in production, but the configuration says simulator." in checks["id-in-production"]["text"]
    assert "is not deactivated yet (PENDING)" in checks[waiting]["text"]
    assert "looked-at (" in checks[seen]["text"]
    assert checks[seen]["remediation"].startswith("`PaymentIntegration.get` only reads")
    assert checks["no-such-id-either"]["remediation"].startswith("Correct the id in the program")


def test_unmanaged_integrations_are_findings(project: FakePulumi, theirs: Theirs) -> None:
    """Doctor reports each integration that no given stack manages, with the `adopt_id` line that adopts it.

    Doctor doesn't report an INACTIVE integration.
    """
    stranger, seen, others = theirs(), theirs("adyen"), theirs()
    theirs(status="INACTIVE")
    project.state([{**integration("seen", seen), "external": True}], [creating("lost")], stack="dev")
    project.state([integration("others", others)], stack="prod")
    checks = {check["integrationId"]: check for check in examined(project, "-s", "dev", code=1)["unmanaged"]}
    assert checks.keys() == {stranger, seen, others}
    assert f'add adopt_id="{stranger}" to a resource' in checks[stranger]["remediation"]
    assert "run `pulumi-justt recover --stack dev` first" in checks[stranger]["remediation"]
    assert "recover" not in checks[seen]["remediation"]
    both = examined(project, "-s", "dev", "-s", "prod", code=1)["unmanaged"]
    assert {check["integrationId"] for check in both} == {stranger, seen}


def test_interrupted_operations_are_findings(project: FakePulumi) -> None:
    """Doctor reports each pending operation.

    The remediation is `recover` for a create that may have made an integration, and `pulumi up` for this provider's
    other operations. For another provider's operation, it is `pulumi refresh`.
    """
    bucket = {"urn": f"{STACK}::aws:s3:Bucket::b", "type": "aws:s3:Bucket"}
    waiting = {"urn": f"{STACK}::{READY}::ready", "type": READY}
    pending = [
        *(creating("new"), {**creating("old"), "type": "deleting"}, {"type": "creating", "resource": bucket}),
        *({"type": "creating", "resource": waiting}, creating("adopted", adoptId="i")),
    ]
    project.state([], pending)
    checks = examined(project, "--stack", "dev", code=1)["pending"]
    assert [check["text"] for check in checks] == [
        "creating new was interrupted.",
        "deleting old was interrupted.",
        "creating b was interrupted.",
        "creating ready was interrupted.",
        "creating adopted was interrupted.",
    ]
    assert [check["urn"] for check in checks] == [
        f"{STACK}::{TYPE}::new",
        f"{STACK}::{TYPE}::old",
        f"{STACK}::aws:s3:Bucket::b",
        f"{STACK}::{READY}::ready",
        f"{STACK}::{TYPE}::adopted",
    ]
    assert "if this machine's journal lacks this create, it could create a duplicate" in checks[0]["remediation"]
    assert "run `pulumi cancel`. Then run `pulumi-justt recover --stack dev`." in checks[0]["remediation"]
    assert "Run `pulumi up --stack dev`, which repeats what is needed" in checks[1]["remediation"]
    assert "This concerns another provider: run `pulumi refresh --stack dev`" in checks[2]["remediation"]
    project.state([], pending[:1])
    (quoted,) = examined(project, "--stack", "it's", code=1)["pending"]
    assert """`pulumi-justt recover --stack 'it'"'"'s'`""" in quoted["remediation"]
    # A wait and a create that adopts make no integration, so their remediation is that of a delete.
    assert checks[3]["remediation"] == checks[4]["remediation"] == checks[1]["remediation"]


def test_one_integration_in_two_resources_is_a_finding(project: FakePulumi, theirs: Theirs) -> None:
    """Doctor reports an integration that two resources have, also in two stacks.

    A replaced resource and a resource that only reads the integration don't count.
    """
    twice, once = theirs(), theirs()
    replaced, seen = {**integration("b", once), "delete": True}, {**integration("c", once), "external": True}
    project.state([integration("a", twice), integration("d", once), replaced, seen], stack="dev")
    project.state([integration("z", twice)], stack="prod")
    (check,) = examined(project, "-s", "dev", "-s", "prod", code=1)["duplicate"]
    assert check["integrationId"] == twice
    assert f"is in 2 resources: {STACK}::{TYPE}::a, {STACK}::{TYPE}::z." in check["text"]


def test_a_copied_state_is_a_finding(project: FakePulumi, theirs: Theirs) -> None:
    """Doctor reports the integrations of a state that was imported into another stack, under the same URNs."""
    ids = {name: theirs() for name in ("a", "b")}
    for stack in ("dev", "copy"):
        project.state([integration(name, its_id) for name, its_id in ids.items()], stack=stack)
    first, second = examined(project, "-s", "dev", "-s", "copy", code=1)["duplicate"]
    assert (first["integrationId"], second["integrationId"]) == (ids["a"], ids["b"])
    assert first["text"] == f"integration {ids['a']} is in several stacks: a of copy, a of dev."
    assert "If a stack is a copy, remove it with `pulumi stack rm --force`" in first["remediation"]
    assert project.run("doctor", "-s", "dev", "-s", "copy", "--quiet").stdout.splitlines()[:3] == [
        "finding: duplicate: 2 integrations are each in several stacks.",
        f"    {ids['a']}: a of copy, a of dev",
        f"    {ids['b']}: b of copy, b of dev",
    ]


def test_an_outdated_key_in_the_state_is_a_finding(project: FakePulumi, simulator: SimulatorServer) -> None:
    """If the key in the state differs from the key in the configuration, doctor reports it and shows neither key."""
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
def test_outdated_settings_in_the_state_are_named(
    project: FakePulumi, before: dict[str, str], after: dict[str, str], names: str | None
) -> None:
    """Doctor names each setting that has changed since the last update.

    Doctor shows no values and doesn't decrypt the state.
    """
    project.config(before)
    project.state([project.provider()])
    project.config(after)
    result = project.run("doctor", "--only", "recordedKey")
    expected = (
        f"the configuration has changed since the last `pulumi up`: {names}." if names else "the settings in the state"
    )
    assert (result.exit_code, expected in result.stdout) == (1 if names else 0, True)
    assert ("add --run-program, or first run `pulumi up` without" in result.stdout) is (names is not None)
    assert not any("show-secrets" in call for call in project.calls if "export" in call)


def test_a_provider_s_own_key_is_not_outdated(project: FakePulumi) -> None:
    """For a `justt.Provider`, doctor reports an environment that differs from the configuration.

    Doctor doesn't report the key, which always differs.
    """
    project.config({"justt:environment": "production"}, {"justt:apiKey": "bearer-key"})
    own = project.own_provider("another-key")
    project.state([{**own, "inputs": {**own["inputs"], "justt:environment": "sandbox"}}])
    result = project.run("doctor", "--only", "recordedKey")
    assert "the configuration has changed since the last `pulumi up`: justt:environment." in result.stdout


def test_a_key_in_plain_text_is_a_finding(project: FakePulumi, simulator: SimulatorServer) -> None:
    """If the configuration has the API key in plain text, doctor shows the command that encrypts it.

    Doctor doesn't show the key.
    """
    key = canary("plain-key")
    project.config({"justt:baseUrl": simulator.base_url, "justt:apiKey": key})
    result = project.run("doctor")
    assert result.exit_code == 1
    assert "Run `pulumi config set --secret justt:apiKey`" in result.stdout
    assert key not in result.output


def test_a_refused_key_is_a_finding(project: FakePulumi, simulator: SimulatorServer, theirs: Theirs) -> None:
    """If Justt refuses the key, doctor reports where the key came from. Doctor still checks the state."""
    project.state([integration("mine", theirs())], [creating("lost")])
    simulator.add_fault(Fault.parse("GET * status=401"))
    bad = examined(project, code=1)
    assert bad.keys() == {"pending", "apiKey", "integration"}
    assert "Justt answered 401" in bad["apiKey"][0]["text"]
    assert "The key came from justt:apiKey." in bad["apiKey"][0]["text"]
    assert bad["integration"][0]["verdict"] == "not checked"


def test_no_response_is_no_finding(project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the API doesn't respond, doctor reports the account and its integrations as not checked, and exits with 3."""
    project.state([integration("mine", theirs())])

    def fail(*_: object, operation: str, **__: object) -> None:
        raise RequestFailed(operation, "no connection", "Check the network.")

    monkeypatch.setattr(account_records, "list_all", fail)
    bad = examined(project, code=3)
    assert bad.keys() == {"account", "integration"}


def test_an_incomplete_list_reports_nothing_as_unmanaged(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Justt's list is incomplete, doctor reads the stack's integrations by id, and reports none as unmanaged."""
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
def test_a_stack_that_cannot_be_read_is_a_finding(
    project: FakePulumi, call: str, words: str, check: str, remediation: str
) -> None:
    """If a stack can't be read, doctor shows the CLI's error and what to do.

    Doctor reports no integration as unmanaged.
    """
    project.fails({call: words})
    bad = examined(project, code=1)
    assert words.removeprefix("error: ") in bad[check][0]["text"]
    assert remediation in bad[check][0]["text"]
    assert "could not be read" in bad["unmanaged"][0]["text"]


def test_invalid_settings_are_findings(project: FakePulumi) -> None:
    """Doctor reports an invalid environment and a missing API key as findings."""
    project.config({"justt:environment": "staging"})
    assert "justt:environment must be production or sandbox" in examined(project, code=1)["configuration"][0]["text"]
    project.config({"justt:baseUrl": "http://127.0.0.1:1/v1"})
    assert "no Justt API key" in examined(project, code=1)["apiKey"][0]["text"]


def test_a_project_named_justt_may_have_other_settings(project: FakePulumi, simulator: SimulatorServer) -> None:
    """In a project named `justt`, doctor accepts unknown keys that begin with `justt:`.

    In another project it reports them.
    """
    project.config({"justt:baseUrl": simulator.base_url, "justt:color": "red"}, {"justt:apiKey": KEY})
    assert "justt:color is not a setting" in examined(project, code=1)["configuration"][0]["text"]
    (project.project / "Pulumi.yaml").write_text('runtime: python\nname: "justt"\n')
    examined(project, code=0)


def test_an_old_or_missing_cli_is_a_finding(project: FakePulumi) -> None:
    """If the Pulumi CLI is too old or missing, doctor reports a finding and still makes the other checks it can."""
    (project.folder / "version").write_text("v3.99.0")
    (check,) = examined(project, code=1)["tools"]
    assert "pulumi CLI 3.99.0 is too old for SDK " in check["text"]
    assert check["remediation"] == "Update the CLI to 3.254 or later."
    bad = examined(project, code=1, environ={"PATH": str(project.project)})
    assert "there is no `pulumi` on PATH" in bad["tools"][0]["text"]
    assert bad.keys() == {"tools", "configuration", "state", "journal", "unmanaged"}


def test_without_a_project_the_variables_are_used(
    tmp_path: Path, project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """Outside of a project, doctor uses the JUSTT_* variables.

    Without a stack, doctor can't check for unmanaged integrations.
    """
    theirs()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    given = {"JUSTT_BASE_URL": simulator.base_url, "JUSTT_API_KEY": KEY}
    assert examined(project, "--cwd", str(elsewhere), code=3, environ=given).keys() == {"unmanaged"}
    bad = examined(project, "--cwd", str(elsewhere), code=1, environ={"JUSTT_BASE_URL": "ftp://x"})
    assert "JUSTT_BASE_URL must be a URL" in bad["configuration"][0]["text"]


def test_integrations_are_looked_up_with_the_key_of_their_provider(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """Doctor looks up an integration with the key of its own provider in the state.

    JUSTT_API_KEY_OVERRIDE replaces that key.
    """
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
    """If a resource's account is a secret, doctor doesn't check its integration, and `list` exits with 3.

    With `--account`, `list` shows that account.
    """
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
    assert "the accounts of far are secrets: name them with --account." in listed.stderr


@pytest.mark.parametrize("name", ["default", "default_eu"])
def test_a_provider_named_default_is_not_the_engines_default(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs, name: str
) -> None:
    """Doctor uses the key of a `justt.Provider` that is named like the engine's default provider.

    Only a `justt.Provider` has a parent.
    """
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
    """Start a stand-in for Justt whose error for each list repeats a password that the redactor doesn't know yet."""
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
    """If a secret in the configuration is an object, each command redacts each value in that object."""
    assert "hunt7er" in project.run(*command).output
    file = project.folder / "config.json"
    secret = {"password": "hunt7er"}
    item = {"value": json.dumps(secret), "objectValue": secret, "secret": True}
    file.write_text(json.dumps({**json.loads(file.read_text()), "shop:psp": item}))

    shown = project.run(*command).output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())


@pytest.mark.usefixtures("echo")
def test_justt_s_text_is_withheld_if_a_state_cannot_be_read(project: FakePulumi) -> None:
    """If a state can't be read, doctor withholds the texts of Justt's errors.

    The texts may repeat a credential in that state.
    """
    project.fails({"stack export": "error: no decrypter"})

    shown = project.run("doctor", "--stack", "dev").output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())


@pytest.mark.usefixtures("echo")
def test_import_reads_other_stacks_before_it_calls_justt(project: FakePulumi) -> None:
    """`import` reads the stacks of --other-stack before it calls Justt.

    So it can redact their credentials in Justt's errors.
    """
    project.state([integration("theirs", "id-1", secretReferences={"apiKey": {"fromEnv": "X"}})], stack="other")

    shown = project.run("import", "--all", "--stack", "dev", "--other-stack", "other").output

    assert "hunt7er" not in shown
    assert WITHHELD in " ".join(shown.split())
