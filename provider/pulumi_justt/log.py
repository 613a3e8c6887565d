"""Show warnings and notes to the user, each as one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SILENT", "Log"]


@dataclass(frozen=True)
class Log:
    """Shows warnings and notes to the user.

    Args:
        write: Shows one line.
    """

    write: Callable[[str], None]

    def warning(self, text: str, *, is_urgent: bool = False) -> None:  # noqa: ARG002 - for subclasses
        """Show a warning.

        Args:
            text: The warning.
            is_urgent: Whether to show it at once, because the call that it is about may go on for a long time.
        """
        self.write(f"warning: {text}")

    def info(self, text: str, *, is_urgent: bool = False) -> None:  # noqa: ARG002 - for subclasses
        """Show a note.

        Args:
            text: The note.
            is_urgent: Whether to show it at once, because the call that it is about may go on for a long time.
        """
        self.write(f"note: {text}")


SILENT = Log(lambda _: None)
"""Discards every line."""
