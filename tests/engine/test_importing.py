"""`pulumi-justt import` on the real engine: the state is as after a create, so the next update changes nothing."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from typing import Any

import pytest

from pulumi_justt.simulator import SimulatorServer, payload_digest
from pulumi_justt.simulator.rules import NewIntegration
from support.harness import HANG_SECONDS, Stack
from support.secret_scanner import canary

COMMAND = [sys.executable, "-m", "pulumi_justt.cli", "import", "--stack", "dev"]
HEAD = "import pulumi\nimport pulumi_justt as justt\n\nconfig = pulumi.Config()\n"


def by_hand(simulator: SimulatorServer, source: str, account: str | None = None) -> str:
    """Create an integration outside Pulumi, and return its id."""
    new = NewIntegration("by hand", "By hand", source, "APIKEY_ONLY", "", ("apiKey",), None)
    return simulator.records.add_integration(new, account)


def run(stack: Stack, *arguments: str) -> dict[str, Any]:
    """Run the command without a terminal, and return its output."""
    done = stack.justt("import", "--stack", "dev", "--json", *arguments)
    assert done.code == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def typed(stack: Stack, *arguments: str, answers: list[tuple[str, str]]) -> tuple[str, str]:
    """Run the command at a terminal, answer each prompt when it appears, and return stdout and the screen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=stack.folder / "project",
        env=stack.prepare_command({}),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        # Without a controlling terminal, a password prompt reads stdin.
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        for question, answer in answers:
            shown += until(ours, question)
            os.write(ours, f"{answer}\n".encode())
        assert process.stdout is not None
        printed = process.stdout.read()
        shown += until(ours, "")
        assert process.wait(timeout=HANG_SECONDS) == 0, shown.decode()
    os.close(ours)
    stack.keep(printed + shown)
    return printed.decode(), shown.decode()


def until(terminal: int, text: str) -> bytes:
    """Read a terminal until it shows *text*; with an empty text, until its program has ended."""
    seen = b""
    deadline = time.monotonic() + HANG_SECONDS
    while not text or text.encode() not in seen:
        assert time.monotonic() < deadline, seen.decode()
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            # The other end is closed.
            assert not text, seen.decode()
            return seen
        seen += chunk
    return seen


