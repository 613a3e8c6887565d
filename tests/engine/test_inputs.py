"""Invalid inputs on the real engine: each gives one sentence under the program's names, before any request."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from pulumi_justt.simulator import SimulatorServer, payload_digest
from support.harness import Stack
from support.secret_scanner import canary

PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
"""The markers of Pulumi's protocol for its own objects: a secret and a file."""
PUBLIC = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


def shop(arguments: str = "", credentials: str = 'ApiKeyOnly(api_key=secret("stripeKey"))', name: str = "shop") -> str:
    """Return a program with one integration."""
    return f"""
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID
from pulumi import Output
from pulumi_justt import from_env, from_file
from pulumi_justt.credentials import *

class Code(Enum):
    A = "acct_1"

justt.PaymentIntegration({name!r}, external_identifier={name!r}, integration_name="Shop", source="stripe",
    credentials={credentials}, {arguments})
"""


def refused(stack: Stack, simulator: SimulatorServer, program: str, text: str, **variables: str) -> str:
    """Assert that a program fails with *text*, without a traceback or a request, and return its output."""
    stack.program(program)
    shown = stack.up(fails=True, **variables).text
    assert text in shown, shown
    assert "Traceback" not in shown, shown
    assert simulator.requests == []
    stack.assert_no_leak()
    return shown


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            "merchant_account_codes=['a', UUID(int=7)]",
            "merchant_account_codes[1] cannot be of type UUID: give it as text",
        ),
        ("merchant_account_codes={'a', 'b'}", "merchant_account_codes cannot be of type set: give a list"),
        ("merchant_account_codes=['a', Output.from_input(Code.A)]", "merchant_account_codes[1] cannot be of type Code"),
        (
            "deactivation=justt.Deactivation(date=datetime(2031, 1, 1, tzinfo=timezone.utc))",
            "deactivation.date cannot be of type datetime: give it as text, moment.astimezone(timezone.utc)",
        ),
        (
            "deactivation=justt.Deactivation(after_days=timedelta(7))",
            "deactivation.after_days cannot be of type timedelta",
        ),
        ("external_identifier=b'x'", "external_identifier cannot be of type bytes: give it as text, .decode()"),
    ],
)
@pytest.mark.daily(1)
def test_a_value_that_json_lacks_is_rejected(
    stack: Stack, simulator: SimulatorServer, arguments: str, text: str
) -> None:
    """If JSON has no type for the value of an argument, `up` fails with one sentence, without the SDK's traceback.

    The sentence uses the program's names, and for a list it names the item.
    """
    program = shop(arguments)
    if arguments.startswith("external_identifier"):
        program = program.replace("external_identifier='shop', ", "")
    refused(stack, simulator, program, f"error: PaymentIntegration 'shop': {text}")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("{1: 'a'}", "credentials has a key that is not text in UTF-8"),
        (r"{'a': [{'\ud800': 'b'}]}", "credentials.a[0] has a key that is not text in UTF-8"),
        (f"{{'a': {{{SIGNATURE!r}: {SECRET!r}, 'value': 'b'}}}}", f"credentials.a has the key {SIGNATURE}"),
        (f"{{'a': {{{SIGNATURE!r}: {ASSET!r}, 'path': '__main__.py'}}}}", f"credentials.a has the key {SIGNATURE}"),
        ("{'a': pulumi.FileAsset('__main__.py')}", "credentials.a cannot be of type FileAsset"),
        ("{'a': '04da6b54-80e4-46f7-96ec-b56ff0331ba9'}", "credentials.a is Pulumi's placeholder for a value"),
        ("{'a': Output.secret('').apply(lambda _: ENDLESS)}", "credentials.a[0][0]"),
        ("{'a': {'b': None}}", "credentials.a.b is null, which Justt does not take: leave it out"),
    ],
)
@pytest.mark.daily(2)
def test_a_value_that_pulumi_would_change_is_rejected(
    stack: Stack, simulator: SimulatorServer, payload: str, text: str
) -> None:
    """If a payload has a value that the SDK can't send, would drop, or would read as a file or a secret, `up` fails.

    The error is one sentence that names the place in the payload.
    """
    program = shop("allow_unlisted=True", f"Unlisted(secret_type='OAUTH', payload={payload})")
    program = program.replace(
        "justt.PaymentIntegration", "ENDLESS = []\nENDLESS.append(ENDLESS)\njustt.PaymentIntegration"
    )
    refused(stack, simulator, program, f"error: PaymentIntegration 'shop': {text}")


