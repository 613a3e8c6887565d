"""Type checking of programs: valid ones pass, and each mistake is reported at its line."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import pulumi_justt

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
ACCEPTED = TESTS / "support" / "typing_api.py"

_ERROR = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")

PRELUDE = """\
import pulumi
from pulumi_justt import Deactivation, IntegrationReady, PaymentIntegration, credentials, from_env, from_file
secret = pulumi.Config().require_secret("key")
given = credentials.ApiKeyOnly(api_key=secret)
"""

ARGUMENTS = "'x', external_identifier='x', integration_name='x', source='stripe'"
NO_SOURCE = "'x', external_identifier='x', integration_name='x', credentials=given"

# Each entry is one statement, with its only mistake in the last line.
REJECTED: dict[str, tuple[str, str]] = {
    "a missing field": ("credentials.BasicAuth(client_id=secret)", "call-arg"),
    "all fields missing": ("credentials.ApiKeyOnly()", "call-arg"),
    "a surplus field": ("credentials.ApiKeyOnly(api_key=secret, shop_name='x')", "call-arg"),
    "a field in the API's spelling": ("credentials.PublicSecretKey(secret_key=secret, publicKey='x')", "call-arg"),
    "a field of a wrong type": ("credentials.ApiKeyOnly(api_key=7)", "arg-type"),
    "an Output of a wrong type": ("credentials.ApiKeyOnly(api_key=pulumi.Output.from_input(7))", "arg-type"),
    "a reference to a variable by its number": ("from_env(7)", "arg-type"),
    "a reference with a version of a wrong type": ("from_file('a', version='2')", "arg-type"),
    "a version by position": ("from_env('A', 2)", "call-arg"),
    "a field by position": ("credentials.ApiKeyOnly(secret)", "call-arg"),
    "a required field that is None": ("credentials.ApiKeyOnly(api_key=None)", "arg-type"),
    "a field that is changed": ("given.api_key = 'x'", "misc"),
    "from_output of a dict": ("credentials.ApiKeyOnly.from_output({'apiKey': 'x'})", "arg-type"),
    "an unlisted payload in an Output": (
        "credentials.Unlisted(secret_type='X', payload=pulumi.Output.from_input({'a': 'b'}))",
        "arg-type",
    ),
    "an unknown deactivation type": ("Deactivation(type='posting')", "arg-type"),
    "a deactivation by days as text": ("Deactivation(after_days='7')", "arg-type"),
    "a surplus argument of a deactivation": ("Deactivation(days=7)", "call-arg"),
    "a wait for an id": ("IntegrationReady('x', integration='id-1')", "arg-type"),
    "a deadline as text": (
        "IntegrationReady('x', integration=PaymentIntegration.get('y', 'z'), timeout_seconds='5')",
        "arg-type",
    ),
    "a dict as credentials": (
        f"PaymentIntegration({ARGUMENTS},\n    credentials={{'apiKey': 'x'}})",
        "arg-type",
    ),
    "a bare Output as credentials": (
        f"PaymentIntegration({ARGUMENTS},\n    credentials=secret)",
        "arg-type",
    ),
    "a dict as deactivation": (
        f"PaymentIntegration({ARGUMENTS}, credentials=given,\n    deactivation={{'type': 'dueDate'}})",
        "arg-type",
    ),
    "a misspelt argument": (
        f"PaymentIntegration({ARGUMENTS}, credentials=given, merchant_codes=[])",
        "call-arg",
    ),
    "a missing argument": (
        "PaymentIntegration('x', external_identifier='x', credentials=given, source='stripe')",
        "call-arg",
    ),
    "an argument by position": (
        "PaymentIntegration('x', 'x', integration_name='x', source='stripe', credentials=given)",
        "call-arg",
    ),
    "codes that are no texts": (
        f"PaymentIntegration({ARGUMENTS}, credentials=given,\n    merchant_account_codes=[1])",
        "list-item",
    ),
    "a misspelt source": (
        f"PaymentIntegration({NO_SOURCE}, source='strip')",
        "arg-type",
    ),
    "a source of any text": (
        f"PaymentIntegration({NO_SOURCE}, source=pulumi.Config().require('source'))",
        "arg-type",
    ),
    "an unlisted source without its class": (
        f"PaymentIntegration({NO_SOURCE}, allow_unlisted=True, source='shopify')",
        "arg-type",
    ),
    "an unlisted source that is no text": ("import pulumi_justt; pulumi_justt.UnlistedSource(5)", "arg-type"),
    "an annotated source outside of the list": (
        "import pulumi_justt; source: pulumi_justt.Source = 'shopify'",
        "assignment",
    ),
    "an output that is assigned": (
        "PaymentIntegration.get('x', 'id').status = pulumi.Output.from_input('x')",
        "assignment",
    ),
    "mocks of a wrong type": ("from pulumi_justt.testing import JusttMocks; JusttMocks(other={})", "arg-type"),
    "mocks with an unknown status": (
        "from pulumi_justt.testing import Integration; Integration(status='FAILD')",
        "arg-type",
    ),
    "a name that is not public": ("import pulumi_justt; pulumi_justt.IntegrationProvider", "attr-defined"),
}


@dataclass(frozen=True)
class Verdict:
    """The result of the type checker: the errors by file, and the full output."""

    errors: dict[str, list[tuple[int, str]]]
    output: str


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Run the type checker once over all files, in strict mode and with the project's configuration."""
    folder = tmp_path_factory.mktemp("rejected")
    names = {}
    for number, (title, (statement, _)) in enumerate(REJECTED.items()):
        path = folder / f"rejected_{number}.py"
        path.write_text(f"{PRELUDE}{statement}\n")
        names[path.name] = title
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml"),
            *("--cache-dir", folder / "cache", "--no-pretty", "--no-error-summary"),
            ACCEPTED,
            *sorted(folder.glob("*.py")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors: dict[str, list[tuple[int, str]]] = {}
    for line in done.stdout.splitlines():
        if found := _ERROR.match(line):
            name = Path(found["file"]).name
            errors.setdefault(names.get(name, name), []).append((int(found["line"]), found["code"]))
    return Verdict(errors, done.stdout + done.stderr)


def test_the_documented_uses_are_accepted(verdict: Verdict) -> None:
    """The type checker reports no error in a program that uses each class, argument and output as documented."""
    assert verdict.errors.get(ACCEPTED.name, []) == [], verdict.output
    assert ACCEPTED.name not in verdict.output


@pytest.mark.parametrize("title", REJECTED)
def test_a_mistake_is_reported_at_its_line(title: str, verdict: Verdict) -> None:
    """For a program with one mistake, the type checker reports exactly one error, at the line of the mistake."""
    statement, code = REJECTED[title]
    line = (PRELUDE + statement).count("\n") + 1

    assert verdict.errors.get(title) == [(line, code)], verdict.output


def test_the_package_is_marked_as_typed() -> None:
    """The package contains `py.typed`.

    Without this file, a type checker would ignore the annotations of the installed package.
    """
    assert pulumi_justt.__file__ is not None
    assert (Path(pulumi_justt.__file__).parent / "py.typed").is_file()
