"""The command line `pulumi-justt`: how it begins and ends. Each command has a package or module of its own."""

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
from pulumi_justt.cli.options import FINE, NOT_DONE
from pulumi_justt.cli.recover.command import command as recover
from pulumi_justt.cli.summary.command import command as summary
from pulumi_justt.errors import JusttError

__all__ = ["main"]


class _Commands(click.Group):
    """Ends with the exit code that a command returns, or with a line and `NOT_DONE` where it cannot be carried out."""

    def main(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - click's own signature has overloads
        """Run the command line, also `--help` and what click says of a wrong one, and end the process."""
        with rendering.standard_streams():
            try:
                return super().main(*arguments, **more)
            except rendering.OutputLostError as lost:
                if lost.reason:
                    rendering.note(
                        f"error: writing to standard output: {lost.reason}. What was done until then stays done."
                    )
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


for _command in (list_, doctor, recover, import_, simulator.command, summary):
    main.add_command(_command)
