"""Implement the operations of the API: what each does to the records, and its response.

An operation validates a `Call` and returns a commit: a function that does the work and returns the response. This
module handles no faults, sockets or control endpoint. It does not serve the operations on merchants, because the
provider never calls them.

Justt's documentation leaves these points open. The simulator decides them as follows:
- A record of another account, or of no account, is not found.
- A request to deactivate an INACTIVE integration gets a 400. The date of a future deactivation can be changed.
- The response to a deactivation has no body, because the OpenAPI document describes none.
- An undocumented operation gets a 404, even on a path with other operations, because Justt documents no 405.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web

from . import rules
from .rules import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .faults import Fault, FaultEvent, FaultPlan
    from .options import Options
    from .records import Integration, Records
    from .rules import ErrorEnvelope, Json

Commit: TypeAlias = "Callable[[], web.Response]"
Operation: TypeAlias = "Callable[[Records, Call], Commit]"


@dataclass
class Call:
    """One request to the API, and the facts that the steps of the pipeline add to it.

    Attributes:
        request: The request, as aiohttp received it.
        operation: The operation that the request calls.
        route: The path of the operation in the OpenAPI document, or None if the operation is not documented.
        account: The value of the `reference-account-id` header.
        record_id: The id in the path, or the id of the created record. Empty if there is neither.
        options: The options in force when the request arrived. A fault may replace them for this request.
        plan: The faults in force when the request arrived.
        delay: The seconds to wait before the request is validated.
        body: The JSON object that was sent. Empty if the operation takes no body.
        commit: The function that does the work of a valid request.
        fault_events: The faults that happened to this request, in order.
        fault: The fault that decides the response, if there is one.
        error_id: The errorId of an error response.
    """

    request: web.Request
    operation: Operation
    route: str | None
    account: str | None
    record_id: str
    options: Options
    plan: FaultPlan
    delay: float
    body: Mapping[str, Json] = field(default_factory=dict)
    commit: Commit = field(init=False)
    fault_events: list[FaultEvent] = field(default_factory=list)
    fault: Fault | None = None
    error_id: str | None = None

    @property
    def newest_first(self) -> bool:
        """Whether lists start with the newest record."""
        return self.options.list_order == "newest-first"

    def error_response(self, error: ApiError, envelope: ErrorEnvelope | None = None) -> web.Response:
        """Return the response to a refused request, with a new errorId."""
        self.error_id = f"sim-{secrets.token_hex(8)}"
        content = error.to_json(envelope or self.options.error_envelope, self.error_id)
        return web.json_response(content, status=error.status)


def create_integration(records: Records, call: Call) -> Commit:
    """POST /integrations."""
    options = call.options
    new = rules.new_integration(
        call.body, extra_sources=options.extra_sources, extra_secret_types=options.extra_secret_types
    )

    def commit() -> web.Response:
        call.record_id = records.add_integration(new, call.account)
        if options.create_envelope == "integrationId":
            content: Json = {"integrationId": call.record_id}
        else:
            content = {**_success(HTTPStatus.CREATED), "id": call.record_id}
        return web.json_response(content, status=HTTPStatus.CREATED)

    return commit


def list_integrations(records: Records, call: Call) -> Commit:
    """GET /integrations."""
    page = rules.page(tuple(call.request.query.items()))

    def commit() -> web.Response:
        found, has_more = records.integrations_page(call.account, page, newest_first=call.newest_first)
        items: Json = [_shown(integration) for integration in found]
        if call.options.list_envelope == "bare":
            return web.json_response(items)
        return web.json_response({**_success(HTTPStatus.OK), "hasMore": has_more, "data": items})

    return commit


def read_integration(records: Records, call: Call) -> Commit:
    """GET /integrations/{id}."""

    def commit() -> web.Response:
        item = _shown(_integration(records, call))
        if call.options.read_envelope == "bare":
            return web.json_response(item)
        success = _success(HTTPStatus.OK)
        message = call.options.read_message or success["message"]
        return web.json_response({**success, "message": message, "data": item})

    return commit


def deactivate_integration(records: Records, call: Call) -> Commit:
    """DELETE /integrations/{id}."""
    deactivation = rules.deactivation(call.body, call.record_id)

    def commit() -> web.Response:
        if _integration(records, call).status == "INACTIVE":
            raise ApiError(HTTPStatus.BAD_REQUEST, "the integration is INACTIVE already")
        records.deactivate_integration(call.record_id, deactivation)
        return web.Response()

    return commit


def undocumented(_records: Records, _call: Call) -> Commit:
    """Refuse a method and path without an operation."""
    raise ApiError(HTTPStatus.NOT_FOUND, "no such operation")


# The operations, in matching order. A route is a path in the OpenAPI document. Its `{id}` matches any path segment.
OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/integrations", create_integration),
    ("GET", "/integrations", list_integrations),
    ("GET", "/integrations/{id}", read_integration),
    ("DELETE", "/integrations/{id}", deactivate_integration),
)
WITH_BODY = frozenset({create_integration, deactivate_integration})


def _integration(records: Records, call: Call) -> Integration:
    integration = records.integration(call.record_id)
    if integration is None or integration.account != call.account:
        raise ApiError(HTTPStatus.NOT_FOUND, "no such integration")
    return integration


def _shown(integration: Integration) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "integrationId": integration.id,
        "source": integration.source,
        "status": integration.status,
    }
    if integration.go_live_date is not None:
        shown["goLiveDate"] = integration.go_live_date
    return shown


def _success(status: HTTPStatus) -> dict[str, Json]:
    return {"status": status.value, "message": status.phrase}