def test_each_payload_of_json_is_sent(stack: Stack, simulator: SimulatorServer) -> None:
    """A valid payload reaches Justt unchanged, even with empty keys and thirty levels of lists.

    The next preview shows no change.
    """
    simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"OAUTH"}))
    payload = f"{{'': 'x', '__a': 'x', 'b': {'[' * 30}{{'__c': [], 'd.e': {{}}, '': False}}{']' * 30}}}"
    stack.program(shop("allow_unlisted=True", f"Unlisted(secret_type='OAUTH', payload={payload})"))
    stack.up()
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest(ast.literal_eval(payload))
    stack.preview("--expect-no-changes")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "justt.PaymentIntegration.get('other', 5)",
            "the id of the PaymentIntegration.get('other') must be text; got int",
        ),
        (
            "justt.Provider('other', api_key='k', reference_account_id='a b')",
            "the reference_account_id of the provider 'other' must be visible ASCII without spaces",
        ),
        (
            "justt.Provider('other', api_key='k', reference_account_id=Output.from_input('a\\n'))",
            "the reference_account_id of the provider 'other' must be visible ASCII without spaces",
        ),
    ],
)
@pytest.mark.daily(1)
def test_the_error_names_the_argument(stack: Stack, simulator: SimulatorServer, statement: str, text: str) -> None:
    """If the program gives `get` or a `Provider` an invalid value, the error names the argument in the program.

    It names no setting of the stack, and has no traceback.
    """
    shown = refused(stack, simulator, f"from pulumi import Output\n{statement}\n", f"error: {text}")
    assert "justt:referenceAccountId" not in shown


def test_a_reference_of_another_resource_is_rejected(stack: Stack, simulator: SimulatorServer) -> None:
    """A resource takes its credentials from a resource that gives them by reference.

    The preview fails, and its error says to repeat the `from_env` or `from_file`.
    """
    program = f"""{shop("", "ApiKeyOnly(api_key=from_env('KEY'))").replace("justt.Pay", "other = justt.Pay")}
justt.PaymentIntegration('copy', external_identifier='copy', integration_name='Copy', source='stripe',
    credentials=ApiKeyOnly.from_output(other.credentials))
"""
    stack.program(program)
    shown = stack.preview(fails=True, KEY="k").text
    assert "PaymentIntegration 'copy': credentials.api_key is a reference: give the same from_env or from_file" in shown
    assert "Traceback" not in shown
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ("{'account': 2**53 + 1}", "account"),
        ("{'deep': [{'id': Output.from_input(-(2**60))}]}", "deep[0].id"),
        ("{'ids': Output.secret([1, 1e17])}", "ids[1]"),
    ],
)
@pytest.mark.daily(1)
def test_a_number_that_would_be_rounded_is_rejected(
    stack: Stack, simulator: SimulatorServer, payload: str, path: str
) -> None:
    """If a payload has a number beyond 2^53, at any depth, `up` fails and names the number's path.

    The engine's numbers are floats, so it would round the number.
    """
    program = shop("allow_unlisted=True", f"Unlisted(secret_type='OAUTH', payload={payload})")
    refused(stack, simulator, program, f"credentials.{path} is a number beyond 2^53, which the engine would round")


@pytest.mark.slow
def test_an_output_in_an_f_string_is_rejected(stack: Stack, simulator: SimulatorServer) -> None:
    """If the program converts an Output by an f-string or `str(...)`, the SDK only warns.

    The provider rejects the resulting text, which Justt would otherwise get instead of the value.
    """
    text = "contains an Output converted by an f-string or str(...), and not its value: use Output.concat"
    head = "PaymentIntegration 'shop': "
    program = shop("merchant_account_codes=[f'{secret(\"stripeKey\")}-1']")
    refused(stack, simulator, program, f"{head}merchant_account_codes[0] {text}")
    program = shop("allow_unlisted=True", "Unlisted(secret_type='OAUTH', payload={'a': [f'{secret(\"stripeKey\")}']})")
    refused(stack, simulator, program, f"{head}credentials.a[0] {text}")
    program = shop("", "ApiKeyOnly(api_key=Output.from_input('').apply(lambda _: repr(secret('stripeKey'))))")
    refused(stack, simulator, program, f"{head}credentials.api_key {text}")


