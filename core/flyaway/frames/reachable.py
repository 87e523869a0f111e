"""Folders that cannot be looked into, and links that lead nowhere: told by name, as no fault of ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyaway.errors import PatternError


@contextmanager
def reachable() -> Iterator[None]:
    """Have what a disk refuses while files are looked for be an error that names the folder.

    Raises
    ------
    PatternError : a folder cannot be looked into, or a link leads back to itself.
    """
    try:
        yield
    except OSError as error:
        raise PatternError(_why(error)) from error
    except RuntimeError as error:  # what pathlib makes of it until Python 3.13
        if "ymlink loop" not in str(error):
            raise
        raise PatternError(f"{error}: a link leads back to itself. Name another folder.") from error


def _why(error: OSError) -> str:
    where = Path(os.fsdecode(error.filename)) if error.filename else None
    if error.errno == errno.ELOOP:
        return f"{where}: a link leads back to itself. Name another folder."
    if isinstance(error, PermissionError) and where is not None:
        folder = _closed(where)
        way = f"chmod a+rx '{folder}'"
        return f"{folder} cannot be looked into: {error.strerror}. Its owner can let you in ({way})."
    return f"{where or 'a folder'} cannot be looked into: {error.strerror or error}."


def _closed(path: Path) -> Path:
    """Which folder on the way to a path is the one that lets nobody through, or the path itself."""
    return next((folder for folder in reversed(path.parents) if not os.access(folder, os.X_OK)), path)
