"""Parses the responses of Justt, in every shape that its documentation shows.

    a record    bare, or under `data` in `{status, message, data}`
    a page      an array, or `{status, message, hasMore, data}`
    a creation  `{integrationId}`, or `{status, message, id}`
    an error    `{status, message, errorId}`, `{error, message, errorId}` or `{message, statusCode}`

A success in any other shape raises `InvalidResponse`, whose text has the keys and types of the body but no values. This
module is independent of the HTTP library: it parses bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from pydantic import ValidationError

from pulumi_justt.api.models import STATUSES, RemoteRecord
from pulumi_justt.errors import describe_type
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import is_colored

__all__ = [
    "ErrorBody",
    "InvalidResponse",
    "Page",
    "compressions",
    "created",
    "error_body",
    "http_date",
    "page",
    "parsed",
    "record",
    "retry_after",
]


class InvalidResponse(Exception):
    """The body has no documented shape; the text of the error describes its keys and types."""


_COURTESIES = ("", "ok", "success", "successful")
"""Messages of an envelope that are about the request and not about the integration in it."""

_LONGEST_TEXT = 255
"""The maximum length of an id or a date."""

_LONGEST_WAIT = 86_400.0
"""The longest `Retry-After` that is used, in seconds: every request fails before that, and no clock overflows."""


@dataclass(frozen=True, repr=False)
class ErrorBody(Unpicklable):
    """The body of an error response: Justt's message, and the errorId for Justt's support."""

    message: str = ""
    error_id: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of records, and whether it is the last one."""

    records: tuple[RemoteRecord, ...]
    is_last: bool


def compressions(header: str) -> str:
    """Return the compressions that a `Content-Encoding` header names; empty if the body is not compressed."""
    names = (name.strip() for name in header.split(","))
    return ", ".join(name for name in names if name.lower() not in ("", "identity"))


def parsed(content: bytes, compression: str = "") -> object:
    """Parse *content* as JSON.

    Raises:
        InvalidResponse: A server or a proxy compressed its response.
        InvalidResponse: The body is not JSON.
    """
    if compression:
        raise InvalidResponse(f"a body compressed with {compression}, although the request allows no compression")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidResponse(f"{len(content)} bytes that are not JSON") from None


def record(body: object, integration_id: str) -> RemoteRecord:
    """Parse the record of *integration_id*.

    Args:
        body: The parsed JSON.
        integration_id: The id that the record must have.

    Raises:
        InvalidResponse: The body is not a record, or is the record of another integration.
    """
    bare = body if isinstance(body, Mapping) else {}
    data = bare.get("data")
    read = _record(data if "integrationId" not in bare and isinstance(data, Mapping) else body, body)
    if read.integration_id != integration_id:
        raise InvalidResponse("the record of another integration")
    message = bare.get("message")
    is_informative = isinstance(message, str) and message.strip(" .!").lower() not in _COURTESIES
    return read.model_copy(update={"message": str(message) if is_informative else ""})


def page(body: object, size: int) -> Page:
    """Parse one page of a list that was requested with *size* records a page.

    Raises:
        InvalidResponse: *body* is not a list of records.
    """
    found = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(found, list):
        raise InvalidResponse(describe_type(body))
    has_more = body.get("hasMore") if isinstance(body, Mapping) else None
    return Page(
        tuple(_record(item, body) for item in found),
        # With a bare array, a short page is the only sign of the end.
        is_last=len(found) < size if has_more is None else not has_more,
    )


def created(body: object, source: str) -> RemoteRecord:
    """Parse the response to a create of an integration with *source*, in which only the id is required.

    Raises:
        InvalidResponse: There is no id.
    """
    bare = body if isinstance(body, Mapping) else {}
    data = bare.get("data")
    # Justt's guide shows records under `data`. If a create's response had that shape too and was not parsed, the new
    # integration would be lost.
    for holder in (bare, data if isinstance(data, Mapping) else {}):
        integration_id = _text(holder.get("integrationId")) or _text(holder.get("id"))
        if integration_id:
            status = _text(holder.get("status"))
            return RemoteRecord(
                integration_id=integration_id,
                source=source,
                # In the `{status, message, id}` envelope, `status` is the HTTP status or may be a word for it.
                status=status if status in STATUSES else "PENDING",
                go_live_date=_text(holder.get("goLiveDate")),
            )
    raise InvalidResponse(describe_type(body))


def error_body(content: bytes, compression: str = "") -> ErrorBody:
    """Parse the body of an error response as far as possible; never raises."""
    try:
        body = parsed(content, compression)
    except InvalidResponse as invalid:
        if compression:
            return ErrorBody(str(invalid))
        return ErrorBody("a response that is not JSON, so perhaps from a proxy" if content else "")
    if not isinstance(body, Mapping):
        return ErrorBody(describe_type(body))
    message = body.get("message") or body.get("error")
    if isinstance(message, list) and all(isinstance(item, str) for item in message):
        message = "; ".join(message)
    error_id = body.get("errorId")
    return ErrorBody(
        message if isinstance(message, str) else describe_type(body),
        str(error_id) if isinstance(error_id, (str, int)) and error_id else None,
    )


def is_foreign(content: bytes) -> bool:
    """Return whether an error response is neither JSON nor empty, so that it is probably not from the API."""
    try:
        parsed(content, "")
    except InvalidResponse:
        return bool(content)
    return False


def _record(found: object, body: object) -> RemoteRecord:
    known = {name: value for name, value in found.items() if value is not None} if isinstance(found, Mapping) else {}
    # A message may repeat a credential. Only `record` returns one, and its caller redacts it.
    known.pop("message", None)
    try:
        # The API sends its own camelCase names only.
        return RemoteRecord.model_validate(known, by_alias=True, by_name=False)
    except ValidationError:
        raise InvalidResponse(describe_type(body)) from None


def _text(value: object) -> str | None:
    """Return *value* if it is one line of text that can be stored and shown, else None.

    JSON can contain lone surrogates, which can't be stored. Color markup makes Pulumi abort an update.
    """
    if not isinstance(value, str) or is_colored(value):
        return None
    return value if 0 < len(value) <= _LONGEST_TEXT and value.isprintable() else None


def http_date(value: str | None) -> datetime | None:
    """Parse a date of an HTTP header; return None if it is missing or invalid."""
    try:
        moment = parsedate_to_datetime(value or "")
        # A date without a time zone is UTC, like every date in HTTP. A date outside the range of datetime is invalid.
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def retry_after(value: str | None, now: datetime) -> float | None:
    """Parse the `Retry-After` header, seconds or an HTTP date, into seconds; return None if it is neither.

    Args:
        value: The header.
        now: The time of the response by the server's clock, from which a date is counted.
    """
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    moment = http_date(value)
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT)
