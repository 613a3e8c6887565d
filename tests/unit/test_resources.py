"""The resources of a program as the engine receives them, under Pulumi's mocks, down to the bytes of the request."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi import Output, ResourceOptions
from pulumi.runtime.mocks import MockResourceArgs

import pulumi_justt as justt
from pulumi_justt import resources
from pulumi_justt.core import config
from support.mocked_program import (
    CANARY,
    TOKEN,
    ResolvedOutput,
    SecretValue,
    as_created,
    decode,
    full,
    minimal,
    run_program,
)


def test_a_minimal_resource_registers_only_its_arguments() -> None:
    """A resource with only required arguments sends no other properties to the engine.

    The properties have the API's names, and the credential is a secret.
    """
    program = run_program(minimal)

    assert [each.type for each in program.registered] == [TOKEN]
    assert program.sent() == {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": SecretValue(CANARY)},
    }


def test_a_full_resource_is_registered_with_each_secret_marked_on_its_own() -> None:
    """A resource sends each secret field of its credentials as a separate secret.

    So a preview names the field that changed. Identifiers stay readable.
    """
    program = run_program(full)

    assert program.sent() == {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "HMAC",
        "secretPayload": {
            "hmac": SecretValue(CANARY),
            "apiKey": SecretValue(CANARY + "2"),
            "merchantCode": "merchant",
            "accountCode": "account",
        },
        "merchantAccountCodes": ["b", "a"],
        "referenceAccountId": "acc_42",
        "deactivation": {"deactivationType": "dueDate", "afterDays": 7.0},
        "deletionProtection": True,
        "allowUnlisted": True,
    }


def test_a_secret_identifier_stays_secret() -> None:
    """If a program gives an identifier as a secret Output, the resource sends the identifier as a secret."""
    shop = justt.credentials.ApiKey

    program = run_program(
        lambda: minimal(credentials=shop(api_key=CANARY, shop_name=Output.secret("shop"), store_url="url"))
    )

    assert program.sent()["secretPayload"] == {
        "apiKey": SecretValue(CANARY),
        "shopName": SecretValue("shop"),
        "storeUrl": "url",
    }


def test_unlisted_credentials_are_sent_as_they_are() -> None:
    """A resource sends an unlisted payload with its keys unchanged and each value as a secret.

    The program's dict doesn't change.
    """
    payload = {"tokenId": "t", "nested": {"pem": CANARY}}
    before = copy.deepcopy(payload)

    program = run_program(
        lambda: minimal(
            credentials=justt.credentials.Unlisted(secret_type="OAUTH2", payload=payload), allow_unlisted=True
        )
    )

    assert payload == before
    assert program.sent()["secretType"] == "OAUTH2"
    assert program.sent()["secretPayload"] == {"tokenId": SecretValue("t"), "nested": SecretValue({"pem": CANARY})}


@pytest.mark.parametrize("flag", [False, True])
def test_an_unlisted_source_accepts_itself(flag: bool) -> None:
    """An `UnlistedSource` gives the same inputs as its text with `allow_unlisted=True`. So a change to it is no change.

    The program's object doesn't change.
    """
    source = justt.UnlistedSource("shopify")
    before = run_program(lambda: minimal(source="shopify", allow_unlisted=True)).sent()

    assert run_program(lambda: minimal(source=source, allow_unlisted=flag)).sent() == before
    assert (before["source"], before["allowUnlisted"]) == ("shopify", True)
    assert source == justt.UnlistedSource("shopify")


def test_an_unlisted_source_does_not_accept_other_credentials() -> None:
    """With `Unlisted` credentials, the program must also set allow_unlisted, because they are another decision."""
    given = justt.credentials.Unlisted(secret_type="OAUTH2", payload={"token": CANARY})

    def flagged(**flag: Any) -> justt.PaymentIntegration:  # noqa: ANN401 - plain or an Output
        return minimal(source=justt.UnlistedSource("shopify"), credentials=given, **flag)

    with pytest.raises(TypeError, match=r"credentials\.Unlisted needs allow_unlisted=True, too"):
        run_program(flagged)
    assert run_program(lambda: flagged(allow_unlisted=True)).sent()["allowUnlisted"] is True
    given_later = run_program(lambda: flagged(allow_unlisted=Output.from_input(val=False)))
    assert given_later.sent()["allowUnlisted"] is False


def test_a_class_as_the_source_is_refused() -> None:
    """If a program forgets the parentheses of `UnlistedSource(...)`, the error shows them."""
    with pytest.raises(TypeError, match=r"source cannot be a class: write UnlistedSource\(\.\.\.\), or give a value"):
        run_program(lambda: minimal(source=justt.UnlistedSource))


def test_one_set_of_arguments_serves_two_resources() -> None:
    """A program can pass the same lists and credentials to two resources, because a resource doesn't change them."""
    codes, given = ["b", "a"], justt.credentials.ApiKeyOnly(api_key=CANARY)

    def body() -> None:
        for name in ("one", "two"):
            minimal(name, credentials=given, merchant_account_codes=codes)

    program = run_program(body)

    assert codes == ["b", "a"]
    assert program.sent(0) == program.sent(1)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("name", "key"), [("allow_unlisted", "allowUnlisted"), ("deletion_protection", "deletionProtection")]
)
def test_a_flag_takes_an_output(name: str, key: str, given: bool) -> None:
    """If a flag is an Output, the resource sends the flag. If it is a plain False, the resource leaves the flag out."""

    def flagged(value: object) -> justt.PaymentIntegration:
        arguments: dict[str, Any] = {name: value}
        return minimal(**arguments)

    assert run_program(lambda: flagged(Output.from_input(given))).sent()[key] is given
    assert key not in run_program(lambda: flagged(value=False)).sent()


