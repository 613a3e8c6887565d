"""The whole product on the real engine: the user's commands, and the resulting terminal, state and requests."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer, payload_digest
from support.golden_errors import assert_messages
from support.harness import HANG_SECONDS, Stack, eventually, has_fired, unused_base_url
from support.plugin_stack import in_both_front_ends
from support.secret_scanner import canary

STRIPE = """
    stripe = justt.PaymentIntegration(
        "stripe-eu",
        external_identifier="stripe-eu-main",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        {more}
    )
    pulumi.export("id", stripe.integration_id)
    pulumi.export("status", stripe.status)
"""


def stripe(more: str = "", name: str = "Stripe EU") -> str:
    """Return a program with one integration."""
    return textwrap.dedent(STRIPE).replace("Stripe EU", name).replace("{more}", more)


def methods_so_far(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests so far."""
    return [exchange.method for exchange in simulator.requests]


def methods(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests so far, and clear the requests."""
    seen = methods_so_far(simulator)
    simulator.clear_requests()
    return seen


class TestLife:
    """The life of one integration."""

    @pytest.mark.passphrase
    def test_a_second_up_after_a_create_changes_nothing(self, stack: Stack, simulator: SimulatorServer) -> None:
        """The first `up` sends one POST and stores the id.

        A second `up` sends nothing, even if the program lists the codes in another order.
        """
        stack.program(stripe('merchant_account_codes=["b", "a"],'))
        stack.up()
        assert methods(simulator) == ["GET", "POST"]
        record = simulator.records.integrations()[0]
        assert stack.outputs() == {"id": record.id, "status": "PENDING"}
        assert (record.external_identifier, record.integration_name, record.source) == (
            "stripe-eu-main",
            "Stripe EU",
            "stripe",
        )
        assert record.merchant_account_codes == ("a", "b")
        assert record.payload_digest == payload_digest({"apiKey": stack.secrets[1]})
        stack.program(stripe('merchant_account_codes=["a", "b"],'))
        assert "2 unchanged" in stack.up("--expect-no-changes").text
        assert methods(simulator) == []

    @pytest.mark.passphrase
    def test_rotated_secret_is_named_in_the_preview_and_replaces(
        self, stack: Stack, simulator: SimulatorServer
    ) -> None:
        """If a secret changes, a preview names its field without the value.

        `up` creates the new integration, and then deactivates the old one.
        """
        stack.program(stripe())
        stack.up()
        old = stack.outputs()["id"]
        methods(simulator)
        stack.provide({"stripeKey": canary("rotated")})
        shown = stack.preview().text
        assert "+-pulumi-python:dynamic/justt:PaymentIntegration: (replace)" in shown
        assert re.search(r"~ secretPayload: \{\n +~ apiKey: \[secret\] => \[secret\]\n +\}\n", shown)
        assert len(re.findall(r"^ +[~+-] \w+", shown, re.MULTILINE)) == 2
        assert "__provider" not in shown
        assert methods(simulator) == []
        steps = json.loads(stack.run("preview", "--json", "--stack", "dev").stdout)["steps"]
        replaced = next(step for step in steps if step["op"] == "replace")
        assert list(replaced["detailedDiff"]) == ["secretPayload.apiKey"]
        stack.up()
        assert methods(simulator) == ["GET", "POST", "DELETE"]
        by_status = {record.status: record for record in simulator.records.integrations()}
        assert by_status["INACTIVE"].id == old
        assert by_status["PENDING"].id == stack.outputs()["id"] != old
        assert by_status["PENDING"].payload_digest == payload_digest({"apiKey": stack.secrets[-1]})

    @pytest.mark.slow
    def test_policy_changes_in_place_without_a_request(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If only the deactivation changes, `up` updates the state without a request.

        A later destroy uses the new deactivation.
        """
        stack.program(stripe())
        stack.up()
        stack.program(stripe('deactivation=justt.Deactivation(type="dueDate", after_days=7),'))
        methods(simulator)
        assert "~ pulumi-python:dynamic/justt:PaymentIntegration: (update)" in stack.preview().text
        stack.up()
        assert methods(simulator) == []
        assert stack.resources()["stripe-eu"]["outputs"]["deactivation"] == {
            "afterDays": 7,
            "deactivationType": "dueDate",
        }
        stack.destroy()
        body = simulator.requests[-1].body
        assert body["deactivationType"] == "dueDate"
        asked = datetime.strptime(str(body["deactivationDate"]), "%Y-%m-%dT%H:%M:%S%z")
        assert abs(asked - datetime.now(timezone.utc) - timedelta(days=7)) < timedelta(minutes=5)
        assert simulator.records.integrations()[0].status == "PENDING"
        assert stack.resources() == {}

    @pytest.mark.slow
    def test_replacement_and_policy_in_one_update_warns(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If one update replaces an integration and changes its deactivation, the preview warns.

        The update deactivates the old integration as recorded before.
        """
        stack.program(stripe())
        stack.up()
        stack.program(stripe("deactivation=justt.Deactivation(after_days=7),", name="New name"))
        assert "the old integration still follows the recorded deactivation" in stack.preview().text
        stack.up()
        assert [record.status for record in simulator.records.integrations()] == ["INACTIVE", "PENDING"]

    def test_refresh_shows_a_status_and_drops_inactive(self, stack: Stack, simulator: SimulatorServer) -> None:
        """Refresh shows a changed status.

        It removes an INACTIVE integration from the state, and the next `up` creates a new one.
        """
        stack.program(stripe())
        stack.up()
        first = stack.outputs()["id"]
        simulator.records.set_status(first, "FAILED")
        methods(simulator)
        assert f"({first}) is FAILED now, was PENDING." in stack.refresh().text
        assert methods(simulator) == ["GET"]
        assert stack.resources()["stripe-eu"]["outputs"]["status"] == "FAILED"
        assert "2 unchanged" in stack.preview().text
        simulator.records.set_status(first, "INACTIVE")
        assert f"({first}) is INACTIVE at Justt, which is final" in stack.refresh().text
        assert stack.resources() == {}
        stack.up()
        assert stack.outputs()["id"] != first

    @pytest.mark.slow
    def test_destroy_of_an_inactive_integration_succeeds(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If an integration was deactivated outside Pulumi, destroy treats it as deleted and succeeds."""
        stack.program(stripe())
        stack.up()
        simulator.records.set_status(stack.outputs()["id"], "INACTIVE")
        methods(simulator)
        stack.destroy()
        assert methods(simulator) == ["DELETE", "GET"]
        assert stack.resources() == {}

    def test_past_deactivation_date_becomes_now(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If the recorded deactivation date has passed, destroy deactivates the integration at once, and warns."""
        stack.program(stripe('deactivation=justt.Deactivation(date="2020-01-31T00:00:00Z"),'))
        stack.up()
        assert "its deactivation date 2020-01-31T00:00:00Z has passed, so it stops now" in stack.destroy().text
        assert simulator.records.integrations()[0].status == "INACTIVE"

    @pytest.mark.slow
    def test_a_clock_that_is_ahead_is_reported(self, stack: Stack) -> None:
        """The machine's clock is an hour ahead of Justt's, so both integrations stop only in an hour.

        `destroy` warns about the clock only once, and the warning names only one of the two integrations.
        """
        two = stripe() + stripe().replace("stripe-eu", "stripe-us").replace("stripe = ", "other = ")
        with SimulatorServer(clock=lambda: time.time() - 3600) as behind:
            stack.config({"justt:baseUrl": behind.base_url})
            stack.program(two.replace('pulumi.export("id"', 'pulumi.export("other"', 1))
            stack.up()
            text = stack.destroy().text
            statuses = [record.status for record in behind.records.integrations()]
        shown = re.findall(
            r"the clock of this machine is 3,[56]\d\d s ahead of Justt's, so the date .* is in the", text
        )
        assert shown != []
        assert len(set(re.findall(r"warning: deactivating .* \((.*?)\): the clock", text))) == 1
        assert statuses == ["PENDING", "PENDING"]


class TestMissing:
    """A 404 for a known id, which does not prove that the integration is gone."""

    def test_refresh_and_destroy_keep_the_state(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If Justt answers 404, refresh and destroy fail, keep the state and say what to do.

        With JUSTT_ON_MISSING=gone, refresh removes the integration from the state.
        """
        stack.program(stripe())
        stack.up()
        known = stack.outputs()["id"]
        simulator.records.wipe_integrations()
        for command in (stack.refresh, stack.destroy):
            assert_messages(f"{command.__name__}-404", stack, command(fails=True))
            assert stack.resources()["stripe-eu"]["id"] == known
        assert "treated as gone because JUSTT_ON_MISSING=gone" in stack.refresh(JUSTT_ON_MISSING="gone").text
        assert stack.resources() == {}

    def test_destroy_with_on_missing_gone_empties_the_stack(self, stack: Stack, simulator: SimulatorServer) -> None:
        """If Justt answers 404, destroy with JUSTT_ON_MISSING=gone leaves an empty stack."""
        stack.program(stripe())
        stack.up()
        simulator.records.wipe_integrations()
        stack.destroy(JUSTT_ON_MISSING="gone")
        assert stack.resources() == {}


class TestPreview:
    """The preview of a pull request."""

    def test_preview_needs_no_key(self, stack: Stack, simulator: SimulatorServer) -> None:
        """A preview needs no API key and sends no requests, for a new and for an existing stack."""
        stack.program(stripe())
        stack.run("config", "rm", "justt:apiKey", "--stack", "dev")
        assert "+ 2 to create" in stack.preview().text
        text = stack.up(fails=True).text
        assert "no Justt API key: run `pulumi config set --secret justt:apiKey`, or set JUSTT_API_KEY" in text
        assert methods(simulator) == []
        stack.up(JUSTT_API_KEY=stack.secrets[0])
        methods(simulator)
        stack.program(stripe(name="Other"))
        assert '~ integrationName: "Stripe EU" => "Other"' in stack.preview().text
        assert methods(simulator) == []

    @pytest.mark.slow
    def test_preview_accepts_unknown_values_anywhere(self, stack: Stack, simulator: SimulatorServer) -> None:
        """Each argument of a resource comes from a resource that does not exist yet.

        The preview accepts the unknown values, and `up` sends the known ones.
        """
        program = stripe() + textwrap.dedent(
            """
            later = stripe.integration_id
            justt.PaymentIntegration(
                "follower",
                external_identifier=later,
                integration_name=later.apply(lambda known: f"after {known}"),
                source=later.apply(lambda _: "adyen"),
                credentials=justt.credentials.Hmac(
                    hmac=pulumi.Output.secret(later), api_key=secret("stripeKey"), merchant_code=later
                ),
                merchant_account_codes=[later, "z"],
                reference_account_id=later.apply(lambda known: "acc-" + known[:4]),
                deactivation=justt.Deactivation(after_days=later.apply(lambda _: 3)),
            )
            whole = later.apply(lambda known: {"username": "canary-user-name", "password": "canary-" + known})
            justt.PaymentIntegration(
                "split",
                external_identifier="split",
                integration_name="split",
                source="paypal",
                credentials=justt.credentials.UsernamePassword.from_output(pulumi.Output.secret(whole)),
            )
            """
        )
        stack.program(program)
        assert "+ 4 to create" in stack.preview().text
        assert methods(simulator) == []
        stack.up()
        first = stack.outputs()["id"]
        follower = next(r for r in simulator.records.integrations() if r.source == "adyen")
        assert (follower.external_identifier, follower.account) == (first, f"acc-{first[:4]}")
        assert follower.merchant_account_codes == tuple(sorted([first, "z"]))
        assert follower.payload_digest == payload_digest(
            {"hmac": first, "apiKey": stack.secrets[1], "merchantCode": first}
        )
        assert "4 unchanged" in stack.preview().text
        # A replaced source makes the follower's fields unknown again: they may or may not change.
        stack.program(program.replace("Stripe EU", "Renamed"))
        assert "+-3 to replace" in stack.preview().text

    @pytest.mark.slow
    def test_option_paths_are_checked(self, stack: Stack) -> None:
        """If a secret's path is in `ignore_changes`, a preview of a new secret shows no change.

        A path that the engine would ignore fails the preview.
        """
        stack.program(stripe())
        stack.up()
        stack.provide({"stripeKey": canary("ignored")})
        held = "opts=pulumi.ResourceOptions(ignore_changes=['{}']),"
        for path in ("secretPayload.apiKey", "secretPayload"):
            stack.program(stripe(held.format(path)))
            assert "2 unchanged" in stack.preview().text
        stack.program(stripe(held.format("integration_name"), name="Ignored"))
        assert "integrationName" not in stack.preview().text
        for path in ("secret_payload.apiKey", "credentials.api_key"):
            stack.program(stripe(held.format(path)))
            text = stack.preview(fails=True).text
            assert f"has no '{path}', so the engine would ignore it; use 'secretPayload.apiKey'" in text


VALID = {
    "external_identifier": '"x"',
    "integration_name": '"X"',
    "source": '"stripe"',
    "credentials": 'justt.credentials.ApiKeyOnly(api_key=secret("stripeKey"))',
}
UNLISTED_SOURCE = (
    "source: '{}' is not in Justt's list (stripe, braintree, paypal, adyen, justt_sandbox) (did you mean 'stripe'?). "
    "If Justt accepts it now, use justt.UnlistedSource(...), or set allow_unlisted=True"
)
REFUSED: dict[str, tuple[dict[str, str], list[str]]] = {
    "wrong type": (
        {"external_identifier": "5", "merchant_account_codes": '["a", 7]', "integration_name": '["n"]'},
        [
            "external_identifier: must be text, got number: write it in quotes, or str(...)",
            "integration_name: must be text, got a list: give one text",
            "merchant_account_codes[1]: must be text, got number: write it in quotes, or str(...)",
        ],
    ),
    "missing credential field": (
        {"credentials": 'justt.credentials.Hmac.from_output(pulumi.Output.secret({"hmac": secret("stripeKey")}))'},
        ["credentials.api_key: is required by Hmac"],
    ),
    "surplus credential field": (
        {
            "credentials": (
                "justt.credentials.Unlisted(secret_type='APIKEY', "
                "payload={'apiKey': secret('stripeKey'), 'shop_name': 'canary-shop'})"
            )
        },
        ["credentials.shop_name: is not a field of ApiKey (did you mean 'shopName'?)"],
    ),
    "date and after_days": (
        {"deactivation": 'justt.Deactivation(after_days=3, date="2027-01-31T00:00:00Z")'},
        ["deactivation: takes date or after_days, not both"],
    ),
    "deactivation in the user's names": (
        {"deactivation": 'justt.Deactivation(type="dueDay", date="31.1.2027")'},
        [
            "deactivation.type: must be 'postingDate' or 'dueDate'",
            "deactivation.date: must be a UTC time such as 2027-01-31T00:00:00Z",
        ],
    ),
    "identifier of 0 characters": (
        {"external_identifier": '""'},
        ["external_identifier: must not be empty"],
    ),
    "identifier of 256 characters": (
        {"external_identifier": '"x" * 256'},
        ["external_identifier: must have at most 255 characters, has 256: shorten it"],
    ),
    "unknown source": (
        {"source": '"strpe"'},
        [UNLISTED_SOURCE.format("strpe")],
    ),
    "everything at once": (
        {
            "external_identifier": '""',
            "source": '"stripes"',
            "credentials": 'justt.credentials.Sftp(username="", passphrase=secret("stripeKey"))',
            "reference_account_id": '"two words"',
            "deactivation": "justt.Deactivation(after_days=-1)",
        },
        [
            "external_identifier: must not be empty",
            "reference_account_id: must be visible ASCII without spaces: it is sent as a header",
            "deactivation.after_days: must be greater than or equal to 0",
            UNLISTED_SOURCE.format("stripes"),
            "credentials.username: must not be empty",
            "credentials.password: is missing: Sftp needs password or private_key",
        ],
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, engine_bin: Path) -> Iterator[Stack]:
    """Return one stack for all rejected inputs. Nothing is ever created in it, and any request would fail."""
    made = Stack(tmp_path_factory.mktemp("refused"), engine_bin)
    made.config(
        {"justt:baseUrl": "http://127.0.0.1:9/v1"},
        {"justt:apiKey": canary("api-key"), "stripeKey": canary("stripe")},
    )
    yield made
    made.assert_no_leak()


class TestRefused:
    """Invalid input, which is reported before any request."""

    @pytest.mark.parametrize("case", REFUSED)
    @pytest.mark.daily(1)
    def test_invalid_arguments_are_reported_at_once(self, shared: Stack, case: str) -> None:
        """If several arguments are invalid, a preview names all of them.

        It uses the program's names, and shows no secret.
        """
        given, expected = REFUSED[case]
        arguments = ", ".join(f"{name}={value}" for name, value in {**VALID, **given}.items())
        shared.program(f'justt.PaymentIntegration("bad", {arguments})\n')
        text = shared.preview(fails=True).text
        problems = re.findall(r"resource 'bad' has a problem: (.*)", text)
        assert sorted(set(problems)) == sorted(expected)
        assert "canary" not in text
        assert "Traceback" not in text

    def test_a_surplus_field_of_an_object_is_rejected(self, shared: Stack) -> None:
        """If an object has a field that the credential type lacks, a preview fails and names the field."""
        shared.program(
            'whole = pulumi.Output.all(apikey=secret("stripeKey"))\n'
            'justt.PaymentIntegration("bad", external_identifier="x", integration_name="X", source="stripe",\n'
            "    credentials=justt.credentials.ApiKeyOnly.from_output(whole))\n"
        )
        text = shared.preview(fails=True).text
        assert "ApiKeyOnly.from_output: unknown key: 'apikey' (did you mean 'apiKey'?). It accepts apiKey" in text
        assert "Traceback" not in text

    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("http", {"justt:baseUrl": "http://justt.example/v1"}),
            ("loopback", {"justt:baseUrl": "http://127.0.0.1:9/v1", "justt:environment": "production"}),
            ("sandbox-url", {"justt:baseUrl": "https://api.justt.ai/v1/sandbox"}),
            ("value", {"justt:environment": "sandbx"}),
            ("snake-case", {"justt:api_key": "x"}),
            ("misspelt", {"justt:enviroment": "sandbox"}),
            ("number", {"justt:requestsPerMinute": "many"}),
        ],
    )
    @pytest.mark.daily(1)
    def test_invalid_settings_are_reported_by_preview(
        self, tmp_path: Path, engine_bin: Path, name: str, plain: dict[str, str]
    ) -> None:
        """If a setting is invalid, or contradicts another one, a preview fails and names the setting."""
        stack = Stack(tmp_path, engine_bin)
        stack.config(plain, {"justt:apiKey": canary("api-key"), "stripeKey": canary("stripe")})
        stack.program(stripe())
        assert_messages(f"preview-setting-{name}", stack, stack.preview(fails=True))
        stack.assert_no_leak()

    def test_plain_text_api_key_is_rejected(self, shared: Stack) -> None:
        """If the configured API key is plain text, a preview fails and shows the command that encrypts it."""
        kept = shared.secrets[0]
        shared.config({"justt:apiKey": "not-so-secret"})
        shared.program(stripe())
        result = shared.preview(fails=True)
        assert_messages("preview-plain-api-key", shared, result)
        assert "not-so-secret" not in result.text
        shared.config(secret={"justt:apiKey": kept})


class TestAccounts:
    """The account of a call."""

    @pytest.mark.slow
    def test_only_an_explicit_account_change_replaces(self, stack: Stack, simulator: SimulatorServer) -> None:
        """The state records the default account.

        If the user changes or removes that setting, a preview fails. If the program changes `reference_account_id`,
        `up` replaces the integration.
        """
        stack.config({"justt:referenceAccountId": "acc_1"})
        stack.program(stripe())
        stack.up()
        assert simulator.records.integrations()[0].account == "acc_1"
        stack.config({"justt:referenceAccountId": "acc_2"})
        text = stack.preview(fails=True).text
        assert "this integration was created in account acc_1, but justt:referenceAccountId is acc_2 now" in text
        stack.run("config", "rm", "justt:referenceAccountId", "--stack", "dev")
        assert "this integration was created in account acc_1, but neither" in stack.preview(fails=True).text
        stack.program(stripe('reference_account_id="acc_1",'))
        assert "2 unchanged" in stack.preview().text
        stack.program(stripe('reference_account_id="acc_2",'))
        assert '~ referenceAccountId: "acc_1" => "acc_2"' in stack.preview().text
        stack.up()
        assert [(r.account, r.status) for r in simulator.records.integrations()] == [
            ("acc_1", "INACTIVE"),
            ("acc_2", "PENDING"),
        ]
        changes = [exchange for exchange in simulator.requests if exchange.method != "GET"]
        assert [(exchange.method, exchange.account) for exchange in changes] == [
            ("POST", "acc_1"),
            ("POST", "acc_2"),
            ("DELETE", "acc_1"),
        ]

    def test_an_integration_of_another_environment_is_not_touched(
        self, stack: Stack, simulator: SimulatorServer
    ) -> None:
        """If the configuration has another environment than the state, no command touches the integration.

        Preview, refresh and destroy fail and send nothing.
        """
        stack.program(stripe())
        stack.up()
        methods(simulator)
        # Refresh and destroy use the state's copy of the configuration until the program runs.
        stack.run("config", "rm", "justt:baseUrl", "--stack", "dev")
        assert_messages("preview-other-environment", stack, stack.preview(fails=True))
        for command in (stack.refresh, stack.destroy):
            assert_messages(f"{command.__name__}-other-environment", stack, command("--run-program", fails=True))
        assert methods(simulator) == []
        assert "stripe-eu" in stack.resources()


class TestRotation:
    """A new API key at Justt."""

    @pytest.mark.slow
    def test_destroy_after_a_key_rotation_needs_the_new_key(self, stack: Stack, simulator: SimulatorServer) -> None:
        """After a key rotation, refresh and destroy use the old key in the state and get a 401.

        Their errors say what to do. With JUSTT_API_KEY_OVERRIDE, both commands work.
        """
        stack.program(stripe())
        stack.up()
        rotated = canary("rotated-key")
        simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset({rotated}))
        stack.config(secret={"justt:apiKey": rotated})
        for command in (stack.destroy, stack.refresh):
            assert_messages(f"{command.__name__}-401", stack, command(fails=True))
        assert "stripe-eu" in stack.resources()
        stack.refresh(JUSTT_API_KEY_OVERRIDE=rotated)
        stack.refresh("--run-program")
        stack.destroy(JUSTT_API_KEY_OVERRIDE=rotated)
        assert [record.status for record in simulator.records.integrations()] == ["INACTIVE"]

    @pytest.mark.slow
    def test_destroy_works_after_an_up_with_the_new_key(self, stack: Stack, simulator: SimulatorServer) -> None:
        """After a key rotation, one `up` with the new key replaces nothing. Destroy then works without the override."""
        stack.program(stripe())
        stack.up()
        rotated = canary("rotated-key")
        simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset({rotated}))
        stack.config(secret={"justt:apiKey": rotated})
        stack.up()
        assert [record.status for record in simulator.records.integrations()] == ["PENDING"]
        stack.destroy()
        assert stack.resources() == {}


