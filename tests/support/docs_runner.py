"""Runs a page of the documentation as a session: it writes the files, runs the commands and compares their output.

The module knows nothing about any particular page. `read` finds the blocks and rejects those that can't be run.
`Session` runs the blocks on the real engine, and compares the output with the page. tests/docs/test_docs.py describes
the convention for pages.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.harness import HANG_SECONDS, Stack, unused_base_url
from support.secret_scanner import canary

__all__ = [
    "PORT",
    "SERVES",
    "Block",
    "Command",
    "Ids",
    "NotRunnable",
    "Session",
    "comparable",
    "matches",
    "presented",
    "read",
    "without_ids",
]

PORT = "8790"
"""The simulator's port in pages; each session uses a different one."""
SERVES = f"pulumi-justt simulator --port {PORT}"
"""The prefix of the command with which a page starts its own simulator."""
UPDATE = "UPDATE_DOCS"

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SECRETS = re.compile(r"\b(?!PULUMI_)[A-Z][A-Z0-9_]*_(?:KEY|SECRET|PASSWORD|PASSPHRASE)\b")
_FILE = re.compile(r"(?:#|//) ((?:[\w.-]+/)*[\w-]*\.[\w.]+)")
_RUNS_PROGRAM = re.compile(r"\bpulumi (?:-\S+ \S+ )*(?:up|preview|watch)\b|\b(?:python|pytest)\b|--run-program")
_ANY = "..."
_PROGRAM = "__main__.py"


class NotRunnable(Exception):
    """A page has a block that can't be run, and so would never be tested. The text gives the reason."""


@dataclass(frozen=True)
class Command:
    """A command of a console block, with the output shown below it.

    Args:
        text: The command, without the prompt.
        screen: The lines below it.
        line: The number of the output's first line in the page, from 0.
        indent: The indentation of those lines.
    """

    text: str
    screen: list[str]
    line: int
    indent: str


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: The language after the opening fence.
        text: The content, without the indentation of the fence.
        line: The number of its first line in the page, from 0.
        indent: The indentation of each line.
    """

    language: str
    text: str
    line: int
    indent: str

    @property
    def file(self) -> str | None:
        """The file that the comment in the block's first line names."""
        named = _FILE.fullmatch(self.text.partition("\n")[0])
        return named and named[1]

    @property
    def is_whole(self) -> bool:
        """Whether the block is a complete program, and not a continuation of the block before it."""
        return self.file is not None or re.match(r'(?:#.*\n|"""|\n)*(?:import|from) |"""', self.text) is not None

    def commands(self) -> list[Command]:
        """Return the commands of a console block. A line that ends in a backslash continues on the next line."""
        found: list[Command] = []
        lines = self.text.splitlines()
        number = 0
        while number < len(lines):
            if lines[number].startswith("$ "):
                text = lines[number].removeprefix("$ ")
                while text.endswith("\\") and number + 1 < len(lines):
                    number += 1
                    text += "\n" + lines[number]
                found.append(Command(text, [], self.line + number + 1, self.indent))
            else:
                found[-1].screen.append(lines[number])
            number += 1
        for command in found:
            while command.screen and not command.screen[-1]:
                command.screen.pop()
        return found


def read(text: str) -> list[Block]:
    """Return the fenced blocks of a page.

    Raises:
        NotRunnable: One of them is of a kind that can't be run.
    """
    blocks: list[Block] = []
    fence: re.Match[str] | None = None
    held: list[str] = []
    for number, line in enumerate(text.splitlines()):
        mark = re.fullmatch(r"(\s*(?:[-*>] )?)(`{3,}|~{3,})\s*(.*)", line)
        if fence is None and mark:
            fence, held = mark, []
        elif fence and mark and mark[2].startswith(fence[2]) and not mark[3]:
            body = "".join(f"{each.removeprefix(fence[1])}\n" for each in held)
            blocks.append(Block(fence[3], body, number - len(held), fence[1]))
            _refuse(blocks[-1])
            fence = None
        else:
            held.append(line)
    if fence:
        raise NotRunnable("the last block is not closed")
    return blocks


