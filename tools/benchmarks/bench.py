"""Compares this package with other tools, on the real engine with the file backend and one simulator.

A cell is written as `INTEGRATIONS/MILLISECONDS` or `INTEGRATIONS/MILLISECONDS/PARALLEL`: the number of integrations,
the latency of the API, and the value of `--parallel` if it's not the tool's default. Each figure is written to a file
as soon as it's measured, and `--from` creates a report from such a file without measuring again.

    make bench                                              the cells of the docs, in about two hours
    make bench ARGS='--cells 100/100 500/0 --rounds 3'      these cells
    make bench ARGS='--cells 1/0 --before e018e38'          also measures the package of that commit
    make bench ARGS='--cells 500/0 --variable PULUMI_SKIP_CHECKPOINTS=true'    sets a variable of Pulumi
    make bench ARGS=--quick                                 a minute, to check that the benchmark works
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import bench_import
import bench_report
import engine
from bench_contenders import (
    NAMES,
    STEPS,
    Contender,
    LeftOut,
    Name,
    PulumiContender,
    RestapiContender,
    Step,
    restapi,
    sources,
)
from bench_measure import Cell, Figure, Plan, measure
from support import environment

__all__ = ["estimate", "main"]

ROOT = Path(__file__).resolve().parents[2]
CELLS = (*(Cell(count, latency) for count in (1, 100, 500) for latency in (0, 100, 300)), Cell(100, 100, 32))
QUICK_CELLS = (Cell(2, 0),)
QUICK_NAMES: tuple[Name, ...] = ("floor", "plain", "ours", "plugin")
_USUAL = tuple(name for name in NAMES if name != "before")
_KEPT = ROOT / ".dev" / "bench"

_EACH_MS: dict[Step, tuple[float, float]] = {
    "create": (8, 0.055),
    "preview": (6, 0),
    "up": (8, 0),
    "refresh": (11, 0),
    "rotate": (16, 0.12),
    "destroy": (6, 0.033),
}
"""The engine's milliseconds for each resource on two cores: a fixed number, and a number to multiply by all resources.

