"""Credentials by reference: the program says where a value is found, and the provider finds it when it creates.

In the state a reference is a small object that is not secret, so that reviewers see it, and the value is nowhere:

    from_env("STRIPE_KEY", version=2)    "secretReferences": {"apiKey": {"fromEnv": "STRIPE_KEY", "version": 2}}
    from_file("keys/sftp.pem")           "secretReferences": {"privateKey": {"fromFile": "keys/sftp.pem", "version": 1}}

Its place tells that it is one, and not its shape: data that a program passes on is a value, whatever it looks like, and
never chooses which variable or file of this machine is sent.

Nothing can tell that the value behind a reference has changed, which is why a rotation is said: another `version`, or
another name, is another integration. Only `create` needs the variable or the file.
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
from pulumi_justt.values import MOST_EXACT, color_problem, is_like_a_secret, is_utf8

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

    tag: ClassVar[str]
    """The key in the state."""

    place: str
    version: int

    def wire(self) -> dict[str, Any]:
        """Return what the state holds."""
        return {self.tag: self.place, "version": self.version}

    def value(self) -> str:
        """Return the credential.

        Raises:
            LookupError: It is not there; the text says where it was looked for, and what was found instead.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class VariableReference(Reference):
    """A variable of the environment in which `pulumi up` runs."""

    tag: ClassVar[str] = "fromEnv"

    def __str__(self) -> str:
        """Name the variable in an error."""
        return f"the variable {self.place!r}"

    def value(self) -> str:
        """Return the variable's value as it is.

        Raises:
            LookupError: It is not set, or empty.
        """
        value = os.environ.get(self.place)
        if not value or not value.strip():
            state = "is not set" if value is None else "is empty"
            raise LookupError(f"the variable {self.place!r}, which {state} where pulumi runs")
        if not is_utf8(value):
            raise LookupError(f"the variable {self.place!r}, which is no text in UTF-8")
        return value


@dataclass(frozen=True)
class FileReference(Reference):
    """A file on the machine on which `pulumi up` runs."""

    tag: ClassVar[str] = "fromFile"

    def __str__(self) -> str:
        """Name the file in an error."""
        return f"the file {self.place!r}"

    def relative_to(self, folder: str | os.PathLike[str]) -> FileReference:
        """Return the same reference as a program in *folder* writes it, without what differs between checkouts."""
        home = Path(folder).resolve()
        # All that a checkout has in common with a folder such as /run/secrets is the root.
        above = [each for each in (home, *home.parents) if each != each.parent]
        path = _walked(home, self.place)
        for parent in path.parents:
            # A link within the checkout stays one; a link to the checkout is looked through.
            if (real := parent.resolve()) in above:
                parts = [*[".."] * above.index(real), *path.relative_to(parent).parts]
                return FileReference("/".join(parts), self.version)
        return FileReference(path.as_posix(), self.version)

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
            # A named pipe that nobody writes to would be waited for.
            opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            try:
                # Of what was opened: the path may lead to something else by now.
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    raise LookupError(f"{where} is no regular file")
                with open(opened, "rb", closefd=False) as file:
                    content = file.read(_MOST_BYTES + 1)
            finally:
                os.close(opened)
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
_PUBLIC_KEY = re.compile(r"pk_(live|test)_")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_FEWEST_RANDOM = 16
"""Characters below which a text is too short to tell words from random letters and digits."""
_SHORTEST_WORD = 2.5
"""Characters of the words of a name, on average. Those of random letters and digits have two."""
_RESERVED = ("PULUMI_", "JUSTT_")
"""How variables begin that configure Pulumi and this provider, keys and passphrases among them."""

_KINDS: tuple[type[Reference], ...] = (VariableReference, FileReference)


@one_sentence
def from_env(name: str, *, version: int = 1) -> VariableReference:
    """Take a credential from a variable of the environment in which `pulumi up` runs.

    Args:
        name: The variable's name.
        version: Raise it when the value has been rotated: a new integration is created with the new value.

    Raises:
        TypeError: An argument has another type.
        ValueError: *name* can be no variable, looks like a credential, or is one of Pulumi's or of this provider's, or
            *version* is out of range.
    """
    _require(name, "from_env", "the name of a variable as text", str)
    if not _NAME.fullmatch(name) or _is_like_a_credential(name):
        raise ValueError("from_env takes the name of a variable, and not its value")
    if _is_reserved(name):
        raise ValueError(
            f"from_env does not take {name}: variables that begin with PULUMI_ or JUSTT_ configure Pulumi and this "
            "provider, and are never sent as a credential"
        )
    return VariableReference(name, _version(version))


