"""Which changes replace an integration, which change the state alone, and which are none."""

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
def test_diff_replaces_for_everything_that_was_sent(
    offline: Offline, changes: dict[str, Any], replaces: list[str]
) -> None:
    """What the API was told can't be changed there, and each changed field is named on its own."""
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff({**FULL, "integrationId": "id-1", "status": "FAILED"}, news) == replaces
    assert offline.told == []


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
    """The policy and the flag are ours and change in place; the order of codes is no change at all."""
    news = {name: value for name, value in {**FULL, **changes}.items() if value is not ...}

    assert offline.core.diff(FULL, news) == []
    assert offline.told == []


@pytest.mark.parametrize(
    ("changes", "replaces"),
    [
        *(({name: UNKNOWN}, [name]) for name in (*MINIMAL, "merchantAccountCodes", "referenceAccountId")),
        ({"secretPayload": {"apiKey": UNKNOWN}}, ["secretPayload.apiKey"]),
        ({"secretPayload": {"apiKey": CANARY, "shopName": UNKNOWN}}, ["secretPayload.shopName"]),
        ({"merchantAccountCodes": ["a", UNKNOWN]}, ["merchantAccountCodes"]),
    ],
)
def test_diff_is_conservative_about_what_is_known_later(
    offline: Offline, changes: dict[str, Any], replaces: list[str]
) -> None:
    """What may turn out different is announced as a replacement."""
    assert offline.core.diff(FULL, {**FULL, **changes}) == replaces


def test_absent_equals_default(offline: Offline) -> None:
    """State from before an input existed is not replaced by it."""
    news = offline.core.check(MINIMAL, {**MINIMAL, "merchantAccountCodes": [], "allowUnlisted": False}).inputs

    assert offline.core.diff(MINIMAL, news) == []


def test_diff_warns_when_the_policy_changes_with_a_replacement(offline: Offline) -> None:
    """The old integration follows the policy that was recorded, which is not the one that was just written."""
    news = {**FULL, "source": "adyen", "deactivation": {"deactivationType": "dueDate"}}

    assert offline.core.diff({**FULL, "integrationId": "id-1"}, news) == ["source"]
    assert offline.told == [
        (
            f"warning: {NAMED} is replaced and its deactivation changes in the same update: the old integration still "
            "follows the recorded deactivation. Apply the new one first, in an update of its own, if it is meant for "
            "the old integration."
        )
    ]


@pytest.mark.parametrize("policy", [{"deactivationType": "postingDate"}, {"afterDays": 0}])
def test_diff_does_not_warn_of_a_policy_that_says_the_default(offline: Offline, policy: dict[str, object]) -> None:
    """An absent policy equals the default one, so writing the default out changes nothing."""
    offline.core.diff(CHECKED, {**CHECKED, "source": "adyen", "deactivation": policy})

    assert offline.told == []
