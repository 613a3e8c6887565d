"""Decides whether text that Justt or a proxy sent may be shown: only if no credential is in it, in any known form.

A `Redactor` is told each credential when the process meets it. It decodes the text (HTML, URL, JSON and Unicode
escapes, hex, base64, lists of byte values, each within each other) and compares letters and digits only, without case,
accents and width. If it finds a credential, or eight characters in a row of one that has at least sixteen, the text is
withheld as a whole. It is withheld too while a credential that Justt was given is not at hand, or is too short to be
searched for.
"""

from __future__ import annotations

import base64
import codecs
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
"""The most characters of foreign text in an error."""
_SHOWN_FROM = 2_000
"""Characters of which those are taken."""
_SEARCHED = 4_000
"""Characters that are searched: a credential that begins within `_SHOWN_FROM` is here, or a part that is found."""
_MOST_DECODED = 40 * _SEARCHED
"""Characters of decoded text after which the search gives up, and the text is withheld."""

_SHORTEST = 4
"""A shorter credential stands in any text by chance, so it can't be searched for."""
_RUN = 8
"""Characters in a row that a text does not share with a long credential by chance."""
_SHORTEST_WITH_PARTS = 16
_MOST_RUNS = 4_096
"""Runs that are remembered of one credential; of a file of 1 MB, not each."""
_RECORD_RUN = 12
"""Characters in a row, with a digit among them, that the id of a record does not share with a long credential."""
_LONGEST_SECRET = 1_000_000
"""Characters of a credential that are searched for: Justt takes no request with more."""
_MOST_OF_RECORDS = 400_000
"""Characters in the fields of a page that are searched: thousands of records, and a page is asked to have a hundred."""
_MOST_LEVELS = 4
"""Levels of escapes that are taken away from a credential that looks as if it had some."""

_ARMOR = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
"""A line of a PEM file that is the same in all of them."""
_SEPARATORS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(
    r"((?:(?:%|\\x)[0-9a-f]{2})+)|((?:\\[0-3][0-7]{2})+)"
    r"|(?-i:\\U)([0-9a-f]{8})|[\\%][uxN]?\{(?:U\+)?([0-9a-f]{1,8})\}|[\\%]u([0-9a-f]{4})|u\+([0-9a-f]{4,6})|_x([0-9a-f]{4,8})_"
    r"|\\(.)",
    re.IGNORECASE | re.DOTALL,
)
"""Escapes of URLs, JSON, JavaScript, Python, Perl, XML names and Unicode.

Its groups are bytes in hex and in octal, five notations of a code point, and a character that stands for itself or for
white space.
"""
_NAME = re.compile(r"\\N\{([a-z][a-z0-9 -]{1,87})\}", re.IGNORECASE)
"""A character by its name."""
_WHITE = frozenset("bfnrtv")
_TWO = "[0-9a-f]{2}"
_BYTES = tuple(
    (re.compile(f"(?:{one})+", re.IGNORECASE), re.compile(one.replace(_TWO, f"({_TWO})"), re.IGNORECASE))
    for one in (f"={_TWO}", rf"(?:\\'|[-0#&][xh]|[$~]){_TWO};?")
)
"""Bytes of quoted-printable, and those of RTF and hex numbers within a text."""
_NUMBERS = {
    8: re.compile(r"\\(?:([0-7]{1,3})|o\{([0-7]{1,7})\})"),
    10: re.compile(r"\\u?([0-9]{1,7})\??"),
    16: re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|\+([0-9a-fA-F]{6}))"),
}
"""Escapes of shells and C, of Lua, DNS and RTF, of CSS and SQL. Which base is meant can't be seen, so each is tried."""
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
"""Bytes in a list, or one behind the other, in each base."""
_READABLE = re.compile(r"[\t\n\r -~]{6,}")
"""What is worth decoding once more; random bytes have no such run."""
_BOUNDARY = "\u4e00"
"""Stands between the fields of records: a letter, so that nothing is found across it."""

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=-]{0,63}")
_SHORT_ID = re.compile(
    r"[A-Za-z]{0,8}[._:-]?[0-9a-fA-F]{1,16}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII
)
"""An errorId that is no credential by its form: a short number behind a word, or a UUID."""

