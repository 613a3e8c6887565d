"""`adopt_id`: how a stack takes an existing integration into its state without owning it, until adopt_id is removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_justt.api.call import Call
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.session import Session
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError, RequestRefused, StateConflict
from support.scripted_client import (
    CHECKED,
    MINIMAL,
    NAMED,
    RECORDED,
    Offline,
    Scripted,
    listing,
    record,
    refusal,
    without,
)

ADOPTING = {**CHECKED, "adoptId": "id-1"}
ADOPTED = {**RECORDED, "adoptId": "id-1"}
TRIED = "adopting integration id-1 as the stripe integration 'stripe-eu'"

CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"externalIdentifier": "other"}, "externalIdentifier"),
    ({"integrationName": "other"}, "integrationName"),
    ({"source": "adyen"}, "source"),
    ({"secretType": "APIKEY"}, "secretType"),
    ({"secretPayload": {"apiKey": "other"}}, "secretPayload.apiKey"),
    ({"secretPayload": {"apiKey": UNKNOWN}}, "secretPayload.apiKey"),
    ({"merchantAccountCodes": ["a"]}, "merchantAccountCodes"),
    ({"referenceAccountId": "acc_2"}, "referenceAccountId"),
    ({"source": "adyen", "integrationName": "other"}, "integrationName, source"),
]


def conflict_of(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """Return the text of the error with which diff refuses a change."""
    with pytest.raises(StateConflict) as conflict:
        Offline().core.diff(olds, news)
    return str(conflict.value)


# create


@pytest.mark.parametrize("status", ["PENDING", "SUCCESSFUL", "FAILED"])
def test_adopt_sends_one_get(status: str) -> None:
    """Create with adopt_id sends one GET with the account, and no POST or list request.

    The state gets all inputs and the record's status and go-live date. Only a FAILED one shows a line, a warning.
    """
    scripted = Scripted([record(status, goLiveDate="2027-01-01T00:00:00Z")])
    inputs = {**ADOPTING, "referenceAccountId": "acc_1"}

    adopted = scripted.core.create(inputs)

    assert adopted == (
        "id-1",
        {**inputs, "integrationId": "id-1", "status": status, "goLiveDate": "2027-01-01T00:00:00Z"},
    )
    (request,) = scripted.requests
    assert (request.method, request.url.path) == ("GET", "/integrations/id-1")
    assert request.headers["reference-account-id"] == "acc_1"
    assert [line.partition(": ")[0] for line in scripted.messages] == (["warning"] if status == "FAILED" else [])


def test_adopt_refuses_an_integration_with_another_source() -> None:
    """If adopt_id names an integration with another source, create fails and stores nothing."""
    scripted = Scripted([record("SUCCESSFUL")])

    with pytest.raises(StateConflict) as conflict:
        scripted.core.create({**ADOPTING, "source": "adyen"})

    assert str(conflict.value) == (
        "adopting integration id-1 as the adyen integration 'stripe-eu': its source is stripe. Correct source or "
        "adopt_id."
    )


def test_adopt_refuses_an_inactive_integration() -> None:
    """If the integration that adopt_id names is INACTIVE, create fails. The error says that INACTIVE is final."""
    scripted = Scripted([record("INACTIVE")])

    with pytest.raises(StateConflict) as conflict:
        scripted.core.create(ADOPTING)

    assert str(conflict.value) == (f"{TRIED}: it is INACTIVE, which is final. Remove adopt_id to create a new one.")


def test_adopt_fails_on_404_and_creates_nothing() -> None:
    """If the GET of an adoption gets a 404, create sends no POST, and its error names the operation."""
    scripted = Scripted([refusal(404, "no such integration")])

    with pytest.raises(RequestRefused, match=f"^{TRIED}: Justt answered 404: no such integration"):
        scripted.core.create(ADOPTING)

    assert scripted.methods == ["GET"]


def test_second_adopter_of_the_same_id_is_refused() -> None:
    """If two resources in one process adopt the same integration, the second create fails and names the first one."""
    core = Scripted([record("PENDING"), record("PENDING")]).core
    second = {**ADOPTING, "externalIdentifier": "other"}
    for inputs in (ADOPTING, second):
        core.check({}, inputs)
    core.create(ADOPTING)

    with pytest.raises(StateConflict) as conflict:
        core.create(second)

    assert str(conflict.value).startswith(
        "adopting integration id-1 as the stripe integration 'other': integration id-1 already belongs to \"the "
        "resource of 'stripe-eu'\" in this program"
    )


def test_adopt_refuses_an_id_that_this_process_created() -> None:
    """A resource can't adopt an integration that the same process has just created for another resource."""
    core = Scripted([listing(), httpx.Response(201, json={"integrationId": "id-1"}), record("PENDING")]).core
    first = {**CHECKED, "externalIdentifier": "first"}
    for inputs in (first, ADOPTING):
        core.check({}, inputs)
    core.create(first)

    with pytest.raises(StateConflict, match=f"^{TRIED}: integration id-1 already belongs to \"the resource of 'first"):
        core.create(ADOPTING)


