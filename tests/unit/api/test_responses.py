"""Parsing the vendor's responses: documented shapes are read, and any other is described by its keys and types."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.api.responses import (
    ErrorBody,
    InvalidResponse,
    Page,
    compressions,
    created,
    error_body,
    page,
    parsed,
    record,
    retry_after,
)

CANARY = "canary-7f3b9c"
ID = "int-1"
RECORD: dict[str, object] = {"integrationId": ID, "source": "stripe", "status": "SUCCESSFUL"}
LIVE = "2027-01-31T00:00:00Z"
NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=timezone.utc)


def remote(*, status: str = "SUCCESSFUL", source: str = "stripe", go_live_date: str | None = None) -> RemoteRecord:
    """Return the expected record."""
    return RemoteRecord(integration_id=ID, source=source, status=status, go_live_date=go_live_date)


def parse_error(read: Callable[[], object]) -> str:
    """Return the text with which a callable refuses a response."""
    with pytest.raises(InvalidResponse) as unreadable:
        read()
    return str(unreadable.value)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", ""),
        ("identity", ""),
        (" Identity , ", ""),
        ("gzip", "gzip"),
        (" GZIP ", "GZIP"),
        ("x-gzip", "x-gzip"),
        ("identity, gzip", "gzip"),
        ("gzip, gzip", "gzip, gzip"),
        ("deflate,br", "deflate, br"),
    ],
)
def test_compressions_of_a_content_encoding(header: str, names: str) -> None:
    """`compressions` returns the names of a `Content-Encoding` header, without `identity`."""
    assert compressions(header) == names


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"[]", []),
        (b'"text"', "text"),
        ('{"ä": "ö"}'.encode(), {"ä": "ö"}),
    ],
)
def test_json_is_parsed(content: bytes, value: object) -> None:
    """`parsed` accepts any JSON document, with or without a byte order mark."""
    assert value == parsed(content)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "0 bytes that are not JSON"),
        (b"<html>canary-7f3b9c</html>", "26 bytes that are not JSON"),
        (b'{"integrationId": "canary-7f3b9c', "32 bytes that are not JSON"),
        (b"\xff\xfe\x00", "3 bytes that are not JSON"),
        (b'"\xc3\x28"', "4 bytes that are not JSON"),
        (b"[" * 200_000, "200000 bytes that are not JSON"),
        (b"1" * 5000, "5000 bytes that are not JSON"),
    ],
)
def test_invalid_json_is_described_by_its_length(content: bytes, text: str) -> None:
    """If a body is not JSON, is too deep or is cut off, the error shows only its length."""
    assert text == parse_error(lambda: parsed(content))


@pytest.mark.parametrize(
    "response",
    [
        RECORD,
        {"status": 200, "message": "OK", "data": RECORD},
        {**RECORD, "goLiveDate": None, "createdAt": 5, "data": {"status": "FAILED"}},
    ],
    ids=["bare", "enveloped", "with undocumented fields"],
)
def test_record_in_each_envelope(response: object) -> None:
    """`record` accepts a bare record (OpenAPI) and one below `data` (guide), whatever other fields there are."""
    assert remote().model_copy(update={"message": ""}) == record(response, ID)


@pytest.mark.parametrize("wrap", [False, True])
def test_go_live_date_of_a_record(wrap: bool) -> None:
    """If a record has a go-live date, `record` returns it."""
    response = {**RECORD, "goLiveDate": LIVE}

    expected = remote(go_live_date=LIVE).model_copy(update={"message": ""})
    assert expected == record({"data": response} if wrap else response, ID)


@pytest.mark.parametrize("status", ["PENDING", "SUCCESSFUL", "FAILED", "INACTIVE", "PAUSED"])
def test_status_of_a_record(status: str) -> None:
    """`record` returns any status unchanged, even one from a later version of the API."""
    found = record({**RECORD, "status": status}, ID)

    assert status == found.status
    assert (status == "INACTIVE") is found.is_inactive


UNDOCUMENTED_RECORDS: list[tuple[object, str]] = [
    ([RECORD], "[1 of {integrationId: text, source: text, status: text}]"),
    (CANARY, "text"),
    (None, "null"),
    (7, "number"),
    ({}, "{}"),
    ({"data": None}, "{data: null}"),
    ({"data": [RECORD]}, "{data: [1 of an object]}"),
    ({"data": {"data": RECORD}}, "{data: {data: an object}}"),
    ({"integration": RECORD}, "{integration: {integrationId: text, source: text, status: text}}"),
    ({**RECORD, "integrationId": 7}, "{integrationId: number, source: text, status: text}"),
    ({**RECORD, "integrationId": ""}, "{integrationId: text, source: text, status: text}"),
    ({**RECORD, "integrationId": None}, "{integrationId: null, source: text, status: text}"),
    ({**RECORD, "status": 200}, "{integrationId: text, source: text, status: number}"),
    ({**RECORD, "status": ""}, "{integrationId: text, source: text, status: text}"),
    ({**RECORD, "goLiveDate": 1_800_000_000}, "{integrationId: text, source: text, status: text, goLiveDate: number}"),
    ({"integrationId": ID, "status": "PENDING"}, "{integrationId: text, status: text}"),
    ({"status": 200, "message": CANARY, "id": ID}, "{status: number, message: text, id: text}"),
]


@pytest.mark.parametrize(("response", "shape"), UNDOCUMENTED_RECORDS)
def test_record_in_an_undocumented_shape(response: object, shape: str) -> None:
    """If a record has an undocumented shape, the error describes its keys and types, without a value."""
    assert shape == parse_error(lambda: record(response, ID))


def test_record_in_snake_case_is_undocumented() -> None:
    """If a record's keys are in snake_case, `record` refuses it, because the API uses only camelCase."""
    response = {"integration_id": ID, "source": "stripe", "status": "PENDING"}

    assert parse_error(lambda: record(response, ID)) == "{integration_id: text, source: text, status: text}"


