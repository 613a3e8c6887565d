"""Show an error that many resources have in full at the first of them, and in one short line at each other one.

A command with a wrong API key fails for each resource in the same way. Errors have one cause if their texts are equal
except for the operation and the errorId. So two accounts, or two providers with a key each, have a cause each.
"""

from __future__ import annotations

import re

from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.errors import (
    CancelledError,
    CreateOutcomeUnknown,
    InvalidSettings,
    JusttError,
    RequestError,
    SharedConflict,
)

__all__ = ["RepeatedErrors"]

_DETAILS = re.compile(r": | \(.*")
"""What comes after the essential part of a response."""


class RepeatedErrors:
    """The errors that a command has shown.

    Args:
        log: The log that the processes of the command share.
    """

    def __init__(self, log: CommandLog) -> None:
        self._log = log

    def shown(self, error: JusttError, urn: str | None, full: str) -> str:
        """Return the text of an error for one resource: the full text, or a line that names the resource that has it.

        If the engine repeats a call that has failed, the text stays the same.

        Args:
            error: The error.
            urn: The resource; None if the host does not know it.
            full: The full text.
        """
        cause = _cause(error)
        if cause is None or urn is None:
            return full
        its_name, own_name = (each.rpartition("::")[2] for each in (self._log.first_with(cause, urn), urn))
        if its_name == own_name:
            return full
        return f"{_essence(error)}, as for {its_name!r}: its error says what to do."


def _cause(error: JusttError) -> str | None:
    """Return a text that is equal for equal causes; None if the error must be shown in full at each resource."""
    match error:
        case CreateOutcomeUnknown() | CancelledError():
            # Each of these creates may have left another integration.
            return None
        case RequestError() | SharedConflict():
            return str(error).removeprefix(error.operation).replace(_named(error), "")
        case InvalidSettings():
            return str(error)
    return None


def _essence(error: JusttError) -> str:
    """Return what the provider was doing and the response, without details that are the same for each resource."""
    if isinstance(error, (RequestError, SharedConflict)):
        return f"{error.operation}: {_DETAILS.split(error.response)[0]}{_named(error)}"
    return _DETAILS.split(str(error))[0]


def _named(error: RequestError | SharedConflict) -> str:
    return f" (errorId {error.error_id})" if error.error_id else ""
