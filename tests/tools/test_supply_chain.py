"""The content of a release, and how it's built: locks, licenses, vulnerabilities, bill of materials."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from email.message import Message
from importlib.metadata import PackageMetadata, distribution
from pathlib import Path
from typing import Any, cast

import pytest
from packaging.metadata import Metadata
from packaging.utils import canonicalize_name

import audit
import dist
import locks
import sbom
import wheel
from this_machine import interpreters

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
LOCKS = (LOCK, DEV_LOCK, *(ROOT / f"requirements-{name}.lock" for name in ("docs", "uv", "go", "node")))

PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "PSF-2.0"}
EXCEPTIONS = {
    "certifi": {"MPL-2.0"},  # certificate authorities, used unchanged; the license restricts only changed copies
    "pathspec": {"MPL-2.0"},  # a part of the build backend; users of the wheel don't install it
}
OLD_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""License texts of metadata older than SPDX expressions, as some locked packages still have it."""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a built release."""
    folder = tmp_path_factory.mktemp("release")
    dist.build(folder)
    return folder


@pytest.fixture(scope="session")
def built(release: Path) -> Path:
    """Return the wheel of the release."""
    (found,) = release.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def described(built: Path) -> Metadata:
    """Return the metadata of the wheel."""
    return dist.metadata(built)


@pytest.fixture(scope="session")
def bill(release: Path) -> dict[str, Any]:
    """Return the bill of materials of the wheel."""
    (file,) = release.glob("*.cdx.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


class TestLocks:
    """The packages that may be installed."""

    @pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
    def test_every_line_is_one_version_with_hashes(self, lock: Path) -> None:
        """Each line of a lock has one exact version and SHA-256 hashes, so no other file can be installed."""
        pinned = locks.read(lock)
        assert all(entry.version for entry in pinned)
        assert [str(entry.requirement) for entry in pinned if not entry.hashes] == []
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for entry in pinned for digest in entry.hashes)

    @pytest.mark.parametrize(
        "line",
        ["pulumi>=3", "pulumi", "pulumi==3.*", "pulumi==3,!=4", "--index-url https://example.com", "x==1 \\\n    -e ."],
    )
    def test_other_lines_are_refused(self, line: str, tmp_path: Path) -> None:
        """`locks.read` rejects a lock that has a range, a wildcard or an option."""
        (tmp_path / "a.lock").write_text(line)
        with pytest.raises(ValueError, match=r"is not an exact pin|can't be parsed|Expected"):
            _ = [entry.version for entry in locks.read(tmp_path / "a.lock")]

    def test_tests_use_the_users_dependencies(self) -> None:
        """The developers' lock has each pin of the users' lock, with the same hashes."""
        developers = {(entry.name, entry.version): entry.hashes for entry in locks.read(DEV_LOCK)}
        assert {(entry.name, entry.version): entry.hashes for entry in locks.read(LOCK)}.items() <= developers.items()

    def test_run_time_dependencies(self, described: Metadata) -> None:
        """The wheel requires three packages, and its extras four more.

        Each one is locked within the declared bounds.
        """
        needs = described.requires_dist or []
        assert {need.name for need in needs if need.marker is None} == {"pulumi", "httpx", "pydantic"}
        assert {(need.name, str(need.marker)) for need in needs if need.marker} == {
            ("aiohttp", 'extra == "simulator"'),
            ("click", 'extra == "cli"'),
            ("click", 'extra == "simulator"'),
            ("pyyaml", 'extra == "cli"'),
            ("rich", 'extra == "cli"'),
        }
        for need in needs:
            versions = [entry.version for entry in locks.read(LOCK) if entry.name == canonicalize_name(need.name)]
            assert versions, f"{need} is not locked"
            assert [version for version in versions if version not in need.specifier] == [], str(need)


class TestLicenses:
    """The licenses that users of the package have to accept."""

    def test_locked_packages_are_permissive(self) -> None:
        """Each locked package has a permissive license, or is one of the exceptions. No exception is outdated."""
        pinned = [entry for entry in locks.read(LOCK) if (it := entry.requirement.marker) is None or it.evaluate()]
        installed = {entry.name: distribution(entry.name) for entry in pinned}
        assert {name: found.version for name, found in installed.items()} == {it.name: it.version for it in pinned}
        licenses = {name: licenses_of(found.metadata) for name, found in installed.items()}
        assert {name: found for name, found in licenses.items() if not found or found - PERMISSIVE} == EXCEPTIONS

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ([("License-Expression", "Apache-2.0 OR (MIT AND BSD-3-Clause)")], {"Apache-2.0", "MIT", "BSD-3-Clause"}),
            ([("License-Expression", "GPL-3.0-or-later WITH a-b"), ("License", "MIT")], {"GPL-3.0-or-later", "a-b"}),
            ([("License", "Apache 2.0"), ("Classifier", "License :: Other/Proprietary License")], {"Apache-2.0"}),
            ([("License", "All rights reserved.")], {"All rights reserved."}),
            ([("Classifier", "License :: OSI Approved :: MIT License"), ("Classifier", "Typing :: Typed")], {"MIT"}),
            ([("Classifier", "License :: Public Domain")], {"License :: Public Domain"}),
            ([("License", ""), ("Classifier", "Typing :: Typed")], set()),
        ],
    )
    def test_each_way_to_name_a_license_is_read(self, fields: list[tuple[str, str]], found: set[str]) -> None:
        """`licenses_of` uses the license expression of a package; without one, the text; without both, the classifiers.

        It returns an unknown license unchanged.
        """
        metadata = Message()
        for name, value in fields:
            metadata[name] = value
        assert licenses_of(metadata) == found


def licenses_of(metadata: PackageMetadata | Message) -> set[str]:
    """Return the licenses of a package; if there is a choice, all of them."""
    for expression in metadata.get_all("License-Expression") or []:
        return set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"}
    texts = [text for text in metadata.get_all("License") or [] if text]
    classifiers = [text for text in metadata.get_all("Classifier") or [] if text.startswith("License :: ")]
    return {OLD_NAMES.get(text, text) for text in texts or classifiers}


class TestAudit:
    """The check for known vulnerabilities, with fake results of pip-audit."""

    def test_every_pin_of_all_locks_is_looked_up(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The audit looks up each pin of all locks.

        It includes pins for other systems and Pythons, which pip-audit itself would skip.
        """
        service = Service()
        assert audit.main(["--required"], service) == 0
        every = {f"{entry.name}=={entry.version}" for path in LOCKS for entry in locks.read(path)}
        assert set(service.asked) == {audit.VULNERABLE, *every}
        assert len(service.asked) == len(every) + 1
        assert capsys.readouterr().out == f"vulnerabilities: none known in {len(every)} locked releases\n"

    def test_a_batch_has_no_package_twice(self) -> None:
        """No batch of the audit has two versions of one package, because pip-audit rejects them."""
        service = Service()
        audit.main([], service)
        assert all(len({pin.partition("==")[0] for pin in pins}) == len(pins) for pins in service.batches)

    def test_a_known_vulnerability_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        """If a pin has a known vulnerability, the audit fails.

        It shows the package and its version, the vulnerability's id and aliases, and that no release fixes it.
        """
        found = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": []}
        assert audit.main([], Service(httpx={"vulns": [found]})) == 1
        printed = capsys.readouterr().out
        assert re.fullmatch(r"vulnerabilities: httpx \S+ has PYSEC-1, CVE-1; fixed in no release\n", printed)

    def test_a_package_without_data_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        """If the service has no data about one package but about others, the audit fails."""
        assert audit.main([], Service(httpx={"skip_reason": "not found"})) == 1
        assert capsys.readouterr().out == "vulnerabilities: httpx could not be looked up: not found\n"

    @pytest.mark.parametrize("arguments", [[], ["--required"]])
    @pytest.mark.parametrize(
        "service",
        [
            pytest.param(lambda: Service(requests={"skip_reason": "not found"}), id="no data"),
            pytest.param(lambda: Service(requests={"vulns": []}), id="empty data"),
            pytest.param(lambda: Service(requests=audit.OutOfReachError("no network")), id="no network"),
            pytest.param(lambda: Service(httpx=audit.OutOfReachError("no network")), id="network lost"),
        ],
    )
    def test_missing_data_skips_the_check(
        self, service: Callable[[], Service], arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """If the service has no data at all, the audit says in one line that it is skipped.

        It fails only with `--required`.
        """
        assert audit.main(arguments, service()) == len(arguments)
        assert re.fullmatch(
            r"vulnerabilities: SKIPPED, since their data is not available here \(.+\)\n", capsys.readouterr().out
        )

    @pytest.mark.parametrize(
        "stderr",
        [
            "Traceback (most recent call last):\n  ...\nrequests.exceptions.ConnectionError: HTTPSConnectionPool(...)",
            "requests.exceptions.HTTPError: 503\n\nThe above ...\n\npip_audit._service.interface.ServiceError",
            "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service with `-s ...`",
        ],
    )
    def test_network_errors_are_recognized(self, stderr: str) -> None:
        """If pip-audit's error output shows a network problem, `audited` raises `OutOfReachError`."""
        with pytest.raises(audit.OutOfReachError):
            audit.audited("", stderr)

    @pytest.mark.parametrize(
        "stderr", ["", "ERROR:pip_audit._cli:invalid requirements input", "No module named pip_audit"]
    )
    def test_other_errors_do_not_skip_the_check(self, stderr: str) -> None:
        """If pip-audit prints no result for another reason, `audited` raises an error."""
        with pytest.raises(RuntimeError):
            audit.audited("", stderr)


class Service:
    """Responds like `audit.ask`, without vulnerabilities except for the given packages."""

    def __init__(self, **answers: dict[str, Any] | Exception) -> None:
        self.answers = {"requests": {"vulns": [{"id": "1", "aliases": [], "fix_versions": []}]}, **answers}
        self.batches: list[list[str]] = []

    @property
    def asked(self) -> list[str]:
        """All pins in the calls so far."""
        return [pin for pins in self.batches for pin in pins]

    def __call__(self, pins: Iterable[str]) -> list[audit.Audited]:
        """Respond for each of *pins*. For the package `requests`, only the known vulnerable release has a finding."""
        self.batches.append(list(pins))
        found: list[audit.Audited] = []
        for pin in self.batches[-1]:
            name, _, version = pin.partition("==")
            answer = {} if name == "requests" and pin != audit.VULNERABLE else self.answers.get(name, {})
            if isinstance(answer, Exception):
                raise answer
            found.append(cast("audit.Audited", {"name": name, "version": version, "vulns": [], **answer}))
        return found


class TestBill:
    """The software bill of materials."""

    def test_lists_exactly_what_is_locked(self, bill: dict[str, Any]) -> None:
        """The bill of materials lists each pin of the users' lock once, with all of its hashes, and nothing else."""
        listed = [(it["purl"], sorted(digest["content"] for digest in it["hashes"])) for it in bill["components"]]
        pinned = [
            (f"pkg:pypi/{it.name}@{it.version}", sorted(digest.removeprefix("sha256:") for digest in it.hashes))
            for it in locks.read(LOCK)
        ]
        assert sorted(listed) == sorted(pinned)

    def test_describes_the_wheel(self, bill: dict[str, Any], built: Path, described: Metadata) -> None:
        """The bill of materials names the package, its version, its license and the hash of the wheel."""
        about = bill["metadata"]["component"]
        assert (about["name"], about["version"]) == (described.name, str(described.version))
        assert about["purl"] == f"pkg:pypi/{described.name}@{described.version}"
        assert about["licenses"] == [{"acknowledgement": "declared", "expression": "Apache-2.0"}]
        assert about["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(built.read_bytes()).hexdigest()}]

    def test_scopes_separate_users_and_build(self, bill: dict[str, Any]) -> None:
        """In the bill, the package's dependencies are required and those of its extras optional.

        The build backend is excluded.
        """
        scopes = {it["name"]: it["scope"] for it in bill["components"]}
        assert {scopes[name] for name in ("pulumi", "grpcio", "httpx", "certifi", "pydantic-core")} == {"required"}
        assert {scopes[name] for name in ("aiohttp", "yarl", "click", "rich")} == {"optional"}
        assert {scopes[name] for name in ("hatchling", "pathspec", "trove-classifiers")} == {"excluded"}

    def test_has_the_dependency_graph(self, bill: dict[str, Any]) -> None:
        """In the bill's graph of dependencies, each component can be reached from the package."""
        edges = {it["ref"]: it.get("dependsOn", []) for it in bill["dependencies"]}
        root = bill["metadata"]["component"]["bom-ref"]
        names = {ref.rpartition("/")[2].partition("@")[0] for ref in edges[root]}
        assert names == {"aiohttp", "click", "hatchling", "httpx", "pulumi", "pydantic", "pyyaml", "rich"}
        found: set[str] = set()
        more = {root}
        while more:
            found |= more
            more = {ref for parent in more for ref in edges[parent]} - found
        assert found == {root, *(it["bom-ref"] for it in bill["components"])}

    def test_is_reproducible(self, bill: dict[str, Any], built: Path, described: Metadata) -> None:
        """The same wheel and lock always give the same bytes of the bill. Another lock gives another serial number."""
        assert "timestamp" not in bill["metadata"]
        again = sbom.bill(built, described, LOCK)
        assert again == sbom.bill(built, described, LOCK)
        assert json.loads(again) == bill
        assert json.loads(sbom.bill(built, described, DEV_LOCK))["serialNumber"] != bill["serialNumber"]

    def test_an_invalid_bill_is_not_written(self, built: Path, described: Metadata, tmp_path: Path) -> None:
        """If CycloneDX does not allow a bill, for example because of a hash's length, `sbom.bill` raises an error."""
        (tmp_path / "a.lock").write_text("httpx==1 \\\n    --hash=sha256:00\n    # via pulumi-justt (pyproject.toml)\n")
        with pytest.raises(ValueError, match="00"):
            sbom.bill(built, described, tmp_path / "a.lock")


class TestWheel:
    """The choice of interpreters for the test of the wheel."""

    def test_supported_versions_come_from_the_wheel(self, built: Path) -> None:
        """`wheel.supported` returns each Python version from the oldest to the newest one of the wheel."""
        assert wheel.supported(built) == [(3, minor) for minor in range(10, 15)]

    def test_other_versions_are_not_chosen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`interpreters` skips a Python of another version than requested, whatever the name of its file is."""
        for name, version in (
            ("python3", "3 99"),
            ("python3.13", "3 13"),
            ("python3.14", "3 9"),
            ("python3.15", "3 15"),
        ):
            (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
        named = [(3, 13), (3, 14)]
        assert [it for it in interpreters(named) if str(tmp_path) in it[1]] == [((3, 13), f"{tmp_path}/python3.13")]
