"""Let the provider processes of one command share which resource has which integration, and which errors were shown.

Each provider resource has its own process, and the engine calls each process for its own resources only. So every
process appends what it learns to one file per command in the journal's folder, and reads what the others appended:

    {"urn": U, "id": X}        the program keeps integration X in resource U, or a create of U returned X
    {"urn": U, "id": null}     the program has resource U, and replaces its integration
    {"waits_for": X}           an `IntegrationReady` waits for X, or its wait for X has failed
    {"is_ready": X}            X is ready
    {"cause": D, "shown_at": U}  the command shows an error at resource U; D is the digest of the error's cause

The last line about a resource or an integration counts, and the first line about a cause. A process appends its own
line before it reads the lines of the others. So if two processes have resources for the same integration, at least one
sees the other's line. The journal removes a file two days after its last line. If the folder can't be used, the log is
empty and no call fails; the journal warns about the folder.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from pulumi_justt.core.journal import Journal
from pulumi_justt.core.journal.folder import append_line, digest, make_folder

__all__ = ["CommandLog"]


class CommandLog:
    """Reads and writes the log of one command; one object serves all threads of a process.

    Args:
        journal: Provides the log's folder and the command's name.
        base_url: The base URL of the API that has the integrations. Lines with another URL are ignored.
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
        self._shown_at: dict[str, str] = {}

    def note_holder(self, urn: str, integration_id: str | None) -> None:
        """Log which integration a resource of the program has; None if it is being replaced."""
        # If the host does not know the URN, *urn* is a placeholder that may also stand for another resource.
        if urn.startswith("urn:"):
            self._append({"urn": urn, "id": integration_id})

    def note_wait(self, integration_id: str, *, is_over: bool) -> None:
        """Log that a wait for an integration starts, or that it has succeeded."""
        self._append({"is_ready" if is_over else "waits_for": integration_id})

    def first_with(self, cause: str, urn: str) -> str:
        """Return the first resource of the command that has an error with this cause.

        Args:
            cause: The cause, in any words.
            urn: The resource that has it now.
        """
        key = digest(cause)
        with self._lock:
            self._read()
            is_known = key in self._shown_at
        if not is_known:
            self._append({"cause": key, "shown_at": urn})
        with self._lock:
            self._read()
            # If the file can't be used, the threads of this process still agree.
            return self._shown_at.setdefault(key, urn)

    def holders_of(self, integration_id: str) -> list[str]:
        """Return the resources of the program that have an integration, according to the command's processes."""
        with self._lock:
            self._read()
            return sorted(self._by_id[integration_id])

    def has_another(self, urn: str, integration_id: str) -> bool:
        """Return whether the resource is in the program and has another integration, or is being replaced."""
        with self._lock:
            self._read()
            return urn in self._holders and self._holders[urn] != integration_id

    def awaited_of(self, urns: Iterable[str]) -> set[str]:
        """Return the integrations of these resources for which a wait has started but not succeeded."""
        with self._lock:
            self._read()
            return {held for held in map(self._holders.get, urns) if held in self._awaited}

    def _append(self, line: Mapping[str, str | None]) -> None:
        if self._path is None:
            return
        text = json.dumps({"at": self._base_url, **line})
        with contextlib.suppress(OSError), self._lock:
            if not self._is_open:
                make_folder(self._path.parent)
                self._journal.drop_old("commands", pattern="*.jsonl")
                self._is_open = True
            append_line(self._path, text)

    def _read(self) -> None:
        """Read the lines that were appended since the last call."""
        if self._path is None:
            return
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._end)
            # Another process may not have finished its line yet.
            lines, end, _ = file.read().rpartition(b"\n")
            self._end += len(lines) + len(end)
            for line in lines.splitlines():
                self._apply(line)

    def _apply(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
            entry = json.loads(line)
            if entry["at"] != self._base_url:
                return
            if "urn" in entry:
                urn, integration_id = entry["urn"], entry["id"]
                if not isinstance(urn, str) or not isinstance(integration_id, str | None):
                    return
                self._by_id[self._holders.get(urn)].discard(urn)
                self._holders[urn] = integration_id
                self._by_id[integration_id].add(urn)
            elif "waits_for" in entry:
                self._awaited.add(entry["waits_for"])
            elif "cause" in entry:
                self._shown_at.setdefault(str(entry["cause"]), str(entry["shown_at"]))
            else:
                self._awaited.discard(entry["is_ready"])
