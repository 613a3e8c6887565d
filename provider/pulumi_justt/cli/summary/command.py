"""The command line of `pulumi-justt summary`."""

from __future__ import annotations

from typing import BinaryIO

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.summary import comment, preview

__all__ = ["command"]


@click.command("summary")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--title", metavar="TEXT", help="What to call the stack, instead of its project and its name.")
@click.option("--json", "as_json", is_flag=True, help="Print what the comment says as JSON.")
def command(file: BinaryIO, title: str | None, *, as_json: bool) -> None:
    """Write a short Markdown comment for a pull request from what `pulumi preview --json` printed.

    FILE is what it printed, or - for the standard input: `pulumi preview --json | pulumi-justt summary`. The comment
    has no secret and no configuration, and stays below GitHub's limit. Its first line is a marker, the same for the
    same title, by which a workflow finds the comment that it wrote before.

    Exit codes: 0 the comment was written, also that of a preview that failed; 3 the input is no preview.
    """
    found = preview.read(file.read())
    rendering.print_text(f"{found.to_json()}\n" if as_json else comment.markdown(found, title=title))
