"""Print what `import pulumi_justt` adds to `import pulumi`, and the size of what a state stores of the provider.

Fresh interpreters run in turn, so that a busy machine slows both sides alike; medians are compared, in milliseconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from pulumi_justt import resources

_ROUNDS = 25
_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def main() -> None:
    """Measure, and print one table."""
    seconds: dict[str, list[float]] = {"pulumi": [], "pulumi_justt": []}
    for _ in range(_ROUNDS):
        for module, taken in seconds.items():
            program = [sys.executable, "-c", _PROGRAM.format(module)]
            taken.append(float(subprocess.run(program, capture_output=True, text=True, check=True).stdout))
    floor, ours = (statistics.median(taken) * 1000 for taken in seconds.values())
    added = statistics.median(b - a for a, b in zip(*seconds.values(), strict=True)) * 1000
    sys.stdout.write(
        f"import pulumi        {floor:7.1f} ms\n"
        f"import pulumi_justt  {ours:7.1f} ms   ratio {ours / floor:.3f}, {added:+.1f} ms (median of {_ROUNDS} pairs)\n"
        f"provider in state    {len(resources._PROVIDER):7d} bytes\n"
    )


if __name__ == "__main__":
    main()