def _refuse(block: Block) -> None:
    where = f"line {block.line}: "
    if block.language not in {"python", "yaml", "typescript", "console"}:
        raise NotRunnable(f"{where}a block of {block.language or 'no language'} can't be run; use `code` or a table")
    if block.language in {"yaml", "typescript"} and block.file is None:
        example = "# merchants.yaml" if block.language == "yaml" else "// index.ts"
        reason = f"the first line of a {block.language} block must name its file, as in `{example}`"
        raise NotRunnable(f"{where}{reason}")
    if block.language == "console" and not block.text.startswith("$ "):
        raise NotRunnable(f"{where}a console block must start with a command, as in `$ pulumi up`")


@dataclass
class Ids:
    """Maps the ids on a page to the ids of this run."""

    real: dict[str, str] = field(default_factory=dict)

    def to_real(self, text: str) -> str:
        """Return a text of the page with the ids of this run in it."""
        return _UUID.sub(lambda each: self.real.get(each[0], each[0]), text)

    def to_page(self, text: str) -> str:
        """Return an output of this run with the ids of the page in it."""
        shown = {real: shown for shown, real in self.real.items()}
        return _UUID.sub(lambda each: shown.get(each[0], each[0]), text)

    def learn(self, screen: Sequence[str], output: Sequence[str]) -> bool:
        """Map each id in the page to the id in the same line of the output; return whether the mapping is 1 to 1."""
        rest = [*output]
        found_all = True
        for line in filter(_UUID.search, screen):
            taken = next((each for each in rest if self._pair(line, each)), None)
            if taken is None:
                found_all = False
            else:
                rest.remove(taken)
        return found_all

    def _pair(self, shown: str, real: str) -> bool:
        if without_ids(shown) != without_ids(real):
            return False
        new = {**self.real}
        for here, there in zip(_UUID.findall(shown), _UUID.findall(real), strict=True):
            if new.setdefault(here, there) != there:
                return False
        if len({*new.values()}) != len(new):
            return False
        self.real = new
        return True


def without_ids(line: str) -> str:
    """Return a line with each id replaced by the same word."""
    return _UUID.sub("<id>", line)


_ROW = re.compile(r" (?P<op>[ ~+=-]{2,3})(?P<resource>[\w-]+:[\w:/.-]+ [^\s(]\S*)(?P<status>.*)")
_UNDER_WAY = re.compile(
    r" (?:creating|updating|deleting|replacing|refreshing|reading|running|importing)( replacement)?\b"
)
_MASKS = (
    (r"\bsim-[0-9a-f]{16}\b", "<errorId>"),
    (r"\bLogged in to \S+ as \S+", "Logged in to <host> as <user>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d| UTC)?)?", "<date>"),
    (r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b", "<run>"),
    (r"\b\d\d:\d\d:\d\d\b", "<time>"),
    (r"\b\d+(?:\.\d+)?(?: ?ms| ?s| seconds?| minutes?)\b", "<duration>"),
    (r"(?<![\d.])v?\d+\.\d+\.\d+(?![\d.])\S*", "<version>"),
    (r"(?<=\S)\s{2,}(?=\S)", "  "),
    (r"\(journal: [^)]*\)", "(journal: <file>)"),
)
"""Text that differs between runs, machines or releases."""


def presented(text: str) -> list[str]:
    """Return output as a page shows it: with only the last of the rows that the terminal overwrites for a resource."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept: list[str] = []
    rows: dict[str, str] = {}
    for line in [*lines, _ANY]:
        row = _ROW.fullmatch(line)
        if row:
            if row["status"].strip() and not _UNDER_WAY.match(row["status"]):
                rows[row["op"] + row["resource"]] = line
            continue
        kept += rows.values()
        rows = {}
        if line or (kept and kept[-1]):
            kept.append(line)
    kept.pop()
    while kept and not kept[-1]:
        kept.pop()
    return kept


def comparable(lines: Sequence[str]) -> list[str]:
    """Return lines without anything that differs between runs, and with the rows of resources sorted."""
    masked: list[str] = []
    rows: list[str] = []
    for line in [*presented("\n".join(lines)), _ANY]:
        if _ROW.fullmatch(line):
            rows.append(_masked(line))
            continue
        masked += [*sorted(rows), _masked(line)]
        rows = []
    return masked[:-1]


def _masked(line: str) -> str:
    for pattern, name in _MASKS:
        line = re.sub(pattern, name, line)
    return line.rstrip()


def matches(expected: Sequence[str], actual: Sequence[str]) -> bool:
    """Return whether *actual* matches *expected*, where a line `...` stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == _ANY else f"{re.escape(line)}\n" for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in actual)) is not None


