"""Reports a run of the benchmark: tables in Markdown, the goals, and a plot.

A time is the median over the rounds. A ratio or difference is computed for each round, and its median is shown. So it
compares commands that ran one after the other. A contender that failed a step in any round has no figure for that step.
"""

from __future__ import annotations

import html
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_contenders import NAMES, STEPS, Name, Step
from bench_measure import Cell, Figure

__all__ = ["BEGIN", "END", "Goal", "goals", "goals_table", "plot", "tables", "with_section"]

BEGIN, END = "<!-- make bench -->", "<!-- end of make bench -->"

_STEP_NAMES: dict[Step, str] = {
    "create": "create",
    "preview": "preview, nothing to do",
    "up": "up, nothing to do",
    "refresh": "refresh",
    "rotate": "rotate all",
    "destroy": "destroy",
}
_QUIET: tuple[Step, ...] = ("preview", "up")
"""The steps that send no request."""
_GOAL_CELL = Cell(100, 100)
_GOAL_WIDE = Cell(100, 100, 32)
_DISTANCES: dict[Step, float] = {"create": 1.2, "rotate": 1.2, "destroy": 1.2}
_DISTANCES_WIDE: dict[Step, float] = {"create": 0.8, "destroy": 0.8}
"""The maximum number of seconds by which this package may exceed the floor."""
_GOAL_REQUESTS = 5
_GOAL_MEGABYTES = 120


_COLORS: dict[Name, str] = {
    "floor": "#8b949e",
    "plain": "#d29922",
    "ours": "#2f81f7",
    "plugin": "#3fb950",
    "before": "#79c0ff",
    "restapi": "#a371f7",
}
"""Colors that are readable on white and on black."""


_Value = Literal["seconds", "cpu_seconds", "state_bytes"]
_VALUES: dict[_Value, str] = {"seconds": "", "cpu_seconds": ", CPU", "state_bytes": ", state bytes"}
"""The values of a figure that are compared, and their names."""


@dataclass(frozen=True)
class _Ratio:
    """The goal that a value of *name* is at most *limit* times the same value of another contender."""

    step: Step
    limit: float
    other: Name = "floor"
    value: _Value = "seconds"
    cell: Cell = _GOAL_CELL
    name: Name = "ours"


_RATIOS = (
    _Ratio("preview", 1.10),
    _Ratio("up", 1.10),
    _Ratio("refresh", 1.10),
    _Ratio("rotate", 1.10, cell=Cell(500, 100)),
    _Ratio("create", 1.20, value="cpu_seconds"),
    _Ratio("preview", 1.12, value="cpu_seconds"),
    _Ratio("up", 1.12, value="cpu_seconds"),
    _Ratio("refresh", 1.15, value="cpu_seconds"),
    _Ratio("rotate", 1.12, value="cpu_seconds"),
    _Ratio("destroy", 1.15, value="cpu_seconds"),
    _Ratio("create", 1.02, "plain", "state_bytes"),
    _Ratio("create", 1.00, "ours", "cpu_seconds", name="plugin"),
    _Ratio("rotate", 1.00, "ours", "cpu_seconds", name="plugin"),
    _Ratio("destroy", 1.00, "ours", "cpu_seconds", name="plugin"),
    _Ratio("create", 1.00, "ours", "state_bytes", name="plugin"),
)


@dataclass(frozen=True)
class Goal:
    """A goal, the measured value, and whether the value meets it; None if the run did not measure it."""

    text: str
    measured: str
    is_met: bool | None


