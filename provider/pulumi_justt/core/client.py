"""Justt as the rules use it: each request says what it is for, and what becomes of it is told in words.

The wire is `api.client`'s. Here come the configuration, what a request is for, and redaction: no record is taken that
repeats a credential in what is stored in plain, and errors show the words of others only as the redactor allows.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from pulumi_justt.api.batch_reader import FRESH_SECONDS, BatchReader, PageCache
from pulumi_justt.api.call import UNLIMITED, Call
from pulumi_justt.api.client import Attempt, Client
from pulumi_justt.api.errors import ApiError, InvalidNetworkSettings, InvalidResponseError, OutcomeUnknown
from pulumi_justt.api.models import STATUSES, RemoteRecord
from pulumi_justt.api.rate_limit import RateLimiter
from pulumi_justt.api.responses import Page
from pulumi_justt.core import messages
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.messages import Messages, Purpose
from pulumi_justt.credentials import secret_values
from pulumi_justt.redaction import Redactor, shared_redactor
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["JusttClient", "shared_client"]

_Result = TypeVar("_Result")


class JusttClient(Unpicklable):
    """The requests of one configuration; safe to share between threads.

    Args:
        settings: Where, with which key, how fast and how patiently.
        redactor: Decides which words of Justt or a proxy are shown; by default that of the process.
        debug: Takes one line for each attempt, without body or header.
        options: Other arguments of the API's client.

    Raises:
        InvalidSettings: There is no API key, or the network settings of this machine cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        redactor: Redactor | None = None,
        debug: Callable[[str], None] | None = None,
        **options: Any,  # noqa: ANN401 - they are typed where they are used
    ) -> None:
        self.settings = settings
        self.redactor = redactor or shared_redactor()
        self.debug = debug
        self._messages = Messages(settings, self.redactor)
        key = settings.require_api_key()
        self.redactor.add_secrets(key)
        try:
            self._api = Client(
                settings.base_url,
                key,
                timeout_seconds=settings.timeout_seconds,
                # A proxy from the environment can't reach an address of this machine.
                uses_proxy=settings.environment != "simulator",
                requests_per_minute=settings.requests_per_minute,
                observe=self._tell_attempt,
                **options,
            )
        except InvalidNetworkSettings as error:
            explained = self._messages.network_settings(error)
            raise explained from None
        self.clock, self.sleep = self._api.clock, self._api.sleep
        self._reader = BatchReader(self._api)

    @property
    def clock_ahead(self) -> float:
        """Seconds by which the clock of this machine is ahead of Justt's, as the last response showed."""
        return self._api.clock_ahead

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def create_integration(self, inputs: Inputs, *, call: Call = UNLIMITED) -> RemoteRecord:
        """Create an integration, by exactly one POST that Justt may carry out.

        Args:
            inputs: What is sent.
            call: For whom; whether it is cancelled is asked before each attempt.

        Returns:
            The new record; its status is PENDING unless the response says more.

        Raises:
            CancelledError: Nobody is there any more, and nothing was sent.
            CreateOutcomeUnknown: The outcome is unknown.
            RequestError: It was not created.
            JusttError: It cannot be sent.
        """
        self._add_secrets(inputs)

        def request() -> RemoteRecord:
            return self._clean(self._api.create_integration(inputs, call=call), is_new=True)

        return self._explained(_creation(inputs), request)

    def require_sendable(self, inputs: Inputs) -> None:
        """Verify that `create_integration` can send *inputs*, without a request.

        Raises:
            JusttError: It is too large, or cannot be encoded.
        """
        self._add_secrets(inputs)
        self._explained(_creation(inputs), lambda: self._api.require_sendable(inputs))

    def digest(self, inputs: Inputs) -> str:
        """Return what tells the body of one create from that of another.

        It is keyed with the API key, so that nobody who has only the digest can try out credentials on it.

        Raises:
            InvalidSettings: There is no API key.
        """
        body = json.dumps(inputs.body(), sort_keys=True).encode()
        return hmac.new(self.settings.require_api_key().encode(), body, "sha256").hexdigest()

    def get_integration(
        self,
        integration_id: str,
        *,
        operation: str,
        account: str | None,
        call: Call = UNLIMITED,
    ) -> RemoteRecord:
        """Read one record by a request of its own.

        Args:
            integration_id: The id at Justt.
            operation: What this is for, in error texts.
            account: The account that it belongs to.
            call: Until when it is waited for.

        Raises:
            RequestRefused: With status 404 where the key, in this account, knows no such id.
            RequestError: It could not be read.
        """
        self.redactor.note_plain(integration_id)
        return self._explained(
            Purpose(operation, account, "GET", is_of_one_id=True),
            lambda: self._clean(self._api.get_integration(integration_id, account=account, call=call)),
        )

    def read_integration(  # noqa: PLR0913 - what a request of its own is told, and how young and with whom
        self,
        integration_id: str,
        *,
        operation: str,
        account: str | None,
        max_age: float = FRESH_SECONDS,
        call: Call = UNLIMITED,
        cache: PageCache | None = None,
    ) -> RemoteRecord:
        """Read one record by a request of its own, or as a share in pages of the account's list.

        Args:
            integration_id: The id at Justt.
            operation: What this is for, in error texts.
            account: The account that it belongs to.
            max_age: Seconds by which what is returned may be out of date.
            call: Until when it is waited for.
            cache: What `waiting` gave to who waits already, and is not to be counted again.

        Raises:
            RequestRefused: With status 404 where the key, in this account, knows no such id.
            RequestError: It could not be read.
        """
        self.redactor.note_plain(integration_id)
        return self._explained(
            Purpose(operation, account, "GET", is_of_one_id=True),
            lambda: self._clean(
                self._reader.get(integration_id, account=account, max_age=max_age, call=call, cache=cache)
            ),
        )

    def waiting(self, account: str | None) -> contextlib.AbstractContextManager[PageCache]:
        """Count as one that waits for records of an account, for as long as the block runs."""
        return self._reader.waiting(account)

    def list_integrations(self, page: int, *, operation: str, account: str | None) -> Page:
        """Read one page of the account's records; arguments as in `get_integration`.

        Raises:
            RequestError: It could not be read.
        """

        def request() -> Page:
            read = self._api.list_integrations(page, account=account)
            self._require_clean(read.records)
            return replace(read, records=tuple(map(self._shown, read.records)))

        return self._explained(Purpose(operation, account, "GET"), request)

    def deactivate_integration(
        self,
        integration_id: str,
        *,
        operation: str,
        account: str | None,
        deactivation_type: str,
        deactivation_date: str,
    ) -> None:
        """Ask for an integration to stop at a date; the other arguments are as in `get_integration`.

        Raises:
            RequestRefused: The API won't; `after_unanswered` tells whether an earlier attempt may have done it already.
            UnexpectedResponse: A 2xx came whose body is neither empty nor JSON, so it may not be Justt's.
            RequestError: No response could be had.
        """
        self._explained(
            Purpose(operation, account, "DELETE", is_of_one_id=True),
            lambda: self._api.deactivate_integration(
                integration_id,
                account=account,
                deactivation_type=deactivation_type,
                deactivation_date=deactivation_date,
            ),
        )

    def _explained(self, purpose: Purpose, request: Callable[[], _Result]) -> _Result:
        """Return what *request* does, or raise what it ends with as it is shown."""
        try:
            return request()
        except ApiError as error:
            explained = self._messages.explained(error, purpose)
        # Not in the block above, where the API's error would stay beside it as its context.
        raise explained

    def _add_secrets(self, inputs: Inputs) -> None:
        """Tell the redactor the credentials that are about to be sent."""
        payload = inputs.reveal_payload()
        self.redactor.add_secrets(
            secret_values(inputs.secret_type, payload, inputs.source, allow_unlisted=inputs.allow_unlisted)
        )
        self.redactor.note_plain(inputs.source)

    def _clean(self, record: RemoteRecord, *, is_new: bool = False) -> RemoteRecord:
        """Return *record* as it may be stored and shown in plain.

        Raises:
            OutcomeUnknown: That of a create repeats a credential.
            InvalidResponseError: Any other does.
        """
        try:
            self._require_clean((record,), status=201 if is_new else 200)
        except InvalidResponseError as error:
            if is_new:
                raise OutcomeUnknown(error) from None
            raise
        return self._shown(record)

    def _require_clean(self, records: Iterable[RemoteRecord], *, status: int = 200) -> None:
        """Verify that no record has a credential that is at hand in what is stored in plain.

        One that is not at hand must not make a record unusable: an id of Justt may look like any credential.
        """
        if not self.redactor.is_clean_record([text for record in records for text in record.free_texts()]):
            raise InvalidResponseError(status, "a record that repeats a credential")

    def _shown(self, record: RemoteRecord) -> RemoteRecord:
        """Return *record* without words that must not be shown.

        Nothing but the vendor's own statuses is decided by, and a status is shown and stored wherever there is one.
        """
        changes = {}
        if record.message:
            changes["message"] = self.redactor.redact(record.message)
        if record.status not in STATUSES:
            changes["status"] = self.redactor.shown(record.status)
        return record.model_copy(update=changes) if changes else record

    def _tell_attempt(self, attempt: Attempt) -> None:
        """Tell an attempt.

        Warns:
            line: A request was answered or given up, and JUSTT_DEBUG is 1.
        """
        if self.debug:
            error_id = self.redactor.error_id(attempt.error_id)
            result = self._messages.response(attempt.error) if attempt.error else attempt.status
            self.debug(
                f"{attempt.method} {attempt.path} {result} {attempt.seconds:.3f}s"
                f"{f' errorId={error_id}' if error_id else ''}"
            )


def _creation(inputs: Inputs) -> Purpose:
    operation = messages.creating(inputs.source, inputs.external_identifier)
    return Purpose(operation, inputs.reference_account_id, "POST")


_clients: dict[Settings, JusttClient] = {}
_limiters: dict[tuple[str, str], RateLimiter] = {}
_clients_lock = threading.Lock()


def shared_client(settings: Settings, tell: Callable[[str], None] = lambda _: None) -> JusttClient:
    """Return the process's client for *settings*: one connection pool for all of its threads.

    The limiter is shared by all that use one key at one URL, whatever else they say: the vendor counts by key.

    Args:
        settings: Where, with which key, how fast and how patiently.
        tell: Shows one line to the user.
    """
    with _clients_lock:
        if settings not in _clients:
            key = (settings.base_url, settings.require_api_key())
            limiter = _limiters.setdefault(key, RateLimiter(settings.requests_per_minute, tell=tell))
            _clients[settings] = JusttClient(settings, limiter=limiter, debug=_debug_line if settings.debug else None)
        return _clients[settings]


def _debug_line(line: str) -> None:
    # Whoever read this may have left, and a line that nobody reads must not keep a response from being taken.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"justt: {line}\n")
