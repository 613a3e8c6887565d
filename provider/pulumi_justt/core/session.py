"""What all resources of a provider process share: the journal, who holds which record, and credentials to redact."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pulumi_justt import credentials, references
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Journal, state_folder
from pulumi_justt.core.ownership import Ownership
from pulumi_justt.core.state import Properties
from pulumi_justt.redaction import Redactor, shared_redactor

__all__ = ["Session", "shared_session"]


@dataclass(frozen=True)
class Session:
    """The memory of one process under one configuration.

    Args:
        base_url: Where the records live.
        journal: What this machine remembers across processes; by default nothing.
        redactor: Knows the credentials that the process has met.
    """

    base_url: str
    journal: Journal = field(default_factory=lambda: Journal(None))
    redactor: Redactor = field(default_factory=shared_redactor)
    ownership: Ownership = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a program and a state of which nothing is known."""
        object.__setattr__(self, "ownership", Ownership(self.journal, self.base_url))

    def add_secrets(self, properties: Properties) -> None:
        """Tell the redactor each credential that is given as a value."""
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
        """Tell the redactor the credentials of an integration that exists.

        What a reference gave at the create is not at hand: the variable or the file may hold another value by now.
        """
        self.add_secrets(recorded)
        self.note_references(recorded)
        self.redactor.add_integration(integration_id)
        if isinstance(source := recorded.get("source"), str):
            self.redactor.note_plain(source)

    def note_references(self, properties: Properties) -> None:
        """Tell the redactor that Justt has credentials that are not at hand, if *properties* refer to some."""
        # States of before `secretReferences` have them among the values.
        if properties.get("secretReferences") or references.are_in(properties.get("secretPayload")):
            self.redactor.mark_incomplete()


_sessions: dict[Settings, Session] = {}
_sessions_lock = threading.Lock()


def shared_session(
    settings: Settings,
    tell: Callable[[str], None],
    was_cut_off: Callable[[], bool] = lambda: False,
    command: str | None = None,
) -> Session:
    """Return this process's session under *settings*.

    Args:
        settings: The configuration.
        tell: Shows one line to the user.
        was_cut_off: Whether the engine has dropped a call of this process. Asked when the interpreter exits, which it
            does only if the engine tells it to.
        command: What all provider processes of the command have in common; None if that can't be told.
    """
    with _sessions_lock:
        if settings not in _sessions:
            journal = Journal(state_folder(os.environ), warn=tell, command=command)
            atexit.register(lambda: None if was_cut_off() else journal.end_in_order())
            _sessions[settings] = Session(settings.base_url, journal)
        return _sessions[settings]
