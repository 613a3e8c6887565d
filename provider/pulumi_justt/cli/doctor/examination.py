"""`pulumi-justt doctor`: what is wrong, in sentences, and what to do about each. It writes nothing and sends GETs only.

    check          what it looks at
    tools          the CLI and the SDK are of versions that the provider works with
    configuration  the stack's configuration can be read and used, and its API key is encrypted
    recordedKey    the state's copy of the API key and the other settings, which refresh and destroy use, is the present
                   one
    state          the state can be read
    pending        no operation was interrupted
    journal        no create of the stack that this machine began is still unfinished
    duplicate      no integration is in two resources
    apiKey         the key is accepted
    account        the account's list could be read to its end
    integration    what a stack has is known at Justt, and neither FAILED nor INACTIVE, in the configured environment
    unmanaged      what Justt has is managed by one of the given stacks

A check that cannot be made says so, and the others go on. Where only some are asked for, only what they need is read;
what keeps them from being made is told with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_justt.cli import account_records
from pulumi_justt.cli.doctor import account_checks, journal_check, stack_checks
from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.errors import InvalidSettings

__all__ = ["CHECKS", "examine"]

CHECKS = (
    *("tools", "configuration", "state", "pending", "recordedKey", "duplicate"),
    *("journal", "apiKey", "account", "integration", "unmanaged"),
)
"""The names of the checks, in the order in which they are made."""

_OF_CONFIGURATION = {"configuration", "recordedKey"}
_OF_STATE = {"state", "pending", "recordedKey", "duplicate"}
_OF_BOTH = {"journal", "apiKey", "account", "integration", "unmanaged"}
"""Which checks need the configuration, the state, or both."""
_OF_ACCOUNTS = {"apiKey", "account", "integration", "unmanaged"}
"""Which checks need the lists of the accounts, and the keys to read them."""


def examine(stacks: Sequence[Stack], *, accounts: Sequence[str] = (), only: Sequence[str] = ()) -> Iterator[Check]:
    """Look at *stacks*, and at the accounts that they use; each result comes as soon as it is there.

    Args:
        stacks: The stacks; without any, the JUSTT_* variables say where to look.
        accounts: References of the accounts to list; by default those that the stacks use.
        only: The names of the checks to make; by default all.
    """
    wanted = {*(only or CHECKS)}
    for check in _examined(stacks, accounts, wanted):
        # What one of them needs and could not be had is not kept quiet.
        if check.name in wanted or check.verdict != "ok":
            yield check


def _examined(stacks: Sequence[Stack], accounts: Sequence[str], wanted: set[str]) -> Iterator[Check]:
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
    if "journal" in wanted:
        yield from journal_check.examine(patients)
    if wanted & _OF_ACCOUNTS:
        yield from _at_justt(patients, accounts, wanted)


def _at_justt(patients: Sequence[Patient], accounts: Sequence[str], wanted: set[str]) -> Iterator[Check]:
    settings = [patient.settings for patient in patients if patient.settings]
    if not patients:
        try:
            settings = [account_records.default_settings()]
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
