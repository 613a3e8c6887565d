"""The smallest resources that can be written, with one secret each."""

from __future__ import annotations

import os

import pulumi

from floor_provider import FloorProvider, FloorResource

for number in range(int(os.environ["BENCH_INTEGRATIONS"])):
    FloorResource(
        FloorProvider(),
        f"integration-{number}",
        {
            "name": f"Integration {number}",
            "secret": pulumi.Output.secret(f"{os.environ['BENCH_SECRET']}-{number}"),
        },
    )