CREDENTIAL_TYPES = """
    c = justt.credentials
    shapes = {
        "ApiKeyOnly": c.ApiKeyOnly(api_key=secret("stripeKey")),
        "PublicSecretKey": c.PublicSecretKey(secret_key=secret("stripeKey"), public_key="pub"),
        "BasicAuth": c.BasicAuth(client_id="an-id", client_secret=secret("stripeKey")),
        "UsernamePassword": c.UsernamePassword(username="user", password=secret("stripeKey")),
        "Hmac": c.Hmac.from_output(config.require_secret_object("adyen")),
        "ApiKey": c.ApiKey(api_key=secret("stripeKey"), store_url="https://shop.example", shop_name="shop"),
        "Sftp": c.Sftp(username="user", private_key=secret("pem"), passphrase=secret("stripeKey")),
        "Unlisted": c.Unlisted(
            secret_type="OAUTH",
            payload={"client_id": "kept_as_is", "scopes": ["a", 5], "nested": {"api_key": secret("pem")}},
        ),
    }
    made = {
        name: justt.PaymentIntegration(
            name,
            external_identifier=name,
            integration_name=name,
            source="shopify" if name == "Unlisted" else "adyen",
            credentials=credentials,
            allow_unlisted=name == "Unlisted",
        )
        for name, credentials in shapes.items()
    }
    pulumi.export("same", pulumi.Output.all(made["Hmac"].credentials, config.require_secret_object("adyen")).apply(
        lambda both: both[0].wire()[1] == both[1]
    ))
    pulumi.export("key", made["ApiKeyOnly"].credentials.apply(lambda c: c.api_key))
    looked_up = justt.PaymentIntegration.get("looked-up", made["Sftp"].id)
    pulumi.export("seen", looked_up.status)
    pulumi.export("unseen", looked_up.integration_name)
"""


