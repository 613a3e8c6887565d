"""The command line `pulumi-justt`: arguments in, one call out. What a command does lives in the module it calls."""

from __future__ import annotations

import sqlite3
from typing import BinaryIO

try:
    import click

    from pulumi_justt import simulator
    from pulumi_justt.commands import preview, summary
except ModuleNotFoundError as missing:
    raise SystemExit(f"pulumi-justt: {missing.name} is missing: run `pip install 'pulumi-justt[simulator]'`") from None

__all__ = ["main"]


class _Unusable(click.ClickException):
    """An input that a command cannot work on."""

    exit_code = 2


@click.group()
@click.version_option(package_name="pulumi-justt", prog_name="pulumi-justt")
def main() -> None:
    """Work with Justt integrations that Pulumi manages."""


@main.command("simulator")
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 takes a free one.", show_default=True)
@click.option("--database", default=":memory:", metavar="FILE", help="SQLite file that keeps the records.")
@click.option("--successful-after", type=float, metavar="SECONDS", help="When a new integration is SUCCESSFUL.")
@click.option("--requests-per-minute", default=1000, help="Beyond it, 429.", show_default=True)
@click.option("--latency", default=0.0, metavar="SECONDS", help="Before each answer.", show_default=True)
@click.option("--extra-source", multiple=True, help="A source to accept beside the documented ones.")
@click.option("--extra-secret-type", multiple=True, help="A secret type to accept beside the documented ones.")
@click.option("--fault", multiple=True, metavar="TEXT", help="What is to go wrong; may be given again.")
@click.option("--seed", default=0, help="Decides where a fault has a probability.", show_default=True)
def _simulator(  # noqa: PLR0913, PLR0917 - one argument for each option of the command
    port: int,
    database: str,
    successful_after: float | None,
    requests_per_minute: int,
    latency: float,
    extra_source: tuple[str, ...],
    extra_secret_type: tuple[str, ...],
    fault: tuple[str, ...],
    seed: int,
) -> None:
    """Serve a stand-in for the Justt API on this machine, until Ctrl-C.

    Point a stack at it with `pulumi config set justt:baseUrl URL`. While it runs, /_simulator beside the API's /v1
    changes what no client can: the keys that are accepted, an integration's status, the shape of answers, faults.

    A fault is written METHOD ROUTE FAULT[=VALUE] [skip=N] [times=N] [probability=P], with * for any method or route:
    'POST /integrations drop-after-commit times=1', '* * status=429 retry-after=2 times=5'. An unknown one is refused
    with all that are known.
    """
    try:
        simulator.run(
            simulator.Options(
                database=database,
                successful_after=successful_after,
                requests_per_minute=requests_per_minute,
                latency=latency,
                extra_sources=frozenset(extra_source),
                extra_secret_types=frozenset(extra_secret_type),
                faults=tuple(simulator.Fault.parse(text) for text in fault),
                seed=seed,
            ),
            port=port,
            on_ready=lambda url: click.echo(f"Justt API simulator: {url}"),
        )
    except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None


@main.command("summary")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--title", metavar="TEXT", help="What to call the stack, instead of its project and its name.")
@click.option("--json", "as_json", is_flag=True, help="Print what the comment says as JSON.")
def _summary(file: BinaryIO, title: str | None, *, as_json: bool) -> None:
    """Write a short Markdown comment for a pull request from what `pulumi preview --json` printed.

    FILE is what it printed, or - for the standard input: `pulumi preview --json | pulumi-justt summary`. The comment
    has no secret and no configuration, and stays below GitHub's limit. Its first line is a marker, the same for the
    same title, by which a workflow finds the comment that it wrote before.

    Exit codes: 0 the comment was written, also that of a preview that failed; 2 the input is no preview.
    """
    try:
        found = preview.read(file.read())
    except preview.NoPreview as error:
        raise _Unusable(str(error)) from None
    click.echo(found.to_json() if as_json else summary.markdown(found, title=title), nl=as_json)


if __name__ == "__main__":
    main()
