"""Label people in action for training: where a hand-drawn mask rules, RVM softens the edge; resumable.

``python -m models.training.data.label_action --data DATA --bank BANK`` writes, for each picture of
``action.csv`` that `models.evaluation.holdout` leaves to training, ``BANK/action/NAME.alpha.png`` (8-bit
grey) and ``NAME.trust.png`` (8-bit grey: how far each pixel's alpha is to be believed), and lists them in
``BANK/action.csv``. RVM runs at two scales, one of them mirrored. These labels are research-grade, and RVM
is
under the GPL: they teach `fast` and `quality`, never `clean`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from models.evaluation.holdout import trains_on
from models.evaluation.split import name_of
from models.training.data.solve_studio import to_bytes, write_picture
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from flyaway.yardsticks.rvm import RobustVideoMatting

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Half the width of the band, as a part of the picture's long side, in which RVM tells how soft an edge is.
BAND = 0.012
#: Trust of an edge as RVM sees it, and of a whole picture that nobody drew a mask for.
EDGE_TRUST, UNMASKED_TRUST = 0.5, 0.35
#: A picture without a mask teaches only where RVM found at least so many of its fourteen joints.
JOINTS = 13
#: Mask and RVM may both be right: the mask of a person leaves bags and bicycles out.
HELD_THING = 0.3


def label_masked(rvm: Floats, agreement: Floats, mask: Mask) -> tuple[Floats, Floats]:
    """Alpha and trust (H×W each, 0..1) of a picture with a hand-drawn mask.

    Away from its edge the mask rules. Within the band RVM's alpha stands where it crosses the edge with the
    mask; elsewhere the mask's own blurred edge does, little trusted. What RVM takes in beside the mask and
    touching it may
    be something held, worn or ridden: nobody is taught anything there.
    """
    band = max(2.0, BAND * max(mask.shape))
    depth, height = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    near = (depth <= band) & (height <= band)
    follows = ndimage.uniform_filter(np.abs(rvm - mask), round(2 * band) + 1) < 0.35
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), band / 3)
    alpha = np.where(near, np.where(follows, rvm, blurred), mask.astype(np.float32))
    trust = np.where(near, np.where(follows, EDGE_TRUST * agreement, 0.1), 1.0)
    beside = (rvm > HELD_THING) & (height > band)
    labels, count = ndimage.label(beside)
    if count:
        touching = np.unique(labels[ndimage.binary_dilation(mask, iterations=round(band) + 2)])
        held = np.isin(labels, touching[touching > 0])
        trust = np.where(ndimage.binary_dilation(held, iterations=round(band)), 0.0, trust)
    return alpha.astype(np.float32), trust.astype(np.float32)


def label_unmasked(rvm: Floats, agreement: Floats) -> tuple[Floats, Floats]:
    """The same for a picture without a mask: RVM's opinion, where its two passes agree."""
    return rvm, (UNMASKED_TRUST * agreement).astype(np.float32)


def usable(row: Mapping[str, str]) -> bool:
    """Whether a row of ``action.csv`` teaches: a whole mask, or enough joints found."""
    if row["mask"]:
        return row["partial"] != "yes"
    return bool(row["rvm_joint_hits"]) and int(float(row["rvm_joint_hits"])) >= JOINTS


def label_one(
    data: Path, row: Mapping[str, str], whole: RobustVideoMatting, once: RobustVideoMatting
) -> tuple[Floats, Floats]:
    """Alpha and trust of one row."""
    with Image.open(data / row["image"]) as picture:
        plate = np.asarray(picture.convert("RGB"))
        small = picture.convert("RGB").resize(
            (max(64, plate.shape[1] * 3 // 4), max(64, plate.shape[0] * 3 // 4))
        )
    # Neither was asked for colour, so what they return is the alpha.
    first = cast("Floats", whole(plate))
    mirrored = cast("Floats", once(np.ascontiguousarray(np.asarray(small)[:, ::-1])))[:, ::-1]
    size = (plate.shape[1], plate.shape[0])
    second = np.asarray(Image.fromarray(mirrored).resize(size, Image.Resampling.BILINEAR), np.float32)
    agreement = np.clip(1 - 2 * np.abs(first - second), 0, 1)
    rvm = np.asarray((first + second) / 2, np.float32)
    if not row["mask"]:
        return label_unmasked(rvm, agreement)
    with Image.open(data / row["mask"]) as picture:
        mask = np.asarray(picture.convert("L").resize(size, Image.Resampling.NEAREST)) > 127
    return label_masked(rvm, agreement, mask)


def main(arguments: Sequence[str] | None = None) -> int:
    """Label what is not labelled yet, and write the index anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with action.csv")
    parser.add_argument("--bank", type=Path, required=True, help="folder for what is derived")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    folder = options.bank.resolve() / "action"
    folder.mkdir(parents=True, exist_ok=True)
    with (options.data / "action.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if trains_on(row) and usable(row)]
    whole, once = (RobustVideoMatting("cpu", options.threads, passes) for passes in (2, 1))
    listed = []
    for row in rows:
        name = name_of(row["image"])
        alpha, trust = folder / f"{name}.alpha.png", folder / f"{name}.trust.png"
        if not alpha.exists():
            found, believed = label_one(options.data, row, whole, once)
            write_picture(to_bytes(believed, 255), trust)
            write_picture(to_bytes(found, 255), alpha)
        source = "action" if row["mask"] else "unmasked"
        image = (options.data / row["image"]).resolve()
        listed.append((name, image, alpha, trust, source, row["split_group"], row["persons"]))
    with (options.bank / "action.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["name", "image", "alpha", "trust", "source", "split_group", "persons"])
        writer.writerows(listed)
    print(f"{len(listed)} of {len(rows)} pictures in {options.bank / 'action.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
