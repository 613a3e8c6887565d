"""The prompts of `pulumi-justt import`. They go to stderr, so that stdout holds only results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from pulumi_justt.cli import rendering
from pulumi_justt.cli.importing.candidates import Candidate, picked
from pulumi_justt.cli.importing.import_answers import ImportRefused, PromptsStopped
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
        return self._prompt(label, default=default, show_default=bool(default))

    def secret(self, label: str, *, is_required: bool) -> str:
        """Prompt for a line without echo."""
        return self._prompt(label, default=None if is_required else "", hide_input=True, show_default=False)

    def choice(self, label: str, options: Sequence[str], default: str | None = None) -> str:
        """Prompt for one of *options*."""
        return self._prompt(label, type=click.Choice(options), default=default)

    def _prompt(self, label: str, **options: Any) -> str:  # noqa: ANN401 - the arguments of `click.prompt`
        try:
            answer: str = click.prompt(label, err=True, **options)
        except (click.Abort, KeyboardInterrupt):
            raise PromptsStopped from None
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

        If the user has stopped the prompts, only an answer confirms, and not `--yes`.

        Raises:
            click.Abort: The user does not confirm.
        """
        if plan.left:
            # Ctrl-C leaves the cursor behind the prompt.
            self.show_line("")
            self.show_line(
                f"Stopped. {plan.left} of the chosen integrations have no values yet, so they are left out. You can "
                "still import the others:"
            )
        for each in plan.imports:
            self.show_line(f"{each.candidate.id} becomes {each.resource_name!r}.")
        self.show_line(
            "Justt does not return the values that you gave, so they can't be verified: check the credentials."
        )
        if options.file is None:
            self.show_line(
                "The stack will own them: unlike with adopt_id, a destroy or a replacement deactivates them at Justt."
            )
        if options.file is None and options.is_protected:
            self.show_line(
                "They are protected: until you set deletion_protection to False, the provider refuses to delete them. "
                "It does not refuse to replace them."
            )
        is_asked = plan.left or (options.file is None and not self.is_sure)
        if is_asked:
            click.confirm("Import them?" if options.file is None else "Write the file?", abort=True, err=True)
