"""What the state machine has found, each as the shortest walk that shows it; `model_user` asserts the rest."""

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
    """A project over the core, with one integration that is created at first.

    Args:
        folder: Where the journal is.
        policy: The policy for lost creates.
    """

    def __init__(self, folder: Path, policy: str = "refuse") -> None:
        self.vendor = Vendor(Clock())
        core = Core(policy, self.vendor.clock, self.vendor, folder)
        super().__init__(core, refuses=policy == "refuse", seen=Counter())
        self.declare("shop-1", "first", 0, 0)

    def does(self, command: str, trouble: str = "", wish: Wish = "adopt", flags: Flags = PLAIN) -> Walk:
        """Run a command, of which the first create or read meets trouble, and assert what the model asserts."""
        operation, _, what = trouble.partition(" ")
        self.backend.trouble([Trouble(operation, what)] if trouble else [])
        self.run(command, wish, flags)
        self.assert_nothing_lost_or_doubled()
        return self

    def live(self) -> list[str]:
        """Return the ids of what goes on running at Justt."""
        return [record.id for record in self.backend.records() if record.is_live]

    def held(self) -> dict[str, str]:
        """Return the id of each resource of the state."""
        return {name: entry.id for name, entry in self.engine.state.items()}

    def intents(self) -> list[str | None]:
        """Return the ids of the intents in the journal."""
        return [intent.integration_id for intent in self._journal.intents()]


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    """Start a walk."""
    return Walk(tmp_path)


def test_deactivating_the_candidate_at_justt_settles_a_lost_create(walk: Walk) -> None:
    """The next update finds no candidate that runs, and creates another one."""
    walk.does("up", "create drop-after-commit")
    walk.does("up", wish="deactivate")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"a": "int-00002"}, ["int-00002"])


def test_adopting_the_candidate_settles_a_lost_create(walk: Walk) -> None:
    """The intent gets the id, and ends as each one does: a later replacement is not taken for the lost create."""
    walk.does("up", "create drop-after-commit")
    assert walk.intents() == [None]
    walk.does("up", wish="adopt")
    assert (walk.intents(), walk.held()) == (["int-00001"], {"a": "int-00001"})
    walk.does("up")
    assert walk.intents() == []


