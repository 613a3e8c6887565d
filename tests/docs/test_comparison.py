"""docs/explanation/comparison.md has the numbers of the table of faults and of the benchmark."""

from __future__ import annotations

import re

from support.checkout import ROOT

PAGE = (ROOT / "docs" / "explanation" / "comparison.md").read_text()


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the tables in *text*."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")
    ]


def test_counts_of_the_table_of_faults() -> None:
    """The page counts the bad cells of the table of faults, for this package and for the plain provider."""
    failures = (ROOT / "docs" / "explanation" / "failures.md").read_text()
    table = rows(failures.partition("<!-- make faults -->")[2].partition("<!-- end -->")[0])
    head = table[0]

    def bad(contender: str, column: str) -> str:
        of = {row[0] for row in table if row[1].startswith(contender) and "**" in row[head.index(column)]}
        return str(len(of))

    columns = ("duplicates", "unnamed orphans", "lost from state", "rerun converges")
    shown = [row[1:] for row in rows(PAGE) if row[0].startswith("failures ")]
    assert shown == [[bad("ours", column), bad("plain", column)] for column in columns]
    count = len({row[0] for row in table[1:]} - {"---"})
    assert f"runs {count} kinds of failures" in PAGE


def test_numbers_of_the_benchmark() -> None:
    """The page has the times and requests of the benchmark, in the order of its commands."""
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text()
    table = rows(benchmarks.partition("### 100 integrations")[2].partition("\n### ")[0])
    head = table[0]
    cells = {row[1]: row for row in table if row[0] == "100 ms"}
    shown = {row[0]: row[1:] for row in rows(PAGE) if len(row) == len(cells) + 1}
    assert shown[""] == list(cells)
    for name, column in (
        ("time, compared with the plain dynamic provider", "ours/plain"),
        ("requests of this package", "requests: ours"),
        ("requests of the plain dynamic provider", "requests: plain"),
    ):
        assert shown[name] == [row[head.index(column)] for row in cells.values()]


def test_each_alternative_is_better_somewhere() -> None:
    """The page says of each alternative where it's better, and when this package is the wrong choice."""
    listed = re.findall(r"^- \*\*([\w\s-]+)\*\*", PAGE.partition("## What happens")[0], re.MULTILINE)
    better = re.findall(r"^- \*\*([\w\s-]+)\*\*", PAGE.partition("## Where the others are better")[2], re.MULTILINE)
    assert [name.lower() for name in better] == [name.lower() for name in listed]
    assert "## Where this package is the wrong choice" in PAGE
