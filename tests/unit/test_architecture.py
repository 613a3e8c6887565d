"""Rules that must not change by accident: import directions, the public names, and everything stored in a state."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.dynamic import dynamic
from pydantic.fields import FieldInfo

import pulumi_justt
import pulumi_justt as justt
from pulumi_justt import credentials, provider, resources
from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.inputs import Deactivation, Inputs
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.readiness import ReadinessLifecycle
from pulumi_justt.log import Log
from support.checkout import ROOT
from support.harness import HANG_SECONDS
from support.mocked_program import TOKEN, Program, SecretValue, full, minimal, run_program
from support.state_blobs import BLOB, READINESS_BLOB

assert pulumi_justt.__file__ is not None
SOURCE = Path(pulumi_justt.__file__).parent
SIMULATOR = SOURCE / "simulator"

# What each package may import besides itself.
ROOMS: dict[str, set[str]] = {
    "cli": {"simulator", "front end", "host", "core", "api", "base"},
    "front end": {"host", "core", "api", "base"},
    "plugin": {"host", "core", "api", "base"},
    "host": {"core", "api", "base"},
    "core": {"api", "base"},
    "api": {"base"},
    "base": set(),
    "simulator": set(),
}

FRONT_END = {
    "",
    "arguments",
    "provider",
    "resource_options",
    "resources",
    "stack_outputs",
    "testing",
}
HOST = {"host", "resource_kinds", "thread_pool"}
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").strip("."): path
    for path in SOURCE.rglob("*.py")
}


def imports(tree: ast.AST, *, at_import_only: bool = False, with_types: bool = False) -> Iterator[str]:
    """Yield the names that a module imports.

    Args:
        tree: The module.
        at_import_only: Whether to leave out imports within functions, which run only when the function is called.
        with_types: Whether to include imports that only a type checker does.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{'.' * node.level}{node.module}." if node.module else "." * node.level
            yield from (f"{module}{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not with_types:
            continue
        elif not (at_import_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
            yield from imports(node, at_import_only=at_import_only, with_types=with_types)


def parse(path: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(module: str) -> str:
    """Return the package of a module, by its name below `pulumi_justt`."""
    folder, dot, _ = module.partition(".")
    if dot or folder in ROOMS.keys() - {"host"}:
        return folder
    if module in HOST:
        return "host"
    return "front end" if module in FRONT_END else "base"


def own_imports(module: str, *, with_types: bool = False) -> set[str]:
    """Return the modules of this project that a module imports, by their names below `pulumi_justt`.

    Args:
        module: The name of the module.
        with_types: Whether to include imports that only a type checker does.
    """
    path, found = MODULES[module], set()
    for full_name in imports(parse(path), with_types=with_types):
        dots = len(full_name) - len(full_name.lstrip("."))
        name = full_name.lstrip(".")
        if dots:
            name = ".".join(["pulumi_justt", *path.relative_to(SOURCE).parts[:-dots], name])
        package, _, name = name.partition(".")
        if package == "pulumi_justt":
            while name not in MODULES:
                name = name.rpartition(".")[0]
            found.add(name)
    return found


def loaded_by(statement: str) -> set[str]:
    """Run *statement* in a new interpreter, and return the modules that the interpreter has then loaded."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_package_imports_only_allowed_packages(module: str) -> None:
    """Each module imports only its own package and the packages that `ROOMS` allows for it."""
    allowed = {room_of(module), *ROOMS[room_of(module)]}

    assert {each for each in own_imports(module) if room_of(each) not in allowed} == set()


def test_there_are_no_import_cycles() -> None:
    """The modules of the package import each other without cycles, including imports that only a type checker does."""
    TopologicalSorter({module: own_imports(module, with_types=True) - {module} for module in MODULES}).prepare()


def test_no_test_imports_another_test() -> None:
    """No module in `tests` imports a test module. Shared test code is in `tests/support` instead."""
    importing = {
        f"{path.name}: {name}"
        for path in ROOT.glob("tests/**/*.py")
        if "data" not in path.parts
        for name in imports(parse(path), with_types=True)
        if name.startswith("test_") or ".test_" in name.rpartition(".")[0]
    }

    assert importing == set()


def test_command_logic_does_not_import_click() -> None:
    """In `cli`, only the `command` modules and six listed modules import click.

    All other modules can be called without it.
    """
    knowing = {
        module
        for module, path in MODULES.items()
        if room_of(module) == "cli" and any(each.split(".")[0] == "click" for each in imports(parse(path)))
    }

    assert {each for each in knowing if not each.endswith(".command")} == {
        "cli.app",
        "cli.importing.prompts",
        "cli.options",
        "cli.recover.dialog",
        "cli.rendering",
        "cli.simulator",
    }


@pytest.mark.parametrize("module", sorted(each for each in MODULES if room_of(each) in ("core", "api", "base")))
def test_the_core_does_not_import_pulumi(module: str) -> None:
    """Importing a module of `core`, `api` or the base doesn't import Pulumi, so other front ends can use them.

    Only two modules import Pulumi in a function, when a program calls that function.
    """
    tree = parse(MODULES[module])
    found = {each for each in imports(tree, at_import_only=True) if each.split(".")[0] == "pulumi"}
    anywhere = {each for each in imports(tree) if each.split(".")[0] == "pulumi"}

    assert found == set()
    assert anywhere == ({"pulumi"} if module in ("credentials", "program_errors") else set())


def test_only_the_client_imports_the_http_library() -> None:
    """Only `api/client.py` imports an HTTP library.

    Only `host.py`, which connects to the engine, and `api/deadline.py` import `socket`.
    """
    libraries = {"httpx", "requests", "urllib3", "http", "socket"}
    knowing = {
        (path.relative_to(SOURCE).as_posix(), name)
        for path in MODULES.values()
        for name in imports(parse(path))
        if name.split(".")[0] in libraries and name != "http.HTTPStatus"
    }

    assert {path for path, name in knowing if name != "socket"} == {"api/client.py"}
    assert {path for path, name in knowing if name == "socket"} == {"host.py", "api/deadline.py"}


def test_the_simulator_imports_no_provider_code() -> None:
    """The simulator imports no other code of the project.

    If it shared code with the client, it would share the client's mistakes.
    """
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
    """Outside of the simulator, only `cli/simulator.py` imports it.

    So the package works without the simulator extra.
    """
    knowing = {
        name
        for name, path in MODULES.items()
        for each in imports(parse(path))
        if each.startswith("pulumi_justt.simulator")
    }

    assert knowing <= {"cli.simulator"}


@pytest.mark.parametrize("module", ["provider", "resource_kinds", "plugin.codec", "plugin.kinds", "plugin.server"])
def test_a_front_end_has_no_logic_about_justt(module: str) -> None:
    """The code that the engine calls names no property of an integration, so both front ends have the same rules."""
    known: set[str] = {"gone", "INACTIVE", "PENDING"}
    models: tuple[dict[str, FieldInfo], ...] = (
        Inputs.model_fields,
        RemoteRecord.model_fields,
        Deactivation.model_fields,
    )
    for fields in models:
        known |= fields.keys() | {field.alias for field in fields.values() if field.alias}
    for shape in credentials.CREDENTIAL_TYPES.values():
        known |= {shape.secret_type, *shape.wire_fields()}
    tree = parse(MODULES[module])

    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert (texts | attributes) & known == set()


def test_the_public_names_are_pinned() -> None:
    """`__all__` of the package and of `credentials` equals the pinned names, so each change of it is a decision."""
    assert pulumi_justt.__all__ == [
        "Deactivation",
        "DeactivationType",
        "IntegrationReady",
        "PaymentIntegration",
        "Provider",
        "Source",
        "UnlistedSource",
        "__version__",
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


def test_importing_the_package_loads_no_provider_code() -> None:
    """`import pulumi_justt` loads the listed modules only: neither httpx, pydantic, aiohttp and click, nor the core."""
    loaded = loaded_by("import pulumi_justt")

    assert "pulumi_justt.resources" in loaded
    assert loaded & {"httpx", "pydantic", "aiohttp", "click"} == set()
    assert {each for each in loaded if each.startswith("pulumi_justt.")} == {
        "pulumi_justt.arguments",
        "pulumi_justt.credentials",
        "pulumi_justt.errors",
        "pulumi_justt.host",
        "pulumi_justt.imports",
        "pulumi_justt.log",
        "pulumi_justt.program_errors",
        "pulumi_justt.resource_options",
        "pulumi_justt.protocol",
        "pulumi_justt.provider",
        "pulumi_justt.references",
        "pulumi_justt.resource_kinds",
        "pulumi_justt.resources",
        "pulumi_justt.schema",
        "pulumi_justt.stack_outputs",
        "pulumi_justt.stack_trace",
        "pulumi_justt.unpicklable",
        "pulumi_justt.values",
        "pulumi_justt.version",
    }


def test_a_preview_loads_no_http_library() -> None:
    """When a new interpreter calls the provider's `check` and `diff`, which send no requests, it doesn't load httpx."""
    loaded = loaded_by(
        "from pulumi_justt.provider import IntegrationProvider\n"
        "provider = IntegrationProvider()\n"
        "provider.check({}, {})\n"
        "provider.diff('id', {'source': 'stripe'}, {'source': 'adyen'})\n"
    )

    assert {"pydantic", "pulumi_justt.core.integration"} <= loaded
    assert loaded & {"httpx", "pulumi_justt.api.client"} == set()


def test_a_preview_of_the_plugin_loads_no_http_library() -> None:
    """When the plugin checks and compares inputs, it doesn't load httpx."""
    loaded = loaded_by(
        "from pulumi.runtime import proto\n"
        "from pulumi_justt.plugin.kinds import Integrations\n"
        "import pulumi_justt.plugin.server\n"
        "Integrations({}).check(proto.CheckRequest())\n"
        "Integrations({}).diff(proto.DiffRequest(id='id'))\n"
    )

    assert {"pydantic", "pulumi_justt.core.integration"} <= loaded
    assert loaded & {"httpx", "pulumi_justt.api.client"} == set()


def test_the_provider_process_exits_without_a_garbage_collection() -> None:
    """After a `check`, at least nine tenths of the process's objects are excluded from garbage collection.

    Otherwise the CLI would wait for a collection when the process exits.
    """
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
    """An interpreter that imports the core and the client loads httpx.

    The interpreter loads neither the simulator, nor aiohttp, nor the command line.
    """
    loaded = loaded_by("import pulumi_justt.core.integration, pulumi_justt.api.client")

    assert "httpx" in loaded
    assert loaded & {"aiohttp", "pulumi_justt.simulator", "pulumi_justt.cli"} == set()


def test_the_cli_does_not_look_for_a_plugin() -> None:
    """`pulumi-plugin.json` says that the package has no plugin.

    Otherwise the Pulumi CLI would try to download a plugin that doesn't exist.
    """
    assert json.loads((SOURCE / "pulumi-plugin.json").read_text())["resource"] is False


# The pinned provider blob


def test_the_stored_providers_are_pinned() -> None:
    """The provider texts that each state stores equal the pinned ones, and each is shorter than 100 characters.

    A changed text would appear as a change of every resource in every stack.
    """
    assert (resources._PROVIDER, resources._READINESS_PROVIDER) == (BLOB, READINESS_BLOB)
    assert len(BLOB) < 100
    assert len(READINESS_BLOB) < 100


BLOBS = [(BLOB, provider.IntegrationProvider), (READINESS_BLOB, provider.ReadinessProvider)]


@pytest.mark.parametrize(("blob", "kind"), BLOBS)
def test_a_stored_provider_equals_the_sdk_s_pickle(
    blob: str, kind: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored text equals the one that `pulumi.dynamic` creates by pickling the class with protocol 4.

    That protocol is the default of Python before 3.14.
    """
    serialize: Callable[[object], str] = dynamic.serialize_provider
    monkeypatch.setattr(pickle, "DEFAULT_PROTOCOL", 4)

    assert serialize(kind()) == blob


@pytest.mark.parametrize(("blob", "kind"), BLOBS)
def test_a_stored_provider_loads(blob: str, kind: type) -> None:
    """Loading the stored text from a state gives an object of the installed class, without attributes."""
    loaded = pickle.loads(b64decode(blob))  # noqa: S301 - a literal in our own code

    assert type(loaded) is kind
    assert vars(loaded) == {}


@pytest.mark.parametrize("name", ["IntegrationProvider", "ReadinessProvider"])
def test_the_dotted_paths_are_pinned(name: str) -> None:
    """Both provider classes have their pinned module and name. Every state contains them, so neither may be renamed."""
    kind = getattr(provider, name)

    assert (kind.__module__, kind.__qualname__) == ("pulumi_justt.provider", name)


# The pinned state


def stored(program: Program) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run `check` and `create` for a program's resource, and return the inputs and outputs that the state then has."""

    def plain(value: object) -> object:
        if isinstance(value, SecretValue):
            return plain(value.value)
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        # The engine sends numbers as floats, which provider.py converts.
        return int(value) if isinstance(value, float) else value

    news = plain(program.sent())
    assert isinstance(news, dict)
    settings = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key"}, {})
    record = {"integrationId": "id-1", "status": "PENDING", "goLiveDate": "2027-01-01T00:00:00Z"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json=record) if request.method == "POST" else httpx.Response(200, json=[])

    client = JusttClient(settings, transport=httpx.MockTransport(answer))
    core = IntegrationLifecycle(settings, client=lambda: client, log=Log(print))
    checked = core.check({}, news)
    assert checked.failures == []
    return checked.inputs, core.create(checked.inputs)[1]


def test_the_state_of_a_minimal_resource() -> None:
    """After the create of a resource with only required arguments, the state has the pinned keys and no others."""
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
    """After the create of a resource with all arguments, the state has the pinned keys and no others.

    The keys of the payload are pinned too.
    """
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
    """After the create of an `IntegrationReady`, the state has the pinned keys and no others.

    Keys that its integration lacks are absent.
    """
    request = run_program(lambda: justt.IntegrationReady("ready", integration=minimal())).registered[1]
    news = {name: value for name, value in MessageToDict(request.object).items() if name != "__provider"}
    settings = Settings.load({"baseUrl": "http://127.0.0.1:9", "apiKey": "bearer-key"}, {})
    record = {"integrationId": "id-1", "source": "stripe", "status": "SUCCESSFUL", "goLiveDate": "2027-01-01T00:00:00Z"}
    client = JusttClient(settings, transport=httpx.MockTransport(lambda _: httpx.Response(200, json=record)))
    core = ReadinessLifecycle(settings, client=lambda: client, log=Log(print))

    checked = core.check({}, {**news, "timeoutSeconds": int(news["timeoutSeconds"])})
    outputs = core.create(checked.inputs)[1]

    assert checked.failures == []
    assert checked.inputs.keys() == {"integrationId", "externalIdentifier", "source", "timeoutSeconds", "environment"}
    assert outputs.keys() == checked.inputs.keys() | {"status", "goLiveDate"}
    assert {name: outputs[name] for name in checked.inputs} == checked.inputs


def test_the_type_and_the_blob_of_a_resource_are_pinned() -> None:
    """The requests that register both kinds of resources have the pinned type, which is part of each URN.

    The requests have the stored provider as a plain property, not as a secret.
    """
    request = run_program(minimal).registered[0]

    assert request.type == TOKEN == "pulumi-python:dynamic/justt:PaymentIntegration"
    assert MessageToDict(request.object)["__provider"] == BLOB

    request = run_program(lambda: justt.IntegrationReady("ready", integration=minimal())).registered[1]

    assert request.type == "pulumi-python:dynamic/justt:IntegrationReady"
    assert MessageToDict(request.object)["__provider"] == READINESS_BLOB
