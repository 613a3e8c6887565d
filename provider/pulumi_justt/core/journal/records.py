"""Define the content of the journal's files. Pydantic refuses a file that was edited or damaged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, TypeAdapter

__all__ = [
    "Adoption",
    "Change",
    "Claim",
    "Decision",
    "Intent",
    "Snapshot",
    "address",
    "as_adoption",
    "as_change",
    "as_claim",
    "as_intent",
    "as_snapshot",
    "stack_name",
    "stack_of",
    "within_stack",
]

_MAX_SETTLE_SECONDS = 86_400.0
"""The maximum of `settled_at - sent_at`, in seconds: a damaged file must not delay a create for longer."""

_MAX_TIMESTAMP = 253_402_300_799.0
"""The end of the year 9999, the last year that `datetime` can format."""

_EXACT = ConfigDict(extra="forbid")

_Timestamp = Annotated[float, Field(ge=0.0, le=_MAX_TIMESTAMP, allow_inf_nan=False)]

_URL = re.compile(r"([a-z]+://)(\[[^]]*\]|[^:/[]*)(.*)")
"""Matches the scheme, the host and the rest."""


@dataclass(frozen=True)
class Decision:
    """The user's decision about an intent; the next create of its resource carries it out.

    Args:
        action: `claim` makes *integration_id* the resource's own. `deactivate` deactivates it and creates another one.
            `forget` creates another one and changes nothing at Justt.
        integration_id: The integration to claim or to deactivate.
        decided_at: The time of the decision, in seconds since the epoch; the journal sets it.
    """

    __pydantic_config__ = _EXACT
    action: Literal["claim", "deactivate", "forget"]
    integration_id: str | None = None
    decided_at: _Timestamp = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Intent:
    """A create that was started for a resource; no state is known to have its result yet.

    Args:
        urn: The resource's URN.
        base_url: The API's base URL.
        account: The reference account, if one was given.
        external_identifier: The resource's external identifier.
        source: The PSP.
        sent_at: When the latest POST was started, in seconds since the epoch.
        settled_at: The time by which that POST and the grace period have ended, in seconds since the epoch.
        snapshot: The name of the snapshot that was taken before the POST; None if there is none.
        integration_id: The id from the response; None while it is unknown.
        process: The name of the process that sent the POST.
        command: The name of that process's command.
        decision: The decision that the user made with `pulumi-justt recover`.
        digest: A digest of the request body, keyed with the API key. No file contains that key. None in a file of an
            older version.
    """

    __pydantic_config__ = _EXACT
    urn: str
    base_url: str
    account: str | None
    external_identifier: str
    source: str
    sent_at: _Timestamp
    settled_at: _Timestamp
    snapshot: str | None = None
    integration_id: str | None = None
    process: str | None = None
    command: str | None = None
    decision: Decision | None = None
    digest: str | None = None

    @property
    def outcome_id(self) -> str | None:
        """The id of the created integration, from Justt's response or from the user's decision to claim it."""
        if self.decision is not None and self.decision.action == "claim":
            return self.decision.integration_id
        return self.integration_id

    def is_at(self, base_url: str) -> bool:
        """Return whether the create was sent to *base_url*."""
        return address(self.base_url) == address(base_url)


@dataclass(frozen=True)
class Claim:
    """The resource that an id was created or claimed for.

    Args:
        base_url: The API's base URL, as `address` returns it.
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
        base_url: The API's base URL, as `address` returns it.
        integration_id: The integration.
        urn: The resource's URN.
        command: The command that started or ended the adoption; None if it was found in the state.
        is_held: Whether the adoption succeeded and the resource still exists. The resource may be the owner by now.
        begun_at: When the request of an adoption in progress was started, in seconds since the epoch.
    """

    command: str | None
    is_held: StrictBool
    begun_at: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The ids that an account listed before a process's first POST, and whether they are known to be all."""

    ids: frozenset[str]
    is_complete: StrictBool


@dataclass
class Change:
    """A create or a deactivation that a command tried.

    Args:
        action: What the command tried.
        outcome: The result. Of a create: `created`; `claimed`, if an earlier create made the integration; `failed`, if
            nothing was created; `unknown`, if it may exist. Of a deactivation: `deactivated`; `scheduled`, for a later
            date; `alreadyInactive`; `missing`, if a 404 was accepted as proof that it is gone; `failed`, if the
            integration may still be active.
        base_url: The API's base URL.
        urn: The resource's URN; None if it is unknown.
        account: The reference account, if one was given.
        source: The PSP.
        external_identifier: The resource's external identifier.
        integration_id: The integration's id; None if it is unknown.
        deactivation_date: When the integration stops, in Justt's format.
        error_id: Justt's errorId, if Justt refused the request.
        at: When the result was known, in seconds since the epoch.
    """

    action: Literal["create", "deactivate"]
    outcome: Literal[
        "created", "claimed", "deactivated", "scheduled", "alreadyInactive", "missing", "failed", "unknown"
    ]
    base_url: str
    urn: str | None = None
    account: str | None = None
    source: str | None = None
    external_identifier: str | None = None
    integration_id: str | None = None
    deactivation_date: str | None = None
    error_id: str | None = None
    at: _Timestamp = 0.0


_INTENT = TypeAdapter(Intent)
as_claim = TypeAdapter(Claim).validate_python
as_adoption = TypeAdapter(Adoption).validate_python
as_change = TypeAdapter(Change).validate_python
as_snapshot = TypeAdapter(Snapshot).validate_python


def as_intent(content: dict[str, Any]) -> Intent:
    """Return the intent from a file's content.

    Raises:
        LookupError: The decision names no integration, or the grace period ends too late.
        ValueError: The content does not have the form of an intent.
    """
    intent = _INTENT.validate_python(content)
    decision = intent.decision
    is_incomplete = decision is not None and decision.action != "forget" and decision.integration_id is None
    if is_incomplete or intent.settled_at > intent.sent_at + _MAX_SETTLE_SECONDS:
        raise IndexError
    return intent


def address(base_url: str) -> str:
    """Return the form of a base URL that the journal's file names use.

    The loopback host names become one, because a simulator has the same records under each of them. The settings have
    normalized the rest of the URL.
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
    """Return the project and the stack of a URN, as `project/stack`."""
    head, _, rest = urn.partition("::")
    return f"{rest.partition('::')[0]}/{head.rpartition(':')[2]}"


def within_stack(urn: str) -> str:
    """Return a URN without its stack and project."""
    return "::".join(urn.split("::")[2:])
