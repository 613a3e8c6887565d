"""States that released versions wrote: each folder of tests/data/states has a program and its state.

    make record-state VERSION=0.3.0     runs program.py of that folder with the current code, and records its state.
                                        Only once for each folder; a new one gets the program of the former version.

Each use of a state generates new secrets, so the files contain none: @SECRET:name@ stands for the value of a
configuration key, and @ID:name@ for the id of a resource at Justt.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.version import Version

import engine
from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.harness import Stack

__all__ = ["FOLDERS", "INTEGRATION", "SECRETS", "Recorded"]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path for path in (ROOT / "tests" / "data" / "states").iterdir() if path.is_dir())
SECRETS = {name: f"made-up-{name}-5d0c7be1f24a9386" for name in ("stripeKey", "a", "b", "STRIPE_KEY", "api-key")}
SECRETS |= {
    name: f"-----BEGIN PRIVATE KEY-----\nmade-up-{name}-5d0c7be1f24a9386\n-----END PRIVATE KEY-----\n"
    for name in ("pem", "key.pem")
}
WHOLE = {"hmac": SECRETS["a"], "apiKey": SECRETS["b"], "merchantCode": "M-1", "accountCode": "A-1"}
_DYNAMIC = "pulumi-python:dynamic"
INTEGRATION = f"{_DYNAMIC}/justt:PaymentIntegration"


class Recorded:
    """A stack for a recorded program, connected to a simulator.

    Args:
        folder: The folder with the program, and with the state if it has been recorded.
        stack: A new stack.
        simulator: A new simulator.
    """

    def __init__(self, folder: Path, stack: Stack, simulator: SimulatorServer) -> None:
        self.folder = folder
        self.stack = stack
        self.simulator = simulator
        simulator.options = dataclasses.replace(
            simulator.options, extra_sources=frozenset({"shopify"}), extra_secret_types=frozenset({"OAUTH"})
        )
        self.adopted = self._at_vendor("theirs", "adyen", None)
        stack.config(
            {"justt:baseUrl": simulator.base_url, "adopted": self.adopted},
            {"justt:apiKey": SECRETS["api-key"], **{name: SECRETS[name] for name in ("stripeKey", "a", "b", "pem")}},
        )
        stack.run("config", "set", "--secret", "whole", json.dumps(WHOLE), "--stack", stack.name)
        (stack.folder / "project" / "__main__.py").write_text((folder / "program.py").read_text())

    def record(self) -> None:
        """Run the program, and save the state."""
        stack = self.stack
        self.simulator.options = dataclasses.replace(self.simulator.options, successful_after=0)
        stack.environ |= {"STRIPE_KEY": SECRETS["STRIPE_KEY"]}
        (stack.folder / "project" / "key.pem").write_text(SECRETS["key.pem"])
        stack.up()
        exported = json.loads(stack.decrypted())["deployment"]["resources"]
        for resource in exported:
            # They name folders of this machine.
            resource.pop("stackTrace", None)
            resource.pop("sourcePosition", None)
        text = json.dumps(exported, indent=1)
        text = text.replace(self.adopted, "@ADOPTED@").replace(self.simulator.base_url, "@URL@")
        for resource in exported:
            if resource["type"] == INTEGRATION:
                text = text.replace(resource["id"], f"@ID:{_name(resource)}@")
        for name, value in SECRETS.items():
            text = text.replace(_stored(value), f"@SECRET:{name}@")
        with (self.folder / "resources.json").open("x") as file:
            file.write(text + "\n")

    def restore(self) -> list[dict[str, Any]]:
        """Import the recorded state, create its integrations at the simulator, and return its dynamic resources."""
        text = (self.folder / "resources.json").read_text()
        text = text.replace("@ADOPTED@", self.adopted).replace("@URL@", self.simulator.base_url)
        for resource in json.loads(text):
            name, inputs = _name(resource), resource.get("inputs", {})
            if f"@ID:{name}@" in text:
                made = self._at_vendor(inputs["externalIdentifier"], inputs["source"], inputs.get("referenceAccountId"))
                text = text.replace(f"@ID:{name}@", made)
        for name, value in SECRETS.items():
            text = text.replace(f"@SECRET:{name}@", _stored(value))
        resources: list[dict[str, Any]] = json.loads(text)
        exported = json.loads(self.stack.run("stack", "export", "--stack", self.stack.name).stdout)
        exported["deployment"]["resources"] = resources
        file = self.stack.folder / "state.json"
        file.write_text(json.dumps(exported))
        self.stack.run("stack", "import", "--file", str(file), "--stack", self.stack.name)
        return [resource for resource in resources if resource["type"].startswith(_DYNAMIC)]

    def _at_vendor(self, identifier: str, source: str, account: str | None) -> str:
        new = NewIntegration(identifier, identifier, source, "APIKEY_ONLY", "", ("apiKey",), None)
        return self.simulator.records.add_integration(new, account)


def _stored(secret: str) -> str:
    """Return a secret as it appears in the state: as JSON within JSON."""
    return json.dumps(json.dumps(secret)[1:-1])[1:-1]


def _name(resource: dict[str, Any]) -> str:
    return re.sub(r".*::", "", resource["urn"])


def main() -> None:
    """Record one state."""
    newest = max(FOLDERS, key=lambda folder: Version(folder.name))
    folder = newest.parent / sys.argv[1]
    if not folder.exists():
        folder.mkdir()
        shutil.copy(newest / "program.py", folder)
    with tempfile.TemporaryDirectory() as place, SimulatorServer() as simulator:
        Recorded(folder, Stack(Path(place), engine.ensure(ROOT)), simulator).record()


if __name__ == "__main__":
    main()
