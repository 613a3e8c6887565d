"""The workflows that users copy: their permissions, their secrets, and each of their shell steps."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.checkout import ROOT
from support.harness import Stack
from support.killed_runs import kill_after_commit
from support.secret_scanner import canary
from support.workflow_runner import TEXTS, Runner, load

PAGE = ROOT / "docs" / "how-to" / "preview-in-pull-requests.md"
OURS = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
READ = {"contents": "read"}

JOBS: dict[tuple[str, str], tuple[dict[str, str], str | None, set[str]]] = {
    ("drift", "drift"): (READ, "production-drift", {"PULUMI_PREVIEW_TOKEN", "JUSTT_API_KEY"}),
    ("preview", "preview"): ({**READ, "pull-requests": "write"}, None, {"PULUMI_PREVIEW_TOKEN"}),
    ("up", "preview"): (READ, None, {"PULUMI_PREVIEW_TOKEN"}),
    ("up", "up"): (READ, "production", {"PULUMI_ACCESS_TOKEN", "JUSTT_API_KEY", "STRIPE_KEY"}),
}
"""The permissions of each job, its environment, and its secrets."""


def steps() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each step with its workflow and its job."""
    for name in TEXTS:
        for job, found in load(name)["jobs"].items():
            for step in found["steps"]:
                yield name, job, step


# Permissions


def test_jobs_have_only_the_listed_permissions_and_secrets() -> None:
    """Each job has exactly the permissions, the environment and the secrets in `JOBS`.

    Only jobs with a protected environment get Justt's keys.
    """
    found = {}
    for name in TEXTS:
        workflow = load(name)
        assert workflow["permissions"] == {}
        assert "secrets." not in json.dumps({key: part for key, part in workflow.items() if key != "jobs"})
        for job, what in workflow["jobs"].items():
            secrets = {*re.findall(r"secrets\.(\w+)", json.dumps(what))}
            assert len(re.findall(r"secrets\b", json.dumps(what))) == len(secrets)
            found[name, job] = (what["permissions"], what.get("environment"), secrets)
    assert found == JOBS
    assert all(guard for _, guard, secrets in JOBS.values() if secrets - {"PULUMI_PREVIEW_TOKEN"})


def test_no_workflow_runs_untrusted_code() -> None:
    """No workflow runs a pull request's code with the rights of main, and none runs the code of a fork."""
    assert {name: load(name)["on"] for name in TEXTS} == {
        "drift": {"schedule": [{"cron": "17 4 * * *"}], "workflow_dispatch": None},
        "preview": "pull_request",
        "up": {"push": {"branches": ["main"]}, "workflow_dispatch": None},
    }
    condition = load("preview")["jobs"]["preview"]["if"]
    assert condition == "github.event.pull_request.head.repo.full_name == github.repository"


def test_two_updates_never_run_at_once() -> None:
    """An update waits until the update before it has ended, and does not cancel it.

    The previews of each pull request have their own concurrency group.
    """
    found = {name: load(name)["concurrency"] for name in TEXTS}
    assert found["up"] == {"group": "up-production", "cancel-in-progress": False}
    assert found["drift"]["cancel-in-progress"] is False
    assert found["preview"]["group"].endswith("${{ github.event.pull_request.number }}")
    assert len({concurrency["group"] for concurrency in found.values()}) == len(TEXTS)
    assert load("up")["jobs"]["up"]["needs"] == "preview"
    assert not any("timeout" in text for text in TEXTS.values())


def test_actions_are_pinned() -> None:
    """Each action is pinned to the same commit and version in every workflow.

    The checkout step doesn't keep a token.
    """
    pins: dict[str, list[str]] = {}
    for text in (*TEXTS.values(), OURS):
        for line in re.findall(r"uses: (.+)", text):
            found = re.fullmatch(r"([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)(, .+)?", line)
            assert found
            action, *pin, _ = found.groups()
            assert pins.setdefault(action, pin) == pin
    for _, _, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_no_external_input_is_inserted_into_a_script() -> None:
    """No script contains an expression of the workflow.

    External input, which may contain shell code, reaches a script as a variable.
    """
    assert [step["run"] for _, _, step in steps() if "${{" in step.get("run", "")] == []


def test_the_page_shows_the_workflow() -> None:
    """The documentation contains preview.yml unchanged, and links to each workflow."""
    page = PAGE.read_text()
    assert f"```yaml\n{TEXTS['preview']}```\n" in page
    assert all(f"../../examples/workflows/{name}.yml" in page for name in TEXTS)


# Steps

PROGRAM = """
justt.PaymentIntegration(
    "stripe-eu",
    external_identifier="stripe-eu-main",
    integration_name="Stripe EU",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("STRIPE_KEY")),
)
"""


