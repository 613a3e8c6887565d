"""The command line of `pulumi-justt doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from pulumi_justt.cli import rendering, stacks
from pulumi_justt.cli.doctor import examination
from pulumi_justt.cli.doctor.checks import Check
from pulumi_justt.cli.options import ACCOUNTS, FINDINGS, FINE, NOT_DONE, STACKS, common

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
@common
def command(
    names: tuple[str, ...], accounts: tuple[str, ...], only: tuple[str, ...], folder: Path, is_json: bool
) -> int:
    """Find problems with the stacks and their integrations, and say what to do about each.

    The command checks the versions of the tools, the configuration and its API key, the account, interrupted operations
    in the state, unfinished creates in this machine's journal, and the status of each integration. It also lists the
    integrations that none of the examined stacks manages, with the adopt_id line that adopts each. It changes nothing.
    Exit code 1: there are findings. Exit code 3: there are no findings, but some checks could not be made.

    In a pipeline, run `pulumi-justt doctor --only pending` before each `pulumi up`. It only exports the state, and
    exits with 1 if an update was killed.

    \b
    Keys of --json:
      checks[]: check, verdict (ok, finding, not checked), text, remediation, stack,
        referenceAccountId, integrationId, urn
      findings, notChecked: the number of each
    """
    checks = [*examination.examine(stacks.chosen(names, folder), accounts=accounts, only=only)]
    findings = sum(check.verdict == "finding" for check in checks)
    unchecked = sum(check.verdict == "not checked" for check in checks)
    if is_json:
        rendering.print_json(
            {"checks": [_document(check) for check in checks], "findings": findings, "notChecked": unchecked}
        )
    else:
        rendering.print_paragraphs(
            (
                check.verdict,
                f"{check.name} of {check.stack}" if check.stack else check.name,
                check.text,
                check.remediation,
            )
            for check in checks
        )
        rendering.note(f"{findings} findings, {unchecked} not checked")
    if findings:
        return FINDINGS
    return NOT_DONE if unchecked else FINE


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
