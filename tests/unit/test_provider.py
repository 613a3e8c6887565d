"""The dynamic provider, called directly: its translation for the engine, and the errors that it lets through."""

from __future__ import annotations

import contextlib
import pickle
import sys
import threading
import traceback
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.dynamic import CheckResult, ConfigureRequest, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.dynamic.config import Config
from pulumi.output import UNKNOWN as ENGINE_UNKNOWN
from pulumi.output import Unknown as EngineUnknown

import pulumi_justt.core.client
import pulumi_justt.core.session
from pulumi_justt import host, resource_kinds
from pulumi_justt import provider as provider_module
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.messages import AMBIGUOUS_REMEDIATION
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.errors import WITHHELD, InvalidSettings, JusttError
from pulumi_justt.provider import IntegrationProvider, ReadinessProvider
from pulumi_justt.redaction import shared_redactor
from pulumi_justt.resources import _PROVIDER
from pulumi_justt.simulator import SimulatorServer, payload_digest

CANARY = "canary-6d02be"

NEWS: dict[str, Any] = {
    "externalIdentifier": "stripe-eu",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": CANARY},
    "__provider": "blob",
}

CALLS: dict[str, Callable[[IntegrationProvider], object]] = {
    "check": lambda provider: provider.check({}, NEWS),
    "diff": lambda provider: provider.diff("id-1", NEWS, NEWS),
    "create": lambda provider: provider.create(NEWS),
    "read": lambda provider: provider.read("id-1", NEWS),
    "update": lambda provider: provider.update("id-1", NEWS, NEWS),
    "delete": lambda provider: provider.delete("id-1", NEWS),
}


class Core:
    """Stands in for the lifecycle: records its calls, and returns or raises the object that the test sets."""

    def __init__(self, answer: object = None, error: BaseException | None = None, *, is_in_doubt: bool = False) -> None:
        self.answer = answer
        self.error = error
        self.is_in_doubt = is_in_doubt
        self.calls: list[tuple[object, ...]] = []

    def _called(self, *arguments: object) -> object:
        self.calls.append(arguments)
        if self.error is not None:
            raise self.error
        return self.answer

    known_properties: Collection[str] = frozenset({*NEWS, *"abcdefgh"})
    id_properties: Collection[str] = frozenset({"i"})

    check = diff = create = read = update = delete = _called

    def may_have_created(self, _inputs: object) -> bool:
        """Return whether the test says that a create may have made an integration."""
        return self.is_in_doubt


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the clients, the sessions and the traceback limit, which the provider changes in its process."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)
    clients: dict[object, pulumi_justt.core.client.JusttClient] = {}
    monkeypatch.setattr(pulumi_justt.core.client, "_clients", clients)
    monkeypatch.setattr(pulumi_justt.core.session, "_sessions", {})
    yield
    for client in clients.values():
        client.close()


def configured(config: Mapping[str, str] | None = None) -> IntegrationProvider:
    """Return a provider as the host loads it from the state, with the given configuration."""
    provider = IntegrationProvider()
    provider.configure(ConfigureRequest(Config(dict(config or {}), "project")))
    return provider


def over(core: Core) -> IntegrationProvider:
    """Return a configured provider that calls *core* in place of the lifecycle."""
    provider = configured()
    provider.__dict__["_core"] = core
    return provider


def at(simulator: SimulatorServer) -> IntegrationProvider:
    """Return a provider whose configuration uses the simulator."""
    return configured({"justt:baseUrl": simulator.base_url, "justt:apiKey": "bearer-key"})


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    """Start one simulator for all tests of the module."""
    with SimulatorServer() as running:
        yield running


def remembered(result: CreateResult | ReadResult | UpdateResult) -> dict[str, Any]:
    """Return the outputs in the result of a call, and assert that the result has some."""
    assert result.outs is not None
    return result.outs


def shown(call: Callable[[], object]) -> str:
    """Return the text that the host would send to the terminal for the exception of *call*."""
    try:
        call()
    except Exception:  # noqa: BLE001 - like the host
        return traceback.format_exc()
    raise AssertionError("no exception")


# The error boundary


