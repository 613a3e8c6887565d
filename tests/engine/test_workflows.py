"""The workflows that users copy: their permissions, their secrets, and each of their shell steps.

A step that uses an action can't run here, but the command that pulumi/actions runs for it does. A fake `gh` keeps the
comments of one pull request in a file, and supports the only filter that the workflow uses.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_justt.simulator import SimulatorServer
from support.checkout import ROOT
from support.harness import HANG_SECONDS, Result, Stack
from support.killed_runs import kill_after_commit
from support.secret_scanner import canary

WORKFLOWS = ROOT / "examples" / "workflows"
TEXTS = {path.stem: path.read_text() for path in sorted(WORKFLOWS.glob("*.yml"))}
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


def load(name: str) -> dict[str, Any]:
    """Parse a workflow."""
    # YAML 1.1 reads the key `on` as a boolean.
    loaded: dict[Any, Any] = yaml.safe_load(TEXTS[name])
    loaded["on"] = loaded.pop(True)
    return loaded


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

GH = """
import json, os, pathlib, sys

kept = pathlib.Path(os.environ["GH_COMMENTS"])
comments = json.loads(kept.read_text())
assert os.environ["GH_TOKEN"] == "token"
command, *rest = sys.argv[1:]
assert command == "api"
flags = {name: rest.pop(rest.index(name)) for name in ("--paginate", "--silent") if name in rest}
given = {name: rest.pop(rest.index(name) + 1) for name in ("--jq", "--method", "--field") if name in rest}
(path,) = [text for text in rest if text not in given]
below = "repos/acme/shop/issues/7/comments"
if "--jq" in given:
    assert path == below and "--paginate" in flags
    wanted = '.[]|select(.user.login=="github-actions[bot]"and(.body|startswith(env.MARKER)))|.id'
    assert "".join(given["--jq"].split()) == wanted
    for number, comment in enumerate(comments):
        if comment["login"] == "github-actions[bot]" and comment["body"].startswith(os.environ["MARKER"]):
            print(number)
else:
    name, _, source = given["--field"].partition("=@")
    new = {"login": "github-actions[bot]", "body": pathlib.Path(source).read_text()}
    assert name == "body"
    if given.get("--method") == "PATCH":
        comments[int(path.removeprefix("repos/acme/shop/issues/comments/"))] = new
    else:
        assert path == below
        comments.append(new)
    kept.write_text(json.dumps(comments))
"""


@dataclass
class Runner:
    """A machine that runs the steps of a job in the project's folder.

    Args:
        stack: The stack, whose name replaces the workflow's.
        secrets: The secrets of the repository, by name.
    """

    stack: Stack
    secrets: dict[str, str]
    comments: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put the fake `gh` on the PATH of the steps."""
        self.folder = self.stack.folder / "runner"
        self.folder.mkdir()
        (self.folder / "gh").write_text(f"#!{sys.executable}\n{GH}")
        (self.folder / "gh").chmod(0o755)

    def job(self, workflow: str, job_name: str) -> list[Result]:
        """Run a job's steps as GitHub does. After a failed step, only steps with a condition run."""
        whole = load(workflow)
        job = whole["jobs"][job_name]
        results: list[Result] = []
        output = self.folder / "output"
        output.write_text("")
        for name in ("preview.json", "summary.md"):
            (self.stack.folder / "project" / name).unlink(missing_ok=True)
        for step in job["steps"]:
            script = self._script(step)
            has_failed = any(result.code for result in results)
            condition = step.get("if", "")
            assert condition in ("", "${{ !cancelled() }}", "${{ !cancelled() && steps.short.outputs.written }}")
            is_written = "written=true" in output.read_text()
            if script and (condition or not has_failed) and (is_written or "written" not in condition):
                assert "uses" in step or job["defaults"]["run"]["shell"] == "bash"
                results.append(self._run(script, {**whole["env"], **job["env"], **step.get("env", {})}))
        return results

    def _script(self, step: dict[str, Any]) -> str:
        if "run" in step:
            return "" if step["run"] == "pip install -r requirements.txt" else str(step["run"])
        options = step.get("with", {})
        if not step["uses"].startswith("pulumi/actions@") or "command" not in options:
            return ""
        assert options.keys() <= {"command", "stack-name", "diff", "comment-on-pr"}
        assert options["stack-name"] == "${{ env.STACK }}"
        extra = ["--yes", "--skip-preview"] * (options["command"] == "up") + ["--diff"] * ("diff" in options)
        return f'pulumi {options["command"]} --stack "$STACK" {" ".join(extra)}'

    def _run(self, script: str, variables: dict[str, str]) -> Result:
        known = {"github.token": "token", "github.event.pull_request.number": "7"}
        known |= {f"secrets.{name}": value for name, value in self.secrets.items()}
        given = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found.group(1)], value)
            for name, value in variables.items()
        }
        comments, path = self.folder / "comments", self.folder / "step.sh"
        comments.write_text(json.dumps(self.comments))
        path.write_text(script)
        environ = self.stack.prepare_command(
            {
                **given,
                "STACK": self.stack.name,
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                "GITHUB_OUTPUT": str(self.folder / "output"),
                "GH_COMMENTS": str(comments),
            }
        )
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(path)],
            cwd=self.stack.folder / "project",
            env={**environ, "PATH": f"{self.folder}:{environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        self.stack.keep((done.stdout + done.stderr).encode())
        self.comments = json.loads(comments.read_text())
        return Result(done.returncode, done.stdout, done.stderr)


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
    stack = Stack(tmp_path, engine_bin)
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
