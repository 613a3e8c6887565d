"""Sphinx's configuration for the site, which has every Markdown page of the repository and the files they link to.

The pages contain no syntax of Sphinx, so GitHub shows the same ones. The side bar comes from the tables of
docs/README.md and the folders of the examples. A link to a file that is not a page, such as a test, leads to a page
with its source. The name of a test that a page shows as code leads to the line of that test.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import find_lexer_class_for_filename
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
# The sources of this clone, not the installed copy, are what the reference of the API describes.
sys.path.insert(0, str(ROOT / "provider"))

import pulumi_justt  # noqa: E402 - on sys.path since the line above

project = "pulumi-justt"
html_title = f"pulumi-justt {pulumi_justt.__version__}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["*.md", "docs/**/*.md", "docs/*.md", "examples/*.md", "examples/*/README.md", "tools/docs/*.rst"]
exclude_patterns = [".*", "**/.*", "site", "dist", "provider", "tests"]  # Sphinx doesn't walk through these folders

# The Markdown of GitHub: headings have anchors, and quotes, dashes, braces and percent signs are what they are.
myst_heading_anchors = 6
myst_disable_syntax = ["myst_line_comment", "myst_block_break", "myst_target", "myst_role"]
smartquotes = False

default_role = "code"
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
suppress_warnings = ["myst.header"]  # on GitHub, a heading may skip a level


def navigation() -> str:
    """Return the lists of pages in the side bar, each as a block of MyST."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    parts = re.split(r"^\*\*(.+?):\*\*", index, flags=re.MULTILINE)
    groups = {
        caption: [f"docs/{page}" for page in dict.fromkeys(re.findall(r"\]\(([\w/-]+)\.md\)", text))]
        for caption, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    groups["To look something up"].append("tools/docs/python-api")
    groups["Examples"] = ["examples/README", *map(_name, sorted(ROOT.glob("examples/*/README.md")))]
    groups["The project"] = ["docs/README", *map(_name, sorted({*ROOT.glob("*.md")} - {ROOT / "README.md"}))]
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(f"/{page}" for page in pages) + "\n```\n"
        for caption, pages in groups.items()
    )


def _name(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


def add_navigation(_app: Sphinx, page: str, text: list[str]) -> None:
    """Append the navigation to the first page, which is the README, while Sphinx reads it."""
    if page == root_doc:
        text[0] += navigation()


def drop_module_docstring(
    _app: Sphinx, what: str, _name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    """Leave out the docstrings of modules: they are for readers of the code."""
    if what == "module":
        lines.clear()


class Sources:
    """The files that pages link to, and that are not pages. The site has a page with the source of each."""

    def __init__(self) -> None:
        self.linked: set[Path] = set()

    def add_links(self, app: Sphinx, document: nodes.document) -> None:
        """Let the links to files and folders, and the names of tests, lead to the pages with the source."""
        page = app.env.current_document.docname
        folder = (ROOT / page).parent
        for link in list(document.findall(addnodes.download_reference)):
            named = re.match(r"\w+", link.astext())
            path = (folder / link["reftarget"]).resolve()
            link.replace_self(self._link(app, page, path, named[0] if named else "", link.children))
        for link in list(document.findall(addnodes.pending_xref)):
            path = (folder / link["reftarget"]).resolve()
            if link["reftype"] == "myst" and path.is_dir() and path.is_relative_to(ROOT):
                link.replace_self(self._folder_link(app, page, path, link.children))
        for name in list(document.findall(nodes.literal)):
            found = tests().get(name.astext(), [])
            if len(found) == 1 and not isinstance(name.parent, nodes.reference):
                name.replace_self(self._link(app, page, found[0], name.astext(), [name.deepcopy()]))

    def _folder_link(self, app: Sphinx, page: str, folder: Path, content: list[Any]) -> nodes.reference:
        """Return a link to the README of a folder, else to a list of its files."""
        if (readme := folder / "README.md").exists():
            return nodes.reference("", "", *content, refuri=app.builder.get_relative_uri(page, _name(readme)))
        self.linked.update(file for file in folder.iterdir() if file.is_file())
        return self._link(app, page, folder, "", content)

    def pages(self, app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
        """Yield the name, the content and the template of each page with a source."""
        for path in sorted(self.linked):
            name = path.relative_to(ROOT).as_posix()
            if path.is_dir():
                names = sorted(file.name for file in path.iterdir() if file in self.linked)
                body = "".join(f'<li><a href="{path.name}/{file}.html">{file}</a></li>' for file in names)
                body = f"<ul>{body}</ul>"
            else:
                lexer = find_lexer_class_for_filename(path.name)
                language = lexer.aliases[0] if lexer else "text"
                text = path.read_text(encoding="utf-8")
                body = app.builder.highlighter.highlight_block(text, language, force=True, lineanchors="line")
            yield f"source/{name}", {"title": name, "body": f"<h1>{name}</h1>{body}"}, "page.html"

    def _link(self, app: Sphinx, page: str, path: Path, name: str, content: list[Any]) -> nodes.reference:
        self.linked.add(path)
        target = app.builder.get_relative_uri(page, posixpath.join("source", path.relative_to(ROOT).as_posix()))
        line = definitions(path).get(name) if path.suffix == ".py" else None
        return nodes.reference("", "", *content, refuri=target + (f"#line-{line}" if line else ""))


@cache
def definitions(path: Path) -> dict[str, int]:
    """Return the line of each function and class of a module by name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = ((re.match(r" *(?:async )?(?:def|class) (\w+)", line), number) for number, line in enumerate(lines, 1))
    return {match[1]: number for match, number in found if match}


@cache
def tests() -> dict[str, list[Path]]:
    """Return the modules of each test by name, and each test module by its file's name."""
    found: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in (path.name, *definitions(path)):
            if name.startswith("test_"):
                found.setdefault(name, []).append(path)
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions of this module to the events of Sphinx."""
    sources = Sources()
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", drop_module_docstring)
    app.connect("doctree-read", sources.add_links, priority=100)  # before Sphinx copies the linked files
    app.connect("html-collect-pages", sources.pages)
    return {"parallel_read_safe": False}