def test_record_of_another_integration() -> None:
    """If a record has another id than the requested one, `record` refuses it and shows neither id."""
    assert parse_error(lambda: record({**RECORD, "integrationId": CANARY}, ID)) == "the record of another integration"
    assert parse_error(lambda: record({"data": RECORD}, CANARY)) == "the record of another integration"


@pytest.mark.parametrize(
    ("response", "records", "is_last"),
    [
        ([], 0, True),
        ([RECORD], 1, True),
        ([RECORD, RECORD], 2, False),
        ([RECORD, RECORD, RECORD], 3, False),
        ({"data": []}, 0, True),
        ({"data": [RECORD]}, 1, True),
        ({"data": [RECORD, RECORD], "hasMore": None}, 2, False),
        ({"status": 200, "message": "OK", "hasMore": True, "data": [RECORD]}, 1, False),
        ({"status": 200, "message": "OK", "hasMore": True, "data": [RECORD, RECORD]}, 2, False),
        ({"status": 200, "message": "OK", "hasMore": False, "data": [RECORD, RECORD]}, 2, True),
        ({"status": 200, "message": "OK", "hasMore": True, "data": []}, 0, False),
    ],
)
def test_page_in_each_envelope(response: object, records: int, is_last: bool) -> None:
    """If a page has `hasMore`, that says whether it is the last one.

    Otherwise a page that is not full is the last one.
    """
    assert page(response, 2) == Page((remote(),) * records, is_last)


def test_page_keeps_the_order_and_drops_undocumented_fields() -> None:
    """`page` returns the records in their order, and ignores undocumented fields and a go-live date of null."""
    records = [{**RECORD, "integrationId": name, "goLiveDate": None, "createdAt": 5} for name in ("b", "a")]

    assert [each.integration_id for each in page(records, 100).records] == ["b", "a"]
    assert page(records, 100).records[0].go_live_date is None


