"""Pulumi features on the real engine: resource options, `pulumi state`, plans, targets, two accounts."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter

import pytest

from pulumi_justt.simulator import SimulatorServer, payload_digest
from support.harness import Stack
from support.secret_scanner import canary

pytestmark = pytest.mark.slow

HEAD = """
O = pulumi.ResourceOptions

def make(name, label="Shop", key="stripeKey", identifier=None, **more):
    more.setdefault("credentials", justt.credentials.ApiKeyOnly(api_key=secret(key)))
    return justt.PaymentIntegration(name, external_identifier=identifier or name, integration_name=label,
        source="stripe", **more)

class Shop(pulumi.ComponentResource):
    def __init__(self, name, make_children=lambda parent: None, opts=None):
        super().__init__("acme:index:Shop", name, None, opts)
        make_children(self)

"""


def changes(simulator: SimulatorServer) -> list[str]:
    """Return the requests so far that change something, such as `POST shop`, and clear the requests."""
    names = {record.id: record.external_identifier for record in simulator.records.integrations()}
    seen = [
        f"{each.method} {each.body.get('externalIdentifier') or names[each.path.rpartition('/')[2]]}"
        for each in simulator.requests
        if each.method != "GET"
    ]
    simulator.clear_requests()
    return seen


def urns(stack: Stack) -> dict[str, str]:
    """Return the URNs of the integrations in the state, by resource name."""
    return {name: resource["urn"] for name, resource in stack.resources().items()}


BEFORE = """
guarded = make("guarded", opts=O(protect=True))
make("after", opts=O(depends_on=[guarded]))
make("bound", opts=O(deleted_with=guarded, custom_timeouts=pulumi.CustomTimeouts(create="1ms")))
make("retained", opts=O(retain_on_delete=True))
make("swapped", opts=O(delete_before_replace=True))
make("forced", deactivation=justt.Deactivation(after_days=1), opts=O(replace_on_changes=["deactivation.afterDays"]))
make("held", key="rotatedKey", opts=O(ignore_changes=["integration_name", "secretPayload.apiKey"]))
make("frozen", key="rotatedKey", opts=O(ignore_changes=["*"]))
make("versioned", credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("REFERRED")),
    opts=O(ignore_changes=["secretReferences.apiKey.version"]))
make("old")
make("child")

class Ours(justt.PaymentIntegration, module="acme", name="Integration"):
    pass

Ours("typed", external_identifier="typed", integration_name="Shop", source="stripe",
    credentials=justt.credentials.ApiKeyOnly(api_key=secret("stripeKey")))
make("hidden", merchant_account_codes=["code-1"], opts=O(additional_secret_outputs=["status", "goLiveDate"]))
"""
AFTER = """
guarded = make("guarded", opts=O(protect=True))
make("after", opts=O(depends_on=[guarded]))
make("bound", opts=O(deleted_with=guarded))
make("retained", "New", opts=O(retain_on_delete=True))
make("swapped", "New", opts=O(delete_before_replace=True))
make("forced", deactivation=justt.Deactivation(after_days=2), opts=O(replace_on_changes=["deactivation.afterDays"]))
make("held", "New", key="rotatedKey", opts=O(ignore_changes=["integration_name", "secretPayload.apiKey"]))
make("frozen", "New", key="rotatedKey", merchant_account_codes=["new"], opts=O(ignore_changes=["*"]))
make("versioned", credentials=justt.credentials.ApiKeyOnly(api_key=justt.from_env("REFERRED", version=2)),
    opts=O(ignore_changes=["secretReferences.apiKey.version"]))
