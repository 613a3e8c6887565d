"""What the provider processes of one command tell each other: which resource of the program has which integration.

Each provider resource has a process of its own, and the engine asks each process about its own resources only. So every
process appends what it learns to one file of the command in the journal's folder, and reads what the others appended:

    {"urn": U, "id": X}        the program keeps integration X in resource U, or a create of U returned X
    {"urn": U, "id": null}     the program has resource U, and replaces what it has
    {"waits_for": X}           an `IntegrationReady` begins to wait for X, or has not got it ready
    {"is_ready": X}            X is ready

The last line about a resource or an integration counts. A process appends what it holds before it reads who else holds
it, so of two that hold one integration at least one sees the other. A file is removed two days after its last line. A
folder that can't be used tells nothing, and is no reason for a call to fail: the journal warns of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from pulumi_justt.core.journal import Journal
from pulumi_justt.core.journal.folder import digest, make_folder

__all__ = ["CommandLog"]


class CommandLog:
    """The file of one command; one object serves all threads of a process.

    Args:
        journal: Its folder has the files, and it knows what names the command.
        base_url: Where the integrations are: only lines with it count.
    """

    def __init__(self, journal: Journal, base_url: str) -> None:
        self._base_url = base_url
        self._journal = journal
        folder = journal.folder
        self._path = folder / "commands" / f"{digest(journal.command)}.jsonl" if folder else None
        self._lock = threading.Lock()
        self._end = 0
        self._is_open = False
        self._holders: dict[str, str | None] = {}
        self._by_id: defaultdict[str | None, set[str]] = defaultdict(set)
        self._awaited: set[str] = set()

    def note_holder(self, urn: str, integration_id: str | None) -> None:
        """Tell which integration a resource of the program has; None if it is being replaced."""
        # What stands in for a URN that the host can't tell may be another resource's, too.
        if urn.startswith("urn:"):
            self._append({"urn": urn, "id": integration_id})

    def note_wait(self, integration_id: str, *, is_over: bool) -> None:
        """Tell that a wait for an integration begins, or has ended well."""
        self._append({"is_ready" if is_over else "waits_for": integration_id})

    def holders_of(self, integration_id: str) -> list[str]:
        """Return the resources of the program that have an integration, as far as the command's processes know it."""
        with self._lock:
            self._read()
            return sorted(self._by_id[integration_id])

    def has_another(self, urn: str, integration_id: str) -> bool:
        """Return whether a resource is in the program, and has another integration, or is about to."""
        with self._lock:
            self._read()
            return urn in self._holders and self._holders[urn] != integration_id

    def awaited_of(self, urns: Iterable[str]) -> set[str]:
        """Return the integrations that these resources have and that an `IntegrationReady` has not got ready."""
        with self._lock:
            self._read()
            return {held for held in map(self._holders.get, urns) if held in self._awaited}

    def _append(self, line: Mapping[str, str | None]) -> None:
        if self._path is None:
            return
        text = json.dumps({"at": self._base_url, **line}) + "\n"
        with contextlib.suppress(OSError), self._lock:
            if not self._is_open:
                make_folder(self._path.parent)
                self._journal.drop_old("commands", pattern="*.jsonl")
                self._is_open = True
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, text.encode())
            finally:
                os.close(file)

    def _read(self) -> None:
        """Take the lines that were appended since the last time."""
        if self._path is None:
            return
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._end)
            # Another process may be in the middle of its line.
            lines, end, _ = file.read().rpartition(b"\n")
            self._end += len(lines) + len(end)
            for line in lines.splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
            told = json.loads(line)
            if told["at"] != self._base_url:
                return
            if "urn" in told:
                urn, integration_id = told["urn"], told["id"]
                if not isinstance(urn, str) or not isinstance(integration_id, str | None):
                    return
                self._by_id[self._holders.get(urn)].discard(urn)
                self._holders[urn] = integration_id
                self._by_id[integration_id].add(urn)
            elif "waits_for" in told:
                self._awaited.add(told["waits_for"])
            else:
                self._awaited.discard(told["is_ready"])
