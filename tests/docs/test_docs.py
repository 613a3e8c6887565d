"""The documentation: each page runs as a session, the output shown matches the real output, and each link has a target.

A page runs from top to bottom, in a project named `shop` with a stack `dev` that uses its own simulator. `pulumi` and
`pulumi-justt` are on PATH. A fenced block is one of:

    python    a program: it replaces `__main__.py` if it begins with an import (after any comments and a docstring),
              and is appended to it otherwise. If no `pulumi up` or `preview` of the page runs a program, the test
              runs it with `pulumi preview`.
    yaml      a file. Its first line is a comment with the file's name: `# merchants.yaml`. A python block that begins
              with such a comment is a file too (`# test_shop.py`), and another block of the page has to name it.
    typescript  the same: `// index.ts`. The npm packages and the generated SDK are installed.
    console   a line `$ ...` is a command, which bash runs in the project's folder. It must exit with 0 (write
              `|| echo "exit $?"` for another code). A command that ends in a backslash continues on the next line.
              The lines below it are its output. Without such lines, its real output can be anything.

A fence with another language, or with none, is rejected, since nothing would test it.

Output. A line `...` stands for any number of lines. The comparison ignores durations, dates, versions, ports, error
ids, runs of spaces, lines of progress, and the order of the rows of resources. An integration's id stands for the same
integration throughout the page: the first output that shows it defines which one, and later commands and programs may
use it (`adopt_id="..."`). `UPDATE_DOCS=1 pytest tests/docs/test_docs.py` rewrites output that differs. To record the
output of a command that has none yet, put any line below the command.

Commands. Variables that a command exports or assigns are visible to later commands. The test generates a secret for
each variable whose name ends in _KEY, _SECRET, _PASSWORD or _PASSPHRASE, and writes another secret to each command's
standard input. At the end, it searches all output for these secrets. `curl` fails on an HTTP error status.

The simulator's address in pages is always http://127.0.0.1:8790, or `$JUSTT_SIMULATOR`. `/v1` below it is Justt's API,
and docs/simulator.md describes `/_simulator`. The simulator makes each new integration SUCCESSFUL at once, which a
stack sees at its next read. If a command or a program has an id that no output has shown, the id stands for a Stripe
integration that was created by hand. A page with `pulumi-justt simulator --port 8790` starts its own simulator, and
sets `justt:baseUrl` and `justt:apiKey` itself. A page with `pulumi stack init` starts without a stack, and sets
`justt:apiKey` itself. A page with `pulumi login` shows what a terminal with 120 columns shows, prompts included:
support/terminal_session.py answers them. No page can reach other machines.

Other tests run the commands of ELSEWHERE, and tests/engine/test_examples.py runs the pages of the examples.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import engine
import install
from fault_table import SCENARIOS
from pulumi_justt.simulator import Options, SimulatorServer
from pulumi_justt.simulator.rules import NewIntegration
from support import environment, plugin
from support.checkout import ROOT
from support.docs_runner import SERVES, Ids, NotRunnable, Session, comparable, matches, read, without_ids
from support.harness import Stack
from support.secret_scanner import canary
from support.terminal_session import LOGS_IN, TerminalSession

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
)
PROJECT_PAGES = ["CODE_OF_CONDUCT.md", "RELEASING.md"]
"""Pages for maintainers: their links are checked, and their commands need GitHub."""
ELSEWHERE = {
    "make up": ("tests/tools/test_project.py", 'run("up")'),
    "make preview": ("tests/tools/test_project.py", 'run("preview")'),
    "make test": (".ci/run", "make test"),
    "pulumi package add ./venv/bin/pulumi-resource-justt": (
        "tests/engine/test_plugin_packages.py",
        '"package", "add", "./venv/bin/pulumi-resource-justt"',
    ),
    **dict.fromkeys(install.COMMANDS, ("tools/release/wheel.py", "install.COMMANDS")),
}
"""Commands that need their own machine or environment: the file that runs them, and the text that does."""


MAKEFILE = (ROOT / "Makefile").read_text()
BY_HAND = NewIntegration("by hand", "By hand", "stripe", "APIKEY_ONLY", "", ("apiKey",), None)


def blocks_of(page: str) -> str:
    """Return the content of the fenced blocks of a page."""
    return "".join(block.text for block in read((ROOT / page).read_text()))


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path, engine_bin: Path) -> Iterator[Session]:
    """Return a session that is ready to run its page; afterwards, check that no secret leaked from it."""
    page: str = request.param
    text = blocks_of(page)
    is_bare = "$ pulumi stack init" in text
    serves = f"$ {SERVES}" in text
    if "curl " in text and not shutil.which("curl"):
        pytest.skip("the page needs curl")
    with ExitStack() as open_ones:
        if "path: venv/bin" in text:
            language_hosts = request.getfixturevalue("language_hosts")
            engine_bin = language_hosts / "bin"
            plugin.install(tmp_path / "project" / "venv" / "bin")
            if "@pulumi/justt" in text:
                plugin.install_sdk(tmp_path / "project", language_hosts, request.getfixturevalue("generated_sdks"))
        made = Stack(tmp_path, engine_bin, has_stack=not is_bare, has_passphrase=True)
        (tmp_path / "project" / "__main__.py").write_text("")
        is_pinned = engine.load(ROOT).version == engine.reported(engine_bin / "pulumi", environment.build())
        session_type = TerminalSession if LOGS_IN in text else Session
        running = session_type(ROOT / page, made, ELSEWHERE, is_pinned)
        if not serves:
            simulator = open_ones.enter_context(SimulatorServer(Options(successful_after=0)))
            running.serve(simulator.base_url)
            running.by_hand = lambda: simulator.records.add_integration(BY_HAND, None)
        if is_bare and not serves:
            made.environ["JUSTT_BASE_URL"] = simulator.base_url
        elif not serves:
            made.config({"justt:baseUrl": simulator.base_url}, {"justt:apiKey": canary("api-key")})
        if not is_bare:
            made.run("stack", "select", "dev")
        yield running
        running.close()
        made.end_processes()
        made.assert_no_leak(b"" if serves else repr(simulator.requests).encode())
    if not is_pinned:
        pytest.skip("the page ran, but its output was not compared: it shows another version of the CLI")


SESSIONS = [page for page in PAGES if not page.startswith("examples/")]
MAIN = {"README.md", "docs/tutorial.md"}
"""The pages that `make test` runs; `make test-all` runs all of them."""


def test_contributing_names_existing_files_and_all_packages() -> None:
    """CONTRIBUTING.md lists each package, and each file, folder and make target in it exists."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    places = [ROOT, ROOT / "provider" / "pulumi_justt"]
    named = re.findall(r"`([\w./-]+(?:/|\.py|\.md|\.yml))`", text)
    assert named
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
    targets = set(re.findall(r"`make ([\w-]+)`", text))
    assert targets <= set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE)) | {"preview"}
    rooms = {path.parent.name for path in (places[1]).glob("*/__init__.py")}
    assert [room for room in rooms if f"`{room}/`" not in text] == []