@pytest.mark.parametrize(
    ("response", "shape"),
    [
        (None, "null"),
        ("canary-7f3b9c", "text"),
        ({}, "{}"),
        (RECORD, "{integrationId: text, source: text, status: text}"),
        ({"data": RECORD}, "{data: {integrationId: text, source: text, status: text}}"),
        ({"data": None, "hasMore": False}, "{data: null, hasMore: true/false}"),
        ([5], "[1 of number]"),
        ([RECORD, {"integrationId": "canary-7f3b9c"}], "[2 of {integrationId: text, source: text, status: text}]"),
        ([{**RECORD, "integrationId": ""}], "[1 of {integrationId: text, source: text, status: text}]"),
        ({"data": ["canary-7f3b9c"]}, "{data: [1 of text]}"),
    ],
)
def test_page_in_an_undocumented_shape(response: object, shape: str) -> None:
    """If one record of a page is invalid, `page` refuses the whole page. A partial list would prove wrong facts."""
    assert shape == parse_error(lambda: page(response, 100))


@pytest.mark.parametrize(
    "response",
    [
        {"integrationId": ID},
        {"status": 201, "message": "Created", "id": ID},
        {"id": ID},
        {"status": 201, "message": "Created", "data": {"integrationId": ID}},
        {"data": {"id": ID}},
        {"integrationId": "", "id": ID},
        {"integrationId": None, "data": {"integrationId": ID}},
    ],
)
def test_creation_in_each_envelope(response: object) -> None:
    """`created` finds the new id in each documented envelope, also below `data`. The status defaults to PENDING."""
    assert remote(status="PENDING", source="adyen") == created(response, "adyen")


def test_id_with_pulumi_color_markup_is_refused() -> None:
    """If an id has Pulumi's color markup, the record is refused, because Pulumi would abort the update that shows it.

    In a source, which is only shown, the markup is changed.
    """
    text = "a<{%b"
    for response in ({"integrationId": text}, {"id": text}):
        with pytest.raises(InvalidResponse):
            created(response, "stripe")
    with pytest.raises(InvalidResponse):
        page([{**RECORD, "integrationId": text}], 100)
    assert record({**RECORD, "source": text}, ID).source == "a< {%b"


def test_openapi_name_of_the_new_id_wins() -> None:
    """If a creation has several ids, `integrationId` wins over `id`, and the outer envelope over the inner one."""
    response = {"integrationId": ID, "id": "other", "data": {"integrationId": "another"}}

    assert created(response, "stripe").integration_id == ID


@pytest.mark.parametrize(
    ("value", "status"),
    [("SUCCESSFUL", "SUCCESSFUL"), ("FAILED", "FAILED"), (201, "PENDING"), ("success", "PENDING"), ("", "PENDING")],
)
def test_creation_with_a_status(value: object, status: str) -> None:
    """If a creation has the integration's status, `created` returns that status, and not the HTTP status."""
    response = {"integrationId": ID, "status": value, "goLiveDate": LIVE}

    assert remote(status=status, go_live_date=LIVE) == created(response, "stripe")
    assert remote(status=status, go_live_date=LIVE) == created({"status": 201, "data": response}, "stripe")


@pytest.mark.parametrize(
    "extra",
    [{"goLiveDate": 5}, {"goLiveDate": None}, {"goLiveDate": {}}, {"status": None}, {"status": []}, {"source": 5}],
)
def test_invalid_fields_beside_the_new_id_are_ignored(extra: dict[str, object]) -> None:
    """If a creation has an id and other fields are invalid, `created` ignores those fields. The integration exists."""
    assert remote(status="PENDING") == created({"integrationId": ID, **extra}, "stripe")


