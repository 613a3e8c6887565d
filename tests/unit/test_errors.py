"""The exception tree, the one text form of errors, and what they must never hold."""

from __future__ import annotations

import difflib
import inspect
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_justt import errors
from pulumi_justt.core.messages import (
    AMBIGUOUS_CURE,
    MISUNDERSTOOD_CURE,
    recorded_settings_cure,
    refusal_cure,
    unreachable_cure,
)
from pulumi_justt.errors import (
    AmbiguousCreate,
    InvalidSettings,
    JusttError,
    Misunderstood,
    Refused,
    RequestError,
    StateConflict,
    Unreachable,
    nearest,
    shape_of,
)

CANARY = "canary-7f3b9c"


def exception_classes() -> dict[str, type[BaseException]]:
    """Give the exceptions that the module defines."""
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
    }


def test_public_names_are_the_exceptions() -> None:
    """`__all__` lists every exception of the module, sorted, and nothing else."""
    assert sorted(exception_classes()) == errors.__all__


def test_docstring_tree_is_the_class_tree() -> None:
    """The tree that opens the module has every class under the parent that it really has."""
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
            Refused("creating x", "Justt answered 400: no", "Fix it.", "err-2", status=400, after_unanswered=False),
            "creating x: Justt answered 400: no (errorId err-2). Fix it.",
        ),
        (
            Refused("creating x", "Justt answered 400", "Fix it.", None, status=400, after_unanswered=False),
            "creating x: Justt answered 400. Fix it.",
        ),
        (Unreachable("reading x", "no answer", "Later."), "reading x: no answer. Later."),
        (Misunderstood("reading x", "text", "Tell us."), "reading x: text. Tell us."),
        (AmbiguousCreate("creating x", "no answer", "Look."), "creating x: no answer. Look."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_text_of_each_exception(error: JusttError, text: str) -> None:
    """An error reads: what we tried, what came back, the errorId where there is one, what to do."""
    assert text == str(error)


def test_facts_stay_readable_on_the_exception() -> None:
    """Callers decide by attributes, not by parsing the text."""
    refused = Refused("creating x", "Justt answered 409", "Fix it.", "err-3", status=409, after_unanswered=True)

    assert (
        refused.tried,
        refused.came_back,
        refused.cure,
        refused.error_id,
        refused.status,
        refused.after_unanswered,
    ) == ("creating x", "Justt answered 409", "Fix it.", "err-3", 409, True)


def cure(status: int, *, is_create: bool = False, account: str | None = None, origin: str = "JUSTT_API_KEY") -> str:
    """Ask for the cure of a refusal."""
    return refusal_cure(status, is_create=is_create, key_origin=origin, account=account, environment="sandbox")


NOTHING_CREATED = (
    "Nothing was created: correct what Justt names and run again. If it says that the external identifier is taken by "
    "the integration that is being replaced, give another one, or set delete_before_replace=True."
)


@pytest.mark.parametrize(
    ("status", "is_create", "account", "text"),
    [
        (
            401,
            False,
            None,
            "The key came from JUSTT_API_KEY. Set it to a key that is valid in sandbox.",
        ),
        (
            403,
            False,
            "acc_42",
            "The key from JUSTT_API_KEY may not do this with account acc_42: check the key and the account.",
        ),
        (
            403,
            True,
            None,
            "The key from JUSTT_API_KEY may not do this without an account: check the key and the account.",
        ),
        (
            404,
            False,
            "acc_42",
            (
                "The key from JUSTT_API_KEY does not see it with account acc_42 in sandbox: check the key, the account "
                "and the environment."
            ),
        ),
        (
            404,
            False,
            None,
            (
                "The key from JUSTT_API_KEY does not see it without an account in sandbox: check the key, the account "
                "and the environment."
            ),
        ),
        (413, True, None, "Shorten the credentials or the merchant account codes."),
        (300, True, None, "A redirect is never followed with credentials: check justt:baseUrl."),
        (399, False, None, "A redirect is never followed with credentials: check justt:baseUrl."),
        (400, True, None, NOTHING_CREATED),
        (409, True, None, NOTHING_CREATED),
        (400, False, None, "Nothing was changed: Justt's support can look it up."),
        (422, False, None, "Nothing was changed: Justt's support can look it up."),
    ],
)
def test_cure_of_each_refusal(status: int, is_create: bool, account: str | None, text: str) -> None:
    """Each refusal names what this user can do about it."""
    assert text == cure(status, is_create=is_create, account=account)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        (cure(401, origin="justt:apiKey"), 3),
        (cure(401, origin="the provider 'us'"), 3),
        ("justt:environment must be production or sandbox, not a text of 3 characters", 2),
        # A variable is never the state's copy, and the override is not cured by itself.
        (cure(401, origin="JUSTT_API_KEY"), 0),
        (cure(401, origin="JUSTT_API_KEY_OVERRIDE"), 0),
        ("JUSTT_TIMEOUT_SECONDS must be a number from 0.1 to 600.0", 0),
        ("reading 'x': no answer within 5 s. The state keeps what it had: run the command again later.", 2),
        (unreachable_cure("https://a/v1", is_unsent=True, is_throttled=False), 2),
        ("deactivating 'urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::a': it is gone", 0),
    ],
)
def test_recorded_settings_have_their_ways_out(text: str, ways: int) -> None:
    """A setting that is the state's copy is changed by an update or by the program, and a key by a variable too."""
    shown = recorded_settings_cure(text)
    assert sum(way in shown for way in ("`pulumi up` first", "--run-program", "JUSTT_API_KEY_OVERRIDE")) == ways
    assert (shown == "") is (ways == 0)


