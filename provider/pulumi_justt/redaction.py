"""Withhold text from Justt or a proxy if it contains a known credential in any known form.

The process adds each credential to its `Redactor` when it first reads it. The redactor decodes the text (HTML, URL,
JSON and Unicode escapes, hex, base64 and lists of byte values, in any nesting) and compares only letters and digits,
ignoring case, accents and width. It withholds the whole text if it finds a credential, or eight consecutive characters
of a credential that has at least sixteen. It also withholds all text while a credential that Justt received is not
known to this process or is too short to search for.
"""

from __future__ import annotations

import base64
import functools
import html
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from pulumi_justt.errors import NOT_SHOWN, WITHHELD
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Redactor", "shared_redactor"]
_SHOWN = 300
"""The maximum number of characters that an error shows of a text from Justt or a proxy."""
_SHOWN_FROM = 2_000
"""The number of characters at the start of a text that an error may quote from."""
_SEARCHED = 4_000
"""The number of characters of a text to search. They include enough of any credential that starts in `_SHOWN_FROM`."""
_MOST_DECODED = 40 * _SEARCHED
"""The maximum number of characters of decoded text to search. If there are more, the text is withheld."""

_SHORTEST = 4
"""The shortest credential to search for. A shorter one occurs in other text by chance."""
_RUN = 8
"""The length of a run: this many consecutive characters of a long credential do not occur in other text by chance."""
_SHORTEST_WITH_PARTS = 16
"""The shortest credential that is searched for by its runs."""
_MOST_RUNS = 4_096
"""The maximum number of runs to remember of one credential. A file of 1 MB has more."""
_RECORD_RUN = 12
"""The length of a run in records: this many characters, including a digit, do not occur in an id by chance."""
_LONGEST_SECRET = 1_000_000
"""The maximum number of characters of a credential to search for. Justt accepts no request with more."""
_MOST_OF_RECORDS = 400_000
"""The maximum number of characters of a page's fields to search. Thousands of records fit; a page has at most 100."""
_MOST_LEVELS = 4
"""The maximum number of levels of escapes to remove from a credential that appears to contain escapes."""

_ARMOR = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
"""A first or last line of a PEM file, which is the same in all files of a type."""
_SEPARATORS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(
    r"((?:(?:%|\\x)[0-9a-f]{2})+)|((?:\\[0-3][0-7]{2})+)"
    r"|(?-i:\\U)([0-9a-f]{8})|[\\%][uxN]?\{(?:U\+)?([0-9a-f]{1,8})\}|[\\%]u([0-9a-f]{4})|u\+([0-9a-f]{4,6})|_x([0-9a-f]{4,8})_"
    r"|\\(.)",
    re.IGNORECASE | re.DOTALL,
)
"""Escapes of URLs, JSON, JavaScript, Python, Perl, XML names and Unicode.

The groups are bytes in hex, bytes in octal, five notations of a code point, and an escaped character that represents
itself or white space.
"""
_NAME = re.compile(r"\\N\{([a-z][a-z0-9 -]{1,87})\}", re.IGNORECASE)
"""A character escaped by its Unicode name."""
_WHITE = frozenset("bfnrtv")
_TWO = "[0-9a-f]{2}"
_BYTES = tuple(
    (re.compile(f"(?:{one})+", re.IGNORECASE), re.compile(one.replace(_TWO, f"({_TWO})"), re.IGNORECASE))
    for one in (f"={_TWO}", rf"(?:\\'|[-0#&][xh]|[$~]){_TWO};?")
)
"""Bytes in quoted-printable, and bytes as RTF escapes or hex numbers."""
_NUMBERS = {
    8: re.compile(r"\\(?:([0-7]{1,3})|o\{([0-7]{1,7})\})"),
    10: re.compile(r"\\u?([0-9]{1,7})\??"),
    16: re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|\+([0-9a-fA-F]{6}))"),
}
"""Numeric escapes of shells and C (octal), of Lua, DNS and RTF (decimal), and of CSS and SQL (hex).

The text does not show the base, so each is tried.
"""
_NOT_HEX = re.compile(r"0[xX]|[^0-9a-fA-F]")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/_-]")
_LISTS = (
    (10, re.compile(r"(?<![0-9])([0-9]{1,3})(?![0-9])")),
    (10, re.compile(r"[0-9]{3}")),
    (8, re.compile(r"(?<![0-9])(?:0o?)?([0-3]?[0-7]{1,2})(?![0-9])")),
    (8, re.compile(r"[0-3][0-7]{2}")),
    (2, re.compile(r"(?:0b)?([01]{8}|[01]{6,7}(?![01]))")),
    (16, re.compile(r"(?:[$#%]|0x|&h)([0-9a-f]{1,2})(?![0-9a-f])", re.IGNORECASE)),
)
"""Byte values in a list, or directly one after the other, in each base."""
_READABLE = re.compile(r"[\t\n\r -~]{6,}")
"""Text that is decoded once more. Random bytes contain no such run of printable characters."""
_BOUNDARY = "\u4e00"
"""Separates the fields of records. It is a letter, so that no match can extend over two fields."""

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=-]{0,63}")
_SHORT_ID = re.compile(
    r"[A-Za-z]{0,8}[._:-]?[0-9a-fA-F]{1,16}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII
)
"""An errorId whose format rules out a credential: a short number after a word, or a UUID."""