def test_create_refuses_an_id_that_is_already_adopted() -> None:
    """If Justt responds to a create with an id that another resource has adopted, the create fails."""
    core = Scripted([record("PENDING"), listing(), httpx.Response(201, json={"integrationId": "id-1"})]).core
    core.create({**ADOPTING, "externalIdentifier": "first"})

    with pytest.raises(StateConflict, match="integration id-1, which already belongs to \"the resource of 'first'\""):
        core.create(CHECKED)


def test_refused_adopt_can_be_retried() -> None:
    """After create refused to adopt an id because source was wrong, a create with the correct source adopts it."""
    core = Scripted([record("PENDING"), record("PENDING")]).core
    with pytest.raises(StateConflict):
        core.create({**ADOPTING, "source": "adyen"})

    assert core.create(ADOPTING)[0] == "id-1"


def test_invalid_adopt_id_is_refused() -> None:
    """Create refuses an adopt_id that would change the request path, and check refuses one with a line break.

    No request is sent.
    """
    scripted = Scripted([])

    with pytest.raises(JusttError, match="is not the id of an integration"):
        scripted.core.create({**ADOPTING, "adoptId": ".."})
    checked = scripted.core.check({}, {**MINIMAL, "adoptId": "a\nb", "source": "stripe\nb", "allowUnlisted": True})

    assert checked.failures == [
        "source: must be one line of printable text",
        "adopt_id: must be one line without control characters",
    ]
    assert scripted.requests == []


# check


def test_check_accepts_adopt_id() -> None:
    """If a program sets adopt_id, check accepts it and returns it unchanged."""
    checked = Offline().core.check({}, {**MINIMAL, "adoptId": "id-1"})

    assert (checked.inputs, checked.failures) == (ADOPTING, [])


@pytest.mark.parametrize(
    ("value", "failure"),
    [("", "adopt_id: must not be empty"), (7, "adopt_id: must be text, got number: write it in quotes, or str(...)")],
)
def test_check_refuses_an_invalid_adopt_id(value: object, failure: str) -> None:
    """Check refuses an adopt_id that is empty or is not text."""
    assert Offline().failures({**MINIMAL, "adoptId": value}) == [failure]


def test_check_drops_an_adopt_id_of_none() -> None:
    """If the program sets adopt_id to None, check returns the same inputs as without adopt_id."""
    assert Offline().core.check({}, {**MINIMAL, "adoptId": None}).inputs == CHECKED


def test_unknown_adopt_id_passes_a_preview() -> None:
    """If adopt_id is unknown during a preview, check reports no failure and diff replaces nothing."""
    core = Offline().core
    checked = core.check({}, {**MINIMAL, "adoptId": UNKNOWN})

    assert (checked.inputs, checked.failures) == ({**CHECKED, "adoptId": UNKNOWN}, [])
    assert core.diff(RECORDED, checked.inputs) == []
    assert core.diff(ADOPTED, checked.inputs) == []


# diff


def test_diff_keeps_an_adopted_integration() -> None:
    """Diff does not replace an adopted integration if the inputs are unchanged.

    The same holds if only deactivation and allowUnlisted change.
    """
    core = Offline().core

    assert core.diff(ADOPTED, ADOPTING) == []
    assert core.diff(ADOPTED, {**ADOPTING, "deactivation": {"afterDays": 7}, "allowUnlisted": True}) == []


