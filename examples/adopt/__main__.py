"""Adopt an integration that exists at Justt already, and later make it this stack's own."""

import pulumi

import pulumi_justt as justt

config = pulumi.Config()

stripe = justt.PaymentIntegration(
    "stripe",
    external_identifier="stripe-main",
    integration_name="Stripe",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=config.require_secret("stripeRestrictedKey")),
    adopt_id=config.get("adoptId"),
)

pulumi.export("integrationId", stripe.integration_id)
pulumi.export("status", stripe.status)