class TestShapes:
    """Each credential type, as sent and as stored."""

    def test_all_credential_types_are_sent_and_stored(self, stack: Stack, simulator: SimulatorServer) -> None:
        """Each credential type is sent under the API's names.

        In the state, each secret field is a secret, and each identifier is plain text.
        """
        simulator.options = dataclasses.replace(
            simulator.options, extra_sources=frozenset({"shopify"}), extra_secret_types=frozenset({"OAUTH"})
        )
        pem = f"-----BEGIN PRIVATE KEY-----\n{canary('pem')}\n-----END PRIVATE KEY-----\n"
        adyen = {"hmac": canary("hmac"), "apiKey": canary("adyen"), "merchantCode": "Shop"}
        stack.config(secret={"pem": pem})
        stack.run("config", "set", "--secret", "adyen", json.dumps(adyen), "--stack", "dev")
        stack.secrets += [adyen["hmac"], adyen["apiKey"]]
        stack.program(CREDENTIAL_TYPES)
        stack.up()
        key = stack.secrets[1]
        sent: dict[str, dict[str, object]] = {
            "ApiKeyOnly": {"apiKey": key},
            "PublicSecretKey": {"secretKey": key, "publicKey": "pub"},
            "BasicAuth": {"clientId": "an-id", "clientSecret": key},
            "UsernamePassword": {"username": "user", "password": key},
            "Hmac": {**adyen},
            "ApiKey": {"apiKey": key, "storeUrl": "https://shop.example", "shopName": "shop"},
            "Sftp": {"username": "user", "privateKey": pem, "passphrase": key},
            "Unlisted": {"client_id": "kept_as_is", "scopes": ["a", 5], "nested": {"api_key": pem}},
        }
        assert {record.external_identifier: record.payload_digest for record in simulator.records.integrations()} == {
            name: payload_digest(payload) for name, payload in sent.items()
        }
        plain: dict[str, dict[str, str]] = {
            "PublicSecretKey": {"publicKey": "pub"},
            "ApiKey": {"storeUrl": "https://shop.example", "shopName": "shop"},
        }
        state = stack.resources()
        for name, payload in sent.items():
            for side in ("inputs", "outputs"):
                stored = state[name][side]["secretPayload"]
                assert stored.keys() == payload.keys()
                assert {k: v for k, v in stored.items() if isinstance(v, str)} == plain.get(name, {})
        outputs = stack.outputs()
        assert outputs == {"same": "[secret]", "key": "[secret]", "seen": "PENDING"}
        shown = stack.run("stack", "output", "same", "--show-secrets", "--stack", "dev").stdout
        assert shown.strip() == "true"
        assert "unchanged" in stack.up("--expect-no-changes").text
        stack.destroy()
        assert {record.status for record in simulator.records.integrations()} == {"INACTIVE"}

    @pytest.mark.slow
    def test_any_change_in_a_payload_replaces(self, stack: Stack, simulator: SimulatorServer) -> None:
        """A change of an order or a type in an `Unlisted` payload replaces the integration.

        Only Justt knows whether it matters.
        """
        simulator.options = dataclasses.replace(simulator.options, extra_secret_types=frozenset({"OAUTH"}))
        program = """
            justt.PaymentIntegration("listed", external_identifier="x", integration_name="X", source="stripe",
                credentials=justt.credentials.Unlisted(secret_type="OAUTH", payload=PAYLOAD), allow_unlisted=True)
        """
        sent = []
        for payload in (
            {"hosts": ["a", "b"], "n": [1]},
            {"hosts": ["b", "a"], "n": [1]},
            {"hosts": ["b", "a"], "n": ["1"]},
        ):
            stack.program(textwrap.dedent(program).replace("PAYLOAD", repr(payload)))
            stack.up()
            sent.append(payload_digest(payload))
        assert [record.payload_digest for record in simulator.records.integrations()] == sent
        assert [record.status for record in simulator.records.integrations()] == ["INACTIVE", "INACTIVE", "PENDING"]


