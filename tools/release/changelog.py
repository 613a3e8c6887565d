"""Read CHANGELOG.md: its sections, the notes of a release, and what is wrong with it.

The newest section is either `## [Unreleased]` or the version of `version.py`. Each other section is a release with its
date: `## [0.2.0] - 2026-11-29`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from packaging.version import Version

__all__ = ["UNRELEASED", "Section", "notes", "problems", "released", "sections"]

UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """The entries of one release, or those that are not released yet.

    Args:
        name: The version, or `UNRELEASED`.
        date: The text of the date, or an empty text.
        body: The Markdown between this heading and the next one.
    """

    name: str
    date: str
    body: str


def sections(text: str) -> list[Section]:
    """Return the sections of a changelog, the newest first."""
    found = [*_HEADING.finditer(text)]
    ends = [heading.start() for heading in found[1:]] + [len(text)]
    return [
        Section(heading["name"], heading["date"] or "", text[heading.end() : end].strip())
        for heading, end in zip(found, ends, strict=True)
    ]


def notes(text: str, version: str) -> str:
    """Return the notes of a release in Markdown: its section without the heading.

    Raises:
        ValueError: The changelog has no section for *version*.
    """
    section = next((each for each in sections(text) if each.name == version), None)
    if section is None:
        raise ValueError(f"CHANGELOG.md has no section for {version}")
    return section.body + "\n"


def problems(text: str, version: str) -> list[str]:
    """Return what is wrong with a changelog at any time, if the package has *version*."""
    found = sections(text)
    past = [each for each in found if each.name != UNRELEASED]
    if UNRELEASED in [each.name for each in found[1:]] or not past:
        return [f"CHANGELOG.md needs a release, and [{UNRELEASED}] only at its top"]
    names = [f"CHANGELOG.md: [{each.name}] has no entry" for each in found if "\n- " not in f"\n{each.body}"]
    if past[0].name != version:
        names.append(f"the newest release in CHANGELOG.md is {past[0].name}, but version.py has {version}")
    return [*names, *_wrong_order(past)]


def released(text: str, version: str) -> list[str]:
    """Return why *version* can't be released with this changelog."""
    top = sections(text)[:1]
    unreleased = ["CHANGELOG.md has unreleased entries: run `make release-prepare` with their version"]
    return [*problems(text, version), *(unreleased if top and top[0].name == UNRELEASED else [])]


def _wrong_order(past: Sequence[Section]) -> Iterator[str]:
    undated = [each.name for each in past if not _has_version_and_date(each)]
    if undated:
        yield f"CHANGELOG.md: [{undated[0]}] needs a version and a date, as in `## [0.2.0] - 2026-11-29`"
        return
    for newer, older in pairwise(past):
        if Version(newer.name) <= Version(older.name) or newer.date < older.date:
            yield f"CHANGELOG.md: [{newer.name}] is above [{older.name}], but not newer"


def _has_version_and_date(section: Section) -> bool:
    try:
        dt.date.fromisoformat(section.date)
        Version(section.name)
    except ValueError:
        return False
    return True
