"""What `import pulumi_justt` adds to `import pulumi`, and the size of what a state stores of the provider."""

from __future__ import annotations

import statistics
import subprocess
import sys

from pulumi_justt import resources

__all__ = ["sentence"]

_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def sentence(pairs: int) -> str:
    """Measure in fresh interpreters, in turn, so that a busy machine slows both sides alike; medians are compared."""
    seconds: dict[str, list[float]] = {"pulumi": [], "pulumi_justt": []}
    for _ in range(pairs):
        for module, taken in seconds.items():
            program = [sys.executable, "-c", _PROGRAM.format(module)]
            taken.append(float(subprocess.run(program, capture_output=True, text=True, check=True).stdout))
    floor, ours = (statistics.median(taken) * 1000 for taken in seconds.values())
    added = statistics.median(b - a for a, b in zip(*seconds.values(), strict=True)) * 1000
    return (
        f"`import pulumi` takes {floor:.0f} ms and `import pulumi_justt` {ours:.0f} ms, which is {added:+.0f} ms "
        f"(median of {pairs}). A state stores {len(resources._PROVIDER)} bytes of the provider for each resource."
    )
