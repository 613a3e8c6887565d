#!/usr/bin/env python3
"""Find or create the Pulumi engine for the examples and the tests.

This script defines the order of the four ways below and the cache folder under `.dev/engine`. It knows nothing about
the provider. Progress goes to stderr. On success, stdout gets one line: the folder to put first on PATH.

    way                    skipped if
    1 pulumi on PATH       JUSTT_ENGINE_ON_PATH is `off`, or it's missing or too old, or has no Python language host
    2 made before          a file is missing, or `pulumi version` doesn't print the pinned version
    3 official installer   JUSTT_ENGINE_INSTALLER is `off`, or the installer's site or script fails
    4 build with Go        Go can't be found or installed, or the build fails

The version is pinned only in `cli/go.mod`. `.dev/engine` has one folder for each set of module files.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import go_build
from processes import (
    INTERRUPTIONS,
    LONG_SECONDS,
    UnavailableError,
    Version,
    parse_version,
    restore_interrupt,
    run,
    which,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["EngineError", "ensure", "restore_interrupt"]


ROOT = Path(__file__).resolve().parents[2]
# The first release whose `pulumi import --file` accepts outputs. The import of a payment integration needs them.
MINIMUM = Version(3, 254, 0)
INSTALLER = "https://get.pulumi.com"
CONNECT_SECONDS = 5.0


class EngineError(Exception):
    """All ways failed; the text lists the attempts and what to install."""


class Found(NamedTuple):
    """A working engine, and the reason to use it."""

    folder: Path
    why: str


@dataclass(frozen=True)
class Project:
    """The pinned versions, and the folder of the engine made from them."""

    modules: Path
    version: Version
    go: Version
    cache: Path


def highest_version(subject: str, go_mods: Sequence[str]) -> Version:
    """Return the highest version that the module files require for a subject, which satisfies all of them."""
    words = re.findall(rf"^\s*{re.escape(subject)} (\S+)$", "\n".join(go_mods), re.MULTILINE)
    return max(version for word in words if (version := parse_version(word)))


def advice(go: Version, attempts: Sequence[str]) -> str:
    """Return a list of the attempts, and what to do."""
    steps = "\n".join(f"  {line}" for line in attempts)
    return (
        f"no Pulumi engine. Attempts:\n{steps}\nInstall one of these and run this again:\n"
        f"  the Pulumi CLI {MINIMUM} or newer: https://www.pulumi.com/docs/install/\n"
        f"  Go {go} or newer, to build the CLI: https://go.dev/doc/install"
    )


def load(root: Path) -> Project:
    """Read the versions that the repository pins."""
    modules = root / "tools" / "engine"
    mods = [(modules / folder / "go.mod").read_text() for folder, _ in go_build.BINARIES.values()]
    version = highest_version("github.com/pulumi/pulumi/pkg/v3", mods)
    # Two systems may share a checkout, such as a laptop and a container that mounts it.
    name = go_build.fingerprint([*go_build.inputs(modules), platform.system(), platform.machine()])
    return Project(modules, version, highest_version("go", mods), root / ".dev" / "engine" / f"{version}-{name}")


def reported(program: Path, env: Mapping[str, str]) -> Version:
    """Return the version of a `pulumi` program, without touching the user's home or the network."""
    with tempfile.TemporaryDirectory(prefix="pulumi-home-") as home:
        quiet = {**env, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        outcome = run([str(program), "version"], quiet)
    if outcome.version is None:
        raise UnavailableError(f"`{program} version` does not work ({outcome.last})")
    return outcome.version


def verify(folder: Path, expected: Version, env: Mapping[str, str]) -> None:
    """Reject a folder without a complete engine of the pinned version."""
    missing = [name for name in (*go_build.BINARIES, *go_build.SCRIPTS) if not shutil.which(name, path=str(folder))]
    if missing:
        raise UnavailableError(f"{folder} is broken: {', '.join(missing)} missing or not executable")
    version = reported(folder / "pulumi", env)
    if version != expected:
        raise UnavailableError(f"{folder} is broken: it has v{version} instead of v{expected}")


def on_path(env: Mapping[str, str]) -> Found:
    """Use the user's own CLI."""
    if env.get("JUSTT_ENGINE_ON_PATH") == "off":
        raise UnavailableError("switched off by JUSTT_ENGINE_ON_PATH")
    program = which("pulumi", env)
    if program is None:
        raise UnavailableError("not found")
    version = reported(program, env)
    if version < MINIMUM:
        raise UnavailableError(f"{program} is v{version}, older than v{MINIMUM}")
    if not (which(go_build.HOST, env) or shutil.which(go_build.HOST, path=str(program.resolve().parent))):
        raise UnavailableError(f"{program} has no {go_build.HOST} beside it or on PATH")
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
        # A text, because an HTTPError in a variable would keep its socket open.
        reason = str(error.reason if type(error) is urllib.error.URLError else error)
        raise UnavailableError(f"{address} is unreachable ({reason})") from error
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
    store = project.cache.parent / "go"
    toolchain = go_build.find_go(project.modules, project.go, store, go_build.environment(env, store), say)
    say(f"  building with Go {toolchain.version}: minutes the first time, seconds once Go has its packages cached")
    with staged(project, env) as stage:
        go_build.build(project.modules, project.version, toolchain, stage, say)
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
    env: Mapping[str, str] | None = None,
    say: Callable[[str], None] = show_line,
) -> Path:
    """Return the folder to put first on PATH, after making the engine if there is none.

    Raises:
        EngineError: All ways failed.
    """
    project = load(root)
    if env is None:
        # This Python's environment has the uv that is locked. The user's own uv may be too old.
        env = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
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

    if which("pulumi", env) is None:
        # Each later run uses the engine of the first one, so there is nothing to report.
        with contextlib.suppress(UnavailableError):
            return made_before(project, env).folder
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
