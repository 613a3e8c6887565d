"""The check of `pulumi-justt doctor` that looks for the variables and files of references. It sends nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from pulumi_justt.cli.doctor.checks import Check, Patient
from pulumi_justt.cli.project import program_folder
from pulumi_justt.cli.state import Recorded, State
from pulumi_justt.credentials import python_names
from pulumi_justt.references import FileReference, Reference, from_wire

__all__ = ["examine"]


def examine(patients: Iterable[Patient], wanted: Collection[str]) -> Iterator[Check]:
    """Warn of each reference in a state whose variable or file is missing here. No value is shown."""
    for patient in patients if "references" in wanted else ():
        found = [*_references(patient.state)] if patient.state else []
        folder = program_folder(patient.stack.folder)
        warnings = [*_warnings(patient.stack.name, found, folder)]
        if found and not warnings:
            text = "the variables and files of all references exist here."
            yield Check("references", "ok", text, stack=patient.stack.name)
        yield from warnings


def _references(state: State) -> Iterator[tuple[Recorded, str, Reference]]:
    """Yield each reference, with its integration and the program's name of its field."""
    for each in state.integrations():
        if each.is_external or each.is_replaced:
            continue
        names = python_names(str(each.outputs.get("secretType")))
        # A state that an older version wrote has the references in `secretPayload`.
        for key in ("secretPayload", "secretReferences"):
            fields = each.outputs.get(key)
            for field, value in sorted(fields.items()) if isinstance(fields, Mapping) else ():
                if reference := from_wire(value):
                    yield each, names.get(field) or field, reference


def _warnings(stack: str | None, found: Iterable[tuple[Recorded, str, Reference]], folder: Path) -> Iterator[Check]:
    for each, field, reference in found:
        problem = _problem(reference, folder)
        if problem:
            called = f"{each.name} ({each.integration_id})"
            yield Check(
                "references",
                "warning",
                f"{called}: credentials.{field} comes from {problem}.",
                "A `pulumi up` that creates or replaces the integration needs it on its machine. If that is another "
                "machine, such as a pipeline's, use --skip references.",
                stack,
                each.account,
                each.integration_id,
                each.urn,
                cause=problem,
                subject=called,
            )


def _problem(reference: Reference, folder: Path) -> str | None:
    """Return where the value of *reference* should be and what is there instead; None if there is a value."""
    if isinstance(reference, FileReference) and not reference.place.startswith("~"):
        reference = FileReference(str(folder.absolute() / reference.place), reference.version)
    try:
        reference.value()
    except LookupError as error:
        return str(error.args[0])
    return None
