"""Large fleets under Justt's quota, in virtual time: few 429s, and as fast as the quota allows."""

from __future__ import annotations

import pytest

import fleet
from fleet import COMMANDS, cost, cost_of_creation_and_refresh, cost_of_waits
from support.checkout import ROOT
from support.virtual_quota import QUOTA

FIRST_UP, UNCHANGED, REFRESH, ROTATION, DESTROY = COMMANDS
SIZE = 2_000


@pytest.mark.parametrize(("command", "requests"), [(FIRST_UP, SIZE + 1), (ROTATION, 2 * SIZE + 21), (DESTROY, SIZE)])
def test_writes_are_as_fast_as_the_quota(command: str, requests: int) -> None:
    """Each integration needs one request, none is refused, and the quota determines the duration."""
    found = cost(command, SIZE)

    assert found.requests == requests
    assert found.refused == 0
    assert found.least_seconds() >= 120
    assert found.seconds <= 1.03 * found.least_seconds()


def test_a_fleet_is_created_and_refreshed_at_once() -> None:
    """The create and the refresh share Justt's quota, which still counts the creates when the refresh starts."""
    created, refreshed = cost_of_creation_and_refresh(SIZE)

    assert created.refused == refreshed.refused == 0
    assert created.seconds <= 1.03 * created.least_seconds(QUOTA)
    assert refreshed.requests <= SIZE / 100 + 30
    assert refreshed.seconds <= 5


def test_a_refresh_reads_lists() -> None:
    """Two thousand integrations need twenty pages and a few single reads, within one minute's quota."""
    found = cost(REFRESH, SIZE)

    assert SIZE / 100 <= found.requests <= SIZE / 100 + 30
    assert found.refused == 0
    assert found.least_seconds() == 0


def test_integrations_of_others_do_not_make_it_expensive() -> None:
    """Even after a hundred pages of other or INACTIVE integrations, list reads cost half as much as single reads."""
    found = cost(REFRESH, 1_000, foreign=10_000)

    assert 110 < found.requests <= 500


def test_waits_remember_their_page() -> None:
    """The waiting integrations are listed behind a thousand others.

    After the first search, each read begins at their page.
    """
    found, beside = cost_of_waits(50, 120), cost_of_waits(50, 120, foreign=1_000)

    assert beside.requests <= found.requests + 60


def test_two_waits_use_single_reads() -> None:
    """Each wait reads its own record: a list that also has the records of others would be wasteful."""
    two = cost_of_waits(2, 120, foreign=10_000)

    assert two.requests <= 2 * cost_of_waits(1, 120).requests + 4


@pytest.mark.parametrize("size", [3, 50])
def test_waits_share_their_reads(size: int) -> None:
    """In two minutes, any number of waits send about twice as many requests as one wait."""
    alone, together = cost_of_waits(1, 120), cost_of_waits(size, 120)

    assert together.requests <= 3 * alone.requests + size
    assert together.refused == 0
    assert 120 <= together.seconds <= 120 + 16


def test_commands_without_changes_send_nothing() -> None:
    """A preview or an update without changes sends no requests, however large the fleet is."""
    assert cost(UNCHANGED, SIZE).requests == 0


@pytest.mark.slow
def test_the_documentation_shows_these_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table in docs/ has the figures of `make fleet`. The test omits the largest fleet, which takes a while."""
    page = (ROOT / "docs" / "explanation" / "limits.md").read_text()
    shown = page.partition("<!-- make fleet -->\n")[2].partition("<!-- end of make fleet -->")[0]
    monkeypatch.setattr(fleet, "SIZES", fleet.SIZES[:-1])

    assert [row.rpartition(" | ")[0] for row in shown.splitlines()] == [
        row.removesuffix(" |") for row in fleet.table().splitlines()
    ]
