"""Files that only their owner can read, and a folder that git ignores."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["make_ignored_folder", "write_private"]


def write_private(path: Path, text: str) -> None:
    """Write *text* to a new file.

    Raises:
        OSError: The file exists already, or cannot be written.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def make_ignored_folder(folder: Path) -> None:
    """Create *folder* for its owner only, and in it a `.gitignore` for all its files. Keep those that exist already.

    Raises:
        OSError: The folder or its `.gitignore` cannot be created.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    ignored = folder / ".gitignore"
    # On a full disk, an earlier call may have left an empty one.
    if not ignored.exists() or ignored.stat().st_size == 0:
        ignored.write_text("*\n", encoding="utf-8")