class TestLookUp:
    """`PaymentIntegration.get`."""

    @pytest.mark.slow
    def test_destroy_does_not_deactivate_a_looked_up_integration(
        self, stack: Stack, simulator: SimulatorServer
    ) -> None:
        """A stack looks up an integration. Each `up` shows its current status, and destroy does not deactivate it."""
        stack.program(stripe())
        stack.up()
        theirs = stack.outputs()["id"]
        other = Stack(stack.folder / "other", stack.engine_bin, name="other")
        other.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": stack.secrets[0]})
        program = f'pulumi.export("status", justt.PaymentIntegration.get("theirs", "{theirs}").status)\n'
        other.program(program)
        other.up()
        assert other.outputs() == {"status": "PENDING"}
        simulator.records.set_status(theirs, "INACTIVE")
        other.up()
        assert other.outputs() == {"status": "INACTIVE"}
        other.refresh()
        other.destroy()
        assert "DELETE" not in methods(simulator)
        other.program(program.replace(theirs, "no-such-id"))
        text = other.up(fails=True).text
        assert "JusttError: reading integration no-such-id: Justt answered 404" in text
        assert "JUSTT_ON_MISSING" not in text
        other.assert_no_leak()


class TestTwoStacks:
    """Stacks that run at the same time."""

    @pytest.mark.slow
    def test_two_stacks_do_not_affect_each_other(
        self, tmp_path: Path, engine_bin: Path, simulator: SimulatorServer
    ) -> None:
        """Two stacks with different accounts run `up`, `refresh` and `destroy` at the same time.

        Each stack changes only its own integrations.
        """

        def life(account: str) -> set[str]:
            stack = Stack(tmp_path / account, engine_bin, name=account)
            stack.config(
                {"justt:baseUrl": simulator.base_url, "justt:referenceAccountId": account},
                {"justt:apiKey": canary("api-key"), "stripeKey": canary("stripe")},
            )
            stack.program(
                "for number in range(5):\n"
                '    justt.PaymentIntegration(f"n{number}", external_identifier=f"n{number}", integration_name="N",\n'
                '        source="stripe", credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))\n'
            )
            stack.up()
            ids = {resource["id"] for resource in stack.resources().values()}
            stack.refresh()
            stack.destroy()
            stack.assert_no_leak()
            return ids

        with ThreadPoolExecutor() as pool:
            first, second = pool.map(life, ("acc_1", "acc_2"))
        records = simulator.records.integrations()
        assert {record.id for record in records if record.account == "acc_1"} == first
        assert {record.id for record in records if record.account == "acc_2"} == second
        assert len(first) == len(second) == 5
        assert {record.status for record in records} == {"INACTIVE"}