_RECORD_TEXT = re.compile(
    r"(?:[A-Za-z]{1,12}[._:-]){0,2}(?:[A-Za-z]{1,12}\d{0,4}|\d{1,12})"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:]{5,8}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[5-7][0-9a-f]{23}|01[0-9A-HJKMNP-TV-Z]{24}",
    re.ASCII,
)
"""A field of a record that is no credential by its form: up to three words and a short number, a date, or what a
database makes as an id (an ObjectId or a ULID, which begin with the time)."""
_LONG_ID = 12
"""Characters from which the length of an id tells whether Justt made it."""

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    """Decode what is no UTF-8 as Latin-1, as an older server may have encoded it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("pulumi_justt.latin1", _as_latin1)


class Redactor(Unpicklable):
    """The credentials that a process has met, and whether a text that it was sent may be shown."""

    def __init__(self) -> None:
        """Know nothing."""
        self._secrets: set[str] = set()
        self._words: set[str] = set()
        """Credentials, as `_letters` has them."""
        self._marks: set[str] = set()
        """Credentials that have too few letters and digits, as `_without_space` has them."""
        self._runs: set[str] = set()
        """Parts of the long ones."""
        self._record_runs: set[str] = set()
        self._cores: dict[str, set[str]] = {}
        """What is in any seven eighths of a credential, by its begin; of a short one without a digit, the whole."""
        self._plain_texts: set[str] = set()
        self._is_missing = False
        self._met: set[str] = set()
        self._expected: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether every credential that a text may repeat is at hand, as far as this process can tell."""
        return not self._is_missing and self._expected <= self._met

    def add_secrets(self, value: object) -> None:
        """Take each text and number within *value* for a credential."""
        for text in (text[:_LONGEST_SECRET] for text in _texts(value)):
            if text.strip() and text not in self._secrets:
                self._secrets.add(text)
                self._add(text)

    def mark_incomplete(self) -> None:
        """Take note that Justt has a credential that is not at hand: what a reference gave at an earlier create."""
        self._is_missing = True

    def add_integration(self, integration_id: str) -> None:
        """Take note that the credentials of an integration were learned or missed."""
        self._met.add(integration_id)
        self.note_plain(integration_id)

    def expect_integration(self, integration_id: str) -> None:
        """Take note that a text about an integration may come, so that nothing is shown until it is met."""
        self._expected.add(integration_id)
        self.note_plain(integration_id)

    def note_plain(self, text: str) -> None:
        """Take note of an id or a source that the program or the state has in plain, so that it is no secret."""
        self._plain_texts.add(text)

    def redact(self, text: str, *, is_own: bool = False) -> str:
        """Return *text* as one short line, or what says that it is withheld.

        Args:
            text: What Justt or a proxy said.
            is_own: Whether this machine said it, which was given no credential, but may quote one from its settings.
        """
        if text and not ((is_own or self.is_complete) and self.is_clean(text)):
            return WITHHELD
        line = _one_line(text[:_SHOWN_FROM])
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"

    def error_id(self, text: str | None) -> str | None:
        """Return *text* if it is an errorId that may be shown: a short token without a credential.

        Where a credential is not at hand, only what is none by its form: a short number, or a UUID.
        """
        form = _TOKEN if self.is_complete else _SHORT_ID
        return text if text and form.fullmatch(text) and self.is_clean(text) else None

    def is_clean(self, text: str) -> bool:
        """Return whether no known credential, nor a part of a long one, is at the begin of *text* in any known form."""
        return not self._finds(text[:_SEARCHED], self._holds)

    def is_clean_record(self, fields: Iterable[str]) -> bool:
        """Return whether *fields* of Justt's records, which are stored and shown in plain, repeat no credential.

        Ids are short, so a short credential or a part of a long one stands there by chance. Found are a credential
        that is the whole of a field, seven eighths of one, and twelve characters in a row with a digit among them.
        """
        fields = list(fields)
        text = _BOUNDARY.join(fields)
        if len(text) > _MOST_OF_RECORDS:
            return False
        is_one = not self._words.isdisjoint(map(_letters, fields))
        return not is_one and not self._finds(text, self._holds_most, most=max(_MOST_DECODED, 10 * len(text)))

    def shown(self, field: str) -> str:
        """Return *field* of a record as it may be shown.

        While a credential is not at hand, that is the field only if it is none by its form, or known in plain. What is
        decided rests on the field itself: Justt's ids may have any form.
        """
        return field if self.is_complete or self._is_harmless(field) else NOT_SHOWN

    def _is_harmless(self, field: str) -> bool:
        if field in self._plain_texts or _is_short(field):
            return True
        # Justt promises no form of its ids: one that is as long as an id of the state, in the same case, is an id too.
        forms = {(len(text), text.islower()) for text in self._met | self._expected if not _is_short(text)}
        return len(field) >= _LONG_ID and (len(field), field.islower()) in forms

    def _add(self, text: str) -> None:
        is_searchable = False
        # As it is, and as it reads if what looks like an escape in it is taken for one.
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
        # Copies, since another thread may learn meanwhile. Long ones have been searched for by their parts.
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
        """Return whether *holds* is true of *text* or of what it decodes to.

        It is taken for true if all of that has more than *most* characters, since then it is not searched to the end.
        """
        seen: set[str] = set()
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
            for raw in _decoded(form):
                decoded = raw.decode("utf-8", "pulumi_justt.latin1")
                # Of what is decoded once more, letters beyond ASCII are left out.
                if holds(decoded) or holds(_without_escapes(decoded)):
                    return True
                pending.append(" ".join(_READABLE.findall(decoded)))
        return False


