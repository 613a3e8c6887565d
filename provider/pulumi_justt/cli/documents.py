"""Reads YAML or JSON that a person wrote: each number, date and word stays the text that stands there."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml

__all__ = ["InvalidDocument", "read"]

_MOST_NODES = 1_000_000
"""Values that a document with aliases stands for at most: each is looked at, and a kilobyte can have billions."""
_NULLS = ("", "~", "null", "Null", "NULL")
"""What YAML takes for null where it stands without quotes."""


class InvalidDocument(ValueError):
    """The text cannot be used; the message goes on after the document's name, and quotes no value."""


def read(text: str) -> Any:  # noqa: ANN401 - whatever the text holds
    """Return the mappings, lists, texts, nulls and (of JSON) truth values of *text*.

    Raises:
        InvalidDocument: It is neither YAML nor JSON, is nested too deeply, has a key twice in one mapping, or stands
            for millions of values by YAML's aliases.
    """
    try:
        try:
            # YAML 1.1 takes neither tabs nor pairs of surrogates, which JSON may have.
            return json.loads(text, object_pairs_hook=_mapping, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError:
            return yaml.load(text, Loader=_TextLoader)  # noqa: S506 - it makes texts only
    except yaml.YAMLError as error:
        # Its own text quotes the line.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InvalidDocument(f"are neither YAML nor JSON{where}") from None
    except RecursionError:
        raise InvalidDocument("are nested too deeply") from None


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidDocument(f"have {key!r} twice")
        found[key] = value
    return found


class _TextLoader(yaml.BaseLoader):
    """A loader for which every scalar is text, so that account codes keep their zeros, but for null."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - the library is not typed here
        is_alias, before = self.check_event(yaml.AliasEvent), self._count
        node = super().compose_node(parent, index)
        if is_alias:
            # Without a size, it is a part of what it stands for.
            self._count += self._sizes.get(id(node), _MOST_NODES)
            if self._count > _MOST_NODES:
                raise InvalidDocument(f"stand for more than {_MOST_NODES:,} values by their aliases (*)")
        else:
            self._count += 1
            self._sizes[id(node)] = self._count - before
        return node

    def construct_scalar(self, node: Any) -> Any:  # noqa: ANN401 - the library is not typed here
        return None if node.style is None and node.value in _NULLS else super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(i for i, key in enumerate(keys) if key in keys[:i])
            line = node.value[twice][0].start_mark.line + 1
            raise InvalidDocument(f"have {keys[twice]!r} twice, the second time at line {line}")
        return found