def test_outputs_of_a_created_resource_are_typed_and_named_in_python() -> None:
    """After a create, a program reads each property as an attribute in snake_case. Only the credentials are secret."""

    def body() -> dict[str, Output[Any]]:
        stripe = full()
        return {
            "id": stripe.id,
            "integration_id": stripe.integration_id,
            "status": stripe.status,
            "go_live_date": stripe.go_live_date,
            "environment": stripe.environment,
            "external_identifier": stripe.external_identifier,
            "integration_name": stripe.integration_name,
            "source": stripe.source,
            "merchant_account_codes": stripe.merchant_account_codes,
            "reference_account_id": stripe.reference_account_id,
            "deactivation": stripe.deactivation,
            "deletion_protection": stripe.deletion_protection,
            "allow_unlisted": stripe.allow_unlisted,
            "hmac": stripe.credentials.apply(lambda c: c.hmac if isinstance(c, justt.credentials.Hmac) else None),
            "merchant_code": stripe.credentials.apply(
                lambda c: c.merchant_code if isinstance(c, justt.credentials.Hmac) else None
            ),
        }

    assert run_program(body).outputs == {
        "id": ResolvedOutput("id-1", is_secret=False),
        "integration_id": ResolvedOutput("id-1", is_secret=False),
        "status": ResolvedOutput("PENDING", is_secret=False),
        "go_live_date": ResolvedOutput(None, is_secret=False),
        "environment": ResolvedOutput("production", is_secret=False),
        "external_identifier": ResolvedOutput("stripe-eu", is_secret=False),
        "integration_name": ResolvedOutput("Stripe EU", is_secret=False),
        "source": ResolvedOutput("stripe", is_secret=False),
        "merchant_account_codes": ResolvedOutput(["b", "a"], is_secret=False),
        "reference_account_id": ResolvedOutput("acc_42", is_secret=False),
        "deactivation": ResolvedOutput(justt.Deactivation(type="dueDate", after_days=7), is_secret=False),
        "deletion_protection": ResolvedOutput(value=True, is_secret=False),
        "allow_unlisted": ResolvedOutput(value=True, is_secret=False),
        "hmac": ResolvedOutput(CANARY, is_secret=True),
        "merchant_code": ResolvedOutput("merchant", is_secret=True),
    }


