"""Connect three payment service providers to Justt, with three types of credentials."""

import pulumi

import pulumi_justt as justt

secrets = pulumi.Config()

stripe = justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="Stripe EU",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secrets.require_secret("stripeRestrictedKey")),
    merchant_account_codes=["acct_1", "acct_2"],
)
adyen = justt.PaymentIntegration(
    "adyen-eu",
    external_identifier="adyen-eu-main",
    integration_name="Adyen EU",
    source="adyen",
    credentials=justt.credentials.Hmac.from_output(secrets.require_secret_object("adyen")),
    deactivation=justt.Deactivation(type="postingDate", after_days=7),
)
braintree = justt.PaymentIntegration(
    "braintree-us",
    external_identifier="braintree-us-main",
    integration_name="Braintree US",
    source="braintree",
    credentials=justt.credentials.PublicSecretKey(
        public_key=secrets.require("braintreePublicKey"),
        secret_key=secrets.require_secret("braintreeSecretKey"),
    ),
)

for psp, integration in {"stripe": stripe, "adyen": adyen, "braintree": braintree}.items():
    pulumi.export(f"{psp}Id", integration.integration_id)
    pulumi.export(f"{psp}Status", integration.status)