@pytest.mark.slow
def test_a_name_with_a_pulumi_color_tag_is_rejected(stack: Stack, simulator: SimulatorServer) -> None:
    """If a name contains the start of a color tag, a preview fails with one sentence.

    Without this check, the CLI would crash with a Go stack trace and leave the stack locked.
    """
    stack.program(shop().replace('integration_name="Shop"', 'integration_name="100 <{% off"'))
    shown = stack.preview("--color", "always", fails=True).text
    assert "integration_name: has the characters <, { and % in a row" in shown
    assert "goroutine" not in shown
    assert simulator.requests == []


@pytest.mark.slow
def test_errors_work_if_the_program_shadows_a_python_module(stack: Stack, simulator: SimulatorServer) -> None:
    """The program has a module `difflib` that can't be imported.

    The error text is still complete, because the provider doesn't import difflib to build it.
    """
    (stack.project / "difflib.py").write_text("raise ImportError('the program has this module')\n")
    program = shop("opts=pulumi.ResourceOptions(ignore_changes=['integration_nam'])")
    refused(stack, simulator, program, "'integration_nam' is not a property (did you mean 'integrationName'?)")


def test_the_largest_exact_number_is_sent(stack: Stack, simulator: SimulatorServer) -> None:
    """A number up to 2^53, which the engine doesn't round, reaches Justt unchanged."""
    simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"OAUTH"}))
    stack.program(
        shop("allow_unlisted=True", "Unlisted(secret_type='OAUTH', payload={'a': 2**53, 'b': [-(2**53), 0.5]})")
    )
    stack.up()
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"a": 2**53, "b": [-(2**53), 0.5]})


@pytest.mark.slow
def test_data_is_never_a_reference(stack: Stack, simulator: SimulatorServer) -> None:
    """Data in the form of a reference is a value and not a reference.

    An `Unlisted` payload sends it unchanged, and other credential types reject it.
    """
    simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"OAUTH"}))
    stack.provide({"other": canary("other")})
    shaped = {"fromEnv": "SECRET_other", "version": 1}
    for given in (f"{shaped}", f"Output.secret({shaped})"):
        text = "credentials.api_key: must be text, got an object; to make a reference, call from_env"
        refused(stack, simulator, shop("", f"ApiKeyOnly(api_key={given})"), text)
    moved = "is a reference: give the same from_env or from_file to this resource, not inside an Output or object"
    refused(
        stack, simulator, shop("", "ApiKeyOnly(api_key=Output.from_input('x').apply(lambda _: from_env('A')))"), moved
    )

    payload = f"{{'a': {shaped}, 'b': Output.secret({shaped}), 'c': from_env('SECRET_other')}}"
    stack.program(shop("allow_unlisted=True", f"Unlisted(secret_type='OAUTH', payload={payload})"))
    stack.up()
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"a": shaped, "b": shaped, "c": stack.environ["SECRET_other"]})
    outputs = stack.resources()["shop"]["outputs"]
    assert outputs["secretReferences"] == {"c": {"fromEnv": "SECRET_other", "version": 1}}
    assert outputs["secretPayload"].keys() == {"a", "b"}
    stack.assert_no_leak()


@pytest.mark.parametrize("value", ["None", "''", "'  '"])
@pytest.mark.parametrize("name", ["api_key", "reference_account_id"])
@pytest.mark.daily(2)
def test_a_provider_with_an_empty_key_uses_no_other_key(
    stack: Stack, simulator: SimulatorServer, name: str, value: str
) -> None:
    """If the `api_key` or `reference_account_id` of a provider is empty, `up` fails.

    It doesn't use the key in JUSTT_API_KEY, which belongs to another merchant.
    """
    stack.run("config", "rm", "justt:apiKey", "--stack", "dev")
    given = {"api_key": "'key-1'", name: f"Output.secret('x').apply(lambda _: {value})"}
    arguments = ", ".join(f"{key}={text}" for key, text in given.items())
    program = shop(f"opts=pulumi.ResourceOptions(provider=justt.Provider('other', {arguments}))")
    stack.environ["JUSTT_API_KEY"] = "a-key-of-another-account"
    refused(stack, simulator, program, f"error: the {name} of the provider 'other' is empty")


def test_a_missing_account_is_not_the_default(stack: Stack, simulator: SimulatorServer) -> None:
    """If the `reference_account_id` of a resource is an Output without a value, `up` fails.

    The resource is not created in the account of the configuration.
    """
    stack.config({"justt:referenceAccountId": "acc_of_the_others"})
    program = shop("reference_account_id=Output.from_input(None)")
    refused(stack, simulator, program, "the reference_account_id of the PaymentIntegration 'shop' is empty")


