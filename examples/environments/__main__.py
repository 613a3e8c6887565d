"""Connect one shop to Justt: the stack `sandbox` to the vendor's sandbox, the stack `production` to production."""

import pulumi

import pulumi_justt as justt

config = pulumi.Config()

stripe = justt.PaymentIntegration(
    "stripe",
    external_identifier=f"shop-{pulumi.get_stack()}",
    integration_name=f"Shop ({pulumi.get_stack()})",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=config.require_secret("stripeRestrictedKey")),
    merchant_account_codes=config.require_object("merchantAccountCodes"),
)

pulumi.export("environment", stripe.environment)
pulumi.export("integrationId", stripe.integration_id)
pulumi.export("status", stripe.status)
