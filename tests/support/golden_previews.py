"""Masks ids in previews, for the comparison with golden files."""

from __future__ import annotations

from collections.abc import Mapping

UPDATE = "UPDATE_GOLDEN"


def masked(text: str, ids: Mapping[str, str]) -> str:
    """Replace each id, which differs between runs, with the name of its resource; change nothing else."""
    for id_, name in ids.items():
        text = text.replace(id_, f"<id of {name}>")
    return text