_RECORD_TEXT = re.compile(
    r"(?:[A-Za-z]{1,12}[._:-]){0,2}(?:[A-Za-z]{1,12}\d{0,4}|\d{1,12})"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:]{5,8}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[5-7][0-9a-f]{23}|01[0-9A-HJKMNP-TV-Z]{24}",
    re.ASCII,
)
"""A record's field whose format rules out a credential.

Such a field is up to three words and a short number, a date, or a database id (an ObjectId or a ULID, which begin with
the time).
"""
_LONG_ID = 12
"""The minimum length of a field that may count as an id of Justt because a known id has the same length."""

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

_NOT_UTF_8 = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""The Latin-1 character for each surrogate that "surrogateescape" returns for a byte that is not UTF-8."""


class Redactor(Unpicklable):
    """Holds the known credentials of a process, and decides whether a received text may be shown."""

    def __init__(self) -> None:
        """Start without any credential."""
        self._secrets: set[str] = set()
        self._words: set[str] = set()
        """The credentials, as `_letters` returns them."""
        self._marks: set[str] = set()
        """The credentials with too few letters and digits, as `_without_space` returns them."""
        self._runs: set[str] = set()
        """The runs of the long credentials, for texts."""
        self._record_runs: set[str] = set()
        """The runs of the long credentials, for records."""
        self._cores: dict[str, set[str]] = {}
        """The middle of each credential, keyed by its first characters. Any seven eighths of a credential contain it.

        For a short credential without a digit, this is the whole credential.
        """
        self._plain_texts: set[str] = set()
        self._is_missing = False
        self._added_ids: set[str] = set()
        self._expected_ids: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether this process knows every credential that a text may contain, as far as it can determine."""
        return not self._is_missing and self._expected_ids <= self._added_ids

    def add_secrets(self, value: object) -> None:
        """Add each text and number in *value* as a credential."""
        for text in (text[:_LONGEST_SECRET] for text in _texts(value)):
            if text.strip() and text not in self._secrets:
                self._secrets.add(text)
                self._add(text)

    def mark_incomplete(self) -> None:
        """Record that Justt has a credential unknown to this process, such as a reference's earlier value."""
        self._is_missing = True

    def add_integration(self, integration_id: str) -> None:
        """Record that the credentials of an integration were added, or were marked as missing."""
        self._added_ids.add(integration_id)
        self.note_plain(integration_id)

    def expect_integration(self, integration_id: str) -> None:
        """Withhold all text, which may contain this integration's secrets, until `add_integration` is called for it."""
        self._expected_ids.add(integration_id)
        self.note_plain(integration_id)

    def note_plain(self, text: str) -> None:
        """Record an id or a source that the program or the state has in plain text, so it is not a secret."""
        self._plain_texts.add(text)

    def redact(self, text: str, *, is_own: bool = False) -> str:
        """Return *text* as one short line, or a note that it is withheld.

        Args:
            text: The text that Justt or a proxy sent.
            is_own: Whether the text comes from this machine. It then can't repeat a credential that was sent, but may
                quote one from this machine's settings.
        """
        if text and not ((is_own or self.is_complete) and self.is_clean(text)):
            return WITHHELD
        line = _one_line(text[:_SHOWN_FROM])
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"

    def error_id(self, text: str | None) -> str | None:
        """Return *text* if it is an errorId that may be shown: a short token without a credential.

        While a credential is unknown, only a short number or a UUID may be shown: their format rules out a credential.
        """
        form = _TOKEN if self.is_complete else _SHORT_ID
        return text if text and form.fullmatch(text) and self.is_clean(text) else None

    def is_clean(self, text: str) -> bool:
        """Return whether the searched part of *text* contains no known credential, nor a part of a long one."""
        return not self._finds(text[:_SEARCHED], self._holds)

    def is_clean_record(self, fields: Iterable[str]) -> bool:
        """Return whether *fields* of Justt's records, which are stored and shown in plain text, contain no credential.

        A short credential, or a short part of a long one, can occur in an id by chance. So this looks only for a
        credential that is a whole field, for seven eighths of a credential, and for twelve consecutive characters of a
        credential that include a digit.
        """
        fields = list(fields)
        text = _BOUNDARY.join(fields)
        if len(text) > _MOST_OF_RECORDS:
            return False
        is_one = not self._words.isdisjoint(map(_letters, fields))
        return not is_one and not self._finds(text, self._holds_most, most=max(_MOST_DECODED, 10 * len(text)))

    def shown(self, field: str) -> str:
        """Return *field* of a record, or a placeholder if it may be a credential.

        While a credential is unknown, a field is shown only if its format rules out a credential, or if the program or
        the state has it in plain text. Use the result only for display, and the field itself for decisions: Justt's ids
        may have any format.
        """
        return field if self.is_complete or self._is_harmless(field) else NOT_SHOWN

    def _is_harmless(self, field: str) -> bool:
        if field in self._plain_texts or _is_short(field):
            return True
        # Justt documents no format for its ids. A text with the length and case of an id in the state counts as an id.
        forms = {(len(text), text.islower()) for text in self._added_ids | self._expected_ids if not _is_short(text)}
        return len(field) >= _LONG_ID and (len(field), field.islower()) in forms

    def _add(self, text: str) -> None:
        is_searchable = False
        # Add the text as it is, and as it reads when sequences that look like escapes are decoded.
        forms = [_ARMOR.sub("\n", text)]
        while len(forms) <= _MOST_LEVELS and (plainer := _without_escapes(html.unescape(forms[-1]))) != forms[-1]:
            forms.append(plainer)
        for form in forms:
            word, mark = _letters(form), _without_space(form)
            if len(word) >= _SHORTEST:
                is_searchable = True
                self._words.add(word)
                if len(word) >= _RUN:
                    core = _core(word)
                    self._cores.setdefault(core[:_RUN], set()).add(core)
                if len(word) >= _SHORTEST_WITH_PARTS:
                    places = range(0, len(word), len(word) // _MOST_RUNS + 1)
                    self._runs |= {word[n : n + _RUN] for n in places}
                    runs = (word[n : n + _RECORD_RUN] for n in places if n + _RECORD_RUN <= len(word))
                    self._record_runs |= {run for run in runs if any(map(str.isdigit, run))}
            elif len(mark) >= _SHORTEST:
                is_searchable = True
                self._marks.add(mark)
        self._is_missing |= not is_searchable

    def _holds(self, text: str) -> bool:
        letters = _letters(text)
        if not self._runs.isdisjoint(_runs(letters)):
            return True
        # Iterate over copies, as another thread may add secrets. Long secrets were already searched for by their runs.
        words = (word for word in tuple(self._words) if len(word) < _SHORTEST_WITH_PARTS)
        if any(word in letters for word in words):
            return True
        marks = tuple(self._marks)
        return bool(marks) and any(mark in _without_space(text) for mark in marks)

    def _holds_most(self, text: str) -> bool:
        letters = _letters(text)
        if not self._record_runs.isdisjoint(_runs(letters, _RECORD_RUN)):
            return True
        heads = self._cores.keys() & set(_runs(letters))
        return any(core in letters for head in heads for core in tuple(self._cores[head]))

    @staticmethod
    def _finds(text: str, holds: Callable[[str], bool], most: int = _MOST_DECODED) -> bool:
        """Return whether *holds* is true for *text* or for any text that it decodes to.

        If these have more than *most* characters in total, the search stops and returns True.
        """
        # An empty text holds nothing.
        seen, seen_bytes = {""}, {b""}
        pending = [text]
        while pending:
            form = pending.pop()
            if form in seen:
                continue
            seen.add(form)
            most -= len(form)
            if most < 0 or holds(form):
                return True
            pending += [unescape(form) for unescape in _UNESCAPES]
            for raw in {*_decoded(form)} - seen_bytes:
                seen_bytes.add(raw)
                decoded = _lenient_text(raw)
                # Only ASCII characters are decoded once more.
                if any(map(holds, {decoded, _without_escapes(decoded)})):
                    return True
                pending.append(" ".join(_READABLE.findall(decoded)))
        return False


@functools.cache
def shared_redactor() -> Redactor:
    """Return the redactor of this process, which starts with the credentials in the environment variables."""
    redactor = Redactor()
    for name, value in os.environ.items():
        if name in ("JUSTT_API_KEY", "JUSTT_API_KEY_OVERRIDE") or (
            name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN") and len(value) >= _SHORTEST
        ):
            redactor.add_secrets(value)
        elif name.upper() in _PROXIES:
            user, _, password = value.rpartition("@")[0].rpartition("//")[2].partition(":")
            redactor.add_secrets(password or user)
    return redactor


def _texts(value: object) -> Iterator[str]:
    """Yield the texts and numbers in *value*, but not true and false, which are not credentials."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from _texts(child)


def _letters(text: str) -> str:
    """Return the letters and digits of *text*, normalized in case, accents and width."""
    return _SEPARATORS.sub("", _plain(text))


def _without_space(text: str) -> str:
    # A form encodes a blank as "+".
    return "".join(c for c in _plain(text) if c.isprintable() and not c.isspace() and c != "+")


def _plain(text: str) -> str:
    # Normalize each character separately. For a whole text, Python would also sort the accents. That is slow and has no
    # use, because the accents are dropped.
    return text.lower() if text.isascii() else "".join(map(_plain_character, text))


@functools.lru_cache(maxsize=4_096)
def _plain_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@functools.lru_cache(maxsize=4_096)
def _compatible_character(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


def _core(word: str) -> str:
    margin = len(word) // 8
    core = word[margin : len(word) - margin]
    # A short word such as "integration1" may be a user name that also occurs in ids.
    is_rare = len(word) >= _SHORTEST_WITH_PARTS or (len(core) >= _RUN and any(map(str.isdigit, core)))
    return core if is_rare else word


def _is_short(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_SHORT_ID, _RECORD_TEXT))


def _runs(letters: str, length: int = _RUN) -> Iterator[str]:
    return (letters[n : n + length] for n in range(len(letters) - length + 1))


def _without_escapes(text: str) -> str:
    # The UTF-16 round trip joins the surrogate pairs of JSON escapes to characters.
    return _ESCAPE.sub(_character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: re.Match[str]) -> str:
    in_hex, in_octal, *code_points, itself = escape.groups()
    if in_hex or in_octal:
        values = [int(digits, 16) for digits in re.findall("[0-9a-fA-F]{2}", in_hex)] if in_hex else ()
        raw = bytes(values or [int(digits, 8) for digits in in_octal.split("\\")[1:]])
        return _lenient_text(raw)
    if itself:
        return " " if itself in _WHITE else itself
    return _of_code_point(next(filter(None, code_points)), 16)


def _of_code_point(digits: str, base: int) -> str:
    code_point = int(digits, base)
    return chr(code_point) if code_point <= sys.maxunicode else ""


def _without_names(text: str) -> str:
    def named(found: re.Match[str]) -> str:
        try:
            return unicodedata.lookup(found[1])
        except KeyError:
            return ""

    return _NAME.sub(named, text)


def _without_bytes(forms: tuple[re.Pattern[str], re.Pattern[str]], text: str) -> str:
    several, one = forms

    def decoded(found: re.Match[str]) -> str:
        return _lenient_text(bytes.fromhex("".join(one.findall(found.group()))))

    # In quoted-printable, a line that ends with "=" continues on the next line.
    return several.sub(decoded, re.sub(r"=\r?\n", "", text))


def _without_numbers(base: int, text: str) -> str:
    return _NUMBERS[base].sub(lambda found: _of_code_point(found[found.lastindex or 0], base), text)


_UNESCAPES: tuple[Callable[[str], str], ...] = (
    html.unescape,
    _without_escapes,
    # A backslash before a credential, as in a path, is not part of an escape.
    lambda text: re.sub(r"\\+", r"\\", text),
    lambda text: text.replace("\\", ""),
    # These replace full-width characters, and remove line breaks inside an escape.
    lambda text: "".join(map(_compatible_character, text)),
    lambda text: "".join(text.split()),
    _without_names,
    *(functools.partial(_without_bytes, forms) for forms in _BYTES),
    *(functools.partial(_without_numbers, base) for base in _NUMBERS),
)
"""Functions that each remove one level of escapes of one kind. The text does not show the kinds or their order."""


def _decoded(text: str) -> Iterator[bytes]:
    """Yield the bytes that the hex digits, the base64 characters and the lists of byte values in *text* encode."""
    digits = _NOT_HEX.sub("", text)
    for start in range(2):
        part = digits[start:]
        yield bytes.fromhex(part[: len(part) // 2 * 2])
    characters = _NOT_BASE64.sub("", text)
    for start in range(4):
        part = characters[start:]
        # A single character at the end encodes no whole byte.
        part = part[: len(part) - (len(part) % 4 == 1)]
        yield base64.urlsafe_b64decode(part.replace("+", "-").replace("/", "_") + "=" * (-len(part) % 4))
    for base, numbers in _LISTS:
        values = (int(number, base) for number in numbers.findall(text))
        yield bytes(value for value in values if value < 256)  # noqa: PLR2004 - the values of a byte


def _lenient_text(raw: bytes) -> str:
    """Decode UTF-8, and bytes that are not UTF-8 as Latin-1, which older servers may use."""
    return raw.decode("utf-8", "surrogateescape").translate(_NOT_UTF_8)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
