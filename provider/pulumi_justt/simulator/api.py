"""The operations of the API: what each does to the records, and the response that it gives.

An operation validates a `Call` and returns its commit: a function that does the work and returns the response. It knows
nothing of faults, sockets or the control endpoint. The operations on merchants are not served, because the provider
never calls them.

The vendor's documents leave these points open, and the simulator decides them so:
- A record of another account, or of none, is not found.
- To deactivate an INACTIVE integration is refused with 400; a deactivation whose date has not come can be moved.
- The response to a deactivation has no body, because the OpenAPI document describes none.
- An operation that is not documented is 404, also where its path has others: 405 is not among the vendor's statuses.
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
    """One request to the API, and what the steps of the pipeline found out about it.

    Attributes:
        request: as aiohttp received it.
        operation: what it calls.
        route: the path of the operation in the OpenAPI document; None where no operation is documented.
        account: the `reference-account-id` header.
        record_id: the id in the path, or of the record that was created; empty where there is none.
        options: those in force when the request arrived; a fault may replace them for this request.
        plan: the faults in force when the request arrived.
        delay: the seconds that pass before anything is checked.
        body: the JSON object that was sent; empty where the operation takes none.
        commit: does the work, once the request is found valid.
        fault_events: the faults that happened to this request, in that order.
        fault: the fault that decides the response, if there is one.
        error_id: of an error response.
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
        """Whether lists begin with the newest record."""
        return self.options.list_order == "newest-first"

    def error_response(self, error: ApiError, envelope: ErrorEnvelope | None = None) -> web.Response:
        """Return the response to a refused request, with an errorId of its own."""
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
    """Refuse each method and path without an operation."""
    raise ApiError(HTTPStatus.NOT_FOUND, "no such operation")


# In the order in which they are matched. A route is a path of the OpenAPI document; its parameter matches any name.
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