def test_after_days_is_returned_as_an_int() -> None:
    """A program reads `after_days` as an int, although the engine stores numbers as floats."""
    program = run_program(
        lambda: {
            "days": minimal(deactivation=justt.Deactivation(after_days=7)).deactivation.apply(
                lambda d: repr(d.after_days if d else None)
            )
        }
    )

    assert program.outputs["days"].value == "7"


def test_a_deactivation_date_is_returned() -> None:
    """A deactivation with a date has no `after_days`, neither in the request nor when the program reads it."""
    date = "2027-01-31T00:00:00Z"

    program = run_program(lambda: {"it": minimal(deactivation=justt.Deactivation(date=date)).deactivation})

    assert program.sent()["deactivation"] == {"deactivationType": "postingDate", "deactivationDate": date}
    assert program.outputs["it"].value == justt.Deactivation(date=date)


def test_outputs_that_are_absent_are_none() -> None:
    """After a create, a program reads a property without a value as None, and a flag without a value as False."""

    def body() -> dict[str, Output[Any]]:
        stripe = minimal()
        return {
            "go_live_date": stripe.go_live_date,
            "merchant_account_codes": stripe.merchant_account_codes,
            "reference_account_id": stripe.reference_account_id,
            "deactivation": stripe.deactivation,
            "deletion_protection": stripe.deletion_protection,
            "allow_unlisted": stripe.allow_unlisted,
        }

    assert run_program(body).outputs == {
        "go_live_date": ResolvedOutput(None, is_secret=False),
        "merchant_account_codes": ResolvedOutput(None, is_secret=False),
        "reference_account_id": ResolvedOutput(None, is_secret=False),
        "deactivation": ResolvedOutput(None, is_secret=False),
        "deletion_protection": ResolvedOutput(value=False, is_secret=False),
        "allow_unlisted": ResolvedOutput(value=False, is_secret=False),
    }