make("new", identifier="old", opts=O(aliases=[pulumi.Alias(name="old")]))
Shop("shop", lambda shop: make("child", opts=O(parent=shop, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])))
make("typed", opts=O(aliases=[pulumi.Alias(type_="pulumi-python:dynamic/acme:Integration")]))
make("hidden", merchant_account_codes=["code-1"], opts=O(additional_secret_outputs=["status", "goLiveDate"]))
"""


def test_each_option_does_what_it_says(stack: Stack, simulator: SimulatorServer) -> None:
    """A program uses each resource option.

    Creates, changes, the replacement of a protected resource and destroy send exactly the requests that the options ask
    for.
    """
    referred = canary("referred")
    stack.secrets.append(referred)
    stack.environ["REFERRED"] = referred
    stack.provide({"rotatedKey": canary("at-first")})
    first_key = stack.secrets[-1]
    stack.program(HEAD + BEFORE)
    stack.up()
    created = changes(simulator)
    assert len(created) == 13
    assert created.index("POST guarded") < created.index("POST after")
    hidden = stack.resources()["hidden"]["outputs"]
    assert "ciphertext" in hidden["status"]
    assert hidden["merchantAccountCodes"] == ["code-1"]

    stack.provide({"rotatedKey": canary("rotated")})
    ids = {name: resource["id"] for name, resource in stack.resources().items()}
    stack.program(HEAD + AFTER)
    stack.up()
    seen = changes(simulator)
    assert Counter(seen) == Counter(["POST retained", "DELETE swapped", "POST swapped", "POST forced", "DELETE forced"])
    assert seen.index("DELETE swapped") < seen.index("POST swapped")
    assert seen.index("POST forced") < seen.index("DELETE forced")
    recorded = stack.resources()
    assert [recorded[name]["id"] for name in ("held", "frozen", "versioned", "new", "child", "typed")] == [
        ids[name] for name in ("held", "frozen", "versioned", "old", "child", "typed")
    ]
    assert recorded["held"]["inputs"]["integrationName"] == "Shop"
    assert "merchantAccountCodes" not in recorded["frozen"]["inputs"]
    assert recorded["versioned"]["outputs"]["secretReferences"] == {"apiKey": {"fromEnv": "REFERRED", "version": 1}}
    assert "acme:index:Shop$" in recorded["child"]["urn"]

    # A replacement sends the program's inputs, including the ignored credential.
    stack.program(HEAD + AFTER.replace('make("held", "New",', 'make("held", "New", merchant_account_codes=["a"],'))
    stack.up()
    assert changes(simulator) == ["POST held", "DELETE held"]
    digests = [each.payload_digest for each in simulator.records.integrations() if each.external_identifier == "held"]
    assert digests == [payload_digest({"apiKey": key}) for key in (first_key, stack.secrets[-1])]

    stack.program(HEAD + AFTER.replace('make("guarded"', 'make("guarded", "New"'))
    urn = urns(stack)["guarded"]
    text = stack.preview(fails=True).text
    assert f'unable to replace resource "{urn}"\nas it is currently marked for protection' in text
    text = stack.run("destroy", "--preview-only", "--stack", "dev", fails=True).text
    assert f"`pulumi state unprotect '{urn}'`" in text
    assert changes(simulator) == []

    stack.run("state", "unprotect", urn, "--yes", "--stack", "dev")
    stack.destroy()
    seen = changes(simulator)
    # Integrations with retain_on_delete or deleted_with stay unchanged at Justt.
    assert sorted(seen) == sorted(
        f"DELETE {name}"
        for name in (
            "guarded",
            "after",
            "swapped",
            "forced",
            "held",
            "frozen",
            "versioned",
            "old",
            "child",
            "typed",
            "hidden",
        )
    )
    assert seen.index("DELETE after") < seen.index("DELETE guarded")
    left = [each.external_identifier for each in simulator.records.integrations() if each.status == "PENDING"]
    assert sorted(left) == ["bound", "forced", "forced", "retained", "retained"]


@pytest.mark.slow
def test_a_rotation_with_protect_takes_two_steps(stack: Stack, simulator: SimulatorServer) -> None:
    """With `protect`, a rotation is refused. Without it, the same update rotates, and a second one protects again."""
    stack.program(HEAD + 'make("guarded", opts=O(protect=True))')
    stack.up()
    changes(simulator)
    stack.program(HEAD + 'make("guarded", "New", opts=O(protect=True))')
    assert "unable to replace resource" in stack.up(fails=True).text
    assert changes(simulator) == []

    stack.program(HEAD + 'make("guarded", "New")')
    stack.up()
    assert changes(simulator) == ["POST guarded", "DELETE guarded"]
    stack.program(HEAD + 'make("guarded", "New", opts=O(protect=True))')
    stack.up()
    stack.run("destroy", "--preview-only", "--stack", "dev", fails=True)
    assert changes(simulator) == []


def test_transformations_apply_to_every_integration(stack: Stack, simulator: SimulatorServer) -> None:
    """A transformation of either kind reaches every integration, gets the state's names, and keeps secrets secret."""
    stack.program(
        HEAD
        + """
def keep_a_week(args):
    if args.type_ != "pulumi-python:dynamic/justt:PaymentIntegration":
        return None
    week = {"deactivationType": "postingDate", "afterDays": 7}
    return pulumi.ResourceTransformationResult({"deactivation": week, **{
        name: value for name, value in args.props.items() if value is not None}}, args.opts)

def protect(args):
    if args.type_ != "pulumi-python:dynamic/justt:PaymentIntegration":
        return None
    return pulumi.ResourceTransformResult({**args.props, "merchantAccountCodes": ["b", "a"]},
        pulumi.ResourceOptions.merge(args.opts, O(protect=True)))

pulumi.runtime.register_stack_transformation(keep_a_week)
pulumi.runtime.register_resource_transform(protect)
make("plain")
make("own", deactivation=justt.Deactivation(after_days=1))
Shop("shop", lambda shop: make("child", opts=O(parent=shop)))
"""
    )
    stack.up()
    recorded = stack.resources()
    assert {name: each["inputs"]["deactivation"]["afterDays"] for name, each in recorded.items()} == {
        "plain": 7,
        "own": 1,
        "child": 7,
    }
    for each in recorded.values():
        assert each["protect"] is True
        assert each["inputs"]["merchantAccountCodes"] == each["outputs"]["merchantAccountCodes"] == ["a", "b"]
        assert isinstance(each["inputs"]["__provider"], str)
        assert "ciphertext" in each["outputs"]["secretPayload"]["apiKey"]
    assert "5 unchanged" in stack.up("--expect-no-changes").text
    assert Counter(changes(simulator)) == Counter(["POST plain", "POST own", "POST child"])


