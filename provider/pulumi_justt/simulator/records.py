"""The records: what was created, told and deactivated, in one SQLite database.

It must not know HTTP, envelopes or what is valid. Nothing is ever removed except by `wipe`: deactivation is a date. The
status is derived on every read, from the first of these that applies:

    INACTIVE    the moment of deactivation has come
    as told     `tell` said so
    SUCCESSFUL  `successful_after` seconds have passed since creation
    PENDING     otherwise
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rules import Deactivation, NewIntegration, Page

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
# By whether the newest come first; both are walks along an index.
_PAGE_OF_INTEGRATIONS = {
    False: "SELECT * FROM integrations WHERE account IS ? ORDER BY number LIMIT ? OFFSET ?",
    True: "SELECT * FROM integrations WHERE account IS ? ORDER BY number DESC LIMIT ? OFFSET ?",
}


@dataclass(frozen=True)
class Integration:
    """One integration as it stands at the moment of reading."""

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
    """The store, safe to use from any thread.

    Args:
        database: a path, or `":memory:"`.
        clock: gives Unix seconds.
        successful_after: asked on every read, since the option behind it may change.
    """

    def __init__(
        self, database: str, *, clock: Callable[[], float], successful_after: Callable[[], float | None]
    ) -> None:
        self._clock = clock
        self._successful_after = successful_after
        self._lock = threading.Lock()
        if database not in ("", ":memory:"):
            # SQLite would make the file readable for all, and gives its journals the same mode. It also says best why a
            # file can't be used.
            with suppress(OSError):
                file = os.open(database, os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0), 0o600)
                try:
                    # As root, the mode of /dev/null could be changed for the whole machine.
                    if not stat.S_ISREG(os.fstat(file).st_mode):
                        raise ValueError(f"the database {database} is not a regular file: name another one")
                    if hasattr(os, "fchmod"):
                        os.fchmod(file, 0o600)
                finally:
                    os.close(file)
        # Autocommit: every write below is one statement.
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
        """Close the database; a file then holds everything."""
        with self._lock:
            self._connection.close()

    def add_integration(self, new: NewIntegration, account: str | None, *, as_oldest: bool = False) -> str:
        """Keep a new integration and give its id; lists show it as the newest, or as the oldest."""
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
        """Give one integration, of whatever account."""
        rows = self._execute("SELECT * FROM integrations WHERE id = ?", integration_id)
        return self._integration(rows[0]) if rows else None

    def integrations(self) -> list[Integration]:
        """Give all integrations of all accounts, oldest first, in the order of lists."""
        return [self._integration(row) for row in self._execute("SELECT * FROM integrations ORDER BY number")]

    def integrations_page(
        self, account: str | None, page: Page, *, newest_first: bool
    ) -> tuple[list[Integration], bool]:
        """Give one page of an account's integrations, and whether more follow."""
        rows = self._execute(_PAGE_OF_INTEGRATIONS[newest_first], account, page.limit + 1, page.offset)
        return [self._integration(row) for row in rows[: page.limit]], len(rows) > page.limit

    def deactivate_integration(self, integration_id: str, deactivation: Deactivation) -> None:
        """Set the date of an integration's end, or move one that has not come yet."""
        self._execute(
            "UPDATE integrations SET deactivation_type = ?, deactivation_date = ?, deactivated_at = ? WHERE id = ?",
            deactivation.type,
            deactivation.date,
            deactivation.moment,
            integration_id,
        )

    def move_integration(self, integration_id: str, *, as_oldest: bool) -> None:
        """Let lists show an integration as the oldest, or as the newest."""
        self._execute(
            "UPDATE integrations SET number = (SELECT CASE WHEN ? THEN MIN(number) - 1 ELSE MAX(number) + 1 END"
            " FROM integrations) WHERE id = ?",
            as_oldest,
            integration_id,
        )

    def tell_status(self, integration_id: str, status: str) -> None:
        """Set the status behind the client's back; a deactivation that was recorded is forgotten."""
        self._execute(
            "UPDATE integrations SET told_status = ?, deactivation_type = NULL, deactivation_date = NULL,"
            " deactivated_at = NULL WHERE id = ?",
            status,
            integration_id,
        )

    def tell_go_live_date(self, integration_id: str, go_live_date: str | None) -> None:
        """Set the go-live date behind the client's back; None goes back to the derived one."""
        self._execute("UPDATE integrations SET told_go_live_date = ? WHERE id = ?", go_live_date, integration_id)

    def wipe_integrations(self) -> None:
        """Forget all integrations of all accounts, as a sandbox that was reset."""
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
        """Give the moment at which the integration succeeded by itself, if it has come."""
        seconds = self._successful_after()
        if seconds is None or row["told_status"] is not None:
            return None
        moment: float = row["created_at"] + seconds
        return moment if moment <= self._clock() else None

    def _is_over(self, row: sqlite3.Row) -> bool:
        return row["deactivated_at"] is not None and row["deactivated_at"] <= self._clock()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
