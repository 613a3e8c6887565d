"""The redactor finds a credential in every encoding that SECURITY.md lists, and lets harmless words through."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import json
import quopri
import re
import string
import threading
import time
import unicodedata
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_justt.errors import NOT_SHOWN, WITHHELD
from pulumi_justt.redaction import Redactor, shared_redactor
from support import secret_scanner
from support.checkout import ROOT

CANARY = "canary-5e81d27f0c94+/a3b6-long"


def knowing(*secrets: object) -> Redactor:
    """Create a redactor that knows the given credentials."""
    made = Redactor()
    made.add_secrets(secrets)
    return made


def each(form: Callable[[int], str]) -> Callable[[str], str]:
    """Return a function that writes each character of a credential with *form*, which gets its code point."""
    return lambda secret: "".join(form(ord(character)) for character in secret)


def sparse(form: Callable[[int], str]) -> Callable[[str], str]:
    """Return a function that writes with *form* only the ASCII characters that are neither letters nor digits."""
    return lambda secret: re.sub(r"[!-/:-@\[-`{-~]", lambda found: form(ord(found.group())), secret)


def octets(form: str, between: str = "") -> Callable[[str], str]:
    """Return a function that writes each byte of a credential with *form*, and *between* two of them."""
    return lambda secret: between.join(form.format(octet) for octet in secret.encode())


def packed(
    before: bytes = b"", after: bytes = b"", alphabet: Callable[[bytes], bytes] = base64.b64encode
) -> Callable[[str], str]:
    """Return a function that encodes a credential, and the bytes before and after it, in base64."""
    return lambda secret: alphabet(before + secret.encode() + after).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "full width": each(lambda code: chr(code + 0xFEE0) if 0x21 <= code <= 0x7E else chr(code)),
    "on several lines": "\r\n  ".join,
    "HTML": html.escape,
    "HTML, decimal": each("&#{};".format),
    "HTML, hex": each("&#x{:X};".format),
    "HTML, padded": each("&#{:07};".format),
    "HTML, twice": lambda secret: html.escape(html.escape(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, each byte": octets("%{:02x}"),
    "URL, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "JSON, each character": lambda secret: "".join(f"\\u{unit:04x}" for unit in units(secret)),
    "JSON, escaped twice": lambda secret: "".join(f"\\\\u{unit:04X}" for unit in units(secret)),
    "JavaScript": each("\\u{{{:x}}}".format),
    "Python": each("\\U{:08x}".format),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "%u": lambda secret: "".join(f"%u{unit:04x}" for unit in units(secret)),
    "octal": octets("\\{:03o}"),
    # The space separates the credential from a backslash before it, which would make an escape with a first digit.
    "octal, short": lambda secret: (
        " " + re.sub(r"[!-/:-@\[-`{-~](?![0-7])", lambda found: f"\\{ord(found.group()):o}", secret)
    ),
    "octal, braces": each("\\o{{{:o}}}".format),
    "decimal, backslash": octets("\\{:03d}"),
    "hex, braces": each("\\x{{{:x}}}".format),
    "U+ in braces": each("\\N{{U+{:X}}}".format),
    "percent and braces": each("%{{{:x}}}".format),
    "names": lambda secret: re.sub(r"\W", lambda found: f"\\N{{{unicodedata.name(found.group())}}}", secret),
    "quoted-printable": octets("={:02X}"),
    "quoted-printable, mail": lambda secret: quopri.encodestring(
        f"{'x' * 70}{secret}".encode(), quotetabs=True
    ).decode(),
    "RTF": octets("\\'{:02x}"),
    "RTF, Unicode": each("\\u{}?".format),
    "CSS": each("\\{:x} ".format),
    "CSS, six digits": each("\\{:06x}".format),
    "XML names": each("_x{:04X}_".format),
    "0x within text": sparse(lambda code: f"0x{code:02x}"),
    "#x within text": sparse(lambda code: f"#x{code:02x};"),
    "hex": octets("{:02x}"),
    "hex, upper case": octets("{:02X}"),
    "hex, colons": octets("{:02x}", ":"),
    "hex, blanks": octets("{:02X}", " "),
    "hex, \\x": octets("\\x{:02x}"),
    "hex, 0x": octets("0x{:02x}", ", "),
    "hex, one dump": lambda secret: f"0x{secret.encode().hex()}",
    "$ within text": sparse("${:02x}".format),
    "~ within text": sparse("~{:02x}".format),
    "-x within text": sparse("-x{:02x}".format),
    "SQL": each("\\+{:06x}".format),
    "XML names, eight digits": each("_x{:08X}_".format),
    "Basic": lambda secret: " & ".join(f"Chr(&H{octet:02X})" for octet in secret.encode()),
    "byte values, one behind the other": octets("{:03}"),
    "octal values, one behind the other": octets("{:03o}"),
    "byte values, underscores": octets("{}", "_"),
    "octal list": octets("{:03o}", " "),
    "octal list, Python": octets("0o{:o}", ", "),
    "octal list, C": octets("0{:o}", ", "),
    "binary": octets("{:08b}"),
    "binary list": octets("{:08b}", " "),
    "binary list, Python": octets("0b{:b}", ", "),
    "byte values": lambda secret: json.dumps({"type": "Buffer", "data": list(secret.encode())}),
    **{f"base64 at {n}": packed(b"xyz"[:n], b":rest") for n in range(3)},
    **{f"base64 at {n}, URL alphabet": packed(b"xyz"[:n], b"", base64.urlsafe_b64encode) for n in range(3)},
    "base64 without padding": lambda secret: packed()(secret).rstrip("="),
    "base64, in lines": packed(b"x" * 50, b"y" * 60, base64.encodebytes),
    "base64 of base64": lambda secret: packed()(packed(b"user:")(secret)),
    "base64 of hex": lambda secret: packed()(secret.encode().hex()),
    "base64 of Latin-1": lambda secret: base64.b64encode(
        f"user:{secret}".encode("latin-1", "backslashreplace")
    ).decode(),
    "hex of base64": lambda secret: packed(b"user:")(secret).encode().hex(),
    "Basic in JSON": lambda secret: json.dumps({"authorization": f"Basic {packed(b'user:')(secret)}"}),
    "base64 in URL": lambda secret: quote(packed()(secret), safe=""),
    "JSON in URL in HTML": lambda secret: html.escape(quote(json.dumps({"a": secret}))),
    "URL in base64": lambda secret: packed()(quote(f"a={quote(secret, safe='')}")),
}


def units(text: str) -> list[int]:
    """Return the UTF-16 units of a text, as in JSON escapes."""
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]


SECRETS = [
    "pass",
    "a1-b2",
    "p@ss&w<rd>",
    "hunter2pass!",
    'quo"te\\slash',
    "pässwörd",
    "пароль7",  # noqa: RUF001 - letters that look like Latin ones
    "密码密码",
    "100%41&amp;\\u0042z",
    "a+b/c==",
    "rk_live_51H8xQ2eZvKYlo2C0Yh3",
    CANARY,
]
WORDS = "correcthorsebatterystapleofmyownshopname"
SURROUNDINGS = [
    ("", ""),
    ("the key ", " is no key"),
    ("apiKey=", "&shop=1"),
    ('{"got":"', '"}'),
    ("C:\\", "."),
    ("x", "\n"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_each_encoding_of_each_secret_is_found(secret: str, form: str) -> None:
    """The redactor withholds a text that contains a credential in any of the listed encodings.

    Neither the credential's length nor its place in the text matters.
    """
    redactor = knowing(secret)

    assert redactor.is_complete
    for before, after in SURROUNDINGS:
        assert redactor.redact(f"{before}{FORMS[form](secret)}{after}") == WITHHELD


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=40)
VALUES = st.text(string.ascii_letters + string.digits + string.punctuation + " éß密", min_size=4, max_size=40)


@example(secret="000 :", form="form", before="", after="")
@example(secret="00ß密", form="base64 of Latin-1", before="", after="")
@given(
    secret=VALUES.filter(lambda text: len("".join(text.split())) >= 4),
    form=st.sampled_from([name for name in FORMS if "case" not in name]),
    before=PRINTABLE,
    after=PRINTABLE,
)
def test_no_surrounding_text_hides_a_secret(secret: str, form: str, before: str, after: str) -> None:
    """The redactor finds an encoded credential between any two texts that a space and a line break separate from it."""
    redactor = knowing(secret)

    assert not redactor.is_complete or redactor.redact(f"{before} {FORMS[form](secret)}\n{after}") == WITHHELD


@pytest.mark.parametrize(
    "part",
    [CANARY[:15], CANARY[15:], CANARY[3:15], CANARY[:-4], CANARY[4:], CANARY[:15].upper(), CANARY[8:20].encode().hex()],
)
def test_a_part_of_a_long_secret_is_found(part: str) -> None:
    """The redactor withholds a text with a part of a long credential, encoded or not.

    Eight letters or digits in a row are enough.
    """
    assert knowing(CANARY).redact(f"before {part} after") == WITHHELD
    assert knowing(CANARY).redact(base64.b64encode(f"before {part} after".encode()).decode()) == WITHHELD


@pytest.mark.parametrize("secret", [CANARY, "hunter2", "密码密码密码"])
def test_a_secret_at_the_truncation_point_is_hidden(secret: str) -> None:
    """If a credential is where the redactor truncates a long text, the output doesn't show the credential's start."""
    redactor = knowing(secret)
    for blanks in ("x", " ", "&nbsp;", "\\n"):
        for length in (*range(280, 301), *range(1_960, 2_000)):
            shown = redactor.redact(blanks * (length // len(blanks)) + secret + "y" * 10_000)
            assert shown == WITHHELD or secret[:3] not in shown


def test_harmless_words_are_shown() -> None:
    """The redactor shows texts whose words only resemble a credential.

    The redactor also shows common parts of a credential, such as a PEM header.
    """
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    redactor = knowing(CANARY, pem, "stripe-user", {"deep": [70_370_370, True, None]}, "", " ")

    for words in (
        "canary- is no identifier of an account; see errors/400 (stripe-eu-main)",
        "the private key cannot be read: expected -----BEGIN PRIVATE KEY-----",
        "unknown user of stripe",
        "caf\u00e9 &amp; bar: 100% of \\u0041 dGVzdA== deadbeef 0x1234",
    ):
        assert redactor.redact(words) == words
    assert redactor.redact("pin 70 370-370") == WITHHELD


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain words", "plain words"),
        ("two\r\n lines\tand\x1b[31mcolour\u2028", "two lines and [31mcolour"),
        ("\x00  \n", ""),
        ("", ""),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + "…"),
    ],
)
def test_foreign_text_becomes_one_line(text: str, line: str) -> None:
    """The redactor turns a text into one line of at most 300 characters without control characters."""
    assert Redactor().redact(text) == line


# Parts of escapes. The test combines them in ways that no standard defines.
PIECES = (*"\\xuUN{}+079fFhH&#;$%~=3c_'- no,bé۳\n", "\r\n", "0x", "0h", "&H", "x003C_", "d83d", "de00", "0b101")


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@example("0H08")
@example("\\777")
def test_no_mixture_of_escapes_breaks_the_search(text: str) -> None:
    """The redactor searches a text with any mixture of escapes without an error.

    An error at this point would lose the result of a create.
    """
    redactor = knowing(CANARY)

    assert redactor.is_clean(text)
    assert redactor.is_clean_record([text])
    assert redactor.redact(text) != WITHHELD


@given(st.text(st.characters(), max_size=1000))
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    """The redactor turns any text, even invalid Unicode, into one printable line of at most 301 characters."""
    line = knowing(CANARY, "!?!?").redact(text)

    assert line.isprintable()
    assert len(line) <= 301


def test_foreign_text_is_withheld_unless_every_credential_is_known() -> None:
    """The redactor withholds all text from Justt or a proxy while it can't search for every credential.

    That is so if a value is missing, if an integration's credentials are not added yet, or if a secret has only three
    characters.
    """
    missing, unmet, short = Redactor(), Redactor(), knowing("abc")
    missing.mark_incomplete()
    unmet.expect_integration("id-1")

    for redactor in (missing, unmet, short):
        assert redactor.redact("plain words") == WITHHELD
        assert redactor.redact("no such name", is_own=True) == "no such name"
        assert redactor.redact("") == ""
    unmet.add_integration("id-1")
    assert unmet.redact("plain words") == "plain words"


UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.mark.parametrize("text", ["err-1", "77", "sim-619947e7891ec7ed", UUID])
def test_error_id_is_shown(text: str) -> None:
    """The redactor shows an errorId in a usual form, even if it withholds the text.

    Justt's support asks for the errorId.
    """
    incomplete = Redactor()
    incomplete.mark_incomplete()

    assert knowing(CANARY).error_id(text) == text
    assert incomplete.error_id(text) == text


@pytest.mark.parametrize(
    "text", [CANARY, f"e-{CANARY}", CANARY[:12], CANARY.encode().hex(), "two words", "e\n1", "e" * 65, "", None]
)
def test_error_id_that_may_be_something_else_is_not_shown(text: str | None) -> None:
    """The redactor drops an errorId that contains a credential, is not one word or is too long.

    A server can put anything there.
    """
    assert knowing(CANARY).error_id(text) is None


@pytest.mark.parametrize("text", ["e-hunter2pass", "rk_live_51H8xQ2e", "0123456789abcdef0123456789abcdef", "Zm9vYmFy"])
def test_error_id_is_stricter_without_a_known_credential(text: str) -> None:
    """While a credential is missing, the redactor shows an errorId only in a form that no credential has."""
    incomplete = Redactor()
    incomplete.mark_incomplete()

    assert Redactor().error_id(text) == text
    assert incomplete.error_id(text) is None


@pytest.mark.parametrize(
    ("secret", "part", "is_found"),
    [
        (WORDS, WORDS[:35], True),
        (WORDS, WORDS[5:], True),
        (WORDS, WORDS[:34], False),
        (WORDS, WORDS[6:], False),
        (f"{WORDS}7", f"{WORDS[-11:]}7", True),
        (f"{WORDS}7", f"{WORDS[-10:]}7", False),
        ("abcd7fghij", "abcd7fghi", True),
        ("abcd7fghij", "bcd7fghij", True),
        ("abcd7fghij", "cd7fghij", False),
        ("abcd7fghi", "abcd7fgh", False),
        ("abcdefghi7", "bcdefghi7", False),
        ("abcdefghij", "abcdefghi", False),
    ],
)
def test_how_much_of_a_credential_a_record_may_have(secret: str, part: str, *, is_found: bool) -> None:
    """Seven eighths of a long credential are found in a record, or twelve characters in a row that include a digit.

    Of a credential of 10 to 15 characters with a digit between the first and the last, all but one of these two are
    found. Less is not.
    """
    assert knowing(secret).is_clean_record(["id-1", part]) != is_found


def test_records_are_searched_for_whole_credentials() -> None:
    """`is_clean_record` accepts fields with a part of a user name, which an id may contain by chance.

    `is_clean_record` refuses fields that contain a whole credential, encoded or not.
    """
    redactor = knowing("int1", "integration-user", "12345678", CANARY)

    assert redactor.is_clean_record(["stripe_integration_123", "int1-x", "1", "2", "345678", "2027-01-31T00:00:00Z"])
    assert knowing("integration9", "stripe-integration-user").is_clean_record(
        ["stripe_integration_123", "integration-2"]
    )
    assert redactor.is_clean_record(["canary", "5e81d27f", "integration-use", "a3b6-long"])
    for field in ("int1", "x-integration-user", CANARY, CANARY.upper(), packed(b"id:")(CANARY), CANARY.encode().hex()):
        assert not redactor.is_clean_record(["id-1", field])


@pytest.mark.parametrize(
    "secret", [CANARY, "correct-horse-battery-staple", "x" * 40 + "1", "sk_live_51HxyzAbCd9876qqWWeeRR", "Tr0ub4dor&3x"]
)
def test_records_are_searched_for_most_of_a_long_credential(secret: str) -> None:
    """`is_clean_record` refuses a field with nine tenths of a long credential, encoded or not.

    Twelve characters of a credential that include a digit are refused too.
    """
    tenth = len(secret) // 10
    for part in (secret[:-tenth], secret[tenth:], secret[tenth // 2 : -(tenth // 2) or None]):
        for field in (part, f"id-{part}", part.upper(), part.encode().hex(), packed(b"x")(part), quote(quote(part))):
            assert not knowing(secret).is_clean_record(["id-1", field]), field
    assert not knowing(CANARY).is_clean_record(["id-1", CANARY[7:19]])


ID = "V1StGXR8_Z5jdHi6B-myT"


@pytest.mark.parametrize("missing", ["a reference", "an integration", "a short one"])
@pytest.mark.parametrize(
    ("field", "is_shown"),
    [
        *dict.fromkeys(
            ["446655440000", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "stripe_integration_123", "int-7"], True
        ).items(),
        *dict.fromkeys(
            ["65f1c0de8a7b6c5d4e3f2a1b", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "2027-01-31T00:00:00.123Z"], True
        ).items(),
        *dict.fromkeys(
            ["2027-01-31", "elavon_payment_insider", "worldpay_cb911", "VALIDATION_FAILED", ID], True
        ).items(),
        ("V1StGXR8_Z5jdHi6B-abc", True),
        *dict.fromkeys(
            [CANARY, "rk_live_51H8xQ2eZvKYlo2C0Yh3", "correct-horse-battery-staple", "hunter2pass"], False
        ).items(),
        *dict.fromkeys(
            ["0123456789abcdef0123456789abcdef", "Zm9vYmFy", "p@ss", "sk_3fa85f64-5717-4562-b3fc-2c963f66afa6"], False
        ).items(),
    ],
)
def test_records_while_a_credential_is_unavailable(field: str, missing: str, *, is_shown: bool) -> None:
    """While a credential is missing, `shown` returns a field only if no credential looks like it.

    After the state has shown the field as plain text, `shown` returns it in any case.
    """
    redactor = knowing("abc") if missing == "a short one" else Redactor()
    if missing == "a reference":
        redactor.mark_incomplete()
    elif missing == "an integration":
        redactor.expect_integration("id-not-met")
    redactor.add_integration(ID)

    assert redactor.is_clean_record(["id-1", field])
    assert Redactor().shown(field) == field
    assert redactor.shown(field) == (field if is_shown else NOT_SHOWN)
    redactor.note_plain(field)
    assert redactor.shown(field) == field


def test_the_environment_s_credentials_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The redactor finds the credentials in environment variables, such as proxy passwords and the passphrase.

    The redactor ignores a Pulumi token that is too short to search for, because Justt never gets the token.
    """
    for name, value in {
        "HTTPS_PROXY": "http://user:first%40pass@proxy.example:1",
        "all_proxy": "token-of-a-proxy@proxy.example",
        "NO_PROXY": "localhost",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_ACCESS_TOKEN": "x",
        "JUSTT_API_KEY": "a-key-of-justt",
        "JUSTT_API_KEY_OVERRIDE": "another-key-7",
    }.items():
        monkeypatch.setenv(name, value)
    shared_redactor.cache_clear()

    for secret in ("first@pass", "token-of-a-proxy", "correct horse", "a-key-of-justt", "another-key-7"):
        assert shared_redactor().redact(f"no {secret}") == WITHHELD
    assert shared_redactor().redact("no user of proxy.example") == "no user of proxy.example"
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-0123abcd")
    shared_redactor.cache_clear()
    assert shared_redactor().redact("no pul-0123abcd") == WITHHELD


