"""Read all list pages of an account, within a limit of pages and of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_justt.api.models import RemoteRecord

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["MOST_PAGES", "MOST_SECONDS", "Listing", "list_all"]

MOST_PAGES = 100
"""The page limit of one pass over an account: 10,000 integrations."""

MOST_SECONDS = 600.0
"""Seconds after which a listing stops and counts as incomplete. Even a large account takes only a few seconds."""


@dataclass(frozen=True)
class Listing:
    """The records of an account by their ids, and whether the list is known to be complete."""

    records: dict[str, RemoteRecord]
    is_complete: bool


def list_all(client: JusttClient, *, operation: str, account: str | None, end: float | None = None) -> Listing:
    """Read all list pages of an account once.

    Args:
        client: Reads the pages.
        operation: The operation that error texts name.
        account: The account; None for the key's default account.
        end: The time by the client's clock after which no further page is read; by default `MOST_SECONDS` from now.

    Raises:
        RequestError: A page could not be read.
    """
    end = client.clock() + MOST_SECONDS if end is None else end
    records: dict[str, RemoteRecord] = {}
    for number in range(1, MOST_PAGES + 1):
        page = client.list_integrations(number, operation=operation, account=account)
        before = len(records)
        records |= {record.integration_id: record for record in page.records}
        if page.is_last:
            return Listing(records, is_complete=True)
        if len(records) == before or client.clock() > end:
            # The page has no new record although it is not the last one, or the time limit has passed.
            return Listing(records, is_complete=False)
    return Listing(records, is_complete=False)
