"""Connect one Stripe account to Justt, with a restricted key from the stack's encrypted configuration."""

import pulumi

import pulumi_justt as justt


def restricted(key: str) -> str:
    """Return *key* if it is a restricted key.

    Raises:
        pulumi.RunError: The key is not a restricted key.
    """
    if not key.startswith("rk_"):
        raise pulumi.RunError(
            "stripeRestrictedKey is no restricted key (rk_live_..., rk_test_...): make one in Stripe's dashboard, and "
            "run `pulumi config set --secret stripeRestrictedKey`"
        )
    return key


stripe = justt.PaymentIntegration(
    "stripe",
    external_identifier="stripe-main",
    integration_name="Stripe",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(
        api_key=pulumi.Config().require_secret("stripeRestrictedKey").apply(restricted)
    ),
)

pulumi.export("integrationId", stripe.integration_id)
pulumi.export("status", stripe.status)
