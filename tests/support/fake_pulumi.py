"""A stand-in for the CLI that responds from files, so that tests of the commands can cover any number of cases.

config.json   the output of `pulumi config --show-secrets --json`
state.json    the output of `pulumi stack export`; `pulumi stack import` replaces it
shown.json    the output of `pulumi stack export --show-secrets`; default: state.json
fails         shell code that prints an error text and exits, by the beginning of the arguments
calls         the arguments of each call
imported.json the input of the last `pulumi import`
"""

from __future__ import annotations

import json
import os
import shlex
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

# The tests run it more than a thousand times. A shell starts in a tenth of the time that Python takes.
_SCRIPT = r"""#!/bin/sh
line="$*"
cd {folder}
printf '%s\n' "$line" >> calls
. ./fails
name=${{line#*--stack }}
[ "$name" != "$line" ] || name=
name=${{name%% *}}
show() {{ cat "$(file "$1")"; echo; }}
file() {{ if [ -e "$name.$1" ]; then echo "$name.$1"; else echo "$1"; fi; }}
case $line in
    version*) show version ;;
    config*) show config.json ;;
    "stack --show-name"*) echo dev ;;
    import*) cat > imported.json ;;
    "stack import"*) cat > "$(file state.json)" ;;
    *--show-secrets*) if [ -e "$(file shown.json)" ]; then show shown.json; else show state.json; fi ;;
    *) show state.json ;;
esac
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
        command.write_text(_SCRIPT.format(folder=shlex.quote(str(folder))))
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
        failing = [
            f"case $line in {shlex.quote(begin)}*) printf '%s\\n' {shlex.quote(text)} >&2; exit 1 ;; esac\n"
            for begin, text in words.items()
        ]
        (self.folder / "fails").write_text("".join(failing))

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
