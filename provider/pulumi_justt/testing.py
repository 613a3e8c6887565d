"""Mocks for the unit tests of programs. They run the provider's own check, and answer as Justt would.

    pulumi.runtime.set_mocks(JusttMocks())

A program that runs with mocks needs no engine, no API key and no real credentials, and it sends nothing. The mocks
apply the rules that concern one resource: every rule of `check`, and what `adopt_id` and `IntegrationReady` refuse. The
rules about the state of a stack do not apply, because there is none. This module needs no test framework.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pulumi import RunError, get_project
from pulumi.runtime import Mocks
from pulumi.runtime.config import CONFIG
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret, wrap_rpc_secret

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.config import NAMESPACE, Settings
from pulumi_justt.core.inputs import split_unknowns
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.core.state import CheckResult, outputs_from
from pulumi_justt.errors import JusttError
from pulumi_justt.log import SILENT
from pulumi_justt.provider import decode, encode
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import without_markup

if TYPE_CHECKING:
    from pulumi import ResourceTransform
    from pulumi.invoke import InvokeTransform
    from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

    from pulumi_justt.core.client import JusttClient

__all__ = ["Integration", "JusttMocks", "ProviderError"]

_TYPE = "pulumi-python:dynamic/justt:"
_PREFIX = f"{NAMESPACE}:"


class ProviderError(RunError):
    """The provider would refuse the resource. The text is the one that `pulumi preview` or `pulumi up` would show."""


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether asyncio should log *record*: not if it repeats a `ProviderError`, once for each output."""
    return not (record.exc_info and isinstance(record.exc_info[1], ProviderError))


# Each record would have the whole traceback. On Python 3.11, formatting it during garbage collection can even make
# pytest fail while it reports the test.
logging.getLogger("asyncio").addFilter(_is_news)


@dataclass(frozen=True, kw_only=True)
class Integration:
    """What Justt returns for an integration.

    Args:
        source: The payment service provider. By default, the source of the resource that adopts the integration, or
            `justt_sandbox`.
        status: The status.
        go_live_date: When the integration goes live, such as `2027-01-31T00:00:00Z`.
    """

    source: str | None = None
    status: Literal["PENDING", "SUCCESSFUL", "FAILED", "INACTIVE"] = "SUCCESSFUL"
    go_live_date: str | None = None

    def wire(self) -> dict[str, str]:
        """Return the fields that are set, under the API's names."""
        given = {"source": self.source, "status": self.status, "goLiveDate": self.go_live_date}
        return {name: value for name, value in given.items() if value is not None}


