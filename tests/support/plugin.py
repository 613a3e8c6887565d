"""Puts the plugin `pulumi-resource-justt` of the sources into a folder, as pip puts the script of the package."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

__all__ = ["NAME", "install", "install_sdk"]

NAME = "pulumi-resource-justt"


def install(folder: Path) -> Path:
    """Write the script into a folder, which is created, and return the script."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / NAME
    script.write_text(f"#!{sys.executable}\nfrom pulumi_justt.plugin.server import main\nmain()\n")
    script.chmod(0o755)
    return script


def install_sdk(project: Path, language_hosts: Path, sdks: Path) -> None:
    """Put the generated Node SDK and the packages of TypeScript programs into a project, as npm does."""
    (project / "package.json").write_text('{"main": "index.ts"}')
    scope = project / "node_modules" / "@pulumi"
    shutil.copytree(sdks / "nodejs" / "bin", scope / "justt")
    downloaded = language_hosts / "node_modules"
    (scope / "pulumi").symlink_to(downloaded / "@pulumi" / "pulumi")
    for name in ("typescript", "@types"):
        (project / "node_modules" / name).symlink_to(downloaded / name)
