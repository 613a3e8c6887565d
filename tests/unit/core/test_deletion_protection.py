"""`deletion_protection` in the core: which deletes are refused, and what tells a replacement from a removal."""

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
    "To delete it, set deletion_protection=False in the program and run `pulumi up`, then delete it. To only forget "
    "it, run `pulumi state delete` with its URN: it keeps running at Justt."
)
LEAVING = (
    "If this command has replaced it under a new name, run `pulumi up` again, which deactivates it. Otherwise, to "
    "delete it, put it back into the program with deletion_protection=False, run `pulumi up`, and then remove it. To "
    "only forget it, run `pulumi state delete` with its URN: it keeps running at Justt. If the program still has it, "
    "set deletion_protection=False there, and run `pulumi up` with --target and its URN first."
)
HANDED_OVER = "Run `pulumi state delete` with its URN: {}, so it keeps running at Justt."


@dataclass
class Process:
    """The core before an API that accepts each DELETE, called for one resource after the other."""

    scripted: Scripted = field(default_factory=lambda: Scripted([httpx.Response(204)] * 2))
    name: str | None = "a"

    def __post_init__(self) -> None:
        """Make one core for all calls."""
        self.core: IntegrationLifecycle = self.scripted.core
        calls = self.core.call
        self.core.call = lambda: replace(calls(), urn=None if self.name is None else URN + self.name)

    def delete(self, name: str | None, outputs: dict[str, Any]) -> None:
        """Delete what *outputs* are of under the URN of *name*."""
        self.name = name
        self.core.delete(outputs["integrationId"], outputs)

    def assert_refused(self, name: str | None, outputs: dict[str, Any], remediation: str) -> None:
        """Delete id-1 under the URN of *name*, which is refused before any request, with what to do."""
        with pytest.raises(StateConflict) as conflict:
            self.delete(name, outputs)
        assert str(conflict.value) == REFUSED + remediation
        assert self.scripted.methods == []


@pytest.fixture
def process() -> Process:
    """Give a new process."""
    return Process()


def test_a_delete_without_a_check_is_refused(process: Process) -> None:
    """A `destroy`, and a resource that left the program, get `delete` only; the error says what to do."""
    process.assert_refused("a", PROTECTED, DESTROYED)
    process.name = "b"
    process.core.check({}, MINIMAL)
    process.assert_refused("a", PROTECTED, LEAVING)


def test_a_delete_of_what_is_in_the_program_is_a_replacement(process: Process) -> None:
    """In an `up`, the resource of a replaced integration was checked, with or without protection in the program."""
    process.core.check({}, MINIMAL)
    process.delete("a", PROTECTED)
    assert process.scripted.methods == ["DELETE"]


def test_without_protection_a_delete_needs_no_check(process: Process) -> None:
    """The recorded value counts: absent is the same as False."""
    process.delete("a", RECORDED)
    assert process.scripted.methods == ["DELETE"]


def test_a_resource_without_a_name_is_refused(process: Process) -> None:
    """Where the host does not tell the URN, the provider cannot know that it is a replacement."""
    process.name = None
    process.core.check({}, INPUTS)
    process.core.diff(PROTECTED, INPUTS)
    process.assert_refused(None, PROTECTED, LEAVING)


def test_a_renamed_resource_is_replaced(process: Process) -> None:
    """The engine deletes it under its former URN; the diff under the new one was about the same record."""
    process.name = "new-name"
    process.core.check(INPUTS, INPUTS)
    assert process.core.diff(PROTECTED, {**INPUTS, "integrationName": "Other"}) == ["integrationName"]
    process.delete("a", PROTECTED)
    assert process.scripted.methods == ["DELETE"]


@pytest.mark.parametrize("command", ["this command", "another"])
def test_a_resource_that_another_process_replaces_is_replaced(tmp_path: Path, command: str) -> None:
    """With another provider resource, check and create come in that one's process, and the delete in the former's."""
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


def test_a_diff_alone_proves_nothing(process: Process) -> None:
    """A refresh calls diff for what left the program, and so does the replacement of a dependency."""
    process.core.diff(PROTECTED, INPUTS)
    process.core.diff(PROTECTED, {**INPUTS, "integrationName": "Other"})
    process.assert_refused("a", PROTECTED, DESTROYED)


def test_an_adopter_does_not_lift_the_protection(process: Process) -> None:
    """What leaves the program is refused, although another resource of the program adopts the same record."""
    process.name = "adopter"
    process.core.check({}, {**INPUTS, "adoptId": "id-1"})
    process.core.diff({**RECORDED, "adoptId": "id-1"}, {**CHECKED, "adoptId": "id-1"})
    process.assert_refused("a", PROTECTED, HANDED_OVER.format(f"'{URN}adopter' adopts it"))


def test_an_adopted_integration_is_refused_before_it_is_released(process: Process) -> None:
    """The same rule comes first; in the program, it is released and nothing is sent."""
    process.assert_refused("a", ADOPTED, HANDED_OVER.format("it was adopted"))
    process.core.check({}, {**MINIMAL, "adoptId": "id-1"})
    process.delete("a", ADOPTED)
    assert process.scripted.methods == []
    assert process.scripted.told == [f"note: {NAMED}: it was adopted, so it is released and stays as it is at Justt."]


@pytest.mark.parametrize("name", ["a", None])
def test_an_abandoned_create_is_undone(name: str | None) -> None:
    """The protection is for what the state has; what no state will know is deactivated."""
    created = httpx.Response(201, json={"integrationId": "id-1"})
    scripted = Scripted([listing(), created, httpx.Response(204)], leaves_after=2)
    process = Process(scripted, name)
    process.core.create(INPUTS)
    assert scripted.methods == ["GET", "POST", "DELETE"]
    assert "so it was deactivated again" in scripted.told[-1]


def test_update_changes_the_protection_in_the_state_only(process: Process) -> None:
    """Taking it out leaves no trace."""
    assert process.core.update("id-1", RECORDED, INPUTS) == PROTECTED
    assert process.core.update("id-1", PROTECTED, CHECKED) == RECORDED
    assert Offline().core.check(INPUTS, {**MINIMAL, "deletionProtection": True}).inputs == INPUTS


def test_all_providers_of_a_process_share_one_program() -> None:
    """The engine may serve check and delete by two provider objects of one process."""
    config = {"justt:baseUrl": "http://127.0.0.1:9"}
    cores = []
    for _ in range(2):
        provider = IntegrationProvider()
        vars(provider)["_config"] = config
        cores.append(provider._core)
    first, second = cores
    assert isinstance(first, IntegrationLifecycle)
    assert first._ownership is second._ownership is not Offline().core._ownership


def test_ownership_knows_the_program_only() -> None:
    """A resource is in the program once check has seen it; a diff counts only after that."""
    ownership = Ownership(Journal(None), "http://127.0.0.1:9/v1")
    ownership.note_diff("urn", "id-1", is_replaced=False)
    ownership.note_check("urn", {})
    ownership.note_diff("urn", "id-2", is_replaced=False)
    assert [ownership.is_replaced(urn, "id-1") for urn in ("urn", "other")] == [True, False]
    assert [ownership.is_replaced("other", each) for each in ("id-1", "id-2")] == [False, True]
