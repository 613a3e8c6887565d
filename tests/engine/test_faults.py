"""Every scenario of the fault table, on the real engine: nothing doubled, nothing lost, nothing unnamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_table import SCENARIOS, Scenario, run

LOST = [
    next(scenario for scenario in SCENARIOS if scenario.name == name)
    for name in (
        "create: dropped before the commit",
        "create: 500 after the commit",
        "create: truncated 201",
        "create: two lost at once, one of them committed",
        "create: lost, and a second writer",
        "create: lost before the commit, and a second writer",
        "replace: answer to the POST lost",
    )
]
"""Each outcome of a lost answer once; how it is lost makes no difference to the policy, as `make faults` shows."""
MAIN = {"create: dropped after the commit", "create: 500 after the commit", "replace: answer to the POST lost"}
"""What `make test` runs of the table; `make test-all` runs all of it."""
BEYOND_ADOPT = "create: lost before the commit, and a second writer"


def named(scenarios: list[Scenario] | tuple[Scenario, ...]) -> pytest.MarkDecorator:
    """Run a test with each scenario, under its own name."""
    each = [pytest.param(one, marks=() if one.name in MAIN else pytest.mark.slow, id=one.name) for one in scenarios]
    return pytest.mark.parametrize("scenario", each)


@named(SCENARIOS)
def test_refuse(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """Whatever happens, each integration is in the state or named, and doing what the error says ends with one each."""
    outcome = run(scenario, "refuse", tmp_path, engine_bin)
    assert (outcome.duplicates, outcome.unnamed, outcome.lost, outcome.foreign, outcome.leaked) == (0, 0, 0, 0, 0)
    assert outcome.converges
    assert outcome.error_id is not False
    assert "Traceback" not in outcome.text


@named([scenario for scenario in LOST if scenario.name != BEYOND_ADOPT])
def test_adopt(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """Under `adopt` the same holds, while nobody else creates integrations of that source and loses none."""
    outcome = run(scenario, "adopt", tmp_path, engine_bin)
    assert (outcome.duplicates, outcome.unnamed, outcome.lost, outcome.foreign, outcome.leaked) == (0, 0, 0, 0, 0)
    assert outcome.converges


@named([scenario for scenario in SCENARIOS if scenario.name == BEYOND_ADOPT])
def test_adopt_is_for_one_writer(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """What a second writer creates while our POST is lost cannot be told apart: `adopt` takes it, and says which."""
    outcome = run(scenario, "adopt", tmp_path, engine_bin)
    assert outcome.foreign == 1
    assert "the only new integration of the account, because justt:onAmbiguousCreate is adopt" in outcome.text


@named([scenario for scenario in SCENARIOS if scenario.name == "create: dropped after the commit"])
def test_the_table_can_tell(scenario: Scenario, tmp_path: Path, engine_bin: Path) -> None:
    """A provider as tutorials write it leaves a duplicate that nobody names, so the table's zeros mean something."""
    outcome = run(scenario, "plain", tmp_path, engine_bin)
    assert (outcome.duplicates, outcome.unnamed, outcome.converges) == (1, 1, False)
