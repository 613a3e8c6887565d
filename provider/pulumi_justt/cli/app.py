"""Entry point of the command line `pulumi-justt`. Each command has a package or module of its own."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

try:
    import click
except ModuleNotFoundError as missing:
    raise SystemExit(f"pulumi-justt: {missing.name} is missing: run `pip install 'pulumi-justt[cli]'`") from None

from pulumi_justt.cli import rendering, simulator
from pulumi_justt.cli.doctor.command import command as doctor
from pulumi_justt.cli.importing.command import command as import_
from pulumi_justt.cli.list.command import command as list_
from pulumi_justt.cli.log.command import command as log
from pulumi_justt.cli.options import FINE, NOT_DONE
from pulumi_justt.cli.recover.command import command as recover
from pulumi_justt.cli.summary.command import command as summary
from pulumi_justt.cli.verify.command import command as verify
from pulumi_justt.errors import JusttError

__all__ = ["main"]

_NO_LIMIT = 1_000
"""More characters than any summary has."""


class _Commands(click.Group):
    """Exit with the code that the command returns. If the command fails, print the error and exit with `NOT_DONE`."""

    def main(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - click's own signature has overloads
        """Run the command line, including `--help` and click's usage errors, and exit."""
        with rendering.standard_streams():
            try:
                return super().main(*arguments, **more)
            except rendering.OutputLostError as lost:
                if lost.reason:
                    rendering.note(
                        f"error: writing to standard output: {lost.reason}. Changes made before this error remain."
                    )
                sys.exit(NOT_DONE)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole summaries, which click would cut off after 45 characters."""
        rows = [(name, self.commands[name].get_short_help_str(limit=_NO_LIMIT)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command and exit with its code."""
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
        except Exception as error:  # noqa: BLE001 - a traceback would exit with 1, the code for a finding
            _report_internal_error(error)
        return NOT_DONE


def _report_internal_error(error: Exception) -> None:
    *_, where = traceback.extract_tb(error.__traceback__)
    # The exception's own text is not shown: a library's message may quote the value that caused it.
    rendering.note(
        f"error: an error inside pulumi-justt, {type(error).__name__} at {Path(where.filename).name}:{where.lineno}. "
        "Changes made before this error remain. Please report it with what JUSTT_DEBUG=1 prints."
    )
    if os.environ.get("JUSTT_DEBUG") == "1":
        for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            rendering.note(line)


@click.group(cls=_Commands)
@click.version_option(package_name="pulumi-justt", prog_name="pulumi-justt")
def main() -> None:
    """Work with Justt integrations that Pulumi manages.

    Commands read the settings of the stack (`pulumi config`), or the JUSTT_* variables if there is no stack. Results
    go to stdout: text, or one JSON document with --json. Notes, prompts and errors go to stderr.

    If stdout is closed or full, or its reader has exited (as `head` does), the command exits with code 3. A closed or
    full stderr changes neither what a command does nor its exit code.

    \b
    Exit codes, the same for all commands:
      0  done, and nothing is left to do
      1  done, and something needs your attention
      2  the command line is wrong
      3  not done, or only partly: no API key, no response, no stack, Ctrl-C, or
         an internal error; stderr says which
    """


for _command in (list_, doctor, recover, import_, log, simulator.command, summary, verify):
    main.add_command(_command)
