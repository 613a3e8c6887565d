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

import platform
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from pulumi_justt.api.client import shared_client
from pulumi_justt.api.listing import Listing
from pulumi_justt.cli import journal_check, survey
from pulumi_justt.cli.checks import Check, Patient, Verdict
from pulumi_justt.cli.stacks import Pending, Recorded, Stack, StackError
from pulumi_justt.cli.survey import Account, Managed, View
from pulumi_justt.errors import InvalidSettings, JusttError, Refused, RequestError, recorded_settings_cure
from pulumi_justt.secrecy import SecretHolder

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

_OLDEST_CLI = (3, 254)
"""The first CLI that has all that the commands and the provider use."""

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
class _Accounts(SecretHolder):
    """The lists of the accounts, as far as they could be read."""

    listings: dict[Account, Listing] = field(default_factory=dict)
    failed: set[Account] = field(default_factory=set)


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
        yield from _tools(stacks)
    patients = [Patient(stack) for stack in stacks]
    for patient in patients:
        if wanted & (_OF_CONFIGURATION | _OF_BOTH):
            yield from _configuration(patient, wanted)
        if wanted & (_OF_STATE | _OF_BOTH):
            yield from _state(patient, wanted)
        if wanted & (_OF_ACCOUNTS | {"recordedKey"}):
            yield from _recorded_key(patient, wanted)
    if "duplicate" in wanted:
        yield from _duplicates(patients)
    if "journal" in wanted:
        yield from journal_check.examine(patients)
    if wanted & _OF_ACCOUNTS:
        yield from _at_justt(patients, accounts, wanted)


def _at_justt(patients: Sequence[Patient], accounts: Sequence[str], wanted: set[str]) -> Iterator[Check]:
    settings = [patient.settings for patient in patients if patient.settings]
    if not patients:
        try:
            settings = [survey.default_settings()]
        except InvalidSettings as error:
            yield Check("configuration", "finding", f"{error}.")
    views = [view for patient in patients if (view := patient.view)]
    found = _Accounts()
    for account in survey.accounts(views, settings, accounts):
        yield _listed(account, found)
    if "integration" in wanted:
        for view in views:
            yield from _integrations(view, found)
    if "unmanaged" in wanted:
        yield from _unmanaged(patients, views, found)


def _tools(stacks: Sequence[Stack]) -> Iterator[Check]:
    own = f"SDK {version('pulumi')}, Python {platform.python_version()} and pulumi-justt {version('pulumi-justt')}"
    try:
        cli = (stacks[0] if stacks else Stack()).version()
    except StackError as error:
        yield Check("tools", "finding", str(error))
        return
    numbers = tuple(map(int, re.findall(r"\d+", cli)[:2]))
    oldest = ".".join(map(str, _OLDEST_CLI))
    if numbers < _OLDEST_CLI:
        yield Check(
            "tools", "finding", f"pulumi CLI {cli} is too old for {own}.", f"Update the CLI to {oldest} or later."
        )
    else:
        yield Check("tools", "ok", f"pulumi CLI {cli}, {own} work together.")