@pytest.mark.parametrize(("changes", "named"), CHANGES)
@pytest.mark.parametrize("keeps_it", [True, False], ids=["keeps adopt_id", "takes adopt_id out at once"])
def test_diff_refuses_to_replace_an_adopted_integration(changes: dict[str, Any], named: str, keeps_it: bool) -> None:
    """Diff refuses a change that would replace an adopted integration, even if the same update removes adopt_id.

    The replacement would deactivate an integration that has another owner.
    """
    news = {**(ADOPTING if keeps_it else CHECKED), **changes}

    assert conflict_of(ADOPTED, news) == (
        f"{NAMED} is adopted, and the change of {named} would replace it, which would deactivate it. Undo the change. "
        "If you do want to replace it, first remove adopt_id from the program and run `pulumi up`, so that this stack "
        "owns the integration; then make the change."
    )


@pytest.mark.parametrize("olds", [ADOPTED, RECORDED], ids=["adopted", "created"])
@pytest.mark.parametrize("changes", [{}, {"source": "adyen"}], ids=["nothing else", "another change too"])
def test_diff_refuses_another_adopt_id(olds: dict[str, Any], changes: dict[str, Any]) -> None:
    """Diff refuses an adopt_id other than the resource's own id, both for an adopted and for a created integration."""
    assert conflict_of(olds, {**CHECKED, **changes, "adoptId": "id-2"}) == (
        f"{NAMED}: adopt_id cannot change to id-2, because a resource cannot switch to another integration. Set "
        "adopt_id back, and add a separate resource for the other integration."
    )


def test_adopt_id_may_be_the_id_of_a_created_integration() -> None:
    """If a resource adopts the integration that it created, diff replaces nothing and update only records adopt_id."""
    core = Offline().core

    assert core.diff(RECORDED, ADOPTING) == []
    assert core.update("id-1", RECORDED, ADOPTING) == ADOPTED


def test_diff_replaces_after_adopt_id_was_removed() -> None:
    """Once adopt_id is no longer in the state, the stack owns the integration.

    Diff then replaces the integration if source changes.
    """
    assert Offline().core.diff(RECORDED, {**CHECKED, "source": "adyen"}) == ["source"]


# update, read, delete, undo


def test_removing_adopt_id_changes_only_the_state() -> None:
    """If the program removes adopt_id, update sends no request.

    The state becomes the same as for a created integration.
    """
    offline = Offline()

    assert offline.core.update("id-1", ADOPTED, CHECKED) == RECORDED
    assert offline.messages == []


MINE = "urn:pulumi:dev::shop::type::mine"
OWNER = "urn:pulumi:dev::shop::type::owner"


@pytest.mark.parametrize(
    ("creator", "warns"),
    [
        ("urn:pulumi:prod::shop::type::owner", True),
        ("urn:pulumi:dev::other::type::owner", True),
        (OWNER, True),
        (MINE, False),
        (None, False),
    ],
)
def test_removing_adopt_id_warns_if_another_resource_created_the_integration(
    tmp_path: Path, creator: str | None, warns: bool
) -> None:
    """If the journal says that another resource created the integration, the removal of adopt_id logs a warning.

    A later delete then only releases the integration. Without such a claim, the delete deactivates it.
    """
    base_url, mine = Offline().core.settings.base_url, MINE
    earlier = Journal(tmp_path)
    earlier.hold_adoption(base_url, "id-1", mine)
    if creator:
        earlier.claim(base_url, "id-1", creator)
    scripted, core = command_of(mine, tmp_path)
    file = earlier.claim_file(base_url, "id-1")
    later, last = command_of(mine, tmp_path, httpx.Response(204))

    assert core.update("id-1", ADOPTED, CHECKED) == RECORDED
    words = (
        f"warning: {NAMED}: this stack owns it now, but this machine's journal says that it was created for "
        f"{creator!r}. While the journal says so, this stack doesn't deactivate it. If that resource is still in a "
        "state, run `pulumi state delete` with its URN there. If it is in no state, or is a former name of this "
        f"resource, remove the file {file}."
    )
    assert scripted.messages == [words] * warns
    last.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"] * (not warns)
    words = (
        f"note: {NAMED}: it was created for {creator!r} ({file}) and only adopted here, as this machine's journal "
        "says, so it is released and stays as it is at Justt."
    )
    assert later.messages == [words] * warns


