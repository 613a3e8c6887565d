"""`pulumi-justt list`: what the API knows, and which stack manages each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import survey
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.survey import Account, Managed
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
        statuses: Which statuses are wanted; all by default.
        sources: Which sources are wanted; all by default.
        is_unmanaged_only: Whether what a stack manages is left out.

    Raises:
        StackError: A stack could not be looked at.
        InvalidSettings: A configuration cannot be used.
    """
    views = [survey.view(stack) for stack in stacks]
    settings = [each.settings for each in views] or [survey.default_settings()]
    known = survey.managed(views)
    found: dict[tuple[str, str], Found] = {}
    hidden = [each.recorded.name for its in known.values() for each in its if each.recorded.has_secret_account]
    doubts = (
        [f"the accounts of {', '.join(sorted(hidden))} are secrets: name them by --account."]
        if hidden and not accounts
        else []
    )
    for account in survey.accounts(views, settings, accounts):
        try:
            listing = survey.listed(account)
        except JusttError as error:
            doubts.append(str(error))
            continue
        if not listing.is_complete:
            doubts.append(survey.cut_short(account, len(listing.records)))
        environment = account.settings.environment
        for record in listing.records.values():
            # Two keys may reach the same.
            found.setdefault(
                (account.settings.base_url, record.integration_id),
                Found(record, account, tuple(known.get((environment, record.integration_id), ()))),
            )
    wanted = {status.upper() for status in statuses}
    return Inventory(
        tuple(
            replace(each, record=survey.shown(each.record))
            for each in found.values()
            if (not wanted or each.record.status.upper() in wanted)
            and (not sources or each.record.source in sources)
            and not (is_unmanaged_only and each.is_managed)
        ),
        tuple(doubts),
    )