@pytest.mark.parametrize("extra", [{"status": "A\ud800"}, {"goLiveDate": "\ud800"}])
def test_lone_surrogates_beside_the_new_id_are_dropped(extra: dict[str, object]) -> None:
    """If a field beside the new id has a lone surrogate, which UTF-8 can't encode, `created` ignores the field."""
    response = parsed(json.dumps({"integrationId": ID, **extra}).encode())

    assert remote(status="PENDING") == created(response, "stripe")


def test_lone_surrogate_in_the_new_id_is_refused() -> None:
    """If the new id has a lone surrogate, `created` refuses the response, so the create is ambiguous."""
    assert parse_error(lambda: created(parsed(b'{"integrationId": "\\ud800"}'), "stripe")) == "{integrationId: text}"


@pytest.mark.parametrize(
    ("response", "shape"),
    [
        ({}, "{}"),
        ([ID], "[1 of text]"),
        (CANARY, "text"),
        (None, "null"),
        ({"integrationId": 7}, "{integrationId: number}"),
        ({"integrationId": ""}, "{integrationId: text}"),
        ({"status": 201, "message": CANARY}, "{status: number, message: text}"),
        ({"data": [{"integrationId": ID}]}, "{data: [1 of an object]}"),
        ({"integration": {"id": CANARY}}, "{integration: {id: text}}"),
        ({"merchantUuid": CANARY}, "{merchantUuid: text}"),
    ],
)
def test_creation_without_an_id(response: object, shape: str) -> None:
    """If a creation has no id, the error describes its keys and types, without a value."""
    assert shape == parse_error(lambda: created(response, "stripe"))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"status": 400, "message": "no", "errorId": "err-1"}, ErrorBody("no", "err-1")),
        ({"error": "Bad Request", "message": "no", "errorId": "err-1"}, ErrorBody("no", "err-1")),
        ({"message": "no", "statusCode": 404}, ErrorBody("no", None)),
        ({"error": "Bad Request", "errorId": "err-1"}, ErrorBody("Bad Request", "err-1")),
        ({"error": "Bad Request", "message": "", "errorId": ""}, ErrorBody("Bad Request", None)),
        ({"message": ["one", "two"], "error": "Bad Request"}, ErrorBody("one; two", None)),
        ({"message": "no", "errorId": 77}, ErrorBody("no", "77")),
        ({"message": "no", "errorId": None}, ErrorBody("no", None)),
        ({"message": "no", "errorId": {"echo": CANARY}}, ErrorBody("no", None)),
        ([{"message": CANARY}], ErrorBody("[1 of {message: text}]", None)),
        (CANARY, ErrorBody("text", None)),
        (None, ErrorBody("null", None)),
    ],
)
def test_error_in_each_envelope(response: object, expected: ErrorBody) -> None:
    """`error_body` finds the message and the errorId in each documented envelope.

    Any other document is described by its shape.
    """
    assert expected == error_body(json.dumps(response).encode())


@pytest.mark.parametrize(
    "response", [{"detail": CANARY}, {"errors": [{"field": CANARY}]}, {"message": None, "code": 7}]
)
def test_error_in_an_undocumented_envelope_shows_its_shape(response: dict[str, object]) -> None:
    """If an error has an undocumented envelope, `error_body` shows its keys, without values.

    The user would otherwise see only a status number.
    """
    message = error_body(json.dumps(response).encode()).message

    assert CANARY not in message
    assert all(key in message for key in response)


@pytest.mark.parametrize(
    "response",
    [
        {"message": {"target": CANARY}},
        {"message": [{"target": {"apiKey": CANARY}}]},
        {"error": {"code": 7, "echo": CANARY}},
    ],
)
def test_error_message_that_is_an_object_shows_no_values(response: dict[str, object]) -> None:
    """If an error's message is an object, `error_body` shows no value of it, because it may repeat what was sent."""
    assert CANARY not in error_body(json.dumps(response).encode()).message


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", ""), (b"<html>canary-7f3b9c</html>", "a response that is not JSON, so perhaps from a proxy")],
)
def test_error_that_is_not_json(content: bytes, message: str) -> None:
    """If an error is not JSON, `error_body` says that it may come from a proxy. An empty body has no message."""
    assert ErrorBody(message) == error_body(content)


