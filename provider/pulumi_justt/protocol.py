"""The texts with which Pulumi's protocol marks a value as unknown, or an object as a secret or an output."""

from __future__ import annotations

__all__ = ["OUTPUT", "SECRET", "SIGNATURE", "UNKNOWN", "UNKNOWNS"]

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key with which an object says that it is a secret, an output, a file or a resource."""
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public constant of the protocol
"""The value of that key in a secret."""
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""The value of that key in an output."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for an unknown text, or for an unknown value of any type."""
UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # an array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
"""The texts that stand for unknown values, one for each type."""
