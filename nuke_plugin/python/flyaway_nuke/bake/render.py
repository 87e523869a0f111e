"""The plate as Nuke sees it, on disk: what a bake reads where nodes lie between it and the files.

Half EXR of the script's own scene-linear values, the bounding box as data window and the format as
display window, so overscan is matted too and the matte falls back into place. No pixel passes through
Python: a Write does it.
"""

from __future__ import annotations

from pathlib import Path

import nuke

from . import colour
from .cache import frame_path
from .digest import digest
from .errors import PlateError
from .knobs import quietly
from .plate import PlateFiles
from .ranges import format_range


def render_plate(node: nuke.Node, frames: list[int], root: Path, space: str, *, alpha: bool) -> PlateFiles:
    """Render what feeds `node`; frames that are there from before, of the very same picture, are kept.

    Blocks, with Nuke's own progress bar and its Cancel, as any Write does.

    Parameters
    ----------
    space : what the values will be in: see `rendered_space`.
    alpha : whether the plate's own alpha is wanted beside its colour.

    Raises
    ------
    PlateError : Nuke could not, or the user stopped it.
    """
    channels = "rgba" if alpha else "rgb"
    # By what it holds alone: a node that is renamed finds its plate.
    folder = root / "plates" / f"plate-{digest(node, frames, channels)[:16]}"
    source = (folder / "plate.%04d.exr").as_posix()
    missing = [frame for frame in frames if not _there(source, frame)]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlateError(f"{folder} cannot be made: {error.strerror or error}.") from error
        _render(node, missing, source, channels)
        lost = [frame for frame in missing if not _there(source, frame)]
        if lost:
            raise PlateError(
                f"Nuke wrote no plate for frames {format_range(lost)}. Look at its error console."
            )
    return PlateFiles(source, space, colour.ocio_config(), node.name())


def rendered_space(named: str, files: str | None, why: str) -> str:
    """The colour space of what Nuke renders: the script's working space, which is what nodes are given.

    Parameters
    ----------
    named : the node's *plate's colour*, which is that of the plate's files; "" where nothing is said.
    files : the space that the Read itself says its files are in; None where it cannot be known.
    why : why Nuke renders.

    Raises
    ------
    PlateError : the working space has no name, or the node names another than what is rendered.
    """
    space = colour.working_space()
    if space is None:
        if named:
            return named
        raise PlateError(
            "The script's working space has no name. Set it in the project settings, or say on the node's"
            " More tab, as plate's colour, what the values are in."
        )
    if named and named not in (space, files):
        raise PlateError(
            f"Nuke renders the plate in the script's working space, {space}, since {why}; plate's colour says"
            f" {named}. Empty plate's colour, and say it on the Read; or connect the node to the Read itself."
        )
    return space


def _render(node: nuke.Node, frames: list[int], source: str, channels: str) -> None:
    # The Write is ours, and gone at the end: Undo is not to bring it back.
    with quietly():
        _write(node, frames, source, channels)


def _write(node: nuke.Node, frames: list[int], source: str, channels: str) -> None:
    with node.parent():
        write = nuke.nodes.Write()
    try:
        write.setInput(0, node.input(0))
        # The file type first: its own knobs are there only after it.
        for knob, value in (
            ("file_type", "exr"),
            ("file", source),
            ("channels", channels),
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
