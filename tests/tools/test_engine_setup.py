"""`tools/engine/engine.py`: the engines that it uses, their order, and the ones that it rejects.

Every program here is a shell script on a separate PATH. The other tests run the real engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import engine
import go_build
import processes
from support import environment
from support.harness import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PINNED = engine.load(engine.ROOT).version
FILES = (*go_build.BINARIES, *go_build.SCRIPTS)
SCRIPT = "#!/bin/sh\n"
PULUMI = SCRIPT + '[ "$1" = version ] && [ "$PULUMI_SKIP_UPDATE_CHECK" = true ] && [ -d "$PULUMI_HOME" ] && echo v{}\n'
GO = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >> '{log}'
case $1 in
env) echo go{version} ;;
list)
    if [ "$2" = -m ]; then echo '{sdk}'; exit; fi
    shift 3
    for package; do printf 'found\\t%s\\t%s\\t{sdk}\\n' "$package" "${{package%/*}}"; done ;;
build)
    while [ "$1" != -o ]; do shift; done
    echo "go: downloading one" >&2
    echo "first/package" >&2
    {meanwhile}
    mkdir -p "${{2%/*}}"
    printf '#!/bin/sh\\necho v{stamp}\\n' > "$2"
    chmod 755 "$2" ;;
esac
"""
UV = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$* $UV_DEFAULT_INDEX" >> '{log}'
{meanwhile}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin"
cp '{go}' "$2/go/bin/go"
"""
INSTALLER = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" > '{log}'
{meanwhile}
while [ "$1" != --install-root ]; do shift; done
mkdir "$2/bin"
for name in {files}; do
    printf '#!/bin/sh\\necho v{version}\\n' > "$2/bin/$name"
    chmod 755 "$2/bin/$name"
done
"""


def program(file: Path, text: str) -> Path:
    """Write an executable file, and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A file of the module cache is read-only. Only root could overwrite it.
    file.unlink(missing_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def whole_engine(folder: Path, version: object = PINNED) -> Path:
    """Create the files of an engine, as a build or Pulumi's archive does."""
    for name in FILES:
        program(folder / name, PULUMI.format(version))
    return folder


@dataclass
class Machine:
    """A checkout of the repository on a machine with only the programs of the test."""

    home: Path
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Copy the files that the script reads."""
        shutil.copytree(engine.ROOT / "tools/engine", self.root / "tools/engine")
        shutil.copy(engine.ROOT / go_build.LOCK, self.root)
        self.env = {"PATH": str(self.path), "HOME": str(self.home), "JUSTT_ENGINE_INSTALLER": "off"}

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.home / "repository"

    @property
    def path(self) -> Path:
        """The only folder on PATH."""
        return self.home / "bin"

    @property
    def log(self) -> Path:
        """The calls of the fake Go, one in each line."""
        return self.home / "log"

    @property
    def cache(self) -> Path:
        """The folder of the engine."""
        return engine.load(self.root).cache

    @property
    def output(self) -> str:
        """All progress messages."""
        return "\n".join(self.messages)

    def has_go(
        self, version: str = "1.99.0", *, stamp: object = PINNED, meanwhile: str = ":", file: Path | None = None
    ) -> None:
        """Put a fake Go on PATH, or in another *file*, that builds at once."""
        sdk = self.home / "sdk"
        for source in go_build.SCRIPTS.values():
            program(sdk / source, SCRIPT).chmod(0o444)
        for replacement in (engine.ROOT / "tools/engine" / go_build.LEFT_OUT).rglob("*.go"):
            program(sdk / replacement.parent.name / "replaced.go", SCRIPT).chmod(0o444)
        text = GO.format(version=version, log=self.log, sdk=sdk, stamp=stamp, meanwhile=meanwhile)
        program(file or self.path / "go", text)

    @property
    def uv_log(self) -> Path:
        """The calls of the fake uv."""
        return self.home / "uv-log"

    def has_uv(self, go_version: str, *, meanwhile: str = ":") -> None:
        """Put a fake uv on PATH that installs a fake Go."""
        self.has_go(go_version, file=self.home / "wheel-go")
        text = UV.format(log=self.uv_log, meanwhile=meanwhile, go=self.home / "wheel-go")
        program(self.path / "uv", text)

    def ensure(self) -> Path:
        """Set up the engine in this process."""
        return engine.ensure(self.root, self.env, self.messages.append)

    def start(self) -> subprocess.Popen[str]:
        """Set up the engine in a new process."""
        script = self.root / "tools/engine/engine.py"
        return subprocess.Popen(
            [sys.executable, str(script)],
            env=self.env,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine without programs and without a proxy."""
    monkeypatch.setenv("no_proxy", "*")
    return Machine(tmp_path)


