"""The exception tree, the one text form of errors, and what they must never hold."""

from __future__ import annotations

import inspect
import json
import re
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import leaks
from pulumi_justt import errors
from pulumi_justt.errors import (
    AMBIGUOUS_CURE,
    MISUNDERSTOOD_CURE,
    AmbiguousCreate,
    InvalidSettings,
    JusttError,
    Misunderstood,
    Refused,
    RequestError,
    StateConflict,
    Unreachable,
    nearest,
    quotable,
    refusal_cure,
    shape_of,
    unreachable_cure,
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


@pytest.mark.parametrize("way", ["`pulumi up` first", "--run-program", "JUSTT_API_KEY_OVERRIDE"])
def test_401_names_every_way_out_of_a_rotation(way: str) -> None:
    """A 401 names the three cures of a key that the state still holds in its old form."""
    assert way in cure(401, origin="justt:apiKey")
    # A variable is never the state's copy, and the override is not cured by itself.
    assert way not in cure(401, origin="JUSTT_API_KEY_OVERRIDE").replace("came from JUSTT_API_KEY_OVERRIDE", "")


@pytest.mark.parametrize(
    ("is_unsent", "is_throttled", "text"),
    [
        (
            True,
            False,
            (
                "Nothing was sent: check the network, proxies and the address https://p.example, then run the command "
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
        == "Nothing was changed in the state. Check justt:baseUrl for a proxy in between, then tell us."
    )


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("plain words", (), "plain words"),
        ("key sk_live_1 is bad", ("sk_live_1",), "key [secret] is bad"),
        ("sk_live_1 and sk_live_1", ("sk_live_1",), "[secret] and [secret]"),
        (r"got a\"b\\c", ('a"b\\c',), "got [secret]"),
        ("got line\\nbreak", ("line\nbreak",), "got [secret]"),
        ("got line\nbreak", ("line\nbreak",), "got [secret]"),
        (r"got p\u00e4ss", ("päss",), "got [secret]"),
        ("sk_live_1_extended", ("sk_live_1", "sk_live_1_extended"), "[secret]"),
        ("ab stays, abc goes", ("ab", "abc"), "ab stays, [secret] goes"),
        ("empty items hide nothing", ("",), "empty items hide nothing"),
        ("a\n\n\nb c", ("\n\n\n",), "a[secret]b c"),
        ("two\r\n lines\tand\x1b[31mcolour\u2028", (), "two lines and [31mcolour"),
        ("\x00  \n", (), ""),
        ("x" * 300, (), "x" * 300),
        ("x" * 301, (), "x" * 300 + "…"),
    ],
)
def test_quotable(text: str, secrets: tuple[str, ...], expected: str) -> None:
    """Foreign text becomes one short printable line without any secret, raw or JSON-escaped."""
    assert expected == quotable(text, secrets)


def test_secret_is_hidden_before_the_line_is_cut() -> None:
    """A secret that straddles the cut leaves no beginning of itself behind."""
    assert quotable("x" * 295 + CANARY, (CANARY,)) == "x" * 295 + "[secr…"


def test_secret_as_the_wire_had_it_is_hidden() -> None:
    """A secret is hidden in the very bytes that the client sends, whose JSON keeps letters beyond ASCII as they are."""
    secret = 'pä"ss-7f3b9c'
    sent = json.dumps(secret, ensure_ascii=False)

    assert "ss-7f3b9c" not in quotable(f"can't read {sent}", (secret,))


def test_secret_is_hidden_where_white_space_differs() -> None:
    """Folding white space into one line brings no secret about that stood there with a line break or two blanks."""
    assert "pass word" not in quotable("can't read pass\nword", ("pass word",))


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60)


@given(before=PRINTABLE, secret=PRINTABLE.filter(lambda s: len(s) >= 3), after=PRINTABLE)
@example(before="", secret="ret", after="")
def test_no_secret_survives_wherever_it_stands(before: str, secret: str, after: str) -> None:
    """Whatever surrounds a secret, it is gone, in its raw and in its escaped form."""
    for form in (secret, json.dumps(secret)[1:-1]):
        line = quotable(f"{before}{form}{after}", (secret,))
        assert "[secret]" in line
        assert secret not in line.replace("[secret]", "\0")


@given(st.text(st.characters(), max_size=1000))
def test_quotable_is_one_short_printable_line(text: str) -> None:
    """Whatever a server says, the quote fits in one line of an error."""
    line = quotable(text, ())

    assert line.isprintable()
    assert len(line) <= 301


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


def test_nearest_of_nothing_is_no_hint() -> None:
    """Without known words there is nothing to name."""
    assert nearest("word", ()) == ""


LONG = "canary-5e81\nd27f0c94+/a3b6-long"


@pytest.mark.parametrize(
    "said",
    [
        LONG[: len(LONG) // 2],
        LONG[len(LONG) // 2 :],
        LONG[3:15],
        LONG.splitlines()[1],
        LONG.encode().hex(),
        LONG.encode().hex().upper(),
        quote(LONG, safe=""),
        quote_plus(LONG),
        *(b64encode(b"x" * n + LONG.encode()).decode() for n in range(3)),
        urlsafe_b64encode(LONG.encode()).decode(),
        f"a{LONG[:-1]}b{LONG[1:]}c",
    ],
)
def test_part_or_encoding_of_a_long_secret_is_hidden(said: str) -> None:
    """Software quotes what it got in many forms, and half of a key is still too much."""
    text = quotable(f"before {said} after", [LONG])

    assert text.startswith("before")
    assert text.endswith("after")
    assert "[secret]" in text
    assert leaks.find(text.encode(), [LONG]) == []
    runs = {LONG[n : n + 8] for n in range(len(LONG) - 7)}
    assert not any(run in text for run in runs)


def test_words_beside_a_secret_are_shown() -> None:
    """What only resembles a secret, or a short one, is no reason to hide the vendor's words."""
    text = "canary- is no identifier of an account; see errors/400 (stripe-eu-main)"

    assert quotable(text, [LONG, "stripe"]) == text.replace("stripe", "[secret]")


def test_very_long_text_is_searched_in_no_time() -> None:
    """A page of megabytes is cut before it is searched, and nothing of what is cut off is shown."""
    text = quotable("x" * 1_990 + LONG * 200_000, [LONG])

    assert len(text) == 301
    assert leaks.find(text.encode(), [LONG]) == []
