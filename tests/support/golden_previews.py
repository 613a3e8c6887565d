"""Previews that are compared with a file."""

from __future__ import annotations

from collections.abc import Mapping

UPDATE = "UPDATE_GOLDEN"


def masked(text: str, ids: Mapping[str, str]) -> str:
    """Put the name of a resource in the place of its id, which is another one in each run; all else stays."""
    for id_, name in ids.items():
        text = text.replace(id_, f"<id of {name}>")
    return text
