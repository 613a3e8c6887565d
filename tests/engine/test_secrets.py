"""Which places contain secrets and which don't, on the real engine: the tests search all output."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.errors import NOT_SHOWN, WITHHELD
from pulumi_justt.simulator import SimulatorServer, payload_digest
from support import secret_scanner
from support.checkout import ROOT
from support.echo_server import EchoServer
from support.harness import HANG_SECONDS, Stack
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary

REFERENCES = """
    justt.PaymentIntegration(
        "mixed",
        external_identifier="mixed",
        integration_name="Mixed",
        source="adyen",
        credentials=justt.credentials.Hmac(
            hmac={hmac},
            api_key=secret("stripeKey"),
            merchant_code="M-1",
        ),
    )
    justt.PaymentIntegration(
        "sftp",
        external_identifier="sftp",
        integration_name="SFTP",
        source="braintree",
        credentials=justt.credentials.Sftp(
            username=justt.from_env("SFTP_USER"), private_key=justt.from_file("keys/sftp.pem", version={version})
        ),
    )
"""
FROM_ENV = 'justt.from_env("ADYEN_HMAC")'

FORMS: list[Callable[[str], str]] = [
    str.upper,
    lambda secret: b64encode(f"user:{secret}".encode()).decode().rstrip("="),
    lambda secret: secret.encode().hex(":"),
    lambda secret: quote("".join(f"&#x{ord(character):x};" for character in secret)),
]
"""The encodings in which Justt may repeat a value."""

UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
"""Lets the search see every text that a program prints.

Without it, Python buffers the output until the program ends. If the update succeeds or the program raises, the output
is only late. But if a resource fails, the language host kills the program, and the output is lost. That would hide a
leak here, although it would be visible for users who set this variable, as many images do.

"""


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """Return a stack whose processes don't buffer their output, so that none of it is lost."""
    stack.environ |= UNBUFFERED
    return stack


def pem_of(line: str) -> str:
    """Return a text in the form of a private key that contains *line*."""
    return f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"


def program(hmac: str = FROM_ENV, version: int = 1) -> str:
    """Return a program with values and references, to variables and to a file, in one payload."""
    return REFERENCES.replace("{hmac}", hmac).replace("{version}", str(version))


def live_digests(simulator: SimulatorServer) -> dict[str, str]:
    """Return the digest of the payload with which each live integration was created."""
    return {
        each.external_identifier: each.payload_digest
        for each in simulator.records.integrations()
        if each.status != "INACTIVE"
    }


