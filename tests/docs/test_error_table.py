"""The page of all errors: it matches the source, and contains every message that a user can see."""

from __future__ import annotations

import pytest

import error_source
import error_table
from error_source import Source
from support.checkout import ROOT


@pytest.fixture(scope="module")
def package() -> list[Source]:
    """Return the package's source. Reading it takes a second, so the collection doesn't."""
    return error_source.package()


def test_the_page_matches_the_source(package: list[Source]) -> None:
    """docs/errors.md equals the page that the generator makes from the current source."""
    kept = (ROOT / "docs" / "errors.md").read_text().splitlines()
    made = error_table.page(package).splitlines()
    missing, stale = [line for line in made if line not in kept], [line for line in kept if line not in made]
    assert (missing, stale) == ([], []), "run `make docs`"
    assert made == kept, "run `make docs`"


def test_every_text_of_the_package_is_read(package: list[Source]) -> None:
    """The generator can read each text that the package raises, shows or yields, and has a section for it."""
    assert error_table.unread(package) == []


@pytest.mark.parametrize(
    "statement",
    [
        "raise JusttError(text)",
        "raise JusttError(made(text))",
        "raise JusttError",
        "raise JusttError('new: ' + text)",
        "raise JusttError(text if operation else 'none at all')",
        "raise text",
        "raise ValueError(text) from None",
        "raise RequestRefused(operation, text, remediation, None)",
        "raise RequestFailed(operation, 'no answer', made(text))",
        "raise lost.but(remediation=made(text))",
        "self.log.warning(text)",
        "log.info(made(text))",
        "print(text)",
        "pulumi.log.error(text)",
        "sys.exit(text)",
        "sys.stderr.write(text)",
        "yield 'source', text",
        "yield text",
        "yield text, made(text)",
    ],
)
def test_an_unreadable_text_is_listed(statement: str) -> None:
    """If the generator can't read a text, it lists the line of the text as unread and doesn't omit it silently."""
    code = f"def check(operation, remediation, lost, text) -> Iterator[tuple[str, str]]:\n    {statement}\n"
    assert [
        line
        for line in error_table.unread([Source("core.integration", code)])
        if line.startswith("core.integration:2: ")
    ] != []


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("raise JusttError('a new error')", "a new error"),
        ("raise JusttError(f'{operation}: {count:,} are too many')", "<operation>: <count> are too many"),
        ("raise JusttError(f'no {word!r}{nearest(word, known)}')", "no '<word>'[ (did you mean <another>?)]"),
        ("where = 'here' if word else 'there'\n    raise JusttError(f'it is {where}')", "it is [here | there]"),
        ("raise pydantic_core.PydanticCustomError('kind', 'must be new')", "<argument>: must be new"),
        ("self._log.info(f'{word} is new')", "note: <word> is new"),
        ("print('a new line')", "a new line"),
        ("yield f'credentials.{word}', 'is new too'", "credentials.<word>: is new too"),
        ("return f'a new part of {word}'", "a new part of <word>"),
        ("failure = Answer(failure='a new part')", "a new part"),
    ],
)
def test_a_new_text_is_found(statement: str, text: str) -> None:
    """If the package gets a new text, the generator adds it to the page.

    A text that belongs to no section is listed as unread.
    """
    code = f"def check(operation, count, word, known) -> Iterator[tuple[str, str]]:\n    {statement}\n"
    assert text in [each.text for each in Source("api.client", code).texts]
    assert any(text in line for line in error_table.page([Source("api.client", code)]).replace("\\", "").splitlines())
    assert any(line.endswith(text) for line in error_table.unread([Source("new_module", code)])) or "note: " in text


def test_conditions_come_from_docstrings() -> None:
    """The generator takes a text's condition from the `Raises:` of its function, or else of the caller.

    If one class has several entries, they match its texts in order.
    """
    code = '''
def outer():
    """Do it.

    Raises:
        ValueError: The outer
            reason.
    """
    inner()
    raise ValueError("text of outer")

def inner():
    """Do it.

    Raises:
        TypeError: First.
        TypeError: Second.
    """
    raise ValueError("text of inner")
    raise TypeError("one text")
    raise TypeError("another text")
'''
    found = Source("core.config", code)
    assert {text.text: text.when for text in found.texts} == {
        "text of outer": "The outer reason.",
        "text of inner": "The outer reason.",
        "one text": "First.",
        "another text": "Second.",
    }
    assert found.unread == []
    assert Source("core.config", code.replace('    raise TypeError("one text")\n', "")).unread != []


def test_no_entry_of_the_generator_is_stale(package: list[Source]) -> None:
    """Each section, placeholder and exception that the generator names still exists in the package."""
    named = set().union(*(source.named for source in package))
    assert {name for name in {*error_source._NAMES, *error_source._CALLS} if name not in named} == set()
    places = {f"{text.place}." for source in package for text in source.texts} | {"warning_or_note.", "operation."}
    parts = {part for _, parts in error_table.SECTIONS.values() for part in parts} | error_table._ELSEWHERE.keys()
    assert {part for part in parts if not any(place.startswith(f"{part}.") for place in places)} == set()
    code = "".join(source.code for source in package)
    assert {name for name in error_source._NEVER_SHOWN if f"raise {name}" not in code.replace("httpcore.", "")} == set()
