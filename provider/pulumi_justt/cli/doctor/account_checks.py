"""The checks of `pulumi-justt doctor` that call the API: the key, the accounts and each integration."""

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

_BAD_STATUSES = {
    "INACTIVE": (
        "is INACTIVE at Justt, which is final.",
        "Run `pulumi refresh` to update the state; the next `pulumi up` creates a new integration if needed.",
    ),
    "FAILED": (
        "is FAILED: Justt could not use its credentials.",
        "Find the reason at Justt, then correct the credentials in the program; `pulumi up` replaces the integration.",
    ),
}
"""What each bad status means, and what to do."""

_NOT_MANAGED_HERE = "`PaymentIntegration.get` only reads: correct the integration where it is managed."


@dataclass(repr=False)
class Accounts(Unpicklable):
    """The lists of the accounts that could be read, the accounts that could not be read, and the unusable keys.

    A key stands here as its own account.
    """

    listings: dict[Account, Listing] = field(default_factory=dict)
    failed: set[Account] = field(default_factory=set)
    unusable_keys: set[Account] = field(default_factory=set)


@dataclass(frozen=True)
class _Problem:
    """Why an integration is not healthy, and what to do; *cause* is that of `Check`."""

    verdict: Verdict
    cause: str
    text: str
    remediation: str = ""


def listed(account: Account, found: Accounts) -> Check:
    """List an account, and store the list in *found*. The other accounts of a key that can't be used are skipped."""
    if account.own in found.unusable_keys:
        found.failed.add(account)
        text = f"{account.called} was not listed, because its API key can't be used."
        return Check("account", "not checked", text, account=account.reference, cause="unusable key")
    try:
        listing = account_records.listed(account)
    except (InvalidSettings, RequestError) as error:
        found.failed.add(account)
        found.unusable_keys |= account_records.unusable_keys(account, error)
        if isinstance(error, InvalidSettings):
            return Check("apiKey", "finding", f"{error}.", account=account.reference)
        # Two responses to the same key differ in their operation and their errorId.
        cause = f"{account.settings.api_key_origin}: {error.response}"
        if isinstance(error, RequestRefused) and error.is_of_key:
            return Check("apiKey", "finding", str(error), account=account.reference, cause=cause)
        return Check("account", "not checked", str(error), account=account.reference, cause=cause)
    found.listings[account] = listing
    if not listing.is_complete:
        text = account_records.cut_short(account, len(listing.records))
        return Check("account", "not checked", text, account=account.reference)
    live = sum(not record.is_inactive for record in listing.records.values())
    return Check(
        "account",
        "ok",
        f"the key from {account.settings.api_key_origin} is accepted. Integrations of {account.called}: {live} active, "
        f"{len(listing.records) - live} INACTIVE.",
        account=account.reference,
    )


def integrations(view: View, found: Accounts) -> Iterator[Check]:
    """Check each integration of a stack."""
    healthy = 0
    for each in view.state.integrations():
        problem = _problem(view, each, found)
        if problem is None:
            healthy += 1
            continue
        subject = f"{each.name} ({each.integration_id})"
        yield Check(
            "integration",
            problem.verdict,
            f"{subject} {problem.text}",
            problem.remediation,
            view.stack.name,
            each.account,
            each.integration_id,
            each.urn,
            problem.cause,
            subject if problem.verdict == "finding" else each.name,
        )
    if healthy:
        yield Check("integration", "ok", f"healthy integrations: {healthy}.", stack=view.stack.name)


def _problem(view: View, recorded: Recorded, found: Accounts) -> _Problem | None:
    """Return what is wrong with an integration; None if it is healthy."""
    environment = recorded.outputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        return _Problem(
            "finding",
            "environment",
            f"was recorded in {environment}, but the configuration says {view.settings.environment}.",
            "Set justt:environment and justt:baseUrl (or their variables) back for this stack.",
        )
    if recorded.has_secret_account:
        return _Problem(
            "not checked",
            "secret account",
            "could not be looked up, because its account is a secret.",
            "Set reference_account_id as plain text, because it is not a credential.",
        )
    account = view.account(recorded, recorded.account)
    if account in found.failed:
        return _Problem(
            "not checked", "unlisted account", "could not be looked up, because its account could not be listed."
        )
    try:
        status = _status(account, recorded.integration_id, found)
    except JusttError as error:
        return _Problem("not checked", "", f"could not be looked up: {error}")
    if status is None:
        return _Problem(
            "finding",
            "missing",
            f"does not exist at Justt, or not for the key from {account.settings.api_key_origin} in {account.called}.",
            "Correct the id in the program, or the key, the account or the environment."
            if recorded.is_external
            else "Check the key, the account and the environment. Only if Justt has lost the integration for good (a "
            "sandbox that was wiped), run `pulumi refresh` with JUSTT_ON_MISSING=gone.",
        )
    return _status_problem(recorded, status)


