"""A stack's exported state: its integrations, pending operations and providers.

Secrets stay encrypted, unless the state was exported with `--show-secrets`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_justt.cli.engine import INTEGRATION_TYPES, OUR_TYPES, name_of
from pulumi_justt.core.config import NAMESPACE, VARIABLES
from pulumi_justt.core.ownership import is_adopted
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["PREFIX", "Pending", "Recorded", "State"]

PREFIX = f"{NAMESPACE}:"

_PROVIDER_TYPES = {"pulumi:providers:pulumi-python": "", f"pulumi:providers:{NAMESPACE}": PREFIX}
"""The types of the engine's provider resources, and what each leaves out of the names of its inputs.

The inputs are the state's copy of the configuration.
"""

_KEY = f"{PREFIX}apiKey"
"""The name of the API key in a provider's inputs."""


@dataclass(frozen=True, repr=False)
class Recorded(Unpicklable):
    """An integration in a state.

    Args:
        urn: The resource's URN.
        integration_id: The id at Justt.
        outputs: The resource's outputs, with secrets encrypted.
        is_external: Whether the stack only reads it (`PaymentIntegration.get`).
        is_replaced: Whether it has been replaced and still has to be deleted.
        provider: The URN of its provider resource.
    """

    urn: str
    integration_id: str
    outputs: Mapping[str, Any]
    is_external: bool
    is_replaced: bool = False
    provider: str = ""

    @property
    def name(self) -> str:
        """The resource's name."""
        return name_of(self.urn)

    @property
    def is_adopted(self) -> bool:
        """Whether the resource adopts the integration, so that a delete does not deactivate it."""
        return is_adopted(self.outputs, self.integration_id)

    @property
    def account(self) -> str | None:
        """The reference account of the integration; None if it has none, or if the account is a secret."""
        found: str | None = self.outputs.get("referenceAccountId")
        return None if self.has_secret_account else found

    @property
    def has_secret_account(self) -> bool:
        """Whether the account is a secret in the state, which commands don't decrypt."""
        return isinstance(self.outputs.get("referenceAccountId"), Mapping)


@dataclass(frozen=True, repr=False)
class Pending(Unpicklable):
    """A pending operation: the engine started it and never recorded its end.

    Args:
        kind: The kind of operation, such as `creating`.
        resource: The resource in the state.
    """

    kind: str
    resource: Mapping[str, Any]

    @property
    def urn(self) -> str:
        """The resource's URN."""
        return str(self.resource["urn"])

    @property
    def name(self) -> str:
        """The resource's name."""
        return name_of(self.urn)

    @property
    def is_ours(self) -> bool:
        """Whether the resource belongs to this provider."""
        return str(self.resource["type"]).startswith(OUR_TYPES)

    @property
    def may_have_created(self) -> bool:
        """Whether the operation may have created an integration that no state holds."""
        is_create = self.kind == "creating" and self.resource["type"] in INTEGRATION_TYPES
        return is_create and "adoptId" not in self.inputs

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The resource's inputs, with secrets encrypted."""
        return self.resource.get("inputs") or {}

    @property
    def source(self) -> str | None:
        """The source (PSP) of the inputs; None if there is none, or if it is a secret."""
        source = self.inputs.get("source")
        return source if isinstance(source, str) else None

    @property
    def account(self) -> str | None:
        """The reference account of the inputs; None if there is none, or if the account is a secret."""
        return None if self.has_secret_account else self.inputs.get("referenceAccountId")

    @property
    def has_secret_account(self) -> bool:
        """Whether the account is a secret in the state, which commands don't decrypt."""
        return isinstance(self.inputs.get("referenceAccountId"), Mapping)

    @property
    def provider(self) -> str:
        """The URN of the resource's provider resource."""
        return _provider(self.resource)


@dataclass(frozen=True, repr=False)
class State(Unpicklable):
    """A stack's state, as exported by `pulumi stack export`."""

    exported: dict[str, Any]

    @property
    def _deployment(self) -> Mapping[str, Any]:
        return self.exported.get("deployment") or {}

    def resources(self) -> list[dict[str, Any]]:
        """Return all resources as the engine stores them."""
        found: list[dict[str, Any]] = self._deployment.get("resources") or []
        return found

    def integrations(self) -> Iterator[Recorded]:
        """Yield the integrations, including replaced ones that still have to be deleted."""
        for resource in self.resources():
            if resource["type"] in INTEGRATION_TYPES:
                yield Recorded(
                    resource["urn"],
                    resource.get("id", ""),
                    resource.get("outputs") or {},
                    bool(resource.get("external")),
                    bool(resource.get("delete") or resource.get("pendingReplacement")),
                    _provider(resource),
                )

    @property
    def has_credentials(self) -> bool:
        """Whether the state has credentials of integrations, encrypted or as references."""
        pending = (operation.resource for operation in self.pending())
        names = {"secretPayload", "secretReferences"}
        return any(names & (each.get("inputs") or {}).keys() for each in (*self.resources(), *pending))

    def recorded_settings(self) -> Iterator[Mapping[str, object]]:
        """Yield each provider resource's copy of the configuration, without the API key of a `justt.Provider`."""
        for resource, inputs in self._providers():
            own = () if _is_default(resource) else ("apiKey", "referenceAccountId")
            yield {name: _plaintext(inputs.get(f"{PREFIX}{name}")) for name in VARIABLES if name not in own}

    def own_keys(self) -> dict[str, object]:
        """Return the API key of each `justt.Provider`, by its URN."""
        return {
            resource["urn"]: _plaintext(inputs[_KEY])
            for resource, inputs in self._providers()
            if _KEY in inputs and not _is_default(resource)
        }

    def _providers(self) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        for resource in self.resources():
            prefix = _PROVIDER_TYPES.get(resource["type"])
            if prefix is not None:
                yield resource, {f"{prefix}{name}": value for name, value in (resource.get("inputs") or {}).items()}

    def pending(self) -> list[Pending]:
        """Return the pending operations."""
        operations = self._deployment.get("pending_operations") or []
        return [Pending(operation["type"], operation["resource"]) for operation in operations]

    def interrupted_creates(self) -> list[Pending]:
        """Return the pending operations that may have created an integration that no state holds."""
        return [operation for operation in self.pending() if operation.may_have_created]


def _plaintext(value: object) -> object:
    """Return the value in an envelope of `--show-secrets`, or *value* itself if it is not an envelope."""
    return json.loads(value["plaintext"]) if isinstance(value, Mapping) and "plaintext" in value else value


def _provider(resource: Mapping[str, Any]) -> str:
    """Return the URN of the provider of *resource*. The state's reference is this URN, `::` and an id."""
    return str(resource.get("provider") or "").rpartition("::")[0]


def _is_default(provider: Mapping[str, Any]) -> bool:
    """Check whether a provider is the engine's default provider.

    A program can give its own provider the same name, but that one has a parent.
    """
    return not provider.get("parent") and name_of(provider["urn"]).partition("_")[0] == "default"
