"""The plugin's answers to the engine, called in this process: what is secret, known in a preview, refused or shown."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import proto

import pulumi_justt.core.client
import pulumi_justt.core.session
from pulumi_justt import host
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.plugin import server
from pulumi_justt.plugin.codec import Path, decode, encode
from pulumi_justt.plugin.kinds import Integrations
from pulumi_justt.plugin.package_schema import GET_MANY, GET_ONE, INTEGRATION, READY
from pulumi_justt.plugin.server import Servicer
from pulumi_justt.simulator import Fault, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.checkout import ROOT
from support.secret_scanner import canary

CANARY = canary("payload")
GIVEN = {
    "externalIdentifier": "shop-1",
    "integrationName": "Shop",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": CANARY},
}
URN = f"urn:pulumi:dev::shop::my:module:Component${INTEGRATION}::shop"
WAIT = f"urn:pulumi:dev::shop::{READY}::ready"


class Refused(Exception):
    """The error that the engine prints."""


class Context:
    """A call of the engine."""

    is_waiting = True

    def is_active(self) -> bool:
        """Return whether the engine still waits for the call."""
        return self.is_waiting

    def abort(self, _code: object, text: str) -> NoReturn:
        """End the call with an error."""
        raise Refused(text)


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the clients and sessions of this process, and the memory of cancelled calls."""
    clients: dict[object, pulumi_justt.core.client.JusttClient] = {}
    monkeypatch.setattr(pulumi_justt.core.client, "_clients", clients)
    monkeypatch.setattr(pulumi_justt.core.session, "_sessions", {})
    monkeypatch.setattr(host.calls, "was_cut_off", False)
    monkeypatch.setattr(host.calls, "urn", None)
    yield
    for client in clients.values():
        client.close()


class Plugin:
    """The plugin as the engine uses it, with plain values in place of messages."""

    def __init__(self, **config: object) -> None:
        self.context = Context()
        self.servicer = Servicer()
        self.servicer.Configure(proto.ConfigureRequest(args=encode(config)), self.context)  # type: ignore[arg-type]

    def call(self, method: str, request: Any) -> Any:  # noqa: ANN401 - one of the protocol's messages
        """Call a method of the protocol."""
        return getattr(self.servicer, method)(request, self.context)

    def check(
        self,
        news: dict[str, Any],
        olds: dict[str, Any] | None = None,
        *,
        secrets: Collection[Path] = (),
        urn: str = URN,
    ) -> proto.CheckResponse:
        """Check the inputs of a resource, of which those at *secrets* are secret."""
        request = proto.CheckRequest(urn=urn, olds=encode(olds or {}), news=encode(news, secrets))
        response: proto.CheckResponse = self.call("Check", request)
        assert {each.property for each in response.failures} <= {""}
        return response

    def create(self, inputs: Struct, *, preview: bool = False, urn: str = URN) -> proto.CreateResponse:
        """Create a resource."""
        response: proto.CreateResponse = self.call(
            "Create", proto.CreateRequest(urn=urn, properties=inputs, preview=preview)
        )
        return response


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatorServer]:
    """Start one simulator for all tests of the module."""
    with SimulatorServer() as found:
        yield found


@pytest.fixture
def plugin(running: SimulatorServer) -> Plugin:
    """Return a plugin that uses the simulator."""
    running.clear_requests()
    running.clear_faults()
    return Plugin(baseUrl=running.base_url, apiKey="bearer-key")


def reasons(response: Any) -> list[str]:  # noqa: ANN401 - a message of the protocol
    """Return the texts of failures."""
    return [each.reason for each in response.failures]


# What is secret


