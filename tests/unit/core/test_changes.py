"""The journal's record of creates and deactivations: outcomes, limits, and that it never fails a call."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from pulumi_justt.core.journal import Change, Journal
from pulumi_justt.core.journal import changes as journal_changes
from pulumi_justt.core.session import Session
from pulumi_justt.errors import JusttError
from pulumi_justt.log import Log
from support.scripted_client import CANARY, CHECKED, RECORDED, Scripted, listing, record, refusal

URL = "http://127.0.0.1:9"
LATER = {**RECORDED, "deactivation": {"afterDays": 7}}
CREATED = httpx.Response(201, json={"integrationId": "id-1"})
MADE = Change("create", "created", URL, "urn:pulumi:dev::shop::type::shop", integration_id="id-1")

DAY = 86_400.0


def session(folder: Path) -> Session:
    """Return a session with a journal in *folder*."""
    return Session(URL, Journal(folder, now=lambda: 1_000_000.0))


def recorded(folder: Path) -> list[Change]:
    """Return the changes that the journal in *folder* has."""
    return [change for _, change in Journal(folder).changes()]


@pytest.mark.parametrize(
    ("answers", "olds", "environ", "expected"),
    [
        ([record("PENDING")], RECORDED, {}, ("deactivated", None)),
        ([record("PENDING")], LATER, {}, ("scheduled", None)),
        ([refusal(400), record("INACTIVE")], RECORDED, {}, ("alreadyInactive", "e-1")),
        ([refusal(503), refusal(409), record("INACTIVE")], RECORDED, {}, ("deactivated", "e-1")),
        ([refusal(503), refusal(409), record("PENDING")], LATER, {}, ("scheduled", "e-1")),
        ([httpx.Response(200, text="<html>"), record("INACTIVE")], LATER, {}, ("deactivated", None)),
        ([httpx.Response(200, text="<html>"), record("PENDING")], RECORDED, {}, ("failed", None)),
        ([refusal(404)], RECORDED, {"JUSTT_ON_MISSING": "gone"}, ("missing", "e-1")),
        ([refusal(404)], RECORDED, {}, ("failed", "e-1")),
        ([refusal(401)], RECORDED, {}, ("failed", "e-1")),
        ([refusal(500), refusal(500)], RECORDED, {}, ("failed", "e-1")),
        ([httpx.ConnectError("no route"), httpx.ConnectError("no route")], RECORDED, {}, ("failed", None)),
    ],
)
def test_each_deactivation_is_recorded(
    tmp_path: Path,
    answers: Sequence[httpx.Response | httpx.TransportError],
    olds: dict[str, Any],
    environ: dict[str, str],
    expected: tuple[str, str | None],
) -> None:
    """A delete records the integration, its deactivation date, the outcome, and the errorId of a refusal."""
    scripted = Scripted(answers, environ, session=session(tmp_path))
    error = None
    try:
        scripted.core.delete("id-1", olds)
    except JusttError as raised:
        error = raised

    (change,) = recorded(tmp_path)
    assert (change.outcome, change.error_id) == expected
    assert (error is not None) == (change.outcome == "failed")
    assert replace(change, outcome="deactivated", error_id=None) == Change(
        "deactivate",
        "deactivated",
        URL,
        None,
        source="stripe",
        external_identifier="stripe-eu",
        integration_id="id-1",
        deactivation_date="2027-01-22T08:00:00Z" if olds is LATER else "2027-01-15T08:00:00Z",
        at=1_000_000.0,
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([listing(), CREATED], ("created", "id-1", None)),
        ([listing(), refusal(400)], ("failed", None, "e-1")),
        ([refusal(401)], ("failed", None, "e-1")),
        ([listing(), refusal(500), listing("id-1"), listing("id-1")], ("unknown", None, "e-1")),
        ([listing(), refusal(500), listing(), listing(), CREATED], ("created", "id-1", None)),
    ],
)
def test_each_create_is_recorded(
    tmp_path: Path, answers: Sequence[httpx.Response], expected: tuple[str, str | None, str | None]
) -> None:
    """A create records its outcome once, with the id or the errorId, and without the credential."""
    scripted = Scripted(answers, {"JUSTT_TIMEOUT_SECONDS": "0.1"}, session=session(tmp_path))
    error = None
    try:
        scripted.core.create({**CHECKED, "referenceAccountId": "acc_1"})
    except JusttError as raised:
        error = raised

    (change,) = recorded(tmp_path)
    assert (change.outcome, change.integration_id, change.error_id) == expected
    assert (error is None) == (change.outcome == "created")
    assert (change.account, change.source, change.external_identifier) == ("acc_1", "stripe", "stripe-eu")
    (file,) = (tmp_path / "changes").iterdir()
    assert CANARY not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_claimed_create_is_recorded(tmp_path: Path) -> None:
    """If the provider claims the integration of a create whose response was lost, the outcome is `claimed`."""
    answers = [listing(), listing(), refusal(500), listing("id-1"), listing("id-1")]
    environ = {"JUSTT_TIMEOUT_SECONDS": "0.1", "JUSTT_ON_AMBIGUOUS_CREATE": "adopt"}
    Scripted(answers, environ, session=session(tmp_path)).core.create(CHECKED)

    assert [(each.outcome, each.integration_id) for each in recorded(tmp_path)] == [("claimed", "id-1")]


def test_a_create_that_sends_nothing_is_not_recorded(tmp_path: Path) -> None:
    """If a create is refused before any request, nothing is recorded."""
    too_large = {**CHECKED, "merchantAccountCodes": ["x" * 1_000_000]}
    with pytest.raises(JusttError, match="the request would have"):
        Scripted([], session=session(tmp_path)).core.create(too_large)

    assert recorded(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize(("action", "outcome"), [("create", "unknown"), ("deactivate", "failed")])
def test_an_interrupted_change_is_recorded(
    tmp_path: Path, action: Literal["create", "deactivate"], outcome: str, error: type[BaseException]
) -> None:
    """After Ctrl-C or an error inside the package, the request may have been sent, so the change is recorded."""
    with pytest.raises(error), Journal(tmp_path).recording(replace(MADE, action=action)):
        raise error

    assert [each.outcome for each in recorded(tmp_path)] == [outcome]


LOST = "`pulumi-justt log` will not show all that this command creates and deactivates"


@pytest.mark.parametrize(("place", "warned"), [("", "the journal of creates can't be relied on"), ("changes", LOST)])
def test_a_problem_with_the_folder_fails_no_call(tmp_path: Path, place: str, warned: str) -> None:
    """If a change can't be recorded, creates and deletes succeed, and one warning says why.

    If the rest of the journal works, the warning says that only `pulumi-justt log` is incomplete.
    """
    taken = tmp_path / "journal" / place
    taken.parent.mkdir(exist_ok=True)
    taken.write_text("a user's file")
    lines: list[str] = []
    unusable = Session(URL, Journal(tmp_path / "journal", Log(lines.append)))
    scripted = Scripted([listing(), CREATED, record("PENDING")], session=unusable)
    core = scripted.core

    core.create(CHECKED)
    core.delete("id-1", RECORDED)

    (warning,) = lines
    assert warning.startswith(f"warning: {warned}: {tmp_path}")
    assert taken.read_text() == "a user's file"


def test_a_delete_without_a_journal_warns_of_the_log_only() -> None:
    """A delete needs the journal for `pulumi-justt log` only, so the warning names nothing else."""
    lines: list[str] = []
    Scripted([record("PENDING")], session=Session(URL, Journal(None, Log(lines.append)))).core.delete("id-1", RECORDED)

    (warning,) = lines
    assert warning.startswith(f"warning: {LOST}: neither JUSTT_STATE_DIR nor HOME is set to an absolute path.")


def test_a_line_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A damaged line, and a file that is not a file, are left out, and `unusable` names them."""
    Journal(tmp_path, command="a").record(replace(MADE))
    (file,) = (tmp_path / "changes").iterdir()
    written = file.read_bytes()
    file.write_bytes(b'null\n{"at": 1}\n\xff\n' + b"[" * 100_000 + b"\n" + written + written[:-9])
    (tmp_path / "changes" / "folder.jsonl").mkdir()

    journal = Journal(tmp_path)

    assert [change.integration_id for _, change in journal.changes()] == ["id-1"]
    assert {path.name for path in journal.unusable} == {file.name, "folder.jsonl"}