def changing(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests so far that change something."""
    return [exchange.method for exchange in simulator.requests if exchange.method != "GET"]


def lasting(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource of a state without fields that differ for each resource or each run."""
    text = json.dumps({name: resource[name] for name in ("inputs", "outputs", "provider", "parent")})
    kept: dict[str, Any] = json.loads(text.replace(resource["id"], "ID"))
    for part in (kept["inputs"], kept["outputs"]):
        for name in ("externalIdentifier", "integrationName"):
            part[name] = "same"
        for secrets in (part, part["secretPayload"]):
            for name, value in secrets.items():
                if isinstance(value, dict) and "ciphertext" in value:
                    secrets[name] = {**value, "ciphertext": ""}
    return kept


ADYEN = """
justt.PaymentIntegration(
    "twin",
    external_identifier="twin",
    integration_name="Twin",
    source="adyen",
    credentials=justt.credentials.Hmac(
        hmac=config.require_secret("adyenHmac"),
        api_key=justt.from_env("SECRET_adyen", version=2),
        merchant_code="M-1",
    ),
    merchant_account_codes=["b", "a"],
    reference_account_id="acct_9",
    deletion_protection=True,
)
"""


def test_imported_integrations_behave_like_created_ones(stack: Stack, simulator: SimulatorServer) -> None:
    """After imports from a file and at a terminal, `preview` and `up` change nothing.

    A new credential replaces an imported integration, the state has the same form as after a create, and `destroy`
    deactivates all integrations.
    """
    stripe, adyen, third = (
        by_hand(simulator, "stripe"),
        by_hand(simulator, "adyen", "acct_9"),
        by_hand(simulator, "stripe"),
    )
    pem = f"-----BEGIN KEY-----\n{canary('pem')}\n-----END KEY-----\n"
    stack.provide({"adyen": canary("adyen"), "pem": pem})
    answers = {
        stripe: {
            "resource_name": "stripe-eu",
            "external_identifier": "stripe-eu-main",
            "integration_name": "Stripe EU",
            "credentials": "ApiKeyOnly",
            "fields": {"api_key": {"variable": "SECRET_stripeKey"}},
        },
        adyen: {
            "resource_name": "adyen",
            "external_identifier": "adyen-main",
            "integration_name": "Adyen",
            "credentials": "Hmac",
            "fields": {
                "hmac": {"variable": "SECRET_pem"},
                "api_key": {"fromEnv": "SECRET_adyen", "version": 2},
                "merchant_code": "M-1",
            },
            "merchant_account_codes": ["b", "a"],
            "reference_account_id": "acct_9",
        },
    }
    file = stack.folder / "answers.json"
    file.write_text(json.dumps(answers))
    outcome = run(stack, "--answers", str(file), "--yes")
    assert (outcome["configuration"], outcome["commands"]) == (["stripeEuApiKey", "adyenHmac"], [])

    new = canary("typed")
    stack.secrets.append(new)
    program, shown = typed(
        stack,
        "--no-protect",
        answers=[
            ("Which", "1"),
            ("Resource name", ""),
            ("External identifier", "third"),
            ("Integration name", "Third"),
            ("Credentials", ""),
            # The last space appears after echo is off.
            ("api_key (not shown): ", new),
            ("Merchant account codes", ""),
            ("Import them?", "y"),
        ],
    )
    assert third in shown
    assert stripe not in shown
    name = f"stripe-{third[:8]}"
    assert program.startswith(HEAD)
    pasted = program.removeprefix(HEAD)
    assert pasted.startswith(f"\n{name.replace('-', '_')} = justt.PaymentIntegration(")

    main = stack.folder / "project" / "__main__.py"
    main.write_text(outcome["program"] + pasted)
    assert "4 unchanged" in stack.preview("--expect-no-changes").text
    assert "4 unchanged" in stack.up("--expect-no-changes").text
    assert changing(simulator) == []

    key = next(line for line in pasted.splitlines() if "require_secret" in line).split('"')[1]
    stack.config(secret={key: canary("rotated")})
    main.write_text(outcome["program"] + pasted + ADYEN)
    text = stack.up().text
    assert "secretPayload: {\n          ~ apiKey: [secret] => [secret]" in text
    assert sorted(changing(simulator)) == ["DELETE", "POST", "POST"]
    assert {each.id for each in simulator.records.integrations() if each.status == "INACTIVE"} == {third}
    resources = stack.resources()
    assert lasting(resources["adyen"]) == lasting(resources["twin"])
    digests = {each.payload_digest for each in simulator.records.integrations()}
    assert payload_digest({"hmac": pem, "apiKey": stack.environ["SECRET_adyen"], "merchantCode": "M-1"}) in digests

    assert "it has deletion_protection=True" in stack.destroy(fails=True).text
    main.write_text(main.read_text().replace("deletion_protection=True", "deletion_protection=False"))
    stack.up()
    stack.destroy()
    assert {each.status for each in simulator.records.integrations()} == {"INACTIVE"}


@pytest.mark.slow
def test_a_file_can_be_imported_later(stack: Stack, simulator: SimulatorServer) -> None:
    """`import --out` imports nothing, and writes a file in which all credentials are encrypted.

    After the user has run the printed commands, the stack has the integration, and a preview shows no change.
    """
    stripe = by_hand(simulator, "stripe")
    answers = f"""
        {stripe}:
          external_identifier: stripe-eu-main
          integration_name: Stripe EU
          resource_name: stripe-eu
          credentials: ApiKeyOnly
          fields: {{api_key: {{variable: SECRET_stripeKey}}}}
    """
    (stack.folder / "answers.yaml").write_text(answers)
    file = stack.folder / "user" / "import.json"
    outcome = run(stack, "--answers", str(stack.folder / "answers.yaml"), "--out", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "ciphertext" in file.read_text()
    assert stack.resources() == {}
    assert outcome["commands"] == [
        f"pulumi import --generate-code=false --protect=false --file {file} --stack dev",
        "printf '%s\\n' \"$SECRET_stripeKey\" | pulumi config set --secret stripeEuApiKey --stack dev",
    ]
    stack.secrets.append(stack.environ["SECRET_stripeKey"])
    done = subprocess.run(
        ["bash", "-euc", "\n".join(outcome["commands"])],
        cwd=stack.folder / "project",
        env=stack.prepare_command({"PULUMI_SKIP_CONFIRMATIONS": "true"}),
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    stack.keep(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr.decode()
    (stack.folder / "project" / "__main__.py").write_text(outcome["program"])
    assert "2 unchanged" in stack.preview("--expect-no-changes").text
    assert changing(simulator) == []
