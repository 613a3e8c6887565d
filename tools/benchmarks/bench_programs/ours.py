"""The integrations as this package manages them, in an account that no other contender writes to."""

from __future__ import annotations

import os

import pulumi_justt as justt

for number in range(int(os.environ["BENCH_INTEGRATIONS"])):
    justt.PaymentIntegration(
        f"integration-{number}",
        external_identifier=f"integration-{number}",
        integration_name=f"Integration {number}",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=f"{os.environ['BENCH_SECRET']}-{number}"),
        merchant_account_codes=["acct_1", "acct_2"],
        reference_account_id=os.environ["BENCH_ACCOUNT"],
    )
