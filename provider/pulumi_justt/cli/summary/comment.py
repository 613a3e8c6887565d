"""Renders a preview as a short Markdown comment for a pull request, for `pulumi-justt summary`.

Names and values are in one-line code spans, and messages in indented blocks. Markdown has no effect there, and an
`@name` notifies no user. If the comment would be too long, it leaves out details first, and then the resources with the
least important operations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pulumi_justt.cli.summary.preview import Diagnostic, Preview
from pulumi_justt.cli.summary.steps import Change, Resource
from pulumi_justt.cli.summary.values import shortened
from pulumi_justt.values import without_commands

__all__ = ["LIMIT", "markdown"]

LIMIT = 60_000
"""The maximum size of a comment in bytes of UTF-8. GitHub's limit is 65,536 characters, each at least one byte."""

_MOST_DIAGNOSTICS = 15_000
_MOST_OF_A_MARKER = 100
_MOST_COUNTS = 20


def markdown(found: Preview, *, title: str | None = None) -> str:
    """Render the comment. Its first line is a marker that depends only on the title.

    Args:
        found: The preview.
        title: The title; default is the project and the stack.
    """
    head = _head(found, found.stack if title is None else title)
    messages = _diagnostics(found.diagnostics)
    full, short = [_block(each) for each in found.resources], [_line(each) for each in found.resources]
    room = LIMIT - _size(head + messages + _left_out(len(full), len(full)))
    detailed = number = len(full)
    size = sum(map(_size, full))
    while size > room and detailed:
        detailed -= 1
        size -= _size(full[detailed]) - _size(short[detailed])
    while size > room and number:
        number -= 1
        size -= _size(short[number])
    bare = sum(map(str.__ne__, full[detailed:number], short[detailed:number]))
    body = "".join([*full[:detailed], *short[detailed:number]])
    return head + messages + body + _left_out(len(full) - number, bare)


def _head(found: Preview, title: str) -> str:
    marker = re.sub(r"[^A-Za-z0-9_./]+", "-", title)[:_MOST_OF_A_MARKER].strip("-")
    counts = [
        f"**{number} to {_word(name)}**" for name, number in found.counts.items() if number and name != "unchanged"
    ]
    if len(counts) > _MOST_COUNTS:
        counts[_MOST_COUNTS:] = [f"{len(counts) - _MOST_COUNTS} more kinds of operations"]
    if not counts and not found.resources and not found.has_failed:
        counts = ["**nothing changes**"]
    if found.counts["unchanged"]:
        counts.append(f"{found.counts['unchanged']} unchanged")
    return "".join(
        [
            f"<!-- pulumi-justt summary {marker} -->\n",
            f"### Preview of {_code(shortened(title))}\n\n" if title else "### Preview\n\n",
            "**The preview failed**, so this may be incomplete.\n\n" if found.has_failed else "",
            f"{', '.join(counts)}\n\n" if counts else "",
        ]
    )


def _diagnostics(diagnostics: Sequence[Diagnostic]) -> str:
    text = ""
    for number, each in enumerate(diagnostics):
        about = f" of {_code(each.resource)}" if each.resource else ""
        # An indented block ends only at a line that is not indented, so no text of a message can end it.
        message = "".join(f"    {without_commands(line)}\n" for line in each.message.splitlines())
        block = f"{each.severity.capitalize()}{about}:\n\n{message}\n"
        if _size(text) + _size(block) > _MOST_DIAGNOSTICS:
            return f"{text}{len(diagnostics) - number} more messages are left out.\n\n"
        text += block
    return text


def _line(resource: Resource) -> str:
    return f"- **{_word(resource.operation)}** {_code(resource.name)} ({_code(resource.type)})\n"


def _word(operation: str) -> str:
    return operation if re.fullmatch(r"[a-z-]+", operation) else _code(operation)


def _block(resource: Resource) -> str:
    is_new = resource.operation == "create"
    changes = [f"{_code(change.path)}: {_sides(change, is_new=is_new)}" for change in resource.changes]
    items = [*resource.explanations, *([", ".join(changes)] if is_new and changes else changes)]
    return _line(resource) + "".join(f"  - {item}\n" for item in items)


def _sides(change: Change, *, is_new: bool) -> str:
    before, after = (None if side is None else _code(side) for side in (change.old, change.new))
    if before is None:
        return "changes" if after is None else after if is_new else f"now {after}"
    return f"removed, was {before}" if after is None else f"{before} => {after}"


def _left_out(resources: int, details: int) -> str:
    parts = []
    if details:
        parts.append(f"the details of {details} resource{'' if details == 1 else 's'}")
    if resources:
        parts.append(f"{resources} resource{'' if resources == 1 else 's'} altogether")
    return f"\nLeft out because of the size limit: {', and '.join(parts)}.\n" if parts else ""


def _code(text: str) -> str:
    """Return *text* as a code span, with a fence that is longer than any run of backticks in the text."""
    text = without_commands(text)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    # Markdown strips one space from each end of a code span, unless the span holds only spaces.
    padding = " " if longest or text[:1] == " " or text[-1:] == " " else ""
    return f"{fence}{padding}{text or ' '}{padding}{fence}"


def _size(text: str) -> int:
    return len(text.encode())
