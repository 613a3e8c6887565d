"""`adopt_id`: how an integration that exists comes into a stack, and how it stays somebody else's until released."""

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
    """Return the text with which diff refuses a change."""
    with pytest.raises(StateConflict) as conflict:
        Offline().core.diff(olds, news)
    return str(conflict.value)


# create


@pytest.mark.parametrize("status", ["PENDING", "SUCCESSFUL", "FAILED"])
def test_adopting_is_one_get(status: str) -> None:
    """The record is read in its account, nothing is posted or listed, and the state gets it with all inputs."""
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
    assert scripted.told == []


def test_adopting_another_source_is_refused() -> None:
    """Whoever mixes ids up is told by the source, before anything is in the state."""
    scripted = Scripted([record("SUCCESSFUL")])

    with pytest.raises(StateConflict) as conflict:
        scripted.core.create({**ADOPTING, "source": "adyen"})

    assert str(conflict.value) == (
        "adopting integration id-1 as the adyen integration 'stripe-eu': its source is stripe. Correct source or "
        "adopt_id."
    )


def test_adopting_what_is_inactive_is_refused() -> None:
    """An integration that never works again is nothing to take over."""
    scripted = Scripted([record("INACTIVE")])

    with pytest.raises(StateConflict) as conflict:
        scripted.core.create(ADOPTING)

    assert str(conflict.value) == (f"{TRIED}: it is INACTIVE, which is final. Take adopt_id out to create a new one.")


def test_adopting_what_is_not_there_is_refused() -> None:
    """A 404 is an error that names what was tried, and no reason to create anything."""
    scripted = Scripted([refusal(404, "no such integration")])

    with pytest.raises(RequestRefused, match=f"^{TRIED}: Justt answered 404: no such integration"):
        scripted.core.create(ADOPTING)

    assert scripted.methods == ["GET"]


def test_one_id_is_adopted_once() -> None:
    """Two resources of one process cannot adopt one integration; the second one is told."""
    core = Scripted([record("PENDING"), record("PENDING")]).core
    second = {**ADOPTING, "externalIdentifier": "other"}
    for inputs in (ADOPTING, second):
        core.check({}, inputs)
    core.create(ADOPTING)

    with pytest.raises(StateConflict) as conflict:
        core.create(second)

    assert str(conflict.value).startswith(
        "adopting integration id-1 as the stripe integration 'other': integration id-1 belongs to \"the resource of "
        "'stripe-eu'\" in this program already"
    )


def test_what_this_run_created_is_not_adopted() -> None:
    """An id that a resource of this process just got is in that resource."""
    core = Scripted([listing(), httpx.Response(201, json={"integrationId": "id-1"}), record("PENDING")]).core
    first = {**CHECKED, "externalIdentifier": "first"}
    for inputs in (first, ADOPTING):
        core.check({}, inputs)
    core.create(first)

    with pytest.raises(StateConflict, match=f"^{TRIED}: integration id-1 belongs to \"the resource of 'first'\""):
        core.create(ADOPTING)


def test_what_was_adopted_is_not_created() -> None:
    """A vendor that answers a create with an id that was adopted meanwhile must not fill a second resource with it."""
    core = Scripted([record("PENDING"), listing(), httpx.Response(201, json={"integrationId": "id-1"})]).core
    core.create({**ADOPTING, "externalIdentifier": "first"})

    with pytest.raises(StateConflict, match="integration id-1, which belongs to \"the resource of 'first'\" already"):
        core.create(CHECKED)


def test_a_refused_adoption_claims_nothing() -> None:
    """After the source is corrected the same run may adopt it."""
    core = Scripted([record("PENDING"), record("PENDING")]).core
    with pytest.raises(StateConflict):
        core.create({**ADOPTING, "source": "adyen"})

    assert core.create(ADOPTING)[0] == "id-1"


def test_an_id_that_is_none_is_refused() -> None:
    """What would reach another operation is not sent, and what would break a line of text is refused by check."""
    scripted = Scripted([])

    with pytest.raises(JusttError, match="is no id of an integration"):
        scripted.core.create({**ADOPTING, "adoptId": ".."})
    checked = scripted.core.check({}, {**MINIMAL, "adoptId": "a\nb", "source": "stripe\nb", "allowUnlisted": True})

    assert checked.failures == [
        "source: must be one line of printable text",
        "adopt_id: must be one line without control characters",
    ]
    assert scripted.requests == []


