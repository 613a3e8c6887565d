"""The simulator against Justt's OpenAPI document, which generates the requests and validates the responses.

Where Justt's guides go beyond the document, the differences are stated here, once, as `guide_statuses` and
`GUIDE_ENVELOPES`. The document itself is not changed.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pulumi_justt import simulator as simulator_package
from pulumi_justt.simulator import Options, SimulatorServer
from support.harness import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from schemathesis import APIOperation, Case

    AnyCase: TypeAlias = Case[APIOperation[Any, Any, Any, Any]]

    from pulumi_justt.simulator.rules import CreateEnvelope, ErrorEnvelope, ListEnvelope, ReadEnvelope

# A parsed OpenAPI document and parts of it: pyyaml, schemathesis and jsonschema_rs have no more precise types.
Document = dict[str, Any]

TESTS = Path(__file__).parents[2]
SHARED = TESTS.parent.parent / "shared" / "justt-api" / "openapi.yaml"
COPY = TESTS / "data" / "openapi.yaml"
SHA256 = "603a7a96cfac710559f4f22b139bb8135704dccf365d7e544628bd971b7c9259"
API_KEY = "contract-key"
HEADERS = {"Authorization": f"Bearer {API_KEY}"}

# The guide on responses shows these for integrations; the document has no schema for them.
GUIDE_ENVELOPES: dict[str, Document] = {
    "created": {
        "type": "object",
        "required": ["status", "message", "id"],
        "properties": {"status": {"const": 201}, "message": {"type": "string"}, "id": {"type": "string"}},
        "additionalProperties": False,
    },
    "read": {
        "type": "object",
        "required": ["status", "message", "data"],
        "properties": {
            "status": {"const": 200},
            "message": {"type": "string"},
            "data": {"$ref": "#/components/schemas/Integration"},
        },
        "additionalProperties": False,
    },
}
# In the document, every field of an error except the message is optional. These are the three forms in its examples
# and in the guide on errors.
ERROR_FORMS = {
    "status": {"status", "message", "errorId"},
    "error": {"error", "message", "errorId"},
    "statusCode": {"message", "statusCode"},
}
# Valid payloads. The document only says that a payload is an object; the guide describes the fields.
PAYLOADS = {
    "APIKEY_ONLY": {"apiKey": "x"},
    "PUBLIC_SECRET_KEY": {"secretKey": "x"},
    "BASIC_AUTH": {"clientId": "x", "clientSecret": "x"},
    "USERNAME_PASSWORD": {"username": "x", "password": "x"},
    "HMAC": {"hmac": "x", "apiKey": "x"},
    "APIKEY": {"apiKey": "x"},
    "sftp": {"username": "x", "password": "x"},
}
NEW_INTEGRATION: Document = {
    "externalIdentifier": "x",
    "integrationName": "x",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": "x"},
}
# The simulator does not serve these operations, because the provider does not call them.
NOT_SERVED = ("/merchants", "/merchants/{merchantUuid}")


def vendor_document() -> Document:
    """Parse Justt's OpenAPI document, and remove the operations that the simulator does not serve."""
    document: Document = yaml.safe_load(COPY.read_text(encoding="utf-8"))
    document["paths"] = {path: item for path, item in document["paths"].items() if path not in NOT_SERVED}
    return document


def operations_of(document: Document) -> dict[str, Document]:
    """Return the operations of an OpenAPI document by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def guided_document() -> Document:
    """Return Justt's document with the guides' 413 for each operation with a body, which the document mostly omits."""
    document = vendor_document()
    for operation in operations_of(document).values():
        if "requestBody" in operation:
            operation["responses"].setdefault("413", {"$ref": "#/components/responses/Error"})
    return document


schema = schemathesis.openapi.from_dict(guided_document())
# Every request is sent with the key; otherwise all responses would be 401. `ignored_auth` removes it in one test.
schema.config.generation.update(with_security_parameters=False)
OPERATIONS = tuple(operations_of(vendor_document()))

BOUNDED = settings(
    max_examples=100,
    derandomize=True,  # a failure must be reproducible
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    """Run one simulator for all tests of the module, with a high rate limit."""
    with SimulatorServer(Options(api_keys=frozenset({API_KEY}), requests_per_minute=1_000_000)) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keep one HTTP session for all tests of the module."""
    with requests.Session() as kept:
        yield kept


@schema.parametrize()
@BOUNDED
@pytest.mark.daily(1)
def test_every_response_conforms_to_the_document(
    case: AnyCase, simulator: SimulatorServer, session: requests.Session
) -> None:
    """For any generated request, the simulator's response is one that Justt's document describes.

    The simulator refuses invalid requests.
    """
    complete_payload(case)
    case.call_and_validate(
        base_url=simulator.base_url,
        session=session,
        headers=HEADERS,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            negative_data_rejection,
            ignored_auth,
        ],
    )


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.daily(1)
def test_valid_requests_succeed(label: str, simulator: SimulatorServer, session: requests.Session) -> None:
    """For any generated request that is valid, the simulator responds with the documented 2xx of the operation."""
    answered: list[int] = []
    method, path = label.split()

    @BOUNDED
    @given(case=schema[path][method.lower()].as_strategy())
    def check(case: AnyCase) -> None:
        make_meaningful(case, simulator, session)
        response = case.call_and_validate(
            base_url=simulator.base_url,
            session=session,
            headers=HEADERS,
            checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
        )
        assert 200 <= response.status_code < 300, response.text
        answered.append(response.status_code)

    check()
    assert answered


