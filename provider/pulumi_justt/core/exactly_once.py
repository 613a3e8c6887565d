"""Create each integration exactly once, although the API has no idempotency key.

This module decides what happens when the response to a POST is lost.

    before the first POST to an account    take a snapshot: the ids that the account lists
    before each POST                       write an intent to the journal; it survives a killed run: see `intents`
    POST                                   send it concurrently with other POSTs; claim the returned id for one resource
    the response is lost                   wait until the POSTs in flight have ended and the grace period is over, then
                                           list the account. A candidate is an integration with the same source that is
                                           not in the snapshot and that no other known resource has
        no candidate, in complete lists    the create did not happen: send one more POST
        candidates, `refuse`               raise an error that names them
        one candidate, `adopt`             claim it if no other create can explain it; otherwise raise an error

Creates whose responses are lost together wait together, and one thread lists the account for all of them. Other creates
are sent in the meantime: a create that only waits does not occupy a worker. If the engine calls a create again while
its outcome is unknown, the provider raises the same error again and sends nothing.

Of the fields that a create sends, the API returns only the source. So the provider cannot distinguish a candidate from
an integration of the same source that another writer created in the meantime. Therefore `refuse` is the default, and
`adopt` is for accounts with one writer. A list may shift while it is read, so the provider reads it until two passes
agree, within the bounds of `listing`. If they do not agree, the list proves nothing: neither that an integration is
absent, nor that it is the only one.
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
from pulumi_justt.log import Log

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["CreateCoordinator"]

_MAX_PASSES = 5
"""Passes over an account before the provider stops waiting for two that agree."""


@dataclass(frozen=True)
class _Finding:
    """The result of looking for a lost create in the account's list.

    Args:
        candidates: The integrations that the create may have made.
        is_proof: Whether the lists behind this finding are known to be complete.
        is_only_explanation: Whether there is one candidate and no other create can have made it.
        was_reset: Whether the simulator was reset: it has lost records that existed before the create.
        failure: Why the account could not be listed.
    """

    candidates: tuple[RemoteRecord, ...] = ()
    is_proof: bool = False
    is_only_explanation: bool = False
    was_reset: bool = False
    failure: RequestError | None = None

    @property
    def is_absent(self) -> bool:
        """Whether the lists prove that the create did not happen."""
        return self.is_proof and not self.candidates

    @property
    def remediation(self) -> str:
        """What the user should do next."""
        if self.failure:
            # Its remediation is for a command that may simply run again.
            return messages.unlisted_remediation(str(self.failure.but(remediation="-")).removesuffix(". -"))
        candidates = [(record.integration_id, record.status) for record in self.candidates]
        return messages.ambiguous_remediation(candidates, is_proof=self.is_proof)


@dataclass(eq=False)
class _UnresolvedCreate:
    """A create whose response was lost.

    Args:
        urn: The resource's URN.
        inputs: The program's inputs. If an earlier process sent the create, it may have sent other inputs.
        source: The PSP that was sent.
        lost: The error to raise if the create cannot be resolved.
        list_at: When the grace period ends, by the client's clock. From then on a list shows what the create did.
        before: The ids that the account had before the create.
        is_before_complete: Whether *before* is known to be complete.
        is_of_killed_run: Whether an earlier process sent the create.
        is_changed: Whether the inputs that were sent may differ from the program's inputs now.
        is_second: Whether this is the second POST, sent because the lists prove that the first one did not happen.
        finding: The result of looking for it in the list; None until the account was listed.
        ended_without_finding: Whether its thread ended without a finding; also true while that thread looks for one.
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
    ended_without_finding: bool = False

    @property
    def is_sent_again(self) -> bool:
        """Whether its thread will send a second POST."""
        is_absent = self.finding is not None and self.finding.is_absent
        return is_absent and not self.is_second and not self.ended_without_finding


@dataclass
class _Account:
    """The data of this process about one account."""

    snapshot_lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Listing | None = None
    snapshot_name: str | None = None
    failures: tuple[RequestError, ...] = ()
    created_ids: set[str] = field(default_factory=set)
    """The ids that this process created under this account name. A complete list must contain them."""


