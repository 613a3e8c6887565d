"""The command line of `pulumi-justt recover`."""

from __future__ import annotations

from pathlib import Path

import click

from pulumi_justt.cli import intents, rendering, stacks
from pulumi_justt.cli.options import FINDINGS, FINE, common
from pulumi_justt.cli.recover import dialog
from pulumi_justt.cli.recover.diagnosis import clear_resolved, diagnose
from pulumi_justt.cli.recover.repair import repair
from pulumi_justt.cli.recover.state_repair import backup_file

__all__ = ["command"]


@click.command("recover")
@click.option(
    "--stack",
    "-s",
    "names",
    multiple=True,
    metavar="NAME",
    help="The stack to repair. Default: the selected stack. Repeat it for stacks that share its accounts: what they "
    "manage is then not offered as a candidate.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="[NAME=]ID",
    help="Make this integration the resource's own, because the unfinished create made it. NAME is the resource's name "
    "or URN; you can omit it if only one resource needs a decision. Repeat for more.",
)
@click.option(
    "--deactivate",
    "deactivations",
    multiple=True,
    metavar="[NAME=]ID",
    help="Deactivate this integration, which the unfinished create made. The next update creates another one. Repeat "
    "for more.",
)
@click.option(
    "--forget",
    "forgotten",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Drop the unfinished create, and leave Justt as it is. The next update creates another integration. Repeat "
    "for more.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Don't prompt; all decisions come from the options.")
@common
def command(names: tuple[str, ...], is_sure: bool, folder: Path, is_json: bool, **given: tuple[str, ...]) -> int:
    """Resolve unfinished creates, so that the next update creates no duplicate.

    There are two kinds of unfinished creates: operations that Pulumi recorded as pending, for example because an update
    was killed, and creates in this machine's journal whose response was lost. For each, the command lists the
    integrations at Justt that are in neither this stack nor another one named with --stack, and asks which one the
    create made. It does not guess, and it changes nothing before you confirm.

    If you claim an integration for a pending operation, the command writes it into the state. Before that, it saves a
    backup of the state in the folder .pulumi-justt beside Pulumi.yaml. Git ignores that folder, only you can read the
    file, and its secrets are encrypted. If the create is only in the journal, the next `pulumi up` claims the
    integration, even for a replacement.

    --json without --yes does not prompt and changes nothing: it prints what is unfinished, with exit code 1.

    \b
    Keys of --json:
      stack
      unfinished[]: urn, operation, isPending (false if only in the journal),
        journalFile, text, needsDecision, canClaim, canDeactivate,
        candidates[] and deactivated[]: integrationId, source, status, goLiveDate
        decision (claim, deactivate, forget or null), integrationId
      isDone: whether the decisions were carried out, or saved for the next update
      backup: the file with the state as it was before, or null
    """
    chosen = stacks.chosen(names, folder)
    if not chosen:
        raise click.UsageError(f"there is no Pulumi project in {folder.absolute()}: name its folder with --cwd")
    diagnosis = diagnose(chosen[0], chosen[1:], intents.opened(rendering.note), rendering.note)
    decisions = dialog.decisions(diagnosis, **given)
    backup = backup_file(folder)
    is_done = False
    if is_sure or not is_json:
        for line in clear_resolved(diagnosis):
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