def _status_problem(recorded: Recorded, status: str) -> _Problem | None:
    if recorded.is_replaced:
        return _Problem(
            "finding", "replaced", f"was replaced, but is not deactivated yet ({status}).", "Run `pulumi up`."
        )
    if status not in _BAD_STATUSES:
        return None
    text, remediation = _BAD_STATUSES[status]
    release = "Remove adopt_id from the program. " if recorded.is_adopted else ""
    return _Problem("finding", status, text, _NOT_MANAGED_HERE if recorded.is_external else f"{release}{remediation}")


def _status(account: Account, integration_id: str, found: Accounts) -> str | None:
    """Return the status of an integration, or None if Justt does not know it.

    Raises:
        RequestError: The integration could not be read.
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
    """Find integrations that none of the examined stacks owns."""
    if not patients:
        yield Check(
            "unmanaged",
            "not checked",
            "without a stack, doctor cannot know which integrations are managed.",
            "Run this in the folder of a Pulumi project, or name the project with --cwd and its stacks with --stack.",
        )
        return
    if len(views) < len(patients):
        yield Check("unmanaged", "not checked", "a stack that may manage integrations could not be read.")
        return
    owned = account_records.owners(views)
    again = views[0].stack.option if len(views) == 1 else ""
    reported: set[tuple[str, str]] = set()
    for account, listing in found.listings.items():
        settings, reference = account.settings, account.reference
        if not listing.is_complete:
            yield Check("unmanaged", "not checked", f"the list of {account.called} is incomplete.", account=reference)
            continue
        records = [
            record
            for record in listing.records.values()
            if not record.is_inactive and (settings.environment, record.integration_id) not in owned
        ]
        for record in records:
            # Two API keys may list the same integration.
            if (settings.base_url, record.integration_id) not in reported:
                reported.add((settings.base_url, record.integration_id))
                is_suspect = _is_suspect(record, account, views, found)
                yield _unmanaged(account, record, is_suspect=is_suspect, again=again)
        if not records:
            text = f"the examined stacks manage all integrations of {account.called}."
            yield Check("unmanaged", "ok", text, account=reference)


def _is_suspect(record: RemoteRecord, account: Account, views: Sequence[View], found: Accounts) -> bool:
    """Return whether an interrupted create of a stack may have made an integration that *account* lists."""
    for view in views:
        for create in view.state.interrupted_creates():
            place = view.account(create, create.account)
            # Another name of the same account lists the same integrations.
            listing = found.listings.get(place)
            is_there = place == account or (listing is not None and record.integration_id in listing.records)
            # A secret source or account may be any.
            if create.source in (None, record.source) and (is_there or create.has_secret_account):
                return True
    return False


def _unmanaged(account: Account, record: RemoteRecord, *, is_suspect: bool, again: str) -> Check:
    """Return the finding for an integration that is in none of the stacks.

    Args:
        account: The account that lists it.
        record: What the API returned.
        is_suspect: Whether an interrupted create may have made it.
        again: The `--stack` option for a command, or an empty text.
    """
    shown = account_records.shown(record)
    first = f"An interrupted create may have made it: run `pulumi-justt recover{again}` first. " if is_suspect else ""
    recover = f"Run `pulumi-justt recover{again}` first. " if is_suspect else ""
    return Check(
        "unmanaged",
        "finding",
        f"{shown.source} integration {shown.integration_id} ({record.status}) is managed by none of the examined "
        "stacks.",
        f'{first}To adopt it, add adopt_id="{shown.integration_id}" to a resource. If it is not in use, ask Justt to '
        "deactivate it.",
        account=account.reference,
        integration_id=shown.integration_id,
        cause="suspect" if is_suspect else "unmanaged",
        subject=f"{shown.source} {shown.integration_id} ({record.status})",
        together=f"{recover}If another stack manages them, name it with --stack. To import those that you choose, run "
        f"`pulumi-justt import{again}`, with --account for another account than the configured one. If they are not "
        "in use, ask Justt to deactivate them.",
    )
