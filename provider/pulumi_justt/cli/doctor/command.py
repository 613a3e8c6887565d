"""The command line of `pulumi-justt doctor`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from pulumi_justt.cli import options, rendering, stacks
from pulumi_justt.cli.doctor import examination
from pulumi_justt.cli.doctor.checks import Check
from pulumi_justt.cli.doctor.paragraphs import paragraphs
from pulumi_justt.cli.options import ACCOUNTS, ENVIRONMENT, FINDINGS, FINE, NOT_DONE, STACKS, common

__all__ = ["command"]


@click.command("doctor")
@STACKS
@ACCOUNTS
@click.option(
    "--only",
    "only",
    multiple=True,
    type=click.Choice(examination.CHECKS),
    help="Run only this check, and read only what it needs; repeat for more.",
)
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    type=click.Choice(examination.CHECKS),
    help="Do not run this check; repeat for more.",
)
@click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print only findings and checks that could not be made.")
@ENVIRONMENT
@common
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    names: tuple[str, ...],
    accounts: tuple[str, ...],
    only: tuple[str, ...],
    skipped: tuple[str, ...],
    is_quiet: bool,
    environment: str | None,
    folder: Path,
    is_json: bool,
) -> int:
    """Find problems with the stacks and their integrations, and say what to do about each.

    The command checks the versions of the tools, the configuration and its API key, the account, interrupted
    operations in the state, unfinished creates in this machine's journal, the variables and files of references,
    and the status of each integration. It also lists the integrations that none of the examined stacks manages. It
    changes nothing. Exit code 1: there are findings. Exit code 3: there are no findings, but some checks could not
    be made. A warning is about something unusual that may be right. It does not change the exit code.

    In a pipeline, run `pulumi-justt doctor --only pending` before each `pulumi up`. It only exports the state, and
    exits with 1 if an update was killed. If other stacks use the same account, a drift job runs `pulumi-justt doctor
    --quiet --skip unmanaged`, which prints nothing and exits with 0 if the stack's own integrations are healthy.

    Without a stack, the settings come from the JUSTT_* variables, and stderr says which environment the command asks.
    It asks production only if --environment or JUSTT_ENVIRONMENT names it.

    If a check fails that another one depends on, its result is shown even with --only or --skip.

    \b
    Keys of --json:
      checks[]: check, verdict (ok, warning, finding, not checked), text, remediation,
        stack, referenceAccountId, integrationId, urn. There is one entry for each
        integration, account or operation, even if the text shows several as one
      findings, warnings, notChecked: the number of each in checks[]
    """
    selected = [check for check in only or examination.CHECKS if check not in skipped]
    if not selected:
        raise click.UsageError("--skip leaves none of the checks of --only")
    given = stacks.chosen(names, folder)
    options.refuse_environment(given, environment)
    found = examination.examine(
        given,
        accounts=accounts,
        checks=selected,
        without_stack=partial(options.settings_without_stack, environment, folder),
    )
    checks = [check for check in found if check.verdict not in ("ok", "warning") or not is_quiet]
    counts = Counter(check.verdict for check in checks)
    if is_json:
        rendering.print_json(
            {
                "checks": [_document(check) for check in checks],
                "findings": counts["finding"],
                "warnings": counts["warning"],
                "notChecked": counts["not checked"],
            }
        )
    elif checks or not is_quiet:
        _show(paragraphs(checks))
    if counts["finding"]:
        return FINDINGS
    return NOT_DONE if counts["not checked"] else FINE


def _show(shown: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    rendering.print_paragraphs(shown)
    verdicts = [verdict for verdict, _, _ in shown]
    findings, warnings, unchecked = (verdicts.count(each) for each in ("finding", "warning", "not checked"))
    counted = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
    rendering.note(f"{findings} finding{'' if findings == 1 else 's'}, {unchecked} not checked{counted}")


def _document(check: Check) -> Mapping[str, object]:
    return {
        "check": check.name,
        "verdict": check.verdict,
        "text": check.text,
        "remediation": check.remediation or None,
        "stack": check.stack,
        "referenceAccountId": check.account,
        "integrationId": check.integration_id,
        "urn": check.urn,
    }
