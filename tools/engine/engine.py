#!/usr/bin/env python3
"""Find or create the Pulumi engine for the examples and the tests.

This script defines the order of the four ways below and the cache folder under `.dev/engine`. It knows nothing about
the provider. Progress goes to stderr. On success, stdout gets one line: the folder to put first on PATH.

    way                    skipped if
    1 pulumi on PATH       it's missing or too old, or it has no Python language host
    2 made before          a file is missing, or `pulumi version` doesn't print the pinned version
    3 official installer   JUSTT_ENGINE_INSTALLER is `off`, or the installer's site or script fails
    4 build with Go        Go is missing or older than go.mod requires, or the build fails

The version is pinned only in `cli/go.mod`. `.dev/engine` has one folder for each set of module files.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["EngineError", "ensure", "restore_interrupt"]


class Version(NamedTuple):
    """A release, without the suffixes of development builds."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """Return it in Pulumi's notation."""
        return ".".join(map(str, self))


ROOT = Path(__file__).resolve().parents[2]
# The first release whose `pulumi import --file` accepts outputs. The import of a payment integration needs them.
MINIMUM = Version(3, 254, 0)
INSTALLER = "https://get.pulumi.com"
HOST = "pulumi-language-python"
BINARIES = {
    HOST: ("language-python", "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"),
    "pulumi": ("cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"),
}
SCRIPTS = {
    "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
    "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
}
MODULE_FILES = ("go.mod", "go.sum")
BUILD_ENV = {"CGO_ENABLED": "0", "GOWORK": "off"}
BUILD_FLAGS = ("-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags")
LINK_FLAGS = "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{}"
# Ctrl-C, a cancelled CI job, a closed terminal.
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CONNECT_SECONDS = 5.0
TICK_SECONDS = 10.0
ANSWER_SECONDS = 60.0
LONG_SECONDS = 3600.0
TAIL_LINES = 20


class EngineError(Exception):
    """All ways failed; the text lists the attempts and what to install."""


class UnavailableError(Exception):
    """This way is skipped; the text says why."""


class Found(NamedTuple):
    """A working engine, and the reason to use it."""

    folder: Path
    why: str


class Outcome(NamedTuple):
    """The result of a finished program."""

    code: int
    lines: list[str]

    @property
    def version(self) -> Version | None:
        """The version that it printed, if it succeeded."""
        return parse_version("\n".join(self.lines)) if self.code == 0 else None

    @property
    def last(self) -> str:
        """The line that most likely describes the problem."""
        return next((line for line in reversed(self.lines) if line.strip()), f"exit code {self.code}, no output")


@dataclass(frozen=True)
class Project:
    """The pinned versions, and the folder of the engine made from them."""

    modules: Path
    version: Version
    go: Version
    cache: Path


def parse_version(text: str) -> Version | None:
    """Return the version from the first line that starts with one, written `v3.259.0`, `go1.26` or without prefix."""
    match = re.search(r"^(?:v|go)?(\d+)\.(\d+)(?:\.(\d+))?", text, re.MULTILINE)
    return Version(*(int(part or 0) for part in match.groups())) if match else None


def highest_version(subject: str, go_mods: Sequence[str]) -> Version:
    """Return the highest version that the module files require for a subject, which satisfies all of them."""
    words = re.findall(rf"^\s*{re.escape(subject)} (\S+)$", "\n".join(go_mods), re.MULTILINE)
    return max(version for word in words if (version := parse_version(word)))


def fingerprint(parts: Sequence[str]) -> str:
    """Return a short name that changes if any of the parts changes."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def go_environment(env: Mapping[str, str], store: Path) -> dict[str, str]:
    """Return the environment of the build; without HOME, Go's own caches are in *store*."""
    if not env.get("HOME"):
        # Go makes its module cache read-only, and `rm -rf .dev` would fail there.
        flags = f"{env.get('GOFLAGS', '')} -modcacherw".strip()
        env = {"GOCACHE": str(store / "build"), "GOPATH": str(store / "path"), **env, "GOFLAGS": flags}
    return {**env, **BUILD_ENV}


def advice(go: Version, attempts: Sequence[str]) -> str:
    """Return a list of the attempts, and what to do."""
    steps = "\n".join(f"  {line}" for line in attempts)
    return (
        f"no Pulumi engine. Attempts:\n{steps}\nInstall one of these and run this again:\n"
        f"  the Pulumi CLI {MINIMUM} or newer: https://www.pulumi.com/docs/install/\n"
        f"  Go {go} or newer, to build the CLI: https://go.dev/doc/install"
    )


