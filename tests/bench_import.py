"""What the package costs by itself: to import, to start its provider, for each resource, and in a state."""

from __future__ import annotations

import statistics
import subprocess
import sys

from pulumi_justt import resources

__all__ = ["sentence"]

_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"

_PROVIDER = """
import os, pulumi.dynamic, time
os.environ["JUSTT_BASE_URL"] = "http://127.0.0.1:9"
start = time.perf_counter()
from pulumi_justt.provider import IntegrationProvider
provider = IntegrationProvider()
news = {"externalIdentifier": "stripe-eu", "integrationName": "Stripe EU", "source": "stripe",
        "secretType": "APIKEY_ONLY", "secretPayload": {"apiKey": "rk_" + "x" * 40}}
inputs = provider.check({}, news).inputs
first = time.perf_counter() - start
olds = {**inputs, "integrationId": "id", "status": "PENDING"}
for _ in range(1000):
    provider.check(inputs, news)
    provider.diff("id", olds, inputs)
print(first, time.perf_counter() - start - first)
"""


def sentence(pairs: int) -> str:
    """Measure in fresh interpreters, in turn, so that a busy machine slows both sides alike; medians are compared."""
    seconds: dict[str, list[float]] = {"pulumi": [], "pulumi_justt": []}
    for _ in range(pairs):
        for module, taken in seconds.items():
            program = [sys.executable, "-c", _PROGRAM.format(module)]
            taken.append(float(subprocess.run(program, capture_output=True, text=True, check=True).stdout))
    floor, ours = (statistics.median(taken) * 1000 for taken in seconds.values())
    added = statistics.median(b - a for a, b in zip(*seconds.values(), strict=True)) * 1000
    first, thousand = (statistics.median(taken) for taken in zip(*(_provider() for _ in range(pairs)), strict=True))
    return (
        f"`import pulumi` takes {floor:.0f} ms and `import pulumi_justt` {ours:.0f} ms, which is {added:+.0f} ms "
        f"(median of {pairs}). The provider's first check takes {first * 1000:.0f} ms, in which it loads what it "
        f"needs, and each further check and diff {thousand:.2f} ms. A state stores {len(resources._PROVIDER)} bytes "
        "of the provider for each resource."
    )


def _provider() -> list[float]:
    """Return the seconds of the first check, and of a thousand checks and diffs."""
    done = subprocess.run([sys.executable, "-c", _PROVIDER], capture_output=True, text=True, check=True)
    return [float(text) for text in done.stdout.split()]