class _Run:
    """The figures of a run, by cell, step and contender."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._by_place: dict[tuple[Cell, Step, Name], list[Figure]] = {}
        for figure in figures:
            self._by_place.setdefault((figure.cell, figure.step, figure.contender), []).append(figure)
        self.cells = sorted({figure.cell for figure in figures})
        self.names = [name for name in NAMES if any(figure.contender == name for figure in figures)]

    def found(self, cell: Cell, step: Step, name: Name) -> list[Figure]:
        """Return the figures of all rounds, in order."""
        return self._by_place.get((cell, step, name), [])

    def whole(self, cell: Cell, step: Step, name: Name) -> list[Figure]:
        """Return the figures of all rounds if none of them failed, else nothing."""
        found = self.found(cell, step, name)
        return [] if any(figure.failure for figure in found) else found

    def pairs(
        self, cell: Cell, step: Step, other: Name, value: _Value = "seconds", name: Name = "ours"
    ) -> list[tuple[float, float]]:
        """Return a value of *name* and of the *other* contender, for each round in which both are known."""
        found = [
            (getattr(ours, value), getattr(theirs, value))
            for ours in self.whole(cell, step, name)
            for theirs in self.whole(cell, step, other)
            if ours.round == theirs.round
        ]
        return [(ours, theirs) for ours, theirs in found if ours is not None and theirs is not None]

    def failures(self) -> Iterator[Figure]:
        """Yield one figure for each cell and step in which a contender failed."""
        for found in self._by_place.values():
            yield from [figure for figure in found if figure.failure][:1]


def tables(figures: Sequence[Figure]) -> str:
    """Return the tables of times and requests, of CPU seconds, of sizes, and of failures."""
    run = _Run(figures)
    others = [name for name in run.names if name != "ours"] if "ours" in run.names else []
    head = [
        "API",
        "command",
        *(f"{name}, s" for name in run.names),
        *(f"ours/{name}" for name in others),
        *(f"requests: {name}" for name in run.names if name != "floor"),
    ]
    parts = []
    for integrations in sorted({cell.integrations for cell in run.cells}):
        rows = [
            [
                _through(cell),
                _STEP_NAMES[step],
                *(_seconds(run.found(cell, step, name)) for name in run.names),
                *(_ratio(run.pairs(cell, step, name)) for name in others),
                *(_requests(run.found(cell, step, name)) for name in run.names if name != "floor"),
            ]
            for cell in run.cells
            if cell.integrations == integrations
            for step in STEPS
        ]
        parts.append(f"### {_counted(integrations)}\n\n{_table(head, rows)}")
    parts.append(f"### CPU seconds\n\n{_cpu_table(run, others)}")
    parts.append(f"### State and memory\n\n{_sizes(run)}")
    failures = [
        f"- {figure.contender}, {_STEP_NAMES[figure.step]} of {figure.cell.integrations}, {_through(figure.cell)}: "
        f"`{_reason(figure)}`"
        for figure in run.failures()
    ]
    if failures:
        parts.append("### What failed\n\n" + "\n".join(failures) + "\n")
    return "\n".join(parts)


def goals(figures: Sequence[Figure]) -> list[Goal]:
    """Compare the run with the goals."""
    run = _Run(figures)
    found = [_ratio_goal(run, each) for each in _RATIOS]
    found += [_requests_goal(run, step, 0) for step in _QUIET]
    found.append(_requests_goal(run, "refresh", _GOAL_REQUESTS))
    for step, limit in _DISTANCES.items():
        found.append(_distance_goal(run, _GOAL_CELL, step, limit))
        found.append(_ahead_goal(run, step))
    found += [_distance_goal(run, _GOAL_WIDE, step, limit) for step, limit in _DISTANCES_WIDE.items()]
    peaks = [
        figure.provider_kib * 1024 / 1e6
        for figure in figures
        if figure.contender == "ours" and figure.cell.integrations == 500 and figure.provider_kib
    ]
    found.append(
        _goal(
            f"provider process of 500 under {_GOAL_MEGABYTES} MB",
            peaks,
            max,
            "{:.0f} MB",
            lambda value: value < _GOAL_MEGABYTES,
        )
    )
    return found


def goals_table(found: Sequence[Goal]) -> str:
    """Return the goals as a table."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    table = _table(["goal", "measured", "met"], [[goal.text, goal.measured, words[goal.is_met]] for goal in found])
    return (
        "In the goals, `of 100` means a stack of 100 integrations, and `100 ms` is the latency of the simulated API. "
        f"[What is compared](#what-is-compared) describes `floor` and `plain`.\n\n{table}"
    )


