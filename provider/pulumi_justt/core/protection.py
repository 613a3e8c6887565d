"""Refuses the delete of an integration that has deletion_protection, and says how to delete it or to forget it."""

from __future__ import annotations

from typing import NoReturn

from pulumi_justt.errors import SharedConflict

__all__ = ["refuse"]


def refuse(called: str, release_reason: str | None, *, has_program: bool) -> NoReturn:
    """Refuse to delete a protected integration, which messages call *called*.

    *release_reason* says why the delete would only release the integration; None if it would deactivate it.
    *has_program* is whether the command runs the program, which `pulumi destroy` does not.

    Raises:
        SharedConflict: The integration is protected. Without the protection, it would be released, not deactivated.
        SharedConflict: The integration is protected, and the program no longer has it.
        SharedConflict: The integration is protected, and the command is `pulumi destroy`.
    """
    operation, response = f"deleting {called}", "refused, because it has deletion_protection=True"
    protected = f"{operation}: {response}. Nothing was sent, and it stays in the state."
    if release_reason:
        raise SharedConflict(
            f"{protected} Run `pulumi state delete` with its URN: {release_reason}, so it keeps running at Justt.",
            operation,
            response,
        )
    if has_program:
        raise SharedConflict(
            f"{protected} If this command has replaced it under a new name, run `pulumi up` again, which "
            "deactivates it. Otherwise, to delete it, put it back into the program with deletion_protection=False, "
            "run `pulumi up`, and then remove it. To only forget it, run `pulumi state delete` with its URN: it "
            "keeps running at Justt. If the program still has it, set deletion_protection=False in the "
            "program, run `pulumi up` with --target and its URN, and then run this command again.",
            operation,
            response,
        )
    raise SharedConflict(
        f"{protected} To delete it, set deletion_protection=False in the program and run `pulumi up` (to change "
        "nothing else, with --target and its URN), then delete it. To delete only other resources, run `pulumi "
        "destroy` with --exclude and its URN. To only forget it, run `pulumi state delete` with its URN: it "
        "keeps running at Justt.",
        operation,
        response,
    )
