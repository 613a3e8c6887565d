"""The integrations, managed by a dynamic provider as a tutorial would write it, with the same fields as ours."""

from __future__ import annotations

import os

import pulumi

from plain_provider import PlainIntegration

for number in range(int(os.environ["BENCH_INTEGRATIONS"])):
    PlainIntegration(
        f"integration-{number}",
        {
            "externalIdentifier": f"integration-{number}",
            "integrationName": f"Integration {number}",
            "source": "stripe",
            "secretType": "APIKEY_ONLY",
            "secretPayload": {"apiKey": pulumi.Output.secret(f"{os.environ['BENCH_SECRET']}-{number}")},
            "merchantAccountCodes": ["acct_1", "acct_2"],
            "referenceAccountId": os.environ["BENCH_ACCOUNT"],
        },
    )