@pytest.mark.parametrize("page", SESSIONS)
def test_all_blocks_are_run(page: str) -> None:
    """Each block of a page can be run, and another block names each Python file that the page writes."""
    blocks = read((ROOT / page).read_text())
    files = [block for block in blocks if block.language == "python" and block.file]
    unused = [
        block.file
        for block in files
        if not any(Path(str(block.file)).stem in other.text for other in blocks if other is not block)
    ]
    assert unused == []


@pytest.mark.parametrize("page", SESSIONS)
def test_commands_without_a_terminal_do_not_ask(page: str) -> None:
    """An update whose output goes to a file or a pipe has --yes: Pulumi can't ask there, and stops.

    The sessions run without a terminal and with PULUMI_SKIP_CONFIRMATIONS, so they would not notice.
    """
    blocks = [block for block in read((ROOT / page).read_text()) if block.language == "console"]
    commands = [command.text for block in blocks for command in block.commands()]
    quiet = re.compile(r"\bpulumi (?:up|refresh|destroy)\b[^|&;`]*(?:>|&(?!&)|\|(?!\|))")
    redirected = [text for text in commands if quiet.search(text)]
    assert [text for text in redirected if "--yes" not in text] == []


@pytest.mark.parametrize(
    "session",
    [
        pytest.param(page, marks=() if page in MAIN else pytest.mark.slow, id=page)
        for page in SESSIONS
        if "```" in (ROOT / page).read_text()
    ],
    indirect=True,
)
def test_page_does_what_it_shows(session: Session) -> None:
    """The test runs all blocks of a page in order. Each command succeeds and prints the output that the page shows."""
    session.run()


def test_examples_are_run() -> None:
    """For each example with a README, tests/engine/test_examples.py runs its commands and compares their output."""
    names = [Path(page).parent.name for page in PAGES if page not in SESSIONS]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_examples.py"))
    assert [name for name in names if f'copied("{name}"' not in tests] == []


