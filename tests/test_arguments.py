"""What the SDK cannot send, or not as it is: one sentence, known at once or in an Output."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pulumi
import pytest
from pulumi import Output

import pulumi_justt as justt
from pulumi_justt.arguments import EmptyArgument, InvalidArgument, given, sendable
from pulumi_justt.references import VariableReference
from test_resources import minimal, run_program

DATE: Any = date(2031, 1, 1)
ID: Any = UUID(int=1)
BYTES: Any = b"p"


class Text(str, Enum):
    """Text to JSON as well."""

    A = "a"


class Plain(Enum):
    """No text."""

    A = "a"


def secret_reference() -> VariableReference:
    """Give one that was made by hand, and is known to no reviewer."""
    name: Any = Output.secret("A")
    return VariableReference(name, 1)


@pytest.mark.parametrize(
    "value",
    [None, True, "a", "\u00e9", 0, -1.5, 2**53, -(2**53), {"a": [1, {"b": None}]}, [["x"]], {}, []],
)
def test_what_json_has_is_sent_as_it_is(value: object) -> None:
    """Nothing is converted."""
    assert sendable("it", "name", value) == value


def test_what_is_as_good_as_that() -> None:
    """A tuple is a list, and an Enum of texts is a text."""
    assert sendable("it", "name", ("a", Text.A)) == ["a", "a"]


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
        ({1: "a"}, "name has a key that is not text"),
        (
            [justt.from_env("A")],
            "name[0] cannot be of type VariableReference: a reference (from_env, from_file) is given",
        ),
        (2**53 + 1, "name is a number beyond 2^53, which would be rounded on its way: give it as text"),
        ([{"a": -(2**64)}], "name[0].a is a number beyond 2^53"),
        (float(2**53), "name is a number beyond 2^53"),
        (-1e300, "name is a number beyond 2^53"),
        (math.inf, "name is not a number that JSON has"),
        (math.nan, "name is not a number that JSON has"),
        ("a\udcff", "name is not text in UTF-8"),
    ],
)
def test_what_json_lacks(value: object, text: str) -> None:
    """The path, the type and what to write; of a value that is refused nothing is shown."""
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
        (
            lambda: minimal(credentials=justt.credentials.UsernamePassword(username="u", password=BYTES)),
            r"credentials\.password cannot be of type bytes",
        ),
        (
            lambda: minimal(credentials=justt.credentials.ApiKeyOnly(api_key=secret_reference())),
            r"credentials\.api_key is a reference that from_env and from_file do not make",
        ),
        (
            lambda: minimal(reference_account_id=Output.from_input(None)),
            "reference_account_id of the PaymentIntegration",
        ),
        (lambda: justt.Provider("x", api_key=Output.secret(" ")), "api_key of the provider 'x' is empty"),
        (lambda: justt.Provider("x", api_key="k", reference_account_id=""), "reference_account_id of the provider 'x'"),
    ],
)
def test_each_argument_is_verified(make: Callable[[], Any], text: str) -> None:
    """In the names of the program, known at once or in an Output."""
    with pytest.raises(Exception, match=text):
        run_program(make)
    # Other Outputs of the program failed as well. Collected while another test parses source code, their errors are
    # logged from there, and Python 3.11 then fails with "AST constructor recursion depth mismatch".
    gc.collect()


def test_what_is_empty_at_once_is_a_value_error() -> None:
    """A test of a program may expect what Python raises for it."""
    with pytest.raises(EmptyArgument, match="the name of the it is empty"):
        given("it", "name", " ")
    assert issubclass(EmptyArgument, ValueError)