@pytest.mark.parametrize(
    ("more", "marked", "secret"),
    [
        ({}, (), [("secretPayload", "apiKey")]),
        ({}, [("secretPayload",)], [("secretPayload", "apiKey")]),
        ({}, [("secretPayload", "apiKey"), ("source",)], [("secretPayload", "apiKey"), ("source",)]),
        (
            {"secretType": "PUBLIC_SECRET_KEY", "secretPayload": {"publicKey": "pub-1", "secretKey": CANARY}},
            (),
            [("secretPayload", "secretKey")],
        ),
        (
            {"secretType": "PUBLIC_SECRET_KEY", "secretPayload": {"publicKey": "pub-1", "secretKey": CANARY}},
            [("secretPayload",)],
            [("secretPayload", "secretKey"), ("secretPayload", "publicKey")],
        ),
        (
            {"secretType": "NEW", "allowUnlisted": True, "secretPayload": {"publicKey": CANARY, "more": {"a": [1]}}},
            [("secretPayload", "more", "a", 0)],
            [("secretPayload", "publicKey"), ("secretPayload", "more")],
        ),
        (
            {"merchantAccountCodes": ["b", "a"]},
            [("merchantAccountCodes", 0)],
            [("secretPayload", "apiKey"), ("merchantAccountCodes",)],
        ),
        ({"secretPayload": UNKNOWN}, (), [("secretPayload",)]),
    ],
)
def test_each_credential_field_is_a_secret_of_its_own(
    plugin: Plugin, more: dict[str, Any], marked: list[Any], secret: list[Any]
) -> None:
    """A credential is secret, whatever the program marks. An identifier is not, unless the program says so."""
    response = plugin.check({**GIVEN, **more}, secrets=marked)

    assert reasons(response) == []
    assert decode(response.inputs).secrets == {*secret}
    planned = plugin.create(response.inputs, preview=True)
    assert decode(planned.properties).secrets == {*secret}


def test_the_api_key_is_a_secret_of_the_provider(running: SimulatorServer) -> None:
    """The provider's own inputs are checked like the configuration, and the API key becomes a secret."""
    servicer = Servicer()

    def check(**news: object) -> proto.CheckResponse:
        response = servicer.CheckConfig(proto.CheckRequest(news=encode(news)), Context())  # type: ignore[arg-type]
        assert isinstance(response, proto.CheckResponse)
        return response

    good = check(baseUrl=running.base_url, apiKey="bearer-key", timeoutSeconds=7, version="1.0.0")
    assert decode(good.inputs).secrets == {("apiKey",)}
    assert reasons(good) == reasons(check(apiKey=UNKNOWN)) == []
    assert reasons(check(requestsPerMinute=7, timeoutSeconds=0.5, environment=None)) == []
    assert reasons(check(enviroment="sandbox"))[0].startswith("justt:enviroment is not a setting")
    assert reasons(check(timeoutSeconds="soon")) == ["justt:timeoutSeconds must be a number from 0.1 to 600.0"]


def test_a_provider_of_the_program_has_a_key_of_its_own(running: SimulatorServer) -> None:
    """A provider without a key is refused, even if the stack has one. A key that is not known yet is not missing."""
    servicer, urn = Servicer(), "urn:pulumi:dev::shop::pulumi:providers:justt::merchant-b"

    def check(**news: object) -> list[str]:
        request = proto.CheckRequest(urn=urn, news=encode({"baseUrl": running.base_url, **news}))
        return reasons(servicer.CheckConfig(request, Context()))  # type: ignore[arg-type]

    assert check(apiKey="bearer-key") == check(apiKey=UNKNOWN) == []
    assert check()[0].startswith("the provider 'merchant-b' has no API key: give it one")
    default = urn.replace("merchant-b", "default_0_3_0")
    request = proto.CheckRequest(urn=default, news=encode({"baseUrl": running.base_url}))
    assert reasons(servicer.CheckConfig(request, Context())) == []  # type: ignore[arg-type]


# References


def test_a_reference_needs_no_version(plugin: Plugin) -> None:
    """A reference without a version has version 1, as in Python, so that both give the same state."""
    given = {**GIVEN, "secretPayload": {}, "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY"}}}

    response = plugin.check(given)

    assert reasons(response) == []
    assert decode(response.inputs).properties["secretReferences"] == {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 1}}