@contextlib.contextmanager
def site(body: str, status: int = 200) -> Iterator[str]:
    """Serve *body* as the response to every request, and yield the server's address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def wait_for(file: Path) -> None:
    """Wait until another process has written a file."""
    deadline = time.monotonic() + HANG_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} was not written"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v3.259.0", (3, 259, 0)),
        ("3.254.0-alpha.1+dirty", (3, 254, 0)),
        ("go1.26", (1, 26, 0)),
        ("go1.25rc1", (1, 25, 0)),
        ("warning: an old configuration\nv3.260.1\n", (3, 260, 1)),
        ("dev", None),
        ("", None),
    ],
)
def test_version_is_read_from_the_output_of_programs(text: str, expected: tuple[int, int, int] | None) -> None:
    """`parse_version` takes the version from the first line of a program's output that starts with one."""
    assert expected == processes.parse_version(text)


def test_the_pinned_version_satisfies_the_minimum() -> None:
    """The version that the script builds is at least the minimum for the user's own CLI."""
    assert engine.MINIMUM <= PINNED


def test_go_needed_is_the_highest_of_the_modules() -> None:
    """The script needs the highest Go version that one of its Go modules names, because it builds all of them."""
    assert processes.Version(1, 25, 11) == engine.highest_version("go", ["go 1.25\n", "module x\n\ngo 1.25.11\n"])


def test_cache_name_changes_with_the_module_files(machine: Machine) -> None:
    """If a module's file changes, the script uses another cache folder.

    So it never uses an engine from other sources.
    """
    before = machine.cache
    with (machine.root / "tools/engine/cli/go.sum").open("a") as file:
        file.write("x v1.0.0 h1:x=\n")
    assert before != machine.cache
    assert machine.cache.name.startswith(f"{PINNED}-")


def test_pulumi_on_path_comes_first(machine: Machine) -> None:
    """If a recent CLI is on PATH, the script uses it, even if the cache has an engine."""
    whole_engine(machine.cache / "bin")
    program(machine.path / "pulumi", PULUMI.format(engine.MINIMUM))
    program(machine.path / go_build.HOST, SCRIPT)
    assert machine.path == machine.ensure()
    assert [f"1. pulumi on PATH: using {machine.path}: v3.254.0 is at least v3.254.0"] == machine.messages


def test_pulumi_on_path_can_be_switched_off(machine: Machine) -> None:
    """With JUSTT_ENGINE_ON_PATH=off, the script uses the pinned engine, as a CI does whose machines have a CLI."""
    whole_engine(machine.cache / "bin")
    whole_engine(machine.path)
    machine.env["JUSTT_ENGINE_ON_PATH"] = "off"
    assert machine.cache / "bin" == machine.ensure()
    assert machine.messages[0] == "1. pulumi on PATH: switched off by JUSTT_ENGINE_ON_PATH"


def test_language_host_may_lie_beside_the_linked_pulumi(machine: Machine) -> None:
    """If `pulumi` on PATH is a link, the language host may be next to the link's target, where the CLI searches too."""
    real = whole_engine(machine.home / "opt")
    machine.path.mkdir()
    (machine.path / "pulumi").symlink_to(real / "pulumi")
    assert machine.path == machine.ensure()


