"""Run one Pulumi command on the project at the root of this repository, with a simulator on this machine.

    up       create or update the resources of `examples/quickstart`     refresh   read the status of all resources
    preview  show what `up` would change                                 destroy   deactivate all integrations
    stop     stop the simulator; its records stay                        env       print the variables to export
    next     after `up`: print what exists, what to try next, and how to clean up

All its files are in `.dev`, which git ignores: the engine, the stack's state on a file backend, the passphrase of its
secrets, the journal, the simulator's records and key. The stack's configuration is `Pulumi.dev.yaml`. Existing files
and values are never overwritten, so a value that a user has set stays. The last step replaces this process with
`pulumi`, so that Ctrl-C reaches it as usual.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import engine
import languages

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT / ".dev"
STACK = "dev"
COMMANDS = {
    "up": ["up", "--yes", "--skip-preview"],
    "preview": ["preview", "--diff"],
    "refresh": ["refresh", "--yes", "--skip-preview", "--diff"],
    "destroy": ["destroy", "--yes"],
}
_ACCEPTED = ("JUSTT_DEBUG", "JUSTT_ON_MISSING", "JUSTT_WORKERS")
"""The user's variables that also apply to these commands. All others are for the user's own stacks and accounts."""
_START_SECONDS = 120.0


def main(command: str) -> None:
    """Run *command*, one of those in the module docstring."""
    if command == "stop":
        _stop_simulator()
        return
    DEV.mkdir(exist_ok=True)
    engine_bin = engine.ensure(ROOT, say=_say_nothing if command == "next" else engine.show_line)
    if command == "env":
        engine_bin = languages.made_before(ROOT, engine_bin)
    environ = environment(engine_bin)
    if command == "env":
        for name in sorted(os.environ.keys() - environ.keys()):
            sys.stdout.write(f"unset {name}\n")
        for name in sorted(name for name in environ if environ[name] != os.environ.get(name)):
            sys.stdout.write(f"export {name}={shlex.quote(environ[name])}\n")
        return
    if command == "next":
        sys.stdout.write(_next_steps(environ))
        return
    key = _kept_secret("api-key")
    url = _running_simulator() or _start_simulator()
    _control(url, "keys", {"apiKeys": [key]})
    _configure(environ, url, key)
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execvpe("pulumi", ["pulumi", *COMMANDS[command], "--stack", STACK, "--non-interactive"], environ)  # noqa: S606, S607 - the program that was just installed


def _say_nothing(_line: str) -> None:
    """Leave out what the command before has shown."""


def environment(engine_bin: Path) -> dict[str, str]:
    """Return the variables that keep a run within this folder, whatever other Pulumi setup the user has."""
    (DEV / "state").mkdir(exist_ok=True)
    _kept_secret("passphrase")
    foreign = ("PULUMI_", "JUSTT_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign) or name in _ACCEPTED},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(engine_bin), os.environ.get("PATH", "")]),
        "PULUMI_HOME": str(DEV / "pulumi"),
        "JUSTT_STATE_DIR": str(DEV / "journal"),
        "PULUMI_BACKEND_URL": f"file://{DEV / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(DEV / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _kept_secret(name: str) -> str:
    """Return the secret stored as *name*; generate it on first use."""
    path = DEV / name
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _configure(environ: Mapping[str, str], url: str, key: str) -> None:
    """Add missing configuration to the stack: the simulator's address and key, and fake credentials of three PSPs."""
    _pulumi(environ, "stack", "select", "--create", STACK)
    config: dict[str, dict[str, object]] = json.loads(_pulumi(environ, "config", "--json", "--stack", STACK))
    project = "justt-quickstart"
    wanted = {
        f"{project}:stripeRestrictedKey": f"rk_test_{secrets.token_hex(12)}",
        f"{project}:adyen.apiKey": secrets.token_hex(16),
        f"{project}:adyen.hmac": secrets.token_hex(32),
        f"{project}:adyen.merchantCode": "ExampleMerchantEU",
        f"{project}:braintreeSecretKey": secrets.token_hex(16),
        "justt:apiKey": key,
    }
    for name, value in wanted.items():
        if name.partition(".")[0] not in config:
            _pulumi(environ, "config", "set", "--secret", "--path", name, "--stack", STACK, stdin=value)
    if f"{project}:braintreePublicKey" not in config:
        _pulumi(environ, "config", "set", f"{project}:braintreePublicKey", "example_public_key", "--stack", STACK)
    known = config.get("justt:baseUrl", {}).get("value")
    if known != url:
        if known:
            sys.stderr.write(
                "simulator: its address changed. Run `make up` before refresh or destroy, which use the recorded one\n"
            )
        _pulumi(environ, "config", "set", "justt:baseUrl", url, "--stack", STACK)


