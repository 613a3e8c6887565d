"""The command line: options, output, exit codes, and streams that are closed or full."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from pulumi_justt.cli.app import main
from pulumi_justt.cli.doctor import examination
from support import environment
from support.fake_pulumi import FakePulumi
from support.harness import HANG_SECONDS
from support.secret_scanner import canary


def test_simulator_serves_until_interrupted(tmp_path: Path) -> None:
    """`pulumi-justt simulator` prints its URL, applies its options, and ends on SIGINT or SIGTERM.

    After a restart, its database file still has the records.
    """
    command = [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--database", str(tmp_path / "records.sqlite")]
    command += ["--extra-source", "shopify", "--extra-secret-type", "OAUTH", "--successful-after", "0"]
    seen = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            label, url = process.stdout.readline().strip().split(": ")
            assert label == "Justt API simulator"
            with httpx.Client(
                base_url=url, headers={"authorization": "Bearer any"}, trust_env=False, timeout=HANG_SECONDS
            ) as client:
                body = {"externalIdentifier": "x", "integrationName": "X", "source": "shopify", "secretType": "OAUTH"}
                assert client.post("/integrations", json={**body, "secretPayload": {"a": 1}}).status_code == 201
                seen.append([record["status"] for record in client.get("/integrations").json()])
            process.send_signal(number)
            assert process.wait(timeout=600) == 0
    assert seen == [["SUCCESSFUL"], ["SUCCESSFUL", "SUCCESSFUL"]]


@pytest.mark.slow
def test_simulator_injects_the_given_faults() -> None:
    """`pulumi-justt simulator` applies the fault of each `--fault` in the given order, and uses `--seed`."""
    command = [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--seed", "7"]
    command += ["--fault", "GET * status=503 times=1", "--fault", "* * status=429 retry-after=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().partition(": ")[2]
        with httpx.Client(
            base_url=url, headers={"authorization": "Bearer any"}, trust_env=False, timeout=HANG_SECONDS
        ) as client:
            answers = [client.get("/integrations") for _ in range(2)]
            seed = client.get(f"{url.removesuffix('/v1')}/_simulator/options").json()["seed"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=600) == 0
    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [(503, None), (429, "2")]
    assert seed == 7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--latency", "-1"], "latency must be a number of seconds"),
        (["--requests-per-minute", "0"], "requests_per_minute must be a whole number, 1 or more"),
        (["--database", "/no/such/folder/records.sqlite"], "unable to open database file"),
        (["--port", "99999"], "port must be 0-65535"),
        (["--fault", "GET * explode"], "unknown fault 'explode'; faults are latency, "),
        (["--fault", "GET"], "a fault is written METHOD ROUTE FAULT[=VALUE]"),
        (["--seed", "-1"], "seed must be a whole number"),
    ],
)
def test_simulator_refuses_invalid_options(arguments: list[str], expected: str) -> None:
    """For an invalid option, `pulumi-justt simulator` prints an error of one line and exits with 3."""
    result = CliRunner().invoke(main, ["simulator", *arguments])
    assert result.exit_code == 3
    assert expected in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1


def test_a_port_in_use_is_a_sentence() -> None:
    """If another program uses the port, `pulumi-justt simulator` says so and what to do, and exits with 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["simulator", "--port", str(port)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        f"error: port {port} of this machine is in use. Stop the program that uses it, or choose another port. "
        "Without --port, the command chooses a free one.\n"
    )


def test_help_shows_whole_summaries() -> None:
    """`pulumi-justt --help` shows the whole first sentence of each command's help."""
    shown = " ".join(CliRunner().invoke(main, ["--help"]).output.partition("Commands:")[2].split())
    summaries = [" ".join(str(command.help).split()).partition(". ")[0] for command in main.commands.values()]
    assert len(summaries) > 5
    assert [summary for summary in summaries if summary not in shown] == []


def test_version() -> None:
    """`pulumi-justt --version` prints the package's version."""
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
@pytest.mark.daily(1)
def test_a_missing_extra_is_named(missing: str, arguments: list[str], code: int, expected: str) -> None:
    """If a library is missing, a command that needs it prints which extra to install.

    Commands that don't need the library work.
    """
    program = f"import sys; sys.modules[{missing!r}] = None; from pulumi_justt.cli.app import main; main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, expected)


