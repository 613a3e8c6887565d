"""What the user sees of statuses: a warning at each FAILED integration, and one note for all new SUCCESSFUL ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.status_reports import StatusReports
from pulumi_justt.log import Log
from support.scripted_client import (
    CANARY,
    CHECKED,
    NAMED,
    RECORDED,
    Offline,
    Scripted,
    record,
)

FAILED = {**RECORDED, "status": "FAILED"}
REPLACEABLE = (
    "Look at Justt for the reason, correct its credentials and run `pulumi up`, which replaces it; or, if it was "
    "corrected at Justt, run `pulumi refresh`."
)
OF_ANOTHER = "This stack does not own it: have its owner correct it at Justt."


@dataclass
class Reports:
    """The reports of one process, and the lines that it showed."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with no reports."""
        self.made = StatusReports(Log(self.lines.append))

    def read(self, found_status: str, *, id_: str = "id-1", urn: str | None = None, **olds: str) -> None:
        """Report that a refresh has read *found_status*, and that the state has *olds*."""
        found = RemoteRecord(integration_id=id_, source="stripe", status=found_status)
        self.made.note_read(urn, id_, {**CHECKED, **olds}, found)


@pytest.fixture
def reports() -> Reports:
    """Return the reports of a new process."""
    return Reports()


@pytest.fixture
def refreshed() -> Callable[..., list[str]]:
    """Return a function that refreshes an integration in a new process, and returns the lines that this shows."""

    def refresh(answer: Any, olds: dict[str, Any]) -> list[str]:  # noqa: ANN401 - a response
        scripted = Scripted([answer])
        core = scripted.core
        core.read("id-1", olds)
        core.end()
        return scripted.messages

    return refresh


@pytest.mark.parametrize(
    ("before", "change"), [("PENDING", " now, was PENDING"), ("SUCCESSFUL", " now, was SUCCESSFUL"), ("FAILED", "")]
)
def test_each_refresh_warns_about_a_failed_integration(
    before: str, change: str, refreshed: Callable[..., list[str]]
) -> None:
    """A refresh warns about a FAILED integration, even if the state has that status already."""
    olds = {**RECORDED, "status": before}

    assert refreshed(record("FAILED"), olds) == [f"warning: {NAMED} is FAILED{change}. {REPLACEABLE}"]


def test_the_warning_has_the_reason_that_justt_gives(refreshed: Callable[..., list[str]]) -> None:
    """If Justt's response has a message, the warning shows it, unless it may contain a credential."""
    assert refreshed(record("FAILED", message="The key was revoked."), RECORDED) == [
        f"warning: {NAMED} is FAILED now, was PENDING. Justt says: The key was revoked. {REPLACEABLE}"
    ]
    (withheld,) = refreshed(record("FAILED", message=f"The key {CANARY} was revoked."), RECORDED)
    assert CANARY not in withheld
    assert "Justt says: the text is not shown, because it may contain a credential." in withheld


@pytest.mark.parametrize("olds", [{}, {"status": "FAILED"}, {**FAILED, "adoptId": "id-1"}])
def test_the_owner_must_correct_a_failed_integration(olds: dict[str, Any], refreshed: Callable[..., list[str]]) -> None:
    """If the stack only reads or adopts the integration, the warning names its owner and no `pulumi up`."""
    (shown,) = refreshed(record("FAILED"), olds)

    assert shown.startswith("warning: ")
    assert shown.endswith(f"is FAILED. {OF_ANOTHER}")


def test_a_preview_warns_about_a_recorded_failure() -> None:
    """If the state says FAILED, a preview and an update warn, until the program replaces the integration."""
    offline = Offline()

    assert offline.core.diff(FAILED, CHECKED) == []
    assert offline.messages == [f"warning: {NAMED} is FAILED, as of the last create or refresh. {REPLACEABLE}"]

    offline.messages.clear()
    assert offline.core.diff(FAILED, {**CHECKED, "secretPayload": {"apiKey": "another"}}) == ["secretPayload.apiKey"]
    assert offline.core.diff(RECORDED, CHECKED) == []
    assert offline.messages == []


def test_an_adoption_of_a_failed_integration_warns() -> None:
    """If `adopt_id` names a FAILED integration, the create warns."""
    scripted = Scripted([record("FAILED")])
    scripted.core.create({**CHECKED, "adoptId": "id-1"})

    assert scripted.messages == [f"warning: {NAMED} is FAILED, as of the last create or refresh. {OF_ANOTHER}"]


def test_a_refresh_before_an_update_warns_once() -> None:
    """With `up --refresh`, the refresh and the update run in one process, which warns once."""
    scripted = Scripted([record("FAILED")])
    core = scripted.core

    refreshed = core.read("id-1", FAILED)
    assert refreshed is not None
    core.diff(refreshed, CHECKED)

    assert scripted.messages == [f"warning: {NAMED} is FAILED. {REPLACEABLE}"]


def test_a_process_warns_once_at_each_resource(reports: Reports) -> None:
    """If an `adopt_id` gives two resources the same FAILED integration, each of them has its own warning."""
    for urn in ("urn:1", "urn:2", "urn:1"):
        reports.read("FAILED", urn=urn)

    assert len(reports.lines) == 2


def test_a_resource_warns_about_each_of_its_integrations(reports: Reports) -> None:
    """If a resource has a FAILED integration that waits for its deletion and a FAILED new one, it warns of both."""
    for id_ in ("old", "new", "old"):
        reports.read("FAILED", id_=id_, urn="urn")

    assert [line.split("(")[1].split(")")[0] for line in reports.lines] == ["old", "new"]


@pytest.mark.parametrize("count", [2, 10, 11, 1000])
def test_many_successful_integrations_are_one_line(count: int, reports: Reports) -> None:
    """When a refresh finds several integrations that have become SUCCESSFUL, one line names at most ten of them."""
    for number in range(count):
        reports.read("SUCCESSFUL", id_=f"id-{number}", externalIdentifier=f"shop-{number:04}", status="PENDING")
    assert reports.lines == []

    reports.made.end()

    names = ", ".join(f"'shop-{number:04}'" for number in range(min(count, 10)))
    others = f", and {count - 10} others" if count > 10 else ""
    assert reports.lines == [f"note: {count} integrations are SUCCESSFUL now: {names}{others}."]


def test_one_successful_integration_has_its_former_status(reports: Reports) -> None:
    """When one integration has become SUCCESSFUL, the line has its full name and its former status."""
    reports.read("SUCCESSFUL", status="FAILED")
    reports.made.end()

    assert reports.lines == [f"note: {NAMED} is SUCCESSFUL now, was FAILED."]


def test_integrations_that_stay_successful_are_not_reported(reports: Reports) -> None:
    """If the state says SUCCESSFUL already, or has no status, a refresh shows no line."""
    reports.read("SUCCESSFUL", status="SUCCESSFUL")
    reports.read("SUCCESSFUL")
    reports.made.end()

    assert reports.lines == []


def test_another_status_is_a_note_at_its_resource(reports: Reports) -> None:
    """A status that is neither FAILED nor SUCCESSFUL is noted at once."""
    reports.read("PENDING", status="SUCCESSFUL")

    assert reports.lines == [f"note: {NAMED} is PENDING now, was SUCCESSFUL."]
