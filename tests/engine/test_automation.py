"""The Automation API on the real engine: a Python process that runs stacks, with an inline and a local program."""

from __future__ import annotations

import json

import pytest

from pulumi_justt.simulator import SimulatorServer, payload_digest
from support.harness import Stack

SCRIPT = """
    import json, os, sys
    import pulumi
    import pulumi_justt as justt
    from pulumi import automation

    def program():
        made = justt.PaymentIntegration("shop", external_identifier="shop", integration_name="Shop", source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=pulumi.Config().require_secret("stripeKey")))
        pulumi.export("status", made.status)
        pulumi.export("key", made.credentials.apply(lambda credentials: credentials.api_key))

    def tell(name, value):
        print("told", json.dumps([name, value]))

    inline = automation.create_stack(stack_name="inline", project_name="tool", program=program)
    inline.set_all_config({
        "stripeKey": automation.ConfigValue(os.environ["SECRET_stripeKey"], secret=True),
        "justt:apiKey": automation.ConfigValue("any-key", secret=True),
        "justt:baseUrl": automation.ConfigValue(sys.argv[1]),
    })
    tell("preview", inline.preview(on_output=print, diff=True).change_summary)
    up = inline.up(on_output=print)
    tell("up", up.summary.resource_changes)
    tell("status", up.outputs["status"].value)
    tell("key", [up.outputs["key"].secret, up.outputs["key"].value == os.environ["SECRET_stripeKey"]])
    tell("shown", str(up.outputs))
    tell("refresh", inline.refresh(on_output=print).summary.resource_changes)
    tell("destroy", inline.destroy(on_output=print).summary.resource_changes)

    local = automation.select_stack(stack_name="dev", work_dir=".")
    tell("local preview", local.preview(on_output=print).change_summary)
    tell("local up", local.up(on_output=print).summary.resource_changes)
    tell("local outputs", {name: output.value for name, output in local.outputs().items()})
"""


@pytest.mark.slow
def test_inline_and_local_programs_work(stack: Stack, simulator: SimulatorServer) -> None:
    """The Automation API runs an inline and a local program.

    Both send the same requests as with the CLI, and secret outputs stay secret.
    """
    stack.program("""
        justt.PaymentIntegration("local", external_identifier="local", integration_name="Local", source="stripe",
            credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
        pulumi.export("made", "local")
    """)
    text = stack.script(SCRIPT, simulator.base_url).stdout
    lines = (line.removeprefix("told ") for line in text.splitlines() if line.startswith("told "))
    shown = dict(json.loads(line) for line in lines)
    assert shown == {
        "preview": {"create": 2},
        "up": {"create": 2},
        "status": "PENDING",
        "key": [True, True],
        "shown": "{'key': [secret], 'status': 'PENDING'}",
        "refresh": {"same": 2},
        "destroy": {"delete": 2},
        "local preview": {"create": 2},
        "local up": {"create": 2},
        "local outputs": {"made": "local"},
    }
    assert "apiKey: [secret]" in text
    methods = [exchange.method for exchange in simulator.requests]
    assert methods == ["GET", "POST", "GET", "DELETE", "GET", "POST"]
    assert [each.status for each in simulator.records.integrations()] == ["INACTIVE", "PENDING"]


@pytest.mark.slow
def test_an_inline_program_can_give_relative_and_absolute_paths(stack: Stack, simulator: SimulatorServer) -> None:
    """An inline program gives a relative and an absolute path of a file.

    The state has the first path relative to the script's working directory and the second one unchanged, and `up` finds
    the file by both.
    """
    (stack.project / "key").write_text("key-1\n")
    script = """
        import os, sys
        import pulumi_justt as justt
        from pulumi import automation

        def program():
            justt.PaymentIntegration("shop", external_identifier="shop", integration_name="Shop", source="stripe",
                credentials=justt.credentials.UsernamePassword(
                    username=justt.from_file("./key"), password=justt.from_file(os.path.abspath("key"))))

        inline = automation.create_stack(stack_name="inline", project_name="tool", program=program)
        inline.set_config("justt:apiKey", automation.ConfigValue("any-key", secret=True))
        inline.set_config("justt:baseUrl", automation.ConfigValue(sys.argv[1]))
        inline.up()
        print(inline.export_stack().deployment["resources"][-1]["inputs"]["secretReferences"])
    """
    assert stack.script(script, simulator.base_url).stdout.splitlines()[-1] == str(
        {
            "password": {"fromFile": str(stack.project / "key"), "version": 1},
            "username": {"fromFile": "key", "version": 1},
        }
    )
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"username": "key-1", "password": "key-1"})