@pytest.mark.parametrize("method", CALLS)
def test_our_errors_are_one_paragraph(method: str) -> None:
    """When the core raises a `JusttError`, the terminal shows the class name and the text on one line.

    The terminal shows neither the module's name nor a traceback.
    """
    provider = over(Core(error=JusttError("what we tried: what came back. What to do.")))

    text = shown(lambda: CALLS[method](provider))

    assert text == "JusttError: what we tried: what came back. What to do.\n"


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "kind", [ValueError, KeyError, SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, RecursionError]
)
def test_other_errors_show_only_their_type_and_location(method: str, kind: type[BaseException]) -> None:
    """When the core raises any other exception, the terminal shows only its type and location.

    The exception's text may contain a credential.
    """
    provider = over(Core(error=kind(CANARY)))

    text = shown(lambda: CALLS[method](provider))

    assert CANARY not in text
    assert text.count("\n") == 1
    assert text.startswith(f"JusttError: {method}: an error inside pulumi-justt, {kind.__name__} at test_provider.py:")
    assert text.endswith("Please report it with what JUSTT_DEBUG=1 prints.\n")


@pytest.mark.parametrize(
    ("kind", "is_in_doubt", "remediation"),
    [
        (IntegrationProvider, True, AMBIGUOUS_REMEDIATION),
        (IntegrationProvider, False, "The state was not changed."),
        (ReadinessProvider, True, "The state was not changed."),
    ],
)
def test_only_a_create_that_sent_a_post_says_that_something_may_exist(
    kind: type[IntegrationProvider | ReadinessProvider], is_in_doubt: bool, remediation: str
) -> None:
    """If a create fails with an internal error after its POST, the error says that an integration may exist.

    An error before the POST, or in a wait, says that the state was not changed.
    """
    provider = kind()
    provider.__dict__["_core"] = Core(error=ValueError(CANARY), is_in_doubt=is_in_doubt)

    assert f". {remediation} Please report it" in shown(lambda: provider.create(NEWS))


@pytest.mark.parametrize(
    ("breaks", "remediation"),
    [
        ("pulumi_justt.core.exactly_once.list_all", "The state was not changed."),
        ("pulumi_justt.api.client.json.dumps", "The state was not changed."),
        ("pulumi_justt.core.ownership.Ownership.note_created", AMBIGUOUS_REMEDIATION),
    ],
)
def test_an_internal_error_during_a_create_says_whether_something_may_exist(
    simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch, breaks: str, remediation: str
) -> None:
    """An internal error of a create before its POST says that the state was not changed.

    An internal error after the POST says that an integration may exist.
    """

    def fail(*_: object, **__: object) -> None:
        raise ValueError(CANARY)

    provider = at(simulator)
    inputs = provider.check({}, NEWS).inputs
    monkeypatch.setattr(breaks, fail)

    assert f". {remediation} Please report it" in shown(lambda: provider.create(inputs))


def test_a_wait_shares_the_session_of_its_integration() -> None:
    """The providers of a `PaymentIntegration` and an `IntegrationReady` share one client and one session.

    A provider with another configuration has its own client and session.
    """
    config = {"justt:baseUrl": "http://127.0.0.1:9", "justt:apiKey": "bearer-key"}
    made = [IntegrationProvider(), ReadinessProvider(), ReadinessProvider()]
    for provider, more in zip(made, ({}, {}, {"justt:timeoutSeconds": "7"}), strict=True):
        provider.configure(ConfigureRequest(Config({**config, **more}, "project")))
    first, second, other = (provider._core for provider in made)

    assert type(second) is ReadinessLifecycle
    assert first.client() is second.client() is not other.client()
    assert first.session is second.session is not other.session


