"""What must not change by accident: who imports whom, the public names, and everything that is written into a state."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.dynamic import dynamic
from pydantic.fields import FieldInfo

import pulumi_justt
import pulumi_justt as justt
from harness import HANG_SECONDS
from mocked_program import SECRET, SIGNATURE, TOKEN, Hidden, Program, full, minimal, run_program
from pulumi_justt import credentials, provider, resources
from pulumi_justt.client import JusttClient
from pulumi_justt.lifecycle import Integrations
from pulumi_justt.models import Deactivation, Inputs, RemoteRecord
from pulumi_justt.readiness import Readiness
from pulumi_justt.settings import Settings
from state_blobs import BLOB, READINESS_BLOB

assert pulumi_justt.__file__ is not None
SOURCE = Path(pulumi_justt.__file__).parent
SIMULATOR = SOURCE / "simulator"

# From left to right; an arrow may only point right. Modules of one layer don't know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "cli"),
    ("prompts", "recover_dialog"),
    ("rendering",),
    ("commands",),
    ("resources",),
    ("provider", "property_paths", "arguments"),
    ("host", "thread_pool"),
    ("lifecycle", "readiness"),
    ("creation",),
    ("intents",),
    ("session",),
    ("ownership", "replacements"),
    ("listing",),
    ("client",),
    ("reads",),
    ("answers", "recorded"),
    ("settings",),
    ("retry", "limiter", "deadline", "network", "models", "credentials", "simulator", "command_log", "read_write_lock"),
    ("references", "redaction"),
    ("secrecy", "journal"),
    ("imports", "program_errors"),
    ("errors",),
    ("values", "schema"),
)
PLACE = {name: place for place, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path.stem for path in SOURCE.glob("*.py"))
COMMANDS = sorted(path.stem for path in (SOURCE / "commands").glob("*.py"))
CORE = [name for name in MODULES if PLACE.get(name, 0) >= PLACE["lifecycle"]]


def imports(tree: ast.AST, *, at_import_only: bool = False) -> Iterator[str]:
    """Yield the names that a module imports, but for those that only a type checker does.

    Args:
        tree: The module.
        at_import_only: Whether imports within functions are left out, which run only when the function is called.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif not (at_import_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
            yield from imports(node, at_import_only=at_import_only)


def parse(path: Path) -> ast.Module:
    """Read a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def ours(name: str) -> list[str]:
    """Return the modules of this package that an imported name is or belongs to."""
    assert not name.startswith("."), "modules are imported by their full names, outside of the simulator"
    head, _, rest = name.partition(".")
    if head != "pulumi_justt":
        return []
    module = rest.partition(".")[0]
    return [module if module in PLACE else "__init__"]


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after *statement*."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    return set(json.loads(done.stdout))


def test_every_module_has_its_place() -> None:
    """A new module has to be put into the order before it can be imported."""
    assert set(MODULES) <= set(PLACE)


@pytest.mark.parametrize("name", MODULES)
def test_an_arrow_only_points_right(name: str) -> None:
    """No module imports one to its left, or a neighbour."""
    imported = {module for full_name in imports(parse(SOURCE / f"{name}.py")) for module in ours(full_name)}

    assert {module for module in imported if PLACE[module] <= PLACE[name]} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_knows_no_command_line(name: str) -> None:
    """What a command does can be called without the library that takes its arguments."""
    imported = {module for full in imports(parse(SOURCE / "commands" / f"{name}.py")) for module in ours(full)}

    assert imported & {"__init__", "cli"} == set()


@pytest.mark.parametrize("name", CORE)
def test_the_core_knows_no_pulumi(name: str) -> None:
    """Another front end can take the core as it is; only what programs call looks for it, when called."""
    tree = parse(SOURCE / f"{name}.py")
    found = {each for each in imports(tree, at_import_only=True) if each.split(".")[0] == "pulumi"}
    anywhere = {each for each in imports(tree) if each.split(".")[0] == "pulumi"}

    assert found == set()
    assert anywhere == ({"pulumi"} if name in ("credentials", "program_errors") else set())


def test_only_the_client_knows_the_http_library() -> None:
    """There is a single door to the wire, and the sockets behind it; the host's module only connects to the engine."""
    libraries = {"httpx", "requests", "urllib3", "http", "socket"}
    knowing = {
        (path.relative_to(SOURCE).as_posix(), name)
        for path in (*SOURCE.glob("*.py"), *SIMULATOR.rglob("*.py"))
        for name in imports(parse(path))
        if name.split(".")[0] in libraries and name != "http.HTTPStatus"
    }

    assert {path for path, name in knowing if name != "socket"} == {"client.py"}
    assert {path for path, name in knowing if name == "socket"} == {"host.py", "deadline.py"}


def test_the_simulator_imports_nothing_of_ours() -> None:
    """A stand-in that shared code with the client would share its mistakes."""
    found = set()
    for path in SIMULATOR.rglob("*.py"):
        depth = len(path.relative_to(SIMULATOR).parts)
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names if alias.name.startswith("pulumi")}
            elif isinstance(node, ast.ImportFrom) and (
                node.level > depth or (node.level == 0 and (node.module or "").startswith("pulumi"))
            ):
                found.add(f"{path.name}: {ast.unparse(node)}")

    assert found == set()


