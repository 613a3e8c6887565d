"""What the given stacks manage, beside what the accounts that they use hold: the view that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import Pending, Recorded, State
from pulumi_justt.core.client import shared_client
from pulumi_justt.core.config import Settings
from pulumi_justt.core.listing import Listing, list_all
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.unpicklable import Unpicklable

__all__ = [
    "NO_ACCOUNT",
    "Account",
    "Managed",
    "View",
    "accounts",
    "cut_short",
    "default_settings",
    "listed",
    "managed",
    "owners",
]
__all__ += ["read", "shown", "view"]

NO_ACCOUNT = "must be visible ASCII without spaces, as it is sent as a header"


@dataclass(frozen=True, repr=False)
class View(Unpicklable):
    """A stack with its settings and its state.

    Args:
        stack: The stack.
        settings: What its configuration says.
        state: What it has.
        own: What each `justt.Provider` of it says instead, by the provider's URN.
    """

    stack: Stack
    settings: Settings
    state: State
    own: Mapping[str, Settings]

    def account(self, of: Recorded | Pending, reference: str | None) -> Account:
        """Return the account *reference* as the provider of a resource reaches it."""
        return Account(self.own.get(of.provider, self.settings), reference)


@dataclass(frozen=True)
class Managed:
    """An integration as a stack has it."""

    stack: Stack
    recorded: Recorded


@dataclass(frozen=True, eq=False)
class Account:
    """An account at Justt, and the settings by which it is reached; one key at one address reaches the same.

    Args:
        settings: Where, and with which key.
        reference: The account's id; None where the key's own is meant.
    """

    settings: Settings
    reference: str | None

    def __eq__(self, other: object) -> bool:
        """Tell whether *other* is the same account, however fast or patiently it is asked."""
        return isinstance(other, Account) and self._identity == other._identity

    def __hash__(self) -> int:
        """Return what equal accounts have in common."""
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.settings.base_url, self.settings.api_key, self.reference

    @property
    def called(self) -> str:
        """Name the account in a text."""
        which = f"account {self.reference}" if self.reference else "the default account"
        return f"{which} in {self.settings.environment}"


def view(stack: Stack) -> View:
    """Look at a stack.

    Raises:
        StackError: Its configuration or its state could not be read.
        InvalidSettings: Its configuration cannot be used.
    """
    settings, state = stack.settings(), stack.state()
    return View(stack, settings, state, stack.provider_settings(state, settings))


def default_settings() -> Settings:
    """Return the settings that hold without a stack: those of the JUSTT_* variables.

    Raises:
        InvalidSettings: They cannot be used.
    """
    return Settings.load({}, os.environ)


def accounts(views: Sequence[View], settings: Iterable[Settings], given: Sequence[str] = ()) -> list[Account]:
    """Return the accounts to look at: the *given* ones, else the default ones and each that a stack uses.

    Args:
        views: The stacks.
        settings: Those of the stacks, or the only ones where there is no stack.
        given: References of accounts.
    """
    used = dict.fromkeys(
        each.account(recorded, recorded.account)
        for each in views
        for recorded in each.state.integrations()
        if not recorded.has_secret_account
    )
    found = {account: None for account in used if not given or account.reference in given}
    keys = {Account(account.settings, None) for account in used}
    for its in settings:
        for reference in given:
            # It may need the key of a provider that has it.
            if all(account.reference != reference for account in used):
                found[Account(its, reference)] = None
        # A key that spans several merchants need not have an account of its own, and a stack whose providers have keys
        # needs none.
        is_needed = its.reference_account_id is not None or Account(its, None) not in keys
        if not given and is_needed and (its.api_key or not used):
            found[Account(its, its.reference_account_id)] = None
    return [*found]


def managed(views: Iterable[View]) -> dict[tuple[str, str], list[Managed]]:
    """Return who has each integration, by environment and id."""
    found: dict[tuple[str, str], list[Managed]] = {}
    for each in views:
        for recorded in each.state.integrations():
            environment = recorded.outputs.get("environment", each.settings.environment)
            found.setdefault((environment, recorded.integration_id), []).append(Managed(each.stack, recorded))
    return found


def owners(views: Iterable[View]) -> dict[tuple[str, str], Managed]:
    """Return the first that has an integration as its own, and does not only look at it, by environment and id."""
    owned = (
        (key, [each for each in having if not each.recorded.is_external]) for key, having in managed(views).items()
    )
    return {key: having[0] for key, having in owned if having}


def read(
    account: Account, integration_id: str, operation: str, tell: Callable[[str], None] = lambda _: None
) -> RemoteRecord:
    """Read an integration.

    Raises:
        InvalidSettings: There is no API key.
        RequestError: It could not be read.
    """
    client = shared_client(account.settings, tell)
    return client.get_integration(integration_id, operation=operation, account=account.reference)


def listed(account: Account) -> Listing:
    """List an account once, within the bounds of `listing`.

    Raises:
        InvalidSettings: There is no API key.
        RequestError: A page could not be read.
    """
    client = shared_client(account.settings)
    return list_all(client, operation=f"listing {account.called}", account=account.reference)


def shown(record: RemoteRecord) -> RemoteRecord:
    """Return *record* without what may be a credential that is not at hand."""
    redact = shared_redactor().shown
    return record.model_copy(update={"integration_id": redact(record.integration_id), "source": redact(record.source)})


def cut_short(account: Account, number: int) -> str:
    """Say that a list is not surely whole."""
    return (
        f"{account.called} was listed as far as {number:,} integrations, and more may follow: the list is too long, or "
        "changed while it was read."
    )
