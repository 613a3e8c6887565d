"""Match the integrations of stacks with those in their accounts at Justt. Several commands share this module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.state import Pending, Recorded, State
from pulumi_justt.core.client import shared_client
from pulumi_justt.core.config import Settings
from pulumi_justt.core.listing import Listing, list_all
from pulumi_justt.errors import InvalidSettings, JusttError, RequestRefused
from pulumi_justt.log import Log
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.unpicklable import Unpicklable

__all__ = [
    "NO_ACCOUNT",
    "Account",
    "Managed",
    "View",
    "accounts",
    "cut_short",
    "listed",
    "managed",
    "owners",
]
__all__ += ["read", "shown", "unusable_keys", "view"]

NO_ACCOUNT = "must be visible ASCII without spaces, as it is sent as a header"


@dataclass(frozen=True, repr=False)
class View(Unpicklable):
    """A stack with its settings and its state.

    Args:
        stack: The stack.
        settings: The settings from its configuration.
        state: Its exported state.
        own: The settings of each `justt.Provider` in the stack, by the provider's URN.
    """

    stack: Stack
    settings: Settings
    state: State
    own: Mapping[str, Settings]

    def account(self, of: Recorded | Pending, reference: str | None) -> Account:
        """Return the account *reference*, with the settings of the resource's provider."""
        return Account(self.own.get(of.provider, self.settings), reference)

    def accounts(self) -> Iterator[Account]:
        """Yield the account of each integration, and of each interrupted create, unless the account is a secret."""
        users: list[Recorded | Pending] = [*self.state.integrations(), *self.state.interrupted_creates()]
        yield from (self.account(each, each.account) for each in users if not each.has_secret_account)


@dataclass(frozen=True)
class Managed:
    """An integration in a stack's state."""

    stack: Stack
    recorded: Recorded


@dataclass(frozen=True, eq=False)
class Account:
    """An account at Justt, with the settings to reach it.

    Two accounts are equal if their base URL, API key and reference are equal.

    Args:
        settings: The base URL, the API key and the other settings.
        reference: The account's id; None for the API key's own account.
    """

    settings: Settings
    reference: str | None

    def __eq__(self, other: object) -> bool:
        """Compare base URL, API key and reference; rate limit and time-outs don't matter."""
        return isinstance(other, Account) and self._identity == other._identity

    def __hash__(self) -> int:
        """Return the hash of base URL, API key and reference."""
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.settings.base_url, self.settings.api_key, self.reference

    @property
    def own(self) -> Account:
        """The API key's own account."""
        return replace(self, reference=None)

    @property
    def called(self) -> str:
        """The account's name in messages."""
        which = f"account {self.reference}" if self.reference else "the default account"
        return f"{which} in {self.settings.environment}"


def view(stack: Stack) -> View:
    """Read a stack's configuration and state.

    Raises:
        StackError: The configuration or the state could not be read.
        InvalidSettings: The configuration is invalid.
    """
    settings, state = stack.settings(), stack.state()
    return View(stack, settings, state, stack.provider_settings(state, settings))


def accounts(views: Sequence[View], settings: Iterable[Settings], given: Sequence[str] = ()) -> list[Account]:
    """Return the accounts to list: the *given* ones, or else the stacks' accounts and the default accounts.

    Args:
        views: The stacks.
        settings: The settings of each stack, or the settings from the JUSTT_* variables if there is no stack.
        given: References of accounts from the command line.
    """
    used = dict.fromkeys(account for each in views for account in each.accounts())
    found = {account: None for account in used if not given or account.reference in given}
    keys = {Account(account.settings, None) for account in used}
    for each_settings in settings:
        for reference in given:
            # An account that a stack uses is listed already, with the key of its resource's provider. Another key may
            # have no access to it.
            if all(account.reference != reference for account in used):
                found[Account(each_settings, reference)] = None
        # The default account is left out if resources already use this key with other accounts: a key that spans
        # several merchants may have no account of its own. A stack whose providers have keys may have no default key.
        is_needed = each_settings.reference_account_id is not None or Account(each_settings, None) not in keys
        if not given and is_needed and (each_settings.api_key or not used):
            found[Account(each_settings, each_settings.reference_account_id)] = None
    return [*found]


def managed(views: Iterable[View]) -> dict[tuple[str, str], list[Managed]]:
    """Return the resources that hold each integration, by environment and id."""
    found: dict[tuple[str, str], list[Managed]] = {}
    for each in views:
        for recorded in each.state.integrations():
            environment = recorded.outputs.get("environment", each.settings.environment)
            found.setdefault((environment, recorded.integration_id), []).append(Managed(each.stack, recorded))
    return found


def owners(views: Iterable[View]) -> dict[tuple[str, str], Managed]:
    """Return the first resource that manages each integration, by environment and id, ignoring resources of `get`."""
    owned = (
        (key, [each for each in having if not each.recorded.is_external]) for key, having in managed(views).items()
    )
    return {key: having[0] for key, having in owned if having}


def read(
    account: Account, integration_id: str, operation: str, show_line: Callable[[str], None] = lambda _: None
) -> RemoteRecord:
    """Read an integration, and show the client's notes with *show_line*.

    Raises:
        InvalidSettings: There is no API key.
        RequestError: The integration could not be read.
    """
    client = shared_client(account.settings, Log(show_line))
    return client.get_integration(integration_id, operation=operation, account=account.reference)


def listed(account: Account) -> Listing:
    """List an account, up to the page limit of `core.listing`.

    Raises:
        InvalidSettings: There is no API key.
        RequestError: A page could not be read.
    """
    client = shared_client(account.settings)
    return list_all(client, operation=f"listing {account.called}", account=account.reference)


def unusable_keys(account: Account, error: JusttError) -> set[Account]:
    """Return the API key of an account if an error of `listed` proves that the key can't list any account.

    The key is missing, or Justt answers 401. A 403 may concern the account, so it proves nothing about the key's other
    accounts. The key stands in the set as its own account, so an account whose `own` is in it needs no request.
    """
    is_unauthorized = isinstance(error, RequestRefused) and error.status == HTTPStatus.UNAUTHORIZED
    return {account.own} if is_unauthorized or isinstance(error, InvalidSettings) else set()


def shown(record: RemoteRecord) -> RemoteRecord:
    """Return *record* with its id and source redacted, in case they repeat a credential."""
    redact = shared_redactor().shown
    return record.model_copy(update={"integration_id": redact(record.integration_id), "source": redact(record.source)})


def cut_short(account: Account, number: int) -> str:
    """Return a sentence that says that an account's list may be incomplete."""
    return (
        f"{account.called} was listed up to {number:,} integrations, and there may be more: the list is too long, or "
        "it changed while it was read."
    )
