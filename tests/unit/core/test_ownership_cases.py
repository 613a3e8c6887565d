"""Cases that the state machine found, each as the shortest sequence of commands; `model_user` asserts the rest."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_justt.core.journal import Decision
from support.clock import Clock
from support.model_choices import Wish
from support.model_core import Core, Vendor
from support.model_engine import Flags, Resource, urn_of
from support.model_user import PLAIN, Project
from support.pulumi_model import Trouble


class Walk(Project):
    """A project on the core whose program has one integration.

    Args:
        folder: The folder of the journal.
        policy: `onAmbiguousCreate`.
    """

    def __init__(self, folder: Path, policy: str = "refuse") -> None:
        self.vendor = Vendor(Clock())
        core = Core(policy, self.vendor.clock, self.vendor, folder)
        super().__init__(core, refuses=policy == "refuse", seen=Counter())
        self.declare("shop-1", "first", 0, 0)

    def run_command(self, command: str, trouble: str = "", wish: Wish = "adopt", flags: Flags = PLAIN) -> Walk:
        """Run a command whose first create or read has the fault *trouble*, and assert the model's invariants."""
        operation, _, what = trouble.partition(" ")
        self.backend.trouble([Trouble(operation, what)] if trouble else [])
        self.run(command, wish, flags)
        self.assert_nothing_lost_or_doubled()
        return self

    def live(self) -> list[str]:
        """Return the ids of the integrations that are live at Justt."""
        return [record.id for record in self.backend.records() if record.is_live]

    def held(self) -> dict[str, str]:
        """Return the id of each resource in the state."""
        return {name: entry.id for name, entry in self.engine.state.items()}

    def intents(self) -> list[str | None]:
        """Return the ids of the intents in the journal."""
        return [intent.integration_id for intent in self._journal.intents()]


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    """Return a new project."""
    return Walk(tmp_path)


def test_deactivating_the_candidate_at_justt_settles_a_lost_create(walk: Walk) -> None:
    """If the user deactivates the candidate of a lost create at Justt, the next update creates an integration."""
    walk.run_command("up", "create drop-after-commit")
    walk.run_command("up", wish="deactivate")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"a": "int-00002"}, ["int-00002"])


def test_adopting_the_candidate_settles_a_lost_create(walk: Walk) -> None:
    """If the resource of a lost create adopts the candidate, its intent gets the id.

    The next update removes the intent.
    """
    walk.run_command("up", "create drop-after-commit")
    assert walk.intents() == [None]
    walk.run_command("up", wish="adopt")
    assert (walk.intents(), walk.held()) == (["int-00001"], {"a": "int-00001"})
    walk.run_command("up")
    assert walk.intents() == []