def test_attributes_show_values_that_only_the_engine_gives() -> None:
    """An attribute shows the value of an argument that the program leaves out.

    The engine may have one because of `ignore_changes`, a transform or a policy.
    """

    def body() -> dict[str, Output[Any]]:
        stripe = minimal()
        return {
            "codes": stripe.merchant_account_codes,
            "deactivation": stripe.deactivation,
            "protection": stripe.deletion_protection,
        }

    def kept(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        policy = {"deactivationType": "dueDate", "afterDays": 7.0}
        more = {"merchantAccountCodes": ["x"], "deletionProtection": True, "deactivation": policy}
        return "id-1", {**args.inputs, **more}

    assert run_program(body, answer=kept).outputs == {
        "codes": ResolvedOutput(["x"], is_secret=False),
        "deactivation": ResolvedOutput(justt.Deactivation(type="dueDate", after_days=7), is_secret=False),
        "protection": ResolvedOutput(value=True, is_secret=False),
    }


def test_a_preview_knows_the_inputs_and_not_the_status() -> None:
    """In the preview of a create, the program can read the inputs, and the status is unknown."""

    def body() -> dict[str, Output[Any]]:
        stripe = minimal()
        return {"source": stripe.source, "status": stripe.status, "credentials": stripe.credentials}

    def unchanged(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return "", {name: value for name, value in args.inputs.items() if name != "__provider"}

    outputs = run_program(body, preview=True, answer=unchanged).outputs

    assert outputs["source"] == ResolvedOutput("stripe", is_secret=False)
    assert not outputs["status"].is_known
    assert outputs["credentials"].is_known
    assert outputs["credentials"].is_secret


def test_get_reads_an_integration_and_declares_nothing() -> None:
    """`PaymentIntegration.get` sends only the id and the account, and registers no resource.

    Properties that the API never returns are None.
    """

    def body() -> dict[str, Output[Any]]:
        theirs = justt.PaymentIntegration.get("theirs", "id-9", reference_account_id="acc_1")
        return {
            "id": theirs.id,
            "status": theirs.status,
            "source": theirs.source,
            "integration_name": theirs.integration_name,
            "credentials": theirs.credentials,
        }

    def found(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return args.resource_id or "", {"integrationId": args.resource_id, "status": "FAILED", "source": "adyen"}

    program = run_program(body, answer=found)

    assert not program.registered
    assert [(each.type, each.name, each.id) for each in program.looked_up] == [(TOKEN, "theirs", "id-9")]
    properties = MessageToDict(program.looked_up[0].properties)
    assert properties.keys() == {"referenceAccountId", "__provider"}
    assert program.outputs == {
        "id": ResolvedOutput("id-9", is_secret=False),
        "status": ResolvedOutput("FAILED", is_secret=False),
        "source": ResolvedOutput("adyen", is_secret=False),
        "integration_name": ResolvedOutput(None, is_secret=False),
        "credentials": ResolvedOutput(None, is_secret=False),
    }


def test_get_keeps_its_options() -> None:
    """`PaymentIntegration.get` with a parent is listed under that parent."""

    def body() -> None:
        parent = pulumi.ComponentResource("test:index:Group", "group")
        justt.PaymentIntegration.get("theirs", "id-9", opts=ResourceOptions(parent=parent))

    program = run_program(body, answer=lambda args: (args.resource_id or "", {}))

    assert program.looked_up[0].parent.endswith("test:index:Group::group")


def test_the_option_paths_reach_the_engine_in_the_states_spelling() -> None:
    """A resource sends the paths in its options under the state's names.

    The program's options object doesn't change.
    """
    opts = ResourceOptions(
        ignore_changes=["merchant_account_codes", "secretPayload.apiKey"],
        replace_on_changes=["deactivation"],
        additional_secret_outputs=["go_live_date"],
        hide_diffs=["integration_name"],
    )

    program = run_program(lambda: minimal(opts=opts))

    request = program.registered[0]
    assert list(request.ignoreChanges) == ["merchantAccountCodes", "secretPayload.apiKey"]
    assert list(request.replaceOnChanges) == ["deactivation"]
    assert list(request.additionalSecretOutputs) == ["goLiveDate"]
    assert list(request.hideDiffs) == ["integrationName"]
    assert opts.ignore_changes == ["merchant_account_codes", "secretPayload.apiKey"]


def test_a_path_that_matches_nothing_is_refused_by_the_constructor() -> None:
    """If an option has a path that the engine would ignore, the constructor raises an error with the right path."""
    with pytest.raises(ValueError, match=r"use 'secretPayload\.apiKey'"):
        run_program(lambda: minimal(opts=ResourceOptions(ignore_changes=["secret_payload.apiKey"])))


def test_a_plain_api_key_is_accepted_in_a_unit_test() -> None:
    """A resource accepts an API key in plain text, as a unit test sets it with `pulumi.runtime.set_all_config`."""
    assert run_program(minimal, config={"justt:apiKey": CANARY}).registered


def test_a_secret_api_key_is_accepted() -> None:
    """A resource accepts an API key that was set with --secret, and doesn't send it in its registration."""
    program = run_program(minimal, config={"justt:apiKey": "the-bearer-key"}, secret_keys=["justt:apiKey"])

    assert "the-bearer-key" not in str(program.registered)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"api_key": CANARY}, r"credentials\.ApiKeyOnly\(api_key=\.\.\.\); got dict"),
        (CANARY, r"got str"),
        (None, r"got NoneType"),
        (justt.credentials.ApiKeyOnly, r"is a class: write credentials\.ApiKeyOnly\(api_key=\.\.\.\)"),
        (justt.credentials.Hmac, r"is a class: write credentials\.Hmac\(hmac=\.\.\., api_key=\.\.\.\)"),
        (justt.credentials.Unlisted, r"got the class Unlisted"),
        (justt.credentials.Credentials(), r"got Credentials"),
    ],
)
def test_credentials_of_another_class_are_refused(given: object, named: str) -> None:
    """A resource refuses credentials of another type.

    The error names the right classes, and doesn't show the given value.
    """
    with pytest.raises(TypeError, match=named) as refused:
        run_program(lambda: minimal(credentials=given))

    assert CANARY not in str(refused.value)