@pytest.mark.slow
def test_invalid_credentials_are_reported(stack: Stack, simulator: SimulatorServer) -> None:
    """If several fields of a credential are invalid, `up` names all of them with their problems.

    The errors show no character of the values.
    """
    stack.provide({"blank": f" {canary('b')}", "public": PUBLIC.replace("AAAA", canary("public"))})
    stack.provide({"literal": PEM.replace("AAAA", canary("literal")).replace("\n", "\\n")})
    shown = refused(
        stack,
        simulator,
        shop("", """Hmac(hmac="  ", api_key=secret("blank"), merchant_code="M-1\\n", account_code="")"""),
        "credentials.hmac: must not be blank",
    )
    assert "credentials.api_key: must not begin or end with white space or a line break" in shown
    assert "credentials.merchant_code: must not begin or end with white space" in shown
    assert "credentials.account_code: must not be empty" in shown
    for name, text in {
        "public": "is a public key, and this field takes the private key",
        "literal": "has line breaks that are written as \\n, two characters",
    }.items():
        program = shop("", f'Sftp(username="u", private_key=secret("{name}"))')
        refused(stack, simulator, program, f"credentials.private_key: {text}")


@pytest.mark.slow
def test_invalid_referenced_credentials_are_reported(stack: Stack, simulator: SimulatorServer) -> None:
    """The create validates the values of variables and files by the same rules as other values.

    If one is invalid, the create sends nothing.
    """
    (stack.project / "key.pem").write_text(PUBLIC)
    (stack.project / "key").write_text("key-1 \n")
    credentials = "Sftp(username=from_env('SFTP_USER'), password=from_file('key'), private_key=from_file('key.pem'))"
    shown = refused(
        stack,
        simulator,
        shop("", credentials),
        "credentials.private_key comes from the file 'key.pem', which is a public key, and this field takes the",
        SFTP_USER="user\n",
    )
    assert "credentials.password comes from the file 'key', which must not begin or end with white space" in shown
    assert "credentials.username comes from the variable 'SFTP_USER', which must not begin or end with white" in shown

    (stack.project / "key.pem").write_text(PEM)
    (stack.project / "key").write_text("key-1\n")
    stack.up(SFTP_USER="user")
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"username": "user", "password": "key-1", "privateKey": PEM})


@pytest.mark.slow
def test_merchant_account_codes_are_a_set(stack: Stack, simulator: SimulatorServer) -> None:
    """If a code is repeated, the state has it once.

    A change of the order or of the repetitions doesn't replace the integration.
    """
    stack.program(shop("merchant_account_codes=['b', 'a', 'b']"))
    stack.up()
    assert stack.resources()["shop"]["outputs"]["merchantAccountCodes"] == ["a", "b"]
    for codes in (["a", "b"], ["b", "a", "a", "a"]):
        stack.program(shop(f"merchant_account_codes={codes}"))
        stack.preview("--expect-no-changes")
    assert [each.method for each in simulator.requests if each.method != "GET"] == ["POST"]


@pytest.mark.slow
@pytest.mark.parametrize("main", ["infra", "infra/app.py"])
def test_a_file_reference_is_the_same_in_every_checkout(
    stack: Stack, simulator: SimulatorServer, tmp_path: Path, main: str
) -> None:
    """The state has the path of a file relative to the program's folder, whatever the working directory is.

    So `up` finds the file, and a preview of another checkout shows no change.
    """
    (stack.project / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\nmain: {main}\n")
    (stack.project / "keys").mkdir()
    (stack.project / "infra").mkdir()
    (stack.project / "keys" / "sftp.pem").write_text(PEM)
    away = """
import os
os.chdir("/")
"""
    absolute = "__import__('pathlib').Path(__file__).resolve().parents[1] / 'keys' / 'sftp.pem'"
    (stack.project / "__main__.py").unlink()
    (program,) = [stack.project / main] if main.endswith(".py") else [stack.project / main / "__main__.py"]
    head = "import pulumi_justt as justt\n"
    if main.endswith(".py"):
        # In such a program, __file__ is not absolute after a change of the working directory.
        absolute = "KEYS / 'sftp.pem'"
        away = f"from pathlib import Path\nKEYS = Path('../keys').resolve()\n{away}"
    program.write_text(away + head + shop("", f"Sftp(username='u', private_key=from_file({absolute}))"))
    stack.up()
    assert stack.resources()["shop"]["outputs"]["secretReferences"] == {
        "privateKey": {"fromFile": "../keys/sftp.pem", "version": 1}
    }
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"username": "u", "privateKey": PEM})

    other = Stack(
        tmp_path / "of" / "a" / "colleague",
        stack.engine_bin,
        environ={**stack.environ, "PULUMI_BACKEND_URL": f"file://{stack.folder / 'state'}"},
        has_stack=False,
    )
    shutil.rmtree(other.project)
    shutil.copytree(stack.project, other.project)
    other.preview("--expect-no-changes")
    program.write_text(head + shop("", r"Sftp(username='u', private_key=from_file('..\\infra\\..\\keys\\sftp.pem'))"))
    stack.preview("--expect-no-changes")


