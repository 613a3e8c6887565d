"""Support credentials by reference: the program names a variable or a file, and the provider reads it during create.

The state stores the reference as a small object that is not secret, so reviewers can see it, and never the value:

    from_env("STRIPE_KEY", version=2)    "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 2}}
    from_file("keys/sftp.pem")           "secretReferences": {"privateKey": {"fromFile": "keys/sftp.pem", "version": 1}}

Only an object in `secretReferences` is a reference. Data in any other property is a value, even if it has the same
shape, so data that a program passes on never chooses which variable or file of this machine is sent.

The provider can't see that the value of a variable or file has changed. To rotate it, the program sets another
`version` or another name, which replaces the integration. Only `create` needs the variable or the file.
"""

from __future__ import annotations

import functools
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from pulumi_justt.errors import Unresolved
from pulumi_justt.program_errors import one_sentence
from pulumi_justt.values import MOST_EXACT, color_problem, is_like_a_secret, is_utf8, kind_of

__all__ = ["FileReference", "Reference", "VariableReference", "from_env", "from_file"]

_MOST_BYTES = 1_000_000
"""Justt accepts no larger request."""


@dataclass(frozen=True)
class Reference:
    """A variable or a file that holds a credential. `from_env` and `from_file` create references.

    Args:
        place: The name of the variable, or the path of the file.
        version: A number that the program raises when the value has changed.
    """

    tag: ClassVar[str]
    """The key of *place* in the state."""

    place: str
    version: int

    def wire(self) -> dict[str, Any]:
        """Return the object that the state stores."""
        return {self.tag: self.place, "version": self.version}

    def value(self) -> str:
        """Read the credential.

        Raises:
            LookupError: There is no credential. The text says where the provider looked and what it found.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class VariableReference(Reference):
    """A variable of the environment in which `pulumi up` runs."""

    tag: ClassVar[str] = "fromEnv"

    def __str__(self) -> str:
        """Return the variable's name for an error text."""
        return f"the variable {self.place!r}"

    def value(self) -> str:
        """Return the variable's value unchanged.

        Raises:
            LookupError: The variable is not set, is empty, or is not text in UTF-8.
        """
        value = os.environ.get(self.place)
        if not value or not value.strip():
            state = "is not set" if value is None else "is empty"
            raise LookupError(f"the variable {self.place!r}, which {state} where pulumi runs")
        if not is_utf8(value):
            raise LookupError(f"the variable {self.place!r}, which is not text in UTF-8")
        return value


