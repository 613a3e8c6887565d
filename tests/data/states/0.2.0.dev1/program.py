import pulumi
import pulumi_justt as justt

secret = pulumi.Config().require_secret
credentials = justt.credentials


def make(name, given, **more):
    return justt.PaymentIntegration(
        name, external_identifier=f"{name}-main", integration_name=name, source="stripe", credentials=given, **more
    )


plain = make("plain", credentials.ApiKeyOnly(api_key=secret("a")))
ready = justt.IntegrationReady("plain-ready", integration=plain)
of_an_account = make("of-an-account", credentials.ApiKeyOnly(api_key=secret("a")), reference_account_id="acc_42")
justt.IntegrationReady("of-an-account-ready", integration=of_an_account, timeout_seconds=60)
make("after", credentials.ApiKeyOnly(api_key=secret("b")), opts=pulumi.ResourceOptions(depends_on=[ready]))
pulumi.export("status", ready.status)
