"""The core of `IntegrationReady`: to wait until an integration works. It knows no Pulumi, and owns nothing at Justt.

    call    what happens                                                                          requests
    check   the deadline is validated; the environment is filled in                               0
    diff    another integration: replace, which waits again, and until then the one that was      0
            waited for before is not deactivated; anything else: update in place
    create  waits until the status is SUCCESSFUL; FAILED, INACTIVE and the deadline are errors     1 for each look,
                                                                                                  or a share in pages
    read    status and go-live date over the remembered rest; INACTIVE: gone                      likewise
    update  only what is remembered                                                               0
    delete  nothing                                                                               0

A wait is over once: what becomes of the integration afterwards is told by `read`, and is no reason to wait again.
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
from pulumi_justt.values import COLORED, is_colored

if TYPE_CHECKING:
    # Only a type here, so that a preview loads no HTTP library.
    from pulumi_justt.api.batch_reader import PageCache
    from pulumi_justt.core.client import JusttClient

__all__ = ["ReadinessLifecycle"]

_ARGUMENTS = schema.arguments(schema.READY)
"""The user's own name of each input."""

_OF_INTEGRATION = [name for name, argument in _ARGUMENTS.items() if argument.startswith("integration.")]
"""What never changes of an integration, and so not while the id is the same."""

_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0
_GROWTH = 1.5

_LAST_LOOK = 1.0
"""Seconds that a look may take which begins at the deadline, or just before it."""

_BETWEEN_NOTES = 30.0
"""Seconds after which whoever watches a terminal wants to hear something."""

_BETWEEN_GLANCES = 1.0
"""Seconds for which a wait may not notice that the engine has left, which kills this process after five."""


