"""The plugin on the real engine: its resources in a program, its imports, and the way to and from dynamic resources."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pulumi_justt.simulator import Fault, SimulatorServer, payload_digest
from pulumi_justt.simulator.rules import NewIntegration
from support.adoption_programs import live
from support.harness import HANG_SECONDS, Stack, eventually
from support.http_server import serving
from support.plugin_stack import MovingStack, PluginStack
from support.secret_scanner import canary

HEAD = """
class Integration(pulumi.CustomResource):
    def __init__(self, name, opts=None, **properties):
        outputs = dict.fromkeys(["integrationId", "status", "goLiveDate"])
        super().__init__("justt:index:PaymentIntegration", name, {**outputs, **properties}, opts)


class Ready(pulumi.CustomResource):
    def __init__(self, name, opts=None, **properties):
        super().__init__("justt:index:IntegrationReady", name, {"status": None, **properties}, opts)


def stripe(number=1, **more):
    # Plain text, as a YAML program has it.
    return {
        "externalIdentifier": f"stripe-{number}", "integrationName": f"Stripe {number}", "source": "stripe",
        "secretType": "APIKEY_ONLY", "secretPayload": {"apiKey": os.environ["SECRET_stripeKey"]}, **more,
    }


"""


@pytest.fixture
def kind_of_stack() -> type[Stack]:
    """Use the plugin in all tests of this module."""
    return PluginStack


def requests(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests so far, and clear the requests."""
    methods = [exchange.method for exchange in simulator.requests]
    simulator.clear_requests()
    return methods


def test_the_life_of_an_integration(stack: Stack, simulator: SimulatorServer) -> None:
    """A program without this package creates, reads, rotates and destroys an integration.

    A preview shows the status of a create and the credential field that a rotation changes. The state encrypts the
    credential, which the program has in plain text.
    """
    stack.program(f'{HEAD}made = Integration("shop", **stripe())\npulumi.export("status", made.status)\n')
    assert 'status: "PENDING"' in stack.preview().text
    stack.up()
    (record,) = simulator.records.integrations()
    resource = stack.resources()["shop"]
    assert requests(simulator) == ["GET", "POST"]
    assert record.payload_digest == payload_digest({"apiKey": stack.secrets[1]})
    assert resource["id"] == resource["outputs"]["integrationId"] == record.id
    assert {*resource["inputs"]["secretPayload"]["apiKey"]} == {"4dabf18193072939515e22adb298388d", "ciphertext"}
    assert {*resource["inputs"]} == {
        "environment",
        "externalIdentifier",
        "integrationName",
        "secretPayload",
        "secretType",
        "source",
    }
    assert {*resource["outputs"]} == {*resource["inputs"], "integrationId", "status"}
    stack.up("--expect-no-changes")
    assert requests(simulator) == []
    simulator.records.set_status(record.id, "SUCCESSFUL")
    assert "note: the stripe integration 'stripe-1'" in stack.refresh().text
    assert stack.resources()["shop"]["outputs"]["status"] == "SUCCESSFUL"
    stack.up("--expect-no-changes")
    assert requests(simulator) == ["GET"]
    stack.provide({"stripeKey": canary("rotated")})
    assert "~ apiKey: [secret] => [secret]" in stack.preview().text
    stack.up()
    assert requests(simulator) == ["GET", "POST", "DELETE"]
    stack.destroy()
    assert requests(simulator) == ["DELETE"]
    assert live(simulator) == []


@pytest.mark.slow
def test_a_wait_and_the_functions(stack: Stack, simulator: SimulatorServer) -> None:
    """`IntegrationReady` waits, and both functions return what Justt knows."""
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=SUCCESSFUL times=1"))
    stack.program(
        HEAD
        + """
made = Integration("shop", **stripe())
ready = Ready("ready", integrationId=made.id, timeoutSeconds=60)
def call(name, **arguments):
    return pulumi.runtime.invoke(f"justt:index:{name}", arguments).value
def found(values):
    return {"one": call("getIntegration", integrationId=values[0]), "none": call("getIntegrations", source="adyen"),
            "all": call("getIntegrations", status="SUCCESSFUL")}
pulumi.export("found", pulumi.Output.all(made.id, ready.status).apply(found))
"""
    )
    stack.up()
    record = {"integrationId": live(simulator)[0], "source": "stripe", "status": "SUCCESSFUL"}
    assert stack.outputs()["found"] == {
        "one": record,
        "none": {"integrations": []},
        "all": {"integrations": [record]},
    }
    assert stack.resources()["ready"]["outputs"]["status"] == "SUCCESSFUL"