@functools.cache
def shared_redactor() -> Redactor:
    """Return the redactor of this process, which knows the credentials of its environment."""
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
    """Yield the texts and numbers within *value*; true and false are no credentials."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from _texts(child)


def _letters(text: str) -> str:
    """Return the letters and digits of *text* without case, accents and width."""
    return _SEPARATORS.sub("", _plain(text))


def _without_space(text: str) -> str:
    # A form has "+" in place of a blank.
    return "".join(c for c in _plain(text) if c.isprintable() and not c.isspace() and c != "+")


def _plain(text: str) -> str:
    # Character by character: accents are dropped, so their order, which takes long to find, does not matter.
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
    # A word such as "integration1" is a user name, and stands in ids.
    is_rare = len(word) >= _SHORTEST_WITH_PARTS or (len(core) >= _RUN and any(map(str.isdigit, core)))
    return core if is_rare else word


def _is_short(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_SHORT_ID, _RECORD_TEXT))


def _runs(letters: str, length: int = _RUN) -> Iterator[str]:
    return (letters[n : n + length] for n in range(len(letters) - length + 1))


def _without_escapes(text: str) -> str:
    # Pairs of surrogates, as JSON has them, become the character that they stand for.
    return _ESCAPE.sub(_character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: re.Match[str]) -> str:
    in_hex, in_octal, *code_points, itself = escape.groups()
    if in_hex or in_octal:
        values = [int(digits, 16) for digits in re.findall("[0-9a-fA-F]{2}", in_hex)] if in_hex else ()
        raw = bytes(values or [int(digits, 8) for digits in in_octal.split("\\")[1:]])
        return raw.decode("utf-8", "pulumi_justt.latin1")
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
        return bytes.fromhex("".join(one.findall(found.group()))).decode("utf-8", "pulumi_justt.latin1")

    # A line that ends with "=" goes on in the next one.
    return several.sub(decoded, re.sub(r"=\r?\n", "", text))


def _without_numbers(base: int, text: str) -> str:
    return _NUMBERS[base].sub(lambda found: _of_code_point(found[found.lastindex or 0], base), text)


_UNESCAPES: tuple[Callable[[str], str], ...] = (
    html.unescape,
    _without_escapes,
    # A backslash before a credential, as that of a folder's name, is not part of an escape.
    lambda text: re.sub(r"\\+", r"\\", text),
    lambda text: text.replace("\\", ""),
    # Full width, and lines that break within an escape.
    lambda text: "".join(map(_compatible_character, text)),
    lambda text: "".join(text.split()),
    _without_names,
    *(functools.partial(_without_bytes, forms) for forms in _BYTES),
    *(functools.partial(_without_numbers, base) for base in _NUMBERS),
)
"""Take one level of escapes away, each in another way: which was meant, and in which order, can't be seen."""


def _decoded(text: str) -> Iterator[bytes]:
    """Yield what the hex digits, the base64 characters and the lists of bytes in *text* stand for."""
    digits = _NOT_HEX.sub("", text)
    for start in range(2):
        part = digits[start:]
        yield bytes.fromhex(part[: len(part) // 2 * 2])
    characters = _NOT_BASE64.sub("", text)
    for start in range(4):
        part = characters[start:]
        # A single character at the end is no byte.
        part = part[: len(part) - (len(part) % 4 == 1)]
        yield base64.urlsafe_b64decode(part.replace("+", "-").replace("/", "_") + "=" * (-len(part) % 4))
    for base, numbers in _LISTS:
        values = (int(number, base) for number in numbers.findall(text))
        yield bytes(value for value in values if value < 256)  # noqa: PLR2004 - the values of a byte


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
