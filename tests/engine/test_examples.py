"""Each example on the real engine, copied unchanged and set up as its README says."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pulumi
import pytest

import install
import languages
from pulumi_justt.cli.summary import preview
from pulumi_justt.cli.summary.comment import markdown
from pulumi_justt.simulator import SimulatorServer, payload_digest
from pulumi_justt.simulator.faults import Fault
from pulumi_justt.simulator.rules import NewIntegration
from support import plugin
from support.checkout import ROOT
from support.harness import Stack
from support.secret_scanner import canary

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/Pulumi.yaml"))
RUNTIMES = {"yaml": "yaml", "typescript": "nodejs"}
"""The examples in other languages than Python. They need the plugin."""

_CONFIG_SET = re.compile(
    r"^\$ pulumi config set (?P<secret>--secret )?(?:--path )?(?P<key>\S+)(?: (?P<value>\S+))?$", re.MULTILINE
)
_OTHER_COMMANDS = re.compile(
    r"(venv/bin/)?pip install -r requirements\.txt|python3 -m venv venv|npm ci --install-links|"
    r"pulumi (stack init \w+|config rm \w+|up)"
)
_SCREEN = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"^\$ read -rs (\w+) ", re.MULTILINE)

Copy = Callable[..., "Example"]


class Example:
    """A copy of an example, with the configuration in its README.

    Attributes:
        readme: The text of its README.
        stack: The stack of the copy.
        values: The generated secret of each key and of each variable.
    """

    def __init__(self, name: str, stack: Stack) -> None:
        self.readme = (EXAMPLES / name / "README.md").read_text()
        self.stack = stack
        self.values: dict[str, str] = {}

    def configure(self, **given: str) -> None:
        """Set the README's configuration: generated secrets, and for the rest *given* or the README's own values."""
        arguments = []
        for each in _CONFIG_SET.finditer(self.readme):
            if each["secret"]:
                # A merchant code with the prefix of a secret key would be rejected.
                prefix = "" if each["key"].endswith("Code") else "rk_test_"
                self.values[each["key"]] = f"{prefix}{canary('example')}"
                arguments += ["--secret", f"{each['key']}={self.values[each['key']]}"]
            else:
                arguments += ["--plaintext", f"{each['key']}={given.get(each['key'], each['value'])}"]
        self.stack.secrets += self.values.values()
        self.stack.run("config", "set-all", "--path", "--stack", self.stack.name, *arguments)
        for variable in _VARIABLE.findall(self.readme):
            self.values[variable] = self.stack.environ[variable] = canary("variable")
            self.stack.secrets.append(self.values[variable])

    def install_packages(self, sdks: Path, npm_cache: Path) -> None:
        """Run the README's command of npm, with packages that were downloaded before."""
        (self.stack.folder.parent / "sdks").symlink_to(sdks)
        for command in re.findall(r"^\$ (npm .*)$", self.readme, re.MULTILINE):
            more = {"npm_config_offline": "true", "npm_config_cache": str(npm_cache)}
            subprocess.run(command.split(), cwd=self.stack.project, env=self.stack.prepare_command(more), check=True)

    def rotate(self, key: str) -> None:
        """Set a new secret for a key of the configuration."""
        self.values[key] = f"rk_test_{canary('rotated')}"
        self.stack.config(secret={key: self.values[key]})

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file of the copy."""
        path = self.stack.project / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def up(self, **variables: str) -> None:
        """Run `pulumi up` with its usual display."""
        arguments = ("up", "--yes", "--skip-preview", "--stack", self.stack.name)
        self.stack.run(*arguments, fails=False, **variables)

    def steps(self, **variables: str) -> dict[str, dict[str, Any]]:
        """Run a preview, and return the step of each integration and each wait by name. A summary names all changes."""
        arguments = ("preview", "--json", "--stack", self.stack.name)
        shown = self.stack.run(*arguments, fails=False, **variables).stdout
        steps = {
            step["urn"].rpartition("::")[2]: step
            for step in json.loads(shown)["steps"]
            if "pulumi-python:dynamic/justt:" in step["urn"] or "::justt:index:" in step["urn"]
        }
        comment = markdown(preview.read(shown))
        self.stack.keep(comment.encode())
        assert [name for name, step in steps.items() if step["op"] != "same" and f"`{name}`" not in comment] == []
        return steps

    def assert_seen(self) -> None:
        """Assert that the commands have printed the output in the README, where a line of dots stands for any lines."""
        printed = _normalized(self.stack.printed)
        for screen in _SCREEN.findall(self.readme):
            for part in screen.split("...\n"):
                assert _normalized(part) in printed


def _normalized(text: str) -> str:
    """Return *text* without parts that vary between runs, and without line breaks."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    return " ".join(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<date>", text).split())