def by_hand(simulator: SimulatorServer, key: str, number: int) -> str:
    """Create an integration at Justt, outside of the stack, and return its id."""
    new = NewIntegration(f"stripe-{number}", f"Stripe {number}", "stripe", "APIKEY_ONLY", key, ("apiKey",), None)
    return simulator.records.add_integration(new, None)


@pytest.mark.slow
def test_an_account_of_twelve_is_imported(stack: Stack, simulator: SimulatorServer) -> None:
    """`pulumi import --file` reads each integration once. The next `up` records the program, and then nothing changes.

    No request changes anything at Justt, and the engine does not blame the provider.
    """
    ids = [by_hand(simulator, "", number) for number in range(12)]
    file = stack.project / "imports.json"
    resources = [
        {"type": "justt:index:PaymentIntegration", "name": f"shop-{number}", "id": each}
        for number, each in enumerate(ids)
    ]
    file.write_text(json.dumps({"resources": resources}))
    text = stack.run(
        "import", "--stack", stack.name, "--yes", "--skip-preview", "--generate-code=false", "--file", str(file)
    ).text
    assert "12 imported" in text
    assert "bug in the" not in text
    assert "warning" not in text
    assert {exchange.method for exchange in simulator.requests} == {"GET"}
    assert len(simulator.requests) <= 12
    simulator.clear_requests()
    stack.program(
        f"{HEAD}for n in range(12):\n"
        '    Integration(f"shop-{n}", opts=pulumi.ResourceOptions(protect=True), **stripe(n))\n'
    )
    text = stack.preview().text
    assert text.count('+ integrationName   : "Stripe') == text.count("+ apiKey: [secret]") == 12
    assert "12 to update" in text
    stack.up()
    stack.preview("--expect-no-changes")
    assert requests(simulator) == []
    assert sorted(live(simulator)) == sorted(ids)


@pytest.mark.slow
def test_the_import_option_imports_and_records_in_one_update(stack: Stack, simulator: SimulatorServer) -> None:
    """`import_` in a program reads the integration, and the same `up` records the program's inputs."""
    mine = by_hand(simulator, "", 1)
    program = f"{HEAD}Integration('shop', opts=pulumi.ResourceOptions(import_='{mine}'), **stripe())\n"
    stack.program(program)
    text = stack.up().text
    assert "1 imported" in text
    assert "1 updated" in text
    assert requests(simulator) == ["GET"]
    stack.preview("--expect-no-changes")
    stack.program(program.replace(f"import_='{mine}'", ""))
    stack.preview("--expect-no-changes")
    assert live(simulator) == [mine]


MOVED = """
import {module}
aliases = [pulumi.Alias(type_=f"{prefix}{{kind}}") for kind in ("PaymentIntegration", "IntegrationReady")]
for n in range(10):
    made = justt.PaymentIntegration(
        f"shop-{{n}}", external_identifier=f"shop-{{n}}", integration_name="Shop", source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
        merchant_account_codes=["b", "a"], deactivation=justt.Deactivation(after_days=7),
        opts=pulumi.ResourceOptions(aliases={alias}[:1]),
    )
    if n < 2:
        justt.IntegrationReady(
            f"ready-{{n}}", integration=made, timeout_seconds=60, opts=pulumi.ResourceOptions(aliases={alias}[1:])
        )
"""


def moved(module: str, prefix: str, alias: str = "aliases") -> str:
    """Return the program of ten integrations and two waits, of the kind that *module* makes."""
    return MOVED.format(module=module, prefix=prefix, alias=alias)