def make_meaningful(case: AnyCase, simulator: SimulatorServer, session: requests.Session) -> None:
    """Change a generated request so that it is valid beyond the document.

    The request gets a complete payload, an existing id and whole page numbers, and no nulls.
    """
    body: Any = drop_none(case.body)
    case.body = body
    complete_payload(case)
    for name in ("limit", "page"):
        if name in (case.query or {}):
            case.query[name] = int(case.query[name])

    def create(path: str, body: Document, name: str) -> str:
        response = session.post(simulator.base_url + path, json=body, headers=HEADERS, timeout=HANG_SECONDS)
        created: str = response.json()[name]
        return created

    if "id" in case.path_parameters:
        case.path_parameters["id"] = create("/integrations", NEW_INTEGRATION, "integrationId")
        case.headers.pop("reference-account-id", None)
        if case.operation.method.upper() == "DELETE":
            body["integrationId"] = case.path_parameters["id"]


def complete_payload(case: AnyCase) -> None:
    """Add the fields that the secret type requires to the payload of a create.

    Without them, each create would be refused for the same reason.
    """
    body = case.body
    if case.operation.label != "POST /integrations" or not isinstance(body, dict):
        return
    payload, secret_type = body.get("secretPayload"), body.get("secretType")
    if isinstance(payload, dict) and isinstance(secret_type, str):
        payload.update(PAYLOADS.get(secret_type, {}))


def drop_none(value: Any) -> Any:  # noqa: ANN401 - any JSON comes in and goes out
    """Remove nulls, which the guide forbids everywhere and the document only where it names a type."""
    if isinstance(value, dict):
        return {name: drop_none(each) for name, each in value.items() if each is not None}
    return [drop_none(each) for each in value if each is not None] if isinstance(value, list) else value


def test_statuses_beyond_the_document_are_those_of_the_guides() -> None:
    """Beyond Justt's document, the tests allow one status for one operation: the 413 of a DELETE.

    No other response becomes documented by accident.
    """
    vendor, guided = (operations_of(document) for document in (vendor_document(), guided_document()))
    added = {label: set(guided[label]["responses"]) - set(vendor[label]["responses"]) for label in vendor}
    assert added == {
        "GET /integrations": set(),
        "POST /integrations": set(),
        "GET /integrations/{id}": set(),
        "DELETE /integrations/{id}": {"413"},
    }


def test_every_operation_checks_key_and_limit_first() -> None:
    """Each operation responds with 401 or 429 before it checks anything else.

    A body that is too long gets a 413 before its content is checked.
    """
    with SimulatorServer(Options(api_keys=frozenset({API_KEY}), requests_per_minute=1)) as running:

        def status(label: str, **sent: Any) -> int:  # noqa: ANN401 - requests.request names too many types
            method, _, path = label.partition(" ")
            response = requests.request(method, running.base_url + path, timeout=HANG_SECONDS, **sent)
            assert_valid({"$ref": "#/components/schemas/Error"}, response.json())
            return response.status_code

        for label, operation in operations_of(vendor_document()).items():
            if "requestBody" in operation:
                running.options = replace(running.options, requests_per_minute=1_000_000)
                assert status(label, headers=HEADERS, json={"x": "x" * 1_000_000}) == 413
            running.options = replace(running.options, requests_per_minute=1)
            requests.get(running.base_url + "/integrations", headers=HEADERS, timeout=HANG_SECONDS)
            assert status(label) == 401
            assert status(label, headers=HEADERS) == 429


def test_every_operation_except_merchants_is_served(simulator: SimulatorServer, session: requests.Session) -> None:
    """The simulator serves each documented operation except those of merchants.

    The simulator responds to these with a 404 in a documented form.
    """
    document = yaml.safe_load(COPY.read_text(encoding="utf-8"))
    left_out = {label for label in operations_of(document) if label not in OPERATIONS}
    assert left_out == {"GET /merchants", "POST /merchants", "DELETE /merchants", "GET /merchants/{merchantUuid}"}
    for label in left_out:
        method, path = label.split()
        response = session.request(method, simulator.base_url + path, headers=HEADERS, timeout=HANG_SECONDS)
        assert_valid({"$ref": "#/components/schemas/Error"}, response.json())
        assert (response.status_code, response.json()["message"]) == (404, "no such operation")


