"""What can be chosen about a simulator, and nothing about how it is obeyed.

It must not know aiohttp, SQLite or a request. `Options` is immutable: a running simulator is changed by giving it
another one, so that no request ever sees half a change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal, TypedDict, cast, get_args

from .envelopes import CreateEnvelope, ErrorEnvelope, ListEnvelope, ReadEnvelope
from .faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .json_value import Json

__all__ = [
    "CreateEnvelope",
    "ErrorEnvelope",
    "ListEnvelope",
    "ListOrder",
    "Options",
    "ReadEnvelope",
    "changed",
    "to_json",
    "with_envelope",
]

ListOrder = Literal["oldest-first", "newest-first"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "list_envelope": get_args(ListEnvelope),
    "read_envelope": get_args(ReadEnvelope),
    "create_envelope": get_args(CreateEnvelope),
    "error_envelope": get_args(ErrorEnvelope),
    "list_order": get_args(ListOrder),
}
# The database is opened once, keys are credentials, and faults have an endpoint of their own.
_NOT_SHOWN = frozenset({"database", "api_keys", "faults"})


@dataclass(frozen=True)
class Options:
    """All choices, with the vendor's documented behaviour as defaults.

    Attributes:
        database: path of the SQLite file that keeps the records, or `":memory:"`.
        api_keys: the bearer keys that are accepted; None accepts every non-empty one.
        extra_sources: values of `source` that are accepted beside the documented ones.
        extra_secret_types: values of `secretType` that are accepted beside the documented ones, with any payload.
        successful_after: seconds after which a new integration is SUCCESSFUL; None leaves it PENDING until told.
        requests_per_minute: requests that one key may make in any 60 seconds.
        latency: seconds that pass before a request is looked at.
        list_envelope: `GET /integrations` as a bare array, or with `hasMore` around it.
        read_envelope: `GET /integrations/{id}` as the bare record, or as `data` of an envelope.
        read_message: the words around a record that is read as `data` of an envelope; None says that it went well.
        create_envelope: the name under which `POST /integrations` gives the new id.
        error_envelope: the field that carries what the documents call status: all three forms were seen there.
        list_order: the order of lists; the vendor documents none.
        faults: what goes wrong on demand; another value starts all of them anew, and so does another seed.
        seed: decides where a fault has a probability.
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
        """Refuse values that no type checker saw: options also arrive as JSON and from a command line."""
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
        if not _is_count(self.requests_per_minute, least=1):
            raise ValueError("requests_per_minute must be a whole number, 1 or more")
        _check_faults(self.faults, self.seed)


class _Changes(TypedDict, total=False):
    """The options that JSON may change; their values are checked by `Options` itself."""

    extra_sources: frozenset[str]
    extra_secret_types: frozenset[str]
    successful_after: float | None
    requests_per_minute: int
    latency: float
    list_envelope: ListEnvelope
    read_envelope: ReadEnvelope
    read_message: str | None
    create_envelope: CreateEnvelope
    error_envelope: ErrorEnvelope
    list_order: ListOrder
    seed: int


def with_envelope(options: Options, form: str) -> Options:
    """Choose one documented form wherever there is one of that name."""
    names = [name for name, choices in _CHOICES.items() if form in choices]
    return replace(options, **cast("_Changes", dict.fromkeys(names, form)))


def to_json(options: Options) -> dict[str, Json]:
    """Give the options that may be shown, under their own names."""
    shown = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in _NOT_SHOWN}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in shown.items()}


def changed(options: Options, changes: Mapping[str, Json]) -> Options:
    """Apply what `to_json` shows, in part or whole; a ValueError says what is wrong with it."""
    known = to_json(options).keys()
    if not changes.keys() <= known:
        raise ValueError(f"the options are {', '.join(sorted(known))}")
    values = {name: _set_of_text(value) if isinstance(value, list) else value for name, value in changes.items()}
    return replace(options, **cast("_Changes", values))


def _check_faults(faults: object, seed: object) -> None:
    if not isinstance(faults, tuple) or not all(isinstance(fault, Fault) for fault in faults):
        raise ValueError("faults must be a tuple of Fault")
    if not _is_count(seed, least=0):
        raise ValueError("seed must be a whole number, 0 or more")


def _set_of_text(values: list[Json]) -> frozenset[str] | None:
    """None, which no such option accepts, stands for a list of anything but strings."""
    texts = [value for value in values if isinstance(value, str)]
    return frozenset(texts) if len(texts) == len(values) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_set_of_text(value: object) -> bool:
    return isinstance(value, frozenset) and all(map(_is_text, value))


def _is_duration(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