NAMES = st.sampled_from(
    ["integrationId", "id", "data", "status", "source", "goLiveDate", "message", "error", "errorId"]
)
LETTERS = st.text(st.characters(exclude_categories=[]), max_size=5)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(10**12, 10**13)
    | st.floats(allow_nan=True)
    | LETTERS.map(lambda text: CANARY + text)
    | st.just("")
)
JSON = st.recursive(
    VALUES, lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(NAMES, deeper, max_size=9), max_leaves=25
)


def numbers_of(value: object) -> set[str]:
    """Return the large numbers within *value* as text."""
    if isinstance(value, dict):
        return {text for item in value.values() for text in numbers_of(item)}
    if isinstance(value, list):
        return {text for item in value for text in numbers_of(item)}
    return {str(value)} if isinstance(value, int) and not isinstance(value, bool) else set()


def parse_error_or_nothing(read: Callable[[], object]) -> str:
    """Return the text with which a callable refuses a response, or an empty string."""
    try:
        read()
    except InvalidResponse as unreadable:
        return str(unreadable)
    return ""


@given(JSON)
@example({"integrationId": CANARY + "\ud800"})
def test_any_json_is_parsed_or_refused(response: object) -> None:
    """Any JSON is accepted, or raises InvalidResponse without a value of the document."""
    for text in (
        parse_error_or_nothing(lambda: record(response, ID)),
        parse_error_or_nothing(lambda: created(response, "stripe")),
    ):
        assert CANARY not in text
        assert not any(number in text for number in numbers_of(response))


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()[:-1]))
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    """Any bytes are accepted as JSON, or raise InvalidResponse with only their number."""
    assert parse_error_or_nothing(lambda: parsed(content)) in ("", f"{len(content)} bytes that are not JSON")


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_error_body_never_raises(content: bytes) -> None:
    """For any body, `error_body` returns an `ErrorBody`. An exception would hide that the response was an error."""
    found = error_body(content)

    assert isinstance(found.message, str)
    assert found.error_id is None or isinstance(found.error_id, str)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("86400", 86400.0),
        ("86401", 86400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """`retry_after` accepts seconds and HTTP dates, of at most a day. Any other text counts as absent."""
    assert seconds == retry_after(value, NOW)


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=5))])
def test_retry_after_with_a_date(zone: timezone) -> None:
    """If `Retry-After` is a date in any time zone, it counts from the time of the response."""
    header = format_datetime((NOW + timedelta(seconds=90)).astimezone(zone))

    assert retry_after(header, NOW) == 90.0


def test_retry_after_with_a_date_without_a_zone() -> None:
    """If `Retry-After` is a date without a time zone, the date is in UTC."""
    header = (NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S -0000")

    assert retry_after(header, NOW) == 90.0


@pytest.mark.parametrize(
    "value",
    [
        "\xb2",
        "9" * 400,
        "Wed, 21 Oct 2015 07:28:00 +99999999999999",
        "1 Jan 10000000000000000000000 00:00:00",
    ],
    ids=["superscript", "beyond any float", "zone beyond any clock", "year beyond any calendar"],
)
def test_retry_after_out_of_range(value: str) -> None:
    """If `Retry-After` is no usable number or date, `retry_after` neither raises nor returns an endless wait."""
    seconds = retry_after(value, NOW)

    assert seconds is None or math.isfinite(seconds)


@given(LETTERS | st.integers().map(str) | st.datetimes().map(format_datetime))
def test_retry_after_is_a_wait_or_absent(value: str) -> None:
    """For any header, `retry_after` returns a number of seconds that is not negative, or None."""
    seconds = retry_after(value, NOW)

    assert seconds is None or seconds >= 0.0
