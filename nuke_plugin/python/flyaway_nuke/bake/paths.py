"""Paths as Nuke means them: Tcl evaluated, and what is relative against the project's directory."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nuke

from .errors import PlateError


def file_of(knob: nuke.Knob) -> str:
    """What a file knob names, absolute, with forward slashes and a sequence's `%04d` left in; "" for none.

    Raises
    ------
    PlateError : its Tcl means nothing.
    """
    try:
        path = cast("nuke.File_Knob", knob).getEvaluatedValue()
    except RuntimeError as error:
        raise PlateError(f"{knob.name()}: {knob.value()} cannot be evaluated ({error}): mend it.") from error
    return absolute(str(path or ""))


def absolute(path: str) -> str:
    """A path from the project's directory on; from Nuke's own, where the script names none."""
    path = path.strip().replace("\\", "/")
    if not path or path.startswith("/") or Path(path).is_absolute():
        return path
    project = str(cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or "").strip()
    return (Path.cwd() / project / path).as_posix()