def test_only_the_command_line_imports_the_simulator() -> None:
    """Who installs the package without its extra misses nothing else."""
    knowing = {
        name
        for name in MODULES
        for each in imports(parse(SOURCE / f"{name}.py"))
        if each.startswith("pulumi_justt.simulator")
    }

    assert knowing <= {"cli"}


def test_the_dynamic_provider_decides_nothing_about_justt() -> None:
    """It names no property of an integration, so that a second front end has nothing to copy."""
    known: set[str] = {"gone", "INACTIVE", "PENDING"}
    models: tuple[dict[str, FieldInfo], ...] = (
        Inputs.model_fields,
        RemoteRecord.model_fields,
        Deactivation.model_fields,
    )
    for fields in models:
        known |= fields.keys() | {field.alias for field in fields.values() if field.alias}
    for shape in credentials.SHAPES.values():
        known |= {shape.secret_type, *shape.wire_fields()}
    tree = parse(SOURCE / "provider.py")

    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert (texts | attributes) & known == set()


def test_the_public_names() -> None:
    """What programs may import is listed here, and a change of it is a change of the interface."""
    assert pulumi_justt.__all__ == [
        "Deactivation",
        "DeactivationType",
        "IntegrationReady",
        "PaymentIntegration",
        "Provider",
        "Source",
        "credentials",
        "from_env",
        "from_file",
    ]
    assert credentials.__all__ == [
        "ApiKey",
        "ApiKeyOnly",
        "BasicAuth",
        "Credentials",
        "Hmac",
        "PublicSecretKey",
        "Sftp",
        "Unlisted",
        "UsernamePassword",
    ]
    assert all(hasattr(pulumi_justt, name) for name in pulumi_justt.__all__)
    assert all(hasattr(credentials, name) for name in credentials.__all__)


def test_a_program_loads_only_what_it_needs() -> None:
    """Importing the package costs a program neither the HTTP client nor the validation library nor the core."""
    loaded = loaded_by("import pulumi_justt")

    assert "pulumi_justt.resources" in loaded
    assert loaded & {"httpx", "pydantic", "aiohttp", "click"} == set()
    assert {each for each in loaded if each.startswith("pulumi_justt.")} == {
        "pulumi_justt.arguments",
        "pulumi_justt.credentials",
        "pulumi_justt.errors",
        "pulumi_justt.host",
        "pulumi_justt.imports",
        "pulumi_justt.program_errors",
        "pulumi_justt.property_paths",
        "pulumi_justt.provider",
        "pulumi_justt.references",
        "pulumi_justt.resources",
        "pulumi_justt.schema",
        "pulumi_justt.secrecy",
        "pulumi_justt.values",
    }


def test_a_preview_loads_no_http_library() -> None:
    """What sends nothing need not wait for it: check and diff of a provider in the host's process."""
    loaded = loaded_by(
        "from pulumi_justt.provider import IntegrationProvider\n"
        "provider = IntegrationProvider()\n"
        "provider.check({}, {})\n"
        "provider.diff('id', {'source': 'stripe'}, {'source': 'adyen'})\n"
    )

    assert {"pydantic", "pulumi_justt.lifecycle"} <= loaded
    assert loaded & {"httpx", "pulumi_justt.client"} == set()


