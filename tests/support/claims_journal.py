"""A journal for tests of one process: it claims ids, and keeps nothing for later processes."""

from __future__ import annotations

from pathlib import Path

from pulumi_justt.core.journal import Intent, Journal

__all__ = ["ClaimsJournal"]


class ClaimsJournal(Journal):
    """Claims each id for the resource that asks, in memory: tests with 100,000 runs would write too many files."""

    def __init__(self) -> None:
        super().__init__(None)

    def claim(self, base_url: str, integration_id: str, urn: str) -> str | None:  # noqa: ARG002 - one process claims
        """Claim the id for the resource that asks."""
        return urn

    def write_intent(self, intent: Intent) -> bool:  # noqa: ARG002 - nothing is kept
        """Return that the intent was not written, without encoding it."""
        return False

    def _intent_file(self, urn: str, base_url: str, account: str | None) -> Path | None:  # noqa: ARG002 - no file
        return None
