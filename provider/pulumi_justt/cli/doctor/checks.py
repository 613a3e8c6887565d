"""What `pulumi-justt doctor` looks at and what comes of each look: the parts that its checks share."""

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

Verdict = Literal["ok", "finding", "not checked"]


@dataclass(frozen=True)
class Check:
    """What came of one look.

    Args:
        name: Which check it is; stable, and listed in the module's docstring.
        verdict: Whether all is well, something is to be done, or it could not be found out.
        text: What was seen, as a sentence.
        remediation: What to do about it.
        stack: The stack that it is about.
        account: The account that it is about.
        integration_id: The integration that it is about.
        urn: The resource that it is about.
    """

    name: str
    verdict: Verdict
    text: str
    remediation: str = ""
    stack: str | None = None
    account: str | None = None
    integration_id: str | None = None
    urn: str | None = None


@dataclass(repr=False)
class Patient(Unpicklable):
    """A stack, as far as it could be looked at."""

    stack: Stack
    configuration: Configuration | None = None
    settings: Settings | None = None
    state: State | None = None
    own: Mapping[str, Settings] | None = None

    @property
    def view(self) -> View | None:
        """The stack as commands see it; None unless all of it could be read."""
        if self.settings is None or self.state is None or self.own is None:
            return None
        return View(self.stack, self.settings, self.state, self.own)