@pytest.mark.parametrize(
    ("referred", "marked", "reason"),
    [
        ({"fromEnv": "STRIPE_KEY"}, [("secretReferences",)], "secretReferences: must not be secret"),
        (
            {"fromEnv": "STRIPE_KEY"},
            [("secretReferences", "apiKey", "fromEnv")],
            "secretReferences: must not be secret",
        ),
        ({"fromEnv": UNKNOWN}, (), "secretReferences: a reference must be known when the program runs"),
        ({"fromEnv": "PULUMI_ACCESS_TOKEN"}, (), "secretReferences.apiKey: is not a valid reference"),
        ({"fromEnv": "sk_live_0123456789abcdef"}, (), "secretReferences.apiKey: is not a valid reference"),
        ({"fromFile": "sk_live_0123456789abcdef"}, (), "secretReferences.apiKey: is not a valid reference"),
        ({"fromEnv": "STRIPE_KEY", "fromFile": "key"}, (), "secretReferences.apiKey: is not a valid reference"),
        ("STRIPE_KEY", (), "secretReferences.apiKey: is not a valid reference"),
    ],
)
def test_a_secret_unknown_or_wrong_reference_is_refused(
    plugin: Plugin, referred: object, marked: list[Any], reason: str
) -> None:
    """A reviewer sees each reference before it is used, so it is neither secret nor unknown."""
    given = {**GIVEN, "secretPayload": {}, "secretReferences": {"apiKey": referred}}

    found = reasons(plugin.check(given, secrets=marked))

    assert any(each.startswith(reason) for each in found), found
    assert not any("sk_live" in each for each in found)


# Previews


@pytest.mark.parametrize(
    ("more", "id_", "known"),
    [
        ({}, "", {"status": "PENDING", "integrationId": UNKNOWN, "goLiveDate": UNKNOWN}),
        ({"adoptId": "id-1"}, "id-1", {"status": UNKNOWN, "integrationId": "id-1", "goLiveDate": UNKNOWN}),
        ({"adoptId": UNKNOWN}, "", {"status": UNKNOWN, "integrationId": UNKNOWN, "goLiveDate": UNKNOWN}),
    ],
)
def test_a_preview_of_a_create_shows_what_is_known(
    plugin: Plugin, running: SimulatorServer, more: dict[str, Any], id_: str, known: dict[str, Any]
) -> None:
    """A preview sends nothing. It knows the status of a new integration, and the id of an adopted one."""
    response = plugin.create(encode({**GIVEN, **more}), preview=True)

    assert response.id == id_
    assert decode(response.properties).properties == {**GIVEN, **more, **known}
    assert decode(response.properties).secrets == {("secretPayload", "apiKey")}
    assert running.requests == []


def test_a_preview_of_a_wait_and_of_an_update_shows_what_is_known(plugin: Plugin, running: SimulatorServer) -> None:
    """A wait that succeeds has the status SUCCESSFUL. An update keeps what Justt returned earlier."""
    wait = plugin.create(encode({"integrationId": "id-1"}), preview=True, urn=WAIT)
    assert (wait.id, decode(wait.properties).properties["status"]) == ("id-1", "SUCCESSFUL")

    olds, news = {**GIVEN, "status": "FAILED"}, {**GIVEN, "deletionProtection": True}
    request = proto.UpdateRequest(id="id-1", urn=URN, olds=encode(olds), news=encode(news), preview=True)
    updated = decode(plugin.call("Update", request).properties).properties
    assert updated == {**news, "status": "FAILED", "integrationId": "id-1"}
    request = proto.UpdateRequest(
        id="id-1", urn=WAIT, olds=encode({"status": "SUCCESSFUL"}), news=encode({"timeoutSeconds": 7}), preview=True
    )
    assert decode(plugin.call("Update", request).properties).properties == {"status": "SUCCESSFUL", "timeoutSeconds": 7}
    assert running.requests == []


# Imports


