"""Implement the pipeline: the steps that process each request to the API, and the state that they share.

Each step is a middleware: it calls the next step and returns its response, or a changed one. The first is the
outermost.

    journal_request         records and logs the request when its response is known
    faults_on_arrival       applies the faults of that stage, and waits for the latency
    validate                refuses with 401, 429, 413, 400 or 404, or lets the operation of `api` prepare its commit
    faults_before_commit    applies the faults of that stage; if one decides the response, nothing is committed
    faults_after_commit     applies the faults of that stage to the response of the commit
    commit                  changes or reads the records

At the end, the server sends the response, unless a fault delays, truncates or drops it. This module handles no threads,
sockets or control endpoint.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from . import api, fault_effects, rules
from .api import Call
from .faults import KINDS, FaultEvent, FaultPlan
from .records import Exchange, Journal, Records
from .rules import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeAlias

    from .api import Operation
    from .faults import Fault, Stage
    from .options import Options

    Handler: TypeAlias = "Callable[[Call], Awaitable[web.Response]]"

BASE_PATH = "/v1"


class Simulator:
    """Holds the state of one simulator, and processes requests to the API.

    Args:
        options: The options. They can be replaced at any time. A request uses the options that were in force when it
            arrived.
        clock: Returns Unix seconds.
    """

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._options = options
        self._plan = FaultPlan(options.faults, options.seed)
        self._clock = clock
        self.journal = Journal()
        self.records = Records(options.database, clock=clock, successful_after=lambda: self.options.successful_after)
        self._rate_limiter = rules.RateLimiter()
        self._stopping = asyncio.Event()
        middlewares = (
            self.journal_request,
            self.faults_on_arrival,
            self.validate,
            self.faults_before_commit,
            self.faults_after_commit,
        )
        self._pipeline: Handler = _commit
        for middleware in reversed(middlewares):
            self._pipeline = partial(middleware, handler=self._pipeline)

    @property
    def options(self) -> Options:
        """The options in force."""
        return self._options

    @options.setter
    def options(self, options: Options) -> None:
        if (options.faults, options.seed) != (self._options.faults, self._options.seed):
            self._plan = FaultPlan(options.faults, options.seed)
        self._options = options

    @property
    def plan(self) -> FaultPlan:
        """The faults in force, and how often each has happened."""
        return self._plan

    def restart_faults(self, faults: Iterable[Fault]) -> None:
        """Replace all faults, and restart their counts."""
        self._options = replace(self._options, faults=tuple(faults))
        self._plan = FaultPlan(self._options.faults, self._options.seed)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault after the existing ones, which keep their counts."""
        self._options = replace(self._options, faults=(*self._options.faults, fault))
        self._plan.add(fault)

    def add_routes(self, app: web.Application) -> None:
        """Add a route below `BASE_PATH` for each operation."""
        for method, route, operation in api.OPERATIONS:
            path = re.sub(r"\{.*\}", "{name:[^/]+}", route)
            app.router.add_route(method, BASE_PATH + path, self._handler(operation, route))
        app.router.add_route("*", BASE_PATH + "/{name:.*}", self._handler(api.undocumented, None))

    def stop_waiting(self) -> None:
        """End all waits for latency, for hangs and for slow responses."""
        self._stopping.set()

    async def journal_request(self, call: Call, handler: Handler) -> web.Response:
        """Record the request with the status of its response, and log it."""
        response = await handler(call)
        self.journal.add(
            Exchange(
                method=call.request.method,
                path=call.request.rel_url.raw_path,
                query=dict(call.request.query),
                account=call.account,
                body=rules.redacted(call.body),
                status=response.status,
                error_id=call.error_id,
                faults=tuple(event.fault.what for event in call.fault_events),
            ),
            call.fault_events,
        )
        return response

    async def faults_on_arrival(self, call: Call, handler: Handler) -> web.Response:
        """Apply the faults that happen before validation, and wait for the latency."""
        self._apply_faults(call, "arrival")
        await self._pause(call.delay)
        return await handler(call)

    async def validate(self, call: Call, handler: Handler) -> web.Response:
        """Validate the key, the rate limit, the body and the parameters, and turn an `ApiError` into a response."""
        request, options = call.request, call.options
        try:
            key = rules.authenticated(request.headers.get("Authorization"), options.api_keys)
            self._rate_limiter.admit(key, options.requests_per_minute, self._clock())
            if call.operation in api.WITH_BODY:
                call.body = rules.json_object(await _read_body(request), request.content_type)
            call.commit = call.operation(self.records, call)
            return await handler(call)
        except ApiError as error:
            return call.error_response(error)

    async def faults_before_commit(self, call: Call, handler: Handler) -> web.Response:
        """Apply the faults that happen before the commit. If one decides the response, nothing is committed."""
        fault = self._apply_faults(call, "before")
        return await handler(call) if fault is None else fault_effects.respond(fault, call, None)

    async def faults_after_commit(self, call: Call, handler: Handler) -> web.Response:
        """Apply the faults that happen after the commit. One of them may replace the response."""
        response = await handler(call)
        fault = self._apply_faults(call, "after")
        return response if fault is None else fault_effects.respond(fault, call, response)

    def _apply_faults(self, call: Call, stage: Stage) -> Fault | None:
        """Apply the faults of *stage*. Return the one that decides the response, if there is one."""
        request = call.request
        if call.route is None:
            return None
        for fault in call.plan.due(stage, request.method, call.route):
            if KINDS[fault.what].decides:
                call.fault = fault
                record_id: str | None = call.record_id
            else:
                record_id = fault_effects.apply(fault, call, self.records)
            call.fault_events.append(FaultEvent(fault, request.method, request.rel_url.raw_path, record_id or None))
        return call.fault

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _handler(
        self, operation: Operation, route: str | None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(
                request=request,
                operation=operation,
                route=route,
                account=_account(request),
                record_id=request.match_info.get("name", ""),
                options=self.options,
                plan=self.plan,
                delay=self.options.latency,
            )
            response = await self._pipeline(call)
            response.headers["Date"] = formatdate(self._clock(), usegmt=True)
            return await fault_effects.send(call, response, self._pause)

        return handle


async def _commit(call: Call) -> web.Response:
    return call.commit()


def _account(request: web.Request) -> str | None:
    value = request.headers.get("reference-account-id")
    # Bytes that are not UTF-8 arrive as lone surrogates, which SQLite cannot store.
    return None if value is None else value.encode(errors="surrogateescape").decode(errors="backslashreplace")


async def _read_body(request: web.Request) -> bytes:
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raw = None
    except (ConnectionError, web.RequestPayloadError):
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is incomplete") from None
    if raw is None or len(raw) > rules.MAX_BODY_BYTES:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is over 1 MB")
    return raw
