"""What a credential's value has to be, before it is sent: no text here shows a word of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

__all__ = ["MOST_EXACT", "TOO_LARGE", "Kind", "is_visible_ascii", "text_problem", "too_large"]

Kind: TypeAlias = Literal["secret", "identifier", "key", "unlisted"]
"""What a field takes."""

MOST_EXACT = 2**53
"""The largest integer that the engine, whose numbers are floats, hands on as it is."""
TOO_LARGE = "is a number beyond 2^53, which would be rounded on its way: give it as text"

_PEM_BEGIN = "-----BEGIN "
_PRIVATE_KEY = re.compile(
    r"^[ \t]*-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----[ \t]*[\r\n](?!\s*-----END).*?[\r\n]\s*-----END \1-----",
    re.DOTALL | re.MULTILINE,
)
_CERTIFICATE = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*CERTIFICATE")
_PUBLIC_KEY = re.compile(r"\s*(-----BEGIN (?:[A-Z0-9]+ )*PUBLIC KEY|---- BEGIN SSH2 PUBLIC|(sk-)?(ssh|ecdsa)-\S+ AAAA)")
_WRITTEN_LINE_BREAK = re.compile(r"\\[rn]")
"""A line break as source code writes it: two characters of a text."""
_NO_PRIVATE_KEY = (
    "must be a private key in PEM: a line -----BEGIN ... PRIVATE KEY-----, the lines of the key, and a line "
    "-----END ... PRIVATE KEY-----"
)


def is_visible_ascii(text: str) -> bool:
    """Return whether *text* can be an API key, an account or a URL: all of them are sent in the head of a request."""
    return all("!" <= character <= "~" for character in text)


def text_problem(value: str, kind: Kind) -> str | None:
    """Return what is wrong with a text, as it would be sent, or None."""
    is_private_key = _PRIVATE_KEY.search(value) is not None
    is_private_key_due = kind in ("secret", "key") and not is_private_key
    is_pem = _PEM_BEGIN in value
    # A document of an unlisted payload may hold a key in JSON, where line breaks are written so.
    is_written = _WRITTEN_LINE_BREAK.search(value) is not None and (
        value.lstrip().startswith(_PEM_BEGIN) if kind == "unlisted" else is_pem
    )
    rules = (
        (not value, "must not be empty"),
        (all(map(_is_blank, value)), "must not be blank"),
        (
            is_written and not is_private_key,
            "has line breaks that are written as \\n, two characters: give them as line breaks",
        ),
        (
            kind == "identifier" and is_private_key,
            "is a private key, and this field is an identifier, which is not kept secret",
        ),
        (is_private_key_due and _CERTIFICATE.search(value) is not None, "is a certificate, which is not secret"),
        (
            is_private_key_due and _PUBLIC_KEY.match(value) is not None,
            "is a public key, and the private one belongs here",
        ),
        (
            kind == "key" and not is_private_key,
            _NO_PRIVATE_KEY,
        ),
        (
            not is_pem and any(map(_is_blank, (value[:1], value[-1:]))),
            "must not begin or end with white space or a line break",
        ),
        (not is_pem and kind != "unlisted" and ("\n" in value or "\r" in value), "must be one line"),
    )
    return next((text for holds, text in rules if holds), None)


def too_large(value: object) -> Iterator[str]:
    """Yield the path of each number within *value* that the engine may have rounded."""
    if isinstance(value, Mapping):
        yield from (f".{name}{path}" for name, item in value.items() for path in too_large(item))
    elif isinstance(value, list):
        yield from (f"[{place}]{path}" for place, item in enumerate(value) for path in too_large(item))
    elif isinstance(value, (int, float)) and abs(value) > MOST_EXACT:
        yield ""


def _is_blank(character: str) -> bool:
    # A byte order mark or a zero-width space, which editors and web pages leave, is not printable.
    return character.isspace() or not character.isprintable()
