"""`pulumi-justt simulator`: a stand-in for the Justt API on this machine."""

from __future__ import annotations

import sqlite3
from typing import Any

import click

from pulumi_justt.cli import rendering
from pulumi_justt.errors import JusttError

__all__ = ["command"]


@click.command("simulator")
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 takes a free one.", show_default=True)
@click.option("--database", default=":memory:", metavar="FILE", help="SQLite file that keeps the records.")
@click.option("--successful-after", type=float, metavar="SECONDS", help="When a new integration is SUCCESSFUL.")
@click.option("--requests-per-minute", default=1000, help="Beyond it, 429.", show_default=True)
@click.option("--latency", default=0.0, metavar="SECONDS", help="Before each answer.", show_default=True)
@click.option("--extra-source", "extra_sources", multiple=True, help="A source to accept beside the documented ones.")
@click.option(
    "--extra-secret-type",
    "extra_secret_types",
    multiple=True,
    help="A secret type to accept beside the documented ones.",
)
@click.option("--fault", "faults", multiple=True, metavar="TEXT", help="What is to go wrong; may be given again.")
@click.option("--seed", default=0, help="Decides where a fault has a probability.", show_default=True)
def command(
    port: int,
    extra_sources: tuple[str, ...],
    extra_secret_types: tuple[str, ...],
    faults: tuple[str, ...],
    **others: Any,  # noqa: ANN401 - they are fields of the simulator's `Options`
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
                extra_sources=frozenset(extra_sources),
                extra_secret_types=frozenset(extra_secret_types),
                faults=tuple(simulator.Fault.parse(text) for text in faults),
                **others,
            ),
            port=port,
            on_ready=lambda url: click.echo(f"Justt API simulator: {url}"),
        )
    except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
        raise JusttError(str(error)) from None