def test_an_import_needs_nothing_and_replaces_nothing(plugin: Plugin, running: SimulatorServer) -> None:
    """An import reads the integration. The inputs that it returns pass the check, and so do the program's."""
    given = plugin.check(GIVEN).inputs
    id_ = plugin.create(given).id
    running.clear_requests()

    read = plugin.call("Read", proto.ReadRequest(id=id_, urn=URN))
    inputs = decode(read.inputs).properties
    assert inputs == {"source": "stripe", "environment": "simulator"}
    assert [each.method for each in running.requests] == ["GET"]

    checked = plugin.check(inputs, inputs)
    assert (reasons(checked), decode(checked.inputs).properties) == ([], inputs)
    assert "externalIdentifier: is required" in reasons(plugin.check({**inputs, "integrationName": "X"}, inputs))
    declared = plugin.check(GIVEN, inputs)
    assert reasons(declared) == []

    def replaces(news: Struct) -> list[str]:
        request = proto.DiffRequest(id=id_, urn=URN, olds=read.properties, news=news)
        return [*plugin.call("Diff", request).replaces]

    assert replaces(declared.inputs) == []
    assert replaces(plugin.check({**GIVEN, "source": "adyen"}, inputs).inputs) == ["source"]
    request = proto.UpdateRequest(id=id_, urn=URN, olds=read.properties, news=declared.inputs)
    outputs = decode(plugin.call("Update", request).properties)
    assert outputs.properties == {**decode(given).properties, "integrationId": id_, "status": "PENDING"}
    assert outputs.secrets == {("secretPayload", "apiKey")}


def test_an_import_of_an_ended_integration_is_refused(plugin: Plugin, running: SimulatorServer) -> None:
    """INACTIVE is final, so the import says so. A lookup of the same integration shows the status."""
    new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    id_ = running.records.add_integration(new, None)
    running.records.set_status(id_, "INACTIVE")

    with pytest.raises(Refused, match=f"importing integration {id_}: it is INACTIVE, which is final"):
        plugin.call("Read", proto.ReadRequest(id=id_, urn=URN))
    looked_up = plugin.call("Read", proto.ReadRequest(id=id_, urn=URN, properties=encode({})))
    assert decode(looked_up.properties).properties["status"] == "INACTIVE"


def test_a_wait_can_be_imported(plugin: Plugin) -> None:
    """An import of a wait reads its integration, and its inputs pass the check."""
    id_ = plugin.create(plugin.check(GIVEN).inputs).id

    read = plugin.call("Read", proto.ReadRequest(id=id_, urn=WAIT))

    inputs = decode(read.inputs).properties
    assert inputs == {"integrationId": id_, "environment": "simulator"}
    assert reasons(plugin.check(inputs, inputs, urn=WAIT)) == []
    news = plugin.check({**inputs, "externalIdentifier": "shop-1", "timeoutSeconds": 7}, inputs, urn=WAIT).inputs
    request = proto.DiffRequest(id=id_, urn=WAIT, olds=read.properties, news=news)
    assert [*plugin.call("Diff", request).replaces] == []


def test_a_wait_has_the_account_of_its_provider(running: SimulatorServer) -> None:
    """An integration without an account gets that of the configuration, and so does the wait for it."""
    plugin = Plugin(baseUrl=running.base_url, apiKey="bearer-key", referenceAccountId="acc_1")
    for given, urn in ((GIVEN, URN), ({"integrationId": "id-1"}, WAIT)):
        assert decode(plugin.check(given, urn=urn).inputs).properties["referenceAccountId"] == "acc_1"


def test_a_refresh_keeps_the_inputs(plugin: Plugin, running: SimulatorServer) -> None:
    """A refresh returns the recorded inputs with their marks, and an INACTIVE integration leaves the state."""
    made = plugin.create(plugin.check(GIVEN).inputs)
    inputs = encode(GIVEN, [("secretPayload", "apiKey"), ("source",)])

    read = plugin.call("Read", proto.ReadRequest(id=made.id, urn=URN, properties=made.properties, inputs=inputs))
    assert read.inputs == inputs
    assert decode(read.properties).secrets == {("secretPayload", "apiKey")}

    running.records.set_status(made.id, "INACTIVE")
    request = proto.ReadRequest(id=made.id, urn=URN, properties=made.properties, inputs=inputs)
    assert plugin.call("Read", request).id == ""


