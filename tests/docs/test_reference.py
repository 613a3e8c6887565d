"""The reference pages: they match the code, and are complete."""

from __future__ import annotations

import inspect
import types

import pytest

import pulumi_justt
import reference
from pulumi_justt import credentials
from pulumi_justt.core import config


@pytest.mark.parametrize("name", reference.pages())
def test_the_page_matches_the_code(name: str) -> None:
    """Each page of docs/reference equals the newly generated one."""
    assert (reference.FOLDER / name).read_text() == reference.pages()[name], "run `make docs`"


def test_every_reference_page_is_generated() -> None:
    """The folder docs/reference has only pages that the generator makes, because other pages would become outdated."""
    assert {path.name for path in reference.FOLDER.iterdir()} == reference.pages().keys()


def test_every_setting_is_documented() -> None:
    """The tables in config.py, from which the page is made, have each key and variable that the code reads."""
    table = {key.partition(":")[2]: variable for key, (variable, _) in reference.settings_table().items()}
    known = {key: variable or "none, on purpose" for key, variable in config.VARIABLES.items()}
    assert table == known
    assert tuple(reference.keyless()) == config._KEYLESS


def test_every_public_name_is_documented() -> None:
    """In the reference of resources, each public name has a heading, and each argument has a row."""
    page = reference.pages()["resources.md"]
    assert [name for name in pulumi_justt.__all__ if f"\n## {name}\n" not in page] == []
    assert [name for name in credentials.__all__ if f"\n### {name}\n" not in page] == ["Credentials"]
    for name in pulumi_justt.__all__:
        thing = getattr(pulumi_justt, name)
        if isinstance(thing, (type, types.FunctionType)):
            section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            assert [each for each in inspect.signature(thing).parameters if f"| `{each}` |" not in section] == []


def test_every_command_is_documented() -> None:
    """The reference of the command line has the help of each command and subcommand."""
    page = reference.pages()["command-line.md"]
    lines = [f"$ {context.command_path} --help" for context in reference.commands()]
    assert [line for line in lines if f"{line}\nUsage: " not in page] == []
    assert "$ pulumi-justt simulator --help" in lines
