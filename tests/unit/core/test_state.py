"""The messages for values that the schema refuses."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from pulumi_justt.core.state import invalid


class Model(BaseModel):
    """A model with length limits, which `invalid` checks in this test."""

    some: Annotated[str, Field(min_length=1)] = "x"
    pair: Annotated[str, Field(min_length=2, max_length=3)] = "xx"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"some": ""}, "must not be empty"),
        ({"pair": ""}, "must not be empty"),
        ({"pair": "x"}, "must have at least 2 characters, has 1"),
        ({"pair": "xxxx"}, "must have at most 3 characters, has 4: shorten it"),
    ],
)
def test_message_for_the_length_of_a_text(properties: dict[str, str], reason: str) -> None:
    """If a text is shorter or longer than the schema allows, the message names the limit and the actual length."""
    ((_, message),) = invalid(Model, properties, ())
    assert message == reason