def _next_steps(environ: Mapping[str, str]) -> str:
    state = json.loads(_pulumi(environ, "stack", "export", "--stack", STACK))["deployment"]
    names = [
        urn.rpartition("::")[2]
        for urn in (resource["urn"] for resource in state["resources"])
        if urn.split("::")[2].endswith("justt:PaymentIntegration")
    ]
    return (
        f"\nThe simulator of Justt has {len(names)} integrations of this stack: {', '.join(sorted(names))}.\n"
        "Next: edit examples/quickstart/__main__.py. `make preview` shows what would change, `make up` changes it.\n"
        "Clean up: `make destroy` deactivates the integrations, `make clean` removes all that these commands made.\n"
    )


def _pulumi(environ: Mapping[str, str], *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],  # noqa: S607 - the engine that `environment` put on PATH
        cwd=ROOT,
        env=dict(environ),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        if "incorrect passphrase" in done.stderr:
            raise SystemExit("Pulumi.dev.yaml belongs to an earlier .dev folder and can't be decrypted. Delete it.")
        raise SystemExit(f"pulumi {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _running_simulator() -> str | None:
    """Return the address of the simulator that an earlier run started, if it still responds."""
    try:
        url = str(json.loads((DEV / "simulator.json").read_text())["url"])
        _control(url, "options")
    except (OSError, ValueError, KeyError):
        return None
    return url


def _start_simulator() -> str:
    """Start a simulator that outlives this run, at its earlier address if that is free."""
    record, log = DEV / "simulator.json", DEV / "simulator.log"
    # The state contains the address, so refresh and destroy need the same one again.
    ports = ["0"]
    if record.exists():
        ports.insert(0, json.loads(record.read_text())["url"].rpartition(":")[2].partition("/")[0])
    options = ["--database", str(DEV / "simulator.sqlite"), "--successful-after", "5"]
    for port in ports:
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pulumi_justt.cli", "simulator", "--port", port, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            url = log.read_text().partition("Justt API simulator: ")[2].strip()
            if url:
                record.write_text(json.dumps({"url": url, "pid": process.pid}))
                sys.stderr.write(f"simulator: {url}\n")
                return url
            time.sleep(0.05)
    raise SystemExit(f"the simulator did not start: {log.read_text().strip()}")


def _stop_simulator() -> None:
    if _running_simulator():
        os.kill(json.loads((DEV / "simulator.json").read_text())["pid"], signal.SIGTERM)
        sys.stderr.write("simulator: stopped; its records stay in .dev\n")
    else:
        sys.stderr.write("simulator: not running\n")


def _control(url: str, what: str, body: object = None) -> None:
    """Send a GET or, with *body*, a PUT to the control endpoint of the simulator at *url*.

    Raises:
        OSError: No simulator responds there.
    """
    request = urllib.request.Request(  # noqa: S310 - an address that our own simulator printed
        url.replace("/v1", f"/_simulator/{what}"),
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method="GET" if body is None else "PUT",
    )
    # Skip any proxy in the environment: it can't reach this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        response.read()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in (*COMMANDS, "stop", "env", "next"):  # noqa: PLR2004 - the program and its command
        raise SystemExit(__doc__)
    try:
        main(sys.argv[1])
    except engine.EngineError as error:
        raise SystemExit(str(error)) from None
