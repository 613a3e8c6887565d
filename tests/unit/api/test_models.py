"""The models of the core: what they accept, their names in the state, and what they never show."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from pulumi_justt.api.models import SOURCES, RemoteRecord, from_vendor_time, to_vendor_time
from pulumi_justt.core.inputs import UNKNOWN, Deactivation, Inputs, Unknown, split_unknowns

CANARY = "canary-c1f7e4"
NOW = datetime(2027, 1, 15, 8, 0, 0, 900_000, tzinfo=timezone.utc)

INPUTS: dict[str, Any] = {
    "externalIdentifier": "stripe-eu",
    "integrationName": "Stripe EU",
    "source": "stripe",
    "secretType": "APIKEY_ONLY",
    "secretPayload": {"apiKey": CANARY},
    "environment": "production",
}


def test_sources_are_the_vendors_list() -> None:
    """`SOURCES` is the list in Justt's documentation, in the same order."""
    assert SOURCES == ("stripe", "braintree", "paypal", "adyen", "justt_sandbox")


def test_unknown_is_a_single_value() -> None:
    """`UNKNOWN` is the only member of `Unknown`, so code can compare it by identity."""
    assert list(Unknown) == [UNKNOWN]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 31, tzinfo=timezone.utc), "2027-01-31T00:00:00Z"),
        (NOW, "2027-01-15T08:00:00Z"),
        (datetime(2027, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2027-01-30T23:30:00Z"),
    ],
)
def test_time_is_written_in_the_vendor_format(moment: datetime, text: str) -> None:
    """`to_vendor_time` writes a time of any time zone in UTC, with whole seconds."""
    assert to_vendor_time(moment) == text


def test_written_time_can_be_read() -> None:
    """`from_vendor_time` parses a time in Justt's format."""
    assert from_vendor_time("2027-01-31T23:59:59Z") == datetime(2027, 1, 31, 23, 59, 59, tzinfo=timezone.utc)


INVALID_TIMES = [
    "",
    "2027-01-31",
    "2027-01-31T00:00:00",
    "2027-01-31T00:00:00+00:00",
    "2027-01-31T00:00:00.5Z",
    "2027-1-31T00:00:00Z",
    "2027-02-30T00:00:00Z",
    "2027-01-31T24:00:00Z",
    "2027-01-31T00:00:60Z",
    "2027-01-31T00:00:00Z\n",
    "1800000000",
]


@pytest.mark.parametrize("text", INVALID_TIMES)
def test_time_in_another_format_is_refused(text: str) -> None:
    """If a deactivation date is not in Justt's format, or does not exist, the model refuses it."""
    with pytest.raises(ValidationError, match="must be a UTC time such as 2027-01-31T00:00:00Z"):
        Deactivation(deactivation_date=text)


