"""How commands find the project, and that they use the base URL of its stack."""

from __future__ import annotations

import json

import pytest

from pulumi_justt.simulator import SimulatorServer
from support.fake_pulumi import FakePulumi
from support.harness import Stack
from support.wires import connect_proxy

PROJECTS = {
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "Pulumi.yml": "\ufeff'name' : \"shop\"\nruntime: python\n",
    "Pulumi.json": '{\n\t"runtime": "python",\n\t"name": "shop"\n}\n',
}


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("place", ["here", "above", "by a link"])
@pytest.mark.parametrize("command", [["list"], ["doctor"], ["recover", "--json"], ["import", "--json", "--id", "x"]])
def test_a_project_file_of_any_format_is_found(project: FakePulumi, name: str, place: str, command: list[str]) -> None:
    """Each command finds a project file in YAML or JSON, in the current folder or in a folder above.

    The command then reads the configuration of that project's stack.
    """
    (project.project / "Pulumi.yaml").unlink()
    (project.project / name).write_text(PROJECTS[name], encoding="utf-8")
    below = project.project / "a" / "b"
    below.mkdir(parents=True)
    link = project.folder / "link"
    link.symlink_to(below, target_is_directory=True)
    folder = {"here": project.project, "above": below, "by a link": link}[place]

    done = project.run(*command, "--cwd", str(folder))

    assert "there is no Pulumi project" not in done.output
    assert any(call.startswith("config --show-secrets") for call in project.calls)


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize(
    ("command", "words"),
    [("doctor", "https://api.justt.ai/v1/sandbox"), ("list", "listing the default account in sandbox")],
    ids=["doctor", "list"],
)
def test_the_base_url_of_the_stack_is_used(project: FakePulumi, name: str, command: str, words: str) -> None:
    """If the API key comes from a variable, a command still uses the environment in the stack's configuration.

    The format of the project file doesn't matter.
    """
    (project.project / "Pulumi.yaml").unlink()
    (project.project / name).write_text(PROJECTS[name], encoding="utf-8")
    project.config({"justt:environment": "sandbox"})
    asked: list[bytes] = []

    def refuse(request: bytes) -> bytes:
        # A request ends at the first 407, without another attempt, and nothing leaves this machine.
        asked.append(request.partition(b" HTTP")[0])
        return b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"

    with connect_proxy(refuse) as proxy:
        variables = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "JUSTT_API_KEY": "a-key"}
        done = project.run(command, "--json", environ=variables)

    shown = json.dumps(json.loads(done.stdout))
    assert words in shown
    assert "production" not in shown
    assert set(asked) == {b"CONNECT api.justt.ai:443"}


@pytest.mark.parametrize("name", ["Pulumi.yml", "Pulumi.json"])
def test_the_real_cli_finds_the_same_projects(stack: Stack, simulator: SimulatorServer, name: str) -> None:
    """In a project whose file the Pulumi CLI finds, `doctor` finds the file too, and uses the stack's configuration."""
    (stack.project / "Pulumi.yaml").unlink()
    (stack.project / name).write_text(PROJECTS[name].removeprefix("\ufeff"))
    (stack.project / "below").mkdir()
    stack.run("stack", "select", stack.name)
    # The CLI expects the stack's file in the format of the project file.
    stack.run("config", "set", "justt:baseUrl", simulator.base_url, "--stack", stack.name)

    done = stack.justt("doctor", "--cwd", "below", "--only", "configuration")

    assert (done.code, "simulator at " in done.stdout) == (0, True), done.text
