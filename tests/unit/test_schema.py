"""The schema: constructors, attributes and wire models match it, and a new property takes four lines."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import pulumi_justt
from pulumi_justt import IntegrationReady, PaymentIntegration, resources
from pulumi_justt.core.inputs import Deactivation, Inputs, ReadinessInputs
from pulumi_justt.schema import DEACTIVATION, INTEGRATION, READY, Property
from support import environment
from support.harness import HANG_SECONDS

assert pulumi_justt.__file__ is not None
SOURCE = Path(pulumi_justt.__file__).parent


@pytest.mark.parametrize(
    ("properties", "model"), [(INTEGRATION, Inputs), (READY, ReadinessInputs), (DEACTIVATION, Deactivation)]
)
def test_the_models_have_the_fields_of_the_schema(properties: Sequence[Property], model: type[BaseModel]) -> None:
    """Each input of the schema is a field of the pydantic model.

    The model's default for an optional input counts as absent in the schema.
    """
    inputs = {each.name: each for each in properties if each.is_input}
    fields = {field.alias: field for field in model.model_fields.values()}

    assert fields.keys() == inputs.keys()
    for name, each in inputs.items():
        field = fields[name]
        is_optional = not each.is_required and each.origin == "program"
        assert not is_optional or each.is_absent(field.get_default(call_default_factory=True)), name


@pytest.mark.parametrize(
    ("properties", "kind"),
    [(INTEGRATION, PaymentIntegration), (READY, IntegrationReady), (DEACTIVATION, pulumi_justt.Deactivation)],
)
def test_a_program_can_give_each_property(properties: Sequence[Property], kind: type) -> None:
    """Each constructor has an argument for each property that the program sets, and no other arguments."""
    arguments = {each.argument.partition(".")[0] for each in properties if each.origin == "program"}

    assert inspect.signature(kind).parameters.keys() - {"resource_name", "opts"} == arguments


@pytest.mark.parametrize("kind", [PaymentIntegration, IntegrationReady])
def test_a_program_can_read_each_property(kind: type[resources._JusttResource]) -> None:
    """Each property is an attribute of its resource. The exception are three properties that `credentials` combines."""
    names = {each.python_name for each in kind._properties} - {"secret_type", "secret_payload", "secret_references"}

    assert [name for name in sorted(names) if not hasattr(kind, name)] == []


def test_an_output_cannot_be_assigned() -> None:
    """When a program assigns to an output of a resource, it gets an error.

    Without the error, the assignment would have no effect.
    """
    integration = PaymentIntegration.__new__(PaymentIntegration)

    with pytest.raises(AttributeError, match="status is an output and cannot be assigned"):
        integration.status = "SUCCESSFUL"  # type: ignore[assignment]  # the purpose of this test


# A new property

ADDITIONS = {
    "schema.py": (
        '    Property("referenceAccountId", "reference_account_id", str, sent_in="header"),\n',
        '    Property("propertyOfTest", "property_of_test", str, sent_in="body"),\n',
    ),
    "api/models.py": (
        "    reference_account_id: AccountId | None = None\n",
        "    property_of_test: Annotated[str, Field(min_length=3, max_length=3)] | None = None\n",
    ),
    "resources.py": (
        "        allow_unlisted: Input[bool] = False,\n",
        "        property_of_test: Input[str] | None = None,\n",
    ),
}
ATTRIBUTE = ("    allow_unlisted = _Attribute[bool]()\n", "    property_of_test = _Attribute[str | None]()\n")

PROGRAM = """
import json

import httpx
import pulumi
from pulumi.runtime import Mocks, set_mocks, test

seen = {}


class Engine(Mocks):
    def new_resource(self, args):
        seen["sent to the engine"] = args.inputs["propertyOfTest"]
        return "id-1", args.inputs

    def call(self, args):
        return {}


set_mocks(Engine())

import pulumi_justt as justt
from pulumi_justt.core.client import JusttClient
from pulumi_justt.cli.importing import import_answers
from pulumi_justt.cli.summary import preview
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.state import require_known
from pulumi_justt.core.config import Settings
from pulumi_justt.log import Log


