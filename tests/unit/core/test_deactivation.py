"""When an integration stops, and what each response to its DELETE means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_justt.api.models import to_vendor_time
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.session import Session
from pulumi_justt.errors import RequestRefused, StateConflict, UnexpectedResponse
from support.live_core import Live
from support.scripted_client import (
    NAMED,
    NOW,
    RECORDED,
    Scripted,
    record,
    refusal,
)


@pytest.mark.parametrize(
    ("policy", "kind", "date", "status"),
    [
        (None, "postingDate", "2027-01-15T08:00:00Z", "INACTIVE"),
        ({"deactivationType": "dueDate"}, "dueDate", "2027-01-15T08:00:00Z", "INACTIVE"),
        ({"afterDays": 7}, "postingDate", "2027-01-22T08:00:00Z", "PENDING"),
        ({"deactivationDate": "2027-12-31T23:59:59Z"}, "postingDate", "2027-12-31T23:59:59Z", "PENDING"),
    ],
)
def test_delete_sends_the_recorded_policy(
    live: Live, policy: dict[str, object] | None, kind: str, date: str, status: str
) -> None:
    """Delete sends the deactivation type and date that follow from the recorded policy.

    If the date is in the future, a note says that the integration runs until then.
    """
    integration_id, remembered = live.created(referenceAccountId="acc_1")

    live.core().delete(integration_id, {**remembered, **({"deactivation": policy} if policy else {})})

    kept = live.simulator.records.integration(integration_id)
    assert kept is not None
    assert (kept.deactivation_type, kept.deactivation_date, kept.status) == (kind, date, status)
    assert live.requests == [("DELETE", f"/integrations/{integration_id}", "acc_1")]
    assert live.simulator.requests[0].body["integrationId"] == integration_id
    named = f"deactivating the stripe integration {remembered['externalIdentifier']!r} ({integration_id})"
    later = [f"note: {named}: it runs until {date}; the state no longer has it."]
    assert live.messages == (later if status == "PENDING" else [])


def test_delete_uses_the_recorded_account(live: Live) -> None:
    """If a default account is configured after the create, delete still sends the recorded account: none."""
    integration_id, remembered = live.created()

    live.core({"referenceAccountId": "acc_new"}).delete(integration_id, remembered)

    assert live.requests == [("DELETE", f"/integrations/{integration_id}", None)]


def test_delete_after_the_recorded_date_deactivates_now(live: Live) -> None:
    """If the recorded deactivation date has passed, delete sends the current time instead and logs a warning."""
    integration_id, remembered = live.created()

    live.core().delete(integration_id, {**remembered, "deactivation": {"deactivationDate": "2027-01-15T07:59:59Z"}})

    kept = live.simulator.records.integration(integration_id)
    assert kept is not None
    assert kept.deactivation_date == "2027-01-15T08:00:00Z"
    assert live.messages == [
        (
            f"warning: deactivating the stripe integration 'stripe-eu' ({integration_id}): its deactivation date "
            "2027-01-15T07:59:59Z has passed, so it stops now."
        )
    ]


def test_delete_of_an_inactive_integration_succeeds(live: Live) -> None:
    """If the DELETE of an INACTIVE integration is refused, delete reads the integration and succeeds."""
    integration_id, remembered = live.created(referenceAccountId="acc_1")
    live.core().delete(integration_id, remembered)
    live.simulator.clear_requests()

    live.core().delete(integration_id, remembered)

    assert live.requests == [
        ("DELETE", f"/integrations/{integration_id}", "acc_1"),
        ("GET", f"/integrations/{integration_id}", "acc_1"),
    ]
    assert live.messages == []


def test_refused_delete_is_an_error() -> None:
    """If a DELETE is refused and the following GET shows that the integration is active, delete fails."""
    scripted = Scripted([refusal(400, "not today"), record("SUCCESSFUL")])

    with pytest.raises(RequestRefused, match="Justt answered 400: not today"):
        scripted.core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE", "GET"]


def test_delete_reports_the_refusal_if_the_read_fails() -> None:
    """If a DELETE is refused and the following GET fails too, delete raises the error of the DELETE."""
    scripted = Scripted([refusal(400, "not today"), refusal(403, "nor that")])

    with pytest.raises(RequestRefused, match="Justt answered 400: not today"):
        scripted.core.delete("id-1", RECORDED)


@pytest.mark.parametrize("status", [401, 403])
def test_delete_with_a_refused_key_sends_no_get(status: int) -> None:
    """If a DELETE gets a 401 or 403, delete raises that error at once and sends no GET."""
    scripted = Scripted([refusal(status)])

    with pytest.raises(RequestRefused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", RECORDED)
    assert scripted.methods == ["DELETE"]


LATER = {**RECORDED, "deactivation": {"afterDays": 7}}


def test_refusal_after_an_unanswered_delete_with_a_future_date_succeeds() -> None:
    """If a DELETE with a future date is unanswered and its retry is refused, delete succeeds with a warning.

    The provider assumes that Justt accepted the first attempt.
    """
    scripted = Scripted([httpx.ReadTimeout("slow"), refusal(400, "scheduled already"), record("SUCCESSFUL")])

    scripted.core.delete("id-1", LATER)

    assert scripted.methods == ["DELETE", "DELETE", "GET"]
    assert scripted.messages == [
        (
            f"warning: deactivating {NAMED}: an earlier attempt got no response, and this one was refused (Justt "
            "answered 400: scheduled already, after 2 attempts). The provider assumes that the earlier attempt "
            "scheduled it for 2027-01-22T08:00:00Z. Look it up at Justt after that date."
        )
    ]


@pytest.mark.parametrize("policy", [LATER, RECORDED])
def test_delete_with_a_future_date_keeps_the_claim(tmp_path: Path, policy: dict[str, Any]) -> None:
    """If delete deactivates an integration at a future date, the journal keeps the resource's claim.

    If delete deactivates the integration now, the claim ends.
    """
    session = Session(Scripted([]).core.settings.base_url, Journal(tmp_path))
    journal, base_url = session.journal, session.base_url
    assert journal.claim(base_url, "id-1", "urn:a") == "urn:a"

    Scripted([record("PENDING")], session=session).core.delete("id-1", policy)

    assert journal.claimed_ids(base_url) == ({"id-1"} if policy is LATER else set())


def test_refusal_after_an_unanswered_delete_for_now_is_an_error() -> None:
    """If a DELETE for now is unanswered, its retry is refused and a GET shows SUCCESSFUL, delete fails.

    If Justt had accepted the first attempt, the integration would be INACTIVE.
    """
    scripted = Scripted([refusal(500), refusal(400), record("SUCCESSFUL")])

    with pytest.raises(RequestRefused):
        scripted.core.delete("id-1", RECORDED)


@pytest.mark.parametrize("status", [300, 302, 307, 308, 402, 405, 406, 407, 411, 413, 415, 431, 451])
def test_proxy_response_after_an_unanswered_delete_never_drops_state(status: int) -> None:
    """If a DELETE is unanswered and its retry gets a status that only a proxy sends, delete fails."""
    scripted = Scripted([refusal(503), refusal(status), record("SUCCESSFUL")])

    with pytest.raises(RequestRefused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", LATER)


@pytest.mark.parametrize("status", [401, 403])
def test_delete_with_a_refused_key_never_drops_state(status: int) -> None:
    """If a DELETE is unanswered and its retry gets a 401 or 403, delete fails. The integration stays in the state."""
    scripted = Scripted([refusal(500), refusal(status)])

    with pytest.raises(RequestRefused, match=f"Justt answered {status}"):
        scripted.core.delete("id-1", LATER)


def test_404_after_an_unanswered_delete_keeps_the_state() -> None:
    """If a DELETE is unanswered and its retry gets a 404, delete fails. The integration stays in the state."""
    scripted = Scripted([refusal(500), refusal(404)])

    with pytest.raises(StateConflict):
        scripted.core.delete("id-1", LATER)


@pytest.mark.parametrize("response", [httpx.Response(200), httpx.Response(204), httpx.Response(200, json={"a": 1})])
def test_delete_succeeds_without_a_body_or_with_any_json(response: httpx.Response) -> None:
    """If a DELETE gets a 2xx response with an empty body or any JSON, delete succeeds."""
    scripted = Scripted([response])

    scripted.core.delete("id-1", RECORDED)

    assert json.loads(scripted.requests[0].content) == {
        "integrationId": "id-1",
        "deactivationType": "postingDate",
        "deactivationDate": "2027-01-15T08:00:00Z",
    }


def response_at(date: str) -> httpx.Response:
    """Return a successful response with this `Date`."""
    return httpx.Response(200, headers={"date": date})


AT_NOW = "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize(
    ("local", "text"),
    [
        (
            NOW + timedelta(hours=1),
            (
                "3,600 s ahead of Justt's, so the date 2027-01-15T09:00:00Z, which was sent to stop the integration "
                "now, is in the future "
                "for Justt, and the integration runs until then"
            ),
        ),
        (
            NOW - timedelta(seconds=62),
            (
                "62 s behind Justt's, so the date 2027-01-15T07:58:58Z, which was sent to stop the integration now, is "
                "in Justt's past"
            ),
        ),
    ],
)
def test_delete_warns_once_that_the_clock_is_wrong(local: datetime, text: str) -> None:
    """If the local clock differs from Justt's by more than a minute, the first delete warns and later ones don't.

    The date for "now" is sent unchanged, as the local clock gives it.
    """
    scripted = Scripted([response_at(AT_NOW), response_at(AT_NOW)], now=local)
    core = scripted.core

    core.delete("id-1", RECORDED)
    core.delete("id-1", {**RECORDED, "deactivation": {"deactivationDate": "2020-01-01T00:00:00Z"}})

    assert scripted.messages[0] == (
        f"warning: deactivating {NAMED}: the clock of this machine is {text}. Set the clock. The date is wrong "
        "in the same way for each integration that this command stops now."
    )
    assert [text for text in scripted.messages[1:] if "clock" in text] == []
    assert json.loads(scripted.requests[0].content)["deactivationDate"] == to_vendor_time(local)


def test_refused_delete_warns_that_the_clock_is_wrong() -> None:
    """If a DELETE is refused and the local clock is two hours behind Justt's, a warning names the difference."""
    refused = httpx.Response(400, json={"message": "deactivationDate is in the past"}, headers={"date": AT_NOW})
    scripted = Scripted([refused, record("PENDING")], now=NOW - timedelta(hours=2))

    with pytest.raises(RequestRefused):
        scripted.core.delete("id-1", RECORDED)

    assert len(scripted.messages) == 1
    assert "7,200 s behind Justt's" in scripted.messages[0]


