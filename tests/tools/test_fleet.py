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
    """A first `up`, a rotation or a destroy of 2,000 integrations sends no needless request and gets no 429.

    It takes at most 3 % longer than the quota requires.
    """
    found = cost(command, SIZE)

    assert found.requests == requests
    assert found.refused == 0
    assert found.least_seconds() >= 120
    assert found.seconds <= 1.03 * found.least_seconds()


def test_a_fleet_is_created_and_refreshed_at_once() -> None:
    """A refresh follows the create of a fleet at once, and Justt's quota still counts the creates.

    Neither gets a 429, and both are as fast as the quota allows.
    """
    created, refreshed = cost_of_creation_and_refresh(SIZE)

    assert created.refused == refreshed.refused == 0
    assert created.seconds <= 1.03 * created.least_seconds(QUOTA)
    assert refreshed.requests <= SIZE / 100 + 30
    assert refreshed.seconds <= 5


def test_a_refresh_reads_lists() -> None:
    """A refresh of 2,000 integrations reads twenty pages of the list and a few single records.

    It stays within one minute's quota.
    """
    found = cost(REFRESH, SIZE)

    assert SIZE / 100 <= found.requests <= SIZE / 100 + 30
    assert found.refused == 0
    assert found.least_seconds() == 0


def test_integrations_of_others_do_not_make_it_expensive() -> None:
    """An account has 10,000 integrations of others, which fill a hundred pages.

    A refresh of 1,000 integrations still needs at most 500 requests.
    """
    found = cost(REFRESH, 1_000, foreign=10_000)

    assert 110 < found.requests <= 500


def test_waits_remember_their_page() -> None:
    """Fifty integrations with a wait are listed behind a thousand others.

    After the first search, each read begins at their page, so the waits need at most 60 more requests.
    """
    found, beside = cost_of_waits(50, 120), cost_of_waits(50, 120, foreign=1_000)

    assert beside.requests <= found.requests + 60


def test_two_waits_use_single_reads() -> None:
    """If two waits share an account with 10,000 other integrations, each wait reads only its own record."""
    two = cost_of_waits(2, 120, foreign=10_000)

    assert two.requests <= 2 * cost_of_waits(1, 120).requests + 4


@pytest.mark.parametrize("size", [3, 50])
def test_waits_share_their_reads(size: int) -> None:
    """Waits share their reads. In two minutes, any number of waits send about twice as many requests as one wait."""
    alone, together = cost_of_waits(1, 120), cost_of_waits(size, 120)

    assert together.requests <= 3 * alone.requests + size
    assert together.refused == 0
    assert 120 <= together.seconds <= 120 + 16


def test_commands_without_changes_send_nothing() -> None:
    """A preview or an update without changes sends no requests, however large the fleet is."""
    assert cost(UNCHANGED, SIZE).requests == 0


@pytest.mark.slow
def test_the_documentation_shows_these_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table in docs/explanation/limits.md has the figures of `make fleet`.

    The test omits the largest fleet, which takes a while.
    """
    page = (ROOT / "docs" / "explanation" / "limits.md").read_text()
    shown = page.partition("<!-- make fleet -->\n")[2].partition("<!-- end of make fleet -->")[0]
    monkeypatch.setattr(fleet, "SIZES", fleet.SIZES[:-1])

    assert [row.rpartition(" | ")[0] for row in shown.splitlines()] == [
        row.removesuffix(" |") for row in fleet.table().splitlines()
    ]
