"""`deletion_protection` in the core: which deletes are refused, and how a replacement differs from a removal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.ownership import Ownership
from pulumi_justt.core.session import Session
from pulumi_justt.errors import StateConflict
from pulumi_justt.provider import IntegrationProvider
from support.scripted_client import CHECKED, MINIMAL, NAMED, RECORDED, Offline, Scripted, listing

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::"
BASE_URL = Offline().core.settings.base_url
INPUTS = {**CHECKED, "deletionProtection": True}
PROTECTED = {**RECORDED, "deletionProtection": True}
ADOPTED = {**PROTECTED, "adoptId": "id-1"}
REFUSED = (
    f"deleting {NAMED}: refused, because it has deletion_protection=True. Nothing was sent, and it stays in the state. "
)
DESTROYED = (
    "To delete it, set deletion_protection=False in the program and run `pulumi up` (to change nothing else, with "
    "--target and its URN), then delete it. To delete only other resources, run `pulumi destroy` with --exclude and "
    "its URN. To only forget it, run `pulumi state delete` with its URN: it keeps running at Justt."
)
LEAVING = (
    "If this command has replaced it under a new name, run `pulumi up` again, which deactivates it. Otherwise, to "
    "delete it, put it back into the program with deletion_protection=False, run `pulumi up`, and then remove it. To "
    "only forget it, run `pulumi state delete` with its URN: it keeps running at Justt. If the program still has it, "
    "set deletion_protection=False in the program, run `pulumi up` with --target and its URN, and then run this "
    "command again."
)
HANDED_OVER = "Run `pulumi state delete` with its URN: {}, so it keeps running at Justt."


@dataclass
class Process:
    """A lifecycle for several resources, with an API that accepts each DELETE."""

    scripted: Scripted = field(default_factory=lambda: Scripted([httpx.Response(204)] * 2))
    name: str | None = "a"

    def __post_init__(self) -> None:
        """Use one core for all calls."""
        self.core: IntegrationLifecycle = self.scripted.core
        calls = self.core.call
        self.core.call = lambda: replace(calls(), urn=None if self.name is None else URN + self.name)

    def delete(self, name: str | None, outputs: dict[str, Any]) -> None:
        """Delete the integration of *outputs* under the URN of *name*."""
        self.name = name
        self.core.delete(outputs["integrationId"], outputs)

    def assert_refused(self, name: str | None, outputs: dict[str, Any], remediation: str) -> None:
        """Assert that deleting id-1 under the URN of *name* sends nothing and fails with *remediation*."""
        with pytest.raises(StateConflict) as conflict:
            self.delete(name, outputs)
        assert str(conflict.value) == REFUSED + remediation
        assert self.scripted.methods == []


@pytest.fixture
def process() -> Process:
    """Return a new process."""
    return Process()


def test_delete_without_a_check_is_refused(process: Process) -> None:
    """If the engine calls delete for a protected resource without a check, delete is refused.

    The error differs once check has seen another resource of the program, because the command is then not a `destroy`.
    """
    process.assert_refused("a", PROTECTED, DESTROYED)
    process.name = "b"
    process.core.check({}, MINIMAL)
    process.assert_refused("a", PROTECTED, LEAVING)


def test_delete_of_a_resource_in_the_program_is_a_replacement(process: Process) -> None:
    """If check has seen a protected resource in the program, its delete is a replacement and sends a DELETE."""
    process.core.check({}, MINIMAL)
    process.delete("a", PROTECTED)
    assert process.scripted.methods == ["DELETE"]


def test_without_protection_a_delete_needs_no_check(process: Process) -> None:
    """If the state has no deletionProtection, delete sends a DELETE even without a check."""
    process.delete("a", RECORDED)
    assert process.scripted.methods == ["DELETE"]


def test_delete_without_a_urn_is_refused(process: Process) -> None:
    """If the host gives no URN, delete refuses a protected resource even after its check and diff.

    The provider can't know that the delete is a replacement.
    """
    process.name = None
    process.core.check({}, INPUTS)
    process.core.diff(PROTECTED, INPUTS)
    process.assert_refused(None, PROTECTED, LEAVING)


def test_renamed_resource_can_be_replaced(process: Process) -> None:
    """If diff replaces a protected resource under its new URN, a delete under its former URN sends a DELETE."""
    process.name = "new-name"
    process.core.check(INPUTS, INPUTS)
    assert process.core.diff(PROTECTED, {**INPUTS, "integrationName": "Other"}) == ["integrationName"]
    process.delete("a", PROTECTED)
    assert process.scripted.methods == ["DELETE"]


@pytest.mark.parametrize("command", ["this command", "another"])
def test_resource_can_be_replaced_in_another_process(tmp_path: Path, command: str) -> None:
    """A protected resource moves to another provider, so one process calls check and diff and another one calls delete.

    Within one command, the delete of the old integration succeeds, and that of the new one is refused. In another
    command, the delete of the old integration is refused.
    """
    former, present = (
        Process(Scripted([httpx.Response(204)], session=Session(BASE_URL, Journal(tmp_path, command=name))))
        for name in ("this command", command)
    )
    present.core.check(CHECKED, INPUTS)
    present.core.diff({**PROTECTED, "integrationId": "id-2"}, INPUTS)
    if command == "another":
        former.assert_refused("a", PROTECTED, DESTROYED)
        return
    former.delete("a", PROTECTED)
    assert former.scripted.methods == ["DELETE"]
    with pytest.raises(StateConflict, match="deletion_protection=True"):
        former.delete("a", {**PROTECTED, "integrationId": "id-2"})


def test_diff_alone_does_not_lift_the_protection(process: Process) -> None:
    """If the engine calls only diff for a protected resource and no check, delete is refused.

    A refresh calls diff even for resources that left the program.
    """
    process.core.diff(PROTECTED, INPUTS)
    process.core.diff(PROTECTED, {**INPUTS, "integrationName": "Other"})
    process.assert_refused("a", PROTECTED, DESTROYED)


def test_adopter_does_not_lift_the_protection(process: Process) -> None:
    """If another resource of the program adopts the integration of a protected resource, delete is still refused."""
    process.name = "adopter"
    process.core.check({}, {**INPUTS, "adoptId": "id-1"})
    process.core.diff({**RECORDED, "adoptId": "id-1"}, {**CHECKED, "adoptId": "id-1"})
    process.assert_refused("a", PROTECTED, HANDED_OVER.format(f"'{URN}adopter' adopts it"))


def test_protected_adopted_integration_is_refused_before_it_is_released(process: Process) -> None:
    """If a resource is protected and has adopted its integration, delete is refused without a check.

    After a check, delete releases the integration and sends nothing.
    """
    process.assert_refused("a", ADOPTED, HANDED_OVER.format("it was adopted"))
    process.core.check({}, {**MINIMAL, "adoptId": "id-1"})
    process.delete("a", ADOPTED)
    assert process.scripted.methods == []
    assert process.scripted.messages == [
        f"note: {NAMED}: it was adopted, so it is released and stays as it is at Justt."
    ]


@pytest.mark.parametrize("name", ["a", None])
def test_undo_of_a_create_ignores_the_protection(name: str | None) -> None:
    """If the engine exits during the create of a protected resource, the provider deactivates the integration."""
    created = httpx.Response(201, json={"integrationId": "id-1"})
    scripted = Scripted([listing(), created, httpx.Response(204)], leaves_after=2)
    process = Process(scripted, name)
    process.core.create(INPUTS)
    assert scripted.methods == ["GET", "POST", "DELETE"]
    assert "so the provider deactivated it" in scripted.messages[-1]


def test_update_changes_the_protection_only_in_the_state(process: Process) -> None:
    """If the program adds or removes deletion_protection, update sends nothing and adds or removes it in the state."""
    assert process.core.update("id-1", RECORDED, INPUTS) == PROTECTED
    assert process.core.update("id-1", PROTECTED, CHECKED) == RECORDED
    assert Offline().core.check(INPUTS, {**MINIMAL, "deletionProtection": True}).inputs == INPUTS


def test_all_providers_of_a_process_share_one_ownership() -> None:
    """All provider objects of a process share one `Ownership`.

    The engine may call check on one object and delete on another.
    """
    config = {"baseUrl": "http://127.0.0.1:9"}
    cores = []
    for _ in range(2):
        provider = IntegrationProvider()
        vars(provider)["_config"] = config
        cores.append(provider._core)
    first, second = cores
    assert isinstance(first, IntegrationLifecycle)
    assert first._ownership is second._ownership is not Offline().core._ownership


def test_ownership_counts_only_checked_resources() -> None:
    """A delete counts as a replacement if check has seen its URN, or if a later diff of a checked resource had its id.

    A diff before the check does not count.
    """
    ownership = Ownership(Journal(None), "http://127.0.0.1:9/v1")
    ownership.note_diff("urn", "id-1", is_replaced=False)
    ownership.note_check("urn", {})
    ownership.note_diff("urn", "id-2", is_replaced=False)
    assert [ownership.is_replaced(urn, "id-1") for urn in ("urn", "other")] == [True, False]
    assert [ownership.is_replaced("other", each) for each in ("id-1", "id-2")] == [False, True]
