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
    from collections.abc import Iterable, Mapping

    from .faults import Fired
    from .json_value import Json

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
        status: that was sent, or would have been if a fault had not kept it back; 0 where a fault prevented both the
            commit and an answer.
        error_id: also where the envelope of the answer has no room for it.
        faults: the names of the faults that this request met, in the order in which they acted.
    """

    method: str
    path: str
    query: Mapping[str, str]
    account: str | None
    body: Mapping[str, Json]
    status: int
    error_id: str | None
    faults: tuple[str, ...] = ()


class Journal:
    """The exchanges so far, oldest first; the oldest are forgotten where there are too many, but still counted.

    So are the faults that happened.
    """

    def __init__(self) -> None:
        self.count = 0
        self._exchanges: deque[Exchange] = deque(maxlen=_REMEMBERED)
        self._fired: deque[Fired] = deque(maxlen=_REMEMBERED)

    def add(self, exchange: Exchange, fired: Iterable[Fired]) -> None:
        """Remember one exchange with the faults that happened to it, and log it."""
        self.count += 1
        self._fired.extend(fired)
        self._exchanges.append(exchange)
        log(exchange.method, exchange.path, exchange.status, exchange.error_id, *exchange.faults)

    def exchanges(self) -> list[Exchange]:
        """Give what is remembered."""
        return list(self._exchanges)

    def fired(self) -> list[Fired]:
        """Give what is remembered of the faults that happened."""
        return list(self._fired)

    def clear(self) -> None:
        """Forget everything and count from zero."""
        self.count = 0
        self._exchanges.clear()
        self._fired.clear()


def log(method: str, path: str, status: int, error_id: str | None = None, *faults: str) -> None:
    """Write the one line that a request gets."""
    logger.info("%s", " ".join((method, path, str(status), error_id or "-", *faults)))
