"""The integrations as the plugin of this package manages them, registered as by a generated SDK."""

from __future__ import annotations

import os

import pulumi

_OUTPUTS = ("environment", "goLiveDate", "integrationId", "status")

for number in range(int(os.environ["BENCH_INTEGRATIONS"])):
    pulumi.CustomResource(
        "justt:index:PaymentIntegration",
        f"integration-{number}",
        {
            "externalIdentifier": f"integration-{number}",
            "integrationName": f"Integration {number}",
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": pulumi.Output.secret(f"{os.environ['BENCH_SECRET']}-{number}")},
            "merchantAccountCodes": ["acct_1", "acct_2"],
            "referenceAccountId": os.environ["BENCH_ACCOUNT"],
            **dict.fromkeys(_OUTPUTS),
        },
    )
