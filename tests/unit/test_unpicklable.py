"""No text form and no pickle of our objects contains a secret, and only one function unwraps secrets."""

from __future__ import annotations

import ast
import copy
import functools
import io
import logging
import pickle
import pprint
import reprlib
import string
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.runtime.mocks import MockResourceArgs
from pulumi.runtime.rpc import wrap_rpc_secret
from pydantic import BaseModel

import pulumi_justt
from pulumi_justt import credentials
from pulumi_justt.api.call import Call
from pulumi_justt.api.client import Attempt, _Request, _Response
from pulumi_justt.api.errors import ApiConnectionError, ApiStatusError, InvalidResponseError, OutcomeUnknown
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.rate_limit import RateLimiter
from pulumi_justt.api.responses import ErrorBody
from pulumi_justt.api.retry import AttemptResult
from pulumi_justt.cli import account_records
from pulumi_justt.cli.doctor.account_checks import Accounts
from pulumi_justt.cli.doctor.checks import Patient
from pulumi_justt.cli.engine import INTEGRATION_TYPE
from pulumi_justt.cli.importing.candidates import Candidate
from pulumi_justt.cli.importing.import_answers import ImportAnswer, _Entry
from pulumi_justt.cli.importing.importer import Importer, ImportOptions
from pulumi_justt.cli.importing.plan import Import, Plan
from pulumi_justt.cli.list.records import Found, ListResult
from pulumi_justt.cli.recover.diagnosis import Case, Diagnosis
from pulumi_justt.cli.stacks import Configuration, Stack
from pulumi_justt.cli.state import State
from pulumi_justt.cli.verify.lifecycle import Verification
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.exactly_once import _UnresolvedCreate
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.listing import Listing
from pulumi_justt.core.ownership import Ownership
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.core.replacements import Replacements
from pulumi_justt.core.session import Session
from pulumi_justt.core.state import CheckResult
from pulumi_justt.errors import CreateOutcomeUnknown
from pulumi_justt.log import SILENT
from pulumi_justt.plugin.codec import Decoded
from pulumi_justt.plugin.kinds import Integrations
from pulumi_justt.provider import IntegrationProvider, ReadinessProvider
from pulumi_justt.redaction import Redactor
from pulumi_justt.testing import JusttMocks, _Justt
from support import secret_scanner

KEY = "canary-key-81c7f25e0b9d"
PAYLOAD = "canary-payload-7d3350fe1a44"
SECRETS = (KEY, PAYLOAD)

assert pulumi_justt.__file__ is not None
SOURCE = Path(pulumi_justt.__file__).parent


@pytest.fixture(autouse=True)
def traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore `sys.tracebacklimit` after the test, because a configured provider changes it."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


def settings() -> Settings:
    """Load settings with an API key."""
    return Settings.load({"apiKey": KEY, "baseUrl": "http://127.0.0.1:9"}, {})


def inputs() -> Inputs:
    """Create inputs with a payload of values at every depth."""
    return Inputs.model_validate(
        {
            "externalIdentifier": "a",
            "integrationName": "A",
            "source": "stripe",
            "secretType": "X",
            "secretPayload": {"apiKey": PAYLOAD, "more": {"a": [PAYLOAD]}},
            "environment": "simulator",
        }
    )


def client() -> JusttClient:
    """Create a client that has sent both secrets."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[] if request.method == "GET" else {"integrationId": "i"})

    made = JusttClient(settings(), transport=httpx.MockTransport(answer))
    made.create_integration(inputs())
    return made


def core() -> IntegrationLifecycle:
    """Create a lifecycle that has created an integration."""
    made = IntegrationLifecycle(settings(), client=client, log=SILENT)
    made.creator.create("urn", inputs())
    return made


def redactor() -> Redactor:
    """Create a redactor that knows an integration's credentials."""
    made = Redactor()
    made.add_secrets({"apiKey": PAYLOAD, "more": [KEY]})
    return made


def replacements() -> Replacements:
    """Create the record of a replaced resource, whose inputs contain credentials and which is not created yet."""
    made = Replacements()
    made.note_check("urn", {"secretPayload": {"apiKey": PAYLOAD}}, is_accepted=True)
    return made


def ownership() -> Ownership:
    """Create the ownership of a program with one resource that has credentials."""
    made = session().ownership
    made.note_check("urn", {"secretPayload": {"apiKey": PAYLOAD}})
    return made


