"""The types that the checks of `pulumi-justt doctor` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pulumi_justt.cli.account_records import View
from pulumi_justt.cli.stacks import Configuration, Stack
from pulumi_justt.cli.state import State
from pulumi_justt.core.config import Settings
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Check", "Patient", "Verdict"]

Verdict = Literal["ok", "warning", "finding", "not checked"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Args:
        name: The name of the check, which never changes; `doctor.examination` lists them.
        verdict: `ok`, `finding` if the user should act, `warning` if something is unusual but may be right, or
            `not checked` if the check could not be made.
        text: What the check found, as a sentence.
        remediation: What to do about it.
        stack: The stack that the result is about.
        account: The account that the result is about.
        integration_id: The integration that the result is about.
        urn: The resource that the result is about.
        cause: What makes results alike; the text shows alike results of a stack as one. Empty for a result of its own.
        subject: How the text names this result among alike ones; empty for the account.
        together: What to do about several alike results, if it differs from *remediation*.
    """

    name: str
    verdict: Verdict
    text: str
    remediation: str = ""
    stack: str | None = None
    account: str | None = None
    integration_id: str | None = None
    urn: str | None = None
    cause: str = ""
    subject: str = ""
    together: str = ""


@dataclass(repr=False)
class Patient(Unpicklable):
    """A stack under examination. A field is None until it has been read, or if it could not be read."""

    stack: Stack
    configuration: Configuration | None = None
    settings: Settings | None = None
    state: State | None = None
    own: Mapping[str, Settings] | None = None

    @property
    def view(self) -> View | None:
        """The stack with its settings and state; None unless everything could be read."""
        if self.settings is None or self.state is None or self.own is None:
            return None
        return View(self.stack, self.settings, self.state, self.own)
