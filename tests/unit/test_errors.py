"""The exception tree, the text form of errors, and the values that they must never contain."""

from __future__ import annotations

import difflib
import inspect
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_justt import errors
from pulumi_justt.errors import (
    CreateOutcomeUnknown,
    InvalidSettings,
    JusttError,
    RequestError,
    RequestFailed,
    RequestRefused,
    StateConflict,
    UnexpectedResponse,
    describe_type,
    nearest,
)

CANARY = "canary-7f3b9c"


def exception_classes() -> dict[str, type[BaseException]]:
    """Return the exceptions that the module defines."""
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
    }


def test_public_names_are_the_exceptions() -> None:
    """`errors.__all__` lists every exception of the module in alphabetical order, and nothing else."""
    assert sorted(exception_classes()) == errors.__all__


def test_docstring_tree_is_the_class_tree() -> None:
    """The tree in the docstring of `errors` shows each exception class below its actual base class."""
    drawn: dict[str, str] = {}
    open_branches: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ((?:[│ ]   )*(?:[├└]── )?)([A-Z][A-Za-z]+)(?:  | [a-z]|$)", line):
            indent, name = len(found[1]), found[2]
            open_branches = [branch for branch in open_branches if branch[0] < indent]
            drawn[name] = open_branches[-1][1] if open_branches else "Exception"
            open_branches.append((indent, name))

    assert {name: cls.__bases__[0].__name__ for name, cls in exception_classes().items()} == drawn


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JusttError("one paragraph"), "one paragraph"),
        (InvalidSettings("no key"), "no key"),
        (StateConflict("another environment"), "another environment"),
        (RequestError("reading x", "nothing came", "Try again."), "reading x: nothing came. Try again."),
        (
            RequestError("reading x", "Justt answered 500", "Try again.", "err-1"),
            "reading x: Justt answered 500 (errorId err-1). Try again.",
        ),
        (
            RequestRefused(
                "creating x", "Justt answered 400: no", "Fix it.", "err-2", status=400, after_unanswered=False
            ),
            "creating x: Justt answered 400: no (errorId err-2). Fix it.",
        ),
        (
            RequestRefused("creating x", "Justt answered 400", "Fix it.", None, status=400, after_unanswered=False),
            "creating x: Justt answered 400. Fix it.",
        ),
        (RequestFailed("reading x", "no answer", "Later."), "reading x: no answer. Later."),
        (UnexpectedResponse("reading x", "text", "Tell us."), "reading x: text. Tell us."),
        (CreateOutcomeUnknown("creating x", "no answer", "Look."), "creating x: no answer. Look."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_exception_has_the_common_form(error: JusttError, text: str) -> None:
    """The text of a request's error is: the operation, the response, the errorId if there is one, and what to do.

    The text of any other error is its message.
    """
    assert text == str(error)


def test_an_exception_keeps_its_facts_as_attributes() -> None:
    """`RequestRefused` has each part of its text, and the HTTP status, as attributes.

    So callers need not parse the text.
    """
    refused = RequestRefused("creating x", "Justt answered 409", "Fix it.", "err-3", status=409, after_unanswered=True)

    assert (
        refused.operation,
        refused.response,
        refused.remediation,
        refused.error_id,
        refused.status,
        refused.after_unanswered,
    ) == ("creating x", "Justt answered 409", "Fix it.", "err-3", 409, True)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (CANARY, "text"),
        (1, "number"),
        (1.5, "number"),
        (True, "true/false"),
        (None, "null"),
        ([], "[0 of item]"),
        ([CANARY], "[1 of text]"),
        ([[[CANARY]]], "[1 of [1 of [1 of item]]]"),
        ({}, "{}"),
        ({"a": CANARY, "b": None}, "{a: text, b: null}"),
        ({"a": {"b": {"c": CANARY}}}, "{a: {b: an object}}"),
        ({str(n): n for n in range(9)}, "{" + ", ".join(f"{n}: number" for n in range(8)) + ", …}"),
        ({"k" * 41: 1}, "{…: number}"),
        ({"two\nlines": 1}, "{…: number}"),
        (b"x", "bytes"),
    ],
)
def test_describe_type_shows_keys_and_types(value: object, shape: str) -> None:
    """`describe_type` returns the keys and types of a value's first two levels, and shortens long objects and keys."""
    assert shape == describe_type(value)


LEAVES = st.text(min_size=1).map(lambda text: f"{CANARY}{text}") | st.just(70_370_370)
JSON = st.recursive(
    LEAVES, lambda deeper: st.lists(deeper) | st.dictionaries(st.sampled_from(["a", "b", "c"]), deeper), max_leaves=30
)


@given(JSON)
def test_describe_type_shows_no_value(value: object) -> None:
    """`describe_type` shows none of the texts and numbers in a value, however the value is nested."""
    shape = describe_type(value)

    assert CANARY not in shape
    assert "70370370" not in shape


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sandbx", " (did you mean 'sandbox'?)"),
        ("SAND-BOX", " (did you mean 'sandbox'?)"),
        ("productoin", " (did you mean 'production'?)"),
        ("live", ""),
        ("", ""),
    ],
)
def test_a_similar_word_is_suggested(word: str, hint: str) -> None:
    """`nearest` suggests the known word that is similar to a given word.

    If no known word is similar, it suggests nothing.
    """
    assert hint == nearest(word, ("production", "sandbox"))


def test_nearest_gives_the_same_result_as_difflib() -> None:
    """For 3,000 random words, `nearest` suggests the same word as difflib.

    `nearest` doesn't import difflib, because a program may have a module with that name.
    """
    of = random.Random(1)  # noqa: S311 - not a secret
    for _ in range(3_000):
        known = ["a" + "".join(of.choices("abcdeA_", k=of.randint(0, 8))) for _ in range(5)]
        word = "".join(of.choices("abcdeA_", k=of.randint(0, 12)))
        folded = {item.lower().replace("_", ""): item for item in known if item != word}
        best = difflib.get_close_matches(word.lower().replace("_", ""), folded, n=1, cutoff=0.55)
        assert nearest(word, known) == (f" (did you mean {folded[best[0]]!r}?)" if best else "")
    assert nearest("production" * 100_000, ["production"]) == ""


def test_nearest_without_known_words_suggests_nothing() -> None:
    """`nearest` suggests nothing if the list of known words is empty."""
    assert nearest("word", ()) == ""