# Functions


def test_the_functions_return_what_justt_knows(plugin: Plugin, running: SimulatorServer) -> None:
    """`getIntegration` reads one, `getIntegrations` lists those with a status, and List leaves out those that ended."""
    new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    ids = sorted(running.records.add_integration(new, None) for _ in range(3))
    for number, each in enumerate(ids):
        running.records.set_status(each, ["SUCCESSFUL", "FAILED", "INACTIVE"][number])

    def invoke(tok: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        return decode(getattr(plugin.call("Invoke", proto.InvokeRequest(tok=tok, args=encode(arguments))), "return"))

    one = {"integrationId": ids[1], "source": "stripe", "status": "FAILED"}
    assert invoke(GET_ONE, integrationId=ids[1]).properties == one
    found = invoke(GET_MANY, status="FAILED").properties["integrations"]
    assert one in found
    assert {each["status"] for each in found} == {"FAILED"}
    listed = [each.result.id for each in plugin.call("List", proto.ListRequest(token=INTEGRATION))]
    assert {*ids[:2]} <= {*listed}
    assert ids[2] not in listed
    assert len([*plugin.call("List", proto.ListRequest(token=INTEGRATION, limit=1))]) == 1
    assert len([*plugin.call("List", proto.ListRequest(token=INTEGRATION, limit=-1))]) == len(listed)
    with pytest.raises(Refused, match=f"{READY} has no list at Justt: list {INTEGRATION}"):
        [*plugin.call("List", proto.ListRequest(token=READY))]


@pytest.mark.parametrize(
    ("tok", "arguments", "text"),
    [
        (GET_ONE, {}, "getIntegration: integrationId is required."),
        (GET_ONE, {"integrationId": "a\nb"}, "getIntegration: integrationId must be one line"),
        (
            GET_ONE,
            {"integrationId": "x", "referenceAccountId": "a b"},
            "getIntegration: referenceAccountId must be vis",
        ),
        (GET_ONE, {"integrationId": "no-such-id"}, "First check the id: `pulumi-justt list` shows the ids"),
        (
            GET_MANY,
            {"referenceAccount": "acc_2"},
            "getIntegrations has no argument 'referenceAccount' (did you mean 'referenceAccountId'?).",
        ),
        (GET_ONE, {"integrationId": "x", "integrationID": "y"}, "getIntegration has no argument 'integrationID'"),
        (GET_MANY, {"status": 7}, "getIntegrations: status must be text that is not empty."),
    ],
)
def test_an_invalid_argument_of_a_function_is_refused(
    plugin: Plugin, tok: str, arguments: dict[str, object], text: str
) -> None:
    """An error of a function names the argument, or says how to find an id."""
    with pytest.raises(Refused) as refused:
        plugin.call("Invoke", proto.InvokeRequest(tok=tok, args=encode(arguments)))

    assert text in str(refused.value)


# Errors


def test_an_unknown_resource_or_function_is_named(plugin: Plugin) -> None:
    """A program that misspells a type gets the nearest one, and not a crash of the plugin."""
    urn = URN.replace("PaymentIntegration", "PaymentIntegrations")
    for method, message in (
        ("Check", proto.CheckRequest),
        ("Create", proto.CreateRequest),
        ("Read", proto.ReadRequest),
    ):
        with pytest.raises(Refused, match="did you mean 'justt:index:PaymentIntegration'"):
            plugin.call(method, message(urn=urn))
    with pytest.raises(Refused, match="did you mean 'justt:index:getIntegration'"):
        plugin.call("Invoke", proto.InvokeRequest(tok="justt:index:getIntegratio"))


def test_an_error_is_one_paragraph_with_the_api_s_names(plugin: Plugin, running: SimulatorServer) -> None:
    """Justt refuses a create. The engine gets one paragraph, in which an option has the name of other languages."""
    running.add_fault(Fault.parse("POST /integrations status=400 times=1"))

    with pytest.raises(Refused) as refused:
        plugin.create(plugin.check(GIVEN).inputs)

    assert str(refused.value).startswith("creating the stripe integration 'shop-1': Justt answered 400")
    assert str(refused.value).endswith("or set deleteBeforeReplace: true.")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_defect_shows_no_value(plugin: Plugin, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]) -> None:
    """An exception that is not ours shows its type and its place, as in the dynamic provider."""

    def fail(*_: object) -> NoReturn:
        raise kind(CANARY)

    monkeypatch.setattr(Integrations, "properties_in", fail)
    with pytest.raises(Refused) as refused:
        plugin.call("Read", proto.ReadRequest(id="x", urn=URN))

    assert str(refused.value).startswith(f"read: an error inside pulumi-justt, {kind.__name__} at test_server.py:")
    assert CANARY not in str(refused.value)


