"""The reference pages: they match the code, and are complete."""

from __future__ import annotations

import inspect
import json
import re
import types

import pytest

import pulumi_justt
import reference
from pulumi_justt import credentials
from pulumi_justt.core import config
from pulumi_justt.plugin import descriptions
from pulumi_justt.plugin.package_schema import package_schema


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


def test_the_plugin_s_settings_have_the_same_meaning() -> None:
    """The plugin's schema says of each setting what the table in config.py says."""
    table = {key.partition(":")[2]: meaning for key, (_, meaning) in reference.settings_table().items()}
    assert table == descriptions.SETTINGS


def test_every_property_of_the_plugin_is_documented() -> None:
    """In the reference of the plugin, each resource, function, property, argument and part has a row or a heading."""
    page = reference.pages()["plugin.md"]
    package = json.loads(package_schema())
    named = [name.rpartition(":")[2] for part in ("resources", "functions") for name in package[part]]
    assert [name for name in named if f"\n## {name}\n" not in page] == []
    objects = [*package["resources"].values(), *package["types"].values()]
    names = {name for each in objects for part in ("properties", "inputProperties") for name in each.get(part, ())}
    fields = package["types"]["justt:index:SecretPayload"]["properties"].keys()
    assert [name for name in names - fields if f"| `{name}` |" not in page] == []
    assert [name for name in fields if not re.search(rf"\b{name}\b", page)] == []


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