def session() -> Session:
    """Create the state that all calls of a process share."""
    return Session("http://127.0.0.1:9/v1", redactor=redactor())


def mocks() -> JusttMocks:
    """Create mocks for which a program has made a provider with the key."""
    made = JusttMocks()
    secret = wrap_rpc_secret(KEY)
    made.new_resource(
        MockResourceArgs(
            "pulumi:providers:pulumi-python", "us", {"justt:apiKey": secret, "justt:provider": "us"}, custom=True
        )
    )
    return made


_Provider = TypeVar("_Provider", IntegrationProvider, ReadinessProvider)


def provider(kind: Callable[[], _Provider]) -> _Provider:
    """Create a provider that the host has configured with the key."""
    made = kind()
    made.configure(ConfigureRequest(Config({"justt:apiKey": KEY}, "shop")))
    return made


def stack() -> Stack:
    """Create a stack whose variables contain the key."""
    return Stack("dev", environ={"JUSTT_API_KEY": KEY})


def state() -> State:
    """Create a state with its secrets in plain text."""
    resource = {
        "urn": "urn:pulumi:dev::shop::t::n",
        "type": INTEGRATION_TYPE,
        "id": "i",
        "inputs": {"secretPayload": {"apiKey": PAYLOAD}},
        "outputs": {"secretPayload": {"apiKey": PAYLOAD}},
    }
    pending = {"type": "creating", "resource": resource}
    return State({"deployment": {"resources": [resource], "pending_operations": [pending]}})


def view() -> account_records.View:
    """Create the command line's view of a stack: the stack, its settings and its state."""
    return account_records.View(stack(), settings(), state(), {"urn": settings()})


def case() -> Case:
    """Create a case of `recover`: a create that is pending in the state."""
    pending = state().pending()[0]
    return Case(pending.urn, "", needs_decision=True, pending=pending)


def found() -> Found:
    """Create an entry of `list`: an integration and the resource that manages it."""
    record = RemoteRecord(integration_id="i", source="stripe", status="PENDING")
    return Found(
        record, account_records.Account(settings(), None), tuple(account_records.managed([view()])["simulator", "i"])
    )


def answer() -> ImportAnswer:
    """Create the answers to the prompts of `import` for one integration."""
    return ImportAnswer("r", {}, "APIKEY_ONLY", {"apiKey": PAYLOAD})


def plan() -> Plan:
    """Create the plan of an import of one integration, with its credentials."""
    candidate = Candidate(RemoteRecord(integration_id="i", source="stripe", status="PENDING"), None)
    one = Import(candidate, answer(), "r", "r", {"secretPayload": {"apiKey": PAYLOAD}}, {"apiKey": "rApiKey"})
    return Plan([one], None)


def importer() -> Importer:
    """Create an importer that has read its stack."""
    made = Importer(stack(), [], print)
    vars(made)["_view"] = view()
    return made


