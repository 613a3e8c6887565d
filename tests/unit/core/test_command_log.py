"""What the provider processes of one command share, and that an unusable folder or line fails no call."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.core.journal import Journal

BASE_URL = "http://127.0.0.1:9/v1"
URN = "urn:pulumi:dev::shop::type::shop"


def log(folder: Path | None, command: str = "a command", base_url: str = BASE_URL) -> CommandLog:
    """Return the log of a new process of a command."""
    return CommandLog(Journal(folder, command=command), base_url)


def test_last_line_counts(tmp_path: Path) -> None:
    """Each process of a command sees the latest line that another of its processes wrote for the same base URL.

    Processes of other commands and other base URLs don't see the line. The files have mode 0600.
    """
    first, second = log(tmp_path), log(tmp_path)
    first.note_holder(URN, "id-1")
    assert second.holders_of("id-1") == [URN]
    assert second.has_another(URN, "id-2")
    assert not second.has_another(URN, "id-1")
    second.note_wait("id-1", is_over=False)
    assert first.awaited_of([URN, "another"]) == {"id-1"}
    second.note_wait("id-1", is_over=True)
    assert first.awaited_of([URN]) == set()
    first.note_holder(URN, None)
    assert second.holders_of("id-1") == []
    for other in (log(tmp_path, "another"), log(tmp_path, base_url="http://127.0.0.1:8/v1")):
        assert not other.has_another(URN, "id-1")
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "commands").iterdir()} == {0o600}


def test_first_resource_with_a_cause_counts(tmp_path: Path) -> None:
    """All processes of a command name the same resource for a cause: the first one that any of them has noted.

    The file has no word of the cause.
    """
    first, second = log(tmp_path), log(tmp_path)
    assert [each.first_with("a wrong key", f"{URN}-{n}") for n, each in enumerate((first, second, first))] == [
        f"{URN}-0"
    ] * 3
    assert second.first_with("a wrong account", URN) == URN
    assert log(tmp_path, "another").first_with("a wrong key", URN) == URN
    assert all(b"wrong" not in each.read_bytes() for each in (tmp_path / "commands").iterdir())


def test_threads_agree_without_a_folder(tmp_path: Path) -> None:
    """Without a folder, or with one that can't be written, the threads of a process still name one resource."""
    (tmp_path / "commands").write_text("no folder")
    for folder in (None, tmp_path):
        alone = log(folder)
        assert [alone.first_with("a wrong key", urn) for urn in ("a", "b")] == ["a", "a"]


def test_placeholder_urn_is_not_logged(tmp_path: Path) -> None:
    """A process that doesn't know a resource's URN logs nothing about it. Two resources may share the placeholder."""
    log(tmp_path).note_holder("the resource of 'shop'", "id-1")
    assert log(tmp_path).holders_of("id-1") == []


def test_damaged_or_incomplete_line_is_skipped(tmp_path: Path) -> None:
    """The reader skips damaged lines, and reads an incomplete line only once the rest of the line is written."""
    first, second = log(tmp_path), log(tmp_path)
    first.note_holder(URN, "id-1")
    (file,) = (tmp_path / "commands").iterdir()
    written = file.read_bytes()
    file.write_bytes(b'null\n{"at": 1}\n\xff\n' + written[:-9])
    assert second.holders_of("id-1") == []
    file.write_bytes(b'null\n{"at": 1}\n\xff\n' + written)
    assert second.holders_of("id-1") == [URN]


def test_unusable_folder_fails_nothing(tmp_path: Path) -> None:
    """If the journal's folder is missing or is a file, the processes of a command share nothing, and no call fails."""
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file"):
        log(folder).note_holder(URN, "id-1")
        assert log(folder).holders_of("id-1") == []


def test_old_files_are_removed(tmp_path: Path) -> None:
    """When a process writes to its command's log, it removes the files of commands that are older than two days."""
    log(tmp_path, "old").note_holder(URN, "id-1")
    (file,) = (tmp_path / "commands").iterdir()
    os.utime(file, (time.time() - 2 * 86_400 - 60,) * 2)
    log(tmp_path).note_holder(URN, "id-1")
    assert not file.exists()
    assert len([*(tmp_path / "commands").iterdir()]) == 1