def test_a_bare_output_as_credentials_gets_a_suggestion() -> None:
    """If a program gives an Output as credentials, the error suggests `from_output`."""
    with pytest.raises(TypeError, match=r"ApiKeyOnly\.from_output\(output\)"):
        run_program(lambda: minimal(credentials=Output.secret({"apiKey": CANARY})))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"type": "postingDate"}, "dict"),
        ("postingDate", "str"),
        (7, "int"),
        (justt.Deactivation, "the class Deactivation"),
    ],
)
def test_a_deactivation_of_another_class_is_refused(given: object, kind: str) -> None:
    """If a program gives a deactivation of another type, the error says that it must be a `Deactivation`."""
    with pytest.raises(TypeError, match=rf"must be a Deactivation\(\.\.\.\); got {kind}"):
        run_program(lambda: minimal(deactivation=given))


def test_a_deactivation_is_json() -> None:
    """`Output.json_dumps` accepts the `deactivation` of a resource, alone or inside another value.

    The keys are the names of the arguments. The value is still a `Deactivation`.
    """

    def body() -> dict[str, Output[Any]]:
        policy = minimal(deactivation=justt.Deactivation(after_days=7)).deactivation
        return {
            "json": Output.json_dumps(policy),
            "nested": Output.json_dumps({"a": [policy]}),
            "days": policy.apply(lambda known: known and known.after_days),
            "none": Output.json_dumps(minimal("other").deactivation),
        }

    outputs = run_program(body).outputs

    recorded = {"type": "postingDate", "after_days": 7, "date": None}
    assert json.loads(outputs["json"].value) == recorded
    assert json.loads(outputs["nested"].value) == {"a": [recorded]}
    assert (outputs["days"].value, outputs["none"].value) == (7, "null")


def test_arguments_are_keywords() -> None:
    """The constructor of a resource refuses all arguments by position except the resource's name."""
    constructor: Callable[..., object] = justt.PaymentIntegration
    with pytest.raises(TypeError, match="positional"):
        constructor("stripe", "stripe-eu")


def test_deactivations_with_the_same_content_are_equal() -> None:
    """`Deactivation` objects with the same content are equal, and can't be changed.

    The default type is the posting date, without days or a date.
    """
    policy: Any = justt.Deactivation()

    assert policy == justt.Deactivation(type="postingDate", after_days=None, date=None)
    with pytest.raises(FrozenInstanceError):
        policy.after_days = 3


def test_every_resource_has_the_same_blob() -> None:
    """A created resource and one from `get` send the same stored provider to the engine."""

    def body() -> None:
        minimal("one")
        justt.PaymentIntegration.get("two", "id-9")

    program = run_program(body)

    blobs = [
        MessageToDict(each)["__provider"] for each in (program.registered[0].object, program.looked_up[0].properties)
    ]
    assert blobs[0] == blobs[1]
    assert isinstance(blobs[0], str)


