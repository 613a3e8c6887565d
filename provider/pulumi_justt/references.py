"""Credentials by reference: the program says where a value is found, and the provider finds it when it creates.

In the state a reference is a small object that is not secret, so that reviewers see it, and the value is nowhere:

    from_env("STRIPE_KEY", version=2)    {"fromEnv": "STRIPE_KEY", "version": 2}
    from_file("keys/sftp.pem")           {"fromFile": "keys/sftp.pem", "version": 1}

Nothing can tell that the value behind a reference has changed, which is why a rotation is said: another `version`, or
another name, is another integration. Only `create` needs the variable or the file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_justt.errors import Unresolved

__all__ = ["FileReference", "Reference", "VariableReference", "from_env", "from_file"]

_MOST_BYTES = 1_000_000
"""The vendor takes no request that is larger."""


@dataclass(frozen=True)
class Reference:
    """Where a credential is found; made by `from_env` or `from_file`.

    Args:
        place: The name of the variable, or the path of the file.
        version: Any number that is raised when the value there has changed.
    """

    place: str
    version: int

    def wire(self) -> dict[str, Any]:
        """Return what the state holds."""
        raise NotImplementedError

    def value(self) -> str:
        """Return the credential.

        Raises:
            LookupError: It is not there; the text says where it was looked for, and what was found instead.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class VariableReference(Reference):
    """A variable of the environment in which `pulumi up` runs."""

    def wire(self) -> dict[str, Any]:
        """Return what the state holds."""
        return {"fromEnv": self.place, "version": self.version}

    def value(self) -> str:
        """Return the variable's value as it is.

        Raises:
            LookupError: It is not set, or empty.
        """
        value = os.environ.get(self.place)
        if not value or not value.strip():
            state = "is not set" if value is None else "is empty"
            raise LookupError(f"the variable {self.place!r}, which {state} where pulumi runs")
        # Python keeps bytes that are no text as lone surrogates.
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise LookupError(f"the variable {self.place!r}, which is no text in UTF-8")
        return value


@dataclass(frozen=True)
class FileReference(Reference):
    """A file on the machine on which `pulumi up` runs."""

    def wire(self) -> dict[str, Any]:
        """Return what the state holds."""
        return {"fromFile": self.place, "version": self.version}

    def value(self) -> str:
        """Return the file's text: a single line without its line break, and more lines, as of a PEM key, as they are.

        Raises:
            LookupError: The file is not there, or holds no such text.
        """
        path = Path(self.place)
        where = f"the file {self.place!r}, which"
        try:
            path = path.expanduser()
            where = f"the file {self.place!r}{'' if path.is_absolute() else f' in {Path.cwd()}'}, which"
            if not stat.S_ISREG(path.stat().st_mode):
                raise LookupError(f"{where} is no regular file")
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except (OSError, RuntimeError, ValueError) as error:
            # A home that nobody has is a RuntimeError.
            reason = getattr(error, "strerror", None) or "there is no such place"
            raise LookupError(f"{where} cannot be read: {reason}") from None
        if len(content) > _MOST_BYTES:
            raise LookupError(f"{where} has more than {_MOST_BYTES:,} bytes, more than Justt takes")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # The exception holds the bytes.
            raise LookupError(f"{where} is no text in UTF-8") from None
        if not text.strip():
            raise LookupError(f"{where} is empty")
        if "\0" in text:
            raise LookupError(f"{where} is no text in UTF-8")
        line = text.rstrip("\r\n")
        return text if "\n" in line else line


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LIKE_A_KEY = re.compile(r"([rsp]k_(live|test)|whsec)_")
"""How keys of payment service providers begin that could be names of variables."""

_KINDS: dict[str, type[Reference]] = {"fromEnv": VariableReference, "fromFile": FileReference}


def from_env(name: str, *, version: int = 1) -> VariableReference:
    """Take a credential from a variable of the environment in which `pulumi up` runs.

    Args:
        name: The variable's name.
        version: Raise it when the value has been rotated: a new integration is created with the new value.

    Raises:
        TypeError: An argument has another type.
        ValueError: *name* can be no variable, or *version* is below 1.
    """
    _require(name, "from_env", "the name of a variable as text", str)
    if not _NAME.fullmatch(name) or _LIKE_A_KEY.match(name):
        raise ValueError("from_env takes the name of a variable, and not its value")
    return VariableReference(name, _version(version))


def from_file(path: str | os.PathLike[str], *, version: int = 1) -> FileReference:
    """Take a credential from a file on the machine on which `pulumi up` runs.

    Args:
        path: The file, in UTF-8: relative to the program's folder (that of Pulumi.yaml, or its `main`), from `~`, or
            absolute. An absolute one within the program's folder is recorded as a relative one, since another checkout
            of the program has it elsewhere.
        version: Raise it when the file has been rotated: a new integration is created with the new value.

    Raises:
        TypeError: An argument has another type.
        ValueError: *path* can be no path, or *version* is below 1.
    """
    _require(path, "from_file", "a path", str, os.PathLike)
    place = os.fspath(path)
    if not place or not place.isprintable():
        raise ValueError("from_file takes the path of a file, and not its content")
    place = os.path.normpath(place)
    folder = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - with its end, as only a folder's begin counts
    return FileReference(place.removeprefix(folder), _version(version))


def _require(value: object, function: str, what: str, *kinds: type) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{function} takes {what}; got {type(value).__name__}")


def _version(version: int) -> int:
    _require(version, "version", "a whole number", int)
    if version < 1:
        raise ValueError(f"version starts at 1; got {version}")
    return version


def from_wire(value: object) -> Reference | None:
    """Return the reference that the state holds as *value*, or None if that is something else."""
    if not isinstance(value, Mapping) or len(value) != 2:  # noqa: PLR2004 - the two keys of a reference
        return None
    for tag, kind in _KINDS.items():
        place, version = value.get(tag), value.get("version")
        # The engine's numbers are floats.
        if isinstance(version, float) and version.is_integer():
            version = int(version)
        if isinstance(place, str) and place and isinstance(version, int) and not isinstance(version, bool):
            return kind(place, version)
    return None


def are_in(payload: object) -> bool:
    """Return whether any credential in a *payload* is a reference."""
    return isinstance(payload, Mapping) and any(from_wire(value) for value in payload.values())


def resolved(payload: Mapping[str, Any], *, tried: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return *payload* with the value of each reference in its place.

    Args:
        payload: Credentials as the state holds them.
        tried: What this is for, in the error text.
        names: The user's own name of each field.

    Raises:
        Unresolved: A credential is not where the program says; the text names all such fields.
    """
    values: dict[str, Any] = {}
    missing: list[str] = []
    # The engine gives a mapping in any order, and an error is to read the same every time.
    for field, value in sorted(payload.items()):
        reference = from_wire(value)
        try:
            values[field] = value if reference is None else reference.value()
        except LookupError as error:
            missing.append(f"credentials.{names.get(field, field)} comes from {error.args[0]}")
    if missing:
        raise Unresolved(
            f"{tried}: {'; '.join(missing)}. Nothing was sent. Provide what is missing, and run `pulumi up` again."
        )
    return values
