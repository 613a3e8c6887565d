"""Prepare a release, and run the parts of `.github/workflows/release.yml` that need no other service.

    python tools/release/release.py prepare 0.3.0     write the version and today's date where they belong
    python tools/release/release.py build [v0.3.0]    check and build what the tag releases, into `dist`

`build` is also the step of the workflow that builds. It stops before anything is built if the tag, the version or the
changelog don't fit together, or if a file is not committed. The files in `dist` afterwards:

    *.whl, *.tar.gz    the packages to publish
    *.cdx.json         the bill of materials of the wheel
    SHA256SUMS         the hashes of these three files
    notes.md           the notes of the release, from CHANGELOG.md; in the workflow, with links to the files of the tag
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

import changelog

__all__ = ["CannotReleaseError", "build", "main", "prepare", "refusals", "with_links"]

ROOT = Path(__file__).resolve().parents[2]
VERSION_FILE = Path("provider/pulumi_justt/version.py")
CHANGELOG = Path("CHANGELOG.md")
_ASSIGNMENT = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_NEXT = """
This was the local part. The workflow does the rest after you push the tag: it signs an attestation of the build,
publishes the packages, and creates the release with these notes. See RELEASING.md."""


class CannotReleaseError(Exception):
    """The release is refused; the text has one reason on each line."""


def version_of(root: Path) -> str:
    """Return the version of the package."""
    (found,) = _ASSIGNMENT.findall((root / VERSION_FILE).read_text())
    return str(found)


def pages(root: Path) -> Iterator[Path]:
    """Yield the pages that may show the version of the package: in the name of a wheel, or in a command's output."""
    yield from (root / "README.md", root / "CONTRIBUTING.md", root / "RELEASING.md")
    yield from sorted((root / "docs").rglob("*.md"))
    yield from sorted((root / "examples").rglob("*.md"))


def shown_versions(text: str) -> list[str]:
    """Return the versions of the package that a page shows."""
    return re.findall(r"\bpulumi[-_]justt(?:[- ]|==)(\d+\.\d+\.\d+)\b", text)


def prepare(root: Path, version: str, today: dt.date) -> None:
    """Write *version* into the package and the pages, and with the date into the changelog.

    Raises:
        CannotReleaseError: The version is not a newer one, or the changelog has no entries for it.
    """
    former = version_of(root)
    text = (root / CHANGELOG).read_text()
    top, *older = changelog.sections(text)
    if not re.fullmatch(r"\d+\.\d+\.\d+", version) or any(Version(each.name) >= Version(version) for each in older):
        raise CannotReleaseError(f"{version} is not a version X.Y.Z above those in CHANGELOG.md")
    if top.name not in (changelog.UNRELEASED, version):
        raise CannotReleaseError(
            f"CHANGELOG.md has no entries for {version}: its newest section is [{top.name}]. Write them above it, "
            f"under ## [{changelog.UNRELEASED}]"
        )
    heading = f"## [{version}] - {today}"
    (root / CHANGELOG).write_text(
        re.sub(rf"^## \[{re.escape(top.name)}\].*$", heading, text, count=1, flags=re.MULTILINE)
    )
    file = root / VERSION_FILE
    file.write_text(_ASSIGNMENT.sub(f'__version__ = "{version}"', file.read_text()))
    for page in pages(root):
        if former in shown_versions(shown := page.read_text()):
            page.write_text(re.sub(rf"(\bpulumi[-_]justt(?:[- ]|==)){re.escape(former)}\b", rf"\g<1>{version}", shown))


def refusals(root: Path, tag: str) -> list[str]:
    """Return why the current commit can't be released, with *tag* if it isn't empty."""
    version = version_of(root)
    found = changelog.released((root / CHANGELOG).read_text(), version)
    if tag not in ("", f"v{version}"):
        found.append(f"the tag is {tag}, but version.py has {version}")
    git = ("git", "status", "--porcelain", "--untracked-files=all")
    changed = subprocess.run(git, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    if changed:
        found.append("files that are not committed: " + ", ".join(line[3:] for line in changed))
    return found


def with_links(notes: str, files: str) -> str:
    """Return the notes with links to the address *files*: the page of a release can't follow relative ones."""
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({files}", notes)


def build(root: Path, tag: str) -> None:
    """Build the files of the release into `dist`, twice, and run the wheel.

    Raises:
        CannotReleaseError: The current commit can't be released.
    """
    if found := refusals(root, tag):
        raise CannotReleaseError("\n".join(found))
    import wheel  # noqa: PLC0415 - importing it is slow, and the other commands don't need it

    folder = root / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    wheel.main(folder)
    hashes = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(hashes))
    version = version_of(root)
    notes = changelog.notes((root / CHANGELOG).read_text(), version)
    if repository := os.environ.get("GITHUB_REPOSITORY"):
        notes = with_links(notes, f"{os.environ['GITHUB_SERVER_URL']}/{repository}/blob/v{version}/")
    (folder / "notes.md").write_text(notes)
    print(f"release: v{version}, in dist: {', '.join(sorted(file.name for file in folder.iterdir()))}")


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Run the command, and return the exit code: 1 if the release is refused, 2 for other arguments."""
    try:
        match arguments:
            case ["prepare", version]:
                prepare(root, version, dt.datetime.now(dt.timezone.utc).date())
                print(f"release: {version} is written. Read `git diff`, then follow RELEASING.md.")
            case ["build"]:
                build(root, "")
                print(_NEXT)
            case ["build", tag]:
                build(root, tag)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except CannotReleaseError as reasons:
        print("\n".join(f"release: {line}" for line in str(reasons).splitlines()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
