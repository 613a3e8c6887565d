"""The benchmark runs, counts requests, and writes its report. No test asserts how fast anything is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import bench
import bench_contenders
import bench_report
from bench_contenders import Contender, LeftOut, Name, PulumiContender, Step
from bench_measure import Cell, Figure, Plan, measure, run
from pulumi_justt.simulator import Options
from support import environment
from support.checkout import ROOT
from support.harness import HANG_SECONDS

ONE_REQUEST = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
connection.request("GET", "/v1/integrations", headers={"Authorization": "Bearer any"})
connection.getresponse()
if sys.argv[2] == sys.argv[3]:
    raise SystemExit("error: no more")
"""
HUNGRY = """
import subprocess, sys, time
kept = bytearray({mebibytes} << 20)
if {child!r}:
    subprocess.run([sys.executable, {child!r}], check=True)
else:
    time.sleep(5)
"""
BUSY_CLI = """
import subprocess, sys
subprocess.run([sys.executable, "shell.py"], check=True)
subprocess.run([sys.executable, "program.py", "pulumi-language-python-exec"], check=True)
"""
BUSY_SHELL = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "provider.py"])
time.sleep(2)
"""
BUSY = """
import time
while time.process_time() < {seconds}:
    pass
time.sleep({pause})
while time.process_time() < {seconds} + {later}:
    pass
"""


class Fake(Contender):
    """A contender that sends one request for each step."""

    provider_mark = "no-such-process"

    def __init__(self, name: Name, folder: Path, base_url: str, failing: Step | None = None) -> None:
        folder.mkdir(parents=True)
        self.name, self.folder, self.state = name, folder, folder / "state"
        self._address, self._failing = base_url.split("/")[2], failing
        self.secrets: list[str] = []

    def command(self, step: Step, parallel: int | None) -> list[str]:
        """Return a command that sends one request, and that then fails if the contender is to fail at *step*."""
        assert parallel == 7
        failing = str(self._failing if len(self.secrets) > len(bench_contenders.STEPS) else None)
        return [sys.executable, "-I", "-S", "-c", ONE_REQUEST, self._address, step, failing]

    def environ(self, integrations: int, secret: str) -> dict[str, str]:
        """Return no variables, and record the secret for the test."""
        assert integrations == 5
        self.secrets.append(secret)
        return {}


def figure(name: Name, step: Step, seconds: float, **others: Any) -> Figure:  # noqa: ANN401 - any of its fields
    """Return a figure of 100 integrations at 100 ms."""
    given: dict[str, Any] = {
        "cell": Cell(100, 100),
        "round": 0,
        "requests": 0,
        "rate_limited": 0,
        "waited": False,
        "state_bytes": 1000,
        "provider_kib": None,
        "cli_kib": None,
        "cpu_seconds": None,
        "host_cpu_seconds": None,
        "program_cpu_seconds": None,
        "failure": "",
        **others,
    }
    return Figure(contender=name, step=step, seconds=seconds, **given)


def rows(table: str, begin: str) -> list[list[str]]:
    """Return the cells of each row of a table that starts with *begin*."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith(begin)]


def met(figures: list[Figure]) -> dict[str, tuple[str, bool | None]]:
    """Return the result of each goal."""
    return {goal.text: (goal.measured, goal.is_met) for goal in bench_report.goals(figures)}