def test_adopting_the_candidate_under_another_name_settles_a_lost_create(walk: Walk) -> None:
    """If a new resource adopts the candidate of a lost create, as the error suggests, the intent is settled.

    Once adopt_id is removed, the resource can be replaced.
    """
    walk.run_command("up", "create drop-after-commit")
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up", wish="adopt")
    assert (walk.intents(), walk.held()) == (["int-00001"], {"b": "int-00001"})
    walk.run_command("up")
    assert walk.intents() == []
    walk.own("shop-1")
    walk.run_command("up")
    walk.declare("shop-1", "second", 1, 0, slot=1)
    walk.run_command("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


@pytest.mark.parametrize("command", ["up", "refresh", "destroy"])
def test_killed_rotation_that_is_not_continued_causes_a_warning(walk: Walk, command: str) -> None:
    """If a run is killed during a replacement and the change is then reverted, the next command logs a warning.

    No create can name the killed one.
    """
    walk.run_command("up")
    walk.declare("shop-1", "second", 1, 0)
    walk.run_command("up", "create kill-after-commit")
    assert walk.messages == []
    walk.declare("shop-1", "first", 0, 0)
    walk.run_command(command)
    assert any(
        "an earlier run began to create another one for this resource" in line and "`pulumi-justt recover`" in line
        for line in walk.messages
    )


def test_candidate_stays_one_after_a_failed_adoption(walk: Walk) -> None:
    """If the adoption of a candidate fails and the program drops adopt_id, the next update still names the candidate.

    The update fails and creates no second integration.
    """
    walk.run_command("up", "create drop-after-commit")
    walk.run_command("up", "get status=403", wish="adopt")
    walk.program["a"] = walk.program["a"].but(adoptId=None)
    ((_, text),) = walk.engine.up(walk.program, PLAIN).errors
    assert "New integrations with this source: int-00001 (PENDING)" in text
    assert walk.live() == ["int-00001"]


def test_adopting_an_older_integration_settles_nothing(walk: Walk) -> None:
    """If a resource adopts an integration that is older than its killed create, the create's intent stays."""
    walk.vendor.intrude(None, "stripe")
    walk.run_command("up", "create kill-after-commit")
    walk.program["a"] = walk.program["a"].but(adoptId="int-00001")
    walk.refuses = False
    walk.run_command("up")
    assert (walk.intents(), walk.held()) == ([None], {"a": "int-00001"})


@pytest.mark.parametrize("kill", ["kill-before-commit", "kill-after-commit"])
@pytest.mark.parametrize("wish", ["adopt", "claim", "deactivate", "recover --deactivate"])
def test_killed_create_is_named_after_a_rename_without_alias(walk: Walk, kill: str, wish: Wish) -> None:
    """If a resource is renamed without an alias after a killed create, the next update fails and names that create.

    Once the user has resolved it, one integration exists under the new name.
    """
    walk.run_command("up", f"create {kill}")
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up")
    assert [f"an earlier run began to create it for '{urn_of('a')}'" in text for text in walk.errors] == [True]
    assert walk.seen["a create under another name was reported"] == 1
    walk.run_command("up", wish=wish)
    if wish == "deactivate" and kill == "kill-after-commit":
        # The journal does not know that this integration was the killed create's.
        walk.run_command("up")
    assert walk.errors == []
    assert walk.live() == list(walk.held().values())
    assert list(walk.held()) == ["b"]
    assert walk.live() == ["int-00002" if kill == "kill-after-commit" and "deactivate" in wish else "int-00001"]


def test_killed_create_is_named_although_its_name_was_reused(walk: Walk) -> None:
    """After a killed create, the program gives the resource's old name to an integration of another account.

    The next `up` still reports the killed create, and creates nothing. After a claim, both resources get an
    integration.
    """
    walk.program.clear()
    walk.declare("shop-3", "first", 0, 0)
    walk.run_command("up", "create kill-after-commit")
    walk.rename_without_alias("shop-3", 0)
    walk.declare("shop-1", "first", 0, 0)
    walk.run_command("up")
    assert (walk.held(), len(walk.errors)) == ({}, 2)
    walk.run_command("up", wish="claim")
    assert walk.held() == {"b": "int-00001"}
    walk.run_command("up")
    assert (walk.errors, walk.held()) == ([], {"a": "int-00002", "b": "int-00001"})


def test_unstored_id_is_named_after_a_rename_without_alias(walk: Walk) -> None:
    """If the engine did not store a created id and the resource is renamed without an alias, the next update fails.

    The error names the id, and nothing is created. After `recover --claim`, the new name gets the integration.
    """
    walk.run_command("up", flags=Flags(dies_unstored=True))
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up")
    assert ["an earlier run created integration int-00001 for 'urn:" in text for text in walk.errors] == [True]
    (intent,) = walk._journal.intents()
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.run_command("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00001"}, ["int-00001"])
    walk.run_command("refresh")
    assert walk.intents() == []


