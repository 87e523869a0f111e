"""Small pictures of a run, for a host's panel: the plate as seen, with its matte as alpha.

A panel that shows progress must not decode 8K EXRs, and a host's Python should never touch pixels: any
toolkit reads an 8-bit PNG by itself.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import UsageError, WriteError
from flyaway.frames.ours import SOFTWARE, refuse_to_replace
from flyaway.frames.read import Plate
from flyaway.pictures.convert import eight_bit, shrink

# The longer side: sharp in a panel, and a hundred of them are still quick to write and to send.
LONG_SIDE = 960


def preview_path(folder: Path, matte: Path) -> Path:
    """Where the preview of a matte goes."""
    return folder / f"{matte.stem}.png"


def write_preview(path: Path, plate: Plate, alpha: FloatImage) -> None:
    """Write one preview: straight RGBA PNG, 8 bit, sRGB, at most `LONG_SIDE` pixels long.

    Parameters
    ----------
    path : ending in .png; an earlier preview is replaced.
    plate : the plate; its data window is shown.
    alpha : H×W float32, linear coverage, over the plate's data window.

    Raises
    ------
    WriteError : it cannot be written, or something else than a preview is there.
    """
    try:
        refuse_to_replace(path, "preview")
    except UsageError as error:
        raise WriteError(f"the preview is not written: {error}", path=path, frame=plate.frame) from None
    # Made small in the encoding it is shown in, before any conversion: cheap, and nobody measures it.
    pixels = np.concatenate([np.nan_to_num(plate.pixels, posinf=0, neginf=0), alpha[..., None]], axis=-1)
    small = shrink(np.ascontiguousarray(pixels, dtype=np.float32), LONG_SIDE)
    colour, encoding = color.display_referred(np.ascontiguousarray(small[..., :3]), plate.space, plate.config)
    if encoding == "linear":
        colour = color.linear_to_srgb(colour)
    shown = np.concatenate([colour, small[..., 3:]], axis=-1)
    values = eight_bit(shown)
    spec = oiio.ImageSpec(values.shape[1], values.shape[0], 4, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("oiio:ColorSpace", "srgb_rec709_scene")
    spec.attribute("Software", SOFTWARE.format(kind="preview"))
    # Shown while it is made, so it appears in one step; without fsync, since nothing depends on it.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part.png")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = oiio.ImageOutput.create(str(part))
        written = target is not None and target.open(str(part), spec) and target.write_image(values)
        if target is None or not written or not target.close():
            problem = oiio.geterror() if target is None else target.geterror()
            raise WriteError(f"the preview cannot be written: {problem}", path=path, frame=plate.frame)
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(f"the preview cannot be written: {reason}.", path=path, frame=plate.frame) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