@pytest.mark.parametrize(
    "text",
    [
        "&amp;" * 10**6,
        "&amp;" + "amp;" * 10**6,
        "%25" * 10**6,
        "QUFB" * 10**6,
        "\\" * 10**6,
        "\ufdfa" * 10**6,
        "41 " * 10**6,
    ],
    ids=["html", "nested html", "url", "base64", "backslashes", "expanding", "hex"],
)
@pytest.mark.timed
def test_redaction_of_any_text_is_fast(text: str) -> None:
    """With a thousand known credentials, the redactor handles a text of a million escapes in less than a second."""
    redactor = knowing(*(f"{CANARY}-{n:020}" for n in range(1_000)), "m" * 10**6)
    started = time.process_time()

    redactor.redact(text)

    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("secret", "part", "is_found"),
    [
        ("ab-cdefgh12345678", "defgh123", True),
        ("ab-cdefgh12345678", "defgh12", False),
        ("abcdefgh1234567", "abcdefgh123456", False),
    ],
)
def test_how_much_of_a_credential_a_message_may_have(secret: str, part: str, *, is_found: bool) -> None:
    """Eight letters or digits in a row are found, if the credential has at least 16. Less is not."""
    assert (knowing(secret).redact(f"before {part} after") == WITHHELD) == is_found