@pytest.mark.slow
def test_each_contender_takes_each_step(tmp_path: Path, engine_bin: Path) -> None:
    """On the real engine, each contender runs each step without a failure and with the expected number of requests.

    The state of `floor` has one secret and one plain property. That of `plain` has the fields of `ours` except
    `environment`. That of `plugin` has the id as well, and no provider.
    """
    made: dict[Name, Contender] = {}
    recorded: dict[Name, list[Any]] = {}

    def make(name: Name, folder: Path, base_url: str) -> Contender:
        assert name != "restapi"
        made[name] = PulumiContender(name, folder, engine_bin, base_url)
        return made[name]

    figures = []
    for each in measure(Plan(bench.QUICK_CELLS, 1, bench.QUICK_NAMES), make, tmp_path):
        assert each.failure == ""
        figures.append(each)
        if each.step == "create":
            checkpoint = json.loads(made[each.contender].state.read_text())["checkpoint"]["latest"]
            recorded[each.contender] = [found["outputs"] for found in checkpoint["resources"][2:]]
    assert {name: [each.requests for each in figures if each.contender == name] for name in made} == {
        "floor": [0, 0, 0, 0, 0, 0],
        "plain": [2, 0, 0, 2, 4, 2],
        "ours": [3, 0, 0, 2, 5, 2],
        "plugin": [3, 0, 0, 2, 5, 2],
    }
    assert not any(each.rate_limited or each.waited for each in figures)
    assert all(each.seconds > 0 and 0 < each.state_bytes < 20_000 for each in figures)
    if Path("/proc").exists():
        assert all(20_000 < (peak or 0) < 1_000_000 for each in figures for peak in (each.provider_kib, each.cli_kib))
        for each in figures:
            assert each.host_cpu_seconds
            assert each.engine_cpu_seconds
            # Pulumi refreshes and destroys without the program.
            assert bool(each.program_cpu_seconds) == (each.step not in ("refresh", "destroy"))
    assert [len(found) for found in recorded.values()] == [2, 2, 2, 2]
    floor, plain, ours, plugin = (shape(recorded[name][0]) for name in ("floor", "plain", "ours", "plugin"))
    assert floor == {"__provider": str, "name": str, "secret": "secret"}
    assert ours == {**plain, "environment": str}
    assert {**ours, "integrationId": str} == {**plugin, "__provider": str}
    assert ours["secretPayload"] == {"apiKey": "secret"}


def shape(value: dict[str, Any]) -> dict[str, Any]:
    """Return the types of an object's values, with `"secret"` for those that are encrypted."""
    return {
        name: ("secret" if "ciphertext" in item else shape(item)) if isinstance(item, dict) else type(item)
        for name, item in value.items()
    }


@pytest.mark.slow
def test_contenders_take_turns(tmp_path: Path) -> None:
    """Each round begins with another contender, a new secret and a full quota.

    A contender that has failed takes no further step.
    """
    made: dict[Name, Fake] = {}

    def make(name: Name, folder: Path, base_url: str) -> Contender:
        made[name] = Fake(name, folder, base_url, "preview" if name == "plain" else None)
        return made[name]

    plan = Plan([Cell(5, 0, 7)], 2, ["floor", "plain"])
    figures = list(measure(plan, make, tmp_path, Options(requests_per_minute=1)))
    assert [(each.contender, each.round, each.step) for each in figures[12:]] == [
        ("plain", 1, "create"),
        ("floor", 1, "create"),
        ("plain", 1, "preview"),
        *(("floor", 1, step) for step in bench_contenders.STEPS[1:]),
    ]
    assert [each.contender for each in figures[:12]] == ["floor", "plain"] * 6
    assert [each.failure for each in figures if each.failure] == ["error: no more"]
    assert {(each.requests, each.rate_limited) for each in figures} == {(1, 0)}
    first, rotated = made["floor"].secrets[0], made["floor"].secrets[4]
    assert made["floor"].secrets[:6] == [first] * 4 + [rotated] * 2
    assert len({first, rotated, *made["floor"].secrets[6:]}) == 4


@pytest.mark.skipif(not Path("/proc").exists(), reason="the memory of other processes is read from /proc")
@pytest.mark.slow
def test_the_peak_of_each_process_is_found(tmp_path: Path) -> None:
    """`run` measures the peak memory of the command and of its provider, even if other processes are between them."""
    for name, mebibytes, child in (("cli", 40, "shell.py"), ("shell", 150, "provider.py"), ("provider", 80, "")):
        (tmp_path / f"{name}.py").write_text(HUNGRY.format(mebibytes=mebibytes, child=child))
    usage = run([sys.executable, "cli.py"], tmp_path, environment.build(), "provider.py").usage
    assert usage.cli_kib is not None
    assert usage.provider_kib is not None
    assert 40 << 10 < usage.cli_kib < 80 << 10 < usage.provider_kib < 120 << 10


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux can a process wait for orphans")
@pytest.mark.slow
def test_the_cpu_time_of_each_process_is_found(tmp_path: Path) -> None:
    """`run` measures the CPU time of a command, of its program and of its provider.

    The provider's time is complete even if the provider outlives the CLI.
    """
    (tmp_path / "cli.py").write_text(BUSY_CLI)
    (tmp_path / "shell.py").write_text(BUSY_SHELL)
    (tmp_path / "provider.py").write_text(BUSY.format(seconds=0.2, pause=5, later=0.6))
    (tmp_path / "program.py").write_text(BUSY.format(seconds=0.4, pause=1, later=0))
    ended = run([sys.executable, "cli.py"], tmp_path, environment.build(), "provider.py")
    assert ended.code == 0
    host, program, total = ended.usage.host_cpu_seconds, ended.usage.program_cpu_seconds, ended.cpu_seconds
    assert host is not None
    assert program is not None
    assert total is not None
    # The kernel counts in hundredths of a second.
    assert host >= 0.79
    assert program >= 0.39
    assert total > host + program