@pytest.mark.parametrize("command", ELSEWHERE)
def test_commands_of_elsewhere_are_run_by_other_tests(command: str) -> None:
    """Each command in `ELSEWHERE` is on a page, and the file that `ELSEWHERE` names runs it."""
    file, words = ELSEWHERE[command]
    assert words in (ROOT / file).read_text()
    assert any(f"$ {command}" in (ROOT / page).read_text() for page in PAGES)
    program, _, target = command.partition(" ")
    assert program != "make" or re.search(rf"^[\w ]*\b{target}\b.*:.*\n\t@\$\(RUN\)", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```sh\nmake up\n```\n", "line 1: a block of sh can't be run"),
        ("```\nmake up\n```\n", "line 1: a block of no language can't be run"),
        ("- like so\n\n  ```json\n  {}\n  ```\n", "line 3: a block of json can't be run"),
        ("~~~text\nx\n~~~\n", "line 1: a block of text can't be run"),
        ("```yaml\nkey: 1\n```\n", "line 1: the first line of a yaml block must name its file"),
        ("```console\nmake up\n```\n", "line 1: a console block must start with a command"),
        ("````python\nimport x\n```\n", "the last block is not closed"),
    ],
)
def test_a_block_that_cannot_run_is_rejected(text: str, reason: str) -> None:
    """If a page has a block that no test would run, `read` raises an error with the line."""
    with pytest.raises(NotRunnable) as raised:
        read(text)
    assert reason in str(raised.value)


def test_blocks_are_parsed() -> None:
    """The parser finds programs, files, commands that continue on the next line, and their output.

    It removes the indentation of a block in a list.
    """
    page = """
        # A page

        ```python
        # Why.
        import pulumi
        ```

        ```python
        pulumi.export("a", 1)
        ```

        - In a list:

          ```yaml
          # data/merchants.yaml
          - a
          ```

        ```console
        $ pulumi up \\
            --diff

        $ pulumi stack output
        a  1

        b  2

        ```
    """
    whole, part, file, console = read(textwrap.dedent(page))
    assert (whole.is_whole, whole.file) == (True, None)
    assert (part.is_whole, part.file) == (False, None)
    assert (file.text, file.file) == ("# data/merchants.yaml\n- a\n", "data/merchants.yaml")
    assert [(command.text, command.screen) for command in console.commands()] == [
        ("pulumi up \\\n    --diff", []),
        ("pulumi stack output", ["a  1", "", "b  2"]),
    ]


PRINTED = """\
Updating (dev):

 +  pulumi:pulumi:Stack shop-dev creating (0s)
 +  pulumi-python:dynamic/justt:PaymentIntegration two created (0.31s)
 +  pulumi-python:dynamic/justt:PaymentIntegration one **creating failed**
 =  justt:index:PaymentIntegration three importing (0s)
 =  justt:index:PaymentIntegration three imported (0.31s)
    pulumi:pulumi:Stack shop-dev
 +  pulumi:pulumi:Stack shop-dev created (0.52s)
Outputs:
    id: "0c1f0f4e-6a0e-4f0d-9b8f-1f0a5b6c7d8e"

Duration: 2s
"""


