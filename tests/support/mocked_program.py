"""Runs programs against the SDK's mocks, and returns the resources that they register."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from pulumi.runtime import config as pulumi_config
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_pulumi_func

import pulumi_justt as justt

TOKEN = "pulumi-python:dynamic/justt:PaymentIntegration"
CANARY = "canary-3e91d2"
# How the SDK marks a secret that it sends to the engine.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ImportAnswer = Callable[[MockResourceArgs], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class SecretValue:
    """A value that the engine must keep secret."""

    value: object


@dataclass(frozen=True)
class ResolvedOutput:
    """A resolved Output."""

    value: Any
    is_secret: bool
    is_known: bool = True


@dataclass
class Program:
    """The result of a program."""

    registered: list[resource_pb2.RegisterResourceRequest] = field(default_factory=list)
    looked_up: list[resource_pb2.ReadResourceRequest] = field(default_factory=list)
    outputs: dict[str, ResolvedOutput] = field(default_factory=dict)

    def sent(self, number: int = 0) -> dict[str, Any]:
        """Return the properties of a registered resource, without the blob."""
        properties = decode(MessageToDict(self.registered[number].object))
        assert isinstance(properties, dict)
        del properties["__provider"]
        return properties


def decode(value: object) -> object:
    """Decode a value in wire format, with each secret as `SecretValue`."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return SecretValue(decode(value["value"]))
        return {name: decode(item) for name, item in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value


def as_created(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
    """Respond as the engine does after a create."""
    remembered = {name: value for name, value in args.inputs.items() if name != "__provider"}
    return "id-1", {**remembered, "status": "PENDING", "environment": "production"}


class _Monitor(MockMonitor):
    def __init__(self, mocks: Mocks, program: Program) -> None:
        super().__init__(mocks)
        self.program = program

    def RegisterResource(  # noqa: N802 - the name of the call
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Keep the request."""
        if request.type != "pulumi:pulumi:Stack":
            self.program.registered.append(request)
        register: Callable[[object], resource_pb2.RegisterResourceResponse] = super().RegisterResource
        return register(request)

    def ReadResource(  # noqa: N802 - the name of the call
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Keep the request."""
        self.program.looked_up.append(request)
        read: Callable[[object], resource_pb2.ReadResourceResponse] = super().ReadResource
        return read(request)


class _Mocks(Mocks):
    def __init__(self, answer: ImportAnswer) -> None:
        self.answer = answer

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Respond in place of the engine."""
        return self.answer(args)

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """Raise an error: this package has no provider functions to call."""
        raise AssertionError(args.token)


def run_program(
    body: Callable[[], object],
    *,
    answer: ImportAnswer | Mocks = as_created,
    preview: bool = False,
    config: Mapping[str, str] | None = None,
    secret_keys: Sequence[str] = (),
) -> Program:
    """Run *body* as a Pulumi program under mocks, resolve the Outputs that it returns, and clean up.

    The SDK keeps its settings in context variables, and creates an event loop for any thread that asks for one. So the
    program gets its own context, and this function creates the loops, so that it can close them.
    """
    program = Program()
    loops: list[asyncio.AbstractEventLoop] = []

    def give_loop() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    async def resolve() -> None:
        returned = body()
        for name, output in returned.items() if isinstance(returned, Mapping) else ():
            value = await output.future(with_unknowns=True)
            program.outputs[name] = ResolvedOutput(value, await output.is_secret(), await output.is_known())

    def run() -> None:
        give_loop()
        loop = loops[0]
        loop.set_default_executor(ThreadPoolExecutor(max_workers=2, initializer=give_loop))
        try:
            pulumi_config.set_all_config(dict(config or {}), list(secret_keys))
            mocks = answer if isinstance(answer, Mocks) else _Mocks(answer)
            set_mocks(mocks, preview=preview, monitor=_Monitor(mocks, program))
            loop.run_until_complete(run_pulumi_func(resolve))
        finally:
            # The next program must not wait for tasks that a failed program leaves behind.
            SETTINGS.outputs.clear()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            for each in loops:
                each.close()

    contextvars.copy_context().run(run)
    return program


def minimal(name: str = "stripe", **changes: Any) -> justt.PaymentIntegration:  # noqa: ANN401 - any argument
    """Create an integration with only the required arguments."""
    arguments: dict[str, Any] = {
        "external_identifier": "stripe-eu",
        "integration_name": "Stripe EU",
        "source": "stripe",
        "credentials": justt.credentials.ApiKeyOnly(api_key=CANARY),
        **changes,
    }
    return justt.PaymentIntegration(name, **arguments)


def full() -> justt.PaymentIntegration:
    """Create an integration with every argument."""
    return minimal(
        credentials=justt.credentials.Hmac(
            hmac=CANARY, api_key=CANARY + "2", merchant_code="merchant", account_code="account"
        ),
        merchant_account_codes=["b", "a"],
        reference_account_id="acc_42",
        deactivation=justt.Deactivation(type="dueDate", after_days=7),
        deletion_protection=True,
        allow_unlisted=True,
    )
