"""Puts the plugin `pulumi-resource-justt` and its Node SDK into a project, as pip and npm do."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.plugin_stack import install_plugin

__all__ = ["NAME", "install", "install_sdk"]

NAME = "pulumi-resource-justt"


def install(folder: Path) -> Path:
    """Write the script into a folder, which is created, and return the script."""
    return install_plugin(folder) / NAME


def install_sdk(project: Path, language_hosts: Path, sdks: Path) -> None:
    """Put the generated Node SDK and the packages of TypeScript programs into a project, as npm does."""
    (project / "package.json").write_text('{"main": "index.ts"}')
    scope = project / "node_modules" / "@pulumi"
    shutil.copytree(sdks / "nodejs" / "bin", scope / "justt")
    downloaded = language_hosts / "node_modules"
    (scope / "pulumi").symlink_to(downloaded / "@pulumi" / "pulumi")
    for name in ("typescript", "@types"):
        (project / "node_modules" / name).symlink_to(downloaded / name)
