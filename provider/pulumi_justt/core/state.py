"""Helpers for recorded properties, and the rules about the state that every resource follows. It sends no requests.

Properties are mappings with the API's keys, as in the state. No resource leaves the state without proof that it is
gone, and no call reaches an environment other than the recorded one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ValidationError

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.config import Settings
from pulumi_justt.errors import RequestRefused, SharedConflict, StateConflict, describe_type
from pulumi_justt.log import Log
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import NOT_A_HEADER, is_visible_ascii

__all__ = [
    "CheckResult",
    "Properties",
    "describe",
    "drop_none",
    "invalid",
    "is_undeclared",
    "other_environment",
    "outputs_from",
    "raise_unless_missing_allowed",
    "require_known",
    "require_same_environment",
]

Properties = Mapping[str, Any]

_REASONS = {
    "missing": "is required",
    "string_empty": "must not be empty",
    "string_too_short": "must have at least {min_length} characters, has {length}",
    "string_too_long": "must have at most {max_length} characters, has {length}: shorten it",
    "string_type": "must be text, got {shape}{advice}",
    "string_unicode": "is not text in UTF-8",
    "int_type": "must be a whole number, got {shape}",
    "int_from_float": "must be a whole number",
    "list_type": "must be a list of strings, got {shape}",
    "bool_type": "must be true or false, got {shape}",
    "dict_type": "must be an object, got {shape}",
    "model_type": "must be an object, got {shape}",
    "model_attributes_type": "must be an object, got {shape}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than_equal": "must be less than or equal to {le}",
}
"""The text for the user, by the type of a pydantic error."""

_HINTS = {
    "number": ": write it in quotes, or str(...)",
    "true/false": ": write it in quotes",
    "a list": ": give one text",
}
"""What to type instead of a value that is not text, by the description of its type."""


@dataclass(frozen=True, repr=False)
class CheckResult(Unpicklable):
    """The checked inputs, and one text for each invalid property."""

    inputs: dict[str, Any]
    failures: list[str]


def is_undeclared(recorded: Properties) -> bool:
    """Return whether the state has an integration that was imported or is only read, but not yet declared.

    It then has only what Justt returned, and no external identifier.
    """
    return bool(recorded) and "externalIdentifier" not in recorded


def describe(properties: Properties, integration_id: str = "") -> str:
    """Name an integration by source, external identifier and id, or by id alone."""
    integration_id = integration_id or str(properties.get("integrationId", ""))
    if "externalIdentifier" not in properties:
        return f"integration {integration_id}"
    # Inputs, unlike outputs, have no id.
    its_id = f" ({integration_id})" if integration_id else ""
    return f"the {properties.get('source')} integration {properties['externalIdentifier']!r}{its_id}"


def outputs_from(record: RemoteRecord) -> dict[str, Any]:
    """Return the outputs that come from *record*; all other outputs equal the inputs."""
    outputs = {"status": record.status}
    if record.go_live_date is not None:
        outputs["goLiveDate"] = record.go_live_date
    return outputs


def drop_none(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value* without the properties, and the fields of properties, that are null; null equals absent.

    A null at a deeper level stays, because it is part of a value that is sent unchanged.
    """

    def given(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {name: item for name, item in mapping.items() if item is not None}

    return {name: given(item) if isinstance(item, Mapping) else item for name, item in given(value).items()}


def invalid(model: type[BaseModel], known: Properties, absent: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each property that is invalid for *model*, with the reason.

    Args:
        model: The model that validates the properties.
        known: The properties.
        absent: The paths of properties that may be missing.
    """
    try:
        model.model_validate(known)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=True, include_input=True):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])[1:]
            if not (each["type"] == "missing" and path in absent):
                yield path, _reason(each["type"], each.get("ctx", {}), each["input"], each["msg"])


def other_environment(settings: Settings, olds: Properties, news: Properties) -> Iterator[tuple[str, str]]:
    """Yield a failure of `check` if the recorded environment, or one that the program gives, is not the configured one.

    Only the plugin's resources can be given one. Without the failure, they would use the configured environment, which
    is production by default.
    """
    recorded = olds.get("environment", settings.environment)
    if recorded != settings.environment:
        yield (
            "environment",
            (
                f"this integration was created in {recorded}, and the configuration says {settings.environment}: set "
                "justt:environment and justt:baseUrl (or their variables) back, or use another stack for each "
                "environment"
            ),
        )
    elif news.get("environment") not in (None, settings.environment):
        yield (
            "environment",
            (
                f"one resource cannot choose it, and the configuration says {settings.environment}: remove it here, "
                "and set justt:environment for the stack, or environment on a provider resource"
            ),
        )


def require_same_environment(settings: Settings, operation: str, olds: Properties) -> None:
    """Refuse a request to an environment other than the recorded one, or with an account that is not a valid header.

    Raises:
        SharedConflict: The integration was recorded in another environment than the configured one.
        StateConflict: The recorded account was changed by hand.
    """
    recorded = olds.get("environment", settings.environment)
    if recorded != settings.environment:
        raise SharedConflict(
            f"{operation}: it was recorded in {recorded}, and the configuration says {settings.environment}. "
            "Nothing was sent. Set justt:environment and justt:baseUrl (or their variables) back for this stack.",
            operation,
            "it was recorded in another environment",
        )
    account = olds.get("referenceAccountId")
    if account is not None and not (isinstance(account, str) and account and is_visible_ascii(account)):
        raise StateConflict(
            f"{operation}: its recorded reference_account_id {NOT_A_HEADER}. Nothing was sent. Correct it in the state."
        )


def require_known(properties: Properties, known: Collection[str], integration_id: str = "") -> None:
    """Refuse a state of a newer version of this package, because this version would ignore parts of it.

    Args:
        properties: The recorded inputs or outputs of a resource.
        known: The paths of all properties that this version has. The keys of a nested property are compared only if
            *known* has their paths; it has none for credentials, whose keys are the API's.
        integration_id: The resource's id, if the call has one.

    Raises:
        StateConflict: A newer version has recorded a property that this version does not have.
    """
    recorded = {*properties}
    for name, value in properties.items():
        if isinstance(value, Mapping) and any(path.startswith(f"{name}.") for path in known):
            recorded |= {f"{name}.{key}" for key in value}
    if newer := sorted(recorded.difference(known)):
        names = ", ".join(map(repr, newer))
        raise StateConflict(
            f"the state of {describe(properties, integration_id)} was written by a newer version of pulumi-justt: it "
            f"has the {'property' if len(newer) == 1 else 'properties'} {names}, which version "
            f"{version('pulumi-justt')} does not know. Nothing was sent, and the state was not changed. Upgrade "
            "pulumi-justt where this command runs, and run the command again."
        )


def raise_unless_missing_allowed(settings: Settings, log: Log, refused: RequestRefused) -> None:
    """Accept a 404 as proof that an integration is gone, if JUSTT_ON_MISSING=gone allows it.

    Warns:
        warning: A refresh or destroy runs with JUSTT_ON_MISSING=gone.

    Raises:
        SharedConflict: Justt answers 404 for a recorded integration, and JUSTT_ON_MISSING is not set.
    """
    if settings.missing_is_gone:
        log.warning(f"{refused.operation}: {refused.response}; treated as gone because JUSTT_ON_MISSING=gone.")
        return
    raise SharedConflict(
        f"{refused} It stays in the state, because Justt keeps every record and so a 404 does not prove that it is "
        "gone. If it is gone, for example because a sandbox was wiped, repeat this refresh or destroy with "
        "JUSTT_ON_MISSING=gone, or run `pulumi state delete` with its URN.",
        refused.operation,
        refused.response,
        refused.error_id,
    ) from None


def _reason(kind: str, context: Mapping[str, Any], value: object, message: str) -> str:
    """Return the text for an invalid value, without the value itself, which may be a secret."""
    if kind not in _REASONS:
        # A validator in models.py raises this text. It states a rule and contains no input.
        return message
    if kind == "string_too_short" and not value:
        kind = "string_empty"
    if kind == "int_type" and isinstance(value, float):
        kind = "int_from_float"
    # With depth 0, because the keys of the value may be secrets as well.
    shape = "a list" if isinstance(value, list) else describe_type(value, depth=0)
    advice = _HINTS.get(shape, "")
    return _REASONS[kind].format(**context, shape=shape, advice=advice, length=len(str(value)))
