"""Errors that name the problem and its place, on the real engine."""

from __future__ import annotations

import re

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.echo_server import EchoServer
from support.harness import Stack

PROGRAM = """
    def made(name, credentials, **more):
        return justt.PaymentIntegration(
            name,
            external_identifier=name,
            integration_name="Stripe EU",
            source="stripe",
            credentials=credentials,
            **more,
        )

    first = made("first", justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
"""


def words(text: str) -> str:
    """Return *text* in one line."""
    return re.sub(r"\s+", " ", text)


def test_credentials_of_another_resource_can_be_used(stack: Stack, simulator: SimulatorServer) -> None:
    """A resource takes its credentials from another one with `from_output(other.credentials)`.

    Both send the same secret fields, even in the first update.
    """
    stack.program(PROGRAM + '    made("second", justt.credentials.ApiKeyOnly.from_output(first.credentials))\n')
    stack.preview()
    stack.up()

    digests = {str(record.payload_digest) for record in simulator.records.integrations()}
    assert (len(simulator.records.integrations()), len(digests)) == (2, 1)
    assert "[diff" not in stack.preview().text


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ('justt.PaymentIntegration.get("theirs", None)', "the id of the PaymentIntegration.get('theirs') is empty"),
        ('justt.PaymentIntegration.get("theirs", "")', "the id of the PaymentIntegration.get('theirs') is empty"),
        (
            'justt.PaymentIntegration.get("theirs", pulumi.Output.from_input(None))',
            "the id of the PaymentIntegration.get('theirs') is empty",
        ),
        (
            'justt.Provider("b", api_key="k\\n")',
            "the api_key of the provider 'b' contains a character that no API key has",
        ),
        (
            'justt.Provider("b", api_key=pulumi.Output.secret("k k"))',
            "the api_key of the provider 'b' contains a character that no API key has",
        ),
        (
            'made("second", justt.credentials.Hmac.from_output(first.credentials))',
            "Hmac.from_output: expected Hmac credentials, got ApiKeyOnly",
        ),
    ],
)
@pytest.mark.daily(2)
def test_the_error_names_the_call_in_the_program(stack: Stack, program: str, text: str) -> None:
    """If a call in the program gets an invalid value, the error names that call, and no other setting or argument."""
    stack.program(f"{PROGRAM}    {program}\n")

    shown = words(stack.up(fails=True).text)

    assert text in shown
    assert "justt:apiKey" not in shown
    assert "is required" not in shown


@pytest.mark.slow
def test_a_base_url_without_its_path_is_reported(stack: Stack, simulator: SimulatorServer) -> None:
    """If `justt:baseUrl` lacks its path, Justt's 404 says nothing about an integration.

    The errors point to the address, and the integration stays in the state even with JUSTT_ON_MISSING=gone.
    """
    stack.program(PROGRAM)
    stack.up()
    root = simulator.base_url.removesuffix("/v1")
    stack.config({"justt:baseUrl": root})
    for command in (stack.up, stack.refresh, stack.destroy):
        arguments = ("--run-program",) if command != stack.up else ("--replace", stack.recorded()[0]["urn"])
        shown = words(command(*arguments, fails=True, JUSTT_ON_MISSING="gone").text)
        assert f"There seems to be no Justt API at {root}: check justt:baseUrl, which usually ends in /v1." in shown
        assert "The key from" not in shown
    assert list(stack.resources()) == ["first"]


@pytest.mark.slow
def test_a_404_suggests_a_mistyped_id_first(stack: Stack, simulator: SimulatorServer) -> None:
    """If Justt answers 404 to an id in the program, the error says first to check the id.

    If Justt answers 404 to an id in the state, the error doesn't say so.
    """
    doubt = "First check the id: `pulumi-justt list` shows the ids of the account. The key from justt:apiKey"
    adopting = 'made("second", justt.credentials.ApiKeyOnly(api_key="k"), adopt_id="id-typo")'
    for program in (adopting, 'justt.PaymentIntegration.get("theirs", "id-typo")'):
        stack.program(f"{PROGRAM}    {program}\n")
        shown = words(stack.up(fails=True).text)
        assert doubt in shown
        assert "--run-program" not in shown

    stack.program(f'{PROGRAM}    justt.PaymentIntegration.get("theirs", first.integration_id)\n')
    stack.up()
    simulator.records.wipe_integrations()
    shown = words(stack.refresh(fails=True).text)
    assert ("does not see it" in shown, doubt in shown) == (True, False)


MARKUP = "<{%bogus%}> <{%fg 1%}> <{%"


@pytest.mark.slow
def test_markup_in_responses_is_escaped(stack: Stack) -> None:
    """If Justt's response contains color tags, the provider adds a space to each tag, and Pulumi shows it as text.

    An unknown color would crash the CLI and leave the stack locked.
    """
    program = """
        justt.PaymentIntegration("made", external_identifier="%s", integration_name="x", source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
    """
    with EchoServer() as echo:
        # The last update looks for its integration until two time-outs after the POST.
        stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "5"})
        echo.form, echo.reading, echo.new_id = lambda _: MARKUP, "400", f"id{MARKUP}"
        stack.program('justt.PaymentIntegration.get("theirs", "id-1")')
        assert "< {%bogus%}>" in words(stack.preview("--color", "always", fails=True).text)
        stack.program(program % "400")
        refused = stack.up("--color", "always", fails=True)
        assert "Justt answered 400: no < {%bogus%}> < {%fg 1%}> < {%" in words(refused.text)
        stack.program(program % "201")
        assert "Justt may have created it" in words(stack.up("--color", "always", fails=True).text)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("external_identifier", "external_identifier: has the characters <, { and % in a row"),
        ("integration_name", "integration_name: has the characters <, { and % in a row"),
        ("merchant_account_codes", "merchant_account_codes[0]: has the characters <, { and % in a row"),
        ("reference_account_id", "reference_account_id: has the characters <, { and % in a row"),
        ("credentials", "credentials.merchant_code: has the characters <, { and % in a row"),
    ],
)
@pytest.mark.daily(1)
def test_markup_in_an_argument_is_refused(stack: Stack, simulator: SimulatorServer, argument: str, text: str) -> None:
    """If an argument that is no secret contains the start of a color tag, a preview fails and names the argument.

    Pulumi would show its value.
    """
    stack.program(f"""
        arguments = dict(external_identifier="made", integration_name="x", source="adyen",
            credentials=justt.credentials.Hmac(hmac=secret("stripeKey"), api_key="a-key-of-<{{%", merchant_code="M"))
        value = "100 <{{% off".replace(" ", "")
        arguments["{argument}"] = {{
            "merchant_account_codes": [value],
            "credentials": justt.credentials.Hmac(hmac="h", api_key="k", merchant_code=value),
        }}.get("{argument}", value)
        justt.PaymentIntegration("made", **arguments)
    """)

    shown = words(stack.preview("--color", "always", fails=True).text)

    assert text in shown
    assert shown.count("in a row") == 1
    assert simulator.requests == []
