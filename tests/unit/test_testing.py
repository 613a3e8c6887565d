"""The mocks for users' unit tests: they refuse what the provider refuses, and answer as Justt would."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi.runtime import Mocks
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

import pulumi_justt as justt
from pulumi_justt.testing import Integration, JusttMocks, ProviderError
from support.harness import HANG_SECONDS
from support.mocked_program import CANARY, ResolvedOutput, minimal, run_program

Body = Callable[[], object]


def values(body: Body, mocks: Mocks | None = None, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on
    """Run a program under the mocks, and return the values of the outputs that it returns."""
    program = run_program(body, answer=mocks or JusttMocks(), **settings)
    return {name: each.value for name, each in program.outputs.items()}


def outputs(resource: Any, *names: str) -> dict[str, Output[Any]]:  # noqa: ANN401 - any resource
    """Return outputs of a resource by their names."""
    return {name: getattr(resource, name) for name in names}


def refusal(body: Body, mocks: Mocks | None = None, **settings: Any) -> str:  # noqa: ANN401 - passed on
    """Run a program that the mocks refuse, and return the text of the error."""
    with pytest.raises(ProviderError) as refused:
        run_program(body, answer=mocks or JusttMocks(), **settings)
    assert CANARY not in str(refused.getrepr(style="long", showlocals=False))
    return str(refused.value)


class Others(Mocks):
    """A user's own mocks, which keep what they were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Answer with an id and an output of their own."""
        self.asked.append(f"{args.typ} {args.name}")
        return "own-id", {**args.inputs, "arn": "arn:1"}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        """Answer with the name of the function."""
        self.asked.append(args.token)
        return {"answer": args.token}, []

    def register_transform(self, transform: pulumi.ResourceTransform) -> None:
        """Note the transform."""
        self.asked.append(f"transform {transform.__name__}")

    def register_invoke_transform(self, transform: pulumi.InvokeTransform) -> None:
        """Note the transform."""
        self.asked.append(f"invoke transform {transform.__name__}")


class Bucket(pulumi.CustomResource):
    """A resource of another package."""

    arn: Output[str]

    def __init__(self, name: str, **inputs: Any) -> None:  # noqa: ANN401 - any input
        super().__init__("aws:s3:Bucket", name, {"arn": None, **inputs})


# PaymentIntegration


def test_a_created_integration_is_pending() -> None:
    """A new integration has an id made from its name, the status PENDING, and the inputs that `check` returns."""
    names = ("integration_id", "status", "environment", "go_live_date", "merchant_account_codes", "external_identifier")

    found = values(lambda: outputs(minimal(merchant_account_codes=["b", "a", "b"]), *names))

    assert found == {
        "integration_id": "stripe_id",
        "status": "PENDING",
        "environment": "production",
        "go_live_date": None,
        "merchant_account_codes": ["a", "b"],
        "external_identifier": "stripe-eu",
    }


def test_a_misspelt_source_fails_the_test_with_the_providers_error() -> None:
    """A misspelt source raises an error with the text that a preview shows, and the name of the resource."""
    assert refusal(lambda: minimal(source="strpe")) == (
        "PaymentIntegration 'stripe': source: 'strpe' is not in Justt's list (stripe, braintree, paypal, adyen, "
        "justt_sandbox) (did you mean 'stripe'?). If Justt accepts it now, use "
        "justt.UnlistedSource(...), or set allow_unlisted=True"
    )


def test_all_mistakes_of_a_resource_are_reported() -> None:
    """The error has a line for each invalid argument, and no credential."""
    given = justt.credentials.ApiKeyOnly(api_key=f" {CANARY}")

    text = refusal(lambda: minimal(external_identifier="x" * 300, integration_name="", credentials=given))

    assert text.splitlines() == [
        "PaymentIntegration 'stripe': external_identifier: must have at most 255 characters, has 300: shorten it",
        "integration_name: must not be empty",
        "credentials.api_key: must not begin or end with white space or a line break",
    ]


def test_a_mistake_in_an_output_is_reported() -> None:
    """A value that only an Output has is checked like a plain one."""
    text = refusal(lambda: minimal(source=Bucket("b").id.apply(lambda _: "adyenn")))

    assert "(did you mean 'adyen'?)" in text


