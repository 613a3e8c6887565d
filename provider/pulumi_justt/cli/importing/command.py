"""The command line of `pulumi-justt import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.importing.candidates import described
from pulumi_justt.cli.importing.import_answers import ImportRefused, PromptsStopped
from pulumi_justt.cli.importing.importer import Importer, ImportOptions
from pulumi_justt.cli.importing.plan import Outcome
from pulumi_justt.cli.importing.prompts import Terminal
from pulumi_justt.cli.options import FINE, NOT_DONE, account, common
from pulumi_justt.cli.stacks import Stack

__all__ = ["command"]


def _text(_: click.Context, option: click.Parameter, file: IO[str] | None) -> str | None:
    if file is None:
        return None
    try:
        with file:
            return file.read()
    except UnicodeDecodeError:
        raise click.BadParameter("the file must be in UTF-8", param=option) from None


@click.command("import")
@click.option("--stack", "-s", "name", metavar="NAME", help="The stack to import into. Default: the selected one.")
@click.option(
    "--other-stack",
    "others",
    multiple=True,
    metavar="NAME",
    help="Another stack, whose integrations are not imported; repeat for more.",
)
@click.option(
    "--account", type=account, metavar="ID", help="The reference account to list. Default: the configured one."
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Import this integration; repeat for more.")
@click.option("--all", "is_all", is_flag=True, help="Import all integrations that the command lists.")
@click.option(
    "--answers",
    "answers",
    type=click.File(encoding="utf-8"),
    callback=_text,
    metavar="FILE",
    help="A YAML or JSON file with the values that Justt does not return; see above. Without --id and --all, the "
    "integrations in this file are imported.",
)
@click.option(
    "--template",
    "template",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Don't import; write an answers file to fill in, for the integrations of --id, or all that the command lists.",
)
@click.option(
    "--credentials",
    "credentials",
    type=click.Choice(["values", "from-env"]),
    default="values",
    show_default=True,
    help="Whether to prompt for the credentials, without echo, or only for the names of environment variables that "
    "hold them.",
)
@click.option(
    "--protect/--no-protect",
    "is_protected",
    default=True,
    show_default=True,
    help="Whether to set deletion_protection, which refuses deletes but allows rotations.",
)
@click.option(
    "--config/--no-config",
    "sets_configuration",
    default=True,
    show_default=True,
    help="Whether to also set the credentials in the stack's configuration.",
)
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Don't import; write the file for `pulumi import --file` instead.",
)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Import without asking for confirmation.")
@common
def command(  # noqa: PLR0913, PLR0917 - one argument for each option that is not in `ImportOptions`
    name: str | None,
    others: tuple[str, ...],
    template: Path | None,
    credentials: str,
    is_sure: bool,
    folder: Path,
    is_json: bool,
    **given: Any,  # noqa: ANN401 - the other options are fields of `ImportOptions`
) -> int:
    """Import existing integrations into a stack, and print the program for them.

    The command lists the integrations that are in neither this stack nor one named with --other-stack, and you select
    some. It verifies each with a GET request and sends nothing else to Justt. It prompts for the values that Justt does
    not return: the name, the identifier and the current credentials. The provider checks these values, and `pulumi
    import` adds them to the state. If you add the printed program, the next preview shows no changes. From then on the
    stack owns the integrations: unlike with adopt_id, `pulumi destroy` deactivates them.

    No credential is passed as an argument or written to a file in plain text: the command passes them to `pulumi`
    through pipes. In the file of --out, they are encrypted by the stack's secrets provider, so only this stack can read
    them.

    After Ctrl-C at a prompt, you can still import the integrations that you have answered completely. The exit code is
    then 3, and the next run lists the others again.

    \b
    An answers file, which holds no credential, and which --template prepares:
      8c0e72bf-...:                        # the id at Justt
        resource_name: stripe-eu
        external_identifier: stripe-eu-main
        integration_name: Stripe EU
        credentials: ApiKeyOnly            # a class of justt.credentials
        fields:
          api_key: {variable: STRIPE_KEY}  # read now; with {fromEnv: NAME} or
                                           # {fromFile: PATH}, the program reads it
        merchant_account_codes: [acct_1]   # optional
        reference_account_id: acct_42      # optional

    \b
    Keys of --json:
      integrations[]: integrationId, source, status, goLiveDate,
        referenceAccountId, resourceName
      isImported (null if not known), program,
      configuration[] (the keys that were set),
      commands[] (what is left to run), file, failure
      isComplete: false if the list may be incomplete; notes[]: why

    With --json but none of --id, --all and --answers, the command prints only integrations[], isComplete and notes[],
    and imports nothing. If that list, or the list for --all, may be incomplete, the exit code is 3.
    """
    options = ImportOptions(**given, is_by_reference=credentials == "from-env")
    _require_consistent(options, template)
    importer = Importer(Stack(name, folder), [Stack(other, folder) for other in others], rendering.note)
    if is_json and not options.says_which and not template:
        listed = [described(each) for each in importer.candidates(options.account)]
        rendering.print_json({"integrations": listed, **_completeness(importer)})
        return NOT_DONE if importer.notes else FINE
    try:
        if template:
            outcome = importer.write_template(options, template)
        else:
            outcome = importer.run(options, Terminal(is_sure=is_sure))
    except ImportRefused as refused:
        # One line for each problem: in one paragraph they would be hard to read.
        rendering.note(f"error: nothing was {'written' if template else 'imported'}:")
        for problem in refused.problems:
            rendering.note(f"  {problem}")
        return NOT_DONE
    except (click.Abort, PromptsStopped):
        rendering.note("Nothing was imported. To run without prompts, use --answers and --yes.")
        rendering.note("Stopped.")
        return NOT_DONE
    if outcome is None:
        rendering.note("There is nothing to import.")
    if is_json:
        rendering.print_json({**(outcome or Outcome((), "")).as_json(), **_completeness(importer)})
    elif outcome:
        _show_template(outcome) if template else _show(outcome, options)
    if outcome and outcome.failure:
        rendering.note(f"error: {outcome.failure}")
        return NOT_DONE
    takes_all = options.is_all or (template is not None and not options.ids)
    return NOT_DONE if takes_all and importer.notes else FINE


def _require_consistent(options: ImportOptions, template: Path | None) -> None:
    """Refuse options that contradict each other.

    Raises:
        click.UsageError: Two of the options contradict each other.
    """
    if options.ids and options.is_all:
        raise click.UsageError("use either --id or --all, not both")
    if template and (options.answers is not None or options.file is not None):
        raise click.UsageError("--template takes neither --answers nor --out")


def _show_template(outcome: Outcome) -> None:
    count = len(outcome.imports)
    rendering.note(
        f"Written to {outcome.file}: {count} integration{'' if count == 1 else 's'}. Fill it in, and then run:"
    )
    for command in outcome.commands:
        rendering.note(f"  {command}")


def _completeness(importer: Importer) -> Mapping[str, object]:
    return {"isComplete": not importer.notes, "notes": [*importer.notes]}


def _show(outcome: Outcome, options: ImportOptions) -> None:
    """Print the program to stdout, and the next steps to stderr."""
    if outcome.file:
        rendering.note(f"Written to {outcome.file}, for this stack only. Nothing is imported yet.")
    elif outcome.is_known:
        rendering.note(f"Imported: {', '.join(name for name, _ in outcome.imports)}.")
    if outcome.keys:
        rendering.note(f"Set in the configuration, encrypted: {', '.join(outcome.keys)}.")
    if outcome.commands:
        rendering.note("Run:")
        for command in outcome.commands:
            rendering.note(f"  {command}")
    if options.is_protected:
        rendering.note(
            "deletion_protection=True allows rotations. If you set Pulumi's protect=True instead, a rotation takes two "
            "steps:"
        )
        rendering.note("  1. Remove protect=True from the program, change the credential, and run `pulumi up`.")
        rendering.note("  2. Set protect=True again, and run `pulumi up`.")
    rendering.note(
        "Add this to your program before the next `pulumi up`, which would otherwise delete the resources. Then run "
        "`pulumi preview --expect-no-changes` to verify that nothing changes:"
    )
    rendering.print_text(outcome.program)
