"""Packages that only some features need: imported on demand, and named where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flyaway.errors import FlyawayError, MissingPackageError


def require(
    purpose: str, *modules: str, install: str, error: type[FlyawayError] = MissingPackageError
) -> Any:
    """Import `modules` and return the first of them.

    Parameters
    ----------
    purpose : what needs them; the subject of the message ("Reading movies").
    modules : names to import, as in ``import NAME``.
    install : what pip is to be given.
    error : what is raised; `NoEngineError` where a network cannot run for want of them.

    Raises
    ------
    MissingPackageError
        Or `error`: the first one that cannot be imported, with the command that installs it.
    """
    found = []
    for name in modules:
        try:
            found.append(import_module(name))
        except ImportError as cause:
            raise error(f"{purpose} needs {name}: pip install {install}") from cause
    return found[0]
