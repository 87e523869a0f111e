"""Make the validation sets, or check those that are there against ``truth.sha256``.

``python -m models.evaluation.make_sets --data DATA --solved FOLDER --output FOLDER`` writes one folder a set
with ``NAME.png`` and ``NAME.alpha.png``, where they are known ``NAME.fg.png`` and ``NAME.bg.png``, and one
folder a shot where a set is of shots. ``--check`` compares pixels with the committed hashes,
``--write-hashes`` commits to them. The folder of ``--solved`` holds what
``models.training.data.solve_studio`` wrote, that of ``--solved-encoded`` the same with ``--light encoded``.

Composed sets are in two versions. Those whose names end in ``-linear`` are mixed in linear light, as cameras
and comps mix, before backgrounds of sources that no training saw: they count. The others are mixed in
encoded values, as the literature does, and have been the same pixels since the first weights.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from models.evaluation import clips, composite, footage, strands
from models.evaluation.composite import Composite
from models.evaluation.sources import Sources, read_sitter, seeded
from models.evaluation.split import held_out
from models.mixing import Light
from numpy.typing import NDArray
from PIL import Image

__all__ = ["HASHES", "MAKERS", "Sources", "check", "hash_sets", "read_hashes", "read_sitter", "write_set"]

HASHES = Path(__file__).with_name("truth.sha256")

#: Frames of the studio set, width × height.
FRAMES = ((900, 900), (900, 720), (720, 900))

#: Shares of the frame's height that a person takes in ``scale``, and the frame's side in px.
SCALES = (0.10, 0.20, 0.35, 0.50, 0.75, 1.00, 1.50)
SCALE_FRAME = 900
#: The same of ``large-linear``, in a frame of 4096 px.
LARGE_SHARES = (0.20, 0.35)
#: Sitters of ``scale``: every third neutral portrait that is cut off by no side of its own picture.
SCALE_SITTERS = ("038", "044", "092", "105", "120", "136")

Bytes = NDArray[np.uint8]
Entry = tuple[str, Composite]


def pixel_hash(pixels: Bytes) -> str:
    """Return SHA-256 over shape and pixels, which outlasts another version of zlib."""
    header = "x".join(map(str, pixels.shape)).encode()
    return hashlib.sha256(header + b"\0" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def make_studio(sources: Sources, light: Light) -> Iterator[Entry]:
    """Busts before held-out backgrounds, long side 900 px."""
    for number, name in enumerate(sources.sitters):
        rng = seeded("studio", name)
        width, height = FRAMES[number % len(FRAMES)]
        alpha, colour = composite.place(sources.sitter(name, light), width, height, rng)
        behind = composite.background(sources.background(number, light), width, height, rng, light)
        yield name, composite.composite(alpha, colour, behind, rng, light)


def make_faces(sources: Sources, light: Light) -> Iterator[Entry]:
    """Heads that fill the frame, 512 to 700 px, before other backgrounds than in ``studio``."""
    for number, name in enumerate(sources.sitters):
        rng = seeded("faces", name)
        size = int(rng.integers(512, 701))
        alpha, colour = composite.place_head(sources.sitter(name, light), size, rng)
        scene = sources.background(number + len(sources.sitters), light)
        behind = composite.background(scene, size, size, rng, light)
        yield name, composite.composite(alpha, colour, behind, rng, light)


def make_street(sources: Sources) -> Iterator[Entry]:
    """Photographs as they are, with the person's mask drawn by hand: 0 or 255, nothing between."""
    for name in held_out("portrait", "ccp"):
        row = sources.images[name]
        with Image.open(sources.data / row["image"]) as picture:
            plate = np.asarray(picture.convert("RGB"))
        with Image.open(sources.data / row["mask"]) as mask:
            truth = np.where(np.asarray(mask.convert("L")) > 127, 255, 0).astype(np.uint8)
        if truth.shape != plate.shape[:2]:
            raise ValueError(f"{name}: the mask's size {truth.shape} is not the picture's {plate.shape[:2]}")
        yield name, Composite(plate, truth)


def make_hair(sources: Sources, light: Light) -> Iterator[Entry]:
    """Drawn strands with exact alpha around solved silhouettes, each at 4096, 2048 and 1024 px."""
    for number, name in enumerate(n for n in sources.sitters if strands.chosen(n)):
        rng = seeded("hair4k", name)
        alpha, colour = strands.add_strands(sources.sitter(name, light), strands.LARGEST, rng, light)
        scene = sources.background(7 * number + 3, light)
        behind = composite.background(scene, strands.LARGEST, strands.LARGEST, rng, light)
        for size in strands.SIZES:
            a, f, b = (strands.shrink(plane, size) for plane in (alpha, colour, behind))
            grain = seeded("grain", f"{name}-{size}")
            yield f"{name}-{size}", composite.composite(a, f, b, grain, light)


