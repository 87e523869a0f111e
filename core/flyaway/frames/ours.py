"""What is written beside mattes replaces only what Flyaway wrote there before: reports, pages, pictures.

Mattes have rules of their own (`--overwrite`, journals). What goes beside them is written anew each time, so
a name that by mistake is that of a plate, of a mask or of anybody's work would cost that.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from flyaway.errors import FlyawayError, UsageError
from flyaway.frames import library
from flyaway.frames.atomic import leads_nowhere

Kind = Literal["report", "page", "contact sheet", "preview", "submission", "evaluation", "plot", "live model"]
SOFTWARE = "Flyaway, {kind}"  # what pictures beside mattes say of who made them
OLD_PREVIEWS = "previews"  # the folder of those from before they said so, which Nuke's bakes have
_PAGES = (  # the generator that pages name; a title and a style that those of before have
    '<meta name="generator" content="Flyaway review">',
    "<title>Flyaway review</title>",
    "body { margin: 0; padding: 18px 24px; background: #191a1c; }",
)
_HEAD = 1 << 12  # bytes of a text that tell what it is


def refuse_to_replace(
    path: Path, kind: Kind, reserved: Iterable[Path] = (), what: str = "a plate, a matte or a mask"
) -> None:
    """Raise where a file may not be written.

    Parameters
    ----------
    path : which; one that is not there may be.
    kind : "report" (JSON of a run), "page" (a review's), its "contact sheet", "preview" (of a frame) or
        "submission" (what a farm is handed), "evaluation" (scores and their sheet), "plot" (SVG), or
        "live model" (Nuke's TorchScript).
    reserved : plates, mattes, masks and the like, whether they are there yet or not.
    what : the reserved ones are, for the message.

    Raises
    ------
    UsageError : it is a folder, a reserved file, a link that leads nowhere, or there and nothing of that kind
        that Flyaway wrote.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file for the {kind}.")
    if leads_nowhere(path):
        raise UsageError(
            f"{path} is a link to {path.readlink()}, which is not there: name another, or move it away."
        )
    if (path.exists() and not path.is_file()) or Path("/dev") in path.absolute().parents:
        raise UsageError(f"{path} is a device or a pipe, and no place for a {kind}: name a file.")
    place = path.resolve()
    if any(one.name == place.name and one.resolve() == place for one in reserved):
        raise UsageError(f"{path} cannot be the {kind}: it is {what}. Name another file.")
    if path.exists() and path.stat().st_size and not _IS[kind](path):
        picture = kind in ("preview", "contact sheet") or (kind == "evaluation" and path.suffix == ".png")
        older = "; those of earlier releases do not say so" if picture else ""
        raise UsageError(
            f"{path} is there already, and is no {kind} that Flyaway wrote{older}: name another, or move it"
            " away."
        )


def _head(path: Path) -> str:
    """What a text begins with; a character that is cut in two there is left out."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode(errors="ignore")
    except OSError:
        return ""


def _is_report(path: Path) -> bool:
    # Its head alone: one of a hundred thousand failures has 60 MB.
    return re.match(r'\{\s*(?:"(?:name|job)": ".*",\s*)?"exit_code": \d+,', _head(path)) is not None


def _is_page(path: Path) -> bool:
    head = _head(path)
    return head.lower().startswith("<!doctype html") and any(mark in head for mark in _PAGES)


def _is_sheet(path: Path) -> bool:
    return _says(path, "contact sheet")


def _is_preview(path: Path) -> bool:
    return _says(path, "preview") or (path.parent.name == OLD_PREVIEWS and _says(path, ""))


def _says(path: Path, kind: str) -> bool:
    """Whether a picture says that it is of a kind; of "", that it says nothing, and is 8-bit RGBA."""
    try:
        source = library.open_input(path)
    except FlyawayError:
        return False
    spec = source.spec()
    source.close()
    said = str(spec.get("Software", "") or "")
    if kind:
        return said == SOFTWARE.format(kind=kind)
    return not said and spec.nchannels == 4 and str(spec.format) == "uint8"


def _is_submission(path: Path) -> bool:
    """OpenJD's template, OpenCue's outline, or one of Deadline's two files, as `flyaway.farm` writes them."""
    head = _head(path)
    return (
        (head.startswith("{") and '"description": "Portrait mattes by flyaway batch.' in head)
        or (head.startswith('"""Portrait mattes of ') and "written by flyaway " in head.partition("\n")[0])
        or head.startswith("Plugin=CommandLine\nName=flyaway ")
        or re.match(r"Executable=.*\nArguments=batch .*--resume --progress", head) is not None
    )


def _is_evaluation(path: Path) -> bool:
    if path.suffix == ".png":
        return _is_sheet(path)
    head = _head(path)
    table = re.search(r"^\| (matter|condition) \|", head, re.MULTILINE)
    title = re.match(r"# .*: \d+ images\n", head)
    return bool(re.match(r'\{\s*"format": \d+,\s*"set": "', head) or (title and table))


def _is_plot(path: Path) -> bool:
    opening = r'<svg xmlns="[^"]+" viewBox="0 0 \d+ \d+" font-family="sans-serif" font-size="11"><rect'
    return re.match(opening, _head(path)) is not None


def _is_live_model(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/__torch__/flyaway/" in name for name in archive.namelist())


_IS: dict[Kind, Callable[[Path], bool]] = {
    "report": _is_report,
    "page": _is_page,
    "contact sheet": _is_sheet,
    "preview": _is_preview,
    "submission": _is_submission,
    "evaluation": _is_evaluation,
    "plot": _is_plot,
    "live model": _is_live_model,
}