class TestReferences:
    """Credentials by reference."""

    @pytest.mark.slow
    def test_a_referenced_value_is_in_no_state(self, stack: Stack, simulator: SimulatorServer) -> None:
        """A credential that is given by reference is sent to Justt but is in no state, not even encrypted.

        Only create needs its value. A new value has no effect until the program changes `version`, which replaces the
        integration.
        """
        hmac, user, pem = canary("hmac"), canary("user"), pem_of(canary("pem"))
        key = stack.secrets[-1]
        file = stack.folder / "project" / "keys" / "sftp.pem"
        file.parent.mkdir()
        file.write_text(pem)
        referred = [hmac, user, pem.splitlines()[1]]
        stack.program(program())

        # A preview needs no value.
        shown = stack.preview().stdout
        assert re.search(r"apiKey +: \[secret\]\n", shown), shown
        assert re.search(r'hmac: \{\n +fromEnv: "ADYEN_HMAC"\n +version: 1', shown), shown
        assert simulator.requests == []

        # All missing values are one error, before any request.
        file.unlink()
        text = stack.up("--continue-on-error", fails=True).text
        assert "credentials.hmac comes from the variable 'ADYEN_HMAC', which is not set where pulumi runs. Noth" in text
        assert (
            "creating the braintree integration 'sftp': credentials.private_key comes from the file 'keys/sftp.pem' in "
            f"{stack.folder / 'project'}, which cannot be read: No such file or directory; credentials.username comes "
            "from the variable 'SFTP_USER', which is not set where pulumi runs. Nothing was sent."
        ) in text
        assert simulator.requests == []

        file.write_text(pem)
        stack.secrets += referred
        stack.up(ADYEN_HMAC=hmac, SFTP_USER=user)
        assert live_digests(simulator) == {
            "mixed": payload_digest({"hmac": hmac, "apiKey": key, "merchantCode": "M-1"}),
            "sftp": payload_digest({"username": user, "privateKey": pem}),
        }
        for recorded in (stack.resources()["sftp"][kind] for kind in ("inputs", "outputs")):
            assert recorded["secretReferences"] == {
                "username": {"fromEnv": "SFTP_USER", "version": 1},
                "privateKey": {"fromFile": "keys/sftp.pem", "version": 1},
            }
            assert "secretPayload" not in recorded
        assert secret_scanner.find(stack.decrypted(), referred) == []

        # Only create needs the value, and a changed value has no effect until `version` changes.
        file.unlink()
        assert "3 unchanged" in stack.up().text
        stack.refresh()
        rotated = pem_of(canary("rotated"))
        stack.secrets.append(rotated.splitlines()[1])
        file.write_text(rotated)
        stack.program(program(version=2))
        shown = stack.preview().stdout
        assert re.search(r"~ privateKey: \{\n +~ version: 1 => 2\n", shown), shown
        stack.up(SFTP_USER=user)
        assert live_digests(simulator)["sftp"] == payload_digest({"username": user, "privateKey": rotated})
        stack.destroy()
        assert live_digests(simulator) == {}

    @pytest.mark.slow
    def test_a_preview_shows_a_change_between_value_and_reference(
        self, stack: Stack, simulator: SimulatorServer
    ) -> None:
        """If the program changes a value to a reference, or back, a preview names the field and shows the reference.

        The state has the value only while the program gives the value itself.
        """
        value, other = canary("value"), canary("other")
        stack.config(secret={"hmac": value})
        stack.secrets.append(other)
        stack.environ |= {"ADYEN_HMAC": other, "SFTP_USER": canary("user")}
        (stack.folder / "project" / "keys").mkdir()
        (stack.folder / "project" / "keys" / "sftp.pem").write_text(pem_of(canary("pem")))
        stack.program(program('secret("hmac")'))
        stack.up()
        assert secret_scanner.find(stack.decrypted(), [value]) != []

        stack.program(program())
        shown = stack.preview().stdout
        assert re.search(r"~ secretPayload *: +\{\n +- hmac: \[secret\]\n", shown), shown
        assert re.search(r'\+ secretReferences: \{\n +\+ hmac: \{\n +\+ fromEnv: "ADYEN_HMAC"\n', shown), shown
        stack.up()
        stack.run("config", "rm", "hmac", "--stack", "dev")
        stack.up("--refresh")
        assert secret_scanner.find(stack.decrypted(), [value, other]) == []
        assert live_digests(simulator)["mixed"] == payload_digest(
            {"hmac": other, "apiKey": stack.secrets[1], "merchantCode": "M-1"}
        )

        stack.config(secret={"hmac": value})
        stack.program(program('secret("hmac")'))
        shown = stack.preview().stdout
        assert re.search(r'- hmac: \{\n +- fromEnv: "ADYEN_HMAC"\n +- version: 1\n', shown), shown
        assert re.search(r"~ secretPayload *: +\{\n +\+ hmac: \[secret\]\n", shown), shown
        stack.up()
        assert live_digests(simulator)["mixed"] == payload_digest(
            {"hmac": value, "apiKey": stack.secrets[1], "merchantCode": "M-1"}
        )


# The gate

FIELDS = {
    shape.__name__: [f.name for f in shape.wire_fields().values() if not f.metadata.get("identifier")]
    for shape in CREDENTIAL_TYPES.values()
}
ALL = """
    import json
    shapes = json.loads(config.require("shapes"))
    for shape, fields in shapes.items():
        given = {field: secret(f"{shape}-{field}") for field in fields}
        if "private_key" in given:
            given["private_key"] = given["private_key"].apply(
                lambda line: f"-----BEGIN PRIVATE KEY-----\\n{line}\\n-----END PRIVATE KEY-----\\n")
        made = getattr(justt.credentials, shape)(**given)
        justt.PaymentIntegration(shape, external_identifier=shape, integration_name=shape, source="adyen",
            credentials=made)
    justt.PaymentIntegration("Unlisted", external_identifier="Unlisted", integration_name="Unlisted", source="adyen",
        credentials=justt.credentials.Unlisted(
            secret_type="OAUTH", payload={"token": secret("other"), "more": {"deep": [secret("deep")]}}),
        allow_unlisted=True)
    justt.PaymentIntegration("Whole", external_identifier="Whole", integration_name="Whole", source="adyen",
        credentials=justt.credentials.Hmac.from_output(config.require_secret_object("whole")))
    justt.PaymentIntegration("Referred", external_identifier="Referred", integration_name="Referred", source="adyen",
        credentials=justt.credentials.BasicAuth(
            client_id=justt.from_env("CLIENT_ID"), client_secret=justt.from_file("client_secret")))
    pulumi.export("key", secret("other"))
"""


