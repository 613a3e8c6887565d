"""The documentation: each page is a session that runs, each screen is what came, and each link leads somewhere.

A page is read from its top to its end, in a project named `shop` with a stack `dev` that points at a simulator of its
own; `pulumi` and `pulumi-justt` are on PATH. The page of an example starts in a copy of that example instead. What
stands in a fence is

    python    a program: it replaces `__main__.py` if it begins with an import (comments and a docstring may stand
              before it), and is appended to it otherwise. A program that no `pulumi up` or `preview` of the page runs
              is run by a `pulumi preview` of the test.
    yaml      a file. Its first line is a comment with the file's name: `# merchants.yaml`. A python block that begins
              so is a file too (`# test_shop.py`), and another block of the page has to name it.
    console   a line `$ ...` is a command, run by bash in the project's folder; it has to end with 0 (write
              `|| echo "exit $?"` where another code is meant). One that ends in a backslash goes on in the next line.
              Lines below it are its screen; without any, it may print what it likes.

and nothing else: a fence of another language, or of none, is refused, since nobody would run it.

Screens. A line `...` stands for any lines. Not compared are durations, dates, versions, ports, error ids, runs of
blanks, lines of progress, and the order of the rows of resources. An id of an integration stands for one integration
throughout the page: the first screen that shows it says which, and from then on a command or a program may name it
(`adopt_id="..."`). `UPDATE_DOCS=1 pytest tests/test_docs.py` writes screens anew that differ; to have one written at
first, put any line below the command.

Commands. What they export or assign, later ones find. Variables whose name ends in _KEY, _SECRET, _PASSWORD or
_PASSPHRASE hold a secret of the test's, and so does the line that a command may read from its standard input; at the
end, all that left is searched for them. In pages the simulator's address is http://127.0.0.1:8790, whatever it is in a
run, and also `$JUSTT_SIMULATOR`; `/v1` below it is Justt's API, and `/_simulator` what docs/simulator.md describes. A
page that has the command `pulumi-justt simulator ...` starts its own, and sets `justt:baseUrl` and `justt:apiKey`
itself; a page that has `pulumi stack init` starts without a stack, and sets them itself too. Commands of
ELSEWHERE are run by other tests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import engine
from conftest import ROOT, canary
from harness import Stack
from pages import Session, read
from pulumi_justt.simulator import SimulatorServer

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "SECURITY.md", "docs/**/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
)
ELSEWHERE = {
    "make up": ("tests/test_project.py", 'run("up")'),
    "make preview": ("tests/test_project.py", 'run("preview")'),
    "make test": (".ci/run", "make test"),
    "pip install pulumi-justt": (".ci/wheel.py", '_run(*pip, "--no-deps", str(wheel))'),
    "pip install 'pulumi-justt[simulator]'": (".ci/wheel.py", '_run(*pip, "--no-deps", str(wheel))'),
}
"""Commands that need a machine or an environment of their own, with the file that runs them, and the words that do."""


def blocks_of(page: str) -> str:
    """Return what the fenced blocks of a page hold."""
    return "".join(block.text for block in read((ROOT / page).read_text()))


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path, engine_bin: Path) -> Iterator[Session]:
    """Give a page, ready to be run; at the end, nothing secret may have left it."""
    page: str = request.param
    text = blocks_of(page)
    is_bare = "$ pulumi stack init" in text
    serves = "$ pulumi-justt simulator" in text
    if "curl " in text and not shutil.which("curl"):
        pytest.skip("the page needs curl")
    with ExitStack() as open_ones:
        made = Stack(tmp_path, engine_bin, has_stack=False)
        (tmp_path / "project" / "__main__.py").write_text("")
        if page.startswith("examples/"):
            shutil.copytree((ROOT / page).parent, tmp_path / "project", dirs_exist_ok=True)
        is_pinned = engine.load(ROOT).version == engine.reported(engine_bin / "pulumi", os.environ)
        running = Session(ROOT / page, made, ELSEWHERE, is_pinned)
        if not is_bare:
            made.run("stack", "init", "dev")
        if not serves:
            simulator = open_ones.enter_context(SimulatorServer())
            running.serve(simulator.base_url)
        if not (is_bare or serves):
            made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("api-key")})
        yield running
        running.close()
        made.end_processes()
        made.assert_no_leak(b"" if serves else repr(simulator.requests).encode())
    if not is_pinned:
        pytest.skip("the page ran, and its screens were not compared: they are of another CLI")


@pytest.mark.parametrize("page", PAGES)
def test_all_blocks_are_run(page: str) -> None:
    """No block is there that the tests would not run, and a file that a page writes is used by another block."""
    blocks = read((ROOT / page).read_text())
    files = [block for block in blocks if block.language == "python" and block.file]
    unused = [
        block.file
        for block in files
        if not any(Path(str(block.file)).stem in other.text for other in blocks if other is not block)
    ]
    assert unused == []


@pytest.mark.parametrize("session", [page for page in PAGES if "```" in (ROOT / page).read_text()], indirect=True)
def test_page(session: Session) -> None:
    """Each block of the page does what the page says that it does."""
    session.run()
