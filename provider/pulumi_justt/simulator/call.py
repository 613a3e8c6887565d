"""What an operation of the API is given of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .json_value import Json
    from .options import Options


@dataclass(frozen=True)
class Call:
    """One authenticated request, and the options under which all of it is answered."""

    name: str
    query: tuple[tuple[str, str], ...]
    account: str | None
    body: Mapping[str, Json]
    options: Options
