"""The checks of `pulumi-justt doctor` at Justt: the key, the lists of the accounts, each integration in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.account_records import Account, View
from pulumi_justt.cli.doctor.checks import Check, Patient, Verdict
from pulumi_justt.cli.state import Recorded
from pulumi_justt.core.listing import Listing
from pulumi_justt.errors import InvalidSettings, JusttError, RequestError, RequestRefused
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Accounts", "integrations", "listed", "unmanaged"]

_UNWELL = {
    "INACTIVE": (
        "is INACTIVE at Justt, which is final.",
        "Run `pulumi refresh`, which takes it out of the state; the next `pulumi up` creates what the program has.",
    ),
    "FAILED": (
        "is FAILED: Justt could not work with its credentials.",
        "Look it up at Justt, then correct the credentials in the program; `pulumi up` replaces it.",
    ),
}
"""What each status means that is not as it should be, and what to do."""

_NOT_OURS = "It is only looked at here, and is for whoever manages it to mend."


@dataclass(repr=False)
class Accounts(Unpicklable):
    """The lists of the accounts, as far as they could be read."""

    listings: dict[Account, Listing] = field(default_factory=dict)
    failed: set[Account] = field(default_factory=set)


def listed(account: Account, found: Accounts) -> Check:
    """List an account, and keep the list in *found*."""
    try:
        listing = account_records.listed(account)
    except InvalidSettings as error:
        found.failed.add(account)
        return Check("apiKey", "finding", f"{error}.", account=account.reference)
    except RequestError as error:
        found.failed.add(account)
        is_refused = isinstance(error, RequestRefused) and error.is_of_key
        verdict: Verdict = "finding" if is_refused else "not checked"
        return Check("apiKey" if is_refused else "account", verdict, str(error), account=account.reference)
    found.listings[account] = listing
    if not listing.is_complete:
        text = account_records.cut_short(account, len(listing.records))
        return Check("account", "not checked", text, account=account.reference)
    live = sum(not record.is_inactive for record in listing.records.values())
    return Check(
        "account",
        "ok",
        f"the key from {account.settings.api_key_origin} is accepted. Integrations of {account.called}: {live}, and "
        f"INACTIVE: {len(listing.records) - live}.",
        account=account.reference,
    )


def integrations(view: View, found: Accounts) -> Iterator[Check]:
    """Look up each integration of a stack."""
    well = 0
    for each in view.state.integrations():
        seen = _seen(view, each, found)
        if seen is None:
            well += 1
            continue
        verdict, text, remediation = seen
        text = f"{each.name} ({each.integration_id}) {text}"
        yield Check(
            "integration", verdict, text, remediation, view.stack.name, each.account, each.integration_id, each.urn
        )
    if well:
        yield Check("integration", "ok", f"integrations as they should be: {well}.", stack=view.stack.name)


def _seen(view: View, recorded: Recorded, found: Accounts) -> tuple[Verdict, str, str] | None:
    """Return the verdict on an integration, what was seen and what to do; None where it is as it should be."""
    environment = recorded.outputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        return (
            "finding",
            f"was recorded in {environment}, and the configuration says {view.settings.environment}.",
            "Set justt:environment and justt:baseUrl (or their variables) back for this stack.",
        )
    if recorded.has_secret_account:
        return (
            "not checked",
            "could not be looked up, as its account is a secret.",
            "Give reference_account_id as plain text, as it is no credential.",
        )
    account = view.account(recorded, recorded.account)
    if account in found.failed:
        return "not checked", "could not be looked up, as its account could not be listed.", ""
    try:
        status = _status(account, recorded.integration_id, found)
    except JusttError as error:
        return "not checked", f"could not be looked up: {error}", ""
    if status is None:
        return (
            "finding",
            f"is not known at Justt, or not to the key from {account.settings.api_key_origin} in {account.called}.",
            "Correct the id in the program, or the key, the account or the environment."
            if recorded.is_external
            else "Check the key, the account and the environment. Only if it is gone for good (a sandbox that was "
            "wiped), run `pulumi refresh` with JUSTT_ON_MISSING=gone.",
        )
    return _unwell(recorded, status)


def _unwell(recorded: Recorded, status: str) -> tuple[Verdict, str, str] | None:
    if recorded.is_replaced:
        return "finding", f"was replaced, and still waits to be deactivated ({status}).", "Run `pulumi up`."
    if status not in _UNWELL:
        return None
    text, remediation = _UNWELL[status]
    release = "Take adopt_id out of the program, which names it. " if recorded.is_adopted else ""
    return "finding", text, _NOT_OURS if recorded.is_external else f"{release}{remediation}"


def _status(account: Account, integration_id: str, found: Accounts) -> str | None:
    """Return the status of an integration, or None where it is not known.

    Raises:
        RequestError: It could not be read.
    """
    listing = found.listings.get(account)
    if listing and integration_id in listing.records:
        return listing.records[integration_id].status
    try:
        return account_records.read(account, integration_id, operation=f"reading integration {integration_id}").status
    except RequestRefused as refused:
        if not refused.is_not_found:
            raise
        return None


def unmanaged(patients: Sequence[Patient], views: Sequence[View], found: Accounts) -> Iterator[Check]:
    """Look for integrations that none of the given stacks owns."""
    if not patients:
        yield Check(
            "unmanaged",
            "not checked",
            "no stack is given, so that nothing is known of who manages what.",
            "Run this in the folder of a Pulumi project, or name the project with --cwd and its stacks with --stack.",
        )
        return
    if len(views) < len(patients):
        yield Check("unmanaged", "not checked", "a stack that may manage integrations could not be looked at.")
        return
    owned = account_records.owners(views)
    pending = [operation for view in views for operation in view.state.pending() if operation.may_have_created]
    waiting = {operation.resource.get("inputs", {}).get("source") for operation in pending}
    told: set[tuple[str, str]] = set()
    for account, listing in found.listings.items():
        settings, reference = account.settings, account.reference
        if not listing.is_complete:
            yield Check("unmanaged", "not checked", f"the list of {account.called} is not whole.", account=reference)
            continue
        records = [
            record
            for record in listing.records.values()
            if not record.is_inactive and (settings.environment, record.integration_id) not in owned
        ]
        for record in records:
            # Two keys may reach the same.
            if (settings.base_url, record.integration_id) not in told:
                told.add((settings.base_url, record.integration_id))
                yield _unmanaged(account, record, is_waiting=record.source in waiting)
        if not records:
            text = f"the given stacks manage all integrations of {account.called}."
            yield Check("unmanaged", "ok", text, account=reference)


def _unmanaged(account: Account, record: RemoteRecord, *, is_waiting: bool) -> Check:
    """Return what to do about an integration that is in no stack.

    Args:
        account: Where it was listed.
        record: What Justt says of it.
        is_waiting: Whether a create of its source was interrupted.
    """
    shown = account_records.shown(record)
    first = "It may be what an interrupted create left: run `pulumi-justt recover` first. " if is_waiting else ""
    return Check(
        "unmanaged",
        "finding",
        f"{shown.source} integration {shown.integration_id} ({record.status}) is in no given stack.",
        f'{first}Add adopt_id="{shown.integration_id}" to a resource to take it over, or have it deactivated at Justt '
        "if it is nobody's.",
        account=account.reference,
        integration_id=shown.integration_id,
    )
