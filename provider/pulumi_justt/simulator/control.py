"""Implement the control endpoint, where people and tests in other processes read and change the simulator.

It requires no key, because only this machine can reach it. It shows API keys and payloads only as digests. The
response to a refused request is `{"message": ...}`. This module does not depend on how the API responds.

    GET     /integrations        all records of all accounts, oldest first
    PATCH   /integrations/{id}   {"status": ..., "goLiveDate": date-time or null}, both optional
    DELETE  /integrations        remove all records
    GET     /keys                {"fingerprints": [...], or null if every key is accepted}
    PUT     /keys                {"apiKeys": [...] or null}
    GET     /requests            {"count": ..., "requests": [...]}
    DELETE  /requests            clear the recorded requests
    GET     /options             all options, under the names in `Options`
    PATCH   /options             some options
    GET     /faults              {"faults": [{"fault", "matched", "fired"}, ...] in force, "fired": [...] so far}
    POST    /faults              {"faults": ["METHOD ROUTE FAULT ...", ...]}: add these after the others
    DELETE  /faults              remove all faults
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from . import rules
from .faults import Fault
from .records import log
from .rules import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from .faults import FaultEvent, FaultProgress
    from .pipeline import Simulator
    from .records import Exchange, Integration
    from .rules import Json

BASE_PATH = "/_simulator"

_Operation: TypeAlias = "Callable[[web.Request], Awaitable[Json]]"


class Control:
    """The control endpoint of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def add_routes(self, app: web.Application) -> None:
        """Add a route below `BASE_PATH` for each operation."""
        for method, path, operation in (
            ("GET", "/integrations", self.list_integrations),
            ("PATCH", "/integrations/{id}", self.change_integration),
            ("DELETE", "/integrations", self.wipe_integrations),
            ("GET", "/keys", self.read_keys),
            ("PUT", "/keys", self.replace_keys),
            ("GET", "/requests", self.list_requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/options", self.read_options),
            ("PATCH", "/options", self.change_options),
            ("GET", "/faults", self.list_faults),
            ("POST", "/faults", self.add_faults),
            ("DELETE", "/faults", self.clear_faults),
        ):
            app.router.add_route(method, BASE_PATH + path, _handler(operation))

    async def list_integrations(self, _request: web.Request) -> Json:
        """Return all records."""
        return [_integration(integration) for integration in self._simulator.records.integrations()]

    async def change_integration(self, request: web.Request) -> Json:
        """Set the status of a record, its go-live date, or both."""
        integration_id = request.match_info["id"]
        changes = await _json_object(request)
        if not changes.keys() <= {"status", "goLiveDate"}:
            raise ApiError(HTTPStatus.BAD_REQUEST, "only status and goLiveDate can be changed")
        status = changes.get("status", "")
        go_live_date = changes.get("goLiveDate")
        if not isinstance(status, str) or ("status" in changes and status not in rules.STATUSES):
            raise ApiError(HTTPStatus.BAD_REQUEST, f"status must be one of {', '.join(sorted(rules.STATUSES))}")
        if go_live_date is not None:
            if not isinstance(go_live_date, str):
                raise ApiError(HTTPStatus.BAD_REQUEST, "goLiveDate must be a date-time or null")
            rules.date_time(go_live_date, "goLiveDate")
        records = self._simulator.records
        if "status" in changes:
            records.set_status(integration_id, status)
        if "goLiveDate" in changes:
            records.set_go_live_date(integration_id, go_live_date)
        integration = records.integration(integration_id)
        if integration is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "no such integration")
        return _integration(integration)

    async def wipe_integrations(self, _request: web.Request) -> Json:
        """Remove all records."""
        self._simulator.records.wipe_integrations()
        return []

    async def read_keys(self, _request: web.Request) -> Json:
        """Return the fingerprints of the accepted keys."""
        api_keys = self._simulator.options.api_keys
        if api_keys is None:
            return {"fingerprints": None}
        return {"fingerprints": [*sorted(rules.key_fingerprint(key) for key in api_keys)]}

    async def replace_keys(self, request: web.Request) -> Json:
        """Replace the accepted keys, as a rotation does."""
        body = await _json_object(request)
        given = body.get("apiKeys")
        if body.keys() != {"apiKeys"} or not (given is None or isinstance(given, list)):
            raise ApiError(HTTPStatus.BAD_REQUEST, "apiKeys must be an array of strings, or null")
        texts = None if given is None else frozenset(key for key in given if isinstance(key, str) and key)
        if texts is not None and given is not None and len(texts) != len(given):
            raise ApiError(HTTPStatus.BAD_REQUEST, "apiKeys must be different, non-empty strings")
        self._simulator.options = replace(self._simulator.options, api_keys=texts)
        return await self.read_keys(request)

    async def list_requests(self, _request: web.Request) -> Json:
        """Return the requests to the API, oldest first."""
        journal = self._simulator.journal
        return {"count": journal.count, "requests": [_exchange(exchange) for exchange in journal.exchanges()]}

    async def clear_requests(self, request: web.Request) -> Json:
        """Clear the recorded requests."""
        self._simulator.journal.clear()
        return await self.list_requests(request)

    async def read_options(self, _request: web.Request) -> Json:
        """Return the options."""
        return self._simulator.options.to_json()

    async def change_options(self, request: web.Request) -> Json:
        """Change some options for later requests."""
        changes = await _json_object(request)
        try:
            self._simulator.options = self._simulator.options.changed(changes)
        except ValueError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        return await self.read_options(request)

    async def list_faults(self, _request: web.Request) -> Json:
        """Return the faults in force with their counts, and the faults that happened."""
        return {
            "faults": [_progress(progress) for progress in self._simulator.plan.progress()],
            "fired": [_event(event) for event in self._simulator.journal.fired()],
        }

    async def add_faults(self, request: web.Request) -> Json:
        """Add faults after the others. If one is invalid, none is added."""
        body = await _json_object(request)
        given = body.get("faults")
        if body.keys() != {"faults"} or not isinstance(given, list):
            raise ApiError(HTTPStatus.BAD_REQUEST, "faults must be an array of strings")
        try:
            faults = [Fault.parse(text) for text in given if isinstance(text, str)]
        except ValueError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        if len(faults) != len(given):
            raise ApiError(HTTPStatus.BAD_REQUEST, "faults must be an array of strings")
        for fault in faults:
            self._simulator.add_fault(fault)
        return await self.list_faults(request)

    async def clear_faults(self, request: web.Request) -> Json:
        """Remove all faults. The faults that already happened are still listed."""
        self._simulator.restart_faults(())
        return await self.list_faults(request)


