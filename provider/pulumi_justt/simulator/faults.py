"""Define the faults that a user can request: their kinds, their text format, and when each happens.

This module handles no requests, records or sockets. `fault_effects` implements what each fault does. Python code
constructs a `Fault`. The command line and the control endpoint use its text format, which `Fault.parse` reads and `str`
returns:

    METHOD ROUTE FAULT[=VALUE] [skip=N] [times=N] [probability=P] [DETAIL=VALUE ...]

    POST /integrations drop-after-commit times=1 skip=2
    GET * status=503 times=3
    * * status=429 retry-after=2 times=5

Each fault belongs to one of three stages of the pipeline, and counts only the requests that reach it:

    arrival     all requests to a documented operation, before validation
    before      the requests that passed validation (no 400, 401, 413 or 429), before the commit
    after       the requests that were committed, after the commit

If several faults of a stage decide the response, only the first happens. The others remain for later requests.
"""

from __future__ import annotations

import math
import random
import shlex
import threading
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from . import rules
from .rules import CreateEnvelope, ErrorEnvelope, ListEnvelope, ReadEnvelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

Stage = Literal["arrival", "before", "after"]
Value: TypeAlias = "str | int | float | None"

ANY = "*"
OPERATIONS = frozenset(
    {
        ("GET", "/integrations"),
        ("POST", "/integrations"),
        ("GET", "/integrations/{id}"),
        ("DELETE", "/integrations/{id}"),
    }
)
LONGEST_HANG_SECONDS = 300.0

_LIST = ("GET", "/integrations")
_CREATE = ("POST", "/integrations")
_FORMS = (*get_args(ErrorEnvelope), "html")
_ENVELOPES = tuple(
    dict.fromkeys(
        name for form in (ListEnvelope, ReadEnvelope, CreateEnvelope, ErrorEnvelope) for name in get_args(form)
    )
)


@dataclass(frozen=True)
class FaultKind:
    """The properties of one kind of fault.

    Attributes:
        stage: When the fault happens.
        decides: Whether the fault decides the response.
        choices: The values that it accepts. Empty if it takes no value, or a number of seconds.
        seconds: Whether its value is a number of seconds.
        default: The default value. Without one, a value is required.
        details: The additional fields that it accepts.
        only: The only operation that it can happen to, or None for all.
    """

    stage: Stage
    decides: bool = True
    choices: tuple[str | int, ...] = ()
    seconds: bool = False
    default: Value = None
    details: frozenset[str] = frozenset()
    only: tuple[str, str] | None = None

    @property
    def takes(self) -> str:
        """A description of the accepted values, for error texts."""
        if self.seconds:
            return "a number of seconds, not negative"
        if self.choices == _ERRORS:
            return "an HTTP status from 400 to 511"
        return f"one of {', '.join(str(choice) for choice in self.choices)}" if self.choices else "no value"


_ERRORS = tuple(status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)
_ERROR_DETAILS = frozenset({"body", "retry_after"})
KINDS: Mapping[str, FaultKind] = {
    "latency": FaultKind("arrival", decides=False, seconds=True),
    "envelope": FaultKind("arrival", decides=False, choices=_ENVELOPES),
    "becomes": FaultKind("before", decides=False, choices=tuple(sorted(rules.STATUSES)), details=frozenset({"id"})),
    "shift": FaultKind("before", decides=False, choices=("insert", "move"), details=frozenset({"source"}), only=_LIST),
    "foreign-before-commit": FaultKind("before", decides=False, details=frozenset({"source"}), only=_CREATE),
    "status": FaultKind("before", choices=_ERRORS, details=_ERROR_DETAILS),
    "redirect": FaultKind("before", choices=(301, 302, 303, 307, 308), default=307, details=frozenset({"location"})),
    "login-page": FaultKind("before"),
    "drop-before-commit": FaultKind("before"),
    "hang-before-commit": FaultKind("before", seconds=True, default=LONGEST_HANG_SECONDS),
    "foreign-after-commit": FaultKind("after", decides=False, details=frozenset({"source"}), only=_CREATE),
    "status-after-commit": FaultKind("after", choices=_ERRORS, details=_ERROR_DETAILS),
    "drop-after-commit": FaultKind("after"),
    "hang-after-commit": FaultKind("after", seconds=True, default=LONGEST_HANG_SECONDS),
    "truncated-body": FaultKind("after"),
    "empty-body": FaultKind("after"),
    "not-json": FaultKind("after", choices=("html", "bytes"), default="html"),
    "slow-body": FaultKind("after", seconds=True),
    "no-id": FaultKind("after"),
    "undocumented-shape": FaultKind("after"),
}
_DETAILS = ("body", "retry_after", "location", "id", "source")


