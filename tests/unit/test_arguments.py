"""Arguments that the SDK can't send or would change: the error is one sentence, for plain values and for Outputs."""

from __future__ import annotations

import gc
import math
from collections import UserList, UserString
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pulumi
import pytest
from pulumi import AssetArchive, FileAsset, Output

import pulumi_justt as justt
from pulumi_justt.arguments import EmptyArgument, InvalidArgument, given, sendable
from pulumi_justt.credentials import ApiKeyOnly
from pulumi_justt.references import VariableReference
from support.mocked_program import SECRET, SIGNATURE, minimal, run_program

DATE: Any = date(2031, 1, 1)
ID: Any = UUID(int=1)
BYTES: Any = b"p"
FIVE: Any = 5
VARIABLE: Any = justt.from_env("A")


MARKERS = (
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
)
"""The markers of the engine's protocol for unknown values: text, boolean, object."""


def nested(levels: int) -> Any:  # noqa: ANN401 - a list of lists
    """Return a list that is nested *levels* deep."""
    value: Any = "a"
    for _ in range(levels):
        value = [value]
    return value


def endless() -> dict[str, Any]:
    """Return an object that contains itself, and so can't be encoded as JSON."""
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


class Text(str, Enum):
    """An Enum that JSON encodes as text."""

    A = "a"


class Plain(Enum):
    """An Enum that JSON can't encode."""

    A = "a"


def unlisted(payload: dict[Any, Any]) -> justt.PaymentIntegration:
    """Create an integration with a payload of any form."""
    return minimal(credentials=justt.credentials.Unlisted(secret_type="X", payload=payload), allow_unlisted=True)


def secret_reference() -> VariableReference:
    """Return a reference that a program built by hand around a secret Output.

    A reviewer couldn't read its variable's name.
    """
    name: Any = Output.secret("A")
    return VariableReference(name, 1)


@pytest.mark.parametrize(
    "value",
    [None, True, "a", "\u00e9", 0, -1.5, 2**53, -(2**53), {"a": [1, {"b": ""}]}, [["x"]], {}, []],
)
def test_json_values_are_sent_unchanged(value: object) -> None:
    """`sendable` returns a value that consists of JSON types unchanged."""
    assert sendable("it", "name", value) == value


