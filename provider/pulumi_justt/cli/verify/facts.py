"""The facts about Justt's API that `pulumi-justt verify` tries. This package was written from Justt's documents only.

documented    Justt's documents say so; where they show several forms, each of them
inferred      they don't say so, and this package relies on it or was written as if it were so
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pulumi_justt.api.models import STATUSES

__all__ = [
    "RECORD_FIELDS",
    "Fact",
    "all_facts",
    "is_creation",
    "is_documented_error",
    "is_listing",
    "is_record",
    "record_in",
]

_ERROR_FORMS = ({"status", "message", "errorId"}, {"error", "message", "errorId"}, {"message", "statusCode"})
RECORD_FIELDS = frozenset({"integrationId", "source", "status", "goLiveDate"})


@dataclass
class Fact:
    """A fact, and whether it holds.

    Args:
        name: The fact's name in the JSON document.
        basis: Where the fact comes from.
        text: The fact, as a sentence.
        effect: What it means for the user if the fact does not hold, as a sentence.
        verdict: Whether it holds.
        seen: What Justt answered.
    """

    name: str
    basis: Literal["documented", "inferred"]
    text: str
    effect: str
    verdict: Literal["holds", "differs", "not tried"] = "not tried"
    seen: str = ""

    def judge(self, holds: bool, seen: str) -> None:
        """Record whether the fact holds, and what Justt answered."""
        self.verdict, self.seen = "holds" if holds else "differs", seen


_FACTS = (
    Fact(
        "listForm",
        "documented",
        "A list is an array of records, or has them in `data` beside `hasMore`.",
        "The first create of each command fails, and so does a refresh of three or more integrations.",
    ),
    Fact(
        "createForm",
        "documented",
        "A create answers 201 with the id as `integrationId` or `id`.",
        "The provider accepts any 2xx with the id in one of these fields, also inside `data`. Otherwise, it "
        "reports each create as one whose outcome is unknown.",
    ),
    Fact(
        "readForm",
        "documented",
        "A read answers 200 with the record, or with the record in `data`.",
        "A refresh fails.",
    ),
    Fact(
        "readAfterCreate",
        "inferred",
        "A new integration can be read at once.",
        "`IntegrationReady` or a refresh right after an update can fail with a 404.",
    ),
    Fact(
        "recordFields",
        "documented",
        "A record has the id, the source that was sent, and a documented status.",
        "The provider refuses a record without id, source or status. It shows and stores an undocumented status.",
    ),
    Fact(
        "inputsNotReturned",
        "documented",
        "A record has no other fields, so Justt does not return the inputs.",
        "The provider ignores the other fields. A later version could use them to find changes that were made"
        " at Justt.",
    ),
    Fact(
        "pendingFirst",
        "inferred",
        "The status of a new integration is PENDING.",
        "The state has PENDING until the next refresh.",
    ),
    Fact(
        "listedAfterCreate",
        "inferred",
        "The list has a new integration at once.",
        "After a lost response, the provider lists the account when justt:timeoutSeconds have passed. If the "
        "list needs longer than that, the provider could create a duplicate: set justt:timeoutSeconds higher.",
    ),
    Fact(
        "unknownId",
        "documented",
        "A read of an unknown id answers 404.",
        "The provider reports an error for an integration that Justt does not have, and keeps the state.",
    ),
    Fact(
        "invalidId",
        "documented",
        "A read of an id of another format answers 400 or 404.",
        "The provider reports an error for a mistyped id, and keeps the state.",
    ),
    Fact(
        "errorForm",
        "documented",
        "An error has a `message`, and `status` and `errorId`, `error` and `errorId`, or `statusCode`.",
        "Errors may lack Justt's message or its errorId.",
    ),
    Fact(
        "secondUse",
        "inferred",
        "Two active integrations may have the same external identifier.",
        "A rotation is refused. Set delete_before_replace=True, or give the new integration another "
        "external_identifier.",
    ),
    Fact(
        "useAfterDeactivation",
        "inferred",
        "An external identifier can be used again after its integration was deactivated.",
        "Each rotation needs a new external_identifier.",
    ),
    Fact(
        "deactivateForm",
        "documented",
        "A deactivation answers 200.",
        "The provider accepts any 2xx whose body is empty or JSON. Otherwise, `pulumi destroy` fails.",
    ),
    Fact(
        "inactiveAtOnce",
        "inferred",
        "An integration that is deactivated with the current date is INACTIVE at once.",
        "Until Justt shows the new status, `pulumi-justt doctor` and `list` show the integration as active.",
    ),
    Fact(
        "keptAfterDeactivation",
        "documented",
        "A deactivated integration can still be read.",
        "A refresh or a destroy of an integration that was deactivated elsewhere fails with a 404: repeat it "
        "with JUSTT_ON_MISSING=gone.",
    ),
    Fact(
        "listedAfterDeactivation",
        "inferred",
        "The list keeps deactivated integrations.",
        "After a lost response, the provider may not be able to prove that nothing was created. It then asks "
        "you to decide.",
    ),
    Fact(
        "secondDeactivation",
        "inferred",
        "A second deactivation is accepted, or refused with a status other than 401, 403 and 404.",
        "`pulumi destroy` fails if it repeats a deactivation, for example after a run that was killed.",
    ),
)


def all_facts() -> dict[str, Fact]:
    """Return all facts by name, not tried yet."""
    return {fact.name: replace(fact) for fact in _FACTS}


def is_listing(body: object) -> bool:
    """Return whether a response is a list in one of the documented forms."""
    if isinstance(body, Mapping):
        return isinstance(body.get("data"), list) and isinstance(body.get("hasMore"), bool)
    return isinstance(body, list)


def is_creation(body: object) -> bool:
    """Return whether a response to a create has the id in one of the documented forms."""
    return isinstance(body, Mapping) and any(isinstance(body.get(name), str) for name in ("integrationId", "id"))


def record_in(body: object) -> Mapping[str, object]:
    """Return the record in the response to a read, in one of the documented forms; empty if there is none."""
    if not isinstance(body, Mapping):
        return {}
    data = body.get("data")
    return data if "integrationId" not in body and isinstance(data, Mapping) else body


def is_record(record: Mapping[str, object], integration_id: str, source: str) -> bool:
    """Return whether the documented fields of a record have the expected values."""
    is_same = (record.get("integrationId"), record.get("source")) == (integration_id, source)
    return is_same and record.get("status") in STATUSES


def is_documented_error(body: object) -> bool:
    """Return whether an error has one of the documented forms."""
    return isinstance(body, Mapping) and any(form <= body.keys() for form in _ERROR_FORMS)
