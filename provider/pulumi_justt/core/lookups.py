"""Find integrations at Justt for a program or a command, without managing them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.config import Settings
from pulumi_justt.core.listing import MOST_PAGES, list_all
from pulumi_justt.core.state import Properties, outputs_from
from pulumi_justt.errors import JusttError, RequestRefused, nearest
from pulumi_justt.values import account_problem, id_problem

if TYPE_CHECKING:
    # Imported only for type checkers: a preview must not load the HTTP library.
    from pulumi_justt.core.client import JusttClient

__all__ = ["find_integration", "find_integrations", "importable_integrations"]


def find_integration(client: JusttClient, settings: Settings, arguments: Properties) -> dict[str, Any]:
    """Return what Justt knows about the integration with the id *integrationId*.

    Args:
        client: Sends the request.
        settings: The configuration, with the default account.
        arguments: `integrationId`, and optionally `referenceAccountId`.

    Raises:
        JusttError: An argument is invalid.
        RequestError: The integration could not be read.
    """
    function = "getIntegration"
    _refuse_unknown(function, arguments, ("integrationId", "referenceAccountId"))
    integration_id = _text(function, arguments, "integrationId")
    problem = "is required" if integration_id is None else id_problem(integration_id)
    if integration_id is None or problem:
        raise JusttError(f"{function}: integrationId {problem}.")
    operation = f"reading integration {integration_id} for {function}"
    try:
        record = client.get_integration(
            integration_id, operation=operation, account=_account(function, settings, arguments)
        )
    except RequestRefused as refused:
        raise refused.of_given_id() from None
    return _shown(client, record)


def find_integrations(
    client: JusttClient, settings: Settings, arguments: Properties, *, with_ended: bool = True
) -> list[dict[str, Any]]:
    """Return what Justt knows about the integrations of an account, sorted by id.

    Args:
        client: Sends the requests.
        settings: The configuration, with the default account.
        arguments: Optionally `source` and `status`, which the integrations must have, and `referenceAccountId`.
        with_ended: Whether to include integrations that are INACTIVE.

    Raises:
        JusttError: An argument is invalid, or the account's list is too long.
        RequestError: The list could not be read.
    """
    function = "getIntegrations"
    _refuse_unknown(function, arguments, ("source", "status", "referenceAccountId"))
    source, status = (_text(function, arguments, name) for name in ("source", "status"))
    account = _account(function, settings, arguments)
    listing = list_all(client, operation=f"listing the integrations for {function}", account=account)
    if not listing.is_complete:
        raise JusttError(
            f"{function}: the account's list is longer than {MOST_PAGES} pages, or it changed while it was read. Run "
            "the command again, or use getIntegration with an id."
        )
    return [
        _shown(client, record)
        for _, record in sorted(listing.records.items())
        if source in (None, record.source)
        and status in (None, record.status)
        and (with_ended or not record.is_inactive)
    ]


def importable_integrations(client: JusttClient, settings: Settings, arguments: Properties) -> list[tuple[str, str]]:
    """Return the id of each integration that has not ended, and a name for its resource; otherwise as above."""
    found = find_integrations(client, settings, arguments, with_ended=False)
    # Names of resources must be unique.
    return [(each["integrationId"], f"{each['source']}-{each['integrationId']}") for each in found]


def _shown(client: JusttClient, record: RemoteRecord) -> dict[str, Any]:
    return {
        "integrationId": record.integration_id,
        "source": client.redactor.shown(record.source),
        **outputs_from(record),
    }


def _refuse_unknown(function: str, arguments: Properties, names: Collection[str]) -> None:
    """Refuse an argument that the function does not have: without it, the result may be that of another account.

    Raises:
        JusttError: A program gives a function an argument that it does not have.
    """
    for name in sorted(arguments.keys() - {*names}):
        raise JusttError(f"{function} has no argument {name!r}{nearest(name, names)}.")


def _text(function: str, arguments: Properties, name: str) -> str | None:
    """Return an argument, or None if it is absent.

    Raises:
        JusttError: The argument is not text, or is empty.
    """
    value = arguments.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise JusttError(f"{function}: {name} must be text that is not empty.")
    return value


def _account(function: str, settings: Settings, arguments: Properties) -> str | None:
    account = _text(function, arguments, "referenceAccountId")
    problem = account and account_problem(account)
    if problem:
        raise JusttError(f"{function}: referenceAccountId {problem}.")
    return account or settings.reference_account_id
