"""The shapes of the vendor's answers, every one that its documents show.

It must not know how an answer came about. Where the OpenAPI document and the guides differ, the option of that name
chooses.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .json_value import Json
    from .records import Integration

ListEnvelope = Literal["bare", "enveloped"]
ReadEnvelope = Literal["bare", "enveloped"]
CreateEnvelope = Literal["integrationId", "id"]
ErrorEnvelope = Literal["status", "error", "statusCode"]


def created_integration(form: CreateEnvelope, integration_id: str) -> Json:
    """Answer `POST /integrations`."""
    if form == "integrationId":
        return {"integrationId": integration_id}
    return {**_success(HTTPStatus.CREATED), "id": integration_id}


def read_integration(form: ReadEnvelope, message: str | None, integration: Integration) -> Json:
    """Answer `GET /integrations/{id}`."""
    if form == "bare":
        return _integration(integration)
    success = _success(HTTPStatus.OK)
    return {**success, "message": message or success["message"], "data": _integration(integration)}


def listed_integrations(form: ListEnvelope, integrations: Sequence[Integration], *, has_more: bool) -> Json:
    """Answer `GET /integrations`."""
    items: list[Json] = [_integration(integration) for integration in integrations]
    return items if form == "bare" else _page(items, has_more=has_more)


def error(form: ErrorEnvelope, status: HTTPStatus, message: str, error_id: str) -> Json:
    """Answer what is refused; the form with `statusCode` is documented without an errorId."""
    if form == "status":
        return {"status": status.value, "message": message, "errorId": error_id}
    if form == "error":
        return {"error": status.phrase, "message": message, "errorId": error_id}
    return {"message": message, "statusCode": status.value}


def _integration(integration: Integration) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "integrationId": integration.id,
        "source": integration.source,
        "status": integration.status,
    }
    if integration.go_live_date is not None:
        shown["goLiveDate"] = integration.go_live_date
    return shown


def _page(items: list[Json], *, has_more: bool) -> Json:
    return {**_success(HTTPStatus.OK), "hasMore": has_more, "data": items}


def _success(status: HTTPStatus) -> dict[str, Json]:
    return {"status": status.value, "message": status.phrase}
