"""The command line `pulumi-justt`: arguments in, what was found out. What a command does lives in its own module."""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

try:
    import click
except ModuleNotFoundError as missing:
    raise SystemExit(f"pulumi-justt: {missing.name} is missing: run `pip install 'pulumi-justt[cli]'`") from None

from pulumi_justt.api.models import SOURCES, STATUSES
from pulumi_justt.cli import (
    asking,
    doctor,
    importing,
    intents,
    inventory,
    preview,
    recover_dialog,
    recovery,
    rendering,
    stacks,
    summary,
)
from pulumi_justt.cli.checks import Check
from pulumi_justt.cli.prompts import Terminal
from pulumi_justt.cli.survey import Managed
from pulumi_justt.errors import JusttError, nearest

__all__ = ["FINDINGS", "FINE", "NOT_DONE", "main"]

FINE = 0
FINDINGS = 1
NOT_DONE = 3
"""Exit codes; 2 is click's own, for a command line that is wrong."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Commands(click.Group):
    """Ends with the exit code that a command returns, or with a line and `NOT_DONE` where it cannot be carried out."""

    def main(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - click's own signature has overloads
        """Run the command line, also `--help` and what click says of a wrong one, and end the process."""
        with rendering.standard_streams():
            try:
                return super().main(*arguments, **more)
            except rendering.OutputLostError as lost:
                _tell_lost(lost.reason)
                sys.exit(NOT_DONE)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command."""
        ctx.exit(self._run(ctx))

    def _run(self, ctx: click.Context) -> int:
        try:
            return super().invoke(ctx) or FINE
        except JusttError as error:
            rendering.note(f"error: {error}")
        except (click.Abort, KeyboardInterrupt):
            rendering.note("Stopped.")
        except (click.ClickException, click.exceptions.Exit, rendering.OutputLostError):
            raise
        except Exception as error:  # noqa: BLE001 - Python's own exit code is that of a finding
            _tell_defect(error)
        return NOT_DONE


def _tell_lost(reason: str) -> None:
    if reason:
        rendering.note(f"error: writing to standard output: {reason}. What was done until then stays done.")


def _tell_defect(error: Exception) -> None:
    *_, where = traceback.extract_tb(error.__traceback__)
    # Its own text stays out: a library's message may quote the value that it choked on.
    rendering.note(
        f"error: an error inside pulumi-justt, {type(error).__name__} at {Path(where.filename).name}:{where.lineno}. "
        "What was done until then stays done. Please report it with what JUSTT_DEBUG=1 prints."
    )
    if os.environ.get("JUSTT_DEBUG") == "1":
        for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            rendering.note(line)


@click.group(cls=_Commands)
@click.version_option(package_name="pulumi-justt", prog_name="pulumi-justt")
def main() -> None:
    """Work with Justt integrations that Pulumi manages.

    The settings are those of the stack (`pulumi config`); without a stack, those of the JUSTT_* variables. Results go
    to stdout, as text or with --json as one document; notes and questions go to stderr, and so does the reason where
    there is no result.

    Where stdout accepts no more, since it is closed or full or its reader has ended (as `head` does), the command ends
    with 3. A stderr that accepts no more changes neither what a command does nor its exit code.

    \b
    Exit codes, the same for all commands:
      0  done, and nothing is left to do
      1  done, and something was found that needs you
      2  the command line is wrong
      3  not done, or not all of it: no key, no answer, no stack, stopped by Ctrl-C, a defect; stderr says which
    """


def _stacks_option(command: _Command) -> _Command:
    return click.option(
        "--stack",
        "-s",
        "names",
        multiple=True,
        metavar="NAME",
        help="A stack to look at; may be given again. Default: the selected one.",
    )(command)


def _common_options(command: _Command) -> _Command:
    """Add what commands have in common that look at stacks."""
    for option in (
        click.option("--json", "is_json", is_flag=True, help="Print one JSON document instead of tables."),
        click.option(
            "--cwd",
            "-C",
            "folder",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=Path(),
            help="The folder of the Pulumi project. Default: this one.",
        ),
    ):
        command = option(command)
    return command


