"""The folder of the journal: where it is, and how its files are written whole, read, and dropped."""

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

__all__ = ["JournalFolder", "digest", "file_name", "make_folder", "state_folder"]

_MAX_COMMAND = 2 * 86_400.0
"""Seconds that one command may take: an `IntegrationReady` may wait for a day.

Until then a process may be at work on an adoption that has ended, on a part, and on a snapshot, which the intents of
its later creates will name.
"""

_VERSION = 1

_Record = TypeVar("_Record")


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where this machine's user keeps the journal; None where the environment names no place."""
    if given := environ.get("JUSTT_STATE_DIR"):
        # A relative one would be another folder for each process: the settings refuse it.
        return Path(given) if Path(given).is_absolute() else None
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():
        # A relative one is to be ignored, says the specification of that variable.
        return base / "pulumi-justt"
    home = Path(environ.get("HOME", ""))
    if home.is_absolute():
        return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/state") / "pulumi-justt"
    return None


class JournalFolder:
    """The files of one folder; one object serves all threads of a process.

    Args:
        folder: Where the files are; None keeps nothing.
        warn: Shows one line to the user.
        now: Seconds since the epoch.
        command: What the provider processes of one command have in common, and those of no other command have; by
            default this object is alone.

    Attributes:
        process: A name for the process that this object serves.
        unusable: The files that were to be read and can't be used, each with the reason.
        command: See above.
    """

    def __init__(
        self,
        folder: Path | None,
        warn: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
        command: str | None = None,
    ) -> None:
        self.folder = folder
        self.now = now
        self.command = command or secrets.token_hex(8)
        self.process = secrets.token_hex(8)
        self.unusable: dict[Path, str] = {}
        self._warn = warn
        self._lock = threading.Lock()
        self._has_warned = False
        self._has_written = False

    def drop_old(self, *parts: str, pattern: str = "*.json", kept: Collection[str | None] = ()) -> None:
        """Remove the files of a folder that are older than any command takes, but those whose names are *kept*."""
        for path in self._files(*parts, pattern=pattern):
            with contextlib.suppress(OSError):
                if path.stem not in kept and self._is_old(path):
                    path.unlink()

    def _is_old(self, path: Path) -> bool:
        return self.now() - path.stat().st_mtime > _MAX_COMMAND

    def _prune(self) -> None:
        """Drop what has expired or belongs to nothing any longer; called once, before anything is written."""
        self.drop_old("parts")

    def _path(self, *parts: str) -> Path | None:
        return self.folder.joinpath(*parts[:-1], f"{parts[-1]}.json") if self.folder else None

    def _files(self, *parts: str, pattern: str = "*.json") -> Iterator[Path]:
        if self.folder:
            # A folder that does not exist, or may not be read, has none.
            with contextlib.suppress(OSError):
                yield from sorted(self.folder.joinpath(*parts).glob(pattern))

    def _read(self, path: Path | None, made: Callable[[dict[str, Any]], _Record]) -> _Record | None:
        """Return what *made* makes of a file; None where there is none, or where it can't be read."""
        if path is None:
            return None
        try:
            content = json.loads(_bytes_of(path))
            version = content.pop("version")
            if version == _VERSION:
                return made(content)
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
        """Write a file whole or not at all, and return whether that was done; *is_exclusive* keeps an earlier one."""
        if path is None or self.folder is None:
            self._warn_once("neither JUSTT_STATE_DIR nor HOME is set to an absolute path")
            return False
        with self._lock:
            is_first, self._has_written = not self._has_written, True
        if is_first:
            self._prune()
        part = self.folder / "parts" / f"{secrets.token_hex(8)}.json"
        written = json.dumps({"version": _VERSION, **content}).encode()
        try:
            try:
                return _put(part, path, written, is_exclusive=is_exclusive)
            except FileNotFoundError:
                make_folder(part.parent)
                make_folder(path.parent)
                return _put(part, path, written, is_exclusive=is_exclusive)
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
        """Warn that the journal can't be relied on.

        Warns:
            warning: The folder of the journal can't be used, or a file of it can't.
        """
        with self._lock:
            if self._has_warned:
                return
            self._has_warned = True
        self._warn(
            f"warning: the journal of creates can't be relied on: {reason}. This command goes on. After a killed "
            "`pulumi up`, run `pulumi-justt doctor` before the next one. If a resource with another provider, or of an "
            "earlier command, adopts an integration that this stack owns, keep the owner: its deletion may deactivate "
            "the integration. Make the folder usable or set JUSTT_STATE_DIR to another one; `pulumi-justt doctor` "
            "names files that can't be used."
        )


def _bytes_of(path: Path) -> bytes:
    """Return what is in a regular file; whoever reads a pipe of that name would wait for ever.

    Raises:
        OSError: It can't be read.
        LookupError: It is no regular file.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opened) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IndexError
        return file.read()


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can open, and those above it that are missing.

    `Path.mkdir(parents=True)` would give those above the mode that the umask allows. A file in its place is left for
    the caller to meet.

    Raises:
        OSError: It can't be made.
    """
    with contextlib.suppress(FileExistsError):
        try:
            folder.mkdir(mode=0o700)
        except FileNotFoundError:
            make_folder(folder.parent)
            folder.mkdir(mode=0o700)


def _put(part: Path, path: Path, content: bytes, *, is_exclusive: bool) -> bool:
    """Write a file, whole before it gets its name, and return whether it has that; if *is_exclusive*, it may be taken.

    Raises:
        OSError: It can't be written, or a folder is missing.
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
    """Give a whole file its name as well, unless that is taken.

    A link shows nobody half of the file. A file system that has no links gets a copy: whoever reads half of one takes
    it for damaged, and whoever would claim the same id then claims nothing.

    Raises:
        FileExistsError: The name is taken.
        OSError: It can't be written.
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
    """Return a file name for what *parts* name together; URNs and ids hold characters that file names can't."""
    # The text is what is kept: a state may hold anything in place of an account.
    return digest(json.dumps(parts))


def digest(text: str) -> str:
    """Return a file name for *text*."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
