"""The command line of `pulumi-justt verify`."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from pulumi_justt.api.client import Attempt
from pulumi_justt.cli import intents, rendering, stacks
from pulumi_justt.cli.options import FINDINGS, FINE, NOT_DONE, account, common
from pulumi_justt.cli.verify.facts import Fact
from pulumi_justt.cli.verify.lifecycle import Verification
from pulumi_justt.cli.verify.sandbox import sandbox_settings
from pulumi_justt.core.client import JusttClient
from pulumi_justt.errors import RequestError
from pulumi_justt.version import __version__

__all__ = ["command"]

_VERDICTS = ("holds", "differs", "not tried")


def _sandbox(_: click.Context, option: click.Parameter, name: str) -> str:
    if name != "sandbox":
        raise click.BadParameter("this command creates integrations, so it runs only in the sandbox", param=option)
    return name


def _source(_: click.Context, option: click.Parameter, source: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", source):
        raise click.BadParameter("a source has only letters, digits, - and _", param=option)
    return source


@click.command("verify")
@click.option(
    "--environment",
    required=True,
    callback=_sandbox,
    expose_value=False,
    metavar="sandbox",
    help="The environment; only `sandbox` is accepted. If the base URL is an address of this machine, the simulator is "
    "used.",
)
@click.option("--stack", "-s", "name", metavar="NAME", help="The stack with the API key. Default: the selected stack.")
@click.option(
    "--account", "reference", type=account, metavar="ID", help="The reference account. Default: the configured one."
)
@click.option(
    "--source",
    callback=_source,
    default="justt_sandbox",
    show_default=True,
    metavar="PSP",
    help="The source of the integrations that the command creates.",
)
@click.option(
    "--deactivate",
    "to_deactivate",
    metavar="ID",
    help="Only deactivate this integration, which an earlier run has left active.",
)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Don't ask for confirmation.")
@common
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    name: str | None,
    reference: str | None,
    source: str,
    to_deactivate: str | None,
    is_sure: bool,
    folder: Path,
    is_json: bool,
) -> int:
    """Try in the sandbox which facts about Justt's API hold.

    This package was written from Justt's documents and tested with a simulator. The command runs one lifecycle (create,
    read, list, deactivate) and prints which facts hold: those that Justt documents, and those that this package infers.
    Run it once before you use the package, and report what differs. The output has no credential.

    It creates one or two integrations with a made-up credential, deactivates them, and checks that they are INACTIVE.
    Justt keeps them as INACTIVE. The command never runs in production, and refuses the API key of a production stack.
    The API key comes from the stack, or from JUSTT_API_KEY if there is no project.

    Exit code 1: a fact differs. Exit code 3: not all facts could be tried, or an integration may still be active.

    \b
    Keys of --json:
      version, environment, baseUrl, source
      externalIdentifier: the name of the integrations
      facts[]: name, basis (documented, inferred), fact,
        verdict (holds, differs, not tried), seen,
        effect: what it means for you if the fact differs, else null
      integrations[]: integrationId, isInactive
      hasUnknownCreate: whether Justt may have created an
        integration whose id is unknown
      failure: why not all facts were tried, or null
    """
    settings = sandbox_settings(stacks.chosen([name] if name else [], folder), os.environ)
    if reference:
        settings = replace(settings, reference_account_id=reference)
    attempts: list[Attempt] = []
    journal = intents.opened(rendering.note)
    with contextlib.closing(JusttClient(settings, observe=attempts.append)) as client:
        run = Verification(client, attempts, journal, source, settings.reference_account_id, rendering.note)
        _confirm(run, to_deactivate, is_sure=is_sure)
        failure = _carry_out(run, to_deactivate)
    _show(run, failure, is_json=is_json)
    if failure or run.has_unknown_create or not all(run.integrations.values()):
        return NOT_DONE
    return FINDINGS if any(fact.verdict == "differs" for fact in run.facts.values()) else FINE


def _confirm(run: Verification, to_deactivate: str | None, *, is_sure: bool) -> None:
    """Say what the command is about to do, and return only if the user confirms it.

    Raises:
        click.Abort: The user does not confirm.
    """
    settings = run.client.settings
    where = f"in the {settings.environment} ({settings.base_url})"
    if to_deactivate is not None:
        rendering.note(f"This deactivates integration {to_deactivate} {where}, which is final.")
    else:
        rendering.note(
            f"This creates one or two {run.source} integrations {where}, named {run.identifier!r}, with a made-up "
            "credential, and deactivates them. Justt keeps them as INACTIVE."
        )
    if not is_sure:
        try:
            click.confirm("Continue?", abort=True, err=True)
        except click.Abort:
            rendering.note("Nothing was sent. To run without a prompt, use --yes.")
            raise


def _carry_out(run: Verification, to_deactivate: str | None) -> RequestError | None:
    """Carry out the command, and return the error that ended it early."""
    if to_deactivate is not None:
        run.integrations[to_deactivate] = False
        run.clean_up()
        return None
    try:
        run.run()
    except RequestError as error:
        return error
    except BaseException:
        # After Ctrl-C, the command shows only this.
        _show_integrations(run)
        raise
    return None


def _show(run: Verification, failure: RequestError | None, *, is_json: bool) -> None:
    facts = [*run.facts.values()]
    if is_json:
        rendering.print_json(_document(run, failure))
    elif any(fact.seen for fact in facts):
        rendering.print_paragraphs(_paragraph(fact) for fact in facts)
        hold, differ, rest = (sum(each.verdict == verdict for each in facts) for verdict in _VERDICTS)
        rendering.note(f"{hold} of {len(facts)} facts hold, {differ} differ, {rest} not tried.")
    _show_integrations(run)
    if failure:
        rendering.note(f"error: {failure}")


def _show_integrations(run: Verification) -> None:
    inactive = [integration_id for integration_id, is_inactive in run.integrations.items() if is_inactive]
    if inactive:
        rendering.note(f"INACTIVE now: {', '.join(inactive)}.")
    for warning in run.warnings():
        rendering.note(warning)


def _paragraph(fact: Fact) -> tuple[str, str, list[str]]:
    seen = f" Seen: {fact.seen}." if fact.seen else ""
    return fact.verdict, f"{fact.basis}: {fact.text}{seen}", [effect] if (effect := _effect(fact)) else []


def _effect(fact: Fact) -> str | None:
    return fact.effect if fact.verdict == "differs" else None


def _document(run: Verification, failure: RequestError | None) -> Mapping[str, object]:
    settings = run.client.settings
    return {
        "version": __version__,
        "environment": settings.environment,
        "baseUrl": settings.base_url,
        "source": run.source,
        "externalIdentifier": run.identifier,
        "facts": [
            {
                "name": fact.name,
                "basis": fact.basis,
                "fact": fact.text,
                "verdict": fact.verdict,
                "seen": fact.seen or None,
                "effect": _effect(fact),
            }
            for fact in run.facts.values()
        ],
        "integrations": [
            {"integrationId": integration_id, "isInactive": is_inactive}
            for integration_id, is_inactive in run.integrations.items()
        ],
        "hasUnknownCreate": run.has_unknown_create,
        "failure": str(failure) if failure else None,
    }