def shapes() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield a factory for each credential type, which puts the secret into all fields."""
    for secret_type, shape in credentials.CREDENTIAL_TYPES.items():
        payload = dict.fromkeys(shape.wire_fields(), PAYLOAD)
        yield shape.__name__, functools.partial(credentials.from_wire, secret_type, payload)


HOLDERS: dict[str, Callable[[], object]] = {
    **dict(shapes()),
    "Unlisted": lambda: credentials.Unlisted(secret_type="X", payload={"token": PAYLOAD}),
    "Settings": settings,
    "Inputs": inputs,
    "JusttClient": client,
    "Client": lambda: client()._api,
    "NewIntegration": inputs,
    "ApiError": lambda: ApiStatusError(400, PAYLOAD, PAYLOAD),
    "ApiStatusError": lambda: ApiStatusError(400, PAYLOAD, PAYLOAD),
    "ApiConnectionError": lambda: ApiConnectionError("no connection", AttemptResult.UNSENT, detail=PAYLOAD),
    "InvalidResponseError": lambda: InvalidResponseError(200, PAYLOAD),
    "OutcomeUnknown": lambda: OutcomeUnknown(InvalidResponseError(200, PAYLOAD)),
    "Attempt": lambda: Attempt("GET", "/integrations", 0.1, 200, content=PAYLOAD.encode()),
    "BatchReader": lambda: client()._reader,
    "IntegrationLifecycle": core,
    "Deactivator": lambda: core()._deactivator,
    "Replacements": replacements,
    "Ownership": ownership,
    "Creator": lambda: core().creator,
    "ReadinessLifecycle": lambda: ReadinessLifecycle(settings(), client=client, log=SILENT, session=session()),
    "IntegrationProvider": lambda: provider(IntegrationProvider),
    "ReadinessProvider": lambda: provider(ReadinessProvider),
    "RateLimiter": lambda: RateLimiter(10),
    "Redactor": redactor,
    "CheckResult": lambda: CheckResult({"secretPayload": {"apiKey": PAYLOAD}}, []),
    "ErrorBody": lambda: ErrorBody(PAYLOAD, PAYLOAD),
    "_Response": lambda: _Response(400, PAYLOAD.encode(), "", None),
    "_Request": lambda: _Request("POST", "/", None, Call(), {"apiKey": PAYLOAD}),
    "_UnresolvedCreate": lambda: _UnresolvedCreate(
        "x", inputs(), "y", CreateOutcomeUnknown("x", "y", "z"), 0.0, frozenset(), is_before_complete=True
    ),
}
HOLDERS |= {
    "Configuration": lambda: Configuration({"apiKey": KEY}, has_plain_key=True),
    "Stack": stack,
    "State": state,
    "Recorded": lambda: next(state().integrations()),
    "Pending": lambda: state().pending()[0],
    "View": view,
    "Account": lambda: account_records.Account(settings(), None),
    "Managed": lambda: account_records.managed([view()])["simulator", "i"][0],
    "Found": found,
    "ListResult": lambda: ListResult((found(),), ()),
    "Patient": lambda: Patient(stack(), Configuration({"apiKey": KEY}, has_plain_key=True), settings(), state()),
    "Accounts": lambda: Accounts({account_records.Account(settings(), None): Listing({}, is_complete=True)}),
    "Case": case,
    "Diagnosis": lambda: Diagnosis(view(), frozenset(), Journal(None), (case(),), ()),
    "ImportAnswer": answer,
    "_Entry": lambda: _Entry({"fields": {"api_key": PAYLOAD}}),
    "ImportOptions": lambda: ImportOptions(answers=PAYLOAD),
    "Plan": plan,
    "Import": lambda: plan().imports[0],
    "Importer": importer,
    "Verification": lambda: Verification(
        client(), [Attempt("GET", "/", 0.1, content=PAYLOAD.encode())], Journal(None), "stripe", None, print
    ),
    "PluginKind": lambda: Integrations({"apiKey": KEY}),
    "Decoded": lambda: Decoded({"secretPayload": {"apiKey": PAYLOAD}}, frozenset()),
    "JusttMocks": mocks,
    "_Justt": lambda: _Justt(settings(), {}, "stripe"),
}
HARMLESS = {
    "_OwnFinder",
    "Check",
    "Adoption",
    "Claim",
    "Decision",
    "RetryPlan",
    "_Account",
    "Listing",
    "ReadWriteLock",
    "RetryPolicy",
    "Page",
    "RemoteRecord",
    "Deactivation",
}
HARMLESS |= {
    "Reference",
    "VariableReference",
    "FileReference",
    "CredentialType",
    "Credentials",
    "TotalTimeout",
    "_Stream",
}
HARMLESS |= {
    "PaymentIntegration",
    "IntegrationReady",
    "Provider",
    "RequestError",
    "RequestRefused",
    "RequestFailed",
    "_Wait",
    "Terminal",
    "_JusttResource",
    "PageCache",
}
HARMLESS |= {"Entry", "Fact", "LogResult"}
HARMLESS |= {
    "Calls",
    "_Served",
    "Call",
    "Messages",
    "Purpose",
    "InvalidRequest",
    "Cancelled",
    "InvalidNetworkSettings",
    "CreateCoordinator",
    "Intents",
    "Intent",
    "Journal",
    "Snapshot",
    "Session",
    "_Finding",
}
HARMLESS |= {"Property", "_Attribute", "StatusReports", "RepeatedErrors", "SharedConflict", "Integration", "Fact"}
HARMLESS |= {"Identifiers", "UnlistedSource", "PaymentServiceProvider"}
HARMLESS |= {"OutputLostError", "TerminalError", "_TextLoader"}
HARMLESS |= {"Candidate", "ImportRefused", "Items", "Outcome", "_PendingRead"}
HARMLESS |= {"Change", "Resource", "Diagnostic", "Preview", "_Step", "Event", "NoPreview"}
HARMLESS |= {"JournalFolder", "HolderRecords", "CommandLog", "Log", "EngineLog", "Lookup", "Candidates", "_Given"}
HARMLESS |= {"_Problem", "PromptsStopped", "_PluginLog"}
"""Classes whose objects contain only public values, or that have no objects."""


def forms(holder: object) -> Iterator[str]:
    """Yield each text that Python, logging or pydantic creates from an object."""
    yield from (repr(holder), str(holder), f"{holder}", f"{holder!a:>9}", string.Template("$it").substitute(it=holder))
    yield from (pprint.pformat({"holder": [holder]}), reprlib.repr(holder), repr(ValueError(holder)))
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.emit(logging.LogRecord("x", logging.ERROR, __file__, 1, "%s %r", (holder, {"holder": holder}), None))
    yield log.getvalue()
    if isinstance(holder, BaseModel):
        yield repr(holder.model_dump())
        yield repr(holder.model_dump(mode="json"))
        yield holder.model_dump_json()
        yield repr(holder.__repr_args__())


@pytest.mark.parametrize("name", HOLDERS)
def test_no_text_form_shows_a_value(name: str) -> None:
    """Printing, formatting, logging or dumping an object that holds a secret shows no part of the secret."""
    holder = HOLDERS[name]()

    for form in forms(holder):
        assert form
        assert secret_scanner.find(form.encode(), SECRETS) == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", HOLDERS)
def test_no_pickle_holds_a_value(name: str, protocol: int) -> None:
    """The pickle of an object that holds a secret doesn't contain the secret.

    If the object can't be pickled, the error doesn't contain it either.
    """
    try:
        result = pickle.dumps(HOLDERS[name](), protocol)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        result = f"{error!r}".encode()

    assert secret_scanner.find(result, SECRETS) == []


@pytest.mark.parametrize("name", ["ApiKeyOnly", "Unlisted", "Settings", "Inputs"])
def test_public_values_may_be_copied(name: str) -> None:
    """Copying credentials, settings or inputs returns the object itself, and doesn't use a pickle."""
    holder = HOLDERS[name]()

    assert copy.copy(holder) is holder
    assert copy.deepcopy([holder])[0] is holder


