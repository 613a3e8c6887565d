"""Store the integrations in a SQLite database, and the last requests in memory.

This module does not use HTTP and does not validate its arguments. Only `wipe_integrations` removes integrations, and a
deactivation only sets a date. Each read derives the status from the first of these rules that applies:

    INACTIVE                       the date of the deactivation has passed
    the status of `set_status`     `set_status` was called for the integration
    SUCCESSFUL                     `successful_after` seconds have passed since the creation
    PENDING                        otherwise

The journal keeps request bodies with their secrets replaced by digests, and it logs no body. The only header that it
keeps is the account.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import stat
import threading
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .faults import FaultEvent
    from .rules import Deactivation, Json, NewIntegration, Page

logger = logging.getLogger("pulumi_justt.simulator")

_KEPT_REQUESTS = 20_000
_FORMAT = 1
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS integrations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT,
    external_identifier TEXT NOT NULL,
    integration_name TEXT NOT NULL,
    source TEXT NOT NULL,
    secret_type TEXT NOT NULL,
    payload_digest TEXT NOT NULL,
    payload_keys TEXT NOT NULL,
    merchant_account_codes TEXT NOT NULL,
    created_at REAL NOT NULL,
    told_status TEXT,
    told_go_live_date TEXT,
    deactivation_type TEXT,
    deactivation_date TEXT,
    deactivated_at REAL
);
CREATE INDEX IF NOT EXISTS integrations_of_account ON integrations (account, number);
PRAGMA user_version = {_FORMAT};
"""
# Keyed by whether the newest records come first. Both statements use the index.
_PAGE_OF_INTEGRATIONS = {
    False: "SELECT * FROM integrations WHERE account IS ? ORDER BY number LIMIT ? OFFSET ?",
    True: "SELECT * FROM integrations WHERE account IS ? ORDER BY number DESC LIMIT ? OFFSET ?",
}


@dataclass(frozen=True)
class Integration:
    """One integration, with its status at the time of the read."""

    id: str
    account: str | None
    external_identifier: str
    integration_name: str
    source: str
    secret_type: str
    payload_digest: str
    payload_keys: tuple[str, ...]
    merchant_account_codes: tuple[str, ...] | None
    status: str
    go_live_date: str | None
    created_at: str
    deactivation_type: str | None
    deactivation_date: str | None


