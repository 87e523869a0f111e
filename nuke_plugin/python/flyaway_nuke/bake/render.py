"""The plate as Nuke sees it, on disk: what a bake reads where nodes lie between it and the files.

Half EXR of the script's own scene-linear values, the bounding box as data window and the format as
display window, so overscan is matted too and the matte falls back into place. No pixel passes through
Python: a Write does it.
"""

from __future__ import annotations

import re
from pathlib import Path

import nuke

from . import colour
from .cache import frame_path
from .errors import PlateError
from .plate import PlateFiles, digest
from .ranges import format_range


def render_plate(node: nuke.Node, frames: list[int], root: Path, title: str) -> PlateFiles:
    """Render what feeds `node`; frames that are there from before, of the very same nodes, are kept.

    Blocks, with Nuke's own progress bar and its Cancel, as any Write does.

    Raises
    ------
    PlateError : Nuke could not, or the user stopped it.
    """
    space = colour.working_space()
    if space is None:
        raise PlateError("The script's working space has no name. Say the plate's colour space on the node.")
    name = re.sub(r"[^\w.-]+", "_", title).strip("._") or "plate"
    folder = root / "plates" / f"{name}-{digest(node)[:12]}"
    source = (folder / "plate.%04d.exr").as_posix()
    missing = [frame for frame in frames if not _there(source, frame)]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlateError(f"{folder} cannot be made: {error.strerror or error}.") from error
        _render(node, missing, source)
        lost = [frame for frame in missing if not _there(source, frame)]
        if lost:
            raise PlateError(
                f"Nuke wrote no plate for frames {format_range(lost)}. Look at its error console."
            )
    return PlateFiles(source, space, colour.ocio_config(), title)


def _render(node: nuke.Node, frames: list[int], source: str) -> None:
    with node.parent():
        write = nuke.nodes.Write()
    try:
        write.setInput(0, node.input(0))
        # The file type first: its own knobs are there only after it.
        for knob, value in (
            ("file_type", "exr"),
            ("file", source),
            ("channels", "rgb"),
            ("raw", True),
            ("create_directories", True),
        ):
            write[knob].setValue(value)
        ranges = nuke.FrameRanges([nuke.FrameRange(item) for item in format_range(frames).split(",")])
        nuke.execute(write, ranges, list(nuke.views())[:1])
    except RuntimeError as error:
        message = str(error).strip()
        if "cancel" in message.lower():
            raise PlateError("The plate's render was stopped. Bake again to go on where it was.") from error
        raise PlateError(f"Nuke could not render the plate: {message}") from error
    finally:
        nuke.delete(write)


def _there(source: str, frame: int) -> bool:
    try:
        return Path(frame_path(source, frame)).stat().st_size > 0
    except OSError:
        return False
