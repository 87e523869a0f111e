"""What is written beside mattes replaces only what Flyaway wrote there before: reports, pages, pictures.

Mattes have rules of their own (`--overwrite`, journals). What goes beside them is written anew each time, so
a name that by mistake is that of a plate, of a mask or of anybody's work would cost that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from flyaway.errors import UsageError
from flyaway.frames import library

Kind = Literal["report", "page", "contact sheet", "preview", "submission"]
SOFTWARE = "Flyaway, {kind}"  # what pictures beside mattes say of who made them
OLD_PREVIEWS = "previews"  # the folder of those from before they said so, which Nuke's bakes have
_LARGEST = 1 << 26  # of a report that is looked into: a hundred thousand failures fit


def refuse_to_replace(path: Path, kind: Kind, reserved: Iterable[Path] = ()) -> None:
    """Raise where a file may not be written.

    Parameters
    ----------
    path : which; one that is not there may be.
    kind : "report" (JSON of a run), "page" (a review's), its "contact sheet", "preview" (of a frame) or
        "submission" (what a farm is handed).
    reserved : plates, mattes, masks and the like, whether they are there yet or not.

    Raises
    ------
    UsageError : it is a folder, a reserved file, or there and nothing of that kind that Flyaway wrote.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file for the {kind}.")
    place = path.resolve()
    if any(one.name == place.name and one.resolve() == place for one in reserved):
        raise UsageError(f"{path} cannot be the {kind}: it is a plate, a matte or a mask. Name another file.")
    if path.exists() and path.stat().st_size and not _IS[kind](path):
        raise UsageError(
            f"{path} is there already, and is no {kind} that Flyaway wrote: name another file, or move it"
            " away."
        )


def _text(path: Path, most: int = _LARGEST) -> str:
    try:
        with path.open("rb") as file:
            return file.read(most).decode()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_report(path: Path) -> bool:
    try:
        document = json.loads(_text(path))
    except ValueError:
        return False
    return isinstance(document, dict) and "exit_code" in document


def _is_page(path: Path) -> bool:
    # Pages hold their pictures: all but the head of one is left alone.
    head = _text(path, 1 << 12)
    return head.lower().startswith("<!doctype html") and "Content-Security-Policy" in head


def _is_sheet(path: Path) -> bool:
    return _says(path, "contact sheet") or _is_page(path.with_suffix(".html"))


def _is_preview(path: Path) -> bool:
    return _says(path, "preview") or (path.parent.name == OLD_PREVIEWS and _says(path, ""))


def _says(path: Path, kind: str) -> bool:
    """Whether a picture says that it is of a kind; of "", that it says nothing, and is 8-bit RGBA."""
    try:
        source = library.open_input(path)
    except Exception:
        return False
    spec = source.spec()
    source.close()
    said = str(spec.get("Software", "") or "")
    if kind:
        return said == SOFTWARE.format(kind=kind)
    return not said and spec.nchannels == 4 and str(spec.format) == "uint8"


def _is_submission(path: Path) -> bool:
    return "flyaway" in _text(path, 1 << 16)


_IS: dict[Kind, Callable[[Path], bool]] = {
    "report": _is_report,
    "page": _is_page,
    "contact sheet": _is_sheet,
    "preview": _is_preview,
    "submission": _is_submission,
}
