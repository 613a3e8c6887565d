"""What may be kept of a request: everything but its secrets, of which a digest stays.

It must not know who keeps it. The digest lets a test prove *which* payload arrived, in this process or another, while
a search for the payload finds nothing. It has no secret key, so a short password could be guessed from it: the
simulator is for made-up credentials.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .json_value import Json

# A list of what is safe, not of what is secret: a credential under a misspelt name must not be kept either.
_PLAIN_FIELDS = frozenset(
    {
        "externalIdentifier",
        "integrationName",
        "source",
        "secretType",
        "merchantAccountCodes",
        "integrationId",
        "deactivationType",
        "deactivationDate",
        "merchantName",
        "websiteUrl",
        "email",
        "firstName",
        "lastName",
        "referenceId",
        "mcc",
        "mccDescription",
    }
)


def payload_digest(payload: Mapping[str, object]) -> str:
    """Digest a `secretPayload`; the order of its fields makes no difference."""
    return _digest(payload)


def key_fingerprint(api_key: str) -> str:
    """Tell one API key from another without showing either."""
    return _digest(api_key)[:12]


def redacted(body: Mapping[str, Json]) -> dict[str, Json]:
    """Replace the value of every field that is not known to be plain by its digest."""
    return {name: value if name in _PLAIN_FIELDS else _digest(value) for name, value in body.items()}


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(canonical, digest_size=32, person=b"justt-simulator").hexdigest()