class CreateCoordinator:
    """Creates each integration exactly once, or raises an error if the outcome is unknown.

    One object serves all threads.

    Args:
        client: Returns the client; called when a request is needed.
        session: The process's knowledge of resources and records, and its journal.
        claims: Whether to claim the only candidate of a create whose response was lost.
        log: Shows warnings and notes to the user.
        call: Returns this thread's call. Once it is cancelled, the coordinator no longer sends, claims or waits.
        waiting: Returns a context manager; while a thread waits in it, the process can serve one more call.

    Attributes:
        intents: The journal's intents of the creates.
    """

    def __init__(  # noqa: PLR0913 - the core does not depend on the host, so the caller passes its functions
        self,
        client: Callable[[], JusttClient],
        session: Session,
        *,
        claims: bool,
        log: Log,
        call: Callable[[], Call] = Call,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._client = client
        self._session = session
        self._claims = claims
        self._log = log
        self._call = call
        self._waiting = waiting
        self.intents = Intents(client, session, log, call)
        self._lock = threading.Lock()
        self._accounts: dict[str | None, _Account] = {}
        # One lock for the process, not one per account: a program can address one account by name or as the default.
        self._posts = ReadWriteLock()
        self._unresolved: list[_UnresolvedCreate] = []
        self._begun: set[str] = set()
        """The resources whose POST was started and has neither succeeded nor been refused."""
        self._in_doubt: dict[str, CreateOutcomeUnknown] = {}
        """The error of each resource whose create has ended with an unknown outcome."""
        self._warned: set[str] = set()
        """The resources of `_in_doubt` whose error was also shown as a warning."""

    def create(self, urn: str, inputs: Inputs) -> RemoteRecord:
        """Create an integration for a resource.

        Raises:
            CreateOutcomeUnknown: Justt may have created it; the text names every candidate.
            StateConflict: An earlier run created one for the resource, or Justt returned one that existed before.
            JusttError: It was not created.
        """
        self._raise_if_unresolved(urn)
        with self._session.journal.recording(self.intents.change(urn, inputs)) as change:
            record = self._resume_or_create(urn, inputs)
            change.integration_id = record.integration_id
            if not self.has_posted(record.integration_id):
                change.outcome = "claimed"
            return record

    def _resume_or_create(self, urn: str, inputs: Inputs) -> RemoteRecord:
        resumed = self.intents.resume(urn, inputs)
        if isinstance(resumed, RemoteRecord):
            return resumed
        try:
            return self._create(urn, inputs, self._unresolved_of(urn, resumed, inputs) if resumed else None)
        except CreateOutcomeUnknown as lost:
            with self._lock:
                # Store the error first, because the next step may fail.
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
                        "the request was sent, and its response was not processed",
                        messages.AMBIGUOUS_REMEDIATION,
                    )
            raise

    def _raise_if_unresolved(self, urn: str) -> None:
        """Refuse a create that the engine calls again, as it does if an `onError` hook asks for a retry.

        Warns:
            warning: An `onError` hook retries a create whose response was lost.

        Raises:
            CreateOutcomeUnknown: The outcome of the first call is unknown.
        """
        with self._lock:
            error = self._in_doubt.get(urn)
            is_warned = urn in self._warned
            self._warned |= {urn} if error else set()
        if error:
            if not is_warned:
                # The engine does not show an error if a hook retries the create.
                self._log.warning(f"{error}")
            raise error

    def may_have_created(self, urn: str) -> bool:
        """Return whether this process sent a POST for the resource and does not know its outcome."""
        with self._lock:
            return urn in self._in_doubt

    def has_posted(self, integration_id: str, *, is_surely_new: bool = False) -> bool:
        """Return whether a POST of this process returned the id.

        Args:
            integration_id: The id.
            is_surely_new: Whether to require a complete snapshot too, which proves that the id did not exist before.
        """
        with self._lock:
            return any(
                integration_id in account.created_ids
                and (not is_surely_new or (account.snapshot is not None and account.snapshot.is_complete))
                for account in self._accounts.values()
            )

    def _create(self, urn: str, inputs: Inputs, unresolved: _UnresolvedCreate | None) -> RemoteRecord:
        """Send the POST, and send it once more if its response was lost and the create did not happen."""
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
        """Return the account's records as they were before this process's first create; the first call lists them."""
        operation = f"{describe_create(inputs)}, listing the account before the create"
        failures = account.failures
        with account.snapshot_lock:
            if account.snapshot is None:
                if len(account.failures) > len(failures):
                    # Another thread's attempt failed while this one waited for the lock. Raise the same error, so that
                    # an outage does not cost each resource its own wait.
                    raise account.failures[-1].but(operation=operation)
                try:
                    snapshot = self._list_account([inputs], operation, agreeing=2 if self._claims else 1)
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
        """Send the POST and claim the id that it returns.

        Args:
            urn: The resource's URN.
            inputs: The inputs to send.
            after: The resource's first POST, if this is the second one.

        Returns:
            The created record, or an unresolved create if the response was lost.

        Raises:
            StateConflict: Justt returned an integration that the account had before.
            CreateOutcomeUnknown: The second POST failed, so the outcome of the first one stays unknown.
            JusttError: It was not created.
        """
        account = self._account(inputs.reference_account_id)
        with self._posts.shared(is_announced=after is not None):
            snapshot = self._snapshot(account, inputs)
            intent = self.intents.new(urn, inputs, account.snapshot_name)

            def is_cancelled_or_begins() -> bool:
                """Return whether the call is cancelled. If not, write the intent: the client sends the request next."""
                if self._call().is_cancelled():
                    return True
                with self._lock:
                    self._begun.add(urn)
                self.intents.write_sent(intent)
                return False

            try:
                call = replace(self._call(), is_cancelled=is_cancelled_or_begins)
                record = self._client().create_integration(inputs, call=call)
            except CreateOutcomeUnknown as lost:
                # Note the lost create while this thread holds the lock: the thread that lists the account must see it.
                return self._note_lost(urn, inputs, lost, snapshot, after)
            except RequestError as error:
                if after is None:
                    self._was_not_created(urn, inputs)
                    raise
                # Justt may have refused the second POST because the first one succeeded after all. If the second one
                # was not sent, the first one still was. Either way the outcome is unknown.
                response = f"{after.lost.response}; sent once more: {error.response}"
                remediation = messages.ambiguous_remediation([], is_proof=True)
                raise CreateOutcomeUnknown(error.operation, response, remediation, error.error_id) from None
            except JusttError:
                self._was_not_created(urn, inputs)
                raise
            self.intents.write_created(intent, record.integration_id)
            try:
                self._claim_returned_id(urn, inputs, record.integration_id, snapshot)
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
            # From now on a new record may come from either POST, and both belong to one resource.
            self._unresolved.remove(after)
        self._unresolved.append(unresolved)
        return unresolved

    def _was_not_created(self, urn: str, inputs: Inputs) -> None:
        with self._lock:
            self._begun.discard(urn)
        self.intents.drop(urn, inputs)

    def _claim_returned_id(self, urn: str, inputs: Inputs, integration_id: str, snapshot: Listing) -> None:
        """Record that the resource owns the id that its POST returned.

        Raises:
            StateConflict: The integration existed before the create, or belongs to another resource.
        """
        ownership, journal = self._session.ownership, self._session.journal
        # A former owner's delete may come later in this update. It must not deactivate the id that Justt just returned.
        ownership.note_returned(integration_id)
        answered = f"{describe_create(inputs)}: Justt answered with integration {integration_id}, which"
        is_old = integration_id in snapshot.records or ownership.is_held(integration_id)
        # An integration that existed before the create is not this resource's, so do not claim it.
        if is_old:
            claimant = journal.claimant(self._base_url, integration_id)
        else:
            claimant = journal.claim(self._base_url, integration_id, urn)
        if holder := ownership.holder_beside(urn, integration_id) or (claimant != urn and claimant):
            raise StateConflict(
                f"{answered} already belongs to {holder!r}. Only one resource can manage an integration. Give this "
                "resource another external identifier."
            )
        if is_old:
            raise StateConflict(
                f"{answered} existed before this create, so it may belong to another resource or stack. Give this "
                f'resource another external identifier. If you mean that integration, add adopt_id="{integration_id}".'
            )
        ownership.note_created(urn, integration_id)

    def _find(self, unresolved: _UnresolvedCreate) -> _Finding:
        """Find out whether an unresolved create happened; one thread lists the account for all threads that wait.

        Raises:
            CreateOutcomeUnknown: The engine cancelled the call.
        """
        with self._waiting():
            self._wait_for_grace_period(unresolved)
            self._resolve(unresolved)
        if unresolved.finding is None:
            raise unresolved.lost.but(remediation=messages.AMBIGUOUS_REMEDIATION)
        return unresolved.finding

    def _wait_for_grace_period(self, unresolved: _UnresolvedCreate) -> None:
        """Wait until a list shows what an unresolved create did, or until another thread has a finding for it.

        Justt may still be processing a request that this process gave up on. This wait does not hold the lock, so
        other creates are sent in the meantime. If their responses are lost too, they are resolved together with this
        one.

        Warns:
            note: The response to a create was lost.
        """
        rest = unresolved.list_at - self._client().clock()
        waiting = (each for each in tuple(self._unresolved) if each.finding is None and not each.ended_without_finding)
        if rest > 1.0 and next(waiting, None) is unresolved:
            self._log.info(
                f"{unresolved.lost.operation}: {unresolved.lost.response}; the provider lists the account in "
                f"{rest:.0f} s, to find out whether the integration exists.",
                is_urgent=True,
            )
        sleep_unless(self._client(), rest, lambda: unresolved.finding is not None or self._call().is_cancelled())

    def _resolve(self, unresolved: _UnresolvedCreate) -> None:
        """Resolve every create that is unresolved by now, unless another thread has already done so.

        No POST is in flight while this runs.
        """
        with self._posts.exclusive(unless=lambda: unresolved.finding is not None) as is_first:
            if is_first:
                group = [each for each in self._unresolved if each.finding is None and not each.ended_without_finding]
                unresolved.ended_without_finding = True
                try:
                    self._find_all(group)
                    unresolved.ended_without_finding = unresolved.finding is None
                finally:
                    # Announce each second POST that will be sent, even after an error. Then they are all sent before
                    # the next thread gets exclusive access, and those that are lost again are resolved together. If
                    # this thread has no finding, it sends no second POST, so do not announce one: the lock waits for
                    # each announced POST.
                    self._posts.announce(sum(each.is_sent_again for each in group))

    def _find_all(self, group: list[_UnresolvedCreate]) -> None:
        """List each account once after the grace periods of the whole *group*, unless the call is cancelled first."""
        rest = max(each.list_at for each in group) - self._client().clock()
        if not sleep_unless(self._client(), rest, self._call().is_cancelled):
            return
        for name in dict.fromkeys(each.inputs.reference_account_id for each in group):
            creates = [each for each in group if each.inputs.reference_account_id == name]
            operation = f"{creates[0].lost.operation}, listing the account after the create"
            try:
                now = self._list_account([each.inputs for each in creates], operation, agreeing=2)
            except RequestError as error:
                for each in creates:
                    operation = f"{each.lost.operation}, listing the account after the create"
                    each.finding = _Finding(failure=error.but(operation=operation))
            else:
                for each in creates:
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
            # If an earlier run's integration is INACTIVE by now, a new one is not a duplicate.
            and not (unresolved.is_of_killed_run and record.is_inactive)
        )
        with self._lock:
            # Justt keeps every record, so a list that lacks a known one is stale and proves nothing.
            has_all_known = (unresolved.before | account.created_ids) <= ids
        is_proof = has_all_known and unresolved.is_before_complete and now.is_complete
        is_single = is_proof and len(new) == len(candidates) == 1
        return _Finding(
            candidates,
            is_proof,
            is_only_explanation=is_single and self._is_only_possible_create(unresolved, candidates[0]),
        )

    def _is_only_possible_create(self, unresolved: _UnresolvedCreate, candidate: RemoteRecord) -> bool:
        """Return whether the only candidate must come from this create, as far as this machine knows.

        A create that may have made it too can belong to this process, to another running process, or to a killed run
        whose resource comes later in this update. The journal is read after the list. Each create writes its intent
        before its POST, so each integration in the list that this machine created has an intent by then.
        """
        # Refused creates, and those whose second POST succeeded, stay unresolved: the first POST may still take effect.
        return self._unresolved == [unresolved] and not any(
            intent.urn != unresolved.urn
            and intent.is_at(self._base_url)
            and intent.integration_id in (None, candidate.integration_id)
            for intent in self._session.journal.intents()
        )

    def _claim(self, urn: str, unresolved: _UnresolvedCreate, finding: _Finding) -> RemoteRecord:
        """Claim the only candidate if the configuration allows it.

        Warns:
            warning: The response to a create was lost, and exactly one integration is new.

        Raises:
            CreateOutcomeUnknown: The provider cannot find out what the create did, or may not claim the candidate.
        """
        if self._call().is_cancelled():
            raise unresolved.lost.but(remediation=messages.AMBIGUOUS_REMEDIATION)
        can_claim = finding.is_only_explanation and not unresolved.is_changed and not finding.candidates[0].is_inactive
        if self._claims and can_claim:
            record = finding.candidates[0]
            # Without a journal, another provider process could claim the same integration.
            if self._session.journal.claim(self._base_url, record.integration_id, urn) == urn:
                self._unresolved.remove(unresolved)
                self.intents.claimed(urn, unresolved.inputs, record.integration_id)
                with self._lock:
                    self._begun.discard(urn)
                self._log.warning(
                    f"{unresolved.lost.operation}: {unresolved.lost.response}; claimed "
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

    def _list_account(self, all_inputs: Iterable[Inputs], operation: str, *, agreeing: int) -> Listing:
        """List an account until *agreeing* consecutive passes have the same ids."""
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
