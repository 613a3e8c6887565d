"""Imports without the program's folder.

The provider process starts in the program's folder, which is the first place where Python looks for modules. Within
`own_imports`, a `secrets.py` or `pydantic/` there is not found, neither in place of a module that this package or a
dependency needs, nor in place of one that a dependency only tries to import. Outside of it, and in other threads,
imports are as usual: another dynamic provider of the same program may need its folder.

This module imports nothing that Python has not loaded already, as it works only after its own import.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["is_host", "own_imports"]

_thread = threading.local()


def is_host() -> bool:
    """Tell whether this process is the SDK's dynamic host, and no program, command or test."""
    return getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", "") == "pulumi.dynamic.__main__"


@contextmanager
def own_imports() -> Iterator[None]:
    """Let the calling thread import nothing from the program's folder within the `with` statement, or decorated call.

    It does so in the provider process only.
    """
    outer = getattr(_thread, "is_own", False)
    _thread.is_own = is_host()
    try:
        yield
    finally:
        _thread.is_own = outer


class _OwnFinder:
    """Finds top-level modules everywhere but in one folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is; None leaves that to the finders behind this one."""
        if path is not None or not getattr(_thread, "is_own", False):
            return None
        elsewhere = [entry for entry in sys.path if os.path.realpath(entry) != self._folder]
        found = PathFinder.find_spec(name, elsewhere, target)
        # Such as those of packages that are installed in editable mode.
        others = (finder for finder in sys.meta_path if finder not in (self, PathFinder))
        found = found or next(filter(None, (finder.find_spec(name, None, target) for finder in others)), None)
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found


def _install() -> None:
    folder = os.path.realpath(os.getcwd())  # noqa: PTH109 - pathlib's way may not be loaded yet
    # What is installed into the program's folder has its dependencies there.
    if is_host() and os.path.dirname(os.path.dirname(os.path.realpath(__file__))) != folder:  # noqa: PTH120 - likewise
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(place, _OwnFinder(folder))


_install()
