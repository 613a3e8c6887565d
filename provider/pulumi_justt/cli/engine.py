"""The engine's formats that commands read: resource types, URNs and the mark of a secret."""

from __future__ import annotations

__all__ = ["INTEGRATION_TYPE", "OUR_TYPES", "READY_TYPE", "SECRET", "SIGNATURE", "name_of", "stack_of"]

OUR_TYPES = "pulumi-python:dynamic/justt:"
"""The prefix of the types of all resources of this provider. These types never change."""

INTEGRATION_TYPE = f"{OUR_TYPES}PaymentIntegration"
READY_TYPE = f"{OUR_TYPES}IntegrationReady"

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""The key that marks an envelope in a state, and its value for a secret."""


def stack_of(urn: str) -> str:
    """Return the names of the stack and the project in a URN, for messages."""
    head, _, rest = urn.partition("::")
    return f"{head.rpartition(':')[2]} (project {rest.partition('::')[0]})"


def name_of(urn: str) -> str:
    """Return the resource's name in a URN; it may contain the separator `::`."""
    return urn.split("::", 3)[-1]
