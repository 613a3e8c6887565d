"""`pulumi-justt list`: what the API knows, and which stack manages each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.account_records import Account, Managed
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.errors import JusttError

__all__ = ["Found", "Inventory", "take"]


@dataclass(frozen=True)
class Found:
    """An integration at Justt.

    Args:
        record: What the API tells of it.
        account: Where it was listed.
        managed: Who has it, of the given stacks.
    """

    record: RemoteRecord
    account: Account
    managed: tuple[Managed, ...]

    @property
    def is_managed(self) -> bool:
        """Whether a given stack has it as its own, and does not only look at it."""
        return any(not each.recorded.is_external for each in self.managed)


@dataclass(frozen=True)
class Inventory:
    """What was found.

    Args:
        found: The integrations that pass the filters.
        doubts: Why these may not be all: an account that could not be listed, or not to its end.
    """

    found: tuple[Found, ...]
    doubts: tuple[str, ...]


def take(
    stacks: Sequence[Stack],
    *,
    accounts: Sequence[str] = (),
    statuses: Sequence[str] = (),
    sources: Sequence[str] = (),
    is_unmanaged_only: bool = False,
) -> Inventory:
    """List the accounts of *stacks*, or of the JUSTT_* variables where there is none.

    Args:
        stacks: Who may manage what is found.
        accounts: References of the accounts to list; by default those that the stacks use.
        statuses: Which statuses are wanted, in capitals; all by default.
        sources: Which sources are wanted; all by default.
        is_unmanaged_only: Whether what a stack manages is left out.

    Raises:
        StackError: A stack could not be looked at.
        InvalidSettings: A configuration cannot be used.
    """
    views = [account_records.view(stack) for stack in stacks]
    settings = [each.settings for each in views] or [account_records.default_settings()]
    known = account_records.managed(views)
    found: dict[tuple[str, str], Found] = {}
    hidden = [each.recorded.name for its in known.values() for each in its if each.recorded.has_secret_account]
    doubts: list[str] = []
    if hidden and not accounts:
        doubts.append(f"the accounts of {', '.join(sorted(hidden))} are secrets: name them by --account.")
    for account in account_records.accounts(views, settings, accounts):
        try:
            listing = account_records.listed(account)
        except JusttError as error:
            doubts.append(str(error))
            continue
        if not listing.is_complete:
            doubts.append(account_records.cut_short(account, len(listing.records)))
        for its, record in listing.records.items():
            # Two keys may reach the same.
            managers = tuple(known.get((account.settings.environment, its), ()))
            found.setdefault((account.settings.base_url, its), Found(record, account, managers))
    return Inventory(
        tuple(
            replace(each, record=account_records.shown(each.record))
            for each in found.values()
            if (not statuses or each.record.status.upper() in statuses)
            and (not sources or each.record.source in sources)
            and not (is_unmanaged_only and each.is_managed)
        ),
        tuple(doubts),
    )