@pytest.mark.parametrize(
    ("policy", "moment"),
    [
        ({}, NOW),
        ({"afterDays": 0}, NOW),
        ({"afterDays": 7}, NOW + timedelta(days=7)),
        ({"afterDays": 3650}, NOW + timedelta(days=3650)),
        ({"deactivationDate": "2026-01-01T00:00:00Z"}, datetime(2026, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_policy_gives_the_time_of_the_deactivation(policy: dict[str, object], moment: datetime) -> None:
    """`afterDays` counts from the time of the deletion. A date is used unchanged, even if it has passed."""
    assert Deactivation.model_validate(policy).moment(NOW) == moment


def test_default_policy_is_by_posting_date() -> None:
    """If the policy is absent, it is by posting date and applies now."""
    assert Deactivation().deactivation_type == "postingDate"
    assert Deactivation() == Deactivation.model_validate({"deactivationType": "postingDate"})


@pytest.mark.parametrize(
    "policy",
    [
        {"afterDays": -1},
        {"afterDays": 3651},
        {"afterDays": "7"},
        {"afterDays": True},
        {"afterDays": 1.5},
        {"deactivationType": "posting_date"},
        {"deactivationDate": datetime(2027, 1, 1, tzinfo=timezone.utc)},
        {"afterDays": 1, "deactivationDate": "2027-01-31T00:00:00Z"},
    ],
)
def test_invalid_policy_is_refused(policy: dict[str, object]) -> None:
    """If a policy has two dates, a wrong type, or a period beyond ten years, the model refuses it."""
    with pytest.raises(ValidationError):
        Deactivation.model_validate(policy)


def test_inputs_use_the_names_of_the_api() -> None:
    """The model reads and writes the names of the API, and doesn't write inputs that are absent."""
    inputs = Inputs.model_validate({**INPUTS, "deactivation": {"afterDays": 7}})

    assert inputs.external_identifier == "stripe-eu"
    assert inputs.model_dump(by_alias=True, exclude_unset=True, exclude={"secret_payload"}) == {
        name: value for name, value in INPUTS.items() if name != "secretPayload"
    } | {"deactivation": {"afterDays": 7}}


def test_absent_inputs_equal_their_defaults() -> None:
    """If a state lacks an input, the model returns the input's default."""
    inputs = Inputs.model_validate(INPUTS)

    assert (
        inputs.merchant_account_codes,
        inputs.reference_account_id,
        inputs.deactivation,
        inputs.allow_unlisted,
        inputs.deletion_protection,
    ) == (None, None, None, False, False)


def test_no_text_form_of_the_inputs_shows_a_credential() -> None:
    """No text form of the inputs shows a credential. Only `reveal_payload` returns the payload."""
    inputs = Inputs.model_validate(INPUTS)

    assert CANARY not in f"{inputs} {inputs!r} {inputs.model_dump()} {inputs.model_dump_json()}"
    assert inputs.reveal_payload() == {"apiKey": CANARY}


def test_inputs_are_immutable() -> None:
    """If code assigns to a field of validated inputs, the model raises an error."""
    inputs: Any = Inputs.model_validate(INPUTS)
    with pytest.raises(ValidationError, match="frozen"):
        inputs.source = "adyen"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("externalIdentifier", ""),
        ("externalIdentifier", "x" * 256),
        ("externalIdentifier", 7),
        ("integrationName", ""),
        ("source", ""),
        ("secretType", ""),
        ("secretPayload", CANARY),
        ("secretPayload", [CANARY]),
        ("merchantAccountCodes", "acct_1"),
        ("merchantAccountCodes", [""]),
        ("merchantAccountCodes", [7]),
        ("referenceAccountId", ""),
        ("referenceAccountId", "two words"),
        ("referenceAccountId", "line\nbreak"),
        ("referenceAccountId", "ümlaut"),
        ("environment", "staging"),
        ("deactivation", "postingDate"),
        ("allowUnlisted", "yes"),
        ("allowUnlisted", 1),
    ],
)
def test_invalid_input_is_refused(name: str, value: object) -> None:
    """If an input has an invalid type, length or header value, the model refuses it.

    The error does not show the credential.
    """
    with pytest.raises(ValidationError) as refused:
        Inputs.model_validate({**INPUTS, name: value})

    assert refused.value.errors()[0]["loc"][0] == name
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("length", [1, 255])
def test_external_identifier_may_have_1_to_255_characters(length: int) -> None:
    """An external identifier may have 1 character or 255 characters."""
    assert Inputs.model_validate({**INPUTS, "externalIdentifier": "x" * length}).external_identifier == "x" * length


def test_record_ignores_new_fields_and_accepts_new_statuses() -> None:
    """If a record has a new field or a new status, as from a later version of the API, the model accepts it."""
    record = RemoteRecord.model_validate({"integrationId": "i", "source": "shopify", "status": "PAUSED", "extra": 1})

    assert record == RemoteRecord(integration_id="i", source="shopify", status="PAUSED", go_live_date=None)


@pytest.mark.parametrize("missing", ["integrationId", "source", "status"])
def test_record_without_a_required_field_is_refused(missing: str) -> None:
    """If a record lacks its id, source or status, the model refuses it."""
    record = {"integrationId": "i", "source": "stripe", "status": "PENDING"}
    del record[missing]
    with pytest.raises(ValidationError, match=missing):
        RemoteRecord.model_validate(record)


@pytest.mark.parametrize(
    ("status", "is_inactive"), [("INACTIVE", True), ("PENDING", False), ("SUCCESSFUL", False), ("FAILED", False)]
)
def test_only_inactive_is_final(status: str, is_inactive: bool) -> None:
    """`is_inactive` is true only for the status INACTIVE; a FAILED integration still exists."""
    assert RemoteRecord(integration_id="i", source="stripe", status=status).is_inactive is is_inactive


def test_unknown_values_are_split_from_known_ones() -> None:
    """`split_unknowns` returns the known values, and the paths of the unknown ones.

    A list with one unknown item is unknown as a whole.
    """
    value = {
        "a": 1,
        "b": UNKNOWN,
        "c": {"d": UNKNOWN, "e": "x", "f": {"g": UNKNOWN}},
        "h": ["x", UNKNOWN],
        "i": ["x"],
    }

    assert split_unknowns(value) == ({"a": 1, "c": {"e": "x", "f": {}}, "i": ["x"]}, {"b", "c.d", "c.f.g", "h"})
