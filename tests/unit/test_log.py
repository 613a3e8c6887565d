"""Lines of warnings and notes."""

from __future__ import annotations

from pulumi_justt.log import Log


def test_each_line_begins_with_its_kind() -> None:
    """A warning begins with `warning: `, a note with `note: `, and the text is unchanged."""
    lines: list[str] = []
    log = Log(lines.append)

    log.warning("the clock is wrong.")
    log.info("it is FAILED now.")

    assert lines == ["warning: the clock is wrong.", "note: it is FAILED now."]
