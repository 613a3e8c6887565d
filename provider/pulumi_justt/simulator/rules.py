"""Implement Justt's rules for requests, and decide which parts of a request the simulator may keep.

This module uses no aiohttp, no SQLite and no clock. An `ApiError` never repeats a value of the request, because the
value may be a secret in the wrong field.

    401  no bearer key, or a key that is not accepted
    429  more requests with one key than the limit allows in 60 seconds
    413  a body over 1 MB
    400  a body that is not a JSON object; null anywhere in it; a field that is missing or of the wrong type; a value
         outside its list; a `secretPayload` without a field that its type requires; an invalid `limit` or `page`
    404  no such operation or record (`api` decides this, because it has the records)

Justt's documentation leaves these points open. The simulator decides them as follows:
- `deactivationDate` is a date-time string, as in the OpenAPI document. Unix seconds, as in the guide, are refused. A
  date in the past is accepted and makes the integration INACTIVE immediately.
- 1 MB is 1,000,000 bytes, and the Content-Type of a body must be `application/json`.
- `limit` and `page` are whole numbers, although the OpenAPI document says number. Each may occur at most once.
- Required fields of a payload are non-empty strings, and optional fields are strings. Undocumented fields are accepted,
  both in a payload and in a body.
- Two integrations may have the same `externalIdentifier`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# The documented forms of a response. If the OpenAPI document and the guides differ, an option selects the form.
ListEnvelope = Literal["bare", "enveloped"]
ReadEnvelope = Literal["bare", "enveloped"]
CreateEnvelope = Literal["integrationId", "id"]
ErrorEnvelope = Literal["status", "error", "statusCode"]

SOURCES = frozenset({"stripe", "braintree", "paypal", "adyen", "justt_sandbox"})
STATUSES = frozenset({"PENDING", "SUCCESSFUL", "FAILED", "INACTIVE"})
DEACTIVATION_TYPES = frozenset({"postingDate", "dueDate"})
MAX_BODY_BYTES = 1_000_000
_RATE_SECONDS = 60.0

_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
# The fields that are kept unchanged. This lists the safe fields and not the secret ones, so that a credential under a
# misspelled name is not kept either.
_PLAIN_FIELDS = frozenset(
    {
        "externalIdentifier",
        "integrationName",
        "source",
        "secretType",
        "merchantAccountCodes",
        "integrationId",
        "deactivationType",
        "deactivationDate",
    }
)


class ApiError(Exception):
    """A refused request, with the status and message of the response."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def to_json(self, envelope: ErrorEnvelope, error_id: str) -> Json:
        """Return the body of the response. The form with `statusCode` is documented without an errorId."""
        if envelope == "status":
            return {"status": self.status.value, "message": self.message, "errorId": error_id}
        if envelope == "error":
            return {"error": self.status.phrase, "message": self.message, "errorId": error_id}
        return {"message": self.message, "statusCode": self.status.value}