@dataclass(frozen=True)
class Fault:
    """A fault, and when it happens: `Fault("POST", "/integrations", "drop-after-commit", times=1)`.

    Attributes:
        method: The method of the requests to count, or `"*"`.
        route: The route of the requests to count, as the OpenAPI document writes it, or `"*"`.
        what: The name of the kind, one of `KINDS`.
        value: A number of seconds, a status, or one of the choices of the kind.
        skip: The number of matching requests that pass before the fault can happen.
        times: How often it happens after that. None means always.
        probability: The probability that it happens to a request. The simulator's seed makes this reproducible.
        body: The envelope of an error response, or `"html"` for the page of a proxy. None means the envelope in the
            options.
        retry_after: The value of the `Retry-After` header: seconds or a date.
        location: The target of a redirect. The default is a path without an operation, so the journal shows a 404 if
            the client follows the redirect.
        id: The integration whose status `becomes` changes. The default is the id in the request's path.
        source: The source of the integration that another client creates. The default is the request's source, or
            `stripe`.
    """

    method: str
    route: str
    what: str
    value: Value = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    body: str | None = None
    retry_after: str | None = None
    location: str | None = None
    id: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Raise a ValueError for a fault that could never happen."""
        kind = KINDS.get(self.what)
        if kind is None:
            raise ValueError(f"unknown fault {self.what!r}; faults are {', '.join(KINDS)}")
        self._check_operation(kind)
        if self.value is None:
            object.__setattr__(self, "value", kind.default)
        self._check_value(kind)
        self._check_details(kind)
        if not is_count(self.skip, 0) or not (self.times is None or is_count(self.times, 1)):
            raise ValueError("skip must be a whole number, 0 or more, and times a whole number, 1 or more")
        if not is_number(self.probability) or not 0 < self.probability <= 1:
            raise ValueError("probability must be a number above 0 and at most 1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a fault. A ValueError of one line says what is wrong and what is allowed."""
        try:
            method, route, what, *rest = shlex.split(text)
        except ValueError:
            raise ValueError(
                f"a fault is written METHOD ROUTE FAULT[=VALUE] [NAME=VALUE ...]; faults are {', '.join(KINDS)}"
            ) from None
        what, _, value = what.partition("=")
        fields: dict[str, str] = {}
        for word in rest:
            name, _, given = word.partition("=")
            field = name.replace("-", "_")
            if field not in {"skip", "times", "probability", *_DETAILS} or field in fields or not given:
                known = ", ".join(_spelled(each) for each in ("skip", "times", "probability", *_DETAILS))
                raise ValueError(f"{word!r} is not NAME=VALUE with each name once; names are {known}")
            fields[field] = given
        return cls(
            method,
            route,
            what,
            _value(KINDS[what], value) if what in KINDS and value else None,
            skip=_whole(fields.pop("skip", "0")),
            times=_whole(fields.pop("times")) if "times" in fields else None,
            probability=_number(fields.pop("probability", "1")),
            **fields,
        )

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        words = [self.method, self.route, self.what if self.value is None else f"{self.what}={self.value}"]
        if self.skip:
            words.append(f"skip={self.skip}")
        if self.times is not None:
            words.append(f"times={self.times}")
        if self.probability < 1:
            words.append(f"probability={self.probability}")
        details = ((name, getattr(self, name)) for name in _DETAILS)
        words += [f"{_spelled(name)}={shlex.quote(given)}" for name, given in details if given is not None]
        return " ".join(words)

    def matches(self, method: str, route: str) -> bool:
        """Return whether the fault counts requests with this method and route."""
        return self.method in (ANY, method) and self.route in (ANY, route)

    @property
    def seconds(self) -> float:
        """The value as a number of seconds."""
        return float(self.value or 0)

    def _check_operation(self, kind: FaultKind) -> None:
        if not any(self.matches(*operation) for operation in OPERATIONS):
            known = ", ".join(" ".join(operation) for operation in sorted(OPERATIONS))
            raise ValueError(
                f"{self.method} {self.route} is not an operation; operations are {known}, and * for either part"
            )
        if kind.only and kind.only != (self.method, self.route):
            raise ValueError(f"{self.what} is for {' '.join(kind.only)}")

    def _check_value(self, kind: FaultKind) -> None:
        if kind.seconds:
            fits = is_number(self.value) and isinstance(self.value, (int, float)) and self.value >= 0
        else:
            fits = self.value in (kind.choices or (None,))
        if not fits or isinstance(self.value, bool):
            raise ValueError(f"{self.what} takes {kind.takes}")

    def _check_details(self, kind: FaultKind) -> None:
        for name in _DETAILS:
            given = getattr(self, name)
            if given is None:
                continue
            if name not in kind.details:
                known = ", ".join(_spelled(each) for each in sorted(kind.details)) or "no details"
                raise ValueError(f"{self.what} takes {known}, not {_spelled(name)}")
            if not isinstance(given, str) or not given or not given.isprintable():
                raise ValueError(f"{_spelled(name)} must be text of one line")
        if self.body is not None and self.body not in _FORMS:
            raise ValueError(f"body must be one of {', '.join(_FORMS)}")
        if self.what == "becomes" and self.id is None and not self.route.endswith("/integrations/{id}"):
            raise ValueError("becomes needs id=ID if the route is not /integrations/{id}")


