"""Measures the package itself: importing it, starting its provider, its cost per resource, and its size in a state."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from support import environment

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
import itertools, sys, time
from pathlib import Path
import httpx
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.journal import Intent, Journal
from pulumi_justt.api.call import Call
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.session import Session
from pulumi_justt.core.config import Settings
from pulumi_justt.log import Log
folder, kept, count = Path(sys.argv[1]), int(sys.argv[2]), 50
settings = Settings.load({"apiKey": "bearer-key", "baseUrl": "http://127.0.0.1:9"}, {})
ids = itertools.count()
def answer(request):
    created = {"integrationId": f"id-{next(ids)}"}
    return httpx.Response(200, json=created if request.method == "POST" else {"data": [], "hasMore": False})
def urn(number):
    return f"urn:pulumi:dev::shop::justt:index:PaymentIntegration::stripe-{number}"
def taken(journal):
    client = JusttClient(settings, transport=httpx.MockTransport(answer))
    called = []
    core = IntegrationLifecycle(settings, lambda: client, Log(print), session=Session(settings.base_url, journal),
                        call=lambda: Call(called[-1]))
    def create(number):
        called.append(urn(number))
        news = {"externalIdentifier": f"stripe-{number}", "integrationName": "Stripe EU", "source": "stripe",
                "secretType": "APIKEY_ONLY", "secretPayload": {"apiKey": "rk_" + "x" * 40}}
        inputs = core.check({}, news).inputs
        _, outputs = core.create(inputs)
        core.diff(outputs, inputs)
    begin = time.process_time()
    create(-1)
    first = time.process_time()
    for number in range(count):
        create(number)
    return first - begin, (time.process_time() - first) / count
earlier = Journal(folder)
for number in range(kept):
    now = time.time()
    earlier.write_intent(Intent(urn(f"other-{number}"), settings.base_url, None, "other", "stripe", now, now))
taken(Journal(None))
without, with_it = zip(*[(taken(Journal(None)), taken(Journal(folder))) for _ in range(5)])
middle = lambda rows: [sorted(column)[len(column) // 2] for column in zip(*rows)]
(first, each), (first_with, each_with) = middle(without), middle(with_it)
print(each, each_with - each, first_with - first - (each_with - each))
"""


def journal(package: Path, pairs: int) -> str:
    """Measure the CPU time that the journal adds to each create and the diff that follows it.

    One process measures creates with and without a journal, in turn. Folders are removed only at the end: ext4 doesn't
    reuse the inode of a recently removed file, and the search for another one would be part of the measurement.

    Args:
        package: The folder with the sources of `pulumi_justt`.
        pairs: The number of measurements; the result is their median.
    """
    environ = environment.build({"PYTHONPATH": str(package)})

    def taken(folder: Path, kept: int) -> list[float]:
        command = [sys.executable, "-c", _JOURNAL]
        rows = []
        for number in range(pairs):
            place = str(folder / f"{kept}-{number}")
            done = subprocess.run([*command, place, str(kept)], env=environ, capture_output=True, text=True, check=True)
            rows.append([float(text) * 1000 for text in done.stdout.split()])
        return [statistics.median(column) for column in zip(*rows, strict=True)]

    with tempfile.TemporaryDirectory() as folder:
        without, added, _ = taken(Path(folder), 0)
        _, among, first = taken(Path(folder), 1000)
    return (
        f"A create, with its check and a diff, takes {without:.2f} ms of CPU, without the network. The journal adds "
        f"{added:.2f} ms, and {among:.2f} ms where it holds 1,000 intents already; the first create of a process then "
        f"takes {first:.0f} ms more, to read them (median of {pairs})."
    )


def sentence(package: Path, pairs: int) -> str:
    """Measure `import pulumi`, `import pulumi_justt` and the provider's calls, and return the medians as sentences.

    Each measurement is in a new interpreter, and they take turns, so that a busy machine slows down all of them.

    Args:
        package: The folder with the sources of `pulumi_justt`.
        pairs: The number of measurements.
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
        f"(median of {pairs}). The provider's first check takes {first:.0f} ms; {library:.0f} ms of that is "
        f"spent importing pydantic. Each later check or diff takes {thousand / 1000:.2f} ms. The state stores "
        f"the pickled provider with each resource, which takes {stored.stdout.strip()} bytes."
    )
