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

    def warning(self, text: str) -> None:
        """Show a warning."""
        self.write(f"warning: {text}")

    def info(self, text: str) -> None:
        """Show a note."""
        self.write(f"note: {text}")


SILENT = Log(lambda _: None)
"""Discards every line."""
