"""Report the statuses that the provider reads: a warning at each FAILED integration, and one note for all new ones."""

from __future__ import annotations

import threading

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core import messages
from pulumi_justt.core.ownership import is_adopted
from pulumi_justt.core.state import Properties, describe
from pulumi_justt.log import Log

__all__ = ["StatusReports"]

_NAMES = ("source", "externalIdentifier", "status")
"""The properties of a SUCCESSFUL integration that its note needs. No credential is kept."""

_MOST_NAMES = 10
"""The number of integrations that the note about many names."""


class StatusReports:
    """The reports of one process; one object serves all threads.

    Args:
        log: Shows warnings and notes to the user.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._warned: set[tuple[str | None, str]] = set()
        """The resources with a warning, each with the id of its integration."""
        self._successful: dict[str, Properties] = {}
        """The names and the recorded status of each integration that has become SUCCESSFUL, by its id."""

    def note_read(self, urn: str | None, integration_id: str, olds: Properties, record: RemoteRecord) -> None:
        """Report the status that Justt returned, if it is FAILED or if the state has another one.

        Warns:
            warning: A refresh finds that an integration is FAILED.
            note: A refresh finds another status than the recorded one.
        """
        # A refresh does not show a change of outputs, and the user must notice a FAILED integration.
        called = describe(olds, integration_id)
        if record.status == "FAILED":
            if self._is_first(urn, integration_id):
                now = "" if olds.get("status", "FAILED") == "FAILED" else f" now, was {olds['status']}"
                reason = f" Justt says: {record.message.rstrip('.')}." if record.message else ""
                self._log.warning(f"{called} is FAILED{now}.{reason} {_remediation(integration_id, olds)}")
        elif record.status == olds.get("status", record.status):
            return
        elif record.status == "SUCCESSFUL":
            with self._lock:
                self._successful[integration_id] = {name: olds[name] for name in _NAMES if name in olds}
        else:
            self._log.info(f"{called} is {record.status} now, was {olds['status']}.")

    def note_recorded(self, urn: str | None, integration_id: str, outputs: Properties) -> None:
        """Warn if the status that the state has, or is about to have, is FAILED.

        Warns:
            warning: The state has an integration that is FAILED, or a resource adopts one, and no update replaces it.
        """
        if outputs.get("status") == "FAILED" and self._is_first(urn, integration_id):
            called = describe(outputs, integration_id)
            remediation = _remediation(integration_id, outputs)
            self._log.warning(f"{called} is FAILED, as of the last create or refresh. {remediation}")

    def end(self) -> None:
        """Report all integrations that have become SUCCESSFUL, in one line.

        Warns:
            note: A refresh finds that several integrations have become SUCCESSFUL.
            note: A refresh finds that an integration has become SUCCESSFUL.
        """
        with self._lock:
            found = {**self._successful}
        if len(found) > 1:
            names = sorted(repr(olds.get("externalIdentifier", its_id)) for its_id, olds in found.items())
            listed = ", ".join(names[:_MOST_NAMES])
            rest = len(names) - _MOST_NAMES
            others = f", and {rest} others" if rest > 0 else ""
            self._log.info(f"{len(names)} integrations are SUCCESSFUL now: {listed}{others}.")
            return
        for integration_id, olds in found.items():
            self._log.info(f"{describe(olds, integration_id)} is SUCCESSFUL now, was {olds['status']}.")

    def _is_first(self, urn: str | None, integration_id: str) -> bool:
        """Return whether this process has not warned about the integration at this resource yet."""
        with self._lock:
            is_first = (urn, integration_id) not in self._warned
            self._warned.add((urn, integration_id))
        return is_first


def _remediation(integration_id: str, properties: Properties) -> str:
    is_owned = "externalIdentifier" in properties and not is_adopted(properties, integration_id)
    return messages.failed_remediation(is_owned=is_owned)
