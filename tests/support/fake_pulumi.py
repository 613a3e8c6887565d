"""A stand-in for the CLI that responds from files, so that tests of the commands can cover any number of cases.

config.json   the output of `pulumi config --show-secrets --json`
state.json    the output of `pulumi stack export`; `pulumi stack import` replaces it
shown.json    the output of `pulumi stack export --show-secrets`; default: state.json
fails.json    the error text and exit code of commands that fail, by the beginning of their arguments
calls         the arguments of each call
imported.json the input of the last `pulumi import`
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pulumi_justt.cli.app import main
from pulumi_justt.core.journal import Journal
from support import environment

__all__ = ["PROVIDER", "STACK", "TYPE", "US", "FakePulumi", "creating", "integration", "provider"]

STACK = "urn:pulumi:dev::shop"
TYPE = "pulumi-python:dynamic/justt:PaymentIntegration"
PROVIDER = f"{STACK}::pulumi:providers:pulumi-python::default"
US = f"{STACK}::pulumi:providers:pulumi-python::default-us"

_SCRIPT = """#!{python} -S
import json, sys
from pathlib import Path
folder = Path({folder!r})
line = " ".join(sys.argv[1:])
with (folder / "calls").open("a") as calls:
    calls.write(line + "\\n")
name = line.partition("--stack ")[2].partition(" ")[0]
for begin, words in json.loads((folder / "fails.json").read_text()).items():
    if line.startswith(begin):
        sys.exit(words)
def file(kind):
    own = folder / f"{{name}}.{{kind}}"
    return own if own.exists() else folder / kind
if line.startswith("version"):
    print((folder / "version").read_text())
elif line.startswith("config"):
    print(file("config.json").read_text())
elif line.startswith("stack --show-name"):
    print("dev")
elif line.startswith("import"):
    (folder / "imported.json").write_text(sys.stdin.read())
elif line.startswith("stack import"):
    file("state.json").write_text(sys.stdin.read())
elif "--show-secrets" in line and file("shown.json").exists():
    print(file("shown.json").read_text())
else:
    print(file("state.json").read_text())
"""


class FakePulumi:
    """One project with a fake `pulumi`.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (folder / "bin").mkdir()
        command = folder / "bin" / "pulumi"
        command.write_text(_SCRIPT.format(python=sys.executable, folder=str(folder)))
        command.chmod(0o755)
        (folder / "version").write_text("v3.259.0")
        self.fails({})
        self.config({})
        self.state([])

    def run(self, *arguments: str, answers: str = "", environ: Mapping[str, str] | None = None) -> Result:
        """Run `pulumi-justt` in the project, with *answers* to its prompts."""
        # `log` reads the journal of this machine, so it has no option for the project.
        folder = [] if "--cwd" in arguments or "log" in arguments else ["--cwd", str(self.project)]
        variables = {"PATH": self.path, "JUSTT_STATE_DIR": str(self.folder / "journal"), **(environ or {})}
        return CliRunner().invoke(main, [*arguments, *folder], input=answers, env=variables)

    @property
    def path(self) -> str:
        """The value of PATH with the fake `pulumi` on it."""
        return f"{self.folder / 'bin'}{os.pathsep}{environment.PATH}"

    @property
    def journal(self) -> Journal:
        """The journal that the commands use."""
        return Journal(self.folder / "journal")

    @property
    def calls(self) -> list[str]:
        """The arguments of each call so far."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def imported(self) -> list[dict[str, Any]]:
        """The resources in the input of the last `pulumi import`."""
        given: dict[str, list[dict[str, Any]]] = json.loads((self.folder / "imported.json").read_text())
        return given["resources"]

    def fails(self, words: dict[str, str]) -> None:
        """Make each call whose arguments begin with a key of *words* fail with the value as its error text."""
        (self.folder / "fails.json").write_text(json.dumps(words))

    def config(self, plain: dict[str, str], secret: dict[str, str] | None = None, *, stack: str = "") -> None:
        """Set the configuration of all stacks, or of one stack."""
        shown = {name: {"value": value, "secret": False} for name, value in plain.items()}
        shown |= {name: {"value": value, "secret": True} for name, value in (secret or {}).items()}
        self._file("config.json", stack).write_text(json.dumps(shown))

    def state(
        self, resources: list[dict[str, Any]], pending: list[dict[str, Any]] | None = None, *, stack: str = ""
    ) -> None:
        """Set the state of all stacks, or of one stack."""
        deployment = {
            "resources": resources,
            **({"pending_operations": pending} if pending else {}),
        }
        self._file("state.json", stack).write_text(json.dumps({"version": 3, "deployment": deployment}))

    def exported(self, *, stack: str = "") -> dict[str, Any]:
        """Return the current state."""
        found: dict[str, Any] = json.loads(self._file("state.json", stack).read_text())
        return found

    def shown(self, resources: list[dict[str, Any]]) -> None:
        """Set the state that the CLI exports with its secrets in plain text."""
        text = json.dumps({"version": 3, "deployment": {"resources": resources}})
        (self.folder / "shown.json").write_text(text)

    def provider(self, **inputs: object) -> dict[str, Any]:
        """Return the engine's provider resource as an update records it, with the current configuration's settings."""
        shown = json.loads(self._file("config.json", "").read_text())
        present = {name: item["value"] for name, item in shown.items() if name.startswith("justt:")}
        return provider(**{**present, **inputs})

    def own_provider(self, key: object) -> dict[str, Any]:
        """Return a `justt.Provider` named `default-us`, recorded in the same way, with its own API key."""
        return {**self.provider(**{"justt:apiKey": key}), "urn": US}

    def _file(self, kind: str, stack: str) -> Path:
        return self.folder / (f"{stack}.{kind}" if stack else kind)


def integration(name: str, integration_id: str, **outputs: object) -> dict[str, Any]:
    """Return an integration as a resource in a state."""
    given = {"source": "stripe", "externalIdentifier": name, "environment": "simulator"} | outputs
    inputs = {key: value for key, value in given.items() if key != "status"}
    return {
        "urn": f"{STACK}::{TYPE}::{name}",
        "custom": True,
        "type": TYPE,
        "id": integration_id,
        "inputs": inputs,
        "outputs": {"status": "PENDING", **given},
        "provider": f"{PROVIDER}::id-of-the-provider",
        "created": "2026-01-01T00:00:00Z",
    }


def creating(name: str, **inputs: object) -> dict[str, Any]:
    """Return a pending create: the state of a run that was killed before the engine recorded the result."""
    resource = integration(name, "", **inputs)
    for key in ("id", "outputs", "created"):
        del resource[key]
    return {"type": "creating", "resource": resource}


def provider(**inputs: object) -> dict[str, Any]:
    """Return the engine's provider resource as it is in a state."""
    return {"urn": PROVIDER, "custom": True, "type": "pulumi:providers:pulumi-python", "inputs": inputs, "id": "p"}
