"""The models of the core: what they accept, how they are spelled in the state, and what they never show."""

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


def test_the_sources_are_the_vendors_list() -> None:
    """The list is the one of the vendor's page, in its order."""
    assert SOURCES == ("stripe", "braintree", "paypal", "adyen", "justt_sandbox")


def test_there_is_one_unknown() -> None:
    """What a preview lacks is one value, and may be compared by identity."""
    assert list(Unknown) == [UNKNOWN]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 31, tzinfo=timezone.utc), "2027-01-31T00:00:00Z"),
        (NOW, "2027-01-15T08:00:00Z"),
        (datetime(2027, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2027-01-30T23:30:00Z"),
    ],
)
def test_a_moment_is_written_as_the_vendor_wants_it(moment: datetime, text: str) -> None:
    """Dates go out in UTC with whole seconds, wherever they come from."""
    assert to_vendor_time(moment) == text


def test_a_moment_survives_a_round_trip() -> None:
    """What was written can be read again."""
    assert from_vendor_time("2027-01-31T23:59:59Z") == datetime(2027, 1, 31, 23, 59, 59, tzinfo=timezone.utc)


NO_MOMENTS = [
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


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_another_form_of_a_moment_is_refused(text: str) -> None:
    """Only the vendor's form is taken, and only for days and times that exist."""
    with pytest.raises(ValidationError, match="must be a moment in UTC such as 2027-01-31T00:00:00Z"):
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
def test_a_policy_gives_the_moment_of_a_deactivation(policy: dict[str, object], moment: datetime) -> None:
    """A policy is counted from the deletion, or is the date itself even if that has passed."""
    assert Deactivation.model_validate(policy).moment(NOW) == moment


def test_the_default_policy_is_by_posting_date() -> None:
    """An absent policy is the empty one: by posting date, at once."""
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
def test_a_policy_that_means_nothing_is_refused(policy: dict[str, object]) -> None:
    """A policy has at most one moment, of the right type, within ten years."""
    with pytest.raises(ValidationError):
        Deactivation.model_validate(policy)


def test_inputs_are_spelled_as_the_api_spells_them() -> None:
    """The state's keys are aliases of the Python names, and what is absent is not written."""
    inputs = Inputs.model_validate({**INPUTS, "deactivation": {"afterDays": 7}})

    assert inputs.external_identifier == "stripe-eu"
    assert inputs.model_dump(by_alias=True, exclude_unset=True, exclude={"secret_payload"}) == {
        name: value for name, value in INPUTS.items() if name != "secretPayload"
    } | {"deactivation": {"afterDays": 7}}


def test_absent_inputs_equal_their_defaults() -> None:
    """State that was written before an input existed reads as if it had been left out."""
    inputs = Inputs.model_validate(INPUTS)

    assert (
        inputs.merchant_account_codes,
        inputs.reference_account_id,
        inputs.deactivation,
        inputs.allow_unlisted,
        inputs.deletion_protection,
    ) == (None, None, None, False, False)


def test_credentials_show_in_no_text_form_of_the_inputs() -> None:
    """Only the method that says so reveals the payload."""
    inputs = Inputs.model_validate(INPUTS)

    assert CANARY not in f"{inputs} {inputs!r} {inputs.model_dump()} {inputs.model_dump_json()}"
    assert inputs.reveal_payload() == {"apiKey": CANARY}


def test_inputs_can_not_be_changed() -> None:
    """What was validated stays what it was."""
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
def test_an_input_that_the_vendor_would_refuse_is_refused(name: str, value: object) -> None:
    """Lengths, types and the form of a header are verified, and the error does not show the input."""
    with pytest.raises(ValidationError) as refused:
        Inputs.model_validate({**INPUTS, name: value})

    assert refused.value.errors()[0]["loc"][0] == name
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("length", [1, 255])
def test_an_external_identifier_may_have_1_to_255_characters(length: int) -> None:
    """The vendor's bounds are included."""
    assert Inputs.model_validate({**INPUTS, "externalIdentifier": "x" * length}).external_identifier == "x" * length


def test_a_record_is_read_with_whatever_the_vendor_adds() -> None:
    """Only the documented fields of a record matter, and a new one or a new status is no error."""
    record = RemoteRecord.model_validate({"integrationId": "i", "source": "shopify", "status": "PAUSED", "extra": 1})

    assert record == RemoteRecord(integration_id="i", source="shopify", status="PAUSED", go_live_date=None)


@pytest.mark.parametrize("missing", ["integrationId", "source", "status"])
def test_a_record_without_a_required_field_is_none(missing: str) -> None:
    """What the vendor requires of a record has to be there."""
    record = {"integrationId": "i", "source": "stripe", "status": "PENDING"}
    del record[missing]
    with pytest.raises(ValidationError, match=missing):
        RemoteRecord.model_validate(record)


@pytest.mark.parametrize(
    ("status", "is_inactive"), [("INACTIVE", True), ("PENDING", False), ("SUCCESSFUL", False), ("FAILED", False)]
)
def test_only_inactive_is_the_end(status: str, is_inactive: bool) -> None:
    """A failed integration still exists."""
    assert RemoteRecord(integration_id="i", source="stripe", status=status).is_inactive is is_inactive


def test_what_is_known_is_split_from_what_is_not() -> None:
    """Unknown values are named by their paths, and a list with one unknown item is unknown as a whole."""
    value = {
        "a": 1,
        "b": UNKNOWN,
        "c": {"d": UNKNOWN, "e": "x", "f": {"g": UNKNOWN}},
        "h": ["x", UNKNOWN],
        "i": ["x"],
    }

    assert split_unknowns(value) == ({"a": 1, "c": {"e": "x", "f": {}}, "i": ["x"]}, {"b", "c.d", "c.f.g", "h"})