def test_the_configured_key_is_redacted_despite_an_override(
    simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While JUSTT_API_KEY_OVERRIDE is set, the redactor withholds text with the configured key too.

    Justt may repeat that key, because both keys belong to one account.
    """
    shared_redactor.cache_clear()
    monkeypatch.setenv("JUSTT_API_KEY_OVERRIDE", "the-key-of-the-override")
    provider = configured({"justt:baseUrl": simulator.base_url, "justt:apiKey": "the-configured-one-4455"})
    provider.check({}, {})

    assert shared_redactor().redact("use THE-CONFIGURED-ONE-4455") == WITHHELD


def test_no_text_contains_a_color_tag(capsys: pytest.CaptureFixture[str]) -> None:
    """The provider escapes color tags in errors, notes and check failures.

    Pulumi's CLI crashes on a text with an unknown color name.
    """
    core = Core(error=JusttError("no <{%bogus%}>"))
    with pytest.raises(Exception, match=r"no < \{%bogus%\}>"):
        over(core).delete("id-1", {})
    resource_kinds.write_line("no <{%bogus%}>")
    assert provider_module._failure("no <{%bogus%}>").reason == "no < {%bogus%}>"
    assert capsys.readouterr().err == "no < {%bogus%}>\n"


@pytest.mark.parametrize("error", [JusttError("plain text"), ValueError(CANARY), SystemExit(CANARY)])
def test_debug_adds_the_frames_and_no_value(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """With JUSTT_DEBUG=1, the terminal also shows the traceback of an error, but not the text of an internal error."""
    monkeypatch.setenv("JUSTT_DEBUG", "1")
    provider = over(Core(error=error))

    text = shown(lambda: provider.create(NEWS))

    assert "JusttError: " in text
    assert "in create" in text
    assert "in _called" in text
    assert "test_provider.py" in text
    assert CANARY not in text


def test_debug_is_off_unless_it_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """With JUSTT_DEBUG=0, the terminal shows no traceback."""
    monkeypatch.setenv("JUSTT_DEBUG", "0")
    provider = over(Core(error=JusttError("plain text")))

    assert "in create" not in shown(lambda: provider.create(NEWS))


def test_an_invalid_input_is_reported_without_its_value() -> None:
    """When a create gets an invalid input, the error names pydantic's exception but doesn't show the value."""
    provider = configured({"justt:baseUrl": "http://127.0.0.1:9", "justt:apiKey": "bearer-key"})

    text = shown(lambda: provider.create({**NEWS, "environment": CANARY}))

    assert "create: an error inside pulumi-justt, ValidationError at " in text
    assert CANARY not in text


# Translation


def test_whole_numbers_become_ints() -> None:
    """The engine sends every number as a float.

    The provider passes whole numbers to the core as ints, at every depth.
    """
    core = Core()
    over(core).delete("id-1", {"a": 5.0, "b": {"c": [7.0, {"d": -3.0}]}, "e": 1.5, "f": True, "g": "5.0", "h": None})

    assert repr(core.calls[0][1]) == repr(
        {"a": 5, "b": {"c": [7, {"d": -3}]}, "e": 1.5, "f": True, "g": "5.0", "h": None, "i": "id-1"}
    )


def test_infinity_stays_a_float() -> None:
    """The provider passes infinity to the core as a float, without an error."""
    core = Core()
    over(core).delete("id-1", {"a": float("inf")})

    assert core.calls == [("id-1", {"a": float("inf"), "i": "id-1"})]


def test_unknown_values_are_translated_both_ways() -> None:
    """In a preview, `check` passes the engine's unknown values to the core as the core's marker.

    `check` returns the core's markers to the engine as unknown values, at every depth.
    """
    marked = {"a": UNKNOWN, "b": {"c": [1, UNKNOWN]}}
    core = Core(SimpleNamespace(inputs=marked, failures=[]))

    # The host creates a new object for each value.
    unknown: Callable[[], object] = EngineUnknown

    result = over(core).check({}, {"a": unknown(), "b": {"c": [1.0, unknown()]}})

    assert core.calls == [({}, marked)]
    assert result.inputs == {"a": ENGINE_UNKNOWN, "b": {"c": [1, ENGINE_UNKNOWN]}}


@pytest.mark.parametrize("method", CALLS)
def test_the_core_does_not_get_the_stored_provider(method: str) -> None:
    """The provider removes the property `__provider`, which only the host uses, before it calls the core."""
    core = Core(("id-1", {}) if method == "create" else {})
    if method == "check":
        core.answer = SimpleNamespace(inputs={}, failures=[])
    CALLS[method](over(core))

    properties = [argument for argument in core.calls[0] if isinstance(argument, dict)]
    assert properties
    assert all("__provider" not in each for each in properties)


def test_the_caller_s_properties_are_not_changed() -> None:
    """`check` leaves the host's own properties unchanged, because the host uses them after the call."""
    over(Core(SimpleNamespace(inputs={}, failures=[]))).check({}, NEWS)

    assert NEWS["__provider"] == "blob"


def test_check_names_no_property() -> None:
    """The failures that `check` returns name no property, because the engine would print the value of that property."""
    core = Core(SimpleNamespace(inputs={"a": 1}, failures=["a: wrong", "b: wrong"]))

    result = over(core).check({}, NEWS)

    assert result.inputs == {"a": 1}
    assert [(each.property, each.reason) for each in result.failures] == [("", "a: wrong"), ("", "b: wrong")]


def test_diff_leaves_the_changes_to_the_engine() -> None:
    """`diff` returns which properties force a replacement, and no list of changes.

    Only then does the engine show which secret changed.
    """
    result = over(Core(["secretPayload.apiKey"])).diff("id-1", NEWS, NEWS)

    assert isinstance(result, DiffResult)
    assert (result.changes, result.replaces, result.stables, result.delete_before_replace) == (
        None,
        ["secretPayload.apiKey"],
        None,
        None,
    )


def test_diff_passes_old_and_new_inputs() -> None:
    """`diff` calls the core with the recorded properties, to which it adds the id, and with the new inputs."""
    core = Core([])
    over(core).diff("id-1", {"a": 1.0}, {"a": 2.0})

    assert core.calls == [({"a": 1, "i": "id-1"}, {"a": 2})]


def test_create_returns_the_id_and_the_outputs() -> None:
    """`create` returns the core's id and outputs to the host, without the output that repeats the id."""
    result = over(Core(("id-1", {"a": 1, "i": "id-1"}))).create(NEWS)

    assert (result.id, result.outs) == ("id-1", {"a": 1})


@pytest.mark.parametrize("is_active", [True, False])
def test_the_core_knows_whether_the_call_is_cancelled(is_active: bool) -> None:
    """While the host serves a call, the core can tell whether the engine has cancelled the call.

    The engine ignores the result of a cancelled call.
    """
    core = configured()._core

    def serve(context: object) -> bool:
        """Stand in for the host's method, which has the call's context and calls the provider."""
        assert context
        with host.calls.serving():
            return core.call().is_cancelled()

    assert serve(SimpleNamespace(is_active=lambda: is_active)) is not is_active
    assert not core.call().is_cancelled()


def test_the_core_knows_the_resource_of_a_call() -> None:
    """While the host serves a call, the core gets the URN of the call's resource.

    If the request has no URN or there is no host, the core gets None.
    """
    core = configured()._core
    assert isinstance(core, IntegrationLifecycle)

    def serve(request: object, context: object) -> str | None:
        """Stand in for the host's method, which has the request and the context, and calls the provider."""
        assert request
        assert context
        with host.calls.serving():
            return core.call().urn

    context = SimpleNamespace(is_active=lambda: True)
    assert serve(SimpleNamespace(urn="urn:pulumi:dev::shop::type::name"), context) == "urn:pulumi:dev::shop::type::name"
    assert serve(SimpleNamespace(urn=""), context) is None
    assert core.call().urn is None


def test_threads_share_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two threads call a new provider at the same time, both use one core.

    Two cores would not know about each other's creates and claims.
    """
    provider = configured()
    both = threading.Barrier(2)
    load = Settings.load

    def meet(config: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
        # The barrier breaks if only one thread can be here, as intended.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        return load(config, environ)

    monkeypatch.setattr(Settings, "load", meet)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: provider._core, range(2))

    assert first is second


def test_read_leaves_the_inputs_as_they_are() -> None:
    """`read` returns the id and the outputs from the core, and no inputs, because the API doesn't return them."""
    result = over(Core({"status": "PENDING"})).read("id-1", NEWS)

    assert (result.id, result.outs, result.inputs) == ("id-1", {"status": "PENDING"}, None)


def test_read_drops_a_resource_that_is_gone() -> None:
    """When the core finds that a resource is gone, `read` returns no id and an empty object as outputs.

    The host then removes the resource from the state.
    """
    result = over(Core(None)).read("id-1", NEWS)

    assert (result.id, result.outs) == (None, {})


def test_update_returns_the_outputs() -> None:
    """`update` returns the core's outputs to the host, without the output that repeats the id."""
    core = Core({"a": 1, "i": "id-1"})

    assert over(core).update("id-1", {"a": 1.0}, {"a": 2.0}).outs == {"a": 1}
    assert core.calls == [("id-1", {"a": 1, "i": "id-1"}, {"a": 2})]


# Configuration


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"justt:environment": "prod"}, "justt:environment must be production or sandbox"),
        ({"justt:apikey": CANARY}, "justt:apikey is not a setting (did you mean 'apiKey'?)"),
        ({"justt:apiKey": f"{CANARY}\n"}, "justt:apiKey contains a character"),
    ],
)
def test_an_invalid_configuration_is_a_failure_of_check(config: dict[str, str], text: str) -> None:
    """A preview with an invalid setting reports the setting as a failure of each resource.

    The failure names no property and shows no secret.
    """
    result = configured(config).check({}, NEWS)

    assert isinstance(result, CheckResult)
    assert result.inputs == NEWS
    assert [each.property for each in result.failures] == [""]
    assert text in result.failures[0].reason
    assert CANARY not in result.failures[0].reason