@pytest.mark.parametrize("form", ["bare", "enveloped"])
def test_lists_in_each_envelope_are_documented(form: ListEnvelope) -> None:
    """In both envelopes, the simulator's list conforms to Justt's document, with and without records."""
    integration = {"$ref": "#/components/schemas/Integration"}
    page: dict[str, Document] = {
        "bare": {"type": "array", "items": integration},
        "enveloped": {"$ref": "#/components/schemas/IntegrationPage"},
    }
    with SimulatorServer(Options(list_envelope=form, successful_after=0)) as running:
        for expected in (0, 1):
            content = requests.get(f"{running.base_url}/integrations", headers=HEADERS, timeout=HANG_SECONDS).json()
            assert_valid(page[form], content)
            assert len(content if form == "bare" else content["data"]) == expected
            requests.post(
                f"{running.base_url}/integrations", json=NEW_INTEGRATION, headers=HEADERS, timeout=HANG_SECONDS
            )


@pytest.mark.parametrize(
    ("form", "expected"),
    [("integrationId", {"$ref": "#/components/schemas/CreatedIntegration"}), ("id", GUIDE_ENVELOPES["created"])],
)
def test_creation_in_each_envelope_is_documented(form: CreateEnvelope, expected: Document) -> None:
    """In both envelopes, the response to a create has the form that Justt's document or guide describes."""
    with SimulatorServer(Options(create_envelope=form)) as running:
        answer = requests.post(
            f"{running.base_url}/integrations", json=NEW_INTEGRATION, headers=HEADERS, timeout=HANG_SECONDS
        )
        assert answer.status_code == 201
        assert_valid(expected, answer.json())


@pytest.mark.parametrize(
    ("form", "expected"),
    [("bare", {"$ref": "#/components/schemas/Integration"}), ("enveloped", GUIDE_ENVELOPES["read"])],
)
def test_record_in_each_envelope_is_documented(form: ReadEnvelope, expected: Document) -> None:
    """In both envelopes, the response to a read has the form that Justt's document or guide describes.

    The response contains the go-live date.
    """
    with SimulatorServer(Options(read_envelope=form, successful_after=0)) as running:
        integrations = f"{running.base_url}/integrations"
        answer = requests.post(integrations, json=NEW_INTEGRATION, headers=HEADERS, timeout=HANG_SECONDS)
        content = requests.get(
            f"{integrations}/{answer.json()['integrationId']}", headers=HEADERS, timeout=HANG_SECONDS
        ).json()
        assert_valid(expected, content)
        assert "goLiveDate" in (content if form == "bare" else content["data"])


@pytest.mark.parametrize("form", ERROR_FORMS)
def test_errors_in_each_form_are_documented(form: ErrorEnvelope) -> None:
    """In each error form, the simulator's errors conform to Justt's document.

    The errors have exactly the fields of the documented example, and their status is that of the response.
    """
    with SimulatorServer(Options(error_envelope=form)) as running:
        integrations = f"{running.base_url}/integrations"
        answers = {
            400: requests.post(integrations, json={}, headers=HEADERS, timeout=HANG_SECONDS),
            401: requests.get(integrations, timeout=HANG_SECONDS),
            404: requests.get(f"{integrations}/none", headers=HEADERS, timeout=HANG_SECONDS),
            413: requests.post(integrations, json={"x": "x" * 1_000_000}, headers=HEADERS, timeout=HANG_SECONDS),
        }
        running.options = replace(running.options, requests_per_minute=1)
        answers[429] = requests.get(integrations, headers=HEADERS, timeout=HANG_SECONDS)
    for status, answer in answers.items():
        content = answer.json()
        assert answer.status_code == status
        assert_valid({"$ref": "#/components/schemas/Error"}, content)
        assert content.keys() == ERROR_FORMS[form]
        assert {content.get("status", status), content.get("statusCode", status)} == {status}


def assert_valid(part: Document, content: object) -> None:
    """Validate *content* against a part of a schema, which may refer to components of Justt's document."""
    whole = {**part, "components": vendor_document()["components"]}
    jsonschema_rs.Draft4Validator(whole, validate_formats=True).validate(content)


def test_document_is_the_shared_one() -> None:
    """The OpenAPI document in `tests/data` equals the one that the whole team uses, and has the pinned digest."""
    expected = hashlib.sha256(SHARED.read_bytes()).hexdigest() if SHARED.exists() else SHA256
    assert hashlib.sha256(COPY.read_bytes()).hexdigest() == expected == SHA256


def test_simulator_imports_no_provider_code() -> None:
    """The simulator imports only the standard library, aiohttp, typing_extensions and itself.

    If it shared code with the provider, it would share the provider's mistakes.
    """
    folder = Path(simulator_package.__path__[0])
    allowed = {*sys.stdlib_module_names, "aiohttp", "typing_extensions", "."}
    for path in folder.glob("*.py"):
        imported: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add("." * node.level or str(node.module).partition(".")[0])
        assert imported <= allowed, path.name
