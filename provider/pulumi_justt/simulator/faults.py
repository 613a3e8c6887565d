"""The faults that can be asked for: their kinds, their text, and when each happens.

This module knows no requests, records or sockets: `fault_effects` has what each fault does. Python code constructs a
`Fault`; the command line and the control endpoint write it as text, which `Fault.parse` reads and `str` returns:

    METHOD ROUTE FAULT[=VALUE] [skip=N] [times=N] [probability=P] [DETAIL=VALUE ...]

    POST /integrations drop-after-commit times=1 skip=2
    GET * status=503 times=3
    * * status=429 retry-after=2 times=5

Each fault belongs to one of three stages of the pipeline, and counts only the requests that reach it:

    arrival     all requests to a documented operation, before anything is checked
    before      the requests that were not refused (400, 401, 413, 429), before the work is done
    after       the requests whose work was done, after it

If several faults of a stage decide the response, only the first happens; the others stay for later requests.
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
        stage: when it happens.
        decides: whether it decides the response.
        choices: the values that it takes; empty where it takes no value, or seconds.
        seconds: whether its value is a number of seconds.
        default: the value where none is given; without a default, a value is required.
        details: the further fields that it takes.
        only: the only operation that it can happen to.
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
        """The values that it takes, in words."""
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
        method: of the requests that it counts, or `"*"`.
        route: of the requests that it counts, as the OpenAPI document writes it, or `"*"`.
        what: a name among `KINDS`.
        value: seconds, a status, or one of the choices of that kind.
        skip: the number of matching requests that pass before it can happen.
        times: how often it happens after that; None means always.
        probability: that it happens to a request; the seed of the simulator decides.
        body: the envelope of an error status, or `"html"` for the page of a proxy; None means the envelope in the
            options.
        retry_after: the text of that header, seconds or a date.
        location: where a redirect points; by default to a path without an operation, so that the journal shows a 404 if
            the client follows.
        id: the integration whose status `becomes` changes; by default the one in the path of the request.
        source: of the integration that another client creates; by default that of the request, or `stripe`.
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
        """Refuse a fault that could never happen; most faults arrive as text."""
        kind = KINDS.get(self.what)
        if kind is None:
            raise ValueError(f"no fault is called {self.what!r}; known are {', '.join(KINDS)}")
        self._check_operation(kind)
        if self.value is None:
            object.__setattr__(self, "value", kind.default)
        self._check_value(kind)
        self._check_details(kind)
        if not is_count(self.skip, 0) or not (self.times is None or is_count(self.times, 1)):
            raise ValueError("skip must be a whole number, 0 or more, and times one of 1 or more")
        if not is_number(self.probability) or not 0 < self.probability <= 1:
            raise ValueError("probability must be a number above 0, 1 or less")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a fault; a ValueError of one line says what is wrong with it and what is allowed."""
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
                raise ValueError(f"{word!r} is no NAME=VALUE, each name given once; names are {known}")
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
        """Tell whether it counts requests with this method and route."""
        return self.method in (ANY, method) and self.route in (ANY, route)

    @property
    def seconds(self) -> float:
        """The value, where it is a number of seconds."""
        return float(self.value or 0)

    def _check_operation(self, kind: FaultKind) -> None:
        if not any(self.matches(*operation) for operation in OPERATIONS):
            known = ", ".join(" ".join(operation) for operation in sorted(OPERATIONS))
            raise ValueError(f"{self.method} {self.route} is no operation; known are {known}, and * for either part")
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
            raise ValueError("becomes needs id=ID where the route is not /integrations/{id}")


@dataclass(frozen=True)
class FaultEvent:
    """A fault that happened.

    Attributes:
        fault: its name is `fault.what`.
        method: of the request.
        path: of the request, percent-encoded, as it was sent.
        id: the record that the fault created, moved or changed; otherwise the one that the request created or named.
    """

    fault: Fault
    method: str
    path: str
    id: str | None


@dataclass
class FaultProgress:
    """How many requests a fault has counted, and how often it has happened."""

    fault: Fault
    random: random.Random
    matched: int = 0
    fired: int = 0


class FaultPlan:
    """The faults in force and their counts, safe to use from any thread.

    Args:
        faults: in order: of those that decide the response, the first that is due happens.
        seed: with its position it seeds the random generator of each fault, so that a fault depends only on the
            requests that it counts.
    """

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._progress: list[FaultProgress] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Add a fault after the others."""
        with self._lock:
            generator = random.Random(f"{self._seed} {len(self._progress)}")  # noqa: S311 - reproducible on purpose
            self._progress.append(FaultProgress(fault, generator))

    def progress(self) -> list[FaultProgress]:
        """Return a copy of the counts of all faults."""
        with self._lock:
            return [replace(each) for each in self._progress]

    def due(self, stage: Stage, method: str, route: str) -> list[Fault]:
        """Count a request that reaches a stage, and return its faults; the one that decides the response is last."""
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
    """Read the value of a kind; text that is none of its choices stays text, which `Fault` refuses."""
    if kind.seconds:
        return _number(text)
    return next((choice for choice in kind.choices if str(choice) == text), text)


def _whole(text: str) -> int:
    """Read a whole number; other text becomes -1, which `Fault` refuses."""
    return int(text) if text.isascii() and text.isdigit() else -1


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def is_count(value: object, least: int) -> bool:
    """Tell whether a value is a whole number of at least this size; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number; True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
