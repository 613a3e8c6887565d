"""The journal: what this machine remembers of creates and adoptions, so that a killed run leaves no nameless duplicate.

The engine stores an id only after `create` has returned it. If the CLI or the provider process is killed before that,
the next `pulumi up` would create a second integration. These files are the witness. They hold ids, URNs and
identifiers, and a keyed digest of what was sent, never a credential; folders have mode 0700, files 0600.

    file                        written                                 removed
    intents/<stack>-            before a POST; again with the id        read, diff or delete sees that id for that URN;
        <resource>.json         that the answer brings; with a          nothing was sent; an undo succeeded; 30 days,
                                decision of `pulumi-justt recover`      or a year where the id is known. A decision ends
                                                                        when it is carried out, or after 30 days
    snapshots/<name>.json       before the first POST of a process      no intent names it, after two days
                                to an account: the ids listed then
    ended/<process>.json        when a process ends in order, if it     likewise
                                created anything: most likely the
                                engine has stored what it was given,
                                so other stacks are not warned
    claims/<id>.json            with O_EXCL, for each id that a         the integration is deactivated, or
                                create returns: one id, one resource    released to a resource that adopts it
    adoptions/<id>/<urn>.json   by `check` and `create` with            two days after the adopter was deleted, or
                                `adopt_id`; by read and diff of what    failed to adopt it; the id is INACTIVE
                                the state has as adopted
    commands/<command>.jsonl    by check, diff and create: what the     two days after its last line
                                processes of one command tell each
                                other, see `command_log`
    parts/<name>.json           for each file above, until it is        a process that was killed meanwhile left it, two
                                whole and gets its name                 days ago

An adoption counts in later commands once it has succeeded, also after `adopt_id` was taken out: another resource may
still own the integration, and only the adopter itself may deactivate it then. In the command that begins or ends it, it
counts in any case: another provider process of that command may still be about to delete the integration's owner.

A resource is keyed by its URN, the base URL and the account; the names that this machine has for itself are one. The
folder is `$JUSTT_STATE_DIR`, else `$XDG_STATE_HOME/pulumi-justt`, else `~/Library/Application Support/pulumi-justt` on
macOS and `~/.local/state/pulumi-justt` elsewhere. A folder that is missing, read-only or full is one warning and never
fails a call. The journal protects only the machine that keeps it.

Nothing is synced to the disk: the files survive the death of a process, and not that of the machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

__all__ = [
    "Decision",
    "Intent",
    "Journal",
    "address",
    "make_folder",
    "stack_name",
    "stack_of",
    "state_folder",
    "within_stack",
]

_MAX_AGE = 30 * 86_400.0
"""Seconds after which a decision that no create has carried out is dropped, and so is an intent without an id."""

_MAX_AGE_WITH_ID = 365 * 86_400.0
"""Likewise with an id: every create leaves one until the stack's next command, and a GET of the id leaves no doubt."""

_LONGEST_WAIT = 86_400.0
"""Seconds that no request takes: a file that says more would hold up a create for as long."""

_LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, which is the last one that a text can show."""

_MAX_COMMAND = 2 * 86_400.0
"""Seconds that one command may take: an `IntegrationReady` may wait for a day.

Until then a process may be at work on an adoption that has ended, on a part, and on a snapshot, which the intents of
its later creates will name.
"""

_LONGEST_ADOPTION = 600.0
"""Seconds for which an adoption counts as under way in another command: a GET with its retries is given up by then."""

_VERSION = 1

_URL = re.compile(r"([a-z]+://)(\[[^]]*\]|[^:/[]*)(.*)")
"""The scheme, the host and the rest."""

_Kept = TypeVar("_Kept")

_Action = Literal["claim", "deactivate", "forget"]


@dataclass(frozen=True)
class Decision:
    """What a person has decided about an intent; the next create of its resource carries it out.

    Args:
        action: `claim` makes *integration_id* the resource's own, `deactivate` deactivates it and creates another one,
            `forget` creates another one and leaves Justt as it is.
        integration_id: The integration to claim or to deactivate.
        decided_at: When, in seconds since the epoch; the journal fills it in.
    """

    action: _Action
    integration_id: str | None = None
    decided_at: float = field(default=0.0, compare=False)


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
        process: The name of the process that sent it.
        command: The command that this process was of.
        decision: What `pulumi-justt recover` was told.
        digest: What tells the body that was sent from another one, keyed with the API key, which no file holds; None
            in a file of an older version.
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
    process: str | None = None
    command: str | None = None
    decision: Decision | None = None
    digest: str | None = None

    @property
    def outcome_id(self) -> str | None:
        """The integration that it made, if Justt's answer or a person has named it."""
        if self.decision is not None and self.decision.action == "claim":
            return self.decision.integration_id
        return self.integration_id

    def is_at(self, base_url: str) -> bool:
        """Return whether it was begun at an address."""
        return address(self.base_url) == address(base_url)


