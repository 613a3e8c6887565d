"""The Makefile's commands for the root project, in a copy of the repository, with the real engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from environments import USERS_OWN
from support import environment, secret_scanner
from support.checkout import ROOT
from support.harness import HANG_SECONDS

Run = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, engine_bin: Path) -> Iterator[tuple[Path, Run]]:
    """Return a copy of the files that the commands use, and a function that runs a command."""
    copy = tmp_path / "repository"
    for name in ("tools/engine", "examples"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("Pulumi.yaml", "requirements-node.lock"):
        shutil.copy(ROOT / name, copy)
    printed = []

    def run(command: str, *, fails: bool = False, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "tools/engine/project.py", command],
            cwd=copy,
            env=environment.build({"PATH": f"{engine_bin}{os.pathsep}{environment.PATH}", **variables}),
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        printed.append(done.stdout + done.stderr)
        assert (done.returncode != 0) == fails, printed[-1]
        return printed[-1]

    yield copy, run
    run("stop")
    kept = [path for path in (copy / ".dev").iterdir() if path.name in ("api-key", "passphrase")]
    secrets = [path.read_text() for path in kept]
    secrets += _configured(copy, engine_bin)
    everything = [path for path in (copy / ".dev").rglob("*") if path.is_file() and path not in kept]
    everything += copy.glob("Pulumi.*.yaml")
    for content in ["".join(printed).encode(), *(path.read_bytes() for path in everything)]:
        assert secret_scanner.find(content, secrets) == []


def _lines(printed: str) -> str:
    """Return the output of `env` for a shell, without the progress on stderr."""
    return "\n".join(line for line in printed.splitlines() if line.startswith(("export ", "unset ")))


def _configured(copy: Path, engine_bin: Path) -> list[str]:
    """Return the secret values that the commands generated for the stack."""
    if not (copy / "Pulumi.dev.yaml").exists():
        return []
    done = subprocess.run(
        [str(engine_bin / "pulumi"), "config", "--json", "--show-secrets", "--stack", "dev", "--non-interactive"],
        cwd=copy,
        env=environment.build(
            {
                "PULUMI_HOME": str(copy / ".dev" / "pulumi"),
                "PULUMI_BACKEND_URL": f"file://{copy / '.dev' / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(copy / ".dev" / "passphrase"),
            }
        ),
        capture_output=True,
        check=True,
    )
    values = [each for each in json.loads(done.stdout).values() if each["secret"]]
    plain = [each["value"] for each in values if "objectValue" not in each]
    parts = [part for each in values for part in each.get("objectValue", {}).values()]
    assert len(plain + parts) == 6
    # Adyen's merchant code is an identifier of a made-up account, and may be readable.
    return [value for value in plain + parts if value != "ExampleMerchantEU"]


@pytest.mark.slow
def test_the_commands_do_what_the_readme_says(project: tuple[Path, Run]) -> None:
    """In a copy of the repository, `up`, `preview`, `refresh` and `destroy` do what the README says.

    They also work after an edit of the program and after the simulator has stopped.
    """
    copy, run = project
    first = run("up")
    ids = dict(re.findall(r'(stripe|adyen|braintree)Id +: "([0-9a-f-]{36})"', first))
    assert ids.keys() == {"stripe", "adyen", "braintree"}
    assert "+ 4 created" in first
    assert (copy / ".dev" / "journal" / "changes").is_dir()
    assert "4 unchanged" in run("up")
    program = copy / "examples" / "quickstart" / "__main__.py"
    program.write_text(program.read_text().replace('"Stripe EU"', '"Stripe Europe"'))
    shown = run("preview")
    assert '~ integrationName: "Stripe EU" => "Stripe Europe"' in shown
    assert "+-1 to replace" in shown
    assert "+-1 replaced" in run("up")
    simulator = json.loads((copy / ".dev" / "simulator.json").read_text())
    control = simulator["url"].replace("/v1", "/_simulator")
    changes = {ids["adyen"]: "FAILED", ids["braintree"]: "INACTIVE"}
    with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
        for each, status in changes.items():
            assert client.patch(f"{control}/integrations/{each}", json={"status": status}).status_code == 200
    refreshed = run("refresh")
    assert f"({ids['adyen']}) is FAILED now" in refreshed
    assert f"({ids['braintree']}) is INACTIVE at Justt, which is final" in refreshed
    assert "+ 1 created" in run("up")
    # The simulator may stop at any time, for example with the machine. Its records and its address stay.
    os.kill(simulator["pid"], signal.SIGTERM)
    assert "- 4 deleted" in run("destroy")
    assert json.loads((copy / ".dev" / "simulator.json").read_text())["url"] == simulator["url"]
    with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
        records = client.get(f"{control}/integrations").json()
    by_identifier = {record["externalIdentifier"]: record["status"] for record in records}
    # The program gives Adyen's integration seven more days.
    assert by_identifier.pop("adyen-eu-main") == "FAILED"
    assert set(by_identifier.values()) == {"INACTIVE"}
    assert len(records) == 5


@pytest.mark.slow
def test_a_wrong_key_is_reported(project: tuple[Path, Run]) -> None:
    """If the configured API key is wrong, `up` shows the error of the create in one paragraph, with what to do."""
    copy, run = project
    run("preview")
    subprocess.run(
        [
            *("sh", "-c", 'eval "$0" && pulumi config set --secret justt:apiKey canary-a-wrong-one --stack dev'),
            _lines(run("env")),
        ],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    text = run("up", fails=True)
    # The error of the first create that fails. Those of the two others refer to it.
    assert re.search(
        r"error: JusttError: creating the \w+ integration '[\w-]+-main', listing the account before the create: "
        r"Justt answered 401: .* \(errorId sim-\w+\)\. The key came from justt:apiKey\. Set it to a key that is valid "
        r"in simulator\.",
        text,
    )
    assert "Traceback" not in text


def test_variables_of_the_user_are_ignored(project: tuple[Path, Run]) -> None:
    """The user's shell has variables of another backend, environment and key.

    The commands still use only their own stack.
    """
    copy, run = project
    foreign = {**USERS_OWN, "PULUMI_CONFIG_PASSPHRASE": "another"}
    assert "+ 4 to create" in run("preview", **foreign)
    exported = _lines(run("env", **foreign))
    done = subprocess.run(
        [*("sh", "-c", 'eval "$0" && pulumi stack ls --json && env'), exported],
        cwd=copy,
        env=environment.build(foreign),
        check=True,
        capture_output=True,
        text=True,
    )
    assert '"name": "dev"' in done.stdout
    assert not {f"{name}={value}" for name, value in foreign.items()} & {*done.stdout.splitlines()}
    assert "refresh   read the status of all resources" in run("no-such-command", fails=True)


@pytest.mark.slow
def test_a_removed_folder_is_explained(project: tuple[Path, Run]) -> None:
    """If the user deletes the folder .dev but not the encrypted configuration, `preview` fails.

    The error names the file to delete, and after that `preview` works.
    """
    copy, run = project
    run("preview")
    run("stop")
    shutil.rmtree(copy / ".dev")
    assert "Pulumi.dev.yaml belongs to an earlier .dev folder" in run("preview", fails=True)
    (copy / "Pulumi.dev.yaml").unlink()
    assert "+ 4 to create" in run("preview")
