"""Runs a page of the documentation as a new user would: in a terminal, without a login and without a passphrase."""

from __future__ import annotations

from support import terminal
from support.docs_runner import Session
from support.harness import HANG_SECONDS
from support.secret_scanner import canary

__all__ = ["LOGS_IN", "TerminalSession"]

LOGS_IN = "$ pulumi login"
"""A page with this command runs in a terminal."""

_NOT_SET = {
    "COLUMNS",
    "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_OPTION_SUPPRESS_PROGRESS",
    "PULUMI_SKIP_CONFIRMATIONS",
}
_UP, _DOWN, _ENTER = "\x1b[A", "\x1b[B", "\r"


class TerminalSession(Session):
    """A session whose commands run in a terminal and get their answers from there.

    It says yes to an update, enters one passphrase and other secrets where they are asked for, and skips the menu that
    some versions of the CLI show after a login.
    """

    def __post_init__(self) -> None:
        """Choose a passphrase."""
        super().__post_init__()
        self._passphrase = canary("passphrase")
        self.stack.secrets.append(self._passphrase)

    def close(self) -> None:
        """Keep the files of the backend, which is in the project's folder, for the search for secrets."""
        super().close()
        for path in (self.project / "state").rglob("*"):
            if path.is_file():
                self.stack.keep(path.read_bytes())

    def _run(self, script: str, variables: str) -> tuple[int, str]:
        value = canary("value")
        self.stack.secrets.append(value)
        # `read -s` shows no prompt.
        silent = {r"\A\Z": self._passphrase + _ENTER} if "\nread -rs " in script else {}
        code, shown, printed = terminal.run(
            script,
            variables,
            cwd=self.project,
            environ=self._environ(),
            answers={
                r"What would you like to do\?": _DOWN * 2 + _ENTER,
                r"passphrase to (protect|confirm)": self._passphrase + _ENTER,
                r"[\r\n]value: ": value + _ENTER,
                **silent,
                r"Do you want to perform this (update|refresh|destroy)\?": _UP + _ENTER,
            },
            seconds=HANG_SECONDS,
        )
        self.stack.keep(printed)
        return code, shown

    def _environ(self) -> dict[str, str]:
        # The variables of earlier commands are added to these.
        return {name: value for name, value in super()._environ().items() if name not in _NOT_SET}
