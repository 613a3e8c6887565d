"""Build the wheel, install it into empty environments, and use it end to end with the real engine.

The environments are made with the oldest and the newest supported Python of this machine, get the wheel with its locked
run-time dependencies and nothing else, and run one program through up, an unchanged up, refresh and destroy.
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
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "provider" / "engine"))

import engine  # noqa: E402 - found by the line before

OLDEST = (3, 10)
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


def main() -> None:
    """Build, then try each interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = _built(Path(folder))
        found = dict(sorted(_interpreters()))
        chosen = {min(found), max(found)}
        for version in sorted(chosen):
            _try(wheel, found[version], Path(folder) / "{}.{}".format(*version))
        print(f"wheel: {wheel.name} passed on {', '.join('{}.{}'.format(*version) for version in sorted(chosen))}")  # noqa: T201 - the script's result


def _built(folder: Path) -> Path:
    """Build the wheel twice, and return it if both are the same to the byte and it has what users need."""
    wheels: list[Path] = []
    for name in ("first", "second"):
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / name), cwd=ROOT)
        wheels += (folder / name).glob("*.whl")
    first, second = wheels
    assert first.read_bytes() == second.read_bytes(), "two builds differ"
    names = zipfile.ZipFile(first).namelist()
    for needed in ("pulumi_justt/py.typed", "pulumi_justt/pulumi-plugin.json", "pulumi_justt/simulator/app.py"):
        assert needed in names, f"{needed} is not in the wheel"
    assert all(name.startswith(("pulumi_justt/", "pulumi_justt-")) for name in names), names
    return first


def _interpreters() -> Iterator[tuple[tuple[int, int], str]]:
    """Yield each supported version on this machine, with a program that has it."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 20)]
    paths = [path for name in [*names, "python3"] if (path := shutil.which(name))]
    paths += map(str, Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.*/bin/python3"))
    for path in paths:
        done = subprocess.run(
            [path, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and (version := tuple(map(int, done.stdout.split()))) >= OLDEST:
            yield (version[0], version[1]), path


def _try(wheel: Path, python: str, folder: Path) -> None:
    """Run one program through its life in an empty environment."""
    _run(python, "-m", "venv", str(folder / "venv"))
    venv = folder / "venv" / "bin"
    pip = (str(venv / "pip"), "--disable-pip-version-check", "--quiet", "install")
    _run(*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock"))
    _run(*pip, "--no-deps", str(wheel))
    for name in ("project", "state", "home"):
        (folder / name).mkdir()
    (folder / "project" / "Pulumi.yaml").write_text("name: wheel\nruntime: python\n")
    (folder / "project" / "__main__.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "JUSTT_", "PYTHON"))}
    environ = {
        **kept,
        "HOME": str(folder / "home"),
        "PATH": os.pathsep.join([str(venv), str(engine.ensure(ROOT)), kept["PATH"]]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "not a secret",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }

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
            assert not re.search(r"resource +justt", pulumi("about")), "the CLI takes the package for a plugin"
            assert "- 2 deleted" in pulumi("destroy", "--yes", "--skip-preview")
        finally:
            simulator.terminate()


def _run(*command: str, cwd: Path | None = None, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
