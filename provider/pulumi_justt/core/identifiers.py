"""Find resources of a program that have the same external identifier in one account."""

from __future__ import annotations

import threading
from collections import defaultdict

from pulumi_justt.core.state import Properties

__all__ = ["Identifiers"]


class Identifiers:
    """The external identifiers in the program of one process; one object serves all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resources: defaultdict[tuple[str | None, str], dict[str, None]] = defaultdict(dict)
        """The resources of each account and identifier, in the order of their checks."""

    def first_with_same(self, urn: str, inputs: Properties) -> str | None:
        """Return the first resource that has the identifier of a resource in the same account.

        Args:
            urn: The resource that is checked now.
            inputs: Its valid inputs.

        Returns:
            The URN of another resource. None if there is none, if a preview does not know the identifier or the account
            yet, or if this resource was checked before, as one that is replaced.
        """
        account, identifier = inputs.get("referenceAccountId"), inputs["externalIdentifier"]
        if not isinstance(identifier, str) or not isinstance(account, str | None):
            return None
        with self._lock:
            resources = self._resources[account, identifier]
            if urn in resources:
                return None
            resources[urn] = None
            first = next(iter(resources))
        return first if first != urn else None
