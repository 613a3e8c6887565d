"""Connect two brands to Justt, each with its own arguments; `company.py` has the common part."""

import pulumi

import pulumi_justt as justt
from company import CompanyIntegration, CompanyIntegrationArgs

config = pulumi.Config()

shoes = CompanyIntegration(
    "shoes",
    CompanyIntegrationArgs(
        brand="shoes",
        region="eu",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=config.require_secret("shoesStripeKey")),
    ),
)
cafe = CompanyIntegration(
    "cafe",
    CompanyIntegrationArgs(
        brand="cafe",
        region="us",
        source="adyen",
        credentials=justt.credentials.Hmac.from_output(config.require_secret_object("cafeAdyen")),
    ),
)

for name, integration in {"shoes": shoes, "cafe": cafe}.items():
    pulumi.export(f"{name}Id", integration.integration_id)
    pulumi.export(f"{name}Status", integration.status)