def _accounts(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(asking.is_account, given)):
        raise click.BadParameter(f"an account {asking.NO_ACCOUNT}", param=option)
    return given


def _account(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    _accounts(context, option, (given or "",))
    return given


def _accounts_option(command: _Command) -> _Command:
    return click.option(
        "--account",
        "accounts",
        multiple=True,
        callback=_accounts,
        metavar="ID",
        help="A reference account to list; may be given again. Default: the configured one, and those of the stacks.",
    )(command)


@main.command("list")
@_stacks_option
@_accounts_option
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES, case_sensitive=False),
    help="Only these; may be given again.",
)
@click.option("--source", "sources", multiple=True, metavar="PSP", help=f"Only these, such as {SOURCES[0]}.")
@click.option("--unmanaged", is_flag=True, help="Only what none of the stacks manages.")
@_common_options
def _list(  # noqa: PLR0913, PLR0917 - one argument for each option of the command
    names: tuple[str, ...],
    accounts: tuple[str, ...],
    statuses: tuple[str, ...],
    sources: tuple[str, ...],
    unmanaged: bool,
    folder: Path,
    is_json: bool,
) -> int:
    """Show what Justt has, and which resource of which stack manages it.

    An account is read up to 100 pages, 10,000 integrations. Where the list may not be whole, stderr says why, and the
    exit code is 3.

    \b
    Keys of --json:
      integrations[]: integrationId, source, status, goLiveDate, environment,
        referenceAccountId, managedBy[]: stack, urn, isExternal, isAdopted
      isComplete: whether these are surely all
      notes[]: why not
    """
    seen = inventory.take(
        stacks.chosen(names, folder),
        accounts=accounts,
        statuses=statuses,
        sources=sources,
        is_unmanaged_only=unmanaged,
    )
    if is_json:
        rendering.print_json(
            {
                "integrations": [_found_document(each) for each in seen.found],
                "isComplete": not seen.doubts,
                "notes": [*seen.doubts],
            }
        )
    else:
        rendering.print_table(
            ("ID", "SOURCE", "STATUS", "GO-LIVE", "ENVIRONMENT", "ACCOUNT", "MANAGED BY"),
            [
                (
                    each.record.integration_id,
                    each.record.source,
                    each.record.status,
                    each.record.go_live_date,
                    each.account.settings.environment,
                    each.account.reference,
                    ", ".join(map(_manager, each.managed)),
                )
                for each in seen.found
            ],
            spare=("ENVIRONMENT", "GO-LIVE", "ACCOUNT", "STATUS", "SOURCE"),
        )
    for source in sources if not seen.found else ():
        if source not in SOURCES:
            rendering.note(f"--source {source}: nothing of it was found{nearest(source, SOURCES)}.")
    for doubt in seen.doubts:
        rendering.note(f"warning: {doubt}")
    return NOT_DONE if seen.doubts else FINE


