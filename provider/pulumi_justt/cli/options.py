"""Options and exit codes that the commands share, and the environment that they ask if there is no stack."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.account_records import NO_ACCOUNT
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.core.config import Settings
from pulumi_justt.values import is_visible_ascii

__all__ = ["ACCOUNTS", "ENVIRONMENT", "FINDINGS", "FINE", "JSON", "NOT_DONE", "STACKS", "account", "common"]
__all__ += ["refuse_environment", "settings_without_stack"]

FINE = 0
FINDINGS = 1
NOT_DONE = 3
"""Exit codes. Click itself uses 2 for usage errors."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def account(text: str) -> str:
    """Validate an account reference from the command line."""
    if not is_visible_ascii(text):
        raise click.BadParameter(f"an account {NO_ACCOUNT}")
    return text


STACKS = click.option(
    "--stack",
    "-s",
    "names",
    multiple=True,
    metavar="NAME",
    help="A stack to examine; repeat for more. Default: the selected stack.",
)
ACCOUNTS = click.option(
    "--account",
    "accounts",
    multiple=True,
    type=account,
    metavar="ID",
    help="A reference account to list; repeat for more. Default: the configured account and the accounts that the "
    "stacks use.",
)
ENVIRONMENT = click.option(
    "--environment",
    type=click.Choice(["production", "sandbox"]),
    help="The environment to ask if there is no stack. Default: the variable JUSTT_ENVIRONMENT.",
)
JSON = click.option("--json", "is_json", is_flag=True, help="Print one JSON document instead of tables.")
_FOLDER = click.option(
    "--cwd",
    "-C",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder of the Pulumi project. Default: the current folder.",
)


def common(command: _Command) -> _Command:
    """Add the options that all commands on stacks have in common."""
    return _FOLDER(JSON(command))


def refuse_environment(stacks: Sequence[Stack], environment: str | None) -> None:
    """Refuse `--environment` beside *stacks*, whose configurations name the environment.

    Raises:
        click.UsageError: There are stacks and an environment.
    """
    if stacks and environment:
        raise click.UsageError("--environment is only for a folder without a Pulumi project: a stack has its own")


def settings_without_stack(environment: str | None, folder: Path) -> Settings:
    """Return the settings from the JUSTT_* variables, and say on stderr which environment the command asks.

    Args:
        environment: The value of `--environment`.
        folder: The folder in which there is no project.

    Raises:
        click.UsageError: The environment is production, and neither the user nor a variable says so.
        InvalidSettings: The JUSTT_* variables are invalid.
    """
    given = {} if environment is None else {"JUSTT_ENVIRONMENT": environment}
    settings = Settings.load({}, {**os.environ, **given})
    is_named = environment or os.environ.get("JUSTT_ENVIRONMENT")
    where = f"there is no Pulumi project in {folder.absolute()}"
    if settings.environment == "production" and not is_named:
        raise click.UsageError(
            f"{where}, so the command would ask production. Name a project with --cwd, or add --environment production "
            "or --environment sandbox"
        )
    if settings.api_key:
        key = settings.api_key_origin
        rendering.note(f"note: {where}: asking {settings.environment} at {settings.base_url} with the key from {key}.")
    return settings
