"""Every property of both resources, once. All other modules derive what they need from these tables.

A new optional property of `PaymentIntegration` takes four additions:

    schema.py      its entry in `INTEGRATION`
    resources.py   an argument of the constructor, with its line under `Args:` of the class
                   a line for the attribute, which type checkers and editors read
    api/models.py  a field of `NewIntegration`, which says which values are valid

The rest follows from the entry: whether a change of it replaces the resource, what a create sends, and its name in the
state, in resource options, in errors, in previews and in an answers file. Only a property with a rule of its own, such
as `adoptId`, has more code. tests/unit/test_schema.py adds a property this way.

Programs import this module, so it must stay cheap: no HTTP library, no validation library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["DEACTIVATION", "INTEGRATION", "READY", "READY_TIMEOUT_SECONDS", "Property", "arguments", "snake_case"]


def snake_case(name: str) -> str:
    """Return the Python spelling of one of the API's names: `apiKey` is `api_key`."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda found: f"_{found[0].lower()}", name)


@dataclass(frozen=True)
class Property:
    """One property of a resource. Every property is an output, and one with the origin `program` is also an input.

    Args:
        name: The API's name, which is the key in the state.
        argument: The name by which a program gives it, and by which errors call it.
        kind: The type of its value. A `set` is a list in JSON whose order and duplicates mean nothing.
        sent_in: The part of the create request that carries it. Justt can't change what it was sent, so a change of
            the property replaces the resource. A change of a property that is not sent updates the resource in place.
        is_required: Whether Justt needs it in every create request.
        default: The value that an absent property equals.
        origin: Who sets it: the program, the configuration, or Justt in its responses.
        parts: The properties inside it, if this package defines them.
    """

    name: str
    argument: str
    kind: type[Any]
    sent_in: Literal["body", "header", "credentials"] | None = None
    is_required: bool = False
    default: Any = None
    origin: Literal["program", "configuration", "justt"] = "program"
    parts: tuple[Property, ...] = ()

    @property
    def python_name(self) -> str:
        """Its name as an attribute of the resource, as a field of the model, and in resource options."""
        return snake_case(self.name)

    def is_absent(self, value: object) -> bool:
        """Return whether *value* means the same as none at all; 0 is not False here."""
        return value is None or (type(value) is type(self.default) and value == self.default)


DEACTIVATION = (
    Property("deactivationType", "type", str, default="postingDate"),
    Property("afterDays", "after_days", int, default=0),
    Property("deactivationDate", "date", str),
)

INTEGRATION = (
    Property("externalIdentifier", "external_identifier", str, sent_in="body", is_required=True),
    Property("integrationName", "integration_name", str, sent_in="body", is_required=True),
    Property("source", "source", str, sent_in="body", is_required=True),
    Property("secretType", "credentials", str, sent_in="body", is_required=True),
    Property("secretPayload", "credentials", dict, sent_in="body", is_required=True, default={}),
    Property("secretReferences", "credentials", dict, sent_in="credentials", default={}),
    Property("merchantAccountCodes", "merchant_account_codes", set, sent_in="body", default=[]),
    Property("referenceAccountId", "reference_account_id", str, sent_in="header"),
    Property("deactivation", "deactivation", dict, parts=DEACTIVATION),
    Property("adoptId", "adopt_id", str),
    Property("allowUnlisted", "allow_unlisted", bool, default=False),
    Property("deletionProtection", "deletion_protection", bool, default=False),
    Property("environment", "environment", str, origin="configuration"),
    Property("integrationId", "integration_id", str, origin="justt"),
    Property("status", "status", str, origin="justt"),
    Property("goLiveDate", "go_live_date", str, origin="justt"),
)
"""The properties of `PaymentIntegration`."""

READY_TIMEOUT_SECONDS = 300

READY = (
    Property("integrationId", "integration", str, is_required=True),
    Property("externalIdentifier", "integration.external_identifier", str),
    Property("source", "integration.source", str),
    Property("referenceAccountId", "integration.reference_account_id", str),
    Property("timeoutSeconds", "timeout_seconds", int, default=READY_TIMEOUT_SECONDS),
    Property("environment", "environment", str, origin="configuration"),
    Property("status", "status", str, origin="justt"),
    Property("goLiveDate", "go_live_date", str, origin="justt"),
)
"""The properties of `IntegrationReady`; all but its deadline are the integration's. It sends nothing."""


def arguments(properties: Iterable[Property]) -> dict[str, str]:
    """Return the user's name of each input, and of each part of one, by its path in the state."""
    found: dict[str, str] = {}
    for each in properties:
        if each.origin != "justt":
            found[each.name] = each.argument
            found |= {f"{each.name}.{part.name}": f"{each.argument}.{part.argument}" for part in each.parts}
    return found
