"""The command line of `pulumi-justt list`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pulumi_justt.api.models import SOURCES, STATUSES
from pulumi_justt.cli import options, rendering, stacks
from pulumi_justt.cli.account_records import Managed
from pulumi_justt.cli.list import records
from pulumi_justt.cli.options import ACCOUNTS, ENVIRONMENT, FINE, NOT_DONE, STACKS, common
from pulumi_justt.errors import nearest

__all__ = ["command"]

_COLUMNS = ("ID", "SOURCE", "STATUS", "GO-LIVE", "ENVIRONMENT", "ACCOUNT", "MANAGED BY")
_SPARE = ("ENVIRONMENT", "GO-LIVE", "ACCOUNT", "STATUS", "SOURCE")


@click.command("list")
@STACKS
@ACCOUNTS
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES, case_sensitive=False),
    help="Only integrations with this status; repeat for more.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="PSP",
    help=f"Only integrations of this source, such as {SOURCES[0]}; repeat for more.",
)
@click.option(
    "--unmanaged", "is_unmanaged_only", is_flag=True, help="Only integrations that none of the stacks manages."
)
@ENVIRONMENT
@common
def command(
    names: tuple[str, ...],
    sources: tuple[str, ...],
    environment: str | None,
    folder: Path,
    is_json: bool,
    **filters: Any,  # noqa: ANN401 - the other options are arguments of `collect`
) -> int:
    """List the integrations at Justt and the resources that manage them.

    The command reads up to 100 pages (10,000 integrations) of an account. If the list may be incomplete, stderr says
    why, and the exit code is 3.

    Without a stack, the settings come from the JUSTT_* variables, and stderr says which environment the command asks.
    It asks production only if --environment or JUSTT_ENVIRONMENT names it.

    \b
    Keys of --json:
      integrations[]: integrationId, source, status, goLiveDate, environment,
        referenceAccountId, managedBy[]: stack, urn, isExternal, isAdopted
      isComplete: false if the list may be incomplete
      notes[]: why it may be incomplete
    """
    given = stacks.chosen(names, folder)
    options.refuse_environment(given, environment)
    settings = None if given else options.settings_without_stack(environment, folder)
    seen = records.collect(given, without_stack=settings, sources=sources, **filters)
    if is_json:
        listed = [_document(each) for each in seen.found]
        rendering.print_json({"integrations": listed, "isComplete": not seen.notes, "notes": [*seen.notes]})
    elif seen.found:
        rendering.print_table(_COLUMNS, [_row(each) for each in seen.found], spare=_SPARE)
    unknown = [] if seen.found else [source for source in sources if source not in SOURCES]
    for source in unknown:
        rendering.note(f"--source {source}: no integration of this source was found{nearest(source, SOURCES)}.")
    if seen.is_read and not (seen.found or unknown or is_json):
        rendering.note("No integration was found.")
    for note in seen.notes:
        rendering.note(f"{'warning' if seen.is_read else 'error'}: {note}")
    return NOT_DONE if seen.notes else FINE


def _row(found: records.Found) -> tuple[str | None, ...]:
    account, managers = found.account, ", ".join(map(_manager, found.managed))
    return (*rendering.cells(found.record), account.settings.environment, account.reference, managers)


def _document(found: records.Found) -> Mapping[str, object]:
    return {
        **found.record.model_dump(by_alias=True),
        "environment": found.account.settings.environment,
        "referenceAccountId": found.account.reference,
        "managedBy": [
            {
                "stack": each.stack.name,
                "urn": each.recorded.urn,
                "isExternal": each.recorded.is_external,
                "isAdopted": each.recorded.is_adopted,
            }
            for each in found.managed
        ],
    }


def _manager(managed: Managed) -> str:
    where = f"{managed.stack.name}: " if managed.stack.name else ""
    how = " (get)" if managed.recorded.is_external else " (replaced)" if managed.recorded.is_replaced else ""
    return f"{where}{managed.recorded.name}{how}"
