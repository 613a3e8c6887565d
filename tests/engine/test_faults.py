"""Every scenario of the fault table on the real engine: no duplicate, no loss, and no unnamed integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_table import SCENARIOS, Scenario, run
from support.harness import Stack
from support.plugin_stack import in_both_front_ends

LOST = [
    next(scenario for scenario in SCENARIOS if scenario.name == name)
    for name in (
        "create: dropped before the commit",
        "create: 500 after the commit",
        "create: truncated 201",
        "create: two lost at once, one of them committed",
        "create: dropped after the commit, and a second writer",
        "create: dropped before the commit, and a second writer",
        "replace: answer to the POST lost",
    )
]
"""One scenario for each outcome of a lost response. The kind of loss doesn't matter, as `make faults` shows."""
MAIN = {"create: dropped after the commit", "replace: answer to the POST lost"}
"""The scenarios that `make test` runs; `make test-all` runs all of them."""
BEYOND_ADOPT = "create: dropped before the commit, and a second writer"


def named(scenarios: list[Scenario] | tuple[Scenario, ...]) -> pytest.MarkDecorator:
    """Return a mark that runs a test with each scenario, under the scenario's name."""
    each = [pytest.param(one, marks=() if one.name in MAIN else pytest.mark.slow, id=one.name) for one in scenarios]
    return pytest.mark.parametrize("scenario", each)


@in_both_front_ends
@named(SCENARIOS)
def test_refuse_names_every_integration(
    scenario: Scenario, tmp_path: Path, engine_bin: Path, kind_of_stack: type[Stack]
) -> None:
    """With `refuse`, each integration of a scenario is in the state or named in an error.

    If the user follows the errors, each resource has exactly one integration at the end.
    """
    outcome = run(scenario, "refuse", tmp_path, engine_bin, kind_of_stack)
    assert (outcome.duplicates, outcome.unnamed, outcome.lost, outcome.foreign, outcome.leaked) == (0, 0, 0, 0, 0)
    assert outcome.converges
    assert outcome.error_id is not False
    assert "Traceback" not in outcome.text


@in_both_front_ends
@named([scenario for scenario in LOST if scenario.name != BEYOND_ADOPT])
def test_adopt_claims_or_names_every_integration(
    scenario: Scenario, tmp_path: Path, engine_bin: Path, kind_of_stack: type[Stack]
) -> None:
    """With `adopt`, each integration of a scenario with lost responses is claimed or named in an error."""
    outcome = run(scenario, "adopt", tmp_path, engine_bin, kind_of_stack)
    assert (outcome.duplicates, outcome.unnamed, outcome.lost, outcome.foreign, outcome.leaked) == (0, 0, 0, 0, 0)
    assert outcome.converges


@named([scenario for scenario in SCENARIOS if scenario.name == BEYOND_ADOPT])
def test_adopt_is_for_one_writer(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """With `adopt`, the provider can't distinguish an integration that a second writer created from the lost one.

    It claims that integration, and says so in its message.
    """
    outcome = run(scenario, "adopt", tmp_path, engine_bin)
    assert outcome.foreign == 1
    assert "the only new integration of the account, because justt:onAmbiguousCreate is adopt" in outcome.text


@named([scenario for scenario in SCENARIOS if scenario.name == "create: dropped after the commit"])
def test_the_table_shows_duplicates_of_another_provider(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """A typical tutorial's provider leaves a duplicate that no message names.

    So the scenarios of the table do cause duplicates, which this package prevents.
    """
    outcome = run(scenario, "plain", tmp_path, engine_bin)
    assert (outcome.duplicates, outcome.unnamed, outcome.converges) == (1, 1, False)
