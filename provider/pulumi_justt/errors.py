"""Define every error of this package, and the wording that errors share.

This module imports no HTTP library and no Pulumi, and it reads no settings. The code that raises an error passes the
facts.

    JusttError
    ├── InvalidSettings             the configuration cannot be used as it is
    ├── Unresolved                  a credential is not where the program says
    ├── StateConflict               the recorded state and the configuration contradict each other
    │   └── SharedConflict          other resources probably have the same conflict
    └── RequestError                a request did not succeed
        ├── RequestRefused          Justt answered with a status that refuses the request
        ├── RequestFailed           no usable response came, and the request changed nothing that the state holds
        ├── ConnectionSetupError    a setting of this machine prevents every connection
        ├── CancelledError          the engine cancelled the call
        ├── NotReady                an integration failed, stopped or is not ready before the deadline
        ├── UnexpectedResponse      the response does not have a documented shape
        └── CreateOutcomeUnknown    the integration may or may not exist

Every text has the same parts in the same order: operation, response, Justt's errorId, remediation. No text contains a
credential: `redaction` processes all text from Justt or a proxy first.
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
    "SharedConflict",
    "StateConflict",
    "UnexpectedResponse",
    "Unresolved",
]

_KEY = re.compile(r"[\w.-]{1,40}")
"""The format of the API's keys. Any other key may be a misplaced value, so it is not shown."""
_SLACK = 3
"""A misspelled word may have at most this many more characters than the longest known item."""
_LONGEST_PAIR = 200
"""A word and a known item are compared only if they have at most this many characters together."""


class JusttError(Exception):
    """Base of all errors of this package. Its text is one paragraph without secrets."""


class InvalidSettings(JusttError):
    """The provider's configuration is missing something or contradicts itself."""


class Unresolved(JusttError):
    """A credential reference points to a variable or file that does not hold the credential."""


class StateConflict(JusttError):
    """The stack's state and the configuration contradict each other."""


class SharedConflict(StateConflict):
    """A conflict whose cause probably concerns other resources as well, such as a wrong account or environment.

    Args:
        text: The whole text.
        operation: What the provider was doing, the beginning of *text*.
        response: Why that is a conflict.
        error_id: Justt's errorId, if *text* has one.
    """

    def __init__(self, text: str, operation: str, response: str, error_id: str | None = None) -> None:
        self.operation = operation
        self.response = response
        self.error_id = error_id
        super().__init__(text)


class RequestError(JusttError):
    """A request did not succeed.

    Args:
        operation: What the provider was doing, with the integration's external identifier or id.
        response: The response or failure that it got instead of success.
        remediation: What the user should do next, as a full sentence.
        error_id: Justt's errorId, which Justt's support asks for.
    """

    def __init__(self, operation: str, response: str, remediation: str, error_id: str | None = None) -> None:
        self.operation = operation
        self.response = response
        self.remediation = remediation
        self.error_id = error_id
        super().__init__()

    def __str__(self) -> str:
        """Return `operation: response (errorId). Remediation`, the form of all request errors."""
        named = f" (errorId {self.error_id})" if self.error_id else ""
        return f"{self.operation}: {self.response}{named}. {self.remediation}"

    def but(self, *, operation: str | None = None, remediation: str | None = None) -> Self:
        """Return a copy of the error with another operation or remediation."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.operation, other.remediation = operation or self.operation, remediation or self.remediation
        return other


class RequestRefused(RequestError):
    """Justt answered with a status that refuses the request.

    Args:
        operation: What the provider was doing.
        response: The status and Justt's message, already redacted.
        remediation: What the user should do next.
        error_id: Justt's errorId.
        status: The HTTP status.
        after_unanswered: Whether an earlier attempt of the same request was sent and got no response. That attempt may
            be the reason for this refusal.
        is_of_api: Whether the response came from the API, as far as the provider can see, and not from something else
            at its address.
    """

    def __init__(  # noqa: PLR0913 - the facts of one response
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
        """Whether the API found no such id with this key and account."""
        return self.status == 404 and self.is_of_api  # noqa: PLR2004 - the HTTP status

    def of_given_id(self) -> Self:
        """Return the error for an id that the user wrote. After a 404, the remediation first says to check the id."""
        if not self.is_not_found:
            return self
        return self.but(
            remediation=f"First check the id: `pulumi-justt list` shows the ids of the account. {self.remediation}"
        )

    @property
    def is_of_key(self) -> bool:
        """Whether the status concerns the API key, and not the integration or an earlier attempt."""
        return self.status in (401, 403)


class RequestFailed(RequestError):
    """No attempt got a usable response before the retry policy's limits were reached.

    Args:
        operation: What the provider was doing.
        response: What happened instead of a usable response.
        remediation: What the user should do next.
        error_id: Justt's errorId, if Justt responded.
        is_cut_short: Whether the deadline, and not the number of attempts, ended the request.
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
    """No request can be sent until a setting of this machine changes, so the request is not retried."""


class UnexpectedResponse(RequestError):
    """Justt reported success, but the response does not have a documented shape."""


class CancelledError(RequestError):
    """The engine cancelled the call before a create was sent or during a wait, so it would not store the result."""


class NotReady(RequestError):
    """An integration failed, stopped, or was not ready before the deadline of a wait."""


class CreateOutcomeUnknown(RequestError):
    """A create was sent and its outcome is unknown: the integration may exist."""


NOT_SHOWN = "[not shown, as it may be a credential]"
"""Replaces the value of a field that may hold a credential."""

WITHHELD = "the text is not shown, because it may contain a credential"


def describe_type(value: object, depth: int = 2) -> str:
    """Return the keys and types in *value*, but none of its values."""
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
    """Return a hint such as ` (did you mean 'stripe'?)`, or an empty text if nothing is similar.

    Args:
        word: The word that the user wrote.
        known: The words that the user may have meant. *word* itself is never suggested.
        cutoff: The minimum similarity, from 0 to 1.
    """
    by_folded = {_folded(item): item for item in known if item != word}
    likeness, best = max(((_likeness(item, _folded(word)), item) for item in by_folded), default=(0.0, ""))
    return f" (did you mean {by_folded[best]!r}?)" if likeness >= cutoff else ""


def quoted(word: object, known: Collection[str]) -> str:
    """Quote *word* if it resembles an item of *known*. Otherwise describe it, as it may be a misplaced secret."""
    if not isinstance(word, str):
        return f"a value of type {type(word).__name__}"
    return f"{word!r}{nearest(word, known)}" if is_like(word, known) else f"a text of {len(word)} characters"


def is_like(word: str, known: Collection[str]) -> bool:
    """Return whether *word* equals or resembles an item of *known*. Otherwise it may be a misplaced secret."""
    # A word that is much longer than every known item is not a misspelling of one.
    return word in known or (len(word) <= max(map(len, known)) + _SLACK and nearest(word, known) != "")


def _likeness(one: str, other: str) -> float:
    """Return difflib's similarity ratio without importing difflib, which a `difflib.py` of the program could shadow."""
    total = len(one) + len(other)
    # Long texts are slow to compare, and they are not misspellings of a known item.
    return 2 * _in_common(one, other) / total if 0 < total <= _LONGEST_PAIR else 0.0


def _in_common(one: str, other: str) -> int:
    """Count the characters in the longest common substring, and in those before and after it, recursively."""
    for size in range(min(len(one), len(other)), 0, -1):
        for begin in range(len(one) - size + 1):
            place = other.find(one[begin : begin + size])
            if place >= 0:
                before = _in_common(one[:begin], other[:place])
                return size + before + _in_common(one[begin + size :], other[place + size :])
    return 0


def _folded(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
