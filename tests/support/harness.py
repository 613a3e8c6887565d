"""Runs the real CLI on its own project and backend, and keeps every byte that it prints or writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from pulumi_justt.simulator import Fault, SimulatorServer
from support import environment, key_service, preloaded_python, secret_scanner

__all__ = ["HANG_SECONDS", "Result", "Stack", "eventually", "fired_faults", "has_fired", "unused_base_url"]

HANG_SECONDS = 600
"""Ends a test that hangs. It's long because a loaded machine is slow; no test depends on its value."""

_INITIAL: dict[tuple[Path, str, bool], dict[Path, bytes]] = {}
"""The files of a new stack, by the CLI that created it, the stack's name, and whether it has a passphrase."""
_ENCRYPTED: dict[str, dict[str, dict[str, str]]] = {}
"""What the CLI writes into a stack's configuration for a secret, by the stack's salt or key, and the secret."""


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until another process makes *holds* return true."""
    deadline = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fired_faults(simulator: SimulatorServer) -> list[Fault]:
    """Return the faults in force that have hit a request, which may still be without a response."""
    # Tests call this often while they wait. A request would take 20 ms of CPU time each time.
    return [each.fault for each in simulator._simulator.plan.progress() if each.fired]


def has_fired(simulator: SimulatorServer) -> bool:
    """Return whether the first fault of the simulator has hit a request, which may still be without a response."""
    return simulator.faults[0] in fired_faults(simulator)


def unused_base_url() -> str:
    """Return a base URL on localhost where no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@dataclass(frozen=True)
class Result:
    """The output of a command, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Both streams, stdout first."""
        return self.stdout + self.stderr

    @property
    def diagnostics(self) -> dict[str, list[str]]:
        """The lines under `Diagnostics:`, by the name of their resource. A command with `--diff` has none."""
        found: dict[str, list[str]] = {}
        shown = self.text.partition("Diagnostics:\n")[2]
        for line in re.split(r"^(?:Outputs|Resources):$", shown, maxsplit=1, flags=re.MULTILINE)[0].splitlines():
            if line.startswith("    "):
                found[[*found][-1]].append(line.strip())
            elif line:
                found[line.rpartition("(")[2].removesuffix("):")] = []
        return found


@dataclass(frozen=True)
class Process:
    """A running process: its arguments in one line, and its environment as raw bytes."""

    number: int
    command: str
    environ: bytes


