"""The journal: what this machine remembers of creates and adoptions, so that a killed run leaves no nameless duplicate.

The engine stores an id only after `create` has returned it. If the CLI or the provider process is killed before that,
the next `pulumi up` would create a second integration. These files are the witness. They hold ids, URNs and identifiers,
never a credential; folders have mode 0700, files 0600.

    file                        written                                 removed
    intents/<resource>.json     before a POST; again with the id        read, diff or delete sees that id for that URN;
                                that the answer brings                  nothing was sent; an undo succeeded; 30 days
    snapshots/<name>.json       before the first POST of a process      no intent names it any longer
                                to an account: the ids listed then
    claims/<id>.json            with O_EXCL, for each id that a         the integration is deactivated
                                create returns: one id, one resource
    adoptions/<id>/<urn>.json   by `create` with `adopt_id`,            the adopter releases it or begins to own it;
                                before its GET                          the id is INACTIVE

A resource is keyed by its URN, the base URL and the account. The folder is `$JUSTT_STATE_DIR`, else
`$XDG_STATE_HOME/pulumi-justt`, else `~/Library/Application Support/pulumi-justt` on macOS and
`~/.local/state/pulumi-justt` elsewhere. A folder that is missing, read-only or full is one warning and never fails a
call. The journal protects only the machine that keeps it.

Nothing is synced to the disk: the files survive the death of a process, and not that of the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

__all__ = ["Decision", "Intent", "Journal", "state_folder"]

_MAX_AGE = 30 * 86_400.0
"""Seconds after which an intent is dropped."""

_SNAPSHOT_GRACE = 3_600.0
"""Seconds for which a snapshot that no intent names is kept: another process may be about to name it."""

_VERSION = 1


@dataclass(frozen=True)
class Decision:
    """What a person has decided about an intent; the next create of its resource carries it out.

    Args:
        action: `claim` makes *integration_id* the resource's own, `deactivate` deactivates it and creates another one,
            `forget` creates another one and leaves Justt as it is.
        integration_id: The integration to claim or to deactivate.
    """

    action: Literal["claim", "deactivate", "forget"]
    integration_id: str | None = None


@dataclass(frozen=True)
class Intent:
    """A create that was begun for a resource, and of which no state is known to hold the result.

    Args:
        urn: The resource's URN.
        base_url: Where the API was reached.
        account: The reference account, if one was given.
        external_identifier: The resource's external identifier.
        source: The PSP.
        sent_at: When the latest POST was begun, in seconds since the epoch.
        settled_at: When that POST has been answered or given up and Justt has had its grace period, likewise.
        snapshot: The name of the snapshot that was taken before it; None where there is none.
        integration_id: The id that the answer brought; None while it is unknown.
        decision: What `pulumi-justt recover` was told.
    """

    urn: str
    base_url: str
    account: str | None
    external_identifier: str
    source: str
    sent_at: float
    settled_at: float
    snapshot: str | None = None
    integration_id: str | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class Snapshot:
    """The ids that an account listed before the first POST of a process, and whether those were surely all."""

    ids: frozenset[str]
    is_complete: bool


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where this machine's user keeps the journal; None where the environment names no place."""
    if given := environ.get("JUSTT_STATE_DIR"):
        return Path(given)
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base, "pulumi-justt")
    if home := environ.get("HOME"):
        return Path(home, *(_MACOS if sys.platform == "darwin" else _ELSEWHERE), "pulumi-justt")
    return None


_MACOS = ("Library", "Application Support")
_ELSEWHERE = (".local", "state")


