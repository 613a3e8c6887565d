"""Validates the inputs of an integration. Texts use the names of the Python arguments and never contain a secret."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from pulumi_justt import credentials, schema
from pulumi_justt.api.models import SOURCES
from pulumi_justt.core.inputs import ARGUMENTS, UNKNOWN, Inputs, split_unknowns
from pulumi_justt.core.state import Properties, invalid
from pulumi_justt.errors import is_like, nearest
from pulumi_justt.payment_service_providers import NAMES, nearest_name
from pulumi_justt.values import COLORED, is_colored, is_plain_name

__all__ = ["moves", "validate"]


def validate(inputs: Properties) -> Iterator[tuple[str, str]]:
    """Yield the argument and the reason for each invalid property."""
    yield from _misspelled(inputs)
    known, unknown = split_unknowns(inputs)
    for path, text in invalid(Inputs, known, unknown):
        if path == "secretReferences":
            yield "credentials", "the references must be an object"
        else:
            yield _argument(path), text
    if is_colored(known.get("secretReferences")):
        yield "credentials", COLORED
    may_be_unlisted = inputs.get("allowUnlisted") in (True, UNKNOWN)
    secret_type, payload, referred = (known.get(name) for name in ("secretType", "secretPayload", "secretReferences"))
    secrets = [*payload.values()] if isinstance(payload, Mapping) else []
    if not may_be_unlisted:
        yield from _unlisted("source", known.get("source"), SOURCES, secrets)
        yield from _unlisted("credentials", secret_type, credentials.CREDENTIAL_TYPES, secrets)
    if any(path.partition(".")[0] == "secretReferences" for path in unknown):
        yield "credentials", "a reference must be known when the program runs, not only after the update"
        return
    if not isinstance(secret_type, str) or "secretPayload" in unknown:
        return
    if all(isinstance(each, Mapping | None) for each in (payload, referred)):
        later = {path.split(".")[1] for path in unknown if path.startswith("secretPayload.")}
        for name, text in credentials.validate(
            secret_type, payload or {}, referred or {}, unknown=later, allow_surplus=may_be_unlisted
        ):
            yield f"credentials.{name}" if name else "credentials", text


def moves(olds: Properties, inputs: Properties, *, is_account_explicit: bool) -> Iterator[tuple[str, str]]:
    """Yield a forbidden change of the account: a wrong setting must not replace all integrations."""
    if not olds or is_account_explicit:
        return
    before, after = olds.get("referenceAccountId"), inputs.get("referenceAccountId")
    if before == after:
        return
    if after is None:
        now = "neither the resource nor justt:referenceAccountId names an account now"
    else:
        now = f"justt:referenceAccountId is {after} now"
    yield (
        "reference_account_id",
        (
            f"this integration was created {f'in account {before}' if before else 'without an account'}, but {now}. "
            "Set the account back. To move the integration, set reference_account_id on the resource, which replaces "
            f"the integration (`pulumi up --replace` with its URN moves it to {after or 'no account'})"
        ),
    )


def _misspelled(inputs: Properties) -> Iterator[tuple[str, str]]:
    """Yield each name that is not an argument, even if a preview does not know its value."""
    for name in sorted(inputs.keys() - ARGUMENTS.keys()):
        yield name, f"is not an argument{nearest(name, ARGUMENTS.values())}"
    policy = inputs.get("deactivation")
    parts = {part.name: part.argument for part in schema.DEACTIVATION}
    for name in sorted(policy.keys() - parts.keys()) if isinstance(policy, Mapping) else ():
        yield f"deactivation.{name}", f"is not an argument{nearest(name, parts.values())}"


def _argument(path: str) -> str:
    found = re.fullmatch(r"([^.\[]+)(.*)", path, re.DOTALL)
    return ARGUMENTS.get(path) or (f"{ARGUMENTS.get(found[1], found[1])}{found[2]}" if found else path)


def _unlisted(
    name: str, value: object, listed: Collection[str], secrets: Collection[object]
) -> Iterator[tuple[str, str]]:
    """Refuse a text that is not in one of Justt's lists.

    Args:
        name: The argument.
        value: Its value.
        listed: The list.
        secrets: The values of the credential, which no error may quote.
    """
    if not isinstance(value, str) or not value or value in listed:
        return
    is_source = name == "source"
    what = "" if is_source else "the secret type "
    elsewhere = nearest_name(value) if is_source else ""
    if is_source and value in NAMES:
        hint = ", but Justt names it in other documents"
    else:
        hint = elsewhere or (nearest(value, listed) if is_like(value, listed) else "")
    # Quote the value only if it is like a known one, or a plain name. Anything else may be a secret in the wrong place.
    is_shown = value not in secrets and (hint or is_plain_name(value))
    quoted = repr(value) if is_shown else f"a text of {len(value)} characters"
    how = "use justt.UnlistedSource(...), or " if is_source else ""
    yield (
        name,
        (
            f"{what}{quoted} is not in Justt's list ({', '.join(listed)}){hint}. "
            f"If Justt accepts it now, {how}set allow_unlisted=True"
        ),
    )
