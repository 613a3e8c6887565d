"""Answer the engine's calls about one kind of resource. They translate messages; the core makes all decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import proto

from pulumi_justt import host, schema
from pulumi_justt.core.config import Settings
from pulumi_justt.core.lookups import find_integration, find_integrations, importable_integrations
from pulumi_justt.core.secret_inputs import secret_paths, secret_references
from pulumi_justt.errors import InvalidSettings, JusttError, nearest
from pulumi_justt.plugin.codec import Decoded, Path, decode, encode
from pulumi_justt.plugin.names import in_api_names
from pulumi_justt.plugin.package_schema import GET_MANY, GET_ONE, INTEGRATION
from pulumi_justt.resource_kinds import IntegrationKind, ReadinessKind, ResourceKind, error_boundary, write_line
from pulumi_justt.thread_pool import additional_worker
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import without_markup

if TYPE_CHECKING:
    from pulumi_justt.core.client import JusttClient

__all__ = ["Integrations", "PluginKind", "Waits", "failure"]


def failure(text: str) -> proto.CheckFailure:
    """Return a failure of `check`."""
    # With a property's name, the engine would print the property's value, even if it is secret.
    return proto.CheckFailure(property="", reason=without_markup(in_api_names(text)))


class _PluginLog(host.EngineLog):
    """Shows each line with the API's names."""

    def warning(self, text: str, *, is_urgent: bool = False) -> None:
        """Show a warning."""
        super().warning(in_api_names(text), is_urgent=is_urgent)

    def info(self, text: str, *, is_urgent: bool = False) -> None:
        """Show a note."""
        super().info(in_api_names(text), is_urgent=is_urgent)


def _message(properties: Mapping[str, Any], marked: Collection[Path]) -> Struct:
    return encode(properties, secret_paths(properties, marked))


_LOG = _PluginLog(write_line)