def progress(elapsed: float, lines: Sequence[str]) -> str:
    """Summarize the output of `go build -v` so far: one line for each package or downloaded module."""
    modules = sum(line.startswith("go: ") for line in lines)
    return f"{elapsed:.0f} s, {len(lines) - modules} packages compiled, {modules} modules fetched"


def load(root: Path) -> Project:
    """Read the versions that the repository pins."""
    modules = root / "tools" / "engine"
    mods, sums = ([(modules / folder / name).read_text() for folder, _ in BINARIES.values()] for name in MODULE_FILES)
    version = highest_version("github.com/pulumi/pulumi/pkg/v3", mods)
    # Two systems may share a checkout, such as a laptop and a container that mounts it.
    system = (platform.system(), platform.machine())
    name = fingerprint([*mods, *sums, *BUILD_FLAGS, LINK_FLAGS, *map("=".join, BUILD_ENV.items()), *system])
    return Project(modules, version, highest_version("go", mods), root / ".dev" / "engine" / f"{version}-{name}")


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: Path | None = None,
    limit: float = ANSWER_SECONDS,
    tick: Callable[[float, list[str]], None] = lambda _elapsed, _lines: None,
) -> Outcome:
    """Run a program until it ends, reaches its time limit or is interrupted, and leave none of its children behind."""
    with tempfile.NamedTemporaryFile() as output:

        def lines() -> list[str]:
            return Path(output.name).read_text("utf-8", "replace").splitlines()

        # An interrupt inside Popen would lose a program that already runs, so defer it until the program can be ended.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return Outcome(127, [str(error)])
        started = time.monotonic()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            while (elapsed := time.monotonic() - started) < limit:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return Outcome(process.wait(TICK_SECONDS), lines())
                tick(elapsed + TICK_SECONDS, lines())
            return Outcome(124, [*lines(), f"stopped after {limit:.0f} s"])
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def which(name: str, env: Mapping[str, str]) -> Path | None:
    """Return the absolute path of a program on the given PATH."""
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    return Path(found).absolute() if found else None


def reported(program: Path, env: Mapping[str, str]) -> Version:
    """Return the version of a `pulumi` program, without touching the user's home or the network."""
    with tempfile.TemporaryDirectory(prefix="pulumi-home-") as home:
        quiet = {**env, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        outcome = run([str(program), "version"], quiet)
    if outcome.version is None:
        raise UnavailableError(f"`{program} version` does not work ({outcome.last})")
    return outcome.version


def restore_interrupt() -> None:
    """Make SIGINT end this process and its children again, even if a script's `&` has made it ignored.

    The CLI ends its plugins with SIGINT, and waits 5 s for each one that doesn't end.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def verify(folder: Path, expected: Version, env: Mapping[str, str]) -> None:
    """Reject a folder without a complete engine of the pinned version."""
    missing = [name for name in (*BINARIES, *SCRIPTS) if not shutil.which(name, path=str(folder))]
    if missing:
        raise UnavailableError(f"{folder} is broken: {', '.join(missing)} missing or not executable")
    version = reported(folder / "pulumi", env)
    if version != expected:
        raise UnavailableError(f"{folder} is broken: it has v{version} instead of v{expected}")


def on_path(env: Mapping[str, str]) -> Found:
    """Use the user's own CLI."""
    program = which("pulumi", env)
    if program is None:
        raise UnavailableError("not found")
    version = reported(program, env)
    if version < MINIMUM:
        raise UnavailableError(f"{program} is v{version}, older than v{MINIMUM}")
    if not (which(HOST, env) or shutil.which(HOST, path=str(program.resolve().parent))):
        raise UnavailableError(f"{program} has no {HOST} beside it or on PATH")
    return Found(program.parent, f"v{version} is at least v{MINIMUM}")


def made_before(project: Project, env: Mapping[str, str]) -> Found:
    """Use the engine that an earlier run made."""
    if not project.cache.exists():
        raise UnavailableError(f"no {project.cache}")
    verify(project.cache / "bin", project.version, env)
    return Found(project.cache / "bin", f"v{project.version} runs")


@contextlib.contextmanager
def staged(project: Project, env: Mapping[str, str]) -> Iterator[Path]:
    """Create a folder for the engine, which becomes the cache only when the engine is complete."""
    prefix = f"{project.cache.name}.part-"
    for leftover in project.cache.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=prefix, dir=project.cache.parent))
    try:
        stage.chmod(0o755)
        yield stage
        verify(stage / "bin", project.version, env)
        shutil.rmtree(project.cache, ignore_errors=True)
        stage.rename(project.cache)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def install(project: Project, env: Mapping[str, str], say: Callable[[str], None]) -> Found:
    """Run Pulumi's installer with the cache folder as its target."""
    address = env.get("JUSTT_ENGINE_INSTALLER") or INSTALLER
    if address == "off":
        raise UnavailableError("switched off by JUSTT_ENGINE_INSTALLER")
    try:
        with urllib.request.urlopen(address, timeout=CONNECT_SECONDS) as answer:  # noqa: S310 - an address that the user has set
            script: bytes = answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UnavailableError(f"{address} is unreachable ({error})") from error
    if not script.startswith(b"#!"):
        raise UnavailableError(f"{address} did not return a script")
    with staged(project, env) as stage:
        file = stage / "install.sh"
        file.write_bytes(script)
        options = ["--version", str(project.version), "--install-root", str(stage), "--no-edit-path"]
        command = ("/bin/sh", str(file), *options)
        outcome = run(
            command, env, limit=LONG_SECONDS, tick=lambda elapsed, _: say(f"  installing for {elapsed:.0f} s")
        )
        if outcome.code:
            raise UnavailableError(f"the script of {address} failed ({outcome.last})")
    return Found(project.cache / "bin", f"{address} installed v{project.version}")


