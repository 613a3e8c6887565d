"""The team of `tests/engine/test_a_week.py`: its program, its stacks, its CI, and its account at Justt."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import yaml

from pulumi_justt.simulator import SimulatorServer
from support import secret_scanner
from support.harness import HANG_SECONDS, Result, Stack
from support.secret_scanner import canary
from support.workflow_runner import Runner

__all__ = ["EU", "MERCHANTS", "PRODUCTION", "Team"]

PRODUCTION, EU = "production", "eu"
"""The names of the stacks. The second one exists only after the team has split the first one."""

MERCHANTS = ("alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")
"""The first merchants. The credentials of the last five are in variables."""

_IN_VARIABLES = MERCHANTS[5:]

_PROGRAM = '''
"""Connect the merchants of a stack to Justt: a component for each entry in its file."""

from pathlib import Path

import pulumi
import pulumi_justt as justt
import yaml

config = pulumi.Config()


class Merchant(pulumi.ComponentResource):
    """A merchant. Its credential comes from a variable, or else from the configuration."""

    def __init__(self, name, entry):
        former = [pulumi.Alias(name=entry["formerly"])] if "formerly" in entry else None
        super().__init__("acme:payments:Merchant", name, None, pulumi.ResourceOptions(aliases=former))
        if "variable" in entry:
            key = justt.from_env(entry["variable"], version=entry.get("version", 1))
        else:
            key = config.require_secret(entry["identifier"])
        self.status = justt.PaymentIntegration(
            f"{name}-stripe",
            external_identifier=entry["identifier"],
            integration_name=entry["identifier"],
            source=entry.get("source", "stripe"),
            credentials=justt.credentials.ApiKeyOnly(api_key=key),
            opts=pulumi.ResourceOptions(parent=self, protect=entry.get("protect")),
        ).status
        self.register_outputs({"status": self.status})


entries = yaml.safe_load(Path(f"merchants.{pulumi.get_stack()}.yaml").read_text())
pulumi.export("statuses", {name: Merchant(name, entry).status for name, entry in entries.items()})

if Path("legacy.py").exists() and pulumi.get_stack() == "production":
    import legacy
'''


@dataclass
class Team:
    """A team with one project, and what it looks at after each command.

    Args:
        stack: The stack `production`, which has no configuration yet.
        simulator: The account at Justt.

    Attributes:
        merchants: The merchants of each stack, by name.
        api_key: The API key that Justt accepts.
    """

    stack: Stack
    simulator: SimulatorServer
    merchants: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    api_key: str = ""
    _requests: int = 0
    _searched: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Write the program with ten merchants, and set their credentials."""
        (self.stack.project / "__main__.py").write_text(_PROGRAM.lstrip())
        first = {name: {"identifier": f"acme-{name}"} for name in MERCHANTS}
        for name in _IN_VARIABLES:
            first[name]["variable"] = f"{name.upper()}_KEY"
        self.merchants[PRODUCTION] = first
        self.write()
        self.stack.config({"justt:baseUrl": self.simulator.base_url})
        for name in MERCHANTS:
            self.rotate(name)
        # The workflow names one variable with a credential, and the team's own variables are in `environ`.
        names = ("PULUMI_PREVIEW_TOKEN", "PULUMI_ACCESS_TOKEN", "STRIPE_KEY")
        self.ci = Runner(self.stack, {name: canary(name.lower()) for name in names})
        self.stack.secrets += self.ci.secrets.values()

    # What the team does

    def write(self) -> None:
        """Write the merchants of each stack to its file."""
        for stack, entries in self.merchants.items():
            (self.stack.project / f"merchants.{stack}.yaml").write_text(yaml.safe_dump(entries))

    def rotate(self, name: str, stack: str = PRODUCTION) -> None:
        """Give a merchant another credential, in the way that its entry says. Only `production` has configured ones."""
        entry, new = self.merchants[stack][name], canary(name)
        if "variable" not in entry:
            assert stack == PRODUCTION
            self.stack.config(secret={entry["identifier"]: new})
            return
        if entry["variable"] in self.stack.environ:
            entry["version"] = entry.get("version", 1) + 1
            self.write()
        self.export(entry["variable"], new)

    def rotate_api_key(self) -> None:
        """Let Justt accept only a new API key, and set it in the configuration."""
        self.api_key = canary("justt-key")
        self.at_justt("PUT", "/keys", apiKeys=[self.api_key])
        self.stack.config(secret={"justt:apiKey": self.api_key})

    def export(self, variable: str, value: str) -> None:
        """Set a variable of the team's shell and of the update job to a secret."""
        self.stack.environ[variable] = value
        self.stack.secrets.append(value)

    @contextmanager
    def without_secrets(self) -> Iterator[None]:
        """Run commands without the variables that hold the API key or a credential, as a pull request's job does."""
        kept = dict(self.stack.environ)
        for name in [name for name in kept if name.endswith("_KEY")]:
            del self.stack.environ[name]
        yield
        self.stack.environ |= kept

    def run(self, *arguments: str, stack: str = PRODUCTION, fails: bool | None = False, **variables: str) -> Result:
        """Run a command of Pulumi with its usual display."""
        return self.stack.run(*arguments, "--stack", stack, fails=fails, **variables)

    def up(self, *arguments: str, stack: str = PRODUCTION, fails: bool | None = False) -> Result:
        """Run `pulumi up`."""
        return self.run("up", "--yes", "--skip-preview", *arguments, stack=stack, fails=fails)

    def doctor(self, *arguments: str, code: int = 0, stack: str = PRODUCTION) -> str:
        """Run `pulumi-justt doctor`, assert its exit code, and return what it shows."""
        result = self.stack.justt("doctor", "--stack", stack, *arguments)
        assert result.code == code, result.text
        return result.text

    def at_justt(self, method: str, path: str, **body: object) -> None:
        """Change the simulator behind the team's back."""
        url = f"{self.simulator.control_url}{path}"
        httpx.request(method, url, json=body, trust_env=False, timeout=HANG_SECONDS).raise_for_status()

    # What the team looks at

    def assert_sent(self, *, creates: int = 0, deactivations: int = 0, reads: int = 0) -> None:
        """Assert how many requests Justt has received since the last call. *reads* is the most that is expected."""
        new = self.simulator.requests[self._requests :]
        self._requests += len(new)
        sent = Counter(request.method for request in new)
        assert (sent["POST"], sent["DELETE"], sent["GET"] <= reads) == (creates, deactivations, True), sent

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the integrations in the states of all stacks, by resource name."""
        found: dict[str, dict[str, Any]] = {}
        for stack in self.merchants:
            exported = json.loads(self.run("stack", "export", stack=stack).stdout)["deployment"]
            assert "pending_operations" not in exported or not exported["pending_operations"]
            for resource in exported.get("resources", []):
                if resource["type"].endswith("PaymentIntegration"):
                    assert not resource.get("delete"), resource["urn"]
                    found[resource["urn"].rpartition("::")[2]] = resource
        return found

    def ids(self) -> dict[str, str]:
        """Return the id of each integration in the states of all stacks, by resource name."""
        return {name: resource["id"] for name, resource in self.state().items()}

    def statuses(self) -> Mapping[str, str]:
        """Return the recorded status of each integration, by resource name."""
        return {name: resource["outputs"]["status"] for name, resource in self.state().items()}

    def live(self) -> set[str]:
        """Return the ids of the integrations at Justt that are not INACTIVE."""
        return {record.id for record in self.simulator.records.integrations() if record.status != "INACTIVE"}

    def assert_in_order(self) -> None:
        """Assert that the states have exactly the active integrations, and that no secret is in any output or file."""
        ids = self.ids()
        assert len({*ids.values()}) == len(ids)
        assert {*ids.values()} == self.live()
        for content in self._everything():
            # A content that was searched before can't have a secret that was made later.
            if hash(content) not in self._searched:
                self._searched.add(hash(content))
                assert secret_scanner.find(content, self.stack.secrets) == []

    def _everything(self) -> Iterator[bytes]:
        yield repr(self.simulator.requests).encode()
        yield from self.stack.everything()
        for folder in (self.stack.project, self.ci.folder):
            yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())