@pytest.mark.parametrize("removes", ["owner", "file"])
def test_resource_owns_an_integration_after_the_hand_over(tmp_path: Path, removes: str) -> None:
    """After the creator's claim has ended, the former adopter owns the integration and deactivates it on delete.

    The claim ends when the creator's delete releases the integration, or when the user removes the claim's file.
    """
    base_url = Offline().core.settings.base_url
    journal = Journal(tmp_path)
    journal.claim(base_url, "id-1", OWNER)
    journal.hold_adoption(base_url, "id-1", MINE)
    if removes == "owner":
        command_of(OWNER, tmp_path)[1].delete("id-1", RECORDED)
    else:
        (file,) = (tmp_path / "claims").iterdir()
        file.unlink()
    assert command_of(MINE, tmp_path)[1].update("id-1", ADOPTED, CHECKED) == RECORDED
    later, core = command_of(MINE, tmp_path, httpx.Response(204))
    core.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"]


@pytest.mark.parametrize("first", ["owner", "adopter"])
def test_two_processes_of_one_command_cannot_hold_the_same_id(tmp_path: Path, first: str) -> None:
    """If two processes of one command serve the owner and an adopter of an id, the second of the two calls is refused.

    After a diff that replaces the owner's integration, the adopter's create succeeds.
    """
    scripted = [Scripted([record("PENDING")] * 2, session=process_of(tmp_path)) for _ in range(2)]
    owner, adopter = (each.core for each in scripted)
    owner.call, adopter.call = (lambda: Call(OWNER)), (lambda: Call(MINE))
    owner.check(CHECKED, MINIMAL)
    adopter.check({}, {**MINIMAL, "adoptId": "id-1"})
    calls: list[Callable[[], object]] = [lambda: owner.diff(RECORDED, CHECKED), lambda: adopter.create(ADOPTING)]
    before, after = calls if first == "owner" else calls[::-1]
    before()
    with pytest.raises(StateConflict, match="integration id-1 already belongs to 'urn:pulumi:dev::shop::type::"):
        after()
    rotating = {**CHECKED, "integrationName": "Other"}
    assert owner.diff(RECORDED, rotating) == ["integrationName"]
    assert adopter.create(ADOPTING)[0] == "id-1"


def process_of(folder: Path) -> Session:
    """Return a new session for one provider process; all sessions belong to the same command."""
    return Session(Offline().core.settings.base_url, Journal(folder, command="a command"))


def command_of(urn: str | None, folder: Path, *responses: httpx.Response) -> tuple[Scripted, IntegrationLifecycle]:
    """Return a scripted client and the lifecycle of one resource, as a later command on the same machine has them."""
    scripted = Scripted([*responses], session=Session(Offline().core.settings.base_url, Journal(folder)))
    core = scripted.core
    core.call = lambda: Call(urn)
    return scripted, core


def test_adopted_id_is_not_deactivated_until_its_adopter_is_deleted(tmp_path: Path) -> None:
    """Until the adopter is deleted, another resource's delete only releases the id.

    A note names the adoption file. After the adopter's delete, the other resource's delete deactivates the integration.
    """
    command_of("taker", tmp_path, record("PENDING"))[1].create(ADOPTING)
    command_of("taker", tmp_path)[1].update("id-1", ADOPTED, CHECKED)
    former, core = command_of("former", tmp_path)
    core.delete("id-1", RECORDED)
    (file,) = (tmp_path / "adoptions").rglob("*.json")
    (message,) = former.messages
    assert message == (
        f"note: {NAMED}: 'taker' has adopted it ({file}), as this machine's journal says, so it is released and stays "
        "as it is at Justt."
    )
    command_of("taker", tmp_path)[1].delete("id-1", ADOPTED)
    later, core = command_of("former", tmp_path, httpx.Response(204))
    core.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"]


def test_adopting_its_own_id_is_recorded_in_the_journal(tmp_path: Path) -> None:
    """After a resource has adopted the integration that it created, another resource's delete only releases it."""
    command_of("owner", tmp_path)[1].update("id-1", RECORDED, ADOPTING)
    copy, core = command_of("copy", tmp_path)
    core.delete("id-1", RECORDED)
    assert "'owner' has adopted it" in copy.messages[0]