@dataclass(frozen=True)
class PayloadFields:
    """The fields of one type of `secretPayload`: all of *required*, and one of *alternatives* if there are any."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    alternatives: frozenset[str] = frozenset()


PAYLOADS: Mapping[str, PayloadFields] = {
    "APIKEY_ONLY": PayloadFields(frozenset({"apiKey"})),
    "PUBLIC_SECRET_KEY": PayloadFields(frozenset({"secretKey"}), frozenset({"publicKey"})),
    "BASIC_AUTH": PayloadFields(frozenset({"clientId", "clientSecret"})),
    "USERNAME_PASSWORD": PayloadFields(frozenset({"username", "password"})),
    "HMAC": PayloadFields(frozenset({"hmac", "apiKey"}), frozenset({"merchantCode", "accountCode"})),
    "APIKEY": PayloadFields(frozenset({"apiKey"}), frozenset({"storeUrl", "shopName"})),
    "sftp": PayloadFields(
        frozenset({"username"}), frozenset({"passphrase"}), alternatives=frozenset({"password", "privateKey"})
    ),
}


@dataclass(frozen=True)
class NewIntegration:
    """A valid body of `POST /integrations`, with a digest and the keys of its payload instead of the values."""

    external_identifier: str
    integration_name: str
    source: str
    secret_type: str
    payload_digest: str
    payload_keys: tuple[str, ...]
    merchant_account_codes: tuple[str, ...] | None


@dataclass(frozen=True)
class Deactivation:
    """A valid body of `DELETE /integrations/{id}`: the date as it was sent, and as Unix seconds."""

    type: str
    date: str
    moment: float


@dataclass(frozen=True)
class Page:
    """The page of a list that a request selects."""

    limit: int
    number: int

    @property
    def offset(self) -> int:
        """The number of records before this page, limited to a size that SQLite accepts."""
        return min((self.number - 1) * self.limit, 2**62)


class RateLimiter:
    """Counts the requests of the last 60 seconds for each API key."""

    def __init__(self) -> None:
        self._admitted: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit(self, key: str, limit: int, now: float) -> None:
        """Count a request, or refuse it with 429. A refused request does not count."""
        admitted = self._admitted[key]
        while admitted and admitted[0] <= now - _RATE_SECONDS:
            admitted.popleft()
        if len(admitted) >= limit:
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
        admitted.append(now)


def authenticated(authorization: str | None, api_keys: frozenset[str] | None) -> str:
    """Return the API key of an `Authorization` header, or refuse the request with 401."""
    scheme, _, key = (authorization or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "an API key is required: Authorization: Bearer <api key>")
    if api_keys is not None and key not in api_keys:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "the API key is not valid")
    return key


def json_object(raw: bytes, content_type: str) -> dict[str, Json]:
    """Decode a body. The functions below validate its fields."""
    if content_type != "application/json":
        _refuse("Content-Type must be application/json")
    try:
        body: Json = json.loads(raw.decode(), parse_constant=_refuse_constant)
        # `loads` accepts lone surrogates and very deep nesting, which could not be written later.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        _refuse("the body must be JSON")
    if not isinstance(body, dict):
        _refuse("the body must be a JSON object")
    return body


def new_integration(
    body: Mapping[str, Json], *, extra_sources: frozenset[str], extra_secret_types: frozenset[str]
) -> NewIntegration:
    """Validate the body of `POST /integrations`."""
    _refuse_nulls(body)
    external_identifier = _text(body, "externalIdentifier")
    if not 1 <= len(external_identifier) <= 255:  # noqa: PLR2004 - the documented length, needed here only
        _refuse("externalIdentifier must have 1 to 255 characters")
    secret_type = _one_of(body, "secretType", PAYLOADS.keys() | extra_secret_types)
    payload = _secret_payload(body, None if secret_type in extra_secret_types else PAYLOADS[secret_type])
    return NewIntegration(
        external_identifier=external_identifier,
        integration_name=_text(body, "integrationName"),
        source=_one_of(body, "source", SOURCES | extra_sources),
        secret_type=secret_type,
        payload_digest=payload_digest(payload),
        payload_keys=tuple(sorted(payload)),
        merchant_account_codes=_texts(body, "merchantAccountCodes") if "merchantAccountCodes" in body else None,
    )


def deactivation(body: Mapping[str, Json], integration_id: str) -> Deactivation:
    """Validate the body of `DELETE /integrations/{id}`, which must repeat the id of the path."""
    _refuse_nulls(body)
    date = _text(body, "deactivationDate")
    found = Deactivation(
        type=_one_of(body, "deactivationType", DEACTIVATION_TYPES),
        date=date,
        moment=date_time(date, "deactivationDate"),
    )
    if _text(body, "integrationId") != integration_id:
        _refuse("integrationId must be the id in the path")
    return found


def date_time(text: str, name: str) -> float:
    """Return the Unix seconds of an RFC 3339 date-time, the format that OpenAPI calls `date-time`."""
    parts = _DATE_TIME.fullmatch(text)
    if parts is None:
        _refuse(f"{name} must be a date-time such as 2027-01-31T00:00:00Z")
    day, time, fraction, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        _refuse(f"{name} must be a date that exists")
    return moment.timestamp() + float(f"0.{fraction or 0}")


def page(query: Iterable[tuple[str, str]]) -> Page:
    """Validate `limit` and `page`. Other parameters are ignored."""
    pairs = list(query)
    return Page(
        limit=_whole_number(pairs, "limit", default=10, least=10, most=100),
        number=_whole_number(pairs, "page", default=1, least=1, most=None),
    )


def payload_digest(payload: Mapping[str, object]) -> str:
    """Return a digest of a `secretPayload` that does not depend on the order of its fields.

    With it, a test in this or another process can prove which payload arrived. The digest has no secret key, so a short
    password could be guessed from it. Use only made-up credentials.
    """
    return _digest(payload)


def key_fingerprint(api_key: str) -> str:
    """Return a short digest that distinguishes API keys without showing them."""
    return _digest(api_key)[:12]


def redacted(body: Mapping[str, Json]) -> dict[str, Json]:
    """Replace the value of each field that may be secret with its digest."""
    return {name: value if name in _PLAIN_FIELDS else _digest(value) for name, value in body.items()}


def _refuse(message: str) -> NoReturn:
    raise ApiError(HTTPStatus.BAD_REQUEST, message)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _refuse_nulls(body: Mapping[str, Json]) -> None:
    # Not recursive, because a body may be nested deeper than Python's recursion limit.
    waiting: list[Json] = list(body.values())
    while waiting:
        value = waiting.pop()
        if value is None:
            _refuse("null is not accepted: leave the field out")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _secret_payload(body: Mapping[str, Json], fields: PayloadFields | None) -> dict[str, Json]:
    payload = _required(body, "secretPayload")
    if not isinstance(payload, dict):
        _refuse("secretPayload must be an object")
    if fields is None:
        return payload
    for name in sorted(fields.required):
        if not _text(payload, name, within="secretPayload."):
            _refuse(f"secretPayload.{name} must not be empty")
    for name in sorted((fields.optional | fields.alternatives) & payload.keys()):
        _text(payload, name, within="secretPayload.")
    if fields.alternatives and not any(payload.get(name) for name in fields.alternatives):
        _refuse(f"secretPayload needs one of {', '.join(sorted(fields.alternatives))}")
    return payload


def _required(body: Mapping[str, Json], name: str, within: str = "") -> Json:
    if name not in body:
        _refuse(f"{within}{name} is required")
    return body[name]


def _text(body: Mapping[str, Json], name: str, within: str = "") -> str:
    value = _required(body, name, within)
    if not isinstance(value, str):
        _refuse(f"{within}{name} must be a string")
    return value


def _texts(body: Mapping[str, Json], name: str) -> tuple[str, ...]:
    values = body[name]
    if not isinstance(values, list):
        _refuse(f"{name} must be an array of strings")
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        _refuse(f"{name} must be an array of strings")
    return texts


def _one_of(body: Mapping[str, Json], name: str, choices: Iterable[str]) -> str:
    value = _text(body, name)
    allowed = sorted(choices)
    if value not in allowed:
        _refuse(f"{name} must be one of {', '.join(allowed)}")
    return value


def _whole_number(query: list[tuple[str, str]], name: str, *, default: int, least: int, most: int | None) -> int:
    given = [value for key, value in query if key == name]
    if not given:
        return default
    value = float(given[0]) if len(given) == 1 and _NUMBER.fullmatch(given[0]) else math.nan
    if not value.is_integer() or value < least or (most is not None and value > most):
        _refuse(f"{name} must be a whole number, {least} or more{'' if most is None else f', {most} or less'}")
    return int(value)


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(canonical, digest_size=32, person=b"justt-simulator").hexdigest()
