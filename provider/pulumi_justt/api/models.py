"""Models of the API's requests and responses: snake_case in Python, the API's camelCase in the aliases."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Secret
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from typing_extensions import LiteralString

from pulumi_justt.schema import INTEGRATION
from pulumi_justt.unpicklable import Unpicklable, reveal
from pulumi_justt.values import LONGEST_ID, account_problem, color_problem, label_problem, without_markup

__all__ = [
    "AccountId",
    "Model",
    "NewIntegration",
    "RemoteRecord",
    "from_vendor_time",
    "refusing",
    "to_vendor_time",
]

SOURCES: Final = ("stripe", "braintree", "paypal", "adyen", "justt_sandbox")
"""Justt's documented payment service providers."""

STATUSES: Final = ("PENDING", "SUCCESSFUL", "FAILED", "INACTIVE")
"""Justt's documented statuses."""

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{2,18}( ?Z|[+-][0-9:]{2,6})?)?")
_VENDOR_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def to_vendor_time(moment: datetime) -> str:
    """Format *moment* as Justt's guide on data conventions requires: ISO 8601, UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_vendor_time(text: str) -> datetime:
    """Parse a date and time in Justt's format.

    Raises:
        ValueError: *text* is not a valid date and time in this format.
    """
    with contextlib.suppress(ValueError):
        if _VENDOR_TIME.fullmatch(text):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    raise PydanticCustomError("vendor_time", "must be a UTC time such as 2027-01-31T00:00:00Z")


def refusing(kind: LiteralString, problem: Callable[[str], str | None]) -> AfterValidator:
    """Return a validator that refuses a text for which *problem* returns a reason."""

    def validate(text: str) -> str:
        if (reason := problem(text)) is not None:
            raise PydanticCustomError(kind, "{problem}", {"problem": reason})
        return text

    return AfterValidator(validate)


def _one_line_problem(text: str) -> str | None:
    if text.isprintable():
        return None
    return "must be one line of printable text"


_LABEL = refusing("label", label_problem)
_UNCOLORED = refusing("color", color_problem)
_ONE_LINE = refusing("one_line", _one_line_problem)

AccountId = Annotated[str, Field(min_length=1), refusing("header_text", account_problem)]
"""The id of an account, which is sent as a header."""


def _or_none(text: str | None) -> str | None:
    """Return *text* if it is a date in any format, else None, so that an odd date does not make a record invalid."""
    return text if text is not None and _MOMENT.fullmatch(text) else None


class Model(BaseModel):
    """Base of all models: strict, immutable, with the API's names as aliases, and without input values in errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, frozen=True, hide_input_in_errors=True, populate_by_name=True, strict=True
    )


class NewIntegration(Unpicklable, Model):
    """The body of a create request. Optional values that are not set are not sent, because the API refuses null."""

    external_identifier: Annotated[str, Field(min_length=1, max_length=255), _LABEL]
    integration_name: Annotated[str, Field(min_length=1), _LABEL]
    source: Annotated[str, Field(min_length=1, max_length=255), _ONE_LINE, _UNCOLORED]
    secret_type: Annotated[str, Field(min_length=1), _LABEL]
    secret_payload: dict[str, Secret[Any]] = Field(default_factory=dict)
    merchant_account_codes: list[Annotated[str, Field(min_length=1), _LABEL]] | None = None
    reference_account_id: AccountId | None = None

    def reveal_payload(self) -> dict[str, Any]:
        """Return the credentials in plain text, for the request that sends them and for the redactor."""
        return {name: reveal(value) for name, value in self.secret_payload.items()}

    def body(self) -> dict[str, Any]:
        """Return the body of the request, with the credentials in plain text."""
        values = {**self.model_dump(by_alias=True), "secretPayload": self.reveal_payload()}
        return {
            each.name: values[each.name]
            for each in INTEGRATION
            if each.sent_in == "body" and (each.is_required or not each.is_absent(values[each.name]))
        }


class RemoteRecord(Model):
    """The properties of an integration that the API returns.

    *message* is Justt's message in the response, unredacted; it is never stored. It is None for a record from a list,
    which has no messages, and empty if the response for a single record had none.
    """

    model_config = ConfigDict(strict=True, extra="ignore")

    # Pulumi shows id and source. The id cannot be altered, so it must not contain color markup.
    integration_id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID), _ONE_LINE, _UNCOLORED]
    source: Annotated[str, Field(max_length=255), _ONE_LINE, AfterValidator(without_markup)]
    status: Annotated[str, Field(pattern=r"^[A-Za-z_-]{1,40}$")]
    go_live_date: Annotated[str | None, AfterValidator(_or_none)] = None
    message: Annotated[str | None, Field(exclude=True, repr=False)] = None

    def free_texts(self) -> Iterator[str]:
        """Yield each text that may be anything, because it is not one of the values that Justt documents."""
        yield self.integration_id
        yield from {self.source}.difference(SOURCES)
        yield from {self.status}.difference(STATUSES)
        yield from filter(None, [self.go_live_date])

    @property
    def listed_source(self) -> str | None:
        """The source, if it is one of Justt's documented ones; None otherwise."""
        return self.source if self.source in SOURCES else None

    @property
    def is_inactive(self) -> bool:
        """Whether the integration was deactivated, which is final."""
        return self.status == "INACTIVE"
