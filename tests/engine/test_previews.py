"""The text that a reviewer of a pull request reads: the CLI's exact output, resource by resource.

A pull request changes the program `was` into `now`, and the configuration of each secret whose name begins with
`rotated`. The folder `data/previews` has the output of `pulumi preview --diff` and `pulumi preview --json` for each
resource. `UPDATE_GOLDEN=1 pytest tests/engine/test_previews.py` rewrites it, and `git diff` shows the changes.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.checkout import ROOT
from support.golden_previews import UPDATE, masked
from support.harness import Stack
from support.secret_scanner import canary

GOLDEN = ROOT / "tests" / "data" / "previews"

PROGRAM = """
from pulumi import Output
from pulumi_justt import Deactivation, from_env, from_file
from pulumi_justt.credentials import *

kept, rotated = secret("kept"), secret("rotated")
kept_key, rotated_key = (
    each.apply(lambda line: f"-----BEGIN PRIVATE KEY-----\\n{line}\\n-----END PRIVATE KEY-----\\n")
    for each in (kept, rotated)
)
made = {}


def integration(name, **given):
    usual = {"external_identifier": name, "integration_name": name, "source": "stripe"}
    made[name] = justt.PaymentIntegration(name, **{**usual, "credentials": ApiKeyOnly(api_key=kept), **given})


def of(name):
    return made[name].integration_id


