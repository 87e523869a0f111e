"""Label photographs by clean's own coming weights: what two passes agree on is believed, the rest is not.

``python -m models.training.data.own_mattes CONFIG WEIGHTS --data DATA --bank BANK`` mattes the headshots of
``portraits.csv`` (`civil`) and the photographs of ``free/people.csv`` that nobody outlined, as they are and
mirrored at three quarters of the size, and writes ``BANK/clean2/own/NAME.alpha.png`` and ``NAME.trust.png``
(8-bit grey), and ``own.csv`` with how far the passes agree. `clean2_index` takes headshots that agree, and of
the others those that ``own_taken.txt`` beside this file names: whoever runs this looks at every one. No other
network than the one that is being trained has a say, in labels or in choice. Resumable.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from models.evaluation.holdout import trains_on
from models.evaluation.sources import read_rows
from models.evaluation.split import held_out, name_of, read_table
from models.training.data.clean2_index import write_table
from models.training.data.solve_studio import to_bytes, write_picture
from models.training.score_coarse import open_network
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork

Floats = NDArray[np.float32]

SIDE = 640  # long side (px) at which it is matted; training keeps less
SMALLER = 0.75
#: Of the headshots: what the repository says that holds them.
STATED, CREDIT = "MIT (repository); mostly US official portraits", "CivilServiceUSA us-senate, us-house"
#: A soft patch wider and higher than so many px (of SIDE) is no hair: the network does not know.
FRINGE = 20


def pictures(data: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Photographs without a label that `clean` may use, with what their tables say."""
    held = set(held_out("portrait", "civil"))
    for row in read_table(data / "portraits.csv"):
        if row["source"] == "civil" and name_of(row["image"]) not in held:
            yield data / row["image"], {"source": "civil", "tier": "B", "stated": STATED, "credit": CREDIT}
    for row in read_rows(data / "free" / "people.csv"):
        if not row["mask"] and trains_on(row):
            stated = {"tier": row["tier"], "stated": row["licence"], "credit": row["credit"]}
            yield data / row["file"], {"source": "free", **stated}


@torch.inference_mode()
def matte(network: MattingNetwork, plate: Image.Image, refine: bool) -> Floats:
    """The network's alpha, H×W, 0..1."""
    image = torch.from_numpy(np.array(plate)).permute(2, 0, 1)[None].float() / 255
    return np.asarray(network(image, refine=refine).alpha.squeeze().clamp(0, 1).numpy(), np.float32)


def two_passes(network: MattingNetwork, plate: Image.Image) -> tuple[Floats, Floats]:
    """Alpha and agreement (H×W each, 0..1) of a plate as it is, and of its smaller mirror image.

    The second is the coarse stage's: it tells where a person is; hair is little believed in a photograph.
    """
    first = matte(network, plate, True)
    smaller = plate.resize([round(side * SMALLER) for side in plate.size], Image.Resampling.BOX)
    other = matte(network, smaller.transpose(Image.Transpose.FLIP_LEFT_RIGHT), False)[:, ::-1]
    stack = torch.from_numpy(other.copy())[None, None]
    second = F.interpolate(stack, first.shape, mode="bilinear")[0, 0].numpy()
    return first, np.clip(1 - 2 * np.abs(first - second), 0, 1)


def trusted(alpha: Floats, agreement: Floats) -> Floats:
    """How far each pixel is believed: where passes agree, and not in a wide soft patch."""
    unsure = ((alpha > 0.1) & (alpha < 0.9)).astype(np.uint8)
    lost = ndimage.maximum_filter(ndimage.minimum_filter(unsure, FRINGE), 2 * FRINGE)
    return np.where(lost, 0, ndimage.minimum_filter(agreement, 5)).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Label what is not labelled yet, and write the table anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", choices=tuple(CONFIGS))
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    network = open_network(args.config, args.weights)
    folder = args.bank / "clean2" / "own"
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for path, row in pictures(args.data):
        alpha_file, trust_file = (folder / f"{path.stem}.{kind}.png" for kind in ("alpha", "trust"))
        if not alpha_file.exists():
            with Image.open(path) as picture:
                plate = picture.convert("RGB")
            plate.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
            alpha, agreement = two_passes(network, plate)
            write_picture(to_bytes(trusted(alpha, agreement), 255), trust_file)
            write_picture(to_bytes(alpha, 255), alpha_file)
        with Image.open(alpha_file) as one, Image.open(trust_file) as other:
            alpha, trust = (np.asarray(p, np.float32) for p in (one, other))
        agreed = float((trust * alpha).sum() / 255 / max(alpha.sum(), 1))
        files = {"image": path, "alpha": alpha_file, "trust": trust_file}
        found = {"covered": round(float(alpha.mean()) / 255, 4), "agreed": round(agreed, 4)}
        rows.append({"name": path.stem, **files, **row, **found})
    write_table(list(rows[0]), rows, folder / "own.csv")
    print(f"{len(rows)} pictures in {folder / 'own.csv'}")


if __name__ == "__main__":
    main()
