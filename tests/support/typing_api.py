"""Code that type checkers must accept, and the types that they must infer. It's type-checked, but never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi import Output
from typing_extensions import assert_type

import pulumi_justt as justt
from pulumi_justt import (
    Deactivation,
    DeactivationType,
    PaymentIntegration,
    Source,
    UnlistedSource,
    credentials,
)
from pulumi_justt.testing import Integration, JusttMocks, ProviderError

config = pulumi.Config()
secret = config.require_secret("stripeRestrictedKey")
whole = config.require_secret_object("adyen")

stripe = justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="Stripe EU",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret),
    merchant_account_codes=["acct_1", "acct_2"],
    reference_account_id="acc_42",
    deactivation=justt.Deactivation(type="postingDate", after_days=7),
    deletion_protection=True,
)
pulumi.export("integrationId", stripe.integration_id)
pulumi.export("status", stripe.status)

# Every argument accepts an output of another resource.
PaymentIntegration(
    "adyen",
    external_identifier=stripe.external_identifier,
    integration_name=Output.concat("Adyen of ", stripe.integration_name),
    source=config.require_secret("source"),
    credentials=credentials.Hmac.from_output(whole),
    merchant_account_codes=Output.from_input(["a"]),
    reference_account_id=stripe.reference_account_id.apply(lambda account: account or "acc_1"),
    deactivation=Deactivation(date=Output.from_input("2027-01-31T00:00:00Z")),
    deletion_protection=Output.from_input(val=True),
    allow_unlisted=Output.from_input(val=True),
    opts=pulumi.ResourceOptions(ignore_changes=["secretPayload.apiKey"]),
)
PaymentIntegration(
    "mixed",
    external_identifier="mixed",
    integration_name="Mixed",
    source=UnlistedSource("shopify"),
    credentials=credentials.Unlisted(secret_type="OAUTH2", payload={"token": secret, "scopes": ["a", "b"]}),
    merchant_account_codes=["plain", stripe.id],
    allow_unlisted=True,
)

# Every credential type, minimal and full, with plain values and Outputs.
credentials.PublicSecretKey(secret_key=secret)
credentials.PublicSecretKey(secret_key="s", public_key=stripe.source)
credentials.PublicSecretKey(secret_key=justt.from_env("KEY", version=2), public_key=justt.from_env("PUBLIC"))
credentials.Sftp(username="u", private_key=justt.from_file(Path("a.pem"), version=2), passphrase=secret)
credentials.Unlisted(secret_type="X", payload={"token": justt.from_file("token")})
credentials.BasicAuth(client_id="c", client_secret=secret)
credentials.UsernamePassword(username="u", password=secret)
credentials.Hmac(hmac=secret, api_key=secret)
credentials.Hmac(hmac=secret, api_key=secret, merchant_code="m", account_code=stripe.source)
credentials.ApiKey(api_key=secret)
credentials.ApiKey(api_key=secret, store_url="https://shop.example", shop_name="shop")
credentials.Sftp(username="u", password=secret)
credentials.Sftp(username="u", private_key=secret, passphrase=secret)

# Values that are chosen at run time may be annotated.
source: Source = "justt_sandbox"
any_source: Source | UnlistedSource = UnlistedSource(config.require("source")) if config.get("z") else source
kind: DeactivationType = "dueDate"
chosen: credentials.Credentials = (
    credentials.ApiKeyOnly(api_key="k") if config.get("x") else credentials.Sftp(username="u")
)
payload: Mapping[str, str] = {"token": "t"}
PaymentIntegration(
    "chosen",
    external_identifier="chosen",
    integration_name="Chosen",
    source=any_source,
    credentials=chosen,
    deactivation=Deactivation(type=kind) if config.get("y") else None,
)
credentials.Unlisted(secret_type=stripe.source, payload=payload)
PaymentIntegration(
    "validated-by-the-provider",
    external_identifier="x",
    integration_name="X",
    source=Output.from_input(config.require("source")),
    credentials=chosen,
)

# Outputs are typed.
assert_type(stripe.id, Output[str])
assert_type(stripe.integration_id, Output[str])
assert_type(stripe.status, Output[str])
assert_type(stripe.go_live_date, Output[str | None])
assert_type(stripe.environment, Output[str])
assert_type(stripe.external_identifier, Output[str])
assert_type(stripe.integration_name, Output[str])
assert_type(stripe.source, Output[str])
assert_type(stripe.credentials, Output[credentials.Credentials | None])
assert_type(stripe.merchant_account_codes, Output[Sequence[str] | None])
assert_type(stripe.reference_account_id, Output[str | None])
assert_type(stripe.deactivation, Output[Deactivation | None])
assert_type(stripe.deletion_protection, Output[bool])
assert_type(stripe.allow_unlisted, Output[bool])
assert_type(credentials.Hmac.from_output(whole), credentials.Hmac)
assert_type(
    PaymentIntegration.get("theirs", "id-9", reference_account_id=stripe.reference_account_id.apply(str)),
    PaymentIntegration,
)

# IntegrationReady takes an integration, and its outputs are inputs of other resources.
ready = justt.IntegrationReady("ready", integration=stripe)
PaymentIntegration(
    "after",
    external_identifier=Output.concat("after-", ready.integration_id),
    integration_name="After",
    source=ready.source,
    credentials=credentials.ApiKeyOnly(api_key=secret),
    opts=pulumi.ResourceOptions(depends_on=[ready]),
)
justt.IntegrationReady("theirs", integration=PaymentIntegration.get("x", "id-9"), timeout_seconds=ready.timeout_seconds)
assert_type(ready.integration_id, Output[str])
assert_type(ready.status, Output[str])
assert_type(ready.go_live_date, Output[str | None])
assert_type(ready.environment, Output[str])
assert_type(ready.reference_account_id, Output[str | None])
assert_type(ready.external_identifier, Output[str | None])
assert_type(ready.source, Output[str])
assert_type(ready.timeout_seconds, Output[int])


# The mocks of a user's unit tests.
class Others(pulumi.runtime.Mocks):
    """A user's own mocks."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        """Answer for a resource."""
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
        """Answer for a function."""
        return {"token": args.token}, None


described: dict[str, Integration] = {"id-9": Integration(source="adyen", status="FAILED", go_live_date="2027-01-31")}
pulumi.runtime.set_mocks(JusttMocks())
pulumi.runtime.set_mocks(JusttMocks(other=Others(), integrations=described), preview=True)
refused: type[pulumi.RunError] = ProviderError