def test_replaced_id_can_be_adopted_by_another_resource(tmp_path: Path) -> None:
    """A resource can adopt the old integration that a failed replacement left in another resource's state.

    A refresh has read the old and the new integration before. The other resource's delete only releases the adopted
    one.
    """
    new = {**RECORDED, "integrationId": "id-2"}
    responses = [record("PENDING", integrationId="id-2"), record("PENDING"), record("PENDING")]
    scripted, core = command_of("owner", tmp_path, *responses)
    for integration_id, outputs in (("id-2", new), ("id-1", RECORDED)):
        core.read(integration_id, outputs)
    core.check(CHECKED, MINIMAL)
    core.call = lambda: Call("adopter")
    core.check({}, {**MINIMAL, "adoptId": "id-1"})
    core.create(ADOPTING)
    core.call = lambda: Call("owner")
    assert core.diff(new, CHECKED) == []
    core.delete("id-1", RECORDED)
    assert scripted.methods == ["GET"] * 3
    shared, *released = scripted.messages
    assert shared.startswith("warning: external_identifier: 'owner' has 'stripe-eu' in the same account, too.")
    assert released == [f"note: {NAMED}: 'adopter' adopts it, so it is released and stays as it is at Justt."]


@pytest.mark.parametrize(
    ("response", "waits"),
    [(None, 0.0), (None, 601.0), (refusal(403, "no"), 0.0)],
    ids=["under way", "killed", "failed"],
)
def test_delete_is_refused_while_another_command_adopts_the_id(
    tmp_path: Path, response: httpx.Response | None, waits: float
) -> None:
    """While another command's GET for an adoption is in flight, delete is refused and sends nothing.

    After that command has failed, or ten minutes after it was killed, delete deactivates the integration.
    """
    owner, core = command_of("owner", tmp_path, httpx.Response(204))
    _, adopting = command_of("adopter", tmp_path, *([response] if response else []))
    # Without a scripted response, the adopter ends like a killed process: it writes nothing after the request.
    with pytest.raises((RequestRefused, RuntimeError)):
        adopting.create(ADOPTING)
    core._journal.now = lambda: adopting._journal.now() + waits
    if response is None and not waits:
        with pytest.raises(StateConflict, match="another command is adopting it for 'adopter'"):
            core.delete("id-1", RECORDED)
        assert owner.methods == []
    else:
        core.delete("id-1", RECORDED)
        assert owner.methods == ["DELETE"]


def test_second_adopter_is_refused_while_the_first_keeps_the_id(tmp_path: Path) -> None:
    """After the diff of a resource that has adopted an id, the create of a second adopter fails.

    The error gives two ways to resolve the conflict, neither of which deactivates an integration.
    """
    _, core = command_of("first", tmp_path, record("PENDING"))
    core.check(ADOPTING, {**MINIMAL, "adoptId": "id-1"})
    core.diff(ADOPTED, ADOPTING)
    core.call = lambda: Call("second")
    core.check({}, {**MINIMAL, "adoptId": "id-1"})
    with pytest.raises(StateConflict) as conflict:
        core.create(ADOPTING)
    assert str(conflict.value) == (
        f"{TRIED}: integration id-1 already belongs to 'first' in this program. Only one resource can manage an "
        "integration. Remove the resource with adopt_id from the program. Or, to let that resource keep it, run "
        "`pulumi state delete` with the other resource's URN, and then remove the other resource from the program. "
        "Neither way deactivates anything."
    )


@pytest.mark.parametrize("changes", [{}, {"deactivation": {"afterDays": 7}}], ids=["unchanged", "updated"])
def test_delete_keeps_an_id_that_the_resource_still_holds(tmp_path: Path, changes: dict[str, Any]) -> None:
    """If a failed replacement left the same id in the state twice, the delete of one copy only releases the id.

    The adoption record stays in the journal.
    """
    Journal(tmp_path).hold_adoption(Offline().core.settings.base_url, "id-1", "owner")
    scripted, core = command_of("owner", tmp_path)
    inputs = core.check(CHECKED, {**MINIMAL, **changes}).inputs
    core.diff(RECORDED, inputs)
    if changes:
        core.update("id-1", RECORDED, inputs)
    core.delete("id-1", RECORDED)
    assert scripted.messages == [
        f"note: {NAMED}: the resource keeps it, so it is released and stays as it is at Justt."
    ]
    # The resource still has the id, so the journal keeps the adoption record.
    assert Journal(tmp_path).adopters(core.settings.base_url, "id-1") == ["owner"]