def test_old_changes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first change of a command removes files that are older than 400 days, and the oldest ones above the limits.

    The processes of one command share a file, and a file that another process has removed does no harm.
    """

    def record_at(moment: float, command: str) -> None:
        Journal(tmp_path, now=lambda: moment, command=command).record(replace(MADE))

    def kept(*ages: float) -> list[float]:
        for number, age in enumerate(ages):
            record_at(1e9 - age, f"{number} {age}")
            (file,) = {*(tmp_path / "changes").iterdir()} - known
            known.add(file)
            os.utime(file, (1e9 - age,) * 2)
        for _ in range(2):
            record_at(1e9, f"newest of {ages}")
        times = sorted(1e9 - change.at for change in recorded(tmp_path))
        for file in (tmp_path / "changes").iterdir():
            file.unlink()
        known.clear()
        return times

    known: set[Path] = set()
    assert kept(399 * DAY, 401 * DAY, DAY) == [0, 0, DAY, 399 * DAY]
    monkeypatch.setattr(journal_changes, "_MAX_RUNS", 3)
    assert kept(4 * DAY, 2 * DAY, 3 * DAY) == [0, 0, 2 * DAY, 3 * DAY]
    monkeypatch.setattr(journal_changes, "_MAX_BYTES", 300)
    assert kept(3 * DAY, 2 * DAY) == [0, 0, 2 * DAY]
