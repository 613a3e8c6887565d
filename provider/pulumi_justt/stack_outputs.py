"""Show the stack output of a whole resource as unchanged in a preview, if the resource does not change.

`pulumi.export("stripe", stripe)` makes an object of all outputs. In a preview, the SDK counts each output without a
value as unknown, and it adds a marker, so that the engine hides the unknown ones. The engine compares that object with
the one of the last update, which has nulls and no marker. So it would show `~ stripe` in each preview.

The SDK has no setting for this. So this module wraps the SDK's function that makes the object, for our resources only.
If the SDK has no such function, nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pulumi import Output
from pulumi.runtime import is_dry_run, stack

__all__ = ["quiet_in_previews"]

_MARKER = "@isPulumiResource"


def quiet_in_previews(kind: type) -> None:
    """Keep the stack output of an unchanged resource of class *kind* out of previews.

    The class has an output `status`, which a preview knows only if the resource does not change. Its attribute
    `_given_id` is the id that the program gives, if any.
    """
    original: Callable[[Any, list[Any]], Any] | None = getattr(stack, "massage_complex", None)
    if original is None:
        return

    def massage_complex(attr: Any, seen: list[Any]) -> Any:  # noqa: ANN401 - any value that a program exports
        made = original(attr, seen)
        if not (isinstance(attr, kind) and is_dry_run() and isinstance(made, dict) and _MARKER in made):
            return made
        status = attr.__dict__["status"]
        given_id = getattr(attr, "_given_id", None)
        known = {name: each if name == "id" else _known_with(status, each) for name, each in made.items()}
        # For a resource that is only read, the engine may not return the id in a preview.
        return {**known, "id": made["id"] if given_id is None else given_id, _MARKER: _marker(status)}

    stack.massage_complex = massage_complex


def _known_with(status: Output[Any], output: Any) -> Any:  # noqa: ANN401 - an output, or a value that the program set
    """Return *output*, which is known if *status* is: an output without a value is then known to have none."""
    if not isinstance(output, Output):
        return output

    async def is_known() -> bool:
        return await output.is_known() or await status.is_known()

    return Output(output.resources(), output.future(), is_known(), output.is_secret())


def _marker(status: Output[Any]) -> Output[Any]:
    """Return the marker, or null if *status* is known."""

    async def value() -> bool | None:
        return None if await status.is_known() else True

    async def is_known() -> bool:
        return True

    return Output(set(), value(), is_known())