def test_the_provider_process_need_not_be_tidied_before_it_goes() -> None:
    """What it has loaded is out of the garbage collector's sight, which the CLI would wait for at the end."""
    program = (
        "import gc\n"
        "from pulumi_justt.provider import IntegrationProvider\n"
        "IntegrationProvider().check({}, {})\n"
        "print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )

    frozen, seen = map(int, done.stdout.split())
    assert seen < frozen / 10


def test_the_client_needs_no_extra() -> None:
    """The provider process loads neither the simulator nor its server library."""
    loaded = loaded_by("import pulumi_justt.lifecycle, pulumi_justt.client")

    assert "httpx" in loaded
    assert loaded & {"aiohttp", "pulumi_justt.simulator", "pulumi_justt.cli"} == set()


def test_the_cli_does_not_look_for_a_plugin() -> None:
    """A package of this name without the file makes the CLI download a plugin that does not exist."""
    assert json.loads((SOURCE / "pulumi-plugin.json").read_text())["resource"] is False


# The golden blob


def test_the_stored_providers_are_pinned() -> None:
    """Another text would show up as a change of every resource of every stack."""
    assert (resources._PROVIDER, resources._READINESS_PROVIDER) == (BLOB, READINESS_BLOB)
    assert len(BLOB) < 100
    assert len(READINESS_BLOB) < 100


BLOBS = [(BLOB, provider.IntegrationProvider), (READINESS_BLOB, provider.ReadinessProvider)]


@pytest.mark.parametrize(("blob", "kind"), BLOBS)
def test_a_stored_provider_is_what_the_sdk_would_store(
    blob: str, kind: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It equals what `pulumi.dynamic` makes with the default protocol of Python before 3.14."""
    serialize: Callable[[object], str] = dynamic.serialize_provider
    monkeypatch.setattr(pickle, "DEFAULT_PROTOCOL", 4)

    assert serialize(kind()) == blob


@pytest.mark.parametrize(("blob", "kind"), BLOBS)
def test_a_stored_provider_loads(blob: str, kind: type) -> None:
    """State that was written by any version gets the class that is installed now, without attributes."""
    loaded = pickle.loads(b64decode(blob))  # noqa: S301 - our own literal

    assert type(loaded) is kind
    assert vars(loaded) == {}


@pytest.mark.parametrize("name", ["IntegrationProvider", "ReadinessProvider"])
def test_the_dotted_paths_are_pinned(name: str) -> None:
    """The state names module and class, so both are for ever."""
    kind = getattr(provider, name)

    assert (kind.__module__, kind.__qualname__) == ("pulumi_justt.provider", name)


# The golden state


def stored(program: Program) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs and the outputs that a state holds after the first create of a program's resource."""

    def plain(value: object) -> object:
        if isinstance(value, Hidden):
            return plain(value.value)
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        # The engine hands out numbers as floats, and provider.py reads them.
        return int(value) if isinstance(value, float) else value

    news = plain(program.sent())
    assert isinstance(news, dict)
    settings = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key"}, {})
    record = {"integrationId": "id-1", "status": "PENDING", "goLiveDate": "2027-01-01T00:00:00Z"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json=record) if request.method == "POST" else httpx.Response(200, json=[])

    client = JusttClient(settings, transport=httpx.MockTransport(answer))
    core = Integrations(settings, client=lambda: client, tell=print)
    checked = core.check({}, news)
    assert checked.failures == []
    return checked.inputs, core.create(checked.inputs)[1]


def test_the_state_of_a_minimal_resource() -> None:
    """These keys and no others are stored, under the API's names."""
    inputs, outputs = stored(run_program(minimal))

    assert inputs.keys() == {
        "externalIdentifier",
        "integrationName",
        "source",
        "secretType",
        "secretPayload",
        "environment",
    }
    assert inputs["secretPayload"].keys() == {"apiKey"}
    assert outputs.keys() == inputs.keys() | {"integrationId", "status", "goLiveDate"}
    assert {name: outputs[name] for name in inputs} == inputs


def test_the_state_of_a_full_resource() -> None:
    """Every argument has its key, and what lies below a key is pinned too."""
    inputs, outputs = stored(run_program(full))

    assert inputs.keys() == {
        "externalIdentifier",
        "integrationName",
        "source",
        "secretType",
        "secretPayload",
        "merchantAccountCodes",
        "referenceAccountId",
        "deactivation",
        "deletionProtection",
        "allowUnlisted",
        "environment",
    }
    assert inputs["secretPayload"].keys() == {"hmac", "apiKey", "merchantCode", "accountCode"}
    assert inputs["deactivation"] == {"deactivationType": "dueDate", "afterDays": 7}
    assert inputs["merchantAccountCodes"] == ["a", "b"]
    assert outputs.keys() == inputs.keys() | {"integrationId", "status", "goLiveDate"}
    assert {name: outputs[name] for name in inputs} == inputs


def test_the_state_of_a_wait() -> None:
    """An `IntegrationReady` stores these keys and no others, absent where the integration has none."""
    request = run_program(lambda: justt.IntegrationReady("ready", integration=minimal())).registered[1]
    news = {name: value for name, value in MessageToDict(request.object).items() if name != "__provider"}
    settings = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key"}, {})
    record = {"integrationId": "id-1", "source": "stripe", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
    client = JusttClient(settings, transport=httpx.MockTransport(lambda _: httpx.Response(200, json=record)))
    core = Readiness(settings, client=lambda: client, tell=print)

    checked = core.check({}, {**news, "timeoutSeconds": int(news["timeoutSeconds"])})
    outputs = core.create(checked.inputs)[1]

    assert checked.failures == []
    assert checked.inputs.keys() == {"integrationId", "externalIdentifier", "source", "timeoutSeconds", "environment"}
    assert outputs.keys() == checked.inputs.keys() | {"status", "goLiveDate"}
    assert {name: outputs[name] for name in checked.inputs} == checked.inputs


def test_the_type_and_the_blob_of_a_resource_are_pinned() -> None:
    """The type is part of each resource's URN, and the blob is a secret beside the properties."""
    request = run_program(minimal).registered[0]

    assert request.type == TOKEN == "pulumi-python:dynamic/justt:PaymentIntegration"
    assert MessageToDict(request.object)["__provider"] == {SIGNATURE: SECRET, "value": BLOB}

    request = run_program(lambda: justt.IntegrationReady("ready", integration=minimal())).registered[1]

    assert request.type == "pulumi-python:dynamic/justt:IntegrationReady"
    assert MessageToDict(request.object)["__provider"] == {SIGNATURE: SECRET, "value": READINESS_BLOB}