@pytest.mark.parametrize(
    ("text", "host", "reason"),
    [
        (PULUMI.format("3.253.9"), True, "pulumi is v3.253.9, older than v3.254.0"),
        (PULUMI.format("3.254.0"), False, "has no pulumi-language-python beside it or on PATH"),
        (SCRIPT + "echo boom >&2; exit 3", True, "version` does not work (boom)"),
        (SCRIPT + "exit 3", True, "version` does not work (exit code 3, no output)"),
        (PULUMI.format(""), True, "version` does not work (v)"),
        ("#!/nonexistent/sh\n", True, "No such file or directory"),
    ],
)
def test_an_unusable_pulumi_on_path_is_reported_and_skipped(
    machine: Machine, text: str, host: bool, reason: str
) -> None:
    """If the CLI on PATH is too old, incomplete or broken, the script says so and uses the cache."""
    program(machine.path / "pulumi", text)
    if host:
        program(machine.path / go_build.HOST, SCRIPT)
    whole_engine(machine.cache / "bin")
    assert machine.cache / "bin" == machine.ensure()
    assert str(machine.path / "pulumi") in machine.messages[0]
    assert reason in machine.messages[0]
    assert f"2. made before: using {machine.cache}/bin: v{PINNED} runs" == machine.messages[1]


def test_path_may_be_unset(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If PATH is not set, the script searches the system's default folders."""
    monkeypatch.setattr(os, "defpath", str(whole_engine(machine.path)))
    del machine.env["PATH"]
    assert machine.path == machine.ensure()


def test_version_check_does_not_use_the_user_s_home(machine: Machine) -> None:
    """The script runs `pulumi version` with a temporary home and without an update check."""
    program(machine.path / "pulumi", PULUMI.format(PINNED) + f"echo $PULUMI_HOME > {machine.log}\n")
    program(machine.path / go_build.HOST, SCRIPT)
    machine.env["PULUMI_HOME"] = str(machine.home)
    machine.ensure()
    used = Path(machine.log.read_text().strip())
    assert used != machine.home
    assert not used.exists()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "pulumi-language-python-exec").unlink(), "pulumi-language-python-exec missing"),
        (lambda folder: (folder / go_build.HOST).chmod(0o644), "pulumi-language-python missing or not executable"),
        (lambda folder: whole_engine(folder, "3.258.0"), f"it has v3.258.0 instead of v{PINNED}"),
        (lambda folder: program(folder / "pulumi", SCRIPT + "exit 139"), "does not work"),
        (shutil.rmtree, "missing"),
    ],
)
def test_broken_cache_is_rebuilt(machine: Machine, damage: Callable[[Path], object], reason: str) -> None:
    """If the cached engine is incomplete or has another version, the script says so.

    It builds the engine again and uses it.
    """
    damage(whole_engine(machine.cache / "bin"))
    machine.has_go()
    assert machine.cache / "bin" == machine.ensure()
    assert reason in machine.messages[1]
    engine.verify(machine.cache / "bin", PINNED, machine.env)


def test_build_creates_a_complete_engine(machine: Machine) -> None:
    """A build creates two binaries with their version and two scripts, all executable.

    It removes the partial files of an earlier build.
    """
    machine.has_go()
    (machine.cache.parent / f"{machine.cache.name}.part-dead" / "bin").mkdir(parents=True)
    assert machine.cache / "bin" == machine.ensure()
    assert sorted(FILES) == sorted(file.name for file in (machine.cache / "bin").iterdir())
    assert {0o755} == {file.stat().st_mode & 0o777 for file in (machine.cache / "bin").iterdir()}
    assert ["lock", machine.cache.name] == sorted((p.name for p in machine.cache.parent.iterdir()), reverse=True)
    builds = [line for line in machine.log.read_text().splitlines() if line.startswith("build")]
    assert [f"version.Version=v{PINNED} -o" in line and "-trimpath" in line for line in builds] == [True, True]
    assert [line.split(":")[0] for line in machine.messages] == [
        "1. pulumi on PATH",
        "2. made before",
        "3. official installer",
        "  building with Go 1.99.0",
        "4. build with Go",
    ]


def test_second_run_uses_the_cache(machine: Machine) -> None:
    """A second run of the script uses the engine that the first run has built, and reports nothing."""
    machine.has_go()
    machine.ensure()
    machine.log.unlink()
    machine.messages.clear()
    machine.ensure()
    assert not machine.log.exists()
    assert machine.messages == []


