"""The integrations that `pulumi-justt import` can take over, and how the user picks among them."""

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
    """An integration that the API knows.

    Args:
        record: What the API tells of it.
        account: The account that it was found in; None where the key has only one.
    """

    record: RemoteRecord
    account: str | None

    @property
    def id(self) -> str:
        """The id at Justt."""
        return self.record.integration_id

    @property
    def suggested_name(self) -> str:
        """A resource name, where the user gives none."""
        return suggested_name(self.record.source, self.id)


def described(candidate: Candidate) -> dict[str, Any]:
    """Return *candidate* as a script reads it."""
    return {**candidate.record.model_dump(by_alias=True), "referenceAccountId": candidate.account}


def picked(text: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return what *text* picks: numbers from 1, ranges such as 2-4, ids, or `all`; separated by commas or spaces.

    Raises:
        ImportRefused: A part of it picks nothing.
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
                f"{part!r} picks nothing: say numbers from 1 to {len(candidates)}, ranges such as 1-2, ids, or all."
            )
    return list(chosen.values())


def suggested_name(source: str, integration_id: str) -> str:
    """Return a resource name, where the user gives none."""
    return re.sub(r"[^a-z0-9]+", "-", f"{source}-{integration_id[:8]}".lower()).strip("-")
