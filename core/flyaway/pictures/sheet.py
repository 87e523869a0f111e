"""Contact sheets: each image a row of small pictures under headings, with a line of text, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.pictures import files
from flyaway.pictures.convert import eight_bit, shrink

CELL = 256
GAP = 4
TEXT = 20
PAPER = 40


@dataclass(frozen=True)
class Strip:
    """One image's row: small pictures (uint8, within CELL×CELL) by column heading, and a line of text."""

    label: str
    pictures: Mapping[str, NDArray[np.uint8]]


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


def write(path: Path, strips: Sequence[Strip], software: str | None = None) -> None:
    """Draw the sheet and write it as an image, which says that `software` made it."""
    files.write(path, draw(strips), software=software)


def fitted(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """An H×W or H×W×3 picture (uint8, or float in 0..1) as uint8 RGB that fits a cell; never enlarged."""
    solid = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    scale = np.float32(255 if picture.dtype == np.uint8 else 1)
    return eight_bit(shrink(solid.astype(np.float32) / scale, CELL))


def _texts(
    strips: Sequence[Strip], headings: Sequence[str], down: int, right: int
) -> Iterator[tuple[int, int, str]]:
    for column, heading in enumerate(headings):
        yield column * right + GAP, TEXT - 5, heading
    for row, entry in enumerate(strips):
        yield GAP, TEXT + GAP + row * down + TEXT - 5, entry.label


def _lettered(image: NDArray[np.uint8], texts: Iterator[tuple[int, int, str]]) -> NDArray[np.uint8]:
    """The image with lines of text; as it is where OpenImageIO was built without fonts."""
    oiio = files.openimageio()
    canvas = oiio.ImageBuf(image)
    for left, baseline, text in texts:
        if not oiio.ImageBufAlgo.render_text(canvas, left, baseline, text, TEXT - 5, "", (0.9, 0.9, 0.9)):
            canvas.geterror()
            return image
    return np.asarray(canvas.get_pixels(oiio.UINT8), np.uint8).reshape(image.shape)