def make_scale(sources: Sources, light: Light) -> Iterator[Entry]:
    """Each of a few sitters from a tenth to one and a half of the frame's height, before one background."""
    for number, sitter in enumerate(SCALE_SITTERS):
        name = f"london-neutral-{sitter}"
        whole = sources.sitter(name, light)
        scene = sources.background(5 * number + 2, light)
        behind = composite.background(scene, SCALE_FRAME, SCALE_FRAME, seeded("scale", name), light)
        for share in SCALES:
            item = f"{name}-{100 * share:03.0f}"
            rng = seeded("scale", item)
            alpha, colour = composite.place_at_scale(whole, SCALE_FRAME, SCALE_FRAME, share, rng)
            yield item, composite.composite(alpha, colour, behind, rng, light)


def make_large(sources: Sources, light: Light) -> Iterator[Entry]:
    """Busts as large as their own pictures, and people who are small in a frame of 4096 px."""
    neutral = [name for name in sources.sitters if "neutral" in name]
    for number, name in enumerate(neutral[::2]):
        rng = seeded("large", name)
        side = min(sources.sitter(name, light).alpha.shape)
        alpha, colour = composite.place(sources.sitter(name, light), side, side, rng)
        behind = composite.background(sources.background(3 * number + 1, light), side, side, rng, light)
        yield f"{name}-own", composite.composite(alpha, colour, behind, rng, light)
    for number, sitter in enumerate(SCALE_SITTERS[::2]):
        name = f"london-neutral-{sitter}"
        scene = sources.background(5 * number + 2, light)
        rng = seeded("large", f"{name}-behind")
        behind = composite.background(scene, strands.LARGEST, strands.LARGEST, rng, light)
        for share in LARGE_SHARES:
            item = f"{name}-{100 * share:03.0f}"
            rng = seeded("large", item)
            whole = sources.sitter(name, light)
            alpha, colour = composite.place_at_scale(whole, strands.LARGEST, strands.LARGEST, share, rng)
            yield item, composite.composite(alpha, colour, behind, rng, light)


_COMPOSED = {"studio": make_studio, "faces": make_faces, "hair4k": make_hair, "scale": make_scale}

MAKERS: dict[str, Callable[[Sources], Iterator[Entry]]] = {
    **{name: partial(make, light="encoded") for name, make in _COMPOSED.items()},
    **{f"{name}-linear": partial(make, light="linear") for name, make in _COMPOSED.items()},
    "large-linear": partial(make_large, light="linear"),
    "street": make_street,
    "footage": footage.make_footage,
    "action": footage.make_action,
    "empty": footage.make_empty,
    "clips": clips.make_clips,
}


def light_of(name: str) -> Light | None:
    """What a set's plates are mixed in; None for photographs."""
    if name.removesuffix("-linear") in _COMPOSED:
        return "linear" if name.endswith("-linear") else "encoded"
    return "linear" if name in ("clips", "large-linear") else None


#: Suffix of a picture's file → the part of a `Composite` that it holds.
LAYERS = {"": "plate", ".alpha": "truth", ".fg": "front", ".bg": "back"}


def write_set(name: str, sources: Sources, output: Path) -> None:
    """Make one set and write it."""
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    for stem, made in MAKERS[name](sources):
        write_entry(folder, stem, made)


def write_entry(folder: Path, stem: str, made: Composite) -> None:
    """Write one plate with what is known of it; a stem with a slash lies in a folder of its shot."""
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    for suffix, layer in LAYERS.items():
        pixels: Bytes | None = getattr(made, layer)
        if pixels is not None:
            Image.fromarray(pixels).save(folder / f"{stem}{suffix}.png", compress_level=3)


def hash_sets(output: Path, sets: Sequence[str]) -> dict[str, str]:
    """Return the pixel hash of every picture by its path below ``output``; of a shot one over its frames."""
    hashes = {}
    for name in sets:
        for path in sorted((output / name).glob("*.png")):
            hashes[f"{name}/{path.name}"] = _hash_of(path)
        for shot in sorted(path for path in (output / name).glob("*") if path.is_dir()):
            frames = [f"{path.name} {_hash_of(path)}\n" for path in sorted(shot.glob("*.png"))]
            hashes[f"{name}/{shot.name}"] = hashlib.sha256("".join(frames).encode()).hexdigest()
    return hashes


def _hash_of(path: Path) -> str:
    with Image.open(path) as picture:
        return pixel_hash(np.asarray(picture))


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
    parser.add_argument("--solved", type=Path, help="folder of the portraits solved in linear light")
    parser.add_argument(
        "--solved-encoded", type=Path, help="folder of the portraits solved in encoded values"
    )
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
    if not options.data:
        parser.error("making sets needs --data, and composed ones --solved or --solved-encoded")
    sources = Sources(options.data, options.solved, options.solved_encoded)
    for name in sets:
        write_set(name, sources, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
