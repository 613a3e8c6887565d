"""Deactivates integrations. The API cannot delete one; it can stop one permanently, at a given date."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from pulumi_justt.api.models import to_vendor_time
from pulumi_justt.core import messages
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Deactivation
from pulumi_justt.core.state import Properties, raise_unless_missing_allowed
from pulumi_justt.errors import JusttError, RequestError, RequestRefused, UnexpectedResponse
from pulumi_justt.log import Log

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["Deactivator"]

_DONE_BEFORE = (400, 409, 410, 422)
"""Statuses with which the API may refuse a deactivation because an earlier request has scheduled it already."""

_CLOCK_SLACK = 60.0
"""Seconds by which this machine's clock may differ from Justt's without a warning."""


class Deactivator:
    """Deactivates integrations under one configuration.

    Args:
        settings: The configuration.
        client: Returns the client; called only when a request is needed.
        log: Shows warnings and notes to the user.
        now: Returns the current time.
    """

    def __init__(
        self,
        settings: Settings,
        client: Callable[[], JusttClient],
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._client = client
        self._log = log
        self._now = now
        self._clock_warned = threading.Lock()

    def deactivate(self, integration_id: str, olds: Properties, operation: str) -> bool:
        """Deactivate an integration by the recorded policy, and return whether it has already stopped.

        Warns:
            warning: The recorded date has passed when the integration is deleted.
            note: A deactivation was scheduled for later.

        Raises:
            UnexpectedResponse: A proxy answered, and Justt does not show the integration as INACTIVE.
            RequestError: The deactivation failed.
        """
        account, now = olds.get("referenceAccountId"), self._now()
        policy = Deactivation.model_validate(olds.get("deactivation", {}))
        moment = policy.moment(now)
        if moment < now:
            self._log.warning(
                f"{operation}: its deactivation date {to_vendor_time(moment)} has passed, so it stops now."
            )
            moment = now
        client = self._client()
        try:
            client.deactivate_integration(
                integration_id,
                operation=operation,
                account=account,
                deactivation_type=policy.deactivation_type,
                deactivation_date=to_vendor_time(moment),
            )
            if moment > now:
                self._log.info(f"{operation}: it runs until {to_vendor_time(moment)}; the state no longer has it.")
        except UnexpectedResponse as unclear:
            if not self._has_stopped(integration_id, account, unclear):
                # A deactivation for a later date ends here too, because the record does not show that date.
                raise unclear.but(remediation=messages.UNCONFIRMED_REMEDIATION) from None
        except RequestRefused as refused:
            stopped = self._stopped_although(refused, integration_id, account, moment if moment > now else None)
            if stopped is None:
                raise
            return stopped
        finally:
            if moment == now:
                self._compare_clocks(operation, client.clock_ahead, to_vendor_time(now))
        return moment == now

    def _stopped_although(
        self, refused: RequestRefused, integration_id: str, account: str | None, later: datetime | None
    ) -> bool | None:
        """Decide what it means that Justt refused to deactivate the integration.

        Args:
            refused: The refusal.
            integration_id: The id at Justt.
            account: The account that the integration belongs to.
            later: The date of the deactivation; None if the integration was to stop at once.

        Returns:
            Whether the integration has stopped: False if an earlier attempt scheduled that for later. None if the
            deactivation failed.

        Warns:
            warning: A deactivation for later was sent twice, because the first response was lost.

        Raises:
            StateConflict: Justt answers 404 for a recorded integration, and JUSTT_ON_MISSING is not set.
        """
        if refused.is_of_key:
            return None
        if refused.is_not_found:
            raise_unless_missing_allowed(self._settings, self._log, refused)
            return True
        if self._has_stopped(integration_id, account, refused):
            return True
        if refused.after_unanswered and later is not None and refused.status in _DONE_BEFORE:
            self._log.warning(
                f"{refused.operation}: an earlier attempt got no response, and this one was refused "
                f"({refused.response}). The provider assumes that the earlier attempt scheduled it for "
                f"{to_vendor_time(later)}. Look it up at Justt after that date."
            )
            return False
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
