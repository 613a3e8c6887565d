"""How the engine writes what commands read: the types of our resources, names within URNs, the mark of a secret."""

from __future__ import annotations

__all__ = ["INTEGRATION_TYPE", "OUR_TYPES", "READY_TYPE", "SECRET", "SIGNATURE", "name_of", "stack_of"]

OUR_TYPES = "pulumi-python:dynamic/justt:"
"""How the types of all of our resources begin; none of them ever changes."""

INTEGRATION_TYPE = f"{OUR_TYPES}PaymentIntegration"
READY_TYPE = f"{OUR_TYPES}IntegrationReady"

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""The key by which the engine knows an envelope in a state, and what it has there for a secret."""


def stack_of(urn: str) -> str:
    """Return the stack's name, as `--stack` takes it, and its project's."""
    head, _, rest = urn.partition("::")
    return f"{head.rpartition(':')[2]} (project {rest.partition('::')[0]})"


def name_of(urn: str) -> str:
    """Return the resource's name, which may hold the URN's separator itself."""
    return urn.split("::", 3)[-1]
