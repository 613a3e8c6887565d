"""The provider's real host process, `python -m pulumi.dynamic`, driven over gRPC as the engine drives it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from typing_extensions import Self

from pulumi_justt import resources
from support import environment
from support.harness import HANG_SECONDS
from support.secret_scanner import canary

__all__ = ["INPUTS", "UNKNOWN", "Host", "HostError"]

UNKNOWN = rpc.UNKNOWN
"""The wire format of an unknown value."""

_SECONDS_TO_LEAVE = 15
_SECONDS_TO_NOTICE = 3
"""After this time, a host that has not noticed its signal gets it again."""


class HostError(Exception):
    """The host responded to a call with an error. The text is what the engine would print."""


class Host:
    """One host process, to use in a `with` statement.

    It uses the provider of `PaymentIntegration`, unless the properties contain another provider as `__provider`.

    Args:
        config: The stack's configuration, with its namespaces.
        engine: The engine's address; by default, no server listens there.
        environ: Additional environment variables.
    """

    is_measured = True
    """Whether the process reports its coverage, if coverage is on at all."""

    def __init__(self, config: Mapping[str, str], engine: str = "127.0.0.1:1", **environ: str) -> None:
        self._environ = environment.build(environ, is_measured=self.is_measured)
        self._config = config
        self._engine = engine

    def __enter__(self) -> Self:
        """Start the process and configure it."""
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", self._engine],
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self._port = int(self.process.stdout.readline())
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._port}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._call("Configure", provider_pb2.ConfigureRequest(args=_struct(self._config)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process as the engine does, and keep its output.

        The SDK's server ignores the signal if a thread of gRPC gets it. The engine then kills it after five seconds,
        which would lose the coverage. So it gets the signal again.
        """
        self._channel.close()
        for seconds in (_SECONDS_TO_NOTICE, _SECONDS_TO_LEAVE):
            # A host that has noticed the signal closes its port. A second signal would interrupt its exit.
            if self._is_listening():
                self.process.send_signal(signal.SIGINT)
            try:
                self.stdout, self.stderr = self.process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        self.process.kill()
        self.stdout, self.stderr = self.process.communicate()

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def disconnect(self) -> None:
        """Close the connection, as the engine does before it ends the process."""
        self._channel.close()

    def kill(self) -> None:
        """End the process at once, as `kill -9` does."""
        self.process.kill()

    def check(
        self, olds: Mapping[str, Any], news: Mapping[str, Any], *, urn: str = ""
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the checked inputs, and the failures."""
        answer = self._call("Check", provider_pb2.CheckRequest(urn=urn, olds=_props(olds), news=_props(news)))
        assert {failure.property for failure in answer.failures} <= {""}
        return _plain(answer.inputs), [failure.reason for failure in answer.failures]

    def begin_check(self, news: Mapping[str, Any]) -> grpc.Future[Any]:
        """Start a check without waiting for its response."""
        future: grpc.Future[Any] = self._stub.Check.future(provider_pb2.CheckRequest(news=_props(news)))
        return future

    def diff(self, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any], *, urn: str = "") -> list[str]:
        """Return the paths that need a replacement. The engine finds the other changes itself."""
        request = provider_pb2.DiffRequest(urn=urn, id=resource_id, olds=_props(olds), news=_props(news))
        answer = self._call("Diff", request)
        assert answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN
        return list(answer.replaces)

    def create(self, inputs: Mapping[str, Any], *, urn: str = "") -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs."""
        answer = self._call("Create", provider_pb2.CreateRequest(urn=urn, properties=_props(inputs)))
        return answer.id, _plain(answer.properties)

    def begin_create(self, inputs: Mapping[str, Any]) -> grpc.Future[Any]:
        """Start a create. Cancelling it leaves the provider running, as a killed engine does."""
        future: grpc.Future[Any] = self._stub.Create.future(provider_pb2.CreateRequest(properties=_props(inputs)))
        return future

    def read(self, resource_id: str, outputs: Mapping[str, Any], *, urn: str = "") -> dict[str, Any] | None:
        """Return the outputs, or None if the resource is gone."""
        answer = self._call("Read", provider_pb2.ReadRequest(urn=urn, id=resource_id, properties=_props(outputs)))
        assert not answer.HasField("inputs")
        return _plain(answer.properties) if answer.id else None

    def update(
        self, resource_id: str, olds: Mapping[str, Any], news: Mapping[str, Any], *, urn: str = ""
    ) -> dict[str, Any]:
        """Return the outputs."""
        request = provider_pb2.UpdateRequest(urn=urn, id=resource_id, olds=_props(olds), news=_props(news))
        return _plain(self._call("Update", request).properties)

    def delete(self, resource_id: str, outputs: Mapping[str, Any], *, urn: str = "") -> None:
        """Delete the resource."""
        self._call("Delete", provider_pb2.DeleteRequest(urn=urn, id=resource_id, properties=_props(outputs)))

    def _call(self, method: str, request: object) -> Any:  # noqa: ANN401 - each response has its own generated type
        try:
            return getattr(self._stub, method)(request, timeout=HANG_SECONDS)
        except grpc.RpcError as error:
            raise HostError(str(error.details())) from None


def _props(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return _struct({"__provider": resources._PROVIDER, **values})


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(values), struct)
    return struct


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(struct)
    if values.get("__provider") == resources._PROVIDER:
        del values["__provider"]
    return values


INPUTS: dict[str, Any] = {
    "externalIdentifier": "shop-1",
    "integrationName": "Shop",
    "source": "adyen",
    "secretType": "HMAC",
    "secretPayload": {"hmac": canary("hmac"), "apiKey": canary("adyen"), "merchantCode": "Shop"},
    "merchantAccountCodes": ["b", "a"],
    "deactivation": {"deactivationType": "postingDate", "afterDays": 7},
}
