"""The claims of SECURITY.md and of the threat model: each one names a test that exists, or says why it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from support.checkout import ROOT

PAGES = ("SECURITY.md", "docs/explanation/threat-model.md")
TEST = re.compile(r"`(test_\w+?)(\.py)?`")
WITHOUT_A_TEST = {
    "SECURITY.md": {
        "Report it to the maintainers": "how to report",
        "The package can't protect against code": "not protected",
        "The default provider's copy of a secret leaves the state only": "Pulumi's behavior, in the test of the table",
        '"Older states" are the history that Pulumi keeps': "Pulumi's behavior, and advice",
        "So a message about one resource": "not protected",
        "A message is also withheld in these cases": "the heading of a table",
        "The package can't protect what your own program prints": "not protected",
    },
    "docs/explanation/threat-model.md": {
        "This page is for a security review": "about the page",
        "To check a defense": "about the page",
        "A test name in the last column": "about the page",
        "This package can't do better than Pulumi here": "the heading of a table",
        "**Which rights does the key of Justt need?**": "Justt's documentation",
        "**A credential of a PSP has leaked.**": "advice",
        "**Can a pull request steal a credential?**": "not protected, and advice",
        "**Who can deactivate an integration": "advice",
        "**Does it have cryptography of its own?**": "the tests are in the tables",
        "**What is left at the end?**": "the tests are in SECURITY.md",
        "**Has it been audited": "a fact",
    },
}
"""The paragraphs that name no test, by how they begin, and why."""


def known() -> set[str]:
    """Return the names of all test functions, and of all test modules."""
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names |= {path.stem, *re.findall(r"^ *def (test_\w+)\(", path.read_text(), re.MULTILINE)}
    return names


def blocks(text: str) -> Iterator[str]:
    """Yield each paragraph of a page, each item of a list and each table, without headings and comments."""
    for block in re.split(r"\n{2,}", re.sub(r"<!--.*?-->", "", text)):
        if block.startswith("#"):
            continue
        for part in re.split(r"^(?=- )", block, flags=re.MULTILINE):
            if part.strip():
                yield part.strip()


def rows(table: str) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table, by cells."""
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return head, lines


def unproven(page: str, text: str) -> list[str]:
    """Return the start of each claim in a page that neither names a test nor says why there is none."""
    found, before = [], ""
    for block in blocks(text):
        if block.startswith("|"):
            head, lines = rows(block)
            if head[-1].startswith("test"):
                found += [line[0] for line in lines if not re.search(r"`test_\w+`|^the same|^none: .", line[-1])]
        # An item of a list without a test of its own may belong to a paragraph that names the test.
        elif not TEST.search(f"{before} {block}" if block.startswith("- ") else block) and not any(
            block.startswith(start) for start in WITHOUT_A_TEST[page]
        ):
            found.append(block[:60])
        before = before if block.startswith("- ") else block
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_claim_names_its_tests(page: str) -> None:
    """Each paragraph, list item and table row names a test, or is listed here with the reason why it has none."""
    text = (ROOT / page).read_text()
    assert unproven(page, text) == []
    starts = WITHOUT_A_TEST[page]
    assert [start for start in starts if not any(block.startswith(start) for block in blocks(text))] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_named_test_exists(page: str) -> None:
    """Each test that a page names is in tests/."""
    named = {name for name, _ in TEST.findall((ROOT / page).read_text())}
    assert len(named) > 40
    assert named - known() == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A claim.", ["A claim."]),
        ("A claim (`test_it`).", []),
        ("# A heading", []),
        ("<!-- a mark -->", []),
        ("- a claim\n- another (`test_it`)", ["- a claim"]),
        ("All are proven (`test_it`):\n\n- a claim\n- another", []),
        ("| a | test |\n| --- | --- |\n| x | `test_it` |\n| y | the same |\n| z | none: no way |", []),
        ("| a | test |\n| --- | --- |\n| x | |\n| y | none: |\n| z | yes |", ["x", "y", "z"]),
        ("| a | b |\n| --- | --- |\n| x | y |", []),
    ],
)
def test_claims_without_a_test_are_found(text: str, expected: list[str]) -> None:
    """A claim is a paragraph, a list item, or a row of a table whose last column is for the tests."""
    assert unproven("SECURITY.md", text) == expected
