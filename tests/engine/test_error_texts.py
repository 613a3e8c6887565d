"""The exact text of each failed create. test_engine.py compares the texts of other commands."""

from __future__ import annotations

import re

import httpx
import pytest

import error_source
from pulumi_justt.simulator import Fault, SimulatorServer
from support import golden_errors
from support.golden_errors import assert_messages
from support.harness import HANG_SECONDS, Stack

PROGRAM = """
def add(name, identifier, key=secret("stripeKey"), **more):
    justt.PaymentIntegration(name, external_identifier=identifier, integration_name=name, source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=key), **more)

"""


def existing(simulator: SimulatorServer, source: str) -> str:
    """Create an integration of another user, and return its id."""
    body = {"externalIdentifier": source, "integrationName": source, "source": source, "secretType": "APIKEY_ONLY"}
    with httpx.Client(
        base_url=simulator.base_url, headers={"authorization": "Bearer any"}, trust_env=False, timeout=HANG_SECONDS
    ) as client:
        answer = client.post("/integrations", json={**body, "secretPayload": {"apiKey": "made-up"}})
    return str(answer.json()["integrationId"])


def test_failed_creates_say_what_to_do(stack: Stack, simulator: SimulatorServer) -> None:
    """When creates fail for different reasons, `up` shows one paragraph for each reason, which says what to do."""
    inactive, of_adyen = existing(simulator, "stripe"), existing(simulator, "adyen")
    simulator.records.set_status(inactive, "INACTIVE")
    refusals = ("status=400", "status=401", "status=403", "status=413", "redirect=307")
    for refusal in refusals:
        simulator.add_fault(Fault.parse(f"POST /integrations {refusal} times=1"))
    # The engine decides which of these equal creates meets which fault.
    lines = [f'add("refused-{number}", "refused")' for number in range(len(refusals))]
    lines += [
        f'add("inactive", "inactive", adopt_id="{inactive}")',
        f'add("other-source", "other-source", adopt_id="{of_adyen}")',
        'add("unknown", "unknown", adopt_id="no-such-id")',
        'add("no-id", "no-id", adopt_id="..")',
        'add("no-variable", "no-variable", key=justt.from_env("NO_SUCH_VARIABLE"))',
        'add("no-file", "no-file", key=justt.from_file("keys/none.pem"))',
    ]
    stack.program(PROGRAM + "\n".join(lines) + "\n")
    assert_messages("create-refused", stack, stack.up("--continue-on-error", fails=True))


@pytest.mark.slow
def test_an_uncertain_create_shows_its_candidate(stack: Stack, simulator: SimulatorServer) -> None:
    """Justt answers a create with a 2xx in an undocumented shape.

    The error shows the shape, the candidate and the `adopt_id` line to add to the program.
    """
    stack.config({"justt:timeoutSeconds": "10"})
    simulator.add_fault(Fault.parse("POST /integrations undocumented-shape times=1"))
    stack.program(PROGRAM + 'add("lost", "lost")\n')
    assert_messages("create-in-doubt", stack, stack.up(fails=True))


def test_the_page_has_all_texts_of_the_terminal() -> None:
    """The texts of docs/errors.md include each sentence of the recorded terminal output."""
    texts = [_pattern(text.text) for source in error_source.package() for text in source.texts]
    long = [text for text in texts if len(re.findall(r"[a-z]{2,}", text)) > 4]
    lines = [
        line for path in sorted(golden_errors.KEPT.glob("*.txt")) for line in path.read_text().splitlines() if line
    ]
    assert len(lines) > 20
    assert [line for line in lines if not any(re.search(text, line) for text in long)] == []


def _pattern(text: str) -> str:
    """Return a regex for a text of the page, with its placeholders, alternatives and optional parts."""
    escaped = re.sub(r"<[^>]*>", ".+", re.escape(text).replace("\\ ", " "))
    return escaped.replace(r"\[", "(?:").replace(r" \| ", "|").replace(r"\]", ")?")
