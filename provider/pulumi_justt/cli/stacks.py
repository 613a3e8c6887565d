"""The stacks that a command is about, seen through the user's own `pulumi`: settings, what they manage, their state.

State is read as the engine exports it, with its secrets still encrypted, and written back as the engine takes it; no
backend is spoken to directly, so that every kind of backend and secrets provider works.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pulumi_justt.cli import documents
from pulumi_justt.cli.engine import INTEGRATION_TYPE, OUR_TYPES, name_of
from pulumi_justt.core.config import NAMESPACE, VARIABLES, Settings
from pulumi_justt.core.ownership import is_adopted
from pulumi_justt.errors import JusttError
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.secrecy import SecretHolder

__all__ = ["Configuration", "Pending", "Recorded", "Stack", "StackError", "State", "chosen"]

_PROVIDER_TYPE = "pulumi:providers:pulumi-python"
"""The type of the engine's provider, whose inputs are the state's copy of the configuration."""

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

_PREFIX = f"{NAMESPACE}:"
_KEY = f"{_PREFIX}apiKey"
"""What a provider's inputs call the API key."""

_SECONDS = 300
"""For one call of the CLI that only reads; a backend behind a network may take its time."""


class StackError(JusttError):
    """The `pulumi` CLI could not do what a command needs of it."""


@dataclass(frozen=True, repr=False)
class Recorded(SecretHolder):
    """An integration as a state has it.

    Args:
        urn: The resource's URN.
        integration_id: The id at Justt.
        outputs: What is remembered; secrets are envelopes with ciphertext.
        is_external: Whether the stack only looks at it (`PaymentIntegration.get`).
        is_replaced: Whether another one has its place already, and it waits to be deleted.
        provider: The URN of the engine's provider that it has.
    """

    urn: str
    integration_id: str
    outputs: Mapping[str, Any]
    is_external: bool
    is_replaced: bool = False
    provider: str = ""

    @property
    def name(self) -> str:
        """The resource's name."""
        return name_of(self.urn)

    @property
    def is_adopted(self) -> bool:
        """Whether it stays as it is when the stack lets go of it."""
        return is_adopted(self.outputs)

    @property
    def account(self) -> str | None:
        """The account at Justt that it was created in; None also where that is a secret."""
        found: str | None = self.outputs.get("referenceAccountId")
        return None if self.has_secret_account else found

    @property
    def has_secret_account(self) -> bool:
        """Whether the program gives the account as a secret, which is not opened to be shown."""
        return isinstance(self.outputs.get("referenceAccountId"), Mapping)


@dataclass(frozen=True, repr=False)
class Pending(SecretHolder):
    """An operation that the engine began and never saw the end of.

    Args:
        kind: Such as `creating`.
        resource: The resource as the state has it.
    """

    kind: str
    resource: Mapping[str, Any]

    @property
    def urn(self) -> str:
        """The resource's URN."""
        return str(self.resource["urn"])

    @property
    def name(self) -> str:
        """The resource's name."""
        return name_of(self.urn)

    @property
    def is_ours(self) -> bool:
        """Whether the resource is one of this provider's."""
        return str(self.resource["type"]).startswith(OUR_TYPES)

    @property
    def may_have_created(self) -> bool:
        """Whether Justt may have an integration by it that no state knows of."""
        is_create = self.kind == "creating" and self.resource["type"] == INTEGRATION_TYPE
        return is_create and "adoptId" not in (self.resource.get("inputs") or {})

    @property
    def provider(self) -> str:
        """The URN of the engine's provider that the resource has."""
        return _provider(self.resource)


