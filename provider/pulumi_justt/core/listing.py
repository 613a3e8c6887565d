"""Reading an account from its first page to its last, within bounds in pages and in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_justt.api.models import RemoteRecord

if TYPE_CHECKING:
    # Only a type here, so that a preview loads no HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["MOST_PAGES", "MOST_SECONDS", "Listing", "list_all"]

MOST_PAGES = 100
"""Pages of one pass over an account: 10,000 integrations."""

MOST_SECONDS = 600.0
"""Seconds of listing an account before what was read until then is taken as it is; a busy one is read in a few."""


@dataclass(frozen=True)
class Listing:
    """The records of an account by their ids, and whether those are surely all."""

    records: dict[str, RemoteRecord]
    is_complete: bool


def list_all(client: JusttClient, *, operation: str, account: str | None, end: float | None = None) -> Listing:
    """Read the pages of an account once.

    Args:
        client: Reads the pages.
        operation: What this is for, as errors say it.
        account: The account; None where the key has only one.
        end: The moment of the client's clock after which no further page is read; by default in `MOST_SECONDS`.

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
            # The pages do not move on, whatever number is asked for, or take too long.
            return Listing(records, is_complete=False)
    return Listing(records, is_complete=False)
