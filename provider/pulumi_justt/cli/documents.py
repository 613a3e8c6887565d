"""Reads YAML or JSON that a user wrote. Numbers, dates and other scalars stay text, exactly as written."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import yaml

__all__ = ["InvalidDocument", "read"]

_MOST_NODES = 1_000_000
"""The limit of values after the expansion of aliases. With aliases, a kilobyte can expand to billions of values."""
_NULLS = ("", "~", "null", "Null", "NULL")
"""The unquoted scalars that YAML reads as null."""


class InvalidDocument(ValueError):
    """The document is invalid. The message is the rest of a sentence about the document, and quotes no value."""


def read(text: str) -> Any:  # noqa: ANN401 - the type depends on the document
    """Parse *text* into mappings, lists, texts, nulls and, in JSON, booleans.

    Raises:
        InvalidDocument: The text is neither YAML nor JSON, is nested too deeply, has a key twice in one mapping, or
            expands to more than a million values with YAML's aliases.
    """
    try:
        try:
            # JSON first, because YAML 1.1 accepts neither tabs nor surrogate pairs, which JSON may have.
            return json.loads(text, object_pairs_hook=_mapping, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError:
            return yaml.load(text, Loader=_TextLoader)  # noqa: S506 - this loader creates only texts
    except yaml.YAMLError as error:
        # The error's own text is not shown, because it quotes the line.
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
    """Loads every scalar except null as text, so that account codes keep their leading zeros."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - the library is not typed here
        is_alias, before = self.check_event(yaml.AliasEvent), self._count
        node = super().compose_node(parent, index)
        if is_alias:
            # If the size of the node is not known yet, the alias is inside the node that it refers to.
            self._count += self._sizes.get(id(node), _MOST_NODES)
            if self._count > _MOST_NODES:
                raise InvalidDocument(f"expand to more than {_MOST_NODES:,} values by their aliases (*)")
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
