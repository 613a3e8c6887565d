"""Implement the dynamic providers that the Pulumi engine calls. They translate calls; the core makes all decisions.

The state of every stack refers to classes of this module by dotted path, so the paths never change. Instances have no
attributes when they are pickled, so a later version of this package can serve a state that an earlier one wrote. Only
the provider process runs the methods, so only the methods import the core with its HTTP and validation libraries. One
process serves all resources that use the same Pulumi provider: the default one, or one `justt.Provider`. The two
classes share the client and the rate limiter of that process.

Three properties of the engine and its SDK shape the code: numbers arrive as floats, `Unknown` objects can be anywhere
in a property, and the engine shows an exception with its whole traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import UNKNOWN as ENGINE_UNKNOWN
from pulumi.output import Unknown as EngineUnknown

from pulumi_justt import host
from pulumi_justt.errors import InvalidSettings
from pulumi_justt.resource_kinds import IntegrationKind, ReadinessKind, ResourceKind, error_boundary
from pulumi_justt.values import without_markup

if TYPE_CHECKING:
    from pulumi_justt.core.config import Settings

__all__ = ["IntegrationProvider", "ReadinessProvider", "decode", "encode"]

_PROVIDER_KEY = "__provider"
_PREFIX = "justt:"


class _Provider(ResourceKind, ResourceProvider):
    """Base of the two providers: the methods that the engine calls."""

    def __getstate__(self) -> None:
        """Pickle no attributes: every state stores the pickle, and the configuration holds the API key."""

    def configure(self, req: ConfigureRequest) -> None:
        """Store the stack's configuration. It is validated on first use, so a preview works without an API key."""
        # Errors are already one paragraph of text, so their stack frames only add noise.
        sys.tracebacklimit = 0
        # Read all keys, so that a misspelled one is reported. The SDK has no public way to list them.
        config: Mapping[str, Any] = req.config._props  # noqa: SLF001 - see the line above
        self._config = {key.removeprefix(_PREFIX): config[key] for key in config if key.startswith(_PREFIX)}
        host.watch_engine()

    def use_settings(self, settings: Settings) -> None:
        """Widen the thread pool of the SDK's host."""
        from pulumi_justt.thread_pool import set_max_workers  # noqa: PLC0415 - see the module docstring

        set_max_workers(settings.workers)

    def properties_in(self, *arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - those of a method below
        """Return the properties of a create or a read."""
        properties: Mapping[str, Any] = arguments[-1]
        return properties

    @error_boundary
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the inputs and fill in the defaults."""
        try:
            core = self._core
        except InvalidSettings as error:
            return CheckResult(news, [_failure(str(error))])
        checked = core.check(self.recorded(decode(olds)), decode(news))
        return CheckResult(encode(checked.inputs), [_failure(text) for text in checked.failures])

    @error_boundary
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return the properties whose changes replace the resource. The engine finds the changes itself."""
        return DiffResult(changes=None, replaces=self._core.diff(self.recorded(decode(olds), id_), decode(news)))

    @error_boundary
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the resource."""
        id_, outs = self._core.create(decode(props))
        return CreateResult(id_, self._stored(outs))

    @error_boundary
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the resource's status."""
        outs = self._core.read(id_, self.recorded(decode(props), id_))
        # The inputs stay unchanged, because the API does not return them.
        return ReadResult(None, {}) if outs is None else ReadResult(id_, self._stored(outs))

    @error_boundary
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record the new inputs in the state."""
        return UpdateResult(self._stored(self._core.update(id_, self.recorded(decode(olds), id_), decode(news))))

    @error_boundary
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Delete the resource."""
        self._core.delete(id_, self.recorded(decode(props), id_))

    def _stored(self, outs: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs for the state, which has the id only as the resource's id."""
        return {name: value for name, value in outs.items() if name not in self._core.id_properties}


class IntegrationProvider(IntegrationKind, _Provider):
    """The provider of `PaymentIntegration`."""


class ReadinessProvider(ReadinessKind, _Provider):
    """The provider of `IntegrationReady`."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until the integration is ready, with an additional thread so that other calls are not blocked."""
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - see the module docstring

        with additional_worker():
            return super().create(props)


def _failure(text: str) -> CheckFailure:
    # With a property's name, the engine would print the property's value, even if it is secret.
    return CheckFailure("", without_markup(text))


def decode(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of the SDK in the form that the core takes, without the pickled provider."""
    from pulumi_justt.core.inputs import UNKNOWN  # noqa: PLC0415 - see the module docstring

    def decoded(value: object) -> object:
        if isinstance(value, EngineUnknown):
            return UNKNOWN
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, Mapping):
            return {name: decoded(item) for name, item in value.items()}
        return [decoded(item) for item in value] if isinstance(value, list) else value

    return {name: decoded(value) for name, value in props.items() if name != _PROVIDER_KEY}


def encode(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of the core in the form that the SDK takes."""
    from pulumi_justt.core.inputs import UNKNOWN  # noqa: PLC0415 - see the module docstring

    def encoded(value: object) -> object:
        if value is UNKNOWN:
            return ENGINE_UNKNOWN
        if isinstance(value, Mapping):
            return {name: encoded(item) for name, item in value.items()}
        return [encoded(item) for item in value] if isinstance(value, list) else value

    return {name: encoded(value) for name, value in props.items()}
