"""Record what each command created and deactivated at Justt, for `pulumi-justt log`.

The processes of one command append to the same file, one line for each create and deactivation. A killed process may
leave no line for its last request. The intent then still has the create, and the next `destroy` repeats a deactivation.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pulumi_justt.core.journal.folder import NO_FOLDER, JournalFolder, append_line, bytes_of, digest, make_folder
from pulumi_justt.core.journal.records import Change, as_change
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError, RequestError

__all__ = ["ChangeRecords"]

_MAX_AGE = 400 * 86_400.0
"""Seconds after its last change for which a command's file is kept: a year, and time for its audit."""

_MAX_RUNS = 2_000
_MAX_BYTES = 32_000_000
"""How many files, and how many bytes in all, are kept when a command starts a new file."""


class ChangeRecords(JournalFolder):
    """The changes in the journal."""

    _has_lost_change = False

    @contextlib.contextmanager
    def recording(self, change: Change, failures: type[JusttError] = RequestError) -> Iterator[Change]:
        """Record *change* when the `with` block ends. If the block raises an error, the outcome is a failure.

        If it is interrupted, or fails with an error inside the package, the request may have been sent.

        Args:
            change: The change with its expected outcome. The block corrects the outcome and adds what it learns.
            failures: The errors to record. Another `JusttError` is not recorded: nothing was created or deactivated.
        """
        try:
            yield change
        except JusttError as error:
            if isinstance(error, failures):
                change.outcome = "unknown" if isinstance(error, CreateOutcomeUnknown) else "failed"
                change.error_id = error.error_id if isinstance(error, RequestError) else change.error_id
                self.record(change)
            raise
        except BaseException:
            change.outcome = "unknown" if change.action == "create" else "failed"
            self.record(change)
            raise
        self.record(change)

    def record(self, change: Change) -> None:
        """Record a change that this command has made now. A problem with the folder is a warning and no error."""
        if self.folder is None:
            self._warn_of_lost_change(NO_FOLDER)
            return
        path = self.folder / "changes" / f"{digest(self.command)}.jsonl"
        change.at = self.now()
        if change.urn and not change.urn.startswith("urn:"):
            # The host does not know the URN, so this is a placeholder.
            change.urn = None
        line = json.dumps({name: value for name, value in asdict(change).items() if value is not None})
        try:
            try:
                append_line(path, line, is_new=False)
            except FileNotFoundError:
                make_folder(path.parent)
                with contextlib.suppress(OSError):
                    self._drop_old_changes(path.parent)
                append_line(path, line)
        except OSError as error:
            self._warn_of_lost_change(f"{path.parent} can't be written ({error.strerror})")

    def _warn_of_lost_change(self, reason: str) -> None:
        """Warn once that a change could not be recorded, unless the user knows that the journal can't be used.

        Warns:
            warning: A create or a deactivation could not be recorded for `pulumi-justt log`.
        """
        with self._lock:
            is_known, self._has_lost_change = self._has_warned or self._has_lost_change, True
        if not is_known:
            self._log.warning(
                f"`pulumi-justt log` will not show all that this command creates and deactivates: {reason}. This "
                "command continues. Make the folder usable, or set JUSTT_STATE_DIR to another one."
            )

    def changes(self) -> Iterator[tuple[str, Change]]:
        """Yield each recorded change with the digest of the name of its command.

        A line that can't be read is left out, and `unusable` then has the file.
        """
        for path in self._files("changes", pattern="*.jsonl"):
            try:
                lines = bytes_of(path).splitlines()
            except FileNotFoundError:
                # Another process has just removed the oldest files.
                continue
            except (OSError, LookupError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not a file"
                self.unusable[path] = f"{path} can't be read ({reason})"
                continue
            for line in lines:
                if change := _change(line):
                    yield path.stem, change
                else:
                    self.unusable[path] = f"{path} has a line that is damaged or that a newer version wrote"

    def _drop_old_changes(self, folder: Path) -> None:
        """Remove the oldest files, so that the new file of this command is within the limits."""
        with os.scandir(folder) as entries:
            files = [(entry.stat(), Path(entry.path)) for entry in entries]
        size = 0
        newest_first = sorted(files, key=lambda file: file[0].st_mtime, reverse=True)
        for number, (status, path) in enumerate(newest_first, start=1):
            size += status.st_size
            if number >= _MAX_RUNS or size > _MAX_BYTES or self.now() - status.st_mtime > _MAX_AGE:
                path.unlink()


def _change(line: bytes) -> Change | None:
    """Return the change in a line; None if the line can't be read."""
    try:
        return as_change(json.loads(line))
    except (ValueError, RecursionError):
        return None
