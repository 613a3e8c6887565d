"""Tests several processes that share the quota of one API key, each with its own rate limiter, as stacks do."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.harness import HANG_SECONDS

PROCESSES, READS, THREADS = 3, 400, 4
SPEED = 5
"""The seconds of all clocks that pass in one real second."""
PROGRAM = """
import functools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings

speed = int(sys.argv[4])
client = JusttClient(
    Settings.load({"baseUrl": sys.argv[1], "apiKey": "shared"}, {}),
    clock=lambda: time.monotonic() * speed,
    sleep=lambda seconds: time.sleep(seconds / speed),
)
look = functools.partial(client.list_integrations)
with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    for page in pool.map(lambda _: look(1, operation="listing", account=None), range(int(sys.argv[2]))):
        assert page.is_last
"""


@pytest.mark.slow
def test_processes_that_share_a_quota_all_finish() -> None:
    """Three processes with one key send more requests than Justt allows in a minute.

    All requests succeed, and few responses are a 429.
    """
    with SimulatorServer(clock=lambda: time.monotonic() * SPEED) as simulator:
        arguments = [sys.executable, "-c", PROGRAM, simulator.base_url, str(READS), str(THREADS), str(SPEED)]
        running = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
        for process in running:
            _, stderr = process.communicate(timeout=HANG_SECONDS)
            assert process.returncode == 0, stderr
    statuses = [exchange.status for exchange in simulator.requests]
    rate_limited = statuses.count(429)
    print(f"{PROCESSES} processes, {PROCESSES * READS} reads under 1,000 a minute: {rate_limited} answers of 429")  # noqa: T201 - the measured figure
    assert statuses.count(200) == PROCESSES * READS
    # Each thread that gets a 429 pauses its whole process, with waits that double: about six 429s a minute, or a
    # dozen with bad luck on a slow machine. `test_quota` has a tighter bound, in virtual time.
    assert rate_limited <= PROCESSES * THREADS * 12
