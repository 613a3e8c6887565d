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
    from pulumi_justt import host  # noqa: PLC0415 - only the provider process may load it

    @functools.wraps(method)
    def wrapper(self: object, *arguments: object) -> object:
        urn = host.engine_request()[0] or ""
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps([os.getpid(), name, urn.rpartition("::")[2]]) + "\n")
        return method(self, *arguments)

    return wrapper


def _install(log: Path) -> None:
    from pulumi_justt.provider import IntegrationProvider  # noqa: PLC0415 - see above

    for name in METHODS:
        setattr(IntegrationProvider, name, _logged(getattr(IntegrationProvider, name), name, log))


if "pulumi.dynamic" in sys.orig_argv and os.environ.get("CALL_LOG"):
    _install(Path(os.environ["CALL_LOG"]))