class TestInterrupted:
    """A CLI that exits during a create."""

    @in_both_front_ends
    @pytest.mark.parametrize("how", ["twice Ctrl-C", "kill -9"])
    def test_a_create_without_its_engine_is_undone(self, stack: Stack, simulator: SimulatorServer, how: str) -> None:
        """The CLI exits during a create, so it can't store the id.

        The provider deactivates the new integration, and the next `up` creates exactly one.
        """
        stack.program(stripe())
        # The CLI has to exit during the request, and kills the provider after five seconds.
        simulator.add_fault(Fault.parse("POST /integrations latency=2.5 times=1"))
        process = stack.start("up", "--yes", "--skip-preview")
        eventually(lambda: has_fired(simulator))
        if how == "kill -9":
            process.kill()
        else:
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=HANG_SECONDS)[0]
        stack.keep(output)
        eventually(lambda: methods_so_far(simulator) == ["GET", "POST", "DELETE"])
        (undone,) = simulator.records.integrations()
        assert undone.status == "INACTIVE"
        if how != "kill -9":
            assert (
                f"note: the engine cancelled the create of the stripe integration 'stripe-eu-main' ({undone.id}), so "
                "the provider deactivated it."
            ) in output.decode()
        stack.run("cancel", "--yes", "--stack", "dev")
        text = stack.up().text
        assert "1 pending operations from previous deployment" in text
        assert [record.status for record in simulator.records.integrations()] == ["INACTIVE", "PENDING"]

    @in_both_front_ends
    def test_one_ctrl_c_waits_for_the_create(self, stack: Stack, simulator: SimulatorServer) -> None:
        """After one Ctrl-C, the CLI waits for the create and stores its id. The next `up` creates nothing."""
        stack.program(stripe())
        simulator.add_fault(Fault.parse("POST /integrations latency=1 times=1"))
        process = stack.start("up", "--yes", "--skip-preview")
        eventually(lambda: has_fired(simulator))
        process.send_signal(signal.SIGINT)
        stack.keep(process.communicate(timeout=HANG_SECONDS)[0])
        assert methods(simulator) == ["GET", "POST"]
        stack.up()
        assert len(simulator.records.integrations()) == 1


class TestUnreachable:
    """Justt is unreachable."""

    @pytest.mark.slow
    def test_an_unreachable_api_changes_no_state(self, stack: Stack, tmp_path: Path) -> None:
        """If Justt is unreachable, a replacement fails with one paragraph, and the state keeps the old integration."""
        stack.program(stripe())
        stack.up()
        known = stack.outputs()["id"]
        stack.config({"justt:baseUrl": unused_base_url()})
        stack.program(stripe(name="Other"))
        assert_messages("create-unreachable", stack, stack.up(fails=True))
        assert stack.resources()["stripe-eu"]["id"] == known
        assert (tmp_path / "state").is_dir()