def test_secrets_stay_secret() -> None:
    """The credentials are a secret output, and the mocks don't make other outputs secret."""

    def body() -> Mapping[str, Output[Any]]:
        made = minimal()
        return {"key": made.credentials.apply(lambda each: getattr(each, "api_key", None)), "source": made.source}

    assert run_program(body, answer=JusttMocks()).outputs == {
        "key": ResolvedOutput(CANARY, is_secret=True),
        "source": ResolvedOutput("stripe", is_secret=False),
    }


def test_a_reference_is_not_read() -> None:
    """A reference needs no variable in a test, because the provider reads it only when it creates the integration."""
    given = justt.credentials.ApiKeyOnly(api_key=justt.from_env("NO_SUCH_VARIABLE"))

    assert values(lambda: outputs(minimal(credentials=given), "status")) == {"status": "PENDING"}


@pytest.mark.parametrize("status", ["FAILED", "INACTIVE", "SUCCESSFUL"])
def test_a_created_integration_may_have_another_status(status: Any) -> None:  # noqa: ANN401 - one of the statuses
    """The mocks return the status and the date that the test gives for the id."""
    mocks = JusttMocks(integrations={"stripe_id": Integration(status=status, go_live_date="2027-01-31T00:00:00Z")})

    found = values(lambda: outputs(minimal(), "status", "go_live_date"), mocks)

    assert found == {"status": status, "go_live_date": "2027-01-31T00:00:00Z"}


# adopt_id and get


def test_an_adopted_integration_keeps_its_id() -> None:
    """An adopted integration has the id that the program gives, and exists unless the test says otherwise."""
    found = values(lambda: outputs(minimal(adopt_id="id-9"), "integration_id", "status", "source"))

    assert found == {"integration_id": "id-9", "status": "SUCCESSFUL", "source": "stripe"}


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Integration(source="adyen"), "its source is adyen. Correct source or adopt_id."),
        (Integration(status="INACTIVE"), "it is INACTIVE, which is final. Remove adopt_id to create a new one."),
    ],
)
def test_an_adoption_that_the_provider_refuses_fails(known: Integration, text: str) -> None:
    """An integration of another PSP, and an inactive one, can't be adopted."""
    refused = refusal(lambda: minimal(adopt_id="id-9"), JusttMocks(integrations={"id-9": known}))

    assert refused == (
        f"PaymentIntegration 'stripe': adopting integration id-9 as the stripe integration 'stripe-eu': {text}"
    )


def test_get_returns_what_justt_returns() -> None:
    """`PaymentIntegration.get` has the status, source and date that the test gives, and no inputs."""
    mocks = JusttMocks(integrations={"id-9": Integration(source="adyen", status="INACTIVE", go_live_date="2027-01-31")})
    names = ("integration_id", "status", "source", "go_live_date", "environment", "external_identifier")

    found = values(lambda: outputs(justt.PaymentIntegration.get("theirs", "id-9"), *names), mocks)

    assert found == {
        "integration_id": "id-9",
        "status": "INACTIVE",
        "source": "adyen",
        "go_live_date": "2027-01-31",
        "environment": "production",
        "external_identifier": None,
    }


def test_get_finds_every_id() -> None:
    """An id that the test doesn't describe belongs to a working integration of Justt's own sandbox PSP."""
    found = values(lambda: outputs(justt.PaymentIntegration.get("theirs", "id-9"), "status", "source"))

    assert found == {"status": "SUCCESSFUL", "source": "justt_sandbox"}


# IntegrationReady


def test_a_wait_ends_at_once() -> None:
    """An `IntegrationReady` is SUCCESSFUL, with the properties of its integration."""

    def body() -> Mapping[str, Output[Any]]:
        ready = justt.IntegrationReady("ready", integration=minimal())
        return outputs(ready, "integration_id", "status", "source", "timeout_seconds")

    assert values(body) == {
        "integration_id": "stripe_id",
        "status": "SUCCESSFUL",
        "source": "stripe",
        "timeout_seconds": 300,
    }