@dataclass(frozen=True)
class FaultEvent:
    """A fault that happened.

    Attributes:
        fault: The fault. `fault.what` is its name.
        method: The method of the request.
        path: The path of the request, percent-encoded as it was sent.
        id: The record that the fault created, moved or changed, or else the one that the request created or named.
    """

    fault: Fault
    method: str
    path: str
    id: str | None


@dataclass
class FaultProgress:
    """The number of requests that a fault has counted, and how often it has happened."""

    fault: Fault
    random: random.Random
    matched: int = 0
    fired: int = 0


class FaultPlan:
    """The faults in force and their counts, safe to use from any thread.

    Args:
        faults: The faults, in order. If several that decide the response are due, only the first happens.
        seed: The seed of the random generators. Each fault has its own, seeded with this and the fault's position, so
            that a fault depends only on the requests that it counts.
    """

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._progress: list[FaultProgress] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Add a fault after the existing ones."""
        with self._lock:
            generator = random.Random(f"{self._seed} {len(self._progress)}")  # noqa: S311 - reproducible on purpose
            self._progress.append(FaultProgress(fault, generator))

    def progress(self) -> list[FaultProgress]:
        """Return a copy of the counts of all faults."""
        with self._lock:
            return [replace(each) for each in self._progress]

    def due(self, stage: Stage, method: str, route: str) -> list[Fault]:
        """Count a request that reaches *stage*, and return its faults. The one that decides the response is last."""
        due: list[Fault] = []
        deciding: list[Fault] = []
        with self._lock:
            for each in self._progress:
                kind = KINDS[each.fault.what]
                if kind.stage != stage or not each.fault.matches(method, route) or not _is_due(each):
                    continue
                if not kind.decides:
                    due.append(each.fault)
                elif not deciding:
                    deciding.append(each.fault)
                else:
                    continue
                each.fired += 1
        return due + deciding


def _is_due(progress: FaultProgress) -> bool:
    fault = progress.fault
    progress.matched += 1
    if progress.matched <= fault.skip or progress.fired == fault.times:
        return False
    return fault.probability == 1 or progress.random.random() < fault.probability


def _spelled(name: str) -> str:
    return name.replace("_", "-")


def _value(kind: FaultKind, text: str) -> Value:
    """Parse the value of a kind. A text that is not one of the choices stays text, and `Fault` refuses it."""
    if kind.seconds:
        return _number(text)
    return next((choice for choice in kind.choices if str(choice) == text), text)


def _whole(text: str) -> int:
    """Parse a whole number. Any other text becomes -1, which `Fault` refuses."""
    return int(text) if text.isascii() and text.isdigit() else -1


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def is_count(value: object, least: int) -> bool:
    """Return whether *value* is a whole number and at least *least*. True and False are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Return whether *value* is a finite number. True and False are not numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
