"""Resources of the same size as ours, whose provider does nothing."""

from __future__ import annotations

import os

import pulumi

from floor_provider import FloorIntegration

for number in range(int(os.environ["BENCH_INTEGRATIONS"])):
    FloorIntegration(
        f"integration-{number}",
        {
            "externalIdentifier": f"integration-{number}",
            "integrationName": f"Integration {number}",
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": pulumi.Output.secret(f"{os.environ['BENCH_SECRET']}-{number}")},
            "merchantAccountCodes": ["acct_1", "acct_2"],
            "referenceAccountId": "ours",
        },
    )
