"""Creating exactly once over an API that has no idempotency key: what happens when the answer to a POST is lost.

    before the first POST to an account    a snapshot: the ids that the account lists
    before each POST                       an intent in the journal, which a killed run leaves behind: see `intents`
    a POST                                 is sent beside other POSTs; the id that it returns is claimed, once
    its answer is lost                     the POSTs in flight end, the grace period passes, and the account is listed:
        the ids listed now, less the snapshot, less every id that some resource is known to hold, of the same source,
        are the candidates
        no candidate, and proof            the create did not happen: one more POST
        candidates, `refuse`               an error that names them
        one candidate, `adopt`             it is claimed, if nothing else can explain it; an error otherwise

Creates that are lost together wait together, and one of them lists the account for all. Others are sent while they
wait: a create that only waits takes no worker from them. A create that is called again while its outcome is unknown
raises the same error again and sends nothing.

The API returns nothing that it was given, so a candidate cannot be told from an integration of the same source that
another writer created meanwhile: therefore `refuse` is the default, and `adopt` is for accounts with one writer. A
list may shift while it is read, so it is read until two passes agree, within the bounds of `listing`. If that is not
enough, nothing is proved: neither that an integration is absent, nor that it is the only one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core import messages
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.intents import Intents, describe_create, outcome_unknown, sleep_unless
from pulumi_justt.core.journal import Intent
from pulumi_justt.core.listing import MOST_SECONDS, Listing, list_all
from pulumi_justt.core.read_write_lock import ReadWriteLock
from pulumi_justt.core.session import Session
from pulumi_justt.errors import CreateOutcomeUnknown, JusttError, RequestError, StateConflict

if TYPE_CHECKING:
    # Only a type here, so that a preview loads no HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["CreateCoordinator"]

_MAX_PASSES = 5
"""Passes before an account that changes all the time is taken as it is."""


@dataclass(frozen=True)
class _Finding:
    """What the account's list says about a create whose answer was lost.

    Args:
        candidates: The integrations that it may have created.
        is_proof: Whether the lists that this rests on were surely whole.
        is_only_explanation: Whether the one candidate can come from no other create.
        was_reset: Whether a simulator has lost records that it had before the create.
        failure: Why the account could not be listed.
    """

    candidates: tuple[RemoteRecord, ...] = ()
    is_proof: bool = False
    is_only_explanation: bool = False
    was_reset: bool = False
    failure: RequestError | None = None

    @property
    def is_absent(self) -> bool:
        """Whether the create is proved not to have happened."""
        return self.is_proof and not self.candidates

    @property
    def remediation(self) -> str:
        """What the user can do."""
        if self.failure:
            return messages.unlisted_remediation(str(self.failure))
        candidates = [(record.integration_id, record.status) for record in self.candidates]
        return messages.ambiguous_remediation(candidates, is_proof=self.is_proof)


@dataclass(eq=False)
class _UnresolvedCreate:
    """A create whose answer was lost.

    Args:
        urn: The resource.
        inputs: What the program says; what was sent may differ from it if an earlier process sent it.
        source: The PSP that was sent.
        lost: The error to raise if it cannot be resolved.
        list_at: The moment of the client's clock from which a list shows what it did.
        before: The ids that the account had before it.
        is_before_complete: Whether those were surely all.
        is_of_killed_run: Whether an earlier process sent it.
        is_changed: Whether what came of it may be something else than what the program says by now.
        is_second: Whether it was sent because the first one is proved not to have happened.
        finding: What the list says.
        is_left: Whether its thread has ended without finding anything out.
    """

    urn: str
    inputs: Inputs
    source: str
    lost: CreateOutcomeUnknown
    list_at: float
    before: frozenset[str]
    is_before_complete: bool
    is_of_killed_run: bool = False
    is_changed: bool = False
    is_second: bool = False
    finding: _Finding | None = None
    is_left: bool = False

    @property
    def is_sent_again(self) -> bool:
        """Whether its thread will send a second POST."""
        is_absent = self.finding is not None and self.finding.is_absent
        return is_absent and not self.is_second and not self.is_left


@dataclass
class _Account:
    """What this process knows of one account."""

    snapshot_lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Listing | None = None
    snapshot_name: str | None = None
    failures: tuple[RequestError, ...] = ()
    created_ids: set[str] = field(default_factory=set)
    """What was created here under this name of the account, and so must be listed."""


class CreateCoordinator:
    """Creates integrations, each exactly once as far as that can be known; one serves all threads of a process.

    Args:
        client: Gives the client when a request is needed.
        session: What the process knows of resources and records, and its journal.
        claims: Whether the only candidate of a lost create is claimed.
        tell: Shows one line to the user.
        call: Gives the call of this thread; once it is cancelled, nothing is sent, claimed or awaited.
        waiting: Lets the process serve another call instead of this thread's, within its `with` statement.

    Attributes:
        intents: What the journal remembers of the creates.
    """

    def __init__(  # noqa: PLR0913 - what the host does is given to it, as the core knows no host
        self,
        client: Callable[[], JusttClient],
        session: Session,
        *,
        claims: bool,
        tell: Callable[[str], None],
        call: Callable[[], Call] = Call,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._client = client
        self._session = session
        self._claims = claims
        self._tell = tell
        self._call = call
        self._waiting = waiting
        self.intents = Intents(client, session, tell, call)
        self._lock = threading.Lock()
        self._accounts: dict[str | None, _Account] = {}
        # Of the process, not of an account: one account can be meant by its name and by no name at all.
        self._posts = ReadWriteLock()
        self._unresolved: list[_UnresolvedCreate] = []
        self._begun: set[str] = set()
        """The resources for which a POST was begun that has neither succeeded nor been refused."""
        self._in_doubt: dict[str, CreateOutcomeUnknown] = {}
        """Those of them whose create has ended, with the error to raise."""
        self._told: set[str] = set()
        """Those of them whose error was told, too."""

    def create(self, urn: str, inputs: Inputs) -> RemoteRecord:
        """Create an integration for a resource.

        Raises:
            CreateOutcomeUnknown: It may exist; the text names every integration that it may be.
            StateConflict: An earlier run created one for the resource, or Justt returned one that it had before.
            JusttError: It was not created.
        """
        self._require_no_doubt(urn)
        begun = self.intents.resume(urn, inputs)
        if isinstance(begun, RemoteRecord):
            return begun
        try:
            return self._create(urn, inputs, self._unresolved_of(urn, begun, inputs) if begun else None)
        except CreateOutcomeUnknown as lost:
            with self._lock:
                # Before anything else, which might fail.
                self._in_doubt[urn] = lost
            error = self.intents.named_in(lost, urn, inputs)
            with self._lock:
                self._in_doubt[urn] = error
            raise error from None
        except JusttError:
            raise
        except BaseException:
            with self._lock:
                if urn in self._begun:
                    self._in_doubt[urn] = CreateOutcomeUnknown(
                        describe_create(inputs),
                        "it was sent, and its answer was not processed",
                        messages.AMBIGUOUS_REMEDIATION,
                    )
            raise

    def _require_no_doubt(self, urn: str) -> None:
        """Refuse a create that is called again, as the engine does if an `onError` hook says so.

        Warns:
            warning: An `onError` hook retries a create whose answer was lost.

        Raises:
            CreateOutcomeUnknown: The first call left its outcome unknown.
        """
        with self._lock:
            error = self._in_doubt.get(urn)
            is_told = urn in self._told
            self._told |= {urn} if error else set()
        if error:
            if not is_told:
                # The engine shows no error that a hook answers with another try.
                self._tell(f"warning: {error}")
            raise error

    def may_have_created(self, urn: str) -> bool:
        """Return whether a POST was begun for the resource whose outcome is unknown."""
        with self._lock:
            return urn in self._in_doubt

    def has_posted(self, integration_id: str, *, is_surely_new: bool = False) -> bool:
        """Return whether a POST of this process returned the id and, if asked, that id was surely not there before."""
        with self._lock:
            return any(
                integration_id in account.created_ids
                and (not is_surely_new or (account.snapshot is not None and account.snapshot.is_complete))
                for account in self._accounts.values()
            )

    def _create(self, urn: str, inputs: Inputs, unresolved: _UnresolvedCreate | None) -> RemoteRecord:
        """Send the POST, and once more if its answer was lost and it is proved not to have happened."""
        if unresolved is None:
            sent = self._post(urn, inputs)
            if isinstance(sent, RemoteRecord):
                return sent
            unresolved = sent
        finding = self._find(unresolved)
        if finding.was_reset:
            self._unresolved.remove(unresolved)
            return self._create(urn, inputs, None)
        if finding.is_absent:
            sent = self._post(urn, inputs, after=unresolved)
            if isinstance(sent, RemoteRecord):
                return sent
            unresolved = sent
            finding = self._find(unresolved)
        return self._claim(urn, unresolved, finding)

    def _account(self, name: str | None) -> _Account:
        with self._lock:
            return self._accounts.setdefault(name, _Account())

    def _snapshot(self, account: _Account, inputs: Inputs) -> Listing:
        """Return what the account had before this process created anything in it, listing it at the first call."""
        operation = f"{describe_create(inputs)}, listing the account before it"
        failures = account.failures
        with account.snapshot_lock:
            if account.snapshot is None:
                if len(account.failures) > len(failures):
                    # Another thread tried while this one waited; an outage is not waited out once for each resource.
                    raise account.failures[-1].but(operation=operation)
                try:
                    snapshot = self._listed([inputs], operation, agreeing=2 if self._claims else 1)
                except RequestError as error:
                    account.failures = (*account.failures, error)
                    raise
                account.snapshot_name = self._session.journal.write_snapshot(
                    snapshot.records.keys(), is_complete=snapshot.is_complete
                )
                account.snapshot = snapshot
            return account.snapshot

    def _post(
        self, urn: str, inputs: Inputs, *, after: _UnresolvedCreate | None = None
    ) -> RemoteRecord | _UnresolvedCreate:
        """Send the POST, and claim the id that it returns.

        Args:
            urn: The resource.
            inputs: What to send.
            after: The resource's first POST, if this is the second one.

        Raises:
            StateConflict: Justt returned an integration that the account had before.
            JusttError: It was not created.
        """
        account = self._account(inputs.reference_account_id)
        with self._posts.shared(is_announced=after is not None):
            snapshot = self._snapshot(account, inputs)
            intent = self.intents.new(urn, inputs, account.snapshot_name)

            def is_not_to_be_sent() -> bool:
                if self._call().is_cancelled():
                    return True
                with self._lock:
                    self._begun.add(urn)
                self.intents.write_sent(intent)
                return False

            try:
                call = replace(self._call(), is_cancelled=is_not_to_be_sent)
                record = self._client().create_integration(inputs, call=call)
            except CreateOutcomeUnknown as lost:
                # Before this thread lets the lock go, so that the thread that resolves knows of all.
                return self._note_lost(urn, inputs, lost, snapshot, after)
            except RequestError as error:
                if after is None:
                    self._was_not_created(urn, inputs)
                    raise
                # Refused perhaps because the first one did happen; and where it was not sent, the first one was.
                response = f"{after.lost.response}; sent once more: {error.response}"
                remediation = messages.ambiguous_remediation([], is_proof=True)
                raise CreateOutcomeUnknown(error.operation, response, remediation, error.error_id) from None
            except JusttError:
                self._was_not_created(urn, inputs)
                raise
            self.intents.write_created(intent, record.integration_id)
            try:
                self._take(urn, inputs, record.integration_id, snapshot)
            except StateConflict:
                self._was_not_created(urn, inputs)
                raise
            with self._lock:
                account.created_ids.add(record.integration_id)
                self._begun.discard(urn)
            return record

    def _note_lost(
        self, urn: str, inputs: Inputs, lost: CreateOutcomeUnknown, snapshot: Listing, after: _UnresolvedCreate | None
    ) -> _UnresolvedCreate:
        list_at = self._client().clock() + self._client().settings.timeout_seconds
        before = frozenset(snapshot.records)
        unresolved = _UnresolvedCreate(
            urn, inputs, inputs.source, lost, list_at, before, snapshot.is_complete, is_second=after is not None
        )
        if after:
            # What the list shows from now on may come from either, and both are of one resource.
            self._unresolved.remove(after)
        self._unresolved.append(unresolved)
        return unresolved

    def _was_not_created(self, urn: str, inputs: Inputs) -> None:
        with self._lock:
            self._begun.discard(urn)
        self.intents.drop(urn, inputs)

    def _take(self, urn: str, inputs: Inputs, integration_id: str, snapshot: Listing) -> None:
        """Take the id that a POST returned for one resource.

        Raises:
            StateConflict: The integration was there before, or belongs to another resource.
        """
        ownership, journal = self._session.ownership, self._session.journal
        # Its former owner's delete may come in this update, and must not stop what Justt has just answered with.
        ownership.note_returned(integration_id)
        operation = f"{describe_create(inputs)}: Justt answered with integration {integration_id}, which"
        is_old = integration_id in snapshot.records or ownership.is_held(integration_id)
        # What was there before is not this resource's, so it is not claimed for it.
        if is_old:
            claimant = journal.claimant(self._base_url, integration_id)
        else:
            claimant = journal.claim(self._base_url, integration_id, urn)
        if holder := ownership.holder_beside(urn, integration_id) or (claimant != urn and claimant):
            raise StateConflict(
                f"{operation} belongs to {holder!r} already, and an integration can be in one resource only. Give this "
                "one another external identifier."
            )
        if is_old:
            raise StateConflict(
                f"{operation} was there before, so that it may belong to another resource or stack. Give this one "
                "another "
                f'external identifier, or add adopt_id="{integration_id}" if that integration is meant.'
            )
        ownership.note_created(urn, integration_id)

    def _find(self, unresolved: _UnresolvedCreate) -> _Finding:
        """Find out what a lost create left behind; the first thread finds it out for all that wait.

        Raises:
            CreateOutcomeUnknown: The engine has dropped the call.
        """
        with self._waiting():
            self._wait_for_grace_period(unresolved)
            self._resolve(unresolved)
        if unresolved.finding is None:
            raise unresolved.lost.but(remediation=messages.AMBIGUOUS_REMEDIATION)
        return unresolved.finding

    def _wait_for_grace_period(self, unresolved: _UnresolvedCreate) -> None:
        """Wait until a list shows what a lost create did, or another thread has found that out.

        Without the lock, so that other creates are sent meanwhile; those that are lost, too, are found out together.
        Justt may still be at work on a request that this process has given up.
        """
        rest = unresolved.list_at - self._client().clock()
        waiting = (each for each in tuple(self._unresolved) if each.finding is None and not each.is_left)
        if rest > 1.0 and next(waiting, None) is unresolved:
            self._tell(
                f"note: {unresolved.lost.operation}: {unresolved.lost.response}; the account is listed in {rest:.0f} "
                "s, to find out whether it exists."
            )
        sleep_unless(self._client(), rest, lambda: unresolved.finding is not None or self._call().is_cancelled())

    def _resolve(self, unresolved: _UnresolvedCreate) -> None:
        """Find out, alone, what all creates have done that are lost by now; nothing where that is known already."""
        with self._posts.exclusive(unless=lambda: unresolved.finding is not None) as is_first:
            if is_first:
                group = [each for each in self._unresolved if each.finding is None and not each.is_left]
                unresolved.is_left = True
                try:
                    self._find_all(group)
                    unresolved.is_left = unresolved.finding is None
                finally:
                    # They are sent again together, so that what is lost again is found out together, too. Whoever is
                    # announced is waited for: so all are who have a finding, whatever happened, but who leaves here.
                    self._posts.announce(sum(each.is_sent_again for each in group))

    def _find_all(self, group: list[_UnresolvedCreate]) -> None:
        """List each account once, after the grace periods of the whole *group*; not if the engine leaves meanwhile."""
        rest = max(each.list_at for each in group) - self._client().clock()
        if not sleep_unless(self._client(), rest, self._call().is_cancelled):
            return
        for name in dict.fromkeys(each.inputs.reference_account_id for each in group):
            fellows = [each for each in group if each.inputs.reference_account_id == name]
            operation = f"{fellows[0].lost.operation}, listing the account after it"
            try:
                now = self._listed([each.inputs for each in fellows], operation, agreeing=2)
            except RequestError as error:
                for each in fellows:
                    operation = f"{each.lost.operation}, listing the account after it"
                    each.finding = _Finding(failure=error.but(operation=operation))
            else:
                for each in fellows:
                    each.finding = self._finding(each, now)

    def _finding(self, unresolved: _UnresolvedCreate, now: Listing) -> _Finding:
        account = self._account(unresolved.inputs.reference_account_id)
        ids = now.records.keys()
        settings = self._client().settings
        if unresolved.is_of_killed_run and settings.environment == "simulator" and not unresolved.before <= ids:
            return _Finding(was_reset=True)
        held = self._session.ownership.ids_of_others(unresolved.urn)
        new = [record for i, record in now.records.items() if i not in unresolved.before and i not in held]
        candidates = tuple(
            record
            for record in new
            if record.source == unresolved.source
            # What an earlier run made and what was deactivated since is settled: another one is no duplicate.
            and not (unresolved.is_of_killed_run and record.is_inactive)
        )
        with self._lock:
            # The vendor keeps every record: a list that lacks one is a stale one, and proves nothing.
            is_whole = (unresolved.before | account.created_ids) <= ids
        is_proof = is_whole and unresolved.is_before_complete and now.is_complete
        is_single = is_proof and len(new) == len(candidates) == 1
        return _Finding(
            candidates, is_proof, is_only_explanation=is_single and self._is_alone(unresolved, candidates[0])
        )

    def _is_alone(self, unresolved: _UnresolvedCreate, candidate: RemoteRecord) -> bool:
        """Return whether no other create that this machine knows of may have made the only candidate.

        That is one of this process, of another one that is at work, or of a killed one whose resource comes later in
        the update. The journal is read after the list: a create that the list shows had its intent before.
        """
        # A refused create, and one that a second POST created, stay unresolved: the first POST may still turn up.
        return self._unresolved == [unresolved] and not any(
            intent.urn != unresolved.urn
            and intent.is_at(self._base_url)
            and intent.integration_id in (None, candidate.integration_id)
            for intent in self._session.journal.intents()
        )

    def _claim(self, urn: str, unresolved: _UnresolvedCreate, finding: _Finding) -> RemoteRecord:
        """Claim the only candidate, where the configuration says so.

        Warns:
            warning: The answer to a create was lost, and one integration is new.

        Raises:
            CreateOutcomeUnknown: What the create did cannot be found out.
        """
        if self._call().is_cancelled():
            raise unresolved.lost.but(remediation=messages.AMBIGUOUS_REMEDIATION)
        is_fit = finding.is_only_explanation and not unresolved.is_changed and not finding.candidates[0].is_inactive
        if self._claims and is_fit:
            record = finding.candidates[0]
            # Without a journal, another provider process could claim the same one.
            if self._session.journal.claim(self._base_url, record.integration_id, urn) == urn:
                self._unresolved.remove(unresolved)
                self.intents.claimed(urn, unresolved.inputs, record.integration_id)
                with self._lock:
                    self._begun.discard(urn)
                self._tell(
                    f"warning: {unresolved.lost.operation}: {unresolved.lost.response}; claimed "
                    f"{record.integration_id}, the only new integration of the account, because "
                    "justt:onAmbiguousCreate is adopt."
                )
                return record
        changed = ""
        if unresolved.is_changed and finding.candidates:
            changed = f" It can't be claimed now: {messages.changed_remediation(finding.candidates[0].integration_id)}"
        raise unresolved.lost.but(remediation=f"{finding.remediation}{changed}")

    def _unresolved_of(self, urn: str, intent: Intent, inputs: Inputs) -> _UnresolvedCreate:
        snapshot = self._session.journal.snapshot(intent.snapshot)
        unresolved = _UnresolvedCreate(
            urn,
            inputs,
            intent.source,
            outcome_unknown(intent),
            self._client().clock(),
            snapshot.ids if snapshot else frozenset(),
            is_before_complete=snapshot is not None and snapshot.is_complete,
            is_of_killed_run=True,
            is_changed=self.intents.is_changed(intent, inputs),
        )
        self._unresolved.append(unresolved)
        return unresolved

    @property
    def _base_url(self) -> str:
        return self._client().settings.base_url

    def _listed(self, all_inputs: Iterable[Inputs], operation: str, *, agreeing: int) -> Listing:
        """List an account until *agreeing* passes in a row have the same ids."""
        account = next(iter(all_inputs)).reference_account_id
        seen: dict[str, RemoteRecord] = {}
        last: set[str] | None = None
        in_a_row = 0
        end = self._client().clock() + MOST_SECONDS
        for _ in range(_MAX_PASSES):
            listing = list_all(self._client(), operation=operation, account=account, end=end)
            seen |= listing.records
            in_a_row = in_a_row + 1 if listing.records.keys() == last else 1
            last = set(listing.records)
            if not listing.is_complete or in_a_row == agreeing:
                return Listing(seen, listing.is_complete)
        return Listing(seen, is_complete=False)