def test_a_provider_has_its_own_key_and_the_stacks_settings() -> None:
    """A `justt.Provider` sends its own key, always as a secret.

    The provider copies the environment and the timeout from the stack's configuration, but neither the key nor the
    account.
    """
    program = run_program(
        lambda: justt.Provider("us", api_key=CANARY),
        config={
            "justt:environment": "sandbox",
            "justt:timeoutSeconds": "5",
            "justt:referenceAccountId": "acc_of_the_other_key",
            "justt:apiKey": "the-other-key",
        },
        secret_keys=["justt:apiKey"],
    )

    (registered,) = program.registered
    assert registered.type == "pulumi:providers:pulumi-python"
    assert decode(MessageToDict(registered.object)) == {
        "justt:environment": "sandbox",
        "justt:timeoutSeconds": "5",
        "justt:provider": "us",
        "justt:apiKey": SecretValue(CANARY),
    }


def test_a_secret_setting_stays_secret_in_a_provider() -> None:
    """A `justt.Provider` sends a setting as a secret if the setting is secret in the stack's configuration."""
    program = run_program(
        lambda: justt.Provider("us", api_key="k"),
        config={"justt:baseUrl": CANARY, "justt:environment": "sandbox"},
        secret_keys=["justt:baseUrl"],
    )

    (registered,) = program.registered
    sent: Any = decode(MessageToDict(registered.object))
    assert (sent["justt:baseUrl"], sent["justt:environment"]) == (SecretValue(CANARY), "sandbox")


@pytest.mark.parametrize("key", ["", None])
def test_a_provider_without_a_key_is_refused(key: Any) -> None:  # noqa: ANN401 - None is the invalid value
    """A `justt.Provider` without a key is refused.

    Such a provider would use the environment's key and create integrations in another account.
    """
    with pytest.raises(ValueError, match="the api_key of the provider 'us' is empty"):
        run_program(lambda: justt.Provider("us", api_key=key))


def test_a_provider_copies_existing_settings() -> None:
    """A `justt.Provider` copies every setting of the configuration except the key and the account."""
    shared = {key.removeprefix("justt:") for key in resources._SHARED_SETTINGS}

    assert shared == config.VARIABLES.keys() - {"apiKey", "referenceAccountId"}


# IntegrationReady