def test_tables_show_medians_and_failures() -> None:
    """The table shows the median of the times, the median of each round's ratios, and the 429s, waits and failures."""
    figures = [
        figure("floor", "create", 1.0),
        figure("floor", "create", 2.0, round=1),
        figure("floor", "create", 4.0, round=2),
        figure("ours", "create", 4.0, requests=101, waited=True),
        figure("ours", "create", 8.0, round=1, requests=101),
        figure("ours", "create", 4.0, round=2, requests=103, rate_limited=2),
        figure("plain", "create", 1.0, requests=7, failure="an error:\n│ Error: `Conflict`\n│ more\n╵"),
        figure("plain", "create", 1.0, round=1),
    ]
    text = bench_report.tables(figures)
    assert rows(text, "| API") == [
        [
            "API",
            "command",
            *("floor, s", "plain, s", "ours, s"),
            *("ours/floor", "ours/plain"),
            *("requests: plain", "requests: ours"),
        ]
    ]
    assert rows(text, "| 100 ms | create") == [
        ["100 ms", "create", "2.00", "failed", "4.00*", "4.00", "-", "0 to 7", "101 to 103, 0 to 2 of them 429"]
    ]
    assert rows(text, "| 100 ms | destroy") == [["100 ms", "destroy", "-", "-", "-", "-", "-", "-", "-"]]
    assert "- plain, create of 100, 100 ms: `Error: 'Conflict'`\n" in text


def test_sizes_show_state_and_memory() -> None:
    """The table of sizes shows the size of the state after the create, in total and for each integration.

    It also shows the peak memory of all commands.
    """
    figures = [
        figure("ours", "create", 1.0, state_bytes=123456, provider_kib=50_000, cli_kib=100_000),
        figure("ours", "refresh", 1.0, state_bytes=300),
        figure("ours", "destroy", 1.0, state_bytes=300, provider_kib=60_000, cli_kib=None),
    ]
    assert rows(bench_report.tables(figures), "| 100 | ours") == [["100", "ours", "123,456", "1,235", "61", "102"]]


def test_cpu_seconds_are_split() -> None:
    """The table of CPU seconds shows the part of each process, or a dash if it is unknown."""
    figures = [
        figure("floor", "create", 9.0, cpu_seconds=4.0, host_cpu_seconds=0.5, program_cpu_seconds=1.0),
        figure("ours", "create", 9.0, cpu_seconds=6.0, host_cpu_seconds=1.5, program_cpu_seconds=2.0),
        figure("ours", "create", 9.0, round=1, cpu_seconds=8.0, host_cpu_seconds=1.5, program_cpu_seconds=2.0),
        figure("plain", "create", 9.0),
    ]
    table = bench_report.tables(figures).partition("### CPU seconds")[2]
    assert rows(table, "| 100 | 100 ms | create") == [
        [
            *("100", "100 ms", "create"),
            *("2.50 / 1.00 / 0.50 (4.00)", "-", "3.50 / 2.00 / 1.50 (7.00)"),
            *("1.50", "-"),
        ]
    ]


