"""What the package costs by itself: to import, to start its provider, for each resource, and in a state."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import environment

__all__ = ["journal", "sentence"]

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

_JOURNAL = """
import sys, tempfile, time
from pathlib import Path
from pulumi_justt.journal import Intent, Journal
count, kept = 200, int(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    journal, url = Journal(Path(folder)), "https://api.justt.ai/v1"
    def create(number):
        begun = Intent(f"urn:pulumi:dev::shop::x::{number}", url, None, f"stripe-{number}", "stripe", time.time(), 0.0)
        journal.write_intent(begun)
        journal.write_intent(Intent(**{**vars(begun), "integration_id": f"id-{number}"}))
        journal.claim(url, f"id-{number}", begun.urn)
        return begun
    for number in range(kept):
        create(-1 - number)
    snapshot = journal.write_snapshot([f"id-{number}" for number in range(500)], is_complete=True)
    start = time.process_time()
    for number in range(count):
        begun = create(number)
        journal.settle(begun.urn, url, None, f"id-{number}")
    print((time.process_time() - start) / count)
    start = time.process_time()
    Journal(Path(folder)).write_snapshot([], is_complete=True)
    print(time.process_time() - start)
"""


def journal(package: Path, pairs: int) -> str:
    """Measure what the journal adds to each create, in CPU time: two writes of the intent, the claim, the settling.

    Args:
        package: The folder of the sources of `pulumi_justt`.
        pairs: How often; medians are shown.
    """
    environ = environment.build({"PYTHONPATH": str(package)})

    def taken(kept: int) -> tuple[float, float]:
        command = [sys.executable, "-c", _JOURNAL, str(kept)]
        rows = []
        for _ in range(pairs):
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
            rows.append([float(text) * 1000 for text in done.stdout.split()])
        each, first = (statistics.median(column) for column in zip(*rows, strict=True))
        return each, first

    (each, _), (among, first) = taken(0), taken(1000)
    return (
        f"The journal takes {each:.2f} ms of CPU for each create, and {among:.2f} ms where it holds 1,000 intents "
        f"already; the first create of a process then takes {first:.0f} ms more, for the look through them (median of "
        f"{pairs})."
    )


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