def build(project: Project, env: Mapping[str, str], say: Callable[[str], None]) -> Found:
    """Build the engine from its Go modules."""
    go = which("go", env)
    if go is None:
        raise UnavailableError("no go on PATH")
    env, cli = go_environment(env, project.cache.parent / "go"), project.modules / "cli"
    # Run it in the module's folder: a Go that can download the toolchain in go.mod reports that version.
    answer = run([str(go), "env", "GOVERSION"], env, cwd=cli, limit=LONG_SECONDS)
    if answer.version is None or answer.version < project.go:
        raise UnavailableError(f"{go} is not Go {project.go} or newer ({answer.last})")
    say(f"  building with Go {answer.version}: minutes the first time, seconds once Go has its packages cached")
    with staged(project, env) as stage:
        for name, (module, package) in BINARIES.items():
            output = stage / "bin" / name
            flags = ("-v", *BUILD_FLAGS, LINK_FLAGS.format(project.version), "-o", str(output))

            def report(elapsed: float, lines: Sequence[str], name: str = name) -> None:
                say(f"  {name}: {progress(elapsed, lines)}")

            command = (str(go), "build", *flags, package)
            built = run(command, env, cwd=project.modules / module, limit=LONG_SECONDS, tick=report)
            if built.code:
                say("\n".join(f"    {line}" for line in built.lines[-TAIL_LINES:]))
                raise UnavailableError(f"go build of {name} failed ({built.last})")
        sdk = run([str(go), "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"], env, cwd=cli)
        for name, source in SCRIPTS.items():
            script = Path(sdk.last, source)
            if not script.is_file():
                raise UnavailableError(f"the sdk module has no {source} ({sdk.last})")
            # Not copy2: files in the module cache have no execute and write permission.
            shutil.copyfile(script, stage / "bin" / name)
            (stage / "bin" / name).chmod(0o755)
    return Found(project.cache / "bin", f"built v{project.version}")


@contextlib.contextmanager
def locked(file: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let only one process at a time make an engine; the system releases the lock of a process that dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  another process is making the engine: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def show_line(line: str) -> None:
    """Print a line of progress, or an error, to stderr."""
    sys.stderr.write(f"engine: {line}\n")
    sys.stderr.flush()


def ensure(
    root: Path = ROOT,
    env: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = show_line,
) -> Path:
    """Return the folder to put first on PATH, after making the engine if there is none.

    Raises:
        EngineError: All ways failed.
    """
    project = load(root)
    attempts: list[str] = []

    def attempt(title: str, way: Callable[[], Found]) -> Path | None:
        try:
            found = way()
        except UnavailableError as reason:
            attempts.append(f"{title}: {reason}")
            say(attempts[-1])
            return None
        say(f"{title}: using {found.folder}: {found.why}")
        return found.folder

    folder = attempt("1. pulumi on PATH", lambda: on_path(env))
    folder = folder or attempt("2. made before", lambda: made_before(project, env))
    if folder:
        return folder
    with locked(project.cache.parent / "lock", say):
        # Another process may have made it while this one waited for the lock.
        with contextlib.suppress(UnavailableError):
            return made_before(project, env).folder
        folder = attempt("3. official installer", lambda: install(project, env, say))
        folder = folder or attempt("4. build with Go", lambda: build(project, env, say))
    if folder:
        return folder
    raise EngineError(advice(project.go, attempts))


def main() -> int:
    """Print the folder on stdout, or what to do on stderr."""
    try:
        folder = ensure()
    except (EngineError, OSError) as error:
        show_line(str(error))
        return 1
    except KeyboardInterrupt:
        show_line("interrupted; no partial engine is kept")
        return 130
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    for number in INTERRUPTIONS:
        # If SIGHUP is ignored, as under nohup, keep ignoring it.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(main())