def test_goals_are_met_by_their_own_cells() -> None:
    """Only the figures of a goal's own cell decide whether the goal is met.

    A goal without figures is shown as not measured.
    """
    wide, many = Cell(100, 100, 32), Cell(500, 100)
    found = met(
        [
            figure("floor", "preview", 1.0, cpu_seconds=1.0),
            figure("ours", "preview", 1.1, cpu_seconds=1.12),
            figure("floor", "up", 1.0, cpu_seconds=1.0),
            figure("ours", "up", 1.2, cpu_seconds=1.13, requests=1),
            figure("floor", "create", 2.0, cpu_seconds=2.0),
            figure("ours", "create", 3.1, cpu_seconds=2.4, state_bytes=1021),
            figure("plain", "create", 3.0),
            figure("floor", "refresh", 1.0),
            figure("ours", "refresh", 1.1, requests=6),
            figure("floor", "rotate", 100.0, cell=many),
            figure("ours", "rotate", 111.0, cell=many),
            figure("floor", "create", 2.0, cell=wide),
            figure("ours", "create", 2.7, cell=wide),
            figure("ours", "create", 9.0, cell=many, provider_kib=120_000),
        ]
    )
    assert found["preview, nothing to do of 100, 100 ms: at most 1.10 of floor"] == ("1.10 of floor", True)
    assert found["preview, nothing to do of 100, 100 ms: no request"] == ("0 requests", True)
    assert found["preview, nothing to do of 100, 100 ms, CPU: at most 1.12 of floor"] == ("1.12 of floor", True)
    assert found["up, nothing to do of 100, 100 ms: at most 1.10 of floor"] == ("1.20 of floor", False)
    assert found["up, nothing to do of 100, 100 ms: no request"] == ("1 requests", False)
    assert found["up, nothing to do of 100, 100 ms, CPU: at most 1.12 of floor"] == ("1.13 of floor", False)
    assert found["create of 100, 100 ms: at most floor + 1.2 s"] == ("floor +1.10 s", True)
    assert found["create of 100, 100 ms: ahead of plain"] == ("1.03 of plain", False)
    assert found["create of 100, 100 ms, CPU: at most 1.20 of floor"] == ("1.20 of floor", True)
    assert found["create of 100, 100 ms, state bytes: at most 1.02 of plain"] == ("1.021 of plain", False)
    assert found["refresh of 100, 100 ms: at most 1.10 of floor"] == ("1.10 of floor", True)
    assert found["refresh of 100, 100 ms: at most 5 requests"] == ("6 requests", False)
    assert found["refresh of 100, 100 ms, CPU: at most 1.15 of floor"] == ("-", None)
    assert found["rotate all of 500, 100 ms: at most 1.10 of floor"] == ("1.11 of floor", False)
    assert found["create of 100, 100 ms, `--parallel 32`: at most floor + 0.8 s"] == ("floor +0.70 s", True)
    assert found["provider process of 500 under 120 MB"] == ("123 MB", False)
    assert found["destroy of 100, 100 ms: ahead of plain"] == ("-", None)
    table = bench_report.goals_table(bench_report.goals([]))
    assert len(rows(table, "| ")) == len(found) + 2
    assert table.count("not measured") == len(found)


def test_the_plot_has_proportional_bars() -> None:
    """In the plot, a bar's length is proportional to its time, and a contender that has failed has no bar."""
    figures = [figure("floor", "create", 2.0), figure("ours", "create", 4.0), figure("plain", "up", 1.0, failure="no")]
    drawn = ET.fromstring(bench_report.plot([*figures, figure("ours", "create", 9.0, cell=Cell(100, 300))]))  # noqa: S314 - a file of our own
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in drawn.iter(f"{space}text")]
    assert "100 integrations, 100 ms, seconds" in texts
    assert not any("300 ms" in (text or "") for text in texts)
    floor, plain, ours = [float(bar.attrib["width"]) for bar in drawn.iter(f"{space}rect")][3:6]
    assert (plain, ours) == (0, 2 * floor)
    assert texts[texts.index("create") + 1 :][:3] == ["2.0", "none", "4.0"]


