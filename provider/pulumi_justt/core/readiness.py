"""The lifecycle of `IntegrationReady`, which waits until an integration is SUCCESSFUL and creates nothing at Justt.

    call    what happens                                                                          requests
    check   validates the deadline; fills in the environment and the account                      0
    diff    another integration: replace, which waits again; the former integration keeps         0
            running until that wait succeeds; any other change: update in place
    create  waits until the status is SUCCESSFUL; FAILED, INACTIVE and the deadline are errors    1 for each read,
                                                                                                  or a share in pages
    read    status and go-live date from Justt, the rest from the state; INACTIVE: gone           likewise
    update  changes the state only                                                                0
    delete  nothing                                                                               0

A wait happens once. `read` reports later changes of the status, and they do not start another wait.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi_justt import schema
from pulumi_justt.api.call import Call
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core import messages
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import UNKNOWN, ReadinessInputs, split_unknowns
from pulumi_justt.core.plans import updated
from pulumi_justt.core.session import Session
from pulumi_justt.core.state import (
    CheckResult,
    Properties,
    describe,
    drop_none,
    invalid,
    other_environment,
    outputs_from,
    raise_unless_missing_allowed,
    require_same_environment,
)
from pulumi_justt.errors import CancelledError, NotReady, RequestFailed, RequestRefused, nearest
from pulumi_justt.log import Log
from pulumi_justt.values import COLORED, is_colored

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.api.batch_reader import PageCache
    from pulumi_justt.core.client import JusttClient

__all__ = ["ReadinessLifecycle"]

_ARGUMENTS = schema.arguments(schema.READY)
"""The Python argument of each input, by its name in the state."""

_OF_INTEGRATION = [name for name, argument in _ARGUMENTS.items() if argument.startswith("integration.")]
"""The inputs that describe the integration; they cannot change while its id stays the same."""

_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0
_GROWTH = 1.5

_LAST_READ = 1.0
"""The time limit in seconds of a read that begins at the deadline or just before it."""

_BETWEEN_NOTES = 30.0
"""Seconds between two progress notes."""

_BETWEEN_CHECKS = 1.0
"""Seconds between two checks for a cancelled call; the engine kills this process five seconds after it cancels."""


@dataclass
class ReadinessLifecycle:
    """The lifecycle of waits for integrations under one configuration.

    Args:
        settings: The configuration.
        client: Returns the client; called only when a request is needed, so that previews need no API key.
        log: Shows warnings and notes to the user.
        call: Returns the call of this thread.
        session: The state that all resources of the process share; by default a new one.
        copies_account: Whether a program that names only the integration passes the integration's account, too. If not,
            a wait without an account gets that of the configuration, as an integration does.
        clock: Returns monotonic seconds.
        sleep: Blocks the calling thread for a number of seconds.
        uniform: Returns a random number in [0, 1), for jitter.
    """

    settings: Settings
    client: Callable[[], JusttClient]
    log: Log
    call: Callable[[], Call] = Call
    session: Session | None = None
    copies_account: bool = True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[], float] = random.random
    known_properties: ClassVar = frozenset(each.name for each in schema.READY)
    """The paths of all properties that the state of a wait may have."""
    id_properties: ClassVar = frozenset(each.name for each in schema.READY if each.origin == "id")
    """The outputs that equal the resource's id: none, because the id of the integration is an input."""

    def __post_init__(self) -> None:
        """Take the parts of the session that this class uses."""
        session = self.session or Session(self.settings.base_url)
        self._redactor, self._ownership = session.redactor, session.ownership
        self._default_account = None if self.copies_account else self.settings.reference_account_id

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        """Validate *news* and fill in the environment and the default account, deterministically and without I/O."""
        inputs = {**drop_none(news), "environment": self.settings.environment}
        if inputs.get("integrationId") == olds.get("integrationId"):
            # In a preview that updates the integration, all its outputs are unknown, even those that have no value in
            # the state. The update cannot give them a value, so remove them here.
            for name in _OF_INTEGRATION:
                if name not in olds and inputs.get(name) is UNKNOWN:
                    del inputs[name]
        if self._default_account is not None:
            inputs.setdefault("referenceAccountId", self._default_account)
        failures = (*_problems(inputs), *other_environment(self.settings, olds, news))
        return CheckResult(inputs, [f"{name}: {text}" for name, text in failures])

    def diff(self, olds: Properties, news: Properties) -> list[str]:
        """Return the paths of the changed properties that require another wait."""
        before, wanted = olds.get("integrationId"), news.get("integrationId")
        if before == wanted:
            return []
        if wanted is not UNKNOWN:
            self._ownership.hold_until_ready(str(before), successor=str(wanted))
        return ["integrationId"]

    def create(self, inputs: Properties) -> tuple[str, dict[str, Any]]:
        """Wait for the integration, and return its id and the outputs.

        Raises:
            NotReady: The integration is FAILED or INACTIVE, or the deadline has passed.
            RequestRefused: Justt refused to show the status.
            RequestError: There was no usable response, and another read would not help.
            CancelledError: The engine cancelled the call.
        """
        wanted = ReadinessInputs.model_validate(inputs)
        if self._is_managed(wanted):
            # Only an integration that this stack manages can be a replacement.
            self._ownership.begin_wait(wanted.integration_id)
        self._redactor.expect_integration(wanted.integration_id)
        record = self._wait(wanted, f"waiting for {describe(inputs, wanted.integration_id)}")
        self._ownership.end_wait(wanted.integration_id)
        return wanted.integration_id, {**inputs, **outputs_from(record)}

    def read(self, integration_id: str, olds: Properties) -> dict[str, Any] | None:
        """Return the recorded properties with the current status, or None if the integration is gone for good.

        Warns:
            warning: A refresh finds that the integration of an `IntegrationReady` was deactivated outside this stack.
            note: A refresh finds another status than the one that the `IntegrationReady` recorded.
        """
        called = describe(olds, integration_id)
        operation = f"reading {called} for its IntegrationReady"
        # An import has no recorded inputs.
        account = olds.get("referenceAccountId", None if olds else self._default_account)
        self._redactor.expect_integration(integration_id)
        require_same_environment(self.settings, operation, olds)
        try:
            record = self.client().read_integration(
                integration_id,
                operation=operation,
                account=account,
            )
        except RequestRefused as refused:
            if not refused.is_not_found:
                raise
            raise_unless_missing_allowed(self.settings, self.log, refused)
            return None
        if record.is_inactive:
            self.log.warning(
                f"{called} is INACTIVE at Justt, which is final: a refresh removes its IntegrationReady from the "
                "state, and the next `pulumi up` waits for a new one if the program still has it."
            )
            return None
        if record.status != olds.get("status", record.status):
            self.log.info(
                f"the status of {called} has changed from {olds['status']} to {record.status} since its "
                "IntegrationReady last read it."
            )
        known = {"integrationId": integration_id, "environment": self.settings.environment}
        if account is not None:
            known["referenceAccountId"] = account
        inputs = {name: value for name, value in olds.items() if name in _ARGUMENTS}
        return {**known, **inputs, **outputs_from(record)}

    def require_importable(self, integration_id: str, outputs: Properties) -> None:
        """Accept every wait: `read` has found its integration."""

    def update(self, integration_id: str, olds: Properties, news: Properties) -> dict[str, Any]:
        """Record *news*: this wait is over, so a new deadline applies to the next one."""
        require_same_environment(self.settings, f"updating the wait for {describe(olds, integration_id)}", olds)
        return updated(olds, news, _ARGUMENTS)

    @staticmethod
    def plan(inputs: Properties, olds: Properties | None = None) -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs that a preview can show for a wait, or for an update of *olds*.

        The id is empty if the integration has none yet.
        """
        integration_id = inputs.get("integrationId")
        id_ = integration_id if isinstance(integration_id, str) else ""
        if olds is not None:
            return id_, updated(olds, inputs, _ARGUMENTS)
        return id_, {**inputs, "status": "SUCCESSFUL", "goLiveDate": UNKNOWN}

    def delete(self, integration_id: str, olds: Properties) -> None:
        """Do nothing, because the integration belongs to another resource."""

    def _is_managed(self, wanted: ReadinessInputs) -> bool:
        """Return whether this stack manages the integration. A program of the plugin may give only its id."""
        return wanted.external_identifier is not None or self._ownership.is_held(wanted.integration_id)

    def _wait(self, wanted: ReadinessInputs, operation: str) -> RemoteRecord:
        """Read the integration again and again until it is SUCCESSFUL.

        Warns:
            warning: Justt cannot be reached during a wait; shown once for each wait.

        Raises:
            NotReady: The deadline has passed.
        """
        started = self.clock()
        wait = _Wait(operation, wanted.timeout_seconds, started=started, end=started + wanted.timeout_seconds)
        was_warned = False
        # If several threads wait, one of them reads pages of the list for all of them.
        with self.client().waiting(wanted.reference_account_id) as cache:
            for pause in self._pauses():
                try:
                    record = self._read_once(wanted, wait, cache, max_age=pause / 2)
                except RequestFailed as error:
                    wait.failure = f" ({error.response})"
                    if not was_warned:
                        self.log.warning(f"{operation}: {error.response}. The provider keeps waiting.", is_urgent=True)
                        was_warned = True
                else:
                    if record.status == "SUCCESSFUL":
                        return record
                    _require_not_failed(record, wait, is_managed=self._is_managed(wanted))
                    wait.status, wait.failure = record.status, ""
                now = self.clock()
                if now >= wait.end:
                    break
                self._sleep_until(min(now + pause, wait.end), wait)
        response = f"its status is {wait.status} after {wait.timeout_seconds} s{wait.failure}"
        raise NotReady(wait.operation, response, messages.DEADLINE_REMEDIATION)

    def _read_once(self, wanted: ReadinessInputs, wait: _Wait, cache: PageCache, *, max_age: float) -> RemoteRecord:
        """Read the record once; a record from the page cache may be up to *max_age* seconds old."""
        client = self.client()
        call = replace(self.call(), deadline=client.clock() + max(wait.end - self.clock(), _LAST_READ))
        record = client.read_integration(
            wanted.integration_id,
            operation=wait.operation,
            account=wanted.reference_account_id,
            max_age=max_age,
            call=call,
            cache=cache,
        )
        if _has_failed(record) and record.message is None:
            # A list has no messages from Justt about single records.
            record = client.get_integration(
                wanted.integration_id,
                operation=wait.operation,
                account=wanted.reference_account_id,
                call=call,
            )
        return record

    def _pauses(self) -> Iterator[float]:
        """Yield the seconds between two reads: growing, and with jitter, so that parallel waits spread out."""
        bound = _SHORTEST_PAUSE
        while True:
            yield bound * (1 + self.uniform()) / 2
            bound = min(bound * _GROWTH, _LONGEST_PAUSE)

    def _sleep_until(self, moment: float, wait: _Wait) -> None:
        """Sleep until *moment*, or until the engine cancels the call.

        Warns:
            note: A wait begins, and again every 30 seconds.

        Raises:
            CancelledError: The engine cancelled the call.
        """
        while (now := self.clock()) < moment:
            if self.call().is_cancelled():
                raise CancelledError(
                    wait.operation,
                    "the wait stopped, because the engine cancelled the call",
                    messages.CANCELLED_REMEDIATION,
                )
            if now >= wait.next_note:
                seconds = now - wait.started
                self.log.info(
                    f"{wait.operation}: its status is {wait.status} after {seconds:.0f} s of at most "
                    f"{wait.timeout_seconds} s.",
                    is_urgent=True,
                )
                wait.next_note = now + _BETWEEN_NOTES
            self.sleep(min(moment - now, _BETWEEN_CHECKS))


@dataclass
class _Wait:
    """The progress of one wait; times are seconds of the lifecycle's clock."""

    operation: str
    timeout_seconds: int
    started: float
    end: float
    next_note: float = 0.0
    status: str = "not known yet"
    failure: str = ""

    def __post_init__(self) -> None:
        """Make the first progress note due at once."""
        self.next_note = self.started


def _has_failed(record: RemoteRecord) -> bool:
    return record.status == "FAILED" or record.is_inactive


def _require_not_failed(record: RemoteRecord, wait: _Wait, *, is_managed: bool) -> None:
    """Refuse a status that more waiting does not change.

    Raises:
        NotReady: The integration is FAILED or INACTIVE.
    """
    if _has_failed(record):
        response = f"its status is {record.status}{f': {record.message}' if record.message else ''}"
        raise NotReady(wait.operation, response, messages.hopeless_remediation(record.status, is_managed=is_managed))


def _problems(inputs: Properties) -> Iterator[tuple[str, str]]:
    """Yield the argument and the reason for each invalid property."""
    known, unknown = split_unknowns(inputs)
    for name in sorted(inputs.keys() - _ARGUMENTS.keys()):
        yield name, f"is not an argument{nearest(name, _ARGUMENTS.values())}"
    for path, text in invalid(ReadinessInputs, known, unknown):
        yield _ARGUMENTS.get(path, path), text
    for name in ("externalIdentifier", "source"):
        if is_colored(known.get(name)):
            yield _ARGUMENTS[name], COLORED