def seen(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
    """Respond as the engine does after a create; the status after a wait is SUCCESSFUL."""
    made, state = as_created(args)
    return made, {**state, "status": "SUCCESSFUL"} if "timeoutSeconds" in args.inputs else state


def test_a_wait_copies_the_properties_of_its_integration() -> None:
    """An `IntegrationReady` sends its integration's id, account, source and external identifier, but no credentials."""
    program = run_program(lambda: justt.IntegrationReady("ready", integration=full(), timeout_seconds=60))

    assert program.registered[1].type == "pulumi-python:dynamic/justt:IntegrationReady"
    assert program.sent(1) == {
        "integrationId": "id-1",
        "externalIdentifier": "stripe-eu",
        "source": "stripe",
        "referenceAccountId": "acc_42",
        "timeoutSeconds": 60.0,
    }
    assert [urn.rpartition("::")[2] for urn in program.registered[1].dependencies] == ["stripe"]


def test_the_default_timeout_of_a_wait_is_five_minutes() -> None:
    """An `IntegrationReady` sends a timeout of 300 seconds by default, and no properties that its integration lacks."""
    program = run_program(lambda: justt.IntegrationReady("ready", integration=minimal()))

    assert program.sent(1) == {
        "integrationId": "id-1",
        "externalIdentifier": "stripe-eu",
        "source": "stripe",
        "timeoutSeconds": 300.0,
    }


def test_a_wait_accepts_a_looked_up_integration() -> None:
    """An `IntegrationReady` accepts an integration from `get`, and sends the account that the program gave to `get`."""
    program = run_program(
        lambda: justt.IntegrationReady(
            "ready", integration=justt.PaymentIntegration.get("theirs", "id-9", reference_account_id="acc_9")
        )
    )

    assert program.sent() == {"integrationId": "id-9", "referenceAccountId": "acc_9", "timeoutSeconds": 300.0}


def test_a_wait_has_named_outputs() -> None:
    """A program reads the outputs of an `IntegrationReady` under the same names as those of the integration.

    The timeout is an int.
    """

    def body() -> dict[str, Output[Any]]:
        ready = justt.IntegrationReady("ready", integration=minimal(reference_account_id="acc_1"), timeout_seconds=5)
        names = ("integration_id", "status", "go_live_date", "environment", "reference_account_id")
        return {name: getattr(ready, name) for name in (*names, "external_identifier", "source", "timeout_seconds")}

    outputs = {name: each.value for name, each in run_program(body, answer=seen).outputs.items()}

    assert outputs == {
        "integration_id": "id-1",
        "status": "SUCCESSFUL",
        "go_live_date": None,
        "environment": "production",
        "reference_account_id": "acc_1",
        "external_identifier": "stripe-eu",
        "source": "stripe",
        "timeout_seconds": 5,
    }
    assert type(outputs["timeout_seconds"]) is int


def test_a_preview_of_a_wait_has_an_unknown_status() -> None:
    """In a preview, the status of an `IntegrationReady` is unknown, because no wait has run yet."""

    def answer(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return "", dict(args.inputs)

    def body() -> dict[str, Output[Any]]:
        return {"status": justt.IntegrationReady("ready", integration=minimal()).status}

    assert not run_program(body, answer=answer, preview=True).outputs["status"].is_known


@pytest.mark.parametrize("given", ["id-1", None, {"integrationId": "id-1"}])
def test_only_an_integration_is_waited_for(given: Any) -> None:  # noqa: ANN401 - a value that no type checker has seen
    """An `IntegrationReady` refuses an id in place of an integration.

    An id has neither an account nor credentials to redact.
    """
    with pytest.raises(
        TypeError, match=r"integration must be a PaymentIntegration; .*PaymentIntegration\.get\(name, id"
    ):
        justt.IntegrationReady("ready", integration=given)


def test_a_wait_uses_the_key_of_its_integration() -> None:
    """An `IntegrationReady` uses the provider of its integration, unless the program gives another one."""

    def build() -> None:
        us = justt.Provider("us", api_key=CANARY)
        other = justt.Provider("other", api_key=CANARY)
        integration = minimal(opts=pulumi.ResourceOptions(provider=us))
        justt.IntegrationReady("ready", integration=integration)
        justt.IntegrationReady("told", integration=integration, opts=pulumi.ResourceOptions(provider=other))

    registered = {each.name: each.provider for each in run_program(build).registered}

    assert registered["stripe"]
    assert registered["ready"] == registered["stripe"]
    assert registered["told"] not in ("", registered["stripe"])


def test_a_wait_takes_no_key_from_its_parent() -> None:
    """If the parent has a provider but the integration has none, `IntegrationReady` is refused.

    The `IntegrationReady` would use another key than the integration.
    """

    def build() -> None:
        us = justt.Provider("us", api_key=CANARY)
        parent = pulumi.ComponentResource("company:Shop", "shop", None, pulumi.ResourceOptions(providers=[us]))
        below = pulumi.ResourceOptions(parent=parent)
        with pytest.raises(ValueError, match=r"^the IntegrationReady 'ready' would use its parent's provider, but"):
            justt.IntegrationReady("ready", integration=minimal(), opts=below)
        justt.IntegrationReady("both", integration=minimal("inner", opts=below), opts=below)
        options = pulumi.ResourceOptions.merge(below, pulumi.ResourceOptions(provider=us))
        justt.IntegrationReady("told", integration=minimal("outer"), opts=options)
        plain = pulumi.ComponentResource("company:Shop", "plain")
        justt.IntegrationReady("plain", integration=minimal("alone"), opts=pulumi.ResourceOptions(parent=plain))

    assert {each.name for each in run_program(build).registered} >= {"both", "told", "plain"}
