"""Builds the documentation as a site, and checks it: no link is broken, and no page loads anything from elsewhere.

    python tools/docs/website.py FOLDER     writes the site into FOLDER, which is emptied first

Sphinx reads the pages as they are on GitHub (conf.py says how) and fails for each link without a target. The check of
the written HTML also covers what Sphinx adds, and the links to source files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken_links", "build", "loaded_from_elsewhere"]

ROOT = Path(__file__).resolve().parents[2]

_FIRST_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=README.html">
<title>pulumi-justt</title>
<a href="README.html">pulumi-justt</a>
"""
_LOADING = {"src", "srcset", "data", "poster", "background"}
"""Attributes whose address a browser loads with the page. Those of a `link` element are loaded too."""
_ELSEWHERE = re.compile(r"(?:https?:|wss?:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", re.IGNORECASE)
_IN_SCRIPT = re.compile(
    r"""(?:\b(?:fetch|import|importScripts|Worker|WebSocket|EventSource)\(|\.open\(|\.src\s*=|\bfrom)"""
    r"""[^;\n]{0,80}?["'`]((?:https?:|wss?:)?//[^"'`]*)""",
    re.IGNORECASE,
)


@dataclass
class _Page(HTMLParser):
    """What a page has: its anchors, its links, and what a browser loads to show it."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    text: dict[str, str] = field(default_factory=lambda: {"style": "", "script": ""})

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the attributes of one element."""
        for name, value in attrs:
            if not value:
                continue
            if name in {"id", "name"}:
                self.ids.add(value)
            elif name in _LOADING or (name == "href" and tag in {"link", "image", "use"}):
                self.loads += [part.split()[0] for part in value.split(",")] if name == "srcset" else [value]
            elif name == "href":
                self.links.append(value)
            elif name == "style":
                self.text["style"] += value

    def handle_data(self, data: str) -> None:
        """Record the text of styles and scripts."""
        if self.cdata_elem in self.text:
            self.text[self.cdata_elem] += data


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken_links(site: Path) -> list[str]:
    """Return each link, image, style and script of a page that has no target in the site, with its page."""
    pages = {path.resolve(): _read(path) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            has_target = target.is_file() and target.is_relative_to(site.resolve())
            if not has_target or (anchor and target in pages and anchor not in pages[target].ids):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken


def loaded_from_elsewhere(site: Path) -> list[str]:
    """Return each address outside the site that a page, style or script loads, with its file."""
    return [
        f"{path.relative_to(site)}: {address}"
        for path in sorted(site.rglob("*"))
        for address in _loaded(path)
        if _ELSEWHERE.match(address)
    ]


def _loaded(path: Path) -> Iterator[str]:
    """Yield the addresses that a browser loads because of a file."""
    if path.suffix in {".html", ".svg"}:
        page = _read(path)
        yield from page.loads
        yield from _IN_STYLE.findall(page.text["style"])
        yield from _IN_SCRIPT.findall(page.text["script"])
    elif path.suffix == ".css":
        yield from _IN_STYLE.findall(path.read_text(encoding="utf-8"))
    elif path.suffix == ".js":
        yield from _IN_SCRIPT.findall(path.read_text(encoding="utf-8"))


def build(site: Path) -> None:
    """Write the site into a folder, which is emptied first.

    Raises:
        subprocess.CalledProcessError: Sphinx reports a warning or an error, such as a link without a target.
    """
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as cache:
        options = ["--quiet", "--fail-on-warning", "--fresh-env", "--doctree-dir", cache]
        command = [sys.executable, "-m", "sphinx", *options, "--conf-dir", "tools/docs", ".", str(site)]
        subprocess.run(command, cwd=ROOT, check=True)
    (site / "index.html").write_text(_FIRST_PAGE, encoding="utf-8")


def main(site: Path) -> int:
    """Build the site and check it; return 1 if something is wrong, else 0."""
    if sys.hexversion < 0x030B0000:
        print("docs: no site is built, because Sphinx needs Python 3.11 or later")
        return 0
    try:
        build(site)
    except subprocess.CalledProcessError:
        print("docs: the site has errors, see above")
        return 1
    wrong = [f"broken link in {each}" for each in broken_links(site)]
    wrong += [f"loaded from elsewhere by {each}" for each in loaded_from_elsewhere(site)]
    print("\n".join(f"docs: {each}" for each in wrong) or f"docs: open {site}/index.html")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