@pytest.mark.parametrize(
    ("status", "text"), [("FAILED", "its status is FAILED"), ("PENDING", "its status is PENDING after 86400 s")]
)
def test_a_wait_that_the_provider_would_not_end_fails(status: Any, text: str) -> None:  # noqa: ANN401 - a status
    """A FAILED integration, or one that stays PENDING, fails the wait with the provider's error, and nothing sleeps."""
    mocks = JusttMocks(integrations={"stripe_id": Integration(status=status)})

    refused = refusal(
        lambda: justt.IntegrationReady("ready", integration=minimal(), timeout_seconds=86400).status, mocks
    )

    assert refused.startswith(
        f"IntegrationReady 'ready': waiting for the stripe integration 'stripe-eu' (stripe_id): {text}"
    )


def test_an_invalid_wait_is_refused() -> None:
    """The arguments of an `IntegrationReady` are checked too."""
    refused = refusal(lambda: justt.IntegrationReady("ready", integration=minimal(), timeout_seconds=0))

    assert refused == "IntegrationReady 'ready': timeout_seconds: must be greater than or equal to 1"


# Previews


def test_a_preview_may_have_unknown_inputs() -> None:
    """In a preview, an input without a known value is accepted, and what depends on it is unknown."""

    def body() -> Mapping[str, Output[Any]]:
        # The mocks return no such output.
        unknown = Bucket("b").arn
        adopted = minimal("adopted", adopt_id=unknown)
        ready = justt.IntegrationReady("ready", integration=adopted)
        made = minimal("made", external_identifier=unknown)
        return {"id": adopted.id, "ready": ready.status, "identifier": made.external_identifier, "made": made.status}

    found = run_program(body, answer=JusttMocks(), preview=True).outputs

    assert {name: each.is_known for name, each in found.items()} == {
        "id": False,
        "ready": False,
        "identifier": False,
        "made": True,
    }


def test_a_preview_checks_the_known_inputs() -> None:
    """In a preview, an unknown input doesn't hide the mistake in another one."""

    def body() -> None:
        minimal(external_identifier=Bucket("b").arn, source="strpe")

    assert "(did you mean 'stripe'?)" in refusal(body, preview=True)


# Settings


def test_the_settings_are_those_of_set_all_config() -> None:
    """The environment and the default account come from the configuration of the test."""
    config = {"justt:environment": "sandbox", "justt:referenceAccountId": "acc_1"}

    found = values(lambda: outputs(minimal(), "environment", "reference_account_id"), config=config)

    assert found == {"environment": "sandbox", "reference_account_id": "acc_1"}


def test_the_settings_may_be_set_before_the_mocks_only() -> None:
    """With an SDK that doesn't show the configuration to the threads of the mocks, the mocks remember it."""

    def body() -> Mapping[str, Output[Any]]:
        mocks = JusttMocks()
        args = MockResourceArgs(
            "pulumi-python:dynamic/justt:PaymentIntegration", "theirs", {}, resource_id="id-9", provider=""
        )
        pulumi.runtime.set_all_config({})
        return {"environment": Output.from_input(mocks.new_resource(args)[1]["environment"])}

    assert values(body, config={"justt:environment": "sandbox"}) == {"environment": "sandbox"}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"justt:enviroment": "sandbox"}, "justt:enviroment is not a setting (did you mean 'environment'?)"),
        ({"justt:environment": "staging"}, "justt:environment must be production or sandbox"),
    ],
)
def test_a_wrong_setting_fails_the_test(config: dict[str, str], text: str) -> None:
    """The mocks refuse a setting that the provider refuses."""
    assert refusal(minimal, config=config).startswith(f"PaymentIntegration 'stripe': {text}")


def test_variables_of_the_machine_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's variables don't change the result of a test."""
    monkeypatch.setenv("JUSTT_ENVIRONMENT", "sandbox")
    monkeypatch.setenv("JUSTT_WORKERS", "nonsense")

    assert values(lambda: outputs(minimal(), "environment")) == {"environment": "production"}


def test_a_plain_api_key_is_accepted_for_each_resource() -> None:
    """`set_all_config` has no secrets by default, so a test may give the API key in plain text."""

    def body() -> None:
        us = justt.Provider("us", api_key=pulumi.Config("justt").require("apiKey"))
        made = minimal(opts=ResourceOptions(provider=us))
        justt.IntegrationReady("ready", integration=made)
        justt.PaymentIntegration.get("theirs", "id-9")

    assert len(run_program(body, answer=JusttMocks(), config={"justt:apiKey": CANARY}).registered) == 3


def test_a_plain_api_key_is_accepted_before_the_mocks_are_set() -> None:
    """A program that runs before `set_mocks` isn't blamed for a plain key, because it can't reach any stack."""
    program = """
        import pulumi
        import pulumi_justt as justt

        pulumi.runtime.set_all_config({"justt:apiKey": "key-of-test"})
        given = justt.credentials.ApiKeyOnly(api_key="key-of-stripe")
        justt.PaymentIntegration("a", external_identifier="a", integration_name="A", source="stripe", credentials=given)
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert done.stdout == "done\n", done.stderr