def test_long_build_shows_progress(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a long build, the script shows the duration and the number of compiled packages."""
    monkeypatch.setattr(processes, "TICK_SECONDS", 0.2)
    machine.has_go(meanwhile="sleep 1")
    machine.ensure()
    assert re.search(r"^  pulumi: \d+ s, 1 packages compiled, 1 modules fetched$", machine.output, re.MULTILINE)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.25.10", "is not Go 1.25.11 or newer (go1.25.10), and no uv"),
        ("?", "is not Go 1.25.11 or newer (go?), and no uv"),
    ],
)
def test_old_go_is_not_used(machine: Machine, version: str, reason: str) -> None:
    """If Go is older than go.mod requires, the script names the required version and builds nothing."""
    machine.has_go(version)
    with pytest.raises(engine.EngineError, match="no Pulumi engine"):
        machine.ensure()
    assert reason in machine.messages[-1]
    assert "build" not in machine.log.read_text()


@pytest.mark.parametrize("old", [None, "1.20.0"])
def test_a_missing_or_old_go_is_replaced_by_a_wheel(machine: Machine, old: str | None) -> None:
    """If Go is missing or too old, uv installs the wheel that the lock pins, once, and that Go builds the engine.

    As with the other packages, uv uses the index of pip's variable.
    """
    machine.env["PIP_INDEX_URL"] = "https://index.example/simple"
    if old:
        machine.has_go(old)
    machine.has_uv("1.99.0")
    assert machine.cache / "bin" == machine.ensure()
    reason = f"{machine.path}/go is not Go 1.25.11 or newer (go{old})" if old else "no go on PATH"
    assert f"  {reason}: installing the wheel of Go, about 75 MB" in machine.messages
    *options, index = machine.uv_log.read_text().split()
    assert index == "https://index.example/simple"
    assert options[:5] == ["pip", "install", "--quiet", "--system-certs", "--require-hashes"]
    assert options[-1] == str(machine.root / go_build.LOCK)
    shutil.rmtree(machine.cache)
    machine.uv_log.unlink()
    machine.ensure()
    assert not machine.uv_log.exists()


def test_the_locked_uv_comes_before_the_users(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel of Go is installed with the uv beside Python, because the user's own uv may be too old."""
    machine.has_uv("1.99.0")
    locked = machine.home / "venv"
    locked.mkdir()
    shutil.move(machine.path / "uv", locked / "uv")
    program(machine.path / "uv", SCRIPT + "echo \"unexpected argument '--system-certs'\"; exit 2\n")
    monkeypatch.setattr(sys, "executable", str(locked / "python"))
    for name, value in machine.env.items():
        monkeypatch.setenv(name, value)
    assert machine.cache / "bin" == engine.ensure(machine.root, say=machine.messages.append)


@pytest.mark.parametrize(
    ("version", "meanwhile", "reason"),
    [
        ("1.99.0", "echo 'no network' >&2; exit 2", "no go on PATH, and uv could not install it (no network)"),
        ("1.25.0", ":", f"the Go of {go_build.LOCK} is not Go 1.25.11 or newer (go1.25.0)"),
    ],
)
def test_an_unusable_wheel_is_reported(machine: Machine, version: str, meanwhile: str, reason: str) -> None:
    """If uv can't install the wheel, or its Go is too old, the script says so and keeps no engine."""
    machine.has_uv(version, meanwhile=meanwhile)
    with pytest.raises(engine.EngineError, match="no Pulumi engine"):
        machine.ensure()
    assert reason in machine.messages[-1]
    assert not machine.cache.exists()


def test_the_build_leaves_packages_out(machine: Machine) -> None:
    """The build of the CLI uses copies of the modules that have left-out packages; the cache keeps no copy.

    In a copy, the replacement is the package's only file. Other packages keep their files, except tests. A module
    without a go.mod gets one.
    """
    machine.has_go(
        meanwhile=f'if [ -d "${{2%/bin/*}}/modules" ]; then cp -R "${{2%/bin/*}}/modules" {machine.home}/seen; fi'
    )
    module = machine.home / "sdk"
    for name in ("kept/a.go", "kept/a_test.go", "kept/testdata/b.go"):
        program(module / name, SCRIPT).chmod(0o444)
    machine.ensure()
    seen = machine.home / "seen" / "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
    files = {str(file.relative_to(seen)) for file in seen.rglob("*.go")}
    assert {"kept/a.go", "neo/left_out.go", "trace/left_out.go"} <= files
    assert not {"kept/a_test.go", "kept/testdata/b.go", "neo/replaced.go", "trace/replaced.go"} & files
    assert (seen / "go.mod").read_text() == "module github.com/pulumi/pulumi/pkg/v3/cmd/pulumi\n"
    assert "func NewNeoCmd" in (seen / "neo" / "left_out.go").read_text()
    pinned = (machine.root / "tools/engine/cli/go.mod").read_text()
    changed = (machine.home / "seen" / "go.mod").read_text()
    assert changed.startswith(pinned)
    assert re.search(r"^replace github\.com/pulumi/pulumi/pkg/v3/cmd/pulumi => /.*/cmd/pulumi$", changed, re.MULTILINE)
    builds = [line for line in machine.log.read_text().splitlines() if line.startswith("build")]
    assert ["-modfile" in line for line in builds] == [False, True]
    assert [file.name for file in machine.cache.iterdir()] == ["bin"]


def test_each_replacement_is_a_package_that_the_cli_needs() -> None:
    """The folder of each replacement is the import path of a package in a module that go.mod pins."""
    pinned = re.findall(r"^\t(\S+) v", (engine.ROOT / "tools/engine/cli/go.mod").read_text(), re.MULTILINE)
    replacements = engine.ROOT / "tools/engine" / go_build.LEFT_OUT
    packages = [str(file.parent.relative_to(replacements)) for file in replacements.rglob("*.go")]
    assert len(packages) == 10
    assert [name for name in packages if not any(f"{name}/".startswith(f"{module}/") for module in pinned)] == []


def test_failed_build_shows_the_end_of_its_output(machine: Machine) -> None:
    """If a build fails, the script shows the end of the compiler's output and keeps no file of the build."""
    machine.has_go(
        meanwhile="i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo noise-$i; done; echo 'no space left'; exit 1"
    )
    with pytest.raises(engine.EngineError, match=r"pulumi-language-python: go build failed \(no space left\)"):
        machine.ensure()
    assert "noise-50" in machine.output
    assert "noise-30\n" not in machine.output
    assert not machine.cache.exists()


def test_unstamped_build_is_refused(machine: Machine) -> None:
    """If a built CLI does not print its version, the script does not put it into the cache."""
    machine.has_go(stamp="")
    with pytest.raises(engine.EngineError, match="does not work"):
        machine.ensure()
    assert not machine.cache.exists()


def test_sdk_module_without_the_scripts_is_refused(machine: Machine) -> None:
    """If the SDK's module lacks the start scripts, the script fails and names the missing file."""
    machine.has_go()
    shutil.rmtree(machine.home / "sdk" / "python")
    with pytest.raises(engine.EngineError, match="the sdk module has no python/cmd/pulumi-language-python-exec"):
        machine.ensure()
    assert not machine.cache.exists()


@pytest.mark.parametrize("home", [None, "", "missing", "/proc"])
def test_go_gets_caches_where_there_is_no_home(machine: Machine, home: str | None) -> None:
    """Without a HOME that can be written, the script puts the caches into the project's cache, and they are removable.

    Even root can't make a folder in /proc.
    """
    machine.env.pop("HOME")
    machine.env |= {} if home is None else {"HOME": home}
    machine.env["GOFLAGS"] = "-buildvcs=false"
    machine.has_go(meanwhile=f'echo "$GOCACHE $GOPATH $UV_CACHE_DIR $GOFLAGS" > {machine.home}/seen')
    machine.ensure()
    store = machine.cache.parent / "go"
    seen = (machine.home / "seen").read_text().strip()
    assert f"{store}/build {store}/path {store}/uv -buildvcs=false -modcacherw" == seen


def test_go_keeps_the_users_settings(machine: Machine) -> None:
    """With HOME, the script changes only the settings of Go that a reproducible build needs."""
    env = {"HOME": str(machine.home), "GOFLAGS": "-p=1"}
    assert {**env, "CGO_ENABLED": "0", "GOWORK": "off"} == go_build.environment(env, machine.home)


def test_installer_comes_before_the_build(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Pulumi's site responds, its installer puts the pinned version into the cache and edits no profile."""
    machine.has_go()
    script = INSTALLER.format(log=machine.home / "options", meanwhile="sleep 1", files=" ".join(FILES), version=PINNED)
    monkeypatch.setattr(processes, "TICK_SECONDS", 0.1)
    del machine.env["JUSTT_ENGINE_INSTALLER"]
    with site(script) as address:
        monkeypatch.setattr(engine, "INSTALLER", address)
        assert machine.cache / "bin" == machine.ensure()
    options = (machine.home / "options").read_text().split()
    assert ["--version", str(PINNED), "--install-root"] == options[:3]
    assert options[4] == "--no-edit-path"
    assert re.search(r"^  installing for \d+ s$", machine.output, re.MULTILINE)
    assert not machine.log.exists()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("", 404, "is unreachable (HTTP Error 404: Not Found)"),
        ("<html>sign in</html>", 200, "did not return a script"),
        (SCRIPT + "echo 'no such version'; exit 1", 200, "failed (no such version)"),
        (SCRIPT, 200, "is broken: "),
    ],
)
def test_failing_installer_leads_to_the_build(machine: Machine, body: str, status: int, reason: str) -> None:
    """If Pulumi's site does not deliver an engine, the script says so in one line, and builds the engine with Go."""
    machine.has_go()
    with site(body, status) as machine.env["JUSTT_ENGINE_INSTALLER"]:
        machine.ensure()
    assert "3. official installer: " in machine.messages[2]
    assert reason in machine.messages[2]
    assert f"4. build with Go: using {machine.cache}/bin: built v{PINNED}" == machine.messages[-1]