@dataclass(frozen=True)
class FileReference(Reference):
    """A file on the machine on which `pulumi up` runs."""

    tag: ClassVar[str] = "fromFile"

    def __str__(self) -> str:
        """Return the file's path for an error text."""
        return f"the file {self.place!r}"

    def relative_to(self, folder: str | os.PathLike[str]) -> FileReference:
        """Return the same reference with a path relative to *folder*, so that it is the same in every checkout."""
        home = Path(folder).resolve()
        # Leave out the root: a path that shares only the root with *folder*, such as /run/secrets, stays absolute.
        above = [each for each in (home, *home.parents) if each != each.parent]
        path = _walked(home, self.place)
        for parent in path.parents:
            # This keeps a symbolic link inside the checkout, and resolves a link outside that leads to the checkout.
            if (real := parent.resolve()) in above:
                parts = [*[".."] * above.index(real), *path.relative_to(parent).parts]
                return FileReference("/".join(parts), self.version)
        return FileReference(path.as_posix(), self.version)

    def value(self) -> str:
        """Return the file's text: one line without its line break, or several lines, such as a PEM key, unchanged.

        Raises:
            LookupError: The file does not exist, cannot be read, is too large, or is not text.
        """
        path = Path(self.place)
        inside = ""
        try:
            path = path.expanduser()
            inside = "" if path.is_absolute() else f" in {Path.cwd()}"
            # O_NONBLOCK: opening a named pipe without a writer would block.
            opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            try:
                # fstat, not stat: the path may lead to another file by now.
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    raise LookupError(f"the file {self.place!r}{inside}, which is not a regular file")
                with open(opened, "rb", closefd=False) as file:
                    content = file.read(_MOST_BYTES + 1)
            finally:
                os.close(opened)
        except (OSError, RuntimeError, ValueError) as error:
            # `expanduser` raises a RuntimeError for a user that does not exist.
            reason = getattr(error, "strerror", None)
            raise LookupError(
                f"the file {self.place!r}{inside}, which cannot be read: {reason or 'the path does not exist'}"
            ) from None
        if len(content) > _MOST_BYTES:
            raise LookupError(
                f"the file {self.place!r}{inside}, which has more than {_MOST_BYTES:,} bytes, more than Justt takes"
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # `from None`, because the exception holds the file's bytes.
            raise LookupError(f"the file {self.place!r}{inside}, which is not text in UTF-8") from None
        if not text.strip():
            raise LookupError(f"the file {self.place!r}{inside}, which is empty")
        if "\0" in text:
            raise LookupError(f"the file {self.place!r}{inside}, which is not text in UTF-8")
        line = text.rstrip("\r\n")
        return text if "\n" in line else line


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PUBLIC_KEY = re.compile(r"pk_(live|test)_")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_FEWEST_RANDOM = 16
"""The minimum length, in characters, at which random letters and digits can be distinguished from words."""
_SHORTEST_WORD = 2.5
"""The minimum average word length, in characters, of a name. Random letters and digits have an average of two."""
_RESERVED = ("PULUMI_", "JUSTT_")
"""The prefixes of variables that configure Pulumi and this provider. Some hold keys and passphrases."""

_KINDS: tuple[type[Reference], ...] = (VariableReference, FileReference)


@one_sentence
def from_env(name: str, *, version: int = 1) -> VariableReference:
    """Read a credential from an environment variable of the process that runs `pulumi up`.

    Args:
        name: The variable's name.
        version: Raise it after you rotate the value. `pulumi up` then creates a new integration with the new value.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: *name* is not a valid variable name, looks like a credential, or is reserved for Pulumi or this
            provider, or *version* is out of range.
    """
    _require(name, "from_env", "the name of a variable as text", str)
    if not _NAME.fullmatch(name) or _is_like_a_credential(name):
        raise ValueError("from_env takes the name of an environment variable, not its value")
    if _is_reserved(name):
        raise ValueError(
            f"from_env does not take {name}: variables that begin with PULUMI_ or JUSTT_ configure Pulumi and this "
            "provider, and are never sent as a credential"
        )
    return VariableReference(name, _version(version))


@one_sentence
def from_file(path: str | os.PathLike[str], *, version: int = 1) -> FileReference:
    """Read a credential from a file on the machine that runs `pulumi up`.

    Args:
        path: The path of a UTF-8 file: relative to the program's folder (the folder of Pulumi.yaml, or its `main`),
            absolute, or starting with `~`. The state stores an absolute path as a relative one, with `/`, so that every
            checkout of the program gives the same state. A path that shares only the root with the program's folder,
            such as `/run/secrets/key`, stays absolute.
        version: Raise it after you rotate the file. `pulumi up` then creates a new integration with the new value.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: *path* is not a valid path or looks like a credential, or *version* is out of range.
    """
    _require(path, "from_file", "a path", str, os.PathLike)
    place: object = os.fspath(path)
    if not isinstance(place, str) or not place or not place.isprintable() or "-----BEGIN " in place:
        raise ValueError("from_file takes the path of a file, not its content")
    if _is_bare_credential(place):
        raise ValueError(
            "from_file takes the path of a file, and this looks like a credential: for a file of that name, use ./NAME"
        )
    if (problem := color_problem(place)) is not None:
        raise ValueError(f"the path of from_file {problem}")
    # Store `/` on every operating system, so that the state is the same.
    reference = FileReference(_below_home(place.replace("\\", "/")), _version(version))
    if reference.place.startswith("~"):
        return reference
    folder = _program_folder()
    if folder is not None:
        return reference.relative_to(folder)
    path = _walked(Path.cwd(), reference.place)
    is_absolute = Path(reference.place).is_absolute()
    return FileReference(path.as_posix() if is_absolute else Path(os.path.relpath(path)).as_posix(), reference.version)


def _below_home(place: str) -> str:
    """Normalize a path that begins with `~`. If it leads out of that home folder, return an absolute path."""
    user, _, rest = place.partition("/")
    if not user.startswith("~"):
        return place
    try:
        home = Path(user).expanduser()
    except RuntimeError:
        # The user does not exist. The provider reports that when it reads the file.
        return place
    path = _walked(home, rest.lstrip("/"))
    return f"{user}/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path.as_posix()


def _walked(folder: Path, place: str) -> Path:
    """Return the absolute path of *place* in *folder*. A `..` after a link is the parent of its target."""
    # Two leading slashes have a meaning only on Windows, where a server name follows.
    whole = Path(folder, place if os.name == "nt" else re.sub("^/+", "/", place))
    path = Path(whole.anchor)
    for part in whole.parts[1:]:
        if part != "..":
            path /= part
        else:
            path = (path.resolve() if path.is_symlink() else path).parent
    return path


def _program_folder() -> str | None:
    """Return the program's folder, where the provider process runs; None if no language host started this process."""
    # Don't use the working directory, which the program may have changed.
    arguments = sys.orig_argv
    if not any(os.path.basename(each).startswith("pulumi-language-python") for each in arguments):  # noqa: PTH119 - a str
        return None
    return next((value for option, value in pairwise(arguments) if option == "--pwd"), None)


def _is_like_a_credential(name: str) -> bool:
    """Return whether *name* may be a credential pasted by mistake, because state and previews show the name."""
    # Underscores separate the words of legitimate long names, such as `ADYEN_110B99FD_HMAC`.
    part = max(name.split("_"), key=len)
    is_random = _FEWEST_RANDOM <= len(part) < _SHORTEST_WORD * len(_WORD.findall(part))
    return is_random or is_like_a_secret(name) or _PUBLIC_KEY.match(name) is not None


def _is_reserved(name: str) -> bool:
    # Variable names are case-insensitive on Windows.
    return name.upper().startswith(_RESERVED)


def _require(value: object, function: str, what: str, *kinds: type) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{function} takes {what}; got {kind_of(value)}")


def _can_be(kind: type[Reference], place: str) -> bool:
    if kind is VariableReference:
        return _NAME.fullmatch(place) is not None and not _is_reserved(place) and not _is_like_a_credential(place)
    return bool(place) and place.isprintable() and not _is_bare_credential(place)


def _is_bare_credential(place: str) -> bool:
    return not {".", "/", "\\"} & {*place} and _is_like_a_credential(place)


def _version(version: int) -> int:
    _require(version, "version", "a whole number", int)
    if version < 1:
        raise ValueError(f"version starts at 1; got {version}")
    if version > MOST_EXACT:
        raise ValueError("version must be at most 2^53: the engine would round a larger number")
    return version


def from_wire(value: object) -> Reference | None:
    """Return the reference that the state stores as *value*, or None if no program can create that reference."""
    if not isinstance(value, Mapping) or len(value) != 2:  # noqa: PLR2004 - the two keys of a reference
        return None
    for kind in _KINDS:
        place, version = value.get(kind.tag), value.get("version")
        # The engine sends all numbers as floats.
        if isinstance(version, float) and version.is_integer():
            version = int(version)
        if type(version) is int and 0 < version <= MOST_EXACT and isinstance(place, str) and _can_be(kind, place):
            return kind(place, version)
    return None


def with_versions(referred: object) -> object:
    """Return references with their versions. A program in another language may leave the version out: it is then 1."""
    if not isinstance(referred, Mapping):
        return referred
    return {
        name: {**value, "version": 1} if isinstance(value, Mapping) and "version" not in value else value
        for name, value in referred.items()
    }


def are_in(payload: object) -> bool:
    """Return whether any value in *payload* looks like a reference, as in a state of an older version."""
    return isinstance(payload, Mapping) and any(map(from_wire, payload.values()))


def _value_of(reference: Reference | None, problem: Callable[[str], str | None]) -> str:
    """Read the value of *reference* and validate it with *problem*.

    Raises:
        LookupError: The value is missing, or cannot be a credential.
    """
    if reference is None:
        raise LookupError("an invalid reference, not made by from_env or from_file")
    value = reference.value()
    if (issue := problem(value)) is not None:
        raise LookupError(f"{reference}, which {issue}")
    return value


def resolved(
    references: Mapping[str, Any],
    *,
    operation: str,
    names: Mapping[str, str],
    problem: Callable[[str, str], str | None] = lambda _field, _value: None,
) -> dict[str, str]:
    """Read the values of all *references*.

    Args:
        references: The references as the state stores them, keyed by field.
        operation: What the provider is doing, for the error text.
        names: The Python name of each field, for the error text.
        problem: Returns what is wrong with the value of a field, or None.

    Raises:
        Unresolved: A credential is missing or invalid. The text names all such fields.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    # Sorted, because the engine sends mappings in any order and the error text should not vary.
    for field, recorded in sorted(references.items()):
        reference = from_wire(recorded)
        try:
            values[field] = _value_of(reference, functools.partial(problem, field))
        except LookupError as error:
            missing.append(f"credentials.{names.get(field, field)} comes from {error.args[0]}")
    if missing:
        raise Unresolved(
            f"{operation}: {'; '.join(missing)}. Nothing was sent. Provide what is missing, and run `pulumi up` again."
        )
    return values