def test_each_request_has_the_key_and_account_of_its_resource(stack: Stack, simulator: SimulatorServer) -> None:
    """A program uses several accounts with one key, and a second key in its own provider.

    Each request has the key and the account of its resource. With `--run-program`, destroy uses the program's current
    keys.
    """
    stack.provide({"usKey": canary("us-key")})
    first_key, second_key = stack.secrets[0], stack.secrets[-1]
    program = """
us = justt.Provider("us", api_key=secret("usKey"), reference_account_id="acc_us")
make("none")
make("eu", reference_account_id="acc_eu")
make("us", opts=O(provider=us))
Shop("shop", lambda shop: make("child", opts=O(parent=shop)), O(providers=[us]))
"""
    stack.program(HEAD + program)
    stack.up()
    posts = {each.body["externalIdentifier"]: each.account for each in simulator.requests if each.method == "POST"}
    assert posts == {"none": None, "eu": "acc_eu", "us": "acc_us", "child": "acc_us"}
    (provider,) = (r for r in stack.all_resources() if r["urn"].endswith("pulumi:providers:pulumi-python::us"))
    assert provider["inputs"].keys() == {
        "justt:apiKey",
        "justt:baseUrl",
        "justt:provider",
        "justt:referenceAccountId",
    }
    assert all("ciphertext" in provider[part]["justt:apiKey"] for part in ("inputs", "outputs"))

    urn = urns(stack)
    for key, own in ((first_key, ("none", "eu")), (second_key, ("us", "child"))):
        simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset({key}))
        simulator.clear_requests()
        stack.refresh(*(text for name in own for text in ("--target", urn[name])))
        assert [each.status for each in simulator.requests] == [200, 200]
    targets = (text for name in ("none", "us") for text in ("--target", urn[name]))
    warned = stack.refresh(*targets, JUSTT_API_KEY_OVERRIDE=second_key).text
    assert {*re.findall(r"'(\w+)' \([^)]+\): JUSTT_API_KEY_OVERRIDE replaces the API key of the", warned)} == {"us"}

    rotated = [canary("us-rotated"), canary("us-rotated-again"), canary("rotated")]
    simulator.options = dataclasses.replace(simulator.options, api_keys=frozenset(rotated[1:]))
    simulator.clear_requests()
    stack.provide({"usKey": rotated[0]})
    assert "1 updated" in stack.up().text
    stack.program(HEAD + program.replace('make("none")', 'make("none", opts=O(provider=us))'))
    text = stack.preview(fails=True).text
    assert "reference_account_id: this integration was created" in text
    assert "but justt:referenceAccountId is acc_us now" in text
    assert simulator.requests == []
    stack.program(HEAD + program)
    stack.provide({"usKey": rotated[1]})
    stack.config(secret={"justt:apiKey": rotated[2]})
    stack.destroy("--run-program")
    deleted = {each.path: (each.account, each.status) for each in simulator.requests if each.method == "DELETE"}
    assert Counter(deleted.values()) == Counter({(None, 200): 1, ("acc_eu", 200): 1, ("acc_us", 200): 2})