def _configuration(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    stack = patient.stack
    try:
        patient.configuration = configuration = stack.configuration()
    except StackError as error:
        yield Check("configuration", "finding", str(error), stack=stack.name)
        return
    if configuration.has_plain_key and "configuration" in wanted:
        yield Check(
            "configuration",
            "finding",
            "justt:apiKey stands in the stack's configuration in plain text.",
            "Run `pulumi config set --secret justt:apiKey` and give it the key again; if the file was committed, have "
            "the key replaced at Justt.",
            stack.name,
        )
    try:
        patient.settings = stack.settings(configuration)
    except InvalidSettings as error:
        yield Check("configuration", "finding", f"{error}.", stack=stack.name)
        return
    where = f"{patient.settings.environment} at {patient.settings.base_url}"
    account = patient.settings.reference_account_id
    which = f"account {account} by default" if account else "no default account"
    yield Check("configuration", "ok", f"{where}, {which}.", stack=stack.name)


def _recorded_key(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    stack = patient.stack
    if patient.state is None or patient.configuration is None:
        return
    try:
        if patient.settings:
            patient.own = stack.provider_settings(patient.state, patient.settings)
        outdated = "recordedKey" in wanted and stack.outdated(patient.state, patient.configuration)
    except StackError as error:
        yield Check("recordedKey", "not checked", str(error), stack=stack.name)
        return
    if outdated:
        text = f"the configuration has changed since the last `pulumi up`: {', '.join(outdated)}."
        yield Check("recordedKey", "finding", text, recorded_settings_cure(text), stack.name)
    else:
        yield Check("recordedKey", "ok", "the state has the settings of the configuration.", stack=stack.name)


def _state(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    stack = patient.stack
    try:
        patient.state = stack.state()
    except StackError as error:
        yield Check("state", "finding", str(error), stack=stack.name)
        return
    pending = patient.state.pending() if "pending" in wanted else []
    for operation in pending:
        yield _pending(stack, operation)
    if not pending:
        yield Check("pending", "ok", "no operation was interrupted.", stack=stack.name)


def _pending(stack: Stack, operation: Pending) -> Check:
    again = f" --stack {shlex.quote(stack.name)}" if stack.name else ""
    if not operation.is_ours:
        cure = f"It belongs to another provider: `pulumi refresh{again}` asks about it."
    elif operation.may_have_created:
        cure = (
            "Do not simply run again, which may create a second one: run `pulumi cancel` if the stack is locked, then "
            f"`pulumi-justt recover{again}`."
        )
    else:
        cure = f"`pulumi up{again}` does again what was not done; `pulumi-justt recover{again}` clears the record."
    return Check(
        "pending",
        "finding",
        f"{operation.kind} {operation.name} was interrupted.",
        cure,
        stack.name,
        urn=operation.urn,
    )


def _duplicates(patients: Iterable[Patient]) -> Iterator[Check]:
    holders: dict[tuple[str, str], dict[str, Managed]] = {}
    is_known = False
    for patient in patients:
        for recorded in patient.state.integrations() if patient.state else ():
            is_known = True
            if not recorded.is_external and not recorded.is_replaced:
                key = str(recorded.outputs.get("environment")), recorded.integration_id
                holders.setdefault(key, {})[recorded.urn] = Managed(patient.stack, recorded)
    shared = {key: has for key, has in holders.items() if len(has) > 1}
    for (_, integration_id), has in shared.items():
        yield Check(
            "duplicate",
            "finding",
            f"integration {integration_id} is in {len(has)} resources: {', '.join(sorted(has))}.",
            "Whoever deletes it first deactivates it for all: keep one, and run `pulumi state delete` with the URN of "
            "each other.",
            integration_id=integration_id,
        )
    if is_known and not shared:
        yield Check("duplicate", "ok", "no integration is in two resources.")


def _listed(account: Account, found: _Accounts) -> Check:
    try:
        listing = survey.listed(account)
    except InvalidSettings as error:
        found.failed.add(account)
        return Check("apiKey", "finding", f"{error}.", account=account.reference)
    except RequestError as error:
        found.failed.add(account)
        is_refused = isinstance(error, Refused) and error.is_of_key
        verdict: Verdict = "finding" if is_refused else "not checked"
        return Check("apiKey" if is_refused else "account", verdict, str(error), account=account.reference)
    found.listings[account] = listing
    if not listing.is_complete:
        return Check(
            "account", "not checked", survey.cut_short(account, len(listing.records)), account=account.reference
        )
    live = sum(not record.is_inactive for record in listing.records.values())
    return Check(
        "account",
        "ok",
        f"the key from {account.settings.api_key_origin} is accepted. Integrations of {account.called}: {live}, and "
        f"INACTIVE: {len(listing.records) - live}.",
        account=account.reference,
    )


def _integrations(view: View, found: _Accounts) -> Iterator[Check]:
    well = 0
    for recorded in view.state.integrations():
        checks = list(_integration(view, Managed(view.stack, recorded), found))
        yield from checks
        well += not checks
    if well:
        yield Check("integration", "ok", f"integrations as they should be: {well}.", stack=view.stack.name)


def _integration(view: View, managed: Managed, found: _Accounts) -> Iterator[Check]:
    recorded, stack = managed.recorded, view.stack.name
    integration_id = recorded.integration_id
    called = f"{recorded.name} ({integration_id})"

    def told(verdict: Verdict, text: str, cure: str = "") -> Check:
        return Check(
            "integration", verdict, f"{called} {text}", cure, stack, recorded.account, integration_id, recorded.urn
        )

    environment = recorded.outputs.get("environment", view.settings.environment)
    if environment != view.settings.environment:
        yield told(
            "finding",
            f"was recorded in {environment}, and the configuration says {view.settings.environment}.",
            "Set justt:environment and justt:baseUrl (or their variables) back for this stack.",
        )
        return
    if recorded.has_secret_account:
        yield told(
            "not checked",
            "could not be looked up, as its account is a secret.",
            "Give reference_account_id as plain text, as it is no credential.",
        )
        return
    account = view.account(recorded, recorded.account)
    if account in found.failed:
        yield told("not checked", "could not be looked up, as its account could not be listed.")
        return
    try:
        status = _status(account, integration_id, found)
    except JusttError as error:
        yield told("not checked", f"could not be looked up: {error}")
        return
    if status is None:
        yield told(
            "finding",
            f"is not known at Justt, or not to the key from {account.settings.api_key_origin} in {account.called}.",
            "Correct the id in the program, or the key, the account or the environment."
            if recorded.is_external
            else "Check the key, the account and the environment. Only if it is gone for good (a sandbox that was "
            "wiped), run `pulumi refresh` with JUSTT_ON_MISSING=gone.",
        )
    elif recorded.is_replaced:
        yield told("finding", f"was replaced, and still waits to be deactivated ({status}).", "Run `pulumi up`.")
    elif status in _UNWELL:
        text, cure = _UNWELL[status]
        yield told("finding", text, _NOT_OURS if recorded.is_external else f"{_release(recorded)}{cure}")


def _release(recorded: Recorded) -> str:
    return "Take adopt_id out of the program, which names it. " if recorded.is_adopted else ""


def _status(account: Account, integration_id: str, found: _Accounts) -> str | None:
    """Return the status of an integration, or None where it is not known.

    Raises:
        RequestError: It could not be read.
    """
    listing = found.listings.get(account)
    if listing and integration_id in listing.records:
        return listing.records[integration_id].status
    try:
        return (
            shared_client(account.settings)
            .get_integration(
                integration_id,
                tried=f"reading integration {integration_id}",
                account=account.reference,
            )
            .status
        )
    except Refused as refused:
        if not refused.is_not_found:
            raise
        return None


def _unmanaged(patients: Sequence[Patient], views: Sequence[View], found: _Accounts) -> Iterator[Check]:
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
    known = survey.managed(views)
    waiting = {
        operation.resource.get("inputs", {}).get("source")
        for view in views
        for operation in view.state.pending()
        if operation.may_have_created
    }
    told: set[tuple[str, str]] = set()
    for account, listing in found.listings.items():
        if not listing.is_complete:
            yield Check(
                "unmanaged", "not checked", f"the list of {account.called} is not whole.", account=account.reference
            )
            continue
        strangers = [
            record
            for record in listing.records.values()
            if not record.is_inactive
            and all(
                each.recorded.is_external
                for each in known.get((account.settings.environment, record.integration_id), ())
            )
        ]
        for record in strangers:
            its = account.settings.base_url, record.integration_id
            if its in told:
                continue
            told.add(its)
            shown = survey.shown(record)
            first = (
                "It may be what an interrupted create left: run `pulumi-justt recover` first. "
                if record.source in waiting
                else ""
            )
            yield Check(
                "unmanaged",
                "finding",
                f"{shown.source} integration {shown.integration_id} ({record.status}) is in no given stack.",
                f'{first}Add adopt_id="{shown.integration_id}" to a resource to take it over, or have it deactivated '
                "at Justt if it is nobody's.",
                account=account.reference,
                integration_id=shown.integration_id,
            )
        if not strangers:
            yield Check(
                "unmanaged",
                "ok",
                f"the given stacks manage all integrations of {account.called}.",
                account=account.reference,
            )