@pytest.fixture
def runner(tmp_path: Path, engine_bin: Path, simulator: SimulatorServer) -> Iterator[Runner]:
    """Return a runner with a stack that has no secrets, and with the secrets that the workflows name."""
    stack = Stack(tmp_path, engine_bin, has_passphrase=True)
    stack.config({"justt:baseUrl": simulator.base_url})
    secrets = {name: canary(name.lower()) for _, _, names in JOBS.values() for name in names}
    stack.secrets += secrets.values()
    yield Runner(stack, secrets)
    stack.end_processes()
    stack.assert_no_leak(repr(simulator.requests).encode())


@pytest.mark.slow
def test_every_step_works(runner: Runner, simulator: SimulatorServer) -> None:
    """The preview and update jobs succeed for a merge, and the preview job succeeds for a pull request.

    A preview job sends no request and writes no state, and its comment says if the preview failed.
    """
    stack = runner.stack
    stack.program(PROGRAM)
    (shown,) = runner.job("up", "preview")
    assert (shown.code, simulator.requests) == (0, [])
    assert "- **create** `stripe-eu` (`PaymentIntegration`)" in (runner.folder / "summary").read_text()
    checked, updated = runner.job("up", "up")
    assert (checked.code, updated.code) == (0, 0), checked.text + updated.text
    assert len(simulator.records.integrations()) == 1

    # The credential is a reference, so the state has no encrypted value.
    state = json.loads(stack.decrypted())["deployment"]["resources"]
    hidden = re.findall(r'"plaintext": "((?:[^"\\]|\\.)*)"', json.dumps(state))
    assert hidden == []

    simulator.clear_requests()
    before = {path: path.read_bytes() for path in (stack.folder / "state").rglob("*") if path.is_file()}
    stack.program(PROGRAM.replace('"STRIPE_KEY"', '"STRIPE_KEY", version=2'))
    runner.comments = [
        {"login": "octocat", "body": "<!-- pulumi-justt summary shop/dev -->\nnot ours"},
        {"login": "github-actions[bot]", "body": "#### what pulumi/actions writes"},
    ]
    others = list(runner.comments)
    in_full, in_short, comment = runner.job("preview", "preview")
    assert [in_full.code, in_short.code, comment.code] == [0, 0, 0], comment.text
    assert "~ version: 1 => 2" in in_full.stdout
    assert runner.comments[:2] == others
    assert '`from_env("STRIPE_KEY")` => `from_env("STRIPE_KEY", version=2)`' in runner.comments[2]["body"]

    # The second push of the pull request: a failed preview says so in the same comment.
    stack.program(PROGRAM.replace('"stripe"', '"strip"'))
    failed = [result.code for result in runner.job("preview", "preview")]
    assert failed[0] != 0
    assert failed[1] != 0
    assert failed[2:] == [0]
    assert len(runner.comments) == 3
    assert "**The preview failed**" in runner.comments[2]["body"]
    assert simulator.requests == []
    assert before == {path: path.read_bytes() for path in (stack.folder / "state").rglob("*") if path.is_file()}

    # A preview that can't start writes no comment, and so doesn't overwrite one.
    stack.environ["PULUMI_CONFIG_PASSPHRASE"] = ""
    assert [result.code for result in runner.job("preview", "preview")] == [1, 3]
    assert len(runner.comments) == 3


def test_an_update_after_a_killed_one_stops(runner: Runner, simulator: SimulatorServer) -> None:
    """An update job was killed during a create.

    The next job has no journal, but the pending operation in the state stops it before a create.
    """
    stack = runner.stack
    stack.program(PROGRAM)
    stack.environ |= runner.secrets
    kill_after_commit(stack, simulator, 1)
    stack.run("cancel", "--yes", "--stack", "dev")
    (stopped,) = runner.job("up", "up")
    assert stopped.code == 1
    assert "creating stripe-eu was interrupted" in stopped.stdout
    assert len(simulator.records.integrations()) == 1


@pytest.mark.slow
def test_drift_is_reported(runner: Runner, simulator: SimulatorServer) -> None:
    """In the drift job, a FAILED integration fails only the `doctor` step.

    An INACTIVE integration or a refused key fails both steps.
    """
    runner.stack.program(PROGRAM)
    runner.job("up", "up")
    (integration,) = simulator.records.integrations()
    found = {}
    for status in ("SUCCESSFUL", "FAILED", "INACTIVE"):
        simulator.records.set_status(integration.id, status)
        found[status] = [result.code for result in runner.job("drift", "drift")]
    simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset({"another"}))
    found["401"] = [result.code for result in runner.job("drift", "drift")]
    assert found == {"SUCCESSFUL": [0, 0], "FAILED": [0, 1], "INACTIVE": [7, 1], "401": [1, 1]}
    rows = [line.split(" | ")[-2:] for line in PAGE.read_text().splitlines() if re.match(r"\| .* \| \d", line)]
    documented = [[int(re.sub(r"\D", "", code)) for code in row] for row in rows]
    assert documented == [*found.values()]
