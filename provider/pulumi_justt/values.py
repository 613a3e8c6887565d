"""Validate texts and values before they are sent. No problem text quotes the value, which may be a credential."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Literal, TypeAlias

__all__ = [
    "COLORED",
    "DEEPEST",
    "IS_NULL",
    "LONGEST_ID",
    "MOST_EXACT",
    "NOT_A_HEADER",
    "NOT_OF_JSON",
    "TOO_DEEP",
    "TOO_LARGE",
    "Kind",
    "account_problem",
    "color_problem",
    "id_problem",
    "is_colored",
    "is_first_look",
    "is_like_a_secret",
    "is_plain_name",
    "is_too_deep",
    "is_utf8",
    "is_visible_ascii",
    "kind_of",
    "label_problem",
    "shown_key",
    "text_problem",
    "unsendable",
    "with_stack",
    "without_commands",
    "without_markup",
]

Kind: TypeAlias = Literal["secret", "identifier", "key", "unlisted"]
"""The kind of value that a credential field takes."""

MOST_EXACT = 2**53
"""The largest integer that the engine passes on exactly, because its numbers are floats."""
TOO_LARGE = "is a number beyond 2^53, which the engine would round: give it as text"
NOT_OF_JSON = "is not a JSON value"
IS_NULL = "is null, which Justt does not take: leave it out"
NOT_A_HEADER = "must be visible ASCII without spaces: it is sent as a header"
DEEPEST = 32
"""The maximum depth of nesting. The SDK has no limit, so it would never finish with a list that contains itself."""
TOO_DEEP = f"has more than {DEEPEST} levels of lists and objects, or contains itself"
LONGEST_ID = 255
"""The maximum number of characters of an id. Justt's ids are shorter, and a longer one may not fit into a URL."""
_MARKUP = "<{%"
"""The start of a color tag in Pulumi's output. An unknown color makes the CLI crash in the middle of an update."""
COLORED = "has the characters <, { and % in a row, which Pulumi takes for a color"
_WHITE_SPACE_AROUND = "must not begin or end with white space or a line break"
_NOT_ONE_LINE = "must be one line without control characters"

_PEM_BEGIN = "-----BEGIN "
_COMMANDS = re.compile(r"(?:[Rr]un|and|or) `pulumi-justt (?:recover|doctor)(?=[ `])")
"""Commands that an error tells the user to run. `as decided with ...` is about a command of the past."""

_BEGIN_OF_KEY = re.compile(r"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----")
_LINE_OF_KEY = re.compile(r"(?!-----)[\w+/=:,. -]+", re.ASCII)
"""A line of base64, or a header. It has no line break written as two characters, and no `${KEY}` of a template."""
_CERTIFICATE = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*CERTIFICATE")
_PUBLIC_KEY = re.compile(
    r"\s*(-----BEGIN (?:[A-Z0-9]+ )*PUBLIC KEY|---- BEGIN SSH2 PUBLIC|(sk-)?(ssh|ecdsa)-\S+ AAAA|pk_(live|test)_)"
)
_SECRET_KEY = re.compile(r"[sr]k_(live|test|org)_|whsec_|shp[a-z]{2}_|gh[a-z]_\w{16}|(AKIA|ASIA)[A-Z0-9]{12}")
"""The prefixes of secret keys of payment service providers and of other services that merchants use."""
_PLAIN_NAME = re.compile("[a-z]+(_[a-z]+)*|[A-Z]+(_[A-Z]+)*")
_LONGEST_PLAIN_NAME = 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
    # Joiners are allowed next to other characters: they combine emoji, and some scripts need them.
    "|(?<=[\x01-\x7f])[\u200c\u200d]|[\u200c\u200d](?=[\x01-\x7f])"
)
_USER_IN_URL = re.compile(r"(?:^|//)[^/?#@\s:]*:[^/?#@\s]*@|://[^/?#]*@")
_NAME_IN_URL = re.compile(r"[?&;#]([^?=&;#]*)=")
_SECRET_NAME = re.compile("key|token|secret|pass|pwd|sig", re.IGNORECASE)
_WRITTEN_LINE_BREAK = re.compile(r"\\[rn]")
"""A line break that is written as two characters, as in source code."""
_NO_PRIVATE_KEY = (
    "must be a private key in PEM: a line -----BEGIN ... PRIVATE KEY-----, the lines of the key, and a line "
    "-----END ... PRIVATE KEY-----"
)


