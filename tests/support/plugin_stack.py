"""A stack whose resources are those of the plugin. Its programs are the same as those of the dynamic resources."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

import pytest

from pulumi_justt.plugin.names import in_api_names
from support.harness import Stack

__all__ = ["MovingStack", "PluginStack", "in_both_front_ends", "install_plugin"]


def install_plugin(folder: Path) -> Path:
    """Write the plugin's command, as `pip install` does but for the first Python on PATH, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "pulumi-resource-justt"
    command.write_text("#!/usr/bin/env python3\nfrom pulumi_justt.plugin.server import main\n\nmain()\n")
    command.chmod(0o755)
    return folder


class PluginStack(Stack):
    """A stack of the plugin's resources."""

    recorded_types: ClassVar[tuple[str, ...]] = ("justt:index:",)
    module = "justt:index:"

    def __post_init__(self) -> None:
        """Create the project and the stack, and name the plugin in the project's file."""
        super().__post_init__()
        folder = install_plugin(self.folder / "plugin")
        self.settings(f"runtime: python\nplugins:\n  providers:\n    - name: justt\n      path: {folder}\n")

    def settings(self, text: str) -> None:
        """Replace the project's file, except for its name."""
        (self.project / "Pulumi.yaml").write_text(f"name: shop\n{text}")

    def head(self) -> str:
        """Return what each program begins with."""
        # Not imported here: it would change the resources of this process.
        shutil.copy(Path(__file__).with_name("plugin_program.py"), self.project)
        return f"{super().head()}import plugin_program\n"

    def named(self, text: str) -> str:
        """Return a text of the provider with the names that this kind of stack shows."""
        return in_api_names(text)


class MovingStack(PluginStack):
    """A stack with resources of both kinds. A program that imports `plugin_program` has those of the plugin."""

    recorded_types = ("justt:index:", "pulumi-python:dynamic")

    def head(self) -> str:
        """Return what each program begins with."""
        return super().head().replace("import plugin_program\n", "")


in_both_front_ends = pytest.mark.parametrize(
    "kind_of_stack", [pytest.param(Stack, id="dynamic"), pytest.param(PluginStack, id="plugin", marks=pytest.mark.slow)]
)
"""Runs a test with dynamic resources, and again with those of the plugin."""
