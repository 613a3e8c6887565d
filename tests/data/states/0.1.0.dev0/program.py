import pulumi
import pulumi_justt as justt

stripe = justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="Stripe EU",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=pulumi.Config().require_secret("stripeKey")),
)
pulumi.export("id", stripe.integration_id)
pulumi.export("status", stripe.status)
