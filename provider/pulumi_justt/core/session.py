"""State that all resources of a provider process share: the journal, record ownership, and credentials to redact."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pulumi_justt import credentials, references
from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Journal, state_folder
from pulumi_justt.core.ownership import Ownership
from pulumi_justt.core.repeated_errors import RepeatedErrors
from pulumi_justt.core.state import Properties
from pulumi_justt.log import Log
from pulumi_justt.redaction import Redactor, shared_redactor

__all__ = ["Session", "shared_session"]


@dataclass(frozen=True)
class Session:
    """The shared state of one process under one configuration.

    Args:
        base_url: The address of the API.
        journal: The data that this machine keeps across processes; by default a journal without a folder, which keeps
            nothing.
        redactor: Knows the credentials that the process has seen.
    """

    base_url: str
    journal: Journal = field(default_factory=lambda: Journal(None))
    redactor: Redactor = field(default_factory=shared_redactor)
    ownership: Ownership = field(init=False)
    errors: RepeatedErrors = field(init=False)

    def __post_init__(self) -> None:
        """Start with an ownership table that has no records, and without errors."""
        object.__setattr__(self, "ownership", Ownership(self.journal, self.base_url))
        object.__setattr__(self, "errors", RepeatedErrors(CommandLog(self.journal, self.base_url)))

    def add_secrets(self, properties: Properties) -> None:
        """Pass each credential that is given as a value to the redactor."""
        payload, secret_type = properties.get("secretPayload"), properties.get("secretType")
        if isinstance(payload, Mapping):
            self.redactor.add_secrets(
                credentials.secret_values(
                    secret_type,
                    payload,
                    properties.get("source"),
                    allow_unlisted=properties.get("allowUnlisted") not in (None, False),
                )
            )

    def add_integration(self, integration_id: str, recorded: Properties) -> None:
        """Pass the credentials of an existing integration to the redactor.

        The value that a reference had when the integration was created is unknown: the variable or the file may have
        another value now.
        """
        self.add_secrets(recorded)
        self.note_references(recorded)
        self.redactor.add_integration(integration_id)
        if isinstance(source := recorded.get("source"), str):
            self.redactor.note_plain(source)

    def note_references(self, properties: Properties) -> None:
        """Mark the redactor as incomplete if *properties* has references, whose values at Justt are unknown."""
        # A state that an older version wrote has the references in `secretPayload`.
        if properties.get("secretReferences") or references.are_in(properties.get("secretPayload")):
            self.redactor.mark_incomplete()


_sessions: dict[Settings, Session] = {}
_sessions_lock = threading.Lock()


def shared_session(
    settings: Settings,
    log: Log,
    was_cut_off: Callable[[], bool] = lambda: False,
    command: str | None = None,
) -> Session:
    """Return this process's session under *settings*.

    Args:
        settings: The configuration.
        log: Shows warnings and notes to the user.
        was_cut_off: Whether the engine has cancelled a call of this process. It is called when the interpreter exits,
            which happens only on the engine's request.
        command: An id that all provider processes of one command share; None if it is unknown.
    """
    with _sessions_lock:
        if settings not in _sessions:
            journal = Journal(state_folder(os.environ), log=log, command=command)
            atexit.register(lambda: None if was_cut_off() else journal.end_in_order())
            _sessions[settings] = Session(settings.base_url, journal)
        return _sessions[settings]