@pytest.mark.parametrize("method", [name for name in CALLS if name != "check"])
def test_an_invalid_configuration_is_an_error_in_other_calls(method: str) -> None:
    """With an invalid setting, every method except `check` raises an error.

    A refresh and a destroy don't call `check`.
    """
    provider = configured({"justt:environment": "prod"})

    text = shown(lambda: CALLS[method](provider))

    assert text.splitlines()[-1].startswith("JusttError: justt:environment must be production or sandbox")


@pytest.mark.parametrize("method", CALLS)
def test_an_invalid_setting_from_the_state_names_what_to_do(method: str) -> None:
    """If `diff` or `delete` fails because of a setting, the error says how to use a changed configuration.

    A refresh or destroy uses the settings in the state.
    """
    provider = over(Core(error=InvalidSettings("justt:environment must be production")))

    text = shown(lambda: CALLS[method](provider))

    advice = "After you change the configuration, add --run-program, or first run `pulumi up`"
    assert (advice in text) is (method in ("diff", "delete"))
    assert ("If the program has no integration any more, put one back" in text) is (method == "delete")


@pytest.mark.parametrize(
    ("recorded", "is_of_state"), [({"referenceAccountId": "acc_1"}, False), ({"status": "PENDING"}, True)]
)
def test_a_get_in_an_update_does_not_mention_the_state(recorded: dict[str, str], is_of_state: bool) -> None:
    """When `read` fails during a refresh, the error says that a refresh uses the settings in the state.

    The error of `PaymentIntegration.get` in an update doesn't, as that call has no recorded outputs.
    """
    core = Core(error=JusttError("check justt:baseUrl."))
    core.known_properties = IntegrationLifecycle.known_properties
    provider = over(core)

    text = shown(lambda: provider.read("id-1", recorded))

    assert "JusttError: check justt:baseUrl." in text
    assert (
        "check justt:baseUrl. Without --run-program, refresh and destroy use the state's copy" in text
    ) is is_of_state


