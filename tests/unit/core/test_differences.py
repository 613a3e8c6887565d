"""Which changes replace an integration, which change only the state, and which are no change."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_justt.core.inputs import UNKNOWN
from support.scripted_client import (
    CANARY,
    CHECKED,
    MINIMAL,
    NAMED,
    Offline,
)

# diff

FULL: dict[str, Any] = {
    **CHECKED,
    "merchantAccountCodes": ["a", "b"],
    "referenceAccountId": "acc_1",
    "deactivation": {"deactivationType": "postingDate", "afterDays": 7},
    "allowUnlisted": True,
}
CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"externalIdentifier": "other"}, ["externalIdentifier"]),
    ({"integrationName": "other"}, ["integrationName"]),
    ({"source": "adyen"}, ["source"]),
    ({"secretType": "APIKEY"}, ["secretType"]),
    ({"secretPayload": {"apiKey": "other"}}, ["secretPayload.apiKey"]),
    ({"secretPayload": {"apiKey": CANARY, "shopName": "s"}}, ["secretPayload.shopName"]),
    ({"secretPayload": {"secretKey": CANARY}}, ["secretPayload.apiKey", "secretPayload.secretKey"]),
    ({"merchantAccountCodes": ["a", "c"]}, ["merchantAccountCodes"]),
    ({"merchantAccountCodes": ...}, ["merchantAccountCodes"]),
    ({"referenceAccountId": "acc_2"}, ["referenceAccountId"]),
    ({"referenceAccountId": ...}, ["referenceAccountId"]),
    ({"source": "adyen", "integrationName": "other"}, ["integrationName", "source"]),
]


@pytest.mark.parametrize(("changes", "replaces"), CHANGES)
def test_diff_replaces_for_every_property_sent_to_the_api(
    offline: Offline, changes: dict[str, Any], replaces: list[str]
) -> None:
    """If a property that was sent to the API changes, diff replaces the integration and names each changed field.

    The API can't change these properties.
    """
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff({**FULL, "integrationId": "id-1", "status": "FAILED"}, news) == replaces
    assert offline.messages == []


@pytest.mark.parametrize(
    "changes",
    [
        {"deactivation": {"deactivationType": "dueDate"}},
        {"deactivation": UNKNOWN},
        {"deactivation": ...},
        {"allowUnlisted": ...},
        {"allowUnlisted": UNKNOWN},
        {"deletionProtection": True},
        {"deletionProtection": UNKNOWN},
        {"environment": "sandbox"},
        {"merchantAccountCodes": ["b", "a"]},
        {"merchantAccountCodes": ["a", "b", "b"]},
    ],
)
def test_diff_replaces_for_nothing_else(offline: Offline, changes: dict[str, Any]) -> None:
    """If only provider-only properties or the order of merchant account codes change, diff replaces nothing."""
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff(FULL, news) == []
    assert offline.messages == []


@pytest.mark.parametrize(
    ("changes", "replaces"),
    [
        *(({name: UNKNOWN}, [name]) for name in (*MINIMAL, "merchantAccountCodes", "referenceAccountId")),
        ({"secretPayload": {"apiKey": UNKNOWN}}, ["secretPayload.apiKey"]),
        ({"secretPayload": {"apiKey": CANARY, "shopName": UNKNOWN}}, ["secretPayload.shopName"]),
        ({"merchantAccountCodes": ["a", UNKNOWN]}, ["merchantAccountCodes"]),
    ],
)
def test_diff_replaces_for_unknown_values(offline: Offline, changes: dict[str, Any], replaces: list[str]) -> None:
    """If a property that is sent to the API is unknown in a preview, diff shows a replacement."""
    assert offline.core.diff(FULL, {**FULL, **changes}) == replaces


def test_absent_property_equals_its_default(offline: Offline) -> None:
    """If the state lacks a property and the program sets it to its default, diff replaces nothing."""
    news = offline.core.check(MINIMAL, {**MINIMAL, "merchantAccountCodes": [], "allowUnlisted": False}).inputs

    assert offline.core.diff(MINIMAL, news) == []


def test_diff_warns_when_the_policy_changes_with_a_replacement(offline: Offline) -> None:
    """If an update replaces an integration and changes its deactivation, diff warns.

    The old integration still follows the recorded deactivation.
    """
    news = {**FULL, "source": "adyen", "deactivation": {"deactivationType": "dueDate"}}

    assert offline.core.diff({**FULL, "integrationId": "id-1"}, news) == ["source"]
    assert offline.messages == [
        (
            f"warning: {NAMED} is replaced and its deactivation changes in the same update: the old integration still "
            "follows the recorded deactivation. If the new deactivation is meant for the old integration, apply only "
            "that change first, in a separate update."
        )
    ]


@pytest.mark.parametrize("policy", [{"deactivationType": "postingDate"}, {"afterDays": 0}])
def test_diff_does_not_warn_if_the_policy_is_the_default(offline: Offline, policy: dict[str, object]) -> None:
    """If an update replaces an integration and only writes out the default deactivation, diff logs no warning."""
    offline.core.diff(CHECKED, {**CHECKED, "source": "adyen", "deactivation": policy})

    assert offline.messages == []
