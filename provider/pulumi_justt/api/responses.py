"""Reading what the vendor sends, in every shape that its documents show.

    a record    bare, or under `data` in `{status, message, data}`
    a page      an array, or `{status, message, hasMore, data}`
    a creation  `{integrationId}`, or `{status, message, id}`
    an error    `{status, message, errorId}`, `{error, message, errorId}` or `{message, statusCode}`

A success in any other shape is `Unreadable`, described by its keys and types and never by its values. This module knows
no HTTP library: it reads bytes.
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
    """A success did not hold what it should; the text is its shape."""


_COURTESIES = ("", "ok", "success", "successful")
"""What an envelope says of the request, and not of the integration in it."""

_LONGEST_TEXT = 255
"""What is longer is no id, and no date."""

_LONGEST_WAIT = 86_400.0
"""Whoever asks for more than a day is as good as away; no clock overflows below it."""


@dataclass(frozen=True, repr=False)
class ErrorBody(Unpicklable):
    """What a refusal says of itself: the vendor's words, and the errorId that its support asks for."""

    message: str = ""
    error_id: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of records, and whether no other follows."""

    records: tuple[RemoteRecord, ...]
    is_last: bool


def compressions(header: str) -> str:
    """Return the compressions that a `Content-Encoding` header names; nothing where the body is as it is."""
    names = (name.strip() for name in header.split(","))
    return ", ".join(name for name in names if name.lower() not in ("", "identity"))


def parsed(content: bytes, compression: str = "") -> object:
    """Read *content* as JSON.

    Raises:
        Unreadable: It is no JSON.
        Unreadable: A server or a proxy compressed its answer.
    """
    if compression:
        raise InvalidResponse(f"a body compressed with {compression}, although the request allows no compression")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidResponse(f"{len(content)} bytes that are not JSON") from None


def record(answer: object, integration_id: str) -> RemoteRecord:
    """Read the record of *integration_id*.

    Args:
        answer: What came.
        integration_id: Whose record it must be.

    Raises:
        Unreadable: The answer is no record, or another one's.
    """
    bare = answer if isinstance(answer, Mapping) else {}
    data = bare.get("data")
    read = _record(data if "integrationId" not in bare and isinstance(data, Mapping) else answer, answer)
    if read.integration_id != integration_id:
        raise InvalidResponse("the record of another integration")
    message = bare.get("message")
    is_telling = isinstance(message, str) and message.strip(" .!").lower() not in _COURTESIES
    return read.model_copy(update={"message": str(message) if is_telling else ""})


def page(answer: object, size: int) -> Page:
    """Read one page of a list that was asked for *size* records a page.

    Raises:
        Unreadable: *answer* is no list of records.
    """
    found = answer.get("data") if isinstance(answer, Mapping) else answer
    if not isinstance(found, list):
        raise InvalidResponse(describe_type(answer))
    has_more = answer.get("hasMore") if isinstance(answer, Mapping) else None
    return Page(
        tuple(_record(item, answer) for item in found),
        # With a bare array, a short page is the only sign of the end.
        is_last=len(found) < size if has_more is None else not has_more,
    )


def created(answer: object, source: str) -> RemoteRecord:
    """Read the record of the integration of *source* that was just created; only its id has to be there.

    Raises:
        Unreadable: There is no id.
    """
    bare = answer if isinstance(answer, Mapping) else {}
    data = bare.get("data")
    # The guide wraps reads in `data`; a creation that came wrapped too would be an orphan if it were not read.
    for holder in (bare, data if isinstance(data, Mapping) else {}):
        integration_id = _text(holder.get("integrationId")) or _text(holder.get("id"))
        if integration_id:
            status = _text(holder.get("status"))
            return RemoteRecord(
                integration_id=integration_id,
                source=source,
                # In the `{status, message, id}` envelope the status is the HTTP status, or may be a word like it.
                status=status if status in STATUSES else "PENDING",
                go_live_date=_text(holder.get("goLiveDate")),
            )
    raise InvalidResponse(describe_type(answer))


def error_body(content: bytes, compression: str = "") -> ErrorBody:
    """Read what a refusal says, as far as it says anything; never raises."""
    try:
        body = parsed(content, compression)
    except InvalidResponse as unreadable:
        if compression:
            return ErrorBody(str(unreadable))
        return ErrorBody("an answer that is not JSON, so perhaps a proxy's" if content else "")
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
    """Tell whether a refusal is a page or a text, as a proxy or another server has it: the API's are JSON, or empty."""
    try:
        parsed(content, "")
    except InvalidResponse:
        return bool(content)
    return False


def _record(found: object, answer: object) -> RemoteRecord:
    known = {name: value for name, value in found.items() if value is not None} if isinstance(found, Mapping) else {}
    # Words may repeat a credential, and are taken only where they can be redacted.
    known.pop("message", None)
    try:
        # Only the API's own names count in what the API sends.
        return RemoteRecord.model_validate(known, by_alias=True, by_name=False)
    except ValidationError:
        raise InvalidResponse(describe_type(answer)) from None


def _text(value: object) -> str | None:
    """Return *value* if it is one line of text that can be stored and shown.

    JSON can carry lone surrogates, which can't be stored, and Pulumi breaks off an update that shows markup.
    """
    if not isinstance(value, str) or is_colored(value):
        return None
    return value if 0 < len(value) <= _LONGEST_TEXT and value.isprintable() else None


def http_date(value: str | None) -> datetime | None:
    """Read a date of an HTTP header; None where there is none."""
    try:
        moment = parsedate_to_datetime(value or "")
        # A date without a zone is UTC, like every date of HTTP; what no clock can show is no date.
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read the `Retry-After` header, seconds or an HTTP date, as seconds; None where it is neither.

    Args:
        value: The header.
        now: The moment of the answer by the clock of the server that sent it: a date is measured against that.
    """
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    moment = http_date(value)
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT)
