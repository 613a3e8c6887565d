"""What a credential's value has to be: which texts pass for which kind of field, and which numbers."""

from __future__ import annotations

import pytest

from pulumi_justt.values import Kind, text_problem, too_large

PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"
KINDS: tuple[Kind, ...] = ("secret", "identifier", "key", "unlisted")


def of(label: str) -> str:
    """Give PEM text with another label."""
    return PEM.replace("PRIVATE KEY", label)


@pytest.mark.parametrize(
    "value",
    [
        PEM,
        PEM.rstrip(),
        PEM.replace("\n", "\r\n"),
        f"Bag Attributes\n{PEM}",
        PEM + of("CERTIFICATE"),
        *map(of, ("RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
        of("RSA PRIVATE KEY").replace("AAAA", "Proc-Type: 4,ENCRYPTED\n\nAAAA"),
    ],
)
def test_private_keys_pass(value: str) -> None:
    """Every form of PEM that has a private key, with its line breaks; never in a field that stays readable."""
    assert text_problem(value, "key") is None
    assert text_problem(value, "secret") is None
    assert text_problem(value, "unlisted") is None
    assert "is a private key, and this field is an identifier" in str(text_problem(value, "identifier"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (of("PUBLIC KEY"), "is a public key"),
        (of("RSA PUBLIC KEY"), "is a public key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "is a public key"),
        ("ssh-ed25519 AAAAC3NzaC1l me@host", "is a public key"),
        ("ecdsa-sha2-nistp256 AAAAE2Vj", "is a public key"),
        (of("CERTIFICATE"), "is a certificate"),
        (of("TRUSTED CERTIFICATE"), "is a certificate"),
        (of("CERTIFICATE REQUEST"), "is a certificate"),
        (PEM.replace("\n", "\\n"), "has line breaks that are written as \\n"),
        (PEM.replace("\n", "\\r\\n"), "has line breaks that are written as \\n"),
        (f"{PEM.replace(chr(10), chr(92) + 'n')}\n", "has line breaks that are written as \\n"),
        (f'"{PEM.strip()}"'.replace("\n", "\\n"), "has line breaks that are written as \\n"),
        (PEM.replace("\n", " "), "must be a private key in PEM"),
        (f'"{PEM.strip()}"', "must be a private key in PEM"),
        (PEM[:40], "must be a private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "must be a private key in PEM"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "must be a private key in PEM"),
        ("/home/you/keys/sftp.pem", "must be a private key in PEM"),
    ],
)
def test_what_is_no_private_key(value: str, text: str) -> None:
    """Each common slip is named, without a character of the value."""
    assert str(text_problem(value, "key")).startswith(text)
    assert "AAAA" not in str(text_problem(value, "key"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [" ", "\n", "\t \r\n", "\u00a0", "\ufeff", "\u200b"])
def test_blanks_are_no_credential(kind: Kind, value: str) -> None:
    """White space of any kind, and what is not printable, is what a variable or file has by mistake."""
    assert text_problem(value, kind) == "must not be blank"
    assert text_problem("", kind) == "must not be empty"


@pytest.mark.parametrize("kind", ["secret", "identifier", "unlisted"])
@pytest.mark.parametrize("value", ["k\n", "k\r\n", " k", "k\t", "k\u00a0", "\ufeffk", "k\u200b", "k\0"])
def test_white_space_around_a_value_is_refused(kind: Kind, value: str) -> None:
    """It comes from `echo`, an editor or a web page, and Justt would sign in with it."""
    assert text_problem(value, kind) == "must not begin or end with white space or a line break"


def test_lines_within_a_value() -> None:
    """A field of a listed type is one line; what an unlisted one takes is not known. White space within is text."""
    assert text_problem("a\nb", "secret") == text_problem("a\rb", "identifier") == "must be one line"
    assert text_problem("a\nb", "unlisted") is None
    assert text_problem('{"private_key": "-----BEGIN PRIVATE KEY-----\\nAAAA"}', "unlisted") is None
    assert text_problem("correct horse", "secret") is None


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (2**53, []),
        (-(2**53), []),
        (2**53 + 1, [""]),
        ({"a": [1, {"b": -(2**60)}], "c": 1e300, "d": 0.5, "e": "9" * 30, "f": True}, [".a[1].b", ".c"]),
    ],
)
def test_numbers_beyond_what_the_engine_has(value: object, paths: list[str]) -> None:
    """Each is named by its path, at any depth."""
    assert list(too_large(value)) == paths
