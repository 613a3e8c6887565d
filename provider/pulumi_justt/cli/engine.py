"""The engine's formats that commands read: resource types, URNs and the mark of a secret."""

from __future__ import annotations

__all__ = [
    "INTEGRATION_TYPE",
    "INTEGRATION_TYPES",
    "OUR_TYPES",
    "READY_TYPES",
    "name_of",
    "own_name",
    "stack_of",
]

OUR_TYPES = ("pulumi-python:dynamic/justt:", "justt:index:")
"""The prefixes of the types of all resources of this provider: dynamic ones, and the plugin's. They never change."""

INTEGRATION_TYPES = tuple(f"{prefix}PaymentIntegration" for prefix in OUR_TYPES)
READY_TYPES = tuple(f"{prefix}IntegrationReady" for prefix in OUR_TYPES)
INTEGRATION_TYPE = INTEGRATION_TYPES[0]
"""The type of the dynamic resource."""


def stack_of(urn: str) -> str:
    """Return the names of the stack and the project in a URN, for messages."""
    head, _, rest = urn.partition("::")
    return f"{head.rpartition(':')[2]} (project {rest.partition('::')[0]})"


def own_name(resource_type: str) -> str:
    """Return the name of one of this provider's types without its prefix."""
    return resource_type.rpartition(":")[2]


def name_of(urn: str) -> str:
    """Return the resource's name in a URN; it may contain the separator `::`."""
    return urn.split("::", 3)[-1]
