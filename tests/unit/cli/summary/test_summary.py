"""The comment for a pull request: its texts, and what it never contains, whatever the input."""

from __future__ import annotations

import json
import os
import re
import string
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_justt.cli.app import main
from pulumi_justt.cli.summary import preview
from pulumi_justt.cli.summary.comment import LIMIT, markdown
from pulumi_justt.cli.summary.steps import Resource
from pulumi_justt.simulator import SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support.checkout import ROOT
from support.golden_previews import UPDATE, masked
from support.harness import Stack
from support.secret_scanner import canary

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
INTEGRATION = "pulumi-python:dynamic/justt:PaymentIntegration"
READY = "pulumi-python:dynamic/justt:IntegrationReady"
ENVELOPE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"in-clear"'}
HIDDEN = "[secret]"
GIVEN = {
    "environment": "production",
    "externalIdentifier": "shop",
    "integrationName": "Shop",
    "secretPayload": {"apiKey": HIDDEN},
    "secretType": "APIKEY_ONLY",
    "source": "stripe",
}
RECORDED = {**GIVEN, "status": "SUCCESSFUL"}


def state(inputs: Mapping[str, Any], **more: object) -> dict[str, Any]:
    """Return a resource as in the preview's JSON, with the inputs as outputs too.

    Unlike the real JSON, it has an id before a create.
    """
    return {"id": "id-1", "inputs": inputs, "outputs": inputs, **more}


def step(operation: str, kind: str = INTEGRATION, name: str = "shop", **more: object) -> dict[str, Any]:
    """Return one step, as in the JSON of `pulumi preview`."""
    return {"op": operation, "urn": f"urn:pulumi:dev::shop::{kind}::{name}", "detailedDiff": None, **more}


def changed(
    operation: str,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    *paths: str,
    kind: str = INTEGRATION,
    **recorded: object,
) -> dict[str, Any]:
    """Return a step in which *paths* differ between the old and the new inputs."""
    detail = {path: {"kind": "update", "inputDiff": True} for path in paths}
    return step(operation, kind, oldState=state(olds, **recorded), newState=state(news), detailedDiff=detail)


def render(text: str | bytes, *, title: str | None = None, now: datetime | None = None) -> str:
    """Return the comment for the output of `pulumi preview --json`."""
    return markdown(preview.read(text, now=now), title=title)


def read(*steps: Mapping[str, Any], **more: object) -> preview.Preview:
    """Parse the JSON of a preview with these steps."""
    return preview.read(json.dumps({"steps": steps, "duration": 1, **more}), now=NOW)


def only(*steps: Mapping[str, Any]) -> Resource:
    """Parse the JSON of a preview with one resource, and return this resource."""
    (resource,) = read(*steps).resources
    return resource


