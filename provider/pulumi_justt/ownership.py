"""Which resources are in the program of this process, and which records the program replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Ownership", "shared_ownership"]


class Ownership:
    """What this process knows of the program. Resources are named by their URNs.

    An `up` calls `check` for each resource of the program. A `destroy`, and a resource that left the program, get
    `delete` only.
    """

    def __init__(self) -> None:
        self._program: set[str] = set()
        self._compared: set[str] = set()

    def note_check(self, urn: str | None, inputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - adoptions will need them
        """Take a resource as a member of the program."""
        if urn is not None:
            self._program.add(urn)

    def note_diff(self, urn: str | None, integration_id: str) -> None:
        """Take a record as the one that a resource of the program has so far.

        A refresh calls `diff` too, for resources that may have left the program; those are no members of it.
        """
        if self.is_in_program(urn):
            self._compared.add(integration_id)

    def is_in_program(self, urn: str | None) -> bool:
        """Return whether check has seen the resource in this process."""
        return urn in self._program

    def is_replaced(self, urn: str | None, integration_id: str) -> bool:
        """Return whether a delete of the record belongs to a replacement.

        The engine deletes a resource that an alias renamed under its former URN, which is not in the program any more.
        Then the record tells: the diff under the new URN was about it.
        """
        return self.is_in_program(urn) or integration_id in self._compared


_shared = Ownership()


def shared_ownership() -> Ownership:
    """Return the one object that all providers of this process share."""
    return _shared