def test_unreachable_installer_leads_to_the_build(machine: Machine) -> None:
    """If Pulumi's site is unreachable, the script says so in one line, and builds the engine with Go."""
    machine.has_go()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    machine.env["JUSTT_ENGINE_INSTALLER"] = f"http://127.0.0.1:{port}"
    machine.ensure()
    assert f"3. official installer: http://127.0.0.1:{port} is unreachable" in machine.messages[2]


@pytest.mark.parametrize("address", ["no address", "file:///nonexistent"])
def test_invalid_installer_address_leads_to_the_build(machine: Machine, address: str) -> None:
    """If the installer's address is invalid, the script says so in one line, and builds the engine with Go."""
    machine.has_go()
    machine.env["JUSTT_ENGINE_INSTALLER"] = address
    machine.ensure()
    assert f"{address} is unreachable" in machine.messages[2]


def test_silent_installer_site_is_abandoned(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the site accepts a connection but sends no response, the script gives up after the connect timeout."""
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.1)
    machine.has_go()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.env["JUSTT_ENGINE_INSTALLER"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        machine.ensure()
    assert "is unreachable (timed out)" in machine.messages[2]


def test_hanging_program_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a program runs longer than its limit, `run` ends it with its children and keeps its output."""
    monkeypatch.setattr(processes, "TICK_SECONDS", 0.01)
    program_text = f"echo here; : > {tmp_path}/ready; /bin/sleep 60"
    outcome = processes.run(
        ["/bin/sh", "-c", program_text], {}, limit=0.02, tick=lambda _elapsed, _lines: wait_for(tmp_path / "ready")
    )
    assert outcome.lines == ["here", "stopped after 0 s"]
    assert outcome.code


@pytest.mark.parametrize(
    ("statement", "printed"), [("pass", "Handlers.SIG_IGN"), ("engine.restore_interrupt()", "default_int_handler")]
)
def test_children_handle_an_interrupt_again(statement: str, printed: str) -> None:
    """A shell's `&` makes a script and its programs ignore Ctrl-C.

    After `restore_interrupt`, Ctrl-C ends the programs that the script starts.
    """
    child = "import signal; print(repr(signal.getsignal(signal.SIGINT)))"
    parent = (
        f"import engine, subprocess, sys; {statement}; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    script = f"trap '' INT; exec {shlex.quote(sys.executable)} -c {shlex.quote(parent)}"
    env = environment.build({"PYTHONPATH": str(Path(engine.__file__).parent)})
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=env, capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    assert printed in done.stdout


@contextlib.contextmanager
def default_action(number: signal.Signals) -> Iterator[None]:
    """Let programs that the block starts react to a signal, even if the tests run in the background and ignore it."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", processes.INTERRUPTIONS)
def test_interrupted_build_leaves_no_cache(machine: Machine, number: signal.Signals) -> None:
    """If Ctrl-C, a cancelled job or a closed terminal interrupts a build, the script also ends Go.

    It keeps no partial engine, and the next run builds.
    """
    machine.has_go(
        meanwhile=f"echo $$ > {machine.home}/pid.part; mv {machine.home}/pid.part {machine.home}/pid; sleep 60"
    )
    with default_action(number):
        process = machine.start()
    wait_for(machine.home / "pid")
    process.send_signal(number)
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("engine: interrupted; no partial engine is kept\n")
    assert [file.name for file in machine.cache.parent.iterdir()] == ["lock"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((machine.home / "pid").read_text()), 0)
    machine.has_go()
    assert machine.cache / "bin" == machine.ensure()


def test_two_processes_build_once(machine: Machine) -> None:
    """If two processes need the engine, the first one builds it.

    The second one says that it waits, and uses the same engine.
    """
    machine.has_go(meanwhile=f"while [ ! -e {machine.home}/go-on ]; do sleep 0.05; done")
    first = machine.start()
    wait_for(machine.log)
    second = machine.start()
    assert second.stderr
    assert any("another process is making the engine: waiting for it" in line for line in second.stderr)
    (machine.home / "go-on").touch()
    outputs = [process.communicate(timeout=HANG_SECONDS)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert outputs == [f"{machine.cache}/bin\n"] * 2
    assert len(go_build.BINARIES) == machine.log.read_text().count("build ")


def test_waiting_process_checks_the_cache_again(machine: Machine) -> None:
    """A process has waited for the lock, and the cache has an engine by then.

    The process uses it without the installer and Go.
    """
    lock = machine.cache.parent / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def say(line: str) -> None:
            if "another process" in line:
                whole_engine(machine.cache / "bin")
                fcntl.flock(held, fcntl.LOCK_UN)

        assert machine.cache / "bin" == engine.ensure(machine.root, machine.env, say)


def test_nothing_available_says_what_to_install(machine: Machine) -> None:
    """If the script finds no engine and can't build one, its error lists the attempts.

    It also names two programs, one of which the user should install.
    """
    with pytest.raises(engine.EngineError) as caught:
        machine.ensure()
    assert str(caught.value).splitlines() == [
        "no Pulumi engine. Attempts:",
        "  1. pulumi on PATH: not found",
        f"  2. made before: no {machine.cache}",
        "  3. official installer: switched off by JUSTT_ENGINE_INSTALLER",
        "  4. build with Go: no go on PATH, and no uv on PATH to install it",
        "Install one of these and run this again:",
        "  the Pulumi CLI 3.254.0 or newer: https://www.pulumi.com/docs/install/",
        "  Go 1.25.11 or newer, to build the CLI: https://go.dev/doc/install",
    ]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, (0, "/somewhere/bin\n", "")),
        (engine.EngineError("no Pulumi engine"), (1, "", "engine: no Pulumi engine\n")),
        (PermissionError(13, "Permission denied", "/x"), (1, "", "engine: [Errno 13] Permission denied: '/x'\n")),
        (KeyboardInterrupt(), (130, "", "engine: interrupted; no partial engine is kept\n")),
    ],
)
def test_only_success_is_written_to_stdout(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    result: BaseException | None,
    expected: tuple[int, str, str],
) -> None:
    """On success, stdout has one line with the engine's folder.

    After an error, stdout is empty and stderr has the error.
    """

    def ensure() -> Path:
        if result:
            raise result
        return Path("/somewhere/bin")

    monkeypatch.setattr(engine, "ensure", ensure)
    assert expected == (engine.main(), *capsys.readouterr())


def test_script_prints_one_line_from_anywhere(machine: Machine) -> None:
    """In any working directory, the script prints only the folder to stdout.

    The programs that it runs may print more.
    """
    machine.has_go(meanwhile="echo noise")
    process = machine.start()
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert f"{machine.cache}/bin\n" == out
    assert all(line.startswith("engine: ") for line in err.splitlines())