def fields(found: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Return the changed fields of the only resource in a preview of these steps."""
    return [(change.path, change.old, change.new) for change in only(found).changes]


# Moves between the dynamic resource and the plugin

PLUGIN = "justt:index:PaymentIntegration"


def moved(old: str, new: str, *, name: str = "shop", identifier: str = "shop") -> preview.Preview:
    """Parse a preview that deletes an integration of one type and creates one of another type."""
    return read(
        step("delete", old, oldState=state(RECORDED)),
        step("create", new, name=name, newState=state({**GIVEN, "externalIdentifier": identifier})),
    )


@pytest.mark.parametrize(("old", "new"), [(INTEGRATION, PLUGIN), (PLUGIN, INTEGRATION)])
def test_a_move_without_an_alias_is_a_warning(old: str, new: str) -> None:
    """If an integration changes its type without an alias, a warning names the alias that keeps it."""
    (warning,) = moved(old, new).diagnostics

    assert (warning.severity, warning.resource) == ("warning", "shop")
    assert f"from {old} to {new} without an alias" in warning.message
    assert f'aliases=[pulumi.Alias(type_="{old}")]' in warning.message
    assert f'Alias(type_="{old}")' in markdown(moved(old, new))


def test_the_alias_of_a_renamed_move_has_the_former_name() -> None:
    """If the move also renames the resource, the alias in the warning has the former name."""
    (warning,) = moved(INTEGRATION, PLUGIN, name="store").diagnostics

    assert warning.resource == "store"
    assert f'aliases=[pulumi.Alias(name="shop", type_="{INTEGRATION}")]' in warning.message


def test_other_deletes_and_creates_are_no_moves() -> None:
    """Another identifier, the same type, or an unknown identifier gives no warning."""
    assert moved(INTEGRATION, PLUGIN, identifier="another").diagnostics == ()
    assert moved(PLUGIN, PLUGIN).diagnostics == ()
    assert read(step("delete", INTEGRATION, oldState=state({})), step("create", PLUGIN)).diagnostics == ()


# Explanations


@pytest.mark.parametrize(
    ("deactivation", "ends"),
    [
        (None, "stops at once"),
        ({"afterDays": 0}, "stops at once"),
        ({"afterDays": 1}, "stops 1 day after the update"),
        ({"afterDays": 7.0}, "stops 7 days after the update"),
        ({"deactivationDate": "2027-01-31T00:00:00Z"}, "stops on 2027-01-31"),
        ({"deactivationDate": "2027-01-31T08:30:00Z"}, "stops on 2027-01-31 08:30:00 UTC"),
        ({"deactivationDate": "2026-01-31T00:00:00Z"}, "stops at once, as its recorded date 2026-01-31 has passed"),
        ({"deactivationType": "dueDate", "afterDays": 7}, "stops 7 days after the update, by the due date of a charge"),
        ({"deactivationDate": "some day"}, "stops on its recorded date"),
        ({"afterDays": "soon"}, "stops as its recorded deactivation says"),
        (HIDDEN, "stops as its recorded deactivation says"),
    ],
)
def test_the_recorded_deactivation_is_shown(deactivation: object, ends: str) -> None:
    """For a delete and a replacement, the pull-request comment says when the old integration stops.

    The time comes from the deactivation in the state, not from the program's.
    """
    olds = RECORDED if deactivation is None else {**RECORDED, "deactivation": deactivation}
    news = {**GIVEN, "deactivation": {"afterDays": 99}}
    (removal,) = only(step("delete", oldState=state(olds))).explanations
    (replacement,) = only(changed("replace", olds, news, "integrationName")).explanations
    assert removal.startswith(f"it {ends}")
    assert replacement.startswith(f"a new integration is created; the old one {ends}")


@pytest.mark.parametrize(
    ("found", "means"),
    [
        (step("create", newState=state(GIVEN)), ["a new integration is created"]),
        (
            step("create", newState=state({**GIVEN, "adoptId": "id-1"})),
            ["an existing integration is adopted; nothing is created"],
        ),
        (
            step(
                "create", newState=state({**GIVEN, "secretReferences": {"apiKey": {"fromEnv": "A_KEY", "version": 1}}})
            ),
            [
                "a new integration is created",
                "the variables or files of its references must exist when `pulumi up` runs",
            ],
        ),
        (
            step("delete", oldState=state({**RECORDED, "adoptId": "id-1"})),
            ["it was adopted, so it is released and stays as it is at Justt"],
        ),
        (step("delete", oldState=state({**RECORDED, "adoptId": "id-0"})), ["it stops at once"]),
        (
            step("delete", oldState=state({**RECORDED, "deletionProtection": True})),
            ["`pulumi up` refuses it (`deletion_protection`): set that to False and run `pulumi up` first"],
        ),
        (
            step("delete", oldState=state({**RECORDED, "deletionProtection": True}, retainOnDelete=True)),
            ["it stays as it is at Justt, and this stack forgets it (`retain_on_delete`)"],
        ),
        (
            changed("replace", {**RECORDED, "deletionProtection": True}, GIVEN, "source"),
            ["a new integration is created; the old one stops at once"],
        ),
        (
            step("delete-replaced", oldState=state(RECORDED)),
            ["left over from an earlier replacement: it stops at once"],
        ),
        (
            step("delete", oldState=state(RECORDED, retainOnDelete=True)),
            ["it stays as it is at Justt, and this stack forgets it (`retain_on_delete`)"],
        ),
        (
            changed("replace", RECORDED, GIVEN, "source", pendingReplacement=True),
            ["the old one stops at once; then a new integration is created"],
        ),
        (
            changed("replace", RECORDED, GIVEN),
            [
                "a new integration is created; the old one stops at once",
                "no argument changes: `--replace` or a resource option causes the replacement",
            ],
        ),
        (
            changed("update", RECORDED, {**GIVEN, "deactivation": {"afterDays": 7}}, "deactivation"),
            [
                "only the state changes; nothing is sent",
                "the deactivation applies from the next delete or replacement on",
            ],
        ),
        (
            changed("update", {**RECORDED, "adoptId": "id-1"}, GIVEN, "adoptId"),
            [
                "only the state changes; nothing is sent",
                "this stack owns it from now on: a delete or replacement stops it",
            ],
        ),
        (
            changed("update", RECORDED, {**GIVEN, "adoptId": "id-1"}, "adoptId"),
            ["only the state changes; nothing is sent", "adopted: a delete releases it and does not stop it"],
        ),
        (changed("update", RECORDED, GIVEN, "allowUnlisted"), ["only the state changes; nothing is sent"]),
        (
            changed("update", RECORDED, {**GIVEN, "deletionProtection": True}, "deletionProtection"),
            ["only the state changes; nothing is sent", "a delete is refused from now on"],
        ),
        (
            changed("update", {**RECORDED, "deletionProtection": True}, GIVEN, "deletionProtection"),
            ["only the state changes; nothing is sent", "a delete is possible from now on"],
        ),
        (
            changed("update", RECORDED, GIVEN, "status"),
            ["the state gets the current values from Justt; nothing is sent"],
        ),
        (step("read", newState=state({})), ["read only: this stack does not manage it"]),
        (step("discard"), []),
        (
            step("create", READY, newState=state({"timeoutSeconds": 60})),
            ["waits up to 60 s until the integration is SUCCESSFUL, and fails if it is FAILED or INACTIVE"],
        ),
        (
            step("create", READY, newState=state({})),
            ["waits up to 300 s until the integration is SUCCESSFUL, and fails if it is FAILED or INACTIVE"],
        ),
        (
            step("replace", READY, newState=state({"timeoutSeconds": HIDDEN})),
            ["waits until the integration is SUCCESSFUL, and fails if it is FAILED or INACTIVE"],
        ),
        (
            changed("update", {}, {}, "timeoutSeconds", kind=READY),
            ["only the state changes; nothing waits, and nothing is sent"],
        ),
        (step("delete", READY, oldState=state({})), ["only the state changes; nothing is sent"]),
        (step("delete", "aws:s3:Bucket", oldState=state(RECORDED)), []),
    ],
)
def test_a_change_of_our_resources_is_explained(found: Mapping[str, Any], means: list[str]) -> None:
    """The pull-request comment explains what a change of this provider's resource means at Justt.

    The comment doesn't explain changes of another provider's resources.
    """
    assert list(only(found).explanations) == means


def test_a_refresh_explains_what_is_gone() -> None:
    """If a refresh removes a resource, the pull-request comment says that the integration is gone at Justt.

    In an update, the comment says that the integration stops.
    """
    stack = step("refresh", "pulumi:pulumi:Stack", "shop-dev")
    removal = step("delete", oldState=state(RECORDED))
    explanation = "gone at Justt, where INACTIVE is final: it is removed from the state"
    assert only(stack, removal).explanations == (explanation,)
    assert only(stack, {**stack, "op": "same"}, removal).explanations == ("it stops at once",)


RENAMED = (
    "a resource that is deleted has the same `external_identifier`: if this is only its new name, add the old one "
)
RENAMED += "to `aliases`, and nothing is created or stopped"
OLD_NAME = "a new resource has the same `external_identifier`: if that is only its new name, it needs an alias"


@pytest.mark.parametrize(
    ("new", "has_hint"),
    [
        ({}, True),
        ({"integrationName": "Other"}, True),
        ({"externalIdentifier": "other"}, False),
        ({"referenceAccountId": "acc_2"}, False),
        ({"externalIdentifier": HIDDEN}, False),
        ({"externalIdentifier": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, False),
    ],
)
def test_a_rename_without_an_alias_gets_a_hint(new: dict[str, str], has_hint: bool) -> None:
    """If one integration is deleted and another one with the same identifier is created, the comment names `aliases`.

    The identifiers must be equal in the same account, known, and no secrets.
    """
    old = RECORDED | ({"externalIdentifier": HIDDEN} if HIDDEN in new.values() else {})
    found = read(
        step("delete", name="old", oldState=state(old)), step("create", name="new", newState=state(GIVEN | new))
    )
    hints = [text for each in found.resources for text in each.explanations if "`external_identifier`" in text]
    assert hints == ([OLD_NAME, RENAMED] if has_hint else [])
    adopting = step("create", name="new", newState=state(GIVEN | new | {"adoptId": "id-1"}))
    assert RENAMED not in read(step("delete", name="old", oldState=state(old)), adopting).resources[1].explanations


# Changed fields


@pytest.mark.parametrize(
    ("olds", "news", "path", "expected"),
    [
        ({"integrationName": "A"}, {"integrationName": "B"}, "integrationName", ("integration_name", '"A"', '"B"')),
        ({"secretType": "HMAC"}, {"secretType": "OAUTH"}, "secretType", ("credentials", "Hmac", 'Unlisted("OAUTH")')),
        (
            {"secretPayload": {"apiKey": HIDDEN}},
            {"secretPayload": {"apiKey": HIDDEN}},
            "secretPayload.apiKey",
            ("credentials.api_key", HIDDEN, HIDDEN),
        ),
        (
            {"secretPayload": {"merchantCode": "M-1"}},
            {"secretPayload": {}},
            "secretPayload.merchantCode",
            ("credentials.merchant_code", HIDDEN, None),
        ),
        (
            {"secretReferences": {"apiKey": {"fromEnv": "A", "version": 1}}},
            {"secretReferences": {"apiKey": {"fromFile": "keys/a.pem", "version": 2.0}}},
            "secretReferences.apiKey.version",
            ("credentials.api_key", 'from_env("A")', 'from_file("keys/a.pem", version=2)'),
        ),
        (
            {"secretPayload": {"apiKey": ENVELOPE, "hmac": ENVELOPE}},
            {"secretPayload": {"hmac": ENVELOPE}, "secretReferences": {"apiKey": {"fromEnv": "A", "version": 1}}},
            "secretReferences",
            ("credentials.api_key", HIDDEN, 'from_env("A")'),
        ),
        (
            {"secretPayload": {"apiKey": {"fromEnv": "A", "version": 1}}},
            {"secretPayload": {"apiKey": {"fromEnv": "B", "version": 1}}},
            "secretPayload.apiKey.fromEnv",
            ("credentials.api_key", HIDDEN, HIDDEN),
        ),
        (
            {"secretPayload": {"apiKey": {"fromEnv": "A", "version": 1, "more": "x"}}},
            {"secretPayload": {"apiKey": "in-clear"}},
            "secretPayload.apiKey",
            ("credentials.api_key", HIDDEN, HIDDEN),
        ),
        ({"secretPayload": "in-clear"}, {"secretPayload": 1}, "secretPayload", ("credentials", HIDDEN, HIDDEN)),
        ({}, {"secretPayload": {"a.b": ENVELOPE}}, 'secretPayload["a.b"]', ('credentials["a.b"]', None, HIDDEN)),
        (
            {"deactivation": {"deactivationType": "dueDate", "afterDays": 1}},
            {"deactivation": {"deactivationType": "dueDate", "afterDays": 7}},
            "deactivation",
            ("deactivation.after_days", "1", "7"),
        ),
        ({}, {"deactivation": {"afterDays": 7}}, "deactivation", ("deactivation.after_days", None, "7")),
        (
            {"deactivation": {"deactivationType": "dueDate"}},
            {"deactivation": {"deactivationType": "postingDate"}},
            "deactivation.deactivationType",
            ("deactivation.type", '"dueDate"', '"postingDate"'),
        ),
        (
            {"merchantAccountCodes": ["a", "b"]},
            {"merchantAccountCodes": ["a"]},
            "merchantAccountCodes[1]",
            ("merchant_account_codes[1]", '"b"', None),
        ),
        (
            {"merchantAccountCodes": ["a", HIDDEN]},
            {"merchantAccountCodes": ["a", "b"]},
            "merchantAccountCodes[0]",
            ("merchant_account_codes[0]", HIDDEN, HIDDEN),
        ),
        (
            {"merchantAccountCodes": [{"x": ENVELOPE}]},
            {"merchantAccountCodes": ["a"]},
            "merchantAccountCodes",
            ("merchant_account_codes", HIDDEN, HIDDEN),
        ),
        (
            {"merchantAccountCodes": ["a"]},
            {"merchantAccountCodes": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"},
            "merchantAccountCodes",
            ("merchant_account_codes", '["a"]', "[known after the update]"),
        ),
        (
            {"merchantAccountCodes": ["a" * 50]},
            {"merchantAccountCodes": ["a" * 50, "b" * 50]},
            "merchantAccountCodes",
            ("merchant_account_codes", f'["{"a" * 50}"]', "[2 items]"),
        ),
        ({"integrationName": "x" * 99}, {}, "integrationName", ("integration_name", "[101 characters]", None)),
        (
            {"integrationName": ENVELOPE},
            {"integrationName": "A"},
            "integrationName",
            ("integration_name", *2 * [HIDDEN]),
        ),
        ({"integrationName": "A"}, {"integrationName": HIDDEN}, "integrationName", ("integration_name", *2 * [HIDDEN])),
        ({"allowUnlisted": True}, {}, "allowUnlisted", ("allow_unlisted", "true", None)),
        ({}, {"deletionProtection": True}, "deletionProtection", ("deletion_protection", None, "true")),
        ({"integrationName": "a\n\u202eb"}, {}, "integrationName", ("integration_name", r'"a\n\u202eb"', None)),
        ({"a": {}}, {"a": None}, "a", ("a", "{}", None)),
        ({"a": 1}, {"a": {"b": 1, "c": 2}}, "a", ("a", "1", "[2 properties]")),
        ({"a": 1}, {"a": 2}, 'a["', ('a["', None, None)),
        ({"a": 1}, {"a": 2}, "a]", ("a]", None, None)),
    ],
)
def test_changed_fields_have_the_programs_names(
    olds: Mapping[str, Any], news: Mapping[str, Any], path: str, expected: tuple[str, str | None, str | None]
) -> None:
    """The pull-request comment shows a changed field under its name in the program.

    The old and new values are shown only if they are plain, short and not secret.
    """
    types = {"secretType": "HMAC"}
    assert fields(changed("replace", {**types, **olds}, {**types, **news}, path)) == [expected]


@pytest.mark.parametrize("where", ["inputs", "outputs"])
@pytest.mark.parametrize("which", ["oldState", "newState"])
def test_a_secret_in_one_set_is_masked_in_all(which: str, where: str) -> None:
    """A step has inputs and outputs of the old and the new state.

    If one of these four marks a value as secret, the pull-request comment masks the value in all of them.
    """
    for path, value in {"a": "in-clear", "b.c": {"c": "in-clear"}, "d[0]": ["in-clear"]}.items():
        name = path[0]
        found = changed("update", {name: value}, {name: value}, path, kind="other:index:Thing")
        found[which] = {**found[which], where: {name: HIDDEN}}
        for is_input in (True, False):
            found["detailedDiff"][path]["inputDiff"] = is_input
            ((_, old, new),) = fields(found)
            assert {old, new} == {HIDDEN}


def test_another_provider_s_properties_keep_their_names() -> None:
    """The pull-request comment shows the properties of another provider's resource under their own names.

    The comment compares the outputs if the engine compared them.
    """
    found = changed("update", {}, {}, "aB", "x.y", '["k.l"]', "__provider", kind="my:index:Thing")
    found["oldState"]["outputs"] = {"aB": 1, "k.l": "v"}
    found["newState"] = {"inputs": {"aB": 2}, "outputs": {"x": {"y": 3}}}
    for how in found["detailedDiff"].values():
        how["inputDiff"] = False
    assert only(found).type == "my:index:Thing"
    assert fields(found) == [('["k.l"]', '"v"', None), ("aB", "1", "2"), ("x.y", None, "3")]
    assert fields(step("create", "my:index:Thing", newState=state({"a": 1}))) == []


def test_fields_are_sorted() -> None:
    """The pull-request comment shows changed fields in alphabetical order, and the items of a list by number."""
    paths = ["source", "merchantAccountCodes[10]", "merchantAccountCodes[9]", "secretType", "secretPayload.apiKey"]
    codes = {**GIVEN, "merchantAccountCodes": [str(number) for number in range(11)]}
    assert [path for path, _, _ in fields(changed("replace", codes, codes, *paths))] == [
        "credentials",
        "credentials.api_key",
        "merchant_account_codes[9]",
        "merchant_account_codes[10]",
        "source",
    ]


def test_a_new_integration_shows_its_arguments() -> None:
    """For a new integration, the pull-request comment shows all arguments.

    The comment leaves out the environment, which comes from the configuration.
    """
    assert fields(step("create", newState=state(GIVEN))) == [
        ("credentials", None, "ApiKeyOnly"),
        ("credentials.api_key", None, HIDDEN),
        ("external_identifier", None, '"shop"'),
        ("integration_name", None, '"Shop"'),
        ("source", None, '"stripe"'),
    ]


# The whole preview


def test_counts_come_from_the_engine() -> None:
    """The pull-request comment shows the engine's counts of operations.

    If the JSON has no counts, as after a failed preview, the steps are counted.
    """
    steps = [step("create", newState=state(GIVEN)), step("same", "pulumi:pulumi:Stack", "shop-dev")]
    none = {"update": 0, "replace": 0, "delete": 0}
    assert read(*steps).counts == {"create": 1, "unchanged": 1, **none}
    summary = {"create": 4, "same": 3, "refresh": 2, "read": 1, "<b>": 9}
    assert read(*steps, changeSummary=summary).counts == {
        "create": 4,
        "unchanged": 5,
        "read": 1,
        "<b>": 9,
        **none,
    }


def test_the_most_important_operations_come_first() -> None:
    """The pull-request comment shows deletes first, then replacements and other operations.

    The comment leaves out unchanged resources and the parts of a replacement.
    """
    steps = [
        step(op, name=op) for op in ("read", "discard", "create", "update", "same", "refresh", "replace", "delete")
    ]
    parts = [step(op, name="replace") for op in ("create-replacement", "delete-replaced")]
    rest = step("delete-replaced", name="rest", oldState=state(RECORDED))
    found = read(*steps, *parts, rest).resources
    assert [each.name for each in found] == ["delete", "replace", "update", "create", "read", "discard", "rest"]
    assert found[-1].explanations == ("left over from an earlier replacement: it stops at once",)


def test_errors_come_before_notes_and_warnings() -> None:
    """The pull-request comment shows errors before the provider's notes and warnings.

    The comment leaves out the middle of a long message, and what the program prints.
    """
    long = "\n".join(f"line {number}" for number in range(50))
    found = read(
        diagnostics=[
            {"severity": "warning", "message": "warning: \tW\n"},
            {"severity": "info#err", "message": "note: N\n\n"},
            {"severity": "info#err", "message": "warning: V"},
            {"severity": "info#err", "message": "anything else"},
            {"severity": "info#err", "message": "error: what a program prints"},
            {"severity": "info", "message": "printed"},
            {"severity": "info", "message": "note: M"},
            {"severity": "error", "message": f"error: {long}", "urn": f"urn:pulumi:dev::shop::{INTEGRATION}::shop"},
        ]
    )
    error, *rest = found.diagnostics
    assert [(each.severity, each.message) for each in rest] == [
        ("note", "N"),
        ("note", "M"),
        ("warning", "       W"),
        ("warning", "V"),
    ]
    assert error.resource == "shop"
    assert error.message.splitlines()[:2] == ["line 0", "line 1"]
    assert error.message.splitlines()[6:8] == ["[32 lines are left out]", "line 38"]
    assert found.has_failed
    assert "**The preview failed**" in markdown(found)


def test_no_text_is_a_command_of_a_ci_runner() -> None:
    """The pull-request comment contains no text from the preview that a CI runner would run.

    GitHub reads `::` at the start of a log line, and `##[` anywhere.
    """
    message = "x\n::error::pwn\n  ::add-mask::a\nb ##[error]x ##vso[task.x]"
    name = "##[add-path]x"
    comment = markdown(
        read(
            step("create", name=name),
            diagnostics=[{"severity": "error", "message": message, "urn": f"a::b::c::{name}"}],
        ),
        title="##[group]x",
    )
    assert not re.search(r"^\s*::|##\[|##vso\[", comment, re.MULTILINE)
    assert "    : :error::pwn" in comment


def test_implausible_counts_are_ignored_or_shortened() -> None:
    """If a preview counts thousands of unknown operations, the pull-request comment names only the first ones.

    The comment ignores a negative count.
    """
    comment = markdown(read(changeSummary={f"op{number}" * 100: 1 for number in range(5_000)}))
    assert len(comment.encode()) < LIMIT
    assert "4980 more kinds of operations" in comment
    assert "**nothing changes**" in markdown(read(changeSummary={"update": -4}))


def test_an_unknown_severity_is_an_error() -> None:
    """A message with an unknown severity, as from a later engine, counts as an error."""
    assert read(diagnostics=[{"severity": "fatal", "message": "boom"}]).has_failed


def test_the_marker_depends_only_on_the_title() -> None:
    """The pull-request comment begins with an HTML comment that depends only on the title.

    No title can end this HTML comment early.
    """
    for title, marker in {None: "shop/dev", "Production": "Production", "--> @x <!--": "x", "": ""}.items():
        first, second, *_ = markdown(read(step("same")), title=title).splitlines()
        assert first == f"<!-- pulumi-justt summary {marker} -->"
        assert second == (f"### Preview of `{title or 'shop/dev'}`" if title != "" else "### Preview")
    assert markdown(read()).splitlines()[1:4] == ["### Preview", "", "**nothing changes**"]


# Hostile input

_TOKENS = ["`", "``", "|", "@octocat", "<script>", "<!--", "-->", "\n", "\r\n", "- ", "# ", "```", "~~~", "    ", "#12"]
_TOKENS += [
    "![x](https://example.com)",
    "[secret]",
    "\u202e",
    "\ud800",
    "\x1b[31m",
    "\\",
    "$`",
    "é",
    "😀",
    "::",
    "$",
    "",
]
hostile = st.lists(st.one_of(st.sampled_from(_TOKENS), st.text(max_size=20)), max_size=8).map("".join)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), hostile, st.just(HIDDEN)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(hostile, inner, max_size=3)),
    max_leaves=8,
)
relentless = settings(max_examples=150, database=None, derandomize=True)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def outside_of_code(comment: str) -> str:
    """Return the parts of a comment that Markdown interprets: all text outside of code."""
    lines = [line for line in comment.split("\n") if not line.startswith("    ")]
    return "\n".join(SPAN.sub("CODE", line) for line in lines)


@relentless
@given(st.data())
@pytest.mark.slow
def test_no_text_escapes_its_code_span(data: st.DataObject) -> None:
    """For any names, values and messages in a preview, Markdown interprets only the pull-request comment's own texts.

    The comment stays within the size limit.
    """
    kind = data.draw(st.sampled_from([INTEGRATION, READY, "other:index:Thing"]) | hostile)
    properties = st.dictionaries(
        st.sampled_from(["integrationName", "secretPayload", "deactivation", "secretType", "adoptId"]) | hostile, values
    )
    steps = []
    for _ in range(data.draw(st.integers(0, 3))):
        olds, news = data.draw(properties), data.draw(properties)
        found = changed(
            data.draw(st.sampled_from(["create", "update", "replace", "delete", "read", "same"]) | hostile),
            olds,
            news,
            *data.draw(
                st.lists(st.sampled_from([*olds, *news]) | hostile, max_size=3) if olds or news else st.just([])
            ),
        )
        steps.append({**found, "urn": f"urn:pulumi:dev::shop::{kind}::{data.draw(hostile)}"})
    diagnostics = [
        {"severity": data.draw(st.sampled_from(["error", "warning", "info#err"])), "message": data.draw(hostile)}
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    text = json.dumps({"steps": steps, "diagnostics": diagnostics, "duration": 1})
    comment = render(text, title=data.draw(st.none() | hostile), now=NOW)

    assert len(comment.encode()) <= LIMIT
    assert all(character == "\n" or character.isprintable() for character in comment)
    first, _, rest = comment.partition("\n")
    assert re.fullmatch(r"<!-- pulumi-justt summary [A-Za-z0-9_./-]* -->", first)
    assert "--" not in first[4:-3]
    outside = outside_of_code(rest)
    assert {*outside} <= {*string.ascii_letters, *string.digits, *" \n#*,.;:()=>'-"}
    assert all(re.match(r"### Preview|[A-Z*0-9]|(  )?- |$", line) for line in outside.splitlines())
    json.loads(preview.read(text, now=NOW).to_json())


@relentless
@given(st.data())
def test_no_secret_is_shown(data: st.DataObject) -> None:
    """If a preview marks a value as secret, neither the pull-request comment nor the JSON shows the value.

    A mark in either state is enough, and values in `secretPayload` need none.
    """
    hidden = "canary-" + data.draw(st.text("0123456789abcdef", min_size=24, max_size=24))
    envelope = {**ENVELOPE, "plaintext": json.dumps(hidden)}
    place = data.draw(st.sampled_from(["secretPayload", "integrationName", "other"]))
    shape = data.draw(st.sampled_from([lambda v: v, lambda v: {"a": v}, lambda v: [v], lambda v: {"a": {"b": [v]}}]))
    clear, masked_value = {place: shape(hidden)}, {place: shape(data.draw(st.sampled_from([envelope, HIDDEN])))}
    if place == "secretPayload":
        masked_value = data.draw(st.sampled_from([masked_value, clear]))
    sets = data.draw(st.permutations([clear, masked_value, clear, {}]))
    path = data.draw(st.sampled_from([place, f"{place}.a", f"{place}[0]", f"{place}.a.b", f"{place}.a.b[0]"]))
    found = changed(data.draw(st.sampled_from(["create", "update", "replace", "delete"])), {}, {}, path)
    found["oldState"] = {"inputs": sets[0], "outputs": sets[1]}
    found["newState"] = {"inputs": sets[2], "outputs": sets[3]}
    found["detailedDiff"] = data.draw(st.sampled_from([found["detailedDiff"], {}]))
    text = json.dumps({"steps": [found], "config": {"shop:key": hidden}, "duration": 1})
    assert hidden not in render(text, now=NOW)
    assert hidden not in preview.read(text, now=NOW).to_json()


@pytest.mark.parametrize(
    ("number", "width", "says"),
    [
        (20, 10, None),
        (400, 40, "Left out because of the size limit: the details of "),
        (3000, 150, "resources altogether."),
        (400, 4000, "Left out"),
    ],
)
@pytest.mark.daily(1)
def test_the_comment_stays_below_the_limit(number: int, width: int, says: str | None) -> None:
    """If a pull-request comment would be too long, details are left out first, then the least important resources.

    The comment says how many are left out.
    """
    steps = []
    for place in range(number):
        name = f"{place:05}{'😀' * width}"
        news = {**GIVEN, "integrationName": "`" * min(width, 98)}
        steps.append({**changed("replace" if place % 2 else "update", RECORDED, news, "integrationName", "source")})
        steps[-1]["urn"] = f"urn:pulumi:dev::shop::{INTEGRATION}::{name}"
    message = {"severity": "error", "message": "😀" * 10_000}
    found = read(*steps, diagnostics=[message] * (1 if number < 400 else 100))
    comment = markdown(found)
    assert len(comment.encode()) <= LIMIT
    left_out = comment.rpartition("\n\n")[2]
    lines = re.findall(r"^- \*\*(\w+)\*\*", comment, re.MULTILINE)
    detailed = comment.count("`integration_name`")
    assert lines == sorted(lines)
    if says is None:
        assert (len(lines), detailed) == (number, number)
        assert "Left out" not in comment
        return
    assert len(comment.encode()) > LIMIT - 5000
    assert says in left_out
    assert detailed < number
    assert f"{number - len(lines)} resources altogether" in left_out or len(lines) == number
    assert (detailed == 0) == (len(lines) < number) or f"the details of {len(lines) - detailed} " in left_out


# The real JSON

PROGRAM = """
from pulumi_justt import Deactivation, from_env
from pulumi_justt.credentials import ApiKeyOnly, Hmac

kept, rotated = secret("stripeKey"), secret("rotated")


def integration(name, opts=None, **given):
    usual = {"external_identifier": name, "integration_name": name, "source": "stripe"}
    usual["credentials"] = ApiKeyOnly(api_key=kept)
    return justt.PaymentIntegration(name, **{**usual, **given}, opts=opts)


class Provider(pulumi.dynamic.ResourceProvider):
    def create(self, props):
        return pulumi.dynamic.CreateResult("id-of-other", props)


class Other(pulumi.dynamic.Resource):
    def __init__(self, name, **props):
        super().__init__(Provider(), name, props)


"""
WAS = """
Other("`other`", text="a | b", token=kept)
integration("adopted", adopt_id=config.require("adopted"))
integration("at-a-date", integration_name="A", deactivation=Deactivation(date="2099-01-31T00:00:00Z"))
integration("first-out", integration_name="A", opts=pulumi.ResourceOptions(delete_before_replace=True))
integration("forgotten", opts=pulumi.ResourceOptions(retain_on_delete=True))
integration("gone", deactivation=Deactivation(type="dueDate", after_days=7))
integration("later")
integration("referred", credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY")))
integration("rotated", credentials=Hmac(hmac=rotated, api_key=kept, merchant_code="M-1"))
integration("same")
"""
NOW_PROGRAM = """
Other("`other`", text="@octocat | <b>", token=rotated)
new = integration("new", merchant_account_codes=["a", "b"])
integration("adopting", adopt_id=config.require("adopting"))
integration("at-a-date", integration_name="B", deactivation=Deactivation(date="2099-01-31T00:00:00Z"))
integration("first-out", integration_name="B", opts=pulumi.ResourceOptions(delete_before_replace=True))
integration("later", deactivation=Deactivation(after_days=7))
integration("of-the-new", external_identifier=new.integration_id)
integration("referred", credentials=ApiKeyOnly(api_key=from_env("STRIPE_KEY", version=2)))
hmac = Hmac(hmac=rotated, api_key=kept, merchant_code="M-1")
integration("rotated", credentials=hmac, deactivation=Deactivation(after_days=1))
integration("same")
justt.PaymentIntegration.get("theirs", config.require("theirs"))
"""
GOLDEN = ROOT / "tests" / "data" / "summaries"


def assert_golden(name: str, found: str) -> None:
    """Assert that *found* equals the recorded text, or record it if the environment says so."""
    path = GOLDEN / name
    if os.environ.get(UPDATE) == "1":
        path.write_text(found)
    assert found == path.read_text(), (
        f"run {UPDATE}=1 pytest tests/unit/cli/summary/test_summary.py if the new text is right"
    )


@pytest.mark.usefixtures("pinned_engine")
def test_the_comments_for_the_real_json_are_the_recorded_ones(stack: Stack, simulator: SimulatorServer) -> None:
    """The comments for previews and a refresh by the real CLI equal the recorded texts.

    A log of events and an empty output are refused.
    """
    theirs = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)
    ids = {name: simulator.records.add_integration(theirs, None) for name in ("adopted", "adopting", "theirs")}
    referred = canary("referred")
    stack.secrets.append(referred)
    stack.config(ids, {"rotated": canary("rotated")})
    stack.program(PROGRAM + WAS)
    log = stack.run("up", "--yes", "--skip-preview", "--json", "--stack", "dev", STRIPE_KEY=referred).stdout
    recorded = {name: resource["id"] for name, resource in stack.resources().items()}

    def comment(*arguments: str, fails: bool = False) -> str:
        """Return the comment for a preview, with names in place of ids."""
        output = stack.run(*arguments, "--json", "--stack", "dev", fails=fails).stdout
        stack.keep(preview.read(output, now=NOW).to_json().encode())
        return masked(render(output, now=NOW), {id_: name for name, id_ in {**recorded, **ids}.items()})

    stack.program(PROGRAM + NOW_PROGRAM)
    stack.config(secret={"rotated": canary("rotated")})
    assert_golden("changes.md", comment("preview"))

    stack.program(PROGRAM + 'integration("wrong", source="strip")\n')
    assert_golden("failed.md", comment("preview", fails=True))

    for name, status in {"same": "FAILED", "gone": "INACTIVE"}.items():
        simulator.records.set_status(recorded[name], status)
    found = comment("refresh", "--preview-only")
    assert (
        "`gone` (`PaymentIntegration`)\n  - gone at Justt, where INACTIVE is final: it is removed from the state"
        in found
    )
    assert "(<id of same>) is FAILED now, was PENDING." in found

    with pytest.raises(preview.NoPreview, match="a log of events"):
        render(log)
    with pytest.raises(preview.NoPreview, match="is empty"):
        render(stack.run("preview", "--json", "--stack", "missing", fails=True).stdout)


# The command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the input is empty"),
        (" \n", "the input is empty"),
        ("Previewing update (dev):\n", "the input is not JSON"),
        ('{"steps": [', "the input is not JSON"),
        ("[]", "the input is JSON, but not the output of"),
        ('{"version": 3}', "the input is JSON, but not the output of"),
        ('{"sequence":0,"timestamp":1}\n{"sequence":1}\n', "the input is a log of events"),
        ("1\n2\n", "the input is not JSON"),
        (f'{{"steps": {"[" * 100_000}{"]" * 100_000}}}', "the input is JSON that is nested too deeply"),
    ],
)
def test_an_input_that_is_no_preview_is_refused(text: str, expected: str) -> None:
    """If the input of `summary` is no preview, the error says in one line what the input is, and the exit code is 3."""
    result = CliRunner().invoke(main, ["summary"], input=text)
    assert result.exit_code == 3
    assert result.output.startswith(f"error: {expected}")
    assert result.output.count("\n") == 1


def test_summary_obeys_title_and_json() -> None:
    """`summary --title` prints a comment with that title.

    `summary --json` prints the content of the pull-request comment as JSON.
    """
    text = json.dumps({"steps": [changed("replace", RECORDED, GIVEN, "integrationName")], "duration": 1})
    comment = CliRunner().invoke(main, ["summary", "--title", "Production"], input=text)
    assert comment.exit_code == 0
    assert comment.output == render(text, title="Production")
    document = json.loads(CliRunner().invoke(main, ["summary", "--json", "-"], input=text).output)
    assert document["counts"]["replace"] == 1
    assert document["resources"][0]["changes"] == [{"path": "integration_name", "old": '"Shop"', "new": '"Shop"'}]
    assert document["failed"] is False


@pytest.mark.parametrize(
    "operation", ["discard", "import-replacement", "remove-pending-replace", "an op of *tomorrow*"]
)
def test_an_unknown_operation_is_counted(operation: str) -> None:
    """If a preview has an unknown operation, the pull-request comment counts it under the engine's name.

    The comment doesn't say that nothing changes.
    """
    for extra in ({"changeSummary": {operation: 2, "same": 1}}, {}):
        text = render(json.dumps({"steps": [step(operation)], "duration": 1, **extra}), now=NOW)
        assert "nothing changes" not in text
        assert f"**{2 if extra else 1} to " in text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_preview_in_any_encoding_is_read(encoding: str) -> None:
    """`summary` reads a preview in any encoding that a shell may write.

    PowerShell redirects in UTF-16 with a byte order mark.
    """
    given_text = json.dumps({"steps": [step("create", newState=state(GIVEN))], "duration": 1})
    done = CliRunner().invoke(main, ["summary"], input=given_text.encode(encoding))

    assert (done.exit_code, "**1 to create**" in done.output) == (0, True), done.output