@dataclass(frozen=True)
class Adoption:
    """A resource's adoption of an integration.

    Args:
        urn: The resource's URN.
        command: The command that began or ended it; None if the state was seen to have it.
        is_held: Whether it has succeeded, and the resource has not been deleted since; it may be the owner by now.
        begun_at: When the request of an adoption that is under way was begun, in seconds since the epoch.
    """

    urn: str
    command: str | None
    is_held: bool
    begun_at: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The ids that an account listed before the first POST of a process, and whether those were surely all."""

    ids: frozenset[str]
    is_complete: bool


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where this machine's user keeps the journal; None where the environment names no place."""
    if given := environ.get("JUSTT_STATE_DIR"):
        # A relative one would be another folder for each process: the settings refuse it.
        return Path(given) if Path(given).is_absolute() else None
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():
        # A relative one is to be ignored, says the specification of that variable.
        return base / "pulumi-justt"
    home = Path(environ.get("HOME", ""))
    if home.is_absolute():
        return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/state") / "pulumi-justt"
    return None


@functools.lru_cache(maxsize=64)
def address(base_url: str) -> str:
    """Return the spelling of a base URL that files are named by; the settings have normalized the rest of it.

    This machine has several names, under each of which a simulator has the same records.
    """
    found = _URL.fullmatch(base_url)
    if found is None:
        return base_url
    host = found[2].removesuffix(".")
    return f"{found[1]}{'127.0.0.1' if host in ('localhost', '[::1]') else host}{found[3]}"


def stack_of(urn: str) -> list[str]:
    """Return the part of a URN that names the stack and the project."""
    return urn.split("::")[:2]


def stack_name(urn: str) -> str:
    """Return the project and the stack of a URN, as the CLI takes them."""
    head, _, rest = urn.partition("::")
    return f"{rest.partition('::')[0]}/{head.rpartition(':')[2]}"


def within_stack(urn: str) -> str:
    """Return a URN without its stack and project."""
    return "::".join(urn.split("::")[2:])