def _secret() -> str:
    """Generate a secret in the key format that one of the examples requires."""
    return f"rk_test_{canary('page')}"


@dataclass
class Session:
    """Runs a page from top to bottom.

    Args:
        page: The page.
        stack: The project to run it in.
        elsewhere: Commands that other tests run.
        compares: Whether to compare the output of the CLI. A page shows the output of the pinned version.
        by_hand: Creates an integration outside of the stack and returns its id.
    """

    page: Path
    stack: Stack
    elsewhere: Mapping[str, object]
    compares: bool
    by_hand: Callable[[], str] | None = None
    ids: Ids = field(default_factory=Ids)
    port: str = "0"
    _server: subprocess.Popen[str] | None = None
    _screens: list[tuple[Command, list[str]]] = field(default_factory=list)
    _pending: Block | None = None

    def __post_init__(self) -> None:
        """Set the environment variables that pages rely on."""
        self.blocks = read(self.page.read_text())
        self.project = self.stack.folder / "project"
        tools = self.stack.folder / "bin"
        tools.mkdir()
        tool = tools / "pulumi-justt"
        tool.write_text(f"#!{sys.executable}\nfrom pulumi_justt.cli.app import main\nmain()\n")
        tool.chmod(0o755)
        self._tools = str(tools)
        # Make `curl` fail on an HTTP error status.
        (self.stack.folder / "user" / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
        named = set(_SECRETS.findall("".join(block.text for block in self.blocks)))
        given = {name: _secret() for name in sorted(named)}
        self.stack.secrets += given.values()
        for name in named:
            if name.endswith("_PRIVATE_KEY"):
                given[name] = f"-----BEGIN PRIVATE KEY-----\n{given[name]}\n-----END PRIVATE KEY-----"
        self.stack.environ |= {
            "PULUMI_SKIP_CONFIRMATIONS": "true",
            "COLUMNS": "80",
            # The CLI writes dots and rows in two threads. On a slow machine a row may follow `@ updating...` directly,
            # and dots may form a line of their own, so that no pattern could remove them.
            "PULUMI_OPTION_SUPPRESS_PROGRESS": "true",
            # A page that doesn't set the address of its simulator must not send requests to Justt.
            "HTTPS_PROXY": unused_base_url(),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
            **given,
        }

    def serve(self, base_url: str) -> None:
        """Use the simulator at *base_url* as the page's simulator."""
        self.port = base_url.rpartition(":")[2].partition("/")[0]
        self.stack.environ["JUSTT_SIMULATOR"] = base_url.removesuffix("/v1")

    def run(self) -> None:
        """Run all blocks of the page; fail at the first one that doesn't do what the page shows."""
        for block in self.blocks:
            if block.language == "console":
                for command in block.commands():
                    self._command(command)
            elif block.file in {None, _PROGRAM}:
                self._program(block)
            else:
                self._write(str(block.file), block.text)
        self._require_run()
        if self._screens:
            self._rewrite()

    def close(self) -> None:
        """Stop the page's own simulator, and keep its requests and output for the search for secrets."""
        if self._server is None:
            return
        with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
            self.stack.keep(client.get(f"http://127.0.0.1:{self.port}/_simulator/requests").content)
        self._server.terminate()
        self.stack.keep(self._server.communicate()[0].encode())
        self._server = None

    def _write(self, name: str, text: str) -> None:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._real(text))

    def _program(self, block: Block) -> None:
        if block.is_whole:
            self._require_run()
            self._write(_PROGRAM, block.text)
        else:
            self._write(_PROGRAM, f"{(self.project / _PROGRAM).read_text()}\n{block.text}")
        self._pending = block

    def _require_run(self) -> None:
        """Preview the current program if no command of the page has run it."""
        if self._pending:
            self._shell("pulumi preview", self._pending.line)

    def _command(self, command: Command) -> None:
        plain = command.text.partition(" #")[0].strip()
        if plain in self.elsewhere:
            assert not command.screen, (
                f"{self.page.name}:{command.line}: `{plain}` is not run here, so the page must show no output for it"
            )
            return
        if _RUNS_PROGRAM.search(command.text):
            self._pending = None
        served = command.text.startswith(SERVES)
        printed = self._started(command.text) if served else self._shell(command.text, command.line)
        printed = printed.replace(f"127.0.0.1:{self.port}", f"127.0.0.1:{PORT}")
        printed = printed.replace(str(self.project), "/home/you/shop").replace(str(self.stack.folder), "/home/you")
        self._compare(command, presented(printed))

    def _compare(self, command: Command, actual: list[str]) -> None:
        if not command.screen:
            return
        expected, found = comparable(command.screen), comparable(actual)
        is_same = matches([*map(without_ids, expected)], [*map(without_ids, found)])
        has_ids = self.ids.learn(expected, found)
        is_words_of_cli = re.search(r"\bpulumi ", command.text) is not None
        if (is_same and has_ids) or (is_words_of_cli and not self.compares):
            return
        actual = [self.ids.to_page(line) for line in actual]
        if os.environ.get(UPDATE):
            self._screens.append((command, actual))
            return
        difference = difflib.unified_diff(expected, comparable(actual), "page", "output", lineterm="", n=2)
        raise AssertionError(
            "\n".join(
                [
                    f"{self.page.name}:{command.line}: `{command.text}` prints other output; {UPDATE}=1 rewrites it",
                    *difference,
                    "",
                    "expected:",
                    *command.screen,
                    "",
                    "actual:",
                    *actual,
                ]
            )
        )

    def _real(self, text: str) -> str:
        for shown in _UUID.findall(text):
            if self.by_hand and shown not in self.ids.real:
                self.ids.real[shown] = self.by_hand()
        return self.ids.to_real(text).replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{self.port}")

    def _shell(self, command: str, line: int) -> str:
        """Run a command in the project, with the variables that earlier commands have set."""
        script = '[ -e "$0" ] && . "$0"\ntrap \'export -p > "$0"\' EXIT\nset -a -o pipefail\n' + self._real(command)
        code, printed = self._run(script, str(self.stack.folder / "variables"))
        assert code == 0, f"{self.page.name}:{line}: `{command}` ended with {code}:\n{printed}"
        return printed

    def _run(self, script: str, variables: str) -> tuple[int, str]:
        """Run a script with another secret on its standard input, and return its exit code and its output."""
        answer = _secret()
        self.stack.secrets.append(answer)
        output = self.stack.folder / "output"
        with output.open("wb") as file:
            # Not a pipe: a process that the page leaves running in the background would keep it open.
            done = subprocess.run(
                ["bash", "-c", script, variables],
                cwd=self.project,
                env=self._environ(),
                input=f"{answer}\n".encode(),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=HANG_SECONDS,
                check=False,
            )
        self.stack.keep(output.read_bytes())
        return done.returncode, output.read_text()

    def _environ(self) -> dict[str, str]:
        environ = self.stack.prepare_command({})
        return {**environ, "PATH": f"{self._tools}{os.pathsep}{environ['PATH']}"}

    def _started(self, command: str) -> str:
        """Start the page's own simulator in place of an earlier one, and return its first line of output."""
        self.close()
        self._server = subprocess.Popen(
            ["bash", "-c", f"exec {command.replace(f'--port {PORT}', f'--port {self.port}')}"],
            cwd=self.project,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert "http://" in line, line
        self.serve(line.split()[-1])
        return line

    def _rewrite(self) -> None:
        lines = self.page.read_text().splitlines()
        for command, actual in reversed(self._screens):
            screen = [f"{command.indent}{line}".rstrip() for line in actual]
            lines[command.line : command.line + len(command.screen)] = screen
        self.page.write_text("\n".join(lines) + "\n")