def test_a_very_long_credential_is_found_by_its_parts() -> None:
    """The redactor finds a part of a credential that is about a megabyte long.

    The redactor doesn't index every position of it.
    """
    secret = "".join(f"{n:x}" for n in range(200_000))

    assert knowing(secret).redact(f"got {secret[5_000:5_290]}") == WITHHELD


@pytest.mark.parametrize(
    "secret",
    [
        "%" + "25" * 3_000,
        "&" + "amp;" * 250_000,
        "a" + "\u0301\u0323" * 100_000,
        "m1" * 7_500_000,
        "\\n1" * 300_000,
        "\\N{" * 300_000,
        "\ufdfa" * 200_000,
    ],
    ids=["nested URL", "nested html", "accents", "15 MB", "backslashes", "names", "expanding"],
)
@pytest.mark.timed
def test_redaction_with_any_credential_is_fast(secret: str) -> None:
    """The redactor adds a credential of millions of characters and finds its start in less than three seconds."""
    started = time.process_time()

    assert knowing(secret).redact(secret[:100]) == WITHHELD

    assert time.process_time() - started < 3.0


@pytest.mark.parametrize(
    "field", ["&amp;" * 51, "%25" * 85, "\\3c " * 51, "QUFB" * 63, "%2525&amp;amp;\\u0026=3D\\74" * 9]
)
@pytest.mark.daily(1)
@pytest.mark.timed
def test_redaction_of_a_page_is_fast(field: str) -> None:
    """`is_clean_record` searches a page of a hundred records with three long fields each in less than four seconds."""
    started = time.process_time()

    knowing(CANARY).is_clean_record([field] * 300)

    assert time.process_time() - started < 4.0


