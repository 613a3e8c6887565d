"""What a release says of itself, and the script that prepares and builds it."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import changelog
import pulumi_justt
import release
from support import environment
from support.checkout import ROOT

VERSION = pulumi_justt.__version__
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PROJECT = (ROOT / "pyproject.toml").read_text()
TODAY = dt.date(2030, 1, 31)
NEXT = "99.0.0"


class TestVersion:
    """The version, and what the other files say about it."""

    def test_the_changelog_is_about_this_version(self) -> None:
        """The newest release in the changelog is the version of the package, and each one has a date and entries."""
        assert changelog.problems(CHANGELOG, VERSION) == []

    def test_the_section_has_what_a_user_needs(self) -> None:
        """The section of a version X.Y.0 says first what a user gains, what breaks, and how to upgrade."""
        notes = changelog.notes(CHANGELOG, VERSION.rpartition(".")[0] + ".0")
        headings = [line for line in notes.splitlines() if line.startswith("### ")]
        assert headings[0] == "### What you gain"
        assert "### Breaking changes" in headings
        assert headings[2].startswith("### Upgrade from ")

    def test_pages_show_this_version(self) -> None:
        """Each page that shows a version of the package shows this one."""
        shown = {page: release.shown_versions(page.read_text()) for page in release.pages(ROOT) if page.exists()}
        assert {page.name: versions for page, versions in shown.items() if {*versions} - {VERSION}} == {}
        assert sum(map(len, shown.values())) >= 5

    def test_the_classifiers_fit_the_version(self) -> None:
        """A version 0.x is a beta, and the page of upgrades says how to get to this version."""
        status = re.findall(r"Development Status :: (.+)\"", PROJECT)
        assert status == ["4 - Beta" if VERSION.startswith("0.") else "5 - Production/Stable"]
        assert ("**It's a beta**" in (ROOT / "README.md").read_text()) == VERSION.startswith("0.")
        minor = VERSION.rpartition(".")[0]
        assert f" to {minor}.0\n" in (ROOT / "docs" / "how-to" / "upgrade.md").read_text()


class TestChangelog:
    """The reader of the changelog."""

    TEXT = "# Changelog\n\n## [0.3.0] - 2030-02-01\n\n- new\n\n## [0.2.0] - 2030-01-01\n\n### Fixed\n\n- old\n"

    def test_notes_are_one_section(self) -> None:
        """The notes of a release are its section, without the heading and without the next section."""
        assert changelog.notes(self.TEXT, "0.3.0") == "- new\n"
        assert changelog.notes(self.TEXT, "0.2.0") == "### Fixed\n\n- old\n"
        with pytest.raises(ValueError, match=r"no section for 0\.1\.0"):
            changelog.notes(self.TEXT, "0.1.0")

    def test_a_good_changelog_has_no_problem(self) -> None:
        """Entries that are not released yet are allowed at any time, but not in a release."""
        assert changelog.released(self.TEXT, "0.3.0") == []
        text = self.TEXT.replace("## [0.3.0]", "## [Unreleased]\n\n- next\n\n## [0.3.0]")
        assert changelog.problems(text, "0.3.0") == []
        assert changelog.released(text, "0.3.0") == [
            "CHANGELOG.md has unreleased entries: run `make release-prepare` with their version"
        ]

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("0.3.0", "0.4.0", "the newest release in CHANGELOG.md is 0.4.0, but version.py has 0.3.0"),
            ("- new", "", "[0.3.0] has no entry"),
            (" - 2030-02-01", "", "[0.3.0] needs a version and a date"),
            ("2030-02-01", "2030-02-30", "[0.3.0] needs a version and a date"),
            ("2030-02-01", "2029-12-31", "[0.3.0] is above [0.2.0], but not newer"),
            ("0.2.0", "0.3.0", "[0.3.0] is above [0.3.0], but not newer"),
            ("0.2.0", "Unreleased", "[Unreleased] only at its top"),
        ],
    )
    def test_each_problem_is_reported(self, old: str, new: str, reason: str) -> None:
        """A wrong version, date or order, and an empty section, are each one problem."""
        (found,) = changelog.problems(self.TEXT.replace(old, new), "0.3.0")
        assert reason in found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a git repository with the files that the script reads and writes, all of them committed."""
    for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md", "docs", "examples"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / release.VERSION_FILE).parent.mkdir(parents=True)
    shutil.copy(ROOT / release.VERSION_FILE, tmp_path / release.VERSION_FILE)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    """Run git as an author without settings."""
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(("git", *author, *arguments), cwd=folder, env=environment.build(), check=True)


