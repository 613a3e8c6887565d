"""The codec: plain values, unknown values and secret marks, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from pulumi_justt.core.inputs import UNKNOWN
from pulumi_justt.plugin.codec import Path, decode, encode

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270"}
OUTPUT = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN)
NAMES = st.text(min_size=1).filter(lambda name: name not in (SIGNATURE, "__provider"))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20)


def message(properties: dict[str, Any]) -> Struct:
    """Return the engine's message for JSON."""
    return ParseDict(properties, Struct())


@given(st.dictionaries(NAMES, VALUES))
def test_a_value_stays_the_same_on_the_way_to_the_engine_and_back(properties: dict[str, object]) -> None:
    """Every value that the core may have, unknown values included, is decoded to itself."""
    assert decode(encode(properties)).properties == properties


@pytest.mark.parametrize(
    ("sent", "value", "secrets"),
    [
        (7.0, 7, ()),
        (0.5, 0.5, ()),
        (UNKNOWN_TEXT, UNKNOWN, ()),
        ("6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", UNKNOWN, ()),
        ("030794c1-ac77-496b-92df-f27374a8bd58", UNKNOWN, ()),
        ([1, UNKNOWN_TEXT], [1, UNKNOWN], ()),
        ({**SECRET, "value": "x"}, "x", [("p",)]),
        ({**SECRET, "value": UNKNOWN_TEXT}, UNKNOWN, [("p",)]),
        ({"a.b": {**SECRET, "value": "x"}, "c": "y"}, {"a.b": "x", "c": "y"}, [("p", "a.b")]),
        (["a", {**SECRET, "value": "x"}], ["a", "x"], [("p", 1)]),
        ({**SECRET, "value": {"a": {**SECRET, "value": "x"}}}, {"a": "x"}, [("p",), ("p", "a")]),
        ({**OUTPUT, "value": "x", "secret": True}, "x", [("p",)]),
        ({**OUTPUT, "value": "x"}, "x", ()),
        (OUTPUT, UNKNOWN, ()),
    ],
)
def test_marks_of_the_engine_are_read(sent: object, value: object, secrets: list[Path]) -> None:
    """Floats, unknown values of each type, secrets and outputs of the engine become plain values and paths."""
    found = decode(message({"p": sent}))

    assert found.properties == {"p": value}
    assert type(found.properties["p"]) is type(value)
    assert found.secrets == {*secrets}


def test_the_pickled_provider_of_a_dynamic_resource_is_left_out() -> None:
    """An alias moves a dynamic resource to the plugin, whose state then has a pickled provider."""
    assert decode(message({"__provider": "gAR9", "source": "stripe"})).properties == {"source": "stripe"}


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        (("p",), {"p": {**SECRET, "value": {"a": [1.0, "x"]}}}),
        (("p", "a"), {"p": {"a": {**SECRET, "value": [1.0, "x"]}}}),
        (("p", "a", 1), {"p": {"a": [1.0, {**SECRET, "value": "x"}]}}),
        (("q",), {"p": {"a": [1.0, "x"]}}),
    ],
)
def test_a_value_at_a_secret_path_is_marked(path: Path, marked: object) -> None:
    """A secret value is in an envelope, and the values around it are not."""
    assert MessageToDict(encode({"p": {"a": [1, "x"]}}, {path})) == marked
