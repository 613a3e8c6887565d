"""Runs the checks of `pulumi-justt doctor`. Doctor changes nothing, and sends only GET requests.

    check          what it verifies
    tools          the provider supports the versions of the CLI and the SDK
    configuration  the stack's configuration is readable and valid, and its API key is encrypted
    recordedKey    the state's copy of the API key and the other settings, which refresh and destroy use, is up to date
    state          the state can be read
    pending        no operation was interrupted
    journal        this machine's journal has no unfinished create of the stack
    duplicate      no two resources own the same integration
    credentials    no integration has credentials or a source that are unusual, unless it is SUCCESSFUL
    references     the variables and files of all references in the state exist on this machine
    apiKey         Justt accepts the key
    account        the account's list could be read to its end
    integration    each integration of a stack is in the configured environment, exists at Justt, and is neither FAILED
                   nor INACTIVE
    unmanaged      every integration at Justt is managed by one of the examined stacks

If a check cannot be made, its verdict is `not checked`, and the other checks go on. If the user selects or skips some
checks, doctor reads only what the others need. It then also shows another check that failed, because a selected check
may depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pulumi_justt.cli import account_records
from pulumi_justt.cli.doctor import account_checks, credentials_check, journal_check, references_check, stack_checks
from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.core.config import Settings
from pulumi_justt.errors import InvalidSettings

__all__ = ["CHECKS", "examine"]

CHECKS = (
    *("tools", "configuration", "state", "pending", "recordedKey", "duplicate"),
    *("credentials", "references", "journal", "apiKey", "account", "integration", "unmanaged"),
)
"""The names of the checks, in the order in which they are made."""

_OF_CONFIGURATION = {"configuration", "recordedKey"}
_OF_STATE = {"state", "pending", "recordedKey", "duplicate", "credentials", "references"}
_OF_BOTH = {"journal", "apiKey", "account", "integration", "unmanaged"}
"""Which checks need the configuration, the state, or both."""
_OF_ACCOUNTS = {"apiKey", "account", "integration", "unmanaged"}
"""Which checks need the lists of the accounts, and the keys to read them."""


def examine(
    stacks: Sequence[Stack],
    *,
    without_stack: Callable[[], Settings],
    accounts: Sequence[str] = (),
    checks: Collection[str] = CHECKS,
) -> Iterator[Check]:
    """Check *stacks* and the accounts that they use. Yield each result as soon as it is known.

    Args:
        stacks: The stacks.
        without_stack: Returns the settings if there are no stacks. It is called only if a check needs an account.
        accounts: References of the accounts to list; by default those that the stacks use.
        checks: The names of the checks to make; by default all.
    """
    wanted = {*checks}
    for check in _run_checks(stacks, without_stack, accounts, wanted):
        # A selected check may depend on another one that failed, so that failure is shown too.
        if check.name in wanted or check.verdict != "ok":
            yield check


def _run_checks(
    stacks: Sequence[Stack], without_stack: Callable[[], Settings], accounts: Sequence[str], wanted: set[str]
) -> Iterator[Check]:
    if "tools" in wanted:
        yield from stack_checks.tools(stacks)
    patients = [Patient(stack) for stack in stacks]
    for patient in patients:
        if wanted & (_OF_CONFIGURATION | _OF_BOTH):
            yield from stack_checks.configuration(patient, wanted)
        if wanted & (_OF_STATE | _OF_BOTH):
            yield from stack_checks.state(patient, wanted)
        if wanted & (_OF_ACCOUNTS | {"recordedKey"}):
            yield from stack_checks.recorded_key(patient, wanted)
    if "duplicate" in wanted:
        yield from stack_checks.duplicates(patients)
    yield from credentials_check.examine(patients, wanted)
    yield from references_check.examine(patients, wanted)
    if "journal" in wanted:
        yield from journal_check.examine(patients)
    if wanted & _OF_ACCOUNTS:
        yield from _at_justt(patients, without_stack, accounts, wanted)


def _at_justt(
    patients: Sequence[Patient], without_stack: Callable[[], Settings], accounts: Sequence[str], wanted: set[str]
) -> Iterator[Check]:
    settings = [patient.settings for patient in patients if patient.settings]
    if not patients:
        try:
            settings = [without_stack()]
        except InvalidSettings as error:
            yield Check("configuration", "finding", f"{error}.")
    views = [view for patient in patients if (view := patient.view)]
    found = account_checks.Accounts()
    for account in account_records.accounts(views, settings, accounts):
        yield account_checks.listed(account, found)
    if "integration" in wanted:
        for view in views:
            yield from account_checks.integrations(view, found)
    if "unmanaged" in wanted:
        yield from account_checks.unmanaged(patients, views, found)
