"""Compares the errors, warnings and notes that the real CLI shows with the files in tests/data/errors.

To rewrite the files:
UPDATE_GOLDEN=1 python -m pytest tests/engine/test_engine.py tests/engine/test_error_texts.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from support.harness import Result, Stack

__all__ = ["assert_messages"]

KEPT = Path(__file__).parents[1] / "data" / "errors"

_MASKS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"sim-[0-9a-f]{16}", "<errorId>"),
    (r"\[Errno \d+\]", "[Errno <number>]"),
    (r"127\.0\.0\.1:\d{1,5}", "127.0.0.1:<port>"),
    (r"'refused-\d'", "'refused-<number>'"),
    (r"/intents/[0-9a-f]{8}-[0-9a-f]{32}\.json", "/intents/<name>.json"),
)
"""Text that differs between runs."""


def assert_messages(name: str, stack: Stack, result: Result) -> None:
    """Assert that a command showed exactly the paragraphs in the file *name*, in any order and any number of times."""
    text = "".join(f"{paragraph}\n\n" for paragraph in paragraphs(stack, result)).strip("\n") + "\n"
    kept = KEPT / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        kept.write_text(text)
    assert text == kept.read_text(), "UPDATE_GOLDEN=1 rewrites it"
    assert "Traceback" not in result.text


def paragraphs(stack: Stack, result: Result) -> list[str]:
    """Return the messages that a command showed, without repetitions, and sorted because the engine's order varies."""
    lines = [line.strip() for line in result.text.splitlines()]
    found = {line for line in lines if re.match(r"(error|warning|note|info): ", line)}
    return sorted({_masked(line.replace(str(stack.folder), "<folder>")) for line in found} - _SUMMARIES)


def _masked(line: str) -> str:
    for pattern, name in _MASKS:
        line = re.sub(pattern, name, line)
    return line


_SUMMARIES = {
    "error: update failed",
    "error: preview failed",
    "error: an unhandled error occurred: program exited with non-zero exit code: 1",
}
"""The engine's last line, for any command; a refresh and a destroy count as updates."""