@test
def program():
    integration = justt.PaymentIntegration(
        "stripe",
        external_identifier="stripe-eu",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key="key-of-stripe"),
        property_of_test="EUR",
        opts=pulumi.ResourceOptions(ignore_changes=["property_of_test"]),
    )
    return integration.property_of_test.apply(lambda value: seen.update(output=value))


program()


def answer(request):
    if request.method == "GET":
        return httpx.Response(200, json=[])
    seen["body of the POST"] = json.loads(request.content)
    return httpx.Response(201, json={"integrationId": "id-1", "source": "stripe", "status": "PENDING"})


news = {
    "externalIdentifier": "stripe-eu",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": "key-of-stripe"},
    "propertyOfTest": "EUR",
}
settings = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key"}, {})
client = JusttClient(settings, transport=httpx.MockTransport(answer))
core = IntegrationLifecycle(settings, client=lambda: client, log=Log(print))
inputs = core.check({}, news).inputs
outputs = core.create(inputs)[1]
require_known(outputs, core.known_properties)
seen["checked"] = inputs["propertyOfTest"]
seen["recorded"] = outputs["propertyOfTest"]
seen["failures"] = core.check({}, {**news, "propertyOfTest": ""}).failures
seen["hints"] = core.check({}, {**news, "propertyOfTst": "EUR"}).failures
seen["replaces"] = core.diff(outputs, {**inputs, "propertyOfTest": "USD"})
step = {
    "op": "replace",
    "urn": "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::stripe",
    "oldState": {"type": "pulumi-python:dynamic/justt:PaymentIntegration", "inputs": inputs, "outputs": outputs},
    "newState": {
        "type": "pulumi-python:dynamic/justt:PaymentIntegration",
        "inputs": {**inputs, "propertyOfTest": "USD"},
        "outputs": {},
    },
    "detailedDiff": {"propertyOfTest": {"kind": "update-replace", "inputDiff": True}},
}
change = preview.read(json.dumps({"steps": [step]})).resources[0].changes[0]
seen["preview"] = [change.path, change.old, change.new]
answers = "id-1: {credentials: ApiKeyOnly, fields: {api_key: {fromEnv: KEY}}, property_of_test: EUR}"
seen["answers"] = dict(import_answers.read_answers(answers)["id-1"].properties)
print(json.dumps(seen))
"""


def with_one_more(folder: Path) -> None:
    """Copy the package into *folder*, and add the four lines of a new optional property."""
    shutil.copytree(SOURCE, folder / "pulumi_justt", ignore=shutil.ignore_patterns("__pycache__"))
    for name, (before, line) in [*ADDITIONS.items(), ("resources.py", ATTRIBUTE)]:
        path = folder / "pulumi_justt" / name
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, line + before))


@pytest.mark.slow
def test_one_more_property_takes_four_lines(tmp_path: Path) -> None:
    """After the four lines for a new property are added to a copy of the package, all code handles the property.

    The property is validated, compared, sent, recorded, shown in a preview and accepted by `import`.
    """
    with_one_more(tmp_path)
    environ = environment.build({"PYTHONPATH": str(tmp_path), "JUSTT_STATE_DIR": str(tmp_path / "state")})

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environ, timeout=HANG_SECONDS, check=False
    )

    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen.pop("body of the POST") == {
        "externalIdentifier": "stripe-eu",
        "integrationName": "Stripe EU",
        "source": "stripe",
        "secretType": "APIKEY_ONLY",
        "secretPayload": {"apiKey": "key-of-stripe"},
        "propertyOfTest": "EUR",
    }
    assert seen == {
        "sent to the engine": "EUR",
        "output": "EUR",
        "checked": "EUR",
        "recorded": "EUR",
        "failures": ["property_of_test: must not be empty"],
        "hints": ["propertyOfTst: is not an argument (did you mean 'property_of_test'?)"],
        "replaces": ["propertyOfTest"],
        "preview": ["property_of_test", '"EUR"', '"USD"'],
        "answers": {"propertyOfTest": "EUR"},
    }
