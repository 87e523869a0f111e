"""Make the index of training pictures, with one alpha a picture; resumable.

``python -m models.training.data.fuse_teachers --data DATA --bank FOLDER`` writes fused mattes of the street
photos to ``FOLDER/photos/NAME.alpha.png``, ``FOLDER/train.csv`` and ``FOLDER/backgrounds.csv``; held-out
names appear in neither. Studio portraits are listed as far as `solve_studio` has solved them into
``FOLDER/london``, and once more as far as `strand_portraits` has drawn hair over them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from models.evaluation.split import held_out, name_of, read_table, usable_backgrounds
from models.training.data.clean2_index import stranded
from models.training.data.fusion import (
    Floats,
    fuse_with_mask,
    fuse_without_mask,
    intersection_over_union,
)
from models.training.data.solve_studio import REJECTED
from PIL import Image

#: Portraits whose teacher contradicts itself or the mask more than this teach nothing good.
LEAST_AGREEMENT = 0.90
LEAST_MASK_IOU = 0.88

Row = dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One line of ``train.csv``.

    ``licence`` speaks of picture and alpha together: a picture that is free but was labelled by a
    copyleft teacher is ``research``. ``teacher`` names who made the alpha; ``none`` is a solved one.
    """

    name: str
    image: Path
    alpha: Path
    fg: str
    source: str
    licence: str
    weight: float
    teacher: str


def _read_alpha(path: Path, size: tuple[int, int] | None = None) -> Floats:
    with Image.open(path) as picture:
        grey = picture.convert("L")
        if size and grey.size != size:
            grey = grey.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(np.asarray(grey, np.float32) / 255, np.float32)


def _graded(value: float, worst: float, best: float) -> float:
    """Map an agreement to a weight between 0.3 and 1."""
    return round(float(np.clip(0.3 + 0.7 * (value - worst) / (best - worst), 0.3, 1.0)), 3)


def fuse_street(row: Row, data: Path, bank: Path) -> Entry | None:
    """Fuse one street photo's mattes, or refuse it."""
    name = name_of(row["image"])
    target = bank / "photos" / f"{name}.alpha.png"
    heads = _read_alpha(data / row["matte"])
    size = (heads.shape[1], heads.shape[0])
    bodies = _read_alpha(data / row["isnet"], size) if row["isnet"] else heads
    if row["mask"]:
        agreement = max(float(row["mask_iou"]), float(row["isnet_mask_iou"] or 0))
        if agreement < LEAST_MASK_IOU:
            return None
        weight = _graded(agreement, LEAST_MASK_IOU, 0.95)
    else:
        agreement = intersection_over_union(heads > 0.5, bodies > 0.5)
        if min(agreement, float(row["teacher_agreement_iou"])) < LEAST_AGREEMENT:
            return None
        weight = round(0.7 * _graded(agreement, LEAST_AGREEMENT, 0.97), 3)
    if not target.exists():
        if row["mask"]:
            fused = fuse_with_mask(heads, bodies, _read_alpha(data / row["mask"], size) > 0.5)
        else:
            fused = fuse_without_mask(heads, bodies)
        partial = target.with_name(target.name + ".part")
        Image.fromarray(np.rint(fused * 255).astype(np.uint8)).save(partial, format="PNG", compress_level=3)
        partial.replace(target)
    return Entry(name, data / row["image"], target, "", "ccp", "research", weight, "rvm+isnet")


def take_photo(row: Row, data: Path) -> Entry | None:
    """List a photograph with its teacher's matte as it is, or refuse it."""
    agreement = float(row["teacher_agreement_iou"])
    if agreement < LEAST_AGREEMENT:
        return None
    weight = round(0.8 * _graded(agreement, LEAST_AGREEMENT, 0.98), 3)
    name, image, matte = name_of(row["image"]), data / row["image"], data / row["matte"]
    return Entry(name, image, matte, "", row["source"], "research", weight, "rvm")


def take_studio(row: Row, data: Path, bank: Path) -> Entry | None:
    """List a studio portrait if it is solved and was found right."""
    name = name_of(row["image"])
    alpha, colours = bank / "london" / f"{name}.alpha.png", bank / "london" / f"{name}.fg.png"
    if name in REJECTED or not alpha.exists():
        return None
    return Entry(name, data / row["image"], alpha, str(colours), "london", "clean", 1.0, "none")


def take_strands(bank: Path) -> list[Entry]:
    """List the solved portraits once more, with more hair, where `strand_portraits` has drawn it."""
    return [
        Entry(e.name, Path(e.image), Path(e.alpha), e.fg, e.source, e.licence, e.weight, "none")
        for e in stranded(bank)
    ]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table at once: whoever reads it meanwhile sees the old one or the new one."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    partial.replace(path)


def write_backgrounds(data: Path, bank: Path) -> int:
    """Write the index of backgrounds to train on and return their number."""
    held = set(held_out("background"))
    clean = {"hdri"}
    rows = [
        (name_of(r["image"]), data / r["image"], r["source"], "clean" if r["source"] in clean else "research")
        for r in usable_backgrounds(data)
        if name_of(r["image"]) not in held and (data / r["image"]).exists()
    ]
    _write(bank / "backgrounds.csv", ["name", "image", "source", "licence"], rows)
    return len(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuse what is not fused yet and write both indices anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables and pictures")
    parser.add_argument("--bank", type=Path, required=True, help="folder for what is derived")
    parser.add_argument("--quick", action="store_true", help="leave out what would have to be fused first")
    options = parser.parse_args(arguments)
    data, bank = options.data.resolve(), options.bank.resolve()
    (bank / "photos").mkdir(parents=True, exist_ok=True)
    held, entries, refused = set(held_out("portrait")), [], []
    for row in read_table(data / "portraits.csv"):
        name = name_of(row["image"])
        if name in held:
            continue
        if row["source"] == "london":
            entry = take_studio(row, data, bank)
        elif row["source"] == "ccp":
            if options.quick and not (bank / "photos" / f"{name}.alpha.png").exists():
                continue
            entry = fuse_street(row, data, bank)
        else:
            entry = take_photo(row, data)
        if entry is None:
            refused.append(name)
        else:
            entries.append(entry)
    entries += take_strands(bank)
    _write(bank / "train.csv", [f.name for f in fields(Entry)], [astuple(e) for e in entries])
    print(f"{len(entries)} portraits, {write_backgrounds(data, bank)} backgrounds, {len(refused)} left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
