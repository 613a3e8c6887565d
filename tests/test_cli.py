"""The command line: arguments, what it prints, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from conftest import canary
from fake_pulumi import FakePulumi
from pulumi_justt.cli import main
from pulumi_justt.commands import doctor


def test_simulator_serves_until_interrupted(tmp_path: Path) -> None:
    """`pulumi-justt simulator` prints its address, obeys its options, keeps its records and ends on a signal."""
    command = [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--database", str(tmp_path / "records.sqlite")]
    command += ["--extra-source", "shopify", "--extra-secret-type", "OAUTH", "--successful-after", "0"]
    seen = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            label, url = process.stdout.readline().strip().split(": ")
            assert label == "Justt API simulator"
            with httpx.Client(base_url=url, headers={"authorization": "Bearer any"}, trust_env=False) as client:
                body = {"externalIdentifier": "x", "integrationName": "X", "source": "shopify", "secretType": "OAUTH"}
                assert client.post("/integrations", json={**body, "secretPayload": {"a": 1}}).status_code == 201
                seen.append([record["status"] for record in client.get("/integrations").json()])
            process.send_signal(number)
            assert process.wait(timeout=20) == 0
    assert seen == [["SUCCESSFUL"], ["SUCCESSFUL", "SUCCESSFUL"]]


def test_simulator_lets_things_go_wrong() -> None:
    """Each `--fault` is one fault, in their order, and `--seed` is the seed of all."""
    command = [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--seed", "7"]
    command += ["--fault", "GET * status=503 times=1", "--fault", "* * status=429 retry-after=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().partition(": ")[2]
        with httpx.Client(base_url=url, headers={"authorization": "Bearer any"}, trust_env=False) as client:
            answers = [client.get("/integrations") for _ in range(2)]
            seed = client.get(f"{url.removesuffix('/v1')}/_simulator/options").json()["seed"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [(503, None), (429, "2")]
    assert seed == 7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--latency", "-1"], "latency must be a number of seconds"),
        (["--requests-per-minute", "0"], "requests_per_minute must be a whole number, 1 or more"),
        (["--database", "/no/such/folder/records.sqlite"], "unable to open database file"),
        (["--port", "99999"], "port must be 0-65535"),
        (["--fault", "GET * explode"], "no fault is called 'explode'; known are latency, "),
        (["--fault", "GET"], "a fault is written METHOD ROUTE FAULT[=VALUE]"),
        (["--seed", "-1"], "seed must be a whole number"),
    ],
)
def test_simulator_refuses(arguments: list[str], expected: str) -> None:
    """Options that cannot be used end in one line and exit code 3."""
    result = CliRunner().invoke(main, ["simulator", *arguments])
    assert result.exit_code == 3
    assert expected in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1


def test_version() -> None:
    """`--version` names the package's version."""
    assert CliRunner().invoke(main, ["--version"]).output.startswith("pulumi-justt, version ")


@pytest.mark.parametrize(
    ("missing", "arguments", "code", "expected"),
    [
        ("click", ["--version"], 1, "pulumi-justt: click is missing: run `pip install 'pulumi-justt[cli]'`\n"),
        ("aiohttp", ["simulator"], 3, "error: aiohttp is missing: run `pip install 'pulumi-justt[simulator]'`\n"),
        ("rich", ["--version"], 0, ""),
        ("aiohttp", ["--version"], 0, ""),
    ],
)
def test_without_an_extra(missing: str, arguments: list[str], code: int, expected: str) -> None:
    """Each command says how to install what it needs, and needs nothing else."""
    program = f"import sys; sys.modules[{missing!r}] = None; from pulumi_justt.cli import main; main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, expected)


@pytest.mark.parametrize("is_debugging", [False, True])
def test_a_defect_of_ours(project: FakePulumi, monkeypatch: pytest.MonkeyPatch, is_debugging: bool) -> None:
    """It does not end as a finding does, and its own text, which may quote a value, is shown nowhere."""
    value = canary("value")

    def fail(*_: object, **__: object) -> None:
        raise ValueError(value)

    monkeypatch.setattr(doctor, "examine", fail)
    result = project.run("doctor", environ={"JUSTT_DEBUG": "1"} if is_debugging else {})
    first, *others = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, type(result.exception)) == (3, "", SystemExit)
    assert first.startswith("error: an error inside pulumi-justt, ValueError at test_cli.py:")
    assert first.endswith("Please report it with what JUSTT_DEBUG=1 prints.")
    assert any("in _doctor" in line for line in others) == is_debugging
    assert bool(others) == is_debugging
    assert value not in result.output


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (click.UsageError("no such thing"), 2, "Error: no such thing"),
        (click.exceptions.Exit(7), 7, ""),
        (click.Abort(), 3, "Stopped."),
        (KeyboardInterrupt(), 3, "Stopped."),
    ],
)
def test_what_is_no_defect(
    project: FakePulumi, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    """A wrong command line, an exit that is meant and Ctrl-C end as they are documented."""

    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(doctor, "examine", fail)
    result = project.run("doctor")
    assert result.exit_code == code
    assert words in result.stderr
    assert "an error inside" not in result.stderr


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_has_enough(project: FakePulumi, closed: str) -> None:
    """Where nobody reads on, as below `| head -1`, the command ends without a word, and not as a finding."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_justt.cli", "list", "--cwd", str(project.project)],
            env={**os.environ, "PATH": project.path if closed == "stdout" else "/nowhere"},
            stdout=writing if closed == "stdout" else subprocess.PIPE,
            stderr=writing if closed == "stderr" else subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (3, b"", b"")
