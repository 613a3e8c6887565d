"""`pulumi-justt import --template`, and Ctrl-C during the prompts: what the user has entered is not lost."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.importing.candidates import Candidate
from pulumi_justt.cli.importing.import_answers import CREDENTIAL_CLASSES, read_answers, usual_class, variable_of
from pulumi_justt.cli.importing.template import template
from pulumi_justt.core import listing
from pulumi_justt.references import from_env
from pulumi_justt.simulator import SimulatorServer
from support.fake_pulumi import FakePulumi, integration
from support.secret_scanner import canary

Theirs = Callable[..., str]


def changing(project: FakePulumi) -> list[str]:
    """Return the calls of the Pulumi CLI so far that change the state or the configuration."""
    return [call for call in project.calls if call.startswith(("import", "config set"))]


# --template


def test_a_filled_in_template_is_imported(project: FakePulumi, theirs: Theirs) -> None:
    """`import --template` writes an entry for each integration that it lists. After it is filled in, it is imported.

    Only the owner can read the file. `import` asks for nothing, and names the command to run next.
    """
    mine, stripe, adyen = theirs(), theirs(), theirs("adyen")
    theirs(status="INACTIVE")
    project.state([integration("mine", mine)])
    file = project.folder / "answers.yaml"

    written = project.run("import", "--stack", "dev", "--template", str(file))

    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr == (
        f"Written to {file}: 2 integrations. Fill it in, and then run:\n"
        f"  pulumi-justt import --answers {file} --stack dev --cwd {project.project}\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    entries = yaml.safe_load(file.read_text())
    names = [f"stripe-{stripe[:8]}", f"adyen-{adyen[:8]}"]
    variables = [re.sub("-", "_", name).upper() for name in names]
    assert entries == {
        stripe: {
            "resource_name": names[0],
            "external_identifier": "",
            "integration_name": "",
            "credentials": "ApiKeyOnly",
            "fields": {"api_key": {"variable": f"{variables[0]}_API_KEY"}},
        },
        adyen: {
            "resource_name": names[1],
            "external_identifier": "",
            "integration_name": "",
            "credentials": "Hmac",
            "fields": {
                "hmac": {"variable": f"{variables[1]}_HMAC"},
                "api_key": {"variable": f"{variables[1]}_API_KEY"},
            },
        },
    }
    environ = {f"{variables[0]}_API_KEY": canary("stripe")}
    environ |= {f"{variables[1]}_{name}": canary(name) for name in ("HMAC", "API_KEY")}
    unfilled = project.run("import", "--answers", str(file), "--yes", environ=environ)
    assert (unfilled.exit_code, changing(project)) == (3, [])
    assert f"{stripe}: external_identifier: must not be empty" in unfilled.stderr
    assert f"{adyen}: integration_name: must not be empty" in unfilled.stderr

    file.write_text(
        file.read_text().replace('_identifier: ""', "_identifier: shop").replace('_name: ""', "_name: Shop")
    )
    done = project.run("import", "--answers", str(file), "--yes", environ=environ)
    assert done.exit_code == 0, done.output
    assert [each["name"] for each in project.imported] == names


def test_a_template_as_json(project: FakePulumi, theirs: Theirs) -> None:
    """With `--json`, `import --template` prints the integrations, the file and the command to run next."""
    theirs()
    other = theirs("adyen")
    file = project.folder / "answers.yaml"
    written = project.run("import", "--template", str(file), "--id", other, "--json")
    document = json.loads(written.stdout)
    assert (written.exit_code, written.stderr) == (0, "")
    named = [(each["integrationId"], each["resourceName"]) for each in document["integrations"]]
    assert named == [(other, f"adyen-{other[:8]}")]
    assert (document["file"], document["isImported"], document["failure"]) == (str(file), False, None)
    assert document["commands"] == [f"pulumi-justt import --answers {file} --cwd {project.project}"]
    assert changing(project) == []


def test_a_template_may_use_references_and_names_other_accounts(
    project: FakePulumi, simulator: SimulatorServer, theirs: Theirs
) -> None:
    """With `--credentials from-env`, the fields of a template are references.

    An entry names the account if it is not the configured one.
    """
    theirs(account="acc_1")
    theirs(account="acc_2")
    project.config({"justt:baseUrl": simulator.base_url, "justt:referenceAccountId": "acc_1"}, {"justt:apiKey": "key"})
    accounts = []
    for account in ("acc_1", "acc_2"):
        file = project.folder / f"{account}.yaml"
        project.run("import", "--template", str(file), "--account", account, "--credentials", "from-env")
        (entry,) = yaml.safe_load(file.read_text()).values()
        assert [*entry["fields"]["api_key"]] == ["fromEnv"]
        accounts.append(entry.get("reference_account_id"))
    assert accounts == [None, "acc_2"]


@pytest.mark.parametrize("source", ["stripe", "adyen", "paypal", "2checkout", "justt_sandbox", "a: b #c"])
def test_each_template_can_be_read(source: str) -> None:
    """A template for any source is a valid answers file, except for the values to fill in.

    A source without a usual type of credentials has empty fields, and the head of the file lists all types.
    """
    ids = ["5c41e4a2-6d0c-4f0b-8a6e-0c2a3f9d7b11", "0123", "null", "a: b", "~"]
    candidates = [Candidate(RemoteRecord(integration_id=each, source=source, status="PENDING"), None) for each in ids]
    text = template(candidates, None, is_by_reference=True)
    assert all(f"#   {name}: " in text for name in CREDENTIAL_CLASSES)
    filled = text.replace('credentials: ""', "credentials: ApiKeyOnly")
    answers = read_answers(filled)
    assert answers.keys() == {*ids}
    usual = {"adyen": "HMAC", "paypal": "BASIC_AUTH"}
    assert {answer.secret_type for answer in answers.values()} == {usual.get(source, "APIKEY_ONLY")}
    fields = {name for answer in answers.values() for name in answer.fields}
    assert fields == {"stripe": {"apiKey"}, "adyen": {"hmac", "apiKey"}, "paypal": {"clientId", "clientSecret"}}.get(
        source, set()
    )


@pytest.mark.parametrize("name", ["stripe-eu", "2checkout", "justt-sandbox-8f2d9c07", "pulumi", "Ünal"])
def test_each_suggested_variable_is_valid(name: str) -> None:
    """The suggested name of a variable is one that `from_env` accepts, for every resource name and field."""
    for shape in CREDENTIAL_CLASSES.values():
        for f in shape.wire_fields().values():
            assert from_env(variable_of(name, f)).place.endswith(f.name.upper())
    assert (usual_class("stripe"), usual_class("adyen")) == ("ApiKeyOnly", "Hmac")


def test_a_template_is_refused(project: FakePulumi, theirs: Theirs) -> None:
    """`import --template` overwrites no file, and refuses an id that can't be imported, and other files of options."""
    gone, there = theirs(status="INACTIVE"), project.folder / "there"
    there.write_text("mine")
    for arguments, expected in (
        (["--id", gone], f"error: nothing was written:\n  {gone} is INACTIVE, which is final: leave it out.\n"),
        (["--template", str(project.folder / "no" / "file")], "There is nothing to import.\n"),
    ):
        result = project.run("import", "--template", str(project.folder / "new"), *arguments)
        assert (result.exit_code, result.stderr) == (3 if "--id" in arguments else 0, expected)
        assert not (project.folder / "new").exists()
    theirs()
    result = project.run("import", "--template", str(there))
    assert (result.exit_code, there.read_text()) == (3, "mine")
    assert f"error: nothing was written:\n  writing {there}: File exists. Name another file.\n" in result.stderr
    result = project.run("import", "--template", "x", "--out", "y")
    assert (result.exit_code, "--template takes neither --answers nor --out" in result.stderr) == (2, True)