@dataclass
class ReadinessLifecycle:
    """The lifecycle of waits for integrations under one configuration.

    Args:
        settings: The configuration.
        client: Gives the client when a request is needed, so that previews need no key.
        tell: Shows one line to the user.
        call: Gives the call of this thread.
        session: What all resources of the process share; by default nothing is known.
        clock: Monotonic seconds.
        sleep: Blocks the calling thread for some seconds.
        uniform: Random numbers in [0, 1), for jitter.
    """

    settings: Settings
    client: Callable[[], JusttClient]
    tell: Callable[[str], None]
    call: Callable[[], Call] = Call
    session: Session | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[], float] = random.random
    known_properties: ClassVar = frozenset(each.name for each in schema.READY)
    """The paths of all that a state may hold of a wait."""

    def __post_init__(self) -> None:
        """Take what the process knows."""
        session = self.session or Session(self.settings.base_url)
        self._redactor, self._ownership = session.redactor, session.ownership

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        """Validate *news* and fill in the environment, the same way every time and without I/O."""
        inputs = {**drop_none(news), "environment": self.settings.environment}
        if inputs.get("integrationId") == olds.get("integrationId"):
            # The preview of the integration's update knows no output that is absent; it was absent before, too.
            for name in _OF_INTEGRATION:
                if name not in olds and inputs.get(name) is UNKNOWN:
                    del inputs[name]
        failures = (*_problems(inputs), *other_environment(self.settings, olds))
        return CheckResult(inputs, [f"{name}: {text}" for name, text in failures])

    def diff(self, olds: Properties, news: Properties) -> list[str]:
        """Return the paths in which *news* asks for another wait than the one recorded as *olds*."""
        before, wanted = olds.get("integrationId"), news.get("integrationId")
        if before == wanted:
            return []
        if wanted is not UNKNOWN:
            self._ownership.hold_until_ready(str(before), successor=str(wanted))
        return ["integrationId"]

    def create(self, inputs: Properties) -> tuple[str, dict[str, Any]]:
        """Wait for the integration, and return its id and what to remember.

        Raises:
            NotReady: It failed or stopped, or the deadline has come.
            RequestRefused: Its status may not be read.
            CancelledError: The engine has left.
        """
        wanted = ReadinessInputs.model_validate(inputs)
        if wanted.external_identifier is not None:
            # An integration that is not this stack's replaces nothing.
            self._ownership.begin_wait(wanted.integration_id)
        self._redactor.expect_integration(wanted.integration_id)
        record = self._wait(wanted, f"waiting for {describe(inputs, wanted.integration_id)}")
        self._ownership.end_wait(wanted.integration_id)
        return wanted.integration_id, {**inputs, **outputs_from(record)}

    def read(self, integration_id: str, olds: Properties) -> dict[str, Any] | None:
        """Return what is remembered with the present status, or None if the integration is gone for good.

        Warns:
            warning: A refresh finds that somebody else deactivated an integration that was waited for.
            note: A refresh finds another status than the one that was waited for.
        """
        called = describe(olds, integration_id)
        operation = f"reading {called} for its IntegrationReady"
        self._redactor.expect_integration(integration_id)
        require_same_environment(self.settings, operation, olds)
        try:
            record = self.client().read_integration(
                integration_id,
                operation=operation,
                account=olds.get("referenceAccountId"),
            )
        except RequestRefused as refused:
            if not refused.is_not_found:
                raise
            raise_unless_missing_allowed(self.settings, self.tell, refused)
            return None
        if record.is_inactive:
            self.tell(
                f"warning: {called} is INACTIVE at Justt, which is final: its IntegrationReady leaves the state, and "
                "the next `pulumi up` waits for a new one if the program still has it."
            )
            return None
        if record.status != olds.get("status", record.status):
            self.tell(f"note: {called}, which was waited for, is {record.status} now, was {olds['status']}.")
        remembered = {name: value for name, value in olds.items() if name in _ARGUMENTS}
        return {**remembered, **outputs_from(record)}

    def update(self, integration_id: str, olds: Properties, news: Properties) -> dict[str, Any]:
        """Remember *news*; the wait is over, and its new deadline is that of the next one."""
        require_same_environment(self.settings, f"updating the wait for {describe(olds, integration_id)}", olds)
        return {**{name: value for name, value in olds.items() if name not in _ARGUMENTS}, **news}

    def delete(self, integration_id: str, olds: Properties) -> None:
        """Do nothing: the integration is another resource's."""

    def _wait(self, wanted: ReadinessInputs, operation: str) -> RemoteRecord:
        """Look at the integration until it is SUCCESSFUL.

        Warns:
            warning: Justt cannot be reached during a wait; told once.

        Raises:
            NotReady: The deadline has come.
        """
        started = self.clock()
        wait = _Wait(operation, wanted.timeout_seconds, started=started, end=started + wanted.timeout_seconds)
        was_warned = False
        # Who waits with others is served by pages of the list, which one of them reads for all.
        with self.client().waiting(wanted.reference_account_id) as cache:
            for pause in self._pauses():
                try:
                    record = self._look(wanted, wait, cache, max_age=pause / 2)
                except RequestFailed as error:
                    wait.failure = f" ({error.response})"
                    if not was_warned:
                        self.tell(f"warning: {operation}: {error.response}. The wait goes on.")
                        was_warned = True
                else:
                    if record.status == "SUCCESSFUL":
                        return record
                    _require_hope(record, wait, is_managed=wanted.external_identifier is not None)
                    wait.status, wait.failure = record.status, ""
                now = self.clock()
                if now >= wait.end:
                    break
                self._sleep_until(min(now + pause, wait.end), wait)
        response = f"its status is {wait.status} after {wait.timeout_seconds} s{wait.failure}"
        raise NotReady(wait.operation, response, messages.DEADLINE_REMEDIATION)

    def _look(self, wanted: ReadinessInputs, wait: _Wait, cache: PageCache, *, max_age: float) -> RemoteRecord:
        """Read the record once; what is out of date by *age* seconds will do."""
        client = self.client()
        call = replace(self.call(), deadline=client.clock() + max(wait.end - self.clock(), _LAST_LOOK))
        record = client.read_integration(
            wanted.integration_id,
            operation=wait.operation,
            account=wanted.reference_account_id,
            max_age=max_age,
            call=call,
            cache=cache,
        )
        if _is_hopeless(record) and record.message is None:
            # A list has no words of the vendor's about one record.
            record = client.get_integration(
                wanted.integration_id,
                operation=wait.operation,
                account=wanted.reference_account_id,
                call=call,
            )
        return record

    def _pauses(self) -> Iterator[float]:
        """Yield the seconds between two looks: growing, and never the same for waits that began together."""
        bound = _SHORTEST_PAUSE
        while True:
            yield bound * (1 + self.uniform()) / 2
            bound = min(bound * _GROWTH, _LONGEST_PAUSE)

    def _sleep_until(self, moment: float, wait: _Wait) -> None:
        """Let time pass, for as long as somebody waits for the end of it.

        Warns:
            note: A wait begins, and again every 30 seconds.

        Raises:
            CancelledError: The engine has left.
        """
        while (now := self.clock()) < moment:
            if self.call().is_cancelled():
                raise CancelledError(
                    wait.operation, "it was given up, because the engine has left", messages.ABANDONED_REMEDIATION
                )
            if now >= wait.next_note:
                seconds = now - wait.started
                self.tell(
                    f"note: {wait.operation}: its status is {wait.status} after {seconds:.0f} s of at most "
                    f"{wait.timeout_seconds} s."
                )
                wait.next_note = now + _BETWEEN_NOTES
            self.sleep(min(moment - now, _BETWEEN_GLANCES))


@dataclass
class _Wait:
    """How far one wait has come; moments are those of the core's clock."""

    operation: str
    timeout_seconds: int
    started: float
    end: float
    next_note: float = 0.0
    status: str = "not known yet"
    failure: str = ""

    def __post_init__(self) -> None:
        """Have the first note told at once."""
        self.next_note = self.started


def _is_hopeless(record: RemoteRecord) -> bool:
    return record.status == "FAILED" or record.is_inactive


def _require_hope(record: RemoteRecord, wait: _Wait, *, is_managed: bool) -> None:
    """Refuse a status that no waiting changes.

    Raises:
        NotReady: It failed or stopped.
    """
    if _is_hopeless(record):
        response = f"its status is {record.status}{f': {record.message}' if record.message else ''}"
        raise NotReady(wait.operation, response, messages.hopeless_remediation(record.status, is_managed=is_managed))


def _problems(inputs: Properties) -> Iterator[tuple[str, str]]:
    """Yield the user's name of each property that cannot be used, with the reason."""
    known, unknown = split_unknowns(inputs)
    for name in sorted(known.keys() - _ARGUMENTS.keys()):
        yield name, f"is not an argument{nearest(name, _ARGUMENTS.values())}"
    for path, text in invalid(ReadinessInputs, known, unknown):
        yield _ARGUMENTS.get(path, path), text
    for name in ("externalIdentifier", "source"):
        if is_colored(known.get(name)):
            yield _ARGUMENTS[name], COLORED
