"""Every error a user can meet, and all wording that errors share.

This module knows no HTTP library, no Pulumi and no settings: whoever raises hands in the facts.

    JusttError
    ├── InvalidSettings             the configuration cannot be used as it is
    ├── Unresolved                  a credential is not where the program says
    ├── StateConflict               the recorded state and the configuration contradict each other
    └── RequestError                a request did not succeed
        ├── RequestRefused          Justt answered with a status that refuses the request
        ├── RequestFailed           no usable response came, and the request changed nothing that the state holds
        ├── ConnectionSetupError    a setting of this machine prevents every connection
        ├── CancelledError          the engine cancelled the call
        ├── NotReady                an integration failed, stopped or is not ready before the deadline
        ├── UnexpectedResponse      the response has no documented shape
        └── CreateOutcomeUnknown    the integration may or may not exist

Every text has one form: operation, response, Justt's errorId, remediation. No text holds a credential:
what Justt or a proxy says passes through `redaction` first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "CancelledError",
    "ConnectionSetupError",
    "CreateOutcomeUnknown",
    "InvalidSettings",
    "JusttError",
    "NotReady",
    "RequestError",
    "RequestFailed",
    "RequestRefused",
    "StateConflict",
    "UnexpectedResponse",
    "Unresolved",
]

_KEY = re.compile(r"[\w.-]{1,40}")
"""What a key of an API looks like; anything else may be a value in the wrong place."""
_SLACK = 3
"""Characters by which a misspelt word may be longer than any of its list."""
_LONGEST_PAIR = 200
"""Characters of a word and of an item of its list, together, beyond which they are not compared."""


class JusttError(Exception):
    """Base of all errors of this package; its text is one paragraph that may be shown to anyone."""


class InvalidSettings(JusttError):
    """The provider's configuration is missing something or contradicts itself."""


class Unresolved(JusttError):
    """A credential is not where the program says that it is found."""


class StateConflict(JusttError):
    """The record in the stack's state belongs to something else than the configuration points at."""