@dataclass(frozen=True, repr=False)
class State(SecretHolder):
    """A stack's state as `pulumi stack export` gives it, secrets encrypted."""

    exported: dict[str, Any]

    @property
    def _deployment(self) -> Mapping[str, Any]:
        return self.exported.get("deployment") or {}

    def resources(self) -> list[dict[str, Any]]:
        """Return all resources as the engine stores them."""
        found: list[dict[str, Any]] = self._deployment.get("resources") or []
        return found

    def integrations(self) -> Iterator[Recorded]:
        """Yield the integrations, those included that wait to be deleted after a replacement."""
        for resource in self.resources():
            if resource["type"] == INTEGRATION_TYPE:
                yield Recorded(
                    resource["urn"],
                    resource.get("id", ""),
                    resource.get("outputs") or {},
                    bool(resource.get("external")),
                    bool(resource.get("delete") or resource.get("pendingReplacement")),
                    _provider(resource),
                )

    @property
    def has_credentials(self) -> bool:
        """Whether Justt was given credentials that are in it, encrypted or as references."""
        pending = (operation.resource for operation in self.pending())
        names = {"secretPayload", "secretReferences"}
        return any(names & (each.get("inputs") or {}).keys() for each in (*self.resources(), *pending))

    def recorded_settings(self) -> Iterator[Mapping[str, object]]:
        """Yield what each provider resource has of the configuration; a `justt.Provider` has a key of its own."""
        for resource, inputs in self._providers():
            own = () if _is_default(resource) else ("apiKey", "referenceAccountId")
            yield {name: _plaintext(inputs.get(f"{_PREFIX}{name}")) for name in VARIABLES if name not in own}

    def own_keys(self) -> dict[str, object]:
        """Return the API key of each `justt.Provider`, by its URN."""
        return {
            resource["urn"]: inputs[_KEY]
            for resource, inputs in self._providers()
            if _KEY in inputs and not _is_default(resource)
        }

    def _providers(self) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        for resource in self.resources():
            if resource["type"] == _PROVIDER_TYPE:
                yield resource, resource.get("inputs") or {}

    def pending(self) -> list[Pending]:
        """Return the operations whose end the engine never saw."""
        operations = self._deployment.get("pending_operations") or []
        return [Pending(operation["type"], operation["resource"]) for operation in operations]


@dataclass(frozen=True, repr=False)
class Configuration(SecretHolder):
    """What a stack's configuration says to the provider, in clear.

    Args:
        values: By the names of the settings.
        has_plain_key: Whether the API key stands there without encryption.
    """

    values: Mapping[str, object]
    has_plain_key: bool