def test_stored_figures_are_reported_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`bench.py --from` prints the report of stored figures.

    It exits with 1 if `ours` failed, and with 0 if only `plain` failed.
    """
    kept = tmp_path / "kept.jsonl"

    def keep(*figures: Figure) -> None:
        kept.write_text("\n".join(map(json.dumps, [{"facts": "two cores"}, *(each.to_json() for each in figures)])))

    keep(figure("ours", "create", 1.25), figure("plain", "create", 1.0, failure="no"))
    assert bench.main(["--from", str(kept)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("two cores\n")
    assert "| 100 ms | create | failed | 1.25 |" in printed
    keep(figure("ours", "create", 1.25, failure="no"))
    assert bench.main(["--from", str(kept)]) == 1


def test_two_files_are_one_report_if_they_have_other_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`bench.py --from` joins files with different cells into one report.

    It refuses two files with the same cell, because their runs did not take turns.
    """
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for path, cell in ((one, Cell(1, 0)), (two, Cell(2, 0)), (three, Cell(1, 0))):
        lines = [{"facts": f"of {path.name}"}, figure("ours", "create", 1.25, cell=cell).to_json()]
        path.write_text("\n".join(map(json.dumps, lines)))
    assert bench.main(["--from", str(one), str(two)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("of one\nof two\n")
    assert "### 2 integrations" in printed
    with pytest.raises(SystemExit, match=r"three measured 1/0 too"):
        bench.main(["--from", str(one), str(three)])


@pytest.mark.slow
def test_the_quick_form_works(engine_bin: Path) -> None:
    """`bench.py --quick --before HEAD` measures this package and the package of that commit.

    It stores the figures and prints the report.
    """
    words = ["--quick", "--contenders", "ours", "--before", "HEAD"]
    paths = os.pathsep.join(str(ROOT / name) for name in ("tests", "tools/benchmarks", "tools/engine", "provider"))
    path = f"{engine_bin}{os.pathsep}{environment.PATH}"
    # Coverage of an earlier package is irrelevant.
    environ = environment.build({"PYTHONPATH": paths, "PATH": path}, is_measured=False)
    command = [sys.executable, str(ROOT / "tools" / "benchmarks" / "bench.py"), *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert "The provider's first check takes" in done.stdout
    assert "\nBefore: `import pulumi` takes" in done.stdout
    created = rows(done.stdout, "| 0 ms | create")[0]
    assert [float(cell) > 0 for cell in created[2:5]] == [True] * 3
    assert created[5:] == ["3", "3"]
    figures = Path(done.stderr.partition("kept in ")[2].strip())
    assert len(figures.read_text().splitlines()) == 1 + 2 * len(bench_contenders.STEPS)
    figures.unlink()


def test_the_page_gets_the_figures_between_its_marks() -> None:
    """`with_section` replaces only the text between the marks of a page. It rejects a page without the marks."""
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    once = bench_report.with_section(page, "figures\n")
    assert bench_report.with_section(once, "others") == once.replace("\nfigures\n", "\nothers\n")
    assert once.startswith(page.partition(bench_report.BEGIN)[0])
    with pytest.raises(ValueError, match="the page has no"):
        bench_report.with_section("no marks", "figures")


@pytest.mark.parametrize("text", ["100", "0/0", "1/-1", "1/2/3/4", "a/b"])
def test_an_invalid_cell_is_rejected(text: str) -> None:
    """`Cell.parse` rejects an invalid text, and keeps all parts of a valid one."""
    with pytest.raises((TypeError, ValueError)):
        Cell.parse(text)
    assert [str(Cell.parse(each)) for each in ("1/0", "100/100/32")] == ["1/0", "100/100/32"]


def test_a_variable_is_a_name_and_a_value() -> None:
    """`bench.py` accepts several `--variable` options, and a value may contain an equals sign.

    It rejects a text without a name or a value.
    """
    words = ["--variable", "PULUMI_SKIP_CHECKPOINTS=true", "--variable", "A=b=c"]
    assert bench._arguments(words).variable == [("PULUMI_SKIP_CHECKPOINTS", "true"), ("A", "b=c")]
    assert bench._arguments([]).variable == []
    for text in ("A", "=b"):
        with pytest.raises(SystemExit):
            bench._arguments(["--variable", text])


def test_a_contender_without_terraform_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Terraform is not on PATH, the benchmark skips the contender that needs it, and gives the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LeftOut, match="no terraform on PATH"):
        bench_contenders.restapi(tmp_path)


def test_an_earlier_package_is_extracted_from_the_repository(tmp_path: Path) -> None:
    """`sources` extracts the package of a commit into a separate folder.

    If git doesn't know the commit, the benchmark skips the contender.
    """
    package = bench_contenders.sources("HEAD", tmp_path)
    assert (package / "pulumi_justt" / "provider.py").is_file()
    assert package == bench_contenders.sources("HEAD", tmp_path)
    assert ROOT not in package.parents
    with pytest.raises(LeftOut, match="git knows no commit no-such-commit"):
        bench_contenders.sources("no-such-commit", tmp_path)


def test_the_estimate_grows_with_cells_and_rounds() -> None:
    """The estimated duration of a benchmark grows with the number of cells.

    It is proportional to the number of rounds.
    """
    part = bench.estimate(Plan([Cell(100, 100)], 1, bench.QUICK_NAMES))
    assert 10 < part < bench.estimate(Plan(bench.CELLS, 1, bench.QUICK_NAMES))
    assert bench.estimate(Plan([Cell(100, 100)], 3, bench.QUICK_NAMES)) == pytest.approx(3 * part)
