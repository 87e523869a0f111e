"""The person-disjoint split between training and validation, written once and then only read.

``split.csv`` lists what is held out; whatever it does not name is for training. Run from the repository's
root: ``python -m models.evaluation.split --data DATA`` writes it (and refuses to write it twice), with
``--check`` it is compared with what the rule yields.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation.written_once import command, read_rows

SPLIT_FILE = Path(__file__).with_name("split.csv")

#: Sitters held out, chosen by hand from a contact sheet so that every kind of hair is there, and so that
#: as many of each kind remain for training. Both pictures of a sitter go the same way.
LONDON_HELD_OUT: dict[str, str] = {
    "001": "curly, pinned up, loose strands",
    "038": "dark, tied back, behind the shoulders",
    "039": "long, wavy",
    "041": "chin-length, wavy",
    "044": "afro-textured, flat top",
    "045": "short, wind-blown strands",
    "066": "long, straight, behind the shoulders",
    "092": "short, loose curls",
    "099": "very short",
    "102": "pinned up, light wisps",
    "105": "shaved",
    "112": "light, wispy all round",
    "115": "short, tight curls",
    "120": "long, light, straight",
    "125": "receding",
    "129": "long, dark, smooth",
    "136": "light, tousled",
    "173": "chin-length, ends turned out",
}

#: Light probes held out with all crops of theirs, since crops of one probe overlap.
HDRI_HELD_OUT = ("city", "forest", "lobby", "park", "workshop")

PORTRAITS_HELD_OUT = {"ccp": 60, "civil": 40, "figaro": 40}
BSDS_HELD_OUT = 50
#: Above this mean alpha a background is taken to show people and belongs to no set.
PERSON_COVERAGE_LIMIT = 0.02


@dataclass(frozen=True)
class HeldOut:
    """One held-out picture: ``kind`` is ``portrait`` or ``background``."""

    kind: str
    name: str
    source: str


def name_of(image: str) -> str:
    """Return the name by which a picture is known everywhere: its file's stem."""
    return Path(image).stem


def every_kth(names: Iterable[str], count: int) -> list[str]:
    """Take ``count`` names spread evenly over the sorted list, none at its very start."""
    ordered = sorted(names)
    if count > len(ordered):
        raise ValueError(f"asked for {count} names out of {len(ordered)}")
    return [ordered[(2 * i + 1) * len(ordered) // (2 * count)] for i in range(count)]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV table, each file once: some tables name one file on several lines."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list({row["image"]: row for row in csv.DictReader(stream)}.values())


def usable_backgrounds(data: Path) -> list[dict[str, str]]:
    """Return the backgrounds without people."""
    rows = read_table(data / "backgrounds.csv")
    return [row for row in rows if float(row["person_coverage"]) <= PERSON_COVERAGE_LIMIT]


def make_split(data: Path) -> list[HeldOut]:
    """Apply the rule to the data folder's tables."""
    portraits = read_table(data / "portraits.csv")
    held: list[HeldOut] = []
    for row in portraits:
        name = name_of(row["image"])
        if row["source"] == "london" and name.rsplit("-", 1)[1] in LONDON_HELD_OUT:
            held.append(HeldOut("portrait", name, "london"))
    for source, count in PORTRAITS_HELD_OUT.items():
        # A street photo without a mask drawn by hand has no truth that we could score against.
        rows = [r for r in portraits if r["source"] == source and (source != "ccp" or r["mask"])]
        names = every_kth((name_of(r["image"]) for r in rows), count)
        held += [HeldOut("portrait", name, source) for name in names]

    backgrounds = usable_backgrounds(data)
    bsds = (name_of(r["image"]) for r in backgrounds if r["source"] == "bsds")
    held += [HeldOut("background", n, "bsds") for n in every_kth(bsds, BSDS_HELD_OUT)]
    for row in backgrounds:
        name = name_of(row["image"])
        if row["source"] == "hdri" and name.split("-")[1] in HDRI_HELD_OUT:
            held.append(HeldOut("background", name, "hdri"))
    return sorted(held, key=lambda h: (h.kind, h.source, h.name))


def read_split(path: Path = SPLIT_FILE) -> list[HeldOut]:
    """Read the committed list."""
    return read_rows(path, HeldOut)


def held_out(kind: str, source: str | None = None, path: Path = SPLIT_FILE) -> list[str]:
    """Return the held-out names of one kind (``portrait`` or ``background``), of one source if given."""
    return [h.name for h in read_split(path) if h.kind == kind and source in (None, h.source)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the split, or compare the committed one with the rule."""
    return command(__doc__, "split", HeldOut, make_split, SPLIT_FILE, arguments)


if __name__ == "__main__":
    sys.exit(main())
