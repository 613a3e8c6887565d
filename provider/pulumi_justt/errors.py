"""Every error a user can meet, and all wording that errors share.

This module knows no HTTP library, no Pulumi and no settings: whoever raises hands in the facts.

    JusttError
    ├── InvalidSettings     the configuration cannot be used as it is
    ├── Unresolved          a credential is not where the program says
    ├── StateConflict       the recorded state and the configuration speak of different things
    └── RequestError        a request did not do what it was sent for
        ├── Refused         the API answered that it won't
        ├── Unreachable     no answer could be had, and nothing was changed by asking
        ├── Barred          a setting of this machine keeps every request from being sent
        ├── Abandoned       the engine left before it was done
        ├── NotReady        the integration that was waited for does not work
        ├── Misunderstood   an answer came that has no documented shape
        └── AmbiguousCreate a create may or may not have happened

Texts have one form: what we tried, what came back, the vendor's errorId, what to do next. No text holds a credential:
what Justt or a proxy says passes through `redaction` first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Abandoned",
    "AmbiguousCreate",
    "Barred",
    "InvalidSettings",
    "JusttError",
    "Misunderstood",
    "NotReady",
    "Refused",
    "RequestError",
    "StateConflict",
    "Unreachable",
    "Unresolved",
]

_OF_A_PROVIDER = "provider '"
_SETTING = re.compile(rf"\b(justt:[a-z]\w*|{_OF_A_PROVIDER}|address http|answer within)")
"""Speaks of a setting, or of what `justt.Provider` was given; the types of our resources begin with a capital."""
_KEY = re.compile(r"[\w.-]{1,40}")
"""What a key of an API looks like; anything else may be a value in the wrong place."""
_SLACK = 3
"""Characters by which a misspelt word may be longer than any of its list."""
_LONGEST_PAIR = 200
"""Characters of a word and of an item of its list, together, beyond which they are not compared."""
_MANY = 20
"""More candidates than anybody creates beside us within a minute."""


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
        tried: What the request was for, named by external identifier or id.
        came_back: What was received instead of success.
        cure: What the user can do about it, as a full sentence.
        error_id: The vendor's errorId, for their support.
    """

    def __init__(self, tried: str, came_back: str, cure: str, error_id: str | None = None) -> None:
        self.tried = tried
        self.came_back = came_back
        self.cure = cure
        self.error_id = error_id
        super().__init__()

    def __str__(self) -> str:
        """Give the one form of all such texts."""
        named = f" (errorId {self.error_id})" if self.error_id else ""
        return f"{self.tried}: {self.came_back}{named}. {self.cure}"

    def but(self, *, tried: str | None = None, cure: str | None = None) -> Self:
        """Return the same error as it is for another thing that was tried, or with what was found out meanwhile."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.tried, other.cure = tried or self.tried, cure or self.cure
        return other


class Refused(RequestError):
    """The API answered with a status that means no.

    Args:
        tried: What the request was for.
        came_back: The status and the vendor's words, already redacted.
        cure: What the user can do about it.
        error_id: The vendor's errorId.
        status: The HTTP status.
        after_unanswered: Whether an earlier try of the same request was sent and never answered, so that it may be the
            reason for this refusal.
        is_of_api: Whether the API gave it, as far as can be told, and not something else at its address.
    """

    def __init__(  # noqa: PLR0913 - the facts of one answer
        self,
        tried: str,
        came_back: str,
        cure: str,
        error_id: str | None,
        *,
        status: int,
        after_unanswered: bool,
        is_of_api: bool = True,
    ) -> None:
        self.status = status
        self.is_of_api = is_of_api
        self.after_unanswered = after_unanswered
        super().__init__(tried, came_back, cure, error_id)

    @property
    def is_not_found(self) -> bool:
        """Whether the key, in this account, knows no such id."""
        return self.status == 404 and self.is_of_api  # noqa: PLR2004 - the HTTP status

    def of_given_id(self) -> Self:
        """Return the same error for an id that a person wrote: of a 404, first the id is in doubt."""
        if not self.is_not_found:
            return self
        return self.but(cure=f"First check the id: `pulumi-justt list` shows those of the account. {self.cure}")

    @property
    def is_of_key(self) -> bool:
        """Whether it speaks of the key, and so neither of the integration nor of an earlier try."""
        return self.status in (401, 403)


class Unreachable(RequestError):
    """No usable answer came within the tries and the deadline of the retry policy.

    Args:
        tried: What the request was for.
        came_back: What came instead of an answer.
        cure: What the user can do about it.
        error_id: The vendor's errorId, if there was any answer.
        is_cut_short: Whether there would have been more tries, had there been time for them.
    """

    def __init__(
        self, tried: str, came_back: str, cure: str, error_id: str | None = None, *, is_cut_short: bool = False
    ) -> None:
        self.is_cut_short = is_cut_short
        super().__init__(tried, came_back, cure, error_id)


class Barred(RequestError):
    """No request can be sent until a setting of this machine changes, so that no try is repeated."""


class Misunderstood(RequestError):
    """A success came back in a shape that the vendor does not document."""


class Abandoned(RequestError):
    """The engine left before a create was sent, or while it waited, so that nobody would have stored the result."""


class NotReady(RequestError):
    """An integration that was waited for failed or stopped, or is not ready at the deadline."""


class AmbiguousCreate(RequestError):
    """A create was sent and its outcome is unknown: the integration may exist."""


UNCHECKED = "Do not run `pulumi up` again before you have checked, because that could create a duplicate"
"""What an error says that cannot tell whether a create happened."""

AMBIGUOUS_CURE = (
    f"Justt may have created it, and no state knows it. {UNCHECKED}: look it up at Justt, and settle it with "
    "`pulumi-justt recover`."
)


ABANDONED_CURE = "Nothing was created: run `pulumi up` again."


def hopeless_cure(status: str, *, is_managed: bool) -> str:
    """Say what the user can do about an integration that was waited for in vain.

    Args:
        status: FAILED or INACTIVE.
        is_managed: Whether this stack created it.
    """
    if not is_managed:
        return "It is someone else's: have it set right there, and run `pulumi up` again, which waits again."
    if status == "INACTIVE":
        return (
            "That is final. Run `pulumi refresh`, which takes it out of the state, and then `pulumi up`, which creates "
            "a new one."
        )
    return (
        "It stays in the state. Look at Justt for the reason, correct its credentials and run `pulumi up`, which "
        "replaces it; or, if it was set right at Justt, only run `pulumi up` again."
    )


DEADLINE_CURE = (
    "It stays in the state. Look at Justt for what it waits for, and run `pulumi up` again, which waits again, or give "
    "the IntegrationReady more timeout_seconds."
)


def creating(source: str, external_identifier: str) -> str:
    """Name a creation as something that was tried."""
    return f"creating the {source} integration {external_identifier!r}"


def ambiguous_cure(candidates: Sequence[tuple[str, str]], *, is_proof: bool) -> str:
    """Say what a lost create may have left behind.

    Args:
        candidates: The ids and statuses of what is new and of the same source.
        is_proof: Whether the lists that this rests on were surely whole.
    """
    doubt = "" if is_proof else " (the account's list was too long, or changed while it was read, to be sure of it)"
    if not candidates:
        return (
            f"Justt may have created it all the same, although it lists no new integration with this source{doubt}. "
            f"{UNCHECKED}: look at Justt after some minutes. If it is there, settle it with `pulumi-justt recover`; "
            "if it is not, run `pulumi-justt recover --forget`. Then run `pulumi up`."
        )
    named = ", ".join(f"{integration_id} ({status})" for integration_id, status in candidates)
    many = (
        f" These are {len(candidates)}, so the list before it was probably not whole."
        if len(candidates) > _MANY
        else ""
    )
    likely = next((i for i, status in candidates if status != "INACTIVE"), candidates[0][0])
    return (
        f"Justt may have created it. New integrations with this source{doubt}: {named}.{many} {UNCHECKED}: find out at "
        f"Justt which one is yours. Then run `pulumi-justt recover --claim {likely}` (its id) to make it this "
        "resource's integration, also where an existing one is being replaced, or `pulumi-justt recover --deactivate "
        f'{likely}` to create another one. A new resource can also take it over with adopt_id="{likely}". If none is '
        "yours, run `pulumi-justt recover --forget`. Then run `pulumi up`."
    )


def changed_cure(integration_id: str) -> str:
    """Say that what an earlier create made may have been given something else than what the program says now."""
    return (
        f"integration {integration_id} may have other credentials or another name than the program gives now. An input "
        "of the resource or the Justt API key has changed since that create was sent, or an older version of "
        "pulumi-justt sent it. Nothing was changed. Put the input back and run `pulumi up`; or run `pulumi-justt "
        f"recover --deactivate {integration_id}` and then `pulumi up`, which creates another one."
    )


def unlisted_cure(error: str) -> str:
    """Say that what a lost create left behind could not be found out."""
    return (
        f"Justt may have created it, and that could not be found out ({error}). {UNCHECKED}: look at Justt first. If "
        "it is there, run `pulumi-justt recover --claim ID` with its id, also where an existing resource is being "
        "replaced; if it is not, run `pulumi-justt recover --forget`. Then run `pulumi up`."
    )


NOT_SHOWN = "[not shown, as it may be a credential]"
"""Stands for a field of a record."""

WITHHELD = "its words are not shown, because they may repeat a credential"

MISUNDERSTOOD_CURE = (
    "Nothing was changed in the state. Check justt:baseUrl for a proxy in between; if there is none, please report it."
)


def untrusted_cure(base_url: str) -> str:
    """Say what the user can do about a certificate that this machine does not trust."""
    return (
        f"Nothing was sent. If your network answers for {base_url} with a certificate authority of its own, or the "
        "proxy has one, set SSL_CERT_FILE to that authority's PEM file (or SSL_CERT_DIR to a folder of them). If the "
        "certificate has expired or is another host's, correct the server, justt:baseUrl or this machine's clock."
    )


PROXY_CURE = (
    "Nothing was sent. Give HTTPS_PROXY (or ALL_PROXY) the user and password that the proxy wants, as "
    "http://USER:PASSWORD@HOST:PORT, or name Justt's host in NO_PROXY if it can be reached without the proxy."
)


_REDIRECT_CURE = "A redirect is never followed with credentials: check justt:baseUrl."


UNCONFIRMED_CURE = (
    "Justt does not show it as INACTIVE, so it stays in the state. A proxy or a login page may have answered instead "
    "of Justt: check the network and justt:baseUrl, then run the command again."
)


def refusal_cure(status: int, *, is_create: bool, key_origin: str, account: str | None, environment: str) -> str:
    """Say what the user can do about an answer of *status*.

    Args:
        status: The HTTP status.
        is_create: Whether a create was refused, for a reason that the vendor's words give.
        key_origin: The setting that the key came from.
        account: The account that the request was for, if it named one.
        environment: The environment that it was sent to.
    """
    where = f"with account {account}" if account else "without an account"
    cures = {
        401: f"The key came from {key_origin}. Set it to a key that is valid in {environment}.",
        403: f"The key from {key_origin} may not do this {where}: check the key and the account.",
        404: (
            f"The key from {key_origin} does not see it {where} in {environment}: check the key, the account and the "
            "environment."
        ),
        407: PROXY_CURE,
        413: "Shorten the credentials or the merchant account codes.",
    }
    if 300 <= status < 400:  # noqa: PLR2004 - the HTTP status class
        return _REDIRECT_CURE
    if status in cures:
        return cures[status]
    if is_create:
        return (
            "Nothing was created: correct what Justt names and run again. If it says that the external identifier is "
            "taken by the integration that is being replaced, give another one, or set delete_before_replace=True."
        )
    return "Nothing was changed: Justt's support can look it up."


def recorded_settings_cure(text: str) -> str:
    """Return what the error *text* of a command that runs no program has to add, if it is about a setting.

    The state holds no copy of a variable.
    """
    named = _SETTING.findall(text)
    if not named:
        return ""
    is_key = any(each in ("justt:apiKey", _OF_A_PROVIDER) for each in named)
    key = ", or set JUSTT_API_KEY_OVERRIDE for that command" if is_key else ""
    return (
        "Without --run-program, refresh and destroy use the state's copy of the configuration, and so does an update "
        "that leaves no integration in the program: after a change of it, add that option, or run `pulumi up` first, "
        f"with an integration in the program and without --refresh{key}."
    )


def not_of_the_api_cure(base_url: str) -> str:
    """Say what the user can do about a 404 that speaks of the address and not of an integration."""
    return f"There seems to be no Justt API at {base_url}: check justt:baseUrl, which usually ends in /v1."


INVALID_ID_CURE = "A 400 for an id means that it is no valid id, and says nothing of the account: correct the id."


def unreachable_cure(base_url: str, *, is_unsent: bool, is_throttled: bool, is_redirect: bool = False) -> str:
    """Say what the user can do where no usable answer came.

    Args:
        base_url: Where the API was looked for.
        is_unsent: Whether no connection could be made, at any try.
        is_throttled: Whether the last answer was 429.
        is_redirect: Whether the last answer was a redirect that does not rule out that the request was carried out.
    """
    if is_redirect:
        return _REDIRECT_CURE
    if is_unsent:
        return (
            "Nothing was sent: check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
            f"{base_url}, then run the command again."
        )
    if is_throttled:
        return (
            "The account's quota is used up: run the command again later, or lower justt:requestsPerMinute in the "
            "stacks that share the key."
        )
    return "The state keeps what it had: run the command again later."


def shape_of(value: object, depth: int = 2) -> str:
    """Describe the keys and types of *value*, never its values."""
    if isinstance(value, Mapping):
        if depth == 0:
            return "an object"
        shown = list(value.items())[:8]
        keys = ", ".join(f"{k if _KEY.fullmatch(str(k)) else '…'}: {shape_of(v, depth - 1)}" for k, v in shown)
        return f"{{{keys}{', …' if len(value) > len(shown) else ''}}}"
    if isinstance(value, list):
        return f"[{len(value)} of {shape_of(value[0], depth - 1) if value and depth else 'item'}]"
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