@pytest.fixture
def copied(
    tmp_path: Path, engine_bin: Path, simulator: SimulatorServer, request: pytest.FixtureRequest
) -> Iterator[Copy]:
    """Return a function that copies an example; afterwards, check that no secret leaked from the copy."""
    made: list[Example] = []

    def copy(name: str, stack: str = "dev", **given: str) -> Example:
        hosts = request.getfixturevalue("language_hosts") / "bin" if name in RUNTIMES else engine_bin
        example = Example(
            name, Stack(tmp_path / name if name in RUNTIMES else tmp_path, hosts, stack, source=EXAMPLES / name)
        )
        example.stack.environ["JUSTT_BASE_URL"] = simulator.base_url
        example.configure(**given)
        made.append(example)
        return example

    yield copy
    for example in made:
        example.stack.end_processes()
        example.stack.assert_no_leak(repr(simulator.requests).encode())


def sent(simulator: SimulatorServer) -> list[str]:
    """Return the methods of the requests that change something, and clear all requests."""
    methods = [exchange.method for exchange in simulator.requests if exchange.method != "GET"]
    simulator.clear_requests()
    return methods


def stops_in_days(simulator: SimulatorServer) -> int:
    """Return the days from now until the date of the last deactivation."""
    asked = datetime.strptime(str(simulator.requests[-1].body["deactivationDate"]), "%Y-%m-%dT%H:%M:%S%z")
    return round((asked - datetime.now(timezone.utc)) / timedelta(days=1))


def statuses(simulator: SimulatorServer) -> dict[str, str]:
    """Return the status of each integration at Justt."""
    return {record.id: record.status for record in simulator.records.integrations()}


def ids(stack: Stack) -> dict[str, str]:
    """Return the ids of the integrations in the state."""
    return {name: resource["id"] for name, resource in stack.resources().items()}


def test_the_index_lists_all_examples() -> None:
    """The index of the examples has one line for each folder.

    Each program is a Pulumi project, and its README is short and has only commands that a test runs.
    """
    index = (EXAMPLES / "README.md").read_text()
    folders = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
    assert sorted(re.findall(r"^\| \[(\w+)\]\((\w+)\) \|", index, re.MULTILINE)) == [(name, name) for name in folders]
    for name in NAMES:
        folder = EXAMPLES / name
        assert f"name: justt-{name}\n" in (folder / "Pulumi.yaml").read_text()
        assert f"runtime: {RUNTIMES.get(name, 'python')}\n" in (folder / "Pulumi.yaml").read_text()
        assert install.REQUIREMENT in (folder / "requirements.txt").read_text().splitlines()
        lines = (folder / "README.md").read_text().splitlines()
        assert lines[0].startswith(f"# {name}: ")
        assert len(lines) <= 40
        commands = [line for line in lines if line.startswith("$ ")]
        known = (_CONFIG_SET.match, _VARIABLE.match, lambda line: _OTHER_COMMANDS.fullmatch(line[2:]))
        assert [line for line in commands if not any(knows(line) for knows in known)] == []


def test_quickstart(copied: Copy, simulator: SimulatorServer) -> None:
    """The first `up` creates three integrations with the configured credentials. A second `up` sends nothing."""
    example = copied("quickstart")
    steps = example.steps()
    assert [steps[name]["op"] for name in ("stripe-eu", "adyen-eu", "braintree-us")] == ["create"] * 3
    assert simulator.requests == []
    example.up()
    assert sent(simulator) == ["POST"] * 3
    value = example.values
    assert {record.source: record.payload_digest for record in simulator.records.integrations()} == {
        "stripe": payload_digest({"apiKey": value["stripeRestrictedKey"]}),
        "adyen": payload_digest(
            {
                "apiKey": value["adyen.apiKey"],
                "hmac": value["adyen.hmac"],
                "merchantCode": value["adyen.merchantCode"],
            }
        ),
        "braintree": payload_digest({"secretKey": value["braintreeSecretKey"], "publicKey": "my_public_key"}),
    }
    assert "4 unchanged" in example.stack.up("--expect-no-changes").text
    assert simulator.requests == []
    example.assert_seen()