def test_state_commands_change_only_the_state(stack: Stack, simulator: SimulatorServer) -> None:
    """`pulumi state rename`, `taint`, `delete` and `move` send nothing to Justt.

    The next update replaces a tainted resource once, and `--target` reaches only the named resources.
    """
    names = ("renamed", "tainted", "forgotten", "moved", "base")
    whole = HEAD + "".join(f'{name} = make("{name}")\n' for name in names) + 'make("top", opts=O(depends_on=[base]))\n'
    stack.program(whole)
    stack.up()
    # A resource that is tainted, renamed or removed before a command has seen it in the state counts as lost.
    stack.refresh()
    changes(simulator)
    urn = urns(stack)
    on = ("--yes", "--stack", "dev")
    stack.run("state", "rename", urn["renamed"], "other", *on)
    stack.run("state", "taint", urn["tainted"], *on)
    stack.run("state", "delete", urn["forgotten"], *on)
    prod = copy.copy(stack)
    prod.name = "prod"
    prod.run("stack", "init", "prod")
    prod.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("prod-key")})
    prod.run("state", "move", "--source", "dev", "--dest", "prod", urn["moved"], "--yes")
    prod.program(HEAD + 'make("moved")\n')
    assert "2 unchanged" in prod.up("--expect-no-changes").text
    assert changes(simulator) == []

    now = HEAD + 'make("other", identifier="renamed")\nmake("tainted")\nbase = make("base", "New")\n'
    now += 'make("top", "New", opts=O(depends_on=[base]))\n'
    stack.program(now)
    stack.up("--exclude", urn["base"], "--exclude", urn["top"], "--replace", urns(stack)["other"])
    replaced = ["POST tainted", "DELETE tainted", "POST renamed", "DELETE renamed"]
    assert Counter(changes(simulator)) == Counter(replaced)
    stack.up("--target", urn["base"], "--target-replace", urn["top"])
    assert changes(simulator) == ["POST base", "POST top", "DELETE top", "DELETE base"]
    text = stack.destroy("--target", urn["base"], fails=True).text
    assert "top" in text
    stack.destroy("--target", urn["base"], "--target-dependents")
    assert changes(simulator) == ["DELETE top", "DELETE base"]
    assert stack.resources().keys() == {"other", "tainted"}
    live = [each.external_identifier for each in simulator.records.integrations() if each.status == "PENDING"]
    assert sorted(live) == ["forgotten", "moved", "renamed", "tainted"]


def test_plans_and_refresh_options_work(stack: Stack, simulator: SimulatorServer) -> None:
    """With `--plan`, an update with more changes than the plan fails.

    With `--refresh`, a preview and an update show the current status.
    """
    program = HEAD + 'made = make("shop")\npulumi.export("status", made.status)\n'
    plan = str(stack.folder / "user" / "tmp" / "plan.json")
    stack.program(program)
    stack.up()
    stack.provide({"stripeKey": canary("rotated")})
    stack.preview("--save-plan", plan)
    assert changes(simulator) == ["POST shop"]
    stack.program(program.replace('make("shop")', 'make("shop", "Other")'))
    text = stack.up("--plan", plan, fails=True).text
    assert "violates plan" in text
    assert "integrationName" in text
    assert changes(simulator) == []
    stack.program(program)
    stack.up("--plan", plan)
    assert changes(simulator) == ["POST shop", "DELETE shop"]

    simulator.records.set_status(stack.resources()["shop"]["id"], "FAILED")
    for command in (stack.preview, stack.up):
        text = command("--refresh").text
        assert '~ status            : "PENDING" => "FAILED"' in text
        assert "is FAILED now, was PENDING" in text
        assert '~ status: "PENDING" => "FAILED"' in text
    simulator.records.set_status(stack.resources()["shop"]["id"], "INACTIVE")
    refreshed = stack.run("refresh", "--preview-only", "--expect-no-changes", "--stack", "dev", fails=True)
    assert "is INACTIVE at Justt, which is final" in refreshed.text
    assert changes(simulator) == []
    assert "+ 1 created" in stack.up("--refresh").text
    assert changes(simulator) == ["POST shop"]


def test_another_stack_can_read_the_outputs(stack: Stack, simulator: SimulatorServer) -> None:
    """Another stack reads the id and the status by a stack reference, and looks up the integration by this id.

    A secret output stays secret.
    """
    stack.program(
        HEAD
        + """
made = make("shop")
pulumi.export("id", made.integration_id)
pulumi.export("status", made.status)
pulumi.export("key", made.credentials.apply(lambda credentials: credentials.api_key))
"""
    )
    stack.up()
    changes(simulator)
    reports = copy.copy(stack)
    reports.name = "reports"
    reports.run("stack", "init", "reports")
    reports.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("reports-key")})
    reports.program("""
        other = pulumi.StackReference("organization/shop/dev")
        seen = justt.PaymentIntegration.get("seen", other.get_output("id"))
        pulumi.export("recorded", other.get_output("status"))
        pulumi.export("now", seen.status)
        pulumi.export("key", other.get_output("key"))
    """)
    simulator.records.set_status(stack.resources()["shop"]["id"], "SUCCESSFUL")
    reports.up()
    assert reports.outputs() == {"recorded": "PENDING", "now": "SUCCESSFUL", "key": "[secret]"}
    reports.destroy()
    assert changes(simulator) == []
