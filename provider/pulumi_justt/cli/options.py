"""What the commands have in common: the options that look at stacks and accounts, and the exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pulumi_justt.cli.account_records import NO_ACCOUNT
from pulumi_justt.values import is_visible_ascii

__all__ = ["ACCOUNTS", "FINDINGS", "FINE", "NOT_DONE", "STACKS", "account", "common"]

FINE = 0
FINDINGS = 1
NOT_DONE = 3
"""Exit codes; 2 is click's own, for a command line that is wrong."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def account(text: str) -> str:
    """Return an account that was given, if it can be one."""
    if not is_visible_ascii(text):
        raise click.BadParameter(f"an account {NO_ACCOUNT}")
    return text


STACKS = click.option(
    "--stack",
    "-s",
    "names",
    multiple=True,
    metavar="NAME",
    help="A stack to look at; may be given again. Default: the selected one.",
)
ACCOUNTS = click.option(
    "--account",
    "accounts",
    multiple=True,
    type=account,
    metavar="ID",
    help="A reference account to list; may be given again. Default: the configured one, and those of the stacks.",
)
_JSON = click.option("--json", "is_json", is_flag=True, help="Print one JSON document instead of tables.")
_FOLDER = click.option(
    "--cwd",
    "-C",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder of the Pulumi project. Default: this one.",
)


def common(command: _Command) -> _Command:
    """Add the options of all commands that look at stacks."""
    return _FOLDER(_JSON(command))