DYNAMIC = "pulumi-python:dynamic/justt:"


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_stack", [MovingStack])
def test_ten_dynamic_resources_move_to_the_plugin_and_back(stack: Stack, simulator: SimulatorServer) -> None:
    """With an alias, resources of both kinds move to the plugin and back without a request and a replacement."""
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=SUCCESSFUL times=2"))
    stack.program(moved("os", DYNAMIC, "[]"))
    stack.up()
    ids = sorted(live(simulator))
    assert len(ids) == 10
    requests(simulator)

    for module, prefix in (("plugin_program", DYNAMIC), ("os", "justt:index:"), ("plugin_program", DYNAMIC)):
        stack.program(moved(module, prefix))
        text = stack.up().text
        assert "12 updated" in text
        assert "replace" not in text
        # The alias is no longer needed.
        stack.program(moved(module, prefix, "[]"))
        stack.preview("--expect-no-changes")
        assert requests(simulator) == []
    assert sorted(each["id"] for each in stack.recorded() if "Payment" in each["type"]) == ids
    stack.destroy()
    assert requests(simulator) == ["DELETE"] * 10


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_stack", [MovingStack])
def test_a_resource_moves_with_a_provider_of_its_own(stack: Stack, simulator: SimulatorServer) -> None:
    """A protected resource in a component moves from a `justt.Provider` to a provider of the plugin, and back."""
    stack.provide({"otherKey": canary("other")})

    def program(module: str, former: str) -> str:
        return f"""
import {module}
own = justt.Provider("own", api_key=secret("otherKey"))
justt.PaymentIntegration(
    "shop", external_identifier="shop", integration_name="Shop", source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    opts=pulumi.ResourceOptions(
        provider=own, parent=pulumi.ComponentResource("a:b:C", "part"), protect=True,
        aliases=[pulumi.Alias(type_="{former}PaymentIntegration")],
    ),
)
"""

    stack.program(program("os", "none:index:"))
    stack.up()
    requests(simulator)
    for module, former in (("plugin_program", DYNAMIC), ("os", "justt:index:")):
        stack.program(program(module, former))
        assert "1 updated" in stack.up().text
        stack.preview("--expect-no-changes")
    assert requests(simulator) == []
    assert len(live(simulator)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_stack", [MovingStack])
def test_without_an_alias_a_move_is_a_create_and_a_delete(
    stack: Stack, simulator: SimulatorServer, tmp_path: Path
) -> None:
    """Without an alias, the engine creates and deletes. `pulumi-justt summary` warns of it before."""
    simulator.add_fault(Fault.parse("GET /integrations/{id} becomes=SUCCESSFUL times=2"))
    stack.program(moved("os", DYNAMIC, "[]"))
    stack.up()
    stack.program(moved("plugin_program", DYNAMIC, "[]"))
    file = tmp_path / "preview.json"
    file.write_text(stack.run("preview", "--json", "--stack", "dev").stdout)
    comment = stack.justt("summary", answers=file.read_text()).stdout
    assert comment.count("Warning of `shop-") == 10
    assert f'aliases=[pulumi.Alias(type_="{DYNAMIC}PaymentIntegration")]' in comment


@pytest.mark.slow
def test_waits_block_no_creates(stack: Stack, simulator: SimulatorServer) -> None:
    """With four threads, six waits leave threads for the creates of other integrations."""
    stack.environ["JUSTT_WORKERS"] = "4"
    stack.program(
        HEAD
        + """
first = [Integration(f"first-{n}", **stripe(n)) for n in range(6)]
for each in first:
    Ready(each._name, integrationId=each.id, timeoutSeconds=600)
for n in range(6):
    Integration(f"second-{n}", opts=pulumi.ResourceOptions(depends_on=first), **stripe(6 + n))
"""
    )
    process = stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: len(simulator.records.integrations()) == 12)
    for record in simulator.records.integrations():
        simulator.records.set_status(record.id, "SUCCESSFUL")
    stack.keep(process.communicate(timeout=HANG_SECONDS)[0])
    assert process.returncode == 0