@one_sentence
def from_file(path: str | os.PathLike[str], *, version: int = 1) -> FileReference:
    """Take a credential from a file on the machine on which `pulumi up` runs.

    Args:
        path: The file, in UTF-8: relative to the program's folder (that of Pulumi.yaml, or its `main`), from `~`, or
            absolute. An absolute one is recorded as a relative one, with `/`, since another checkout of the program has
            it elsewhere; unless it has no folder but the root in common with the program, as `/run/secrets/key`.
        version: Raise it when the file has been rotated: a new integration is created with the new value.

    Raises:
        TypeError: An argument has another type.
        ValueError: *path* can be no path, or looks like a credential, or *version* is out of range.
    """
    _require(path, "from_file", "a path", str, os.PathLike)
    place: object = os.fspath(path)
    if not isinstance(place, str) or not place or not place.isprintable() or "-----BEGIN " in place:
        raise ValueError("from_file takes the path of a file, and not its content")
    if not {".", "/", "\\"} & {*place} and _is_like_a_credential(place):
        raise ValueError("from_file takes the path of a file, and this looks like a credential: a file is ./NAME too")
    if (problem := color_problem(place)) is not None:
        raise ValueError(f"the path of from_file {problem}")
    # The same on every operating system.
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
    """Return a path that begins with `~` in its one spelling, or an absolute one if it leads out of that home."""
    user, _, rest = place.partition("/")
    if not user.startswith("~"):
        return place
    try:
        home = Path(user).expanduser()
    except RuntimeError:
        # A home that nobody has: the provider says so when it looks there.
        return place
    path = _walked(home, rest.lstrip("/"))
    return f"{user}/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path.as_posix()


def _walked(folder: Path, place: str) -> Path:
    """Return the absolute path of *place* in *folder*, without `..`: after a link that leads out of its target."""
    # Two slashes at the beginning mean nothing but on Windows, where a server follows.
    whole = Path(folder, place if os.name == "nt" else re.sub("^/+", "/", place))
    path = Path(whole.anchor)
    for part in whole.parts[1:]:
        if part != "..":
            path /= part
        else:
            path = (path.resolve() if path.is_symlink() else path).parent
    return path


def _program_folder() -> str | None:
    """Return the program's folder, in which its provider process runs; None where no language host runs a program."""
    # Not the working directory, which the program may have changed by now.
    arguments = sys.orig_argv
    if not any(os.path.basename(each).startswith("pulumi-language-python") for each in arguments):  # noqa: PTH119
        return None
    return next((value for option, value in pairwise(arguments) if option == "--pwd"), None)


def _is_like_a_credential(name: str) -> bool:
    """Tell whether a credential was pasted instead of the name of its variable, which states and previews show."""
    # Names of many short words, and those with the id of an integration (`ADYEN_110B99FD_HMAC`), have underscores.
    part = max(name.split("_"), key=len)
    is_random = _FEWEST_RANDOM <= len(part) < _SHORTEST_WORD * len(_WORD.findall(part))
    return is_random or is_like_a_secret(name) or _PUBLIC_KEY.match(name) is not None


def _is_reserved(name: str) -> bool:
    # Windows does not tell upper case from lower case here.
    return name.upper().startswith(_RESERVED)


def _require(value: object, function: str, what: str, *kinds: type) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{function} takes {what}; got {type(value).__name__}")


def _can_be(kind: type[Reference], place: str) -> bool:
    if kind is VariableReference:
        return _NAME.fullmatch(place) is not None and not _is_reserved(place)
    return bool(place) and place.isprintable()


def _version(version: int) -> int:
    _require(version, "version", "a whole number", int)
    if version < 1:
        raise ValueError(f"version starts at 1; got {version}")
    if version > MOST_EXACT:
        raise ValueError("version must not be beyond 2^53: it would be rounded on its way")
    return version


def from_wire(value: object) -> Reference | None:
    """Return the reference that the state holds as *value*, or None if that is none which the program can make."""
    if not isinstance(value, Mapping) or len(value) != 2:  # noqa: PLR2004 - the two keys of a reference
        return None
    for kind in _KINDS:
        place, version = value.get(kind.tag), value.get("version")
        # The engine's numbers are floats.
        if isinstance(version, float) and version.is_integer():
            version = int(version)
        if type(version) is int and 0 < version <= MOST_EXACT and isinstance(place, str) and _can_be(kind, place):
            return kind(place, version)
    return None


def are_in(payload: object) -> bool:
    """Return whether any value in a *payload* looks like a reference, as in a state of before `secretReferences`."""
    return isinstance(payload, Mapping) and any(map(from_wire, payload.values()))


def _value_of(reference: Reference | None, problem: Callable[[str], str | None]) -> str:
    """Return what *reference* refers to.

    Raises:
        LookupError: It is not there, or cannot be a credential.
    """
    if reference is None:
        raise LookupError("something that from_env and from_file do not make")
    value = reference.value()
    if (fault := problem(value)) is not None:
        raise LookupError(f"{reference}, which {fault}")
    return value


def resolved(
    references: Mapping[str, Any],
    *,
    operation: str,
    names: Mapping[str, str],
    problem: Callable[[str, str], str | None] = lambda _field, _value: None,
) -> dict[str, str]:
    """Return the values of *references*.

    Args:
        references: References as the state holds them, by field.
        operation: What this is for, in the error text.
        names: The user's own name of each field.
        problem: Says what is wrong with the value of a field, if anything is.

    Raises:
        Unresolved: A credential is not where the program says, or cannot be one; the text names all such fields.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    # The engine gives a mapping in any order, and an error is to read the same every time.
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