@pytest.mark.parametrize(
    ("response", "olds", "local"),
    [
        (response_at(AT_NOW), RECORDED, NOW + timedelta(seconds=60)),
        (response_at(AT_NOW), LATER, NOW + timedelta(hours=1)),
        (response_at("yesterday"), RECORDED, NOW + timedelta(hours=1)),
        (httpx.Response(200, headers={"date": AT_NOW, "age": "3600"}), RECORDED, NOW + timedelta(hours=1)),
        (httpx.Response(200), RECORDED, NOW + timedelta(hours=1)),
    ],
    ids=["a minute", "a later date", "no date", "a date kept by a cache", "no header"],
)
def test_delete_does_not_warn_of_a_harmless_clock(
    response: httpx.Response, olds: dict[str, object], local: datetime
) -> None:
    """Delete logs no warning if the local clock differs by only a minute, or if the deactivation date is a week away.

    Nor does delete warn if the response has no valid and fresh `Date`.
    """
    scripted = Scripted([response], now=local)

    scripted.core.delete("id-1", olds)

    assert [text for text in scripted.messages if "clock" in text] == []


def login_page() -> httpx.Response:
    """Return a proxy's login page."""
    return httpx.Response(200, html="<p>Sign in</p>")


def compressed() -> httpx.Response:
    """Return a compressed response, which no request allows."""
    return httpx.Response(200, content=iter([b"\x1f\x8b"]), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize("olds", [RECORDED, LATER])
@pytest.mark.parametrize("response", [login_page, compressed])
def test_delete_with_a_login_page_succeeds_if_a_read_shows_inactive(
    response: Callable[[], httpx.Response], olds: dict[str, object]
) -> None:
    """If a DELETE gets a login page or a compressed response, delete succeeds if the following GET shows INACTIVE."""
    scripted = Scripted([response(), record("INACTIVE")])

    scripted.core.delete("id-1", olds)

    assert scripted.methods == ["DELETE", "GET"]
    assert scripted.messages == []


@pytest.mark.parametrize("olds", [RECORDED, LATER])
@pytest.mark.parametrize("reads", [[record("SUCCESSFUL")], [login_page(), login_page()], [refusal(404)]])
def test_delete_with_a_login_page_keeps_the_state(reads: list[httpx.Response], olds: dict[str, object]) -> None:
    """If a DELETE gets a login page and no GET shows INACTIVE, delete fails. The integration stays in the state."""
    scripted = Scripted([login_page(), *reads])

    with pytest.raises(UnexpectedResponse) as raised:
        scripted.core.delete("id-1", olds)

    assert str(raised.value) == (
        f"deactivating {NAMED}: Justt answered 200 with an undocumented shape, 14 bytes that are not JSON. Justt does "
        "not show it as INACTIVE, so it stays in the state. A proxy or a login page may have answered instead of "
        "Justt: check the network and justt:baseUrl, then run the command again."
    )
    assert raised.value.__cause__ is None