@contextmanager
def meeting_vendor(number: int) -> Iterator[tuple[str, list[int]]]:
    """Start a server that answers creates only when *number* of them are in flight, and yield its URL and the ids."""
    meeting, made = threading.Barrier(number), list[int]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"hasMore": False, "data": []})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            made.append(meeting.wait(HANG_SECONDS))
            self._answer(201, {"integrationId": str(uuid4())})

        def _answer(self, status: int, record: dict[str, Any]) -> None:
            body = json.dumps(record).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log no request."""

    with serving(Handler) as url:
        yield url, made


@pytest.mark.slow
def test_64_creates_are_in_flight(stack: Stack) -> None:
    """With `--parallel 64`, the plugin serves 64 creates at the same time, without any setting."""
    with meeting_vendor(64) as (url, made):
        stack.config({"justt:baseUrl": url, "justt:timeoutSeconds": "600"})
        stack.program(f'{HEAD}for n in range(64):\n    Integration(f"shop-{{n}}", **stripe(n))\n')
        stack.up("--parallel", "64")
    assert sorted(made) == [*range(64)]


UNSEEN = """
class Provider(pulumi.ProviderResource):
    def __init__(self, **properties):
        super().__init__("justt", "own", {"baseUrl": pulumi.Config("justt").require("baseUrl"), **properties})


made = Integration("shop", **stripe(secretPayload={"apiKey": KEY}))
own = Provider(apiKey=made.id)
Integration("other", opts=pulumi.ResourceOptions(provider=own), **stripe(2, secretPayload={"apiKey": KEY}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("key", ["shown-by-the-engine", "pulumi.Output.secret('shown-by-the-engine')"])
def test_the_engine_shows_plain_inputs_that_the_plugin_has_not_answered(stack: Stack, key: str) -> None:
    """Two commands show what the program passes, and not what the plugin returns. A secret of the program is hidden.

    They are a preview that does not know an input of a provider resource, and the JSON of a refresh with
    `--run-program`.
    """
    is_plain = key.startswith("shown")
    value = repr(key) if is_plain else key
    stack.program(HEAD + f"made = Integration('shop', **stripe(secretPayload={{'apiKey': {value}}}))\n")
    assert "shown-by-the-engine" not in stack.preview().text
    stack.up()
    text = stack.run("refresh", "--run-program", "--preview-only", "--json", "--stack", stack.name).text
    assert ("shown-by-the-engine" in text) == is_plain
    assert b"shown-by-the-engine" not in b"".join(
        path.read_bytes() for path in (stack.folder / "state").rglob("*") if path.is_file()
    )
    stack.destroy()
    stack.program(HEAD + UNSEEN.replace("KEY", value))
    assert ("shown-by-the-engine" in stack.preview().text) == is_plain


@pytest.mark.slow
@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY"}}}, None),
        ({"secretReferences": "pulumi.Output.secret({'apiKey': {'fromEnv': 'STRIPE_KEY'}})"}, "must not be secret"),
        ({"secretReferences": {"apiKey": {"fromEnv": "JUSTT_API_KEY"}}}, "is not a valid reference"),
        ({"secretPayload": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 1}}}, "secretPayload.apiKey: must be text"),
    ],
)
def test_references_work_in_every_language(
    stack: Stack, simulator: SimulatorServer, properties: dict[str, object], text: str | None
) -> None:
    """`secretReferences` names a variable, whose value is sent and not stored. Other places make no reference."""
    shown = ", ".join(f"{name}={value}" for name, value in properties.items())
    key = canary("referred")
    stack.secrets.append(key)
    stack.program(f'{HEAD}given = stripe(secretPayload={{}})\ngiven.update({shown})\nIntegration("shop", **given)\n')
    result = stack.up(STRIPE_KEY=key, fails=text is not None)
    assert (text or "1 created") in result.text.replace("2 created", "1 created")
    expected = [payload_digest({"apiKey": key})] if text is None else []
    assert [record.payload_digest for record in simulator.records.integrations()] == expected
