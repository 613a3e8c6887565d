"""Remember the inputs of resources that are not created yet, for a `delete` that the engine calls before the `create`.

With `delete_before_replace` the engine calls, in one process, `check` and `diff` with the new inputs, `delete` of the
old integration, and then `create`. With `--replace` it does not call `diff`. A deactivation is final, so `delete` first
verifies that the create can be sent. The engine deletes the dependents of the replaced resource even earlier, after
a `diff` with unknown values and before their own `check`. The new inputs of the dependents are unknown then, but those
of the replaced resource are known.

Not covered: a `delete` in another process (the provider of the resource changes in the same update), and `--replace` of
a resource that an alias renames. In the latter case no `check` gets the URN that `delete` gets.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Replacements"]

_Inputs = Mapping[str, Any]


class Replacements(Unpicklable):
    """Holds the checked inputs of this process's resources until their `create` has returned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, _Inputs] = {}
        self._compared: dict[str, str] = {}
        """For each id, the resource of the program that `diff` got. After a rename, `delete` gets another URN."""
        self._replaced: set[str] = set()
        self._cascading: set[str] = set()
        """The resources that the engine may delete because they depend on a replaced one."""

    def note_check(self, urn: str, inputs: _Inputs, *, is_accepted: bool) -> None:
        """Note the inputs that `check` has accepted: a create of the resource would send them."""
        with self._lock:
            if is_accepted and "adoptId" not in inputs:
                self._pending[urn] = inputs

    def note_diff(self, urn: str, integration_id: str, *, is_replaced: bool, has_unknowns: bool) -> None:
        """Note that `diff` got a resource with this record, and whether the update replaces the record."""
        with self._lock:
            if urn in self._pending:
                self._compared[integration_id] = urn
                if is_replaced:
                    self._replaced.add(urn)
            elif has_unknowns:
                self._cascading.add(urn)

    def note_created(self, urn: str) -> None:
        """Forget a resource whose create has returned: the replacement exists, so `delete` need not check it."""
        with self._lock:
            self._pending.pop(urn, None)

    def awaited_by_delete(self, urn: str, integration_id: str) -> list[_Inputs]:
        """Return the inputs of the resources that are created only after the delete of a record.

        The list is empty for a resource that left the program, for a record whose replacement exists, and for a record
        that an earlier update has already replaced.
        """
        with self._lock:
            if urn in self._cascading and urn not in self._pending:
                return [self._pending[other] for other in sorted(self._replaced & self._pending.keys())]
            owner = self._compared.get(integration_id)
            if owner is None and urn not in self._compared.values():
                owner = urn
            return [self._pending[owner]] if owner in self._pending else []