@pytest.mark.parametrize(
    ("before", "is_of_state"), [((), True), (("check",), False), (("check", "diff"), False), (("diff",), True)]
)
def test_after_a_check_the_settings_are_those_of_the_program(before: tuple[str, ...], is_of_state: bool) -> None:
    """If a `delete` without a prior `check` fails, as in a destroy, the error mentions the settings in the state.

    After a `check`, as in an update, the error doesn't mention them.
    """
    provider = configured({"justt:baseUrl": "http://127.0.0.1:9/v1"})
    for method in before:
        CALLS[method](provider)

    text = shown(lambda: CALLS["delete"](provider))

    assert "no Justt API key" in text
    assert ("without --refresh, or set JUSTT_API_KEY_OVERRIDE for that command. If the program has no" in text) is (
        is_of_state
    )


def test_a_preview_needs_no_key() -> None:
    """Without any configuration, `check` and `diff` work, and so does an `update` that sends no request."""
    provider = configured()
    checked = provider.check({}, NEWS)

    assert checked.failures == []
    assert checked.inputs["environment"] == "production"
    assert provider.diff("id-1", checked.inputs, checked.inputs).replaces == []
    assert provider.update("id-1", checked.inputs, checked.inputs).outs == checked.inputs


def test_a_missing_key_is_reported_by_the_first_request() -> None:
    """When a `create` has no API key, the error shows how to set one."""
    provider = configured()

    text = shown(lambda: provider.create(provider.check({}, NEWS).inputs))

    assert "no Justt API key: run `pulumi config set --secret justt:apiKey`, or set JUSTT_API_KEY" in text


