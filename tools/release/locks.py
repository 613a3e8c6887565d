"""Read the lock files: the pinned packages, their hashes, and the packages that need them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

__all__ = ["Locked", "read"]


@dataclass
class Locked:
    """One line of a lock; a package has several lines if other systems or Pythons need another version.

    Args:
        requirement: The pin, and its environment marker.
        hashes: The hashes of all files that may be installed.
        wanted_by: The packages that need it.
    """

    requirement: Requirement
    hashes: list[str] = field(default_factory=list)
    wanted_by: list[str] = field(default_factory=list)

    @property
    def name(self) -> NormalizedName:
        """The package name, normalized as registries compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The only version that may be installed."""
        pin = re.fullmatch(r"==([^*,]+)", str(self.requirement.specifier))
        if pin is None:
            raise ValueError(f"{self.requirement} is not an exact pin")
        return pin[1]


def read(path: Path) -> list[Locked]:
    """Return the pins of a lock written by uv, in its order."""
    found: list[Locked] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removesuffix("\\").strip()
        if not line.startswith(" "):
            found.append(Locked(Requirement(text)))
        elif text.startswith("--hash="):
            found[-1].hashes.append(text.removeprefix("--hash="))
        elif not text.startswith("#"):
            raise ValueError(f"{path.name} has a line that can't be parsed: {text}")
        elif wanted_by := re.sub(r"^#(?: via)? *", "", text):
            found[-1].wanted_by.append(wanted_by.split()[0])
    return found