def test_adopting_the_candidate_under_another_name_settles_a_lost_create(walk: Walk) -> None:
    """As the error says: a new resource takes it over. Then it is that one's own, and can be rotated."""
    walk.does("up", "create drop-after-commit")
    walk.rename_without_alias("shop-1", 0)
    walk.does("up", wish="adopt")
    assert (walk.intents(), walk.held()) == (["int-00001"], {"b": "int-00001"})
    walk.does("up")
    assert walk.intents() == []
    walk.own("shop-1")
    walk.does("up")
    walk.declare("shop-1", "second", 1, 0, slot=1)
    walk.does("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


@pytest.mark.parametrize("command", ["up", "refresh", "destroy"])
def test_killed_rotation_that_is_not_continued_is_told(walk: Walk, command: str) -> None:
    """The change is reverted, or the resource leaves: no create names what the killed one has made."""
    walk.does("up")
    walk.declare("shop-1", "second", 1, 0)
    walk.does("up", "create kill-after-commit")
    assert walk.told == []
    walk.declare("shop-1", "first", 0, 0)
    walk.does(command)
    assert any(
        "an earlier run began to create another one for this resource" in line and "`pulumi-justt recover`" in line
        for line in walk.told
    )


def test_failed_adoption_of_the_candidate_leaves_it_one(walk: Walk) -> None:
    """A candidate whose adoption failed is in no resource, and no other one is created beside it."""
    walk.does("up", "create drop-after-commit")
    walk.does("up", "get status=403", wish="adopt")
    walk.program["a"] = walk.program["a"].but(adoptId=None)
    ((_, text),) = walk.engine.up(walk.program, PLAIN).errors
    assert "New integrations with this source: int-00001 (PENDING)" in text
    assert walk.live() == ["int-00001"]


def test_adopting_what_is_older_settles_nothing(walk: Walk) -> None:
    """What the account had before a killed create cannot be its result."""
    walk.vendor.intrude(None, "stripe")
    walk.does("up", "create kill-after-commit")
    walk.program["a"] = walk.program["a"].but(adoptId="int-00001")
    walk.refuses = False
    walk.does("up")
    assert (walk.intents(), walk.held()) == ([None], {"a": "int-00001"})


@pytest.mark.parametrize("kill", ["kill-before-commit", "kill-after-commit"])
@pytest.mark.parametrize("wish", ["adopt", "claim", "deactivate", "recover --deactivate"])
def test_killed_create_is_named_under_another_name(walk: Walk, kill: str, wish: Wish) -> None:
    """A resource that is named anew without an alias, after a run that was killed, is created once."""
    walk.does("up", f"create {kill}")
    walk.rename_without_alias("shop-1", 0)
    walk.does("up")
    assert [f"an earlier run began to create it for '{urn_of('a')}'" in text for text in walk.errors] == [True]
    assert walk.seen["a create under another name was named"] == 1
    walk.does("up", wish=wish)
    if wish == "deactivate" and kill == "kill-after-commit":
        # The journal does not know that this was it.
        walk.does("up")
    assert walk.errors == []
    assert walk.live() == list(walk.held().values())
    assert list(walk.held()) == ["b"]
    assert walk.live() == ["int-00002" if kill == "kill-after-commit" and "deactivate" in wish else "int-00001"]


def test_killed_create_is_named_although_its_name_is_another_ones_now(walk: Walk) -> None:
    """The name of a resource whose create was killed may be given to an integration of another account."""
    walk.program.clear()
    walk.declare("shop-3", "first", 0, 0)
    walk.does("up", "create kill-after-commit")
    walk.rename_without_alias("shop-3", 0)
    walk.declare("shop-1", "first", 0, 0)
    walk.does("up")
    assert (walk.held(), len(walk.errors)) == ({}, 2)
    walk.does("up", wish="claim")
    assert walk.held() == {"b": "int-00001"}
    walk.does("up")
    assert (walk.errors, walk.held()) == ([], {"a": "int-00002", "b": "int-00001"})


def test_created_id_that_was_not_stored_is_named_under_another_name(walk: Walk) -> None:
    """Nothing is created beside it, and `recover --claim` makes it the new name's."""
    walk.does("up", flags=Flags(dies_unstored=True))
    walk.rename_without_alias("shop-1", 0)
    walk.does("up")
    assert ["an earlier run created integration int-00001 for 'urn:" in text for text in walk.errors] == [True]
    (intent,) = walk._journal.intents()
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.does("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00001"}, ["int-00001"])
    walk.does("refresh")
    assert walk.intents() == []


