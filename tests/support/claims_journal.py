"""A journal for tests of one process: it claims, and remembers nothing for later ones."""

from __future__ import annotations

from pulumi_justt.core.journal import Journal

__all__ = ["ClaimsJournal"]


class ClaimsJournal(Journal):
    """Gives each id to the resource that asks, without files, of which a hundred thousand runs would write too many."""

    def __init__(self) -> None:
        super().__init__(None)

    def claim(self, base_url: str, integration_id: str, urn: str) -> str | None:  # noqa: ARG002 - one process claims
        """Give the id to the resource that asks."""
        return urn
