"""Pulumi provider that connects payment service providers to Justt."""

from pulumi_justt.imports import own_imports

with own_imports():
    from pulumi_justt import credentials
    from pulumi_justt.references import from_env, from_file
    from pulumi_justt.resources import (
        Deactivation,
        DeactivationType,
        IntegrationReady,
        PaymentIntegration,
        Provider,
        Source,
        UnlistedSource,
    )
    from pulumi_justt.version import __version__

__all__ = [
    "Deactivation",
    "DeactivationType",
    "IntegrationReady",
    "PaymentIntegration",
    "Provider",
    "Source",
    "UnlistedSource",
    "__version__",
    "credentials",
    "from_env",
    "from_file",
]