@pytest.mark.parametrize("is_debugging", [False, True])
def test_an_internal_error_exits_with_3(
    project: FakePulumi, monkeypatch: pytest.MonkeyPatch, is_debugging: bool
) -> None:
    """If a command fails with an internal error, it exits with 3 and shows the error's type and location.

    The command doesn't show the exception's text, which may contain a credential.
    """
    value = canary("value")

    def fail(*_: object, **__: object) -> None:
        raise ValueError(value)

    monkeypatch.setattr(examination, "examine", fail)
    result = project.run("doctor", environ={"JUSTT_DEBUG": "1"} if is_debugging else {})
    first, *others = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, type(result.exception)) == (3, "", SystemExit)
    assert first.startswith("error: an error inside pulumi-justt, ValueError at test_cli.py:")
    assert first.endswith("Please report it with what JUSTT_DEBUG=1 prints.")
    assert any("doctor/command.py" in line for line in others) == is_debugging
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
def test_usage_errors_and_ctrl_c_are_no_internal_errors(
    project: FakePulumi, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    """If a usage error, an intended exit or Ctrl-C ends a command, the exit code is the documented one.

    The command reports no internal error.
    """

    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(examination, "examine", fail)
    result = project.run("doctor")
    assert result.exit_code == code
    assert words in result.stderr
    assert "an error inside" not in result.stderr


COMMANDS = {
    "--help": 0,
    "list --help": 0,
    "list --json": 0,
    "doctor": 1,
    "recover --json": 0,
    "import --json": 0,
    "summary preview.json": 0,
    "simulator": 0,
    "list --no-such-option": 2,
    "simulator --latency=-1": 3,
}
"""Every command, with its exit code if both stdout and stderr have a reader."""
LOST = ["gone", "closed", *(["full"] if Path("/dev/full").exists() else [])]
"""How a stream is lost: its reader has exited, the stream was closed, or the disk is full."""
UNBUFFERED, ASCII = {"PYTHONUNBUFFERED": "1"}, {"PYTHONIOENCODING": "ascii"}


def start(project: FakePulumi, line: str, lost: str = "", how: str = "", **environ: str) -> subprocess.Popen[bytes]:
    """Start a command whose *lost* stream is closed, full or has no reader, as *how* says."""
    (project.project / "preview.json").write_text('{"steps": []}')
    redirection = {"": "", "stdout": ">", "stderr": "2>"}[lost]
    shell = {"": "", "gone": "", "closed": f"{redirection}&-", "full": f"{redirection}/dev/full"}[how]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-m", "pulumi_justt.cli", *line.split()],
            cwd=project.project,
            env=environment.build({"PATH": project.path, **environ}),
            stdin=subprocess.DEVNULL,
            stdout=writing if (lost, how) == ("stdout", "gone") else subprocess.PIPE,
            stderr=writing if (lost, how) == ("stderr", "gone") else subprocess.PIPE,
        )
    finally:
        os.close(writing)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait for a command, and return its exit code and output."""
    out, err = process.communicate(timeout=600)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "line", "environ"),
    [
        *((how, line, {}) for how in LOST for line, code in COMMANDS.items() if code < 2),
        *(("gone", "doctor", environ) for environ in (UNBUFFERED, ASCII)),
    ],
)
def test_a_closed_or_full_stdout_exits_with_3(
    project: FakePulumi, how: str, line: str, environ: dict[str, str]
) -> None:
    """If a command can't write to stdout, it exits with 3 and prints only the reason to stderr.

    The command prints nothing if stdout's reader has exited, as in `| head -1`.
    """
    reason = {
        "gone": "",
        "closed": "error: writing to standard output: Bad file descriptor. Changes made before this error remain.\n",
        "full": "error: writing to standard output: No space left on device. Changes made before this error remain.\n",
    }[how]
    assert ended(start(project, line, "stdout", how, **environ)) == (3, "", reason)


@pytest.mark.parametrize("line", [line for line, code in COMMANDS.items() if code > 1])
def test_a_usage_error_needs_no_stdout(project: FakePulumi, line: str) -> None:
    """If stdout has no reader, a command with invalid options still prints the error and exits with its usual code."""
    code, out, err = ended(start(project, line, "stdout", "gone"))
    assert (code, out) == (COMMANDS[line], "")
    assert "rror: " in err


@pytest.mark.parametrize(
    ("how", "line", "environ"),
    [
        *(("gone", line, {}) for line, code in COMMANDS.items() if code),
        *(
            pytest.param(how, line, environ, marks=pytest.mark.slow)
            for how, line, environ in [
                *((how, line, {}) for how in LOST if how != "gone" for line, code in COMMANDS.items() if code),
                *(("gone", "doctor", environ) for environ in (UNBUFFERED, ASCII)),
            ]
        ),
    ],
)
def test_a_closed_or_full_stderr_changes_nothing(
    project: FakePulumi, theirs: Callable[..., str], how: str, line: str, environ: dict[str, str]
) -> None:
    """If stderr has no reader, is closed or full, a command has the same exit code as usual.

    The command doesn't print its errors to stdout.
    """
    theirs()  # no stack manages this integration, so doctor has a finding
    code, out, _ = ended(start(project, line, "stderr", how, **environ))
    assert (code, bool(out)) == (COMMANDS[line], COMMANDS[line] < 2)
    assert "rror: " not in out


@pytest.mark.parametrize("line", ["list", "list --json"])
@pytest.mark.daily(1)
def test_a_reader_that_exits_early_gives_exit_code_3(
    project: FakePulumi, theirs: Callable[..., str], line: str
) -> None:
    """If the reader of stdout exits during a long list, `list` exits with 3 and prints nothing to stderr."""
    for _ in range(1500):
        theirs()
    with start(project, line) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=600)) == (b"", 3)


def test_an_invisible_prompt_is_not_confirmed(project: FakePulumi, theirs: Callable[..., str]) -> None:
    """If stderr is closed and there is no input, `import` exits with 3 and imports nothing."""
    theirs()
    assert ended(start(project, "import --all", "stderr", "closed")) == (3, "", "")
    assert not any("import" in call for call in project.calls)