class Journal:
    """The journal of one folder; one object serves all threads of a process.

    Args:
        folder: Where the files are; None keeps nothing.
        warn: Shows one line to the user.
        now: Seconds since the epoch.
        command: What the provider processes of one command have in common, and those of no other command have; by
            default this object is alone.

    Attributes:
        process: A name for the process that this object serves.
        unusable: The files that were to be read and can't be used, each with the reason.
        command: See above.
    """

    def __init__(
        self,
        folder: Path | None,
        warn: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
        command: str | None = None,
    ) -> None:
        self.folder = folder
        self.command = command or secrets.token_hex(8)
        self._warn = warn
        self.now = now
        self.process = secrets.token_hex(8)
        self.unusable: dict[Path, str] = {}
        self._has_created = False
        self._lock = threading.Lock()
        self._has_warned = False
        self._is_pruned = False

    def path_of(self, intent: Intent) -> Path | None:
        """Return the file of an intent, for error texts."""
        return self._intent_file(intent.urn, intent.base_url, intent.account)

    def intent(self, urn: str, base_url: str, account: str | None) -> Intent | None:
        """Return the intent of a resource, if there is one."""
        intent = self._read_intent(self._intent_file(urn, base_url, account))
        if intent is None or not self._is_expired(intent):
            # A process that was killed while it moved the file here has left the former name in it.
            return intent and replace(intent, urn=urn)
        self._drop(intent)
        return None

    def unusable_intent(self, urn: str, base_url: str, account: str | None) -> str | None:
        """Return why the intent of a resource can't be used, where there is a file with one.

        A folder that can't be used has none: that is a warning only.
        """
        path = self._intent_file(urn, base_url, account)
        is_usable = path is None or self._read(path, _intent) is not None or not os.path.lexists(path)
        return None if is_usable or path is None else self.unusable.get(path)

    def intents(self, stack: Sequence[str] | None = None) -> list[Intent]:
        """Return all intents, or those of a stack as `stack_of` names it, the oldest first."""
        pattern = f"{_name(*stack)[:8]}-*.json" if stack else "*.json"
        found = [self._read_intent(path) for path in self._files("intents", pattern=pattern)]
        kept = [
            intent
            for intent in found
            if intent and not self._is_expired(intent)
            if stack is None or stack_of(intent.urn) == [*stack]
        ]
        return sorted(kept, key=lambda intent: (intent.sent_at, intent.urn))

    def write_intent(self, intent: Intent) -> bool:
        """Write *intent* in place of the resource's earlier one, and return whether it is kept.

        A file that can't be used stays: it may be all that is known of another create.
        """
        self._prune()
        if self.unusable_intent(intent.urn, intent.base_url, intent.account):
            return False
        self._has_created = self._has_created or intent.integration_id is not None
        decision = intent.decision and vars(intent.decision)
        return self._write(self.path_of(intent), {**vars(intent), "decision": decision})

    def end_in_order(self) -> None:
        """Remember that the engine has taken all results of this process; whether it could store them is not known."""
        if self._has_created:
            self._write(self._path("ended", self.process), {})

    def has_ended_in_order(self, intent: Intent) -> bool:
        """Return whether the process that wrote an intent has ended in order, which proves nothing of the state."""
        path = self._path("ended", intent.process) if intent.process else None
        return self._read(path, lambda _: True) is not None

    def remove_intent(self, intent: Intent) -> None:
        """Remove the intent of a resource, unless another process has put its own there since."""
        self._remove(self.path_of(intent), intent.process)

    def withdraw_intent(self, urn: str, base_url: str, account: str | None) -> None:
        """Remove the intent of a resource, if this process wrote it."""
        self._remove(self._intent_file(urn, base_url, account), self.process)

    def _remove(self, path: Path | None, process: str | None) -> None:
        kept = self._read(path, _intent)
        if path and kept and kept.process == process:
            self._unlink(path)

    def settle(self, urn: str, base_url: str, account: str | None, integration_id: str) -> Intent | None:
        """Remove the intent of a resource whose state is seen to hold *integration_id*, if the intent names that id.

        The resource, or its whole stack, may have had another name when it was created; the claim remembers that.

        Returns:
            The intent of the resource that stays: it is of another create.
        """
        intent = self.intent(urn, base_url, account)
        if self._settle_one(intent, integration_id):
            return None
        former = self.claimant(base_url, integration_id)
        if former not in (None, urn):
            self._settle_one(self.intent(former, base_url, account), integration_id)
        return intent

    def _settle_one(self, intent: Intent | None, integration_id: str) -> bool:
        """Remove an intent that was read just now, if it names *integration_id*, and return whether it does."""
        is_settled = intent is not None and integration_id in (intent.integration_id, intent.outcome_id)
        if intent and is_settled and (path := self.path_of(intent)):
            self._unlink(path)
        return is_settled

    def decide(self, intent: Intent, decision: Decision) -> bool:
        """Write a person's decision into an intent, and return whether it is kept."""
        return self.write_intent(replace(intent, decision=replace(decision, decided_at=self.now())))

    def write_snapshot(self, ids: Collection[str], *, is_complete: bool) -> str | None:
        """Keep the ids that an account had, and return the snapshot's name; None where nothing can be kept."""
        self._prune()
        name = secrets.token_hex(8)
        is_kept = self._write(self._path("snapshots", name), {"ids": sorted(ids), "is_complete": is_complete})
        return name if is_kept else None

    def snapshot(self, name: str | None) -> Snapshot | None:
        """Return a snapshot by its name; None where it was not kept."""
        return self._read(self._path("snapshots", name), _snapshot) if name else None

    def claim(self, base_url: str, integration_id: str, urn: str) -> str | None:
        """Take an id for one resource, and return the URN that has it: *urn* itself, or the one that came first.

        Returns None where nothing can be kept, so that nothing is known of other processes.
        """
        path = self._claim_file(base_url, integration_id)
        if self._write(path, _holder(base_url, integration_id, urn), is_exclusive=True):
            return urn
        return self._read(path, _urn)

    def claimant(self, base_url: str, integration_id: str) -> str | None:
        """Return the URN that an id was created or claimed for, if this machine knows it."""
        return self._read(self._claim_file(base_url, integration_id), _urn)

    def claim_file(self, base_url: str, integration_id: str) -> Path | None:
        """Return the file that says for whom an id was created or claimed, for messages."""
        return self._claim_file(base_url, integration_id)

    def release_claim(self, base_url: str, integration_id: str, urn: str) -> None:
        """Forget that an id was created or claimed for a resource, which has let it go to one that adopts it."""
        path = self._claim_file(base_url, integration_id)
        if path and self._read(path, _urn) == urn:
            self._unlink(path)

    def move(self, intent: Intent, urn: str) -> None:
        """Let an intent, and the claim of its id, follow a resource to another name."""
        former, path = self.path_of(intent), self.path_of(replace(intent, urn=urn))
        if not former or not path:
            return
        try:
            # Of two processes that would, each for a resource of its own, one can.
            former.replace(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._warn_once(f"{former} can't be renamed ({error.strerror})")
            return
        self.write_intent(replace(intent, urn=urn))
        if intent.integration_id and self.claimant(intent.base_url, intent.integration_id) == intent.urn:
            path = self._claim_file(intent.base_url, intent.integration_id)
            self._write(path, _holder(intent.base_url, intent.integration_id, urn))

    def claimed_ids(self, base_url: str, *, besides: str | None = None) -> frozenset[str]:
        """Return the ids at *base_url* that belong to some resource, less those of the resource *besides*."""
        held = (self._read(path, _place) for path in self._files("claims"))
        return frozenset(each[1] for each in held if each and each[0] == address(base_url) and each[2] != besides)

    def begin_adoption(self, base_url: str, integration_id: str, urn: str, *, is_under_way: bool = False) -> None:
        """Write that a resource is about to adopt an id, so that no other process of this command deactivates it.

        While it *is under way*, no other command does, either.
        """
        known = self._read(self.adoption_file(base_url, integration_id, urn), _adoption)
        # What has it already may be adopting it anew, and still has it if that fails.
        begun_at = self.now() if is_under_way else None
        adoption = Adoption(urn, self.command, is_held=known is not None and known.is_held, begun_at=begun_at)
        if adoption != known:
            self._write_adoption(base_url, integration_id, adoption)

    def fail_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Write that an adoption is not under way any more."""
        known = self._read(self.adoption_file(base_url, integration_id, urn), _adoption)
        if known and known.begun_at is not None:
            self._write_adoption(base_url, integration_id, replace(known, begun_at=None))

    def hold_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Write that a resource has adopted an id, so that no later command on this machine deactivates it either."""
        self._write_adoption(base_url, integration_id, Adoption(urn, self.command, is_held=True))

    def keep_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Write that the state has a resource which adopts an id: under another URN or on another machine it began."""
        known = self._read(self.adoption_file(base_url, integration_id, urn), _adoption)
        if known is None or not known.is_held:
            self._write_adoption(base_url, integration_id, Adoption(urn, None, is_held=True))

    def end_adoption(self, base_url: str, integration_id: str, urn: str) -> None:
        """Write that a resource does not have an id any more, unless this very command has adopted it anew."""
        known = self._read(self.adoption_file(base_url, integration_id, urn), _adoption)
        if known and not (known.is_held and known.command == self.command):
            self._write_adoption(base_url, integration_id, Adoption(urn, self.command, is_held=False))

    def has_adopted(self, base_url: str, integration_id: str, urn: str) -> bool:
        """Return whether a resource has adopted an id, and this machine knows of no end of that."""
        known = self._read(self.adoption_file(base_url, integration_id, urn), _adoption)
        return known is not None and known.is_held

    def adopters(self, base_url: str, integration_id: str, beside: str | None = None) -> list[str]:
        """Return the URNs of the resources that adopt an id, or have adopted it and own it now.

        Args:
            base_url: Where the API is reached.
            integration_id: The id.
            beside: A resource that has the id without adopting it. Its own adoption counts only if it is this
                command's, which replaces the resource: it may have ended on another machine.
        """
        found = (
            self._read(path, _adoption) for path in self._files("adoptions", _record_name(base_url, integration_id))
        )
        return sorted(
            each.urn
            for each in found
            if each and (each.command == self.command or (each.is_held and each.urn != beside))
        )

    def adopter_under_way(self, base_url: str, integration_id: str) -> str | None:
        """Return the URN of a resource that another command may be adopting an id for at this moment."""
        found = (
            self._read(path, _adoption) for path in self._files("adoptions", _record_name(base_url, integration_id))
        )
        others = (each for each in found if each and each.begun_at is not None and each.command != self.command)
        return next((each.urn for each in others if abs(self.now() - (each.begun_at or 0)) < _LONGEST_ADOPTION), None)

    def unusable_adoption(self, base_url: str, integration_id: str, beside: str) -> str | None:
        """Return why an adoption of an id can't be read, where there may be such a file; *beside* doesn't count."""
        own = self.adoption_file(base_url, integration_id, beside)
        if own is None:
            return None
        try:
            next(own.parent.iterdir(), None)
        except FileNotFoundError:
            # No resource adopts it, or this machine has no journal.
            return None
        except OSError as error:
            # A folder in a place that cannot be is as one that is missing.
            is_there = self.folder is not None and os.path.lexists(self.folder)
            return f"{own.parent} can't be read ({error.strerror})" if is_there else None
        for path in self._files("adoptions", _record_name(base_url, integration_id)):
            if path != own and self._read(path, _adoption) is None and path in self.unusable:
                return self.unusable[path]
        return None

    def adopted_ids(self, base_url: str, *, besides: str) -> frozenset[str]:
        """Return the ids at *base_url* that some resource adopts, less those of the resource *besides*."""
        found = (
            self._read(path, lambda content: (*_place(content), _adoption(content)))
            for path in self._files("adoptions", pattern="*/*.json")
        )
        return frozenset(
            each[1]
            for each in found
            if each and each[0] == address(base_url) and each[2] != besides
            if each[3].is_held or each[3].command == self.command
        )

    def adoption_file(self, base_url: str, integration_id: str, urn: str) -> Path | None:
        """Return the file with a resource's adoption of an id, for messages."""
        return self._path("adoptions", _record_name(base_url, integration_id), _name(urn))

    def forget_integration(self, base_url: str, integration_id: str) -> None:
        """Forget who has an id: the integration is INACTIVE, which is final."""
        if path := self._claim_file(base_url, integration_id):
            self._unlink(path)
        for path in self._files("adoptions", _record_name(base_url, integration_id)):
            self._unlink_adoption(path)

    def _unlink_adoption(self, path: Path) -> None:
        self._unlink(path)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def _write_adoption(self, base_url: str, integration_id: str, adoption: Adoption) -> None:
        content = {**_holder(base_url, integration_id, adoption.urn), **vars(adoption)}
        self._prune()
        self._write(self.adoption_file(base_url, integration_id, adoption.urn), content)

    def _intent_file(self, urn: str, base_url: str, account: str | None) -> Path | None:
        return self._path("intents", f"{_name(*stack_of(urn))[:8]}-{_name(urn, address(base_url), account)}")

    def _claim_file(self, base_url: str, integration_id: str) -> Path | None:
        return self._path("claims", _record_name(base_url, integration_id))

    def _path(self, *parts: str) -> Path | None:
        return self.folder.joinpath(*parts[:-1], f"{parts[-1]}.json") if self.folder else None

    def _files(self, *parts: str, pattern: str = "*.json") -> Iterator[Path]:
        if self.folder:
            # A folder that does not exist, or may not be read, has none.
            with contextlib.suppress(OSError):
                yield from sorted(self.folder.joinpath(*parts).glob(pattern))

    def _read_intent(self, path: Path | None) -> Intent | None:
        """Return the intent in a file, without a decision that is too old for whoever made it to expect it now."""
        intent = self._read(path, _intent)
        if intent and intent.decision and self.now() - intent.decision.decided_at > _MAX_AGE:
            return replace(intent, decision=None)
        return intent

    def _is_expired(self, intent: Intent) -> bool:
        if intent.decision:
            return False
        age = self.now() - intent.sent_at
        return age > (_MAX_AGE_WITH_ID if intent.integration_id else _MAX_AGE)

    def _drop(self, intent: Intent) -> None:
        """Remove an intent that has expired.

        Tells:
            warning: A create whose answer was lost was not looked into for 30 days.
        """
        if intent.integration_id is None:
            self._warn(
                f"warning: creating the {intent.source} integration {intent.external_identifier!r}: a create that was "
                f"begun more than {_MAX_AGE / 86_400:.0f} days ago never ended, and its record is dropped now. Look at "
                "Justt for an integration that no stack has."
            )
        self.remove_intent(intent)

    def _read(self, path: Path | None, made: Callable[[dict[str, Any]], _Kept]) -> _Kept | None:
        """Return what *made* makes of a file; None where there is none, or where it can't be read."""
        if path is None:
            return None
        try:
            content = json.loads(_bytes_of(path))
            version = content.pop("version")
            if version == _VERSION:
                return made(content)
            reason = f"{path} has the format {version!r} of another version of pulumi-justt"
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"{path} can't be read ({error.strerror})"
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            reason = f"{path} is damaged"
        self.unusable[path] = reason
        self._warn_once(reason)
        return None

    def _write(self, path: Path | None, content: Mapping[str, Any], *, is_exclusive: bool = False) -> bool:
        """Write a file whole or not at all, and return whether that was done; *is_exclusive* keeps an earlier one."""
        if path is None or self.folder is None:
            self._warn_once("neither JUSTT_STATE_DIR nor HOME is set to an absolute path")
            return False
        part = self.folder / "parts" / f"{secrets.token_hex(8)}.json"
        written = json.dumps({"version": _VERSION, **content}).encode()
        try:
            try:
                return _put(part, path, written, is_exclusive=is_exclusive)
            except FileNotFoundError:
                make_folder(part.parent)
                make_folder(path.parent)
                return _put(part, path, written, is_exclusive=is_exclusive)
        except OSError as error:
            self._warn_once(f"{path.parent} can't be written ({error.strerror})")
        return False

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._warn_once(f"{path} can't be removed ({error.strerror})")

    def _warn_once(self, reason: str) -> None:
        """Warn that the journal can't be relied on.

        Tells:
            warning: The folder of the journal can't be used, or a file of it can't.
        """
        with self._lock:
            if self._has_warned:
                return
            self._has_warned = True
        self._warn(
            f"warning: the journal of creates can't be relied on: {reason}. This command goes on. After a killed "
            "`pulumi up`, run `pulumi-justt doctor` before the next one. If a resource with another provider, or of an "
            "earlier command, adopts an integration that this stack owns, keep the owner: its deletion may deactivate "
            "the integration. Make the folder usable or set JUSTT_STATE_DIR to another one; `pulumi-justt doctor` "
            "names files that can't be used."
        )

    def _prune(self) -> None:
        """Drop what has expired or belongs to nothing any longer, once for each process."""
        with self._lock:
            if self._is_pruned:
                return
            self._is_pruned = True
        named: set[str | None] = set()
        for path in self._files("intents"):
            intent = self._read_intent(path)
            if intent and self._is_expired(intent):
                self._drop(intent)
            elif intent:
                named |= {intent.snapshot, intent.process}
        for path in (*self._files("snapshots"), *self._files("ended"), *self._files("parts")):
            with contextlib.suppress(OSError):
                if path.stem not in named and self.now() - path.stat().st_mtime > _MAX_COMMAND:
                    path.unlink()
        for path in self._files("adoptions", pattern="*/*.json"):
            with contextlib.suppress(OSError):
                adoption = self._read(path, _adoption)
                if adoption and not adoption.is_held and self.now() - path.stat().st_mtime > _MAX_COMMAND:
                    self._unlink_adoption(path)


def _intent(content: dict[str, Any]) -> Intent:
    decision = content.pop("decision")
    intent = Intent(**content, decision=Decision(**decision) if decision else None)
    _require_texts(intent.urn, intent.base_url, intent.external_identifier, intent.source)
    optional = (intent.account, intent.snapshot, intent.integration_id, intent.process, intent.command, intent.digest)
    _require_texts(*(each for each in optional if each is not None))
    if intent.decision and intent.decision.action != "forget":
        _require_texts(intent.decision.integration_id)
    if intent.decision and intent.decision.action not in get_args(_Action):
        raise IndexError
    sent_at, settled_at = float(intent.sent_at), float(intent.settled_at)
    decided_at = float(intent.decision.decided_at) if intent.decision else 0.0
    # In this form it is false for what is not a number, too.
    if not (0.0 <= sent_at <= _LAST_MOMENT and 0.0 <= settled_at <= sent_at + _LONGEST_WAIT and decided_at >= 0.0):
        raise IndexError
    return replace(intent, sent_at=sent_at, settled_at=settled_at)


def _adoption(content: dict[str, Any]) -> Adoption:
    begun_at, command = content.get("begun_at"), content["command"]
    _require_texts(content["urn"], *([] if command is None else [command]))
    if not isinstance(content["is_held"], bool):
        raise IndexError
    return Adoption(content["urn"], command, content["is_held"], begun_at if begun_at is None else float(begun_at))


def _snapshot(content: dict[str, Any]) -> Snapshot:
    _require_texts(*content["ids"])
    if not isinstance(content["is_complete"], bool):
        raise IndexError
    return Snapshot(frozenset(content["ids"]), content["is_complete"])


def _require_texts(*values: object) -> None:
    """Refuse a file that an editor, or something else, has written.

    Raises:
        LookupError: A value is no text.
    """
    if not all(isinstance(value, str) for value in values):
        raise IndexError


def _holder(base_url: str, integration_id: str, urn: str) -> dict[str, str]:
    return {"base_url": address(base_url), "integration_id": integration_id, "urn": urn}


def _place(content: dict[str, Any]) -> tuple[str, str, str]:
    place = content["base_url"], content["integration_id"], content["urn"]
    _require_texts(*place)
    return place


def _urn(content: dict[str, Any]) -> str:
    return _place(content)[2]


def _bytes_of(path: Path) -> bytes:
    """Return what is in a regular file; whoever reads a pipe of that name would wait for ever.

    Raises:
        OSError: It can't be read.
        LookupError: It is no regular file.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opened) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IndexError
        return file.read()


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can open, and those above it that are missing.

    `Path.mkdir(parents=True)` would give those above the mode that the umask allows. A file in its place is left for
    the caller to meet.

    Raises:
        OSError: It can't be made.
    """
    with contextlib.suppress(FileExistsError):
        try:
            folder.mkdir(mode=0o700)
        except FileNotFoundError:
            make_folder(folder.parent)
            folder.mkdir(mode=0o700)


def _put(part: Path, path: Path, content: bytes, *, is_exclusive: bool) -> bool:
    """Write a file, whole before it gets its name, and return whether it has that; if *is_exclusive*, it may be taken.

    Raises:
        OSError: It can't be written, or a folder is missing.
    """
    is_moved = False
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        if is_exclusive:
            _copy_exclusively(part, path)
        else:
            part.replace(path)
            is_moved = True
    except FileExistsError:
        return False
    finally:
        if not is_moved:
            with contextlib.suppress(OSError):
                part.unlink()
    return True


def _copy_exclusively(part: Path, path: Path) -> None:
    """Give a whole file its name as well, unless that is taken.

    A link shows nobody half of the file. A file system that has no links gets a copy: whoever reads half of one takes
    it for damaged, and whoever would claim the same id then claims nothing.

    Raises:
        FileExistsError: The name is taken.
        OSError: It can't be written.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        content = part.read_bytes()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def _record_name(base_url: str, integration_id: str) -> str:
    return _name(address(base_url), integration_id)


def _name(*parts: str | None) -> str:
    """Return a file name for what *parts* name together; URNs and ids hold characters that file names can't."""
    # The text is what is kept: a state may hold anything in place of an account.
    return _digest(json.dumps(parts))


@functools.lru_cache(maxsize=1024)
def _digest(text: str) -> str:
    # Each call of a resource asks for the same few.
    return hashlib.sha256(text.encode()).hexdigest()[:32]
