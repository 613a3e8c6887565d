"""Serve the engine: the package's schema, its configuration, its resources and its functions.

The engine starts this process, and calls it until the command ends. Each call has a thread of its own, up to
JUSTT_WORKERS. One process serves all resources that use the same provider resource.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc

from pulumi_justt import host
from pulumi_justt.core.config import PROVIDER, Settings
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.errors import InvalidSettings, nearest
from pulumi_justt.plugin.codec import decode, encode
from pulumi_justt.plugin.kinds import Integrations, PluginKind, Waits, failure
from pulumi_justt.plugin.names import in_api_names
from pulumi_justt.plugin.package_schema import API_KEY_PATH, INTEGRATION, READY, package_schema
from pulumi_justt.resource_kinds import TerminalError
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.version import __version__

__all__ = ["Servicer", "main"]

_Result = TypeVar("_Result")

_MOST_WORKERS = 64
"""The threads without JUSTT_WORKERS."""

_OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]
"""The engine's own limit of a message."""

_OF_THE_ENGINE = ("version", "pluginDownloadURL", "pluginChecksums", "__internal")
"""The inputs of a provider resource that are not the provider's."""


class Servicer(Unpicklable, provider_pb2_grpc.ResourceProviderServicer):
    """The calls of the engine, as in Pulumi's protocol. The names of the methods are the protocol's."""

    _integrations = Integrations({})
    _waits = Waits({})

    # The package

    def Handshake(self, request: proto.ProviderHandshakeRequest, context: grpc.ServicerContext) -> Message:
        """Agree on the features of the protocol."""
        return proto.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> Message:
        """Return the version."""
        return proto.PluginInfo(version=__version__)

    def GetSchema(self, request: proto.GetSchemaRequest, context: grpc.ServicerContext) -> Message:
        """Return the package's schema as JSON."""
        return proto.GetSchemaResponse(schema=package_schema())

    def Attach(self, request: Message, context: grpc.ServicerContext) -> Empty:
        """Do nothing: a debugger's plugin gets its engine when it starts."""
        return Empty()

    def GetMapping(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Return no mapping: there is no provider of another tool to convert programs from."""
        return proto.GetMappingResponse()

    def GetMappings(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Return no mappings; see `GetMapping`."""
        return proto.GetMappingsResponse()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Do nothing: the engine waits for the calls in progress, or cancels their contexts."""
        return Empty()

    # The provider resource

    def CheckConfig(self, request: proto.CheckRequest, context: grpc.ServicerContext) -> Message:
        """Validate the configuration, and mark the API key as secret."""
        news = decode(request.news)
        failures = []
        try:
            Settings.load(_settings(news.properties, request.urn), os.environ)
        except InvalidSettings as error:
            failures.append(failure(str(error)))
        secrets = news.secrets | {path for path in (API_KEY_PATH,) if path[0] in news.properties}
        return proto.CheckResponse(inputs=encode(news.properties, secrets), failures=failures)

    def DiffConfig(self, request: proto.DiffRequest, context: grpc.ServicerContext) -> Message:
        """Return that no change of the configuration replaces the provider: `check` refuses what must not change."""
        return proto.DiffResponse(changes=proto.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request: proto.ConfigureRequest, context: grpc.ServicerContext) -> Message:
        """Store the configuration. It is validated on first use, so a preview works without an API key."""
        config = _settings(decode(request.args).properties, request.urn)
        self._integrations, self._waits = Integrations(config), Waits(config)
        host.watch_engine()
        return proto.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # The resources

    def Check(self, request: proto.CheckRequest, context: grpc.ServicerContext) -> Message:
        """Validate the inputs of a resource and fill in the defaults."""
        return _answered(request, context, lambda: self._kind(request).check(request))

    def Diff(self, request: proto.DiffRequest, context: grpc.ServicerContext) -> Message:
        """Return the properties whose changes replace a resource."""
        return _answered(request, context, lambda: self._kind(request).diff(request))

    def Create(self, request: proto.CreateRequest, context: grpc.ServicerContext) -> Message:
        """Create a resource, or in a preview return what is known about it."""

        def create() -> proto.CreateResponse:
            kind = self._kind(request)
            return kind.plan_create(request) if request.preview else kind.create(request)

        return _answered(request, context, create)

    def Read(self, request: proto.ReadRequest, context: grpc.ServicerContext) -> Message:
        """Read a resource for a refresh, an import or a lookup."""
        return _answered(request, context, lambda: self._kind(request).read(request))

    def Update(self, request: proto.UpdateRequest, context: grpc.ServicerContext) -> Message:
        """Update a resource, or in a preview return what is known about it."""

        def update() -> proto.UpdateResponse:
            kind = self._kind(request)
            return kind.plan_update(request) if request.preview else kind.update(request)

        return _answered(request, context, update)

    def Delete(self, request: proto.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a resource."""
        return _answered(request, context, lambda: self._kind(request).delete(request))

    # The functions

    def Invoke(self, request: proto.InvokeRequest, context: grpc.ServicerContext) -> Message:
        """Call a function of the package."""
        return _answered(request, context, lambda: self._integrations.invoke(request))

    def List(self, request: proto.ListRequest, context: grpc.ServicerContext) -> Iterator[Message]:
        """Return the integrations that can be imported."""
        yield from _answered(request, context, lambda: self._integrations.list(request))

    def _kind(self, request: Any) -> PluginKind:  # noqa: ANN401 - any message with a URN
        """Return the kind of the resource that *request* names.

        Raises:
            TerminalError: A program has a resource of this package whose type does not exist.
        """
        kinds: dict[str, PluginKind] = {INTEGRATION: self._integrations, READY: self._waits}
        kind = request.urn.split("::")[2].rpartition("$")[2]
        if kind not in kinds:
            raise TerminalError(f"{kind} is not a resource of this plugin{nearest(kind, kinds)}.")
        return kinds[kind]


def _settings(properties: Mapping[str, Any], urn: str) -> dict[str, Any]:
    """Return the settings among the inputs of a provider resource, as text like those of a stack's configuration.

    Those that a preview does not know are left out. A provider of the program has settings of its own only. The
    engine's default provider has those of the stack.
    """
    given = {
        name: str(value)
        for name, value in properties.items()
        if name not in _OF_THE_ENGINE and value not in (None, UNKNOWN)
    }
    name = urn.rpartition("::")[2]
    is_default = name.partition("_")[0] in ("", "default")
    return given if is_default or UNKNOWN in properties.values() else {**given, PROVIDER: name}


def _answered(
    request: Any,  # noqa: ANN401, ARG001 - a message with a URN, which `host.engine_request` finds in this frame
    context: grpc.ServicerContext,
    call: Callable[[], _Result],
) -> _Result:
    """Return the result of *call*, or send its error to the engine, which prints exactly that text."""
    try:
        return call()
    except TerminalError as error:
        text = in_api_names(str(error))
    return context.abort(grpc.StatusCode.UNKNOWN, text)


def _workers(environ: Mapping[str, str]) -> int:
    """Return the number of threads. An invalid JUSTT_WORKERS is reported with the other settings."""
    given = environ.get("JUSTT_WORKERS", "")
    return min(max(int(given), 1), _MOST_WORKERS) if given.isascii() and given.isdigit() else _MOST_WORKERS


def main() -> None:
    """Serve the engine at the address that is the last argument, until the engine ends this process."""
    host.serve_engine(sys.argv[-1])
    if host.engine_address() is None:
        sys.exit("pulumi-resource-justt is a plugin: Pulumi's engine starts it. The commands are in pulumi-justt.")
    # Hardly any of the loaded objects becomes garbage, and the CLI waits until this process has exited.
    gc.freeze()
    server = grpc.server(ThreadPoolExecutor(max_workers=_workers(os.environ)), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The engine reads the port from the first line.
    print(port, flush=True)  # noqa: T201 - see above
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(grace=0)