@pytest.mark.parametrize(
    ("is_unsent", "is_throttled", "text"),
    [
        (
            True,
            False,
            (
                "Nothing was sent: check the network, the proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and the address "
                "https://p.example, then run the command "
                "again."
            ),
        ),
        (
            False,
            True,
            (
                "The account's quota is used up: run the command again later, or lower justt:requestsPerMinute in the "
                "stacks that share the key."
            ),
        ),
        (False, False, "The state keeps what it had: run the command again later."),
    ],
)
def test_cure_where_no_answer_came(is_unsent: bool, is_throttled: bool, text: str) -> None:
    """An unreachable API, a used-up quota and a silent one have different cures."""
    assert text == unreachable_cure("https://p.example", is_unsent=is_unsent, is_throttled=is_throttled)


def test_standing_cures_say_what_not_to_do() -> None:
    """An ambiguous create warns against running again, a misunderstood answer says that the state is as it was."""
    assert AMBIGUOUS_CURE == (
        "Justt may have created it, and no state knows it. Do not run `pulumi up` again before you have checked, "
        "because that could create a duplicate: look it up at Justt, and settle it with `pulumi-justt recover`."
    )
    assert (
        MISUNDERSTOOD_CURE
        == "Nothing was changed in the state. Check justt:baseUrl for a proxy in between; if there is none, please "
        "report it."
    )


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
def test_shape_of(value: object, shape: str) -> None:
    """A shape is keys and types, two levels deep and short."""
    assert shape == shape_of(value)


LEAVES = st.text(min_size=1).map(lambda text: f"{CANARY}{text}") | st.just(70_370_370)
JSON = st.recursive(
    LEAVES, lambda deeper: st.lists(deeper) | st.dictionaries(st.sampled_from(["a", "b", "c"]), deeper), max_leaves=30
)


@given(JSON)
def test_shape_never_holds_a_value(value: object) -> None:
    """However values are nested, none of them is in the shape."""
    shape = shape_of(value)

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
def test_nearest(word: str, hint: str) -> None:
    """A word near a known one gets a hint, any other none."""
    assert hint == nearest(word, ("production", "sandbox"))


def test_nearest_is_what_difflib_finds() -> None:
    """Without difflib, as a program may have a module of that name."""
    of = random.Random(1)  # noqa: S311 - no secret
    for _ in range(3_000):
        known = ["a" + "".join(of.choices("abcdeA_", k=of.randint(0, 8))) for _ in range(5)]
        word = "".join(of.choices("abcdeA_", k=of.randint(0, 12)))
        folded = {item.lower().replace("_", ""): item for item in known if item != word}
        best = difflib.get_close_matches(word.lower().replace("_", ""), folded, n=1, cutoff=0.55)
        assert nearest(word, known) == (f" (did you mean {folded[best[0]]!r}?)" if best else "")
    assert nearest("production" * 100_000, ["production"]) == ""


def test_nearest_of_nothing_is_no_hint() -> None:
    """Without known words there is nothing to name."""
    assert nearest("word", ()) == ""