def _handler(operation: _Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            status, content = HTTPStatus.OK, await operation(request)
        except ApiError as error:
            status, content = error.status, {"message": error.message}
        log(request.method, request.rel_url.raw_path, status.value)
        return web.json_response(content, status=status)

    return handle


async def _json_object(request: web.Request) -> dict[str, Json]:
    return rules.json_object(await request.read(), request.content_type)


def _integration(integration: Integration) -> Json:
    codes = integration.merchant_account_codes
    return {
        "integrationId": integration.id,
        "account": integration.account,
        "externalIdentifier": integration.external_identifier,
        "integrationName": integration.integration_name,
        "source": integration.source,
        "secretType": integration.secret_type,
        "payloadDigest": integration.payload_digest,
        "payloadKeys": list(integration.payload_keys),
        "merchantAccountCodes": None if codes is None else list(codes),
        "status": integration.status,
        "goLiveDate": integration.go_live_date,
        "createdAt": integration.created_at,
        "deactivationType": integration.deactivation_type,
        "deactivationDate": integration.deactivation_date,
    }


def _exchange(exchange: Exchange) -> Json:
    return {
        "method": exchange.method,
        "path": exchange.path,
        "query": dict(exchange.query),
        "account": exchange.account,
        "body": dict(exchange.body),
        "status": exchange.status,
        "errorId": exchange.error_id,
        "faults": list(exchange.faults),
    }


def _progress(progress: FaultProgress) -> Json:
    return {"fault": str(progress.fault), "matched": progress.matched, "fired": progress.fired}


def _event(event: FaultEvent) -> Json:
    return {"fault": str(event.fault), "method": event.method, "path": event.path, "id": event.id}
