"""`pulumi-justt summary`: what a preview says as a short Markdown comment for a pull request.

Names and values stand in code spans of one line each, messages in indented blocks, where Markdown has no meaning and
nobody is notified. A comment that would be too long loses the details first and then resources, the least grave ones
first of all.
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
"""Bytes of a comment in UTF-8. GitHub takes 65,536 characters, and there is no character without a byte."""

_MOST_DIAGNOSTICS = 15_000
_MOST_OF_A_MARKER = 100
_MOST_COUNTS = 20


def markdown(found: Preview, *, title: str | None = None) -> str:
    """Write the comment. Its first line is a marker that depends on the title alone.

    Args:
        found: What the preview says.
        title: What to call the stack, instead of its project and its name.
    """
    head = _head(found, found.stack if title is None else title)
    told = _diagnostics(found.diagnostics)
    full, short = [_block(each) for each in found.resources], [_line(each) for each in found.resources]
    room = LIMIT - _size(head + told + _left_out(len(full), len(full)))
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
    return head + told + body + _left_out(len(full) - number, bare)


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
            "**The preview failed**, so this may not be all.\n\n" if found.has_failed else "",
            f"{', '.join(counts)}\n\n" if counts else "",
        ]
    )


def _diagnostics(diagnostics: Sequence[Diagnostic]) -> str:
    text = ""
    for number, each in enumerate(diagnostics):
        about = f" of {_code(each.resource)}" if each.resource else ""
        # Lines that are all indented can't end their block, whatever they say.
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
    given = resource.operation == "create"
    changes = [f"{_code(change.path)}: {_sides(change, is_new=given)}" for change in resource.changes]
    items = [*resource.explanations, *([", ".join(changes)] if given and changes else changes)]
    return _line(resource) + "".join(f"  - {item}\n" for item in items)


def _sides(change: Change, *, is_new: bool) -> str:
    before, after = (None if side is None else _code(side) for side in (change.old, change.new))
    if before is None:
        return "changes" if after is None else after if is_new else f"now {after}"
    return f"no more, was {before}" if after is None else f"{before} => {after}"


def _left_out(resources: int, details: int) -> str:
    parts = []
    if details:
        parts.append(f"the details of {details} resource{'' if details == 1 else 's'}")
    if resources:
        parts.append(f"{resources} resource{'' if resources == 1 else 's'} altogether")
    return f"\nLeft out, as a comment has a limit: {', and '.join(parts)}.\n" if parts else ""


def _code(text: str) -> str:
    """Write a code span that *text* cannot end: its fence is longer than any in the text."""
    text = without_commands(text)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    # Markdown takes one space off each end, but of nothing else than spaces.
    padding = " " if longest or text[:1] == " " or text[-1:] == " " else ""
    return f"{fence}{padding}{text or ' '}{padding}{fence}"


def _size(text: str) -> int:
    return len(text.encode())
