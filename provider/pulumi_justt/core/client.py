"""The client that the lifecycles use: it adds configuration, error texts and redaction to `api.client`.

The caller names the operation of each request, and this client raises each error with a text for the user. It refuses a
record that repeats a credential in a field that the state stores as plain text. An error shows a message from Justt or
a proxy only if the redactor allows it.
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
from pulumi_justt.log import SILENT, Log
from pulumi_justt.redaction import Redactor, shared_redactor
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["JusttClient", "shared_client"]

_Result = TypeVar("_Result")


class JusttClient(Unpicklable):
    """Sends the requests of one configuration; safe to share between threads.

    Args:
        settings: The configuration: address, API key, rate and timeout.
        redactor: Withholds a text from Justt or a proxy that may repeat a credential; by default that of the process.
        debug: Called with one line for each attempt, without body or headers.
        observe: Called after each attempt.
        options: Other arguments of `api.client.Client`.

    Raises:
        InvalidSettings: There is no API key, or the network settings of this machine cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        redactor: Redactor | None = None,
        debug: Callable[[str], None] | None = None,
        observe: Callable[[Attempt], None] | None = None,
        **options: Any,  # noqa: ANN401 - they are typed where they are used
    ) -> None:
        self.settings = settings
        self.redactor = redactor or shared_redactor()
        self.debug = debug
        self._observe = observe
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
                observe=self._log_attempt,
                **options,
            )
        except InvalidNetworkSettings as error:
            explained = self._messages.network_settings(error)
            raise explained from None
        self.clock, self.sleep = self._api.clock, self._api.sleep
        self._reader = BatchReader(self._api)

    @property
    def clock_ahead(self) -> float:
        """Seconds by which this machine's clock is ahead of Justt's, according to the last response."""
        return self._api.clock_ahead

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def create_integration(self, inputs: Inputs, *, call: Call = UNLIMITED) -> RemoteRecord:
        """Create an integration; never repeat a POST that Justt may have carried out.

        Args:
            inputs: The inputs to send.
            call: The engine's call; the client checks before each attempt whether it is cancelled.

        Returns:
            The new record; its status is PENDING unless the response has another status.

        Raises:
            CancelledError: The engine cancelled the call before the request was sent.
            CreateOutcomeUnknown: Justt may have created the integration.
            RequestError: The integration was not created.
            JusttError: The inputs cannot be sent.
        """
        self._add_secrets(inputs)

        def request() -> RemoteRecord:
            return self._clean(self._api.create_integration(inputs, call=call), is_new=True)

        return self._explained(_creation(inputs), request)

    def require_sendable(self, inputs: Inputs) -> None:
        """Verify that `create_integration` can send *inputs*, without a request.

        Raises:
            JusttError: The request is too large, or cannot be encoded.
        """
        self._add_secrets(inputs)
        self._explained(_creation(inputs), lambda: self._api.require_sendable(inputs))

    def digest(self, inputs: Inputs) -> str:
        """Return a keyed hash of the body of a create.

        The hash is keyed with the API key, so the digest alone is not enough to guess the credentials.

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
        """Read one record with a request of its own.

        Args:
            integration_id: The id at Justt.
            operation: What the provider is doing, for error texts.
            account: The account that the integration belongs to.
            call: The engine's call, with its deadline.

        Raises:
            RequestRefused: With status 404 if the API key, in this account, sees no integration with this id.
            RequestError: The record could not be read.
        """
        self.redactor.note_plain(integration_id)
        return self._explained(
            Purpose(operation, account, "GET", is_of_one_id=True),
            lambda: self._clean(self._api.get_integration(integration_id, account=account, call=call)),
        )

    def read_integration(  # noqa: PLR0913 - the arguments of get_integration, and those of the page cache
        self,
        integration_id: str,
        *,
        operation: str,
        account: str | None,
        max_age: float = FRESH_SECONDS,
        call: Call = UNLIMITED,
        cache: PageCache | None = None,
    ) -> RemoteRecord:
        """Read one record with a request of its own, or from pages of the account's list that several reads share.

        Args:
            integration_id: The id at Justt.
            operation: What the provider is doing, for error texts.
            account: The account that the integration belongs to.
            max_age: How old the returned record may be, in seconds.
            call: The engine's call, with its deadline.
            cache: The value of the enclosing `waiting` block, if any; the caller is then counted as waiting only once.

        Raises:
            RequestRefused: With status 404 if the API key, in this account, sees no integration with this id.
            RequestError: The record could not be read.
        """
        self.redactor.note_plain(integration_id)
        return self._explained(
            Purpose(operation, account, "GET", is_of_one_id=True),
            lambda: self._clean(
                self._reader.get(integration_id, account=account, max_age=max_age, call=call, cache=cache)
            ),
        )

    def waiting(self, account: str | None) -> contextlib.AbstractContextManager[PageCache]:
        """Count the caller as waiting for records of an account, while the `with` block runs."""
        return self._reader.waiting(account)

    def list_integrations(self, page: int, *, operation: str, account: str | None) -> Page:
        """Read one page of the account's records; the other arguments are as in `get_integration`.

        Raises:
            RequestError: The page could not be read.
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
        """Deactivate an integration at a date; the other arguments are as in `get_integration`.

        Raises:
            RequestRefused: Justt refused it; `after_unanswered` is true if an earlier attempt may have succeeded.
            UnexpectedResponse: The body of a 2xx is neither empty nor JSON, so it may not come from Justt.
            RequestError: There was no usable response.
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
        """Return the result of *request*, or raise its error in the form for the user."""
        try:
            return request()
        except ApiError as error:
            explained = self._messages.explained(error, purpose)
        # Raised outside the `except` block, so that Python does not chain the API's error.
        raise explained

    def _add_secrets(self, inputs: Inputs) -> None:
        """Pass the credentials that will be sent to the redactor."""
        payload = inputs.reveal_payload()
        self.redactor.add_secrets(
            secret_values(inputs.secret_type, payload, inputs.source, allow_unlisted=inputs.allow_unlisted)
        )
        self.redactor.note_plain(inputs.source)

    def _clean(self, record: RemoteRecord, *, is_new: bool = False) -> RemoteRecord:
        """Return *record* in the form that may be stored and shown as plain text.

        Raises:
            OutcomeUnknown: The record of a create repeats a credential.
            InvalidResponseError: Another record repeats a credential.
        """
        try:
            self._require_clean((record,), status=201 if is_new else 200)
        except InvalidResponseError as error:
            if is_new:
                raise OutcomeUnknown(error) from None
            raise
        return self._shown(record)

    def _require_clean(self, records: Iterable[RemoteRecord], *, status: int = 200) -> None:
        """Verify that no field that is stored as plain text repeats a credential that the process knows.

        Other texts are accepted even if they look like a credential, because an id may look like one.
        """
        if not self.redactor.is_clean_record([text for record in records for text in record.free_texts()]):
            raise InvalidResponseError(status, "a record that repeats a credential")

    def _shown(self, record: RemoteRecord) -> RemoteRecord:
        """Return *record* with its message and any undocumented status redacted.

        Every status is shown and stored, so an undocumented one must be redacted. No decision depends on its value.
        """
        changes = {}
        if record.message:
            changes["message"] = self.redactor.redact(record.message)
        if record.status not in STATUSES:
            changes["status"] = self.redactor.shown(record.status)
        return record.model_copy(update=changes) if changes else record

    def _log_attempt(self, attempt: Attempt) -> None:
        """Log an attempt.

        Warns:
            line: An attempt has ended, and JUSTT_DEBUG is 1.
        """
        if self._observe:
            self._observe(attempt)
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


def _debug_line(line: str) -> None:
    # If the reader of stderr is gone, the line is lost, but the response to the request must not be.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"justt: {line}\n")


def shared_client(settings: Settings, log: Log = SILENT, debug: Callable[[str], None] = _debug_line) -> JusttClient:
    """Return the process's client for *settings*, whose connection pool all threads share.

    Clients with the same key and URL share one rate limiter even if other settings differ, because Justt counts
    requests by key. Its limit is that of the first client.

    Args:
        settings: The configuration: address, API key, rate and timeout.
        log: Shows warnings and notes to the user.
        debug: Shows a line for each request, if JUSTT_DEBUG is 1.
    """
    with _clients_lock:
        if settings not in _clients:
            key = (settings.base_url, settings.require_api_key())
            limiter = _limiters.setdefault(key, RateLimiter(settings.requests_per_minute, log=log))
            _clients[settings] = JusttClient(settings, limiter=limiter, debug=debug if settings.debug else None)
        return _clients[settings]
