"""How something that lasts (a journal, a report) names other files: never by where somebody stood.

A name is relative to the folder that the naming file stands in, so that a project can be moved, mounted
elsewhere or run from any directory; where no relative name leads there (another drive), it is absolute.
"""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str | Path) -> str:
    """A path that holds wherever it is read, as it was typed: symbolic links in it stay.

    A show's files lie under one name on every machine; what that name leads to differs between them.
    """
    typed = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 -- pathlib drops what a closing slash says
    plain = os.path.normpath(typed)
    if ".." not in Path(typed).parts:
        return plain
    # ".." out of a linked folder leads elsewhere than its name says; the disk takes it as it is.
    folder, name = os.path.split(typed)
    real = os.path.realpath(folder)
    return plain if os.path.realpath(os.path.dirname(plain)) == real else os.path.join(real, name)  # noqa: PTH118, PTH120


class Anchor:
    """The folder that a lasting file stands in, and the names of others as seen from there.

    Parameters
    ----------
    folder : may be reached through symbolic links, and be named relative to the working directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = absolute(folder)
        self._real: dict[str, str] = {}

    def name(self, path: Path) -> str:
        """What to write for a path: with forward slashes, from this folder, or absolute."""
        there = absolute(path)
        try:
            plain = os.path.relpath(there, self._folder)
            if self.place(plain) != self.key(there):
                plain = os.path.relpath(self.key(there), self._realpath(self._folder))
        except ValueError:  # another drive
            return there
        return Path(plain).as_posix()

    def place(self, name: str) -> str:
        """The `key` of a file that was called `name`."""
        return self.key(os.path.join(self._folder, name))  # noqa: PTH118

    def key(self, path: str | Path) -> str:
        """One spelling for all ways to a file, whether it is there or not. Its own last link stays a link."""
        folder, name = os.path.split(os.path.join(os.getcwd(), path))  # noqa: PTH109, PTH118
        return os.path.join(self._realpath(folder), name)  # noqa: PTH118

    def _realpath(self, folder: str) -> str:
        # Once a folder: a hundred thousand frames must not be looked up on a server one by one.
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]