class Records:
    """The store of integrations. It is safe to use from any thread.

    Args:
        database: The path of the SQLite file, or `":memory:"`.
        clock: Returns Unix seconds.
        successful_after: Returns the option of that name. It is called on each read, because the option can change.
    """

    def __init__(
        self, database: str, *, clock: Callable[[], float], successful_after: Callable[[], float | None]
    ) -> None:
        self._clock = clock
        self._successful_after = successful_after
        self._lock = threading.Lock()
        if database not in ("", ":memory:"):
            # Create the file first with mode 0600: SQLite would make it readable for everyone, and it gives its own
            # files next to it the same mode. Ignore an OSError, because SQLite's error explains best why it cannot use
            # the file.
            with suppress(OSError):
                file = os.open(database, os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0), 0o600)
                try:
                    # As root, this would otherwise change the mode of /dev/null for the whole machine.
                    if not stat.S_ISREG(os.fstat(file).st_mode):
                        raise ValueError(f"the database {database} is not a regular file: name another one")
                    if hasattr(os, "fchmod"):
                        os.fchmod(file, 0o600)
                finally:
                    os.close(file)
        # Autocommit is enough, because every write below is a single statement.
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise ValueError("the database was written by another version of the simulator: use a new file")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database, which writes everything to its file."""
        with self._lock:
            self._connection.close()

    def add_integration(self, new: NewIntegration, account: str | None, *, as_oldest: bool = False) -> str:
        """Store a new integration and return its id. Lists show it as the newest, or with *as_oldest* as the oldest."""
        integration_id = str(uuid.uuid4())
        self._execute(
            "INSERT INTO integrations (number, id, account, external_identifier, integration_name, source, secret_type,"
            " payload_digest, payload_keys, merchant_account_codes, created_at)"
            " VALUES (CASE WHEN ? THEN (SELECT MIN(number) - 1 FROM integrations) END, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            as_oldest,
            integration_id,
            account,
            new.external_identifier,
            new.integration_name,
            new.source,
            new.secret_type,
            new.payload_digest,
            json.dumps(new.payload_keys),
            json.dumps(new.merchant_account_codes),
            self._clock(),
        )
        return integration_id

    def integration(self, integration_id: str) -> Integration | None:
        """Return one integration of any account."""
        rows = self._execute("SELECT * FROM integrations WHERE id = ?", integration_id)
        return self._integration(rows[0]) if rows else None

    def integrations(self) -> list[Integration]:
        """Return all integrations of all accounts, oldest first, in the order of lists."""
        return [self._integration(row) for row in self._execute("SELECT * FROM integrations ORDER BY number")]

    def integrations_page(
        self, account: str | None, page: Page, *, newest_first: bool
    ) -> tuple[list[Integration], bool]:
        """Return one page of an account's integrations, and whether more follow."""
        rows = self._execute(_PAGE_OF_INTEGRATIONS[newest_first], account, page.limit + 1, page.offset)
        return [self._integration(row) for row in rows[: page.limit]], len(rows) > page.limit

    def deactivate_integration(self, integration_id: str, deactivation: Deactivation) -> None:
        """Set or change the date from which an integration is INACTIVE."""
        self._execute(
            "UPDATE integrations SET deactivation_type = ?, deactivation_date = ?, deactivated_at = ? WHERE id = ?",
            deactivation.type,
            deactivation.date,
            deactivation.moment,
            integration_id,
        )

    def move_integration(self, integration_id: str, *, as_oldest: bool) -> None:
        """Move an integration to the oldest or the newest place in lists."""
        self._execute(
            "UPDATE integrations SET number = (SELECT CASE WHEN ? THEN MIN(number) - 1 ELSE MAX(number) + 1 END"
            " FROM integrations) WHERE id = ?",
            as_oldest,
            integration_id,
        )

    def set_status(self, integration_id: str, status: str) -> None:
        """Set the status without the API, and remove any deactivation."""
        self._execute(
            "UPDATE integrations SET told_status = ?, deactivation_type = NULL, deactivation_date = NULL,"
            " deactivated_at = NULL WHERE id = ?",
            status,
            integration_id,
        )

    def set_go_live_date(self, integration_id: str, go_live_date: str | None) -> None:
        """Set the go-live date without the API. None restores the derived date."""
        self._execute("UPDATE integrations SET told_go_live_date = ? WHERE id = ?", go_live_date, integration_id)

    def wipe_integrations(self) -> None:
        """Remove all integrations of all accounts, as a sandbox reset does."""
        self._execute("DELETE FROM integrations")

    def _execute(self, statement: str, *values: str | float | None) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _integration(self, row: sqlite3.Row) -> Integration:
        succeeded_at = self._succeeded_at(row)
        status = row["told_status"] or ("PENDING" if succeeded_at is None else "SUCCESSFUL")
        codes = json.loads(row["merchant_account_codes"])
        return Integration(
            id=row["id"],
            account=row["account"],
            external_identifier=row["external_identifier"],
            integration_name=row["integration_name"],
            source=row["source"],
            secret_type=row["secret_type"],
            payload_digest=row["payload_digest"],
            payload_keys=tuple(json.loads(row["payload_keys"])),
            merchant_account_codes=None if codes is None else tuple(codes),
            status="INACTIVE" if self._is_over(row) else status,
            go_live_date=row["told_go_live_date"] or (None if succeeded_at is None else _iso(succeeded_at)),
            created_at=_iso(row["created_at"]),
            deactivation_type=row["deactivation_type"],
            deactivation_date=row["deactivation_date"],
        )

    def _succeeded_at(self, row: sqlite3.Row) -> float | None:
        """Return when the integration became SUCCESSFUL by `successful_after`, or None if it has not."""
        seconds = self._successful_after()
        if seconds is None or row["told_status"] is not None:
            return None
        moment: float = row["created_at"] + seconds
        return moment if moment <= self._clock() else None

    def _is_over(self, row: sqlite3.Row) -> bool:
        return row["deactivated_at"] is not None and row["deactivated_at"] <= self._clock()


@dataclass(frozen=True)
class Exchange:
    """One request to the API and its response.

    Attributes:
        method: The HTTP method.
        path: The path, percent-encoded as it was sent.
        query: The query parameters.
        account: The value of the `reference-account-id` header.
        body: The fields that were sent. All fields that may be secret, such as `secretPayload`, are digests. Empty if
            no body was read.
        status: The status of the response, even if a fault kept it from being sent. 0 if a fault prevented both the
            commit and the response.
        error_id: The errorId of an error response, even if its envelope does not show it.
        faults: The names of the faults that happened to this request, in order.
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
    """Keeps the last requests to the API and the last faults that happened, oldest first."""

    def __init__(self) -> None:
        self.count = 0  # counts all requests, including those that are no longer kept
        self._exchanges: deque[Exchange] = deque(maxlen=_KEPT_REQUESTS)
        self._events: deque[FaultEvent] = deque(maxlen=_KEPT_REQUESTS)

    def add(self, exchange: Exchange, events: Iterable[FaultEvent]) -> None:
        """Record a request with the faults that happened to it, and log it."""
        self.count += 1
        self._events.extend(events)
        self._exchanges.append(exchange)
        log(exchange.method, exchange.path, exchange.status, exchange.error_id, *exchange.faults)

    def exchanges(self) -> list[Exchange]:
        """Return the recorded requests."""
        return list(self._exchanges)

    def fired(self) -> list[FaultEvent]:
        """Return the recorded faults that happened."""
        return list(self._events)

    def clear(self) -> None:
        """Clear the requests and faults, and reset the count."""
        self.count = 0
        self._exchanges.clear()
        self._events.clear()


def log(method: str, path: str, status: int, error_id: str | None = None, *faults: str) -> None:
    """Log a request in one line."""
    logger.info("%s", " ".join((method, path, str(status), error_id or "-", *faults)))


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