def with_section(page: str, section: str) -> str:
    """Return the *page* with *section* between the marks.

    Raises:
        ValueError: The page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{section.strip()}\n\n{END}{after}"


def plot(figures: Sequence[Figure]) -> str:
    """Draw the times at one latency (100 ms if measured) as bars that are readable on light and dark pages."""
    run = _Run(figures)
    default = [cell for cell in run.cells if not cell.parallel]
    latency = _GOAL_CELL.latency_ms if _GOAL_CELL.latency_ms in {cell.latency_ms for cell in default} else None
    cells = [cell for cell in default if cell.latency_ms == (default[-1].latency_ms if latency is None else latency)]
    drawing = _Drawing(run.names)
    for cell in cells:
        drawing.add_panel(
            f"{_counted(cell.integrations)}, {_through(cell)}, seconds",
            [(_STEP_NAMES[step], [_median(run.whole(cell, step, name)) for name in run.names]) for step in STEPS],
        )
    return drawing.svg()


class _Drawing:
    """Panels of horizontal bars below each other, each with its own scale."""

    _WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 760, 170, 70, 9, 8
    _STYLE = (
        "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.value{font-size:9px}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
    )

    def __init__(self, names: Sequence[Name]) -> None:
        self._names = names
        self._parts: list[str] = []
        self._y = 34
        for number, name in enumerate(names):
            x = self._LEFT + 100 * number
            self._parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{_COLORS[name]}"/>')
            self._text(x + 18, 18, name)

    def add_panel(self, title: str, groups: Sequence[tuple[str, Sequence[float | None]]]) -> None:
        """Add a panel with a group of bars for each of *groups*, one bar for each name; None draws no bar."""
        longest = max((value for _, values in groups for value in values if value is not None), default=1.0)
        self._y += 22
        self._text(8, self._y, title, "title")
        self._y += self._GAP
        for label, values in groups:
            middle = self._y + (self._BAR * len(values)) // 2 + 4
            self._text(self._LEFT - 8, middle, label, anchor="end")
            for name, value in zip(self._names, values, strict=True):
                self._bar(name, value, longest)
                self._y += self._BAR
            self._y += self._GAP

    def svg(self) -> str:
        """Return the content of the file."""
        body = "\n".join(self._parts)
        size = f'width="{self._WIDTH}" height="{self._y + self._GAP}" viewBox="0 0 {self._WIDTH} {self._y + self._GAP}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{self._STYLE}</style>\n{body}\n</svg>\n'

    def _bar(self, name: Name, value: float | None, longest: float) -> None:
        width = 0.0 if value is None else (self._WIDTH - self._LEFT - self._RIGHT) * value / longest
        self._parts.append(
            f'<rect x="{self._LEFT}" y="{self._y}" width="{width:.1f}" height="{self._BAR - 1}" '
            f'fill="{_COLORS[name]}"/>'
        )
        shown = "none" if value is None else f"{value:.1f}"
        self._text(self._LEFT + width + 4, self._y + self._BAR - 1, shown, "value")

    def _text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        self._parts.append(
            f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{html.escape(text)}</text>'
        )


def _ratio_goal(run: _Run, goal: _Ratio) -> Goal:
    pairs = run.pairs(goal.cell, goal.step, goal.other, goal.value, goal.name)
    what = f"{_STEP_NAMES[goal.step]} {_of(goal.cell)}{_VALUES[goal.value]}"
    return _goal(
        f"{'' if goal.name == 'ours' else f'{goal.name}, '}{what}: at most {goal.limit:.2f} of {goal.other}",
        [ours / theirs for ours, theirs in pairs],
        statistics.median,
        f"{{:.{3 if goal.value == 'state_bytes' else 2}f}} of {goal.other}",
        lambda ratio: ratio <= goal.limit,
    )


def _ahead_goal(run: _Run, step: Step) -> Goal:
    return _goal(
        f"{_STEP_NAMES[step]} {_of(_GOAL_CELL)}: ahead of plain",
        [ours / plain for ours, plain in run.pairs(_GOAL_CELL, step, "plain")],
        statistics.median,
        "{:.2f} of plain",
        lambda ratio: ratio < 1,
    )


def _requests_goal(run: _Run, step: Step, limit: int) -> Goal:
    return _goal(
        f"{_STEP_NAMES[step]} {_of(_GOAL_CELL)}: " + (f"at most {limit} requests" if limit else "no request"),
        [figure.requests for figure in run.whole(_GOAL_CELL, step, "ours")],
        max,
        "{} requests",
        lambda value: value <= limit,
    )


def _distance_goal(run: _Run, cell: Cell, step: Step, limit: float) -> Goal:
    distances = [ours - floor for ours, floor in run.pairs(cell, step, "floor")]
    return _goal(
        f"{_STEP_NAMES[step]} {_of(cell)}: at most floor + {limit} s",
        distances,
        statistics.median,
        "floor {:+.2f} s",
        lambda value: value <= limit,
    )


def _goal(
    text: str,
    values: Sequence[float],
    summary: Callable[[Sequence[float]], float],
    shown: str,
    is_met: Callable[[float], bool],
) -> Goal:
    if not values:
        return Goal(text, "-", None)
    value = summary(values)
    return Goal(text, shown.format(value), is_met(value))


def _of(cell: Cell) -> str:
    return f"of {cell.integrations}, {_through(cell)}"


def _counted(integrations: int) -> str:
    return f"{integrations} integration{'' if integrations == 1 else 's'}"


def _through(cell: Cell) -> str:
    return f"{cell.latency_ms} ms{f', `--parallel {cell.parallel}`' if cell.parallel else ''}"


def _median(found: Sequence[Figure]) -> float | None:
    return statistics.median(figure.seconds for figure in found) if found else None


def _seconds(found: Sequence[Figure]) -> str:
    if any(figure.failure for figure in found):
        return "failed"
    value = _median(found)
    mark = "*" if any(figure.waited for figure in found) else ""
    return "-" if value is None else f"{value:.2f}{mark}"


def _ratio(pairs: Sequence[tuple[float, float]]) -> str:
    return f"{statistics.median(ours / theirs for ours, theirs in pairs):.2f}" if pairs else "-"


def _requests(found: Sequence[Figure]) -> str:
    if not found:
        return "-"
    sent, rate_limited = (sorted({getattr(each, name) for each in found}) for name in ("requests", "rate_limited"))
    shown = _span(sent)
    return f"{shown}, {_span(rate_limited)} of them 429" if rate_limited[-1] else shown


def _span(values: Sequence[int]) -> str:
    return f"{values[0]:,}" if values[0] == values[-1] else f"{values[0]:,} to {values[-1]:,}"


def _cpu_table(run: _Run, others: Sequence[Name]) -> str:
    """Return the table of CPU seconds: the parts of the engine, the program and the provider process, and the sum."""
    head = [
        "integrations",
        "API",
        "command",
        *(f"{name}: engine / program / provider (all)" for name in run.names),
        *(f"ours/{name}" for name in others),
    ]
    rows = [
        [
            str(cell.integrations),
            _through(cell),
            _STEP_NAMES[step],
            *(_cpu(run.whole(cell, step, name)) for name in run.names),
            *(_ratio(run.pairs(cell, step, name, "cpu_seconds")) for name in others),
        ]
        for cell in run.cells
        for step in STEPS
    ]
    return _table(head, rows)


def _cpu(found: Sequence[Figure]) -> str:
    parts = [
        [known for figure in found if (known := getattr(figure, name)) is not None]
        for name in ("engine_cpu_seconds", "program_cpu_seconds", "host_cpu_seconds", "cpu_seconds")
    ]
    if not all(parts):
        return "-"
    engine, program, host, total = map(statistics.median, parts)
    return f"{engine:.2f} / {program:.2f} / {host:.2f} ({total:.2f})"


def _sizes(run: _Run) -> str:
    rows = []
    for integrations in sorted({cell.integrations for cell in run.cells}):
        cells = [cell for cell in run.cells if cell.integrations == integrations]
        for name in run.names:
            found = [figure for cell in cells for step in STEPS for figure in run.found(cell, step, name)]
            created = [figure.state_bytes for figure in found if figure.step == "create"]
            rows.append(
                [
                    str(integrations),
                    name,
                    f"{statistics.median_high(created):,}" if created else "-",
                    f"{statistics.median_high(created) / integrations:,.0f}" if created else "-",
                    _megabytes([figure.provider_kib for figure in found]),
                    _megabytes([figure.cli_kib for figure in found]),
                ]
            )
    head = ["state, bytes", "state, bytes for each integration", "provider process, MB at most", "CLI, MB at most"]
    return _table(["integrations", "", *head], rows)


def _megabytes(kib: Sequence[int | None]) -> str:
    known = [value for value in kib if value is not None]
    return f"{max(known) * 1024 / 1e6:.0f}" if known else "-"


def _reason(figure: Figure) -> str:
    lines = [line.strip(" │╷╵*").replace("`", "'") for line in figure.failure.splitlines()]
    # `Error: ...` of Terraform, `error: JusttError: ...` of this provider, and the last line of a traceback.
    return next((line for line in lines if re.search(r"Error: \S", line)), lines[-1])[:300]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