class JusttMocks(Unpicklable, Mocks):
    """Mocks for `pulumi.runtime.set_mocks` that answer for the resources of this package.

    A resource that the provider would refuse raises a `ProviderError` in the test. An integration that the program
    creates has the id `<resource name>_id` and is PENDING. An integration that `adopt_id` or `PaymentIntegration.get`
    names exists and is SUCCESSFUL, and an `IntegrationReady` ends at once. *integrations* changes that for single ids.

    The settings come from `pulumi.runtime.set_all_config`; call it before you create the mocks. The provider's
    environment variables are ignored, and no reference is read, so a test has the same result on every machine.

    Args:
        other: The mocks for all other resources and for function calls. By default, another resource has the id
            `<resource name>_id` and its inputs as its outputs, and a function call returns an empty result.
        integrations: What Justt returns for an id.
    """

    def __init__(self, *, other: Mocks | None = None, integrations: Mapping[str, Integration] | None = None) -> None:
        self._other = other or _Echo()
        self._integrations = dict(integrations or {})
        self._providers: dict[str, dict[str, Any]] = {}
        # Earlier releases of the SDK do not show the configuration to the threads that call the mocks.
        self._context = contextvars.copy_context()

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Pass a function call on, because this package has no functions of a provider."""
        return self._other.call(args)

    def register_transform(self, transform: ResourceTransform) -> None:
        """Pass a transform of the stack on."""
        self._other.register_transform(transform)

    def register_invoke_transform(self, transform: InvokeTransform) -> None:
        """Pass a transform of function calls on."""
        self._other.register_invoke_transform(transform)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Answer in place of the engine when the program creates or reads a resource.

        Raises:
            ProviderError: The provider would refuse the resource.
        """
        kind = args.typ.removeprefix(_TYPE)
        inputs = {name: unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        if f"{_PREFIX}provider" in inputs:
            id_ = f"{args.name}_{len(self._providers)}"
            self._providers[id_] = inputs
            return id_, args.inputs
        if kind not in ("PaymentIntegration", "IntegrationReady"):
            return self._other.new_resource(args)
        answer = self._integration if kind == "PaymentIntegration" else self._readiness
        try:
            id_, outputs = answer(args, decode(inputs))
        except (JusttError, ProviderError) as error:
            # Raise a new error here, so that the traceback shows no function whose arguments are credentials.
            raise ProviderError(without_markup(f"{kind} {args.name!r}: {error}")) from None
        return id_, {
            name: wrap_rpc_secret(value) if is_rpc_secret(args.inputs.get(name)) else value
            for name, value in encode(outputs).items()
        }

    def _integration(self, args: MockResourceArgs, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        justt = _Justt(self._settings(args), self._integrations, str(inputs.get("source", "justt_sandbox")))
        lifecycle = IntegrationLifecycle(justt.settings, client=justt.as_client, log=SILENT)
        if args.resource_id:
            return args.resource_id, lifecycle.read(args.resource_id, inputs) or {}
        checked = _accepted(lifecycle.check({}, inputs))
        if "adoptId" in checked:
            # In a preview, an input may not be known yet.
            return ("", checked) if split_unknowns(checked)[1] else lifecycle.create(checked)
        id_ = f"{args.name}_id"
        return id_, {**checked, **outputs_from(justt.get_integration(id_, status="PENDING"))}

    def _readiness(self, args: MockResourceArgs, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        justt = _Justt(self._settings(args), self._integrations, str(inputs.get("source", "justt_sandbox")))
        lifecycle = ReadinessLifecycle(
            justt.settings, client=justt.as_client, log=SILENT, clock=justt.clock, sleep=justt.sleep
        )
        checked = _accepted(lifecycle.check({}, inputs))
        return ("", checked) if split_unknowns(checked)[1] else lifecycle.create(checked)

    def _settings(self, args: MockResourceArgs) -> Settings:
        """Return the settings of the resource's `justt.Provider`, or those of the stack.

        Raises:
            InvalidSettings: A setting has an invalid value or contradicts another setting.
        """
        _, _, id_ = (args.provider or "").rpartition("::")
        config = self._providers.get(id_) or CONFIG.get() or self._context.run(CONFIG.get)
        own = {key.removeprefix(_PREFIX): value for key, value in config.items() if key.startswith(_PREFIX)}
        return Settings.load(own, {"PULUMI_PROJECT": get_project()})


def _accepted(checked: CheckResult) -> dict[str, Any]:
    """Return the inputs that `check` has accepted.

    Raises:
        ProviderError: An input is invalid.
    """
    if checked.failures:
        raise ProviderError("\n".join(checked.failures))
    return checked.inputs


@dataclass
class _Justt:
    """Answers the reads of one resource in place of the client, and has a clock on which no time passes.

    Args:
        settings: The configuration.
        integrations: What Justt returns for an id.
        source: The source of an integration that names none.
    """

    settings: Settings
    integrations: Mapping[str, Integration]
    source: str
    now: float = 0.0

    def as_client(self) -> JusttClient:
        return cast("JusttClient", self)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @contextlib.contextmanager
    def waiting(self, _account: str | None) -> Iterator[None]:
        yield

    def get_integration(self, integration_id: str, *, status: str = "SUCCESSFUL", **_request: object) -> RemoteRecord:
        record = {"integrationId": integration_id, "source": self.source, "status": status}
        known = self.integrations.get(integration_id)
        return RemoteRecord.model_validate(record | (known.wire() if known else {}))

    read_integration = get_integration


class _Echo(Mocks):
    """Answers for the resources of other packages, which the test does not care about."""

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:  # noqa: ARG002 - as declared
        return {}, []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        return f"{args.name}_id", args.inputs