def is_visible_ascii(text: str) -> bool:
    """Return whether *text* has only visible ASCII characters, as a request requires of an API key, account or URL."""
    return text.isascii() and text.isprintable() and " " not in text


def is_utf8(text: str) -> bool:
    """Return whether *text* can be encoded as UTF-8. Python represents undecodable bytes as lone surrogates."""
    return text.isascii() or _SURROGATE.search(text) is None


def is_first_look(properties: Mapping[str, object]) -> bool:
    """Return whether *properties* come from the program only, as in the first read of `PaymentIntegration.get`."""
    return "status" not in properties


def is_like_a_secret(text: str) -> bool:
    """Return whether *text* begins with the prefix of a secret key."""
    return _SECRET_KEY.match(text) is not None


def is_plain_name(text: str) -> bool:
    """Return whether *text* is spelled as Justt spells its names, with letters only. No generated key looks like that.

    A password may be such a word, so compare the text with the known credentials, too.
    """
    is_name = len(text) <= _LONGEST_PLAIN_NAME and _PLAIN_NAME.fullmatch(text) is not None
    return is_name and not is_like_a_secret(text)


def kind_of(value: object) -> str:
    """Return the type of a value, for an error text, or the value itself if it is a class."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def shown_key(key: object) -> str:
    """Return *key* if it looks like a name. Otherwise describe it, because it may be a misplaced secret."""
    text = str(key)
    # No setting or argument has a digit in its name, and almost every secret has one.
    is_name = re.fullmatch("[A-Za-z_-]{1,40}", text) and not is_like_a_secret(text)
    return text if is_name else f"… (a text of {len(text)} characters)"


def label_problem(text: str) -> str | None:
    """Return what is wrong with a name, an identifier or a code that is not secret, or None."""
    if any(map(_is_blank, (text[:1], text[-1:]))):
        return _WHITE_SPACE_AROUND
    return _NOT_ONE_LINE if _CONTROL.search(text) else color_problem(text)


def color_problem(text: str) -> str | None:
    """Return a problem if *text* contains the start of a color tag, or None. An unknown color crashes the CLI."""
    return COLORED if is_colored(text) else None


def account_problem(text: str) -> str | None:
    """Return what is wrong with an account, or None."""
    return color_problem(text) if is_visible_ascii(text) else NOT_A_HEADER


def id_problem(text: str) -> str | None:
    """Return what is wrong with an integration's id, or None. The id becomes part of a URL's path."""
    if len(text) > LONGEST_ID:
        return f"has more than {LONGEST_ID} characters"
    return label_problem(text)


def is_colored(value: object) -> bool:
    """Return whether a text in *value* contains the characters that begin a color in Pulumi's output."""
    if isinstance(value, Mapping):
        return any(map(is_colored, value.values()))
    return any(map(is_colored, value)) if isinstance(value, list) else isinstance(value, str) and _MARKUP in value


def without_markup(text: str) -> str:
    """Break up colors in *text*, so that Pulumi shows the text and does not interpret it."""
    return text.replace(_MARKUP, "< {%")


def without_commands(line: str) -> str:
    """Break up commands in *line* (`::error::`, `##[error]`), so that a CI runner does not run them from the log."""
    return re.sub(r"^(\s*):(?=:)", r"\1: ", re.sub(r"##(?=\[|vso\[)", "## ", line))


def with_stack(text: str, urn: str | None) -> str:
    """Add the stack of *urn* to each command of this package that *text* tells the user to run.

    The command that shows the text may have another stack than the selected one.
    """
    # The engine allows no other characters in the name of a stack, so a shell needs no quotes.
    found = re.match(r"urn:pulumi:([\w.-]+)::", urn or "", re.ASCII)
    return _COMMANDS.sub(rf"\g<0> --stack {found[1]}", text) if found else text


