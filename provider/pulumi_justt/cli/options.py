"""Options and exit codes that the commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pulumi_justt.cli.account_records import NO_ACCOUNT
from pulumi_justt.values import is_visible_ascii

__all__ = ["ACCOUNTS", "FINDINGS", "FINE", "JSON", "NOT_DONE", "STACKS", "account", "common"]

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
