"""Access to stacks through the user's `pulumi` CLI: settings, configuration and state.

The CLI exports the state with its secrets encrypted, and imports it in the same form. Commands never access a backend
directly, so every kind of backend and secrets provider works.
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

_REMEDIATIONS = {
    "passphrase": "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the stack's passphrase.",
    "no stack selected": "Name the stack with --stack, or run `pulumi stack select`.",
    "no stack named": "`pulumi stack ls` shows the stacks of this backend.",
    "PULUMI_ACCESS_TOKEN": "Run `pulumi login`.",
    "update canceled": "It was interrupted, and has ended cleanly.",
    "no Pulumi.yaml project file": "Name the project's folder with --cwd.",
    "locked": "Wait for the other update. If no update is running, run `pulumi cancel` first.",
}
"""What the user should do next, by a part of the CLI's error message."""

_SECONDS = 300
"""The time-out of a CLI call that only reads. It is long because a remote backend may be slow."""


class StackError(JusttError):
    """A call of the `pulumi` CLI failed."""


@dataclass(frozen=True, repr=False)
class Configuration(Unpicklable):
    """The provider's part of a stack's configuration, in plain text.

    Args:
        values: The values, by the names of the settings.
        has_plain_key: Whether the API key is stored there without encryption.
    """

    values: Mapping[str, object]
    has_plain_key: bool


