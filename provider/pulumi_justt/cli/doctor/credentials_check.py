"""The check of `pulumi-justt doctor` that compares credentials with their source. It calls only the `pulumi` CLI."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from pulumi_justt.cli.doctor.checks import Check, Patient, Verdict
from pulumi_justt.cli.state import Recorded, State
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.payment_service_providers import NAMES, nearest_name, provider_of

__all__ = ["examine"]


def examine(patients: Iterable[Patient], wanted: Collection[str]) -> Iterator[Check]:
    """Warn of each integration whose credentials are unusual for its source, unless it is known to work."""
    for patient in patients if "credentials" in wanted else ():
        warnings = [*_warnings(patient.stack.name, patient.state)] if patient.state else None
        if warnings == []:
            yield Check("credentials", "ok", "no integration has unusual credentials.", stack=patient.stack.name)
        yield from warnings or ()


def _warnings(stack: str | None, state: State) -> Iterator[Check]:
    for each in state.integrations():
        if each.is_external or each.is_replaced or each.outputs.get("status") == "SUCCESSFUL":
            continue
        problem = _unusual_class(each) or _misspelt_source(each)
        if problem is not None:
            verdict, phrase, remediation = problem
            called = f"{each.name} ({each.integration_id})"
            yield Check(
                "credentials",
                verdict,
                f"{called} {phrase}",
                remediation,
                stack,
                each.account,
                each.integration_id,
                each.urn,
                cause=phrase,
                subject=called,
            )


def _unusual_class(recorded: Recorded) -> tuple[Verdict, str, str] | None:
    psp, secret_type = provider_of(recorded.outputs.get("source")), recorded.outputs.get("secretType")
    if psp is None or not isinstance(secret_type, str) or secret_type == psp.credentials.secret_type:
        return None
    usual, listed = psp.credentials.__name__, CREDENTIAL_TYPES.get(secret_type)
    # The type of `Unlisted` may be any text.
    given = listed.__name__ if listed else "Unlisted"
    basis = f"Justt names {usual}" if psp.origin == "Justt" else f"its keys fit {usual}, though Justt names no class"
    return (
        "warning",
        f"has {given} credentials, which are unusual for {psp.name}: {basis}.",
        f"If it doesn't become SUCCESSFUL, use credentials.{usual}; `pulumi up` then replaces it.",
    )


def _misspelt_source(recorded: Recorded) -> tuple[Verdict, str, str] | None:
    source = recorded.outputs.get("source")
    if not isinstance(source, str) or source in NAMES:
        return None
    hint = nearest_name(source)
    if not hint:
        return None
    return (
        "warning",
        f"has the source {source!r}, which Justt's documents don't name{hint}.",
        "If it doesn't become SUCCESSFUL, correct the source; `pulumi up` then replaces it.",
    )
