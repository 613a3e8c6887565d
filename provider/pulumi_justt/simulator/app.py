"""The API itself: its operations, and the one path that every request takes through them.

    authenticate -> limit -> read -> validate -> commit -> respond

It must not know sockets, threads or the control endpoint. An operation is a function that validates a `Call` and
returns what is left to do, its commit. A later fault acts in `Simulator.serve` and nowhere else: before `commit()`,
after it, or on the `web.Response` that is about to be returned.

Readings of ours, where the vendor's documents say nothing:
- A record of another account (or of none) is not found. Merchants have no account: `DELETE /merchants` means those
  whose `referenceId` is the `reference-account-id`, and without one nothing is found.
- Deactivating what is INACTIVE is refused with 400; a deactivation that has not come yet may be moved.
- A deactivation is answered without a body, as the OpenAPI document describes none.
- An operation that is not documented is 404, also where its path has others: 405 is not among the vendor's statuses.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from . import envelopes, rules
from .journal import Exchange, Journal
from .records import Records
from .redaction import redacted
from .rules import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import TypeAlias

    from .options import Options
    from .records import Integration
    from .rules import Json

BASE_PATH = "/v1"


@dataclass(frozen=True)
class Call:
    """One authenticated request, and the options under which all of it is answered."""

    name: str
    query: tuple[tuple[str, str], ...]
    account: str | None
    body: Mapping[str, Json]
    options: Options


@dataclass(frozen=True)
class Answer:
    """A status and a JSON document, or no body at all."""

    status: HTTPStatus
    content: Json


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
        return Answer(HTTPStatus.CREATED, envelopes.created_integration(call.options.create_envelope, integration_id))

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
        return Answer(HTTPStatus.OK, envelopes.read_integration(call.options.read_envelope, integration))

    return commit


def deactivate_integration(records: Records, call: Call) -> Commit:
    """DELETE /integrations/{id}."""
    deactivation = rules.integration_deactivation(call.body, call.name)

    def commit() -> Answer:
        if _integration(records, call).status == "INACTIVE":
            raise Refusal(HTTPStatus.BAD_REQUEST, "the integration is INACTIVE already")
        records.deactivate_integration(call.name, deactivation)
        return Answer(HTTPStatus.OK, None)

    return commit


def create_merchant(records: Records, call: Call) -> Commit:
    """POST /merchants."""
    new = rules.new_merchant(call.body)
    return lambda: Answer(HTTPStatus.CREATED, envelopes.created_merchant(records.add_merchant(new)))


def list_merchants(records: Records, call: Call) -> Commit:
    """GET /merchants."""
    page = rules.page(call.query)

    def commit() -> Answer:
        found, has_more = records.merchants_page(page, newest_first=_newest_first(call))
        return Answer(HTTPStatus.OK, envelopes.listed_merchants(found, has_more=has_more))

    return commit


def read_merchant(records: Records, call: Call) -> Commit:
    """GET /merchants/{merchantUuid}."""

    def commit() -> Answer:
        merchant = records.merchant(call.name)
        if merchant is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such merchant")
        return Answer(HTTPStatus.OK, envelopes.read_merchant(merchant))

    return commit


def deactivate_merchants(records: Records, call: Call) -> Commit:
    """DELETE /merchants."""
    deactivation = rules.deactivation(call.body)

    def commit() -> Answer:
        merchants = [] if call.account is None else records.merchants_of(call.account)
        if call.account is None or not merchants:
            raise Refusal(HTTPStatus.NOT_FOUND, "no merchant has this reference-account-id")
        if all(merchant.status == "Inactive" for merchant in merchants):
            raise Refusal(HTTPStatus.BAD_REQUEST, "the merchant is Inactive already")
        records.deactivate_merchants(call.account, deactivation)
        return Answer(HTTPStatus.OK, None)

    return commit


def undocumented(_records: Records, _call: Call) -> Commit:
    """Stand for every method and path without an operation."""
    raise Refusal(HTTPStatus.NOT_FOUND, "no such operation")


# In the order in which they are matched.
OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/integrations", create_integration),
    ("GET", "/integrations", list_integrations),
    ("GET", "/integrations/{name:[^/]+}", read_integration),
    ("DELETE", "/integrations/{name:[^/]+}", deactivate_integration),
    ("POST", "/merchants", create_merchant),
    ("GET", "/merchants", list_merchants),
    ("GET", "/merchants/{name:[^/]+}", read_merchant),
    ("DELETE", "/merchants", deactivate_merchants),
    ("*", "/{name:.*}", undocumented),
)
_WITH_BODY = frozenset({create_integration, deactivate_integration, create_merchant, deactivate_merchants})


class Simulator:
    """The state of one simulator, and its way of answering.

    Args:
        options: may be replaced at any time; a request that has begun keeps those it began with.
        clock: gives Unix seconds.
    """

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self.options = options
        self.clock = clock
        self.journal = Journal()
        self.records = Records(options.database, clock=clock, successful_after=lambda: self.options.successful_after)
        self._window = rules.RateWindow()

    def add_routes(self, app: web.Application) -> None:
        """Serve every operation below `BASE_PATH`."""
        for method, path, operation in OPERATIONS:
            app.router.add_route(method, BASE_PATH + path, self._handler(operation))

    def _handler(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await self.serve(request, operation)

        return handle

    async def serve(self, request: web.Request, operation: Operation) -> web.Response:
        """Take one request the whole way."""
        options = self.options
        if options.latency:
            await asyncio.sleep(options.latency)
        account = _account(request)
        body: dict[str, Json] = {}
        error_id = None
        try:
            key = rules.authenticated(request.headers.get("Authorization"), options.api_keys)
            self._window.admit(key, options.requests_per_minute, self.clock())
            if operation in _WITH_BODY:
                body = rules.json_object(await _raw_body(request), request.content_type)
            commit = operation(
                self.records,
                Call(
                    name=request.match_info.get("name", ""),
                    query=tuple(request.query.items()),
                    account=account,
                    body=body,
                    options=options,
                ),
            )
            answer = commit()
        except Refusal as refusal:
            error_id = f"sim-{secrets.token_hex(8)}"
            answer = Answer(
                refusal.status, envelopes.error(options.error_envelope, refusal.status, refusal.message, error_id)
            )
        response = _response(answer)
        self.journal.add(
            Exchange(
                method=request.method,
                path=request.rel_url.raw_path,
                query=dict(request.query),
                account=account,
                body=redacted(body),
                status=answer.status.value,
                error_id=error_id,
            )
        )
        return response


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
