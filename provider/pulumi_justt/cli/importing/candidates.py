"""The integrations that `pulumi-justt import` offers, and how the user selects some of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.importing.import_answers import ImportRefused

__all__ = ["Candidate", "described", "picked", "suggested_name"]


@dataclass(frozen=True)
class Candidate:
    """An integration at Justt that can be imported.

    Args:
        record: What the API returned.
        account: The reference account that lists it; None for the API key's own account.
    """

    record: RemoteRecord
    account: str | None

    @property
    def id(self) -> str:
        """The id at Justt."""
        return self.record.integration_id

    @property
    def suggested_name(self) -> str:
        """The default resource name."""
        return suggested_name(self.record.source, self.id)


def described(candidate: Candidate) -> dict[str, Any]:
    """Return *candidate* as the JSON document shows it."""
    return {**candidate.record.model_dump(by_alias=True), "referenceAccountId": candidate.account}


def picked(text: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that *text* selects.

    Args:
        text: Numbers from 1, ranges such as 2-4, ids, or `all`, separated by commas or spaces.
        candidates: The candidates, in the order in which they were shown.

    Raises:
        ImportRefused: A part of the text selects no candidate.
    """
    by_id = {candidate.id: candidate for candidate in candidates}
    chosen: dict[str, Candidate] = {}
    for part in text.replace(",", " ").split():
        span = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (0, 0)
        if part == "all":
            chosen |= by_id
        elif part in by_id:
            chosen[part] = by_id[part]
        elif 1 <= first <= last <= len(candidates):
            chosen |= {each.id: each for each in candidates[first - 1 : last]}
        else:
            raise ImportRefused(
                f"{part!r} selects nothing: enter numbers from 1 to {len(candidates)}, ranges such as 1-2, ids, or all."
            )
    return list(chosen.values())


def suggested_name(source: str, integration_id: str) -> str:
    """Return the default resource name of an integration."""
    return re.sub(r"[^a-z0-9]+", "-", f"{source}-{integration_id[:8]}".lower()).strip("-")