@contextmanager
def simulator_process(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Run `pulumi-justt simulator`, and yield its URL and a list.

    When it has ended, the list has everything that it printed and wrote.
    """
    left: list[bytes] = []
    database = folder / "records.sqlite"
    command = [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--database", str(database)]
    command += ["--extra-secret-type", "OAUTH"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.decode().strip().rpartition(" ")[2]
        try:
            yield url, left
            for route in ("integrations", "requests", "faults", "options"):
                answer = httpx.get(
                    f"{url.removesuffix('/v1')}/_simulator/{route}", trust_env=False, timeout=HANG_SECONDS
                )
                assert answer.status_code == 200
                left.append(answer.content)
        finally:
            process.send_signal(signal.SIGINT)
            left += [first, *process.communicate(timeout=HANG_SECONDS)]
        left += [each.read_bytes() for each in folder.glob("records.sqlite*")]


def fill(stack: Stack) -> None:
    """Set each secret field of each credential type to a new canary."""
    names = [f"{shape}-{field}" for shape, fields in FIELDS.items() for field in fields]
    stack.config({"shapes": json.dumps(FIELDS)})
    stack.provide({name: canary(name) for name in [*names, "other", "deep"]})
    whole = {"hmac": canary("whole-hmac"), "apiKey": canary("whole-key"), "merchantCode": "M-1"}
    stack.run("config", "set", "--secret", "whole", json.dumps(whole), "--stack", stack.name)
    stack.secrets += [whole["hmac"], whole["apiKey"]]


def unmask(stack: Stack) -> str:
    """Move the API key from the configuration, whose secrets the engine masks, to the environment, and return it."""
    key = stack.secrets[0]
    stack.run("config", "rm", "justt:apiKey", "--stack", stack.name)
    stack.environ |= {"JUSTT_API_KEY": key, "JUSTT_DEBUG": "1"}
    return key


class TestGate:
    """Every command, every credential type, every failure: no output has a secret in any encoding."""

    @pytest.mark.passphrase
    @in_both_front_ends
    def test_no_command_leaks_a_secret_of_any_type(self, stack: Stack, tmp_path: Path) -> None:
        """A stack has an integration of every credential type.

        No command prints a secret or leaves it unencrypted on the disk, with debug output, `--diff`, `--json` and
        engine logs up to `-v=8`.
        """
        # A fork would not print what Python prints when it frees its objects.
        stack.has_real_python = True
        client_id, client_secret = canary("client-id"), canary("client-secret")
        (tmp_path / "project" / "client_secret").write_text(client_secret)
        key = unmask(stack)
        stack.environ["CLIENT_ID"] = client_id
        logs = ("-v=8", "--logtostderr", "--logflow")
        on = ("--stack", stack.name)
        with simulator_process(tmp_path) as (url, left):
            stack.config({"justt:baseUrl": url})
            fill(stack)
            stack.program(ALL)
            stack.run("preview", *on)
            stack.run("preview", "--json", *on)
            up = stack.run("up", "--yes", "--skip-preview", "--json", *on)
            assert '"result":"succeeded"' in up.stdout
            assert "justt: POST /integrations 201" in up.text
            held = stack.decrypted()
            given = set(stack.secrets) - {key, stack.environ["SECRET_stripeKey"]}
            assert all(secret_scanner.find(held, [each]) for each in given), "they are in the state, encrypted"
            assert secret_scanner.find(held, [key, client_id, client_secret]) == []
            stack.secrets += [client_id, client_secret]
            fill(stack)
            stack.preview()
            stack.run("preview", "--json", "--save-plan", str(tmp_path / "home" / "plan.json"), *on)
            stack.run("up", "--yes", "--diff", *logs, *on)
            stack.run("refresh", "--yes", "--diff", *on)
            stack.run("refresh", "--preview-only", "--json", *on)
            for command in ("export", "output", "history"):
                stack.run("stack", command, *on, *(["--json"] if command != "export" else []))
            stack.run("stack", "--show-urns", "--show-ids", *on)
            stack.run("config", "--json", *on)
            stack.run("about", "--json", *on)
            stack.run("destroy", "--yes", "--skip-preview", "--json", *on)
        assert sum(map(len, left)) > 20_000
        stack.assert_no_leak(*left)

    @pytest.mark.slow
    def test_credentials_that_justt_repeats_are_not_shown(self, stack: Stack) -> None:
        """Justt repeats credentials in messages, errorIds, headers, response shapes and pages.

        `up`, `refresh` and `destroy` show none of them.
        """
        unmask(stack)
        fates = ["400", "401", "403", "409", "413", "422", "307", "500", "shape", "html", "cut", "201"]
        with EchoServer() as echo:
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})
            stack.program(f"""
                for fate in {fates}:
                    justt.PaymentIntegration(fate, external_identifier=fate, integration_name="x", source="stripe",
                        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
            """)
            text = stack.up("--continue-on-error", fails=True).text
            assert text.count(WITHHELD) >= 6, text
            assert list(stack.resources()) == ["201"]
            for status in ("400", "404", "307"):
                echo.reading = status
                assert WITHHELD in stack.refresh(fails=True).text
                assert WITHHELD in stack.destroy(fails=True).text
            assert len(echo.secrets) == 2

    @pytest.mark.slow
    @pytest.mark.parametrize("where", ["environment", "file"])
    def test_messages_are_withheld_after_a_rotation_by_reference(self, stack: Stack, where: str) -> None:
        """After a rotation by reference, the provider can't know the old value.

        So `up`, `refresh` and `destroy` don't show the messages of Justt, which may repeat it.
        """
        unmask(stack)
        old, new, other = canary("old"), canary("new"), canary("other")
        stack.provide({"other": other})
        stack.secrets += [old, new]
        file = stack.folder / "project" / "key"
        with EchoServer() as echo:
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})

            def give(value: str, version: int) -> None:
                file.write_text(value)
                stack.environ["ROTATED_VALUE"] = value
                call = (
                    f'justt.from_env("ROTATED_VALUE", version={version})'
                    if where == "environment"
                    else (f'justt.from_file("key", version={version})')
                )
                stack.program(f"""
                    def made(name, key, **options):
                        return justt.PaymentIntegration(name, external_identifier="201", integration_name=name,
                            source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=key), **options)

                    made("referring", {call})
                    made("beside", secret("other"))
                """)

            give(old, 1)
            stack.up()
            give(new, 2)
            echo.reading = "400"
            text = stack.up(fails=True).text
            assert echo.given.count(old) == echo.given.count(new) == 1
            assert f"Justt answered 400: {WITHHELD}" in text
            for result in (stack.refresh(fails=True), stack.destroy("--continue-on-error", fails=True)):
                assert f"Justt answered 400: {WITHHELD}" in result.text, result.text

    @pytest.mark.slow
    def test_records_that_may_repeat_an_unknown_credential_are_withheld(self, stack: Stack) -> None:
        """Justt repeats a referenced value, which has changed since the create, as the id or source of a record.

        `refresh` succeeds, and neither `refresh` nor `list` nor `doctor` shows the value.
        """
        unmask(stack)
        given = canary("given")
        stack.secrets.append(given)
        stack.environ["GIVEN_VALUE"] = given
        with EchoServer() as echo:
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})
            stack.program("""
                justt.PaymentIntegration("referring", external_identifier="201", integration_name="x",
                    source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("GIVEN_VALUE")))
            """)
            stack.up()
            stack.environ["GIVEN_VALUE"] = canary("another")
            echo.reading = echo.listing = "record"
            for form in (str, lambda secret: secret[:-4]):
                echo.form = form
                results = [stack.refresh(), *(stack.justt(name, "--stack", stack.name) for name in ("list", "doctor"))]
                assert not any(given[:-4] in each.text for each in results)
                assert all(NOT_SHOWN in " ".join(each.text.split()) for each in results[1:])
            echo.form = lambda _: "stripe"
            assert "stripe" in stack.justt("list", "--stack", stack.name).stdout

    @pytest.mark.slow
    def test_ids_of_any_form_work_with_an_unknown_credential(self, stack: Stack) -> None:
        """Justt promises no form of its ids, so an id may look like a credential that is given by reference.

        Create, refresh and `list` work with ids of any form.
        """
        stack.environ["GIVEN_VALUE"] = canary("given")
        with EchoServer() as echo:
            echo.new_id = "A7-x9_qqZZ81-lorem"
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})
            program = """
                def made(name):
                    key = justt.credentials.ApiKeyOnly(api_key=justt.from_env("GIVEN_VALUE"))
                    justt.PaymentIntegration(name, external_identifier="201", integration_name=name, source="stripe",
                        credentials=key)

                made("first")
            """
            stack.program(program)
            stack.up()
            echo.new_id, echo.reading, echo.listing = "Zq81~another.Form+7x", "record", "record"
            echo.form = lambda _: "stripe"
            stack.program(f"{program}    made('second')\n")
            stack.up("--refresh")
            shown = stack.justt("list", "--stack", stack.name)
            assert shown.code == 0
            recorded = [each["id"] for each in stack.recorded() if each["type"].endswith("PaymentIntegration")]
            assert sorted(recorded) == [
                "A7-x9_qqZZ81-lorem",
                "Zq81~another.Form+7x",
            ]

    @pytest.mark.slow
    def test_messages_about_one_resource_hide_the_credentials_of_others(self, stack: Stack) -> None:
        """Justt's error about one resource repeats the credentials of other resources.

        The provider knows the credentials of all resources in the state, and withholds the error's text.
        """
        unmask(stack)
        stack.provide({"other": canary("other")})
        program = """
            for name, key in {"first": "stripeKey", "second": "other"}.items():
                justt.PaymentIntegration(name, external_identifier="201", integration_name=name, source="stripe",
                    credentials=justt.credentials.ApiKeyOnly(api_key=secret(key)))
        """
        with EchoServer() as echo:
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})
            stack.program(program)
            stack.up()
            stack.program(
                program
                + """
            justt.PaymentIntegration("third", external_identifier="400", integration_name="third", source="stripe",
                credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
            justt.PaymentIntegration.get("theirs", "int-7")
            """
            )
            for form in FORMS:
                echo.form, echo.reading = form, "400"
                assert WITHHELD in stack.up("--continue-on-error", fails=True).text

    @pytest.mark.slow
    def test_commands_show_no_credentials_that_justt_repeats(self, stack: Stack) -> None:
        """Justt's errors repeat a secret of the state or of an answer.

        `list`, `doctor` and `import` show no text of these errors.
        """
        unmask(stack)
        with EchoServer() as echo:
            stack.config({"justt:baseUrl": echo.url, "justt:timeoutSeconds": "10"})
            stack.program("""
                justt.PaymentIntegration("a", external_identifier="201", integration_name="a", source="stripe",
                    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
            """)
            stack.up()
            echo.reading = echo.listing = "400"
            answers = stack.folder / "project" / "answers.yaml"
            answers.write_text(
                "int-7: {external_identifier: a, integration_name: A, credentials: ApiKeyOnly, "
                "fields: {api_key: {variable: SECRET_stripeKey}}}\n"
            )
            stack.environ["JUSTT_STATE_DIR"] = str(stack.folder / "journal")
            for form in FORMS:
                echo.form = form
                for command in (["list"], ["doctor"], ["import", "--all"], ["import", "--answers", str(answers)]):
                    result = stack.justt(*command, "--stack", stack.name)
                    assert f"Justt answered 400: {WITHHELD}" in " ".join(result.text.split()), result.text

    @pytest.mark.slow
    def test_misplaced_secrets_are_not_shown(self, stack: Stack) -> None:
        """The program gives a secret of the wrong type, or to the wrong argument.

        The preview fails and names each argument, but shows no secret.
        """
        unmask(stack)
        stack.program("""
            key = secret("stripeKey")
            justt.PaymentIntegration("x", external_identifier=key.apply(lambda k: k * 20),
                integration_name=key.apply(lambda k: [k]), source=key, allow_unlisted=key,
                credentials=justt.credentials.Unlisted(secret_type=key, payload={"a": key}),
                reference_account_id=key.apply(lambda k: k + " "), merchant_account_codes=key.apply(lambda k: {"a": k}),
                deactivation=justt.Deactivation(type=key, after_days=key, date=key))
        """)
        text = stack.preview(fails=True).text
        wrong = ["external_identifier", "integration_name", "allow_unlisted", "reference_account_id", "source"]
        wrong += ["merchant_account_codes", "deactivation.type", "deactivation.after_days", "deactivation.date"]
        assert [name for name in wrong if f"{name}: " not in text] == [], text
        stack.program("""
            key = secret("stripeKey")
            justt.PaymentIntegration("x", external_identifier="x", integration_name="x", source="stripe",
                credentials=justt.credentials.Hmac(
                    hmac=key.apply(lambda k: [k]), api_key=key.apply(lambda k: {"k": [k]}), account_code=7))
        """)
        text = stack.preview(fails=True).text
        assert [
            name for name in ("hmac", "api_key", "account_code") if f"credentials.{name}: must be text" not in text
        ] == []

    @pytest.mark.slow
    def test_debug_output_of_an_internal_error_has_no_secret(
        self, stack: Stack, simulator: SimulatorServer, tmp_path: Path
    ) -> None:
        """The text and the local variables of an internal error contain credentials.

        The debug output shows only the error's location and its frames.
        """
        sabotage(stack, tmp_path, "raise ValueError(f'{self} {inputs.reveal_payload()} {self._api.api_key}')")
        unmask(stack)
        stack.program("""
            justt.PaymentIntegration("x", external_identifier="x", integration_name="x", source="stripe",
                credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
        """)
        text = stack.up(fails=True).text
        assert "an error inside pulumi-justt, ValueError at sitecustomize.py:" in text
        assert 'File "' in text
        assert [each.method for each in simulator.requests] == ["GET"] or simulator.requests == []

    def test_process_arguments_have_no_secrets(self, stack: Stack, simulator: SimulatorServer) -> None:
        """During an `up`, no process has a secret in its arguments.

        Only the program's process has secrets in its environment, where the engine puts the configuration.
        """
        if not Path("/proc/self/environ").exists():
            pytest.skip("needs /proc")
        stack.has_real_python = True
        simulator.options = type(simulator.options)(latency=1.5)
        del stack.environ["SECRET_stripeKey"]
        stack.config(secret={"stripeKey": canary("configured")})
        stack.program("""
            justt.PaymentIntegration("x", external_identifier="x", integration_name="x", source="stripe",
                credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
        """)
        process = stack.start("up", "--yes", "--skip-preview")
        seen: dict[str, bytes] = {}
        while process.poll() is None:
            seen |= {each.command: each.environ for each in stack.processes()}
            time.sleep(0.05)
        stack.keep(process.communicate()[0])
        assert any("pulumi.dynamic" in command for command in seen)
        arguments = {command: secret_scanner.find(command.encode(), stack.secrets) for command in seen}
        assert [command for command, found in arguments.items() if found] == []
        holders = [command for command, environ in seen.items() if secret_scanner.find(environ, stack.secrets)]
        assert holders
        assert all("pulumi-language-python-exec" in command for command in holders), holders


class TestOnPurpose:
    """Secrets that Pulumi shows on request, as SECURITY.md lists them, and leaks that the tests plant."""

    @pytest.mark.slow
    def test_each_entry_of_the_list_is_true(self, tmp_path: Path, engine_bin: Path, simulator: SimulatorServer) -> None:
        """Each command and option that SECURITY.md lists as showing secrets does show one, so no entry is outdated."""
        stack = Stack(tmp_path, engine_bin, environ={**UNBUFFERED})
        stack.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("key"), "stripeKey": canary("old")})
        stack.program("""
            justt.PaymentIntegration("x", external_identifier="x", integration_name="x", source="stripe",
                credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
            pulumi.export("key", secret("stripeKey"))
        """)
        on, grpc, trace, plan = ("--stack", "dev"), tmp_path / "grpc", tmp_path / "trace", tmp_path / "plan"
        stack.up()
        stack.config(secret={"stripeKey": canary("planned")})
        stack.preview("--save-plan", str(plan))
        stack.config(secret={"stripeKey": canary("new")})
        shown = {
            "`pulumi stack export --show-secrets`": stack.run("stack", "export", "--show-secrets", *on).text.encode(),
            "`pulumi stack output --show-secrets`": stack.run("stack", "output", "--show-secrets", *on).text.encode(),
            "`pulumi config --show-secrets`": stack.run("config", "--show-secrets", *on).text.encode(),
            "`pulumi config get`": stack.run("config", "get", "stripeKey", *on).text.encode(),
            "`--show-secrets` of `preview` and `up`": stack.preview("--show-secrets").text.encode(),
            "`-v=9` and above": stack.preview("-v=9", "--logtostderr").text.encode(),
            "an `up --plan` that the plan does not allow": stack.up("--plan", str(plan), fails=True).text.encode(),
        }
        stack.run("preview", "--tracing", f"file:{trace}", *on, PULUMI_DEBUG_GRPC=str(grpc))
        shown |= {"`--tracing`": trace.read_bytes(), "`PULUMI_DEBUG_GRPC`": grpc.read_bytes()}
        assert [name for name, content in shown.items() if not secret_scanner.find(content, stack.secrets)] == []
        security = (ROOT / "SECURITY.md").read_text()
        section = security.partition("<!-- on purpose -->")[2].partition("\n\n")[0]
        assert set(shown) == set(re.findall(r"^- (.+?)(?:: .*)?$", section, re.MULTILINE))

    def test_the_search_finds_each_kind_of_leak(
        self, tmp_path: Path, engine_bin: Path, simulator: SimulatorServer
    ) -> None:
        """The test leaks a secret in each kind of place, in several encodings.

        The search finds every leak, so the other tests of this module would fail if the provider leaked a secret.
        """
        kinds = ["print", "log", "export", "base64", "url", "state", "half", "stderr", "error", "file", "config"]
        stack = Stack(tmp_path, engine_bin, environ={**UNBUFFERED})
        key = canary("key")
        stack.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": key})
        values = {kind: canary(kind) + ("+/=" if kind == "url" else "") for kind in kinds}
        stack.provide(values)
        sabotage(
            stack,
            tmp_path,
            "from pulumi_justt.errors import JusttError; value = inputs.reveal_payload()['apiKey']; "
            "exec('raise JusttError(value)' if inputs.integration_name == 'error' else 'sys.stderr.write(value)')",
            calls=True,
        )
        stack.program("""
            import base64, urllib.parse
            plain = pulumi.Output.unsecret
            secret("print").apply(print)
            secret("log").apply(pulumi.log.info)
            pulumi.export("export", plain(secret("export")))
            packed = secret("base64").apply(lambda s: base64.b64encode(b"x" + s.encode()).decode())
            pulumi.export("base64", plain(packed))
            pulumi.export("url", plain(secret("url").apply(lambda s: urllib.parse.quote(s[10:], safe=""))))
            pulumi.export("half", plain(secret("half").apply(lambda s: s[len(s) // 2:].encode().hex())))
            for kind in ("stderr", "error"):
                justt.PaymentIntegration(kind, external_identifier=plain(secret("state")), integration_name=kind,
                    source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret(kind)))
        """)
        stack.up("--continue-on-error", fails=True)
        (tmp_path / "user" / "tmp" / "x.log").write_text(f"log {values['file']!r}")
        stack.run("config", "set", "--plaintext", "copied", values["config"], "--stack", "dev")
        with pytest.raises(AssertionError):
            stack.assert_no_leak()
        everything = [*stack.everything()]
        found = [kind for kind in kinds if any(secret_scanner.find(content, [values[kind]]) for content in everything)]
        assert found == kinds
        assert secret_scanner.find(repr(simulator.requests).encode(), [values["state"]]), (
            "the journal is searched as well"
        )
        assert not any(secret_scanner.find(content, [key]) for content in everything)


def sabotage(stack: Stack, folder: Path, statement: str, *, calls: bool = False) -> None:
    """Replace the client's create with *statement*; if *calls* is true, the original create follows."""
    (folder / "sabotage").mkdir()
    (folder / "sabotage" / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
            import sys

            if "pulumi.dynamic" in " ".join(sys.orig_argv):
                from pulumi_justt.core.client import JusttClient

                create = JusttClient.create_integration

                def bad(self, inputs, **arguments):
                    {statement}
                    {"return create(self, inputs, **arguments)" if calls else ""}

                JusttClient.create_integration = bad
        """)
    )
    stack.python_path = (folder / "sabotage",)


@pytest.mark.slow
def test_a_value_that_becomes_a_secret_is_encrypted(stack: Stack) -> None:
    """If the program makes a name secret without changing it, the next update encrypts the input and the output."""
    for value, is_encrypted in (('"Shop"', False), ('pulumi.Output.secret("Shop")', True)):
        stack.program(f"""
        justt.PaymentIntegration("shop", external_identifier="shop-1", integration_name={value}, source="stripe",
                                 credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
        """)
        stack.up()
        [shop] = [each for each in stack.all_resources() if each["urn"].endswith("::shop")]
        for part in ("inputs", "outputs"):
            assert ("ciphertext" in shop[part]["integrationName"]) == is_encrypted