class Journal:
    """The journal of one folder; one object serves all threads of a process.

    Args:
        folder: Where the files are; None keeps nothing.
        warn: Shows one line to the user.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path | None,
        warn: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._warn = warn
        self._now = now
        self._lock = threading.Lock()
        self._has_warned = False
        self._is_pruned = False

    def path_of(self, intent: Intent) -> Path | None:
        """Return the file of an intent, for error texts."""
        return self._path("intents", _name(intent.urn, intent.base_url, intent.account))

    def intent(self, urn: str, base_url: str, account: str | None) -> Intent | None:
        """Return the intent of a resource, if there is one."""
        path = self._path("intents", _name(urn, base_url, account))
        return self._intent_at(path) if path else None

    def intents(self) -> list[Intent]:
        """Return all intents, the oldest first."""
        found = [intent for path in self._files("intents") if (intent := self._intent_at(path))]
        return sorted(found, key=lambda intent: intent.sent_at)

    def write_intent(self, intent: Intent) -> None:
        """Write *intent* in place of the resource's earlier one."""
        self._prune()
        path = self.path_of(intent)
        if path:
            self._write(path, asdict(intent))

    def remove_intent(self, intent: Intent) -> None:
        """Remove the intent of a resource."""
        if path := self.path_of(intent):
            self._unlink(path)

    def settle(self, urn: str, base_url: str, account: str | None, integration_id: str) -> None:
        """Remove the intent of a resource whose state is seen to hold *integration_id*, if the intent names that id."""
        intent = self.intent(urn, base_url, account)
        if intent and intent.integration_id == integration_id:
            self.remove_intent(intent)

    def decide(self, intent: Intent, decision: Decision) -> None:
        """Write a person's decision into an intent."""
        self.write_intent(replace(intent, decision=decision))

    def write_snapshot(self, ids: Collection[str], *, is_complete: bool) -> str | None:
        """Keep the ids that an account had, and return the snapshot's name; None where nothing can be kept."""
        self._prune()
        name = secrets.token_hex(8)
        path = self._path("snapshots", name)
        if path and self._write(path, {"ids": sorted(ids), "is_complete": is_complete}):
            return name
        return None

    def snapshot(self, name: str | None) -> Snapshot | None:
        """Return a snapshot by its name; None where it was not kept."""
        path = self._path("snapshots", name) if name else None
        content = self._read(path) if path else None
        return Snapshot(frozenset(content["ids"]), content["is_complete"]) if content else None

    def claim(self, base_url: str, integration_id: str, urn: str) -> str | None:
        """Take an id for one resource, and return the URN that has it: *urn* itself, or the one that came first.

        Returns None where nothing can be kept, so that nothing is known of other processes.
        """
        path = self._path("claims", _name(base_url, integration_id))
        content = {"base_url": base_url, "integration_id": integration_id, "urn": urn}
        if path is None:
            return None
        if self._write(path, content, is_exclusive=True):
            return urn
        held = self._read(path)
        return str(held["urn"]) if held else None

    def claimant(self, base_url: str, integration_id: str) -> str | None:
        """Return the URN that an id was created or claimed for, if this machine knows it."""
        path = self._path("claims", _name(base_url, integration_id))
        content = self._read(path) if path else None
        return str(content["urn"]) if content else None

    def claimed_ids(self, base_url: str) -> frozenset[str]:
        """Return the ids at *base_url* that belong to some resource."""
        contents = map(self._read, self._files("claims"))
        return frozenset(each["integration_id"] for each in contents if each and each["base_url"] == base_url)

    def record_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Remember that a resource adopts an id, so that no other process on this machine deactivates it."""
        if path := self._adoption(base_url, integration_id, urn):
            self._write(path, {"base_url": base_url, "integration_id": integration_id, "urn": urn})

    def adopters(self, base_url: str, integration_id: str) -> list[str]:
        """Return the URNs of the resources that adopt an id."""
        contents = map(self._read, self._files("adoptions", _name(base_url, integration_id)))
        return sorted(each["urn"] for each in contents if each)

    def end_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Forget that a resource adopts an id."""
        if path := self._adoption(base_url, integration_id, urn):
            self._unlink(path)
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def forget_integration(self, base_url: str, integration_id: str) -> None:
        """Forget who has an id: the integration is INACTIVE, which is final."""
        if path := self._path("claims", _name(base_url, integration_id)):
            self._unlink(path)
        for urn in self.adopters(base_url, integration_id):
            self.end_adoption(base_url, integration_id, urn)

    def _adoption(self, base_url: str, integration_id: str, urn: str) -> Path | None:
        return self._path("adoptions", _name(base_url, integration_id), _name(urn))

    def _path(self, *parts: str) -> Path | None:
        return self.folder.joinpath(*parts).with_suffix(".json") if self.folder else None

    def _files(self, *parts: str) -> Iterator[Path]:
        if self.folder:
            # A folder that does not exist, or may not be read, has none.
            with contextlib.suppress(OSError):
                yield from sorted(self.folder.joinpath(*parts).glob("*.json"))

    def _intent_at(self, path: Path) -> Intent | None:
        content = self._read(path)
        if content is None:
            return None
        decision = content.pop("decision")
        intent = Intent(**content, decision=Decision(**decision) if decision else None)
        if self._now() - intent.sent_at <= _MAX_AGE:
            return intent
        self._warn(
            f"warning: creating the {intent.source} integration {intent.external_identifier!r}: a create that was begun "
            f"more than {_MAX_AGE / 86_400:.0f} days ago never ended, and its record ({path}) is dropped now. Look at "
            "Justt for an integration that no stack has."
        )
        self._unlink(path)
        return None

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            content = json.loads(path.read_bytes())
            if content.pop("version") == _VERSION:
                return dict(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError, KeyError):
            pass
        self._warn_once(f"{path} can't be read")
        return None

    def _write(self, path: Path, content: Mapping[str, Any], *, is_exclusive: bool = False) -> bool:
        """Write a file whole or not at all, and return whether that was done; *is_exclusive* keeps an earlier one."""
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, **content}, file)
            # A link fails where the name exists, as O_EXCL does, and shows other processes nothing half-written.
            (os.link if is_exclusive else os.replace)(part, path)
        except FileExistsError:
            return False
        except OSError as error:
            self._warn_once(f"{path.parent} can't be written ({error.strerror})")
            return False
        else:
            return True
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._warn_once(f"{path} can't be removed ({error.strerror})")

    def _warn_once(self, reason: str) -> None:
        with self._lock:
            if self._has_warned:
                return
            self._has_warned = True
        self._warn(
            f"warning: the journal of creates is not kept: {reason}. Everything else works; after a killed `pulumi up`, "
            "run `pulumi-justt doctor` before the next one. Set JUSTT_STATE_DIR to a folder that can be written."
        )

    def _prune(self) -> None:
        """Remove the snapshots that no intent names, once for each process."""
        with self._lock:
            if self._is_pruned:
                return
            self._is_pruned = True
        named = {intent.snapshot for intent in self.intents()}
        for path in self._files("snapshots"):
            with contextlib.suppress(OSError):
                if path.stem not in named and self._now() - path.stat().st_mtime > _SNAPSHOT_GRACE:
                    path.unlink()


def _name(*parts: str | None) -> str:
    """Return a file name for what *parts* name together; URNs and ids hold characters that file names can't."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
