"""Collects what `pulumi-justt list` shows: each integration that the API lists, and the resources that manage it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.account_records import Account, Managed
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.core.config import Settings
from pulumi_justt.errors import JusttError

__all__ = ["Found", "ListResult", "collect"]


@dataclass(frozen=True)
class Found:
    """An integration at Justt.

    Args:
        record: What the API returned.
        account: The account that lists it.
        managed: The resources of the given stacks that hold it.
    """

    record: RemoteRecord
    account: Account
    managed: tuple[Managed, ...]

    @property
    def is_managed(self) -> bool:
        """Whether a given stack manages it, other than by `PaymentIntegration.get`."""
        return any(not each.recorded.is_external for each in self.managed)


@dataclass(frozen=True)
class ListResult:
    """The integrations to show, and why there may be more.

    Args:
        found: The integrations that match the filters.
        notes: Reasons why the list may be incomplete, such as an account that could not be listed to its end.
        is_read: Whether at least one account could be listed.
    """

    found: tuple[Found, ...]
    notes: tuple[str, ...]
    is_read: bool = True


def collect(  # noqa: PLR0913 - the options of the command
    stacks: Sequence[Stack],
    *,
    without_stack: Settings | None,
    accounts: Sequence[str] = (),
    statuses: Sequence[str] = (),
    sources: Sequence[str] = (),
    is_unmanaged_only: bool = False,
) -> ListResult:
    """List the accounts of *stacks*, or of other settings if there are no stacks.

    Args:
        stacks: The stacks that may manage the integrations.
        without_stack: The settings if there are no stacks; otherwise None.
        accounts: References of the accounts to list; by default those that the stacks use.
        statuses: The statuses to include, in upper case; all by default.
        sources: The sources to include; all by default.
        is_unmanaged_only: Whether to leave out the integrations that a stack manages.

    Raises:
        StackError: A stack's configuration or state could not be read.
        InvalidSettings: A stack's configuration is invalid.
    """
    views = [account_records.view(stack) for stack in stacks]
    settings = [*(each.settings for each in views), *([without_stack] if without_stack else [])]
    known = account_records.managed(views)
    hidden = [each.recorded.name for having in known.values() for each in having if each.recorded.has_secret_account]
    read = _read(account_records.accounts(views, settings, accounts), known)
    notes = []
    if hidden and not accounts:
        notes.append(f"the accounts of {', '.join(sorted(hidden))} are secrets: name them with --account.")
    return ListResult(
        tuple(
            replace(each, record=account_records.shown(each.record))
            for each in read.found
            if (not statuses or each.record.status.upper() in statuses)
            and (not sources or each.record.source in sources)
            and not (is_unmanaged_only and each.is_managed)
        ),
        (*notes, *read.notes),
        is_read=read.is_read,
    )


def _read(accounts: Iterable[Account], known: Mapping[tuple[str, str], Sequence[Managed]]) -> ListResult:
    """List all integrations of *accounts*.

    Args:
        accounts: The accounts to list.
        known: The resources that hold each integration, by environment and id.
    """
    found: dict[tuple[str, str], Found] = {}
    notes: list[str] = []
    unusable_keys: set[Account] = set()
    skipped, is_read = 0, False
    for account in accounts:
        if account.own in unusable_keys:
            skipped += 1
            continue
        try:
            listing = account_records.listed(account)
        except JusttError as error:
            unusable_keys |= account_records.unusable_keys(account, error)
            notes.append(str(error))
            continue
        is_read = True
        if not listing.is_complete:
            notes.append(account_records.cut_short(account, len(listing.records)))
        for integration_id, record in listing.records.items():
            # Two API keys may list the same integration.
            managers = tuple(known.get((account.settings.environment, integration_id), ()))
            found.setdefault((account.settings.base_url, integration_id), Found(record, account, managers))
    if skipped:
        notes.append(f"accounts of the same API key that were not listed: {skipped}.")
    return ListResult(tuple(found.values()), tuple(notes), is_read)