def test_delete_before_replace_deactivates_despite_an_empty_diff(tmp_path: Path) -> None:
    """If diff replaces nothing but the engine calls delete before update, delete deactivates the integration.

    The engine does so with `replace_on_changes` and `delete_before_replace`.
    """
    scripted, core = command_of("owner", tmp_path, httpx.Response(204))
    inputs = core.check(CHECKED, {**MINIMAL, "deactivation": {"afterDays": 7}}).inputs
    assert core.diff(RECORDED, inputs) == []
    core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "is damaged"), ('{"version": 2}', "has the format 2 of another version of pulumi-justt")],
)
def test_delete_is_refused_if_an_adoption_file_is_unreadable(tmp_path: Path, content: str, reason: str) -> None:
    """While an adoption file of the id is damaged or has another format, delete fails and sends nothing.

    The file may name an adopter. After the user has removed the file, delete deactivates the integration.
    """
    Journal(tmp_path).hold_adoption(Offline().core.settings.base_url, "id-1", "adopter")
    (file,) = (tmp_path / "adoptions").rglob("*.json")
    file.write_text(content)
    with pytest.raises(StateConflict) as conflict:
        command_of("owner", tmp_path)[1].delete("id-1", RECORDED)
    assert str(conflict.value).startswith(
        f"deactivating {NAMED}: {file} {reason}, and it may say that another resource has adopted the integration. "
        "Nothing was sent, and it stays in the state."
    )
    later, core = command_of("owner", tmp_path, httpx.Response(204))
    file.unlink()
    core.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"]


@pytest.mark.parametrize("what", ["adoptions", ""])
def test_delete_is_refused_if_the_adoptions_folder_is_unreadable(tmp_path: Path, what: str) -> None:
    """While the journal's folder or its adoptions folder exists but can't be listed, delete fails and sends nothing.

    The test simulates such a folder with a file in its place. Without the file, delete deactivates the integration.
    """
    folder = tmp_path / "journal"
    in_the_way = folder / what
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("")
    owner, core = command_of("owner", folder)
    with pytest.raises(StateConflict) as conflict:
        core.delete("id-1", RECORDED)
    assert "can't be read (Not a directory), and it may say that another resource has adopted" in str(conflict.value)
    assert "make it readable, or set JUSTT_STATE_DIR to another one" in str(conflict.value)
    assert owner.methods == []
    in_the_way.unlink()
    later, core = command_of("owner", folder, httpx.Response(204))
    core.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"]


def test_delete_works_if_the_journal_folder_cannot_exist(tmp_path: Path) -> None:
    """If the journal's path is below a file (HOME=/dev/null), no adoption is recorded, and delete sends a DELETE."""
    (tmp_path / "home").write_text("")
    owner, core = command_of("owner", tmp_path / "home" / "journal", httpx.Response(204))

    core.delete("id-1", RECORDED)

    assert owner.methods == ["DELETE"]


@pytest.mark.parametrize("order", ["create first", "delete first"])
@pytest.mark.parametrize("changes", [{"secretPayload": {"apiKey": "other"}}, {"integrationName": "Other"}])
def test_delete_refuses_inputs_that_were_never_sent_if_its_own_id_is_adopted(
    tmp_path: Path, changes: dict[str, Any], order: str
) -> None:
    """With --replace the engine calls no diff, so delete compares the program's inputs with the state.

    Delete fails while the program adopts the id and also changes another input. Once the program's inputs match the
    state, delete only releases the id.
    """
    _, core = command_of(MINE, tmp_path, *[record("PENDING")] * 2)
    wrong = core.check({}, {**MINIMAL, **changes, "adoptId": "id-1"}).inputs
    if order == "create first":
        core.create(wrong)
    (changed,) = changes
    for _ in range(2):
        with pytest.raises(StateConflict, match=f"the program adopts it, but also changes {changed}") as conflict:
            core.delete("id-1", RECORDED)
    assert "Undo the change and run `pulumi up --replace` with its URN" in str(conflict.value)

    # In a later command, the state that diff gets equals the program, with or without adopt_id.
    later, core = command_of(MINE, tmp_path)
    core.check(wrong, {**MINIMAL, **changes})
    core.diff({**RECORDED, **changes}, {**CHECKED, **changes})
    with pytest.raises(StateConflict, match=f"the program adopts it, but also changes {changed}"):
        core.delete("id-1", RECORDED)

    later, core = command_of(MINE, tmp_path, record("PENDING"))
    core.create(core.check({}, {**MINIMAL, "adoptId": "id-1"}).inputs)
    core.delete("id-1", {**ADOPTED, **changes})
    core.delete("id-1", RECORDED)
    assert later.methods == ["GET"]
    assert "The state has the new values now, but nothing was sent" in later.messages[0]


