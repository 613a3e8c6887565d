"""The object that a stack output of a whole resource becomes in a preview, and in an update."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi import Output
from pulumi.runtime import stack
from pulumi.runtime.mocks import MockResourceArgs

from pulumi_justt.stack_outputs import quiet_in_previews
from support.mocked_program import Program, minimal, run_program

MARKER = "@isPulumiResource"


def recorded(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
    """Answer as the engine does in a preview for a resource that doesn't change: with the outputs of the state."""
    return "id-1", {**args.inputs, "status": "PENDING"}


def created(args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
    """Answer as the engine does in a preview for a new resource: with its inputs."""
    return "", dict(args.inputs)


def exported(answer: Any, *, preview: bool) -> Program:  # noqa: ANN401 - a function
    """Return the object of an exported integration without optional arguments."""
    return run_program(lambda: {**stack.massage(minimal(), [])}, answer=answer, preview=preview)


def test_an_unchanged_resource_is_the_object_of_the_update() -> None:
    """In a preview, all outputs of an unchanged resource are known, as in the update before, and the marker is null."""
    in_update = exported(recorded, preview=False).outputs
    in_preview = exported(recorded, preview=True).outputs

    marker = in_preview.pop(MARKER)
    assert (marker.value, marker.is_known) == (None, True)
    assert {name: (each.value, each.is_secret) for name, each in in_preview.items()} == {
        name: (each.value, each.is_secret) for name, each in in_update.items()
    }
    assert all(each.is_known for each in in_preview.values())
    assert in_preview["deactivation"].value is None
    assert in_preview["secretPayload"].is_secret


def test_a_changed_resource_stays_unknown() -> None:
    """In a preview that creates or updates the resource, what it doesn't know stays unknown, and the marker stays."""
    in_preview = exported(created, preview=True).outputs

    assert in_preview[MARKER].value is True
    assert not in_preview["status"].is_known
    assert not in_preview["deactivation"].is_known
    assert in_preview["source"].value == "stripe"


def test_other_resources_keep_their_marker() -> None:
    """The object of any other resource is the SDK's own."""

    def body() -> None:
        other = pulumi.ComponentResource("a:b:C", "c")
        assert stack.massage(other, [])[MARKER] is True

    run_program(body, preview=True)


def test_an_sdk_without_the_function_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a later SDK has no such function, the module changes nothing."""
    monkeypatch.delattr(stack, "massage_complex")
    quiet_in_previews(Output)

    assert not hasattr(stack, "massage_complex")


@pytest.mark.parametrize("made", [{"a": 1}, ["a"]])
def test_an_object_without_a_marker_is_left_as_it_is(made: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a later SDK adds no marker, or makes another value, the module changes nothing."""

    class Own:
        """A resource of ours, as far as this test is concerned."""

    real = stack.massage_complex
    monkeypatch.setattr(
        stack, "massage_complex", lambda attr, seen: made if isinstance(attr, Own) else real(attr, seen)
    )
    quiet_in_previews(Own)

    def body() -> None:
        assert stack.massage(Own(), []) is made

    run_program(body, preview=True)