@pytest.mark.slow
def test_stripe(copied: Copy, simulator: SimulatorServer) -> None:
    """The preview refuses an unrestricted key.

    The update sends a restricted key, and a preview of a new key shows the output in the README.
    """
    example = copied("stripe")
    full = f"sk_live_{canary('full')}"
    example.stack.config(secret={"stripeRestrictedKey": full})
    text = example.stack.preview(fails=True).text
    assert "stripeRestrictedKey is no restricted key (rk_live_..., rk_test_...)" in text
    assert "Traceback" not in text

    example.rotate("stripeRestrictedKey")
    assert example.steps()["stripe"]["op"] == "create"
    assert simulator.requests == []
    example.up()
    (record,) = simulator.records.integrations()
    assert record.payload_digest == payload_digest({"apiKey": example.values["stripeRestrictedKey"]})

    example.rotate("stripeRestrictedKey")
    example.stack.preview()
    example.assert_seen()


class TestFleet:
    """One loop over a file of merchants."""

    @pytest.mark.slow
    def test_a_merchant_touches_only_its_own_integration(self, copied: Copy, simulator: SimulatorServer) -> None:
        """Each integration is created in its merchant's account.

        If the user adds or removes a merchant, the other integrations keep their ids.
        """
        example = copied("fleet")
        stack = example.stack
        assert {step["op"] for step in example.steps(HARBOUR_CAFE_BRAINTREE_SECRET="").values()} == {"create"}
        example.up()
        value = example.values
        assert {
            record.external_identifier: (record.account, record.merchant_account_codes, record.payload_digest)
            for record in simulator.records.integrations()
        } == {
            "nordic-shoes-stripe": (
                "acc_1001",
                ("acct_1", "acct_2"),
                payload_digest({"apiKey": value["nordic-shoes-stripe.apiKey"]}),
            ),
            "nordic-shoes-adyen": (
                "acc_1001",
                None,
                payload_digest(
                    {
                        "apiKey": value["nordic-shoes-adyen.apiKey"],
                        "hmac": value["nordic-shoes-adyen.hmac"],
                    }
                ),
            ),
            "harbour-cafe-braintree": (
                "acc_1002",
                None,
                payload_digest({"secretKey": value["HARBOUR_CAFE_BRAINTREE_SECRET"]}),
            ),
        }
        assert sent(simulator) == ["POST"] * 3
        before = ids(stack)

        merchants = stack.project / "merchants.yaml"
        first = merchants.read_text()
        more = "- {merchant: alpine-skis, account: acc_1003, psps: [{source: stripe, variables: {api_key: ALPINE}}]}\n"
        merchants.write_text(more + first)
        stack.secrets.append(canary("alpine"))
        example.up(ALPINE=stack.secrets[-1])
        assert sent(simulator) == ["POST"]
        after = ids(stack)
        assert after == {**before, "alpine-skis-stripe": after["alpine-skis-stripe"]}

        merchants.write_text(first)
        example.edit("merchants.yaml", "version: 1", "version: 2")
        steps = example.steps()
        assert {name: step["op"] for name, step in steps.items() if step["op"] != "same"} == {
            "alpine-skis-stripe": "delete",
            "harbour-cafe-braintree": "replace",
        }
        merchants.write_text(first)
        example.up()
        assert sent(simulator) == ["DELETE"]
        assert ids(stack) == before

        example.edit("merchants.yaml", "source: braintree", "source: braintre")
        example.edit("merchants.yaml", "account: acc_1001", "acount: acc_1001")
        assert "Traceback" not in stack.preview(fails=True).text
        assert simulator.requests == []
        example.assert_seen()

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", ["the file: Input should be a valid list"]),
            ("merchants: [", ["merchants.yaml, line 1: "]),
            ("- a\n- b", ["entry 1: Input should be", "entry 2: Input should be"]),
            (
                "- {merchant: a, account: 1, psps: [{source: stripe}]}\n- {merchant: b, psps: []}",
                [
                    "entry 1 (a), account: Input should be a valid string",
                    "entry 2 (b), account: Field required",
                    "entry 2 (b), psps: List should have at least 1 item",
                ],
            ),
            (
                "- {merchant: a, account: x, psps: [{source: stripe}, {source: strip, code: [b]}]}",
                [
                    "entry 1 (a), psps, entry 2, source: Input should be 'stripe', 'adyen' or 'braintree'",
                    "entry 1 (a), psps, entry 2, code: Extra inputs are not permitted",
                ],
            ),
            ("- {account: x, psps: [{source: stripe}]}", ["entry 1 (no name), merchant: Field required"]),
            (
                "- {merchant: A B, account: x, psps: [{source: stripe}]}",
                ["entry 1 (A B), merchant: String should match pattern"],
            ),
            (
                "- {merchant: a, account: x, psps: [{source: adyen, variables: {apiKey: A}}]}",
                [("psps, entry 1: variables must name api_key, hmac, and may name account_code, merchant_code")],
            ),
            (
                "- {merchant: a, account: x, psps: [{source: stripe, version: 2}]}",
                ["entry 1 (a), psps, entry 1: version is only for variables"],
            ),
            ("- merchant: a\n  account: x\n  account: y", ["merchants.yaml, line 3: duplicate key 'account'"]),
            (
                "- {merchant: a, account: x, psps: [{source: stripe}, {source: stripe}]}",
                ["entry 1 (a): the name 'a-stripe' is already used by entry 1 (a); give one of them a label"],
            ),
            (
                (
                    "- {merchant: a-b, account: x, psps: [{source: stripe, label: c}]}\n"
                    "- {merchant: a, account: y, psps: [{source: stripe, label: b-c}]}"
                ),
                ["entry 2 (a): the name 'a-b-c' is already used by entry 1 (a-b)"],
            ),
        ],
    )
    @pytest.mark.daily(2)
    def test_mistakes_are_reported_by_entry(
        self, text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error of an invalid file of merchants names all mistakes at once, by entry and merchant."""
        monkeypatch.syspath_prepend(EXAMPLES / "fleet")
        (tmp_path / "merchants.yaml").write_text(text)
        with pytest.raises(pulumi.RunError) as refused:
            importlib.import_module("merchants").load(tmp_path / "merchants.yaml")
        assert all(each in str(refused.value) for each in expected)


@pytest.mark.slow
def test_rotation(copied: Copy, simulator: SimulatorServer) -> None:
    """During a rotation, a new integration that fails leaves the old one active.

    Once a new integration works, the update deactivates the old one with a date a week later.
    """
    example = copied("rotation")
    stack = example.stack
    first_read_as = functools.partial(Fault, "GET", "/integrations/{id}", "becomes", times=1)
    simulator.add_fault(first_read_as("SUCCESSFUL"))
    example.up()
    old = ids(stack)["stripe"]
    assert sent(simulator) == ["POST"]

    example.rotate("stripeRestrictedKey")
    simulator.add_fault(first_read_as("FAILED"))
    steps = example.steps()
    assert {name: steps[name]["op"] for name in ("stripe", "stripe-ready")} == {
        "stripe": "replace",
        "stripe-ready": "replace",
    }
    text = stack.up(fails=True).text
    failed = next(each["id"] for each in stack.recorded() if each["id"] not in (old, ""))
    assert f"({failed})" in text
    assert sent(simulator) == ["POST"]
    assert statuses(simulator) == {old: "SUCCESSFUL", failed: "FAILED"}

    example.rotate("stripeRestrictedKey")
    simulator.add_fault(first_read_as("SUCCESSFUL", skip=1))
    example.up()
    new = ids(stack)["stripe"]
    changes = [(each.method, each.path.rpartition("/")[2]) for each in simulator.requests]
    proved = max(number for number, change in enumerate(changes) if change == ("GET", new))
    deletions = [number for number, (method, _) in enumerate(changes) if method == "DELETE"]
    assert {changes[number][1] for number in deletions} == {old, failed}
    assert changes.index(("POST", "integrations")) < proved < min(deletions)
    assert stops_in_days(simulator) == 7
    assert statuses(simulator) == {old: "SUCCESSFUL", failed: "FAILED", new: "SUCCESSFUL"}
    assert simulator.records.integrations()[-1].payload_digest == payload_digest(
        {"apiKey": example.values["stripeRestrictedKey"]}
    )
    example.assert_seen()


@pytest.mark.slow
def test_environments(copied: Copy, simulator: SimulatorServer) -> None:
    """Each stack of the program uses the settings and the environment of its own configuration.

    Requests can reach only the simulator here. test_config.py tests the address of each environment.
    """
    example = copied("environments", "sandbox")
    stack = example.stack

    def inputs() -> tuple[str, ...]:
        found = example.steps(JUSTT_BASE_URL="")["stripe"]["newState"]["inputs"]
        return found["environment"], found["externalIdentifier"], *found["merchantAccountCodes"]

    assert inputs() == ("sandbox", "shop-sandbox", "acct_test")
    stack.run("stack", "init", "production")
    stack.name = "production"
    example.configure()
    assert inputs() == ("production", "shop-production", "acct_eu", "acct_us")
    assert simulator.requests == []

    # An address on this machine is a simulator, so no other environment can be set.
    stack.run("config", "rm", "justt:environment", "--stack", "production")
    example.up()
    (record,) = simulator.records.integrations()
    assert (record.external_identifier, record.merchant_account_codes) == ("shop-production", ("acct_eu", "acct_us"))
    assert record.payload_digest == payload_digest({"apiKey": example.values["stripeRestrictedKey"]})
    assert stack.outputs()["environment"] == "simulator"
    example.assert_seen()


@pytest.mark.slow
def test_adopt(copied: Copy, simulator: SimulatorServer) -> None:
    """`up` adopts an existing integration without a change at Justt, and destroy releases it.

    Once adopt_id is removed, the stack owns the integration, and destroy deactivates it.
    """
    new = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    theirs = simulator.records.add_integration(new, None)
    example = copied("adopt", adoptId=theirs)
    stack = example.stack
    assert example.steps()["stripe"]["op"] == "create"
    assert simulator.requests == []
    example.up()
    assert ids(stack) == {"stripe": theirs}
    assert "so it is released and stays as it is at Justt" in stack.destroy().text
    example.up()
    assert sent(simulator) == []

    stack.run("config", "rm", "adoptId", "--stack", stack.name)
    assert example.steps()["stripe"]["op"] == "update"
    example.up()
    assert simulator.requests == []
    stack.destroy()
    assert sent(simulator) == ["DELETE"]
    assert [record.status for record in simulator.records.integrations()] == ["INACTIVE"]
    example.assert_seen()


@pytest.mark.slow
def test_component(copied: Copy, simulator: SimulatorServer) -> None:
    """The component's names and its deactivation date reach Justt.

    Destroy is refused until the program turns off the deletion protection, and no secret becomes plain text.
    """
    example = copied("component", "production")
    stack = example.stack
    simulator.options = dataclasses.replace(simulator.options, successful_after=0.0)
    assert example.steps()["shoes"]["op"] == "create"
    example.up()
    assert sorted((each.external_identifier, each.integration_name) for each in simulator.records.integrations()) == [
        ("acme-cafe-adyen-us-production", "Acme Cafe, adyen, US (production)"),
        ("acme-shoes-stripe-eu-production", "Acme Shoes, stripe, EU (production)"),
    ]
    recorded = stack.resources()
    for name, each in recorded.items():
        assert each["parent"].endswith(f"::acme:payments:Integration::{name.removesuffix('-ready')}")
    for name in ("shoes", "cafe"):
        assert recorded[name]["outputs"]["deletionProtection"] is True
        assert recorded[name]["outputs"]["deactivation"] == {"deactivationType": "postingDate", "afterDays": 7}
    expected = {f"{name}Id": recorded[name]["id"] for name in ("shoes", "cafe")}
    assert stack.outputs() == {**expected, "shoesStatus": "SUCCESSFUL", "cafeStatus": "SUCCESSFUL"}
    components = [each for each in stack.all_resources() if each["type"] == "acme:payments:Integration"]
    assert {each["outputs"]["integrationId"] for each in components} == {*expected.values()}
    sent(simulator)

    example.rotate("shoesStripeKey")
    example.up()
    assert stops_in_days(simulator) == 7
    assert sent(simulator) == ["POST", "DELETE"]
    assert "it has deletion_protection=True" in stack.destroy(fails=True).text
    assert sent(simulator) == []
    for brand in ("shoes", "cafe"):
        example.edit("__main__.py", f'brand="{brand}",', f'brand="{brand}",\n        deletion_protection=False,')
    example.up()
    stack.destroy()
    assert sent(simulator) == ["DELETE", "DELETE"]
    example.assert_seen()


def _run_other_language(example: Example, simulator: SimulatorServer) -> None:
    """Create, rotate and destroy the integrations of an example that uses the plugin.

    A rotation has no gap. Nothing is sent if nothing changed, no warning is shown, and no credential is in plain text.
    """
    simulator.options = dataclasses.replace(simulator.options, successful_after=0.0)
    stack = example.stack
    assert {name: step["op"] for name, step in example.steps().items()} == {
        "stripe": "create",
        "stripe-ready": "create",
        "adyen": "create",
    }
    assert simulator.requests == []
    example.up()
    value = example.values
    assert {record.source: record.payload_digest for record in simulator.records.integrations()} == {
        "stripe": payload_digest({"apiKey": value["stripeRestrictedKey"]}),
        "adyen": payload_digest(
            {"apiKey": value["adyenApiKey"], "hmac": value["adyenHmac"], "merchantCode": "ExampleMerchantEU"}
        ),
    }
    assert sent(simulator) == ["POST"] * 2
    assert "4 unchanged" in stack.up("--expect-no-changes").text
    assert simulator.requests == []

    old = stack.outputs()["stripeId"]
    example.rotate("stripeRestrictedKey")
    assert {name: step["op"] for name, step in example.steps().items() if step["op"] != "same"} == {
        "stripe": "replace",
        "stripe-ready": "replace",
    }
    example.up()
    new = stack.outputs()["stripeId"]
    changes = [(each.method, each.path.rpartition("/")[2]) for each in simulator.requests]
    assert changes.index(("POST", "integrations")) < changes.index(("GET", new)) < changes.index(("DELETE", old))
    assert stops_in_days(simulator) == 7
    assert sent(simulator) == ["POST", "DELETE"]

    stack.destroy()
    assert sent(simulator) == ["DELETE", "DELETE"]
    assert "warning" not in stack.printed
    example.assert_seen()


@pytest.mark.slow
def test_yaml(copied: Copy, simulator: SimulatorServer) -> None:
    """A project in YAML creates, rotates and destroys integrations, with the plugin of its `venv`."""
    example = copied("yaml")
    plugin.install(example.stack.project / "venv" / "bin")
    _run_other_language(example, simulator)


@pytest.mark.slow
def test_typescript(copied: Copy, simulator: SimulatorServer, generated_sdks: Path, language_hosts: Path) -> None:
    """A TypeScript program does the same with the generated SDK, and the compiler refuses a misspelled property."""
    example = copied("typescript")
    plugin.install(example.stack.project / "venv" / "bin")
    example.install_packages(generated_sdks, language_hosts / languages.NPM_CACHE)
    _run_other_language(example, simulator)
    example.edit("index.ts", 'integrationName: "Stripe"', 'integrationNam: "Stripe"')
    assert "'integrationNam' does not exist in type" in example.stack.preview(fails=True).text
    assert simulator.requests == []


def test_the_typescript_example_has_the_tests_packages() -> None:
    """The example locks the same packages as the tests, so that `npm ci` finds each one in their cache."""

    def locked(folder: str) -> dict[str, str]:
        packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
        assert {each.get("resolved") for each in packages.values()} <= {None, "file:../../sdks/nodejs/bin"}
        return {name: each["integrity"] for name, each in packages.items() if "integrity" in each}

    pinned = locked("tools/engine/language-nodejs")
    assert pinned
    assert locked("examples/typescript") == pinned
