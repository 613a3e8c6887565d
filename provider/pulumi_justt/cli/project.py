"""Finds and reads the Pulumi project of a folder, as `pulumi` does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pulumi_justt.cli import documents

__all__ = ["program_folder", "project_file", "project_name"]


def project_file(folder: Path) -> Path | None:
    """Return the project's file as `pulumi` finds it: in *folder*, or in the nearest parent folder that has one."""
    # Below a symbolic link, the CLI searches upward from the link's path if the shell used that path, and otherwise
    # from the link's target. So this function tries both.
    places = (place for start in (folder.absolute(), folder.resolve()) for place in (start, *start.parents))
    files = (place / f"Pulumi.{extension}" for place in places for extension in ("yaml", "yml", "json"))
    return next((file for file in files if file.is_file()), None)


def program_folder(folder: Path) -> Path:
    """Return the program's folder: the project's `main`, or else the folder of the project that `pulumi` finds."""
    file, project = _project(folder)
    main = project.get("main")
    place = (file.parent if file else folder) / (main if isinstance(main, str) else "")
    return place if place.is_dir() else place.parent


def project_name(folder: Path) -> str | None:
    """Return the name of the project that `pulumi` finds from *folder*, or None if there is no name."""
    name = _project(folder)[1].get("name")
    return name if isinstance(name, str) else None


def _project(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the project's file and its content. The content is empty if invalid, because the CLI reports that."""
    file = project_file(folder)
    with contextlib.suppress(ValueError, OSError):
        content = documents.read(file.read_text(encoding="utf-8-sig")) if file else None
        return file, content if isinstance(content, dict) else {}
    return file, {}
