"""Connect the merchants of a partner to Justt: one integration for each connection in `merchants.yaml`."""

from pathlib import Path

import pulumi

import pulumi_justt as justt
from merchants import CREDENTIAL_TYPES, Psp, load

config = pulumi.Config()


def credentials(name: str, psp: Psp) -> justt.credentials.Credentials:
    """Return the credentials from the environment variables that the entry names, or else from the configuration."""
    shape = CREDENTIAL_TYPES[psp.source]
    if psp.variables:
        return shape(
            **{field: justt.from_env(variable, version=psp.version or 1) for field, variable in psp.variables.items()}
        )
    return shape.from_output(config.require_secret_object(name))


statuses = {}
for merchant in load(Path(__file__).parent / "merchants.yaml"):
    for name, psp in merchant.connections():
        integration = justt.PaymentIntegration(
            name,
            external_identifier=name,
            integration_name=name,
            source=psp.source,
            credentials=credentials(name, psp),
            merchant_account_codes=psp.codes or None,
            reference_account_id=merchant.account,
        )
        statuses[name] = integration.status

pulumi.export("statuses", statuses)