# check


def test_check_takes_an_id_to_adopt() -> None:
    """The id is kept as it is."""
    checked = Offline().core.check({}, {**MINIMAL, "adoptId": "id-1"})

    assert (checked.inputs, checked.failures) == (ADOPTING, [])


@pytest.mark.parametrize(
    ("value", "failure"), [("", "adopt_id: must not be empty"), (7, "adopt_id: must be text, got number")]
)
def test_check_refuses_what_is_no_id(value: object, failure: str) -> None:
    """An empty text is no way to say that nothing is adopted."""
    assert Offline().failures({**MINIMAL, "adoptId": value}) == [failure]


def test_check_drops_an_absent_id() -> None:
    """None is the same as not given."""
    assert Offline().core.check({}, {**MINIMAL, "adoptId": None}).inputs == CHECKED


def test_an_unknown_id_passes_a_preview() -> None:
    """An id that another resource gives later is neither a failure nor a replacement."""
    core = Offline().core
    checked = core.check({}, {**MINIMAL, "adoptId": UNKNOWN})

    assert (checked.inputs, checked.failures) == ({**CHECKED, "adoptId": UNKNOWN}, [])
    assert core.diff(RECORDED, checked.inputs) == []
    assert core.diff(ADOPTED, checked.inputs) == []


# diff


def test_an_adopted_integration_that_did_not_change_is_no_change() -> None:
    """The same program is no change, and what is ours may change in place."""
    core = Offline().core

    assert core.diff(ADOPTED, ADOPTING) == []
    assert core.diff(ADOPTED, {**ADOPTING, "deactivation": {"afterDays": 7}, "allowUnlisted": True}) == []


@pytest.mark.parametrize(("changes", "named"), CHANGES)
@pytest.mark.parametrize("keeps_it", [True, False], ids=["keeps adopt_id", "takes adopt_id out at once"])
def test_an_adopted_integration_is_not_replaced(changes: dict[str, Any], named: str, keeps_it: bool) -> None:
    """It would be deactivated, and it is not this stack's, not even in the update that takes adopt_id out."""
    news = {**(ADOPTING if keeps_it else CHECKED), **changes}

    assert conflict_of(ADOPTED, news) == (
        f"{NAMED} is adopted, and what changed ({named}) would replace it, which deactivates it. Set that back; or, if "
        "it is to be replaced, take adopt_id out of the program first, run `pulumi up` once, which makes it this "
        "stack's own, and then make the change."
    )


@pytest.mark.parametrize("olds", [ADOPTED, RECORDED], ids=["adopted", "created"])
@pytest.mark.parametrize("changes", [{}, {"source": "adyen"}], ids=["nothing else", "another change too"])
def test_another_id_is_refused(olds: dict[str, Any], changes: dict[str, Any]) -> None:
    """Another integration is another resource, whether this one was adopted or created."""
    assert conflict_of(olds, {**CHECKED, **changes, "adoptId": "id-2"}) == (
        f"{NAMED} cannot become integration id-2: another integration is another resource. Set adopt_id back, and give "
        "the other integration a resource of its own."
    )


def test_the_own_id_may_be_given_to_what_was_created() -> None:
    """To say `adopt_id` of what the stack created hands it out: from then on the stack does not deactivate it."""
    core = Offline().core

    assert core.diff(RECORDED, ADOPTING) == []
    assert core.update("id-1", RECORDED, ADOPTING) == ADOPTED


def test_after_the_release_a_change_replaces() -> None:
    """Once adopt_id is out of the state, the integration is this stack's like any other."""
    assert Offline().core.diff(RECORDED, {**CHECKED, "source": "adyen"}) == ["source"]


# update, read, delete, undo


def test_taking_the_id_out_changes_the_state_only() -> None:
    """No request is sent, and the record is what a created one would be."""
    offline = Offline()

    assert offline.core.update("id-1", ADOPTED, CHECKED) == RECORDED
    assert offline.told == []


MINE = "urn:pulumi:dev::shop::type::mine"
OWNER = "urn:pulumi:dev::shop::type::owner"


