"""Build the files of a release into one folder: the wheel, the sdist, and the wheel's bill of materials."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

import sbom

__all__ = ["build", "metadata"]

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path) -> Path:
    """Build into *folder*, which has no other wheel in it, and return the wheel."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder))
    subprocess.run(command, cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    described = metadata(wheel)
    bill = folder / f"{wheel.name.partition('-')[0]}-{described.version}.cdx.json"
    bill.write_text(sbom.bill(wheel, described, ROOT / "requirements.lock"), encoding="utf-8")
    return wheel


def metadata(wheel: Path) -> Metadata:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Metadata.from_email(archive.read(name))


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
