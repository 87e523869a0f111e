"""What is held out by group: whole sequences, look-alike clusters, sources of backgrounds, and light probes.

``holdout.csv`` lists the groups; whatever it does not name is for training. Pictures of one group are alike
(frames of a shot, one photographer's series, views of one panorama), so a split by picture would flatter.
``split.csv`` holds out people and the first backgrounds by name and stays as it is, since published sets are
made from it. Every reader of ``action.csv`` and of the tables in ``free/`` asks `trains_on`.

Run from the repository's root: ``python -m models.evaluation.holdout --data DATA`` writes the list (and
refuses to write it twice), with ``--check`` it is compared with what the rule yields.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.evaluation.split import every_kth
from models.evaluation.written_once import command, read_rows

HOLDOUT_FILE = Path(__file__).with_name("holdout.csv")

#: Sequences with masks: a jump before painted walls, a skater before a crowd, a walk through leaves.
SEQUENCES_HELD_OUT = ("davis:hockey", "davis:lucia", "davis:rollerblade")

#: Share of the groups of photographs with a mask that is held out, of each source by itself.
SHARE_HELD_OUT = 0.12
PHOTOGRAPHS = {"supervisely": "sup:", "coco": "coco"}

#: Whole sources of ``free/``: town, rooms, nature, things; tier A (four) and tier B (the others).
SOURCES_HELD_OUT = (
    "BuddiesOfBudgie/budgie-backgrounds",
    "Debian lomiri-wallpapers-16.04 20.04.0-2",
    "WordPress/twentytwentyfour",
    "immich-app/test-assets",
    "IBM/MAX-Fast-Neural-Style-Transfer",
    "IBM/MAX-Human-Pose-Estimator",
    "IBM/MAX-Image-Caption-Generator",
    "IBM/MAX-Image-Colorizer",
    "IBM/MAX-Image-Resolution-Enhancer",
    "IBM/MAX-Inception-ResNet-v2",
    "IBM/MAX-Object-Detector",
    "IBM/MAX-ResNet-50",
    "IBM/MAX-Scene-Classifier",
    "Kodak PhotoCD (imazen/codec-corpus",
    "nextcloud/example-files",
    "pop-os/wallpapers",
)

#: Light probes of ``split.HDRI_HELD_OUT`` under the names that ``free/`` knows them by.
PROBES_HELD_OUT = (
    "aerodynamics_workshop",
    "forest_slope",
    "potsdamer_platz",
    "rooitou_park",
    "st_fagans_interior",
)


@dataclass(frozen=True)
class Group:
    """One held-out group: ``kind`` is ``action`` (a split_group), ``source`` or ``probe`` (of ``free/``)."""

    kind: str
    name: str


def source_of(row: Mapping[str, str]) -> str:
    """The source of a row of ``free/``, without the commit that it was taken from."""
    return row["source"].partition("@")[0]


def coco_group(row: Mapping[str, str]) -> str | None:
    """The ``split_group`` that a COCO picture has in ``action.csv``; None for a row of another source."""
    number = re.search(r"(\d{12})\.jpg$", row["origin"])
    return f"coco{number[1]}" if row["source"].startswith("COCO") and number else None


def trains_on(row: Mapping[str, str]) -> bool:
    """Whether training may use a row of ``action.csv`` or of ``free/``'s tables."""
    held = _held()
    if "split_group" in row:
        return Group("action", row["split_group"]) not in held
    group = coco_group(row)
    return (
        Group("source", source_of(row)) not in held
        and Group("probe", row["origin"]) not in held
        and (group is None or Group("action", group) not in held)
    )


def held_out_groups(kind: str, path: Path = HOLDOUT_FILE) -> list[str]:
    """The held-out names of one kind."""
    return [group.name for group in read_holdout(path) if group.kind == kind]


def make_holdout(data: Path) -> list[Group]:
    """Apply the rule to the data folder's table of people in action."""
    with (data / "action.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    groups = defaultdict(list)
    for row in rows:
        groups[row["split_group"]].append(row)
    held = [Group("action", name) for name in SEQUENCES_HELD_OUT if name in groups]
    for prefix in PHOTOGRAPHS.values():
        names = [name for name in groups if name.startswith(prefix)]
        # A mask that leaves people out is no truth, and a large cluster is worth more as training.
        whole = [n for n in names if all(r["mask"] and r["partial"] == "no" for r in groups[n])]
        small = [n for n in whole if len(groups[n]) <= 3]
        held += [Group("action", name) for name in every_kth(small, round(SHARE_HELD_OUT * len(names)))]
    held += [Group("source", name) for name in SOURCES_HELD_OUT]
    held += [Group("probe", name) for name in PROBES_HELD_OUT]
    return sorted(held, key=lambda group: (group.kind, group.name))


def read_holdout(path: Path = HOLDOUT_FILE) -> list[Group]:
    """Read the committed list."""
    return read_rows(path, Group)


@cache
def _held() -> frozenset[Group]:
    return frozenset(read_holdout())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the list, or compare the committed one with the rule."""
    return command(__doc__, "hold-out", Group, make_holdout, HOLDOUT_FILE, arguments)


if __name__ == "__main__":
    sys.exit(main())