"""


@dataclass(frozen=True)
class Case:
    """One resource of the program.

    Args:
        op: The operation in the preview; "same" if the preview doesn't mention the resource.
        paths: The properties that the preview names, and no others.
        was: The arguments in the current program; None for a new resource.
        now: The arguments in the pull request; None for a removed resource.
    """

    op: str
    paths: tuple[str, ...]
    was: str | None
    now: str | None

    @property
    def change(self) -> list[str]:
        """The resource's arguments in the program, as the lines of the pull request's diff."""
        lines = [(" ", self.now)] if self.was == self.now else [("-", self.was), ("+", self.now)]
        return [f"{sign} {text}" for sign, text in lines if text]


def replaced(was: str, now: str | None = None, *, names: str) -> Case:
    """Return a case that needs a replacement; without *now*, only the configuration changes."""
    return Case("replace", tuple(names.split()), was, was if now is None else now)


def updated(was: str, now: str, *, names: str) -> Case:
    """Return a case that only updates the state."""
    return Case("update", tuple(names.split()), was, now)


def unchanged(was: str, now: str | None = None) -> Case:
    """Return a case that the preview must not show."""
    return Case("same", (), was, was if now is None else now)


CASES: dict[str, dict[str, Case]] = {
    "whole-resources": {
        "new": Case(
            "create",
            (),
            None,
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1", account_code=kept), '
            'merchant_account_codes=["b", "a"], deactivation=Deactivation(after_days=7)',
        ),
        "new-reference": Case(
            "create",
            (),
            None,
            'credentials=Sftp(username=kept, private_key=from_file("keys/sftp.pem"), passphrase=from_env("PHRASE"))',
        ),
        "new-unlisted": Case(
            "create",
            (),
            None,
            'credentials=Unlisted(secret_type="OAUTH", payload={"id": kept, "hosts": ["a", "b"]}), allow_unlisted=True',
        ),
        "new-of-a-new": Case("create", (), None, 'credentials=ApiKeyOnly(api_key=of("new-reference"))'),
        "gone": Case(
            "delete",
            (),
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1"), deactivation=Deactivation(after_days=7)',
            None,
        ),
    },
    "secrets": {
        "api-key-only": replaced("credentials=ApiKeyOnly(api_key=rotated)", names="secretPayload.apiKey"),
        "public-secret-key": replaced(
            'credentials=PublicSecretKey(secret_key=rotated, public_key="pk_1")', names="secretPayload.secretKey"
        ),
        "basic-auth-id": replaced(
            "credentials=BasicAuth(client_id=rotated, client_secret=kept)", names="secretPayload.clientId"
        ),
        "basic-auth-secret": replaced(
            "credentials=BasicAuth(client_id=kept, client_secret=rotated)", names="secretPayload.clientSecret"
        ),
        "username": replaced(
            "credentials=UsernamePassword(username=rotated, password=kept)", names="secretPayload.username"
        ),
        "password": replaced(
            "credentials=UsernamePassword(username=kept, password=rotated)", names="secretPayload.password"
        ),
        "hmac": replaced(
            'credentials=Hmac(hmac=rotated, api_key=kept, merchant_code="M-1")', names="secretPayload.hmac"
        ),
        "hmac-api-key": replaced(
            'credentials=Hmac(hmac=kept, api_key=rotated, merchant_code="M-1")', names="secretPayload.apiKey"
        ),
        "hmac-both": replaced(
            'credentials=Hmac(hmac=rotated, api_key=rotated, merchant_code="M-1")',
            names="secretPayload.hmac secretPayload.apiKey",
        ),
        "api-key": replaced('credentials=ApiKey(api_key=rotated, shop_name="shop")', names="secretPayload.apiKey"),
        "sftp-username": replaced("credentials=Sftp(username=rotated, password=kept)", names="secretPayload.username"),
        "sftp-password": replaced("credentials=Sftp(username=kept, password=rotated)", names="secretPayload.password"),
        "sftp-key": replaced(
            "credentials=Sftp(username=kept, private_key=rotated_key, passphrase=kept)",
            names="secretPayload.privateKey",
        ),
        "sftp-passphrase": replaced(
            "credentials=Sftp(username=kept, private_key=kept_key, passphrase=rotated)",
            names="secretPayload.passphrase",
        ),
        "unlisted": replaced(
            'credentials=Unlisted(secret_type="OAUTH", payload={"id": kept, "token": rotated}), allow_unlisted=True',
            names="secretPayload.token",
        ),
        "unlisted-nested": replaced(
            'credentials=Unlisted(secret_type="OAUTH", payload={"id": kept, "both": {"a": kept, "b": rotated}}), '
            "allow_unlisted=True",
            names="secretPayload.both",
        ),
        "no-secret": unchanged('credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1")'),
    },
    "identifiers": {
        "public-key": replaced(
            'credentials=PublicSecretKey(secret_key=kept, public_key="pk_1")',
            'credentials=PublicSecretKey(secret_key=kept, public_key="pk_2")',
            names="secretPayload.publicKey",
        ),
        "merchant-code": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1", account_code="A-1")',
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-2", account_code="A-1")',
            names="secretPayload.merchantCode",
        ),
        "account-code": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1", account_code="A-1")',
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1", account_code="A-2")',
            names="secretPayload.accountCode",
        ),
        "store-url": replaced(
            'credentials=ApiKey(api_key=kept, store_url="https://a.example")',
            'credentials=ApiKey(api_key=kept, store_url="https://b.example")',
            names="secretPayload.storeUrl",
        ),
        "shop-name": replaced(
            'credentials=ApiKey(api_key=kept, shop_name="a")',
            'credentials=ApiKey(api_key=kept, shop_name="b")',
            names="secretPayload.shopName",
        ),
        "adyen-eu": replaced(
            'credentials=Hmac(hmac=rotated, api_key=kept, merchant_code="M-1")',
            'credentials=Hmac(hmac=rotated, api_key=kept, merchant_code="M-2")',
            names="secretPayload.hmac secretPayload.merchantCode",
        ),
        "secret-identifier": replaced(
            "credentials=Hmac(hmac=kept, api_key=kept, merchant_code=rotated)", names="secretPayload.merchantCode"
        ),
        "identifier-made-secret": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1")',
            "credentials=Hmac(hmac=kept, api_key=kept, merchant_code=kept)",
            names="secretPayload.merchantCode",
        ),
        "no-identifier": unchanged('credentials=ApiKey(api_key=kept, store_url="https://a.example", shop_name="a")'),
    },
    "arguments": {
        "identifier": replaced('external_identifier="a"', 'external_identifier="b"', names="externalIdentifier"),
        "name": replaced('integration_name="Stripe EU"', 'integration_name="Stripe"', names="integrationName"),
        "source": replaced('source="stripe"', 'source="adyen"', names="source"),
        "shape": replaced(
            "credentials=ApiKeyOnly(api_key=kept)",
            'credentials=ApiKey(api_key=kept, shop_name="shop")',
            names="secretType secretPayload.shopName",
        ),
        "account": replaced('reference_account_id="acc-1"', 'reference_account_id="acc-2"', names="referenceAccountId"),
        "account-given": replaced("", 'reference_account_id="acc-1"', names="referenceAccountId"),
        "codes-given": replaced("", 'merchant_account_codes=["a", "b"]', names="merchantAccountCodes"),
        "codes-dropped": replaced('merchant_account_codes=["a", "b"]', "", names="merchantAccountCodes"),
        "code-added": replaced(
            'merchant_account_codes=["b", "a"]',
            'merchant_account_codes=["c", "b", "a"]',
            names="merchantAccountCodes[2]",
        ),
        "code-added-in-front": replaced(
            'merchant_account_codes=["b", "c"]',
            'merchant_account_codes=["a", "b", "c"]',
            names="merchantAccountCodes[0] merchantAccountCodes[1] merchantAccountCodes[2]",
        ),
        "code-dropped": replaced(
            'merchant_account_codes=["a", "b", "c"]',
            'merchant_account_codes=["b", "a"]',
            names="merchantAccountCodes[2]",
        ),
        "code-changed": replaced(
            'merchant_account_codes=["a", "b", "d"]',
            'merchant_account_codes=["a", "c", "d"]',
            names="merchantAccountCodes[1]",
        ),
        "codes-reordered": unchanged(
            'merchant_account_codes=["a", "b", "c"]', 'merchant_account_codes=["c", "a", "b"]'
        ),
        "several": replaced(
            'integration_name="A", credentials=ApiKeyOnly(api_key=rotated)',
            'integration_name="B", credentials=ApiKeyOnly(api_key=rotated)',
            names="integrationName secretPayload.apiKey",
        ),
        "no-argument": unchanged(""),
    },
    "in-place": {
        "deactivation-added": updated("", "deactivation=Deactivation(after_days=7)", names="deactivation"),
        "deactivation-changed": updated(
            "deactivation=Deactivation(after_days=7)",
            'deactivation=Deactivation(type="dueDate", after_days=30)',
            names="deactivation.afterDays deactivation.deactivationType",
        ),
        "deactivation-date": updated(
            "deactivation=Deactivation(after_days=7)",
            'deactivation=Deactivation(date="2027-01-31T00:00:00Z")',
            names="deactivation.afterDays deactivation.deactivationDate",
        ),
        "deactivation-dropped": updated("deactivation=Deactivation(after_days=7)", "", names="deactivation"),
        "allow-unlisted": updated("", "allow_unlisted=True", names="allowUnlisted"),
        "allow-unlisted-dropped": updated("allow_unlisted=True", "allow_unlisted=False", names="allowUnlisted"),
        "allow-unlisted-said": unchanged("", "allow_unlisted=False"),
        "protection": updated("", "deletion_protection=True", names="deletionProtection"),
        "protection-dropped": updated(
            "deletion_protection=True", "deletion_protection=False", names="deletionProtection"
        ),
        "protection-and-rotation": replaced(
            'deletion_protection=True, integration_name="A"',
            'deletion_protection=True, integration_name="B"',
            names="integrationName",
        ),
        "adoption-over": updated('adopt_id=config.require("theirs")', "", names="adoptId"),
        "with-a-replacement": replaced(
            'integration_name="A"',
            'integration_name="B", deactivation=Deactivation(after_days=7)',
            names="integrationName deactivation",
        ),
    },
    "references": {
        "value-to-variable": replaced(
            "credentials=ApiKeyOnly(api_key=kept)",
            'credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY"))',
            names="secretPayload secretReferences",
        ),
        "variable-to-value": replaced(
            'credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY"))',
            "credentials=ApiKeyOnly(api_key=kept)",
            names="secretPayload secretReferences",
        ),
        "value-to-file": replaced(
            "credentials=Sftp(username=kept, private_key=kept_key)",
            'credentials=Sftp(username=kept, private_key=from_file("keys/sftp.pem"))',
            names="secretPayload.privateKey secretReferences",
        ),
        "version": replaced(
            'credentials=Hmac(hmac=from_env("ADYEN_HMAC"), api_key=from_env("ADYEN_KEY"))',
            'credentials=Hmac(hmac=from_env("ADYEN_HMAC", version=2), api_key=from_env("ADYEN_KEY"))',
            names="secretReferences.hmac.version",
        ),
        "another-variable": replaced(
            'credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY"))',
            'credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY_2"))',
            names="secretReferences.apiKey.fromEnv",
        ),
        "variable-to-file": replaced(
            'credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY"))',
            'credentials=ApiKeyOnly(api_key=from_file("keys/stripe", version=2))',
            names="secretReferences.apiKey.fromEnv secretReferences.apiKey.fromFile secretReferences.apiKey.version",
        ),
        "identifier-to-variable": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code="M-1")',
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code=from_env("ADYEN_MERCHANT"))',
            names="secretPayload.merchantCode secretReferences",
        ),
        "beside-a-value": replaced(
            'credentials=Hmac(hmac=from_env("ADYEN_HMAC"), api_key=rotated)', names="secretPayload.apiKey"
        ),
        "no-reference": unchanged('credentials=Sftp(username=kept, private_key=from_file("keys/sftp.pem"))'),
    },
    "optional-fields": {
        "identifier-added": replaced(
            "credentials=Hmac(hmac=kept, api_key=kept)",
            'credentials=Hmac(hmac=kept, api_key=kept, account_code="A-1")',
            names="secretPayload.accountCode",
        ),
        "identifier-dropped": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, account_code="A-1")',
            "credentials=Hmac(hmac=kept, api_key=kept)",
            names="secretPayload.accountCode",
        ),
        "secret-added": replaced(
            "credentials=Sftp(username=kept, private_key=kept_key)",
            "credentials=Sftp(username=kept, private_key=kept_key, passphrase=kept)",
            names="secretPayload.passphrase",
        ),
        "secret-dropped": replaced(
            "credentials=Sftp(username=kept, private_key=kept_key, passphrase=kept)",
            "credentials=Sftp(username=kept, private_key=kept_key)",
            names="secretPayload.passphrase",
        ),
        "reference-added": replaced(
            "credentials=Sftp(username=kept, private_key=kept_key)",
            'credentials=Sftp(username=kept, private_key=kept_key, passphrase=from_env("SFTP_PASSPHRASE"))',
            names="secretReferences",
        ),
        "one-for-another": replaced(
            "credentials=Sftp(username=kept, password=kept)",
            "credentials=Sftp(username=kept, private_key=kept_key)",
            names="secretPayload.password secretPayload.privateKey",
        ),
    },
    "outputs": {
        "object-one-field": replaced(
            'credentials=Hmac.from_output(config.require_secret_object("rotatedKey"))', names="secretPayload.apiKey"
        ),
        "object-added-field": replaced(
            'credentials=Hmac.from_output(config.require_secret_object("rotatedKeys"))',
            names="secretPayload.accountCode",
        ),
        "object-none": unchanged('credentials=Hmac.from_output(config.require_secret_object("keptKeys"))'),
        "value-to-object": unchanged(
            "credentials=Hmac(hmac=kept, api_key=kept)",
            'credentials=Hmac.from_output(Output.secret({"hmac": kept, "apiKey": kept}))',
        ),
        "of-a-replaced": replaced('credentials=ApiKeyOnly(api_key=of("name"))', names="secretPayload.apiKey"),
        "of-a-new": replaced(
            "credentials=ApiKeyOnly(api_key=kept)",
            'credentials=ApiKeyOnly(api_key=of("new-reference"))',
            names="secretPayload.apiKey",
        ),
        "of-an-updated": unchanged('credentials=ApiKeyOnly(api_key=of("deactivation-added"))'),
        "of-an-unchanged": unchanged('credentials=ApiKeyOnly(api_key=of("object-none"))'),
        "identifier-of-a-replaced": replaced(
            'credentials=Hmac(hmac=kept, api_key=kept, merchant_code=of("name"))', names="secretPayload.merchantCode"
        ),
        "object-of-a-replaced": replaced(
            'credentials=UsernamePassword.from_output(of("name").apply(lambda id: {"username": "u", "password": id}))',
            names="secretPayload.username secretPayload.password",
        ),
        "codes": replaced(
            'merchant_account_codes=Output.from_input(["b", "a"])',
            'merchant_account_codes=Output.from_input(["b", "a", "c"])',
            names="merchantAccountCodes[2]",
        ),
        "codes-reordered-output": unchanged(
            'merchant_account_codes=Output.from_input(["b", "a"])',
            'merchant_account_codes=Output.from_input(["a", "b"])',
        ),
        "codes-secret": replaced('merchant_account_codes=["a", rotated]', names="merchantAccountCodes"),
        "codes-of-a-replaced": replaced('merchant_account_codes=["z", of("name")]', names="merchantAccountCodes"),
    },
}
ALL = {name: case for group in CASES.values() for name, case in group.items()}
assert len(ALL) == sum(map(len, CASES.values()))

_HEADER = re.compile(r" {4}(?:\+-|[+~-] |> )\S+: \(\w+\)")
_URN = re.compile(r" {8}\[urn=urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::(\S+)\]")


def program(arguments: Mapping[str, str | None]) -> str:
    """Return the program in which each resource has the given arguments."""
    return PROGRAM + "".join(f"integration({name!r}, {text})\n" for name, text in arguments.items() if text is not None)


def split(shown: str) -> tuple[dict[str, str], str]:
    """Split the text of a preview into the part of each resource and the rest, both unchanged."""
    blocks: list[list[str]] = []
    frame: list[str] = []
    for line in shown.splitlines():
        if _HEADER.fullmatch(line):
            blocks.append([line])
        elif blocks and line.startswith(" " * 6):
            blocks[-1].append(line)
        else:
            frame.append(line)
    by_name = {}
    for block in blocks:
        (name,) = [found.group(1) for found in map(_URN.fullmatch, block) if found]
        assert name not in by_name
        by_name[name] = "\n".join(block)
    return by_name, "\n".join(frame)


def described(case: Case, block: str | None, step: Mapping[str, Any] | None) -> str:
    """Return the golden text of a case: the change, the preview, and the diff in `--json`."""
    lines = ["", "nothing"] if block is None else ["", block]
    if step is not None:
        # The engine's order of the reasons varies.
        reasons = {name: sorted(step.get(name, ())) for name in ("diffReasons", "replaceReasons")}
        parts = {"op": step["op"], **reasons, "detailedDiff": step["detailedDiff"]}
        lines += ["", *(f"{name}: {json.dumps(part, sort_keys=True)}" for name, part in parts.items() if part)]
    return "\n".join([*case.change, *lines])


def assert_golden(found: Mapping[str, str]) -> None:
    """Compare *found* with the golden files, or update them."""
    if os.environ.get(UPDATE) == "1":
        GOLDEN.mkdir(exist_ok=True)
        for path in GOLDEN.iterdir():
            path.unlink()
        for name, text in found.items():
            (GOLDEN / name).write_text(text)
    kept = {path.name: path.read_text() for path in GOLDEN.iterdir()}
    difference = [
        line
        for name in sorted({*kept, *found})
        for line in difflib.unified_diff(
            kept.get(name, "").splitlines(),
            found.get(name, "").splitlines(),
            f"kept/{name}",
            f"found/{name}",
            lineterm="",
        )
    ]
    if difference:
        way_out = f"If the new preview is right, run {UPDATE}=1 pytest tests/engine/test_previews.py"
        pytest.fail("\n".join([*difference, "", way_out]), pytrace=False)


def prepare(stack: Stack, simulator: SimulatorServer) -> None:
    """Deploy the program `was`, then make the pull request: the program `now`, and new values of rotated secrets."""
    simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"OAUTH"}))
    theirs = NewIntegration("adoption-over", "theirs", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    both = {"hmac": canary("object-hmac"), "apiKey": canary("object-key")}
    more = {"apiKey": canary("object-rotated"), "accountCode": canary("object-account")}
    referred = canary("referred")
    stack.secrets += [*both.values(), *more.values(), referred]
    stack.config(
        {"theirs": simulator.records.add_integration(theirs, None)},
        {name: canary(name) for name in ("kept", "rotated")}
        | dict.fromkeys(("keptKeys", "rotatedKey", "rotatedKeys"), json.dumps(both)),
    )
    stack.program(program({name: case.was for name, case in ALL.items()}))
    file = stack.folder / "project" / "keys" / "sftp.pem"
    file.parent.mkdir()
    file.write_text(f"-----BEGIN PRIVATE KEY-----\n{referred}\n-----END PRIVATE KEY-----\n")
    stack.up(STRIPE_KEY=referred, ADYEN_HMAC=referred, ADYEN_KEY=referred)
    file.unlink()
    stack.program(program({name: case.now for name, case in ALL.items()}))
    stack.config(
        secret={
            "rotated": canary("rotated"),
            "rotatedKey": json.dumps({**both, "apiKey": more["apiKey"]}),
            "rotatedKeys": json.dumps({**both, "accountCode": more["accountCode"]}),
        }
    )
    simulator.clear_requests()


@pytest.mark.usefixtures("pinned_engine")
def test_previews_match_golden_files(stack: Stack, simulator: SimulatorServer) -> None:
    """The preview of a pull request shows each changed resource with exactly its changed fields, and no secret value.

    It shows no other resource.
    """
    prepare(stack, simulator)
    ids = {resource["id"]: name for name, resource in stack.resources().items()}
    shown = stack.preview("--suppress-progress")
    digest = json.loads(stack.run("preview", "--json", "--stack", "dev").stdout)
    assert simulator.requests == []

    # The rest of a step is the old and the new state, which contain the provider as a secret.
    for step in digest["steps"]:
        for state in ("oldState", "newState"):
            step.pop(state, None)
    assert "__provider" not in shown.text + json.dumps(digest)

    blocks, frame = split(shown.stdout)
    changed = {name: case for name, case in ALL.items() if case.op != "same"}
    assert blocks.keys() == changed.keys()
    steps = {step["urn"].rpartition("::")[2]: step for step in digest["steps"]}
    stack_step = steps.pop("shop-dev")
    assert len(steps) == len(digest["steps"]) - 1
    assert {name: (step["op"], {*(step["detailedDiff"] or ())}) for name, step in steps.items()} == {
        name: (case.op, {*case.paths}) for name, case in changed.items()
    }
    assert all(f": ({case.op})\n" in blocks[name] for name, case in changed.items())

    found = {
        f"{group}.txt": "\n\n\n".join(
            f"# {name}\n{described(case, blocks.get(name), steps.get(name))}" for name, case in cases.items()
        )
        for group, cases in CASES.items()
    }
    found["summary.txt"] = "\n".join(
        [
            frame,
            shown.stderr.strip(),
            "",
            f"op: {stack_step['op']}",
            f"changeSummary: {json.dumps(digest['changeSummary'], sort_keys=True)}",
        ]
    )
    assert_golden({name: masked(text, ids) + "\n" for name, text in found.items()})


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        ({"a.txt": "x\n", "b.txt": "y\n"}, "+++ found/b.txt"),
        ({}, "--- kept/a.txt"),
        ({"a.txt": "y\n"}, "-x\n+y"),
    ],
)
def test_golden_files_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, str], difference: str
) -> None:
    """If a golden file is missing, extra or different, the comparison fails with the command that rewrites the files.

    After that command, the comparison succeeds.
    """
    monkeypatch.setitem(globals(), "GOLDEN", tmp_path)
    monkeypatch.delenv(UPDATE, raising=False)
    (tmp_path / "a.txt").write_text("x\n")
    with pytest.raises(pytest.fail.Exception) as raised:
        assert_golden(found)
    assert difference in str(raised.value)
    assert "run UPDATE_GOLDEN=1 pytest tests/engine/test_previews.py" in str(raised.value)
    monkeypatch.setenv(UPDATE, "1")
    assert_golden(found)
    monkeypatch.delenv(UPDATE)
    assert_golden(found)


def test_a_whole_resource_as_a_stack_output_is_quiet(stack: Stack) -> None:
    """If a program exports whole resources, a preview shows their outputs only if they change.

    `Output.json_dumps` of the deactivation is a stack output, too.
    """
    program = """
        stripe = justt.PaymentIntegration(
            "stripe",
            external_identifier="stripe",
            integration_name={name!r},
            source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
            deactivation=justt.Deactivation(after_days=7),
        )
        pulumi.export("whole", stripe)
        pulumi.export("nested", {{"of": [stripe]}})
        pulumi.export("json", pulumi.Output.json_dumps(stripe.deactivation))
        pulumi.export("read", justt.PaymentIntegration.get("read", stripe.integration_id))
    """
    stack.program(program.format(name="Stripe"))
    stack.up()
    outputs = stack.outputs()
    assert json.loads(outputs["json"]) == {"type": "postingDate", "after_days": 7, "date": None}
    assert outputs["whole"] == outputs["nested"]["of"][0]
    assert (outputs["whole"]["goLiveDate"], outputs["whole"]["secretPayload"]) == (None, "[secret]")

    for options in ((), ("--diff",)):
        shown = stack.run("preview", "--stack", "dev", *options).text
        assert "~" not in shown
        assert "Outputs:" not in shown
        assert "--outputs:--" not in shown
    assert stack.up("--expect-no-changes").code == 0
    assert stack.outputs() == outputs

    stack.program(program.format(name="New name"))
    assert re.search(r'~ integrationName +: "Stripe" => "New name"', stack.run("preview", "--stack", "dev").text)