@dataclass(frozen=True)
class Stack(SecretHolder):
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

    def configuration(self) -> Configuration:
        """Read what the stack's configuration says to the provider; the rest of it is not kept.

        Raises:
            StackError: The configuration could not be read.
        """
        shown = self._json("reading the configuration", "config", "--show-secrets", "--json")
        # An object has its parts beside its text, where a short one can't be told from the rest.
        secrets = [[item.get("value"), item.get("objectValue")] for item in shown.values() if item.get("secret")]
        shared_redactor().learn(secrets)
        ours = {key.removeprefix(_PREFIX): item for key, item in shown.items() if key.startswith(_PREFIX)}
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
        return Settings.load(values, {**self.environ, "PULUMI_PROJECT": _project_name(self.folder) or ""})

    def state(self) -> State:
        """Export the state; secrets stay encrypted, so that Justt's words can't be searched for them.

        Raises:
            StackError: It could not be exported.
        """
        state = State(self._json("exporting the state", "stack", "export"))
        if state.has_credentials:
            shared_redactor().miss()
        for each in state.integrations():
            shared_redactor().meet(each.integration_id)
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
        return f"urn:pulumi:{name.rpartition('/')[2]}::{_project_name(self.folder)}::"

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
            shared_redactor().learn([copy.get("apiKey") for copy in copies])
        present = configuration.values
        return [
            f"{_PREFIX}{name}"
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
        keys = {urn: str(_plaintext(key)) for urn, key in shown.own_keys().items()}
        shared_redactor().learn(keys)
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

    def _json(self, tried: str, *arguments: str) -> dict[str, Any]:
        try:
            text = self._run(tried, *arguments)
            shown: dict[str, Any] = json.loads(text)
        except (StackError, ValueError) as error:
            # What could not be read may have credentials, which Justt may repeat.
            shared_redactor().miss()
            if isinstance(error, StackError):
                raise
            # Its text may hold what was asked for with --show-secrets.
            raise StackError(
                f"{tried} of {self.called}: `{self.command} {' '.join(arguments)}` printed no JSON. Run it by hand, "
                "and update the CLI if it is older than 3.254."
            ) from None
        return shown

    def _run(self, tried: str, *arguments: str, given: str | None = None, of_stack: bool = True) -> str:
        """Run the CLI and return what it printed.

        Raises:
            StackError: There is no CLI on PATH.
            StackError: The CLI does not come back.
            StackError: The CLI refused.
        """
        stack = ["--stack", self.name] if of_stack and self.name else []
        line = [self.command, *arguments, *stack, "--non-interactive"]
        tried = f"{tried} of {self.called}" if of_stack else tried
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
                f"{tried}: there is no `{self.command}` on PATH. Install Pulumi, or add it to PATH."
            ) from None
        except subprocess.TimeoutExpired:
            raise StackError(f"{tried}: `{' '.join(line)}` did not end within {_SECONDS} s. Run it by hand.") from None
        if done.returncode != 0:
            words = (
                " ".join((done.stderr.strip() or _errors_in(done.stdout)).split()).removeprefix("error: ")
                or f"exit code {done.returncode}"
            )
            cure = next((cure for part, cure in _CURES.items() if part in words), "Run it by hand.")
            raise StackError(f"{tried}: `{' '.join(line)}` said: {words.removesuffix('.')}. {cure}")
        return done.stdout


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Leave Ctrl-C to the CLI, which then ends in order; killed, it would leave a lock and half of its work."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _plaintext(value: object) -> object:
    """Return what `--show-secrets` shows as *value*, an envelope around JSON or a plain text."""
    return json.loads(value["plaintext"]) if isinstance(value, Mapping) and "plaintext" in value else value


def _provider(resource: Mapping[str, Any]) -> str:
    """Return the URN of the provider of *resource*: a reference is that and an id."""
    return str(resource.get("provider") or "").rpartition("::")[0]


def _is_default(provider: Mapping[str, Any]) -> bool:
    """Tell whether a provider is the engine's own: a program may name its own likewise, but that has a parent."""
    return not provider.get("parent") and name_of(provider["urn"]).partition("_")[0] == "default"


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
    return [Stack(None, folder)] if _project_file(folder) else []


def _project_file(folder: Path) -> Path | None:
    """Return the project's file as `pulumi` finds it: in *folder*, or in the nearest above."""
    # The CLI goes up from where a link leads, unless the shell came there by the link.
    places = (place for start in (folder.absolute(), folder.resolve()) for place in (start, *start.parents))
    files = (place / f"Pulumi.{extension}" for place in places for extension in ("yaml", "yml", "json"))
    return next((file for file in files if file.is_file()), None)


def program_folder(folder: Path) -> Path:
    """Return the folder of the program whose project `pulumi` finds from *folder*: the project's, or its `main`."""
    file, project = _project(folder)
    main = project.get("main")
    place = (file.parent if file else folder) / (main if isinstance(main, str) else "")
    return place if place.is_dir() else place.parent


def _project_name(folder: Path) -> str | None:
    name = _project(folder)[1].get("name")
    return name if isinstance(name, str) else None


def _project(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the project's file and what it says; nothing if it cannot be read, as the CLI says best what is wrong."""
    file = _project_file(folder)
    with contextlib.suppress(ValueError, OSError):
        content = documents.read(file.read_text(encoding="utf-8-sig")) if file else None
        return file, content if isinstance(content, dict) else {}
    return file, {}
