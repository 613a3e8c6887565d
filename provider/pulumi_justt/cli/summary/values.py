"""Reads, masks and formats the values of `pulumi preview --json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_justt import protocol, references
from pulumi_justt.cli.engine import name_of
from pulumi_justt.credentials import CREDENTIAL_TYPES

__all__ = ["ABSENT", "MOST_OF_A_VALUE", "SECRET", "at", "dotted", "leaves", "list_of", "map_of", "masked"]
__all__ += ["masked_credentials", "name_in", "shortened", "shown", "text_of"]

SECRET = "[secret]"  # noqa: S105 - the engine's placeholder for a secret
ABSENT = object()

MOST_OF_A_VALUE = 100
_MOST_OF_A_NAME = 200

_PLAIN = re.compile(r"[\w$-]+")


def masked(value: object, others: Sequence[object]) -> object:
    """Return *value* with a mask for each part that is a secret in *value* or in any of *others*."""
    if any(map(_is_secret, (value, *others))):
        return SECRET
    if isinstance(value, Mapping):
        return {
            name: masked(item, [other[name] for other in others if isinstance(other, Mapping) and name in other])
            for name, item in value.items()
        }
    # An item may have a different index in the other list, so one secret masks the whole list.
    return SECRET if isinstance(value, list) and any(map(_holds_secret, (value, *others))) else value


def masked_credentials(payload: object, referred: object) -> object:
    """Return all credential fields in one mapping. Values are masked, and references are not."""
    if not (isinstance(payload, Mapping) and isinstance(referred, Mapping)):
        return SECRET
    # Every value is masked, so it can't be mistaken for a reference.
    return {**dict.fromkeys(payload, SECRET), **referred}


def _is_secret(value: object) -> bool:
    return value == SECRET or (isinstance(value, Mapping) and protocol.SIGNATURE in value)


def _holds_secret(value: object) -> bool:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return _is_secret(value) or any(map(_holds_secret, children))


def at(properties: object, keys: Sequence[str | int]) -> object:
    """Return the value at the path *keys*: `SECRET` if it is part of a secret, `ABSENT` if there is none."""
    value = properties
    for key in keys:
        is_there = key in value if isinstance(value, Mapping) else isinstance(value, list) and key in range(len(value))
        if value == SECRET or not is_there:
            return SECRET if value == SECRET else ABSENT
        value = value[key]  # type: ignore[index]  # `is_there` has checked it
    return value


def leaves(
    path: tuple[str | int, ...], old: object, new: object
) -> Iterator[tuple[tuple[str | int, ...], object, object]]:
    """Yield the path and both values of each difference at or below *path*; a reference or a list is one value."""
    sides = [side for side in (old, new) if side is not ABSENT]
    if not sides or not all(isinstance(side, Mapping) and side and not references.from_wire(side) for side in sides):
        yield path, old, new
        return
    for name in sorted({name for side in sides for name in map_of(side)}):
        before, after = at(old, (name,)), at(new, (name,))
        if before != after or before == SECRET:
            yield from leaves((*path, name), before, after)


def shown(value: object, *, is_class: bool) -> str | None:
    """Return *value* as text for the comment, or None if there is no value.

    Args:
        value: The value.
        is_class: Whether it is a secret type, which is shown as the name of its credentials class.
    """
    if value is ABSENT or value is None:
        return None
    if value == SECRET:
        return SECRET
    if value == protocol.UNKNOWN:
        return "[known after the update]"
    reference = references.from_wire(value)
    if reference is not None:
        function = "from_env" if "fromEnv" in reference.wire() else "from_file"
        version = f", version={reference.version}" if reference.version != 1 else ""
        text = f"{function}({json.dumps(reference.place, ensure_ascii=False)}{version})"
    elif is_class:
        shape = CREDENTIAL_TYPES.get(text_of(value))
        text = shape.__name__ if shape else f"Unlisted({json.dumps(value, ensure_ascii=False)})"
    elif isinstance(value, Mapping) and value:
        return f"[{len(value)} properties]"
    else:
        text = json.dumps(value, ensure_ascii=False)
    text = _clean(text)
    if len(text) > MOST_OF_A_VALUE:
        return f"[{len(value)} items]" if isinstance(value, list) else f"[{len(text)} characters]"
    return text


def dotted(keys: Sequence[str | int]) -> str:
    """Return a path in dotted notation, as in a program."""
    parts = (
        f".{key}" if _PLAIN.fullmatch(str(key)) and isinstance(key, str) else f"[{json.dumps(key)}]" for key in keys
    )
    return shortened("".join(parts).removeprefix("."))


def name_in(urn: str) -> str:
    """Return the name of a resource."""
    return shortened(name_of(urn))


def text_of(value: object) -> str:
    """Return *value* if it is text, or else an empty text."""
    return value if isinstance(value, str) else ""


def map_of(value: object) -> Mapping[str, Any]:
    """Return *value* if it is a mapping, or else an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> list[Any]:
    """Return *value* if it is a list, or else an empty list."""
    return value if isinstance(value, list) else []


def _clean(text: str) -> str:
    """Escape characters that are not printable, such as line breaks and bidirectional controls, as Python does."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shortened(text: str, most: int = _MOST_OF_A_NAME) -> str:
    """Return *text* as one line of at most *most* visible characters."""
    text = _clean(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
