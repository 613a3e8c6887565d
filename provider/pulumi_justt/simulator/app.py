"""The API itself: its operations, and the one path that every request takes through them.

    authenticate -> limit -> read -> validate -> commit -> respond

It must not know sockets, threads or the control endpoint. An operation is a function that validates a `Call` and
returns what is left to do, its commit. Faults act in `Simulator.serve` and nowhere else: on arrival, before `commit()`,
and after it, on the `web.Response` that is about to be returned.

The operations of merchants are not served: no code of this package calls them.

Readings of ours, where the vendor's documents say nothing:
- A record of another account (or of none) is not found.
- Deactivating what is INACTIVE is refused with 400; a deactivation that has not come yet may be moved.
- A deactivation is answered without a body, as the OpenAPI document describes none.
- An operation that is not documented is 404, also where its path has others: 405 is not among the vendor's statuses.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from . import envelopes, mischief, rules
from .call import Call
from .faults import KINDS, Fired, Plan
from .journal import Exchange, Journal
from .options import with_envelope
from .records import Records
from .redaction import redacted
from .rules import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from typing import TypeAlias

    from .faults import Fault, Stage
    from .json_value import Json
    from .options import Options
    from .records import Integration

BASE_PATH = "/v1"


@dataclass(frozen=True)
class Answer:
    """A status and a JSON document, or no body at all; the id of what was created."""

    status: HTTPStatus
    content: Json
    created: str | None = None


Commit: TypeAlias = Callable[[], Answer]
Operation: TypeAlias = Callable[[Records, Call], Commit]


def create_integration(records: Records, call: Call) -> Commit:
    """POST /integrations."""
    new = rules.new_integration(
        call.body,
        extra_sources=call.options.extra_sources,
        extra_secret_types=call.options.extra_secret_types,
    )

    def commit() -> Answer:
        integration_id = records.add_integration(new, call.account)
        content = envelopes.created_integration(call.options.create_envelope, integration_id)
        return Answer(HTTPStatus.CREATED, content, created=integration_id)

    return commit


def list_integrations(records: Records, call: Call) -> Commit:
    """GET /integrations."""
    page = rules.page(call.query)

    def commit() -> Answer:
        found, has_more = records.integrations_page(call.account, page, newest_first=_newest_first(call))
        return Answer(
            HTTPStatus.OK, envelopes.listed_integrations(call.options.list_envelope, found, has_more=has_more)
        )

    return commit


def read_integration(records: Records, call: Call) -> Commit:
    """GET /integrations/{id}."""

    def commit() -> Answer:
        integration = _integration(records, call)
        options = call.options
        content = envelopes.read_integration(options.read_envelope, options.read_message, integration)
        return Answer(HTTPStatus.OK, content)

    return commit


def deactivate_integration(records: Records, call: Call) -> Commit:
    """DELETE /integrations/{id}."""
    deactivation = rules.deactivation(call.body, call.name)

    def commit() -> Answer:
        if _integration(records, call).status == "INACTIVE":
            raise Refusal(HTTPStatus.BAD_REQUEST, "the integration is INACTIVE already")
        records.deactivate_integration(call.name, deactivation)
        return Answer(HTTPStatus.OK, None)

    return commit


def undocumented(_records: Records, _call: Call) -> Commit:
    """Stand for every method and path without an operation."""
    raise Refusal(HTTPStatus.NOT_FOUND, "no such operation")


# In the order in which they are matched. A route is a path of the OpenAPI document; its parameter matches any name.
OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/integrations", create_integration),
    ("GET", "/integrations", list_integrations),
    ("GET", "/integrations/{id}", read_integration),
    ("DELETE", "/integrations/{id}", deactivate_integration),
)
_WITH_BODY = frozenset({create_integration, deactivate_integration})


class Simulator:
    """The state of one simulator, and its way of answering.

    Args:
        options: may be replaced at any time; a request that has begun keeps those it began with.
        clock: gives Unix seconds.
    """

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._options = options
        self._plan = Plan(options.faults, options.seed)
        self.clock = clock
        self.journal = Journal()
        self.records = Records(options.database, clock=clock, successful_after=lambda: self.options.successful_after)
        self._window = rules.RateWindow()
        self._stopping = asyncio.Event()

    @property
    def options(self) -> Options:
        """The options in force."""
        return self._options

    @options.setter
    def options(self, options: Options) -> None:
        if (options.faults, options.seed) != (self._options.faults, self._options.seed):
            self._plan = Plan(options.faults, options.seed)
        self._options = options

    @property
    def plan(self) -> Plan:
        """The faults in force and how far they have come."""
        return self._plan

    def restart_faults(self, faults: Iterable[Fault]) -> None:
        """Put these in place of all others, and count from zero."""
        self._options = replace(self._options, faults=tuple(faults))
        self._plan = Plan(self._options.faults, self._options.seed)

    def add_fault(self, fault: Fault) -> None:
        """Put one more at the end, without disturbing the others."""
        self._options = replace(self._options, faults=(*self._options.faults, fault))
        self._plan.add(fault)

    def add_routes(self, app: web.Application) -> None:
        """Serve every operation below `BASE_PATH`."""
        for method, route, operation in OPERATIONS:
            path = re.sub(r"\{.*\}", "{name:[^/]+}", route)
            app.router.add_route(method, BASE_PATH + path, self._handler(operation, route))
        app.router.add_route("*", BASE_PATH + "/{name:.*}", self._handler(undocumented, None))

    def stop_waiting(self) -> None:
        """End what latency, hanging and slow answers wait for."""
        self._stopping.set()

    def _handler(
        self, operation: Operation, route: str | None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.serve(request, operation, route)

        return handle

    async def serve(self, request: web.Request, operation: Operation, route: str | None) -> web.StreamResponse:
        """Take one request the whole way; without a route it meets no fault."""
        name = request.match_info.get("name", "")
        account = _account(request)
        meeting = _Meeting(self._plan, request, route)
        options = self.options
        delay = options.latency
        for fault in meeting.at("arrival"):
            meeting.note(fault, name)
            if fault.what == "latency":
                delay += fault.seconds
            else:
                options = with_envelope(options, str(fault.value))
        await self._pause(delay)
        body: dict[str, Json] = {}
        error_id = None
        response = None
        decisive = None
        try:
            key = rules.authenticated(request.headers.get("Authorization"), options.api_keys)
            self._window.admit(key, options.requests_per_minute, self.clock())
            if operation in _WITH_BODY:
                body = rules.json_object(await _raw_body(request), request.content_type)
            call = Call(name=name, query=tuple(request.query.items()), account=account, body=body, options=options)
            commit = operation(self.records, call)
            decisive = self._befall(meeting, "before", call, name)
            if decisive is None:
                answer = commit()
                response = _response(answer)
                decisive = self._befall(meeting, "after", call, answer.created or name)
        except Refusal as refusal:
            error_id = _error_id()
            content = envelopes.error(options.error_envelope, refusal.status, refusal.message, error_id)
            response = _response(Answer(refusal.status, content))
        if decisive is not None:
            error_id = _error_id() if decisive.what in mischief.ERRORS else None
            response = mischief.answer(decisive, response, options.error_envelope, error_id or "")
        self.journal.add(
            Exchange(
                method=request.method,
                path=request.rel_url.raw_path,
                query=dict(request.query),
                account=account,
                body=redacted(body),
                status=0 if response is None else response.status,
                error_id=error_id,
                faults=tuple(fired.fault.what for fired in meeting.fired),
            ),
            meeting.fired,
        )
        response = response or web.Response()
        response.headers["Date"] = formatdate(self.clock(), usegmt=True)
        return response if decisive is None else await mischief.send(decisive, request, response, self._pause)

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _befall(self, meeting: _Meeting, stage: Stage, call: Call, concerned: str) -> Fault | None:
        """Let the faults of a stage change the records, and give the one that decides the answer."""
        for fault in meeting.at(stage):
            if KINDS[fault.what].decides:
                meeting.note(fault, concerned)
                return fault
            meeting.note(fault, mischief.meddle(fault, self.records, call))
        return None


class _Meeting:
    """The faults that one request meets: none where it has no route."""

    def __init__(self, plan: Plan, request: web.Request, route: str | None) -> None:
        self._plan = plan
        self._request = request
        self._route = route
        self.fired: list[Fired] = []

    def at(self, stage: Stage) -> list[Fault]:
        """Count the request where it has come to."""
        return [] if self._route is None else self._plan.firing(stage, self._request.method, self._route)

    def note(self, fault: Fault, record_id: str | None) -> None:
        """Remember that a fault happened, and to which record."""
        self.fired.append(Fired(fault, self._request.method, self._request.rel_url.raw_path, record_id or None))


def _error_id() -> str:
    return f"sim-{secrets.token_hex(8)}"


def _account(request: web.Request) -> str | None:
    value = request.headers.get("reference-account-id")
    # Bytes that are not UTF-8 arrive as lone surrogates, which SQLite can't keep.
    return None if value is None else value.encode(errors="surrogateescape").decode(errors="backslashreplace")


async def _raw_body(request: web.Request) -> bytes:
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raw = None
    except (ConnectionError, web.RequestPayloadError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body did not arrive whole") from None
    if raw is None or len(raw) > rules.MAX_BODY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is over 1 MB")
    return raw


def _response(answer: Answer) -> web.Response:
    if answer.content is None:
        return web.Response(status=answer.status)
    return web.json_response(answer.content, status=answer.status)


def _integration(records: Records, call: Call) -> Integration:
    integration = records.integration(call.name)
    if integration is None or integration.account != call.account:
        raise Refusal(HTTPStatus.NOT_FOUND, "no such integration")
    return integration


def _newest_first(call: Call) -> bool:
    return call.options.list_order == "newest-first"