def _found_document(found: inventory.Found) -> Mapping[str, object]:
    return {
        **rendering.record_document(found.record),
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


@main.command("doctor")
@_stacks_option
@_accounts_option
@click.option(
    "--only",
    "only",
    multiple=True,
    type=click.Choice(doctor.CHECKS),
    help="Make this check only, and read no more than it needs; may be given again.",
)
@_common_options
def _doctor(
    names: tuple[str, ...], accounts: tuple[str, ...], only: tuple[str, ...], folder: Path, is_json: bool
) -> int:
    """Look for whatever is wrong with the stacks and their integrations, and say what to do.

    It looks at the versions, the configuration and its API key, the account, the state with its interrupted operations,
    the creates in this machine's journal, each integration's status, and what no given stack manages, with the adopt_id
    line that takes it over. It changes nothing. Exit code 1: something was found; 3: nothing was found, but not all
    could be looked at.

    Run `pulumi-justt doctor --only pending` before each `pulumi up` of a pipeline: it only exports the state, and ends
    with 1 if an update was killed.

    \b
    Keys of --json:
      checks[]: check, verdict (ok, finding, not checked), text, cure, stack,
        referenceAccountId, integrationId, urn
      findings, notChecked: how many
    """
    checks = [*doctor.examine(stacks.chosen(names, folder), accounts=accounts, only=only)]
    findings = sum(check.verdict == "finding" for check in checks)
    unchecked = sum(check.verdict == "not checked" for check in checks)
    if is_json:
        rendering.print_json(
            {
                "checks": [_check_document(check) for check in checks],
                "findings": findings,
                "notChecked": unchecked,
            }
        )
    else:
        rendering.print_paragraphs(
            (check.verdict, f"{check.name} of {check.stack}" if check.stack else check.name, check.text, check.cure)
            for check in checks
        )
        rendering.note(f"{findings} findings, {unchecked} not checked")
    if findings:
        return FINDINGS
    return NOT_DONE if unchecked else FINE


def _check_document(check: Check) -> Mapping[str, object]:
    return {
        "check": check.name,
        "verdict": check.verdict,
        "text": check.text,
        "cure": check.cure or None,
        "stack": check.stack,
        "referenceAccountId": check.account,
        "integrationId": check.integration_id,
        "urn": check.urn,
    }


@main.command("recover")
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
@_common_options
def _recover(  # noqa: PLR0913, PLR0917 - one argument for each option of the command
    names: tuple[str, ...],
    claims: tuple[str, ...],
    deactivations: tuple[str, ...],
    forgotten: tuple[str, ...],
    is_sure: bool,
    folder: Path,
    is_json: bool,
) -> int:
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
    diagnosis = recovery.diagnose(chosen[0], chosen[1:], intents.opened(rendering.note), rendering.note)
    decisions = recover_dialog.decisions(diagnosis, claims, deactivations, forgotten)
    backup = folder / f"pulumi-justt-recover-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}.json"
    is_done = False
    if is_sure or not is_json:
        for line in recovery.clear_settled(diagnosis):
            rendering.note(line)
        if not diagnosis.concerns_us:
            rendering.note("No create and no other operation of this provider is unfinished.")
        else:
            if not is_json:
                recover_dialog.show(diagnosis)
            if not is_sure and not recover_dialog.is_agreed(diagnosis, decisions):
                rendering.note("Nothing was changed.")
                return FINDINGS
            for line in recovery.repair(diagnosis, decisions, backup):
                rendering.note(line)
            is_done = True
    if is_json:
        written = backup if is_done and diagnosis.rewrites_state else None
        rendering.print_json(recover_dialog.document(diagnosis, decisions, is_done=is_done, backup=written))
    return FINDINGS if diagnosis.concerns_us and not is_done else FINE


def _text(_: click.Context, option: click.Parameter, file: IO[str] | None) -> str | None:
    if file is None:
        return None
    try:
        with file:
            return file.read()
    except UnicodeDecodeError:
        raise click.BadParameter("the file must be in UTF-8", param=option) from None


@main.command("import")
@click.option("--stack", "-s", "name", metavar="NAME", help="The stack to import into. Default: the selected one.")
@click.option(
    "--other-stack",
    "others",
    multiple=True,
    metavar="NAME",
    help="A stack whose integrations are left alone; may be given again.",
)
@click.option(
    "--account",
    callback=_account,
    metavar="ID",
    help="The reference account to list. Default: the configured one.",
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
@_common_options
def _import(  # noqa: PLR0913, PLR0917 - one argument for each option of the command
    name: str | None,
    others: tuple[str, ...],
    account: str | None,
    ids: tuple[str, ...],
    is_all: bool,
    answers: str | None,
    credentials: str,
    is_protected: bool,
    sets_configuration: bool,
    file: Path | None,
    is_sure: bool,
    folder: Path,
    is_json: bool,
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
    if ids and is_all:
        raise click.UsageError("--id and --all exclude each other")
    importer = importing.Importer(
        stacks.Stack(name, folder), [stacks.Stack(other, folder) for other in others], rendering.note
    )
    wishes = importing.Wishes(
        ids=ids,
        is_all=is_all,
        answers=answers,
        account=account,
        is_by_reference=credentials == "from-env",
        is_protected=is_protected,
        file=file,
        sets_configuration=sets_configuration,
    )
    if is_json and not wishes.says_which:
        listed = [importing.described(each) for each in importer.candidates(account)]
        rendering.print_json({"integrations": listed, **_completeness(importer)})
        return NOT_DONE if importer.doubts else FINE
    try:
        outcome = importer.run(wishes, Terminal(is_sure=is_sure))
    except importing.ImportRefused as refused:
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
        rendering.print_json({**(outcome or importing.Outcome((), "")).as_json(), **_completeness(importer)})
    elif outcome:
        _show(outcome)
    if outcome and outcome.failure:
        rendering.note(f"error: {outcome.failure}")
    return NOT_DONE if (outcome and outcome.failure) or (is_all and importer.doubts) else FINE


def _completeness(importer: importing.Importer) -> Mapping[str, object]:
    return {"isComplete": not importer.doubts, "notes": [*importer.doubts]}


def _show(outcome: importing.Outcome) -> None:
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


@main.command("simulator")
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 takes a free one.", show_default=True)
@click.option("--database", default=":memory:", metavar="FILE", help="SQLite file that keeps the records.")
@click.option("--successful-after", type=float, metavar="SECONDS", help="When a new integration is SUCCESSFUL.")
@click.option("--requests-per-minute", default=1000, help="Beyond it, 429.", show_default=True)
@click.option("--latency", default=0.0, metavar="SECONDS", help="Before each answer.", show_default=True)
@click.option("--extra-source", multiple=True, help="A source to accept beside the documented ones.")
@click.option("--extra-secret-type", multiple=True, help="A secret type to accept beside the documented ones.")
@click.option("--fault", multiple=True, metavar="TEXT", help="What is to go wrong; may be given again.")
@click.option("--seed", default=0, help="Decides where a fault has a probability.", show_default=True)
def _simulator(  # noqa: PLR0913, PLR0917 - one argument for each option of the command
    port: int,
    database: str,
    successful_after: float | None,
    requests_per_minute: int,
    latency: float,
    extra_source: tuple[str, ...],
    extra_secret_type: tuple[str, ...],
    fault: tuple[str, ...],
    seed: int,
) -> None:
    """Serve a stand-in for the Justt API on this machine, until Ctrl-C.

    Point a stack at it with `pulumi config set justt:baseUrl URL`. While it runs, /_simulator beside the API's /v1
    changes what no client can: the keys that are accepted, an integration's status, the shape of answers, faults.

    A fault is written METHOD ROUTE FAULT[=VALUE] [skip=N] [times=N] [probability=P], with * for any method or route:
    'POST /integrations drop-after-commit times=1', '* * status=429 retry-after=2 times=5'. An unknown one is refused
    with all that are known.
    """
    try:
        from pulumi_justt import simulator  # noqa: PLC0415 - no other command needs its server library
    except ModuleNotFoundError as missing:
        raise rendering.MissingLibrary(
            f"{missing.name} is missing: run `pip install 'pulumi-justt[simulator]'`"
        ) from None
    try:
        simulator.run(
            simulator.Options(
                database=database,
                successful_after=successful_after,
                requests_per_minute=requests_per_minute,
                latency=latency,
                extra_sources=frozenset(extra_source),
                extra_secret_types=frozenset(extra_secret_type),
                faults=tuple(simulator.Fault.parse(text) for text in fault),
                seed=seed,
            ),
            port=port,
            on_ready=lambda url: click.echo(f"Justt API simulator: {url}"),
        )
    except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
        raise JusttError(str(error)) from None


@main.command("summary")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--title", metavar="TEXT", help="What to call the stack, instead of its project and its name.")
@click.option("--json", "as_json", is_flag=True, help="Print what the comment says as JSON.")
def _summary(file: BinaryIO, title: str | None, *, as_json: bool) -> None:
    """Write a short Markdown comment for a pull request from what `pulumi preview --json` printed.

    FILE is what it printed, or - for the standard input: `pulumi preview --json | pulumi-justt summary`. The comment
    has no secret and no configuration, and stays below GitHub's limit. Its first line is a marker, the same for the
    same title, by which a workflow finds the comment that it wrote before.

    Exit codes: 0 the comment was written, also that of a preview that failed; 3 the input is no preview.
    """
    found = preview.read(file.read())
    rendering.print_text(f"{found.to_json()}\n" if as_json else summary.markdown(found, title=title))
