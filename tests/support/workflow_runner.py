"""Runs the jobs of the workflows in `examples/workflows` as GitHub does.

A step that uses an action can't run here, but the command that pulumi/actions runs for it does. A fake `gh` keeps the
comments of one pull request in a file, and supports the only filter that the workflow uses.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import yaml

from support.checkout import ROOT
from support.harness import HANG_SECONDS, Result, Stack

__all__ = ["TEXTS", "Runner", "load"]

TEXTS = {path.stem: path.read_text() for path in sorted((ROOT / "examples" / "workflows").glob("*.yml"))}
"""The text of each workflow, by its name."""

_GH = """
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


def load(name: str) -> dict[str, Any]:
    """Parse a workflow."""
    # YAML 1.1 reads the key `on` as a boolean.
    loaded: dict[Any, Any] = yaml.safe_load(TEXTS[name])
    loaded["on"] = loaded.pop(True)
    return loaded


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
        (self.folder / "gh").write_text(f"#!{sys.executable}\n{_GH}")
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
