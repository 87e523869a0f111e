"""The tables of `clean-2`: people and places that nothing copyleft, research-only or unlicensed has touched.

``python -m models.training.data.clean2_index --data DATA --bank BANK`` writes ``BANK/clean2.csv`` (people
with their alphas) and ``BANK/clean2_backgrounds.csv``. People are

- the solved studio portraits (``BANK/london``, by `solve_studio`): alpha and colour are exact; and once
  more with strands over them, where `strand_portraits` has drawn any;
- photographs of ``free/people.csv`` with an outline by hand: a soft edge of one pixel, believed away from it;
- whoever `render_people` drew (``BANK/rendered``), where it has;
- photographs that `own_mattes` has labelled, where it has: its own weights' mattes, believed where they
  agree with themselves and whoever looked at them found nothing wrong, or put right by hand (`corrected`).

No other network is asked about any of them, neither for a label nor for a choice. Names that
`models.evaluation` holds out are left out. ``tier`` says where a licence is stated (`free/`'s README): A by
the holder, B at second hand.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from models.evaluation.holdout import trains_on
from models.evaluation.sources import read_rows
from models.evaluation.split import held_out, name_of, read_table
from models.training.data.corrected import TABLE as CORRECTIONS
from models.training.data.corrected import Outline, corrected, read_corrections, read_own
from models.training.data.solve_studio import REJECTED, to_bytes, write_picture
from PIL import Image
from scipy import ndimage

STATED, CREDIT = "CC-BY 4.0", "Face Research Lab London Set, DeBruine & Jones 2017"
EDGE = 5  # px (of 640) on either side of an outline by hand within which it is not believed
TAKEN = Path(__file__).with_name("own_taken.txt")
#: Of photographs by their own matte: how much of it two passes agree on at least, and what it covers.
AGREED, OWN_COVERAGE, OWN_WEIGHT = 0.85, (0.04, 0.92), 0.8
COVERAGE = 0.02  # smallest share of the picture: below it an outline is a few strokes


@dataclass(frozen=True)
class Entry:
    """One line of ``clean2.csv``; `fuse_teachers.Entry` with the licence's own words."""

    name: str
    image: str
    alpha: str
    fg: str
    trust: str
    source: str
    licence: str
    weight: float
    tier: str
    stated: str
    credit: str


def studio(data: Path, bank: Path) -> Iterator[Entry]:
    """Portraits that `solve_studio` has solved."""
    held = set(held_out("portrait", "london"))
    for row in read_table(data / "portraits.csv"):
        name = name_of(row["image"])
        alpha, colour = (bank / "london" / f"{name}.{kind}.png" for kind in ("alpha", "fg"))
        if row["source"] != "london" or name in held or name in REJECTED or not alpha.exists():
            continue
        image = str(data / row["image"])
        yield Entry(name, image, str(alpha), str(colour), "", "london", "clean", 1.0, "A", STATED, CREDIT)


def stranded(bank: Path) -> Iterator[Entry]:
    """The same portraits with more hair, where `strand_portraits` has drawn it."""
    for alpha in sorted((bank / "clean2" / "strands").glob("*.alpha.png")):
        name = alpha.name.partition(".")[0]
        colour = str(alpha.with_name(f"{name}.fg.png"))
        yield Entry(
            f"{name}-strands", colour, str(alpha), colour, "", "strands", "clean", 1.0, "A", STATED, CREDIT
        )


