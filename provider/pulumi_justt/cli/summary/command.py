"""The command line of `pulumi-justt summary`."""

from __future__ import annotations

from typing import BinaryIO

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.summary import comment, preview

__all__ = ["command"]


@click.command("summary")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--title", metavar="TEXT", help="The title of the comment. Default: the project and the stack.")
@click.option("--json", "as_json", is_flag=True, help="Print the content of the comment as JSON.")
def command(file: BinaryIO, title: str | None, *, as_json: bool) -> None:
    """Turn the output of `pulumi preview --json` into a short Markdown comment for a pull request.

    FILE holds that output; the default, -, is standard input: `pulumi preview --json | pulumi-justt summary`. The
    comment contains no secrets and no configuration, and stays below GitHub's size limit. Its first line is a marker
    that depends only on the title, so a workflow can find its earlier comment and update it.

    Exit codes: 0 if the comment was written, even for a preview that failed; 3 if the input is not a preview.
    """
    found = preview.read(file.read())
    rendering.print_text(f"{found.to_json()}\n" if as_json else comment.markdown(found, title=title))
