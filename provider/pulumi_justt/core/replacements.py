"""What the program wants for resources that are not created yet: what a delete that comes before its create looks at.

With `delete_before_replace` the engine calls, in one process, `check` and `diff` of the new inputs, `delete` of the old
integration, and then `create`; with `--replace` no `diff`. A deactivation is final, so that `delete` first verifies
that the create can be sent. What depends on the replaced resource is deleted before both, after a `diff` with unknown
values and before its own `check`: its new inputs cannot be known then, those of the replacement can.

Not covered: a delete in another process (the provider of the resource changes in the same update), and `--replace` of a
resource that an alias renames, whose delete has a URN that no check has.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Replacements"]

_Inputs = Mapping[str, Any]


class Replacements(Unpicklable):
    """The checked inputs of the resources of this process's program that no create has returned for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, _Inputs] = {}
        self._compared: dict[str, str] = {}
        """The resource of the program that a diff compared with an id. After a rename, a delete names another one."""
        self._replaced: set[str] = set()
        self._cascading: set[str] = set()

    def note_check(self, urn: str, inputs: _Inputs, *, is_accepted: bool) -> None:
        """Take what check has accepted as what a create of the resource would send."""
        with self._lock:
            if is_accepted and "adoptId" not in inputs:
                self._pending[urn] = inputs

    def note_diff(self, urn: str, integration_id: str, *, is_replaced: bool, has_unknowns: bool) -> None:
        """Take a record as the one that the inputs of the resource would replace."""
        with self._lock:
            if urn in self._pending:
                self._compared[integration_id] = urn
                if is_replaced:
                    self._replaced.add(urn)
            elif has_unknowns:
                self._cascading.add(urn)

    def note_created(self, urn: str) -> None:
        """Forget a resource whose create has returned: what is deleted now has its replacement."""
        with self._lock:
            self._pending.pop(urn, None)

    def awaited_by_delete(self, urn: str, integration_id: str) -> list[_Inputs]:
        """Return the inputs of what is created only after the delete of a record.

        Nothing for a resource that left the program, for a record whose replacement exists, and for one that an earlier
        update has replaced already.
        """
        with self._lock:
            if urn in self._cascading and urn not in self._pending:
                return [self._pending[other] for other in sorted(self._replaced & self._pending.keys())]
            owner = self._compared.get(integration_id)
            if owner is None and urn not in self._compared.values():
                owner = urn
            return [self._pending[owner]] if owner in self._pending else []
