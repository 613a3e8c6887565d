import pulumi
import pulumi_justt as justt

secret = pulumi.Config().require_secret
credentials = justt.credentials


def make(name, given, source="adyen", **more):
    return justt.PaymentIntegration(
        name, external_identifier=f"{name}-main", integration_name=name, source=source, credentials=given, **more
    )


first = make("api-key-only", credentials.ApiKeyOnly(api_key=secret("a")), "stripe")
make("public-secret-key", credentials.PublicSecretKey(secret_key=secret("a"), public_key="pub"), "braintree")
make("basic-auth", credentials.BasicAuth(client_id=secret("a"), client_secret=secret("b")), "paypal")
make("username-password", credentials.UsernamePassword(username="user", password=secret("b")))
make("hmac", credentials.Hmac.from_output(pulumi.Config().require_secret_object("whole")))
make("api-key", credentials.ApiKey(api_key=secret("a"), store_url="https://shop.example", shop_name=secret("b")))
make("sftp", credentials.Sftp(username=secret("a"), private_key=secret("pem"), passphrase=secret("a")))
make(
    "unlisted",
    credentials.Unlisted(secret_type="OAUTH", payload={"client_id": secret("a"), "scopes": ["x", 5, 2.5, True]}),
    "shopify",
    allow_unlisted=True,
)
make("unlisted-source", credentials.ApiKeyOnly(api_key=secret("a")), justt.UnlistedSource("shopify"))
make("from-env", credentials.ApiKeyOnly(api_key=justt.from_env("STRIPE_KEY", version=3)), "stripe")
make("from-file", credentials.Sftp(username=secret("a"), private_key=justt.from_file("key.pem")))
make("scheduled", credentials.ApiKeyOnly(api_key=secret("a")), deactivation=justt.Deactivation(after_days=7))
make(
    "dated",
    credentials.ApiKeyOnly(api_key=secret("a")),
    deactivation=justt.Deactivation(type="dueDate", date="2031-01-31T00:00:00Z"),
)
of_an_account = make("of-an-account", credentials.ApiKeyOnly(api_key=secret("a")), reference_account_id="acc_42")
ready = justt.IntegrationReady("of-an-account-ready", integration=of_an_account, timeout_seconds=60)
make("after", credentials.ApiKeyOnly(api_key=secret("b")), opts=pulumi.ResourceOptions(depends_on=[ready]))
make("codes", credentials.ApiKeyOnly(api_key=secret("a")), merchant_account_codes=["b", "a"])
make("adopted", credentials.ApiKeyOnly(api_key=secret("a")), adopt_id=pulumi.Config().require("adopted"))
justt.PaymentIntegration.get("looked-up", pulumi.Config().require("adopted"))
pulumi.export("status", first.status)
pulumi.export("ready", ready.status)
pulumi.export("credentials", first.credentials.apply(lambda given: given.api_key))
