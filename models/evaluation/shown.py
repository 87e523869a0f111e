"""A small set that may be shown: the astronaut's bust before backgrounds made by code.

``python -m models.evaluation.shown --output FOLDER`` writes four pairs, ``NAME.png`` and ``NAME.alpha.png``.
The portrait is public domain (NASA). Its alpha is solved by closed-form matting in a band along an outline
drawn by hand, so no network had a part in it, and the plates are composites: the alpha is what they were
made with. Four plates of one person rank no model; the set shows everywhere, without data, that evaluation
works.

References
----------
Levin et al., "A Closed-Form Solution to Natural Image Matting", PAMI 2008; Germer et al., "Fast Multi-Level
Foreground Estimation", ICPR 2020; both as in pymatting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from models.evaluation import composite, strands
from models.evaluation.composite import Floats, Sitter
from models.evaluation.make_sets import Entry, write_entry
from models.evaluation.sources import seeded
from models.mixing import decoded
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

PORTRAIT = Path(__file__).parents[2] / "examples" / "astronaut.png"

#: The part of the portrait that is used, in px: without the helmet before her, which is cut off.
WIDTH, HEIGHT = 400, 345
#: Her outline, (x, y) in px, from the lower left over the crown to the lower right.
OUTLINE = (
    *((26, 350), (30, 330), (35, 312), (40, 292), (42, 280), (50, 264), (62, 246), (76, 232), (95, 220)),
    *((108, 210), (113, 205), (114, 196), (113, 188), (121, 180), (125, 170), (130, 162), (142, 153)),
    *((160, 148), (184, 149), (183, 140), (181, 131), (173, 128), (170, 119), (163, 111), (157, 100)),
    *((154, 85), (153, 72), (157, 62), (166, 52), (178, 43), (190, 35), (195, 28), (207, 22), (222, 17)),
    *((235, 15), (248, 19), (262, 26), (276, 33), (287, 42), (295, 55), (298, 68), (301, 80), (299, 97)),
    *((292, 110), (283, 122), (277, 132), (270, 137), (266, 135), (263, 148), (257, 162), (255, 174)),
    *((270, 180), (284, 192), (295, 208), (302, 224), (306, 235), (320, 242), (335, 257), (345, 270)),
    *((350, 283), (356, 297), (360, 315), (362, 330), (363, 350)),
)
#: Half the width of the unknown band, px: along the suit, and outside the hair (above that row).
BAND, HAIR_BAND, HAIR_BOTTOM = 5, 10, 125


def trimap() -> Floats:
    """Trimap of the portrait's part, H×W: 0 background, 0.5 unknown, 1 foreground."""
    drawing = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(drawing).polygon([*OUTLINE], fill=255)
    inside = np.asarray(drawing) > 0
    # What goes on below the picture's edge has no outline there.
    inside = np.pad(inside, ((0, HAIR_BAND + 1), (0, 0)), mode="edge")
    within = ndimage.distance_transform_edt(inside)[:HEIGHT]
    beyond = ndimage.distance_transform_edt(~inside)[:HEIGHT]
    reach = np.where(np.arange(HEIGHT)[:, None] < HAIR_BOTTOM, HAIR_BAND, BAND)
    known = np.where(within > BAND, 1.0, np.where(beyond > reach, 0.0, 0.5))
    return np.asarray(known, np.float32)


def cut_out() -> Sitter:
    """Solve the portrait's alpha and foreground, in linear light."""
    from pymatting import estimate_alpha_cf, estimate_foreground_ml

    with Image.open(PORTRAIT) as picture:
        image = decoded(np.asarray(picture.convert("RGB").crop((0, 0, WIDTH, HEIGHT)), np.float64) / 255)
    alpha = np.clip(estimate_alpha_cf(image, trimap().astype(np.float64)), 0, 1)
    colour = np.clip(estimate_foreground_ml(image, alpha), 0, 1)
    return Sitter(alpha.astype(np.float32), (255 * colour).astype(np.float32))


def clouds(height: int, width: int, coarsest: float, rng: np.random.Generator) -> Floats:
    """Noise of many sizes in 0..1, H×W, its largest features ``coarsest`` px across."""
    total, size, weight = np.zeros((height, width)), coarsest, 1.0
    while size >= 1:
        layer = ndimage.gaussian_filter(rng.standard_normal((height, width)), size / 2, mode="wrap")
        total += weight * layer / layer.std()
        size, weight = size / 2, weight * 0.6
    low, high = np.quantile(total, (0.01, 0.99))
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), np.float32)


def coloured(values: Floats, dark: Sequence[int], light: Sequence[int]) -> Floats:
    """H×W in 0..1 as H×W×3 levels between two colours."""
    return np.asarray(values[..., None] * light + (1 - values[..., None]) * np.array(dark), np.float32)


def haze(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Something bright and far out of focus."""
    frame = coloured(clouds(height, width, width / 4, rng), (70, 95, 120), (235, 225, 205))
    return np.asarray(ndimage.gaussian_filter(frame, (12, 12, 0)), np.float32)


def foliage(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A sharp wall of small leaves, light and dark."""
    values = clouds(height, width, 24, rng) ** 1.3
    return coloured(values, (10, 22, 8), (190, 205, 120)) * (0.8 + 0.4 * rng.random((height, width, 1)))


def bricks(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A brick wall, near and sharp, in colours not far from a suit's."""
    course, length = height // 16, width // 8
    y, x = np.mgrid[:height, :width]
    row = y // course
    column = (x + (row % 2) * length // 2) // length
    shade = rng.random((row.max() + 1, column.max() + 1))[row, column]
    frame = coloured(0.7 * shade + 0.3 * clouds(height, width, 8, rng), (120, 50, 35), (205, 120, 85))
    mortar = (y % course < 3) | ((x + (row % 2) * length // 2) % length < 3)
    frame[mortar] = (165, 160, 150)
    return frame


def make() -> Iterator[Entry]:
    """The plates and their truth, mixed in linear light."""
    sitter = cut_out()
    for name, behind in (("haze", haze), ("bricks", bricks)):
        rng = seeded("shown", name)
        alpha, colour = composite.place(sitter, 640, 640, rng)
        yield f"bust-{name}", composite.composite(alpha, colour, behind(640, 640, rng), rng)
    rng = seeded("shown", "face")
    alpha, colour = composite.place_head(sitter, 512, rng)
    yield "face-foliage", composite.composite(alpha, colour, foliage(512, 512, rng), rng)
    rng = seeded("shown", "strands")
    drawn = strands.add_strands(sitter, 2048, rng)
    alpha, colour = (strands.shrink(plane, 1024) for plane in drawn)
    yield "strands-foliage", composite.composite(alpha, colour, foliage(1024, 1024, rng), rng)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, made in make():
        write_entry(options.output, name, made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
