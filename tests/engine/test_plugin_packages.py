"""The commands of the CLI that use the plugin without a program: its schema, its SDKs, and single resources."""

from __future__ import annotations

import compileall
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_justt.plugin.package_schema import package_schema
from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support import environment, plugin
from support.harness import Stack
from support.secret_scanner import canary

pytestmark = pytest.mark.slow

PLUGIN = f"./venv/bin/{plugin.NAME}"
PROJECT = "name: shop\nruntime: yaml\n"
ENTRY = "plugins:\n  providers:\n    - name: justt\n      path: venv/bin\n"
RESOURCE = """
resources:
  stripe:
    type: justt:PaymentIntegration
    properties:
      externalIdentifier: stripe-main
      integrationName: Stripe
      source: stripe
      secretType: APIKEY_ONLY
      secretPayload: {}
      secretReferences:
        apiKey: { fromEnv: SECRET_stripeKey }
"""


@pytest.fixture
def project(tmp_path: Path, language_hosts: Path, simulator: SimulatorServer) -> Iterator[Stack]:
    """Return a project in YAML that has the plugin in its `venv`; afterwards, check that no secret leaked from it."""
    made = Stack(tmp_path, language_hosts / "bin")
    plugin.install(made.project / "venv" / "bin")
    (made.project / "Pulumi.yaml").write_text(PROJECT)
    made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("api-key")})
    made.provide({"stripeKey": canary("stripe")})
    yield made
    made.end_processes()
    made.assert_no_leak(repr(simulator.requests).encode())


def changes(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests that change something."""
    return [each.method for each in simulator.requests if each.method != "GET"]


def test_get_schema(project: Stack) -> None:
    """`pulumi package get-schema` prints the plugin's schema, which the engine accepts without a message."""
    shown = project.run("package", "get-schema", PLUGIN)
    assert json.loads(shown.stdout) == json.loads(package_schema())
    assert shown.stderr == ""


def test_package_add(project: Stack) -> None:
    """`pulumi package add` writes the SDK of a project in YAML: a file that names the plugin.

    The host that can be built from a Go module is older than the call that adds it to `Pulumi.yaml`, and says so.
    """
    added = project.run("package", "add", "./venv/bin/pulumi-resource-justt", fails=None)
    assert "Successfully generated an SDK for the justt package" in added.text
    assert added.code == 0 or "error: linking package: method Link not implemented" in added.text
    (written,) = (project.project / "sdks" / "justt").glob("justt-*.yaml")
    assert "name: justt\n" in written.read_text()


def test_gen_sdk(project: Stack) -> None:
    """`pulumi package gen-sdk` writes the same file."""
    project.run("package", "gen-sdk", PLUGIN, "--language", "yaml", "--out", "generated")
    assert [*(project.project / "generated").rglob("justt-*.yaml")]


def test_generated_sdks(generated_sdks: Path) -> None:
    """`make sdks` writes the SDKs for Python, Node and Go, with the aliases of the classes' types."""
    python = generated_sdks / "python" / "pulumi_justt_sdk"
    assert compileall.compile_dir(python, quiet=2)
    files = {
        "python": python / "payment_integration.py",
        "node": generated_sdks / "nodejs" / "bin" / "paymentIntegration.js",
        "go": generated_sdks / "go" / "justt" / "paymentIntegration.go",
    }
    alias = "pulumi-python:dynamic/justt:PaymentIntegration"
    assert [name for name, file in files.items() if alias not in file.read_text()] == []
    alias = "pulumi-python:dynamic/justt:IntegrationReady"
    assert alias in (generated_sdks / "nodejs" / "bin" / "integrationReady.js").read_text()


class TestDo:
    """`pulumi do` works with single resources, without a program and without a state."""

    @pytest.fixture(autouse=True)
    def settings(self, project: Stack, simulator: SimulatorServer) -> None:
        """Set the plugin's settings in variables, since there is no stack."""
        project.environ |= {"JUSTT_BASE_URL": simulator.base_url, "JUSTT_API_KEY": canary("api-key")}
        project.secrets.append(project.environ["JUSTT_API_KEY"])

    def do(self, project: Stack, *arguments: str) -> object:
        """Run an operation, and return its result."""
        words = ("do", "--package", PLUGIN, "--output", "json", "justt:index:PaymentIntegration", *arguments)
        result: object = json.loads(project.run(*words).stdout)
        return result

    def test_read(self, project: Stack, simulator: SimulatorServer) -> None:
        """`read` shows what Justt returns of one integration, and sends one GET."""
        new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
        number = simulator.records.add_integration(new, None)
        assert self.do(project, "read", number) == {
            "environment": "simulator",
            "id": number,
            "integrationId": number,
            "source": "stripe",
            "status": "PENDING",
        }
        assert [(each.method, each.path.rpartition("/")[2]) for each in simulator.requests] == [("GET", number)]

    def test_list(self, project: Stack, simulator: SimulatorServer) -> None:
        """`list` shows the integrations of the account."""
        new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
        numbers = {simulator.records.add_integration(new, None) for _ in range(3)}
        shown = json.dumps(self.do(project, "list"))
        assert [number for number in numbers if number not in shown] == []
        assert {each.method for each in simulator.requests} == {"GET"}


class TestWhereTheEngineFindsIt:
    """The engine looks into the folder that `Pulumi.yaml` names, and then on PATH."""

    def test_in_the_folder_of_the_project_file(self, project: Stack, simulator: SimulatorServer) -> None:
        """With an entry in `Pulumi.yaml`, there is no warning."""
        (project.project / "Pulumi.yaml").write_text(PROJECT + ENTRY + RESOURCE)
        assert "warning" not in project.up().text
        assert "warning" not in project.destroy().text
        assert changes(simulator) == ["POST", "DELETE"]

    def test_on_path(self, project: Stack, simulator: SimulatorServer) -> None:
        """A plugin on PATH works, too. The engine warns of it, and this package prints no other warning."""
        (project.project / "Pulumi.yaml").write_text(PROJECT + RESOURCE)
        folders = [str(project.engine_bin), str(project.project / "venv" / "bin"), environment.PATH]
        project.environ["PATH"] = os.pathsep.join(folders)
        shown = project.up().text
        assert f"warning: using {plugin.NAME} from $PATH at {project.project / 'venv' / 'bin'}" in shown
        assert "warning" not in shown.replace(f"warning: using {plugin.NAME} from $PATH", "")
        assert changes(simulator) == ["POST"]
