"""Finds a secret in bytes, in any encoding in which software is known to leak one.

The encodings are: the secret itself, its JSON escapes (also those of a writer that escapes all non-ASCII characters),
its URL and `repr` escapes, hex, base64 at any of the three alignments, and either half of the secret.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

__all__ = ["canary", "find"]

_SHORTEST = 16
"""Characters of a canary. The base64 of its halves must be too long to occur by chance."""


def find(content: bytes, secrets: Iterable[str]) -> list[str]:
    """Describe each encoding of one of *secrets* found in *content*, without showing the secret.

    Raises:
        ValueError: A secret is too short for its halves to be significant.
    """
    return [
        f"secret {number} {form}"
        for number, secret in enumerate(secrets)
        for form, pattern in _forms(secret)
        if pattern in content
    ]


def _forms(secret: str) -> Iterator[tuple[str, bytes]]:
    if len(secret) < _SHORTEST:
        raise ValueError(f"a canary must have at least {_SHORTEST} characters")
    half = len(secret) // 2
    for part, text in (("whole", secret), ("first half", secret[:half]), ("second half", secret[half:])):
        raw = text.encode()
        yield f"{part}, raw", raw
        yield f"{part}, JSON", json.dumps(text)[1:-1].encode()
        yield f"{part}, repr", repr(text)[1:-1].encode()
        yield f"{part}, URL", quote(text, safe="").encode()
        yield f"{part}, form", quote_plus(text).encode()
        yield f"{part}, hex", raw.hex().encode()
        yield f"{part}, HEX", raw.hex().upper().encode()
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            for alignment in range(3):
                # The first and the last group contain bits of neighboring bytes, so search only between them.
                encoded = alphabet(b"\0" * alignment + raw)
                yield f"{part}, base64 at {alignment}", encoded[4 if alignment else 0 : len(encoded) // 4 * 4 - 4]


def canary(name: str) -> str:
    """Generate a secret that can't occur by chance."""
    return f"canary-{name}-{secrets.token_hex(12)}"