def test_a_setting_that_cannot_be_used_is_a_failure_of_each_check() -> None:
    """A preview without a key works, and an invalid setting is a failure of the check and not a crash."""
    assert reasons(Plugin().check(GIVEN)) == []
    (reason,) = reasons(Plugin(environment="somewhere").check(GIVEN))
    assert reason.startswith("justt:environment must be production or sandbox")
    with pytest.raises(Refused, match="no Justt API key"):
        Plugin().create(encode({**GIVEN, "environment": "production"}))


def test_a_call_that_the_engine_cancelled_sends_nothing(plugin: Plugin, running: SimulatorServer) -> None:
    """A call that waited for a thread until the engine cancelled it sends nothing."""
    inputs = plugin.check(GIVEN).inputs
    running.clear_requests()
    plugin.context.is_waiting = False

    with pytest.raises(Refused, match="create: the engine cancelled the call before it began"):
        plugin.create(inputs)
    assert running.requests == []


# The process


@pytest.mark.parametrize(("given", "workers"), [(None, 64), ("", 64), ("8", 8), ("4000", 64), ("0", 1), ("many", 64)])
def test_the_variable_bounds_the_threads(given: str | None, workers: int) -> None:
    """Without JUSTT_WORKERS, the plugin serves 64 calls at a time."""
    assert server._workers({} if given is None else {"JUSTT_WORKERS": given}) == workers


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]])
def test_a_user_who_starts_the_plugin_is_sent_to_the_commands(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Without an engine's address, the plugin exits and names the package's commands."""
    monkeypatch.setattr(sys, "argv", ["pulumi-resource-justt", *arguments])
    monkeypatch.setattr(host, "_plugin_argument", None)
    with pytest.raises(SystemExit, match="The commands are in pulumi-justt"):
        server.main()


def test_the_package_installs_the_plugin_s_command() -> None:
    """`pip install` writes the command `pulumi-resource-justt`, whose name is the one that the engine looks for."""
    scripts = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[2].partition("[")[0]

    assert f'pulumi-resource-justt = "{server.main.__module__}:{server.main.__name__}"' in scripts.splitlines()


def test_threads_share_one_lifecycle(plugin: Plugin) -> None:
    """Threads that make the first calls at the same time get the same lifecycle, which sees the creates of all."""
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: plugin.servicer._integrations._core, range(4))

    assert all(other is first for other in others)


def test_the_package_needs_no_request_to_describe_itself() -> None:
    """The engine may ask for the schema and the version before it sends a configuration."""
    servicer, context = Servicer(), Context()
    info, schema, handshake = (
        MessageToDict(getattr(servicer, method)(None, context))
        for method in ("GetPluginInfo", "GetSchema", "Handshake")
    )
    assert handshake == {"acceptSecrets": True}
    assert info["version"] in schema["schema"]
