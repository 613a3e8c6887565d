"""Decide which properties are secret in a front end that marks them itself, whatever the program has marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pulumi_justt import credentials
from pulumi_justt.core.state import Properties

__all__ = ["secret_paths", "secret_references"]

_PAYLOAD = "secretPayload"
_REFERENCES = "secretReferences"


def secret_paths(properties: Properties, marked: Collection[tuple[str | int, ...]]) -> set[tuple[str | int, ...]]:
    """Return the paths of the properties that the state stores as secrets.

    Each credential field is a secret of its own, so a preview shows which field has changed.

    Args:
        properties: The inputs or outputs of a resource.
        marked: The paths that the program or the state marks as secret.
    """
    # `check` sorts lists, so a mark of one item becomes a mark of the list.
    paths = {path[:1] if any(isinstance(part, int) for part in path) else path for path in marked}
    payload = properties.get(_PAYLOAD)
    if isinstance(payload, dict):
        is_whole = (_PAYLOAD,) in paths
        paths = {path for path in paths if path[0] != _PAYLOAD} | {path[:2] for path in paths if path[0] == _PAYLOAD}
        shown = () if is_whole else _shown_fields(properties)
        paths = (paths | {(_PAYLOAD, name) for name in payload if name not in shown}) - {(_PAYLOAD,)}
    elif payload is not None:
        # `check` refuses it, and it may be a credential.
        paths.add((_PAYLOAD,))
    return {path for path in paths if path[0] in properties}


def _shown_fields(properties: Properties) -> Collection[str]:
    secret_type = properties.get("secretType")
    shape = credentials.CREDENTIAL_TYPES.get(secret_type) if isinstance(secret_type, str) else None
    # A payload of another type may use the name of an identifier for a secret.
    return shape.identifiers() if shape and properties.get("allowUnlisted") in (None, False) else ()


def secret_references(marked: Collection[tuple[str | int, ...]]) -> Iterator[str]:
    """Yield a failure of `check` if a reference to a credential is marked as secret."""
    if any(path[0] == _REFERENCES for path in marked):
        yield (
            f"{_REFERENCES}: must not be secret, because a reviewer must see which variable or file is sent. Put a "
            f"credential itself in {_PAYLOAD}"
        )
