"""Two resources with one external identifier in one account: the second one gets a warning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pulumi_justt.api.call import Call
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.log import Log
from support.scripted_client import CHECKED, MINIMAL, load, no_client

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::"


@dataclass
class Program:
    """A program whose resources are checked in one process.

    Args:
        config: The configuration.
    """

    config: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the process."""
        self._core = IntegrationLifecycle(load(self.config), client=no_client, log=Log(self.lines.append))

    def check(self, name: str, olds: dict[str, Any] | None = None, **changes: Any) -> list[str]:  # noqa: ANN401 - any property
        """Check a resource, and return the lines that this shows."""
        before = len(self.lines)
        self._core.call = lambda: Call(f"{URN}{name}")
        self._core.check(olds or {}, {**MINIMAL, **changes})
        return self.lines[before:]


@pytest.fixture
def program() -> Program:
    """Return a program without a default account."""
    return Program()


def test_the_second_resource_with_an_identifier_gets_a_warning(program: Program) -> None:
    """The warning names the first resource, also if the PSPs differ, and the check succeeds."""
    assert program.check("one") == []
    shown = program.check("two", source="adyen")

    (line,) = shown
    assert line == (
        "warning: external_identifier: 'one' has 'stripe-eu' in the same account, too. Justt does not document whether "
        "two integrations may share an identifier. Give each its own; if both resources are meant to be one "
        "integration, remove one of them."
    )
    assert [line.partition(" has ")[0] for line in program.check("three")] == ["warning: external_identifier: 'one'"]


def test_a_second_check_of_a_resource_warns_no_more(program: Program) -> None:
    """The engine checks a resource that it replaces twice. The warning comes once."""
    program.check("one")
    assert len(program.check("two", CHECKED)) == 1
    assert program.check("two") == []
    assert program.check("one") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"externalIdentifier": "another"},
        {"referenceAccountId": "acc_2"},
        {"externalIdentifier": UNKNOWN},
        {"referenceAccountId": UNKNOWN},
        {"externalIdentifier": [UNKNOWN]},
        {"referenceAccountId": [UNKNOWN]},
        {"source": "misspelled"},
    ],
)
def test_other_resources_get_no_warning(program: Program, changes: dict[str, Any]) -> None:
    """Another identifier or account, one that a preview doesn't know yet, and invalid inputs give no warning."""
    program.check("one")

    assert program.check("two", **changes) == []


def test_a_default_account_counts_as_the_account() -> None:
    """The account of the configuration, and the same account given explicitly, are one account."""
    program = Program({"referenceAccountId": "acc_1"})
    program.check("one")

    assert len(program.check("two", referenceAccountId="acc_1")) == 1
    assert program.check("three", referenceAccountId="acc_2") == []
