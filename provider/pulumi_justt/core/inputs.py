"""The inputs of both resources, the deactivation policy, and the marker for values that a preview does not know.

The stack's state has the API's names, which are the aliases of the fields. The state has no nulls: an optional
property without a value is absent. A key that is absent from an old state equals its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pulumi_justt.api.models import AccountId, Model, NewIntegration, from_vendor_time, refusing
from pulumi_justt.schema import INTEGRATION, READY_TIMEOUT_SECONDS, arguments
from pulumi_justt.values import id_problem

__all__ = [
    "ARGUMENTS",
    "SETS",
    "UNKNOWN",
    "Deactivation",
    "Environment",
    "Inputs",
    "ReadinessInputs",
    "Unknown",
    "split_unknowns",
]

ARGUMENTS = arguments(INTEGRATION)
"""The Python argument of each input of an integration, by its path in the state."""

SETS = frozenset(each.name for each in INTEGRATION if each.kind is set)
"""The list inputs whose order and duplicates have no meaning."""

Environment = Literal["production", "sandbox", "simulator"]


class Unknown(Enum):
    """The type of `UNKNOWN`, which stands for a value that a preview does not know."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


def _vendor_time(text: str) -> str:
    from_vendor_time(text)
    return text


_Id = Annotated[str, Field(min_length=1), refusing("id", id_problem)]


class Deactivation(Model):
    """When an integration stops after it is deleted or replaced.

    Args:
        deactivation_type: Which date of a chargeback Justt compares with the deactivation date.
        after_days: Days between the deletion and the deactivation date; 0 if neither this nor a date is given.
        deactivation_date: The deactivation date itself.
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
        """Return the deactivation date of a deletion at *now*; it may have passed."""
        if self.deactivation_date is not None:
            return from_vendor_time(self.deactivation_date)
        return now + timedelta(days=self.after_days or 0)


class Inputs(NewIntegration):
    """All inputs of an integration, with defaults filled in."""

    secret_references: dict[str, Any] = Field(default_factory=dict)
    environment: Environment
    deactivation: Deactivation | None = None
    allow_unlisted: bool = False
    adopt_id: _Id | None = None
    deletion_protection: bool = False


class ReadinessInputs(Model):
    """All inputs of an `IntegrationReady`, most of them copied from its integration, with defaults filled in."""

    integration_id: _Id
    external_identifier: str | None = None
    source: str | None = None
    reference_account_id: AccountId | None = None
    environment: Environment
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = READY_TIMEOUT_SECONDS


def split_unknowns(value: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Any], set[str]]:
    """Split *value* into its known part and the dotted paths of its unknown values.

    A list with an unknown item is unknown as a whole, because its order and length may still change.
    """
    known: dict[str, Any] = {}
    unknown: set[str] = set()
    for key, item in value.items():
        path = f"{prefix}{key}"
        if item is UNKNOWN or (isinstance(item, list) and any(part is UNKNOWN for part in item)):
            unknown.add(path)
        elif isinstance(item, Mapping):
            known[key], deeper = split_unknowns(item, f"{path}.")
            unknown |= deeper
        else:
            known[key] = item
    return known, unknown
