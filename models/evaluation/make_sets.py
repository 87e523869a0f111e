"""Make the validation sets, or check those that are there against ``truth.sha256``.

``python -m models.evaluation.make_sets --data DATA --solved FOLDER --output FOLDER`` writes one folder a set
with ``NAME.png`` and ``NAME.alpha.png``. ``--check`` compares pixels with the committed hashes,
``--write-hashes`` commits to them. The folder of ``--solved`` holds what
``models.training.data.solve_studio`` wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from models.evaluation import composite, strands
from models.evaluation.composite import Sitter
from models.evaluation.split import held_out, name_of, read_table
from numpy.typing import NDArray
from PIL import Image

HASHES = Path(__file__).with_name("truth.sha256")

#: Frames of the studio set, width × height.
FRAMES = ((900, 900), (900, 720), (720, 900))

#: Shares of the frame's height that a person takes in ``scale``, and the frame's side in px.
SCALES = (0.10, 0.20, 0.35, 0.50, 0.75, 1.00, 1.50)
SCALE_FRAME = 900
#: Sitters of ``scale``: every third neutral portrait that is cut off by no side of its own picture.
SCALE_SITTERS = ("038", "044", "092", "105", "120", "136")

Bytes = NDArray[np.uint8]
Pair = tuple[str, Bytes, Bytes]


def pixel_hash(pixels: Bytes) -> str:
    """Return SHA-256 over shape and pixels, which outlasts another version of zlib."""
    header = "x".join(map(str, pixels.shape)).encode()
    return hashlib.sha256(header + b"\0" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def seeded(set_name: str, name: str) -> np.random.Generator:
    """Return a generator of an item's own, so that no item depends on which others are made."""
    digest = hashlib.sha256(f"{set_name}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def read_sitter(solved: Path, name: str) -> Sitter:
    """Read a solved studio portrait."""
    with Image.open(solved / f"{name}.alpha.png") as alpha, Image.open(solved / f"{name}.fg.png") as colour:
        coverage = np.asarray(alpha, np.float32) / np.float32(255)
        return Sitter(np.asarray(coverage, np.float32), np.asarray(colour, np.float32))


class Sources:
    """What the sets are made from: held-out names and where their pictures lie."""

    def __init__(self, data: Path, solved: Path) -> None:
        self.data, self.solved = data, solved
        self.sitters = held_out("portrait", "london")
        self.images = {name_of(r["image"]): r for r in read_table(data / "portraits.csv")}
        self.places = {name_of(r["image"]): data / r["image"] for r in read_table(data / "backgrounds.csv")}
        backgrounds = sorted(held_out("background"))
        order = seeded("backgrounds", "order").permutation(len(backgrounds))
        self.backgrounds = [backgrounds[i] for i in order]

    def background(self, number: int) -> Image.Image:
        """Open the held-out background of this number, counted round and round."""
        with Image.open(self.places[self.backgrounds[number % len(self.backgrounds)]]) as picture:
            return picture.convert("RGB")


def make_studio(sources: Sources) -> Iterator[Pair]:
    """Busts before held-out backgrounds, long side 900 px."""
    for number, name in enumerate(sources.sitters):
        rng = seeded("studio", name)
        width, height = FRAMES[number % len(FRAMES)]
        alpha, colour = composite.place(read_sitter(sources.solved, name), width, height, rng)
        behind = composite.background(sources.background(number), width, height, rng)
        yield name, *composite.composite(alpha, colour, behind, rng)


def make_faces(sources: Sources) -> Iterator[Pair]:
    """Heads that fill the frame, 512 to 700 px, before other backgrounds than in ``studio``."""
    for number, name in enumerate(sources.sitters):
        rng = seeded("faces", name)
        size = int(rng.integers(512, 701))
        alpha, colour = composite.place_head(read_sitter(sources.solved, name), size, rng)
        behind = composite.background(sources.background(number + len(sources.sitters)), size, size, rng)
        yield name, *composite.composite(alpha, colour, behind, rng)


def make_street(sources: Sources) -> Iterator[Pair]:
    """Photographs as they are, with the person's mask drawn by hand: 0 or 255, nothing between."""
    for name in held_out("portrait", "ccp"):
        row = sources.images[name]
        with Image.open(sources.data / row["image"]) as picture:
            plate = np.asarray(picture.convert("RGB"))
        with Image.open(sources.data / row["mask"]) as mask:
            truth = np.where(np.asarray(mask.convert("L")) > 127, 255, 0).astype(np.uint8)
        if truth.shape != plate.shape[:2]:
            raise ValueError(f"{name}: the mask's size {truth.shape} is not the picture's {plate.shape[:2]}")
        yield name, plate, truth


def make_hair(sources: Sources) -> Iterator[Pair]:
    """Drawn strands with exact alpha around solved silhouettes, each at 4096, 2048 and 1024 px."""
    for number, name in enumerate(n for n in sources.sitters if strands.chosen(n)):
        rng = seeded("hair4k", name)
        sitter = read_sitter(sources.solved, name)
        alpha, colour = strands.add_strands(sitter, strands.LARGEST, rng)
        scene = sources.background(7 * number + 3)
        behind = composite.background(scene, strands.LARGEST, strands.LARGEST, rng)
        for size in strands.SIZES:
            a, f, b = (strands.shrink(plane, size) for plane in (alpha, colour, behind))
            yield f"{name}-{size}", *composite.composite(a, f, b, seeded("grain", f"{name}-{size}"))


def make_scale(sources: Sources) -> Iterator[Pair]:
    """Each of a few sitters from a tenth to one and a half of the frame's height, before one background."""
    for number, sitter in enumerate(SCALE_SITTERS):
        name = f"london-neutral-{sitter}"
        whole = read_sitter(sources.solved, name)
        scene = sources.background(5 * number + 2)
        behind = composite.background(scene, SCALE_FRAME, SCALE_FRAME, seeded("scale", name))
        for share in SCALES:
            item = f"{name}-{100 * share:03.0f}"
            rng = seeded("scale", item)
            alpha, colour = composite.place_at_scale(whole, SCALE_FRAME, SCALE_FRAME, share, rng)
            yield item, *composite.composite(alpha, colour, behind, rng)


MAKERS: dict[str, Callable[[Sources], Iterator[Pair]]] = {
    "studio": make_studio,
    "faces": make_faces,
    "street": make_street,
    "hair4k": make_hair,
    "scale": make_scale,
}


def write_set(name: str, sources: Sources, output: Path) -> None:
    """Make one set and write it."""
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    for stem, plate, truth in MAKERS[name](sources):
        Image.fromarray(plate).save(folder / f"{stem}.png", compress_level=3)
        Image.fromarray(truth).save(folder / f"{stem}.alpha.png", compress_level=3)


def hash_sets(output: Path, sets: Sequence[str]) -> dict[str, str]:
    """Return the pixel hash of every picture, by its path below ``output``."""
    hashes = {}
    for name in sets:
        for path in sorted((output / name).glob("*.png")):
            with Image.open(path) as picture:
                hashes[f"{name}/{path.name}"] = pixel_hash(np.asarray(picture))
    return hashes


def read_hashes(path: Path = HASHES) -> dict[str, str]:
    """Read the committed hashes."""
    pairs = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}