def test_create_of_the_former_name_is_named_until_a_refresh(walk: Walk) -> None:
    """If a resource is renamed without an alias right after its create, the next update fails and names that create.

    The engine may have failed to store the id. After a refresh, the update creates a new integration and deactivates
    the old one.
    """
    walk.run_command("up")
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up")
    assert ["an earlier run created integration int-00001 for 'urn:" in text for text in walk.errors] == [True]
    walk.run_command("refresh")
    walk.run_command("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


def test_claim_of_the_former_name_does_not_block_after_a_refresh(walk: Walk) -> None:
    """After a resource has claimed an id, a refresh settles its intent.

    A later rename without an alias creates a new integration and deactivates the claimed one.
    """
    walk.run_command("up", flags=Flags(dies_unstored=True))
    (intent,) = walk._journal.intents()
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.run_command("up")
    assert walk.held() == {"a": "int-00001"}
    walk.run_command("refresh")
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


def test_decision_for_the_former_name_keeps_the_intent_of_the_new_name(walk: Walk) -> None:
    """If both the former and the new name have a killed create, the next update names the new name's candidate.

    The decision for the former name stays in its own intent.
    """
    walk.run_command("up", "create kill-after-commit")
    (intent,) = walk._journal.intents()
    walk._journal.write_intent(replace(intent, urn=urn_of("b")))
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.rename_without_alias("shop-1", 0)
    walk.run_command("up")
    assert ["New integrations with this source: int-00001 (PENDING)" in text for text in walk.errors] == [True]
    assert {each.urn: each.decision for each in walk._journal.intents()} == {
        urn_of("a"): Decision("claim", "int-00001"),
        urn_of("b"): None,
    }


def test_integration_of_another_key_does_not_block(walk: Walk) -> None:
    """If this key can't see the integration of an earlier create, that integration belongs to another account.

    So a create with the same identifier succeeds. A create in another process of the same command succeeds, too.
    """
    walk.run_command("up", flags=Flags(dies_unstored=True))
    walk.vendor.kept[0].account = "of another key"
    lost = dict(walk.program["a"].inputs)
    with walk.backend.command(gone=False) as processes:
        inputs, _ = processes.of("other").check({}, lost, urn=urn_of("b"))
        assert processes.of("other").create(inputs, urn=urn_of("b"))[0] == "int-00002"
        # A create of another process of this command does not count as one of an earlier run.
        inputs, _ = processes.of("third").check({}, lost, urn=urn_of("c"))
        assert processes.of("third").create(inputs, urn=urn_of("c"))[0] == "int-00003"


def test_rename_with_a_replacement_deactivates_the_old_one(walk: Walk) -> None:
    """If a resource is renamed with an alias and replaced in one update, the update deactivates the old integration."""
    walk.run_command("up")
    walk.rename("shop-1", 0)
    walk.declare("shop-1", "second", 1, 0)
    walk.run_command("up")
    assert (walk.held(), walk.live()) == ({"b": "int-00002"}, ["int-00002"])


def test_adoption_under_a_former_name_is_noted(walk: Walk) -> None:
    """If a renamed adopter removes adopt_id, a message says that the adoption under its former name still counts.

    The journal can't tell a former name from another resource. So the removal of the resource only releases the
    integration.
    """
    walk.run_command("up")
    walk.hand_over("shop-1", 0, "")
    walk.run_command("up")
    walk.rename("shop-1", 1)
    walk.run_command("up")
    walk.own("shop-1")
    walk.run_command("up")
    assert [line for line in walk.messages if "If that is a former name of this resource" in line] != []
    walk.remove("shop-1")
    walk.run_command("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {}, ["int-00001"])


def fail_with_403(walk: Walk) -> None:
    """Make the adopter's GET fail with 403."""
    walk.hand_over("shop-1", 0, "other", keeps_owner=True)
    walk.run_command("up", "get status=403")


def keep_the_owner(walk: Walk) -> None:
    """Make the adoption fail because the owner is still in the program."""
    walk.hand_over("shop-1", 0, "", keeps_owner=True)
    walk.run_command("up")


@pytest.mark.parametrize("fail", [fail_with_403, keep_the_owner])
def test_failed_adoption_protects_only_in_its_command(walk: Walk, fail: Callable[[Walk], None]) -> None:
    """If an adoption failed, a later update that replaces the owner deactivates the old integration."""
    walk.run_command("up")
    fail(walk)
    (text,) = walk.errors
    assert "adopting integration int-00001" in text
    del walk.program["b"]
    walk._rivals.clear()
    walk.declare("shop-1", "second", 1, 0)
    walk.run_command("up")
    assert (walk.held(), walk.live()) == ({"a": "int-00002"}, ["int-00002"])


@pytest.mark.parametrize(("owner", "adopter"), [("a", "b"), ("b", "a")])
def test_owner_and_adopter_deleted_together_release_the_integration(walk: Walk, owner: str, adopter: str) -> None:
    """If one `destroy` deletes an owner and its adopter, in either order, the integration stays live."""
    walk.program[owner] = walk.program.pop("a")
    walk.run_command("up")
    walk.hand_over("shop-1", 0, "")
    walk.run_command("up", flags=Flags(targets=frozenset({adopter})))
    assert walk.held() == {owner: "int-00001", adopter: "int-00001"}
    walk.run_command("destroy")
    assert walk.seen["an integration that another command adopted was released"] == (owner == "a")
    assert (walk.held(), walk.live()) == ({}, ["int-00001"])


@pytest.mark.parametrize(("owner", "adopter"), [("a", "b"), ("b", "a")])
def test_adopter_without_a_journal_protects_if_it_is_deleted_first(walk: Walk, owner: str, adopter: str) -> None:
    """Without adoption records, a `destroy` knows an adopter only from the adopter's own delete.

    If the engine deletes the adopter first, the integration stays live. If it deletes the owner first, the integration
    is deactivated.
    """
    walk.program[owner] = walk.program.pop("a")
    walk.run_command("up")
    walk.hand_over("shop-1", 0, "")
    walk.run_command("up", flags=Flags(targets=frozenset({adopter})))
    shutil.rmtree(walk.backend.folder / "adoptions")
    walk.engine.destroy(PLAIN)
    assert (walk.held(), walk.live()) == ({}, ["int-00001"] if adopter == "a" else [])


def test_former_name_can_be_reused(walk: Walk) -> None:
    """After a rename with an alias, a new resource can use the former name and gets its own integration.

    The intent is settled once its id is seen under the new name.
    """
    walk.run_command("up")
    walk.rename("shop-1", 0)
    walk.run_command("up")
    walk.declare("shop-2", "first", 0, 0, slot=0)
    assert list(walk.program) == ["b", "a"]
    walk.run_command("up")
    assert (walk.errors, walk.held()) == ([], {"b": "int-00001", "a": "int-00002"})


@pytest.mark.parametrize("is_recorded", [True, False])
def test_candidate_that_the_program_adopts_is_not_claimed(tmp_path: Path, is_recorded: bool) -> None:
    """If another resource of the program adopts the candidate, `adopt` does not claim it for a lost create.

    The create makes its own integration.
    """
    walk = Walk(tmp_path, "adopt").run_command("up", "create kill-after-commit")
    lost = dict(walk.program["a"].inputs)
    with walk.backend.command(gone=False) as processes:
        provider = processes.of("")
        provider.check({}, {**lost, "externalIdentifier": "shop-2", "adoptId": "int-00001"}, urn=urn_of("b"))
        if not is_recorded:
            shutil.rmtree(tmp_path / "adoptions")
        inputs, _ = provider.check({}, lost, urn=urn_of("a"))
        assert provider.create(inputs, urn=urn_of("a"))[0] == "int-00002"


def test_candidate_that_an_earlier_command_adopted_is_not_claimed(tmp_path: Path) -> None:
    """If an earlier command of another provider adopted the candidate, `adopt` does not claim it for a lost create.

    The journal records the adoption.
    """
    walk = Walk(tmp_path, "adopt").run_command("up", "create kill-after-commit")
    adopting = walk.program["a"].but(externalIdentifier="shop-2", adoptId="int-00001")
    walk.program["b"] = Resource(adopting.inputs, provider="other")
    walk.run_command("up", flags=Flags(targets=frozenset({"b"})))
    walk.run_command("up", flags=Flags(targets=frozenset({"a"})))
    assert walk.held() == {"a": "int-00002", "b": "int-00001"}


def test_unused_stack_does_not_count_as_a_killed_run(walk: Walk) -> None:
    """If a stack is unused for 40 days after a create, the next update settles the stored id without a warning."""
    walk.run_command("up")
    walk.vendor.clock.sleep(40 * 86_400.0)
    walk.declare("shop-2", "first", 0, 0)
    walk.run_command("up")
    assert (walk.errors, walk.seen["an intent was dropped for its age"]) == ([], 0)
    assert walk.intents() == ["int-00002"]


def test_killed_create_is_dropped_after_30_days(walk: Walk) -> None:
    """If the next update comes 40 days after a killed create, it drops the intent and creates an integration.

    A warning says so.
    """
    walk.run_command("up", "create kill-after-commit")
    walk.vendor.clock.sleep(40 * 86_400.0)
    walk.run_command("up")
    assert (walk.held(), walk.seen["an intent was dropped for its age"]) == ({"a": "int-00002"}, 1)
