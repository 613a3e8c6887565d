"""Read, write and remove the files in the journal's folder. A file is written completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pulumi_justt.log import SILENT, Log

__all__ = [
    "MAX_COMMAND_SECONDS",
    "NO_FOLDER",
    "JournalFolder",
    "append_line",
    "bytes_of",
    "digest",
    "file_name",
    "make_folder",
    "state_folder",
]

MAX_COMMAND_SECONDS = 2 * 86_400.0
"""The maximum time of one command, in seconds: an `IntegrationReady` may wait for a day.

A running process may need its files for that long: ended adoptions, incomplete files, and snapshots that its later
intents will name.
"""

NO_FOLDER = "neither JUSTT_STATE_DIR nor HOME is set to an absolute path"
"""Why a journal has no folder."""

_VERSION = 1

_Record = TypeVar("_Record")


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the journal's folder for this user; None if the environment does not name one."""
    if given := environ.get("JUSTT_STATE_DIR"):
        # A relative path would be a different folder for each process, so the settings refuse it.
        return Path(given) if Path(given).is_absolute() else None
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():
        # The XDG specification says to ignore a relative path.
        return base / "pulumi-justt"
    home = Path(environ.get("HOME", ""))
    if home.is_absolute():
        return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/state") / "pulumi-justt"
    return None


class JournalFolder:
    """Reads and writes the files of one folder; one object serves all threads of a process.

    Args:
        folder: The folder; None disables the journal.
        log: Shows warnings to the user.
        now: Returns the time in seconds since the epoch.
        command: A name that the provider processes of one command share and no other command has; by default a random
            name, which no other process shares.

    Attributes:
        process: A random name for this process.
        unusable: The files that could not be read or used, each with the reason.
        command: The command's name.
    """

    def __init__(
        self,
        folder: Path | None,
        log: Log = SILENT,
        now: Callable[[], float] = time.time,
        command: str | None = None,
    ) -> None:
        self.folder = folder
        self.now = now
        self.command = command or secrets.token_hex(8)
        self.process = secrets.token_hex(8)
        self.unusable: dict[Path, str] = {}
        self._log = log
        self._lock = threading.Lock()
        self._has_warned = False
        self._has_written = False

    def drop_old(self, *parts: str, pattern: str = "*.json", kept: Collection[str | None] = ()) -> None:
        """Remove the files of a folder that are older than any command can be, except those named in *kept*."""
        for path in self._files(*parts, pattern=pattern):
            with contextlib.suppress(OSError):
                if path.stem not in kept and self._is_old(path):
                    path.unlink()

    def _is_old(self, path: Path) -> bool:
        return self.now() - path.stat().st_mtime > MAX_COMMAND_SECONDS

    def _prune(self) -> None:
        """Remove files that have expired or that nothing refers to; called once, before the first write."""
        self.drop_old("parts")

    def _path(self, *parts: str) -> Path | None:
        return self.folder.joinpath(*parts[:-1], f"{parts[-1]}.json") if self.folder else None

    def _files(self, *parts: str, pattern: str = "*.json") -> Iterator[Path]:
        if self.folder:
            # A folder that does not exist or can't be read has no files.
            with contextlib.suppress(OSError):
                yield from sorted(self.folder.joinpath(*parts).glob(pattern))

    def _read(self, path: Path | None, parse: Callable[[dict[str, Any]], _Record]) -> _Record | None:
        """Return the content of a file as *parse* returns it; None if there is no file or it can't be used."""
        if path is None:
            return None
        try:
            content = json.loads(bytes_of(path))
            version = content.pop("version")
            if version == _VERSION:
                return parse(content)
            reason = f"{path} has the format {version!r} of another version of pulumi-justt"
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"{path} can't be read ({error.strerror})"
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            reason = f"{path} is damaged"
        self.unusable[path] = reason
        self._warn_once(reason)
        return None

    def _write(self, path: Path | None, content: Mapping[str, Any], *, is_exclusive: bool = False) -> bool:
        """Write a file completely or not at all, and return whether it was written.

        Args:
            path: The file; None if the journal has no folder.
            content: The file's content.
            is_exclusive: Whether to leave an existing file as it is.
        """
        if path is None or self.folder is None:
            self._warn_once(NO_FOLDER)
            return False
        with self._lock:
            is_first, self._has_written = not self._has_written, True
        if is_first:
            self._prune()
        part = self.folder / "parts" / f"{secrets.token_hex(8)}.json"
        written = json.dumps({"version": _VERSION, **content}).encode()
        try:
            try:
                return _write_file(part, path, written, is_exclusive=is_exclusive)
            except FileNotFoundError:
                make_folder(part.parent)
                make_folder(path.parent)
                return _write_file(part, path, written, is_exclusive=is_exclusive)
        except OSError as error:
            self._warn_once(f"{path.parent} can't be written ({error.strerror})")
        return False

    def _unlink(self, path: Path | None) -> None:
        try:
            if path:
                path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._warn_once(f"{path} can't be removed ({error.strerror})")

    def _warn_once(self, reason: str) -> None:
        """Warn once that the journal can't be relied on.

        Warns:
            warning: The journal's folder or one of its files can't be used.
        """
        with self._lock:
            if self._has_warned:
                return
            self._has_warned = True
        self._log.warning(
            f"the journal of creates can't be relied on: {reason}. This command continues. After a killed "
            "`pulumi up`, run `pulumi-justt doctor` before the next one. If another resource has adopted an "
            "integration that this stack owns (with another provider, or in an earlier command), keep the resource "
            "that owns it: its deletion may deactivate the integration. Make the folder usable or set JUSTT_STATE_DIR "
            "to another one; `pulumi-justt doctor` lists the files that can't be used."
        )