def test_tuples_and_text_enums_are_accepted() -> None:
    """`sendable` returns a tuple as a list, and a member of a string Enum as a string.

    `sendable` accepts 32 levels of lists.
    """
    assert sendable("it", "name", ("a", Text.A)) == ["a", "a"]
    assert sendable("it", "name", nested(32)) == nested(32)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a", "b"}, "name cannot be of type set: give a list, sorted(...)"),
        ([1, frozenset("a")], "name[1] cannot be of type frozenset: give a list"),
        ({"a": {}.keys()}, "name.a cannot be of type dict_keys: give a list"),
        (date(2031, 1, 1), 'name cannot be of type date: give it as text, such as "2027-01-31T00:00:00Z"'),
        (
            datetime(2031, 1, 1, tzinfo=timezone.utc),
            "name cannot be of type datetime: give it as text, moment.astimezone",
        ),
        ([[Plain.A]], "name[0][0] cannot be of type Plain: give its .value"),
        (UUID(int=1), "name cannot be of type UUID: give it as text, str(...)"),
        (b"a", "name cannot be of type bytes: give it as text, .decode()"),
        (Decimal(1), "name cannot be of type Decimal: give it as text"),
        ((item for item in "a"), "name cannot be of type generator: give text, a number"),
        (object(), "name cannot be of type object"),
        ([str], "name[0] cannot be a class: write str(...), or give a value"),
        ({1: "a"}, "name has a key that is not text"),
        (
            [justt.from_env("A")],
            "name[0] takes no reference (from_env, from_file); only the fields of credentials do: give the value",
        ),
        (
            "shop-Calling __str__ on an Output[T] is not supported.\n",
            "name contains an Output converted by an f-string or str(...), and",
        ),
        (
            [{"a": "<pulumi.output.Output object at 0x7f>"}],
            "name[0].a contains an Output converted by an f-string",
        ),
        (
            {"Calling __str__ on an Output[T] is not supported.": 1},
            "name has a key that contains an Output converted by an f-string",
        ),
        ({"<{%": 1}, "name has a key that has the characters <, { and % in a row, which Pulumi"),
        (2**53 + 1, "name is a number beyond 2^53, which the engine would round: give it as text"),
        ([{"a": -(2**64)}], "name[0].a is a number beyond 2^53"),
        (float(2**53), "name is a number beyond 2^53"),
        (-1e300, "name is a number beyond 2^53"),
        (math.inf, "name is not a JSON value"),
        (math.nan, "name is not a JSON value"),
        ([None], "name[0] is null, which Justt does not take: leave it out"),
        ({"a": {"b": None}}, "name.a.b is null"),
        ({"a": {"\ud800": 1}}, "name.a has a key that is not text in UTF-8"),
        ({"a": [{SIGNATURE: SECRET, "value": "v"}]}, f"name.a[0] has the key {SIGNATURE}, by which Pulumi marks"),
        *((text, "name is Pulumi's placeholder for a value that is not known yet") for text in MARKERS),
        ([FileAsset("a")], "name[0] cannot be of type FileAsset: give its content as text"),
        (AssetArchive({}), "name cannot be of type AssetArchive: give its content as text"),
        (UserString("a"), "name cannot be of type UserString: give it as text, str(...)"),
        (UserList("a"), "name cannot be of type UserList: give a list, list(...)"),
        (range(2), "name cannot be of type range: give a list, list(...)"),
        (nested(33), f"name{'[0]' * 18}[0… has more than 32 levels of lists and objects, or contains itself"),
        (endless(), f"name{'.a[0]' * 11}.… has more than 32 levels"),
        ("a\udcff", "name is not text in UTF-8"),
    ],
)
def test_values_that_json_lacks_are_rejected(value: object, text: str) -> None:
    """For an argument that can't be sent unchanged, the error names its path, its type and what to write instead.

    The error doesn't show the value.
    """
    with pytest.raises(InvalidArgument) as refused:
        sendable("it", "name", value)

    assert str(refused.value).startswith(f"it: {text}")
    assert isinstance(refused.value, (pulumi.RunError, TypeError))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: minimal(merchant_account_codes=Output.from_input(["a"]).apply(lambda _: {"b"})), "codes cannot be of"),
        (
            lambda: minimal(merchant_account_codes=["a", Output.secret(UUID(int=1))]),
            r"codes\[1\] cannot be of type UUID",
        ),
        (lambda: minimal(adopt_id=UUID(int=1)), "adopt_id cannot be of type UUID"),
        (
            lambda: minimal(deactivation=justt.Deactivation(date=Output.from_input(DATE))),
            r"deactivation\.date",
        ),
        (lambda: justt.PaymentIntegration.get("x", ID), "id cannot be of type UUID"),
        (lambda: justt.PaymentIntegration.get("x", FIVE), r"the id of the PaymentIntegration.get\('x'\) must be text"),
        (lambda: justt.PaymentIntegration.get("x", "id\n"), "get.'x'. must not begin or end with white space"),
        (lambda: justt.PaymentIntegration.get("x", Output.from_input("i\0d")), "get.'x'. must be one line"),
        (lambda: justt.PaymentIntegration.get("x", "i" * 256), "get.'x'. has more than 255 characters"),
        (lambda: unlisted({1: "a"}), "credentials has a key that is not text"),
        (lambda: unlisted({"\ud800": justt.from_env("A")}), "credentials has a key that is not text"),
        (lambda: unlisted({"a": Output.secret("").apply(lambda _: {1: "a"})}), "credentials.a has a key that is not"),
        (lambda: unlisted({SIGNATURE: SECRET, "value": "a"}), "credentials has the key 4dab"),
        (lambda: unlisted({"a": Output.secret({SIGNATURE: SECRET})}), "credentials.a has the key 4dab"),
        (lambda: unlisted({"a": None}), "credentials.a is null"),
        (lambda: unlisted({"a": Output.from_input(None)}), "credentials.a is null"),
        (
            lambda: unlisted({"a": [Output.from_input("").apply(lambda _: {"b": None})]}),
            r"credentials.a\[0\].b is null",
        ),
        (lambda: unlisted(endless()), r"credentials(\.a\[0\])+.*… has more than 32 levels"),
        (lambda: unlisted({"a": [justt.from_file("a")]}), r"credentials.a\[0\] is a reference: give the same from_env"),
        (
            lambda: minimal(
                credentials=ApiKeyOnly.from_output(
                    minimal(name="other", credentials=ApiKeyOnly(api_key=justt.from_env("A"))).credentials
                )
            ),
            "credentials.api_key is a reference: give the same from_env or from_file to this resource",
        ),
        (
            lambda: minimal(credentials=ApiKeyOnly.from_output(Output.secret("").apply(lambda _: {1: "a"}))),
            "ApiKeyOnly.from_output: unknown key: a value of type int. It accepts apiKey",
        ),
        (
            lambda: minimal(credentials=justt.credentials.UsernamePassword(username="u", password=BYTES)),
            r"credentials\.password cannot be of type bytes",
        ),
        (
            lambda: minimal(credentials=justt.credentials.ApiKeyOnly(api_key=secret_reference())),
            r"credentials\.api_key is not a valid reference: use from_env or from_file",
        ),
        (
            lambda: minimal(reference_account_id=Output.from_input(None)),
            "reference_account_id of the PaymentIntegration",
        ),
        (lambda: justt.Provider("x", api_key="k", reference_account_id="a b"), "the reference_account_id of the prov"),
        (
            lambda: justt.Provider("x", api_key="k", reference_account_id=Output.from_input(FIVE)),
            "the reference_account_id of the provider 'x' must be text; got int",
        ),
        (lambda: justt.Provider("x", api_key=VARIABLE), "api_key takes no reference"),
        (lambda: minimal(external_identifier=VARIABLE), "external_identifier takes no reference"),
        (
            lambda: minimal(credentials=justt.credentials.Unlisted(secret_type=VARIABLE, payload={})),
            "credentials.secret_type takes no reference",
        ),
        (lambda: justt.Provider("x", api_key=FIVE), "the api_key of the provider 'x' must be text; got int"),
        (lambda: justt.Provider("x", api_key=Output.secret(" ")), "api_key of the provider 'x' is empty"),
        (lambda: justt.Provider("x", api_key="k", reference_account_id=""), "reference_account_id of the provider 'x'"),
    ],
)
def test_each_argument_is_verified(make: Callable[[], Any], text: str) -> None:
    """When a program gives an invalid value or an invalid Output, the error uses the argument's Python name."""
    gc.freeze()  # What other tests have left makes the collection below slow.
    with pytest.raises(Exception, match=text):
        run_program(make)
    # Other Outputs of the program failed as well. If they are garbage-collected while another test parses source code,
    # their errors are logged there, and Python 3.11 fails with "AST constructor recursion depth mismatch".
    gc.collect()


def test_an_empty_plain_value_is_a_value_error() -> None:
    """An empty plain value raises a `ValueError`, Python's usual exception, which the test of a program can expect."""
    with pytest.raises(EmptyArgument, match="the name of the it is empty"):
        given("it", "name", " ")
    assert issubclass(EmptyArgument, ValueError)