The second number is for the state, which the engine writes as a whole after each change. Only the estimate uses them.
"""

_WORKERS: dict[Name, int] = {"plain": 4, "ours": 8, "plugin": 8, "before": 4, "restapi": 10}
"""The number of concurrent requests. Only the estimate uses it."""

_FRONT_ENDS: tuple[Name, ...] = ("ours", "plugin")


def main(argv: Sequence[str]) -> int:
    """Measure, report and, with `--write`, update the page; return 1 if this package or the floor failed, else 0."""
    engine.restore_interrupt()
    arguments = _arguments(argv)
    if arguments.sources:
        facts, figures = _kept(arguments.sources)
    else:
        facts, figures = _measured(arguments)
    goals = bench_report.goals(figures)
    plot = [_PLOT] if arguments.write else []
    parts = [facts, bench_report.goals_table(goals), *plot, bench_report.tables(figures), _LEGEND]
    section = "\n".join(parts)
    sys.stdout.write(section)
    if arguments.write:
        page = ROOT / "docs" / "benchmarks.md"
        page.write_text(bench_report.with_section(page.read_text(), section))
        (ROOT / "docs" / "benchmarks.svg").write_text(bench_report.plot(figures))
    return int(any(figure.failure and figure.contender in ("floor", *_FRONT_ENDS) for figure in figures))


_PLOT = "![The times as bars](benchmarks.svg)\n"
_LEGEND = """\
Times and CPU seconds are medians over the rounds, and ratios are medians of the ratios of the rounds. `*` means that
the contender waited for the quota of 1,000 requests a minute. For `failed`, see "What failed".
"""


def estimate(plan: Plan) -> float:
    """Estimate the duration of a run on two idle cores, in seconds."""
    return plan.rounds * sum(_guess(cell, name, step) for cell in plan.cells for name in plan.names for step in STEPS)


def _guess(cell: Cell, name: Name, step: Step) -> float:
    fixed, growth = _EACH_MS[step]
    each = 2.0 if name == "restapi" else fixed + growth * cell.integrations
    sent = {"create": 1, "refresh": 1, "rotate": 2, "destroy": 1}.get(step, 0) * (name != "floor")
    if name == "restapi":
        sent += 2 * (step != "create")
    elif name in _FRONT_ENDS and step == "refresh":
        sent = 0
    answered = sent * (cell.latency_ms + 5) / (cell.parallel or _WORKERS.get(name, 1))
    seconds = 1.3 + cell.integrations * (each + answered) / 1000
    return max(seconds, 65.0) if name in _FRONT_ENDS and sent * cell.integrations >= 950 else seconds


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Compare this package with other tools.")
    parser.add_argument("--cells", nargs="+", type=Cell.parse, help="INTEGRATIONS/MILLISECONDS[/PARALLEL]")
    parser.add_argument("--rounds", type=int, help="rounds of all steps in each cell; default 3")
    parser.add_argument("--contenders", nargs="+", choices=_USUAL, help="default: all that this machine can run")
    parser.add_argument("--before", metavar="COMMIT", help="also measure the package of this commit")
    parser.add_argument(
        "--variable",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="set for each Pulumi command",
    )
    parser.add_argument("--quick", action="store_true", help="two integrations, one round: a test of the benchmark")
    parser.add_argument("--from", dest="sources", type=Path, nargs="+", metavar="FILE", help="report on stored figures")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.svg")
    found = parser.parse_args(argv)
    found.cells = found.cells or (QUICK_CELLS if found.quick else CELLS)
    found.rounds = found.rounds or (1 if found.quick else 3)
    found.contenders = found.contenders or (QUICK_NAMES if found.quick else _USUAL)
    if found.before:
        found.contenders = [*found.contenders, "before"]
    found.command = f"make bench{f' ARGS={shlex.quote(shlex.join(argv))}' if argv else ''}"
    return found


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(text)
    return name, value


def _measured(arguments: argparse.Namespace) -> tuple[str, list[Figure]]:
    engine_bin = engine.ensure(ROOT)
    _KEPT.mkdir(parents=True, exist_ok=True)
    names, make = _contenders(arguments.contenders, arguments.before, engine_bin, dict(arguments.variable))
    plan = Plan(arguments.cells, arguments.rounds, names)
    total = estimate(plan)
    _say(f"{len(plan.cells)} cells, {plan.rounds} rounds, {', '.join(names)}: about {total / 60:.0f} minutes")
    pairs = 1 if arguments.quick else 25
    facts = f"{_facts(arguments.command, engine_bin)}\n\n{bench_import.sentence(ROOT / 'provider', pairs)}\n"
    facts += f"\n{bench_import.journal(ROOT / 'provider', pairs)}\n"
    if "before" in names:
        facts += f"\nBefore: {bench_import.sentence(sources(arguments.before, _KEPT), pairs)}\n"
    kept = _KEPT / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}.jsonl"
    figures = []
    started = time.monotonic()
    guessed = 0.0
    with tempfile.TemporaryDirectory() as folder, kept.open("w") as lines:
        lines.write(json.dumps({"facts": facts}) + "\n")
        for figure in measure(plan, make, Path(folder)):
            figures.append(figure)
            lines.write(json.dumps(figure.to_json()) + "\n")
            lines.flush()
            guessed += _guess(figure.cell, figure.contender, figure.step)
            so_far = time.monotonic() - started
            _say(
                f"{so_far / 60:4.0f} min, {max(0.0, total - guessed) * so_far / guessed / 60:4.0f} to go: "
                f"{figure.cell} round {figure.round + 1} {figure.step:8}{figure.contender:8}"
                f"{'failed' if figure.failure else f'{figure.seconds:7.2f} s'}"
            )
    _say(f"kept in {kept}")
    return facts, figures


def _contenders(
    asked: Sequence[Name], before: str | None, engine_bin: Path, variables: Mapping[str, str]
) -> tuple[list[Name], Callable[[Name, Path, str], Contender]]:
    """Return the contenders that can run here, and a function that creates one."""
    made: dict[Name, Callable[[Path, str], Contender]] = {}
    for name in asked:
        try:
            made[name] = _maker(name, before or "", engine_bin, variables)
        except LeftOut as reason:  # noqa: PERF203 - there are five
            _say(f"{name} is skipped: {reason}")
    return list(made), lambda name, folder, base_url: made[name](folder, base_url)


def _maker(name: Name, before: str, engine_bin: Path, variables: Mapping[str, str]) -> Callable[[Path, str], Contender]:
    if name == "restapi":
        terraform, provider = restapi(_KEPT)
        return lambda folder, base_url: RestapiContender(folder, terraform, provider, base_url)
    package = sources(before, _KEPT) if name == "before" else ROOT / "provider"

    def make(folder: Path, base_url: str) -> Contender:
        contender = PulumiContender(name, folder, engine_bin, base_url, package)
        contender.variables |= variables
        return contender

    return make


def _kept(sources: Sequence[Path]) -> tuple[str, list[Figure]]:
    facts: list[str] = []
    figures: list[Figure] = []
    for source in sources:
        first, *rest = map(json.loads, source.read_text().splitlines())
        found = list(map(Figure.from_json, rest))
        if again := {figure.cell for figure in figures} & {figure.cell for figure in found}:
            # A ratio needs commands that ran one after the other.
            raise SystemExit(f"bench: {source} measured {', '.join(map(str, sorted(again)))} too")
        facts.append(first["facts"])
        figures += found
    return "\n".join(facts), figures


def _facts(command: str, engine_bin: Path) -> str:
    versions = (
        f"Python {platform.python_version()}, Pulumi {engine.reported(engine_bin / 'pulumi', environment.build())}"
    )
    load = f"load {os.getloadavg()[0]:.1f} before the start"
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    return f"`{command}`, {today}: {os.cpu_count()} cores, {platform.system()}, {versions}, {load}."


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
