"""The command line of `pulumi-justt recover`."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from pulumi_justt.cli import intents, rendering, stacks
from pulumi_justt.cli.options import FINDINGS, FINE, common
from pulumi_justt.cli.recover import dialog
from pulumi_justt.cli.recover.diagnosis import clear_settled, diagnose
from pulumi_justt.cli.recover.repair import repair

__all__ = ["command"]


@click.command("recover")
@click.option(
    "--stack",
    "-s",
    "names",
    multiple=True,
    metavar="NAME",
    help="The stack to repair. Default: the selected one. Given again: stacks that share its accounts, so that what "
    "they manage is no candidate.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="[NAME=]ID",
    help="The integration that a create has made becomes the resource's own. NAME is the resource's name or URN, and "
    "may be left out where there is only one. May be given again.",
)
@click.option(
    "--deactivate",
    "deactivations",
    multiple=True,
    metavar="[NAME=]ID",
    help="The integration that a create has made is deactivated, and the next update creates another one.",
)
@click.option(
    "--forget",
    "forgotten",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Nothing was created, or it is not to be touched: the next update creates another one.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Ask nothing; the options then say all there is to say.")
@common
def command(names: tuple[str, ...], is_sure: bool, folder: Path, is_json: bool, **given: tuple[str, ...]) -> int:
    """Settle creates that never ended, so that the next update creates no second integration.

    It knows two kinds: operations that Pulumi never saw the end of, as after a killed update, and creates whose answer
    was lost, which this machine's journal keeps. For each it shows what Justt has and no given stack does, and asks
    which of that is the resource's. What is claimed for an interrupted operation is written into the state, after a
    backup of it (in the project's folder; secrets stay encrypted). Without such an operation the next `pulumi up`
    claims it, for a replacement too. It never guesses, and until the last yes it changes nothing.

    --json without --yes asks nothing and changes nothing: it shows what is unfinished, with exit code 1.

    \b
    Keys of --json:
      stack
      unfinished[]: urn, operation, isPending (Pulumi's) or only in the journal,
        journalFile, text, needsDecision, canClaim, canDeactivate,
        candidates[] and deactivated[]: integrationId, source, status, goLiveDate
        decision (claim, deactivate, forget or null), integrationId
      isDone: whether what was decided was carried out, or written for later
      backup: the file with the state before, or null
    """
    chosen = stacks.chosen(names, folder)
    if not chosen:
        raise click.UsageError(f"there is no Pulumi project in {folder.absolute()}: name its folder with --cwd")
    diagnosis = diagnose(chosen[0], chosen[1:], intents.opened(rendering.note), rendering.note)
    decisions = dialog.decisions(diagnosis, **given)
    backup = folder / f"pulumi-justt-recover-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}.json"
    is_done = False
    if is_sure or not is_json:
        for line in clear_settled(diagnosis):
            rendering.note(line)
        if not diagnosis.concerns_us:
            rendering.note("No create and no other operation of this provider is unfinished.")
        else:
            if not is_json:
                dialog.show(diagnosis)
            if not is_sure and not dialog.is_agreed(diagnosis, decisions):
                rendering.note("Nothing was changed.")
                return FINDINGS
            for line in repair(diagnosis, decisions, backup):
                rendering.note(line)
            is_done = True
    if is_json:
        written = backup if is_done and diagnosis.rewrites_state else None
        rendering.print_json(dialog.document(diagnosis, decisions, is_done=is_done, backup=written))
    return FINDINGS if diagnosis.concerns_us and not is_done else FINE
