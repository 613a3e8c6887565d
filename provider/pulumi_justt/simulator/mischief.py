"""What faults do: to the records behind the client's back, to an answer, and to the connection that carries it.

It must not know when a fault happens: `faults` counts. An answer arrives here as the response that would have been sent
and leaves as the one that is, so that nothing below depends on which operation answered.
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from aiohttp import web

from . import envelopes
from .redaction import payload_digest
from .rules import NewIntegration, Page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .call import Call
    from .envelopes import ErrorEnvelope
    from .faults import Fault
    from .json_value import Json
    from .records import Records

# How the integrations of somebody else are told from those of the client.
FOREIGN_IDENTIFIER = "somebody-else"
# Answered with 404 if the client follows.
DEFAULT_LOCATION = "/v1/redirected"

ERRORS = frozenset({"status", "status-after-commit"})

_NOT_SENT = frozenset({"drop-before-commit", "drop-after-commit", "hang-before-commit", "hang-after-commit"})
_SENT_BADLY = _NOT_SENT | {"truncated-body", "slow-body"}
_PROXY_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>proxy</body></html>\n"
_NO_TEXT = b"\x1f\x8b\xff\x00\xfe"
_DRIPS = 50


def meddle(fault: Fault, records: Records, call: Call) -> str | None:
    """Change the records, and give the id of the one that changed, if there was one."""
    newest_first = call.options.list_order == "newest-first"
    source = call.body.get("source")
    if fault.what == "becomes":
        integration_id = fault.id or call.name
        records.tell_status(integration_id, str(fault.value))
        return integration_id
    if fault.value == "move":
        first, _ = records.integrations_page(call.account, Page(limit=1, number=1), newest_first=newest_first)
        if not first:
            return None
        records.move_integration(first[0].id, as_oldest=newest_first)
        return first[0].id
    foreign = NewIntegration(
        external_identifier=FOREIGN_IDENTIFIER,
        integration_name="Somebody else's",
        source=fault.source or (source if isinstance(source, str) else "stripe"),
        secret_type="APIKEY_ONLY",  # noqa: S106 - the name of a type
        payload_digest=payload_digest({}),
        payload_keys=("apiKey",),
        merchant_account_codes=None,
    )
    return records.add_integration(foreign, call.account, as_oldest=fault.what == "shift" and not newest_first)


def answer(fault: Fault, right: web.Response | None, form: ErrorEnvelope, error_id: str) -> web.Response | None:
    """Give the answer that a fault makes of the right one; None where nothing was done and nothing will be said."""
    if fault.what in ERRORS:
        return _error(fault, fault.body or form, error_id)
    if fault.what == "redirect":
        return web.Response(status=_status(fault), headers={"Location": fault.location or DEFAULT_LOCATION})
    if fault.what == "login-page":
        return web.Response(text=_PROXY_PAGE.format("Sign in"), content_type="text/html")
    if right is None or fault.what in _SENT_BADLY:
        return right
    body = _bytes(right)
    content_type = "application/json"
    if fault.what == "empty-body":
        body = b""
    elif fault.what == "not-json" and fault.value == "html":
        body, content_type = _PROXY_PAGE.format("Welcome").encode(), "text/html"
    elif fault.what == "not-json":
        body = _NO_TEXT
    else:
        content: Json = json.loads(body) if body else None
        body = json.dumps(_without_ids(content) if fault.what == "no-id" else {"result": [content]}).encode()
    return web.Response(status=right.status, body=body, content_type=content_type)


async def send(
    fault: Fault, request: web.Request, response: web.Response, pause: Callable[[float], Awaitable[None]]
) -> web.StreamResponse:
    """Send an answer late, in part or not at all, where that is the fault; otherwise leave it to the caller.

    What is returned after the connection was closed can't be sent any more; aiohttp takes that for a client that left.
    """
    if fault.what in _NOT_SENT:
        # A hang ends like a drop; a drop takes no seconds.
        await pause(fault.seconds)
        return _closed(request, response)
    if fault.what not in _SENT_BADLY:
        return response
    # Where the right answer has no body, there has to be something to cut or to drip.
    body = _bytes(response) or b"{}"
    partial = web.StreamResponse(status=response.status)
    partial.content_type = "application/json"
    partial.content_length = len(body)
    try:
        await partial.prepare(request)
        if fault.what == "truncated-body":
            await partial.write(body[: len(body) // 2])
            return _closed(request, partial)
        size = math.ceil(len(body) / _DRIPS)
        starts = range(0, len(body), size)
        for start in starts:
            await pause(fault.seconds / len(starts))
            await partial.write(body[start : start + size])
    except ConnectionError:
        return _closed(request, partial)
    return partial


def _error(fault: Fault, form: str, error_id: str) -> web.Response:
    status = HTTPStatus(_status(fault))
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if form == "html":
        page = _PROXY_PAGE.format(f"{status.value} {status.phrase}")
        return web.Response(status=status, text=page, content_type="text/html", headers=headers)
    content = envelopes.error(cast("ErrorEnvelope", form), status, "a fault that was asked for", error_id)
    return web.json_response(content, status=status, headers=headers)


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
