"""Real pictures as they were taken: sequences and photographs of people in action, and plates with nobody.

Masks are drawn by hand, of people only, and know nothing of hair or blur: read IoU, and errors away from the
edge. Sequences are every fifth frame of the original, so nothing here is a measure of steadiness from frame
to frame of a film; a net with memory sees larger leaps than it was made for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from models.evaluation.composite import Composite
from models.evaluation.sources import Sources, read_mask, read_picture
from models.evaluation.split import every_kth, held_out, name_of

#: Plates with nobody: sources held out as a whole, all ``bsds`` held out, and so many views of probes.
EMPTY_PROBES = 8


def make_footage(sources: Sources) -> Iterator[tuple[str, Composite]]:
    """The held-out sequences, each a folder of its frames."""
    for row in sources.action():
        if row["split_group"].startswith("davis:"):
            sequence = row["split_group"].removeprefix("davis:")
            frame = name_of(row["image"]).rpartition("_")[2]
            yield f"{sequence}/{frame}", _masked(sources.data, row)


def make_action(sources: Sources) -> Iterator[tuple[str, Composite]]:
    """The held-out photographs of people in action."""
    for row in sources.action():
        if not row["split_group"].startswith("davis:"):
            yield name_of(row["image"]), _masked(sources.data, row)


def make_empty(sources: Sources) -> Iterator[tuple[str, Composite]]:
    """Plates with nobody; the truth is 0 everywhere, so MAD is the mean alpha."""
    kept = [*held_out("background", "bsds"), *every_kth(held_out("background", "hdri"), EMPTY_PROBES)]
    places = sources.unseen | {name: sources.first[name] for name in kept}
    for name, place in sorted(places.items()):
        plate = np.asarray(read_picture(place))
        yield name, Composite(plate, np.zeros(plate.shape[:2], np.uint8))


def _masked(data: Path, row: dict[str, str]) -> Composite:
    plate = np.asarray(read_picture(data / row["image"]))
    mask = read_mask(data / row["mask"])
    if mask.shape != plate.shape[:2]:
        raise ValueError(
            f"{row['image']}: the mask's size {mask.shape} is not the picture's {plate.shape[:2]}"
        )
    return Composite(plate, (255 * mask).astype(np.uint8))