def test_a_provider_that_was_never_configured_has_the_defaults() -> None:
    """If the host doesn't call `configure`, the provider uses the default environment."""
    assert IntegrationProvider().check({}, NEWS).inputs["environment"] == "production"


def test_keys_of_other_namespaces_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine passes the whole configuration of the stack. The provider uses only keys that begin with `justt:`."""
    monkeypatch.setenv("JUSTT_ENVIRONMENT", "sandbox")
    provider = configured({"aws:environment": "x", "environment": "y", "project:apikey": "z"})

    checked = provider.check({}, NEWS)

    assert checked.failures == []
    assert checked.inputs["environment"] == "sandbox"


def test_the_stacks_configuration_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """If both the stack's configuration and a variable set the environment, the provider uses the configuration."""
    monkeypatch.setenv("JUSTT_ENVIRONMENT", "sandbox")

    checked = configured({"justt:environment": "production"}).check({}, NEWS)

    assert checked.inputs["environment"] == "production"


# End to end


def test_the_whole_lifecycle_works_with_the_simulator(
    simulator: SimulatorServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the simulator, the provider checks, creates, reads, updates and deletes an integration.

    The provider prints its note and its warning to stderr.
    """
    provider = at(simulator)
    inputs = provider.check({}, {**NEWS, "deactivation": {"deactivationType": "dueDate", "afterDays": 0.0}}).inputs

    created = provider.create(inputs)
    outs = remembered(created)
    kept = simulator.records.integration(created.id)
    assert kept is not None
    assert kept.payload_digest == payload_digest({"apiKey": CANARY})
    assert outs == {**inputs, "status": "PENDING"}

    simulator.records.set_status(created.id, "SUCCESSFUL")
    outs = remembered(provider.read(created.id, outs))
    assert outs["status"] == "SUCCESSFUL"

    outs = remembered(provider.update(created.id, outs, provider.check(inputs, NEWS).inputs))
    assert "deactivation" not in outs
    core = provider._core
    assert isinstance(core, IntegrationLifecycle)
    core.end()

    # A destroy runs in its own process.
    monkeypatch.setattr(pulumi_justt.core.session, "_sessions", {})
    provider = at(simulator)
    provider.delete(created.id, outs)
    assert provider.read(created.id, outs).id is None

    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == ["note", "warning"]
    assert "is SUCCESSFUL now, was PENDING." in err
    assert CANARY not in err


def test_one_client_serves_all_providers_of_a_process(simulator: SimulatorServer) -> None:
    """Two providers of one process share one client, and so share its connections and its rate limit."""
    for _ in range(2):
        provider = at(simulator)
        provider.create(provider.check({}, NEWS).inputs)

    assert len(pulumi_justt.core.client._clients) == 1


def test_the_stored_provider_has_no_configuration() -> None:
    """Loading the stored provider gives an object without attributes, and so without a configuration."""
    assert pickle.loads(b64decode(_PROVIDER)).__dict__ == {}  # noqa: S301 - a literal in our own code