def test_each_provider_has_its_own_settings() -> None:
    """A resource uses the account of its own `justt.Provider`, even if another one has the same name."""

    def body() -> Mapping[str, Output[Any]]:
        found = {}
        for account in ("acc_1", "acc_2"):
            parent = ResourceOptions(parent=pulumi.ComponentResource("company:Shop", account))
            own = justt.Provider("us", api_key=CANARY, reference_account_id=account, opts=parent)
            found[account] = minimal(account, opts=ResourceOptions(provider=own)).reference_account_id
        return {**found, "default": minimal().reference_account_id}

    found = values(body, config={"justt:referenceAccountId": "acc_0"})

    assert found == {"acc_1": "acc_1", "acc_2": "acc_2", "default": "acc_0"}


# Other resources


def test_other_resources_use_the_inner_mocks() -> None:
    """The user's own mocks answer for other resources, function calls and transforms, and for nothing of Justt."""
    others = Others()

    def transform(_args: pulumi.ResourceTransformArgs) -> None:
        pass

    def invoke_transform(_args: pulumi.InvokeTransformArgs) -> None:
        pass

    def body() -> Mapping[str, Output[Any]]:
        bucket = Bucket("b")
        called = pulumi.runtime.invoke("aws:index:getRegion", {}).value
        pulumi.ProviderResource("pulumi-python", "plain")
        return {"id": bucket.id, "arn": bucket.arn, "made": minimal().id, "called": Output.from_input(called["answer"])}

    found = values(body, JusttMocks(other=others))
    mocks = JusttMocks(other=others)
    mocks.register_transform(transform)
    mocks.register_invoke_transform(invoke_transform)

    assert found == {"id": "own-id", "arn": "arn:1", "made": "stripe_id", "called": "aws:index:getRegion"}
    assert sorted(others.asked) == [
        "aws:index:getRegion",
        "aws:s3:Bucket b",
        "invoke transform invoke_transform",
        "pulumi:providers:pulumi-python plain",
        "transform transform",
    ]


def test_without_inner_mocks_other_resources_are_echoed() -> None:
    """Without the user's own mocks, another resource returns its inputs, and a function call returns nothing."""

    def body() -> Mapping[str, Output[Any]]:
        bucket = Bucket("b", arn="given")
        called = pulumi.runtime.invoke("aws:index:getRegion", {}).value
        return {"id": bucket.id, "arn": bucket.arn, "called": Output.from_input(called)}

    assert values(body) == {"id": "b_id", "arn": "given", "called": {}}


# What the mocks leave behind


def test_a_refusal_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """Asyncio doesn't log a refusal once more for each output of the resource."""
    refusal(lambda: minimal(source="strpe"))
    gc.collect()

    assert [each.getMessage() for each in caplog.records if each.name == "asyncio"] == []


def test_one_resource_does_not_affect_another() -> None:
    """A session of tests may share the mocks: an integration that one test adopts can be adopted by another test."""
    mocks = JusttMocks()

    assert values(lambda: outputs(minimal("one", adopt_id="id-9"), "id"), mocks) == {"id": "id-9"}
    assert values(lambda: outputs(minimal("other", adopt_id="id-9"), "id"), mocks) == {"id": "id-9"}


def test_the_module_needs_no_test_framework() -> None:
    """A program with the mocks runs where only the package's own dependencies are installed."""
    code = "import sys, pulumi_justt.testing; print(sorted({'pytest', '_pytest', 'click', 'aiohttp'} & {*sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )

    assert done.stdout == "[]\n"
