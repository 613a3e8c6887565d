"""What the state remembers of an integration, and the rules that every resource keeps about it. It sends nothing.

Properties are mappings with the API's keys, as the state holds them. Nothing leaves the state without proof, and no
call reaches another environment than the one that is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ValidationError

from pulumi_justt.api.models import RemoteRecord
from pulumi_justt.core.config import Settings
from pulumi_justt.errors import RequestRefused, StateConflict, describe_type
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import NOT_A_HEADER, is_visible_ascii

__all__ = [
    "CheckResult",
    "Properties",
    "describe",
    "drop_none",
    "invalid",
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
    "string_too_long": "must have at most {max_length} characters, has {length}",
    "string_type": "must be text, got {shape}",
    "string_unicode": "is not text in UTF-8",
    "int_type": "must be a whole number, got {shape}",
    "int_from_float": "must be a whole number",
    "list_type": "must be a list of texts, got {shape}",
    "bool_type": "must be true or false, got {shape}",
    "dict_type": "must be an object, got {shape}",
    "model_type": "must be an object, got {shape}",
    "model_attributes_type": "must be an object, got {shape}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than_equal": "must be less than or equal to {le}",
}
"""What is wrong in the user's words, by pydantic's name for it."""


@dataclass(frozen=True, repr=False)
class CheckResult(Unpicklable):
    """The properties to work with, and one text for each that cannot be used."""

    inputs: dict[str, Any]
    failures: list[str]


def describe(properties: Properties, integration_id: str = "") -> str:
    """Name an integration as the user knows it."""
    integration_id = integration_id or str(properties.get("integrationId", ""))
    if "externalIdentifier" not in properties:
        return f"integration {integration_id}"
    # Recorded inputs have no id.
    its_id = f" ({integration_id})" if integration_id else ""
    return f"the {properties.get('source')} integration {properties['externalIdentifier']!r}{its_id}"


def outputs_from(record: RemoteRecord) -> dict[str, Any]:
    """Return what is remembered of *record*, beside what was known before it was read."""
    remembered = {"status": record.status}
    if record.go_live_date is not None:
        remembered["goLiveDate"] = record.go_live_date
    return remembered


def drop_none(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value* without properties, and their fields, that are null, which equals what is absent.

    What is null further down stays: it stands in a value that is sent as it is.
    """

    def given(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {name: item for name, item in mapping.items() if item is not None}

    return {name: given(item) if isinstance(item, Mapping) else item for name, item in given(value).items()}


def invalid(model: type[BaseModel], known: Properties, absent: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each property that *model* refuses, with the reason.

    Args:
        model: What the properties are to be.
        known: The properties.
        absent: The paths of those that may be missing.
    """
    try:
        model.model_validate(known)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=True, include_input=True):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])[1:]
            if not (fault["type"] == "missing" and path in absent):
                yield path, _reason(fault["type"], fault.get("ctx", {}), fault["input"], fault["msg"])


def other_environment(settings: Settings, olds: Properties) -> Iterator[tuple[str, str]]:
    """Yield a failure of check if what is recorded lives in another environment than the configured one."""
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


def require_same_environment(settings: Settings, operation: str, olds: Properties) -> None:
    """Keep a stray setting from reaching another environment, and a recorded account from being another header.

    Raises:
        StateConflict: The integration lives in another environment than the configuration points at.
        StateConflict: The state was changed by hand.
    """
    recorded = olds.get("environment", settings.environment)
    if recorded != settings.environment:
        raise StateConflict(
            f"{operation}: it was recorded in {recorded}, and the configuration says {settings.environment}. "
            "Nothing was sent. Set justt:environment and justt:baseUrl (or their variables) back for this stack."
        )
    account = olds.get("referenceAccountId")
    if account is not None and not (isinstance(account, str) and account and is_visible_ascii(account)):
        raise StateConflict(
            f"{operation}: its recorded reference_account_id {NOT_A_HEADER}. Nothing was sent. Correct it in the state."
        )


def require_known(properties: Properties, known: Collection[str], integration_id: str = "") -> None:
    """Refuse a state that a newer version of this package has written: what it says cannot be obeyed, nor dropped.

    Args:
        properties: The recorded inputs or outputs of a resource.
        known: The paths of all properties that this version has. Only below a property that has paths of its own here
            are keys compared: those of credentials are the API's.
        integration_id: The resource's id, where the call has one.

    Raises:
        StateConflict: A newer version has recorded a property that this one does not know.
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
            f"{version('pulumi-justt')} does not know. Nothing was sent, and the state is as it was. Upgrade "
            "pulumi-justt where this command runs (`pip install --upgrade pulumi-justt`), and run the command again."
        )


def raise_unless_missing_allowed(settings: Settings, tell: Callable[[str], None], refused: RequestRefused) -> None:
    """Accept a 404 as proof that an integration is gone, if JUSTT_ON_MISSING=gone allows it.

    Warns:
        warning: A refresh or destroy runs with JUSTT_ON_MISSING=gone.

    Raises:
        StateConflict: Justt does not know a recorded integration, and JUSTT_ON_MISSING is not set.
    """
    if settings.missing_is_gone:
        tell(f"warning: {refused.operation}: {refused.response}; taken as gone because JUSTT_ON_MISSING=gone.")
        return
    raise StateConflict(
        f"{refused} It stays in the state, because Justt keeps every record and so a 404 does not prove that it is "
        "gone. If it is (a sandbox that was wiped), repeat this refresh or destroy with JUSTT_ON_MISSING=gone, or "
        "run `pulumi state delete` with its URN."
    ) from None


def _reason(kind: str, context: Mapping[str, Any], value: object, message: str) -> str:
    """Say in the user's words what is wrong; never with a value, which may be a secret."""
    if kind not in _REASONS:
        # Our own texts, which models.py raises: they state a rule and hold no input.
        return message
    if kind == "string_too_short" and not value:
        kind = "string_empty"
    # Keys may be secrets as well.
    return _REASONS[kind].format(**context, shape=describe_type(value, depth=0), length=len(str(value)))