@pytest.mark.parametrize(
    ("screen", "is_same"),
    [
        (PRINTED, True),
        (PRINTED.replace("0.31s", "1.1s").replace("2s", "9s").replace("0c1f0f4e", "11111111"), True),
        (re.sub(r"(.*) two (.*)\n(.*) one (.*)\n", r"\3 one \4\n\1 two \2\n", PRINTED), True),
        (re.sub(r"(.*) one (.*)\n.*\n(.*) three (.*)\n", r"\3 three \4\n\1 one \2\n", PRINTED), True),
        ("Updating (dev):\n...\nOutputs:\n...\n", True),
        ("...\nDuration: 1s\n", True),
        ("Updating (dev):\n", False),
        ("...\nOutputs:\n", False),
        (PRINTED.replace("**creating failed**", "created (1s)"), False),
        (PRINTED.replace("id:", "name:"), False),
        (PRINTED.replace('"0c', '"x0c'), False),
        (PRINTED + "more\n", False),
    ],
)
def test_screens_are_compared(screen: str, is_same: bool) -> None:
    """The comparison of outputs ignores text that varies between runs, and notices every other difference."""
    shown, real = comparable(screen.splitlines()), comparable(PRINTED.splitlines())
    assert matches([*map(without_ids, shown)], [*map(without_ids, real)]) == is_same


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that makes a session for a page with the given console lines, without an engine."""

    def made(*lines: str) -> Session:
        page = tmp_path / "page.md"
        page.write_text("\n".join(["```console", *lines, "```", ""]))
        return Session(page, Stack(tmp_path / "stack", tmp_path, has_stack=False), {"make up": None}, compares=False)

    return made


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["$ true", "$ exit 3"], "`exit 3` ended with 3"),
        (["$ echo one | false | cat"], "ended with 1"),
        (["$ echo one", "two"], "-two\n+one"),
        (["$ make up", "made"], "the page must show no output"),
    ],
)
def test_a_wrong_page_fails(shell: Callable[..., Session], lines: list[str], reason: str) -> None:
    """If a command fails or prints other output than the page shows, the session fails.

    The error names the page and shows the reason.
    """
    with pytest.raises(AssertionError) as raised:
        shell(*lines).run()
    assert reason in str(raised.value)
    assert str(raised.value).startswith("page.md:")


def test_a_page_that_shows_a_secret_fails(shell: Callable[..., Session]) -> None:
    """A page prints a secret that it got in a variable or on standard input.

    The search for secrets at its end fails.
    """
    for command in ('echo "$STRIPE_KEY"', "cat"):
        leaky = shell(f"$ {command}")
        leaky.run()
        with pytest.raises(AssertionError):
            leaky.stack.assert_no_leak()
        shutil.rmtree(leaky.stack.folder)


def test_screens_are_rewritten(shell: Callable[..., Session], monkeypatch: pytest.MonkeyPatch) -> None:
    """With UPDATE_DOCS=1, a session writes the actual output into its page.

    It keeps output that matches, and the page's ids.
    """
    shown, ours = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "ab")
    before = [
        "$ make up # elsewhere",
        f"$ ID={ours}",
        "$ echo $ID; sleep 0",
        shown,
        "$ echo took 3s at 127.0.0.1:8790; echo",
        "...",
        "",
        f"$ echo {shown}; echo more",
        "x",
        "y",
        "z",
    ]
    monkeypatch.setenv("UPDATE_DOCS", "1")
    session = shell(*before)
    session.run()
    written = session.page.read_text().splitlines()[1:-1]
    assert written == [*before[:-3], shown, "more"]
    monkeypatch.delenv("UPDATE_DOCS")
    shutil.rmtree(session.stack.folder)
    shell(*written).run()


def test_an_id_stands_for_one_integration() -> None:
    """An id on a page stands for the same integration throughout the page.

    Two ids never stand for the same integration.
    """
    ids, (a, b, here, there) = Ids(), [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abcd"]
    assert ids.learn([f"id: {a}", "other"], ["more", f"id: {here}"])
    assert ids.to_real(f"adopt {a}, not {b}") == f"adopt {here}, not {b}"
    assert ids.to_page(f"{here} {there}") == f"{a} {there}"
    assert ids.learn([f"id: {b}", f"id: {a}"], [f"id: {here}", f"id: {there}"])
    assert not ids.learn([f"id: {a}"], [f"id: {there}"])
    assert not Ids({a: here}).learn([f"id: {b}"], [f"id: {here}"])


@pytest.mark.parametrize("page", PAGES + PROJECT_PAGES)
def test_links_lead_to_existing_headings(page: str) -> None:
    """Each link within the repository leads to an existing file and heading."""
    text = _without_blocks((ROOT / page).read_text())
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        path = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        if not path.is_relative_to(ROOT) or not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES + PROJECT_PAGES)
def test_named_tests_exist(page: str) -> None:
    """If a page names a test next to a link to a file, the file has that test."""
    text = (ROOT / page).read_text()
    missing = [
        name
        for names, file in re.findall(r"\[((?:`\w+`(?:, )?)+)\]\(([^)]*test_\w+\.py)\)", text)
        for name in re.findall(r"`(\w+)`", names)
        if not re.search(rf"(def|class) {name}\b", ((ROOT / page).parent / file).read_text())
    ]
    assert missing == []


def test_the_fault_table_is_complete() -> None:
    """The table in failures.md has the rows of each scenario for both providers.

    Their order is that of `make faults`.
    """
    page = (ROOT / "docs" / "explanation" / "failures.md").read_text()
    table = page.partition("<!-- make faults -->\n")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| (.+?) \| (ours|plain)", table, re.MULTILINE)
    assert list(dict.fromkeys(name for name, _ in rows)) == [scenario.name for scenario in SCENARIOS]
    assert {name for name, whose in rows if whose == "plain"} == {scenario.name for scenario in SCENARIOS}
    assert f"in {len(SCENARIOS)} ways" in page


def test_every_page_is_in_the_index() -> None:
    """docs/README.md links to each page of docs/."""
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert [str(page) for page in pages if page != Path("README.md") and f"]({page})" not in index] == []


def _without_blocks(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub generates from the headings."""
    headings = re.findall(r"^#+ (.*)$", _without_blocks(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "")).lower().replace(" ", "-") for heading in headings}
