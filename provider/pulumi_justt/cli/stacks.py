"""The stacks that a command is about, seen through the user's own `pulumi`: settings, what they manage, their state.

State is read as the engine exports it, with its secrets still encrypted, and written back as the engine takes it; no
backend is spoken to directly, so that every kind of backend and secrets provider works.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pulumi_justt.cli.engine import name_of
from pulumi_justt.cli.project import project_file, project_name
from pulumi_justt.cli.state import PREFIX, State
from pulumi_justt.core.config import VARIABLES, Settings
from pulumi_justt.errors import JusttError
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Configuration", "Stack", "StackError", "chosen"]

_CURES = {
    "passphrase": "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the stack's passphrase.",
    "no stack selected": "Name the stack with --stack, or run `pulumi stack select`.",
    "no stack named": "`pulumi stack ls` shows the stacks of this backend.",
    "PULUMI_ACCESS_TOKEN": "Run `pulumi login`.",
    "update canceled": "It was interrupted, and has ended in order.",
    "no Pulumi.yaml project file": "Name the project's folder with --cwd.",
    "locked": "Wait for the other update; if there is none any more, run `pulumi cancel` first.",
}
"""What to do, by a part of the CLI's own words."""

_SECONDS = 300
"""For one call of the CLI that only reads; a backend behind a network may take its time."""


class StackError(JusttError):
    """The `pulumi` CLI could not do what a command needs of it."""


@dataclass(frozen=True, repr=False)
class Configuration(Unpicklable):
    """What a stack's configuration says to the provider, in clear.

    Args:
        values: By the names of the settings.
        has_plain_key: Whether the API key stands there without encryption.
    """

    values: Mapping[str, object]
    has_plain_key: bool


