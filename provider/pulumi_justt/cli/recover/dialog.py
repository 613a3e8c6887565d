"""The output and the prompts of `pulumi-justt recover`, and the decisions from its options and prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from pulumi_justt.cli import intents, rendering
from pulumi_justt.cli.recover.diagnosis import FORGET, Case, Diagnosis
from pulumi_justt.core.journal import Decision

__all__ = ["decisions", "document", "is_agreed", "show"]

_FEW = 5
"""The maximum number of INACTIVE candidates that one line names."""


def decisions(
    diagnosis: Diagnosis, claims: Sequence[str], deactivations: Sequence[str], forgotten: Sequence[str]
) -> dict[str, Decision]:
    """Return the decisions from the options of the command, by URN.

    Raises:
        click.UsageError: An option matches no case or more than one, or a case has two options.
    """
    decided: dict[str, Decision] = {}
    for option, name, decision in _options(claims, deactivations, forgotten):
        if name is None:
            matching = [case.urn for case in diagnosis.to_decide]
        else:
            matching = [case.urn for case in diagnosis.cases if name in (case.urn, case.name)]
        if not matching:
            whose = f" of {name!r}" if name else ""
            raise click.UsageError(f"{option}: nothing{whose} is unfinished")
        if len({*matching}) > 1:
            raise click.UsageError(f"{option} is ambiguous: give the name or URN of one of {', '.join(matching)}")
        if matching[0] in decided:
            raise click.UsageError(f"{option}: there is another option for {matching[0]}")
        decided[matching[0]] = decision
    return decided


def _options(
    claims: Sequence[str], deactivations: Sequence[str], forgotten: Sequence[str]
) -> Iterator[tuple[str, str | None, Decision]]:
    """Yield each option as text, with the resource's name (None if omitted) and the decision.

    Raises:
        click.UsageError: An option has no id.
    """
    for given in claims:
        name, integration_id = _split("--claim", given)
        yield f"--claim {given}", name, Decision("claim", integration_id)
    for given in deactivations:
        name, integration_id = _split("--deactivate", given)
        yield f"--deactivate {given}", name, Decision("deactivate", integration_id)
    for given in forgotten:
        yield f"--forget {given}".strip(), given or None, FORGET


def _split(option: str, given: str) -> tuple[str | None, str]:
    name, separator, integration_id = given.rpartition("=")
    if not integration_id or (separator and not name):
        raise click.UsageError(f"{option} takes NAME=ID or ID, not {given!r}")
    return name or None, integration_id


def show(diagnosis: Diagnosis) -> None:
    """Print the unfinished operations and their candidates."""
    for case in diagnosis.cases:
        rendering.note(f"{case.operation} {case.name}: {case.text}")
        if case.found.live:
            rendering.print_table(
                ("NUMBER", "ID", "SOURCE", "STATUS", "GO-LIVE"),
                [(number, *rendering.cells(each)) for number, each in enumerate(case.found.live, 1)],
                spare=("GO-LIVE",),
            )
        if inactive := case.found.inactive:
            shown = [each.integration_id for each in inactive[-_FEW:]]
            more = f" and {len(inactive) - _FEW} more" if len(inactive) > _FEW else ""
            rendering.note(
                f"INACTIVE candidates: {', '.join(shown)}{more}. If the create made one of these, it is deactivated "
                "already: choose forget."
            )


def is_agreed(diagnosis: Diagnosis, decided: dict[str, Decision]) -> bool:
    """Prompt for each missing decision, add it to *decided*, and ask for confirmation.

    Raises:
        click.Abort: The prompt got no answer.
    """
    try:
        for case in diagnosis.to_decide:
            if case.urn not in decided:
                decision = _prompt_for_decision(case)
                if decision is None:
                    return False
                decided[case.urn] = decision
        for case in diagnosis.cases:
            decision = decided.get(case.urn, FORGET)
            decided_as = intents.decided(decision)
            is_shown = decision.integration_id is None or case.has_shown(decision.integration_id)
            rendering.note(
                f"{case.operation} {case.name}: {decided_as}{'' if is_shown else ', which is not shown above'}"
            )
        return click.confirm("Do this?", err=True)
    except (click.Abort, KeyboardInterrupt):
        rendering.note("Nothing was changed. To run without prompts, use --yes with --claim, --deactivate or --forget.")
        raise


def _prompt_for_decision(case: Case) -> Decision | None:
    """Say what each answer means, and prompt for the decision on a case. Return None if the user quits."""
    numbers = {str(number): each.integration_id for number, each in enumerate(case.found.live, 1)}
    one = "1" if len(numbers) == 1 else f"1 to {len(numbers)}"
    claims = {number: Decision("claim", chosen) for number, chosen in numbers.items() if case.can_claim}
    deactivations = {
        f"deactivate {number}": Decision("deactivate", chosen)
        for number, chosen in numbers.items()
        if case.can_deactivate
    }
    shown = [*([one] if claims else []), *([f"deactivate {one}"] if deactivations else []), "forget", "quit"]
    choices: dict[str, Decision | None] = {**claims, **deactivations, "forget": FORGET, "quit": None}

    def validated(answer: str) -> str:
        answer = " ".join(answer.split())
        if answer not in choices:
            raise click.UsageError(f"{answer!r} is not one of {', '.join(shown)}.")
        return answer

    if case.is_ours:
        _explain(shown, is_claimable=bool(claims), count=len(numbers))
    answer: str = click.prompt(
        rendering.clean(f"{case.name}: which is it? ({', '.join(shown)})"), value_proc=validated, err=True
    )
    return choices[answer]


def _explain(answers: Sequence[str], *, is_claimable: bool, count: int) -> None:
    """Show what each of *answers* does, and which one is safe.

    Args:
        answers: The answers, as the prompt shows them.
        is_claimable: Whether the first answer claims an integration.
        count: The number of candidates.
    """
    which = "no candidate belongs to this resource" if count else "Justt created nothing"
    meanings = {
        "forget": f"Leaves Justt as it is. The next `pulumi up` creates another integration. Right if {which}.",
        "quit": "Changes nothing. It is safe: you can decide later.",
    }
    claim = "Makes it the stack's own: a later replacement or `pulumi destroy` deactivates it."
    deactivate = "Stops it at Justt, which is final. The next `pulumi up` creates another one."
    first = {answers[0]: claim} if is_claimable else {}
    rendering.print_table(
        ("ANSWER", "WHAT IT DOES"),
        [(answer, (first | meanings).get(answer, deactivate)) for answer in answers],
        is_question=True,
    )
    if count > 1:
        rendering.note(
            "At most one of them belongs to this resource. Look at Justt for the one with its identifier and name. "
            "Until you know which one it is, quit is the safe answer: if you claim or deactivate the wrong one, you "
            "stop an integration that another team uses, now or with a later update."
        )


def document(
    diagnosis: Diagnosis, decided: Mapping[str, Decision], *, is_done: bool, backup: Path | None
) -> Mapping[str, object]:
    """Return the command's JSON document."""
    return {
        "stack": diagnosis.view.stack.name,
        "unfinished": [_case_document(diagnosis, case, decided) for case in diagnosis.cases],
        "isDone": is_done,
        "backup": backup and str(backup),
    }


def _case_document(diagnosis: Diagnosis, case: Case, decided: Mapping[str, Decision]) -> Mapping[str, object]:
    decision = decided.get(case.urn, None if case.needs_decision else FORGET)
    return {
        "urn": case.urn,
        "operation": case.operation,
        "isPending": case.pending is not None,
        "journalFile": str(diagnosis.journal.path_of(case.intent)) if case.intent else None,
        "text": case.text,
        "needsDecision": case.needs_decision,
        "canClaim": case.can_claim,
        "canDeactivate": case.can_deactivate,
        "candidates": [each.model_dump(by_alias=True) for each in case.found.live],
        "deactivated": [each.model_dump(by_alias=True) for each in case.found.inactive],
        "decision": decision and decision.action,
        "integrationId": decision and decision.integration_id,
    }
