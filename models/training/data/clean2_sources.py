"""Every picture that `clean-2` learned from, with its licence and credit: what a studio's counsel asks for.

``python -m models.training.data.clean2_sources --data DATA --bank BANK`` writes
``models/cards/clean.sources.csv``, which goes with the card: people by
`clean2_index`'s table, and the places and things that its recipe draws besides. People drawn by code are
one line, and so are things. What the list has already stays in it: weights begin with earlier ones, whose
pictures these learned from too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from models.evaluation.holdout import trains_on
from models.evaluation.sources import read_rows
from models.evaluation.split import name_of
from models.training.data.clean2_index import write_table

CARD = Path(__file__).parents[2] / "cards" / "clean.sources.csv"
DRAWN = "drawn by models/training/data/render_people.py: anny's bodies (Apache-2.0), its data CC0"
MADE = "drawn by models/training/data/render_things.py, printed with the places and lit by the panoramas"
PANORAMAS = "pmndrs/assets: panoramas of Poly Haven"


@dataclass(frozen=True)
class Source:
    """One line.

    Attributes
    ----------
    kind : person, place or thing.
    tier : A where whoever holds the rights states the licence, B where it is stated at second hand.
    """

    kind: str
    name: str
    licence: str
    tier: str
    credit: str
    origin: str


def sources(data: Path, bank: Path) -> Iterator[Source]:
    """All of them."""
    people = read_rows(bank / "clean2.csv")
    for row in people:
        if row["source"] not in ("rendered", "strands"):  # of the latter the portraits are listed
            yield Source("person", row["name"], row["stated"], row["tier"], row["credit"], row["source"])
    drawn = sum(row["source"] == "rendered" for row in people)
    if drawn:
        yield Source("person", f"{drawn} drawn people", "CC0", "A", "", DRAWN)
    for row in read_rows(bank / "clean2_backgrounds.csv"):
        yield Source("place", row["name"], "CC0", "A", "", PANORAMAS)
    for kind, table in (("place", "backgrounds"), ("thing", "things")):
        for row in read_rows(data / "free" / f"{table}.csv"):
            if trains_on(row):
                words = (row["licence"], row["tier"], row["credit"], row["source"])
                yield Source(kind, name_of(row["file"]), *words)
    made = len(list((bank / "things").glob("*.png")))
    if made:
        yield Source("thing", f"{made} drawn things", "CC0", "A", "", MADE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table, and say how many lines of each kind and tier it has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=CARD)
    asked = parser.parse_args(arguments)
    found = list(sources(asked.data, asked.bank))
    known = {(source.kind, source.name) for source in found}
    earlier = [Source(**row) for row in read_rows(asked.out)] if asked.out.is_file() else []
    found += (source for source in earlier if (source.kind, source.name) not in known)
    write_table([field.name for field in fields(Source)], [asdict(source) for source in found], asked.out)
    for kind in ("person", "place", "thing"):
        tiers = [source.tier for source in found if source.kind == kind]
        print(kind, len(tiers), {tier: tiers.count(tier) for tier in sorted(set(tiers))})


if __name__ == "__main__":
    main()