@dataclass
class Stack:
    """One stack of one project on a file backend.

    Args:
        folder: An empty folder.
        engine_bin: The folder of the CLI.
        name: The stack's name.
        environ: Additional variables of each command.
        has_stack: Whether to create the stack at once, and not by a command of the test.
        has_passphrase: Whether a passphrase encrypts its secrets, and not a key service, which takes less CPU time.
        source: A project to copy, whose stack has a passphrase; default: an empty project, named `shop`.
        has_real_python: Whether each Python process starts on its own (see `support.preloaded_python`).
    """

    folder: Path
    engine_bin: Path
    name: str = "dev"
    environ: dict[str, str] = field(default_factory=dict)
    has_stack: bool = True
    has_passphrase: bool = False
    source: Path | None = None
    has_real_python: bool = False
    secrets: list[str] = field(default_factory=list)
    recorded_types: ClassVar[tuple[str, ...]] = ("pulumi-python:dynamic",)
    """What the types of the resources in `recorded` begin with."""
    module: ClassVar[str] = "pulumi-python:dynamic/justt:"
    """What the types of our own resources begin with."""
    python_path: tuple[Path, ...] = ()
    """Folders that come first on PYTHONPATH."""
    _printed: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Create the project and the stack."""
        for name in ("home", "state", "user"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if self.source:
            shutil.copytree(self.source, self.project, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            self.run("stack", "init", self.name)
            return
        self.project.mkdir(exist_ok=True)
        (self.project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        self.program("")
        if self.has_stack:
            self._initialize()

    def _initialize(self) -> None:
        # The CLI creates the same stack each time, which takes a second.
        kind = (self.engine_bin, self.name, self.has_passphrase)
        initial = _INITIAL.get(kind)
        if initial is None:
            provider = () if self.has_passphrase else ("--secrets-provider", key_service.PROVIDER)
            self.run("stack", "init", self.name, *provider)
            initial = _INITIAL[kind] = {
                path.relative_to(self.folder): path.read_bytes()
                for path in (*(self.folder / "state").rglob("*"), self.project / f"Pulumi.{self.name}.yaml")
                if path.is_file()
            }
        for path, content in initial.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)

    @property
    def project(self) -> Path:
        """The folder of the program."""
        return self.folder / "project"

    @property
    def project_name(self) -> str:
        """The name in the project's file."""
        name: str = yaml.safe_load((self.project / "Pulumi.yaml").read_bytes())["name"]
        return name

    @property
    def checkpoint(self) -> Path:
        """The file with the state. It has what `pulumi stack export` prints, which takes a tenth of a second."""
        return self.folder / "state" / ".pulumi" / "stacks" / self.project_name / f"{self.name}.json"

    def program(self, text: str) -> None:
        """Replace the program. *text* can use `pulumi`, `justt`, `config` and `secret`, which takes a name."""
        (self.project / "__main__.py").write_text(self.head() + textwrap.dedent(text))

    def head(self) -> str:
        """Return what each program begins with."""
        return textwrap.dedent("""
            import os
            import pulumi
            import pulumi_justt as justt

            config = pulumi.Config()

            def secret(name):
                given = os.environ.get(f"SECRET_{name}")
                return pulumi.Output.secret(given) if given else config.require_secret(name)

        """)

    def provide(self, secrets: Mapping[str, str]) -> None:
        """Set the values that the program's `secret` reads from its environment. They must not appear in any output.

        The engine masks secrets of the configuration in all output, so such a secret would hide a leak by our code.
        """
        self.secrets += secrets.values()
        self.environ |= {f"SECRET_{name}": value for name, value in secrets.items()}

    def config(self, plain: Mapping[str, str] | None = None, secret: Mapping[str, str] | None = None) -> None:
        """Set configuration. The values of *secret* must not appear in any output.

        The CLI takes a fifth of a second, so it only encrypts, and each value only once.
        """
        file = self.project / f"Pulumi.{self.name}.yaml"
        settings = yaml.safe_load(file.read_bytes())
        secret = self._with_namespace(secret or {})
        self.secrets += secret.values()
        encrypted = _ENCRYPTED.setdefault(settings.get("encryptionsalt") or settings["encryptedkey"], {})
        if not encrypted.keys() >= {*secret.values()}:
            arguments = [text for name, value in secret.items() for text in ("--secret", f"{name}={value}")]
            self.run("config", "set-all", "--stack", self.name, *arguments)
            settings = yaml.safe_load(file.read_bytes())
            encrypted |= {value: settings["config"][name] for name, value in secret.items()}
        new = self._with_namespace(plain or {}) | {name: encrypted[value] for name, value in secret.items()}
        settings["config"] = settings.get("config", {}) | new
        file.write_text(yaml.safe_dump(settings))

    def _with_namespace(self, values: Mapping[str, str]) -> dict[str, str]:
        project = self.project_name
        return {name if ":" in name else f"{project}:{name}": value for name, value in values.items()}

    def run(self, *arguments: str, fails: bool | None = False, **variables: str) -> Result:
        """Run the CLI, and assert that it succeeds, or that it *fails*; None accepts both."""
        done = subprocess.run(
            [str(self.engine_bin / "pulumi"), *arguments, "--non-interactive"],
            cwd=self.project,
            env=self.prepare_command(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        self._printed += [done.stdout, done.stderr]
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert fails is None or (result.code != 0) == fails, result.text
        return result

    def script(self, text: str, *arguments: str) -> Result:
        """Run a Python script in the project's folder, where the CLI is on PATH, and assert that it succeeds."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text), *arguments],
            cwd=self.folder / "project",
            env=self.prepare_command({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        self._printed += [done.stdout, done.stderr]
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert result.code == 0, result.text
        return result

    def justt(self, *arguments: str, answers: str = "", **variables: str) -> Result:
        """Run `pulumi-justt` in the project's folder, with *answers* to its prompts."""
        done = subprocess.run(
            ["python3", "-m", "pulumi_justt.cli", *arguments],
            cwd=self.folder / "project",
            env=self.prepare_command(variables),
            input=answers.encode(),
            capture_output=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        self._printed += [done.stdout, done.stderr]
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the CLI without waiting. When it has ended, pass its output to `keep`."""
        return subprocess.Popen(
            [str(self.engine_bin / "pulumi"), *arguments, "--stack", self.name, "--non-interactive"],
            cwd=self.project,
            env=self.prepare_command({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def named(self, text: str) -> str:
        """Return a text of the provider with the names that this kind of stack shows."""
        return text

    def keep(self, output: bytes) -> None:
        """Keep the *output* of a started command for the search for secrets."""
        self._printed.append(output)

    def up(self, *arguments: str, fails: bool | None = False, **variables: str) -> Result:
        """Run `pulumi up` without a preview before it."""
        return self.run(
            "up", "--yes", "--skip-preview", "--diff", *arguments, "--stack", self.name, fails=fails, **variables
        )

    def preview(self, *arguments: str, fails: bool | None = False, **variables: str) -> Result:
        """Run `pulumi preview --diff`."""
        return self.run("preview", "--diff", *arguments, "--stack", self.name, fails=fails, **variables)

    def refresh(self, *arguments: str, fails: bool | None = False, **variables: str) -> Result:
        """Run `pulumi refresh` without a preview before it."""
        return self.run(
            "refresh", "--yes", "--skip-preview", *arguments, "--stack", self.name, fails=fails, **variables
        )

    def destroy(self, *arguments: str, fails: bool | None = False, **variables: str) -> Result:
        """Run `pulumi destroy` without a preview before it."""
        return self.run(
            "destroy", "--yes", "--skip-preview", *arguments, "--stack", self.name, fails=fails, **variables
        )

    @property
    def printed(self) -> str:
        """Return the output of all commands so far."""
        return b"".join(self._printed).decode()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, with masked secrets."""
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--stack", self.name).stdout)
        return found

    def all_resources(self) -> list[dict[str, Any]]:
        """Return all resources in the state, those of the engine included, with encrypted secrets."""
        latest = json.loads(self.checkpoint.read_bytes())["checkpoint"]["latest"] or {}
        found: list[dict[str, Any]] = latest.get("resources", [])
        return found

    def recorded(self) -> list[dict[str, Any]]:
        """Return the provider's resources in the state, including those that wait to be deleted after a replacement."""
        return [each for each in self.all_resources() if each["type"].startswith(self.recorded_types)]

    def decrypted(self) -> bytes:
        """Return the current state with its secrets in plain text. This output is not searched for secrets."""
        kept = [*self._printed]
        shown = self.run("stack", "export", "--show-secrets", "--stack", self.name).stdout.encode()
        self._printed[:] = kept
        return shown

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the provider's resources in the state, by resource name."""
        return {resource["urn"].rpartition("::")[2]: resource for resource in self.recorded()}

    def everything(self) -> Iterator[bytes]:
        """Yield all output: streams, state with history and backups, configuration, logs and temporary files."""
        yield from self._printed
        files = [
            path for part in ("state", "home", "user") for path in (self.folder / part).rglob("*") if path.is_file()
        ]
        files += self.project.glob("Pulumi.*.yaml")
        yield from (path.read_bytes() for path in files)

    def processes(self) -> Iterator[Process]:
        """Yield the processes of this stack; none if the system has no /proc."""
        mark = f"PULUMI_HOME={self.folder / 'home'}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command, environ = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark in environ.split(b"\0"):
                yield Process(int(folder.name), command.replace(b"\0", b" ").decode(errors="replace"), environ)

    def end_processes(self) -> None:
        """End the processes that a killed CLI leaves behind: Pulumi's language host stays for five minutes."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process.number, signal.SIGKILL)

    def assert_no_leak(self, *others: bytes) -> None:
        """Search all output, and *others*, for the secrets."""
        for content in [*others, *self.everything()]:
            assert secret_scanner.find(content, self.secrets) == []

    def prepare_command(self, more: Mapping[str, str]) -> dict[str, str]:
        """Drop the program's compiled files, and return the environment of a command, with *more* variables.

        Python notices the change of a source file by its size and its time in whole seconds, and a preview can take
        less than a second.
        """
        shutil.rmtree(self.project / "__pycache__", ignore_errors=True)
        pulumi = {
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "not a secret",
            **({} if self.has_passphrase else key_service.variables()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        pythons = () if self.has_real_python else (preloaded_python.folder(),)
        paths = {
            "PATH": os.pathsep.join(map(str, (*pythons, self.engine_bin, environment.PATH))),
            "PYTHONPATH": os.pathsep.join(map(str, (*self.python_path, environment.PYTHON_PATH))),
        }
        # The CLI's memory is small, and collecting it takes a fourth of the time of a small command.
        cheap = {"GOGC": "400"}
        return environment.build(
            {**pulumi, **paths, **cheap, **self.environ, **more},
            home=self.folder / "user",
            # Unit tests and the host process measure coverage. Measuring every process of every command takes minutes.
            is_measured=False,
        )
