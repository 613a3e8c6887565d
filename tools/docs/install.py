"""Writes how pulumi-justt is installed into all pages and files that say it. Only this module knows it.

    python tools/docs/install.py     writes the parts of pages between the marks, and examples/*/requirements.txt

When pulumi-justt is published, change the constants below and run `make docs`. tools/release/wheel.py runs the commands
and installs the requirements of an example. tests/docs/test_install.py compares the pages with this module.
"""

from __future__ import annotations

import re
from pathlib import Path

from pulumi_justt import __version__

__all__ = ["COMMANDS", "REQUIREMENT", "WHEEL", "unmarked", "written"]

ROOT = Path(__file__).resolve().parents[2]

WHEEL = f"pulumi_justt-{__version__}-py3-none-any.whl"
"""The file that `make dist` writes into dist/."""
COMMANDS = ("python3 -m venv venv", ". venv/bin/activate", 'pip install "$HOME/pulumi-justt[cli,simulator]"')
REQUIREMENT = "../.."
"""The line of an example's requirements.txt. pip resolves it from the folder in which it runs."""

_NOTE = """\
pulumi-justt isn't published yet. If a package index has a package with this name, it isn't this one. So clone this
repository, and install the clone. If yours isn't in `~/pulumi-justt`, change the last command:"""
_WHEEL_NOTE = f"""A clone is in a different folder on each machine, so use a wheel. `make dist` in the clone writes
`dist/{WHEEL}`. Copy it into your project, for example to `vendor/`, and name it in
`requirements.txt`: `./vendor/{WHEEL}[cli]`."""
_UV_NOTE = f"""In `pyproject.toml`, write `dependencies = ["pulumi-justt[cli]"]` below `[project]`. As long as
pulumi-justt isn't published, also write `pulumi-justt = {{ path = "vendor/{WHEEL}" }}` below
`[tool.uv.sources]`. [Install](install.md#for-your-team-and-for-ci) says how to make that wheel."""
_POETRY_NOTE = f"""In `pyproject.toml`, write this line below `[tool.poetry.dependencies]`:
`pulumi-justt = {{ path = "vendor/{WHEEL}", extras = ["cli"] }}`.
[Install](install.md#for-your-team-and-for-ci) says how to make that wheel."""
_COMMENTS = """\
# pulumi-justt isn't published yet, so this installs the clone that this example is in. In a copy of the example, write
# the path of your clone or of a wheel instead: see docs/how-to/install.md.
"""
_CONSOLE = "\n".join(["```console", *(f"$ {command}" for command in COMMANDS), "```"])
_PARTS = {
    "install": f"{_NOTE}\n\n{_CONSOLE}",
    "wheel": _WHEEL_NOTE,
    "uv": _UV_NOTE,
    "poetry": _POETRY_NOTE,
}
_MARK = re.compile(rf"<!-- ({'|'.join(_PARTS)}) -->\n.*?<!-- end -->", re.DOTALL)


def written() -> dict[Path, str]:
    """Return the new text of each file that says how to install the package."""
    pages = {page: _MARK.sub(_filled, page.read_text()) for page in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))}
    return {page: text for page, text in pages.items() if _MARK.search(text)} | {
        file: _requirements(file.read_text()) for file in sorted(ROOT.glob("examples/*/requirements.txt"))
    }


def unmarked(text: str) -> str:
    """Return a page without the parts that this module writes."""
    return _MARK.sub("", text)


def _filled(mark: re.Match[str]) -> str:
    return f"<!-- {mark[1]} -->\n{_PARTS[mark[1]]}\n<!-- end -->"


def _requirements(text: str) -> str:
    """Return a requirements file with the line of this package first, and its other lines unchanged."""
    others = [line for line in text.splitlines() if re.match(r"(?!pulumi-justt)\w", line)]
    return _COMMENTS + "\n".join([REQUIREMENT, *others]) + "\n"


if __name__ == "__main__":
    for path, text in written().items():
        if path.read_text() != text:  # make builds the package anew after each change of the README
            path.write_text(text)
