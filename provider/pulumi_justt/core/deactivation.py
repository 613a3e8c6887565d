"""Deactivates integrations. The API cannot delete one; it can stop one permanently, at a given date."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from pulumi_justt.api.models import to_vendor_time
from pulumi_justt.core import messages
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Deactivation
from pulumi_justt.core.journal import Change, Journal
from pulumi_justt.core.state import Properties, raise_unless_missing_allowed
from pulumi_justt.errors import JusttError, RequestError, RequestRefused, UnexpectedResponse
from pulumi_justt.log import Log

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["Deactivator", "deactivate_now"]

_DONE_BEFORE = (400, 409, 410, 422)
"""Statuses with which the API may refuse a deactivation because an earlier request has scheduled it already."""

_CLOCK_SLACK = 60.0
"""Seconds by which this machine's clock may differ from Justt's without a warning."""


class Deactivator:
    """Deactivates integrations under one configuration.

    Args:
        settings: The configuration.
        client: Returns the client; called only when a request is needed.
        journal: Records each deactivation.
        log: Shows warnings and notes to the user.
        now: Returns the current time.
    """

    def __init__(
        self,
        settings: Settings,
        client: Callable[[], JusttClient],
        journal: Journal,
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._client = client
        self._journal = journal
        self._log = log
        self._now = now
        self._clock_warned = threading.Lock()

    def deactivate(self, urn: str, integration_id: str, olds: Properties, operation: str) -> bool:
        """Deactivate an integration by the recorded policy, and return whether it has already stopped.

        Warns:
            warning: The recorded date has passed when the integration is deleted.

        Raises:
            RequestError: The deactivation failed.
        """
        now = self._now()
        policy = Deactivation.model_validate(olds.get("deactivation", {}))
        moment = policy.moment(now)
        if moment < now:
            self._log.warning(
                f"{operation}: its deactivation date {to_vendor_time(moment)} has passed, so it stops now."
            )
            moment = now
        planned = Change(
            "deactivate",
            "scheduled" if moment > now else "deactivated",
            self._settings.base_url,
            urn,
            account=olds.get("referenceAccountId"),
            source=_text(olds.get("source")),
            external_identifier=_text(olds.get("externalIdentifier")),
            integration_id=integration_id,
            deactivation_date=to_vendor_time(moment),
        )
        client = self._client()
        try:
            with self._journal.recording(planned, failures=JusttError) as change:
                self._send(change, policy, operation)
        finally:
            if moment == now:
                self._compare_clocks(operation, client.clock_ahead, to_vendor_time(now))
        return change.outcome != "scheduled"

    def _send(self, change: Change, policy: Deactivation, operation: str) -> None:
        """Send the deactivation, and correct the outcome of *change* if it is not the planned one.

        Warns:
            note: A deactivation was scheduled for later.

        Raises:
            UnexpectedResponse: A proxy answered, and Justt does not show the integration as INACTIVE.
            RequestError: The deactivation failed.
        """
        integration_id, date = str(change.integration_id), str(change.deactivation_date)
        try:
            self._client().deactivate_integration(
                integration_id,
                operation=operation,
                account=change.account,
                deactivation_type=policy.deactivation_type,
                deactivation_date=date,
            )
        except UnexpectedResponse as unclear:
            if not self._has_stopped(integration_id, change.account, unclear):
                # A deactivation for a later date ends here too, because the record does not show that date.
                raise unclear.but(remediation=messages.UNCONFIRMED_REMEDIATION) from None
            change.outcome = "deactivated"
        except RequestRefused as refused:
            change.error_id = refused.error_id
            outcome = self._outcome_although(refused, change)
            if outcome is None:
                raise
            change.outcome = outcome
        else:
            if change.outcome == "scheduled":
                self._log.info(f"{operation}: it runs until {date}; the state no longer has it.")

    def _outcome_although(
        self, refused: RequestRefused, change: Change
    ) -> Literal["deactivated", "scheduled", "alreadyInactive", "missing"] | None:
        """Decide what it means that Justt refused to deactivate the integration.

        Args:
            refused: The refusal.
            change: The planned deactivation.

        Returns:
            The outcome of the deactivation; `scheduled` if an earlier attempt scheduled it for later. None if it
            failed.

        Warns:
            warning: A deactivation for later was sent twice, because the first response was lost.

        Raises:
            StateConflict: Justt answers 404 for a recorded integration, and JUSTT_ON_MISSING is not set.
        """
        if refused.is_of_key:
            return None
        if refused.is_not_found:
            raise_unless_missing_allowed(self._settings, self._log, refused)
            return "missing"
        if self._has_stopped(str(change.integration_id), change.account, refused):
            return "deactivated" if refused.after_unanswered else "alreadyInactive"
        if refused.after_unanswered and change.outcome == "scheduled" and refused.status in _DONE_BEFORE:
            self._log.warning(
                f"{refused.operation}: an earlier attempt got no response, and this one was refused "
                f"({refused.response}). The provider assumes that the earlier attempt scheduled it for "
                f"{change.deactivation_date}. Look it up at Justt after that date."
            )
            return "scheduled"
        return None

    def _compare_clocks(self, operation: str, ahead: float, sent: str) -> None:
        """Warn once if the date of an immediate deactivation is wrong because the clocks differ.

        The provider does not correct the date: the first request of a command would still have this machine's time, and
        the `Date` header of a response may be a proxy's. A deactivation with a wrong correction could not be undone.

        Warns:
            warning: This machine's clock is wrong by more than a minute when an integration is deactivated at once.
        """
        # The lock is never released, so only the first thread warns.
        if abs(ahead) <= _CLOCK_SLACK or not self._clock_warned.acquire(blocking=False):
            return
        order = "ahead of" if ahead > 0 else "behind"
        effect = (
            "is in the future for Justt, and the integration runs until then" if ahead > 0 else "is in Justt's past"
        )
        self._log.warning(
            f"{operation}: the clock of this machine is {abs(ahead):,.0f} s {order} Justt's, so the date "
            f"{sent}, which was sent to stop the integration now, {effect}. Set the clock. The date is "
            "wrong in the same way for each integration that this command stops now."
        )

    def _has_stopped(self, integration_id: str, account: str | None, error: RequestError) -> bool:
        """Return whether Justt shows the integration as INACTIVE after its deactivation failed with *error*."""
        try:
            record = self._client().get_integration(integration_id, operation=error.operation, account=account)
        except JusttError:
            # The caller raises the first error. The error of this read would add nothing to it.
            return False
        return record.is_inactive


def deactivate_now(client: JusttClient, journal: Journal, change: Change, *, operation: str) -> None:
    """Deactivate an integration at once, whatever its resource's policy is, and record that.

    Args:
        client: Sends the request.
        journal: Records the deactivation; its clock gives the date.
        change: A record with the integration, its account and its resource, as far as they are known.
        operation: What the caller does, for an error.

    Raises:
        RequestError: The deactivation failed.
    """
    date = to_vendor_time(datetime.fromtimestamp(journal.now(), timezone.utc))
    planned = replace(change, action="deactivate", outcome="deactivated", deactivation_date=date)
    with journal.recording(planned):
        client.deactivate_integration(
            str(change.integration_id),
            operation=operation,
            account=change.account,
            deactivation_type="postingDate",
            deactivation_date=date,
        )


def _text(value: object) -> str | None:
    """Return *value* if it is a text. A state that was edited by hand may have any value."""
    return value if isinstance(value, str) else None