@dataclass(frozen=True)
class Stack(Unpicklable):
    """One stack of the Pulumi project in a folder.

    Args:
        name: The name for `--stack`; None for the selected stack.
        folder: The folder in which `pulumi` runs.
        environ: The environment variables of `pulumi`, such as the backend's passphrase or token.
        command: The name of the CLI.
    """

    name: str | None = None
    folder: Path = Path()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    command: str = "pulumi"

    @property
    def called(self) -> str:
        """The stack's name in messages."""
        return self.name or "the selected stack"

    @property
    def option(self) -> str:
        """The `--stack` option for a command in a message, with a leading space; empty without a name."""
        return f" --stack {shlex.quote(self.name)}" if self.name else ""

    def configuration(self) -> Configuration:
        """Read the provider's part of the stack's configuration. Nothing else is kept.

        Raises:
            StackError: The configuration could not be read.
        """
        shown = self._json("reading the configuration", "config", "--show-secrets", "--json")
        # The `value` of an object is its JSON text, in which a short secret can't be found. So add `objectValue` too.
        secrets = [[item.get("value"), item.get("objectValue")] for item in shown.values() if item.get("secret")]
        shared_redactor().add_secrets(secrets)
        settings = {key.removeprefix(PREFIX): item for key, item in shown.items() if key.startswith(PREFIX)}
        key = settings.get("apiKey")
        return Configuration(
            {name: item.get("value") for name, item in settings.items()},
            has_plain_key=key is not None and not key.get("secret"),
        )

    def settings(self, configuration: Configuration | None = None) -> Settings:
        """Return the provider's settings for the stack.

        Args:
            configuration: The stack's configuration, if it has been read already.

        Raises:
            StackError: The configuration could not be read.
            InvalidSettings: The configuration is invalid.
        """
        values = (configuration or self.configuration()).values
        # The engine sets PULUMI_PROJECT for the provider. It matters if the project has the same name as the namespace.
        return Settings.load(values, {**self.environ, "PULUMI_PROJECT": project_name(self.folder) or ""})

    def state(self) -> State:
        """Export the state. Its secrets stay encrypted, so the redactor doesn't know them and is marked incomplete.

        Raises:
            StackError: The state could not be exported.
        """
        state = State(self._json("exporting the state", "stack", "export"))
        if state.has_credentials:
            shared_redactor().mark_incomplete()
        for each in state.integrations():
            shared_redactor().add_integration(each.integration_id)
        return state

    def urn_prefix(self, state: State) -> str:
        """Return the prefix of the stack's URNs, from a resource in *state* or from the stack's name.

        Raises:
            StackError: The state is empty, and the CLI doesn't return the name.
        """
        resources = [*state.resources(), *(operation.resource for operation in state.pending())]
        if resources:
            return "::".join([*resources[0]["urn"].split("::")[:2], ""])
        name = self.name or self._run("asking for the name", "stack", "--show-name").strip()
        return f"urn:pulumi:{name.rpartition('/')[2]}::{project_name(self.folder)}::"

    def outdated(self, state: State, configuration: Configuration) -> list[str]:
        """Return the names of the settings whose copies in *state* differ from *configuration*, without values.

        Raises:
            StackError: The state could not be exported, or its secrets could not be decrypted.
        """
        copies = list(state.recorded_settings())
        # The export decrypts all secrets of the state, so it is only made if a copy is encrypted.
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
        """Return the settings of each `justt.Provider` in *state*, by its URN: *settings* with the provider's own key.

        Raises:
            StackError: The state could not be exported, or its secrets could not be decrypted.
        """
        if not state.own_keys() or settings.is_overridden:
            return {}
        shown = State(self._json("reading the keys of the providers", "stack", "export", "--show-secrets"))
        keys = {urn: str(key) for urn, key in shown.own_keys().items()}
        shared_redactor().add_secrets(keys)
        return {urn: settings.with_api_key(key, "the provider " + name_of(urn)) for urn, key in keys.items()}

    def replace_state(self, state: State) -> None:
        """Replace the stack's state with *state*.

        Raises:
            StackError: The CLI refused it, and the state is unchanged.
        """
        self._run("importing the state", "stack", "import", given=json.dumps(state.exported))

    def configured(self) -> set[str]:
        """Return the keys of the configuration, without their namespaces.

        Raises:
            StackError: The configuration could not be read.
        """
        return {key.rpartition(":")[2] for key in self._json("reading the configuration", "config", "--json")}

    def set_secret(self, key: str, value: str) -> None:
        """Set *key* of the configuration to the secret *value*, which goes through a pipe.

        Raises:
            StackError: The CLI refused.
        """
        # The CLI removes one line break from the end.
        self._run(f"setting {key} in the configuration", "config", "set", "--secret", key, given=f"{value}\n")

    def encrypted(self, texts: Iterable[str]) -> dict[str, str]:
        """Encrypt each of *texts* with the stack's secrets provider. Return the ciphertexts by text.

        Raises:
            StackError: A text could not be encrypted.
        """
        exported = self._json("exporting the state", "stack", "export")
        state = (exported["deployment"].get("secrets_providers") or {}).get("state") or {}
        # The fields for the secrets provider in the stack's configuration file. Pulumi Cloud's has no fields there.
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
                    # The CLI has created a new key, and the stack could not decrypt this ciphertext.
                    raise StackError(
                        f"encrypting for {self.called}: its kind of secrets provider is not supported. Run the command "
                        "without --out."
                    )
                ((_, value),) = written["config"].items()
                done[text] = value["secure"]
        return done

    def import_resources(self, document: str) -> None:
        """Import the resources in *document*. It goes through a pipe, so its secrets are in no file and no argument.

        Raises:
            StackError: The CLI refused.
        """
        # Don't set Pulumi's `protect`, which would also refuse rotations. The document has `deletion_protection`.
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
            # The lost output may have had credentials. The redactor doesn't know them, and Justt may repeat them.
            shared_redactor().mark_incomplete()
            if isinstance(error, StackError):
                raise
            # The message does not quote the output, which may have secrets because of --show-secrets.
            raise StackError(
                f"{operation} of {self.called}: `{self.command} {' '.join(arguments)}` printed no JSON. Run it by "
                "hand, and update the CLI if it is older than 3.254."
            ) from None
        return shown

    def _run(self, operation: str, *arguments: str, given: str | None = None, of_stack: bool = True) -> str:
        """Run the CLI and return its output.

        Raises:
            StackError: There is no CLI on PATH.
            StackError: The CLI did not end in time.
            StackError: The CLI reported an error.
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
                    # Don't pass on stdin, because the user's input is for the prompts of this command.
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
                (remediation for part, remediation in _REMEDIATIONS.items() if part in words), "Run it by hand."
            )
            raise StackError(f"{operation}: `{' '.join(line)}` said: {words.removesuffix('.')}. {remediation}")
        return done.stdout


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C here and leave it to the CLI, which then ends cleanly.

    If the CLI were killed, it would leave the stack locked and its work incomplete.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _errors_in(printed: str) -> str:
    """Return the error messages in the output of an update."""
    lines = [line.strip() for line in printed.partition("Diagnostics:")[2].splitlines()]
    return " ".join(dict.fromkeys(line.removeprefix("error: ") for line in lines if line.startswith("error: ")))


def chosen(names: Sequence[str], folder: Path) -> list[Stack]:
    """Return the stacks of *names*, or the selected stack of the project; an empty list if there is no project.

    Args:
        names: The names of stacks from `--stack`.
        folder: The folder of the project.
    """
    if names:
        return [Stack(name, folder) for name in dict.fromkeys(names)]
    return [Stack(None, folder)] if project_file(folder) else []
