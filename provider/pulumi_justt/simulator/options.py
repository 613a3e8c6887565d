"""The options of a simulator, as Python code, the command line and the control endpoint give them.

`Options` is immutable: a running simulator is changed by giving it another one, so that no request sees half a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from .faults import Fault, is_count, is_number
from .rules import CreateEnvelope, ErrorEnvelope, ListEnvelope, ReadEnvelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from .rules import Json

ListOrder = Literal["oldest-first", "newest-first"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "list_envelope": get_args(ListEnvelope),
    "read_envelope": get_args(ReadEnvelope),
    "create_envelope": get_args(CreateEnvelope),
    "error_envelope": get_args(ErrorEnvelope),
    "list_order": get_args(ListOrder),
}
# The database is opened once, keys are credentials, and faults have their own operations of the control endpoint.
_NOT_SHOWN = frozenset({"database", "api_keys", "faults"})


@dataclass(frozen=True)
class Options:
    """All options; the defaults are what the vendor's documents describe.

    Attributes:
        database: path of the SQLite file that keeps the records, or `":memory:"`.
        api_keys: the bearer keys that are accepted; None accepts every non-empty one.
        extra_sources: values of `source` that are accepted beside the documented ones.
        extra_secret_types: values of `secretType` that are accepted beside the documented ones, with any payload.
        successful_after: seconds after which a new integration is SUCCESSFUL; None leaves it PENDING.
        requests_per_minute: the requests that one key can make in any 60 seconds.
        latency: seconds that pass before anything about a request is checked.
        list_envelope: `GET /integrations` as a bare array, or with `hasMore` around it.
        read_envelope: `GET /integrations/{id}` as the bare record, or as `data` of an envelope.
        read_message: the `message` beside the `data` of a read; None means the phrase of the status.
        create_envelope: the name of the new id in the response to `POST /integrations`.
        error_envelope: the name of the field with the status; the documents show all three.
        list_order: the order of lists, which the vendor does not document.
        faults: the faults in force; a change of them, or of the seed, restarts all counts.
        seed: decides the faults that have a probability.
    """

    database: str = ":memory:"
    api_keys: frozenset[str] | None = field(default=None, repr=False)
    extra_sources: frozenset[str] = frozenset()
    extra_secret_types: frozenset[str] = frozenset()
    successful_after: float | None = None
    requests_per_minute: int = 1000
    latency: float = 0.0
    list_envelope: ListEnvelope = "bare"
    read_envelope: ReadEnvelope = "bare"
    read_message: str | None = None
    create_envelope: CreateEnvelope = "integrationId"
    error_envelope: ErrorEnvelope = "status"
    list_order: ListOrder = "oldest-first"
    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values, which can come from JSON or a command line."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}")
        if self.api_keys is not None and not _is_set_of_text(self.api_keys):
            raise ValueError("api_keys must be non-empty strings")
        for name in ("extra_sources", "extra_secret_types"):
            if not _is_set_of_text(getattr(self, name)):
                raise ValueError(f"{name} must be non-empty strings")
        if self.successful_after is not None and not _is_duration(self.successful_after):
            raise ValueError("successful_after must be a number of seconds, not negative, or null")
        if self.read_message is not None and not _is_text(self.read_message):
            raise ValueError("read_message must be a non-empty string, or null")
        if not _is_duration(self.latency):
            raise ValueError("latency must be a number of seconds, not negative")
        if not is_count(self.requests_per_minute, 1):
            raise ValueError("requests_per_minute must be a whole number, 1 or more")
        _check_faults(self.faults, self.seed)

    def with_envelope(self, form: str) -> Self:
        """Return options that choose this form for each envelope that has it."""
        return self._replaced({name: form for name, choices in _CHOICES.items() if form in choices})

    def to_json(self) -> dict[str, Json]:
        """Return the options that may be shown, under their own names."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _NOT_SHOWN}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in shown.items()}

    def changed(self, changes: Mapping[str, Json]) -> Self:
        """Change some of the options that `to_json` shows; a ValueError says what is wrong with a change."""
        known = self.to_json().keys()
        if not changes.keys() <= known:
            raise ValueError(f"the options are {', '.join(sorted(known))}")
        return self._replaced(
            {name: _set_of_text(value) if isinstance(value, list) else value for name, value in changes.items()}
        )

    def _replaced(self, changes: dict[str, Any]) -> Self:
        # The values come from JSON, and are checked in `__post_init__`.
        return replace(self, **changes)


def _check_faults(faults: object, seed: object) -> None:
    if not isinstance(faults, tuple) or not all(isinstance(fault, Fault) for fault in faults):
        raise ValueError("faults must be a tuple of Fault")
    if not is_count(seed, 0):
        raise ValueError("seed must be a whole number, 0 or more")


def _set_of_text(values: list[Json]) -> frozenset[str] | None:
    """Return None, which no option with a set accepts, for a list that holds anything but strings."""
    texts = [value for value in values if isinstance(value, str)]
    return frozenset(texts) if len(texts) == len(values) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_set_of_text(value: object) -> bool:
    return isinstance(value, frozenset) and all(map(_is_text, value))


def _is_duration(value: object) -> bool:
    return is_number(value) and isinstance(value, (int, float)) and value >= 0
