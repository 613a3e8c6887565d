"""The command line of `pulumi-justt log`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

import click

from pulumi_justt.api.models import to_vendor_time
from pulumi_justt.cli import intents, rendering
from pulumi_justt.cli.engine import name_of
from pulumi_justt.cli.log.entries import Entry, collect
from pulumi_justt.cli.options import FINE, JSON, NOT_DONE

__all__ = ["command"]

_COLUMNS = ("TIME", "CHANGE", "ID", "RESOURCE", "STACK", "ERROR ID")
_SPARE = ("STACK", "ERROR ID", "RESOURCE")


@click.command("log")
@click.option(
    "--stack",
    "-s",
    "stacks",
    multiple=True,
    metavar="[PROJECT/]STACK",
    help="Only changes of this stack; repeat for more. Default: all stacks.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    metavar="DATE",
    help="Only changes since this date or time in UTC, such as 2027-01-31 or 2027-01-31T08:00:00Z.",
)
@click.option("--last", "is_last_only", is_flag=True, help="Only the last run that made such a change.")
@JSON
def command(stacks: tuple[str, ...], since: datetime | None, is_last_only: bool, is_json: bool) -> int:
    """Show which integrations each run on this machine created and deactivated.

    A run is one `pulumi up`, `refresh` or `destroy`, or one `pulumi-justt recover` or `verify`. The changes come from
    this machine's journal, for all projects, and contain no credential. The command asks neither Justt nor Pulumi. The
    journal keeps the changes of a run for 400 days, and of at most 2,000 runs.

    If a part of the journal can't be read, stderr says why, and the exit code is 3.

    \b
    Keys of --json:
      changes[]: time, run, action (create, deactivate), outcome, integrationId,
        errorId, deactivationDate, externalIdentifier, source, referenceAccountId,
        baseUrl, stack, urn
        outcome of a create: created, claimed (an earlier create made it),
          failed (nothing was created), unknown (it may exist)
        outcome of a deactivation: deactivated, scheduled (for the date),
          alreadyInactive, missing (404 with JUSTT_ON_MISSING=gone),
          failed (it may still be active)
      isComplete: false if a part of the journal can't be read
      notes[]: why it can't be read
    """
    found = collect(intents.opened(lambda _: None), stacks=stacks, since=since, is_last_only=is_last_only)
    if is_json:
        documents = [_document(each) for each in found.entries]
        rendering.print_json({"changes": documents, "isComplete": not found.notes, "notes": [*found.notes]})
    else:
        rows = [_row(each) for each in found.entries]
        rendering.print_table(_COLUMNS, rows, spare=_SPARE, below={"RESOURCE": "ID"})
    if not found.entries and not found.notes:
        rendering.note("The journal on this machine has no such change.")
    for note in found.notes:
        rendering.note(f"warning: {note}")
    return NOT_DONE if found.notes else FINE


def _time(entry: Entry) -> str:
    return to_vendor_time(datetime.fromtimestamp(entry.change.at, timezone.utc))


def _row(entry: Entry) -> tuple[str | None, ...]:
    change = entry.change
    # Only these two words don't say what the run tried.
    what = f"{change.action} {change.outcome}" if change.outcome in ("failed", "unknown") else change.outcome
    name = name_of(change.urn) if change.urn else change.external_identifier
    return _time(entry), what, change.integration_id, name, entry.stack, change.error_id


def _document(entry: Entry) -> Mapping[str, object]:
    change = entry.change
    return {
        "time": _time(entry),
        "run": entry.run,
        "action": change.action,
        "outcome": change.outcome,
        "integrationId": change.integration_id,
        "errorId": change.error_id,
        "deactivationDate": change.deactivation_date,
        "externalIdentifier": change.external_identifier,
        "source": change.source,
        "referenceAccountId": change.account,
        "baseUrl": change.base_url,
        "stack": entry.stack,
        "urn": change.urn,
    }
