"""Build the release twice, install its wheel into empty environments, and run it end to end with the real engine.

The second build uses a copy of the repository with other file times, in another folder and time zone, with another
umask and another hash seed of Python. Wheel, sdist and bill of materials must be identical.

The environments use the oldest and the newest supported Python of this machine. Each contains only the wheel with its
locked run-time dependencies, and runs one program through up, an unchanged up, refresh and destroy. Another one is made
with the commands that the pages show. With a folder as the argument, the release is copied to it at the end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("tools/engine", "tools/docs", "tests", "provider")]

import dist  # noqa: E402 - on sys.path since the line above
import engine  # noqa: E402 - the line above makes it importable
import install  # noqa: E402 - on sys.path since the line above
from support import environment  # noqa: E402 - on sys.path since the line above
from this_machine import copy_repository, interpreters  # noqa: E402 - on sys.path since the line above

PROGRAM = """
import pulumi
import pulumi_justt as justt

made = justt.PaymentIntegration(
    "wheel",
    external_identifier="wheel",
    integration_name="Wheel",
    source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=pulumi.Config().require_secret("key")),
)
pulumi.export("status", made.status)
"""


def main(keep: Path | None = None) -> None:
    """Build the release, test it with each interpreter, and copy it to the new folder *keep*."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = _built(Path(folder))
        found = dict(sorted(interpreters(supported(wheel))))
        chosen = {min(found), max(found)}
        engine_bin = engine.ensure(ROOT)  # before the threads, which Ctrl-C does not reach
        pool = ThreadPoolExecutor(2)
        try:
            tries = [
                pool.submit(_try_commands, found[min(found)], Path(folder) / "commands"),
                *(pool.submit(_try, wheel, found[v], engine_bin, Path(folder) / "{}.{}".format(*v)) for v in chosen),
            ]
            for each in tries:
                each.result()
        finally:
            pool.shutdown(cancel_futures=True)
        if keep:
            shutil.copytree(wheel.parent, keep)
        print(f"wheel: {wheel.name} passed on {', '.join('{}.{}'.format(*version) for version in sorted(chosen))}")


def _built(folder: Path) -> Path:
    """Build a release twice, and return its wheel if both builds are identical and complete."""
    _copy(folder / "copy")
    first = _release(ROOT, folder / "first", umask=0o022, TZ="UTC0", PYTHONHASHSEED="1")
    second = _release(folder / "copy", folder / "second", umask=0o077, TZ="FAR-13", PYTHONHASHSEED="2")
    differing = [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]
    assert not differing, f"two builds differ in {', '.join(differing)}"
    assert sorted(Path(name).suffix for name in first) == [".gz", ".json", ".whl"], sorted(first)
    (wheel,) = (folder / "first").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = ROOT / "provider" / "pulumi_justt"
    sources = [file for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    missing = {file.relative_to(package.parent).as_posix() for file in sources} - set(names)
    assert sources, f"{package} has no files"
    assert not missing, f"{', '.join(sorted(missing))} is not in the wheel"
    assert all(name.startswith(("pulumi_justt/", "pulumi_justt-")) for name in names), names
    return wheel


def _release(root: Path, folder: Path, *, umask: int, **variables: str) -> dict[str, bytes]:
    """Build the release of the repository at *root* into a new folder, and return the content of its files."""
    folder.mkdir()
    command = (sys.executable, str(root / "tools" / "release" / "dist.py"), str(folder))
    _run(*command, environ=environment.build(variables), umask=umask)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _copy(folder: Path) -> None:
    """Copy the repository, readable only by its owner, with an old modification time."""
    for name in copy_repository(folder):
        (folder / name).chmod((ROOT / name).stat().st_mode & 0o700)
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))


def supported(wheel: Path) -> list[tuple[int, int]]:
    """Return the Python versions that the wheel supports, according to its metadata."""
    matches = (
        re.fullmatch(r"Programming Language :: Python :: (\d+)\.(\d+)", text)
        for text in dist.metadata(wheel).classifiers or []
    )
    return [(int(match[1]), int(match[2])) for match in matches if match]


def _try(wheel: Path, python: str, engine_bin: Path, folder: Path) -> None:
    """Run one program through its life cycle in an empty environment."""
    for name in ("project", "state", "home"):
        (folder / name).mkdir(parents=True)
    _run(python, "-m", "venv", str(folder / "venv"))
    venv = folder / "venv" / "bin"
    pip = (str(venv / "pip"), "--disable-pip-version-check", "--quiet", "install")
    _run(*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock"))
    _run(*pip, "--no-deps", str(wheel))
    (folder / "project" / "Pulumi.yaml").write_text("name: wheel\nruntime: python\n")
    (folder / "project" / "__main__.py").write_text(PROGRAM)
    pulumi_own = {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "not a secret",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    path = os.pathsep.join([str(venv), str(engine_bin), environment.PATH])
    # This tests the installed package, not the sources.
    environ = environment.build({"PATH": path, "PYTHONPATH": "", **pulumi_own}, home=folder / "home")

    def pulumi(*arguments: str) -> str:
        return _run("pulumi", *arguments, "--non-interactive", cwd=folder / "project", environ=environ)

    command = [str(venv / "pulumi-justt"), "simulator", "--successful-after", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as simulator:
        try:
            assert simulator.stdout is not None
            url = simulator.stdout.readline().strip().rpartition(" ")[2]
            pulumi("stack", "init", "dev")
            pulumi("config", "set-all", "--plaintext", f"justt:baseUrl={url}", "--secret", "justt:apiKey=made-up")
            pulumi("config", "set", "--secret", "key", "made-up")
            assert "+ 2 created" in pulumi("up", "--yes", "--skip-preview")
            assert "2 unchanged" in pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
            assert "is SUCCESSFUL now, was PENDING" in pulumi("refresh", "--yes", "--skip-preview")
            assert json.loads(pulumi("stack", "output", "--json")) == {"status": "PENDING"}
            assert not re.search(r"resource +justt", pulumi("about")), "the CLI mistakes the package for a plugin"
            assert "- 2 deleted" in pulumi("destroy", "--yes", "--skip-preview")
        finally:
            simulator.terminate()


def _try_commands(python: str, folder: Path) -> None:
    """Install the package from this repository with the commands of the pages, and as an example requires it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / "bin" / "python3").symlink_to(python)
    (folder / "home" / "pulumi-justt").symlink_to(ROOT)
    *make, last = install.COMMANDS
    script = [
        *make,
        # The locked dependencies, so that the last command installs only this package.
        f"pip install --quiet --require-hashes -r '{ROOT / 'requirements.lock'}'",
        last,
        "pulumi-justt simulator --help",
        f"cd '{ROOT / 'examples' / 'quickstart'}'",
        "pip uninstall --quiet --yes pulumi-justt",
        "pip install --quiet -r requirements.txt",
        "pulumi-justt --version",
    ]
    variables = {"PATH": f"{folder / 'bin'}{os.pathsep}{environment.PATH}", "PYTHONPATH": ""}
    environ = environment.build(variables, home=folder / "home")
    _run("bash", "-c", "\n".join(["set -e", *script]), cwd=folder, environ=environ)


def _run(*command: str, cwd: Path | None = None, environ: dict[str, str] | None = None, umask: int = -1) -> str:
    environ = environ or environment.build({"PYTHONPATH": ""})
    done = subprocess.run(command, cwd=cwd, env=environ, umask=umask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
