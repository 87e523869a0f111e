"""The bank that the trainer draws from: every index read, every picture decoded once and kept as bytes.

Tables that are read (`data/README.md` says how each is made): ``BANK/train.csv`` (portraits and their
mattes) or another that a recipe names, ``BANK/action.csv`` (people in action, with trust),
``BANK/backgrounds.csv``, and of the data folder
``free/backgrounds.csv`` and ``free/things.csv``. Whatever `models.evaluation` holds out is left out here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.evaluation.holdout import trains_on
from models.training.plates import Bank, build

Row = dict[str, Any]
Pixels = NDArray[np.uint8]

#: Long side (px) to which pictures are reduced before they are kept: of all, and of solved ones.
LIMITS = (512, 800)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def people(
    bank: Path,
    licences: Iterable[str] = ("clean", "research"),
    limits: tuple[int, int] = LIMITS,
    table: str = "train",
) -> list[Row]:
    """Portraits with mattes of one table, and people in action."""
    allowed, rows = set(licences), list[Row]()
    limit, solved_limit = limits
    for r in _table(bank / f"{table}.csv"):
        if r["licence"] not in allowed or float(r["weight"]) <= 0:
            continue
        solved = bool(r["fg"])
        colour = r["fg"] if solved else r["image"]
        row = {"colour": colour, "alpha": r["alpha"], "source": r["source"], "weight": float(r["weight"])}
        row |= {"trust": r["trust"]} if r.get("trust") else {}
        rows.append(row | {"cut": solved, "limit": solved_limit if solved else limit})
    if "research" in allowed:
        # Frames of a sequence stand in order, one after the other.
        for r in sorted(_table(bank / "action.csv"), key=lambda r: (r["split_group"], r["name"])):
            rows.append(
                {"colour": r["image"], "alpha": r["alpha"], "trust": r["trust"], "source": r["source"]}
                | {"weight": 1.0, "cut": False, "limit": limit}
                | {"group": r["split_group"] if r["split_group"].startswith("davis:") else ""}
            )
    return rows


def backgrounds(
    bank: Path,
    data: Path,
    licences: Iterable[str] = ("clean", "research"),
    limit: int = LIMITS[0],
    table: str = "train",
) -> list[Row]:
    """Pictures without anybody: those that go with a table of people, and the free ones."""
    allowed = set(licences)
    name = "backgrounds" if table == "train" else f"{table}_backgrounds"
    rows = [
        {"colour": r["image"], "source": r["source"], "limit": limit}
        for r in _table(bank / f"{name}.csv")
        if r["licence"] in allowed
    ]
    free = (r for r in _table(data / "free/backgrounds.csv") if trains_on(r))
    return [*rows, *({"colour": data / r["file"], "source": "free", "limit": limit} for r in free)]


def things(data: Path, bank: Path) -> list[Row]:
    """Cut-outs of what is nobody, photographed and drawn (`render_things`); their alpha is the file's own."""
    files = [data / r["file"] for r in _table(data / "free/things.csv") if trains_on(r)]
    files += sorted((bank / "things").glob("*.png"))
    return [{"colour": file, "alpha": None, "source": "things", "limit": LIMITS[0]} for file in files]


def decode(path: Path | str, limit: int, channel: str) -> Pixels:
    """One picture reduced to a long side of at most `limit`: H×W×3, of its colour or (repeated) its alpha."""
    with Image.open(path) as picture:
        if channel == "own alpha":
            whole = picture.convert("RGBA").getchannel("A")
        else:
            whole = picture.convert("RGB" if channel == "colour" else "L")
        longest = max(whole.size)
        if longest > limit:
            width, height = (max(8, round(side * limit / longest)) for side in whole.size)
            whole = whole.resize((width, height), Image.Resampling.BOX)
        return np.asarray(whole.convert("RGB"))


class Pictures(Mapping[str, Pixels]):
    """Pictures by name, decoded when they are asked for: all at once would be more than a machine holds."""

    def __init__(self, jobs: dict[str, tuple[Path | str, int, str]]):
        self._jobs = jobs

    def __getitem__(self, name: str) -> Pixels:
        return decode(*self._jobs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)


def open_bank(rows: Sequence[Row], device: torch.device) -> Bank:
    """Decode the rows' pictures and put them on a device."""
    jobs: dict[str, tuple[Path | str, int, str]] = {}
    named = []
    for row in rows:
        new = dict(row) | {"colour": f"{row['colour']}"}
        jobs[new["colour"]] = (row["colour"], row["limit"], "colour")
        if "alpha" in row:
            own = row["alpha"] is None
            new["alpha"] = f"{row['colour']}:alpha" if own else f"{row['alpha']}"
            jobs[new["alpha"]] = (
                (row["colour"], row["limit"], "own alpha") if own else (row["alpha"], row["limit"], "alpha")
            )
        if "trust" in row:
            new["trust"] = f"{row['trust']}"
            jobs[new["trust"]] = (row["trust"], row["limit"], "alpha")
        named.append(new)
    return build(named, Pictures(jobs), device)