def test_a_text_that_decodes_to_too_much_is_withheld() -> None:
    """The redactor withholds a text if its decoded forms are too long to search, even if no credential is in it."""
    nested = "&amp;" + "amp;" * 1_000

    assert knowing(CANARY).redact(nested) == WITHHELD
    assert knowing(CANARY).redact("&amp;" * 1_000).startswith("&amp;&amp;")


@pytest.mark.slow
@pytest.mark.timed
def test_redaction_of_a_page_of_any_size_is_fast() -> None:
    """`is_clean_record` accepts a page of 3,000 harmless records, and refuses an implausibly large one.

    Both calls together take less than four seconds.
    """
    redactor = knowing(CANARY)
    started = time.process_time()

    assert redactor.is_clean_record([UUID, "2027-01-31T00:00:00Z"] * 3_000)
    assert not redactor.is_clean_record(["&amp;" * 51] * 60_000)

    assert time.process_time() - started < 4.0


def test_threads_can_add_secrets_during_a_search() -> None:
    """One thread can add credentials while three other threads search texts, without an error."""
    redactor, failures = Redactor(), []

    def search() -> None:
        try:
            for _ in range(200):
                redactor.redact("plain words of a vendor")
        except RuntimeError as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(5_000):
        redactor.add_secrets(f"!{n}?" if n % 2 else f"short-{n}")
    for thread in threads:
        thread.join()

    assert failures == []


