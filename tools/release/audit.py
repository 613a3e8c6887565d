"""Check all packages in the lock files for known vulnerabilities, for any system and Python, if the data is available.

When its service has no data for a package, pip-audit skips the package and succeeds. So this script first checks a
release that is known to be vulnerable. If pip-audit doesn't report that one, the data is not available. Then this check
reports that it was skipped. It fails in that case only with --required, for machines that must have access to the data.

    result                                      exit code
    no package has a known vulnerability        0
    a package has one                           1
    a package has no data, but others do        1
    no data, or not before the time limit       0, with --required 1
    pip-audit itself failed                     an exception
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypedDict

import locks

__all__ = ["OutOfReachError", "audited", "main"]

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-docs.lock",
    "requirements-uv.lock",
    "requirements-go.lock",
    "requirements-node.lock",
)
VULNERABLE = "requests==2.19.1"  # CVE-2018-18074
LIMIT_SECONDS = 45.0


class Vulnerability(TypedDict):
    """A vulnerability in the output of pip-audit."""

    id: str
    aliases: list[str]
    fix_versions: list[str]


class Audited(TypedDict, total=False):
    """A package in the output of pip-audit."""

    name: str
    version: str
    vulns: list[Vulnerability]
    skip_reason: str


class OutOfReachError(Exception):
    """The data is not available here; the text says why."""


def ask(pins: Iterable[str]) -> list[Audited]:
    """Run pip-audit on exact pins, without cached responses."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins"
        file.write_text("\n".join(pins))
        options = (
            f"--disable-pip --no-deps --format json --progress-spinner off --cache-dir {folder} --requirement {file}"
        )
        command = (sys.executable, "-m", "pip_audit", *options.split())
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise OutOfReachError(f"no answer within {late.timeout:.0f} s") from late
    return audited(done.stdout, done.stderr)


def audited(stdout: str, stderr: str) -> list[Audited]:
    """Parse the output of pip-audit.

    Raises:
        OutOfReachError: pip-audit could not reach its service, as its message or an exception of its HTTP library says.
        RuntimeError: pip-audit failed for another reason.
    """
    if stdout.strip():
        found: list[Audited] = json.loads(stdout)["dependencies"]
        return found
    if cause := re.search(r"\brequests\.exceptions\.\w+|your network may be blocking this service", stderr):
        raise OutOfReachError(cause[0])
    raise RuntimeError(stderr)


def main(arguments: Sequence[str], ask: Callable[[Iterable[str]], list[Audited]] = ask) -> int:
    """Print one line with the result, or one for each vulnerability, and return the exit code."""
    try:
        answers = _look_up(ask)
    except OutOfReachError as reason:
        print(f"vulnerabilities: SKIPPED, since their data is not available here ({reason})")
        return int("--required" in arguments)
    problems = [line for answer in answers for line in _problems(answer)]
    print("\n".join(problems) or f"vulnerabilities: none known in {len(answers)} locked releases")
    return int(bool(problems))


def _look_up(ask: Callable[[Iterable[str]], list[Audited]]) -> list[Audited]:
    (known,) = ask([VULNERABLE])
    if not known.get("vulns"):
        raise OutOfReachError(f"{VULNERABLE}, which is known to be vulnerable, has no entry there")
    return [answer for pins in _batches() for answer in ask(pins)]


def _batches() -> Iterator[list[str]]:
    """Yield all pins once, in batches without two versions of a package: pip-audit rejects those."""
    versions: dict[str, list[str]] = {}
    for entry in (entry for name in LOCKS for entry in locks.read(ROOT / name)):
        pins = versions.setdefault(entry.name, [])
        if (pin := f"{entry.name}=={entry.version}") not in pins:
            pins.append(pin)
    for batch in zip_longest(*versions.values()):
        yield [pin for pin in batch if pin]


def _problems(answer: Audited) -> Iterator[str]:
    if reason := answer.get("skip_reason"):
        yield f"vulnerabilities: {answer['name']} could not be looked up: {reason}"
    for known in answer.get("vulns", []):
        names = ", ".join([known["id"], *known["aliases"]])
        fixed = ", ".join(known["fix_versions"]) or "no release"
        yield f"vulnerabilities: {answer['name']} {answer['version']} has {names}; fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