def test_former_name_of_a_create_that_no_command_has_seen_is_named(walk: Walk) -> None:
    """The engine may have failed to store the id; after a refresh it deletes it once the new one is created."""
    walk.does("up")
    walk.rename_without_alias("shop-1", 0)
    walk.does("up")
    assert ["an earlier run created integration int-00001 for 'urn:" in text for text in walk.errors] == [True]
    walk.does("refresh")
    walk.does("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


def test_former_name_of_a_claim_is_no_obstacle_after_a_refresh(walk: Walk) -> None:
    """The run that claims an id for its resource stands for it, and not the killed one before."""
    walk.does("up", flags=Flags(dies_unstored=True))
    (intent,) = walk._journal.intents()
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.does("up")
    assert walk.held() == {"a": "int-00001"}
    walk.does("refresh")
    walk.rename_without_alias("shop-1", 0)
    walk.does("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {"b": "int-00002"}, ["int-00002"])


def test_decision_for_a_former_name_replaces_no_intent_of_the_new_one(walk: Walk) -> None:
    """What was begun under the new name is settled first."""
    walk.does("up", "create kill-after-commit")
    (intent,) = walk._journal.intents()
    walk._journal.write_intent(replace(intent, urn=urn_of("b")))
    walk.decide(intent, Decision("claim", "int-00001"))
    walk.rename_without_alias("shop-1", 0)
    walk.does("up")
    assert ["New integrations with this source: int-00001 (PENDING)" in text for text in walk.errors] == [True]
    assert {each.urn: each.decision for each in walk._journal.intents()} == {
        urn_of("a"): Decision("claim", "int-00001"),
        urn_of("b"): None,
    }


def test_same_integration_of_another_key_is_no_obstacle(walk: Walk) -> None:
    """Two accounts may be reached by two keys and no account name: a record that the key does not see is another's."""
    walk.does("up", flags=Flags(dies_unstored=True))
    walk.vendor.kept[0].account = "of another key"
    lost = dict(walk.program["a"].inputs)
    with walk.backend.command(gone=False) as processes:
        inputs, _ = processes.of("other").check({}, lost, urn=urn_of("b"))
        assert processes.of("other").create(inputs, urn=urn_of("b"))[0] == "int-00002"
        # What another process of this command is at work on is no earlier run's.
        inputs, _ = processes.of("third").check({}, lost, urn=urn_of("c"))
        assert processes.of("third").create(inputs, urn=urn_of("c"))[0] == "int-00003"


def test_rename_with_a_replacement_deactivates_the_old_one(walk: Walk) -> None:
    """The engine deletes what was replaced under the former name, and its successor does not hold it any more."""
    walk.does("up")
    walk.rename("shop-1", 0)
    walk.declare("shop-1", "second", 1, 0)
    walk.does("up")
    assert (walk.held(), walk.live()) == ({"b": "int-00002"}, ["int-00002"])


def test_adoption_under_a_former_name_is_told(walk: Walk) -> None:
    """The journal cannot tell a former name from another resource, so it still protects, and a note says so."""
    walk.does("up")
    walk.hand_over("shop-1", 0, "")
    walk.does("up")
    walk.rename("shop-1", 1)
    walk.does("up")
    walk.own("shop-1")
    walk.does("up")
    assert [line for line in walk.told if "If that is a former name of this resource" in line] != []
    walk.remove("shop-1")
    walk.does("up")
    assert (walk.errors, walk.held(), walk.live()) == ([], {}, ["int-00001"])


def forbid(walk: Walk) -> None:
    """Have the adopter's GET refused."""
    walk.hand_over("shop-1", 0, "other", keeps_owner=True)
    walk.does("up", "get status=403")


def forget_the_owner(walk: Walk) -> None:
    """Have the adoption refused because the owner is still in the program."""
    walk.hand_over("shop-1", 0, "", keeps_owner=True)
    walk.does("up")


@pytest.mark.parametrize("fail", [forbid, forget_the_owner])
def test_failed_adoption_protects_in_its_command_only(walk: Walk, fail: Callable[[Walk], None]) -> None:
    """A resource whose adoption failed, and that leaves the program, keeps no integration running for ever."""
    walk.does("up")
    fail(walk)
    (text,) = walk.errors
    assert "adopting integration int-00001" in text
    del walk.program["b"]
    walk._rivals.clear()
    walk.declare("shop-1", "second", 1, 0)
    walk.does("up")
    assert (walk.held(), walk.live()) == ({"a": "int-00002"}, ["int-00002"])


@pytest.mark.parametrize(("owner", "adopter"), [("a", "b"), ("b", "a")])
def test_owner_and_adopter_that_leave_together_release(walk: Walk, owner: str, adopter: str) -> None:
    """Whichever the engine deletes first, what the old program adopts goes on running."""
    walk.program[owner] = walk.program.pop("a")
    walk.does("up")
    walk.hand_over("shop-1", 0, "")
    walk.does("up", flags=Flags(targets=frozenset({adopter})))
    assert walk.held() == {owner: "int-00001", adopter: "int-00001"}
    walk.does("destroy")
    assert walk.seen["what another command adopted was released"] == (owner == "a")
    assert (walk.held(), walk.live()) == ({}, ["int-00001"])


@pytest.mark.parametrize(("owner", "adopter"), [("a", "b"), ("b", "a")])
def test_adopter_that_no_journal_knows_protects_if_it_is_deleted_first(walk: Walk, owner: str, adopter: str) -> None:
    """An adopter of another machine is known from its recorded outputs: `destroy` calls delete alone.

    The engine of the model deletes in the order of names, so that the other order shows what is not covered.
    """
    walk.program[owner] = walk.program.pop("a")
    walk.does("up")
    walk.hand_over("shop-1", 0, "")
    walk.does("up", flags=Flags(targets=frozenset({adopter})))
    shutil.rmtree(walk.backend.folder / "adoptions")
    walk.engine.destroy(PLAIN)
    assert (walk.held(), walk.live()) == ({}, ["int-00001"] if adopter == "a" else [])


def test_former_name_is_free(walk: Walk) -> None:
    """The intent of a create is settled when its id is seen under a name that the resource got since."""
    walk.does("up")
    walk.rename("shop-1", 0)
    walk.does("up")
    walk.declare("shop-2", "first", 0, 0, slot=0)
    assert list(walk.program) == ["b", "a"]
    walk.does("up")
    assert (walk.errors, walk.held()) == ([], {"b": "int-00001", "a": "int-00002"})


@pytest.mark.parametrize("is_recorded", [True, False])
def test_candidate_that_the_program_adopts_is_not_claimed(tmp_path: Path, is_recorded: bool) -> None:
    """With `adopt`, a lost create does not claim what another resource names by its id."""
    walk = Walk(tmp_path, "adopt").does("up", "create kill-after-commit")
    lost = dict(walk.program["a"].inputs)
    with walk.backend.command(gone=False) as processes:
        provider = processes.of("")
        provider.check({}, {**lost, "externalIdentifier": "shop-2", "adoptId": "int-00001"}, urn=urn_of("b"))
        if not is_recorded:
            shutil.rmtree(tmp_path / "adoptions")
        inputs, _ = provider.check({}, lost, urn=urn_of("a"))
        assert provider.create(inputs, urn=urn_of("a"))[0] == "int-00002"


def test_candidate_that_an_earlier_command_adopted_is_not_claimed(tmp_path: Path) -> None:
    """The journal knows what a resource of another provider adopts."""
    walk = Walk(tmp_path, "adopt").does("up", "create kill-after-commit")
    adopting = walk.program["a"].but(externalIdentifier="shop-2", adoptId="int-00001")
    walk.program["b"] = Resource(adopting.inputs, provider="other")
    walk.does("up", flags=Flags(targets=frozenset({"b"})))
    walk.does("up", flags=Flags(targets=frozenset({"a"})))
    assert walk.held() == {"a": "int-00002", "b": "int-00001"}


def test_stack_that_was_left_alone_is_not_taken_for_a_killed_run(walk: Walk) -> None:
    """After more than 30 days an id that was stored long ago is settled as usual, without a warning."""
    walk.does("up")
    walk.vendor.clock.sleep(40 * 86_400.0)
    walk.declare("shop-2", "first", 0, 0)
    walk.does("up")
    assert (walk.errors, walk.seen["an intent was dropped for its age"]) == ([], 0)
    assert walk.intents() == ["int-00002"]


def test_killed_create_is_forgotten_after_30_days(walk: Walk) -> None:
    """What may have been created so long ago holds nothing up, and a warning says so."""
    walk.does("up", "create kill-after-commit")
    walk.vendor.clock.sleep(40 * 86_400.0)
    walk.does("up")
    assert (walk.held(), walk.seen["an intent was dropped for its age"]) == ({"a": "int-00002"}, 1)