@pytest.mark.slow
def test_import_validates_answers_by_the_same_rules(stack: Stack, simulator: SimulatorServer, tmp_path: Path) -> None:
    """`pulumi-justt import` validates its answers by the program's rules.

    The codes are a set, the paths of files become relative, and invalid credentials are rejected.
    """
    stack.program("")
    (stack.project / "key").write_text("key-1\n")
    stack.program(shop())
    stack.up()
    (made,) = simulator.records.integrations()
    stack.program("")
    stack.run("state", "delete", stack.resources()["shop"]["urn"], "--yes", "--stack", "dev")
    answers = {
        "resource_name": "shop",
        "external_identifier": "shop",
        "integration_name": "Shop",
        "credentials": "ApiKeyOnly",
        "merchant_account_codes": ["b", "a", "b"],
        "fields": {"api_key": {"variable": "GIVEN"}},
    }
    file = tmp_path / "answers.json"

    file.write_text(json.dumps({made.id: answers}))
    done = stack.justt("import", "--stack", "dev", "--answers", str(file), "--yes", GIVEN="key-1\n")
    assert done.code != 0
    assert "credentials.api_key: must not begin or end with white space or a line break" in done.stderr
    file.write_text(json.dumps({made.id: {**answers, "fields": {"api_key": {"variable": "JUSTT_API_KEY"}}}}))
    done = stack.justt("import", "--stack", "dev", "--answers", str(file), "--yes")
    assert "from_env does not take JUSTT_API_KEY" in done.stderr

    place = str(stack.project / "key")
    file.write_text(json.dumps({made.id: {**answers, "fields": {"api_key": {"fromFile": place}}}}))
    done = stack.justt("import", "--stack", "dev", "--answers", str(file), "--yes", "--json")
    assert done.code == 0, done.stderr
    program = json.loads(done.stdout)["program"]
    assert 'justt.from_file("key")' in program
    assert re.search(r'merchant_account_codes=\["a", "b"\]', program)
    outputs = stack.resources()["shop"]["outputs"]
    assert outputs["secretReferences"] == {"apiKey": {"fromFile": "key", "version": 1}}
    assert "secretPayload" not in outputs
    (stack.project / "__main__.py").write_text(program)
    stack.preview("--expect-no-changes")


def test_a_shared_identifier_is_a_warning_at_the_second_resource(stack: Stack, simulator: SimulatorServer) -> None:
    """If two resources have one external identifier in one account, preview and update warn at the second, once."""
    stack.program(shop(name="one") + shop(name="two").replace("external_identifier='two'", "external_identifier='one'"))
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        (name, (line,)) = next(iter(stack.run(*command, "--stack", "dev").diagnostics.items()))
        other = {"one": "two", "two": "one"}[name]
        assert line.startswith(f"warning: external_identifier: '{other}' has 'one' in the same account, too.")
    assert len(simulator.records.integrations()) == 2


@pytest.mark.slow
def test_an_unlisted_source_is_sent_and_changes_nothing(stack: Stack, simulator: SimulatorServer) -> None:
    """`UnlistedSource` is accepted and sent. A stack that had the plain text with allow_unlisted shows no change."""
    simulator.options = dataclasses.replace(simulator.options, extra_sources=frozenset({"shopify"}))
    plain = shop().replace('source="stripe"', 'source="shopify", allow_unlisted=True')
    stack.program(plain)
    stack.up()
    stack.program(shop().replace('source="stripe"', 'source=justt.UnlistedSource("shopify")'))
    assert "2 unchanged" in stack.up("--expect-no-changes").text
    assert [record.source for record in simulator.records.integrations()] == ["shopify"]
