"""Modules of the program with the names of modules that the provider process needs, on the real engine."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pulumi_justt.simulator import SimulatorServer
from support import environment
from support.harness import HANG_SECONDS, Stack

pytestmark = pytest.mark.slow

PROGRAM = """
    made = justt.PaymentIntegration(
        "{name}",
        external_identifier="{name}",
        integration_name="Stripe EU",
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")),
    )
"""
WAIT = """
    justt.IntegrationReady("ready", integration=made, timeout_seconds=60)
"""
THEIRS = """
    import theirs
    from pulumi.dynamic import Resource

    class Another(Resource, name="Another"):
        pass

    after = pulumi.ResourceOptions(depends_on=[made])
    pulumi.export("theirs", Another(theirs.Theirs(), "theirs", {}, after).id)
"""
OPTIONAL = {"brotli", "brotlicffi", "colorama", "curio", "email_validator", "exceptiongroup", "h2", "rich", "pygments"}
OPTIONAL |= {"simplejson", "sniffio", "socksio", "trio", "uvloop", "winloop", "zstandard"}
"""Modules that a dependency imports only if they exist."""
THEIR_OWN = {"stringprep", "unicodedata"}
"""Modules that the SDK needs to look up the engine's address, so that the program itself fails."""


def names() -> list[str]:
    """Return all top-level modules in the provider process, except those of the SDK's host."""
    script = """
        import json, sys
        from concurrent import futures
        import asyncio, base64, dill, grpc, traceback
        import pulumi.dynamic
        from google.protobuf import empty_pb2
        from pulumi.runtime import rpc
        from pulumi.runtime.proto import provider_pb2_grpc
        before = {name.partition(".")[0] for name in sys.modules}
        import pulumi_justt
        from pulumi_justt import errors, thread_pool
        from pulumi_justt.core import client, integration, readiness, session, config
        errors.nearest("strip", ["stripe"])
        client.JusttClient(config.Settings.load({"apiKey": "k", "baseUrl": "https://127.0.0.1:1/v1"}, {}))
        after = {name.partition(".")[0] for name in sys.modules}
        print(json.dumps(sorted(after - before - {"pulumi_justt"} - {*sys.builtin_module_names})))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        # Coverage measurement would load its own modules.
        env=environment.build(is_measured=False),
        capture_output=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.fixture(autouse=True)
def real_python(stack: Stack) -> None:
    """Start each Python process on its own: a module can't shadow what a preloaded process has imported."""
    stack.has_real_python = True


def shadow(project: Path, name: str, traces: Path) -> None:
    """Write a module that leaves a trace when it runs, and has no other content."""
    text = f"open({str(traces)!r}, 'a').write({name + chr(10)!r})\nraise ImportError('the program has this module')\n"
    if len(name) % 2:
        (project / f"{name}.py").write_text(text)
    else:
        (project / name).mkdir()
        (project / name / "__init__.py").write_text(text)


def test_no_module_of_the_program_shadows_ours(stack: Stack, simulator: SimulatorServer, tmp_path: Path) -> None:
    """The program's folder has a broken module for each name that the provider process imports.

    All commands work, and none of these modules runs.
    """
    traces = tmp_path / "traces"
    traces.write_text("")
    needed = names()
    assert {"httpx", "pydantic", "pydantic_core", "secrets", "html", "mimetypes", "certifi"} <= {*needed}
    for name in {*needed, *OPTIONAL, "click"} - THEIR_OWN:
        shadow(stack.project, name, traces)

    simulator.options = dataclasses.replace(simulator.options, successful_after=0)
    stack.program(PROGRAM.format(name="first") + WAIT)
    stack.preview()
    stack.run("up", "--yes", "--skip-preview", "--stack", stack.name, JUSTT_DEBUG="1")
    stack.refresh()
    stack.program(PROGRAM.format(name="second") + WAIT)
    stack.up()
    stack.destroy()
    # A base URL beyond this machine: a separate thread looks up its name.
    stack.config({"justt:baseUrl": "https://justt.invalid/v1"})
    assert "no connection (" in stack.up(fails=True, HTTPS_PROXY="http://127.0.0.1:1").text

    assert traces.read_text() == ""


def test_another_dynamic_provider_finds_its_modules(stack: Stack) -> None:
    """The program also has a dynamic provider of its own, whose `create` imports a module of the program.

    The import works, because only this package's imports skip the program's folder.
    """
    (stack.project / "secrets.py").write_text("raise ImportError\n")
    (stack.project / "theirs.py").write_text(
        textwrap.dedent("""
        from pulumi.dynamic import CreateResult, ResourceProvider


        class Theirs(ResourceProvider):
            def create(self, props):
                import helper

                return CreateResult(helper.NAME, props)
        """)
    )
    (stack.project / "helper.py").write_text("NAME = 'from the folder of the program'\n")
    stack.program(PROGRAM.format(name="first") + THEIRS)
    stack.up()

    assert stack.outputs() == {"theirs": "from the folder of the program"}


def test_pythonsafepath_helps_where_the_sdk_itself_breaks(stack: Stack) -> None:
    """If the program has a module `queue.py`, the SDK's host can't start.

    With PYTHONSAFEPATH=1, both the program and the host work.
    """
    (stack.project / "queue.py").write_text("raise ImportError('the program has this module')\n")
    stack.program(PROGRAM.format(name="first"))

    assert "the program has this module" in stack.up(fails=True).text
    # Python 3.10 doesn't have the variable.
    if sys.version_info >= (3, 11):
        stack.up(PYTHONSAFEPATH="1")
        assert list(stack.resources()) == ["first"]