def outlined(data: Path, bank: Path) -> Iterator[Entry]:
    """Photographs whose people were outlined by hand."""
    folder = bank / "clean2" / "outlined"
    folder.mkdir(parents=True, exist_ok=True)
    for row in read_rows(data / "free" / "people.csv"):
        if not row["mask"] or not trains_on(row):
            continue
        with Image.open(data / row["mask"]) as picture:
            mask = np.asarray(picture.convert("L")) > 127
        if mask.mean() < COVERAGE:
            continue
        name = name_of(row["file"])
        alpha, trust = folder / f"{name}.alpha.png", folder / f"{name}.trust.png"
        write_picture(to_bytes(ndimage.gaussian_filter(mask.astype(np.float32), 1.0), 255), alpha)
        away = np.minimum(ndimage.distance_transform_edt(mask), 1e6) + ndimage.distance_transform_edt(~mask)
        believed = away > max(1, EDGE * max(mask.shape) / 640)
        write_picture(to_bytes(believed.astype(np.float32), 255), trust)
        yield Entry(
            name=name,
            image=str(data / row["file"]),
            alpha=str(alpha),
            fg="",
            trust=str(trust),
            source="outlined",
            licence="clean",
            weight=1.0,
            tier=row["tier"],
            stated=row["licence"],
            credit=row["credit"],
        )


def rendered(bank: Path) -> Iterator[Entry]:
    """Made-up people."""
    for colour in sorted((bank / "rendered").glob("*.fg.png")):
        name = colour.name.partition(".")[0]
        alpha = colour.with_name(f"{name}.alpha.png")
        if alpha.exists():
            yield Entry(
                name, str(colour), str(alpha), str(colour), "", "rendered", "clean", 1.0, "A", "CC0", ""
            )


def own(bank: Path) -> Iterator[Entry]:
    """Photographs with a matte by its own weights: headshots, others once looked at or mended."""
    table = bank / "clean2" / "own" / "own.csv"
    taken = set(TAKEN.read_text(encoding="utf-8").split("\n"))
    mended = read_corrections(CORRECTIONS)
    low, high = OWN_COVERAGE
    for row in read_rows(table) if table.exists() else ():
        said = {key: row[key] for key in ("name", "image", "alpha", "trust", "tier", "stated", "credit")}
        if row["name"] in mended:
            said |= mend(bank, row["name"], mended[row["name"]])
            yield Entry(**said, fg="", source="mended", licence="clean", weight=1.0)
            continue
        agrees = float(row["agreed"]) >= AGREED and low < float(row["covered"]) < high
        if agrees if row["source"] == "civil" else row["name"] in taken:
            yield Entry(**said, fg="", source=row["source"], licence="clean", weight=OWN_WEIGHT)


def mend(bank: Path, name: str, outlines: Sequence[tuple[str, Outline]]) -> dict[str, str]:
    """Write what `corrected` makes of an own matte; where alpha and trust lie."""
    folder = bank / "clean2" / "mended"
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    found = corrected(*read_own(bank / "clean2" / "own", name), outlines)
    for kind, values in zip(("alpha", "trust"), found, strict=True):
        path = folder / f"{name}.{kind}.png"
        write_picture(to_bytes(values, 255), path)
        written[kind] = str(path)
    return written


def write_table(columns: list[str], rows: list[dict[str, object]], path: Path) -> None:
    """A CSV file, under its name only once it is whole."""
    partial = path.with_suffix(".part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    args = parser.parse_args(arguments)
    entries = [*studio(args.data, args.bank), *outlined(args.data, args.bank)]
    entries += [*rendered(args.bank), *own(args.bank), *stranded(args.bank)]
    write_table(
        [f.name for f in fields(Entry)], [asdict(entry) for entry in entries], args.bank / "clean2.csv"
    )
    held = set(held_out("background"))
    places = [
        {"name": name_of(r["image"]), "image": args.data / r["image"], "source": "hdri", "licence": "clean"}
        for r in read_table(args.data / "backgrounds.csv")
        if r["source"] == "hdri" and name_of(r["image"]) not in held
    ]
    write_table(list(places[0]), places, args.bank / "clean2_backgrounds.csv")
    for source in sorted({entry.source for entry in entries}):
        print(source, sum(entry.source == source for entry in entries))
    print("places", len(places))


if __name__ == "__main__":
    main()