def text_problem(value: str, kind: Kind) -> str | None:
    """Return what is wrong with the text of a credential field, or None."""
    is_pem = _PEM_BEGIN in value
    has_lines = is_pem or kind == "unlisted"
    # An unlisted payload may be a JSON document that contains a key. JSON writes line breaks as two characters.
    is_written = (value.lstrip().startswith(_PEM_BEGIN) if kind == "unlisted" else is_pem) and (
        # Start at the key: attributes before it may contain any text.
        _WRITTEN_LINE_BREAK.search(value, value.find(_PEM_BEGIN)) is not None
    )
    rules = (
        (not value, "must not be empty"),
        (all(map(_is_blank, value)), "must not be blank"),
        (is_written, "has line breaks that are written as \\n, two characters: use real line breaks"),
        *_rules_of_kind(value, kind),
        (not is_pem and any(map(_is_blank, value[:1] + value[-1:])), _WHITE_SPACE_AROUND),
        (not has_lines and _CONTROL.search(value) is not None, _NOT_ONE_LINE),
        (_CONTROL_IN_LINES.search(value) is not None, "must have no control characters but tabs and line breaks"),
        (_INVISIBLE.search(value) is not None, "has an invisible character, which often comes from a web page"),
    )
    problem = next((text for holds, text in rules if holds), None)
    return color_problem(value) if problem is None and kind == "identifier" else problem


def _rules_of_kind(value: str, kind: Kind) -> Iterator[tuple[bool, str]]:
    """Yield the rules for one kind of field: whether the text breaks the rule, and the problem to report."""
    is_private_key = _has_private_key(value)
    if kind == "identifier":
        yield is_private_key, "is a private key, and this field is an identifier, which is not kept secret"
        yield (
            is_like_a_secret(value),
            "looks like a secret key, and this field is an identifier, which is not kept secret",
        )
        yield (
            _has_secret_in_url(value),
            "has a user, a password or a key in a URL, and this field is an identifier, which is not kept secret",
        )
    elif kind != "unlisted" and not is_private_key:
        yield _CERTIFICATE.search(value) is not None, "is a certificate, and this field takes a secret"
        yield _PUBLIC_KEY.match(value) is not None, "is a public key, and this field takes the private key"
        yield kind == "key", _NO_PRIVATE_KEY


def _has_private_key(text: str) -> bool:
    """Return whether *text* contains a private key in PEM format."""
    # A single regular expression could take minutes for a file with many BEGIN lines.
    label, has_lines = "", False
    for line in filter(None, map(str.strip, re.split("[\r\n]", text))):
        if begin := _BEGIN_OF_KEY.fullmatch(line):
            label, has_lines = begin[1], False
        elif label and line == f"-----END {label}-----":
            if has_lines:
                return True
            label = ""
        elif label:
            has_lines = _LINE_OF_KEY.fullmatch(line) is not None
            label = label if has_lines else ""
    return False


def _has_secret_in_url(text: str) -> bool:
    return _USER_IN_URL.search(text) is not None or any(map(_SECRET_NAME.search, _NAME_IN_URL.findall(text)))


def is_too_deep(value: object) -> bool:
    """Return whether *value* has more levels than `DEEPEST`."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            item
            for each in level
            if isinstance(each, (Mapping, list))
            for item in (each.values() if isinstance(each, Mapping) else each)
        ]
    return bool(level)


def unsendable(value: object) -> Iterator[tuple[str, str]]:
    """Yield the path and the problem of each part of *value* that is null, too large a number, or not a JSON value."""
    if isinstance(value, Mapping):
        yield from (
            (f".{shown_key(name)}{path}", text) for name, item in value.items() for path, text in unsendable(item)
        )
    elif isinstance(value, list):
        yield from ((f"[{place}]{path}", text) for place, item in enumerate(value) for path, text in unsendable(item))
    elif value is None:
        yield "", IS_NULL
    elif isinstance(value, (int, float)) and math.isfinite(value):
        if abs(value) > MOST_EXACT:
            yield "", TOO_LARGE
    elif not isinstance(value, (str, Enum)):
        # An Enum member represents a value that is not known yet.
        yield "", NOT_OF_JSON


def _is_blank(character: str) -> bool:
    # Format characters (Cf) include byte order marks and zero-width spaces, which editors and web pages add. They also
    # include the tags that end the emoji of some flags, which are allowed. Emoji newer than this Python have no
    # category.
    is_tag = "\U000e0020" <= character <= "\U000e007f"
    return character.isspace() or (unicodedata.category(character) in ("Cc", "Cf", "Cs") and not is_tag)
