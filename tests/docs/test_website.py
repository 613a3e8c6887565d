"""The site that `make docs` builds from the pages: complete, without broken links, and independent of the network."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import pulumi_justt
import website
from pulumi_justt import credentials, testing
from support.checkout import ROOT

API = "tools/docs/python-api.html"

needs_sphinx = pytest.mark.skipif(sys.version_info < (3, 11), reason="Sphinx needs Python 3.11")


@pytest.mark.slow
@needs_sphinx
def test_the_site_has_all_pages_and_needs_no_network(tmp_path: Path) -> None:
    """The site has each page of the repository in its side bar, a search index, and the public names of the API.

    No link or anchor of the HTML is broken, including those of the README, and no page loads anything from elsewhere.
    Sphinx itself fails for a page that the navigation lacks, and names it.
    """
    website.build(tmp_path)
    assert website.broken_links(tmp_path) == []
    assert website.loaded_from_elsewhere(tmp_path) == []

    pages = [path.relative_to(ROOT).with_suffix("") for path in _pages()]
    bar = (tmp_path / "README.html").read_text().partition("sidebar-tree")[2].partition("</aside>")[0]
    in_bar = set(re.findall(r'href="([^"#]+)\.html"', bar))
    assert {str(page) for page in pages} - in_bar == {"README"}
    assert "README.html" in (tmp_path / "index.html").read_text()

    index = json.loads((tmp_path / "searchindex.js").read_text().partition("(")[2].rpartition(")")[0])
    assert {str(page) for page in pages} <= set(index["docnames"])
    assert {"rotat", "duplic", "journal"} <= set(index["terms"])

    entries = re.findall(r'id="(?:module-)?(pulumi_justt[\w.]*)"', (tmp_path / API).read_text())
    assert {name for name in entries if re.fullmatch(r"pulumi_justt(\.credentials|\.testing)?\.\w+", name)} == {
        "pulumi_justt.testing",
        *(f"pulumi_justt.{name}" for name in pulumi_justt.__all__),
        *(f"pulumi_justt.credentials.{name}" for name in credentials.__all__),
        *(f"pulumi_justt.testing.{name}" for name in testing.__all__),
    }
    assert [name for name in entries if "._" in name] == ["pulumi_justt.__version__"]
    assert {"pulumi_justt.PaymentIntegration.get", "pulumi_justt.credentials.Hmac.from_output"} <= {*entries}

    link = r'source/(tests/engine/test_secrets\.py)\.html#line-(\d+)"><code[^>]*><span[^>]*>(test_\w+)<'
    found = re.findall(link, (tmp_path / "SECURITY.html").read_text())
    assert found
    for file, line, name in found:
        assert f"def {name}(" in (ROOT / file).read_text().splitlines()[int(line) - 1]


def _pages() -> list[Path]:
    """Return the pages of the repository."""
    patterns = ("*.md", "docs/**/*.md", "examples/*.md", "examples/*/README.md")
    return [page for pattern in patterns for page in ROOT.glob(pattern)]


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ('<a href="other.html">', False),
        ('<a href="other.html#there">', False),
        ('<a href="#here">', False),
        ('<a href="https://example.com/">', False),
        ('<a href="missing.html">', True),
        ('<a href="other.html#here">', True),
        ('<a href="#there">', True),
        ('<a href="../outside.html">', True),
        ('<a href=".">', True),
        ('<img src="missing.png">', True),
        ('<link rel="stylesheet" href="missing.css">', True),
    ],
)
def test_broken_links_are_found(link: str, is_broken: bool, tmp_path: Path) -> None:
    """A link is broken if the site lacks its file or its anchor. A folder is no target: a file system shows no page."""
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").write_text("")
    (site / "other.html").write_text('<p id="there">')
    (site / "page.html").write_text(f'<p id="here">{link}')
    assert len(website.broken_links(site)) == is_broken


@pytest.mark.parametrize(
    ("file", "text", "is_found"),
    [
        ("a.html", '<a href="https://example.com/">', False),
        ("a.html", '<script src="a.js"></script>', False),
        ("a.html", '<script src="https://example.com/a.js"></script>', True),
        ("a.html", '<script>fetch("//example.com/")</script>', True),
        ("a.html", '<link rel="stylesheet" href="//example.com/a.css">', True),
        ("a.html", '<img src="a.png" srcset="a.png 1x, https://example.com/a.png 2x">', True),
        ("a.html", '<iframe src="HTTPS://example.com/">', True),
        ("a.html", '<p style="background: url(https://example.com/a.png)">', True),
        ("a.html", "<style>@import 'https://example.com/a.css'</style>", True),
        ("a.svg", '<svg><image href="https://example.com/a.png"/></svg>', True),
        ("a.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>', False),
        ("a.css", "a { background: url('data:image/svg+xml;xmlns=http://www.w3.org/2000/svg') }", False),
        ("a.css", "@font-face { src: url(https://example.com/a.woff2) }", True),
        ("a.js", 'import a from "https://example.com/a.js"', True),
        ("a.js", 'request.open("GET", "https://example.com/")', True),
        ("a.js", "// see https://example.com/", False),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(file: str, text: str, is_found: bool, tmp_path: Path) -> None:
    """The check finds each script, style, font, image and request of a page that another server would have to serve."""
    (tmp_path / file).write_text(text)
    assert len(website.loaded_from_elsewhere(tmp_path)) == is_found
