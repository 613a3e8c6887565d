"""The warnings of `pulumi-justt doctor` about credentials that are unusual for their source."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_justt.api.models import SOURCES
from pulumi_justt.cli.doctor import credentials_check
from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import State
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.payment_service_providers import NAMES, PROVIDERS, PaymentServiceProvider
from support.fake_pulumi import FakePulumi, integration


def examined(*integrations: dict[str, Any]) -> list[Check]:
    """Return the results of the check for a stack with these integrations."""
    state = State({"deployment": {"resources": [*integrations]}})
    return [*credentials_check.examine([Patient(Stack("dev"), state=state)], {"credentials"})]


def recorded(source: object, secret_type: object, **outputs: object) -> dict[str, Any]:
    """Return an integration as it is in a state."""
    return integration("made", "id-1", source=source, secretType=secret_type, **outputs)


@pytest.mark.parametrize(
    ("source", "secret_type", "text"),
    [
        ("stripe", "BASIC_AUTH", "has BasicAuth credentials, which are unusual for Stripe: Justt names ApiKeyOnly."),
        ("shopify_payments", "sftp", "has Sftp credentials, which are unusual for Shopify: Justt names ApiKey."),
        (
            "adyen",
            "APIKEY_ONLY",
            "has ApiKeyOnly credentials, which are unusual for Adyen: its keys fit Hmac, though Justt names no class.",
        ),
        ("paypal", "OAUTH2", "has Unlisted credentials, which are unusual for PayPal: its keys fit BasicAuth, though "),
    ],
)
def test_an_unusual_pair_is_a_warning(source: str, secret_type: str, text: str) -> None:
    """The warning names both classes, says whether Justt documents the usual one, and what to do."""
    (check,) = examined(recorded(source, secret_type))

    assert (check.name, check.verdict, check.stack, check.integration_id) == ("credentials", "warning", "dev", "id-1")
    assert check.text.startswith(f"made (id-1) {text}")
    assert check.remediation.startswith("If it doesn't become SUCCESSFUL, use credentials.")
    assert check.urn is not None


@pytest.mark.parametrize("psp", PROVIDERS, ids=lambda psp: psp.name)
def test_the_usual_pair_is_no_warning(psp: PaymentServiceProvider) -> None:
    """The pairs of the table are not unusual, with each spelling of the source."""
    for source in (psp.source, *psp.other_sources):
        assert [check.verdict for check in examined(recorded(source, psp.credentials.secret_type))] == ["ok"]


@pytest.mark.parametrize("secret_type", CREDENTIAL_TYPES)
@pytest.mark.parametrize("source", ["justt_sandbox", "klarna", "acme-pay"])
def test_nothing_is_unusual_for_another_source(source: str, secret_type: str) -> None:
    """Without a row in the table, each class may be right."""
    assert [check.verdict for check in examined(recorded(source, secret_type))] == ["ok"]


def test_an_integration_that_works_is_no_warning() -> None:
    """Justt has verified the credentials of a SUCCESSFUL integration, so they are right, whatever the table says."""
    assert [check.verdict for check in examined(recorded("adyen", "APIKEY_ONLY", status="SUCCESSFUL"))] == ["ok"]


@pytest.mark.parametrize(
    "changes",
    [
        {"external": True},
        {"delete": True},
        {"outputs": {"source": {"ciphertext": "x"}, "secretType": {"ciphertext": "x"}}},
        {"outputs": {}},
    ],
)
def test_an_integration_without_known_credentials_is_no_warning(changes: dict[str, Any]) -> None:
    """The check leaves out an integration that the stack only reads or has replaced, and values that are secrets."""
    assert [check.verdict for check in examined({**recorded("adyen", "APIKEY_ONLY"), **changes})] == ["ok"]


@pytest.mark.parametrize(("source", "nearest"), [("wordpay", "worldpay"), ("Adyen", "adyen"), ("getnet", "get_net")])
def test_a_misspelt_unlisted_source_is_a_warning(source: str, nearest: str) -> None:
    """With `allow_unlisted`, `check` accepts each source. Doctor compares it with the names that Justt uses."""
    (check,) = examined(recorded(source, "APIKEY_ONLY"))

    assert check.verdict == "warning"
    assert check.text == (
        f"made (id-1) has the source {source!r}, which Justt's documents don't name (did you mean {nearest!r}?)."
    )


def test_a_name_of_justt_is_no_warning() -> None:
    """A source that Justt names is not misspelt, even if it is like another name."""
    for source in {*NAMES} - {*SOURCES} - {"shopify", "shopify_payments"}:
        assert [check.verdict for check in examined(recorded(source, "APIKEY_ONLY"))] == ["ok"]


def test_without_a_state_there_is_no_result() -> None:
    """If the state could not be read, another check says so."""
    assert [*credentials_check.examine([Patient(Stack("dev"))], {"credentials"})] == []


def test_a_warning_does_not_change_the_exit_code(project: FakePulumi) -> None:
    """Doctor shows a warning, counts it, and exits with 0; it sends nothing for this check."""
    project.state([recorded("adyen", "APIKEY_ONLY")])

    shown = project.run("doctor", "--only", "credentials", "--stack", "dev")
    document = json.loads(project.run("doctor", "--only", "credentials", "--stack", "dev", "--json").stdout)

    assert (shown.exit_code, shown.stderr) == (0, "0 findings, 0 not checked, 1 warning\n")
    assert shown.stdout.startswith(
        "warning: credentials of dev: made (id-1) has ApiKeyOnly credentials, which are unus"
    )
    assert [document[key] for key in ("findings", "warnings", "notChecked")] == [0, 1, 0]


def test_alike_warnings_are_one_paragraph_and_quiet_leaves_them_out(project: FakePulumi) -> None:
    """Doctor explains an unusual pair once, and then names the other integrations with it; --quiet prints nothing."""
    pair = {"source": "adyen", "secretType": "APIKEY_ONLY"}
    project.state([integration(name, f"id-{name}", **pair) for name in ("a", "b", "c")])

    shown = project.run("doctor", "--only", "credentials", "--stack", "dev")
    quiet = project.run("doctor", "--only", "credentials", "--stack", "dev", "--quiet")

    assert shown.stderr == "0 findings, 0 not checked, 1 warning\n"
    first, *others = [line.strip() for line in shown.stdout.splitlines()]
    assert first.startswith("warning: credentials of dev: a (id-a) has ApiKeyOnly credentials, which are unusual for")
    assert others == [
        "Likewise for: b (id-b), c (id-c)",
        "If it doesn't become SUCCESSFUL, use credentials.Hmac; `pulumi up` then replaces it.",
    ]
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
