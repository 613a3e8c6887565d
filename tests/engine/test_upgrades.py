"""States from earlier releases: the current code changes nothing in them, and can deactivate their resources."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

import pulumi_justt
from pulumi_justt.simulator import SimulatorServer
from support.checkout import ROOT
from support.harness import Stack
from support.recorded_state import FOLDERS, INTEGRATION, Recorded


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
@pytest.mark.daily(1)
def test_recorded_states_still_work(folder: Path, tmp_path: Path, engine_bin: Path, simulator: SimulatorServer) -> None:
    """With the state of an earlier release, an update sends only reads, and later previews show no change.

    Destroy deactivates exactly the integrations that the stack owns.
    """
    stack = Stack(tmp_path, engine_bin)
    resources = Recorded(folder, stack, simulator).restore()
    integrations = [each for each in resources if each["type"] == INTEGRATION]
    mine = [each for each in integrations if "adoptId" not in each["inputs"] and not each.get("external")]

    shown = stack.up().text
    assert "replace" not in shown, shown
    # Earlier versions stored the provider as a secret.
    encrypted = [each for each in resources if not isinstance(each["inputs"]["__provider"], str)]
    assert bool(encrypted) == (Version(folder.name) < Version("0.2.0.dev1"))
    updated = [each for each in encrypted if not each.get("external")]
    assert shown.count("(update)") == len(updated)
    assert ("~ __provider: [secret] => " in shown) == bool(updated)
    assert all(isinstance(each["inputs"]["__provider"], str) for each in stack.recorded() if not each.get("external"))
    stack.preview("--expect-no-changes")
    looked_up = [each for each in resources if each.get("external")]
    assert [each.method for each in simulator.requests] == ["GET"] * len(looked_up) * 2
    stack.refresh("--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert {each.method for each in simulator.requests} == {"GET"}
    stack.destroy()

    assert stack.recorded() == []
    deactivated = sorted(str(each.body["integrationId"]) for each in simulator.requests if each.method == "DELETE")
    assert deactivated == sorted(each["id"] for each in mine)
    by_id = {each.id: each for each in simulator.records.integrations()}
    for each in mine:
        policy = each["inputs"].get("deactivation", {})
        kept = by_id[each["id"]]
        assert kept.deactivation_type == policy.get("deactivationType", "postingDate")
        assert kept.deactivation_date == policy.get("deactivationDate", kept.deactivation_date)
        assert kept.status == ("PENDING" if policy.get("afterDays") or policy.get("deactivationDate") else "INACTIVE")
    stack.assert_no_leak(repr(simulator.requests).encode())


def test_each_release_has_a_recorded_state() -> None:
    """The tests have a recorded state of each version in the changelog, and of the current version."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = {line[4:].partition("]")[0] for line in changelog.splitlines() if line.startswith("## [")}

    assert {folder.name for folder in FOLDERS} >= (released - {"Unreleased"}) | {pulumi_justt.__version__}