def check(found: dict[str, str], wanted: dict[str, str], sets: Sequence[str]) -> list[str]:
    """Return one line for each picture that is missing, too many, or not the one committed."""
    wanted = {name: digest for name, digest in wanted.items() if name.split("/")[0] in sets}
    faults = [f"missing: {name}" for name in sorted(wanted.keys() - found.keys())]
    faults += [f"not listed: {name}" for name in sorted(found.keys() - wanted.keys())]
    faults += [f"differs: {name}" for name in sorted(wanted) if found.get(name, wanted[name]) != wanted[name]]
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Make sets, hash them, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--data", type=Path, help="folder with the tables and pictures")
    parser.add_argument("--solved", type=Path, help="folder of the solved studio portraits")
    parser.add_argument("--sets", default=",".join(MAKERS), help="comma-separated")
    parser.add_argument("--hashes", type=Path, default=HASHES)
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--check", action="store_true", help="compare what is there with the hashes")
    task.add_argument("--write-hashes", action="store_true", help="hash what is there")
    options = parser.parse_args(arguments)
    sets = options.sets.split(",")
    if unknown := set(sets) - MAKERS.keys():
        parser.error(f"no such set: {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    if options.check:
        faults = check(hash_sets(options.output, sets), read_hashes(options.hashes), sets)
        print("\n".join(faults) or "every picture is the one committed")
        return 1 if faults else 0
    if options.write_hashes:
        kept = read_hashes(options.hashes) if options.hashes.exists() else {}
        kept = {name: digest for name, digest in kept.items() if name.split("/")[0] not in sets}
        lines = sorted((name, digest) for name, digest in (kept | hash_sets(options.output, sets)).items())
        text = "".join(f"{digest}  {name}\n" for name, digest in lines)
        options.hashes.write_text(text, encoding="utf-8")
        return 0
    if not (options.data and options.solved):
        parser.error("making sets needs --data and --solved")
    sources = Sources(options.data, options.solved)
    for name in sets:
        write_set(name, sources, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
