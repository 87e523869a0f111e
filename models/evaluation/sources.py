"""What the sets are made from: held-out names, and where their pictures lie."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
from models.evaluation.composite import Floats, Sitter, in_light
from models.evaluation.holdout import PROBES_HELD_OUT, trains_on
from models.evaluation.split import held_out, name_of, read_table
from models.mixing import Light
from PIL import Image


def seeded(set_name: str, name: str) -> np.random.Generator:
    """Return a generator of an item's own, so that no item depends on which others are made."""
    digest = hashlib.sha256(f"{set_name}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Every row of a table; none where there is no such table."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_sitter(solved: Path, name: str, light: Light = "encoded") -> Sitter:
    """Read a solved studio portrait; its colour becomes what `light` mixes."""
    with Image.open(solved / f"{name}.alpha.png") as alpha, Image.open(solved / f"{name}.fg.png") as colour:
        coverage = np.asarray(alpha, np.float32) / np.float32(255)
        return Sitter(np.asarray(coverage, np.float32), in_light(np.asarray(colour, np.float32), light))


class Sources:
    """Held-out people and backgrounds.

    Plates mixed in encoded values stand before the backgrounds that ``split.csv`` holds out by picture, as
    they always have; those mixed in linear light before sources that ``holdout.csv`` holds out as a whole.

    Parameters
    ----------
    data : folder of the tables.
    solved : folder of the studio portraits solved in linear light, or None.
    solved_encoded : of the same, solved in encoded values, or None.
    """

    def __init__(self, data: Path, solved: Path | None = None, solved_encoded: Path | None = None) -> None:
        self.data = data
        self._solved: dict[Light, Path | None] = {"linear": solved, "encoded": solved_encoded}
        self.sitters = held_out("portrait", "london")
        self.images = {name_of(r["image"]): r for r in read_table(data / "portraits.csv")}
        places = {name_of(r["image"]): data / r["image"] for r in read_table(data / "backgrounds.csv")}
        self.first = {name: places[name] for name in held_out("background") if name in places}
        rows = [row for row in read_rows(data / "free" / "backgrounds.csv") if not trains_on(row)]
        self.unseen = {
            name_of(row["file"]): data / row["file"] for row in rows if row["origin"] not in PROBES_HELD_OUT
        }
        self._order: dict[Light, list[Path]] = {
            "encoded": _shuffled(self.first, "order"),
            "linear": _shuffled(self.unseen, "unseen"),
        }

    def sitter(self, name: str, light: Light) -> Sitter:
        """Read a held-out sitter, solved in that light."""
        folder = self._solved[light]
        if folder is None:
            raise ValueError(f"{name}: give the folder of the portraits solved in {light} values")
        return read_sitter(folder, name, light)

    def background(self, number: int, light: Light) -> Image.Image:
        """Open the held-out background of this number, counted round and round."""
        order = self._order[light]
        return read_picture(order[number % len(order)])

    def action(self) -> list[dict[str, str]]:
        """Held-out rows of people in action, in order of their pictures' names."""
        rows = [row for row in read_rows(self.data / "action.csv") if not trains_on(row)]
        return sorted(rows, key=lambda row: row["image"])


def read_picture(path: Path) -> Image.Image:
    """Open a picture as RGB."""
    with Image.open(path) as picture:
        return picture.convert("RGB")


def read_mask(path: Path) -> Floats:
    """Read a mask drawn by hand: H×W, 0 or 1."""
    with Image.open(path) as mask:
        return (np.asarray(mask.convert("L")) > 127).astype(np.float32)


def _shuffled(places: dict[str, Path], seed: str) -> list[Path]:
    names = sorted(places)
    order = seeded("backgrounds", seed).permutation(len(names))
    return [places[names[i]] for i in order]
