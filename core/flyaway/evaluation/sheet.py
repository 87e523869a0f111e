"""Contact sheets: each image a row of small pictures, to be looked at.

Columns: plate, truth, then for every matter its alpha, the plate over green through it, and its error (red
where the matte takes too much, blue where it misses, twice the difference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.evaluation import pixels

CELL = 256
GAP = 4
TEXT = 20
PAPER = 40
GREEN = np.array([0.0, 0.69, 0.25], np.float32)
ERROR_GAIN = 2.0


@dataclass(frozen=True)
class Strip:
    """One image's row: small pictures (uint8, within CELL×CELL) by column heading, and a line of text."""

    label: str
    pictures: Mapping[str, NDArray[np.uint8]]


def strip(
    label: str,
    plate: NDArray[np.uint8],
    truth: NDArray[np.floating[Any]],
    alphas: Mapping[str, NDArray[np.floating[Any]]],
) -> Strip:
    """The row of one image: plate H×W×3 uint8, truth and alphas H×W float in 0..1, all at full size."""
    pictures = {"plate": _small(plate), "truth": _small(truth)}
    for name, alpha in alphas.items():
        pictures[name] = _small(alpha)
        pictures[f"{name} over green"] = _small(over_green(plate, alpha))
        pictures[f"{name} error"] = _small(error_picture(alpha, truth))
    return Strip(label, pictures)


def over_green(plate: NDArray[np.uint8], alpha: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The plate over green through an alpha, on encoded values: H×W×3 float32 in 0..1.

    The plate's own colour is used, background spill and all: what is judged is the alpha.
    """
    cover = alpha.astype(np.float32)[..., None]
    return plate.astype(np.float32) / 255 * cover + GREEN * (1 - cover)


def error_picture(alpha: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Signed error as H×W×3 float32: red where alpha is above the truth, blue where it is below."""
    difference = ERROR_GAIN * (alpha.astype(np.float32) - truth.astype(np.float32))
    red, blue = np.clip(difference, 0, 1), np.clip(-difference, 0, 1)
    return np.stack([red, blue * 0.4, blue], axis=-1)


def draw(strips: Sequence[Strip]) -> NDArray[np.uint8]:
    """The sheet as a uint8 H×W×3 image; all strips have the columns of the first."""
    headings = list(strips[0].pictures)
    step_down, step_right = CELL + TEXT + GAP, CELL + GAP
    sheet = np.full((TEXT + GAP + step_down * len(strips), step_right * len(headings), 3), PAPER, np.uint8)
    for row, entry in enumerate(strips):
        for column, heading in enumerate(headings):
            picture = entry.pictures[heading]
            height, width = picture.shape[:2]
            top = TEXT + GAP + row * step_down + TEXT + (CELL - height) // 2
            left = column * step_right + (CELL - width) // 2
            sheet[top : top + height, left : left + width] = picture
    return _lettered(sheet, _texts(strips, headings, step_down, step_right))


def write(path: Path, strips: Sequence[Strip]) -> None:
    """Draw the sheet and write it as an image."""
    pixels.write(path, draw(strips))


def _texts(
    strips: Sequence[Strip], headings: Sequence[str], down: int, right: int
) -> Iterator[tuple[int, int, str]]:
    for column, heading in enumerate(headings):
        yield column * right + GAP, TEXT - 5, heading
    for row, entry in enumerate(strips):
        yield GAP, TEXT + GAP + row * down + TEXT - 5, entry.label


def _lettered(image: NDArray[np.uint8], texts: Iterator[tuple[int, int, str]]) -> NDArray[np.uint8]:
    """The image with lines of text; as it is where OpenImageIO was built without fonts."""
    oiio = pixels.openimageio()
    canvas = oiio.ImageBuf(image)
    for left, baseline, text in texts:
        if not oiio.ImageBufAlgo.render_text(canvas, left, baseline, text, TEXT - 5, "", (0.9, 0.9, 0.9)):
            canvas.geterror()
            return image
    return np.asarray(canvas.get_pixels(oiio.UINT8), np.uint8).reshape(image.shape)


def _small(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An H×W or H×W×3 picture (uint8, or float in 0..1) as uint8 RGB that fits a cell; never enlarged."""
    solid = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    scale = min(1.0, CELL / max(solid.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in solid.shape[:2])
    return pixels.eight_bit(pixels.resize(solid, height, width))
