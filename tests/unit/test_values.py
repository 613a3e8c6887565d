"""Validation of values: the texts for each kind of field, labels, and the numbers that the engine can represent."""

from __future__ import annotations

import math
import time

import pytest
from pulumi import FileAsset

from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.values import Kind, account_problem, label_problem, text_problem, unsendable, with_stack

PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"
KINDS: tuple[Kind, ...] = ("secret", "identifier", "key", "unlisted")


def pem_labeled(label: str) -> str:
    """Return PEM text that has *label* in place of PRIVATE KEY."""
    return PEM.replace("PRIVATE KEY", label)


@pytest.mark.parametrize(
    "value",
    [
        PEM,
        PEM.rstrip(),
        PEM.replace("\n", "\r\n"),
        f"Bag Attributes\n{PEM}",
        PEM + pem_labeled("CERTIFICATE"),
        *map(pem_labeled, ("RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
        pem_labeled("RSA PRIVATE KEY").replace("AAAA", "Proc-Type: 4,ENCRYPTED\n\nAAAA"),
    ],
)
def test_private_keys_are_valid(value: str) -> None:
    """Every PEM form of a private key is valid in a field for secrets.

    A field that stays readable refuses a private key.
    """
    assert text_problem(value, "key") is None
    assert text_problem(value, "secret") is None
    assert text_problem(value, "unlisted") is None
    assert "is a private key, and this field is an identifier" in str(text_problem(value, "identifier"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pem_labeled("PUBLIC KEY"), "is a public key"),
        (pem_labeled("RSA PUBLIC KEY"), "is a public key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "is a public key"),
        ("ssh-ed25519 AAAAC3NzaC1l me@host", "is a public key"),
        ("ecdsa-sha2-nistp256 AAAAE2Vj", "is a public key"),
        (pem_labeled("CERTIFICATE"), "is a certificate"),
        (pem_labeled("TRUSTED CERTIFICATE"), "is a certificate"),
        (pem_labeled("CERTIFICATE REQUEST"), "is a certificate"),
        (PEM.replace("\n", "\\n"), "has line breaks that are written as \\n"),
        (PEM.replace("\n", "\\r\\n"), "has line breaks that are written as \\n"),
        (f"{PEM.replace(chr(10), chr(92) + 'n')}\n", "has line breaks that are written as \\n"),
        (PEM.replace("AAAA\n", "AAAA\\n"), "has line breaks that are written as \\n"),
        (PEM.replace("AAAA", "AAAA\\r\\n"), "has line breaks that are written as \\n"),
        (f"Bag Attributes\n{PEM.replace('BBBB', 'BBBB' + chr(92) + 'n')}", "has line breaks that are written as \\n"),
        (f'"{PEM.strip()}"'.replace("\n", "\\n"), "has line breaks that are written as \\n"),
        (PEM.replace("\n", " "), "must be a private key in PEM"),
        (PEM.replace("AAAA", "${SFTP_KEY}"), "must be a private key in PEM"),
        (PEM.replace("AAAA", "<the key>"), "must be a private key in PEM"),
        (f'"{PEM.strip()}"', "must be a private key in PEM"),
        (PEM[:40], "must be a private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "must be a private key in PEM"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "must be a private key in PEM"),
        ("/home/you/keys/sftp.pem", "must be a private key in PEM"),
    ],
)
def test_an_invalid_private_key_is_rejected(value: str, text: str) -> None:
    """If the value of a field for a private key is something else, the error names the mistake.

    The error shows no character of the value.
    """
    assert str(text_problem(value, "key")).startswith(text)
    assert "AAAA" not in str(text_problem(value, "key"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [" ", "\n", "\t \r\n", "\u00a0", "\ufeff", "\u200b"])
def test_a_value_without_printable_text_is_rejected(kind: Kind, value: str) -> None:
    """Every kind of field refuses a value that is empty, or that has only white space or unprintable characters."""
    assert text_problem(value, kind) == "must not be blank"
    assert text_problem("", kind) == "must not be empty"


@pytest.mark.parametrize("kind", ["secret", "identifier", "unlisted"])
@pytest.mark.parametrize("value", ["k\n", "k\r\n", " k", "k\t", "k\u00a0", "\ufeffk", "k\u200b", "k\0"])
def test_white_space_around_a_value_is_refused(kind: Kind, value: str) -> None:
    """A field refuses a value with white space around it, which often comes from `echo`, an editor or a web page.

    Justt would sign in with the white space.
    """
    assert text_problem(value, kind) == "must not begin or end with white space or a line break"


@pytest.mark.slow
@pytest.mark.timed
def test_validation_of_a_large_value_is_fast() -> None:
    """Validating 40 values of about a megabyte, such as the content of a wrong file, takes less than 20 seconds."""
    begun = time.process_time()
    for part in (
        "-----BEGIN PRIVATE KEY-----\n",
        "\n ",
        "-----BEGIN A ",
        "A ",
        "AAAA\n",
        "\\n",
        ":",
        "://",
        "?",
        "&key",
    ):
        for kind in KINDS:
            text_problem("-----BEGIN PRIVATE KEY-----\n" + part * (1_000_000 // len(part)) + "x", kind)
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("kind", ["secret", "identifier", "unlisted"])
@pytest.mark.parametrize(
    "value",
    [
        "pw\u2764\ufe0f",
        "pw\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\U0001fae0pw\U0001faea",
        "pw\ue000",
    ],
    ids=["heart", "flag of Scotland", "newer than Python knows", "private use"],
)
def test_emoji_at_the_end_are_text(kind: Kind, value: str) -> None:
    """A value may end with an emoji, even if the emoji ends with a format character or is newer than this Python."""
    assert text_problem(value, kind) is None


def test_line_breaks_are_allowed_only_for_unlisted_types() -> None:
    """A field of a listed type and a label refuse line breaks and control characters.

    A field of an unlisted type may have tabs and line breaks, but no other control characters.
    """
    for value in ("a\nb", "a\rb", "a\0b", "a\x0bb", "a\u2028b", "a\x85b"):
        for kind in ("secret", "identifier"):
            assert text_problem(value, kind) == "must be one line without control characters"
        assert label_problem(value) == "must be one line without control characters"
    assert text_problem("a\nb", "unlisted") is None
    for value in ("a\0b", "a\x0bb", "a\x1bb", PEM.replace("BBBB", "BB\x07B")):
        problem = str(text_problem(value, "unlisted"))
        assert problem == "must have no control characters but tabs and line breaks"
    assert text_problem('{"private_key": "-----BEGIN PRIVATE KEY-----\\nAAAA"}', "unlisted") is None
    assert text_problem("correct horse", "secret") is None


@pytest.mark.parametrize("kind", ["secret", "identifier", "unlisted"])
def test_invisible_characters_within_a_value_are_rejected(kind: Kind) -> None:
    """A field refuses a value with an invisible character, which often comes from a web page.

    The character is allowed where it is part of an emoji or of a word.
    """
    for sign in "\u00ad\u200b\u200c\u200d\u200e\u202e\u2060\u2066\ufeff":
        problem = "has an invisible character, which often comes from a web page"
        assert text_problem(f"key{sign}1", kind) == problem, hex(ord(sign))
    for value in ("pw\N{WOMAN}\u200d\N{WOMAN}1", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        assert text_problem(value, kind) is None


@pytest.mark.parametrize(
    "value",
    [
        "https://user:hunt7er@shop.example/",
        "https://token@shop.example",
        "user:hunt7er@shop.example",
        "//user:hunt7er@shop.example",
        "https://shop.example/?token=hunt7er",
        "https://shop.example/?a=1&ApiKey=hunt7er#b",
        "shop.example?access_token=hunt7er",
    ],
)
def test_a_url_with_secrets_is_no_identifier(value: str) -> None:
    """A field for an identifier refuses a URL with a user, a password or a key.

    Previews and the state show identifiers.
    """
    problem = "has a user, a password or a key in a URL, and this field is an identifier, which is not kept secret"
    assert text_problem(value, "identifier") == problem
    assert text_problem(value, "secret") is None


@pytest.mark.parametrize(
    "value", ["https://shop.example:8443/a@b?page=1", "shop@example", "M:1", "Key & Lock = 1", "a=b&c=d", "EU:shop#1"]
)
def test_identifiers_that_resemble_such_a_url_are_valid(value: str) -> None:
    """A field for an identifier accepts a URL without secrets, and a code that has characters such as `@` and `&`."""
    assert text_problem(value, "identifier") is None


def test_pulumi_color_tags_are_rejected_in_shown_values() -> None:
    """Labels, identifiers and accounts refuse color tags, because the CLI crashes if it shows an unknown tag.

    A secret may contain a color tag: the CLI doesn't show secrets.
    """
    for value in ("100 <{% off", "<{%fg 1%}>"):
        assert label_problem(value) == "has the characters <, { and % in a row, which Pulumi takes for a color"
        assert text_problem(value, "identifier") == label_problem(value)
        assert account_problem(value.replace(" ", "")) == label_problem(value)
        assert text_problem(value, "secret") is None


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (2**53, {}),
        (-(2**53), {}),
        (2**53 + 1, {"": "is a number beyond 2^53"}),
        (
            {"a": [1, {"b": -(2**60)}], "c": 1e300, "d": 0.5, "e": "9" * 30, "f": True},
            {".a[1].b": "is a number beyond 2^53", ".c": "is a number beyond 2^53"},
        ),
        ({"a": [None, {"b": None}]}, {".a[0]": "is null", ".a[1].b": "is null"}),
        ([FileAsset("a"), math.inf, math.nan], dict.fromkeys(("[0]", "[1]", "[2]"), "is not a JSON value")),
        ([{"a": UNKNOWN}], {}),
    ],
)
def test_values_that_cannot_be_sent_are_reported(value: object, paths: dict[str, str]) -> None:
    """`unsendable` reports each value that JSON or the engine can't represent, by its path at any depth.

    `unsendable` ignores unknown values.
    """
    found = dict(unsendable(value))
    assert found.keys() == paths.keys()
    assert all(found[path].startswith(text) for path, text in paths.items())


@pytest.mark.parametrize("value", [" a", "a\n", "a\u00a0", "\ufeffa", "a\u200b", " "])
def test_white_space_around_a_label_is_refused(value: str) -> None:
    """A label with white space around it is refused.

    The white space is invisible, and would make the label name another integration.
    """
    assert label_problem(value) == "must not begin or end with white space or a line break"


@pytest.mark.parametrize("value", ["a", "a b", "\u00c9tienne & S\u00f6hne", "a\u200cb", "\U0001f4b3"])
def test_a_label_may_be_in_any_language(value: str) -> None:
    """A label may contain letters of any language, symbols and spaces between words."""
    assert label_problem(value) is None


@pytest.mark.parametrize("value", ["sk_live_51H", "rk_test_51H", "sk_org_1", "whsec_1", "AKIAIOSFODNN7EXAMPLE"])
def test_secret_key_is_no_identifier(value: str) -> None:
    """A field for an identifier refuses a secret key, and a secret field refuses a public key.

    The halves of a key pair are easily swapped, and the state shows identifiers.
    """
    assert str(text_problem(value, "identifier")).startswith("looks like a secret key")
    assert text_problem(value, "secret") is None
    assert text_problem("pk_live_51H", "identifier") is None
    assert text_problem("pk_live_51H", "secret") == "is a public key, and this field takes the private key"


URN = "urn:pulumi:{}::shop::pulumi-python:dynamic/justt:PaymentIntegration::stripe-eu"


@pytest.mark.parametrize(
    ("text", "urn", "expected"),
    [
        ("Run `pulumi-justt recover`.", URN.format("dev"), "Run `pulumi-justt recover --stack dev`."),
        ("or `pulumi-justt recover --forget`", URN.format("a.b-c"), "or `pulumi-justt recover --stack a.b-c --forget`"),
        ("or `pulumi-justt recover --forget`", URN.format("a b"), "or `pulumi-justt recover --forget`"),
        (
            "run `pulumi-justt recover --claim x` and `pulumi-justt doctor`",
            URN.format("dev"),
            "run `pulumi-justt recover --stack dev --claim x` and `pulumi-justt doctor --stack dev`",
        ),
        ("as decided with `pulumi-justt recover`", URN.format("dev"), "as decided with `pulumi-justt recover`"),
        ("run `pulumi-justt recovery`", URN.format("dev"), "run `pulumi-justt recovery`"),
        ("run `pulumi-justt recover`", None, "run `pulumi-justt recover`"),
        ("run `pulumi-justt recover`", "the resource of 'a'", "run `pulumi-justt recover`"),
    ],
)
def test_commands_to_run_name_the_stack(text: str, urn: str | None, expected: str) -> None:
    """A command that a message tells the user to run gets the stack of the message. One of the past does not."""
    assert with_stack(text, urn) == expected
