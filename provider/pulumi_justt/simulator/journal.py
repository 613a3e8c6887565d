"""What is remembered of the requests: a bounded list in memory, and one log line each.

It must not know what a request meant. Bodies are remembered redacted and are never logged; headers other than the
account are neither.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .rules import Json

logger = logging.getLogger("pulumi_justt.simulator")

_REMEMBERED = 20_000


@dataclass(frozen=True)
class Exchange:
    """One request to the API and how it was answered.

    Attributes:
        path: percent-encoded, as it was sent.
        account: the `reference-account-id` header.
        body: fields that are not known to be plain, `secretPayload` above all, replaced by their digests; empty where
            there was none to read.
        error_id: also where the envelope of the answer has no room for it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    account: str | None
    body: Mapping[str, Json]
    status: int
    error_id: str | None


class Journal:
    """The exchanges so far, oldest first; the oldest are forgotten where there are too many, but still counted."""

    def __init__(self) -> None:
        self.count = 0
        self._exchanges: deque[Exchange] = deque(maxlen=_REMEMBERED)

    def add(self, exchange: Exchange) -> None:
        """Remember one exchange and log it."""
        self.count += 1
        self._exchanges.append(exchange)
        log(exchange.method, exchange.path, exchange.status, exchange.error_id)

    def exchanges(self) -> list[Exchange]:
        """Give what is remembered."""
        return list(self._exchanges)

    def clear(self) -> None:
        """Forget everything and count from zero."""
        self.count = 0
        self._exchanges.clear()


def log(method: str, path: str, status: int, error_id: str | None = None) -> None:
    """Write the one line that a request gets."""
    logger.info("%s %s %d %s", method, path, status, error_id or "-")
