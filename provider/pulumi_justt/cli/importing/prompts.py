"""The prompts of `pulumi-justt import`. They go to stderr, so that stdout holds only results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.importing.candidates import Candidate, picked
from pulumi_justt.cli.importing.import_answers import ImportRefused
from pulumi_justt.cli.importing.importer import ImportOptions
from pulumi_justt.cli.importing.plan import Plan

__all__ = ["Terminal"]


@dataclass(frozen=True)
class Terminal:
    """Prompts the user at the terminal.

    Args:
        is_sure: Whether to skip the confirmation.
    """

    is_sure: bool = False

    def show_line(self, text: str) -> None:
        """Show *text*."""
        rendering.note(text)

    def text(self, label: str, default: str | None = None) -> str:
        """Prompt for a line. Without a *default*, it must not be empty."""
        answer: str = click.prompt(label, default=default, show_default=bool(default), err=True)
        return answer

    def secret(self, label: str, *, is_required: bool) -> str:
        """Prompt for a line without echo."""
        default = None if is_required else ""
        answer: str = click.prompt(label, default=default, hide_input=True, show_default=False, err=True)
        return answer

    def choice(self, label: str, options: Sequence[str], default: str | None = None) -> str:
        """Prompt for one of *options*."""
        answer: str = click.prompt(label, type=click.Choice(options), default=default, err=True)
        return answer

    def pick(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Show *candidates*, and return those that the user selects."""
        if not candidates:
            return []
        rendering.print_table(
            ("NUMBER", "ID", "SOURCE", "STATUS", "GO-LIVE", "ACCOUNT"),
            [(number, *rendering.cells(each.record), each.account) for number, each in enumerate(candidates, start=1)],
            is_question=True,
            spare=("GO-LIVE", "ACCOUNT"),
        )
        chosen = None
        while chosen is None:
            chosen = self._picked(candidates)
        return chosen

    def _picked(self, candidates: Sequence[Candidate]) -> Sequence[Candidate] | None:
        try:
            return picked(self.text("Which (numbers, ranges such as 2-4, ids, all)"), candidates)
        except ImportRefused as refused:
            for problem in refused.problems:
                self.show_line(problem)
            return None

    def confirm(self, plan: Plan, options: ImportOptions) -> None:
        """Show the plan, and return only if the user confirms it.

        Raises:
            click.Abort: The user does not confirm.
        """
        for each in plan.imports:
            self.show_line(f"{each.candidate.id} becomes {each.resource_name!r}.")
        self.show_line(
            "Justt does not return the values that you gave, so they can't be verified: check the credentials."
        )
        if options.file is not None:
            return
        self.show_line(
            "The stack will own them: unlike with adopt_id, a destroy or a replacement deactivates them at Justt."
        )
        if options.is_protected:
            self.show_line(
                "They are protected: until you set deletion_protection to False, the provider refuses to delete them. "
                "It does not refuse to replace them."
            )
        if not self.is_sure:
            click.confirm("Import them?", abort=True, err=True)