@dataclass(frozen=True)
class Stack(Unpicklable):
    """One stack of the Pulumi project in a folder.

    Args:
        name: As `--stack` takes it; None is the selected one.
        folder: Where `pulumi` runs.
        environ: Its variables, which hold the passphrase or token of the backend.
        command: The CLI.
    """

    name: str | None = None
    folder: Path = Path()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    command: str = "pulumi"

    @property
    def called(self) -> str:
        """Name the stack in a text."""
        return self.name or "the selected stack"

    @property
    def option(self) -> str:
        """The option that names the stack in a command that is shown, with a space before it; empty without a name."""
        return f" --stack {shlex.quote(self.name)}" if self.name else ""

    def configuration(self) -> Configuration:
        """Read what the stack's configuration says to the provider; the rest of it is not kept.

        Raises:
            StackError: The configuration could not be read.
        """
        shown = self._json("reading the configuration", "config", "--show-secrets", "--json")
        # An object has its parts beside its text, where a short one can't be told from the rest.
        secrets = [[item.get("value"), item.get("objectValue")] for item in shown.values() if item.get("secret")]
        shared_redactor().add_secrets(secrets)
        ours = {key.removeprefix(PREFIX): item for key, item in shown.items() if key.startswith(PREFIX)}
        key = ours.get("apiKey")
        return Configuration(
            {name: item.get("value") for name, item in ours.items()},
            has_plain_key=key is not None and not key.get("secret"),
        )

    def settings(self, configuration: Configuration | None = None) -> Settings:
        """Return the provider's settings as the stack has them.

        Args:
            configuration: What its configuration says, if it has been read already.

        Raises:
            StackError: The configuration could not be read.
            InvalidSettings: It cannot be used.
        """
        values = (configuration or self.configuration()).values
        # The engine tells the provider so, for a project that is named as our namespace is.
        return Settings.load(values, {**self.environ, "PULUMI_PROJECT": project_name(self.folder) or ""})

    def state(self) -> State:
        """Export the state; secrets stay encrypted, so that Justt's words can't be searched for them.

        Raises:
            StackError: It could not be exported.
        """
        state = State(self._json("exporting the state", "stack", "export"))
        if state.has_credentials:
            shared_redactor().mark_incomplete()
        for each in state.integrations():
            shared_redactor().add_integration(each.integration_id)
        return state

    def urn_prefix(self, state: State) -> str:
        """Return how the URNs of the stack's resources begin, by one that is in *state* or by the stack's name.

        Raises:
            StackError: The state has none, and the CLI doesn't tell the name.
        """
        resources = [*state.resources(), *(operation.resource for operation in state.pending())]
        if resources:
            return "::".join([*resources[0]["urn"].split("::")[:2], ""])
        name = self.name or self._run("asking for the name", "stack", "--show-name").strip()
        return f"urn:pulumi:{name.rpartition('/')[2]}::{project_name(self.folder)}::"

    def outdated(self, state: State, configuration: Configuration) -> list[str]:
        """Return the settings whose copies in *state* are not those of *configuration*; no value is kept or shown.

        Raises:
            StackError: The state could not be exported, or its secrets not be decrypted.
        """
        copies = list(state.recorded_settings())
        # Only where a copy is a secret are all secrets of the state decrypted, for it.
        if any(isinstance(value, Mapping) for copy in copies for value in copy.values()):
            shown = State(self._json("reading the recorded configuration", "stack", "export", "--show-secrets"))
            copies = list(shown.recorded_settings())
            shared_redactor().add_secrets([copy.get("apiKey") for copy in copies])
        present = configuration.values
        return [
            f"{PREFIX}{name}"
            for name in VARIABLES
            if any(name in copy and copy[name] != present.get(name) for copy in copies)
        ]

    def provider_settings(self, state: State, settings: Settings) -> dict[str, Settings]:
        """Return the settings of each `justt.Provider` in *state*, by its URN: *settings* with a key of its own.

        Raises:
            StackError: The state could not be exported, or its secrets not be decrypted.
        """
        if not state.own_keys() or settings.is_overridden:
            return {}
        shown = State(self._json("reading the keys of its providers", "stack", "export", "--show-secrets"))
        keys = {urn: str(key) for urn, key in shown.own_keys().items()}
        shared_redactor().add_secrets(keys)
        return {urn: settings.with_api_key(key, "the provider " + name_of(urn)) for urn, key in keys.items()}

    def replace_state(self, state: State) -> None:
        """Import *state* in place of the present one.

        Raises:
            StackError: The CLI refused it, and the state is what it was.
        """
        self._run("importing the state", "stack", "import", given=json.dumps(state.exported))

    def configured(self) -> set[str]:
        """Return the keys of the configuration, without their namespaces.

        Raises:
            StackError: It could not be read.
        """
        return {key.rpartition(":")[2] for key in self._json("reading the configuration", "config", "--json")}

    def set_secret(self, key: str, value: str) -> None:
        """Set *key* of the configuration to *value*, which goes through a pipe and is encrypted.

        Raises:
            StackError: The CLI refused.
        """
        # The CLI takes one line break off the end.
        self._run(f"setting {key} in the configuration", "config", "set", "--secret", key, given=f"{value}\n")

    def encrypted(self, texts: Iterable[str]) -> dict[str, str]:
        """Return each of *texts* as the stack's secrets provider encrypts it.

        Raises:
            StackError: They could not be encrypted.
        """
        exported = self._json("exporting the state", "stack", "export")
        state = (exported["deployment"].get("secrets_providers") or {}).get("state") or {}
        # What a stack's configuration file says of its secrets provider; of Pulumi Cloud's it says nothing.
        names = {"encryptionsalt": "salt", "secretsprovider": "url", "encryptedkey": "encryptedkey"}
        provider = {name: state[key] for name, key in names.items() if state.get(key)}
        done: dict[str, str] = {}
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder) / "Pulumi.scratch.yaml"
            for text in dict.fromkeys(texts):
                scratch.write_text(json.dumps(provider))
                self._run(
                    "encrypting", "config", "set", "--secret", "x", "--config-file", str(scratch), given=f"{text}\n"
                )
                written = yaml.safe_load(scratch.read_text())
                if any(written.get(name) != provider.get(name) for name in names):
                    # It made itself a new key, and the stack would not understand what that encrypted.
                    raise StackError(
                        f"encrypting as {self.called} does: its secrets provider is of no known kind. Leave out --out."
                    )
                ((_, value),) = written["config"].items()
                done[text] = value["secure"]
        return done

    def import_resources(self, document: str) -> None:
        """Import what *document* lists, which goes through a pipe: no file and no argument holds what is secret in it.

        Raises:
            StackError: The CLI refused.
        """
        # Pulumi's own `protect` would refuse rotations too: `deletion_protection` is in the document.
        options = ("--yes", "--skip-preview", "--generate-code=false", "--protect=false", "--file", "/dev/stdin")
        self._run("importing", "import", *options, given=document)

    def version(self) -> str:
        """Return the version of the CLI, such as `3.259.0`.

        Raises:
            StackError: There is no CLI.
        """
        return self._run("asking for the version", "version", of_stack=False).strip().removeprefix("v")

    def _json(self, operation: str, *arguments: str) -> dict[str, Any]:
        try:
            text = self._run(operation, *arguments)
            shown: dict[str, Any] = json.loads(text)
        except (StackError, ValueError) as error:
            # What could not be read may have credentials, which Justt may repeat.
            shared_redactor().mark_incomplete()
            if isinstance(error, StackError):
                raise
            # Its text may hold what was asked for with --show-secrets.
            raise StackError(
                f"{operation} of {self.called}: `{self.command} {' '.join(arguments)}` printed no JSON. Run it by "
                "hand, and update the CLI if it is older than 3.254."
            ) from None
        return shown

    def _run(self, operation: str, *arguments: str, given: str | None = None, of_stack: bool = True) -> str:
        """Run the CLI and return what it printed.

        Raises:
            StackError: There is no CLI on PATH.
            StackError: The CLI does not come back.
            StackError: The CLI refused.
        """
        stack = ["--stack", self.name] if of_stack and self.name else []
        line = [self.command, *arguments, *stack, "--non-interactive"]
        operation = f"{operation} of {self.called}" if of_stack else operation
        try:
            with _uninterrupted() if given is not None else contextlib.nullcontext():
                done = subprocess.run(  # noqa: S603 - the user's own CLI, without a shell
                    line,
                    cwd=self.folder,
                    env=dict(self.environ),
                    # Not ours: what is typed there answers the command's own questions.
                    stdin=subprocess.DEVNULL if given is None else None,
                    input=given,
                    capture_output=True,
                    encoding="utf-8",
                    timeout=_SECONDS if given is None else None,
                    check=False,
                )
        except FileNotFoundError:
            raise StackError(
                f"{operation}: there is no `{self.command}` on PATH. Install Pulumi, or add it to PATH."
            ) from None
        except subprocess.TimeoutExpired:
            raise StackError(
                f"{operation}: `{' '.join(line)}` did not end within {_SECONDS} s. Run it by hand."
            ) from None
        if done.returncode != 0:
            words = (
                " ".join((done.stderr.strip() or _errors_in(done.stdout)).split()).removeprefix("error: ")
                or f"exit code {done.returncode}"
            )
            remediation = next(
                (remediation for part, remediation in _CURES.items() if part in words), "Run it by hand."
            )
            raise StackError(f"{operation}: `{' '.join(line)}` said: {words.removesuffix('.')}. {remediation}")
        return done.stdout


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Leave Ctrl-C to the CLI, which then ends in order; killed, it would leave a lock and half of its work."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _errors_in(printed: str) -> str:
    """Return what an update says of its errors, which it prints beside its progress."""
    lines = [line.strip() for line in printed.partition("Diagnostics:")[2].splitlines()]
    return " ".join(dict.fromkeys(line.removeprefix("error: ") for line in lines if line.startswith("error: ")))


def chosen(names: Sequence[str], folder: Path) -> list[Stack]:
    """Return the stacks of *names*, else the selected one of the project in *folder*; none where there is no project.

    Args:
        names: As `--stack` takes them.
        folder: Where `pulumi` runs.
    """
    if names:
        return [Stack(name, folder) for name in dict.fromkeys(names)]
    return [Stack(None, folder)] if project_file(folder) else []
