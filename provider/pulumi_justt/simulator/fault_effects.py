"""Implement what each fault does to the request, the records, the response or the connection.

The module `faults` decides when a fault happens. One of three functions implements each kind:

    apply      the faults that do not change the response
    respond    the faults that replace or change the response of the API
    send       the faults that send a response late, in part or not at all
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from aiohttp import web

from .rules import ApiError, NewIntegration, Page, payload_digest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .api import Call
    from .faults import Fault
    from .records import Records
    from .rules import ErrorEnvelope, Json

# The external identifier of the integrations that a fault creates. It distinguishes them from the client's.
FOREIGN_IDENTIFIER = "another-writer"
# The default target of a redirect. A client that follows it gets a 404.
DEFAULT_LOCATION = "/v1/redirected"

_NOT_SENT = frozenset({"drop-before-commit", "drop-after-commit", "hang-before-commit", "hang-after-commit"})
_SENT_BADLY = frozenset({"truncated-body", "slow-body"})
_PROXY_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>proxy</body></html>\n"
_NOT_JSON = b"\x1f\x8b\xff\x00\xfe"
_SLOW_BODY_PARTS = 50


def apply(fault: Fault, call: Call, records: Records) -> str | None:
    """Change the request or the records as the fault says.

    Returns:
        The id of the record that the fault changed or created, or else the id of the request's record. None if there is
        neither.
    """
    match fault.what:
        case "latency":
            call.delay += fault.seconds
        case "envelope":
            call.options = call.options.with_envelope(str(fault.value))
        case "becomes":
            integration_id = fault.id or call.record_id
            records.set_status(integration_id, str(fault.value))
            return integration_id
        case "shift" if fault.value == "move":
            return _move_first_to_end(call, records)
        case "shift":
            return _create_foreign(fault, call, records, as_oldest=not call.newest_first)
        case "foreign-before-commit" | "foreign-after-commit":
            return _create_foreign(fault, call, records)
    return call.record_id


def respond(fault: Fault, call: Call, response: web.Response | None) -> web.Response:
    """Return the API's response after the fault has replaced or changed it.

    Args:
        fault: The fault that decides the response.
        call: The request.
        response: The response of the API, or None if nothing was committed.

    Returns:
        The response to send. Its status is 0 if nothing was committed and nothing is to be sent.
    """
    match fault.what:
        case "status" | "status-after-commit":
            return _error(fault, call)
        case "redirect":
            return web.Response(status=_status(fault), headers={"Location": fault.location or DEFAULT_LOCATION})
        case "login-page":
            return web.Response(text=_PROXY_PAGE.format("Sign in"), content_type="text/html")
    return web.Response(status=0) if response is None else _spoiled(fault, response)


def _spoiled(fault: Fault, response: web.Response) -> web.Response:
    """Return the response to a committed request with the body that the fault gives it."""
    body = _bytes(response)
    content_type = "application/json"
    match fault.what:
        case "empty-body":
            body = b""
        case "not-json" if fault.value == "html":
            body, content_type = _PROXY_PAGE.format("Welcome").encode(), "text/html"
        case "not-json":
            body = _NOT_JSON
        case "no-id":
            body = json.dumps(_without_ids(json.loads(body or b"null"))).encode()
        case "undocumented-shape":
            body = json.dumps({"result": [json.loads(body or b"null")]}).encode()
        case _:
            return response
    return web.Response(status=response.status, body=body, content_type=content_type)


async def send(call: Call, response: web.Response, pause: Callable[[float], Awaitable[None]]) -> web.StreamResponse:
    """Send the response late, in part or not at all if a fault says so. Otherwise return it for aiohttp to send.

    If this closes the connection, aiohttp does not send the returned response, as if the client had disconnected.
    """
    fault, request = call.fault, call.request
    if fault is None:
        return response
    if fault.what in _NOT_SENT:
        # A hang is a drop after some seconds. A drop has 0 seconds.
        await pause(fault.seconds)
        return _closed(request, web.Response())
    if fault.what not in _SENT_BADLY:
        return response
    # Add a body if the response has none, so that it can be truncated or sent slowly.
    body = _bytes(response) or b"{}"
    partial = web.StreamResponse(status=response.status)
    partial.content_type = "application/json"
    partial.content_length = len(body)
    try:
        await partial.prepare(request)
        if fault.what == "truncated-body":
            await partial.write(body[: len(body) // 2])
            return _closed(request, partial)
        size = math.ceil(len(body) / _SLOW_BODY_PARTS)
        starts = range(0, len(body), size)
        for start in starts:
            await pause(fault.seconds / len(starts))
            await partial.write(body[start : start + size])
    except ConnectionError:
        return _closed(request, partial)
    return partial


def _move_first_to_end(call: Call, records: Records) -> str | None:
    first, _ = records.integrations_page(call.account, Page(limit=1, number=1), newest_first=call.newest_first)
    if not first:
        return None
    records.move_integration(first[0].id, as_oldest=call.newest_first)
    return first[0].id


def _create_foreign(fault: Fault, call: Call, records: Records, *, as_oldest: bool = False) -> str:
    source = call.body.get("source")
    foreign = NewIntegration(
        external_identifier=FOREIGN_IDENTIFIER,
        integration_name="Another writer's",
        source=fault.source or (source if isinstance(source, str) else "stripe"),
        secret_type="APIKEY_ONLY",  # noqa: S106 - the name of a type
        payload_digest=payload_digest({}),
        payload_keys=("apiKey",),
        merchant_account_codes=None,
    )
    return records.add_integration(foreign, call.account, as_oldest=as_oldest)


def _error(fault: Fault, call: Call) -> web.Response:
    error = ApiError(HTTPStatus(_status(fault)), "an injected fault")
    is_page = fault.body == "html"
    response = call.error_response(error, None if is_page else cast("ErrorEnvelope | None", fault.body))
    if is_page:
        page = _PROXY_PAGE.format(f"{error.status.value} {error.status.phrase}")
        response = web.Response(status=error.status, text=page, content_type="text/html")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    return response


def _closed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


def _status(fault: Fault) -> int:
    return int(fault.value or 0)


def _bytes(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


def _without_ids(content: Json) -> Json:
    if isinstance(content, list):
        return [_without_ids(item) for item in content]
    if isinstance(content, dict):
        ids = {"integrationId", "id"}
        return {name: _without_ids(value) for name, value in content.items() if name not in ids}
    return content
