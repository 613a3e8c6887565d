"""Rotate a key without a gap: the old integration is deactivated only after the new one works, and a week later."""

import pulumi

import pulumi_justt as justt

stripe = justt.PaymentIntegration(
    "stripe",
    external_identifier="stripe-main",
    integration_name="Stripe",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=pulumi.Config().require_secret("stripeRestrictedKey")),
    deactivation=justt.Deactivation(type="postingDate", after_days=7),
)
ready = justt.IntegrationReady("stripe-ready", integration=stripe, timeout_seconds=300)

pulumi.export("integrationId", stripe.integration_id)
pulumi.export("status", ready.status)
