"""Collects what `pulumi-justt log` shows: the changes in this machine's journal, and its unfinished creates.

If a run was killed during a create, the journal has no change for it, but an intent. The intent has the id if Justt had
responded; otherwise, the outcome of the create is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from pulumi_justt.core.journal import MAX_COMMAND_SECONDS, Change, Intent, Journal, digest, stack_name

__all__ = ["Entry", "LogResult", "collect"]


@dataclass(frozen=True)
class Entry:
    """A change, and the name of the run that made it."""

    run: str
    change: Change

    @property
    def stack(self) -> str | None:
        """The resource's project and stack, as `project/stack`; None if the resource is unknown."""
        return stack_name(self.change.urn) if self.change.urn else None

    def is_of(self, stacks: Sequence[str]) -> bool:
        """Return whether the resource belongs to one of *stacks*, each given as `stack` or `project/stack`."""
        return self.stack is not None and not {self.stack, self.stack.partition("/")[2]}.isdisjoint(stacks)


@dataclass(frozen=True)
class LogResult:
    """The changes to show, oldest first, and the reasons why there may be more."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def collect(
    journal: Journal, *, stacks: Sequence[str] = (), since: datetime | None = None, is_last_only: bool = False
) -> LogResult:
    """Read the changes from the journal.

    Args:
        journal: The journal.
        stacks: The stacks to include, each as `stack` or `project/stack`; all by default.
        since: The earliest time to include, in UTC.
        is_last_only: Whether to include only the last run that made one of these changes.
    """
    earliest = since.replace(tzinfo=timezone.utc).timestamp() if since else 0.0
    entries = sorted(
        (each for each in _runs(journal) if each.change.at >= earliest and (not stacks or each.is_of(stacks))),
        key=lambda entry: entry.change.at,
    )
    if is_last_only:
        # Runs may overlap, so the last run is the one that made the last change.
        entries = [each for each in entries if each.run == entries[-1].run]
    notes = [f"{reason}. The changes in it are not shown." for reason in journal.unusable.values()]
    if journal.folder is None:
        notes.append("no journal is kept: neither JUSTT_STATE_DIR nor HOME is set to an absolute path.")
    return LogResult(tuple(entries), tuple(notes))


def _runs(journal: Journal) -> Iterator[Entry]:
    """Yield all changes with the names of their runs."""
    recorded = [*journal.changes()]
    by_command: defaultdict[str, list[Change]] = defaultdict(list)
    for command, change in (*recorded, *_unrecorded(journal.intents(), [change for _, change in recorded])):
        by_command[command].append(change)
    for command, changes in by_command.items():
        last, name = -MAX_COMMAND_SECONDS, ""
        for change in sorted(changes, key=lambda change: change.at):
            # On some systems, the engine's identity is only its port, so a later command may have the same one.
            if change.at - last > MAX_COMMAND_SECONDS or not name:
                name = f"{datetime.fromtimestamp(change.at, timezone.utc):%Y%m%dT%H%M%SZ}-{command[:8]}"
            last = change.at
            yield Entry(name, change)


def _unrecorded(intents: Iterable[Intent], recorded: Sequence[Change]) -> Iterator[tuple[str, Change]]:
    """Yield each create of a killed run that has an intent and no recorded change, with its command's digest."""
    creates = [change for change in recorded if change.action == "create"]
    ids = {change.integration_id for change in creates}
    for intent in intents:
        is_recorded = (
            intent.integration_id in ids
            if intent.integration_id
            else any(
                change.urn == intent.urn and change.outcome == "unknown" and change.at >= intent.sent_at
                for change in creates
            )
        )
        if not is_recorded:
            yield (
                digest(intent.command or ""),
                Change(
                    "create",
                    "created" if intent.integration_id else "unknown",
                    intent.base_url,
                    intent.urn,
                    intent.account,
                    intent.source,
                    intent.external_identifier,
                    intent.integration_id,
                    at=intent.sent_at,
                ),
            )
