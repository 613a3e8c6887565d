"""Read the lock files: what is pinned, with which hashes, and for whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

__all__ = ["Locked", "read"]


@dataclass
class Locked:
    """One line of a lock; a package has several if other systems or Pythons get another version.

    Args:
        requirement: The pin, and where it applies.
        hashes: One for each file that may be installed.
        wanted_by: The packages that need it.
    """

    requirement: Requirement
    hashes: list[str] = field(default_factory=list)
    wanted_by: list[str] = field(default_factory=list)

    @property
    def name(self) -> NormalizedName:
        """The package, as registries compare names."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version that may be installed."""
        pin = re.fullmatch(r"==([^*,]+)", str(self.requirement.specifier))
        if pin is None:
            raise ValueError(f"{self.requirement} is no exact pin")
        return pin[1]


def read(path: Path) -> list[Locked]:
    """Return what a lock written by uv pins, in its order."""
    found: list[Locked] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removesuffix("\\").strip()
        if not line.startswith(" "):
            found.append(Locked(Requirement(text)))
        elif text.startswith("--hash="):
            found[-1].hashes.append(text.removeprefix("--hash="))
        elif not text.startswith("#"):
            raise ValueError(f"{path.name} has a line of another form: {text}")
        elif wanted_by := re.sub(r"^#(?: via)? *", "", text):
            found[-1].wanted_by.append(wanted_by.split()[0])
    return found
