"""Finds the integrations that an unfinished create may have made, for `pulumi-justt recover`."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli import account_records
from pulumi_justt.cli.account_records import Account
from pulumi_justt.core.journal import Intent, Journal
from pulumi_justt.errors import RequestRefused

__all__ = ["Candidates", "Lookup", "adopted_by"]


@dataclass(frozen=True)
class Candidates:
    """The integrations that a create may have made.

    Args:
        text: The findings, as sentences.
        live: Candidates that are not INACTIVE.
        inactive: Candidates that are INACTIVE.
        is_whole: Whether the list is complete, so the create can't have made any other integration.
    """

    text: str
    live: tuple[RemoteRecord, ...] = ()
    inactive: tuple[RemoteRecord, ...] = ()
    is_whole: bool = True


@dataclass(frozen=True)
class Lookup:
    """Finds the candidates of unfinished creates.

    Args:
        known: The ids that the given stacks hold.
        journal: The journal of this machine.
    """

    known: frozenset[str]
    journal: Journal

    def look(self, account: Account, source: object, urn: str, intent: Intent | None) -> Candidates:
        """Return the integrations that the create of a resource may have made in an account.

        Raises:
            InvalidSettings: There is no API key.
            RequestError: The account or the integration could not be read.
        """
        base_url = account.settings.base_url
        if intent and intent.integration_id:
            adopted = adopted_by(self.journal, base_url, intent.integration_id, urn)
            return _candidate_of_id(account, intent.integration_id, adopted)
        listing = account_records.listed(account)
        before = self.journal.snapshot(intent.snapshot) if intent else None
        matching = [
            record
            for record in listing.records.values()
            if record.source == source
            and record.integration_id not in self.known
            and not (before and record.integration_id in before.ids)
            and self.journal.claimant(base_url, record.integration_id) in (None, urn)
            and not adopted_by(self.journal, base_url, record.integration_id, urn)
        ]
        live = tuple(record for record in matching if not record.is_inactive)
        incomplete = "" if listing.is_complete else f" {account_records.cut_short(account, len(listing.records))}"
        text = (
            "Integrations of this source that the create may have made, and that are in neither this stack nor another "
            f"one named with --stack: {len(live)}."
            if live
            else "No integration of this source matches: Justt created nothing, or the integration has since been "
            "deactivated or adopted."
        )
        inactive = tuple(record for record in matching if record.is_inactive)
        return Candidates(f"{text}{incomplete}", live, inactive, is_whole=listing.is_complete)


def adopted_by(journal: Journal, base_url: str, integration_id: str, urn: str) -> str:
    """Return a sentence that names the resource other than *urn* that adopts an integration, or an empty text."""
    adopters = journal.adopters(base_url, integration_id, beside=urn)
    if not adopters:
        return ""
    file = journal.adoption_file(base_url, integration_id, adopters[0])
    return f"The journal on this machine says that {adopters[0]} adopts it. If that resource is gone, remove {file}."


def _candidate_of_id(account: Account, integration_id: str, adopted: str) -> Candidates:
    text = f"The journal on this machine says that Justt answered with integration {integration_id}"
    try:
        record = account_records.read(account, integration_id, operation=f"looking up integration {integration_id}")
    except RequestRefused as refused:
        if not refused.is_not_found:
            raise
        return Candidates(f"{text}, but the key from {account.settings.api_key_origin} does not see it.")
    if record.is_inactive:
        return Candidates(f"{text}, which is INACTIVE now: choose forget.", inactive=(record,))
    if adopted:
        return Candidates(f"{text}. {adopted} Otherwise choose forget.")
    return Candidates(f"{text}: the create made this one.", (record,))
