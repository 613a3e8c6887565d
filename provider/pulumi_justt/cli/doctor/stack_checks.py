"""The checks of `pulumi-justt doctor` that call only the `pulumi` CLI: versions, configuration and state."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version

from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.engine import name_of
from pulumi_justt.cli.stacks import Stack, StackError
from pulumi_justt.cli.state import Pending
from pulumi_justt.core.messages import recorded_settings_remediation
from pulumi_justt.errors import InvalidSettings

__all__ = ["configuration", "duplicates", "recorded_key", "state", "tools"]

_OLDEST_CLI = (3, 254)
"""The first CLI version that has every feature the commands and the provider use."""


def tools(stacks: Sequence[Stack]) -> Iterator[Check]:
    """Check the versions of the CLI and the SDK."""
    own = f"SDK {version('pulumi')}, Python {platform.python_version()} and pulumi-justt {version('pulumi-justt')}"
    try:
        cli = (stacks[0] if stacks else Stack()).version()
    except StackError as error:
        yield Check("tools", "finding", str(error))
        return
    numbers = tuple(map(int, re.findall(r"\d+", cli)[:2]))
    if numbers < _OLDEST_CLI:
        remediation = f"Update the CLI to {'.'.join(map(str, _OLDEST_CLI))} or later."
        yield Check("tools", "finding", f"pulumi CLI {cli} is too old for {own}.", remediation)
    else:
        yield Check("tools", "ok", f"pulumi CLI {cli}, {own} work together.")


def configuration(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    """Check the configuration, and store it for the other checks."""
    stack = patient.stack
    try:
        patient.configuration = found = stack.configuration()
    except StackError as error:
        yield Check("configuration", "finding", str(error), stack=stack.name)
        return
    if found.has_plain_key and "configuration" in wanted:
        yield Check(
            "configuration",
            "finding",
            "justt:apiKey is in the stack's configuration in plain text.",
            "Run `pulumi config set --secret justt:apiKey` and enter the key again. If the file was committed, ask "
            "Justt to replace the key.",
            stack.name,
        )
    try:
        patient.settings = stack.settings(found)
    except InvalidSettings as error:
        yield Check("configuration", "finding", f"{error}.", stack=stack.name)
        return
    where = f"{patient.settings.environment} at {patient.settings.base_url}"
    account = patient.settings.reference_account_id
    which = f"account {account} by default" if account else "no default account"
    yield Check("configuration", "ok", f"{where}, {which}.", stack=stack.name)


def recorded_key(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    """Compare the state's copy of the settings with the configuration.

    Keep the settings of each `justt.Provider`, with its own API key, in *patient* for the other checks.
    """
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
        yield Check("recordedKey", "finding", text, recorded_settings_remediation(text), stack.name)
    else:
        yield Check("recordedKey", "ok", "the settings in the state match the configuration.", stack=stack.name)


def state(patient: Patient, wanted: set[str]) -> Iterator[Check]:
    """Export the state, store it for the other checks, and check for interrupted operations."""
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
    again = stack.option
    if not operation.is_ours:
        remediation = f"This concerns another provider: run `pulumi refresh{again}`, which asks what to do about it."
    elif operation.may_have_created:
        remediation = (
            "Do not run `pulumi up` before this is resolved: if this machine's journal lacks this create, it could "
            f"create a duplicate. If the stack is locked, run `pulumi cancel`. Then run `pulumi-justt recover{again}`."
        )
    else:
        remediation = (
            f"Run `pulumi up{again}`, which repeats what is needed, or `pulumi-justt recover{again}`, which clears the "
            "record."
        )
    subject = f"{operation.kind} {operation.name}"
    return Check(
        "pending",
        "finding",
        f"{subject} was interrupted.",
        remediation,
        stack.name,
        urn=operation.urn,
        cause="interrupted",
        subject=subject,
    )


def duplicates(patients: Iterable[Patient]) -> Iterator[Check]:
    """Find integrations that two resources own. A copied state has the same resource in another stack."""
    holders: dict[tuple[str, str], set[tuple[str, str]]] = {}
    is_known = False
    for patient in patients:
        for recorded in patient.state.integrations() if patient.state else ():
            is_known = True
            if not recorded.is_external and not recorded.is_replaced:
                key = str(recorded.outputs.get("environment")), recorded.integration_id
                holders.setdefault(key, set()).add((recorded.urn, patient.stack.name or ""))
    shared = {key: sorted(has) for key, has in holders.items() if len(has) > 1}
    for (_, integration_id), has in shared.items():
        yield _shared(integration_id, has)
    if is_known and not shared:
        yield Check("duplicate", "ok", "no integration is in two resources.")


def _shared(integration_id: str, has: Sequence[tuple[str, str]]) -> Check:
    """Return the finding for an integration that several resources have, each given by its URN and its stack."""
    urns = [urn for urn, _ in has]
    if len({*urns}) == len(has):
        return Check(
            "duplicate",
            "finding",
            f"integration {integration_id} is in {len(has)} resources: {', '.join(urns)}.",
            "Deleting any of them deactivates it for all: keep one, and run `pulumi state delete` with the URN of each "
            "other one.",
            integration_id=integration_id,
        )
    places = ", ".join(f"{name_of(urn)} of {stack}" for urn, stack in has)
    return Check(
        "duplicate",
        "finding",
        f"integration {integration_id} is in several stacks: {places}.",
        "Deleting it in one of them deactivates it for all. If a stack is a copy, remove it with `pulumi stack rm "
        "--force`, which sends nothing to Justt. Otherwise keep the integration in one stack, and run `pulumi state "
        "delete` with its URN in each other one.",
        integration_id=integration_id,
        cause="copied",
        subject=f"{integration_id}: {places}",
    )
