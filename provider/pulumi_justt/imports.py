"""Keep modules in the program's folder from shadowing the modules that this package imports.

The provider process starts in the program's folder, and Python looks for modules there first. Within `own_imports`,
Python does not find a `secrets.py` or `pydantic/` in that folder, whether this package or a dependency imports it, and
whether the import is required or optional. Outside of `own_imports`, and in other threads, imports work as usual:
another dynamic provider of the same program may need modules from its folder.

This module imports only modules that Python has already loaded, because its protection starts after its own import.
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
    """Return whether this process is the SDK's dynamic host, and not a program, a command or a test."""
    return getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", "") == "pulumi.dynamic.__main__"


@contextmanager
def own_imports() -> Iterator[None]:
    """Import nothing from the program's folder within the `with` statement or the decorated call.

    This affects only the calling thread, and only in the provider process.
    """
    outer = getattr(_thread, "is_own", False)
    _thread.is_own = is_host()
    try:
        yield
    finally:
        _thread.is_own = outer


class _OwnFinder:
    """Finds top-level modules everywhere except in one folder.

    Args:
        folder: The folder to leave out.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the location of a module, or None to let the next finder look."""
        if path is not None or not getattr(_thread, "is_own", False):
            return None
        elsewhere = [entry for entry in sys.path if os.path.realpath(entry) != self._folder]
        found = PathFinder.find_spec(name, elsewhere, target)
        # Other finders serve, for example, packages that are installed in editable mode.
        others = (finder for finder in sys.meta_path if finder not in (self, PathFinder))
        found = found or next(filter(None, (finder.find_spec(name, None, target) for finder in others)), None)
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found


def _install() -> None:
    folder = os.path.realpath(os.getcwd())  # noqa: PTH109 - pathlib may not be loaded yet
    # If this package is installed into the program's folder, its dependencies are there too, so install nothing.
    if is_host() and os.path.dirname(os.path.dirname(os.path.realpath(__file__))) != folder:  # noqa: PTH120 - likewise
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(place, _OwnFinder(folder))


_install()
