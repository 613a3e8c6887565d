"""What the package costs by itself: to import, to start its provider, for each resource, and in a state."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import environment

__all__ = ["sentence"]

_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"

_STORED = "from pulumi_justt import resources; print(len(resources._PROVIDER))"

_PROVIDER = """
import importlib, os, pulumi.dynamic, time
os.environ["JUSTT_BASE_URL"] = "http://127.0.0.1:9"
start = time.perf_counter()
for module in ("pydantic.main", "pydantic.fields"):
    importlib.import_module(module)
library = time.perf_counter()
from pulumi_justt.provider import IntegrationProvider
provider = IntegrationProvider()
news = {"externalIdentifier": "stripe-eu", "integrationName": "Stripe EU", "source": "stripe",
        "secretType": "APIKEY_ONLY", "secretPayload": {"apiKey": "rk_" + "x" * 40}}
inputs = provider.check({}, news).inputs
first = time.perf_counter()
olds = {**inputs, "integrationId": "id", "status": "PENDING"}
for _ in range(1000):
    provider.check(inputs, news)
    provider.diff("id", olds, inputs)
print(library - start, first - start, time.perf_counter() - first)
"""


def sentence(package: Path, pairs: int) -> str:
    """Measure in fresh interpreters, in turn, so that a busy machine slows both sides alike; medians are compared.

    Args:
        package: The folder of the sources of `pulumi_justt`.
        pairs: How often.
    """
    environ = environment.build({"PYTHONPATH": str(package)}, is_measured=False)

    def printed(program: str) -> list[float]:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        return [float(text) * 1000 for text in done.stdout.split()]

    taken = [
        [*printed(_PROGRAM.format("pulumi")), *printed(_PROGRAM.format("pulumi_justt")), *printed(_PROVIDER)]
        for _ in range(pairs)
    ]
    floor, ours, library, first, thousand = (statistics.median(column) for column in zip(*taken, strict=True))
    added = statistics.median(row[1] - row[0] for row in taken)
    stored = subprocess.run([sys.executable, "-c", _STORED], env=environ, capture_output=True, text=True, check=True)
    return (
        f"`import pulumi` takes {floor:.0f} ms and `import pulumi_justt` {ours:.0f} ms, which is {added:+.0f} ms "
        f"(median of {pairs}). The provider's first check takes {first:.0f} ms, of which pydantic's own modules are "
        f"{library:.0f} ms, and each further check and diff {thousand / 1000:.2f} ms. A state stores "
        f"{stored.stdout.strip()} bytes of the provider for each resource."
    )
