"""The random choices for each step of the state machines: edits, command flags, and the user's preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hypothesis import strategies as st

from support.model_engine import Flags
from support.pulumi_model import NAMES

__all__ = ["EDIT", "FLAGS", "SLOTS", "WISH", "Edit", "Wish"]

SLOTS = ("a", "b", "c", "d", "e")
"""The names of resources. The name of each integration is drawn at random."""

Wish = Literal["adopt", "deactivate", "claim", "recover --deactivate", "forget"]
"""How the user prefers to resolve a reported integration."""

EditKind = Literal[
    "declare", "schedule", "remove", "own", "rename", "rename without alias", "hand over", "adopt beside", "move"
]

WISH = st.sampled_from(("adopt", "adopt", *get_args(Wish)))
FLAGS = st.builds(
    Flags,
    gone=st.sampled_from([False, False, True]),
    refreshes=st.booleans(),
    continues=st.booleans(),
    targets=st.none() | st.none() | st.frozensets(st.sampled_from(SLOTS), min_size=1),
    retries=st.sampled_from([0, 0, 1, 2]),
    dies_unstored=st.sampled_from([False] * 7 + [True]),
)


@dataclass(frozen=True)
class Edit:
    """A change of the program.

    Args:
        kind: The kind of change.
        identifier: The integration that changes.
        label: Its new name at Justt.
        number: The number of its credential.
        days: The number of days between its deactivation and its end.
        slot: Which of the free names a new resource gets.
        provider: Its new provider resource.
    """

    kind: EditKind
    identifier: str
    label: str
    number: int
    days: int
    slot: int
    provider: str


EDIT = st.builds(
    Edit,
    kind=st.sampled_from(("declare", "declare", *get_args(EditKind))),
    identifier=st.sampled_from(NAMES),
    label=st.sampled_from(["first", "second"]),
    number=st.integers(0, 2),
    days=st.sampled_from([0, 7]),
    slot=st.integers(0, len(SLOTS) - 1),
    provider=st.sampled_from(["", "", "other"]),
)
