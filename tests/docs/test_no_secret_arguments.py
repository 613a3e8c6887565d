"""No page and no example passes a secret as an argument of a command.

Other users of the machine can see the arguments of its processes, and the shell keeps them in its history. So a page
enters a secret at a prompt, or passes it on standard input, or names a variable of the environment.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.docs_runner import read

FILES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*", "provider/**/*.py")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix != ".pyc"
)

_SET = re.compile(r"\bpulumi config set (?P<rest>(?:[^\s`|<>;&\\]+[ ]?)+)")
_SET_ALL = re.compile(r"\bconfig set-all\b.*--secret")
_IN_REQUEST = re.compile(r"Authorization: *Bearer (?!\$\{)\w|(?<!echo )'\{\"(?:apiKeys?|secretPayload)\"")
_VARIABLE = re.compile(r"\$\{?[A-Z][A-Z0-9_]*_(?:KEY|SECRET|PASSWORD|PASSPHRASE|TOKEN)\b")
_BUILTINS = {"echo", "export", "printf", "read"}


def secret_arguments(text: str) -> list[str]:
    """Return the parts of a text in which a command gets a secret as an argument."""
    found = []
    for match in _SET.finditer(text):
        words = match["rest"].split()
        given = [word for word in words if not word.startswith("-")]
        if "--secret" in words and len(given) > 1:
            found.append(match[0].strip())
    found += [match[0] for pattern in (_SET_ALL, _IN_REQUEST) for match in pattern.finditer(text)]
    return found


def passed_variables(command: str) -> list[str]:
    """Return the parts of a shell command that pass a variable with a secret to a program, as an argument."""
    parts = [part.strip() for part in re.split(r"\|\|?|&&|;", command)]
    return [part for part in parts if _VARIABLE.search(part) and part.partition(" ")[0] not in _BUILTINS]


@pytest.mark.parametrize("file", FILES)
def test_no_command_has_a_secret_as_an_argument(file: str) -> None:
    """No command in a page, an example or a text of the package has a secret among its arguments."""
    text = (ROOT / file).read_text()
    assert secret_arguments(text) == []
    if Path(file).suffix == ".md" and not file.startswith("examples/"):
        commands = [each.text for block in read(text) if block.language == "console" for each in block.commands()]
        assert [part for command in commands for part in passed_variables(command)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '$ pulumi config set --secret stripeKey "$STRIPE_KEY"',
            ['pulumi config set --secret stripeKey "$STRIPE_KEY"'],
        ),
        ("`pulumi config set --path a.b made-up --secret`", ["pulumi config set --path a.b made-up --secret"]),
        ("pulumi config set-all --secret a=b", ["config set-all --secret"]),
        ("curl -H 'Authorization: Bearer any'", ["Authorization: Bearer a"]),
        ("""curl --json '{"apiKeys": ["a"]}'""", ["""'{"apiKeys\""""]),
        ("run `pulumi config set --secret justt:apiKey` and enter", []),
        ("$ pulumi config set --secret --path a.b < key.txt", []),
        ("$ pulumi config set adyenMerchant M-1", []),
        ("""echo '{"apiKeys": ["a"]}' | curl --json @-""", []),
    ],
)
def test_secret_arguments_are_found(text: str, found: list[str]) -> None:
    """The search finds a secret behind the key and in a request, and accepts a prompt and standard input."""
    assert secret_arguments(text) == found


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ('vault write a "$STRIPE_KEY"', ['vault write a "$STRIPE_KEY"']),
        ("true && deploy --key=${JUSTT_API_KEY}", ["deploy --key=${JUSTT_API_KEY}"]),
        ('printf %s "$STRIPE_KEY" | pulumi config set --secret stripeKey', []),
        ('echo "$SFTP_PRIVATE_KEY" > keys/sftp.pem', []),
    ],
)
def test_passed_variables_are_found(command: str, found: list[str]) -> None:
    """The search finds a variable that a program gets as an argument. Commands of the shell itself start no process."""
    assert passed_variables(command) == found