def test_a_template_of_a_truncated_list_exits_with_3(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Justt's list is truncated, `import --template` exits with 3, unless the ids were given."""
    only = theirs()
    monkeypatch.setattr(listing, "MOST_PAGES", 0)
    assert project.run("import", "--template", str(project.folder / "a")).exit_code == 3
    assert project.run("import", "--template", str(project.folder / "a"), "--id", only).exit_code == 0


# Ctrl-C

ONE = ["one", "s-1", "S", "", "secret-value", ""]


def stop_at(monkeypatch: pytest.MonkeyPatch, label: str, times: int, raised: type[BaseException]) -> None:
    """Raise an exception at a prompt, when it appears for the given time."""
    prompt = click.prompt
    seen: list[str] = []

    def stopping(given: str, **options: Any) -> str:  # noqa: ANN401 - the arguments of `click.prompt`
        seen.append(given)
        if seen.count(label) == times:
            raise raised
        answer: str = prompt(given, **options)
        return answer

    monkeypatch.setattr(click, "prompt", stopping)


@pytest.mark.parametrize("raised", [click.Abort, KeyboardInterrupt])
@pytest.mark.parametrize("options", [[], ["--yes"]])
def test_ctrl_c_keeps_the_complete_answers(
    project: FakePulumi,
    theirs: Theirs,
    monkeypatch: pytest.MonkeyPatch,
    raised: type[BaseException],
    options: list[str],
) -> None:
    """After Ctrl-C at the second of five integrations, `import` offers to import the first one, even with `--yes`.

    The exit code is 3, and the error says how many were left out.
    """
    ids = [theirs() for _ in range(5)]
    stop_at(monkeypatch, "External identifier", 2, raised)

    result = project.run("import", *options, answers="\n".join(["all", *ONE, "two", "y", ""]))

    assert result.exit_code == 3
    assert "Stopped. 4 of the chosen integrations have no values yet, so they are left out." in result.stderr
    assert f"{ids[0]} becomes 'one'." in result.stderr
    assert "Imported: one." in result.stderr
    assert "one = justt.PaymentIntegration(" in result.stdout
    assert result.stderr.endswith(
        "error: you stopped the prompts, so 4 of the chosen integrations were left out. Run the command again for "
        "these.\n"
    )
    assert [each["id"] for each in project.imported] == ids[:1]


def test_ctrl_c_imports_nothing_without_a_yes(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After Ctrl-C, `import` imports nothing if the user doesn't confirm, or if no integration has all its answers.

    With `--out`, it writes no file either.
    """
    theirs()
    theirs()
    stop_at(monkeypatch, "External identifier", 2, click.Abort)
    for options in ([], ["--out", str(tmp_path / "file")]):
        monkeypatch.undo()
        stop_at(monkeypatch, "External identifier", 2, click.Abort)
        result = project.run("import", *options, answers="\n".join(["all", *ONE, "two", "n", ""]))
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.endswith(
            "Nothing was imported. To run without prompts, use --answers and --yes.\nStopped.\n"
        )
    assert not (tmp_path / "file").exists()
    monkeypatch.undo()
    stop_at(monkeypatch, "External identifier", 1, click.Abort)
    result = project.run("import", answers="all\none\ny\n")
    assert (result.exit_code, "have no values yet" in result.stderr) == (3, False)
    assert changing(project) == []


def test_ctrl_c_with_out_writes_the_complete_answers(
    project: FakePulumi, theirs: Theirs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After Ctrl-C with `--out`, `import` asks before it writes the file for the complete answers."""
    ids = [theirs(), theirs()]
    monkeypatch.setattr("pulumi_justt.cli.stacks.Stack.encrypted", lambda _, texts: dict.fromkeys(texts, "v1:x"))
    stop_at(monkeypatch, "External identifier", 2, click.Abort)
    out = tmp_path / "file"
    result = project.run("import", "--out", str(out), answers="\n".join(["all", *ONE, "two", "y", ""]))
    assert (result.exit_code, "Write the file?" in result.stderr) == (3, True)
    assert [each["id"] for each in json.loads(out.read_text())["resources"]] == ids[:1]
