"""Writes the answers file that the user fills in, for `pulumi-justt import --template`. It holds no credential."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field
from typing import Any

from pulumi_justt.cli.importing.candidates import Candidate
from pulumi_justt.cli.importing.import_answers import ASKED, CREDENTIAL_CLASSES, is_identifier, usual_class, variable_of

__all__ = ["template"]

_HEAD = """\
# Answers for `pulumi-justt import --answers FILE`. Remove the integrations that you don't import. Fill in each "", and
# correct the other values. Lines that begin with # are optional.
#
# This file holds no credential. Each field says where its credential is:
#   {variable: NAME}    the command reads the environment variable now
#   {fromEnv: NAME}     the program reads the environment variable when it creates an integration
#   {fromFile: PATH}    the program reads the file then
#
# Credentials, and their fields:
"""
_EMPTY = '""'
"""A value to fill in. An empty text is invalid for each of them, so none can be forgotten."""


def template(candidates: Sequence[Candidate], default_account: str | None, *, is_by_reference: bool) -> str:
    """Return the text of an answers file with an entry for each of *candidates*.

    Args:
        candidates: The integrations.
        default_account: The account in the configuration, which the file does not have to repeat.
        is_by_reference: Whether the program reads the credentials, and not the command.
    """
    kind = "fromEnv" if is_by_reference else "variable"
    lines = [
        f"#   {name}: {', '.join(map(_shown_field, shape.wire_fields().values()))}"
        for name, shape in CREDENTIAL_CLASSES.items()
    ]
    lines += [line for each in candidates for line in _entry(each, default_account, kind)]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _entry(candidate: Candidate, default_account: str | None, kind: str) -> Iterator[str]:
    """Yield the lines of one integration."""
    record = candidate.record
    facts = ", ".join(filter(None, (record.source, record.status, record.go_live_date)))
    yield f"{_key(candidate.id)}:  # {facts}"
    yield f"  resource_name: {candidate.suggested_name}"
    for asked in ASKED:
        if asked.is_required:
            yield f"  {asked.argument}: {_EMPTY}"
    usual = usual_class(record.source)
    yield f"  credentials: {usual or _EMPTY}"
    yield "  fields:" if usual else "  fields: {}"
    for f in CREDENTIAL_CLASSES[usual].wire_fields().values() if usual else ():
        place = _EMPTY if is_identifier(f) else f"{{{kind}: {variable_of(candidate.suggested_name, f)}}}"
        yield f"    {'' if f.default is MISSING else '# '}{f.name}: {place}"
    for asked in ASKED:
        if not asked.is_required:
            yield f"  # {asked.argument}: {'[]' if asked.kind is set else _EMPTY}"
    if candidate.account is not None and candidate.account != default_account:
        yield f"  reference_account_id: {_key(candidate.account)}"


def _key(text: str) -> str:
    """Return *text* as YAML, without quotes if they are not needed."""
    return text if re.fullmatch(r"(?!null$)\w[\w.-]*", text, re.ASCII | re.IGNORECASE) else json.dumps(text)


def _shown_field(f: Field[Any]) -> str:
    return f.name if f.default is MISSING else f"{f.name} (optional)"