class RequestError(JusttError):
    """A request did not do what it was sent for.

    Args:
        operation: What the request was for, named by external identifier or id.
        response: What was received instead of success.
        remediation: What the user can do about it, as a full sentence.
        error_id: The vendor's errorId, for their support.
    """

    def __init__(self, operation: str, response: str, remediation: str, error_id: str | None = None) -> None:
        self.operation = operation
        self.response = response
        self.remediation = remediation
        self.error_id = error_id
        super().__init__()

    def __str__(self) -> str:
        """Give the one form of all such texts."""
        named = f" (errorId {self.error_id})" if self.error_id else ""
        return f"{self.operation}: {self.response}{named}. {self.remediation}"

    def but(self, *, operation: str | None = None, remediation: str | None = None) -> Self:
        """Return the same error as it is for another thing that was tried, or with what was found out meanwhile."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.operation, other.remediation = operation or self.operation, remediation or self.remediation
        return other


class RequestRefused(RequestError):
    """The API answered with a status that means no.

    Args:
        operation: What the request was for.
        response: The status and the vendor's words, already redacted.
        remediation: What the user can do about it.
        error_id: The vendor's errorId.
        status: The HTTP status.
        after_unanswered: Whether an earlier try of the same request was sent and never answered, so that it may be the
            reason for this refusal.
        is_of_api: Whether the API gave it, as far as can be told, and not something else at its address.
    """

    def __init__(  # noqa: PLR0913 - the facts of one answer
        self,
        operation: str,
        response: str,
        remediation: str,
        error_id: str | None,
        *,
        status: int,
        after_unanswered: bool,
        is_of_api: bool = True,
    ) -> None:
        self.status = status
        self.is_of_api = is_of_api
        self.after_unanswered = after_unanswered
        super().__init__(operation, response, remediation, error_id)

    @property
    def is_not_found(self) -> bool:
        """Whether the key, in this account, knows no such id."""
        return self.status == 404 and self.is_of_api  # noqa: PLR2004 - the HTTP status

    def of_given_id(self) -> Self:
        """Return the same error for an id that a person wrote: of a 404, first the id is in doubt."""
        if not self.is_not_found:
            return self
        return self.but(
            remediation=f"First check the id: `pulumi-justt list` shows those of the account. {self.remediation}"
        )

    @property
    def is_of_key(self) -> bool:
        """Whether it speaks of the key, and so neither of the integration nor of an earlier try."""
        return self.status in (401, 403)


class RequestFailed(RequestError):
    """No usable answer came within the tries and the deadline of the retry policy.

    Args:
        operation: What the request was for.
        response: What came instead of an answer.
        remediation: What the user can do about it.
        error_id: The vendor's errorId, if there was any answer.
        is_cut_short: Whether there would have been more tries, had there been time for them.
    """

    def __init__(
        self,
        operation: str,
        response: str,
        remediation: str,
        error_id: str | None = None,
        *,
        is_cut_short: bool = False,
    ) -> None:
        self.is_cut_short = is_cut_short
        super().__init__(operation, response, remediation, error_id)


class ConnectionSetupError(RequestError):
    """No request can be sent until a setting of this machine changes, so that no try is repeated."""


class UnexpectedResponse(RequestError):
    """A success came back in a shape that the vendor does not document."""


class CancelledError(RequestError):
    """The engine left before a create was sent, or while it waited, so that nobody would have stored the result."""


class NotReady(RequestError):
    """An integration that was waited for failed or stopped, or is not ready at the deadline."""


class CreateOutcomeUnknown(RequestError):
    """A create was sent and its outcome is unknown: the integration may exist."""


NOT_SHOWN = "[not shown, as it may be a credential]"
"""Stands for a field of a record."""

WITHHELD = "its words are not shown, because they may repeat a credential"


def describe_type(value: object, depth: int = 2) -> str:
    """Describe the keys and types of *value*, never its values."""
    if isinstance(value, Mapping):
        if depth == 0:
            return "an object"
        shown = list(value.items())[:8]
        keys = ", ".join(f"{k if _KEY.fullmatch(str(k)) else '…'}: {describe_type(v, depth - 1)}" for k, v in shown)
        return f"{{{keys}{', …' if len(value) > len(shown) else ''}}}"
    if isinstance(value, list):
        return f"[{len(value)} of {describe_type(value[0], depth - 1) if value and depth else 'item'}]"
    names = {str: "text", bool: "true/false", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.55) -> str:
    """Return a hint that names the item of *known* nearest to *word*, or an empty text.

    Args:
        word: What was given.
        known: What could have been meant; *word* itself is no hint.
        cutoff: How alike they have to be, from 0 to 1.
    """
    by_folded = {_folded(item): item for item in known if item != word}
    likeness, best = max(((_likeness(item, _folded(word)), item) for item in by_folded), default=(0.0, ""))
    return f" (did you mean {by_folded[best]!r}?)" if likeness >= cutoff else ""


def quoted(word: object, known: Collection[str]) -> str:
    """Name what was given instead of an item of *known*; what is not like one may be a secret in the wrong place."""
    if not isinstance(word, str):
        return f"a value of type {type(word).__name__}"
    return f"{word!r}{nearest(word, known)}" if is_like(word, known) else f"a text of {len(word)} characters"


def is_like(word: str, known: Collection[str]) -> bool:
    """Return whether *word* is one of *known* or nearly so; what is not may be a secret in the wrong place."""
    # A word that is much longer than any that could have been meant is something else.
    return word in known or (len(word) <= max(map(len, known)) + _SLACK and nearest(word, known) != "")


def _likeness(one: str, other: str) -> float:
    """Return what difflib would, in place of which a program's own `difflib.py` would be imported."""
    longest = len(one) + len(other)
    # A text that is much longer is none of them, and would take long.
    return 2 * _in_common(one, other) / longest if 0 < longest <= _LONGEST_PAIR else 0.0


def _in_common(one: str, other: str) -> int:
    """Return how many characters are in the longest part that both have, and in those before and after it."""
    for size in range(min(len(one), len(other)), 0, -1):
        for begin in range(len(one) - size + 1):
            place = other.find(one[begin : begin + size])
            if place >= 0:
                before = _in_common(one[:begin], other[:place])
                return size + before + _in_common(one[begin + size :], other[place + size :])
    return 0


def _folded(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