@pytest.mark.parametrize(
    ("creator", "is_told"),
    [
        ("urn:pulumi:prod::shop::type::owner", True),
        ("urn:pulumi:dev::other::type::owner", True),
        (OWNER, True),
        (MINE, False),
        (None, False),
    ],
)
def test_owning_what_another_resource_created_is_told(tmp_path: Path, creator: str | None, is_told: bool) -> None:
    """Both may own it from then on, so neither deactivates it until the creator's claim has ended."""
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
    assert scripted.told == [words] * is_told
    last.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"] * (not is_told)
    words = (
        f"note: {NAMED}: it was created for {creator!r} ({file}) and only adopted here, as this machine's journal "
        "says, so it is released and stays as it is at Justt."
    )
    assert later.told == [words] * is_told


@pytest.mark.parametrize("removes", ["owner", "file"])
def test_owning_what_was_handed_over(tmp_path: Path, removes: str) -> None:
    """The owner's release ends its claim, and so does a person who removes the file that the warning names."""
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
def test_two_processes_of_one_command_do_not_share_a_record(tmp_path: Path, first: str) -> None:
    """Whichever call comes second sees that the other process's resource has it, and what is replaced is free."""
    scripted = [Scripted([record("PENDING")] * 2, session=process_of(tmp_path)) for _ in range(2)]
    owner, adopter = (each.core for each in scripted)
    owner.call, adopter.call = (lambda: Call(OWNER)), (lambda: Call(MINE))
    owner.check(CHECKED, MINIMAL)
    adopter.check({}, {**MINIMAL, "adoptId": "id-1"})
    calls: list[Callable[[], object]] = [lambda: owner.diff(RECORDED, CHECKED), lambda: adopter.create(ADOPTING)]
    before, after = calls if first == "owner" else calls[::-1]
    before()
    with pytest.raises(StateConflict, match="integration id-1 belongs to 'urn:pulumi:dev::shop::type::"):
        after()
    rotating = {**CHECKED, "integrationName": "Other"}
    assert owner.diff(RECORDED, rotating) == ["integrationName"]
    assert adopter.create(ADOPTING)[0] == "id-1"


def process_of(folder: Path) -> Session:
    """Return the session of one of the processes of a command."""
    return Session(Offline().core.settings.base_url, Journal(folder, command="a command"))


def command_of(urn: str | None, folder: Path, *answers: httpx.Response) -> tuple[Scripted, IntegrationLifecycle]:
    """Return a later command on the same machine, which is for one resource, with its core."""
    scripted = Scripted([*answers], session=Session(Offline().core.settings.base_url, Journal(folder)))
    core = scripted.core
    core.call = lambda: Call(urn)
    return scripted, core


def test_what_a_resource_took_over_stays_its_own_until_it_is_deleted(tmp_path: Path) -> None:
    """No other resource deactivates it, and its note names the file; after the taker's release the next one may."""
    command_of("taker", tmp_path, record("PENDING"))[1].create(ADOPTING)
    command_of("taker", tmp_path)[1].update("id-1", ADOPTED, CHECKED)
    former, core = command_of("former", tmp_path)
    core.delete("id-1", RECORDED)
    (file,) = (tmp_path / "adoptions").rglob("*.json")
    (told,) = former.told
    assert told == (
        f"note: {NAMED}: 'taker' has adopted it ({file}), as this machine's journal says, so it is released and stays "
        "as it is at Justt."
    )
    command_of("taker", tmp_path)[1].delete("id-1", ADOPTED)
    later, core = command_of("former", tmp_path, httpx.Response(204))
    core.delete("id-1", RECORDED)
    assert later.methods == ["DELETE"]


def test_giving_the_own_id_is_recorded(tmp_path: Path) -> None:
    """A resource that begins to adopt what it owns keeps others from deactivating it, as a new adopter does."""
    command_of("owner", tmp_path)[1].update("id-1", RECORDED, ADOPTING)
    copy, core = command_of("copy", tmp_path)
    core.delete("id-1", RECORDED)
    assert "'owner' has adopted it" in copy.told[0]


def test_the_rest_of_a_replacement_holds_nothing(tmp_path: Path) -> None:
    """A refresh also reads what an update that failed has replaced; another resource may adopt that."""
    new = {**RECORDED, "integrationId": "id-2"}
    answers = [record("PENDING", integrationId="id-2"), record("PENDING"), record("PENDING")]
    scripted, core = command_of("owner", tmp_path, *answers)
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
    assert scripted.told == [f"note: {NAMED}: 'adopter' adopts it, so it is released and stays as it is at Justt."]


