"""Define every property of both resources once. All other modules derive what they need from these tables.

A new optional property of `PaymentIntegration` that is sent to Justt takes four additions, and a fifth for programs in
other languages:

    1. schema.py                its entry in `INTEGRATION`
    2. resources.py             an argument of the constructor, with its line under `Args:` of the class
    3. resources.py             a line for the attribute, which type checkers and editors read
    4. api/models.py            a field of `NewIntegration`. Its constraints define the valid values. Use those that
                                have a text in `core.state._REASONS` (`min_length`, `max_length`, `ge`, `le`,
                                `Literal`), or `refusing`, which has a text of its own
    5. plugin/descriptions.py   its description

A property that is not sent has its field in `Inputs` in `core/inputs.py` instead, and its name in the docstring of
`PaymentIntegration`, which lists what replaces no integration.

Everything else follows from the entry: whether a change replaces the resource, what a create sends, and the property's
name in the state, in resource options, in errors, in previews and in an answers file. The order of the entries is the
order of the body, and of the prompts of `pulumi-justt import`. Only a property with a rule of its own, such as
`adoptId`, needs more code. tests/unit/test_schema.py adds a property this way.

Programs import this module, so it imports no HTTP library and no validation library.
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
        argument: The name of the program's argument, which errors use too.
        kind: The type of its value. A `set` is a JSON list in which order and duplicates have no meaning.
        sent_in: The part of the create request that contains it. Justt can't change a value that was sent, so a change
            of the property replaces the resource. A change of a property that is not sent updates the resource in
            place.
        is_required: Whether Justt needs it in every create request.
        default: The value that has the same meaning as an absent property.
        origin: Where the value comes from: the program, the configuration, Justt's responses, or the resource's id.
            The state does not repeat the id, so a property with that origin is only in states of earlier versions.
        parts: The properties inside it, if this package defines them.
    """

    name: str
    argument: str
    kind: type[Any]
    sent_in: Literal["body", "header", "credentials"] | None = None
    is_required: bool = False
    default: Any = None
    origin: Literal["program", "configuration", "justt", "id"] = "program"
    parts: tuple[Property, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether `check` returns the property as an input."""
        return self.origin in ("program", "configuration")

    @property
    def python_name(self) -> str:
        """The name as an attribute of the resource, as a field of the model, and in resource options."""
        return snake_case(self.name)

    def is_absent(self, value: object) -> bool:
        """Return whether *value* is None or equals the default. Types must match, so 0 does not equal False."""
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
    Property("integrationId", "integration_id", str, origin="id"),
    Property("status", "status", str, origin="justt"),
    Property("goLiveDate", "go_live_date", str, origin="justt"),
)
"""The properties of `PaymentIntegration`."""

READY_TIMEOUT_SECONDS = 300
"""The default timeout of `IntegrationReady`, in seconds."""

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
"""The properties of `IntegrationReady`. All except its timeout are the integration's, and none is sent to Justt."""


def arguments(properties: Iterable[Property]) -> dict[str, str]:
    """Return the name that programs use for each input and each part of an input, keyed by its path in the state."""
    found: dict[str, str] = {}
    for each in properties:
        if each.is_input:
            found[each.name] = each.argument
            found |= {f"{each.name}.{part.name}": f"{each.argument}.{part.argument}" for part in each.parts}
    return found
