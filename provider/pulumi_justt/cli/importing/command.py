"""The command line of `pulumi-justt import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.importing.candidates import described
from pulumi_justt.cli.importing.import_answers import ImportRefused
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
    help="A stack whose integrations are left alone; may be given again.",
)
@click.option(
    "--account", type=account, metavar="ID", help="The reference account to list. Default: the configured one."
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Import this one; may be given again.")
@click.option("--all", "is_all", is_flag=True, help="Import all that none of the stacks has.")
@click.option(
    "--answers",
    "answers",
    type=click.File(encoding="utf-8"),
    callback=_text,
    metavar="FILE",
    help="What Justt does not return, in YAML or JSON; see below. Alone, it says which to import.",
)
@click.option(
    "--credentials",
    "credentials",
    type=click.Choice(["values", "from-env"]),
    default="values",
    show_default=True,
    help="What is asked for: credentials, without echo, or names of variables, so that nothing secret is.",
)
@click.option(
    "--protect/--no-protect",
    "is_protected",
    default=True,
    show_default=True,
    help="Whether they get deletion_protection, which refuses deletes and lets rotations pass.",
)
@click.option(
    "--config/--no-config",
    "sets_configuration",
    default=True,
    show_default=True,
    help="Whether the credentials are set in the stack's configuration, too.",
)
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Only write the file that `pulumi import` takes.",
)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Ask for no consent.")
@common
def command(  # noqa: PLR0913, PLR0917 - one argument for each option that is no wish
    name: str | None,
    others: tuple[str, ...],
    credentials: str,
    is_sure: bool,
    folder: Path,
    is_json: bool,
    **given: Any,  # noqa: ANN401 - the rest are the fields of `Wishes`
) -> int:
    """Take integrations that exist into a stack as its own, with the program for them.

    What no given stack has is listed, and you pick. Each is verified by a GET, and nothing else is sent to Justt. What
    Justt does not return, you are asked for: a name, an identifier, the credentials as Justt has them. The provider's
    own check verifies that, and `pulumi import` puts it into the state, so that with the program that is printed the
    next preview is empty. From then on the stack owns them: unlike with adopt_id, `pulumi destroy` deactivates them.

    No credential is in a file or an argument: they go to `pulumi` through pipes. In the file of --out they are
    encrypted by the stack's secrets provider, so that only this stack can read it.

    \b
    An answers file, which holds no credential:
      8c0e72bf-...:                        # the id at Justt
        resource_name: stripe-eu
        external_identifier: stripe-eu-main
        integration_name: Stripe EU
        credentials: ApiKeyOnly            # a class of justt.credentials
        fields:
          api_key: {variable: STRIPE_KEY}  # read now; or {fromEnv: NAME},
                                           # {fromFile: PATH}: the program says so
        merchant_account_codes: [acct_1]   # optional
        reference_account_id: acct_42      # optional

    \b
    Keys of --json:
      integrations[]: integrationId, source, status, goLiveDate,
        referenceAccountId, resourceName
      isImported (null where nobody can tell), program,
      configuration[] (keys that were set),
      commands[] (what is left to run), file, failure
      isComplete: whether all was listed that had to be; notes[]: why not
    With --json and nothing that says which, only integrations[], isComplete and notes[] are printed, and nothing is
    imported. Where that list or the one of --all may not be whole, the exit code is 3.
    """
    options = ImportOptions(**given, is_by_reference=credentials == "from-env")
    if options.ids and options.is_all:
        raise click.UsageError("--id and --all exclude each other")
    importer = Importer(Stack(name, folder), [Stack(other, folder) for other in others], rendering.note)
    if is_json and not options.says_which:
        listed = [described(each) for each in importer.candidates(options.account)]
        rendering.print_json({"integrations": listed, **_completeness(importer)})
        return NOT_DONE if importer.doubts else FINE
    try:
        outcome = importer.run(options, Terminal(is_sure=is_sure))
    except ImportRefused as refused:
        # All of them in one paragraph would be hard to read.
        rendering.note("error: nothing was imported:")
        for problem in refused.problems:
            rendering.note(f"  {problem}")
        return NOT_DONE
    except click.Abort:
        rendering.note("Nothing was imported. Where nobody can answer, give --answers and --yes.")
        raise
    if outcome is None:
        rendering.note("There is nothing to import.")
    if is_json:
        rendering.print_json({**(outcome or Outcome((), "")).as_json(), **_completeness(importer)})
    elif outcome:
        _show(outcome)
    if outcome and outcome.failure:
        rendering.note(f"error: {outcome.failure}")
    return NOT_DONE if (outcome and outcome.failure) or (options.is_all and importer.doubts) else FINE


def _completeness(importer: Importer) -> Mapping[str, object]:
    return {"isComplete": not importer.doubts, "notes": [*importer.doubts]}


def _show(outcome: Outcome) -> None:
    """Print the program on stdout, and on stderr what is to be done with it."""
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
    rendering.note(
        "Paste this before the next `pulumi up`, which deletes what the program does not have; then `pulumi preview "
        "--expect-no-changes` shows that nothing changes:"
    )
    rendering.print_text(outcome.program)
