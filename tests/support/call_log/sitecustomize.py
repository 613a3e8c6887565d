"""Logs each call of the engine to our providers. Python imports this module at startup if it's on its path."""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

METHODS = ("check", "diff", "create", "read", "update", "delete")


def _logged(method: Callable[..., Any], name: str, log: Path) -> Callable[..., Any]:
    from pulumi_justt import host  # noqa: PLC0415 - only the provider's process may load it

    @functools.wraps(method)
    def wrapper(self: object, *arguments: object) -> object:
        urn = host.engine_request()[0] or ""
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps([os.getpid(), name, urn.rpartition("::")[2]]) + "\n")
        return method(self, *arguments)

    return wrapper


def _install(kind: type, log: Path) -> None:
    for name in METHODS:
        setattr(kind, name, _logged(getattr(kind, name), name, log))


if os.environ.get("CALL_LOG"):
    if "pulumi.dynamic" in sys.orig_argv:
        from pulumi_justt.provider import IntegrationProvider

        _install(IntegrationProvider, Path(os.environ["CALL_LOG"]))
    elif any(argument.endswith("pulumi-resource-justt") for argument in sys.orig_argv):
        from pulumi_justt.plugin.kinds import Integrations

        _install(Integrations, Path(os.environ["CALL_LOG"]))
