"""What the core works on: inputs, the deactivation policy, and what the API records. No Pulumi, no HTTP.

Python reads snake_case; the API's camelCase exists only as aliases, and it is what the stack's state holds. An absent
value is absent, never null, because the API refuses null; a key that is absent from old state equals its default.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Secret, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from pulumi_justt.schema import READY_TIMEOUT_SECONDS
from pulumi_justt.secrecy import SecretHolder, reveal
from pulumi_justt.values import LONGEST_ID, account_problem, color_problem, id_problem, label_problem, without_markup

__all__ = [
    "UNKNOWN",
    "Deactivation",
    "Environment",
    "Inputs",
    "ReadinessInputs",
    "RemoteRecord",
    "Unknown",
    "to_vendor_time",
]

Environment = Literal["production", "sandbox", "simulator"]

SOURCES: Final = ("stripe", "braintree", "paypal", "adyen", "justt_sandbox")
"""The vendor's list of payment service providers."""

STATUSES: Final = ("PENDING", "SUCCESSFUL", "FAILED", "INACTIVE")
"""The vendor's list of statuses."""

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{2,18}( ?Z|[+-][0-9:]{2,6})?)?")

_VENDOR_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Unknown(Enum):
    """The type of `UNKNOWN`, a value that a preview does not have yet."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


def to_vendor_time(moment: datetime) -> str:
    """Write *moment* as the vendor's guide on data conventions wants it: ISO 8601, UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_vendor_time(text: str) -> datetime:
    """Read a moment in the vendor's form.

    Raises:
        ValueError: *text* is no such moment.
    """
    with contextlib.suppress(ValueError):
        if _VENDOR_TIME.fullmatch(text):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    raise PydanticCustomError("vendor_time", "must be a moment in UTC such as 2027-01-31T00:00:00Z")


def _vendor_time(text: str) -> str:
    from_vendor_time(text)
    return text


def _header_text(text: str) -> str:
    if (problem := account_problem(text)) is not None:
        raise PydanticCustomError("header_text", "{problem}", {"problem": problem})
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("one_line", "must be one line of printable text")
    return text


def _uncolored(text: str) -> str:
    if (problem := color_problem(text)) is not None:
        raise PydanticCustomError("color", "{problem}", {"problem": problem})
    return text


def _label(text: str) -> str:
    if (problem := label_problem(text)) is not None:
        raise PydanticCustomError("label", "{problem}", {"problem": problem})
    return text


def _id(text: str) -> str:
    if (problem := id_problem(text)) is not None:
        raise PydanticCustomError("id", "{problem}", {"problem": problem})
    return text


def _or_none(text: str | None) -> str | None:
    """Return *text* if it is a moment of whatever form; what is none is no reason to refuse the rest of a record."""
    return text if text is not None and _MOMENT.fullmatch(text) else None


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, frozen=True, hide_input_in_errors=True, populate_by_name=True, strict=True
    )


class Deactivation(_Model):
    """When an integration stops, once it is deleted or replaced.

    Args:
        deactivation_type: Which date of a chargeback the moment is compared with.
        after_days: Days between the deletion and the moment; 0 where neither is given.
        deactivation_date: The moment itself.
    """

    deactivation_type: Literal["postingDate", "dueDate"] = "postingDate"
    after_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    deactivation_date: Annotated[str, AfterValidator(_vendor_time)] | None = None

    @model_validator(mode="after")
    def _one_moment(self) -> Deactivation:
        if self.after_days is not None and self.deactivation_date is not None:
            raise PydanticCustomError("one_moment", "takes date or after_days, not both")
        return self

    def moment(self, now: datetime) -> datetime:
        """Return the moment that a deletion at *now* asks for; it may have passed."""
        if self.deactivation_date is not None:
            return from_vendor_time(self.deactivation_date)
        return now + timedelta(days=self.after_days or 0)


class Inputs(SecretHolder, _Model):
    """Everything a program says about an integration, defaults filled in."""

    external_identifier: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_label)]
    integration_name: Annotated[str, Field(min_length=1), AfterValidator(_label)]
    source: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_one_line), AfterValidator(_uncolored)]
    secret_type: Annotated[str, Field(min_length=1), AfterValidator(_label)]
    secret_payload: dict[str, Secret[Any]] = Field(default_factory=dict)
    secret_references: dict[str, Any] = Field(default_factory=dict)
    merchant_account_codes: list[Annotated[str, Field(min_length=1), AfterValidator(_label)]] | None = None
    reference_account_id: Annotated[str, Field(min_length=1), AfterValidator(_header_text)] | None = None
    environment: Environment
    deactivation: Deactivation | None = None
    allow_unlisted: bool = False
    adopt_id: Annotated[str, Field(min_length=1), AfterValidator(_id)] | None = None
    deletion_protection: bool = False

    def reveal_payload(self) -> dict[str, Any]:
        """Return the credentials in clear, for the request that sends them and the errors that must not quote them."""
        return {name: reveal(value) for name, value in self.secret_payload.items()}


class ReadinessInputs(_Model):
    """What a program says about a wait for an integration, as the integration has it, defaults filled in."""

    integration_id: Annotated[str, Field(min_length=1), AfterValidator(_id)]
    external_identifier: str | None = None
    source: str | None = None
    reference_account_id: Annotated[str, Field(min_length=1), AfterValidator(_header_text)] | None = None
    environment: Environment
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = READY_TIMEOUT_SECONDS


class RemoteRecord(_Model):
    """What the API tells of an integration: the only things that can be read back.

    Its *message* are the words that came with it, redacted; they are told and never kept. A list has none, so that
    they are None then, and empty where the record itself came without any.
    """

    model_config = ConfigDict(strict=True, extra="ignore")

    # Pulumi shows them, and an id can't be changed.
    integration_id: Annotated[
        str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_one_line), AfterValidator(_uncolored)
    ]
    source: Annotated[str, Field(max_length=255), AfterValidator(_one_line), AfterValidator(without_markup)]
    status: Annotated[str, Field(pattern=r"^[A-Za-z_-]{1,40}$")]
    go_live_date: Annotated[str | None, AfterValidator(_or_none)] = None
    message: Annotated[str | None, Field(exclude=True)] = None

    def free_texts(self) -> Iterator[str]:
        """Yield what it says that is not a word of the vendor's lists, and so could be anything."""
        yield self.integration_id
        yield from {self.source}.difference(SOURCES)
        yield from {self.status}.difference(STATUSES)
        yield from filter(None, [self.go_live_date])

    @property
    def listed_source(self) -> str | None:
        """Its source, if that is one of the vendor's list and not just any text."""
        return self.source if self.source in SOURCES else None

    @property
    def is_inactive(self) -> bool:
        """Whether it was deactivated; a record in this status never comes back."""
        return self.status == "INACTIVE"


def known_part(value: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Any], set[str]]:
    """Split *value* into what is known and the dotted paths of what is not.

    A list with an unknown item is unknown as a whole, since neither its order nor its length can be relied on.
    """
    known: dict[str, Any] = {}
    unknown: set[str] = set()
    for key, item in value.items():
        path = f"{prefix}{key}"
        if item is UNKNOWN or (isinstance(item, list) and any(part is UNKNOWN for part in item)):
            unknown.add(path)
        elif isinstance(item, Mapping):
            known[key], deeper = known_part(item, f"{path}.")
            unknown |= deeper
        else:
            known[key] = item
    return known, unknown
