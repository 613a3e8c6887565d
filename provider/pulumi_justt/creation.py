"""Creating exactly once over an API that has no idempotency key: what to do where the answer to a POST was lost.

    before the first POST to an account    a snapshot: the ids that the account lists
    a POST                                 goes out beside other POSTs; the id that it brings is claimed, once
    its answer is lost                     resolved alone, after the POSTs in flight have ended and the settle delay:
        the ids listed now, less the snapshot, less what was claimed, of the same source, are the candidates
        none, and all that is known        it did not happen: one more POST
        some, `refuse`                     an error that names them
        one, `adopt`                       taken over, if nothing else could explain it; refused otherwise

The API returns nothing that it was given, so a candidate can't be told from an integration of the same source that
somebody else created meanwhile: that is why `refuse` is the default, and `adopt` is for accounts with one writer. A
list may shift while it is read, so it is read until two passes agree, within the bounds of `listing`; where that is
not enough, or no two passes agree, nothing counts as proved, neither that an integration is absent nor that it is the
only one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_justt import errors
from pulumi_justt.errors import AmbiguousCreate, RequestError, StateConflict
from pulumi_justt.listing import MOST_SECONDS, Listing, one_pass
from pulumi_justt.models import Inputs, RemoteRecord
from pulumi_justt.secrecy import Hidden

if TYPE_CHECKING:
    # Only a type here, so that a preview loads no HTTP library.
    from pulumi_justt.client import JusttClient

__all__ = ["Creator"]

_MOST_PASSES = 5
"""Passes before an account that changes all the time is taken as it is."""


@dataclass(eq=False)
class _Doubt:
    """A create whose answer was lost, and the moment of that."""

    inputs: Inputs
    lost: AmbiguousCreate
    since: float


@dataclass
class _Account:
    """What this process knows of one account."""

    snapshot_lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Listing | None = None
    failures: tuple[RequestError, ...] = ()
    silent: tuple[float, RequestError] | None = None
    """When a list after a loss was last given up, and why."""
    posted: set[str] = field(default_factory=set)
    """What was created here under this name of the account, and so must be listed."""


class _Gate:
    """Lets many in together, or one alone; while somebody waits to be alone, no newcomer gets in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = 0
        self._is_taken = False

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_taken and not self._waiting)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._is_taken and not self._inside)
            self._waiting -= 1
            self._is_taken = True
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()