@pytest.mark.parametrize("name", ["ApiKeyOnly", "Unlisted", "Settings", "Inputs"])
def test_a_refused_pickle_says_why(name: str) -> None:
    """When an object with secrets is pickled, the error says that a pickle would show the object's secrets."""
    with pytest.raises(TypeError, match="holds secrets, which a pickle would show"):
        pickle.dumps(HOLDERS[name]())


def test_the_objects_contain_the_secrets() -> None:
    """The objects that the other tests examine do contain the secrets: their fields return the secrets."""
    held: dict[str, Any] = {name: HOLDERS[name]() for name in HOLDERS}

    assert held["ApiKeyOnly"].api_key == PAYLOAD
    assert held["Settings"].require_api_key() == KEY
    assert held["Inputs"].reveal_payload() == {"apiKey": PAYLOAD, "more": {"a": [PAYLOAD]}}
    assert held["IntegrationProvider"]._config == {"apiKey": KEY}
    assert KEY in repr(vars(held["JusttClient"]._api))


def test_each_class_is_tested_or_listed_as_harmless() -> None:
    """Every class of the package with fields is either one of the tested holders of secrets, or listed as harmless."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if "simulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(word in ast.unparse(node) for word in ("@dataclass", "__init__")):
                found.add(node.name)

    assert found - HOLDERS.keys() == HARMLESS & found


def calls() -> Iterator[tuple[str, str]]:
    """Yield the name of each function or method that the package calls, with its caller."""
    for path in SOURCE.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
                        yield called, f"{path.stem}.{function.name}"


def test_secrets_are_unwrapped_in_one_function() -> None:
    """Only `reveal` calls `get_secret_value`.

    The callers of `reveal`, and their callers, are pinned, so that a reviewer sees each new one.
    """
    callers: dict[str, set[str]] = {}
    for called, caller in calls():
        callers.setdefault(called, set()).add(caller)

    assert callers["get_secret_value"] == {"unpicklable.reveal"}
    assert callers["reveal"] == {"models.reveal_payload", "config.require_api_key"}
    assert callers["reveal_payload"] == {
        "client._add_secrets",
        "models.body",
        "integration._prepare",
    }
    assert callers["require_api_key"] == {"client.__init__", "client.digest", "client.shared_client"}
    assert callers["resolved"] == {"integration._with_values"}
