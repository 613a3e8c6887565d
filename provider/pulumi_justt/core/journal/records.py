"""What the files of the journal hold: pydantic refuses a file that an editor, or something else, has written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, TypeAdapter

__all__ = [
    "Adoption",
    "Claim",
    "Decision",
    "Intent",
    "Snapshot",
    "address",
    "as_adoption",
    "as_claim",
    "as_intent",
    "as_snapshot",
    "stack_name",
    "stack_of",
    "within_stack",
]

_LONGEST_WAIT = 86_400.0
"""Seconds that no request takes: a file that says more would hold up a create for as long."""

_LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, which is the last one that a text can show."""

_EXACT = ConfigDict(extra="forbid")

_Moment = Annotated[float, Field(ge=0.0, le=_LAST_MOMENT, allow_inf_nan=False)]

_URL = re.compile(r"([a-z]+://)(\[[^]]*\]|[^:/[]*)(.*)")
"""The scheme, the host and the rest."""


@dataclass(frozen=True)
class Decision:
    """What a person has decided about an intent; the next create of its resource carries it out.

    Args:
        action: `claim` makes *integration_id* the resource's own, `deactivate` deactivates it and creates another one,
            `forget` creates another one and leaves Justt as it is.
        integration_id: The integration to claim or to deactivate.
        decided_at: When, in seconds since the epoch; the journal fills it in.
    """

    __pydantic_config__ = _EXACT
    action: Literal["claim", "deactivate", "forget"]
    integration_id: str | None = None
    decided_at: _Moment = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Intent:
    """A create that was begun for a resource, and of which no state is known to hold the result.

    Args:
        urn: The resource's URN.
        base_url: Where the API was reached.
        account: The reference account, if one was given.
        external_identifier: The resource's external identifier.
        source: The PSP.
        sent_at: When the latest POST was begun, in seconds since the epoch.
        settled_at: When that POST has been answered or given up and Justt has had its grace period, likewise.
        snapshot: The name of the snapshot that was taken before it; None where there is none.
        integration_id: The id that the answer brought; None while it is unknown.
        process: The name of the process that sent it.
        command: The command that this process was of.
        decision: What `pulumi-justt recover` was told.
        digest: What tells the body that was sent from another one, keyed with the API key, which no file holds; None
            in a file of an older version.
    """

    __pydantic_config__ = _EXACT
    urn: str
    base_url: str
    account: str | None
    external_identifier: str
    source: str
    sent_at: _Moment
    settled_at: _Moment
    snapshot: str | None = None
    integration_id: str | None = None
    process: str | None = None
    command: str | None = None
    decision: Decision | None = None
    digest: str | None = None

    @property
    def outcome_id(self) -> str | None:
        """The integration that it made, if Justt's answer or a person has named it."""
        if self.decision is not None and self.decision.action == "claim":
            return self.decision.integration_id
        return self.integration_id

    def is_at(self, base_url: str) -> bool:
        """Return whether it was begun at an address."""
        return address(self.base_url) == address(base_url)


@dataclass(frozen=True)
class Claim:
    """The resource that an id was created or claimed for.

    Args:
        base_url: Where the API was reached, as `address` spells it.
        integration_id: The id.
        urn: The resource's URN.
    """

    base_url: str
    integration_id: str
    urn: str


@dataclass(frozen=True)
class Adoption(Claim):
    """A resource's adoption of an integration.

    Args:
        base_url: Where the API was reached, as `address` spells it.
        integration_id: The integration.
        urn: The resource's URN.
        command: The command that began or ended it; None if the state was seen to have it.
        is_held: Whether it has succeeded, and the resource has not been deleted since; it may be the owner by now.
        begun_at: When the request of an adoption that is under way was begun, in seconds since the epoch.
    """

    command: str | None
    is_held: StrictBool
    begun_at: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The ids that an account listed before the first POST of a process, and whether those were surely all."""

    ids: frozenset[str]
    is_complete: StrictBool


_INTENT = TypeAdapter(Intent)
as_claim = TypeAdapter(Claim).validate_python
as_adoption = TypeAdapter(Adoption).validate_python
as_snapshot = TypeAdapter(Snapshot).validate_python


def as_intent(content: dict[str, Any]) -> Intent:
    """Return the intent in a file.

    Raises:
        LookupError: It is one that can't be worked with.
    """
    intent = _INTENT.validate_python(content)
    decision = intent.decision
    is_incomplete = decision is not None and decision.action != "forget" and decision.integration_id is None
    if is_incomplete or intent.settled_at > intent.sent_at + _LONGEST_WAIT:
        raise IndexError
    return intent


def address(base_url: str) -> str:
    """Return the spelling of a base URL that files are named by; the settings have normalized the rest of it.

    This machine has several names, under each of which a simulator has the same records.
    """
    found = _URL.fullmatch(base_url)
    if found is None:
        return base_url
    host = found[2].removesuffix(".")
    return f"{found[1]}{'127.0.0.1' if host in ('localhost', '[::1]') else host}{found[3]}"


def stack_of(urn: str) -> list[str]:
    """Return the part of a URN that names the stack and the project."""
    return urn.split("::")[:2]


def stack_name(urn: str) -> str:
    """Return the project and the stack of a URN, as the CLI takes them."""
    head, _, rest = urn.partition("::")
    return f"{rest.partition('::')[0]}/{head.rpartition(':')[2]}"


def within_stack(urn: str) -> str:
    """Return a URN without its stack and project."""
    return "::".join(urn.split("::")[2:])