class Creator:
    """Creates integrations, each exactly once as far as that can be known; one serves all threads of a process.

    Args:
        client: Gives the client, when a request is needed.
        adopts: Whether the only candidate of a lost create is taken over.
        tell: Shows one line to the user.
        is_abandoned: Whether nobody is there any more to take what the call of this thread returns; then nothing is
            sent, nothing is taken over, and nothing is waited for.
    """

    def __init__(
        self,
        client: Callable[[], JusttClient],
        *,
        adopts: bool,
        tell: Callable[[str], None],
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._adopts = adopts
        self._tell = tell
        self._is_abandoned = is_abandoned
        self._lock = threading.Lock()
        self._accounts: dict[str | None, _Account] = {}
        self._claimed: set[str] = set()
        # Of the process, not of an account: one account can be meant by its name and by no name at all.
        self._gate = _Gate()
        self._doubts: list[_Doubt] = []

    def create(self, inputs: Inputs) -> RemoteRecord:
        """Create an integration.

        Raises:
            AmbiguousCreate: It may exist; the text names every integration that it may be.
            JusttError: It was not created.
        """
        account = self._account(inputs.reference_account_id)
        with self._gate.together():
            snapshot = self._snapshot(account, inputs)
            try:
                return self._post(account, inputs, snapshot)
            except AmbiguousCreate as lost:
                doubt = _Doubt(inputs, lost, self._client().clock())
                # Before this thread leaves the gate, so that whoever resolves knows of all that are in doubt.
                self._doubts.append(doubt)
        with self._gate.alone():
            return self._resolve(account, snapshot, doubt)

    def has_posted(self, integration_id: str) -> bool:
        """Tell whether a POST of this process brought the id, and not a list in which it was found."""
        with self._lock:
            return any(integration_id in account.posted for account in self._accounts.values())

    def claim(self, integration_id: str, tried: str) -> None:
        """Take an id for one resource.

        Raises:
            StateConflict: Another resource of this run has that integration.
        """
        with self._lock:
            if integration_id in self._claimed:
                raise StateConflict(
                    f"{tried}: integration {integration_id} belongs to another resource of this run already, and one "
                    "integration can be in one resource only. Remove one of the two resources, or give this one an "
                    "external identifier of its own."
                )
            self._claimed.add(integration_id)

    def _account(self, name: str | None) -> _Account:
        with self._lock:
            return self._accounts.setdefault(name, _Account())

    def _snapshot(self, account: _Account, inputs: Inputs) -> Listing:
        """Return what the account had before this process created anything in it, listing it at the first call."""
        tried = f"{_tried(inputs)}, listing the account before it"
        failures = account.failures
        with account.snapshot_lock:
            if account.snapshot is None:
                if len(account.failures) > len(failures):
                    # Somebody tried while this thread waited; an outage is not waited out once for each resource.
                    raise account.failures[-1].but(tried=tried)
                try:
                    account.snapshot = self._listed(inputs, tried, agreeing=2 if self._adopts else 1)
                except RequestError as error:
                    account.failures = (*account.failures, error)
                    raise
            return account.snapshot

    def _post(self, account: _Account, inputs: Inputs, snapshot: Listing) -> RemoteRecord:
        """Send the POST, and claim the id that it brings.

        Raises:
            StateConflict: Justt hands out an integration that the account had before.
            JusttError: As `JusttClient.create_integration`.
        """
        record = self._client().create_integration(inputs, is_abandoned=self._is_abandoned)
        if record.integration_id in snapshot.records:
            raise StateConflict(
                f"{_tried(inputs)}: Justt answered with integration {record.integration_id}, which was there before, "
                "so that it may belong to another resource or stack. Give this one another external identifier, or add "
                f'adopt_id="{record.integration_id}" if that integration is meant.'
            )
        self.claim(record.integration_id, _tried(inputs))
        with self._lock:
            account.posted.add(record.integration_id)
        return record

    def _resolve(self, account: _Account, snapshot: Listing, doubt: _Doubt) -> RemoteRecord:
        """Find out what a lost create left behind.

        Tells:
            warning: The answer to a create was lost, and one integration is new.

        Raises:
            AmbiguousCreate: It cannot be found out.
            JusttError: It was not created.
        """
        new, is_proof = self._new_since(account, snapshot, doubt)
        candidates = [record for record in new if record.source == doubt.inputs.source]
        if not candidates and is_proof:
            try:
                return self._post(account, doubt.inputs, snapshot)
            except AmbiguousCreate as lost:
                doubt.lost, doubt.since = lost, self._client().clock()
            except RequestError as error:
                # Refused perhaps because the first one did happen; and where it was not sent, the first one was.
                came_back = f"{doubt.lost.came_back}; sent once more: {error.came_back}"
                cure = errors.ambiguous_cure([], is_proof=True)
                raise AmbiguousCreate(error.tried, came_back, cure, error.error_id) from None
            new, is_proof = self._new_since(account, snapshot, doubt)
            candidates = [record for record in new if record.source == doubt.inputs.source]
        self._require_listener(doubt)
        # Who was refused, or created by a second POST, stays in doubt: what was lost first may still turn up.
        is_only_explanation = is_proof and self._doubts == [doubt] and len(new) == len(candidates) == 1
        if self._adopts and is_only_explanation and not candidates[0].is_inactive:
            record = candidates[0]
            self.claim(record.integration_id, _tried(doubt.inputs))
            self._doubts.remove(doubt)
            self._tell(
                f"warning: {doubt.lost.tried}: {doubt.lost.came_back}; adopted {record.integration_id}, the only new "
                "integration of the account, because justt:onAmbiguousCreate is adopt."
            )
            return record
        raise doubt.lost.but(
            cure=errors.ambiguous_cure(
                [(record.integration_id, record.status) for record in candidates], is_proof=is_proof
            )
        )

    def _new_since(self, account: _Account, snapshot: Listing, doubt: _Doubt) -> tuple[list[RemoteRecord], bool]:
        """Return what nobody here created and what was not there before, and whether that is surely all."""
        client = self._client()
        tried = f"{doubt.lost.tried}, listing the account after it"
        if account.silent and account.silent[0] >= doubt.since:
            # Somebody tried while this thread waited; an outage is not waited out once for each resource.
            raise doubt.lost.but(cure=errors.unlisted_cure(str(account.silent[1].but(tried=tried))))
        self._settle(doubt)
        try:
            now = self._listed(doubt.inputs, tried, agreeing=2)
        except RequestError as error:
            account.silent = (client.clock(), error)
            raise doubt.lost.but(cure=errors.unlisted_cure(str(error))) from None
        with self._lock:
            known = snapshot.records.keys() | self._claimed
            # The vendor keeps every record: a list that lacks one is a stale one, and proves nothing.
            is_whole = (snapshot.records.keys() | account.posted) <= now.records.keys()
        new = [record for i, record in now.records.items() if i not in known]
        return new, is_whole and snapshot.is_complete and now.is_complete

    def _settle(self, doubt: _Doubt) -> None:
        """Wait, since the vendor may still be at work on what we gave up waiting for."""
        client = self._client()
        self._require_listener(doubt)
        rest = doubt.since + client.settings.timeout_seconds - client.clock()
        if rest > 1.0:
            self._tell(
                f"note: {doubt.lost.tried}: {doubt.lost.came_back}; the account is listed in {rest:.0f} s, to find out "
                "whether it exists."
            )
        slices = max(1, math.ceil(rest))
        for _ in range(slices):
            client.sleep(max(0.0, rest) / slices)
            self._require_listener(doubt)

    def _require_listener(self, doubt: _Doubt) -> None:
        """Give up at once where nobody is left to be told later; there are seconds before the process is killed.

        Raises:
            AmbiguousCreate: Nobody is left.
        """
        if self._is_abandoned():
            raise doubt.lost.but(cure=errors.AMBIGUOUS_CURE)

    def _listed(self, inputs: Inputs, tried: str, *, agreeing: int) -> Listing:
        """List an account until *agreeing* passes in a row have the same ids."""
        seen: dict[str, RemoteRecord] = {}
        last: set[str] | None = None
        in_a_row = 0
        end = self._client().clock() + MOST_SECONDS
        hidden = Hidden.of(inputs.reveal_payload())
        for _ in range(_MOST_PASSES):
            listing = one_pass(self._client(), tried=tried, account=inputs.reference_account_id, hidden=hidden, end=end)
            seen |= listing.records
            in_a_row = in_a_row + 1 if listing.records.keys() == last else 1
            last = set(listing.records)
            if not listing.is_complete or in_a_row == agreeing:
                return Listing(seen, listing.is_complete)
        return Listing(seen, is_complete=False)


def _tried(inputs: Inputs) -> str:
    return errors.creating(inputs.source, inputs.external_identifier)