def test_the_secret_scanner_finds_nothing_in_shown_text() -> None:
    """The scanner that the engine tests use finds no credential in a text that the redactor has handled."""
    text = f"{CANARY} {CANARY.encode().hex()} {packed(b'x')(CANARY)} {CANARY[:15]} {CANARY[15:]}"

    assert secret_scanner.find(knowing(CANARY).redact(text).encode(), [CANARY]) == []


def base58(text: str) -> str:
    """Encode a text in base58, an encoding that the redactor doesn't recognize."""
    number, digits = int.from_bytes(text.encode(), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + digits
    return digits


@pytest.mark.parametrize(
    ("form", "secret"),
    [
        (lambda text: text[::-1], CANARY),
        (lambda text: base64.b32encode(text.encode()).decode(), CANARY),
        (base58, CANARY),
        (lambda text: base64.a85encode(text.encode()).decode(), CANARY),
        (lambda text: base64.b85encode(text.encode()).decode(), CANARY),
        (lambda text: binascii.b2a_uu(text.encode()).decode().strip(), CANARY),
        (lambda text: text.encode("utf-7").decode(), "pässwörd"),
        (lambda text: text.encode("punycode").decode(), "pässwörd"),
        (lambda text: base64.b64encode(zlib.compress(text.encode())).decode(), CANARY),
        (lambda text: codecs.encode(text, "rot13"), CANARY),
        (lambda text: text.replace("@", "(at)"), "hunter@2pass"),
        (lambda text: text.translate({ord("a"): 0x430, ord("e"): 0x435}), "hunter@2pass"),
        ("x".join, CANARY),
    ],
    ids=[
        *("reversed", "base32", "base58", "ascii85", "base85", "uuencode", "UTF-7", "Punycode", "compressed", "ROT13"),
        *("words for characters", "look-alikes", "grouped with letters"),
    ],
)
def test_encodings_that_are_not_recognized(form: Callable[[str], str], secret: str) -> None:
    """The redactor shows a credential in an encoding that SECURITY.md lists as not recognized."""
    assert knowing(secret).redact(form(secret)) == form(secret)


def test_each_test_that_the_page_names_exists() -> None:
    """Every test that SECURITY.md names exists in `tests`."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    found = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }

    assert named
    assert named - found == set()