def commit(folder: Path) -> None:
    """Commit all files."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all files")


class TestPrepare:
    """`make release-prepare`."""

    def test_writes_the_version_and_the_date(self, checkout: Path) -> None:
        """It writes the new version into the package, the pages and the changelog, and nothing else changes."""
        file = checkout / "CHANGELOG.md"
        file.write_text(CHANGELOG.replace(f"## [{VERSION}]", f"## [Unreleased]\n\n- next\n\n## [{VERSION}]"))
        release.prepare(checkout, NEXT, TODAY)
        assert release.version_of(checkout) == NEXT
        assert f"\n## [{NEXT}] - 2030-01-31\n\n- next\n" in file.read_text()
        assert changelog.released(file.read_text(), NEXT) == []
        pages = [page.read_text() for page in release.pages(checkout)]
        assert {version for page in pages for version in release.shown_versions(page)} == {NEXT}
        assert f"pulumi_justt-{NEXT}-py3-none-any.whl" in (checkout / "docs" / "how-to" / "install.md").read_text()

    def test_can_be_repeated_on_another_day(self, checkout: Path) -> None:
        """For a version that is prepared but not tagged yet, it writes the date of today."""
        release.prepare(checkout, VERSION, TODAY)
        assert changelog.sections((checkout / "CHANGELOG.md").read_text())[0].date == "2030-01-31"
        assert release.version_of(checkout) == VERSION

    def test_without_entries_it_is_refused(self, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A version without entries in the changelog is refused, and nothing is written."""
        assert release.main(["prepare", NEXT], checkout) == 1
        refusal = f"CHANGELOG.md has no entries for 99.0.0: its newest section is [{VERSION}]."
        assert f"release: {refusal} Write them above it, under ## [Unreleased]" in capsys.readouterr().err
        assert release.refusals(checkout, f"v{VERSION}") == []

    @pytest.mark.parametrize("version", ["", "1", "v1.2.3", "1.2.3rc1", "0.0.1", "1.2.3\n"])
    def test_other_versions_are_refused(self, version: str, checkout: Path) -> None:
        """A version that is not X.Y.Z, or is below a release, is refused."""
        file = checkout / "CHANGELOG.md"
        file.write_text(CHANGELOG.replace(f"## [{VERSION}]", f"## [Unreleased]\n\n- next\n\n## [{VERSION}]"))
        with pytest.raises(release.CannotReleaseError, match="above those in CHANGELOG"):
            release.prepare(checkout, version, TODAY)


class TestBuild:
    """`make release-dry-run`, before it builds."""

    def test_a_committed_version_can_be_released(self, checkout: Path) -> None:
        """Without a tag, or with the tag of the version, a commit whose changelog is complete is not refused."""
        assert release.refusals(checkout, "") == []
        assert release.refusals(checkout, f"v{VERSION}") == []

    @pytest.mark.parametrize("tag", [VERSION, "v99.0.0", "v0.2"])
    def test_another_tag_is_refused(self, tag: str, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A tag that is not that of the version is refused, and nothing is built."""
        assert release.main(["build", tag], checkout) == 1
        assert f"the tag is {tag}, but version.py has {VERSION}" in capsys.readouterr().err
        assert not (checkout / "dist").exists()

    def test_uncommitted_files_are_refused(self, checkout: Path) -> None:
        """A changed or new file is refused and named, because the tag would not contain it."""
        (checkout / "README.md").write_text("changed")
        (checkout / "new").write_text("new")
        assert release.refusals(checkout, "") == ["files that are not committed: README.md, new"]

    def test_unreleased_entries_are_refused(self, checkout: Path) -> None:
        """Entries that have no version yet are refused, because the release would have them without notes."""
        file = checkout / "CHANGELOG.md"
        file.write_text(CHANGELOG.replace(f"## [{VERSION}]", f"## [Unreleased]\n\n- next\n\n## [{VERSION}]"))
        commit(checkout)
        (found,) = release.refusals(checkout, "")
        assert "unreleased entries" in found

    def test_notes_link_to_the_files_of_the_tag(self) -> None:
        """A relative link in the notes leads to the file of the tag, and other links stay as they are."""
        notes = "[a](docs/a.md#b), [c](https://example.com) and [d](#d)"
        linked = "[a](https://github.com/me/it/blob/v1.2.3/docs/a.md#b), [c](https://example.com) and [d](#d)"
        assert release.with_links(notes, "https://github.com/me/it/blob/v1.2.3/") == linked

    def test_other_arguments_show_the_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An unknown command is an error of usage."""
        assert release.main(["publish"]) == 2
        assert "release.py prepare" in capsys.readouterr().err
