"""`pulumi-justt simulator`: a stand-in for the Justt API on this machine."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

import click

from pulumi_justt.cli import rendering
from pulumi_justt.errors import JusttError

__all__ = ["command"]


@click.command("simulator")
@click.option("--port", default=0, help="The port on 127.0.0.1; 0 selects a free port.", show_default=True)
@click.option(
    "--database",
    default=":memory:",
    metavar="FILE",
    help="The SQLite file for the records. Without it, they are lost when the simulator stops.",
)
@click.option(
    "--successful-after",
    type=float,
    metavar="SECONDS",
    help="The time after which a new integration becomes SUCCESSFUL. Without it, the status stays PENDING.",
)
@click.option(
    "--requests-per-minute",
    default=1000,
    help="The rate limit; further requests get status 429.",
    show_default=True,
)
@click.option("--latency", default=0.0, metavar="SECONDS", help="The delay before each response.", show_default=True)
@click.option(
    "--extra-source",
    "extra_sources",
    multiple=True,
    help="A source to accept in addition to the documented ones; repeat for more.",
)
@click.option(
    "--extra-secret-type",
    "extra_secret_types",
    multiple=True,
    help="A secret type to accept in addition to the documented ones; repeat for more.",
)
@click.option("--fault", "faults", multiple=True, metavar="TEXT", help="A fault to inject; repeat for more.")
@click.option("--seed", default=0, help="The random seed for faults with a probability.", show_default=True)
def command(
    port: int,
    extra_sources: tuple[str, ...],
    extra_secret_types: tuple[str, ...],
    faults: tuple[str, ...],
    **others: Any,  # noqa: ANN401 - the other options are fields of the simulator's `Options`
) -> None:
    """Serve a stand-in for the Justt API on this machine, until Ctrl-C.

    To use it in a stack, run `pulumi config set justt:baseUrl URL`. Next to the API under /v1, it serves /_simulator,
    which changes the accepted API keys, the status of an integration, the shape of responses and the faults.

    A fault has the form METHOD ROUTE FAULT[=VALUE] [skip=N] [times=N] [probability=P], with * for any method or route:
    'POST /integrations drop-after-commit times=1', '* * status=429 retry-after=2 times=5'. The error for an unknown
    fault lists all faults.
    """
    try:
        from pulumi_justt import simulator  # noqa: PLC0415 - only this command needs the server library
    except ModuleNotFoundError as missing:
        raise rendering.MissingLibrary(
            f"{missing.name} is missing: run `pip install 'pulumi-justt[simulator]'`"
        ) from None
    try:
        simulator.run(
            simulator.Options(
                extra_sources=frozenset(extra_sources),
                extra_secret_types=frozenset(extra_secret_types),
                faults=tuple(simulator.Fault.parse(text) for text in faults),
                **others,
            ),
            port=port,
            on_ready=lambda url: click.echo(f"Justt API simulator: {url}"),
        )
    except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
        explained = _explained(error, port)
        raise explained from None


def _explained(error: Exception, port: int) -> JusttError:
    """Return the error to show for an invalid option, or for a port or a file that can't be used."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return JusttError(
            f"port {port} of this machine is in use. Stop the program that uses it, or choose another port. Without "
            "--port, the command chooses a free one."
        )
    return JusttError(str(error))