@pytest.mark.parametrize(
    ("answer", "waits"), [(None, 0.0), (None, 601.0), (refusal(403, "no"), 0.0)], ids=["under way", "killed", "failed"]
)
def test_an_adoption_under_way_in_another_command(tmp_path: Path, answer: httpx.Response | None, waits: float) -> None:
    """Its request has been sent, so a delete waits for how it ends; what was killed or has failed is in no way."""
    owner, core = command_of("owner", tmp_path, httpx.Response(204))
    _, adopting = command_of("adopter", tmp_path, *([answer] if answer else []))
    # Without an answer it ends as a killed process does: nothing is written after the request.
    with pytest.raises((RequestRefused, RuntimeError)):
        adopting.create(ADOPTING)
    core._journal.now = lambda: adopting._journal.now() + waits
    if answer is None and not waits:
        with pytest.raises(StateConflict, match="another command is adopting it for 'adopter'"):
            core.delete("id-1", RECORDED)
        assert owner.methods == []
    else:
        core.delete("id-1", RECORDED)
        assert owner.methods == ["DELETE"]


def test_an_adopter_that_stays_is_the_only_one(tmp_path: Path) -> None:
    """A second adopter is refused by what the first one's diff says, with a way out that stops nothing."""
    _, core = command_of("first", tmp_path, record("PENDING"))
    core.check(ADOPTING, {**MINIMAL, "adoptId": "id-1"})
    core.diff(ADOPTED, ADOPTING)
    core.call = lambda: Call("second")
    core.check({}, {**MINIMAL, "adoptId": "id-1"})
    with pytest.raises(StateConflict) as conflict:
        core.create(ADOPTING)
    assert str(conflict.value) == (
        f"{TRIED}: integration id-1 belongs to 'first' in this program already, and an integration can be in one "
        "resource only. Remove the resource with adopt_id from the program; or, if that one should keep it, run "
        "`pulumi state delete` with the URN of the other one, and then remove the other one from the program. Neither "
        "deactivates anything."
    )