def bytes_of(path: Path) -> bytes:
    """Return the content of a regular file. Refuse a pipe, because reading it could block.

    Raises:
        OSError: The file can't be read.
        LookupError: It is not a regular file.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opened) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IndexError
        return file.read()


def append_line(path: Path, line: str, *, is_new: bool = True) -> None:
    """Append a line with one write, so that the lines of several processes don't mix.

    Args:
        path: The file.
        line: The line, without its end.
        is_new: Whether to create a missing file.

    Raises:
        FileNotFoundError: The folder is missing, or the file is missing and *is_new* is False.
        OSError: The line can't be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT if is_new else 0)
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(f"{line}\n".encode())


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, all with mode 0700.

    `Path.mkdir(parents=True)` would create the parents with the mode that the umask allows. If a file is in the
    folder's place, this raises nothing: the caller's write fails instead.

    Raises:
        OSError: The folder can't be created.
    """
    with contextlib.suppress(FileExistsError):
        try:
            folder.mkdir(mode=0o700)
        except FileNotFoundError:
            make_folder(folder.parent)
            folder.mkdir(mode=0o700)


def _write_file(part: Path, path: Path, content: bytes, *, is_exclusive: bool) -> bool:
    """Write *content* to *part*, then rename it to *path*, and return whether *path* was written.

    If *is_exclusive*, an existing *path* is left as it is, and the result is False.

    Raises:
        OSError: The file can't be written, or a folder is missing.
    """
    is_moved = False
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        if is_exclusive:
            _copy_exclusively(part, path)
        else:
            part.replace(path)
            is_moved = True
    except FileExistsError:
        return False
    finally:
        if not is_moved:
            with contextlib.suppress(OSError):
                part.unlink()
    return True


def _copy_exclusively(part: Path, path: Path) -> None:
    """Link or copy a complete file to *path*, unless *path* exists.

    With a hard link, no reader sees half of the file. A file system without hard links gets a copy. A process that
    reads half of the copy treats the file as damaged, and does not claim the id.

    Raises:
        FileExistsError: *path* exists.
        OSError: The file can't be written.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        content = part.read_bytes()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def file_name(*parts: str | None) -> str:
    """Return a file name for *parts*; it is a digest, because URNs and ids have characters that file names can't."""
    # JSON, because the account in an edited state may be a value of any type.
    return digest(json.dumps(parts))


def digest(text: str) -> str:
    """Return a file name for *text*."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