def test_delete_before_replace_refuses_changed_inputs_of_an_adopted_integration(tmp_path: Path) -> None:
    """With `delete_before_replace` the engine calls delete before create.

    Delete fails if the program adopts the id and also changes another input, so the changed input is never recorded.
    """
    scripted, core = command_of(MINE, tmp_path)
    core.check({}, {**MINIMAL, "adoptId": "id-1", "integrationName": "Other"})
    with pytest.raises(StateConflict, match="the program adopts it, but also changes integrationName"):
        core.delete("id-1", ADOPTED)
    assert scripted.methods == []


@pytest.mark.parametrize("ends", ["replaced", "updated"])
def test_delete_by_the_former_name_sends_nothing_for_a_kept_integration(tmp_path: Path, ends: str) -> None:
    """With `replace_on_changes` the engine may delete a renamed resource by its former name.

    Diff has kept its integration. Before the resource's update, delete is refused. After the update, delete only
    releases the integration.
    """
    changed = {**CHECKED, "deactivation": {"afterDays": 1}}
    scripted, core = command_of(MINE, tmp_path)
    core.check(CHECKED, {**MINIMAL, "deactivation": {"afterDays": 1}})
    assert core.diff(RECORDED, changed) == []
    if ends == "updated":
        core.update("id-1", RECORDED, changed)
    core.call = lambda: Call(OWNER)
    if ends == "updated":
        core.delete("id-1", RECORDED)
        assert scripted.messages == [
            f"note: {NAMED}: {MINE!r} has it too, so it is released and stays as it is at Justt."
        ]
    else:
        with pytest.raises(StateConflict, match="is this resource under a new name"):
            core.delete("id-1", RECORDED)
    assert scripted.methods == []


def test_delete_sends_nothing_for_an_id_that_a_refused_create_returned(tmp_path: Path) -> None:
    """Justt may respond to a create with an id that the list before the create contains, and create then fails.

    A delete of that id under the resource's former name sends nothing.
    """
    responses = [listing("id-1"), httpx.Response(201, json={"integrationId": "id-1"})]
    scripted, core = command_of(MINE, tmp_path, *responses)
    core.check({}, MINIMAL)
    with pytest.raises(StateConflict):
        core.create(CHECKED)
    core.call = lambda: Call(OWNER)
    core.delete("id-1", RECORDED)
    assert scripted.methods == ["GET", "POST"]


def test_read_of_an_adopted_integration() -> None:
    """Read of an adopted integration updates its status and keeps adoptId.

    If the integration is INACTIVE, read removes it from the state.
    """
    scripted = Scripted([record("SUCCESSFUL"), record("INACTIVE")])
    core = scripted.core

    assert core.read("id-1", ADOPTED) == {**ADOPTED, "status": "SUCCESSFUL"}
    assert core.read("id-1", ADOPTED) is None


def test_delete_releases_an_adopted_integration() -> None:
    """Delete of an adopted integration sends no request, and a note says that the integration stays at Justt."""
    offline = Offline()

    offline.core.delete("id-1", ADOPTED)

    assert offline.messages == [f"note: {NAMED}: it was adopted, so it is released and stays as it is at Justt."]


@pytest.mark.parametrize(
    "olds",
    [RECORDED, {**RECORDED, "adoptId": "id-2"}, {**without(ADOPTED, "integrationId"), "adoptId": "id-2"}],
    ids=["released", "another id", "no id"],
)
def test_delete_deactivates_an_integration_that_is_not_adopted(olds: dict[str, Any]) -> None:
    """If the recorded adoptId is missing or is not the integration's own id, delete deactivates the integration."""
    scripted = Scripted([httpx.Response(200)])

    scripted.core.delete("id-1", olds)

    assert scripted.methods == ["DELETE"]


