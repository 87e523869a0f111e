"""Own mattes put right by hand: outlines of who was missed, of what is nobody, of what nobody should believe.

``own_corrections.csv`` beside this file has a row for each outline: the photograph's name, a kind, and
corners as ``x y x y …`` in thousandths of the picture's width and height. `clean2_index` lays them over what
`own_mattes` wrote. The kinds, laid in this order:

- ``nobody``: alpha is 0 inside;
- ``somebody``: alpha is 1 inside;
- ``unsure``: nothing inside is believed;
- ``cut``: where the network's own matte is right inside, and 0 everywhere else (one outline around a person).

A hand that looks at a picture is some pixels off, so nothing is believed within `MARGIN` of the outline of
somebody or nobody, except where the matte said the same already.

``python -m models.training.data.corrected NAME… --data DATA --bank BANK --sheet OUT.png`` draws pages to look
at: the photograph with a ruler, and what would be learned from it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from models.evaluation.sources import read_rows
from models.evaluation.split import name_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from flyaway.pictures.convert import over_green

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Outline = list[tuple[float, float]]

TABLE = Path(__file__).with_name("own_corrections.csv")
KINDS = ("nobody", "somebody", "unsure", "cut")
MARGIN = 6.0  # px of 640
SHOWN = 900  # px of a panel's longer side


def read_corrections(table: Path = TABLE) -> dict[str, list[tuple[str, Outline]]]:
    """Outlines by photograph; raises ValueError where a row is not as said above."""
    found: dict[str, list[tuple[str, Outline]]] = defaultdict(list)
    for row in read_rows(table) if table.exists() else ():
        numbers = [float(word) / 1000 for word in row["outline"].split()]
        if row["kind"] not in KINDS or len(numbers) < 6 or len(numbers) % 2:
            raise ValueError(f"{table}: {row}: a kind of {KINDS}, and three corners or more")
        found[row["name"]].append((row["kind"], list(zip(numbers[::2], numbers[1::2], strict=True))))
    return dict(found)


def inside(outlines: Sequence[Outline], size: tuple[int, int]) -> Mask:
    """H×W, whether a pixel lies in any of the outlines."""
    height, width = size
    picture = Image.new("1", (width, height))
    for outline in outlines:
        ImageDraw.Draw(picture).polygon([(x * width, y * height) for x, y in outline], fill=1)
    return np.asarray(picture, bool)


def corrected(alpha: Floats, trust: Floats, outlines: Sequence[tuple[str, Outline]]) -> tuple[Floats, Floats]:
    """Alpha and trust (H×W, 0..1) with outlines laid over them."""
    by_kind: Mapping[str, Mask] = {
        kind: inside([o for k, o in outlines if k == kind], (alpha.shape[0], alpha.shape[1]))
        for kind in KINDS
    }
    margin = max(1.0, MARGIN * max(alpha.shape) / 640)
    said: NDArray[Any] = alpha.copy()
    believed: NDArray[Any] = trust.copy()
    away = ~by_kind["cut"] if by_kind["cut"].any() else np.zeros(alpha.shape, bool)
    for area, value in ((away | by_kind["nobody"], 0.0), (by_kind["somebody"], 1.0)):
        if not area.any():
            continue
        edge = np.abs(ndimage.distance_transform_edt(area) - ndimage.distance_transform_edt(~area)) <= margin
        agrees = np.abs(alpha - value) < 0.1
        said = np.where(area, value, said)
        believed = np.where(area, 1.0, believed)
        believed = np.where(edge & ~agrees, 0.0, believed)
    believed = np.where(by_kind["unsure"], 0.0, believed)
    return np.asarray(said, np.float32), np.asarray(believed, np.float32)


def read_own(folder: Path, name: str) -> tuple[Floats, Floats]:
    """Alpha and trust as `own_mattes` wrote them, 0..1."""
    found = []
    for kind in ("alpha", "trust"):
        with Image.open(folder / f"{name}.{kind}.png") as picture:
            found.append((np.asarray(picture.convert("L")) / 255).astype(np.float32))
    return found[0], found[1]


def page(
    plate: Image.Image, alpha: Floats, trust: Floats, outlines: Sequence[tuple[str, Outline]]
) -> Image.Image:
    """A photograph with a ruler in thousandths and its outlines; and, beside it, the matte over green.

    What is not believed is tinted with magenta.
    """
    scale = SHOWN / max(plate.size)
    size = (round(plate.width * scale), round(plate.height * scale))
    left = plate.resize(size, Image.Resampling.LANCZOS)
    pencil = ImageDraw.Draw(left)
    for step in range(100, 1000, 100):
        x, y = step * size[0] // 1000, step * size[1] // 1000
        strength = (255, 255, 0) if step == 500 else (0, 255, 255)
        pencil.line((x, 0, x, size[1]), fill=strength, width=1)
        pencil.line((0, y, size[0], y), fill=strength, width=1)
        pencil.text((x + 2, 2), str(step), fill=(255, 255, 0), font_size=14)
        pencil.text((2, y + 2), str(step), fill=(255, 255, 0), font_size=14)
    hue = {"nobody": (255, 0, 0), "somebody": (0, 255, 0), "unsure": (255, 0, 255), "cut": (255, 255, 255)}
    for kind, outline in outlines:
        corners = [(x * size[0], y * size[1]) for x, y in outline]
        pencil.line([*corners, corners[0]], fill=hue[kind], width=2)
    said, believed = corrected(alpha, trust, outlines)
    coverage, doubt = (
        np.asarray(Image.fromarray(v).resize(size, Image.Resampling.BILINEAR)) for v in (said, 1 - believed)
    )
    shown = (np.asarray(plate.resize(size)) / 255).astype(np.float32)
    over = 255 * over_green(shown, coverage)
    over = over * (1 - 0.6 * doubt[..., None]) + np.array((255, 0, 255)) * 0.6 * doubt[..., None]
    both = Image.new("RGB", (2 * size[0] + 8, size[1]))
    both.paste(left, (0, 0))
    both.paste(Image.fromarray(over.clip(0, 255).astype(np.uint8)), (size[0] + 8, 0))
    return both


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw one page under another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--table", type=Path, default=TABLE, help="instead of the one beside this program")
    parser.add_argument("--sheet", type=Path, required=True)
    args = parser.parse_args(arguments)
    outlines = read_corrections(args.table)
    files = {
        name_of(row["file"]): args.data / row["file"] for row in read_rows(args.data / "free/people.csv")
    }
    pages = []
    for name in args.name:
        with Image.open(files[name]) as picture:
            plate = picture.convert("RGB")
        pages.append(page(plate, *read_own(args.bank / "clean2" / "own", name), outlines.get(name, [])))
    sheet = Image.new("RGB", (max(p.width for p in pages), sum(p.height + 8 for p in pages)))
    top = 0
    for one in pages:
        sheet.paste(one, (0, top))
        top += one.height + 8
    sheet.save(args.sheet)


if __name__ == "__main__":
    main()
