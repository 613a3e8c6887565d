"""Define the options of a simulator, for Python code, the command line and the control endpoint.

`Options` is immutable. To change a running simulator, replace its options, so that no request sees half a change.
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
# Excluded because the database is opened once, keys are credentials, and faults have their own control operations.
_NOT_SHOWN = frozenset({"database", "api_keys", "faults"})


@dataclass(frozen=True)
class Options:
    """The options of a simulator. The defaults follow Justt's documentation.

    Attributes:
        database: The path of the SQLite file for the records, or `":memory:"`.
        api_keys: The accepted bearer keys. None accepts every non-empty key.
        extra_sources: Values of `source` to accept in addition to the documented ones.
        extra_secret_types: Values of `secretType` to accept in addition to the documented ones, with any payload.
        successful_after: The seconds until a new integration is SUCCESSFUL. None leaves it PENDING.
        requests_per_minute: The maximum number of requests with one key in any 60 seconds.
        latency: The seconds to wait before a request is validated.
        list_envelope: Whether `GET /integrations` returns a bare array, or an object with `hasMore` around it.
        read_envelope: Whether `GET /integrations/{id}` returns the bare record, or an object with the record as `data`.
        read_message: The `message` next to the `data` of a read. None means the status phrase.
        create_envelope: The name of the new id in the response to `POST /integrations`.
        error_envelope: The name of the field with the status. Justt's documentation shows all three.
        list_order: The order of lists, which Justt does not document.
        faults: The faults in force. A change of them, or of the seed, restarts all counts.
        seed: The seed of the random generators for faults with a probability.
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
        """Validate the values, which may come from JSON or a command line."""
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
        """Return options in which every envelope that supports *form* uses it."""
        return self._replaced({name: form for name, choices in _CHOICES.items() if form in choices})

    def to_json(self) -> dict[str, Json]:
        """Return the options that the control endpoint may show, by attribute name."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _NOT_SHOWN}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in shown.items()}

    def changed(self, changes: Mapping[str, Json]) -> Self:
        """Return options with some values of `to_json` changed. A ValueError says what is wrong with a change."""
        known = self.to_json().keys()
        if not changes.keys() <= known:
            raise ValueError(f"the options are {', '.join(sorted(known))}")
        return self._replaced(
            {name: _set_of_text(value) if isinstance(value, list) else value for name, value in changes.items()}
        )

    def _replaced(self, changes: dict[str, Any]) -> Self:
        # The values come from JSON. `__post_init__` validates them.
        return replace(self, **changes)


def _check_faults(faults: object, seed: object) -> None:
    if not isinstance(faults, tuple) or not all(isinstance(fault, Fault) for fault in faults):
        raise ValueError("faults must be a tuple of Fault")
    if not is_count(seed, 0):
        raise ValueError("seed must be a whole number, 0 or more")


def _set_of_text(values: list[Json]) -> frozenset[str] | None:
    """Return a list of strings as a set. For any other list, return None, which no option with a set accepts."""
    texts = [value for value in values if isinstance(value, str)]
    return frozenset(texts) if len(texts) == len(values) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_set_of_text(value: object) -> bool:
    return isinstance(value, frozenset) and all(map(_is_text, value))


def _is_duration(value: object) -> bool:
    return is_number(value) and isinstance(value, (int, float)) and value >= 0