@pytest.mark.parametrize("changes", [{}, {"deactivation": {"afterDays": 7}}], ids=["unchanged", "updated"])
def test_what_the_resource_keeps_is_not_deactivated(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A replacement by the same id that failed halfway leaves that id in the state twice, once to be deleted."""
    Journal(tmp_path).hold_adoption(Offline().core.settings.base_url, "id-1", "owner")
    scripted, core = command_of("owner", tmp_path)
    inputs = core.check(CHECKED, {**MINIMAL, **changes}).inputs
    core.diff(RECORDED, inputs)
    if changes:
        core.update("id-1", RECORDED, inputs)
    core.delete("id-1", RECORDED)
    assert scripted.told == [f"note: {NAMED}: the resource keeps it, so it is released and stays as it is at Justt."]
    # The resource has it, so it stays recorded.
    assert Journal(tmp_path).adopters(core.settings.base_url, "id-1") == ["owner"]


def test_what_replace_on_changes_replaces_is_deactivated(tmp_path: Path) -> None:
    """The engine may replace for a change that this provider would make in place, and delete before it creates."""
    scripted, core = command_of("owner", tmp_path, httpx.Response(204))
    inputs = core.check(CHECKED, {**MINIMAL, "deactivation": {"afterDays": 7}}).inputs
    assert core.diff(RECORDED, inputs) == []
    core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "is damaged"), ('{"version": 2}', "has the format 2 of another version of pulumi-justt")],
)
def test_an_adoption_that_cannot_be_read_counts(tmp_path: Path, content: str, reason: str) -> None:
    """It may name an adopter, so nothing is deactivated while the file is there."""
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
def test_a_folder_of_adoptions_that_cannot_be_read_counts(tmp_path: Path, what: str) -> None:
    """A file in its place stands for a folder of another user: both are there, and neither can be listed."""
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


def test_a_journal_that_cannot_be_there_has_no_adoptions(tmp_path: Path) -> None:
    """Below a file (HOME=/dev/null) or in a folder of another user there is no journal, as on a machine without one."""
    (tmp_path / "home").write_text("")
    owner, core = command_of("owner", tmp_path / "home" / "journal", httpx.Response(204))

    core.delete("id-1", RECORDED)

    assert owner.methods == ["DELETE"]


@pytest.mark.parametrize("order", ["create first", "delete first"])
@pytest.mark.parametrize("changes", [{"secretPayload": {"apiKey": "other"}}, {"integrationName": "Other"}])
def test_the_own_id_never_records_unnoticed_what_was_not_sent(
    tmp_path: Path, changes: dict[str, Any], order: str
) -> None:
    """With --replace no diff is called, so the delete compares; it is refused until the two agree again."""
    _, core = command_of(MINE, tmp_path, *[record("PENDING")] * 2)
    wrong = core.check({}, {**MINIMAL, **changes, "adoptId": "id-1"}).inputs
    if order == "create first":
        core.create(wrong)
    (changed,) = changes
    for _ in range(2):
        with pytest.raises(StateConflict, match=f"the program adopts it with another {changed}") as conflict:
            core.delete("id-1", RECORDED)
    assert "Set that back and run `pulumi up --replace` with its URN" in str(conflict.value)

    # A later command, whose diff finds in the state what the program says, with or without adopt_id.
    later, core = command_of(MINE, tmp_path)
    core.check(wrong, {**MINIMAL, **changes})
    core.diff({**RECORDED, **changes}, {**CHECKED, **changes})
    with pytest.raises(StateConflict, match=f"the program adopts it with another {changed}"):
        core.delete("id-1", RECORDED)

    later, core = command_of(MINE, tmp_path, record("PENDING"))
    core.create(core.check({}, {**MINIMAL, "adoptId": "id-1"}).inputs)
    core.delete("id-1", {**ADOPTED, **changes})
    core.delete("id-1", RECORDED)
    assert later.methods == ["GET"]
    assert "The state has the new values now, but nothing was sent" in later.told[0]


def test_an_adopted_integration_is_not_replaced_by_itself_with_a_change(tmp_path: Path) -> None:
    """With `delete_before_replace` the delete comes first, so that nothing is recorded."""
    scripted, core = command_of(MINE, tmp_path)
    core.check({}, {**MINIMAL, "adoptId": "id-1", "integrationName": "Other"})
    with pytest.raises(StateConflict, match="the program adopts it with another integrationName"):
        core.delete("id-1", ADOPTED)
    assert scripted.methods == []


@pytest.mark.parametrize("ends", ["replaced", "updated"])
def test_a_renamed_resource_that_changes_is_not_released(tmp_path: Path, ends: str) -> None:
    """With `replace_on_changes` the engine replaces what diff leaves in place, and deletes it by its former name."""
    changed = {**CHECKED, "deactivation": {"afterDays": 1}}
    scripted, core = command_of(MINE, tmp_path)
    core.check(CHECKED, {**MINIMAL, "deactivation": {"afterDays": 1}})
    assert core.diff(RECORDED, changed) == []
    if ends == "updated":
        core.update("id-1", RECORDED, changed)
    core.call = lambda: Call(OWNER)
    if ends == "updated":
        core.delete("id-1", RECORDED)
        assert scripted.told == [f"note: {NAMED}: {MINE!r} has it too, so it is released and stays as it is at Justt."]
    else:
        with pytest.raises(StateConflict, match="may be this resource under a new name"):
            core.delete("id-1", RECORDED)
    assert scripted.methods == []


def test_what_a_refused_create_returned_is_not_deactivated(tmp_path: Path) -> None:
    """A vendor may answer a create with what the former name of the resource has; its delete comes in that update."""
    answers = [listing("id-1"), httpx.Response(201, json={"integrationId": "id-1"})]
    scripted, core = command_of(MINE, tmp_path, *answers)
    core.check({}, MINIMAL)
    with pytest.raises(StateConflict):
        core.create(CHECKED)
    core.call = lambda: Call(OWNER)
    core.delete("id-1", RECORDED)
    assert scripted.methods == ["GET", "POST"]


def test_an_adopted_integration_is_read_like_any_other() -> None:
    """A refresh keeps it adopted, and takes it out of the state when it is INACTIVE."""
    scripted = Scripted([record("SUCCESSFUL"), record("INACTIVE")])
    core = scripted.core

    assert core.read("id-1", ADOPTED) == {**ADOPTED, "status": "SUCCESSFUL"}
    assert core.read("id-1", ADOPTED) is None


def test_deleting_an_adopted_integration_releases_it() -> None:
    """Nothing is sent, and the user is told that it stays."""
    offline = Offline()

    offline.core.delete("id-1", ADOPTED)

    assert offline.told == [f"note: {NAMED}: it was adopted, so it is released and stays as it is at Justt."]


@pytest.mark.parametrize(
    "olds",
    [RECORDED, {**RECORDED, "adoptId": "id-2"}, {**without(ADOPTED, "integrationId"), "adoptId": "id-2"}],
    ids=["released", "another id", "no id"],
)
def test_deleting_what_is_not_adopted_deactivates_it(olds: dict[str, Any]) -> None:
    """After the release it is deactivated, and only the record's very own id keeps it from that."""
    scripted = Scripted([httpx.Response(200)])

    scripted.core.delete("id-1", olds)

    assert scripted.methods == ["DELETE"]


def test_forced_replacement_of_an_adopted_integration_harms_nothing() -> None:
    """Where the engine skips diff, the same integration is adopted again, and the old record is only released."""
    scripted = Scripted([record("PENDING")])
    core = scripted.core

    made, _ = core.create(ADOPTING)
    core.delete("id-1", ADOPTED)

    assert made == "id-1"
    assert scripted.methods == ["GET"]


def test_what_was_adopted_for_nobody_stays_as_it_is() -> None:
    """It was there before, so nothing is left behind when the engine leaves during the adoption."""
    scripted = Scripted([record("PENDING")], leaves_after=1)

    scripted.core.create(ADOPTING)

    assert scripted.methods == ["GET"]
    assert scripted.told == []


CREATED = httpx.Response(201, json={"integrationId": "id-1"})


def test_what_was_created_for_nobody_stops_at_once() -> None:
    """The declared policy is for an integration in use; one that no state knows stops now, and the way out is told."""
    scripted = Scripted([listing(), CREATED, httpx.Response(200)], leaves_after=2)

    scripted.core.create({**CHECKED, "deactivation": {"afterDays": 7}})

    assert scripted.methods == ["GET", "POST", "DELETE"]
    assert b'"deactivationDate":"2027-01-15T08:00:00Z"' in scripted.requests[2].content
    assert scripted.told == [
        (
            f"note: the engine cancelled the create of {NAMED}, so it was deactivated again. Pulumi keeps a pending "
            "operation: run `pulumi cancel` if the stack is locked, and then `pulumi refresh --clear-pending-creates`."
        )
    ]


def test_what_was_created_for_an_engine_that_is_there_is_kept() -> None:
    """Nothing is taken back without a reason."""
    scripted = Scripted([listing(), CREATED])

    scripted.core.create(CHECKED)

    assert scripted.methods == ["GET", "POST"]


def test_candidate_that_was_claimed_for_nobody_stays_as_it_is(tmp_path: Path) -> None:
    """What a list showed may be what the next run has created already: only what a POST brought is taken back."""
    scripted = Scripted(
        [listing(), listing(), httpx.ReadTimeout("x"), listing("id-1"), listing("id-1")],
        {"JUSTT_ON_AMBIGUOUS_CREATE": "adopt"},
        session=Session("http://127.0.0.1:9/v1", Journal(tmp_path)),
    )
    core = scripted.core
    core.call = lambda: Call(is_cancelled=lambda: any("claimed id-1" in line for line in scripted.told))

    core.create(CHECKED)

    assert core.call().is_cancelled()
    assert scripted.methods == ["GET", "GET", "POST", "GET", "GET"]


def test_lost_create_of_an_engine_that_left_is_told() -> None:
    """The error reaches nobody any more, so its text goes where the terminal may still show it."""
    scripted = Scripted([listing(), httpx.ReadTimeout("x")], leaves_after=2)

    with pytest.raises(CreateOutcomeUnknown):
        scripted.core.create(CHECKED)

    told = scripted.told[-1]
    assert told.startswith(
        "warning: the engine cancelled the call: creating the stripe integration 'stripe-eu': no answer within 30"
    )
    assert "Do not run `pulumi up` again before you have checked" in told


def test_undo_that_fails_says_so_and_raises_nothing() -> None:
    """Nobody is left to catch an error, so what stays behind is told with the reason."""
    scripted = Scripted([listing(), CREATED, refusal(403, "no")], leaves_after=2)

    scripted.core.create(CHECKED)

    (told,) = scripted.told
    assert told.startswith(
        f"warning: the engine cancelled the create of {NAMED}, so no state has it, and it could not be deactivated "
        f"again: deactivating {NAMED}: Justt answered 403: no (errorId e-1). "
    )
    assert told.endswith(" Run `pulumi-justt recover` before the next `pulumi up`.")
