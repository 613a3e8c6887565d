"""Errors of functions that a program calls: one sentence on the real engine, TypeError or ValueError in unit tests."""

from __future__ import annotations

import re

import pulumi
import pytest

import pulumi_justt as justt
from pulumi_justt.arguments import InvalidArgument
from pulumi_justt.program_errors import one_sentence
from pulumi_justt.simulator import SimulatorServer
from support.harness import Stack
from support.mocked_program import run_program
from support.secret_scanner import canary

HEAD = """
import pulumi
import pulumi_justt as justt
from pulumi import Output, ResourceOptions
from pulumi_justt import Deactivation, IntegrationReady, PaymentIntegration, Provider, from_env, from_file
from pulumi_justt.credentials import *

def shop(credentials, **arguments):
    return PaymentIntegration("shop", external_identifier="shop", integration_name="Shop", source="stripe",
        credentials=credentials, **arguments)

"""
LITERAL = "sk_live_LITERAL"
"""The placeholder for a credential in each line."""

STATEMENTS = [
    (f'from_env("{LITERAL}")', "from_env takes the name of an environment variable, not its value"),
    (f'from_env(version="{LITERAL}")', r"from_env\(\) missing 1 required positional argument: 'name'"),
    (f'from_file("{LITERAL}\\n")', "from_file takes the path of a file, not its content"),
    (f'shop("{LITERAL}")', "credentials must be one of the classes in pulumi_justt.credentials, for example"),
    (f'shop(Output.secret("{LITERAL}"))', "For an Output of an object with all fields, use the class's from_output"),
    (
        f'shop(ApiKeyOnly(api_key="{LITERAL}"), deactivation=7)',
        r"deactivation must be a Deactivation\(\.\.\.\); got int",
    ),
    (f'shop(ApiKeyOnly(api_key="{LITERAL}"), opts=ResourceOptions(import_="x"))', "import_: the engine cannot import"),
    (f'shop(ApiKeyOnly(api_key="{LITERAL}"), opts=ResourceOptions(id="x"))', "id: the engine would read the resource"),
    (f'shop(ApiKeyOnly(api_key="{LITERAL}"), opts={{}})', r"opts must be pulumi.ResourceOptions\(\.\.\.\); got dict"),
    (f'shop(ApiKeyOnly(api_key="{LITERAL}"), opts=ResourceOptions(ignore_changes=["a"]))', "'a' is not a property"),
    (
        f'shop(ApiKeyOnly(api_key="{LITERAL}"), adopt=1)',
        r"PaymentIntegration 'shop': .* unexpected keyword argument 'adopt' \(did you mean 'adopt_id'\?\)",
    ),
    (
        f'ApiKeyOnly(key="{LITERAL}")',
        r"ApiKeyOnly\(\) got an unexpected keyword argument 'key' \(did you mean 'api_key'\?\)",
    ),
    (f'ApiKeyOnly(**{{"{LITERAL}_1": "k"}})', "got an unexpected keyword argument '… .a text of"),
    (f'shop("{LITERAL}")', "PaymentIntegration 'shop': credentials must be one of the"),
    ('Provider("a<" + "{%b", api_key="k")', "the resource's name has the characters <, { and % in a row"),
    ('PaymentIntegration.get("a<" + "{%b", "id")', "the resource's name has the characters <, { and % in a row"),
    (f'BasicAuth(client_secret="{LITERAL}")', "missing 1 required keyword-only argument: 'client_id'"),
    (f'PublicSecretKey("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'UsernamePassword("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'Hmac("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'ApiKey("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'Sftp("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'ApiKeyOnly.from_output("{LITERAL}")', "ApiKeyOnly.from_output takes an Output of an object; got str"),
    (f'Unlisted(secret="{LITERAL}")', "got an unexpected keyword argument 'secret'"),
    (f'shop(Unlisted(secret_type="X", payload="{LITERAL}"))', r"Unlisted\(payload=...\) takes a mapping"),
    (f'Deactivation("{LITERAL}")', "takes 1 positional argument but 2 were given"),
    (f'PaymentIntegration.get("{LITERAL}")', "missing 1 required positional argument: 'id'"),
    ('PaymentIntegration.get("a", "b", opts=ResourceOptions(urn="c"))', "urn: the engine would read the resource"),
    (f'PaymentIntegration.get("a", "b", reference_account_id="{LITERAL} ")', "must be visible ASCII without spaces"),
    ('PaymentIntegration.get("a", "b", reference_account_id="")', "the reference_account_id of the .* is empty"),
    (f'IntegrationReady("ready", integration="{LITERAL}")', "integration must be a PaymentIntegration; got str"),
    (
        'IntegrationReady("ready", integration=PaymentIntegration.get("a", "b"), opts=ResourceOptions(id="c"))',
        "id: the engine would read the resource and ignore its arguments; an IntegrationReady has nothing to read",
    ),
    (f'Provider("other", key="{LITERAL}")', "got an unexpected keyword argument 'key'"),
    (
        f'Provider("other", api_key="{LITERAL} ")',
        "the api_key of the provider 'other' contains a character",
    ),
    ('Provider("other", api_key="k", opts=ResourceOptions(id="a"))', "id: the engine would read the resource"),
]


@pytest.mark.parametrize(("statement", "text"), STATEMENTS)
def test_errors_of_a_program_have_no_traceback(statement: str, text: str) -> None:
    """A wrong call in a program raises a RunError, which Pulumi shows without a traceback.

    The error is also a TypeError or ValueError, for the program's unit tests, and doesn't show a credential.
    """
    with pytest.raises(pulumi.RunError, match=text) as refused:
        run_program(lambda: exec(HEAD + statement, {}))  # noqa: S102 - our own code

    assert isinstance(refused.value, (TypeError, ValueError))
    assert LITERAL not in str(refused.value)


@pytest.mark.parametrize("statement", ['Provider("{}")', 'PaymentIntegration("{}", source="stripe")'])
def test_a_value_in_place_of_the_name_is_not_shown(statement: str) -> None:
    """The program gives an API key in place of the resource's name.

    The error doesn't show the text, because the provider can't distinguish a key from a name.
    """
    key = "jk9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    with pytest.raises(pulumi.RunError, match="missing") as refused:
        run_program(lambda: exec(HEAD + statement.format(key), {}))  # noqa: S102 - our own code

    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "statement", [each for each, _ in STATEMENTS if "LITERAL" in each and re.search("from_|adopt=|key=|opts=", each)]
)
@pytest.mark.daily(3)
def test_the_source_line_is_not_printed(stack: Stack, simulator: SimulatorServer, statement: str) -> None:
    """The program has a credential as a literal in a wrong call.

    The preview shows the file and the line number, but not the source line.
    """
    stack.secrets.append(secret := canary("literal"))
    stack.program(HEAD + statement.replace(LITERAL, f"sk_live_{secret}"))
    shown = stack.preview(fails=True).text
    assert "Traceback" not in shown
    assert "Program failed" not in shown
    assert re.search(r"\(__main__\.py:\d+\)", shown)
    assert simulator.requests == []


def test_color_tags_of_the_program_are_escaped(stack: Stack) -> None:
    """The program gives a wrong argument that contains a color tag.

    The error shows the tag as text: the CLI would crash with a Go stack trace if it interpreted an unknown color.
    """
    stack.program(HEAD + 'shop(ApiKeyOnly(api_key="k"), opts=ResourceOptions(ignore_changes=["<{%bogus%}>"]))')
    shown = stack.preview("--color", "always", fails=True).text
    assert "'< {%bogus%}>' is not a property" in shown
    assert "goroutine" not in shown
    stack.program(HEAD + 'PaymentIntegration.get("theirs<" + "{%bogus%}>", "id")')
    shown = stack.preview("--color", "always", fails=True).text
    assert "the resource's name has the characters <, { and % in a row" in shown
    assert "goroutine" not in shown


def test_other_errors_show_only_their_location() -> None:
    """A function of the package raises an unexpected exception, whose text may contain a value.

    The error shows only its type and its location.
    """

    @one_sentence
    def call() -> None:
        raise KeyError(LITERAL)

    with pytest.raises(
        pulumi.RunError, match=r"^unexpected error, not caused by an argument: KeyError at test_program_errors\.py:\d+$"
    ) as refused:
        call()
    assert refused.traceback[-1].name == "call"


def test_run_errors_pass_unchanged() -> None:
    """If a function of the package raises a RunError, `one_sentence` passes it on unchanged.

    A decorated function keeps its name.
    """
    error = InvalidArgument("a sentence")

    @one_sentence
    def call() -> None:
        raise error

    with pytest.raises(InvalidArgument) as refused:
        call()
    assert refused.value is error
    assert justt.from_env.__qualname__ == "from_env"