class PluginKind(ResourceKind, Unpicklable):
    """Base of the kinds: one method for each call of the engine.

    Args:
        config: The configuration, without the prefix of the namespace.
    """

    log = _LOG
    _properties: ClassVar[tuple[schema.Property, ...]]

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def properties_in(self, *arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the message of a create or a read
        """Return the properties of a create or a read."""
        return decode(arguments[0].properties).properties

    def _client(self, settings: Settings) -> JusttClient:
        from pulumi_justt.core.client import shared_client  # noqa: PLC0415 - a preview loads no HTTP library

        # The engine does not show the plugin's stderr.
        return shared_client(settings, _LOG, _LOG.debug)

    @error_boundary
    def check(self, request: proto.CheckRequest) -> proto.CheckResponse:
        """Validate the inputs and fill in the defaults."""
        news = decode(request.news)
        try:
            core = self._core
        except InvalidSettings as error:
            return proto.CheckResponse(inputs=request.news, failures=[failure(str(error))])
        checked = core.check(self.recorded(decode(request.olds).properties), news.properties)
        texts = [*checked.failures, *secret_references(news.secrets)]
        return proto.CheckResponse(inputs=_message(checked.inputs, news.secrets), failures=map(failure, texts))

    @error_boundary
    def diff(self, request: proto.DiffRequest) -> proto.DiffResponse:
        """Return the properties whose changes replace the resource. The engine finds the changes itself."""
        olds = self.recorded(decode(request.olds).properties, request.id)
        replaces = self._core.diff(olds, decode(request.news).properties)
        return proto.DiffResponse(changes=proto.DiffResponse.DIFF_UNKNOWN, replaces=replaces)

    @error_boundary
    def create(self, request: proto.CreateRequest) -> proto.CreateResponse:
        """Create the resource."""
        inputs = decode(request.properties)
        id_, outs = self._core.create(inputs.properties)
        return proto.CreateResponse(id=id_, properties=_message(outs, inputs.secrets))

    @error_boundary
    def plan_create(self, request: proto.CreateRequest) -> proto.CreateResponse:
        """Return what is known about the resource before it is created."""
        inputs = decode(request.properties)
        id_, outs = self._core.plan(inputs.properties)
        return proto.CreateResponse(id=id_, properties=_message(outs, inputs.secrets))

    @error_boundary
    def read(self, request: proto.ReadRequest) -> proto.ReadResponse:
        """Read the resource's status. For an import, return the inputs that Justt knows, too."""
        olds = decode(request.properties)
        outs = self._core.read(request.id, self.recorded(olds.properties, request.id))
        if outs is None:
            return proto.ReadResponse()
        if not request.HasField("properties"):
            self._core.require_importable(request.id, outs)
        # The engine has no inputs of a resource that it imports, and refuses to import one without inputs.
        inputs = request.inputs if request.HasField("inputs") else self._inputs_in(outs, olds)
        return proto.ReadResponse(id=request.id, properties=_message(outs, olds.secrets), inputs=inputs)

    def _inputs_in(self, outs: Mapping[str, Any], olds: Decoded) -> Struct:
        names = {each.name for each in self._properties if each.is_input}
        return _message({name: value for name, value in outs.items() if name in names}, olds.secrets)

    @error_boundary
    def update(self, request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Record the new inputs in the state."""
        olds = self.recorded(decode(request.olds).properties, request.id)
        news = decode(request.news)
        outs = self._core.update(request.id, olds, news.properties)
        return proto.UpdateResponse(properties=_message(outs, news.secrets))

    @error_boundary
    def plan_update(self, request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Return what is known about the resource before it is updated."""
        olds = self.recorded(decode(request.olds).properties, request.id)
        news = decode(request.news)
        _, outs = self._core.plan(news.properties, olds)
        return proto.UpdateResponse(properties=_message(outs, news.secrets))

    @error_boundary
    def delete(self, request: proto.DeleteRequest) -> Empty:
        """Delete the resource."""
        self._core.delete(request.id, self.recorded(decode(request.properties).properties, request.id))
        return Empty()


_FUNCTIONS = (GET_ONE, GET_MANY)


class Integrations(IntegrationKind, PluginKind):
    """The resource `PaymentIntegration`."""

    _properties = schema.INTEGRATION

    @error_boundary
    def invoke(self, request: proto.InvokeRequest) -> proto.InvokeResponse:
        """Call a function of the package.

        Raises:
            JusttError: A program calls a function of this package that does not exist.
        """
        core, arguments = self._core, decode(request.args).properties
        found: dict[str, Any]
        if request.tok == GET_ONE:
            found = find_integration(core.client(), core.settings, arguments)
        elif request.tok != GET_MANY:
            raise JusttError(f"{request.tok} is not a function of this plugin{nearest(request.tok, _FUNCTIONS)}.")
        else:
            found = {"integrations": find_integrations(core.client(), core.settings, arguments)}
        response = proto.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(found))
        return response

    @error_boundary
    def list(self, request: proto.ListRequest) -> list[proto.ListResponse]:
        """Return the integrations that can be imported: those that have not ended.

        Raises:
            JusttError: A command lists another resource of this package, of which Justt has no list.
        """
        if request.token != INTEGRATION:
            raise JusttError(f"{request.token} has no list at Justt: list {INTEGRATION}.")
        core, query = self._core, decode(request.query).properties
        found = importable_integrations(core.client(), core.settings, query)
        results = [proto.ListResponse.Result(id=id_, name=name) for id_, name in found]
        return [
            proto.ListResponse(result=result) for result in (results[: request.limit] if request.limit > 0 else results)
        ]


class Waits(ReadinessKind, PluginKind):
    """The resource `IntegrationReady`."""

    copies_account = False
    _properties = schema.READY

    def create(self, request: proto.CreateRequest) -> proto.CreateResponse:
        """Wait until the integration is ready, with an additional thread so that other calls are not blocked."""
        with additional_worker():
            return super().create(request)
