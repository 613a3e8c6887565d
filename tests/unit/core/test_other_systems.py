"""Parts that differ between operating systems, simulated on this one. See also docs/supported-versions.md."""

from __future__ import annotations

import sys
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from pulumi_justt.core.journal import folder

WINDOWS = {"USERPROFILE": r"C:\Users\you", "LOCALAPPDATA": r"C:\Users\you\AppData\Local"}
MACOS = {"HOME": "/Users/you"}


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("darwin", MACOS, PurePosixPath("/Users/you/Library/Application Support/pulumi-justt")),
        ("darwin", {**MACOS, "XDG_STATE_HOME": "/x"}, PurePosixPath("/x/pulumi-justt")),
        ("win32", WINDOWS, None),
        ("win32", {**WINDOWS, "JUSTT_STATE_DIR": r"D:\justt"}, PureWindowsPath(r"D:\justt")),
        ("win32", {**WINDOWS, "JUSTT_STATE_DIR": r"\justt"}, None),
        ("win32", {**WINDOWS, "HOME": r"C:\Users\you"}, PureWindowsPath(r"C:\Users\you\.local\state\pulumi-justt")),
    ],
)
def test_location_of_the_journal(
    monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], expected: PurePath | None
) -> None:
    """On macOS, the journal is in the user's Library.

    Windows has no HOME, so there is no journal without JUSTT_STATE_DIR, which needs a drive.
    """
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(folder, "Path", PureWindowsPath if platform == "win32" else PurePosixPath)
    assert folder.state_folder(environ) == expected