def test_forced_replacement_of_an_adopted_integration_sends_no_delete() -> None:
    """With --replace the engine skips diff.

    Create then adopts the same integration again, and delete only releases it.
    """
    scripted = Scripted([record("PENDING")])
    core = scripted.core

    made, _ = core.create(ADOPTING)
    core.delete("id-1", ADOPTED)

    assert made == "id-1"
    assert scripted.methods == ["GET"]


def test_adopted_integration_stays_if_the_engine_leaves() -> None:
    """If the engine exits during an adoption, create undoes nothing and sends no DELETE."""
    scripted = Scripted([record("PENDING")], leaves_after=1)

    scripted.core.create(ADOPTING)

    assert scripted.methods == ["GET"]
    assert scripted.messages == []


CREATED = httpx.Response(201, json={"integrationId": "id-1"})


def test_create_is_undone_at_once_if_the_engine_leaves() -> None:
    """If the engine exits during a create, the provider deactivates the new integration at once.

    The provider ignores the `deactivation` setting, and logs a note that says what to do next.
    """
    scripted = Scripted([listing(), CREATED, httpx.Response(200)], leaves_after=2)

    scripted.core.create({**CHECKED, "deactivation": {"afterDays": 7}})

    assert scripted.methods == ["GET", "POST", "DELETE"]
    assert b'"deactivationDate":"2027-01-15T08:00:00Z"' in scripted.requests[2].content
    assert scripted.messages == [
        (
            f"note: the engine cancelled the create of {NAMED}, so the provider deactivated it. Pulumi keeps a pending "
            "operation: run `pulumi cancel` if the stack is locked, and then `pulumi refresh --clear-pending-creates`."
        )
    ]


def test_create_is_not_undone_while_the_engine_runs() -> None:
    """While the engine is running, create sends no DELETE after its POST."""
    scripted = Scripted([listing(), CREATED])

    scripted.core.create(CHECKED)

    assert scripted.methods == ["GET", "POST"]


def test_claimed_candidate_is_not_deactivated_if_the_engine_leaves(tmp_path: Path) -> None:
    """If the engine exits right after create has claimed a candidate, create sends no DELETE.

    Only an id that a POST returned is undone, because a listed integration may belong to a later run's create.
    """
    scripted = Scripted(
        [listing(), listing(), httpx.ReadTimeout("x"), listing("id-1"), listing("id-1")],
        {"JUSTT_ON_AMBIGUOUS_CREATE": "adopt"},
        session=Session("http://127.0.0.1:9/v1", Journal(tmp_path)),
    )
    core = scripted.core
    core.call = lambda: Call(is_cancelled=lambda: any("claimed id-1" in line for line in scripted.messages))

    core.create(CHECKED)

    assert core.call().is_cancelled()
    assert scripted.methods == ["GET", "GET", "POST", "GET", "GET"]


def test_unknown_create_outcome_is_logged_if_the_engine_left() -> None:
    """If the engine exits while a create's outcome is unknown, the provider also logs the error's text as a warning.

    The engine no longer shows the error itself.
    """
    scripted = Scripted([listing(), httpx.ReadTimeout("x")], leaves_after=2)

    with pytest.raises(CreateOutcomeUnknown):
        scripted.core.create(CHECKED)

    message = scripted.messages[-1]
    assert message.startswith(
        "warning: the engine cancelled the call: creating the stripe integration 'stripe-eu': no answer within 30"
    )
    assert "Do not run `pulumi up` again before you have checked" in message


def test_failed_undo_warns_and_raises_nothing() -> None:
    """If the engine exits during a create and the undo fails, create raises nothing.

    A warning names the integration that remains, the cause, and `pulumi-justt recover`.
    """
    scripted = Scripted([listing(), CREATED, refusal(403, "no")], leaves_after=2)

    scripted.core.create(CHECKED)

    (message,) = scripted.messages
    assert message.startswith(
        f"warning: the engine cancelled the create of {NAMED}, so no state has it, and the provider could not "
        f"deactivate it: deactivating {NAMED}: Justt answered 403: no (errorId e-1). "
    )
    assert message.endswith(" Run `pulumi-justt recover` before the next `pulumi up`.")
